"""Executable pages of this process."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Callable

from .memory import MEMORY, PAGE


class CodeMemory:
    """Executable pages.  They are written while writable, and never both writable and executable."""

    def __init__(self, size: int, flush: Callable[[int, int], None] = lambda address, size: None) -> None:
        self.size = (size + PAGE - 1) & -PAGE
        self.flush = flush
        self.address = MEMORY.reserve(self.size)
        self._release = weakref.finalize(self, MEMORY.release, self.address, self.size)  # with whoever has it
        self._release.atexit = False
        self.sealed = False

    def view(self) -> memoryview:
        """The bytes, for writing while the memory is not sealed, for reading after."""
        return memoryview((ctypes.c_char * self.size).from_address(self.address)).cast("B")

    def seal(self) -> None:
        """Make the pages executable and no longer writable."""
        MEMORY.protect(self.address, self.size, executable=True)
        self.flush(self.address, self.size)
        self.sealed = True

    def unseal(self) -> None:
        """Make the pages writable and no longer executable."""
        MEMORY.protect(self.address, self.size, executable=False)
        self.sealed = False

    def close(self) -> None:
        self._release()
        self.address = 0
