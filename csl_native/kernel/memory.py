"""Allocation: a bump pointer inside free lines, and constructors for every layout.

Allocation never collects.  When a chunk is used up the next run of free lines
is taken; when the budget is spent, a collection is asked for and happens at the
next safepoint.  So no kernel code ever sees an object vanish under it.
"""

from __future__ import annotations

from ..heap.objects import (
    BIGNEG_HEADER,
    BIGPOS_HEADER,
    FLOAT_HEADER,
    HANDLE_HEADER,
    STRING_HEADER,
    SYM_VALUE,
    SYMBOL_HEADER,
    SYMBOL_SIZE,
    VECTOR_HEADER,
)
from ..heap.vm import (
    ALLOCATED,
    BUDGET,
    CARDS,
    CHUNK,
    CHUNK_COUNT,
    CHUNK_START,
    CHUNKS,
    CURSOR,
    FREE,
    GC_REQUEST,
    HEAP,
    HEAP_END,
    HEAP_TOP,
    INTERRUPT,
    LARGE_CURSOR,
    LIMIT,
    LINES,
    REAL_STACK_LIMIT,
    RESERVE,
    SLOTS,
    STACK_LIMIT,
    STOP,
)
from ..heap.words import FLOAT, OTHER, STRING, SYMBOL, UNWIND, VECTOR
from ..restricted.language import (
    double,
    handled,
    inline,
    invoke4,
    load,
    load8,
    loadf,
    noinline,
    stack_pointer,
    store,
    store8,
    storef,
    unlikely,
    word,
)

BOUNDED = "lines of the heap, or the words of one object, at the speed of memory"

FIXED_SYMBOLS = ("nil", "t", "!$unset", "!$catch!-tags")
NIL = HEAP + SYMBOL
T = HEAP + SYMBOL_SIZE + SYMBOL
UNSET = HEAP + 2 * SYMBOL_SIZE + SYMBOL
CATCH_TAGS = HEAP + 3 * SYMBOL_SIZE + SYMBOL
ROOT_VECTOR = HEAP + 4 * SYMBOL_SIZE + VECTOR
ROOT_COUNT = 61
(ROOT_OBLIST, ROOT_OBCOUNT, ROOT_HARD_CODE, ROOT_MODULES, ROOT_PINNED, ROOT_RESTART, ROOT_BANNER, ROOT_CHARS,
 ROOT_RAISE, ROOT_LOWER, ROOT_HANDMADE) = range(11)
(ROOT_ECHO, ROOT_NONCOM, ROOT_QUOTE, ROOT_PROGN, ROOT_SETQ, ROOT_COND, ROOT_AND, ROOT_OR,
 ROOT_CLOSURE) = range(11, 20)
NO_LIMIT = (1 << 63) - 1
HOST_SLOT = SLOTS
FATAL_MEMORY, INTERRUPTED, NO_MEMORY, DEEP = 1, 4, 18, 43  # as in ``host.py``
STRETCH = 4096  # words that are filled between two polls

# States of a line, as bits: live since the last collection, handed out since then, first of its chunk, start bits set.
LIVE, YOUNG, FIRST, PREPARED = 1, 2, 4, 8
ALL_YOUNG = 0x0202020202020202
LONGEST = 256  # lines of a chunk that was freed: a word of a stack that points into it may have all its start bits made


@inline
def named(root: word) -> word:
    """The symbol in a root."""
    return load(ROOT_VECTOR + 8 - VECTOR + 8 * root)


@inline
def poll() -> word:
    """nil, or UNWIND when an interrupt, a limit or stack overflow became an error; nothing is collected."""
    if unlikely(stack_pointer() < load(STACK_LIMIT)):
        return poll_slow()
    return NIL


@noinline
def poll_slow() -> word:
    if load(INTERRUPT) & STOP != 0:
        store(INTERRUPT, 0)
        if invoke4(HOST_SLOT, INTERRUPTED, 0, 0, 0, 0) == UNWIND:
            return UNWIND
    if stack_pointer() < load(REAL_STACK_LIMIT):
        return invoke4(HOST_SLOT, DEEP, 0, 0, 0, 0)
    return NIL


@inline
def allocate(size: word) -> word:
    """Address of ``size`` fresh bytes (a multiple of 16), not initialised; UNWIND when a large object does not fit."""
    p = load(FREE)
    q = p + size
    if unlikely(q > load(LIMIT)):
        return allocate_more(size)
    store(FREE, q)
    return p


@inline
def allocate_small(size: word) -> word:
    """The same for at most a line, for which there is always room."""
    p = load(FREE)
    q = p + size
    if unlikely(q > load(LIMIT)):
        return allocate_slow(size)
    store(FREE, q)
    return p


@noinline
def allocate_more(size: word) -> word:
    """In the next run that has so many bytes, or as a large object."""
    if size <= 4096:
        close_chunk()
        if next_run(size):
            p = load(FREE)
            store(FREE, p + size)
            return p
    return allocate_large(size)


@noinline
def allocate_slow(size: word) -> word:
    next_chunk(size)
    p = load(FREE)
    store(FREE, p + size)
    return p


@inline
def room(size: word) -> bool:
    """Are there ``size`` bytes in the current chunk?"""
    return load(FREE) + size <= load(LIMIT)


@inline
def reserve(size: word) -> None:
    """Make room for ``size`` bytes, a line at most, so that what is made of them next is one piece of straight-line
    code.
    """
    if unlikely(not room(size)):
        next_chunk(size)


@noinline
def next_chunk(size: word) -> None:
    """For at most a line, for which there is always a run while the reserve lasts."""
    close_chunk()
    if not next_run(size):
        handled(invoke4(HOST_SLOT, FATAL_MEMORY, size, 0, 0, 0))
        open_chunk(load(HEAP_TOP) - CHUNK, load(HEAP_TOP))


def close_chunk() -> None:
    """Record the chunk in use, so that the collector can walk its objects."""
    if load(FREE) > load(CHUNK_START):
        at = load(CHUNKS) + 16 * load(CHUNK_COUNT)
        store(at, load(CHUNK_START))
        store(at + 8, load(FREE))
        store(CHUNK_COUNT, load(CHUNK_COUNT) + 1)
    store(CHUNK_START, 0)
    store(FREE, 0)
    store(LIMIT, 0)


def request_collection(full: word) -> None:
    store(GC_REQUEST, load(GC_REQUEST) | 1 | full << 1)
    store(STACK_LIMIT, NO_LIMIT)


def take_lines(start: word, end: word) -> None:
    """Mark lines as handed out since the last collection, and count them against the budget."""
    i = load(LINES) + (start >> 8)
    last = load(LINES) + (end >> 8)
    store8(i, FIRST | YOUNG)
    i += 1
    while i < last:
        if i & 7 == 0 and i + 8 <= last:
            store(i, ALL_YOUNG)
            i += 8
        else:
            store8(i, YOUNG)
            i += 1
    store(ALLOCATED, load(ALLOCATED) + end - start)
    if load(ALLOCATED) > load(BUDGET):
        request_collection(0)


def open_chunk(start: word, end: word) -> None:
    take_lines(start, end)
    store(CHUNK_START, start)
    store(FREE, start)
    store(LIMIT, end)


def next_run(size: word) -> bool:
    """Make the next run of free lines of at least ``size`` bytes the current chunk, or grow the heap; is there one?"""
    lines = load(LINES)
    i = load(CURSOR)
    top = load(HEAP_TOP) >> 8
    while i < top:
        if i & 7 == 0 and load(lines + i) == 0x0101010101010101:
            i += 8
        elif load8(lines + i) != 0:
            i += 1
        else:
            j = end_of_run(i, top if top - i < LONGEST else i + LONGEST)
            if (j - i) << 8 >= size:
                store(CURSOR, j)
                open_chunk(i << 8, j << 8)
                return True
            i = j
    store(CURSOR, top)
    start = grow(CHUNK)
    if start == 0:
        found = find_run(HEAP >> 8, size + 255 & -256)  # what larger requests passed over
        if found != 0:
            i = found >> 8
            j = end_of_run(i, top if top - i < LONGEST else i + LONGEST)
            store(CURSOR, j)
            open_chunk(found, j << 8)
            return True
        return False
    store(CURSOR, load(HEAP_TOP) >> 8)
    open_chunk(start, start + CHUNK)
    return True


def end_of_run(i: word, end: word) -> word:
    """Where the free lines from line ``i`` on end, at line ``end`` at the latest."""
    lines = load(LINES)
    while i < end:
        if i & 7 == 0 and i + 8 <= end and load(lines + i) == 0:
            i += 8
        elif load8(lines + i) == 0:
            i += 1
        else:
            return i
    return end


def grow(size: word) -> word:
    """Add ``size`` bytes (a multiple of a line) at the top of the heap; its address, or 0 when the limit is reached."""
    start = load(HEAP_TOP)
    if load(HEAP_END) - start < size:
        return 0
    store(HEAP_TOP, start + size)
    if load(HEAP_END) - load(HEAP_TOP) < load(RESERVE):
        request_collection(1)
    return start


@noinline
def allocate_large(size: word) -> word:
    """Address of a large object, or UNWIND: the error that there is no room."""
    start = find_large(size)
    return start if start != 0 else invoke4(HOST_SLOT, NO_MEMORY, size, 0, 0, 0)


def find_large(size: word) -> word:
    """Address of a large object, or 0.  It has lines of its own: in the next run that fits, else at the top while there
    is room, else in the first run that fits.

    What was freed comes first: the system has to clear pages that were never touched.
    """
    rounded = (size + 255) & -256
    start = find_run(load(LARGE_CURSOR), rounded)
    store(LARGE_CURSOR, (start + rounded if start != 0 else load(HEAP_TOP)) >> 8)
    if start == 0 and load(HEAP_END) - load(HEAP_TOP) - rounded > load(RESERVE) and load(ALLOCATED) < load(BUDGET):
        start = grow(rounded)
    if start == 0:
        start = find_run(HEAP >> 8, rounded)
    if start == 0:
        if load(HEAP_END) - load(HEAP_TOP) - rounded > load(RESERVE) >> 1:
            start = grow(rounded)
    if start == 0:
        request_collection(1)
        return 0
    take_lines(start, start + rounded)
    at = load(CHUNKS) + 16 * load(CHUNK_COUNT)
    store(at, start)
    store(at + 8, start + size)
    store(CHUNK_COUNT, load(CHUNK_COUNT) + 1)
    return start


def find_run(i: word, size: word) -> word:
    """Address of the first free run of ``size`` bytes from line ``i`` on, or 0."""
    lines = load(LINES)
    top = load(HEAP_TOP) >> 8
    while i < top:
        if i & 7 == 0 and load(lines + i) == 0x0101010101010101:
            i += 8
        elif load8(lines + i) != 0:
            i += 1
        else:
            j = end_of_run(i, top if top - i < size >> 8 else i + (size >> 8))
            if (j - i) << 8 >= size:
                return i << 8
            i = j
    return 0


@inline
def set_field(p: word, v: word) -> None:
    """Store a Lisp value into a heap object at address ``p``, telling the collector (a card mark)."""
    store(p, v)
    store8(load(CARDS) + (p >> 9), 1)


@inline
def cons(a: word, d: word) -> word:
    reserve(16)
    return pair(a, d)


@inline
def pair(a: word, d: word) -> word:
    """``cons`` in room that was reserved."""
    p = load(FREE)
    store(FREE, p + 16)
    store(p, a)
    store(p + 8, d)
    return p + 1


@inline
def make_float(d: double) -> word:
    p = allocate_small(16)
    store(p, FLOAT_HEADER)
    storef(p + 8, d)
    return p + FLOAT


@inline
def float_value(v: word) -> double:
    return loadf(v + 8 - FLOAT)


def fill(p: word, count: word, v: word) -> None:
    end = p + 8 * count
    while p < end:
        store(p, v)
        p += 8


@noinline
def fill_long(p: word, count: word, v: word) -> word:
    """Fill what the object at ``p`` is to hold: nil, or UNWIND when that was ended, and a string is left."""
    store(p, 8 * count << 8 | STRING_HEADER)
    at = p + 8
    end = at + 8 * count
    while at < end:
        k = end - at >> 3
        fill(at, k if k < STRETCH else STRETCH, v)
        at += 8 * STRETCH
        if poll() == UNWIND:
            return UNWIND
    return NIL


def make_vector(count: word, v: word) -> word:
    """A vector of ``count`` elements, all ``v``; UNWIND when there is no room."""
    p = allocate((8 * count + 23) & -16 if count < 1 << 40 else 1 << 43)  # beyond, the byte count would overflow
    if p == UNWIND:
        return p
    if count > STRETCH:
        if fill_long(p, count, v) == UNWIND:
            return UNWIND
    else:
        fill(p + 8, count, v)
    store(p, 8 * count << 8 | VECTOR_HEADER)
    if count & 1 == 0:
        store(p + 8 + 8 * count, 0)
    return p + VECTOR


def make_object(head: word, size: word) -> word:
    """An object with ``size`` content bytes, all zero, and header ``head`` (without length); its address, or UNWIND."""
    p = allocate((size + 23) & -16)
    if p == UNWIND:
        return p
    count = ((size + 23) & -16) - 8 >> 3
    if count > STRETCH:
        if fill_long(p, count, 0) == UNWIND:
            return UNWIND
    else:
        fill(p + 8, count, 0)
    store(p, size << 8 | head)
    return p


def make_string(size: word) -> word:
    """A string of ``size`` zero bytes, or UNWIND."""
    p = make_object(STRING_HEADER, size)
    return p + STRING if p != UNWIND else p


def make_bignum(limbs: word, negative: word) -> word:
    """A bignum with room for ``limbs`` limbs, which hold anything, or UNWIND."""
    p = allocate((8 * limbs + 23) & -16)
    if p == UNWIND:
        return p
    store(p, 8 * limbs << 8 | (BIGNEG_HEADER if negative != 0 else BIGPOS_HEADER))
    if limbs & 1 == 0:
        store(p + 8 + 8 * limbs, 0)
    return p + OTHER


def make_handle(kind: word, number: word) -> word:
    p = allocate_small(32)
    store(p, HANDLE_HEADER)
    store(p + 8, kind)
    store(p + 16, number)
    return p + OTHER


def make_symbol(name: word, slot1: word, slot2: word, slotn: word) -> word:
    """An uninterned symbol without value or definition; ``name`` is a string, the slots its function cells."""
    p = allocate_small(SYMBOL_SIZE)
    init_symbol(p, name, slot1, slot2, slotn)
    return p + SYMBOL


def init_symbol(p: word, name: word, slot1: word, slot2: word, slotn: word) -> None:
    store(p, SYMBOL_HEADER)
    store(p + 8, UNSET)
    store(p + 16, NIL)
    store(p + 24, name)
    store(p + 32, p + SYMBOL)
    store(p + 40, 0)
    store(p + 48, 0)
    store(p + 56, slot1)
    store(p + 64, slot2)
    store(p + 72, slotn)


def format_heap(slot1: word, slot2: word, slotn: word) -> None:
    """Lay out the fixed objects of a new heap: nil, t, the unset marker and the root vector."""
    p = HEAP
    while p < ROOT_VECTOR - VECTOR:
        init_symbol(p, NIL, slot1, slot2, slotn)
        p += SYMBOL_SIZE
    store(NIL + SYM_VALUE, NIL)
    store(T + SYM_VALUE, T)
    store(CATCH_TAGS + SYM_VALUE, NIL)
    store(p, 8 * ROOT_COUNT << 8 | VECTOR_HEADER)
    fill(p + 8, ROOT_COUNT, NIL)
