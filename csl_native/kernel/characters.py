"""Characters as symbols, while they are ASCII."""

from __future__ import annotations

from ..heap.words import STRING, SYMBOL, VECTOR
from ..restricted.language import inline, load, load8, noinline, word
from .memory import ROOT_CHARS, ROOT_VECTOR
from .symbols import given_name

CHARS = ROOT_VECTOR + 8 - VECTOR + 8 * ROOT_CHARS


@noinline
def ascii_char(x: word) -> word:
    """The code of a one-character symbol or string when it is ASCII, else -1."""
    s = given_name(x) if x & 7 == SYMBOL else x if x & 7 == STRING else 0
    if s != 0:
        if load(s - STRING) >> 8 == 1:
            b = load8(s + 8 - STRING)
            if b < 128:
                return b
    return -1


@inline
def character(code: word) -> word:
    """The symbol of an ASCII character."""
    return load(load(CHARS) + 8 - VECTOR + 8 * code)
