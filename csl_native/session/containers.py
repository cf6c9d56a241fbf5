"""Vectors and hash tables of Lisp in Python: handles with a length, elements, iteration; numbers of machines as memory.
"""

from __future__ import annotations

import ctypes
import struct
import sys
from collections.abc import Callable, Iterator, MutableMapping
from functools import lru_cache

from ..heap.objects import BYTES_HEADER, T_BYTES, T_HASH
from ..heap.words import OTHER, VECTOR
from ..kernel.memory import NIL, UNSET
from ..lisp.handles import WEAK_TABLE
from ..system.exceptions import SessionError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .session import Session

    AnyMapping = MutableMapping[Any, Any]
    NamedMapping = MutableMapping[str, Any]
else:
    AnyMapping = NamedMapping = MutableMapping

# The elements of a vector of numbers, by the kind in its head: the width in bytes, 16 more for floats.
FORMATS = {1: "b", 2: "h", 4: "i", 8: "q", 20: "f", 24: "d"}
CONTENTS = 16 - OTHER  # where the numbers begin
EQUAL = 3  # how tables that are made of dictionaries compare keys


def expect(what: str, kind: str, types: type | tuple[type, ...], value: Any) -> None:
    """TypeError for an argument of another type."""
    if not isinstance(value, types):
        raise TypeError(f"{what}: {kind} expected, not {type(value).__name__}")


class Handle:
    """A Lisp value without a Python form; it stays alive as long as the handle, which is of use in its session only."""

    __slots__ = ("__weakref__", "session", "word")

    def __init__(self, session: Session, word: int) -> None:
        session.forget_released()
        session.held[word] = session.held.get(word, 0) + 1
        self.session, self.word = session, word

    def __repr__(self) -> str:
        return self.session.show(self)

    def __copy__(self) -> Handle:
        return self

    def __deepcopy__(self, memo: object) -> Handle:
        return self

    def __reduce__(self) -> Any:
        raise TypeError("a handle of a Lisp value is of use in its session only: it cannot be pickled")

    def __del__(self) -> None:
        session = getattr(self, "session", None)
        if session is not None:
            session.released.append(self.word)  # at any moment, on any thread: nothing else is touched here


class Vector(Handle):
    """A Lisp vector: ``len``, elements by index (from 0, or from the end) and slice, iteration, assignment of elements.
    """

    __slots__ = ()

    def __len__(self) -> int:
        return int(self.session.run(lambda: self.session.machine.vector_length(self.word)))

    def __getitem__(self, index: int | slice) -> Any:
        s = self.session

        def body() -> Any:
            m = s.machine
            length = m.vector_length(self.word)
            if isinstance(index, slice):
                return [s.to_python(word) for word in m.steps(m.vector_items(self.word)[index])]
            return s.to_python(m.field(self.word, 8 - VECTOR + 8 * place(index, length)))
        return s.run(body)

    def __setitem__(self, index: int, value: Any) -> None:
        s = self.session

        def body() -> None:
            k = place(index, s.machine.vector_length(self.word))
            s.machine.set_field(self.word, 8 * k + 8 - VECTOR, s.from_python(value))
        s.run(body)

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self[:]))

    def __reversed__(self) -> Iterator[Any]:
        return iter(self[::-1])

    def __contains__(self, value: object) -> bool:
        return value in self[:]


class Table(Handle, AnyMapping):
    """A Lisp hash table as a mapping; ``dict(table)`` is a copy.  Keys are compared as the table does that."""

    __slots__ = ()

    def _entries(self, function: Callable[[int], Any]) -> list[Any]:
        """What a function makes of each entry, a pair of key and value."""
        s = self.session
        return s.run(lambda: [function(pair)  # type: ignore[no-any-return]
                              for pair in s.machine.items(s.machine.kernel.hashcontents(self.word))])

    def __len__(self) -> int:
        return len(self._entries(lambda pair: None))

    def __iter__(self) -> Iterator[Any]:
        s = self.session
        return iter(self._entries(lambda pair: s.to_python(s.machine.car(pair))))

    def items(self) -> Any:
        s = self.session
        return self._entries(lambda pair: (s.to_python(s.machine.car(pair)), s.to_python(s.machine.cdr(pair))))

    def values(self) -> Any:
        s = self.session
        return self._entries(lambda pair: s.to_python(s.machine.cdr(pair)))

    def __contains__(self, key: object) -> bool:
        return self._found(key, lambda word: True) is not None

    def __getitem__(self, key: Any) -> Any:
        found = self._found(key, lambda word: [self.session.to_python(word)])
        if found is None:
            raise KeyError(key)
        return found[0]

    def _found(self, key: Any, function: Callable[[int], Any]) -> Any:
        """What a function makes of the value of a key; None where the key is absent."""
        s = self.session

        def body() -> Any:
            absent = s.machine.cons(NIL, NIL)
            word = s.machine.kernel.gethash3(s.from_python(key), self.word, absent)
            return function(word) if word != absent else None
        return s.run(body)

    def __setitem__(self, key: Any, value: Any) -> None:
        s = self.session
        s.run(lambda: s.machine.kernel.puthash(s.from_python(key), self.word, s.from_python(value)))

    def __delitem__(self, key: Any) -> None:
        s = self.session
        if s.run(lambda: s.machine.kernel.remhash(s.from_python(key), self.word)) == NIL:
            raise KeyError(key)

    def clear(self) -> None:
        self.session.run(lambda: self.session.machine.kernel.clrhash(self.word))

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)


class Numbers(Handle):
    """A Lisp vector of machine numbers (``mkvect8`` ... ``mkfvect64``): ``len``, elements, iteration, and its memory.

    ``memory()`` is that itself, nothing is copied.  While it, or what was made of it (``numpy.frombuffer``,
    ``numpy.asarray`` of the vector), is there, the session is there, and is not closed.
    """

    __slots__ = ()

    def memory(self) -> memoryview:
        """The numbers as a memoryview, to be read and written."""
        s = self.session

        def body() -> memoryview:
            m = s.machine
            size, kind = (m.header(self.word) >> 8) - 8, m.field(self.word, 8 - OTHER) >> 3
            width = kind & 15
            if width > 1 and sys.byteorder != "little":
                raise SessionError("the numbers of this vector are in another order of bytes than this machine's; read "
                                   "its elements in Lisp")
            memory = pinned(size).from_address(m.cage.base + self.word + CONTENTS)
            memory.handle, memory.pins = self, s.owned.pins
            s.owned.pins.append(None)
            return memoryview(memory).cast("B").cast(FORMATS[kind])  # type: ignore[call-overload,no-any-return]
        return s.run(body)  # type: ignore[no-any-return]

    def __buffer__(self, flags: int) -> memoryview:
        return self.memory()

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """What numpy asks for; the array that it makes has the memory."""
        memory = self.memory()
        kind = "f" if memory.format in "fd" else "i"
        return {"version": 3, "shape": (len(memory),),
                "typestr": f"{'<' if memory.itemsize > 1 else '|'}{kind}{memory.itemsize}", "data": memory}

    def __len__(self) -> int:
        return len(self.memory())

    def __getitem__(self, index: int | slice) -> Any:
        found: Any = self.memory()[index]
        return list(found) if isinstance(index, slice) else found

    def __setitem__(self, index: int, value: float) -> None:
        self.memory()[index] = value  # type: ignore[call-overload]

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self.memory()))

    def __bytes__(self) -> bytes:
        return self.memory().tobytes()


@lru_cache(64)
def pinned(size: int) -> Any:
    """The type of so many bytes in a session; while there are some its memory stays."""
    def __del__(self: Any) -> None:
        if hasattr(self, "pins"):
            self.pins.pop()
    return type("Memory", (ctypes.c_char * size,), {"__del__": __del__})


class Variables(NamedMapping):
    """The variables of a session by their names; those that have a value."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def __getitem__(self, name: str) -> Any:
        expect("variables", "a name", str, name)
        s = self.session

        def body() -> Any:
            value = self._value(name)
            return None if value is None else [s.to_python(value)]
        found = s.run(body)
        if found is None:
            raise KeyError(name)
        return found[0]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self.session.run(lambda: self._value(name)) is not None

    def _value(self, name: str) -> int | None:
        """The word that a variable has, in the session."""
        symbol = self.session.machine.known_symbol(name)
        return self.session.machine.value(symbol) if symbol is not None else None

    def __setitem__(self, name: str, value: Any) -> None:
        self._set(name, lambda: self.session.from_python(value))

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        self._set(name, lambda: UNSET)

    def _set(self, name: str, word: Callable[[], int]) -> None:
        expect("variables", "a name", str, name)
        m = self.session.machine

        def body() -> None:
            symbol = m.intern(name)
            if not m.is_variable(symbol):
                raise ValueError(f"{name} is a constant; the name of a variable was expected")
            m.set_value(symbol, word())
        self.session.run(body)

    def _names(self) -> list[str]:
        m = self.session.machine
        return list(self.session.run(lambda: [m.text(s) for s in m.steps(m.interned())
                                              if m.is_variable(s) and m.value(s) is not None]))

    def __iter__(self) -> Iterator[str]:
        return iter(self._names())

    def __len__(self) -> int:
        return len(self._names())


def place(index: int, length: int) -> int:
    """An index from 0; IndexError when it is none."""
    if not -length <= index < length:
        raise IndexError(f"index {index}; the vector has {length} elements")
    return index % length


def handle_of(session: Session, x: int) -> Handle:
    """The handle of a Lisp value, by what it is."""
    m = session.machine
    if x & 7 == VECTOR:
        return Vector(session, x)
    kind = m.header(x) >> 3 & 31 if x & 7 == OTHER else 0
    if kind == T_HASH or session.lisp.handles.kind(x) == WEAK_TABLE:
        return Table(session, x)
    return Numbers(session, x) if kind == T_BYTES and m.field(x, 8 - OTHER) >> 3 in FORMATS else Handle(session, x)


def numbers_of(session: Session, data: bytes, kind: int) -> int:
    """A new vector of machine numbers with these bytes; in the session."""
    m = session.machine
    m.need(len(data))
    return int(m.object(BYTES_HEADER, struct.pack("<q", kind << 3) + data))


def buffer_or_list(items: Any) -> memoryview | list[Any]:
    """The memory of a buffer, else the items, which a program may make one after the other by calls of Lisp."""
    try:
        return memoryview(items)
    except TypeError:
        return list(items)


def vector_of(session: Session, memory: memoryview | list[Any]) -> int:
    """A new vector: of machine numbers from a buffer, else of Lisp values; in the session."""
    if isinstance(memory, list):
        return int(session.machine.vector([session.from_python(item) for item in session.machine.steps(memory)]))
    kind = next((kind for kind, code in FORMATS.items() if memory.ndim == 1 and memory.itemsize == kind & 15 and (
        code in "fd") == (memory.format in ("f", "d")) and memory.format in (code, code.upper(), "l", "L", "c")), None)
    if kind is None:
        raise TypeError("vector: a buffer of one dimension with numbers of 8 to 64 bits expected, not of format "
                        f"{memory.format!r} and "
                        f"{memory.ndim} dimensions")
    return numbers_of(session, memory.tobytes(), kind)


def table_of(session: Session, size: int) -> int:
    """A new hash table that compares with ``equal``; in the session."""
    slots = 16
    while slots < 2 * size:
        slots *= 2
    return int(session.machine.kernel.make_hash(EQUAL << 3, slots))
