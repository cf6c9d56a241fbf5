"""Conses, and the list functions that large programs live on."""

from __future__ import annotations

from ..heap.vm import FREE
from ..heap.words import CONS, STRING, SYMBOL, UNWIND, VECTOR
from ..restricted.language import defined, inline, lisp, load, noinline, word
from .arithmetic import truth
from .equality import is_equal
from .host import H_BAD_CAR, H_BAD_CDR, H_BAD_RPLAC, O_RPLACA, O_RPLACD, P_ENDP, host, pass_one, tell
from .memory import NIL, T, cons, pair, poll, reserve, set_field
from .safepoint import safepoint


@lisp("cons")
@inline
def cons2(a: word, d: word) -> word:
    """A new pair.  (cons 1 2) => (1 . 2)"""
    return cons(a, d)


@lisp("endp", "also")
def at_end(x: word) -> word:
    return NIL if x & 7 == CONS else T if x == NIL else pass_one(P_ENDP, x)


@noinline
def signal_car(x: word) -> None:
    tell(H_BAD_CAR, x, 0, 0)


@noinline
def signal_cdr(x: word) -> None:
    tell(H_BAD_CDR, x, 0, 0)


@inline
def bad_car(x: word) -> word:
    """The error of car, which does not come back: callers see the UNWIND at once."""
    signal_car(x)
    return UNWIND


@inline
def bad_cdr(x: word) -> word:
    signal_cdr(x)
    return UNWIND


@lisp("car")
@inline
def car(x: word) -> word:
    """The first part of a pair; an error for what is no pair.  (car '(a b c)) => a  (car 'a) is an error"""
    if x & 7 == CONS:
        return defined(load(x - 1))
    return bad_car(x)


@lisp("cdr")
@inline
def cdr(x: word) -> word:
    """The second part of a pair: of a list, what follows its first element.  (cdr '(a b c)) => (b c)"""
    if x & 7 == CONS:
        return defined(load(x + 7))
    return bad_cdr(x)


@lisp("eq")
@inline
def eq(a: word, b: word) -> word:
    """Are two values the same object?  Small integers and symbols are; strings, floats and large integers need
    `equal`.
    (eq 'a 'a) => t  (eq "a" "b") => nil
    """
    return truth(a == b)


@lisp("null")
@inline
def null(a: word) -> word:
    """Is it nil?  (null '(a)) => nil"""
    return truth(a == NIL)


@lisp("not")
@inline
def not_(a: word) -> word:
    """Is it nil, that is, false?  (not nil) => t"""
    return truth(a == NIL)


@lisp("atom")
@inline
def atom(a: word) -> word:
    """Is it anything but a pair?  (atom 'a) => t  (atom '(a)) => nil"""
    return truth(a & 7 != CONS)


@lisp("pairp")
@inline
def pairp(a: word) -> word:
    """Is it a pair?  (pairp '(a)) => t  (pairp nil) => nil"""
    return truth(a & 7 == CONS)


@lisp("consp")
@inline
def consp(a: word) -> word:
    """Is it a pair?  The name of `pairp` in Common Lisp.  (consp '(a)) => t"""
    return truth(a & 7 == CONS)


@lisp("idp")
@inline
def idp(a: word) -> word:
    """Is it a symbol?  (idp 'a) => t  (idp "a") => nil"""
    return truth(a & 7 == SYMBOL)


@lisp("symbolp")
@inline
def symbolp(a: word) -> word:
    """Is it a symbol?  The name of `idp` in Common Lisp.  (symbolp 'a) => t"""
    return truth(a & 7 == SYMBOL)


@lisp("stringp")
@inline
def stringp(a: word) -> word:
    """Is it a string?  (stringp "a") => t"""
    return truth(a & 7 == STRING)


@lisp("vectorp")
@inline
def vectorp(a: word) -> word:
    """Is it a vector of values?  (vectorp (mkvect 3)) => t"""
    return truth(a & 7 == VECTOR)


@lisp("ncons")
@inline
def ncons(a: word) -> word:
    """A list of one element.  (ncons 'a) => (a)"""
    return cons(a, NIL)


# Of pairs that are made together the first one is the value: whatever the compiler keeps of its address lies in it,
# where the collector finds it.


@lisp("list2")
@inline
def list2(a: word, b: word) -> word:
    """A list of two elements.  (list2 1 2) => (1 2)"""
    reserve(32)
    p = pair(a, load(FREE) + 17)
    pair(b, NIL)
    return p


@lisp("list3")
@inline
def list3(a: word, b: word, c: word) -> word:
    """A list of three elements.  (list3 1 2 3) => (1 2 3)"""
    reserve(48)
    p = pair(a, load(FREE) + 17)
    pair(b, load(FREE) + 17)
    pair(c, NIL)
    return p


@lisp("acons")
@inline
def acons(a: word, b: word, c: word) -> word:
    """A pair of the first two arguments in front of a list: one more entry of an association list.
    (acons 'a 1 '((b . 2))) => ((a . 1) (b . 2))
    """
    reserve(32)
    p = pair(load(FREE) + 17, c)
    pair(a, b)
    return p


@lisp("xcons")
@inline
def xcons(a: word, b: word) -> word:
    """A new pair of the arguments in the other order.  (xcons 1 2) => (2 . 1)"""
    return cons(b, a)


@lisp("rplaca")
@inline
def rplaca(x: word, v: word) -> word:
    """Replace the first part of a pair; the pair.  (rplaca (list 1 2) 9) => (9 2)"""
    if x & 7 == CONS:
        set_field(x - 1, v)
        return x
    return host(H_BAD_RPLAC, O_RPLACA, x, v)


@lisp("rplacd")
@inline
def rplacd(x: word, v: word) -> word:
    """Replace the second part of a pair; the pair.  (rplacd (list 1 2) 9) => (1 . 9)"""
    if x & 7 == CONS:
        set_field(x + 7, v)
        return x
    return host(H_BAD_RPLAC, O_RPLACD, x, v)


@lisp("setcar")
def setcar(x: word, v: word) -> word:
    """Replace the first part of a pair; the value that was stored.  (setcar (list 1 2) 9) => 9"""
    return v if rplaca(x, v) != UNWIND else UNWIND


@lisp("setcdr")
def setcdr(x: word, v: word) -> word:
    """Replace the second part of a pair; the value that was stored.  (setcdr (list 1 2) 9) => 9"""
    return v if rplacd(x, v) != UNWIND else UNWIND


@lisp("memq")
def memq(a: word, l: word) -> word:
    """The part of a list that begins with an element `eq` to the first argument, or nil.
    (memq 'b '(a b c)) => (b c)
    """
    while l & 7 == CONS:
        if load(l - 1) == a:
            return l
        l = load(l + 7)
        if poll() == UNWIND:
            return UNWIND
    return NIL


@lisp("member")
def member(a: word, l: word) -> word:
    """The part of a list that begins with an element `equal` to the first argument, or nil.
    (member "b" '("a" "b" "c")) => ("b" "c")
    """
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
def atsoc(a: word, l: word) -> word:
    """The first pair of an association list whose first part is `eq` to a key, or nil.
    (atsoc 'b '((a . 1) (b . 2))) => (b . 2)
    """
    while l & 7 == CONS:
        p = load(l - 1)
        if p & 7 == CONS and load(p - 1) == a:
            return p
        l = load(l + 7)
        if poll() == UNWIND:
            return UNWIND
    return NIL


@lisp("assoc")
def assoc(a: word, l: word) -> word:
    """The first pair of an association list whose first part is `equal` to a key, or nil.
    (assoc "b" '(("a" . 1) ("b" . 2))) => ("b" . 2)
    """
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
def reverse(l: word) -> word:
    """A new list with the elements in the opposite order.  (reverse '(1 2 3)) => (3 2 1)"""
    r = NIL
    while l & 7 == CONS:
        r = cons(load(l - 1), r)
        l = load(l + 7)
        if safepoint() == UNWIND:
            return UNWIND
    return r


@lisp("reversip", "also")
def reversip(l: word) -> word:
    """Reverse a list in place."""
    return reversip2(l, NIL)


@lisp("reversip2")
def reversip2(l: word, r: word) -> word:
    """Reverse a list in place, and put it in front of the second.  (reversip2 (list 1 2 3) '(4)) => (3 2 1 4)"""
    while l & 7 == CONS:
        next = load(l + 7)
        set_field(l + 7, r)
        r = l
        l = next
        if poll() == UNWIND:
            return UNWIND
    return r


@lisp("append2")
def append2(a: word, b: word) -> word:
    """Two lists joined; the first one is copied.  (append2 '(1 2) '(3)) => (1 2 3)"""
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
def nconc2(a: word, b: word) -> word:
    """Two lists joined in place: the last pair of the first one is changed.  (nconc2 (list 1 2) '(3)) => (1 2 3)"""
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
def lastpair(l: word) -> word:
    """The last pair of a list.  (lastpair '(1 2 3)) => (3)"""
    if l & 7 != CONS:
        return l
    while load(l + 7) & 7 == CONS:
        l = load(l + 7)
        if poll() == UNWIND:
            return UNWIND
    return l


@lisp("length")
def length(l: word) -> word:
    """The number of elements of a list or vector, or of bytes of a string.  (length '(a b c)) => 3"""
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
def eqcar(x: word, a: word) -> word:
    """Is the first argument a pair whose first part is `eq` to the second?  (eqcar '(plus 1 2) 'plus) => t"""
    return truth(x & 7 == CONS and load(x - 1) == a)
