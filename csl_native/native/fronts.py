"""Functions that often return without a call get a front: their beginning, up to what needs a frame, as a function of
its own.

It saves no registers and is small enough to stand in place of a function's calls of itself; where it cannot go on it
jumps to the whole function, which begins again: nothing that a front does can be seen.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache

from ..instructions.codec import Code, Decoded, decode
from ..instructions.effects import repeats, splits
from ..instructions.program import program
from ..instructions.table import Instruction
from ..restricted import llvm as ir
from .lowering import CALLS, Body

MOST = 12  # instructions on a way through a front


@cache
def stays(row: Instruction) -> bool:
    """Can an instruction stand in a front: without a call, or with calls only where it can be begun again?"""
    functions = program().functions

    def calls(name: str) -> bool:
        return any(not functions[callee].inline for callee in ir.closure(program(), [name], lambda f: f.inline))
    return row.name != "poll" and repeats(row) and (row.kind == "return" or "fp" in row.context or splits(row)
                                                    or not calls(row.function))


def front(code: Code, own: Collection[int] = ()) -> frozenset[int]:
    """The places of the instructions of a function's front: those on short ways from its beginning to a return; none
    where it has no front.

    ``own``: the literals that are the function itself.  A function with a loop has none, unless it is recursive too:
    what returns before the loop is not what it is called for.
    """
    listing = {item.at: item for item in decode(code.code)}
    far = MOST + 1
    names = {item.row.name for item in listing.values()}
    recursive = any(item.row.name in CALLS and item.operands[0] in own for item in listing.values())
    if code.handlers or "poll" in names and not recursive:
        return frozenset()

    def following(item: Decoded) -> list[int]:
        on = [item.end] if item.row.kind == "value" or item.row.kind == "branch" and not item.row.always else []
        return on if item.target is None else [*on, item.target]
    possible = [item for item in listing.values() if stays(item.row)]
    before, behind = {0: 0}, dict[int, int]()
    for item in possible:
        for to in following(item):
            before[to] = min(before.get(to, far), before.get(item.at, far) + 1)
    for item in reversed(possible):
        behind[item.at] = 1 + (0 if item.row.kind == "return" else min(behind.get(to, far) for to in following(item)))
    found = frozenset(item.at for item in possible if before.get(item.at, far) + behind[item.at] <= MOST)
    return found if 0 < len(found) <= 2 * MOST and len(found) < len(listing) else frozenset()


class Front(Body):
    """The body that goes no further than the front does."""

    def once(self) -> None:
        self.kept = front(self.code, self.source.own)
        self.before_pairs = frozenset()  # who wants the pair asks again
        ends = {place for item in self.listing if item.at in self.kept for place in (item.end, item.target)}
        self.listing = [item for item in self.listing if item.at in self.kept or item.at in ends]
        super().once()

    def make_room(self, item: Decoded) -> None:
        """A front makes nothing."""

    def instruction(self, item: Decoded) -> None:
        if item.at in self.kept:
            super().instruction(item)
        else:
            self.give_up(item)

    def assumes(self, item: Decoded) -> bool:
        return splits(item.row)

    def give_up(self, item: Decoded) -> None:
        """Begin again as the whole function, or with the call that this stands in place of."""
        if self.caller is not None:
            self.out.jump(self.elsewhere)
            return
        self.out.ret("word", self.unit.direct(self.out, [f"%a{k}" for k in range(self.unit.count)], ".whole"))
