"""Elementary functions of floats, for programs that have no C library: series, where these are short.

An argument is brought near 0 first: of exp and log by powers of two, of atan by what is known of sums, of sin, cos
and tan by a product with as many digits of 2/pi as any double needs, which stand in the cage.
"""

from __future__ import annotations

from ..heap.vm import STANDALONE
from ..restricted.language import bitsf, clz, double, fbits, ftoi, itof, load, lshr, mulhi, ult, word

BOUNDED = "terms of a series"

TURNS = 0x700  # in the block of the program: words of 2/pi behind the point, the first one first
TURN_WORDS = 20
LN2_HIGH, LN2_LOW = (
    0x3FE62E42FEE00000,
    0x3DEA39EF35793C76,
)  # bits of two parts of it, of which the first ends with zeros
HALF_PI = 1.5707963267948966
INFINITY = 0x7FF << 52
NAN = 0x7FF8 << 48
FRACTION = (1 << 52) - 1


def alone_exp(x: double) -> double:
    if x != x or x > 710.0:
        return x + bitsf(INFINITY)
    if x < -746.0:
        return 0.0
    k = ftoi(x * 1.4426950408889634 + (0.5 if x >= 0.0 else -0.5))
    r = x - itof(k) * bitsf(LN2_HIGH) - itof(k) * bitsf(LN2_LOW)
    p = 1.0
    n = 14
    while n > 0:
        p = 1.0 + r * p / itof(n)
        n -= 1
    half = k >> 1
    return p * bitsf(half + 1023 << 52) * bitsf(k - half + 1023 << 52)


def alone_log(x: double) -> double:
    if x != x or x < 0.0:
        return bitsf(NAN)
    bits = fbits(x)
    if bits << 1 == 0:
        return -bitsf(INFINITY)
    if bits == INFINITY:
        return x
    e = 0
    if bits < 1 << 52:
        bits = fbits(x * 18014398509481984.0)
        e = -54
    e += (bits >> 52) - 1023
    m = bitsf(bits & FRACTION | 1023 << 52)
    if m > 1.4142135623730951:
        m = m * 0.5
        e += 1
    f = m - 1.0
    s = f / (2.0 + f)
    z = s * s
    p = 0.0
    n = 25
    while n > 1:
        p = 2.0 / itof(n) + z * p
        n -= 2
    return itof(e) * bitsf(LN2_HIGH) + (itof(e) * bitsf(LN2_LOW) - (s * (f - z * p) - f))


def alone_atan(x: double) -> double:
    if x != x or x == 0.0:
        return x
    a = -x if x < 0.0 else x
    base = 0.0
    if a > 2.414213562373095:
        base = HALF_PI
        a = -1.0 / a
    elif a > 0.41421356237309503:
        base = HALF_PI / 2.0
        a = (a - 1.0) / (a + 1.0)
    z = a * a
    p = 0.0
    n = 45
    while n > 1:
        p = 1.0 / itof(n) - z * p
        n -= 2
    r = base + (a - a * z * p)
    return -r if x < 0.0 else r


def alternating(z: double, n: word) -> double:
    """1 - z / ((n - 2k)(n - 2k + 1)) (1 - ...), from the last term on: the series of sin (an even n) and cos (an odd
    one).
    """
    p = 1.0
    while n > 0:
        p = 1.0 - z * p / itof(n * (n + 1))
        n -= 2
    return p


def sine(r: double) -> double:
    return r * alternating(r * r, 18)


def cosine(r: double) -> double:
    return alternating(r * r, 19)


def word_of_turns(k: word) -> word:
    """64 binary digits of 2/pi from a place on behind the point; in front of it there are zeros."""
    at = load(STANDALONE) + TURNS + (k >> 6 << 3)
    high = load(at) if k >= 0 else 0
    low = load(at + 8) if k >= -64 else 0
    return high << k | lshr(lshr(low, 1), 63 - (k & 63))


def turns_high(bits: word) -> word:
    """The first 64 of the binary digits of x times 2/pi, of which the first two count whole quarters; ``turns_low``
    has the next."""
    k = (bits >> 52 & 0x7FF) - 1023 - 52 - 2
    m = bits & FRACTION | 1 << 52
    a = word_of_turns(k)
    b = word_of_turns(k + 64)
    low = m * b
    carry = 1 if ult(low + mulhi(m, word_of_turns(k + 128)), low) else 0
    return m * a + mulhi(m, b) + carry


def turns_low(bits: word) -> word:
    k = (bits >> 52 & 0x7FF) - 1023 - 52 - 2
    m = bits & FRACTION | 1 << 52
    return m * word_of_turns(k + 64) + mulhi(m, word_of_turns(k + 128))


def quarters(x: double) -> word:
    """How many quarter turns an angle has, the nearest whole number, modulo 4; the rest is ``rest_of_turn``."""
    bits = fbits(x)
    if bits & INFINITY < 1022 << 52:
        return 0
    high = turns_high(bits & ~(1 << 63))
    k = lshr(high, 62) + (high >> 61 & 1) & 3
    return k if bits >= 0 else -k & 3


def rest_of_turn(x: double) -> double:
    """An angle without its quarter turns: at most an eighth, and as exact as a double is."""
    bits = fbits(x)
    if bits & INFINITY < 1022 << 52:
        return x
    high = turns_high(bits & ~(1 << 63)) << 2
    low = turns_low(bits & ~(1 << 63))
    high |= lshr(low, 62)
    low <<= 2
    sign = high < 0
    if sign:
        high = ~high
        low = ~low
    shift = clz(high)
    scale = bitsf(1023 - shift << 52)
    if shift == 64:
        high = low
    elif shift > 0:
        high = high << shift | lshr(low, 64 - shift)
    r = itof(lshr(high, 1)) * 1.0842021724855044e-19 * scale * HALF_PI
    return -r if (bits < 0) != sign else r


def is_endless(x: double) -> bool:
    return fbits(x) & INFINITY == INFINITY


def alone_sin(x: double) -> double:
    if is_endless(x):
        return bitsf(NAN)
    k = quarters(x)
    r = rest_of_turn(x)
    v = sine(r) if k & 1 == 0 else cosine(r)
    return v if k & 2 == 0 else -v


def alone_cos(x: double) -> double:
    if is_endless(x):
        return bitsf(NAN)
    k = quarters(x)
    r = rest_of_turn(x)
    v = cosine(r) if k & 1 == 0 else sine(r)
    return v if k + 1 & 2 == 0 else -v


def alone_tan(x: double) -> double:
    if is_endless(x):
        return bitsf(NAN)
    k = quarters(x)
    r = rest_of_turn(x)
    return sine(r) / cosine(r) if k & 1 == 0 else -cosine(r) / sine(r)
