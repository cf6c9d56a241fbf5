"""The optimised tier while the program runs on: functions are compiled by LLVM in a process of its own."""

from __future__ import annotations

import time
from collections.abc import Callable
from queue import Empty, SimpleQueue
from threading import Event
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

    from .elf import Block
    from .functions import Source
    from .workers import Worker


class Ready(NamedTuple):
    """What a compiling process gave, or why it could not."""

    symbol: int
    source: Source
    code: int
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

    @property
    def pool(self) -> ThreadPoolExecutor:
        if self._pool is None:
            from concurrent.futures import ThreadPoolExecutor
            self._pool = ThreadPoolExecutor(1, "csl-jit")
        return self._pool

    def submit(self, symbol: int, source: Source, code: int) -> None:
        """Compile a function; ``ready`` gives it later."""
        self.waiting.add(symbol)

        def work() -> None:
            self._ready.put(self.compile(symbol, source, code))
            self.poke()
        self.pool.submit(work)

    def wake(self, seconds: float) -> None:
        """Poke after some seconds."""
        def work() -> None:
            if not self._closing.wait(seconds):
                self.poke()
        self.pool.submit(work)

    def compile(self, symbol: int, source: Source, code: int) -> Ready:
        """Compile now; touches nothing of the Lisp."""
        from .workers import Job, Worker
        started = time.perf_counter()
        try:
            if self._worker is None:
                self._worker = Worker()
            return Ready(symbol, source, code, self._worker.ask(Job(self.architecture, (source,))), "")
        except Exception as error:  # whatever it is, what runs goes on
            return Ready(symbol, source, code, None, str(error) or type(error).__name__)
        finally:
            self.seconds += time.perf_counter() - started

    def ready(self) -> Ready | None:
        """The next function that is ready."""
        try:
            ready = self._ready.get_nowait()
        except Empty:
            return None
        self.waiting.discard(ready.symbol)
        return ready

    def close(self) -> None:
        self._closing.set()
        if self._worker is not None:
            self._worker.close()
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
