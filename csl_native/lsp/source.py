"""Lisp text as an editor has it: forms with their places, and what is defined in them.

Mistakes are noted, and reading goes on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ..lisp.reader import ENTITY, PREFIXES, TOKEN, named

FUNCTIONS = {"de": "function", "defun": "function", "dm": "macro", "defmacro": "macro", "df": "fexpr"}
VARIABLES = {"global", "fluid"}
GIVEN = {"putd", "copyd", "define-foreign"}  # functions that define the name that is their first argument
MANY = -1  # the number of arguments of what takes any


@dataclass
class Node:
    """A datum: ``kind`` is list, vector, name, text (string or number), or the character of a prefix.

    A prefix has its datum as the only item.
    """

    kind: str
    start: int
    end: int = 0
    text: str = ""  # of a name, without escapes; of a string or number, as it stands there
    items: list[Node] = field(default_factory=list)

    @property
    def head(self) -> str:
        """The name that a form begins with; empty for other forms."""
        return self.items[0].text if self.kind == "list" and self.items and self.items[0].kind == "name" else ""


@dataclass
class Problem:
    """Something that is wrong at a place."""

    start: int
    end: int
    text: str
    serious: bool = True  # an error, and no warning


@dataclass
class Definition:
    """A function, macro or variable that a text defines."""

    name: str
    kind: str
    place: Node  # of the name
    form: Node
    parameters: list[str] = field(default_factory=list)
    least: int = 0
    most: int = MANY
    documentation: str = ""

    @property
    def call(self) -> str:
        return f"({' '.join([self.name, *self.parameters])})" if self.kind != "variable" else self.name


def parse(text: str) -> tuple[list[Node], list[Problem]]:
    """The forms of a text, and what the reader would say of it."""
    top = Node("top", 0)
    opened, problems, at = [top], list[Problem](), 0
    if text.startswith("#!"):
        at = (text + "\n").index("\n")

    def add(node: Node) -> None:
        opened[-1].items.append(node)
        while opened[-1].kind in PREFIXES:
            opened[-1].end = node.end
            done = opened.pop()
            opened[-1].items.append(done)

    while at < len(text):
        match = TOKEN.match(text, at)
        assert match is not None
        kind, token, start = match.lastgroup or "", match.group(), at
        at = match.end()
        if kind == "blank":
            continue
        if kind == "char" and token in "([":
            opened.append(Node("list" if token == "(" else "vector", start))
        elif kind == "char" and token in ")]":
            wanted, told = "list" if token == ")" else "vector", False
            while opened[-1].kind in PREFIXES:  # with nothing behind it
                problems.append(Problem(opened.pop().start, at, f"unexpected {token}"))
                told = True
            if opened[-1].kind == wanted:
                node = opened.pop()
                node.end = at
                add(node)
            elif not told:
                inside = opened[-1] is not top
                problems.append(
                    Problem(start, at, f"unexpected {token}" if inside else f"{token} closes nothing", inside)
                )
        elif kind == "char" and token in PREFIXES:
            at += token == "," and text.startswith("@", at)
            opened.append(Node(token, start))
        elif kind == "char" and token == '"':
            problems.append(Problem(start, len(text), "end of file inside of a string"))
            at = len(text)
        elif kind != "char" or token != ".":
            kinds = {"string": "text", "number": "text"}
            add(Node(kinds.get(kind, "name"), start, at, plain(token) if kind not in kinds else token))
    for node in opened[1:]:
        node.end = len(text)
    if len(opened) > 1:  # the outermost one: whoever closes it has closed the others
        node = opened[1]
        what = {"list": "list", "vector": "vector"}.get(node.kind, "form")
        problems.append(Problem(node.start, node.start + 1, f"end of file inside of a {what} that begins here"))
    while len(opened) > 1:  # what is there of them is looked at all the same
        last = opened.pop()
        opened[-1].items.append(last)
    return top.items, problems


def plain(token: str) -> str:
    """The name that a token means: letters that are not escaped are small ones."""
    name, at = "", 0
    while at < len(token):
        if match := re.compile(ENTITY).match(token, at + (token[at] == "!")):
            name, at = name + named(match.group()), match.end()
        elif token[at] == "!" and at + 1 < len(token):
            name, at = name + token[at + 1], at + 2
        else:
            name, at = name + token[at].lower(), at + 1
    return name


def definitions(forms: list[Node]) -> Iterator[Definition]:
    """What the forms define, those inside of others too."""
    work = list(reversed(forms))
    while work:
        form = work.pop()
        work += reversed(form.items)
        if form.head in FUNCTIONS and len(form.items) > 2 and form.items[1].kind == "name":
            yield function(form)
        elif form.head in GIVEN and len(form.items) > 2 and form.items[1].kind == "'":
            name = form.items[1].items[0]
            if name.kind == "name":
                yield Definition(name.text, "function", name, form, ["&rest", "arguments"])
        elif form.head in VARIABLES and len(form.items) > 1 and form.items[1].kind == "'":
            for name in form.items[1].items[0].items:
                if name.kind == "name":
                    yield Definition(name.text, "variable", name, form)


def function(form: Node) -> Definition:
    """What a definition defines."""
    kind, name, given, body = FUNCTIONS[form.head], form.items[1], form.items[2], form.items[3:]
    parameters, least, most = counted(given)
    if kind != "function":
        least, most = 0, MANY
    said = body[0].text[1:-1].replace('""', '"') if len(body) > 1 and body[0].text.startswith('"') else ""
    return Definition(name.text, kind, name, form, parameters, least, most, said)


def counted(given: Node) -> tuple[list[str], int, int]:
    """The parameters, how many of them are needed, and how many there may be."""
    names = [(each.items[0] if each.items else each).text for each in given.items]
    least = next((k for k, name in enumerate(names) if name.startswith("&")), len(names))
    special = {name for name in names if name.startswith("&")}
    return names, least, MANY if special - {"&optional", "&aux"} else len([n for n in names if not n.startswith("&")])


__all__ = ["MANY", "Definition", "Node", "Problem", "definitions", "parse", "plain"]
