"""What compiled code knows of functions whose bodies stand in it: a byte that a redefinition sets, and a digest that an image keeps."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from csl_native.image.container import digest

from ..objects import SYM_ENV
from ..vm import GUARD_COUNT, GUARDS, SLOTS

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp

KERNEL = b"kernel "  # how it begins in place of the digest of bytecode: the function is the kernel's own


def guard_of(name: str) -> int:
    """The place of the byte that says whether a function with this name was redefined; names may share one."""
    return GUARDS + zlib.crc32(name.encode("utf-8", "surrogateescape")) % GUARD_COUNT


def digest_of(lisp: Lisp, name: str) -> bytes:
    """What a function is now: the digest of its bytecode, or ``KERNEL`` and the names of its entries in the kernel."""
    m = lisp.machine
    symbol = m.intern(name)
    if lisp.is_bytecoded(symbol):
        return digest(m.raw(m.vector_items(m.field(symbol, SYM_ENV))[0]))
    entries = (m.entry_names[slot - SLOTS >> 3] for slot in lisp.cells(symbol) if SLOTS <= slot < m.cage["entry_top"])
    return KERNEL + " ".join(entries).encode()
