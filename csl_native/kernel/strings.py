"""Strings that are made and filled byte by byte, and names as strings; what is wrong is said by the host."""

from __future__ import annotations

from ..heap.words import STRING, SYMBOL, UNWIND
from ..restricted.language import lisp, load, store8, word
from .host import H_STRING_STORE, H_TEXT, X_ALLOCATE_STRING, X_ID2STRING, host
from .memory import make_string
from .symbols import print_name
from .text import copy_string

MOST = 1 << 20  # bytes of a string that is made without asking whether there is room


@lisp("id2string")
def id2string(x: word) -> word:
    """The name of a symbol as a new string; a string is itself.  (id2string 'abc) => "abc"
    """
    if x & 7 == SYMBOL:
        name = print_name(x)
        return copy_string(name) if name != UNWIND else name
    if x & 7 == STRING:
        return x
    return host(H_TEXT, X_ID2STRING, x, 0)


@lisp("allocate-string")
def allocate_string(n: word) -> word:
    """A new string of n bytes, all of them 0.  (string!-length (allocate!-string 3)) => 3"""
    if n & 7 == 0 and n >= 0 and n < MOST << 3:
        return make_string(n >> 3)
    return host(H_TEXT, X_ALLOCATE_STRING, n, 0)


@lisp("string-store")
def string_store(s: word, i: word, a: word) -> word:
    """Set a byte of a string to the code in the third argument; that code.
    (prog (s) (setq s (list2string '(97 98))) (string!-store s 0 99) (return s)) => "cb"
    """
    if s & 7 == STRING and i & 7 == 0 and a & 7 == 0 and i >= 0:
        if i >> 3 < load(s - STRING) >> 8:
            store8(s + 8 - STRING + (i >> 3), a >> 3)
            return a
    return host(H_STRING_STORE, s, i, a)
