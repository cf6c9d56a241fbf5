"""Functions of integers, and of floats that become integers, as long as all of them are fixnums.

What is longer, or of another type, is passed on to the function of the same name that Python has: there are the
errors.
"""

from __future__ import annotations

from ..heap.words import FLOAT
from ..restricted.language import clz, double, fsqrt, ftoi, inline, itof, lisp, sdiv, srem, word
from .arithmetic import both_fixnums, truth
from .bignum import is_integer
from .bits import gcdn, lshift
from .host import (
    P_ASH,
    P_ASH1,
    P_CEILING,
    P_FLOOR,
    P_GCD,
    P_INTEGER_LENGTH,
    P_IQUOTIENT,
    P_IREMAINDER,
    P_IRIGHTSHIFT,
    P_ISQRT,
    P_LOGBITP,
    P_LOGCOUNT,
    P_MOD,
    P_ODDP,
    P_ROUND,
    P_SIGNUM,
    P_TRUNCATE,
    pass_one,
    pass_two,
)
from .memory import float_value

EXACT = 1 << 52  # up to which doubles have a place behind the point, and their square roots are exact below
LARGE = float(1 << 59)
LONG = 1 << 20  # bits from which on a shift is Python's, which knows what is too long


@inline
def is_small(a: word) -> bool:
    """Is a fixnum one of the original's, which have a bit less?"""
    return a ^ a << 1 >= 0


@lisp("mod", "also")
def mod_fixnums(a: word, b: word) -> word:
    if not both_fixnums(a, b) or b == 0:
        return pass_two(P_MOD, a, b)
    r = srem(a, b)
    return r + b if r != 0 and r ^ b < 0 else r


@lisp("iremainder", "also")
def remainder_of_small(a: word, b: word) -> word:
    if both_fixnums(a, b) and b != 0 and is_small(a) and is_small(b):
        return srem(a, b)
    return pass_two(P_IREMAINDER, a, b)


@lisp("iquotient", "also")
def quotient_of_small(a: word, b: word) -> word:
    if both_fixnums(a, b) and b != 0 and is_small(a) and is_small(b):
        return sdiv(a, b) << 3
    return pass_two(P_IQUOTIENT, a, b)


@lisp("gcd", "also")
def gcd_two(a: word, b: word) -> word:
    return gcdn(a, b) if both_fixnums(a, b) else pass_two(P_GCD, a, b)


@lisp("oddp", "also")
def odd_fixnum(a: word) -> word:
    return truth(a & 8 != 0) if a & 7 == 0 else pass_one(P_ODDP, a)


@lisp("signum", "also")
def sign_of_fixnum(a: word) -> word:
    if a & 7 != 0:
        return pass_one(P_SIGNUM, a)
    return -8 if a < 0 else 8 if a > 0 else 0


@inline
def fits_left(a: word, k: word) -> bool:
    """Is a fixnum one still when it is shifted left by so many bits?"""
    return k < 60 and a << k >> k == a


@lisp("ash", "also")
def shift_down(a: word, n: word) -> word:
    k = n >> 3
    if both_fixnums(a, n) and k > -60:
        if k <= 0:
            return a >> -k & -8
        if fits_left(a, k):
            return a << k
    if n & 7 == 0 and k < LONG and is_integer(a):
        return lshift(a, n)
    return pass_two(P_ASH, a, n)


@lisp("ash1", "also")
def shift_to_zero(a: word, n: word) -> word:
    k = n >> 3
    if both_fixnums(a, n) and k > -60:
        if k <= 0 and a >= 0:
            return a >> -k & -8
        if k > 0 and fits_left(a, k):
            return a << k
    return pass_two(P_ASH1, a, n)


@lisp("irightshift", "also")
def shift_right(a: word, n: word) -> word:
    if both_fixnums(a, n) and n >= 0 and n < 60 << 3:
        return a >> (n >> 3) & -8
    return pass_two(P_IRIGHTSHIFT, a, n)


@lisp("logbitp", "also")
def bit_of_fixnum(k: word, a: word) -> word:
    if both_fixnums(a, k) and k >= 0:
        return truth(a >> 3 >> (k >> 3) & 1 != 0 if k < 60 << 3 else a < 0)
    return pass_two(P_LOGBITP, k, a)


@inline
def without_sign(a: word) -> word:
    """Of a fixnum: the number, or the complement of a negative one."""
    return a >> 3 ^ a >> 63


@lisp("logcount", "also")
def bits_of_fixnum(a: word) -> word:
    if a & 7 != 0:
        return pass_one(P_LOGCOUNT, a)
    n = without_sign(a)  # sums of neighbours, in 2, 4 and 8 bits each, then of all bytes at once
    n -= n >> 1 & 0x5555555555555555
    n = (n & 0x3333333333333333) + (n >> 2 & 0x3333333333333333)
    n = n + (n >> 4) & 0x0F0F0F0F0F0F0F0F
    return (n * 0x0101010101010101 >> 56) << 3


@lisp("integer-length", "also")
def length_of_fixnum(a: word) -> word:
    return 64 - clz(without_sign(a)) << 3 if a & 7 == 0 else pass_one(P_INTEGER_LENGTH, a)


@lisp("isqrt", "also")
def root_of_fixnum(a: word) -> word:
    if a & 7 != 0 or a < 0 or a >= EXACT << 3:
        return pass_one(P_ISQRT, a)
    return ftoi(fsqrt(itof(a >> 3))) << 3


@inline
def moderate(d: double) -> bool:
    """Is a float below what fixnums hold?  An infinity or NaN is not."""
    return d < LARGE and d > -LARGE


@inline
def floor_of(d: double) -> word:
    n = ftoi(d)
    return n - 1 if itof(n) > d else n


@lisp("floor", "also")
def floor_one(a: word) -> word:
    if a & 7 == FLOAT:
        if moderate(float_value(a)):
            return floor_of(float_value(a)) << 3
    return a if a & 7 == 0 else pass_one(P_FLOOR, a)


@lisp("ceiling", "also")
def ceiling_one(a: word) -> word:
    if a & 7 == FLOAT:
        if moderate(float_value(a)):
            return -floor_of(-float_value(a)) << 3
    return a if a & 7 == 0 else pass_one(P_CEILING, a)


@lisp("truncate", "also")
def truncate_one(a: word) -> word:
    if a & 7 == FLOAT:
        if moderate(float_value(a)):
            return ftoi(float_value(a)) << 3
    return a if a & 7 == 0 else pass_one(P_TRUNCATE, a)


@lisp("round", "also")
def round_one(a: word) -> word:
    if a & 7 == FLOAT:
        if moderate(float_value(a)):
            return nearest(float_value(a)) << 3
    return a if a & 7 == 0 else pass_one(P_ROUND, a)


def nearest(d: double) -> word:
    """The nearest integer; of two, the even one."""
    n = floor_of(d)
    rest = d - itof(n)  # exact, as both are multiples of the last bit of ``d``
    return n + 1 if rest > 0.5 or rest == 0.5 and n & 1 != 0 else n


@inline
def divides(a: word, b: word) -> bool:
    """Are both fixnums, and their quotient too?"""
    return both_fixnums(a, b) and b != 0 and b != -8


@lisp("floor", "also")
def floor_two(a: word, b: word) -> word:
    if not divides(a, b):
        return pass_two(P_FLOOR, a, b)
    return sdiv(a, b) - (1 if srem(a, b) < 0 else 0) << 3


@lisp("ceiling", "also")
def ceiling_two(a: word, b: word) -> word:
    if not divides(a, b):
        return pass_two(P_CEILING, a, b)
    return sdiv(a, b) + (1 if srem(a, b) > 0 else 0) << 3


@lisp("truncate", "also")
def truncate_two(a: word, b: word) -> word:
    return sdiv(a, b) << 3 if divides(a, b) else pass_two(P_TRUNCATE, a, b)
