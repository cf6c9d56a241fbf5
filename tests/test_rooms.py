"""Room for pairs that are made one after another is made before the first of them."""

from __future__ import annotations

import pytest

from csl_native import Session
from csl_native.instructions.codec import decode
from csl_native.instructions.effects import MEANINGS, PAIR, pairs, quiet
from csl_native.instructions.table import by_name
from csl_native.native.allocation import MOST, rooms

from .conftest import needs_native
from .test_fronts import code_of

pytestmark = needs_native

# Functions of x and y, and how many pairs there is room made for at once.
FUNCTIONS = {
    "(list x 'a y 'b x)": [5],
    "(list x (cons y nil) (cdr x) (list 1 2 3))": [8],
    "(cons (list x y) (g (cons x y)))": [3, 1],  # a call may make more
    "(cons x (cond (y (list x y)) (t (cons 1 2))))": [2, 1, 1],  # one way or the other
    "(plus (car (list x y)) (cadr (list x y)))": [4],
    f"(list {' '.join(['x'] * 40)})": [16, 16, 8],
    "(plus x y)": [],
    "(cons (list x y) (cons zz!* x))": [2, 2],  # who is asked for the value of an unset variable may make anything
    "(cons (list x y) (cons (car x) (eq x y)))": [4],
}


@pytest.mark.parametrize("body", FUNCTIONS)
def test_once(body: str) -> None:
    s = Session(jit=(-1, -1))
    s.eval(f"(de f (x y) {body})")
    code, _ = code_of(s, "f")
    listing = decode(code.code)
    found = rooms(listing, {item.target for item in listing}, ())
    assert [size // PAIR for size in found.values() if size] == FUNCTIONS[body]
    assert (set(found) == {item.at for item in listing if pairs(item.row)}
            and max(found.values(), default=0) <= MOST)
    s.close()


def test_effects_are_those_of_the_definitions() -> None:
    makes = {name: pairs(row) for name, row in by_name().items() if pairs(row)}
    assert makes == {"cons": 1, "ncons": 1, "xcons": 1, "list2": 2, "list3": 3, "acons": 2}
    found = {effect: {name for name, row in by_name().items() if effect in row.effects} for effect in MEANINGS}
    calls = {f"{kind}{n}" for kind in ("call", "tail_call") for n in range(4)} | {"calln"}
    assert found["symbol"] == {"value", "set_value", "bind", *calls} and found["assigns"] == {"set_value", "bind"}
    assert found["writes"] >= {"set_value", "bind", "rplaca", "put", "putv", "puthash", "copy_bytes", "var_keep"}
    assert found["truth"] >= {"eq", "null", "lessp", "geq", "flagp", "eql", "plusp"}
    assert not found["truth"] & {"memq", "member", "get", "plus"} and not found["writes"] & {"cons", "plus", "getv"}
    for name in ("value", "plus", "append2", "call1", "poll", "get", "bind", "cons", "equal"):
        assert not quiet(by_name()[name]), name
    for name in ("local", "car", "getv", "putv", "eq", "set_value", "literal", "fixp"):
        assert quiet(by_name()[name]), name


@pytest.mark.parametrize("tier", ["ahead of time", "with assumptions"])
def test_every_pair_is_found(tier: str) -> None:
    """Pairs that were made together and are needed after a call are kept by collections during the call."""
    s = Session(jit=(-1, -1), gc_stress=True)
    s.eval("(de g (n) (cond ((lessp n 1) nil) (t (cons n (g (sub1 n))))))")
    s.eval("(de f (x y) (append (list x (list y x) (list x y (list y) x) (list y)) "
           "(cons (list x y) (cons (list y x x) (g 9)))))")
    s.eval("(de h (x y) (list (list x y x) (cons x y) (cons y x) (list y y) (g 9) (list y x y) (acons x y x) (g 9)))")
    forms = "(list (f 1 2) (h 3 4) (f 5 6) (h 7 8))"
    expected = s.eval(forms)
    if tier == "ahead of time":
        s.native_compile()
    else:
        for name in "gfh":
            s.hardcode.jit().optimise(s.machine.intern(name), at_once=True)
    for _ in range(20):
        assert s.eval(forms) == expected
    s.close()
