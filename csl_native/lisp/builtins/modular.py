"""Modular arithmetic beyond the kernel's, and primality."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...kernel.memory import NIL
from ..registry import Checked, builtin

if TYPE_CHECKING:
    from ..lisp import Lisp


@builtin("set-small-modulus", 1)
def set_small_modulus(lisp: Lisp, n: Checked) -> int:
    old = lisp.machine.cage["modulus"]
    if n == NIL:
        return old
    if n & 7 or n <= 0:
        raise lisp.errors.plain("set-small-modulus" if n & 7 else "set!-small!-modulus", n)
    lisp.machine.cage["modulus"] = n
    return old


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
def primep(lisp: Lisp, a: Checked) -> int:
    if not lisp.machine.is_integer(a) or lisp.machine.number(a) <= 0:
        raise lisp.errors.plain("primep32", a)
    return lisp.truth(lisp.machine.is_integer(a) and is_prime(lisp.machine.number(a)))
