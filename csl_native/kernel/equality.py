"""Equality: of numbers of one type, of structures, and as Common Lisp has it."""

from __future__ import annotations

from ..objects import BYTES_HEADER
from ..restricted.language import lisp, load, load8  # type: ignore[attr-defined]
from ..words import CONS, FLOAT, OTHER, STRING, SYMBOL, VECTOR
from .arithmetic import truth
from .bignum import compare_integers, is_big
from .comparison import eqn_slow


@lisp("eql")
def eql(a, b):
    return truth(a == b or same_atom(a, b))


def same_atom(a, b) -> bool:
    """Two different words that are equal numbers of one type."""
    if a & 7 == FLOAT:
        return b & 7 == FLOAT and load(a + 8 - FLOAT) == load(b + 8 - FLOAT)
    if a & 7 == OTHER:
        return is_big(a) and is_big(b) and compare_integers(a, b) == 0
    return False


@lisp("equal")
def equal(a, b):
    return truth(is_equal(a, b))


def is_equal(a, b) -> bool:
    """Structural equality; recursive along the cars only."""
    while True:
        if a == b:
            return True
        tag = a & 7
        if tag != b & 7 or tag == 0 or tag == SYMBOL:
            return False
        if tag != CONS:
            return equal_objects(a, b)
        x = load(a - 1)
        y = load(b - 1)
        if x != y and not is_equal(x, y):
            return False
        a = load(a + 7)
        b = load(b + 7)


def is_cl_equal(a, b) -> bool:
    """Structural equality that does not look into vectors, as Common Lisp's equal."""
    while a != b:
        tag = a & 7
        if tag != b & 7 or tag == 0 or tag == SYMBOL or tag == VECTOR:
            return False
        if tag != CONS:
            return equal_objects(a, b)
        x = load(a - 1)
        y = load(b - 1)
        if x != y and not is_cl_equal(x, y):
            return False
        a = load(a + 7)
        b = load(b + 7)
    return True


@lisp("cl-equal")
def cl_equal(a, b):
    return truth(is_cl_equal(a, b))


def equal_objects(a, b) -> bool:
    if a & 7 == FLOAT:
        return eqn_slow(a, b)
    if a & 7 == OTHER:
        return same_atom(a, b) or (load(a - OTHER) & 255 == BYTES_HEADER and same_bytes(a, b))
    if a & 7 == STRING:
        return same_bytes(a, b)
    if load(a - VECTOR) != load(b - VECTOR):
        return False
    n = load(a - VECTOR) >> 8
    i = 0
    while i < n:
        if not is_equal(load(a + 8 - VECTOR + i), load(b + 8 - VECTOR + i)):
            return False
        i += 8
    return True


def same_bytes(a, b) -> bool:
    """Do two objects with one tag have the same header and contents?"""
    p = a & -16
    q = b & -16
    if load(p) != load(q):
        return False
    n = load(p) >> 8
    i = 8
    while i < n:
        if load(p + i) != load(q + i):
            return False
        i += 8
    i = i - 8
    while i < n:
        if load8(p + 8 + i) != load8(q + 8 + i):
            return False
        i += 1
    return True
