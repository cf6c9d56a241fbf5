"""AArch64 on Linux with the AAPCS64 ABI.

Every instruction has 4 bytes, little-endian, at a multiple of 4; 31 registers of 64 bits, and one number that is the
stack pointer in some instructions and zero in others. Only loads and stores touch memory.

* Jumps: ``b`` and ``bl`` reach 128 MB, conditional ones 1 MB, ``tbz`` and ``tbnz`` (test a bit and branch) 32 KB.
  Pages that are further from the kernel call it through a pointer cell: the veneer is ``adrp x16; ldr x16, [x16]; br
  x16``, in the register that the ABI leaves to linkers.
* Constants: ``movz`` and ``movk`` put 16 bits at a time into a register, so 64 bits take up to four instructions; bit
  patterns that repeat stand in ``and`` and ``orr``. Addresses are ``adrp`` (pages of 4 KB, up to 4 GB away) and
  twelve bits more in the next instruction, which is why relocation kinds come in pairs, and why the second of a load
  is divided by the size that is loaded.
* Registers: x0 to x7 are arguments, x0 the result; x19 to x28 belong to the caller; x29 is the frame, x30 the return
  address, x18 the platform's.
* Stack: 16-byte aligned whenever it is used to address memory.
* Caches: the instruction cache does not see stores. New code is written out of the data cache and removed from the
  instruction cache, line by line, with barriers behind both: the compiler library's ``__clear_cache`` does it.
* Order of memory: weak; other threads may see stores in any order.
* Features: AT_HWCAP of the auxiliary vector; LSE (atomic instructions) is a refinement.
* Stencils are compiled in the large code model, in which four ``movz``/``movk`` hold any number as a hole.

The ABI: https://github.com/ARM-software/abi-aa (aapcs64, aaelf64); the instructions: Arm Architecture Reference
Manual, DDI 0487.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from csl_native.relocation import aarch64

from .reading import Reading, copies, memory, moves, number, sets
from .record import GENERIC_CALLS, Alone, Architecture, Copying, Fault, Refinement, clear_cache, hardware_capabilities

# AT_HWCAP in arch/arm64/include/uapi/asm/hwcap.h of Linux.
FEATURES = {"atomics": (16, 1 << 8), "fp": (16, 1), "asimd": (16, 2), "crc32": (16, 1 << 7)}
LSE = (re.compile(
    r"(cas|casp|swp|ldadd|ldclr|ldeor|ldset|ldsmax|ldsmin|ldumax|ldumin|stadd|stclr|steor|stset|stsmax|stsmin|stumax|stumin)(a|l|al)?(b|h)?"))


def uses(instruction: Any) -> frozenset[str]:
    return frozenset(("atomics",)) if LSE.fullmatch(instruction.mnemonic) else frozenset()


def pair(kind: str, order: int) -> Any:
    """Two registers in words that lie together; ``order``: -1 the stack pointer moves before, 1 after, 0 not at all."""
    def steps(m: Any, word: int) -> list[Any]:
        n = number(m["n"])
        both = [(kind, m[1], 0 if order else n), (kind, m[2], (0 if order else n) + word)]
        return [("move", "", n), *both] if order < 0 else [*both, ("move", "", n)] if order else both
    return steps


N = r"#?(?P<n>-?\w+)"
# DWARF's numbers: https://github.com/ARM-software/abi-aa, aadwarf64, section 4.1.
READING = Reading(
    jumps=r"b|b\.\w+|cbn?z|tbn?z", calls="bl", ends=r"(?:b|br|ret|brk|udf)(?: .*)?", stack="sp",
    numbers=(("sp", 31), *((f"x{k}", k) for k in range(19, 31))),
    returns="x30", steps=(
        (rf"stp (\w+), (\w+), \[sp, {N}\]!", pair("save", -1)),
        (rf"stp (\w+), (\w+), \[sp(?:, {N})?\]", pair("save", 0)),
        (rf"ldp (\w+), (\w+), \[sp\], {N}", pair("restore", 1)),
        (rf"ldp (\w+), (\w+), \[sp(?:, {N})?\]", pair("restore", 0)),
        (rf"str (\w+), \[sp, {N}\]!", lambda m, word: [("move", "", number(m["n"])), ("save", m[1], 0)]),
        (rf"ldr (\w+), \[sp\], {N}", lambda m, word: [("restore", m[1], 0), ("move", "", number(m["n"]))]),
        memory("save", rf"str (?P<r>\w+), \[sp(?:, {N})?\]"), memory("restore", rf"ldr (?P<r>\w+), \[sp(?:, {N})?\]"),
        moves(rf"sub sp, sp, {N}", -1), moves(rf"add sp, sp, {N}"),
        (rf"(add|sub) sp, sp, {N}, lsl #12",
         lambda m, word: [("move", "", (number(m["n"]) << 12) * (1 if m[1] == "add" else -1))]),
        copies("mov (?P<r>x29), sp"), copies(rf"add (?P<r>x29), sp, {N}"), sets("mov sp, (?P<r>x29)"),
        sets(rf"sub sp, (?P<r>x29), {N}", -1),
        (r"(?:and|add|sub|mov) sp, .*", lambda m, word: [("lost", "", 0)])))

# The caches: Arm ARM, B2.4.4, what clear_cache does.
ALONE = Alone(
    # mov x1, sp; ldr x0, BASE; ldr x16, FUNCTION; blr x16
    bytes.fromhex("e1030091" "60000058" "90000058" "00023fd6") + bytes(16), (16, 24),
    # mov x8, x1; mov x0, x2; mov x1, x3; mov x2, x4; mov x3, x5; mov x4, -1; mov x5, 0; svc 0; ret
    bytes.fromhex("e80301aa" "e00302aa" "e10303aa" "e20304aa" "e30305aa" "04008092" "050080d2" "010000d4" "c0035fd6"),
    GENERIC_CALLS)
ARCHITECTURE = Architecture(
    alone=ALONE, fault=Fault(440),
    also=(("PE", 0xAA64), ("Mach-O", 0x0100000C)),
    return_code="c0035fd6", number=12, name="aarch64", abi="AAPCS64", triple="aarch64-unknown-linux-gnu", machine=183,
    cpu="generic",
    clobber=",".join(f"~{{x{k}}}" for k in range(19, 29)),
    kinds=aarch64.KINDS, absolute=aarch64.ABSOLUTE,
    veneer=bytes.fromhex("10000090100240f900021fd6") + b"\0\0\0\0",  # adrp x16; ldr x16, [x16]; br x16
    veneer_fields=(("R_AARCH64_ADR_GOT_PAGE", 0, 0), ("R_AARCH64_LD64_GOT_LO12_NC", 4, 0)),
    capstone=("CS_ARCH_ARM64", "CS_MODE_ARM"), keystone=("KS_ARCH_ARM64", "KS_MODE_LITTLE_ENDIAN"),
    features=partial(hardware_capabilities, FEATURES),
    flush=clear_cache, copying=Copying(model="large"), slow_convention="preserve_mostcc",
    pins=("swiftself", "swiftasync"),
    baseline=frozenset(("fp", "asimd")), uses=uses, reading=READING,
    refinements=(Refinement(1, "aarch64-lse", "generic", "+lse", frozenset(("atomics",))),))
