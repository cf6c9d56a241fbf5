"""What the original's Lisp has, beyond the corpus: every name a big program needs, errors as people need them, limits.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from csl_native import LispError, Session
from csl_native.session.values import Symbol

from .conftest import ROOT, needs_native

Run = Callable[..., Any]

TRACE = """(de h (x) (car x)) (de g (x y) (plus 1 (h x))) (de f (x) (cons (g x 5) 1))
           (de deep (n) (cond ((zerop n) (f 9)) (t (plus 1 (deep (sub1 n))))))"""


@pytest.mark.parametrize("options", [(), ("--jit", "0"), ("--engine", "python"), ("--engine", "calls"),
                                     ("--engine", "switch")], ids=" ".join)
def test_back_traces(csl: Run, options: tuple[str, ...]) -> None:
    done = csl("-q", *options, text=TRACE + "(errorset '(f 3) t t) (errorset '(f 3) t 'values) (errorset '(f 3) t nil) "
                                            "(errorset '(deep 100) t t)")
    error = "\n+++ Error attempt to take car of an atom: {}\n"
    assert done.stdout == (error.format(3) + "Inside: h\nInside: g\nInside: f\n"
                           + error.format(3) + "Inside: h\nArg1: 3\nInside: g\nArg1: 3\nArg2: 5\nInside: f\nArg1: 3\n"
                           + error.format(3) + error.format(9) + "Inside: h\nInside: g\nInside: f\n"
                           + 37 * "Inside: deep\n" + "... and 63 more\n")


@needs_native
def test_back_traces_of_optimised_code(csl: Run) -> None:
    done = csl("-q", "--jit", "0,0",
               text="(de h (x) (prog (n) (setq n 0) l (setq n (add1 n)) (cond ((lessp n 9) (go l))) (return (car x))))"
                                          "(de f (x) (cons (h x) 1)) (errorset '(f 3) t t) (errorset '(f 3) t t)")
    assert done.stdout.count("Inside: ") >= 2 and "Inside: f\n" in done.stdout


def test_back_trace_at_the_top_level(csl: Run) -> None:
    assert csl("-q", "-g", text=TRACE + "(f 5)").stdout.endswith("Inside: h\nInside: g\nInside: f\n")
    assert "Inside" not in csl("-q", text=TRACE + "(f 5)").stdout


@pytest.mark.parametrize("options", [(), ("--engine", "python")], ids=["native", "python"])
def test_functions_that_run(csl: Run, options: tuple[str, ...]) -> None:
    done = csl("-q", *options, text="(de k (x) (backtrace) (list x)) (de l (x) (car (k x))) (l 4)")
    assert done.stdout == "Inside: k\nInside: l\n"


def test_nearest_names_and_places(csl: Run, tmp_path: Path) -> None:
    (tmp_path / "a.lsp").write_text("% one\n(setq counter 1)\n\n% more\n(print\n  (plus counterr 1))\n"
                                    "(list (reverze '(1)))\n(load \"b.lsp\")\n")
    (tmp_path / "b.lsp").write_text("(setq x 1)\n\n(car\n 5)\n")
    done = csl("-q", "a.lsp")
    assert done.stdout == ("\n+++ Error unset variable: counterr\n\n+++ Error undefined function (1 arg): reverze\n"
                           "\n+++ Error attempt to take car of an atom: 5\n")
    assert done.stderr == ("csl: counterr: did you mean counter?\ncsl: the error is in a.lsp, line 5\n"
                           "csl: reverze: did you mean reverse?\n"
                           "csl: the error is in a.lsp, line 7\ncsl: the error is in b.lsp, line 3\n"
                           "csl: the error is in a.lsp, line 8\n")


def test_the_nearest_name_for_python(session: Session) -> None:
    with pytest.raises(LispError, match="did you mean reverse"):
        session.eval("(reverze '(1))")


def test_limits(session: Session) -> None:
    session.eval("(de busy (n) (prog (x) l (setq x (list n n)) (go l)))")
    assert session.eval("(resource!-limit '(plus 1 2) 10 10 10 10)") == [3]
    assert session.eval("(list (resource!-limit '(busy 1) 1 -1) (greaterp (car !*resources!*) 0))") == [[], True]
    assert session.eval("(resource!-limit '(errorset '(busy 1) t nil) 100 5)") == []
    assert session.eval("(resource!-limit '(resource!-limit '(busy 1) 100 -1) 100 5)") == []
    assert session.eval("(errorset '(resource!-limit '(error 5 6) 100 5) nil nil)") == 5
    assert session.eval("(plus 1 2)") == 3


def test_units_of_limits(session: Session) -> None:
    """As in the original: seconds, million pairs, kilobytes and errors; what was used, with the time in milliseconds.
    """
    session.eval("(de pairs (n) (dotimes (i n) (cons i i)))")
    assert session.eval("(resource!-limit '(progn (pairs 3000000) 'done) 100 4)") == [Symbol("done")]
    assert session.eval("(cadr !*resources!*)") in (2, 3)
    assert session.eval("(resource!-limit '(progn (pairs 3000000) 'done) 100 2)") == []
    assert session.eval("(resource!-limit '(dotimes (i 9) (errorset '(error1) nil nil)) 100 -1 -1 12)") == [[]]
    assert session.eval("(list (greaterp 5000 (car !*resources!*)) (cadddr !*resources!*))") == [True, 9]


def test_what_is_looked_at_is_echoed(csl: Run) -> None:
    """Behind a number, a name or a string the next character is read, and so echoed, with it; it is not echoed again.
    """
    text = ("(progn (setq !*echo t) (setq a (read)) (prin2 '!<) (setq b (readch)) (prin2 '!>) "
            "(setq c (list (peekch) (readch) (read))) (setq !*echo nil))")
    done = csl("-q", text=f"{text}12 x (3)\n(print (list a b c))\n")
    assert done.stdout == "12 <>x (3)(12 !  (x x (3)))\n"


def test_assignment_inside_of_lambda_expressions(session: Session) -> None:
    """A variable that a lambda expression assigns is shared with what is around it, while that runs."""
    session.eval("""(de each (f l) (cond (l (progn (apply f (list (car l))) (each f (cdr l))))))
                    (de sum (l) (prog (s) (setq s 0) (each (function (lambda (x) (setq s (plus s x)))) l) (return s)))
                    (de count2 (l n) (each (function (lambda (x) (setq n (add1 n)))) l) n)
                    (de table (h) (prog (s) (setq s 0) (maphash (function (lambda (k v) (setq s (plus s v)))) h)
                      (return s)))""")
    assert session.eval("(list (sum '(1 2 3)) (count2 '(1 2 3) 10))") == [6, 13]
    assert (session.eval("(prog (h) (setq h (mkhash 5 0 1.5)) (puthash 'a h 1) (puthash 'b h 2) "
                         "(return (table h)))") == 3)


def test_what_macros_mention_and_assign_in_lambda_expressions(session: Session) -> None:
    """The text of a lambda expression need not show the variables around it that it uses."""
    session.eval("""(dm add (u) (list 'setq (caddr u) (list 'cons (cadr u) (caddr u)))) (dm this (u) 'n)
                    (de each (l g) (dolist (x l) (funcall g x)))
                    (de adds (l) (let ((r nil)) (each l (function (lambda (x) (add x r)))) r))
                    (de add2 (l) (prog (r) (each l (function (lambda (x) (each x (function (lambda (y) (add y r)))))))
                      (return r)))
                    (de both (l) (let ((s 0) (p 1)) (each l (function (lambda (x) (psetq s (plus s x) p (times p x)))))
                      (list s p)))
                    (de take (n) (function (lambda (x) (function (lambda (y) (list (this) x y))))))
                    (de later (l) (prog (r) (each l (function (lambda (x) (add x r))))
                      (return (mapcar r (function (lambda (x) (list x (length r))))))))""")
    assert (session.eval("(list (adds '(1 2)) (add2 '((1 2) (3))) (both '(1 2 3)) (later '(4 5)))") == [
        [2, 1], [3, 2, 1], [6, 6], [[5, 2], [4, 2]]])
    assert session.eval("(funcall (funcall (take 1) 2) 3)") == [1, 2, 3]


def test_local_functions(session: Session) -> None:
    assert session.eval("(flet ((f (x) (plus x 1)) (g (x y) (list x y))) (g (f 5) (f 6)))") == [6, 7]
    session.eval("(de f (x) 'outer) (de use (n) (flet ((f (x) (plus x n))) "
                 "(list (f 1) (flet ((f (y) (times y 2))) (f 4)) (f 2))))")
    assert session.eval("(list (use 10) (eq (f 1) 'outer))") == [[11, 8, 12], True]


def test_fexprs(session: Session) -> None:
    """A fexpr is given what stands behind its name, evaluated nowhere, whether the call is evaluated or compiled."""
    session.eval("(df show (u) (cons 'show u))")
    session.eval("(putd 'put!-show 'fexpr '(lambda (u) (list (length u) u)))")
    session.eval("(de use (n) (list (show x n) (put!-show (plus n 1) . n)))")
    names = [session.eval(f"'{name}") for name in ("show", "x", "n", "plus")]
    show, x, n, plus = names
    assert session.eval("(show x n)") == [show, x, n]
    assert session.eval("(car (use 3))") == [show, x, n]
    assert session.eval("(caadr (use 3))") == 1 and session.eval("(car (cadr (cadr (use 3))))") == [plus, n, 1]
    assert (session.eval("(car (getd 'show))") == session.eval("'fexpr") == session.eval(
        "(progn (copyd 'other 'show) (car (getd 'other)))"))
    assert (session.eval("(other n)") == [show, n] and session.eval("(show)") == [show]
            and session.eval("(apply 'show '((1 2)))") == [show, 1, 2])
    assert (session.eval("(progn (de show (a) (list a)) (list (car (getd 'show))))") == [session.eval("'expr")]
            and session.eval("(show 5)") == [5])


def test_definitions_from_parts(session: Session) -> None:
    session.eval("(de one (x) (cons x 'end)) (symbol!-set!-definition 'two 'one)")
    assert session.eval("(eq (cdr (two 1)) 'end)") is True
    session.eval(
        """(setq env (symbol!-env 'one)) (setq code (getv env 0)) (setq copy (make!-bps (add1 (bps!-upbv code))))
                    (prog (i) (setq i 0) l (bpsputv copy i (bpsgetv code i))
                      (cond ((lessp i (bps!-upbv code)) (setq i (add1 i)) (go l))))
                    (symbol!-set!-definition 'three (cons 1 (cons copy env)))""")
    assert session.eval("(car (three 9))") == 9
    session.eval("(bpsputv copy 0 0)")  # a copy of it is the function
    assert session.eval("(car (three 9))") == 9
    with pytest.raises(LispError, match="cannot run"):
        session.eval("(symbol!-set!-definition 'four (cons 1 (cons (make!-bps 40) nil)))")


def test_counts_of_calls(csl: Run) -> None:
    done = csl("-q", "--jit", "100000",
               text="(de f (n) (cond ((zerop n) 0) (t (add1 (f (sub1 n)))))) (f 1000) (print (car (mapstore 3)))"
                                             "(print (atsoc 'f (mapstore 2))) (print (atsoc 'f (mapstore 2)))")
    assert done.stdout == "(f . 1001)\n(f . 1001)\nnil\n"


def test_names_of_portable_standard_lisp(csl: Run, tmp_path: Path) -> None:
    (tmp_path / "x.txt").write_text("ab\nrest of it\n")
    text = """(setq h (open "x.txt" 'input)) (print (list (channelreadchar h) (channelreadline h) (channelreadline h)
                (channelreadchar h)))
              (print (list (implode '(a b)) (eq (implode '(a b)) 'ab) (implode '(1 2)) (input!-case 'raise)
                (input!-case 'lower)))
              (print (list (cdr (cadr (assoc 'size (filestatus "x.txt" nil)))) (filestatus "no" nil)
                (delete!-wildcard "*.txt") (filep "x.txt")))
              (print (bldmsg "%w and %p, %d" "a" "b" 5)) (break) (print 'inside) continue (print 'after)"""
    done = csl("-q", text=text)
    assert done.stdout == ('(97 "b" "rest of it" 26)\n(ab t 12 lower raise)\n(14 nil t nil)\n"a and ""b"", 5"\n'
                           "break> inside\ninside\nbreak> after\n"), done.stderr




@needs_native
def test_every_name_that_a_big_program_needs(native: Session) -> None:
    lisp = native.lisp
    names = (ROOT / "tests" / "corpus" / "names.txt").read_text().split()
    known = {s for s in map(lisp.machine.intern, names) if lisp.is_defined(s) or s in lisp.compiler.special
             or s in lisp.quick}
    assert len(names) == 412 and [name for name in names if lisp.machine.intern(name) not in known] == []


def test_c_functions_by_name(session: Session) -> None:
    session.eval("(setq m (open!-foreign!-library \"libm.so.6\")) (setq c (open!-foreign!-library \"libc.so.6\"))")
    assert session.eval("(call!-foreign!-function (find!-foreign!-function \"cos\" m) 0.0 'double)") == 1.0
    assert session.eval("(call!-foreign!-function (find!-foreign!-function \"labs\" c) -5)") == 5
    assert session.eval("(call!-foreign!-function (find!-foreign!-function \"strlen\" c) \"abc\" 'int32)") == 3
    assert (session.eval("(list (open!-foreign!-library \"no-such.so\") (find!-foreign!-function \"no!-such\" m))") == [
        [], []])
    with pytest.raises(LispError, match="an integer, float or string expected"):
        session.eval("(call!-foreign!-function (find!-foreign!-function \"labs\" c) '(1))")


REMEMBERED = """
(setq c (list 1 2))
(setq f (list 'lambda '(x) (list 'cons 'x (list 'quote c))))
(setq l (list 'let (list (list 'y 1)) 'y))
(de again (n) (prog (v) top (cond ((zerop n) (return v))) (setq v (list (apply f '(0)) (eval l))) (setq n (sub1 n))
  (go top)))
(de seen (f l) (list (errorset (list 'apply (mkquote f) ''(0)) nil nil) (errorset l nil nil)))
"""


@pytest.mark.parametrize("change", [
    "nil", "(rplaca c 3)", "(rplaca (cdr (caddr f)) 2)", "(rplaca (cddr f) '(add1 x))",
    "(rplaca (cdr (caddr (caddr f))) '(3))", "(progn (fluid '(x)) (de g () x) (rplaca (cddr f) '(g)))", "(fluid '(y))",
    "(rplaca (cdaadr l) 7)", "(rplaca l 'list)", "(putd 'cons 'macro '(lambda (u) ''m))",
    "(putd 'let 'expr '(lambda (a b) 'own))", "(putd 'cons 'fexpr '(lambda (u) u))",
])
def test_what_was_evaluated_before_is_seen_to_be_another_form(change: str) -> None:
    """Whatever is changed of a form that was compiled to be evaluated, it does what a copy does that nobody has seen
    before.
    """
    lisp = Session()
    lisp.eval(REMEMBERED)
    lisp.eval("(again 5)")
    remembered = lisp.lisp.remembered
    assert len(remembered.forms) == 2
    lisp.eval(f"(errorset '{change} nil nil)")
    assert lisp.eval("(equal (seen f l) (seen (copy f) (copy l)))") is True, (lisp.eval("(seen f l)"),
                                                                              lisp.eval("(seen (copy f) (copy l))"))
    lisp.eval("(progn (reclaim) (reclaim))")
    assert remembered.forms == {}, "what is not evaluated is not kept"
