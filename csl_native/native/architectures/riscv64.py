"""RISC-V with 64 bits (RV64GC) on Linux with the LP64D ABI."""

from __future__ import annotations

import ctypes
from functools import partial

from csl_native.relocation import riscv64

from .record import Architecture, Convention, hardware_capabilities, library_function

# AT_HWCAP in arch/riscv/include/uapi/asm/hwcap.h of Linux: one bit a letter.
FEATURES = {letter: (16, 1 << ord(letter) - ord("a")) for letter in "imafdcv"}


def flush(address: int, size: int) -> None:
    """FENCE.I on all harts, by the C library (the compiler library's __clear_cache is empty there)."""
    library_function(None, "__riscv_flush_icache", ctypes.c_void_p, ctypes.c_void_p, ctypes.c_ulong)(address, address + size, 0)


# e_flags: https://github.com/riscv-non-isa/riscv-elf-psabi-doc, section 8.1 (EF_RISCV_FLOAT_ABI, EF_RISCV_RVE).
CONVENTIONS = (Convention(6, (4,), "floats of two words in registers"), Convention(8, (0,), "32 registers"))

ARCHITECTURE = Architecture(
    conventions=CONVENTIONS,
    return_code="8280", word_extension="signext",
    number=13, name="riscv64", abi="LP64D", triple="riscv64-unknown-linux-gnu", machine=243, cpu="generic-rv64",
    clobber=",".join(f"~{{x{k}}}" for k in (8, 9, *range(18, 28))),
    kinds=riscv64.KINDS, absolute=riscv64.ABSOLUTE,
    veneer=bytes.fromhex("170e0000" "033e0e00" "67000e00") + b"\0\0\0\0",  # auipc t3; ld t3, (t3); jr t3
    veneer_fields=(("R_RISCV_PCREL_HI20", 0, 0), ("R_RISCV_PCREL_LO12_I", 4, 4)),
    capstone=("CS_ARCH_RISCV", "CS_MODE_RISCV64+CS_MODE_RISCVC"), keystone=("", ""), features=partial(hardware_capabilities, FEATURES),
    flush=flush, llvm_features="+m,+a,+f,+d,+c,-relax", llvm_abi="lp64d", ignored=frozenset((51,)), baseline=frozenset("imafdc"))
