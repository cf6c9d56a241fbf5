"""Comparisons of numbers and questions about them: fixnums and floats inline, the rest out of line."""

from __future__ import annotations

from ..heap.words import FLOAT, OTHER, SYMBOL, UNWIND
from ..restricted.language import inline, likely, lisp, load, noinline, word
from .arithmetic import both_fixnums, both_floats, is_number, to_double, truth
from .bignum import compare_integers, is_big, is_integer, is_minus_integer, is_negative
from .compound import first_part, is_compound, is_ratio, same_compound
from .host import (
    H_BAD_COMPARE,
    O_EVENP,
    O_GEQ,
    O_GREATERP,
    O_LEQ,
    O_LESSP,
    O_MAX,
    O_MIN,
    bad_arith,
    bad_op,
    host,
)
from .memory import NIL, T, float_value


@inline
def is_exact(v: word) -> bool:
    """Is a number the double that it is converted to?"""
    return v & 7 == FLOAT or v & 7 == 0 and v >= -1 << 56 and v <= 1 << 56


@noinline
def compare_slow(a: word, b: word, operation: word) -> word:
    """-1, 0, 1; 2 when unordered (a NaN); UNWIND for what is no number."""
    if is_integer(a) and is_integer(b):
        return compare_integers(a, b)
    if is_number(a) and is_number(b):
        if not (is_exact(a) and is_exact(b)):
            r = host(H_BAD_COMPARE, operation, a, b)
            return r >> 3 if r != UNWIND else r
        x = to_double(a)
        y = to_double(b)
        return -1 if x < y else 1 if x > y else 0 if x == y else 2
    r = bad_arith(operation, a, b)
    return r >> 3 if r != UNWIND else r


@lisp("lessp", "also")
@inline
def lessp(a: word, b: word) -> word:
    """Is the first number below the second?  Integers and floats are compared exactly."""
    if likely(both_fixnums(a, b)):
        return truth(a < b)
    return order_slow(a, b, O_LESSP)


@lisp("greaterp", "also")
@inline
def greaterp(a: word, b: word) -> word:
    """Is the first number above the second?"""
    if likely(both_fixnums(a, b)):
        return truth(a > b)
    return order_slow(a, b, O_GREATERP)


@lisp("leq", "also")
@inline
def leq(a: word, b: word) -> word:
    """Is the first number not above the second?"""
    if likely(both_fixnums(a, b)):
        return truth(a <= b)
    return order_slow(a, b, O_LEQ)


@lisp("geq", "also")
@inline
def geq(a: word, b: word) -> word:
    """Is the first number not below the second?"""
    if likely(both_fixnums(a, b)):
        return truth(a >= b)
    return order_slow(a, b, O_GEQ)


@noinline
def order_slow(a: word, b: word, operation: word) -> word:
    if both_floats(a, b):
        x = float_value(a)
        y = float_value(b)
        if operation == O_LESSP:
            return truth(x < y)
        if operation == O_GREATERP:
            return truth(x > y)
        return truth(x <= y) if operation == O_LEQ else truth(x >= y)
    c = compare_slow(a, b, operation)
    if c == UNWIND:
        return c
    if c == 2:
        return NIL
    if operation == O_LESSP:
        return truth(c < 0)
    if operation == O_GREATERP:
        return truth(c > 0)
    return truth(c <= 0) if operation == O_LEQ else truth(c >= 0)


@lisp("eqn", "also")
@inline
def eqn(a: word, b: word) -> word:
    """Are the arguments the same, or equal numbers of one type?"""
    if a == b and a & 7 != FLOAT:
        return T
    if both_fixnums(a, b):
        return NIL
    return truth((a & 7 == FLOAT or a & 7 == OTHER) and eqn_slow(a, b))


@noinline
def eqn_slow(a: word, b: word) -> bool:
    if is_big(a) and is_big(b):
        return compare_integers(a, b) == 0
    if a & 7 == FLOAT and b & 7 == FLOAT:
        return float_value(a) == float_value(b)
    return same_compound(a, b)


@lisp("max2")
def max2(a: word, b: word) -> word:
    """The larger of two numbers.  (max2 3 7) => 7"""
    c = compare_slow(a, b, O_MAX)
    return c if c == UNWIND else b if c < 0 else a


@lisp("min2")
def min2(a: word, b: word) -> word:
    """The smaller of two numbers.  (min2 3 7) => 3"""
    c = compare_slow(a, b, O_MIN)
    return c if c == UNWIND else b if c == 1 else a


@lisp("max", "also")
def max_of_two(a: word, b: word) -> word:
    if both_fixnums(a, b):
        return a if a > b else b
    return max2(a, b)


@lisp("min", "also")
def min_of_two(a: word, b: word) -> word:
    if both_fixnums(a, b):
        return a if a < b else b
    return min2(a, b)


@lisp("zerop")
@inline
def zerop(a: word) -> word:
    """Is it zero?  Nil for what is no number.  (zerop 0.0) => t  (zerop 'a) => nil"""
    if a & 7 == 0:
        return truth(a == 0)
    return truth(a & 7 == FLOAT and float_value(a) == 0.0)


@lisp("onep")
@inline
def onep(a: word) -> word:
    """Is it one?  (onep 1) => t  (onep 1.0) => t"""
    if a & 7 == 0:
        return truth(a == 8)
    return truth(is_one(a))


@noinline
def is_one(a: word) -> bool:
    return a & 7 == FLOAT and float_value(a) == 1.0


@lisp("minusp")
@inline
def minusp(a: word) -> word:
    """Is it a number below zero?  (minusp -2) => t"""
    if a & 7 == 0:
        return truth(a < 0)
    return truth(minusp_slow(a))


@noinline
def minusp_slow(a: word) -> bool:
    if a & 7 == FLOAT:
        return float_value(a) < 0.0
    return is_big(a) and is_negative(a) != 0 or is_ratio(a) and is_minus_integer(first_part(a))


@lisp("plusp")
def plusp(a: word) -> word:
    """Is it a number above zero?  (plusp 2) => t"""
    if a & 7 == 0:
        return truth(a > 0)
    if a & 7 == FLOAT:
        return truth(float_value(a) > 0.0)
    return truth(is_big(a) and is_negative(a) == 0 or is_ratio(a) and not is_minus_integer(first_part(a)))


@lisp("evenp")
def evenp(a: word) -> word:
    """Is an integer even?  (evenp 4) => t"""
    if a & 7 == 0:
        return truth(a & 8 == 0)
    if is_big(a):
        return truth(load(a + 2) & 1 == 0)
    return bad_op(O_EVENP, a)


@lisp("eq-safe")
def eq_safe(x: word) -> word:
    """Is eq as good as equal for a value?  (eq!-safe 'a) => t"""
    return truth(x & 7 == 0 or x & 7 == SYMBOL)


@lisp("numberp")
@inline
def numberp(a: word) -> word:
    """Is it a number?  (numberp 1.5) => t  (numberp 'a) => nil"""
    return truth(is_number(a) or is_compound(a))


@lisp("fixp")
@inline
def fixp(a: word) -> word:
    """Is it an integer, of any size?  (fixp (expt 10 30)) => t  (fixp 1.0) => nil"""
    return truth(is_integer(a))


@lisp("floatp")
@inline
def floatp(a: word) -> word:
    """Is it a float?  (floatp 1.0) => t"""
    return truth(a & 7 == FLOAT)
