"""The cage as memory of this process: reserved address space, mapped files, executable pages."""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Callable
from typing import Any

from . import byteorder
from .vm import HEAP, VM, CageLayout

_libc: Any = ctypes.CDLL(None, use_errno=True)
_libc.mmap.restype = ctypes.c_void_p
_libc.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_long]
_libc.munmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
_libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
_libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
READ, WRITE, EXECUTE = 1, 2, 4
SMALL = 32 << 20  # bytes of heap that come in the system's own pages
_PRIVATE, _FIXED, _ANONYMOUS = mmap.MAP_PRIVATE, 16, mmap.MAP_ANONYMOUS
NARROW = ctypes.sizeof(ctypes.c_void_p) == 4  # addresses of 32 bits: room is scarce
_FAILED = ctypes.c_void_p(-1).value


def _no_reserve() -> int:
    """MAP_NORESERVE, which Python's own module lacks before 3.13."""
    from .native.architectures import host
    architecture = host()
    return architecture.no_reserve if architecture is not None else int(getattr(mmap, "MAP_NORESERVE", 0))


class OutOfAddressSpace(MemoryError):
    """The system refuses to reserve as much address space as the heap limit needs."""


def _map(size: int, protection: int, flags: int, fd: int = -1, offset: int = 0, address: int | None = None) -> int:
    result = _libc.mmap(address, size, protection, flags, fd, offset)
    if result == _FAILED:
        error = ctypes.get_errno()
        raise OSError(error, f"mmap of {size} bytes: {os.strerror(error)}")
    return int(result)


class Cage:
    """``heap`` bytes of heap at most, with everything that belongs to it; nothing is committed until it is touched."""

    def __init__(self, heap: int) -> None:
        layout = CageLayout(heap) if not NARROW else CageLayout(heap, 32 << 20, 16 << 20)
        self.heap = heap
        self.places = layout.places()
        self.layout = layout
        self.size = self.places["end"]
        try:
            self.base = _map(self.size, READ | WRITE, _PRIVATE | _ANONYMOUS | _no_reserve())
        except OSError as error:
            raise OutOfAddressSpace(f"a heap of {heap >> 20} MB needs {self.size >> 20} MB of address space: {error}; "
                                    "choose less with -k") from error
        if heap > SMALL and hasattr(mmap, "MADV_HUGEPAGE"):
            _libc.madvise(self.base + HEAP + SMALL, heap - SMALL, mmap.MADV_HUGEPAGE)  # a big heap comes in big pages: touching it is faster
        raw = (ctypes.c_char * self.size).from_address(self.base)
        self.bytes = memoryview(raw).cast("B")
        self.words = byteorder.words(self.bytes)
        self.doubles = byteorder.doubles(self.bytes)

    def __getitem__(self, name: str) -> int:
        """A field of the VM block."""
        return self.words[VM[name] >> 3]

    def __setitem__(self, name: str, value: int) -> None:
        self.words[VM[name] >> 3] = value

    def map_file(self, fd: int, offset: int, size: int, place: int) -> None:
        """Map part of a file into the cage, private and copy-on-write; ``offset`` and ``place`` are page-aligned."""
        _map(size, READ | WRITE, _PRIVATE | _FIXED, fd, offset, self.base + place)

    def forget(self, place: int, size: int) -> None:
        """Give pages back to the system; they read as zeros again."""
        size = (size + mmap.PAGESIZE - 1) & -mmap.PAGESIZE
        _libc.madvise(self.base + place, min(size, self.size - place), 4)

    def close(self) -> None:
        """Unmap everything.  Views that others keep must not be used any more."""
        if self.base:
            self.bytes = memoryview(b"")
            self.words, self.doubles = byteorder.words(self.bytes), byteorder.doubles(self.bytes)
            _libc.munmap(self.base, self.size)
            self.base = 0


class CodeMemory:
    """Executable pages.  They are written while writable, and never both writable and executable."""

    def __init__(self, size: int, flush: Callable[[int, int], None] = lambda address, size: None) -> None:
        self.size = (size + mmap.PAGESIZE - 1) & -mmap.PAGESIZE
        self.flush = flush
        self.address = _map(self.size, READ | WRITE, _PRIVATE | _ANONYMOUS)
        self.sealed = False

    def view(self) -> memoryview:
        """The bytes, for writing while the memory is not sealed, for reading after."""
        return memoryview((ctypes.c_char * self.size).from_address(self.address)).cast("B")

    def seal(self) -> None:
        """Make the pages executable and no longer writable."""
        if _libc.mprotect(self.address, self.size, READ | EXECUTE):
            raise OSError(ctypes.get_errno(), "the system refuses to make memory executable")
        self.flush(self.address, self.size)
        self.sealed = True

    def unseal(self) -> None:
        """Make the pages writable and no longer executable."""
        if _libc.mprotect(self.address, self.size, READ | WRITE):
            raise OSError(ctypes.get_errno(), "the system refuses to make memory writable")
        self.sealed = False

    def close(self) -> None:
        if self.address:
            _libc.munmap(self.address, self.size)
            self.address = 0


def default_heap() -> int:
    """A quarter of the memory of the machine, in bytes."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        total = 4 << 30
    return min(max(64 << 20, total // 4 >> 20 << 20), 256 << 20 if NARROW else total)
