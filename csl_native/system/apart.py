"""Long operations on integers in a process of their own.

One call of a library, or of Python's own arithmetic, cannot be interrupted, and a thread cannot be ended; a process
can.  So what will take longer than an interrupt may wait is done there, at the price of copying the numbers, which is
small beside it.
"""

from __future__ import annotations

import contextlib
import sys
import threading
from collections.abc import Callable
from functools import partial

from . import gmp
from .threads import own_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    import subprocess

# Limbs of the operands up to which an operation is done at once, some hundredths of a second at most: with the library,
# and without.
SHORT = {"product": (3 << 16, 1 << 13), "quotient": (1 << 16, 1 << 12), "gcd": (1 << 13, 1 << 11),
         "root": (1 << 16, 1 << 11), "power": (64, 64), "decimal": (1 << 14, 1 << 11), "parse": (1 << 14, 1 << 11)}

LOOK = 0.02  # seconds between two looks at whether somebody asks for an end


class Apart:
    """The process of one session, from when it is first needed; ``look`` raises an exception when the program has to
    end.
    """

    def __init__(self, look: Callable[[], None]) -> None:
        self.look = look
        self.process: subprocess.Popen[bytes] | None = None

    @staticmethod
    def takes_long(operation: str, limbs: int) -> bool:
        return limbs > SHORT[operation][gmp.library() is None]

    def ask(self, operation: str, *parts: bytes) -> list[bytes] | None:
        """What an operation of ``gmp.py`` gives; None where no process can be begun."""
        for again in (True, False):
            if not self.begun():
                return None
            box: list[list[bytes]] = []
            done = threading.Event()
            own_thread("csl integers", partial(self.exchange, (operation.encode(), *parts), box, done)).start()
            try:
                while not done.wait(LOOK):
                    self.look()
            except BaseException:
                self.close()
                raise
            if box:
                error, *results = box[0]
                if error:
                    raise {b"ValueError": ValueError}.get(error, MemoryError)
                return results
            self.close()  # it had ended because nothing came for long
            if not again:
                raise MemoryError(f"no room for the {operation} of numbers of {max(map(len, parts))} bytes")
        return None

    def exchange(self, request: tuple[bytes, ...], box: list[list[bytes]], done: threading.Event) -> None:
        """Send a request and wait for the answer, in a thread of its own."""
        process = self.process
        assert process is not None and process.stdin is not None and process.stdout is not None
        with contextlib.suppress(EOFError, OSError, ValueError):  # it has ended, or was ended
            gmp.send(process.stdin, request)
            box.append(gmp.receive(process.stdout))
        done.set()

    def begun(self) -> bool:
        """Is there a process, now or already?"""
        if self.process is not None and self.process.poll() is None:
            return True
        self.close()
        if not sys.executable:
            return False
        try:
            import subprocess  # as long to import as half of the start
            self.process = subprocess.Popen([sys.executable, "-I", "-S", gmp.__file__], stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """End it, whatever it does."""
        process, self.process = self.process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # something unsent
                    pipe.close()


__all__ = ["Apart"]
