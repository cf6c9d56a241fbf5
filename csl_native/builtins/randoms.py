"""Random numbers: the sequence that the original gives for a seed."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from ..heap.words import FLOAT
from ..kernel.memory import NIL
from ..lisp.registry import Number, Value, builtin
from ..lisp.twister import MASK, start
from .numbers import of_words_of_31, words_of_31

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp
    from ..runtime.machine import Machine

LONG = 1 << 59  # the original's numbers from here on are long


def below(m: Machine, numbers: Random, limit: int) -> int:
    """A number from 0 to a limit, which is left out."""
    if limit == 1:
        return 0
    if limit >= LONG:
        return long_below(m, numbers, limit)
    most = limit * (0x7FFFFFFFFFFFFFFF // limit)
    while (q := numbers.getrandbits(32) << 31 ^ numbers.getrandbits(32)) > most:
        pass
    return q % limit


def long_below(m: Machine, numbers: Random, limit: int) -> int:
    """The same for a long number: its digits from the highest on, until one is lower than the limit's; the rest are
    any.
    """
    digits = list(m.steps(words_of_31(m, limit, -(-limit.bit_length() // 31))))
    while True:
        m.look()
        value: list[int] = []  # the highest first
        for k in m.steps(reversed(range(len(digits)))):
            size = digits[k] + 1
            while (w := numbers.getrandbits(32)) >= MASK // size * size:
                pass
            value.append(w % size)
            if w % size != digits[k]:
                value += [numbers.getrandbits(32) >> 1 for _ in m.steps(range(k))]
                return of_words_of_31(m, value[::-1])


@builtin("random-fixnum", 0, -1)
def random_fixnum(lisp: Lisp, *ignored: Value) -> int:
    """A random integer from 0 on, below 2**27.  (fixp (random!-fixnum)) => t"""
    return (lisp.random.getrandbits(32) >> 4 & 0x7FFFFFF) << 3


@builtin("random", 1, 2, "random-number", wrong="random-number")
def random_(lisp: Lisp, n: Number = 8 << 30, state: Value = NIL) -> int:
    """A random number from 0 on, below n: an integer for an integer, a float for a float; the sequence is the same
    at each start.
    (lessp (random 10) 10) => t
    """
    numbers = lisp.random
    if n & 7 == FLOAT:
        part = (numbers.getrandbits(32) & 0x7FFFFFFF) / 2.0 ** 31
        return lisp.machine.float((part + (numbers.getrandbits(32) & 0x7FFFFFFF)) / 2.0 ** 31 * lisp.machine.double(n))
    limit = lisp.machine.number(n)
    if limit <= 0:
        raise lisp.errors.plain("random-number -ve argument", n)
    return lisp.machine.integer(below(lisp.machine, numbers, limit))


@builtin("make-random-state", 0, 2)
def make_random_state(lisp: Lisp, seed: Value = NIL, other: Value = NIL) -> int:
    """Begin the sequence of random numbers that belongs to a seed; what is no number from 1 on is a seed that nobody
    knows.
    (progn (make!-random!-state 1) (random 100)) => 97
    """
    m = lisp.machine
    start(lisp.random, m.number(seed) & MASK if m.is_integer(seed) and m.number(seed) > 0 else 0)
    return NIL
