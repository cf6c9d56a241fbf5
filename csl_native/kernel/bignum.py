"""Integers of any size: sign and magnitude, 64-bit limbs, least significant first.

Addition, shifts and what division by a limb needs.  Products are in ``multiply.py``, quotients in ``division.py``.
"""

from __future__ import annotations

from ..heap.objects import OTHER_TYPE, T_BIGNEG, T_BIGPOS
from ..heap.vm import FREE
from ..heap.words import OTHER, UNWIND
from ..restricted.language import bounded, inline, load, lshr, mulhi, noinline, onepass, store, udiv, ult, word
from .memory import allocate_small, make_bignum, poll

POSITIVE = OTHER_TYPE[T_BIGPOS]
NEGATIVE = OTHER_TYPE[T_BIGNEG]
FIXNUM_LIMIT = 1 << 60


@inline
def is_big(v: word) -> bool:
    return v & 7 == OTHER and (load(v - OTHER) & 255 == POSITIVE or load(v - OTHER) & 255 == NEGATIVE)


@inline
def is_integer(v: word) -> bool:
    return v & 7 == 0 or is_big(v)


@inline
def limbs(v: word) -> word:
    """Address of the first limb."""
    return v + 8 - OTHER


@inline
def limb_count(v: word) -> word:
    return load(v - OTHER) >> 11


@inline
def is_negative(v: word) -> word:
    """1 for a negative bignum, else 0."""
    return 1 if load(v - OTHER) & 255 == NEGATIVE else 0


@inline
def is_unsigned(v: word) -> bool:
    """Is it an integer from 0 on that one limb holds?"""
    return v & 7 == 0 and v >= 0 or v & 7 == OTHER and load(v - OTHER) == 8 << 8 | POSITIVE


@inline
def low_limb(v: word) -> word:
    """The lowest limb of an integer from 0 on."""
    return load(limbs(v)) if is_big(v) else v >> 3


def from_unsigned(w: word) -> word:
    """The integer that one limb is."""
    if ult(w, FIXNUM_LIMIT):
        return w << 3
    b = one_limb(0)
    store(limbs(b), w)
    return b


@inline
def is_minus_integer(a: word) -> bool:
    return a < 0 if a & 7 == 0 else is_big(a) and is_negative(a) != 0


def is_minus(v: word) -> word:
    """The same for the host."""
    return is_negative(v)


def one_limb(negative: word) -> word:
    """A bignum of one limb."""
    p = allocate_small(16)
    store(p, 8 << 8 | (NEGATIVE if negative != 0 else POSITIVE))
    return p + OTHER


def to_big(v: word) -> word:
    """An integer as a bignum, not normalised: a fixnum gets one limb."""
    if v & 7 != 0:
        return v
    b = one_limb(1 if v < 0 else 0)
    store(limbs(b), -(v >> 3) if v < 0 else v >> 3)
    return b


@onepass("the limbs of one number")
def normalise(b: word) -> word:
    """Drop leading zero limbs; a small result becomes a fixnum.  Freed granules are filled with conses of zeros."""
    n = limb_count(b)
    old = n
    while n > 0 and load(limbs(b) + 8 * n - 8) == 0:
        n -= 1
    if n == 0:
        return 0
    if n == 1:
        m = load(limbs(b))
        if ult(m, FIXNUM_LIMIT):
            return (-m if is_negative(b) != 0 else m) << 3
        if m == FIXNUM_LIMIT and is_negative(b) != 0:
            return -(1 << 63)
    if n != old:
        p = b - OTHER
        keep = 8 * n + 23 & -16
        end = p + (8 * old + 23 & -16)
        store(p, load(p) & 255 | n << 11)
        if end == load(FREE):
            store(FREE, p + keep)
        if n & 1 == 0:
            store(p + 8 + 8 * n, 0)
        p += keep
        while p < end:
            store(p, 0)
            p += 8
    return b


def from_word(w: word) -> word:
    """The integer of a signed word."""
    if -FIXNUM_LIMIT <= w:
        if w < FIXNUM_LIMIT:
            return w << 3
    b = one_limb(1 if w < 0 else 0)
    store(limbs(b), -w if w < 0 else w)
    return b


@onepass("the limbs of one number")
def compare_magnitudes(a: word, b: word) -> word:
    """-1, 0 or 1 for two bignums without leading zero limbs."""
    n = limb_count(a)
    m = limb_count(b)
    if n != m:
        return -1 if n < m else 1
    while n > 0:
        n -= 1
        x = load(limbs(a) + 8 * n)
        y = load(limbs(b) + 8 * n)
        if x != y:
            return -1 if ult(x, y) else 1
    return 0


def compare_integers(a: word, b: word) -> word:
    """-1, 0 or 1."""
    if a & 7 == 0:
        if b & 7 == 0:
            return -1 if a < b else 1 if a > b else 0
        return 1 if is_negative(b) != 0 else -1
    if b & 7 == 0:
        return -1 if is_negative(a) != 0 else 1
    if is_negative(a) != is_negative(b):
        return -1 if is_negative(a) != 0 else 1
    c = compare_magnitudes(a, b)
    return -c if is_negative(a) != 0 else c


@onepass("the limbs of one number")
def sum_limbs(r: word, a: word, n: word, b: word, m: word) -> None:
    """r[0..n] = a[0..n) + b[0..m), n not below m."""
    carry = 0
    i = 0
    while i < m:
        x = load(a + 8 * i)
        s = x + load(b + 8 * i)  # what does not wait for the carry comes first
        more = 1 if ult(s, x) else 0
        x = s + carry
        carry = more + (1 if ult(x, s) else 0)
        store(r + 8 * i, x)
        i += 1
    while i < n:
        x = load(a + 8 * i) + carry
        carry = 1 if ult(x, carry) else 0
        store(r + 8 * i, x)
        i += 1
    store(r + 8 * n, carry)


def add_magnitudes(a: word, b: word, negative: word) -> word:
    """|a| + |b| with a sign; |a| has at least as many limbs."""
    n = limb_count(a)
    r = make_bignum(n + 1, negative)
    if r == UNWIND:
        return r
    sum_limbs(limbs(r), limbs(a), n, limbs(b), limb_count(b))
    return normalise(r)


@onepass("the limbs of one number")
def subtract_magnitudes(a: word, b: word, negative: word) -> word:
    """|a| - |b| with a sign; |a| is not smaller."""
    n = limb_count(a)
    m = limb_count(b)
    r = make_bignum(n, negative)
    if r == UNWIND:
        return r
    borrow = 0
    i = 0
    while i < n:
        x = load(limbs(a) + 8 * i)
        y = load(limbs(b) + 8 * i) if i < m else 0
        d = x - y
        store(limbs(r) + 8 * i, d - borrow)
        borrow = (1 if ult(x, y) else 0) + (1 if ult(d, borrow) else 0)
        i += 1
    return normalise(r)


@noinline
def add_integers(a: word, b: word, flip: word) -> word:
    """a + b, or a - b when ``flip`` is 1."""
    if a & 7 == 0 and b & 7 == 0:
        return from_word((a >> 3) - (b >> 3) if flip != 0 else (a >> 3) + (b >> 3))
    x = to_big(a)
    y = to_big(b)
    s = is_negative(x)
    t = is_negative(y) ^ flip
    if s == t:
        return add_magnitudes(x, y, s) if limb_count(x) >= limb_count(y) else add_magnitudes(y, x, s)
    c = compare_magnitudes(x, y)
    if c == 0:
        return 0
    return subtract_magnitudes(x, y, s) if c > 0 else subtract_magnitudes(y, x, t)


def shifted(a: word, shift: word, below: word, above: word) -> word:
    """Magnitude of ``a`` shifted left by ``shift`` (0..63) bits and ``below`` limbs, with ``above`` more limbs; or
    UNWIND.
    """
    n = limb_count(a)
    r = make_bignum(n + below + above, is_negative(a))
    if r == UNWIND:
        return r
    at = limbs(r)
    while at < limbs(r) + 8 * below:
        store(at, 0)
        at += 8
        if poll() == UNWIND:
            return UNWIND
    carry = 0
    i = 0
    while i < n:
        x = load(limbs(a) + 8 * i)
        store(at + 8 * i, x << shift | carry)
        carry = lshr(x, 64 - shift) if shift != 0 else 0
        i += 1
        if poll() == UNWIND:
            return UNWIND
    if above > 0:
        store(at + 8 * n, carry)
    return r


@bounded("two rounds")
def half_quotient(high: word, low: word, d: word) -> word:
    """One 32-bit digit of the quotient of high * 2**32 + low (32 bits) by a normalised ``d``; high < d."""
    top = lshr(d, 32)
    q = udiv(high, top)
    rest = high - q * top
    while lshr(q, 32) != 0 or ult(rest << 32 | low, q * (d & 0xFFFFFFFF)):
        q -= 1
        rest += top
        if lshr(rest, 32) != 0:
            break
    return q


def reciprocal(d: word) -> word:
    """(2**128 - 1) // d - 2**64 for a ``d`` whose top bit is set (Moeller and Granlund, "Improved division by invariant
    integers", 2011).
    """
    q1 = half_quotient(~d, 0xFFFFFFFF, d)
    rest = (~d << 32 | 0xFFFFFFFF) - q1 * d
    return q1 << 32 | half_quotient(rest, 0xFFFFFFFF, d)


@inline
def quotient_limb(high: word, low: word, d: word, v: word) -> word:
    """The quotient of two limbs by a normalised one with its reciprocal; high < d.  (The same paper, algorithm 4.)"""
    q0 = v * high + low
    q = mulhi(v, high) + high + (1 if ult(q0, low) else 0) + 1
    r = low - q * d
    if ult(q0, r):
        q -= 1
        r += d
    return q if ult(r, d) else q + 1


def unshifted(a: word, shift: word, below: word, negative: word) -> word:
    """Magnitude of ``a`` shifted right by ``shift`` (0..63) bits and ``below`` limbs, of which it has more, normalised;
    or UNWIND.
    """
    n = limb_count(a) - below
    from_ = limbs(a) + 8 * below
    r = make_bignum(n, negative)
    if r == UNWIND:
        return r
    i = 0
    while i < n:
        x = lshr(load(from_ + 8 * i), shift)
        if shift != 0 and i + 1 < n:
            x = x | load(from_ + 8 * i + 8) << (64 - shift)
        store(limbs(r) + 8 * i, x)
        i += 1
        if poll() == UNWIND:
            return UNWIND
    return normalise(r)


__all__ = ["UNWIND"]
