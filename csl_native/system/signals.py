"""Signals of the process, and the clock, while Lisp runs.

Python runs the handler of a signal in the main thread, between any two of its instructions, and a handler may raise an
exception.  In the midst of the Lisp's own Python code that would leave half of something behind.  So while a session
runs in the main thread the handlers that Python code has installed are *held back*: what comes is noted, and they are
called at the next safepoint, or when the session has returned; the handlers of the process are then what they were.
Around Python functions that Lisp calls nothing is held back.  A handler that is called elsewhere, before Lisp has
returned, cannot call the same session (``Stacks.inside``).

Native code on the main thread does not look whether a signal has come.  A thread that *ticks* makes it call the host
now and then, where Python does.  The same thread nudges whoever should have ended and has not: it may wait in a C
function (``system/nudging.py``).
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import os
import signal
import sys
import threading
import time

from .nudging import Nudge
from .threads import own_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..runtime.stacks import Stacks

    Waiting = tuple[list[tuple[int, Any]], BaseException | None]  # handlers to be called, and what was raised already

TICK = 0.02  # seconds
IDLE = 50  # ticks without anything to do after which the thread waits to be woken
TRIES = 100  # more than signals come while handlers are set
NUMBERS = tuple(int(getattr(signal, name)) for name in ("SIGINT", "SIGTERM", "SIGALRM", "SIGHUP", "SIGUSR1")
                if hasattr(signal, name))

getsignal, set_signal = _signal.getsignal, _signal.signal  # without the names that the module signal gives to numbers

NOTHING: Waiting = ([], None)


class Gate:
    """Holds signals back for the sessions that run in the main thread, which are one inside of the other."""

    def __init__(self) -> None:
        self.main = threading.main_thread().ident
        # None: a Python function that Lisp called runs, and nothing is held back
        self.machines: list[Stacks | None] = []
        self.handlers: dict[int, Any] = {}
        self.came: dict[int, None] = {}
        self.note = self._note  # one object, so that it can be recognised

    def _note(self, number: int, frame: Any) -> None:
        self.came[number] = None
        machine = self.machines[-1] if self.machines else None
        if machine is not None:
            machine.stop()

    def close(self, machine: Stacks) -> None:
        """From here on handlers wait; in the main thread."""
        if not self.handlers:
            try:
                self._hold()
            except BaseException:  # of a handler, called before it was held back
                call(*self._restore())
                raise
        self.machines.append(machine)

    def _hold(self) -> None:
        note, handlers = self.note, self.handlers
        for number in NUMBERS:
            handler = getsignal(number)
            # numbers stand for the system's own way, and for none
            if handler is not note and handler.__class__ is not int and handler is not None:
                handlers[number] = handler
                set_signal(number, note)

    def open(self) -> Waiting:
        """Handlers are what they were; those that waited are to be called when all else is as it was, too."""
        self.machines.pop()
        return self._restore() if not self.machines or self.machines[-1] is None else NOTHING

    def _restore(self) -> Waiting:
        """Handlers are what they were, unless they were changed meanwhile; those that waited are to be called."""
        handlers = dict(self.handlers)
        raised = insist(self._put_back)
        waiting = [(number, handlers[number]) for number in self.came]
        self.came.clear()
        return waiting, raised

    def _put_back(self) -> None:
        while self.handlers:
            number, handler = next(iter(self.handlers.items()))
            now = set_signal(number, handler)
            if now is not self.note:
                set_signal(number, now)
            del self.handlers[number]

    def let_out(self) -> Waiting | None:
        """A Python function that Lisp calls begins: nothing is held back while it runs.
        None when nothing was; else ``back_in`` has to follow.
        """
        if not self.machines or self.machines[-1] is None or threading.get_ident() != self.main:
            return None
        self.machines.append(None)
        try:
            return self._restore()
        except BaseException:
            self.back_in()
            raise

    def is_out(self) -> bool:
        """Does such a function run here?"""
        return self.machines[-1:] == [None] and threading.get_ident() == self.main

    def back_in(self) -> None:
        """It has returned, or raised; what was done already is not done again."""
        if self.machines[-1] is None:
            raised = insist(self._hold)
            self.machines.pop()
            machine = self.machines[-1]
            assert machine is not None
            if self.came:
                machine.stop()
            if raised is not None:
                raise raised

    def deliver(self) -> None:
        """At a safepoint: call the handlers that wait."""
        while self.came:
            waiting = [(number, self.handlers[number]) for number in self.came]
            self.came.clear()
            call(waiting)


def insist(step: Callable[[], None]) -> BaseException | None:
    """Do to its end what handlers that are not held back may leave with an exception, and what can begin again; the
    first exception.  What fails so often fails by itself: that exception is raised.
    """
    raised: BaseException | None = None
    for _ in range(TRIES):
        try:
            step()
            return raised
        except BaseException as error:
            raised = raised or error
    assert raised is not None
    raise raised


def call(waiting: list[tuple[int, Any]], raised: BaseException | None = None) -> None:
    """Call handlers, all of them; the first exception is the one that is raised."""
    for number, handler in waiting:
        try:
            handler(number, sys._getframe(1))
        except BaseException as error:
            raised = raised or error
    if raised is not None:
        raise raised


class Ticker:
    """The thread that ticks, while something runs."""

    def __init__(self) -> None:
        self.running: list[Stacks] = []
        self.woken = threading.Event()
        self.asleep = True
        self.thread: threading.Thread | None = None
        self.nudge = Nudge()
        self.nudging = threading.Lock()

    def wake(self) -> None:
        """Something runs."""
        self.asleep = False
        if self.thread is None:
            self.thread = own_thread("csl ticker", self._tick)
            try:
                self.thread.start()
            except RuntimeError:  # the system gives no more threads, or Python is ending
                self.thread = None
                return
        self.woken.set()

    def _tick(self) -> None:
        idle = 0
        while True:
            if not self.running:
                idle += 1
                if idle > IDLE:
                    self.woken.clear()
                    self.asleep = True
                    if not self.running:
                        self.woken.wait()
                    self.asleep, idle = False, 0
            else:
                idle = 0
                for machine in list(self.running):
                    machine.tick()
                    del machine
            self._nudge()
            time.sleep(TICK)

    def _nudge(self) -> None:
        """Send a signal to the threads of those that were asked to end before the last tick; a thread lives while its
        machine is in the list.
        """
        late = False
        if any(machine.late for machine in self.running):
            with self.nudging:
                for machine in self.running:
                    if machine.late:
                        late = True
                        self.nudge.send(machine.thread)
        if not late and self.nudge.before is not None:
            self.nudge.release()


GATE, TICKER = Gate(), Ticker()


def _forked() -> None:
    """In a child process: the thread that forked is the main one, and there is no other."""
    running = TICKER.running
    TICKER.nudge.release()
    GATE.main = threading.main_thread().ident
    TICKER.__init__()  # type: ignore[misc]
    TICKER.running = running
    if running:
        TICKER.wake()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forked)
