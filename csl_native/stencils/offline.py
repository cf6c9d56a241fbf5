"""The stencil compiler under CPython, for any architecture: what a function would be on a machine that is not there."""

from __future__ import annotations

import struct
from functools import cache

from csl_native.relocation import apply

from ..architectures import Architecture
from ..instructions.codec import Code, decode
from ..kernel import stencils as kernel
from ..kernel.stencils import W_ADDRESS, W_COLD, W_COLD_STENCIL, W_DEPTH, WORK_BYTES
from ..native.pages import PageSet
from ..restricted.checker import Program
from ..restricted.cpython import execute, translate
from ..restricted.llvm import closure
from .table import MOST_BYTES, Made, StencilTable, TooLarge

ROOM = 16 << 20


@cache
def compiler_text() -> str:
    """The compiler as Python: what it calls is in its own module, and in that of relocation."""
    whole, part = Program([kernel, apply]), Program()
    whole.check()
    part.functions.update({name: whole.functions[name] for name in closure(whole, ["compile_stencils"])})
    return translate(part)


class OfflineTable(StencilTable):
    """Tables in a buffer whose offsets are the addresses."""

    def __init__(self, pages: PageSet, architecture: Architecture) -> None:
        self.buffer, self.top = bytearray(ROOM), 64
        names = execute(compiler_text(), self.buffer, {})
        super().__init__(pages, architecture, names["compile_stencils"])

    def reserve(self, size: int) -> int:
        address, self.top = self.top, self.top + size + 31 & -16
        if self.top > ROOM:
            raise MemoryError(f"stencils for a function of this size need more than {ROOM} bytes")
        return address

    def read(self, address: int, size: int) -> bytes:
        return bytes(self.buffer[address:address + size])

    def write(self, address: int, data: bytes) -> None:
        self.buffer[address:address + len(data)] = data

    def places(self, code: Code) -> list[tuple[int, int]]:
        """Of what ``code`` made last: (offset in the code, place in the bytecode) of the beginning of every part, the
        rare ones among them, in order.
        """
        found = []
        for item in decode(code.code):
            words = struct.unpack("<8q", self.read(self.work + WORK_BYTES * item.at, WORK_BYTES))
            if words[W_DEPTH >> 3]:
                found.append((words[W_ADDRESS >> 3], item.at))
                if words[W_COLD_STENCIL >> 3]:
                    found.append((words[W_COLD >> 3], item.at))
        return sorted(found)

    def code(self, code: Code, run: int) -> tuple[bytes, Made]:
        """The native code of a function that will run at an address."""
        if len(code.code) > MOST_BYTES:
            raise TooLarge(f"more than {MOST_BYTES} bytes of bytecode")
        rows = b"".join(v.to_bytes(2, "little") for row in code.handlers for v in row)
        out = self.reserve(1 << 20)
        made = self.compile(code, self.bytes(code.code + rows), out, 1 << 20, run)
        return self.read(out, made.size), made
