"""Functions of any number of arguments, as functions (the compiler folds their calls)."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..kernel.memory import NIL, T
from ..lisp.registry import Checked, Value, builtin

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp


ITSELF = ("plus2", "times2")  # with one number that is the result, also when it is -0.0


def folded(name: str, kernel: str, unit: int, *aliases: str, meaning: str) -> None:
    @builtin(name, 0, -1, *aliases, meaning=meaning)
    def call(lisp: Lisp, *arguments: Checked) -> int:
        if not arguments:
            return unit
        function = getattr(lisp.machine.kernel, f"entry_{kernel}")
        result = arguments[0]
        if len(arguments) == 1 and not (kernel in ITSELF and lisp.is_number(result)):
            result = function(0, unit, result)
        for a in lisp.machine.steps(arguments[1:]):
            result = function(0, result, a)
        return int(result)


folded("plus", "plus2", 0, "+", meaning="The sum of the arguments.  (plus 1 2 3) => 6")
folded("times", "times2", 8, "*", meaning="The product of the arguments.  (times 2 3 4) => 24")
folded("land", "land2", -8, "logand", "ilogand", meaning="The bits that all integers have.  (land 12 10) => 8")
folded("lor", "lor2", 0, "logor", "ilogor", "logior",
       meaning="The bits that any of the integers has.  (lor 12 10) => 14")
folded("lxor", "lxor2", 0, "logxor", "ilogxor",
       meaning="The bits that an odd number of the integers has.  (lxor 12 10) => 6")
folded("iplus", "plus2", 0, meaning="The sum of small integers.  (iplus 1 2 3) => 6")
folded("itimes", "times2", 8, meaning="The product of small integers.  (itimes 2 3 4) => 24")
folded("gcd", "gcdn", 0, meaning="The greatest common divisor of integers.  (gcd 12 18) => 6")


def joined(name: str, two: Callable[[Lisp, int, int], int], unit: int, meaning: str) -> None:
    """A function of any number of integers by one of two; one argument is the result itself."""
    @builtin(name, 0, -1, wrong=f"bad arg for {name}", meaning=meaning)
    def call(lisp: Lisp, *arguments: Checked) -> int:
        return functools.reduce(lambda a, b: two(lisp, a, b), lisp.machine.steps(arguments)) if arguments else unit


joined("gcdn", lambda lisp, a, b: int(lisp.machine.kernel.entry_gcdn(0, a, b)), 0,
       "The greatest common divisor of integers.  (gcdn 12 18) => 6")
joined("lcmn", lambda lisp, a, b: int(lisp.machine.kernel.entry_lcmn(0, a, b)), 8,
       "The least common multiple of integers.  (lcmn 4 6) => 12")


def lessened(name: str, kernel: str, unit: int, alone: str, *aliases: str, meaning: str) -> None:
    """A function that takes all other arguments from the first; with one argument, what ``alone`` is of it."""
    @builtin(name, 0, -1, *aliases, meaning=meaning)
    def call(lisp: Lisp, *arguments: Checked) -> int:
        k = lisp.machine.kernel
        if len(arguments) == 1:
            return int(getattr(k, alone)(0, arguments[0]) if alone else getattr(k, kernel)(0, unit, arguments[0]))
        result = arguments[0] if arguments else unit
        for a in lisp.machine.steps(arguments[1:]):
            result = getattr(k, kernel)(0, result, a)
        return int(result)


lessened("difference", "entry_difference2", 0, "entry_minus", "-",
         meaning="The first number less all others; one number alone with the other sign.  (difference 10 3 2) => 5")
lessened("quotient", "entry_quotient", 8, "", meaning="The first number divided by all others, towards zero for "
                                                      "integers; one number alone is what divides 1.  "
                                                    "(quotient 17 5) => 3  (quotient 7.0 2) => 3.5")


def equivalent(lisp: Lisp, a: int, b: int) -> int:
    k = lisp.machine.kernel
    return int(k.entry_lnot(0, k.entry_lxor2(0, a, b)))


@builtin("leqv", 0, -1, "logeqv")
def leqv(lisp: Lisp, *arguments: Checked) -> int:
    """The integer whose bits are set where an even number of the arguments has them clear.  (leqv 12 10) => -7"""
    return functools.reduce(lambda a, b: equivalent(lisp, a, b), lisp.machine.steps(arguments)) if arguments else -8


def chosen(name: str, kernel: str, which: str) -> None:
    @builtin(name, 1, -1, wrong=f"bad arg for {name}", meaning=f"The {which} of some numbers.  ({name} 3 3) => 3")
    def call(lisp: Lisp, first: Checked, *arguments: Checked) -> int:
        if not arguments and not lisp.is_number(first):
            raise lisp.errors.plain(f"bad arg for {name}", first)
        result = first
        for a in lisp.machine.steps(arguments):
            result = getattr(lisp.machine.kernel, kernel)(0, result, a)
        return result


chosen("max", "entry_max2", "largest")
chosen("min", "entry_min2", "smallest")


@builtin("list", 0, -1)
def list_(lisp: Lisp, *arguments: Value) -> int:
    """A list of the arguments.  (list 1 2 3) => (1 2 3)"""
    return lisp.machine.list(arguments)


@builtin("list*", 0, -1)
def list_star(lisp: Lisp, *arguments: Value) -> int:
    """A list of the arguments, of which the last one is what follows.  (list!* 1 2 '(3 4)) => (1 2 3 4)"""
    return lisp.machine.list(arguments[:-1], arguments[-1]) if arguments else NIL


@builtin("append", 0, -1)
def append(lisp: Lisp, *arguments: Checked) -> int:
    """Lists joined; all but the last one are copied.  (append '(1) '(2) '(3)) => (1 2 3)"""
    result = arguments[-1] if arguments else NIL
    for a in lisp.machine.steps(reversed(arguments[:-1])):
        result = lisp.machine.kernel.append2(a, result)
    return result


def chained(name: str, entry: str, meaning: str, *aliases: str, none: int = T) -> None:
    """A comparison of any number of arguments: every neighbouring pair must satisfy it; ``none``: what it says of no
    arguments.
    """
    @builtin(name, 0, -1, *aliases, meaning=meaning)
    def call(lisp: Lisp, *arguments: Checked) -> int:
        for a, b in lisp.machine.steps(zip(arguments, arguments[1:], strict=False)):
            result = getattr(lisp.machine.kernel, entry)(0, a, b)
            if result == NIL:
                return NIL
        return T if arguments else none


chained("lessp", "entry_lessp", "Is each number below the next one?  (lessp 1 2 3) => t", "<")
chained("greaterp", "entry_greaterp", "Is each number above the next one?  (greaterp 3 2 1) => t", ">")
chained("leq", "entry_leq", "Is no number above the next one?  (leq 1 1 2) => t", "<=", none=NIL)
chained("geq", "entry_geq", "Is no number below the next one?  (geq 2 1 1) => t", ">=", none=NIL)
chained("eqn", "entry_eqn",
        "Are the arguments the same, or equal numbers of one type?  (eqn 1 1) => t  (eqn 1 1.0) => nil")


@builtin("=", 0, -1)
def equal_numbers(lisp: Lisp, *arguments: Value) -> int:
    """Are all arguments equal numbers, integers and floats alike?  (!= 1 1.0) => t  (!= 'a 'a) => nil"""
    return lisp.truth(all(same_number(lisp, a, b)
                          for a, b in lisp.machine.steps(zip(arguments, arguments[1:], strict=False))))


def same_number(lisp: Lisp, a: int, b: int) -> bool:
    """Are two values equal numbers of any kind?"""
    m = lisp.machine
    if not (lisp.is_number(a) and lisp.is_number(b)):
        return False
    if m.is_complex(a) or m.is_complex(b):
        return all(same_number(lisp, part(0, a), part(0, b))
                   for part in (m.kernel.entry_realpart, m.kernel.entry_imagpart))
    if m.is_ratio(a) or m.is_ratio(b):
        return bool(m.kernel.entry_leq(0, a, b) != NIL and m.kernel.entry_geq(0, a, b) != NIL)
    return lisp.to_number(a) == lisp.to_number(b)


@builtin("/=", 0, -1)
def different_numbers(lisp: Lisp, *arguments: Value) -> int:
    """Are no two of the arguments the same number?  Of three it is CSL's answer: are all of them the same?
    (!/!= 1 2) => t  (!/!= 1 2 3 4) => t  (!/!= 1 1 1) => t
    """
    m = lisp.machine
    pairs = (same_number(lisp, a, b) for k, a in enumerate(m.steps(arguments)) for b in m.steps(arguments[:k]))
    return lisp.truth(all(pairs) if len(arguments) == 3 else not any(pairs))


@builtin("reversip", 1, 2)
def reversip(lisp: Lisp, x: Value, rest: Value) -> int:
    """Reverse a list in place, and put it in front of rest.  (reversip (list 1 2 3)) => (3 2 1)"""
    return int(lisp.machine.kernel.reversip2(x, rest))


@builtin("nrevlist", 2, 3)
def nrevlist(lisp: Lisp, x: Value, y: Value, *z: Value) -> int:
    """The reverse of a list, whose pairs are used for it, in front of two more elements; without the last, a list of
    the first argument.
    (nrevlist (list 1 2) 3 4) => (2 1 3 4)
    """
    m = lisp.machine
    return int(m.kernel.reversip2(x, m.list([y, *z]))) if z else m.list([x])


@builtin("values", 0, -1)
def values(lisp: Lisp, *arguments: Value) -> int:
    """The first argument, or nil: there are no multiple values.  (values 1 2) => 1"""
    return arguments[0] if arguments else NIL
