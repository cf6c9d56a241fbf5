"""The top level of ``csl``: files and prompt, restarts, and what is said on standard error."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time

from csl_native import __version__
from csl_native.image.container import Image
from csl_native.image.files import shown

from ..kernel.memory import NIL, ROOT_BANNER, ROOT_RESTART, UNSET, T
from ..lisp.errors import COMPILED, NAMES, VALUES
from ..lisp.lisp import Restart, Stopped
from ..lisp.streams import Input
from ..lisp.transcript import CompilerWords, Transcript
from ..saving.baseimage import base_image
from ..session.session import Session
from ..system.process import is_terminal
from ..system.waiting import patient
from .crash import watch

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .watched import Watched

REVISION = 6250  # of the original, whose behaviour is meant


class TopLevel:
    """Runs what a command line asks for in one session; a restart replaces the session and goes on with the same input.
    """

    def __init__(self, session: Session, options: Any) -> None:
        self.session, self.options = session, options
        self.said: set[str] = set()
        self.watched: Watched | None = None  # when something is to be written down of the run
        self.read: dict[str, None] = {}  # files, in the order in which they were read first
        # which preserve writes, unless that is the installation's
        self.output_path: str = options.output or session.path or base_image()

    def note(self, text: str) -> None:
        out = self.session.lisp.output
        out.flush()
        if out is self.session.lisp.terminal and out.column and is_terminal(sys.stderr) and is_terminal(sys.stdout):
            text = "\n" + text  # both are one screen
            out.column = 0
        print(text, file=sys.stderr, flush=True)

    def run(self) -> int:
        def interrupt(number: int, frame: Any) -> None:
            self.session.machine.interrupt()
        try:
            signal.signal(signal.SIGINT, interrupt)
        except ValueError:
            pass
        try:
            return int(self.session.run_aside(self.body))
        finally:
            self.session.lisp.output.flush()
            sys.stdout.flush()

    def statistics(self) -> None:
        if self.watched is not None:
            self.watched.end(self)
        if self.options.verbose:
            self.note(f"csl: {self.session.lisp.collections()}")
        if self.options.stats:
            for line in self.session.hardcode.jit().statistics():
                self.note(f"csl: {line}")

    def explain(self) -> None:
        if self.options.explain_json:
            import json
            for fallback in self.session.fallbacks:
                line = json.dumps(fallback.row())
                if line not in self.said:
                    self.said.add(line)
                    self.note(line)
        if self.options.explain or self.options.verbose:
            for line in self.session.explain():
                if line not in self.said:
                    self.said.add(line)
                    self.note(f"csl: {shown(line)}")

    def body(self) -> int:
        code = missing = 0
        gc.freeze()  # the modules stay: no collection looks at them again
        o = self.options
        watch(lambda: self.session)
        if o.profile is not None or o.jitdump or o.perf_map or o.log and not o.quiet:
            from .watched import Watched
            self.watched = Watched(self)
        try:
            self.begin(restarted=False, cold=self.options.cold)
            if self.options.gc_trigger is not None and not self.options.quiet:
                self.session.lisp.output.write(f"GC trigger set to {self.options.gc_trigger}\n")
            if self.options.forms and self.options.quiet and not self.options.files:
                self.guarded(Input())
            self.heading()
            for form in self.options.forms:
                self.guarded(Input(text=form), False, given=True)
            self.machinery()
            for name in self.files():
                self.about_to_read(name)
                if self.missing(name):
                    self.session.lisp.output.write(f'\n+++ Could not read file "{name}"\n')
                else:
                    code = self.one_file(name) or code
        except Stopped as stopped:
            code = stopped.code
        if self.heads:
            self.session.lisp.output.write(
                f"\n\nEnd of Lisp run after {time.process_time() - self.session.lisp.started:.2f}+0.00 seconds\n")
        if self.session.lisp.spooled is not None:
            self.session.lisp.spooled.end("Transcript closed at end of run")
            self.session.lisp.spooled = None
        if code == 0:  # also where the program ended by itself, as with (preserve)
            missing = self.session.machine.outside(self.native_compile)
        self.explain()
        self.statistics()
        if self.options.depends is not None:
            with open(self.options.depends, "w", encoding="utf-8", errors="surrogateescape") as file:
                file.writelines(f"{name}\n" for name in self.read)
        return code or missing

    def one_file(self, name: str) -> int:
        """Read a file.
        In the original (stop n) ends what is read, and the next file comes; with what status it ended.
        """
        try:
            self.guarded(self.open(name))
        except Stopped as stopped:
            if not self.options.original or name == "-":
                raise
            return stopped.code
        return 0

    # -- what the original says of itself with -v ------------------------------------------

    @property
    def heads(self) -> bool:
        return bool(self.options.verbose and self.options.original)

    def heading(self) -> None:
        if self.heads:
            date = time.ctime(os.path.getmtime(self.session.path or base_image()))
            self.session.lisp.output.write(f"\nCodemist Standard Lisp revision {REVISION} for csl-native: "
                                           f"{__version__}\nCreated: {date}\n\n")

    def machinery(self) -> None:
        if self.heads:
            lisp, count = self.session.lisp, os.cpu_count() or 1
            lisp.output.write(f"Memory allocation: {self.session.machine.cage.heap >> 20} Mbytes\n"
                              f"There {'is' if count == 1 else 'are'} {count} processor{'' if count == 1 else 's'} "
                              "available\n")
            lisp.machine.set_value(lisp.machine.intern("*echo"), T)

    def about_to_read(self, name: str) -> None:
        if self.heads and name != "-" and not self.missing(name):
            self.session.lisp.output.write(f'\n+++ About to read file "{name}"\n')

    def files(self) -> list[str]:
        """What is read: the files that were named; else standard input, but where -e or --native-compile were all that
        a quiet run should do.
        """
        if self.options.files:
            return list(self.options.files)
        return [] if self.options.compile or self.options.quiet and self.options.forms else ["-"]

    def missing(self, name: str) -> bool:
        return name != "-" and not os.path.exists(name)

    def begin(self, restarted: bool, cold: bool = False) -> None:
        """Make a session that was begun or restored ready for what is read; ``cold``: without what the image has beyond
        the original's own.
        """
        lisp, m = self.session.lisp, self.session.machine
        if cold:
            lisp.cold()
            m.set_root(ROOT_RESTART, NIL)
        if self.options.verbose:
            lisp.session.hardcode.jit().say = lambda text: self.note(f"csl: {text}")
        if self.watched is not None:
            self.watched.begin(lisp)
        lisp.top = self  # type: ignore[attr-defined]
        lisp.stop_on_error = self.options.stop_on_error
        if self.options.backtrace:
            lisp.errors.trace = NAMES
        lisp.hint = lambda text: self.note(f"csl: {text}")
        lisp.on_read = lambda path: self.read.setdefault(path)
        if self.options.gdb:
            self.session.tell_gdb()
        if self.options.verbose:
            lisp.on_collection = lambda text: self.note(f"csl: {text}")
        self.speak(restarted)
        banner = m.root(ROOT_BANNER)
        if banner & 7 == 3 and not self.options.quiet:
            lisp.output.write(m.text(banner) + "\n")
        for row in self.options.define:
            name, given, value = row.partition("=")
            self.variable(name, "-D")
            m.set_value(m.intern(name), m.string(value if given else "t"))
        if self.options.trace and not restarted:
            lisp.apply(m.intern("trace"), [m.list([m.intern(name) for name in self.options.trace])])
        for name in self.options.undefine:
            self.variable(name, "-u")
            if not self.options.quiet:
                lisp.output.write(f"Undefine {name}\n")
            m.set_value(m.intern(name), UNSET)
        if not restarted:
            self.explain()

    def speak(self, restarted: bool) -> None:
        """Make a session say what the original says of definitions and errors, if it should."""
        lisp, m = self.session.lisp, self.session.machine
        if self.options.quiet:
            return
        programs = self.options.image in (None, "-")
        if programs and not restarted:
            m.set_value(lisp.s_redefmsg, T)
        if self.modern():
            return
        if programs and not restarted:
            m.set_value(lisp.s_comp, T)
            m.set_value(lisp.s_pwrds, T)
        lisp.words = CompilerWords(lisp, not programs)
        lisp.errors.trace = VALUES if self.options.backtrace and not self.options.original else COMPILED

    def modern(self) -> bool:
        """Is what is read typed by somebody, or was it asked for that this is as if it were?"""
        return bool(self.options.modern) or self.files() == ["-"] and is_terminal(sys.stdin)

    def variable(self, name: str, option: str) -> None:
        """ValueError unless a name of the command line is a variable."""
        m = self.session.lisp.machine
        if not m.is_variable(m.intern(name)):
            raise ValueError(f"{option} {name}: {name} is a constant; the name of a variable was expected")

    def open(self, name: str) -> Input:
        if name != "-":
            self.read.setdefault(name)
            return Input(open(name, "rb"), name=name)
        stream = Input(patient(sys.stdin.buffer, self.session.machine.wait, "rb"), name="standard input")
        if is_terminal(sys.stdin):
            from .lineinput import interactive
            interactive(self, stream)
        elif not self.options.quiet:
            file = stream.file

            def prompted() -> bytes:
                out, spool = self.session.lisp.output, self.session.lisp.spooled
                if spool is not None:
                    spool.prompt(self.session.lisp.prompt)
                else:
                    out.write(self.session.lisp.prompt)
                out.column = 0  # what answers the line begins one
                assert file is not None
                return bytes(file.readline())
            stream.prompt = prompted
        return stream

    def guarded(self, stream: Input, function: bool = True, given: bool = False) -> None:
        """Call the restart function with a stream as standard input (not without ``function``), or load the stream when
        there is none.

        ``given``: a form of the command line.

        After each restart, which may come out of the one before, the new session does so with the rest of the stream.
        """
        argument: str | None = None
        while True:
            lisp = self.session.lisp
            lisp.standard_input = lisp.input = stream
            try:
                if given and not self.options.quiet:
                    self.given(stream)
                else:
                    self.read_or_call(stream, argument, function)
                return
            except Restart as restart:
                lisp.window.close()  # what the kernel has of the line goes back to the stream
                argument, function, given = restart.action(), True, False

    def read_or_call(self, stream: Input, argument: str | None, function: bool) -> None:
        lisp, m = self.session.lisp, self.session.machine
        supervisor = m.root(ROOT_RESTART)
        if supervisor == NIL or self.options.no_restart or not function:
            lisp.load_stream(stream, None if self.options.quiet and not stream.typed else Transcript(lisp))
            return
        arguments = [] if argument is None else [lisp.reader.read(Input(text=argument))]
        lisp.protect(lambda: lisp.apply(supervisor, arguments))

    def given(self, stream: Input) -> None:
        """Evaluate the forms of a text from the command line and show them with their values; an error ends the run, as
        in the original.
        """
        lisp = self.session.lisp
        transcript = Transcript(lisp)

        def evaluated() -> bool:
            """One form; False at the end."""
            form = lisp.reader.read(stream)
            if form == lisp.eof:
                return False
            transcript.given(form)
            transcript.gives(lisp.eval(form))
            return True
        try:
            while more := lisp.protect(evaluated):
                pass
        except Stopped:
            if not self.options.original:
                raise
            lisp.output.write("\n")
            more = None
        if more is None:
            raise Stopped(1)

    def native_compile(self) -> int:
        """Compile what the command line asks for; 1 when a function that it names stays bytecode."""
        if not self.options.compile:
            return 0
        from .compiling import native_compile
        return native_compile(self)

    def tell(self, text: str) -> None:
        """Say what happens to the system, as the original does."""
        if not self.options.quiet:
            self.session.lisp.output.write(f"\n{text}\n")

    def restart_path(self) -> str:
        """The image that a restart reloads: what was preserved last, else what the session began from."""
        if self.options.output and os.path.exists(self.options.output):
            with Image(self.options.output) as image:
                if "heap" in image.sections:
                    return str(self.options.output)
        return self.session.path or base_image()

    def replace(self, path: str) -> None:
        """Go on with a fresh session from an image; the old one's memory is given back."""
        old = self.session
        old.lisp.output.flush()
        session = Session(path, heap=old.heap, native=old.native_wanted, engine=old.engine_wanted,
                          gc_stress=old.gc_stress, output=old.output,
                          jit=self.options.jit, libraries=old.libraries, output_library=old.output_library,
                          trust=old.trust.level)
        if old.restricted:  # a stranger's program cannot get away by beginning again
            session.distrust(old.restricted, "it was used before this restart")
        old.lisp.window.close()
        old.lisp.page.close()
        if "random" in vars(old.lisp):
            session.lisp.random = old.lisp.random
        session.lisp.terminal, session.lisp.spooled = old.lisp.terminal, old.lisp.spooled
        old.release()
        self.session = session
        del old
        gc.collect()  # what refers to itself would live until the next full collection, and others begin meanwhile
