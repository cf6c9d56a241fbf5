"""Arithmetic modulo the current small modulus."""

from __future__ import annotations

from ..heap.vm import MODULUS
from ..heap.words import UNWIND
from ..restricted.language import (
    add_overflows,
    bounded,
    clz,
    inline,
    lisp,
    load,
    load32,
    lshr,
    mulhi,
    noinline,
    sdiv,
    srem,
    store,
    sub_overflows,
    urem,
    word,
)
from .bignum import half_quotient, is_big, is_negative, limb_count, limbs
from .division import divide_integers
from .host import BAD_MODULUS, H_BAD_RESIDUE, host
from .memory import NIL, poll

SHORT = 1 << 32  # of residues by a modulus up to here the product is a word


@lisp("set-small-modulus")
def set_small_modulus(n: word) -> word:
    """Choose the modulus of modular arithmetic, a small integer; the one before.  Nil asks for it.
    (progn (set!-small!-modulus 7) (set!-small!-modulus nil)) => 7
    """
    old = load(MODULUS)
    if n == NIL:
        return old
    if n & 7 != 0 or n <= 0:
        return host(H_BAD_RESIDUE, BAD_MODULUS, n, 0)
    store(MODULUS, n)
    return old


@noinline
def bad_residue(operation: word, a: word, b: word) -> word:
    """Signal the first argument that is no fixnum; of two that are so far from residues that a word overflows the
    first.
    """
    return host(H_BAD_RESIDUE, operation, b if a & 7 == 0 and b & 7 != 0 else a, 0)


@lisp("modular-plus")
def modular_plus(a: word, b: word) -> word:
    """The sum of two residues by the modulus that `set-small-modulus` chose: less the modulus, once, where it is as
    large.
    (progn (set!-small!-modulus 7) (modular!-plus 5 4)) => 2
    """
    if (a | b) & 7 != 0 or sub_overflows(a, load(MODULUS)) or add_overflows(a - load(MODULUS), b):
        return bad_residue(0, a, b)
    r = a - load(MODULUS) + b  # in this order no sum of residues overflows
    return r + load(MODULUS) if r < 0 else r


@lisp("modular-difference")
def modular_difference(a: word, b: word) -> word:
    """The difference of two residues, and the modulus, once, where it is negative.
    (progn (set!-small!-modulus 7) (modular!-difference 2 4)) => 5
    """
    if (a | b) & 7 != 0 or sub_overflows(a, b):
        return bad_residue(1, a, b)
    r = a - b
    return r + load(MODULUS) if r < 0 else r


@lisp("modular-times")
def modular_times(a: word, b: word) -> word:
    """The product of two residues.  (progn (set!-small!-modulus 7) (modular!-times 5 4)) => 6"""
    if (a | b) & 7 != 0:
        return bad_residue(2, a, b)
    m = load(MODULUS) >> 3
    if m < SHORT:
        return urem((a >> 3) * (b >> 3), m) << 3
    return long_residue_product(residue(a >> 3, m), residue(b >> 3, m), m) << 3


@inline
def residue(n: word, m: word) -> word:
    r = srem(n, m)
    return r + m if r < 0 else r


@inline
def residue_product(a: word, b: word, m: word) -> word:
    """a * b modulo m, both below it."""
    return urem(a * b, m) if m < SHORT else long_residue_product(a, b, m)


@noinline
def long_residue_product(a: word, b: word, m: word) -> word:
    """The same for a modulus below 2**60: the double-length product divided in two steps (Knuth 4.3.1, algorithm D)."""
    shift = clz(m)
    d = m << shift
    low = a * b
    high = mulhi(a, b) << shift | lshr(low, 64 - shift)
    low = low << shift
    rest = (high << 32 | lshr(low, 32)) - half_quotient(high, lshr(low, 32), d) * d
    part = low & 0xFFFFFFFF
    return lshr((rest << 32 | part) - half_quotient(rest, part, d) * d, shift)


@bounded("numbers of 61 bits")
@noinline
def inverse(a: word, m: word) -> word:
    """The inverse of a modulo m, or 0 when they have a common divisor (Knuth 4.5.2, algorithm X)."""
    u = residue(a, m)
    v = m
    x = 1
    y = 0
    while u != 0:
        q = sdiv(v, u)
        t = v - q * u
        v = u
        u = t
        t = y - q * x
        y = x
        x = t
    if v != 1:
        return 0
    return y + m if y < 0 else y


@lisp("modular-number")
def modular_number(a: word) -> word:
    """The residue of an integer: from 0 up to the modulus, which is left out.
    (progn (set!-small!-modulus 7) (modular!-number -1)) => 6
    """
    m = load(MODULUS) >> 3
    if a & 7 == 0:
        return residue(a >> 3, m) << 3
    if not is_big(a):
        return host(H_BAD_RESIDUE, 4, a, 0)
    r = 0
    if m < 1 << 31:
        i = 2 * limb_count(a) - 1
        while i >= 0:
            r = urem(r << 32 | load32(limbs(a) + 4 * i), m)
            i -= 1
            if poll() == UNWIND:
                return UNWIND
        return (m - r if is_negative(a) != 0 and r != 0 else r) << 3
    r = divide_integers(a, load(MODULUS), 1)
    if r == UNWIND:
        return r
    return r + load(MODULUS) if r < 0 else r


@lisp("modular-reciprocal")
def modular_reciprocal(a: word) -> word:
    """The residue whose product with this one is 1; an error when there is none.
    (progn (set!-small!-modulus 7) (modular!-reciprocal 3)) => 5
    """
    if a & 7 != 0:
        return host(H_BAD_RESIDUE, 5, a, 0)
    r = inverse(a >> 3, load(MODULUS) >> 3)
    return r << 3 if r != 0 else host(H_BAD_RESIDUE, 5, a, 0)


@lisp("safe-modular-reciprocal")
def safe_modular_reciprocal(a: word) -> word:
    """The residue whose product with this one is 1; nil when there is none.
    (progn (set!-small!-modulus 8) (safe!-modular!-reciprocal 2)) => nil
    """
    if a & 7 != 0:
        return host(H_BAD_RESIDUE, 5, a, 0)
    r = inverse(a >> 3, load(MODULUS) >> 3)
    return r << 3 if r != 0 else NIL


@lisp("modular-quotient")
def modular_quotient(a: word, b: word) -> word:
    """The first residue times the reciprocal of the second.
    (progn (set!-small!-modulus 7) (modular!-quotient 1 3)) => 5
    """
    if a & 7 != 0:
        return host(H_BAD_RESIDUE, 5, a, 0)
    r = modular_reciprocal(b)
    x = modular_number(a)
    if r == UNWIND or x == UNWIND:
        return UNWIND
    return residue_product(x >> 3, r >> 3, load(MODULUS) >> 3) << 3


@bounded("the bits of a fixnum")
@lisp("modular-expt")
def modular_expt(a: word, n: word) -> word:
    """A power of a residue; the exponent is an integer from 0 on.
    (progn (set!-small!-modulus 7) (modular!-expt 3 5)) => 5
    """
    if (a | n) & 7 != 0 or n < 0:
        return host(H_BAD_RESIDUE, 6, a, n)
    m = load(MODULUS) >> 3
    x = modular_number(a)
    if x == UNWIND:
        return x
    x = x >> 3
    r = 1 if m > 1 else 0
    k = n >> 3
    while k > 0:
        if k & 1 != 0:
            r = residue_product(r, x, m)
        x = residue_product(x, x, m)
        k = k >> 1
    return r << 3


@lisp("modular-minus")
def modular_minus(a: word) -> word:
    """The residue whose sum with this one is 0.  (progn (set!-small!-modulus 7) (modular!-minus 3)) => 4"""
    if a & 7 != 0 or sub_overflows(load(MODULUS), a):
        return bad_residue(3, a, 0)
    return load(MODULUS) - a if a != 0 else a
