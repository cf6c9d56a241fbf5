"""The stencils of an architecture as an image section, and as the tables that the kernel's stencil compiler reads."""

from __future__ import annotations

import ctypes
import struct
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, NamedTuple

from csl_native.image.container import ImageError, digest

from ..instructions.codec import Code
from ..instructions.table import OPERANDS, Instruction, instructions, steps
from ..kernel import stencils as kernel
from ..kernel.stencils import FRAMES, TARGETS
from ..native.architectures import Architecture
from ..native.kernelset import kind_numbers
from ..native.pages import PageSet

if TYPE_CHECKING:
    from ..native.elf import Block


def section_name(architecture: Architecture) -> str:
    return f"stencils-{architecture.number}"


def stencil_abi(kernel: PageSet) -> str:
    """Digest of what stencils rely on: the kernel's, and the entry slots."""
    return digest(f"{kernel.abi} {kernel.entry_names}".encode()).hex()


def pack(architecture: Architecture, kernel: PageSet, block: Block) -> PageSet:
    """Stencils for a kernel as a page set: an entry for each with its name, its size, the size of a jump to the next one at its end, and
    its records: the number of the first, how many they are, and how many without that jump.

    Such a jump is known by what ``onward`` is, a stencil that is nothing else.
    """
    pages = PageSet(architecture.number, stencil_abi(kernel), block.data, targets=list(TARGETS), features=sorted(architecture.baseline))
    kinds = kind_numbers(architecture)
    names, starts = list(block.symbols), list(block.symbols.values())
    records: dict[str, list[tuple[int, int, int, int]]] = {name: [] for name in names}
    for kind, name, at, addend in block.records:
        records[names[bisect_right(starts, at) - 1]].append((kinds[kind], TARGETS.index(name), at, addend))
    jump_at, jump_size = block.symbols["onward"], block.sizes["onward"]
    jump = [(number, target, at - jump_at, addend) for number, target, at, addend in records["onward"]]
    for name, place in block.symbols.items():
        end = place + block.sizes[name]
        start = end - jump_size
        last = [(number, target, at - start, addend) for number, target, at, addend in records[name] if at >= start]
        ends = last == jump and start >= place and block.data[start:end] == block.data[jump_at:jump_at + jump_size]
        kept = sum(at < start for _, _, at, _ in records[name]) if ends else len(records[name])
        pages.entries[str(place)] = {"name": name, "size": block.sizes[name], "ends": jump_size if ends else 0,
                                     "records": [pages.record_count, len(records[name]), kept]}
        for record in records[name]:
            pages.add_record(*record)
    return pages


class Made(NamedTuple):
    """What the compiler made: bytes from ``start`` on, the offsets of the entries for one, two and n arguments, and those of the
    places where a frame of the interpreter can go on here, by place in the bytecode."""

    size: int
    entries: tuple[int, int, int]
    resume: dict[int, int]


def by_opcode() -> list[Instruction]:
    """The instruction for each byte that begins one; for one that begins a sequence, the sequence's first."""
    return [steps().get(k, instructions()[:1])[0] for k in range(256)]


class NoRoom(Exception):
    """The code needs ``size`` bytes."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


class TooLarge(Exception):
    """A number does not fit into its hole."""


class StencilTable:
    """Tables in memory that stays where it is.  ``function`` is the kernel's ``compile_stencils``, with absolute addresses."""

    def __init__(self, pages: PageSet, architecture: Architecture, function: Callable[[int], int]) -> None:
        self.function, self.cached = function, architecture.copying.cached
        self._keep: list[object] = []
        rows: list[tuple[int, ...]] = []
        numbers: dict[str, int] = {}
        for place, row in pages.entries.items():
            first, count, kept = row.get("records", (0, -1, 0))
            if not 0 <= count <= pages.record_count - first:
                raise ImageError(f"the stencil {row['name']} has no records; csl-image drop --tag and add make stencils of this version")
            numbers[row["name"]] = len(rows)
            rows.append((int(place), row["size"], row["size"] - row["ends"], first, count, kept))
        self.numbers = numbers
        self.tests = [r.number for r in instructions() if r.kind == "branch" and r.takes]  # instructions that test the value of another one
        self.tables = {
            "J_STENCILS": self.words(word for row in rows for word in row), "J_BYTES": self.bytes(bytes(pages.data)),
            "J_RECORDS": self.bytes(bytes(pages.packed)), "J_KINDS": self.words(word for kind in architecture.kinds for word in kind.words()),
            "J_INSTRUCTIONS": self.words(word for row in by_opcode() for word in self.instruction(row)),
            "J_TARGETS": self.words([0] * kernel.TARGET_COUNT), "J_FRAMES": self.words(numbers[name] for name in FRAMES),
            "J_ADJUST": self.words(self.moves())}
        self.kind_count, self.copying = len(architecture.kinds), architecture.copying
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

    def words(self, values: Iterable[int]) -> int:
        items = list(values)
        return self.bytes(struct.pack(f"<{len(items)}q", *items))

    def number(self, name: str) -> int:
        return self.numbers.get(name, -1)

    def instruction(self, row: Instruction) -> list[int]:
        """The row of an instruction for the compiler."""
        tests, kind = self.tests, (kernel.JUMP if row.name == "jump" else kernel.BRANCH if row.kind == "branch" else
                kernel.LEAVING if row.kind in ("return", "tail") else kernel.VALUE)
        pairs = [f"{row.number}_{number}_0" for number in tests]
        shapes, place = [], 1
        for label, operand in row.operands:
            size, _, scale = OPERANDS[operand]
            if label != "at":
                shapes.append(place | size << 8 | scale << 16)
            place += size
        shapes += [0] * (3 - len(shapes))
        test = tests.index(row.number) + 1 if row.number in tests else 0
        return [row.size, row.takes, row.gives, kind, int(row.fails), self.number(f"stencil_{row.number}__0"), self.number(f"cold_{row.number}__0"),
                *(self.number(f"{which}_{pair}") for pair in pairs for which in ("stencil", "cold")), *shapes, int(row.name == "poll"), test]

    def moves(self) -> list[int]:
        """The numbers of the stencils that move operands: ``flush`` by state and what stays, then ``fill`` by state."""
        width = self.cached + 1
        return [self.number(f"flush_{k // width}_{k % width}") for k in range(width * width)] + [self.number(f"fill_{k}") for k in range(self.cached)]

    def compile(self, code: Code, address: int, out: int, room: int, run: int | None = None) -> Made:
        """Make the code of a function, whose first instruction is at ``address``, in ``room`` bytes at ``out``; it will run at ``run``."""
        run = out if run is None else run
        size, handlers = len(code.code), len(code.handlers)
        need = kernel.WORK_BYTES * size + 16 * (size + 1) + 8 * handlers + 8 * kernel.JOB_WORDS
        if need > self.work_size:
            self.work_size = max(2 * need, 1 << 16)
            self.work = self.reserve(self.work_size)
        resume = self.work + kernel.WORK_BYTES * size
        stubs = resume + 16 * (size + 1)
        job = stubs + 8 * handlers
        values = {**self.tables, "J_CODE": address, "J_LENGTH": size, "J_LOCALS": 8 * code.locals + 8, "J_FRAME": 8 * code.frame + 8,
                  "J_HANDLERS": address + size, "J_HANDLER_COUNT": handlers, "J_COUNT": code.fixed, "J_KIND_COUNT": self.kind_count,
                  "J_WORK": self.work, "J_OUT": out, "J_OUT_SIZE": room, "J_RUN": run, "J_RESUME": resume, "J_CACHED": self.cached, "J_STUBS": stubs,
                  "J_ORIGIN": run if self.copying.near else 0, "J_SHIFT": self.copying.shift, "J_JUMP_MASK": self.copying.jump_mask}
        words = [0] * kernel.JOB_WORDS
        for name, value in values.items():
            words[getattr(kernel, name) >> 3] = value
        form = struct.Struct(f"<{kernel.JOB_WORDS}q")
        self.write(job, form.pack(*words))
        made = self.function(job)
        if made == 0:
            raise TooLarge
        if made < 0:
            raise NoRoom(-made)
        done = form.unpack(self.read(job, form.size))

        def result(place: int) -> int:
            return int(done[place >> 3])
        count = result(kernel.J_RESUME_COUNT)
        pairs = struct.unpack(f"<{2 * count}q", self.read(resume, 16 * count))
        return Made(made, (result(kernel.J_ENTER1), result(kernel.J_ENTER2), result(kernel.J_ENTERN)), dict(zip(pairs[::2], pairs[1::2], strict=True)))
