"""The code of one function while it is compiled: instructions, labels, locals, literals, handler rows."""

from __future__ import annotations

from typing import Any

from ..instructions.codec import MOST_BYTES, Code, encode
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
        self.numbers: dict[int, int] = {}  # of the literals
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


MANY = 255  # what an operand of one byte counts; distances are of two bytes.  Instructions that begin with far_ have larger ones.
FAR = {"local": "far_local", "set_local": "far_set_local", "store_local": "far_store_local"}
MOST_FRAME = 60_000  # words


class Assembler:
    """Emits into the current function ``f``."""

    f: Function
    most_locals = 250

    def op(self, name: str, *operands: int) -> None:
        f = self.f
        if f.dead:
            return
        if operands and operands[-1] > MANY:
            if name in FAR:
                name = FAR[name]
            elif name in ("unbind", "drop_arguments"):
                self.op(name, operands[0] - MANY)
                operands = MANY,
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
        literals, numbers = self.f.literals, self.f.numbers
        number = numbers.get(value)
        if number is None:
            number = numbers[value] = len(literals)
            if number > 65535:
                raise CompileError("function has too many literals")
            literals.append(value)
        return number

    def new_local(self) -> int:
        f = self.f
        f.locals += 1
        f.most_locals = max(f.most_locals, f.locals)
        if f.locals > self.most_locals:
            raise CompileError("function has too many local variables")
        return f.locals - 1

    def assemble(self, least: int, most: int, rest: bool) -> Code:
        f = self.f
        far = set[int]()
        while more := self.too_far(far):
            far |= more
        out, places = bytearray(), self.label_places(far)
        if max(places.values(), default=0) > MOST_BYTES or f.most_locals + f.deepest > MOST_FRAME:
            raise CompileError("function is too long to compile")
        for k, item in enumerate(f.items):
            if item[0] == "op":
                out += encode(item[1], *item[2])
            elif item[0] == "jump":
                name = f"far_{item[1]}" if k in far else item[1]
                out += encode(name, places[item[2]] - len(out) - by_name()[name].size, *item[3])
        handlers = [(places[a], places[b], places[t], d) for a, b, t, d in f.handlers if places[a] < places[b]]
        return Code(least, most, rest, f.most_locals, f.most_locals + f.deepest + 2, bytes(out), handlers)

    def label_places(self, far: set[int]) -> dict[int, int]:
        """Where the labels are, when these items are far jumps; those of items, too, as negative numbers."""
        at, places, rows = 0, dict[int, int](), by_name()
        for k, item in enumerate(self.f.items):
            if item[0] == "label":
                places[item[1]] = at
            else:
                at += rows[f"far_{item[1]}" if k in far else item[1]].size
                places[~k] = at
        return places

    def too_far(self, far: set[int]) -> set[int]:
        """Jumps that must be far ones, too: how far others are only grows by that."""
        items, places = self.f.items, self.label_places(far)
        return {k for k, item in enumerate(items)
                if item[0] == "jump" and k not in far and not -32768 <= places[item[2]] - places[~k] < 32768}
