"""The cage as memory of this process: reserved address space, mapped files, executable pages."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import threading

from ..architectures import host
from ..system import byteorder
from ..system.memory import MEMORY, PAGE
from ..system.process import memory_size
from .vm import HEAP, VM, CageLayout

SMALL = 32 << 20  # bytes of heap that come in the system's own pages
NARROW = ctypes.sizeof(ctypes.c_void_p) == 4  # addresses of 32 bits: room is scarce
SMALLEST = 64 << 20  # bytes of heap below which a default is not tried


def no_reserve() -> int:
    """MAP_NORESERVE, which Python's own module lacks before 3.13."""
    architecture = host()
    return architecture.no_reserve if architecture is not None else int(getattr(mmap, "MAP_NORESERVE", 0))


class OutOfAddressSpace(MemoryError):
    """The system refuses to reserve as much address space as the heap limit needs."""


class Cage:
    """``heap`` bytes of heap at most, with everything that belongs to it; nothing is committed until it is touched."""

    def __init__(self, heap: int) -> None:
        layout = CageLayout.of(heap, ctypes.sizeof(ctypes.c_void_p))
        self.heap = heap
        self.places = layout.places()
        self.layout = layout
        self.size = self.places["end"]
        self.lock = threading.RLock()  # held by another thread that writes here, and while everything is unmapped
        try:
            self.base = MEMORY.reserve(self.size, no_reserve())
        except OSError as error:
            raise OutOfAddressSpace(f"a heap of {heap >> 20} MB needs {self.size >> 20} MB of address space: {error}; "
                                    "choose less with -k") from error
        if heap > SMALL:
            MEMORY.prefer_big_pages(self.base + HEAP + SMALL, heap - SMALL)
        raw = (ctypes.c_char * self.size).from_address(self.base)
        self.bytes = memoryview(raw).cast("B")
        self.words = byteorder.words(self.bytes)
        self.doubles = byteorder.doubles(self.bytes)

    def __getitem__(self, name: str) -> int:
        """A field of the VM block."""
        return self.words[VM[name] >> 3]

    def __setitem__(self, name: str, value: int) -> None:
        self.words[VM[name] >> 3] = value

    @classmethod
    def largest(cls, heap: int) -> Cage:
        """A cage with room for ``heap`` bytes, or for less where the system does not give so much."""
        while True:
            try:
                return cls(heap)
            except OutOfAddressSpace:
                if heap // 2 < SMALLEST:
                    raise
                heap = heap // 2 >> 20 << 20

    def map_file(self, fd: int, offset: int, size: int, place: int) -> bool:
        """Map part of a file into the cage, private and copy-on-write; ``place`` is page-aligned.  False where that
        cannot be.
        """
        return MEMORY.place_file(self.base + place, size, fd, offset)

    def forget(self, place: int, size: int) -> None:
        """Give pages back to the system; they read as zeros again."""
        size = (size + PAGE - 1) & -PAGE
        MEMORY.discard(self.base + place, min(size, self.size - place))

    def close(self) -> None:
        """Unmap everything.  Views that others keep must not be used any more."""
        with self.lock:
            base, self.base = self.base, 0
            if base:
                for view in (self.words, self.doubles, self.bytes):  # whoever has one gets an error from now on
                    with contextlib.suppress(BufferError, AttributeError):
                        view.release()
                MEMORY.release(base, self.size)


def default_heap() -> int:
    """A quarter of the memory of the machine, in bytes; less where memory is taken before it is used."""
    total = memory_size()
    share = total // 4 if MEMORY.lazy else total // 16
    return min(max(SMALLEST, share >> 20 << 20), 256 << 20 if NARROW else total)
