"""Strings and characters.  A character is a symbol with a name of one character; strings are bytes of UTF-8."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from ... import utf8
from ...kernel.memory import NIL
from ...words import OTHER, STRING, SYMBOL
from ..handles import CHARACTER
from ..registry import Checked, Fixnum, String, Text, Value, builtin

if TYPE_CHECKING:
    from ..lisp import Lisp


def text_of(lisp: Lisp, x: int, who: str) -> str:
    if x & 7 not in (STRING, SYMBOL):
        raise lisp.errors.plain(who, x)
    return lisp.machine.text(x)


@builtin("text string-length", 1)
def string_length(lisp: Lisp, x: String) -> int:
    return len(lisp.machine.string_bytes(x)) << 3


@builtin("id2string", 1, 1, "symbol-name", "string", wrong="symbol-name")
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
    return lisp.machine.list([b << 3 for b in utf8.encode(lisp.machine.text(x))])


@builtin("list-to-symbol", 1)
def list_to_symbol(lisp: Lisp, x: Value) -> int:
    return lisp.machine.intern(lisp.machine.text(list2string(lisp, x)))


@builtin("allocate-string", 1, 1, "make-simple-string", wrong="make-simple-string")
def allocate_string(lisp: Lisp, n: Fixnum) -> int:
    if n < 0:
        raise lisp.errors.plain("make-simple-string", n)
    lisp.machine.need(n >> 3)
    return lisp.machine.string(b"\0" * (n >> 3))


def store(lisp: Lisp, who: str, s: int, i: int, *bytes_: int) -> int:
    m = lisp.machine
    if s & 7 != STRING:
        raise lisp.errors.plain(who, s)
    size = m.words[s - STRING >> 3] >> 8
    if i & 7 or not 0 <= i >> 3 <= size - len(bytes_):
        raise lisp.errors.plain(who, i)
    for k, b in enumerate(bytes_):
        if is_character(lisp, b):
            b = m.field(b, 16 - OTHER)
        if b & 7:
            raise lisp.errors.plain(f"{who} contents", b)
        m.bytes[s + 8 - STRING + (i >> 3) + k] = b >> 3 & 255
    return bytes_[-1]


@builtin("string-store", 3, 3, "string-store1", "putv-char")
def string_store(lisp: Lisp, s: Checked, i: Checked, a: Checked) -> int:
    return store(lisp, "putv-char", s, i, a)


@builtin("string-store2", 4)
def string_store2(lisp: Lisp, s: Checked, i: Checked, a: Checked, b: Checked) -> int:
    return store(lisp, "putv-char2", s, i, a, b)


@builtin("string-store3", 5)
def string_store3(lisp: Lisp, s: Checked, i: Checked, a: Checked, b: Checked, c: Checked) -> int:
    return store(lisp, "putv-char3", s, i, a, b, c)


@builtin("string-store4", 6)
def string_store4(lisp: Lisp, s: Checked, i: Checked, a: Checked, b: Checked, c: Checked, d: Checked) -> int:
    return store(lisp, "putv-char4", s, i, a, b, c, d)


@builtin("scharn", 2)
def scharn(lisp: Lisp, s: Text, i: Fixnum) -> int:
    data = utf8.encode(lisp.machine.text(s))
    if not 0 <= i >> 3 < len(data):
        raise lisp.errors.plain("scharn", i)
    return data[i >> 3] << 3


@builtin("text schar", 2)
def schar(lisp: Lisp, s: Text, i: Checked) -> int:
    data = utf8.encode(lisp.machine.text(s))
    if i & 7 or not 0 <= i >> 3 < len(data):
        raise lisp.errors.plain("schar index out of range", i)
    return lisp.machine.intern(chr(data[i >> 3]))


@builtin("text char-code", 1)
def char_code(lisp: Lisp, c: Checked) -> int:
    if c & 7 == 0:
        return c
    if is_character(lisp, c):
        return lisp.machine.field(c, 16 - OTHER)
    text = text_of(lisp, c, "char-code")
    return (ord(text[0]) if text else 0) << 3


@builtin("text code-char", 1, wrong="bad args for code-char")
def code_char(lisp: Lisp, n: Fixnum) -> int:
    if not 0 <= n >> 3 <= 0x10FFFF:
        raise lisp.errors.bare("bad args for code-char")
    return lisp.machine.intern(chr(n >> 3))


@builtin("bldmsg", 1, -1)
def bldmsg(lisp: Lisp, template: Text, *arguments: Value) -> int:
    """A string from a template, as in Portable Standard Lisp: %w as prin2 shows a value, %p as prin1, %d and %x numbers, %n a new line."""
    rest = iter(arguments)

    def part(match: re.Match[str]) -> str:
        kind = match[1].lower()
        if kind in "%nf":
            return {"%": "%", "n": "\n", "f": "\n"}[kind]
        value = next(rest, NIL)
        if kind in "xob" and lisp.machine.is_integer(value):
            return format(lisp.machine.number(value), kind)
        return lisp.printer.text(value, kind in "prl")
    return lisp.machine.string(re.sub(r"%([a-zA-Z%])", part, lisp.machine.text(template)))


@builtin("special-char", 1, wrong="bad args for special-char")
def special_char(lisp: Lisp, n: Fixnum) -> int:
    table = {0: " ", 1: "\n", 2: "\b", 3: "\t", 4: "\v", 5: "\f", 6: "\r", 7: "\x7f", 8: "\0", 9: "\x07"}
    if n >> 3 in table:
        return character_object(lisp, ord(table[n >> 3]))
    raise lisp.errors.bare("bad args for special-char")


def character_object(lisp: Lisp, code: int) -> int:
    """The one object that is a character and no symbol; it prints as #\\c."""
    m = lisp.machine
    symbol, key = m.intern(chr(code)), m.intern("~character")
    found = int(m.kernel.get(symbol, key))
    if found == NIL:
        found = int(m.kernel.make_handle(CHARACTER, code << 3))
        m.kernel.put(symbol, key, found)
    return found


@builtin("int-char", 1, wrong="bad args for int-char")
def int_char(lisp: Lisp, n: Fixnum) -> int:
    if not 0 <= n >> 3 <= 0x10FFFF:
        raise lisp.errors.bare("bad args for int-char")
    return character_object(lisp, n >> 3)


@builtin("digit-char", 1, 3, wrong="bad args for digit-char")
def digit_char(lisp: Lisp, n: Fixnum, radix: Fixnum = 80, font: Value = NIL) -> int:
    """The character object of a digit, or nil when the radix has no such digit."""
    if not 2 <= radix >> 3 <= 36:
        raise lisp.errors.bare("bad args for digit-char")
    return character_object(lisp, ord("0123456789abcdefghijklmnopqrstuvwxyz"[n >> 3])) if 0 <= n < radix else NIL


def is_character(lisp: Lisp, c: int) -> bool:
    return lisp.handles.kind(c) == CHARACTER


@builtin("characterp", 1)
def characterp(lisp: Lisp, c: Value) -> int:
    return lisp.truth(is_character(lisp, c))


def character(lisp: Lisp, c: int) -> str:
    if c & 7 in (SYMBOL, STRING):
        text = lisp.machine.text(c)
        return text if len(text) == 1 else ""
    if is_character(lisp, c):
        c = lisp.machine.field(c, 16 - OTHER)
    return chr(c >> 3) if c & 7 == 0 and 0 <= c >> 3 < 0x110000 else ""


@builtin("text liter", 1)
def liter(lisp: Lisp, c: Value) -> int:
    return lisp.truth(c & 7 in (SYMBOL, STRING) and character(lisp, c).isalpha())


@builtin("text digit", 1)
def digit(lisp: Lisp, c: Value) -> int:
    text = character(lisp, c) if c & 7 in (SYMBOL, STRING) else ""
    return lisp.truth(text != "" and text in "0123456789")


@builtin("text seprp", 1)
def seprp(lisp: Lisp, c: Value) -> int:
    return lisp.truth(c & 7 in (SYMBOL, STRING) and character(lisp, c) in tuple(" \n\t\f\r"))


def recase(lisp: Lisp, c: int, who: str, function: Callable[[str], str]) -> int:
    text = character(lisp, c)
    if not text:
        raise lisp.errors.bare(f"bad args for {who}")
    return lisp.machine.intern(function(text))


@builtin("char-upcase", 1)
def char_upcase(lisp: Lisp, c: Checked) -> int:
    return recase(lisp, c, "char-upcase", str.upper)


@builtin("char-downcase", 1)
def char_downcase(lisp: Lisp, c: Checked) -> int:
    return recase(lisp, c, "char-downcase", str.lower)


@builtin("upper-case-p", 1)
def upper_case_p(lisp: Lisp, c: Value) -> int:
    return lisp.truth(character(lisp, c).isupper())


@builtin("lower-case-p", 1)
def lower_case_p(lisp: Lisp, c: Value) -> int:
    return lisp.truth(character(lisp, c).islower())


@builtin("utf8-encode", 1)
def utf8_encode(lisp: Lisp, n: Fixnum) -> int:
    return lisp.machine.list([b << 3 for b in chr(n >> 3).encode()])


@builtin("utf8-decode", 1)
def utf8_decode(lisp: Lisp, x: Checked) -> int:
    """The code point of a list of bytes."""
    codes = list(lisp.machine.items(x))
    try:
        return ord(bytes(i >> 3 for i in codes).decode()) << 3
    except (ValueError, TypeError):  # no byte; no UTF-8; not one character
        raise lisp.errors.plain("utf8-decode", x) from None


@builtin("concat", 0, -1)
def concat(lisp: Lisp, *parts: Text) -> int:
    m = lisp.machine
    strings = [m.name(p) if p & 7 == SYMBOL else p for p in parts]
    sizes = [m.header(s) >> 8 for s in strings]
    result: int = m.kernel.make_string(sum(sizes))
    at = result + 8 - STRING
    for s, size in zip(strings, sizes, strict=True):
        m.bytes[at:at + size] = m.bytes[s + 8 - STRING:s + 8 - STRING + size]
        at += size
    return result


@builtin("string-upcase", 1)
def string_upcase(lisp: Lisp, s: Text) -> int:
    return lisp.machine.string(lisp.machine.text(s).upper())


@builtin("string-downcase", 1)
def string_downcase(lisp: Lisp, s: Text) -> int:
    return lisp.machine.string(lisp.machine.text(s).lower())


@builtin("string-equal2", 2)
def string_equal2(lisp: Lisp, a: Text, b: Text) -> int:
    return lisp.truth(lisp.machine.text(a).lower() == lisp.machine.text(b).lower())


def string_order(name: str, test: Callable[[bytes, bytes], bool]) -> None:
    """A comparison of two strings; true gives the place of the first difference."""
    @builtin(name, 2)
    def call(lisp: Lisp, a: Text, b: Text) -> int:
        x, y = (utf8.encode(lisp.machine.text(s)) for s in (a, b))
        if not test(x, y):
            return NIL
        return next((k for k, (c, d) in enumerate(zip(x, y, strict=False)) if c != d), min(len(x), len(y))) << 3


string_order("string<2", lambda x, y: x < y)
string_order("string>2", lambda x, y: x > y)
string_order("string<=2", lambda x, y: x <= y)
string_order("string>=2", lambda x, y: x >= y)
string_order("string/=2", lambda x, y: x != y)


@builtin("string=2", 2)
def string_same2(lisp: Lisp, a: Text, b: Text) -> int:
    return lisp.truth(lisp.machine.text(a) == lisp.machine.text(b))


@builtin("digit-char-p", 1)
def digit_char_p(lisp: Lisp, c: Value) -> int:
    text = character(lisp, c)
    return int(text) << 3 if text != "" and text in "0123456789" else NIL


@builtin("both-case-p", 1)
def both_case_p(lisp: Lisp, c: Value) -> int:
    text = character(lisp, c)
    return lisp.truth(text.upper() != text.lower())


@builtin("graphic-char-p", 1)
def graphic_char_p(lisp: Lisp, c: Value) -> int:
    return lisp.truth(character(lisp, c).isprintable() and character(lisp, c) != "")
