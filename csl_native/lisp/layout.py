"""The lines of the pretty-printer: text waits in a buffer until it is known which of its blanks become ends of lines.

The method is that of the original's ``superprint``: what fits on the rest of its line stays on it.  Else the outermost
open list begins a new line at each of its blanks, unless it has so many of them that it rather fills its lines (a
*thin* list).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

ROOM = 20  # columns that are there at least; a margin that leaves less is not kept to
CLOSERS = 4  # closing brackets in a row before a blank makes them easier to count
CONTINUED = "%+"  # behind the part of an atom that does not fit on a line


@dataclass(eq=False)
class Nesting:
    """A list, or vector, that is open or whose blanks wait in the buffer."""

    indent: int  # where its lines begin
    broken: bool = False  # its blanks end lines
    blanks: int = 0  # that have not left the buffer
    waiting: list[Piece] = field(default_factory=list)  # its blanks since one of them was the last in the buffer
    settled: bool = False  # it has closed: what its blanks are does not change any more


@dataclass(eq=False)
class Piece:
    """What is in the buffer: a character of an atom, a blank between items, or a bracket."""

    text: str
    kind: str = "atom"  # "blank", "open", "close"
    nesting: Nesting | None = None
    indent: int = 0  # of "close": down to which indentation lists are broken behind it


class Layout:
    """Text of nested lists for lines of ``width`` columns, from the column ``margin`` on; lists of ``thin`` blanks and
    more fill their lines.
    """

    def __init__(self, write: Callable[[str], None], width: int, margin: int, column: int, thin: int) -> None:
        self.write = write
        self.width, self.thin = width, thin
        self.margin = margin if margin + ROOM < width else width - ROOM - 1
        if column > self.margin:
            self.write("\n")
            column = 0
        self.indentation = max(self.margin - column, 0)  # blanks that are owed at the begin of the line
        self.column = self.margin  # of the next piece that leaves the buffer
        self.buffer: deque[Piece] = deque()
        self.last: Piece | None = None  # that left the buffer
        self.nestings: list[Nesting] = []
        # to be settled before the next blank: there may be no room for all brackets of a row
        self.closed: list[Nesting] = []
        self.level = 0  # the indentation of the innermost list that is broken
        self.breakable = 0  # blanks in the buffer that may yet end a line
        self.row = 0  # closing brackets in a row

    def finish(self) -> None:
        """Write what is still in the buffer."""
        self.release("rest")

    def end_column(self) -> int:
        """Of what is in the buffer."""
        return self.column + len(self.buffer)

    def put(self, piece: Piece) -> None:
        """Append to the buffer, whose begin leaves it where the line is full."""
        if piece.kind == "blank":
            self.row = 0
        else:
            self.row = self.row + 1 if piece.kind == "close" and piece.text == ")" else 0
            if self.row > CLOSERS:
                self.put(Piece(" "))
                self.row = 2
            while self.end_column() >= self.width:
                self.release("some")
        self.buffer.append(piece)

    def atom(self, text: str) -> None:
        for c in text:
            self.put(Piece(c))

    def begin(self, bracket: str, indent: int) -> None:
        """A list opens, whose lines begin at ``indent``."""
        self.nestings.append(Nesting(indent))
        self.put(Piece(bracket, "open", self.nestings[-1]))

    def shift(self, indent: int) -> None:
        """Go back to ``indent``: the lists are too deep for the line."""
        self.release("broken")
        if self.indentation > indent:
            self.column += indent - self.indentation
            self.indentation = indent

    def blank(self) -> Piece:
        """Between two items of the innermost list; it may become the end of a line."""
        top = self.nestings[-1]
        piece = Piece(" ", "blank", top)
        self.put(piece)
        top.blanks += 1
        top.waiting.append(piece)
        self.breakable += 1
        return piece

    def end(self, bracket: str) -> None:
        """The innermost list closes."""
        top = self.nestings[-1]
        self.put(Piece(bracket, "close", indent=top.indent - 2))
        if bracket == ")" and top.broken and top.waiting:
            self.release(top.waiting[-1])
        else:
            self.closed.append(top)
        self.nestings.pop()

    def settle(self) -> None:
        """The blanks of unbroken lists that have closed are blanks for good."""
        for nesting in self.closed:
            if not nesting.broken:
                for piece in nesting.waiting:
                    piece.kind = "atom"
                    self.breakable -= 1
            nesting.settled = True
        self.closed = []

    def release(self, what: str | Piece) -> None:
        """Let pieces leave the buffer: "some", to the end of a line; up to a blank; all, "broken" where they can be, or
        the "rest" as it stands.
        """
        if what == "some" and not self.breakable and self.indentation > 2:  # no blank: the whole line moves to the left
            self.indentation -= 2
            self.column -= 2
            return
        filling: tuple[Nesting, int] | None = None  # a thin list whose next blanks, so many, end no line
        filled = False
        while self.buffer:
            self.write(" " * self.indentation)
            self.indentation = 0
            piece = self.last = self.buffer.popleft()
            self.column += 1
            if piece.kind == "blank" and filling:
                self.breakable -= 1
                if piece.nesting is filling[0]:
                    filling = (filling[0], filling[1] - 1)
                    if not filling[1]:
                        filling, filled = None, True
            elif piece.kind == "blank":
                at = piece.nesting
                assert at is not None
                if at.waiting and at.waiting[-1] is piece and not at.settled:
                    at.waiting = []
                self.breakable -= 1
                stays = at.indent > self.level and what == "rest"
                if not stays:
                    if at.indent > self.level and not filled:
                        self.level, at.broken = at.indent, True
                    elif at.indent > self.level:
                        filled = False
                    if at.blanks >= self.thin:
                        filling, filled = (at, at.blanks - 2), False
                        at.broken, at.blanks, self.level = False, 1, at.indent - 1
                        stays = True
                if not stays:
                    at.blanks -= 1
                    self.write("\n")
                    self.column = self.indentation = at.indent
                    if piece is what or (what == "some" and not filled):
                        return
                    continue
            elif piece.kind == "open":
                at = piece.nesting
                assert at is not None
                if what != "rest" and not at.waiting and not at.settled and at.indent > self.level:
                    self.level, at.broken = at.indent, True
            elif piece.kind == "close":
                self.level = min(self.level, piece.indent)
            self.write(piece.text)
        if what == "some":
            self.write((CONTINUED if self.last is None or self.last.kind == "atom" else "") + "\n")
            self.column = 0
