"""Stencils as an image section: code, records, and the tables that the kernel's stencil compiler reads, as it reads
them.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterable

from csl_native.image.container import Section

from ..architectures import Architecture
from ..instructions.table import OPERANDS, Instruction, instructions, steps, tests
from ..kernel import stencils as kernel
from ..kernel.stencils import FRAMES, TARGETS
from ..native.elf import Block
from ..native.pages import PageSet, kind_numbers
from ..native.workers import stencil_block
from .table import section_name, stencil_abi


def stencil_section(architecture: Architecture, kernel: PageSet, block: Block | None = None) -> Section:
    """The stencils for an architecture and its kernel, from their block or compiled now (needs llvmlite)."""
    return pack(architecture, kernel, block or stencil_block(architecture)).section(section_name(architecture))


def pack(architecture: Architecture, kernel: PageSet, block: Block) -> PageSet:
    """Stencils for a kernel as a page set; ``tables`` are 64-bit words, by the name of the word of the job that has
    their address (``J_``).
    """
    pages = PageSet(architecture.number, stencil_abi(kernel), block.data, targets=list(TARGETS),
                    features=sorted(architecture.baseline))
    rows = stencil_rows(pages, kind_numbers(architecture), block)
    numbers = {name: number for number, name in enumerate(rows)}
    pages.tables = {"stencils": packed(word for row in rows.values() for word in row),
                    "instructions": packed(word for row in by_opcode() for word in instruction_row(row, numbers)),
                    "frames": packed(numbers[name] for name in FRAMES),
                    "adjust": packed(moves(architecture.copying.cached, numbers))}
    return pages


def packed(words: Iterable[int]) -> bytes:
    items = list(words)
    return struct.pack(f"<{len(items)}q", *items)


def stencil_rows(pages: PageSet, kinds: dict[str, int], block: Block) -> dict[str, tuple[int, ...]]:
    """The row of each stencil (``S_PLACE`` and following), by name; its records are added to the set.

    A jump to the next stencil at the end is known by what ``onward`` is, a stencil that is nothing else.
    """
    names, starts = list(block.symbols), list(block.symbols.values())
    records: dict[str, list[tuple[int, int, int, int]]] = {name: [] for name in names}
    for kind, name, at, addend in block.records:
        records[names[bisect_right(starts, at) - 1]].append((kinds[kind], TARGETS.index(name), at, addend))
    jump_at, jump_size = block.symbols["onward"], block.sizes["onward"]
    jump = [(number, target, at - jump_at, addend) for number, target, at, addend in records["onward"]]
    rows: dict[str, tuple[int, ...]] = {}
    for name, place in block.symbols.items():
        size = block.sizes[name]
        start = place + size - jump_size
        last = [(number, target, at - start, addend) for number, target, at, addend in records[name] if at >= start]
        ends = (last == jump and start >= place
                and block.data[start:place + size] == block.data[jump_at:jump_at + jump_size])
        kept = sum(at < start for _, _, at, _ in records[name]) if ends else len(records[name])
        rows[name] = (place, size, size - jump_size if ends else size, pages.record_count, len(records[name]), kept)
        for record in records[name]:
            pages.add_record(*record)
    return rows


def by_opcode() -> list[Instruction]:
    """The instruction for each byte that begins one; for one that begins a sequence, the sequence's first."""
    return [steps().get(k, instructions()[:1])[0] for k in range(256)]


def instruction_row(row: Instruction, numbers: dict[str, int]) -> list[int]:
    """The row of an instruction (``I_SIZE`` and following)."""
    numbers_of_tests = [branch.number for branch in tests()]
    kind = (kernel.JUMP if row.always else kernel.BRANCH if row.kind == "branch" else
            kernel.LEAVING if row.kind in ("return", "tail") else kernel.VALUE)
    pairs = [f"{row.number}_{number}_0" for number in numbers_of_tests]
    shapes, place = [], 1
    for label, operand in row.operands:
        size, _, scale = OPERANDS[operand]
        if label != "at":
            shapes.append(place | size << 8 | scale << 16)
        place += size
    if row.name == "poll":
        shapes.append(kernel.PLACE)
    shapes += [0] * (3 - len(shapes))
    test = numbers_of_tests.index(row.number) + 1 if row.number in numbers_of_tests else 0
    names = [f"stencil_{row.number}__0", f"cold_{row.number}__0",
             *(f"{which}_{pair}" for pair in pairs for which in ("stencil", "cold"))]
    return [row.size, row.takes, row.gives, kind, int(row.fails), *(numbers.get(name, -1) for name in names), *shapes,
            int(row.name == "poll"), test,
            int(("at", "i32") in row.operands)]


def moves(cached: int, numbers: dict[str, int]) -> list[int]:
    """The numbers of the stencils that move operands: ``flush`` by state and what stays, then ``fill`` by state."""
    width = cached + 1
    names = [f"flush_{k // width}_{k % width}" for k in range(width * width)] + [f"fill_{k}" for k in range(cached)]
    return [numbers.get(name, -1) for name in names]
