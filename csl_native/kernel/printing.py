"""Printing what is ASCII to the stream for which the host has laid out room, and what it knows of that; the rest is the
host's.

What lies in the room, the host gives the stream before it looks at it (``Page``, ``lisp/streams.py``).
"""

from __future__ import annotations

from ..heap.objects import SYM_VALUE
from ..heap.vm import (
    ABSENT_HASH,
    ABSENT_LEFT,
    ABSENT_NAME,
    PRINT_AT,
    PRINT_COLUMN,
    PRINT_END,
    PRINT_OTHER,
    PRINT_OUTPUT,
    PRINT_STREAM,
    PRINT_TERMINAL,
    PRINT_WIDTH,
)
from ..heap.words import STRING, SYMBOL, UNWIND
from ..restricted.language import bounded, inline, lisp, load, load8, onepass, sdiv, store, store8, word
from .host import P_GETENV, P_LINELENGTH, P_POSN, P_PRIN2, P_SPACES, P_TERPRI, pass_none, pass_one
from .memory import NIL, UNSET
from .symbols import hash_string, print_name

NEW_LINE, BLANK, QUOTE, DASH, ZERO, NINE = 10, 32, 34, 45, 48, 57
MOST_BLANKS = 4096 << 3  # more than there is ever room for


@inline
def has_room(n: word) -> bool:
    """Is the current output the stream with the room, and is that enough for so many bytes?"""
    at = load(PRINT_AT)
    if at == 0 or at + n > load(PRINT_END):
        return False
    return (load(load(PRINT_OUTPUT) + SYM_VALUE) == load(PRINT_STREAM)
            and load(load(PRINT_TERMINAL) + SYM_VALUE) == load(PRINT_OTHER))


def shown(b: word) -> bool:
    """Print a character as it is read; False where the host has to."""
    if b < BLANK and b != NEW_LINE or b > 126 or not has_room(1):
        return False
    at = load(PRINT_AT)
    store8(at, b)
    store(PRINT_AT, at + 1)
    store(PRINT_COLUMN, 0 if b == NEW_LINE else load(PRINT_COLUMN) + 1)
    return True


@bounded("digits of a fixnum")
def put_digits(n: word, end: word) -> None:
    """The characters of a small integer as bytes that end there."""
    m = n if n < 0 else -n
    while True:
        q = sdiv(m, 10)
        end -= 1
        store8(end, ZERO - (m - 10 * q))
        m = q
        if m == 0:
            break
    if n < 0:
        store8(end - 1, DASH)


@bounded("digits of a fixnum")
def digits_wanted(n: word) -> word:
    """The characters of a small integer."""
    count = 2 if n < 0 else 1
    while n > 9 or n < -9:
        n = sdiv(n, 10)
        count += 1
    return count


@onepass("the bytes of one string")
def put_text(p: word, n: word, at: word) -> bool:
    """Copy bytes; False when one of them is not a character of ASCII that takes one column."""
    end = p + n
    while p < end:
        b = load8(p)
        if b < BLANK or b > 126:
            return False
        store8(at, b)
        p += 1
        at += 1
    return True


@lisp("prin2", "also")
def print_plain(x: word) -> word:
    """prin2 of fixnums, names and strings; a line begins where the original begins one."""
    s = 0
    n = 0
    if x & 7 == 0:
        n = digits_wanted(x >> 3)
    elif x & 7 == SYMBOL and x != UNSET:
        s = print_name(x)
        if s == UNWIND:
            return UNWIND
    elif x & 7 == STRING:
        s = x
    if s != 0:
        n = load(s - STRING) >> 8
    if n == 0 or not has_room(n + 1):
        return pass_one(P_PRIN2, x)
    at = load(PRINT_AT)
    column = load(PRINT_COLUMN)
    first = load8(s + 8 - STRING) if s != 0 else DASH if x < 0 else ZERO
    begins = column + n > load(PRINT_WIDTH) and (column > 0 or first < ZERO or first > NINE)
    if first == QUOTE or s != 0 and not put_text(s + 8 - STRING, n, at + 1 if begins else at):
        return pass_one(P_PRIN2, x)
    if begins:
        store8(at, NEW_LINE)
        at += 1
        column = 0
    if s == 0:
        put_digits(x >> 3, at + n)
    store(PRINT_AT, at + n)
    store(PRINT_COLUMN, column + n)
    return x


@lisp("terpri", "also")
def end_line() -> word:
    return NIL if shown(NEW_LINE) else pass_none(P_TERPRI)


@lisp("spaces", "also")
@bounded("what there is room for")
def print_blanks(x: word) -> word:
    if x & 7 != 0 or x < 0 or x > MOST_BLANKS or not has_room(x >> 3):
        return pass_one(P_SPACES, x)
    n = x >> 3
    at = load(PRINT_AT)
    store(PRINT_AT, at + n)
    store(PRINT_COLUMN, load(PRINT_COLUMN) + n)
    while n > 0:
        n -= 1
        store8(at + n, BLANK)
    return NIL


@lisp("posn", "also")
def column_here() -> word:
    return load(PRINT_COLUMN) << 3 if has_room(0) else pass_none(P_POSN)


@lisp("linelength", "also")
def line_length(x: word) -> word:
    return load(PRINT_WIDTH) << 3 if x == NIL and has_room(0) else pass_one(P_LINELENGTH, x)


@lisp("getenv", "also")
def environment(x: word) -> word:
    """nil for the name that the host has just not found; it is asked of others, and after whatever else Python did."""
    left = load(ABSENT_LEFT)
    if left > 0 and x & 7 == STRING and x == load(ABSENT_NAME) and hash_string(x) == load(ABSENT_HASH):
        store(ABSENT_LEFT, left - 1)
        return NIL
    return pass_one(P_GETENV, x)
