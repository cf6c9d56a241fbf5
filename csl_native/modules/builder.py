"""The builder of typed modules: variable types, registers, procedure types, procedures, instructions; each is checked
when it is added.

Wrong input is one of the five kinds of error of ``errors.py``, says what and where, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID, uuid4

from .errors import FlagsException, NotFoundException, OperationException, RangeException
from .instructions import Instruction
from .module import Module
from .types import (
    EXTERNAL,
    MOST_COUNT,
    MOST_IDS,
    NON_FIXED_REF,
    READER,
    THREAD_LOCAL_REG,
    TOP_LEVEL_REG,
    WORD,
    WRITER,
    Proc,
    ProcType,
    VarSpec,
    VarType,
)
from .verifier import Verifier


class ModuleBuilder:
    """Begins with the variable type WORD (0) and the register ED (0); ids count from there."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin again."""
        self.var_types = [VarType(8)]
        self.regs = [VarSpec(TOP_LEVEL_REG | THREAD_LOCAL_REG, WORD)]
        self.sizes = [8]  # bytes of an element, by register
        self.proc_types: list[ProcType] = []
        self.procs: list[Proc] = []
        self.names: set[str] = set()  # of procedures
        self.verifiers: list[Verifier] = []
        # instructions whose operands were found to be, and their registers
        self.sufficient: dict[Instruction, tuple[int, ...]] = {}

    # -- checks -----------------------------------------------------------------------

    @staticmethod
    def _known(what: str, number: int, items: Sequence[object]) -> None:
        if not 0 <= number < len(items):
            raise NotFoundException(f"there is no {what} {number}; there are {len(items)}")

    @staticmethod
    def _limit(what: str, value: int, least: int, most: int) -> None:
        if not least <= value <= most:
            raise RangeException(f"{what} is {value}; {least}..{most} expected")

    @staticmethod
    def _flags(what: str, flags: int, known: int) -> None:
        if flags & ~known:
            raise FlagsException(f"{what} with flags {flags:#x}; only {known:#x} exist")

    def _room(self, what: str, items: Sequence[object]) -> None:
        self._limit(f"the number of {what}", len(items) + 1, 1, MOST_IDS + 1)

    # -- adding -----------------------------------------------------------------------

    def add_var_type(self, bytes: int) -> int:
        """A type of variables whose elements have so many bytes (and references, which ``add_vref`` and ``add_pref``
        add).
        """
        self._limit("the bytes of an element", bytes, 0, MOST_IDS)
        self._room("variable types", self.var_types)
        self.var_types.append(VarType(bytes))
        return len(self.var_types) - 1

    def add_vref(self, vtype: int, flags: int, to: int, count: int = 1) -> int:
        """A reference to variables of type ``to`` in the elements of ``vtype``; its index."""
        self._known("variable type", vtype, self.var_types)
        self._known("variable type", to, self.var_types)
        self._flags("a reference", flags, NON_FIXED_REF)
        self._limit("a count", count, 1, MOST_COUNT)
        self._unused(vtype)
        self._limit("the number of references", len(self.var_types[vtype].vrefs) + 1, 1, MOST_IDS)
        self.var_types[vtype].vrefs.append(VarSpec(flags, to, count))
        return len(self.var_types[vtype].vrefs) - 1

    def add_pref(self, vtype: int, ptype: int) -> int:
        """A reference to procedures in the elements of ``vtype``; its index."""
        self._known("variable type", vtype, self.var_types)
        self._known("procedure type", ptype, self.proc_types)
        self._unused(vtype)
        self._limit("the number of references", len(self.var_types[vtype].prefs) + 1, 1, MOST_IDS)
        self.var_types[vtype].prefs.append(ptype)
        return len(self.var_types[vtype].prefs) - 1

    def _unused(self, vtype: int) -> None:
        if vtype == WORD:
            raise OperationException("the variable type WORD cannot be changed")
        if any(verifier.code for verifier in self.verifiers):
            raise OperationException("references are added before instructions")

    def add_reg(self, flags: int, vtype: int, count: int = 1) -> int:
        """A register: a name for variables of ``count`` elements of a type."""
        self._flags("a register", flags, NON_FIXED_REF | TOP_LEVEL_REG | THREAD_LOCAL_REG)
        if flags & THREAD_LOCAL_REG and not flags & TOP_LEVEL_REG:
            raise FlagsException("a register is THREAD_LOCAL only when it is TOP_LEVEL")
        self._known("variable type", vtype, self.var_types)
        self._limit("a count", count, 1, MOST_COUNT)
        self._room("registers", self.regs)
        self.regs.append(VarSpec(flags, vtype, count))
        self.sizes.append(self.var_types[vtype].bytes)
        for verifier in self.verifiers if flags & TOP_LEVEL_REG else ():
            verifier.visible.setdefault(len(self.regs) - 1, "top")
        return len(self.regs) - 1

    def add_proc_type(self, flags: int, io: int) -> int:
        """A type of procedures: the register through which they get their argument and give their result."""
        self._flags("a procedure type", flags, READER | WRITER)
        if flags == READER | WRITER:
            raise FlagsException("a procedure type is READER or WRITER, not both")
        self._known("register", io, self.regs)
        if self.regs[io].flags & TOP_LEVEL_REG:
            raise FlagsException(f"register {io} is TOP_LEVEL; an argument is not")
        self._room("procedure types", self.proc_types)
        self.proc_types.append(ProcType(flags, io))
        return len(self.proc_types) - 1

    def add_proc(self, flags: int, ptype: int, name: str = "", code: Sequence[Instruction] = ()) -> int:
        """A procedure, to which ``add_instr`` adds; an external one can be called from outside, by its name."""
        self._flags("a procedure", flags, EXTERNAL)
        self._known("procedure type", ptype, self.proc_types)
        self._room("procedures", self.procs)
        name = name or f"proc{len(self.procs)}"
        if name in self.names:
            raise OperationException(f"there is a procedure {name} already")
        self.names.add(name)
        self.procs.append(Proc(flags, ptype, name))
        self.verifiers.append(Verifier(self, self.procs[-1]))
        self.verifiers[-1].extend(code)
        return len(self.procs) - 1

    def add_instr(self, proc: int, *code: Instruction) -> int:
        """Append instructions to a procedure; the number of its instructions."""
        self._known("procedure", proc, self.procs)
        self.verifiers[proc].extend(code)
        return len(self.procs[proc].code)

    def create_module(self, name: str = "", identity: UUID | None = None, type_identity: UUID | None = None) -> Module:
        """The module, when all of it is complete; the builder begins again."""
        for k, vtype in enumerate(self.var_types):
            if not (vtype.bytes or vtype.references):
                raise OperationException(f"variable type {k} is empty; bytes or references expected")
        for verifier in self.verifiers:
            verifier.finish()
        identity = identity or uuid4()
        module = Module(name or f"module-{str(identity)[:8]}", tuple(self.var_types), tuple(self.regs),
                        tuple(self.proc_types), tuple(self.procs), identity,
                        type_identity or uuid4())
        self.reset()
        return module

