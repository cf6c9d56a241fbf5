"""Relocation: one program, its inverse, its refusals, and the same bytes as the linker LLD."""

from __future__ import annotations

import importlib.util
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csl_native.native.architectures import Architecture, architectures, by_name
from csl_native.native.elf import Relocator
from csl_native.relocation.kinds import LOW12, PAGE, ROUNDED, ROUNDED_PAGE, S_PLUS_A, S_PLUS_A_MINUS_P, Kind

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
        relocator.put(kind, place, s, 0)
        bits = kept_bits(kind)
        expected = {S_PLUS_A: value, S_PLUS_A_MINUS_P: value, PAGE: value & -4096, ROUNDED_PAGE: value & -4096, LOW12: value & 0xFFF}[kind.formula]
        if low_bits(kind) and any(source >= ROUNDED for _, source, _ in kind.fields):
            expected += 0x800  # what is kept is the rounded upper part
        mask = (1 << bits) - (1 << low_bits(kind))
        assert relocator.read(kind, place) & mask == expected & mask
        once = bytes(relocator.buffer[:32])
        relocator.put(kind, place, s, 0)
        assert bytes(relocator.buffer[:32]) == once, "relocating twice is the same as once"
        fields = sum(((1 << width) - 1) << at for at, _, width in kind.fields)
        before = int.from_bytes(noise[place:place + kind.size], "little") & ~fields
        after = int.from_bytes(once[place:place + kind.size], "little") & ~fields
        assert before == after and noise[:place] == once[:place] and noise[place + kind.size:] == once[place + kind.size:]
    check()


@pytest.mark.parametrize("architecture,kind", [(a, k) for a, k in ROWS if k.hi < 1 << 63], ids=[
    f"{a.name}-{k.name}" for a, k in ROWS if k.hi < 1 << 63])
def test_overflow_is_refused_and_changes_nothing(architecture: Architecture, kind: Kind) -> None:
    relocator = Relocator(bytearray(range(32)), architecture.kinds)
    for value in (kind.hi, kind.hi + 4096, kind.lo - 4096):
        if kind.lo <= value < kind.hi:
            continue
        s = value + (8 if kind.formula == S_PLUS_A_MINUS_P else 0)
        with pytest.raises(ValueError, match="outside of"):
            relocator.put(kind, 8, s, 0)
        assert bytes(relocator.buffer[:32]) == bytes(range(32))
    if kind.align > 1:
        with pytest.raises(ValueError, match="no multiple"):
            relocator.put(kind, 8, 9, 0)


# -- LLD as the oracle -------------------------------------------------------------------

LLD = importlib.util.find_spec("ziglang") is not None
X86 = ["call {s}@PLT", "jmp {s}", ".quad {s}+{a}", ".quad {s}+{a}-.", ".long {s}+{a}", ".long {s}+{a}-.", "movl ${s}+{a}, %eax", "movq ${s}+{a}, %rbx",
       "leaq {s}+{a}(%rip), %rcx", "movq {s}@GOTPCREL(%rip), %rax", "callq *{s}@GOTPCREL(%rip)", "addl {s}@GOTPCREL(%rip), %eax"]
ARM = ["bl {s}", "b {s}", "adrp x3, {s}+{a}", "add x3, x3, :lo12:{s}+{a}", "ldr x4, [x3, :lo12:{s}]", "ldr w4, [x3, :lo12:{s}]", "ldrb w4, [x3, :lo12:{s}+{a}]",
       "ldrh w4, [x3, :lo12:{s}]", "ldr q0, [x3, :lo12:{s}]", "adr x5, {s}+{a}", ".xword {s}+{a}", ".word {s}+{a}", ".xword {s}+{a}-.", ".word {s}+{a}-.",
       "cbz x1, {s}", "movz x1, #:abs_g0_nc:{s}", "movk x1, #:abs_g1_nc:{s}", "movk x1, #:abs_g2_nc:{s}", "movk x1, #:abs_g3:{s}",
       "adrp x6, :got:{s}", "ldr x6, [x6, :got_lo12:{s}]", "ldr x7, {s}"]
RISCV = ["call {s}", ".quad {s}+{a}", ".word {s}+{a}", "lui x5, %hi({s}+{a})", "addi x5, x5, %lo({s}+{a})", "sw x6, %lo({s})(x5)", "la x7, {s}",
         "lla x7, {s}+{a}", "ld x8, {s}", "sd x8, {s}, x9", "beq x5, x6, near_{n}", "jal x1, near_{n}", "bgeu x5, x6, near_{n}"]
LOONG = ["bl %b26({s})", "b %b26({s})", ".quad {s}+{a}", ".word {s}+{a}", "pcalau12i $a0, %pc_hi20({s}+{a})", "addi.d $a0, $a0, %pc_lo12({s}+{a})",
         "ld.d $a1, $a0, %pc_lo12({s})", "pcalau12i $a2, %got_pc_hi20({s})", "ld.d $a2, $a2, %got_pc_lo12({s})", "lu12i.w $a3, %abs_hi20({s}+{a})",
         "ori $a3, $a3, %abs_lo12({s}+{a})", "lu32i.d $a3, %abs64_lo20({s})", "lu52i.d $a3, $a3, %abs64_hi12({s})", "beq $a0, $a1, %b16(near_{n})",
         "beqz $a0, %b21(near_{n})"]
CASES = {"x86-64": ("x86_64-linux-none", X86), "aarch64": ("aarch64-linux-none", ARM),
         "riscv64": ("riscv64-linux-none", RISCV), "loongarch64": ("loongarch64-linux-none", LOONG)}


@pytest.mark.skipif(not LLD, reason="the oracle LLD comes with the package ziglang, which is not installed")
@pytest.mark.parametrize("name", list(CASES))
@pytest.mark.parametrize("seed", range(3))
def test_same_bytes_as_lld(name: str, seed: int, tmp_path: Path) -> None:
    from elftools.elf.elffile import ELFFile
    architecture, (target, forms), choose = by_name(name), CASES[name], random.Random(seed)
    symbols = {f"target_{k}": 0x400000 + 16 * choose.randrange(1, 0x3000) for k in range(12)}
    lines = [".option norelax"] if name == "riscv64" else []
    extra = ["-mno-relax"] if name == "loongarch64" else []
    lines += [".text", ".globl _start", "_start:"]
    for k in range(1000):
        if k % 30 == 0:
            lines += [f".globl near_{k // 30}", f"near_{k // 30}:"]
        lines.append(choose.choice(forms).format(s=choose.choice(list(symbols)), a=choose.choice([0, 1, 8, 100]), n=k // 30))
        if name != "x86-64":
            lines.append(".p2align 2")
    (tmp_path / "x.s").write_text("\n".join(lines) + "\n")
    zig = [sys.executable, "-m", "ziglang"]
    subprocess.run([*zig, "cc", "-target", target, "-c", *extra, "x.s", "-o", "x.o"], cwd=tmp_path, check=True)
    defined = [f"--defsym={n}={v:#x}" for n, v in symbols.items()]
    subprocess.run([*zig, "ld.lld", "-static", "--no-relax", *defined, "-Ttext=0x401000", "x.o", "-o", "x.elf"], cwd=tmp_path, check=True)
    linked, source = ELFFile(open(tmp_path / "x.elf", "rb")), ELFFile(open(tmp_path / "x.o", "rb"))
    text, before = linked.get_section_by_name(".text"), source.get_section_by_name(".text")
    wanted, base = text.data(), text["sh_addr"]
    got = linked.get_section_by_name(".got")
    table = source.get_section_by_name(".symtab")
    relocator, lld = Relocator(bytearray(before.data()), architecture.kinds), Relocator(bytearray(wanted), architecture.kinds)
    seen: set[str] = set()
    highs: dict[int, tuple[int, int]] = {}
    records = [r for r in source.get_section_by_name(".rela.text").iter_relocations() if r["r_info_type"] not in architecture.ignored]

    def row(number: int) -> Kind:
        kind = architecture.kind(number)
        assert kind is not None, f"no row for type {number}"
        return kind
    for r in sorted(records, key=lambda r: row(r["r_info_type"]).low):
        kind, symbol, a, place = row(r["r_info_type"]), table.get_symbol(r["r_info_sym"]), r["r_addend"], r["r_offset"]
        seen.add(kind.name)
        s = symbols.get(symbol.name, base + symbol["st_value"])
        if kind.cell:
            entries = [int.from_bytes(got.data()[k:k + 8], "little") for k in range(0, got["sh_size"], 8)]
            s = got["sh_addr"] + 8 * entries.index(s)
        highs[place] = s, a
        if kind.low:
            s, a = highs[symbol["st_value"]]
            a += place - symbol["st_value"]
        relocator.put(kind, place, s, a, base)
        assert relocator.read(kind, place) == lld.read(kind, place), kind.name
    assert bytes(relocator.buffer[:len(wanted)]) == wanted
    assert len(seen) >= 6
