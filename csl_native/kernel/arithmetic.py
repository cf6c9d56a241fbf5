"""Generic arithmetic: fixnums inline, bignums and doubles out of line."""

from __future__ import annotations

from ..heap.vm import FLOAT_TRAP
from ..heap.words import FLOAT, UNWIND
from ..restricted.language import (
    add_overflows,
    bitsf,
    clz,
    double,
    fbits,
    inline,
    itof,
    known_fixnum,
    likely,
    lisp,
    load,
    lshr,
    mul_overflows,
    noinline,
    onepass,
    sdiv,
    srem,
    sub_overflows,
    unlikely,
    word,
)
from .bignum import add_integers, compare_integers, is_big, is_integer, is_negative, limb_count, limbs
from .division import divide_integers
from .host import (
    H_DIVIDE_ZERO,
    H_FLOAT_TRAP,
    O_ABS,
    O_ADD1,
    O_DIFFERENCE,
    O_DIVIDE,
    O_MINUS,
    O_PLUS,
    O_QUOTIENT,
    O_REMAINDER,
    O_SUB1,
    O_TIMES,
    bad_arith,
    bad_op,
    host,
)
from .memory import NIL, T, cons, float_value, make_float
from .multiply import multiply_integers

FIXNUM_MIN = -(1 << 63)


@inline
def truth(b: bool) -> word:
    return T if b else NIL


@inline
def both_fixnums(a: word, b: word) -> bool:
    return (a | b) & 7 == 0


@inline
def is_number(v: word) -> bool:
    return v & 7 == 0 or v & 7 == FLOAT or is_big(v)


@inline
def both_floats(a: word, b: word) -> bool:
    return a & 7 == FLOAT and b & 7 == FLOAT


@inline
def quick_number(v: word) -> bool:
    """A fixnum or a float."""
    return v & 7 == 0 or v & 7 == FLOAT


@inline
def quick_double(v: word) -> float:
    return float_value(v) if v & 7 == FLOAT else itof(v >> 3)


@onepass("the limbs of one number")
@noinline
def big_to_double(v: word) -> float:
    """The double nearest to a bignum, an even one when two are; infinite for what is too large."""
    n = limb_count(v)
    p = limbs(v) + 8 * n - 8
    shift = clz(load(p))
    x = load(p) << shift
    more = 0
    i = 1
    while i < n:
        y = load(p - 8 * i)
        if i == 1 and shift != 0:
            x = x | lshr(y, 64 - shift)
            y = y << shift
        more = more | y
        i += 1
    bits = lshr(x, 11)
    if x & 1024 != 0 and (x & 1023 != 0 or more != 0 or bits & 1 != 0):
        bits += 1
    exponent = 64 * n - shift + 1022
    if bits >> 53 != 0:
        exponent += 1
    bits = exponent << 52 | bits & (1 << 52) - 1 if exponent < 2047 else 2047 << 52
    return bitsf(bits | is_negative(v) << 63)


def to_double(v: word) -> float:
    """The double nearest to a number."""
    if v & 7 == 0:
        return itof(v >> 3)
    if v & 7 == FLOAT:
        return float_value(v)
    return big_to_double(v)


@inline
def is_finite(d: double) -> bool:
    return d - d == 0.0


@inline
def float_result(d: double) -> word:
    """A float; an error when it is infinite or none at all, and that is trapped."""
    if unlikely(not is_finite(d)):
        return unusual_float(d)
    return make_float(d)


@noinline
def unusual_float(d: double) -> word:
    return host(H_FLOAT_TRAP, 0, 0, 0) if load(FLOAT_TRAP) != 0 else make_float(d)


@lisp("plus2")
@inline
def plus2(a: word, b: word) -> word:
    """The sum of two numbers; with a float it is a float.  (plus2 2 3) => 5  (plus2 1 0.5) => 1.5"""
    if likely(both_fixnums(a, b)):
        if likely(not add_overflows(a, b)):
            return known_fixnum(a + b)
    return plus_slow(a, b)


@noinline
def plus_slow(a: word, b: word) -> word:
    if a & 7 == FLOAT and b & 7 == FLOAT:
        return float_result(float_value(a) + float_value(b))
    if is_integer(a) and is_integer(b):
        return add_integers(a, b, 0)
    if is_number(a) and is_number(b):
        return float_result(to_double(a) + to_double(b))
    return bad_arith(O_PLUS, a, b)


@lisp("difference2")
@inline
def difference2(a: word, b: word) -> word:
    """The first number less the second.  (difference2 5 3) => 2"""
    if likely(both_fixnums(a, b)):
        if likely(not sub_overflows(a, b)):
            return known_fixnum(a - b)
    return difference_slow(a, b)


@noinline
def difference_slow(a: word, b: word) -> word:
    if a & 7 == FLOAT and b & 7 == FLOAT:
        return float_result(float_value(a) - float_value(b))
    if is_integer(a) and is_integer(b):
        return add_integers(a, b, 1)
    if is_number(a) and is_number(b):
        return float_result(to_double(a) - to_double(b))
    return bad_arith(O_DIFFERENCE, a, b)


@lisp("times2")
@inline
def times2(a: word, b: word) -> word:
    """The product of two numbers.  (times2 6 7) => 42"""
    if likely(both_fixnums(a, b)):
        if likely(not mul_overflows(a >> 3, b)):
            return known_fixnum((a >> 3) * b)
    return times_slow(a, b)


@noinline
def times_slow(a: word, b: word) -> word:
    if a & 7 == FLOAT and b & 7 == FLOAT:
        return float_result(float_value(a) * float_value(b))
    if is_integer(a) and is_integer(b):
        return multiply_integers(a, b)
    if is_number(a) and is_number(b):
        return float_result(to_double(a) * to_double(b))
    return bad_arith(O_TIMES, a, b)


@lisp("add1")
@inline
def add1(a: word) -> word:
    """A number plus one.  (add1 41) => 42"""
    if likely(a & 7 == 0):
        if likely(not add_overflows(a, 8)):
            return known_fixnum(a + 8)
    return add1_slow(a)


@noinline
def add1_slow(a: word) -> word:
    return plus_slow(a, 8) if is_number(a) else bad_op(O_ADD1, a)


@lisp("sub1")
@inline
def sub1(a: word) -> word:
    """A number less one.  (sub1 43) => 42"""
    if likely(a & 7 == 0):
        if likely(not sub_overflows(a, 8)):
            return known_fixnum(a - 8)
    return sub1_slow(a)


@noinline
def sub1_slow(a: word) -> word:
    return difference_slow(a, 8) if is_number(a) else bad_op(O_SUB1, a)


@lisp("quotient", "also")
@inline
def quotient(a: word, b: word) -> word:
    """The first number divided by the second, towards zero for integers; an error when the second is zero."""
    if both_fixnums(a, b) and b != 0 and b != -8:
        return sdiv(a, b) << 3
    return quotient_slow(a, b)


@noinline
def quotient_slow(a: word, b: word) -> word:
    if is_integer(a) and is_integer(b):
        if b == 0:
            return host(H_DIVIDE_ZERO, O_QUOTIENT, a, b)
        return divide_integers(a, b, 0)
    if is_number(a) and is_number(b):
        d = to_double(b)
        if d == 0.0:
            return host(H_DIVIDE_ZERO, O_QUOTIENT, a, b)
        return float_result(to_double(a) / d)
    return bad_arith(O_QUOTIENT, a, b)


@lisp("remainder")
@inline
def remainder(a: word, b: word) -> word:
    """The remainder of a division of integers that rounds towards zero; it has the sign of the first.
    (remainder 17 5) => 2  (remainder -17 5) => -2
    """
    if both_fixnums(a, b) and b != 0 and b != -8:
        return srem(a, b)
    return remainder_slow(a, b)


@noinline
def remainder_slow(a: word, b: word) -> word:
    if is_integer(a) and is_integer(b):
        if b == 0:
            return host(H_DIVIDE_ZERO, O_REMAINDER, a, b)
        return divide_integers(a, b, 1)
    return bad_arith(O_REMAINDER, a, b)


@lisp("divide")
def divide(a: word, b: word) -> word:
    """The pair of quotient, rounded towards zero, and remainder of two integers; where one is a float, of what
    `quotient` says and 0.
    (divide 17 5) => (3 . 2)  (divide 3.0 8) => (0.375 . 0)
    """
    if is_integer(a) and is_integer(b):
        if b == 0:
            return host(H_DIVIDE_ZERO, O_DIVIDE, a, b)
        return divide_integers(a, b, 2)
    if is_number(a) and is_number(b):
        q = quotient_slow(a, b)
        return q if q == UNWIND else cons(q, 0)
    return bad_arith(O_DIVIDE, a, b)


@lisp("minus")
@inline
def minus(a: word) -> word:
    """A number with the other sign.  (minus 3) => -3"""
    if a & 7 == 0 and a != FIXNUM_MIN:
        return -a
    return minus_slow(a)


@noinline
def minus_slow(a: word) -> word:
    if is_integer(a):
        return add_integers(0, a, 1)
    if a & 7 == FLOAT:
        return make_float(-float_value(a))
    return bad_op(O_MINUS, a)


@lisp("abs")
def absolute(a: word) -> word:
    """The magnitude of a number.  (abs -3) => 3"""
    if a & 7 == 0 and a >= 0:
        return a
    if is_integer(a):
        return minus_slow(a) if compare_integers(a, 0) < 0 else a
    if a & 7 == FLOAT:
        return make_float(bitsf(fbits(float_value(a)) & ~(1 << 63)))
    return bad_op(O_ABS, a)
