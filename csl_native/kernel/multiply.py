"""Products of magnitudes: the schoolbook's, Karatsuba's method for long ones, and a library through the host for very
long ones.

A magnitude is an address and a number of 64-bit limbs, least significant first.
A. Karatsuba and Yu. Ofman, 1962; Knuth, The Art of Computer Programming 4.3.3.
"""

from __future__ import annotations

from ..heap.vm import LONG_LIMBS
from ..heap.words import UNWIND
from ..restricted.language import inline, load, lshr, mul_overflows, multiply_add, noinline, onepass, store, ult, word
from .bignum import from_word, is_negative, limb_count, limbs, normalise, sum_limbs, to_big
from .host import H_BIG_PRODUCT, host
from .memory import NIL, fill, make_bignum, poll

KARATSUBA = 28  # limbs of the shorter factor from which on halves are multiplied
SQUARE = 48  # limbs of a number from which on its halves are squared


@onepass("the limbs of one number")
@noinline
def product_limb(r: word, x: word, n: word, u: word) -> word:
    """r[0..n) += x[0..n) * u; the carry."""
    carry = 0
    i = 0
    if n & 1 != 0:
        carry = multiply_add(r, u, load(x), load(r), 0)
        i = 8
    while i < 8 * n:
        carry = multiply_add(r + i, u, load(x + i), load(r + i), carry)
        carry = multiply_add(r + i + 8, u, load(x + i + 8), load(r + i + 8), carry)
        i += 16
    return carry


@onepass("the limbs of one number")
@inline
def scale_limbs(r: word, x: word, n: word, u: word, carry: word) -> word:
    """r[0..n) = x[0..n) * u + carry, which may be in place; the carry."""
    i = 0
    while i < 8 * n:
        carry = multiply_add(r + i, u, load(x + i), carry, 0)
        i += 8
    return carry


def product_rows(r: word, a: word, n: word, b: word, m: word) -> word:
    """r[0..n+m) = a[0..n) * b[0..m); nil, or UNWIND."""
    store(r + 8 * n, scale_limbs(r, a, n, load(b), 0))
    i = 1
    while i < m:
        store(r + 8 * (i + n), product_limb(r + 8 * i, a, n, load(b + 8 * i)))
        i += 1
        if poll() == UNWIND:
            return UNWIND
    return NIL


def square_rows(r: word, a: word, n: word) -> word:
    """r[0..2n) = a[0..n) squared: products of different limbs once, doubled; nil, or UNWIND."""
    if n == 1:
        return product_rows(r, a, 1, a, 1)
    store(r, 0)
    store(r + 8 * n, scale_limbs(r + 8, a + 8, n - 1, load(a), 0))
    i = 1
    while i < n:
        store(r + 8 * (i + n), product_limb(r + 8 * (2 * i + 1), a + 8 * (i + 1), n - 1 - i, load(a + 8 * i)))
        i += 1
        if poll() == UNWIND:
            return UNWIND
    add_squares(r, a, n)
    return NIL


@onepass("the limbs of one number")
def add_squares(r: word, a: word, n: word) -> None:
    """Twice r[0..2n), and the squares of a[0..n) at every second limb."""
    carry = 0
    bit = 0
    i = 0
    while i < 8 * n:
        p = r + 2 * i
        low = load(p)
        high = load(p + 8)
        carry = multiply_add(p, load(a + i), load(a + i), low << 1 | bit, carry)
        bit = lshr(high, 63)
        high = high << 1 | lshr(low, 63)
        store(p + 8, high + carry)
        carry = 1 if ult(high + carry, carry) else 0
        i += 8


@onepass("the limbs of one number")
def add_equal(p: word, y: word, n: word) -> word:
    """p[0..n) += y[0..n); the carry."""
    carry = 0
    i = 0
    while i < 8 * n:
        d = load(y + i)
        t = load(p + i) + d
        store(p + i, t + carry)
        carry = (1 if ult(t, d) else 0) + (1 if ult(t + carry, t) else 0)
        i += 8
    return carry


@onepass("the limbs of one number")
def add_limbs(r: word, x: word, n: word) -> None:
    """r += x[0..n); there is room for the carry."""
    carry = add_equal(r, x, n)
    r += 8 * n
    while carry != 0:
        carry = load(r) + 1
        store(r, carry)
        carry = 1 if carry == 0 else 0
        r += 8


@onepass("the limbs of one number")
def subtract_limbs(r: word, n: word, x: word, m: word) -> word:
    """r[0..n) -= x[0..m), m not above n; what is still to be subtracted."""
    borrow = 0
    i = 0
    while i < m:
        old = load(r + 8 * i)
        y = load(x + 8 * i)
        d = old - y
        store(r + 8 * i, d - borrow)
        borrow = (1 if ult(old, y) else 0) + (1 if ult(d, borrow) else 0)
        i += 1
    while i < n and borrow != 0:
        d = load(r + 8 * i)
        borrow = 1 if d == 0 else 0
        store(r + 8 * i, d - 1)
        i += 1
    return borrow


@onepass("the limbs of one number")
def significant(x: word, n: word) -> word:
    """How many of n limbs are left without leading zeros."""
    while n > 0 and load(x + 8 * n - 8) == 0:
        n -= 1
    return n


def product_halves(r: word, a: word, b: word, n: word, scratch: word) -> word:
    """r[0..2n) = a[0..n) * b[0..n) by three products of halves; ``scratch`` has room for 6 n + 128 limbs.  Nil, or
    UNWIND.
    """
    if n < KARATSUBA or a == b and n < SQUARE:
        return square_rows(r, a, n) if a == b else product_rows(r, a, n, b, n)
    if poll() == UNWIND:
        return UNWIND
    k = n + 1 >> 1
    h = n - k
    if (product_halves(r, a, b, k, scratch) == UNWIND
        or product_halves(r + 16 * k, a + 8 * k, b + 8 * k, h, scratch) == UNWIND):
        return UNWIND
    x = scratch
    y = x + 8 * (k + 1)
    z = y + 8 * (k + 1)
    sum_limbs(x, a, k, a + 8 * k, h)
    if a == b:
        y = x
    else:
        sum_limbs(y, b, k, b + 8 * k, h)
    if product_halves(z, x, y, k + 1, z + 16 * (k + 1)) == UNWIND:
        return UNWIND
    subtract_limbs(z, 2 * k + 2, r, 2 * k)
    subtract_limbs(z, 2 * k + 2, r + 16 * k, 2 * h)
    add_limbs(r + 8 * k, z, significant(z, 2 * k + 2))
    return NIL


def product_long(r: word, a: word, n: word, b: word, m: word, scratch: word) -> word:
    """r[0..n+m) = a[0..n) * b[0..m), n not below m: pieces of the longer one that are as long as the other."""
    if product_halves(r, a, b, m, scratch) == UNWIND:
        return UNWIND
    done = m
    fill(r + 16 * m, n - m, 0)
    part = scratch
    rest = scratch + 16 * m
    while done < n:
        k = n - done if n - done < m else m
        if k == m:
            if product_halves(part, a + 8 * done, b, m, rest) == UNWIND:
                return UNWIND
        else:
            if product_rows(part, b, m, a + 8 * done, k) == UNWIND:
                return UNWIND
        add_limbs(r + 8 * done, part, m + k)
        done += k
        if poll() == UNWIND:
            return UNWIND
    return NIL


@noinline
def multiply_big(a: word, b: word) -> word:
    """The product of two integers of which one is a bignum, or the product is; UNWIND when there is no room."""
    x = to_big(a)
    y = to_big(b)
    if limb_count(x) < limb_count(y):
        t = x
        x = y
        y = t
    n = limb_count(x)
    m = limb_count(y)
    r = make_bignum(n + m, is_negative(x) ^ is_negative(y))
    if r == UNWIND:
        return r
    if m < KARATSUBA:
        done = square_rows(limbs(r), limbs(x), n) if x == y else product_rows(limbs(r), limbs(x), n, limbs(y), m)
        return normalise(r) if done != UNWIND else UNWIND
    if m >= load(LONG_LIMBS):
        done = host(H_BIG_PRODUCT, x, y, r)
        if done == UNWIND:
            return done
        if done != NIL:
            return normalise(r)
    scratch = make_bignum(8 * m + 256, 0)
    if scratch == UNWIND:
        return scratch
    if product_long(limbs(r), limbs(x), n, limbs(y), m, limbs(scratch)) == UNWIND:
        return UNWIND
    return normalise(r)


@noinline
def multiply_integers(a: word, b: word) -> word:
    if a & 7 == 0 and b & 7 == 0 and not mul_overflows(a >> 3, b >> 3):
        return from_word((a >> 3) * (b >> 3))
    return multiply_big(a, b)
