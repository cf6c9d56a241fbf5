"""Where a function's locals and operands are between two instructions: in slots, which LLVM makes SSA values, as words
or as doubles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..instructions.codec import Code, Decoded
from ..restricted.emitter import Emitter
from ..system.records import Record
from . import flow
from .flow import FLOAT, WORD, Types

if TYPE_CHECKING:
    from .functions import FunctionIR


class Value(Record):
    """An SSA value: a word, or an unboxed float."""

    type: str
    name: str


class Slots:
    """A place is the number of a local, or of an operand behind all locals."""

    unit: FunctionIR
    out: Emitter
    code: Code
    at: int
    depths: dict[int, int]
    types: dict[int, Types]
    floats: dict[int, float]
    functions: dict[int, str]
    late: dict[int, int]  # operands that are literals and not read yet: so no call has to keep them

    def checked(self, value: str, at: int) -> str:
        raise NotImplementedError

    def literal(self, n: int) -> str:
        raise NotImplementedError

    def make_slots(self, arguments: list[str]) -> None:
        """Slots for all places; the first locals are the arguments."""
        out, code = self.out, self.code
        count = max(self.depths.values(), default=0) + 4
        self.words = [out.slot(f"l{k}", "word")
                      for k in range(code.locals)] + [out.slot(f"s{k}", "word") for k in range(count)]
        self.doubles = [out.slot("d", "double") for _ in self.words] if self.types else []
        for k in range(code.locals):
            out.emit(f"store i64 {arguments[k] if k < len(arguments) else '0'}, ptr {self.words[k]}")

    def read(self, place: int, kind: str) -> Value:
        if place in self.late:
            return Value(WORD, self.literal(self.late[place]))
        if kind == FLOAT:
            return Value(FLOAT, self.out.define(f"load double, ptr {self.doubles[place]}"))
        return Value(WORD, self.out.define(f"load i64, ptr {self.words[place]}"))

    def write(self, place: int, value: Value) -> None:
        self.late.pop(place, None)
        slot = self.doubles[place] if value.type == FLOAT else self.words[place]
        self.out.emit(f"store {'double' if value.type == FLOAT else 'i64'} {value.name}, ptr {slot}")

    def read_late(self) -> None:
        """Read the literals that were not, where control may come from elsewhere next."""
        for place, n in list(self.late.items()):
            self.write(place, Value(WORD, self.literal(n)))

    def word(self, value: Value, sure: bool = True) -> str:
        """A value as a Lisp value; a float that is infinite may be an error (unless ``sure`` is false)."""
        if value.type == WORD:
            return value.name
        if not sure:
            return self.out.define(f"call i64 @{self.unit.use('make_float')}(ptr %base, double {value.name})")
        return (self.checked(self.out.define(f"call i64 @{self.unit.use('float_result')}(ptr %base, double "
                                             f"{value.name})"), self.at))

    def before(self, at: int) -> Types:
        known = self.types.get(at)
        return known if known is not None else Types((WORD,) * self.code.locals, (WORD,) * self.depths[at])

    def after(self, item: Decoded) -> Types:
        before = self.before(item.at)
        return flow.after(item, before, self.floats, self.functions) if self.types else Types(
            before.locals, (WORD,) * (self.depths[item.at] - item.row.takes + item.row.gives))

    def transition(self, now: Types, at: int | None) -> None:
        """Box what is a word where control goes next."""
        if not self.types or at not in self.types:
            return
        there = self.types[at]
        for place, (have, want) in enumerate(zip(now.locals + now.operands, there.locals + there.operands,
                                                 strict=True)):
            if have != want:
                self.write(place, Value(WORD, self.word(self.read(place, have))))
