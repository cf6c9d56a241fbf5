"""Numbers beyond the kernel's arithmetic: float functions, roundings, bits, modular arithmetic."""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from ..heap.words import FLOAT, OTHER
from ..kernel.memory import NIL
from ..lisp.registry import AnyNumber, Checked, Integer, Number, builtin
from ..runtime.machine import Machine
from ..system.records import Record

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp

GROUP = 124  # bytes of 32 digits of 31 bits
PART = 3 << 14  # bytes of an integer that are looked at between two looks at whether somebody asks for an end


def real(lisp: Lisp, x: int, who: str) -> float:
    if not lisp.is_number(x):
        raise lisp.errors.plain(f"bad arg for {who}", x)
    return lisp.to_double(x)


def whole(lisp: Lisp, x: int, who: str) -> int:
    if not lisp.machine.is_integer(x):
        raise lisp.errors.plain(f"bad arg for {who}", x)
    return lisp.machine.number(x)


def complex_function(lisp: Lisp, name: str, x: int) -> int:
    """A function of a complex number, where Python's library has it."""
    if not hasattr(cmath, name):
        raise lisp.errors.plain("bad arg for trig function", x)
    return lisp.from_complex(getattr(cmath, name)(lisp.to_complex(x)))


def float_function(name: str, function: Callable[[float], float]) -> None:
    said = SAID.get(name, "")
    if not said:
        angle, plain = ("in degrees", name[:-1]) if name.endswith("d") and name[:-1] in _PLAIN else ("in radians", name)
        said = (f"The {ANGLES[plain]} of an angle {angle}." if plain in ANGLES
                else f"The angle, {angle}, whose {ANGLES[plain[1:]]} is a number.")
    x = 0.5 if name not in ABOVE_ONE else 2.0
    example = f"(lessp (abs (difference ({name} {x}) {function(x):.4f})) 0.001) => t"

    @builtin(name, 1, wrong="bad arg for trig function", meaning=f"{said}  {example}")
    def call(lisp: Lisp, x: AnyNumber) -> int:
        if lisp.machine.is_complex(x):
            return complex_function(lisp, name, x)
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
# What the functions of one number are: of angles, whose inverses begin with a, and other ones.
ANGLES = {"sin": "sine", "cos": "cosine", "tan": "tangent", "cot": "cotangent", "sec": "secant", "csc": "cosecant"}
ABOVE_ONE = ("acosh", "asec", "acsc", "asecd", "acscd", "acoth")  # functions of numbers from 1 on
SAID = {"log10": "The logarithm of a number to the base 10.", "log2": "The logarithm of a number to the base 2.",
        "cbrt": "The cube root of a number.",
        **{f"{_name}h": f"The hyperbolic {_what} of a number." for _name, _what in ANGLES.items()},
        **{f"a{_name}h": f"The number whose hyperbolic {_what} is a given one." for _name, _what in ANGLES.items()}}
_PLAIN: dict[str, Callable[[float], float]] = {
    "sin": math.sin, "cos": math.cos, "tan": math.tan, "asin": math.asin, "acos": math.acos, "atan": math.atan,
    "sinh": math.sinh, "cosh": math.cosh, "tanh": math.tanh, "asinh": math.asinh, "acosh": math.acosh, "exp": math.exp,
    "log": math.log, "atanh": lambda x: math.copysign(math.inf, x) if abs(x) == 1 else math.atanh(x),
    "ln": math.log, "log10": math.log10, "log2": math.log2, "cbrt": lambda x: math.copysign(abs(x) ** (1 / 3), x),
    "cot": lambda x: 1 / math.tan(x), "sec": lambda x: 1 / math.cos(x), "csc": lambda x: 1 / math.sin(x),
    "coth": lambda x: 1 / math.tanh(x), "sech": lambda x: 2 * math.exp(-abs(x)) / (1 + math.exp(-2 * abs(x))),
    "csch": lambda x: 1 / math.sinh(x) if abs(x) < 700 else math.copysign(2 * math.exp(-abs(x)), x),
    "acot": lambda x: math.atan(1 / x) if x > 1 else math.pi / 2 - math.atan(x), "asec": lambda x: math.acos(1 / x),
    "acsc": lambda x: math.asin(1 / x), "acoth": lambda x: math.atanh(1 / x), "asech": lambda x: math.acosh(1 / x),
    "acsch": lambda x: math.asinh(1 / x),
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
    """The angle of the point (x, y) in radians, from the first argument y and the second x.  (atan2 0 1) => 0.0"""
    return lisp.machine.float(math.atan2(lisp.to_double(y), lisp.to_double(x)))


@builtin("atan2d", 2, wrong="bad arg for atan2d")
def atan2d(lisp: Lisp, y: Number, x: Number) -> int:
    """The angle of the point (x, y) in degrees, from the first argument y and the second x.  (atan2d 1 1) => 45.0"""
    return lisp.machine.float(math.degrees(math.atan2(lisp.to_double(y), lisp.to_double(x))))


@builtin("hypot", 2, wrong="bad arg for hypot")
def hypot(lisp: Lisp, x: Number, y: Number) -> int:
    """The length of the hypotenuse of a right triangle.  (hypot 3 4) => 5.0"""
    return lisp.machine.float(math.hypot(lisp.to_double(x), lisp.to_double(y)))


def logarithm(lisp: Lisp, x: int) -> float:
    """Of zero it is infinite."""
    d = lisp.to_double(x)
    if d < 0:
        raise lisp.errors.plain("Arg for ln out of range", x)
    return math.log(d) if d else -math.inf


@builtin("logb", 2, wrong="bad arg for trig function")
def logb(lisp: Lisp, x: Number, base: Number) -> int:
    """The logarithm of a number to a base.  (logb 8 2) => 3.0"""
    a, b = logarithm(lisp, x), logarithm(lisp, base)
    return lisp.machine.float(a / b if b else math.nan if a == 0 else math.copysign(math.inf, a))


@builtin("log", 1, 2, wrong="bad arg for trig function")
def log(lisp: Lisp, x: Number, base: Number) -> int:
    """The natural logarithm of a number, or that to a base.  (log 1) => 0.0  (log 8 2) => 3.0"""
    return logb(lisp, x, base)


@builtin("atan", 1, 2, wrong="bad arg for atan2")
def atan(lisp: Lisp, y: Number, x: Number) -> int:
    """The arc tangent of a number, or the angle of the point (x, y) in radians.  (atan 0) => 0.0  (atan 0 1) => 0.0"""
    return atan2(lisp, y, x)


@builtin("float", 1, 2, wrong="bad arg for float")
def float_(lisp: Lisp, x: Number, like: Number) -> int:
    """A number as a float; what the second argument is makes no difference.  (float 3) => 3.0"""
    return lisp.machine.float(lisp.to_double(x))


class Division(Record):
    """Quotient, to zero, and remainder of two integers of any size, by the kernel: it can be ended.  For one call of a
    builtin.
    """

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

    def least(self) -> int:
        """What is added to round down: the sign of the remainder decides, also of a negative divisor."""
        return -int(self.m.is_minus(self.rest))

    def most(self) -> int:
        return int(self.rest != 0 and not self.m.is_minus(self.rest))

    def nearest(self) -> int:
        """What is added to round to the nearest integer, and of two to the even one; a negative divisor is below what
        is left of it.
        """
        k = self.m.kernel
        odd, twice = k.entry_evenp(0, self.quotient) == NIL, k.entry_plus2(0, self.rest, self.rest)
        opposite = k.entry_minus(0, self.b)
        if k.entry_lessp(0, self.b, twice) != NIL or odd and k.entry_eqn(0, self.b, twice) != NIL:
            return 1
        return -int(k.entry_lessp(0, twice, opposite) != NIL or odd and k.entry_eqn(0, twice, opposite) != NIL)

    def moved(self, step: int) -> int:
        return int(self.m.kernel.entry_plus2(0, self.quotient, step << 3))


def fraction(m: Machine, x: int) -> tuple[int, int]:
    """Numerator and denominator of a rational number."""
    return m.parts(x) if m.is_ratio(x) else (x, 8)


def rounding(name: str, function: Callable[[float], int], divide: Callable[[Division], int], where: str, example: int,
             negative: str = "") -> None:
    said = (f"The quotient of two numbers, or of one and 1, as an integer that is rounded {where}."
            + f"  By a negative integer it is CSL's answer, which may be another one: {negative}." * bool(negative))

    @builtin(name, 1, 2, meaning=f"{said}  ({name} -7 2) => {example}")
    def call(lisp: Lisp, x: Number, y: Number = 8) -> int:
        m = lisp.machine
        if m.is_integer(x) and m.is_integer(y):
            if y == 0:
                raise lisp.errors.plain("bad arg for quotient", x, y)
            division = Division.of(m, x, y)
            return division.moved(divide(division))
        if FLOAT not in (x & 7, y & 7):
            a, b, k = fraction(m, x), fraction(m, y), m.kernel
            return call(lisp, int(k.entry_times2(0, a[0], b[1])), int(k.entry_times2(0, a[1], b[0])))
        top, bottom = lisp.to_double(x), lisp.to_double(y)
        value = top / bottom if bottom else math.copysign(math.inf, bottom) * top
        if not math.isfinite(value):
            raise lisp.errors.bare(f"bad args for {'NaN' if math.isnan(value) else 'infinity'} in fix")
        return m.integer(function(value))


rounding("floor", math.floor, Division.least, "down", -4, "(floor 7 -2) => -3")
rounding("ceiling", math.ceil, Division.most, "up", -3, "(ceiling 7 -2) => -2")
rounding("truncate", math.trunc, lambda d: 0, "towards zero", -3)
rounding("round", round, Division.nearest, "to the nearest one, halves to the even one", -4, "(round 10 -2) => -4")


@builtin("mod", 2)
def mod(lisp: Lisp, a: Checked, b: Checked) -> int:
    """The remainder of a division of integers that rounds down; it has the sign of the second.  (mod -17 5) => 3"""
    if not (lisp.is_number(a) and lisp.is_number(b)):
        raise lisp.errors.plain("Bad arg for mod", b if lisp.is_number(a) else a)
    if not (lisp.machine.is_integer(a) and lisp.machine.is_integer(b)):
        raise lisp.errors.plain("bad arg for remainder", a, b)
    if b == 0:
        raise lisp.errors.plain("bad arg for mod", a, b)
    division = Division.of(lisp.machine, a, b)
    return int(lisp.machine.kernel.entry_plus2(0, division.rest, b)) if division.apart else division.rest


def magnitude_length(m: Machine, a: int) -> int:
    """Bits of the magnitude of an integer."""
    if not m.is_big(a):
        return abs(a >> 3).bit_length()
    limbs = m.limb_count(a)
    return 64 * (limbs - 1) + (m.words[(a - OTHER >> 3) + limbs] & (1 << 64) - 1).bit_length()


def magnitude_parts(m: Machine, a: int) -> Iterator[int]:
    """The magnitude of an integer as numbers of 8 * PART bits, the lowest ones first; between two of them it can be
    ended.
    """
    if not m.is_big(a):
        yield abs(a >> 3)
        return
    at = a + 8 - OTHER
    for start in range(at, at + (m.limb_count(a)) * 8, PART):
        yield int.from_bytes(m.bytes[start:min(start + PART, at + (m.limb_count(a)) * 8)], "little")
        m.look()


def words_of_31(m: Machine, n: int, count: int) -> Iterator[int]:
    """The lowest ``count`` digits of 31 bits of a Python integer, the lowest one first, a negative one as its two's
    complement.
    """
    data = (n & (1 << 31 * count) - 1).to_bytes(GROUP * -(-count // 32), "little")
    for start in range(0, len(data), GROUP):
        m.look()
        group = int.from_bytes(data[start:start + GROUP], "little")
        for k in range(32):
            if 32 * (start // GROUP) + k < count:
                yield group >> 31 * k & 0x7FFFFFFF


def of_words_of_31(m: Machine, words: list[int]) -> int:
    """The integer of digits of 31 bits, the lowest one first."""
    parts = []
    for start in range(0, len(words), 32):
        m.look()
        parts.append(sum(word << 31 * k for k, word in enumerate(words[start:start + 32])).to_bytes(GROUP, "little"))
    return int.from_bytes(b"".join(parts), "little")


def without_sign(m: Machine, a: int) -> int:
    """An integer that is not negative, or the complement of one."""
    return int(m.kernel.entry_lnot(0, a)) if m.is_minus(a) else a


@builtin("integer-length", 1, 1)
def integer_length(lisp: Lisp, a: Integer) -> int:
    """The number of bits of an integer in two's complement, without the sign.  (integer!-length 255) => 8"""
    return magnitude_length(lisp.machine, without_sign(lisp.machine, a)) << 3


def lowest_bit(m: Machine, a: int) -> int:
    """The number of the lowest bit that is set; -1 for 0."""
    for k, part in enumerate(magnitude_parts(m, a)):
        if part:
            return 8 * PART * k + (part & -part).bit_length() - 1
    return -1


@builtin("logcount", 1, wrong="bad argument to logcount")
def logcount(lisp: Lisp, a: Integer) -> int:
    """The number of bits of an integer that are set; of a negative one, that are clear.  (logcount 255) => 8"""
    return sum(part.bit_count() for part in magnitude_parts(lisp.machine, without_sign(lisp.machine, a))) << 3


@builtin("logbitp", 2)
def logbitp(lisp: Lisp, k: Integer, a: Integer) -> int:
    """Is a bit of an integer set?  The first argument says which, from 0 on.  (logbitp 3 8) => t"""
    m = lisp.machine
    if k & 7 or k < 0:
        raise lisp.errors.plain("logbitp", k)
    return lisp.truth(m.kernel.entry_evenp(0, shifted(m, a, int(m.kernel.entry_minus(0, k)))) == NIL)


def shifted(m: Machine, a: int, n: int) -> int:
    """a * 2**n, rounded down."""
    if n & 7 == 0 and n > 0 and a:
        m.need(n >> 6)
    elif n & 7 and not m.is_minus(n):
        if a:
            raise MemoryError
        return 0
    if n > 0 or not m.is_minus(a):
        return int(m.kernel.entry_ashift(0, a, n))
    return int(m.kernel.entry_lnot(0, m.kernel.entry_ashift(0, m.kernel.entry_lnot(0, a), n)))


@builtin("ash", 2, 2, wrong="bad arg for ash")
def ash(lisp: Lisp, a: Integer, n: Integer) -> int:
    """An integer shifted to the left by n bits, or to the right by -n, rounded down.
    (ash 3 4) => 48  (ash -3 -1) => -2
    """
    return shifted(lisp.machine, a, n)


@builtin("ash1", 2, wrong="bad arg for ash1")
def ash1(lisp: Lisp, a: Integer, n: Integer) -> int:
    """An integer shifted to the left by n bits, or to the right by -n, rounded towards zero.  (ash1 -3 -1) => -1"""
    m = lisp.machine
    return shifted(m, a, n) if not m.is_minus(n) else int(m.kernel.entry_ashift(0, a, n))


@builtin("inorm", 2, wrong="bad arg for inorm")
def inorm(lisp: Lisp, n: Integer, k: Integer) -> int:
    """(m . e) with n = m * 2**e, m odd and of at most k bits (rounded).  (inorm 48 10) => (3 . 4)"""
    m = lisp.machine
    bits = m.number(k)
    if bits < 0:
        raise lisp.errors.plain("bad args for inorm", k)
    if n == 0:
        raise lisp.errors.plain("zero arg for inorm", n)
    exponent, size = max(magnitude_length(m, n) - bits, 0), n
    if exponent:
        twice = int(m.kernel.entry_ashift(0, n, 1 - exponent << 3))  # with the bit by which it is rounded, away from 0
        size = int(m.kernel.entry_ashift(0, m.kernel.entry_plus2(0, twice, -8 if m.is_minus(n) else 8), -8))
    low = lowest_bit(m, size)
    return m.cons(int(m.kernel.entry_ashift(0, size, -low << 3)), m.integer(exponent + low))


@builtin("iquotient", 2)
def iquotient(lisp: Lisp, a: Checked, b: Checked) -> int:
    """The quotient of two small integers.  (iquotient 17 5) => 3"""
    return int(lisp.machine.kernel.entry_quotient(0, a, b)) if divides(a, b) else _zero(lisp, "iquotient", a, b)


@builtin("iremainder", 2)
def iremainder(lisp: Lisp, a: Checked, b: Checked) -> int:
    """The remainder of two small integers.  (iremainder 17 5) => 2"""
    return int(lisp.machine.kernel.entry_remainder(0, a, b)) if divides(a, b) else _zero(lisp, "iremainder", a, b)


def divides(a: int, b: int) -> bool:
    """Are both small integers of the original, and the second is not zero?"""
    return b != 0 and all(x & 7 == 0 and -1 << 59 <= x >> 3 < 1 << 59 for x in (a, b))


def _zero(lisp: Lisp, who: str, a: int, b: int) -> int:
    raise lisp.errors.plain(who, a, b)




@builtin("oddp", 1, wrong="bad arg for oddp")
def oddp(lisp: Lisp, x: Integer) -> int:
    """Is an integer odd?  (oddp 3) => t"""
    return lisp.truth(lisp.machine.kernel.entry_evenp(0, x) == NIL)


@builtin("signum", 1)
def signum(lisp: Lisp, x: AnyNumber) -> int:
    """-1, 0 or 1 by the sign of a number, a float for a float; of a complex number the one of size 1 with its angle.
    (signum -5) => -1
    """
    m = lisp.machine
    if m.is_integer(x) or m.is_ratio(x):
        return -8 if m.kernel.entry_minusp(0, x) != NIL else 8 if x else 0
    if m.is_complex(x):
        z = lisp.to_complex(x)
        return lisp.from_complex(z / abs(z)) if z else x
    d = m.double(x)
    return m.float(math.copysign(1.0, d) if d > 0 or d < 0 else d)


@builtin("isqrt", 1, wrong="bad arg for isqrt")
def isqrt(lisp: Lisp, x: Integer) -> int:
    """The integer part of the square root of an integer.  (isqrt 17) => 4"""
    m = lisp.machine
    if m.is_big(x) and not m.is_minus(x) and (found := m.long("root", x)) is not None:
        return m.from_magnitude(found[0], 0)
    return m.integer(math.isqrt(m.number(x)))


@builtin("boole", 3, wrong="bad arg for boole")
def boole(lisp: Lisp, op: Checked, a: Integer, b: Integer) -> int:
    """The bits of two integers joined by one of sixteen operations, by its number: 1 and, 6 exclusive or, 7 or, for
    example.
    (boole 1 12 10) => 8
    """
    if op & 7 or not 0 <= op >> 3 < 16:
        raise lisp.errors.plain("bad arg for boole", op)
    k, number = lisp.machine.kernel, op >> 3

    def invert(x: int) -> int:
        return int(k.entry_lnot(0, x))
    if number >= 8:
        return invert(boole(lisp, 15 - number << 3, a, b))
    table: tuple[Callable[[], int], ...] = (
        lambda: 0, lambda: k.entry_land2(0, a, b), lambda: k.entry_land2(0, a, invert(b)), lambda: a,
        lambda: k.entry_land2(0, invert(a), b), lambda: b,
        lambda: k.entry_lxor2(0, a, b), lambda: k.entry_lor2(0, a, b))
    return int(table[number]())


@builtin("irightshift", 2, wrong="bad arg for irightshift")
def irightshift(lisp: Lisp, a: Integer, n: Integer) -> int:
    """An integer shifted to the right by n bits, rounded down.  (irightshift 48 4) => 3"""
    m = lisp.machine
    if m.is_minus(n):
        raise ValueError("negative shift count")
    return shifted(m, a, int(m.kernel.entry_minus(0, n)))
