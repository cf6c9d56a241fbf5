"""The greatest common divisor of long integers, by D. H. Lehmer's method (Knuth 4.5.2, algorithm L): what Euclid's
algorithm does to the first bits of two numbers says what it does to the numbers.

The quotients of some steps together are a matrix of single words, by which both magnitudes are multiplied in one pass.
"""

from __future__ import annotations

from ..heap.vm import LONG_DIVISOR
from ..heap.words import UNWIND
from ..restricted.language import bounded, clz, inline, load, lshr, mulhi, onepass, sdiv, store, ult, urem, word
from .bignum import compare_magnitudes, limb_count, limbs, normalise, to_big
from .division import divide_integers, magnitude_word
from .host import H_BIG_GCD, host
from .memory import NIL, make_bignum, poll
from .multiply import significant

LEADING = 61  # bits that are looked at: with them, and what is added to them, words stay signed


@inline
def leading(p: word, n: word, shift: word) -> word:
    """The first bits of n limbs, of which so many are passed over."""
    return lshr(load(p + 8 * n - 8) << shift | lshr(lshr(load(p + 8 * n - 16), 1), 63 - shift), 64 - LEADING)


@bounded("the bits of a word")
def common_steps(x: word, y: word, at: word) -> word:
    """What the steps of Euclid's algorithm that two numbers begin with do to them, by their first bits: four words at
    an address, of which the second stays 0 when no step is sure."""
    a = 1
    b = 0
    c = 0
    d = 1
    while y + c != 0 and y + d != 0:
        q = sdiv(x + a, y + c)
        if q != sdiv(x + b, y + d):
            break
        t = a - q * c
        a = c
        c = t
        t = b - q * d
        b = d
        d = t
        t = x - q * y
        x = y
        y = t
    store(at, a)
    store(at + 8, b)
    store(at + 16, c)
    store(at + 24, d)
    return b


@inline
def high_difference(a: word, x: word, b: word, y: word, more: word) -> word:
    """The high word of a * x - b * y + more, for a carry with a sign."""
    p = a * x
    d = p - b * y
    return mulhi(a, x) - mulhi(b, y) - (1 if ult(p, b * y) else 0) + (more >> 63) + (1 if ult(d + more, more) else 0)


@onepass("the limbs of one number")
def combine(p: word, r: word, n: word, a: word, b: word, c: word, d: word) -> None:
    """p, r = a p - b r, d r - c p for magnitudes of n limbs and words; none of them is negative, nor a result."""
    i = 0
    k = 0
    l = 0
    while i < 8 * n:
        x = load(p + i)
        y = load(r + i)
        store(p + i, a * x - b * y + k)
        store(r + i, d * y - c * x + l)
        k = high_difference(a, x, b, y, k)
        l = high_difference(d, y, c, x, l)
        i += 8


@onepass("the limbs of one number")
def copy_limbs(to: word, from_: word, n: word, room: word) -> None:
    """n limbs, and zeros behind them."""
    i = 0
    while i < 8 * room:
        store(to + i, load(from_ + i) if i < 8 * n else 0)
        i += 8


def integer_at(p: word, n: word) -> word:
    """The integer of n limbs at an address; or UNWIND."""
    r = make_bignum(n, 0)
    if r == UNWIND:
        return r
    copy_limbs(limbs(r), p, n, n)
    return normalise(r)


@inline
def first_limb(v: word) -> word:
    return v >> 3 if v & 7 == 0 else load(limbs(v))


def divide_once(u: word, n: word, v: word, m: word) -> word:
    """One step of the algorithm itself: u and v become v and the remainder, of n limbs.  Nil, or UNWIND."""
    x = integer_at(u, n)
    y = integer_at(v, m)
    if x == UNWIND or y == UNWIND:
        return UNWIND
    r = divide_integers(x, y, 1)
    if r == UNWIND:
        return r
    copy_limbs(u, v, m, n)
    store(v, first_limb(r))
    copy_limbs(v, limbs(r) if r & 7 != 0 else v, limb_count(r) if r & 7 != 0 else 1, n)
    return NIL


@bounded("the bits of a word")
def divisor_of_words(a: word, b: word) -> word:
    """The greatest common divisor of unsigned words."""
    while b != 0:
        r = urem(a, b)
        a = b
        b = r
    return a


def last_steps(u: word, n: word, w: word) -> word:
    """The greatest common divisor of n limbs and a word."""
    x = integer_at(u, n)
    if x == UNWIND or w == 0:
        return x
    y = magnitude_word(w, 0)
    r = divide_integers(x, y, 1)
    return magnitude_word(divisor_of_words(w, first_limb(r)), 0) if r != UNWIND else r


def greatest_divisor(a: word, b: word) -> word:
    """The greatest common divisor of two integers of which one is long; or UNWIND."""
    x = to_big(a)
    y = to_big(b)
    if compare_magnitudes(x, y) < 0:
        t = x
        x = y
        y = t
    if limb_count(y) >= load(LONG_DIVISOR):
        r = host(H_BIG_GCD, x, y, 0)
        if r == UNWIND or r != NIL:
            return r
    n = limb_count(x)
    work = make_bignum(2 * n + 4, 0)
    if work == UNWIND:
        return work
    matrix = limbs(work)
    u = matrix + 32
    v = u + 8 * n
    copy_limbs(u, limbs(x), n, n)
    copy_limbs(v, limbs(y), limb_count(y), n)
    n = significant(u, n)
    m = significant(v, n)
    while m > 1:
        shift = clz(load(u + 8 * n - 8))
        b = common_steps(leading(u, n, shift), leading(v, n, shift), matrix) if n - m < 2 else 0
        if b < 0:
            combine(u, v, n, load(matrix), -b, -load(matrix + 16), load(matrix + 24))
        elif b > 0:
            combine(v, u, n, b, -load(matrix), -load(matrix + 24), load(matrix + 16))
            t = u
            u = v
            v = t
        elif divide_once(u, n, v, m) == UNWIND:
            return UNWIND
        n = significant(u, n)
        m = significant(v, n)
        if poll() == UNWIND:
            return UNWIND
    return last_steps(u, n, load(v) if m == 1 else 0)
