"""Lisp values and Python values."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator
from itertools import chain, repeat

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


TABLES = (dict, set, frozenset)  # of exactly these types; what is derived of them stays itself
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
        return deep(self._list(x, set()), catching=False) if x & 7 == CONS else self._atom(x)

    def from_python(self, value: Any) -> int:
        """The Lisp value of a Python one; one that has none stands for itself, and is kept while Lisp has it."""
        word = self._plain(value)
        return word if word is not None else int(deep(self._parts(value, set()), catching=False))

    def _atom(self, x: int) -> Any:
        """Of anything but a list: integers, floats, strings, symbols (nil is [], t is True); handles for the rest."""
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
        if self.lisp.handles.kind(x) == PYTHON:
            return self.lisp.handles.thing(x, PYTHON)
        return handle_of(self, x)  # type: ignore[arg-type]  # every Values is a Session

    def _list(self, start: int, inside: set[int]) -> Generator[Any, Any, Any]:
        """Of a list, which somebody holds; a dotted one is a tuple."""
        m = self.machine
        if start in inside:
            raise BadRequest("the list is circular: it is an element of itself")
        inside.add(start)
        result: list[Any] = []
        x, most, mark = start, m.cage["heap_top"] >> 4, len(m.met)
        while x & 7 == CONS:
            item, x = m.car(x), m.cdr(x)
            result.append((yield self._list(item, inside)) if item & 7 == CONS else self._atom(item))
            del m.met[mark:]
            if m.attention:
                m.stop_here()
            if len(result) > most:
                raise BadRequest("the list is circular: it has more elements than the heap")
        inside.discard(start)
        return result if x == NIL else (*result, self._atom(x))

    def _plain(self, value: Any) -> int | None:
        """The word of what has no parts; None for what has."""
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
        if isinstance(value, (list, tuple)) or type(value) in TABLES:
            return None
        if type(value).__module__ == "fractions":
            return m.apply(m.intern("ratio"), [m.integer(value.numerator), m.integer(value.denominator)])
        if type(value) in (bytes, bytearray):
            return numbers_of(self, bytes(value), 1)  # type: ignore[arg-type]  # every Values is a Session
        return self.lisp.handles.make(PYTHON, value)

    def _parts(self, value: Any, inside: set[int]) -> Generator[Any, Any, int]:
        """The word of a list or tuple; a dictionary or a set becomes a hash table."""
        m, is_list = self.machine, isinstance(value, (list, tuple))
        if id(value) in inside:
            raise BadRequest(f"the {'list' if is_list else 'dictionary'} is circular: it is "
                             f"{'an element' if is_list else 'a value'} of itself")
        inside.add(id(value))
        words = list[int]()
        for item in chain.from_iterable(list(value.items())) if isinstance(value, dict) else list(value):
            if m.attention:
                m.stop_here()
            word = self._plain(item)
            words.append((yield self._parts(item, inside)) if word is None else word)
        inside.discard(id(value))
        if is_list:
            return m.list(words, words.pop() if isinstance(value, tuple) and words else NIL)
        table = table_of(self, len(value))  # type: ignore[arg-type]
        pairs = zip(words[::2], words[1::2], strict=True) if isinstance(value, dict) else zip(words, repeat(T))
        for key, word in m.steps(pairs):
            m.kernel.puthash(key, table, word)
        return table
