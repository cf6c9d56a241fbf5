"""Functions of doubles, and conversions between integers and doubles."""

from __future__ import annotations

from ..heap.vm import FLOAT_TRAP, LIBM_ATAN, LIBM_COS, LIBM_EXP, LIBM_LOG, LIBM_SIN, LIBM_TAN
from ..heap.words import FLOAT
from ..restricted.language import callf, double, fbits, fsqrt, ftoi, inline, lisp, load, store, word
from .arithmetic import float_result, is_number, to_double, truth
from .bignum import is_integer
from .host import H_BAD_TRIG, H_POWER, host
from .memory import NIL, UNSET, T, float_value, make_float

INFINITE = 0x7FF << 52  # the bits of infinity


@lisp("sqrt")
def square_root(a: word) -> word:
    """The square root of a number, as a float.  (sqrt 2) => 1.41421"""
    if is_number(a):
        d = to_double(a)
        if d >= 0.0:
            return make_float(fsqrt(d))
    return host(H_POWER, a, NIL, 0)


@inline
def double_sin(d: double) -> double:
    return callf(LIBM_SIN, d)


@lisp("sin")
def sin_of(a: word) -> word:
    """The sine of an angle in radians.  (sin 0) => 0.0"""
    if is_number(a):
        return make_float(callf(LIBM_SIN, to_double(a)))
    return host(H_BAD_TRIG, a, 0, 0)


@inline
def double_cos(d: double) -> double:
    return callf(LIBM_COS, d)


@lisp("cos")
def cos_of(a: word) -> word:
    """The cosine of an angle in radians.  (cos 0) => 1.0"""
    if is_number(a):
        return make_float(callf(LIBM_COS, to_double(a)))
    return host(H_BAD_TRIG, a, 0, 8)


@inline
def double_tan(d: double) -> double:
    return callf(LIBM_TAN, d)


@lisp("tan")
def tan_of(a: word) -> word:
    """The tangent of an angle in radians.  (tan 0) => 0.0"""
    if is_number(a):
        return make_float(callf(LIBM_TAN, to_double(a)))
    return host(H_BAD_TRIG, a, 0, 16)


@inline
def double_atan(d: double) -> double:
    return callf(LIBM_ATAN, d)


@lisp("atan", "also")
def atan_of(a: word) -> word:
    if is_number(a):
        return make_float(callf(LIBM_ATAN, to_double(a)))
    return host(H_BAD_TRIG, a, 0, 24)


@inline
def double_exp(d: double) -> double:
    return callf(LIBM_EXP, d)


@lisp("exp")
def exp_of(a: word) -> word:
    """The exponential function.  (exp 0) => 1.0"""
    if is_number(a):
        return float_result(callf(LIBM_EXP, to_double(a)))
    return host(H_BAD_TRIG, a, 0, 32)


@lisp("log", "also")
def log_of(a: word) -> word:
    if is_number(a):
        d = to_double(a)
        if d > 0.0:
            return make_float(callf(LIBM_LOG, d))
        return host(H_BAD_TRIG, a, 1, 0)
    return host(H_BAD_TRIG, a, 0, 40)


@lisp("fp-infinite")
def fp_infinite(x: word) -> word:
    """Is it a float that is infinite?  (fp!-infinite 1.0) => nil"""
    return truth(x & 7 == FLOAT and fbits(float_value(x)) << 1 == INFINITE << 1)


@lisp("trap-floating-overflow")
def trap_floating_overflow(x: word) -> word:
    """Is a float that becomes infinite, or no number, an error?  What it was before; nil at first.
    (trap!-floating!-overflow nil) => nil
    """
    old = load(FLOAT_TRAP)
    store(FLOAT_TRAP, 0 if x == NIL else 1)
    return truth(old != 0)


@lisp("fix")
def fix(a: word) -> word:
    """The integer part of a number: a fraction is cut off.  (fix 3.7) => 3  (fix -3.7) => -3"""
    if is_integer(a):
        return a
    if a & 7 == FLOAT:
        d = float_value(a)
        if d < 1152921504606846976.0 and d > -1152921504606846976.0:
            return ftoi(d) << 3
    return host(H_POWER, a, T, 0)


@lisp("float", "also")
def float_of(a: word) -> word:
    if a & 7 == FLOAT:
        return a
    if is_number(a):
        return make_float(to_double(a))
    return host(H_POWER, a, UNSET, 0)
