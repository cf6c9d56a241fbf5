"""Vectors of values and of machine numbers, hash tables."""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING

from ..heap.objects import BYTES_HEADER, T_BYTES, T_RECORD
from ..heap.words import OTHER, STRING, SYMBOL, VECTOR
from ..kernel.memory import NIL
from ..lisp.handles import make_weak_table
from ..lisp.printer import BITS
from ..lisp.registry import Checked, Fixnum, Number, String, Value, Vector, builtin

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp

FORMATS = {8: "b", 16: "h", 32: "i", 64: "q"}


@builtin("list-to-vector", 1)
def list_to_vector(lisp: Lisp, x: Value) -> int:
    """A vector of the elements of a list.  (list!-to!-vector '(a b)) => [a b]"""
    return int(lisp.machine.kernel.list2vector(x))


@builtin("vector-to-list", 1)
def vector_to_list(lisp: Lisp, v: Vector) -> int:
    """The elements of a vector, as a list.  (vector!-to!-list (vector 'a 'b)) => (a b)"""
    return int(lisp.machine.kernel.vector2list(v))


@builtin("eupbv", 1)
def eupbv(lisp: Lisp, v: Value) -> int:
    """The highest index of a vector, or of the bytes of a string; nil for other values.  (eupbv (mkevect 2)) => 2"""
    m = lisp.machine
    if v & 7 == VECTOR or v & 7 == OTHER and m.header(v) >> 3 & 31 == T_RECORD:
        return (m.header(v) >> 11) - 1 << 3
    return (len(m.string_bytes(v)) - 1) << 3 if v & 7 == STRING else NIL


@builtin("byte-getv", 2)
def byte_getv(lisp: Lisp, s: String, i: Checked) -> int:
    """The byte of a string at an index from 0 on, as a number.  (byte!-getv "abc" 1) => 98"""
    data = lisp.machine.string_bytes(s)
    if i & 7 or not 0 <= i >> 3 < len(data):
        raise lisp.errors.plain("byte-getv", i)
    return data[i >> 3] << 3


@builtin("vector", 0, -1)
def vector(lisp: Lisp, *items: Value) -> int:
    """A vector of the arguments.  (vector 'a 'b) => [a b]"""
    return lisp.machine.vector(items)


@builtin("simple-vector-p", 1)
def simple_vector_p(lisp: Lisp, v: Value) -> int:
    """Is it a vector of values?  (simple!-vector!-p (vector 1)) => t"""
    return lisp.truth(v & 7 == VECTOR)


@builtin("threevectorp", 1)
def threevectorp(lisp: Lisp, v: Value) -> int:
    """Is it a vector of three elements?  (threevectorp (vector 1 2 3)) => t"""
    return lisp.truth(v & 7 == VECTOR and lisp.machine.vector_length(v) == 3)


def numeric(prefix: str, width: int, floating: bool) -> None:
    """mkvectN, getvN and putvN; the kind of the object is its element width in bytes, plus 16 for floats."""
    size = width // 8
    code = ("<f" if width == 32 else "<d") if floating else "<" + FORMATS[width]
    f = "f" if floating else ""
    kinds = f"floats of {width} bits" if floating else f"integers of {width} bits with a sign"
    value = "1.0" if floating else "1"

    @builtin(f"mk{f}vect{width}", 1, meaning=f"A new vector of {kinds} with the indices 0 to n, all zero.  "
                                             f"({f}getv{width} (mk{f}vect{width} 2) 2) => 0{'.0' * floating}")
    def make(lisp: Lisp, n: Checked) -> int:
        if n & 7 or n < 0:
            raise lisp.errors.plain(f"mk{f}vect{width}", n)
        kind = size | (16 if floating else 0)
        return lisp.machine.zeros(BYTES_HEADER, 8 + size * ((n >> 3) + 1), kind)

    def place(lisp: Lisp, who: str, v: int, i: int) -> int:
        m = lisp.machine
        if v & 7 != OTHER or m.header(v) >> 3 & 31 != T_BYTES or m.field(v, 8 - OTHER) >> 3 & 15 != size:
            raise lisp.errors.plain(who, v)
        if i & 7:
            raise lisp.errors.plain(f"{who} offset not fixnum", i)
        count = ((m.header(v) >> 8) - 8) // size
        if not 0 <= i >> 3 < count:
            raise lisp.errors.plain(f"{who} index range", i)
        return v + 16 - OTHER + size * (i >> 3)

    @builtin(f"{f}getv{width}", 2, meaning=f"The element at an index of a vector of {kinds}.  "
                                           f"({f}getv{width} (mk{f}vect{width} 2) 0) => 0{'.0' * floating}")
    def get(lisp: Lisp, v: Checked, i: Checked) -> int:
        p = place(lisp, f"{f}getv{width}", v, i)
        return lisp.from_number(struct.unpack_from(code, lisp.machine.bytes, p)[0])

    @builtin(f"{f}putv{width}", 3, meaning=f"Set the element at an index of a vector of {kinds}; the value.  "
                                           f"({f}putv{width} (mk{f}vect{width} 2) 0 {value}) => {value}")
    def put(lisp: Lisp, v: Checked, i: Checked, x: Number) -> int:
        p = place(lisp, f"{f}putv{width}", v, i)
        if floating:
            struct.pack_into(code, lisp.machine.bytes, p, lisp.to_double(x))
        else:
            value = lisp.to_number(x)
            if not math.isfinite(value if isinstance(value, float) else 0):
                raise lisp.errors.plain(f"{f}putv{width}", x)
            lisp.machine.bytes[p:p + size] = (int(value) & (1 << width) - 1).to_bytes(size, "little")
        return x


for _width in (8, 16, 32, 64):
    numeric("", _width, False)
for _width in (32, 64):
    numeric("f", _width, True)


# Vectors of bits: of bytes that are 0 or 1, with a mark in their kind.

def is_bits(lisp: Lisp, v: int) -> bool:
    m = lisp.machine
    return bool(v & 7 == OTHER and m.header(v) >> 3 & 31 == T_BYTES and m.field(v, 8 - OTHER) >> 3 & BITS)


@builtin("make-simple-bitvector", 1)
def make_simple_bitvector(lisp: Lisp, n: Checked) -> int:
    """A vector of so many bits, all 0.  (make!-simple!-bitvector 3) => #*000"""
    if n & 7 or n < 0:
        raise lisp.errors.plain("make-simple-bitvector", n)
    lisp.machine.need(n >> 3)
    return lisp.machine.object(BYTES_HEADER, struct.pack("<q", (BITS | 1) << 3) + bytes(n >> 3))


@builtin("bit-vector-p", 1, 1, "simple-bit-vector-p")
def bit_vector_p(lisp: Lisp, v: Value) -> int:
    """Is it a vector of bits?  (bit!-vector!-p (make!-simple!-bitvector 3)) => t  (bit!-vector!-p (mkvect 1)) => nil"""
    return lisp.truth(is_bits(lisp, v))


def bit_place(lisp: Lisp, who: str, v: int, i: int) -> int:
    if not is_bits(lisp, v):
        raise lisp.errors.plain(who, v)
    if i & 7:
        raise lisp.errors.plain(f"{who} offset not fixnum", i)
    if not 0 <= i >> 3 < (lisp.machine.header(v) >> 8) - 8:
        raise lisp.errors.plain(f"{who} index range", i)
    return v + 16 - OTHER + (i >> 3)


@builtin("getv-bit", 2, 2, "sbit")
def getv_bit(lisp: Lisp, v: Checked, i: Checked) -> int:
    """The bit at an index, from 0 on.  (getv!-bit (make!-simple!-bitvector 3) 2) => 0"""
    return lisp.machine.bytes[bit_place(lisp, "getv-bit", v, i)] << 3


@builtin("putv-bit", 3, 3, "sbitset")
def putv_bit(lisp: Lisp, v: Checked, i: Checked, bit: Fixnum) -> int:
    """Set the bit at an index; the bit.  (putv!-bit (make!-simple!-bitvector 3) 2 1) => 1"""
    if bit not in (0, 8):
        raise lisp.errors.plain("putv-bit contents", bit)
    lisp.machine.bytes[bit_place(lisp, "putv-bit", v, i)] = bit >> 3
    return bit


# What keys of a hash table are compared with, in place of its number.
TESTS = {"eq": 0, "eql": 1, "cl-equal": 2, "equal": 3, "equalp": 4}


@builtin("mkhash", 1, 3, "make-hash-table")
def mkhash(lisp: Lisp, size: Fixnum = 80, kind: Checked = 0, growth: Value = NIL) -> int:
    """A new hash table, for about size entries.  Its keys are compared by eq (0), eql (1), cl-equal (2), equal (3)
    or equalp (4), by number or by name; growth is ignored.
    (prog (h) (setq h (mkhash 8 'equal 1.5)) (puthash "k" h 1) (return (gethash "k" h))) => 1
    """
    if kind & 7 == SYMBOL and lisp.machine.text(kind) in TESTS:
        kind = TESTS[lisp.machine.text(kind)] << 3
    if kind & 7 or not 0 <= kind >> 3 <= 5:
        raise lisp.errors.plain("mkhash", kind)
    slots = 16
    while slots < (size if size != NIL else 80) >> 3 and slots < 1 << 20:
        slots *= 2
    table = int(lisp.machine.kernel.make_hash(kind, slots))
    return table


@builtin("text mkhash", 2, 2, wrong="mkhash")
def mkhash_of(lisp: Lisp, size: Fixnum, kind: Checked) -> int:
    return mkhash(lisp, size, kind)


@builtin("mkweakhash", 0)
def mkweakhash(lisp: Lisp) -> int:
    """A table with eq keys that does not keep its keys alive: an entry goes with its key.  A value that refers to
    its key keeps both.
    (prog (h) (setq h (mkweakhash)) (puthash 'a h 1) (return (gethash 'a h))) => 1
    """
    return make_weak_table(lisp.handles)


# There is no table that is meant when none is given, as the original has one: what is asked for is not there.
@builtin("gethash", 1, 3)
def gethash(lisp: Lisp, key: Value, h: Checked = 0, default: Value = NIL) -> int:
    """What a hash table has for a key; where there is nothing nil, or the default.
    (gethash 'a (mkhash 8 3 nil) 0) => 0
    """
    return int(lisp.machine.kernel.gethash3(key, h, default)) if h else NIL


@builtin("puthash", 2, 3)
def puthash(lisp: Lisp, key: Value, value: Value, *more: Value) -> int:
    """Put a value for a key into a hash table: (puthash key table value); the value.
    (prog (h) (setq h (mkhash 8 3 nil)) (return (puthash 'a h 1))) => 1
    """
    return value


@builtin("remhash", 1, 2)
def remhash(lisp: Lisp, key: Value, h: Value = NIL) -> int:
    """Take a key out of a hash table; t, or nil when it was not there.  (remhash 'a (mkhash 8 3 nil)) => nil"""
    return NIL  # without a table there is nothing to remove; the kernel has the other one


@builtin("clrhash", 0, 1)
def clrhash(lisp: Lisp, h: Value = NIL) -> int:
    """Take everything out of a hash table; nil.  (clrhash (mkhash 8 3 nil)) => nil"""
    return NIL


@builtin("maphash", 2)
def maphash(lisp: Lisp, f: Value, h: Checked) -> int:
    """Call a function with each key of a hash table and its value; nil.
    (prog (h) (setq h (mkhash 8 3 nil)) (puthash 'a h 1) (maphash 'prin2a!-pair h)) is an error
    """
    m = lisp.machine
    for pair in m.each(m.apply(m.intern("hashcontents"), [h])):
        lisp.apply(f, [m.car(pair), m.cdr(pair)])
    return NIL
