"""Safepoints: one comparison with the stack limit serves collection requests, interrupts, stack overflow, full memory
and a debugger.

A loop over data that makes nothing polls: it can be ended, and nothing is collected.  One that allocates has a
safepoint.
"""

from __future__ import annotations

from ..heap.vm import (
    ALLOCATED,
    DEBUGGED,
    GC_COUNT,
    GC_REQUEST,
    GC_STRESS,
    HEAP,
    HEAP_END,
    HEAP_TOP,
    INTERRUPT,
    LIVE_LINES,
    REAL_STACK_LIMIT,
    RESERVE,
    STACK_LIMIT,
)
from ..heap.words import UNWIND
from ..restricted.language import inline, invoke4, load, noinline, stack_pointer, store, unlikely, word
from .host import H_COLLECT, H_DEEP, H_INTERRUPT, H_MEMORY_FULL
from .memory import HOST_SLOT, NIL, NO_LIMIT, T, poll


@inline
def safepoint() -> word:
    """nil, or UNWIND when an interrupt, stack overflow or full memory became an error."""
    if unlikely(stack_pointer() < load(STACK_LIMIT)):
        return safepoint_slow()
    return NIL


def collected(full: word, wanted: word) -> word:
    """Have the host collect: it calls the collector, and knows what time it is and what only dead handles stood for;
    UNWIND for an error there.
    """
    r = invoke4(HOST_SLOT, H_COLLECT, full, wanted, 0, 0)
    if r == UNWIND:
        store(STACK_LIMIT, load(REAL_STACK_LIMIT))
    return r


@noinline
def safepoint_slow() -> word:
    if load(GC_REQUEST) != 0 or load(GC_STRESS) != 0:
        wanted = load(GC_REQUEST)
        full = wanted >> 1
        store(GC_REQUEST, 0)
        if load(GC_STRESS) != 0 and load(GC_COUNT) & 15 == 0:
            full = 1
        if collected(full, wanted) == UNWIND:
            return UNWIND
    store(STACK_LIMIT, load(REAL_STACK_LIMIT) if load(GC_STRESS) == 0 and load(DEBUGGED) == 0 else NO_LIMIT)
    if load(INTERRUPT) != 0:
        store(INTERRUPT, 0)
        if invoke4(HOST_SLOT, H_INTERRUPT, 0, 0, 0, 0) == UNWIND:
            return UNWIND
    if stack_pointer() < load(REAL_STACK_LIMIT) and invoke4(HOST_SLOT, H_DEEP, 0, 0, 0, 0) == UNWIND:
        return UNWIND
    if load(HEAP_END) - load(HEAP_TOP) < load(RESERVE) and free_bytes() < load(RESERVE):
        return invoke4(HOST_SLOT, H_MEMORY_FULL, 0, 0, 0, 0)
    return NIL


def poll_full() -> word:
    """The same for what allocates where nothing may be collected: full memory is an error, too."""
    if poll() == UNWIND:
        return UNWIND
    if load(HEAP_END) - load(HEAP_TOP) < load(RESERVE) >> 1 and free_bytes() < load(RESERVE) >> 1:
        return invoke4(HOST_SLOT, H_MEMORY_FULL, 0, 0, 0, 0)
    return NIL


@inline
def native_safepoint() -> word:
    """The same for native code: T when it has to go on as bytecode, because a debugger is attached."""
    if unlikely(stack_pointer() < load(STACK_LIMIT)):
        return native_safepoint_slow()
    return NIL


@noinline
def native_safepoint_slow() -> word:
    r = safepoint_slow()
    return T if r != UNWIND and load(DEBUGGED) != 0 else r


def free_bytes() -> word:
    """Bytes that can be handed out after the last collection."""
    return load(HEAP_END) - HEAP - (load(LIVE_LINES) << 8) - load(ALLOCATED)


def current_stack() -> word:
    """The machine stack pointer."""
    return stack_pointer()
