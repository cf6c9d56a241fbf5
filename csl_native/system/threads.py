"""Threads: which one runs, and those of this package, in which nobody else's program runs."""

from __future__ import annotations

import threading
from collections.abc import Callable

OURS = -1  # stands for each thread of this package that watches or waits


class _Local(threading.local):
    caller = 0  # the thread that this one stands for


_local = _Local()


def this_thread() -> int:
    """The thread that runs here, or for which a companion does; OURS in one of the package's own."""
    return _local.caller or threading.get_ident()


def stand_for(thread: int) -> None:
    """From now on what runs in this thread is another one's."""
    _local.caller = thread


def own_thread(name: str, function: Callable[[], object]) -> threading.Thread:
    """A thread of the package's own, which is not started.  Python may call finalisers of its users' in it, too: these
    find no session there, for which they might wait while the session waits for the thread.
    """
    def body() -> None:
        stand_for(OURS)
        function()
    return threading.Thread(target=body, name=name, daemon=True)
