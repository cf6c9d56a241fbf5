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
from csl_native.relocation.kinds import LOW12, PAGE, ROUNDED_PAGE, ROW_WORDS, S_PLUS_A, Kind
from csl_native.system.exceptions import Error

from ..architectures import Architecture
from ..restricted.checker import Program
from ..restricted.cpython import execute, translate

# sections for exceptions, which nothing here throws; a machine may have more
UNWINDING = (".eh_frame", ".data.DW.ref.", ".gcc_except_table")
SELF = ""  # the target of a record that refers to the block itself


class ObjectError(Error, ValueError):
    """An object that cannot become a block: which section, symbol or relocation, and why."""


@dataclass
class Block:
    """Position-independent bytes with entry points and what is left to relocate.

    ``records``: (kind name, target name, place, addend); the target ``SELF`` is the block's own address.
    """

    data: bytearray = field(default_factory=bytearray)
    table: int | None = None  # where the object's own table of addresses (.toc) lies
    symbols: dict[str, int] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    # by symbol: what a refinement uses beyond the baseline
    features: dict[str, list[str]] = field(default_factory=dict)
    records: list[tuple[str, str, int, int]] = field(default_factory=list)
    # as its sections ask; 4096 when pages of addresses were folded in: it must stay where it is within a page
    align: int = 16


@cache
def apply_text() -> str:
    program = Program([apply_module])
    program.check()
    return translate(program, checked=True)


class Relocator:
    """The restricted ``apply`` under CPython, over a buffer: the kind row lies behind the data."""

    def __init__(self, data: bytearray, kinds: tuple[Kind, ...]) -> None:
        self.rows = (len(data) + 15) & ~7
        self.buffer = bytearray(self.rows + 8 * ROW_WORDS * len(kinds))
        self.buffer[:len(data)] = data
        self.index = {kind.name: self.rows + 8 * ROW_WORDS * k for k, kind in enumerate(kinds)}
        self.names = execute(apply_text(), self.buffer, {})
        for kind in kinds:
            for k, word in enumerate(kind.words()):
                self.names["MEM"].store(self.index[kind.name] + 8 * k, word)

    def value(self, kind: Kind, place: int, s: int, a: int, address: int = 0) -> int:
        """The result of a kind's formula."""
        return int(self.names["field_value"](self.index[kind.name], s, a, address + place))

    def put(self, kind: Kind, place: int, s: int, a: int, address: int = 0, section: str = ".text",
            symbol: str = "its own code") -> None:
        """Relocate one field; ValueError that names all of it when the result does not fit."""
        value = self.value(kind, place, s, a, address)
        if self.names["put_field"](self.index[kind.name], place, value):
            raise ValueError(kind.misfit(f"{section}+{place:#x}", symbol, value))

    def read(self, kind: Kind, place: int) -> int:
        return int(self.names["read_field"](self.index[kind.name], place))

    def addend(self, kind: Kind, place: int) -> int:
        """The implicit addend that stands in a place."""
        value = self.read(kind, place)
        return value >> min(source & 63 for _, source, _ in kind.fields) if kind.unscaled else value


def opened(data: bytes) -> tuple[Any, list[Any]]:
    """An ELF object, and its symbols; needs pyelftools."""
    from elftools.elf.elffile import ELFFile
    elf: Any = ELFFile(io.BytesIO(data))
    return elf, list(next(s for s in elf.iter_sections() if s["sh_type"] == "SHT_SYMTAB").iter_symbols())


def import_object(data: bytes, architecture: Architecture) -> Block:
    """The loadable part of a relocatable ELF object as one block."""
    elf, symbols = opened(data)
    machine = int.from_bytes(data[18:20], "little" if elf.little_endian else "big")
    if machine != architecture.machine:
        raise ObjectError(f"object for machine {machine}; {architecture.name}, {architecture.machine}, expected")
    block, where = Block(), {}
    for index, section in enumerate(elf.iter_sections()):
        if (section["sh_type"] not in ("SHT_PROGBITS", "SHT_NOBITS")
            or section.name.startswith(UNWINDING + architecture.unwinding)):
            continue
        if section["sh_flags"] & 2 and section["sh_size"]:
            if section["sh_type"] == "SHT_NOBITS":
                raise ObjectError(f"section {section.name} is writable data; code for pages has none")
            align = max(section["sh_addralign"], 16)
            block.align = max(block.align, align)
            block.data += b"\0" * (-len(block.data) % align)
            where[index] = len(block.data)
            if section["sh_flags"] & 1 and block.table is None:
                block.table = len(block.data)
            block.data += section.data()
    for symbol in symbols:
        if symbol["st_shndx"] in where and symbol.name and symbol["st_info"]["type"] == "STT_FUNC":
            block.symbols[symbol.name] = where[symbol["st_shndx"]] + symbol["st_value"]
            block.sizes[symbol.name] = symbol["st_size"]
    pending = []
    original = Relocator(block.data, architecture.kinds)
    for section in elf.iter_sections():
        if section["sh_type"] in ("SHT_RELA", "SHT_REL") and section["sh_info"] in where:
            for r in section.iter_relocations():
                number = type_number(r)
                if number in architecture.ignored:
                    continue
                kind = architecture.kind(number)
                if kind is None:
                    raise ObjectError(f"relocation type {number} in {section.name} has no row for {architecture.name}")
                symbol, place = symbols[r["r_info_sym"]], where[section["sh_info"]] + r["r_offset"]
                home = where.get(symbol["st_shndx"])
                target = None if home is None else home + symbol["st_value"]
                if target is None and symbol["st_shndx"] != "SHN_UNDEF":
                    raise ObjectError(f"{kind.name} refers to {symbol.name} in a section that is not loaded")
                if target is not None and kind.call:
                    target += architecture.local_entry(symbol)
                addend = r["r_addend"] if section["sh_type"] == "SHT_RELA" else original.addend(kind, place)
                pending.append((kind, place, target, symbol.name, addend))
    resolve(block, pending, architecture)
    return block


def type_number(relocation: Any) -> int:
    """The type of a record; where it has up to three, all of them in one number."""
    entry = relocation.entry
    return int(entry["r_info_type"]) | int(entry.get("r_type2", 0)) << 8 | int(entry.get("r_type3", 0)) << 16


class Resolver:
    """Pointer cells and veneers of one block, the anchor that its code reaches them from, and what can be folded now.
    """

    def __init__(self, block: Block, architecture: Architecture) -> None:
        self.block, self.architecture = block, architecture
        self.cells: dict[tuple[str, int | None], int] = {}
        self.veneers: dict[str, int] = {}
        self.folds: list[tuple[Kind, int, int, int, str]] = []
        self.highs: dict[int, tuple[int, int]] = {}  # what the records that have a low half elsewhere came to: S and A
        self.differences: dict[int, int] = {}
        block.data += b"\0" * (-len(block.data) % 16)
        self.anchor = (len(block.data) if block.table is None else block.table) + architecture.anchor_bias

    def cell(self, name: str, target: int | None) -> int:
        """The place of the pointer cell of a symbol, or of a place in this block."""
        data, key = self.block.data, (name if target is None else SELF, target)
        if key not in self.cells:
            data.extend(b"\0" * (-len(data) % 8))
            self.cells[key] = len(data)
            data.extend(b"\0" * 8)
            self.block.records.append((self.architecture.absolute.name, key[0], self.cells[key], target or 0))
        return self.cells[key]

    def veneer(self, name: str) -> int:
        """Code in this block that jumps to a symbol elsewhere."""
        if name not in self.veneers:
            data = self.block.data
            data.extend(b"\0" * (-len(data) % 8))
            self.veneers[name] = at = len(data)
            data.extend(self.architecture.veneer)
            for kind_name, offset, addend in self.architecture.veneer_fields:
                kind = self.architecture.named(kind_name)
                self.fold(kind, at + offset, self.cell(name, None), addend, f"the cell of {name}")
        return self.veneers[name]

    def fold(self, kind: Kind, place: int, s: int, a: int, symbol: str) -> None:
        self.folds.append((kind, place, s - self.anchor if kind.anchored else s, a, symbol))

    def cell_of(self, kind: Kind, target: int | None, name: str, addend: int) -> tuple[int, int]:
        """The cell that a record means, and the addend that is left for the field."""
        if kind.inner:
            if target is None and addend:
                raise ObjectError(f"{kind.name} refers to {name} + {addend}; a cell holds the address of an entry "
                                  "itself")
            return self.cell(name, target if target is None else target + addend), 0
        return self.cell(name, target), addend

    def record(self, kind: Kind, place: int, target: int | None, name: str, addend: int) -> None:
        """Fold one record, or keep it for load time."""
        data = self.block.data
        if kind.low:
            if target not in self.highs:
                raise ObjectError(f"{kind.name} at {place:#x} belongs to a record at {target!r}, where there is none")
            s, a = self.highs[target]
            self.folds.append((kind, place, s, a + place - target, name))
        elif kind.difference:
            if target is None:
                raise ObjectError(f"{kind.name} at {place:#x} refers to {name}, which is not in this object")
            self.differences[place] = self.differences.get(place, 0) + kind.difference * (target + addend)
            data[place:place
                 + kind.size] = (self.differences[place] & (1 << 8 * kind.size) - 1).to_bytes(kind.size, "little")
        elif kind.cell:
            s, a = self.cell_of(kind, target, name, addend)
            self.highs[place] = s, a
            self.fold(kind, place, s, a, f"the cell of {name}")
        elif kind.rest:
            self.folds.append((kind, place, 0, 0, name))  # our cells hold whole addresses
        elif target is None and kind.call:
            self.fold(kind, place, self.veneer(name), addend, f"the veneer of {name}")
            self.after_call(place + kind.size)
        elif target is not None and (kind.formula != S_PLUS_A or kind.anchored):
            self.highs[place] = target, addend
            self.fold(kind, place, target, addend, name)
        elif kind.anchored:
            raise ObjectError(f"{kind.name} at {place:#x} refers to {name}, which is not in this object")
        else:
            self.block.records.append((kind.name, name if target is None else SELF, place, (target or 0) + addend))

    def after_call(self, at: int) -> None:
        """What a linker writes behind the call of a function with a table of its own."""
        nop, restore = self.architecture.after_call
        if nop:
            if self.block.data[at:at + len(nop)] != nop:
                raise ObjectError(f"the call before {at:#x} leads elsewhere and leaves no room to restore the table's "
                                  "address")
            self.block.data[at:at + len(nop)] = restore


def resolve(block: Block, pending: list[tuple[Kind, int, int | None, str, int]], architecture: Architecture) -> None:
    """Append pointer cells and veneers, fold what is known now, and keep the rest as records."""
    resolver = Resolver(block, architecture)
    pending = [(kind, place, resolver.anchor if name == architecture.anchor and target is None else target, name,
                addend)
               for kind, place, target, name, addend in pending]
    for kind, _, target, name, addend in pending:  # the cells stand together, near the anchor
        if kind.cell:
            resolver.cell_of(kind, target, name, addend)
        elif target is None and kind.call:
            resolver.cell(name, None)
    for kind, place, target, name, addend in sorted(pending, key=lambda row: row[0].low):
        resolver.record(kind, place, target, name, addend)
    if any(kind.formula in (PAGE, LOW12, ROUNDED_PAGE) for kind, *_ in resolver.folds):
        block.align = 4096
    relocator = Relocator(block.data, architecture.kinds)
    for kind, place, s, a, symbol in resolver.folds:
        relocator.put(kind, place, s, a, symbol=symbol)
    block.data[:] = relocator.buffer[:len(block.data)]
