"""Lisp functions written in Python: a table that the modules in ``builtins/`` fill."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from ..kernel.memory import NIL
from ..words import CONS, FLOAT, STRING, SYMBOL, VECTOR

# What a parameter of a builtin may be annotated with in place of ``int``, any value: its type, which the one who calls it checks.
Symbol = int
Variable = int
Pair = int
Text = int
Fixnum = int
Integer = int
Number = int
Vector = int
TYPES: dict[str, Callable[[Any, int], bool]] = {
    "Symbol": lambda m, x: x & 7 == SYMBOL,
    "Variable": lambda m, x: bool(m.is_variable(x)),
    "Pair": lambda m, x: x & 7 == CONS,
    "Text": lambda m, x: x & 7 in (SYMBOL, STRING),
    "Fixnum": lambda m, x: x & 7 == 0,
    "Integer": lambda m, x: bool(m.is_integer(x)),
    "Number": lambda m, x: x & 7 == FLOAT or bool(m.is_integer(x)),
    "Vector": lambda m, x: x & 7 == VECTOR,
}


class Builtin(NamedTuple):
    """``least``..``most`` arguments (most -1: any number); called with the Lisp and its argument words, of which ``types`` has the tests by place."""

    name: str
    function: Callable[..., int | None]
    least: int
    most: int
    types: tuple[tuple[int, Callable[[Any, int], bool]], ...] = ()

    def bad(self, machine: Any, arguments: list[int]) -> int | None:
        """The first argument that is of another type than declared; nil stands for an optional one that is not given."""
        for place, test in self.types:
            if place < len(arguments) and not test(machine, arguments[place]) and (place < self.least or arguments[place] != NIL):
                return arguments[place]
        return None


def declared(function: Callable[..., Any], most: int = -1) -> tuple[tuple[int, Callable[[Any, int], bool]], ...]:
    """The tests of a function's parameters behind the first, by place, of as many as Lisp can give."""
    names = [str(kind) for label, kind in function.__annotations__.items() if label != "return"][1:]
    return tuple((place, TYPES[name]) for place, name in enumerate(names if most < 0 else names[:most]) if name != "int")


BUILTINS: dict[str, Builtin] = {}
F = TypeVar("F", bound=Callable[..., Any])


def builtin(name: str, least: int = -1, most: int | None = None, *aliases: str) -> Callable[[F], F]:
    """Register a function as a Lisp function.  A result of None is nil."""
    def register(function: F) -> F:
        for each in (name, *aliases):
            count = least if most is None else most
            BUILTINS[each] = Builtin(each, function, max(least, 0), count, declared(function, count))
        return function
    return register
