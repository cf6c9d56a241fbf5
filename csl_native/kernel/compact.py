"""Preserve: copy the live heap, compacted and in canonical order, into the scratch region.

The running heap is not changed: forwarding addresses are kept in a region of
their own, one word per granule.  The fixed objects come first and keep their
places; lists are laid out along their cdrs, everything else breadth first, so
the same program gives the same bytes.
"""

from __future__ import annotations

from ..heap.objects import (
    HASH_SLOTS,
    OTHER_TYPE,
    SYM_ENV,
    SYM_FN1,
    SYM_FN2,
    SYM_FNN,
    SYMBOL_SIZE,
    T_HASH,
    T_SYMBOL,
    VECTOR_HEADER,
)
from ..heap.vm import COPY_BASE, COPY_TOP, ENTRY_TOP, FORWARD, HEAP, IMAGE_TOP, SCRATCH
from ..heap.words import OTHER, SYMBOL, VECTOR
from ..restricted.language import inline, load, store, word
from .calls import SLOT_HANDMADE1, SLOT_HANDMADE2, SLOT_HANDMADEN, bytecode_cells
from .collector import object_bytes, pointer_count
from .hashing import pack
from .memory import ROOT_VECTOR, fill
from .oblist import has_something, order_object_list, place_in_order, places_for
from .symbols import OBCOUNT, OBLIST

BOUNDED = "a copy of the heap goes to its end, without recursion"

HASH_TYPE = OTHER_TYPE[T_HASH]
SYMBOL_TYPE = OTHER_TYPE[T_SYMBOL]


def compact() -> word:
    """Copy everything reachable; the size of the copy in bytes.  The copy lies at the scratch region."""
    store(COPY_BASE, load(SCRATCH))
    store(COPY_TOP, load(SCRATCH))
    order_object_list()
    p = HEAP
    while p < ROOT_VECTOR & -16:
        copy_object(p)
        p += SYMBOL_SIZE
    copy_object(p)
    roots = load(COPY_BASE) - HEAP  # where the copy has what the heap has at its fixed places
    store(roots + OBLIST, 0)
    copy_symbols()
    scan = scan_all(load(COPY_BASE))
    store(roots + OBLIST, load(COPY_TOP) - load(COPY_BASE) + HEAP + VECTOR)
    store(roots + OBCOUNT, copy_object_list() << 3)
    scan_all(scan)
    store(IMAGE_TOP, load(COPY_TOP) - load(COPY_BASE))
    return load(IMAGE_TOP)


def scan_all(scan: word) -> word:
    """Copy what the copied objects from one on refer to; where the copy ends."""
    while scan < load(COPY_TOP):
        scan = scan_copy(scan)
    return scan


def copy_symbols() -> None:
    """The symbols that have something lie side by side, whoever else refers to them."""
    table = load(OBLIST)
    at = table + 8 - VECTOR
    end = at + (load(table - VECTOR) >> 8)
    while at < end:
        if load(at) & 7 == SYMBOL and has_something(load(at)):
            copy_value(load(at))
        at += 8


def copy_object_list() -> word:
    """Make the object list of the image, of what is in it; how many symbols those are."""
    table = load(OBLIST)
    end = table + 8 - VECTOR + (load(table - VECTOR) >> 8)
    count = 0
    at = table + 8 - VECTOR
    while at < end:
        if load(at) & 7 == SYMBOL and is_copied(load(at)):
            count += 1
        at += 8
    new = load(COPY_TOP)
    places = places_for(count)
    store(COPY_TOP, new + 16 + 8 * places)
    store(new, places << 11 | VECTOR_HEADER)
    fill(new + 8, places + 1, 0)
    at = table + 8 - VECTOR
    while at < end:
        if load(at) & 7 == SYMBOL and is_copied(load(at)):
            place_in_order(new + VECTOR, load(at))
        at += 8
    return count


@inline
def is_copied(v: word) -> bool:
    return load(load(FORWARD) + ((v & -16) - HEAP >> 1)) != 0


def copy_object(p: word) -> word:
    """Copy one object; its address in the new image."""
    size = object_bytes(p)
    to = load(COPY_TOP)
    i = 0
    while i < size:
        store(to + i, load(p + i))
        i += 8
    store(COPY_TOP, to + size)
    new = to - load(COPY_BASE) + HEAP
    store(load(FORWARD) + ((p - HEAP) >> 1), new)
    return new


def copy_value(v: word) -> word:
    """The value that ``v`` has in the image."""
    if (v + 1) & 7 <= 1:
        return v
    p = v & -16
    new = load(load(FORWARD) + ((p - HEAP) >> 1))
    if new != 0:
        return new + (v & 7)
    new = copy_object(p)
    if v & 7 == 1:
        d = load(p + 8)
        while d & 7 == 1:
            q = d & -16
            if load(load(FORWARD) + ((q - HEAP) >> 1)) != 0:
                break
            copy_object(q)
            d = load(q + 8)
    return new + (v & 7)


def scan_copy(p: word) -> word:
    """Translate the fields of the copied object at ``p``; the address behind it."""
    h = load(p)
    if h & 7 != 7:
        store(p, copy_value(h))
        store(p + 8, copy_value(load(p + 8)))
        return p + 16
    i = p + 8
    end = i + 8 * pointer_count(h)
    if h & 255 == SYMBOL_TYPE:
        neutral_cells(p)
    while i < end:
        store(i, copy_value(load(i)))
        i += 8
    if h & 255 == HASH_TYPE:  # its places were copied behind it, and not looked at yet
        pack(p + OTHER, load(p + OTHER + HASH_SLOTS) - HEAP + load(COPY_BASE))
    return p + object_bytes(p)


@inline
def is_native(slot: word, handmade: word) -> bool:
    return slot >= load(ENTRY_TOP) or slot == handmade


def neutral_cells(p: word) -> None:
    """Slots of native functions mean nothing in another process: the bytecode's go in their place."""
    s = p + SYMBOL
    if (is_native(load(s + SYM_FN1), SLOT_HANDMADE1) or is_native(load(s + SYM_FN2), SLOT_HANDMADE2)
        or is_native(load(s + SYM_FNN), SLOT_HANDMADEN)):
        bytecode_cells(s, load(load(s + SYM_ENV) + 8 - VECTOR))


def image_starts() -> word:
    """Start bits of the copied image, written behind it (8-aligned); address of the first word."""
    bits = load(COPY_TOP) + 15 & -16
    p = load(COPY_BASE)
    end = load(COPY_TOP)
    i = bits
    while i <= bits + (end - p >> 7) + 16:
        store(i, 0)
        i += 8
    while p < end:
        g = p - load(COPY_BASE)
        at = bits + (g >> 10 << 3)
        store(at, load(at) | 1 << (g >> 4))
        p += object_bytes(p)
    return bits
