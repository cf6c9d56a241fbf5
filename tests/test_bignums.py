"""Long integers against Python's: products and quotients by every method, conversion, modular arithmetic."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from csl_native import LispError, Session
from csl_native.kernel.division import HALVES
from csl_native.kernel.memory import NO_LIMIT
from csl_native.kernel.multiply import KARATSUBA, SQUARE
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


PATTERNS = ("ones", "one", "high", "random")


def patterned(bits: int, pattern: str, chance: Random) -> int:
    """An integer of so many bits: all set, the first alone, the upper half set, any."""
    top = 1 << bits - 1
    high, any_ = 2 * top - (1 << bits // 2), top | chance.getrandbits(bits)
    return {"ones": 2 * top - 1, "one": top, "high": high, "random": any_}[pattern]


@pytest.mark.parametrize("limbs", [HALVES - 1, HALVES, HALVES + 1, 2 * HALVES, 2 * HALVES + 3])
@pytest.mark.parametrize("pattern", PATTERNS)
def test_quotients_around_the_limits(native: Session, limbs: int, pattern: str) -> None:
    """With quotients shorter and longer than the divisor, and remainders next to both of their ends: the first limbs of
    both numbers are the same then, and what is guessed of the quotient is too large."""
    native.machine.cage["long_limbs"] = native.machine.cage["long_divisor"] = NO_LIMIT
    divide, chance = native.function("divide"), Random(limbs)
    b = patterned(64 * limbs - 5, pattern, chance)
    for bits in (64 * HALVES - 1, 64 * HALVES + 64, 64 * limbs, 130 * limbs):
        for other in PATTERNS:
            q = patterned(bits, other, chance)
            for r in (0, b - 1, chance.randrange(b)):
                assert tuple(divide(q * b + r, b)) == (q, r)
            assert tuple(divide(-((b << 64 * HALVES) - 1), b)) == (1 - (1 << 64 * HALVES), 1 - b)


def test_bits_and_shifts_around_one_limb(session: Session) -> None:
    """Of integers that one limb holds, that it just does not, and of negative ones."""
    numbers = [sign * (n + more) for n in (0, 1 << 59, 1 << 60, 1 << 63, 1 << 64, 1 << 127, 0x5AC3 << 49) for more in
               (-1, 0, 1) for sign in (1, -1)]
    land, lor, lxor, lshift, ash = (session.function(name) for name in ("land2", "lor2", "lxor2", "lshift", "ash"))
    for a in numbers:
        for b in numbers[::3]:
            assert (land(a, b), lor(a, b), lxor(a, b)) == (a & b, a | b, a ^ b), (a, b)
        for k in (0, 1, 4, 5, 59, 63, 64, 65):
            assert (lshift(a, k), lshift(a, -k), ash(a, k), ash(a, -k)) == (a << k, a >> k, a << k, a >> k), (a, k)


@pytest.mark.parametrize("bits", [1, 31, 32, 33, 62, 63, 64])
def test_divisors_of_one_limb(session: Session, bits: int) -> None:
    divide, chance = session.function("divide"), Random(bits)
    for d in {(1 << bits) - 1, 1 << bits - 1, (1 << bits - 1) + 1}:
        for a in (1 << 64, (1 << 192) - 1, d << 64, (d << 64) - 1, chance.getrandbits(300)):
            assert tuple(divide(a, d)) == divmod(a, d) and tuple(divide(-a, d)) == (-(a // d), -(a % d))


@CHECKED
@given(a=st.one_of(INTEGERS, SPARSE), b=st.one_of(INTEGERS, SPARSE), c=st.one_of(INTEGERS, SPARSE))
def test_common_divisors(native: Session, a: int, b: int, c: int) -> None:
    native.machine.cage["long_divisor"] = NO_LIMIT
    gcd = native.function("gcdn")
    assert gcd(a * c, b * c) == gcd(b * c, a * c) == math.gcd(a * c, b * c)
    assert gcd(a * b + c, a) == math.gcd(a * b + c, a)


@pytest.mark.parametrize("n", [90, 300, 1500])
def test_common_divisors_of_neighbours(native: Session, n: int) -> None:
    """Fibonacci's numbers: the most steps, with quotients of 1; and next to powers of two: the largest quotients."""
    x, y = 0, 1
    for _ in range(n):
        x, y = y, x + y
    assert native.function("gcdn")(x, y) == 1 and native.function("gcdn")(x * 3 ** 50, y * 3 ** 50) == 3 ** 50
    assert native.function("gcdn")((1 << 64 * n) - 1, (1 << 64 * n - 64) - 1) == (1 << 64) - 1


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


@pytest.mark.parametrize("limbs", [1, 2, 3, 8, 9, KARATSUBA, SQUARE - 1, SQUARE, SQUARE + 1, 2 * SQUARE + 1, 300])
def test_squares(native: Session, limbs: int) -> None:
    """An object times itself; the same numbers in two objects are multiplied in the other way."""
    native.machine.cage["long_limbs"] = NO_LIMIT
    native.eval("(de squared (a) (times2 a a))")
    chance = Random(limbs)
    for pattern in PATTERNS:
        a = patterned(64 * limbs, pattern, chance)
        assert [native.function("squared")(x) for x in (a, -a)] == [native.function("times2")(a, a)] * 2 == [a * a] * 2


@pytest.mark.parametrize("limbs", [2, 3, 10])
@pytest.mark.parametrize("q", [1, 2, 9, (1 << 32) - 1, 1 << 32, (1 << 60) - 1, 1 << 60, (1 << 64) - 1, 1 << 64])
def test_short_quotients(session: Session, limbs: int, q: int) -> None:
    """Next to a multiple of the divisor the first limbs do not tell the quotient; between them they do."""
    divide, quotient, remainder = (session.function(f) for f in ("divide", "quotient", "remainder"))
    chance = Random(limbs)
    for bits in (64 * limbs, 64 * limbs - 1, 64 * limbs - 63):
        for pattern in PATTERNS:
            b = patterned(bits, pattern, chance)
            for a in (q * b - 1, q * b, q * b + 1, q * b + b // 2, q * b + b - 1):
                assert tuple(divide(a, b)) == divmod(a, b) and tuple(divide(-a, b)) == (-(a // b), -(a % b))
                assert (quotient(a, -b), remainder(a, -b)) == (-(a // b), a % b)


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
