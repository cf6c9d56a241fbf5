"""Strings and characters.  A character is a symbol with a name of one character; strings are bytes of UTF-8."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..heap.words import OTHER, STRING, SYMBOL
from ..kernel.memory import NIL
from ..lisp.registry import Checked, Fixnum, String, Text, Value, builtin
from ..system import utf8
from .characters import is_character

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp


def text_of(lisp: Lisp, x: int, who: str) -> str:
    if x & 7 not in (STRING, SYMBOL):
        raise lisp.errors.plain(who, x)
    return lisp.machine.text(x)


@builtin("text string-length", 1)
def string_length(lisp: Lisp, x: String) -> int:
    return len(lisp.machine.string_bytes(x)) << 3


@builtin("text id2string", 1, 1, "id2string", "symbol-name", "string", wrong="symbol-name")
def id2string(lisp: Lisp, x: Text) -> int:
    return x if x & 7 == STRING else lisp.machine.string(lisp.machine.text(x))


@builtin("text list2string", 1)
def list2string(lisp: Lisp, x: Value) -> int:
    m = lisp.machine
    data = b""
    for item in m.items(x):
        if item & 7 == 0:
            n = item >> 3
            data += bytes([n & 255])
        elif item & 7 in (SYMBOL, STRING):
            data += utf8.encode(m.text(item))
        else:
            raise lisp.errors.plain("list2string", item)
    return m.string(data)


@builtin("text string2list", 1)
def string2list(lisp: Lisp, x: Text) -> int:
    m = lisp.machine
    data = utf8.encode(m.text(x))
    m.need(16 * len(data))
    return m.reversed_list(b << 3 for b in m.steps(reversed(data)))


@builtin("text allocate-string", 1, 1, "allocate-string", "make-simple-string", wrong="make-simple-string")
def allocate_string(lisp: Lisp, n: Fixnum) -> int:
    if n < 0:
        raise lisp.errors.plain("make-simple-string", n)
    return int(lisp.machine.kernel.make_string(n >> 3))


def store(lisp: Lisp, who: str, s: int, i: int, *bytes_: int) -> int:
    m = lisp.machine
    if s & 7 != STRING:
        raise lisp.errors.plain(who, s)
    size = m.words[s - STRING >> 3] >> 8
    for b in bytes_:
        if i & 7 == 0 and b & 7 and not is_character(lisp, b):
            raise lisp.errors.plain(f"{who} contents", b)
    if i & 7 or not 0 <= i >> 3 <= size - len(bytes_):
        raise lisp.errors.plain(who, i)
    for k, b in enumerate(bytes_):
        if is_character(lisp, b):
            b = m.field(b, 16 - OTHER)
        m.bytes[s + 8 - STRING + (i >> 3) + k] = b >> 3 & 255
    return bytes_[-1]


@builtin("string-store", 3, 3, "string-store1", "putv-char")
def string_store(lisp: Lisp, s: Checked, i: Checked, a: Checked) -> int:
    return store(lisp, "putv-char", s, i, a)


@builtin("string-store2", 4)
def string_store2(lisp: Lisp, s: Checked, i: Checked, a: Checked, b: Checked) -> int:
    """Set two bytes of a string from an index on; the last of them.
    (prog (s) (setq s (list2string '(97 97))) (string!-store2 s 0 98 99) (return s)) => "bc"
    """
    return store(lisp, "putv-char2", s, i, a, b)


@builtin("string-store3", 5)
def string_store3(lisp: Lisp, s: Checked, i: Checked, a: Checked, b: Checked, c: Checked) -> int:
    """Set three bytes of a string from an index on; the last of them.
    (string!-store3 (allocate!-string 3) 0 97 98 99) => 99
    """
    return store(lisp, "putv-char3", s, i, a, b, c)


@builtin("string-store4", 6)
def string_store4(lisp: Lisp, s: Checked, i: Checked, a: Checked, b: Checked, c: Checked, d: Checked) -> int:
    """Set four bytes of a string from an index on; the last of them.
    (string!-store4 (allocate!-string 4) 0 97 98 99 100) => 100
    """
    return store(lisp, "putv-char4", s, i, a, b, c, d)


@builtin("scharn", 2)
def scharn(lisp: Lisp, s: Text, i: Fixnum) -> int:
    """The byte of a string at an index from 0 on, as a number.  (scharn "abc" 1) => 98"""
    data = utf8.encode(lisp.machine.text(s))
    if not 0 <= i >> 3 < len(data):
        raise lisp.errors.plain("scharn", i)
    return data[i >> 3] << 3


@builtin("text schar", 2)
def schar(lisp: Lisp, s: Text, i: Checked) -> int:
    data = utf8.encode(lisp.machine.text(s))
    if i & 7 or i < 0:
        raise lisp.errors.plain("schar index type incorrect", i)
    if i >> 3 >= len(data):
        raise lisp.errors.plain("schar index out of range", i)
    return lisp.machine.symbol(chr(data[i >> 3]))


@builtin("bldmsg", 1, -1)
def bldmsg(lisp: Lisp, template: Text, *arguments: Value) -> int:
    """A string from a template, as in Portable Standard Lisp: %w as prin2 shows a value, %p as prin1, %d and %x
    numbers, %n a new line.
    (bldmsg "%w is %d" 'x 5) => "x is 5"
    """
    rest = iter(arguments)

    def part(match: re.Match[str]) -> str:
        kind = match[1].lower()
        if kind in "nf":
            return "\n"
        value = next(rest, None)
        if value is None:  # each % takes one
            raise lisp.errors.loud("attempt to take car of an atom:", NIL)
        if kind in "xob" and lisp.machine.is_integer(value):
            return format(lisp.machine.number(value), kind)
        return lisp.printer.text(value, kind in "pr")
    return lisp.machine.string(re.sub(r"%([a-zA-Z%])", part, lisp.machine.text(template)))


@builtin("concat", 0, -1)
def concat(lisp: Lisp, *parts: Text) -> int:
    """Strings, or names of symbols, joined to a string.  (concat "ab" 'cd) => "abcd"
    """
    m = lisp.machine
    strings = [m.name(p) if p & 7 == SYMBOL else p for p in m.steps(parts)]
    sizes = [m.header(s) >> 8 for s in m.steps(strings)]
    result: int = m.kernel.make_string(sum(sizes))
    at = result + 8 - STRING
    for s, size in m.steps(zip(strings, sizes, strict=True)):
        m.bytes[at:at + size] = m.bytes[s + 8 - STRING:s + 8 - STRING + size]
        at += size
    return result


@builtin("string-upcase", 1)
def string_upcase(lisp: Lisp, s: Text) -> int:
    """A string with capital letters in place of small ones.  (string!-upcase "aB") => "AB"
    """
    return lisp.machine.string(lisp.machine.text(s).upper())


@builtin("string-downcase", 1)
def string_downcase(lisp: Lisp, s: Text) -> int:
    """A string with small letters in place of capital ones.  (string!-downcase "aB") => "ab"
    """
    return lisp.machine.string(lisp.machine.text(s).lower())


@builtin("string-equal2", 2, wrong="string=")
def string_equal2(lisp: Lisp, a: Text, b: Text) -> int:
    """Are two strings the same, where capital and small letters count as the same?  (string!-equal2 "aB" "Ab") => t"""
    return lisp.truth(lisp.machine.text(a).lower() == lisp.machine.text(b).lower())


def string_order(name: str, wrong: str, test: Callable[[bytes, bytes], bool], asked: str,
                 folded: bool = False) -> None:
    """A comparison of two strings, of which small and capital letters are the same when ``folded``; true gives the
    place of the first difference.
    """
    said = f"Does the first string {asked} the second{', where capital and small letters count as the same' * folded}?"
    called = name.replace("-", "!-") if folded else "string" + "".join("!" + c if c != "2" else c for c in name[6:])
    first, second = ("ab", "ac") if test(b"ab", b"ac") else ("ac", "ab")

    @builtin(name, 2, wrong=wrong,
             meaning=f'{said}  The place of the first difference, or nil.  ({called} "{first}" "{second}") => 1')
    def call(lisp: Lisp, a: Text, b: Text) -> int:
        texts = [lisp.machine.text(s) for s in (a, b)]
        x, y = (utf8.encode(text).upper() if folded else utf8.encode(text) for text in texts)
        if not test(x, y):
            return NIL
        return next((k for k, (c, d) in enumerate(lisp.machine.steps(zip(x, y, strict=False))) if c != d),
                    min(len(x), len(y))) << 3


# under one name for each way and its opposite the original reports what is no string
for _plain, _folded, _wrong, _test, _asked in (
        ("<", "-lessp", ">", lambda x, y: x < y, "come before"),
        (">", "-greaterp", ">", lambda x, y: x > y, "come after"),
        ("<=", "-not-greaterp", "<=", lambda x, y: x <= y, "come before, or equal,"),
        (">=", "-not-lessp", "<=", lambda x, y: x >= y, "come after, or equal,"),
        ("/=", "-not-equal", "/=", lambda x, y: x != y, "differ from")):
    string_order(f"string{_plain}2", f"string{_wrong}", _test, _asked)
    string_order(f"string{_folded}2", f"string{_wrong}", _test, _asked, True)


@builtin("string=2", 2, wrong="string=")
def string_same2(lisp: Lisp, a: Text, b: Text) -> int:
    """Are two strings the same?  (string!=2 "ab" "ab") => t"""
    return lisp.truth(lisp.machine.text(a) == lisp.machine.text(b))
