"""Files that were checked: a large heap that somebody vouches for, and the sources of a checkout, are hashed when they
are first used, and not again while the files stay what they are.

What is remembered is a digest, keyed by the key that only this user has, of the heap's digest and of what the system
says of the file: which one it is, its size, and when it was last changed.  Only files that nobody else can change are
remembered: in those, every change is this user's, and moves the time of change, which cannot be set.
"""

from __future__ import annotations

import contextlib
import os
import time

import msgpack

from csl_native.image.container import Image

from ..system.records import Record
from .trust import TrustError, config_folder, keyed, local_key

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

KEPT = 64  # files
# seconds: a file that was changed just now may be changed again within the same tick of the file system's clock
SETTLED = 2.0
States = list[tuple[str, os.stat_result]]


def _folder() -> str:
    return os.path.join(config_folder(), "checked")


class Row(Record):
    """The name and the contents of what is remembered."""

    name: str
    contents: bytes


def _said(state: os.stat_result) -> list[int]:
    return [state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns]


def _row(name: str, said: list[Any]) -> Row | None:
    """What is remembered; None when this user has no key that can be used."""
    try:
        key = local_key()
    except (OSError, TrustError):
        return None
    return None if key is None else Row(name, keyed(key, msgpack.packb(said)))


def _row_of(state: os.stat_result, digest: bytes) -> Row | None:
    return (None if state.st_ino == 0
            else _row(f"{state.st_dev:x}-{state.st_ino:x}", ["checked 1", *_said(state), digest]))


def _row_of_all(folder: str, states: States, digest: str) -> Row | None:
    """Of the files of a folder, by their names; they are as new as the newest of them."""
    where = os.stat(folder)
    if not states or 0 in (where.st_ino, *(state.st_ino for _, state in states)):
        return None
    return _row(f"all-{where.st_dev:x}-{where.st_ino:x}",
                ["all checked 1", [[name, *_said(state)] for name, state in states], digest])


def is_checked(image: Image, digest: bytes) -> bool:
    """Is the open file the one, unchanged, whose heap was checked against a digest?"""
    return _is_remembered(_row_of(image.state, digest) if image.own else None)


def are_checked(folder: str, states: States, digest: str) -> bool:
    """Are the files of a folder those, unchanged, of which all together were found to have a digest?"""
    return _is_remembered(_row_of_all(folder, states, digest))


def _is_remembered(row: Row | None) -> bool:
    if row is None:
        return False
    try:
        with open(os.path.join(_folder(), row.name), "rb") as file:
            return file.read(len(row.contents) + 1) == row.contents
    except OSError:
        return False


def remember(image: Image, digest: bytes) -> None:
    """The heap of an open file was found to match its digest."""
    if image.own and time.time() - image.state.st_ctime > SETTLED:
        remember_written(image.state, digest)


def remember_all(folder: str, states: States, digest: str) -> None:
    """The files of a folder were found to have a digest, and nothing has changed in them for a while."""
    if states and time.time() - max(state.st_ctime for _, state in states) > SETTLED:
        _remember(_row_of_all(folder, states, digest))


def remember_written(state: os.stat_result, digest: bytes) -> None:
    """A file was written here, by its state after that, with a heap of a digest."""
    _remember(_row_of(state, digest))


def _remember(row: Row | None) -> None:
    if row is None:
        return
    with contextlib.suppress(OSError):  # it costs time only
        folder = _folder()
        os.makedirs(folder, mode=0o700, exist_ok=True)
        names = os.listdir(folder)
        if len(names) >= KEPT:
            os.unlink(os.path.join(folder,
                                   min(names, key=lambda name: os.stat(os.path.join(folder, name)).st_mtime_ns)))
        temporary = os.path.join(folder, f"{row.name}.{os.getpid()}")
        with open(temporary, "wb") as file:
            file.write(row.contents)
        os.replace(temporary, os.path.join(folder, row.name))
