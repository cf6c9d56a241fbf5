"""Collector stress: a collection wherever one may come, and what it frees is made useless.

The kernel collects at every safepoint, the machine below at every call of the host and around every call of the kernel
that allocates. Freed objects are overwritten (``POISON`` of kernel/collector.py), so that a word which was no root is
seen when it is used.
"""

from __future__ import annotations

from collections.abc import Callable

from .machine import Machine

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..heap.cage import Cage
    from ..lisp.lisp import Lisp

# Kernel functions that Python calls and that allocate or run Lisp; a collection between those that make an image would
# destroy it.
ALLOCATING = ("make_", "entry_", "enter", "intern", "hash", "append", "nconc", "put", "gethash", "fasl_",
              "normalise", "get", "flagp")


class StressedKernel:
    """A kernel that collects before and after functions that allocate."""

    def __init__(self, kernel: Any, machine: StressedMachine) -> None:
        self._kernel, self._machine = kernel, machine

    def __getattr__(self, name: str) -> Any:
        found, stress = getattr(self._kernel, name), self._machine.stress
        if not name.startswith(ALLOCATING):
            return found

        def call(*arguments: int) -> int:
            stress()
            result: int = found(*arguments)
            stress()
            return result
        setattr(self, name, call)
        return call


class StressedMachine(Machine):
    """Collects at every ``stride``-th point where a collection may come."""

    stressed = True

    def __init__(self, cage: Cage, stride: int) -> None:
        super().__init__(cage)
        self.stride, self.passed = stride, 0
        self.lisp: Lisp | None = None  # what collects, from when the heap is there
        self.collecting = False

    def begin_stress(self, lisp: Lisp) -> None:
        self.lisp = lisp
        self.kernel = StressedKernel(self.kernel, self)
        self.cage["gc_stress"] = 1

    def due(self) -> bool:
        """Is it this point's turn?"""
        self.passed += 1
        return self.passed % self.stride == 0

    def stress(self) -> None:
        if self.lisp is not None and not self.collecting and self.due():
            self.lisp.collect(self.cage["gc_count"] & 15 == 0)

    def under_stress(self, answer: Callable[..., int | None], arguments: tuple[int, ...], collects: bool) -> int | None:
        """The answer to a request of the kernel, with a collection before and after it; or without any, also in what
        the answer calls.
        """
        if collects:
            self.stress()
            result = answer(*arguments)
            if result is not None:
                self.note(result)
                self.stress()
            return result
        before, self.collecting = self.collecting, True
        try:
            return answer(*arguments)
        finally:
            self.collecting = before

    def collect(self, full: bool, after: Callable[[], None] = lambda: None) -> None:
        self.collecting = True
        try:
            super().collect(full, after)
        finally:
            self.collecting = False

    def cons(self, a: int, d: int) -> int:
        self.note(a)
        self.note(d)
        self.stress()
        pair = super().cons(a, d)
        self.stress()
        return pair


def machine_for(cage: Cage, stride: int) -> Machine:
    """The machine of a session; ``stride`` 0: without stress."""
    return StressedMachine(cage, stride) if stride else Machine(cage)


__all__ = ["StressedMachine", "machine_for"]
