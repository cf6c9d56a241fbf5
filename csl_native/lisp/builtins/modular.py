"""Modular arithmetic beyond the kernel's, and primality."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...kernel.memory import NIL
from ..registry import builtin
from .numbers import whole

if TYPE_CHECKING:
    from ..lisp import Lisp


@builtin("set-small-modulus", 1)
def set_small_modulus(lisp: Lisp, n: int) -> int:
    old = lisp.machine.cage["modulus"]
    if n == NIL:
        return old
    if n & 7 or n <= 0:
        raise lisp.errors.plain("set-small-modulus" if n & 7 else "set!-small!-modulus", n)
    lisp.machine.cage["modulus"] = n
    return old


@builtin("modular-number", 1)
def modular_number(lisp: Lisp, a: int) -> int:
    if not lisp.machine.is_integer(a):
        raise lisp.errors.plain("Bad arg for remainder", a)
    return whole(lisp, a, "modular-number") % (lisp.machine.cage["modulus"] >> 3) << 3


@builtin("modular-reciprocal", 1)
def modular_reciprocal(lisp: Lisp, a: int) -> int:
    p = lisp.machine.cage["modulus"] >> 3
    try:
        return pow(a >> 3, -1, p) << 3
    except ValueError:
        if a == 0:
            raise lisp.errors.plain("modular-reciprocal", a) from None
        raise lisp.errors.plain("non-prime modulus in modular-reciprocal", p << 3, a) from None


@builtin("safe-modular-reciprocal", 1)
def safe_modular_reciprocal(lisp: Lisp, a: int) -> int:
    try:
        return pow(a >> 3, -1, lisp.machine.cage["modulus"] >> 3) << 3
    except ValueError:
        return NIL


@builtin("modular-quotient", 2)
def modular_quotient(lisp: Lisp, a: int, b: int) -> int:
    return (a >> 3) * (modular_reciprocal(lisp, b) >> 3) % (lisp.machine.cage["modulus"] >> 3) << 3


@builtin("modular-expt", 2)
def modular_expt(lisp: Lisp, a: int, n: int) -> int:
    return pow(a >> 3, lisp.machine.number(n), lisp.machine.cage["modulus"] >> 3) << 3


def is_prime(n: int) -> bool:
    """Deterministic Miller-Rabin below 3.3e24 (Sorenson and Webster, 2015)."""
    if n < 2:
        return False
    for p in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41):
        if n % p == 0:
            return n == p
    d, s = n - 1, 0
    while d % 2 == 0:
        d, s = d // 2, s + 1
    for a in (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41):
        x = pow(a, d, n)
        if x in (1, n - 1):
            continue
        for _ in range(s - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True


@builtin("primep32", 1, 1, "primep64")
def primep(lisp: Lisp, a: int) -> int:
    return lisp.truth(lisp.machine.is_integer(a) and is_prime(lisp.machine.number(a)))
