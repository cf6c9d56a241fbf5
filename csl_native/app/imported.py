"""The modules that a start imports, in one file of this user's cache: to find and open a hundred files one by one takes
longer than what is in them.

It is a cache of what Python's own ``__pycache__`` has, and used by the same measure: a module whose source is no longer
the file that it was, by what the system says of it, is imported as ever.  It is code that is executed, so it is only
used when nobody else can have written it (docs/trust.md).
"""

from __future__ import annotations

import contextlib
import marshal
import os
import sys
import time
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType, ModuleType
from typing import Any
from zlib import crc32

from csl_native.system.files import BINARY, not_private, others_can_write
from csl_native.system.places import PACKAGE

VERSION = ["modules 1", sys.implementation.cache_tag, sys.hexversion, sys.flags.optimize, PACKAGE]
FEW = 8  # so many modules more do not make it worth while to write the file again
SETTLED = 2.0  # seconds: a source that was changed just now may be changed again within the same tick of the clock


def _path() -> str:
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    place = f"{crc32(PACKAGE.encode('utf-8', 'surrogateescape')):08x}"  # an installation; which one, VERSION says
    return os.path.join(cache, "csl-native", f"modules-{sys.implementation.cache_tag}-{place}.code")


def _state(path: str) -> tuple[int, ...]:
    state = os.stat(path)
    return state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns


class Loader(SourceFileLoader):
    """A module of the package, whose code is there already."""

    def __init__(self, name: str, path: str, code: memoryview) -> None:
        super().__init__(name, path)
        self.code = code

    def get_code(self, fullname: str) -> CodeType | None:
        with contextlib.suppress(ValueError, EOFError, TypeError):  # what is damaged is made again another time
            code = marshal.loads(self.code)
            if isinstance(code, CodeType):
                return code
        return super().get_code(fullname)


class Imported:
    """Finds the modules of the package in the file, before Python looks in folders."""

    def __init__(self) -> None:
        self.rows: dict[str, tuple[Any, ...]] = {}
        self.codes = memoryview(b"")
        self.names: list[str] = []  # what a start has imported
        with contextlib.suppress(OSError, ValueError, EOFError, TypeError):
            self._read(_path())

    def _read(self, path: str) -> None:
        if others_can_write(os.stat(os.path.dirname(path))):
            return
        fd = os.open(path, os.O_RDONLY | BINARY | getattr(os, "O_NOFOLLOW", 0))
        try:
            state = os.fstat(fd)
            data = b"" if not_private(state, readable=True) else os.read(fd, state.st_size + 1)
        finally:
            os.close(fd)
        size = int.from_bytes(data[:8], "little")
        version, total, rows = marshal.loads(data[8:8 + size])
        if version == VERSION and total == len(data) - 8 - size:
            self.codes = memoryview(data)[8 + size:]
            self.rows = {row[0]: row for row in rows if _state(row[1]) == row[4]}

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        row = self.rows.get(name)
        if row is None:
            return None
        _, origin, cached, package, _, begin, end = row
        spec = ModuleSpec(name, Loader(name, origin, self.codes[begin:end]), origin=origin, is_package=package)
        spec.has_location = True
        spec.cached = cached  # else it is made of the origin, which takes longer than to find the module
        if package:
            spec.submodule_search_locations = [os.path.dirname(origin)]
        return spec

    def started(self) -> None:
        """All that a start imports is imported."""
        self.names = [name for name in sys.modules if name.startswith("csl_native.")]

    def keep(self) -> None:
        """Write the file, when there was none that has what a start imports; that it cannot be written costs time only.
        """
        if sys.dont_write_bytecode or len(set(self.names) - set(self.rows)) <= FEW:
            return
        with contextlib.suppress(OSError, ValueError):
            self._write(_path())

    def _write(self, path: str) -> None:
        rows, codes, end = list[tuple[Any, ...]](), list[bytes](), 0
        for name in self.names:
            spec = sys.modules[name].__spec__
            if spec is None or spec.origin is None or not isinstance(spec.loader, SourceFileLoader):
                continue
            state = _state(spec.origin)
            if time.time() - state[4] / 1e9 <= SETTLED:
                continue
            code = marshal.dumps(SourceFileLoader(name, spec.origin).get_code(name))
            rows.append((name, spec.origin, spec.cached, spec.submodule_search_locations is not None, state,
                         end, end + len(code)))
            codes.append(code)
            end += len(code)
        head = marshal.dumps((VERSION, end, rows))
        folder = os.path.dirname(path)
        os.makedirs(folder, mode=0o700, exist_ok=True)
        if others_can_write(os.stat(folder)):
            return
        temporary = f"{path}.{os.getpid()}"
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | BINARY, 0o600)
        try:
            with open(fd, "wb") as file:
                file.write(b"".join((len(head).to_bytes(8, "little"), head, *codes)))
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
        except OSError:
            os.unlink(temporary)
            raise


_imported: list[Imported] = []


def begin() -> None:
    """From now on modules come from the file."""
    if not _imported:
        _imported.append(Imported())
        sys.meta_path.insert(0, _imported[0])


def started() -> None:
    """What is imported from now on is not needed by every start."""
    for imported in _imported:
        imported.started()


def ended() -> None:
    """The program is over, and nobody waits any more."""
    for imported in _imported:
        imported.keep()
