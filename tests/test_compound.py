"""Ratios and complex numbers: arithmetic, comparison, tables, images, modules, Python's numbers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from csl_native import Session, restore

VALUES = [
    ("(list (!/ 1 3) (!/ -2) (!/ 750 140) (!/ -114 -83) (!/ 6 3) (!/ 1 (!/ 1 3)))", "(1/3 -1/2 75/14 114/83 2 3)"),
    ("(list (plus (!/ 1 3) (!/ 2 3)) (plus (!/ 1 3) 2 0.5) (difference 1 (!/ 1 3)) (times (!/ 1 3) 6) (quotient "
     "(!/ 1 2) (!/ 1 3)))",
     "(1 2.83333 2/3 2 3/2)"),
    ("(list (add1 (!/ 1 2)) (sub1 (!/ 1 2)) (minus (!/ 1 2)) (abs (!/ -1 2)) (numerator (!/ 2 -4)) (denominator "
     "(!/ 2 -4)))",
     "(3/2 -1/2 -1/2 1/2 -1 2)"),
    ("(list (lessp (!/ 1 3) 0.5) (greaterp (!/ 1 3) 0.3333333333333333) (leq (!/ 1 2) 0.5) (max (!/ 1 2) (!/ 2 3) "
     "0.1) (min 3 (!/ 1 2)))",
     "(t t t 2/3 1/2)"),
    ("(list (equal (!/ 1 2) (!/ 2 4)) (eql (!/ 1 2) (!/ 2 4)) (eqn (!/ 1 2) (!/ 2 4)) (eqn 0.5 (!/ 1 2)) (!= 0.5 "
     "(!/ 1 2)) (!/!= 1 (!/ 1 2)))",
     "(t t t nil t t)"),
    ("(list (numberp (!/ 1 2)) (rationalp (!/ 1 2)) (fixp (!/ 1 2)) (minusp (!/ -1 2)) (plusp (!/ 1 2)) (zerop "
     "(!/ 1 2)) (onep (!/ 1 2)))",
     "(t t nil t t nil nil)"),
    ("(list (float (!/ 1 3)) (float (!/ (expt 10 400) 3)) (float (!/ (expt 10 400) (expt 10 399))) (float (!/ -1 "
     "(expt 10 400))))",
     "(0.333333 inf 10.0 -0.0)"),
    ("(list (fix (!/ -7 2)) (floor (!/ -7 2)) (ceiling (!/ 7 2)) (round (!/ 7 2)) (truncate (!/ 7 2) (!/ 1 3)))",
     "(-3 -4 4 4 10)"),
    ("(list (sqrt (!/ 1 4)) (sin (!/ 1 2)) (signum (!/ -1 2)) (expt (!/ 2 3) 3) (expt (!/ 2 3) -3) (expt (!/ 1 4) "
     "0.5))",
     "(0.5 0.479426 -1 8/27 27/8 0.5)"),
    ("(list (rational 2.5) (rational 4.0) (rationalize 0.1) (rationalize -100.25) (rationalize 123456789.125) "
     "(rationalize 0.0))",
     "(5/2 4 1/10 -401/4 987654313/8 0)"),
    ("(list (complex -1 4) (plus (complex 1 2) (complex 3 -2)) (times (complex 1 2) (complex 3 4)) (quotient "
     "(complex 1 2) (complex 3 4)))",
     "(#C(-1 4) 4 #C(-5 10) #C(11/25 2/25))"),
    ("(list (abs (complex 3 4)) (minus (complex 1 2)) (conjugate (complex 4 11)) (realpart (complex 9 12)) "
     "(imagpart (complex 9 12)) (phase (complex 0 1)))",
     "(5.0 #C(-1 -2) #C(4 -11) 9 12 1.5708)"),
    ("(list (complexp (complex 1 2)) (complexp 1) (numberp (complex 1 2)) (complex 1 2.5) (difference (complex 1 "
     "2) (!/ 1 2)))",
     "(t nil t #C(1.0 2.5) #C(1/2 2))"),
    ("(list (cis 0.5) (sqrt (complex 0 2)) (exp (complex 0.0 1.0)) (log (complex 1 1)) (asin (complex 1 2)))",
     "(#C(0.877583 0.479426) #C(1.0 1.0) #C(0.540302 0.841471) #C(0.346574 0.785398) #C(0.427079 1.52857))"),
    ("(list (expt -8.0 0.5) (expt -0.5 10.0) (expt -1.868 1.5) (expt (complex 0 1) 2) (expt (complex 1 2) -1) "
     "(expt -2.0 3))",
     "(#C(-0.0 2.82843) #C(0.000976562 0.0) #C(0.0 -2.55309) -1 #C(1/5 -2/5) -8.0)"),
    ("(prog (h) (setq h (mkhash 10 2 1.5)) (puthash (!/ 1 2) h 'half) (puthash (complex 1 2.5) h 'c) (return "
     "(list (gethash (!/ 2 4) h) (gethash (complex 1 2.5) h))))",
     "(half c)"),
    ("(list (sort (list (!/ 1 2) 3 0.1 (!/ -1 2)) 'lessp) (orderp (!/ 1 2) 3) (orderp 3 (!/ 1 2)))",
     "((-1/2 0.1 1/2 3) nil t)"),
]
MESSAGES = [
    ("(remainder (!/ 1 2) 3)", "+++ Error: bad arg for remainder 1/2 3"), ("(plus (!/ 1 2) 'a)",
     "+++ Error: bad arg for plus 1/2 a"),
    ("(lessp (complex 1 2) 3)", "+++ Error: bad arg for lessp #C(1 2) 3"), ("(quotient (!/ 1 2) 0)",
     "+++ Error: bad arg for quotient 1 0"),
    ("(land (!/ 1 2) 1)", "+++ Error: bad arg for logand 1/2 1"),
    ("(realpart 'a)", "+++ Error: bad arg for realpart a"),
    ("(ratio!* 1 'a)", "+++ Error: bad arg for ratio a"), ("(complex!* 1 (complex 1 2))",
     "+++ Error: bad arg for complex #C(1 2)"),
]


@pytest.fixture(scope="module")
def session() -> Iterator[Session]:
    with Session(output=open(os.devnull, "wb")) as session:
        yield session


@pytest.mark.parametrize("engine", [None, "python"])
def test_values(engine: str | None) -> None:
    with Session(engine=engine, output=open(os.devnull, "wb")) as session:
        for form, expected in VALUES:
            assert session.eval(f"(list2string (explode {form}))") == expected, form


@pytest.mark.parametrize(("form", "message"), MESSAGES)
def test_messages(session: Session, form: str, message: str) -> None:
    with pytest.raises(Exception, match=r".") as caught:
        session.eval(form)
    assert str(caught.value).split("\n")[0] == message


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(-10**30, 10**30), st.integers(1, 10**25), st.integers(-10**12, 10**12), st.integers(1, 10**9))
def test_arithmetic_is_pythons(session: Session, a: int, b: int, c: int, d: int) -> None:
    x, y = Fraction(a, b), Fraction(c, d)
    for name, expected in (("plus2", x + y), ("difference2", x - y), ("times2", x * y), ("lessp", x < y),
                           ("eqn", x == y)):
        assert (session.function(name)(x, y) or False) == expected
    assert session.function("float")(x) == float(x)


def test_they_are_kept_and_collected(session: Session, tmp_path: Path) -> None:
    session.eval("(setq kept (list (!/ 1 (expt 10 30)) (complex (!/ 1 2) (expt 10 30)))) "
                 "(dotimes (i 100) (list (!/ i 7) (complex i 1.5))) (reclaim)")
    session.preserve(tmp_path / "x.img")
    for each in (session, restore(tmp_path / "x.img")):
        assert each.eval("(list2string (explode kept))") == f"(1/{10**30} #C(1/2 {10**30}))"


def test_they_are_pythons_numbers(session: Session) -> None:
    assert session.eval("(list (!/ 1 3) (complex 1 2))") == [Fraction(1, 3), 1 + 2j]
    assert session.function("plus2")(Fraction(1, 3), Fraction(2, 3)) == 1
    assert session.function("times2")(1j, 1j) == -1


def test_modules_have_them(tmp_path: Path) -> None:
    with Session(output=open(os.devnull, "wb"), output_library=tmp_path / "l.img") as session:
        session.eval("(dm zzhalf (u) (list 'quote (list (!/ 1 2) (complex 1 2))))")
        session.eval("(faslout 'zzm)")
        session.eval("(de zzf () (zzhalf))")
        session.eval("(faslend)")
        session.eval("(load!-module 'zzm)")
        assert session.eval("(list2string (explode (zzf)))") == "(1/2 #C(1 2))"
