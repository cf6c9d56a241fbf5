"""Characters: symbols with a name of one character, and objects of their own, which print as #\\c."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING

from ..heap.words import OTHER, STRING, SYMBOL
from ..kernel.memory import NIL
from ..lisp.handles import CHARACTER
from ..lisp.registry import Checked, Fixnum, Value, builtin

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp

DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"

@builtin("text char-code", 1)
def char_code(lisp: Lisp, c: Checked) -> int:
    if c & 7 == 0:
        return c
    if is_character(lisp, c):
        return lisp.machine.field(c, 16 - OTHER)
    if c & 7 not in (STRING, SYMBOL):
        raise lisp.errors.plain("char-code", c)
    text = lisp.machine.text(c)
    if len(text) > 1:
        raise lisp.errors.bare("bad args for char-code")
    return (ord(text[0]) if text else 0) << 3


@builtin("text code-char", 1, wrong="bad args for code-char")
def code_char(lisp: Lisp, n: Fixnum) -> int:
    if not 0 <= n >> 3 <= 0x10FFFF:
        raise lisp.errors.bare("bad args for code-char")
    return lisp.machine.symbol(chr(n >> 3))


@builtin("special-char", 1, wrong="bad args for special-char")
def special_char(lisp: Lisp, n: Fixnum) -> int:
    """A character object by number: 0 blank, 1 new line, 2 backspace, 3 tab, 4 vertical tab, 5 form feed, 6 carriage
    return, 7 delete, 8 the code 0, 9 bell,
    10 escape.
    (char!-code (special!-char 0)) => 32
    """
    table = {0: " ", 1: "\n", 2: "\b", 3: "\t", 4: "\v", 5: "\f", 6: "\r", 7: "\x7f", 8: "\0", 9: "\x07", 10: "\x1b"}
    if n >> 3 in table:
        return character_object(lisp, ord(table[n >> 3]))
    raise lisp.errors.bare("bad args for special-char")


def character_object(lisp: Lisp, code: int) -> int:
    """The one object that is a character and no symbol; it prints as #\\c."""
    m = lisp.machine
    symbol, key = m.symbol(chr(code)), m.intern("~character")
    found = int(m.kernel.get(symbol, key))
    if found == NIL:
        found = int(m.kernel.make_handle(CHARACTER, code << 3))
        m.kernel.put(symbol, key, found)
    return found


@builtin("int-char", 1)
def int_char(lisp: Lisp, n: Value) -> int:
    r"""The character object with a code; nil for what is no small integer.  (int!-char 97) => #\a"""
    if n & 7:
        return NIL
    if not 0 <= n >> 3 <= 0x10FFFF:
        raise lisp.errors.bare("bad args for int-char")
    return character_object(lisp, n >> 3)


@builtin("digit-char", 1, 3)
def digit_char(lisp: Lisp, n: Value, radix: Value = 80, font: Value = NIL) -> int:
    r"""The character object of a digit; nil where the radix has no such digit, or is below 2.
    (digit!-char 11 16) => #\b
    """
    if (n | radix) & 7 or not 2 <= radix >> 3 <= 36 or not 0 <= n < radix:
        return NIL
    return character_object(lisp, ord(DIGITS[n >> 3]))


def is_character(lisp: Lisp, c: int) -> bool:
    return lisp.handles.kind(c) == CHARACTER


@builtin("characterp", 1)
def characterp(lisp: Lisp, c: Value) -> int:
    """Is it a character object?  Symbols of one character are none.
    (characterp (int!-char 97)) => t  (characterp 'a) => nil
    """
    return lisp.truth(is_character(lisp, c))


def character(lisp: Lisp, c: int) -> str:
    if c & 7 in (SYMBOL, STRING):
        text = lisp.machine.text(c)
        return text if len(text) == 1 else ""
    if is_character(lisp, c):
        c = lisp.machine.field(c, 16 - OTHER)
    return chr(c >> 3) if c & 7 == 0 and 0 <= c >> 3 < 0x110000 else ""


def letter(c: str) -> bool:
    """Is it one of the letters that the original's functions of single characters know?  They are those of ASCII."""
    return c.isascii() and c.isalpha()


@builtin("text liter", 1)
def liter(lisp: Lisp, c: Value) -> int:
    return lisp.truth(c & 7 in (SYMBOL, STRING) and letter(character(lisp, c)))


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
    return lisp.machine.symbol(function(text) if letter(text) else text)


@builtin("char-upcase", 1)
def char_upcase(lisp: Lisp, c: Checked) -> int:
    """The capital letter of a character, as a symbol.  (char!-upcase 'a) => !A"""
    return recase(lisp, c, "char-upcase", str.upper)


@builtin("char-downcase", 1)
def char_downcase(lisp: Lisp, c: Checked) -> int:
    """The small letter of a character, as a symbol.  (char!-downcase '!A) => a"""
    return recase(lisp, c, "char-downcase", str.lower)


@builtin("upper-case-p", 1)
def upper_case_p(lisp: Lisp, c: Value) -> int:
    """Is it a capital letter?  (upper!-case!-p '!A) => t"""
    text = character(lisp, c)
    return lisp.truth(letter(text) and text.isupper())


@builtin("lower-case-p", 1)
def lower_case_p(lisp: Lisp, c: Value) -> int:
    """Is it a small letter?  (lower!-case!-p 'a) => t"""
    text = character(lisp, c)
    return lisp.truth(letter(text) and text.islower())


@builtin("utf8-encode", 1)
def utf8_encode(lisp: Lisp, n: Fixnum) -> int:
    """The bytes of a character's code in UTF-8, as a list.  (utf8!-encode 228) => (195 164)"""
    code = n >> 3 & 0x1FFFFF  # as many as four bytes have room for
    first = code if code < 0x80 else 0xC0 | code >> 6 if code < 0x800 else 0xE0 | code >> 12
    later = 0 if code < 0x80 else 1 if code < 0x800 else 2 if code < 0x10000 else 3
    first = 0xF0 | code >> 18 if later == 3 else first
    return lisp.machine.list([first << 3] + [(0x80 | code >> 6 * k & 0x3F) << 3 for k in reversed(range(later))])


@builtin("utf8-decode", 1, -1, wrong="bad args for utf8-decode")
def utf8_decode(lisp: Lisp, x: Checked, *more: Fixnum) -> int:
    """The code of the character that some bytes are, which come one by one or as a list.
    (utf8!-decode 195 164) => 228
    """
    m = lisp.machine
    codes = [x, *more] if x & 7 == 0 or more else list(m.items(x))
    try:
        return ord(bytes(i >> 3 if i & 7 == 0 else -1 for i in m.steps(codes)).decode()) << 3
    except (ValueError, TypeError):  # no byte; no UTF-8; not one character
        raise lisp.errors.bare("bad args for utf8-decode") from None


@builtin("digit-char-p", 1, 2)
def digit_char_p(lisp: Lisp, c: Value, radix: Checked = 80) -> int:
    """The value of a digit in a radix from 2 to 36, or nil; the radix is 10 unless given.
    (digit!-char!-p 'b 16) => 11
    """
    if radix & 7 or not 2 <= radix >> 3 <= 36:
        raise lisp.errors.plain("digit-char-p", radix)
    text = character(lisp, c).lower()
    value = DIGITS.find(text) if text else -1
    return value << 3 if 0 <= value << 3 < radix else NIL


@builtin("both-case-p", 1)
def both_case_p(lisp: Lisp, c: Value) -> int:
    """Is it a letter that has a small and a capital form?  (both!-case!-p 'a) => t"""
    text = character(lisp, c)
    return lisp.truth(text.upper() != text.lower())


@builtin("graphic-char-p", 1)
def graphic_char_p(lisp: Lisp, c: Value) -> int:
    """Is it a printable character of ASCII?  (graphic!-char!-p 'a) => t"""
    text = character(lisp, c)
    return lisp.truth(text != "" and text.isascii() and text.isprintable())


@builtin("alpha-char-p", 1)
def alpha_char_p(lisp: Lisp, c: Value) -> int:
    """Is it a letter of ASCII?  (alpha!-char!-p 'a) => t"""
    text = character(lisp, c)
    return lisp.truth(text.isascii() and text.isalpha())


@builtin("character", 1)
def character_(lisp: Lisp, c: Value) -> int:
    r"""The character object of a symbol or string of one character; other values are themselves.
    (character 'a) => #\a
    """
    text = character(lisp, c) if c & 7 in (SYMBOL, STRING) else ""
    return character_object(lisp, ord(text)) if text else c


@builtin("make-char", 1, 3, wrong="bad args for make-char")
def make_char(lisp: Lisp, code: Fixnum, bits: Value = NIL, font: Value = NIL) -> int:
    r"""The character object with a code; attributes are ignored.  (make!-char 97) => #\a"""
    return int_char(lisp, code)


@builtin("char-int", 1)
def char_int(lisp: Lisp, c: Checked) -> int:
    """The code of a character, as `char-code` gives it.  (char!-int 'a) => 97"""
    return char_code(lisp, c)


@builtin("char-bits", 1, 1, "char-font")
def char_bits(lisp: Lisp, c: Value) -> int:
    """The attributes of a character, which has none: 0.  (char!-bits 'a) => 0"""
    if not character(lisp, c):
        raise lisp.errors.bare("bad args for char-bits")
    return 0


def char_order(name: str, test: Callable[[int, int], bool], folded: bool) -> None:
    """A comparison of character objects: of all neighbours, and where it asks for different ones, of all pairs."""
    cases = ", where capital and small letters count as the same" * folded
    asked = {"eq": "Are all character objects the same", "ne": "Are all of them different character objects",
             "lt": "Does each character object come before the next one",
             "gt": "Does each character object come after the next one", "le": "Does no character object come after "
                                                                               "the next one",
             "ge": "Does no character object come before the next one"}
    letters = [f"(int!-char {code})" for code in {"gt": (98, 97), "ge": (98, 97),
                                                  "eq": (97, 97)}.get(test.__name__, (97, 98))]
    example = (f"({name.replace('-', '!-') if folded else 'char' + ''.join('!' + c for c in name[4:])} "
               f"{' '.join(letters)}) => t")

    @builtin(name, 0, -1, meaning=f"{asked[test.__name__]}{cases}?  {example}")
    def call(lisp: Lisp, *arguments: Checked) -> int:
        m = lisp.machine
        for c in m.steps(arguments):
            if not is_character(lisp, c):
                raise lisp.errors.plain("Character object expected", c)
        texts = [chr(m.field(c, 16 - OTHER) >> 3) for c in m.steps(arguments)]
        codes = [ord(text.lower()[0] if folded else text) for text in m.steps(texts)]
        if test is operator.ne:
            return lisp.truth(len(set(codes)) == len(codes))
        return lisp.truth(all(test(a, b) for a, b in m.steps(zip(codes, codes[1:], strict=False))))


for _plain, _folded, _test in (("=", "-equal", operator.eq), ("/=", "-not-equal", operator.ne),
                               ("<", "-lessp", operator.lt),
                               (">", "-greaterp", operator.gt), ("<=", "-not-greaterp", operator.le),
                               (">=", "-not-lessp", operator.ge)):
    char_order(f"char{_plain}", _test, False)
    char_order(f"char{_folded}", _test, True)
