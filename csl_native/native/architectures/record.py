"""What an architecture is to this project: one record, and nothing outside its file names it."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from csl_native.relocation.kinds import Kind


class Architecture(NamedTuple):
    """``number`` is the low five bits of the tag; ``veneer`` is code that jumps through the pointer cell behind
    ``veneer_field`` (kind name, place in the veneer, addend)."""

    number: int
    name: str
    triple: str
    machine: int  # e_machine of ELF
    cpu: str
    stack_register: str
    clobber: str  # constraint list of the callee-saved registers
    kinds: tuple[Kind, ...]
    absolute: Kind
    veneer: bytes
    veneer_fields: tuple[tuple[str, int, int], ...]
    capstone: tuple[str, str]  # names of the architecture and mode constants
    keystone: tuple[str, str]
    system: str  # what platform.machine() says there
    features: Callable[[], frozenset[str]]
    flush: Callable[[int, int], None]  # make newly written code (address, size) visible to instruction fetch
    llvm_features: str = ""
    abi: str = ""
    ignored: frozenset[int] = frozenset()  # relocation types that only advise a linker

    def kind(self, number: int) -> Kind | None:
        """The row of an ELF relocation type."""
        return next((row for row in self.kinds if row.number == number), None)

    def named(self, name: str) -> Kind:
        return next(row for row in self.kinds if row.name == name)


@cache
def cpuinfo(label: str, separator: str | None = None) -> frozenset[str]:
    """The words of the first line of /proc/cpuinfo that begins with ``label``: feature names as the system gives them."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith(label):
                    return frozenset(line.split(":", 1)[1].strip().split(separator))
    except OSError:
        pass
    return frozenset()


@cache
def library_function(library: str | None, name: str, *arguments: type) -> Callable[..., object]:
    """A C function without a result."""
    function: Callable[..., object] = getattr(ctypes.CDLL(library), name)
    function.argtypes, function.restype = list(arguments), None  # type: ignore[attr-defined]
    return function


def clear_cache(address: int, size: int) -> None:
    """Data cache to memory and instruction cache emptied for a range, by the compiler's library (libgcc's __clear_cache)."""
    library_function("libgcc_s.so.1", "__clear_cache", ctypes.c_void_p, ctypes.c_void_p)(address, address + size)
