"""Is a heap well-formed?  What everything else in the kernel relies on, looked at in heaps and modules of strangers.

A walk along the headers must meet exactly the objects whose start bits are set, each of a size that its type allows,
and every value must be an integer or lead to the start of an object that its tag fits.
"""

from __future__ import annotations

from ..heap.objects import (
    FLOAT_HEADER,
    HANDLE_HEADER,
    HASH_COUNT,
    HASH_EPOCH,
    HASH_HEADER,
    HASH_KIND,
    HASH_SLOTS,
    HASH_SPARE,
    HASH_USED,
    SYM_FLAGS,
    SYM_PNAME,
    SYMBOL_HEADER,
    T_BIGNEG,
    T_BIGPOS,
    T_BYTES,
    T_CODE,
    T_COMPLEX,
    T_FLOAT,
    T_HANDLE,
    T_HASH,
    T_RATIO,
    T_RECORD,
    T_STRING,
    T_SYMBOL,
    T_VECTOR,
)
from ..heap.vm import HEAP, STARTS
from ..heap.words import CONS, OTHER, STRING, SYMBOL, VECTOR
from ..restricted.language import inline, load, lshr, ult, word
from .bignum import is_integer
from .collector import object_bytes, pointer_count
from .compound import is_real
from .hashing import NUMBERED, OLD_DELETED, OLD_EMPTY, PACKED

WEAK_TABLE = 40  # the kind of a handle, as in lisp/handles.py: it keeps a hash table beside it
BOUNDED = "a heap from a file is looked at once, from its first byte to its last"

# What is wrong with an object; verifying.py has the words.
BAD_SIZE, BAD_START, BAD_POINTER, BAD_CONTENTS = 1, 2, 3, 4
LIMBS = (1 << 60) - 1


@inline
def is_start(p: word) -> bool:
    return load(load(STARTS) + (p >> 10 << 3)) >> (p >> 4) & 1 != 0


def good_value(v: word, end: word) -> bool:
    """Is a word of an object an integer, or a reference to the start of an object before ``end`` whose type its tag
    fits?
    """
    tag = v & 7
    if tag == 0:
        return True
    p = v - tag
    if tag == 7 or p & 15 != 0 or not ult(p - HEAP, end - HEAP) or not is_start(p):
        return False
    h = load(p)
    if tag == CONS:
        return h & 7 != 7
    if h & 7 != 7:
        return False
    kind = h >> 3 & 31
    if tag == OTHER:
        return kind >= T_BIGPOS and kind <= T_COMPLEX
    return kind == (T_SYMBOL if tag == SYMBOL else T_STRING if tag == STRING else T_VECTOR if tag == VECTOR
                    else T_FLOAT)


def good_size(h: word) -> bool:
    """Is the length in a header one that its type may have?"""
    kind = h >> 3 & 31
    size = lshr(h, 8)
    if kind == T_SYMBOL:
        return h == SYMBOL_HEADER
    if kind == T_FLOAT:
        return h == FLOAT_HEADER
    if kind == T_HASH:
        return h == HASH_HEADER
    if kind == T_HANDLE:
        return h == HANDLE_HEADER
    if kind == T_RATIO or kind == T_COMPLEX:
        return size == 16
    if kind == T_VECTOR or kind == T_RECORD:
        return size & 7 == 0
    if kind == T_BIGPOS or kind == T_BIGNEG:
        return size & 7 == 0 and size >= 8
    if kind == T_BYTES:
        return size >= 8
    return kind == T_STRING or kind == T_CODE


def good_contents(p: word) -> bool:
    """Has an object of a good size, whose values are good, what its type promises?"""
    h = load(p)
    kind = h >> 3 & 31
    if kind == T_SYMBOL:
        s = p + SYMBOL
        return load(s + SYM_PNAME) & 7 == STRING and load(s + SYM_FLAGS) & 7 == 0
    if kind == T_BIGPOS or kind == T_BIGNEG:
        last = load(p + (h >> 8))
        return last != 0 and ((h >> 8) > 8 or ult(LIMBS if kind == T_BIGPOS else LIMBS + 1, last))
    if kind == T_BYTES:
        width = load(p + 8) >> 3 & 15
        return (load(p + 8) & 7 == 0 and (width == 1 or width == 2 or width == 4 or width == 8)
                and ((h >> 8) - 8) & (width - 1) == 0)
    if kind == T_HANDLE:
        number = load(p + 16)
        return (load(p + 8) & 7 == 0 and (number & 7 == 0 or load(p + 8) == WEAK_TABLE and number & 7 == OTHER
                                          and load(number - OTHER) == HASH_HEADER))
    if kind == T_HASH:
        return good_table(p + OTHER)
    if kind == T_RATIO:
        return is_integer(load(p + 8)) and is_integer(load(p + 16))
    if kind == T_COMPLEX:
        return is_real(load(p + 8)) and is_real(load(p + 16))
    return True


def good_table(h: word) -> bool:
    """Does a hash table have a power of two of places, as many in use as it says, and a free one that ends every
    search?
    """
    kind = load(h + HASH_KIND)
    table = load(h + HASH_SLOTS)
    if kind & 7 != 0 or not ult(kind, 48) or table & 7 != VECTOR:
        return False
    n = load(table - VECTOR) >> 8
    if n < 16 or n & n - 1 != 0:
        return False
    if load(h + HASH_EPOCH) != 0 or load(h + HASH_SPARE) != PACKED and load(h + HASH_SPARE) != NUMBERED:
        return False
    if load(h + HASH_SPARE) == PACKED:
        count = load(h + HASH_COUNT)
        return count & 7 == 0 and ult(count, n >> 1) and load(h + HASH_USED) == count
    used = 0
    count = 0
    i = 0
    while i < n:
        k = load(table + 8 - VECTOR + i)
        if k != OLD_EMPTY:
            used += 8
        if k != OLD_EMPTY and k != OLD_DELETED:
            count += 8
        i += 16
    return load(h + HASH_USED) == used and load(h + HASH_COUNT) == count and used < n >> 1


def check_object(p: word, end: word) -> word:
    """What is wrong with the object at ``p``; 0 when nothing is."""
    h = load(p)
    if h & 7 != 7:
        return 0 if good_value(h, end) and good_value(load(p + 8), end) else BAD_POINTER
    i = p + 8
    stop = i + 8 * pointer_count(h)
    while i < stop:
        if not good_value(load(i), end):
            return BAD_POINTER
        i += 8
    return 0 if good_contents(p) else BAD_CONTENTS


def check_heap(end: word) -> word:
    """Look at all of the heap below ``end``: ``place << 3 | what is wrong`` of the first object that cannot be; 0 when
    all can.

    Two walks: sizes first, so that the second may follow references.
    """
    p = HEAP
    while p < end:
        h = load(p)
        if h & 7 == 7 and (not good_size(h) or not ult(lshr(h, 8), end - p - 7)) or p + object_bytes(p) > end:
            return p << 3 | BAD_SIZE
        if not is_start(p):
            return p << 3 | BAD_START
        q = p + 16
        p += object_bytes(p)
        while q < p:
            if is_start(q):
                return q << 3 | BAD_START
            q += 16
    p = HEAP
    while p < end:
        wrong = check_object(p, end)
        if wrong != 0:
            return p << 3 | wrong
        p += object_bytes(p)
    return 0


def next_symbol(p: word, end: word) -> word:
    """The next symbol in [p, end) of a heap as it was mapped, where no other object begins; 0 when there is none."""
    while p < end:
        if is_start(p) and load(p) == SYMBOL_HEADER:
            return p
        p += 16
    return 0
