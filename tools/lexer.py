"""Colours for Lisp text: a lexer for Pygments, which knows it as ``csl`` by its entry point (pyproject.toml).

Names have ``!`` before a character that is taken as it is; strings have no escapes but ``""``; ``%`` begins a comment.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pygments.lexer import Lexer
from pygments.token import Comment, Keyword, Name, Number, Operator, Punctuation, String, Text

from ..lisp.meanings import meanings, written
from ..lisp.reader import PREFIXES, TOKEN

DEFINING = {"de", "dm", "df", "ds", "defun", "defmacro", "global", "fluid"}
KINDS = {"special form": Keyword, "macro": Keyword, "function": Name.Builtin}


class CslLexer(Lexer):  # type: ignore[misc]  # pygments is looked at by mypy nowhere
    """Standard Lisp, as csl-native and CSL read it."""

    name = "Standard Lisp (CSL)"
    aliases = ["csl", "standard-lisp"]
    filenames = ["*.lsp", "*.sl"]
    mimetypes = ["text/x-standard-lisp"]
    url = "https://reduce-algebra.sourceforge.io/"
    _kinds: dict[str, Any] = {}

    def get_tokens_unprocessed(self, text: str) -> Iterator[tuple[int, Any, str]]:
        """The tokens of the reader, each with what it is."""
        kinds, head, defined = self.kinds(), False, False
        at = 0
        while at < len(text):
            match = TOKEN.match(text, at)
            assert match is not None
            kind, token = match.lastgroup or "", match.group()
            if kind == "blank":
                yield from blank(at, token)
            elif token == '"' and kind == "char":  # a string that nothing ends
                token = text[at:]
                yield at, String, token
            elif kind in ("string", "number", "char") and (found := of_token(kind, token)):
                yield at, found, token
            elif defined:
                yield at, Name.Function, token
            elif head:
                yield at, Keyword.Declaration if token in DEFINING else kinds.get(token, Name.Function), token
            else:
                yield (
                    at,
                    Keyword.Constant
                    if token in ("nil", "t")
                    else Keyword.Pseudo
                    if token.startswith("&")
                    else Name.Variable,
                    token,
                )
            if kind != "blank":
                defined = head and token in DEFINING
                head = token == "("
            at += len(token)

    @classmethod
    def kinds(cls) -> dict[str, Any]:
        """What the names of the system are, as they are written."""
        if not cls._kinds:
            cls._kinds = {written(name): KINDS.get(found.kind, Name.Builtin) for name, found in meanings().items()}
        return cls._kinds


def of_token(kind: str, token: str) -> Any:
    """What a token is that is no name; None for a name of one character."""
    if kind == "string":
        return String
    if kind == "number":
        return Number.Float if set(token.lower()) & set(".ed") and token[:2].lower() != "0x" else Number.Integer
    return Operator if token in PREFIXES else Punctuation if token in "()[]." else None


def blank(at: int, token: str) -> Iterator[tuple[int, Any, str]]:
    """Blanks and the comment behind them."""
    before, sign, rest = token.partition("%")
    comment = sign + rest.removesuffix("\n")
    for part, kind in (
        (before, Text.Whitespace),
        (comment, Comment.Single),
        (token[len(before) + len(comment) :], Text.Whitespace),
    ):
        if part:
            yield at, kind, part
            at += len(part)


__all__ = ["CslLexer"]
