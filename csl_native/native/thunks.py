"""Native thunks of C functions: arguments are converted in line, and LLVM knows each machine's convention.

The function's bytecode, which calls through libffi, does the same and checks everything: whatever is not the plain case
goes there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..foreign.types import SCALARS, Scalar, Signature
from ..heap.words import FLOAT, UNWIND
from ..instructions.codec import Code, decode
from ..kernel.memory import NIL
from ..restricted.emitter import Emitter
from ..restricted.language import WORD
from .compilable import NotCompilable, Source
from .functions import FunctionIR

if TYPE_CHECKING:
    from ..architectures import Architecture

CALLS = ("call", "tail_call")


def calls_only(code: Code) -> bool:
    """Is a function nothing but one call with a literal and then its own arguments in their order?"""
    listing = decode(code.code)
    calls = [item for item in listing if item.row.name.startswith(CALLS)]
    locals_ = [item.operands[0] for item in listing if item.row.name == "local"]
    others = {item.row.name for item in listing
              if not item.row.name.startswith(CALLS)} - {"local", "literal", "push_argument", "pop", "return"}
    literals = [item for item in listing if item.row.name == "literal"]
    return len(calls) == len(literals) == 1 and locals_ == list(range(code.fixed)) and not others and not code.handlers


class ThunkIR(FunctionIR):
    """IR of the call of a C function."""

    def __init__(self, source: Source, architecture: Architecture) -> None:
        self.source, self.code, self.count, self.out = source, source.code, source.code.fixed, Emitter()
        self.used: set[str] = set()
        self.leaves, self.convention, self.slow, self.pins = set(), "", set(), None
        self.extension = architecture.word_extension
        self.outside = f"{architecture.outside.convention} " if architecture.outside is not None else ""
        assert source.foreign is not None
        self.row: Signature = source.foreign
        if self.count == 255 or self.count != len(self.row.arguments):
            raise NotCompilable("its arguments are not those of the C function")

    def text(self) -> str:
        out, row = self.out, self.row
        values = [self.argument(SCALARS[t.name], f"%a{k}") for k, t in enumerate(row.arguments)]
        result = SCALARS[row.result.name]
        call = f'call {self.outside}{self.attribute(result)}{result.ir} @"{row.target}"({", ".join(values)})'
        out.emit(f"call void @{self.use('goes_outside')}(ptr %base)")
        found = "" if result.ir == "void" else out.define(call)
        if not found:
            out.emit(call)
        back = out.define(f"call i64 @{self.use('comes_back')}(ptr %base)")
        self.check(out.define(f"icmp ne i64 {back}, {UNWIND}"), "ended")
        out.ret(WORD, self.result(result, found) if found else str(NIL))
        arguments = [f"%a{k}" for k in range(self.count)]
        out.lines += ["slow:", f"  %checked = {self.bytecoded(arguments)}", "  ret i64 %checked", "ended:",
                      f"  ret i64 {UNWIND}"]
        parameters = "".join(f", i64 {a}" for a in arguments)
        return (f"define internal i64 @{self.source.label}(ptr %base, i64 %env{parameters}) nounwind {{\n"
                f"{out.text()}}}\n")

    def declaration(self) -> str:
        """The C function, which is reached through a pointer cell."""
        row = self.row
        parts = [self.attribute(SCALARS[t.name], after=True) for t in row.arguments]
        result = SCALARS[row.result.name]
        return (f'declare {self.outside}{self.attribute(result)}{result.ir} @"{row.target}"({", ".join(parts)}) '
                'nounwind nonlazybind\n')

    def attribute(self, row: Scalar, after: bool = False) -> str:
        """How a narrow integer fills its register: the caller's duty, and the callee's for a result."""
        extension = ("" if not row.bits or row.bits > 32 else "signext" if row.signed else self.extension
                     if row.bits == 32 else "zeroext")
        return f"{row.ir} {extension}".strip() if after else f"{extension} " if extension else ""

    def check(self, condition: str, otherwise: str = "slow") -> None:
        """Go on when a condition holds."""
        going_on = self.out.label("on")
        self.out.emit(f"br i1 {condition}, label %{going_on}, label %{otherwise}, !prof !4")
        self.out.terminated = True
        self.out.place(going_on)

    def argument(self, row: Scalar, a: str) -> str:
        out = self.out
        tag = out.define(f"and i64 {a}, 7")
        if not row.bits:
            self.check(out.define(f"icmp eq i64 {tag}, {FLOAT}"))
            value = out.define(f"call double @{self.use('float_value')}(ptr %base, i64 {a})")
            return f"{row.ir} {out.define(f'fptrunc double {value} to float') if row.ir == 'float' else value}"
        self.check(out.define(f"icmp eq i64 {tag}, 0"))
        number = out.define(f"ashr i64 {a}, 3")
        if row.bits < 64:
            low = -(1 << row.bits - 1) if row.signed else 0
            above = out.define(f"sub i64 {number}, {low}")
            self.check(out.define(f"icmp ult i64 {above}, {1 << row.bits}"))
            number = out.define(f"trunc i64 {number} to {row.ir}")
        elif not row.signed:
            self.check(out.define(f"icmp sge i64 {number}, 0"))
        return f"{self.attribute(row, after=True)} {number}"

    def result(self, row: Scalar, value: str) -> str:
        out = self.out
        if not row.bits:
            wide = out.define(f"fpext float {value} to double") if row.ir == "float" else value
            return out.define(f"call i64 @{self.use('make_float')}(ptr %base, double {wide})")
        if row.bits == 64:
            return out.define(f"call i64 @{self.use('from_word')}(ptr %base, i64 {value})")
        wide = out.define(f"{'sext' if row.signed else 'zext'} {row.ir} {value} to i64")
        return out.define(f"shl i64 {wide}, 3")
