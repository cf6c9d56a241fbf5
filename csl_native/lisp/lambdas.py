"""What lambda expressions mention and assign: closures take along what they mention, and what they assign is bound as a
fluid.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any

from ..heap.words import CONS, SYMBOL
from ..system.records import Record

WIDEST = 1 << 20  # parts of a function that are still to be looked at: more than that is a circular one

if TYPE_CHECKING:
    from ..runtime.machine import Machine
    from .exits import Exits


class Facts(Record):
    """Symbols that stand in the body of a lambda expression, those in it included, and variables that it assigns."""

    mentioned: set[int]
    assigned: set[int]


class Hidden(Exception):
    """A lambda expression mentions or assigns a variable of a function around it in what a macro made: the text did not
    show it.
    """

    def __init__(self, symbol: int, assigned: bool) -> None:
        self.symbol, self.assigned = symbol, assigned


class Known:
    """The facts of lambda expressions inside of a function, which are found once, however deep they are.

    ``hidden`` are those that the text does not show.  They come up while a lambda expression is compiled; then the
    function begins again.
    """

    def __init__(self, m: Machine) -> None:
        self.facts: dict[int, Facts] = {}
        self.hidden = Facts(set(), set())
        self.around: set[int] = set()  # lexical variables of the functions around the one that is compiled
        m.hold(self)

    def learn(self, hidden: Hidden) -> None:
        (self.hidden.assigned if hidden.assigned else self.hidden.mentioned).add(hidden.symbol)
        self.around = set()

    def mention(self, symbol: int) -> None:
        """A variable is mentioned that is no lexical one of the function that is compiled."""
        if symbol in self.around:
            raise Hidden(symbol, False)

    def assign(self, symbol: int) -> None:
        if symbol in self.around:
            raise Hidden(symbol, True)

    def held_words(self) -> list[int]:
        """The expressions live as long as they are known by their addresses."""
        return list(self.facts)


def is_function(compiler: Exits, x: int) -> bool:
    """Is it (function (lambda parameters ...))?"""
    m = compiler.m
    if x & 7 != CONS or m.car(x) != compiler.function or m.cdr(x) & 7 != CONS:
        return False
    f = m.car(m.cdr(x))
    return f & 7 == CONS and m.car(f) == compiler.lambda_ and m.cdr(f) & 7 == CONS


def wait(work: list[Any], part: Any) -> None:
    """Look at a part later."""
    if len(work) == WIDEST:
        raise RecursionError("a function without an end")
    work.append(part)


def facts(compiler: Exits, x: int) -> Generator[Any, Any, Facts]:
    """The facts of a lambda expression."""
    m, known = compiler.m, compiler.known.facts
    if x in known:
        return known[x]
    found = Facts(set(), set())
    work = [(m.cdr(m.cdr(x)), False)]
    while work:
        y, quoted = work.pop()
        if is_function(compiler, y):
            inner: Facts = yield facts(compiler, m.car(m.cdr(y)))
            found.mentioned.update(inner.mentioned)
            if not quoted:
                found.assigned.update(inner.assigned)
            continue
        if y & 7 == CONS:
            quoted = quoted or m.car(y) == compiler.quote
            if m.car(y) == compiler.setq and not quoted:
                found.assigned.update(list(m.items(m.cdr(y)))[::2])
        while y & 7 == CONS:
            m.look()
            part, y = m.car(y), m.cdr(y)
            if part & 7 == CONS:
                wait(work, (part, quoted))
            elif part & 7 == SYMBOL:
                found.mentioned.add(part)
        if y & 7 == SYMBOL:
            found.mentioned.add(y)
    known[x] = found
    return found


def assigned_inside(compiler: Exits, body: list[int]) -> Generator[Any, Any, set[int]]:
    """Variables that lambda expressions in a body assign; those of map functions stand in place and need not be looked
    into.

    Every definition is looked through, so this reads the words of its conses as they are: nothing collects meanwhile.
    """
    m, function, quote, special, loops = compiler.m, compiler.function, compiler.quote, compiler.special, compiler.loops
    words, found = m.words, set(compiler.known.hidden.assigned)
    work = [x for x in body if x & 7 == CONS]
    while work:
        m.look()
        x = work.pop()
        head = words[x >> 3]
        if head == function and is_function(compiler, x):
            inner: Facts = yield facts(compiler, m.car(m.cdr(x)))
            found |= inner.assigned
            continue
        if head == quote:
            continue
        skip = special.get(head) in loops
        while x & 7 == CONS:
            if m.attention:
                m.stop_here()
            part, x = words[x >> 3], words[x + 7 >> 3]
            if part & 7 != CONS:
                continue
            if skip and is_function(compiler, part):
                work += [y for y in m.items(m.cdr(m.cdr(m.car(m.cdr(part))))) if y & 7 == CONS]
            else:
                wait(work, part)
    return found


def captured(compiler: Exits, x: int) -> Generator[Any, Any, list[int]]:
    """Lexical variables of the current function that a lambda expression may mention: a closure takes their values
    along.
    """
    m, scope = compiler.m, compiler.f.scope
    inner: Facts = yield facts(compiler, x)
    return (sorted((inner.mentioned | compiler.known.hidden.mentioned).intersection(scope) - set(
        m.items(m.car(m.cdr(x)))), key=lambda s: scope[s]))
