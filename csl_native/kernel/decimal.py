"""Decimal digits of a double and doubles from decimal digits, correctly rounded, by products of 128 bits.

The original prints a float with a fixed number of significant digits (C's ``%g``), not with the fewest that tell it
from others.  A double is a whole number times a power of two; times a power of ten of 128 bits, as in F. Loitsch,
"Printing floating-point numbers quickly and accurately with integers" (2010), and in D. Lemire, "Number parsing at a
gigabyte per second" (2021), it says its digits.  Every product is cut off, so that the exact value is the one here or
less than ``ERROR`` units of the last place above it.  What that can matter for is a value that lies so little below the
middle of two results: W. D. Clinger, "How to read floating point numbers accurately" (1990), shows that there are such
values for every precision.  Exact ties are known by their factors of two; the rest of them is left to the host, which
has integers of any size.
"""

from __future__ import annotations

from ..heap.vm import DECIMAL_EXPONENT, SCALED_EXPONENT, SCALED_HIGH, SCALED_LOW
from ..restricted.language import (
    bounded,
    clz,
    ctz,
    fbits,
    inline,
    itof,
    load,
    lshr,
    mulhi,
    noinline,
    store,
    udiv,
    ult,
    word,
)

ERROR = 128  # a factor whose 128 bits are cut off, the product cut off, and one bit more by normalising, nine times
_TENS = [10 ** (1 << i) for i in range(9)]  # 10, 100, 10**4 ... 10**256
_UP = [(p << 128) >> p.bit_length() for p in _TENS]  # the first 128 bits of each, of which the top one is set
_DOWN = [(1 << p.bit_length() + 127) // p for p in _TENS]  # and of its reciprocal
# 10**1 is U0H:U0L * 2**(X0 - 128), 10**-1 is D0H:D0L * 2**(-X0 - 127)
X0, X1, X2, X3, X4, X5, X6, X7, X8 = (p.bit_length() for p in _TENS)
U0H, U1H, U2H, U3H, U4H, U5H, U6H, U7H, U8H = (p >> 64 for p in _UP)
U0L, U1L, U2L, U3L, U4L, U5L, U6L, U7L, U8L = (p & (1 << 64) - 1 for p in _UP)
D0H, D1H, D2H, D3H, D4H, D5H, D6H, D7H, D8H = (p >> 64 for p in _DOWN)
D0L, D1L, D2L, D3L, D4L, D5L, D6L, D7L, D8L = (p & (1 << 64) - 1 for p in _DOWN)

MOST_DIGITS = 17  # that come from here; what is after them fits into a word, with one more
UNKNOWN = -1  # the host knows
MANTISSA = 1 << 52
LARGEST_EXPONENT = 2047


@noinline
def scale(high: word, low: word, exponent: word) -> None:
    """The scaled number times high:low * 2**(exponent - 128)."""
    h = load(SCALED_HIGH)
    l = load(SCALED_LOW)
    middle = h * low
    low_part = mulhi(l, low) + middle
    carry = mulhi(h, low) + (1 if ult(low_part, middle) else 0)
    other = l * high
    low_part += other
    carry += 1 if ult(low_part, other) else 0
    part = mulhi(l, high)
    l = h * high + part
    h = mulhi(h, high) + (1 if ult(l, part) else 0)
    l += carry
    h += 1 if ult(l, carry) else 0
    if h >= 0:  # the top bit is not set
        h = h << 1 | lshr(l, 63)
        l = l << 1 | lshr(low_part, 63)
        exponent -= 1
    store(SCALED_HIGH, h)
    store(SCALED_LOW, l)
    store(SCALED_EXPONENT, load(SCALED_EXPONENT) + exponent)


def scale_up(n: word) -> None:
    """The scaled number times 10**n."""
    if n & 1 != 0:
        scale(U0H, U0L, X0)
    if n & 2 != 0:
        scale(U1H, U1L, X1)
    if n & 4 != 0:
        scale(U2H, U2L, X2)
    if n & 8 != 0:
        scale(U3H, U3L, X3)
    if n & 16 != 0:
        scale(U4H, U4L, X4)
    if n & 32 != 0:
        scale(U5H, U5L, X5)
    if n & 64 != 0:
        scale(U6H, U6L, X6)
    if n & 128 != 0:
        scale(U7H, U7L, X7)
    if n & 256 != 0:
        scale(U8H, U8L, X8)


def scale_down(n: word) -> None:
    """The scaled number times 10**-n."""
    if n & 1 != 0:
        scale(D0H, D0L, 1 - X0)
    if n & 2 != 0:
        scale(D1H, D1L, 1 - X1)
    if n & 4 != 0:
        scale(D2H, D2L, 1 - X2)
    if n & 8 != 0:
        scale(D3H, D3L, 1 - X3)
    if n & 16 != 0:
        scale(D4H, D4L, 1 - X4)
    if n & 32 != 0:
        scale(D5H, D5L, 1 - X5)
    if n & 64 != 0:
        scale(D6H, D6L, 1 - X6)
    if n & 128 != 0:
        scale(D7H, D7L, 1 - X7)
    if n & 256 != 0:
        scale(D8H, D8L, 1 - X8)


def scaled(m: word, e: word, k: word) -> word:
    """Make the scaled number m * 2**e * 10**k, for an m that is not 0: SCALED_HIGH:SCALED_LOW * 2**(what is returned),
    the top bit set.
    """
    n = clz(m)
    store(SCALED_HIGH, m << n)
    store(SCALED_LOW, 0)
    store(SCALED_EXPONENT, e - 64 - n)
    if k >= 0:
        scale_up(k)
    else:
        scale_down(-k)
    return load(SCALED_EXPONENT)


@bounded("nineteen products")
def ten_to(n: word) -> word:
    """10**n in a word, unsigned."""
    r = 1
    while n > 0:
        r *= 10
        n -= 1
    return r


@inline
def above(rest: word, digit: word, fraction: word) -> bool:
    """Whether what is cut off, ``rest`` of the tenths or none (digit 1) and a fraction of 64 bits, reaches the middle.
    """
    return rest >= 5 if digit == 10 else fraction < 0


@inline
def near_below(rest: word, digit: word, fraction: word) -> bool:
    """Whether it lies so little below the middle that the exact value may reach it."""
    return (rest == 4 and ult(-ERROR, fraction)) if digit == 10 else ult((1 << 63) - ERROR, fraction)


@inline
def at_middle(rest: word, digit: word, fraction: word) -> bool:
    """Whether the exact value may be the middle, when what is here reaches it."""
    return (rest == 5 and ult(fraction, ERROR)) if digit == 10 else ult(fraction, (1 << 63) + ERROR)


def digits_of(m: word, e: word, digits: word) -> word:
    """m * 2**e as a whole number of so many decimal digits, rounded to the nearest, half to even; UNKNOWN when the host
    has to say.

    DECIMAL_EXPONENT gets the exponent of the first digit.
    """
    first = (63 - clz(m) + e) * 78913 >> 18  # log10 of 2: the exponent of the first digit or one less
    k = digits - 1 - first
    cut = -64 - scaled(m, e, k)
    whole = lshr(load(SCALED_HIGH), cut)
    fraction = load(SCALED_HIGH) << (64 - cut) | lshr(load(SCALED_LOW), cut)
    limit = ten_to(digits)
    digit = 1 if whole < limit else 10
    n = whole
    rest = 0
    if digit == 10:
        n = udiv(whole, 10)
        rest = whole - 10 * n
        first += 1
        k -= 1
    tie = e + ctz(m) + k + 1 == 0  # an odd number of halves
    if above(rest, digit, fraction):
        n += 1 if not (tie and at_middle(rest, digit, fraction)) else n & 1
    elif near_below(rest, digit, fraction):
        if not tie:
            return UNKNOWN
        n += n & 1
    if n == limit:
        n = udiv(n, 10)
        first += 1
    store(DECIMAL_EXPONENT, first)
    return n


def double_bits(w: word, q: word) -> word:
    """The bits of the double nearest to w * 10**q, half to even, 0 <= w < 2**60; UNKNOWN when the host has to say."""
    if w == 0:
        return 0
    if w < 1 << 53:  # both are doubles: Clinger's fast path
        if q >= 0 and q <= 18:
            return fbits(itof(w) * itof(ten_to(q)))
        if q < 0 and q >= -18:
            return fbits(itof(w) / itof(ten_to(-q)))
    return far_double_bits(w, q) if q >= -400 and q <= 400 else UNKNOWN


def far_double_bits(w: word, q: word) -> word:
    """The same without the fast path."""
    s = scaled(w, 0, q)
    biased = s + 127 + 1023
    cut = 11  # bits of the high word that are cut off
    if biased < 1:
        cut += 1 - biased
        biased = 1
    if cut > 63 or biased >= LARGEST_EXPONENT:
        return UNKNOWN
    high = load(SCALED_HIGH)
    low = load(SCALED_LOW)
    m = lshr(high, cut)
    half = 1 << (cut - 1)
    rest = high & ((half << 1) - 1)
    tie = ctz(w) + q == s + 64 + cut - 1  # an odd number of halves
    if rest >= half:
        m += 1 if not (tie and rest == half and ult(low, ERROR)) else m & 1
    elif rest == half - 1 and ult(-ERROR, low):
        if not tie:
            return UNKNOWN
        m += m & 1
    bits = (biased - 1 << 52) + m  # the leading bit of m, if it is set, is one of the exponent
    return bits if lshr(bits, 52) < LARGEST_EXPONENT else UNKNOWN


def mantissa(bits: word) -> word:
    """The whole number of a double that is finite and not 0."""
    m = bits & MANTISSA - 1
    return m | MANTISSA if lshr(bits, 52) & LARGEST_EXPONENT != 0 else m


def exponent(bits: word) -> word:
    """The power of two that it is multiplied by."""
    e = lshr(bits, 52) & LARGEST_EXPONENT
    return (e if e != 0 else 1) - 1075
