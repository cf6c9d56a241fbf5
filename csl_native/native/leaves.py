"""Functions of 64-bit integers without loops and calls: their arithmetic is a function of numbers, ``LABEL.words``,
behind one of Lisp values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..instructions.codec import Code, Decoded, decode
from ..instructions.table import LOCALS
from ..restricted.language import WORD
from .cells import plan
from .compilable import Source
from .functions import FunctionIR
from .lowering import Body

if TYPE_CHECKING:
    from ..architectures import Architecture

PURE = frozenset(("small", "make_variable", "store_local", "var_open", "jump", "var_inc", "var_dec", "var_add",
                  "var_sub", "var_mul", "var_div", "var_mod", "var_jnz", "var_jg", "var_jng", "var_je", "var_cpi8",
                  "var_wide8", "var_move"))


def is_leaf(code: Code) -> bool:
    """Does a function take integers into variables first, compute, and give the integer of a variable?"""
    listing = decode(code.code)
    names = [item.row.name for item in listing]
    taken = [k for k, name in enumerate(names) if name == "check_word"]
    if (code.handlers or len(taken) != code.fixed or "var_integer" not in names
        or any(item.target is not None and item.target <= item.at for item in listing)):
        return False
    for number, k in enumerate(taken):
        if names[k - 1:k + 2] != ["local", "check_word", "var_take"] or listing[k - 1].operands[0] != number:
            return False
    others = [name for k, name in enumerate(names) if not any(k - 1 <= place <= k + 1 for place in taken)]
    own = plan(code, listing).own
    if any(n not in own for item in listing for (_, kind), n in zip(item.row.operands, item.operands, strict=True)
           if kind in LOCALS or item.row.name == "store_local"):
        return False
    gives = [k for k, name in enumerate(names) if name == "var_integer"]
    return (all(names[k + 1:k + 2] == ["return"] for k in gives) and names.count("return") == len(gives)
            and set(others) <= PURE | {"var_integer", "return"})


class Numbers(Body):
    """The body with numbers for arguments and result."""

    taken = 0

    def instruction(self, item: Decoded) -> None:
        name, out = item.row.name, self.unit.out
        if name == "var_take":
            out.emit(f"store i64 %a{self.taken}, ptr {self.cells[item.operands[0]]}")
        elif name == "local":
            self.taken = item.operands[0]
        elif name == "var_integer":
            out.ret(WORD, out.define(f"load i64, ptr {self.cells[item.operands[0]]}"))
        elif name not in ("check_word", "return"):
            super().instruction(item)


class LeafIR(FunctionIR):
    """IR of both functions."""

    def __init__(self, source: Source, architecture: Architecture | None = None) -> None:
        super().__init__(source, architecture)
        self.body = Numbers(self, source)

    def text(self) -> str:
        parameters = "".join(f", i64 %a{k}" for k in range(self.count))
        label, leave = self.source.label, self.use("leave_function")
        self.body.run(["0"] * self.count)
        numbers = f"define hidden i64 @{label}.words(ptr %base{parameters}) noinline nounwind {{\n{self.out.text()}}}\n"
        lines = []
        for k in range(self.count):
            lines += [f"  %c{k} = call i64 @{self.use('check_word')}(ptr %base, i64 %a{k})",
                      f"  %bad{k} = icmp eq i64 %c{k}, 7",
                      f"  br i1 %bad{k}, label %fail, label %next{k}, !prof !3", f"next{k}:",
                      f"  %w{k} = call i64 @{self.use('word_of')}(ptr %base, i64 %c{k})"]
        given = "".join(f", i64 %w{k}" for k in range(self.count))
        lines += [f"  %r = call i64 @{label}.words(ptr %base{given})",
                  f"  %v = tail call i64 @{self.use('from_word')}(ptr %base, i64 %r)", "  ret i64 %v"]
        if self.count:
            lines += ["fail:", f"  %left = tail call i64 @{leave}(ptr %base, i64 %env)", "  ret i64 %left"]
        return (numbers + f"define internal i64 @{label}(ptr %base, i64 %env{parameters}) nounwind {{\n"
                + "\n".join(lines) + "\n}\n")
