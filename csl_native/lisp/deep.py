"""Recursion whose depth is memory, not the stack: a function that recurses is a generator, which yields what it would
call.

A function that may have nothing to recurse into can give ``None`` in place of a generator: it is done then.
"""

from __future__ import annotations

from collections.abc import Generator

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Steps = Generator[Any, Any, Any] | None

MOST_STEPS = 100_000  # that wait for each other: forms in forms, or macros that expand to macros without end


def deep(step: Steps, most: int | None = None, catching: bool = True) -> Any:
    """Run a generator; each generator that it yields is run, and its result sent back, as a call would be.

    Errors go through the callers, as they do with calls, if these may be ``catching`` some.  Python's limit of
    recursion, which belongs to the whole process, is left alone.  RecursionError where more than ``most`` generators
    would wait for each other.
    """
    if step is None:
        return None
    callers: list[Generator[Any, Any, Any]] = []
    value: Any = None
    error: BaseException | None = None
    while True:
        try:
            called = step.send(value) if error is None else step.throw(error)
        except StopIteration as done:
            value, error = done.value, None
        except BaseException as raised:
            if not catching:
                raise
            value, error = None, raised
        else:
            value = error = None
            if called is not None and len(callers) == most:
                error = RecursionError(f"more than {most} steps wait for each other")
            elif called is not None:
                callers.append(step)
                step = called
            continue
        if not callers:
            if error is not None:
                raise error
            return value
        step = callers.pop()
