"""nil, t and keywords are never assigned or bound, by any way, interpreted or compiled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from csl_native import LispError, Session
from csl_native.heap.objects import F_FLUID

CONSTANTS = ("nil", "t", "kconst")
# X is the constant; each form is evaluated, compiled as the body of a function, and defined with ``*comp`` set.
WAYS = (
    "(set 'X 5)", "(setq X 5)", "(setq y 1 X 5)", "(psetq X 5)", "(psetq y 1 X 5)", "(makeunbound 'X)", "(unset 'X)",
    "(set (car '(X)) 5)", "(let ((X 5)) X)", "(let (X) X)", "(let* ((y 1) (X y)) X)", "((lambda (X) X) 5)",
    "((lambda (&optional X) X) 5)", "((lambda (&rest X) X) 5)", "(prog (X) (return X))",
    "(prog (y X) (setq X 5) (return X))", "(progn (de fx (X) X) (fx 5))", "(progn (dm mx (X) X) (mx 5))",
    "(progn (defun fx (y &optional X) X) (fx 1 5))", "(mapcar '(1 2) (function (lambda (X) X)))",
    "(mapc '(1) '(lambda (X) X))", "(apply '(lambda (X) X) '(5))", "(funcall (function (lambda (X) X)) 5)",
    "(do ((X 1 2)) (t X))", "(dotimes (X 3) X)", "(dolist (X '(1 2)) X)", "(foreach X in '(1 2) do X)",
    "(for X 1 2 1 X)", "(progn (fluid '(X)) (let ((X 5)) X))", "(progn (fluid '(X)) ((lambda (X) (eval 'X)) 5))",
    "(progn (global '(X)) (setq X 5))", "(progn (unglobal '(X)) (setq X 5))", "(progn (unfluid '(X)) "
                                                                              "(prog (X) (setq X 5)))",
    "(progn (unglobal '(X)) (fluid '(X)) (let ((X 5)) X))", "(progn (unmake!-global 'X) (make!-special 'X) "
                                                            "(prog (X) (setq X 5)))",
    "(symbol!-set!-env 'X (mkvect 2))", "(putv (symbol!-env 'X) 0 5)", "(rplaca 'X 5)", "(rplacd 'X 5)",
    "(putv 'X 0 5)", "(eval (list 'setq 'X 5))", "(apply 'set '(X 5))", "(deflist '((X 5)) 'set)", "(input!-case 'X)",
    "(errorset '(setq X 5) nil nil)", "(catch 'X (setq X 5))", "(eval '(setq X (setq X 5)))", "(setq X (list X))",
    "(incf X)", "(push 5 X)", "(setf X 5)", "(setf (symbol!-value 'X) 5)",
)

@pytest.fixture(scope="module", params=[{"engine": "threaded"}, {"jit": (0, -1)}], ids=["bytecode", "stencils"])
def lisp(request: pytest.FixtureRequest) -> Iterator[Session]:
    with open("/dev/null", "wb") as out, closing(Session(heap=64 << 20, output=out, **request.param)) as session:
        yield session


def words(session: Session, name: str) -> tuple[int | None, int]:
    symbol = session.machine.intern(name)
    return session.machine.value(symbol), session.machine.flags(symbol) & F_FLUID


@pytest.mark.parametrize("name", CONSTANTS)
def test_a_constant_keeps_its_value(lisp: Session, name: str) -> None:
    lisp.eval("(keyword '(kconst))")
    before = words(lisp, name)
    for way in WAYS:
        if name == "kconst" and "(un" in way:
            continue  # it is no keyword any more then
        text = way.replace("X", name)
        for form in (text, f"(progn (setq !*comp nil) (de cx nil {text}) (cx))",
                     f"(progn (setq !*comp t) (de cx nil {text}) (cx))"):
            try:
                lisp.eval(form)
            except LispError:
                pass
            lisp.eval("(setq !*comp nil)")
            assert words(lisp, name) == before, form
    assert lisp.eval("(list nil (eq t (not nil)) (car (cons 1 nil)))") == [[], True, 1]
