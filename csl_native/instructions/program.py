"""The kernel with the instruction definitions, and which of its functions may fail or move objects."""

from __future__ import annotations

import ast
from collections.abc import Callable
from functools import cache

from ..kernel import modules
from ..restricted import failures
from ..restricted.checker import Function, Program

MAY_RETURN_EARLY = {"memory"}  # modules whose host calls do not return (out of memory)


@cache
def program() -> Program:
    """The kernel with the instruction definitions: signatures and texts, before the interpreter is woven."""
    return Program(modules())


def _callers(found: set[str], known: Callable[[Function], bool]) -> frozenset[str]:
    """Functions that are called ``found``, and those that call such ones and are ``known`` to pass on what these do."""
    functions = program().functions
    calls = {name: {n.func.id for n in ast.walk(f.node) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
             for name, f in functions.items()}
    while True:
        more = {n for n, f in functions.items() if n not in found and calls[n] & found and known(f)}
        if not more:
            return frozenset(found)
        found |= more


def _returns(f: Function) -> bool:
    return f.module.rsplit(".", 1)[-1] not in MAY_RETURN_EARLY


def _names(f: Function) -> set[str]:
    return {n.id for n in ast.walk(f.node) if isinstance(n, ast.Name)}


@cache
def reaching_others() -> frozenset[str]:
    """Functions while which objects may move: those that call the host or an entry, or call such a function."""
    return _callers({name for name, f in program().functions.items()
                     if _returns(f) and any(n.startswith("invoke") for n in _names(f))}, _returns)


@cache
def failing() -> frozenset[str]:
    """Functions that may return UNWIND."""
    return failures.failing(program())
