"""The pretty-printer: forms indented by their structure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...kernel.memory import NIL
from ...words import CONS, SYMBOL, VECTOR
from ..registry import builtin
from .control import error

if TYPE_CHECKING:
    from ..lisp import Lisp

NARROWEST = 20  # columns; less is an error, as in the original
ON_THE_LINE = {"de": 2, "df": 2, "dm": 2, "defun": 2, "defmacro": 2, "prog": 1, "lambda": 1, "let": 1, "let*": 1, "setq": 1}
CLOSERS = 4  # closing brackets in a row before a blank makes them easier to count


@builtin("prettyprint", 1)
def prettyprint(lisp: Lisp, x: int) -> int:
    superprinm(lisp, x, 0)
    lisp.output.write("\n")
    return NIL


@builtin("superprinm", 2, 2, "superprintm")
def superprinm(lisp: Lisp, x: int, column: int) -> int:
    """Print a form from a column on."""
    if lisp.output.width - (column >> 3) < NARROWEST:
        m, width = lisp.machine, lisp.output.width << 3
        error(lisp, 0, m.list([width, m.string("Linelength too short for superprinting")]))
    lisp.output.write(grouped(pretty(lisp, x, column >> 3, 0)))
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
    m = lisp.machine
    if x & 7 == VECTOR:
        return "[" + ", ".join(flat(lisp, item) for item in m.vector_items(x)) + "]"
    if x & 7 != CONS:
        return lisp.printer.text(x)
    parts = []
    while x & 7 == CONS:
        parts.append(flat(lisp, m.car(x)))
        x = m.cdr(x)
    return "(" + " ".join(parts + ([] if x == NIL else [".", flat(lisp, x)])) + ")"


def pretty(lisp: Lisp, x: int, column: int, closers: int) -> str:
    """A form from a column on; ``closers`` brackets follow it on its last line."""
    m = lisp.machine
    line = flat(lisp, x)
    if column + len(line) + closers <= lisp.output.width or x & 7 != CONS:
        return line
    items = []
    while x & 7 == CONS:
        items.append(m.car(x))
        x = m.cdr(x)
    end = ")" if x == NIL else f" . {flat(lisp, x)})"
    last = len(items) - 1

    def rest(k: int) -> int:
        return closers + 1 if k == last else 0
    head = flat(lisp, items[0])
    if items[0] & 7 == CONS:  # clauses: under each other
        parts = [pretty(lisp, item, column + 1, rest(k)) for k, item in enumerate(items)]
        return "(" + ("\n" + " " * (column + 1)).join(parts) + end
    if len(head) < 3 and len(items) == 2 and items[1] & 7 == CONS:  # a short test and its value
        return f"({head} {pretty(lisp, items[1], column + len(head) + 1, closers + 1)}{end}"
    first = 1 + ON_THE_LINE.get(head, 0)
    text = "(" + " ".join(flat(lisp, item) for item in items[:first])
    for k, item in enumerate(items[first:], first):
        indent = column if head == "prog" and item & 7 == SYMBOL else column + 2
        text += "\n" + " " * indent + pretty(lisp, item, indent, rest(k))
    return text + end
