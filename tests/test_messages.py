"""What explains mistakes: a hint on standard error, beside the words of the original; in Python it is a part of the
exception.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from csl_native import LispError, Session
from csl_native.lisp.hints import distance, reach
from csl_native.lisp.registry import BUILTINS, TYPES, WANTED
from csl_native.tools import csl_image

Run = Callable[..., Any]

HINTS = [  # a form with a mistake, and what is said of it
    ("(progn (de f (x) x) (f))", "f: 1 argument expected, none given"),
    ("(f 1 2)", "f: 1 argument expected, 2 given"),
    ("(explode)", "explode: 1 argument expected, none given"),
    ("(car)", "car: 1 argument expected, none given"),
    ("(apply (function (lambda (a &optional b) a)) nil)", "1..2 arguments expected, none given"),
    ("(quotient 1 0)", "division by zero: (quotient 1 0)"),
    ("(remainder 7 0)", "division by zero: (remainder 7 0)"),
    ("(sqrt 'a)", "sqrt: a number expected, not the symbol a"),
    ("(plus 1 \"two\")", "plus: a number expected, not the string \"two\""),
    ("(add1 '(1))", "add1: a number expected, not the list (1)"),
    ("(concat \"a\" 1)", "concat: a symbol or a string expected, not 1"),
    ("(getv '(1) 0)", "getv: a vector expected, not the list (1)"),
    ("(getv (mkvect 3) 7)", "getv: index 7; the vector has 0..3"),
    ("(putv (mkvect 3) 'a 1)", "putv: an index expected, not the symbol a"),
    ("(symbol!-name 5)", "symbol-name: a symbol or a string expected, not 5"),
    ("(gethash 'a 5)", "gethash: a hash table expected, not 5"),
    ("(de 5 (x) x)", "de: a name expected, not 5"),
    ("(mapcar 'car '(1 2))", "mapcar takes the list first, and then the function: (mapcar LIST FUNCTION)"),
    ("(vm-registers)", "in a name, - is written !-: write vm!-registers"),
    ("(de my-fun (x-y) 1)", "de: this defines my; in a name, - is written !-: write my!-fun"),
    ("(defvar x 1)", "defvar is of other Lisps; here it is (fluid '(NAME)), and then (setq NAME VALUE)"),
    ("(while t 1)", "while is of other Lisps; here it is (prog"),
    ("(progn (first '(1)))", "first is of other Lisps; here it is (car L)"),
    ("(reverze '(1))", "reverze: did you mean reverse?"),
    ("(pritn 1)", "pritn: did you mean print?"),
    ("(de g (x x) x)", "de g: x stands twice among the parameters"),
    ("(de g (nil) 1)", "de g: nil is a constant and cannot be a parameter: every call is an error"),
    ("(progn (de evenp (x) 'mine) (remd 'evenp))", "evenp is a system function that compiled code has in line"),
    ("(native!-compile '(nosuch))", "nosuch: runs as bytecode [no-bytecode]"),
    ("(delete!-module 'nosuch)", "delete-module: no output library; start with -o FILE"),
    ("(faslout 'a)", "faslout: no output library; start with -o FILE"),
    ("(resource!-limit '(prog nil l (go l)) 0.05)", "time limit of 0.05 s reached"),
    ("(resource!-limit '(prog nil l (print 1) (go l)) 100 -1 1)", "output limit of 1 kilobytes reached"),
]
ERRORS = [  # of what is not the original's: all is in the message
    ("(define!-foreign 'c!-f \"libm.so.6\" \"cos\" 'double 'double)",
     "define-foreign: a list of argument types expected, not double"),
    ("(define!-foreign 'c!-f \"libm.so.6\" \"cos\" 'double '(double wurst))",
     "define-foreign: argument 2: no C type wurst; one of int8"),
    ("(define!-foreign 'c!-f \"libm.so.6\" \"cos\" '(a b) '(double))", "define-foreign: result: no C type (a b)"),
    ("(define!-module '(m (procedure p external (ret))))",
     "procedure p: (procedure NAME INTERFACE [external] item...) expected; the interface is missing"),
    ("(define!-module '(m (regster a word)))", "module: (regster a word): (type ...), (register ...)"),
    ("(progn (assemble \"func d 2 int\n div 1, -1, -2\n ret 1\") (d 1 0))", "div, mod: division by zero"),
]


def test_hints_on_the_command_line(csl: Run, tmp_path: Path) -> None:
    (tmp_path / "mistakes.lsp").write_text("\n".join(form for form, _ in HINTS) + "\n(foo 1)\n")
    done = csl("-q", "mistakes.lsp")
    said = [line.removeprefix("csl: ") for line in done.stderr.splitlines() if "the error is in" not in line]
    # none for foo: nothing is near to it
    assert [(row, line) for row, line in zip(HINTS, said, strict=True) if row[1] not in line] == []
    for text in ("csl:", "expected, not", "did you mean"):
        assert text not in done.stdout


def test_hints_are_in_the_exception(session: Session) -> None:
    for form, text in HINTS[5:12]:
        with pytest.raises(LispError) as caught:
            session.eval(form)
        assert str(caught.value).startswith("+++ Error") and text in str(caught.value)


def test_an_error_that_is_not_shown_has_no_hint(csl: Run) -> None:
    assert csl("-q", "-e", "(errorset '(quotient 1 0) nil nil)").stderr == ""


@pytest.mark.parametrize("form, text", ERRORS)
def test_messages_of_what_is_new_here(native: Session, form: str, text: str) -> None:
    with pytest.raises(LispError) as caught:
        native.eval(form)
    assert text in str(caught.value) and "Exception" not in str(caught.value)


def test_types_of_c_by_their_own_names(native: Session) -> None:
    native.eval("(define!-foreign 'c!-labs nil \"labs\" 'ulong '(ulong))")
    native.eval("(define!-foreign 'c!-abs nil \"abs\" 'uint '(short))")
    assert native.eval("(list (c!-labs 7) (c!-abs (minus 300)))") == [7, 300]


def test_every_type_of_a_parameter_has_words() -> None:
    assert {test for test in TYPES.values() if test is not None} == set(WANTED)


def test_every_refusal_says_what_was_expected(native: Session) -> None:
    """A function of the registry that refuses an argument by its type says which type it wants."""
    from csl_native import builtins
    builtins.load()
    m, silent, tried = native.machine, [], 0

    def body() -> None:
        nonlocal tried
        values = [m.integer(5), m.list([8]), m.string("s"), m.intern("a"), m.vector([8])]
        for row in BUILTINS.values():
            for value in values:
                arguments = [value] * max(row.least, 1)
                if row.bad(m, arguments) is not None:
                    tried += 1
                    if not row.refused(m, arguments)[0]:
                        silent.append((row.name, value))
    native.run(body)
    assert silent == [] and tried > 300


@pytest.mark.parametrize("a, b, steps", [("foo", "floor", 2), ("pritn", "print", 1), ("abc", "abc", 0), ("", "ab", 2),
                                         ("reverze", "reverse", 1)])
def test_distance(a: str, b: str, steps: int) -> None:
    assert distance(a, b, 9) == steps and distance(a, b, 1) == min(steps, 1)


def test_short_names_are_not_guessed() -> None:
    assert [reach(n) for n in (1, 2, 3, 5, 6, 12)] == [0, 0, 1, 1, 2, 3]


PYTHON = [
    (lambda s: s.eval(5), TypeError, "eval: text expected, not int"),
    (lambda s: s.call(5), TypeError, "call: the name of a function expected, not int"),
    (lambda s: s.function(None), TypeError, "function: the name of a function expected, not NoneType"),
    (lambda s: s.define("f", 5), TypeError, "define: a function expected, not int"),
    (lambda s: s.define(5, print), TypeError, "define: a name expected, not int"),
    (lambda s: s.native_compile("car"), TypeError, "native_compile: a list of names expected, not str"),
    (lambda s: Session(heap="1G"), TypeError, "heap: a number of bytes expected, not str"),
]


@pytest.mark.parametrize("call, kind, text", PYTHON)
def test_mistakes_in_python(native: Session, call: object, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        call(native)  # type: ignore[operator]


def test_a_report_that_cannot_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    from csl_native.saving.baseimage import base_image
    assert csl_image.main(["report", base_image(), "-o", "/nonexistent/a.html"]) == 2
    assert capsys.readouterr().err == "csl-image: /nonexistent/a.html: cannot be written (No such file or directory)\n"
