"""Functions of floats: every argument, and whatever a function that is called gives, is made one, and constants are.

So the optimiser knows all registers as floats, and keeps them in registers of the machine.
"""

from __future__ import annotations

from ..instructions.codec import Code
from .assembling import Assembling
from .text import AsmError, Line


class Floats(Assembling):
    """One such function under way."""

    def assemble(self) -> tuple[Code, list[int]]:
        self.floats: dict[str, int] = {}
        return super().assemble()

    def prologue(self) -> None:
        """The arguments, as floats."""
        body, self.pieces, self.depth = self.pieces, [], 0
        for register in range(-1, -self.count - 1, -1):
            self.load(register)
            self.as_float()
            self.store(register)
        self.pieces += body

    def as_float(self) -> None:
        """What was pushed last becomes a float; what is no number is an error."""
        self.number(1)
        self.emit("times", change=-1)

    def number(self, value: int | float) -> None:
        try:
            x = float(value)
        except OverflowError:
            raise AsmError(self.line.line, self.line.column, f"{value} is larger than all floats") from None
        key = repr(x)
        if key not in self.floats:
            self.floats[key] = self.literal(self.m.float(x))
        self.emit("literal", self.floats[key], change=1)

    def instruction(self, line: Line) -> None:
        if line.name in ("string", "mod"):
            raise AsmError(line.line, line.column, f"{line.name}: there are only floats in {self.function.name}")
        if line.name == "div":
            to, a, b = (int(operand.value) for operand in line.operands)
            self.load(a)
            self.load(b)
            self.emit("quotient", change=-1)
            self.store(to)
            return
        super().instruction(line)
        if line.name == "read":
            self.load(int(line.operands[0].value))
            self.as_float()
            self.store(int(line.operands[0].value))
        elif line.name == "call":
            self.as_float()
