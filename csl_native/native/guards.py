"""Guards: bytes in the cage that a redefinition sets, by which code knows that a body which stands in it is not the function's any more."""

from __future__ import annotations

import zlib

from ..vm import GUARD_COUNT, GUARDS

KERNEL = b"kernel"  # in place of the digest of a function's bytecode: it is the kernel's own


def guard_of(name: str) -> int:
    """The place of the byte that says whether a function with this name was redefined; names may share one."""
    return GUARDS + zlib.crc32(name.encode("utf-8", "surrogateescape")) % GUARD_COUNT
