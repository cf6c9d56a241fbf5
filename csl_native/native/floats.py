"""Instructions of the optimised tier on unboxed floats."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..instructions.codec import Decoded
from ..kernel.memory import NIL, T
from . import flow
from .flow import FLOAT, WORD
from .slots import Slots, Value

if TYPE_CHECKING:
    from .compilable import Callee


class FloatInstructions(Slots):
    """The part of a function's body that is about floats; the rest is ``lowering.Body``."""

    callees: dict[int, Callee]

    def guard(self, callee: Callee, known: str, other: str) -> None:
        raise NotImplementedError

    def give_up(self, item: Decoded) -> None:
        raise NotImplementedError

    def float_instruction(self, item: Decoded, inputs: list[Value], first: int) -> bool:
        """An instruction with an unboxed float among its inputs; False when it has no way of its own for them."""
        out, name = self.unit.out, item.row.name
        if name in flow.CHANGES:
            self.write(first, Value(FLOAT, out.define(flow.CHANGES[name].format(inputs[0].name))))
        elif name in flow.TESTS:
            self.truth(first, out.define("fcmp " + flow.TESTS[name].format(inputs[0].name)))
        elif name in flow.ARITHMETIC or name in flow.COMPARISONS:
            self.two_numbers(item, inputs, first)
        elif item.at in self.functions:
            self.float_function(item, inputs[0], first)
        else:
            return False
        return True

    def truth(self, first: int, condition: str) -> None:
        self.write(first, Value(WORD, self.unit.out.define(f"select i1 {condition}, i64 {T}, i64 {NIL}")))

    def two_numbers(self, item: Decoded, inputs: list[Value], first: int) -> None:
        """Arithmetic or a comparison in doubles when both are floats or fixnums; else by the definition."""
        out, use, name = self.unit.out, self.unit.use, item.row.name
        slow, end, doubles = out.label("slow"), out.label("end"), []
        for value in inputs:
            if value.type == WORD:
                quick = out.label("quick")
                test = out.define(f"call i1 @{use('quick_number')}(ptr %base, i64 {value.name})")
                out.branch(test, quick, slow)
                out.place(quick)
                doubles.append(out.define(f"call double @{use('quick_double')}(ptr %base, i64 {value.name})"))
            else:
                doubles.append(value.name)
        if name == "quotient":
            quick = out.label("quick")
            out.branch(out.define(f"fcmp une double {doubles[1]}, 0.0"), quick, slow)
            out.place(quick)
        if name in flow.ARITHMETIC:
            self.write(first, Value(FLOAT, out.define(f"{flow.ARITHMETIC[name]} double {doubles[0]}, {doubles[1]}")))
        else:
            self.truth(first, out.define(f"fcmp {flow.COMPARISONS[name]} double {doubles[0]}, {doubles[1]}"))
        if name != "quotient" and all(value.type == FLOAT for value in inputs):
            return
        out.jump(end)
        out.place(slow)
        words = [self.word(value) for value in inputs]
        result = (self.checked(out.define(f"call i64 @{use(item.row.function)}(ptr %base, i64 {words[0]}, i64 "
                                          f"{words[1]})"), item.at))
        if name in flow.ARITHMETIC:
            self.write(first, Value(FLOAT, out.define(f"call double @{use('float_value')}(ptr %base, i64 {result})")))
        else:
            self.write(first, Value(WORD, result))
        out.jump(end)
        out.place(end)

    def two_floats(self, item: Decoded, inputs: list[str], first: int, on: str) -> None:
        """Arithmetic on two words when they are floats, and then on to a label; control goes on behind it when they are
        not.
        """
        out, use = self.unit.out, self.unit.use
        quick, slow = out.label("quick"), out.label("slow")
        out.branch(out.define(f"call i1 @{use('both_floats')}(ptr %base, i64 {inputs[0]}, i64 {inputs[1]})"), quick,
                   slow)
        out.place(quick)
        a, b = (out.define(f"call double @{use('float_value')}(ptr %base, i64 {value})") for value in inputs)
        boxed = self.word(Value(FLOAT, out.define(f"{flow.ARITHMETIC[item.row.name]} double {a}, {b}")))
        self.write(first, Value(WORD, boxed))
        out.jump(on)
        out.place(slow)

    def float_function(self, item: Decoded, value: Value, first: int) -> None:
        """A function of a float that gives one, while it is what it was."""
        out, name = self.unit.out, self.functions[item.at]
        known, other = out.label("known"), out.label("other")
        self.guard(self.callees[item.operands[0]], known, other)
        out.place(other)
        self.give_up(item)
        out.place(known)
        result = value.name
        if name == "abs":
            result = out.define(f"call double @llvm.fabs.f64(double {value.name})")
        elif flow.FUNCTIONS[name]:
            result = out.define(f"call double @{self.unit.use('double_' + name)}(ptr %base, double {value.name})")
        self.write(first, Value(FLOAT, result))
