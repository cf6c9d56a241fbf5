"""Floats to text and back by the kernel, against Python's: any bits, all precisions, places half-way between two
results.
"""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Iterator
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from csl_native import Session, Symbol
from csl_native.kernel.host import H_TEXT
from csl_native.lisp.printer import format_float

CHECKED = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
PRECISIONS = st.one_of(st.just(6), st.just(17), st.integers(1, 18))
TIED = st.builds(lambda n, k: n * 2.0 ** k, st.integers(1, 1 << 53), st.integers(-60, 10))
NUMBERS = st.builds(lambda sign, n, cut, q: f"{sign}{str(n)[:cut]}.{str(n)[cut:] or 0}e{q}",
                    st.sampled_from(["", "-", "+"]), st.integers(0, 10 ** 18 - 1),
                    st.integers(1, 18), st.one_of(st.integers(-30, 30), st.integers(-345, 312)))


def double(bits: int) -> float:
    value: float = struct.unpack("<d", struct.pack("<Q", bits))[0]
    return value


FLOATS = st.integers(0, (1 << 64) - 1).map(double).filter(math.isfinite)


class Both:
    """Text of a float and float of a text, as explode2 and compress have them; ``asked`` counts what the host had to
    say.
    """

    def __init__(self, session: Session) -> None:
        self.session, self.asked = session, 0
        host = session.machine.host
        self.explode, self.compress = session.function("explode2"), session.function("compress")

        def counted(code: int, a: int, b: int, c: int) -> int:
            self.asked += code == H_TEXT
            return host(code, a, b, c)
        session.machine.host = counted

    def text(self, x: float, precision: int = 6) -> str:
        self.session.machine.cage["precision"] = precision
        return "".join(map(str, self.explode(x)))

    def number(self, text: str) -> object:
        return self.compress([Symbol(c) for c in text])


@pytest.fixture
def both(session: Session) -> Iterator[Both]:
    return Both(session)


@CHECKED
@given(x=st.one_of(FLOATS, TIED), precision=PRECISIONS)
@example(x=-0.0, precision=6)
@example(x=5e-324, precision=17)
@example(x=9.5, precision=1)
@example(x=999999.5, precision=6)
@example(x=1e22, precision=17)
@example(x=1.7976931348623157e308, precision=6)
def test_text_is_what_is_printed(both: Both, x: float, precision: int) -> None:
    assert both.text(x, precision) == format_float(x, precision)


def same(a: object, b: float) -> bool:
    return isinstance(a, float) and struct.pack("<d", a) == struct.pack("<d", b)


@CHECKED
@given(text=st.one_of(NUMBERS, FLOATS.map(repr)))
@example(text="9007199254740993.0")
@example(text="4503599627370497.5")
@example(text="2.2250738585072011e-308")
@example(text="2.4703282292062327e-324")
@example(text="1.7976931348623158e308")
@example(text="-0.0e5")
@example(text="1.e5")
@example(text="922337203685477581.0e0")
def test_numbers_are_read_as_python_reads_them(both: Both, text: str) -> None:
    if "." not in text and "e" not in text:
        text += ".0"
    assert same(both.number(text), float(text))


@CHECKED
@given(bits=st.integers(0, (1 << 62) - 1), digits=st.integers(1, 18), step=st.sampled_from([-1, 0, 1]))
def test_half_way_between_two_doubles(both: Both, bits: int, digits: int, step: int) -> None:
    """The middle of two neighbours, written with so many digits, and the numbers beside that."""
    x = double(bits)
    middle = (Fraction(x) + Fraction(math.nextafter(x, math.inf))) / 2
    q = math.floor(math.log10(x or 5e-324)) - digits + 1
    n = round(middle / Fraction(10) ** q) + step
    text = f"{n}.0e{q}"
    assert same(both.number(text), float(text))


@pytest.mark.parametrize("text", ["12", "-12", "+12", "0", "-0", "000123", "123456789012345678", "-1234567890123456789",
                                  "12.", "1e5", "1E-5", "1.5d3"])
def test_other_numbers(both: Both, text: str) -> None:
    whole = text.rstrip(".").lstrip("+-").isdigit()
    value = both.number(text)
    assert (value == (int(text.rstrip(".")) if whole else float(text.replace("d", "e")))
            and isinstance(value, float) == (not whole))


def test_the_host_is_asked_for_nothing_that_is_common(both: Both) -> None:
    """In none of these is a value so close to the middle of two results that 128 bits do not tell."""
    chosen = random.Random(5)
    for _ in range(300):
        x = double(chosen.getrandbits(64))
        if math.isfinite(x):
            both.number(both.text(x, 17))
    assert both.asked == 0
