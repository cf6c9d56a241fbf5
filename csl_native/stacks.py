"""The machine stacks that Lisp runs on, and how other threads reach a running program."""

from __future__ import annotations

import contextlib
import ctypes
import sys
import threading
import time
from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any

from .cage import NARROW, Cage
from .kernel.memory import NO_LIMIT
from .system.process import LONGEST_WAIT
from .vm import STOP, WORD

STACK_SIZES = (1 << 26, 1 << 24) if NARROW else (1 << 30, 1 << 28, 1 << 26)  # the largest that the system grants; a million frames need the first
STACK_MARGIN = 2 << 20
LOOK = 0.02  # seconds between two looks at whether somebody asks for an end, while a program waits

_big_stack = threading.local()
_thread_lock, _later_lock = threading.Lock(), threading.Lock()


def _call(function: Callable[[], Any]) -> Any:
    return function()


# CPython takes memory for frames in pieces of 16 KB and gives each back at once: calls that go to and fro over the end of a piece cost three times
# as much.  The frame of this function is so large that the piece behind it, which is a power of two, has room for all that follow (1 MB).
roomy = FunctionType(_call.__code__.replace(co_stacksize=(1 << 17) + 64), globals())


class Stacks:
    """A part of Machine."""

    cage: Cage
    kernel: Any
    native: bool
    interrupted: bool
    attention: bool  # an interrupt was asked for, or a limit was reached
    check_limits: Callable[[], None]
    since: float | None = None  # from when on what runs waits for something outside
    waited = 0.0  # seconds
    _began: float | None = None
    _later: tuple[float, Callable[[], None]] | None = None

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Call ``action`` once when so many seconds have passed since a program was first run, while one runs; in place of what was to be called.

        The thread that waits for the program calls it, which takes the program no time.
        """
        self._later = seconds, action

    def hurry(self) -> None:
        """Call now what ``after`` was told to call later."""
        with _later_lock:
            later, self._later = self._later, None
            if later is not None:
                later[1]()

    def forget(self) -> None:
        """Do not call it at all; what is being called now is done when this returns."""
        with _later_lock:
            self._later = None

    def _wait(self) -> float | None:
        """Seconds until something is to be called; None: never."""
        if self._later is None or self._began is None:
            return LONGEST_WAIT
        return max(0.0, self._began + self._later[0] - time.perf_counter())

    def on_big_stack(self, function: Callable[[], Any]) -> Any:
        """Run ``function`` on a thread whose machine stack takes a million frames."""
        if getattr(_big_stack, "limit", None) is not None:
            self._set_limit()
            if self._began is None:
                self.hurry()  # another session's stack: who waits for it does not wait for this one
            return function()
        if self._began is None:
            self._began = time.perf_counter()
        box: list[Any] = []

        def body() -> None:
            try:
                _big_stack.limit = self.kernel.current_stack() - size + STACK_MARGIN if self.native else 0
                self._set_limit()
                box.append((True, function() if self.native else roomy(function)))
            except BaseException as error:
                box.append((False, error))

        for size in STACK_SIZES:
            thread = threading.Thread(target=body, name="csl", daemon=True)
            with _thread_lock:
                previous = threading.stack_size()
                try:
                    threading.stack_size(size)
                    thread.start()
                    break
                except (RuntimeError, ValueError):  # no room; more than the system knows
                    if size == STACK_SIZES[-1]:
                        raise
                finally:
                    threading.stack_size(previous)
        while thread.is_alive():
            try:
                thread.join(self._wait())
                if self._wait() == 0 and thread.is_alive():
                    self.hurry()
            except KeyboardInterrupt:
                self.interrupt()
        ok, result = box[0]
        if ok:
            return result
        raise result

    def _set_limit(self) -> None:
        limit = getattr(_big_stack, "limit", 0)
        self.cage["real_stack_limit"] = limit
        self.cage["stack_limit"] = NO_LIMIT if any(self.cage[why] for why in ("gc_stress", "gc_request", "interrupt", "debugged")) else limit

    def interrupt(self) -> None:
        """Ask the running program to stop at its next safepoint; from any thread or signal handler."""
        self.interrupted = True
        self.stop()

    def stop(self) -> None:
        """Make the running program look at its next poll, or Python in its loops, whether it has to end; from any thread."""
        self.attention = True
        self.poke(STOP)

    def look(self) -> None:
        """For Python code that waits or works for long: end here when somebody asks for that."""
        if self.attention:
            self.stop_here()

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """What waits for something outside, which takes no time of the processor but counts for limits of time."""
        outer, self.since = self.since, self.since or time.monotonic()
        try:
            yield
        finally:
            if outer is None and self.since is not None:
                self.waited += time.monotonic() - self.since
            self.since = outer

    def wait(self, ready: Callable[[float], bool]) -> None:
        """Wait until something is ready, as it says when it has been waited for so many seconds; this can be ended."""
        if not ready(0):
            with self.waiting():
                while not ready(LOOK):
                    self.look()

    def waited_so_far(self) -> float:
        """Seconds in which programs waited, the one that waits now, too."""
        since = self.since
        return self.waited + (time.monotonic() - since if since is not None else 0.0)

    def stop_here(self) -> None:
        """Python code that may run for long saw that it may have to end."""
        self.attention = False
        self.check_limits()

    def poke(self, why: int = WORD) -> None:
        """Make the running program call the host at its next safepoint; from any thread."""
        self.cage["interrupt"] |= why
        self.cage["stack_limit"] = NO_LIMIT

    def stack_words(self) -> Iterator[int]:
        """What running Lisp code has on the machine stack, the innermost first: words that may be Lisp values, and others."""
        if not self.native:
            frame: Any = sys._getframe()
            while frame is not None:
                if isinstance(env := frame.f_locals.get("env"), int):
                    yield env
                frame = frame.f_back
            return
        base, here, top = self.cage.base, self.kernel.current_stack(), self.cage["native_base"]
        size = ctypes.sizeof(ctypes.c_void_p)
        for word in (ctypes.c_size_t * max(0, (top - here) // size)).from_address(here):
            yield word - base if word > base else word
