"""Code memory for many small functions: chunks that are written while they are not executable, and given back when
nothing in them is used.
"""

from __future__ import annotations

from collections.abc import Callable

from ..system.codememory import CodeMemory
from ..system.records import Record

CHUNK = 1 << 18


class Region(Record):
    """Part of a chunk: an address and a size in bytes."""

    chunk: CodeMemory
    address: int
    size: int


class CodeArena:
    """``bytes`` is what its chunks take; ``limit`` is the most that they may.
    In a chunk addresses differ in ``jump_mask`` only.
    """

    def __init__(self, limit: int, flush: Callable[[int, int], None], jump_mask: int = -1) -> None:
        self.limit, self.flush, self.jump_mask, self.bytes = limit, flush, jump_mask, 0
        self._used: dict[int, int] = {}  # functions in each chunk
        self._live: dict[int, int] = {}  # bytes of them
        self._chunks: dict[int, CodeMemory] = {}
        self._current: CodeMemory | None = None
        self._top = 0

    def room(self) -> int:
        """Bytes left in the chunk that is being filled."""
        return self._current.size - self._top if self._current is not None else 0

    def make(self, write: Callable[[int, int], int], need: int = 0) -> Region:
        """A region that ``write`` (address and room to bytes written) fills; a new chunk when less than ``need`` bytes
        are left.

        MemoryError when that would be more than the limit.
        """
        if self._current is None or self.room() < need:
            size = max(CHUNK, need)
            if self.bytes + size > self.limit:
                raise MemoryError(f"{self.bytes} bytes of code; {self.limit} are the limit")
            self._current, self._top = self._chunk(size), 0
            self._chunks[self._current.address], self._used[self._current.address] = self._current, 0
            self.bytes += self._current.size
        chunk = self._current
        address = chunk.address + self._top
        if chunk.sealed:
            chunk.unseal()
        try:
            size = write(address, self.room())
        finally:
            chunk.seal()
        self._top += size + 15 & -16
        self._used[chunk.address] += 1
        self._live[chunk.address] = self._live.get(chunk.address, 0) + size
        return Region(chunk, address, size)

    def _chunk(self, size: int) -> CodeMemory:
        chunk = CodeMemory(size, self.flush)
        # across a border of what jumps reach: another place is not
        if (chunk.address ^ chunk.address + chunk.size - 1) & ~self.jump_mask:
            better = self._chunk(size)
            chunk.close()
            return better
        return chunk

    def free(self, region: Region) -> None:
        """Give a region back; its chunk goes when nothing else is in it."""
        key = region.chunk.address
        self._used[key] -= 1
        self._live[key] -= region.size
        if self._used[key] == 0:
            self.bytes -= region.chunk.size
            del self._used[key], self._chunks[key], self._live[key]
            if self._current is region.chunk:
                self._current = None
            region.chunk.close()

    def sparse(self) -> set[int]:
        """The addresses of chunks of which less than a quarter is in use, but for the one that is being filled."""
        return {key for key, chunk in self._chunks.items() if chunk is not self._current
                and 4 * self._live[key] < chunk.size}

    def close(self) -> None:
        for chunk in self._chunks.values():
            chunk.close()
        self._chunks.clear()
        self._used.clear()
        self._live.clear()
        self._current, self.bytes = None, 0
