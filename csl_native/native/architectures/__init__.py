"""The architectures that this build knows: one module each, found by existing."""

from __future__ import annotations

import os
import struct
from functools import cache
from importlib import import_module

from .record import Architecture

__all__ = ["Architecture", "architectures", "by_name", "by_tag", "host", "with_refinements"]

MODULES = ("aarch64", "armv7", "i386", "loongarch64", "mips64", "ppc64le", "riscv64", "s390x", "x86_64")


@cache
def architectures() -> tuple[Architecture, ...]:
    """All records, by tag number."""
    return tuple(sorted((import_module(f"{__name__}.{m}").ARCHITECTURE for m in MODULES), key=lambda a: a.number))


@cache
def with_refinements() -> tuple[Architecture, ...]:
    """All records, each followed by those of its refinements."""
    return tuple(record for a in architectures() for record in (a, *(a.refined(r) for r in a.refinements)))


def by_tag(tag: int) -> Architecture | None:
    """The record of a tag; of its architecture when the refinement, its top three bits, is not known."""
    known = {a.tag: a for a in with_refinements()}
    return known.get(tag) or known.get(tag & 31)


def by_name(name: str) -> Architecture:
    """The record with a name or tag number."""
    for a in with_refinements():
        if name in (a.name, str(a.tag)):
            return a
    raise ValueError(f"no architecture {name!r}; known are {', '.join(a.name for a in with_refinements())}")


@cache
def host() -> Architecture | None:
    """The architecture of this process, or None: a system with 64 bits also runs programs with 32."""
    if not hasattr(os, "uname") or os.uname().sysname != "Linux":
        return None
    machine, word = os.uname().machine, struct.calcsize("P")
    return next((a for a in architectures() if machine in a.systems and word == a.word), None)
