"""The base image: where it is, and whether it was made from the sources beside it.

It says of which: the digest of their contents stands in the ``info`` of its heap, so times of files mean nothing.  A
checkout compares at every start, and makes it again when they differ; they are read again when the system says of any
of them something else than when they were read last (``checked.py``).  What is installed does not change, so only the
sizes of the files are compared.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator

from csl_native.image.container import Image, ImageError, digest
from csl_native.image.files import check_output, protect
from csl_native.system.files import locked, others_can_write
from csl_native.system.places import CHECKOUT, PACKAGE

from ..system.records import Record

__all__ = ["BASE_IMAGE", "base_image", "base_image_for_now", "check_output", "sources"]

BASE_IMAGE = os.path.join(PACKAGE, "base.img")
IN_CHECKOUT = os.path.exists(os.path.join(CHECKOUT, "pyproject.toml"))
protect(BASE_IMAGE)

# Changes of these do not touch the base image; of everything else that is there, now or later, they do.
OUTER = frozenset({"app", "asm", "bench", "jupyter", "lsp", "modules", "session", "tools",
                   "__main__.py", "baseimage.py", "checked.py", "debugger.py", "elffile.py", "exceptions.py",
                   "extras.py", "gdb.py", "heapview.py", "jitdump.py", "manual.py", "perfmap.py",
                   "profiler.py", "unwinding.py", "wheel.py"})
_base: list[str] = []


class Sources(Record):
    """What the base image is made from: a digest of names and sizes, and one of all contents ("" when nobody asked)."""

    sizes: str
    contents: str


def _files(package: str) -> list[tuple[str, str, os.stat_result]]:
    """Names, paths and states of the sources that are there now."""
    files: list[tuple[str, str, os.stat_result]] = []
    folders = [""]
    while folders:
        folder = folders.pop()
        with os.scandir(os.path.join(package, folder)) as entries:
            for entry in entries:
                name = entry.name
                if name.endswith((".py", ".lsp")):
                    if name not in OUTER:
                        files.append((f"{folder}{name}", entry.path, entry.stat()))
                elif "." not in name and name not in OUTER and name != "__pycache__" and entry.is_dir():
                    folders.append(f"{folder}{name}/")
    return sorted(files)


def _sizes(files: list[tuple[str, str, os.stat_result]]) -> str:
    return digest("".join(f"{name} {state.st_size}\n" for name, _, state in files).encode()).hex()


def sources(contents: bool = True, package: str = PACKAGE) -> Sources:
    """The sources that are there now."""
    files = _files(package)
    return Sources(_sizes(files), digest(b"".join(_read(path, state.st_size)
                                                  for _, path, state in files)).hex() if contents else "")


def _read(path: str, size: int) -> bytes:
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        return os.read(fd, size + 1)  # cheaper than a file object, two hundred times
    finally:
        os.close(fd)


def made_from(path: str) -> Sources | None:
    """The sources that an image was made from; None when it does not say so, or there is none that can be read."""
    try:
        with Image(path) as image:
            row = image.sections["heap"].info["sources"]
            return Sources(str(row["sizes"]), str(row["contents"]))
    except (ImageError, KeyError, TypeError):
        return None


@contextlib.contextmanager
def base_image_for_now(path: str) -> Iterator[str]:
    """A file that is the base image of this process while it is being made; it is removed unless it was moved."""
    before, _base[:] = list(_base), [path]
    try:
        yield path
    finally:
        _base[:] = before
        with contextlib.suppress(FileNotFoundError):
            os.remove(path)


def base_image() -> str:
    """Path of the base image that fits the sources."""
    if not _base:
        _base.append(_of_checkout() if IN_CHECKOUT or not os.path.exists(BASE_IMAGE) else _installed())
    return _base[0]


def _installed() -> str:
    there = made_from(BASE_IMAGE)
    if there is None or there.sizes != sources(contents=False).sizes:
        raise damaged("it cannot be read" if there is None
                      else "it was made from other sources than those that are installed beside it")
    return BASE_IMAGE


def damaged(what: str) -> ImageError:
    """The error that says so, and what to do."""
    remedy = ("remove it, and it is made again" if IN_CHECKOUT
              else "the installation is damaged; install csl-native again")
    return ImageError(f"{_base[0] if _base else BASE_IMAGE}: {what}: {remedy}")


def _of_checkout() -> str:
    """The image of a checkout, or of an installation that came without one; made when there is none of these sources.
    """
    from . import checked
    there, files = made_from(BASE_IMAGE), _files(PACKAGE)
    states = [(name, state) for name, _, state in files]
    if (there is not None and there.sizes == _sizes(files)
            and checked.are_checked(PACKAGE, states, there.contents)):
        return BASE_IMAGE
    now = sources()
    if there == now:
        checked.remember_all(PACKAGE, states, now.contents)
        return BASE_IMAGE
    if os.access(PACKAGE, os.W_OK):
        _make(BASE_IMAGE, now)
        return BASE_IMAGE
    path = cached(f"base-{now.contents}.img")
    if not os.path.exists(path) and not compiler_here():
        path = cached(f"base-{now.contents}-bytecode.img")
    protect(path)
    if made_from(path) != now:
        _make(path, now)
        os.chmod(path, 0o644)
    return path


def cache_folder() -> str:
    """The folder of this user for what can be made again, of which some is executed; ImageError when others can put
    things into it.
    """
    folder = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "csl-native")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    if others_can_write(state := os.stat(folder)):
        try:
            os.chmod(folder, 0o700)
        except PermissionError:
            raise ImageError(f"{folder}: belongs to user {state.st_uid} with mode {stat.S_IMODE(state.st_mode):o}, so "
                             "what is in it may be anybody's; "
                             "remove it, or let XDG_CACHE_HOME name a folder of your own") from None
    return folder


def cached(name: str = "base.img") -> str:
    """Where this user's base image is when the installation cannot be written; what somebody else put there is not
    used.
    """
    path = os.path.join(cache_folder(), name)
    if os.path.lexists(path) and (os.path.islink(path) or others_can_write(os.stat(path))):
        os.unlink(path)  # it is made again
    return path


def compiler_here() -> bool:
    from importlib.util import find_spec
    return find_spec("llvmlite") is not None


@contextlib.contextmanager
def making() -> Iterator[None]:
    """One process makes base images at a time; the others wait, and then find what they want.

    The folder that is locked is one in which nobody writes images, because a writer locks that of its image.
    """
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # a file system without locks: each makes one, and the last one stays
            stack.enter_context(locked(os.path.join(PACKAGE, "build")))
        yield


def _make(path: str, now: Sources) -> None:
    """Make the base image, unless it is there by now, by a process of its own: what this one has imported may be older
    than what the sources say now.
    """
    with making():
        if made_from(path) != now:
            _build(path)


def _build(path: str) -> None:
    from ..system.isolated import run
    status = run("from csl_native.build.base import main; main()", "--output", path)
    if status or not os.path.exists(path):
        raise ImageError(f"{path}: the base image could not be made (status {status}); see the message above")
