"""Changing image files: nothing is done without need, space comes back, what the file is stays, and writers at the same
time lose nothing.
"""

from __future__ import annotations

import os
import random
import stat
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import msgpack
import pytest

from csl_native import Session, restore
from csl_native.image import schema
from csl_native.image.container import PAGE, SLOT, Image, ImageError, Section, update, write
from csl_native.image.files import shown
from csl_native.image.writing import Writer, _slot
from csl_native.tools.csl_image import main as csl_image

NOISE = random.Random(5).randbytes(300_000)


def small(path: Path, functions: bool = True) -> None:
    write(path, [Section("a", NOISE, raw=True),
                 *([Section("functions-12", NOISE[:9000], True, {"tag": 12})] if functions else []),
                 Section("b", b"text" * 50)])


def test_nothing_changed_is_nothing_written(tmp_path: Path) -> None:
    path = tmp_path / "x.img"
    small(path)
    before = path.read_bytes()
    with Writer(path) as writer:
        assert not writer.commit([Section("b", b"text" * 50)], frozenset({"absent"}), {"a": {}})
    assert path.read_bytes() == before


def test_preserve_again(tmp_path: Path) -> None:
    path = tmp_path / "x.img"
    session = Session(output=open(os.devnull, "wb"))
    session.preserve(path)
    session.close()
    session = restore(path, output=open(os.devnull, "wb"))
    session.preserve(path)
    before = path.read_bytes()
    session.preserve(path)
    assert path.read_bytes() == before
    sizes = []
    for k in range(6):
        session.eval(f"(de f{k} (x) (cons x {k}))")
        session.preserve(path)
        sizes.append(path.stat().st_size)
    session.close()
    assert max(sizes) < 1.7 * len(before)
    assert csl_image(["compact", str(path)]) == 0 and path.stat().st_size < 1.1 * len(before)
    assert restore(path).eval("(cdr (f5 1))") == 5


def test_dead_bytes_come_back_and_the_file_stays_what_it_is(tmp_path: Path) -> None:
    path, link = tmp_path / "x.img", tmp_path / "link.img"
    small(path)
    link.symlink_to("x.img")
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 12345, 54321)
    before = path.stat()
    for k in range(20):
        update(link, [Section("a", bytes([k]) + NOISE, raw=True)])
        assert path.stat().st_size < 2 * len(NOISE) + (80 << 10)
    assert csl_image(["compact", str(link)]) == 0
    after = path.stat()
    assert (link.is_symlink() and stat.S_IMODE(after.st_mode) == 0o640
            and (after.st_uid, after.st_gid) == (before.st_uid, before.st_gid))
    assert after.st_size <= before.st_size + PAGE
    with Image(path) as image:
        assert image.verify() == [] and image.read("a")[0] == 19 and image.read("b") == b"text" * 50


def test_drop_and_thin_make_no_file_larger(tmp_path: Path) -> None:
    for arguments in (["drop", "--tag", "aarch64"], ["thin", "--tag", "aarch64"]):
        path = tmp_path / "x.img"
        small(path)
        before = path.stat().st_size
        assert csl_image([arguments[0], str(path), *arguments[1:]]) == 0
        assert path.stat().st_size <= before


def test_readers_keep_what_they_opened(tmp_path: Path) -> None:
    path = tmp_path / "x.img"
    small(path)
    with Image(path) as image:
        view = image.view("a")
        for k in range(5):
            update(path, [Section("a", bytes([k]) + NOISE, raw=True)])
        assert view == NOISE


def test_copy(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    library, other = tmp_path / "lib.img", tmp_path / "other.img"
    session = Session(output_library=library, output=open(os.devnull, "wb"))
    session.eval("(faslout 'm) (de f (x) (cons x x)) (faslend) (faslout 'n) (de g (x) x) (faslend)")
    session.close()
    assert csl_image(["copy", str(library), str(other), "--module", "m"]) == 0
    with Image(library) as a, Image(other) as b:
        assert list(b.sections) == ["module-m"] and b.read("module-m") == a.read("module-m")
    for arguments, words in ((["--module", "none"], "no module none"), ([], "needs what to copy"),
                             (["--tag", "aarch64"], "has no pages for aarch64")):
        assert csl_image(["copy", str(library), str(other), *arguments]) == 2
        assert words in capsys.readouterr().err
    assert csl_image(["copy", str(library), str(library), "--module", "m"]) == 2


def test_what_something_was_made_from_must_be_there(tmp_path: Path) -> None:
    path = tmp_path / "x.img"
    small(path)
    with Image(path) as image:
        digests = {"a": image.sections["a"].digest}
    with Writer(path) as writer:
        writer.expect(digests)
    update(path, [Section("a", b"other")])
    with Writer(path) as writer, pytest.raises(ImageError, match="section a was replaced by another program"):
        writer.expect(digests)


def test_ten_writers_of_all_kinds(tmp_path: Path) -> None:
    """Signs beside updates, drops and compactions, through a link and a hard link in other folders: everything is there
    at the end.
    """
    path = tmp_path / "x.img"
    small(path)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "soft.img").symlink_to(path)
    program = ("import sys\nfrom csl_native.image.container import Section, update\n"
               "from csl_native.tools.csl_image import main\n"
               "name, path = sys.argv[1:]\n"
               "for k in range(4):\n    update(path, [Section(f'module-{name}-{k}', name.encode() * 3000)])\n"
               "    main([['sign', path], ['compact', path], ['info', path]][(int(name) + k) % 3])\n")
    running = [subprocess.Popen([sys.executable, "-c", program, str(k),
                                 str(tmp_path / "elsewhere" / "soft.img" if k % 2 else path)],
                                stdout=subprocess.DEVNULL) for k in range(10)]
    assert [p.wait(timeout=120) for p in running] == [0] * 10
    with Image(path) as image:
        assert image.verify() == [] and {f"module-{n}-{k}" for n in range(10) for k in range(4)} <= set(image.sections)
    assert sorted(os.listdir(tmp_path)) == ["elsewhere", "x.img"]


@pytest.mark.parametrize("command", ["verify", "info"])
def test_an_older_state_is_said_to_be_one(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.img"
    session = Session(output=open(os.devnull, "wb"))
    session.preserve(path)
    session.close()
    size = path.stat().st_size
    update(path, [Section("module-m", NOISE[:20000])])
    os.truncate(path, size)
    assert csl_image([command, str(path)]) == (1 if command == "verify" else 0)
    assert "behind the end of the file" in capsys.readouterr().out
    assert any(f.code == "older-state" for f in restore(path, output=open(os.devnull, "wb")).fallbacks)


@pytest.mark.parametrize("make", [lambda p: os.mkfifo(p), lambda p: p.mkdir(), lambda p: p.symlink_to("/dev/zero"),
                                  lambda p: p.symlink_to(p.name)],
                         ids=["fifo", "folder", "device", "loop"])
def test_what_is_no_file(make: Any, tmp_path: Path) -> None:
    path = tmp_path / "x.img"
    make(path)
    with pytest.raises(ImageError, match=r"not an image|cannot be read"):
        Image(path)
    with pytest.raises(ImageError, match=r"no file but|cannot be written"):
        write(path, [Section("a", b"")])


def with_directory(path: Path, contents: bytes, rows: list[dict[str, Any]]) -> None:
    directory: bytes = msgpack.packb({"sections": rows})
    at = PAGE + len(contents)
    path.write_bytes(_slot(0, 1, at, directory).ljust(PAGE, b"\0") + contents + directory)
    assert SLOT.size < 512


def test_what_becomes_very_large_is_not_believed(tmp_path: Path) -> None:
    import zstandard
    size = 100 << 20
    data = zstandard.ZstdCompressor().compress(bytes(size))
    path = tmp_path / "x.img"
    for name in ("heap", "module-m", "instructions", "starts"):
        info = {"size": size, "base": 0, "entries": [], "builtins": [], "gensym": 1,
                "modulus": 8} if name == "heap" else {}
        with_directory(path, data, [{"name": name, "raw": False, "info": info, "offset": PAGE, "stored": len(data),
                                     "length": size, "digest": bytes(32)}])
        tracemalloc.start()
        assert csl_image(["verify", str(path)]) in (1, 2)
        assert tracemalloc.get_traced_memory()[1] < 32 << 20
        tracemalloc.stop()
    write(path, [Section("a", bytes(size // 2))])  # what compresses better than that is stored as it is
    with Image(path) as image:
        assert image.sections["a"].raw and image.verify() == []


GOOD = {"name": "a", "raw": False, "info": {}, "offset": PAGE, "stored": 1, "length": 1, "digest": bytes(32)}
ODD = (None, 5, -1, True, 1.5, "text", b"bytes", [1], {"a": 1}, {1: 2}, 1 << 60, "x" * 2000)


def test_values_of_other_types(tmp_path: Path) -> None:
    """Each is taken, or refused with a sentence that names the section, the place and the value; and never met by what
    comes after.
    """
    path, refused = tmp_path / "x.img", 0
    for name in ("heap", "module-m"):
        for key in (*GOOD, *(f"info {key}" for key in schema.INFO | schema.HEAP)):
            for odd in ODD:
                row = {**GOOD, "name": name, **({} if key.startswith("info ") else {key: odd})}
                if key.startswith("info "):
                    row["info"] = {key.removeprefix("info "): odd}
                with_directory(path, b"x", [row, {**GOOD, "name": "b"}])
                try:
                    with Image(path) as image:
                        assert sorted(image.sections)
                except ImageError as error:
                    assert str(path) in str(error)
                    refused += 1
    assert refused > 400


def test_names_are_shown_and_not_sent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, name = tmp_path / "x.img", "\x1b]0;title\x07<!--<script>\u202e\x9b31m"
    session = Session(output=open(os.devnull, "wb"))
    session.eval('(putd (intern "%s") \'expr \'(lambda (x) (cons x "%s")))' % (name, name))
    session.preserve(path)
    session.close()
    for command in (["functions"], ["check", "--target", "aarch64"], ["size"], ["heap", "--symbol", name],
                    ["disasm", name], ["info"],
                    ["report", "-o", str(tmp_path / "r.html")]):
        csl_image([command[0], str(path), *command[1:]])
        said = "".join(capsys.readouterr())
        assert not {"\x1b", "\x07", "\x9b", "\u202e"} & set(said), command
    page = (tmp_path / "r.html").read_text()
    assert page.count("<script") == 1 and "<!--" not in page.partition("<script")[2]
    assert shown("a b\n") == "a b\\n" and shown("é") == "é"


def test_absent_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "x.img"
    session = Session(output=open(os.devnull, "wb"))
    session.eval("(de f (x) (cons x x))")
    session.preserve(path)
    session.close()
    before = path.read_bytes()
    for arguments, words in ((["thin", "--tag", "s390x"], "has no pages for s390x"),
                             (["drop", "--tag", "s390x"], "has no pages"),
                             (["check", "--target", "x86-64+foo"], "foo"),
                             (["diff", "--function", "f", "--tag", "s390x", "--tag", "mips64"], "has no pages for"),
                             (["relocs", "--tag", "s390x"], "has no pages")):
        assert csl_image([arguments[0], str(path), *arguments[1:]]) == 2, arguments
        assert words in capsys.readouterr().err
    assert path.read_bytes() == before


NAMES, NO_NAMES = (["a", ""], []), (["a", 1], ("a",), "a", [b"a"])
DIGESTS = ((bytes(16), bytes(32)), (bytes(15), bytes(33), "x" * 16, bytearray(16)))


def between(low: int, high: int) -> tuple[tuple[int, ...], tuple[object, ...]]:
    return (low, high - 1), (low - 1, high, float(low), True if low <= 1 else None)


# What the info of a section may have: good values, and bad ones next to them.
VALUES: dict[str, dict[str, tuple[tuple[Any, ...], tuple[Any, ...]]]] = {
    "a": {"tag": between(0, 256), "date": between(0, 1 << 40), "abi": (("x", ""), (b"x",)), "head": DIGESTS,
          "heap": DIGESTS, "module": DIGESTS, "compared": ((True, False), (0, 1, None)),
          "engines": (({"x": 1}, {}), ({1: 1}, {"x": "y"}, [])), "functions": (NAMES, NO_NAMES),
          "seal": (({}, {"local": b"x", "format": [1, 65535], "keys": {b"k": b"v"}}),
                   ([], {"local": "x"}, {"format": [1]}, {"format": [1, 65536]}, {"format": [-1, 0]},
                    {"format": [1, 2, 3]}, {"keys": []},
                    {"keys": {"k": b"v"}}, {"keys": {b"k": "v"}}, {"format": (1, 2)}))},
    "heap": {"size": between(1, schema.SIZE_LIMIT), "base": between(0, schema.SIZE_LIMIT),
             "gensym": between(0, 1 << 60), "modulus": between(8, 1 << 63), "precision": between(0, 1 << 20),
             "bytecode": between(0, 1 << 20), "entries": (NAMES, NO_NAMES), "builtins": (NAMES, NO_NAMES),
             "profile": (NAMES, NO_NAMES), "starts": DIGESTS, "instructions": DIGESTS,
             "pages": ((b"", bytes(32), bytes(96)), (bytes(31), bytes(33), [], "x" * 32))},
    "module-m": {"instructions": between(0, 1 << 16), "bytecode": DIGESTS},
}


@pytest.mark.parametrize("name", VALUES)
def test_the_info_of_a_section(name: str) -> None:
    heap = {"size": 1, "base": 0, "entries": [], "builtins": [], "gensym": 0, "modulus": 8}
    base = heap if name == "heap" else {}
    row = {"name": name, "raw": True, "offset": 0, "stored": 0, "length": 0, "digest": bytes(16)}
    assert schema.wrong([{**row, "info": base}]) == ""
    for key, (good, bad) in VALUES[name].items():
        for value in good:
            assert schema.wrong([{**row, "info": {**base, key: value}}]) == "", (key, value)
        for value in bad:
            assert f"as {key} in its info" in schema.wrong([{**row, "info": {**base, key: value}}]), (key, value)
    for key in heap if name == "heap" else ():
        assert f"has None as {key}" in schema.wrong([{**row, "info": {k: v for k, v in heap.items() if k != key}}])
    for key, (good, bad) in {"offset": between(0, schema.SIZE_LIMIT), "stored": between(0, schema.SIZE_LIMIT),
                             "length": between(0, schema.SIZE_LIMIT), "digest": DIGESTS,
                             "raw": ((True, False), (0, None))}.items():
        assert all(schema.wrong([{**row, "info": base, key: value}]) == "" for value in good)
        assert all(f"as {key};" in schema.wrong([{**row, "info": base, key: value}]) for value in bad), key
    assert "two sections with the name" in schema.wrong([{**row, "info": base}] * 2)
