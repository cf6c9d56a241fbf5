"""Limits on what the evaluation of a form may use: time, memory, output, errors."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from ..heap.vm import UNWIND_LIMIT
from ..runtime.machine import Unwinding
from ..system.records import Record
from ..system.threads import own_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .lisp import Lisp

MEGACONS = 16 << 20  # bytes
PERIOD = 0.02  # seconds between two looks at what was used


class Limits(Record):
    """Seconds of CPU time or of waiting, whichever is more, million pairs allocated, kilobytes of output, errors; a
    negative number is no limit.

    Memory is counted in pairs, as in the original: whatever is allocated, a million pairs of 16 bytes are one.
    """

    seconds: float = -1
    megaconses: float = -1
    kilobytes: float = -1
    errors: float = -1


WORDS = ("time limit of {:g} s", "memory limit of {:g} million pairs", "output limit of {:g} kilobytes",
         "limit of {:g} errors")


class Watch:
    """Watches what one evaluation uses, from a thread of its own; it ends the evaluation at a safepoint."""

    def __init__(self, lisp: Lisp, limits: Limits) -> None:
        self.lisp, self.limits = lisp, limits
        self.start, self.waited = self.state(), lisp.machine.waited_so_far()
        self.stopped = threading.Event()
        self.exceeded = ""  # which limit, in words
        self.outer: Watch | None = None

    def state(self) -> Limits:
        lisp, cage = self.lisp, self.lisp.machine.cage
        return Limits(time.process_time(), (cage["gc_bytes"] + cage["allocated"]) / MEGACONS,
                      lisp.output.written / 1024, lisp.errors.signalled)

    def used(self) -> Limits:
        used = Limits(*(now - before for now, before in zip(self.state(), self.start, strict=True)))
        return used._replace(seconds=max(used.seconds, self.lisp.machine.waited_so_far() - self.waited))

    def look(self) -> None:
        while not self.stopped.wait(PERIOD):
            self.compare()

    def compare(self) -> None:
        """What was used with the limits."""
        for limit, used, words in zip(self.limits, self.used(), WORDS, strict=True):
            if 0 <= limit < used:
                self.exceeded = words.format(limit)
                self.lisp.machine.stop()
                return

    def measure(self) -> None:
        """Compare now, those outside of this one, too: after each collection, so that memory does not run ahead."""
        watch: Watch | None = self
        while watch is not None:
            watch.compare()
            watch = watch.outer

    def run(self, function: Callable[[], int]) -> int | None:
        """The value of a function, or None when it used more than it may."""
        lisp, cage = self.lisp, self.lisp.machine.cage
        outer = self.outer = lisp.watch
        lisp.watch = self
        sp, bp = cage["sp"], cage["bp"]
        thread = own_thread("csl limits", self.look)
        thread.start()
        try:
            return function()
        except Unwinding:
            if cage["unwind_kind"] != UNWIND_LIMIT or cage["unwind_tag"] >> 3 != id(self) & 0xFFFFFFFF:
                raise
            lisp.settle(sp, bp)
            lisp.hints.say(f"{self.exceeded} reached")
            return None
        finally:
            self.stopped.set()
            thread.join()
            lisp.watch = outer

    def check(self) -> None:
        """At a safepoint: leave everything up to where this watch began, when too much was used."""
        if self.outer is not None:
            self.outer.check()
        if self.exceeded:
            cage = self.lisp.machine.cage
            cage["unwind_kind"], cage["unwind_tag"], cage["unwind_value"] = (UNWIND_LIMIT, (id(self) & 0xFFFFFFFF) << 3,
                                                                             0)
            raise Unwinding
