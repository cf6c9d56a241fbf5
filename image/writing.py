"""The one way in which image files change.

A ``Writer`` holds the locks from before it reads what is there until what it wrote is durable, so what was decided is
about the file that is changed.  An update appends, makes that durable, and then writes the older of the two root slots;
when too much of the file would be dead, or when it is to be made small, the file is written anew beside and renamed
into place.  Nothing that a directory ever referred to is overwritten: other processes may have it mapped.
``docs/FORMAT.md`` is normative.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import threading
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any

import msgpack
import zstandard

from csl_native.image import files
from csl_native.image.container import (
    DIRECTORY_LIMIT,
    FORMAT_MAJOR,
    FORMAT_MINOR,
    MAGIC,
    PAGE,
    SLOT,
    SLOT_PLACES,
    SMALL,
    STRONG,
    TIMES,
    Image,
    ImageError,
    Section,
    digest,
    matches,
    unpack,
)
from csl_native.image.directory import pack
from csl_native.system.files import REPLACES_MAPPED

SLACK = 64 << 10  # bytes that may be dead in any file
# The folder is not ours, or the file is a mount of its own: then it can only be changed in place.
ONLY_IN_PLACE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.EBUSY, errno.EXDEV)
CLOSED = -2


class Writer:
    """An image file while it is changed; it need not exist.
    Where a name is a link, what it leads to is written, and the link stays.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        files.check_output(path)
        self.name, self.path = os.fspath(path), os.path.realpath(path)
        self.fd, self._image = -1, None

    _image: Image | None

    def __enter__(self) -> Writer:
        self._locks = contextlib.ExitStack()
        self._locks.enter_context(files.writing(self.path))
        try:
            self._open()
        except BaseException:
            self._locks.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._close()
        self._locks.close()

    def _open(self) -> None:
        """Open and lock the file, too: it may have another name in another folder."""
        with contextlib.suppress(OSError):  # which is said when something is written
            files.clean(self.path)
        try:
            while True:
                try:
                    self.fd = files.open_existing(self.path)
                except FileNotFoundError:
                    return
                files.lock(self.fd)
                if os.path.samestat(os.fstat(self.fd), os.stat(self.path)):
                    break
                self._close()  # another one was renamed into its place
        except OSError as error:
            self._close()
            raise ImageError(f"{self.name}: cannot be written ({error.strerror})") from error
        if not stat.S_ISREG(os.fstat(self.fd).st_mode):
            self._close()
            raise ImageError(f"{self.name}: is no file but {files.kind(self.path)}, which cannot hold an image; give "
                             "another name")

    def _close(self) -> None:
        if self._image is not None:
            self._image.close()
            self._image = None
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1

    @property
    def exists(self) -> bool:
        return self.fd >= 0

    @property
    def image(self) -> Image:
        """What is there; ImageError when that is no image, or nothing."""
        if self._image is None:
            self._image = Image(self.name, os.dup(self.fd) if self.exists else None)
        return self._image

    def expect(self, digests: Mapping[str, bytes]) -> None:
        """ImageError unless these sections are still what they were when something was made from them."""
        for name, wanted in digests.items():
            now = self.image.sections.get(name)
            if now is None or now.digest != wanted:
                raise Changed(f"{self.name}: its section {name} was {'taken out' if now is None else 'replaced'} by "
                              "another program meanwhile; "
                              "what was made from the old one is not written.  Run this again")

    def replace(self, sections: Iterable[Section]) -> None:
        """Make the file of these sections and nothing else."""
        self._anew([_packed(s) for s in sections])

    def commit(self, changed: Iterable[Section] = (), dropped: frozenset[str] = frozenset(),
               infos: Mapping[str, dict[str, Any]] | None = None,
               small: bool = False) -> bool:
        """Replace, add and drop sections; all others keep their bytes, and their ``info`` where no other is given.
        False: nothing was to be done.

        ``small``: leave nothing dead in the file.
        """
        image, infos = self.image, infos or {}
        fresh = [_packed(s) for s in changed if not self._there(s)]
        gone = dropped | {s.name for s in fresh}
        kept = [s for s in image.sections.values() if s.name not in gone]
        new_infos = {s.name: infos[s.name] for s in kept if s.name in infos and infos[s.name] != s.info}
        if not fresh and not new_infos and not dropped & set(image.sections) and not (small and self._wasteful(kept)):
            return False
        rows = [_at(s, s.offset, new_infos[s.name]) if s.name in new_infos else s for s in kept]
        live = sum(s.stored for s in (*rows, *fresh)) + PAGE
        if small or image.size + sum(s.stored for s in fresh) - live > live // 2 + SLACK:
            try:
                self._anew([*(_at(s, 0, s.info) for s in sorted(rows, key=lambda s: s.offset)), *fresh],
                           {s.name: s for s in kept})
                return True
            except ImageError as error:
                if (not isinstance(error.__cause__, OSError) or error.__cause__.errno not in ONLY_IN_PLACE
                    or not (fresh or gone or new_infos)):
                    raise
                if not self.exists:
                    self._open()
        self._append([*rows, *fresh])
        return True

    def _there(self, new: Section) -> bool:
        """Is a section in the file already, with all that is said of it?  A signature more does no harm."""
        old = self.image.sections.get(new.name)
        if old is None or old.raw != new.raw or old.length != len(new.data):
            return False
        old_seal, new_seal = (s.info.get("seal", {}) for s in (old, new))
        said = unpack(msgpack.packb({key: value for key, value in new.info.items() if key != "seal"}))
        return ({key: value for key, value in old.info.items() if key != "seal"} == said
                and matches(new.data, old.digest)
                and all(old_seal.get(key) == value for key, value in new_seal.items())
                and self.image.read(old.name, check=False) == new.data)

    def _wasteful(self, kept: list[Section]) -> bool:
        rows = [_at(s, 0, s.info) for s in sorted(kept, key=lambda s: s.offset)]
        _, directory, at = _place(rows, PAGE)
        return at + len(directory) < self.image.size

    def _append(self, rows: list[Section]) -> None:
        image = self.image
        sequence, size = image.sequence, image.size
        pieces, directory, at = _place(rows, size)
        number, switched = sequence % 2, False
        try:
            for s in pieces:
                files.write_at(self.fd, s.data, s.offset)
            files.write_at(self.fd, directory, at)
            files.sync(self.fd)
            switched = True
            files.write_at(self.fd, _slot(number, sequence + 1, at, directory), SLOT_PLACES[number])
            files.sync(self.fd)
        except OSError as error:
            if not switched:
                with contextlib.suppress(OSError):
                    files.truncate(self.fd, size)  # what was appended is no part of the image yet
            what = "the update may or may not be in it" if switched else "the image is as it was"
            raise ImageError(f"{self.name}: cannot be written ({error.strerror}); {what}") from error
        image.close()
        self._image = None

    def _anew(self, rows: list[Section], old: Mapping[str, Section] | None = None) -> None:
        """Write a file beside and rename it into place; ``old``: where the contents of rows without them are now."""
        pieces, directory, at = _place(rows, PAGE)
        temporary = f"{self.path}.{os.getpid()}-{threading.get_ident()}{files.TEMPORARY}"
        fd, replaced = -1, False
        try:
            fd = files.create(temporary)
            if self.exists:
                files.make_like(fd, self.fd)
            for s in pieces:
                files.write_at(fd, s.data if old is None or s.name not in old else self.image.stored(old[s.name]),
                               s.offset)
            files.write_at(fd, directory, at)
            files.write_at(fd, _slot(0, 1, at, directory), 0)
            files.sync(fd)
            if not REPLACES_MAPPED:  # nor while it is open
                self._close()
                os.close(fd)
                fd = CLOSED
            files.replace(temporary, self.path)
            replaced = True
            files.sync_folder(os.path.dirname(self.path))
        except BaseException as error:
            if fd != -1 and not replaced:
                with contextlib.suppress(OSError):
                    files.remove(temporary)
            if not isinstance(error, OSError):
                raise
            what = ("the new image is there, but might not survive a loss of power" if replaced
                    else "what was there before is there still")
            raise ImageError(f"{self.name}: cannot be written ({error.strerror}); {what}") from error
        finally:
            if fd >= 0:
                os.close(fd)
        self._close()
        self._open()


class Changed(ImageError):
    """What something was made from is not in the file any more."""


def _packed(s: Section) -> Section:
    """A section as it is stored, without a place."""
    stored, raw = s.data, s.raw
    if not raw:
        stored = zstandard.ZstdCompressor(level=9, write_checksum=False).compress(s.data)
        if len(s.data) > max(SMALL, TIMES * len(stored)):  # which no reader would believe
            stored, raw = s.data, True
    return Section(s.name, stored, raw, s.info, 0, len(stored), len(s.data), s.digest or digest(s.data, STRONG))


def _at(s: Section, offset: int, info: dict[str, Any]) -> Section:
    return Section(s.name, s.data, s.raw, info, offset, s.stored, s.length, s.digest)


def _place(rows: list[Section], start: int) -> tuple[list[Section], bytes, int]:
    """Give those without one a place from ``start`` on: them, the directory, and its place."""
    placed, at = [], start
    for s in rows:
        if not s.offset:
            at = (at + PAGE - 1) // PAGE * PAGE if s.raw else (at + 15) // 16 * 16
            s.offset = at
            placed.append(s)
            at += s.stored
    directory = pack(rows)
    if len(directory) > DIRECTORY_LIMIT:
        raise ImageError(f"an image of {len(rows)} sections would have a directory of {len(directory)} bytes; "
                         f"{DIRECTORY_LIMIT} at most. "
                         "Put modules into several files")
    return placed, directory, (at + 15) // 16 * 16


def _slot(number: int, sequence: int, offset: int, directory: bytes) -> bytes:
    return SLOT.pack(MAGIC, FORMAT_MAJOR, FORMAT_MINOR, number, sequence, offset, len(directory), digest(directory))


def write(path: str | os.PathLike[str], sections: Iterable[Section]) -> None:
    """Make an image file, or replace one as a whole."""
    with Writer(path) as writer:
        writer.replace(sections)


def update(path: str | os.PathLike[str], changed: Iterable[Section], dropped: frozenset[str] = frozenset(),
           infos: Mapping[str, dict[str, Any]] | None = None) -> None:
    """Change sections of an image by name, whatever it is now; what depends on that needs a ``Writer``."""
    with Writer(path) as writer:
        writer.commit(changed, dropped, infos)
