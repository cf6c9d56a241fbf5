"""What a writer of images asks of the file system, one small function each, so that tests can watch it and make it
fail; its locks; and what is never written: a file that is being read, and the installation's own image."""

from __future__ import annotations

import contextlib
import os
import stat
import threading
from collections.abc import Iterable, Iterator

from csl_native.system import files as system
from csl_native.system.exceptions import Error

TEMPORARY = ".new"  # the end of the name of a file that is being written beside its place

_protected: set[str] = set()


class ImageError(Error, ValueError):
    """A file that is no usable image: which file, what is wrong, and what to do."""


def protect(path: str) -> None:
    """From now on no writer of this process takes a file as its output, by whatever name."""
    _protected.add(os.path.realpath(path))


def same(a: str | os.PathLike[str], b: str | os.PathLike[str]) -> bool:
    """Are two names those of one regular file, or would they be: links followed, hard links seen through?"""
    try:
        x, y = os.stat(a), os.stat(b)
    except OSError:
        return os.path.realpath(a) == os.path.realpath(b)
    return stat.S_ISREG(x.st_mode) and os.path.samestat(x, y)


def check_output(path: str | os.PathLike[str], inputs: Iterable[str | os.PathLike[str]] = ()) -> None:
    """ImageError when writing to a file would destroy an input, or what is protected; before anything is opened for
    writing.
    """
    name = os.fspath(path)
    if not name:
        raise ImageError("the name of the file to write is empty; give one")
    for other in inputs:
        if same(name, other):
            also = "" if name == os.fspath(other) else f" (also called {os.fspath(other)})"
            raise ImageError(f"{name}{also}: is read by the same command, which would destroy it; give another name "
                             "for what is written")
    if any(same(name, other) for other in _protected):
        raise ImageError(f"{name}: is the image of this installation, which is never written; give another name, for "
                         "csl with -o FILE")


def create(path: str) -> int:
    """A new file for writing; its descriptor."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | system.BINARY, 0o666)


def open_existing(path: str) -> int:
    return os.open(path, os.O_RDWR | system.BINARY | getattr(os, "O_NONBLOCK", 0))


def write_at(fd: int, data: bytes | memoryview, offset: int) -> None:
    """All of the data, at an offset of the file."""
    view = memoryview(data)
    while view:
        done = system.write_at(fd, view, offset)
        view, offset = view[done:], offset + done


def sync(fd: int) -> None:
    """What was written to a file survives the loss of power when this has returned."""
    os.fsync(fd)


def truncate(fd: int, size: int) -> None:
    os.ftruncate(fd, size)


def replace(source: str, target: str) -> None:
    """Give a file the name of another one, which is gone then."""
    os.replace(source, target)


def remove(path: str) -> None:
    os.unlink(path)


def sync_folder(folder: str) -> None:
    """The names in a folder survive the loss of power when this has returned."""
    system.sync_folder(folder)


class _Lock:
    """The lock of a folder in this process; the outermost holder has the system's too."""

    def __init__(self) -> None:
        self.lock, self.depth, self.shared = threading.RLock(), 0, contextlib.ExitStack()


_locks: dict[str, _Lock] = {}
_registry = threading.Lock()


@contextlib.contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[None]:
    """Wait until nobody else writes images in the folder of ``path``, and keep others waiting; may be nested.

    The folder is what is locked, not the file, which may not exist yet and is another one after each rename.
    """
    folder = os.path.dirname(os.path.realpath(path))
    with _registry:
        mine = _locks.setdefault(folder, _Lock())
    with mine.lock:
        if mine.depth == 0:
            with contextlib.suppress(OSError):  # a file system without locks, or no such folder, which writing will say
                mine.shared.enter_context(system.locked(folder))
        mine.depth += 1
        try:
            yield
        finally:
            mine.depth -= 1
            if mine.depth == 0:
                mine.shared.close()


def lock(fd: int) -> None:
    """Wait until nobody else changes a file, under whatever name."""
    with contextlib.suppress(OSError):  # a file system without locks
        system.lock_file(fd)


def make_like(fd: int, other: int) -> None:
    """Give a file the mode of another one, and its owner and group where that is allowed."""
    system.make_like(fd, os.fstat(other))


def kind(path: str) -> str:
    """What is there, that is no file, in words."""
    mode = os.stat(path).st_mode
    return next((word for test, word in ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"),
                                         (stat.S_ISSOCK, "a socket")) if test(mode)), "a device")


def clean(path: str) -> None:
    """Remove what writers of a file that did not live to the end left beside it; only while holding ``writing``."""
    folder, name = os.path.split(os.path.abspath(path))
    for entry in os.listdir(folder):
        if entry.startswith(name + ".") and entry.endswith(TEMPORARY):
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(folder, entry))


def shown(text: object) -> str:
    """A name from a file, or a text with such names, for a terminal or a page: what would be obeyed and not seen is
    spelled out.
    """
    line = str(text)
    return line if line.isprintable() else "".join(c if c.isprintable() else c.encode("unicode_escape").decode()
                                                   for c in line)
