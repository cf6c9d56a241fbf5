"""The debugger from Lisp: breakpoint, unbreakpoint, watchpoint, debug, and its prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..instructions.codec import disassemble
from ..kernel.memory import NIL, T
from ..lisp.registry import Fixnum, Text, Value, builtin
from ..lisp.streams import EOF_CHAR, Input
from ..runtime.debugger import Debugger
from .images import session_of

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp
    from ..runtime.debugger import Debugger, Stop

HELP = """s step   n step over calls   f finish this function   c go on   t back-trace   l locals   o operands   x
bytecode
b NAME [OFFSET] breakpoint   d NAME no breakpoints in a function   w NAME watch a variable   e FORM evaluate   q
abandon the program"""


def debugger(lisp: Lisp) -> Debugger:
    """The session's debugger, attached, with the prompt as its front end."""
    if lisp.debugger is None:
        Debugger(session_of(lisp), Prompt(lisp)).attach()
    found: Debugger = lisp.debugger
    return found


class Prompt:
    """Reads commands from the standard input of the Lisp while the program stands still."""

    def __init__(self, lisp: Lisp) -> None:
        self.lisp = lisp

    def line(self) -> str | None:
        text, stream = "", self.lisp.standard_input
        while (c := stream.next()) not in ("\n", EOF_CHAR):
            text += c
        return None if c == EOF_CHAR and not text else text.strip()

    def say(self, *lines: str) -> None:
        self.lisp.output.write("".join(line + "\n" for line in lines))
        self.lisp.output.flush()

    def __call__(self, debugger: Debugger, stop: Stop) -> None:
        f = stop.frame
        if self.lisp.output.column:
            self.say("")
        self.say(f"[{stop.reason}] {f.name} at {f.offset}: {stop.instruction}")
        while True:
            line = self.line()
            if line is None:
                return  # the input has ended: go on
            command, _, rest = line.partition(" ")
            if command in ("s", "n", "f", "c"):
                {"s": debugger.step, "n": debugger.step_over, "f": debugger.finish, "c": debugger.go_on}[command]()
                return
            if command == "q":
                raise self.lisp.errors.plain("abandoned in the debugger")
            try:
                self.command(debugger, stop, command, rest.strip())
            except ValueError as error:
                self.say(f"+++ {error}")

    def command(self, debugger: Debugger, stop: Stop, command: str, rest: str) -> None:
        show = debugger.show
        if command == "t":
            self.say(*debugger.backtrace())
        elif command == "l":
            self.say(*(f"{k}: {show(v)}" for k, v in enumerate(stop.locals)))
        elif command == "o":
            self.say(*(f"{k}: {show(v)}" for k, v in enumerate(stop.operands)))
        elif command == "x":
            self.say(*disassemble(stop.frame.code))
        elif command == "b" and rest:
            name, _, offset = rest.partition(" ")
            debugger.break_at(name, int(offset or 0))
        elif command == "d" and rest:
            debugger.clear(rest)
        elif command == "w" and rest:
            debugger.watch_fluid(rest)
        elif command == "e" and rest:
            lisp = self.lisp
            lisp.protect(lambda: self.say(lisp.printer.text(lisp.eval(lisp.reader.read(Input(text=rest))))))
        elif command:
            self.say(HELP)


def checked(lisp: Lisp, action: object) -> int:
    try:
        action()  # type: ignore[operator]
    except ValueError as error:
        raise lisp.errors.plain(str(error)) from None
    return T


@builtin("breakpoint", 1, 2)
def breakpoint_at(lisp: Lisp, name: Text, offset: Fixnum = 0) -> int:
    """Stop before an instruction of a function (the first one, or that at an offset) and read commands.
    (breakpoint 'nobody!-defined!-this) is an error
    """
    return checked(lisp, lambda: debugger(lisp).break_at(lisp.machine.text(name), offset >> 3))


@builtin("unbreakpoint", 1)
def unbreakpoint(lisp: Lisp, name: Text) -> int:
    """Remove the breakpoints of a function; with the last thing to stop for the debugger leaves, unless (debug t)
    wanted it.
    (unbreakpoint 'car) => t
    """
    found = lisp.debugger
    if found is not None:
        found.clear(lisp.machine.text(name))
        if not (found.breakpoints or found.watches or found.trace or found.stays):
            found.detach()
    return T


@builtin("watchpoint", 1, 2)
def watchpoint(lisp: Lisp, name: Text, index: Fixnum = NIL) -> int:
    """Stop when a fluid variable changes, or an element of the vector that is its value.
    (watchpoint 'example!*) is not run: it attaches the debugger
    """
    text = lisp.machine.text(name)
    return checked(lisp, lambda: debugger(lisp).watch_fluid(text) if index == NIL
                   else debugger(lisp).watch_element(text, index >> 3))


@builtin("debug", 1)
def debug(lisp: Lisp, on: Value) -> int:
    """(debug t) attaches the debugger; (debug nil) detaches it and gives the native functions back.
    (debug nil) => nil
    """
    if on != NIL:
        return checked(lisp, lambda: setattr(debugger(lisp), "stays", True))
    if lisp.debugger is not None:
        lisp.debugger.detach()
    return NIL
