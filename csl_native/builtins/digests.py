"""Digests of values: MD5 of a text that the original makes of them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from ..heap.words import STRING
from ..lisp.registry import String, Text, Value, builtin
from ..system import utf8

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp

PIECE = 1 << 20  # characters between two looks
SMALL = (1 << 28) - 1  # the part of an integer that counts


def digested(lisp: Lisp, x: int) -> str:
    """The text that stands for a value: what prin1 shows, but of a small integer hexadecimal digits, and of a string no
    last quote.
    """
    if x & 7 == 0:
        return f"{x >> 3 & SMALL:07x} "
    return '"' + lisp.machine.text(x) if x & 7 == STRING else lisp.printer.text(x)


def digest(lisp: Lisp, text: str) -> bytes:
    made = hashlib.md5(usedforsecurity=False)
    for at in lisp.machine.steps(range(0, len(text), PIECE)):
        made.update(utf8.encode(text[at:at + PIECE]))
    return made.digest()


def sixty(lisp: Lisp, x: int) -> int:
    return int.from_bytes(digest(lisp, digested(lisp, x))[:8], "little") >> 5


@builtin("md5", 1)
def md5(lisp: Lisp, x: Value) -> int:
    """The MD5 digest of a value's text, as an integer.  (md5 'a) => 129134844867590561315626153795017621772"""
    return lisp.machine.integer(int.from_bytes(digest(lisp, digested(lisp, x)), "little"))


@builtin("md5string", 1)
def md5string(lisp: Lisp, x: String) -> int:
    """The MD5 digest of a string's bytes as an integer; the bytes are printed, too.
    (md5string "") prints d4 1d 8c d9 8f 0 b2 4 e9 80 9 98 ec f8 42 7e
    """
    found = digest(lisp, lisp.machine.text(x))
    lisp.output.write("".join(f"{b:x} " for b in found) + "\n")
    return lisp.machine.integer(int.from_bytes(found, "little"))


@builtin("md60", 1)
def md60(lisp: Lisp, x: Value) -> int:
    """A small integer out of the MD5 digest of a value.  (md60 'a) => 379911564193148424"""
    return sixty(lisp, x) << 3


@builtin("hashtagged-name", 2)
def hashtagged_name(lisp: Lisp, name: Text, value: Value) -> int:
    """A symbol whose name is a given one followed by a number out of the digest of a value.
    (idp (hashtagged!-name 'x '(1 2))) => t
    """
    return lisp.machine.symbol(f"{lisp.machine.text(name)}_{sixty(lisp, value):x}")
