"""z/Architecture with 64 bits, from z13 on, on Linux; the one machine here that is big-endian.

Instructions have 2, 4 or 6 bytes, which the first two bits tell, at multiples of 2; 16 registers of 64 bits. Most
instructions set a condition code of two bits, which branches test by a mask of four.

* Jumps: relative ones count in units of two bytes, so that 16 bits reach 64 KB and 32 bits 4 GB (``brcl``,
  ``brasl``): that is the DBL in the names of relocation kinds, and why holes of stencils hold half of a number. The
  veneer is ``lgrl %r1, cell; br %r1``.
* Constants: 16 bits (``lghi``) or 32 (``lgfi``) with a sign stand in an instruction, ``llihf`` and ``oilf``
  together make 64; ``larl`` makes an even address up to 4 GB away. A displacement has 12 bits without, or 20 with a
  sign.
* Byte order: memory of the cage is little-endian here, too. Kernel and compiled code load and store through ``lrvg``
  and ``strvg``, which reverse the bytes, so an image is mapped as everywhere; only instructions, and what C reads,
  are big-endian.
* Registers: r2 to r6 are arguments (five), r2 the result; r6 to r13 and r15 belong to the caller; r14 is the return
  address, r15 the stack pointer. r6 is both, so stencils hold one operand in a register.
* Stack: a caller leaves 160 bytes below its frame, where the callee saves registers.
* Caches: instruction fetch sees stores, so new code needs no flush.
* Order of memory: strong: only a load may come before an earlier store.
* Features: AT_HWCAP; the vector facility (``vx``) is required.

The ABI: https://github.com/IBM/s390x-abi; the instructions: z/Architecture Principles of Operation, SA22-7832.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from csl_native.relocation import s390x

from .reading import Reading, copies, moves, number, sets
from .record import EVEN_DISTANCE, Alone, Architecture, Calls, Copying, Fault, hardware_capabilities

# AT_HWCAP in arch/s390/include/asm/elf.h of Linux.
FEATURES = {"vx": (16, 1 << 11), "vxd": (16, 1 << 12), "vxe": (16, 1 << 13)}


def reaches(instruction: Any) -> int | None:
    """The place that a relative load names; capstone gives it whole."""
    return int(instruction.op_str.split(",")[1], 0) if instruction.mnemonic == "lgrl" else None


def flush(address: int, size: int) -> None:
    """Nothing to do: instruction fetch sees stores (z/Architecture Principles of Operation, "Conceptual Sequence"; a
    branch is enough).
    """


def several(kind: str) -> Any:
    """Registers from one to another in words that follow each other; when the stack pointer is among them, it is as it
    was again.
    """
    def steps(m: Any, word: int) -> list[Any]:
        first, last, n = int(m[1]), int(m[2]), number(m[3])
        found = [(kind, f"%r{k}", n + 8 * (k - first)) for k in range(first, min(last, 14) + 1)]
        return [*found, ("begun", "", 0)] if kind == "restore" and last == 15 else found
    return steps


# DWARF's numbers: https://github.com/IBM/s390x-abi, table 1.19.  A caller leaves 160 bytes below its frame, where a
# callee saves registers.
READING = Reading(
    jumps=r"j|j[a-z]+|br[a-z]*|c?g?rj[a-z]*|c?l?g?[ri]j[a-z]*|brctg?", calls="brasl|bras", ends=r"(?:j|jg|br)(?: .*)?",
    stack="%r15", returns="%r14",
    numbers=(("%r15", 15), *((f"%r{k}", k) for k in range(6, 15))), offset=160, steps=(
        (r"stmg %r(\d+), %r(\d+), (\w+)\(%r15\)", several("save")),
        (r"lmg %r(\d+), %r(\d+), (\w+)\(%r15\)", several("restore")),
        (r"stg %r(\d+), (\w+)\(%r15\)", lambda m, word: [("save", f"%r{m[1]}", number(m[2]))]),
        (r"lg %r(\d+), (\w+)\(%r15\)", lambda m, word: [("restore", f"%r{m[1]}", number(m[2]))]),
        moves(r"agh?f?i %r15, (?P<n>-?\w+)"), moves(r"lay? %r15, (?P<n>-?\w+)\(%r15\)"),
        copies("lgr (?P<r>%r11), %r15"), sets("lgr %r15, (?P<r>%r11)"),
        (r"(?:lgr|ngr?|sgr) %r15, .*", lambda m, word: [("lost", "", 0)])))
ALONE = Alone(
    # lgr r3, r15; lgrl r2, BASE; lgrl r1, FUNCTION; aghi r15, -160; basr r14, r1; nopr
    bytes.fromhex("b904003f" "c4280000000a" "c4180000000b" "a7fbff60" "0de1" "0707") + bytes(16), (24, 32),
    # stmg r6, r7, 48(r15); lgr r1, r3; lgr r2, r4; lgr r3, r5; lgr r4, r6; lg r5, 160(r15); lghi r6, -1; lghi r7, 0;
    # aghi r15, -48; stmg r2, r7, 0(r15); cghi r1, 90; jne 1f; lgr r2, r15; 1: svc 0; aghi r15, 48;
    # lmg r6, r7, 48(r15); br r14: mmap alone (90) takes the place of its arguments
    bytes.fromhex("eb67f0300024" "b9040013" "b9040024" "b9040035" "b9040046" "e350f0a00004" "a769ffff" "a7790000"
                  "a7fbffd0" "eb27f0000024" "a71f005a" "a7740004" "b904002f" "0a00" "a7fb0030" "eb67f0300004" "07fe"),
    Calls(3, 4, 248, 90, 260, 288, 6))
ARCHITECTURE = Architecture(
    alone=ALONE, fault=Fault(48, flags=12),
    reading=READING, number=16, name="s390x", abi="s390x ELF", triple="s390x-unknown-linux-gnu", machine=22, cpu="z13",
    clobber=",".join(f"~{{r{k}}}" for k in range(6, 14)),
    kinds=s390x.KINDS, absolute=s390x.ABSOLUTE,
    veneer=bytes.fromhex("c41800000000" "07f1"),  # lgrl %r1, cell; br %r1
    veneer_fields=(("R_390_PC32DBL", 2, 2),),
    capstone=("CS_ARCH_SYSZ", "CS_MODE_BIG_ENDIAN"), keystone=("KS_ARCH_SYSTEMZ", "KS_MODE_BIG_ENDIAN"),
    features=partial(hardware_capabilities, FEATURES),
    flush=flush, copying=Copying(cached=1, hole=EVEN_DISTANCE, near=True, shift=1),
    reaches=reaches, big_endian=True, anchor="_GLOBAL_OFFSET_TABLE_", baseline=frozenset(("vx",)))
