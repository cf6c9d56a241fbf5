"""Lisp functions written in Python: a table that the modules in ``builtins/`` fill."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar


class Builtin(NamedTuple):
    """``least``..``most`` arguments (most -1: any number); called with the Lisp and its argument words."""

    name: str
    function: Callable[..., int | None]
    least: int
    most: int


BUILTINS: dict[str, Builtin] = {}
F = TypeVar("F", bound=Callable[..., Any])


def builtin(name: str, least: int = -1, most: int | None = None, *aliases: str) -> Callable[[F], F]:
    """Register a function as a Lisp function.  A result of None is nil."""
    def register(function: F) -> F:
        for each in (name, *aliases):
            BUILTINS[each] = Builtin(each, function, max(least, 0), (least if most is None else most))
        return function
    return register
