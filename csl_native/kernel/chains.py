"""Lists that native code makes from their first pair on, where the source calls itself for the rest
(``native/chains.py``).

A list is its first pair and the address where its rest will be stored (0: there is none yet).
"""

from __future__ import annotations

from ..heap.vm import CARDS, GC_REQUEST, LINES, STACK_LIMIT, TRACING
from ..heap.words import CONS, UNWIND
from ..restricted.language import (
    bounded,
    handled,
    inline,
    load,
    load8,
    noinline,
    stack_pointer,
    store,
    store8,
    unlikely,
    word,
)
from .frames import leave_function
from .host import H_STACK_OVERFLOW, host
from .memory import NIL, YOUNG
from .safepoint import native_safepoint_slow

DEEPEST = 1 << 24  # pairs, as many as calls that the largest machine stack takes


@inline
def fill_rest(rest: word, v: word) -> None:
    """Store the rest of a list; only where its last pair has survived a collection the collector is told."""
    store(rest, v)
    if unlikely(load8(load(LINES) + (rest >> 8)) & YOUNG == 0):
        mark_card(rest)


@noinline
def mark_card(p: word) -> None:
    store8(load(CARDS) + (p >> 9), 1)


@inline
def chain_safepoint(first: word, rest: word) -> word:
    """A safepoint of native code, where a list has become too long when its calls would have taken too much stack."""
    if unlikely(stack_pointer() < load(STACK_LIMIT)):
        return chain_safepoint_slow(first, rest)
    return NIL


@noinline
def chain_safepoint_slow(first: word, rest: word) -> word:
    # between two collections a list does not become too long; walking it at every interrupt would take all the time
    full = load(GC_REQUEST)
    r = native_safepoint_slow()
    if r != UNWIND and full != 0 and chain_length(first, rest) > DEEPEST:
        return host(H_STACK_OVERFLOW, 0, 0, 0)
    return r


@bounded("pairs that calls on the stack stand for")
def chain_length(first: word, rest: word) -> word:
    n = 0
    if rest != 0:
        n = 1
        while first + 8 - CONS != rest:
            first = load(first + 8 - CONS)
            n += 1
    return n


@bounded("pairs that calls on the stack stand for")
@noinline
def leave_chain(env: word, more: word, first: word, rest: word) -> word:
    """Leave a function by an error or a throw: as many calls of it as there are pairs, and ``more``."""
    if load(TRACING) != 0:
        more += chain_length(first, rest)
        while more > 0:
            handled(leave_function(env))
            more -= 1
    return UNWIND
