"""Ratios and complex numbers: where they come from.  Their arithmetic is Lisp (``library/compound.lsp``)."""

from __future__ import annotations

import cmath
import math
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..heap.words import FLOAT
from ..lisp.registry import AnyNumber, Number, builtin

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp


def ratio_of(lisp: Lisp, numerator: int, denominator: int) -> int:
    m = lisp.machine
    return m.apply(m.intern("ratio"), [m.integer(numerator), m.integer(denominator)])


def finite(lisp: Lisp, x: int, who: str) -> float:
    d = lisp.machine.double(x)
    if not math.isfinite(d):
        raise lisp.errors.plain(f"bad arg for {who}", x)
    return d


@builtin("rational", 1, wrong="bad arg for rational")
def rational(lisp: Lisp, x: Number) -> int:
    """The integer or ratio that a number is, exactly.  (rational 2.5) => 5/2"""
    return ratio_of(lisp, *finite(lisp, x, "rational").as_integer_ratio()) if x & 7 == FLOAT else x


@builtin("rationalize", 1, wrong="bad arg for rational")
def rationalize(lisp: Lisp, x: Number) -> int:
    """The integer or ratio with the smallest denominator whose nearest float is this one.  (rationalize 0.1) => 1/10"""
    if x & 7 != FLOAT:
        return x
    d = finite(lisp, x, "rational")
    n, k = simplest(abs(d))
    return ratio_of(lisp, -n if d < 0 else n, k)


def simplest(d: float) -> tuple[int, int]:
    """The first of the best approximations (the convergents and those between) that is nearest to no other float."""
    n, k = d.as_integer_ratio()
    a, b, c, e = 0, 1, 1, 0  # the last two convergents
    while k:
        whole = n // k
        least, most = 1 if b else 0, whole
        while least < most:  # the smallest step that is enough
            step = (least + most) // 2
            least, most = (least, step) if near(a + step * c, b + step * e, d) else (step + 1, most)
        step = least if near(a + least * c, b + least * e, d) else whole
        a, b, c, e = c, e, a + step * c, b + step * e
        if near(c, e, d):
            break
        n, k = k, n - whole * k
    return c, e


def near(n: int, k: int, d: float) -> bool:
    try:
        return k > 0 and n / k == d
    except OverflowError:
        return False


@builtin("/", 0, -1, wrong="bad arg for quotient")
def divided(lisp: Lisp, *arguments: AnyNumber) -> int:
    """The first number divided by all others, of which nothing is lost: a ratio where integers do not divide each
    other. Of a single one 1 divided by it.  (!/ 12 3) => 4  (!/ 12 5) => 12/5
    """
    m = lisp.machine
    if not arguments:
        return 8
    first, *rest = arguments if len(arguments) > 1 else (8, *arguments)
    for y in m.steps(rest):
        first = m.apply(m.intern("exact-quotient"), [first, y])
    return first


@builtin("complex", 1, 2)
def complex_(lisp: Lisp, real: Number, imaginary: Number = 0) -> int:
    """The complex number of a real and an imaginary part; the real number itself when the latter is the integer 0.
    (complex 1 2) => #C(1 2)
    """
    m = lisp.machine
    return m.apply(m.intern("complex-of"), [real, imaginary])


@builtin("cis", 1)
def cis(lisp: Lisp, angle: Number) -> int:
    """The complex number of size 1 with an angle.  (cis 0.0) => #C(1.0 0.0)"""
    d = lisp.to_double(angle)
    if not math.isfinite(d):
        raise lisp.errors.plain("bad arg for cis", angle)
    return lisp.from_complex(complex(math.cos(d), math.sin(d)))


@builtin("phase", 1, wrong="Bad arg for minusp")
def phase(lisp: Lisp, x: AnyNumber) -> int:
    """The angle of a complex number as a point of the plane, in radians; of a real one CSL's answer, pi with its sign.
    (greaterp 3.15 (phase 5) 3.14) => t
    """
    m = lisp.machine
    if m.is_complex(x):
        z = lisp.to_complex(x)
        return m.float(math.atan2(z.imag, z.real))
    return m.float(-math.pi if lisp.to_double(x) < 0 else math.pi)


# -- functions of the parts of a complex number, as the original has them for its own arithmetic


def of_parts(name: str, function: Callable[[complex], complex | float]) -> None:
    @builtin(f"native-{name}", 2, meaning=f"{name[1:]} of the complex number with two parts: the pair of the parts of "
                                          "the result, or a float."
             f"  (null (native!-{name} 0.25 0.5)) => nil")
    def call(lisp: Lisp, real: Number, imaginary: Number) -> int:
        m = lisp.machine
        try:
            z = function(complex(lisp.to_double(real), lisp.to_double(imaginary)))
        except (ValueError, ZeroDivisionError, OverflowError):
            raise lisp.errors.plain(f"native-{name}", real, imaginary) from None
        return m.cons(m.float(z.real), m.float(z.imag)) if isinstance(z, complex) else m.float(z)


def inverse(name: str) -> Callable[[complex], complex]:
    """1 by a function, or, of the inverse functions, of 1 by the argument."""
    function = getattr(cmath, name)
    return (lambda z: function(1 / z)) if name.startswith("a") else lambda z: 1 / function(z)


def complex_row(name: str) -> Callable[[complex], complex | float]:
    """The function of a name, which is looked for when it is called first."""
    def call(z: complex) -> complex | float:
        if name in ("abs", "arg"):
            return abs(z) if name == "abs" else cmath.phase(z)
        other = OTHERS.get(name.removeprefix("a").removesuffix("h"))
        if other is None:
            return complex(getattr(cmath, name)(z))
        return inverse(f"{'a' * name.startswith('a')}{other}{'h' * name.endswith('h')}")(z)
    return call


OTHERS = {"cot": "tan", "sec": "cos", "csc": "sin"}
for _name in ("abs arg exp log sqrt sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh cot sec csc acot asec "
              "acsc coth sech csch acoth "
              "asech acsch").split():
    of_parts("c" + _name, complex_row(_name))
