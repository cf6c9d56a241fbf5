"""Break levels: restarts, frames with arguments and variables, evaluation in a frame, levels inside of each other,
interrupts.
"""

from __future__ import annotations

import threading

import pytest

from csl_native import Session
from csl_native.app.breaks import Breaks
from csl_native.lisp.streams import Input

from .typing_in import typed

PROGRAM = ("(de f (a b) (prog (x) (setq x (plus a 1)) (return (list (g x b 3 4 5)))))",
           "(de g (p q r s z) (let ((w 7)) (list (h p) w)))", "(de h (k) (plus 1 (car k)))")


def told(text: str, *expected: str) -> None:
    """All of these are shown, one after the other."""
    at = 0
    for each in expected:
        assert (found := text.find(each, at)) >= 0, f"{each!r} is not shown behind {text[:at][-200:]!r} in\n{text}"
        at = found + len(each)


def test_frames_and_variables(session: Session) -> None:
    text = typed(session, *PROGRAM, "(f 1 2)", "k", ":up", "(setq q 99)", ":l", ":up", "(list a b x)", ":frame 9",
                 ":down", ":q", "'done")
    told(text, "attempt to take car of an atom: 2\n", "1  evaluate (f 1 2) again", "3  abort: back to the prompt",
         "* 0: (h 2)\n  1: (g 2 2 3 4 5)\n  2: (f 1 2)\n", "break 1> k\n\n2\n",
         "* 1: (g 2 2 3 4 5)\np = 2\nq = 2\nr = 3\ns = 4\nz = 5\nw = 7\n", "99", "q = 99", "(1 2 2)", "frames are 0..2",
         "(g 2 99 3 4 5)", "> 'done\n\ndone\n")
    assert "continuing" not in text


@pytest.mark.parametrize("form, restart, shown", [
    ("(f 1 2)", "2 'mine", "\nmine\n"),
    ("(list (nosuch 1) 2)", "1 'one", "\n(one 2)\n"),
    ("(plus 1 'a)", "1 41", "\n41\n"),
    ("(plus 1 'a)", "1 'b", "a number expected, not b"),
    ("(list unset!-one)", "2 5", "\n5\n"),
    ("(list (getv '(1) 0))", "2 7", "\n7\n"),
    ("(list (explode))", "1 nil", "\n(nil)\n"),
    ("(progn (error 1 \"no\"))", "1 3", "\n3\n"),
    ("(f 1 2)", "9", "restarts are 1..3"),
    ("(f 1 2)", "2", "value> "),
    ("(f 1 2)", "1", "back to the prompt")])
def test_restarts(native: Session, form: str, restart: str, shown: str) -> None:
    told(typed(native, *PROGRAM, form, restart), "break 1> " + restart, shown)


def test_levels_inside_of_each_other(session: Session) -> None:
    text = typed(session, *PROGRAM, "(f 1 2)", "(nosuch k)", "(nosuch 8)", "\x04", "3 55", "(list k)", "(nosuch 9)",
                 ":q", "'top", "(f 1 2)", "abort", "'again")
    told(text, "break 1> (nosuch k)", "4  abort: back to break level 1", "* 0: (h 2)\n  1: (g 2 2 3 4 5)\n",
         "break 2> (nosuch 8)", "break 3> ", "break 2> 3 55", "\n55\n",
         "break 1> (list k)\n\n(2)\n", "break 2> :q\n> 'top\n\ntop\n", "> 'again\n\nagain\n")
    assert session.lisp.breaks is None and session.lisp.errors.opens is None


def test_again_after_the_definition_was_mended(session: Session) -> None:
    told(typed(session, *PROGRAM, "(f 1 2)", "(de h (k) (plus 1 k))", "1"), "evaluate (f 1 2) again",
         "break 1> 1\n\n((3 7))\n")


def test_bindings_are_those_of_the_place_of_the_error(session: Session) -> None:
    text = typed(session, "(fluid '(depth))", "(setq depth 0)",
                 "(de deeper (n) (let ((depth (add1 depth))) (cond ((zerop n) (car n)) "
                 "(t (list (deeper (sub1 n)))))))", "(deeper 2)", "depth", ":q", "depth")
    told(text, "break 1> depth\n\n3\n", "> depth\n\n0\n")


def test_who_catches_errors_opens_nothing(native: Session) -> None:
    text = typed(native, "(errorset '(car 5) t t)", "(list (errorset '(errorset '(car 5) t t) nil nil))",
                 "(setq !*break nil)", "(car 6)", "(setq !*break t)", "(car 7)")
    assert text.count("break") == text.count("*break") + 1 and "continuing after error" in text


def test_room_that_is_used_up_opens_nothing(native: Session) -> None:
    text = typed(native, "(de down (n) (list (down (add1 n))))", "(down 1)", "'on")
    told(text, "Stack overflow", "> 'on\n\non\n")
    assert "break" not in text


def test_native_code_names_its_functions(native: Session) -> None:
    native.eval("(progn " + " ".join(PROGRAM) + ")")
    native.native_compile(["g", "h"])
    text = typed(native, "(de outer (n) (list (f n 2)))", "(outer 1)", ":frame 0", "k", ":q", ":q")
    told(text, "g ...)  its variables are not known", "(outer 1)", "unset variable: k")


def test_an_interrupted_program_goes_on(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("csl_native.app.breaks.PATIENCE", 30.0)
    timer = threading.Timer(0.5, session.machine.interrupt)
    timer.start()
    text = typed(session, "(setq go!-on t)",
                 "(de run (n) (prog nil more (cond (go!-on (setq n (add1 n)) (go more))) (return 'ended)))", "(run 0)",
                 "(greaterp n 5)", "(setq go!-on nil)", "1")
    timer.join()
    told(text, "+++ Interrupted", "1  go on", "* 0: (run ", "break 1> (greaterp n 5)\n\nt\n", "break 1> 1\n\nended\n")


def test_an_error_in_a_file_that_is_loaded(native: Session, tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "a.lsp").write_text("(setq before 1)\n(car 5)\n(setq behind 2)\n")
    text = typed(native, f"(load \"{tmp_path}/a.lsp\")", "before", ":q", "(boundp 'behind)")
    told(text, "a.lsp, before the end of line 2\n", "break 1> before\n\n1\n", "> (boundp 'behind)\n\nnil\n")


def test_only_a_terminal_has_them(csl) -> None:  # type: ignore[no-untyped-def]
    for options in ((), ("--modern",), ("-q",)):
        assert "break" not in csl(*options, text="(car 5)\n'on\n").stdout


def test_where_frames_are_is_what_the_kernel_says(native: Session) -> None:
    """The frames that are found, and those that the kernel tells of when an error leaves them."""
    lisp, seen, left = native.lisp, list[list[tuple[str, list[int]]]](), list[tuple[str, list[int]]]()

    class Looks(Breaks):
        def converse(self, restarts: object) -> int:
            m = self.m
            seen.append([(each.name, m.words[each.fp >> 3:(each.fp >> 3) + each.code.most + each.code.rest].tolist())
                         for each in self.activations[-1]])
            m.cage["tracing"] = 1
            lisp.errors.inside = lambda env, fp: left.append(  # type: ignore[method-assign]
                (self.m.text(lisp.lisp_of_env(env) or 0), lisp.errors.arguments(env, fp)))
            raise lisp.errors.signal()

    def body() -> None:
        lisp.breaks = looks = Looks(lisp)
        with native.machine.scope():
            native.lisp.load_stream(Input(text="""
                (de a (n l) (cond ((zerop n) (list (c 1 2 3 4 5 l))) (t (list (b (sub1 n) l)))))
                (de b (n &optional l) (prog (y) (setq y (cons n l)) (return (list (apply 'a (list n y))))))
                (de c (p q r s u v) (let ((w p)) (cons w (d w q r))))
                (de d (x &rest y) (list (e (car y))))
                (de e (x) (plus x (mapcar (list 1 x) (function (lambda (z) (car z))))))"""))
            form = native.lisp.reader.read(Input(text="(a 4 nil)"))
            looks.evaluate(form, lisp.standard_input)
    native.run(body)
    found, = seen
    assert [name for name, _ in left if name] and found == left
