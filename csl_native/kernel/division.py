"""Quotients: Knuth's algorithm D (The Art of Computer Programming 4.3.1) with reciprocals, halves of it for long ones,
and a library through the host for very long ones.

The halves are those of C. Burnikel and J. Ziegler, "Fast recursive division", 1998, in the form of R. Brent and
P. Zimmermann, "Modern Computer Arithmetic", 1.4.3: a quotient by the first limbs of the divisor, made right by its
product with the others.
"""

from __future__ import annotations

from ..heap.vm import LONG_DIVISOR
from ..heap.words import UNWIND
from ..restricted.language import (
    bounded,
    clz,
    inline,
    load,
    lshr,
    mulhi,
    multiply_subtract,
    noinline,
    onepass,
    store,
    udiv,
    ule,
    ult,
    word,
)
from .bignum import (
    FIXNUM_LIMIT,
    compare_magnitudes,
    from_word,
    is_negative,
    limb_count,
    limbs,
    normalise,
    one_limb,
    quotient_limb,
    reciprocal,
    shifted,
    to_big,
    unshifted,
)
from .host import H_BIG_QUOTIENT, host
from .memory import NIL, cons, fill, make_bignum, poll
from .multiply import KARATSUBA, add_equal, add_limbs, product_long, product_rows, subtract_limbs

HALVES = 80  # limbs of a quotient from which on it is made in halves


@inline
def result(quotient: word, remainder: word, want: word) -> word:
    """``want`` 0: the quotient, 1: the remainder, 2: both in a pair."""
    return quotient if want == 0 else remainder if want == 1 else cons(quotient, remainder)


@noinline
def divide_integers(a: word, b: word, want: word) -> word:
    """Truncating division; ``b`` is not 0."""
    if a & 7 == 0 and b & 7 == 0:
        x = a >> 3
        y = b >> 3
        if y == -1:
            return result(from_word(-x), 0, want)
        q = udiv(-x if x < 0 else x, -y if y < 0 else y)
        if (x < 0) != (y < 0):
            q = -q
        return result(q << 3, x - q * y << 3, want)
    u = to_big(a)
    v = to_big(b)
    negative = is_negative(u) ^ is_negative(v)
    if compare_magnitudes(u, v) < 0:
        return result(0, a, want)
    if limb_count(v) == 1:
        return divide_limb(u, load(limbs(v)), negative, want)
    n = limb_count(v)
    m = limb_count(u) - n + 1
    q = short_quotient(limbs(u), m - 1, limbs(v), n)
    if q >= 0:
        return short_division(u, v, q, negative, want)
    if n >= load(LONG_DIVISOR) and n * m >= load(LONG_DIVISOR) * load(LONG_DIVISOR):
        r = host(H_BIG_QUOTIENT, u, v, want << 3)
        if r == UNWIND or r != NIL:
            return r
    return divide_long(u, v, negative, want)


def magnitude_word(w: word, negative: word) -> word:
    """The integer of an unsigned word and a sign."""
    if ult(w, FIXNUM_LIMIT):
        return (-w if negative != 0 else w) << 3
    b = one_limb(negative)
    store(limbs(b), w)
    return normalise(b)


def divide_limb(a: word, divisor: word, negative: word, want: word) -> word:
    """Divide a bignum by an unsigned word that is not 0."""
    n = limb_count(a)
    q = make_bignum(n, negative)
    if q == UNWIND:
        return q
    shift = clz(divisor)
    d = divisor << shift
    inverse = reciprocal(d)
    x = load(limbs(a) + 8 * n - 8)
    rest = lshr(lshr(x, 1), 63 - shift)  # by 64 it would not be shifted
    while n > 0:
        n -= 1
        low = x << shift
        if n > 0:
            x = load(limbs(a) + 8 * n - 8)
            low = low | lshr(lshr(x, 1), 63 - shift)
        k = quotient_limb(rest, low, d, inverse)
        rest = low - k * d
        store(limbs(q) + 8 * n, k)
        if poll() == UNWIND:
            return UNWIND
    return result(normalise(q), magnitude_word(lshr(rest, shift), is_negative(a)), want)


def short_quotient(x: word, more: word, y: word, n: word) -> word:
    """The quotient of x[0..n+more) by y[0..n), n > 1, where it is small and the first bits of both tell it, else -1.

    With the first 128 bits X and 64 bits Y, whatever is behind them, it is from X / (Y + 1) to X / Y.
    """
    if more > 1:
        return -1
    shift = clz(load(y + 8 * n - 8))
    down = 63 - shift  # and by one more: by 64 a word is not shifted
    y += 8 * n
    x += 8 * n
    top = load(y - 8) << shift | lshr(lshr(load(y - 16), 1), down)
    high = lshr(lshr(load(x - 8), 1), down)
    low = load(x - 8) << shift | lshr(lshr(load(x - 16), 1), down)
    if more == 1:
        if lshr(lshr(load(x), 1), down) != 0:
            return -1
        high = high | load(x) << shift
    if not ult(high, top):
        return -1
    q = quotient_limb(high, low, top, reciprocal(top))
    return q if ult(q, FIXNUM_LIMIT) and ule(q, low - q * top) else -1


def short_division(u: word, v: word, q: word, negative: word, want: word) -> word:
    """What ``divide_integers`` gives, with the quotient's magnitude known, which is below FIXNUM_LIMIT."""
    n = limb_count(v)
    remainder = 0
    if want != 0:
        r = make_bignum(n, is_negative(u))
        if r == UNWIND:
            return r
        subtract_multiple(limbs(r), limbs(u), limbs(v), n, q)
        remainder = normalise(r)
    return result((-q if negative != 0 else q) << 3, remainder, want)


@onepass("the limbs of one number")
@inline
def subtract_multiple(p: word, x: word, y: word, n: word, q: word) -> word:
    """p[0..n) = x[0..n) - y[0..n) * q; what is still to be subtracted."""
    carry = 0
    i = 0
    while i < 8 * n:
        carry = multiply_subtract(p + i, q, load(y + i), load(x + i), carry)
        i += 8
    return carry


@bounded("at most two rounds")
@inline
def corrected(guess: word, rest: word, enough: bool, top: word, second: word, third: word) -> word:
    """A guess of a limb of a quotient, at most one too large: as the second limb of the divisor says."""
    while (not enough and (ult(rest, mulhi(guess, second)) or rest == mulhi(guess, second)
                           and ult(third, guess * second))):
        guess -= 1
        rest += top
        enough = ult(rest, top)
    return guess


def divide_rows(q: word, x: word, y: word, n: word, m: word) -> word:
    """q[0..m) = x[0..n+m) by y[0..n), whose highest bit is set, by the schoolbook's method; x[m..n+m) is below y.

    The remainder is in x[0..n).  Nil, or UNWIND.
    """
    top = load(y + 8 * n - 8)
    second = load(y + 8 * n - 16) if n > 1 else 0
    inverse = reciprocal(top)
    j = m - 1
    while j >= 0:
        p = x + 8 * j
        high = load(p + 8 * n)
        low = load(p + 8 * n - 8)
        third = load(p + 8 * n - 16) if n > 1 else 0
        guess = -1
        rest = low + top
        enough = ult(rest, top)
        if ult(high, top):
            guess = quotient_limb(high, low, top, inverse)
            rest = low - guess * top
            enough = False
        guess = corrected(guess, rest, enough, top, second, third)
        carry = subtract_multiple(p, p, y, n, guess)
        store(p + 8 * n, high - carry)
        if ult(high, carry):
            guess -= 1
            store(p + 8 * n, load(p + 8 * n) + add_equal(p, y, n))
        store(q + 8 * j, guess)
        j -= 1
        if poll() == UNWIND:
            return UNWIND
    return NIL


@onepass("the limbs of one number")
def is_same(a: word, b: word, n: word) -> bool:
    i = 0
    while i < 8 * n:
        if load(a + i) != load(b + i):
            return False
        i += 8
    return True


@onepass("the limbs of one number")
def fill_ones(q: word, n: word) -> None:
    i = 0
    while i < 8 * n:
        store(q + i, -1)
        i += 8


@onepass("the limbs of one number")
def count_down(q: word) -> None:
    """The magnitude at an address, which is not 0, less one."""
    while load(q) == 0:
        store(q, -1)
        q += 8
    store(q, load(q) - 1)


def product_into(r: word, a: word, n: word, b: word, m: word, scratch: word) -> word:
    """r[0..n+m) = a[0..n) * b[0..m); nil, or UNWIND."""
    if n >= m:
        return product_rows(r, a, n, b, m) if m < KARATSUBA else product_long(r, a, n, b, m, scratch)
    return product_rows(r, b, m, a, n) if n < KARATSUBA else product_long(r, b, m, a, n, scratch)


def half_quotient_of(q: word, x: word, y: word, n: word, m: word, k: word, scratch: word) -> word:
    """m limbs of a quotient by the divisor's limbs from ``k`` on, made right for all n of them, as ``divide_rows``."""
    if is_same(x + 8 * (m + k), y + 8 * k, n - k):
        fill_ones(q, m)  # what is left is x + y - y * 2**(64 m)
        fill(x + 8 * (m + k), n - k, 0)
        add_limbs(x + 8 * k, y + 8 * k, n - k)
    elif divide_halves(q, x + 8 * k, y + 8 * k, n - k, m, scratch) == UNWIND:
        return UNWIND
    if product_into(scratch, q, m, y, k, scratch + 8 * (m + k)) == UNWIND:
        return UNWIND
    short = subtract_limbs(x, n + 1, scratch, m + k)
    while short != 0:
        count_down(q)
        carry = add_equal(x, y, n)
        store(x + 8 * n, load(x + 8 * n) + carry)
        short = 0 if ult(load(x + 8 * n), carry) else short
        if poll() == UNWIND:
            return UNWIND
    return NIL


def divide_halves(q: word, x: word, y: word, n: word, m: word, scratch: word) -> word:
    """As ``divide_rows``, for an m not above n; ``scratch`` has room for 10 n + 256 limbs."""
    if m < HALVES:
        return divide_rows(q, x, y, n, m)
    if poll() == UNWIND:
        return UNWIND
    k = m >> 1
    if half_quotient_of(q + 8 * k, x + 8 * k, y, n, m - k, k, scratch) == UNWIND:
        return UNWIND
    return half_quotient_of(q, x, y, n, k, k, scratch)


def divide_blocks(q: word, x: word, y: word, n: word, m: word) -> word:
    """As ``divide_rows``, in halves where the quotient is long: as many limbs of it at a time as the divisor has."""
    if n < HALVES or m < HALVES:
        return divide_rows(q, x, y, n, m)
    scratch = make_bignum(10 * n + 256, 0)
    if scratch == UNWIND:
        return scratch
    while m > 0:
        k = n if m > n else m
        m -= k
        if divide_halves(q + 8 * m, x + 8 * m, y, n, k, limbs(scratch)) == UNWIND:
            return UNWIND
        if poll() == UNWIND:
            return UNWIND
    return NIL


def divide_long(u: word, v: word, negative: word, want: word) -> word:
    """Quotient and remainder of bignums with signs; |u| >= |v|."""
    n = limb_count(v)
    m = limb_count(u) - n + 1
    shift = clz(load(limbs(v) + 8 * n - 8))
    y = shifted(v, shift, 0, 0)
    x = shifted(u, shift, 0, 1)
    q = make_bignum(m, negative)
    if q == UNWIND or x == UNWIND or y == UNWIND:
        return UNWIND
    if divide_blocks(limbs(q), limbs(x), limbs(y), n, m) == UNWIND:
        return UNWIND
    remainder = 0
    if want != 0:
        remainder = unshifted(x, shift, 0, is_negative(u))
        if remainder == UNWIND:
            return remainder
    return result(normalise(q), remainder, want)
