"""Forwards over the statements of a restricted function: what is known at each place, on all paths that lead there (a
data-flow analysis).

A checker says what a simple statement, a ``return`` and a test do to its state, and what is known where two paths meet.
"""

from __future__ import annotations

import ast
from typing import Generic, TypeVar

S = TypeVar("S")  # what is known; None stands for a place that control does not get to
Branches = tuple[S | None, S | None]  # where a test holds, and where it does not


class Flow(Generic[S]):
    """One function."""

    def __init__(self) -> None:
        self.exits: list[tuple[list[S], list[S]]] = []  # of each loop: where break and continue are

    def join(self, a: S | None, b: S | None) -> S | None:
        """What is known where two paths meet."""
        raise NotImplementedError

    def simple(self, s: ast.stmt, state: S) -> S:
        """Behind a statement that control goes through."""
        raise NotImplementedError

    def returned(self, s: ast.Return, state: S) -> None:
        """The function is left."""
        raise NotImplementedError

    def test(self, e: ast.expr, state: S) -> Branches[S]:
        """What is known behind a test that is made of no others."""
        raise NotImplementedError

    def block(self, body: list[ast.stmt], state: S | None) -> S | None:
        for statement in body:
            if state is None:
                return None
            state = self.statement(statement, state)
        return state

    def statement(self, s: ast.stmt, state: S) -> S | None:
        if isinstance(s, ast.Return):
            self.returned(s, state)
            return None
        if isinstance(s, ast.If):
            yes, no = self.condition(s.test, state)
            return self.join(self.block(s.body, yes), self.block(s.orelse, no))
        if isinstance(s, ast.While):
            return self.loop(s, state)
        if isinstance(s, (ast.Break, ast.Continue)):
            self.exits[-1][isinstance(s, ast.Continue)].append(state)
            return None
        return self.simple(s, state)

    def loop(self, s: ast.While, state: S) -> S | None:
        """Behind a loop: its body is gone through until nothing more is learnt."""
        before: S | None = state
        while True:
            assert before is not None
            self.exits.append(([], []))
            yes, no = self.condition(s.test, before)
            end = self.block(s.body, yes)
            breaks, continues = self.exits.pop()
            for more in continues:
                end = self.join(end, more)
            again = self.join(before, end)
            if again == before:
                break
            before = again
        for more in breaks:
            no = self.join(no, more)
        return no

    def condition(self, e: ast.expr, state: S) -> Branches[S]:
        """What is known where a condition holds, and where it does not."""
        if isinstance(e, ast.Constant) and isinstance(e.value, bool):
            return (state, None) if e.value else (None, state)
        if isinstance(e, ast.UnaryOp) and isinstance(e.op, ast.Not):
            yes, no = self.condition(e.operand, state)
            return no, yes
        if isinstance(e, ast.BoolOp):
            both = isinstance(e.op, ast.And)
            on, off = self.condition(e.values[0], state)
            for part in e.values[1:]:
                start = on if both else off
                if start is None:
                    break
                yes, no = self.condition(part, start)
                on, off = (yes, self.join(off, no)) if both else (self.join(on, yes), no)
            return on, off
        if isinstance(e, ast.Call) and isinstance(e.func, ast.Name) and e.func.id in ("likely", "unlikely"):
            return self.condition(e.args[0], state)
        return self.test(e, state)
