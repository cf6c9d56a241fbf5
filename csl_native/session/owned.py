"""What a session has of the system, which is given back once: by close, when the session is dropped, or when it could
not begin.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Closed(Protocol):
        def close(self) -> None: ...


class Owned:
    """Actions that give something back; none of them knows the session, which could not be dropped otherwise."""

    def __init__(self) -> None:
        self._actions = contextlib.ExitStack()
        self.pins: list[None] = []  # one for each view of memory that Python has

    def add(self, action: Callable[[], object]) -> None:
        self._actions.callback(action)

    def add_all(self, things: Callable[[], Iterable[Closed]]) -> None:
        """Close what is there by then."""
        def close() -> None:
            for thing in things():
                thing.close()
        self._actions.callback(close)

    def close(self) -> None:
        """The last one first; all of them, whatever one of them raises.

        Nothing while somebody looks at the memory: where the collector of Python finds a session and such views unused
        together, it may ask for this before the views are gone, and what still reads them must find memory.
        """
        if not self.pins:
            self._actions.close()
