"""The one program that relocates, for every kind of every architecture; restricted language.

``load``, ``store`` and so on are the intrinsics of the execution that runs it:
CPython for the kernel's own records, then native code for all others.  Memory
holds the kind rows (``kinds.Kind.words``), the addresses of the targets, the
records and the page.  A record is two words: kind row << 56 | target << 32 |
place in the page, and the addend.  Fields are cleared and then set, so relocating twice is
the same as once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from csl_native.relocation.kinds import ROW_WORDS

if TYPE_CHECKING:  # the execution that runs it has them
    from ..restricted.language import load, load8, load16, load32, load64, store8, store16, store32, store64, word

BOUNDED = "records of one page, fields of one record"
ROW_BYTES = 8 * ROW_WORDS


def field_value(row: word, s: word, a: word, p: word) -> word:
    """The result of a kind's formula."""
    formula = load(row)
    if formula == 0:
        return s + a
    if formula == 1:
        return s + a - p
    if formula == 2:
        return (s + a & -4096) - (p & -4096)
    if formula == 3:
        return s + a & 4095
    if formula == 5:
        return -(s + a)
    return (s + a + 2048 & -4096) - (p & -4096)


def rounding(source: word) -> word:
    """What is added to a result before the field that begins at its bit ``source`` is taken (``kinds.ROUNDINGS``)."""
    number = source >> 6
    if number == 0:
        return 0
    if number == 1:
        return 0x800
    if number == 2:
        return 0x8000
    if number == 3:
        return 0x80008000
    return 0x800080008000 if number == 4 else 0x20000


def put_container(at: word, size: word, value: word) -> None:
    if size == 8:
        store64(at, value)
    elif size == 4:
        store32(at, value)
    elif size == 2:
        store16(at, value)
    else:
        store8(at, value)


def get_container(at: word, size: word) -> word:
    if size == 8:
        return load64(at)
    if size == 4:
        return load32(at)
    if size == 2:
        return load16(at)
    return load8(at)


def put_field(row: word, at: word, value: word) -> word:
    """Write a result into the place; 0, or 1 when it is outside of the kind's interval or not aligned."""
    if value < load(row + 16) or value > load(row + 24) or value & load(row + 32) != 0:
        return 1
    size = load(row + 8)
    fields = load(row + 40)
    if fields == 0:
        put_container(at, size, value)
        return 0
    word = get_container(at, size)
    i = row + 64
    end = i + 24 * fields
    while i < end:
        mask = (1 << load(i + 16)) - 1
        source = load(i + 8)
        part = value + rounding(source) >> (source & 63)
        word = word & ~(mask << load(i)) | (part & mask) << load(i)
        i += 24
    put_container(at, size, word)
    return 0


def read_field(row: word, at: word) -> word:
    """The result that the place holds, as far as its fields keep it: the inverse of ``put_field``."""
    size = load(row + 8)
    fields = load(row + 40)
    word = get_container(at, size)
    top = 8 * size
    value = word
    rounded = 0
    if fields != 0:
        value = 0
        top = 0
        i = row + 64
        end = i + 24 * fields
        while i < end:
            width = load(i + 16)
            source = load(i + 8) & 63
            value = value | (word >> load(i) & (1 << width) - 1) << source
            if load(i + 8) >> 6 == 1:
                rounded = 12
            elif load(i + 8) >> 6 == 5:
                rounded = 18
            if source + width > top:
                top = source + width
            i += 24
    if load(row + 48) != 0 and top < 64:
        value = value << 64 - top >> 64 - top
    if rounded != 0 and fields > 1:
        value = (value >> rounded << rounded) + (value << 64 - rounded >> 64 - rounded)
    return value


def apply_records(rows: word, kinds: word, records: word, count: word, targets: word, target_count: word, page: word,
                  size: word, address: word) -> word:
    """Apply ``count`` records to a page of ``size`` bytes that lies at ``page`` here and will run at ``address``.

    0; or 1 + the number of the first record whose result does not fit its field; or -1 - the number of the first record
    that makes no sense: a kind, target or place that does not exist.  Nothing of that record was written.
    """
    i = 0
    while i < count:
        head = load(records)
        place = head & 0xFFFFFFFF
        target = head >> 32 & 0xFFFFFF
        kind = head >> 56
        row = rows + kind * ROW_BYTES
        if kind < 0 or kind >= kinds or target >= target_count:
            return -1 - i
        if place + load(row + 8) > size:
            return -1 - i
        s = load(targets + 8 * target)
        value = field_value(row, s, load(records + 8), address + place)
        if put_field(row, page + place, value) != 0:
            return i + 1
        records += 16
        i += 1
    return 0
