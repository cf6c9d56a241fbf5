"""Depth and size of definitions: compiled however deep or long they are, or an error of Lisp at once."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from csl_native import LispError, Session
from csl_native.engines.record import engines
from csl_native.lisp.streams import Input

from .conftest import needs_native

DEEP = 3000
# Forms inside of each other: what stands before and behind the innermost one, which is x; and the value where x is 5.
NESTED = {
    "call": ("(add1 ", ")", DEEP + 5), "function": ("(same ", ")", 5), "arguments": ("(last!-of 1 2 3 4 ", ")", 5),
    "cond": ("(cond ((null x) 1) (t ", "))", 5), "if": ("(if x ", " 1)", 5), "when": ("(when t ", ")", 5),
    "progn": ("(progn 1 ", ")", 5), "not": ("(not ", ")", True), "setq": ("(setq y ", ")", 5),
    "plus": ("(plus 1 2 ", ")", 3 * DEEP + 5), "macro": ("(mac ", ")", 5), "list": ("(list 1 ", ")", None),
    "quote": ("(quote ", ")", None), "apostrophe": ("'", "", None), "closure": ("(function (lambda (y) ", "))", None),
    "return": ("(return ", ")", 5),
}


@pytest.fixture(scope="module")
def session() -> Any:
    s = Session()
    s.eval("(progn (de same (x) x) (de last!-of (a b c d e) e) (dm mac (u) (list 'progn (cadr u))))")
    yield s
    s.close()


def nested(name: str, depth: int) -> str:
    before, after, _ = NESTED[name]
    text = before * depth + "x" + after * depth
    return f"(prog nil {text})" if name == "return" else text


@pytest.mark.parametrize("name", NESTED)
@pytest.mark.parametrize("comp", ["nil", "t"])
def test_deep_definitions_are_compiled(session: Session, name: str, comp: str) -> None:
    session.eval(f"(progn (setq *comp {comp}) (de deep (x) {nested(name, DEEP)}) (setq *comp nil) (setq r (deep 5)) "
                 "1)".replace("*", "!*"))
    assert NESTED[name][2] is None or session.eval("r") == NESTED[name][2]


@pytest.mark.parametrize("name", NESTED)
def test_deep_forms_are_evaluated(session: Session, name: str) -> None:
    session.eval(f"(progn (setq x 5) (setq r {nested(name, DEEP)}) 1)")
    assert NESTED[name][2] is None or session.eval("r") == NESTED[name][2]


def test_deep_forms_of_a_file_and_in_a_module(tmp_path: Path) -> None:
    path = tmp_path / "a.lsp"
    path.write_text(f"(de deep (x) {nested('cond', DEEP)})\n(setq r (deep 5))\n(setq r (add1 {nested('call', DEEP)}))")
    session = Session(output_library=tmp_path / "m.img")
    session.eval(f'(progn (setq x 1) (load "{path}"))')
    assert session.eval("r") == DEEP + 2
    text = (f"(faslout 'deep) (de deep (x) {nested('closure', DEEP // 10)}) (de deeper (x) {nested('call', DEEP)}) "
            "(faslend) (load!-module 'deep)")
    session.run(lambda: session.lisp.load_stream(Input(text=text)))
    assert session.eval("(deeper 2)") == DEEP + 2
    session.close()


def too_deep(depth: int) -> list[str]:
    return ["(add1 " * depth + "x" + ")" * depth, "(mac" * depth + ")" * depth,
            "((lambda (x) " * depth + "x" + ") x)" * depth]


@pytest.mark.parametrize("form", ["(forever)", too_deep(110000)[0],
                                  *(pytest.param(form, marks=pytest.mark.slow) for form in too_deep(10**6))],
                         ids=lambda form: f"{form[:5]}{len(form)}")
def test_what_is_too_deep_is_an_error_of_lisp(session: Session, form: str) -> None:
    """Too many forms inside of each other, or a macro that expands to itself."""
    session.eval("(dm forever (u) u)")
    assert not session.eval(f"(errorset '{form} nil nil)")
    with pytest.raises(LispError):
        session.eval(f"(de f (x) {form})")


def row(form: str, count: int) -> str:
    return " ".join(form.format(i, i + 1, 100000 + i) for i in range(count))


# Forms over x, 3, that are long or wide; the longest are of more than 65536 bytes of bytecode, those with ``slow``
# beside them as large as promised.
WIDE: dict[str, tuple[str, int]] = {
    "statements": (f"(prog (a) (setq a x) {row('(setq a (add1 a))', 14000)} (return a))", 14003),
    "handlers": ("(prog (a) (setq a 0) back (setq a (catch 'k (unwind!-protect (progn "
                 + row("(setq x (add1 x))", 14000)
                 + " (cond ((lessp a 1) (throw 'k 1))) (car 'x)) (setq x 3) (throw 'k (add1 a))))) "
                   "(cond ((lessp a 3) (go back))) (return a))", 3),
    "variables of prog": (f"(prog ({row('v{0}', 1000)}) {row('(setq v{0} (plus x {0}))', 1000)} "
                          f"(return (plus {row('v{0}', 1000)})))", 502500),
    "variables of let": (f"(let ({row('(v{0} (plus x {0}))', 1000)}) (plus {row('v{0}', 1000)}))", 502500),
    "variables of let*": (f"(let!* ((v0 x) {row('(v{1} (add1 v{0}))', 1000)}) v1000)", 1003),
    "variables of a lambda expression": (f"((lambda ({row('v{0}', 1000)}) (plus v0 v999)) {row('{0}', 1000)})", 999),
    "fluids": (f"(prog ({row('w{0}', 600)}) (setq w3 x) (return w3))", 3),
    "labels": (f"(prog (c) (setq c 0) (go l0) {row('l{0} (setq c (plus c 1)) (go l{1})', 3000)} l3000 "
               "(cond ((onep x) (return c))) (setq x (sub1 x)) (go l0))",
               9000),
    "clauses": (f"(cond {row('((eqn x {2}) {0})', 3500)} (t (times x 2)))", 6),
    "clauses for a value": (f"(plus x (cond {row('((eqn x {2}) {0})', 3500)} (t (times x 2))))", 9),
    "deep conditions": ("(if (eqn x 77) 1 " * 3000 + "x" + ")" * 3000, 3),
    "conditions": (f"(and {row('x', 5000)})", 3),
    "arguments": (f"(many {row('(plus x {0})', 300)})", 300 * 3 + 44850),
    "arguments of apply": (f"(apply 'many '({row('{0}', 300)}))", 44850),
    "arguments of funcall": (f"(funcall 'many {row('{0}', 300)})", 44850),
    "arguments of list": (f"(length (list {row('{0}', 5000)}))", 5000),
    "optional arguments": ("(plus (some 1) (apply 'some '(" + row("1", 260) + ")) (length (apply 'some '("
                           + row("1", 275) + "))))", 1 * 2 + 260 + 5),
}
LARGE: dict[str, tuple[str, int]] = {
    "statements": (f"(prog (a) (setq a x) {row('(setq a (add1 a))', 40000)} (return a))", 40003),
    "clauses": (f"(cond {row('((eqn x {2}) {0})', 5000)} (t (times x 2)))", 6),
    "progn": (f"(progn {row('(setq x (plus x {0}))', 40000)} x)", 799980003),
}
WITH = [f"(de many ({row('a{0}', 300)}) (plus {row('a{0}', 300)}))", f"(fluid '({row('w{0}', 600)}))",
        f"(de some (&optional {row('(b{0} 2)', 270)} &rest more) (cond (more more) ((eqn b259 1) 260) (t b269)))"]


def symbol(name: str) -> str:
    return "wide!-" + name.replace(" ", "!-").replace("*", "!*")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of them, compiled and proved, in an image."""
    path: Path = tmp_path_factory.mktemp("sizes") / "wide.img"
    session = Session()
    session.lisp.checking = True
    for text in (*WITH, *(f"(progn (de {symbol(name)} (x) {text}) 1)" for name, (text, _) in WIDE.items())):
        session.eval(text)
    session.preserve(path)
    session.close()
    return path


@pytest.mark.parametrize("ways", [{}, {"jit": 0}, *({"engine": name} for name in engines())], ids=str)
def test_long_and_wide_functions(image: Path, ways: dict[str, Any]) -> None:
    session = Session(image, **ways)
    for name, (_, value) in WIDE.items():
        for _ in range(2):
            assert session.eval(f"({symbol(name)} 3)") == value, name
    for arguments in (299, 301):
        assert not session.eval(f"(errorset '(apply 'many '({row('1', arguments)})) nil nil)")
    if "jit" in ways:
        assert session.lisp.jit.refused["more than 65535 bytes of bytecode"] >= 2
    session.close()


@pytest.mark.slow
@pytest.mark.parametrize("name", LARGE)
def test_large_functions(session: Session, name: str) -> None:
    text, value = LARGE[name]
    session.eval(f"(progn (de large (x) {text}) 1)")
    assert session.eval("(large 3)") == value


@pytest.mark.parametrize(("form", "defined"), [(f"(progn {row('(print v{0})', 33000)})", True),
                                               (f"(progn {row('(f g{0})', 66000)})", False)],
                         ids=["variables", "literals"])
@pytest.mark.slow
def test_too_many_literals_are_an_error(session: Session, form: str, defined: bool) -> None:
    assert bool(session.eval(f"(errorset '(de f (x) {form}) nil nil)")) is defined


def test_what_is_long_stays_with_the_stencils(session: Session) -> None:
    for count in (20, 1000):
        session.eval(f"(progn (de clauses{count} (x) (cond {row('((eqn x {2}) {0})', count)} (t (times x 2)))) 1)")
    assert session.native_compile(["clauses1000"]) == []
    assert [f.code for f in session.fallbacks if f.subject == "clauses1000"
            and "4096 bytes" in f.detail] == ["not-compilable"]
    assert session.eval("(clauses1000 3)") == 6
    assert session.native_compile(["clauses20"]) == ["clauses20"]


@needs_native
@pytest.mark.parametrize("count, taken", [(30, True), (90, False)])
def test_loops_across_each_other_are_not_optimised_beyond_a_number(count: int, taken: bool) -> None:
    """The time that LLVM takes grows as the square of their number."""
    body = " ".join(f"(cond ((greaterp x {i}) (setq y (cdr y)) (go l{max(0, i - 3)}))) l{i + 1}" for i in range(count))
    with closing(Session(jit=-1)) as session:
        session.eval(f"(progn (de big (x y) (prog nil l0 {body})) nil)")
        assert session.native_compile(["big"]) == (["big"] if taken else [])
        assert any("jumps back lie across each other" in line for line in session.explain()) != taken
