"""The base image: where it is, and when it is made again."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator

from csl_native.image.files import ImageError, check_output, protect
from csl_native.system.files import others_can_write

__all__ = ["BASE_IMAGE", "base_image", "base_image_for_now", "check_output", "fingerprint"]

BASE_IMAGE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "base.img")
protect(BASE_IMAGE)


def fingerprint() -> int:
    """Time of the newest source file that the base image is made from (ns since the epoch)."""
    package = os.path.dirname(BASE_IMAGE)
    newest = 0
    for folder in ("", "kernel", "instructions", "engines", "stencils", "restricted", "native", "native/architectures", "lisp", "lisp/builtins", "lisp/library",
                   "image", "relocation", "system"):
        with os.scandir(os.path.join(package, folder)) as entries:
            for entry in entries:
                if entry.name.endswith((".py", ".lsp")) and entry.name not in OUTER:
                    newest = max(newest, entry.stat().st_mtime_ns)
    return newest


# Changes of these do not touch the base image.
OUTER = ("cli.py", "toplevel.py", "session.py", "restoring.py", "debugger.py", "baseimage.py", "values.py", "heapview.py", "demo.py", "manual.py")
_base: list[str] = []


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


def cached() -> str:
    """Where this user's base image is when the installation cannot be written; what somebody else put there is not used."""
    folder = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "csl-native")
    os.makedirs(folder, mode=0o700, exist_ok=True)
    if others_can_write(state := os.stat(folder)):
        try:
            os.chmod(folder, 0o700)
        except PermissionError:
            raise ImageError(f"{folder}: belongs to user {state.st_uid} with mode {stat.S_IMODE(state.st_mode):o}, so what is in it may be anybody's; "
                             "remove it, or let XDG_CACHE_HOME name a folder of your own") from None
    path = os.path.join(folder, "base.img")
    if os.path.lexists(path) and (os.path.islink(path) or others_can_write(os.stat(path))):
        os.unlink(path)  # it is made again
    return path


def base_image() -> str:
    """Path of the base image; it is built at first use, and again when its sources are newer."""
    if not _base:
        if not os.path.exists(BASE_IMAGE) or os.stat(BASE_IMAGE).st_mtime_ns < fingerprint():
            from .build import build_base
            path = BASE_IMAGE
            if not os.access(os.path.dirname(path), os.W_OK):
                path = cached()
            _base.append(path)
            protect(path)
            if path == BASE_IMAGE or not os.path.exists(path) or os.stat(path).st_mtime_ns < fingerprint():
                build_base(path)
                if path != BASE_IMAGE:
                    os.chmod(path, 0o644)
        else:
            _base.append(BASE_IMAGE)
    return _base[0]
