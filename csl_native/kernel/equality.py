"""Equality: of numbers of one type, of structures, and as Common Lisp has it.

Structures are walked with a stack of what is still to be compared, in the region where the collector has its own (none
runs meanwhile): any depth of cars and vectors is the same to it, and a circular structure ends by an interrupt, a
limit, or an overflow of that region, as an error.
"""

from __future__ import annotations

from ..heap.objects import BYTES_HEADER
from ..heap.vm import SCRATCH, SCRATCH_END
from ..heap.words import CONS, FLOAT, OTHER, STRING, SYMBOL, UNWIND, VECTOR
from ..restricted.language import inline, lisp, load, load8, noinline, onepass, store, word
from .arithmetic import truth
from .bignum import compare_integers, is_big
from .comparison import eqn_slow
from .compound import same_compound
from .host import H_STACK_OVERFLOW, host
from .memory import NIL, T, poll

# bytes of the stack for what is still to be compared: two values and 0, or two places and where the first one's end
ENTRY = 24


@lisp("eql")
def eql(a: word, b: word) -> word:
    """Are two values the same object, or equal numbers of one type?  (eql 1.5 1.5) => t  (eql 1 1.0) => nil"""
    return truth(a == b or same_atom(a, b))


def same_atom(a: word, b: word) -> bool:
    """Two different words that are equal numbers of one type."""
    if a & 7 == FLOAT:
        return b & 7 == FLOAT and load(a + 8 - FLOAT) == load(b + 8 - FLOAT)
    if a & 7 == OTHER:
        return is_big(a) and is_big(b) and compare_integers(a, b) == 0 or same_compound(a, b)
    return False


@lisp("equal")
def equal(a: word, b: word) -> word:
    """Are two values alike: the same atoms in pairs and vectors of the same shape, equal strings, equal numbers of
    one type?
    (equal '(a "b") (list 'a "b")) => t  (equal 1 1.0) => nil
    """
    return is_equal(a, b)


@inline
def is_equal(a: word, b: word) -> word:
    """Structural equality: t or nil, or UNWIND."""
    if a == b:
        return T
    tag = a & 7
    if tag != b & 7 or tag == 0 or tag == SYMBOL:
        return NIL
    return equal_structures(a, b, VECTOR)


@inline
def is_cl_equal(a: word, b: word) -> word:
    """Structural equality that does not look into vectors, as Common Lisp's equal: t or nil, or UNWIND."""
    if a == b:
        return T
    tag = a & 7
    if tag != b & 7 or tag == 0 or tag == SYMBOL:
        return NIL
    return equal_structures(a, b, CONS)


@lisp("cl-equal")
def cl_equal(a: word, b: word) -> word:
    """Equality as in Common Lisp: as `equal`, but vectors are equal only when they are the same object.
    (cl!-equal '(a "b") (list 'a "b")) => t  (cl!-equal (vector 1) (vector 1)) => nil
    """
    return is_cl_equal(a, b)


@noinline
def equal_structures(a: word, b: word, deepest: word) -> word:
    """The same for two different words with one tag; ``deepest`` VECTOR: vectors are compared by their elements, too.
    """
    base = load(SCRATCH)
    top = base
    while True:
        while a != b:
            tag = a & 7
            if tag != b & 7 or tag == 0 or tag == SYMBOL:
                return NIL
            if tag == CONS:
                x = load(a - 1)
                y = load(b - 1)
                a = load(a + 7)
                b = load(b + 7)
                if x != y:
                    if x & 7 == CONS and y & 7 == CONS or x & 7 == VECTOR:
                        if a != b:
                            if top + ENTRY > load(SCRATCH_END):
                                return host(H_STACK_OVERFLOW, 0, 0, 0)
                            store(top, a)
                            store(top + 8, b)
                            store(top + 16, 0)
                            top += ENTRY
                        a = x
                        b = y
                    elif x & 7 != y & 7 or not equal_atoms(x, y):
                        return NIL
                if poll() == UNWIND:
                    return UNWIND
            elif tag != VECTOR:
                if not equal_atoms(a, b):
                    return NIL
                break
            else:
                if deepest != VECTOR or load(a - VECTOR) != load(b - VECTOR):
                    return NIL
                if top + ENTRY > load(SCRATCH_END):
                    return host(H_STACK_OVERFLOW, 0, 0, 0)
                store(top, a + 8 - VECTOR)
                store(top + 8, b + 8 - VECTOR)
                store(top + 16, a + 8 - VECTOR + (load(a - VECTOR) >> 8))
                top += ENTRY
                break
        if poll() == UNWIND:
            return UNWIND
        if top == base:
            return T
        a = load(top - ENTRY)
        b = load(top - ENTRY + 8)
        end = load(top - ENTRY + 16)
        if end == 0:
            top -= ENTRY
        elif a == end:
            top -= ENTRY
            a = NIL
            b = NIL
        else:
            store(top - ENTRY, a + 8)
            store(top - ENTRY + 8, b + 8)
            a = load(a)
            b = load(b)


def equal_atoms(a: word, b: word) -> bool:
    """Of two words with one tag that are no pairs or vectors."""
    if a & 7 == FLOAT:
        return eqn_slow(a, b)
    if a & 7 == OTHER:
        return same_atom(a, b) or (load(a - OTHER) & 255 == BYTES_HEADER and same_bytes(a, b))
    return a & 7 == STRING and same_bytes(a, b)


@onepass("the bytes of one object")
def same_bytes(a: word, b: word) -> bool:
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
