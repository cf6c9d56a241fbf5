"""The Lisp: a machine with reader, printer, compiler, evaluator and the functions written in Python."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Generator
from functools import cached_property

from ..heap.objects import (
    CODE_HEADER,
    F_FLUID,
    F_FORM,
    F_OPEN,
    SYM_ENV,
    SYM_FLAGS,
    SYM_FN1,
    SYM_FN2,
    SYM_FNN,
    SYM_SPARE,
)
from ..heap.vm import UNWIND_RESTART, UNWIND_STOP
from ..heap.words import CONS, FLOAT, SYMBOL, VECTOR
from ..instructions.layout import CODE_GIVEN
from ..kernel.calls import SLOT
from ..kernel.memory import (
    NIL,
    ROOT_AND,
    ROOT_CLOSURE,
    ROOT_COND,
    ROOT_ECHO,
    ROOT_LOWER,
    ROOT_NONCOM,
    ROOT_OR,
    ROOT_PROGN,
    ROOT_QUOTE,
    ROOT_SETQ,
    T,
)
from ..runtime.machine import MOST_LIMBS, Machine, Unwinding
from ..system.waiting import Patient, patient
from .deep import MOST_STEPS, deep
from .errors import INTERNAL, Errors
from .evaluator import Evaluator
from .handles import STREAM, Handles
from .hints import Hints
from .host import Host
from .install import OPEN, Installer
from .leaving import Restart, Stopped
from .limits import Watch
from .printer import Printer
from .reader import Reader, ReadError
from .registry import Rows
from .streams import EOF_CHAR, Input, Output, Page, Window

TYPE_CHECKING = False
if TYPE_CHECKING:
    from random import Random
    from typing import IO, Any

    from ..app.breaks import Breaks
    from .deep import Steps
    from .fasl import ModuleWriter
    from .lambdas import Known
    from .spooling import Spool
    from .transcript import CompilerWords, Transcript


class Lisp(Installer, Evaluator):
    """One Lisp over one machine."""

    def __init__(self, machine: Machine, output: Any = None, builtins: Rows | None = None) -> None:
        """``builtins``: where the functions written in Python are, when that is known."""
        self.machine = machine
        self.builtins = builtins if builtins is not None else Rows.of_all()
        self.errors, self.hints = Errors(self), Hints(self)
        machine.host = Host(self)
        machine.check_limits, machine.make_room, machine.leave = self.check_limits, self.collect, self.leave
        self.checking = False
        self.errno = 0  # of the last C function that was asked to keep it
        self.module_exception: int | None = None  # of a typed procedure, that nobody caught
        # C functions that are ready to be called, by address of their signature
        self.foreign_calls: dict[int, Any] = {}
        self.terminal = Output(output if output is not None
                               else patient(getattr(sys.stdout, "buffer", sys.stdout), machine.wait, "wb"))
        self.s_outputs: tuple[int, ...] = ()  # variables that say where printing goes
        self.window, self.page = Window(machine), Page(self)
        self._input = Input()
        self.standard_input = self.input
        self.terminal.by_default = True
        self.handles = Handles(machine,
                               lambda thing: thing in (self.input, self.output, self.terminal, self.standard_input))
        self.module: ModuleWriter | None = None  # the one that faslout is making
        self.watch: Watch | None = None  # of the innermost resource-limit
        self.stop_on_error = False  # does the first error of a file end the program?
        self.on_form: Callable[[int], int] = self.eval  # what load does with each form
        self.started = time.process_time()
        self.gc_seconds = 0.0
        self.gc_longest = [0.0, 0.0]  # seconds of the longest young and the longest full collection
        self.on_collection: Callable[[str], None] = lambda text: None
        self.on_full_collection: Callable[[], str] = lambda: ""  # collects native code; says what came of it
        self.pending: BaseException | None = None
        self.on_redefine: Callable[[int], None] = lambda symbol: None
        self.on_give_out: Callable[[int], None] = lambda symbol: None
        # its definition stays, but hand-made code runs in its place
        self.on_replace: Callable[[int], None] = lambda symbol: None
        # called with what helps to understand an error that was shown
        self.hint: Callable[[str], None] = lambda text: None
        self.on_read: Callable[[str], None] = lambda path: None  # called with every file that is opened for reading
        self.on_quiet: Callable[[], None] = lambda: None  # called between forms that are read
        self.words: CompilerWords | None = None  # what is said of definitions, if anything
        self.prompt = "> "
        self.interruptions = 0  # that ended a form
        self.jit: Any = None  # compiles while the program runs (native/jit.py)
        self.session: Any = None  # whose Lisp it is; none has it while the base image is made
        self.breaks: Breaks | None = None  # on a terminal: the levels that errors open
        # bytecode, and names of variables, of functions that were typed
        self.noted: dict[str, tuple[bytes, dict[int, tuple[str, ...]]]] = {}
        self.bytes_read: IO[bytes] | None = None  # by binary_readbyte and its kin
        self.bytes_written: IO[bytes] | None = None
        self.spooled: Spool | None = None  # the file that gets a copy of what is on the terminal
        self.debugger: Any = None  # what the engine debug asks before every instruction

    @cached_property
    def random(self) -> Random:
        """The random numbers of this Lisp: the same at every start, as in the original."""
        from .twister import generator
        return generator()

    def seed(self, number: int) -> None:
        """Begin the random numbers with another one than at every start."""
        from .twister import start
        start(self.random, number)

    @property
    def output(self) -> Output:
        """Where printing goes: to the stream in *standard-output*, else that in *terminal-io*, which a program may
        bind; else to the terminal.
        """
        return self.first_output(self.s_outputs)

    @output.setter
    def output(self, stream: Output) -> None:
        self.machine.set_value(self.s_outputs[0], NIL if stream is self.terminal else self.handles.make(STREAM, stream))

    def first_output(self, variables: tuple[int, ...]) -> Output:
        for symbol in variables:
            h = self.machine.value(symbol)
            if h is not None and h != NIL:
                stream = self.handles.thing(h, STREAM)
                if isinstance(stream, Output):
                    return stream
        return self.terminal

    @property
    def input(self) -> Input:
        """Where reading reads from."""
        return self._input

    @input.setter
    def input(self, stream: Input) -> None:
        if stream is not self._input:
            self.window.close()
        if isinstance(stream.file, Patient):
            stream.file.wait = self.machine.wait  # it may come from a session before a restart
        self._input = stream
        stream.echo = self.echo

    def echoes(self) -> bool:
        """Is what is read printed?"""
        return self.machine.value(self.s_echo) not in (None, NIL)

    def echo(self, text: str) -> None:
        """Called with what was read."""
        if self.echoes():
            self.output.write(text)
        elif self.spooled is not None and self.input.prompt is not None:
            self.spooled.say(text)

    def ready(self) -> None:
        """Build what needs the heap: call when it is formatted or restored."""
        m = self.machine
        self.reader, self.printer = Reader(self), Printer(self)
        self.__dict__.pop("compiler", None)
        intern = m.intern
        self.s_lambda, self.s_expr, self.s_macro, self.s_fexpr = (intern("lambda"), intern("expr"), intern("macro"),
                                                                  intern("fexpr"))
        self.s_comp, self.s_quote = intern("*comp"), intern("quote")
        for root, name in ((ROOT_LOWER, "*lower"), (ROOT_ECHO, "*echo"), (ROOT_NONCOM, "noncom"), (ROOT_QUOTE, "quote"),
                           (ROOT_PROGN, "progn"),
                           (ROOT_SETQ, "setq"), (ROOT_COND, "cond"), (ROOT_AND, "and"), (ROOT_OR, "or"),
                           (ROOT_CLOSURE, "closure")):
            if m.root(root) != intern(name):  # an image of an older version
                m.set_root(root, intern(name))
        self.s_outputs = intern("*standard-output*"), intern("*terminal-io*")
        self.s_echo, self.s_pwrds = intern("*echo"), intern("*pwrds")
        self.s_redefmsg, self.s_savedef = intern("*redefmsg"), intern("*savedef")
        self.eof, self.eol = intern(EOF_CHAR), intern("\n")
        for name in OPEN:
            if not m.flags(symbol := intern(name)) & F_OPEN:
                self.set_flags(symbol, F_OPEN)

    # -- symbols -------------------------------------------------------------------

    def set_cells(self, symbol: int, fn1: int, fn2: int, fnn: int) -> None:
        words = self.machine.symbol_words(symbol)
        words[symbol + SYM_FN1 >> 3], words[symbol + SYM_FN2 >> 3], words[symbol + SYM_FNN >> 3] = fn1, fn2, fnn

    def cells(self, symbol: int) -> tuple[int, int, int]:
        words = self.machine.symbol_words(symbol)
        return words[symbol + SYM_FN1 >> 3], words[symbol + SYM_FN2 >> 3], words[symbol + SYM_FNN >> 3]

    def set_flags(self, symbol: int, on: int, off: int = 0) -> None:
        m = self.machine
        m.words[symbol + SYM_FLAGS >> 3] = m.flags(symbol) & ~off | on

    def is_defined(self, symbol: int) -> bool:
        return self.cells(symbol) != (SLOT["undefined1"], SLOT["undefined2"], SLOT["undefinedn"])

    def is_form(self, symbol: int) -> bool:
        """Is the symbol the head of forms whose arguments are not simply evaluated?"""
        return bool(self.machine.flags(symbol) & F_FORM)

    def is_bytecoded(self, symbol: int) -> bool:
        """Does the symbol have a bytecode definition (whether or not native code runs in its place)?"""
        m = self.machine
        env = m.field(symbol, SYM_ENV)
        if env & 7 != VECTOR or m.vector_length(env) == 0:
            return False
        code = m.field(env, 8 - VECTOR)
        return code & 7 == 6 and m.header(code) & 255 == CODE_HEADER

    def is_link(self, env: int) -> bool:
        """Is the function with this literal vector one call with its parameters in their order, which the original
        would put in its place?
        """
        from ..instructions.codec import Code, decode
        m = self.machine
        if env & 7 != VECTOR:
            return False
        code = Code.unpack(m.raw(m.field(env, 8 - VECTOR)))
        rows, count = [(each.row.name, each.operands) for each in decode(code.code)], code.least
        begins = rows[:count] == [("local", (k,)) for k in range(count)]
        rest = [name for name, _ in rows[count:] if name not in ("push_argument", "pop")]
        return (begins and len(rest) > 1 and rest[-1] == "return"
                and (len(rest) == 2 or set(rest[:-1]) <= {"car", "cdr"} or set(rest[1:-1]) == {"cons"}))

    def lisp_of_env(self, env: int) -> int | None:
        """The symbol whose function has this literal vector, if the search finds one."""
        if env & 7 == SYMBOL:
            return env
        m = self.machine
        with m.scope():
            return next((symbol for symbol in m.interned() if m.field(symbol, SYM_ENV) == env), None)

    def arity(self, env: int) -> tuple[str, int | None]:
        """Name and wanted argument count; None where that varies."""
        symbol, m = self.lisp_of_env(env), self.machine
        name = self.printer.text(symbol) if symbol is not None else "lambda"
        if env & 7 == VECTOR:
            data = m.raw(m.field(env, 8 - VECTOR))
            if data[2] or data[0] != data[1]:
                return name, None
            wanted: int = data[0]
        elif (spare := m.field(env, SYM_SPARE) >> 3) < 0:
            wanted = -spare - 1
        else:
            row = self.builtins.get(spare)
            if row.least != row.most:
                return name, None
            wanted = row.least
        return name, wanted

    # -- definitions -----------------------------------------------------------------

    def define(self, symbol: int, parameters: int, body: list[int], kind: int = 0,
               compiled: bool | None = False) -> None:
        """Compile a lambda and make it the function of a symbol; ``kind``: 0, ``F_MACRO`` or ``F_FEXPR``.

        ``compiled``: as the original's compiler makes it, not as it would be interpreted (Compiler.compile).
        """
        with self.machine.scope():
            deep(self.defining(symbol, parameters, body, kind, None, compiled), MOST_STEPS)

    def defining(self, symbol: int, parameters: int, body: list[int], kind: int = 0, known: Known | None = None,
                 compiled: bool | None = None) -> Steps:
        self.install_env(symbol, (yield self.making(symbol, parameters, body, known, compiled)), kind)

    def making(self, symbol: int, parameters: int, body: list[int], known: Known | None = None,
               compiled: bool | None = None) -> Generator[Any, Any, int]:
        """The literal vector of a lambda, with its bytecode."""
        m = self.machine
        code, literals = yield self.compiler.compiling(symbol, parameters, body, known, compiled)
        if self.breaks is not None:
            self.noted[m.label(symbol)] = code.code, self.compiler.named
        return m.vector([m.object(CODE_HEADER, code.pack()), *literals[1:]])

    def make_env(self, symbol: int, parameters: int, body: list[int], compiled: bool | None) -> int:
        return int(deep(self.making(symbol, parameters, body, None, compiled), MOST_STEPS))

    def declare_fluid(self, x: int) -> None:
        """The compiler met a variable that nobody declared."""
        if self.machine.value(self.s_pwrds) not in (None, NIL):
            self.output.write(("\n" if self.output.column else "") + f"+++ {self.printer.text(x)} declared fluid\n")
        self.set_flags(x, F_FLUID)
        if self.machine.value(x) is None:
            self.machine.set_value(x, NIL)

    def install_env(self, symbol: int, env: int, kind: int) -> None:
        """Make a literal vector, whose first element is bytecode, the function of a symbol."""
        m = self.machine
        self.on_redefine(symbol)
        m.set_field(symbol, SYM_ENV, env)
        m.set_field(symbol, SYM_SPARE, 0)
        self.set_flags(symbol, kind, F_FORM)
        m.kernel.bytecode_cells(symbol, m.field(env, 8 - VECTOR))

    def reach_out(self, what: str) -> None:
        """Lisp asks for something that can touch what is outside of its heap: an error in a session in which a
        stranger's program is.
        """
        session = getattr(self, "session", None)
        if session is not None and session.restricted:
            raise self.errors.plain(f"{what}: refused, because nobody who is trusted here vouches for "
                                    f"{session.restricted} "
                                    "(csl-image sign or trust, or --trust=all)")

    def give_out(self, symbol: int) -> None:
        """The program gets the literal vector of a bytecoded function, and may change it and the bytecode.

        Native code relies on both, so the function, and all that have the same vector, are bytecode from now on, in
        images too.
        """
        m = self.machine
        env = m.field(symbol, SYM_ENV)
        code = m.field(env, 8 - VECTOR)
        if m.bytes[code + CODE_GIVEN]:
            return
        m.bytes[code + CODE_GIVEN] = 1
        for other in {symbol,
                      *(s for s in m.vector_items(m.root(0)) if s & 7 == SYMBOL and m.field(s, SYM_ENV) == env)}:
            self.on_give_out(other)

    def undefine(self, symbol: int) -> None:
        self.on_redefine(symbol)
        self.machine.set_field(symbol, SYM_ENV, symbol)
        self.machine.set_field(symbol, SYM_SPARE, 0)
        self.set_flags(symbol, 0, F_FORM)
        self.set_cells(symbol, SLOT["undefined1"], SLOT["undefined2"], SLOT["undefinedn"])

    def lambda_symbol(self, form: int, compiled: bool | None = None) -> int:
        """An uninterned symbol whose function is a lambda expression, compiled as what is around it or as ``compiled``
        says.
        """
        return int(deep(self.naming(form, None, compiled), MOST_STEPS))

    def naming(self, form: int, known: Known | None = None, compiled: bool | None = None) -> Generator[Any, Any, int]:
        m = self.machine
        symbol = m.make_symbol("lambda")
        parameters = m.cdr(form)
        if parameters & 7 != CONS:
            raise self.errors.loud("bad lambda expression", form)
        yield self.defining(symbol, m.car(parameters), list(m.items(m.cdr(parameters))), 0, known, compiled)
        return symbol

    def expand(self, form: int) -> int:
        """Expand a macro call once."""
        m = self.machine
        return m.apply(m.car(form), [form])

    def counts(self) -> list[tuple[int, int]]:
        """Bytecoded functions with the calls and backward jumps that were counted of them, the largest number first."""
        m = self.machine
        symbols = [s for s in m.interned() if self.is_bytecoded(s)]
        rows = [(s, m.words[m.kernel.counter_of(m.field(s, SYM_ENV)) >> 3]) for s in symbols]
        return sorted(((s, n) for s, n in rows if n), key=lambda row: (-row[1], m.label(row[0])))

    def clear_counts(self) -> None:
        cage = self.machine.cage
        cage.forget(cage["counters"], 8 * 4096)

    # -- numbers -------------------------------------------------------------------------

    def is_number(self, x: int) -> bool:
        return self.machine.is_real(x) or self.machine.is_complex(x)

    def to_number(self, x: int) -> int | float:
        """The Python number of a real one; of a ratio the nearest float."""
        return self.to_double(x) if x & 7 == FLOAT or self.machine.is_ratio(x) else self.machine.number(x)

    def to_double(self, x: int) -> float:
        """The double nearest to a real number; infinite for one that is too large."""
        if x & 7 == FLOAT:
            return self.machine.double(x)
        if self.machine.is_ratio(x):
            return self.machine.double(self.machine.apply(self.machine.intern("compound-float"), [x]))
        if self.machine.is_big(x) and self.machine.limb_count(x) > MOST_LIMBS:
            return -math.inf if self.machine.is_minus(x) else math.inf
        n = self.machine.number(x)
        try:
            return float(n)
        except OverflowError:
            return math.inf if n > 0 else -math.inf

    def to_complex(self, x: int) -> complex:
        """The Python number of a complex one."""
        return complex(*map(self.to_double, self.machine.parts(x)))

    def from_complex(self, z: complex) -> int:
        k = self.machine.kernel
        return int(k.entry_make_complex(0, self.machine.float(z.real), self.machine.float(z.imag)))

    def from_number(self, n: int | float) -> int:
        return self.machine.float(n) if isinstance(n, float) else self.machine.integer(n)

    def truth(self, b: bool) -> int:
        return T if b else NIL

    # -- the outside -----------------------------------------------------------------------

    def stop(self, code: int) -> None:
        """Leave everything: set the unwinding so that no handler keeps it."""
        cage = self.machine.cage
        cage["unwind_kind"], cage["unwind_tag"], cage["unwind_value"] = UNWIND_STOP, code << 3, NIL

    def restart(self, action: Callable[[], Any]) -> Unwinding:
        """Leave everything and run ``action`` outside of it."""
        return self.leave(Restart(action))

    def leave(self, error: BaseException) -> Unwinding:
        """Leave everything with an exception for the caller of Lisp, which no errorset catches."""
        cage = self.machine.cage
        self.pending = error
        cage["unwind_kind"], cage["unwind_tag"], cage["unwind_value"] = UNWIND_RESTART, NIL, NIL
        return Unwinding()

    def protect(self, function: Callable[[], Any]) -> Any:
        """Run at top level: errors were reported already, stop and restart become exceptions.  None after an error."""
        with self.errors.printed():
            return self._protected(function)

    def _protected(self, function: Callable[[], Any]) -> Any:
        m = self.machine
        sp, bp = m.cage["sp"], m.cage["bp"]
        try:
            return function()
        except INTERNAL as error:
            self.settle(sp, bp)
            self.errors.internal(error)
            return None
        except Unwinding:
            self.settle(sp, bp)
            kind = m.cage["unwind_kind"]
            if kind == UNWIND_STOP:
                raise Stopped(m.cage["unwind_tag"] >> 3) from None
            if kind == UNWIND_RESTART:
                pending, self.pending = self.pending, None
                assert pending is not None
                raise pending from None
            return None

    def settle(self, sp: int, bp: int) -> None:
        """Undo bindings and stack down to where a handler stands."""
        m = self.machine
        m.kernel.unbind_to(bp)
        m.cage["sp"] = sp
        self.errors.end_trace()

    def load_stream(self, stream: Input, transcript: Transcript | None = None) -> None:
        """Read and evaluate forms to the end of a stream; with a transcript, say what became of each."""
        saved, self.input = self.input, stream
        try:
            while True:
                with self.machine.scope():
                    if not self.load_form(stream, transcript):
                        break
                self.on_quiet()
        finally:
            self.input = saved

    def load_form(self, stream: Input, transcript: Transcript | None) -> bool:
        """Read and evaluate one form; False at the end of the stream."""
        before = stream.place()
        try:
            form = self.protect(lambda: self.reader.read(stream))
        except ReadError as error:
            if self.errors.show:
                where = f" ({stream.name}, line {stream.here()})" if stream.name else ""
                self.output.write(f"\n+++ Error {error}{where}\n")
            self.failed(stream)
            return True
        if form is None:  # an interrupt
            return True
        if form == self.eof:
            return False
        self.hints.evaluates(form)
        if self.breaks is not None and stream.typed:
            value = self.breaks.evaluate(form, stream)
        else:
            value = self.protect(lambda: self.eval(form))
        if value is None:
            self.locate(stream, before)
            self.failed(stream)
            if transcript is not None and not (stream.typed and self.breaks is not None and self.breaks.left):
                transcript.failed()
        elif transcript is not None:
            transcript.value(value)
        return True

    def failed(self, stream: Input) -> None:
        """A form was an error: what comes behind it may need what it should have done."""
        if self.stop_on_error and not stream.typed:
            raise Stopped(1)

    def locate(self, stream: Input, before: tuple[int, int]) -> None:
        """Say on the side where the form stands in which an error was."""
        if self.errors.show and stream.file is not None and not stream.typed:
            self.hint(f"the error is in {stream.name}, line {stream.line_after(before)}")

    def check_limits(self) -> None:
        """Leave what was interrupted, or used more than it may."""
        if self.machine.interrupted:
            self.machine.interrupted = False
            self.interruptions += 1
            raise self.errors.loud("Interrupted")
        if self.watch is not None:
            self.watch.check()

    def collections(self) -> str:
        """What the collector did, in a sentence."""
        cage = self.machine.cage
        total, seconds = cage["gc_bytes"] + cage["allocated"], time.process_time() - self.started
        young, full = (1000 * longest for longest in self.gc_longest)
        return (f"{cage['gc_count']} collections, {cage['full_count']} of them full, took {self.gc_seconds:.3f} of "
                f"{seconds:.3f} s; the longest "
                f"pause {young:.1f} ms, of a full one {full:.1f} ms; {total >> 20} MB allocated, "
                f"{total / seconds / 1e6:.0f} MB/s; "
                f"{cage['live_lines'] >> 12} MB live after the last one")

    def collect(self, full: bool = True) -> None:
        """Collect now; only the stacks and roots keep objects alive."""
        self.page.close()  # it knows streams by their words
        cage = self.machine.cage
        allocated, before, started = cage["allocated"], cage["full_count"], time.perf_counter()
        used = time.process_time()
        self.machine.collect(full, self.handles.collected)
        self.foreign_calls.clear()
        seconds = time.perf_counter() - started
        self.gc_seconds += time.process_time() - used  # of the processor's time, as (time) is
        full = cage["full_count"] != before
        if full:
            self.reader.cache.clear()
        self.gc_longest[full] = max(self.gc_longest[full], seconds)
        native = self.on_full_collection() if full else ""
        self.on_collection(f"{'full' if full else 'young'} collection {cage['gc_count']}: {seconds * 1000:.1f} ms, "
                           f"{allocated >> 20} MB allocated since the last one, {cage['live_lines'] >> 12} MB "
                           f"live{native}")


__all__ = ["Lisp", "Restart", "Stopped"]
