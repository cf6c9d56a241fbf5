"""Functions of letters and short strings, as long as they are ASCII.

What is not is passed on to the function of the same name that Python has: there are the errors.
"""

from __future__ import annotations

from ..heap.words import STRING, UNWIND
from ..restricted.language import lisp, load, load8, onepass, store8, word
from .arithmetic import truth
from .characters import ascii_char, character
from .host import (
    P_ALPHA_CHAR_P,
    P_CHAR_DOWNCASE,
    P_CHAR_UPCASE,
    P_CONCAT,
    P_LENGTHC,
    P_LOWER_CASE_P,
    P_SCHARN,
    P_STRING_DOWNCASE,
    P_STRING_UPCASE,
    P_UPPER_CASE_P,
    pass_one,
    pass_two,
)
from .memory import make_string
from .printing import digits_wanted
from .text import copy_bytes_of, intern_name, is_ascii, list2string, printed_string


@lisp("char-upcase", "also")
def capital(x: word) -> word:
    b = ascii_char(x)
    return pass_one(P_CHAR_UPCASE, x) if b < 0 else character(b - 32 if b >= 97 and b <= 122 else b)


@lisp("char-downcase", "also")
def small_letter(x: word) -> word:
    b = ascii_char(x)
    return pass_one(P_CHAR_DOWNCASE, x) if b < 0 else character(b + 32 if b >= 65 and b <= 90 else b)


@lisp("upper-case-p", "also")
def is_capital(x: word) -> word:
    b = ascii_char(x)
    return pass_one(P_UPPER_CASE_P, x) if b < 0 else truth(b >= 65 and b <= 90)


@lisp("lower-case-p", "also")
def is_small_letter(x: word) -> word:
    b = ascii_char(x)
    return pass_one(P_LOWER_CASE_P, x) if b < 0 else truth(b >= 97 and b <= 122)


@lisp("alpha-char-p", "also")
def is_letter(x: word) -> word:
    b = ascii_char(x)
    return pass_one(P_ALPHA_CHAR_P, x) if b < 0 else truth((b | 32) >= 97 and (b | 32) <= 122)


@lisp("scharn", "also")
def byte_of_string(s: word, i: word) -> word:
    if s & 7 == STRING and i & 7 == 0 and i >= 0:
        if i >> 3 < load(s - STRING) >> 8:
            return load8(s + 8 - STRING + (i >> 3)) << 3
    return pass_two(P_SCHARN, s, i)


@lisp("concat", "also")
def concat_two(a: word, b: word) -> word:
    if a & 7 != STRING or b & 7 != STRING:
        return pass_two(P_CONCAT, a, b)
    m = load(a - STRING) >> 8
    n = load(b - STRING) >> 8
    r = make_string(m + n)
    if r != UNWIND:
        copy_bytes_of(r + 8 - STRING, a, m)
        copy_bytes_of(r + 8 - STRING + m, b, n)
    return r


@lisp("string-upcase", "also")
def capitals(s: word) -> word:
    if s & 7 == STRING:
        if is_ascii(s):
            return recased(s, 97, -32)
    return pass_one(P_STRING_UPCASE, s)


@lisp("string-downcase", "also")
def small_letters(s: word) -> word:
    if s & 7 == STRING:
        if is_ascii(s):
            return recased(s, 65, 32)
    return pass_one(P_STRING_DOWNCASE, s)


def recased(s: word, first: word, change: word) -> word:
    """A new string, in which 26 letters from ``first`` on are others."""
    n = load(s - STRING) >> 8
    r = make_string(n)
    if r != UNWIND:
        copy_recased(r + 8 - STRING, s, n, first, change)
    return r


@onepass("the bytes of one string")
def copy_recased(at: word, s: word, n: word, first: word, change: word) -> None:
    i = 0
    while i < n:
        b = load8(s + 8 - STRING + i)
        store8(at + i, b + change if b >= first and b < first + 26 else b)
        i += 1


@lisp("lengthc", "also")
def bytes_printed(x: word) -> word:
    if x & 7 == 0:
        return digits_wanted(x >> 3) << 3
    s = printed_string(x)
    if s == UNWIND:
        return UNWIND
    return load(s - STRING) >> 8 << 3 if s != 0 else pass_one(P_LENGTHC, x)


@lisp("list-to-symbol")
def list_to_symbol(x: word) -> word:
    """The symbol whose name is the bytes in a list, as `list2string` takes them.  (list!-to!-symbol '(a b)) => ab"""
    s = list2string(x)
    return intern_name(s) if s != UNWIND else s
