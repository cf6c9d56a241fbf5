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
def record(module: str) -> Architecture:
    found: Architecture = import_module(f"{__name__}.{module}").ARCHITECTURE
    return found


@cache
def architectures() -> tuple[Architecture, ...]:
    """All records, by tag number."""
    return tuple(sorted(map(record, MODULES), key=lambda a: a.number))


def family(architecture: Architecture) -> tuple[Architecture, ...]:
    """An architecture and its refinements."""
    return (architecture, *(architecture.refined(r) for r in architecture.refinements))


@cache
def with_refinements() -> tuple[Architecture, ...]:
    """All records, each followed by those of its refinements."""
    return tuple(record for a in architectures() for record in family(a))


@cache
def by_tag(tag: int) -> Architecture | None:
    """The record of a tag; of its architecture when the refinement, its top three bits, is not known."""
    here = host()
    known = {a.tag: a for a in (family(here) if here is not None and here.number == tag & 31 else with_refinements())}
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
    # The module with the machine's name comes first, so that starting reads one record and not all.
    for module in sorted(MODULES, key=lambda name: not machine.startswith(name)):
        if machine in record(module).systems and word == record(module).word:
            return record(module)
    return None
