"""Functions of the assembler's text as bytecode: they are Lisp functions, on every engine and tier, and images keep
them.

Arguments come first among the locals, then the registers 1...; what is pushed lies on the operand stack, so its depth
at every place must be one number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..instructions.codec import Code, encode
from ..instructions.table import CodeError
from .text import AsmError, Function, Line

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp

PLAIN = {"add": "plus", "sub": "difference", "mul": "times"}
COMPARE = {"less": "lessp", "lesseq": "leq", "greater": "greaterp", "greatereq": "geq", "equal": "equal",
           "notequal": "equal"}
CALLED = {"div": "asm-quotient", "mod": "remainder"}


class Assembling:
    """One function under way: pieces of code, of which jumps are filled in at the end."""

    def __init__(self, lisp: Lisp, function: Function, known: dict[str, Function]) -> None:
        self.lisp, self.m, self.function, self.known = lisp, lisp.machine, function, known
        self.count = function.arguments
        self.pieces: list[tuple[str, tuple[int | str, ...]]] = []
        self.literals: list[int] = []
        self.depth: int | None = 0
        self.depths: dict[str, int] = {}
        self.room = 0
        self.extra = 0  # locals for arguments behind the third, while a call is made
        self.fresh = 0

    def emit(self, name: str, *operands: int | str, change: int = 0) -> None:
        self.pieces.append((name, operands))
        if self.depth is not None:
            self.depth += change
            self.room = max(self.room, self.depth + 4)

    def literal(self, value: int) -> int:
        if value not in self.literals:
            self.literals.append(value)
        return self.literals.index(value) + 1

    def place(self, register: int) -> int:
        return -register - 1 if register < 0 else self.count + register - 1

    def load(self, register: int) -> None:
        """Push a register."""
        if register == 0:
            self.number(self.count)
        elif -register > self.count:
            raise AsmError(self.line.line, self.line.column,
                           f"register {register}: the function has {self.count} arguments")
        else:
            self.emit("local", self.place(register), change=1)

    def store(self, register: int) -> None:
        self.emit("store_local", self.place(register), change=-1)

    def number(self, value: int | float) -> None:
        if isinstance(value, int) and -128 <= value < 128:
            self.emit("small", value, change=1)
        else:
            self.emit("literal", self.literal(self.m.integer(value) if isinstance(value, int) else self.m.float(value)),
                      change=1)

    def reach(self, label: str) -> None:
        """A jump goes to a label with this depth."""
        assert self.depth is not None
        if self.depths.setdefault(label, self.depth) != self.depth:
            raise AsmError(self.line.line, self.line.column,
                           f"{label} is reached with {self.depth} pushed values and with {self.depths[label]}")

    def assemble(self) -> tuple[Code, list[int]]:
        """The bytecode and its literals."""
        labels = {str(line.operands[0].value) for line in self.function.lines if line.name == "label"}
        if len(labels) != sum(line.name == "label" for line in self.function.lines):
            raise AsmError(self.function.line, self.function.column, f"{self.function.name}: a label is there twice")
        self.zero_locals()
        for line in self.function.lines:
            self.line = line
            for operand in line.operands:
                if operand.kind == "l" and str(operand.value) not in labels:
                    raise AsmError(operand.line, operand.column,
                                   f"there is no label {operand.value} in {self.function.name}")
            if line.name == "label":
                self.label(line)
            elif self.depth is not None:
                self.instruction(line)
        if self.depth is not None:
            self.end()
        self.prologue()
        total = self.count + self.function.locals + self.extra
        return Code(self.count, self.count, False, total, total + self.room + 2, self.bytes()), self.literals

    def prologue(self) -> None:
        """What stands before the code, when all of it is known."""

    def zero_locals(self) -> None:
        """Registers begin as 0."""
        for register in range(1, self.function.locals + 1):
            self.number(0)
            self.store(register)

    def end(self) -> None:
        """Control reaches the end of the text: nil."""
        self.emit("nil", change=1)
        self.emit("return", change=-1)

    def label(self, line: Line) -> None:
        name = str(line.operands[0].value)
        if self.depth is not None:
            self.reach(name)
        self.depth = self.depths.setdefault(name, 0)  # only a jump back reaches it: with nothing pushed
        self.pieces.append(("label", (name,)))
        self.emit("poll")
        self.emit("pop")

    def instruction(self, line: Line) -> None:
        name, o = line.name, [operand.value for operand in line.operands]
        if name == "const":
            self.number(o[1])  # type: ignore[arg-type]
            self.store(int(o[0]))
        elif name == "string":
            self.emit("literal", self.literal(self.m.string(str(o[1]))), change=1)
            self.store(int(o[0]))
        elif name in PLAIN or name in COMPARE or name in CALLED:
            self.load(int(o[1]))
            self.load(int(o[2]))
            if name in PLAIN:
                self.emit(PLAIN[name], change=-1)
            elif name in CALLED:
                self.emit("call2", self.literal(self.m.intern(CALLED[name])), change=-1)
            else:
                self.compare(name)
            self.store(int(o[0]))
        elif name == "jmp":
            self.reach(str(o[0]))
            self.emit("jump", str(o[0]))
            self.depth = None
        elif name in ("jmpt", "jmpf"):
            self.load(int(o[0]))
            self.number(0)
            self.emit("equal", change=-1)
            self.emit("jump_nil" if name == "jmpt" else "jump_not_nil", str(o[1]), change=-1)
            self.reach(str(o[1]))
        elif name == "call":
            self.call(line)
        elif name == "ret":
            self.load(int(o[0]))
            self.emit("return")
            self.depth = None
        elif name == "halt":
            self.emit("nil", change=1)
            self.emit("return")
            self.depth = None
        elif name == "push":
            self.number(o[0])  # type: ignore[arg-type]
        elif name == "pushr":
            self.load(int(o[0]))
        elif name in ("pop", "popr", "dup"):
            if not self.depth:
                raise AsmError(line.line, line.column, f"{name}: nothing is pushed here")
            if name == "pop":
                self.emit("pop", change=-1)
            elif name == "popr":
                self.store(int(o[0]))
            else:
                spare = self.spare(1)
                self.emit("set_local", spare)
                self.emit("local", spare, change=1)
        elif name == "print":
            self.load(int(o[0]))
            self.emit("call1", self.literal(self.m.intern("asm-print")))
            self.emit("pop", change=-1)
        elif name == "read":
            self.emit("call0", self.literal(self.m.intern("read")), change=1)
            self.store(int(o[0]))

    def spare(self, number: int) -> int:
        """A local behind the registers."""
        self.extra = max(self.extra, number)
        return self.count + self.function.locals + number - 1

    def compare(self, name: str) -> None:
        """1 or 0."""
        self.fresh += 1
        no, end = f" no{self.fresh}", f" end{self.fresh}"
        self.emit(COMPARE[name], change=-1)
        self.emit("jump_nil", no, change=-1)
        self.number(int(name != "notequal"))
        self.emit("jump", end, change=-1)
        self.pieces.append(("label", (no,)))
        self.number(int(name == "notequal"))
        self.pieces.append(("label", (end,)))

    def call(self, line: Line) -> None:
        name = str(line.operands[0].value)
        callee = self.known.get(name)
        count = (int(line.operands[1].value) if len(line.operands) > 1 else callee.arguments if callee is not None
                 else None)
        if count is None:
            raise AsmError(line.line, line.column, f"call: {name} is no function of this text; a Lisp function needs "
                                                   f"the number of arguments: call {name}, 2")
        if callee is not None and count != callee.arguments:
            raise AsmError(line.line, line.operands[1].column,
                           f"call: {name} has {callee.arguments} arguments; {count} given")
        if self.depth is None or self.depth < count:
            raise AsmError(line.line, line.column, f"call: {name} takes {count} pushed values; {self.depth} are there")
        self.push_arguments(self.literal(self.m.intern(name)), count)

    def push_arguments(self, symbol: int, count: int) -> None:
        """Call a function with the values that were pushed last, and push what it gives."""
        for k in range(count - 3, 0, -1):
            self.emit("store_local", self.spare(k), change=-1)
        for k in range(1, count - 2):
            self.emit("local", self.spare(k), change=1)
            self.emit("push_argument")
            self.emit("pop", change=-1)
        if count > 3:
            self.emit("calln", symbol, count, change=-2)
        else:
            self.emit(f"call{count}", symbol, change=1 - count)

    def bytes(self) -> bytes:
        """All pieces as bytes, jumps filled in."""
        places: dict[str, int] = {}
        at = 0
        for name, operands in self.pieces:
            if name == "label":
                places[str(operands[0])] = at
            else:
                at += len(encode(name, *(0 if isinstance(o, str) else o for o in operands)))
        out = bytearray()
        for name, operands in self.pieces:
            if name != "label":
                size = len(encode(name, *(0 if isinstance(o, str) else o for o in operands)))
                try:
                    out += encode(name, *(places[o] - len(out) - size if isinstance(o, str) else o for o in operands))
                except CodeError:
                    raise AsmError(self.function.line, self.function.column,
                                   f"{self.function.name} is longer than a jump reaches") from None
        return bytes(out)
