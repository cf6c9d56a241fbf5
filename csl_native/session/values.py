"""Lisp values and Python values."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator

from ..heap.words import CONS, FLOAT, STRING, SYMBOL
from ..kernel.memory import NIL, T
from ..lisp.deep import deep
from ..lisp.handles import PYTHON
from ..lisp.streams import Shown
from ..runtime.machine import BadRequest
from ..system.exceptions import SessionError
from ..system.threads import this_thread
from .containers import Handle, handle_of, numbers_of, table_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..lisp.lisp import Lisp
    from ..runtime.machine import Machine


CONTAINERS = (dict, set, frozenset, bytes, bytearray)  # of exactly these types; what is derived of them stays itself
SHOWN = 10000  # characters of a handle's value: it may be circular


class Symbol(str):
    """The name of a Lisp symbol."""

    __slots__ = ()


class Values:
    """Conversion both ways, and values that Python holds; a part of Session."""

    machine: Machine
    lisp: Lisp
    held: dict[int, int]  # how many handles there are of a word
    released: deque[int]  # words whose handles died
    closed: bool
    owner: int
    lock: Any
    run: Callable[[Callable[[], Any]], Any]

    def held_words(self) -> list[int]:
        """The values of handles: they are alive."""
        self.forget_released()
        return list(self.held)

    def forget_released(self) -> None:
        """Handles have died; called by the thread that runs Lisp."""
        held, released = self.held, self.released
        while released:
            word = released.popleft()
            count = held[word] - 1
            if count:
                held[word] = count
            else:
                del held[word]

    def show(self, handle: Handle) -> str:
        """How a handle is shown, whatever has become of its session."""
        if self.closed:
            return "<a Lisp value of a session that is closed>"
        if self.owner != this_thread() and not self.lock.acquire(blocking=False):
            return "<a Lisp value of a session that another thread runs>"
        try:
            return f"<Lisp {self.run(lambda: self.lisp.printer.beginning(handle.word, Shown(SHOWN)))}>"
        except Exception as error:
            return f"<a Lisp value that cannot be shown: {type(error).__name__}: {error}>"
        finally:
            if self.owner != this_thread():
                self.lock.release()

    def to_python(self, x: int) -> Any:
        """The Python value of a Lisp one, as deep as it may be."""
        return deep(self._to_python(x, set()))

    def from_python(self, value: Any) -> int:
        """The Lisp value of a Python one; one that has none stands for itself, and is kept while Lisp has it."""
        return int(deep(self._from_python(value, set())))

    def _to_python(self, x: int, inside: set[int]) -> Generator[Any, Any, Any]:
        """Integers, floats, strings, symbols and lists (nil is [], t is True; a dotted list is a tuple); handles for
        the rest.
        """
        m = self.machine
        if x & 7 == 0 or m.is_big(x):
            return m.number(x)
        if x & 7 == FLOAT:
            return m.double(x)
        if m.is_ratio(x):
            from fractions import Fraction
            return Fraction(*map(m.number, m.parts(x)))
        if m.is_complex(x):
            return self.lisp.to_complex(x)
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
        return handle_of(self, x)  # type: ignore[arg-type]  # every Values is a Session

    def _from_python(self, value: Any, inside: set[int]) -> Generator[Any, Any, int]:
        m = self.machine
        if isinstance(value, Handle):
            if value.session is not self:
                raise SessionError(f"{value!r} belongs to another session; what Python knows of it can go there as a "
                                   "Python value")
            return value.word
        if value is None or value is False:
            return NIL
        if value is True:
            return T
        if isinstance(value, int):
            return m.integer(value)
        if isinstance(value, float):
            return m.float(value)
        if isinstance(value, complex):
            return self.lisp.from_complex(value)
        if isinstance(value, Symbol):
            return m.symbol(value)
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
        if type(value).__module__ == "fractions":
            return m.apply(m.intern("ratio"), [m.integer(value.numerator), m.integer(value.denominator)])
        if type(value) in CONTAINERS:
            return int((yield self._container(value, inside)))
        return self.lisp.handles.make(PYTHON, value)

    def _container(self, value: Any, inside: set[int]) -> Generator[Any, Any, int]:
        """A dictionary or a set as a hash table, bytes as a vector of numbers."""
        session: Any = self
        if isinstance(value, (bytes, bytearray)):
            return numbers_of(session, bytes(value), 1)
        if id(value) in inside:
            raise BadRequest("the dictionary is circular: it is a value of itself")
        inside.add(id(value))
        table = table_of(session, len(value))
        for key in list(value):
            word = yield self._from_python(key, inside)
            self.machine.kernel.puthash(word, table,
                                        (yield self._from_python(value[key], inside)) if isinstance(value, dict) else T)
        inside.discard(id(value))
        return table
