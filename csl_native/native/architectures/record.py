"""What an architecture is to this project: one record, and nothing outside its file names it."""

from __future__ import annotations

from collections.abc import Callable
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
