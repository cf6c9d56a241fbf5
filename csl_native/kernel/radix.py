"""Integers of any size in decimal, both ways: halves at a power of ten, and within a piece a limb to the base 10**19 at
a time (Knuth 4.4)."""

from __future__ import annotations

from ..heap.words import CONS, OTHER, STRING, UNWIND
from ..restricted.language import bounded, clz, inline, load, load8, onepass, store, store8, udiv, word
from .bignum import (
    add_integers,
    is_negative,
    limb_count,
    limbs,
    normalise,
    quotient_limb,
    shifted,
    to_big,
)
from .division import divide_integers
from .memory import NIL, cons, make_bignum, make_string, poll
from .multiply import multiply_integers, scale_limbs, significant
from .safepoint import safepoint

GROUP = 19  # digits of a limb to the base that follows, the largest power of ten in a limb: its top bit is set
BASE = 10 ** GROUP
INVERSE = ((1 << 128) - 1) // BASE - (1 << 64)  # as ``reciprocal`` gives it
PIECE = 30  # groups up to which nothing is halved
HYPHEN, DIGIT = (ord(c) for c in "-0")


def powers_below(groups: word) -> word:
    """Powers of the base as a list, the largest first, each the square of the one behind it: those of less than so many
    groups, from a piece on."""
    if groups <= PIECE:
        return NIL
    p = make_bignum(PIECE, 0)
    if p == UNWIND or power_of_base(limbs(p), PIECE) == UNWIND:
        return UNWIND
    p = normalise(p)
    r = cons(p, NIL)
    half = 2 * PIECE
    while half < groups:
        p = multiply_integers(p, p)
        if p == UNWIND:
            return p
        r = cons(p, r)
        half = 2 * half
        if safepoint() == UNWIND:
            return UNWIND
    return r


def first_half(groups: word) -> word:
    """The groups of the first of those powers."""
    half = PIECE
    while 2 * half < groups:
        half = 2 * half
        if poll() == UNWIND:
            return UNWIND
    return half


def power_of_base(at: word, n: word) -> word:
    """The n-th power of the base in as many limbs; nil, or UNWIND."""
    store(at, BASE)
    i = 1
    while i < n:
        store(at + 8 * i, times_base(at, i, 0))
        i += 1
        if poll() == UNWIND:
            return UNWIND
    return NIL


def times_base(at: word, n: word, more: word) -> word:
    """A magnitude of n limbs times the base and more, in place; the carry."""
    return scale_limbs(at, at, n, BASE, more)


# -- to decimal ----------------------------------------------------------------------------


@onepass("the limbs of one number")
def divide_base(at: word, n: word) -> word:
    """A magnitude of n limbs divided by the base in place; the remainder."""
    rest = 0
    while n > 0:
        n -= 1
        low = load(at + 8 * n)
        q = quotient_limb(rest, low, BASE, INVERSE)
        rest = low - q * BASE
        store(at + 8 * n, q)
    return rest


@bounded("the digits of a group")
@inline
def write_group(w: word, at: word) -> None:
    i = GROUP - 1
    while i >= 0:
        q = udiv(w, 10)
        store8(at + i, DIGIT + w - 10 * q)
        w = q
        i -= 1


def write_piece(x: word, at: word, groups: word) -> word:
    """So many groups of digits of an integer, which has no more, to an address; nil, or UNWIND."""
    copy = shifted(to_big(x), 0, 0, 0)
    if copy == UNWIND:
        return copy
    n = limb_count(copy)
    while groups > 0:
        groups -= 1
        n = significant(limbs(copy), n)
        write_group(divide_base(limbs(copy), n), at + GROUP * groups)
        if poll() == UNWIND:
            return UNWIND
    return NIL


def write_decimal(x: word, at: word, groups: word, powers: word, half: word) -> word:
    """The same for a number of any size, with the powers below it, of which the first has ``half`` groups."""
    while powers & 7 == CONS and groups <= half:
        powers = load(powers + 7)
        half = half >> 1
        if poll() == UNWIND:
            return UNWIND
    if powers & 7 != CONS:
        return write_piece(x, at, groups)
    if safepoint() == UNWIND:
        return UNWIND
    r = divide_integers(x, load(powers - 1), 2)
    if r == UNWIND:
        return r
    if write_decimal(load(r - 1), at, groups - half, load(powers + 7), half >> 1) == UNWIND:
        return UNWIND
    return write_decimal(load(r + 7), at + GROUP * (groups - half), half, load(powers + 7), half >> 1)


def decimal_string(x: word) -> word:
    """The decimal digits of a bignum, behind a sign when it is negative, as a string; or UNWIND."""
    n = limb_count(x)
    bits = 64 * n - clz(load(limbs(x) + 8 * n - 8))
    groups = udiv((bits * 19729 >> 16) + GROUP, GROUP)  # log10 of 2 is a little less
    s = make_string(GROUP * groups + 1)
    powers = powers_below(groups)
    a = magnitude_of(x)
    half = first_half(groups)
    if s == UNWIND or powers == UNWIND or a == UNWIND or half == UNWIND:
        return UNWIND
    if write_decimal(a, s + 8 - STRING, groups, powers, half) == UNWIND:
        return UNWIND
    return shortened(s, GROUP * groups, is_negative(x))


def magnitude_of(x: word) -> word:
    """A bignum without its sign."""
    return add_integers(0, x, 1) if is_negative(x) != 0 else x


def shortened(s: word, n: word, negative: word) -> word:
    """What is behind the zeros of a string's first n bytes, behind a sign; or UNWIND."""
    from_ = s + 8 - STRING
    end = from_ + n
    while from_ < end and load8(from_) == DIGIT:
        from_ += 1
        if poll() == UNWIND:
            return UNWIND
    r = make_string(end - from_ + negative)
    if r == UNWIND:
        return r
    at = r + 8 - STRING
    if negative != 0:
        store8(at, HYPHEN)
        at += 1
    while from_ < end:
        store8(at, load8(from_))
        at += 1
        from_ += 1
        if poll() == UNWIND:
            return UNWIND
    return r


# -- from decimal --------------------------------------------------------------------------


def read_groups(at: word, groups: word, powers: word, half: word) -> word:
    """The integer of so many limbs to the base at an address, least significant first; ``powers`` as above."""
    while powers & 7 == CONS and groups <= half:
        powers = load(powers + 7)
        half = half >> 1
        if poll() == UNWIND:
            return UNWIND
    if powers & 7 != CONS:
        return read_piece(at, groups)
    if safepoint() == UNWIND:
        return UNWIND
    high = read_groups(at + 8 * half, groups - half, load(powers + 7), half >> 1)
    if high == UNWIND:
        return high
    high = multiply_integers(high, load(powers - 1))
    if high == UNWIND:
        return high
    low = read_groups(at, half, load(powers + 7), half >> 1)
    return add_integers(high, low, 0) if low != UNWIND else low


def read_piece(at: word, groups: word) -> word:
    """The same, group by group."""
    r = make_bignum(groups, 0)
    if r == UNWIND:
        return r
    n = 0
    while n < groups:
        store(limbs(r) + 8 * n, times_base(limbs(r), n, load(at + 8 * (groups - 1 - n))))
        n += 1
        if poll() == UNWIND:
            return UNWIND
    return normalise(r)


def integer_of_groups(b: word, groups: word, negative: word) -> word:
    """The integer whose limbs to the base are the first of a bignum; or UNWIND."""
    powers = powers_below(groups)
    half = first_half(groups)
    if powers == UNWIND or half == UNWIND:
        return UNWIND
    r = read_groups(b + 8 - OTHER, groups, powers, half)
    if r == UNWIND or negative == 0:
        return r
    return add_integers(0, r, 1)
