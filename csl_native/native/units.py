"""Units of a page set: what was compiled together, or a native vector; they live, die and move as one."""

from __future__ import annotations

from bisect import bisect_right

from .pages import PAGE_SIZE, RECORD, SET_ALIGNMENT, PageSet

Unit = tuple[int, int]  # place and size


def units(pages: PageSet) -> list[Unit] | None:
    """The units of a set in order; None when an entry does not say which it is in, as those of older images."""
    found = dict(pages.blocks)
    for place, row in pages.entries.items():
        if "unit" in row:
            found[row["unit"][0]] = row["unit"][1]
        elif not any(start <= int(place) < start + size for start, size in pages.blocks.items()):
            return None
    result = sorted(found.items())
    apart = all(base + size <= after for (base, size), (after, _) in zip(result, result[1:], strict=False))
    return result if apart and (not result or sum(result[-1]) <= len(pages.data)) else None


def unit_of(live: list[Unit], place: int) -> Unit | None:
    """The unit that a place is in."""
    at = bisect_right(live, (place, len(live) + (1 << 40))) - 1
    return live[at] if at >= 0 and place < sum(live[at]) else None


def part(pages: PageSet, place: int, size: int) -> PageSet:
    """A stretch of a set, with its own records, as a set for loading; it begins behind ``place % SET_ALIGNMENT`` bytes
    of nothing.
    """
    shift = place // SET_ALIGNMENT * SET_ALIGNMENT
    result = PageSet(pages.tag, pages.abi, bytearray(place - shift) + pages.data[place:place + size],
                     targets=list(pages.targets))
    for kind, target, at, addend in pages.records():
        if place <= at < place + size:
            result.add_record(kind, target, at - shift, addend - (shift if target == 0 else 0))
    return result


def plan(pages: PageSet, live: list[Unit]) -> dict[int, int]:
    """Where units go when a set is made dense: each as far down as its alignment and the borders of pages allow; native
    vectors stay.

    A pair of numbers in the heap is all that a native vector is known by, and nobody can tell such a pair from another.
    """
    places, top = {}, 0
    for base, size in live:
        at = base
        if base not in pages.blocks:
            at = base - (base - top) // SET_ALIGNMENT * SET_ALIGNMENT
            if size <= PAGE_SIZE and at // PAGE_SIZE != (at + size - 1) // PAGE_SIZE:
                at += -(at - base % SET_ALIGNMENT) % PAGE_SIZE
            at = min(at, base)
        places[base] = at
        top = at + size
    return places


def keep(pages: PageSet, live: list[Unit], places: dict[int, int], entries: set[int]) -> None:
    """Leave only some units in a set, at other places, with their records and names, and of their functions those at
    some ``entries``.
    """
    old = bytes(pages.data)
    end = max((places[base] + size for base, size in live), default=0)
    pages.data[:] = bytes(end)
    for base, size in live:
        pages.data[places[base]:places[base] + size] = old[base:base + size]

    def moved(place: int) -> int | None:
        unit = unit_of(live, place)
        return place + places[unit[0]] - unit[0] if unit is not None else None
    packed = bytearray()
    for kind, target, place, addend in pages.records():
        if (there := moved(place)) is not None:
            packed += RECORD.pack(kind << 56 | target << 32 | there, addend + (there - place if target == 0 else 0))
    pages.packed[:] = packed
    pages.blocks = {places[base]: size for base, size in pages.blocks.items() if base in places}
    pages.names = {there: name for place, name in pages.names.items() if (there := moved(place)) is not None}
    rows = {}
    for entry, row in pages.entries.items():
        if int(entry) in entries and (there := moved(int(entry))) is not None:
            shift = there - int(entry)
            lists = {"parts": [[start + shift, size] for start, size in row["parts"]]} if "parts" in row else {}
            unit_row = {"unit": [row["unit"][0] + shift, row["unit"][1]]} if "unit" in row else {}
            rows[str(there)] = {**row, **lists, **unit_row}
    pages.entries = rows
    pages.holes = holes(sorted((places[base], size) for base, size in live))


def holes(live: list[Unit]) -> list[Unit]:
    """What is free between units: places and sizes."""
    result, top = [], 0
    for base, size in live:
        if base > top:
            result.append((top, base - top))
        top = base + size
    return result
