"""Ending a C function that waits in another thread: a signal comes to that thread, and the system call that waits gives
EINTR.

The signal is SIGURG, which the system ignores where nobody has a handler: one that comes late does nothing.  While
somebody is nudged its handler is C's ``abs``, a function that does nothing either, without SA_RESTART; then it is what
it was before.  Where another handler stands, or the system has no such signals, nobody is nudged.
"""

from __future__ import annotations

import ctypes
import signal

from .process import c_library

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CAN_NUDGE = hasattr(signal, "pthread_kill") and hasattr(signal, "SIGURG") and hasattr(signal, "siginterrupt")
ROOM = 512  # bytes, more than any system's struct sigaction has
FREE = 0, 1  # SIG_DFL, SIG_IGN: nobody has a handler


class Nudge:
    """Used by one thread, the one that ticks."""

    def __init__(self) -> None:
        self.before: Any = None  # what the system did with the signal, while the handler is ours

    def send(self, thread: int) -> None:
        """End the system call that a thread waits in; that the thread lives is the caller's business."""
        if CAN_NUDGE and (self.before is not None or self.hold()):
            signal.pthread_kill(thread, signal.SIGURG)

    def hold(self) -> bool:
        """Is the handler ours now?"""
        library, before = c_library(), ctypes.create_string_buffer(ROOM)
        install = library.signal
        install.restype, install.argtypes = ctypes.c_void_p, [ctypes.c_int, ctypes.c_void_p]
        if library.sigaction(int(signal.SIGURG), None, before) != 0:
            return False
        former = install(signal.SIGURG, ctypes.cast(library.abs, ctypes.c_void_p)) or 0
        self.before = before
        if former not in FREE:
            self.release()
            return False
        signal.siginterrupt(signal.SIGURG, True)
        return True

    def release(self) -> None:
        """The system does with the signal what it did before."""
        before, self.before = self.before, None
        if before is not None:
            c_library().sigaction(int(signal.SIGURG), before, None)


__all__ = ["CAN_NUDGE", "Nudge"]
