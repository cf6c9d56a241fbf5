"""The life of a typed module from Lisp: packed, unpacked, copied, moved, dropped, and seen by what lists modules."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from csl_native import LispError, Session
from csl_native.modules import Module
from csl_native.tools.csl_image import main

COUNTER = """(define!-module '(counter
  (register io word) (register n word 1 top)
  (interface number io)
  (procedure next number external (inc n) (cpb n io) (ret))))"""


def begun(tmp_path: Path) -> Session:
    session = Session(output=open(tmp_path / "said", "wb"), libraries=[], output_library=str(tmp_path / "lib.img"))
    session.eval(COUNTER)
    return session


def said(session: Session, tmp_path: Path, text: str) -> str:
    session.flush()
    before = (tmp_path / "said").stat().st_size
    session.eval(text)
    session.flush()
    return (tmp_path / "said").read_bytes()[before:].decode()


def test_packed_it_is_data_and_its_registers_stay(tmp_path: Path) -> None:
    s = begun(tmp_path)
    assert [s.eval("(next 0)") for _ in range(3)] == [1, 2, 3]
    with pytest.raises(LispError, match="counter is unpacked; pack-module makes it data"):
        s.eval("(copy!-module 'counter)")
    with pytest.raises(LispError, match="unpack-module: module counter is unpacked"):
        s.eval("(unpack!-module 'counter)")
    s.eval("(pack!-module 'counter)")
    with pytest.raises(LispError, match="undefined function"):
        s.eval("(next 0)")
    s.eval("(pack!-module 'counter)")
    s.eval("(unpack!-module 'counter)")
    assert s.eval("(next 0)") == 4
    s.eval("(drop!-module 'counter)")
    for text in ("(pack!-module 'counter)", "(unpack!-module 'counter)", "(next 0)"):
        with pytest.raises(LispError):
            s.eval(text)
    s.close()


def test_a_copy_is_another_of_the_same_type_and_what_is_moved_is_the_same(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    s, library = begun(tmp_path), str(tmp_path / "lib.img")
    s.eval("(next 0)")
    s.eval("(pack!-module 'counter)")
    assert s.eval("(copy!-module 'counter)") is True
    copy = Module.load(library, "counter")
    s.eval("(move!-module 'counter)")
    moved = Module.load(library, "counter")
    assert copy.tid == moved.tid and copy.id != moved.id
    with pytest.raises(LispError, match="no typed module"):
        s.eval("(unpack!-module 'counter)")
    assert f"counter                  typed module {moved.id}, of type {moved.tid}" in said(s, tmp_path,
                                                                                             "(list!-modules)")
    assert main(["modules", library, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    rows = rows if isinstance(rows, list) else next(v for v in rows.values() if isinstance(v, list))
    assert [(row["module"], row["id"], row["functions"]) for row in rows] == [("counter", str(moved.id), 1)]
    s.eval("(load!-module 'counter)")
    assert s.eval("(next 0)") == 2
    with pytest.raises(LispError, match="there is a function counter:next already"):
        s.eval("(load!-module 'counter)")
    assert s.eval("(delete!-module 'counter)") is True and "counter" not in said(s, tmp_path, "(list!-modules)")
    s.close()
