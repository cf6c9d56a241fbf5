"""Python and Lisp that call each other, as in nested evaluation, go as deep as memory allows; what goes deeper is a
Lisp error.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

from csl_native import LispError, Session
from csl_native.heap.vm import NESTED, VM
from csl_native.runtime.kernels import Unwinding

from .conftest import needs_native

ROWS = {
    "eval": "(cond ((zerop n) 0) (t (eval (list 'add1 (list 'f (sub1 n))))))",
    "apply of a symbol": "(cond ((zerop n) 0) (t (add1 (apply 'f (list (sub1 n))))))",
    "apply of a lambda": "(cond ((zerop n) 0) (t (apply '(lambda (x) (add1 (f (sub1 x)))) (list n))))",
    "errorset": "(cond ((zerop n) 0) (t (add1 (car (errorset (list 'f (sub1 n)) t nil)))))",
    "mapcar": "(cond ((zerop n) 0) (t (add1 (car (mapcar (list n) (function (lambda (x) (f (sub1 x)))))))))",
    "evaluated mapcar": "(cond ((zerop n) 0) (t (add1 (car (eval (list 'mapcar (list 'list n) "
                        "'(function (lambda (x) (f (sub1 x)))))))))))",
    "evaluated prog": "(cond ((zerop n) 0) (t (eval (list 'prog '(x) (list 'setq 'x n) "
                      "'(return (add1 (f (sub1 x))))))))",
    "evlis": "(cond ((zerop n) 0) (t (add1 (car (evlis (list (list 'f (sub1 n))))))))",
    "idapply": "(cond ((zerop n) 0) (t (add1 (idapply 'f (list (sub1 n))))))",
    "resource-limit": "(cond ((zerop n) 0) (t (add1 (car (resource!-limit (list 'f (sub1 n)) 60)))))",
    "macro": "(cond ((zerop n) 0) (t (add1 (eval (list 'g (sub1 n))))))",
    "python": "(cond ((zerop n) 0) (t (add1 (called (sub1 n)))))",
}
THREADS = ("resource-limit",)  # each level has a thread, of which systems have some hundreds


@pytest.fixture(scope="module")
def small() -> Iterator[Session]:
    with closing(Session(heap=64 << 20, output=open(os.devnull, "wb"))) as session:
        session.eval("(dm g (u) (list 'quote (f (cadr u))))")
        session.define("called", lambda n: session.call("f", n))
        yield session


def nested(session: Session, name: str, depth: int) -> None:
    before = sys.getrecursionlimit()
    session.eval(f"(de f (n) {ROWS[name]})")
    assert session.eval(f"(f {depth})") == depth
    assert sys.getrecursionlimit() == before


@needs_native
@pytest.mark.parametrize("name", ROWS)
def test_nested_evaluation(small: Session, name: str) -> None:
    nested(small, name, 50 if name in THREADS else 1000)


@needs_native
@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(ROWS) - set(THREADS)))
def test_deeply_nested_evaluation(small: Session, name: str) -> None:
    nested(small, name, 10000)


@needs_native
@pytest.mark.parametrize("form", ["(eval (list 'add1 (list 'f (add1 n))))", "(add1 (called (add1 n)))"])
def test_nesting_without_end_is_an_error(small: Session, form: str) -> None:
    before = sys.getrecursionlimit()
    small.eval(f"(de f (n) (setq deepest n) {form})")
    with pytest.raises(LispError, match="Stack overflow|Memory exhausted"):
        small.eval("(f 0)")
    assert small.eval("deepest") > 10000 and small.eval("(errorset '(f 0) nil nil)") == []
    assert sys.getrecursionlimit() == before


@needs_native
def test_python_s_own_recursion_ends_as_ever(small: Session) -> None:
    """However deep it was called, and a limit that it sets stays."""
    def endless(n: int) -> int:
        return endless(n + 1)
    small.define("endless", endless)
    small.eval("(de f (n) (cond ((zerop n) (endless 0)) (t (eval (list 'add1 (list 'f (sub1 n)))))))")
    for depth in (0, 1000):
        with pytest.raises(RecursionError):
            small.eval(f"(f {depth})")
    before = sys.getrecursionlimit()
    small.define("endless", sys.setrecursionlimit)
    try:
        small.eval("(de f (n) (cond ((zerop n) (endless 12345)) (t (eval (list 'list (list 'f (sub1 n)))))))")
        small.eval("(progn (f 100) nil)")
        assert sys.getrecursionlimit() == 12345
    finally:
        sys.setrecursionlimit(before)


@needs_native
def test_an_answer_that_does_not_come_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """C takes whatever lies in a register for the value of a function of Python's that fails."""
    with closing(Session(heap=64 << 20, output=open(os.devnull, "wb"))) as session:
        session.eval("(de f (x) (car x))")
        machine = session.machine
        good = machine.words[VM["callback"] >> 3]
        told: list[Any] = []
        monkeypatch.setattr(sys, "unraisablehook", told.append)
        bad = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, *[ctypes.c_int64] * 5)(lambda: 5)
        machine.words[VM["callback"] >> 3] = ctypes.cast(bad, ctypes.c_void_p).value
        function = machine.intern("f")
        with pytest.raises(Unwinding):
            machine.apply(function, [8])
        machine.words[VM["callback"] >> 3] = good
        assert told
        monkeypatch.setattr(machine, "host", lambda *request: 1 // 0)
        with pytest.raises(Unwinding):
            machine.apply(function, [8])


@pytest.mark.parametrize("engine", ["python", None])
def test_forms_mean_the_same_however_deep_they_are(engine: str | None) -> None:
    """What lies deeper in others than forms are evaluated is compiled: at that depth, just above and below it."""
    forms = ("'x", "(list 'x 'y)", "(cond (nil 1) (t 'x))", "(setq v 'x)", "(let ((a 'x)) a)", "(and t 'x)", "(or 'x)",
             "(progn 'x)", "((lambda (a) a) 'x)", "(prog (a) (setq a 'x) (return a))", "(function car)", "v",
             "(if t 'x)", "(errorset '(quote a b) nil nil)", "(quote)")
    with Session(engine=engine) as s:
        s.eval("(setq v 'x)")
        for form in forms:
            said = {str(s.eval(f"(errorset '{wrapped(form, depth)} nil nil)")) for depth in range(NESTED + 4)}
            assert len(said) == 1, form


def wrapped(form: str, depth: int) -> str:
    return "(progn " * depth + form + ")" * depth
