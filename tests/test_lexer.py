"""Lisp text in colours."""

from __future__ import annotations

import tomllib
from itertools import accumulate
from pathlib import Path

import pytest

pytest.importorskip("pygments", reason="pygments is not installed; install csl-native[jupyter]")

from csl_native.tools.lexer import CslLexer

ROOT = Path(__file__).parent.parent


def tokens(text: str) -> list[tuple[str, str]]:
    """What each token but blanks is, without what all of them begin with."""
    found = list(CslLexer().get_tokens_unprocessed(text))
    assert "".join(token for _, _, token in found) == text
    assert [at for at, _, _ in found] == [0, *accumulate(len(token) for _, _, token in found)][:-1]
    return [(str(kind).removeprefix("Token."), token) for _, kind, token in found if token.strip()]


@pytest.mark.parametrize(
    "text, expected",
    [
        (
            "(de f!-g (x) 1.5)",
            [
                ("Punctuation", "("),
                ("Keyword.Declaration", "de"),
                ("Name.Function", "f!-g"),
                ("Punctuation", "("),
                ("Name.Function", "x"),
                ("Punctuation", ")"),
                ("Literal.Number.Float", "1.5"),
                ("Punctuation", ")"),
            ],
        ),
        (
            "(car 'x) % (a \"b\nnil",
            [
                ("Punctuation", "("),
                ("Name.Builtin", "car"),
                ("Operator", "'"),
                ("Name.Variable", "x"),
                ("Punctuation", ")"),
                ("Comment.Single", '% (a "b'),
                ("Keyword.Constant", "nil"),
            ],
        ),
        ('"a\\" "b ""c"', [("Literal.String", '"a\\"'), ("Literal.String", '"b ""c"')]),
        (
            '!( !% !" a',
            [("Name.Variable", "!("), ("Name.Variable", "!%"), ("Name.Variable", '!"'), ("Name.Variable", "a")],
        ),
        (
            "(cond (t 0x1e))",
            [
                ("Punctuation", "("),
                ("Keyword", "cond"),
                ("Punctuation", "("),
                ("Name.Function", "t"),
                ("Literal.Number.Integer", "0x1e"),
                ("Punctuation", ")"),
                ("Punctuation", ")"),
            ],
        ),
        ('"open (x', [("Literal.String", '"open (x')]),
        ("+", [("Name.Variable", "+")]),
    ],
)
def test_tokens(text: str, expected: list[tuple[str, str]]) -> None:
    assert tokens(text) == expected


def test_real_programs_have_no_errors() -> None:
    for path in [*(ROOT / "csl_native/lisp/library").glob("*.lsp"), *(ROOT / "examples/algebra/core").glob("*.lsp")]:
        assert "Error" not in {kind for kind, _ in tokens(path.read_text())}


def test_pygments_finds_it() -> None:
    entries = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pygments.lexers"]
    assert entries == {"csl": f"{CslLexer.__module__}:{CslLexer.__name__}"} and "csl" in CslLexer.aliases
