"""The image file: a header with two root slots, sections, and a directory that a root points to.

Bytes only, no Lisp.  ``docs/FORMAT.md`` is normative.  A file is made as a
whole and renamed into place; an update appends new sections and a new
directory, makes them durable, and then writes the older of the two root slots,
so a crash at any point leaves the old image or the new one.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import struct
import threading
from types import TracebackType
from typing import Any

import msgpack

from csl_native.image import files
from csl_native.image.files import ImageError as ImageError  # what everybody takes from here
from csl_native.system.files import REPLACES_MAPPED

try:  # hashlib would load OpenSSL, which takes longer than the whole start of csl
    from _blake2 import blake2b
except ImportError:
    from hashlib import blake2b

MAGIC = b"CSLNATIV"
FORMAT_MAJOR, FORMAT_MINOR = 1, 1
PAGE = 4096
SLOT = struct.Struct("<8sHHIQQQ16s")  # magic, major, minor, slot, sequence, directory offset, directory length, digest
SLOT_PLACES = (0, 512)
DIRECTORY_LIMIT = 64 << 20
MOST_COMPRESSED = 1 << 15  # times: a block of Zstandard has 3 bytes of header, one of contents, and is of 128 KiB at most (RFC 8878 section 3.1.1.2)
STRONG = 32


def digest(data: Any, size: int = 16) -> bytes:
    """The digest (BLAKE2b) of directories and bytecode; with ``STRONG`` bytes, of all that signatures rely on: sections and pages."""
    return blake2b(data, digest_size=size).digest()


def matches(data: Any, wanted: bytes) -> bool:
    """Does data have a digest?  Sections and pages of format 1.0 have short ones."""
    return len(wanted) in (16, STRONG) and digest(data, len(wanted)) == wanted


class Section:
    """A named run of bytes.  ``raw`` sections are page-aligned and can be mapped; others are compressed with zstandard."""

    def __init__(self, name: str, data: bytes = b"", raw: bool = False, info: dict[str, Any] | None = None, offset: int = 0,
                 stored: int = 0, length: int = 0, digest: bytes = b"") -> None:
        self.name, self.data, self.raw, self.info = name, data, raw, info or {}
        self.offset, self.stored, self.length, self.digest = offset, stored, length, digest


def unpack(data: bytes) -> Any:
    """A value packed by msgpack; ValueError for whatever is wrong with it, nested lists that claim more than the memory there is included."""
    try:
        return msgpack.unpackb(data, strict_map_key=False)
    except (TypeError, MemoryError, msgpack.UnpackException) as error:
        raise ValueError(f"not well packed: {error or type(error).__name__}") from error


class Image:
    """An image file that is open for reading."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = os.fspath(path)
        try:
            self.file = open(self.path, "rb")
        except OSError as error:
            raise ImageError(f"{self.path}: cannot be read ({error.strerror}); check the name, or make an image with preserve") from error
        try:
            self.size = os.fstat(self.file.fileno()).st_size
            self.sequence, self.sections = self._directory()
        except BaseException:
            self.file.close()
            raise

    def __enter__(self) -> Image:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self.file.close()

    def _read(self, offset: int, length: int) -> bytes:
        self.file.seek(offset)
        return self.file.read(length)

    def _slots(self) -> list[tuple[int, int, int, bytes]]:
        found, newer = [], False
        for number, place in enumerate(SLOT_PLACES):
            raw = self._read(place, SLOT.size)
            if len(raw) < SLOT.size:
                continue
            magic, major, _, slot, sequence, offset, length, check = SLOT.unpack(raw)
            if magic == MAGIC and slot == number and major > FORMAT_MAJOR:
                newer = True
            elif magic == MAGIC and slot == number and length <= DIRECTORY_LIMIT and offset + length <= self.size:
                found.append((sequence, offset, length, check))
        if not found and newer:
            raise ImageError(f"{self.path}: a newer image format than {FORMAT_MAJOR}; use a newer csl")
        if not found:
            start = self._read(0, 8)
            what = "is damaged: no valid root" if start == MAGIC else "is not an image of csl"
            raise ImageError(f"{self.path}: {what}; restore it from a copy or make it again")
        return sorted(found, reverse=True)

    def _directory(self) -> tuple[int, dict[str, Section]]:
        for sequence, offset, length, check in self._slots():
            data = self._read(offset, length)
            if len(data) != length or digest(data) != check:
                continue
            try:
                rows = unpack(data)["sections"]
                sections = {row["name"]: Section(row["name"], b"", bool(row["raw"]), dict(row["info"]), int(row["offset"]), int(row["stored"]),
                                                 int(row["length"]), bytes(row["digest"])) for row in rows}
            except (ValueError, KeyError, TypeError) as error:
                raise ImageError(f"{self.path}: its directory cannot be read ({error}); make the image again") from error
            for s in sections.values():
                if type(s.name) is not str or len(s.name) > 1 << 10:
                    raise ImageError(f"{self.path}: its directory has {s.name!r:.40} as a name; make the image again")
                if s.offset < PAGE or s.stored < 0 or s.length < 0 or s.offset + s.stored > self.size or (s.raw and s.offset % PAGE):
                    raise ImageError(f"{self.path}: section {s.name} lies at {s.offset}..{s.offset + s.stored}, outside of the file "
                                     f"({self.size} bytes); the file was cut short or damaged")
            return sequence, sections
        raise ImageError(f"{self.path}: is damaged: no directory matches its digest; restore it from a copy or make it again")

    def read(self, name: str, check: bool = True, limit: int = 1 << 40) -> bytes:
        """The contents of a section; with ``check`` its digest must match."""
        s = self.sections.get(name)
        if s is None:
            raise ImageError(f"{self.path}: has no section {name}; it has {', '.join(sorted(self.sections))}")
        if not s.raw and s.length > s.stored * MOST_COMPRESSED:
            raise ImageError(f"{self.path}: section {name} claims {s.length} bytes, which {s.stored} compressed ones cannot hold; the file was damaged")
        if s.length > limit:
            raise ImageError(f"{self.path}: section {name} claims {s.length} bytes; at most {limit} expected")
        data = self._read(s.offset, s.stored)
        if len(data) != s.stored:
            raise ImageError(f"{self.path}: section {name} is cut short: {len(data)} of {s.stored} bytes")
        if not s.raw:
            import zstandard
            try:
                told = zstandard.frame_content_size(data)
                if told != s.length:  # checked first: memory is taken for what the data itself tells
                    raise zstandard.ZstdError(f"its compressed data tells {told} bytes, the directory {s.length}")
                data = zstandard.ZstdDecompressor().decompress(data)
            except (zstandard.ZstdError, MemoryError) as error:
                raise ImageError(f"{self.path}: section {name} is damaged ({error}); restore the image from a copy or make it again") from error
        if len(data) != s.length or (check and not matches(data, s.digest)):
            raise ImageError(f"{self.path}: section {name} is damaged: its digest does not match; restore the image from a copy or make it again")
        return data

    def view(self, name: str, check: bool = True) -> memoryview:
        """The contents of a section without a copy where it is stored as it is."""
        s = self.sections.get(name)
        if s is None or not s.raw or s.stored != s.length or not s.length or not REPLACES_MAPPED:
            return memoryview(self.read(name, check))
        page = s.offset // mmap.ALLOCATIONGRANULARITY * mmap.ALLOCATIONGRANULARITY
        data = memoryview(mmap.mmap(self.file.fileno(), s.offset - page + s.length, access=mmap.ACCESS_READ, offset=page))[s.offset - page:]
        if check and not matches(data, s.digest):
            raise ImageError(f"{self.path}: section {name} is damaged: its digest does not match; restore the image from a copy or make it again")
        return data

    def verify(self) -> list[str]:
        """Names of the sections whose contents do not match their digest."""
        bad = []
        for name in sorted(self.sections):
            try:
                self.view(name)
            except ImageError:
                bad.append(name)
        return bad


def _pack(sections: list[Section], start: int) -> tuple[list[tuple[int, bytes]], bytes, int]:
    """Place new sections from ``start`` on; pieces to write, and the directory with its place."""
    import zstandard
    pieces = []
    at = start
    for s in sections:
        if s.stored == 0 and not s.offset:
            stored = s.data if s.raw else zstandard.ZstdCompressor(level=9, write_checksum=False).compress(s.data)
            at = (at + PAGE - 1) // PAGE * PAGE if s.raw else (at + 15) // 16 * 16
            s.offset, s.stored, s.length = at, len(stored), len(s.data)
            s.digest = s.digest or digest(s.data, STRONG)
            pieces.append((at, stored))
            at += len(stored)
    at = (at + 15) // 16 * 16
    rows = [{"name": s.name, "raw": s.raw, "info": s.info, "offset": s.offset, "stored": s.stored, "length": s.length, "digest": s.digest}
            for s in sorted(sections, key=lambda s: s.name)]
    directory = msgpack.packb({"sections": rows})
    pieces.append((at, directory))
    return pieces, directory, at


def _slot(number: int, sequence: int, offset: int, directory: bytes) -> bytes:
    return SLOT.pack(MAGIC, FORMAT_MAJOR, FORMAT_MINOR, number, sequence, offset, len(directory), digest(directory))


def write(path: str | os.PathLike[str], sections: list[Section]) -> None:
    """Make an image file, or replace one as a whole: it is written beside and renamed into place."""
    files.check_output(path)
    path = os.path.abspath(os.fspath(path))
    for s in sections:
        s.offset = s.stored = 0
    pieces, directory, at = _pack(sections, PAGE)
    temporary = f"{path}.{os.getpid()}-{threading.get_ident()}{files.TEMPORARY}"
    with files.writing(path):
        fd, closed, replaced = -1, False, False
        try:
            if os.path.isdir(os.path.dirname(path)):
                files.clean(path)
            fd = files.create(temporary)
            for offset, data in pieces:
                files.write_at(fd, data, offset)
            files.write_at(fd, _slot(0, 1, at, directory), 0)
            files.sync(fd)
            os.close(fd)  # some systems rename no file that is open
            closed = True
            files.replace(temporary, path)
            replaced = True
            files.sync_folder(os.path.dirname(path))
        except OSError as error:
            if fd >= 0 and not replaced:
                files.remove(temporary)
            what = "the new image is there, but might not survive a loss of power" if replaced else "what was there before is there still"
            raise ImageError(f"{path}: cannot be written ({error.strerror}); {what}") from error
        finally:
            if fd >= 0 and not closed:
                os.close(fd)


def update(path: str | os.PathLike[str], changed: list[Section], dropped: frozenset[str] = frozenset(),
           infos: dict[str, dict[str, Any]] | None = None) -> None:
    """Replace, add and drop sections of an existing image; all others keep their bytes, and their ``info`` where no other is given."""
    files.check_output(path)
    path = os.path.abspath(os.fspath(path))
    with files.writing(path):
        files.clean(path)
        try:
            fd = files.open_existing(path)
        except OSError as error:
            raise ImageError(f"{path}: cannot be written ({error.strerror})") from error
        try:
            with Image(path) as image:
                sequence, size = image.sequence, image.size
                kept = [s for s in image.sections.values() if s.name not in dropped and s.name not in {c.name for c in changed}]
            for s in kept:
                s.info = (infos or {}).get(s.name, s.info)
            for s in changed:
                s.offset = s.stored = 0
            pieces, directory, at = _pack(kept + changed, size)
            switched = False
            try:
                for offset, data in pieces:
                    files.write_at(fd, data, offset)
                files.sync(fd)
                number, switched = sequence % 2, True
                files.write_at(fd, _slot(number, sequence + 1, at, directory), SLOT_PLACES[number])
                files.sync(fd)
            except OSError as error:
                if not switched:
                    with contextlib.suppress(OSError):
                        files.truncate(fd, size)  # what was appended is no part of the image yet
                what = "the update may or may not be in it" if switched else "the image is as it was"
                raise ImageError(f"{path}: cannot be written ({error.strerror}); {what}") from error
        finally:
            os.close(fd)
