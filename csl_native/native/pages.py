"""Page sets: blocks of code for one tag, as an image section and as memory of this process."""

from __future__ import annotations

import ctypes
import struct
from typing import Any, NamedTuple

import msgpack

from csl_native.image.container import ImageError, Section, digest
from csl_native.relocation.kinds import ROW_WORDS

from ..cage import CodeMemory
from .architectures import Architecture, by_tag

PAGE_SIZE = 1 << 18
RECORD = struct.Struct("<qq")  # kind << 56 | target << 32 | place, addend
HEAD_LIMIT = 64 << 20


class PageSet:
    """Pages of one tag.  ``records``: (kind number in the architecture's table, target number, place, addend); target 0 is
    the set itself, the others are names of kernel entries.

    ``entries``: by function name, what an entry needs: place of the bytecode's digest, features, symbol name.
    """

    def __init__(self, tag: int, abi: str, data: bytearray | None = None, *, functions: dict[str, int] | None = None,
                 targets: list[str] | None = None, records: list[tuple[int, int, int, int]] | None = None,
                 entries: dict[str, dict[str, Any]] | None = None, features: list[str] | None = None, arities: dict[str, int] | None = None,
                 entry_names: list[str] | None = None, blocks: dict[int, int] | None = None) -> None:
        self.tag, self.abi = tag, abi
        self.data = data if data is not None else bytearray()
        self.functions, self.targets, self.records = functions or {}, targets or [""], records or []
        self.entries, self.features, self.arities = entries or {}, features or [], arities or {}
        self.entry_names, self.blocks = entry_names or [], blocks or {}  # blocks: native vectors, place and size
        self.bad_pages: set[int] = set()

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
        self.data += b"\0" * (-len(self.data) % block.align)
        size = len(block.data)
        if size <= PAGE_SIZE and len(self.data) // PAGE_SIZE != (len(self.data) + size - 1) // PAGE_SIZE:
            self.data += b"\0" * (-len(self.data) % PAGE_SIZE)
        base = len(self.data)
        self.data += block.data
        for kind, name, place, addend in block.records:
            self.records.append((kinds[kind], self.target(name), base + place, addend + (base if name == "" else 0)))
        return base

    def packed_records(self) -> bytes:
        """The records as ``apply_records`` reads them."""
        return b"".join(RECORD.pack(kind << 56 | target << 32 | place, addend) for kind, target, place, addend in self.records)

    def section(self, name: str) -> Section:
        """The set as an image section: a msgpack head, records, then the pages."""
        pages = [digest(self.data[k:k + PAGE_SIZE]) for k in range(0, len(self.data), PAGE_SIZE)]
        records = self.packed_records()
        head = msgpack.packb({
            "tag": self.tag, "abi": self.abi, "functions": self.functions, "targets": self.targets, "entries": self.entries,
            "features": self.features, "arities": self.arities, "entry_names": self.entry_names, "pages": pages,
            "size": len(self.data), "records": len(self.records), "blocks": list(self.blocks.items())})
        body = struct.pack("<I", len(head)) + head + records
        body += b"\0" * (-len(body) % 16)
        return Section(name, body + bytes(self.data), raw=True, info={"tag": self.tag, "abi": self.abi})

    @classmethod
    def parse(cls, data: bytes, where: str) -> PageSet:
        """A set from its section; every count is checked, pages that do not match their digest are noted."""
        try:
            size = struct.unpack_from("<I", data)[0]
            if size > min(HEAD_LIMIT, len(data)):
                raise ValueError(f"head of {size} bytes")
            head = msgpack.unpackb(data[4:4 + size], strict_map_key=False)
            count, length = int(head["records"]), int(head["size"])
            at = 4 + size
            if count < 0 or at + RECORD.size * count > len(data):
                raise ValueError(f"{count} records")
            records = []
            targets = [str(t) for t in head["targets"]]
            for word, addend in RECORD.iter_unpack(data[at:at + RECORD.size * count]):
                kind, target, place = word >> 56, word >> 32 & 0xFFFFFF, word & 0xFFFFFFFF
                if kind < 0 or target >= len(targets) or not 0 <= place < length:
                    raise ValueError(f"a record for target {target} at {place}")
                records.append((kind, target, place, addend))
            at = (at + RECORD.size * count + 15) // 16 * 16
            pages = bytearray(data[at:at + length])
            if len(pages) != length or len(head["pages"]) != (length + PAGE_SIZE - 1) // PAGE_SIZE:
                raise ValueError(f"{len(pages)} bytes of pages, {length} expected")
            result = cls(int(head["tag"]), str(head["abi"]), pages, functions=dict(head["functions"]), targets=targets, records=records,
                         entries=dict(head["entries"]), features=list(head["features"]), arities=dict(head["arities"]),
                         entry_names=list(head["entry_names"]), blocks={int(p): int(s) for p, s in head["blocks"]})
            result.bad_pages = {k for k, d in enumerate(head["pages"]) if digest(pages[k * PAGE_SIZE:(k + 1) * PAGE_SIZE]) != d}
            return result
        except (ValueError, KeyError, TypeError, struct.error, msgpack.UnpackException) as error:
            raise ImageError(f"{where}: this page set cannot be read ({error}); compile it again") from error


class LoadedSet(NamedTuple):
    """A page set in executable memory."""

    pages: PageSet
    memory: CodeMemory

    def address(self, name: str) -> int:
        return self.memory.address + self.pages.functions[name]


class Refused(Exception):
    """A set that cannot be used here: a reason code and a detail."""

    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code, detail)
        self.code, self.detail = code, detail


def load(pages: PageSet, resolve: dict[str, int], apply_native: Any = None) -> LoadedSet:
    """Put a set into executable memory and relocate it.

    ``resolve`` gives addresses of kernel functions; ``apply_native`` is the kernel's own ``apply_records`` (None while
    the kernel itself is being loaded: then CPython applies the records).
    """
    architecture = pages.architecture
    if architecture is None:
        raise Refused("no-architecture", f"tag {pages.tag}")
    missing = [t for t in pages.targets[1:] if t not in resolve]
    if missing:
        raise Refused("unresolved", missing[0])
    if any(kind >= len(architecture.kinds) for kind, _, _, _ in pages.records):
        raise Refused("unresolved", "a relocation kind that this version does not have")
    try:
        memory = CodeMemory(max(len(pages.data), 16), architecture.flush)
        view = memory.view()
        view[:len(pages.data)] = pages.data
        if pages.records:
            refused = _apply(pages, architecture, memory, resolve, apply_native)
            if refused:
                raise Refused("overflow", f"record {refused - 1}")
        view.release()
        memory.seal()
    except OSError as error:
        raise Refused("no-memory-execution", str(error)) from error
    return LoadedSet(pages, memory)


def _apply(pages: PageSet, architecture: Architecture, memory: CodeMemory, resolve: dict[str, int], apply_native: Any) -> int:
    rows = b"".join(struct.pack(f"<{ROW_WORDS}q", *kind.words()) for kind in architecture.kinds)
    targets = struct.pack(f"<{len(pages.targets)}q", memory.address, *(resolve[t] for t in pages.targets[1:]))
    records = pages.packed_records()
    tables = rows + targets + records
    if apply_native is not None:
        buffer = ctypes.create_string_buffer(tables, len(tables))
        at = ctypes.addressof(buffer)
        return int(apply_native(at, 8 * ROW_WORDS, at + len(rows) + len(targets), len(pages.records), at + len(rows), memory.address,
                                memory.address))
    from ..restricted.cpython import execute
    from .elf import apply_text
    work = bytearray(tables + b"\0" * (-len(tables) % 16))
    place = len(work)
    work += pages.data
    names = execute(apply_text(), work, {})
    result = int(names["apply_records"](0, 8 * ROW_WORDS, len(rows) + len(targets), len(pages.records), len(rows), place, memory.address))
    memory.view()[:len(pages.data)] = work[place:]
    return result
