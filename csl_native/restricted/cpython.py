"""The first execution: restricted functions as plain Python over a memoryview.

``translate`` rewrites checked functions to Python text in which words wrap
explicitly and memory is reached through three views of one buffer.  With
``checked`` every access goes through ``Memory`` (bounds, alignment, range);
without it aligned accesses index the views directly, which still cannot leave
the buffer.
"""

from __future__ import annotations

import ast
import math
import struct
from bisect import bisect_left
from collections.abc import Callable
from itertools import accumulate
from typing import Any

from ..system import byteorder
from .checker import Function, Program
from .language import DOUBLE, INTRINSICS, MASK, SIGN, wrap


class MemoryFault(Exception):
    """An access outside of the memory, unaligned, or of a value that is not a word."""


class Memory:
    """Bounds-checked access to ``size`` bytes of a writable buffer, little-endian."""

    def __init__(self, buffer: Any) -> None:
        self.bytes = memoryview(buffer).cast("B")
        whole = len(self.bytes) & ~7
        self.words = byteorder.words(self.bytes[:whole])
        self.doubles = byteorder.doubles(self.bytes[:whole])
        self.size = len(self.bytes)

    def place(self, p: int, width: int, aligned: bool = False) -> int:
        if not 0 <= p <= self.size - width:
            raise MemoryFault(f"access of {width} bytes at {p:#x}, outside of [0, {self.size:#x})")
        if aligned and p & 7:
            raise MemoryFault(f"access of a word at {p:#x}; expected a multiple of 8")
        return p

    def load(self, p: int) -> int:
        return self.words[self.place(p, 8, True) >> 3]

    def store(self, p: int, v: int) -> None:
        if not -SIGN <= v < SIGN:
            raise MemoryFault(f"store of {v:#x} at {p:#x}; expected a 64-bit word")
        self.words[self.place(p, 8, True) >> 3] = v

    def loadf(self, p: int) -> float:
        return self.doubles[self.place(p, 8, True) >> 3]

    def storef(self, p: int, v: float) -> None:
        self.doubles[self.place(p, 8, True) >> 3] = v

    def load8(self, p: int) -> int:
        return self.bytes[self.place(p, 1)]

    def store8(self, p: int, v: int) -> None:
        self.bytes[self.place(p, 1)] = v & 255

    def load16(self, p: int) -> int:
        return int.from_bytes(self.bytes[self.place(p, 2):p + 2], "little")

    def store16(self, p: int, v: int) -> None:
        self.bytes[self.place(p, 2):p + 2] = (v & 0xFFFF).to_bytes(2, "little")

    def load32(self, p: int) -> int:
        return int.from_bytes(self.bytes[self.place(p, 4):p + 4], "little")

    def store32(self, p: int, v: int) -> None:
        self.bytes[self.place(p, 4):p + 4] = (v & 0xFFFFFFFF).to_bytes(4, "little")

    def load64(self, p: int) -> int:
        return int.from_bytes(self.bytes[self.place(p, 8):p + 8], "little", signed=True)

    def store64(self, p: int, v: int) -> None:
        self.bytes[self.place(p, 8):p + 8] = (v & MASK).to_bytes(8, "little")

    def multiply_add(self, p: int, a: int, b: int, c: int, d: int) -> int:
        v = (a & MASK) * (b & MASK) + (c & MASK) + (d & MASK)
        self.store(p, wrap(v))
        return wrap(v >> 64)

    def multiply_subtract(self, p: int, a: int, b: int, c: int, d: int) -> int:
        v = (c & MASK) - (a & MASK) * (b & MASK) - (d & MASK)
        self.store(p, wrap(v))
        return wrap(-(v >> 64))


def sdiv(a: int, b: int) -> int:
    q = abs(a) // abs(b)
    return q if (a < 0) == (b < 0) else -q


def srem(a: int, b: int) -> int:
    r = abs(a) % abs(b)
    return -r if a < 0 else r


def ctz(a: int) -> int:
    return (a & -a).bit_length() - 1 if a else 64


def ftoi(d: float) -> int:
    if d != d:
        return 0
    if d >= 9223372036854775808.0:
        return SIGN - 1
    return -SIGN if d < -9223372036854775808.0 else int(d)


def fbits(d: float) -> int:
    return int(struct.unpack("<q", struct.pack("<d", d))[0])


def bitsf(w: int) -> float:
    return float(struct.unpack("<d", struct.pack("<q", w))[0])


def fdiv(a: float, b: float) -> float:
    if b:
        return a / b
    if a == 0 or a != a:
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1.0, b)


def fsqrt(d: float) -> float:
    return math.sqrt(d) if d >= 0 or d != d else math.nan


HELPERS: dict[str, Any] = {f.__name__: f for f in (wrap, sdiv, srem, ctz, ftoi, fbits, bitsf, fdiv, fsqrt)}

FAST = {
    "load": "W[{0} >> 3]", "store": "W[{0} >> 3] = {1}", "loadf": "D[{0} >> 3]", "storef": "D[{0} >> 3] = {1}",
    "load8": "B[{0}]", "store8": "B[{0}] = ({1}) & 255", "load16": "(B[(z_ := {0})] | B[z_ + 1] << 8)",
}
ADDRESSED = {"load", "loadf", "load8", "load16", "load32", "load64", "store", "storef", "store8", "store16", "store32",
             "store64"}


class _Writer:
    """Python text of one function."""

    def __init__(self, function: Function, checked: bool) -> None:
        self.f, self.checked = function, checked
        self.lines: list[str] = []

    def run(self) -> str:
        names = ", ".join(n for n, _ in self.f.parameters)
        self.lines.append(f"def {self.f.name}({names}):")
        self.block(self.f.node.body, 1)
        return "\n".join(self.lines)

    def line(self, depth: int, text: str) -> None:
        self.lines.append("  " * depth + text)

    def block(self, body: list[ast.stmt], depth: int) -> None:
        before = len(self.lines)
        for s in body:
            self.statement(s, depth)
        if len(self.lines) == before:
            self.line(depth, "pass")

    def statement(self, s: ast.stmt, depth: int) -> None:
        if isinstance(s, ast.Assign):
            assert isinstance(s.targets[0], ast.Name)
            self.line(depth, f"{s.targets[0].id} = {self.value(s.value)}")
        elif isinstance(s, ast.AugAssign):
            assert isinstance(s.target, ast.Name)
            self.line(depth, f"{s.target.id} = {self.value(s.value)}")
        elif isinstance(s, ast.If):
            chain = dispatch_chain(s)
            if chain:
                self.tree(chain[0], sorted(chain[1], key=lambda c: c[0]), chain[2], depth)
                return
            self.line(depth, f"if {self.value(s.test)}:")
            self.block(s.body, depth + 1)
            if s.orelse:
                self.line(depth, "else:")
                self.block(s.orelse, depth + 1)
        elif isinstance(s, ast.While):
            self.line(depth, f"while {self.value(s.test)}:")
            self.block(s.body, depth + 1)
        elif isinstance(s, ast.Return):
            self.line(depth, "return" if s.value is None else f"return {self.value(s.value)}")
        elif isinstance(s, ast.Expr) and isinstance(s.value, ast.Call):
            self.line(depth, self.value(s.value))
        elif isinstance(s, ast.Break):
            self.line(depth, "break")
        elif isinstance(s, ast.Continue):
            self.line(depth, "continue")

    def tree(self, name: str, cases: list[tuple[int, list[ast.stmt]]], default: list[ast.stmt], depth: int) -> None:
        """A chain of ``name == constant`` tests as a binary decision tree, in which small numbers, which are the common
        ones, stand high.
        """
        if len(cases) == 1:
            self.line(depth, f"if {name} == {cases[0][0]}:")
            self.block(cases[0][1], depth + 1)
            if default:
                self.line(depth, "else:")
                self.block(default, depth + 1)
            return
        weights = list(accumulate(1 / (number + 16) for number, _ in cases))
        half = min(max(bisect_left(weights, weights[-1] / 2), 1), len(cases) - 1)
        self.line(depth, f"if {name} < {cases[half][0]}:")
        self.tree(name, cases[:half], default, depth + 1)
        self.line(depth, "else:")
        self.tree(name, cases[half:], default, depth + 1)

    def value(self, e: ast.expr, loose: bool = False) -> str:
        """The text of an expression; ``loose``: any integer congruent modulo 2**64 will do."""
        if isinstance(e, ast.Constant):
            return self.constant(e.value)
        if isinstance(e, ast.Name):
            return e.id if e.id in self.f.locals else self.constant(self.f.constants[e.id])
        if isinstance(e, ast.UnaryOp):
            if isinstance(e.op, ast.Not):
                return f"(not {self.value(e.operand)})"
            if isinstance(e.op, ast.Invert):
                return f"(~{self.value(e.operand, loose)})"
            if isinstance(e.operand, ast.Constant):
                return self.constant(-e.operand.value)  # type: ignore[operator]
            text = f"(-{self.value(e.operand, loose)})"
            return text if loose or self.f.types[e] == DOUBLE else f"wrap{text}"
        if isinstance(e, ast.BinOp):
            return self.operation(e, loose)
        if isinstance(e, ast.BoolOp):
            return "(" + (" and " if isinstance(e.op, ast.And) else " or ").join(self.value(v) for v in e.values) + ")"
        if isinstance(e, ast.Compare):
            op = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}[type(e.ops[0])]
            return f"({self.value(e.left)} {op} {self.value(e.comparators[0])})"
        if isinstance(e, ast.IfExp):
            return f"({self.value(e.body, loose)} if {self.value(e.test)} else {self.value(e.orelse, loose)})"
        assert isinstance(e, ast.Call) and isinstance(e.func, ast.Name)
        name = e.func.id
        if name not in INTRINSICS:
            return f"{name}({', '.join(self.value(a) for a in e.args)})"
        row = INTRINSICS[name]
        address = name in ADDRESSED and not self.checked
        parts = [self.value(a, loose=address and k == 0) for k, a in enumerate(e.args)]
        template = FAST.get(name, row.python) if not self.checked else row.python
        return template.format(*parts)

    @staticmethod
    def constant(value: Any) -> str:
        if isinstance(value, bool):
            return str(value)
        if isinstance(value, int):
            value = wrap(value)
            return str(value) if value >= 0 else f"({value})"
        if math.isinf(value) or math.isnan(value):
            return f"float('{value}')"
        return repr(value)

    def operation(self, e: ast.BinOp, loose: bool) -> str:
        if self.f.types[e] == DOUBLE:
            left, right = self.value(e.left), self.value(e.right)
            if isinstance(e.op, ast.Div):
                return f"fdiv({left}, {right})"
            op = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}[type(e.op)]
            return f"({left} {op} {right})"
        if isinstance(e.op, (ast.Add, ast.Sub)):
            base, constant = split_constant(self, e)
            if base is not None:
                text = (f"({self.value(base, loose=True)} {'+' if constant >= 0 else '-'} {abs(constant)})" if constant
                        else self.value(base, loose))
            else:
                text = (f"({self.value(e.left, True)} {'+' if isinstance(e.op, ast.Add) else '-'} "
                        f"{self.value(e.right, True)})")
            return text if loose else f"(z_ if -{SIGN} <= (z_ := {text}) < {SIGN} else wrap(z_))"
        if isinstance(e.op, ast.Mult):
            text = f"({self.value(e.left, True)} * {self.value(e.right, True)})"
            return text if loose else f"wrap{text}"
        if isinstance(e.op, (ast.BitAnd, ast.BitOr, ast.BitXor)):
            op = {ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^"}[type(e.op)]
            masked = isinstance(e.op, ast.BitAnd) and any(
                isinstance(c, int) and 0 <= c < SIGN for c in (self.number(e.left), self.number(e.right)))
            return f"({self.value(e.left, loose or masked)} {op} {self.value(e.right, loose or masked)})"
        count = self.number(e.right)
        amount = str(count & 63) if isinstance(count, int) else f"({self.value(e.right)} & 63)"
        if isinstance(e.op, ast.RShift):
            return f"({self.value(e.left)} >> {amount})"
        text = f"({self.value(e.left, True)} << {amount})"
        small = (isinstance(e.left, ast.Call) and isinstance(e.left.func, ast.Name)
                 and e.left.func.id in ("load8", "load16"))
        if small and isinstance(count, int) and count & 63 <= 32:
            return text
        return text if loose else f"wrap{text}"

    def number(self, e: ast.expr) -> int | None:
        if isinstance(e, ast.Constant) and type(e.value) is int:
            return e.value
        if isinstance(e, ast.Name) and e.id not in self.f.locals:
            value = self.f.constants.get(e.id)
            return value if type(value) is int else None
        return None


def split_constant(writer: _Writer, e: ast.expr) -> tuple[ast.expr | None, int]:
    """``x + 1 - 2`` as ``(x, -1)``; ``(None, 0)`` when no constant is at the right."""
    total, current, found = 0, e, False
    while isinstance(current, ast.BinOp) and isinstance(current.op, (ast.Add, ast.Sub)):
        number = writer.number(current.right)
        if number is None:
            break
        total += number if isinstance(current.op, ast.Add) else -number
        current, found = current.left, True
    return (current, total) if found else (None, 0)


def dispatch_chain(s: ast.If) -> tuple[str, list[tuple[int, list[ast.stmt]]], list[ast.stmt]] | None:
    """An ``if name == constant`` chain of at least four cases: its name, cases and default."""
    cases: list[tuple[int, list[ast.stmt]]] = []
    name: str | None = None
    current: ast.stmt = s
    while isinstance(current, ast.If):
        test = current.test
        if not (isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Eq) and isinstance(test.left, ast.Name)
                and isinstance(test.comparators[0], ast.Constant) and type(test.comparators[0].value) is int):
            return None
        if name not in (None, test.left.id):
            return None
        name = test.left.id
        cases.append((test.comparators[0].value, current.body))
        if len(current.orelse) == 1 and isinstance(current.orelse[0], ast.If):
            current = current.orelse[0]
            continue
        return (name, cases, current.orelse) if len(cases) >= 4 else None
    return None


def translate(program: Program, checked: bool = False) -> str:
    """Python text of the whole program."""
    return "\n\n".join(_Writer(f, checked).run() for f in program.functions.values()) + "\n"


def execute(text: str, buffer: Any, entries: dict[int, Callable[..., int]], **names: Any) -> dict[str, Any]:
    """Run translated text over ``buffer``; gives the namespace with every function in it."""
    memory = Memory(buffer)
    space: dict[str, Any] = {**HELPERS, "MEM": memory, "W": memory.words, "B": memory.bytes, "D": memory.doubles,
                             "ENTRIES": entries, **names}
    exec(compile(text, "<restricted>", "exec"), space)
    return space


__all__ = ["Memory", "MemoryFault", "execute", "translate"]
