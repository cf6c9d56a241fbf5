"""Functions of any number of arguments, where these are many: with one and two they are others of the kernel."""

from __future__ import annotations

from ..heap.words import UNWIND
from ..restricted.language import lisp, word
from .arithmetic import plus2, times2
from .calls import extra_argument, hostn
from .comparison import max_of_two, min_of_two
from .memory import NIL, cons
from .safepoint import safepoint


@lisp("list", "also")
def list_one(a: word) -> word:
    return cons(a, NIL)


@lisp("list", "also")
def list_two(a: word, b: word) -> word:
    return cons(a, cons(b, NIL))


@lisp("list", "rest")
def list_three(env: word, n: word, a: word, b: word, c: word) -> word:
    l = NIL
    k = 1
    while k <= n - 3:
        l = cons(extra_argument(k), l)
        k += 1
        if safepoint() == UNWIND:
            return UNWIND
    return cons(a, cons(b, cons(c, l))) if n > 0 else NIL


@lisp("plus", "rest")
def plus_many(env: word, n: word, a: word, b: word, c: word) -> word:
    r = plus2(a, b) if n > 0 else 0
    k = n - 2
    while k > 0 and r != UNWIND:
        if safepoint() == UNWIND:
            return UNWIND
        r = plus2(r, c if k == n - 2 else extra_argument(k))
        k -= 1
    return r


@lisp("times", "rest")
def times_many(env: word, n: word, a: word, b: word, c: word) -> word:
    r = times2(a, b) if n > 0 else 1 << 3
    k = n - 2
    while k > 0 and r != UNWIND:
        if safepoint() == UNWIND:
            return UNWIND
        r = times2(r, c if k == n - 2 else extra_argument(k))
        k -= 1
    return r


@lisp("max", "rest")
def max_many(env: word, n: word, a: word, b: word, c: word) -> word:
    if n == 0:
        return hostn(env, n, a, b, c)
    r = max_of_two(a, b)
    k = n - 2
    while k > 0 and r != UNWIND:
        if safepoint() == UNWIND:
            return UNWIND
        r = max_of_two(r, c if k == n - 2 else extra_argument(k))
        k -= 1
    return r


@lisp("min", "rest")
def min_many(env: word, n: word, a: word, b: word, c: word) -> word:
    if n == 0:
        return hostn(env, n, a, b, c)
    r = min_of_two(a, b)
    k = n - 2
    while k > 0 and r != UNWIND:
        if safepoint() == UNWIND:
            return UNWIND
        r = min_of_two(r, c if k == n - 2 else extra_argument(k))
        k -= 1
    return r
