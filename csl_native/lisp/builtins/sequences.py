"""The order of any two values."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...kernel.memory import NIL, T
from ...words import CONS, STRING, SYMBOL, VECTOR
from ..registry import builtin

if TYPE_CHECKING:
    from ..lisp import Lisp


def order(lisp: Lisp, a: int, b: int) -> int:
    """The order of orderp: numbers first, then symbols, strings, vectors, conses."""
    m = lisp.machine
    if a == b:
        return 0
    if lisp.is_number(a):
        if not lisp.is_number(b):
            return -1
        x, y = lisp.to_number(a), lisp.to_number(b)
        return -1 if x < y else 1 if x > y else 0
    if lisp.is_number(b):
        return 1
    if a & 7 == CONS:
        if b & 7 != CONS:
            return 1
        while a & 7 == CONS and b & 7 == CONS:
            c = order(lisp, m.car(a), m.car(b))
            if c:
                return c
            a, b = m.cdr(a), m.cdr(b)
        return order(lisp, a, b)
    if b & 7 == CONS:
        return -1
    rank = {SYMBOL: 0, STRING: 1, VECTOR: 2}
    ra, rb = rank.get(a & 7, 3), rank.get(b & 7, 3)
    if ra != rb:
        return -1 if ra < rb else 1
    if a & 7 in (SYMBOL, STRING):
        x_, y_ = m.text(a), m.text(b)
        return -1 if x_ < y_ else 1 if x_ > y_ else 0
    if a & 7 == VECTOR:
        for i, j in zip(m.vector_items(a), m.vector_items(b), strict=False):
            c = order(lisp, i, j)
            if c:
                return c
        return m.vector_length(a) - m.vector_length(b)
    return -1 if a < b else 1


@builtin("orderp", 2)
def orderp(lisp: Lisp, a: int, b: int) -> int:
    return T if order(lisp, a, b) <= 0 else NIL


@builtin("ordp", 2)
def ordp(lisp: Lisp, a: int, b: int) -> int:
    return T if order(lisp, a, b) >= 0 else NIL
