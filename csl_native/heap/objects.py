"""Object layouts, as rows: one table drives allocation, collector, preserve, verifier and inspector.

A cons is two words.  Every other object begins with a header word
``length_in_bytes << 8 | type << 3 | 7``, followed by ``length_in_bytes`` of
contents, and is padded to a multiple of 16 bytes.  Low bits 111 are no Lisp
value, so a heap can be walked object by object.
"""

from __future__ import annotations

from ..system.records import Record
from .words import FLOAT, HEADER, OTHER, STRING, SYMBOL, VECTOR


class Layout(Record):
    """``pointers``: how many of the content words are Lisp values (-1: all of them)."""

    name: str
    type: int
    tag: int
    pointers: int
    fields: tuple[str, ...] = ()
    meaning: str = ""


(T_SYMBOL, T_STRING, T_VECTOR, T_FLOAT, T_BIGPOS, T_BIGNEG, T_CODE, T_HASH, T_HANDLE, T_BYTES, T_RECORD, T_RATIO,
 T_COMPLEX) = range(1, 14)

LAYOUTS = (
    Layout("symbol", T_SYMBOL, SYMBOL, 6, ("value", "plist", "pname", "env", "flags", "spare", "fn1", "fn2", "fnn"),
           "the last three are entry slots, never addresses"),
    Layout("string", T_STRING, STRING, 0, (), "UTF-8 bytes"),
    Layout("vector", T_VECTOR, VECTOR, -1),
    Layout("float", T_FLOAT, FLOAT, 0, (), "one binary64"),
    Layout("bignum+", T_BIGPOS, OTHER, 0, (), "magnitude in 64-bit limbs, least significant first"),
    Layout("bignum-", T_BIGNEG, OTHER, 0, (), "magnitude of a negative integer"),
    Layout("code", T_CODE, OTHER, 0, (), "bytecode: see instructions/codec.py"),
    Layout("hash", T_HASH, OTHER, -1, ("kind", "count", "used", "slots", "epoch", "spare"),
           "slots is a vector of key, value pairs"),
    Layout("handle", T_HANDLE, OTHER, -1, ("kind", "number"), "an object of the host: a stream"),
    Layout("bytes", T_BYTES, OTHER, 1, ("kind", "data"), "a vector of machine numbers; kind is a fixnum"),
    Layout("record", T_RECORD, OTHER, -1),
    Layout("ratio", T_RATIO, OTHER, 2, ("numerator", "denominator"),
           "integers without a common divisor; the denominator is 2 or more"),
    Layout("complex", T_COMPLEX, OTHER, 2, ("real", "imaginary"), "two real numbers"),
)
BY_TYPE = {row.type: row for row in LAYOUTS}

# Number of pointer words by type, packed four bits each for the kernel; 15 = all.
POINTER_TABLE = sum((row.pointers & 15) << (4 * row.type) for row in LAYOUTS)

# Byte offsets of symbol fields from the tagged word.
SYM_VALUE, SYM_PLIST, SYM_PNAME, SYM_ENV, SYM_FLAGS, SYM_SPARE, SYM_FN1, SYM_FN2, SYM_FNN = (
    8 * k + 8 - SYMBOL for k in range(9))
SYMBOL_SIZE = 80
SYMBOL_HEADER = 72 << 8 | T_SYMBOL << 3 | HEADER

# Bits of a symbol's flags (a fixnum).
F_FLUID, F_GLOBAL, F_KEYWORD, F_SPECIAL, F_MACRO, F_GENSYM, F_FEXPR, F_CODE, F_UNNAMED, F_OPEN = (
    8 << k for k in range(10))
# F_UNNAMED: generated, and its name lacks the number until somebody wants to know it.
F_FORM = F_MACRO | F_FEXPR  # its function is given parts of the form

STRING_HEADER = T_STRING << 3 | HEADER
VECTOR_HEADER = T_VECTOR << 3 | HEADER
FLOAT_HEADER = 8 << 8 | T_FLOAT << 3 | HEADER
BIGPOS_HEADER = T_BIGPOS << 3 | HEADER
BIGNEG_HEADER = T_BIGNEG << 3 | HEADER
CODE_HEADER = T_CODE << 3 | HEADER
HASH_HEADER = 48 << 8 | T_HASH << 3 | HEADER
HANDLE_HEADER = 16 << 8 | T_HANDLE << 3 | HEADER
BYTES_HEADER = T_BYTES << 3 | HEADER
RATIO_HEADER = 16 << 8 | T_RATIO << 3 | HEADER
COMPLEX_HEADER = 16 << 8 | T_COMPLEX << 3 | HEADER

TYPE_BITS = 255  # header & TYPE_BITS identifies type and header tag
OTHER_TYPE = {row.type: row.type << 3 | HEADER for row in LAYOUTS}

HASH_KIND, HASH_COUNT, HASH_USED, HASH_SLOTS, HASH_EPOCH, HASH_SPARE = (8 * k + 8 - OTHER for k in range(6))


def header(kind: int, length: int) -> int:
    """The header word of an object of type ``kind`` with ``length`` content bytes."""
    return length << 8 | kind << 3 | HEADER


def object_size(length: int) -> int:
    """Bytes that an object with ``length`` content bytes occupies."""
    return (length + 23) & ~15

# the name of the symbol that is the first element of the vector of a C function's signature
SIGNATURE = "foreign-function"
