"""Lisp inside of a Python program: lifetimes, owners, threads, exceptions, signals, and that nothing of the process is
changed.
"""

from __future__ import annotations

import copy
import gc
import os
import pickle
import signal
import sys
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any

import pytest

from csl_native import Handle, LispError, Session, SessionError, restore

from .conftest import needs_native

SMALL = 64 << 20


@pytest.fixture(params=["native", "python"])
def small(request: pytest.FixtureRequest) -> Iterator[Session]:
    with open(os.devnull, "wb") as out, Session(heap=SMALL, engine="python" if request.param == "python" else None,
                                                output=out) as s:
        yield s


def mapped() -> int:
    """Bytes of address space that the process has."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmSize"):
            return int(line.split()[1]) << 10
    return 0


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


needs_proc = pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="/proc says what a process has")


# -- lifetimes and owners -----------------------------------------------------------------

USES: dict[str, Callable[[Session], object]] = {
    "eval": lambda s: s.eval("1"), "call": lambda s: s.call("plus", 1, 2), "function": lambda s: s.function("plus"),
    "load": lambda s: s.load("x"), "define": lambda s: s.define("f", print), "preserve": lambda s: s.preserve("x.img"),
    "run": lambda s: s.run(lambda: 1), "with": lambda s: s.__enter__(),
    "native_compile": lambda s: s.native_compile(["f"]), "add_tags": lambda s: s.add_tags(["aarch64"]),
    "words": lambda s: s.machine.words[0], "kernel": lambda s: s.machine.kernel.free_bytes(),
}


@pytest.mark.parametrize("use", USES)
def test_a_closed_session_says_so(use: str) -> None:
    with Session(heap=SMALL) as s:
        plus = s.function("plus")
        handle = s.eval("(mkvect 2)")
    s.close()
    s.interrupt()
    for call in (lambda: USES[use](s), lambda: plus(1, 2), lambda: s.call("upbv", handle)):
        with pytest.raises(ValueError, match=r"closed|released"):
            call()
    assert repr(handle) == "<a Lisp value of a session that is closed>"


def test_a_handle_is_of_its_session(small: Session) -> None:
    handle = small.eval("(list2vector '(1 2))")
    assert repr(handle) == "<Lisp [1 2]>" and copy.copy(handle) is handle and copy.deepcopy([handle])[0] is handle
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(handle)
    with Session(heap=SMALL) as other:
        for use in (lambda: other.call("list", handle), lambda: other.function("list")([[handle]]),
                    lambda: other.call("list", 1, handle)):
            with pytest.raises(SessionError, match="another session"):
                use()
        other.define("mine", lambda: handle)
        with pytest.raises(SessionError, match="another session"):
            other.eval("(mine)")
    assert small.call("upbv", handle) == 1


def test_handles_can_always_be_shown(small: Session) -> None:
    circular = small.eval("(progn (setq v (mkvect 1)) (putv v 0 v) (putv v 1 (list v v)) v)")
    assert len(repr(circular)) < 11000 and repr(circular).endswith("...>")
    entered, left = threading.Event(), threading.Event()
    small.define("wait", lambda: (entered.set(), left.wait(60)) and None)
    thread = threading.Thread(target=small.eval, args=("(wait)",))
    thread.start()
    entered.wait(60)
    assert repr(circular) == "<a Lisp value of a session that another thread runs>"
    left.set()
    thread.join()


def test_handles_die_on_any_thread(native: Session) -> None:
    def work() -> None:
        for _ in range(200):
            handles.append(native.eval("v"))
            handles.pop()
    native.eval("(setq v (mkvect 1))")
    handles: list[Handle] = []
    kept = native.eval("v")
    threads = [threading.Thread(target=work) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert native.run(native.held_words) == [kept.word] and list(native.held.values()) == [1]


@needs_proc
@needs_native
def test_a_session_that_is_dropped_is_freed(tmp_path: Path) -> None:
    def use(close: bool) -> weakref.ref[Session]:
        s = Session(heap=SMALL)
        s.define("p", lambda x: x)
        s.eval("(de f (x) (p (list x x))) (f 1) (setq v (mkvect 1))")
        s.eval("(errorset '(car 1) nil nil)")
        with pytest.raises(LispError):
            s.call("f", 1, 2)
        handle = s.eval("v")
        if close:
            s.close()
        return weakref.ref(handle.session)
    use(True), gc.collect()
    before = mapped(), descriptors(), threading.active_count()
    for close in (True, False) * 3:
        assert (use(close), gc.collect())[0]() is None
    assert (mapped() - before[0] < SMALL, descriptors(), threading.active_count()) == (True, *before[1:])


@needs_proc
@pytest.mark.parametrize("wrong", ["no image", "small heap", "no engine", "half an image"])
def test_a_session_that_cannot_begin_leaves_nothing(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "x.img"
    with Session(heap=SMALL) as s:
        s.eval("(de f (x) x)")
        s.preserve(path)
    if wrong in ("no image", "half an image"):
        path.write_bytes(b"no image" * 1000 if wrong == "no image" else path.read_bytes()[:-5000])
    options: dict[str, Any] = {"small heap": {"heap": 1 << 20},
                               "no engine": {"engine": "none"}}.get(wrong, {"heap": SMALL})

    def attempt() -> None:
        with pytest.raises((ValueError, OSError, MemoryError)):
            restore(path, **options)
    attempt()
    gc.collect()
    before = mapped(), descriptors(), threading.active_count()
    for _ in range(3):
        attempt()
    gc.collect()
    assert (mapped() - before[0] < 32 << 20, descriptors(), threading.active_count()) == (True, *before[1:])


def test_close_waits_for_the_thread_that_runs(small: Session) -> None:
    small.define("sleep", lambda: time.sleep(0.3))
    entered = threading.Event()
    small.define("enter", entered.set)
    values: list[Any] = []
    thread = threading.Thread(target=lambda: values.append(small.eval("(progn (enter) (sleep) (list 1 2))")))
    thread.start()
    entered.wait(60)
    small.close()
    thread.join()
    assert values == [[1, 2]] and small.closed


def test_close_from_inside_is_refused(small: Session) -> None:
    small.define("end", small.close)
    with pytest.raises(SessionError, match="by code that it runs"):
        small.eval("(end)")
    assert small.eval("(plus 1 2)") == 3


# -- the process ------------------------------------------------------------------------------

def process_state() -> list[object]:
    return [sys.getrecursionlimit(), threading.stack_size(),
            [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGALRM, signal.SIGTERM)],
            signal.get_wakeup_fd() if hasattr(signal, "get_wakeup_fd") else 0, sys.getswitchinterval(),
            threading.excepthook]


def test_nothing_of_the_process_is_changed(small: Session) -> None:
    import random
    random.seed(5)
    numbers = random.getstate()
    before = process_state()
    small.define("state", process_state)
    small.eval("(de f (x) (random 10)) (f 1) (errorset '(car 1) nil nil)")
    inside = small.eval("(state)")
    small.call("f", 1)
    assert process_state() == before and random.getstate() == numbers
    assert inside[1:3] == [before[1], before[2]]


def test_random_numbers_are_the_session_s() -> None:
    draws = []
    with Session(heap=SMALL) as a, Session(heap=SMALL) as b:
        for s in (a, b):
            s.eval("(make-random-state 7)".replace("-", "!-"))
            draws.append([s.call("random", 1000) for _ in range(3)])
        assert [a.call("random", 1000) for _ in range(3)] == [b.call("random", 1000) for _ in range(3)]
    assert draws[0] == draws[1]


def test_what_is_local_to_the_caller_s_thread_is_there(small: Session) -> None:
    local, variable = threading.local(), ContextVar("variable", default=0)
    local.x = 5
    variable.set(6)
    small.define("look", lambda: [local.x, variable.get(), threading.get_ident()])
    assert small.eval("(look)") == [5, 6, threading.get_ident()]
    small.define("again", lambda: small.eval("(look)"))
    assert small.eval("(mapcar '(1 2) (function (lambda (x) (again))))") == [[5, 6, threading.get_ident()]] * 2


def test_sessions_inside_of_sessions(small: Session) -> None:
    with Session(heap=SMALL) as other:
        text = "(de down (n) (cond ((zerop n) 0) (t (plus 1 (down (sub1 n))))))"
        for s, there in ((small, other), (other, small)):
            s.eval(text)
            s.define("there", lambda n, there=there: there.eval(f"(plus 1 (cond ((zerop {n}) 0) (t (there {n - 1}))))"))
        assert small.eval("(there 20)") == 21
        assert other.call("there", 9) == 10
        small.define("deep", lambda n: other.call("down", n))
        assert small.call("deep", 20000 if small.machine.native else 200) == (20000 if small.machine.native else 200)


@needs_native
def test_recursion_is_deep_and_gives_its_memory_back(native: Session) -> None:
    native.eval("(de down (n) (cond ((zerop n) 0) (t (plus 1 (down (sub1 n))))))")
    assert native.call("down", 700000) == 700000
    with pytest.raises(LispError, match="Stack overflow"):
        native.call("down", 1 << 40)
    assert native.call("down", 700000) == 700000 and native.eval("(down 1000)") == 1000


@needs_native
def test_a_call_costs_little(native: Session) -> None:
    """5 µs on an idle machine of 2020; this one may be busy, and the limit only tells a short way from a thread for
    each call.
    """
    native.eval("(de next (n) (plus n 1))")
    following, best = native.function("next"), 1e9
    for _ in range(200):
        started = time.perf_counter()
        for k in range(50):
            following(k)
        best = min(best, (time.perf_counter() - started) / 50)
    assert best < 25e-6


# -- exceptions ------------------------------------------------------------------------------

class Odd(Exception):
    pass


def raiser(error: BaseException) -> Callable[..., None]:
    def raises(*arguments: Any) -> None:
        raise error
    return raises


@pytest.mark.parametrize("error", [KeyError("k"), Odd(1, 2), ValueError("no"), OSError(2, "gone"),
                                   RecursionError("far"), MemoryError(), StopIteration(3),
                                   SystemExit(4), KeyboardInterrupt(), GeneratorExit(), ZeroDivisionError("z"),
                                   LispError("+++ Error mine", 5)],
                         ids=lambda e: type(e).__name__)
def test_an_exception_goes_through_lisp_as_itself(small: Session, error: BaseException) -> None:
    small.define("bad", raiser(error))
    small.eval("(de f (x) (unwind-protect (car (bad x)) (setq cleaned (list x)) "
               "(errorset '(car 1) nil nil)))".replace("-", "!-"))
    cause = error.__cause__ = LookupError("before")
    for call in (lambda: small.eval("(f 3)"), lambda: small.call("f", 3),
                 lambda: small.call("mapcar", [1, 2], small.eval("'bad"))):
        with pytest.raises(type(error)) as caught:
            call()
        assert caught.value is error and error.__cause__ is cause
        assert "raises" in [entry.name for entry in caught.traceback]
    assert small.eval("(list cleaned (plus 1 2))") == [[3], 3]


def test_an_errorset_catches_an_exception(tmp_path: Path) -> None:
    with open(tmp_path / "out", "wb") as out, Session(heap=SMALL, output=out) as s:
        s.define("bad", raiser(KeyError("k")))
        assert s.eval("(errorset '(bad 1) t nil)") == []
        assert s.eval("(list (errorset '(bad 1) nil nil) emsg!*)") == [[], "KeyError: 'k'"]
        s.define("stop", raiser(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            s.eval("(errorset '(stop) nil nil)")
        s.lisp.output.flush()
        assert (tmp_path / "out").read_text() == "\n+++ Error KeyError: 'k'\n"


def test_an_error_that_a_program_makes_of_an_exception_has_its_cause(small: Session) -> None:
    error = Odd("first")
    small.define("bad", raiser(error))
    for text, number in (("(error 42 emsg!*)", 42), ("(error 7 (list \"failed\" emsg!*))", 7)):
        with pytest.raises(LispError) as caught:
            small.eval(f"(progn (errorset '(bad) nil nil) {text})")
        assert caught.value.__cause__ is error and caught.value.number == number
    with pytest.raises(LispError) as caught:
        small.eval("(progn (errorset '(bad) nil nil) (car 1))")
    assert caught.value.__cause__ is None


def test_nested_errors_have_their_text_once(small: Session) -> None:
    small.define("inner", lambda n: small.eval(f"(inner {n - 1})" if n else "(car 5)"))
    with pytest.raises(LispError) as caught:
        small.eval("(inner 3)")
    assert str(caught.value) == "+++ Error attempt to take car of an atom: 5"
    small.define("printed", lambda: small.eval("(errorset '(inner 2) t nil)"))
    assert small.eval("(printed)") == []


def test_raising_is_not_printing(tmp_path: Path) -> None:
    with open(tmp_path / "out", "wb") as out, Session(heap=SMALL, output=out) as s:
        for text in ("(car 5)", "(error 1 'x)", "(undefined!-function 1)", "unset!-variable", "(cons 1)",
                     "(prin2 \"said\") (car 6)", "(f", "(setq nil 1)", "(errorset '(prin2 'in) t nil) (car 7)"):
            with pytest.raises(LispError, match=r"(?i)\+\+\+ error"):
                s.eval(text)
        s.eval("(errorset '(car 8) t nil)")
        s.lisp.output.flush()
        assert (tmp_path / "out").read_text() == "saidin\n+++ Error attempt to take car of an atom: 8\n"


def test_throws_and_stops_go_through_python(small: Session) -> None:
    small.define("python", lambda: [1, small.eval("(throw 'out (list 1 2))")])
    assert small.eval("(catch 'out (progn (python) 5))") == [1, 2]
    from csl_native.lisp.leaving import Stopped
    small.define("ends", lambda: small.eval("(stop 3)"))
    with pytest.raises(Stopped) as stopped:
        small.eval("(errorset '(ends) nil nil)")
    assert stopped.value.code == 3 and small.eval("1") == 1


# -- signals ------------------------------------------------------------------------------------

LOOP = "(prog nil lp (go lp))"


def send_later(number: int, seconds: float = 0.1) -> threading.Timer:
    timer = threading.Timer(seconds, lambda: os.kill(os.getpid(), number))
    timer.start()
    return timer


needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="no kill of that kind")
BUSY = [LOOP, f"(errorset '{LOOP} nil nil)", "(de lp () (prog (x) a (setq x (errorset '(car 1) nil nil)) (go a))) "
                                             "(lp)", "(busy)",
        "(prog (l) (setq l (list 1 2)) (rplacd (cdr l) l) (length l))", "(prog nil lp (mkvect 100) (go lp))"]


@needs_signals
@pytest.mark.parametrize("text", BUSY)
def test_an_interrupt_is_one_exception(small: Session, text: str) -> None:
    small.define("busy", lambda: [time.sleep(0.01) for _ in range(6000)])
    for _ in range(2):
        timer = send_later(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            small.eval(text)
        timer.join()
        assert (small.eval(
            "(prog (i) (setq i 0) lp (setq i (add1 i)) (cond ((lessp i 2000) (go lp))) (return i))") == 2000)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@needs_signals
def test_handlers_that_return_change_nothing(small: Session) -> None:
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    try:
        small.define("going", lambda: len(came) < 1)
        timer = send_later(signal.SIGINT)
        assert small.eval("(prog nil lp (cond ((going) (go lp))) (return 'done))") == "done"
        timer.join()
        os.kill(os.getpid(), signal.SIGINT)
        assert small.eval("(plus 1 2)") == 3 and len(came) == 2
    finally:
        signal.signal(signal.SIGINT, before)


@needs_signals
def test_a_handler_that_raises_ends_lisp_with_its_exception(small: Session) -> None:
    def late(number: int, frame: Any) -> None:
        raise TimeoutError("late")
    before = signal.signal(signal.SIGALRM, late)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(TimeoutError, match="late"):
            small.eval(LOOP)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert small.eval("(plus 1 2)") == 3


@needs_signals
def test_interrupts_at_any_moment(native: Session) -> None:
    """Many, at random moments: each is one exception, and the session goes on."""
    native.define("p", lambda x: x)
    native.eval("(de f (n) (cond ((zerop n) nil) (t (cons (p (list n)) (f (sub1 n))))))")
    native.define("q", lambda: native.call("f", 5) and None)
    seen = sent = 0
    for k in range(40):
        signal.setitimer(signal.ITIMER_REAL, 0)
        timer = threading.Timer(0.002 + 0.0007 * (k % 13), os.kill, (os.getpid(), signal.SIGINT))
        sent += 1
        try:
            timer.start()  # the signal may come before this returns
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                native.eval("(progn (f 20) (q))")
        except KeyboardInterrupt:
            seen += 1
        timer.join()
        assert native.eval("(length (f 10))") == 10
    assert seen == sent and native.machine.cage["native_base"] == 0


def test_interrupting_what_does_not_run_does_nothing(small: Session) -> None:
    small.interrupt()
    assert small.eval("(plus 1 2)") == 3
    timer = threading.Timer(0.1, small.interrupt)
    timer.start()
    with pytest.raises(LispError, match="Interrupted"):
        small.eval(LOOP)
    timer.join()
    assert small.eval("(plus 1 2)") == 3


@pytest.mark.parametrize("given, error", [
    ({"jit": (1, 2, 3)}, "jit: a number of calls"), ({"jit": 1.5}, "jit: a number of calls"),
    ({"gc_stress": "x"}, "gc_stress: True, False or"), ({"tag": "x"}, "tag: the number"),
    ({"output": 5}, "output: something to write to"), ({"errors": "x"}, "errors: something to write to"),
    ({"wait": "x"}, "wait: a number of seconds"), ({"libraries": "abc"}, "libraries: a list of paths"),
    ({"heap": -1}, "heap: -1 bytes"), ({"image": 5}, "image: a path"), ({"engine": 5}, "engine: the name"),
    ({"native": "no"}, "native: True or False"), ({"trust": 3}, "trust: the name"),
    ({"output_library": 5}, "output_library: a path")])
def test_what_a_session_cannot_be_made_with_is_said(given: dict[str, Any], error: str) -> None:
    with pytest.raises((TypeError, ValueError), match=error):
        Session(**given)
