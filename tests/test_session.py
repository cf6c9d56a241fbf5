"""Sessions: Python in and out, handles, errors, threads, closing."""

from __future__ import annotations

import math
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from csl_native import Handle, LispError, Session, Symbol

from .conftest import needs_native

FIB = "(de fib (n) (cond ((lessp n 2) n) (t (plus (fib (sub1 n)) (fib (difference n 2))))))"

values = st.recursive(
    st.one_of(st.integers(-(1 << 300), 1 << 300), st.floats(allow_nan=False), st.text(),
              st.sampled_from([True, Symbol("abc"), Symbol("x y")])),
    lambda inner: st.lists(inner, max_size=5), max_leaves=12)


def test_values_go_in_and_come_out(session: Session) -> None:
    session.eval("(de same (x) x)")
    same = session.function("same")

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(values)
    def check(value: Any) -> None:
        assert same(value) == value
    check()
    assert same(None) == [] and same((1, 2)) == (1, 2) and math.isnan(same(math.nan))
    handle = session.eval("(mkvect 3)")
    assert isinstance(handle, Handle) and session.function("upbv")(handle) == 3
    thing = object()
    assert same(thing) is thing


def test_handles_keep_their_object_alive(native: Session) -> None:
    handle = native.eval("(list2vector '(1 2 3))")
    native.eval("(progn (reclaim) (reclaim))")
    assert native.function("getv")(handle, 2) == 3


def test_errors_become_exceptions(session: Session) -> None:
    with pytest.raises(LispError, match="attempt to take car of an atom: 5"):
        session.eval("(car 5)")
    with pytest.raises(LispError) as caught:
        session.eval("(error 42 'oops)")
    assert caught.value.number == 42
    assert session.eval("(plus 1 2)") == 3


def test_errors_have_their_text_however_much_was_printed(tmp_path: Path) -> None:
    with open(tmp_path / "out", "wb") as out:
        s = Session(heap=64 << 20, output=out)
        for k in range(400):
            with pytest.raises(LispError, match=f"an atom: n{k}$"):
                s.eval(f"(car 'n{k})")
        with pytest.raises(LispError, match="an atom: late$"):
            s.eval("(dotimes (i 9000) (prin2 'x)) (terpri) (car 'late)")


def test_functions_from_python(session: Session) -> None:
    session.eval(FIB)
    assert session.function("fib")(15) == 610
    with pytest.raises(LispError, match="too many arguments"):
        session.function("fib")(1, 2)


@needs_native
def test_sessions_side_by_side_in_threads(tmp_path: Path) -> None:
    """Native code runs without Python's lock; heaps have nothing in common."""
    sessions = [Session(heap=64 << 20) for _ in range(3)]
    results: dict[int, Any] = {}

    def work(k: int) -> None:
        sessions[k].eval(FIB)
        sessions[k].native_compile(["fib"])
        sessions[k].eval(f"(setq mine {k})")
        results[k] = (sessions[k].function("fib")(24), sessions[k].eval("mine"))
    threads = [threading.Thread(target=work, args=(k,)) for k in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert results == {k: (46368, k) for k in range(3)}


def test_a_closed_session_says_so(native: Session) -> None:
    native.close()
    native.close()
    with pytest.raises(ValueError, match="closed"):
        native.eval("(plus 1 2)")


def test_released_handles_do_not_pile_up(native: Session) -> None:
    for _ in range(400):
        native.eval("(mkvect 1)")
    assert len(native.held_words()) < 300
