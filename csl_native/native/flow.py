"""Which values of a function are surely floats: they stay unboxed in its native code.

A forward pass over the bytecode: the type of each local and operand before each instruction.  A value is a float when
it comes from a constant, from arithmetic with a float in it, or from a function whose result is one.  Everything else
is a word, a Lisp value.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..instructions.codec import Code, Decoded
from ..system.records import Record

WORD, FLOAT = "w", "f"
ARITHMETIC = {"plus": "fadd", "difference": "fsub", "times": "fmul", "quotient": "fdiv"}
COMPARISONS = {"lessp": "olt", "greaterp": "ogt", "leq": "ole", "geq": "oge"}
TESTS = {"zerop": "oeq double {}, 0.0", "minusp": "olt double {}, 0.0", "plusp": "ogt double {}, 0.0"}
CHANGES = {"minus": "fneg double {}", "add1": "fadd double {}, 1.0", "sub1": "fsub double {}, 1.0"}
# Lisp functions of one float with a float as result, by name: the C function behind them, or LLVM's.
FUNCTIONS = {"sin": "sin", "cos": "cos", "tan": "tan", "atan": "atan", "exp": "exp", "abs": "", "float": ""}


class Types(Record):
    """Types of the locals and of the operands, the last one being the top."""

    locals: tuple[str, ...]
    operands: tuple[str, ...]

    def join(self, other: Types) -> Types:
        def both(a: tuple[str, ...], b: tuple[str, ...]) -> tuple[str, ...]:
            return tuple(x if x == y else WORD for x, y in zip(a, b, strict=True))
        return Types(both(self.locals, other.locals), both(self.operands, other.operands))


def result(item: Decoded, inputs: tuple[str, ...], floats: Mapping[int, float], functions: Mapping[int, str]) -> str:
    """The type that an instruction gives; ``functions`` are those of ``FUNCTIONS``, by the place of their call."""
    name, n = item.row.name, item.operands[0] if item.operands else -1
    if name == "literal" and n in floats:
        return FLOAT
    if name in ARITHMETIC or name in CHANGES:
        return FLOAT if FLOAT in inputs else WORD
    if item.at in functions and inputs == (FLOAT,):
        return FLOAT
    return WORD


def after(item: Decoded, before: Types, floats: Mapping[int, float], functions: Mapping[int, str]) -> Types:
    """The types behind an instruction."""
    row, takes = item.row, item.row.takes
    below, inputs = before.operands[:len(before.operands) - takes], before.operands[len(before.operands) - takes:]
    places = before.locals
    given = result(item, inputs, floats, functions)
    if "fp" in row.context:
        n = item.operands[0]
        if row.takes:
            places = (*places[:n], inputs[0], *places[n + 1:])
            given = inputs[0]
        else:
            given = places[n]
    return Types(places, (*below, given) if row.gives else below)


def infer(code: Code, listing: list[Decoded], floats: Mapping[int, float],
          functions: Mapping[int, str]) -> dict[int, Types]:
    """The types before each instruction.
    With handlers everything is a word: control may come to them from anywhere.
    """
    start = Types((WORD,) * code.locals, ())
    if code.handlers or not (floats or functions):
        return {}
    at = {item.at: item for item in listing}
    types = {0: start}
    work = [0]
    while work:
        item = at[work.pop()]
        then = after(item, types[item.at], floats, functions)
        following = [item.target] if item.row.kind == "branch" else []
        if item.row.kind in ("value", "branch") and not item.row.always:
            following.append(item.end)
        for place in following:
            assert place is not None
            joined = then if place not in types else types[place].join(then)
            if types.get(place) != joined:
                types[place] = joined
                work.append(place)
    return types
