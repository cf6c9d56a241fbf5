"""Frames of bytecode: how they are made, entered, counted, gone on with in another engine, and left by an error.

A frame begins with the arguments and the other locals; the operands follow.
"""

from __future__ import annotations

from ..heap.objects import SYM_ENV, SYM_FN1, SYM_FN2, SYM_FNN
from ..heap.vm import COUNTERS, HOT, PERIOD, RESUME_AT, RESUME_DEPTH, SP, STACK_END, THRESHOLD, TICKS, TRACING
from ..heap.words import UNWIND, VECTOR
from ..instructions.layout import CODE_FIXED, CODE_FRAME, CODE_LOCALS, CODE_MAX, CODE_MIN, CODE_REST, CODE_START
from ..restricted.language import (
    bounded,
    handled,
    inline,
    invoke1,
    invoke3,
    load,
    load8,
    load16,
    lshr,
    noinline,
    store,
    unlikely,
    word,
)
from .calls import (
    SLOT_BYTECODED1,
    SLOT_BYTECODED2,
    SLOT_BYTECODEDN,
    SLOT_COMPILE1,
    SLOT_COMPILE2,
    SLOT_COMPILEN,
    SLOT_INTERPRET,
    SLOT_RESUME,
    SLOT_RUN,
    call_symbol1,
    call_symbol2,
    call_symboln,
    wrong_count,
)
from .host import H_BAILOUT, H_COMPILE, H_HOT, H_LEFT, H_STACK_OVERFLOW, host, tell
from .memory import NIL, T, cons


@inline
def frame_end(code: word, fp: word) -> word:
    return fp + 8 * load16(code + CODE_FRAME)


@inline
def counter(env: word) -> word:
    """Where calls and backward jumps of a function are counted.
    Functions may share a counter, which only makes them hot earlier.
    """
    return load(COUNTERS) + (lshr(load(env + 8 - VECTOR), 4) & 4095) * 8


@noinline
def counter_of(env: word) -> word:
    """The same, for those who look."""
    return counter(env)


@inline
def count(env: word, more: word) -> word:
    """Calls and backward jumps of a function until now."""
    at = counter(env)
    n = load(at) + more
    store(at, n)
    return n


@noinline
def count_bytecode(env: word, at: word) -> word:
    """Count for a frame at a place of its bytecode; T when it goes on natively there, through SLOT_RESUME."""
    n = count(env, 1)
    limit = load(THRESHOLD)
    if limit == 1 or n == limit or n > limit and n & n - 1 == 0:
        r = handled(host(H_HOT, env, at << 3, n << 3))
        return T if r == T else NIL
    return NIL


@noinline
def count_native(env: word) -> None:
    """Count a call of native code that could be better, for all calls since the last one that was counted."""
    period = load(PERIOD)
    store(TICKS, period)
    n = count(env, period)
    if n >= load(HOT) and n < load(HOT) + 4 * period:
        tell(H_HOT, env, -8, n << 3)


@noinline
def interpret_counted(env: word, fp: word) -> word:
    # who counts may compile: the frame is below what that pushes, and the collector sees it
    store(SP, frame_end(load(env + 8 - VECTOR), fp))
    hot = count_bytecode(env, 0)
    store(SP, fp)
    return invoke1(SLOT_RESUME if hot == T else SLOT_INTERPRET, env, fp)


def compile1(env: word, a: word) -> word:
    s = host(H_COMPILE, env, 0, 0)
    return call_symbol1(s, a) if s != UNWIND else s


def compile2(env: word, a: word, b: word) -> word:
    s = host(H_COMPILE, env, 0, 0)
    return call_symbol2(s, a, b) if s != UNWIND else s


def compilen(env: word, n: word, a: word, b: word, c: word) -> word:
    s = host(H_COMPILE, env, 0, 0)
    return call_symboln(s, n, a, b, c) if s != UNWIND else s


def compile_cells(s: word) -> None:
    """Set the cells of a bytecoded symbol so that the first call compiles it; wrong argument counts still complain."""
    if load(s + SYM_FN1) == SLOT_BYTECODED1:
        store(s + SYM_FN1, SLOT_COMPILE1)
    if load(s + SYM_FN2) == SLOT_BYTECODED2:
        store(s + SYM_FN2, SLOT_COMPILE2)
    if load(s + SYM_FNN) == SLOT_BYTECODEDN:
        store(s + SYM_FNN, SLOT_COMPILEN)


@inline
def interpret(env: word, fp: word) -> word:
    """Run the bytecode of a frame on the session's engine; count the call when somebody wants to know."""
    if unlikely(load(THRESHOLD) != 0):
        return interpret_counted(env, fp)
    return invoke1(SLOT_INTERPRET, env, fp)


def bytecoded1(env: word, a: word) -> word:
    code = load(env + 8 - VECTOR)
    fp = load(SP)
    if frame_end(code, fp) > load(STACK_END):
        return host(H_STACK_OVERFLOW, 0, 0, 0)
    store(fp, a)
    if load8(code + CODE_FIXED) != 1:
        return enter_general(env, code, fp, 1)
    return interpret(env, fp)


def bytecoded2(env: word, a: word, b: word) -> word:
    code = load(env + 8 - VECTOR)
    fp = load(SP)
    if frame_end(code, fp) > load(STACK_END):
        return host(H_STACK_OVERFLOW, 0, 0, 0)
    store(fp, a)
    store(fp + 8, b)
    if load8(code + CODE_FIXED) != 2:
        return enter_general(env, code, fp, 2)
    return interpret(env, fp)


@bounded("arguments that are on the stack")
def bytecodedn(env: word, n: word, a: word, b: word, c: word) -> word:
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


@bounded("arguments that are on the stack")
@noinline
def fill_general(env: word, code: word, fp: word, n: word) -> word:
    """Make a frame of optional or rest arguments: missing ones are nil, the rest becomes a list.
    nil, or UNWIND for a wrong count.
    """
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
def enter_general(env: word, code: word, fp: word, n: word) -> word:
    """Enter bytecode with optional or rest arguments."""
    r = fill_general(env, code, fp, n)
    return interpret(env, fp) if r != UNWIND else r


@inline
def function_env(s: word) -> word:
    """The literal vector of a bytecoded function."""
    return load(s + SYM_ENV)


@inline
def operand_place(env: word, fp: word, depth: word) -> word:
    """Where the top of so many operands is."""
    return fp + 8 * load16(load(env + 8 - VECTOR) + CODE_LOCALS) + 8 * depth


@inline
def store_word(p: word, v: word) -> None:
    store(p, v)


@noinline
def go_on_at(env: word, fp: word, at: word, top: word) -> word:
    """Go on with a frame on the session's engine, from the instruction at ``at`` on; ``top`` is where the top operand
    is.
    """
    return invoke3(SLOT_RUN, env, fp, load(env + 8 - VECTOR) + CODE_START + at, top)


def resume_bytecode(env: word, fp: word) -> word:
    """Go on with a frame in another engine, at the place and depth that the host says."""
    return go_on_at(env, fp, load(RESUME_AT), operand_place(env, fp, load(RESUME_DEPTH)))


@noinline
def bytecode_frame(env: word) -> word:
    """Begin a frame of bytecode for a function whose native code gives up; 0 when there is no room.

    It is a word longer than others: the top operand, which an interpreter holds in a register, is in memory while the
    host is told.
    """
    fp = load(SP)
    end = frame_end(load(env + 8 - VECTOR), fp) + 8
    if end > load(STACK_END):
        return 0
    store(SP, end)
    return fp


@noinline
def give_up(env: word, fp: word, at: word, depth: word) -> word:
    """Go on as bytecode in a frame that holds locals and ``depth`` operands, from the instruction at ``at`` on."""
    if fp == 0:
        return host(H_STACK_OVERFLOW, 0, 0, 0)
    if host(H_BAILOUT, env, at << 3, 0) == UNWIND:
        return leave_frame(env, fp)
    return go_on_at(env, fp, at, operand_place(env, fp, depth))


@noinline
def leave_frame(env: word, fp: word) -> word:
    """Leave a frame by an error or a throw; the host is told while it traces errors."""
    if load(TRACING) != 0:
        tell(H_LEFT, env, fp, 0)
    store(SP, fp)
    return UNWIND


@noinline
def leave_function(env: word) -> word:
    """The same for a function without a frame."""
    if load(TRACING) != 0:
        tell(H_LEFT, env, 0, 0)
    return UNWIND
