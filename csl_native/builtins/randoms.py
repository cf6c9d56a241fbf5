"""Random numbers: the sequence that the original gives for a seed."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from ..heap.words import FLOAT
from ..kernel.memory import NIL
from ..lisp.registry import Number, Value, builtin
from ..lisp.twister import MASK, start

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp

DIGIT = 31  # bits of what a long number is made of, one word of the generator each
LONG = 1 << 59  # the original's numbers from here on are long


def below(numbers: Random, limit: int) -> int:
    """A number from 0 to a limit, which is left out."""
    if limit == 1:
        return 0
    if limit >= LONG:
        return long_below(numbers, limit)
    most = limit * (0x7FFFFFFFFFFFFFFF // limit)
    while (q := numbers.getrandbits(32) << 31 ^ numbers.getrandbits(32)) > most:
        pass
    return q % limit


def long_below(numbers: Random, limit: int) -> int:
    """The same for a long number: its digits from the highest on, until one is lower than the limit's; the rest are any."""
    digits = [limit >> DIGIT * k & (1 << DIGIT) - 1 for k in range((limit.bit_length() + DIGIT - 1) // DIGIT)]
    while True:
        value = 0
        for k in reversed(range(len(digits))):
            size = digits[k] + 1
            while (w := numbers.getrandbits(32)) >= MASK // size * size:
                pass
            value = value << DIGIT | w % size
            if w % size != digits[k]:
                for _ in range(k):
                    value = value << DIGIT | numbers.getrandbits(32) >> 1
                return value


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
    return lisp.machine.integer(below(numbers, limit))


@builtin("make-random-state", 0, 2)
def make_random_state(lisp: Lisp, seed: Value = NIL, other: Value = NIL) -> int:
    """Begin the sequence of random numbers that belongs to a seed; what is no number from 1 on is a seed that nobody
    knows.
    (progn (make!-random!-state 1) (random 100)) => 97
    """
    m = lisp.machine
    start(lisp.random, m.number(seed) & MASK if m.is_integer(seed) and m.number(seed) > 0 else 0)
    return NIL
