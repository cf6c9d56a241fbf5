"""What a module consists of: types of variables, registers, types of procedures, procedures; plain data."""

from __future__ import annotations

from dataclasses import dataclass, field

from .instructions import Instruction

NON_FIXED_REF, TOP_LEVEL_REG, THREAD_LOCAL_REG = 1, 2, 4  # flags of variables (VFLAG_...)
READER, WRITER = 1, 2  # flags of procedure types (PTFLAG_...)
EXTERNAL = 1  # flag of procedures (PFLAG_...)
WORD = 0  # the variable type that every module has: eight bytes
ED = 0  # the register that every module has: the exception descriptor
MOST_IDS, MOST_COUNT, MOST_INSTRUCTIONS = 16383, (1 << 28) - 1, (1 << 28) - 1
JUMP = range(-64, 64)


@dataclass(frozen=True)
class VarSpec:
    """An array of ``count`` equal elements; a reference without fixed count has NON_FIXED_REF."""

    flags: int
    vtype: int
    count: int = 1

    @property
    def fixed(self) -> bool:
        return not self.flags & NON_FIXED_REF


@dataclass
class VarType:
    """An element: bytes, references to variables, references to procedures (numbers of procedure types)."""

    bytes: int
    vrefs: list[VarSpec] = field(default_factory=list)
    prefs: list[int] = field(default_factory=list)

    @property
    def references(self) -> int:
        return len(self.vrefs) + len(self.prefs)

    @property
    def stride(self) -> int:
        """Bytes from element to element; elements of references alone have one, so that they can be counted."""
        return max(self.bytes, 1)


@dataclass(frozen=True)
class ProcType:
    """The interface of procedures: ``io`` is the register that is argument and result."""

    flags: int
    io: int


@dataclass
class Proc:
    """A procedure."""

    flags: int
    ptype: int
    name: str
    code: list[Instruction] = field(default_factory=list)

    @property
    def external(self) -> bool:
        return bool(self.flags & EXTERNAL)
