"""Instructions that make pairs one after another: room for all of them is made before the first."""

from __future__ import annotations

from collections.abc import Collection

from ..instructions.codec import Decoded
from ..instructions.effects import PAIR, pairs, quiet

# A value that LLVM cannot derive from another one.  Of pairs that lie side by side it would keep a single address, and
# find the others by adding to it when they are used: the collector, which looks for addresses inside of objects, would
# not see those.
OPAQUE = 'call i64 asm sideeffect "", "=r,0"(i64 {}) nounwind memory(inaccessiblemem: readwrite)'
MOST = 256  # bytes at once: a line, so that a run of free lines of any length will do


def made(item: Decoded, chained: Collection[int]) -> int:
    """Bytes of the pairs that an instruction makes; ``chained``: places of calls that make one first."""
    return PAIR * (1 if item.at in chained else pairs(item.row))


def rooms(listing: list[Decoded], targets: Collection[int], chained: Collection[int]) -> dict[int, int]:
    """The bytes to make room for before an instruction, by its place; 0 where an instruction before has made it."""
    found: dict[int, int] = {}
    first = None
    for item in listing:
        size = made(item, chained)
        if item.at in targets or not size and not quiet(item.row):
            first = None
        if not size:
            continue
        if first is not None and found[first] + size <= MOST:
            found[first] += size
            found[item.at] = 0
        else:
            first = item.at
            found[first] = size
        if item.at in chained:
            first = None
    return found
