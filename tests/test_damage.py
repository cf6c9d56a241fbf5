"""Damaged images: a clear error, or a fallback with the right answers; never a crash, a hang or a wrong answer."""

from __future__ import annotations

import contextlib
import io
import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from csl_native import Session
from csl_native.image.container import Image, ImageError, Section, write
from csl_native.tools.csl_image import main as csl_image

from .conftest import machine_runs_natively

PROGRAM = ("(de fact (n) (cond ((lessp n 2) 1) (t (times n (fact (sub1 n)))))) "
           "(setq table (list2vector '(1 2.5 \"three\" four)))")
QUESTION = "(list (fact 25) (getv table 1) (getv table 2) (eq (getv table 3) 'four))"
ANSWER = [15511210043330985984000000, 2.5, "three", True]
COMMANDS = ("info", "functions", "modules", "relocs", "heap", "size", "verify")

# Asks one image after the other, in a process of its own: what it says of each goes to standard output.
ASK = """
import os, sys
from csl_native import Session, LispError, restore
for path in sys.argv[2:]:
    try:
        session = restore(path, heap=64 << 20, output=open(os.devnull, "wb"))
        print("answer", session.eval(sys.argv[1]) == eval(os.environ["ANSWER"]), flush=True)
        session.close()
    except (ValueError, OSError, LispError, MemoryError) as error:
        print("error", type(error).__name__, str(error)[:100].replace(chr(10), " "), flush=True)
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("damage") / "x.img"
    session = Session(heap=64 << 20, output=open(os.devnull, "wb"))
    session.eval(PROGRAM)
    if session.machine.native and session.hardcode.refused is None:
        session.native_compile(["fact"])
    session.preserve(path)
    session.close()
    return path.read_bytes()


def flips(data: bytes, count: int, r: random.Random) -> Iterator[bytes]:
    """One bit changed; half of them where the roots, heads and directory are."""
    for k in range(count):
        place = r.randrange(len(data)) if k % 2 else r.choice([r.randrange(600),
                                                               r.randrange(len(data) - 6000, len(data))])
        yield data[:place] + bytes([data[place] ^ 1 << r.randrange(8)]) + data[place + 1:]


def spliced(data: bytes, count: int, r: random.Random) -> Iterator[bytes]:
    """Cut short, runs of zeros, and runs from another place."""
    for k in range(count):
        place, size = r.randrange(len(data)), r.choice([8, 64, 512, 4096])
        other = r.randrange(len(data))
        yield (data[:place], data[:place] + bytes(min(size, len(data) - place)) + data[place + size:],
               data[:place] + data[other:other + size] + data[place + size:])[k % 3]


def ask(folder: Path, contents: list[bytes]) -> list[str]:
    """What restoring says of each image."""
    paths = []
    for k, data in enumerate(contents):
        (path := folder / f"{k}.img").write_bytes(data)
        paths.append(str(path))
    done = subprocess.run([sys.executable, "-c", ASK, QUESTION, *paths], capture_output=True, text=True, timeout=500,
                          check=False,
                          env={**os.environ, "ANSWER": repr(ANSWER)})
    lines = done.stdout.splitlines()
    assert done.returncode == 0 and len(lines) == len(paths), (
        f"{paths[len(lines)] if len(lines) < len(paths) else ''}: {done.returncode} {done.stderr[-500:]}")
    return lines


def check_restoring(image: bytes, folder: Path, count: int, seed: int) -> None:
    r = random.Random(seed)
    contents = [*flips(image, count, r), *spliced(image, count // 2, r)]
    said: dict[str, int] = {}
    for start in range(0, len(contents), 100):
        for k, line in enumerate(ask(folder, contents[start:start + 100])):
            assert (line == "answer True" or line.startswith("error ImageError")
                    or line.startswith("error ValueError")), f"{folder}/{k}.img: {line}"
            said[line.split()[0]] = said.get(line.split()[0], 0) + 1
    assert set(said) == {"answer", "error"}


def check_tool(image: bytes, folder: Path, count: int, seed: int) -> None:
    r = random.Random(seed)
    path = folder / "x.img"
    statuses = set()
    for data in (*flips(image, count, r), *spliced(image, count // 2, r)):
        path.write_bytes(data)
        for command in COMMANDS:
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as errors:
                status = csl_image([command, str(path)])
            assert status in (0, 1) or status == 2 and str(path) in errors.getvalue(), f"{command}: {errors.getvalue()}"
            statuses.add(status)
    assert statuses >= {0, 1, 2}


def test_restoring_what_is_damaged(image: bytes, tmp_path: Path) -> None:
    check_restoring(image, tmp_path, 60, 1)


def test_looking_at_what_is_damaged(image: bytes, tmp_path: Path) -> None:
    check_tool(image, tmp_path, 24, 2)


@pytest.mark.slow
def test_much_damage(image: bytes, tmp_path: Path) -> None:
    check_restoring(image, tmp_path, 2000, 3)
    check_tool(image, tmp_path, 200, 4)


def test_every_bit_of_a_small_image(tmp_path: Path) -> None:
    """Every single bit, and every length: what is read is what was written, or there is an ImageError."""
    path = tmp_path / "x.img"
    made = {"a": b"some text", "b": bytes(range(64))}
    write(path, [Section("a", made["a"]), Section("b", made["b"], raw=True, info={"tag": 1})])
    data = path.read_bytes()
    used = [k for k in range(len(data)) if k < 64 or 512 <= k < 576 or k >= 4096]
    variants = [data[:k] + bytes([data[k] ^ 1 << bit]) + data[k + 1:] for k in used for bit in range(8)]
    for changed in [*variants, *(data[:k] for k in used)]:
        path.write_bytes(changed)
        try:
            with Image(path) as opened:
                for name in opened.sections:
                    assert opened.read(name) == made[name]
        except ImageError as error:
            assert str(path) in str(error)


def test_counts_that_are_too_large(tmp_path: Path) -> None:
    """A section that claims to be huge is refused before memory is asked for."""
    import msgpack

    from csl_native.image.container import PAGE, SLOT, digest
    from csl_native.image.writing import _slot
    path = tmp_path / "x.img"
    for claims in ({"length": 1 << 60}, {"stored": 1 << 60}, {"offset": 1 << 60}, {"offset": -5}, {"length": -1}):
        row = {"name": "heap", "raw": False, "info": {}, "offset": PAGE, "stored": 8, "length": 8,
               "digest": digest(b"12345678"), **claims}
        directory = msgpack.packb({"sections": [row]})
        data = bytearray(PAGE + 8) + directory
        data[:SLOT.size] = _slot(0, 1, PAGE + 8, directory)
        path.write_bytes(data)
        with pytest.raises(ImageError):
            with Image(path) as opened:
                opened.read("heap")


@pytest.mark.parametrize("field", ["tag", "abi", "functions", "targets", "entries", "features", "arities",
                                   "entry_names", "pages", "engines", "size", "records",
                                   "blocks", "names", "tables"])
def test_heads_with_other_types(field: str) -> None:
    """Every field of a page set's head, and what is in it, has the type that the format says, or the set is refused."""
    import struct

    import msgpack

    from csl_native.native.pages import PageSet
    good = PageSet(11, "x", bytearray(b"code"), functions={"f": 0},
                   entries={"0": {"name": "f", "parts": [[0, 4]], "features": [], "inlined": {"g": b"?"}}},
                   features=["a"], arities={"f": 1}, entry_names=["e"], blocks={0: 4}, engines={"switch": 3},
                   names={0: "slow"}).section("functions-11").data
    size = struct.unpack_from("<I", good)[0]
    head = msgpack.unpackb(good[4:4 + size], strict_map_key=False)
    assert PageSet.parse(good, "good").functions_at(2) == [0]
    far = msgpack.packb({**head, "entries": {"1" * 15: {"name": "f", "parts": [[0, 4]]}}})
    body = struct.pack("<I", len(far)) + far
    assert PageSet.parse(body + bytes(-len(body) % 16) + b"code", "far").entries
    entries = ({"x": {}}, {"0": []}, {"0": {}}, {"0": {"name": 5}}, {"0": {"name": "f", "parts": [[0]]}},
               {"0": {"name": "f", "parts": [[0, -1]]}},
               {"0": {"name": "f", "features": [1]}}, {"0": {"name": "f", "inlined": {"g": 1}}}, {0: {"name": "f"}},
               {"1" * 16: {"name": "f"}})
    for value in (None, 5.5, "text", b"bytes", [None], [[1]], {"a": "b"}, {1: 2}, -1,
                  *(entries if field == "entries" else ())):
        if type(value) is type(head[field]) and value in (-1, "text"):
            continue
        packed = msgpack.packb({**head, field: value})
        body = struct.pack("<I", len(packed)) + packed
        with pytest.raises(ImageError, match="cannot be read"):
            PageSet.parse(body + bytes(-len(body) % 16) + b"code", "bad")


def test_tables_that_do_not_fit_the_stencils() -> None:
    """Every table is there, in its size, and its rows stay inside of the code and the records."""
    import struct

    from csl_native.architectures import host
    from csl_native.native.pages import PageSet
    from csl_native.saving.baseimage import base_image
    from csl_native.stencils.table import check_tables, section_name
    architecture = host()
    with Image(base_image()) as image:
        if architecture is None or section_name(architecture) not in image.sections:
            pytest.skip("the base image has no stencils for this machine")
        pages = PageSet.read(image, section_name(architecture))
    check_tables(pages, architecture)
    good = dict(pages.tables)
    row, number = good["stencils"][:48], struct.Struct("<q").pack
    bad = [{}, {**good, "more": b""}, {**good, "stencils": b""}, {**good, "stencils": row[:40]},
           *({**good, name: table[:-8]} for name, table in good.items()),
           *({**good, "stencils": row[:8 * k] + number(value) + row[8 * k + 8:]} for k in range(6)
             for value in (-1, 1 << 40))]
    for tables in bad:
        pages.tables = tables
        with pytest.raises(ImageError, match="make them again"):
            check_tables(pages, architecture)


def test_what_relies_on_a_function_goes_with_it() -> None:
    """Code of ``g`` may be called by ``f`` directly: what is wrong with ``g`` is wrong with both, but not with ``h``.
    """
    from csl_native.native.pages import PageSet
    rows = {"0": {"name": "f", "parts": [[0, 4]], "inlined": {"g": b"?"}},
            "4": {"name": "g", "parts": [[4, 4]], "inlined": {}}, "8": {"name": "h", "parts": [[8, 4]]}}
    pages = PageSet(11, "x", bytearray(12), entries=rows)
    assert [pages.functions_at(place) for place in (1, 5, 9, 12)] == [[0], [0, 4], [8], []]


def test_what_the_fuzzer_began_with_and_found() -> None:
    from . import fuzz
    files = [(name, path) for name in fuzz.TARGETS for path in sorted((fuzz.CORPUS / name).iterdir())]
    assert len(files) >= len(fuzz.TARGETS)
    for name, path in files:
        if name != "module" or machine_runs_natively():
            fuzz.TARGETS[name](path.read_bytes())
