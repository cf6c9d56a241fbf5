"""How Python calls Lisp: on the caller's thread, one thread at a time in a session; what Lisp leaves with is an
exception here.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from ..heap.vm import UNWIND_ERROR, UNWIND_RESTART, UNWIND_STOP, VM
from ..heap.words import UNWIND
from ..kernel.memory import NIL
from ..lisp.errors import INTERNAL
from ..lisp.handles import PYTHON
from ..lisp.leaving import Restart, Stopped
from ..lisp.limits import Limits, Watch
from ..lisp.lisp import Lisp
from ..lisp.python import Exit
from ..lisp.reader import ReadError
from ..lisp.streams import Collector, Input
from ..runtime.machine import Machine, Unwinding
from ..runtime.stacks import BUSY, this_stack
from ..system.exceptions import LimitReached, LispError, SessionError
from ..system.signals import call
from ..system.threads import OURS, this_thread
from .callables import Function, Waiting
from .containers import Handle, expect
from .values import Values

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_SP, _BP, _BASE, _KIND, _TAG, _VALUE = (
    VM[name] >> 3 for name in ("sp", "bp", "native_base", "unwind_kind", "unwind_tag", "unwind_value"))
NOTHING = Collector()  # says that messages are set aside; each gets one of its own
SMALL = 1 << 60  # integers below it are words by themselves


class Calling(Values):
    """A part of Session."""

    machine: Machine
    lisp: Lisp
    lock: threading.RLock
    owner: int  # the thread that runs Lisp in this session now
    closed: bool
    quiet: Callable[[], None]

    def run(self, function: Callable[[], Any]) -> Any:
        """Run something where Lisp may recurse; one thread at a time.  What Lisp leaves with is an exception."""
        return self._enter(lambda: self._caught(function))

    def _inside(self, function: Callable[[], Any]) -> Any:
        """The same for what catches that itself."""
        me = this_thread()
        if self.owner == me:
            self.check_open()
            with self.machine.inside():
                return self.machine.on_big_stack(function)
        if me == OURS:
            raise SessionError(BUSY)
        with self.lock:
            mark = self._begin_run(me)
            try:
                return self.machine.on_big_stack(function)
            finally:
                self._end_run(mark)

    def run_aside(self, function: Callable[[], Any]) -> Any:
        """The same in a thread of its own, so that this one can look after signals at any time: for programs, whose
        main thread waits.
        """
        with self.lock:
            mark = self._begin_run(this_thread())
            try:
                return self.machine.on_companion(function)
            finally:
                self._end_run(mark)

    def check_open(self) -> None:
        if self.closed:
            raise SessionError("this session is closed; begin or restore another one")

    def _begin_run(self, me: int) -> int:
        self.check_open()
        mark, self.owner = len(self.machine.met), me
        try:
            self.machine.begins(me)
        except BaseException:  # of a handler of a signal
            self.owner = 0
            raise
        return mark

    def _end_run(self, mark: int) -> None:
        machine = self.machine
        try:
            del machine.met[mark:]
            if not self.closed:  # else a restart went on in another session
                self.lisp.errors.raised.clear()
                self.quiet()
        finally:
            try:
                waiting = machine.ends()
            finally:
                self.owner = 0
                machine.interrupted = machine.attention = False
            call(*waiting)

    # -- what Lisp leaves with ----------------------------------------------------------

    def _guard(self, function: Callable[[], int]) -> Any:
        """The Python value of what a function gives; exceptions for errors, which are not printed then."""
        return self._caught(lambda: self.to_python(self._word(function)))

    def _word(self, function: Callable[[], int]) -> int:
        """What a function gives; what Python code of the Lisp itself raises in it is an error of Lisp."""
        words = self.machine.words
        sp, bp = words[_SP], words[_BP]
        try:
            return function()
        except INTERNAL as error:
            self.lisp.settle(sp, bp)
            raise self.lisp.errors.internal(error) from None

    def _caught(self, function: Callable[[], Any]) -> Any:
        """What a function gives that may enter Lisp, or be ended as Lisp is."""
        lisp, words, hints = self.lisp, self.machine.words, list[str]()
        sp, bp = words[_SP], words[_BP]
        before = lisp.hint
        if not hasattr(lisp, "top"):
            lisp.hint = hints.append
        try:
            with lisp.errors.aside(), self.machine.scope():
                try:
                    return function()
                except Unwinding:
                    left = self._left(sp, bp, hints)
                except MemoryError as error:  # the heap has no room for what is converted
                    lisp.settle(sp, bp)
                    lisp.errors.internal(error)
                    left = self._left(sp, bp, hints)
        finally:
            lisp.hint = before
        if isinstance(left, Restart):
            return left.action()
        try:
            raise left
        finally:
            del left  # which knows this frame

    def _enter(self, guarded: Callable[[], Any]) -> Any:
        """Run what is guarded; a Lisp error, too, where so many calls are inside of each other that it is not begun."""
        try:
            return self._inside(guarded)
        except Unwinding:
            raise LispError(self.lisp.errors.told() or "Stack overflow") from None

    def _left(self, sp: int, bp: int, hints: list[str]) -> BaseException:
        """The exception for what Lisp left with."""
        lisp, words, errors = self.lisp, self.machine.words, self.lisp.errors
        lisp.settle(sp, bp)
        kind, tag, value = words[_KIND], words[_TAG], words[_VALUE]
        if kind == UNWIND_STOP:
            return Stopped(tag >> 3)
        if kind == UNWIND_RESTART:
            pending, lisp.pending = lisp.pending, None
            return pending or Unwinding()
        if kind != UNWIND_ERROR and words[_BASE]:  # there is Lisp outside of the Python code that called this
            # every Calling is a Session
            return Exit(kind, Handle(self, tag), Handle(self, value))  # type: ignore[arg-type]
        error, caught = errors.taken(value)
        if error is not None and not caught:
            return error
        found = LispError("\n".join([errors.told() or "Lisp error", *hints]), self.to_python(tag), tuple(hints))
        found.__cause__ = error
        return found

    # -- calls ----------------------------------------------------------------------------

    def eval(self, text: str, *, limits: Limits | None = None) -> Any:
        """Read and evaluate all forms in ``text``; the value of the last one, as a Python value."""
        expect("eval", "text", str, text)

        def body() -> int:
            stream, value = Input(text=text), NIL
            saved, self.lisp.input = self.lisp.input, stream  # so that what reads reads on in the text
            try:
                while True:
                    with self.machine.scope() as scope:
                        try:
                            form = self.lisp.reader.read(stream)
                        except ReadError as error:
                            raise self.lisp.errors.loud(str(error)) from None
                        if form == self.lisp.eof:
                            return value
                        self.lisp.hints.evaluates(form)
                        value = scope.keep(self.lisp.eval(form))
            finally:
                self.lisp.input = saved
        return self._enter(lambda: self._guard(self._watched(body, limits)))

    def _watched(self, body: Callable[[], int], limits: Limits | None) -> Callable[[], int]:
        """The same within limits."""
        if limits is None:
            return body

        def watched() -> int:
            watch = Watch(self.lisp, Limits(*limits))
            word = watch.run(body)
            if word is None:
                raise LimitReached(f"{watch.exceeded} reached")
            return word
        return watched

    def read(self, text: str) -> Any:
        """The one datum that a text is, as a Python value; nothing is evaluated.
        So what users write gets into calls, and never into program text.
        """
        expect("read", "text", str, text)

        def body() -> int:
            stream, reader = Input(text=text), self.lisp.reader
            try:
                form = reader.read(stream)
                if form == self.lisp.eof:
                    raise self.lisp.errors.loud("read: a datum was expected, and the text is empty")
                self.machine.met.append(form)
                if reader.read(stream) != self.lisp.eof:
                    raise self.lisp.errors.loud("read: one datum was expected, and more follows")
                return form
            except ReadError as error:
                raise self.lisp.errors.loud(str(error)) from None
        return self._enter(lambda: self._guard(body))

    async def aeval(self, text: str, *, limits: Limits | None = None) -> Any:
        """``eval`` in a thread of its own; the event loop goes on.
        When this is cancelled, what runs is interrupted.
        """
        return await Waiting(self,  # type: ignore[arg-type]
                              lambda: self.eval(text, limits=limits)).result()

    async def acall(self, name: str, *arguments: Any, limits: Limits | None = None) -> Any:
        """``call``, in the same way."""
        return await Waiting(self,  # type: ignore[arg-type]
                              lambda: self.call(name, *arguments, limits=limits)).result()

    def load(self, path: str | os.PathLike[str]) -> None:
        """Load a file of Lisp text; the first error ends it."""
        load = self.lisp.builtins.named("load").function
        self._enter(lambda: self._guard(lambda: load(self.lisp, self.machine.string(os.fspath(path))) or NIL))

    def call(self, name: str, *arguments: Any, limits: Limits | None = None) -> Any:
        """Call a Lisp function with Python values."""
        expect("call", "the name of a function", str, name)
        symbol = self.machine.symbols.get(name)
        if symbol is None:
            symbol = self._symbol(name)
        return self._call(symbol, arguments) if limits is None else self._limited(symbol, arguments, limits)

    def function(self, name: str) -> Function:
        """A Lisp function as a Python callable."""
        expect("function", "the name of a function", str, name)
        return Function(self, name, self._symbol(name))  # type: ignore[arg-type]  # every Calling is a Session

    def _symbol(self, name: str) -> int:
        """A symbol on the object list, which never leaves that."""
        return int(self.run(lambda: self.machine.intern(name)))

    def _call(self, symbol: int, arguments: tuple[Any, ...]) -> Any:
        """Call a symbol; small integers take the short way, on which nothing is made in the heap."""
        few = [0, 0, 0]
        count = len(arguments)
        if count <= 3 and self.machine.changes_stacks and self.machine.nested & 7 != 7 and not self.closed:
            for k, value in enumerate(arguments):
                if value.__class__ is not int or not -SMALL <= value < SMALL:
                    break
                few[k] = value << 3
            else:
                me = this_thread()
                if self.owner == me:
                    with self.machine.inside():
                        return self._short(symbol, count, few)
                if me == OURS:
                    raise SessionError(BUSY)
                with self.lock:
                    mark = self._begin_run(me)
                    try:
                        return self._short(symbol, count, few)
                    finally:
                        self._end_run(mark)

        return self._limited(symbol, arguments, None)

    def _limited(self, symbol: int, arguments: tuple[Any, ...], limits: Limits | None) -> Any:
        def body() -> Any:
            words = [self.from_python(value) for value in self.machine.steps(arguments)]
            return self.to_python(self._word(self._watched(lambda: self.machine.apply(symbol, words), limits)))
        return self.run(body)

    def _short(self, symbol: int, count: int, few: list[int]) -> Any:
        """Call the kernel, which changes the stack; a value that is a small integer needs nothing more."""
        machine, stack, errors, words = self.machine, this_stack(), self.lisp.errors, self.machine.words
        outermost, sp, bp, said = not stack.inside, words[_SP], words[_BP], errors._said
        errors._said = NOTHING  # as errors.aside(), which takes as long as the call; the kernel does the rest of that
        machine.nested += 1
        stack.inside = True
        try:
            word = machine.enter_few(machine.cage.base, symbol, count, *few, stack.top if outermost else 0,
                                     stack.shallow)
        finally:
            machine.nested -= 1
            told, errors._said = errors._said, said
            if outermost:
                stack.left()
            if machine.charges and not machine.nested:
                machine.charge("stack", 0)
        if word & 7 == 0:
            return word >> 3
        with errors.aside(told), machine.scope():
            if word != UNWIND:
                machine.note(word)
                return self.to_python(word)
            left = self._left(sp, bp, [])
        try:
            raise left
        finally:
            del left

    def define(self, name: str, function: Callable[..., Any]) -> None:
        """Make a Python callable a Lisp function, which takes any number of arguments; one that was preserved is an
        error when it is called.
        """
        expect("define", "a name", str, name)
        if not callable(function):
            raise TypeError(f"define: a function expected, not {type(function).__name__}")

        def body() -> None:
            m, lisp = self.machine, self.lisp
            rest = m.intern("arguments")
            form = m.list([m.intern("apply"), m.list([lisp.s_quote, lisp.handles.make(PYTHON, function)]), rest])
            lisp.define(m.intern(name), m.list([m.intern("&rest"), rest]), [form])
        self.run(body)
