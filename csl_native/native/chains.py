"""Lists that a function makes by calling itself for the rest of them: a loop instead of a recursion.

Where the last thing a function does is ``(cons x (f ...))``, the pair is made before the call, and what the call gives
is stored in it: then that is the last call, and the function begins again (Risch 1973, "REMREC"; Leijen and Lorenzen,
"Tail Recursion Modulo Context", POPL 2023). An error says as often as without this which function it leaves, and a
recursion without end stays an error: for both the pairs are counted.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from ..heap.words import CONS, UNWIND
from ..instructions.codec import Code, Decoded
from ..kernel.memory import NIL
from .allocation import OPAQUE

if TYPE_CHECKING:
    from .functions import FunctionIR


def chained(code: Code, listing: list[Decoded], own: Collection[int]) -> frozenset[int]:
    """Places of a function's calls of itself that only a ``cons`` and a return follow.
    ``own``: the literals that are the function.
    """
    at = {item.at: item for item in listing}

    def following(item: Decoded) -> Decoded:
        then = at[item.end]
        while then.row.always and then.target is not None and then.target > then.at:
            then = at[then.target]
        return then
    calls = [item for item in listing if item.row.name == f"call{code.fixed}"
             and item.operands[0] in own] if not code.handlers else []
    return frozenset(call.at for call in calls if (pair := following(call)).row.name == "cons"
                     and following(pair).row.name == "return")


class Chain:
    """The list that a function has begun: its first pair, and the place of its rest (0: there is no list yet)."""

    def __init__(self, unit: FunctionIR) -> None:
        self.unit, self.out = unit, unit.out
        self.first, self.rest = self.out.slot("first", "word"), self.out.slot("rest", "word")
        self.arguments = [self.out.slot("argument", "word") for _ in range(unit.count)]
        for slot in (self.first, self.rest):
            self.store("0", slot)
        for k, slot in enumerate(self.arguments):
            self.store(f"%a{k}", slot)
        self.start = self.out.label("chain")
        self.out.place(self.start)

    def store(self, value: str, slot: str) -> None:
        self.out.emit(f"store i64 {value}, ptr {slot}")

    def load(self, slot: str) -> str:
        return self.out.define(f"load i64, ptr {slot}")

    def call(self, function: str, *values: str) -> str:
        list_ = "".join(f", i64 {v}" for v in values)
        return (self.out.define(f"call i64 @{self.unit.use(function)}(ptr %base{list_}, i64 {self.load(self.first)}, "
                                f"i64 {self.load(self.rest)})"))

    def poll(self) -> str:
        """A safepoint, where a list that has become too long is an error."""
        return self.call("chain_safepoint")

    def grow(self, value: str, opaque: bool) -> None:
        """One more pair, with this car."""
        out = self.out
        pair = out.define(f"call i64 @{self.unit.use('cons')}(ptr %base, i64 {value}, i64 {NIL})")
        if opaque:
            pair = out.define(OPAQUE.format(pair))
        alone, behind, on = out.label("alone"), out.label("behind"), out.label("on")
        self.fork(alone, behind)
        out.place(alone)
        self.store(pair, self.first)
        out.jump(on)
        out.place(behind)
        self.fill(pair)
        out.place(on)
        self.store(out.define(f"add i64 {pair}, {8 - CONS}"), self.rest)

    def again(self, arguments: list[str]) -> None:
        """Begin again, as a last call of the function itself."""
        for value, slot in zip(arguments, self.arguments, strict=True):
            self.store(value, slot)
        self.out.jump(self.start)

    def fork(self, alone: str, behind: str) -> None:
        """Go where there is no list yet, or where there is one."""
        self.out.branch(self.out.define(f"icmp eq i64 {self.load(self.rest)}, 0"), alone, behind)

    def fill(self, value: str) -> None:
        self.out.emit(f"call void @{self.unit.use('fill_rest')}(ptr %base, i64 {self.load(self.rest)}, i64 {value})")

    def end(self, value: str) -> None:
        """Leave the function with a value: it is the list's rest, where there is a list."""
        alone, behind = self.out.label("alone"), self.out.label("behind")
        self.fork(alone, behind)
        self.out.place(alone)
        self.out.ret("word", value)
        self.out.place(behind)
        self.fill(value)
        self.out.ret("word", self.load(self.first))

    def pass_on(self, value: str) -> None:
        """The same for what another function, which went on in place of this call, gave, or failed with: then it has
        said itself what it left.
        """
        bad, good = self.out.label("bad"), self.out.label("good")
        self.out.emit(f"br i1 {self.out.define(f'icmp eq i64 {value}, {UNWIND}')}, label %{bad}, label %{good}, !prof "
                      "!3")
        self.out.terminated = True
        self.out.place(bad)
        self.fail(0)
        self.out.place(good)
        self.end(value)

    def fail(self, more: int = 1) -> None:
        """Leave the function by an error or a throw: as many calls as there are pairs, and ``more``."""
        self.out.ret("word", self.call("leave_chain", "%env", str(more)))
