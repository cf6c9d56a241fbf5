"""Bits, shifts, greatest common divisors and powers of integers."""

from __future__ import annotations

from ..heap.words import UNWIND
from ..restricted.language import bounded, clz, ctz, inline, lisp, load, lshr, noinline, onepass, srem, store, word
from .arithmetic import FIXNUM_MIN, absolute, both_fixnums, is_number, quotient, times2
from .bignum import (
    from_unsigned,
    is_big,
    is_integer,
    is_minus_integer,
    is_negative,
    is_unsigned,
    limb_count,
    limbs,
    low_limb,
    normalise,
    shifted,
    to_big,
    unshifted,
)
from .division import divide_integers
from .divisors import greatest_divisor
from .host import (
    H_LONG_SHIFT,
    H_POWER,
    O_ASHIFT,
    O_EXPT,
    O_GCDN,
    O_LAND,
    O_LCMN,
    O_LNOT,
    O_LOR,
    O_LSD,
    O_LSHIFT,
    O_LXOR,
    O_MSD,
    bad_arith,
    bad_op,
    host,
)
from .memory import make_bignum, poll
from .safepoint import safepoint

POWER_BITS = 1 << 33
LONGEST_SHIFT = 1 << 33  # bits


@lisp("land2")
def land2(a: word, b: word) -> word:
    """The bits that both integers have, in two's complement.  (land2 12 10) => 8"""
    if both_fixnums(a, b):
        return a & b
    return logic_slow(O_LAND, a, b)


@lisp("lor2")
def lor2(a: word, b: word) -> word:
    """The bits that one of two integers has, or both.  (lor2 12 10) => 14"""
    if both_fixnums(a, b):
        return a | b
    return logic_slow(O_LOR, a, b)


@lisp("lxor2")
def lxor2(a: word, b: word) -> word:
    """The bits in which two integers differ.  (lxor2 12 10) => 6"""
    if both_fixnums(a, b):
        return a ^ b
    return logic_slow(O_LXOR, a, b)


@noinline
def logic_slow(operation: word, a: word, b: word) -> word:
    if is_unsigned(a) and is_unsigned(b):
        x = low_limb(a)
        y = low_limb(b)
        return from_unsigned(x & y if operation == O_LAND else x | y if operation == O_LOR else x ^ y)
    if operation == O_LAND and is_unsigned(a) and is_big(b) and is_negative(b) == 0:
        return from_unsigned(low_limb(a) & load(limbs(b)))
    if operation == O_LAND and is_unsigned(b) and is_big(a) and is_negative(a) == 0:
        return from_unsigned(load(limbs(a)) & low_limb(b))
    if is_integer(a) and is_integer(b):
        return logic(0 if operation == O_LXOR else -1, 0 if operation == O_LAND else -1, to_big(a), to_big(b))
    return bad_arith(operation, a, b)


@inline
def joined_bits(both: word, either: word, x: word, y: word) -> word:
    """The bits that are set in two words, if ``both`` has them, and those that are set in one of them, if ``either``
    has.
    """
    return x & y & both | (x ^ y) & either


def logic(both: word, either: word, a: word, b: word) -> word:
    """Join the bits of two bignums, which are as two's complement has them, limb by limb; or UNWIND."""
    n = limb_count(a)
    m = limb_count(b)
    s = -is_negative(a)
    t = -is_negative(b)
    count = n if n > m else m
    if either == 0:  # what is not negative has no bits above its limbs
        if s == 0 and n < count:
            count = n
        if t == 0 and m < count:
            count = m
    u = joined_bits(both, either, s, t)
    r = make_bignum(count + 1, u & 1)
    if r == UNWIND:
        return r
    c = -s  # what is to be added to the complement of each
    d = -t
    e = -u
    i = 0
    while i < count:
        x = ((load(limbs(a) + 8 * i) if i < n else 0) ^ s) + c
        y = ((load(limbs(b) + 8 * i) if i < m else 0) ^ t) + d
        c = c if x == 0 else 0
        d = d if y == 0 else 0
        z = (joined_bits(both, either, x, y) ^ u) + e
        e = e if z == 0 else 0
        store(limbs(r) + 8 * i, z)
        i += 1
        if poll() == UNWIND:
            return UNWIND
    store(limbs(r) + 8 * i, e)
    return normalise(r)


@lisp("lnot")
def lnot(a: word) -> word:
    """All bits of an integer the other way round: minus the number, less one.  (lnot 5) => -6"""
    if a & 7 == 0:
        return ~a & -8
    return logic_slow(O_LXOR, a, -8) if is_big(a) else bad_arith(O_LNOT, a, 0)


@lisp("lshift")
def lshift(a: word, n: word) -> word:
    """Shift an integer to the left by n bits, or to the right by -n, where it is rounded down.
    (lshift 3 4) => 48  (lshift 48 -4) => 3
    """
    return shift(a, n, O_LSHIFT) if a & 7 == 0 and a >= 0 else lshift_negative(a, n)


@noinline
def lshift_negative(a: word, n: word) -> word:
    """A negative number that is shifted right is rounded down: its complement is shifted."""
    if is_integer(a) and is_integer(n) and is_minus_integer(n) and is_minus_integer(a):
        r = lnot(a)
        if r != UNWIND:
            r = shift(r, n, O_LSHIFT)
        return lnot(r) if r != UNWIND else r
    return shift(a, n, O_LSHIFT)


@lisp("ashift")
def ashift(a: word, n: word) -> word:
    """Multiply an integer by a power of two; what becomes a fraction is rounded towards zero.
    (ashift 3 4) => 48  (ashift -3 -1) => -1
    """
    return shift(a, n, O_ASHIFT)


def shift(a: word, n: word, operation: word) -> word:
    if both_fixnums(a, n):
        k = n >> 3
        if k <= 0 and k > -60 and a >= 0:
            return a >> -k & -8
        if k > 0 and k < 60 and a >> (60 - k) == 0:
            return a << k
    return shift_slow(a, n, operation)


def shift_limb(w: word, k: word) -> word:
    """What one limb is, shifted by less than its length."""
    if k <= 0:
        return from_unsigned(lshr(w, -k))
    high = lshr(w, 64 - k)
    if high == 0:
        return from_unsigned(w << k)
    r = make_bignum(2, 0)
    if r != UNWIND:
        store(limbs(r), w << k)
        store(limbs(r) + 8, high)
    return r


@noinline
def shift_slow(a: word, n: word, operation: word) -> word:
    """The magnitude is shifted, so that what is shifted right is rounded towards 0; only the host says that a shift is
    too long.
    """
    if not is_integer(a) or not is_integer(n):
        return bad_arith(operation, a, n)
    if n & 7 != 0 and is_negative(n) != 0:
        return 0
    k = n >> 3
    if n & 7 != 0 or k > LONGEST_SHIFT:
        return host(H_LONG_SHIFT, operation, a, n)
    if a == 0:
        return 0
    if is_unsigned(a) and k > -64 and k < 64:
        return shift_limb(low_limb(a), k)
    x = to_big(a)
    if k >= 0:
        r = shifted(x, k & 63, k >> 6, 1)
        return normalise(r) if r != UNWIND else r
    return unshifted(x, -k & 63, -k >> 6, is_negative(x)) if -k >> 6 < limb_count(x) else 0


@bounded("numbers of 61 bits")
@inline
def gcd_of_fixnums(a: word, b: word) -> word:
    if a < 0:
        a = -a
    if b < 0:
        b = -b
    while b != 0:
        r = srem(a, b)
        a = b
        b = r
    return a


@lisp("gcdn", "also")
def gcdn(a: word, b: word) -> word:
    if both_fixnums(a, b) and a != FIXNUM_MIN and b != FIXNUM_MIN:
        return gcd_of_fixnums(a, b)
    if is_integer(a) and is_integer(b):
        return gcd_slow(a, b)
    return bad_arith(O_GCDN, a, b)


@noinline
def gcd_slow(a: word, b: word) -> word:
    """Of a long and a short integer: that of the short one and a remainder."""
    if a & 7 == 0:
        t = a
        a = b
        b = t
    if b == 0:
        return absolute(a)
    if a & 7 != 0 and b & 7 == 0:
        a = divide_integers(a, b, 1)
        if a == UNWIND:
            return a
        if b != FIXNUM_MIN:
            return gcd_of_fixnums(a, b)
    return greatest_divisor(a, b)


@inline
def magnitude_bits(a: word) -> word:
    """Bits that hold the magnitude of an integer, or some more."""
    return 64 * limb_count(a) if a & 7 != 0 else 64 - clz(-a if a < 0 else a)


@lisp("msd")
def msd(a: word) -> word:
    """The number of bits of an integer from 0 on.  (msd 255) => 8"""
    if a & 7 == 0 and a >= 0:
        return 64 - clz(a >> 3) << 3
    if is_big(a) and is_negative(a) == 0:
        n = limb_count(a)
        return 64 * n - clz(load(limbs(a) + 8 * (n - 1))) << 3
    return bad_op(O_MSD, a)


@lisp("lsd")
@onepass("the limbs of one number")
def lsd(a: word) -> word:
    """The place of the lowest bit that is set, from 1 on; 0 for zero.  (lsd 8) => 4"""
    if a & 7 == 0 and a >= 0:
        return 0 if a == 0 else ctz(a) - 2 << 3
    if is_big(a) and is_negative(a) == 0:
        p = limbs(a)
        while load(p) == 0:
            p += 8
        return 8 * (p - limbs(a)) + ctz(load(p)) + 1 << 3
    return bad_op(O_LSD, a)


@lisp("lcmn", "also")
def lcmn(a: word, b: word) -> word:
    if not is_integer(a) or not is_integer(b):
        return bad_arith(O_LCMN, a, b)
    if a == 0 or b == 0:
        return 0
    g = gcdn(a, b)
    if g == UNWIND:
        return g
    q = quotient(a, g)
    if q == UNWIND:
        return q
    r = times2(q, b)
    return absolute(r) if r != UNWIND else r


@lisp("expt")
def expt(a: word, n: word) -> word:
    """A power: exact for an integer or a float with an integer exponent, else by logarithms.
    (expt 2 100) => 1267650600228229401496703205376  (expt 2.0 3) => 8.0
    """
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
