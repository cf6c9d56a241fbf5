"""Handlers of signals and finalisers, which Python calls between any two instructions, find no session in the midst of
something: they are refused there, and what runs goes on.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from csl_native import LispError, Session, SessionError, restore
from csl_native.lisp.limits import Limits, Watch
from csl_native.system import signals

from .conftest import needs_native

needs_signals = pytest.mark.skipif(sys.platform == "win32", reason="no kill of that kind")
CIRCULAR = "(prog (l) (setq l (list 1 2)) (rplacd (cdr l) l) (length l))"
LOOP = "(prog nil lp (mkvect 100) (go lp))"


def later(number: int) -> threading.Timer:
    timer = threading.Timer(0.1, os.kill, (os.getpid(), number))
    timer.start()
    return timer


@pytest.fixture
def small() -> Iterator[Session]:
    with Session() as session:
        yield session


@needs_signals
@pytest.mark.parametrize("name", ["SIGALRM", "SIGUSR2"])
@pytest.mark.parametrize("text", [CIRCULAR, LOOP])
def test_a_handler_cannot_call_the_session_that_it_interrupts(small: Session, name: str, text: str) -> None:
    """Whether signals of that number are held back until a safepoint, or not."""
    number = getattr(signal, name)

    def handler(number: int, frame: Any) -> None:
        with pytest.raises(SessionError, match="in the midst of it"):
            small.eval("(list 1 2)")
        with pytest.raises(SessionError, match="in the midst of it"):
            small.call("plus", 1, 2)
        small.interrupt()
    before = signal.signal(number, handler)
    try:
        timer = later(number)
        with pytest.raises(LispError, match="Interrupted"):
            small.eval(text)
        timer.join()
    finally:
        signal.signal(number, before)
    assert small.eval("(plus 1 2)") == 3


@needs_signals
def test_a_handler_may_call_what_runs_nothing_or_is_left(small: Session) -> None:
    found: list[Any] = []
    before = signal.signal(signal.SIGALRM, lambda number, frame: found.append(small.eval("(plus 1 2)")))
    try:
        os.kill(os.getpid(), signal.SIGALRM)
        small.define("leave", lambda: os.kill(os.getpid(), signal.SIGALRM))
        assert small.eval("(progn (leave) 5)") == 5
        small.define("waits", lambda: [later(signal.SIGALRM).join(), time.sleep(0.01)])
        small.eval("(waits)")
        with Session(image=None) as other:
            signal.signal(signal.SIGALRM, lambda number, frame: found.append(other.eval("(plus 1 2)")))
            timer = later(signal.SIGALRM)
            other.define("ended", lambda: len(found) > 3)
            small.define("ended", lambda: len(found) > 3)
            small.eval("(prog nil lp (cond ((not (ended)) (go lp))))")
            timer.join()
    finally:
        signal.signal(signal.SIGALRM, before)
    assert found == [3, 3, 3, 3]


class Dying:
    """Calls something at its end, which comes when Python looks for circles."""

    def __init__(self, call: Callable[[], None]) -> None:
        self.me, self.call = self, call

    def __del__(self) -> None:
        self.call()


@pytest.fixture
def thresholds() -> Iterator[None]:
    before = gc.get_threshold()
    gc.freeze()  # what there is already needs no look
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


@pytest.mark.parametrize("engine", [pytest.param(None, marks=needs_native), "python"])
def test_a_finaliser_is_refused_or_works(engine: str | None, thresholds: None, tmp_path: Path) -> None:
    called, refused = [0], [0]
    with Session(engine=engine) as session:
        def call() -> None:
            called[0] += 1
            try:
                assert session.eval("(list 'x (compress '(1 2)))") == ["x", 12]
            except SessionError:
                refused[0] += 1
        for k in range(0, 100, 1 if engine is None else 20):
            gc.collect(0)
            Dying(call)
            gc.set_threshold(10 + k)  # the circle is found when Python has made so many objects
            assert session.eval(f"(list {k} \"text\" (explode '(a {k} . 1.5)))")[0] == k
            gc.set_threshold(0)
        gc.collect()
        if engine is None:
            session.preserve(tmp_path / "x.img")
            restore(tmp_path / "x.img", trust="none").close()  # which proves its heap
    assert 0 < refused[0] <= called[0]


def test_a_thread_of_the_package_does_not_wait_for_a_session(small: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that looks after limits is waited for by whoever runs; a finaliser may be called in it, too."""
    refused: list[str] = []
    look = Watch.look

    def looking(watch: Watch) -> None:
        for call in (lambda: small.eval("1"), lambda: small.call("plus", 1, 2), small.close):
            with pytest.raises(SessionError) as error:
                call()
            refused.append(str(error.value))
        look(watch)
    monkeypatch.setattr(Watch, "look", looking)
    assert small.eval("(plus 1 2)", limits=Limits(seconds=5)) == 3 and len(refused) == 3


def test_items_that_lisp_makes_one_after_the_other(small: Session) -> None:
    assert list(small.vector(small.eval(f"(plus {k} 1)") for k in range(3))) == [1, 2, 3]


@needs_signals
@pytest.mark.parametrize("name", ["set_signal", "getsignal"])
def test_a_handler_that_raises_while_signals_are_held_back_or_let_through(
        small: Session, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """At each of the calls by which that is done, around Lisp and around Python functions that it calls: it is one
    exception, and the next run finds everything as it was.
    """
    small.define("p", lambda x: x)
    small.define("q", lambda: small.eval("(p 2)"))
    real, left = getattr(signals, name), 0

    def raising(*arguments: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0:
            raise KeyboardInterrupt
        return real(*arguments)
    monkeypatch.setattr(signals, name, raising)
    before, raised = signal.getsignal(signal.SIGINT), 0
    for left in range(1, 100):
        started = left
        try:
            assert small.eval("(list (p 1) (q))") == [1, 2]
        except KeyboardInterrupt:
            raised += 1
        assert signals.GATE.machines == [] and signals.GATE.handlers == {}
        assert signal.getsignal(signal.SIGINT) is before
        if left > 0:
            break
    assert raised == started - 1 > 5
    left = 0
    assert small.eval("(list (p 1) (q))") == [1, 2]
