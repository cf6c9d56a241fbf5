"""Calls in the optimised tier: of the function itself, of a known function behind a guard, or of whatever the symbol
has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..instructions.codec import Decoded
from .compilable import Callee, Source
from .flow import WORD
from .slots import Slots, Value

if TYPE_CHECKING:
    from .lowering import Body


class CallInstructions(Slots):
    """The part of a function's body that is about calls."""

    source: Source
    env: str
    caller: Body | None
    callees: dict[int, Callee]
    chained: frozenset[int]

    def plain(self, item: Decoded, inputs: list[str], first: int) -> None:
        raise NotImplementedError

    def finish(self, value: str) -> None:
        raise NotImplementedError

    def shares_room(self, item: Decoded) -> bool:
        raise NotImplementedError

    def literal(self, n: int) -> str:
        return (self.out.define(f"call i64 @{self.unit.use('literal')}(ptr %base, i64 {self.environment()}, i64 "
                                f"{8 * n})"))

    def environment(self) -> str:
        """What has the literals."""
        return self.env or self.unit.literals()

    def call_instruction(self, item: Decoded, inputs: list[str], first: int) -> None:
        """A call: of the function itself, of a known function behind a guard, or of whatever the symbol has."""
        out, row, n = self.out, item.row, item.operands[0]
        callee = self.callees.get(n)
        if self.caller is None and n in self.source.own and len(inputs) == self.unit.count:
            self.recursion(item, inputs, first)
        elif callee is None:
            self.plain(item, inputs, first)
        else:
            known, other, end = out.label("known"), out.label("other"), out.label("end")
            self.guard(callee, known, other)
            out.place(known)
            self.write(first, Value(WORD, self.known(item, callee, inputs, other)))
            out.jump(end)
            out.place(other)
            self.plain(item, inputs, first)
            if not out.terminated:
                out.jump(end)
            out.place(end)
            if row.kind == "tail":
                self.finish(self.read(first, WORD).name)

    def recursion(self, item: Decoded, inputs: list[str], first: int) -> None:
        """A call of the function itself."""
        out, chain = self.out, self.unit.chain
        if chain is not None and item.row.kind == "tail":
            chain.again(inputs)
        elif chain is not None and item.at in self.chained:
            chain.grow(self.read(first - 1, WORD).name, self.shares_room(item))
            chain.again(inputs)
        elif item.row.kind == "tail":
            out.ret("word", self.unit.direct(out, inputs))
        else:
            # A recursion without end must stay one: LLVM may see that it never returns, and would make a loop that no
            # stack limit ends.
            result = self.unit.direct(out, inputs, mark="notail")
            self.write(first, Value(WORD, self.checked(result, item.at)))

    def guard(self, callee: Callee, known: str, other: str) -> None:
        """Is a function what it was?"""
        place = self.out.define(f"getelementptr i8, ptr %base, i64 {callee.guard}")
        same = self.out.define(f"icmp eq i8 {self.out.define(f'load i8, ptr {place}')}, 0")
        self.out.emit(f"br i1 {same}, label %{known}, label %{other}, !prof !4")
        self.out.terminated = True

    def known(self, item: Decoded, callee: Callee, inputs: list[str], other: str) -> str:
        """The value of a known function: its body here, its front, which may go to the label ``other``, or a direct
        call.
        """
        out = self.out
        if callee.code is None:
            result = (out.define(f"call i64 @{self.unit.use(callee.function)}(ptr "
                                 f"%base{''.join(f', i64 {v}' for v in inputs)})"))
            return self.checked(result, item.at)
        symbol = self.literal(item.operands[0])
        body = self.unit.inlined(callee, callee.code, self, item)  # type: ignore[arg-type]
        whole = self.unit.other(callee) if item.row.kind != "tail" else None
        body.elsewhere = other if whole is None else out.label("whole")
        body.env = out.define(f"call i64 @{self.unit.use('function_env')}(ptr %base, i64 {symbol})")
        body.run(inputs)
        if whole is not None:
            out.jump(after := out.label("after"))
            out.place(body.elsewhere)
            result = self.checked(whole.direct(out, inputs, ".whole", "notail", body.env), item.at)
            out.emit(f"store i64 {result}, ptr {body.result}")
            out.jump(after)
            out.place(after)
        return out.define(f"load i64, ptr {body.result}")


def pushed(listing: list[Decoded]) -> dict[int, int]:
    """How many arguments of calls that are being prepared lie on the Lisp stack before each instruction."""
    at = {item.at: item for item in listing}
    counts = {0: 0}
    work = [0]
    while work:
        item = at[work.pop()]
        name = item.row.name
        then = counts[item.at] + (1 if name == "push_argument" else -(item.operands[1] - 3) if name == "calln" else
                                  -item.operands[0] if name == "drop_arguments" else 0)
        following = [item.target] if item.row.kind == "branch" else []
        if item.row.kind in ("value", "branch") and not item.row.always:
            following.append(item.end)
        for place in following:
            if place is not None and place not in counts:
                counts[place] = then
                work.append(place)
    return {place: counts.get(place, 1) for place in at}
