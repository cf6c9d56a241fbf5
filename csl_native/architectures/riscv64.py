"""RISC-V with 64 bits (RV64GC) on Linux with the LP64D ABI."""

from __future__ import annotations

import ctypes
from functools import partial

from csl_native.relocation import riscv64

from .reading import Reading, copies, memory, moves, sets
from .record import Architecture, Convention, hardware_capabilities, library_function

# AT_HWCAP in arch/riscv/include/uapi/asm/hwcap.h of Linux: one bit a letter.
FEATURES = {letter: (16, 1 << ord(letter) - ord("a")) for letter in "imafdcv"}


def flush(address: int, size: int) -> None:
    """FENCE.I on all harts, by the C library (the compiler library's __clear_cache is empty there)."""
    library_function(None, "__riscv_flush_icache", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_ulong)(address, address + size, 0)


# e_flags: https://github.com/riscv-non-isa/riscv-elf-psabi-doc, section 8.1 (EF_RISCV_FLOAT_ABI, EF_RISCV_RVE).
CONVENTIONS = (Convention(6, (4,), "floats of two words in registers"), Convention(8, (0,), "32 registers"))

# DWARF's numbers: https://github.com/riscv-non-isa/riscv-elf-psabi-doc, chapter "DWARF".
READING = Reading(
    jumps=r"(?:c\.)?(?:j|b\w+)", calls="jal", ends=r"(?:c\.)?(?:j|jr|ret|unimp|ebreak)(?: .*)?|jalr? zero, .*", stack="sp", relative=True, returns="ra",
    numbers=(("ra", 1), ("sp", 2), ("s0", 8), ("s1", 9), *((f"s{k}", k + 16) for k in range(2, 12))), steps=(
        moves(r"(?:c\.)?addi sp, sp, (?P<n>-?\w+)"), moves(r"c\.addi(?:16sp)? sp, (?P<n>-?\w+)"),
        memory("save", r"(?:c\.sdsp|sd) (?P<r>\w+), (?P<n>-?\w*)\(sp\)"), memory("restore", r"(?:c\.ldsp|ld) (?P<r>\w+), (?P<n>-?\w*)\(sp\)"),
        copies(r"(?:c\.addi4spn|addi) (?P<r>s0), sp, (?P<n>-?\w+)"), sets(r"addi sp, (?P<r>s0), (?P<n>-?\w+)"),
        (r"(?:c\.)?(?:andi|sub|mv|add) sp, .*", lambda m, word: [("lost", "", 0)])))
ARCHITECTURE = Architecture(
    conventions=CONVENTIONS, flags=5, reading=READING,
    return_code="8280", word_extension="signext",
    number=13, name="riscv64", abi="LP64D", triple="riscv64-unknown-linux-gnu", machine=243, cpu="generic-rv64",
    clobber=",".join(f"~{{x{k}}}" for k in (8, 9, *range(18, 28))),
    kinds=riscv64.KINDS, absolute=riscv64.ABSOLUTE,
    veneer=bytes.fromhex("170e0000" "033e0e00" "67000e00") + b"\0\0\0\0",  # auipc t3; ld t3, (t3); jr t3
    veneer_fields=(("R_RISCV_PCREL_HI20", 0, 0), ("R_RISCV_PCREL_LO12_I", 4, 4)),
    capstone=("CS_ARCH_RISCV", "CS_MODE_RISCV64+CS_MODE_RISCVC"), keystone=("", ""), features=partial(hardware_capabilities, FEATURES),
    flush=flush, llvm_features="+m,+a,+f,+d,+c,-relax", llvm_abi="lp64d", ignored=frozenset((51,)), baseline=frozenset("imafdc"))
