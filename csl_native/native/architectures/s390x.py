"""z/Architecture with 64 bits, from z13 on, on Linux; the one machine here that is big-endian."""

from __future__ import annotations

from csl_native.relocation import s390x

from .record import Architecture, cpuinfo


def features() -> frozenset[str]:
    return cpuinfo("features")


def flush(address: int, size: int) -> None:
    """Nothing to do: instruction fetch sees stores (z/Architecture Principles of Operation, "Conceptual Sequence"; a branch is enough)."""


ARCHITECTURE = Architecture(
    number=16, name="s390x", triple="s390x-unknown-linux-gnu", machine=22, cpu="z13",
    clobber=",".join(f"~{{r{k}}}" for k in range(6, 14)),
    kinds=s390x.KINDS, absolute=s390x.ABSOLUTE,
    veneer=bytes.fromhex("c41800000000" "07f1"),  # lgrl %r1, cell; br %r1
    veneer_fields=(("R_390_PC32DBL", 2, 2),),
    capstone=("CS_ARCH_SYSZ", "CS_MODE_BIG_ENDIAN"), keystone=("KS_ARCH_SYSTEMZ", "KS_MODE_BIG_ENDIAN"), systems=("s390x",), features=features,
    flush=flush, big_endian=True, anchor="_GLOBAL_OFFSET_TABLE_")
