"""Long integers against Python's: products and quotients by every method, conversion, modular arithmetic."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from csl_native import LispError, Session
from csl_native.kernel.memory import NO_LIMIT
from csl_native.kernel.radix import GROUP, PIECE
from csl_native.system import gmp
from csl_native.system.apart import Apart

INTEGERS = st.builds(lambda bits, n, sign: sign * (n >> max(0, 5000 - bits)), st.integers(1, 5000),
                     st.integers(0, (1 << 5000) - 1), st.sampled_from([1, -1]))
SPARSE = st.builds(lambda ks, sign: sign * sum(1 << k for k in ks),
                   st.lists(st.integers(0, 9000), min_size=1, max_size=5), st.sampled_from([1, -1]))
MODULI = st.one_of(st.integers(1, 1 << 23), st.integers(1, (1 << 59) - 1))
CHECKED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture(params=["library", "kernel"])
def long(request: pytest.FixtureRequest, session: Session) -> Iterator[Session]:
    """A session that asks GMP early, and one that never does."""
    if request.param == "library" and gmp.library() is None:
        pytest.skip("GMP is not installed")
    session.machine.cage["long_limbs"] = session.machine.cage[
        "long_divisor"] = 3 if request.param == "library" else NO_LIMIT
    yield session


@contextmanager
def unlimited_digits() -> Iterator[None]:
    """Python's own conversion, however long."""
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        yield
    finally:
        sys.set_int_max_str_digits(limit)


@CHECKED
@given(a=st.one_of(INTEGERS, SPARSE), b=st.one_of(INTEGERS, SPARSE))
def test_products_and_quotients(long: Session, a: int, b: int) -> None:
    assert long.function("times2")(a, b) == a * b
    assert long.function("gcdn")(a, b) == math.gcd(a, b)
    if b:
        q = abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)
        assert (long.function("quotient")(a, b), long.function("remainder")(a, b)) == (q, a - q * b)
        assert long.function("divide")(a * b, b) == (a, 0)


@pytest.mark.parametrize("limbs", [27, 28, 29, 31, 55, 56, 57, 64, 113, 200, 1001])
def test_products_around_the_limits(native: Session, limbs: int) -> None:
    """All bits set: every carry there is."""
    native.machine.cage["long_limbs"] = NO_LIMIT
    times = native.function("times2")
    for other in (limbs - 1, limbs, limbs + 1, 2 * limbs + 3, 5):
        a, b = (1 << 64 * limbs) - 1, (1 << 64 * other) - 1
        assert times(a, b) == a * b and times(a, -b) == -a * b and times(a + 1, b + 1) == (a + 1) * (b + 1)


@pytest.mark.parametrize("known", [True, False])
def test_decimal_both_ways(native: Session, known: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not known:
        monkeypatch.setattr(gmp, "library", lambda: None)
    with unlimited_digits():
        for n in (10 ** 6000 - 1, -(10 ** 6000), 3 ** 20000, -(7 ** 9999)):
            assert native.function("lengthc")(n) == len(str(n))
            assert native.eval(str(n)) == n and native.eval(f"(compress (explode {n}))") == n


def around(digits: int) -> list[int]:
    """Integers of so many digits, of fewer and of more: all nines, zeros within, and none of both."""
    sparse = 10 ** digits + 10 ** (digits // 2) + 7
    return [10 ** digits - 1, 10 ** digits, sparse, 7 ** int(digits / 0.8450980400142568)]


def check_decimal(session: Session, digits: int) -> None:
    session.eval("(de respelled (x) (compress (explode x)))")
    session.eval("(de behind_zeros (x) (compress (append '(!0 !0 !0) (explode x))))")
    with unlimited_digits():
        for n in around(digits):
            for x in (n, -n):
                assert ["".join(map(str, session.function(f)(x))) for f in ("explode", "explode2")] == [str(x)] * 2
                assert session.function("lengthc")(x) == len(str(x))
                assert session.function("respelled")(x) == x and session.function("behind_zeros")(n) == n


@pytest.mark.parametrize("digits", [18, 19, 20, 38, 570, 571])
def test_decimal_in_pieces(session: Session, digits: int) -> None:
    """Around a group and a piece, which is ``PIECE`` groups."""
    assert 570 == PIECE * GROUP
    check_decimal(session, digits)


@pytest.mark.parametrize("digits", [1140, 1141, 2280, 2299])
@pytest.mark.parametrize("limbs", [3, NO_LIMIT], ids=["library", "kernel"])
def test_decimal_in_halves(native: Session, digits: int, limbs: int) -> None:
    native.machine.cage["long_limbs"] = native.machine.cage["long_divisor"] = limbs
    check_decimal(native, digits)


def test_limbs_of_another_order_are_not_given_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """The heap is little-endian on big-endian machines too; GMP's limbs are not."""
    monkeypatch.setattr(sys, "byteorder", "big")
    assert gmp.library.__wrapped__() is None


@given(a=st.integers(-1 << 60, 1 << 60), n=st.integers(0, 300))
@CHECKED
def test_powers(session: Session, a: int, n: int) -> None:
    assert session.function("expt")(a, n) == a ** n


@given(m=MODULI, a=st.integers(0, 1 << 70), b=st.integers(0, 1 << 70), big=INTEGERS)
@CHECKED
def test_modular_arithmetic(session: Session, m: int, a: int, b: int, big: int) -> None:
    session.function("set-small-modulus")(m)
    a, b = a % m, b % m

    def call(name: str, *arguments: int) -> int:
        return session.function(f"modular-{name}")(*arguments)  # type: ignore[no-any-return]
    assert call("number", big) == big % m and call("number", -a) == -a % m
    assert (call("plus", a, b), call("difference", a, b), call("times", a, b),
            call("minus", a)) == ((a + b) % m, (a - b) % m, a * b % m, -a % m)
    assert call("expt", a, b) == pow(a, b, m)
    if math.gcd(a, m) == 1 and m > 1:
        assert call("reciprocal", a) == pow(a, -1, m) and call("quotient", b, a) == b * pow(a, -1, m) % m
    else:
        assert session.function("safe-modular-reciprocal")(a) == []
        with pytest.raises(LispError, match="modular-reciprocal"):
            call("reciprocal", a)


# -- long operations in a process of their own ------------------------------------------


@pytest.mark.parametrize("library", [gmp.library(), None], ids=["library", "python"])
def test_operations_on_magnitudes(library: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gmp, "library", lambda: library)
    a, b = 7 ** 900 + 5, 3 ** 700
    x, y, ask = gmp.magnitude(a), gmp.magnitude(b), {name: lambda *p, f=f: [gmp.integer(r) for r in f(*p)]
                                                     for name, f in gmp.OPERATIONS.items()}
    assert ask["product"](x, y) == ask["product"](y, x) == [a * b] and ask["product"](x) == [a * a]
    assert ask["quotient"](x, y) == list(divmod(a, b)) and ask["root"](x) == [math.isqrt(a)]
    assert ask["gcd"](gmp.magnitude(a * b), gmp.magnitude(b * b)) == [math.gcd(a * b, b * b)]
    assert ask["power"](x, y, gmp.magnitude(1000003)) == [pow(a, b, 1000003)]
    assert gmp.OPERATIONS["decimal"](x) == (str(a).encode(),) and ask["parse"](str(a).encode()) == [a]


def test_long_operations_are_done_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """In another process, in a new one when that is gone, and here when there can be none."""
    apart = Apart(lambda: None)
    a, b = 7 ** 900 + 5, 3 ** 700
    request = ("gcd", gmp.magnitude(a * b), gmp.magnitude(b * b))
    expected = [gmp.magnitude(math.gcd(a * b, b * b))]
    assert apart.ask(*request) == expected and apart.process is not None
    apart.process.kill()
    apart.process.wait()
    assert apart.ask(*request) == expected
    apart.process.kill()  # perhaps it is not seen yet
    assert apart.ask(*request) == expected
    with pytest.raises(ValueError):
        apart.ask("power", *[gmp.magnitude(n) for n in (2, 3)], b"")
    apart.close()
    monkeypatch.setattr(sys, "executable", "/nowhere")
    assert Apart(lambda: None).ask(*request) is None
