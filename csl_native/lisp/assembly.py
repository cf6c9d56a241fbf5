"""The code of one function while it is compiled: instructions, labels, locals, literals, handler rows."""

from __future__ import annotations

from typing import Any

from ..instructions.codec import Code, encode
from ..instructions.table import by_name
from ..kernel.memory import NIL

VALUE, EFFECT, TAIL = range(3)  # what a form is compiled for


class CompileError(Exception):
    """A form that cannot be compiled: message and offending value."""

    def __init__(self, message: str, value: int | None = None, bare: bool = False) -> None:
        super().__init__(message)
        self.message, self.value, self.bare = message, value, bare


class Block:
    """A prog: where its labels and its exit are, and what is on the stacks there."""

    def __init__(self, depth: int, bindings: int, arguments: int, protections: int, context: int, exit: int, returns: bool) -> None:
        self.returns = returns  # is it what ``return`` leaves?
        self.depth, self.bindings, self.arguments, self.protections = depth, bindings, arguments, protections
        self.context, self.exit, self.result = context, exit, -1
        self.labels: dict[int, int] = {}
        self.left = False


class Function:
    """The state of one function under compilation."""

    def __init__(self, name: int = NIL) -> None:
        self.name = name
        self.literals: list[int] = [0]
        self.items: list[tuple[Any, ...]] = []
        self.handlers: list[tuple[int, int, int, int]] = []
        self.depth = self.deepest = self.locals = self.most_locals = self.bindings = self.arguments = self.protections = self.labels = 0
        self.scope: dict[int, int] = {}
        self.blocks: list[Block] = []
        self.parameters: list[int] = []
        self.entry = -1
        self.dead = False
        self.cleanups: list[int] = []
        self.targets: set[int] = set()
        self.shared: set[int] = set()  # variables that lambda expressions in this function assign: they are bound as fluids
        self.functions: dict[int, int] = {}  # local functions, and the variables that hold them


class Assembler:
    """Emits into the current function ``f``."""

    f: Function

    def op(self, name: str, *operands: int) -> None:
        f = self.f
        if f.dead:
            return
        row = by_name()[name]
        f.depth += row.gives - row.takes
        f.deepest = max(f.deepest, f.depth)
        f.items.append(("op", name, operands))
        if row.kind in ("return", "tail"):
            f.dead = True

    def label(self) -> int:
        self.f.labels += 1
        return self.f.labels

    def place(self, label: int, depth: int | None = None) -> None:
        f = self.f
        if depth is not None:
            f.depth = depth
            f.deepest = max(f.deepest, depth)
        f.items.append(("label", label))
        f.dead = False

    def jump(self, name: str, label: int, *operands: int) -> None:
        f = self.f
        if f.dead:
            return
        f.depth -= by_name()[name].takes
        f.items.append(("jump", name, label, operands))
        f.targets.add(label)
        if name == "jump":
            f.dead = True

    def literal(self, value: int) -> int:
        literals = self.f.literals
        for k in range(1, len(literals)):
            if literals[k] == value:
                return k
        if len(literals) >= 65535:
            raise CompileError("function has too many literals")
        literals.append(value)
        return len(literals) - 1

    def new_local(self) -> int:
        f = self.f
        f.locals += 1
        f.most_locals = max(f.most_locals, f.locals)
        if f.locals > 250:
            raise CompileError("function has too many local variables")
        return f.locals - 1

    def assemble(self, least: int, most: int, rest: bool) -> Code:
        f = self.f
        places: dict[int, int] = {}
        at = 0
        sized = []
        for item in f.items:
            if item[0] == "label":
                places[item[1]] = at
            else:
                data = encode(item[1], *(item[2] if item[0] == "op" else (0, *item[3])))
                sized.append((at, item, data))
                at += len(data)
        out = bytearray()
        for place, item, data in sized:
            if item[0] == "jump":
                distance = places[item[2]] - place - len(data)
                if not -32768 <= distance < 32768:
                    raise CompileError("function is too long to compile")
                data = encode(item[1], distance, *item[3])
            out += data
        if at > 65000:
            raise CompileError("function is too long to compile")
        handlers = [(places[a], places[b], places[t], d) for a, b, t, d in f.handlers if places[a] < places[b]]
        return Code(least, most, rest, f.most_locals, f.most_locals + f.deepest + 2, bytes(out), handlers)
