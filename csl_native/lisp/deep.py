"""Recursion whose depth is memory, not the stack: a function that recurses is a generator, which yields what it would call."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any


def deep(step: Generator[Any, Any, Any]) -> Any:
    """Run a generator; each generator that it yields is run, and its result sent back, as a call would be.

    Errors go through the callers, as they do with calls.  Python's limit of recursion, which belongs to the whole process, is left alone.
    """
    callers: list[Generator[Any, Any, Any]] = []
    value, error = None, None
    while True:
        try:
            called = step.send(value) if error is None else step.throw(error)
        except StopIteration as done:
            value, error = done.value, None
        except BaseException as raised:
            value, error = None, raised
        else:
            callers.append(step)
            step, value, error = called, None, None
            continue
        if not callers:
            if error is not None:
                raise error
            return value
        step = callers.pop()
