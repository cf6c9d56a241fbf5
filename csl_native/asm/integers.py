"""Functions of 64-bit integers: every register, and every value that is pushed, is a variable of eight bytes
(instructions ``var_...``).

In native code these are machine registers.  Numbers wrap; arguments that do not fit are errors.
"""

from __future__ import annotations

from ..instructions.codec import Code, pieces
from .assembling import Assembling
from .text import AsmError, Line

PLAIN = ("add", "sub", "mul", "div", "mod")
COMPARE = {"less": ("var_jg", True), "lesseq": ("var_jng", False), "greater": ("var_jg", False),
           "greatereq": ("var_jng", True),
           # the jump, and whether its operands change places
           "equal": ("var_je", False), "notequal": ("var_je", False)}


class Integers(Assembling):
    """One such function under way; ``depth`` counts the pushed values, which are in local variables too."""

    cells = 0  # of pushed values, and of what lies above them for a moment

    def assemble(self) -> tuple[Code, list[int]]:
        code, literals = super().assemble()
        total = self.first + self.cells
        return Code(self.count, self.count, False, total, total + self.room + 12, code.code), literals

    def prologue(self) -> None:
        """Fresh variables for everything, and the arguments in theirs."""
        body, self.pieces = self.pieces, []
        for cell in range(self.count, self.first + self.cells):
            for name, *operands in (("small", 8), ("make_variable",), ("store_local", cell), ("var_open", cell, 8),
                                    ("store_local", cell)):
                self.pieces.append((name, tuple(operands)))
        for k in range(self.count):
            for name, *operands in (("local", k), ("check_word",), ("var_take", self.count + k)):
                self.pieces.append((name, tuple(operands)))
        self.pieces += body

    def stack(self, depth: int) -> int:
        """The local variable of a pushed value."""
        self.cells = max(self.cells, depth + 1)
        return self.first + depth

    @property
    def first(self) -> int:
        """The local variable of the first pushed value: behind arguments, their variables, and the registers."""
        return 2 * self.count + self.function.locals

    def spare_cell(self) -> int:
        return self.stack((self.depth or 0) + 1)

    def place(self, register: int) -> int:
        return self.count - register - 1 if register < 0 else 2 * self.count + register - 1

    def cell(self, register: int) -> int:
        """The local variable of a register that is read."""
        if register == 0:
            self.constant(self.count, self.spare_cell())
            return self.spare_cell()
        if -register > self.count:
            raise AsmError(self.line.line, self.line.column,
                           f"register {register}: the function has {self.count} arguments")
        return self.place(register)

    def constant(self, value: int | float | str, cell: int) -> None:
        if not isinstance(value, int) or not -(1 << 63) <= value < 1 << 63:
            raise AsmError(self.line.line, self.line.column,
                           f"{value}: an integer of 64 bits is expected in a function of integers")
        first, *others = pieces(value)
        self.emit("var_cpi8", first, cell)
        for part in others:
            self.emit("var_wide8", part, cell)

    def zero_locals(self) -> None:
        """Variables begin as zero."""

    def end(self) -> None:
        self.emit("nil")
        self.emit("return")

    def instruction(self, line: Line) -> None:
        name, o = line.name, [operand.value for operand in line.operands]
        if name == "const":
            self.constant(o[1], self.place(int(o[0])))
        elif name in PLAIN:
            a, b = self.cell(int(o[1])), self.cell(int(o[2]))
            if name in ("div", "mod"):
                self.emit("var_divisible", b)
                self.emit("pop")
            self.emit(f"var_{name}", a, b, self.place(int(o[0])))
        elif name in COMPARE:
            self.compared(name, self.cell(int(o[1])), self.cell(int(o[2])), self.place(int(o[0])))
        elif name == "jmp":
            self.reach(str(o[0]))
            self.emit("jump", str(o[0]))
            self.depth = None
        elif name == "jmpt":
            self.emit("var_jnz", str(o[1]), self.cell(int(o[0])))
            self.reach(str(o[1]))
        elif name == "jmpf":
            self.constant(0, self.stack((self.depth or 0) + 2))
            self.emit("var_je", str(o[1]), self.cell(int(o[0])), self.stack((self.depth or 0) + 2))
            self.reach(str(o[1]))
        elif name == "call":
            self.call(line)
        elif name in ("ret", "halt"):
            self.emit(*(("var_integer", self.cell(int(o[0]))) if name == "ret" else ("nil",)))
            self.emit("return")
            self.depth = None
        elif name in ("push", "pushr", "pop", "popr", "dup"):
            self.stacked(name, o[0] if o else 0)
        elif name == "print":
            self.emit("var_integer", self.cell(int(o[0])))
            self.emit("call1", self.literal(self.m.intern("asm-print")))
            self.emit("pop")
        else:
            raise AsmError(line.line, line.column, f"{name}: there are only integers in {self.function.name}")

    def compared(self, name: str, a: int, b: int, to: int) -> None:
        """1 or 0."""
        self.fresh += 1
        jump, swapped = COMPARE[name]
        yes, end = f" yes{self.fresh}", f" end{self.fresh}"
        self.emit(jump, yes, *((b, a) if swapped else (a, b)))
        self.emit("var_cpi8", int(name == "notequal"), to)
        self.emit("jump", end)
        self.pieces.append(("label", (yes,)))
        self.emit("var_cpi8", int(name != "notequal"), to)
        self.pieces.append(("label", (end,)))

    def stacked(self, name: str, operand: int | float | str) -> None:
        assert self.depth is not None
        if name in ("pop", "popr", "dup") and not self.depth:
            raise AsmError(self.line.line, self.line.column, f"{name}: nothing is pushed here")
        if name == "push":
            self.constant(operand, self.stack(self.depth))
        elif name == "pushr":
            self.emit("var_move", self.cell(int(operand)), self.stack(self.depth))
        elif name == "dup":
            self.emit("var_move", self.stack(self.depth - 1), self.stack(self.depth))
        elif name == "popr":
            self.emit("var_move", self.stack(self.depth - 1), self.place(int(operand)))
        self.depth += -1 if name in ("pop", "popr") else 1

    def push_arguments(self, symbol: int, count: int) -> None:
        assert self.depth is not None
        first = self.depth - count
        self.depth = first + 1
        cells = [self.stack(first + k) for k in range(count)]
        for cell in cells[3:]:
            self.emit("var_integer", cell)
            self.emit("push_argument")
            self.emit("pop")
        for cell in cells[:3]:
            self.emit("var_integer", cell)
        self.emit(*(("calln", symbol, count) if count > 3 else (f"call{count}", symbol)))
        self.emit("check_word")
        self.emit("var_take", self.stack(first))
