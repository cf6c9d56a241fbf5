"""What every loop and recursion of the restricted language must have: a poll on each way round, and before each call
that may come back to the function.

A poll is a call of one of ``POLLS``, or of a function that polls on all of its ways.  Then an interrupt, a limit and
the end of the stack become Lisp errors wherever the program is.  A loop that counts to a small constant needs none, nor
does a function that says why it is ``bounded``, nor one whose loops go over one object once (``onepass``): a gigabyte
in some tenths of a second, which holds only while nothing in such a loop takes long.
"""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping

from .checker import Function, Program, Refusal

POLLS = ("poll", "poll_slow", "safepoint", "safepoint_slow")
FEW = 1 << 12  # rounds of a loop that counts
# what a loop at the speed of memory has not
SLOW = frozenset(["udiv", "urem", "sdiv", "srem", "callf", "fsqrt", *(f"invoke{n}" for n in range(1, 6))])


class _Ways:
    """The ways through one function: places that are reached without a poll since the loop, or the function, began."""

    def __init__(self, polls: Collection[str]) -> None:
        self.polls = polls
        self.rounds: list[tuple[ast.While, ast.stmt]] = []  # a loop, and where a way round it ends without a poll
        self.calls: list[tuple[str, ast.Call]] = []  # calls before which there may have been no poll
        self.returns = False  # is there a way to a return without a poll?
        self._loops: list[tuple[ast.While, list[bool]]] = []

    def block(self, body: list[ast.stmt], polled: bool | None) -> bool | None:
        """Whether there was a poll for certain behind ``body``; None when nothing comes there."""
        for statement in body:
            if polled is None:
                return None
            polled = self.statement(statement, polled)
        return polled

    def statement(self, s: ast.stmt, polled: bool) -> bool | None:
        if isinstance(s, ast.If):
            polled = self.expression(s.test, polled)
            ways = [w for w in (self.block(s.body, polled), self.block(s.orelse, polled)) if w is not None]
            return all(ways) if ways else None
        if isinstance(s, ast.While):
            return self.loop(s, polled)
        if isinstance(s, ast.Return):
            if s.value is not None:
                polled = self.expression(s.value, polled)
            self.returns = self.returns or not polled
            return None
        if isinstance(s, ast.Continue):
            self.round(s, polled)
            return None
        if isinstance(s, ast.Break):
            self._loops[-1][1].append(polled)
            return None
        for part in ast.iter_child_nodes(s):
            if isinstance(part, ast.expr):
                polled = self.expression(part, polled)
        return polled

    def round(self, s: ast.stmt, polled: bool) -> None:
        if not polled:
            self.rounds.append((self._loops[-1][0], s))

    def loop(self, s: ast.While, polled: bool) -> bool | None:
        forever = isinstance(s.test, ast.Constant) and s.test.value is True
        breaks: list[bool] = []
        self._loops.append((s, breaks))
        end = self.block(s.body, self.expression(s.test, False))
        if end is not None:
            self.round(s.body[-1], end)
        self._loops.pop()
        leaves = [polled or way for way in breaks] + ([] if forever else [self.expression(s.test, polled)])
        return all(leaves) if leaves else None

    def expression(self, e: ast.expr, polled: bool) -> bool:
        """Whether there was a poll behind an expression."""
        if isinstance(e, ast.BoolOp):
            polled = self.expression(e.values[0], polled)
            for value in e.values[1:]:
                self.expression(value, polled)
            return polled
        if isinstance(e, ast.IfExp):
            polled = self.expression(e.test, polled)
            ways = [self.expression(e.body, polled), self.expression(e.orelse, polled)]
            return all(ways)
        for part in ast.iter_child_nodes(e):
            if isinstance(part, ast.expr):
                polled = self.expression(part, polled)
        if isinstance(e, ast.Call) and isinstance(e.func, ast.Name):
            if e.func.id in self.polls:
                return True
            if not polled:
                self.calls.append((e.func.id, e))
        return polled


def ways(function: Function, polls: Collection[str]) -> _Ways:
    found = _Ways(polls)
    end = found.block(function.node.body, False)
    found.returns = found.returns or end is False
    return found


def polling(program: Program) -> frozenset[str]:
    """Functions that poll on all of their ways."""
    found = {name for name in POLLS if name in program.functions}
    while True:
        more = {f.name for f in program.functions.values() if f.name not in found and f.calls & found
                and not ways(f, found).returns}
        if not more:
            return frozenset(found)
        found |= more


def counts(loop: ast.While) -> bool:
    """Does a loop count a local up or down to a small constant?"""
    test = loop.test
    if not (isinstance(test, ast.Compare) and isinstance(test.left, ast.Name)
            and isinstance(test.comparators[0], ast.Constant)):
        return False
    bound = test.comparators[0].value
    if isinstance(test.ops[0], (ast.Gt, ast.GtE)) or not isinstance(bound, int) or bound > FEW:
        return False
    name = test.left.id
    steps = [s for s in loop.body if isinstance(s, ast.AugAssign) and isinstance(s.target, ast.Name)
             and s.target.id == name]
    others = [n for n in ast.walk(loop) if isinstance(n, ast.Continue) or isinstance(n, ast.Name)
              and isinstance(n.ctx, ast.Store) and n.id == name]
    # The checker has replaced the value of ``i += k`` by ``i + k``.
    return (len(steps) == 1 and len(others) == 1 and isinstance(steps[0].op, ast.Add)
            and isinstance(test.ops[0], (ast.Lt, ast.LtE)) and positive(steps[0]))


def positive(step: ast.AugAssign) -> bool:
    value = step.value.right if isinstance(step.value, ast.BinOp) else step.value
    return isinstance(value, ast.Constant) and isinstance(value.value, int) and value.value > 0


def faults(program: Program) -> Iterator[Refusal]:
    """What is wrong with the loops and recursions of a checked program."""
    polls = polling(program)
    looping = loopers(program)
    unchecked: dict[str, dict[str, ast.Call]] = {}
    for function in program.functions.values():
        if function.bounded:
            continue
        if function.onepass:
            yield from slow_parts(program, function, looping)
        found = ways(function, polls)
        for loop, end in found.rounds:
            if not counts(loop) and not function.onepass:
                yield program.refuse(function, end, f"a way round the loop of line {loop.lineno} has no poll; expected "
                                                    "poll() or safepoint() on every "
                                                    "way, or @bounded(why)")
        unchecked[function.name] = {name: call for name, call in reversed(found.calls) if name in program.functions}
    for cycle in cycles(unchecked):
        function = program.functions[cycle[0]]
        yield program.refuse(function, unchecked[cycle[0]][cycle[1]],
                             f"the recursion {' -> '.join(cycle)} has no stack check; expected poll() or "
                                                                      "safepoint() before the call, or @bounded(why)")


def loopers(program: Program) -> frozenset[str]:
    """Functions that have a loop or ask the host, or call one that does."""
    found = {f.name for f in program.functions.values() if any(isinstance(n, ast.While) for n in ast.walk(f.node))
             or called(f.node) & SLOW}
    while True:
        more = {f.name for f in program.functions.values() if f.name not in found and f.calls & found}
        if not more:
            return frozenset(found)
        found |= more


def called(node: ast.AST) -> set[str]:
    return {n.func.id for n in ast.walk(node) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}


def slow_parts(program: Program, function: Function, looping: Collection[str]) -> Iterator[Refusal]:
    """What in a loop of a function that goes once over one object takes longer than memory does."""
    for loop in (n for n in ast.walk(function.node) if isinstance(n, ast.While)):
        for n in ast.walk(loop):
            name = n.func.id if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) else ""
            if name in SLOW or name in looping or isinstance(n, ast.While) and n is not loop:
                yield program.refuse(function, n, f"{name or 'a loop'} in the loop of line {loop.lineno}, which is "
                                                  f"said to go over {function.onepass} at the "
                                                  "speed of memory; expected poll() on every way")


def cycles(graph: Mapping[str, Collection[str]]) -> Iterator[tuple[str, ...]]:
    """A cycle through each function that can come back to itself, once for each set of functions."""
    done: set[str] = set()
    for start in graph:
        before: dict[str, str] = {}
        todo = [start]
        while todo and start not in before and start not in done:
            name = todo.pop()
            for target in graph.get(name, ()):
                if target not in before:
                    before[target] = name
                    todo.append(target)
        if start in before:
            path = [start]
            while len(path) == 1 or path[-1] != start:
                path.append(before[path[-1]])
            done |= set(path)
            yield tuple(reversed(path))


def check_loops(program: Program) -> None:
    """Refuse a program in which a loop or recursion cannot be ended."""
    for fault in faults(program):
        raise fault
