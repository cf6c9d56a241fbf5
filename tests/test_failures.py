"""Failures: the checker refuses a result that may be UNWIND before it was tested, and what it made us mend."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from typing import Any

import pytest

from csl_native import Session
from csl_native.engines.weave import kernel_program
from csl_native.restricted.checker import Program, Refusal

HEAD = "def f(a):\n    return invoke1(a, a, a)\n"
REFUSED = {
    "def g(a):\n    return f(a) + 1": "f may fail",
    "def g(a):\n    r = f(a)\n    store(a, r)\n    return 0": "this may be a failure",
    "def g(a):\n    return h(f(a))\ndef h(a):\n    return a": "f may fail",
    "def g(a) -> None:\n    f(a)": "its result is dropped",
    "def g(a):\n    r = f(a)\n    return 0": "in r is forgotten",
    "def g(a) -> float:\n    r = f(a)\n    return itof(r) if r != UNWIND else 0.0": "in r is forgotten",
    "def g(a) -> bool:\n    return f(a) != UNWIND": "a test for a failure",
    "def g(a):\n    if f(a) == UNWIND:\n        return 0\n    return 1": "a failure is forgotten",
    "def g(a):\n    r = f(a)\n    if a == 0:\n        if r == UNWIND:\n            return r\n"
    "    return r + 1": "this may be a failure",
    "def g(a):\n    r = 0\n    while a > 0:\n        r = f(r)\n        a -= 1\n    return r": "this may be a failure",
    "def g(a):\n    r = f(a)\n    r = 0\n    return r": "would overwrite",
    "def g(a):\n    store(a, UNWIND)\n    return a": "this may be a failure",
}
ACCEPTED = (
    "def g(a):\n    return f(a) if a == 0 else UNWIND",
    "def g(a):\n    r = f(a)\n    if r == UNWIND:\n        return r\n    return r + 1",
    "def g(a):\n    r = f(a)\n    s = f(a)\n    if r == UNWIND or s == UNWIND:\n        return UNWIND\n"
    "    return r + s",
    "def g(a):\n    return 1 if f(a) != UNWIND else UNWIND",
    "def g(a) -> None:\n    handled(f(a))",
    "def g(a):\n    r = f(a)\n    while r != UNWIND and r != 0:\n        r = f(r)\n    return r",
)


def check(text: str) -> None:
    program = Program()
    program.add_source(HEAD + text, {"UNWIND": 7}, "m", "m.py")
    program.check()


@pytest.mark.parametrize("text", REFUSED)
def test_a_failure_that_is_used_or_lost_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match=REFUSED[text]) as caught:
        check(text)
    assert caught.value.filename == "m.py" and caught.value.lineno is not None


@pytest.mark.parametrize("text", ACCEPTED)
def test_a_failure_that_is_passed_on_is_accepted(text: str) -> None:
    check(text)


def test_what_is_known_of_the_kernel() -> None:
    found = kernel_program(()).failing
    assert {"car", "plus2", "make_vector", "make_bignum", "expt", "call_symbol1", "safepoint", "orderp", "flag",
            "is_equal", "get", "length"} <= found
    assert not {"cons", "make_float", "to_double", "find_symbol"} & found


MIXED = {
    "(plus 1.0 B)": "inf", "(difference 1.0 B)": "minusinf", "(float B)": "inf", "(float (minus B))": "minusinf",
    "(exp B)": "inf", "(times 2.0 B)": "inf", "(quotient 1.0 B)": "0.0", "(quotient B 0.0)": "inf",
    "(expt B -1.5)": "0.0", "(expt 0.5 B)": "0.0", "(expt B 0.5)": "inf", "(lessp 1.0 B)": "t",
    "(null (greaterp 1.0 B))": "t", "(lessp B 1.0e308)": "nil", "(geq (minus B) 1.0)": "nil", "(orderp 1.0 B)": "nil",
    "(lessp 1152921504606846975 1152921504606846976.0)": "t", "(geq 1152921504606846975 1152921504606846976.0)": "nil",
    "(greaterp 9007199254740993 9007199254740992.0)": "t", "(caar (list (errorset (list 'float B) t nil)))": "inf",
    "(expt -2.0 1000001)": "minusinf",
}


def test_floats_with_huge_integers(session: Session) -> None:
    found = (session.eval("(prog (B) (setq B (expt 10 400)) (return "
                          f"(mapcar (list {' '.join(MIXED)}) (function explode2))))"))
    assert ["".join("t" if c is True else str(c) for c in row) for row in found] == list(MIXED.values())


def test_integers_are_the_nearest_floats(session: Session) -> None:
    random.seed(7)
    numbers = [random.getrandbits(random.randrange(61, 1100)) | 1 << 61 for _ in range(50)]
    numbers += [(2 ** 53 + k << s) + d for k in range(4) for s in (20, 64, 75, 900) for d in (-1, 0, 1)]
    numbers += [2 ** 1024 - 2 ** 970, 2 ** 1024 - 2 ** 970 - 1, 2 ** 1023, 2 ** 1024]
    convert = session.function("float")
    for n in numbers:
        for x in (n, -n):
            try:
                nearest = float(x)
            except OverflowError:
                nearest = math.inf if x > 0 else -math.inf
            assert convert(x) == nearest, x


def test_no_room_for_a_product_is_a_memory_error(csl: Callable[..., Any]) -> None:
    found = csl("-k", "64", text="(setq a (expt 3 4000000))\n(setq b (list a))\n"
                                 "(dotimes (i 200) (setq b (cons (times a (add1 (times a i))) b)))\n(plus 1 2)\n")
    assert "Memory exhausted" in found.stdout and "3" in found.stdout.split()[-2:] and "#<" not in found.stdout
