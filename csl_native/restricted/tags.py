"""Tags: nothing is read or written through a parameter of a Lisp function, or through a word that was read there,
before its tag was tested.

A word is known by the tags that it may have, so what follows from ``x & 7 == TAG``, from the type in a header and from
functions of these is followed over the statements of each function.  A function that is not for Lisp may expect its
callers to have tested: what its parameters must be follows from what it does with them, and holds its callers to that.
Words that come from elsewhere (registers, tables of the machine) are numbers, of which nothing is said.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .flow import Flow
from .kinds import (
    ANY,
    OTHER,
    SAME,
    SOME_OBJECT,
    UNWIND,
    Kinds,
    State,
    Word,
    admits,
    changes,
    forget_loads,
    join,
    met,
    names_in,
    ored,
    shown,
    tag_of,
)
from .language import BOOL, INTRINSICS, VOID, WORD

if TYPE_CHECKING:
    from .checker import Function, Program, Refusal

ACCESSES: dict[str, int] = {"load": 64, "store": 64, "loadf": 64, "storef": 64, "set_field": 64, **{
    f"{a}{bits}": bits for a in ("load", "store") for bits in (8, 16, 32, 64)}}


class Summary:
    """What is known of a function: what its parameters must be, what its result is (None: a number), what it proves of
    them when it says yes.
    """

    def __init__(self, function: Function) -> None:
        self.allowed: dict[str, Kinds] = {name: ANY | {UNWIND} for name, kind in function.parameters if kind == WORD}
        self.result: Kinds | None = frozenset()
        self.proves: dict[str, Kinds] = {}


class _Flow(Flow[State]):
    """One function, forwards over its statements."""

    def __init__(self, analysis: Analysis, function: Function) -> None:
        super().__init__()
        self.analysis, self.function = analysis, function
        self.summary = Summary(function)
        self.summary.allowed = dict(analysis.summaries[function.name].allowed)
        self.faults: dict[ast.AST, Refusal] = {}
        self.proved: State | None = None
        self.locals = {n.id for n in ast.walk(function.node) if isinstance(n, ast.Name)
                       and isinstance(n.ctx, ast.Store)} | set(dict(function.parameters))

    def run(self) -> None:
        start: State = {name: Word(ANY, name) for name, kind in self.function.parameters if kind == WORD}
        self.block(self.function.node.body, start)
        if self.proved is not None:
            self.summary.proves = {name: word.kinds for name, word in self.proved.items()
                                   if isinstance(word, Word) and word.origin == name}

    # -- statements

    def join(self, a: State | None, b: State | None) -> State | None:
        return join(a, b)

    def simple(self, s: ast.stmt, state: State) -> State:
        if isinstance(s, (ast.Assign, ast.AugAssign)):
            target = s.targets[0] if isinstance(s, ast.Assign) else s.target
            assert isinstance(target, ast.Name)
            return self.assign(target.id, s.value, state)
        if isinstance(s, ast.Expr) and isinstance(s.value, ast.Call):
            self.value(s.value, state)
            return forget_loads(state)
        return state

    def returned(self, s: ast.Return, state: State) -> None:
        self.leave(s.value, state)

    def assign(self, name: str, value: ast.expr, state: State) -> State:
        word = self.value(value, state)
        after = forget_loads(state) if changes(value) else dict(state)
        for key in [key for key, what in after.items() if key == name or isinstance(key, tuple)
                    and (key[1] == name or what == name or name in key[2:])]:
            del after[key]
        if word is not None:
            after[name] = word
        if (isinstance(value, ast.BinOp) and isinstance(value.op, ast.BitAnd) and self.number(value.right) == 7
            and isinstance(value.left, ast.Name)):
            after["tag", name] = value.left.id
        head = self.header_of(value)
        if head is not None:
            after["head", name] = head
        return after

    def leave(self, value: ast.expr | None, state: State) -> None:
        if value is None or self.function.result == VOID:
            return
        if self.function.result == BOOL:
            yes, _ = self.condition(value, state)
            self.proved = join(self.proved, yes)
            return
        word = self.value(value, state)
        known = self.summary.result
        self.summary.result = None if word is None or known is None else known | word.kinds

    # -- expressions

    def number(self, e: ast.expr) -> int | None:
        """The value of a constant expression."""
        if isinstance(e, ast.Constant) and isinstance(e.value, int):
            return int(e.value)
        if isinstance(e, ast.Name) and e.id not in self.locals:
            value = self.function.constants.get(e.id)
            return value if isinstance(value, int) else None
        if isinstance(e, ast.UnaryOp) and isinstance(e.op, ast.USub):
            value = self.number(e.operand)
            return None if value is None else -value
        if isinstance(e, ast.BinOp) and isinstance(e.op, (ast.Add, ast.Sub, ast.Mult, ast.LShift, ast.BitOr)):
            a, b = self.number(e.left), self.number(e.right)
            if a is None or b is None:
                return None
            return {ast.Add: a + b, ast.Sub: a - b, ast.Mult: a * b, ast.LShift: a << (b & 63),
                    ast.BitOr: a | b}[type(e.op)]
        return None

    def value(self, e: ast.expr, state: State) -> Word | None:
        """What a word is; None for what is no Lisp value for certain."""
        constant = self.number(e)
        if constant is not None:
            return Word(frozenset([("is", constant)]))
        if isinstance(e, ast.Name):
            return state.get(e.id)
        if isinstance(e, ast.IfExp):
            yes, no = self.condition(e.test, state)
            a = self.value(e.body, yes) if yes is not None else Word(frozenset())
            b = self.value(e.orelse, no) if no is not None else Word(frozenset())
            return None if a is None or b is None else Word(a.kinds | b.kinds, a.origin if a.origin == b.origin else "")
        if isinstance(e, ast.Call) and isinstance(e.func, ast.Name):
            return self.call(e, e.func.id, state)
        if isinstance(e, (ast.Compare, ast.BoolOp)) or isinstance(e, ast.UnaryOp) and isinstance(e.op, ast.Not):
            self.condition(e, state)
            return None
        if isinstance(e, ast.BinOp) and isinstance(e.op, (ast.Add, ast.Sub)):
            return self.sum(e, state)
        # a number is rounded, or a tag taken off
        if isinstance(e, ast.BinOp) and isinstance(e.op, ast.BitAnd) and (self.number(e.right) or 0) < 0:
            for part in self.terms(e.left)[0]:
                self.value(part, state)
            return None
        for child in ast.iter_child_nodes(e):
            if isinstance(child, ast.expr):
                self.value(child, state)
        return None

    def sum(self, e: ast.BinOp, state: State) -> Word | None:
        """With what is no multiple of eight, and has a name as tags and fields do, a word of one tag becomes an
        address.
        """
        parts, offset = self.terms(e)
        named = offset & 7 != 0 and any(isinstance(n, ast.Name) and self.number(n) is not None for n in ast.walk(e))
        unknown = False
        for part in parts:
            word = self.value(part, state)
            if word is not None and any(isinstance(kind, int) for kind in word.kinds):
                if named:
                    self.expect(e, part, word, offset)
                unknown = (unknown or self.function.lisp_name is not None
                           and len({tag_of(kind) for kind in word.kinds}) > 1)
        # of which nobody knows what it is: not to be used as an address
        return Word(ANY) if unknown and not named else None

    def call(self, e: ast.Call, name: str, state: State) -> Word | None:
        if name in ACCESSES:
            for argument in e.args[1:]:
                self.value(argument, state)
            known = state.get(("load", ast.unparse(e), *names_in(e)))
            return known or self.access(e, e.args[0], ACCESSES[name], state)
        if name in SAME:
            return self.value(e.args[0], state)
        if name == "known_fixnum":
            return Word(frozenset([0]))
        words = [self.value(argument, state) for argument in e.args]
        if name in INTRINSICS:
            return Word(ANY | {("is", UNWIND)}) if name.startswith(("invoke", "jump")) else None
        callee = self.analysis.program.functions[name]
        summary = self.analysis.summaries[name]
        for (parameter, kind), word in zip(callee.parameters, words, strict=True):
            if kind == WORD and word is not None:
                allowed = summary.allowed[parameter]
                bad = frozenset(k for k in word.kinds if not admits(allowed, k) and k != ("is", 0))
                self.wrong(e, word, bad, f"{name} reads through its parameter {parameter} without a test", allowed)
        return None if summary.result is None or callee.result != WORD else Word(summary.result)

    def terms(self, e: ast.expr) -> tuple[list[ast.expr], int]:
        """The parts of a sum that are no constants, and the sum of those that are."""
        constant = self.number(e)
        if constant is not None:
            return [], constant
        if isinstance(e, ast.BinOp) and isinstance(e.op, (ast.Add, ast.Sub)):
            left, a = self.terms(e.left)
            right, b = self.terms(e.right)
            return left + right, a + b if isinstance(e.op, ast.Add) else a - b
        return [e], 0

    def access(self, e: ast.Call, address: ast.expr, bits: int, state: State) -> Word | None:
        """Look at an access of memory; what is read there."""
        parts, offset = self.terms(address)
        through = False
        result: Kinds = ANY
        for part in parts:
            word = self.value(part, state)
            if word is None or all(tag_of(kind) == 0 for kind in word.kinds):
                continue
            tags = {tag_of(kind) for kind in word.kinds}
            wanted = tags.pop() if bits < 64 and len(tags) == 1 else -offset & 7  # a byte may be anywhere
            through = True
            self.expect(e, part, word, offset if bits == 64 else -wanted)
            if len(parts) == 1:
                result = self.analysis.fields.get((wanted, offset), ANY)
        return Word(result) if through and bits == 64 and e.func.id == "load" else None  # type: ignore[attr-defined]

    def expect(self, e: ast.AST, part: ast.expr, word: Word, offset: int) -> None:
        """A word must have the tag that makes it an address with an offset; behind the header of another object it must
        be known of which type.
        """
        wanted, typed = -offset & 7, -offset & 7 == OTHER and offset != -OTHER
        bad = frozenset(k for k in word.kinds if tag_of(k) != wanted or k == OTHER and typed)
        self.wrong(e, word, bad, f"{ast.unparse(part)} may be {shown(bad)} here; expected a test of its tag" + (
            " and of its header's type" if wanted == OTHER else ""), frozenset([SOME_OBJECT if typed else wanted]))

    def wrong(self, e: ast.AST, word: Word, bad: Kinds, message: str, wanted: Kinds) -> None:
        if not bad:
            return
        if word.origin and self.function.lisp_name is None:
            allowed = self.summary.allowed[word.origin]
            kept = allowed - bad - {k for k in bad if isinstance(k, tuple)}
            self.summary.allowed[word.origin] = frozenset(kept
                                                          | ({SOME_OBJECT} if SOME_OBJECT in wanted and OTHER in bad
                                                             else set()))
            return
        self.faults.setdefault(e, self.analysis.program.refuse(self.function, e, message))

    # -- tests

    def test(self, e: ast.expr, state: State) -> tuple[State | None, State | None]:
        if isinstance(e, ast.Call) and isinstance(e.func, ast.Name):
            return self.called(e, e.func.id, state)
        if isinstance(e, ast.Compare):
            return self.compared(e, state)
        self.value(e, state)
        return state, state

    def called(self, e: ast.Call, name: str, state: State) -> tuple[State | None, State | None]:
        self.call(e, name, state)
        yes = dict(state)
        if name in self.analysis.summaries:
            proves = self.analysis.summaries[name].proves
            for (parameter, _), argument in zip(self.analysis.program.functions[name].parameters, e.args, strict=True):
                if parameter in proves and isinstance(argument, ast.Name) and isinstance(yes.get(argument.id), Word):
                    word = yes[argument.id]
                    yes[argument.id] = Word(met(word.kinds, proves[parameter]), word.origin)
        return yes, state

    def compared(self, e: ast.Compare, state: State) -> tuple[State | None, State | None]:
        left, right = e.left, e.comparators[0]
        self.value(left, state)
        self.value(right, state)
        if not isinstance(e.ops[0], (ast.Eq, ast.NotEq)):
            return state, state
        number = self.number(right)
        yes, no = dict(state), dict(state)
        if number is not None:
            for key, kinds in self.tested(left, number, state).items():
                word = state[key] if key in state else Word(ANY)
                yes[key], no[key] = Word(kinds[0], word.origin), Word(kinds[1], word.origin)
        return (yes, no) if isinstance(e.ops[0], ast.Eq) else (no, yes)

    def tested(self, e: ast.expr, number: int, state: State) -> dict[Any, tuple[Kinds, Kinds]]:
        """Of what does it say something that an expression is a number: kinds where it is, and where it is not."""
        if isinstance(e, ast.Name) and ("tag", e.id) in state:
            return self.tagged([ast.Name(state["tag", e.id], ast.Load())], number, state)
        if isinstance(e, ast.BinOp) and isinstance(e.op, ast.BitAnd):
            mask = self.number(e.right)
            if mask == 7:
                return self.tagged(ored(e.left), number, state)
            shifted = e.left if mask == 255 else None
            if (isinstance(e.left, ast.BinOp) and isinstance(e.left.op, ast.RShift) and self.number(e.left.right) == 3
                and mask == 31):
                shifted, number = e.left.left, number << 3 | 7
            name = self.header_of(shifted) if shifted is not None else None
            if isinstance(shifted, ast.Name):
                name = state.get(("head", shifted.id))
            if name is not None and isinstance(state.get(name), Word):
                kinds = state[name].kinds
                return {name: (met(kinds, frozenset([("object", number)])), kinds - {("object", number)})}
            return {}
        key = self.key(e)
        word = state.get(key)
        if isinstance(word, Word):
            same = frozenset(k for k in word.kinds if k == ("is", number) or k == number & 7)
            return {key: (frozenset([("is", number)]) if same else frozenset(), word.kinds - {("is", number)})}
        return {}

    def tagged(self, parts: list[ast.expr], tag: int, state: State) -> dict[Any, tuple[Kinds, Kinds]]:
        found: dict[Any, tuple[Kinds, Kinds]] = {}
        for part in parts:
            key = self.key(part)
            word = state.get(key) or (Word(ANY) if isinstance(key, tuple) else None)
            if isinstance(word, Word) and (len(parts) == 1 or tag == 0):
                yes = frozenset(k for k in word.kinds if tag_of(k) == tag)
                found[key] = yes, word.kinds if len(parts) > 1 else word.kinds - yes
        return found

    def key(self, e: ast.expr) -> Any:
        """Where a state says what an expression is."""
        if isinstance(e, ast.Name):
            return e.id
        return (("load", ast.unparse(e), *names_in(e)) if isinstance(e, ast.Call)
                and getattr(e.func, "id", "") == "load" else "")

    def header_of(self, e: ast.expr) -> str | None:
        """The local whose header an expression reads."""
        if isinstance(e, ast.Call) and getattr(e.func, "id", "") == "load":
            parts, offset = self.terms(e.args[0])
            if offset == -OTHER and len(parts) == 1 and isinstance(parts[0], ast.Name):
                return parts[0].id
        return None


class Analysis:
    """Of a whole program: ``fields`` says what is in a field (tag and offset) of every object."""

    def __init__(self, program: Program, fields: Mapping[tuple[int, int], Kinds], vouched: Mapping[str, str]) -> None:
        self.program, self.fields, self.vouched = program, fields, vouched
        self.summaries = {name: Summary(f) for name, f in program.functions.items()}
        self.calls = {name: {n.func.id for n in ast.walk(f.node) if isinstance(n, ast.Call)
                             and isinstance(n.func, ast.Name)} & program.functions.keys()
                      for name, f in program.functions.items()}
        callers: dict[str, set[str]] = {}
        for name, callees in self.calls.items():
            for callee in callees:
                callers.setdefault(callee, set()).add(name)
        self.callers = callers
        self.reached = self.reach()
        self.faults: dict[str, list[Refusal]] = {}
        self.settle()
        for name in self.reached:  # again from the beginning, with what is proved by now
            proves, self.summaries[name] = self.summaries[name].proves, Summary(program.functions[name])
            self.summaries[name].proves = proves
        self.settle()

    def settle(self) -> None:
        """Go over all functions until nothing more is learnt."""
        work = list(self.reached)
        while work:
            name = work.pop()
            flow = _Flow(self, self.program.functions[name])
            flow.run()
            if name in self.vouched:
                flow.summary.allowed = Summary(self.program.functions[name]).allowed
                flow.faults.clear()
            self.faults[name] = list(flow.faults.values())
            old, self.summaries[name] = self.summaries[name], flow.summary
            if vars(old) != vars(flow.summary):
                work += [caller for caller in self.reached & {name, *self.callers.get(name, ())} if caller not in work]

    def reach(self) -> frozenset[str]:
        """Lisp functions, and those that they may call."""
        work = [name for name, f in self.program.functions.items() if f.lisp_name is not None]
        seen = set(work)
        while work:
            more = self.calls[work.pop()] - seen
            seen |= more
            work += more
        return frozenset(seen)


def check_tags(program: Program, fields: Mapping[tuple[int, int], Kinds], vouched: Mapping[str, str]) -> None:
    """Refuse a program in which a Lisp function may read through a tag that nobody tested; ``vouched`` says why a
    function may.
    """
    faults = Analysis(program, fields, vouched).faults
    for name in sorted(faults):
        for fault in faults[name]:
            raise fault
