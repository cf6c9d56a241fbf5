"""The collector: mark-region with sticky marks, not moving.

A minor collection keeps the marks of the last one, so everything that survived
before is old; its roots are the stacks, the fixed objects and the dirty cards.
A full collection starts without marks.  Stacks are scanned conservatively: a
word counts when it is, or points into, an object whose start bit is set (LLVM
keeps derived pointers, relative and absolute).  A young chunk gets its start
bits when the first such word points into it.

Immix (Blackburn and McKinley, PLDI 2008) has the lines; sticky marks are from
Demers et al., POPL 1990.
"""

from __future__ import annotations

from ..heap.objects import POINTER_TABLE, SYMBOL_SIZE
from ..heap.vm import (
    ALLOCATED,
    BIND_BASE,
    BP,
    BUDGET,
    CARDS,
    CHUNK_COUNT,
    CHUNKS,
    CURSOR,
    FULL_COUNT,
    FULL_LIVE,
    GC_BYTES,
    GC_COUNT,
    GC_STRESS,
    HEAP,
    HEAP_END,
    HEAP_TOP,
    LARGE_CURSOR,
    LINES,
    LIVE_LINES,
    MARK_SP,
    MARK_STACK,
    MARKS,
    NATIVE_BASE,
    RESERVE,
    SCRATCH,
    SP,
    STACK_BASE,
    STARTS,
    UNWIND_TAG,
    UNWIND_VALUE,
)
from ..heap.words import FLOAT, STRING, VECTOR
from ..restricted.language import (
    address_size,
    base_address,
    clz,
    ctz,
    inline,
    load,
    load8,
    load_address,
    noinline,
    spill,
    stack_pointer,
    store,
    store8,
    ult,
    word,
)
from .memory import FIRST, PREPARED, ROOT_VECTOR, YOUNG, close_chunk, fill
from .oblist import gather, has_something, put_in_order
from .symbols import OBCOUNT, OBLIST

BOUNDED = "a collection goes to its end"

MIN_BUDGET = 8 << 20  # bytes allocated between two collections: half of what lives, ...
# ... and at most this and a 32nd of it, so that a young collection is short even when all of that lives
LONG_BUDGET = 96 << 20
POISON = 0x6EADDEADDEADDEA7  # no value, no header of any object and no address, so that every use of it is an error
ALL_LIVE = 0x0101010101010101  # bit 0 of a line: live
PIECE = 8 * 64  # bytes of a long object that are looked at at once


@noinline
def collect(full: word) -> None:
    """Collect; ``full`` 0 keeps what survived before.  Registers are spilled into this frame first.

    The second spill keeps the frame until the collection is over: the call would be a jump otherwise, and the frame
    gone.
    """
    spill()
    collect_from(full, stack_pointer())
    spill()


@noinline
def collect_from(full: word, sp: word) -> None:
    close_chunk()
    if full_is_due() != 0:
        full = 1
    store(MARK_SP, load(MARK_STACK))
    top = load(HEAP_TOP)
    if load(GC_STRESS) != 0:
        prepare_all()
    if full != 0:
        clear(load(MARKS) + (HEAP >> 7), load(MARKS) + ((top + 1023) >> 10 << 3))
        keep_bits(load(LINES) + (HEAP >> 8), load(LINES) + ((top + 2047) >> 11 << 3), ~ALL_LIVE)
        clear(load(CARDS) + (HEAP >> 9), load(CARDS) + ((top + 4095) >> 12 << 3))
        hold_back()
    mark_fixed()
    mark_range(load(STACK_BASE), load(SP))
    mark_range(load(BIND_BASE), load(BP))
    mark_candidate(load(UNWIND_TAG))
    mark_candidate(load(UNWIND_VALUE))
    if load(NATIVE_BASE) != 0:
        mark_native(sp - base_address(), load(NATIVE_BASE) - base_address())
    trace()
    if full == 0:
        scan_cards(top)
    else:
        weed()
    finish(top, full)


def full_is_due() -> word:
    """Will the next collection be a full one (1) in any case?"""
    grown = load(LIVE_LINES) > 2 * load(FULL_LIVE) + (MIN_BUDGET >> 7)
    return 1 if grown or load(HEAP_END) - load(HEAP_TOP) < load(RESERVE) else 0


def hold_back() -> None:
    """Mark the object list itself, so that nobody marks from it."""
    p = load(OBLIST) - VECTOR
    at = load(MARKS) + (p >> 10 << 3)
    store(at, load(at) | 1 << (p >> 4))
    mark_lines(p, load(p))


def weed() -> None:
    """Everything that is reachable otherwise was marked: mark the symbols that have something, and take the others off
    the object list.
    """
    p = load(MARK_STACK)
    end = gather(load(OBLIST), p)
    store(MARK_STACK, end)  # where those are that are being looked at
    store(MARK_SP, end)
    while p < end:
        s = load(p)
        if has_something(s):
            mark_value(s)
            trace()
        p += 8
    p = load(SCRATCH)
    store(MARK_STACK, p)
    kept = p
    while p < end:
        s = load(p)
        if is_marked(s & -16):
            store(kept, s)
            kept += 8
        p += 8
    if kept < end:
        put_in_order(load(MARK_STACK), kept)
        store(OBCOUNT, kept - load(MARK_STACK))


@inline
def is_marked(p: word) -> bool:
    return load(load(MARKS) + (p >> 10 << 3)) >> (p >> 4) & 1 != 0


def keep_bits(p: word, end: word, mask: word) -> None:
    """And the words in [p, end) with a mask."""
    while p < end:
        store(p, load(p) & mask)
        p += 8


def clear(p: word, end: word) -> None:
    while p < end:
        store(p, 0)
        p += 8


def prepare_chunk(line: word) -> None:
    """Set the start bits of the young chunk that has this line: only chunks that a stack points into need them."""
    lines = load(LINES)
    while load8(lines + line) & FIRST == 0:
        line -= 1
    i = load(CHUNKS)
    end = i + 16 * load(CHUNK_COUNT)
    while i < end and load(i) != line << 8:
        i += 16
    if i >= end:
        return
    p = load(i)
    stop = load(i + 8)
    while line << 8 < stop:
        store8(lines + line, load8(lines + line) | PREPARED)
        line += 1
    starts = load(STARTS)
    while p < stop:
        at = starts + (p >> 10 << 3)
        store(at, load(at) | 1 << (p >> 4))
        p += object_bytes(p)


def prepare_all() -> None:
    """Set the start bits of all young chunks, so that everything that dies can be found."""
    i = load(CHUNKS)
    end = i + 16 * load(CHUNK_COUNT)
    while i < end:
        prepare_chunk(load(i) >> 8)
        i += 16


def poison(at: word, end: word) -> None:
    """Overwrite the objects with start bits in [at, end) that were not marked."""
    other = load(MARKS) - load(STARTS)
    while at < end:
        dead = load(at) & ~load(at + other)
        while dead != 0:
            p = ((at - load(STARTS)) << 7) + (ctz(dead) << 4)
            fill(p, object_bytes(p) >> 3, POISON)
            dead &= dead - 1
        at += 8


@inline
def object_bytes(p: word) -> word:
    h = load(p)
    return (h >> 8) + 23 & -16 if h & 7 == 7 else 16


@inline
def push_marked(p: word) -> None:
    """Put an object on the mark stack."""
    sp = load(MARK_SP)
    store(sp, p)
    store(MARK_SP, sp + 8)


@inline
def mark_object(p: word) -> None:
    at = load(MARKS) + (p >> 10 << 3)
    bit = 1 << (p >> 4)
    if load(at) & bit == 0:
        store(at, load(at) | bit)
        push_marked(p)


@inline
def fresh(v: word) -> word:
    """The object of a Lisp value that was not marked and has parts, which is marked now; else 0, and what has none is
    marked and done.
    """
    if (v + 1) & 7 <= 1:
        return 0
    p = v & -16
    at = load(MARKS) + (p >> 10 << 3)
    bit = 1 << (p >> 4)
    if load(at) & bit != 0:
        return 0
    store(at, load(at) | bit)
    if v & 7 == FLOAT:
        line = load(LINES) + (p >> 8)
        store8(line, load8(line) | 1)
        return 0
    if v & 7 == STRING:
        mark_lines(p, load(p))
        return 0
    return p


@inline
def mark_value(v: word) -> None:
    """Mark the object of a Lisp value found in a heap object."""
    p = fresh(v)
    if p != 0:
        push_marked(p)


def mark_candidate(v: word) -> None:
    """Mark the object that a word of a stack may refer to."""
    r = v - base_address()
    if not ult(r - HEAP, load(HEAP_TOP) - HEAP):
        r = v
    if ult(r - HEAP, load(HEAP_TOP) - HEAP):
        line = load8(load(LINES) + (r >> 8))
        if line & (YOUNG | PREPARED) == YOUNG:
            prepare_chunk(r >> 8)
        p = find_start(r)
        if p != 0:
            mark_object(p)


def find_start(r: word) -> word:
    """Address of the object that covers address ``r``, or 0."""
    first = load(STARTS) + (HEAP >> 10 << 3)
    at = load(STARTS) + (r >> 10 << 3)
    bits = load(at) & (-1 if (r >> 4) & 63 == 63 else (1 << ((r >> 4) + 1)) - 1)
    while bits == 0:
        at -= 8
        if at < first:
            return 0
        bits = load(at)
    p = ((at - load(STARTS)) >> 3 << 10) + ((63 - clz(bits)) << 4)
    return p if r < p + object_bytes(p) else 0


def mark_range(p: word, end: word) -> None:
    """Conservatively mark from the words in [p, end)."""
    p = p & -8
    while p < end:
        mark_candidate(load(p))
        p += 8


def mark_native(p: word, end: word) -> None:
    """Conservatively mark from the machine's own stack, whose units are addresses."""
    p = p & -address_size()
    while p < end:
        mark_candidate(load_address(p))
        p += address_size()


def mark_fixed() -> None:
    p = HEAP
    while p < ROOT_VECTOR & -16:
        mark_object(p)
        p += SYMBOL_SIZE
    mark_object(p)


@inline
def pointer_count(h: word) -> word:
    """Content words of an object with header ``h`` that hold Lisp values."""
    n = (POINTER_TABLE >> (4 * (h >> 3 & 31))) & 15
    return h >> 11 if n == 15 else n


@noinline
def trace() -> None:
    """Mark everything reachable from the mark stack, and the lines it lies in.

    The stack holds objects, and, odd, the places where the rest of long ones begins, below which their ends are: it
    stays small beside the heap, because what has no parts is not put there, a list is followed by its elements before
    the rest, and a long object a piece at a time.
    """
    base = load(MARK_STACK)
    while load(MARK_SP) > base:
        sp = load(MARK_SP) - 8
        p = load(sp)
        if p & 1 != 0:
            store(MARK_SP, sp - 8)
            mark_fields(p - 1, load(sp - 8))
        else:
            store(MARK_SP, sp)
            h = load(p)
            if h & 7 == 7:
                mark_lines(p, h)
                mark_fields(p + 8, p + 8 + 8 * pointer_count(h))
            else:
                trace_pairs(p, h)


def mark_lines(p: word, h: word) -> None:
    """The lines of an object with header ``h`` are live."""
    line = load(LINES) + (p >> 8)
    last = load(LINES) + (p + (h >> 8) + 7 >> 8)
    while line <= last:
        store8(line, load8(line) | 1)
        line += 1


def mark_fields(q: word, end: word) -> None:
    """Mark from the words in [q, end); the rest of many later, when what these lead to is marked."""
    if end - q > PIECE:
        sp = load(MARK_SP)
        store(sp, end)
        store(sp + 8, q + PIECE | 1)
        store(MARK_SP, sp + 16)
        end = q + PIECE
    while q < end:
        mark_value(load(q))
        q += 8


@inline
def trace_pairs(p: word, a: word) -> None:
    """From a pair whose first is ``a`` along the parts of pairs; where both lead on, the rest waits on the stack."""
    lines = load(LINES)
    while True:
        line = lines + (p >> 8)
        store8(line, load8(line) | 1)
        first = fresh(a)
        rest = fresh(load(p + 8))
        p = first if first != 0 else rest
        if p == 0:
            return
        if first != 0 and rest != 0:
            push_marked(rest)
        a = load(p)
        if a & 7 == 7:
            push_marked(p)
            return


def scan_cards(top: word) -> None:
    """Mark from old objects in the cards written to since the last collection."""
    cards = load(CARDS)
    i = cards + (HEAP >> 9)
    end = cards + (top + 511 >> 9)
    long = 0
    while i < end:
        if i & 7 == 0 and load(i) == 0:
            i += 8
        else:
            if load8(i) != 0:
                store8(i, 0)
                line = load(LINES) + (i - cards << 1)
                if load8(line) & load8(line + 1) & YOUNG == 0:  # young objects are found by being reached
                    long = scan_card((i - cards) << 9, long)
                    trace()
            i += 1


def scan_card(start: word, long: word) -> word:
    """Mark from the fields in [start, start + 512) of marked objects.

    ``long`` is an object that may reach into this card (0: none), found with an earlier card; so is the result, for
    later ones.
    """
    end = start + 512
    p = long
    if p == 0 or p + object_bytes(p) <= start:
        p = find_start(start)
    if p == 0:
        p = next_start(start, end)
    long = 0
    while p < end and p != 0:
        long = p
        if is_marked(p):
            h = load(p)
            q = p
            stop = p + 16
            if h & 7 == 7:
                q = p + 8
                stop = q + 8 * pointer_count(h)
            if q < start:
                q = start
            while q < stop and q < end:
                mark_value(load(q))
                q += 8
        p = next_start(p + object_bytes(p), end)
    return long


def next_start(p: word, end: word) -> word:
    """Address of the first object that starts in [p, end), or 0."""
    while p < end:
        bits = load(load(STARTS) + (p >> 10 << 3)) & -1 << (p >> 4)
        if bits != 0:
            q = (p >> 10 << 10) + (ctz(bits) << 4)
            return q if q < end else 0
        p = (p >> 10) + 1 << 10
    return 0


def finish(top: word, full: word) -> None:
    """Live objects are the ones with start bits now; count live lines, begin allocation anew."""
    at = load(STARTS) + (HEAP >> 10 << 3)
    end = load(STARTS) + (top + 1023 >> 10 << 3)
    other = load(MARKS) - load(STARTS)
    if load(GC_STRESS) != 0:
        poison(at, end)
    while at < end:
        store(at, load(at + other))
        at += 8
    live = 0
    line = load(LINES) + (HEAP >> 8)
    last = load(LINES) + ((top + 2047) >> 11 << 3)
    while line < last:
        bits = load(line) & ALL_LIVE
        store(line, bits)
        live += (bits * ALL_LIVE) >> 56 & 255
        line += 8
    store(CHUNK_COUNT, 0)
    store(LIVE_LINES, live)
    store(GC_COUNT, load(GC_COUNT) + 1)
    store(GC_BYTES, load(GC_BYTES) + load(ALLOCATED))
    if full != 0:
        store(FULL_LIVE, live)
        store(FULL_COUNT, load(FULL_COUNT) + 1)
    store(ALLOCATED, 0)
    store(CURSOR, HEAP >> 8)
    store(LARGE_CURSOR, HEAP >> 8)
    budget = live << 7
    if budget > LONG_BUDGET + (live << 3):
        budget = LONG_BUDGET + (live << 3)
    if budget < MIN_BUDGET:
        budget = MIN_BUDGET
    room = load(HEAP_END) - HEAP - (live << 8)
    if budget > room >> 1:
        budget = (room >> 1) + 65536
    store(BUDGET, budget)
