"""Bits, shifts, greatest common divisors and powers of integers."""

from __future__ import annotations

from ..restricted.language import bounded, clz, inline, lisp, noinline, srem  # type: ignore[attr-defined]
from ..words import UNWIND
from .arithmetic import FIXNUM_MIN, both_fixnums, is_number, times2
from .bignum import is_integer, limb_count
from .host import H_BIG_GCD, H_BIG_LOGIC, H_POWER, O_ASHIFT, O_EXPT, O_GCDN, O_LAND, O_LNOT, O_LOR, O_LSHIFT, O_LXOR, bad_arith, host
from .safepoint import safepoint

POWER_BITS = 1 << 33


@lisp("land2")
def land2(a, b):
    if both_fixnums(a, b):
        return a & b
    return logic_slow(O_LAND, a, b)


@lisp("lor2")
def lor2(a, b):
    if both_fixnums(a, b):
        return a | b
    return logic_slow(O_LOR, a, b)


@lisp("lxor2")
def lxor2(a, b):
    if both_fixnums(a, b):
        return a ^ b
    return logic_slow(O_LXOR, a, b)


@noinline
def logic_slow(operation, a, b):
    if is_integer(a) and is_integer(b):
        return host(H_BIG_LOGIC, operation, a, b)
    return bad_arith(operation, a, b)


@lisp("lnot")
def lnot(a):
    if a & 7 == 0:
        return ~a & -8
    return logic_slow(O_LNOT, a, 0)


@lisp("lshift")
def lshift(a, n):
    return shift(a, n, O_LSHIFT)


@lisp("ashift")
def ashift(a, n):
    return shift(a, n, O_ASHIFT)


def shift(a, n, operation):
    if both_fixnums(a, n):
        k = n >> 3
        if k <= 0 and k > -60 and a >= 0:
            return a >> -k & -8
        if k > 0 and k < 60 and a >> (60 - k) == 0:
            return a << k
    return logic_slow(operation, a, n)


@bounded("numbers of 61 bits")
@lisp("gcdn", "also")
def gcdn(a, b):
    if both_fixnums(a, b) and a != FIXNUM_MIN and b != FIXNUM_MIN:
        if a < 0:
            a = -a
        if b < 0:
            b = -b
        while b != 0:
            r = srem(a, b)
            a = b
            b = r
        return a
    if is_integer(a) and is_integer(b):
        return host(H_BIG_GCD, a, b, 0)
    return bad_arith(O_GCDN, a, b)


@inline
def magnitude_bits(a):
    """Bits that hold the magnitude of an integer, or some more."""
    return 64 * limb_count(a) if a & 7 != 0 else 64 - clz(-a if a < 0 else a)


@lisp("expt")
def expt(a, n):
    """Integer powers of integers by squaring, up to a gigabyte; the rest by the host."""
    if is_integer(a) and n & 7 == 0 and n >= 0 and n >> 3 < POWER_BITS and magnitude_bits(a) * (n >> 3) < POWER_BITS:
        r = 8
        k = n >> 3
        while k > 0:
            if k & 1 != 0:
                r = times2(r, a)
                if r == UNWIND:
                    return r
            k = k >> 1
            if k > 0:
                a = times2(a, a)
                if a == UNWIND:
                    return a
            if safepoint() == UNWIND:
                return UNWIND
        return r
    if is_number(a) and is_number(n):
        return host(H_POWER, a, n, 0)
    return bad_arith(O_EXPT, a, n)
