"""Import of ELF objects: from sections, symbols and relocations to one block of a page set.

What can be resolved at import is folded in: references inside the block, and
references to pointer cells, which are appended to it.  What is left for load
time is almost only the writing of those cells.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from csl_native.relocation import apply as apply_module
from csl_native.relocation.kinds import LOW12, PAGE, ROUNDED_PAGE, S_PLUS_A, Kind

from ..restricted.checker import Program
from ..restricted.cpython import execute, translate
from .architectures import Architecture

SELF = ""  # the target of a record that refers to the block itself


class ObjectError(ValueError):
    """An object that cannot become a block: which section, symbol or relocation, and why."""


@dataclass
class Block:
    """Position-independent bytes with entry points and what is left to relocate.

    ``records``: (kind name, target name, place, addend); the target ``SELF`` is the block's own address.
    """

    data: bytearray = field(default_factory=bytearray)
    symbols: dict[str, int] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    records: list[tuple[str, str, int, int]] = field(default_factory=list)
    align: int = 16  # 4096 when pages of addresses were folded in: the block must stay where it is within a page


@cache
def apply_text() -> str:
    program = Program([apply_module])
    program.check()
    return translate(program, checked=True)


class Relocator:
    """The restricted ``apply`` under CPython, over a buffer: the kind row lies behind the data."""

    def __init__(self, data: bytearray, kinds: tuple[Kind, ...]) -> None:
        from csl_native.relocation.kinds import ROW_WORDS
        self.rows = (len(data) + 15) & ~7
        self.buffer = bytearray(self.rows + 8 * ROW_WORDS * len(kinds))
        self.buffer[:len(data)] = data
        self.index = {kind.name: self.rows + 8 * ROW_WORDS * k for k, kind in enumerate(kinds)}
        self.names = execute(apply_text(), self.buffer, {})
        for kind in kinds:
            for k, word in enumerate(kind.words()):
                self.names["MEM"].store(self.index[kind.name] + 8 * k, word)

    def put(self, kind: Kind, place: int, s: int, a: int, address: int = 0) -> None:
        """Relocate one field; ValueError with both sides when the result does not fit."""
        value = self.names["field_value"](self.index[kind.name], s, a, address + place)
        if self.names["put_field"](self.index[kind.name], place, value):
            raise ValueError(f"{kind.name} at {place:#x}: {value} is outside of [{kind.lo}, {kind.hi}) or no multiple of {kind.align}")

    def read(self, kind: Kind, place: int) -> int:
        return int(self.names["read_field"](self.index[kind.name], place))


def import_object(data: bytes, architecture: Architecture) -> Block:
    """The loadable part of a relocatable ELF object as one block."""
    from elftools.elf.elffile import ELFFile
    from elftools.elf.sections import SymbolTableSection
    elf: Any = ELFFile(io.BytesIO(data))
    if elf["e_machine"] != architecture.machine and elf.header["e_machine"] != _machine_name(architecture.machine):
        raise ObjectError(f"object for {elf['e_machine']}; {architecture.name} expected")
    block, where = Block(), {}
    for index, section in enumerate(elf.iter_sections()):
        if section["sh_flags"] & 2 and section["sh_size"] and section.name != ".eh_frame":
            if section["sh_flags"] & 1 and section["sh_type"] == "SHT_NOBITS":
                raise ObjectError(f"section {section.name} is writable data; code for pages has none")
            align = max(section["sh_addralign"], 16)
            block.data += b"\0" * (-len(block.data) % align)
            where[index] = len(block.data)
            block.data += section.data()
    table: Any = next(s for s in elf.iter_sections() if isinstance(s, SymbolTableSection))
    symbols = list(table.iter_symbols())
    for symbol in symbols:
        if symbol["st_shndx"] in where and symbol.name and symbol["st_info"]["type"] == "STT_FUNC":
            block.symbols[symbol.name] = where[symbol["st_shndx"]] + symbol["st_value"]
            block.sizes[symbol.name] = symbol["st_size"]
    pending = []
    for section in elf.iter_sections():
        if section["sh_type"] == "SHT_RELA" and section["sh_info"] in where:
            for r in section.iter_relocations():
                if r["r_info_type"] in architecture.ignored:
                    continue
                kind = architecture.kind(r["r_info_type"])
                if kind is None:
                    raise ObjectError(f"relocation type {r['r_info_type']} in {section.name} has no row for {architecture.name}")
                symbol = symbols[r["r_info_sym"]]
                home = where.get(symbol["st_shndx"])
                target = None if home is None else home + symbol["st_value"]
                if target is None and symbol["st_shndx"] != "SHN_UNDEF":
                    raise ObjectError(f"{kind.name} refers to {symbol.name} in a section that is not loaded")
                pending.append((kind, where[section["sh_info"]] + r["r_offset"], target, symbol.name, r["r_addend"]))
        elif section["sh_type"] == "SHT_REL" and section["sh_info"] in where:
            raise ObjectError(f"{section.name} has implicit addends; explicit ones expected")
    resolve(block, pending, architecture)
    return block


def resolve(block: Block, pending: list[tuple[Kind, int, int | None, str, int]], architecture: Architecture) -> None:
    """Append pointer cells and veneers, fold what is known now, and keep the rest as records."""
    cells: dict[tuple[str, int | None], int] = {}
    veneers: dict[str, int] = {}
    block.data += b"\0" * (-len(block.data) % 16)

    def cell(name: str, target: int | None) -> int:
        key = (name if target is None else SELF, target)
        if key not in cells:
            block.data.extend(b"\0" * (-len(block.data) % 8))
            cells[key] = len(block.data)
            block.data.extend(b"\0" * 8)
            block.records.append((architecture.absolute.name, key[0], cells[key], target or 0))
        return cells[key]

    folds: list[tuple[Kind, int, int, int]] = []
    for kind, _, target, name, _ in pending:
        if kind.cell:
            cell(name, target)
        elif target is None and kind.call:
            cell(name, None)
    for kind, _, target, name, _ in pending:
        if target is None and kind.call and name not in veneers:
            block.data.extend(b"\0" * (-len(block.data) % 8))
            veneers[name] = len(block.data)
            block.data.extend(architecture.veneer)
            folds += [(architecture.named(k), veneers[name] + at, cell(name, None), a) for k, at, a in architecture.veneer_fields]
    highs: dict[int, tuple[int, int]] = {}  # what the records that have a low half elsewhere came to: S and A
    differences: dict[int, int] = {}
    for kind, place, target, name, addend in sorted(pending, key=lambda row: row[0].low):
        if kind.low:
            if target not in highs:
                raise ObjectError(f"{kind.name} at {place:#x} belongs to a record at {target!r}, where there is none")
            s, a = highs[target]
            folds.append((kind, place, s, a + place - target))
            continue
        if kind.difference:
            if target is None:
                raise ObjectError(f"{kind.name} at {place:#x} refers to {name}, which is not in this object")
            differences[place] = differences.get(place, 0) + kind.difference * (target + addend)
            block.data[place:place + kind.size] = (differences[place] & (1 << 8 * kind.size) - 1).to_bytes(kind.size, "little")
            continue
        highs[place] = (cell(name, target) if kind.cell else target or 0, addend)
        if kind.cell:
            folds.append((kind, place, cell(name, target), addend))
        elif target is None and kind.call:
            folds.append((kind, place, veneers[name], addend))
        elif target is not None and kind.formula != S_PLUS_A:
            folds.append((kind, place, target, addend))
        elif target is not None:
            block.records.append((kind.name, SELF, place, target + addend))
        else:
            block.records.append((kind.name, name, place, addend))
    if any(kind.formula in (PAGE, LOW12, ROUNDED_PAGE) for kind, _, _, _ in folds):
        block.align = 4096
    relocator = Relocator(block.data, architecture.kinds)
    for kind, place, s, a in folds:
        relocator.put(kind, place, s, a)
    block.data[:] = relocator.buffer[:len(block.data)]


def _machine_name(number: int) -> str:
    from elftools.elf.enums import ENUM_E_MACHINE
    return next(str(k) for k, v in ENUM_E_MACHINE.items() if v == number)
