"""What somebody asks at the prompt: what a name is, what a value is made of, how long a form takes, what a function was
compiled to.
"""

from __future__ import annotations

import ctypes
import textwrap
import time
from collections.abc import Iterator
from itertools import islice, zip_longest
from typing import TYPE_CHECKING

from ..architectures import host
from ..heap.objects import F_FEXPR, F_FLUID, F_GLOBAL, F_KEYWORD, F_MACRO, SYM_ENV
from ..heap.words import CONS, FLOAT, STRING, SYMBOL, VECTOR
from ..instructions.codec import disassemble
from ..kernel.memory import NIL
from ..lisp.registry import Symbol, Text, Value, builtin
from ..lisp.streams import EOF_CHAR
from ..session.callables import documentation, parameters, system_meaning
from ..system.extras import missing
from .probing import code_of

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp

HELP = """?NAME     what a name is: parameters and text of a function, value of a variable; also (describe 'NAME)
??TEXT    names with a text in them; also (apropos "TEXT")
Tab       completes names, and names of files in strings
Control-C stops what runs, and drops a form that is open; Control-D ends csl, or a break level
(documentation 'F) (inspect X) (time FORM) (disassemble 'F) (trace '(F)) (breakpoint 'F) (backtrace) may be of use,
and (resource!-limit FORM SECONDS); csl --help has the options"""
ENDS = " \t\r\n()[]'`,\"%"  # of a name
INSPECTING = "NUMBER goes into a part, u up again, q ends"
NAMED = 20  # names that are shown
PARTS = 20  # of a value that are shown
BESIDE = 44  # columns of bytecode that native code stands beside
KINDS = {SYMBOL: "symbol", CONS: "list", STRING: "string", VECTOR: "vector", FLOAT: "float"}


def plain(text: str) -> str:
    """A name as somebody may write it, without its escapes."""
    return text.strip().replace("!", "")


def known(lisp: Lisp, symbol: int) -> bool:
    """Has a name a meaning, as function or variable?"""
    return lisp.is_defined(symbol) or lisp.machine.value(symbol) is not None or lisp.is_form(symbol)


def names_with(lisp: Lisp, text: str) -> list[str]:
    """Names of functions and variables with a text in them."""
    m = lisp.machine
    return sorted(lisp.printer.text(s) for s in m.steps(m.interned()) if text in m.text(s) and known(lisp, s))


def names_beginning(lisp: Lisp, start: str) -> list[str]:
    """Names of functions and variables that begin with a text as it is written in programs."""
    m, beginning = lisp.machine, plain(start)
    found = [s for s in m.steps(m.interned()) if m.text(s).startswith(beginning) and known(lisp, s)]
    return sorted(name for s in m.steps(found) if (name := lisp.printer.text(s)).startswith(start))


def existing(lisp: Lisp, name: str) -> int | None:
    """The symbol of a name, which is not made when there is none."""
    m = lisp.machine
    return next((s for s in m.steps(m.interned()) if m.text(s) == name), None)


def last_word(text: str) -> str:
    """The part of a name at the end of a text."""
    at = len(text)
    while at and (text[at - 1] not in ENDS or at > 1 and text[at - 2] == "!"):
        at -= 1
    return text[at:]


def described(lisp: Lisp, symbol: int) -> Iterator[str]:
    """Lines about a name."""
    m, session = lisp.machine, lisp.session
    name, value = lisp.printer.text(symbol), m.value(symbol)
    if found := system_meaning(session, symbol):
        yield f"{found.call}  {found.kind}"
        yield f"  {found.text}"
        yield from (f"  {example}" for example in found.examples)
    elif lisp.is_defined(symbol):
        names, least, rest = parameters(session, symbol)
        optional = ["&optional", *names[least:]] if names[least:] else []
        kind = "macro" if m.flags(symbol) & F_MACRO else "fexpr" if m.flags(symbol) & F_FEXPR else "function"
        yield f"({' '.join([name, *names[:least], *optional, *(['&rest', 'more'] if rest else [])])})  {kind}"
        if text := documentation(session, symbol):
            yield "  " + " ".join(text.split())
    if value is not None and value != symbol:
        yield f"{name} = {lisp.hints.shown(value)}"


def declared(lisp: Lisp, symbol: int) -> Iterator[str]:
    """More lines about a name."""
    m = lisp.machine
    found = [kind for flag, kind in ((F_FLUID, "fluid"), (F_GLOBAL, "global"), (F_KEYWORD, "keyword"))
             if m.flags(symbol) & flag]
    if found:
        yield f"declared {', '.join(found)}"
    if lisp.is_bytecoded(symbol):
        size = m.header(m.field(m.field(symbol, SYM_ENV), 8 - VECTOR)) >> 8
        yield f"{size} bytes of bytecode{', runs natively' if native_code(lisp, symbol) else ''}"
    for row in islice(m.items(m.kernel.plist(symbol)), PARTS):
        if row & 7 == CONS:
            yield f"property {lisp.hints.shown(m.car(row))}: {lisp.hints.shown(m.cdr(row))}"


def say(lisp: Lisp, *lines: str) -> None:
    out = lisp.output
    out.write(("\n" if out.column else "") + "".join(line + "\n" for line in lines))


@builtin("describe", 1)
def describe(lisp: Lisp, x: Value) -> int:
    """Print what a name is, or what a value is made of; nil.  (describe 3) prints a small integer: 3"""
    if x & 7 == SYMBOL and x != NIL:
        lines = [*described(lisp, x), *declared(lisp, x)]
        say(lisp, *(lines or [f"{lisp.printer.text(x)} has no function and no value"]))
    else:
        say(lisp, f"{what(lisp, x)}: {lisp.hints.shown(x)}", *part_lines(lisp, x))
    return NIL


@builtin("apropos", 1)
def apropos(lisp: Lisp, text: Text) -> int:
    """Print the names of functions and variables that have a text in them; nil.
    (apropos "hashtagged") prints hashtagged!-name
    """
    wanted = plain(lisp.machine.text(text))
    say(lisp, *(textwrap.wrap(" ".join(names_with(lisp, wanted)), lisp.output.width, break_long_words=False)
                or [f"no name has {wanted} in it"]))
    return NIL


@builtin("documentation", 1, 2)
def documentation_of(lisp: Lisp, name: Symbol, kind: Value = NIL) -> int:
    """The text of a function, which is a string that its definition begins with when more follows; nil when it has
    none.
    (documentation 'nosuch) => nil
    """
    text = documentation(lisp.session, name)
    return NIL if text is None else lisp.machine.string(" ".join(text.split()))


@builtin("help", 0)
def help_(lisp: Lisp) -> int:
    """Print what may be of use at the prompt; nil.  (help) is not run: it prints eight lines"""
    say(lisp, *HELP.splitlines())
    return NIL


# -- time ----------------------------------------------------------------------------------


def used(lisp: Lisp) -> list[float]:
    """Seconds on the clock, of the processor and of the collector, bytes that were allocated, collections."""
    cage = lisp.machine.cage
    return [time.perf_counter(), time.process_time(), lisp.gc_seconds, cage["gc_bytes"] + cage["allocated"],
            cage["gc_count"]]


@builtin("time-began", 0)
def time_began(lisp: Lisp) -> int:
    """What was used until now, for the form `time`.  (vectorp (time!-began)) => t"""
    m = lisp.machine
    return m.vector([m.float(float(n)) for n in used(lisp)])


@builtin("time-told", 2)
def time_told(lisp: Lisp, began: Value, value: Value) -> int:
    """Print what was used since `time-began`; the value of the form.
    (time!-told (time!-began) 3) is not run: what it prints is never the same
    """
    m = lisp.machine
    clock, processor, collector, allocated, count = (now - m.double(before)
                                                     for now, before
                                                     in zip(used(lisp), m.vector_items(began), strict=True))
    say(lisp, f"{clock:.3f} s, {processor:.3f} s of the processor, {collector:.3f} s of that in {count:.0f} "
              f"collections; {allocated / 1e6:.1f} MB allocated")
    return value


# -- parts of values -----------------------------------------------------------------------


def what(lisp: Lisp, x: int) -> str:
    """The type of a value in words."""
    m = lisp.machine
    if x & 7 in KINDS:
        size = f" of {m.vector_length(x)}" if x & 7 == VECTOR else ""
        return f"a {KINDS[x & 7]}{size}" if x != NIL else "nil, the empty list"
    return "a small integer" if x & 7 == 0 else "an integer" if m.is_integer(x) else "an object"


def parts_of(lisp: Lisp, x: int) -> list[tuple[str, int]]:
    """What a value is made of."""
    m = lisp.machine
    if x & 7 == VECTOR:
        return [(str(k), each) for k, each in enumerate(m.vector_items(x)[:PARTS])]
    if x & 7 == CONS:
        found, rest = list[tuple[str, int]](), x
        while rest & 7 == CONS and len(found) < PARTS:
            found.append((str(len(found)), m.car(rest)))
            rest = m.cdr(rest)
        return [*found, *([("rest", rest)] if rest != NIL else [])]
    if x & 7 == SYMBOL and x != NIL:
        value = m.value(x)
        return [("value", value)] if value is not None and value != x else []
    return []


def part_lines(lisp: Lisp, x: int) -> list[str]:
    return [f"  {k} {'' if str(k) == name else name + ' '}{lisp.hints.shown(part)}"
            for k, (name, part) in enumerate(parts_of(lisp, x))]


@builtin("inspect", 1)
def inspect(lisp: Lisp, x: Value) -> int:
    """Show a value and read commands from the input: a number goes into a part, u up, q ends; the value that was shown
    last.
    (inspect 3) is not run: it reads commands
    """
    path, stream, before = [x], lisp.standard_input, lisp.prompt
    lisp.prompt = "inspect> "
    try:
        while stream.at < len(stream.buffer) and stream.peek() in " \t\n":  # behind the form
            stream.next()
        while True:
            here = path[-1]
            say(lisp, f"{what(lisp, here)}: {lisp.hints.shown(here)}", *part_lines(lisp, here))
            command = line(lisp)
            while command is not None and not go(lisp, path, command):
                if command == "q":
                    return path[-1]
                say(lisp, INSPECTING)
                command = line(lisp)
            if command is None:
                return path[-1]
    finally:
        lisp.prompt = before


def go(lisp: Lisp, path: list[int], command: str) -> bool:
    """Move as a command says; False when it says nothing of that."""
    parts = parts_of(lisp, path[-1])
    if command.isdigit() and int(command) < len(parts):
        path.append(parts[int(command)][1])
    elif command == "u" and len(path) > 1:
        path.pop()
    else:
        return False
    return True


def line(lisp: Lisp) -> str | None:
    """The next line that is typed; None at the end."""
    stream, text = lisp.standard_input, ""
    lisp.output.flush()
    while (c := stream.next()) not in ("\n", EOF_CHAR):
        text += c
    if c == EOF_CHAR and stream.typed:
        stream.ended = False
    return None if c == EOF_CHAR and not text else text.strip()


# -- code ----------------------------------------------------------------------------------


def native_code(lisp: Lisp, symbol: int) -> bytes:
    """The native code of a function; empty when it has none."""
    name = f"lisp:{lisp.machine.label(symbol)}"
    found = [ctypes.string_at(address, size) for address, size, each in lisp.session.native_symbols() if each == name]
    return found[-1] if found else b""


def native_lines(lisp: Lisp, symbol: int) -> list[str]:
    """The native code of a function as text, and what is to be said of that."""
    code = native_code(lisp, symbol)
    if not code:
        return ["no native code"]
    architecture = host()
    try:
        import capstone
    except ImportError:
        return [f"{len(code)} bytes", f"({missing('capstone')})"]
    if architecture is None or not architecture.capstone[0]:
        return [f"{len(code)} bytes (capstone does not know this machine)"]
    engine = architecture.disassembler(capstone)
    return [f"{len(code)} bytes", *(f"{i.address:5} {i.mnemonic} {i.op_str}".rstrip() for i in engine.disasm(code, 0))]


@builtin("disassemble", 1)
def disassemble_(lisp: Lisp, name: Symbol) -> int:
    """Print the bytecode of a function, and the native code that runs in its place beside it; nil.
    (disassemble 'caar) is not run: native code differs between machines
    """
    code, literals = code_of(lisp, name, "disassemble")
    left = disassemble(code, lambda k: lisp.hints.shown(literals[k]))
    rows = zip_longest(left, native_lines(lisp, name), fillvalue="")
    say(lisp, *(f"{a.ljust(BESIDE - 2)}  {b}".rstrip() for a, b in rows))
    return NIL
