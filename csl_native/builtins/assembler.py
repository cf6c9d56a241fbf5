"""The assembler from Lisp: assemble, assemble-file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..asm.program import assemble as assembled
from ..kernel.memory import NIL
from ..lisp.registry import String, Text, Value, builtin
from .reading import path_of

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp


@builtin("assemble", 1, wrong="assemble: a string expected")
def assemble(lisp: Lisp, text: String) -> int:
    """Define the functions of a text of the assembler (docs/assembler.md); the list of their names.
    (assemble "nonsense") is an error
    """
    return lisp.machine.list(assembled(lisp, lisp.machine.text(text)))


@builtin("assemble-file", 1, reaches=True)
def assemble_file(lisp: Lisp, name: Text) -> int:
    """Define the functions of a file with text of the assembler; the list of their names.
    (assemble!-file "/nowhere.asm") is an error
    """
    with open(path_of(lisp, name), encoding="utf-8") as file:
        text = file.read()
    return lisp.machine.list(assembled(lisp, text))


@builtin("asm-print", 1)
def asm_print(lisp: Lisp, x: Value) -> int:
    """Print a value on a line of its own, as `prin2` does: the assembler's print; nil.  (asm!-print 5) prints 5"""
    lisp.output.write(lisp.printer.text(x, escape=False) + "\n")
    return NIL
