"""Values out of the bytes of a module: a small stack program, in the order in which its parts must exist.

An operation is a byte; its operands are unsigned numbers of 7 bits a byte, the
least significant first, and bit 7 set when more follow.  ``docs/FORMAT.md`` has
the table.  Nothing outside of the bytes, the table and the operands on the
Lisp stack is touched, whatever the bytes are.
"""

from __future__ import annotations

from ..heap.objects import (
    HASH_HEADER,
    POINTER_TABLE,
    STRING_HEADER,
    T_COMPLEX,
    T_FLOAT,
    T_HASH,
    T_RATIO,
    T_RECORD,
    T_STRING,
)
from ..heap.vm import SP, STACK_END
from ..heap.words import FLOAT, OTHER, STRING, UNWIND, VECTOR
from ..restricted.language import bounded, inline, load, load8, lshr, noinline, onepass, store, store8, ult, word
from .checking import good_contents, good_size
from .memory import NIL, cons, make_object, make_vector, set_field
from .safepoint import poll_full
from .symbols import intern

FASL_END, FASL_TABLE, FASL_KEEP, FASL_NUMBER, FASL_RAW, FASL_LIST, FASL_DOTTED, FASL_VECTOR, FASL_OBJECT = range(9)
BAD = 15  # no Lisp value


@inline
def push(v: word) -> None:
    p = load(SP)
    store(p, v)
    store(SP, p + 8)


@bounded("ten bytes")
@noinline
def fasl_number(at: word, end: word) -> word:
    """The number at ``at``; the place behind it is where its last byte, the first below 128, is."""
    n = 0
    shift = 0
    while at < end and shift < 63:
        b = load8(at)
        n |= (b & 127) << shift
        if b < 128:
            return n
        shift += 7
        at += 1
    return n


@bounded("the bytes of one number")
@inline
def behind(at: word, end: word) -> word:
    """The place behind a number; the end where the bytes end within it, so that what is left is never less than
    nothing.
    """
    while at < end and load8(at) > 127:
        at += 1
    return at + 1 if at < end else end


@onepass("the bytes of one object")
@noinline
def fasl_raw(kind: word, at: word, size: word) -> word:
    """An object of bytes: a string, float, integer, code or vector of machine numbers; UNWIND when there is no room, 0
    for another type.
    """
    if (not ult(kind, T_RECORD) or (POINTER_TABLE >> 4 * kind & 15) > 1
        or not good_size(size << 8 | kind << 3 | STRING_HEADER & 7)):
        return 0
    p = make_object(kind << 3 | STRING_HEADER & 7, size)
    if p == UNWIND:
        return p
    i = 0
    while i < size:
        store8(p + 8 + i, load8(at + i))
        i += 1
    if not good_contents(p):
        return 0
    return p + (STRING if kind == T_STRING else FLOAT if kind == T_FLOAT else OTHER)


@onepass("fields of one object")
@noinline
def fasl_object(kind: word, from_: word, count: word) -> word:
    """An object of ``count`` values that lie at ``from_``."""
    p = 0
    if (kind == T_HASH and count == lshr(HASH_HEADER, 11) or kind == T_RECORD or (kind == T_RATIO or kind == T_COMPLEX)
        and count == 2):
        p = make_object(kind << 3 | STRING_HEADER & 7, 8 * count)
        if p == UNWIND:
            return p
        i = 0
        while i < count:
            store(p + 8 + 8 * i, load(from_ + 8 * i))
            i += 1
        if not good_contents(p):
            return 0
        p += OTHER
    return p


@noinline
def fasl_list(from_: word, count: word, tail: word) -> word:
    """A list of the values at ``from_``, ending in ``tail``."""
    while count > 0:
        count -= 1
        tail = cons(load(from_ + 8 * count), tail)
        if poll_full() == UNWIND:
            return UNWIND
    return tail


@onepass("the elements of one vector")
@noinline
def fasl_vector(from_: word, count: word) -> word:
    v = make_vector(count, NIL)
    if v != UNWIND:
        i = 0
        while i < count:
            store(v + 8 - VECTOR + 8 * i, load(from_ + 8 * i))
            i += 1
    return v


@noinline
def fasl_value(text: word, offset: word, table: word) -> word:
    """The next value in the string ``text``; its operations begin ``offset`` bytes from the start.

    ``table`` is a vector: element 0 is the place behind the value afterwards, the others are symbols and values that
    were kept. UNWIND when there is no room, BAD when the bytes make no sense.
    """
    base = load(SP)
    start = text + 8 - STRING
    end = start + lshr(load(text - STRING), 8)
    room = lshr(load(table - VECTOR), 11)
    at = start + offset
    v = 0
    while at < end:
        if poll_full() == UNWIND:
            store(SP, base)
            return UNWIND
        op = load8(at)
        at += 1
        held = load(SP) - base >> 3
        if op == FASL_END:
            if held != 1:
                break
            set_field(table + 8 - VECTOR, at - start << 3)
            store(SP, base)
            return load(base)
        n = fasl_number(at, end)
        at = behind(at, end)
        v = 0
        if op == FASL_TABLE:
            if n < 1 or n >= room:
                break
            v = load(table + 8 - VECTOR + 8 * n)
        elif op == FASL_KEEP:
            if n < 1 or n >= room or held == 0:
                break
            set_field(table + 8 - VECTOR + 8 * n, load(load(SP) - 8))
            continue
        elif op == FASL_NUMBER:
            v = (lshr(n, 1) ^ -(n & 1)) << 3
        elif op == FASL_RAW:
            size = fasl_number(at, end)
            at = behind(at, end)
            if ult(end - at, size):
                break
            v = fasl_raw(n, at, size)
            at += size
            if v == UNWIND or v == 0:
                break
        else:
            kind = 0
            if op == FASL_OBJECT:
                kind = n
                n = fasl_number(at, end)
                at = behind(at, end)
            extra = 1 if op == FASL_DOTTED else 0
            if op > FASL_OBJECT or ult(held, n) or held < n + extra:
                break
            from_ = load(SP) - 8 * (n + extra)
            if op == FASL_LIST:
                v = fasl_list(from_, n, NIL)
            elif op == FASL_DOTTED:
                v = fasl_list(from_, n, load(load(SP) - 8))
            elif op == FASL_VECTOR:
                v = fasl_vector(from_, n)
            else:
                v = fasl_object(kind, from_, n)
                if v == UNWIND or v == 0:
                    break
            store(SP, from_)
        if v == UNWIND or load(SP) + 64 > load(STACK_END):
            break
        push(v)
    store(SP, base)
    return v if v == UNWIND else BAD


@noinline
def fasl_symbols(text: word, table: word, slot1: word, slot2: word, slotn: word) -> word:
    """Put interned symbols into the table: ``text`` has the place, the length and the bytes of the name of each.

    UNWIND when there is no room, BAD when the bytes make no sense.
    """
    at = text + 8 - STRING
    end = at + lshr(load(text - STRING), 8)
    room = lshr(load(table - VECTOR), 11)
    while at < end:
        if poll_full() == UNWIND:
            return UNWIND
        n = fasl_number(at, end)
        at = behind(at, end)
        size = fasl_number(at, end)
        at = behind(at, end)
        if n < 1 or n >= room or ult(end - at, size):
            return BAD
        name = fasl_raw(T_STRING, at, size)
        if name == UNWIND:
            return name
        if name == 0:
            return BAD
        s = intern(name, slot1, slot2, slotn)
        if s == UNWIND:
            return s
        set_field(table + 8 - VECTOR + 8 * n, s)
        at += size
    return NIL
