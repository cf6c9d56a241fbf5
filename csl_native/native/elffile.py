"""ELF files that are written for other programs: debuggers, disassemblers, profilers."""

from __future__ import annotations

import struct

from ..system.records import Record

NOBITS, PROGBITS, SYMTAB, STRTAB, RELA, NOTE, REL = 8, 1, 2, 3, 4, 7, 9  # types of sections
ALLOC, EXECUTE, INFO_LINK = 2, 4, 0x40  # flags of sections
NOTYPE, OBJECT, FUNC, SECTION = range(4)  # types of symbols
LOCAL, GLOBAL = 0, 1
EXECUTABLE, SHARED = 2, 3  # types of files
LOAD, NOTES, STACK = 1, 4, 0x6474E551  # types of segments


class Section(Record):
    """A section of a file; ``size`` is that of one without contents."""

    name: str
    kind: int
    flags: int
    address: int
    data: bytes
    link: int = 0
    info: int = 0
    entry: int = 0
    size: int = -1
    align: int = 8


class Format:
    """What the files of one machine have in common: class, byte order, machine and flags."""

    def __init__(self, bits: int, big_endian: bool, machine: int, flags: int) -> None:
        self.wide, self.order = bits == 64, ">" if big_endian else "<"
        self.ident = bytes((0x7F, *b"ELF", 2 if self.wide else 1, 2 if big_endian else 1, 1)) + bytes(9)
        self.machine, self.flags = machine, flags
        self.word = "Q" if self.wide else "I"
        self.head_sizes = (64, 56, 64) if self.wide else (52, 32, 40)  # of the file, of a segment, of a section

    def pack(self, form: str, *values: int | bytes) -> bytes:
        """``W`` is a word of the class."""
        return struct.pack(self.order + form.replace("W", self.word), *values)

    def symbol(self, name: int, value: int, size: int, kind: int, section: int, binding: int = GLOBAL) -> bytes:
        info = binding << 4 | kind if name or kind == SECTION else 0
        return (
            self.pack("IBBHQQ", name, info, 0, section, value, size)
            if self.wide
            else self.pack("IIIBBH", name, value, size, info, 0, section)
        )

    def header(self, kind: int, segments: int, sections: int, table: int, entry: int = 0) -> bytes:
        top, segment, section = self.head_sizes
        return self.pack(
            "16sHHIWWWIHHHHHH",
            self.ident,
            kind,
            self.machine,
            1,
            entry,
            top if segments else 0,
            table,
            self.flags,
            top,
            segment,
            segments,
            section,
            sections,
            max(sections - 1, 0),
        )

    def segment(self, kind: int, flags: int, place: int, size: int, align: int, shift: int = 0) -> bytes:
        if self.wide:
            return self.pack("IIQQQQQQ", kind, flags, place + shift, place, place, size, size, align)
        return self.pack("IIIIIIII", kind, place + shift, place, place, size, size, flags, align)

    def part(self, kind: int, flags: int, place: int, address: int, size: int, align: int) -> bytes:
        """A segment whose contents stand at a place of the file, and in memory at an address."""
        if self.wide:
            return self.pack("IIQQQQQQ", kind, flags, place, address, address, size, size, align)
        return self.pack("IIIIIIII", kind, place, address, address, size, size, flags, align)

    def file(self, kind: int, sections: list[Section], segments: list[bytes], start: int, shift: int = 0) -> bytes:
        """An ELF file: header, program headers, contents, section headers.

        With segments the contents of what is loaded lie at their addresses plus ``shift``.
        """
        names, body, rows = bytearray(b"\0"), bytearray(start), [bytes(self.head_sizes[2])]
        for s in [*sections, Section(".shstrtab", STRTAB, 0, 0, b"", align=1)]:
            data = s.data
            place = len(names)
            names += s.name.encode() + b"\0"
            if s.name == ".shstrtab":
                data = bytes(names)
            if segments and s.flags & ALLOC:
                body += bytes(s.address + shift - len(body))
            else:
                body += bytes(-len(body) % 8)
            size = len(data) if s.size < 0 else s.size
            rows.append(
                self.pack(
                    "IIWWWWIIWW", place, s.kind, s.flags, s.address, len(body), size, s.link, s.info, s.align, s.entry
                )
            )
            body += data
        body += bytes(-len(body) % 8)
        table = len(body)
        top = self.header(kind, len(segments), len(rows), table) + b"".join(segments)
        body[: len(top)] = top
        return bytes(body) + b"".join(rows)


class Symbols:
    """A table of symbols that is being made; the local ones come first, as the format wants."""

    def __init__(self, form: Format) -> None:
        self.form = form
        self.names = bytearray(b"\0")
        self.rows: list[tuple[int, bytes, str]] = [(LOCAL, form.symbol(0, 0, 0, 0, 0), "")]

    def add(self, name: str, value: int, size: int, kind: int, section: int, binding: int = LOCAL) -> None:
        place = len(self.names) if name else 0
        self.names += name.encode("utf-8", "replace").replace(b"\0", b"?") + b"\0" if name else b""
        self.rows.append((binding, self.form.symbol(place, value, size, kind, section, binding), name))

    def finish(self) -> tuple[bytes, int, dict[str, int]]:
        """The table, how many of it are local, and the numbers of the global ones by name."""
        self.rows.sort(key=lambda row: row[0])
        locals_ = sum(binding == LOCAL for binding, _, _ in self.rows)
        return (
            b"".join(row for _, row, _ in self.rows),
            locals_,
            {name: k for k, (binding, _, name) in enumerate(self.rows) if binding == GLOBAL},
        )
