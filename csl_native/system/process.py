"""The process and its machine: the C library, processors, memory, signals, standard streams."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import sys
from collections.abc import Callable
from functools import cache

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

WINDOWS = sys.platform == "win32"
# How long a thread may wait without looking: on Windows nothing interrupts one that waits.
LONGEST_WAIT = 0.05 if WINDOWS else None


@cache
def c_library() -> Any:
    """The functions that the process has: its own, or, where a process has none by name, the C library's."""
    return ctypes.CDLL("ucrtbase" if WINDOWS else None, use_errno=True)


def processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def memory_size() -> int:
    """Bytes of memory that the machine has; 4 GB where nobody tells."""
    try:
        if WINDOWS:
            return _windows_memory()
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return 4 << 30


def _windows_memory() -> int:
    """GlobalMemoryStatusEx (sysinfoapi.h): a structure of 64 bytes that begins with its size; physical memory is the
    first 64-bit word.
    """
    status = (ctypes.c_uint64 * 8)(64)
    kernel = ctypes.WinDLL("kernel32")  # type: ignore[attr-defined,unused-ignore]
    if not kernel.GlobalMemoryStatusEx(ctypes.byref(status)):
        raise OSError("GlobalMemoryStatusEx failed")
    return int(status[1])


def system_name() -> str:
    """What Lisp calls the system: linux, darwin, win64, ..."""
    if WINDOWS:
        return "win64" if sys.maxsize > 1 << 32 else "win32"
    return os.uname().sysname.lower() if hasattr(os, "uname") else sys.platform


def is_terminal(stream: Any) -> bool:
    """Does somebody sit at a stream?  Windows calls its null device a terminal, too; a console has a mode."""
    if not WINDOWS or not stream.isatty():
        return bool(stream.isatty())
    import msvcrt
    handle = msvcrt.get_osfhandle(stream.fileno())  # type: ignore[attr-defined,unused-ignore]
    kernel = ctypes.WinDLL("kernel32")  # type: ignore[attr-defined,unused-ignore]
    return bool(kernel.GetConsoleMode(ctypes.c_void_p(handle), ctypes.byref(ctypes.c_uint32())))


def open_streams() -> None:
    """Standard streams that were closed when the process began: nothing is read from them, and what is written goes
    nowhere.
    """
    for fd, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            with contextlib.suppress(OSError):
                # the lowest number that is free: no other file becomes a standard stream
                found = os.open(os.devnull, os.O_RDWR)
                setattr(sys, name, open(found, mode, encoding="utf-8", closefd=found != fd))


def utf8_streams() -> None:
    """Standard output and errors in UTF-8, as what Lisp writes is, where the system would choose another encoding for
    pipes and files.
    """
    if WINDOWS:
        for stream in (sys.stdout, sys.stderr):
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(encoding="utf-8", newline="\n")


def run_program(name: str, main: Callable[[], int]) -> int:
    """What a command does, with streams that are there; its exit status.
    Who no longer reads is told nothing; a full disk is one sentence.
    """
    open_streams()
    utf8_streams()
    try:
        try:
            status = main()
        except SystemExit as end:  # help, and command lines that cannot be followed
            status = end.code if isinstance(end.code, int) else int(bool(end.code))
        sys.stdout.flush()
    except BrokenPipeError:
        status = 1
    except OSError as error:
        status = 2
        with contextlib.suppress(OSError):
            print(f"{name}: {said(error)}", file=sys.stderr)
    else:
        return status
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is left in the buffer goes nowhere
    return status


def said(error: BaseException) -> str:
    """An error in words for the user: the system's are of a file, and begin with its name."""
    if of_output(error):
        return f"standard output: cannot be written ({error.strerror})"  # type: ignore[attr-defined]
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return (f"{os.fsdecode(error.filename) if not isinstance(error.filename, int) else error.filename}: "
                f"{error.strerror}")
    return str(error)


def of_output(error: BaseException) -> bool:
    """Is an error one of a standard stream?  Those of files have names."""
    return (isinstance(error, OSError) and error.filename is None
            and error.errno in (errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO))


PERF_FOLDER = "/tmp"  # where perf looks for names of native code
