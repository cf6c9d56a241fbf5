"""Calls: function cells, argument counts, and how bytecode is entered.

A function cell holds the offset of an entry slot; the slot holds what to call
(a code address, or under CPython nothing: the slot's number is looked up).
Conventions: FN1 (env, a), FN2 (env, a, b), FNN (env, n, a, b, c) with the fourth
and later arguments on top of the Lisp stack, which the caller pops.
"""

from __future__ import annotations

from ..heap.objects import SYM_ENV, SYM_FN1, SYM_FN2, SYM_FNN
from ..heap.vm import (
    ABSENT_LEFT,
    DEBUGGED,
    DEEP_STACK,
    ERROR_ASIDE,
    ERROR_SHOWN,
    GC_REQUEST,
    GC_STRESS,
    INTERRUPT,
    NATIVE_BASE,
    OUTSIDE,
    REAL_STACK_LIMIT,
    SLOTS,
    SP,
    STACK_END,
    STACK_LIMIT,
)
from ..heap.words import CONS, SYMBOL, UNWIND
from ..instructions.layout import CODE_MAX, CODE_MIN, CODE_REST
from ..restricted.language import (
    bounded,
    change_stack,
    inline,
    invoke1,
    invoke2,
    invoke4,
    lisp,
    load,
    load8,
    noinline,
    stack_pointer,
    store,
    word,
)
from .host import H_APPLY, H_BAD_FUNCTION, H_CALL, H_RUN, H_STACK_OVERFLOW, H_UNDEFINED, H_WRONG_COUNT, host
from .memory import NIL, NO_LIMIT, ROOT_CLOSURE, cons, named, poll

# The first entry slots have fixed numbers; the others follow in the order of their names.
ENTRY_NAMES = ("host", "undefined1", "undefined2", "undefinedn", "wrong1", "wrong2", "wrongn", "bytecoded1",
               "bytecoded2", "bytecodedn", "host1", "host2", "hostn", "interpret", "compile1", "compile2", "compilen",
               "resume", "run", "handmade1", "handmade2", "handmaden")
SLOT = {name: SLOTS + 8 * k for k, name in enumerate(ENTRY_NAMES)}
(SLOT_HOST, SLOT_UNDEFINED1, SLOT_UNDEFINED2, SLOT_UNDEFINEDN, SLOT_WRONG1, SLOT_WRONG2, SLOT_WRONGN, SLOT_BYTECODED1,
 SLOT_BYTECODED2, SLOT_BYTECODEDN, SLOT_HOST1, SLOT_HOST2, SLOT_HOSTN, SLOT_INTERPRET,
 SLOT_COMPILE1, SLOT_COMPILE2, SLOT_COMPILEN, SLOT_RESUME, SLOT_RUN,
 SLOT_HANDMADE1, SLOT_HANDMADE2, SLOT_HANDMADEN) = SLOT.values()


def undefined1(env: word, a: word) -> word:
    return host(H_UNDEFINED, env, 1, a)


def undefined2(env: word, a: word, b: word) -> word:
    return host(H_UNDEFINED, env, 2, a)


def undefinedn(env: word, n: word, a: word, b: word, c: word) -> word:
    return host(H_UNDEFINED, env, n, a)


def wrong1(env: word, a: word) -> word:
    return host(H_WRONG_COUNT, env, 1, a)


def wrong2(env: word, a: word, b: word) -> word:
    return host(H_WRONG_COUNT, env, 2, a)


def wrongn(env: word, n: word, a: word, b: word, c: word) -> word:
    return host(H_WRONG_COUNT, env, n, a)


@noinline
def wrong_count(env: word, n: word) -> word:
    """Signal a call with ``n`` arguments that ``env`` (a symbol or a literal vector) does not take."""
    return host(H_WRONG_COUNT, env, n, 0)


def host1(env: word, a: word) -> word:
    return call_host(env, 1, a, 0, 0)


def host2(env: word, a: word, b: word) -> word:
    return call_host(env, 2, a, b, 0)


def hostn(env: word, n: word, a: word, b: word, c: word) -> word:
    return call_host(env, n, a, b, c)


@bounded("arguments that are on the stack")
def call_host(env: word, n: word, a: word, b: word, c: word) -> word:
    """Call a function of the host; the arguments are on the Lisp stack while it runs, so they stay alive."""
    old = load(SP)
    extra = n - 3 if n > 3 else 0
    p = old - 8 * extra
    fp = old
    if fp + 8 * n + 8 > load(STACK_END):
        return host(H_STACK_OVERFLOW, 0, 0, 0)
    store(fp, a)
    store(fp + 8, b)
    store(fp + 16, c)
    i = 0
    while i < extra:
        store(fp + 24 + 8 * i, load(p + 8 * i))
        i += 1
    store(SP, fp + 8 * (n if n > 3 else 3))
    r = host(H_CALL, env, n, fp)
    store(SP, old)
    return r


@inline
def call_symbol1(symbol: word, a: word) -> word:
    return invoke1(load(symbol + SYM_FN1), load(symbol + SYM_ENV), a)


@inline
def call_symbol2(symbol: word, a: word, b: word) -> word:
    return invoke2(load(symbol + SYM_FN2), load(symbol + SYM_ENV), a, b)


@inline
def call_symboln(symbol: word, n: word, a: word, b: word, c: word) -> word:
    return invoke4(load(symbol + SYM_FNN), load(symbol + SYM_ENV), n, a, b, c)


def bytecode_cells(s: word, code: word) -> None:
    """Set the cells of a symbol for a bytecoded function: the natural one enters it, the others complain."""
    least = load8(code + CODE_MIN)
    most = load8(code + CODE_MAX)
    if load8(code + CODE_REST) != 0:
        most = 255
    store(s + SYM_FN1, SLOT_BYTECODED1 if least <= 1 and most >= 1 else SLOT_WRONG1)
    store(s + SYM_FN2, SLOT_BYTECODED2 if least <= 2 and most >= 2 else SLOT_WRONG2)
    store(s + SYM_FNN, SLOT_BYTECODEDN if least == 0 or most > 2 else SLOT_WRONGN)


@inline
def push_argument(v: word) -> word:
    """Put an argument behind the third on the Lisp stack; UNWIND, the error, when that is full."""
    p = load(SP)
    if p + 16 > load(STACK_END):
        return host(H_STACK_OVERFLOW, 0, 0, 0)
    store(p, v)
    store(SP, p + 8)
    return NIL


@inline
def call_counted(f: word, n: word, a: word, b: word, c: word) -> word:
    """Call a symbol with so many arguments; those behind the third lie on the Lisp stack."""
    return call_symbol1(f, a) if n == 1 else call_symbol2(f, a, b) if n == 2 else call_symboln(f, n, a, b, c)


@inline
def is_closure(f: word) -> bool:
    """Is it a symbol with values that its function is called with before all others: (closure f value ...)?"""
    return (
        f & 7 == CONS
        and load(f - 1) == named(ROOT_CLOSURE)
        and load(f + 7) & 7 == CONS
        and load(load(f + 7) - 1) & 7 == SYMBOL
    )


@noinline
def apply_list(f: word, l: word) -> word:
    """Call the symbol ``f``, or a closure, with the elements of a list."""
    later = NIL
    if f & 7 == CONS and load(f - 1) == named(ROOT_CLOSURE):
        kept = load(f + 7)
        if kept & 7 == CONS:
            f = load(kept - 1)
            if load(kept + 7) & 7 == CONS:
                later = l
                l = load(kept + 7)
    n = 0
    a = 0
    b = 0
    c = 0
    old = load(SP)
    while l & 7 == CONS:
        v = load(l - 1)
        if n == 0:
            a = v
        elif n == 1:
            b = v
        elif n == 2:
            c = v
        elif push_argument(v) == UNWIND:
            store(SP, old)
            return UNWIND
        n += 1
        l = load(l + 7)
        if l & 7 != CONS:
            l = later
            later = NIL
        if poll() == UNWIND:
            store(SP, old)
            return UNWIND
    r = call_counted(f, n, a, b, c) if f & 7 == SYMBOL else host(H_BAD_FUNCTION, f, 0, 0)
    store(SP, old)
    return r


@lisp("apply", "also")
def apply_two(f: word, l: word) -> word:
    """apply of a symbol or a closure to one list; what is neither, and more arguments, are the host's."""
    if f & 7 == SYMBOL or is_closure(f):
        return apply_list(f, l)
    return host(H_APPLY, f, l, 0)


@lisp("apply", "also")
def apply_three(f: word, a: word, l: word) -> word:
    return apply_two(f, cons(a, l))


@lisp("funcall", "also")
def funcall_none(f: word) -> word:
    return call_symboln(f, 0, NIL, NIL, NIL) if f & 7 == SYMBOL else apply_two(f, NIL)


@lisp("funcall", "also")
def funcall_one(f: word, a: word) -> word:
    return call_symbol1(f, a) if f & 7 == SYMBOL else apply_two(f, cons(a, NIL))


def later_arguments(n: word) -> word:
    """The list of the ``n`` arguments of a call that are behind the third."""
    l = NIL
    k = 1
    while k <= n:
        l = cons(extra_argument(k), l)
        k += 1
        if poll() == UNWIND:
            return UNWIND
    return l


@lisp("funcall", "rest")
def funcall_two(env: word, n: word, f: word, a: word, b: word) -> word:
    """The same with two arguments and more; those of the function that are behind the second lie on the stack."""
    if n == 0:
        return hostn(env, n, f, a, b)
    if f & 7 == SYMBOL:
        return call_symbol2(f, a, b) if n == 3 else call_symboln(f, n - 1, a, b, extra_argument(n - 3))
    l = later_arguments(n - 3)
    return l if l == UNWIND else apply_two(f, cons(a, cons(b, l)))


@lisp("apply0")
def apply_none(f: word) -> word:
    """Call a function with no arguments.  (apply0 'list) => nil"""
    return funcall_none(f)


@lisp("apply3", "rest")
def apply_thrice(env: word, n: word, f: word, a: word, b: word) -> word:
    """Call a function with three arguments.  (apply3 'list 1 2 3) => (1 2 3)"""
    return funcall_two(env, n, f, a, b) if n == 4 else hostn(env, n, f, a, b)


@lisp("apply1")
def apply_one(f: word, a: word) -> word:
    """Call a function with one argument.  (apply1 'car '(a b)) => a"""
    return funcall_one(f, a)


@lisp("apply2")
def apply_both(f: word, a: word, b: word) -> word:
    """Call a function with two arguments.  (apply2 'cons 1 2) => (1 . 2)"""
    return funcall_two(NIL, 3, f, a, b)


def enter(f: word, arguments: word) -> word:
    """Call from the host: apply a symbol to a list, on the stack that is Lisp's, noting where that begins."""
    store(ABSENT_LEFT, 0)
    old = load(NATIVE_BASE)
    caller = change_stack(load(DEEP_STACK) if old == 0 else 0)
    if old == 0:
        store(NATIVE_BASE, stack_pointer() + 512)
    r = apply_list(f, arguments)
    store(NATIVE_BASE, old)
    change_stack(caller)
    return r


def limit_stack(limit: word) -> None:
    """How far down the machine stack may go; what waits for a poll has it at once."""
    store(REAL_STACK_LIMIT, limit)
    store(STACK_LIMIT, limit)
    if load(GC_STRESS) != 0 or load(GC_REQUEST) != 0 or load(INTERRUPT) != 0 or load(DEBUGGED) != 0:
        store(STACK_LIMIT, NO_LIMIT)


def enter_few(f: word, n: word, a: word, b: word, c: word, top: word, limit: word) -> word:
    """The same for a symbol with at most three arguments, which need no list: on the stack that begins at ``top``, with
    its limit, and with errors set aside for Python."""
    store(ABSENT_LEFT, 0)
    old = load(NATIVE_BASE)
    before = load(REAL_STACK_LIMIT)
    shown = load(ERROR_SHOWN)
    aside = load(ERROR_ASIDE)
    limit_stack(limit)
    store(ERROR_SHOWN, 1)
    store(ERROR_ASIDE, 1)
    caller = change_stack(top if old == 0 else 0)
    if old == 0:
        store(NATIVE_BASE, stack_pointer() + 512)
    r = 0
    if n == 1:
        r = call_symbol1(f, a)
    elif n == 2:
        r = call_symbol2(f, a, b)
    else:
        r = call_symboln(f, n, a, b, c)
    store(NATIVE_BASE, old)
    change_stack(caller)
    store(ERROR_SHOWN, shown)
    store(ERROR_ASIDE, aside)
    limit_stack(before)
    return r


def run_host(top: word) -> word:
    """Have the host go on, on the stack that begins at ``top``: what it does there may recurse as deep as Lisp."""
    caller = change_stack(top)
    r = host(H_RUN, 0, 0, 0)
    change_stack(caller)
    return r


@inline
def goes_outside() -> None:
    """Native code is going to call a C function."""
    store(OUTSIDE, load(OUTSIDE) + 1)


@inline
def comes_back() -> word:
    """It has returned; nil, or UNWIND when the program has to end."""
    store(OUTSIDE, load(OUTSIDE) + 1)
    return poll()


@inline
def current_lisp_stack() -> word:
    """Top of the Lisp stack."""
    return load(SP)


@inline
def set_lisp_stack(p: word) -> None:
    """Set the top of the Lisp stack (a handler drops pushed arguments)."""
    store(SP, p)


@inline
def extra_argument(k: word) -> word:
    """The k-th argument from the top of the Lisp stack, 1 being the last one."""
    return load(load(SP) - 8 * k)
