"""Types of C, and signatures of C functions, as Lisp says them."""

from __future__ import annotations

import ctypes

from ..architectures import host
from ..system.records import Record
from . import FOREIGN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Scalar(Record):
    """``ctype``: what libffi takes; ``ir``: LLVM's type, empty where only libffi converts it; ``bits`` and ``signed``
    of integers.
    """

    name: str
    ctype: Any
    ir: str = ""
    bits: int = 0
    signed: bool = False


def _integer(name: str, ctype: Any, signed: bool) -> Scalar:
    bits = 8 * ctypes.sizeof(ctype)
    return Scalar(name, ctype, f"i{bits}" if name not in ("long", "ulong", "size") else "", bits, signed)


SCALARS = {row.name: row for row in (
    *(_integer(f"{'' if signed else 'u'}int{bits}", getattr(ctypes, f"c_{'' if signed else 'u'}int{bits}"), signed)
      for bits in (8, 16, 32, 64) for signed in (True, False)),
    _integer("int", ctypes.c_int, True), _integer("long", ctypes.c_long, True),
    _integer("ulong", ctypes.c_ulong, False),
    _integer("size", ctypes.c_size_t, False),
    Scalar("double", ctypes.c_double, "double"), Scalar("float", ctypes.c_float, "float"),
    Scalar("bool", ctypes.c_bool),
    Scalar("pointer", ctypes.c_void_p), Scalar("string", ctypes.c_char_p), Scalar("void", None, "void"))}


# C's own names of types that have one size on all machines; whether its char has a sign differs, and this one has.
ALIASES = {"char": "int8", "uchar": "uint8", "short": "int16", "ushort": "uint16", "uint": "uint32"}


class TypeExpression(Record):
    """``kind``: scalar, structure, pointer (to a structure), callback, out or inout.  ``name``: of the scalar or
    structure; ``parts``: what it is made of: fields of a structure, a callback's result and arguments, what is passed
    out."""

    kind: str
    name: str
    parts: tuple[TypeExpression, ...] = ()
    fields: tuple[str, ...] = ()

    def __str__(self) -> str:
        if self.kind in ("scalar", "structure"):
            return self.name
        if self.kind == "callback":
            return f"(callback {self.parts[0]} ({' '.join(map(str, self.parts[1:]))}))"
        return f"({self.kind} {self.parts[0]})"

    @property
    def ctype(self) -> Any:
        """What libffi takes for it."""
        if self.kind == "scalar":
            return SCALARS[self.name].ctype
        if self.kind == "structure":
            return structure(self)
        if self.kind == "callback":
            return ctypes.CFUNCTYPE(callback_result(self.parts[0]), *(part.ctype for part in self.parts[1:]))
        return ctypes.c_void_p


def callback_result(t: TypeExpression) -> Any:
    """What libffi is told that a callback gives: a narrow integer fills its register, which not every libffi sees to.
    """
    row = SCALARS[t.name]
    return ctypes.c_long if 0 < row.bits < 8 * ctypes.sizeof(ctypes.c_long) else row.ctype


def filled(t: TypeExpression, value: Any) -> Any:
    """A callback's value as it stands in its register: on some machines unsigned integers of 32 bits are extended like
    signed ones.
    """
    machine = host()
    if t.name == "uint32" and machine is not None and machine.word_extension == "signext" and value >= 1 << 31:
        return value - (1 << 32)
    return value


_structures: dict[TypeExpression, Any] = {}


def structure(expression: TypeExpression) -> Any:
    """The ctypes class of a structure; its fields have C's order and padding."""
    if expression not in _structures:
        rows = [(f"{k}", part.ctype) for k, part in enumerate(expression.parts)]
        _structures[expression] = type(expression.name, (ctypes.Structure,), {"_fields_": rows})
    return _structures[expression]


class Signature(Record):
    """A C function: library (empty: the process itself), name, result, arguments; ``variadic``: more may follow;
    ``errno``: it is kept.
    """

    library: str
    name: str
    result: TypeExpression
    arguments: tuple[TypeExpression, ...]
    variadic: bool = False
    errno: bool = False

    @property
    def given(self) -> tuple[TypeExpression, ...]:
        """The arguments that a caller gives: all but those that only come out."""
        return tuple(a for a in self.arguments if a.kind != "out")

    @property
    def is_plain(self) -> bool:
        """Can a native thunk make this call: only numbers, and nothing that must be kept for later?"""
        rows = [SCALARS.get(t.name) if t.kind == "scalar" else None for t in (self.result, *self.arguments)]
        return not self.variadic and not self.errno and len(self.arguments) <= 6 and all(
            row is not None and row.ir for row in rows) and (
            self.result.name != "uint64")

    @property
    def target(self) -> str:
        """The name of the function as a relocation target."""
        return f"{FOREIGN}{self.library}!{self.name}"
