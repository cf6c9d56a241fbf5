"""MIPS with 64 bits, little-endian, from release 2 on, on Linux with the n64 ABI.

Every instruction has 4 bytes at a multiple of 4; 32 registers of 64 bits, of which $0 is zero. There are no flags: a
branch compares two registers, or one with zero. The instruction *behind* a jump or branch is executed before it goes
on there (the delay slot), which ``reading`` has to know.

* Jumps: branches reach 128 KB; ``j`` and ``jal`` hold 26 bits of the address in units of four bytes, the upper ones
  being those of the place where they stand, so they go anywhere in the same 256 MB and nowhere else (``jump_mask``).
* Constants: 16 bits stand in an instruction, ``lui`` holds 16 more above them. The four kinds HIGHEST, HIGHER, HI16
  and LO16 make 64 bits, each rounded for the sign of the ones below.
* The table: $gp points 0x7FF0 behind the start of the global offset table, so that 16 bits with a sign reach all of
  it; every call goes through a pointer cell of it, which is why there is no veneer. $t9 ($25) has the address of the
  function that is called, from which it computes $gp.
* Registers: $a0 to $a7 ($4 to $11) are arguments, $v0 ($2) the result; $s0 to $s7 ($16 to $23), $gp and $30 belong to
  the caller; $31 is the return address, $29 the stack pointer.
* Stack: 16-byte aligned.
* An unsigned integer of 32 bits fills a register extended by its *sign*.
* Caches: the instruction cache does not see stores: ``synci``, or the system call behind the C library's
  ``cacheflush``.
* Order of memory: weak.
* Features: AT_HWCAP; code of release 6 is another language, and a program of it is another machine.
* A relocation record has up to three types, each applied to the result of the one before (``record_types``).

The ABI: "64-bit ELF Object File Specification" of SGI, 007-4658-001, https://irix7.com/techpubs/007-4658-001.pdf; the
instructions: MIPS64 Architecture for Programmers, volume II.
"""

from __future__ import annotations

import ctypes
from functools import partial

from csl_native.relocation import mips64

from .reading import Reading, copies, memory, moves, sets
from .record import Alone, Architecture, Calls, Convention, Copying, Fault, hardware_capabilities, library_function

# AT_HWCAP in arch/mips/include/uapi/asm/hwcap.h of Linux.
FEATURES = {"r6": (16, 1), "msa": (16, 2), "crc32": (16, 4)}


def flush(address: int, size: int) -> None:
    """SYNCI or the system call behind the C library's cacheflush, for both caches (the compiler library's __clear_cache
    is empty there).
    """
    library_function(None, "cacheflush", ctypes.c_void_p, ctypes.c_int, ctypes.c_int)(address, size, 3)


# e_flags: binutils, include/elf/mips.h: EF_MIPS_ARCH (release 2 or an older one; code of release 6 is another
# language), EF_MIPS_ABI2, EF_MIPS_ABI.
CONVENTIONS = (Convention(0xF0000000, (0x20000000, 0x30000000, 0x40000000, 0x60000000, 0x80000000),
                          "MIPS III to MIPS64 release 2"),
               Convention(0x20, (0,), "n64, not n32"), Convention(0xF000, (0,), "n64, not o32, o64 or an EABI"))

# DWARF's numbers are those of the registers.
READING = Reading(
    jumps=r"b|b[a-z0-9]+|j", calls="jal|bal", ends=r"(?:b|j|jr|break)(?: .*)?", stack="$sp", returns="$ra", delay=1,
    numbers=(*((f"$s{k}", k + 16) for k in range(8)), ("$gp", 28), ("$sp", 29), ("$fp", 30), ("$ra", 31)), steps=(
        moves(r"daddiu \$sp, \$sp, (?P<n>-?\w+)"), memory("save", r"sd (?P<r>\$\w+), (?P<n>-?\w*)\(\$sp\)"),
        memory("restore", r"ld (?P<r>\$\w+), (?P<n>-?\w*)\(\$sp\)"), copies(r"move (?P<r>\$fp), \$sp"),
        sets(r"move \$sp, (?P<r>\$fp)"),
        (r"(?:and|dsubu|daddu|move) \$sp, .*", lambda m, word: [("lost", "", 0)])))
ALONE = Alone(
    # move a1, sp; bal 1f; nop; 1: ld a0, 20(ra); ld t9, 28(ra); jalr t9; nop; nop
    bytes.fromhex("2528a003" "01001104" "00000000" "1400e4df" "1c00f9df" "09f82003") + bytes(8 + 16), (32, 40),
    # move v0, a1; move a0, a2; move a1, a3; move a2, a4; move a3, a5; li a4, -1; move a5, zero; syscall; beqz a3, 1f;
    # nop; dnegu v0, v0; 1: jr ra; nop: a call that failed sets a3, and its error has no sign
    bytes.fromhex("2510a000" "2520c000" "2528e000" "25300001" "25382001" "ffff0824" "25480000" "0c000000" "0200e010"
                  "00000000" "2f100200" "0800e003" "00000000"),
    Calls(5000, 5001, 5205, 5009, 5222, 5247, 5003),
    mapping=0xC12, creating=0x301, appending=0x109)  # arch/mips/include/uapi/asm/mman.h of Linux
ARCHITECTURE = Architecture(
    alone=ALONE, fault=Fault(616, flags=0, handler=8, stack_size=1, info=8),
    conventions=CONVENTIONS, flags=0x80000007, record_types=True, reading=READING,
    return_code="0800e00300000000", word_extension="signext",
    number=19, name="mips64", abi="n64", triple="mips64el-unknown-linux-gnuabi64", machine=8, cpu="mips64r2",
    clobber=",".join(f"~{{${k}}}" for k in (*range(16, 24), 30)),
    # every call goes through a pointer cell
    kinds=mips64.KINDS, absolute=mips64.ABSOLUTE, veneer=b"", veneer_fields=(),
    capstone=("CS_ARCH_MIPS", "CS_MODE_MIPS64"), keystone=("KS_ARCH_MIPS", "KS_MODE_MIPS64"),
    features=partial(hardware_capabilities, FEATURES),
    flush=flush, copying=Copying(features="+sym32,+noabicalls", options=("-mips-tail-calls",), jump_mask=(1 << 28) - 1),
    llvm_abi="n64", anchor="_gp", anchor_bias=0x7FF0, tail_calls=False, no_reserve=0x400, ignored=frozenset((37,)))
