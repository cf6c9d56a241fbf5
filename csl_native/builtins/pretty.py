"""The pretty-printer: forms indented by their structure."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from ..heap.words import CONS, SYMBOL, VECTOR
from ..kernel.memory import NIL
from ..lisp.deep import deep
from ..lisp.layout import Layout
from ..lisp.registry import Fixnum, Value, builtin
from .control import error

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp

NARROWEST = 25  # columns; less is an error, as in the original
FORMAT = "s:ppformat"  # property of a function's name: how many arguments stand on its line
ON_THE_LINE = {"de": 2, "df": 2, "dm": 2, "defun": 2, "defmacro": 2, "foreach": 4,
               **dict.fromkeys(("lambda", "lambdaq", "setq", "set", "while", "t"), 1)}
DEEP = 8  # a list that begins behind three quarters of the line goes back to this part of its indentation


@builtin("prettyprint", 1)
def prettyprint(lisp: Lisp, x: Value) -> int:
    """Print a form indented by its structure; nil.  (prettyprint '(a b)) prints (a b)"""
    superprinm(lisp, x, lisp.output.column << 3)
    lisp.output.write("\n")
    return NIL


@builtin("tprettyprint", 1)
def tprettyprint(lisp: Lisp, x: Value) -> int:
    """Print a form as `prettyprint` does, on a new line but behind a short text.  (tprettyprint '(a b)) prints (a b)"""
    if lisp.output.column > 6:
        lisp.output.write("\n")
    return prettyprint(lisp, x)


@builtin("superprintm", 2)
def superprintm(lisp: Lisp, x: Value, column: Fixnum) -> int:
    """Print a form indented by its structure from a column on, and a new line; the form.
    (superprintm '(a b) 0) prints (a b)
    """
    superprinm(lisp, x, column)
    lisp.output.write("\n")
    return x


@builtin("superprinm", 2)
def superprinm(lisp: Lisp, x: Value, column: Fixnum) -> int:
    """Print a form indented by its structure from a column on; the form.  (superprinm '(a b) 0) prints (a b)"""
    m, out = lisp.machine, lisp.output
    if out.width < NARROWEST:
        error(lisp, 0, m.list([out.width << 3, m.string("Linelength too short for superprinting")]))
    thin = m.value(m.intern("thin*"))
    layout = Layout(out.write, out.width, max(column >> 3, 0), out.column,
                    thin >> 3 if thin is not None and not thin & 7 else 5)
    deep(Pretty(lisp, layout).form(x, layout.margin + 2), catching=False)
    layout.finish()
    return x


class Pretty:
    """Puts forms into a layout."""

    def __init__(self, lisp: Lisp, layout: Layout) -> None:
        self.lisp, self.layout, m = lisp, layout, lisp.machine
        self.quotes = m.value(m.intern("*quotes")) not in (None, NIL)
        self.escape = m.value(m.intern("*pretty-symmetric")) not in (None, NIL)
        self.quote, self.prog, self.format = m.intern("quote"), m.intern("prog"), m.intern(FORMAT)

    def form(self, x: int, indent: int) -> Generator[Any, Any, None]:
        """A form whose further lines begin at ``indent``."""
        m, layout = self.lisp.machine, self.layout
        m.look()
        if x & 7 == VECTOR:
            yield self.vector(x, indent)
        elif x & 7 != CONS:
            layout.atom(self.lisp.printer.exploded(x, self.escape))
        elif self.quotes and m.car(x) == self.quote and m.cdr(x) & 7 == CONS and m.cdr(m.cdr(x)) == NIL:
            layout.atom("'")
            yield self.form(m.car(m.cdr(x)), indent + 1)
        else:
            yield self.list(x, indent)

    def on_the_line(self, x: int) -> int:
        """How many arguments of a form follow its head on the same line."""
        m = self.lisp.machine
        head, rest = m.car(x), m.cdr(x)
        if head & 7 != SYMBOL or rest & 7 != CONS:
            return 0
        given = m.kernel.get(head, self.format)
        count = given >> 3 if given and not given & 7 else ON_THE_LINE.get(m.text(head), 0)
        return 0 if count == 2 and m.cdr(rest) & 7 != CONS else count

    def list(self, x: int, indent: int) -> Generator[Any, Any, None]:
        m, layout = self.lisp.machine, self.layout
        if 4 * indent > 3 * layout.width:
            indent //= DEEP
            layout.shift(indent)
        layout.begin("(", indent)
        yield self.form(m.car(x), indent + 1)
        count = self.on_the_line(x)
        labels = m.car(x) == self.prog and m.cdr(x) & 7 == CONS
        x = m.cdr(x)
        if labels:
            layout.atom(" ")
            yield self.form(m.car(x), indent + 2)
            x = m.cdr(x)
        while x & 7 == CONS:
            m.look()
            layout.settle()
            if labels:
                layout.release(layout.blank())
                if m.car(x) & 7 != CONS:
                    yield self.label(m.car(x), indent)
                    x = m.cdr(x)
                    if x & 7 == CONS and m.car(x) & 7 != CONS:
                        continue
                    if layout.end_column() > indent:
                        layout.blank()
                    else:
                        layout.atom(" " * (indent - layout.end_column()))
                    if x & 7 != CONS:
                        break
            elif count:
                count -= 1
                layout.atom(" ")
            else:
                layout.blank()
            yield self.form(m.car(x), indent + 2)
            x = m.cdr(x)
        if x != NIL:
            layout.settle()
            layout.blank()
            layout.atom(". ")
            yield self.form(x, indent + 5)
        layout.end(")")

    def label(self, x: int, indent: int) -> Generator[Any, Any, None]:
        """A label of a prog, to the left of its statements."""
        self.layout.column = self.layout.indentation = max(self.layout.column - 6, 0)
        yield self.form(x, indent - 2)

    def vector(self, x: int, indent: int) -> Generator[Any, Any, None]:
        layout = self.layout
        layout.begin("[", indent)
        for k, item in enumerate(self.lisp.machine.steps(self.lisp.machine.vector_items(x))):
            if k:
                layout.atom(",")
                layout.blank()
            yield self.form(item, indent + 2)
        layout.end("]")
