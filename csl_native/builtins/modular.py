"""Modular arithmetic beyond the kernel's, and primality."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..lisp.registry import Checked, builtin
from ..runtime.machine import Machine
from ..system import gmp
from .numbers import lowest_bit

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp


LONG = 1 << 12  # bits of a modulus from which on a power takes longer than asking another process does
SMALL_PRIMES = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41)


def is_prime(m: Machine, x: int) -> bool:
    """Deterministic Miller-Rabin below 3.3e24 (Sorenson and Webster, 2015)."""
    rest = m.number(m.kernel.entry_remainder(0, x, math.prod(SMALL_PRIMES) << 3))
    if x & 7 == 0 and x >> 3 in SMALL_PRIMES:
        return True
    if x in (0, 8) or any(rest % p == 0 for p in SMALL_PRIMES):
        return False
    n, s = m.number(x), lowest_bit(m, x - 8 if x & 7 == 0 else int(m.kernel.entry_sub1(0, x)))
    d = n - 1 >> s
    return not any(is_witness(m, a, d, s, n) for a in SMALL_PRIMES)


def is_witness(m: Machine, a: int, d: int, s: int, n: int) -> bool:
    """Does ``a`` show that n, which is d * 2**s + 1, is no prime?"""
    x = power(m, a, d, n)
    if x in (1, n - 1):
        return False
    for _ in range(s - 1):
        x = power(m, x, 2, n)
        if x == n - 1:
            return False
    return True


def power(m: Machine, a: int, e: int, n: int) -> int:
    """A power by a modulus; it can be ended."""
    m.look()
    if n.bit_length() > LONG:
        with m.waiting():
            found = m.apart.ask("power", *map(gmp.magnitude, (a, e, n)))
        if found is not None:
            return gmp.integer(found[0])
    return pow(a, e, n)


@builtin("primep32", 1, 1, "primep64")
def primep(lisp: Lisp, a: Checked) -> int:
    """Is an integer above zero a prime?  The answer is certain below 3.3e24.  (primep32 97) => t"""
    if not lisp.machine.is_integer(a) or a == 0 or lisp.machine.is_minus(a):
        raise lisp.errors.plain("primep32", a)
    return lisp.truth(is_prime(lisp.machine, a))
