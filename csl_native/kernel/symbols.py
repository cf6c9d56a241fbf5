"""Symbols: the object list, values and fluid bindings, property lists and flags."""

from __future__ import annotations

from ..heap.objects import (
    F_FLUID,
    F_GLOBAL,
    F_KEYWORD,
    F_MACRO,
    F_UNNAMED,
    SYM_FLAGS,
    SYM_PLIST,
    SYM_PNAME,
    SYM_VALUE,
)
from ..heap.vm import BIND_BASE, BIND_END, BP, UNWIND_KIND
from ..heap.words import CONS, STRING, SYMBOL, UNWIND, VECTOR
from ..restricted.language import (
    bounded,
    defined,
    inline,
    lisp,
    load,
    load8,
    lshr,
    noinline,
    onepass,
    store,
    unlikely,
    word,
)
from .arithmetic import truth
from .equality import same_bytes
from .host import (
    H_BAD_SYMBOL,
    H_BAD_THROW,
    H_NAME,
    H_STACK_OVERFLOW,
    H_UNSET,
    O_GET,
    O_PUT,
    O_SET,
    O_SETV,
    P_MACRO_FUNCTION,
    P_SYMBOL_VALUE,
    host,
    pass_one,
)
from .lists import memq
from .memory import (
    CATCH_TAGS,
    NIL,
    ROOT_OBCOUNT,
    ROOT_OBLIST,
    ROOT_VECTOR,
    UNSET,
    T,
    cons,
    make_symbol,
    make_vector,
    poll,
    set_field,
)
from .safepoint import safepoint

# bytes of a string that its hash is made of: each is multiplied, which takes longer than the memory does
HASHED = 1 << 20
OBLIST = ROOT_VECTOR + 8 - VECTOR + 8 * ROOT_OBLIST
OBCOUNT = ROOT_VECTOR + 8 - VECTOR + 8 * ROOT_OBCOUNT


@onepass("the first bytes of one string")
def hash_string(s: word) -> word:
    """FNV-1a over the bytes of a string, of a long one the first ones, folded to 32 bits."""
    h = -3750763034362895579
    p = s + 8 - STRING
    n = load(s - STRING) >> 8
    end = p + (n if n < HASHED else HASHED)
    while p < end:
        h = (h ^ load8(p)) * 1099511628211
        p += 1
    return lshr(h, 32) ^ h & 0xFFFFFFFF


@bounded("runs of a table that is not full")
def find_symbol(name: word) -> word:
    """The interned symbol with this name (a string), or 0."""
    table = load(OBLIST)
    mask = (load(table - VECTOR) >> 11) - 1
    i = hash_string(name) & mask
    while True:
        s = load(table + 8 - VECTOR + 8 * i)
        if s == 0:
            return 0
        if s & 7 == SYMBOL and same_bytes(load(s + SYM_PNAME), name):
            return s
        i = i + 1 & mask


def intern(name: word, slot1: word, slot2: word, slotn: word) -> word:
    """The interned symbol with this name; made when it is new."""
    s = find_symbol(name)
    return s if s != 0 else enter_symbol(make_symbol(name, slot1, slot2, slotn))


@inline
def is_crowded(table: word) -> bool:
    """Are three quarters of the places of the object list taken?"""
    return (load(OBCOUNT) >> 3) * 4 >= (load(table - VECTOR) >> 11) * 3


def enter_symbol(s: word) -> word:
    """Put a symbol on the object list, which grows at three quarters: the symbol, or UNWIND when there is no room for
    that, or it was ended.
    """
    table = load(OBLIST)
    if is_crowded(table):
        bigger = make_vector((load(table - VECTOR) >> 11) * 2, 0)
        if bigger == UNWIND:
            return bigger
        table = load(OBLIST)
        if is_crowded(table):  # the collection for the room may have taken symbols off, and made the table smaller
            size = load(table - VECTOR) >> 11
            i = 0
            while i < size:
                old = load(table + 8 - VECTOR + 8 * i)
                if old & 7 == SYMBOL:
                    place_symbol(bigger, old)
                i += 1
                if poll() == UNWIND:
                    return UNWIND
            set_field(OBLIST, bigger)
            table = bigger
    place_symbol(table, s)
    store(OBCOUNT, load(OBCOUNT) + 8)
    return s


@bounded("runs of a table that is not full")
def place_symbol(table: word, s: word) -> None:
    mask = (load(table - VECTOR) >> 11) - 1
    i = hash_string(load(s + SYM_PNAME)) & mask
    while load(table + 8 - VECTOR + 8 * i) & 7 == SYMBOL:
        i = i + 1 & mask
    set_field(table + 8 - VECTOR + 8 * i, s)


@noinline
def unset_value(env: word, s: word) -> word:
    """What a function with these literals finds in a variable that is unset: an error, or the value that compiled code
    sees.
    """
    return host(H_UNSET, s, env, 0)


@inline
def given_name(s: word) -> word:
    """The name of a symbol; 0 when it was generated and has none yet."""
    return load(s + SYM_PNAME) if load(s + SYM_FLAGS) & F_UNNAMED == 0 else 0


@noinline
def print_name(s: word) -> word:
    """The name of a symbol, which a generated one gets now; or UNWIND."""
    if load(s + SYM_FLAGS) & F_UNNAMED != 0 and host(H_NAME, s, 0, 0) == UNWIND:
        return UNWIND
    return load(s + SYM_PNAME)


@inline
def symbol_value(env: word, symbol: word) -> word:
    v = load(symbol + SYM_VALUE)
    if v == UNSET:
        return unset_value(env, symbol)
    return defined(v)


@inline
def set_value(symbol: word, v: word) -> word:
    set_field(symbol + SYM_VALUE, v)
    return v


@lisp("set")
def set_checked(s: word, v: word) -> word:
    """Give the variable that a symbol names a value; the value.  (progn (set 'example!* 5) example!*) => 5"""
    if s & 7 != SYMBOL or s == NIL or s == T:
        return host(H_BAD_SYMBOL, O_SET, s, v)
    if load(s + SYM_FLAGS) & F_KEYWORD != 0:
        return host(H_BAD_SYMBOL, O_SETV, s, v)
    return set_value(s, v)


@inline
def has_flag(s: word, flag: word) -> bool:
    """Is it a symbol with a flag of its header?"""
    return s & 7 == SYMBOL and load(s + SYM_FLAGS) & flag != 0


@lisp("fluidp")
def fluidp(s: word) -> word:
    """Is a variable declared fluid (dynamically bound)?  (fluidp '!*echo) => t"""
    return truth(has_flag(s, F_FLUID))


@lisp("globalp")
def globalp(s: word) -> word:
    """Is a variable declared global?  (globalp 'emsg!*) => t"""
    return truth(has_flag(s, F_GLOBAL))


@lisp("constantp")
def constantp(x: word) -> word:
    """Is it a form that is its own value: nil, t, or no symbol and no list?
    (constantp 5) => t  (constantp 'a) => nil
    """
    return truth(x == NIL or x == T if x & 7 == SYMBOL else x & 7 != CONS)


@lisp("symbol-value", "also")
def value_of_symbol(x: word) -> word:
    if x & 7 != SYMBOL:
        return x
    v = load(x + SYM_VALUE)
    return v if v != UNSET else pass_one(P_SYMBOL_VALUE, x)


@lisp("prop")
def properties(x: word) -> word:
    """The properties of a symbol, as a list; nil for what is no symbol.  (prop 5) => nil"""
    return load(x + SYM_PLIST) if x & 7 == SYMBOL else NIL


@lisp("macro-function", "also")
def expander(x: word) -> word:
    return pass_one(P_MACRO_FUNCTION, x) if x & 7 == SYMBOL and load(x + SYM_FLAGS) & F_MACRO != 0 else NIL


@lisp("boundp")
def boundp(s: word) -> word:
    """Has the variable of that name a value?  (boundp 'nobody!-set!-this) => nil"""
    return truth(s & 7 == SYMBOL and load(s + SYM_VALUE) != UNSET)


@inline
def bind(symbol: word, v: word) -> word:
    """Give a fluid a new value until ``unbind``."""
    p = load(BP)
    if unlikely(p >= load(BIND_END)):
        return no_room_to_bind()
    store(p, symbol)
    store(p + 8, load(symbol + SYM_VALUE))
    store(BP, p + 16)
    set_field(symbol + SYM_VALUE, v)
    return NIL


@bounded("bindings of one function")
@inline
def unbind(count: word) -> None:
    """Take back the last ``count`` bindings; those that are there, when strangers' bytecode asks for more."""
    p = load(BP)
    if unlikely(p - 16 * count < load(BIND_BASE)):
        unbind_to(0)
        return
    while count > 0:
        p -= 16
        restore(p)
        count -= 1
    store(BP, p)


@inline
def restore(p: word) -> None:
    """Take back the binding at an address of the binding stack."""
    set_field(load(p) + SYM_VALUE, load(p + 8))


@noinline
def no_room_to_bind() -> word:
    return host(H_STACK_OVERFLOW, 0, 0, 0)


@bounded("the stack of bindings goes back at the speed of memory")
def unbind_to(depth: word) -> None:
    """Take back bindings down to a depth (bytes of the binding stack)."""
    p = load(BP)
    while p > depth and p > load(BIND_BASE):
        p -= 16
        restore(p)
    store(BP, p)


@lisp("throw")
def throw(tag: word, value: word) -> word:
    """End the innermost `catch` of that tag; its value is the second argument.
    (catch 'out (plus 1 (throw 'out 5))) => 5
    """
    found = memq(tag, load(CATCH_TAGS + SYM_VALUE))
    if found == UNWIND:
        return UNWIND
    if found == NIL:
        return host(H_BAD_THROW, tag, value, 0)
    return start_throw(tag, value)


def start_throw(tag: word, value: word) -> word:
    store_unwind(16, tag, value)
    return UNWIND


def store_unwind(kind: word, tag: word, value: word) -> None:
    store(UNWIND_KIND, kind)
    store(UNWIND_KIND + 8, tag)
    store(UNWIND_KIND + 16, value)


@inline
def find_property(s: word, key: word) -> word:
    """The (key . value) pair, or nil; or UNWIND."""
    l = load(s + SYM_PLIST)
    while l & 7 == CONS:
        p = load(l - 1)
        if p & 7 == CONS and load(p - 1) == key:
            return p
        l = load(l + 7)
        if poll() == UNWIND:
            return UNWIND
    return NIL


@lisp("get", "also")
def get(s: word, key: word) -> word:
    """A property of a symbol, or nil."""
    if s & 7 == SYMBOL:
        p = find_property(s, key)
        if p == UNWIND:
            return UNWIND
        return load(p + 7) if p != NIL else NIL
    return NIL


@lisp("put")
def put(s: word, key: word, value: word) -> word:
    """Give a symbol a property; the value.  (progn (put 'example!-p 'colour 'red) (get 'example!-p 'colour)) => red"""
    if s & 7 != SYMBOL:
        return host(H_BAD_SYMBOL, O_PUT, s, value)
    p = find_property(s, key)
    if p == UNWIND:
        return UNWIND
    if p != NIL:
        set_field(p + 7, value)
    else:
        set_field(s + SYM_PLIST, cons(cons(key, value), load(s + SYM_PLIST)))
    return value


@lisp("flag")
def flag(names: word, key: word) -> word:
    """Give all symbols of a list a flag, that is, a property with the value t; nil.
    (progn (flag '(example!-f) 'seen) (flagp 'example!-f 'seen)) => t
    """
    while names & 7 == CONS:
        s = load(names - 1)
        if s & 7 == SYMBOL and put(s, key, T) == UNWIND:
            return UNWIND
        names = load(names + 7)
        if safepoint() == UNWIND:
            return UNWIND
    return NIL


@lisp("remflag")
def remflag(names: word, key: word) -> word:
    """Take a flag from all symbols of a list; nil.
    (progn (flag '(example!-f) 'seen) (remflag '(example!-f) 'seen) (flagp 'example!-f 'seen)) => nil
    """
    while names & 7 == CONS:
        if remprop(load(names - 1), key) == UNWIND:
            return UNWIND
        names = load(names + 7)
        if poll() == UNWIND:
            return UNWIND
    return NIL


@lisp("flagp")
def flagp(s: word, key: word) -> word:
    """Has a symbol a flag, or a property of that name?  (flagp 'example!-none 'seen) => nil"""
    if s & 7 != SYMBOL:
        return NIL
    p = find_property(s, key)
    return p if p == UNWIND else truth(p != NIL)


@lisp("remprop")
def remprop(s: word, key: word) -> word:
    """Remove a property of a symbol; the value that it had.
    (progn (put 'example!-p 'size 3) (remprop 'example!-p 'size)) => 3
    """
    if s & 7 != SYMBOL:
        return NIL
    l = load(s + SYM_PLIST)
    before = 0
    while l & 7 == CONS:
        p = load(l - 1)
        if p & 7 == CONS and load(p - 1) == key:
            if before == 0:
                set_field(s + SYM_PLIST, load(l + 7))
            else:
                set_field(before + 7, load(l + 7))
            return load(p + 7)
        before = l
        l = load(l + 7)
        if poll() == UNWIND:
            return UNWIND
    return NIL


@lisp("plist")
def plist(s: word) -> word:
    """The properties of a symbol, as a list.  (progn (put 'example!-q 'size 3) (plist 'example!-q)) => ((size . 3))"""
    return load(s + SYM_PLIST) if s & 7 == SYMBOL else host(H_BAD_SYMBOL, O_GET, s, 0)
