"""Errors: CSL's messages, and the state that errorset and friends keep."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..kernel.memory import NIL
from ..machine import Unwinding
from ..vm import UNWIND_ERROR

if TYPE_CHECKING:
    from .lisp import Lisp


class Errors:
    """Signals errors for a Lisp; ``show`` says whether messages are printed."""

    def __init__(self, lisp: Lisp) -> None:
        self.lisp = lisp
        self.show = True
        self.least, self.most = 0, 3
        self.backtrace = NIL

    def signal(self, number: int = NIL, message: int = NIL) -> Unwinding:
        """Describe an error in the VM block; the caller raises the result."""
        cage = self.lisp.machine.cage
        cage["unwind_kind"], cage["unwind_tag"], cage["unwind_value"] = UNWIND_ERROR, number, message
        return Unwinding()

    def loud(self, text: str, *values: int) -> Unwinding:
        """``+++ Error TEXT values`` on a line of its own after a line break."""
        return self._message("\n+++ Error " + text, values)

    def plain(self, text: str, *values: int) -> Unwinding:
        """``+++ Error: TEXT values`` where the column happens to be."""
        return self._message("+++ Error: " + text, values)

    def bare(self, text: str, *values: int) -> Unwinding:
        """``+++ Error TEXT values`` where the column happens to be."""
        return self._message("+++ Error " + text, values)

    def _message(self, text: str, values: tuple[int, ...]) -> Unwinding:
        lisp = self.lisp
        if self.show:
            out = lisp.output
            out.write(text)
            for value in values:
                out.write(" " + self.brief(value))
            out.write("\n")
        return self.signal()

    def brief(self, value: int) -> str:
        """A value in a message: vectors are not shown in full."""
        return "%(...)" if value & 7 == 4 else self.lisp.printer.text(value)

    def wrong_count(self, env: int, given: int) -> Unwinding:
        """A function called with a number of arguments that it does not take."""
        name, wanted = self.lisp.arity(env)
        text = f"{given} args where {wanted} wanted" if wanted else f"incorrectly with {given if given <= 3 else 'more than 3'} args"
        if self.show:
            self.lisp.output.write(f"\nCalling {name}\n+++ Error bad args for Function called "
                                   f"{'with ' if wanted else ''}{text}\n")
        return self.signal()
