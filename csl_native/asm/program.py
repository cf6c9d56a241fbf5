"""A whole text of the assembler: its functions are defined together, or none is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..heap.objects import CODE_HEADER
from ..instructions.table import CodeError
from ..lisp.streams import Input
from ..saving.verifying import private_env
from .assembling import Assembling
from .floats import Floats
from .integers import Integers
from .text import AsmError, parse

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp

HELPERS = """(de asm!-quotient (a b) (cond ((and (fixp a) (fixp b) (null (zerop b)) (zerop (remainder a b)))
    (quotient a b))
  (t (quotient (float a) b))))"""


def assemble(lisp: Lisp, text: str) -> list[int]:
    """Assemble all functions of a text, or none; their symbols.  AsmError with line and column."""
    m = lisp.machine
    functions = parse(text)
    if not lisp.is_defined(m.intern("asm-quotient")):
        lisp.eval(lisp.reader.read(Input(text=HELPERS)))
    known = {f.name: f for f in functions}
    made = []
    for function in functions:
        kind = {"int": Integers, "float": Floats, "": Assembling}[function.numbers]
        code, literals = kind(lisp, function, known).assemble()
        try:
            made.append(private_env(m, m.vector([m.object(CODE_HEADER, code.pack()), *literals])))
        except CodeError as error:
            raise AsmError(function.line, function.column, f"{function.name}: {error}") from None
    for function, env in zip(functions, made, strict=True):
        lisp.install_env(m.intern(function.name), env, False)
    return [m.intern(function.name) for function in functions]
