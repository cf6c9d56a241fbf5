"""``csl-image export``: the native code of an image as an ELF file, for programs that read such files.

The file is a shared object of one machine: code at the places that it has in its page set, so that addresses are those
of ``csl-image disasm``; records of what is left to relocate; the names and sizes of functions; how to unwind through
them; and debug information, with lines where a listing is asked for.  Nothing can run it: what the code calls is the
kernel, which is elsewhere.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

from csl_native.architectures import Architecture, by_name
from csl_native.image.container import Image, ImageError
from csl_native.image.files import check_output
from csl_native.native import unwinding
from csl_native.native.copying import tags_of
from csl_native.native.elf import Relocator
from csl_native.native.elffile import (
    ALLOC,
    EXECUTE,
    FUNC,
    GLOBAL,
    INFO_LINK,
    LOAD,
    NOTE,
    NOTES,
    NOTYPE,
    OBJECT,
    PROGBITS,
    REL,
    RELA,
    SHARED,
    STACK,
    STRTAB,
    SYMTAB,
    Format,
    Section,
    Symbols,
)
from csl_native.native.elffile import SECTION as SECTION_SYMBOL
from csl_native.native.pages import SET_ALIGNMENT, PageSet
from csl_native.relocation.kinds import Kind
from csl_native.saving.belonging import owner
from csl_native.saving.heapview import HeapView
from csl_native.system.records import Record
from csl_native.tools import debuginfo

FIRST = 0x1000  # where the first code lies in the file


class Piece(Record):
    """A stretch of code with a name: a function, a part of one, or a way to a rare call."""

    name: str
    place: int
    size: int
    entry: bool


class Code(Record):
    """A page set that goes into the file, as a section at an address."""

    section: str
    pages: PageSet
    address: int

    def pieces(self) -> list[Piece]:
        """What has a name in a set, in order; what has no size of its own ends where the next one begins."""
        found = [
            Piece(f"lisp:{row['name']}", start, size, str(start) == entry)
            for entry, row in self.pages.entries.items()
            for start, size in row.get("parts", ())
        ]
        known = {piece.place for piece in found}
        rest = {place: f"csl:{name}" for place, name in self.pages.names.items()} | {
            place: f"csl:{name}" for name, place in self.pages.functions.items()
        }
        starts = sorted(known | set(rest) | {place for _, _, place, _ in self.pages.records()} | {len(self.pages.data)})
        after = dict(zip(starts, starts[1:], strict=False))
        return sorted(
            [
                *found,
                *(
                    Piece(name, place, after.get(place, place) - place, True)
                    for place, name in rest.items()
                    if place not in known
                ),
            ],
            key=lambda piece: (piece.place, not piece.entry),
        )


def check(pages: PageSet, architecture: Architecture, where: str) -> None:
    """ImageError unless all that a set says of places is inside of it."""
    room = len(pages.data)
    for number, target, place, _ in pages.records():
        known = number < len(architecture.kinds) and target < len(pages.targets)
        if not known or place + architecture.kinds[number].size > room:
            raise ImageError(f"{where}: a relocation record has a kind, target or place that does not exist; compile "
                             "it again")
    parts = [part for row in pages.entries.values() for part in row.get("parts", ())]
    places = [*pages.names, *pages.functions.values()]
    if (any(not 0 <= start <= start + size <= room for start, size in parts)
        or any(not 0 <= at <= room for at in places)):
        raise ImageError(f"{where}: a function lies outside of the {room} bytes of code; compile it again")


def codes(image: Image, architecture: Architecture, kernel: bool) -> list[Code]:
    """The sets of a machine: of the functions of the heap, of modules, and of the kernel when that is wanted."""
    names = [
        name
        for name, s in sorted(image.sections.items())
        if s.info.get("tag") == architecture.tag
        and (name.startswith("functions-") or (owned := owner(name)) is not None and owned[1])
    ]
    if kernel:
        names += [name for name in image.sections if name == f"kernel-{architecture.number}"]
    result, address = list[Code](), 0
    for name in names:
        pages, owned = PageSet.read(image, name), owner(name)
        if pages.bad_pages:
            raise ImageError(
                f"{image.path}: section {name}: page {min(pages.bad_pages)} is damaged; csl-image drop --tag and add "
                "make it again"
            )
        section = ".text" if not result else ".text.kernel" if owned is None else f".text.{owned[0]}"
        check(pages, architecture, f"{image.path}: section {name}")
        if pages.data:
            result.append(Code(section, pages, address))
            address += len(pages.data) + -len(pages.data) % SET_ALIGNMENT
    if not result:
        raise ImageError(
            f"{image.path}: has no native functions for {architecture.name}; csl-image add --tag {architecture.name} "
            "makes them"
        )
    return result


class Linked(Record):
    """A set with its relocation records as the format has them; what refers to itself is relocated for its address."""

    data: bytes
    records: bytes


def link(code: Code, architecture: Architecture, form: Format, numbers: dict[str, int], own: int) -> Linked:
    """``numbers``: those of symbols by name; ``own``: that of the section."""
    explicit = architecture.word == 8  # machines with 32 bits have the addend in the place
    relocator, rows = Relocator(code.pages.data, architecture.kinds), list[bytes]()
    for number, target, place, addend in code.pages.records():
        kind = architecture.kinds[number]
        at = code.address + place
        if target == 0:
            relocator.put(kind, place, code.address, addend, code.address)
        elif not explicit:
            relocator.put(kind, place, 0, addend, -place)
        symbol = own if target == 0 else numbers[target_name(code.pages.targets[target])]
        rows.append(record(form, architecture, kind, at, symbol, addend if explicit else None))
    return Linked(bytes(relocator.buffer[: len(code.pages.data)]), b"".join(rows))


def record(form: Format, architecture: Architecture, kind: Kind, at: int, symbol: int, addend: int | None) -> bytes:
    if addend is None:
        return form.pack("II", at, symbol << 8 | kind.number)
    if architecture.record_types:  # a symbol, and up to three types, each with a byte
        return form.pack("QIBBBBq", at, symbol, 0, kind.number >> 16, kind.number >> 8 & 255, kind.number & 255, addend)
    return form.pack("QQq", at, symbol << 32 | kind.number, addend)


def target_name(target: str) -> str:
    """What a function outside of a set is called in the file."""
    return target.rpartition("!")[2] if "!" in target else f"csl:{target}"


def cells(code: Code, architecture: Architecture) -> Iterator[tuple[str, int, int]]:
    """The words in which addresses stand: names, places and sizes."""
    for number, target, place, _ in code.pages.records():
        if architecture.kinds[number] == architecture.absolute:
            yield f"cell:{code.pages.targets[target] or 'own'}", place, architecture.word


def note(form: Format, architecture: Architecture, image: Image) -> bytes:
    """Who made the file, from what, for which machine."""
    text = f"csl-native image {image.path}; {architecture.name}, {architecture.abi}".encode("utf-8", "replace") + b"\0"
    text += bytes(-len(text) % 4)
    return form.pack("III", 11, len(text), 1) + b"csl-native\0\0" + text


class Content(Record):
    """What a file is made from: sets in the order of their sections, and what has a name in them."""

    image: Image
    architecture: Architecture
    form: Format
    sets: list[Code]
    functions: list[tuple[int, Piece]]  # with the number of the set

    def address(self, number: int, piece: Piece) -> int:
        return self.sets[number].address + piece.place


def symbol_table(content: Content) -> tuple[Symbols, list[int]]:
    """All symbols, and by set that of its section."""
    symbols, defined, own = Symbols(content.form), set[str](), list[int]()
    for k, code in enumerate(content.sets):
        own.append(len(symbols.rows))
        symbols.add("", code.address, 0, SECTION_SYMBOL, k + 1)
        for name, place, size in cells(code, content.architecture):
            symbols.add(name, code.address + place, size, OBJECT, k + 1)
    for k, piece in content.functions:
        binding = GLOBAL if piece.entry and piece.name not in defined else 0
        defined |= {piece.name} if binding else set()
        symbols.add(piece.name, content.address(k, piece), piece.size, FUNC, k + 1, binding)
    for name in dict.fromkeys(target_name(t) for code in content.sets for t in code.pages.targets[1:]):
        if name not in defined:
            symbols.add(name, 0, 0, NOTYPE, 0, GLOBAL)
    return symbols, own


def code_sections(content: Content, linked: list[Linked]) -> tuple[list[Section], list[Section]]:
    """The sections of code, and those of records, which say by number whose they are."""
    prefix, kind, size = (".rela", RELA, 24) if content.form.wide else (".rel", REL, 8)
    sections, records = list[Section](), list[Section]()
    for k, (code, made) in enumerate(zip(content.sets, linked, strict=True)):
        sections.append(Section(code.section, PROGBITS, ALLOC | EXECUTE, code.address, made.data, align=SET_ALIGNMENT))
        if made.records:
            records.append(Section(prefix + code.section, kind, INFO_LINK, 0, made.records, -1, k + 1, size,
                                   align=content.architecture.word))
    return sections, records


def frames(content: Content, linked: list[Linked], at: int) -> list[Section]:
    """How to unwind, as a section at an address; none where no disassembler is."""
    if not unwinding.can_tell(content.architecture):
        return []
    rows = [unwinding.function(content.architecture, linked[k].data[piece.place:piece.place + piece.size],
                               content.address(k, piece))
            for k, piece in content.functions if piece.size]
    return [Section(".eh_frame", PROGBITS, ALLOC, at, unwinding.eh_frame(content.architecture, rows, content.form, at),
                    align=content.architecture.word)]


def debug_sections(content: Content, path: str | None) -> tuple[list[Section], str]:
    """What debuggers read, and the listing that it is of."""
    view = HeapView(content.image) if "heap" in content.image.sections else None
    known = [debuginfo.Function(piece.name.partition(":")[2], piece.name, content.address(k, piece), piece.size)
             for k, piece in content.functions]
    text, starts = debuginfo.listing(view, known) if path is not None else ("", {})
    return debuginfo.sections(content.form, content.architecture.word, known, content.image.path, path, starts), text


def elf(image: Image, architecture: Architecture, kernel: bool = False,
        listing: str | None = None) -> tuple[bytes, str, dict[str, int]]:
    """The file, the listing that its lines are of, and counts of what is in it."""
    form = Format(8 * architecture.word, architecture.big_endian, architecture.machine, architecture.flags)
    sets = codes(image, architecture, kernel)
    content = Content(image, architecture, form, sets,
                      [(k, piece) for k, code in enumerate(sets) for piece in code.pieces()])
    symbols, own = symbol_table(content)
    table, local, numbers = symbols.finish()
    linked = [link(code, architecture, form, numbers, own[k]) for k, code in enumerate(sets)]
    sections, records = code_sections(content, linked)
    end = sets[-1].address + len(linked[-1].data)
    end += -end % 16
    for section in frames(content, linked, end):
        sections.append(section)
        end += len(section.data) + -len(section.data) % 8
    said = note(form, architecture, image)
    debug, text = debug_sections(content, listing)
    sections += [Section(".note.csl", NOTE, ALLOC, end, said, align=4), *debug]
    at = len(sections) + len(records) + 1  # where the table of symbols stands
    sections += [row._replace(link=at) for row in records]
    sections += [Section(".symtab", SYMTAB, 0, 0, table, at + 1, local, 24 if form.wide else 16),
                 Section(".strtab", STRTAB, 0, 0, bytes(symbols.names), align=1)]
    segments = [form.segment(LOAD, 5, 0, end + len(said), SET_ALIGNMENT, FIRST),
                form.segment(NOTES, 4, end, len(said), 4, FIRST),
                form.segment(STACK, 6, 0, 0, 16)]
    counts = {"functions": sum(piece.entry and piece.name.startswith("lisp:") for _, piece in content.functions),
              "relocation records": sum(code.pages.record_count for code in sets)}
    return form.file(SHARED, sections, segments, form.head_sizes[0] + len(segments) * form.head_sizes[1],
                     FIRST), text, counts


def export(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """Write the native code of an architecture to an ELF file, for objdump, gdb and their like."""
    architecture = by_name(options.tag)
    tags_of(image, [options.tag])
    if options.listing:
        check_output(options.listing, [image.path, options.output])
    data, text, counts = elf(image, architecture, options.kernel, options.listing)
    for path, content in (
        (options.output, data),
        *([(options.listing, text.encode("utf-8", "surrogateescape"))] if options.listing else []),
    ):
        with open(path, "wb") as file:
            file.write(content)
    return [{"written to": options.output, "tag": architecture.name, "bytes": len(data), **counts}], 0
