"""The architectures that this build knows: one module each, found by existing."""

from __future__ import annotations

import os
from functools import cache
from importlib import import_module

from ..system.host import Host, this_host
from .record import Architecture

__all__ = ["Architecture", "architectures", "by_name", "by_tag", "host", "why_no_host", "with_refinements"]

MODULES = ("aarch64", "aarch64_macos", "armv7", "i386", "loongarch64", "mips64", "ppc64le", "riscv64", "s390x",
           "x86_64", "x86_64_windows")
SYSTEMS = {"win32": "_windows", "darwin": "_macos"}  # how the names of the modules end that are for these systems


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
    here = host()  # whose record has been read already
    known = {a.tag: a for a in (family(here) if here is not None and here.number == tag & 31 else with_refinements())}
    return known.get(tag) or known.get(tag & 31)


def by_name(name: str) -> Architecture:
    """The record with a name or tag number."""
    for a in with_refinements():
        if name in (a.name, str(a.tag)):
            return a
    raise ValueError(f"no architecture {name!r}; known are {', '.join(a.name for a in with_refinements())}")


def host() -> Architecture | None:
    """The architecture by whose convention this process calls, or None when the build has none for it."""
    return _architecture_of(this_host())


@cache
def _architecture_of(machine: Host) -> Architecture | None:
    # A module with the name that the system gives comes first, so that starting reads one record and not all; what it
    # says is not believed.
    name, system = os.uname().machine if hasattr(os, "uname") else "", SYSTEMS.get(machine.system, "")
    likely = sorted(MODULES, key=lambda module: (not (system and module.endswith(system)), not name.startswith(module)))
    return next((a for a in map(record, likely) if not a.why_not(machine)), None)


def why_no_host() -> str:
    """Why there is no architecture for this process: what it is, and how the nearest one differs."""
    machine = this_host()
    near = [a for a in architectures() if machine.header is not None and a.is_machine_of(machine.header)]
    near = [a for a in near if a.system == machine.system] or near
    return "; ".join(a.why_not(machine) for a in near) or machine.text()
