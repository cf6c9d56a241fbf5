"""What the functions of the system mean, and what they are called with: as it stands beside each definition, read when
somebody asks.

A docstring, or the comment above a definition in Lisp, has segments, one on a line or behind two blanks: the syntax of
a special form or macro first, then sentences, then examples, each with what comes of it: ``FORM => VALUE``, ``FORM
prints TEXT``, ``FORM is an error`` or ``FORM is not run: WHY``.
"""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from functools import cache

from ..system.records import Record
from . import registry
from .forms import DISPLACEABLE, MEANINGS, SPECIAL_NAMES, Forms
from .install import ALIASES, EXACT, OLDER, SPECIAL_FORMS

PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
OUTCOME = re.compile(r"(\(.*?|'.*?) (?:(=>|prints) (.*)|(is an error)|(is not run: .+))")
DEFINITION = re.compile(r"(?m)((?:^%.*\n)*)^\((de|dm) (\S+) (\([^()]*\)|nil)")
LIKE_LETTERS = "0123456789_"  # stand in names as letters do, but not in front


class Example(Record):
    """A form, and what comes of it: ``=>`` and a value, ``prints`` and a text, that it is an error, or why it is not
    run.
    """

    form: str
    outcome: str
    text: str = ""

    def __str__(self) -> str:
        return " ".join(filter(None, self))


class Meaning(Record):
    """What is known of a name of the system."""

    name: str
    kind: str  # function, special form or macro
    parameters: tuple[str, ...]
    least: int  # how many arguments are needed
    rest: bool  # may more follow than there are parameters?
    syntax: str  # of special forms and macros
    text: str
    examples: tuple[Example, ...]
    place: str  # the file that defines it
    same: str = ""  # the name that it is another one of

    @property
    def call(self) -> str:
        """How it is called."""
        if self.syntax:
            return self.syntax
        optional = ["&optional", *self.parameters[self.least:]] if self.parameters[self.least:] else []
        rest = ["&rest", "more"] if self.rest else []
        return f"({' '.join([written(self.name), *self.parameters[:self.least], *optional, *rest])})"


def meaning_of(name: str) -> Meaning | None:
    """What is known of a name; None when it is none of the system's.
    The first one that is asked for takes a tenth of a second.
    """
    return meanings().get(name)


def written(name: str) -> str:
    """A name as Lisp text has it: with escapes."""
    if len(name) == 1:
        return name
    return "".join(c if c.isalpha() or k and c in LIKE_LETTERS else "!" + c for k, c in enumerate(name))


def whole(lines: list[str]) -> Iterator[str]:
    """Lines without the space around them, those of a form put together."""
    form = ""
    for line in map(str.strip, lines):
        form = f"{form} {line}" if form else line
        if not form.startswith("(") or form.count("(") <= form.count(")"):
            yield form
            form = ""
    if form:
        yield form


def parts(text: str) -> tuple[str, str, tuple[Example, ...]]:
    """Syntax, sentences and examples of a text; a form may go on in the next line."""
    said: list[str] = []
    examples: list[Example] = []
    syntax = ""
    for segment in filter(None, re.split(r"\n|  +", "\n".join(whole(text.splitlines())))):
        if match := OUTCOME.fullmatch(segment):
            form, mark, result, error, left = match.groups()
            examples.append(Example(form, mark or error or left, result or ""))
        elif not said and segment.startswith("(") and segment.endswith(")"):
            syntax = segment
        else:
            said.append(segment)
    return syntax, " ".join(said), tuple(examples)


@cache
def meanings() -> dict[str, Meaning]:
    """All names of the system, as a new heap gets them: the last definition of a name counts."""
    found = {m.name: m for source in (kernel, python, library, special_forms) for m in source()}
    rows = [*((name, main, None) for name, main in ALIASES.items()),
            *((name, main, count) for name, (main, count) in EXACT.items())]
    for name, main, count in rows:
        m = found[main]
        if count is not None:
            m = m._replace(parameters=(*m.parameters, *"ab")[:count], least=count, rest=False)
        found[name] = m._replace(name=name, same=m.same or m.name)
    return found


def kernel() -> Iterator[Meaning]:
    """The functions of the kernel."""
    for file, text in files("kernel", ".py"):
        if "@lisp(" not in text:
            continue
        for node in ast.parse(text).body:
            marks = [mark for mark in getattr(node, "decorator_list", ())
                     if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "lisp"]
            if marks and isinstance(node, ast.FunctionDef):
                names = tuple(a.arg for a in node.args.args)
                yield Meaning(ast.literal_eval(marks[0].args[0]), "function", names, len(names), False,
                              *parts(ast.get_docstring(node) or ""), file)


def python() -> Iterator[Meaning]:
    """The functions in Python that have names of Lisp, but for those that are in the kernel now."""
    registry.Rows.of_all()
    for name, row in registry.BUILTINS.items():
        if name.startswith("text ") or name in OLDER:
            continue
        function = getattr(row.function, "__wrapped__", row.function)
        code = function.__code__
        names = tuple(n.rstrip("_").replace("_", "-") for n in code.co_varnames[1:code.co_argcount])
        if row.most >= 0:
            names = (*names, *(f"argument{k + 1}" for k in range(len(names), row.most)))[:row.most]
        _, said, examples = parts(row.function.__doc__ or "")
        yield Meaning(name, "function", names, row.least, row.most < 0, "", said, examples,
                      f"builtins/{registry.MODULES_OF[name]}.py",
                      registry.MAIN_NAMES.get(name, ""))


def library() -> Iterator[Meaning]:
    """The functions and macros of the library."""
    for file, text in files("lisp/library", ".lsp"):
        for comment, kind, name, given in DEFINITION.findall(text):
            every = [plain(n) for n in given.strip("()").split() if n != "nil"]
            names = tuple(n for n in every if n != "&optional")
            least = every.index("&optional") if "&optional" in every else len(every)
            syntax, said, examples = parts("\n".join(line.lstrip("% ") for line in comment.splitlines()))
            if kind == "de":  # what it is may be said by a form
                yield Meaning(plain(name), "function", names, least, False, "", said or f"`{syntax}`.", examples, file)
            else:
                yield Meaning(plain(name), "macro", names, len(names), False, syntax, said, examples, file)


def special_forms() -> Iterator[Meaning]:
    """The special forms: a method of the compiler each, or a row beside those."""
    methods = {SPECIAL_NAMES.get(a[5:], a[5:].rstrip("_").replace("_", "-")): getattr(Forms, a)
               for a in dir(Forms) if a.startswith("form_")}
    for name in (*SPECIAL_FORMS, *DISPLACEABLE):
        method = methods.get(name.removeprefix("~") if name != "~block" else name, Forms.form_quote)
        module = Forms.__module__ if name in MEANINGS else method.__module__
        yield Meaning(name, "special form", (), 0, True, *parts(MEANINGS.get(name) or method.__doc__ or ""),
                      f"lisp/{module.rpartition('.')[2]}.py")


def files(folder: str, ending: str) -> Iterator[tuple[str, str]]:
    """The sources in a folder of the package: path in it, and text."""
    for name in sorted(os.listdir(os.path.join(PACKAGE, *folder.split("/")))):
        if name.endswith(ending):
            with open(os.path.join(PACKAGE, *folder.split("/"), name), encoding="utf-8") as file:
                yield f"{folder}/{name}", file.read()


def plain(name: str) -> str:
    """A name without the escapes of Lisp text."""
    return re.sub("!(.)", r"\1", name)


__all__ = ["Example", "Meaning", "meaning_of", "meanings", "written"]
