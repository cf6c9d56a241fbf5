"""Values that go from Python to Lisp and back: whatever their size, what asks for an end is heard, and what leaves is
an exception of the caller's.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from csl_native import LispError, Session
from csl_native.lisp.deep import deep

from .conftest import needs_native

ROWS: dict[str, Callable[[Session], Any]] = {
    "list to Lisp": lambda s: s.call("null", [1, 2]),
    "arguments": lambda s: s.call("list", "a", 2.5),
    "dictionary to Lisp": lambda s: s.call("null", {1: 2}),
    "set to Lisp": lambda s: s.call("null", {1}),
    "list to Python": lambda s: s.run(lambda: s.to_python(s.machine.value(s.machine.intern("few")))),
    "variable": lambda s: s.variables["few"],
    "assigned variable": lambda s: s.variables.__setitem__("other", [1, 2]),
    "names of variables": lambda s: list(s.variables),
    "new vector": lambda s: s.vector([1, 2]),
    "slice of a vector": lambda s: s.eval_("aVector")[0:2],
    "entries of a table": lambda s: dict(s.eval_("aTable")),
    "length of a table": lambda s: len(s.eval_("aTable")),
}


@pytest.fixture(scope="module")
def session() -> Iterator[Any]:
    with closing(Session(heap=64 << 20)) as s:
        s.eval("(setq few '(1 (2 3) 4))")
        handles = {"aVector": s.vector([1, 2, 3]), "aTable": s.call("identity", {1: 2, 3: 4})}
        s.eval_ = handles.__getitem__  # type: ignore[attr-defined]
        yield s


def asking(session: Session, ask: Callable[[], None], patch: pytest.MonkeyPatch) -> None:
    """Ask for an end when a call of the session has begun."""
    caught = session._caught
    patch.setattr(session, "_caught", lambda function: caught(lambda: [ask(), function()][1]))


@pytest.mark.parametrize("name", ROWS)
def test_an_interrupt_ends_a_conversion(name: str, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    asking(session, session.interrupt, monkeypatch)
    with pytest.raises(LispError, match="Interrupted"):
        ROWS[name](session)
    monkeypatch.undo()
    assert session.eval("(plus 1 2)") == 3


@needs_native
@pytest.mark.parametrize("name", ROWS)
def test_a_signal_ends_a_conversion(name: str, session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    asking(session, lambda: signal.raise_signal(signal.SIGINT), monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        ROWS[name](session)
    monkeypatch.undo()
    assert session.eval("(plus 1 2)") == 3


def test_an_error_leaves_deep_steps_at_once() -> None:
    caught = []

    def step(n: int) -> Iterator[Any]:
        try:
            yield step(n - 1) if n else 1 // 0
        except ZeroDivisionError:
            caught.append(n)
            raise
    for catching, levels in ((True, 4), (False, 1)):
        caught.clear()
        with pytest.raises(ZeroDivisionError):
            deep(step(3), catching=catching)  # type: ignore[arg-type]
        assert len(caught) == levels


def test_what_does_not_fit_into_the_heap_is_a_lisp_error() -> None:
    with Session(heap=8 << 20) as s:
        for make in (lambda: s.call("null", ["x" * 100] * 100000), lambda: s.vector([2.5] * 1000000),
                     lambda: s.call("null", b"0" * 9000000), lambda: s.variables.__setitem__("v", "x" * 9000000)):
            with pytest.raises(LispError, match="Memory exhausted"):
                make()
            assert s.eval("(plus 1 2)") == 3


def test_vectors_and_tables_take_time_as_they_have_elements(session: Session) -> None:
    began = time.process_time()
    vector = session.vector(range(20000))
    assert list(vector) == list(range(20000)) and vector[-1] == 19999 and vector[19998::-9999] == [19998, 9999, 0]
    table = session.call("identity", {k: k for k in range(3000)})
    table.clear()
    assert len(table) == 0 and time.process_time() - began < 3


def test_a_key_is_there_or_not_as_lisp_says(session: Session) -> None:
    """Whatever it has for a value, and whatever Python takes for equal."""
    thing = object()
    table = session.call("identity", {1: None, thing: 5, "k": 2})
    assert table[1] == [] and table[thing] == 5 and 1 in table and "x" not in table
    for absent in (1.0, True, object(), "K"):
        with pytest.raises(KeyError):
            table[absent]
        assert absent not in table and table.get(absent, 7) == 7
    with pytest.raises(KeyError):
        del table["x"]
    for kind in ("(mkhash 8 3 nil)", "(mkweakhash)"):
        session.eval(f"(progn (setq h {kind}) (puthash 'a h nil))")
        assert session.eval("(list (gethash 'a h 5) (gethash 'b h 5) (gethash 'b h))") == [[], 5, []]


class Mute:
    def __repr__(self) -> str:
        raise ValueError("no words")


class Number:
    def __repr__(self) -> str:
        return 5  # type: ignore[return-value]


class Asking:
    def __init__(self, session: Session) -> None:
        self.session = session

    def __repr__(self) -> str:
        return str(self.session.eval("(list 1 2)"))


class Ending:
    def __repr__(self) -> str:
        raise KeyboardInterrupt


def test_printing_what_python_cannot_show_is_no_error(session: Session) -> None:
    for thing, shown in ((Mute(), "#<python Mute that cannot be shown: ValueError>"),
                         (Number(), "#<python Number that cannot be shown: TypeError>"),
                         (Asking(session), "#<python [1, 2]>")):
        session.variables["thing"] = thing
        assert session.eval("(list2string (explode thing))") == shown
        with pytest.raises(LispError, match="python"):
            session.eval("(car thing)")
    session.variables["thing"] = Ending()
    with pytest.raises(KeyboardInterrupt):
        session.eval("(explode thing)")
    assert session.eval("(plus 1 2)") == 3


def test_a_heap_that_is_nearly_full_is_not_collected_for_every_thing() -> None:
    with Session(heap=16 << 20) as s:
        s.call("null", {(k,): 2 for k in range(200000)})
        with pytest.raises(LispError, match="Memory exhausted"):
            s.call("null", [object() for _ in range(400000)])
        assert s.machine.cage["gc_count"] < 20 and s.eval("(plus 1 2)") == 3
