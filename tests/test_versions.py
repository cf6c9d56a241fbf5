"""Images of every format open for ever; a layout does not change without a step of the version.

``tests/images/VERSION.img`` is a small image that the version made: ``python -m tests.test_versions`` makes the one of
this version, once.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import msgpack
import pytest

from csl_native import LispError, Session, restore
from csl_native.heap.objects import LAYOUTS, SYM_ENV, SYM_SPARE
from csl_native.heap.vm import HEAP
from csl_native.heap.words import CONS, FLOAT, OTHER, STRING, SYMBOL, VECTOR
from csl_native.image.container import FORMAT_MAJOR, FORMAT_MINOR, Image, ImageError, Section, update, write
from csl_native.instructions.table import table
from csl_native.kernel.memory import FIXED_SYMBOLS, ROOT_HANDMADE

IMAGES = Path(__file__).parent / "images"
VERSION = f"{FORMAT_MAJOR}.{FORMAT_MINOR}"
PROGRAM = """
(fluid '(level))
(setq level 7)
(de fact (n) (cond ((lessp n 2) 1) (t (times n (fact (sub1 n))))))
(de rest (a &optional b &rest c) (list a b c))
(de caught (x) (catch 'tag (plus 1 (throw 'tag x))))
(de safe (f) (prog (r) (unwind!-protect (setq r (apply f nil)) (setq level (add1 level))) (return r)))
(de loop (n) (prog (s) (setq s 0) l (cond ((zerop n) (return s))) (setq s (plus s n)) (setq n (sub1 n)) (go l)))
(de bound (level) (level2))
(de level2 () level)
(dm twice (u) (list 'times 2 (cadr u)))
(de uses (x) (mapcar x (function (lambda (y) (twice y)))))
(setq data (list 'sym "text é" 1.5 -3 123456789012345678901234567890 -98765432109876543210 (list2vector '(1 (2 . 3)))))
(setq numbers (mkvect32 2))
(putv32 numbers 1 77)
(setq h (mkhash 10 2 1.5))
(puthash '(a b) h 'found)
(put 'fact 'kind 'recursive)
"""
QUESTION = """(progn (setq level 7) (list (fact 25) (rest 1) (rest 1 2 3 4) (caught 5) (safe 'level2) (loop 100)
                    (bound 9) (uses '(1 2)) (getv32 numbers 1)
                  (gethash '(a b) h) (get 'fact 'kind) (car data) (cadr data) (caddr data) (nth data 5) (nth data 6)
                  (getv (nth data 7) 1)))"""


def answers(session: Session) -> str:
    return repr(session.eval(QUESTION))


def facts() -> dict[str, object]:
    """What an image relies on, but for the names of functions and entries, which are translated."""
    layouts = json.dumps([[row.name, row.type, row.tag, row.pointers, row.fields] for row in LAYOUTS])
    return {"layouts": hashlib.sha256(layouts.encode()).hexdigest(),
            "tags": [CONS, SYMBOL, STRING, VECTOR, FLOAT, OTHER], "base": HEAP, "fixed": list(FIXED_SYMBOLS),
            "roots": ROOT_HANDMADE + 1, "instructions": [row[1:9] for row in table()]}  # not their effects


def make() -> None:
    """The image of this version: bytecode only, compressed."""
    with tempfile.TemporaryDirectory() as folder:
        session = Session(output=open(os.devnull, "wb"))
        session.eval(PROGRAM)
        said = answers(session)
        session.preserve(Path(folder) / "x.img", compress=True)
        with Image(Path(folder) / "x.img") as image:
            sections = [Section(name, image.read(name), info={**image.sections[name].info, "seal": {}})
                        for name in ("heap", "starts", "instructions")]
        write(IMAGES / f"{VERSION}.img",
              [*sections, Section("answers", said.encode()), Section("facts", json.dumps(facts()).encode())])


@pytest.mark.parametrize("path", sorted(IMAGES.glob("*.img")), ids=lambda p: p.stem)
@pytest.mark.parametrize("engine", [None, "python"], ids=["native", "python"])
def test_images_of_all_versions_open(path: Path, engine: str | None, tmp_path: Path) -> None:
    with Image(path) as image:
        expected = image.read("answers").decode()
    session = restore(path, engine=engine, output=open(tmp_path / "out", "wb"))
    assert answers(session) == expected
    session.eval("(de more (x) (fact x))")
    session.preserve(tmp_path / "again.img")
    again = restore(tmp_path / "again.img", engine=engine, output=open(tmp_path / "out", "wb"))
    assert answers(again) == expected and again.eval("(more 5)") == 120


@pytest.mark.parametrize("path", sorted(IMAGES.glob("*.img")), ids=lambda p: p.stem)
def test_no_function_of_an_older_version_is_lost(path: Path) -> None:
    """What was Python's and is the kernel's now is found there (``MOVED``), and does the same."""
    with Image(path) as image:
        there = [name for name in image.sections["heap"].info["builtins"] if name and not name.startswith("text ")]
    session = restore(path, output=open(os.devnull, "wb"))
    m = session.machine
    assert [name for name in there if not session.lisp.is_defined(m.intern(name))] == []
    assert session.eval("(list (rem 7 2) (integerp 5) (qgetv (list2vector '(a b)) 1) (nconc (list 1) '(2)))") == [
        1, True, session.eval("'b"), [1, 2]]
    session.close()
    done = subprocess.run([sys.executable, "-m", "csl_native.tools.csl_image", "verify", str(path)], check=False,
                          capture_output=True, text=True)
    assert "this version does not have" not in done.stdout


def test_functions_are_found_when_numbers_are_others_and_entries_are_gone() -> None:
    """Python's functions get their numbers of now, those too of which the kernel has some; where an entry of the kernel
    is gone, Python's function is there.
    """
    session = Session(output=open(os.devnull, "wb"))
    m, names = session.machine, list(session.lisp.builtins.names)
    old = {"max": "entry_max_many", "list": "entry_list_three"}
    entries = ["entry_of_old_" + name if name in old.values() else name for name in m.entry_names]

    def renumber() -> None:
        for symbol in m.vector_items(m.root(0)):
            if symbol & 7 != SYMBOL:
                continue
            env, spare = m.field(symbol, SYM_ENV), m.field(symbol, SYM_SPARE)
            if env & 7 == SYMBOL and spare & 7 == 0 and spare >= 0:
                m.words[symbol + SYM_SPARE >> 3] += 8
        session._translate({"entries": entries, "builtins": ["of-old", *names]})
    session.run(renumber)
    asked = "(list (max 1 2 9 4) (max 7) (list 1 2 3 4) (list 1) (min 5 4 3 2) (plus 1 2 3 4) (funcall 'max 1 2 3))"
    assert session.eval(asked) == [9, 7, [1, 2, 3, 4], [1], 2, 10, 3]
    with pytest.raises(LispError, match="max"):
        session.eval("(max)")
    assert session.eval("(list (gcdn 12 18) (string!-upcase \"ab\") (date!-and!-time))")[:2] == [6, "AB"]
    session.close()


def test_a_layout_changes_with_the_version_only() -> None:
    path = IMAGES / f"{VERSION}.img"
    advice = ("images that exist could not be read any more; step FORMAT_MINOR "
              "(or FORMAT_MAJOR, when old readers must refuse) in image/container.py, "
              "make restoring translate the old form, and add the image of the new version: python -m "
              "tests.test_versions")
    assert path.exists(), f"there is no {path}: {advice}"
    with Image(path) as image:
        then = json.loads(image.read("facts"))
    now = json.loads(json.dumps(facts()))
    for kind, sequences in (("instructions", False), ("sequences", True)):
        old, new = ([row for row in facts["instructions"] if (len(row) == 1) == sequences] for facts in (then, now))
        assert new[:len(old)] == old, f"{kind} changed or moved (new ones go to the end): {advice}"
    assert now["roots"] >= then["roots"], f"roots are gone: {advice}"
    for name in ("layouts", "tags", "base", "fixed"):
        assert now[name] == then[name], f"{name} changed: {advice}"


def test_unknown_sections_are_skipped_and_kept(tmp_path: Path) -> None:
    session = Session(output=open(os.devnull, "wb"))
    session.eval("(setq x 5)")
    session.preserve(tmp_path / "x.img")
    update(tmp_path / "x.img", [Section("of-the-future", b"what it is", info={"anything": [1, 2]})])
    again = restore(tmp_path / "x.img", output=open(os.devnull, "wb"))
    assert again.eval("x") == 5
    again.preserve(tmp_path / "x.img")
    again.preserve(tmp_path / "y.img")
    for name in ("x.img", "y.img"):
        with Image(tmp_path / name) as image:
            assert image.read("of-the-future") == b"what it is"


def test_instructions_that_are_not_known(tmp_path: Path) -> None:
    """An image whose bytecode means something else is refused with a sentence."""
    session = Session(output=open(os.devnull, "wb"))
    session.preserve(tmp_path / "x.img")
    rows = table()
    rows[5], rows[6] = [rows[5][0], *rows[6][1:]], [rows[6][0], *rows[5][1:]]
    update(tmp_path / "x.img", [Section("instructions", msgpack.packb(rows), raw=True)])
    with pytest.raises(ImageError, match="load the sources again"):
        restore(tmp_path / "x.img")


if __name__ == "__main__":
    make()
