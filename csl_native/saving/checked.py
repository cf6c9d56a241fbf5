"""Files that were checked: a large heap that somebody vouches for is hashed when it is first used, and not again while
the file stays what it is.

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

from .trust import TrustError, config_folder, keyed, local_key

KEPT = 64  # files
# seconds: a file that was changed just now may be changed again within the same tick of the file system's clock
SETTLED = 2.0


def _folder() -> str:
    return os.path.join(config_folder(), "checked")


def _row(state: os.stat_result, digest: bytes) -> tuple[str, bytes] | None:
    """The name and the contents of what is remembered of a file; None when this user has no key that can be used."""
    try:
        key = local_key()
    except (OSError, TrustError):
        return None
    if key is None or state.st_ino == 0:
        return None
    said = ["checked 1", state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns, digest]
    return f"{state.st_dev:x}-{state.st_ino:x}", keyed(key, msgpack.packb(said))


def is_checked(image: Image, digest: bytes) -> bool:
    """Is the open file the one, unchanged, whose heap was checked against a digest?"""
    row = _row(image.state, digest) if image.own else None
    if row is None:
        return False
    try:
        with open(os.path.join(_folder(), row[0]), "rb") as file:
            return file.read(len(row[1]) + 1) == row[1]
    except OSError:
        return False


def remember(image: Image, digest: bytes) -> None:
    """The heap of an open file was found to match its digest."""
    if image.own and time.time() - image.state.st_ctime > SETTLED:
        remember_written(image.state, digest)


def remember_written(state: os.stat_result, digest: bytes) -> None:
    """A file was written here, by its state after that, with a heap of a digest."""
    if (row := _row(state, digest)) is None:
        return
    with contextlib.suppress(OSError):  # it costs time only
        folder = _folder()
        os.makedirs(folder, mode=0o700, exist_ok=True)
        names = os.listdir(folder)
        if len(names) >= KEPT:
            os.unlink(os.path.join(folder,
                                   min(names, key=lambda name: os.stat(os.path.join(folder, name)).st_mtime_ns)))
        temporary = os.path.join(folder, f"{row[0]}.{os.getpid()}")
        with open(temporary, "wb") as file:
            file.write(row[1])
        os.replace(temporary, os.path.join(folder, row[0]))
