"""What floats and rational numbers are made of."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..heap.words import FLOAT
from ..kernel.memory import NIL
from ..lisp.registry import Checked, Number, Value, builtin
from .numbers import real, whole

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp

DIGITS = 53  # bits of a float's mantissa


def float_test(name: str, test: Callable[[float], bool], *aliases: str, meaning: str) -> None:
    @builtin(name, 1, 1, *aliases, meaning=meaning)
    def call(lisp: Lisp, x: Value) -> int:
        return lisp.truth(x & 7 == FLOAT and test(lisp.machine.double(x)))


float_test("float-infinity-p", math.isinf, meaning="Is it a float that is infinite?  (float!-infinity!-p 1.0) => nil")
float_test("fp-nan", math.isnan, meaning="Is it a float that is no number (NaN)?  (fp!-nan 1.0) => nil")
float_test("fp-finite", math.isfinite, meaning="Is it a float that is finite?  (fp!-finite 1.0) => t")
float_test("fp-subnorm", lambda d: d != 0 and abs(d) < sys.float_info.min, "float-denormalized-p",
           meaning="Is it a float so near to zero that it has fewer bits?  (fp!-subnorm 1.0) => nil")
float_test("fp-signbit", lambda d: math.copysign(1.0, d) < 0,
           meaning="Is it a float with a minus sign?  (fp!-signbit -1.0) => t")
for _name in ("long-floatp", "short-floatp", "single-floatp"):
    float_test(_name, lambda d: False, meaning=f"Nil: all floats are double.  ({_name.replace('-', '!-')} 1.0) => nil")


@builtin("frexp", 1, wrong="bad arg for frexp")
def frexp(lisp: Lisp, x: Number) -> int:
    """The pair of exponent and mantissa (from 0.5 on, below 1) of a number.  (frexp 8.0) => (4 . 0.5)"""
    mantissa, exponent = math.frexp(lisp.to_double(x))
    return lisp.machine.cons(exponent << 3, lisp.machine.float(mantissa))


@builtin("decode-float", 1, wrong="bad arg for decode-float")
def decode_float(lisp: Lisp, x: Number) -> int:
    """The sign as a float, the exponent and the mantissa of a number; nil for an infinity.
    (decode!-float 8.0) => (1.0 4 0.5)
    """
    m = lisp.machine
    d = lisp.to_double(x)
    if math.isinf(d):
        return NIL
    mantissa, exponent = math.frexp(abs(d))
    return m.list([m.float(math.copysign(1.0, d)), exponent << 3, m.float(mantissa)])


@builtin("scale-float", 2)
def scale_float(lisp: Lisp, x: Checked, n: Checked) -> int:
    """A number times a power of two.  (scale!-float 0.5 4) => 8.0"""
    d = real(lisp, x, "scale-float")
    try:
        return lisp.machine.float(math.ldexp(d, whole(lisp, n, "scale-float")))
    except OverflowError:
        return lisp.machine.float(math.copysign(math.inf, d))


@builtin("float-sign", 1, 2, wrong="bad arg for float-sign")
def float_sign(lisp: Lisp, x: Number, y: Number = NIL) -> int:
    """The second number, or 1, times the sign of the first, as a float.  (float!-sign -3.0 2.0) => -2.0"""
    d = lisp.to_double(x)
    sign = 1.0 if math.isnan(d) else math.copysign(1.0, d)
    return lisp.machine.float(sign if y == NIL else sign * lisp.to_double(y))


@builtin("manexp", 1, wrong="bad arg for frexp")
def manexp(lisp: Lisp, x: Number) -> int:
    """The pair of mantissa (from 0.5 on, below 1) and exponent of a number.  (manexp 8.0) => (0.5 . 4)"""
    mantissa, exponent = math.frexp(lisp.to_double(x))
    return lisp.machine.cons(lisp.machine.float(mantissa), exponent << 3)


@builtin("mantissa-bits", 1)
def mantissa_bits(lisp: Lisp, x: Value) -> int:
    """The number of bits of a float's mantissa; nil for what is no float.  (mantissa!-bits 1.0) => 53"""
    return DIGITS << 3 if x & 7 == FLOAT else NIL


def float_of(lisp: Lisp, x: int, who: str) -> float:
    if x & 7 != FLOAT:
        raise lisp.errors.bare(f"bad args for {who}")
    return lisp.machine.double(x)


@builtin("float-digits", 1)
def float_digits(lisp: Lisp, x: Checked) -> int:
    """The number of bits of a float's mantissa.  (float!-digits 1.0) => 53"""
    float_of(lisp, x, "float-digits")
    return DIGITS << 3


@builtin("float-precision", 1)
def float_precision(lisp: Lisp, x: Checked) -> int:
    """The number of bits of a float's mantissa that matter: 0 for zero.  (float!-precision 0.0) => 0"""
    return DIGITS << 3 if float_of(lisp, x, "float-precision") else 0


@builtin("float-radix", 1)
def float_radix(lisp: Lisp, x: Checked) -> int:
    """The base of floats.  (float!-radix 1.0) => 2"""
    float_of(lisp, x, "float-radix")
    return 2 << 3


@builtin("integer-decode-float", 1)
def integer_decode_float(lisp: Lisp, x: Checked) -> int:
    """(mantissa exponent sign): an integer of 63 to 93 bits, so that the exponent, of two, is a multiple of 31; as
    in the original.
    (cdr (integer!-decode!-float 1.0)) => (-62 1)
    """
    d, m = float_of(lisp, x, "integer-decode-float"), lisp.machine
    if not math.isfinite(d):
        raise lisp.errors.bare("bad args for integer-decode-float")
    exponent = 31 * ((math.frexp(d)[1] - 63) // 31) if d else 0
    numerator, denominator = abs(d).as_integer_ratio()
    size = numerator >> exponent if exponent > 0 else (numerator << -exponent) // denominator
    return m.list([m.integer(size), m.integer(exponent), m.integer(-1 if math.copysign(1.0, d) < 0 else 1)])


@builtin("validate-number", 1, 2)
def validate_number(lisp: Lisp, x: Value, more: Value = NIL) -> int:
    """The number itself: none is built wrongly.  (validate!-number 5) => 5"""
    return x
