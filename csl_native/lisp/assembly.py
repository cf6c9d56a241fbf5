"""The code of one function while it is compiled: instructions, labels, locals, literals, handler rows."""

from __future__ import annotations

from functools import cache

from ..instructions.codec import MOST_BYTES, Code, encode
from ..instructions.table import by_name
from ..kernel.memory import NIL
from .errors import CompileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

VALUE, EFFECT, TAIL = range(3)  # what a form is compiled for


class Block:
    """A prog: where its labels and its exit are, and what is on the stacks there."""

    def __init__(self, depth: int, bindings: int, arguments: int, protections: int, context: int, exit: int,
                 returns: bool,
                 name: int = NIL) -> None:
        self.returns, self.name = returns, name  # is it what ``return`` leaves; what ``return-from`` calls it
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
        self.depth = self.deepest = self.locals = self.most_locals = self.bindings = 0
        self.arguments = self.protections = self.labels = 0
        self.scope: dict[int, int] = {}
        self.blocks: list[Block] = []
        self.parameters: list[int] = []
        self.named: list[tuple[int, int]] = []  # variables in the frame, by their numbers
        self.entry = -1
        self.dead = False
        self.cleanups: list[int] = []
        self.targets: set[int] = set()
        # variables that lambda expressions in this function assign: they are bound as fluids
        self.shared: set[int] = set()
        # local functions, and the variables that hold them, or, for macros, what expands them
        self.functions: dict[int, int] = {}
        self.macros: frozenset[int] = frozenset()  # names of those that are macros


# what an operand of one byte counts; distances are of two bytes.  Instructions that begin with far_ have larger ones.
MANY = 255
FAR = {"local": "far_local", "set_local": "far_set_local", "store_local": "far_store_local"}
MOST_FRAME = 60_000  # words
NEAR = 32767  # bytes of code in which no jump is a far one


@cache
def effects() -> dict[str, tuple[int, bool]]:
    """Of each instruction, by name: how many words it adds to the operands, and whether it leaves the function."""
    return {row.name: (row.gives - row.takes, row.kind in ("return", "tail")) for row in by_name().values()}


@cache
def sizes_by_name() -> dict[str, int]:
    return {row.name: row.size for row in by_name().values()}


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
        effect, leaves = effects()[name]
        f.depth = depth = f.depth + effect
        if depth > f.deepest:
            f.deepest = depth
        f.items.append(("op", name, operands))
        if leaves:
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
        places, end = self.label_places(far)
        while end > NEAR and (more := self.too_far(far, places)):
            far |= more
            places, end = self.label_places(far)
        if end > MOST_BYTES or f.most_locals + f.deepest > MOST_FRAME:
            raise CompileError("function is too long to compile")
        parts, rows, at = list[bytes](), by_name(), 0
        for k, item in enumerate(f.items):
            if item[0] == "op":
                part = encode(item[1], *item[2])
            elif item[0] == "jump":
                name = f"far_{item[1]}" if k in far else item[1]
                part = encode(name, places[item[2]] - at - rows[name].size, *item[3])
            else:
                continue
            parts.append(part)
            at += len(part)
        handlers = [(places[a], places[b], places[t], d) for a, b, t, d in f.handlers if places[a] < places[b]]
        return Code(least, most, rest, f.most_locals, f.most_locals + f.deepest + 2, b"".join(parts), handlers)

    def label_places(self, far: set[int]) -> tuple[dict[int, int], int]:
        """Where the labels are, when these items are far jumps, and where the code ends."""
        at, places, size = 0, dict[int, int](), sizes_by_name()
        for k, item in enumerate(self.f.items):
            if item[0] == "label":
                places[item[1]] = at
            else:
                at += size[item[1] if k not in far else f"far_{item[1]}"]
        return places, at

    def too_far(self, far: set[int], places: dict[int, int]) -> set[int]:
        """Jumps that must be far ones, too: how far others are only grows by that."""
        at, found, size = 0, set[int](), sizes_by_name()
        for k, item in enumerate(self.f.items):
            if item[0] != "label":
                at += size[item[1] if k not in far else f"far_{item[1]}"]
                if item[0] == "jump" and k not in far and not -32768 <= places[item[2]] - at < 32768:
                    found.add(k)
        return found
