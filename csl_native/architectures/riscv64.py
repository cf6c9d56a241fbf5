"""RISC-V with 64 bits (RV64GC) on Linux with the LP64D ABI.

Instructions have 4 bytes or, of the compressed ones (C), 2, at multiples of 2; 32 registers of 64 bits, of which x0
is zero. There are no flags: a branch compares two registers.

* Jumps: conditional ones reach 4 KB, ``jal`` 1 MB; ``auipc`` and ``jalr`` together 2 GB. Pages that are further from
  the kernel call it through a pointer cell: the veneer is ``auipc t3; ld t3, (t3); jr t3``.
* Constants: 12 bits with a sign stand in an instruction, ``lui`` holds 20 more above them. Because the low part has a
  sign, the high part is rounded: that is the 0x800 in the formulas of the HI20 kinds. A LO12 kind refers to the place
  of its HI20, not to the symbol.
* Registers: a0 to a7 (x10 to x17) are arguments, a0 the result; s0 to s11 (x8, x9, x18 to x27) belong to the caller;
  x1 is the return address, x2 the stack pointer, x3 and x4 are the global and the thread pointer, which code here
  leaves alone.
* Stack: 16-byte aligned.
* An unsigned integer of 32 bits fills a register extended by its *sign*, as all 32-bit results do.
* Caches: the instruction cache need not see stores; ``fence.i`` makes one processor see them, and the kernel of the
  system has to be asked for all.
* Order of memory: weak (RVWMO).
* Features: AT_HWCAP has a bit for each single-letter extension; I, M, A, F, D and C are required.
* Linkers may shorten code while they link (relaxation), which moves what follows; code is compiled without it
  (``-relax``), so that records are final.

The ABI: https://github.com/riscv-non-isa/riscv-elf-psabi-doc; the instructions:
https://github.com/riscv/riscv-isa-manual.
"""

from __future__ import annotations

import ctypes
from functools import partial

from csl_native.relocation import riscv64

from .reading import Reading, copies, memory, moves, sets
from .record import GENERIC_CALLS, Alone, Architecture, Convention, Fault, hardware_capabilities, library_function

# AT_HWCAP in arch/riscv/include/uapi/asm/hwcap.h of Linux: one bit a letter.
FEATURES = {letter: (16, 1 << ord(letter) - ord("a")) for letter in "imafdcv"}


def flush(address: int, size: int) -> None:
    """FENCE.I on all harts, by the C library (the compiler library's __clear_cache is empty there)."""
    library_function(None, "__riscv_flush_icache", ctypes.c_void_p, ctypes.c_void_p,
                     ctypes.c_ulong)(address, address + size, 0)


# e_flags: https://github.com/riscv-non-isa/riscv-elf-psabi-doc, section 8.1 (EF_RISCV_FLOAT_ABI, EF_RISCV_RVE).
CONVENTIONS = (Convention(6, (4,), "floats of two words in registers"), Convention(8, (0,), "32 registers"))

# DWARF's numbers: https://github.com/riscv-non-isa/riscv-elf-psabi-doc, chapter "DWARF".
READING = Reading(
    jumps=r"(?:c\.)?(?:j|b\w+)", calls="jal", ends=r"(?:c\.)?(?:j|jr|ret|unimp|ebreak)(?: .*)?|jalr? zero, .*",
    stack="sp", relative=True, returns="ra",
    numbers=(("ra", 1), ("sp", 2), ("s0", 8), ("s1", 9), *((f"s{k}", k + 16) for k in range(2, 12))), steps=(
        moves(r"(?:c\.)?addi sp, sp, (?P<n>-?\w+)"), moves(r"c\.addi(?:16sp)? sp, (?P<n>-?\w+)"),
        memory("save", r"(?:c\.sdsp|sd) (?P<r>\w+), (?P<n>-?\w*)\(sp\)"),
        memory("restore", r"(?:c\.ldsp|ld) (?P<r>\w+), (?P<n>-?\w*)\(sp\)"),
        copies(r"(?:c\.addi4spn|addi) (?P<r>s0), sp, (?P<n>-?\w+)"), sets(r"addi sp, (?P<r>s0), (?P<n>-?\w+)"),
        (r"(?:c\.)?(?:andi|sub|mv|add) sp, .*", lambda m, word: [("lost", "", 0)])))
ALONE = Alone(
    # mv a1, sp; auipc t0, 0; ld a0, 20(t0); ld t1, 28(t0); jalr t1; nop
    bytes.fromhex("93050100" "97020000" "03b54201" "03b3c201" "e7000300" "13000000") + bytes(16), (24, 32),
    # mv a7, a1; mv a0, a2; mv a1, a3; mv a2, a4; mv a3, a5; li a4, -1; li a5, 0; ecall; ret
    bytes.fromhex("ae88" "3285" "b685" "3a86" "be86" "7d57" "8147" "73000000" "8280"), GENERIC_CALLS)
ARCHITECTURE = Architecture(
    alone=ALONE, fault=Fault(176),
    conventions=CONVENTIONS, flags=5, reading=READING,
    return_code="8280", word_extension="signext",
    number=13, name="riscv64", abi="LP64D", triple="riscv64-unknown-linux-gnu", machine=243, cpu="generic-rv64",
    clobber=",".join(f"~{{x{k}}}" for k in (8, 9, *range(18, 28))),
    kinds=riscv64.KINDS, absolute=riscv64.ABSOLUTE,
    veneer=bytes.fromhex("170e0000" "033e0e00" "67000e00") + b"\0\0\0\0",  # auipc t3; ld t3, (t3); jr t3
    veneer_fields=(("R_RISCV_PCREL_HI20", 0, 0), ("R_RISCV_PCREL_LO12_I", 4, 4)),
    capstone=("CS_ARCH_RISCV", "CS_MODE_RISCV64+CS_MODE_RISCVC"), keystone=("", ""),
    features=partial(hardware_capabilities, FEATURES),
    flush=flush, llvm_features="+m,+a,+f,+d,+c,-relax", llvm_abi="lp64d", ignored=frozenset((51,)),
    baseline=frozenset("imafdc"))
