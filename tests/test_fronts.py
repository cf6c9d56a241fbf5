"""Fronts: the beginnings of functions that return without a frame, alone and in place of calls, do what the functions do."""

from __future__ import annotations

from itertools import product

import pytest

from csl_native.instructions.codec import Code, decode
from csl_native.native.fronts import MOST, front
from csl_native.objects import SYM_ENV
from csl_native.session import LispError, Session

from .conftest import needs_native
from .test_tiers import outcome, tiers

pytestmark = needs_native

LONG = " ".join(f"((eqn x {k}) 'n{k})" for k in range(20))
# Functions of x and y, and whether they have a front.
FUNCTIONS = {
    "(cond ((atom x) y) (t (list (car x) (h (cdr x) y))))": True,
    "(cond ((lessp x 2) x) (t (plus (h (difference x 1) y) (h (sub1 (sub1 x)) y))))": True,
    "(cond ((null x) nil) ((eq (car x) y) x) (t (cons 1 (h (cdr x) y))))": True,
    "(prog (z) (setq z (plus x y)) (cond ((not (eqn z 8)) (return z))) (return (list z (h 0 0))))": True,
    "(cond ((eq limit!* x) (cdr y)) (t (list limit!* x)))": True,
    f"(cond {LONG} (t (list x y)))": True,
    "(cond ((null x) y) (t (h (cdr x) (cons (car x) y))))": False,  # a loop
    "(cond ((not (pairp x)) y) (t (h (car x) (h (cdr x) y))))": True,  # a loop that is recursive too
    "(list x y)": False,
    "(car x)": False,  # all of it would be
    "(prog () again (cond ((atom x) (return x))) (setq x (cdr x)) (go again))": False,
    "(cons (errorset (list 'car (list 'quote x)) nil nil) y)": False,
}
VALUES = ("0", "1", "7", "1152921504606846975", "2.5", "nil", "'a", "'(a b)", "'(1 . a)", "\"s\"")


def code_of(s: Session, name: str) -> tuple[Code, list[int]]:
    m = s.machine
    symbol = m.intern(name)
    literals = m.vector_items(m.field(symbol, SYM_ENV))
    return Code.unpack(m.raw(literals[0])), [k for k, x in enumerate(literals) if x == symbol]


@pytest.fixture(scope="module")
def shared() -> Session:
    s = Session(heap=128 << 20, jit=(-1, -1))
    s.eval("(fluid '(limit!*)) (setq limit!* 7)")
    return s


@pytest.mark.parametrize("body", FUNCTIONS)
def test_on_every_tier(shared: Session, body: str) -> None:
    shared.eval(f"(de h (x y) {body}) (de g (x y) (cons 'g (h x y))) (de k (x y) (h y x))")
    code, own = code_of(shared, "h")
    found = front(code, own)
    assert bool(found) == FUNCTIONS[body]
    assert len(found) <= 2 * MOST and all(item.row.name != "poll" for item in decode(code.code) if item.at in found)
    pairs = [f"({name} {x} {y})" for x, y in product(VALUES, VALUES) for name in "hgk" if "lessp" not in body or "1152921504606846975" not in (x, y)]
    before = [outcome(shared, form) for form in pairs]
    for name in ("h", "g", "k"):
        shared.native_compile([name])
    assert [outcome(shared, form) for form in pairs] == before
    for form in pairs[::17]:
        assert tiers(shared, "g", form) == [before[pairs.index(form)]] * 4


def test_a_leaf_saves_no_registers(shared: Session) -> None:
    """The front is what the entry is: no push in front of its return."""
    capstone = pytest.importorskip("capstone")
    from csl_native.native.functions import compile_unit
    from csl_native.native.sources import source_of
    shared.eval("(de leaf (x) (cond ((atom x) nil) (t (list (leaf (car x)) (leaf (cdr x))))))")
    architecture = shared.hardcode.architecture
    if architecture is None or architecture.name != "x86-64":
        pytest.skip("looks at code of x86-64")
    block = compile_unit(architecture, [shared.run(lambda: source_of(shared.lisp, shared.machine.intern("leaf"), "f"))])
    at = block.symbols["f.entry"]
    engine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)
    lines = [f"{i.mnemonic} {i.op_str}" for i in engine.disasm(bytes(block.data[at:at + block.sizes["f.entry"]]), at)]
    assert lines[-1] == "ret " and not any(line.startswith(("push", "call")) for line in lines), lines
    assert "f.whole" in block.symbols


def test_a_redefinition_of_what_has_a_front(shared: Session) -> None:
    shared.eval("(de inner (x) (cond ((null x) 'none) (t (list 'some x (inner (cdr x)))))) (de outer (x) (list (inner x) (inner nil)))")
    shared.native_compile(["outer", "inner"])
    assert shared.eval("(outer '(1))") == [["some", [1], "none"], "none"]
    shared.eval("(de inner (x) (cond ((null x) 'other) (t 'changed)))")
    assert shared.eval("(outer '(1))") == ["changed", "other"]
    with pytest.raises(LispError, match="undefined"):
        shared.eval("(remd 'inner) (outer '(1))")


def test_recursion_without_end_is_an_error(shared: Session) -> None:
    shared.eval("(de deep (x) (cond ((null x) nil) (t (add1 (deep x)))))")
    shared.native_compile(["deep"])
    assert shared.eval("(list (deep nil) (atom (errorset '(deep 1) nil nil)))") == [[], True]


def test_a_leaf_in_a_loop_can_be_interrupted(shared: Session) -> None:
    """A front has no safepoint; loops that call it have theirs."""
    import threading
    import time
    shared.eval("(de quick (x) (cond ((atom x) x) (t (list (quick (car x)))))) (de spin (n) (prog () again (quick n) (go again)))")
    shared.native_compile(["quick", "spin"])
    threading.Thread(target=lambda: (time.sleep(0.2), shared.machine.interrupt())).start()
    with pytest.raises(LispError, match="Interrupted"):
        shared.eval("(spin 1)")

