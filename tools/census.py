"""What is in an image's heap: how much of each type, the biggest objects, and through what each is kept."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Any

from csl_native.heap.objects import BY_TYPE, T_SYMBOL
from csl_native.heap.vm import HEAP
from csl_native.heap.words import HEADER, SYMBOL
from csl_native.image.container import ImageError
from csl_native.kernel.memory import NIL, ROOT_OBLIST, ROOT_VECTOR, UNSET
from csl_native.saving.heapview import HeapView

ROOTS = ("object list", "its count", "table of native definitions", "modules", "pinned values", "restart function",
         "banner", "character table", "*raise", "*lower")


def objects(view: HeapView) -> Iterator[tuple[int, str, int]]:
    """Every object of the heap, in order: address, type, bytes that it takes."""
    p, end = HEAP, HEAP + int(view.info["size"])
    while p < end:
        h = view.word(p)
        if h & 7 != HEADER:
            yield p, "cons", 16
            p += 16
            continue
        row, size = BY_TYPE.get(h >> 3 & 31), (h >> 8) + 23 & -16
        if row is None or size <= 0 or p + size > end + 16:
            raise view.fail("an object of no known type or size", p)
        yield p, row.name, size
        p += size


def census(view: HeapView, most: int = 20) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Rows by type, and the biggest objects with how they are kept."""
    counts: dict[str, list[int]] = {}
    biggest: list[tuple[int, int, str]] = []
    for p, kind, size in objects(view):
        row = counts.setdefault(kind, [0, 0])
        row[0] += 1
        row[1] += size
        if size > 16:
            (heapq.heappush if len(biggest) < most else heapq.heappushpop)(biggest, (size, p, kind))
    rows = [{"type": kind, "objects": n, "bytes": size}
            for kind, (n, size) in sorted(counts.items(), key=lambda row: -row[1][1])]
    paths = kept(view, {p for _, p, _ in biggest})
    return rows, [{"type": kind, "bytes": size, "at": f"{p:#x}", "kept by": paths.get(p, "nothing that leads here")}
                  for size, p, kind in sorted(biggest, reverse=True)]


def parts(view: HeapView, p: int) -> Iterator[tuple[str, int]]:
    """The values in an object at an address, with their places."""
    h = view.word(p)
    if h & 7 != HEADER:
        yield "car", h
        yield "cdr", view.word(p + 8)
        return
    row = BY_TYPE.get(h >> 3 & 31)
    if row is None:
        raise view.fail("an object of no known type", p)
    count = row.pointers if row.pointers >= 0 else h >> 11
    for k in range(count):
        yield row.fields[k] if k < len(row.fields) else f"[{k}]", view.word(p + 8 + 8 * k)


def name_of(view: HeapView, p: int) -> str:
    return f" {view.text(p + SYMBOL)}" if view.word(p) & 7 == HEADER and view.word(p) >> 3 & 31 == T_SYMBOL else ""


def kept(view: HeapView, wanted: set[int]) -> dict[int, str]:
    """For addresses of objects the shortest way to them: from the roots without the object list, else from a symbol on
    that.
    """
    start: list[tuple[int, tuple[Any, ...]]] = []
    roots = view.vector(ROOT_VECTOR)
    for k, value in enumerate(roots):
        if k != ROOT_OBLIST and value & 7 not in (0, HEADER):
            start.append((value & -16, ("root " + (ROOTS[k] if k < len(ROOTS) else str(k)), None)))
    for symbol in view.symbols():
        start.append((symbol & -16, ("symbol", None)))
    if ROOT_OBLIST < len(roots):
        start.append((roots[ROOT_OBLIST] & -16, ("root " + ROOTS[ROOT_OBLIST], None)))
    parent: dict[int, tuple[Any, ...]] = {}
    missing, queue = set(wanted), []
    for p, how in start:
        if p not in parent:
            parent[p] = how
            queue.append(p)
            missing.discard(p)
    at = 0
    while at < len(queue) and missing:
        p = queue[at]
        at += 1
        for place, value in parts(view, p):
            if value & 7 in (0, HEADER):
                continue
            q = value & -16
            if q not in parent:
                parent[q] = place, p
                missing.discard(q)
                queue.append(q)
    return {p: way(view, parent, p) for p in wanted if p in parent}


def way(view: HeapView, parent: dict[int, tuple[Any, ...]], p: int) -> str:
    """The steps to an object; runs of cdrs are counted."""
    steps: list[str] = []
    while True:
        place, before = parent[p]
        if before is None:
            steps.append(place + name_of(view, p))
            break
        steps.append(place)
        p = before
    steps.reverse()
    out: list[str] = []
    k = 0
    while k < len(steps):
        run = k
        while run < len(steps) and steps[run] == "cdr":
            run += 1
        if run - k > 1:
            out.append(f"{run - k} x cdr")
            k = run
        else:
            out.append(steps[k])
            k += 1
    return " > ".join(out if len(out) < 16 else [*out[:8], f"... {len(out) - 15} more ...", *out[-7:]])


def why_kept(view: HeapView, name: str) -> list[dict[str, Any]]:
    """How the symbol with a name, its value and its function are kept."""
    found = next((s for s in view.symbols() if view.text(s) == name), None)
    if found is None:
        raise ImageError(f"{view.path}: no symbol {name} on the object list")
    rows = []
    for place, value in (("symbol", found),
                         *((place, v) for place, v in parts(view, found & -16) if place in ("value", "plist", "env"))):
        if value & 7 in (0, HEADER) or value in (NIL, UNSET):
            continue
        rows.append({"what": place, "is": view.show(value, 2),
                     "kept by": kept(view, {value & -16}).get(value & -16, "")})
    return rows


