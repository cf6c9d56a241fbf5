"""The order of any two values: conses, vectors, strings, symbols by their text, then numbers, the larger ones first."""

from __future__ import annotations

from ..objects import SYM_PNAME
from ..restricted.language import inline, lisp, load, load8, noinline  # type: ignore[attr-defined]
from ..words import CONS, STRING, SYMBOL, UNWIND, VECTOR
from .arithmetic import is_number, truth
from .comparison import compare_slow
from .host import O_LESSP

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


@inline
def sign(d):
    return -1 if d < 0 else 1 if d > 0 else 0


def order_texts(a, b):
    """Of two strings, byte by byte, which is also the order of the characters of UTF-8."""
    n = load(a - STRING) >> 8
    m = load(b - STRING) >> 8
    i = 0
    while i < n and i < m:
        x = load8(a + 8 - STRING + i)
        y = load8(b + 8 - STRING + i)
        if x != y:
            return sign(x - y)
        i += 1
    return sign(n - m)


@noinline
def order(a, b):
    """-1 when a goes before b, 1 when it goes behind, else 0, or UNWIND; recursive along the cars only."""
    while a != b:
        r = rank(a)
        if r != rank(b):
            return sign(r - rank(b))
        if r == NUMBERS:
            c = compare_slow(a, b, O_LESSP)
            return c if c == UNWIND else 1 if c < 0 else -1 if c == 1 else 0
        if r == 2:
            return order_texts(a, b)
        if r == 3:
            return order_texts(load(a + SYM_PNAME), load(b + SYM_PNAME))
        if r == 1:
            return order_vectors(a, b)
        if r == OTHERS:
            return sign(a - b)
        c = order(load(a - 1), load(b - 1))
        if c == UNWIND or c != 0:
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
        if c == UNWIND or c != 0:
            return c
        i += 8
    return sign(n - m)


@lisp("orderp")
def orderp(a, b):
    r = order(a, b)
    return r if r == UNWIND else truth(r <= 0)


@lisp("ordp")
def ordp(a, b):
    return orderp(a, b)
