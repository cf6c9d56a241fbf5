"""Numbers that are made of two others: ratios of integers, complex numbers with real parts.

Here they are made, taken to pieces and compared; what is calculated with them is Lisp (``lisp/library/compound.lsp``),
which the host calls where the slow paths of arithmetic end.
"""

from __future__ import annotations

from ..heap.objects import COMPLEX_HEADER, RATIO_HEADER
from ..heap.words import FLOAT, OTHER
from ..restricted.language import inline, lisp, load, noinline, store, word
from .bignum import compare_integers, is_big, is_integer
from .host import OP, bad_op
from .memory import NIL, T, allocate_small, set_field

O_NUMERATOR, O_DENOMINATOR, O_REALPART, O_IMAGPART = OP["numerator"], OP["denominator"], OP["realpart"], OP["imagpart"]
RATIO, COMPLEX = RATIO_HEADER & 255, COMPLEX_HEADER & 255
O_RATIO, O_COMPLEX = OP["ratio"], OP["complex"]


@inline
def is_ratio(v: word) -> bool:
    return v & 7 == OTHER and load(v - OTHER) & 255 == RATIO


@inline
def is_complex(v: word) -> bool:
    return v & 7 == OTHER and load(v - OTHER) & 255 == COMPLEX


@noinline
def is_compound(v: word) -> bool:
    return is_ratio(v) or is_complex(v)


def is_real(v: word) -> bool:
    return v & 7 == FLOAT or is_integer(v) or is_ratio(v)


@inline
def first_part(v: word) -> word:
    return load(v + 8 - OTHER)


@inline
def second_part(v: word) -> word:
    return load(v + 16 - OTHER)


def make_compound(head: word, a: word, b: word) -> word:
    p = allocate_small(32)
    store(p, head)
    store(p + 24, 0)
    store(p + 8, NIL)
    store(p + 16, NIL)
    set_field(p + 8, a)
    set_field(p + 16, b)
    return p + OTHER


@lisp("ratio*")
def make_ratio(n: word, d: word) -> word:
    """The ratio of two integers that have no common divisor; the second one is larger than 1.  (ratio!* 1 2) => 1/2"""
    if is_integer(n) and is_integer(d):
        return make_compound(RATIO_HEADER, n, d)
    return bad_op(O_RATIO, d if is_integer(n) else n)


@lisp("complex*")
def make_complex(a: word, b: word) -> word:
    """The complex number of two real ones.  (complex!* 1 2) => #C(1 2)"""
    if is_real(a) and is_real(b):
        return make_compound(COMPLEX_HEADER, a, b)
    return bad_op(O_COMPLEX, b if is_real(a) else a)


@lisp("numerator")
def numerator(a: word) -> word:
    """The numerator of a rational number; another real number is its own.  (numerator (!/ 2 4)) => 1"""
    if is_ratio(a):
        return first_part(a)
    return a if is_real(a) else bad_op(O_NUMERATOR, a)


@lisp("denominator")
def denominator(a: word) -> word:
    """The denominator of a rational number; of another real number 1.  (denominator (!/ 2 4)) => 2"""
    if is_ratio(a):
        return second_part(a)
    return 8 if is_real(a) else bad_op(O_DENOMINATOR, a)


@lisp("realpart")
def realpart(a: word) -> word:
    """The real part of a number, which for real ones is the number itself.  (realpart (complex 5 6)) => 5"""
    if is_complex(a):
        return first_part(a)
    return a if is_real(a) else bad_op(O_REALPART, a)


@lisp("imagpart")
def imagpart(a: word) -> word:
    """The imaginary part of a number, which for real ones is 0.  (imagpart (complex 5 6)) => 6"""
    if is_complex(a):
        return second_part(a)
    return 0 if is_real(a) else bad_op(O_IMAGPART, a)


@lisp("complexp")
def complexp(a: word) -> word:
    """Is it a complex number, not a real one?  (complexp (complex 1 2)) => t"""
    return T if is_complex(a) else NIL


@lisp("rationalp")
def rationalp(a: word) -> word:
    """Is it an integer or a ratio?  (rationalp (!/ 1 2)) => t  (rationalp 1.5) => nil"""
    return T if is_integer(a) or is_ratio(a) else NIL


def same_integer(a: word, b: word) -> bool:
    return a == b or is_big(a) and is_big(b) and compare_integers(a, b) == 0


def same_ratio(a: word, b: word) -> bool:
    return (is_ratio(a) and is_ratio(b) and same_integer(first_part(a), first_part(b))
            and same_integer(second_part(a), second_part(b)))


def same_real(a: word, b: word) -> bool:
    """Are two numbers of one type equal?"""
    if a & 7 == FLOAT:
        return b & 7 == FLOAT and load(a + 8 - FLOAT) == load(b + 8 - FLOAT)
    return same_integer(a, b) or same_ratio(a, b)


@noinline
def same_compound(a: word, b: word) -> bool:
    """Are two different words equal ratios or equal complex numbers?"""
    if is_complex(a):
        return is_complex(b) and same_real(first_part(a), first_part(b)) and same_real(second_part(a), second_part(b))
    return same_ratio(a, b)


def part_bits(a: word) -> word:
    """A word that equal parts of such numbers share."""
    return load(a + 8 - FLOAT) if a & 7 == FLOAT else load(a + 8 - OTHER) if is_big(a) else a if a & 7 == 0 else 17


@noinline
def compound_bits(a: word) -> word:
    """A word that equal ratios, and equal complex numbers, share."""
    return part_bits(first_part(a)) + 3 * part_bits(second_part(a))
