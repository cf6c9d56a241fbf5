"""The reader: text to Lisp values."""

from __future__ import annotations

import re
from collections.abc import Generator
from functools import cache

from ..kernel.memory import NIL
from ..system import gmp
from .deep import deep
from .streams import EOF_CHAR, Input

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .lisp import Lisp

# A character by its hexadecimal code, as print writes what is not ASCII (#00e9;), or, in strings, by its name
# (#alpha;). #hash; means # only where print writes it: before what would be the rest of a character.
ENTITY = r"\#[0-9a-fA-F]{4,6};"
NAME, REST = "#([A-Za-z0-9]+);", "[A-Za-z0-9]+;"

# One token: blanks and comments, a number, an identifier (a letter, or one special character, then letters, digits,
# underscores, escaped characters and named ones), a string, or a single character.
TOKEN = re.compile(rf"""
    (?P<blank>[ \t\r\f]*(?:%[^\n]*)?\n|[ \t\r\f]+|%[^\n]*)
  | (?P<nonumber>[+-]?[0-9]+(?:\.[0-9]*)?[eE](?:[+-](?![0-9])|(?![0-9+-])))
  | (?P<number>0[xX][0-9a-fA-F]+|[+-]?[0-9]+\.[0-9]*[dDfFsSlL][+-]?[0-9]+
      |[+-]?[0-9]+(?:\.[0-9]*(?=[eE][+-]?[0-9])|\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?:\.(?![0-9]))?)
  | (?P<id>(?:[^\W\d_]|!?{ENTITY}|![\s\S]|[:$*\#=&@?\\/<>^~|{{}};}}](?=\w|!))\w*(?:(?:!?{ENTITY}|![\s\S])\w*)*)
  | (?P<string>"[^"]*(?:""[^"]*)*"(?!"))
  | (?P<char>[\s\S])
""", re.VERBOSE)

BLANKS = r"(?:[ \t\r\f\n]+|%[^\n]*)*"

# What needs no second look inside of a list: parentheses, and small integers and symbols with a blank or a parenthesis
# behind each.
WORD = re.compile(r"[()]|-?[0-9]{1,17}(?=[ \t\r\n()])|(?:[A-Za-z]|![!-~])(?:[A-Za-z0-9_]|![!-~])*(?=[ \t\r\n()])")
RUN = re.compile(rf"[ \t\r\n]*(?:(?:{WORD.pattern})[ \t\r\n]*){{2,64}}")

EXPONENTS = str.maketrans("dDfFsSlL", "eeeeeeee")  # other kinds of floats are double here
LONG = 1000  # digits
MOST_CACHED = 1 << 16  # tokens
MOST_BACKQUOTES = 12  # inside of each other: each makes what is in it several times as large
ENDS = {"(": ")", "[": "]"}
PREFIXES = {"'": "quote", "`": "`", ",": "~comma", ",@": "~comma-at"}


class ReadError(Exception):
    """Text that is no Lisp form; the stream stands behind it."""


class Opened:
    """A form that has begun and not ended: a list, a vector, or what follows a prefix."""

    __slots__ = ("dotted", "items", "kind", "prefix", "tail")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.prefix = kind in PREFIXES
        self.items: list[int] = []
        self.dotted = False  # the next form is its tail
        self.tail = NIL


class Reader:
    """Reads forms from a stream for a Lisp."""

    def __init__(self, lisp: Lisp) -> None:
        self.lisp, self.m = lisp, lisp.machine
        self.quote = self.m.intern("quote")
        self.raise_, self.lower = self.m.intern("*raise"), self.m.intern("*lower")
        self.eof = self.m.intern(EOF_CHAR)
        self.up = self.down = False
        self.cache: dict[tuple[str, bool, bool], int] = {}  # symbols by token, until the next full collection
        self.known: dict[str, int] = {}  # values of words in the form that is read

    def token(self, s: Input) -> tuple[str, str]:
        """Kind and text of the next token; kind ``eof`` at the end.  The text of a string is without its quotes."""
        while True:
            self.m.look()
            at, buffer = s.at, s.buffer
            if at >= len(buffer):
                if not s.fill():
                    return "eof", ""
                continue
            match = TOKEN.match(buffer, at)
            assert match is not None
            kind, end = match.lastgroup or "", match.end()
            if kind == "blank":
                s.at = end
                continue
            text = match.group()
            if text[0] == '"':
                if kind != "string" or end == len(s.buffer):
                    return "string", self.rest_of_string(s)
                text = text[1:-1].replace('""', '"')
            elif end == len(buffer) and text.endswith(("!", "!\n")) and s.fill():
                continue
            s.at = end
            return kind, text

    def rest_of_string(self, s: Input) -> str:
        """A string that may go over many lines; the text up to the end is read once."""
        parts: list[str] = []
        at = s.position + 1
        while True:
            self.m.look()
            end = s.buffer.find('"', at)
            if end < 0:
                parts.append(s.buffer[at:])
                s.position = len(s.buffer)
                if not s.fill():
                    raise ReadError("end of file inside of a string")
                at = s.position
                continue
            parts.append(s.buffer[at:end])
            s.position = end + 1
            if s.position == len(s.buffer):
                s.fill()
            at = s.position
            if s.buffer[at:at + 1] != '"':
                return "".join(parts)
            parts.append('"')
            at += 1

    def read(self, s: Input) -> int:
        """The next form; the end-of-file symbol at the end."""
        m = self.m
        self.up, self.down = m.value(self.raise_) not in (None, NIL), m.value(self.lower) not in (None, NIL)
        self.known = {}
        with s.form():
            return self.form(s)

    def form(self, s: Input) -> int:
        """The next form, while nothing but this reads.

        What is open stands on a list, so depth costs no stack.  Behind a mistake reading goes on to the end of the form
        in which it is.
        """
        opened: list[Opened] = []
        wrong, backquotes = "", 0
        while True:
            self.m.look()
            if opened and not opened[-1].prefix and not opened[-1].dotted:
                self.run(s, opened)
            kind, text = self.token(s)
            if kind == "eof":
                if not opened:
                    return self.eof
                within = {"(": "list", "[": "vector"}.get(opened[-1].kind, "form")
                raise ReadError(wrong or f"end of file inside of a {within}")
            if kind != "char":
                value = self.atom(kind, text, s.literal)
            elif text in "([":
                opened.append(Opened(text))
                continue
            elif text in PREFIXES:
                if text == "," and s.peek() == "@":
                    text += s.next()
                opened.append(Opened(text))
                backquotes += text == "`"
                if backquotes > MOST_BACKQUOTES and not wrong and sum(o.kind == "`" for o in opened) > MOST_BACKQUOTES:
                    wrong = "too many backquotes inside of each other"
                continue
            elif text in ")].":
                last = opened[-1] if opened else None
                if last is None or last.prefix or last.dotted or not (last.items or text == ENDS[last.kind]):
                    continue  # there is nothing that it could end: the original does not look at it
                if text == ".":
                    last.dotted = True
                    continue
                value = self.ended(opened.pop())
            else:
                if text in "-+*/?<>=" and s.buffer[max(s.at - 2, 0)].isalnum():
                    self.lisp.hints.read(s.buffer, s.at - 1)
                value = self.symbol("!" + text)
            if kind != "char" and not opened:
                s.look_ahead()
            while opened and (opened[-1].prefix or opened[-1].dotted):
                last = opened.pop()
                if last.prefix:
                    value = self.prefixed(last.kind, value) if not wrong else NIL
                else:
                    last.tail = value
                    value = self.ended(last)
                    self.closing(s, ENDS[last.kind])
            if not opened:
                if wrong:
                    raise ReadError(wrong)
                return value
            opened[-1].items.append(value)

    def ended(self, last: Opened) -> int:
        """The value of a list or vector."""
        return self.m.vector(last.items) if last.kind == "[" else self.m.list(last.items, last.tail)

    def closing(self, s: Input, end: str) -> None:
        """Behind the tail of a list: its end belongs to it, and what else stands there does not, as in the original."""
        while True:
            match = re.compile(BLANKS).match(s.buffer, s.position)
            assert match is not None
            s.position = match.end()
            if s.position < len(s.buffer):
                break
            if not s.fill():
                raise ReadError("end of file inside of a list")
        if s.buffer[s.position] == end:
            s.position += 1

    def run(self, s: Input, opened: list[Opened]) -> None:
        """Read on as long as nothing needs a second look, such as the end of the outermost list."""
        match = RUN.match(s.buffer, s.position)
        if match is None:
            return
        known, end = self.known, match.end()
        items = opened[-1].items
        for word in WORD.finditer(s.buffer, match.start()):
            text = word.group()
            if word.start() >= end:
                break
            if text == "(":
                opened.append(Opened(text))
                items = opened[-1].items
            elif text == ")":
                outer = opened[-2] if len(opened) > 1 else None
                if outer is None or outer.prefix or outer.dotted or opened[-1].kind != "(":
                    end = word.start()
                    break
                outer.items.append(self.ended(opened.pop()))
                items = outer.items
            else:
                value = known.get(text)
                if value is None:
                    value = known[text] = self.symbol(text) if text[0] > "9" or text[0] == "!" else int(text) << 3
                items.append(value)
        s.position = end

    def atom(self, kind: str, text: str, literal: bool) -> int:
        if kind == "id":
            return self.symbol(text)
        if kind == "number":
            return self.number(text)
        if kind == "nonumber":  # an exponent without digits: a symbol
            return self.symbol(re.sub("[^e]", r"!\g<0>", text))
        return self.m.string(text if literal else re.sub(NAME, in_string, text) if "#" in text else text)

    def prefixed(self, prefix: str, value: int) -> int:
        if prefix == "`":
            return int(deep(self.backquote(value)))
        return self.m.list([self.m.intern(PREFIXES[prefix]), value])

    def symbol(self, text: str) -> int:
        """The symbol of a token, with case folding of what is not escaped."""
        m, up, down = self.m, self.up, self.down
        found = self.cache.get((text, up, down))
        if found is not None:
            m.note(found)
            return found
        name = []
        i = 0
        while i < len(text):
            if i % LONG == 0:
                m.look()
            c = text[i]
            if (c == "#" or text[i:i + 2] == "!#") and (match := re.compile(ENTITY).match(text, i + (c == "!"))):
                name.append(named(match.group()))
                i = match.end()
                continue
            if c == "!" and i + 1 < len(text):
                i += 1
                name.append(text[i])
            else:
                name.append(c if c > "\x7f" else c.lower() if down else c.upper() if up else c)
            i += 1
        symbol = m.symbol("".join(name))
        if len(self.cache) > MOST_CACHED:
            self.cache.clear()
        self.cache[text, up, down] = symbol
        return symbol

    def character(self, c: str) -> int:
        """A character that was read alone, in the case that is asked for."""
        if c == EOF_CHAR:
            return self.eof
        if self.m.value(self.lower) not in (None, NIL):
            c = c.lower()
        elif self.m.value(self.raise_) not in (None, NIL):
            c = c.upper()
        return self.m.symbol(c)

    def number(self, text: str) -> int:
        if text[1:2] in ("x", "X"):
            return self.m.integer(int(text, 16))
        text = text.rstrip(".").translate(EXPONENTS)
        if "." in text or "e" in text or "E" in text:
            return self.m.float(float(text))
        return self.m.integer(int(text)) if len(text) < LONG else self.big(text.lstrip("+-"), int(text.startswith("-")))

    def big(self, digits: str, negative: int) -> int:
        """A long integer; Python's own conversion is slow, and has a limit."""
        m, found = self.m, None
        if m.apart.takes_long("parse", len(digits) // 20):
            with m.waiting():
                found = m.apart.ask("parse", digits.encode())
        if found is None:
            found = list(gmp.parsed(digits.encode()))
        return m.from_magnitude(found[0], negative)

    def backquote(self, x: int) -> Generator[Any, Any, int]:
        """Backquote as CSL has it: nested calls of cons and append."""
        m = self.m
        if x & 7 != 1:
            return x if x & 7 == 0 or x & 7 in (3, 5, 6) else m.list([self.quote, x])
        head = m.car(x)
        if head in (m.intern("~comma"), m.intern("~comma-at")):
            if head != m.intern("~comma") or m.cdr(x) & 7 != 1:
                raise ReadError("a comma that does not belong to a backquote")
            return m.car(m.cdr(x))
        rest = m.cdr(x)
        following = NIL if rest == NIL else (yield self.backquote(rest))
        if head & 7 == 1 and m.car(head) == m.intern("~comma-at") and m.cdr(head) & 7 == 1:
            return m.list([m.intern("append"), m.car(m.cdr(head)), following])
        return m.list([m.intern("cons"), (yield self.backquote(head)), following])


@cache
def names() -> dict[str, str]:
    """Characters by name; most programs ask for none."""
    from html.entities import html5
    return {name[:-1]: text for name, text in html5.items() if name.endswith(";") and len(text) == 1}


def in_string(match: re.Match[str]) -> str:
    """What #code; or #name; stands for in a string; itself when it is no character."""
    name = match[1]
    if name == "hash":
        return "#" if re.compile(REST).match(match.string, match.end()) else match[0]
    return names()[name] if name in names() else named(match[0]) if re.match(ENTITY, match[0]) else match[0]


def named(entity: str) -> str:
    """The character that #code; is; the text itself when there is none."""
    code = int(entity[1:-1], 16)
    valid = code < 0xD800 or 0xDC80 <= code < 0xDD00 or 0xDFFF < code < 0x110000  # in between: bytes that were no UTF-8
    return chr(code) if valid else entity


__all__ = ["EOF_CHAR", "ReadError", "Reader"]
