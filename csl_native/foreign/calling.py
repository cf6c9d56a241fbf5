"""Calls of C functions through libffi: whatever a signature says, with every argument checked."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..heap.objects import T_BYTES
from ..heap.words import FLOAT, OTHER, STRING, VECTOR
from ..kernel.memory import NIL, T
from ..lisp.handles import FOREIGN
from ..runtime.machine import Unwinding
from ..system.threads import this_thread
from .libraries import library
from .types import SCALARS, Signature, TypeExpression, filled

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp

BLANK = TypeExpression("scalar", "void")


class Callback:
    """A Lisp function as a C function; ``pointer`` must live as long as C may call it."""

    def __init__(self, lisp: Lisp, function: int, expression: TypeExpression,
                 pending: list[tuple[int, int, int]]) -> None:
        self.lisp, self.function, self.expression, self.pending = lisp, function, expression, pending
        self.pointer = expression.ctype(self.call)
        self.address = int(ctypes.cast(self.pointer, ctypes.c_void_p).value or 0)

    def call(self, *values: Any) -> Any:
        """C calls; an error waits in ``pending`` until C has returned, because nothing may unwind through C's frames.
        """
        lisp, m = self.lisp, self.lisp.machine
        empty = None if self.expression.parts[0] == BLANK else 0
        if self.pending or this_thread() != lisp.session.owner:  # a thread of C's own has no Lisp
            return empty
        with m.inside(), m.scope() as scope:
            found = self.answer(values, empty)
            for _, tag, value in self.pending:
                scope.keep(tag)
                scope.keep(value)
        return found

    def answer(self, values: tuple[Any, ...], empty: int | None) -> Any:
        """The C value of the function's, or ``empty`` when it has an error."""
        lisp, m, result = self.lisp, self.lisp.machine, self.expression.parts[0]
        sp, bp = m.cage["sp"], m.cage["bp"]
        keep: list[Any] = []
        try:
            words = [from_c(lisp, t, v) for t, v in zip(self.expression.parts[1:], values, strict=True)]
            value = lisp.apply(self.function, words)
            found = None if result == BLANK else to_c(lisp, result, value, "the callback's value", keep, self.pending)
            return filled(result, found.value) if isinstance(found, ctypes._SimpleCData) else found
        except Unwinding:
            self.pending.append((m.cage["unwind_kind"], m.cage["unwind_tag"], m.cage["unwind_value"]))
            lisp.settle(sp, bp)
        except Exception as error:
            lisp.errors.loud(str(error))
            self.pending.append((m.cage["unwind_kind"], m.cage["unwind_tag"], m.cage["unwind_value"]))
            lisp.settle(sp, bp)
        return empty


def refuse(lisp: Lisp, what: str, expected: object, value: int) -> Unwinding:
    return lisp.errors.plain(f"{what}: {expected} expected", value)


def to_c(lisp: Lisp, t: TypeExpression, x: int, what: str, keep: list[Any], pending: list[tuple[int, int, int]]) -> Any:
    """The C value of a Lisp one; what it points to is put into ``keep``.  A Lisp error when its type is another."""
    m = lisp.machine
    if t.kind == "structure":
        return to_structure(lisp, t, x, what, keep, pending)
    if t.kind == "pointer" and x & 7 == VECTOR:
        keep.append(to_structure(lisp, t.parts[0], x, what, keep, pending))
        return ctypes.c_void_p(ctypes.addressof(keep[-1]))
    if t.kind == "callback" and not (x == NIL or m.is_integer(x) or lisp.handles.kind(x) == FOREIGN):
        keep.append(Callback(lisp, x, t, pending))
        return keep[-1].pointer
    if t.kind in ("pointer", "callback") or t.name == "pointer":
        address = address_of(lisp, x)
        if address is None:
            raise refuse(lisp, what, t, x)
        return ctypes.cast(address, t.ctype) if t.kind == "callback" else ctypes.c_void_p(address)
    row = SCALARS[t.name]
    if row.bits:
        low = -(1 << row.bits - 1) if row.signed else 0
        if not m.is_integer(x) or not low <= m.number(x) < low + (1 << row.bits):
            raise refuse(lisp, what, t, x)
        return row.ctype(m.number(x))
    if t.name in ("double", "float"):
        if x & 7 != FLOAT and not m.is_integer(x):
            raise refuse(lisp, what, t, x)
        return row.ctype(m.double(x) if x & 7 == FLOAT else float(m.number(x)))
    if t.name == "bool":
        return row.ctype(x != NIL)
    if x == NIL:
        return ctypes.c_char_p(None)
    data = m.string_bytes(x) if x & 7 == STRING else b"\0"
    if b"\0" in data:
        raise refuse(lisp, what, "a string without a character 0", x)
    keep.append(data)
    return ctypes.c_char_p(data)


def to_structure(lisp: Lisp, t: TypeExpression, x: int, what: str, keep: list[Any],
                 pending: list[tuple[int, int, int]]) -> Any:
    """A structure from a vector of its fields."""
    items = lisp.machine.vector_items(x) if x & 7 == VECTOR else []
    if len(items) != len(t.parts):
        raise refuse(lisp, what, f"a vector of the {len(t.parts)} fields of {t.name}", x)
    made = t.ctype()
    for k, (part, item) in enumerate(zip(t.parts, items, strict=True)):
        value = to_c(lisp, part, item, f"{what}, field {t.fields[k]}", keep, pending)
        setattr(made, str(k), value.value if isinstance(value, ctypes._SimpleCData) else value)
    return made


def address_of(lisp: Lisp, x: int) -> int | None:
    """The address that a Lisp value stands for: an integer, nil, the numbers of a mkvect8..., a callback; None for
    others.
    """
    m = lisp.machine
    if x == NIL:
        return 0
    if m.is_integer(x):
        return m.number(x) & (1 << 64) - 1
    if x & 7 == OTHER and m.header(x) >> 3 & 31 == T_BYTES:  # objects do not move
        return int(m.cage.base) + x - OTHER + 16
    thing = lisp.handles.thing(x, FOREIGN)
    return thing.address if isinstance(thing, Callback) else None


def from_c(lisp: Lisp, t: TypeExpression, value: Any) -> int:
    """The Lisp value of a C one."""
    m = lisp.machine
    if t.kind == "structure":
        result = m.vector([NIL] * len(t.parts))
        for k, part in enumerate(t.parts):
            m.set_field(result, 8 * k + 8 - VECTOR, from_c(lisp, part, getattr(value, str(k))))
        return result
    if t == BLANK or value is None:
        return NIL
    if t.name == "bool":
        return T if value else NIL
    if isinstance(value, bytes):
        return m.string(value)
    if isinstance(value, float):
        return m.float(value)
    return m.integer(int(value)) if isinstance(value, int) else NIL


def prepare(lisp: Lisp, row: Signature) -> Callable[[list[int]], int]:
    """A function that calls a C function with Lisp values."""
    function = library(row.library)[row.name]
    function.restype = row.result.ctype
    fixed = [ctypes.c_void_p if t.kind == "callback" else t.ctype for t in row.arguments]
    function.argtypes = fixed if row.variadic and fixed else None  # so that libffi knows where the variable part begins
    return lambda words: Call(lisp, row).run(function, words)


class Call:
    """One call: ``keep`` lives as long as it, ``cells`` are what C may write to (with the vector that a structure came
    from, or nil).
    """

    def __init__(self, lisp: Lisp, row: Signature) -> None:
        self.lisp, self.m, self.row = lisp, lisp.machine, row
        self.keep: list[Any] = []
        self.pending: list[tuple[int, int, int]] = []
        self.cells: list[tuple[TypeExpression, Any, int]] = []

    def run(self, function: Any, words: list[int]) -> int:
        lisp, m = self.lisp, self.m
        values = self.values(words)
        lisp.output.flush()
        ctypes.set_errno(0)
        with m.waiting():
            found = m.left_to(function, values)
        lisp.errno = ctypes.get_errno()
        if self.pending:
            m.cage["unwind_kind"], m.cage["unwind_tag"], m.cage["unwind_value"] = self.pending[0]
            raise Unwinding
        m.look()
        return self.result(found)

    def values(self, words: list[int]) -> list[Any]:
        """The C values of the arguments; a Lisp error for a wrong number or type."""
        row, count = self.row, len(self.row.given)
        if len(words) < count or len(words) > count and not row.variadic:
            raise self.lisp.errors.plain(f"{row.name}: {count}{' or more' if row.variadic else ''} arguments expected, "
                                         f"{len(words)} given")
        rest = iter(words)
        values = [self.value(t, NIL if t.kind == "out" else next(rest), f"argument {k} of {row.name}")
                  for k, t in enumerate(row.arguments, 1)]
        return values + [promoted(self.lisp, x, f"argument {k} of {row.name}", self.keep, self.pending)
                         for k, x in enumerate(rest, len(row.arguments) + 1)]

    def value(self, t: TypeExpression, x: int, what: str) -> Any:
        if t.kind in ("out", "inout"):
            cell = t.parts[0].ctype()
            if t.kind == "inout":
                given = to_c(self.lisp, t.parts[0], x, what, self.keep, self.pending)
                cell = given if isinstance(given, ctypes.Structure) else t.parts[0].ctype(given.value)
            self.cells.append((t.parts[0], cell, NIL))
            return ctypes.c_void_p(ctypes.addressof(cell))
        value = to_c(self.lisp, t, x, what, self.keep, self.pending)
        if t.kind == "pointer" and x & 7 == VECTOR:
            self.cells.append((t.parts[0], self.keep[-1], x))
        return ctypes.cast(value, ctypes.c_void_p) if t.kind == "callback" and self.row.variadic else value

    def result(self, found: Any) -> int:
        """The value of the call, in a list with what came out by parameters when there are such; structures are written
        back.
        """
        lisp, m, outs = self.lisp, self.m, []
        for t, cell, vector in self.cells:
            value = from_c(lisp, t, cell if isinstance(cell, ctypes.Structure) else cell.value)
            if vector == NIL:
                outs.append(value)
            else:
                for k, item in enumerate(m.vector_items(value)):
                    m.set_field(vector, 8 * k + 8 - VECTOR, item)
        result = from_c(lisp, self.row.result, found)
        return m.list(outs if self.row.result == BLANK else [result, *outs]) if outs else result


def promoted(lisp: Lisp, x: int, what: str, keep: list[Any], pending: list[tuple[int, int, int]]) -> Any:
    """An argument in the variable part, by the type of its value: a 64-bit integer, a double or a string."""
    m = lisp.machine
    name = "int64" if m.is_integer(x) else "double" if x & 7 == FLOAT else "string" if x & 7 == STRING else "pointer"
    return to_c(lisp, TypeExpression("scalar", name), x, what, keep, pending)


def read_memory(lisp: Lisp, address: int, t: TypeExpression) -> int:
    """What is at an address."""
    value = t.ctype.from_address(address)
    return from_c(lisp, t, value if isinstance(value, ctypes.Structure) else value.value)


def write_memory(lisp: Lisp, address: int, t: TypeExpression, x: int) -> None:
    keep: list[Any] = []
    value = to_c(lisp, t, x, "foreign-set", keep, [])
    ctypes.memmove(address, ctypes.byref(value), ctypes.sizeof(t.ctype))

