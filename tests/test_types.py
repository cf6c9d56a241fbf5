"""Nothing is read or written through a tag that was not checked, and constants are not assigned, by any way."""

from __future__ import annotations

import ast
import math
import re
import subprocess
from collections.abc import Callable
from typing import Any

import pytest

from csl_native import LispError, Session
from csl_native.builtins import load
from csl_native.instructions.codec import Code, encode
from csl_native.instructions.proof import prove
from csl_native.instructions.table import CodeError
from csl_native.lisp.registry import BUILTINS, Fixnum, Value, declared
from csl_native.runtime.machine import WrongType

from .conftest import CSL, ROOT

ERRORS = (
    "(setprop (expt 2 100) 0)", "(set!-plist \"abcdefghijkl\" 'x)", "(set!-plist 60001 12345)",
    "(symbol!-env (expt 2 70))", "(psetq -1 5)", "(psetq nil 5)", "(psetq t 5)", "(setq t 5)", "(set nil 5)",
    "(makeunbound nil)", "(makeunbound t)", "(makeunbound 12)", "(prog (t) (return t))", "((lambda (nil) nil) 1)",
    "(let ((t 5)) t)", "(copyd 12 'car)", "(setenv 1 2)", "(system 12)", "(concat 12 (expt 2 70))", "(datelessp 1 2)",
    "(vector2list 12)", "(sleep 'a)", "(utf8!-encode 'a)", "(fluid '(12))", "(tyo (expt 7 500))", "(write!-byte 'a)",
    "(superprinm '(a) 'b)", "(mkhash 'a 1 1.5)", "(breakpoint 'f 'g)",
    # What Python's library says of arguments that it cannot take is not what is printed.
    "(utf8!-decode 'plus)", "(utf8!-decode '(300))", "(logb -1.0 2)",
    "(ash 1 (expt 7 500))", "(define!-function nil)", "(defmacro nil 1)", "(concat \"a\" 'b 3)",
    "(progn (setq c (list 1 2)) (rplaca c c) (rplacd (cdr c) c) (bad!-go c))",
    "(progn (setq c (list 1 2)) (rplaca c c) (rplacd (cdr c) c) (eval (list 'upbv c nil)))",
    "(putv32 (mkvect32 2) 0 (quotient 1.0 0.0))", "(native!-compile '(car) 'no!-machine)",
)
PYTHONIC = re.compile(r"\b0x|internal|(range|domain) error|codec|chr\(\)|too many digits|too large to convert")


def test_a_wrong_type_is_an_error_of_the_program(session: Session) -> None:
    session.eval("(setq big (expt 2 100))")
    for form in ERRORS:
        with pytest.raises(LispError) as caught:
            session.eval(form)
        assert PYTHONIC.search(str(caught.value)) is None, form
    assert session.eval("(list nil (equal t (not nil)) (equal big (expt 2 100)))") == [[], True, True]


def test_huge_integers_are_infinite_for_functions_of_floats(session: Session) -> None:
    assert (session.eval("(list (atan2 (expt 7 5000) 1) (hypot (minus (expt 7 5000)) 1) (expt 2.0 (expt 7 5000)))") == [
        math.pi / 2, math.inf, math.inf])
    assert session.eval("(fgetv64 (progn (setq v (mkfvect64 1)) (fputv64 v 0 (minus (expt 7 5000))) v) 0)") == -math.inf


def test_any_code_point_is_written(csl: Callable[..., Any]) -> None:
    """Surrogates, which are no characters of UTF-8, too; what was printed before is not lost."""
    found = subprocess.run([*CSL, "-q", "-e", "(prin2 'before)", "-e", "(progn (tyo 55296) (tyo 56448) (tyo 233))"],
                           capture_output=True, check=False)
    assert (found.returncode, found.stdout) == (0, b"before\xed\xa0\x80\x80\xc3\xa9")


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
        with pytest.raises(WrongType, match="variable expected"):
            m.set_value(m.intern(name), 0)


def test_a_declaration_is_a_test() -> None:
    load()
    assert [place for place, _ in BUILTINS["setprop"].types] == [0]
    assert BUILTINS["concat"].rest is not None
    assert len(declared(_typed)[0]) == 1
    for function in (_unknown, _undeclared, _bare):
        with pytest.raises(TypeError, match="parameter x is annotated"):
            declared(function)


def _typed(lisp: Any, x: Fixnum, y: Value) -> int:
    return 0


def _unknown(lisp: Any, x: Unheard) -> int:  # type: ignore[name-defined]  # noqa: F821
    return 0


def _undeclared(lisp: Any, x: int) -> int:
    return 0


def _bare(lisp: Any, x) -> int:  # type: ignore[no-untyped-def]
    return 0


# Methods that look into a value and refuse one of another type: what is given to them is not just any value.
ACCESSORS = frozenset("car cdr text field set_field flags number double vector_items vector_length string_bytes raw "
                      "header to_number to_double "
                      "value set_value".split())


def careless(text: str) -> list[str]:
    """Parameters of builtins that are declared as any value and used as one of a type, and those that nobody looks at
    though the declaration says that the function does."""
    found = []
    for f in (n for n in ast.walk(ast.parse(text)) if isinstance(n, ast.FunctionDef)):
        if not any(isinstance(d, ast.Call) and isinstance(d.func, ast.Name) and d.func.id == "builtin"
                   for d in f.decorator_list):
            continue
        parameters = [*f.args.args[1:], *([f.args.vararg] if f.args.vararg else [])]
        kinds = {a.arg: ast.unparse(a.annotation) for a in parameters if a.annotation is not None}
        nodes = list(ast.walk(f))
        calls = [n for n in nodes if isinstance(n, ast.Call)]
        looked = {m.id for n in nodes if isinstance(n, ast.BinOp) and isinstance(n.op, ast.BitAnd)
                  for m in ast.walk(n.left) if isinstance(m, ast.Name)}
        looked |= {a.id for n in nodes if isinstance(n, ast.Compare)
                   for a in [n.left, *n.comparators] if isinstance(a, ast.Name)}
        looked |= {a.id for n in calls if isinstance(n.func, ast.Attribute) and n.func.attr.startswith("is_")
                   for a in n.args if isinstance(a, ast.Name)}
        given = {m.id for n in calls for a in n.args for m in ast.walk(a) if isinstance(m, ast.Name)}
        given |= {m.id for n in nodes if isinstance(n, ast.For) for m in ast.walk(n.iter) if isinstance(m, ast.Name)}
        used = {m.id for n in nodes if isinstance(n, ast.BinOp) and isinstance(n.op, (ast.RShift, ast.Add, ast.Sub))
                for m in (n.left, n.right)
                if isinstance(m, ast.Name)}
        used |= {a.id for n in calls if isinstance(n.func, ast.Attribute) and n.func.attr in ACCESSORS
                 and not ast.unparse(n.func).endswith("printer.text") for a in n.args[:1] if isinstance(a, ast.Name)}
        found += [f"{f.name}: {name} is used as one of a type"
                  for name, kind in kinds.items() if kind == "Value" and name in used - looked]
        found += [f"{f.name}: nobody looks at {name}"
                  for name, kind in kinds.items() if kind == "Checked" and name not in looked | given]
    return found


def test_any_value_is_any_value() -> None:
    for path in sorted((ROOT / "csl_native" / "lisp" / "builtins").glob("*.py")):
        assert careless(path.read_text(encoding="utf-8")) == [], path.name
    mutant = ('@builtin("tyo", 1)\ndef tyo(lisp: Lisp, n: Value) -> int:\n    lisp.output.write(chr(n >> 3))\n'
              '    return n\n')
    assert (careless(mutant) == ["tyo: n is used as one of a type"]
            and careless(mutant.replace("n: Value", "n: Fixnum")) == [])
    assert careless(mutant.replace("n >> 3", "lisp.machine.number(n)")) == ["tyo: n is used as one of a type"]
    assert (careless('@builtin("f", 1)\ndef f(lisp: Lisp, n: Checked) -> int:\n    return n\n') == [
        "f: nobody looks at n"])


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
