"""The image file: a header with two root slots, sections, and a directory that a root points to.

Bytes only, no Lisp; ``image/writing.py`` changes them.  ``docs/FORMAT.md`` is normative.
"""

from __future__ import annotations

import mmap
import os
import stat
import struct
from collections.abc import Iterable, Mapping
from types import TracebackType

from csl_native.image import files
from csl_native.image.directory import PAGE as PAGE  # these, too
from csl_native.image.directory import Section as Section
from csl_native.image.directory import parse
from csl_native.image.directory import unpack as unpack
from csl_native.image.files import ImageError as ImageError  # what everybody takes from here
from csl_native.system.files import BINARY, REPLACES_MAPPED, others_can_write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

try:  # hashlib would load OpenSSL, which takes longer than the whole start of csl
    from _blake2 import blake2b
except ImportError:
    from hashlib import blake2b

MAGIC = b"CSLNATIV"
FORMAT_MAJOR, FORMAT_MINOR = 1, 4
SLOT = struct.Struct("<8sHHIQQQ16s")  # magic, major, minor, slot, sequence, directory offset, directory length, digest
SLOT_PLACES = (0, 512)
DIRECTORY_LIMIT = 8 << 20
SMALL, TIMES = 16 << 20, 256  # a compressed section has at most as many bytes as this, or as this times what is stored
NO_WAIT = getattr(os, "O_NONBLOCK", 0)  # for a writer at the other end of a pipe
STRONG = 32


def digest(data: Any, size: int = 16) -> bytes:
    """The digest (BLAKE2b) of directories and bytecode; with ``STRONG`` bytes, of all that signatures rely on: sections
    and pages.
    """
    return blake2b(data, digest_size=size).digest()


def matches(data: Any, wanted: bytes) -> bool:
    """Does data have a digest?  Sections and pages of format 1.0 have short ones."""
    return len(wanted) in (16, STRONG) and digest(data, len(wanted)) == wanted


def stamp(state: os.stat_result) -> tuple[int, ...]:
    """What changes when a file is another one, or is written."""
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns


class Image:
    """An image file that is open for reading."""

    def __init__(self, path: str | os.PathLike[str], fd: int | None = None, known: Image | None = None) -> None:
        """``fd``: the file is open already, and ``path`` is what it is called; ``known``: as it was opened before, of
        which the directory is taken when nothing was written since.
        """
        self.path = os.fspath(path)
        self.doubts: list[str] = []  # why this may not be the last state of the file
        try:
            self.file = open(os.open(self.path, os.O_RDONLY | NO_WAIT | BINARY) if fd is None else fd, "rb")
        except OSError as error:
            raise ImageError(f"{self.path}: cannot be read ({error.strerror}); check the name, or make an image with "
                             "preserve") from error
        try:
            # of what is open: what is decided about the file is decided by this, not by its name
            self.state = os.fstat(self.file.fileno())
            if not stat.S_ISREG(self.state.st_mode):
                raise ImageError(f"{self.path}: is not an image of csl but {files.kind(self.path)}; check the name")
            self.size = self.state.st_size
            self.slots = self._slots()
            self.notes: dict[str, Any] = {}  # what was found out about the sections
            self.sequence: int
            self.sections: dict[str, Section]
            if known is not None and not known.doubts and (stamp(known.state), known.slots) == (stamp(self.state),
                                                                                                self.slots):
                self.sequence, self.sections, self.notes = known.sequence, known.sections, known.notes
            else:
                self.sequence, self.sections = self._directory()
        except BaseException:
            self.file.close()
            raise

    def __enter__(self) -> Image:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self.file.close()

    @property
    def own(self) -> bool:
        """May the file be mapped: can nobody but this user (and root) change it?"""
        return not others_can_write(self.state)

    def _read(self, offset: int, length: int) -> bytes:
        self.file.seek(offset)
        return self.file.read(length)

    def stored(self, s: Section) -> bytes:
        """The bytes of a section as they are in the file."""
        data = self._read(s.offset, s.stored)
        if len(data) != s.stored:
            raise ImageError(f"{self.path}: section {s.name} is cut short: {len(data)} of {s.stored} bytes")
        return data

    def _slots(self) -> list[tuple[int, int, int, int, bytes]]:
        """The roots that there are, the newest first: sequence, slot, place, length and digest of its directory."""
        found, newer = [], False
        for number, place in enumerate(SLOT_PLACES):
            raw = self._read(place, SLOT.size)
            if len(raw) < SLOT.size:
                continue
            magic, major, _, slot, sequence, offset, length, check = SLOT.unpack(raw)
            if magic == MAGIC and slot == number and major > FORMAT_MAJOR:
                newer = True
            elif magic == MAGIC and slot == number:
                found.append((sequence, number, offset, length, check))
            elif any(raw):
                self.doubts.append(f"root slot {number} holds no root; it was damaged")
        if not found and newer:
            raise ImageError(f"{self.path}: a newer image format than {FORMAT_MAJOR}; use a newer csl")
        if not found:
            start = self._read(0, 8)
            what = "is damaged: no valid root" if start == MAGIC else "is not an image of csl"
            raise ImageError(f"{self.path}: {what}; restore it from a copy or make it again")
        return sorted(found, reverse=True)

    def _directory(self) -> tuple[int, dict[str, Section]]:
        lost = False
        for sequence, slot, offset, length, check in self.slots:
            data = self._read(offset, length) if length <= DIRECTORY_LIMIT and offset + length <= self.size else b""
            if len(data) != length or digest(data) != check:
                where = (f"behind the end of the file ({self.size} bytes)" if offset + length > self.size
                         else "that does not match its digest")
                self.doubts.append(f"root slot {slot} names the directory of update {sequence} at "
                                   f"{offset}..{offset + length}, {where}")
                lost = True
                continue
            try:
                sections, reach = parse(data)
            except (ValueError, KeyError, TypeError) as error:
                raise ImageError(
                    f"{self.path}: its directory cannot be read ({error}); make the image again") from error
            for s in sections.values() if reach > self.size else ():
                if s.offset < PAGE or s.offset + s.stored > self.size or (s.raw and s.offset % PAGE):
                    raise ImageError(f"{self.path}: section {s.name} lies at {s.offset}..{s.offset + s.stored}, "
                                     "outside of the file "
                                     f"({self.size} bytes); the file was cut short or damaged")
            if lost:
                self.doubts.append("an older state of the image is used, and what was written last is lost")
            return sequence, dict(sections)
        raise ImageError(f"{self.path}: is damaged: no valid root ({'; '.join(self.doubts)}); restore it from a copy "
                         "or make it again")

    def read(self, name: str, check: bool = True, limit: int = 1 << 40) -> bytes:
        """The contents of a section; with ``check`` its digest must match."""
        s = self.sections.get(name)
        if s is None:
            raise ImageError(f"{self.path}: has no section {name}; it has {', '.join(sorted(self.sections))}")
        if not s.raw and s.length > self.plausible(s):
            raise ImageError(f"{self.path}: section {name} claims {s.length} bytes, which {s.stored} compressed ones "
                             "cannot hold; the file was damaged")
        if s.length > limit:
            raise ImageError(f"{self.path}: section {name} claims {s.length} bytes; at most {limit} expected")
        data = self.stored(s)
        if not s.raw:
            import zstandard
            try:
                told = zstandard.frame_content_size(data)
                if told != s.length:  # checked first: memory is taken for what the data itself tells
                    raise zstandard.ZstdError(f"its compressed data tells {told} bytes, the directory {s.length}")
                data = zstandard.ZstdDecompressor().decompress(data)
            except (zstandard.ZstdError, MemoryError) as error:
                raise ImageError(f"{self.path}: section {name} is damaged ({error}); restore the image from a copy or "
                                 "make it again") from error
        if len(data) != s.length or (check and not matches(data, s.digest)):
            raise ImageError(f"{self.path}: section {name} is damaged: its digest does not match; restore the image "
                             "from a copy or make it again")
        return data

    def plausible(self, s: Section) -> int:
        """How many bytes a compressed section may claim.
        A heap has a start bit in the file for each of its 16 bytes.
        """
        starts = self.sections.get("starts")
        return max(SMALL, TIMES * s.stored, 128 * starts.stored + PAGE
                   if s.name == "heap" and starts is not None and starts.raw else 0)

    def view(self, name: str, check: bool = True) -> memoryview:
        """The contents of a section without a copy where it is stored as it is."""
        s = self.sections.get(name)
        if s is None or not s.raw or s.stored != s.length or not s.length or not REPLACES_MAPPED or not self.own:
            return memoryview(self.read(name, check))
        page = s.offset // mmap.ALLOCATIONGRANULARITY * mmap.ALLOCATIONGRANULARITY
        data = memoryview(mmap.mmap(self.file.fileno(), s.offset - page + s.length, access=mmap.ACCESS_READ,
                                    offset=page))[s.offset - page:]
        if check and not matches(data, s.digest):
            raise ImageError(f"{self.path}: section {name} is damaged: its digest does not match; restore the image "
                             "from a copy or make it again")
        return data

    def read_into(self, s: Section, target: memoryview) -> None:
        """The stored bytes of a raw section, into memory that is as long as it is."""
        self.file.seek(s.offset)
        if (got := self.file.readinto(target)) != s.stored:
            raise ImageError(f"{self.path}: section {s.name} is cut short: {got} of {s.stored} bytes")

    def verify(self) -> list[str]:
        """Names of the sections whose contents do not match their digest."""
        bad = []
        for name in sorted(self.sections):
            try:
                self.view(name)
            except ImageError:
                bad.append(name)
        return bad


def write(path: str | os.PathLike[str], sections: Iterable[Section]) -> None:
    """``writing.write``, for those who begin here."""
    from csl_native.image import writing
    writing.write(path, sections)


def update(path: str | os.PathLike[str], changed: Iterable[Section], dropped: frozenset[str] = frozenset(),
           infos: Mapping[str, dict[str, Any]] | None = None) -> None:
    """``writing.update``, for those who begin here."""
    from csl_native.image import writing
    writing.update(path, changed, dropped, infos)
