"""Address space: reserved, mapped from files, given back, made executable.

``MEMORY`` is what this system has: the calls of POSIX, those of Windows, or, where neither can be reached, what
Python's own ``mmap`` gives.
"""

from __future__ import annotations

import ctypes
import mmap
import os

from .process import WINDOWS, c_library

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PAGE = mmap.PAGESIZE
READ, WRITE, EXECUTE = 1, 2, 4


class Memory:
    """What every system can do: memory by Python's own ``mmap``, all of it taken at once, none of it executable."""

    lazy = False  # is memory taken only when it is touched?

    def __init__(self) -> None:
        self._taken: dict[int, mmap.mmap] = {}

    def reserve(self, size: int, flags: int = 0) -> int:
        """The address of ``size`` bytes of zeros; OSError when there is no room.
        ``flags``: more for the system's call.
        """
        area = mmap.mmap(-1, size)
        address = ctypes.addressof(ctypes.c_char.from_buffer(area))
        self._taken[address] = area
        return address

    def place_file(self, address: int, size: int, fd: int, offset: int) -> bool:
        """Show part of a file, private and copied when written, in reserved memory; False where that cannot be, and it
        must be read.
        """
        return False

    def discard(self, address: int, size: int) -> None:
        """Give whole pages back to the system where it takes them; they read as zeros again."""
        ctypes.memset(address, 0, size)

    def prefer_big_pages(self, address: int, size: int) -> None:
        """Large memory may come in big pages, which is faster to touch."""

    def protect(self, address: int, size: int, executable: bool) -> None:
        """Whole pages become executable, or writable, and never both; OSError when the system refuses."""
        if executable:
            raise OSError("this system has no call that makes memory executable")

    def flush(self, address: int, size: int) -> None:
        """Newly written code will be fetched, on systems that must be told."""

    def forbid(self, address: int, size: int) -> None:
        """Whole pages that must not be touched, where the system can tell."""

    def release(self, address: int, size: int) -> None:
        self._taken.pop(address, None)  # the pages go with the last view of them


class Posix(Memory):
    """mmap and its kin: https://pubs.opengroup.org/onlinepubs/9799919799/functions/mmap.html."""

    lazy = True
    FIXED = 16  # MAP_FIXED on most systems; what it gave is looked at, since some have another
    FAILED = ctypes.c_void_p(-1).value

    def __init__(self, library: Any) -> None:
        super().__init__()
        self.map, self.unmap, self.change = library.mmap, library.munmap, library.mprotect
        self.map.restype = ctypes.c_void_p
        self.map.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
        self.unmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
        self.change.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        self.advise = getattr(library, "madvise", None)
        if self.advise is not None:
            self.advise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
        self.anonymous = mmap.MAP_PRIVATE | mmap.MAP_ANON

    def _map(self, address: int | None, size: int, flags: int, fd: int = -1, offset: int = 0) -> int:
        result = self.map(address, size, READ | WRITE, flags, fd, offset)
        if result == self.FAILED:
            error = ctypes.get_errno()
            raise OSError(error, f"mmap of {size} bytes: {os.strerror(error)}")
        return int(result)

    def _map_over(self, address: int, size: int, flags: int, fd: int = -1, offset: int = 0) -> bool:
        """Map something in place of reserved memory; False when it came to lie elsewhere, where it is taken away again.
        """
        found = self._map(address, size, flags | self.FIXED, fd, offset)
        if found != address:
            self.unmap(found, size)
        return found == address

    def reserve(self, size: int, flags: int = 0) -> int:
        return self._map(None, size, self.anonymous | flags)

    def place_file(self, address: int, size: int, fd: int, offset: int) -> bool:
        try:
            return offset % PAGE == 0 and self._map_over(address, size, mmap.MAP_PRIVATE, fd, offset)
        except OSError:  # such as of a file system that shows no files so
            return False

    def discard(self, address: int, size: int) -> None:
        if not self._map_over(address, size, self.anonymous):
            super().discard(address, size)

    def prefer_big_pages(self, address: int, size: int) -> None:
        if self.advise is not None and hasattr(mmap, "MADV_HUGEPAGE"):
            self.advise(address, size, mmap.MADV_HUGEPAGE)

    def protect(self, address: int, size: int, executable: bool) -> None:
        if self.change(address, size, READ | (EXECUTE if executable else WRITE)):
            raise OSError(ctypes.get_errno(),
                          f"the system refuses to make memory {'executable' if executable else 'writable'}")

    def forbid(self, address: int, size: int) -> None:
        self.change(address, size, 0)

    def release(self, address: int, size: int) -> None:
        self.unmap(address, size)


class Linux(Posix):
    """POSIX with a cheaper way to give pages back: there MADV_DONTNEED means that they read as zeros again, which it
    does not elsewhere.
    """

    def discard(self, address: int, size: int) -> None:
        self.advise(address, size, mmap.MADV_DONTNEED)  # type: ignore[misc]  # Linux has it


class Windows(Memory):
    """VirtualAlloc and its kin (memoryapi.h).
    What is reserved is committed at once: nothing could do so at the first touch of a page.
    """

    RESERVE, COMMIT, DECOMMIT, RELEASE = 0x2000, 0x1000, 0x4000, 0x8000
    READ_WRITE, EXECUTE_READ = 0x04, 0x20

    def __init__(self) -> None:
        super().__init__()
        kernel = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined,unused-ignore]
        self.allocate, self.free, self.change = kernel.VirtualAlloc, kernel.VirtualFree, kernel.VirtualProtect
        self.allocate.restype = ctypes.c_void_p
        self.allocate.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint32, ctypes.c_uint32]
        self.free.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint32]
        self.change.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_uint32, ctypes.POINTER(ctypes.c_uint32)]
        self.fetch = kernel.FlushInstructionCache
        self.fetch.argtypes, self.process = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t], ctypes.c_void_p(-1)

    def _refused(self, what: str) -> OSError:
        return OSError(f"{what}: Windows error {ctypes.get_last_error()}")  # type: ignore[attr-defined,unused-ignore]

    def reserve(self, size: int, flags: int = 0) -> int:
        address = self.allocate(None, size, self.RESERVE | self.COMMIT, self.READ_WRITE)
        if not address:
            raise self._refused(f"VirtualAlloc of {size} bytes")
        return int(address)

    def discard(self, address: int, size: int) -> None:
        self.free(address, size, self.DECOMMIT)
        if self.allocate(address, size, self.COMMIT, self.READ_WRITE) != address:
            raise MemoryError(f"the system does not give {size} bytes back that it has taken")

    def protect(self, address: int, size: int, executable: bool) -> None:
        if not self.change(address, size, self.EXECUTE_READ if executable else self.READ_WRITE,
                           ctypes.byref(ctypes.c_uint32())):
            raise self._refused("VirtualProtect")

    def flush(self, address: int, size: int) -> None:
        if not self.fetch(self.process, address, size):
            raise self._refused("FlushInstructionCache")

    def release(self, address: int, size: int) -> None:
        self.free(address, 0, self.RELEASE)


def choose() -> Memory:
    """What this system has."""
    try:
        if WINDOWS:
            return Windows()
        return (Linux if hasattr(mmap, "MADV_DONTNEED") and os.uname().sysname == "Linux" else Posix)(c_library())
    except (OSError, AttributeError, TypeError):  # no C library that can be called, or one without these
        return Memory()


MEMORY = choose()


def mapped_for_execution(file: int, size: int) -> mmap.mmap:
    """The first bytes of an open file, which nobody can write to there."""
    return mmap.mmap(file, size, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC)


def flush(address: int, size: int) -> None:
    """What the system must be told of newly written code."""
    MEMORY.flush(address, size)
