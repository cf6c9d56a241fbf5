"""The directory of an image as bytes and as sections.

A file with many modules is opened for each one that is loaded or written, and its directory is nearly the same each
time.  So the last ones that were read or written here are kept with their sections, by all of their bytes, and a
section keeps the bytes of its row: what did not change is neither taken apart nor put together again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping

import msgpack

from csl_native.image import schema
from csl_native.system.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PAGE = 4096
KEPT = 4  # directories
EMPTY: bytes = msgpack.packb({"sections": []})
NOWHERE = 1 << 63  # behind the end of any file


class Section:
    """A named run of bytes.  ``raw`` sections are page-aligned and can be mapped; others are compressed with zstandard.

    Those of a file are shared by all who have it open, and do not change.
    """

    def __init__(self, name: str, data: bytes = b"", raw: bool = False, info: dict[str, Any] | None = None,
                 offset: int = 0,
                 stored: int = 0, length: int = 0, digest: bytes = b"") -> None:
        self.name, self.data, self.raw, self.info = name, data, raw, info or {}
        self.offset, self.stored, self.length, self.digest = offset, stored, length, digest
        self.row = b""  # in a directory, once it was put into one


class Directory(Record):
    """``reach``: the place behind the last section; NOWHERE when one is where none can be."""

    sections: Mapping[str, Section]
    reach: int


def unpack(data: bytes) -> Any:
    """A value packed by msgpack; ValueError for whatever is wrong with it, nested lists that claim more than the memory
    there is included.
    """
    try:
        return msgpack.unpackb(data, strict_map_key=False)
    except (TypeError, MemoryError, msgpack.UnpackException) as error:
        raise ValueError(f"not well packed: {error or type(error).__name__}") from error


_kept: dict[bytes, Directory] = {}
_lock = threading.Lock()


def keep(data: bytes, found: Directory) -> Directory:
    with _lock:
        _kept.pop(data, None)
        _kept[data] = found
        while len(_kept) > KEPT:
            del _kept[next(iter(_kept))]
    return found


def parse(data: bytes) -> Directory:
    """The sections that a directory names; ValueError, KeyError or TypeError for what is none."""
    found = _kept.get(data)
    if found is None:
        rows = unpack(data)["sections"]
        if problem := schema.wrong(rows):
            raise ValueError(problem)
        found = directory([Section(row["name"], b"", row["raw"], row["info"], row["offset"], row["stored"],
                                   row["length"], row["digest"])
                           for row in rows])
    return keep(data, found)


def directory(sections: Iterable[Section]) -> Directory:
    named = {s.name: s for s in sections}
    there = not any(s.offset < PAGE or s.raw and s.offset % PAGE for s in named.values())
    return Directory(named, max((s.offset + s.stored for s in named.values()), default=0) if there else NOWHERE)


def pack(sections: Iterable[Section]) -> bytes:
    """The directory of sections that have a place; ``parse`` need not take it apart, unless it would find fault with
    it.
    """
    listed: list[Section] = []
    fresh: list[Any] = []
    for s in sorted(sections, key=lambda s: s.name):
        if not s.row:
            row = msgpack.packb({"name": s.name, "raw": s.raw, "info": s.info, "offset": s.offset, "stored": s.stored,
                                 "length": s.length, "digest": s.digest})
            fresh.append(unpack(row))
            s = Section(s.name, b"", s.raw, fresh[-1]["info"], s.offset, s.stored, s.length, s.digest)
            s.row = row
        listed.append(s)
    data: bytes = EMPTY[:-1] + msgpack.Packer().pack_array_header(len(listed)) + b"".join(s.row for s in listed)
    found = directory(listed)
    if len(found.sections) == len(listed) and not schema.wrong(fresh):
        keep(data, found)
    return data
