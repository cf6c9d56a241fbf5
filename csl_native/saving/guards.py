"""What compiled code knows of functions whose bodies stand in it: a byte that a redefinition sets, and a digest that an
image keeps.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

from csl_native.image.container import digest

from ..heap.objects import SIGNATURE, SYM_ENV
from ..heap.vm import GUARD_COUNT, GUARDS, SLOTS
from ..heap.words import CONS, FLOAT, OTHER, STRING, SYMBOL, VECTOR
from ..instructions.layout import CODE_GIVEN
from ..system import utf8

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from ..lisp.lisp import Lisp

    class Reader(Protocol):
        """A heap, as far as a function's record needs it."""

        def raw(self, x: int) -> bytes: ...
        def label(self, x: int) -> str: ...
        def items(self, x: int) -> Iterable[int]: ...
        def vector_items(self, v: int) -> list[int]: ...

GIVEN = CODE_GIVEN + OTHER - 8  # in the contents of a code object
KERNEL = b"kernel "  # how it begins in place of the digest of bytecode: the function is the kernel's own


def guard_of(name: str) -> int:
    """The place of the byte that says whether a function with this name was redefined; names may share one."""
    return GUARDS + zlib.crc32(utf8.encode(name)) % GUARD_COUNT


def is_given(code: bytes) -> bool:
    """Has the program the literal vector of a function with this code object?  Then nothing of it stays what it is."""
    return len(code) > GIVEN and code[GIVEN] != 0


def function_digest(heap: Reader, symbol: int, literals: list[int]) -> bytes:
    """The digest of everything that the compiler reads of a function: native code that was made of it is right as long
    as that is the same.

    It reads the code object, which constants are the function's own symbol, floats (their value is folded), names of
    other functions (their body or their kernel function stands in place of calls), and signatures of C functions.
    Other constants it takes out of the literal vector when the code runs.
    """
    parts = [heap.raw(literals[0]), *(b"self" if x == symbol else constant_record(heap, x) for x in literals[1:])]
    return digest(b"".join(len(part).to_bytes(4, "little") + part for part in parts))


def constant_record(heap: Reader, x: int) -> bytes:
    """What the compiler reads of a constant."""
    tag = x & 7
    if tag == FLOAT:
        return b"float" + heap.raw(x)
    if tag == SYMBOL:
        return b"symbol" + utf8.encode(heap.label(x))
    if (tag == VECTOR and len(items := heap.vector_items(x)) == 6 and items[0] & 7 == SYMBOL
        and heap.label(items[0]) == SIGNATURE):
        return b"foreign" + signature_record(heap, items)
    return b""


def signature_record(heap: Reader, items: Iterable[int]) -> bytes:
    """The same of the parts of a signature."""
    def part(x: int) -> bytes:
        if x & 7 == CONS:
            return b"(" + signature_record(heap, heap.items(x)) + b")"
        return heap.raw(x) if x & 7 == STRING else constant_record(heap, x)
    return b" ".join(map(part, items))


def digest_of(lisp: Lisp, name: str) -> bytes:
    """What a function is now: the digest of what the compiler reads of it, or ``KERNEL`` and the names of its entries
    in the kernel.
    """
    m = lisp.machine
    symbol = m.intern(name)
    if lisp.is_bytecoded(symbol):
        return function_digest(m, symbol, m.vector_items(m.field(symbol, SYM_ENV)))
    entries = (m.entry_names[slot - SLOTS >> 3] for slot in lisp.cells(symbol) if SLOTS <= slot < m.cage["entry_top"])
    return KERNEL + " ".join(entries).encode()
