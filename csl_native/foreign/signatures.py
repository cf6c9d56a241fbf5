"""Signatures and structures as they stand in the heap, so that images keep them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..heap.objects import SIGNATURE
from ..heap.words import CONS, STRING, SYMBOL, VECTOR
from ..kernel.memory import NIL
from .types import ALIASES, SCALARS, Signature, TypeExpression

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp

STRUCTURE = "foreign-structure"  # the property that has the fields of a structure


def type_of(lisp: Lisp, x: int, argument: bool = False, where: str = "foreign type") -> TypeExpression:
    """A type from its Lisp form; a Lisp error when it is none, which says ``where`` it stands."""
    m = lisp.machine
    if x & 7 == SYMBOL:
        name = ALIASES.get(m.text(x), m.text(x))
        if name in SCALARS:
            return TypeExpression("scalar", name)
        fields = int(m.kernel.get(x, m.intern(STRUCTURE)))
        if fields & 7 == CONS:
            rows = [list(m.items(row)) for row in m.items(fields)]
            return TypeExpression("structure", name, tuple(type_of(lisp, row[1]) for row in rows),
                                  tuple(m.text(row[0]) for row in rows))
    elif x & 7 == CONS and m.car(x) & 7 == SYMBOL:
        kind, rest = m.text(m.car(x)), list(m.items(m.cdr(x)))
        if kind == "pointer" and len(rest) == 1 and (inner := type_of(lisp, rest[0])).kind == "structure":
            return TypeExpression("pointer", inner.name, (inner,))
        if (kind in ("out", "inout") and argument and len(rest) == 1
            and (inner := type_of(lisp, rest[0])).name not in ("void", "string")):
            return TypeExpression(kind, inner.name, (inner,))
        if kind == "callback" and len(rest) == 2:
            parts = (type_of(lisp, rest[0]), *(type_of(lisp, t) for t in m.items(rest[1])))
            if all(p.kind == "scalar" for p in parts) and all(p.name != "void" for p in parts[1:]):
                return TypeExpression("callback", "callback", parts)
    raise lisp.errors.plain(f"{where}: no C type {lisp.hints.shown(x)}; one of {', '.join([*SCALARS, *ALIASES])}, a "
                            "structure (foreign-structure), "
                            "(pointer STRUCTURE), (out TYPE), (inout TYPE) or (callback RESULT (ARGUMENT ...)) was "
                            "expected")


def signature_of(lisp: Lisp, x: int) -> Signature | None:
    """The signature in a vector that ``foreign-function`` made; None for any other value."""
    m = lisp.machine
    if x & 7 != VECTOR or m.vector_length(x) != 6 or m.vector_items(x)[0] != m.intern(SIGNATURE):
        return None
    _, library, name, result, arguments, options = m.vector_items(x)
    if name & 7 != STRING or library != NIL and library & 7 != STRING:
        return None
    if arguments != NIL and arguments & 7 != CONS:
        raise lisp.errors.plain(f"define-foreign: a list of argument types expected, not {lisp.hints.shown(arguments)}")
    types = list(m.items(arguments))
    variadic = bool(types) and types[-1] == m.intern("&rest")
    row = Signature("" if library == NIL else m.text(library), m.text(name),
                    type_of(lisp, result, where="define-foreign: result"),
                    tuple(type_of(lisp, t, True, f"define-foreign: argument {k}")
                          for k, t in enumerate(types[:len(types) - variadic], 1)), variadic,
                    any(o == m.intern("errno") for o in m.items(options)))
    if any(t == TypeExpression("scalar", "void") for t in row.arguments):
        raise lisp.errors.plain("void is no type of an argument", arguments)
    return row
