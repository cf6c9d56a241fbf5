"""What explains an error: said on the side, because the messages themselves are the original's.

On the command line that is standard error; where an error becomes an exception of Python, it is a part of that.
"""

from __future__ import annotations

import re

from ..heap.objects import SYM_ENV, SYM_SPARE
from ..heap.words import CONS, STRING, SYMBOL, VECTOR
from ..kernel.memory import NIL
from .registry import Builtin
from .streams import Shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .lisp import Lisp

# that are printed in one session: a program may make any number of errors, and looking through all names takes some
# milliseconds
MOST_HINTS = 50
MOST_WRITTEN = 20
LONGEST = 100  # letters of a name that is compared with others
MOST_SHOWN = 60  # characters of a value
SPECIAL = "-+*/?<>="  # characters of names in other Lisps, each of which is a symbol by itself here
NAME = r"[A-Za-z][A-Za-z0-9_]*(?:[-+*/?<>=]+[A-Za-z0-9_]*)+"
# What other Lisps have under names that this one does not have, and how it is said here.
LOOPS = "(prog (VARIABLE...) LABEL FORM... (go LABEL)), or do, dolist, dotimes"
SPECIALS = "(fluid '(NAME)), and then (setq NAME VALUE)"
ELSEWHERE = {
    "begin": "(progn FORM...)", "case": "cond", "decf": "(setq X (sub1 X))", "defparameter": SPECIALS,
    "defvar": SPECIALS, "define": "(de NAME (PARAMETER...) FORM...)", "display": "(prin2 X)", "first": "(car L)",
    "for": LOOPS, "incf": "(setq X (add1 X))", "loop": LOOPS, "pop": "(setq L (cdr L))", "printf": "(prin2 X)",
    "push": "(setq L (cons X L))", "remove": "(delete X L)", "require": "(load!-module 'NAME)", "rest": "(cdr L)",
    "second": "(cadr L)", "setf": "(setq X VALUE), (putv V K VALUE), (rplaca L VALUE) or (put NAME KEY VALUE)",
    "while": LOOPS,
}
MAPS = ("map", "mapc", "mapcar", "maplist", "mapcan", "mapcon")


class Hints:
    """Says, for one Lisp, what an error means; nothing when its message is not shown."""

    def __init__(self, lisp: Lisp) -> None:
        self.lisp, self.said = lisp, 0
        # the last names that were read in pieces, because they are written as in other Lisps
        self.written: list[str] = []
        self.head = ""  # of the form that is evaluated, the name of its function when there is none

    def wanted(self) -> bool:
        """Is anybody told?"""
        errors = self.lisp.errors
        return errors.show and (errors.said is not None or self.said < MOST_HINTS)

    def say(self, text: str) -> None:
        if self.wanted():
            self.said += self.lisp.errors.said is None
            self.lisp.hint(text)

    def shown(self, x: int) -> str:
        """A value as print writes it, or the beginning of that."""
        return self.lisp.printer.beginning(x, Shown(MOST_SHOWN))

    def value(self, x: int) -> str:
        """A value with what it is, where that cannot be seen."""
        kind = {SYMBOL: "the symbol ", CONS: "the list ", STRING: "the string ", VECTOR: "the vector "}.get(x & 7, "")
        return self.shown(x) if x == NIL else kind + self.shown(x)

    def evaluates(self, form: int) -> None:
        """A form of the program is evaluated: its arguments are, before its function is looked for."""
        m = self.lisp.machine
        head = m.car(form) if form & 7 == CONS else NIL
        self.head = "" if head & 7 != SYMBOL or self.lisp.is_defined(head) else m.text(head)

    # -- arguments -------------------------------------------------------------------------

    def expected(self, name: str, what: str, x: int) -> None:
        """An argument is not what a function takes."""
        if what and self.wanted():
            self.say(f"{name}: {what} expected, not {self.value(x)}")

    def refused(self, row: Builtin, arguments: list[int]) -> None:
        """A function of the registry does not take its arguments."""
        self.expected(row.called, *row.refused(self.lisp.machine, arguments))

    def number(self, name: str, *values: int) -> None:
        """One of these is no number; or a function takes no floats, or has nothing for these."""
        bad = next((x for x in self.lisp.machine.steps(values) if not self.lisp.is_number(x)), None)
        if bad is not None:
            self.expected(name, "a number", bad)

    def zero(self, name: str, a: int, b: int) -> None:
        if self.wanted():
            self.say(f"division by zero: ({name} {self.shown(a)} {self.shown(b)})")

    def index(self, name: str, vector: int, index: int) -> None:
        if index & 7:
            self.expected(name, "an index", index)
        elif self.wanted():
            last = int(self.lisp.machine.kernel.upbv(vector)) >> 3
            self.say(f"{name}: index {index >> 3}; the vector has {f'0..{last}' if last >= 0 else 'no elements'}")

    def count(self, env: int, given: int, least: int | None = None) -> None:
        """A function got another number of arguments than it takes."""
        if not self.wanted():
            return
        lisp, m = self.lisp, self.lisp.machine
        if env & 7 == VECTOR:
            fixed, all_of_them, rest = m.raw(m.field(env, 8 - VECTOR))[:3]
            few, many = fixed if least is None else least, -1 if rest else all_of_them
        elif (spare := m.field(env, SYM_SPARE) >> 3) < 0:
            few = many = -spare - 1
        else:
            row = lisp.builtins.get(spare)
            few, many = row.least, row.most
        self.say(f"{lisp.arity(env)[0]}: {arguments(few, many)} expected, {given or 'none'} given")

    # -- names -----------------------------------------------------------------------------

    def read(self, text: str, at: int) -> None:
        """The reader takes a character for a symbol of its own that stands right behind a letter."""
        start = at
        while start and (text[start - 1].isalnum() or text[start - 1] in SPECIAL + "_"):
            start -= 1
        if text[start].isalpha() and (found := re.compile(NAME).match(text, start)):
            self.written.append(found.group())
            del self.written[:-MOST_WRITTEN]

    def unknown(self, symbol: int, function: bool) -> None:
        """A name is not known: how it is written, if it was written as in other Lisps, or which known one is nearest to
        it.
        """
        lisp, m = self.lisp, self.lisp.machine
        if not self.wanted():
            return
        name = m.text(symbol)
        if name in SPECIAL and (written := next((each for each in reversed(self.written) if name in each), "")):
            self.say(spelling(written))
            return
        elsewhere = name if function else self.head
        if elsewhere in ELSEWHERE:
            self.say(f"{elsewhere} is of other Lisps; here it is {ELSEWHERE[elsewhere]}")
            return
        nearest, least = "", reach(len(name)) + 1
        for s in m.steps(m.interned()):
            if s == symbol or abs(len(known := m.text(s)) - len(name)) >= least or len(known) < 2 or (
                    not lisp.is_defined(s) if function else m.value(s) is None):
                continue
            if (d := distance(name, known, least)) < least:
                nearest, least = known, d
        if nearest:
            self.say(f"{lisp.printer.text(symbol)}: did you mean {lisp.printer.text(m.symbol(nearest))}?")

    def mapped(self) -> None:
        """A function has failed on what it was called with: was it a map function whose arguments are the other way
        round?
        """
        m = self.lisp.machine
        if self.wanted():
            running = {m.field(m.intern(name), SYM_ENV): name for name in MAPS}
            found = next((running[word] for word in m.steps(m.stack_words()) if word in running), "")
            if found:
                self.say(f"{found} takes the list first, and then the function: ({found} LIST FUNCTION)")

    def definition(self, kind: str, name: int, parameters: int) -> None:
        """A function is defined; what is odd about that is taken, as by the original."""
        lisp, m = self.lisp, self.lisp.machine
        names = [x for x in m.items(parameters) if x & 7 == SYMBOL] if parameters & 7 == CONS else []
        if not self.wanted():
            return
        if parameters != NIL and parameters & 7 != CONS or any(m.text(x) in SPECIAL for x in m.steps(names)):
            written = ([each for each in self.written if each.startswith(m.text(name))
                        and not each[len(m.text(name))].isalnum()] or self.written)
            if written:
                self.say(f"{kind}: this defines {self.shown(name)}; {spelling(written[-1])}")
            else:
                self.expected(f"{kind} {self.shown(name)}", "a list of parameters", parameters)
        met: set[int] = set()
        for x in m.steps(names):
            if x in met:
                self.say(f"{kind} {self.shown(name)}: {self.shown(x)} stands twice among the parameters; the last one "
                         "counts")
            elif not m.is_variable(x):
                self.say(f"{kind} {self.shown(name)}: {self.shown(x)} is a constant and cannot be a parameter: every "
                         "call is an error")
            met.add(x)
        if (not lisp.is_bytecoded(name) and lisp.is_defined(name)
            and any(symbol == name for symbol, _ in lisp.compiler.open)):
            self.say(f"{self.shown(name)} is a system function that compiled code has in line: what is compiled goes "
                     "on with the system's")


def arguments(least: int, most: int) -> str:
    """How many arguments there are, in words."""
    if most < 0:
        return f"at least {arguments(least, least)}" if least else "any number of arguments"
    number = str(most) if least == most else f"{least}..{most}"
    return f"{number if most else 'no'} argument{'' if most == 1 and least == 1 else 's'}"


def spelling(name: str) -> str:
    """How a name is written here that was written as in other Lisps."""
    special = next(c for c in name if c in SPECIAL)
    written = "".join(c if c.isalnum() or c == "_" else "!" + c for c in name)
    return f"in a name, {special} is written !{special}: write {written}"


def reach(length: int) -> int:
    """How many letters of a name may be wrong in which the intended one is still seen."""
    return 0 if length < 3 or length > LONGEST else 1 if length < 6 else 2 if length < 12 else 3


def distance(a: str, b: str, most: int) -> int:
    """How many letters are missing, too many, others, or in the other order beside each other; ``most`` when there are
    so many or more.
    """
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a):
        last, before, row = before, row, [i + 1]
        for j, y in enumerate(b):
            best = min(row[j] + 1, before[j + 1] + 1, before[j] + (x != y))
            if i and j and x == b[j - 1] and y == a[i - 1]:
                best = min(best, last[j - 1] + 1)
            row.append(best)
        if min(row) >= most:
            return most
    return min(row[-1], most)
