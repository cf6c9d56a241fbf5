"""Printing of what is shared or circular: ``#n=`` where it is first met, ``#n#`` afterwards."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import TYPE_CHECKING, Any

from ..heap.objects import F_GENSYM
from ..heap.words import CONS, SYMBOL, VECTOR
from ..kernel.memory import NIL
from ..lisp.deep import deep
from ..lisp.registry import Value, builtin

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp


@builtin("prinl", 1)
def prinl(lisp: Lisp, x: Value) -> int:
    """Print a value as `prin1` does, but what is shared or circular once: `#n=` where it is first met, `#n#`
    afterwards; the value.
    (prog (x) (setq x (list 1 2)) (prinl (list x x))) prints (#1=(1 2) #1#)
    """
    return printed(lisp, x, True, "")


@builtin("printl", 1)
def printl(lisp: Lisp, x: Value) -> int:
    """Print a value as `prinl` does, and a new line; the value.  (printl '(a "b")) prints (a "b")"""
    return printed(lisp, x, True, "\n")


@builtin("princl", 1)
def princl(lisp: Lisp, x: Value) -> int:
    """Print a value as `prin2` does, but what is shared or circular once; the value.  (princl '(a "b")) prints (a b)"""
    return printed(lisp, x, False, "")


@builtin("printcl", 1)
def printcl(lisp: Lisp, x: Value) -> int:
    """Print a value as `princl` does, and a new line; the value.  (printcl '(a "b")) prints (a b)"""
    return printed(lisp, x, False, "\n")


def printed(lisp: Lisp, x: int, escape: bool, end: str) -> int:
    deep(Sharing(lisp, x, escape).value(x, 0), catching=False)
    lisp.output.write(end)
    return x


class Sharing:
    """What is in a value more than once, and its printing; the limits are *print-array*, *print-length* and
    *print-level*.
    """

    def __init__(self, lisp: Lisp, x: int, escape: bool) -> None:
        self.lisp, self.m, self.escape = lisp, lisp.machine, escape
        self.arrays = self.m.value(self.m.intern("*print-array*")) not in (None, NIL)
        self.longest, self.deepest = self.limit("*print-length*"), self.limit("*print-level*")
        # 0 for what was met once, else the number of its label; negative when that is printed
        self.met: dict[int, int] = {}
        self.find(x)

    def limit(self, name: str) -> float:
        value = self.m.value(self.m.intern(name))
        return float("inf") if value is None or value & 7 else value >> 3

    def named(self, x: int) -> bool:
        """Whether a value gets a label when it is met again."""
        return x & 7 in (CONS, VECTOR) or x & 7 == SYMBOL and bool(self.m.flags(x) & F_GENSYM)

    def find(self, x: int) -> None:
        """Number what is met more than once, in the order in which that shows."""
        m, labels = self.m, 0
        work: list[tuple[int, int, int]] = [(x, 0, 0)]
        while work:
            x, depth, length = work.pop()
            m.look()
            if depth > self.deepest or length > self.longest or not self.named(x):
                continue
            if x in self.met:
                if not self.met[x]:
                    labels += 1
                    self.met[x] = labels
                continue
            self.met[x] = 0
            if x & 7 == CONS:
                work += [(m.cdr(x), depth, length + 1), (m.car(x), depth + 1, 0)]
            elif x & 7 == VECTOR and self.arrays:
                work += [(item, depth + 1, 0) for item in m.steps(reversed(list(self.elements(x))))]

    def elements(self, x: int) -> Iterator[int]:
        for k, item in enumerate(self.m.steps(self.m.vector_items(x))):
            if k > self.longest:
                return
            yield item

    def put(self, text: str) -> None:
        """One after the other with line breaks between them; no blank is dropped."""
        self.lisp.printer.put(text, False, self.lisp.output)

    def value(self, x: int, depth: int) -> Generator[Any, Any, None]:
        m = self.m
        m.look()
        if depth > self.deepest:
            self.put("#")
        elif not self.named(x):
            self.put(self.lisp.printer.text(x, self.escape))
        elif self.met[x] < 0:
            self.put("#")
            self.put(f"{-self.met[x]}")
            self.put("#")
        else:
            if self.met[x]:
                self.put("#")
                self.put(f"{self.met[x]}")
                self.put("=")
                self.met[x] = -self.met[x]
            if x & 7 == VECTOR:
                yield self.vector(x, depth)
            elif x & 7 != CONS:
                self.put(self.lisp.printer.text(x, self.escape))
            else:
                yield self.list(x, depth)

    def vector(self, x: int, depth: int) -> Generator[Any, Any, None]:
        self.put("%(")
        if self.arrays:
            for k, item in enumerate(self.m.steps(self.elements(x))):
                if k:
                    self.put(" ")
                yield self.value(item, depth + 1)
        else:
            self.put("...")
        self.put(")")

    def list(self, x: int, depth: int) -> Generator[Any, Any, None]:
        m = self.m
        self.put("(")
        length = 0
        while True:
            m.look()
            yield self.value(m.car(x), depth + 1)
            x = m.cdr(x)
            length += 1
            if x == NIL:
                break
            if x & 7 == CONS and length > self.longest:
                self.put(" ...")
                break
            if x & 7 != CONS or self.met[x]:
                self.put(" . ")
                yield self.value(x, depth + (x & 7 == CONS))
                break
            self.put(" ")
        self.put(")")
