"""Functions of any number of arguments, as functions (the compiler folds their calls)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...kernel.memory import NIL, T
from ..registry import Checked, Number, Value, builtin

if TYPE_CHECKING:
    from ..lisp import Lisp


def folded(name: str, kernel: str, unit: int, *aliases: str) -> None:
    entry = f"entry_{kernel}"

    @builtin(name, 0, -1, *aliases)
    def call(lisp: Lisp, *arguments: Checked) -> int:
        if not arguments:
            return unit
        function = getattr(lisp.machine.kernel, entry)
        result = arguments[0]
        if len(arguments) == 1 and unit != NIL:
            result = function(0, unit, result)
        for a in arguments[1:]:
            result = function(0, result, a)
        return int(result)


folded("plus", "plus2", 0, "+")
folded("times", "times2", 8, "*")
folded("land", "land2", -8, "logand", "ilogand")
folded("lor", "lor2", 0, "logor", "ilogor")
folded("lxor", "lxor2", 0, "logxor", "ilogxor")
folded("iplus", "plus2", 0)
folded("itimes", "times2", 8)
folded("gcd", "gcdn", 0)


def chosen(name: str, kernel: str) -> None:
    @builtin(name, 1, -1, wrong=f"bad arg for {name}")
    def call(lisp: Lisp, first: Number, *arguments: Checked) -> int:
        result = first
        for a in arguments:
            result = getattr(lisp.machine.kernel, kernel)(0, result, a)
        return result


chosen("max", "entry_max2")
chosen("min", "entry_min2")


@builtin("list", 0, -1)
def list_(lisp: Lisp, *arguments: Value) -> int:
    return lisp.machine.list(arguments)


@builtin("list*", 0, -1)
def list_star(lisp: Lisp, *arguments: Value) -> int:
    return lisp.machine.list(arguments[:-1], arguments[-1]) if arguments else NIL


@builtin("append", 0, -1)
def append(lisp: Lisp, *arguments: Checked) -> int:
    result = arguments[-1] if arguments else NIL
    for a in reversed(arguments[:-1]):
        result = lisp.machine.kernel.append2(a, result)
    return result


@builtin("nconc", 0, -1)
def nconc(lisp: Lisp, *arguments: Checked) -> int:
    result = arguments[-1] if arguments else NIL
    for a in reversed(arguments[:-1]):
        result = lisp.machine.kernel.nconc2(a, result)
    return result


def chained(name: str, entry: str, *aliases: str) -> None:
    """A comparison of any number of arguments: every neighbouring pair must satisfy it."""
    @builtin(name, 0, -1, *aliases)
    def call(lisp: Lisp, *arguments: Checked) -> int:
        for a, b in zip(arguments, arguments[1:], strict=False):
            result = getattr(lisp.machine.kernel, entry)(0, a, b)
            if result == NIL:
                return NIL
        return T


chained("lessp", "entry_lessp", "<")
chained("greaterp", "entry_greaterp", ">")
chained("leq", "entry_leq", "<=")
chained("geq", "entry_geq", ">=")
chained("eqn", "entry_eqn")


@builtin("=", 0, -1, wrong="bad arg for =")
def equal_numbers(lisp: Lisp, *arguments: Number) -> int:
    """Numerical equality, of integers and floats too."""
    values = [lisp.to_number(a) for a in arguments]
    return lisp.truth(all(a == b for a, b in zip(values, values[1:], strict=False)))


@builtin("values", 0, -1)
def values(lisp: Lisp, *arguments: Value) -> int:
    return arguments[0] if arguments else NIL
