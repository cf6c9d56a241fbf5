"""Numbers beyond the kernel's arithmetic: float functions, roundings, bits, modular arithmetic."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from ...kernel.memory import NIL, T
from ...machine import Machine
from ...words import SYMBOL
from ..registry import Checked, Integer, Number, Value, builtin

if TYPE_CHECKING:
    from ..lisp import Lisp


def real(lisp: Lisp, x: int, who: str) -> float:
    if not lisp.is_number(x):
        raise lisp.errors.plain(f"bad arg for {who}", x)
    return lisp.to_double(x)


def whole(lisp: Lisp, x: int, who: str) -> int:
    if not lisp.machine.is_integer(x):
        raise lisp.errors.plain(f"bad arg for {who}", x)
    return lisp.machine.number(x)


def float_function(name: str, function: Callable[[float], float]) -> None:
    @builtin(name, 1, wrong="bad arg for trig function")
    def call(lisp: Lisp, x: Number) -> int:
        d = lisp.to_double(x)
        try:
            return lisp.machine.float(float(function(d)))
        except OverflowError:
            return lisp.machine.float(math.inf)
        except ZeroDivisionError:
            return lisp.machine.float(math.copysign(math.inf, d))
        except ValueError:
            raise lisp.errors.plain(f"Arg for {'ln' if name == 'log' else name} out of range", x) from None


DEGREE = math.pi / 180
_PLAIN: dict[str, Callable[[float], float]] = {
    "sin": math.sin, "cos": math.cos, "tan": math.tan, "asin": math.asin, "acos": math.acos, "atan": math.atan, "sinh": math.sinh,
    "cosh": math.cosh, "tanh": math.tanh, "asinh": math.asinh, "acosh": math.acosh, "exp": math.exp, "log": math.log,
    "atanh": lambda x: math.copysign(math.inf, x) if abs(x) == 1 else math.atanh(x),
    "ln": math.log, "log10": math.log10, "log2": math.log2, "cbrt": lambda x: math.copysign(abs(x) ** (1 / 3), x),
    "cot": lambda x: 1 / math.tan(x), "sec": lambda x: 1 / math.cos(x), "csc": lambda x: 1 / math.sin(x),
    "coth": lambda x: 1 / math.tanh(x), "sech": lambda x: 2 * math.exp(-abs(x)) / (1 + math.exp(-2 * abs(x))),
    "csch": lambda x: 1 / math.sinh(x) if abs(x) < 700 else math.copysign(2 * math.exp(-abs(x)), x),
    "acot": lambda x: math.atan(1 / x) if x > 1 else math.pi / 2 - math.atan(x), "asec": lambda x: math.acos(1 / x), "acsc": lambda x: math.asin(1 / x),
    "acoth": lambda x: math.atanh(1 / x), "asech": lambda x: math.acosh(1 / x), "acsch": lambda x: math.asinh(1 / x),
}
_DIRECT = ("sin", "cos", "tan", "cot", "sec", "csc")
for _name, _f in _PLAIN.items():
    if _name not in ("sin", "cos", "tan", "atan", "exp", "log", "ln"):  # the kernel has these
        float_function(_name, _f)
for _name in _DIRECT:
    float_function(_name + "d", lambda x, f=_PLAIN[_name]: f(x * DEGREE))  # type: ignore[misc]
    float_function("a" + _name + "d", lambda x, f=_PLAIN["a" + _name]: f(x) / DEGREE)  # type: ignore[misc]


@builtin("atan2", 2, wrong="bad arg for atan2")
def atan2(lisp: Lisp, y: Number, x: Number) -> int:
    return lisp.machine.float(math.atan2(lisp.to_double(y), lisp.to_double(x)))


@builtin("atan2d", 2, wrong="bad arg for atan2d")
def atan2d(lisp: Lisp, y: Number, x: Number) -> int:
    return lisp.machine.float(math.degrees(math.atan2(lisp.to_double(y), lisp.to_double(x))))


@builtin("hypot", 2, wrong="bad arg for hypot")
def hypot(lisp: Lisp, x: Number, y: Number) -> int:
    return lisp.machine.float(math.hypot(lisp.to_double(x), lisp.to_double(y)))


def logarithm(lisp: Lisp, x: int) -> float:
    """Of zero it is infinite."""
    d = lisp.to_double(x)
    if d < 0:
        raise lisp.errors.plain("Arg for ln out of range", x)
    return math.log(d) if d else -math.inf


@builtin("logb", 2, wrong="bad arg for trig function")
def logb(lisp: Lisp, x: Number, base: Number) -> int:
    a, b = logarithm(lisp, x), logarithm(lisp, base)
    return lisp.machine.float(a / b if b else math.nan if a == 0 else math.copysign(math.inf, a))


@builtin("log", 1, 2, wrong="bad arg for trig function")
def log(lisp: Lisp, x: Number, base: Number) -> int:
    """With a base; the kernel has the natural logarithm."""
    return logb(lisp, x, base)


@builtin("atan", 1, 2, wrong="bad arg for atan2")
def atan(lisp: Lisp, y: Number, x: Number) -> int:
    """The angle of a point; the kernel has that of one argument."""
    return atan2(lisp, y, x)


@builtin("float", 1, 2, wrong="bad arg for float")
def float_(lisp: Lisp, x: Number, like: Number) -> int:
    """A float of the kind of another one, of which there is one; the kernel has that of one argument."""
    return lisp.machine.float(lisp.to_double(x))


class Division(NamedTuple):
    """Quotient, to zero, and remainder of two integers of any size, by the kernel: it can be ended.  For one call of a builtin."""

    m: Machine
    b: int
    quotient: int
    rest: int

    @classmethod
    def of(cls, m: Machine, a: int, b: int) -> Division:
        pair = m.kernel.entry_divide(0, a, b)
        return cls(m, b, m.car(pair), m.cdr(pair))

    @property
    def apart(self) -> bool:
        """Has the remainder another sign than the divisor?"""
        return self.rest != 0 and self.m.is_minus(self.rest) != self.m.is_minus(self.b)

    @property
    def nearer(self) -> bool:
        """Is the quotient that is further from zero nearer, or as near and even?"""
        k = self.m.kernel
        twice, size = (k.entry_absolute(0, x) for x in (k.entry_plus2(0, self.rest, self.rest), self.b))
        return bool(k.entry_lessp(0, size, twice) != NIL or k.entry_eqn(0, size, twice) != NIL and k.entry_evenp(0, self.quotient) == NIL)

    def moved(self, step: int) -> int:
        return int(self.m.kernel.entry_plus2(0, self.quotient, step << 3))


def rounding(name: str, function: Callable[[float], int], divide: Callable[[Division], int]) -> None:
    @builtin(name, 1, 2)
    def call(lisp: Lisp, x: Number, y: Number = 8) -> int:
        m = lisp.machine
        if m.is_integer(x) and m.is_integer(y):
            if y == 0:
                raise lisp.errors.plain(f"bad arg for {'quotient' if name == 'truncate' else name}", x, y)
            division = Division.of(m, x, y)
            return division.moved(divide(division))
        value = lisp.to_double(x) / lisp.to_double(y)
        if not math.isfinite(value):
            raise lisp.errors.plain(f"bad arg for {name}", x)
        return m.integer(function(value))


rounding("floor", math.floor, lambda d: -int(d.apart))
rounding("ceiling", math.ceil, lambda d: int(d.rest != 0 and not d.apart))
rounding("truncate", math.trunc, lambda d: 0)
rounding("round", round, lambda d: (-1 if d.apart else 1) * int(d.nearer))


@builtin("mod", 2)
def mod(lisp: Lisp, a: Checked, b: Checked) -> int:
    if b == 0:
        raise lisp.errors.plain("bad arg for mod", a, b)
    if not (lisp.machine.is_integer(a) and lisp.machine.is_integer(b)):
        if lisp.is_number(a) and lisp.is_number(b):
            raise lisp.errors.plain("bad arg for remainder", a, b)
        raise lisp.errors.plain("Bad arg for remainder", b if lisp.is_number(a) else a)
    division = Division.of(lisp.machine, a, b)
    return int(lisp.machine.kernel.entry_plus2(0, division.rest, b)) if division.apart else division.rest


@builtin("integer-length", 1, 1)
def integer_length(lisp: Lisp, a: Integer) -> int:
    n = lisp.machine.number(a)
    return (n if n >= 0 else ~n).bit_length() << 3


@builtin("msd", 1, wrong="bad arg for msd")
def msd(lisp: Lisp, a: Integer) -> int:
    return natural(lisp, a, "msd").bit_length() << 3


@builtin("lsd", 1, wrong="bad arg for lsd")
def lsd(lisp: Lisp, a: Integer) -> int:
    n = natural(lisp, a, "lsd")
    return (n & -n).bit_length() << 3


def natural(lisp: Lisp, a: int, who: str) -> int:
    n = lisp.machine.number(a)
    if n < 0:
        raise lisp.errors.plain(f"negative arg for {who}", a)
    return n


@builtin("logcount", 1, wrong="bad argument to logcount")
def logcount(lisp: Lisp, a: Integer) -> int:
    n = lisp.machine.number(a)
    return (n if n >= 0 else ~n).bit_count() << 3


@builtin("logbitp", 2)
def logbitp(lisp: Lisp, k: Integer, a: Integer) -> int:
    return lisp.truth(bool(lisp.machine.number(a) >> lisp.machine.number(k) & 1))


@builtin("ash", 2, 2, wrong="bad arg for ash")
def ash(lisp: Lisp, a: Integer, n: Integer) -> int:
    k = lisp.machine.number(n)
    x = lisp.machine.number(a)
    lisp.machine.need(k >> 3 if x else 0)
    return lisp.machine.integer(x << k if k >= 0 else x >> -k)


@builtin("ash1", 2, wrong="bad arg for ash1")
def ash1(lisp: Lisp, a: Integer, n: Integer) -> int:
    k = lisp.machine.number(n)
    x = lisp.machine.number(a)
    lisp.machine.need(k >> 3 if x else 0)
    return lisp.machine.integer(x << k if k >= 0 else (-(-x >> -k) if x < 0 else x >> -k))


@builtin("inorm", 2, wrong="bad arg for inorm")
def inorm(lisp: Lisp, n: Integer, k: Integer) -> int:
    """(m . e) with n = m * 2**e, m odd and of at most k bits (rounded)."""
    m = lisp.machine
    value, bits = lisp.machine.number(n), lisp.machine.number(k)
    if value == 0:
        raise lisp.errors.plain("zero arg for inorm", n)
    exponent, sign, size = 0, (-1 if value < 0 else 1), abs(value)
    if size.bit_length() > bits:
        exponent = size.bit_length() - bits
        size = (size >> exponent) + (size >> (exponent - 1) & 1)
    low = (size & -size).bit_length() - 1
    return m.cons(m.integer(sign * (size >> low)), m.integer(exponent + low))


@builtin("iquotient", 2)
def iquotient(lisp: Lisp, a: Checked, b: Checked) -> int:
    return int(lisp.machine.kernel.entry_quotient(0, a, b)) if divides(a, b) else _zero(lisp, "iquotient", a, b)


@builtin("iremainder", 2)
def iremainder(lisp: Lisp, a: Checked, b: Checked) -> int:
    return int(lisp.machine.kernel.entry_remainder(0, a, b)) if divides(a, b) else _zero(lisp, "iremainder", a, b)


def divides(a: int, b: int) -> bool:
    """Are both small integers of the original, and the second is not zero?"""
    return b != 0 and all(x & 7 == 0 and -1 << 59 <= x >> 3 < 1 << 59 for x in (a, b))


def _zero(lisp: Lisp, who: str, a: int, b: int) -> int:
    raise lisp.errors.plain(who, a, b)




@builtin("complexp", 1)
def complexp(lisp: Lisp, x: Value) -> int:
    """nil: there are no complex numbers."""
    return NIL


@builtin("eq-safe", 1)
def eq_safe(lisp: Lisp, x: Value) -> int:
    """Is eq as good as equal for a value?"""
    return lisp.truth(x & 7 in (0, SYMBOL))


@builtin("rationalp", 1, 1, "integerp")
def rationalp(lisp: Lisp, x: Value) -> int:
    return lisp.truth(lisp.machine.is_integer(x))


@builtin("oddp", 1, wrong="bad arg for oddp")
def oddp(lisp: Lisp, x: Integer) -> int:
    return lisp.truth(lisp.machine.number(x) & 1 == 1)


@builtin("signum", 1)
def signum(lisp: Lisp, x: Number) -> int:
    n = lisp.to_number(x)
    return lisp.from_number(type(n)((n > 0) - (n < 0)))


@builtin("isqrt", 1, wrong="bad arg for isqrt")
def isqrt(lisp: Lisp, x: Integer) -> int:
    m = lisp.machine
    if m.is_big(x) and not m.is_minus(x) and (found := m.long("root", x)) is not None:
        return m.from_magnitude(found[0], 0)
    return m.integer(math.isqrt(m.number(x)))


@builtin("trap-floating-overflow", 1)
def trap_floating_overflow(lisp: Lisp, x: Value) -> int:
    """Is a float that becomes infinite, or no number, an error?  What it was before; nil at first."""
    cage = lisp.machine.cage
    old, cage["float_trap"] = cage["float_trap"], int(x != NIL)
    return T if old else NIL


@builtin("rem", 2)
def rem(lisp: Lisp, a: Checked, b: Checked) -> int:
    return lisp.machine.apply(lisp.machine.intern("remainder"), [a, b])


@builtin("boole", 3, wrong="bad arg for boole")
def boole(lisp: Lisp, op: Checked, a: Integer, b: Integer) -> int:
    """The sixteen bit operations of Common Lisp, by number."""
    x, y = lisp.machine.number(a), lisp.machine.number(b)
    table = (0, x & y, x & ~y, x, ~x & y, y, x ^ y, x | y, ~(x | y), ~(x ^ y), ~y, x | ~y, ~x, ~x | y, ~(x & y), -1)
    if op & 7 or not 0 <= op >> 3 < 16:
        raise lisp.errors.plain("boole", op)
    return lisp.machine.integer(table[op >> 3])


@builtin("irightshift", 2, wrong="bad arg for irightshift")
def irightshift(lisp: Lisp, a: Integer, n: Integer) -> int:
    return lisp.machine.integer(lisp.machine.number(a) >> lisp.machine.number(n))
