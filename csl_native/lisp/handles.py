"""Handles: Lisp values that stand for things of the host, and tables that do not keep their keys alive.

Objects do not move while the program runs, so a handle is known by its address.  After each collection the handles that
were not marked are dead: streams are closed, other things are let go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ..heap.objects import T_HANDLE
from ..heap.words import OTHER, SYMBOL
from .streams import Input, Output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..runtime.machine import Machine

STREAM, LIBRARY, CHARACTER, FOREIGN, WEAK_TABLE, PYTHON = range(8, 56, 8)  # kinds, as fixnums
KIND, VALUE = 8 - OTHER, 16 - OTHER  # fields


class Handles:
    """The handles of one Lisp; ``in_use`` says of a thing that it must live on without one."""

    def __init__(self, machine: Machine, in_use: Callable[[Any], bool]) -> None:
        self.machine, self.in_use = machine, in_use
        self.things: dict[int, Any] = {}  # by address of the handle
        self.words: dict[int, int] = {}  # by id of a thing: its handle

    def kind(self, x: int) -> int:
        """The kind of a handle; 0 for any other value."""
        m = self.machine
        return m.field(x, KIND) if x & 7 == OTHER and m.header(x) >> 3 & 31 == T_HANDLE else 0

    def make(self, kind: int, thing: Any) -> int:
        """The handle of a thing: the same one while it lives."""
        found = self.words.get(id(thing))
        if found is None:
            found = self.words[id(thing)] = int(self.machine.kernel.make_handle(kind, 0))
            self.things[found] = thing
        return found

    def thing(self, x: int, kind: int) -> Any:
        """What a handle stands for; None for another kind, what was let go, and handles of another session."""
        return self.things.get(x) if self.kind(x) == kind else None

    def forget(self, x: int) -> None:
        thing = self.things.pop(x, None)
        self.words.pop(id(thing), None)

    def all(self, kind: int) -> list[Any]:
        return [thing for x, thing in self.things.items() if self.kind(x) == kind]

    def is_dead(self, x: int) -> bool:
        """Was an object not found by the last collection?"""
        m, p = self.machine, x & -16
        return m.words[m.cage["marks"] + (p >> 10 << 3) >> 3] >> (p >> 4 & 63) & 1 == 0

    def collected(self) -> None:
        """Right after a collection: let go what only dead handles stood for, drop entries with dead keys."""
        for x, thing in list(self.things.items()):
            if self.is_dead(x):
                if self.in_use(thing):
                    self.words.pop(id(thing), None)
                    self.things.pop(x)
                else:
                    self.forget(x)
                    if isinstance(thing, Input | Output):
                        thing.close()
            elif isinstance(thing, WeakTable):
                thing.drop_dead(self)


class WeakTable:
    """An eq table whose keys may die; its entries are in a table of the kernel, with the keys as numbers that keep
    nothing alive.
    """

    def __init__(self, machine: Machine) -> None:
        self.machine, self.table = machine, 0
        self.names: set[int] = set()  # keys that are symbols on the object list: reading finds them, so they do not die
        machine.hold(self)

    def held_words(self) -> Iterable[int]:
        return self.names

    def drop_dead(self, handles: Handles) -> None:
        m = self.machine
        for pair in list(m.items(m.kernel.contents_of_weak(self.table))):
            key = m.number(m.car(pair))
            if key & 7 and handles.is_dead(key):
                m.kernel.remhash(m.car(pair), self.table)

    def get(self, key: int, absent: int) -> int:
        return int(self.machine.kernel.gethash3(self.machine.integer(key), self.table, absent))

    def put(self, key: int, value: int) -> int:
        if key & 7 == SYMBOL and self.machine.is_interned(key):
            self.names.add(key)
        return int(self.machine.kernel.puthash(self.machine.integer(key), self.table, value))

    def remove(self, key: int) -> int:
        self.names.discard(key)
        return int(self.machine.kernel.remhash(self.machine.integer(key), self.table))

    def clear(self) -> None:
        self.names.clear()
        self.machine.kernel.clrhash(self.table)

    def contents(self) -> int:
        m = self.machine
        return m.list([m.cons(m.number(m.car(pair)), m.cdr(pair))
                       for pair in m.items(m.kernel.hashcontents(self.table))])


def make_weak_table(handles: Handles) -> int:
    """A weak table; its entries are not kept in an image."""
    m = handles.machine
    weak = WeakTable(m)
    weak.table = int(m.kernel.make_hash(0, 16))  # before a collection can come to it
    h = handles.make(WEAK_TABLE, weak)
    m.set_field(h, VALUE, weak.table)
    return h


def weak_table(handles: Handles, h: int) -> WeakTable | None:
    """The table behind a handle; an empty one when it comes from an image."""
    if handles.kind(h) != WEAK_TABLE:
        return None
    found = handles.thing(h, WEAK_TABLE)
    if found is None:
        found = WeakTable(handles.machine)
        found.table = int(handles.machine.kernel.make_hash(0, 16))
        handles.machine.set_field(h, VALUE, found.table)
        handles.things[h], handles.words[id(found)] = found, h
    return found  # type: ignore[no-any-return]


