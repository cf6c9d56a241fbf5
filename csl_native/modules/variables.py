"""Variables of typed modules, as Lisp values and as Python sees them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..heap.objects import BYTES_HEADER, T_BYTES
from ..heap.words import OTHER, VECTOR
from ..kernel.memory import NIL
from ..session.containers import Handle
from .errors import RangeException, TypeException
from .types import VarSpec

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp
    from .module import Module
    from .running import Running


def new_variable(lisp: Lisp, module: Module, spec: VarSpec, count: int | None = None) -> int:
    """A Lisp value that is a variable of a type, all zero and null."""
    m, vtype = lisp.machine, module.var_type(spec.vtype)
    count = spec.count if count is None else count
    size, room = count * (vtype.stride + 8 * vtype.references), m.cage["heap_end"] - m.cage["heap_start"]
    if size > room // 2:
        raise RangeException(f"a variable of {count} elements of type {spec.vtype} has {size} bytes; a heap of {room} "
                             "bytes has no room for it (csl -K)")
    data = m.object(BYTES_HEADER, (8).to_bytes(8, "little") + bytes(count * vtype.stride))
    return m.vector([data, *[NIL] * (count * vtype.references)]) if vtype.references else data


def bytes_place(m: Any, value: int) -> int:
    """Where in the cage the bytes of a variable begin."""
    if value & 7 == VECTOR:
        value = m.field(value, 8 - VECTOR)
    return int(value + 16 - OTHER)


def bytes_size(m: Any, value: int) -> int:
    if value & 7 == VECTOR:
        value = m.field(value, 8 - VECTOR)
    return int((m.header(value) >> 8) - 8)


def is_variable(m: Any, value: int) -> bool:
    """Can a Lisp value be a variable?"""
    if value & 7 == VECTOR and m.vector_length(value):
        value = m.field(value, 8 - VECTOR)
    return value & 7 == OTHER and m.header(value) >> 3 & 31 == T_BYTES


class Variable:
    """A variable of a module's type: ``bytes`` of elements, references by element and index."""

    def __init__(self, running: Running, spec: VarSpec, handle: Handle) -> None:
        self.running, self.spec, self.handle = running, spec, handle
        self.type = running.module.var_type(spec.vtype)

    @property
    def count(self) -> int:
        """Its elements."""
        return bytes_size(self.running.m, self.handle.word) // self.type.stride

    def _place(self, element: int, offset: int, size: int) -> int:
        if not (0 <= element < self.count and 0 <= offset and offset + size <= self.type.bytes):
            raise TypeException(f"{size} bytes at {offset} of element {element}; there are {self.count} elements of "
                                f"{self.type.bytes} bytes")
        return bytes_place(self.running.m, self.handle.word) + element * self.type.stride + offset

    def read(self, element: int = 0, offset: int = 0, size: int = 8) -> bytes:
        place = self._place(element, offset, size)
        return bytes(self.running.m.bytes[place:place + size])

    def write(self, data: bytes, element: int = 0, offset: int = 0) -> None:
        place = self._place(element, offset, len(data))
        self.running.m.bytes[place:place + len(data)] = data

    def __getitem__(self, element: int) -> int:
        """The 64-bit number at the beginning of an element."""
        return int.from_bytes(self.read(element), "little", signed=True)

    def __setitem__(self, element: int, value: int) -> None:
        self.write((value & (1 << 64) - 1).to_bytes(8, "little"), element)

    def __iter__(self) -> Any:
        return (self[k] for k in range(self.count))

    def _slot(self, k: int, element: int) -> int:
        if not (0 <= k < self.type.references and 0 <= element < self.count):
            raise TypeException(f"reference {k} of element {element}; there are {self.type.references} in each of "
                                f"{self.count}")
        return 8 * (1 + element * self.type.references + k) + 8 - VECTOR

    def set_reference(self, k: int, to: Variable | None, element: int = 0) -> None:
        """Set reference number k to a variable of its type, or to null."""
        slot, spec = self._slot(k, element), self.type.vrefs[k] if k < len(self.type.vrefs) else None
        if spec is None:
            raise TypeException(f"reference {k} is one to a procedure")
        if (to is not None and (to.spec.vtype != spec.vtype or spec.fixed and to.count != spec.count
                                or to.running.module.tid != self.running.module.tid)):
            raise TypeException(f"reference {k} is to {spec.count if spec.fixed else 'any number'} of type "
                                f"{spec.vtype}, "
                                f"not to {to.count} of type {to.spec.vtype} of module {to.running.module.name}")
        self.running.m.set_field(self.handle.word, slot, NIL if to is None else to.handle.word)

    def reference(self, k: int, element: int = 0) -> Variable | None:
        """What reference number k is to; None when it is null."""
        slot, spec = self._slot(k, element), self.type.vrefs[k]
        value = self.running.m.field(self.handle.word, slot)
        return None if value == NIL else Variable(self.running, spec, Handle(self.running.session, value))

    def set_procedure(self, k: int, function: str | Any, element: int = 0) -> None:
        """Set procedure reference number k: a procedure or a Lisp function by name, or a Python function, which is
        called with a Variable.
        """
        m, running = self.running.m, self.running
        slot = self._slot(len(self.type.vrefs) + k, element)
        io = running.module.reg(running.module.proc_type(self.type.prefs[k]).io)
        if isinstance(function, str):
            names = {running.module.proc(n).name for n in range(running.module.proc_count)}
            word = m.intern(f"{running.module.name}:{function}" if function in names else function)
        else:
            word = running.python_function(function, io)
        m.set_field(self.handle.word, slot, word)
