"""Functions of any number of arguments, where these are many: with one and two they are others of the kernel."""

from __future__ import annotations

from ..heap.words import UNWIND
from ..restricted.language import lisp, word
from .arithmetic import plus2, times2
from .calls import extra_argument, hostn, later_arguments
from .comparison import max_of_two, min_of_two
from .memory import NIL, cons
from .safepoint import safepoint

PLUS, TIMES, MAX, MIN = range(4)


@lisp("list", "also")
def list_one(a: word) -> word:
    return cons(a, NIL)


@lisp("list", "also")
def list_two(a: word, b: word) -> word:
    return cons(a, cons(b, NIL))


@lisp("list", "rest")
def list_three(env: word, n: word, a: word, b: word, c: word) -> word:
    l = later_arguments(n - 3)
    return l if l == UNWIND else cons(a, cons(b, cons(c, l))) if n > 0 else NIL


def joined(operation: word, n: word, a: word, b: word, c: word) -> word:
    """The arguments of a call of three and more, from left to right."""
    r = a
    k = n - 1
    while k > 0 and r != UNWIND:
        if safepoint() == UNWIND:
            return UNWIND
        x = b if k == n - 1 else c if k == n - 2 else extra_argument(k)
        r = (plus2(r, x) if operation == PLUS else times2(r, x) if operation == TIMES
             else max_of_two(r, x) if operation == MAX else min_of_two(r, x))
        k -= 1
    return r


@lisp("plus", "rest")
def plus_many(env: word, n: word, a: word, b: word, c: word) -> word:
    return joined(PLUS, n, a, b, c) if n > 0 else 0


@lisp("times", "rest")
def times_many(env: word, n: word, a: word, b: word, c: word) -> word:
    return joined(TIMES, n, a, b, c) if n > 0 else 1 << 3


@lisp("max", "rest")
def max_many(env: word, n: word, a: word, b: word, c: word) -> word:
    return joined(MAX, n, a, b, c) if n > 0 else hostn(env, n, a, b, c)


@lisp("min", "rest")
def min_many(env: word, n: word, a: word, b: word, c: word) -> word:
    return joined(MIN, n, a, b, c) if n > 0 else hostn(env, n, a, b, c)
