"""Page sets: blocks of code for one tag, as an image section and as memory of this process."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Iterator
from functools import cache

import msgpack

from csl_native.image.container import STRONG, Image, ImageError, Section, digest, matches, unpack
from csl_native.relocation.kinds import ROW_WORDS

from ..architectures import Architecture, by_tag
from ..foreign import FOREIGN
from ..saving.reasons import Fallback
from ..system.codememory import CodeMemory
from ..system.exceptions import Error
from ..system.records import Record
from .heads import check_head

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PAGE_SIZE = 1 << 18
RECORD = struct.Struct("<qq")  # kind << 56 | target << 32 | place, addend
HEAD_LIMIT = 64 << 20
SET_ALIGNMENT = 4096  # what a block asks for at most: the addresses of pages were folded in


@cache
def kind_numbers(architecture: Architecture) -> dict[str, int]:
    return {kind.name: number for number, kind in enumerate(architecture.kinds)}


class PageSet:
    """Pages of one tag.  ``packed``: the relocation records as ``apply_records`` reads them: a kind number in the
    architecture's table, a target number, a place and an addend; target 0 is the set itself, the others are names of
    kernel entries.

    ``entries``: by function name, what an entry needs: place of the bytecode's digest, features, symbol name.
    """

    def __init__(self, tag: int, abi: str, data: bytearray | None = None, *, functions: dict[str, int] | None = None,
                 targets: list[str] | None = None, packed: bytearray | None = None,
                 entries: dict[str, dict[str, Any]] | None = None, features: list[str] | None = None,
                 arities: dict[str, int] | None = None,
                 entry_names: list[str] | None = None, blocks: dict[int, int] | None = None,
                 engines: dict[str, int] | None = None, names: dict[int, str] | None = None) -> None:
        self.tag, self.abi = tag, abi
        self.data = data if data is not None else bytearray()
        self.functions, self.targets, self.packed = (functions or {}, targets or [""],
                                                     packed if packed is not None else bytearray())
        self.entries, self.features, self.arities = entries or {}, features or [], arities or {}
        self.entry_names, self.blocks = entry_names or [], blocks or {}  # blocks: native vectors, place and size
        self.engines = engines or {}  # of a kernel: bytes of each engine
        self.names = names or {}  # what else is in the code, by place: the ways to rare calls
        self.tables: dict[str, bytes] = {}  # of stencils: what their compiler reads
        self.bad_pages: set[int] = set()
        self.holes: list[tuple[int, int]] = []  # places and sizes of what is free between blocks

    @property
    def architecture(self) -> Architecture | None:
        return by_tag(self.tag)

    @property
    def page_count(self) -> int:
        return (len(self.data) + PAGE_SIZE - 1) // PAGE_SIZE

    def target(self, name: str) -> int:
        if name not in self.targets:
            self.targets.append(name)
        return self.targets.index(name)

    def add_block(self, block: Any, kinds: dict[str, int]) -> int:
        """Append a block at its alignment, not across a page if it fits into one; its place in the set."""
        base = self._place(block.data, block.align)
        for kind, name, place, addend in block.records:
            self.add_record(kinds[kind], self.target(name), base + place, addend + (base if name == "" else 0))
        return base

    def add_set(self, other: PageSet) -> int:
        """Append all of another set of the same tag; its place in this one."""
        base = self._place(other.data, SET_ALIGNMENT)
        targets = [self.target(name) for name in other.targets]
        for kind, target, place, addend in other.records():
            self.add_record(kind, targets[target], base + place, addend + (base if target == 0 else 0))
        self.names |= {base + place: name for place, name in other.names.items()}
        for entry, row in other.entries.items():
            moved = {"parts": [[base + start, size] for start, size in row["parts"]]} if "parts" in row else {}
            if "unit" in row:
                moved["unit"] = [base + row["unit"][0], row["unit"][1]]
            self.entries[str(base + int(entry))] = {**row, **moved}
        return base

    def _place(self, data: bytes | bytearray, align: int) -> int:
        """Put bytes into the first hole that they fit into, else at the end."""
        size = len(data)
        for k, (start, room) in enumerate(self.holes):
            base = _aligned(start, size, align)
            if base + size <= start + room:
                rest = [(start, base - start), (base + size, start + room - base - size)]
                self.holes[k:k + 1] = [hole for hole in rest if hole[1]]
                self.data[base:base + size] = data
                return base
        base = _aligned(len(self.data), size, align)
        self.data += bytes(base - len(self.data)) + data
        return base

    def add_record(self, kind: int, target: int, place: int, addend: int) -> None:
        self.packed += RECORD.pack(kind << 56 | target << 32 | place, addend)

    @property
    def record_count(self) -> int:
        return len(self.packed) // RECORD.size

    def records(self) -> Iterator[tuple[int, int, int, int]]:
        """The records as (kind number, target number, place, addend)."""
        for word, addend in RECORD.iter_unpack(self.packed):
            yield word >> 56 & 255, word >> 32 & 0xFFFFFF, word & 0xFFFFFFFF, addend

    def functions_at(self, place: int) -> list[int]:
        """The entry points of the functions that have a place in their code, and of those that rely on such a function.
        """
        found = {entry: row["name"] for entry, row in self.entries.items()
                 if any(start <= place < start + size for start, size in row.get("parts", ()))}
        names = set(found.values())
        return [int(entry) for entry, row in self.entries.items()
                if entry in found or not names.isdisjoint(row.get("inlined", ()))]

    def damaged(self, place: int) -> int | None:
        """The first damaged page of those that the code of an entry point may reach: its own, and what was compiled
        with it; None when all are good.
        """
        if not self.bad_pages:
            return None
        row = self.entries.get(str(place), {})
        extents = [[place, 1], *row.get("parts", ()), *([row["unit"]] if "unit" in row else [])]
        first, last = min(start for start, _ in extents) // PAGE_SIZE, max(start + size - 1
                                                                           for start, size in extents) // PAGE_SIZE
        return min((page for page in self.bad_pages if first <= page <= last), default=None)

    def section(self, name: str) -> Section:
        """The set as an image section: a msgpack head, records, then the pages."""
        pages = [digest(self.data[k:k + PAGE_SIZE], STRONG) for k in range(0, len(self.data), PAGE_SIZE)]
        head = msgpack.packb({
            "tag": self.tag, "abi": self.abi, "functions": self.functions, "targets": self.targets,
            "entries": self.entries, "features": self.features, "arities": self.arities,
            "entry_names": self.entry_names, "pages": pages, "engines": self.engines, "names": list(self.names.items()),
            "size": len(self.data), "records": self.record_count, "blocks": list(self.blocks.items()),
            "tables": self.tables})
        body = struct.pack("<I", len(head)) + head + self.packed
        body += b"\0" * (-len(body) % 16)
        info = {"tag": self.tag, "abi": self.abi, "head": digest(body, STRONG),
                **({"engines": self.engines} if self.engines else {})}
        return Section(name, body + bytes(self.data), raw=True, info=info)

    @classmethod
    def read(cls, image: Image, name: str, own: bool = False) -> PageSet:
        """A set of an image.  Pages may be damaged, which costs only the functions in them; what is in front of them
        may not.

        ``own``: the image is the program's, and what matches its digest there is right, which saves a third of the
        time.
        """
        info = image.sections[name].info if name in image.sections else {}
        head = info.get("head")
        pages = cls.parse(image.read(name, check=head is None), f"{image.path}, section {name}", head, own)
        if pages.tag != info.get("tag", pages.tag):
            raise ImageError(f"{image.path}: section {name} holds a set for tag {pages.tag}, the directory says "
                             f"{info['tag']}; compile it again")
        return pages

    @classmethod
    def parse(cls, data: bytes, where: str, front: bytes | None = None, own: bool = False) -> PageSet:
        """A set from its section; every count is checked, pages that do not match their digest are noted.

        ``front``: the digest of what is in front of the pages.
        """
        try:
            size = struct.unpack_from("<I", data)[0]
            if size > min(HEAD_LIMIT, len(data)):
                raise ValueError(f"head of {size} bytes")
            head = unpack(data[4:4 + size])
            if not own or front is None:
                check_head(head)
            count, length = head["records"], head["size"]
            at = 4 + size
            if count < 0 or at + RECORD.size * count > len(data):
                raise ValueError(f"{count} records")
            packed = bytearray(data[at:at + RECORD.size * count])
            at = (at + RECORD.size * count + 15) // 16 * 16
            if front is not None and not matches(data[:at], front):
                raise ValueError("what is in front of the pages does not match its digest")
            pages = bytearray(data[at:at + length])
            if len(pages) != length or len(head["pages"]) != (length + PAGE_SIZE - 1) // PAGE_SIZE:
                raise ValueError(f"{len(pages)} bytes of pages, {length} expected")
            result = cls(head["tag"], head["abi"], pages, functions=head["functions"], targets=head["targets"],
                         packed=packed,
                         entries=head["entries"], features=head["features"], arities=head["arities"],
                         entry_names=head["entry_names"],
                         blocks=dict(head["blocks"]), engines=head["engines"], names=dict(head.get("names", ())))
            result.tables = head.get("tables", {})
            result.bad_pages = {k for k, d in enumerate(head["pages"])
                                if not matches(pages[k * PAGE_SIZE:(k + 1) * PAGE_SIZE], d)}
            return result
        except (ValueError, TypeError, KeyError, AttributeError, struct.error) as error:
            raise ImageError(f"{where}: this page set cannot be read ({error}); compile it again") from error


def _aligned(place: int, size: int, align: int) -> int:
    """The first place from one on that is aligned and from where so many bytes do not cross into another page, if they
    fit into one.
    """
    base = place + -place % align
    if size <= PAGE_SIZE and base // PAGE_SIZE != (base + size - 1) // PAGE_SIZE:
        base += -base % PAGE_SIZE
    return base


class LoadedSet(Record):
    """A page set in executable memory."""

    pages: PageSet
    memory: CodeMemory
    refused: dict[int, str] = {}  # entry points of functions in which a relocation did not fit, and which one that was

    def address(self, name: str) -> int:
        return self.memory.address + self.pages.functions[name]


class Refused(Error, ValueError):
    """A set that cannot be used here: a reason code and a detail."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(Fallback(code, detail=detail).sentence())
        self.code, self.detail = code, detail


def load(pages: PageSet, resolve: dict[str, int], apply_native: Any = None) -> LoadedSet:
    """Put a set into executable memory and relocate it.

    ``resolve`` gives addresses of kernel functions; ``apply_native`` is the kernel's own ``apply_records`` (None while
    the kernel itself is being loaded: then CPython applies the records).
    """
    architecture = pages.architecture
    if architecture is None:
        raise Refused("no-architecture", f"tag {pages.tag}")
    resolve = {**resolve, **{t: address(t) for t in pages.targets if t.startswith(FOREIGN)}}
    missing = [t for t in pages.targets[1:] if t not in resolve]
    if missing:
        raise Refused("unresolved", missing[0])
    try:
        memory = CodeMemory(max(len(pages.data), 16), architecture.flush)
        try:
            memory.view()[:len(pages.data)] = pages.data
            overflowed = _apply(pages, architecture, memory, resolve, apply_native) if pages.packed else {}
            outside = [place for place in overflowed if not pages.functions_at(place)]
            if outside:  # not inside of one function: nobody can say who needs it
                raise Refused("overflow", overflowed[outside[0]])
            memory.seal()
        except BaseException:
            memory.close()
            raise
    except OSError as error:
        raise Refused("no-memory-execution", str(error)) from error
    return LoadedSet(pages, memory, {entry: why for place, why in reversed(overflowed.items())
                                     for entry in pages.functions_at(place)})


def address(target: str) -> int:
    """Where a C function is; 0 when it is not there: the functions that call it are not instated then."""
    from ..foreign import libraries
    try:
        return libraries.resolve(target)
    except libraries.ForeignError:
        return 0


class _Placed(Record):
    """Code that is relocated for an address where it will be."""

    address: int
    data: bytearray

    def view(self) -> memoryview:
        return memoryview(self.data)


def placed(pages: PageSet, address: int, resolve: dict[str, int]) -> tuple[bytes, dict[int, str]]:
    """The code of a set for an address, and the places of fields in which what they should hold does not fit, with what
    is said of each."""
    assert pages.architecture is not None
    memory = _Placed(address, bytearray(pages.data))
    missing = [t for t in pages.targets[1:] if t not in resolve]
    if missing:
        raise Refused("unresolved", missing[0])
    overflowed = _apply(pages, pages.architecture, memory, resolve, None) if pages.packed else {}
    return bytes(memory.data), overflowed


def _apply(pages: PageSet, architecture: Architecture, memory: CodeMemory | _Placed, resolve: dict[str, int],
           apply_native: Any) -> dict[int, str]:
    """Apply all records; the places of those whose result does not fit its field, with what is said of each."""
    rows = b"".join(struct.pack(f"<{ROW_WORDS}q", *kind.words()) for kind in architecture.kinds)
    targets = struct.pack(f"<{len(pages.targets)}q", memory.address, *(resolve[t] for t in pages.targets[1:]))
    tables = rows + targets + pages.packed
    where = len(rows) + len(targets)

    def run(apply: Any, at: int, place: int) -> dict[int, str]:
        first, found = 0, {}
        while result := int(apply(at, len(architecture.kinds), at + where + RECORD.size * first,
                                  pages.record_count - first, at + len(rows),
                                  len(pages.targets), place, len(pages.data), memory.address)):
            if result < 0:
                raise Refused("damaged-page",
                              f"relocation record {first - result - 1} has a kind, target or place that does not exist")
            first += result
            from .elf import Relocator
            head, addend = RECORD.unpack_from(pages.packed, RECORD.size * (first - 1))
            kind, symbol, at_byte = (architecture.kinds[head >> 56], pages.targets[head >> 32 & 0xFFFFFF],
                                     head & 0xFFFFFFFF)
            address_of = resolve[symbol] if head >> 32 & 0xFFFFFF else memory.address
            value = Relocator(bytearray(), architecture.kinds).value(kind, at_byte, address_of, addend, memory.address)
            found[at_byte] = kind.misfit(f"set {pages.tag}, page {at_byte // PAGE_SIZE}, byte "
                                         f"{at_byte % PAGE_SIZE:#x}", symbol or "the set itself", value)
        return found
    if apply_native is not None:
        buffer = ctypes.create_string_buffer(tables, len(tables))
        return run(apply_native, ctypes.addressof(buffer), memory.address)
    from ..restricted.cpython import execute
    from .elf import apply_text
    work = bytearray(tables + b"\0" * (-len(tables) % 16))
    place = len(work)
    work += pages.data
    overflowed = run(execute(apply_text(), work, {})["apply_records"], 0, place)
    memory.view()[:len(pages.data)] = work[place:]
    return overflowed
