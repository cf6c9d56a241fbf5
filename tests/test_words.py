"""What the command line says of definitions, modules and errors, as the original does: one start of the program a test.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

Run = Callable[..., Any]

DEFINITIONS = """(de f (x) (car x)) (de f (x) (list x 1)) (de cube (x) (times x x x)) (de two (x y) (plus x y))
(de third (x) (car (cddr x)))
(de same (x) x) (de later (x) (not!-here x)) (setq !*pwrds nil) (de quiet (x) (cons x x)) (setq !*pwrds t)
(setq !*comp nil) (de plain (x) (cons x 1)) (setq !*redefmsg nil) (de plain (x) (cons x 2)) (compile '(plain))
(setq !*comp t)
(setq !*savedef t) (de kept (x) (cons x 3)) (get 'kept '!*savedef) (getd 'kept) (de lost nil (prog nil (go away)))
(lost)"""
SAID = """Fast-loading "csl.img(compiler)"
+++ f compiled as link to car
+++ f redefined
+++ f compiled, N + N bytes
+++ cube compiled, N + N bytes
+++ two compiled as link to plus2
+++ third compiled as link to caddr
+++ same compiled, N + N bytes
+++ later compiled as link to not-here
+++ plain compiled, N + N bytes
+++ kept compiled, N + N bytes
(lambda (x) (cons x 3))
(expr . kept!#code)
+++++ label away not set
+++ lost compiled, N + N bytes"""


def said(text: str) -> str:
    """The lines of a transcript that are no values of definitions."""
    lines = (re.sub(r"^(> )+|\d+(?= \+ )|(?<= \+ )\d+", lambda match: "" if match[0][0] == ">" else "N", line)
             for line in text.splitlines())
    return "\n".join(line
                     for line in lines if line.startswith(("+++", "Fast", "(lambda", "(expr", "Inside", "Arg",
                                                           "Evaluating", "Calling")) or "=>" in line)


def test_definitions(csl: Run) -> None:
    assert said(csl("-", text=DEFINITIONS).stdout) == SAID
    assert csl("-q", text=DEFINITIONS).stdout == "+++ Error: go (label not found) away\n"
    assert "+++ f" not in csl("--modern", "-", text="(de f (x) (car x))").stdout


@pytest.mark.parametrize("options,form,lines", [
    ((), "(k 5)", ["Inside: h", "Arg1: 5", "Inside: k", "Arg1: 5"]),
    ((), "(print (k 5))", ["Inside: h", "Arg1: 5", "Inside: k", "Arg1: 5", "Evaluating: (k 5)"]),
    ((), "(list 1 (list (car 5) 2))", ["Evaluating: (car 5)", "Evaluating: (list (car 5) 2)"]),
    ((), "(errorset '(list (k 5)) t nil)", []),
    ((), "(errorset '(k 5) t t)", ["Inside: h", "Arg1: 5", "Inside: k", "Arg1: 5"]),
    ((), "(link 5)", []),
    ((), "(plain 5)", []),
    (("-g",), "(plain 5)", ["Inside: plain", "Arg1: 5"]),
    ((), "(fluid '(nil))", ["Inside: fluid", "Arg1: (nil)"]),
    (("--modern",), "(k 5)", []),
])
def test_errors_show_what_they_leave(csl: Run, options: tuple[str, ...], form: str, lines: list[str]) -> None:
    definitions = """(de link (x) (car x)) (de h (x) (list 1 (car x))) (de k (x) (list 2 (h x)))
                     (setq !*comp nil) (de plain (x) (list (car x))) (setq !*comp t)"""
    shown = said(csl(*options, "-", text=definitions + form).stdout).splitlines()
    assert [line for line in shown if line.startswith(("Inside", "Arg", "Evaluating"))] == lines


def test_tracing(csl: Run) -> None:
    done = csl("-q", text="""(de f (x) (cond ((zerop x) 0) (t (add1 (f (sub1 x)))))) (de g (x) (setq x (cons x 1)) x)
        (trace '(f)) (f 1) (untrace '(f)) (f 1) (traceset '(g)) (g 2) (untraceset '(g)) (g 3) (trace '(nothing))
        (print (getd 'g))""")
    assert done.stdout.splitlines() == [
        "Calling f from system!-startup", "Arg1: 1", "Calling f from f", "Arg1: 0", "f => 0", "f => 1",
        "Calling g from system!-startup", "Arg1: 2", "g:  x := (2 . 1)", "g => (2 . 1)",
        "+++ nothing not yet defined, was this a mistake?", "(expr lambda (x) (setq x (cons x 1)) x)"]


@pytest.mark.parametrize("form,value", [
    ("(prog (v) (setq v (mkevect 3)) (eputv v 1 'a) (return "
     "(list (egetv v 1) (egetv v 0) (eupbv v) (evectorp v) v)))", "(a nil 3 t #<evector>)"),
    ("(prog (v) (setq v (mkevect 3)) (eputv v 3 (list 1)) (reclaim) (return (egetv v 3)))", "(1)"),
    ("(list (evectorp '[1]) (eupbv '[1 2]) (egetv '[1 2] 1) (eupbv 5))", "(nil 1 2 nil)"),
    ("(mod 'a 0)", "+++ Error: Bad arg for mod a"), ("(mod 2.5 0)", "+++ Error: bad arg for remainder 2.5 0"),
    ("(mod 7 0)", "+++ Error: bad arg for mod 7 0"),
    ("(progn (set!-small!-modulus 7) (modular!-plus -1152921504606846976 1))",
     "+++ Error: modular-plus -1152921504606846976"),
    ("(progn (set!-small!-modulus 7) (modular!-minus -1152921504606846976))",
     "+++ Error: modular-minus -1152921504606846976"),
    ("(egetv (mkevect 3) 4)", "+++ Error: egetv 4"), ("(egetv 'a 0)", "+++ Error: egetv a"),
    ("(mkevect -1)", "+++ Error: mkevect -1"),
    ("(mkxvect 0)", "+++ Error: mkxvect 0"), ("(complex 'a 2)", "+++ Error: complex a"),
    ("(list (complex 5) (complex 2.5 0))", "(5 #C(2.5 0.0))"),
    ("(progv '(pa pb) '(1) (list pa pb))", "(1 nil)"), ("(list (progv '(pa) '(1) pa) (boundp 'pa))", "(1 nil)"),
    ("(list (setq pa 5) (errorset '(progv '(pa) '(1) (car pa)) nil nil) pa)", "(5 nil 5)"),
    ("(prog (h) (setq h (mkhashset 1)) (sethashset 'a h) (sethashset 'b h) (resethashset 'b h) "
     "(return (list (gethashset 'a h) (hashsetcontents h))))",
     "(t (a))"),
    ("(list (ffloor 7 2) (fround 7 4) (ftruncate -7 2))", "(3.0 2.0 -3.0)"),
    ("(list (floatp (time!*)) (fixp (walltime)) (batchp) (symbol!-package 'car))", "(t t t nil)"),
    ("(list (symbol!-function 'car) (funcall (symbol!-function 'car) '(1)) "
     "(codep (symbol!-function 'car)))", "(car!#code 1 t)"),
])
def test_functions_of_the_original(lisp_in: Callable[[str], str], form: str, value: str) -> None:
    assert lisp_in(form) == value


@pytest.fixture(scope="module")
def lisp_in() -> Callable[[str], str]:
    """What a form prints as, or the message of its error."""
    from csl_native import LispError, Session
    session = Session()

    def show(form: str) -> str:
        try:
            return str(session.eval(f"(list!-to!-string (mapcar (explode {form}) 'char!-code))"))
        except LispError as error:
            return str(error).strip().splitlines()[0]
    return show


def test_unread_characters(csl: Run) -> None:
    assert csl("-q",
               text="(progn (readch) (setq c (readch)) (unreadch c) (print (list c (readch))))\na").stdout == "(a a)\n"


def test_an_option_without_its_value(csl: Run) -> None:
    done = csl("-e", text="(plus 1 2)")
    assert done.returncode == 0 and "needs a value, and is ignored" in done.stderr and "3" in done.stdout
    assert csl("--gc-trigger", "10", "-e", "1").stdout.startswith("GC trigger set to 10\n1 => 1\n")
