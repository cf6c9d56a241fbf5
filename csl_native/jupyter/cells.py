"""Cells of a notebook: their forms are evaluated one after the other in one session.

Output, messages and the value come apart.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from ..app.cli import JIT
from ..builtins.asking import declared, described, existing, last_word, names_beginning, plain
from ..kernel.memory import NIL
from ..lisp.errors import NAMES
from ..lisp.leaving import Stopped
from ..lisp.reader import ReadError
from ..lisp.streams import Input
from ..session.containers import Numbers
from ..session.session import Session
from ..system.exceptions import LispError
from .display import Bundle, bundle

Write = Callable[[str, str], object]  # the name of a stream, stdout or stderr, and a text for it
HERE = "cell"


class Stream(io.RawIOBase):
    """A binary file whose texts go somewhere."""

    mode = "wb"

    def __init__(self, write: Callable[[str], object]) -> None:
        self.give = write

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.give(bytes(data).decode("utf-8", "replace"))
        return len(data)


class Cells:
    """One session, and how it is used cell by cell.

    ``write`` gets what is printed, ``show`` what is displayed, ``ask`` gives a line of input (None: the end).
    """

    def __init__(
        self, write: Write, show: Callable[[Bundle], object], ask: Callable[[str], str | None], image: str | None = None
    ) -> None:
        self.session = Session(
            image,
            output=Stream(lambda text: write("stdout", text)),
            errors=Stream(lambda text: write("stderr", text)),
            jit=JIT,
        )
        self.ask, self.evaluating = ask, False
        self.asked = False  # for a line, because the cell has no more
        self.session.define("display", lambda *given: self._display(show, *given))
        self.session.lisp.errors.trace = NAMES

    def _display(self, show: Callable[[Bundle], object], *given: Any) -> None:
        """The Lisp function ``display``: shows a value now, or data of a MIME type."""
        if not 1 <= len(given) <= 2 or not isinstance(given[-1], str if len(given) == 2 else object):
            raise TypeError("display: a value expected, and perhaps the MIME type of it, a string")
        self.session.flush()
        value = given[0]
        if len(given) == 2:
            kind = str(given[1])
            show({kind: bytes(value) if isinstance(value, Numbers) else str(value), "text/plain": kind})
        else:
            session, found = self.session, list[Bundle]()

            def body() -> int:
                found.append(bundle(session, session.from_python(value)))
                return NIL

            session.run(lambda: session._guard(body))
            show(found[0])

    # -- running ---------------------------------------------------------------------------

    def evaluate(self, text: str) -> Bundle | None:
        """Evaluate the forms of a cell; how the value of the last one is shown, None of an empty cell.

        LispError where a form fails.
        """
        found: list[Bundle] = []
        session, lisp = self.session, self.session.lisp

        def body() -> int:
            value, some = NIL, False
            stream = Input(
                io.BytesIO(), text=text if text.endswith("\n") else text + "\n", name=HERE, prompt=self._line
            )
            stream.begun = True
            before, self.asked = (lisp.input, lisp.standard_input), False
            lisp.input = lisp.standard_input = stream
            try:
                while True:
                    with session.machine.scope() as scope:
                        form = lisp.eof if self.asked else self._read(stream, len(text.splitlines()))
                        if form == lisp.eof:
                            if some:
                                found.append(bundle(session, value))
                            return NIL
                        value, some = scope.keep(self._value(stream, form)), True
            finally:
                lisp.input, lisp.standard_input = before

        try:
            session.run(lambda: session._guard(body))
        except Stopped as stopped:
            raise LispError(f"(stop {stopped.code}) ends the cell; Restart Kernel begins a new session") from None
        finally:
            session.flush()
        return found[0] if found else None

    def _read(self, stream: Input, lines: int) -> int:
        """The next form of the cell; nobody is asked for more."""
        lisp = self.session.lisp
        stream.ended = True
        try:
            return lisp.reader.read(stream)
        except ReadError as error:
            raise lisp.errors.loud(f"{error} ({HERE}, line {min(stream.here(), lines)})") from None

    def _value(self, stream: Input, form: int) -> int:
        """The value of a form; what reads behind the end of the cell asks whoever sits there."""
        stream.ended = False
        self.evaluating = True
        try:
            return self.session.lisp.eval(form)
        finally:
            self.evaluating = False

    def _line(self) -> bytes:
        self.session.lisp.output.flush()
        self.asked = self.asked or self.evaluating
        line = self.ask(self.session.lisp.prompt) if self.evaluating else None
        return b"" if line is None else (line + "\n").encode("utf-8", "surrogateescape")

    # -- asking ------------------------------------------------------------------------------

    def names(self, before: str) -> tuple[str, list[str]]:
        """The beginning of a name at the end of a text, and the names that begin so."""
        word = last_word(before)
        return word, self.session.run(lambda: names_beginning(self.session.lisp, word)) if word else []

    def about(self, name: str) -> str:
        """What is known of a name; empty when nothing is."""

        def body() -> str:
            lisp = self.session.lisp
            symbol = existing(lisp, plain(name))
            return "" if symbol is None else "\n".join([*described(lisp, symbol), *declared(lisp, symbol)])

        return str(self.session.run(body))


def report(error: LispError) -> tuple[str, list[str]]:
    """The first line of an error's message, and all lines."""
    lines = str(error).strip().splitlines() or ["Lisp error"]
    return lines[0], lines


__all__ = ["Cells", "report"]
