"""Files that may give or take nothing for long (pipes, terminals, sockets), so that whoever waits for them can be
ended.

``wait`` is called with a function that waits for some seconds and tells whether the file is ready; it calls that until
it is, or raises an exception.  Where the system cannot be asked whether a file is ready, files are used as they are.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import stat
from collections.abc import Callable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import IO, Any

Wait = Callable[[Callable[[float], bool]], None]
CAN_ASK = hasattr(select, "poll") and hasattr(os, "O_NONBLOCK")
AT_ONCE = 4096  # bytes that a file which is ready takes without waiting (PIPE_BUF)
FEW = 4096  # bytes that are read at once where they are taken one by one


def slow(mode: int) -> bool:
    return CAN_ASK and (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISSOCK(mode))


class Patient:
    """Reads lines or bytes from, or writes bytes to, an open file; ``file`` is closed with it."""

    def __init__(self, file: IO[Any], wait: Wait, mode: str) -> None:
        self.file, self.wait, self.mode = file, wait, mode
        self.name: str | int = file.name
        self.fd = file.fileno()
        self.data = b""
        self.ended = False

    def ready(self, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self.fd, select.POLLIN if self.mode == "rb" else select.POLLOUT)
        return bool(poll.poll(seconds * 1000))

    def fileno(self) -> int:
        return self.fd

    def isatty(self) -> bool:
        return os.isatty(self.fd)

    def readline(self, size: int = 1 << 62) -> bytes:
        parts = []
        while True:
            end = min(self.data.find(b"\n") + 1 or len(self.data), size)
            parts.append(self.data[:end])
            self.data, size = self.data[end:], size - end
            if parts[-1].endswith(b"\n") or self.ended or not size:
                return b"".join(parts)
            try:
                self.wait(self.ready)
                self.data = os.read(self.fd, 1 << 16)
            except BlockingIOError:  # somebody else has taken it
                continue
            except BaseException:
                self.data = b"".join(parts)
                raise
            self.ended = not self.data

    def read(self, size: int) -> bytes:
        """So many bytes; fewer at the end."""
        while len(self.data) < size and not self.ended:
            self.wait(self.ready)
            with contextlib.suppress(BlockingIOError):
                more = os.read(self.fd, FEW)
                self.data += more
                self.ended = not more
        taken, self.data = self.data[:size], self.data[size:]
        return taken

    def write(self, data: bytes) -> None:
        self.file.flush()
        rest = memoryview(data)
        while rest:
            self.wait(self.ready)
            try:
                rest = rest[os.write(self.fd, rest[:AT_ONCE]):]
            except BlockingIOError:
                continue

    def flush(self) -> None:
        self.file.flush()

    def close(self) -> None:
        self.file.close()


def patient(file: Any, wait: Wait, mode: str) -> Any:
    """A file, so that waiting for it can be ended; itself when it never lets anybody wait, or is no file of the system.
    """
    try:
        return Patient(file, wait, mode) if slow(os.fstat(file.fileno()).st_mode) else file
    except (AttributeError, OSError, ValueError):
        return file


def open_patiently(path: str, mode: str, wait: Wait) -> Any:
    """``open``, which waits for the other side of a pipe that has a name."""
    if not (CAN_ASK and os.path.exists(path) and stat.S_ISFIFO(os.stat(path).st_mode)):
        return patient(open(path, mode), wait, mode)
    flags = os.O_NONBLOCK | (os.O_RDONLY if mode == "rb" else os.O_WRONLY)
    found: list[int] = []

    def opened(seconds: float) -> bool:
        try:
            found.append(os.open(path, flags))
        except OSError as error:
            if error.errno != errno.ENXIO:  # nobody reads yet
                raise
            select.poll().poll(seconds * 1000)
        return bool(found)
    wait(opened)
    made = Patient(open(found[0], "rb" if mode == "rb" else "wb", buffering=0), wait, "rb" if mode == "rb" else "wb")
    made.name = path
    return made
