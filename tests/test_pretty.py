"""Pretty-printing and the printing of what is shared."""

from __future__ import annotations

import pytest

from csl_native import Session
from csl_native.lisp.reader import Input

FORM = ("(de power (b n) (cond ((zerop n) 1) ((evenp n) (power (times b b) (quotient n 2))) "
        "(t (times b (power b (sub1 n))))))")
LOOP = "(prog (k) (setq k 0) l (cond ((eqn k 3) (return 'done))) (setq k (add1 k)) (go l))"


@pytest.fixture(scope="module")
def session() -> Session:
    return Session()


def shown(session: Session, form: str, width: int = 80) -> str:
    """What a form prints on lines of some width."""
    session.eval(f"(linelength {width})")
    try:
        before = session.lisp.output.written
        session.eval(form)
        return session.lisp.output.since(before)
    finally:
        session.eval("(linelength 80)")


@pytest.mark.parametrize(("form", "width", "lines"), [
    (f"(prettyprint '{FORM})", 40, """\
(de power (b n)
  (cond
    ((zerop n) 1)
    ((evenp n)
      (power
        (times b b)
        (quotient n 2)))
    (t (times b (power b (sub1 n)))) ))
"""),
    (f"(prettyprint '{LOOP})", 50, """\
(prog (k)
  (setq k 0)
l (cond ((eqn k 3) (return 'done)))
  (setq k (add1 k))
  (go l))
"""),
    ("(prettyprint '(one two three four five six seven eight nine ten))", 30, """\
(one two three four five six
  seven eight nine ten)
"""),
    ("(prettyprint '(setq names '((first . 1) (second . 2) (third . 3))))", 40, """\
(setq names
  '((first . 1)
     (second . 2)
     (third . 3)))
"""),
    ("(superprintm '(f (g (h (i (j x))))) 4)", 80, "    (f (g (h (i (j x)))) )\n"),
    ("(progn (prin2 \"a longer text\") (tprettyprint '(x . y)))", 80, "a longer text\n(x . y)\n"),
    ("(prettyprint '(é \"ß\"))", 80, "(!é \"ß\")\n"),
    ("(progn (setq xs (list 1 2)) (printl (list xs xs)))", 80, "(#1=(1 2) #1#)\n"),
    ("(progn (setq xs (list 1 2)) (rplacd (cdr xs) xs) (princl xs) nil)", 80, "#1=(1 2 . #1#)"),
    ("(printl (list (mkvect 1) \"t\"))", 80, "(%(...) \"t\")\n"),
    ("(printl '(a (b c d) e (f g)))", 12, "(a (b c d) e\n (f g))\n"),
])
def test_lines_of_forms(session: Session, form: str, width: int, lines: str) -> None:
    assert shown(session, form, width) == lines


@pytest.mark.parametrize(("setting", "form", "lines"), [
    ("*print-length* 2", "(printl '(1 2 3 4))", "(1 2 3 ...)\n"),
    ("*print-level* 1", "(printl '(1 (2 (3))))", "(1 (# #))\n"),
    ("*print-array* t", "(printl (vector 1 2))", "%(1 2)\n"),
    ("*quotes nil", "(prettyprint ''a)", "(quote a)\n"),
    ("*pretty-symmetric nil", "(prettyprint '(\"a\" !B))", "(a B)\n"),
    ("thin* 3", "(progn (linelength 25) (prettyprint '(alpha beta gamma delta epsilon)))",
     "(alpha beta gamma delta\n  epsilon)\n"),
])
def test_variables_of_printing(session: Session, setting: str, form: str, lines: str) -> None:
    name, value = setting.split()
    m = session.machine
    old = m.value(m.intern(name))
    m.set_value(m.intern(name), session.lisp.reader.read(Input(text=value)))
    try:
        assert shown(session, form) == lines
    finally:
        m.set_value(m.intern(name), old if old is not None else 0)


def test_a_line_must_have_room(session: Session) -> None:
    session.eval("(linelength 20)")
    try:
        with pytest.raises(Exception, match="Linelength too short"):
            session.eval("(prettyprint '(a b))")
    finally:
        session.eval("(linelength 80)")


def test_deep_forms_are_laid_out(session: Session) -> None:
    session.eval("(progn (setq d 'x) (dotimes (i 3000) (setq d (list d))) (prettyprint d))")


def test_a_circular_form_ends_at_the_limit_of_output(session: Session) -> None:
    """Lines are written as they are full: what has no end takes no memory for its text."""
    before = session.lisp.output.written
    session.eval("(progn (setq c (list 1 2)) (rplacd (cdr c) c) nil)")
    assert session.eval("(resource!-limit '(prettyprint c) 20 -1 50)") == []
    assert session.lisp.output.written - before > 50 << 10
