"""Break levels: what a terminal shows when a form has failed, while what failed stands still.

An error that no errorset catches opens one where it was signalled: the message, numbered restarts, the functions that
run with their arguments and variables.  What is typed is evaluated, in the frame that was chosen; an error there opens
the next level.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..heap.objects import F_FLUID, F_GLOBAL, SYM_SPARE
from ..heap.vm import UNWIND_ERROR, VM
from ..heap.words import SYMBOL, UNWIND
from ..kernel.host import (
    H_BAD_ARITH,
    H_CALL,
    H_DEEP,
    H_FATAL_MEMORY,
    H_INTERRUPT,
    H_MEMORY_FULL,
    H_NO_MEMORY,
    H_STACK_OVERFLOW,
    H_UNDEFINED,
    H_UNSET,
    H_WRONG_COUNT,
    OPERATIONS,
)
from ..kernel.memory import NIL
from ..lisp.leaving import Leave
from ..lisp.reader import ReadError
from ..lisp.streams import EOF_CHAR, Input
from ..runtime.machine import Unwinding
from .activations import Activation, Activations, held

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp

HELP = """NUMBER [FORM]  take a restart        :frame N  look at frame N; :up, :down one further out or in
:b  frames     :l  variables         :q or abort  back to the prompt; Control-D  to the level before
FORM           is evaluated with the variables of the frame, which setq sets"""
# there is no room for another program to run
SPENT = (H_STACK_OVERFLOW, H_DEEP, H_MEMORY_FULL, H_FATAL_MEMORY, H_NO_MEMORY)
TAKES = (H_CALL, H_UNDEFINED, H_UNSET, H_WRONG_COUNT)  # requests whose answer is the value of what failed
NUMBERS = ("plus", "difference", "times", "quotient", "remainder")  # operations that may be given another number
PATIENCE = 0.3  # seconds in which an interrupted program comes to a place where others can run
SHOWN = 12  # frames that are shown at once
COMMAND = re.compile(r"(:[a-z?]+|[0-9]+|abort)(?:[ \t]+([^\n]*))?[ \t]*\n")


@dataclass
class Restart:
    """One way to go on; ``wants``: what somebody has to say for it."""

    text: str
    take: Callable[[int], int]
    wants: str = ""


class Breaks:
    """The break levels of one Lisp on a terminal."""

    def __init__(self, lisp: Lisp) -> None:
        self.lisp, self.m = lisp, lisp.machine
        self.stream: Input = lisp.standard_input
        self.depth = 0
        self.forms: list[int] = []  # that are evaluated at each level
        self.made = False  # is the last one evaluated with the variables of a frame?
        self.activations: list[list[Activation]] = []
        self.selected = 0
        self.until = 0  # where on the machine stack what runs below the innermost level begins
        self.given_value = False  # was its value given by somebody?
        self.left = False  # did somebody leave the form that was typed last, and knows it?
        self.interrupted: float | None = None  # since when the program is wanted to stand still
        self.m.hold(self)

    def held_words(self) -> list[int]:
        return [*self.forms, *(each.env for level in self.activations for each in level)]

    def evaluate(self, form: int, stream: Input, typed: int | None = None) -> int | None:
        """The value of a form that was typed, or made of one that was; None after an error that was left."""
        lisp, level = self.lisp, self.depth
        self.stream, self.left, self.given_value = stream, False, False
        self.forms.append(form if typed is None else typed)
        self.made = typed is not None
        before, lisp.errors.opens = lisp.errors.opens, self
        sp, bp = self.m.cage["sp"], self.m.cage["bp"]
        try:
            while True:
                try:
                    return lisp.protect(self.failing(lambda: lisp.eval(form)))  # type: ignore[no-any-return]
                except Leave as leave:
                    lisp.settle(sp, bp)
                    if leave.level != level:
                        raise
                    self.left, self.given_value = leave.value is None, leave.value is not None
                    if not leave.again:
                        return leave.value
        finally:
            lisp.errors.opens, self.interrupted = before, None
            self.forms.pop()

    def failing(self, function: Callable[[], int]) -> Callable[[], int]:
        """An error that comes up in Python, outside of all functions, opens a level as well."""
        def run() -> int:
            try:
                return function()
            except Unwinding:
                if (value := self.failed(H_CALL, NIL, 0, 0, False)) == UNWIND:
                    raise
                return value
        return run

    # -- when to open ----------------------------------------------------------------------

    def failed(self, code: int, a: int, b: int, c: int, goes_on: bool = True) -> int:
        """A request of the kernel has failed: what goes on in place of it, or UNWIND."""
        errors, m = self.lisp.errors, self.m
        fresh, errors.fresh = errors.fresh, False
        if (not fresh or m.cage["unwind_kind"] != UNWIND_ERROR or errors.said is not None
            or m.value(m.intern("*break")) == NIL):
            return UNWIND
        if code in SPENT or code == H_INTERRUPT:
            return UNWIND
        restarts = []
        if goes_on and code in TAKES:
            restarts.append(Restart(f"give a value for {self.subject(code, a, b, c)}, and go on", lambda value: value,
                                    "value"))
        elif goes_on and code == H_BAD_ARITH and OPERATIONS[a] in NUMBERS:
            restarts.append(Restart(f"give a number for ({OPERATIONS[a]} {self.shown(b)} {self.shown(c)}), and go on",
                                    self.number, "number"))
        return self.open(restarts, (0, 24 if b < 4 else 8 * (2 * b - 3)) if code == H_CALL and goes_on else (0,))

    def subject(self, code: int, a: int, b: int, c: int) -> str:
        """What failed."""
        if code == H_CALL:
            name = self.lisp.builtins.names[self.m.words[a + SYM_SPARE >> 3] >> 3]
            return f"({' '.join([name, *map(self.shown, self.m.words[c >> 3:(c >> 3) + b].tolist())])})"
        name = self.shown(a) if a & 7 == SYMBOL else "the call"
        return name if code == H_UNSET else f"this call of {name}" if a & 7 == SYMBOL else name

    def number(self, value: int) -> int:
        if not self.lisp.is_number(value):
            raise ValueError(f"a number expected, not {self.shown(value)}")
        return value

    def defer(self) -> bool:
        """The program was interrupted: let it run on to where it can stand still, unless it takes too long."""
        if not self.m.interrupted or self.m.value(self.m.intern("*break")) == NIL:
            return False
        now = time.monotonic()
        self.interrupted = self.interrupted or now
        if now - self.interrupted > PATIENCE:
            self.interrupted = None
            return False
        self.m.words[VM["gc_request"] >> 3] |= 1
        self.m.stop()
        return True

    def stands(self) -> int:
        """A safepoint, where an interrupted program stands still."""
        self.interrupted = None
        self.m.interrupted = self.m.attention = False
        self.lisp.interruptions += 1
        self.lisp.output.write("\n+++ Interrupted\n")
        return self.open([Restart("go on", lambda value: NIL)])

    # -- a level ---------------------------------------------------------------------------

    def leave(self, level: int, again: bool, value: int | None) -> int:
        raise self.lisp.leave(Leave(level, again, value))

    def aborting(self, level: int) -> Restart:
        return Restart(f"abort: back to {f'break level {level}' if level else 'the prompt'}",
                       lambda value: self.leave(level, False, None))

    def open(self, restarts: list[Restart], pushed: tuple[int, ...] = (0,)) -> int:
        """Read and evaluate until a restart is taken; what goes on in place of what failed."""
        m, cage, lisp = self.m, self.m.cage, self.lisp
        printing = lisp.s_outputs[0]
        kept = cage["sp"], cage["engine_sp"], m.left_at, lisp.prompt, self.selected, lisp.input, self.until
        output = m.value(printing)
        cage["tracing"] = 0
        level = self.depth
        typed = self.shown(self.forms[level])
        restarts = [*restarts, Restart(f"evaluate {typed} again", lambda value: self.leave(level, True, None)),
                    Restart(f"give a value in place of {typed}", lambda value: self.leave(level, False, value),
                            "value")]
        restarts += [self.aborting(k) for k in range(level, -1, -1)]
        self.depth += 1
        with m.scope():
            try:
                self.activations.append(self.running(pushed))
                self.until = m.left_at
                self.selected = 0
                lisp.prompt = f"break {self.depth}> "
                m.set_value(printing, NIL)
                self.introduce(restarts, lisp.input)
                return self.converse(restarts)
            finally:
                self.depth = level
                self.activations.pop()
                cage["sp"], cage["engine_sp"], m.left_at, lisp.prompt, self.selected, lisp.input, self.until = kept
                m.set_value(printing, NIL if output is None else output)

    def running(self, pushed: tuple[int, ...]) -> list[Activation]:
        """The functions that run, without the one that a form was made into which knows a frame's variables."""
        outer = self.activations[-1] if self.activations else []
        found = Activations(self.lisp).found(self.until, pushed, outer)
        new = found[:len(found) - len(outer)]
        while self.made and new and new[-1].name == "lambda":
            new.pop()
        return [*new, *outer]

    def say(self, *lines: str) -> None:
        out = self.lisp.terminal
        out.write(("\n" if out.column else "") + "".join(line + "\n" for line in lines))

    def introduce(self, restarts: list[Restart], source: Input) -> None:
        if source is not self.stream and source.name:
            self.say(f"in {source.name}, before the end of line {source.here()}")
        self.say(*(f"  {k}  {restart.text}" for k, restart in enumerate(restarts, 1)))
        self.say(*self.frames())

    def converse(self, restarts: list[Restart]) -> int:
        lisp, stream = self.lisp, self.stream
        lisp.input = stream
        while True:
            command = self.command()
            if command is None:
                stream.ended = False
                return restarts[-self.depth].take(NIL)
            name, rest = command
            try:
                if name in ("abort", ":q", ":abort"):
                    return restarts[-1].take(NIL)
                if name.isdigit():
                    if not 1 <= int(name) <= len(restarts):
                        raise ValueError(f"restarts are 1..{len(restarts)}")
                    restart = restarts[int(name) - 1]
                    value = self.given(restart.wants, rest) if restart.wants else NIL
                    if value is not None:
                        return restart.take(value)
                elif name:
                    self.obey(name, rest)
                else:
                    value = self.form()
                    if value is not None:
                        self.show(value)
            except (ValueError, ReadError) as error:
                self.say(f"+++ {error}")

    def command(self) -> tuple[str, str] | None:
        """The command that the next line is; an empty one before a form, None at the end of the input."""
        stream = self.stream
        while True:
            while stream.peek() in " \t\n":
                stream.next()
            if stream.peek() == EOF_CHAR:
                return None
            found = COMMAND.match(stream.buffer, stream.position)
            if found is None:
                return "", ""
            stream.position = found.end()
            return found[1], (found[2] or "").strip()

    def given(self, what: str, text: str) -> int | None:
        """The value of a form that a restart wants."""
        if text:
            return self.evaluated(self.lisp.reader.read(Input(text=text)))
        before, self.lisp.prompt = self.lisp.prompt, f"{what}> "
        try:
            return self.form()
        finally:
            self.lisp.prompt = before

    def form(self) -> int | None:
        """The value of the form that is read next; None after an error, or at the end."""
        lisp = self.lisp
        form = lisp.protect(lambda: lisp.reader.read(self.stream))
        return None if form is None or form == lisp.eof else self.evaluated(form)

    def show(self, value: int) -> None:
        self.say("")
        self.lisp.printer.limited(value, self.lisp.terminal)
        self.say("")

    def shown(self, value: int) -> str:
        return self.lisp.hints.shown(value)

    # -- frames ----------------------------------------------------------------------------

    def frames(self) -> list[str]:
        found = self.activations[-1]
        first = max(0, self.selected - SHOWN // 2)
        lines = [("* " if k == self.selected else "  ") + f"{k}: {self.call(each)}"
                 for k, each in list(enumerate(found))[first:first + SHOWN]]
        return lines + ([f"  ... and {len(found) - first - SHOWN} more"] if len(found) > first + SHOWN else [])

    def call(self, each: Activation) -> str:
        """A function as it was called."""
        name = self.lisp.printer.text(self.m.intern(each.name)) if each.name != "lambda" else each.name
        if not each.fp:
            return f"({name} ...)  its variables are not known"
        values = (self.look(each, k) for k in range(each.code.most + each.code.rest))
        return f"({' '.join([name, *('?' if v is None else self.shown(v) for v in values)])})"

    def look(self, each: Activation, number: int) -> int | None:
        return held(self.lisp, each, number)

    def variables(self) -> list[str]:
        found = self.activations[-1]
        if not found:
            return ["no function is running"]
        each = found[self.selected]
        if not each.fp:
            return [f"{each.name}: its variables are not known in native code (csl --native=off has them)"]
        lines = []
        for k in range(each.code.locals):
            value, names = self.look(each, k), each.names.get(k, ())
            if names or value is not None and not each.names:
                name = " or ".join(self.lisp.printer.text(self.m.intern(name)) for name in names) or f"variable {k}"
                lines.append(f"{name} = {'no value yet' if value is None else self.shown(value)}")
        return lines or [f"{each.name} has no variables"]

    def obey(self, name: str, rest: str) -> None:
        found = self.activations[-1]
        if name in (":b", ":bt", ":frames"):
            self.say(*self.frames())
        elif name in (":l", ":locals"):
            self.say(*self.variables())
        elif name in (":up", ":down", ":frame", ":f"):
            to = self.selected + {":up": 1,
                                  ":down": -1}[name] if name in (":up",
                                                                 ":down") else int(rest) if rest.isdigit() else -1
            if not 0 <= to < len(found):
                raise ValueError(f"frames are 0..{len(found) - 1}" if found else "no function is running")
            self.selected = to
            self.say(f"* {to}: {self.call(found[to])}", *self.variables())
        else:
            self.say(HELP)

    def evaluated(self, form: int) -> int | None:
        """The value of a form in the selected frame; its variables are set to what the form leaves them as."""
        m, lisp, found = self.m, self.lisp, self.activations[-1]
        each = found[self.selected] if found and found[self.selected].fp else None
        rows = [(k, m.intern(name), value) for k, names in each.names.items()
                if (value := self.look(each, k)) is not None
                for name in names] if each is not None else []
        rows = [row for row in rows if m.is_variable(row[1]) and not m.flags(row[1]) & (F_FLUID | F_GLOBAL)]
        if not rows:
            return self.evaluate(form, self.stream)
        symbols = [symbol for _, symbol, _ in rows]
        body = m.list([m.intern("cons"), form, m.list([m.intern("list"), *symbols])])
        quoted = [m.list([lisp.s_quote, value]) for _, _, value in rows]
        made = self.evaluate(m.list([m.list([lisp.s_lambda, m.list(symbols), body]), *quoted]), self.stream, form)
        if made is None or self.given_value:
            return made
        assert each is not None
        for (k, _, before), after in zip(rows, list(m.items(m.cdr(made))), strict=False):
            if after != before:
                m.words[(each.fp >> 3) + k] = after
        return m.car(made)
