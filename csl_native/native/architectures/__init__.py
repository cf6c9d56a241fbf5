"""The architectures that this build knows: one module each, found by existing."""

from __future__ import annotations

import os
import struct
from functools import cache
from importlib import import_module

from .record import Architecture

__all__ = ["Architecture", "architectures", "by_name", "by_tag", "host"]

MODULES = ("aarch64", "armv7", "i386", "loongarch64", "mips64", "ppc64le", "riscv64", "s390x", "x86_64")


@cache
def architectures() -> tuple[Architecture, ...]:
    """All records, by tag number."""
    return tuple(sorted((import_module(f"{__name__}.{m}").ARCHITECTURE for m in MODULES), key=lambda a: a.number))


def by_tag(tag: int) -> Architecture | None:
    """The architecture of a tag; its top three bits, the refinement, do not matter."""
    return next((a for a in architectures() if a.number == tag & 31), None)


def by_name(name: str) -> Architecture:
    for a in architectures():
        if name in (a.name, str(a.number)):
            return a
    raise ValueError(f"no architecture {name!r}; known are {', '.join(a.name for a in architectures())}")


@cache
def host() -> Architecture | None:
    """The architecture of this process, or None: a system with 64 bits also runs programs with 32."""
    if not hasattr(os, "uname") or os.uname().sysname != "Linux":
        return None
    machine, word = os.uname().machine, struct.calcsize("P")
    return next((a for a in architectures() if machine in a.systems and word == a.word), None)
