"""Conses, and the list functions that large programs live on."""

from __future__ import annotations

from ..restricted.language import defined, inline, lisp, load, noinline  # type: ignore[attr-defined]
from ..vm import FREE
from ..words import CONS, STRING, SYMBOL, UNWIND, VECTOR
from .arithmetic import truth
from .equality import is_equal
from .host import H_BAD_CAR, H_BAD_CDR, H_BAD_RPLAC, O_RPLACA, O_RPLACD, host, tell
from .memory import NIL, cons, pair, poll, reserve, set_field
from .safepoint import safepoint


@lisp("cons")
@inline
def cons2(a, d):
    return cons(a, d)


@noinline
def signal_car(x) -> None:
    tell(H_BAD_CAR, x, 0, 0)


@noinline
def signal_cdr(x) -> None:
    tell(H_BAD_CDR, x, 0, 0)


@inline
def bad_car(x):
    """The error of car, which does not come back: callers see the UNWIND at once."""
    signal_car(x)
    return UNWIND


@inline
def bad_cdr(x):
    signal_cdr(x)
    return UNWIND


@lisp("car")
@inline
def car(x):
    if x & 7 == CONS:
        return defined(load(x - 1))
    return bad_car(x)


@lisp("cdr")
@inline
def cdr(x):
    if x & 7 == CONS:
        return defined(load(x + 7))
    return bad_cdr(x)


@lisp("eq")
@inline
def eq(a, b):
    return truth(a == b)


@lisp("null")
@inline
def null(a):
    return truth(a == NIL)


@lisp("not")
@inline
def not_(a):
    return truth(a == NIL)


@lisp("atom")
@inline
def atom(a):
    return truth(a & 7 != CONS)


@lisp("pairp")
@inline
def pairp(a):
    return truth(a & 7 == CONS)


@lisp("consp")
@inline
def consp(a):
    return truth(a & 7 == CONS)


@lisp("idp")
@inline
def idp(a):
    return truth(a & 7 == SYMBOL)


@lisp("symbolp")
@inline
def symbolp(a):
    return truth(a & 7 == SYMBOL)


@lisp("stringp")
@inline
def stringp(a):
    return truth(a & 7 == STRING)


@lisp("vectorp")
@inline
def vectorp(a):
    return truth(a & 7 == VECTOR)


@lisp("ncons")
@inline
def ncons(a):
    return cons(a, NIL)


# Of pairs that are made together the first one is the value: whatever the compiler keeps of its address lies in it, where the collector finds it.


@lisp("list2")
@inline
def list2(a, b):
    reserve(32)
    p = pair(a, load(FREE) + 17)
    pair(b, NIL)
    return p


@lisp("list3")
@inline
def list3(a, b, c):
    reserve(48)
    p = pair(a, load(FREE) + 17)
    pair(b, load(FREE) + 17)
    pair(c, NIL)
    return p


@lisp("acons")
@inline
def acons(a, b, c):
    reserve(32)
    p = pair(load(FREE) + 17, c)
    pair(a, b)
    return p


@lisp("xcons")
@inline
def xcons(a, b):
    return cons(b, a)


@lisp("rplaca")
@inline
def rplaca(x, v):
    if x & 7 == CONS:
        set_field(x - 1, v)
        return x
    return host(H_BAD_RPLAC, O_RPLACA, x, v)


@lisp("rplacd")
@inline
def rplacd(x, v):
    if x & 7 == CONS:
        set_field(x + 7, v)
        return x
    return host(H_BAD_RPLAC, O_RPLACD, x, v)


@lisp("setcar")
def setcar(x, v):
    return v if rplaca(x, v) != UNWIND else UNWIND


@lisp("setcdr")
def setcdr(x, v):
    return v if rplacd(x, v) != UNWIND else UNWIND


@lisp("memq")
def memq(a, l):
    while l & 7 == CONS:
        if load(l - 1) == a:
            return l
        l = load(l + 7)
        if poll() == UNWIND:
            return UNWIND
    return NIL


@lisp("member")
def member(a, l):
    while l & 7 == CONS:
        same = is_equal(load(l - 1), a)
        if same == UNWIND:
            return UNWIND
        if same != NIL:
            return l
        l = load(l + 7)
        if poll() == UNWIND:
            return UNWIND
    return NIL


@lisp("atsoc")
def atsoc(a, l):
    while l & 7 == CONS:
        p = load(l - 1)
        if p & 7 == CONS and load(p - 1) == a:
            return p
        l = load(l + 7)
        if poll() == UNWIND:
            return UNWIND
    return NIL


@lisp("assoc")
def assoc(a, l):
    while l & 7 == CONS:
        p = load(l - 1)
        if p & 7 == CONS:
            same = is_equal(load(p - 1), a)
            if same == UNWIND:
                return UNWIND
            if same != NIL:
                return p
        l = load(l + 7)
        if poll() == UNWIND:
            return UNWIND
    return NIL


@lisp("reverse")
def reverse(l):
    r = NIL
    while l & 7 == CONS:
        r = cons(load(l - 1), r)
        l = load(l + 7)
        if safepoint() == UNWIND:
            return UNWIND
    return r


@lisp("reversip", "also")
def reversip(l):
    return reversip2(l, NIL)


@lisp("reversip2")
def reversip2(l, r):
    while l & 7 == CONS:
        next = load(l + 7)
        set_field(l + 7, r)
        r = l
        l = next
        if poll() == UNWIND:
            return UNWIND
    return r


@lisp("append2")
def append2(a, b):
    if a & 7 != CONS:
        return b
    first = cons(load(a - 1), b)
    last = first
    a = load(a + 7)
    while a & 7 == CONS:
        p = cons(load(a - 1), b)
        set_field(last + 7, p)
        last = p
        a = load(a + 7)
        if safepoint() == UNWIND:
            return UNWIND
    return first


@lisp("nconc2")
def nconc2(a, b):
    if a & 7 != CONS:
        return b
    p = a
    while load(p + 7) & 7 == CONS:
        p = load(p + 7)
        if poll() == UNWIND:
            return UNWIND
    set_field(p + 7, b)
    return a


@lisp("lastpair")
def lastpair(l):
    if l & 7 != CONS:
        return l
    while load(l + 7) & 7 == CONS:
        l = load(l + 7)
        if poll() == UNWIND:
            return UNWIND
    return l


@lisp("length")
def length(l):
    if l & 7 == STRING:
        return load(l - STRING) >> 8 << 3
    if l & 7 == VECTOR:
        return load(l - VECTOR) >> 11 << 3
    n = 0
    while l & 7 == CONS:
        n += 8
        l = load(l + 7)
        if poll() == UNWIND:
            return UNWIND
    return n


@lisp("eqcar")
@inline
def eqcar(x, a):
    return truth(x & 7 == CONS and load(x - 1) == a)
