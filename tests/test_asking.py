"""What somebody asks at the prompt: describe, apropos, documentation, inspect, time, disassemble, help."""

from __future__ import annotations

import sys

import pytest

from csl_native import Session

from .test_breaks import told
from .typing_in import typed


def test_names_are_described(native: Session) -> None:
    text = typed(native, "(de area (w &optional h) \"Of a rectangle.\" (times w (or h w)))",
                 "(put 'area 'unit 'metres)", "(describe 'area)",
                 "(documentation 'area)", "(fluid '(speed))", "(setq speed 3)", "(describe 'speed)",
                 "(describe 'nosuch!-name)", "(documentation 'cdr)", "(describe '(1 (2) . 3))", "(help)")
    told(text, "(area w &optional h)  function\n  Of a rectangle.\n", "property unit: metres", "\"Of a rectangle.\"",
         "speed = 3\ndeclared fluid\n", "nosuch!-name has no function and no value", "\"",
         "a list: (1 (2) . 3)\n  0 1\n  1 (2)\n  2 rest 3\n", "?NAME")


def test_names_are_looked_for(native: Session) -> None:
    told(typed(native, "(apropos \"hashtag\")", "(apropos 'zzz)"), "hashtagged!-name", "no name has zzz in it")


def test_values_are_inspected(native: Session) -> None:
    text = typed(native, "(setq ring (list 1))", "(rplacd ring ring)", "(inspect (list 1 (mkvect 1) ring))", "1", "u",
                 "2", "20", "99", "q", "'next")
    told(text, "inspect> 1\na vector of 2: [nil nil]\n  0 nil\n  1 nil\n", "inspect> u\na list: (1 [nil nil]",
         "inspect> 20\n", "inspect> 99\nNUMBER goes", "inspect> q\n", "> 'next\n\nnext\n")


def test_what_a_form_takes_is_told(native: Session) -> None:
    text = typed(native, "(time (length '(1 2)))", "(list (time (plus 1 2)))", "(fixp (time))",
                 "(de time (x) (list x))", "(time 5)")
    told(text, " s of the processor, ", " MB allocated\n\n2\n", "\n(3)\n", "\nt\n", "> (time 5)\n\n(5)\n")


@pytest.mark.parametrize("there", [True, False])
def test_code_is_shown_side_by_side(native: Session, monkeypatch: pytest.MonkeyPatch, there: bool) -> None:
    if not there:
        monkeypatch.setitem(sys.modules, "capstone", None)
    else:
        pytest.importorskip("capstone")
    native.eval("(de twice (x) (plus x x))")
    assert "no native code" in typed(native, "(disassemble 'twice)")
    native.native_compile(["twice"])
    text = typed(native, "(disassemble 'twice)", "(disassemble 'car)")
    told(text, "local 0", "" if there else "capstone", "return", "a function with bytecode expected car")


def test_a_program_may_define_these_names(csl) -> None:  # type: ignore[no-untyped-def]
    assert "redefined" not in csl("-", text="(de describe (x) (list x))\n(de help () 1)\n").stdout
    assert "redefined" in csl("-", text="(de mapcar (x) (list x))\n").stdout


@pytest.mark.parametrize("form, shown", [
    ("(progn (setq ring (list 1 2)) (rplacd (cdr ring) ring) ring)", "(1 2 ...)"),
    ("(progn (setq v (mkvect 1)) (putv v 0 v) (list v v))", "([... nil] [... nil])"),
    
    ("(progn (setq x (list 3)) (list x x))", "((3) (3))"), ("'(1 (2 . 3) . 4)", "(1 (2 . 3) . 4)"),
    ("(mkvect 0)", "[nil]"),
    ("(car (list nil))", "nil")])
def test_values_at_the_prompt(native: Session, form: str, shown: str) -> None:
    told(typed(native, form), f"\n\n{shown}\n")


def test_limits_of_what_is_printed(native: Session) -> None:
    text = typed(native, "(setq !*print!-length!* 3)", "(setq !*print!-level!* 2)", "'(1 2 3 4 5)", "'(1 (2 (3 (4))))",
                 "(car 5)", "'(1 2 3 4)", ":q", "(print '(1 2 3 4 5))",
                 "(setq !*print!-length!* nil)", "'(1 2 3 4 5)")
    told(text, "\n(1 2 3 ...)\n", "\n(1 (2 ...))\n", "break 1> '(1 2 3 4)\n\n(1 2 3 ...)\n", "\n(1 2 3 4 5)\n",
         "\n(1 2 3 4 5)\n")
