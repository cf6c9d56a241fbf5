"""Things of the host that Lisp holds: kept while it does, let go after; tables that do not keep their keys alive."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path

from csl_native import Session, restore


class Thing:
    closed = False

    def close(self) -> None:
        self.closed = True


def test_a_python_object_lives_as_long_as_its_lisp_value(session: Session) -> None:
    thing = Thing()
    alive = weakref.ref(thing)
    session.function("set")(session.eval("'kept"), [thing, 1])
    assert session.eval("(car kept)") is thing
    del thing
    session.eval("(reclaim)")
    gc.collect()
    assert alive() is not None and session.eval("(eq (car kept) (car kept))") is True
    session.eval("(setq kept nil) (prog (x) (setq x (mkvect 100)))")
    session.eval("(reclaim)")
    gc.collect()
    assert alive() is None


def test_what_python_has_is_python_s_to_close(session: Session) -> None:
    thing = Thing()
    session.function("set")(session.eval("'kept"), thing)
    session.eval("(setq kept nil) (prog (x) (setq x (mkvect 100)))")
    session.eval("(reclaim)")
    session.eval("(reclaim)")
    assert not thing.closed


def test_streams_are_closed_when_nobody_has_them(session: Session, tmp_path: Path) -> None:
    session.eval(f"(setq s (open \"{tmp_path}/x\" 'output))")
    [stream] = session.lisp.handles.all(8)
    session.eval("(progn (reclaim) (wrs s) (prin2 123) (wrs nil))")
    assert not stream.file.closed
    session.eval("(progn (wrs s) (setq s nil) (reclaim) (prin2 456) (wrs nil))")
    session.eval("(reclaim)")
    stream.flush() if not stream.file.closed else None
    assert (tmp_path / "x").read_text() == "123456"


def test_weak_tables(session: Session) -> None:
    session.eval(
        """(setq w (mkweakhash)) (setq a (list 1)) (puthash a w 'one) (puthash 'sym w '(two)) (puthash 5 w 'five)
                    (de fill (n) (cond ((zerop n) nil) (t (progn (puthash (list n) w n) (fill (sub1 n))))))
                    (fill 100)""")
    assert session.eval("(length (hashcontents w))") == 103
    session.eval("(progn (fill 1) (reclaim) (reclaim))")
    assert session.eval("(list (eq (gethash a w) 'one) (car (gethash 'sym w)) (eq (gethash 5 w) 'five) "
                        "(lessp (length (hashcontents w)) 20))") == [
        True, "two", True, True]
    assert session.eval("(list (remhash 5 w) (gethash 5 w) (gethash '(1) w))") == [True, [], []]
    session.eval("(clrhash w)")
    assert session.eval("(hashcontents w)") == []


def test_weak_tables_under_stress(tmp_path: Path) -> None:
    """Addresses are used again by other objects at once: they are no keys."""
    s = Session(heap=64 << 20, gc_stress=True, output=open(tmp_path / "out", "wb"))
    s.eval("""(setq w (mkweakhash))
              (de churn (n found) (cond ((zerop n) found) (t
                (prog (x) (setq x (list n)) (cond ((gethash x w) (setq found (add1 found))))
                (puthash x w n) (return (churn (sub1 n) found))))))""")
    assert s.eval("(churn 300 0)") == 0


def test_handles_of_another_session(native: Session, tmp_path: Path) -> None:
    """What an image remembers of a stream or weak table is not taken for another one."""
    native.eval(f"(setq s (open \"{tmp_path}/x\" 'output)) (setq w (mkweakhash)) (setq k (list 1)) (puthash k w 2)")
    native.preserve(tmp_path / "x.img")
    again = restore(tmp_path / "x.img", output=open(tmp_path / "out", "wb"))
    assert (again.eval(f"(setq s2 (open \"{tmp_path}/y\" 'output)) (list (streamp s) (streamp s2) (close s))") == [
        [], True, []])
    assert again.eval("(list (gethash k w) (puthash k w 3) (gethash k w))") == [[], 3, 3]


def test_what_the_collector_did(session: Session) -> None:
    session.eval("(reclaim)")
    rows = dict(session.eval("(gc!-statistics)"))
    assert rows["collections"] >= 1 and rows["longest-full-milliseconds"] >= 0 and rows["live"] > 0
    assert "collections" in session.lisp.collections()
