"""The stencils of an architecture in memory, and calling the kernel's stencil compiler with them."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable
from operator import add, le

from csl_native.image.container import ImageError, digest

from ..architectures import Architecture
from ..instructions.codec import Code
from ..instructions.joined import SEQUENCES
from ..instructions.table import instructions
from ..kernel import stencils as kernel
from ..kernel.stencils import FRAMES
from ..native.pages import PageSet
from ..system.records import Record


def section_name(architecture: Architecture) -> str:
    return f"stencils-{architecture.number}"


def stencil_abi(kernel: PageSet) -> str:
    """Digest of what stencils and their tables rely on: the kernel's, the entry slots, and which byte is which
    instruction.
    """
    names = " ".join(row.name for row in instructions())
    return digest(f"{kernel.abi} {kernel.entry_names} {names} {SEQUENCES}".encode()).hex()


class Made(Record):
    """What the compiler made: bytes from ``start`` on, the offsets of the entries for one, two and n arguments, and
    those of the places where a frame of the interpreter can go on here, by place in the bytecode."""

    size: int
    entries: tuple[int, int, int]
    resume: dict[int, int]


class NoRoom(Exception):
    """The code needs ``size`` bytes."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


class TooLarge(Exception):
    """The function is too long, or a number does not fit into its hole."""


def check_tables(pages: PageSet, architecture: Architecture) -> None:
    """ImageError unless a set has all tables, in their sizes, and no stencil has bytes or records that are not there.
    """
    width, columns = architecture.copying.cached + 1, kernel.STENCIL_BYTES // 8
    rows = pages.tables.get("stencils", b"")
    sizes = {"stencils": len(rows) or -1, "instructions": 256 * 8 * kernel.INSTRUCTION_WORDS, "frames": 8 * len(FRAMES),
             "adjust": 8 * (width * width + width - 1)}
    if {name: len(table) for name, table in pages.tables.items()} == sizes and len(rows) % kernel.STENCIL_BYTES == 0:
        words = struct.unpack(f"<{len(rows) // 8}q", rows)
        place, size, trimmed, first, count, trimmed_count = (words[k::columns] for k in range(columns))
        good = (min(words) >= 0 and max(map(add, place, size)) <= len(pages.data)
                and max(map(add, first, count)) <= pages.record_count
                and all(map(le, trimmed, size)) and all(map(le, trimmed_count, count)))
    else:
        good = False
    if not good:
        raise ImageError(f"section {section_name(architecture)}: its tables do not fit its stencils; csl-image drop "
                         "--tag and add make them again")


MOST_BYTES = 65535  # of bytecode: what is longer stays that


class StencilTable:
    """Tables in memory that stays where it is.
    ``function`` is the kernel's ``compile_stencils``, with absolute addresses.
    """

    def __init__(self, pages: PageSet, architecture: Architecture, function: Callable[[int], int]) -> None:
        self.function, self.kind_count, self.copying = function, len(architecture.kinds), architecture.copying
        self._keep: list[object] = []
        check_tables(pages, architecture)
        kinds = [word for kind in architecture.kinds for word in kind.words()]
        self.tables = {**{f"J_{name.upper()}": self.bytes(table) for name, table in pages.tables.items()},
                       "J_BYTES": self.bytes(bytes(pages.data)), "J_RECORDS": self.bytes(bytes(pages.packed)),
                       "J_KINDS": self.bytes(struct.pack(f"<{len(kinds)}q", *kinds)),
                       "J_TARGETS": self.bytes(bytes(8 * kernel.TARGET_COUNT))}
        self.work, self.work_size = 0, 0

    def reserve(self, size: int) -> int:
        """The address of new memory."""
        buffer = ctypes.create_string_buffer(size + 16)
        self._keep.append(buffer)
        return ctypes.addressof(buffer)

    def read(self, address: int, size: int) -> bytes:
        return ctypes.string_at(address, size)

    def write(self, address: int, data: bytes) -> None:
        ctypes.memmove(address, data, len(data))

    def bytes(self, data: bytes) -> int:
        """The address of a copy of some bytes, with room behind it for reading whole words."""
        address = self.reserve(len(data))
        self.write(address, data)
        return address

    def compile(self, code: Code, address: int, out: int, room: int, run: int | None = None) -> Made:
        """Make the code of a function, whose first instruction is at ``address``, in ``room`` bytes at ``out``; it will
        run at ``run``.
        """
        run = out if run is None else run
        size, handlers = len(code.code), len(code.handlers)
        if size > MOST_BYTES:
            raise TooLarge(f"more than {MOST_BYTES} bytes of bytecode")
        need = kernel.WORK_BYTES * size + 16 * (size + 1) + 8 * handlers + 8 * kernel.JOB_WORDS
        if need > self.work_size:
            self.work_size = max(2 * need, 1 << 16)
            self.work = self.reserve(self.work_size)
        resume = self.work + kernel.WORK_BYTES * size
        stubs = resume + 16 * (size + 1)
        job = stubs + 8 * handlers
        values = {**self.tables, "J_CODE": address, "J_LENGTH": size, "J_LOCALS": 8 * code.locals + 8,
                  "J_FRAME": 8 * code.frame + 8, "J_HANDLERS": address + size, "J_HANDLER_COUNT": handlers,
                  "J_COUNT": code.fixed, "J_KIND_COUNT": self.kind_count, "J_WORK": self.work, "J_OUT": out,
                  "J_OUT_SIZE": room, "J_RUN": run, "J_RESUME": resume, "J_CACHED": self.copying.cached,
                  "J_STUBS": stubs, "J_ORIGIN": run if self.copying.near else 0, "J_SHIFT": self.copying.shift,
                  "J_JUMP_MASK": self.copying.jump_mask}
        words = [0] * kernel.JOB_WORDS
        for name, value in values.items():
            words[getattr(kernel, name) >> 3] = value
        form = struct.Struct(f"<{kernel.JOB_WORDS}q")
        self.write(job, form.pack(*words))
        made = self.function(job)
        if made == 0:
            raise TooLarge("a number does not fit into a stencil")
        if made < 0:
            raise NoRoom(-made)
        done = form.unpack(self.read(job, form.size))

        def result(place: int) -> int:
            return int(done[place >> 3])
        count = result(kernel.J_RESUME_COUNT)
        pairs = struct.unpack(f"<{2 * count}q", self.read(resume, 16 * count))
        # the entry comes first: a frame that has only begun must not go on at a poll there
        places = list(zip(pairs[::2], pairs[1::2], strict=True))
        return Made(made, (result(kernel.J_ENTER1), result(kernel.J_ENTER2), result(kernel.J_ENTERN)),
                    dict(reversed(places)))
