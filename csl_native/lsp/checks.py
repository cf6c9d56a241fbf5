"""What can be said of a program without running it.

Functions that nobody defines, and calls with a wrong number of arguments.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..lisp.hints import arguments
from ..lisp.meanings import meaning_of, written
from .source import MANY, Definition, Node, Problem

# Special forms and macros whose arguments are forms, from which one on.
FORMS = {
    "progn": 1,
    "prog1": 1,
    "prog2": 1,
    "and": 1,
    "or": 1,
    "if": 1,
    "when": 1,
    "unless": 1,
    "return": 1,
    "setq": 2,
    "catch": 1,
    "unwind-protect": 1,
    "return-from": 2,
    "the": 2,
    "tagbody": 1,
    "block": 2,
}
LETS = {"let", "let*", "~let", "prog", "lambda"}
LOOPS = {"dolist", "dotimes"}
DEEPEST = 300  # forms inside of each other that are looked at


class Checker:
    """Looks at the forms of one text; ``known`` are the definitions of all texts that belong together."""

    def __init__(self, known: Mapping[str, Definition]) -> None:
        self.known = known
        self.problems: list[Problem] = []

    def check(self, forms: Iterable[Node]) -> list[Problem]:
        for form in forms:
            self.form(form, frozenset(), 0)
        return self.problems

    def every(self, forms: Iterable[Node], bound: frozenset[str], depth: int) -> None:
        for form in forms:
            self.form(form, bound, depth)

    def form(self, form: Node, bound: frozenset[str], depth: int) -> None:
        """A form that is evaluated; ``bound``: names of variables and local functions."""
        if form.kind != "list" or not form.items or depth > DEEPEST:
            return
        head, rest, depth = form.head, form.items[1:], depth + 1
        if not head:
            if form.items[0].head == "lambda":
                self.form(form.items[0], bound, depth)
            self.every(rest, bound, depth)
        elif head in bound:
            self.every(rest, bound, depth)
        elif head in ("de", "defun"):
            if len(rest) > 2:
                self.body(rest[1], rest[2:], bound, depth)
        elif head in LETS or head in LOOPS:
            if rest:
                self.binding(head, rest, bound, depth)
        elif head == "cond":
            for clause in rest:
                self.every(clause.items, bound, depth)
        elif head == "function":
            self.every([each for each in rest if each.head == "lambda"], bound, depth)
        elif head in FORMS:
            self.every(form.items[FORMS[head] :], bound, depth)
        elif self.call(form, head, len(rest)):
            self.every(rest, bound, depth)

    def body(self, parameters: Node, forms: list[Node], bound: frozenset[str], depth: int) -> None:
        names = {(each.items[0] if each.items else each).text for each in parameters.items}
        self.every(forms, bound | names, depth)

    def binding(self, head: str, rest: list[Node], bound: frozenset[str], depth: int) -> None:
        """let and what is like it."""
        if head in LOOPS:
            self.every(rest[0].items[1:], bound, depth)
            self.every(rest[1:], bound | {each.text for each in rest[0].items[:1]}, depth)
            return
        if head not in ("prog", "lambda"):
            for each in rest[0].items:
                self.every(each.items[1:], bound, depth)
        self.body(rest[0], rest[1:], bound, depth)

    def call(self, form: Node, name: str, given: int) -> bool:
        """A call; are its arguments forms, as far as is known?"""
        place = form.items[0]
        if mine := self.known.get(name):
            if mine.kind == "variable":
                return True
            least, most, kind = mine.least, mine.most, mine.kind
        elif found := meaning_of(name):
            least, most, kind = found.least, MANY if found.rest else max(len(found.parameters), found.least), found.kind
        else:
            text = f"{written(name)}: no function of this name is defined in the files that are open, nor in the system"
            self.problems.append(Problem(place.start, place.end, text, False))
            return True
        if kind != "function":
            return False
        if given < least or most != MANY and given > most:
            text = f"{written(name)}: {arguments(least, most)} expected, {given or 'none'} given"
            self.problems.append(Problem(form.start, form.end, text))
        return True


__all__ = ["Checker"]
