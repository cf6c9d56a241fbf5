"""The machine stacks that Lisp runs on, and how other threads reach a running program.

Lisp recurses deeper than the stack of a thread allows.  So each thread that calls Lisp has a *deep stack*: memory of
its own, to which the native kernel changes when it is called and from which it changes back, on the caller's thread.
Where that cannot be (the kernel runs under CPython, or this Python looks where its stack is) the thread has a
*companion*: a thread with a large stack that runs what it is asked to while the caller waits, and asks the caller in
turn to run what is the caller's own.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
import threading
import time
import weakref
from _queue import Empty, SimpleQueue  # what queue is made of, without the rest of it
from collections.abc import Callable, Iterator
from types import FunctionType

from ..heap.cage import NARROW, Cage, no_reserve
from ..heap.vm import STOP, VM, WORD
from ..kernel.host import H_STACK_OVERFLOW
from ..kernel.memory import NO_LIMIT
from ..system.exceptions import SessionError
from ..system.memory import MEMORY, PAGE
from ..system.process import LONGEST_WAIT
from ..system.signals import GATE, NOTHING, TICKER, call
from ..system.threads import stand_for
from .kernels import Unwinding

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..system.signals import Waiting

# The largest that the system grants; a million frames need the first.  CPython asks Windows for less than 256 MB.
STACK_SIZES = (1 << 26, 1 << 24) if NARROW else (1 << 30, 1 << 28, (1 << 28) - (1 << 16), 1 << 26)
STACK_MARGIN = 2 << 20
STEP = 1 << 20  # what a stack grows by at least
SHALLOW = 1 << 20 if NARROW else 4 << 20  # what is used beyond that goes back to the system when Lisp has returned
# How often Python and Lisp may call each other, as in nested evaluation: so much memory for each, at least and at most
# so often.
LEVEL, NESTED = 10_000, (20_000, 50_000)
BUSY = ("this session runs Lisp and cannot be called in the midst of it, by a handler of a signal or a finaliser "
        "(__del__, weakref): let these note what is to be done when it has returned; interrupt() ends what runs")
LOOK = 0.02  # seconds between two looks at whether somebody asks for an end, while a program waits
# Versions before 3.14 count calls; those from there on take a stack pointer that is not in the thread's own stack for
# an overflow.
PYTHON_LOOKS = sys.version_info >= (3, 14)

_REAL, _LIMIT, _BASE, _STRESS, _REQUEST, _INTERRUPT, _DEBUGGED, _OUTSIDE, _SP, _STACK_BASE, _HEAP_END, _RESERVE = (
    VM[name] >> 3 for name in ("real_stack_limit", "stack_limit", "native_base", "gc_stress", "gc_request", "interrupt",
                               "debugged", "outside", "sp", "stack_base", "heap_end", "reserve"))
_thread_lock, _later_lock = threading.Lock(), threading.Lock()


def _call(function: Callable[[], Any]) -> Any:
    return function()


# CPython takes memory for frames in pieces of 16 KB and gives each back at once: calls that go to and fro over the end
# of a piece cost three times as much.  The frame of this function is so large that the piece behind it, which is a
# power of two, has room for all that follow (1 MB).
roomy = FunctionType(_call.__code__.replace(co_stacksize=(1 << 17) + 64), globals())


class DeepStack:
    """The stack that Lisp runs on in one thread: ``top`` is where it begins, and below ``limit`` it has overflowed.

    ``inside``: something runs on it.  It is given back with the thread.
    """

    def __init__(self) -> None:
        self.inside = self.deepened = False
        self.limit = self.shallow = self.top = self.low = 0

    def reserve(self) -> None:
        for size in STACK_SIZES:
            try:
                base = MEMORY.reserve(size, no_reserve())
                break
            except OSError:
                if size == STACK_SIZES[-1]:
                    raise MemoryError(f"no room for a stack of {size >> 20} MB") from None
        weakref.finalize(self, MEMORY.release, base, size).atexit = False
        MEMORY.forbid(base, PAGE)
        self.low, self.top, self.limit = base + PAGE, base + size - 4096, base + STACK_MARGIN
        self.shallow = max(self.limit, self.top - SHALLOW)

    def is_this_thread_s(self, limit: int) -> None:
        """Lisp runs on the thread's own stack, which is large."""
        self.inside, self.limit, self.shallow = True, limit, limit

    def left(self) -> None:
        """Nothing runs on it any more."""
        self.inside = False
        if self.deepened:
            self.deepened = False
            MEMORY.discard(self.low, (self.shallow & -PAGE) - self.low)


class _Local(threading.local):
    stack: DeepStack | None = None
    companion: Companion | None = None
    size = 0  # in a companion: that of its stack
    queues: tuple[SimpleQueue[Any], SimpleQueue[Any]] | None = None  # ... for work and for answers


_local = _Local()


def this_stack() -> DeepStack:
    """The deep stack of this thread."""
    stack = _local.stack
    if stack is None:
        stack = DeepStack()
        stack.reserve()
        _local.stack = stack
    return stack


class Companion:
    """A thread with a large stack beside another thread; each runs what the other asks for while that one waits."""

    def __init__(self) -> None:
        self.work: SimpleQueue[Any] = SimpleQueue()
        self.answers: SimpleQueue[Any] = SimpleQueue()
        self.size = 0
        for size in STACK_SIZES:
            with _thread_lock:
                previous = threading.stack_size()
                try:
                    threading.stack_size(size)
                    threading.Thread(target=_accompany, args=(self.work, self.answers, size, threading.get_ident()),
                                     name="csl", daemon=True).start()
                    break
                except (RuntimeError, ValueError):  # no room; more than the system knows
                    if size == STACK_SIZES[-1]:
                        raise
                finally:
                    threading.stack_size(previous)
        weakref.finalize(self, self.work.put, None).atexit = False

    def run(self, function: Callable[[], Any]) -> Any:
        """The value of a function that the companion calls."""
        return _ask(function, self.work, self.answers)


class Answer:
    """What came of something that was asked for."""

    def __init__(self, function: Callable[[], Any]) -> None:
        self.error: BaseException | None = None
        try:
            self.value = function()
        except BaseException as error:
            self.error = error

    def get(self) -> Any:
        error, self.error = self.error, None
        if error is not None:
            raise error
        return self.value


def _ask(function: Callable[[], Any], theirs: SimpleQueue[Any], mine: SimpleQueue[Any]) -> Any:
    """Have the other side run something, and run what it asks for meanwhile."""
    theirs.put(function)
    while not isinstance(message := _next(mine), Answer):
        theirs.put(Answer(message))
    return message.get()


def _next(queue: SimpleQueue[Any]) -> Any:
    """What comes next; the handlers of signals that come before are called, which takes a look now and then where
    nothing interrupts a wait.
    """
    while LONGEST_WAIT is not None:
        with contextlib.suppress(Empty):
            return queue.get(timeout=LONGEST_WAIT)
    return queue.get()


def _accompany(work: SimpleQueue[Any], answers: SimpleQueue[Any], size: int, caller: int) -> None:
    """The life of a companion."""
    stand_for(caller)
    _local.size, _local.queues = size, (work, answers)
    while (function := work.get()) is not None:
        answers.put(Answer(function))
        del function


def on_the_caller_s_thread(function: Callable[[], Any]) -> Any:
    """Run what belongs to whoever called Lisp, in the thread that did: what is local to a thread is that one's."""
    queues = _local.queues
    return function() if queues is None else _ask(function, queues[1], queues[0])


class Recursion:
    """Python's limit of recursion, which belongs to the whole process, while Lisp takes more of it than Python code
    does.

    Where Python and the native kernel call each other, as in nested evaluation, the limit grows by what each of them
    needs, so that as much as ever is left for other code; the machine stack is what ends such a recursion.  It is what
    it was when Lisp has returned.
    """

    ENOUGH = 1 << 24  # for the kernel under CPython, whose calls are Python's: the Lisp stack is full before
    EIGHT = 1600  # frames of Python's between eight calls of Lisp

    def __init__(self) -> None:
        self.lock, self.users, self.grants, self.before, self.now = threading.Lock(), 0, 0, 0, 0

    def change(self, users: int, grants: int) -> None:
        with self.lock:
            found = sys.getrecursionlimit()
            others = found != self.now  # somebody else has set it, which stays so
            if others or not (self.users or self.grants):
                self.before = found
            self.users += users
            self.grants += grants
            self.now = found
            if not others or users + grants > 0:
                wanted = max(self.before, self.ENOUGH) if self.users else self.before + self.EIGHT * self.grants
                with contextlib.suppress(RecursionError):  # there is more on the stack than was allowed before
                    sys.setrecursionlimit(wanted)
                    self.now = wanted

    @contextlib.contextmanager
    def unlimited(self) -> Iterator[None]:
        self.change(1, 0)
        try:
            yield
        finally:
            self.change(-1, 0)

    @contextlib.contextmanager
    def granted(self) -> Iterator[None]:
        """For eight more calls of Lisp by Python inside of each other."""
        self.change(0, 1)
        try:
            yield
        finally:
            self.change(0, -1)


recursion = Recursion()


class Stacks:
    """A part of Machine."""

    cage: Cage
    words: memoryview[int]
    kernel: Any
    native: bool
    host: Callable[[int, int, int, int], int]
    left_at = 0  # the machine stack pointer at the last request of native code: what lies below is not Lisp's
    nested = 0  # calls of Lisp by Python that are under way
    charges: dict[str, int]  # bytes beside the heap that count as part of it
    interrupted: bool
    attention: bool  # an interrupt was asked for, or a limit was reached
    check_limits: Callable[[], None]
    since: float | None = None  # from when on what runs waits for something outside
    waited = 0.0  # seconds
    began: float | None = None
    later: tuple[float, Callable[[], None]] | None = None
    bridged: Callable[[], Any] | None = None
    enter_few: Callable[..., int]
    changes_stacks = False  # can the kernel run on another stack in the thread that calls it?
    in_main = False  # does it run in the main thread?
    thread = 0  # in which one the kernel runs
    out = 0  # the thread in which code runs that Lisp has called and that may call it again
    looked = 0.0, 0  # at what time the last tick was, and how many C functions native code had called and left
    asked = late = False  # to end, at the last tick; already at the one before
    leave: Callable[[BaseException], BaseException]  # leaves Lisp with an exception
    answer: Answer | None = None

    def after(self, seconds: float, action: Callable[[], None]) -> None:
        """Call ``action`` once when so many seconds have passed since a program was first run, while one runs; in place
        of what was to be called.

        The thread that ticks (signals.py) calls it, which takes the program no time.
        """
        self.later = seconds, action

    def hurry(self) -> None:
        """Call now what ``after`` was told to call later."""
        with _later_lock:
            later, self.later = self.later, None
            if later is not None:
                later[1]()

    def forget(self) -> None:
        """Do not call it at all; what is being called now is done when this returns."""
        with _later_lock:
            self.later = None

    def on_big_stack(self, function: Callable[[], Any]) -> Any:
        """Run ``function`` where the machine stack takes a million frames."""
        if not self.changes_stacks or _local.queues is not None:
            return self.on_companion(function)
        stack = this_stack()
        if stack.inside:
            return self._limited(stack, function)
        stack.inside = True
        try:
            self.bridged = function
            self._limited(stack, lambda: self.kernel.run_host(stack.top))
        finally:
            stack.left()
        answer, self.answer = self.answer, None
        assert answer is not None
        return answer.get()

    def on_companion(self, function: Callable[[], Any]) -> Any:
        """The same in a thread with a large stack, while this one waits."""
        if _local.queues is None:
            companion = _local.companion
            if companion is None:
                companion = _local.companion = Companion()
            return companion.run(lambda: self.on_companion(function))
        self.thread = threading.get_ident()
        if _local.stack is None and self.native:
            _local.stack = DeepStack()
            _local.stack.is_this_thread_s(self.kernel.current_stack() - _local.size + STACK_MARGIN)
        if self.native:
            return self._limited(_local.stack, lambda: roomy(function))
        with recursion.unlimited():
            return self._limited(None, lambda: roomy(function))

    def _limited(self, stack: DeepStack | None, function: Callable[[], Any]) -> Any:
        """Run something with the limits of the stack that it will run on; they are taken away behind it."""
        words = self.words
        before = words[_REAL]
        self.nested += 1
        self.set_limit(stack.shallow if stack is not None else 0)
        try:
            return function() if self.nested & 7 else self.deeper(function)
        finally:
            self.nested -= 1
            if self.cage.base:
                self.set_limit(before)
                if self.charges and not self.nested:
                    self.charge("stack", 0)

    def deeper(self, function: Callable[[], Any]) -> Any:
        """Call something where Python and Lisp have called each other eight times more than when this was called last.
        """
        if self.nested > min(max(NESTED[0], self.cage.heap // LEVEL), NESTED[1]):
            self.host(H_STACK_OVERFLOW, 0, 0, 0)
            raise Unwinding
        with recursion.granted():
            return function()

    def bridge(self) -> int:
        """The host's answer to the kernel that has changed stacks for it."""
        function, self.bridged = self.bridged, None
        assert function is not None
        self.answer = Answer(function)
        return 0

    def left_to(self, function: Callable[..., Any], values: list[Any]) -> Any:
        """Call what may call back: a C function, the front of a debugger."""
        before, self.out = self.out, threading.get_ident()
        try:
            return function(*values)
        finally:
            self.out = before

    def set_limit(self, limit: int) -> None:
        words = self.words
        words[_REAL] = words[_LIMIT] = limit
        if words[_STRESS] or words[_REQUEST] or words[_INTERRUPT] or words[_DEBUGGED]:
            words[_LIMIT] = NO_LIMIT

    def deepen(self) -> bool:
        """The program has come to the limit: is there more of the stack?  Twice as much each time, or half of what the
        heap has to spare, of which it counts as a part."""
        stack, words = _local.stack, self.words
        if stack is None or words[_REAL] <= stack.limit or self.kernel.current_stack() < stack.limit:
            return False
        lisp, real, charged = words[_SP] - words[_STACK_BASE], words[_REAL], self.charges.get("stack", 0)
        spare = self.kernel.free_bytes() - words[_RESERVE] + charged - lisp - (stack.shallow - real)
        limit = max(stack.limit, real - (stack.top - real), real - (spare >> 1))
        if real - limit < min(STEP, real - stack.limit) or not self.charge("stack", stack.shallow - limit + lisp):
            return False
        stack.deepened = True
        self.set_limit(limit)
        return True

    def charge(self, what: str, size: int) -> bool:
        """Something beside the heap has so many bytes now: the heap may have so much less.
        False when it has not got them to spare.
        """
        words, more = self.words, size - self.charges.get(what, 0)
        if more > 0 and self.kernel.free_bytes() - more < words[_RESERVE]:
            return False
        words[_HEAP_END] -= more
        self.charges[what] = size
        return True

    def interrupt(self) -> None:
        """Ask the running program to stop at its next safepoint; from any thread or signal handler."""
        self.interrupted = True
        self.stop()

    def stop(self) -> None:
        """Make the running program look at its next poll, or Python in its loops, whether it has to end; from any
        thread.
        """
        self.attention = True
        self.poke(STOP)

    def tick(self) -> None:
        """Some time has passed while a program ran; called by the thread that ticks."""
        if self.later is not None and self.began is not None and time.perf_counter() >= self.began + self.later[0]:
            self.hurry()
        if self.in_main:
            self.poke(STOP)
        self.late, self.asked = self.attention and self.asked, self.attention
        with self.cage.lock:
            now, calls = time.monotonic(), self.words[_OUTSIDE] if self.cage.base else 0
        if calls & 1 and calls == self.looked[1] and self.since is None:  # one C function since the last tick
            self.waited += now - self.looked[0]
        self.looked = now, calls

    def begins(self, thread: int) -> None:
        """A program is going to run, called by a thread."""
        main = self.in_main = thread == GATE.main
        self.thread = thread
        if main:
            GATE.close(self)
        if self.began is None:
            self.began = time.perf_counter()
        TICKER.running.append(self)
        if TICKER.asleep:
            TICKER.wake()

    def ends(self) -> Waiting:
        """It has returned; the handlers of signals that came at the last moment are to be called."""
        TICKER.running.remove(self)
        self.interrupted = self.attention = False
        if self.late:
            with TICKER.nudging:  # this thread lives as long as a signal is on its way
                self.late = False
        return GATE.open() if self.in_main else NOTHING

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Lisp is called while it runs, which only the code can do that it has called and waits for: SessionError for
        others.

        Those are handlers of signals and finalisers, which Python calls between any two of its instructions: what the
        Lisp's own Python code is doing then must not be done again in the midst of it.
        """
        me, out, words = threading.get_ident(), self.out, self.words
        in_c = words[_OUTSIDE] & 1 if me == self.thread else 0  # a C function that native code called calls back
        if out != me and not in_c:
            raise SessionError(BUSY)
        waiting, held = NOTHING, GATE.is_out()
        self.out = 0
        words[_OUTSIDE] += in_c
        try:
            if held:
                GATE.close(self)
            try:
                yield
            finally:
                if held:
                    waiting = GATE.open()
        finally:
            self.out = out
            words[_OUTSIDE] += in_c
            call(*waiting)

    def outside(self, function: Callable[..., Any], *values: Any) -> Any:
        """Call what is not the Lisp's: with signals as everywhere in Python, and it may call Lisp."""
        me = threading.get_ident()
        waiting = GATE.let_out()
        before, self.out = self.out, me
        try:
            if waiting is not None:
                call(*waiting)
            return function(*values)
        finally:
            self.out = before
            if waiting is not None:
                try:
                    GATE.back_in()
                except BaseException:  # of a handler, called as that began or before all were held back
                    GATE.back_in()
                    raise

    def look(self) -> None:
        """For Python code that waits or works for long: end here when somebody asks for that."""
        if self.attention:
            self.stop_here()

    @contextlib.contextmanager
    def waiting(self) -> Iterator[None]:
        """What waits for something outside, which takes no time of the processor but counts for limits of time."""
        outer, self.since = self.since, self.since or time.monotonic()
        try:
            yield
        finally:
            if outer is None and self.since is not None:
                self.waited += time.monotonic() - self.since
            self.since = outer

    def wait(self, ready: Callable[[float], bool]) -> None:
        """Wait until something is ready, as it says when it has been waited for so many seconds; this can be ended."""
        if not ready(0):
            with self.waiting():
                while not ready(LOOK):
                    self.look()

    def waited_so_far(self) -> float:
        """Seconds in which programs waited, the one that waits now, too."""
        since = self.since
        return self.waited + (time.monotonic() - since if since is not None else 0.0)

    def stop_here(self) -> None:
        """Python code that may run for long saw that it may have to end."""
        self.attention = False
        if GATE.came and GATE.machines[-1:] == [self]:
            self.deliver()
        self.check_limits()

    def deliver(self) -> None:
        """Call the handlers of signals that came meanwhile; what one of them raises leaves Lisp."""
        try:
            on_the_caller_s_thread(GATE.deliver)
        except BaseException as error:
            raise self.leave(error) from None

    def poke(self, why: int = WORD) -> None:
        """Make the running program call the host at its next safepoint; from any thread."""
        with self.cage.lock:
            if self.cage.base:
                self.words[_INTERRUPT] |= why
                self.words[_LIMIT] = NO_LIMIT

    def stack_words(self) -> Iterator[int]:
        """What running Lisp code has on the machine stack, the innermost first: words that may be Lisp values, and
        others.
        """
        if not self.native:
            frame: Any = sys._getframe()
            while frame is not None:
                if isinstance(env := frame.f_locals.get("env"), int):
                    yield env
                frame = frame.f_back
            return
        base, here, top = self.cage.base, self.kernel.current_stack(), self.words[_BASE]
        if here < self.left_at <= top:
            here = self.left_at
        size = ctypes.sizeof(ctypes.c_void_p)
        for word in (ctypes.c_size_t * max(0, (top - here) // size)).from_address(here):
            yield word - base if word > base else word
