"""The order of any two values: conses, vectors, strings, symbols by their text, numbers, the larger ones first, then
nil.  Of two strings the length decides, modulo 4, before the text does: programs print in the order that CSL has.

Of lists that begin differently one whose head is flagged noncom goes first.
"""

from __future__ import annotations

from ..heap.vm import SCRATCH, SCRATCH_END
from ..heap.words import CONS, STRING, SYMBOL, UNWIND, VECTOR
from ..restricted.language import inline, lisp, load, load8, noinline, onepass, store, word
from .arithmetic import is_number, truth
from .comparison import compare_slow
from .compound import is_ratio
from .equality import ENTRY
from .host import H_STACK_OVERFLOW, O_LESSP, host
from .memory import NIL, ROOT_NONCOM, ROOT_VECTOR, poll
from .symbols import flagp, print_name

OTHERS, NUMBERS, LAST = 4, 9, 10
NONCOM = ROOT_VECTOR + 8 - VECTOR + 8 * ROOT_NONCOM


def rank(x: word) -> word:
    tag = x & 7
    if tag == CONS:
        return 0
    if tag == VECTOR:
        return 1
    if tag == STRING:
        return 2
    if tag == SYMBOL:
        return LAST if x == NIL else 3
    return NUMBERS if is_number(x) or is_ratio(x) else OTHERS


@onepass("the bytes of one string")
def order_texts(a: word, b: word) -> word:
    """Of two strings, byte by byte, which is also the order of the characters of UTF-8."""
    n = load(a - STRING) >> 8
    m = load(b - STRING) >> 8
    i = 0
    while i + 8 <= n and i + 8 <= m and load(a + 8 - STRING + i) == load(b + 8 - STRING + i):
        i += 8
    while i < n and i < m:
        x = load8(a + 8 - STRING + i)
        y = load8(b + 8 - STRING + i)
        if x != y:
            return sign(x - y)
        i += 1
    return sign(n - m)


@inline
def order_strings(a: word, b: word) -> word:
    """Of two strings: by their lengths modulo 4, from 1 on, in which the original has types of them, then by text."""
    n = (load(a - STRING) >> 8) + 3 & 3
    m = (load(b - STRING) >> 8) + 3 & 3
    return n - m if n != m else order_texts(a, b)


@inline
def sign(d: word) -> word:
    return -1 if d < 0 else 1 if d > 0 else 0


def order_atoms(a: word, b: word, kind: word) -> word:
    """-1, 0 or 1 for two different words of one rank that is not 0 or 1; or UNWIND."""
    if kind == NUMBERS:
        c = compare_slow(a, b, O_LESSP)
        return c if c == UNWIND else 1 if c < 0 else -1 if c == 1 else 0
    if kind == 2:
        return sign(order_strings(a, b))
    if kind == 3:
        first = print_name(a)
        second = print_name(b)
        return UNWIND if first == UNWIND or second == UNWIND else sign(order_texts(first, second))
    return sign(a - b)


@noinline
def order_heads(x: word, y: word) -> word:
    """-1 or 1 when one of two different heads is flagged noncom and the other one not, else 0; or UNWIND."""
    p = flagp(x, load(NONCOM))
    q = flagp(y, load(NONCOM))
    if p == UNWIND or q == UNWIND:
        return UNWIND
    return 0 if p == q else -1 if p != NIL else 1


@noinline
def order(a: word, b: word) -> word:
    """-1 when a goes before b, 1 when it goes behind, else 0; or UNWIND.

    What is still to be compared is kept as for equality: two values and 0, or two places and where the first one's end,
    or the difference of the lengths of two vectors that are the same as far as the shorter one goes, and -1.
    """
    base = load(SCRATCH)
    top = base
    head = 1  # is a the beginning of a list, not a tail of one?
    while True:
        while a != b:
            kind = rank(a)
            if kind != rank(b):
                return sign(kind - rank(b))
            if top + 2 * ENTRY > load(SCRATCH_END):
                return host(H_STACK_OVERFLOW, 0, 0, 0)
            if kind > 1:
                c = order_atoms(a, b, kind)
                if c == UNWIND or c != 0:
                    return c
                break
            if kind == 1:
                n = load(a - VECTOR) >> 8
                m = load(b - VECTOR) >> 8
                if n != m:
                    store(top, n - m)
                    store(top + 16, -1)
                    top += ENTRY
                store(top, a + 8 - VECTOR)
                store(top + 8, b + 8 - VECTOR)
                store(top + 16, a + 8 - VECTOR + (n if n < m else m))
                top += ENTRY
                break
            x = load(a - 1)
            y = load(b - 1)
            a = load(a + 7)
            b = load(b + 7)
            if x != y:
                if head != 0 and (x & 7 == SYMBOL or y & 7 == SYMBOL):
                    c = order_heads(x, y)
                    if c == UNWIND or c != 0:
                        return c
                if a != b:
                    store(top, a)
                    store(top + 8, b)
                    store(top + 16, 0)
                    top += ENTRY
                a = x
                b = y
                head = 1
            else:
                head = 0
            if poll() == UNWIND:
                return UNWIND
        if poll() == UNWIND:
            return UNWIND
        if top == base:
            return 0
        a = load(top - ENTRY)
        b = load(top - ENTRY + 8)
        end = load(top - ENTRY + 16)
        if end == -1:
            return sign(a)
        head = 1
        if end == 0:
            top -= ENTRY
            head = 0
        elif a == end:
            top -= ENTRY
            a = NIL
            b = NIL
        else:
            store(top - ENTRY, a + 8)
            store(top - ENTRY + 8, b + 8)
            a = load(a)
            b = load(b)


@lisp("orderp")
def orderp(a: word, b: word) -> word:
    """Does the first value not come after the second, in an order of all values?  (orderp 'a 'b) => t"""
    c = order(a, b)
    return UNWIND if c == UNWIND else truth(c <= 0)


@lisp("ordp")
def ordp(a: word, b: word) -> word:
    """Does the first value not come after the second?  Another name of `orderp`, which a program may define anew.
    (ordp 'a 'b) => t
    """
    return orderp(a, b)
