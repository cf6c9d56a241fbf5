"""Characters, strings and symbol names while they are ASCII; everything else is asked of the host."""

from __future__ import annotations

from ..heap.objects import F_GENSYM, F_UNNAMED, SYM_FLAGS, SYM_VALUE
from ..heap.vm import READ_AT, READ_END
from ..heap.words import CONS, FLOAT, STRING, SYMBOL, UNWIND, VECTOR
from ..restricted.language import inline, lisp, load, load8, onepass, store, store8, word
from .arithmetic import truth
from .bignum import is_big
from .calls import SLOT_UNDEFINED1, SLOT_UNDEFINED2, SLOT_UNDEFINEDN
from .characters import ascii_char, character
from .host import (
    H_BAD_SYMBOL,
    H_READCH,
    H_TEXT,
    O_ID2INT,
    X_CHAR_CODE,
    X_CODE_CHAR,
    X_COMPRESS,
    X_DIGIT,
    X_EXPLODE,
    X_EXPLODE2,
    X_EXPLODE2LC,
    X_EXPLODE2UC,
    X_INTERN,
    X_LIST2STRING,
    X_LITER,
    X_SCHAR,
    X_SEPRP,
    X_STRING2LIST,
    X_STRING_LENGTH,
    X_WIDELENGTHC,
    host,
)
from .memory import NIL, ROOT_ECHO, ROOT_LOWER, ROOT_RAISE, ROOT_VECTOR, UNSET, cons, make_string, make_symbol, poll
from .numerals import digits, float_characters, long_integer_of, number_of
from .printing import QUOTE, digits_wanted, shown
from .radix import decimal_string
from .safepoint import safepoint
from .symbols import find_symbol, hash_string, intern, print_name

RAISE = ROOT_VECTOR + 8 - VECTOR + 8 * ROOT_RAISE
LOWER = ROOT_VECTOR + 8 - VECTOR + 8 * ROOT_LOWER
ECHO = ROOT_VECTOR + 8 - VECTOR + 8 * ROOT_ECHO


@inline
def name_of(x: word) -> word:
    """The string of a symbol or string, or 0; or UNWIND, when a generated symbol gets no name."""
    return print_name(x) if x & 7 == SYMBOL else x if x & 7 == STRING else 0


@inline
def printed_string(x: word) -> word:
    """What prin2 writes of a symbol, a string or a long integer, or 0; or UNWIND."""
    return decimal_string(x) if is_big(x) else name_of(x) if x != UNSET else 0


@lisp("readch", "also")
def readch() -> word:
    """The next character of the current input, as the host laid out the rest of its line, or asked of the host, which
    also prints what it reads.
    """
    at = load(READ_AT)
    if at == load(READ_END):
        return host(H_READCH, 0, 0, 0)
    b = load8(at)
    if load(load(ECHO) + SYM_VALUE) != NIL and not shown(b):
        return host(H_READCH, 0, 0, 0)
    store(READ_AT, at + 1)
    return character(in_case(b))


@inline
def in_case(b: word) -> word:
    """A byte that was read, in the case that *lower and *raise ask for."""
    if load(load(LOWER) + SYM_VALUE) != NIL:
        if b >= 65 and b <= 90:
            b += 32
    elif load(load(RAISE) + SYM_VALUE) != NIL:
        if b >= 97 and b <= 122:
            b -= 32
    return b


@lisp("liter")
def liter(x: word) -> word:
    """Is it a symbol that is a letter?  (liter 'a) => t"""
    b = ascii_char(x)
    if b >= 0:
        return truth((b | 32) >= 97 and (b | 32) <= 122)
    return host(H_TEXT, X_LITER, x, 0)


@lisp("digit")
def digit(x: word) -> word:
    """Is it a symbol that is a digit?  (digit '!5) => t"""
    b = ascii_char(x)
    if b >= 0:
        return truth(b >= 48 and b <= 57)
    return host(H_TEXT, X_DIGIT, x, 0) if x & 7 == STRING else NIL


@lisp("seprp")
def seprp(x: word) -> word:
    """Is it a symbol that separates words: blank, new line, tab, form feed or carriage return?  (seprp '! ) => t"""
    b = ascii_char(x)
    if b >= 0:
        return truth(b == 32 or b == 10 or b == 9 or b == 12 or b == 13)
    return host(H_TEXT, X_SEPRP, x, 0)


@lisp("char-code")
def char_code(x: word) -> word:
    """The code of a character: of a symbol or string, of its first one.  (char!-code 'a) => 97"""
    b = ascii_char(x)
    if b >= 0:
        return b << 3
    return host(H_TEXT, X_CHAR_CODE, x, 0)


@lisp("id2int")
def id2int(x: word) -> word:
    """The code of a character; of nil and of longer names a number from 256 on.  (id2int 'a) => 97"""
    if x & 7 != SYMBOL:
        return host(H_BAD_SYMBOL, O_ID2INT, x, 0)
    if x == NIL:
        return 256 << 3
    name = print_name(x)
    if name == UNWIND:
        return UNWIND
    if is_one_character(name):
        return char_code(x)
    n = hash_string(name) & 0x3FFFFF
    return (n if n > 256 else n + 257) << 3


def is_one_character(s: word) -> bool:
    """Whether a string is one character of UTF-8, of which the first byte says how many bytes it has."""
    n = load(s - STRING) >> 8
    b = load8(s + 8 - STRING) if n > 0 else 0
    return n == (4 if b >= 0xF0 else 3 if b >= 0xE0 else 2 if b >= 0xC0 else 1)


@lisp("code-char")
def code_char(n: word) -> word:
    """The symbol that is the character with a code.  (code!-char 97) => a"""
    if n & 7 == 0 and n >= 0 and n < 128 << 3:
        return character(n >> 3)
    return host(H_TEXT, X_CODE_CHAR, n, 0)


@onepass("the bytes of one string")
def is_ascii(s: word) -> bool:
    p = s + 8 - STRING
    end = p + (load(s - STRING) >> 8)
    while p + 8 <= end:
        if load(p) & -0x7F7F7F7F7F7F7F80 != 0:
            return False
        p += 8
    while p < end:
        if load8(p) >= 128:
            return False
        p += 1
    return True


@lisp("widelengthc")
def widelengthc(x: word) -> word:
    """The number of characters that prin2 writes.  (widelengthc "abc") => 3"""
    if x & 7 == 0:
        return digits_wanted(x >> 3) << 3
    s = printed_string(x)
    if s == UNWIND:
        return UNWIND
    if s != 0 and is_ascii(s):
        return load(s - STRING) >> 8 << 3
    return host(H_TEXT, X_WIDELENGTHC, x, 0)


@lisp("explode2")
def explode2(x: word) -> word:
    """The characters that `prin2` prints, as a list of symbols.  (explode2 "ab") => (a b)"""
    if x & 7 == 0:
        return digits(x >> 3, NIL)
    if x & 7 == FLOAT:
        r = float_characters(x)
        if r != 0:
            return r
    return explode_case(x, 128, 0, X_EXPLODE2)  # ASCII has nothing from 128 on: no letter moves


@inline
def is_plain(c: word) -> bool:
    """Lower-case letters, digits and the underscore: what a symbol needs no escape for behind its first letter."""
    return c >= 97 and c <= 122 or c >= 48 and c <= 57 or c == 95


def escaped(s: word) -> word:
    """The characters of a name with escapes where it needs them; 0 when that depends on *lower or *raise, or there is
    more than ASCII.
    """
    if load(load(RAISE) + SYM_VALUE) != NIL:
        return 0
    r = NIL
    i = load(s - STRING) >> 8
    while i > 0:
        i -= 1
        c = load8(s + 8 - STRING + i)
        if c >= 128 or c >= 65 and c <= 90:
            return 0
        r = cons(character(c), r)
        if not is_plain(c) or i == 0 and c < 97:
            r = cons(character(33), r)
        if safepoint() == UNWIND:
            return UNWIND
    return r


@lisp("explode")
def explode(x: word) -> word:
    """The characters that `prin1` prints, as a list of symbols.  (explode 'ab) => (a b)  (explode 12) => (!1 !2)"""
    if x & 7 == 0 or x & 7 == FLOAT or is_big(x):
        return explode2(x)
    if x & 7 == SYMBOL:
        name = print_name(x)
        if name == UNWIND:
            return UNWIND
        r = escaped(name)
        if r == UNWIND:
            return UNWIND
        if r != 0 and x != UNSET:
            return r
    if x & 7 == STRING:
        if is_ascii(x):
            r = cons(character(34), NIL)
            i = load(x - STRING) >> 8
            while i > 0:
                i -= 1
                c = load8(x + 8 - STRING + i)
                if c == 35:  # may need to be written as #hash;
                    return host(H_TEXT, X_EXPLODE, x, 0)
                r = cons(character(c), r)
                if c == 34:
                    r = cons(character(c), r)
                if safepoint() == UNWIND:
                    return UNWIND
            return cons(character(34), r)
    return host(H_TEXT, X_EXPLODE, x, 0)


@lisp("compress")
def compress(l: word) -> word:
    """Read a value from a list of characters; symbols are not interned.  (compress '(!1 !2)) => 12"""
    r = number_of(l)
    if r == UNWIND or r != NIL:
        return r
    r = long_integer_of(l)
    if r == UNWIND or r != NIL:
        return r
    r = string_of(l)
    if r == UNWIND or r != NIL:
        return r
    n = 0
    p = l
    plain = True
    escape = False
    while p & 7 == CONS:
        c = ascii_char(load(p - 1)) if load(p - 1) & 7 == SYMBOL else -1
        if escape:
            escape = False
            n += 1
            plain = plain and c >= 0
        elif c == 33:
            escape = True
        else:
            plain = plain and c >= 0 and is_plain(c) and (n > 0 or c >= 97)
            n += 1
        p = load(p + 7)
        if poll() == UNWIND:
            return UNWIND
    if n == 0 or l & 7 != CONS or not plain or escape or load(load(RAISE) + SYM_VALUE) != NIL:
        return host(H_TEXT, X_COMPRESS, l, 0)
    first = ascii_char(load(l - 1))
    if first >= 97 or first == 33:
        s = unescaped(l, n)
        return intern_new(s) if s != UNWIND else s
    return host(H_TEXT, X_COMPRESS, l, 0)


def string_of(l: word) -> word:
    """The string that a list of characters means from the first quote to the last, in which two mean one; nil when it
    is another text, or has more than printable ASCII in it, or what might be the name of a character.
    """
    if l & 7 != CONS or load(l - 1) & 7 != SYMBOL or ascii_char(load(l - 1)) != QUOTE:
        return NIL
    n = -1
    p = load(l + 7)
    while p & 7 == CONS:
        c = ascii_char(load(p - 1)) if load(p - 1) & 7 == SYMBOL else -1
        if c < 32 or c == 35:
            return NIL
        n += 1
        p = load(p + 7)
        if c == QUOTE and p & 7 == CONS:
            if load(p - 1) & 7 != SYMBOL or ascii_char(load(p - 1)) != QUOTE:
                return NIL
            p = load(p + 7)
        elif c == QUOTE:
            return filled_string(load(l + 7), n)
        if poll() == UNWIND:
            return UNWIND
    return NIL


def filled_string(l: word, n: word) -> word:
    """The string of the first ``n`` characters of a list, in which two quotes are one."""
    r = make_string(n)
    if r == UNWIND:
        return r
    at = r + 8 - STRING
    i = 0
    while i < n and l & 7 == CONS:
        c = ascii_char(load(l - 1))
        store8(at + i, c)
        i += 1
        l = load(l + 7)
        if c == QUOTE and l & 7 == CONS:
            l = load(l + 7)
        if poll() == UNWIND:
            return UNWIND
    return r


def unescaped(l: word, n: word) -> word:
    """The string of ``n`` characters that a list of ASCII characters with escapes means."""
    r = make_string(n)
    if r == UNWIND:
        return r
    at = r + 8 - STRING
    escape = False
    while l & 7 == CONS:
        c = ascii_char(load(l - 1))
        if c == 33 and not escape:
            escape = True
        else:
            escape = False
            store8(at, c)
            at += 1
        l = load(l + 7)
        if poll() == UNWIND:
            return UNWIND
    return r


@lisp("list2string")
def list2string(l: word) -> word:
    """A string of the bytes in a list: codes, or symbols and strings for all of theirs.
    (list2string '(97 b "cd")) => "abcd"
    """
    n = 0
    p = l
    while p & 7 == CONS:
        x = load(p - 1)
        s = name_of(x)
        if s == UNWIND:
            return UNWIND
        if s != 0:
            n += load(s - STRING) >> 8
        elif x & 7 == 0 and x >= 0 and x < 256 << 3:
            n += 1
        else:
            return host(H_TEXT, X_LIST2STRING, l, 0)
        p = load(p + 7)
        if poll() == UNWIND:
            return UNWIND
    r = make_string(n)
    if r == UNWIND:
        return r
    at = r + 8 - STRING
    p = l
    while p & 7 == CONS:
        x = load(p - 1)
        s = name_of(x)
        if s == UNWIND:
            return UNWIND
        if s != 0:
            n = load(s - STRING) >> 8
            copy_bytes_of(at, s, n)
            at += n
        else:
            store8(at, x >> 3)
            at += 1
        p = load(p + 7)
        if poll() == UNWIND:
            return UNWIND
    return r


@lisp("string2list")
def string2list(x: word) -> word:
    """The bytes of a string, or of the name of a symbol, as a list.  (string2list "ab") => (97 98)"""
    s = name_of(x)
    if s == UNWIND:
        return UNWIND
    if s == 0:
        return host(H_TEXT, X_STRING2LIST, x, 0)
    r = NIL
    i = load(s - STRING) >> 8
    while i > 0:
        i -= 1
        r = cons(load8(s + 8 - STRING + i) << 3, r)
        if safepoint() == UNWIND:
            return UNWIND
    return r


@lisp("intern", "also")
def intern_name(x: word) -> word:
    s = name_of(x)
    if s == UNWIND:
        return UNWIND
    if s != 0:
        found = find_symbol(s)
        if found != 0:
            return found
        copy = copy_string(s)
        return intern_new(copy) if copy != UNWIND else copy
    return host(H_TEXT, X_INTERN, x, 0)


@lisp("gensym", "also")
def gensym_none() -> word:
    s = make_string(1)
    if s == UNWIND:
        return s
    store8(s + 8 - STRING, 71)  # G: its number comes when somebody wants to know its name
    symbol = make_symbol(s, SLOT_UNDEFINED1, SLOT_UNDEFINED2, SLOT_UNDEFINEDN)
    store(symbol + SYM_FLAGS, F_GENSYM | F_UNNAMED)
    return symbol


def intern_new(s: word) -> word:
    """The symbol named by a string that nobody else will change."""
    return intern(s, SLOT_UNDEFINED1, SLOT_UNDEFINED2, SLOT_UNDEFINEDN)


def copy_string(s: word) -> word:
    n = load(s - STRING) >> 8
    r = make_string(n)
    if r == UNWIND:
        return r
    copy_bytes_of(r + 8 - STRING, s, n)
    return r


@onepass("the bytes of one string")
@inline
def copy_bytes_of(at: word, s: word, n: word) -> None:
    i = 0
    while i < n:
        store8(at + i, load8(s + 8 - STRING + i))
        i += 1


@lisp("explode2lc")
def explode2lc(x: word) -> word:
    """The characters that `prin2` prints, capital letters as small ones.  (explode2lc "aB") => (a b)"""
    return explode_case(x, 65, 32, X_EXPLODE2LC)


@lisp("explode2uc")
def explode2uc(x: word) -> word:
    """The characters that `prin2` prints, small letters as capital ones.  (explode2uc "aB") => (!A !B)"""
    return explode_case(x, 97, -32, X_EXPLODE2UC)


@onepass("the bytes of one string")
def is_simple(s: word) -> bool:
    """Whether changing the letters of a name or string needs no escapes: it begins with none of what begins no name,
    and has no #.
    """
    p = s + 8 - STRING
    end = p + (load(s - STRING) >> 8)
    if p < end and (load8(p) >= 48 and load8(p) <= 57 or load8(p) == 95):
        return False
    while p < end:
        if load8(p) == 35:
            return False
        p += 1
    return True


def explode_case(x: word, first: word, shift: word, number: word) -> word:
    """The characters of a symbol or string as a list, with 26 letters from ``first`` on moved by ``shift``."""
    s = printed_string(x)
    if s == UNWIND:
        return UNWIND
    if s != 0:
        if is_ascii(s) and (shift == 0 or is_big(x) or is_simple(s)):
            r = NIL
            i = load(s - STRING) >> 8
            while i > 0:
                i -= 1
                c = load8(s + 8 - STRING + i)
                r = cons(character(c + shift if c >= first and c < first + 26 else c), r)
                if safepoint() == UNWIND:
                    return UNWIND
            return r
    return host(H_TEXT, number, x, 0)


@lisp("string-length")
def string_length(x: word) -> word:
    """The number of bytes of a string, in UTF-8.  (string!-length "abc") => 3"""
    if x & 7 == STRING:
        return load(x - STRING) >> 8 << 3
    return host(H_TEXT, X_STRING_LENGTH, x, 0)


@lisp("schar")
def schar(s: word, i: word) -> word:
    """The byte of a string at an index from 0 on, as a character.  (schar "abc" 1) => b"""
    if s & 7 == STRING and i & 7 == 0 and i >= 0:
        if i >> 3 < load(s - STRING) >> 8:
            b = load8(s + 8 - STRING + (i >> 3))
            if b < 128:
                return character(b)
    return host(H_TEXT, X_SCHAR, s, i)
