"""Nothing is read or written through a tag that was not checked, and constants are not assigned, by any way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from csl_native.instructions.codec import Code, encode
from csl_native.instructions.proof import prove
from csl_native.instructions.table import CodeError
from csl_native.lisp.registry import BUILTINS, declared
from csl_native.machine import WrongType
from csl_native.session import LispError, Session

ERRORS = (
    "(setprop (expt 2 100) 0)", "(set!-plist \"abcdefghijkl\" 'x)", "(set!-plist 60001 12345)", "(symbol!-env (expt 2 70))", "(psetq -1 5)",
    "(psetq nil 5)", "(psetq t 5)", "(setq t 5)", "(set nil 5)", "(makeunbound nil)", "(makeunbound t)", "(makeunbound 12)", "(prog (t) (return t))",
    "((lambda (nil) nil) 1)", "(let ((t 5)) t)", "(copyd 12 'car)", "(unfluid '(12))", "(unglobal '((a)))", "(setenv 1 2)", "(system 12)",
    "(concat 12 (expt 2 70))", "(datelessp 1 2)", "(vector2list 12)", "(sleep 'a)", "(utf8!-encode 'a)", "(fluid '(12))",
)


def test_a_wrong_type_is_an_error_of_the_program(session: Session) -> None:
    session.eval("(setq big (expt 2 100))")
    for form in ERRORS:
        with pytest.raises(LispError) as caught:
            session.eval(form)
        assert "0x" not in str(caught.value) and "internal" not in str(caught.value), form
    assert session.eval("(list nil (equal t (not nil)) (equal big (expt 2 100)))") == [[], True, True]


def test_accessors_look_at_the_tag(session: Session) -> None:
    m = session.lisp.machine
    symbol, text, pair = m.intern("a"), m.string("a"), m.cons(0, 0)
    for function in (m.flags, m.value, lambda x: m.set_value(x, 0)):
        for x in (text, pair, 8, m.float(1.0)):
            with pytest.raises(WrongType):
                function(x)
    for function in (m.number, m.double, m.car, m.string_bytes, m.vector_items):
        with pytest.raises(WrongType):
            function(symbol)
    for function in (m.raw, m.header):
        with pytest.raises(WrongType):
            function(pair)
    for name in ("nil", "t"):
        with pytest.raises(WrongType, match="a variable was expected"):
            m.set_value(m.intern(name), 0)


def test_a_declaration_is_a_test() -> None:
    assert [place for place, _ in BUILTINS["setprop"].types] == [0]
    with pytest.raises(KeyError):
        declared(_unknown)


def _unknown(lisp: Any, x: Unheard) -> int:  # type: ignore[name-defined]  # noqa: F821
    return 0


def test_bytecode_that_assigns_a_constant_is_refused() -> None:
    for name in ("set_value", "bind"):
        code = encode("nil") + encode(name, 1) + encode("return")
        prove(Code(0, 0, False, 0, 2, code), 2, {1}, {1})
        with pytest.raises(CodeError, match="which is a constant"):
            prove(Code(0, 0, False, 0, 2, code), 2, {1}, set())


def test_the_command_line_assigns_no_constant(csl: Callable[..., Any]) -> None:
    for arguments in (("-D", "nil=5"), ("-u", "nil"), ("-D", "t=5")):
        found = csl(*arguments, text="(print (car '(a)))\n")
        assert found.returncode != 0 and "is a constant" in found.stderr + found.stdout, arguments
