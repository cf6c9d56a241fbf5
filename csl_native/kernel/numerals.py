"""Numbers as lists of characters and back: fixnums, floats by ``decimal.py``, and long integers by ``radix.py``."""

from __future__ import annotations

from ..heap.vm import DECIMAL_EXPONENT, PRECISION
from ..heap.words import CONS, SYMBOL, UNWIND
from ..restricted.language import bitsf, bounded, fbits, inline, load, lshr, sdiv, store, udiv, word
from .bignum import limbs
from .characters import ascii_char, character
from .decimal import LARGEST_EXPONENT, MOST_DIGITS, UNKNOWN, digits_of, double_bits, exponent, mantissa
from .memory import NIL, cons, float_value, make_bignum, make_float, poll
from .radix import GROUP, integer_of_groups

PLUS, MINUS, POINT, ZERO, NINE, LETTER_E = (ord(c) for c in "+-.09e")
NO_EXPONENT = 1 << 20
MOST_READ = 18  # digits that a fixnum has room for, and a double needs not more than one less


@bounded("digits of a fixnum")
def digits(n: word, r: word) -> word:
    """The decimal digits of a small integer in front of a list."""
    m = n if n < 0 else -n
    while True:
        q = sdiv(m, 10)
        r = cons(character(ZERO - (m - 10 * q)), r)
        m = q
        if m == 0:
            break
    return cons(character(MINUS), r) if n < 0 else r


@bounded("digits of a precision")
def without_zeros(n: word) -> word:
    """A number without the zeros that it ends with."""
    while True:
        q = udiv(n, 10)
        if n != 10 * q:
            return n
        n = q


@bounded("digits of a precision")
def digit_count(n: word) -> word:
    r = 0
    while n > 0:
        n = udiv(n, 10)
        r += 1
    return r


@bounded("digits of a precision, and zeros between them and the point")
def pointed(n: word, behind: word, r: word) -> word:
    """The digits of a number with so many of them behind a point, at least one, in front of a list; less than none:
    zeros before the point.
    """
    if behind <= 0:
        r = cons(character(POINT), cons(character(ZERO), r))
        while behind < 0:
            r = cons(character(ZERO), r)
            behind += 1
        return digits(n, r)
    while behind > 0:
        q = udiv(n, 10)
        r = cons(character(ZERO + n - 10 * q), r)
        n = q
        behind -= 1
    return digits(n, cons(character(POINT), r))


def float_characters(x: word) -> word:
    """The characters that print would show of a float; 0 when the host has to say: what is no number, and what has more
    digits.
    """
    bits = fbits(float_value(x))
    precision = load(PRECISION)
    if precision > MOST_DIGITS or lshr(bits, 52) & LARGEST_EXPONENT == LARGEST_EXPONENT:
        return 0
    r = NIL
    if bits << 1 == 0:
        r = pointed(0, 0, r)
    else:
        n = digits_of(mantissa(bits), exponent(bits), precision)
        if n == UNKNOWN:
            return 0
        n = without_zeros(n)
        first = load(DECIMAL_EXPONENT)
        behind = digit_count(n) - 1
        if first < -4 or first >= precision:
            r = digits(first if first >= 0 else -first, r)
            if first < 10 and first > -10:
                r = cons(character(ZERO), r)
            r = cons(character(LETTER_E), cons(character(PLUS if first >= 0 else MINUS), r))
            r = pointed(n, behind, r)
        else:
            r = pointed(n, behind - first, r)
    return cons(character(MINUS), r) if bits < 0 else r


@inline
def after(l: word) -> word:
    """The list without its first element."""
    return load(l + 7) if l & 7 == CONS else NIL


def code_at(l: word) -> word:
    """The code of the character that a list begins with, when it is a symbol of ASCII; else -1."""
    return ascii_char(load(l - 1)) if l & 7 == CONS and load(l - 1) & 7 == SYMBOL else -1


@inline
def is_digit(c: word) -> bool:
    return c >= ZERO and c <= NINE


@bounded("four digits")
def exponent_of(l: word) -> word:
    """The exponent that is all of a list; NO_EXPONENT when that is none, or a long one."""
    sign = code_at(l)
    if sign == MINUS or sign == PLUS:
        l = after(l)
    r = 0
    left = 4
    c = code_at(l)
    while is_digit(c) and left > 0:
        r = r * 10 + c - ZERO
        left -= 1
        l = after(l)
        c = code_at(l)
    if l != NIL or left == 4:
        return NO_EXPONENT
    return -r if sign == MINUS else r


def number_of(l: word) -> word:
    """The number that a list of characters spells, a fixnum or a float; NIL when the reader has to say, or UNWIND."""
    sign = code_at(l)
    if sign == MINUS or sign == PLUS:
        l = after(l)
    w = 0
    count = 0  # of digits from the first that is not 0 on
    before = 0
    behind = 0
    point = False
    c = code_at(l)
    while is_digit(c) or c == POINT and not point:
        if c == POINT:
            point = True
        else:
            w = w * 10 + c - ZERO
            count += 1 if w != 0 else 0
            behind += 1 if point else 0
            before += 0 if point else 1
        l = after(l)
        c = code_at(l)
        if count > MOST_READ:
            return NIL
        if poll() == UNWIND:
            return UNWIND
    if before == 0:
        return NIL
    if l == NIL and not point:
        return -w << 3 if sign == MINUS else w << 3
    q = 0
    if (c | 32) == LETTER_E:
        q = exponent_of(after(l))
    elif l != NIL or behind == 0:
        return NIL
    bits = double_bits(w, q - behind) if q != NO_EXPONENT else UNKNOWN
    if bits == UNKNOWN:
        return NIL
    return make_float(-bitsf(bits) if sign == MINUS else bitsf(bits))


def long_integer_of(l: word) -> word:
    """The integer of more digits than a fixnum has that a list of characters spells; NIL when it spells something
    else, or UNWIND."""
    sign = code_at(l)
    if sign == MINUS or sign == PLUS:
        l = after(l)
    n = 0
    p = l
    while is_digit(code_at(p)):
        n += 1
        p = after(p)
        if poll() == UNWIND:
            return UNWIND
    if n <= MOST_READ or p != NIL:
        return NIL
    groups = udiv(n + GROUP - 1, GROUP)
    b = make_bignum(groups, 0)
    if b == UNWIND:
        return b
    at = limbs(b) + 8 * groups
    w = 0
    left = n - GROUP * (groups - 1)
    while l != NIL:
        w = w * 10 + code_at(l) - ZERO
        left -= 1
        l = after(l)
        if left == 0:
            at -= 8
            store(at, w)
            w = 0
            left = GROUP
        if poll() == UNWIND:
            return UNWIND
    return integer_of_groups(b, groups, 1 if sign == MINUS else 0)
