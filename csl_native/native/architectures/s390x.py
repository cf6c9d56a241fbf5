"""z/Architecture with 64 bits, from z13 on, on Linux; the one machine here that is big-endian."""

from __future__ import annotations

from functools import partial
from typing import Any

from csl_native.relocation import s390x

from .record import EVEN_DISTANCE, Architecture, Copying, hardware_capabilities

# AT_HWCAP in arch/s390/include/asm/elf.h of Linux.
FEATURES = {"vx": (16, 1 << 11), "vxd": (16, 1 << 12), "vxe": (16, 1 << 13)}


def reaches(instruction: Any) -> int | None:
    """The place that a relative load names; capstone gives it whole."""
    return int(instruction.op_str.split(",")[1], 0) if instruction.mnemonic == "lgrl" else None


def flush(address: int, size: int) -> None:
    """Nothing to do: instruction fetch sees stores (z/Architecture Principles of Operation, "Conceptual Sequence"; a branch is enough)."""


ARCHITECTURE = Architecture(
    number=16, name="s390x", abi="s390x ELF", triple="s390x-unknown-linux-gnu", machine=22, cpu="z13",
    clobber=",".join(f"~{{r{k}}}" for k in range(6, 14)),
    kinds=s390x.KINDS, absolute=s390x.ABSOLUTE,
    veneer=bytes.fromhex("c41800000000" "07f1"),  # lgrl %r1, cell; br %r1
    veneer_fields=(("R_390_PC32DBL", 2, 2),),
    capstone=("CS_ARCH_SYSZ", "CS_MODE_BIG_ENDIAN"), keystone=("KS_ARCH_SYSTEMZ", "KS_MODE_BIG_ENDIAN"),
    features=partial(hardware_capabilities, FEATURES),
    flush=flush, copying=Copying(cached=1, hole=EVEN_DISTANCE, near=True, shift=1),
    reaches=reaches, big_endian=True, anchor="_GLOBAL_OFFSET_TABLE_", baseline=frozenset(("vx",)))
