"""A typed module: verified code that never changes; packed it is data, unpacked it is functions of a session.

A packed module can be written, copied and moved; an unpacked one can be called.  Its procedures are functions of the
Lisp, in all engines and tiers, and native code where this machine has a compiler.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID, uuid4

import msgpack

from csl_native.image.container import Image, ImageError, Section, unpack, update

from ..saving.belonging import TYPED as PREFIX
from .errors import ModuleError, NotFoundException, OperationException
from .instructions import Decoded, decode, encode
from .running import Running
from .types import Proc, ProcType, VarSpec, VarType

if TYPE_CHECKING:
    from ..session.session import Session
    from .variables import Variable

FORMAT = 1
T = TypeVar("T")


class Module:
    """``id`` names this copy, ``tid`` the code: a copy has another id and the same tid, what moves keeps both."""

    def __init__(self, name: str, var_types: tuple[VarType, ...], regs: tuple[VarSpec, ...],
                 proc_types: tuple[ProcType, ...], procs: tuple[Proc, ...],
                 identity: UUID, type_identity: UUID) -> None:
        self.name, self._var_types, self._regs, self._proc_types, self._procs = name, var_types, regs, proc_types, procs
        self.id, self.tid = identity, type_identity
        self.running: Running | None = None
        self.data: dict[int, bytes] = {}  # of top-level registers, while it is packed
        self.dropped = False

    # -- what it consists of ------------------------------------------------------------

    @property
    def var_type_count(self) -> int:
        return len(self._var_types)

    @property
    def reg_count(self) -> int:
        return len(self._regs)

    @property
    def proc_type_count(self) -> int:
        return len(self._proc_types)

    @property
    def proc_count(self) -> int:
        return len(self._procs)

    def var_type(self, number: int) -> VarType:
        return self._found(self._var_types, number, "variable type")

    def reg(self, number: int) -> VarSpec:
        return self._found(self._regs, number, "register")

    def proc_type(self, number: int) -> ProcType:
        return self._found(self._proc_types, number, "procedure type")

    def proc(self, number: int | str) -> Proc:
        """A procedure by number or name."""
        if isinstance(number, str):
            number = next((k for k, proc in enumerate(self._procs) if proc.name == number), -1)
        return self._found(self._procs, number, "procedure")

    def _found(self, items: tuple[T, ...], number: int, what: str) -> T:
        self._alive()
        if not 0 <= number < len(items):
            raise NotFoundException(f"module {self.name} has no {what} {number}; it has {len(items)}")
        return items[number]

    def code(self, number: int | str) -> bytes:
        """The bytes of a procedure."""
        return encode(self.proc(number).code)

    # -- life ---------------------------------------------------------------------------

    @property
    def packed(self) -> bool:
        return self.running is None

    def _alive(self) -> None:
        if self.dropped:
            raise NotFoundException(f"module {self.name} was dropped")

    def _packed(self, what: str) -> None:
        self._alive()
        if self.running is not None:
            raise OperationException(f"module {self.name} is unpacked; only a packed one can be {what}; pack it")

    def unpack(self, session: Session, native: bool = True) -> None:
        """Make its procedures functions of a session, in native code where that is possible."""
        from .running import Running
        self._packed("unpacked")
        self.running = Running(self, session, native)

    def pack(self) -> None:
        """Take its functions out of the session again; the bytes in its top-level registers are kept, references are
        null afterwards.
        """
        self._alive()
        if self.running is not None:
            self.data = self.running.stop()
            self.running = None

    def drop(self) -> None:
        """The end of a module."""
        self.pack()
        self.dropped = True

    def call(self, number: int | str, io: Variable | int) -> Variable | int:
        """Call an external procedure with a variable, or with an integer where it takes one number; what it gives.

        RuntimeException for an exception that nobody caught.
        """
        proc = self.proc(number)
        if self.running is None:
            raise OperationException(f"module {self.name} is packed; unpack it before {proc.name} is called")
        return self.running.call(proc, io)

    def copy(self) -> Module:
        """Another module of the same type."""
        self._packed("copied")
        made = Module(self.name, self._var_types, self._regs, self._proc_types, self._procs, uuid4(), self.tid)
        made.data = dict(self.data)
        return made

    # -- bytes --------------------------------------------------------------------------

    def to_bytes(self) -> bytes:
        """The module as data."""
        self._alive()
        return bytes(msgpack.packb({
            "format": FORMAT, "name": self.name, "id": self.id.bytes, "tid": self.tid.bytes,
            "var_types": [[t.bytes, [[r.flags, r.vtype, r.count] for r in t.vrefs], t.prefs]
                          for t in self._var_types[1:]],
            "regs": [[r.flags, r.vtype, r.count] for r in self._regs[1:]],
            "proc_types": [[p.flags, p.io] for p in self._proc_types],
            "procs": [[p.flags, p.ptype, p.name, encode(p.code)] for p in self._procs],
            "data": list(self.data.items())}))

    @staticmethod
    def from_bytes(data: bytes) -> Module:
        """A module from its data, verified as if it were built."""
        from .builder import ModuleBuilder
        builder, known = ModuleBuilder(), Decoded()
        try:
            row = unpack(data)
            if row["format"] != FORMAT:
                raise OperationException(f"a module of format {row['format']}; {FORMAT} expected")
            for size, _, _ in row["var_types"]:
                builder.add_var_type(int(size))
            for flags, vtype, count in row["regs"]:
                builder.add_reg(int(flags), int(vtype), int(count))
            for flags, io in row["proc_types"]:
                builder.add_proc_type(int(flags), int(io))
            for k, (_, vrefs, prefs) in enumerate(row["var_types"], 1):
                for flags, to, count in vrefs:
                    builder.add_vref(k, int(flags), int(to), int(count))
                for ptype in prefs:
                    builder.add_pref(k, int(ptype))
            for flags, ptype, name, _ in row["procs"]:
                builder.add_proc(int(flags), int(ptype), str(name))
            for k, (_, _, _, code) in enumerate(row["procs"]):
                builder.add_instr(k, *decode(bytes(code), known))
            module = builder.create_module(str(row["name"]), UUID(bytes=bytes(row["id"])),
                                           UUID(bytes=bytes(row["tid"])))
            module.data = {int(k): bytes(data) for k, data in row["data"]}
            return module
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if isinstance(error, ModuleError):
                raise
            raise ModuleError(f"this is no module: {error!r}") from error

    def section(self) -> Section:
        """The module as a section of an image file."""
        self._packed("written")
        return Section(PREFIX + self.name, self.to_bytes(), info={"id": str(self.id), "tid": str(self.tid),
                                                                 "functions": [p.name
                                                                               for p in self._procs if p.external]})

    def save(self, path: str | os.PathLike[str]) -> None:
        """Keep the module in an image file, which must exist."""
        update(path, [self.section()])

    @staticmethod
    def load(path: str | os.PathLike[str], name: str) -> Module:
        """A module of an image file."""
        with Image(path) as image:
            if PREFIX + name not in image.sections:
                raise NotFoundException(f"{os.fspath(path)} has no typed module {name}; it has "
                                        f"{', '.join(names(image)) or 'none'}")
            try:
                return Module.from_bytes(image.read(PREFIX + name))
            except ImageError as error:
                raise ModuleError(f"{os.fspath(path)}: {error}") from error

    def move(self, path: str | os.PathLike[str], to: str | os.PathLike[str]) -> None:
        """Move the module, which is in one image file, to another; it keeps its id."""
        self.save(to)
        update(path, [], frozenset((PREFIX + self.name,)))


def names(image: Image) -> list[str]:
    """The typed modules of an image."""
    return [name.removeprefix(PREFIX) for name in image.sections if name.startswith(PREFIX)]


__all__ = ["Module", "names"]
