"""Depth and size of definitions: compiled however deep or long they are, or an error of Lisp at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from csl_native import LispError, Session
from csl_native.lisp.streams import Input

DEEP = 3000
# Forms inside of each other: what stands before and behind the innermost one, which is x; and the value where x is 5.
NESTED = {
    "call": ("(add1 ", ")", DEEP + 5), "function": ("(same ", ")", 5), "arguments": ("(last!-of 1 2 3 4 ", ")", 5), "cond": ("(cond ((null x) 1) (t ", "))", 5),
    "if": ("(if x ", " 1)", 5), "when": ("(when t ", ")", 5), "progn": ("(progn 1 ", ")", 5), "not": ("(not ", ")", True), "setq": ("(setq y ", ")", 5),
    "plus": ("(plus 1 2 ", ")", 3 * DEEP + 5), "macro": ("(mac ", ")", 5), "list": ("(list 1 ", ")", None), "quote": ("(quote ", ")", None),
    "apostrophe": ("'", "", None), "closure": ("(function (lambda (y) ", "))", None), "return": ("(return ", ")", 5),
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
    session.eval(f"(progn (setq *comp {comp}) (de deep (x) {nested(name, DEEP)}) (setq *comp nil) (setq r (deep 5)) 1)".replace("*", "!*"))
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
    text = f"(faslout 'deep) (de deep (x) {nested('closure', DEEP // 10)}) (de deeper (x) {nested('call', DEEP)}) (faslend) (load!-module 'deep)"
    session.run(lambda: session.lisp.load_stream(Input(text=text)))
    assert session.eval("(deeper 2)") == DEEP + 2
    session.close()


def too_deep(depth: int) -> list[str]:
    return ["(add1 " * depth + "x" + ")" * depth, "(mac" * depth + ")" * depth, "((lambda (x) " * depth + "x" + ") x)" * depth]


@pytest.mark.parametrize("form", ["(forever)", too_deep(110000)[0], *(pytest.param(form, marks=pytest.mark.slow) for form in too_deep(10**6))],
                         ids=lambda form: f"{form[:5]}{len(form)}")
def test_what_is_too_deep_is_an_error_of_lisp(session: Session, form: str) -> None:
    """Too many forms inside of each other, or a macro that expands to itself."""
    session.eval("(dm forever (u) u)")
    assert not session.eval(f"(errorset '{form} nil nil)")
    with pytest.raises(LispError):
        session.eval(f"(de f (x) {form})")
