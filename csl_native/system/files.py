"""Files where systems differ: locks, positions, owners, and what survives a loss of power."""

from __future__ import annotations

import contextlib
import os
import stat
import time
from collections.abc import Iterator

from .process import WINDOWS

BINARY = getattr(os, "O_BINARY", 0)  # without it Windows changes ends of lines
REPLACES_MAPPED = not WINDOWS  # may a file be replaced while somebody has it mapped?
LOCK_NAME = ".csl-native.lock"


def write_at(fd: int, data: bytes | memoryview, offset: int) -> int:
    """Write to a place of a file; how many bytes were written.  Nobody else uses the descriptor."""
    if hasattr(os, "pwrite"):
        return os.pwrite(fd, data, offset)
    os.lseek(fd, offset, os.SEEK_SET)
    return os.write(fd, data)


def sync_folder(folder: str) -> None:
    """The names in a folder survive a loss of power when this has returned; Windows sees to that by itself."""
    if WINDOWS:
        return
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


@contextlib.contextmanager
def locked(folder: str) -> Iterator[None]:
    """Wait until no other process holds the lock of a folder; OSError where a file system has no locks, or there is no
    such folder.
    """
    if WINDOWS:
        with _locked_file(os.path.join(folder, LOCK_NAME)):
            yield
        return
    try:
        import fcntl
    except ImportError as error:
        raise OSError("this system has no locks") from error
    fd = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def lock_file(fd: int) -> None:
    """Wait until no other process holds the lock of an open file; on Windows the lock of its folder is all there is."""
    with contextlib.suppress(ImportError):
        import fcntl
        fcntl.flock(fd, fcntl.LOCK_EX)


def make_like(fd: int, state: os.stat_result) -> None:
    """Give an open file the mode of another one, and its owner and group where that is allowed; Windows has neither."""
    if WINDOWS or not hasattr(os, "fchown"):
        return
    mine = os.fstat(fd)
    for uid, gid in ((state.st_uid, -1), (-1, state.st_gid)):
        if (uid, gid) not in ((mine.st_uid, -1), (-1, mine.st_gid)):
            with contextlib.suppress(OSError):
                os.fchown(fd, uid, gid)
    os.fchmod(fd, stat.S_IMODE(state.st_mode))


@contextlib.contextmanager
def _locked_file(path: str) -> Iterator[None]:
    """As ``locked``, by a file in the folder, because a folder cannot be opened there; the file goes when nobody has it
    open.
    """
    import msvcrt
    fd = -1
    while fd < 0:
        try:
            fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TEMPORARY)  # type: ignore[attr-defined,unused-ignore]
        # somebody closes it now; or the folder cannot be written, which the writer itself will say
        except PermissionError:
            if not os.access(os.path.dirname(path), os.W_OK):
                raise
            time.sleep(0.01)
    try:
        while True:
            try:
                msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
                break
            except OSError:
                time.sleep(0.01)
        yield
    finally:
        os.close(fd)  # which unlocks


def not_private(state: os.stat_result, readable: bool) -> str:
    """Why others may have written a file, or read it unless ``readable``; empty when they cannot.

    On Windows a user's own folder is closed to others, and there are no modes that say more.
    """
    if not stat.S_ISREG(state.st_mode):
        return "is no regular file"
    if WINDOWS or not hasattr(os, "geteuid"):
        return ""
    if state.st_uid != os.geteuid() or state.st_mode & (0o022 if readable else 0o077):
        return f"belongs to user {state.st_uid} with mode {stat.S_IMODE(state.st_mode):o}"
    return ""


def others_can_write(state: os.stat_result) -> bool:
    """Can somebody who is neither this user nor root change a file that is open?  On Windows nobody can."""
    if WINDOWS or not hasattr(os, "geteuid"):
        return False
    return state.st_uid not in (os.geteuid(), 0) or bool(state.st_mode & 0o022)


def move_new(source: str, target: str) -> None:
    """Give a file its name unless there is one of that name; the file of the other name is gone in either case."""
    try:
        if WINDOWS:
            os.rename(source, target)  # which never replaces there
        else:
            os.link(source, target)
    except FileExistsError:
        pass
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(source)
