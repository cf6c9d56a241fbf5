"""Relocation: one program, its inverse, its refusals, and the same bytes as the linker LLD."""

from __future__ import annotations

import importlib.util
import random
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csl_native.architectures import Architecture, architectures, by_name
from csl_native.native.elf import Relocator, type_number
from csl_native.relocation.kinds import LOW12, NEGATED, PAGE, ROUNDED_PAGE, ROUNDINGS, S_PLUS_A_MINUS_P, Kind

ROWS = [(a, kind) for a in architectures() for kind in a.kinds]


def kept_bits(kind: Kind) -> int:
    """How far up the fields of a kind keep the result."""
    return max((source & 63) + width for _, source, width in kind.fields)


def low_bits(kind: Kind) -> int:
    return min(source & 63 for _, source, _ in kind.fields)


@pytest.mark.parametrize("architecture,kind", ROWS, ids=[f"{a.name}-{k.name}" for a, k in ROWS])
def test_read_is_the_inverse_of_put(architecture: Architecture, kind: Kind) -> None:
    relocator = Relocator(bytearray(32), architecture.kinds)

    @settings(max_examples=60, deadline=None)
    @given(st.integers(max(kind.lo, -(1 << 62)), min(kind.hi, 1 << 62) - 1), st.binary(min_size=32, max_size=32))
    def check(value: int, noise: bytes) -> None:
        value &= -kind.align
        if value < kind.lo:
            return
        relocator.buffer[:32] = noise
        place = 8
        # P is 0 at the buffer's start, so that S alone decides the result of every formula but the page one.
        s = value + place if kind.formula == S_PLUS_A_MINUS_P else value & 0xFFF if kind.formula == LOW12 else value
        if kind.formula in (PAGE, ROUNDED_PAGE):
            s = value & -4096
        if kind.formula == NEGATED:
            s = -value
        relocator.put(kind, place, s, 0)
        bits = kept_bits(kind)
        expected = {PAGE: value & -4096, ROUNDED_PAGE: value & -4096, LOW12: value & 0xFFF}.get(kind.formula, value)
        if len(kind.fields) == 1:
            # what is kept is the rounded upper part
            expected += max(ROUNDINGS[source >> 6] for _, source, _ in kind.fields)
        mask = (1 << bits) - (1 << low_bits(kind))
        assert relocator.read(kind, place) & mask == expected & mask
        once = bytes(relocator.buffer[:32])
        relocator.put(kind, place, s, 0)
        assert bytes(relocator.buffer[:32]) == once, "relocating twice is the same as once"
        fields = sum(((1 << width) - 1) << at for at, _, width in kind.fields)
        before = int.from_bytes(noise[place:place + kind.size], "little") & ~fields
        after = int.from_bytes(once[place:place + kind.size], "little") & ~fields
        assert (before == after and noise[:place] == once[:place]
                and noise[place + kind.size:] == once[place + kind.size:])
    check()


@pytest.mark.parametrize("architecture,kind", [(a, k) for a, k in ROWS if k.hi < 1 << 63], ids=[
    f"{a.name}-{k.name}" for a, k in ROWS if k.hi < 1 << 63])
def test_overflow_is_refused_and_changes_nothing(architecture: Architecture, kind: Kind) -> None:
    relocator = Relocator(bytearray(range(32)), architecture.kinds)
    for value in (kind.hi, kind.hi + 4096, kind.lo - 4096):
        if kind.lo <= value < kind.hi:
            continue
        s = value + (8 if kind.formula == S_PLUS_A_MINUS_P else 0)
        with pytest.raises(ValueError, match="is not in"):
            relocator.put(kind, 8, s, 0)
        assert bytes(relocator.buffer[:32]) == bytes(range(32))
    if kind.align > 1:
        with pytest.raises(ValueError, match="no multiple"):
            relocator.put(kind, 8, 9, 0)


# -- LLD as the oracle -------------------------------------------------------------------

LLD = importlib.util.find_spec("ziglang") is not None
X86 = ["call {s}@PLT", "jmp {s}", ".quad {s}+{a}", ".quad {s}+{a}-.", ".long {s}+{a}", ".long {s}+{a}-.",
       "movl ${s}+{a}, %eax", "movq ${s}+{a}, %rbx", "leaq {s}+{a}(%rip), %rcx", "movq {s}@GOTPCREL(%rip), %rax",
       "callq *{s}@GOTPCREL(%rip)", "addl {s}@GOTPCREL(%rip), %eax"]
ARM = ["bl {s}", "b {s}", "adrp x3, {s}+{a}", "add x3, x3, :lo12:{s}+{a}", "ldr x4, [x3, :lo12:{s}]",
       "ldr w4, [x3, :lo12:{s}]", "ldrb w4, [x3, :lo12:{s}+{a}]", "ldrh w4, [x3, :lo12:{s}]", "ldr q0, [x3, :lo12:{s}]",
       "adr x5, {s}+{a}", ".xword {s}+{a}", ".word {s}+{a}", ".xword {s}+{a}-.", ".word {s}+{a}-.", "cbz x1, {s}",
       "movz x1, #:abs_g0_nc:{s}", "movk x1, #:abs_g1_nc:{s}", "movk x1, #:abs_g2_nc:{s}", "movk x1, #:abs_g3:{s}",
       "adrp x6, :got:{s}", "ldr x6, [x6, :got_lo12:{s}]", "ldr x7, {s}"]
RISCV = ["call {s}", ".quad {s}+{a}", ".word {s}+{a}", "lui x5, %hi({s}+{a})", "addi x5, x5, %lo({s}+{a})",
         "sw x6, %lo({s})(x5)", "la x7, {s}", "lla x7, {s}+{a}", "ld x8, {s}", "sd x8, {s}, x9", "beq x5, x6, near_{n}",
         "jal x1, near_{n}", "bgeu x5, x6, near_{n}"]
LOONG = ["bl %b26({s})", "b %b26({s})", ".quad {s}+{a}", ".word {s}+{a}", "pcalau12i $a0, %pc_hi20({s}+{a})",
         "addi.d $a0, $a0, %pc_lo12({s}+{a})", "ld.d $a1, $a0, %pc_lo12({s})", "pcalau12i $a2, %got_pc_hi20({s})",
         "ld.d $a2, $a2, %got_pc_lo12({s})", "lu12i.w $a3, %abs_hi20({s}+{a})", "ori $a3, $a3, %abs_lo12({s}+{a})",
         "lu32i.d $a3, %abs64_lo20({s})", "lu52i.d $a3, $a3, %abs64_hi12({s})", "beq $a0, $a1, %b16(near_{n})",
         "beqz $a0, %b21(near_{n})"]
PPC = ["bl {s}", "b {s}", ".quad {s}+{a}", ".long {s}+{a}", ".long {s}+{a}-.", ".quad {s}+{a}-.", "lis 4, {s}@ha",
       "addi 4, 4, {s}@l", "ori 4, 4, {s}@h", "ld 5, {s}@l(4)", "lis 6, {s}@highest", "ori 6, 6, {s}@higher",
       "lis 6, {s}@highesta", "ori 6, 6, {s}@highera", "addis 3, 2, near_{n}@toc@ha", "addi 3, 3, near_{n}@toc@l",
       "ld 3, near_{n}@toc@l(3)", "addis 7, 12, .TOC.-near_{n}@ha", "addi 7, 7, .TOC.-near_{n}@l", "beq 0, near_{n}",
       "addis 8, 2, near_{n}@toc@h"]
S390 = ["brasl %r14, {s}@PLT", "jg {s}", "larl %r1, {s}+{b}", "lgrl %r2, {s}", "lgrl %r3, {s}@GOTENT", ".quad {s}+{a}",
        ".long {s}+{a}", ".quad {s}+{a}-.", ".long {s}+{a}-.", "j near_{n}", "brct %r4, near_{n}",
        "larl %r12, _GLOBAL_OFFSET_TABLE_", "brcl 8, {s}@PLT"]
ARM32 = ["bl {s}", "b {s}", "beq {s}", ".long {s}+{a}", ".long {s}+{a}-.", "movw r0, :lower16:{s}",
         "movt r0, :upper16:{s}", "movw r1, :lower16:({s}-.-8)", "movt r1, :upper16:({s}-.-8)", ".long {s}(GOT_PREL)",
         ".long {s}(PREL31)", ".long {s}(GOTOFF)", ".long {s}(GOT)", ".long {s}(TARGET1)"]
I386 = ["call {s}@PLT", "jmp {s}", ".long {s}+{a}", ".long {s}+{a}-.", "movl {s}@GOT(%ebx), %eax",
        "call *{s}@GOT(%ebx)", "leal {s}@GOTOFF+{a}(%ebx), %ecx", "movl ${s}+{a}, %eax",
        "addl $_GLOBAL_OFFSET_TABLE_, %ebx", ".byte near_{n}-near_{n}", "jne {s}"]
MIPS = [".option pic0\njal {s}\n.option pic2", "lui $4, %highest({s}+{a})", "daddiu $4, $4, %higher({s}+{a})",
        "lui $5, %hi({s}+{a})", "daddiu $5, $5, %lo({s}+{a})", "ld $6, %got_disp({s})($gp)",
        "ld $25, %call16({s})($gp)", "lui $1, %hi(%neg(%gp_rel(near_{n})))",
        "daddiu $1, $1, %lo(%neg(%gp_rel(near_{n})))", "ld $7, %got_page({s})($gp)", "daddiu $7, $7, %got_ofst({s})",
        "lui $8, %got_hi({s})", "ld $8, %got_lo({s})($8)", "lui $25, %call_hi({s})", "ld $25, %call_lo({s})($25)",
        ".8byte {s}+{a}", ".4byte {s}+{a}", ".gpdword near_{n}", "beq $4, $5, near_{n}"]
X86_LARGE = ["movabsq ${s}+{a}, %rax", "movabsq ${s}@GOT, %rbx", "movabsq $near_{n}@GOTOFF, %rcx",
             "movabsq $_GLOBAL_OFFSET_TABLE_-near_{n}, %r11", "leaq _GLOBAL_OFFSET_TABLE_(%rip), %r12",
             "movabsq ${s}@PLTOFF, %rdx"]
LOONG_MEDIUM = ["pcaddu18i $ra, %call36({s})\njirl $ra, $ra, 0"]
CASES = {"x86-64": ("x86_64-linux-none", X86 + X86_LARGE), "aarch64": ("aarch64-linux-none", ARM),
         "riscv64": ("riscv64-linux-none", RISCV), "loongarch64": ("loongarch64-linux-none", LOONG + LOONG_MEDIUM),
         "ppc64le": ("powerpc64le-linux-gnu", PPC), "s390x": ("s390x-linux-gnu", S390),
         "armv7": ("arm-linux-gnueabihf", ARM32), "i386": ("x86-linux-gnu", I386),
         "mips64": ("mips64el-linux-gnuabi64", MIPS)}
# what a source must begin with
START = {"riscv64": [".option norelax"], "armv7": [".arm"], "mips64": [".set noreorder", ".set noat", ".option pic2"]}
LINKER = {"ppc64le": ["--no-toc-optimize"]}
ANCHORS = {"x86-64": (".got.plt", 0), "ppc64le": (".got", 0x8000),
           "s390x": (".got", 0), "armv7": (".got", 0), "i386": (".got.plt", 0), "mips64": (".got", 0x7FF0)}


@pytest.mark.skipif(not LLD, reason="the oracle LLD comes with the package ziglang, which is not installed")
@pytest.mark.parametrize("name", list(CASES))
@pytest.mark.parametrize("seed", range(3))
def test_same_bytes_as_lld(name: str, seed: int, tmp_path: Path) -> None:
    from elftools.elf.elffile import ELFFile
    architecture, (target, forms), choose = by_name(name), CASES[name], random.Random(seed)
    symbols = {f"target_{k}": 0x400000 + 16 * choose.randrange(1, 0x3000) for k in range(12)}
    lines = list(START.get(name, []))
    extra = ["-mno-relax"] if name == "loongarch64" else []
    lines += [".text", ".globl _start", "_start:"]
    for k in range(1000):
        if k % 30 == 0:
            lines += [f".globl near_{k // 30}", f"near_{k // 30}:"]
        lines.append(choose.choice(forms).format(s=choose.choice(list(symbols)), a=choose.choice([0, 1, 8, 100]),
                                                 b=choose.choice([0, 8]), n=k // 30))
        if name not in ("x86-64", "i386"):
            lines.append(".p2align 2")
    (tmp_path / "x.s").write_text("\n".join(lines) + "\n")
    zig = [sys.executable, "-m", "ziglang"]
    subprocess.run([*zig, "cc", "-target", target, "-c", *extra, "x.s", "-o", "x.o"], cwd=tmp_path, check=True)
    defined = [f"--defsym={n}={v:#x}" for n, v in symbols.items()]
    options = ["-static", "--no-relax", "-e", "_start", "--image-base=0x400000", *LINKER.get(name, []), *defined,
               "-Ttext=0x401000"]
    subprocess.run([*zig, "ld.lld", *options, "x.o", "-o", "x.elf"], cwd=tmp_path, check=True)
    linked, source = ELFFile(open(tmp_path / "x.elf", "rb")), ELFFile(open(tmp_path / "x.o", "rb"))
    text, before = linked.get_section_by_name(".text"), source.get_section_by_name(".text")
    wanted, base = text.data(), text["sh_addr"]
    table = source.get_section_by_name(".symtab")
    relocator, lld = Relocator(bytearray(before.data()),
                               architecture.kinds), Relocator(bytearray(wanted), architecture.kinds)
    anchor = linked.get_section_by_name(ANCHORS[name][0])["sh_addr"] + ANCHORS[name][1] if name in ANCHORS else 0
    got, size = linked.get_section_by_name(".got"), architecture.word
    order: Literal["big", "little"] = "big" if architecture.big_endian else "little"
    cells = {int.from_bytes(got.data()[k:k + size], order): got["sh_addr"] + k
             for k in range(0, got["sh_size"], size)} if got else {}
    seen: set[str] = set()
    highs: dict[int, tuple[int, int]] = {}
    explicit = source.get_section_by_name(".rela.text")
    records = (explicit or source.get_section_by_name(".rel.text")).iter_relocations()

    def row(number: int) -> Kind:
        kind = architecture.kind(number)
        assert kind is not None, f"no row for type {number}"
        return kind
    for r in sorted((r for r in records if type_number(r) not in architecture.ignored),
                    key=lambda r: row(type_number(r)).low):
        kind, symbol, place = row(type_number(r)), table.get_symbol(r["r_info_sym"]), r["r_offset"]
        a = r["r_addend"] if explicit else relocator.addend(kind, place)
        seen.add(kind.name)
        s = anchor if symbol.name == architecture.anchor else symbols.get(symbol.name, base + symbol["st_value"])
        if kind.cell:
            s, a = (cells[s + a + 0x8000 & -0x10000 if kind.name.endswith("_PAGE") else s + a],
                    0) if kind.inner else (cells[s], a)
        highs[place] = s, a
        if kind.low:
            s, a = highs[symbol["st_value"]]
            a += place - symbol["st_value"]
        relocator.put(kind, place, s - anchor if kind.anchored else s, a, base)
        assert relocator.read(kind, place) == lld.read(kind, place), kind.name
    assert bytes(relocator.buffer[:len(wanted)]) == wanted
    assert len(seen) >= 6
