"""The order of any two values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...kernel.memory import NIL, T
from ...words import CONS, STRING, SYMBOL, VECTOR
from ..registry import builtin

if TYPE_CHECKING:
    from ..lisp import Lisp


RANK = {CONS: 0, VECTOR: 1, STRING: 2, SYMBOL: 3}


def order(lisp: Lisp, a: int, b: int) -> int:
    """Negative when a goes before b: conses, vectors, strings, symbols by their text, then numbers, larger ones first."""
    m = lisp.machine
    while a != b:
        ra, rb = (9 if lisp.is_number(x) else RANK.get(x & 7, 4) for x in (a, b))
        if ra != rb:
            return ra - rb
        if ra == 9:
            x, y = lisp.to_number(a), lisp.to_number(b)
            return (x < y) - (x > y)
        if ra in (2, 3):
            s, t = m.text(a), m.text(b)
            return (s > t) - (s < t)
        if ra == 1:
            for i, j in zip(m.vector_items(a), m.vector_items(b), strict=False):
                if c := order(lisp, i, j):
                    return c
            return m.vector_length(a) - m.vector_length(b)
        if ra == 4:
            return a - b
        if c := order(lisp, m.car(a), m.car(b)):
            return c
        a, b = m.cdr(a), m.cdr(b)
    return 0


@builtin("orderp", 2)
def orderp(lisp: Lisp, a: int, b: int) -> int:
    return T if order(lisp, a, b) <= 0 else NIL


@builtin("ordp", 2)
def ordp(lisp: Lisp, a: int, b: int) -> int:
    return T if order(lisp, a, b) <= 0 else NIL
