"""64-bit PowerPC, little-endian, from POWER8 on, on Linux with the ELFv2 ABI.

Every instruction has 4 bytes at a multiple of 4; 32 registers of 64 bits, a link register for returns, a count
register that indirect jumps go through, and eight fields of flags that comparisons name.

* Jumps: conditional ones reach 32 KB, ``b`` and ``bl`` 32 MB. What is further goes through the count register.
* Constants: 16 bits with a sign stand in an instruction, ``addis`` adds 16 more above them, rounded for the sign of
  the lower ones (the HA kinds); some loads leave out the two lowest bits (the DS kinds). 64 bits take five
  instructions, so constants and addresses are loaded from a table.
* The table of contents: r2 (TOC) points 0x8000 behind the start of the table of the code that runs, so that 16 bits
  with a sign reach all of it. Every function has two entries: the global one computes r2 from r12, which has the
  function's address, and the local one behind it is for callers with the same table. A call that leaves the block
  saves r2 at 24(r1), and the ``nop`` behind it becomes a load that restores it: that is ``after_call`` here; the
  veneer saves r2, loads a pointer cell and jumps through the count register.
* Registers: r3 to r10 are arguments, r3 the result; r14 to r31 belong to the caller; r1 is the stack pointer, r13 the
  thread's.
* Stack: 16-byte aligned, with a chain of the callers' stack pointers.
* Caches: the instruction cache does not see stores: ``dcbst``, ``sync``, ``icbi``, ``sync``, ``isync`` for each line,
  which stand below as bytes, because the compiler library's function is empty.
* Order of memory: weak.
* Features: AT_HWCAP2 names levels of the architecture; 2.07 (POWER8) is required.

The ABI: https://openpowerfoundation.org/specifications/64bitelfabi/; the instructions: Power ISA,
https://openpowerfoundation.org/specifications/isa/.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from csl_native.relocation import ppc64le

from .reading import Reading, copies, memory, moves, number, sets
from .record import (
    DISTANCE,
    Alone,
    Architecture,
    Calls,
    Convention,
    Copying,
    Fault,
    code_function,
    hardware_capabilities,
)

# AT_HWCAP2 in arch/powerpc/include/uapi/asm/cputable.h of Linux.
FEATURES = {"arch_2_07": (26, 1 << 31), "arch_3_00": (26, 1 << 23), "arch_3_1": (26, 1 << 18)}
# void flush(address, end): dcbst for every line, sync, icbi for every line, sync, isync (Power ISA 3.0 B, book II,
# 1.8), with lines of 128 bytes.
FLUSH = b"".join(word.to_bytes(4, "little") for word in (
    0x7C651B78,  # mr r5, r3
    0x7C00286C, 0x38A50080, 0x7C252040, 0x4180FFF4,  # 1: dcbst 0, r5; addi r5, r5, 128; cmpld r5, r4; blt 1b
    0x7C0004AC,  # sync
    0x7C001FAC, 0x38630080, 0x7C232040, 0x4180FFF4,  # 2: icbi 0, r3; addi r3, r3, 128; cmpld r3, r4; blt 2b
    0x7C0004AC, 0x4C00012C, 0x4E800020))  # sync; isync; blr


def local_entry(symbol: Any) -> int:
    """A function begins behind its global entry for callers with the same TOC; how far, st_other says (ELFv2 ABI,
    section 3.4.1).
    """
    return (1 << int(symbol["st_other"]["local"]) >> 2) << 2


@cache
def _flush() -> Callable[..., None]:
    return code_function(FLUSH, None, ctypes.c_void_p, ctypes.c_void_p)


def flush(address: int, size: int) -> None:
    """By instructions of our own: the compiler library's __clear_cache is empty there."""
    _flush()(address & -128, address + size)


# e_flags: 64-bit ELF V2 ABI specification, section 4.1 (EF_PPC64_ABI; 0 when it was not said, where the byte order says
# it).
CONVENTIONS = (Convention(3, (0, 2), "ELFv2"),)

# DWARF's numbers: 64-bit ELF V2 ABI specification, section 2.5, table 2.20.
READING = Reading(
    jumps=r"b|b(?:lt|gt|eq|ne|le|ge|so|ns|un|nu|dnz|dz|c)[lr+-]*[+-]?", calls="bl", ends=r"(?:b|blr|bctr|trap)(?: .*)?",
    stack="r1", returns="lr",
    numbers=(("r1", 1), ("lr", 65), *((f"r{k}", k) for k in range(14, 32))), steps=(
        (r"stdu r1, (-?\w+)\(r1\)", lambda m, word: [("move", "", number(m[1]))]), moves(r"addi r1, r1, (?P<n>-?\w+)"),
        (r"mflr (\w+)", lambda m, word: [("alias", m[1], 0)]), (r"mtlr \w+", lambda m, word: [("unalias", "", 0)]),
        memory("save", r"std (?P<r>\w+), (?P<n>-?\w+)\(r1\)"), memory("restore", r"ld (?P<r>\w+), (?P<n>-?\w+)\(r1\)"),
        copies("mr (?P<r>r31), r1"), copies(r"addi (?P<r>r3[01]), r1, (?P<n>-?\w+)"), sets(r"mr r1, (?P<r>r3[01])"),
        sets(r"addi r1, (?P<r>r3[01]), (?P<n>-?\w+)"), (r"(?:stdux) r1, .*", lambda m, word: [("lost", "", 0)])))
ALONE = Alone(
    # mr r4, r1; bcl 20, 31, 1f; 1: mflr r5; ld r3, 32(r5); ld r12, 40(r5); stdu r1, -64(r1); mtctr r12; bctrl; nop; nop
    bytes.fromhex("780b247c" "05009f42" "a602a87c" "200065e8" "280085e9" "c1ff21f8" "a603897d" "2104804e" "00000060"
                  "00000060") + bytes(16), (40, 48),
    # mr r0, r4; mr r3, r5; mr r4, r6; mr r5, r7; mr r6, r8; li r7, -1; li r8, 0; sc; bnslr; neg r3, r3; blr: a call
    # that failed sets the summary overflow, and its error has no sign
    bytes.fromhex("7823807c" "782ba37c" "7833c47c" "783be57c" "7843067d" "ffffe038" "00000039" "02000044" "2000834c"
                  "d000637c" "2000804e"),
    Calls(3, 4, 234, 90, 246, 286, 6), mapping=0x72)  # arch/powerpc/include/uapi/asm/mman.h of Linux
ARCHITECTURE = Architecture(
    alone=ALONE, fault=Fault(488),
    conventions=CONVENTIONS, flags=2, reading=READING,
    return_code="2000804e", number=15, name="ppc64le", abi="ELFv2", triple="powerpc64le-unknown-linux-gnu", machine=21,
    cpu="ppc64le",
    clobber=",".join(f"~{{r{k}}}" for k in range(14, 32)),
    kinds=ppc64le.KINDS, absolute=ppc64le.ABSOLUTE,
    # std r2, 24(r1); addis r12, r2; ld r12, (r12); mtctr r12; bctr
    veneer=bytes.fromhex("180041f8" "0000823d" "00008ce9" "a603897d" "2004804e"),
    veneer_fields=(("R_PPC64_TOC16_HA", 4, 0), ("R_PPC64_TOC16_LO_DS", 8, 0)),
    capstone=("CS_ARCH_PPC", "CS_MODE_64"), keystone=("KS_ARCH_PPC", "KS_MODE_PPC64"),
    features=partial(hardware_capabilities, FEATURES),
    flush=flush, copying=Copying(model="medium", hole=DISTANCE),
    llvm_abi="elfv2", anchor=".TOC.", anchor_bias=0x8000,
    after_call=(bytes.fromhex("00000060"), bytes.fromhex("180041e8")),
    local_entry=local_entry, tail_calls=False, no_reserve=0x40, ignored=frozenset((246,)),
    baseline=frozenset(("arch_2_07",)))
