"""Telling how far compiling is: a bar on a terminal where rich is installed, else lines on standard error, after two
seconds.
"""

from __future__ import annotations

import sys
import threading
from types import TracebackType
from typing import Any

FIRST, AGAIN = 2.0, 10.0  # seconds until something is said, and until the next line of a file or a pipe


class Progress:
    """Called with (jobs done, all jobs, what is compiled next), once for each job; a context manager that clears up.

    A thread of its own says something in the middle of the first long job, too.
    """

    def __init__(self, program: str, first: float = FIRST, again: float = AGAIN) -> None:
        self.program, self.first, self.again = program, first, again
        self.state = (0, 0, "")
        self.ended = threading.Event()
        self.thread: threading.Thread | None = None

    def __call__(self, done: int, total: int, name: str) -> None:
        self.state = (done, total, name)
        if self.thread is None:
            self.thread = threading.Thread(target=self.tell, daemon=True)
            self.thread.start()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.ended.set()
        if self.thread is not None:
            self.thread.join()

    def tell(self) -> None:
        if not self.ended.wait(self.first):
            bar = self.bar()
            (self.draw if bar is not None else self.lines)(bar)

    def lines(self, bar: Any) -> None:
        said: tuple[int, int, str] | None = None
        while True:
            if self.state != said:
                said = self.state
                sys.stderr.write(f"{self.program}: compiling {said[2]} ({said[0]} of {said[1]} done)\n")
                sys.stderr.flush()
            if self.ended.wait(self.again):
                return

    def bar(self) -> Any:
        if not sys.stderr.isatty():
            return None
        try:
            from rich.console import Console
            from rich.progress import Progress as Bar
        except ImportError:
            return None
        return Bar(transient=True, console=Console(stderr=True))

    def draw(self, bar: Any) -> None:
        with bar:
            task = bar.add_task("compiling")
            while True:
                done, total, name = self.state
                bar.update(task, completed=done, total=total, description=f"compiling {name}")
                if self.ended.wait(0.1):
                    return
