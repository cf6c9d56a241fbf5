"""Variables of typed procedures: vectors of 8-bit numbers whose bytes are used as numbers of any width.

A variable with references is a vector: its bytes, one at least for each element, then the references of each element.
What goes wrong in a typed procedure is an exception, a number: a throw whose tag no Lisp program has.
"""

from __future__ import annotations

from ..heap.objects import BIGNEG_HEADER, BYTES_HEADER
from ..heap.vm import BIND_BASE, UNWIND_KIND, UNWIND_TAG, UNWIND_VALUE
from ..heap.words import OTHER, UNWIND, VECTOR
from ..restricted.language import (
    inline,
    lisp,
    load,
    load8,
    load32,
    load64,
    noinline,
    onepass,
    sdiv,
    srem,
    store,
    store8,
    store16,
    store32,
    store64,
    udiv,
    ult,
    word,
)
from .bignum import from_word, is_big, limb_count, limbs
from .host import OP, bad_op
from .memory import NIL, UNSET, make_object
from .symbols import start_throw, unbind_to

NULL_REFERENCE, RANGE = -1, -2  # the exceptions that instructions raise
O_VARIABLE, O_WORD = OP["variable"], OP["word64"]
LARGEST = 1 << 46  # of a variable, a fixnum
LEAST = -(1 << 63)


@inline
def read64(b: word) -> word:
    return load64(b + 16 - OTHER)


@inline
def read32(b: word) -> word:
    return load32(b + 16 - OTHER)


@inline
def write64(b: word, v: word) -> None:
    store64(b + 16 - OTHER, v)


@inline
def write32(b: word, v: word) -> None:
    store32(b + 16 - OTHER, v)


@inline
def write16(b: word, v: word) -> None:
    store16(b + 16 - OTHER, v)


@inline
def write8(b: word, v: word) -> None:
    store8(b + 16 - OTHER, v)


@inline
def is_bytes(b: word) -> bool:
    return b & 7 == OTHER and load(b - OTHER) & 255 == BYTES_HEADER


@inline
def size_of(b: word) -> word:
    """Bytes of a variable's bytes."""
    return (load(b - OTHER) >> 8) - 8


@inline
def bytes_of(v: word) -> word:
    """The bytes of a variable, which may be anything else."""
    if v & 7 == VECTOR and load(v - VECTOR) >> 8 >= 8:
        return load(v + 8 - VECTOR)
    return v


def make_variable(size: word) -> word:
    """A variable of so many bytes (a fixnum), all zero."""
    if size & 7 != 0 or size < 0 or size > LARGEST:
        return raise_exception(RANGE)
    p = make_object(BYTES_HEADER, 8 + (size >> 3))
    if p == UNWIND:
        return p
    store(p + 8, 8)  # elements of one byte
    return p + OTHER


@noinline
def raise_exception(code: word) -> word:
    """Leave for a handler of exceptions."""
    return start_throw(UNSET, from_word(code))


@noinline
def bad_variable(v: word) -> word:
    """What is not the variable that it should be: no reference, one that has too few bytes, or an error of the caller.
    """
    if v == NIL:
        return raise_exception(NULL_REFERENCE)
    return raise_exception(RANGE) if is_bytes(bytes_of(v)) else bad_op(O_VARIABLE, v)


@lisp("check-word64")
def check_word(a: word) -> word:
    """The integer itself, when 64 bits hold it; else an error.  (check!-word64 5) => 5"""
    if a & 7 == 0:
        return a
    if is_big(a) and limb_count(a) == 1:
        w = load(limbs(a))
        if w >= 0 or w == LEAST and load(a - OTHER) & 255 == BIGNEG_HEADER:
            return a
    return bad_op(O_WORD, a)


def word_of(a: word) -> word:
    """The number of an integer that 64 bits hold."""
    if a & 7 == 0:
        return a >> 3
    if is_big(a):
        w = load(limbs(a))
        return -w if load(a - OTHER) & 255 == BIGNEG_HEADER else w
    return 0


@onepass("the bytes of one object")
def copy_bytes(a: word, at: word, b: word, there: word, count: word) -> word:
    """Copy ``count`` bytes of one variable from ``at`` on to another's from ``there`` on; all are fixnums.  nil, or an
    exception.
    """
    if a == NIL or b == NIL:
        return raise_exception(NULL_REFERENCE)
    x = bytes_of(a)
    y = bytes_of(b)
    if not is_bytes(x) or not is_bytes(y):
        return bad_variable(x if not is_bytes(x) else y)
    if ((at | there | count) & 7 != 0 or at < 0 or there < 0 or count < 0 or at > LARGEST or there > LARGEST
        or count > LARGEST):
        return raise_exception(RANGE)
    n = count >> 3
    p = at >> 3
    q = there >> 3
    if p + n > size_of(x) or q + n > size_of(y):
        return raise_exception(RANGE)
    p += x + 16 - OTHER
    q += y + 16 - OTHER
    if ult(q - p, n):  # the end first, where they overlap
        while n > 0:
            n -= 1
            store8(q + n, load8(p + n))
        return NIL
    while n >= 8:
        store64(q, load64(p))
        p += 8
        q += 8
        n -= 8
    while n > 0:
        store8(q, load8(p))
        p += 1
        q += 1
        n -= 1
    return NIL


@inline
def caught_exception(depth: word) -> word:
    if load(UNWIND_KIND) == 16 and load(UNWIND_TAG) == UNSET:
        unbind_to(load(BIND_BASE) + depth)
        return load(UNWIND_VALUE)
    return UNWIND


@noinline
def element_count(size: word, stride: word) -> word:
    """How many elements of ``stride`` bytes are in ``size``.
    (Division is a call on machines of 32 bits: no code but the kernel's has it.)
    """
    return udiv(size, stride) if stride > 0 else 0


@noinline
def quotient64(a: word, b: word) -> word:
    return 0 if b == 0 else -a if b == -1 else sdiv(a, b)


@noinline
def remainder64(a: word, b: word) -> word:
    return 0 if b == 0 or b == -1 else srem(a, b)
