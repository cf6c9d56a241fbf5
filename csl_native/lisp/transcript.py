"""What the top level says of the forms that it evaluates, in the words and lines of the original."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .lisp import Lisp


class Transcript:
    """Values and errors of forms one after the other, on the output of a Lisp."""

    def __init__(self, lisp: Lisp) -> None:
        self.lisp = lisp

    def value(self, value: int) -> None:
        """Of a form that was read."""
        out = self.lisp.output
        out.write("\n")
        self.lisp.printer.print(value, True, out)
        out.write("\n")

    def failed(self) -> None:
        """A form was left by an error, which has been reported."""
        if self.lisp.errors.show:
            self.lisp.output.write("\n... continuing after error\n")

    def given(self, form: int) -> None:
        """A form of the command line, before it is evaluated."""
        self.lisp.printer.print(form, True, self.lisp.output)

    def gives(self, value: int) -> None:
        """The value of a form of the command line."""
        self.lisp.output.write(" => ")
        self.lisp.printer.print(value, True, self.lisp.output)
        self.lisp.output.write("\n")
