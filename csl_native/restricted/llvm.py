"""The second execution: restricted functions as LLVM IR text, for any target.

Every function takes the base of its memory as hidden first parameter.  Local
variables are stack slots; LLVM's ``mem2reg`` makes them values.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from typing import Any

from .checker import Function, Program
from .cpython import dispatch_chain
from .emitter import LLVM_TYPE, Emitter, Target, constant
from .language import DOUBLE, INTRINSICS, VOID


class Lowering:
    """Lower statements of a checked function into an emitter.

    ``finish`` receives the value of each ``return``: a function returns it, an
    instruction that is being inlined stores it and jumps on.
    """

    def __init__(self, function: Function, emitter: Emitter, arguments: dict[str, str] | None = None,
                 result: tuple[str, str] | None = None) -> None:
        self.f, self.out = function, emitter
        self.result = result
        self.loops: list[tuple[str, str]] = []
        self.leaving = False
        self.below = 0
        # in a threaded loop: what finds the next case, its name, their labels
        self.dispatch: tuple[ast.stmt, str, list[str]] | None = None
        self.slots: dict[str, str] = {}
        parameters = dict(function.parameters)
        for name, kind in function.locals.items():
            self.slots[name] = emitter.slot(name, kind)
            if name in parameters:
                value = arguments[name] if arguments else f"%{name}"
                emitter.emit(f"store {LLVM_TYPE[kind]} {value}, ptr {self.slots[name]}")

    def run(self) -> None:
        self.block(self.f.node.body)
        if not self.out.terminated and self.f.result == VOID:
            self.finish(None)

    def finish(self, value: str | None) -> None:
        if self.result is None:
            self.out.ret(self.f.result, value)
        else:
            slot, label = self.result
            if value is not None:
                self.out.emit(f"store {LLVM_TYPE[self.f.result]} {value}, ptr {slot}")
            self.out.jump(label)

    def block(self, body: Iterable[ast.stmt]) -> None:
        for s in body:
            if self.out.terminated:
                return
            self.statement(s)

    def statement(self, s: ast.stmt) -> None:
        out = self.out
        if isinstance(s, (ast.Assign, ast.AugAssign)):
            target = s.targets[0] if isinstance(s, ast.Assign) else s.target
            assert isinstance(target, ast.Name)
            value = self.value(s.value)
            out.emit(f"store {LLVM_TYPE[self.f.locals[target.id]]} {value}, ptr {self.slots[target.id]}")
        elif isinstance(s, ast.If):
            chain = dispatch_chain(s)
            if chain:
                self.switch(*chain)
                return
            yes, no, end = out.label("then"), out.label("else"), out.label("end")
            self.condition(s.test, yes, no if s.orelse else end)
            out.place(yes)
            self.block(s.body)
            if not out.terminated:
                out.jump(end)
            if s.orelse:
                out.place(no)
                self.block(s.orelse)
                if not out.terminated:
                    out.jump(end)
            out.place(end)
        elif isinstance(s, ast.While):
            if self.f.threaded and not self.loops:
                self.threaded_loop(s)
                return
            top, body, end = out.label("while"), out.label("do"), out.label("done")
            out.jump(top)
            out.place(top)
            self.condition(s.test, body, end)
            out.place(body)
            self.loops.append((top, end))
            self.block(s.body)
            self.loops.pop()
            if not out.terminated:
                out.jump(top)
            out.place(end)
            if isinstance(s.test, ast.Constant) and not any(isinstance(n, ast.Break) for n in ast.walk(s)):
                out.emit("unreachable")
                out.terminated = True
        elif isinstance(s, ast.Return):
            self.finish(None if s.value is None else self.value(s.value, tail=self.result is None))
        elif isinstance(s, ast.Expr) and isinstance(s.value, ast.Call):
            self.value(s.value)
        elif isinstance(s, ast.Break):
            out.jump(self.loops[-1][1])
        elif isinstance(s, ast.Continue):
            if self.dispatch is not None and len(self.loops) == 1:
                self.next_case()
            else:
                out.jump(self.loops[-1][0])

    def threaded_loop(self, s: ast.While) -> None:
        """``while True: op = ...; if op == 0: ...
        elif op == 1: ...; rest`` with an indirect jump wherever the loop goes on.
        """
        find, cases, *rest = s.body
        chain = dispatch_chain(cases) if isinstance(cases, ast.If) else None
        if chain is None or not isinstance(find, ast.Assign):
            raise Program.refuse(self.f, s,
                                 "a threaded function has one loop that finds a number and tests it against constants")
        out, (name, bodies, default) = self.out, chain
        places = {number: out.label("case") for number, _ in bodies}
        other, end = out.label("default"), out.label("end")
        self.dispatch = find, name, [places.get(number, other) for number in range(256)]
        top = out.label("while")
        self.loops.append((top, end))
        out.jump(top)
        out.place(top)
        self.next_case()
        for (_, body), label in zip((*bodies, (-1, default)), (*places.values(), other), strict=True):
            out.place(label)
            self.block(body)
            if not out.terminated:
                out.jump(end)
        out.place(end)
        self.block(rest)
        if not out.terminated:
            out.jump(top)
        self.loops.pop()
        out.terminated = True

    def next_case(self) -> None:
        assert self.dispatch is not None
        find, name, labels = self.dispatch
        self.statement(find)
        self.out.jump_through(self.f.name, self.out.define(f"load i64, ptr {self.slots[name]}"), labels)

    def switch(self, name: str, cases: list[tuple[int, list[ast.stmt]]], default: list[ast.stmt]) -> None:
        out = self.out
        value = out.define(f"load i64, ptr {self.slots[name]}")
        labels = [out.label("case") for _ in cases]
        other, end = out.label("default"), out.label("end")
        rows = " ".join(f"i64 {number}, label %{label}" for (number, _), label in zip(cases, labels, strict=True))
        out.emit(f"switch i64 {value}, label %{other} [{rows}]")
        out.terminated = True
        for (_, body), label in zip(cases, labels, strict=True):
            out.place(label)
            self.block(body)
            if not out.terminated:
                out.jump(end)
        out.place(other)
        self.block(default)
        if not out.terminated:
            out.jump(end)
        out.place(end)

    def condition(self, e: ast.expr, yes: str, no: str) -> None:
        """Branch on a bool expression, short-circuiting without a slot."""
        out = self.out
        if isinstance(e, ast.BoolOp):
            conjunction = isinstance(e.op, ast.And)
            for part in e.values[:-1]:
                following = out.label("and" if conjunction else "or")
                self.condition(part, following if conjunction else yes, no if conjunction else following)
                out.place(following)
            self.condition(e.values[-1], yes, no)
        elif isinstance(e, ast.UnaryOp) and isinstance(e.op, ast.Not):
            self.condition(e.operand, no, yes)
        elif isinstance(e, ast.Constant):
            out.jump(yes if e.value else no)
        else:
            out.branch(self.value(e), yes, no)

    def value(self, e: ast.expr, tail: bool = False) -> str:
        out = self.out
        if isinstance(e, ast.Constant):
            return constant(e.value)
        if isinstance(e, ast.Name):
            if e.id in self.slots:
                return out.define(f"load {LLVM_TYPE[self.f.locals[e.id]]}, ptr {self.slots[e.id]}")
            return constant(self.f.constants[e.id])
        if isinstance(e, ast.UnaryOp):
            operand = self.value(e.operand)
            if isinstance(e.op, ast.Not):
                return out.define(f"xor i1 {operand}, true")
            if isinstance(e.op, ast.Invert):
                return out.define(f"xor i64 {operand}, -1")
            return out.define(f"fneg double {operand}" if self.f.types[e] == DOUBLE else f"sub i64 0, {operand}")
        if isinstance(e, ast.BinOp):
            return self.operation(e)
        if isinstance(e, ast.Compare):
            return self.comparison(e)
        if isinstance(e, (ast.BoolOp, ast.IfExp)):
            kind = self.f.types[e]
            slot = out.slot("choice", kind)
            yes, no, end = out.label("yes"), out.label("no"), out.label("end")
            self.condition(e.test if isinstance(e, ast.IfExp) else e, yes, no)
            for label, part, plain in ((yes, getattr(e, "body", None), "true"),
                                       (no, getattr(e, "orelse", None), "false")):
                out.place(label)
                value = plain if part is None else self.value(part)
                out.emit(f"store {LLVM_TYPE[kind]} {value}, ptr {slot}")
                out.jump(end)
            out.place(end)
            return out.define(f"load {LLVM_TYPE[kind]}, ptr {slot}")
        assert isinstance(e, ast.Call)
        return self.call(e, tail)

    def operation(self, e: ast.BinOp) -> str:
        out = self.out
        left, right = self.value(e.left), self.value(e.right)
        if self.f.types[e] == DOUBLE:
            op = {ast.Add: "fadd", ast.Sub: "fsub", ast.Mult: "fmul", ast.Div: "fdiv"}[type(e.op)]
            return out.define(f"{op} double {left}, {right}")
        if isinstance(e.op, (ast.LShift, ast.RShift)):
            if not right.lstrip("-").isdigit():
                right = out.define(f"and i64 {right}, 63")
            else:
                right = str(int(right) & 63)
            return out.define(f"{'shl' if isinstance(e.op, ast.LShift) else 'ashr'} i64 {left}, {right}")
        op = {ast.Add: "add", ast.Sub: "sub", ast.Mult: "mul", ast.BitAnd: "and", ast.BitOr: "or",
              ast.BitXor: "xor"}[type(e.op)]
        return out.define(f"{op} i64 {left}, {right}")

    def comparison(self, e: ast.Compare) -> str:
        kind = self.f.types[e.left]
        left, right = self.value(e.left), self.value(e.comparators[0])
        column = {ast.Eq: 0, ast.NotEq: 1, ast.Lt: 2, ast.LtE: 3, ast.Gt: 4, ast.GtE: 5}[type(e.ops[0])]
        if kind == DOUBLE:
            return self.out.define(f"fcmp {('oeq', 'une', 'olt', 'ole', 'ogt', 'oge')[column]} double {left}, {right}")
        return (self.out.define(f"icmp {('eq', 'ne', 'slt', 'sle', 'sgt', 'sge')[column]} {LLVM_TYPE[kind]} {left}, "
                                f"{right}"))

    def call(self, e: ast.Call, tail: bool) -> str:
        out = self.out
        assert isinstance(e.func, ast.Name)
        name = e.func.id
        if name == "anything":
            return "poison"
        values = [self.value(a) for a in e.args]
        if name in INTRINSICS:
            row = INTRINSICS[name]
            r = out.fresh()
            names = {"r": r, "t": out.fresh(), "u": out.fresh(), "v": out.fresh(), "x": out.fresh()}
            hole = out.hole.format(*values, **names) if name == "hole" else ""
            text = row.llvm.format(*values, **names, CLOBBER=out.clobber, HOLE=hole, TAIL="tail " if tail else "")
            tag = ""
            if self.below and name.startswith(("load", "store")) and name != "load_address":
                tag = BLOCK_ACCESS if values[0].isdigit() and int(values[0]) < self.below else OTHER_ACCESS
            for line in text.split("\n"):
                out.access(line, tag)
            return r
        kinds = [self.f.types[a] for a in e.args]
        return self.direct(name, self.result_of(e), kinds, values)

    def result_of(self, e: ast.Call) -> str:
        return self.f.types.get(e, VOID)

    def direct(self, name: str, result: str, kinds: list[str], values: list[str]) -> str:
        arguments = "".join(f", {LLVM_TYPE[k]} {v}" for k, v in zip(kinds, values, strict=True))
        if self.leaving:
            return self.out.invoke(f"{LLVM_TYPE[result]} @leave.{name}(ptr %base{arguments})", "leave")
        text = f"tail call {LLVM_TYPE[result]} @{name}(ptr %base{arguments})"
        if result == VOID:
            self.out.emit(text)
            return ""
        return self.out.define(text)


def signature(function: Function, names: bool = True) -> str:
    """The parameter list of a function in IR."""
    return ", ".join(["ptr %base" if names else "ptr"] + [
        f"{LLVM_TYPE[kind]} %{name}" if names else LLVM_TYPE[kind] for name, kind in function.parameters])


# What LLVM may take for granted of accesses to the block at the bottom of memory by their constant addresses, and of
# others (type-based aliasing).
BLOCK_ACCESS, OTHER_ACCESS = ", !tbaa !8", ", !tbaa !9"
ACCESS_KINDS = ('!6 = !{!"memory"}\n!7 = !{!"block", !6, i64 0}\n!8 = !{!7, !7, i64 0}\n'
                '!9 = !{!10, !10, i64 0}\n!10 = !{!"other", !6, i64 0}\n')


def define(function: Function, target: Target, linkage: str = "hidden", attributes: str = "", leave: str = "",
           block: int = 0) -> str:
    """The IR definition of a restricted function.

    ``block``: words at constant addresses below it are never accessed through addresses that are computed.

    With ``leave``, a block that begins with a landing pad, what it calls are the functions ``leave.NAME``, and control
    that leaves one of them goes to that block.
    """
    emitter = Emitter(target)
    lowering = Lowering(function, emitter)
    lowering.leaving, lowering.below = bool(leave), block
    lowering.run()
    if leave:
        emitter.lines.append("leave:\n" + leave)
        attributes += " personality ptr @personality"
    marks = " alwaysinline" if function.inline else " noinline" if function.noinline else ""
    head = f"define {linkage} {LLVM_TYPE[function.result]} @{function.name}({signature(function)})"
    return f"{emitter.table or ''}{head} nounwind{marks} \"no-builtins\"{attributes} {{\n{emitter.text()}}}\n"


def declare(function: Function, linkage: str = "") -> str:
    """The IR declaration of a restricted function that is defined elsewhere."""
    return f"declare {linkage}{LLVM_TYPE[function.result]} @{function.name}({signature(function, False)}) nounwind\n"


# what LLVM wants of functions with landing pads; nothing of it is left in the code
PERSONALITY = "declare i32 @personality(...)"


def leaving(function: Function) -> str:
    """``leave.NAME``: a function that is not called but left for: its caller's landing pad.
    (A ``resume`` becomes a branch where it is inlined.)
    """
    return (f"define internal {LLVM_TYPE[function.result]} @leave.{function.name}({signature(function)}) alwaysinline "
            "cold personality ptr @personality {\n"
            "  resume {ptr, i32} poison\n}\n")


def leaving_copy(text: str, names: Iterable[str]) -> str:
    """The definition of an inlined function once more, as ``leave.NAME``: what it calls of ``names`` leaves it, or may.
    """
    known = frozenset(names)
    text = re.sub(r"@([A-Za-z_0-9]+)\(ptr", lambda m: f"@leave.{m[1]}(ptr" if m[1] in known else m[0], text)
    return text.replace(") nounwind", ")", 1)


def closure(program: Program, roots: Iterable[str], through: Any = lambda f: True) -> list[str]:
    """Names reachable by calls from ``roots``, sorted; calls of a function are followed when ``through`` allows it."""
    found: set[str] = set()
    work = list(roots)
    while work:
        name = work.pop()
        if name not in found:
            found.add(name)
            if through(program.functions[name]):
                work += program.functions[name].calls
    return sorted(found)
