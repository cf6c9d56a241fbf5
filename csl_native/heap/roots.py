"""What keeps Lisp words alive that Python holds.

A word in a Python variable is seen by nobody, so every word that comes to Python through the machine (a result, an
element, an argument) is noted in ``met``, and what was met is marked at each collection.  A *scope* ends by forgetting
what was met in it: one stands around every call of the host, every form that is evaluated and every step of a long
loop.  What is needed behind a scope is its ``keep``.

A word that lives longer than the call in which it was met is held by an object that the machine knows: ``hold`` takes
whatever has a method ``held_words``.  ``tests/test_roots.py`` refuses words in other attributes.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Callable, Iterable, Iterator
from weakref import WeakSet

from .cage import Cage
from .vm import VM

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class Holder(Protocol):
        """Something that holds words for longer than a call."""

        def held_words(self) -> Iterable[int]: ...

_BP = VM["bp"] >> 3


class Scope:
    """``with m.scope() as s:`` forgets at its end what was met in it, but for ``s.keep(word)``.

    An exception may carry words, so when one leaves a scope all of them stay, for the scope around.  No ``yield`` may
    stand in a scope: what whoever takes the value has met meanwhile would be forgotten.
    """

    __slots__ = ("kept", "mark", "met")

    def __init__(self, met: array[int]) -> None:
        self.met = met
        self.kept: list[int] = []

    def __enter__(self) -> Scope:
        self.mark = len(self.met)
        return self

    def keep(self, word: int) -> int:
        """A word that is needed when the scope has ended."""
        self.kept.append(word)
        return word

    def __exit__(self, kind: object, *exception: object) -> None:
        if kind is None:
            del self.met[self.mark:]
            self.met.extend(self.kept)


class Roots:
    """A part of Machine: the words that Python holds."""

    cage: Cage
    words: memoryview[int]
    kernel: Any
    native: bool
    symbols: dict[str, int]  # those that Python code has a name for
    stressed = False  # collect whenever Python could be surprised by it (stress.py)

    def _setup_roots(self) -> None:
        self.met: array[int] = array("q")
        self.note: Callable[[int], None] = self.met.append
        self.holders: WeakSet[Holder] = WeakSet()

    def scope(self) -> Scope:
        return Scope(self.met)

    def hold(self, holder: Holder) -> None:
        """Ask an object at each collection, as long as it lives, which words it holds."""
        self.holders.add(holder)

    def stress(self) -> None:
        """A point where a collection may come: under collector stress one does."""

    def under_stress(self, answer: Callable[..., int | None], arguments: tuple[int, ...], collects: bool) -> int | None:
        """The answer to a request of the kernel."""
        return answer(*arguments)

    def due(self) -> bool:
        """Is a collection due at this safepoint, which the kernel came to under stress?"""
        return True

    def python_words(self, full: bool) -> array[int]:
        """Every word that Python may use again."""
        found = array("q", self.met)
        if full:  # only then do symbols go that have nothing
            found.extend(self.symbols.values())
        for holder in list(self.holders):
            found.extend(holder.held_words())
        if not self.native:
            found.extend(kernel_locals(self.kernel.globals))
        return found

    def collect(self, full: bool, after: Callable[[], None] = lambda: None) -> None:
        """Collect, and do what comes right after it; what Python holds lies on the binding stack meanwhile.

        Not on the Lisp stack: a function that has just been entered has its frame above the top of that.
        """
        full = full or bool(self.kernel.full_is_due())
        words, found = self.words, self.python_words(full)
        bp = words[_BP]
        room = self.cage.places["scratch"] - 4096 - bp >> 3
        if len(found) > room:
            found = array("q", set(found))
            if len(found) > room:
                raise MemoryError(f"Python holds {len(found)} Lisp values at once; the binding stack has room for "
                                  f"{room}")
        words[bp >> 3:(bp >> 3) + len(found)] = memoryview(found)
        words[_BP] = bp + 8 * len(found)
        try:
            self.kernel.collect(int(full))
        finally:
            words[_BP] = bp
        with self.scope():
            after()


def kernel_locals(names: dict[str, Any]) -> Iterator[int]:
    """What the kernel's functions that run under CPython have in their variables."""
    frame = sys._getframe()
    while frame is not None:
        if frame.f_globals is names:
            yield from (v for v in frame.f_locals.values() if v.__class__ is int and -1 << 63 <= v < 1 << 63)
        frame = frame.f_back  # type: ignore[assignment]


__all__ = ["Roots", "Scope"]
