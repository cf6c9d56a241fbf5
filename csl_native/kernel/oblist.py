"""The object list is weak: a full collection takes symbols off it that have nothing and that nobody refers to.

Whoever reads the name again gets a new symbol that is the same in everything that a program can see.  What an image
gets is decided by the heap alone, without the stacks, and the places of its symbols by their names alone, so that the
same program gives the same bytes however often it was collected: the table is kept in the order of (first place, hash,
name), which is one for each set of names (Amble and Knuth, 1974).
"""

from __future__ import annotations

from ..heap.objects import (
    F_SPECIAL,
    SYM_ENV,
    SYM_FLAGS,
    SYM_FN1,
    SYM_FN2,
    SYM_FNN,
    SYM_PLIST,
    SYM_PNAME,
    SYM_SPARE,
    SYM_VALUE,
)
from ..heap.vm import CARDS, MARK_STACK
from ..heap.words import STRING, SYMBOL, VECTOR
from ..restricted.language import inline, lisp, load, load8, store, store8, word
from .calls import SLOT_UNDEFINED1, SLOT_UNDEFINED2, SLOT_UNDEFINEDN
from .host import P_GETD, pass_one
from .memory import NIL, UNSET, fill
from .symbols import OBLIST, hash_string

BOUNDED = "the places of one table, at a collection"

SMALLEST = 4096  # places of the table


@inline
def has_function(s: word) -> bool:
    """Is any cell of a symbol another one than that of an undefined function?"""
    return (load(s + SYM_FN1) - SLOT_UNDEFINED1 | load(s + SYM_FN2) - SLOT_UNDEFINED2
            | load(s + SYM_FNN) - SLOT_UNDEFINEDN) != 0


@lisp("getd", "also")
def definition(name: word) -> word:
    """nil for a symbol that has no function, of which programs ask most often."""
    if name & 7 == SYMBOL and (load(name + SYM_FLAGS) & F_SPECIAL != 0 or has_function(name)):
        return pass_one(P_GETD, name)
    return NIL


def has_something(s: word) -> bool:
    """Would a symbol made anew differ from this one: has it a value, properties, a declaration or a function?"""
    if load(s + SYM_VALUE) != UNSET or load(s + SYM_PLIST) != NIL or load(s + SYM_FLAGS) | load(s + SYM_SPARE) != 0:
        return True
    return load(s + SYM_ENV) != s or has_function(s)


def places_for(count: word) -> word:
    """How many places a table for so many symbols has."""
    size = SMALLEST
    while count * 4 >= size * 3:
        size *= 2
    return size


def comes_before(a: word, code_a: word, b: word, code_b: word) -> bool:
    """The order of two symbols that have the same first place."""
    if code_a != code_b:
        return code_a < code_b
    p = load(a + SYM_PNAME) + 8 - STRING
    q = load(b + SYM_PNAME) + 8 - STRING
    n = load(p - 8) >> 8
    if n != load(q - 8) >> 8:
        return n < load(q - 8) >> 8
    i = 0
    while i < n:
        if load8(p + i) != load8(q + i):
            return load8(p + i) < load8(q + i)
        i += 1
    return False


def place_in_order(table: word, s: word) -> None:
    """Put a symbol into a table that is in order; those that come behind it move on."""
    mask = (load(table - VECTOR) >> 11) - 1
    code = hash_string(load(s + SYM_PNAME))
    i = code & mask
    far = 0  # places from the first one
    while True:
        at = table + 8 - VECTOR + 8 * i
        other = load(at)
        if other & 7 != SYMBOL:
            store(at, s)
            return
        other_code = hash_string(load(other + SYM_PNAME))
        other_far = i - other_code & mask
        if other_far < far or other_far == far and comes_before(s, code, other, other_code):
            store(at, s)
            s = other
            code = other_code
            far = other_far
        i = i + 1 & mask
        far += 1


def place_all(table: word, p: word, end: word) -> None:
    """Put the symbols at [p, end) into an empty table."""
    while p < end:
        place_in_order(table, load(p))
        p += 8


def gather(table: word, p: word) -> word:
    """Write the symbols of a table from ``p`` on; the end of them."""
    at = table + 8 - VECTOR
    end = at + (load(table - VECTOR) >> 8)
    while at < end:
        s = load(at)
        if s & 7 == SYMBOL:
            store(p, s)
            p += 8
        at += 8
    return p


def put_in_order(p: word, end: word) -> None:
    """Let the object list have the symbols at [p, end), of those that it has, in order, and no more places than they
    need.
    """
    table = load(OBLIST)
    h = load(table - VECTOR)
    places = places_for(end - p >> 3)
    if places > h >> 11:
        places = h >> 11
    store(table - VECTOR, h & 255 | places << 11)
    fill(table + 8 - VECTOR, places + 1, 0)
    place_all(table, p, end)
    card = load(CARDS) + (table >> 9)
    while card <= load(CARDS) + (table + 8 * places >> 9):
        store8(card, 1)
        card += 1


def order_object_list() -> None:
    """Put the object list into its order; what comes before preserving."""
    end = gather(load(OBLIST), load(MARK_STACK))
    put_in_order(load(MARK_STACK), end)
