"""A terminal at which a list of lines is typed, in this process: what it shows, prompts and what was typed with it."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from csl_native import Session
from csl_native.app.breaks import Breaks
from csl_native.app.lineinput import Terminal
from csl_native.lisp.leaving import Stopped
from csl_native.lisp.streams import Input
from csl_native.lisp.transcript import Transcript

PROMPT = re.compile(r"^((?:break \d+|value|number|inspect)?> |\.\.\. )(.*)$")


class Typed(Terminal):
    """Lines from a list; ``INTERRUPT`` and ``END`` stand for the keys."""

    INTERRUPT, END = "\x03", "\x04"

    def __init__(self, session: Session, lines: list[str], shown: io.StringIO) -> None:
        self.lines, self.shown, self.session = iter(lines), shown, session
        session.lisp.prompt = "> "
        stream = Input(io.BytesIO(), name="standard input")
        super().__init__(SimpleNamespace(session=session, options=SimpleNamespace(quiet=True)),
                         stream)  # type: ignore[arg-type]
        stream.prompt, stream.typed = self, True

    def _editor(self) -> Any:
        def line(prompt: str) -> str:
            self.shown.write(prompt)
            text = next(self.lines, self.END)
            self.shown.write("\n" if text in (self.END, self.INTERRUPT) else text + "\n")
            if text == self.INTERRUPT:
                raise KeyboardInterrupt
            if text == self.END:
                raise EOFError
            return text
        return line

    def say(self, text: str) -> None:
        self.session.lisp.output.flush()
        self.shown.write(text + "\n")


class _Screen(io.RawIOBase):
    mode = "b"

    def __init__(self, shown: io.StringIO) -> None:
        self.shown = shown

    def write(self, data: Any) -> int:
        self.shown.write(bytes(data).decode())
        return len(data)


def typed(session: Session, *lines: str) -> str:
    """What is seen when these lines are typed."""
    shown, lisp = io.StringIO(), session.lisp

    def hint(text: str) -> None:
        lisp.output.flush()
        shown.write(f"csl: {text}\n")

    def body() -> None:
        before, lisp.terminal.file, lisp.hint = lisp.terminal.file, _Screen(shown), hint  # type: ignore[assignment]
        lisp.breaks = Breaks(lisp)
        stream = Typed(session, list(lines), shown).stream
        lisp.standard_input = lisp.input = stream
        try:
            lisp.load_stream(stream, Transcript(lisp))
        except Stopped:
            pass
        finally:
            lisp.output.flush()
            lisp.terminal.file, lisp.breaks = before, None
    session.run(body)
    return shown.getvalue()


def lines_of(text: str) -> Iterator[str]:
    """What was typed in a text that shows a session."""
    for line in text.splitlines():
        if found := PROMPT.match(line):
            yield found[2]


__all__ = ["Typed", "lines_of", "typed"]
