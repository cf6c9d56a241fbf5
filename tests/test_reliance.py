"""Native code relies on exactly what its digest covers: whatever the compiler read of a function, a change of it ends
the code.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from csl_native import Session, restore
from csl_native.heap.objects import SYM_ENV
from csl_native.heap.words import FLOAT
from csl_native.native.background import Background
from csl_native.saving import guards

from .conftest import needs_native

pytestmark = needs_native
# A program with f, what changes it, and a question; native code gives the same answer as bytecode.
CHANGES = {
    "literal of an inlined function": ("(de k () 2.5) (de f (x) (plus x (k)))", "(de k () 3.5)", "(f 1.0)"),
    "inlined function of the same text": ("(de k (x) (plus x 2.5)) (de f (x) (k (k x)))", "(de k (x) (plus x 7.5))",
                                          "(f 1.0)"),
    "own literal by symbol-env": ("(de f (x) (plus x 2.5))", "(change 'f 2.5 3.5)", "(f 1.0)"),
    "inlined literal by symbol-env": ("(de k () 2.5) (de f (x) (plus x (k)))", "(change 'k 2.5 3.5)", "(f 1.0)"),
    "called function by symbol-env": ("(de k (x) 'k) (de g (x) 'g) (de f (x) (list (k x)))", "(change 'f 'k 'g)",
                                      "(f 1)"),
    "copy of a function": ("(de k () 2.5) (copyd 'f 'k)", "(change 'k 2.5 3.5)", "(f)"),
    "symbol-set-env": ("(de f (x) (plus x 2.5))", "(symbol!-set!-env 'f (changed 'f 2.5 3.5))", "(f 1.0)"),
    "symbol-set-env of an inlined one": ("(de k (x) (plus x 2.5)) (de f (x) (list (k x)))",
                                         "(symbol!-set!-env 'k (changed 'k 2.5 3.5))", "(f 1.0)"),
    "bytecode": ("(de f (x) (plus x 1))", "(swap (getv (symbol!-env 'f) 0) 1 2)", "(f 1)"),
}
TOOLS = """
(de place (v old) (prog (i) (setq i 1) l (cond ((equal (getv v i) old) (return i))) (setq i (add1 i)) (go l)))
(de change (f old new) (prog (v) (setq v (symbol!-env f)) (putv v (place v old) new)))
(de changed (f old new) (prog (v w) (setq v (symbol!-env f)) (setq w (mkvect (upbv v)))
  (dotimes (i (add1 (upbv v))) (putv w i (getv v i)))
  (putv w (place w old) new) (return w)))
(de swap (code old new) (prog (i) (setq i 16) l (cond ((greaterp i (bps!-upbv code)) (return nil))) (setq i (add1 i))
  (go l)))
"""


@pytest.fixture
def lisp() -> Iterator[Session]:
    session = Session(output=open(os.devnull, "wb"))
    session.eval(f"(progn {TOOLS} nil)")
    yield session


@pytest.mark.parametrize("how", ["ahead", "stencil", "optimised"])
@pytest.mark.parametrize("case", list(CHANGES))
def test_a_change_is_seen_by_native_code(lisp: Session, case: str, how: str, tmp_path: Path) -> None:
    program, change, question = CHANGES[case]
    lisp.eval(f"(progn {program} nil)")
    if how == "ahead":
        lisp.native_compile(["f"])
    else:
        jit = lisp.hardcode.jit()
        jit.set_threshold(0, 0 if how == "optimised" else -1)
    before = lisp.eval(question)
    lisp.eval(f"(progn {change} nil)")
    after = lisp.eval(question)
    assert case == "bytecode" or after != before
    lisp.preserve(tmp_path / "x.img")
    assert restore(tmp_path / "x.img", heap=128 << 20).eval(question) == after
    assert restore(tmp_path / "x.img", heap=128 << 20, native=False).eval(question) == after


def digest(lisp: Session, name: str) -> bytes:
    return guards.digest_of(lisp.lisp, name)


@pytest.mark.parametrize("one, other", [("(de f (x) (list x 2.5))", "(de f (x) (list x 3.5))"),
                                        ("(de f (x) (g x))", "(de f (x) (h x))"),
                                        ("(de f (x) (f x))", "(de f (x) (g x))"),
                                        ("(de f (x) (car x))", "(de f (x) (cdr x))")])
def test_the_digest_covers_what_is_read(lisp: Session, one: str, other: str) -> None:
    lisp.eval(one)
    first = digest(lisp, "f")
    lisp.eval(one)
    assert digest(lisp, "f") == first
    lisp.eval(other)
    assert digest(lisp, "f") != first


def test_constants_that_are_read_at_run_time_are_not_covered(lisp: Session) -> None:
    lisp.eval("(de f () '(1 2))")
    first = digest(lisp, "f")
    lisp.eval("(de f () '(1 3))")
    assert digest(lisp, "f") == first


def test_a_record_without_floats_is_noticed(lisp: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mutant: with one input less, the digests of two different functions are the same."""
    record = guards.constant_record
    monkeypatch.setattr(guards, "constant_record", lambda heap, x: b"" if x & 7 == FLOAT else record(heap, x))
    lisp.eval("(de f () 2.5)")
    first = digest(lisp, "f")
    lisp.eval("(de f () 3.5)")
    assert digest(lisp, "f") == first


@pytest.mark.parametrize("change", ["(de k () 3.5)", "(de f (x) (plus x 9.5))"])
def test_a_stale_job_is_dropped(lisp: Session, change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    lisp.eval("(progn (de k () 2.5) (de f (x) (plus x (k))) nil)")
    jit = lisp.hardcode.jit()
    held, compile_ = threading.Event(), jit.background.compile
    monkeypatch.setattr(jit.background, "compile", lambda order: (held.wait(60), compile_(order))[1])
    m = lisp.machine
    lisp.run(lambda: jit.optimise(m.intern("f"), at_once=False))
    jit._later.clear()
    lisp.eval(change)
    held.set()
    jit.background.pool.submit(lambda: None).result(120)
    lisp.run(jit.take_ready)
    assert m.intern("f") not in jit.functions or jit.functions[m.intern("f")].tier != "optimised"
    assert lisp.eval("(f 1.0)") == (4.5 if "k" in change else 10.5)


def test_a_dead_worker_is_replaced(lisp: Session) -> None:
    lisp.eval("(progn (de f (x) (plus x 1)) (de g (x) (plus x 2)) nil)")
    jit, m = lisp.hardcode.jit(), lisp.machine
    lisp.run(lambda: jit.optimise(m.intern("f"), at_once=True))
    first = jit.background._worker
    assert first is not None
    first.process.kill()
    first.process.wait()
    lisp.run(lambda: jit.optimise(m.intern("g"), at_once=True))
    assert jit.functions[m.intern("g")].tier == "optimised" and jit.background._worker is not first
    assert m.field(m.intern("g"), SYM_ENV) and lisp.eval("(g 1)") == 3


class FakeWorker:
    """A compiling process that says what it is told to."""

    def __init__(self, *answers: object) -> None:
        self.answers, self.alive, self.asked = list(answers), True, 0

    def compile(self, architecture: str, source: object) -> object:
        self.asked += 1
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def is_alive(self) -> bool:
        return self.alive

    def close(self) -> None:
        self.alive = False


def test_whoever_waits_for_code_is_told() -> None:
    """Of code that is ready, of time that this process has taken, and not behind the end."""
    order, pokes = SimpleNamespace(symbol=5, source=None), list[int]()
    background = Background("x86-64", lambda: pokes.append(1))
    background._worker = FakeWorker("block")  # type: ignore[assignment]
    background.submit(order)  # type: ignore[arg-type]
    background.pool.submit(lambda: None).result()
    assert pokes == [1] and background.waiting == {5} and background.seconds > 0
    assert ((ready := background.ready()) is not None and (ready.block, ready.why) == ("block", "")
            and background.waiting == set())
    assert background.ready() is None
    background.wake(time.process_time())
    background.pool.submit(lambda: None).result()
    assert pokes == [1, 1]
    background.wake(time.process_time() + 30)
    background.close()
    assert pokes == [1, 1]


def test_a_worker_that_refuses_is_asked_once_and_one_that_died_is_replaced() -> None:
    background, order = Background("x86-64", lambda: None), SimpleNamespace(symbol=5, source=None)
    background._worker = worker = FakeWorker(RuntimeError("no"), "never")  # type: ignore[assignment]
    assert background.compile(order).why == "no" and worker.asked == 1  # type: ignore[arg-type]
    background._worker.close()
    started = []

    def another() -> FakeWorker:
        started.append(FakeWorker("block"))
        return started[-1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("csl_native.native.workers.Worker", another)
        assert background.compile(order).block == "block" and len(started) == 1  # type: ignore[arg-type]
        background.close()
        assert "is being closed" in background.compile(order).why  # type: ignore[arg-type]


def test_what_is_given_is_told_by_one_byte() -> None:
    assert [guards.is_given(bytes(guards.GIVEN) + more)
            for more in (b"", b"\0", b"\1", b"\0\1")] == [False, False, True, False]
