"""Where the registers of a procedure are while it is translated: local variables of its bytecode.

A register is one local variable with the bytes, or two: the variable, a vector, and its bytes.  A reference may be
null, so what it refers to is opened before it is used; that is not repeated until something may have changed it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lisp.assembly import Assembler, Function
from ..system.records import Record
from .types import Proc, VarSpec, VarType

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp
    from .module import Module


class Place(Record):
    """Where a register is: local variables with the variable and with its bytes; they are one when it has no
    references.
    """

    variable: int
    bytes: int
    spec: VarSpec
    nullable: bool = False


def body_name(module: Module, proc: Proc) -> str:
    """The function of a procedure, which takes a variable."""
    return f"{module.name}:{proc.name}"


class Registers(Assembler):
    """The registers of one procedure, and the instructions that open, make and forget variables."""

    def __init__(self, lisp: Lisp, module: Module, proc: Proc) -> None:
        self.m, self.module, self.proc = lisp.machine, module, proc
        self.f = Function(lisp.machine.intern(body_name(module, proc)))
        self.places: dict[int, list[Place]] = {}
        self.opened: set[int] = set()
        self._spare = -1
        self.free: dict[tuple[int, ...], list[tuple[int, int]]] = {}

    def type_of(self, spec: VarSpec) -> VarType:
        return self.module.var_type(spec.vtype)

    def spare(self) -> int:
        """A local variable for the length of one instruction."""
        if self._spare < 0:
            self._spare = self.new_local()
        return self._spare

    def number(self, value: int) -> None:
        """Push a fixnum."""
        if -128 <= value < 128:
            self.op("small", value)
        else:
            self.op("literal", self.literal(value << 3))

    def store(self, local: int) -> None:
        self.op("store_local", local)

    def open(self, local: int, size: int, to: int) -> None:
        self.op("var_open", local, min(size, 255))
        self.store(to)

    def exact(self, spec: VarSpec, local: int) -> None:
        """Arrays of a fixed size have it, where it can be said; indices are compared with it."""
        size, shift = spec.count * self.type_of(spec).stride, 0
        while size % 2 == 0 and size > 32767:
            size, shift = size // 2, shift + 1
        if spec.fixed and spec.count > 1 and size <= 32767:
            self.op("var_exact", local, size, shift)
            self.op("pop")

    def bytes(self, register: int) -> int:
        """The local variable with the bytes of a register; a null reference raises an exception."""
        place = self.places[register][-1]
        if place.nullable and place.variable not in self.opened:
            self.open(place.variable, self.type_of(place.spec).stride, place.bytes)
            self.exact(place.spec, place.bytes)
            self.opened.add(place.variable)
        return place.bytes

    def variable(self, register: int) -> int:
        """The local variable with a variable that has references; it is not null."""
        self.bytes(register)
        return self.places[register][-1].variable

    def make(self, spec: VarSpec, variable: int, bytes_: int, count: int | None = None) -> None:
        """A new variable; ``count`` is a local variable with the number of elements when that is not the one of the
        type.
        """
        vtype = self.type_of(spec)

        def times(n: int, more: int) -> None:
            if count is None:
                self.number(spec.count * n + more)
            else:
                self.op("local", count)
                self.number(n)
                self.op("times")
                if more:
                    self.number(more)
                    self.op("plus")
        times(vtype.stride, 0)
        self.op("make_variable")
        self.store(bytes_)
        self.open(bytes_, vtype.stride if count is None else 0, bytes_)
        if count is None:
            self.exact(spec, bytes_)
        if vtype.references:
            times(vtype.references, 0)
            self.op("call1", self.literal(self.m.intern("mkvect")))
            self.store(variable)
            self.op("local", variable)
            self.op("small", 0)
            self.op("local", bytes_)
            self.op("putv")
            self.op("pop")

    def take(self, spec: VarSpec) -> tuple[int, int]:
        """Local variables for a register of a type, those of a frame that was left when there are some."""
        vtype = self.type_of(spec)
        free = self.free.get((spec.vtype, spec.count))
        if free:
            return free.pop()
        bytes_ = self.new_local()
        return (self.new_local() if vtype.references else bytes_), bytes_

    def release(self, place: Place) -> None:
        """Forget a reference."""
        for local in {place.variable, place.bytes}:
            self.op("nil")
            self.store(local)
        self.opened.discard(place.variable)
