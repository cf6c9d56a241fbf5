"""Tests for nil that ask for a pair first do what the others do."""

from __future__ import annotations

import pytest

from csl_native import Session
from csl_native.instructions.codec import decode
from csl_native.native.niltests import before_pairs

from .conftest import needs_native
from .test_fronts import code_of
from .test_tiers import tiers

pytestmark = needs_native

# Bodies of (h x y), and how many of their tests are of that kind.
FUNCTIONS = {
    "(cond ((null x) y) (t (car x)))": 1,
    "(cond (x (cdr x)) (t y))": 1,
    "(cond ((null x) y) (t (cdr y)))": 0,
    "(cond ((null y) 'none) ((null x) 'short) (t (list (cdr x) (cdr y))))": 2,
    "(cond ((null x) y) (t (list (k 1) (car x))))": 0,  # a call is between
    "(cond ((null x) y) (t (setq x y) (car x)))": 0,
    "(cond ((null x) y) (t 'more))": 0,
    "(prog () again (cond ((null y) (return x)) ((null x) (return t))) (setq x (cdr x)) (setq y (cdr y)) "
    "(go again))": 2,
    # arithmetic too
    "(prog (n) (setq n 0) again (cond ((null x) (return n))) (setq n (add1 n)) (setq x (cdr x)) (go again))": 0,
    "(cond ((null x) nil) ((eq (car x) y) x) (t (h (cdr x) y)))": 1,
}
VALUES = ("nil", "'(1)", "'(a b c)", "'(1 . 2)", "5", "'a", "\"s\"", "2.5")


@pytest.fixture(scope="module")
def shared() -> Session:
    return Session(heap=128 << 20, jit=(-1, -1))


@pytest.mark.parametrize("body", FUNCTIONS)
def test_on_every_tier(shared: Session, body: str) -> None:
    shared.eval(f"(de k (x) x) (de h (x y) {body})")
    listing = decode(code_of(shared, "h")[0].code)
    assert len(before_pairs(listing)) == FUNCTIONS[body]
    for x in VALUES:
        for y in ("nil", "'(1 2)", "'b"):
            shared.eval(f"(de h (x y) {body})")
            found = tiers(shared, "h", f"(h {x} {y})")
            assert all(value == found[0] for value in found), (x, y, found)
