"""Every loop and recursion over data can be ended, and a full heap is an error."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from csl_native import LispError, Session
from csl_native.restricted.checker import Program, Refusal
from csl_native.restricted.loops import check_loops

KERNEL = """
def poll():
    return 0

def safepoint():
    return 0

def bounded_call(x):
    if poll() == 7:
        return 7
    return x

"""

MUTANTS = {  # text, and what the refusal says; None: it is accepted
    "def f(l):\n    while l & 7 == 1:\n        l = load(l + 7)\n    return l": "no poll",
    "def f(l):\n    while l & 7 == 1:\n        l = load(l + 7)\n        if poll() == 7:\n            return 7\n"
    "    return l": None,
    "def f(l):\n    while l & 7 == 1:\n        l = load(l + 7)\n        if l == 3:\n            continue\n"
    "        if poll() == 7:\n            return 7\n    return l": "no poll",
    "def f(l):\n    while l & 7 == 1:\n        l = load(l + 7)\n        if l == 3 or poll() == 7:\n"
    "            return 7\n    return l": "no poll",
    "def f(l):\n    while True:\n        l = load(l + 7)\n        if l == 3:\n            return bounded_call(l)\n"
    "        l = bounded_call(l)": None,
    "def f(l):\n    i = 0\n    while i < 64:\n        i += 1\n    return l": None,
    "def f(n):\n    i = 0\n    while i < n:\n        i += 1\n    return n": "no poll",
    "def f(n):\n    i = 0\n    while i < 64:\n        i += n\n    return n": "no poll",
    "@bounded('few')\ndef f(n):\n    i = 0\n    while i < n:\n        i += 1\n    return n": None,
    "@onepass('the words')\ndef f(n):\n    while n > 0:\n        store(n, load(n + 8))\n        n -= 8\n"
    "    return n": None,
    "@onepass('the words')\ndef f(n):\n    while n > 0:\n        n = udiv(n, load(n))\n"
    "    return n": "udiv in the loop of line .* at the speed of memory",
    "@onepass('the words')\ndef f(n):\n    while n > 0:\n        handled(invoke1(8, 0, n))\n        n -= 1\n"
    "    return n": "invoke1 in the loop",
    "@onepass('the words')\ndef f(n):\n    while n > 0:\n        n -= g(n)\n    return n\n\ndef g(n):\n"
    "    return h(n) + 1\n\n@onepass('it')\n"
    "def h(n):\n    while n > 9:\n        n -= 1\n    return n": "g in the loop",
    "@onepass('the words')\ndef f(n):\n    while n > 0:\n        m = n\n        while m > 0:\n            m -= 1\n"
    "        n -= 1\n    return n":
        "a loop in the loop",
    "@onepass('the words')\ndef f(n):\n    return 1 if n == 0 else f(n - 1)": "the recursion f -> f has no stack check",
    "def f(l):\n    if l & 7 != 1:\n        return 1\n    return f(load(l - 1)) + 1":
        "the recursion f -> f has no stack check",
    "def f(l):\n    if poll() == 7:\n        return 7\n    if l & 7 != 1:\n        return 1\n"
    "    return f(load(l - 1))": None,
    "def f(l):\n    return 1 if l == 0 else g(load(l))\n\ndef g(l):\n    return f(load(l))": "has no stack check",
    "def f(l):\n    return 1 if l == 0 else g(load(l))\n\ndef g(l):\n    if safepoint() == 7:\n        return 7\n"
    "    return f(load(l))": None,
}


@pytest.mark.parametrize("text", MUTANTS)
def test_a_loop_without_a_poll_is_refused(text: str) -> None:
    program = Program()
    program.add_source(KERNEL + text, {}, "kernel", "kernel.py")
    program.check()
    if MUTANTS[text] is None:
        check_loops(program)
    else:
        with pytest.raises(Refusal, match=MUTANTS[text]):
            check_loops(program)


PRELUDE = """(progn
  (setq c (list 1 2 3)) (rplacd (cddr c) c)
  (setq d (list 1 2 3)) (rplacd (cddr d) d)
  (setq a1 (list nil 1)) (rplaca a1 a1)
  (setq a2 (list nil 1)) (rplaca a2 a2)
  (setq h (mkhash 10 2 1.5)) (puthash c h 1)
  (de deep (n) (prog (r) a (cond ((zerop n) (return r))) (setq r (list r)) (setq n (sub1 n)) (go a)))
  (de fill () (prog (l) a (setq l (cons 1 l)) (go a)))
  nil)"""

ENDLESS = ["(length c)", "(assoc 9 c)", "(memq 9 c)", "(member 9 c)", "(atsoc 9 c)", "(nconc c 3)", "(lastpair c)",
           "(list2vector c)", "(eval (cons 'list c))", "(list2string c)", "(equal c d)", "(equal a1 a2)",
           "(cl!-equal a1 a2)", "(orderp c d)", "(orderp a1 a2)", "(gethash d h)", "(apply 'list c)", "(compress c)",
           "(reversip2 c nil)", "(flag c 'x)", "(prin c)", "(mapc c 'atom)", "(smemq 'z c)", "(last c)", "(delete 9 c)",
           "(subst 1 9 c)", "(reverse c)", "(append c nil)"]


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Session]:
    with open(tmp_path_factory.mktemp("loops") / "out",
              "wb") as out, closing(Session(heap=128 << 20, output=out)) as session:
        session.eval(PRELUDE)
        yield session


@pytest.mark.parametrize("form", ENDLESS)
def test_walks_without_end_are_ended(small: Session, form: str) -> None:
    start = time.perf_counter()
    small.eval(f"(progn (errorset '(resource!-limit '{form} 0.05 1000) nil nil) nil)")
    assert time.perf_counter() - start < 20
    assert small.eval("(length '(1 2 3))") == 3
    small.eval("(progn (setq c (list 1 2 3)) (rplacd (cddr c) c) nil)")


DEEP = ["(equal x y)", "(cl!-equal x y)", "(ordp x y)", "(fixp (sxhash x))", "(pairp (assoc x (list (cons y 1))))",
        "(pairp (member x (list y)))", "(progn (puthash x h 1) (gethash y h))", "(null (delete x (list y)))"]


def test_depth_of_data_is_no_depth_of_calls() -> None:
    with closing(Session(heap=400 << 20)) as session:
        session.eval(PRELUDE)
        session.eval("(progn (setq x (deep 1000000)) (setq y (deep 1000000)) nil)")
        for form in DEEP:
            assert session.eval(form) in (True, 1), form


def test_a_full_heap_is_an_error() -> None:
    with closing(Session(heap=64 << 20)) as session:
        session.eval(PRELUDE)
        for form in ("(reverse c)", "(append c nil)", "(fill)"):
            with pytest.raises(LispError, match="[Mm]emory"):
                session.eval(form)
        assert session.eval("(length '(1 2))") == 2
