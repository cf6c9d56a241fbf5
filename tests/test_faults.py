"""Nothing is lost: at every place where a writer can fail, be killed or lose power, the file is the old image or the
new one, whole.

``Recorder`` watches what a writer asks of the file system (``image/files.py``).  From the record the states are made
that a crash can leave: the operations up to a place with a torn part of the next one (a kill), and after a loss of
power any choice of the writes since the last sync, in whole or torn at sectors, with a rename done or not while the
folder was not synced.
"""

from __future__ import annotations

import errno
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from csl_native import Session
from csl_native.architectures import host
from csl_native.image import files
from csl_native.image.container import Image, Section, update, write
from csl_native.tools.csl_image import main as csl_image

from .conftest import machine_runs_natively

SECTOR = 512
OPERATIONS = ("create", "write_at", "sync", "truncate", "replace", "remove", "sync_folder")


class Recorder:
    """Watches the operations of a writer; ``fail`` is asked before each and may raise."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, fail: Callable[[int], None] = lambda number: None) -> None:
        self.events: list[tuple[Any, ...]] = []
        self.paths: dict[int, str] = {}
        self.fail, self.count = fail, 0
        self.real = {name: getattr(files, name) for name in (*OPERATIONS, "open_existing")}
        for name in self.real:
            monkeypatch.setattr(files, name, getattr(self, name))

    def note(self, *event: Any) -> None:
        self.count += 1  # one that fails counts too
        self.fail(self.count - 1)
        self.events.append(event)

    def create(self, path: str) -> int:
        self.note("create", path)
        fd: int = self.real["create"](path)
        self.paths[fd] = path
        return fd

    def open_existing(self, path: str) -> int:
        fd: int = self.real["open_existing"](path)
        self.paths[fd] = path
        return fd

    def write_at(self, fd: int, data: bytes, offset: int) -> None:
        self.note("write", self.paths[fd], offset, bytes(data))
        self.real["write_at"](fd, data, offset)

    def sync(self, fd: int) -> None:
        self.note("sync", self.paths[fd])
        self.real["sync"](fd)

    def truncate(self, fd: int, size: int) -> None:
        self.note("truncate", self.paths[fd], size)
        self.real["truncate"](fd, size)

    def replace(self, source: str, target: str) -> None:
        self.note("replace", source, target)
        self.real["replace"](source, target)

    def remove(self, path: str) -> None:
        self.note("remove", path)
        self.real["remove"](path)

    def sync_folder(self, folder: str) -> None:
        self.note("sync_folder")
        self.real["sync_folder"](folder)


def put(contents: bytes, offset: int, data: bytes) -> bytes:
    return contents[:offset].ljust(offset, b"\0") + data + contents[offset + len(data):]


def kills(events: list[tuple[Any, ...]], before: dict[str, bytes], path: str, step: int) -> Iterator[bytes]:
    """Contents of the file after a kill at every operation, and at every ``step`` bytes inside of each write."""
    state = dict(before)
    for event in events:
        kind, where = event[0], event[1] if len(event) > 1 else ""
        if kind == "write":
            offset, data = event[2:]
            if where == path:
                for cut in range(0, len(data), step):
                    yield put(state[where], offset, data[:cut])
            state[where] = put(state[where], offset, data)
        elif kind == "create":
            state[where] = b""
        elif kind == "truncate":
            state[where] = state[where][:event[2]]
        elif kind == "replace":
            state[event[2]] = state.pop(where)
        elif kind == "remove":
            state.pop(where, None)
        yield state[path]


def power_losses(events: list[tuple[Any, ...]], before: dict[str, bytes], path: str, count: int,
                 r: random.Random) -> Iterator[bytes]:
    """Contents of the file after losses of power at random places."""
    for _ in range(count):
        stop = r.randrange(len(events) + 1)
        durable = dict(before)  # contents as of the last sync, by name at that time
        waiting: list[tuple[str, int, bytes]] = []
        renamed: list[tuple[str, str]] = []
        for event in events[:stop]:
            if event[0] == "write":
                waiting.append((event[1], event[2], event[3]))
            elif event[0] == "create":
                durable[event[1]] = b""
            elif event[0] == "sync":
                for where, offset, data in waiting:
                    if where == event[1]:
                        durable[where] = put(durable[where], offset, data)
                waiting = [w for w in waiting if w[0] != event[1]]
            elif event[0] == "replace":
                renamed.append((event[1], event[2]))
            elif event[0] == "sync_folder":
                for source, target in renamed:
                    durable[target] = durable.pop(source)
                renamed = []
        for where, offset, data in r.sample(waiting, r.randrange(len(waiting) + 1)):
            start = r.randrange(0, len(data) // SECTOR + 1) * SECTOR if r.random() < 0.5 else 0
            end = r.randrange(start // SECTOR, len(data) // SECTOR + 1) * SECTOR if r.random() < 0.5 else len(data)
            durable[where] = put(durable[where], offset + start, data[start:max(start, end)])
        for source, target in renamed:
            if r.random() < 0.5:
                durable[target] = durable.pop(source)
        yield durable[path]


def known(path: str) -> dict[str, tuple[bytes, str]]:
    """What an image is: the digests of its sections, all of which match, and what is said of them, but for the second
    in which a module was made, and its seal, which is over that too."""
    with Image(path) as image:
        assert image.verify() == []
        return {name: (s.digest,
                       repr({key: value for key, value in s.info.items()
                             if "date" not in s.info or key not in ("date", "seal")}))
                for name, s in image.sections.items()}


def sections(seed: int, size: int = 1500) -> list[Section]:
    r = random.Random(seed)
    return [Section("a", r.randbytes(size), raw=True), Section("b", b"text" * r.randrange(50)),
            Section("functions-12", r.randbytes(300), True, {"tag": 12}),
            Section("kernel-13", r.randbytes(20), True, {"tag": 13})]


def module(session_path: str) -> None:
    session = Session(output_library=session_path, output=open(os.devnull, "wb"))
    session.eval("(faslout 'm) (de f (x) (cons x x)) (faslend)")
    session.close()


def unmodule(session_path: str) -> None:
    session = Session(output_library=session_path, output=open(os.devnull, "wb"))
    assert session.eval("(delete!-module 'm)") is True
    session.close()


def preserve_small(path: str) -> None:
    session = Session(output=open(os.devnull, "wb"))
    session.preserve(path, compress=True)
    session.close()


def heap_and_module(path: str) -> None:
    """An image with both, so that ``add`` has two things to do."""
    session = Session(path if os.path.exists(path) else None, output_library=path, output=open(os.devnull, "wb"))
    session.eval("(faslout 'm) (de f (x) (zerop x)) (faslend) (de g (x) (zerop x))")
    session.preserve(path)
    session.close()


def refinement() -> str:
    """The name of a tag for which code is made quickly here; empty when there is none."""
    here = host()
    return here.refinements[-1].name if here is not None and here.refinements and machine_runs_natively() else ""


# Name → (what makes the image that is there before, the operation).
CASES: dict[str, tuple[Callable[[str], Any], Callable[[str], Any]]] = {
    "write": (lambda p: write(p, sections(1)), lambda p: write(p, sections(2))),
    "update": (lambda p: write(p, sections(1)), lambda p: update(p, sections(3)[:2])),
    "second update": (lambda p: (write(p, sections(1)), update(p, sections(3)[:1])),
                      lambda p: update(p, sections(4)[1:2], frozenset({"a"}))),
    "drop": (lambda p: write(p, sections(1)), lambda p: csl_image(["drop", p, "--tag", "aarch64"])),
    "thin": (lambda p: write(p, sections(1)), lambda p: csl_image(["thin", p, "--tag", "aarch64"])),
    "sign": (lambda p: write(p, sections(1)), lambda p: csl_image(["sign", p])),
    "compact and more": (lambda p: (write(p, sections(1)), update(p, sections(3)[:1])),
                         lambda p: (csl_image(["compact", p]), update(p, sections(4)[1:2]))),
    "copy": (lambda p: (write(p, sections(1)), module(f"{p}.lib")),
             lambda p: csl_image(["copy", f"{p}.lib", p, "--module", "m"])),
    **({"add": (heap_and_module, lambda p: csl_image(["add", p, "--tag", refinement()]))} if refinement() else {}),
    "faslout": (lambda p: write(p, sections(1)), module),
    "delete-module": (module, unmodule),
    "preserve": (module, preserve_small),
}


def prepared(name: str, folder: Path) -> tuple[str, Callable[[str], Any]]:
    before, operation = CASES[name]
    path = str(folder / "x.img")
    before(path)
    return path, operation


def crash_points(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch, step: int, losses: int) -> int:
    path, operation = prepared(name, folder)
    before, old = {path: Path(path).read_bytes()}, known(path)
    with monkeypatch.context() as patch:
        recorder = Recorder(patch)
        operation(path)
    new, trial, count = known(path), str(folder / "trial.img"), 0
    assert old != new
    seen: set[dict[str, bytes] | str] = set()
    for contents in (*kills(recorder.events, before, path, step),
                     *power_losses(recorder.events, before, path, losses, random.Random(1))):
        Path(trial).write_bytes(contents)
        found = known(trial)
        assert found in (old, new), f"{name}: a third state after crash point {count}"
        seen.add("new" if found == new else "old")
        count += 1
    assert seen == {"old", "new"}
    return count


@pytest.mark.parametrize("name", CASES)
def test_crashes(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert crash_points(name, tmp_path, monkeypatch, 1 << 16 if name in ("preserve", "add") else 200, 40) > 40


@pytest.mark.slow
def test_ten_thousand_crashes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    total = 0
    for name in CASES:
        (folder := tmp_path / name.replace(" ", "")).mkdir()
        total += crash_points(name, folder, monkeypatch, 2048 if name in ("preserve", "add") else 16, 1500)
    assert total >= 10_000


# which writes as preserve does, after a long time of compiling
@pytest.mark.parametrize("name", [name for name in CASES if name != "add"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO], ids=["full disk", "io error"])
def test_errors_of_the_file_system(name: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each operation fails once: a clear error, nothing left beside, and the next writer succeeds."""
    path, operation = prepared(name, tmp_path)
    original, old = Path(path).read_bytes(), known(path)
    with monkeypatch.context() as patch:
        recorder = Recorder(patch)
        operation(path)
    new = known(path)
    for k in range(len(recorder.events)):
        Path(path).write_bytes(original)

        def fail(number: int, k: int = k) -> None:
            if number == k:
                raise OSError(code, os.strerror(code))
        with monkeypatch.context() as patch:
            Recorder(patch, fail)
            try:
                operation(path)
            except Exception as error:
                assert os.strerror(code) in str(error), error
        assert known(path) in (old, new), f"operation {k}: {recorder.events[k][0]}"
        assert set(os.listdir(tmp_path)) - {"x.img.lib"} == {"x.img"}
    Path(path).write_bytes(original)
    operation(path)
    assert known(path) == new


def test_a_killed_writer_is_cleaned_up_after(tmp_path: Path) -> None:
    """Processes that really die at each operation; the next writer removes what they left, and nobody waits for their
    lock.
    """
    path = str(tmp_path / "x.img")
    write(path, sections(1))
    old = known(path)
    program = ("import os, sys\nfrom csl_native.image import files\nfrom csl_native.image.container import write\n"
               "from tests.test_faults import sections\nk = [int(sys.argv[2])]\n"
               "def dying(real):\n    def call(*a):\n        k[0] -= 1\n        if k[0] < 0: os._exit(9)\n"
               "        return real(*a)\n    return call\n"
               "for name in ('create', 'write_at', 'sync', 'replace', 'sync_folder'): "
               "setattr(files, name, dying(getattr(files, name)))\n"
               "write(sys.argv[1], sections(2))\n")
    left = 0
    for k in range(30):
        done = subprocess.run([sys.executable, "-c", program, path, str(k)], check=False,
                              cwd=Path(__file__).parent.parent, timeout=60)
        left += len(os.listdir(tmp_path)) - 1
        if done.returncode == 0:
            break
        assert done.returncode == 9 and known(path) is not None
    assert left > 0 and os.listdir(tmp_path) == ["x.img"] and known(path) != old


def test_writers_at_the_same_time(tmp_path: Path) -> None:
    """Two processes and two threads in each: every update is in the image at the end."""
    path = str(tmp_path / "x.img")
    write(path, sections(1))
    program = ("import sys, threading\nfrom csl_native.image.container import Section, update\n"
               "def work(name):\n    for k in range(10): update(sys.argv[1], "
               "[Section(f'{name}-{k}', name.encode() * 50)])\n"
               "threads = [threading.Thread(target=work, args=(sys.argv[2] + c,)) for c in 'xy']\n"
               "[t.start() for t in threads]; [t.join() for t in threads]\n")
    running = [subprocess.Popen([sys.executable, "-c", program, path, name]) for name in "pq"]
    assert [p.wait(timeout=60) for p in running] == [0, 0]
    names = {f"{p}{t}-{k}" for p in "pq" for t in "xy" for k in range(10)}
    assert names <= set(known(path))


# Programs of a loop each, which two processes run at the same time over one image; argument 1 is the image.
LOOPS = {
    "preserve": "from csl_native import Session\ns = Session(p)\n"
                "for k in range(6):\n    s.eval(f'(setq x {k}) (de g (x) (list x {k}))'); s.preserve(p)\n",
    "sign": "from csl_native.tools.csl_image import main\nfor k in range(12): assert main(['sign', p]) == 0\n",
    "add": "from csl_native.tools.csl_image import main\nfor k in range(2): assert "
           f"main(['add', p, '--tag', {refinement()!r}]) == 0\n",
    "drop": "from csl_native.tools.csl_image import main\nimport time\n"
            f"for k in range(8): main(['drop', p, '--tag', {refinement()!r}]); time.sleep(0.7)\n",
    "compact": "from csl_native.tools.csl_image import main\nfor k in range(12): assert main(['compact', p]) == 0\n",
    "faslout": "from csl_native import Session\n"
               "for k in range(3):\n    s = Session(output_library=p); "
               "s.eval(f'(faslout (quote m{k})) (de f{k} (x) (cons x x)) (faslend)'); s.close()\n"}
PAIRS = [("preserve", "sign"), ("preserve", "compact"), ("faslout", "sign"),
         *([pytest.param("add", "drop", marks=pytest.mark.slow)] if refinement() else [])]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_two_kinds_of_writers(one: str, other: str, tmp_path: Path) -> None:
    """What one writes is not lost to the other, and what is there at the end is whole, belongs together and is
    believed.
    """
    from csl_native.saving.belonging import misfit
    from csl_native.saving.trust import Trust
    from csl_native.tools.signing import CODE
    path, pair = str(tmp_path / "x.img"), (one, other)
    heap_and_module(path)
    running = [subprocess.Popen([sys.executable, "-c", f"import sys\np = sys.argv[1]\n{LOOPS[name]}", path],
                                stdout=subprocess.DEVNULL) for name in pair]
    assert [p.wait(timeout=300) for p in running] == [0, 0]
    with Image(path) as image:
        assert image.verify() == [] and image.doubts == []
        assert [why for name in image.sections if (why := misfit(image, name))] == []
        assert {name: doubt for name in image.sections if name.startswith(CODE)
                and (doubt := Trust().doubt(image, name))} == {}
        assert ("module-m" in image.sections
                and ("faslout" not in pair or {"module-m0", "module-m1", "module-m2"} <= set(image.sections)))
    session = Session(path, output=open(os.devnull, "wb"))
    assert session.eval("(car (g 1))") == 1 if "preserve" in pair else session.eval("(g 0)") is True
    session.close()
