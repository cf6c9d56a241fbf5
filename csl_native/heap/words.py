"""Lisp values: 64-bit words with a tag in the low three bits.

A fixnum is ``n << 3``.  Every other value is the offset of an object from the
base of the cage plus the tag of its class, so a heap holds no addresses.
"""

from __future__ import annotations

FIXNUM, CONS, SYMBOL, STRING, VECTOR, FLOAT, OTHER, HEADER = range(8)
TAG_NAMES = ("fixnum", "cons", "symbol", "string", "vector", "float", "other", "header")

UNWIND = 7  # what a function returns when it did not return: an error or throw is under way

NO_ANSWER = 15  # what nobody answers with


def fixnum(n: int) -> int:
    return n << 3
