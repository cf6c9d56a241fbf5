"""Fronts: the beginnings of functions that return without a frame, alone and in place of calls, do what the functions
do.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest

from csl_native import LispError, Session
from csl_native.architectures import by_name
from csl_native.heap.objects import SYM_ENV
from csl_native.instructions.codec import Code, decode
from csl_native.native.elf import Block
from csl_native.native.fronts import MOST, front
from csl_native.native.optimised import compile_unit
from csl_native.native.sources import source_of

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
    pairs = [f"({name} {x} {y})" for x, y in product(VALUES, VALUES)
             for name in "hgk" if "lessp" not in body or "1152921504606846975" not in (x, y)]
    before = [outcome(shared, form) for form in pairs]
    for name in ("h", "g", "k"):
        shared.native_compile([name])
    assert [outcome(shared, form) for form in pairs] == before
    for form in pairs[::17]:
        assert tiers(shared, "g", form) == [before[pairs.index(form)]] * 4


def unit_of(session: Session, *names: str) -> tuple[Block, Callable[[str], dict[int, tuple[str, str]]]]:
    """Functions compiled together for x86-64 under their names, and what gives the instructions of a symbol by their
    places.
    """
    capstone = pytest.importorskip("capstone")
    sources = [session.run(lambda name=name: source_of(session.lisp, session.machine.intern(name), name))
               for name in names]  # type: ignore[misc]
    block = compile_unit(by_name("x86-64"), sources)
    engine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_64)

    def instructions(symbol: str) -> dict[int, tuple[str, str]]:
        at = block.symbols[symbol]
        return {i.address: (i.mnemonic, i.op_str)
                for i in engine.disasm(bytes(block.data[at:at + block.sizes[symbol]]), at)}
    return block, instructions


def test_a_leaf_saves_no_registers(shared: Session) -> None:
    """The front is what the entry begins with: no push on the way to its return."""
    shared.eval("(de leaf (x) (cond ((atom x) nil) (t (list (leaf (car x)) (leaf (cdr x))))))")
    _, instructions = unit_of(shared, "leaf")
    found = instructions("leaf.entry")
    names = [name for name, _ in found.values()]
    jump = next(what for name, what in found.values() if name == "jne")
    away = [name for at, (name, _) in found.items() if at >= int(jump, 0)]
    assert names.index("jne") < names.index("push") and away[-1] == "ret" and "push" not in away


def test_recursive_functions_keep_what_calls_share(shared: Session) -> None:
    """The base of the heap and the environment are in registers that no call changes: nothing is saved or set for a
    call of the function itself.
    """
    shared.eval("(de fibonacci (n) (cond ((lessp n 2) n) (t (plus2 (fibonacci (sub1 n)) "
                "(fibonacci (difference n 2))))))")
    _, instructions = unit_of(shared, "fibonacci")
    found = list(instructions("fibonacci.whole").values())
    assert not any(name == "push" and what in ("r13", "r14") for name, what in found)
    assert not any(name == "mov" and what.startswith(("r13,", "r14,")) for name, what in found)


def test_what_is_compiled_together_calls_directly(shared: Session) -> None:
    shared.eval("""(de bigger (l) (cond ((null l) nil) (t (cons (cons 'one (others (cdr l))) (bigger (cdr l))))))
        (de others (l) (cond ((null l) nil) (t (cons (bigger (cdr l)) (others (cdr l))))))""")
    block, instructions = unit_of(shared, "bigger", "others")
    for name, other in (("bigger", "others"), ("others", "bigger")):
        called = {int(what, 0) for mnemonic, what in instructions(f"{name}.whole").values()
                  if mnemonic == "call" and what[0].isdigit()}
        assert block.symbols[f"{other}.whole"] in called, (name, other)
    before = shared.eval("(bigger '(1 2 3 4 5))")
    shared.native_compile(["bigger", "others"])
    assert shared.eval("(bigger '(1 2 3 4 5))") == before


def test_what_a_direct_call_goes_to_may_change(shared: Session) -> None:
    """``top`` calls the code of ``middle`` directly, in which the body of ``low`` stands: redefining ``low`` reaches
    it, in a run and after it.
    """
    shared.eval("""(de low (x) (add1 x))
        (de middle (l) (cond ((null l) nil) (t (cons (low (car l)) (middle (cdr l))))))
        (de top (l) (cond ((null l) nil) (t (cons (middle l) (top (cdr l))))))
        (de twice (l) (list (top l) (eval '(de low (x) (list x))) (top l)))""")
    shared.native_compile(["low", "middle", "top", "twice"])
    assert shared.hardcode.index()[0]["low"] >= {"middle", "top"}
    one, two = [[[2, 3], [3]], "low", [[[1], [2]], [[2]]]], [[[1], [2]], [[2]]]
    assert shared.eval("(twice '(1 2))") == one
    assert shared.eval("(top '(1 2))") == two and shared.eval("(top '(1 2))") == two
    shared.eval("(de middle (l) (length l))")
    assert shared.eval("(top '(1 2))") == [2, 1]


def test_a_redefinition_of_what_has_a_front(shared: Session) -> None:
    shared.eval("(de inner (x) (cond ((null x) 'none) (t (list 'some x (inner (cdr x)))))) "
                "(de outer (x) (list (inner x) (inner nil)))")
    shared.native_compile(["outer", "inner"])
    assert shared.eval("(outer '(1))") == [["some", [1], "none"], "none"]
    shared.eval("(de inner (x) (cond ((null x) 'other) (t 'changed)))")
    assert shared.eval("(outer '(1))") == ["changed", "other"]
    with pytest.raises(LispError, match="undefined"):
        shared.eval("(remd 'inner) (outer '(1))")


def test_recursion_without_end_is_an_error(shared: Session) -> None:
    shared.eval("(de deep (x) (cond ((null x) nil) (t (add1 (deep x)))))")
    shared.eval("(de to (x) (cond ((null x) nil) (t (add1 (fro x))))) "
                "(de fro (x) (cond ((null x) nil) (t (add1 (to x)))))")
    shared.native_compile(["deep", "to", "fro"])
    assert shared.eval("(list (deep nil) (atom (errorset '(deep 1) nil nil)))") == [[], True]
    assert (shared.eval("(list (to nil) (atom (errorset '(to 1) nil nil)) (atom (errorset '(fro 1) nil nil)))") == [
        [], True, True])


def test_last_calls_need_no_stack(shared: Session) -> None:
    """Ten bytes for each of these calls would be more than the stack has; the second pair of functions is recursive
    too.
    """
    shared.eval(
        """(de is!-even (n) (cond ((zerop n) t) (t (is!-odd (sub1 n)))))
        (de is!-odd (n) (cond ((zerop n) nil) (t (is!-even (sub1 n)))))
        (de left (n l) (cond ((null l) n) ((pairp (car l)) (left (left n (car l)) (cdr l)))
          (t (left (add1 n) (cdr l)))))""")
    shared.eval("""(de ping (n) (cond ((zerop n) 'done) ((minusp n) (list (ping (add1 n)))) (t (pong (sub1 n)))))
        (de pong (n) (cond ((zerop n) 'done) ((minusp n) (list (pong (add1 n)) (ping (add1 n))))
          (t (ping (sub1 n)))))""")
    shared.native_compile(["is-even", "is-odd", "left", "ping", "pong"])
    assert shared.eval("(list (is!-even 60000000) (left 0 '(1 (2 (3)) 4)))") == [True, 4]
    assert shared.eval("(list (ping 60000000) (ping -2) (pong -2))") == ["done", [["done"]],
                                                                         [["done", "done"], ["done"]]]
    assert (shared.eval(
        "(progn (setq many nil) (dotimes (i 1000000) (setq many (cons i many))) (left 0 many))") == 1000000)


def test_a_leaf_in_a_loop_can_be_interrupted(shared: Session) -> None:
    """A front has no safepoint; loops that call it have theirs."""
    import threading
    import time
    shared.eval("(de quick (x) (cond ((atom x) x) (t (list (quick (car x)))))) "
                "(de spin (n) (prog () again (quick n) (go again)))")
    shared.native_compile(["quick", "spin"])
    threading.Thread(target=lambda: (time.sleep(0.2), shared.machine.interrupt())).start()
    with pytest.raises(LispError, match="Interrupted"):
        shared.eval("(spin 1)")

