"""DWARF for ``csl-image export``: the names of functions, and lines of a listing of their Lisp and bytecode.
DWARF 4, sections 3.3, 6.2 and 7.5.
"""

from __future__ import annotations

import os

from csl_native import __version__
from csl_native.native.elffile import PROGBITS, Format, Section
from csl_native.native.unwinding import sleb, uleb
from csl_native.saving.heapview import HeapView
from csl_native.system.exceptions import Error
from csl_native.system.records import Record
from csl_native.tools.listing import definition

UNIT, SUBPROGRAM = 0x11, 0x2E  # tags
NAME, STMT_LIST, LOW, HIGH, PRODUCER, COMP_DIR, FILE, LINE, LINKAGE = (
    0x03,
    0x10,
    0x11,
    0x12,
    0x25,
    0x1B,
    0x3A,
    0x3B,
    0x6E,
)  # attributes
ADDRESS, DATA, TEXT, OFFSET = 0x01, 0x06, 0x08, 0x17  # forms: an address, four bytes, text, a place in another section


class Function(Record):
    """A stretch of code: its name in Lisp and among symbols."""

    name: str
    symbol: str
    address: int
    size: int


def listing(view: HeapView | None, functions: list[Function]) -> tuple[str, dict[str, int]]:
    """For each function its definition, where the image keeps that, and its bytecode; and at which line it begins."""
    lines, starts, known = list[str](), dict[str, int](), view.functions() if view is not None else {}
    for name in dict.fromkeys(f.name for f in functions):
        starts[name] = len(lines) + 1
        lines.append(f"{name}:")
        if view is not None and name in known:
            lines += [f"  {line}" for line in definition(view, name)]
            try:
                lines += [f"  {line}" for line in view.listing(name)]
            except Error as error:
                lines.append(f"  ; {error}")
        lines.append("")
    return "\n".join(lines), starts


def sections(
    form: Format, word: int, functions: list[Function], image: str, path: str | None, starts: dict[str, int]
) -> list[Section]:
    """The debug sections; with lines when there is a listing at a path."""

    def text(value: str) -> bytes:
        return value.replace("\0", "?").encode("utf-8", "replace") + b"\0"

    def abbreviation(number: int, tag: int, children: int, rows: list[tuple[int, int]]) -> bytes:
        return uleb(number) + uleb(tag) + bytes([children]) + b"".join(uleb(x) for row in [*rows, (0, 0)] for x in row)

    sized = sorted({(f.address, f): f for f in functions if f.size}.values(), key=lambda f: f.address)
    low, high = sized[0].address, max(f.address + f.size for f in sized)
    unit = [(PRODUCER, TEXT), (NAME, TEXT), (LOW, ADDRESS), (HIGH, DATA)]
    member = [(NAME, TEXT), (LINKAGE, TEXT), (LOW, ADDRESS), (HIGH, DATA)]
    lined = [(FILE, DATA), (LINE, DATA)]
    abbreviations = (
        abbreviation(1, UNIT, 1, unit + ([(COMP_DIR, TEXT), (STMT_LIST, OFFSET)] if path else []))
        + abbreviation(2, SUBPROGRAM, 0, member + (lined if path else []))
        + b"\0"
    )
    body = (
        uleb(1)
        + text(f"csl-native {__version__}")
        + text(path or image)
        + form.pack("W", low)
        + form.pack("I", high - low)
    )
    body += text(os.getcwd()) + form.pack("I", 0) if path else b""
    for f in sized:
        body += uleb(2) + text(f.name) + text(f.symbol) + form.pack("W", f.address) + form.pack("I", f.size)
        body += form.pack("II", 1, starts[f.name]) if path else b""
    body += b"\0"
    head = form.pack("HIB", 4, 0, word)
    info = form.pack("I", len(head) + len(body)) + head + body
    found = [
        Section(".debug_abbrev", PROGBITS, 0, 0, abbreviations, align=1),
        Section(".debug_info", PROGBITS, 0, 0, info, align=1),
    ]
    return (
        [*found, Section(".debug_line", PROGBITS, 0, 0, lines(form, word, sized, path, starts), align=1)]
        if path
        else found
    )


def lines(form: Format, word: int, functions: list[Function], path: str, starts: dict[str, int]) -> bytes:
    """The line program: each function is at the line where the listing of it begins."""
    files = b"\0" + path.encode("utf-8", "surrogateescape") + b"\0\0\0\0" + b"\0"
    rest = bytes((1, 1, 1)) + form.pack("b", -5) + bytes((14, 13)) + bytes((0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1)) + files
    out, line, end = bytearray(), 1, 0
    for f in functions:
        if f.address < end:
            continue  # two names of one place
        out += b"\0" + uleb(1 + word) + b"\x02" + form.pack("W", f.address)
        out += b"\x03" + sleb(starts[f.name] - line) + b"\x01"
        end = f.address + f.size
        out += b"\x02" + uleb(f.size) + b"\0\x01\x01"
        line = 1
    head = form.pack("H", 4) + form.pack("I", len(rest)) + rest
    return form.pack("I", len(head) + len(out)) + head + bytes(out)
