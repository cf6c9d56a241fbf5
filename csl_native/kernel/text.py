"""Characters, strings and symbol names while they are ASCII; everything else is asked of the host."""

from __future__ import annotations

from ..objects import SYM_PNAME
from ..restricted.language import inline, lisp, load, load8, noinline, store8  # type: ignore[attr-defined]
from ..words import CONS, STRING, SYMBOL, VECTOR
from .arithmetic import truth
from .host import H_TEXT, host
from .memory import NIL, ROOT_CHARS, ROOT_VECTOR, cons, make_string
from .symbols import find_symbol

CHARS = ROOT_VECTOR + 8 - VECTOR + 8 * ROOT_CHARS
# Functions that the host finishes, by number: the order of TEXT_FUNCTIONS.
TEXT_FUNCTIONS = ("liter", "digit", "seprp", "char-code", "code-char", "explode2", "list2string", "string2list", "intern", "string-length",
                  "schar")
(X_LITER, X_DIGIT, X_SEPRP, X_CHAR_CODE, X_CODE_CHAR, X_EXPLODE2, X_LIST2STRING, X_STRING2LIST, X_INTERN, X_STRING_LENGTH,
 X_SCHAR) = range(11)


@inline
def name_of(x):
    """The string of a symbol or string, or 0."""
    return load(x + SYM_PNAME) if x & 7 == SYMBOL else x if x & 7 == STRING else 0


@noinline
def ascii_char(x):
    """The code of a one-character symbol or string when it is ASCII, else -1."""
    s = name_of(x)
    if s != 0:
        if load(s - STRING) >> 8 == 1:
            b = load8(s + 8 - STRING)
            if b < 128:
                return b
    return -1


@inline
def character(code):
    """The symbol of an ASCII character."""
    return load(load(CHARS) + 8 - VECTOR + 8 * code)


@lisp("liter")
def liter(x):
    b = ascii_char(x)
    if b >= 0:
        return truth((b | 32) >= 97 and (b | 32) <= 122)
    return host(H_TEXT, X_LITER, x, 0)


@lisp("digit")
def digit(x):
    b = ascii_char(x)
    if b >= 0:
        return truth(b >= 48 and b <= 57)
    return host(H_TEXT, X_DIGIT, x, 0)


@lisp("seprp")
def seprp(x):
    b = ascii_char(x)
    if b >= 0:
        return truth(b == 32 or b == 10 or b == 9 or b == 12 or b == 13)
    return host(H_TEXT, X_SEPRP, x, 0)


@lisp("char-code")
def char_code(x):
    b = ascii_char(x)
    if b >= 0:
        return b << 3
    return host(H_TEXT, X_CHAR_CODE, x, 0)


@lisp("code-char")
def code_char(n):
    if n & 7 == 0 and n >= 0 and n < 128 << 3:
        return character(n >> 3)
    return host(H_TEXT, X_CODE_CHAR, n, 0)


def is_ascii(s) -> bool:
    p = s + 8 - STRING
    end = p + (load(s - STRING) >> 8)
    while p < end:
        if load8(p) >= 128:
            return False
        p += 1
    return True


@lisp("explode2")
def explode2(x):
    """The characters of a symbol, string or small number as a list."""
    s = name_of(x)
    if s != 0:
        if is_ascii(s):
            r = NIL
            i = load(s - STRING) >> 8
            while i > 0:
                i -= 1
                r = cons(character(load8(s + 8 - STRING + i)), r)
            return r
    if x & 7 == 0 and x >= 0 and x < 10 << 3:
        return cons(character(48 + (x >> 3)), NIL)
    return host(H_TEXT, X_EXPLODE2, x, 0)


@lisp("list2string")
def list2string(l):
    """A string from a list of character codes, symbols and strings."""
    n = 0
    p = l
    while p & 7 == CONS:
        x = load(p - 1)
        s = name_of(x)
        if s != 0:
            n += load(s - STRING) >> 8
        elif x & 7 == 0 and x >= 0 and x < 256 << 3:
            n += 1
        else:
            return host(H_TEXT, X_LIST2STRING, l, 0)
        p = load(p + 7)
    r = make_string(n)
    at = r + 8 - STRING
    p = l
    while p & 7 == CONS:
        x = load(p - 1)
        s = name_of(x)
        if s != 0:
            i = 0
            n = load(s - STRING) >> 8
            while i < n:
                store8(at, load8(s + 8 - STRING + i))
                at += 1
                i += 1
        else:
            store8(at, x >> 3)
            at += 1
        p = load(p + 7)
    return r


@lisp("string2list")
def string2list(x):
    """The bytes of a string as a list."""
    s = name_of(x)
    if s == 0:
        return host(H_TEXT, X_STRING2LIST, x, 0)
    r = NIL
    i = load(s - STRING) >> 8
    while i > 0:
        i -= 1
        r = cons(load8(s + 8 - STRING + i) << 3, r)
    return r


@lisp("intern")
def intern_name(x):
    s = name_of(x)
    if s != 0:
        found = find_symbol(s)
        if found != 0:
            return found
    return host(H_TEXT, X_INTERN, x, 0)


@lisp("string-length")
def string_length(x):
    if x & 7 == STRING:
        return load(x - STRING) >> 8 << 3
    return host(H_TEXT, X_STRING_LENGTH, x, 0)


@lisp("schar")
def schar(s, i):
    if s & 7 == STRING and i & 7 == 0 and i >= 0:
        if i >> 3 < load(s - STRING) >> 8:
            b = load8(s + 8 - STRING + (i >> 3))
            if b < 128:
                return character(b)
    return host(H_TEXT, X_SCHAR, s, i)
