"""x86-64 on Linux with the System V ABI."""

from __future__ import annotations

from csl_native.relocation import x86_64

from .record import Architecture, cpuinfo


def features() -> frozenset[str]:
    return cpuinfo("flags")


def flush(address: int, size: int) -> None:
    """Nothing to do: instruction fetch sees stores (Intel SDM volume 3, 12.6; a jump in between is enough)."""


ARCHITECTURE = Architecture(
    number=11, name="x86-64", triple="x86_64-unknown-linux-gnu", machine=62, cpu="x86-64",
    clobber="~{rbx},~{rbp},~{r12},~{r13},~{r14},~{r15}",
    kinds=x86_64.KINDS, absolute=x86_64.ABSOLUTE,
    veneer=bytes.fromhex("ff2500000000") + b"\xcc\xcc",  # jmp *cell(%rip)
    veneer_fields=(("R_X86_64_PC32", 2, -4),),
    capstone=("CS_ARCH_X86", "CS_MODE_64"), keystone=("KS_ARCH_X86", "KS_MODE_64"), systems=("x86_64",), features=features,
    flush=flush, anchor="_GLOBAL_OFFSET_TABLE_")
