"""Failures: which restricted functions may return UNWIND, and that no such result is used before it was tested.

A word may carry a failure, a double or a bool cannot.  A function may fail when it returns UNWIND, the result of an
entry (``invoke1``...), or that of a function that may fail and was not compared with UNWIND.  Such a result may be
returned as it is, copied to a variable and compared with UNWIND; everything else is refused until it has been compared,
on every path.  Where a failure is known it is not forgotten either: the function returns one, or says ``handled(x)``,
which is the place where a handler takes it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import TYPE_CHECKING

from .flow import Flow
from .language import WORD

if TYPE_CHECKING:
    from .checker import Function, Program

# Of a value: no failure; one or not, and nobody looked; UNWIND; one or not, and there was a test, so that it is known
# what follows from it.
CLEAN, MAYBE, FAILED, TESTED = range(4)
# Intrinsics whose result is that of code elsewhere.
FALLIBLE = frozenset(["jump4", *(f"invoke{k}" for k in range(1, 6)),
                      *(f"{name}{k}" for name in ("go", "enter") for k in range(3, 6))])
LOST = "?"  # stands in a state where a failure is known that is in no variable

State = dict[str, int]  # what is not clean, by variable; None: control does not get there


def failing(program: Program, known: Iterable[str] = ()) -> frozenset[str]:
    """The functions that may return UNWIND, by name; ``known`` do."""
    found = set(known)
    callers: dict[str, set[str]] = {}
    for name, f in program.functions.items():
        for node in ast.walk(f.node):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                callers.setdefault(node.func.id, set()).add(name)
    work = [f for name, f in program.functions.items() if not f.checked]
    while work:
        more = {f.name for f in work if f.result == WORD and _Flow(program, f, found).fails()}
        found |= more
        work = [program.functions[n] for n in set().union(*(callers.get(name, set()) for name in more)) - found]
    return frozenset(found)


def check(program: Program, functions: Iterable[Function], found: frozenset[str]) -> None:
    """Refuse a result of a function in ``found`` that is used as a value, or lost."""
    for function in functions:
        _Flow(program, function, found, strict=True).fails()


def _join(a: State | None, b: State | None) -> State | None:
    """The state where two paths meet."""
    if a is None or b is None or a == b:
        return b if a is None else a
    kinds = {name: {a.get(name, CLEAN), b.get(name, CLEAN)} for name in {*a, *b}}
    return {name: kind.pop() if len(kind) == 1 else MAYBE if MAYBE in kind else TESTED for name, kind in kinds.items()}


class _Flow(Flow[State]):
    """One function, forwards over its statements."""

    def __init__(self, program: Program, function: Function, found: Iterable[str], strict: bool = False) -> None:
        super().__init__()
        self.program, self.function, self.found, self.strict = program, function, found, strict
        self.names = {name for name, _ in function.parameters} | {
            n.id for n in ast.walk(function.node) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
        self.result = False

    def fails(self) -> bool:
        state = self.block(self.function.node.body, {})
        if state is not None:
            self.leave(self.function.node, CLEAN, state)
        return self.result

    def refuse(self, node: ast.AST, message: str) -> None:
        if self.strict:
            raise self.program.refuse(self.function, node, message)

    # -- statements

    def join(self, a: State | None, b: State | None) -> State | None:
        return _join(a, b)

    def simple(self, s: ast.stmt, state: State) -> State:
        if isinstance(s, ast.Assign) and isinstance(s.targets[0], ast.Name):
            return self.assign(s.targets[0].id, s.value, state)
        if isinstance(s, ast.AugAssign) and isinstance(s.target, ast.Name):
            if state.get(s.target.id, CLEAN) != CLEAN:
                self.refuse(s, f"{s.target.id} may be a failure here; it must be compared with UNWIND before")
            return self.clean(s.value, state)
        if isinstance(s, ast.Expr) and isinstance(s.value, ast.Call):
            kind, after = self.value(s.value, state)
            if kind != CLEAN:
                self.refuse(s, "this call may fail and its result is dropped; expected a comparison with UNWIND")
            return after
        return state

    def returned(self, s: ast.Return, state: State) -> None:
        kind, after = (CLEAN, state) if s.value is None else self.value(s.value, state)
        self.leave(s, kind, after)

    def assign(self, name: str, value: ast.expr, state: State) -> State:
        kind, after = self.value(value, state)
        if after.get(name) == MAYBE and not any(isinstance(n, ast.Name) and n.id == name for n in ast.walk(value)):
            self.refuse(value, f"{name} may hold a failure, which this would overwrite; it must be compared with "
                               "UNWIND before")
        if after.get(name, CLEAN) != CLEAN:
            after = {**after, LOST: FAILED}
        after = {k: v for k, v in after.items() if k != name}
        return after if kind == CLEAN else {**after, name: kind}

    def leave(self, node: ast.AST, kind: int, state: State) -> None:
        self.result = self.result or kind != CLEAN
        if kind == CLEAN and state:
            lost = [name for name in state if name != LOST]
            what = f"the failure that may be in {' and '.join(sorted(lost))}" if lost else "a failure"
            self.refuse(node, f"{what} is forgotten here; expected a test that returns it, or handled(x)")

    # -- expressions

    def value(self, e: ast.expr, state: State) -> tuple[int, State]:
        """Is a value a failure, and what is known behind it?"""
        if isinstance(e, ast.Name):
            if e.id not in self.names:
                return FAILED if e.id == "UNWIND" else CLEAN, state
            return state.get(e.id, CLEAN), state
        if isinstance(e, ast.IfExp):
            yes, no = self.condition(e.test, state)
            left, after = (CLEAN, None) if yes is None else self.value(e.body, yes)
            right, other = (CLEAN, None) if no is None else self.value(e.orelse, no)
            return left if left == right else MAYBE, _join(after, other) or {}
        if isinstance(e, ast.Call) and isinstance(e.func, ast.Name):
            return self.call(e, e.func.id, state)
        if isinstance(e, (ast.Compare, ast.BoolOp)) or isinstance(e, ast.UnaryOp) and isinstance(e.op, ast.Not):
            yes, no = self.condition(e, state)
            after = _join(yes, no) or {}
            if yes is not None and no is not None and yes != no:
                self.refuse(e, "a test for a failure; expected in if, while or a conditional expression")
            return CLEAN, after
        for child in ast.iter_child_nodes(e):
            if isinstance(child, ast.expr):
                state = self.clean(child, state)
        return CLEAN, state

    def call(self, e: ast.Call, name: str, state: State) -> tuple[int, State]:
        if name == "handled":
            _, state = self.value(e.args[0], state)
            held = e.args[0].id if isinstance(e.args[0], ast.Name) else ""
            return CLEAN, {k: v for k, v in state.items() if v == MAYBE and k not in (held, LOST)}
        for argument in e.args:
            state = self.clean(argument, state)
        return MAYBE if name in FALLIBLE or name in self.found else CLEAN, state

    def clean(self, e: ast.expr, state: State) -> State:
        """What is known behind a value that must not be a failure."""
        kind, state = self.value(e, state)
        if kind != CLEAN:
            what = (f"{e.func.id} may fail" if isinstance(e, ast.Call) and isinstance(e.func, ast.Name)
                    else "this may be a failure")
            self.refuse(e, f"{what}; expected a word that was compared with UNWIND before it is used")
        return state

    def test(self, e: ast.expr, state: State) -> tuple[State | None, State | None]:
        if isinstance(e, ast.Compare) and isinstance(e.ops[0], (ast.Eq, ast.NotEq)):
            sides = [e.left, e.comparators[0]]
            marks = [side for side in sides if isinstance(side, ast.Name) and side.id == "UNWIND"
                     and side.id not in self.names]
            if marks:
                yes, no = self.compared(next((side for side in sides if side not in marks), marks[0]), state)
                return (yes, no) if isinstance(e.ops[0], ast.Eq) else (no, yes)
        after = self.clean_parts(e, state)
        return after, after

    def clean_parts(self, e: ast.expr, state: State) -> State:
        if isinstance(e, ast.Compare):
            return self.clean(e.comparators[0], self.clean(e.left, state))
        return self.clean(e, state)

    def compared(self, e: ast.expr, state: State) -> tuple[State, State]:
        """What is known where a value is UNWIND, and where it is not."""
        kind, state = self.value(e, state)
        if kind == CLEAN:
            return state, state
        name = e.id if isinstance(e, ast.Name) else ""
        rest = {k: v for k, v in state.items() if k != name}
        return {**rest, name or LOST: FAILED}, rest

