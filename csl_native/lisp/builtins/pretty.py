"""The pretty-printer: forms indented by their structure."""

from __future__ import annotations

import sys
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from ...kernel.memory import NIL
from ...words import CONS, SYMBOL, VECTOR
from ..deep import deep
from ..registry import Fixnum, Value, builtin
from .control import error

if TYPE_CHECKING:
    from ..lisp import Lisp

NARROWEST = 20  # columns; less is an error, as in the original
ON_THE_LINE = {"de": 2, "df": 2, "dm": 2, "defun": 2, "defmacro": 2, "prog": 1, "lambda": 1, "let": 1, "let*": 1, "setq": 1}
FARTHEST = 200  # columns behind the end of the line; what begins there is printed on one line
CLOSERS = 4  # closing brackets in a row before a blank makes them easier to count


@builtin("prettyprint", 1)
def prettyprint(lisp: Lisp, x: Value) -> int:
    superprinm(lisp, x, 0)
    lisp.output.write("\n")
    return NIL


@builtin("superprinm", 2, 2, "superprintm")
def superprinm(lisp: Lisp, x: Value, column: Fixnum) -> int:
    """Print a form from a column on."""
    if lisp.output.width - (column >> 3) < NARROWEST:
        m, width = lisp.machine, lisp.output.width << 3
        error(lisp, 0, m.list([width, m.string("Linelength too short for superprinting")]))
    lisp.output.write(grouped(deep(pretty(lisp, x, column >> 3, 0))))
    return x


def grouped(text: str) -> str:
    """With a blank after every few closing brackets in a row; those in strings and behind a ! are text."""
    out: list[str] = []
    row, quoted, escaped = 0, False, False
    for c in text:
        if c == ")" and not quoted and not escaped:
            if row >= CLOSERS:
                out.append(" ")
                row = 1
            row += 1
        else:
            row = 0
        quoted ^= c == '"' and not escaped
        escaped = c == "!" and not escaped and not quoted
        out.append(c)
    return "".join(out)


def flat(lisp: Lisp, x: int) -> str:
    """A value on one line; the elements of vectors have commas between them."""
    return within(lisp, x, sys.maxsize)


def within(lisp: Lisp, x: int, room: int) -> str:
    """A value on one line, or, when that takes more columns than there is room for, a beginning of it that does, too."""
    m = lisp.machine
    out: list[str] = []
    work: list[int | str] = [x]
    while work and room >= 0:
        piece = work.pop()
        m.look()
        if isinstance(piece, int) and piece & 7 not in (CONS, VECTOR):
            piece = lisp.printer.text(piece)
        if isinstance(piece, str):
            out.append(piece)
            room -= len(piece)
        elif piece & 7 == VECTOR:
            out.append("[")
            work.append("]")
            for k, item in reversed(list(enumerate(m.vector_items(piece)))):
                work += [item, ", "] if k else [item]
        else:
            out.append("(")
            row: list[int | str] = [m.car(piece)]
            piece = m.cdr(piece)
            while piece & 7 == CONS and len(row) <= room:
                row += [" ", m.car(piece)]
                piece = m.cdr(piece)
            row += [")"] if piece & 7 != CONS and piece == NIL else [" . ", piece, ")"] if piece & 7 != CONS else [" " * room, " "]
            work += reversed(row)
    return "".join(out)


def pretty(lisp: Lisp, x: int, column: int, closers: int) -> Generator[Any, Any, str]:
    """A form from a column on; ``closers`` brackets follow it on its last line."""
    m = lisp.machine
    room = lisp.output.width - column - closers
    if x & 7 != CONS or column > lisp.output.width + FARTHEST:
        return flat(lisp, x)
    if len(line := within(lisp, x, room)) <= room:
        return line
    items = list(m.items(x))
    while x & 7 == CONS:
        x = m.cdr(x)
    end = ")" if x == NIL else f" . {flat(lisp, x)})"
    last = len(items) - 1

    def rest(k: int) -> int:
        return closers + 1 if k == last else 0
    if items[0] & 7 == CONS:  # clauses: under each other
        parts = []
        for k, item in enumerate(items):
            parts.append((yield pretty(lisp, item, column + 1, rest(k))))
        return "(" + ("\n" + " " * (column + 1)).join(parts) + end
    head = flat(lisp, items[0])
    if len(head) < 3 and len(items) == 2 and items[1] & 7 == CONS:  # a short test and its value
        return f"({head} {(yield pretty(lisp, items[1], column + len(head) + 1, closers + 1))}{end}"
    first = 1 + ON_THE_LINE.get(head, 0)
    parts = ["(" + " ".join(flat(lisp, item) for item in items[:first])]
    for k, item in enumerate(items[first:], first):
        indent = column if head == "prog" and item & 7 == SYMBOL else column + 2
        parts.append("\n" + " " * indent + (yield pretty(lisp, item, indent, rest(k))))
    return "".join(parts) + end
