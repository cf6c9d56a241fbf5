"""Vectors."""

from __future__ import annotations

from ..heap.objects import BYTES_HEADER
from ..heap.words import CONS, OTHER, STRING, UNWIND, VECTOR
from ..restricted.language import defined, inline, lisp, load, noinline, store, word
from .host import H_BAD_VECTOR, O_GETV, O_LENGTH, O_MKVECT, O_PUTV, O_VECTOR2LIST, bad_op, host, tell
from .lists import length
from .memory import NIL, cons, make_vector, poll, set_field
from .safepoint import safepoint


@noinline
def signal_vector(operation: word, v: word, i: word) -> None:
    tell(H_BAD_VECTOR, operation, v, i)


@lisp("mkvect")
def mkvect(n: word) -> word:
    """A new vector with the indices 0 to n, all nil.  (mkvect 2) => [nil nil nil]"""
    if n & 7 != 0 or n < -8:
        return bad_op(O_MKVECT, n)
    return make_vector((n >> 3) + 1, NIL)


@lisp("getv")
@inline
def getv(v: word, i: word) -> word:
    """The element of a vector at an index from 0 on.  (getv (vector 'a 'b) 1) => b"""
    if v & 7 == VECTOR and i & 7 == 0:
        if i >= 0 and i < load(v - VECTOR) >> 8:
            return defined(load(v + 8 - VECTOR + i))
    signal_vector(O_GETV, v, i)
    return UNWIND


@lisp("vector", "also")
def vector_one(a: word) -> word:
    return vector_of(1, a, NIL, NIL)


@lisp("vector", "also")
def vector_two(a: word, b: word) -> word:
    return vector_of(2, a, b, NIL)


@lisp("vector", "also")
def vector_three(a: word, b: word, c: word) -> word:
    return vector_of(3, a, b, c)


@inline
def vector_of(count: word, a: word, b: word, c: word) -> word:
    v = make_vector(count, a)
    if v == UNWIND:
        return v
    if count > 1:
        store(v + 16 - VECTOR, b)
    if count > 2:
        store(v + 24 - VECTOR, c)
    return v


@lisp("putv")
@inline
def putv(v: word, i: word, x: word) -> word:
    """Set an element of a vector; the value.  (prog (v) (setq v (mkvect 1)) (putv v 0 'a) (return v)) => [a nil]"""
    if v & 7 == VECTOR and i & 7 == 0:
        if i >= 0 and i < load(v - VECTOR) >> 8:
            set_field(v + 8 - VECTOR + i, x)
            return x
    signal_vector(O_PUTV, v, i)
    return UNWIND


@lisp("upbv")
def upbv(v: word) -> word:
    """The highest index of a vector, or of the bytes of a string; nil for anything else.  (upbv (mkvect 5)) => 5"""
    if v & 7 == VECTOR:
        return (load(v - VECTOR) >> 11 << 3) - 8
    if v & 7 == STRING:
        return (load(v - STRING) >> 8 << 3) - 8
    if v & 7 == OTHER and load(v - OTHER) & 255 == BYTES_HEADER:
        return bad_op(O_LENGTH, v)
    return NIL


@lisp("list2vector")
def list2vector(l: word) -> word:
    """A vector of the elements of a list.  (list2vector '(a b)) => [a b]"""
    n = length(l) if l & 7 == CONS else 0
    if n == UNWIND:
        return UNWIND
    v = make_vector(n >> 3, NIL)
    if v == UNWIND:
        return UNWIND
    p = v + 8 - VECTOR
    end = p + n
    while p < end and l & 7 == CONS:
        set_field(p, load(l - 1))
        l = load(l + 7)
        p += 8
        if poll() == UNWIND:
            return UNWIND
    return v


@lisp("vector2list")
def vector2list(v: word) -> word:
    """The elements of a vector, as a list.  (vector2list (vector 'a 'b)) => (a b)"""
    if v & 7 != VECTOR:
        return host(H_BAD_VECTOR, O_VECTOR2LIST, v, 0)
    r = NIL
    n = load(v - VECTOR) >> 8
    while n > 0:
        n -= 8
        r = cons(load(v + 8 - VECTOR + n), r)
        if safepoint() == UNWIND:
            return UNWIND
    return r
