"""Calls: function cells, argument counts, and how bytecode is entered.

A function cell holds the offset of an entry slot; the slot holds what to call
(a code address, or under CPython nothing: the slot's number is looked up).
Conventions: FN1 (env, a), FN2 (env, a, b), FNN (env, n, a, b, c) with the fourth
and later arguments on top of the Lisp stack, which the caller pops.
"""

from __future__ import annotations

from ..instructions.layout import CODE_FIXED, CODE_FRAME, CODE_LOCALS, CODE_MAX, CODE_MIN, CODE_REST, CODE_START
from ..objects import SYM_ENV, SYM_FN1, SYM_FN2, SYM_FNN
from ..restricted.language import (  # type: ignore[attr-defined]
    add_overflows,
    inline,
    invoke1,
    invoke2,
    invoke3,
    invoke4,
    lisp,
    load,
    load8,
    load16,
    lshr,
    noinline,
    stack_pointer,
    store,
    unlikely,
)
from ..vm import COUNTERS, HOT, NATIVE_BASE, PERIOD, RESUME_AT, RESUME_DEPTH, SLOTS, SP, STACK_END, THRESHOLD, TICKS
from ..words import CONS, OTHER, SYMBOL, UNWIND, VECTOR
from .host import H_APPLY, H_BAD_FUNCTION, H_BAILOUT, H_CALL, H_COMPILE, H_HOT, H_STACK_OVERFLOW, H_UNDEFINED, H_WRONG_COUNT, host
from .memory import NIL, T, cons

# The first entry slots have fixed numbers; the others follow in the order of their names.
ENTRY_NAMES = ("host", "undefined1", "undefined2", "undefinedn", "wrong1", "wrong2", "wrongn", "bytecoded1", "bytecoded2", "bytecodedn",
               "host1", "host2", "hostn", "interpret", "compile1", "compile2", "compilen", "resume", "run")
SLOT = {name: SLOTS + 8 * k for k, name in enumerate(ENTRY_NAMES)}
(SLOT_HOST, SLOT_UNDEFINED1, SLOT_UNDEFINED2, SLOT_UNDEFINEDN, SLOT_WRONG1, SLOT_WRONG2, SLOT_WRONGN, SLOT_BYTECODED1,
 SLOT_BYTECODED2, SLOT_BYTECODEDN, SLOT_HOST1, SLOT_HOST2, SLOT_HOSTN, SLOT_INTERPRET,
 SLOT_COMPILE1, SLOT_COMPILE2, SLOT_COMPILEN, SLOT_RESUME, SLOT_RUN) = SLOT.values()


def undefined1(env, a):
    return host(H_UNDEFINED, env, 1, a)


def undefined2(env, a, b):
    return host(H_UNDEFINED, env, 2, a)


def undefinedn(env, n, a, b, c):
    return host(H_UNDEFINED, env, n, a)


def wrong1(env, a):
    return host(H_WRONG_COUNT, env, 1, a)


def wrong2(env, a, b):
    return host(H_WRONG_COUNT, env, 2, a)


def wrongn(env, n, a, b, c):
    return host(H_WRONG_COUNT, env, n, a)


@noinline
def wrong_count(env, n):
    """Signal a call with ``n`` arguments that ``env`` (a symbol or a literal vector) does not take."""
    return host(H_WRONG_COUNT, env, n, 0)


def host1(env, a):
    return call_host(env, 1, a, 0, 0)


def host2(env, a, b):
    return call_host(env, 2, a, b, 0)


def hostn(env, n, a, b, c):
    return call_host(env, n, a, b, c)


def call_host(env, n, a, b, c):
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
def call_symbol1(s, a):
    return invoke1(load(s + SYM_FN1), load(s + SYM_ENV), a)


@inline
def call_symbol2(s, a, b):
    return invoke2(load(s + SYM_FN2), load(s + SYM_ENV), a, b)


@inline
def call_symboln(s, n, a, b, c):
    return invoke4(load(s + SYM_FNN), load(s + SYM_ENV), n, a, b, c)


def bytecode_cells(s, code) -> None:
    """Set the cells of a symbol for a bytecoded function: the natural one enters it, the others complain."""
    least = load8(code + CODE_MIN)
    most = load8(code + CODE_MAX)
    if load8(code + CODE_REST) != 0:
        most = 255
    store(s + SYM_FN1, SLOT_BYTECODED1 if least <= 1 and most >= 1 else SLOT_WRONG1)
    store(s + SYM_FN2, SLOT_BYTECODED2 if least <= 2 and most >= 2 else SLOT_WRONG2)
    store(s + SYM_FNN, SLOT_BYTECODEDN if least == 0 or most > 2 else SLOT_WRONGN)


@inline
def frame_end(code, fp):
    return fp + 8 * load16(code + CODE_FRAME)


@noinline
def count(env, more):
    """Calls and backward jumps of a function until now.  Functions may share a counter, which only makes them hot earlier."""
    at = load(COUNTERS) + (lshr(load(env + 8 - VECTOR), 4) & 4095) * 8
    n = load(at) + more
    store(at, n)
    return n


@noinline
def count_bytecode(env, at):
    """Count for a frame at a place of its bytecode; T when it goes on natively there, through SLOT_RESUME."""
    n = count(env, 1)
    limit = load(THRESHOLD)
    if limit == 1 or n == limit or n > limit and n & n - 1 == 0:
        return host(H_HOT, env, at << 3, n << 3)
    return NIL


@noinline
def count_native(env) -> None:
    """Count a call of native code that could be better, for all calls since the last one that was counted."""
    period = load(PERIOD)
    store(TICKS, period)
    n = count(env, period)
    if n >= load(HOT) and n < load(HOT) + 4 * period:
        host(H_HOT, env, -8, n << 3)


@noinline
def interpret_counted(env, fp):
    return invoke1(SLOT_RESUME if count_bytecode(env, 0) == T else SLOT_INTERPRET, env, fp)


def compile1(env, a):
    s = host(H_COMPILE, env, 0, 0)
    return call_symbol1(s, a) if s != UNWIND else s


def compile2(env, a, b):
    s = host(H_COMPILE, env, 0, 0)
    return call_symbol2(s, a, b) if s != UNWIND else s


def compilen(env, n, a, b, c):
    s = host(H_COMPILE, env, 0, 0)
    return call_symboln(s, n, a, b, c) if s != UNWIND else s


def compile_cells(s) -> None:
    """Set the cells of a bytecoded symbol so that the first call compiles it; wrong argument counts still complain."""
    if load(s + SYM_FN1) == SLOT_BYTECODED1:
        store(s + SYM_FN1, SLOT_COMPILE1)
    if load(s + SYM_FN2) == SLOT_BYTECODED2:
        store(s + SYM_FN2, SLOT_COMPILE2)
    if load(s + SYM_FNN) == SLOT_BYTECODEDN:
        store(s + SYM_FNN, SLOT_COMPILEN)


@inline
def interpret(env, fp):
    """Run the bytecode of a frame on the session's engine; count the call when somebody wants to know."""
    if unlikely(load(THRESHOLD) != 0):
        return interpret_counted(env, fp)
    return invoke1(SLOT_INTERPRET, env, fp)


def bytecoded1(env, a):
    code = load(env + 8 - VECTOR)
    fp = load(SP)
    if frame_end(code, fp) > load(STACK_END):
        return host(H_STACK_OVERFLOW, 0, 0, 0)
    store(fp, a)
    if load8(code + CODE_FIXED) != 1:
        return enter_general(env, code, fp, 1)
    return interpret(env, fp)


def bytecoded2(env, a, b):
    code = load(env + 8 - VECTOR)
    fp = load(SP)
    if frame_end(code, fp) > load(STACK_END):
        return host(H_STACK_OVERFLOW, 0, 0, 0)
    store(fp, a)
    store(fp + 8, b)
    if load8(code + CODE_FIXED) != 2:
        return enter_general(env, code, fp, 2)
    return interpret(env, fp)


def bytecodedn(env, n, a, b, c):
    code = load(env + 8 - VECTOR)
    fp = load(SP)
    extra = n - 3 if n > 3 else 0
    if frame_end(code, fp) + 8 * n > load(STACK_END):
        return host(H_STACK_OVERFLOW, 0, 0, 0)
    p = fp - 8 * extra
    store(fp, a)
    store(fp + 8, b)
    store(fp + 16, c)
    i = 0
    while i < extra:
        store(fp + 24 + 8 * i, load(p + 8 * i))
        i += 1
    if load8(code + CODE_FIXED) != n:
        return enter_general(env, code, fp, n)
    return interpret(env, fp)


@noinline
def fill_general(env, code, fp, n):
    """Make a frame of optional or rest arguments: missing ones are nil, the rest becomes a list.  nil, or UNWIND for a wrong count."""
    most = load8(code + CODE_MAX)
    if n < load8(code + CODE_MIN) or n > most and load8(code + CODE_REST) == 0:
        return wrong_count(env, n)
    i = n
    while i < most:
        store(fp + 8 * i, NIL)
        i += 1
    if load8(code + CODE_REST) != 0:
        r = NIL
        i = n
        while i > most:
            i -= 1
            r = cons(load(fp + 8 * i), r)
        store(fp + 8 * most, r)
    return NIL


@noinline
def enter_general(env, code, fp, n):
    """Enter bytecode with optional or rest arguments."""
    r = fill_general(env, code, fp, n)
    return interpret(env, fp) if r != UNWIND else r


@inline
def function_env(s):
    """The literal vector of a bytecoded function."""
    return load(s + SYM_ENV)


@inline
def store_word(p, v) -> None:
    store(p, v)


def resume_bytecode(env, fp):
    """Go on with a frame in another engine, at the place and depth that the host says."""
    code = load(env + 8 - VECTOR)
    return invoke3(SLOT_RUN, env, fp, code + CODE_START + load(RESUME_AT), fp + 8 * load16(code + CODE_LOCALS) + 8 * load(RESUME_DEPTH))


@noinline
def bytecode_frame(env):
    """Begin a frame of bytecode for a function whose native code gives up; 0 when there is no room.

    It is a word longer than others: the top operand, which an interpreter holds in a register, is in memory while the host is told.
    """
    fp = load(SP)
    end = frame_end(load(env + 8 - VECTOR), fp) + 8
    if end > load(STACK_END):
        return 0
    store(SP, end)
    return fp


@noinline
def give_up(env, fp, at, depth):
    """Go on as bytecode in a frame that holds locals and ``depth`` operands, from the instruction at ``at`` on."""
    if fp == 0:
        return host(H_STACK_OVERFLOW, 0, 0, 0)
    code = load(env + 8 - VECTOR)
    host(H_BAILOUT, env, at << 3, 0)
    return invoke3(SLOT_RUN, env, fp, code + CODE_START + at, fp + 8 * load16(code + CODE_LOCALS) + 8 * depth)


@noinline
def apply_list(f, l):
    """Call the symbol ``f`` with the elements of a list."""
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
        else:
            p = load(SP)
            if p + 16 > load(STACK_END):
                return host(H_STACK_OVERFLOW, 0, 0, 0)
            store(p, v)
            store(SP, p + 8)
        n += 1
        l = load(l + 7)
    r = 0
    if f & 7 != SYMBOL:
        r = host(H_BAD_FUNCTION, f, 0, 0)
    elif n == 1:
        r = call_symbol1(f, a)
    elif n == 2:
        r = call_symbol2(f, a, b)
    else:
        r = call_symboln(f, n, a, b, c)
    store(SP, old)
    return r


@lisp("apply", "also")
def apply_two(f, l):
    """apply of a symbol to one list; what is no symbol, and other argument counts, are the host's."""
    if f & 7 == SYMBOL:
        return apply_list(f, l)
    return host(H_APPLY, f, l, 0)


@lisp("funcall", "also")
def funcall_one(f, a):
    if f & 7 == SYMBOL:
        return call_symbol1(f, a)
    return host(H_APPLY, f, cons(a, NIL), 0)


@lisp("funcall", "also")
def funcall_two(f, a, b):
    if f & 7 == SYMBOL:
        return call_symbol2(f, a, b)
    return host(H_APPLY, f, cons(a, cons(b, NIL)), 0)


@lisp("apply1")
def apply_one(f, a):
    return funcall_one(f, a)


@lisp("apply2")
def apply_both(f, a, b):
    return funcall_two(f, a, b)


def enter(f, arguments):
    """Call from the host: apply a symbol to a list, noting where the machine stack of Lisp begins."""
    old = load(NATIVE_BASE)
    if old == 0:
        store(NATIVE_BASE, stack_pointer() + 512)
    r = apply_list(f, arguments)
    store(NATIVE_BASE, old)
    return r


@inline
def current_lisp_stack():
    """Top of the Lisp stack."""
    return load(SP)


@inline
def set_lisp_stack(p) -> None:
    """Set the top of the Lisp stack (a handler drops pushed arguments)."""
    store(SP, p)


@inline
def extra_argument(k):
    """The k-th argument from the top of the Lisp stack, 1 being the last one."""
    return load(load(SP) - 8 * k)


__all__ = ["OTHER", "UNWIND", "add_overflows"]
