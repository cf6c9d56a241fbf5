"""Input and output streams of the Lisp."""

from __future__ import annotations

import contextlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from io import BufferedReader
from stat import S_ISREG

from ..heap.objects import SYM_VALUE
from ..system import utf8

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO, Any

    from ..runtime.machine import Machine
    from .lisp import Lisp

COPIES = 3  # of a text that is kept: itself, as one piece, and what is made of that
PIECE = 1 << 16  # bytes of a line that are read at once
LINES = 1 << 14  # bytes of lines that are read at once
EOF_CHAR = "\U0010ffff"
DEFAULT_WIDTH = 80
UNLIMITED = 0x07FFFFFF  # the longest line that there is a length for
PAGE = 4096  # bytes for what the kernel prints
BLANK = r"(?:\s|%[^\n]*\n)*"


class Input:
    """Text with a position; more is fetched a line at a time, or many, where that cannot mean to wait for them."""

    def __init__(self, file: IO[Any] | None = None, text: str = "", name: str = "", prompt: Any = None,
                 literal: bool = False,
                 room: Callable[[int], object] = lambda size: None) -> None:
        self.file, self.buffer, self.name = file, text, name
        self.room = room  # is asked for what a long line takes
        self.literal = literal  # no #name; in strings means a character
        self.begun = file is None
        self.lines = isinstance(file, BufferedReader) and S_ISREG(os.fstat(file.fileno()).st_mode)
        self.plain = True  # may the kernel read from it?  Not where somebody is told of what was read.
        self.window: Window | None = None  # where the kernel reads from this stream
        self.echo: Callable[[str], None] | None = None  # called with what was read, when a Lisp reads from here
        self.at = 0  # the position, but for what the kernel has read from a window
        self.shown = -1  # while a form is read: how far what was read has been given to echo
        self.ahead = 0  # characters behind the position that were echoed already, because somebody looked at them
        self.line = 1
        self.prompt = prompt  # prompts for a line and gives it
        self.typed = False  # by somebody who sees what is said of it
        self.ended = file is None

    @property
    def position(self) -> int:
        """The place of the next character in the buffer."""
        if self.window is not None:
            self.window.close()
        return self.at

    @position.setter
    def position(self, place: int) -> None:
        if self.window is not None:
            self.window.close()
        before, self.at = self.at, place
        if self.shown < 0:
            self.tell(before)

    def tell(self, before: int) -> None:
        """Give echo what was read since the position was another."""
        if self.echo is not None and self.at > before:
            self.echo(self.buffer[before + self.ahead:self.at])
        self.ahead = max(0, self.ahead - abs(self.at - before))

    def look_ahead(self) -> None:
        """The character behind the position is looked at to see what is in front of it: it is echoed now, and not when
        it is taken.
        """
        if self.shown >= 0:
            self.show()
        if self.echo is not None and not self.ahead and self.position < len(self.buffer):
            self.echo(self.buffer[self.position])
            self.ahead = 1

    @contextlib.contextmanager
    def form(self) -> Iterator[None]:
        """A form is read: what is read is given to echo in one piece, or line by line.
        Nothing else reads meanwhile, or prints.
        """
        self.shown = self.position
        try:
            yield
        finally:
            self.show()
            self.shown = -1

    def show(self) -> None:
        """Give echo what was read since the last time."""
        before, self.shown = self.shown, self.at
        self.tell(before)

    def fill(self) -> bool:
        """Append the next line, or some of a file that is all there; False at the end of the file."""
        if self.ended or self.file is None:
            return False
        if self.shown >= 0:
            self.show()
        try:
            raw = self.piece(self.file)
        except (OSError, MemoryError):
            self.ended = True  # who reads on after the error does not meet it for ever
            raise
        if not raw:
            self.ended = True
            return False
        text = utf8.decode(raw) if isinstance(raw, bytes) else raw
        if not self.begun:
            self.begun = True
            text = text.removeprefix("\ufeff")  # the mark of an encoding
            if text.startswith("#!"):  # a script: the line is for the system
                text = "\n" + text.partition("\n")[2]
        if self.position > 65536 or self.position == len(self.buffer) > 4096:
            self.line += self.buffer.count("\n", 0, self.position)
            self.buffer, self.at = self.buffer[self.position:], 0
            self.shown = min(self.shown, 0)
        self.buffer += text.replace("\r\n", "\n")
        return True

    def piece(self, file: IO[Any]) -> Any:
        """What comes next, to the end of a line."""
        if self.prompt is not None:
            return self.prompt()
        raw = file.read(LINES) if self.lines else file.readline(PIECE)
        if self.lines and len(raw) == LINES and not raw.endswith(b"\n") or not self.lines and len(raw) == PIECE:
            raw = self.rest_of_line(raw)
        return raw

    def rest_of_line(self, begun: Any) -> Any:
        """A long line, of which a piece was read."""
        parts, size = [begun], len(begun)
        while not (part := parts[-1]).endswith("\n" if isinstance(part, str)
                                               else b"\n") and (
                                                   part := self.file.readline(PIECE)):  # type: ignore[union-attr]
            parts.append(part)
            size += len(part)
            self.room(COPIES * size)
        return begun[:0].join(parts)

    def rest(self) -> str | None:
        """The rest of the line, without its end; None at the end of the file."""
        parts: list[str] = []
        while self.peek() != EOF_CHAR:
            at = self.position
            end = self.buffer.find("\n", at)
            parts.append(self.buffer[at:end if end >= 0 else None])
            self.position = end + 1 if end >= 0 else len(self.buffer)
            if end >= 0:
                return "".join(parts)
        return "".join(parts) if parts else None

    def line_left(self) -> str:
        """What is there of the line, its end with it, for another stream; somebody may go on with this one."""
        at = self.position
        self.position = self.buffer.find("\n", at) + 1 or len(self.buffer)
        return self.buffer[at:self.position]

    def peek(self) -> str:
        """The next character, or the end-of-file character."""
        while self.position >= len(self.buffer):
            if not self.fill():
                return EOF_CHAR
        return self.buffer[self.position]

    def next(self) -> str:
        c = self.peek()
        if c != EOF_CHAR:
            self.position += 1
        return c

    def here(self) -> int:
        """The number of the line at the position, counted from 1."""
        return self.line + self.buffer.count("\n", 0, self.position)

    def place(self) -> tuple[int, int]:
        """Where the position is, for ``line_after``."""
        return self.line, self.position

    def line_after(self, place: tuple[int, int]) -> int:
        """The line on which the first thing after a place is, blanks and comments skipped; while the text is still
        here.
        """
        line, at = place
        if line != self.line:
            return self.here()
        at = re.compile(BLANK).match(self.buffer, at).end()  # type: ignore[union-attr]  # it matches nothing, too
        return line + self.buffer.count("\n", 0, at)

    def close(self) -> None:
        if (self.file is not None and getattr(self.file, "file",
                                              self.file) not in (sys.stdin, getattr(sys.stdin, "buffer", None))):
            self.file.close()


class Window:
    """Characters of one stream as bytes in the cage, where the kernel's readch takes them; ASCII only."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.place = machine.cage.places["window"]
        self.size = machine.cage.places["stack"] - PAGE - self.place
        self.stream: Input | None = None

    def open(self, stream: Input) -> None:
        """Lay out what is in the stream's buffer."""
        start = stream.position
        text = stream.buffer[start:start + self.size]
        if not text or not text.isascii() or not stream.plain or stream.ahead:
            return
        cage, m = self.machine.cage, self.machine
        m.bytes[self.place:self.place + len(text)] = text.encode()
        cage["read_at"], cage["read_end"] = self.place, self.place + len(text)
        self.stream, stream.window = stream, self

    def close(self) -> None:
        """Take back what the kernel did not read."""
        if self.stream is not None:
            cage = self.machine.cage
            stream, self.stream = self.stream, None
            stream.window = None
            stream.at += cage["read_at"] - self.place  # the kernel asks when it is to be printed
            stream.ahead = 0
            cage["read_at"] = cage["read_end"] = 0


class Page:
    """Room in the cage for what the kernel prints to one stream, the current output: ASCII, and ends of lines."""

    def __init__(self, lisp: Lisp) -> None:
        self.lisp, self.cage = lisp, lisp.machine.cage
        self.place = self.cage.places["stack"] - PAGE
        self.stream: Output | None = None

    def open(self) -> bool:
        """Let the kernel print to the current output; False where it cannot."""
        stream, cage = self.lisp.output, self.cage
        stream.settle()
        self.close()
        if not stream.plain or stream.unbroken:
            return False
        output, terminal = self.lisp.s_outputs
        value = self.lisp.machine.words
        cage["print_output"], cage["print_terminal"] = output, terminal
        cage["print_stream"], cage["print_other"] = value[output + SYM_VALUE >> 3], value[terminal + SYM_VALUE >> 3]
        cage["print_column"], cage["print_width"] = stream.column, min(stream.width, UNLIMITED)
        cage["print_end"] = self.place + PAGE
        cage["print_at"] = self.place
        self.stream, stream.page = stream, self
        return True

    def close(self) -> None:
        """Give the stream what the kernel printed."""
        if self.stream is not None:
            stream, self.stream = self.stream, None
            stream.page = None
            size, self.cage["print_at"] = self.cage["print_at"] - self.place, 0
            if size > 0:
                stream.write(bytes(self.lisp.machine.bytes[self.place:self.place + size]).decode("ascii"))


RECENT = 8192  # characters that wait for a file at most, and that are kept of what it got


class Tee:
    """A file, and another one that gets a copy until it cannot be written; that is said once, and what goes to the
    first one goes on.
    """

    mode = "wb"

    def __init__(self, file: Any, copy: IO[bytes]) -> None:
        self.file = file
        self.copy: IO[bytes] | None = copy

    def write(self, data: bytes) -> None:
        self.file.write(data)
        self.copied(lambda copy: copy.write(data))

    def flush(self) -> None:
        self.file.flush()
        self.copied(lambda copy: copy.flush())

    def copied(self, action: Callable[[IO[bytes]], object]) -> None:
        if self.copy is not None:
            try:
                action(self.copy)
            except OSError as error:
                print(f"csl: {self.copy.name}: {error.strerror}; what is printed is not copied there any more",
                      file=sys.stderr)
                self.copy = None


class Output:
    """Text with a column; ``width`` is the line length that printing keeps to."""

    def __init__(self, file: IO[Any] | None, name: str = "") -> None:
        self.file, self.name = file, name
        self.page: Page | None = None  # where the kernel prints to this stream
        self.plain = type(self).write is Output.write  # may it?  Not where somebody is told of what is printed.
        self._column = self._written = 0
        self._width = DEFAULT_WIDTH
        self.by_default = False  # (linelength t) was the last setting
        # lines are as long as they come: between the characters that begin and end what is typeset
        self.unbroken = False
        self.parts: list[str] = []
        self.pending = 0
        self.gone = ""  # the end of what was given to the file

    def settle(self) -> None:
        """Take what the kernel has printed."""
        if self.page is not None:
            self.page.close()

    @property
    def column(self) -> int:
        self.settle()
        return self._column

    @column.setter
    def column(self, column: int) -> None:
        self.settle()
        self._column = column

    @property
    def width(self) -> int:
        return self._width

    @width.setter
    def width(self, width: int) -> None:
        self.settle()
        self._width = width

    @property
    def written(self) -> int:
        """Characters that were written."""
        self.settle()
        return self._written

    def write(self, text: str) -> None:
        self.settle()
        if not text:
            return
        self.parts.append(text)
        self.pending += len(text)
        self._written += len(text)
        at = text.rfind("\n")
        if at >= 0:
            self._column = 0
            text = text[at + 1:]
        if "\t" in text:
            for at in range(0, len(text), RECENT):
                before = self._column & 7
                self._column += len((" " * before + text[at:at + RECENT]).expandtabs()) - before
        else:
            self._column += len(text)
        if self.pending > RECENT:
            self.flush()

    def flush(self) -> None:
        self.settle()
        if self.parts and self.file is not None:
            text = "".join(self.parts)
            self.parts, self.pending, self.gone = [], 0, (self.gone + text)[-RECENT:]
            self.file.write(utf8.encode(text) if "b" in getattr(self.file, "mode", "") or not hasattr(
                self.file, "encoding") else text)
            self.file.flush()

    def since(self, written: int) -> str:
        """What was written since ``written`` was so much, or the end of that."""
        self.settle()
        text = self.gone + "".join(self.parts)
        return text[max(0, len(text) - (self._written - written)):]

    def close(self) -> None:
        self.flush()
        if (self.file is not None and getattr(self.file, "file",
                                              self.file) not in (sys.stdout, getattr(sys.stdout, "buffer", None))):
            self.file.close()


class Collector(Output):
    """Output that is kept in memory; ``room`` is asked for the bytes that it has and will have when it is looked at."""

    def __init__(self, width: int = 1 << 30, room: Callable[[int], object] = lambda size: None) -> None:
        super().__init__(None)
        self.width, self.room, self.pieces = width, room, 0

    def flush(self) -> None:
        """Called when some thousand characters have come, which become one piece."""
        self.pieces += 1
        self.parts[self.pieces - 1:] = ["".join(self.parts[self.pieces - 1:])]
        self.pending = 0
        self.room(COPIES * self._written)

    def text(self) -> str:
        self.settle()
        return "".join(self.parts)

    def taken(self) -> str:
        """The text, which begins anew."""
        text = self.text()
        self.parts, self.pending, self._written, self.pieces = [], 0, 0, 0
        return text


class Shown(Collector):
    """As much of what is printed as somebody wants to see: so many characters."""

    def __init__(self, room: int) -> None:
        super().__init__()
        self.most = room

    def write(self, text: str) -> None:
        if self.written + len(text) > self.most:
            super().write(text[:self.most - self.written] + "...")
            raise EOFError
        super().write(text)
