"""Functions of any number of arguments, as functions (the compiler folds their calls)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

from ...kernel.memory import NIL, T
from ..registry import Checked, Number, Value, builtin

if TYPE_CHECKING:
    from ..lisp import Lisp


ITSELF = ("plus2", "times2")  # with one number that is the result, also when it is -0.0


def folded(name: str, kernel: str, unit: int, *aliases: str) -> None:
    @builtin(name, 0, -1, *aliases)
    def call(lisp: Lisp, *arguments: Checked) -> int:
        if not arguments:
            return unit
        function = getattr(lisp.machine.kernel, f"entry_{kernel}")
        result = arguments[0]
        if len(arguments) == 1 and not (kernel in ITSELF and lisp.is_number(result)):
            result = function(0, unit, result)
        for a in arguments[1:]:
            result = function(0, result, a)
        return int(result)


folded("plus", "plus2", 0, "+")
folded("times", "times2", 8, "*")
folded("land", "land2", -8, "logand", "ilogand")
folded("lor", "lor2", 0, "logor", "ilogor", "logior")
folded("lxor", "lxor2", 0, "logxor", "ilogxor")
folded("iplus", "plus2", 0)
folded("itimes", "times2", 8)
folded("gcd", "gcdn", 0)


def joined(name: str, two: Callable[[Lisp, int, int], int], unit: int) -> None:
    """A function of any number of integers by one of two; one argument is the result itself."""
    @builtin(name, 0, -1, wrong=f"bad arg for {name}")
    def call(lisp: Lisp, *arguments: Checked) -> int:
        return functools.reduce(lambda a, b: two(lisp, a, b), arguments) if arguments else unit


def lcmn2(lisp: Lisp, a: int, b: int) -> int:
    k, m = lisp.machine.kernel, lisp.machine
    if not (m.is_integer(a) and m.is_integer(b)):
        raise lisp.errors.plain("bad arg for lcmn", a, b)
    if a == 0 or b == 0:
        return 0
    found = int(k.entry_times2(0, k.entry_quotient(0, a, k.entry_gcdn(0, a, b)), b))
    return found if not m.is_minus(found) else int(k.entry_difference2(0, 0, found))


joined("gcdn", lambda lisp, a, b: int(lisp.machine.kernel.entry_gcdn(0, a, b)), 0)
joined("lcmn", lcmn2, 8)


def lessened(name: str, kernel: str, unit: int, alone: str, *aliases: str) -> None:
    """A function that takes all other arguments from the first; with one argument, what ``alone`` is of it."""
    @builtin(name, 0, -1, *aliases)
    def call(lisp: Lisp, *arguments: Checked) -> int:
        k = lisp.machine.kernel
        if len(arguments) == 1:
            return int(getattr(k, alone)(0, arguments[0]) if alone else getattr(k, kernel)(0, unit, arguments[0]))
        result = arguments[0] if arguments else unit
        for a in arguments[1:]:
            result = getattr(k, kernel)(0, result, a)
        return int(result)


lessened("difference", "entry_difference2", 0, "entry_minus", "-")
lessened("quotient", "entry_quotient", 8, "")


def equivalent(lisp: Lisp, a: int, b: int) -> int:
    k = lisp.machine.kernel
    return int(k.entry_lnot(0, k.entry_lxor2(0, a, b)))


@builtin("leqv", 0, -1, "logeqv")
def leqv(lisp: Lisp, *arguments: Checked) -> int:
    """Bits are set where an even number of the arguments has them clear."""
    return functools.reduce(lambda a, b: equivalent(lisp, a, b), arguments) if arguments else -8


def chosen(name: str, kernel: str) -> None:
    @builtin(name, 1, -1, wrong=f"bad arg for {name}")
    def call(lisp: Lisp, first: Checked, *arguments: Checked) -> int:
        if not arguments and not lisp.is_number(first):
            raise lisp.errors.plain(f"bad arg for {name}", first)
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


@builtin("/=", 0, -1, wrong="bad arg for =")
def different_numbers(lisp: Lisp, *arguments: Number) -> int:
    """Are all of them different numbers?"""
    values = [lisp.to_number(a) for a in arguments]
    return lisp.truth(len(set(values)) == len(values))


@builtin("reversip", 1, 2)
def reversip(lisp: Lisp, x: Value, rest: Value) -> int:
    """The pairs of a list turned round, in front of something; the kernel has that of one argument."""
    return int(lisp.machine.kernel.reversip2(x, rest))


@builtin("nrevlist", 2, 3)
def nrevlist(lisp: Lisp, x: Value, y: Value, *z: Value) -> int:
    """The reverse of a list, whose pairs are used for it, in front of two more elements; without those, a list of the first argument."""
    m = lisp.machine
    return int(m.kernel.reversip2(x, m.list([y, *z]))) if z else m.list([x])


@builtin("values", 0, -1)
def values(lisp: Lisp, *arguments: Value) -> int:
    return arguments[0] if arguments else NIL
