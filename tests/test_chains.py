"""Functions that call themselves for the rest of a list make it in a loop, and do what they do as bytecode."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from csl_native import LispError, Session
from csl_native.instructions.codec import decode
from csl_native.native.chains import chained

from .conftest import needs_native
from .test_fronts import code_of
from .test_tiers import tiers

pytestmark = needs_native

# Bodies of (h l y), how many of their calls of themselves become jumps, and arguments.
FUNCTIONS: dict[str, tuple[int, tuple[str, ...]]] = {
    "(cond ((null l) nil) (t (cons (car l) (h (cdr l) y))))": (1, ("nil 0", "'(1) 0", "'(1 2 3 4) 0", "'(1 2 . 3) 0",
                                                                   "5 0")),
    "(cond ((atom l) y) (t (cons (h (car l) (cdr l)) (h (cdr l) (list y)))))": (
        1, ("nil 0", "'((1 2) (3 (4))) 0", "'(((a . b))) 0")),
    "(cond ((null l) nil) ((eqn (car l) y) (h (cdr l) y)) (t (cons (car l) (h (cdr l) y))))": (
        1, ("'(1 1) 1", "'(1 2 1 3) 1", "'(2 1) 1")),
    "(cond ((null l) (g y)) (t (cons (add1 (car l)) (h (cdr l) y))))": (1, (  # other functions and bytecode go on
        "nil '(1 . 2)", "'(1 2) '(3)", "'(1 2) 3", "nil 3", "'(1 2.5 3) '(4)", "'(1 1152921504606846975 3) '(4)",
        "'(1 a 3) '(4)")),
    "(prog (v w) (cond ((null l) (return (car y))) ((eqn (car l) 1) (setq v 'one)) (t (setq w (list v (car l))))) "
    "(return (cons (cons v w) (h (cdr l) y))))":
        (1, ("'(1 2 1 3) '(e)", "'(1 2) nil", "nil 7")),
    "(cond ((null l) nil) ((null (car l)) (cons y (h (cdr l) y))) "
    "(t (cons (list (car l) y) (h (cdr l) (car l)))))": (2, ("'(1 nil 2 nil nil 3) 0",)),
    "(cond ((null l) nil) (t (cons (car l) (cond ((eqn (car l) y) '(end)) "
    "(t (h (cdr l) y))))))": (1, ("'(1 2 3) 2", "'(1 2 3) 5", "'(1) 1")),
    # what is caught stays a frame
    "(cond ((null l) nil) (t (cons (catch 'a (throw 'a (car l))) (h (cdr l) y))))": (0, ("'(1 2) 0",)),
    "(cond ((null l) nil) (t (cons y (cons (car l) (h (cdr l) y)))))": (0, ("'(1 2) 0",)),
    "(cond ((null l) nil) ((eqn (car l) y) (throw 'out l)) (t (cons (car l) (h (cdr l) y))))": (
        1, ("'(1 2 3) 2", "'(1 2 3) 1", "'(1 2 3) 9")),
    "(cond ((null l) nil) (t (cons (cond ((atom (car l)) (plus (car l) y)) (t (h (car l) y))) "
    "(h (cdr l) y))))": (1, ("'(1 (2 (3) 4.5) 6) 7", "'(1 (b) 2) 1")),
}


@pytest.fixture(scope="module")
def shared() -> Session:
    return Session(heap=128 << 20, jit=(-1, -1))


@pytest.mark.parametrize("body", FUNCTIONS)
def test_on_every_tier(shared: Session, body: str) -> None:
    count, arguments = FUNCTIONS[body]
    for these in arguments:
        shared.eval(f"(de g (x) (cons 'g (cdr x))) (de h (l y) {body})")
        code, own = code_of(shared, "h")
        assert len(chained(code, decode(code.code), own)) == count
        found = tiers(shared, "h", f"(catch 'out (h {these}))")
        assert all(value == found[0] for value in found), (these, found)


def test_no_stack_is_taken(shared: Session) -> None:
    shared.eval(
        """(de numbers (n) (prog (l) again (cond ((zerop n) (return l))) (setq l (cons n l)) (setq n (sub1 n))
          (go again)))
        (de doubled (l) (cond ((null l) nil) (t (cons (plus (car l) (car l)) (doubled (cdr l))))))""")
    shared.native_compile(["numbers", "doubled"])
    assert (shared.eval("(prog (l) (setq l (doubled (numbers 1000000))) "
                        "(return (list (length l) (car l) (car (reverse l)))))") == [1000000, 2, 2000000])


@pytest.mark.parametrize(("heap", "message"), [(128 << 20, "[Mm]emory|heap"), (1 << 30, "[Ss]tack overflow")])
def test_without_an_end(heap: int, message: str) -> None:
    """It is an error, as when it takes stack; the list may be too much before."""
    s = Session(heap=heap, jit=(-1, -1))
    s.eval("(de endless (n) (cons n (endless n)))")
    s.native_compile(["endless"])
    with pytest.raises(LispError, match=message):
        s.eval("(endless 1)")
    assert s.eval("(list 1 2)") == [1, 2]
    s.close()


@pytest.mark.parametrize("stress", [False, True])
def test_collections_between_pairs(stress: bool) -> None:
    """What survives a collection gets a rest that is younger."""
    s = Session(heap=128 << 20, jit=(-1, -1), gc_stress=stress)
    s.eval("""(de waste (n) (cond ((zerop n) nil) (t (mkvect 400) (waste (sub1 n)))))
        (de spread (n m) (cond ((zerop n) nil) (t (waste m) (cons (list n) (spread (sub1 n) m)))))
        (de total (l n) (cond ((null l) n) (t (total (cdr l) (plus n (caar l))))))""")
    s.native_compile()
    n, m = (200, 1) if stress else (20000, 3)
    before = s.machine.cage["gc_count"]
    assert s.eval(f"(total (spread {n} {m}) 0)") == n * (n + 1) // 2
    assert s.machine.cage["gc_count"] - before > 5
    s.close()


@pytest.mark.parametrize("options", [(), ("--jit", "0,0")], ids=" ".join)
def test_back_traces(csl: Callable[..., Any], options: tuple[str, ...]) -> None:
    """As many calls are left as there would be."""
    text = """(de f (l) (cond ((null l) (g l)) ((eq (car l) 'a) (car 7)) (t (cons (add1 (car l)) (f (cdr l))))))
        (de g (x) (prog (n) (setq n 0) again (setq n (add1 n)) (cond ((lessp n 9) (go again))) (return (car x))))
        (de top (l) (cons 1 (f l)))
        (errorset '(top '(3 a)) t t) (errorset '(top '(1 2 a)) t t) (errorset '(top '(1 2.5 b)) t t)
        (errorset '(top '(1 2)) t t) (errorset '(f '(a)) t t)"""
    done = csl("-q", *options, text=text)
    left = [line[8:] if line.startswith("Inside") else "+"
            for line in done.stdout.splitlines() if line.startswith(("Inside", "+++"))]
    assert " ".join(left) == "+ f f top + f f f top + f f f top + g f f top + f"
