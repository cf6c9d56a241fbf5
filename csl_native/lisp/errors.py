"""Errors: CSL's messages, and the state that errorset and friends keep."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from ..heap.objects import SYM_ENV, SYM_SPARE
from ..heap.vm import UNWIND_ERROR
from ..heap.words import CONS, VECTOR
from ..kernel.memory import NIL
from ..runtime.machine import Unwinding
from ..system.process import said
from .streams import Collector, Output

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..app.breaks import Breaks
    from .lisp import Lisp


# Of a back-trace: nothing, the functions, and their arguments; those of compiled functions only, as the original's top
# level does.
QUIET, NAMES, VALUES, COMPILED = range(4)
NARROWEST = 20  # columns of a line that messages are broken into
MOST_PIECES = 20000  # of one value in a message
MOST_FRAMES = 40  # a back-trace says how many more there are
MOST_RAISED = 16  # exceptions that are known at once to have become Lisp errors
# What Python code of the Lisp may raise that is an error of the program's.
INTERNAL = (RecursionError, MemoryError, ValueError, OverflowError, OSError, ZeroDivisionError)


class CompileError(Exception):
    """A form that cannot be compiled: message and offending value."""

    def __init__(self, message: str, value: int | None = None, bare: bool = False) -> None:
        super().__init__(message)
        self.message, self.value, self.bare = message, value, bare


class Errors:
    """Signals errors for a Lisp; ``show`` says whether messages are printed."""

    def __init__(self, lisp: Lisp) -> None:
        self.lisp = lisp
        self._said: Output | None = None
        cage = lisp.machine.cage
        cage["error_shown"], cage["error_trace"], cage["errorset_least"], cage["errorset_most"] = 1, QUIET, 0, 3
        self.left = self.signalled = 0
        # what has the messages that are printed in place of the output, where they are kept apart
        self.stream: Output | None = None
        self._opens: Breaks | None = None
        self.fresh = False  # was a message written, and nobody has looked at the error since?
        # exceptions that became errors, by their messages; was one caught?
        self.raised: list[tuple[int, BaseException, bool]] = []
        lisp.machine.hold(self)

    @property
    def show(self) -> bool:
        return self.lisp.machine.cage["error_shown"] != 0

    @show.setter
    def show(self, shown: bool) -> None:
        self.lisp.machine.cage["error_shown"] = int(shown)

    @property
    def trace(self) -> int:
        """What an error that is shown says of the functions it leaves."""
        return self.lisp.machine.cage["error_trace"]

    @trace.setter
    def trace(self, kind: int) -> None:
        self.lisp.machine.cage["error_trace"] = kind

    @property
    def said(self) -> Output | None:
        """What has the messages in place of the output, because they become exceptions."""
        return self._said

    @said.setter
    def said(self, out: Output | None) -> None:
        self._said = out
        self._tell()

    @property
    def opens(self) -> Breaks | None:
        """Break levels, where an error that nobody catches opens one."""
        return self._opens

    @opens.setter
    def opens(self, breaks: Breaks | None) -> None:
        self._opens = breaks
        self._tell()

    def _tell(self) -> None:
        """The kernel has errorset but where that changes what errors do here."""
        self.lisp.machine.cage["error_aside"] = int(self._said is not None or self._opens is not None)

    def held_words(self) -> Iterable[int]:
        return [word for word, _, _ in self.raised]

    @property
    def out(self) -> Output:
        """Where messages go."""
        return self.said if self.said is not None else self.stream if self.stream is not None else self.lisp.output

    @contextlib.contextmanager
    def aside(self, told: Output | None = None) -> Iterator[None]:
        """Errors become exceptions, which have their messages: nothing is printed, until an errorset or the top level
        prints.  ``told``: what has the message of one already.
        """
        before = self.said, self.show
        self.said, self.show = Collector() if told is None else told, True
        try:
            yield
        finally:
            self.said, self.show = before

    @contextlib.contextmanager
    def printed(self) -> Iterator[None]:
        """Errors are caught here, and printed if they are shown."""
        before, self.said = self.said, None
        try:
            yield
        finally:
            self.said = before

    def caught(self, form: int, level: int, backtrace: int) -> int:
        """errorset at a level: a list of the value of a form, or the number of an error."""
        lisp, m = self.lisp, self.lisp.machine
        before = self.show, self.trace, self.opens
        self.show, self.opens = level > 0, None
        self.trace = (QUIET if level < 3 else VALUES if backtrace == m.intern("values") else NAMES if lisp.words is None
                      else COMPILED)
        sp, bp = m.cage["sp"], m.cage["bp"]
        try:
            with self.printed():
                return m.cons(lisp.eval(form), NIL)
        except Unwinding:
            if m.cage["unwind_kind"] != UNWIND_ERROR:
                raise
            lisp.settle(sp, bp)
            number = m.cage["unwind_tag"]
            return number if number & 7 != CONS else NIL
        except INTERNAL as error:  # from Python code between here and the kernel
            lisp.settle(sp, bp)
            with self.printed():
                self.internal(error)
            return NIL
        finally:
            self.show, self.trace, self.opens = before
            self.fresh = False

    # -- exceptions -------------------------------------------------------------------

    def internal(self, error: BaseException) -> Unwinding:
        """An error for an exception of the Lisp's own Python code."""
        if isinstance(error, RecursionError):
            text = "Stack overflow"
        elif isinstance(error, MemoryError):
            text = "Memory exhausted"
        elif isinstance(error, OSError) and error.strerror:
            text = error.strerror if error.filename is None else said(error)
        else:
            text = str(error) or type(error).__name__
        unwinding = self.loud(text)
        # there is no room for a break level
        self.fresh = self.fresh and not isinstance(error, RecursionError | MemoryError)
        if not isinstance(error, MemoryError):
            m = self.lisp.machine
            m.cage["unwind_value"] = m.cons(NIL, NIL)
            self._remember(m.cage["unwind_value"], error, True)
        return unwinding

    def python(self, error: Exception) -> Unwinding:
        """An error for an exception of Python code that Lisp called; its message is a string that stands for the
        exception.
        """
        m, text = self.lisp.machine, str(error)
        if type(error).__name__ == "LispError":
            text = text.partition("+++ Error")[2].lstrip(" :") if text.startswith("+++ Error") else text
        else:
            text = f"{type(error).__name__}: {text}" if text else type(error).__name__
        word = m.string(text)
        self.loud(text)
        m.set_value(m.intern("emsg*"), word)
        self._remember(word, error, False)
        return self.signal(NIL, word)

    def _remember(self, word: int, error: BaseException, caught: bool) -> None:
        self.raised.append((word, error, caught))
        del self.raised[:-MOST_RAISED]

    def again(self, message: int) -> None:
        """A program signals an error: is its message, or an element of it, that of an exception that it caught?"""
        m, found = self.lisp.machine, {word: error for word, error, _ in self.raised}
        if found:
            parts = [message, *m.items(message)] if message & 7 == CONS else [message]
            error = next((found[part] for part in parts if part in found), None)
            if error is not None:
                self._remember(message, error, True)

    def taken(self, message: int) -> tuple[BaseException | None, bool]:
        """The exception behind an error that nobody caught, and whether the program caught that and signalled another
        error.
        """
        return next(((error, caught) for word, error, caught in reversed(self.raised) if word == message),
                    (None, False))

    def told(self) -> str:
        """The text of the last error, which was set aside."""
        return self.said.text().strip() if isinstance(self.said, Collector) else ""

    def begin(self) -> Output:
        """Where the message of an error goes that begins here."""
        self.fresh = True
        if self.said is not None:
            self.said = Collector()
        return self.out

    def signal(self, number: int = NIL, message: int = NIL) -> Unwinding:
        """Describe an error in the VM block; the caller raises the result."""
        self.signalled += 1
        cage = self.lisp.machine.cage
        cage["unwind_kind"], cage["unwind_tag"], cage["unwind_value"] = UNWIND_ERROR, number, message
        return Unwinding()

    def begin_trace(self) -> None:
        """From here on the kernel tells which functions the error leaves, when somebody wants to read that."""
        if self.show and self.trace != QUIET:
            self.left = 0
            self.lisp.machine.cage["tracing"] = 1

    def inside(self, env: int, fp: int) -> None:
        """A function is left by an error: a line of the back-trace."""
        lisp = self.lisp
        if lisp.machine.cage["unwind_kind"] != UNWIND_ERROR:
            return
        symbol = lisp.lisp_of_env(env)
        if symbol is None:
            return  # a form at the top level
        if (self.trace == COMPILED and lisp.machine.field(symbol, SYM_SPARE) & 7 == CONS or lisp.words is not None
            and lisp.is_link(env)):
            return
        self.leave(symbol, self.arguments(env, fp))

    def leave(self, symbol: int, arguments: list[int]) -> None:
        """The lines of a back-trace for a function."""
        self.left += 1
        if self.left <= MOST_FRAMES:
            text = self.lisp.printer.text
            self.out.write(("\n" if self.out.column else "") + f"Inside: {text(symbol)}\n")
            if self.trace != NAMES:
                self.out.write("".join(f"Arg{k}: {text(value)}\n"
                                       for k, value in enumerate(self.lisp.machine.steps(arguments), 1)))

    def evaluating(self, form: int) -> None:
        """An argument of a call that is evaluated was left by an error."""
        cage = self.lisp.machine.cage
        if (cage["unwind_kind"] == UNWIND_ERROR and self.trace in (VALUES, COMPILED) and self.lisp.words is not None
            and cage["tracing"]):
            self.left += 1
            if self.left <= MOST_FRAMES:
                self.out.write(f"\nEvaluating: {self.lisp.printer.text(form)}")

    def arguments(self, env: int, fp: int) -> list[int]:
        """What the parameters hold in a frame; none when the function has no frame, as optimised code."""
        m = self.lisp.machine
        if fp == 0 or env & 7 != VECTOR:
            return []
        data = m.raw(m.field(env, 8 - VECTOR))
        return m.row(fp, data[1] + data[2])

    def running(self) -> None:
        """Print the functions that are running, the innermost first.

        Frames have no links: every running function keeps its literal vector on the machine stack, to name itself when
        an error leaves it, and that is what is looked for.  So each function is named once, and one that has just
        returned may be, too.
        """
        lisp, m = self.lisp, self.lisp.machine
        names = {m.field(s, SYM_ENV): s for s in m.steps(m.interned()) if lisp.is_bytecoded(s)}
        found = [names[env] for env in m.steps(m.stack_words()) if env in names]
        # the outermost place counts: what is left over in dead slots lies further in
        for symbol in reversed(dict.fromkeys(reversed(found))):
            lisp.output.write(f"Inside: {lisp.printer.text(symbol)}\n")

    def end_trace(self) -> None:
        cage = self.lisp.machine.cage
        if cage["tracing"]:
            cage["tracing"] = 0
            if self.left > MOST_FRAMES:
                self.out.write(f"... and {self.left - MOST_FRAMES} more\n")

    def loud(self, text: str, *values: int) -> Unwinding:
        """``+++ Error TEXT values`` on a line of its own after a line break."""
        return self._message("\n+++ Error " + text, values)

    def plain(self, text: str, *values: int) -> Unwinding:
        """``+++ Error: TEXT values`` where the column happens to be."""
        return self._message("+++ Error: " + text, values)

    def bare(self, text: str, *values: int) -> Unwinding:
        """``+++ Error TEXT values`` where the column happens to be."""
        return self._message("+++ Error " + text, values)

    def _message(self, text: str, values: tuple[int, ...]) -> Unwinding:
        if self.show:
            out = self.begin()
            out.write(text)
            for value in self.lisp.machine.steps(values):
                self.put(" ")
                self.value(value)
            out.write("\n")
            self.begin_trace()
        return self.signal()

    def put(self, text: str) -> None:
        """A piece of a message: on the next line when this one has no room for it, a blank too, as the original does it
        here.
        """
        out = self.out
        if NARROWEST <= out.width < out.column + len(text):
            out.write("\n")
        out.write(text)

    def value(self, x: int) -> None:
        """A value in a message: vectors are not shown in full, nor very long or circular lists."""
        m, room = self.lisp.machine, MOST_PIECES
        work: list[tuple[int, bool]] = [(x, False)]  # values, and whether one is the rest of a list
        while work:
            piece, rest = work.pop()
            m.look()
            room -= 1
            if rest and piece == NIL:
                self.put(")")
            elif rest and (piece & 7 != CONS or room <= 0):
                for text in (" ", ".", " ") if piece & 7 != CONS else (" ",):
                    self.put(text)
                self.put("..." if piece & 7 == CONS else self.brief(piece))
                self.put(")")
            elif piece & 7 != CONS:
                self.put(self.brief(piece))
            elif room <= 0:
                self.put("...")
            else:
                self.put(" " if rest else "(")
                work += [(m.cdr(piece), True), (m.car(piece), False)]

    def brief(self, x: int) -> str:
        """Anything but a pair in a message."""
        return "%(...)" if x & 7 == VECTOR else self.lisp.printer.atom(x, True)

    def wrong_count(self, env: int, given: int, least: int | None = None) -> Unwinding:
        """A function called with a number of arguments that it does not take."""
        name, wanted = self.lisp.arity(env)
        symbol = self.lisp.lisp_of_env(env)
        # as in interpreted functions
        if env & 7 == VECTOR and (symbol is None or self.lisp.machine.field(symbol, SYM_SPARE) & 7 == CONS):
            if least is None:
                least = self.lisp.machine.raw(self.lisp.machine.field(env, 8 - VECTOR))[0]
            if self.show:
                self.begin().write(f"\n+++ Error {'not enough' if given < least else 'too many'} arguments provided: ")
                self.begin_trace()
            return self.signal()
        if wanted is not None and wanted > 3 < given:
            if self.show:
                self.begin().write(f"\n+++ Error wrong number of arguments: {name}\n{given}\n")
                self.begin_trace()
            return self.signal()
        if wanted is not None:
            text = (f"{given if given <= 3 else 'more than three'} args where "
                    f"{wanted if wanted <= 3 else 'more then three'} wanted")
        else:
            text = f"incorrectly with {given if given <= 3 else 'more than 3'} args"
        if self.show:
            self.begin().write(f"\nCalling {name}\n+++ Error bad args for Function called "
                                f"{'with ' if wanted is not None else ''}{text}\n")
            self.begin_trace()
        return self.signal()
