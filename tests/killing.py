"""Writers that are killed, and that find the disk full, at each of their calls of the system: a process for each,
forked from one that is ready.

``python -m tests.killing COUNT`` goes on with new seeds until it has seen so many.  After each of them the file is the
old image or the new one, whole, and the same operation, done again, leaves the new one and nothing beside it.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from csl_native import Session
from csl_native.image.container import Image, ImageError, update, write
from csl_native.saving.preserve import preserve
from csl_native.saving.trust import sealing_key
from csl_native.tools.csl_image import main as csl_image

from .test_faults import SECTOR, heap_and_module, known, module, refinement, sections

CALLS = ("open", "write", "pwrite", "fsync", "ftruncate", "replace", "rename", "unlink", "link", "fchmod", "fchown",
         "close", "mkdir")
FAILED = 3


class Point(NamedTuple):
    """Where an operation ends: ``how`` is before, after, or in the middle of a call that writes; or what the disk says
    from that call on.
    """

    how: str
    number: int = -1


WHOLE = Point("done")


class Calls:
    """In a forked process: count what is asked of the system, and end it at one of them."""

    def __init__(self, point: Point) -> None:
        self.point, self.count, self.kinds = point, 0, Counter[str]()
        for name in CALLS:
            setattr(os, name, self.watched(name, getattr(os, name)))

    def watched(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **more: Any) -> Any:
            number, self.count = self.count, self.count + 1
            self.kinds[name] += 1
            writes = name in ("write", "pwrite")
            # what is shorter is written, or is not
            torn = len(arguments[1]) // 2 if writes and len(arguments[1]) > SECTOR else 0
            if self.point.how == "full" and number >= self.point.number and (writes or name == "mkdir"):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            if number != self.point.number:
                return real(*arguments, **more)
            if self.point.how == "fails" and name in ("fsync", "write", "pwrite", "ftruncate", "replace"):
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            if self.point.how == "nearly full" and torn:
                self.point = Point("full", number)
            if torn and self.point.how in ("torn", "full"):
                written = real(arguments[0], arguments[1][:torn], *arguments[2:])
                if self.point.how == "full":
                    return written
            if self.point.how == "after":
                real(*arguments, **more)
            if self.point.how in ("before", "torn", "after"):
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **more)
        return call


class Operation(NamedTuple):
    """``make`` leaves the image that is there before, and gives what is done to it."""

    make: Callable[[str, int], Callable[[str], Any]]
    heavy: bool = False


def containers(change: Callable[[str, int], Any], *before: Callable[[str, int], Any]) -> Operation:
    def make(path: str, seed: int) -> Callable[[str], Any]:
        sealing_key()  # is made once
        write(path, sections(seed, 300 + 997 * seed % 9000))
        for step in before:
            step(path, seed)
        shutil.copy(path, f"{path}.once")
        with contextlib.redirect_stdout(io.StringIO()):
            change(f"{path}.once", seed)  # so that all is imported
        os.unlink(f"{path}.once")
        return lambda path: change(path, seed)
    return Operation(make)


def more(path: str, seed: int) -> None:
    update(path, sections(seed + 100, 200 + 577 * seed % 7000)[:2])


def session_of(path: str, **options: Any) -> Session:
    return Session(path if os.path.exists(path) else None, output=open(os.devnull, "wb"), heap=64 << 20, jit=-1,
                   **options)


def copied(path: str, seed: int) -> Callable[[str], Any]:
    write(path, sections(seed))
    module(f"{path}.lib")
    return lambda path: csl_image(["copy", f"{path}.lib", path, "--module", "m"])


def preserved(path: str, seed: int, again: bool) -> Callable[[str], Any]:
    heap_and_module(path)
    session = session_of(path) if again else session_of("")
    session.eval(f"(progn (setq kept (list {seed} 2 3)) (de h (x) (cons x {seed})))")
    return lambda path: session.preserve(path, compress=bool(seed % 2))


def added(path: str, seed: int) -> Callable[[str], Any]:
    heap_and_module(path)
    with Image(path) as image:
        made_from = {"heap": image.sections["heap"].digest}
    session = session_of(path)
    session.add_tags([refinement()])
    return lambda path: session.run(lambda: preserve(session, path, expected=made_from))


def module_written(path: str, seed: int) -> Callable[[str], Any]:
    write(path, sections(seed))
    session = session_of("", output_library=path)
    return lambda path: session.eval(f"(progn (faslout 'm) (eval '(de f (x) (cons x {seed}))) (faslend))")


def module_deleted(path: str, seed: int) -> Callable[[str], Any]:
    write(path, sections(seed))
    module(path)
    session = session_of("", output_library=path)
    return lambda path: session.eval("(delete!-module 'm)")


OPERATIONS: dict[str, Operation] = {
    "write": containers(lambda p, seed: write(p, sections(seed + 1))),
    "update": containers(more),
    "second update": containers(lambda p, seed: update(p, sections(seed + 4)[1:2], frozenset({"a"})), more),
    "drop": containers(lambda p, _: csl_image(["drop", p, "--tag", "aarch64"])),
    "thin": containers(lambda p, _: csl_image(["thin", p, "--tag", "aarch64"])),
    "sign": containers(lambda p, _: csl_image(["sign", p])),
    "sign again": containers(lambda p, _: csl_image(["sign", p]), more),
    "compact": containers(lambda p, _: csl_image(["compact", p]), more),
    "copy": Operation(copied),
    "faslout": Operation(module_written, True),
    "delete-module": Operation(module_deleted, True),
    "preserve": Operation(lambda p, seed: preserved(p, seed, False), True),
    "preserve again": Operation(lambda p, seed: preserved(p, seed, True), True),
    **({"add": Operation(added, True)} if refinement() else {}),
}


def in_process(operation: Callable[[str], Any], path: str, point: Point, told: int = -1) -> int:
    """The status of a process that does it: 0, FAILED for an error that is an ImageError or an error of the system, or
    -SIGKILL.
    """
    pid = os.fork()
    if pid:
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    status = 9
    try:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        if point.how == "limit":
            resource.setrlimit(resource.RLIMIT_FSIZE, (point.number, point.number))
        write_count = os.write
        calls = Calls(point)
        try:
            result = operation(path)
            status = 0 if not isinstance(result, int) or isinstance(result, bool) else FAILED if result else 0
        except (ImageError, OSError):
            status = FAILED
        except Exception as error:  # of Lisp: what it says is that of the system
            status = FAILED if any(text in str(error)
                                   for text in ("cannot be written", "space", "Input/output", "too large")) else 9
        if told >= 0:
            write_count(told, f"{calls.count} {calls.kinds['write'] + calls.kinds['pwrite']}".encode())
    finally:
        os._exit(status)


def counted(operation: Callable[[str], Any], path: str) -> int:
    """How many calls an operation makes."""
    out, into = os.pipe()
    assert in_process(operation, path, WHOLE, into) == 0
    os.close(into)
    count = int(os.read(out, 100).split()[0])
    os.close(out)
    return count


def points(count: int, size: int, every: int) -> Iterator[Point]:
    """Those of an operation with so many calls: all, or every n-th, each way in turn."""
    for number, how in enumerate(("before", "torn", "after", "full", "nearly full", "fails")):
        yield from (Point(how, k) for k in range(number % every, count, every))
    yield from (Point("limit", limit) for limit in range(0, 3 * size, max(1, 3 * size * every // 40)))


def end_it_everywhere(name: str, folder: Path, seed: int, every: int = 1) -> Counter[str]:
    """Kill and fill at every point; how often it was what.
    AssertionError for a third state, for what is left, and for a next operation that fails.
    """
    path = str(folder / "x.img")
    operation = OPERATIONS[name].make(path, seed)
    original, old = Path(path).read_bytes(), known(path)
    count = counted(operation, path)
    new, seen = known(path), Counter[str]()
    assert old != new or name == "compact"
    for point in points(count, len(original), every):
        Path(path).unlink()
        Path(path).write_bytes(original)
        status = in_process(operation, path, point)
        found = known(path)
        assert found in (old, new), f"{name}, seed {seed}, {point}: a third state: {sorted(found)}"
        if point.how in ("before", "torn", "after"):
            assert status == -signal.SIGKILL, f"{name}, seed {seed}, {point}: status {status}"
            seen["killed"] += 1
        else:
            assert status == FAILED or status == 0 and found == new, f"{name}, seed {seed}, {point}: status {status}"
            assert [entry for entry in os.listdir(folder)
                    if entry.endswith(".new")] == [], f"{name}, seed {seed}, {point}"
            seen["full disk" if point.how != "fails" else "failed"] += 1
        seen["new there" if found == new else "old there"] += 1
        assert in_process(operation, path, WHOLE) in (0, FAILED if found == new
                                                      else 0), f"{name}, seed {seed}, after {point}"
        assert known(path) == new, f"{name}, seed {seed}: the next operation after {point}"
        assert [entry for entry in os.listdir(folder) if entry.endswith(".new")] == []
    return seen


def points_of(seen: Counter[str]) -> int:
    return seen["killed"] + seen["full disk"] + seen["failed"]


def main(wanted: int) -> Counter[str]:
    """Seed after seed until there were so many points."""
    total, seed, begin = Counter[str](), 0, time.monotonic()
    while points_of(total) < wanted:
        seed += 1
        for name, operation in OPERATIONS.items():
            if operation.heavy and seed > 2:
                continue
            with tempfile.TemporaryDirectory() as folder:
                total += end_it_everywhere(name, Path(folder), seed, 3 if operation.heavy else 1)
        print(f"seed {seed}, {time.monotonic() - begin:.0f} s, {points_of(total)} points: {dict(total)}", flush=True)
    return total


if __name__ == "__main__":
    main(int(sys.argv[1]))
