"""The optimised tier while the program runs on: functions are compiled by LLVM in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Event, Lock
from typing import TYPE_CHECKING

from ..system.records import Record
from ..system.threads import OURS, stand_for

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from .compilable import Source
    from .elf import Block
    from .workers import Worker


class Order(Record):
    """A function to compile, and the digests of what the compiler read: of the function itself, and by name of those
    that stand in its code.

    When they are others at the end, what came out is of no use.
    """

    symbol: int
    source: Source
    made_of: bytes
    relied: dict[str, bytes]


class Ready(Record):
    """What a compiling process gave, or why it could not."""

    order: Order
    block: Block | None
    why: str


class Background:
    """One compiling process, and the thread that waits for it; ``poke`` is called when something is ready."""

    def __init__(self, architecture: str, poke: Callable[[], None]) -> None:
        self.architecture, self.poke, self.seconds = architecture, poke, 0.0
        self.waiting: set[int] = set()
        self._ready: SimpleQueue[Ready] = SimpleQueue()
        self._pool: ThreadPoolExecutor | None = None
        self._worker: Worker | None = None
        self._closing = Event()
        self._pipe = Lock()

    @property
    def pool(self) -> ThreadPoolExecutor:
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor
            self._pool = ThreadPoolExecutor(1, "csl-jit", stand_for, (OURS,))
        return self._pool

    def submit(self, order: Order) -> None:
        """Compile a function; ``ready`` gives it later."""
        self.waiting.add(order.symbol)

        def work() -> None:
            self._ready.put(self.compile(order))
            self.poke()
        self.pool.submit(work)

    def wake(self, at: float) -> None:
        """Poke when this process has taken so many seconds of the processor, which it does not while it waits."""
        def work() -> None:
            while (left := at - time.process_time()) > 0:
                if self._closing.wait(left + 0.1):
                    return
            self.poke()
        self.pool.submit(work)

    def compile(self, order: Order) -> Ready:
        """Compile now; touches nothing of the Lisp.
        The pipe is for one job at a time, whichever thread it comes from.
        """
        started = time.perf_counter()
        try:
            with self._pipe:
                try:
                    return Ready(order, self.worker().compile(self.architecture, order.source), "")
                except Exception:
                    if self._worker is None or self._worker.is_alive():
                        raise
                # somebody ended it: another one, once
                return Ready(order, self.worker().compile(self.architecture, order.source), "")
        except Exception as error:  # whatever it is, what runs goes on
            return Ready(order, None, str(error) or type(error).__name__)
        finally:
            self.seconds += time.perf_counter() - started

    def worker(self) -> Worker:
        """The compiling process; another one in place of one that has ended."""
        from .workers import Worker
        if self._closing.is_set():
            raise RuntimeError("the session is being closed")
        if self._worker is not None and not self._worker.is_alive():
            self._worker.close()
            self._worker = None
        if self._worker is None:
            self._worker = Worker()
        return self._worker

    def ready(self) -> Ready | None:
        """The next function that is ready."""
        try:
            ready = self._ready.get_nowait()
        except Empty:
            return None
        self.waiting.discard(ready.order.symbol)
        return ready

    def close(self) -> None:
        self._closing.set()
        if self._worker is not None:
            self._worker.close()
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
