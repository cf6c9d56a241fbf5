"""Symbols that nobody uses are collected, and those that somebody uses are not."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from csl_native import Session, restore
from csl_native.kernel.memory import ROOT_OBCOUNT, ROOT_OBLIST

from .conftest import needs_native

FILL = """
(de fill (n) (prog (i) (setq i 0)
   lp (cond ((equal i n) (return i)))
   (intern (list2string (append (explode2 i) '(110 97 109 101)))) (setq i (add1 i)) (go lp)))
(de fill!-compress (n) (dotimes (i n) (compress (append '(n a m e) (explode i)))))
(de fill!-read (n) (dotimes (i n) (read!-from!-string (concat "name" (list2string (explode2 i))))))
(de fill!-implode (n) (dotimes (i n) (implode (append '(n m) (explode i)))))
"""
WAYS = ("fill", "fill!-compress", "fill!-read", "fill!-implode")


def session(engine: str | None, heap: int = 64, **options: Any) -> Session:
    given = {} if engine is None else {"engine": engine}
    s = Session(heap=heap << 20, output=open(os.devnull, "wb"), **given, **options)
    s.eval("(de read!-from!-string (s) (compress (explode2 s)))")
    for form in FILL.strip().split("\n(de"):
        s.eval(form if form.startswith("(de") else "(de" + form)
    return s


def symbols(s: Session) -> int:
    """How many symbols there are; their table is as it must be."""
    m = s.machine

    def look() -> int:
        found = m.interned()
        assert len(found) == len(set(map(m.text, found))) == m.root(ROOT_OBCOUNT) >> 3
        assert all(map(m.is_interned, found))
        places = m.vector_length(m.root(ROOT_OBLIST))
        assert places == 4096 or places < 4 * len(found)
        return len(found)
    s.eval("(reclaim)")
    return int(s.run(look))


@pytest.mark.parametrize("way", WAYS)
@needs_native
def test_names_that_nobody_keeps_go(way: str) -> None:
    with session(None) as s:
        s.eval(f"({way} 10)")
        before = symbols(s)
        s.eval(f"({way} 6000)")
        assert symbols(s) <= before + 20  # a word of a stack may keep some


@pytest.mark.parametrize(("engine", "count"), [
    ("python", 150),
    *(pytest.param(engine, 1_000_000, marks=[pytest.mark.slow, pytest.mark.exhaustive, needs_native])
      for engine in ("calls", "registers", "threaded", "switch", None)),
    pytest.param("python", 20_000, marks=[pytest.mark.slow, pytest.mark.exhaustive])])
def test_names_under_a_small_heap(engine: str | None, count: int) -> None:
    with session(engine, 64) as s:
        before = symbols(s)
        assert s.eval(f"(fill {count})") == count
        assert symbols(s) <= before + 20


# What keeps a symbol whose name is a secret: (what is done with it, what gives it back).
KEEPERS = [
    ("(put s 'p 5)", "(get (intern n) 'p)", 5),
    ("(flag (list s) 'q)", "(flagp (intern n) 'q)", True),
    ("(set s 7)", "(eval (intern n))", 7),
    ("(fluid (list s))", "(fluidp (intern n))", True),
    ("(global (list s))", "(globalp (intern n))", True),
    ("(putd s 'expr '(lambda (x) x))", "(apply (intern n) '(8))", 8),
    ("(putd s 'macro '(lambda (x) 9))", "(eval (list (intern n)))", 9),
    ("(setq k (list 1 s))", "(eq (cadr k) (intern n))", True),
    ("(putv (setq k (mkvect 3)) 2 s)", "(eq (getv k 2) (intern n))", True),
    ("(puthash s (setq h (mkhash 10 0 1.5)) 11)", "(gethash (intern n) h)", 11),
    ("(puthash (list s) (setq h (mkhash 10 2 1.5)) 12)", "(gethash (list (intern n)) h)", 12),
    ("(eval (list 'de 'literal nil (list 'quote s)))", "(eq (literal) (intern n))", True),
    ("(eval (list 'de 'caller nil (list s)))", "(progn (putd (intern n) 'expr '(lambda () 13)) (caller))", 13),
    ("(put 'somebody 'friend s)", "(eq (get 'somebody 'friend) (intern n))", True),
    ("(setq c (let ((x s)) (function (lambda () s))))", "(eq s (intern n))", True),
]


@pytest.mark.parametrize("engine", [pytest.param(None, marks=needs_native), "python"])
@pytest.mark.parametrize("stress", [0, 1])
def test_what_is_used_stays(engine: str | None, stress: int) -> None:
    if engine == "python" and stress:
        pytest.skip("a collection of CPython's takes a tenth of a second")
    with session(engine, gc_stress=stress) as s:
        s.eval("(fluid '(s n k h c))")
        for number, (keep, ask, value) in enumerate(KEEPERS):
            s.eval(f"(progn (setq n (list2string (append '(113) (explode2 {number})))) (setq s (intern n)) {keep} "
                   f"{'' if 'eq s ' in ask else '(setq s nil)'} (list 1 2))")
            s.eval("(progn (setq i 0) (reclaim) (intern \"another\") (list 3 4))")
            assert s.eval(ask) == value, keep


@needs_native
def test_python_s_handles_keep_symbols() -> None:
    with session(None) as s:
        box = s.eval("(list2vector (list (intern \"kept!-by!-python\") 1))")
        f = s.function("not-defined-yet")
        s.eval("(reclaim)")
        s.variables["box"] = box
        assert s.eval("(eq (getv box 0) (intern \"kept!-by!-python\"))") is True
        s.eval("(de not!-defined!-yet (x) (list x))")
        assert f(3) == [3]
        s.variables["x"] = 5
        assert s.variables["x"] == s.eval("x") == 5
        assert "nobody-read-this" not in s.variables


@needs_native
def test_what_runs_keeps_what_it_refers_to() -> None:
    """Symbols on the Lisp stack, in a catch, in what is bound, and in what is being read and mapped."""
    with session(None, gc_stress=3) as s:
        assert s.eval("((lambda (x) (progn (reclaim) (fill 20) (eq x (intern \"on!-the!-stack\"))))"
                      " (intern \"on!-the!-stack\"))") is True
        assert s.eval("(catch (intern \"tag1\") (progn (reclaim) (fill 20) (throw (intern \"tag1\") 5)))") == 5
        assert s.eval("(mapcar (list (intern \"m1\") (intern \"m2\")) "
                      "(function (lambda (x) (progn (reclaim) x))))") == ["m1", "m2"]
        assert s.eval("(prog (n) (setq n 0) (mapobl (function (lambda (x) (setq n (add1 n))))) "
                      "(return (greaterp n 500)))") is True


@needs_native
def test_images_have_what_is_used_and_the_same_bytes(tmp_path: Path) -> None:
    """However often a program was collected, and whatever it read besides."""
    heaps = []
    for number, before in enumerate(("nil", "(fill 30)", "(progn (fill 5000) (reclaim) (fill 4000) (reclaim))")):
        with session(None) as s:
            s.eval(before)
            s.eval("(progn (setq a!-list '(some names (that are) quoted)) (put 'owner 'thing \"t\") nil)")
            s.eval(before)
            s.preserve(tmp_path / f"{number}.img")
        from csl_native.image.container import Image
        heaps.append(Image(tmp_path / f"{number}.img").read("heap"))
    assert heaps[0] == heaps[1] == heaps[2]
    with restore(tmp_path / "2.img") as s:
        assert s.eval("(list a!-list (get 'owner 'thing))") == [["some", "names", ["that", "are"], "quoted"], "t"]
        assert symbols(s) < 4096
        assert s.eval("(eq (car a!-list) 'some)") is True
