"""Lisp values and Python values."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from .kernel.memory import NIL, T
from .lisp.deep import deep
from .lisp.handles import PYTHON
from .machine import BadRequest
from .words import CONS, FLOAT, STRING, SYMBOL

if TYPE_CHECKING:
    from .lisp.lisp import Lisp
    from .machine import Machine
    from .session import Session


class Handle:
    """A Lisp value without a Python form; it stays alive as long as the handle."""

    def __init__(self, session: Session, word: int) -> None:
        self.session, self.word = session, word
        session.held[word] = session.held.get(word, 0) + 1

    def __repr__(self) -> str:
        return f"<Lisp {self.session.lisp.printer.text(self.word)}>"

    def __del__(self) -> None:
        self.session._release(self.word)


class Symbol(str):
    """The name of a Lisp symbol."""

    __slots__ = ()


class Values:
    """Conversion both ways, and values that Python holds; a part of Session."""

    machine: Machine
    lisp: Lisp
    held: dict[int, int]

    def held_words(self) -> list[int]:
        """The values of handles: they are alive."""
        return list(self.held)

    def _release(self, word: int) -> None:
        """Called when a handle dies, at any moment and on any thread: the heap is not touched here."""
        count = self.held.get(word, 0) - 1
        if count > 0:
            self.held[word] = count
        else:
            self.held.pop(word, None)

    def to_python(self, x: int) -> Any:
        """The Python value of a Lisp one, as deep as it may be."""
        return deep(self._to_python(x, set()))

    def from_python(self, value: Any) -> int:
        """The Lisp value of a Python one; one that has none stands for itself, and is kept while Lisp has it."""
        return int(deep(self._from_python(value, set())))

    def _to_python(self, x: int, inside: set[int]) -> Generator[Any, Any, Any]:
        """Integers, floats, strings, symbols and lists (nil is [], t is True; a dotted list is a tuple); a Handle for the rest."""
        m = self.machine
        if x & 7 == 0 or m.is_big(x):
            return m.number(x)
        if x & 7 == FLOAT:
            return m.double(x)
        if x & 7 == STRING:
            return m.text(x)
        if x == NIL:
            return []
        if x == T:
            return True
        if x & 7 == SYMBOL:
            return Symbol(m.text(x))
        if x & 7 == CONS:
            if x in inside:
                raise BadRequest("the list is circular: it is an element of itself")
            inside.add(x)
            result, seen, start = [], 0, x
            while x & 7 == CONS:
                result.append((yield self._to_python(m.car(x), inside)))
                x = m.cdr(x)
                seen += 1
                if seen > m.cage["heap_top"] >> 4:
                    raise BadRequest("the list is circular: it has more elements than the heap")
            inside.discard(start)
            return result if x == NIL else (*result, (yield self._to_python(x, inside)))
        if self.lisp.handles.kind(x) == PYTHON:
            return self.lisp.handles.thing(x, PYTHON)
        return Handle(self, x)  # type: ignore[arg-type]

    def _from_python(self, value: Any, inside: set[int]) -> Generator[Any, Any, int]:
        m = self.machine
        if isinstance(value, Handle):
            return value.word
        if value is None or value is False:
            return NIL
        if value is True:
            return T
        if isinstance(value, int):
            return m.integer(value)
        if isinstance(value, float):
            return m.float(value)
        if isinstance(value, Symbol):
            return m.intern(value)
        if isinstance(value, str):
            return m.string(value)
        if isinstance(value, (list, tuple)):
            if id(value) in inside:
                raise BadRequest("the list is circular: it is an element of itself")
            inside.add(id(value))
            items = []
            for item in value:
                items.append((yield self._from_python(item, inside)))
            inside.discard(id(value))
            tail = items.pop() if isinstance(value, tuple) and items else NIL
            return m.list(items, tail)
        return self.lisp.handles.make(PYTHON, value)
