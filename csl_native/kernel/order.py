"""The order of any two values: conses, vectors, strings, symbols by their text, then numbers, the larger ones first."""

from __future__ import annotations

from ..objects import SYM_PNAME
from ..restricted.language import lisp, load, load8, noinline  # type: ignore[attr-defined]
from ..words import CONS, STRING, SYMBOL, VECTOR
from .arithmetic import is_number, truth
from .comparison import lessp
from .memory import NIL

OTHERS, NUMBERS = 4, 9


def rank(x):
    tag = x & 7
    if tag == CONS:
        return 0
    if tag == VECTOR:
        return 1
    if tag == STRING:
        return 2
    if tag == SYMBOL:
        return 3
    return NUMBERS if is_number(x) else OTHERS


def order_texts(a, b):
    """Of two strings, byte by byte, which is also the order of the characters of UTF-8."""
    n = load(a - STRING) >> 8
    m = load(b - STRING) >> 8
    i = 0
    while i < n and i < m:
        x = load8(a + 8 - STRING + i)
        y = load8(b + 8 - STRING + i)
        if x != y:
            return x - y
        i += 1
    return n - m


@noinline
def order(a, b):
    """Negative when a goes before b, positive when it goes behind, else 0; recursive along the cars only."""
    while a != b:
        r = rank(a)
        if r != rank(b):
            return r - rank(b)
        if r == NUMBERS:
            return 1 if lessp(a, b) != NIL else -1 if lessp(b, a) != NIL else 0
        if r == 2:
            return order_texts(a, b)
        if r == 3:
            return order_texts(load(a + SYM_PNAME), load(b + SYM_PNAME))
        if r == 1:
            return order_vectors(a, b)
        if r == OTHERS:
            return a - b
        c = order(load(a - 1), load(b - 1))
        if c != 0:
            return c
        a = load(a + 7)
        b = load(b + 7)
    return 0


def order_vectors(a, b):
    n = load(a - VECTOR) >> 8
    m = load(b - VECTOR) >> 8
    i = 0
    while i < n and i < m:
        c = order(load(a + 8 - VECTOR + i), load(b + 8 - VECTOR + i))
        if c != 0:
            return c
        i += 8
    return n - m


@lisp("orderp")
def orderp(a, b):
    return truth(order(a, b) <= 0)


@lisp("ordp")
def ordp(a, b):
    return truth(order(a, b) <= 0)
