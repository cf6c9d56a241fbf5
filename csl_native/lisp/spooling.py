"""A transcript of the terminal in a file: what is printed, and what was read there, without the prompts."""

from __future__ import annotations

import time
from typing import IO, TYPE_CHECKING, Any

from ..system import utf8
from .streams import Tee

if TYPE_CHECKING:
    from .streams import Output


class Spool:
    """From when it is made until its end, a file gets what goes to the terminal."""

    def __init__(self, terminal: Output, file: IO[bytes], name: str) -> None:
        terminal.flush()
        self.terminal, self.copy, self.alone = terminal, file, terminal.file
        self.tee = Tee(self.alone, file)
        terminal.file = self.tee  # type: ignore[assignment]
        self.say(f"+++ Transcript to {name} started at {time.ctime()} +++\n")

    def say(self, text: str) -> None:
        """Write to the file alone."""
        self.terminal.flush()
        self.tee.copied(lambda copy: copy.write(utf8.encode(text)))

    def prompt(self, text: str) -> None:
        """Write to the terminal alone."""
        file: Any = self.alone
        self.terminal.flush()
        file.write(utf8.encode(text))
        file.flush()

    def end(self, how: str) -> None:
        """Close the file; the terminal goes on."""
        self.say(f"\n+++ {how} +++\n")
        self.terminal.file = self.alone
        self.copy.close()
