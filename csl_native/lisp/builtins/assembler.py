"""The assembler from Lisp: assemble, assemble-file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...kernel.memory import NIL
from ...words import STRING
from ..registry import builtin
from .reading import path_of

if TYPE_CHECKING:
    from ..lisp import Lisp


@builtin("assemble", 1)
def assemble(lisp: Lisp, text: int) -> int:
    """Define the functions of a text of the assembler (docs/assembler.md); their names."""
    from ...asm.assembling import assemble as assembled
    if text & 7 != STRING:
        raise lisp.errors.plain("assemble: a string expected", text)
    return lisp.machine.list(assembled(lisp, lisp.machine.text(text)))


@builtin("assemble-file", 1)
def assemble_file(lisp: Lisp, name: int) -> int:
    from ...asm.assembling import assemble as assembled
    with open(path_of(lisp, name), encoding="utf-8") as file:
        text = file.read()
    return lisp.machine.list(assembled(lisp, text))


@builtin("asm-print", 1)
def asm_print(lisp: Lisp, x: int) -> int:
    """What the assembler's print does: the value on a line of its own."""
    lisp.output.write(lisp.printer.text(x, escape=False) + "\n")
    return NIL
