"""The reader: text to Lisp values."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .. import gmp
from ..kernel.memory import NIL
from .streams import EOF_CHAR, Input

if TYPE_CHECKING:
    from .lisp import Lisp

# One token: blanks and comments, a number, an identifier (a letter, or one special character, then letters, digits,
# underscores and escaped characters), a string, or a single character.
TOKEN = re.compile(r"""
    (?P<blank>[ \t\r\f]*(?:%[^\n]*)?\n|[ \t\r\f]+|%[^\n]*)
  | (?P<nonumber>[0-9]+[eE][+-]?(?![\w+-]))
  | (?P<number>0x[0-9a-fA-F]+|[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?:\.(?![0-9]))?)
  | (?P<id>(?:[^\W\d_]|![\s\S]|[:$*\#=&@?\\/<>^~|{};}](?=\w|!))(?:\w|![\s\S])*)
  | (?P<string>"(?:[^"]|"")*"(?!"))
  | (?P<char>[\s\S])
""", re.VERBOSE)


class ReadError(Exception):
    """Text that is no Lisp form."""


class Reader:
    """Reads forms from a stream for a Lisp."""

    def __init__(self, lisp: Lisp) -> None:
        self.lisp, self.m = lisp, lisp.machine
        self.quote = self.m.intern("quote")
        self.raise_, self.lower = self.m.intern("*raise"), self.m.intern("*lower")
        self.eof = self.m.intern(EOF_CHAR)
        self.cache: dict[str, int] = {}

    def token(self, s: Input) -> tuple[str, str]:
        """Kind and text of the next token; kind ``eof`` at the end."""
        while True:
            if s.position >= len(s.buffer) and not s.fill():
                return "eof", ""
            match = TOKEN.match(s.buffer, s.position)
            assert match is not None
            kind, text = match.lastgroup or "", match.group()
            if kind == "blank":
                s.position = match.end()
                continue
            if match.end() == len(s.buffer) and (kind == "string" or text == "!" or kind == "id" and text.endswith("!") or text == '"'):
                if kind == "string" and not s.buffer.endswith('"'):
                    pass
                elif s.fill():
                    continue
            if kind == "char" and text == '"':
                if s.fill():
                    continue
                raise ReadError("end of file inside of a string")
            s.position = match.end()
            return kind, text

    def read(self, s: Input) -> int:
        """The next form; the end-of-file symbol at the end."""
        kind, text = self.token(s)
        if kind == "eof":
            return self.eof
        return self.form(s, kind, text)

    def form(self, s: Input, kind: str, text: str) -> int:
        m = self.m
        if kind == "id":
            return self.symbol(text)
        if kind == "number":
            return self.number(text)
        if kind == "nonumber":  # an exponent without digits: a symbol
            return self.symbol("!" + text.replace("+", "!+").replace("-", "!-"))
        if kind == "string":
            return m.string(text[1:-1].replace('""', '"'))
        if text == "(":
            return self.list(s)
        if text == "'":
            return m.cons(self.quote, m.cons(self.inner(s), NIL))
        if text == "`":
            return self.backquote(self.inner(s))
        if text == ",":
            if s.peek() == "@":
                s.next()
                return m.list([m.intern("~comma-at"), self.inner(s)])
            return m.list([m.intern("~comma"), self.inner(s)])
        if text == "[":
            items: list[int] = []
            while True:
                kind, text = self.token(s)
                if kind == "eof":
                    raise ReadError("end of file inside of a vector")
                if kind == "char" and text == "]":
                    return m.vector(items)
                if kind == "char" and text == ".":
                    self.inner(s)  # a vector has no tail
                    continue
                items.append(self.form(s, kind, text))
        if text in ")]":
            return self.form(s, *self.token(s)) if not s.ended else self.read(s)
        if text == ".":
            return self.read(s)
        return self.symbol("!" + text)

    def inner(self, s: Input) -> int:
        """A form that must be there."""
        kind, text = self.token(s)
        if kind == "eof":
            raise ReadError("end of file inside of a form")
        if kind == "char" and text == ")":
            raise ReadError("unexpected )")
        return self.form(s, kind, text)

    def list(self, s: Input) -> int:
        items: list[int] = []
        tail = NIL
        while True:
            kind, text = self.token(s)
            if kind == "eof":
                raise ReadError("end of file inside of a list")
            if kind == "char":
                if text == ")":
                    return self.m.list(items, tail)
                if text == ".":
                    tail = self.inner(s)
                    kind, text = self.token(s)
                    if kind == "char" and text == ")":
                        return self.m.list(items, tail)
                    raise ReadError("expected ) after the part behind a dot")
            items.append(self.form(s, kind, text))

    def symbol(self, text: str) -> int:
        """The symbol of a token, with case folding of what is not escaped."""
        m = self.m
        up, down = m.value(self.raise_) not in (None, NIL), m.value(self.lower) not in (None, NIL)
        key = text if down else f"{int(up)}{int(down)}{text}"
        found = self.cache.get(key)
        if found is not None and m.symbols.get(m.text(found)) == found:
            return found
        name = []
        i = 0
        while i < len(text):
            c = text[i]
            if c == "!" and i + 1 < len(text):
                i += 1
                name.append(text[i])
            else:
                name.append(c.lower() if down else c.upper() if up else c)
            i += 1
        symbol = m.intern("".join(name))
        self.cache[key] = symbol
        return symbol

    def number(self, text: str) -> int:
        if text.startswith("0x"):
            return self.m.integer(int(text, 16))
        text = text.rstrip(".")
        if "." in text or "e" in text or "E" in text:
            return self.m.float(float(text))
        return self.m.integer(self.big(text))

    @staticmethod
    def big(text: str) -> int:
        try:
            return int(text)
        except ValueError:
            if gmp.library() is None:
                return parse_decimal(text)
            n = int.from_bytes(gmp.parse(text.lstrip("+-")), "little")
            return -n if text.startswith("-") else n

    def backquote(self, x: int) -> int:
        """Backquote as CSL has it: nested calls of cons and append."""
        m = self.m
        if x & 7 != 1:
            return x if x & 7 == 0 or x & 7 in (3, 5, 6) else m.list([self.quote, x])
        head = m.car(x)
        if head == m.intern("~comma"):
            return m.car(m.cdr(x))
        if head & 7 == 1 and m.car(head) == m.intern("~comma-at"):
            rest = m.cdr(x)
            return m.list([m.intern("append"), m.car(m.cdr(head)), NIL if rest == NIL else self.backquote(rest)])
        if x == NIL:
            return NIL
        rest = m.cdr(x)
        return m.list([m.intern("cons"), self.backquote(head), NIL if rest == NIL else self.backquote(rest)])


def parse_decimal(text: str) -> int:
    """An integer of any length (Python limits ``int`` to 4300 digits): halves, joined by multiplication."""
    negative, digits = text.startswith("-"), text.lstrip("+-")

    def value(s: str) -> int:
        if len(s) <= 4000:
            return int(s)
        half = len(s) // 2
        return value(s[:half]) * int(10 ** (len(s) - half)) + value(s[half:])
    n = value(digits)
    return -n if negative else n


__all__ = ["EOF_CHAR", "ReadError", "Reader"]
