"""Evaluation of forms as they are: variables, calls, and the special forms that need no variables of their own; and
errorset around it.

Macros, forms that bind variables, and what lies deep inside of others are the host's, which compiles them.
"""

from __future__ import annotations

from ..heap.objects import F_FEXPR, F_KEYWORD, F_MACRO, F_OPEN, F_SPECIAL, SYM_FLAGS, SYM_VALUE
from ..heap.vm import (
    ABSENT_LEFT,
    BP,
    DEEP_STACK,
    ERROR_ASIDE,
    ERROR_SHOWN,
    ERROR_TRACE,
    ERRORSET_LEAST,
    ERRORSET_MOST,
    NATIVE_BASE,
    NESTED,
    SP,
    TRACING,
    UNWIND_ERROR,
    UNWIND_KIND,
    UNWIND_TAG,
)
from ..heap.words import CONS, SYMBOL, UNWIND
from ..restricted.language import change_stack, handled, inline, lisp, load, noinline, stack_pointer, store, word
from .calls import call_counted, push_argument
from .host import H_BAD_SYMBOL, H_ERRORSET, H_EVALUATE, H_EVALUATING, O_SETQ, host, tell
from .memory import (
    NIL,
    ROOT_AND,
    ROOT_COND,
    ROOT_OR,
    ROOT_PROGN,
    ROOT_QUOTE,
    ROOT_SETQ,
    ROOT_VECTOR,
    UNSET,
    T,
    cons,
    named,
    poll,
)
from .safepoint import safepoint
from .symbols import set_value, unbind_to

SHOWN, TRACED = 2, 3  # levels of errorset from which on messages, and back-traces, are printed


@inline
def evaluated_apart(x: word, depth: word) -> word:
    """What the host makes of a form."""
    return host(H_EVALUATE, x, depth, 0)


@lisp("eval")
def eval_form(x: word) -> word:
    """The value of a form.  (eval '(plus 1 2)) => 3"""
    return evaluate(x, 0)


@noinline
def evaluate(x: word, depth: word) -> word:
    """The value of a form that lies so deep in others."""
    if x & 7 == SYMBOL:
        v = load(x + SYM_VALUE)
        return evaluated_apart(x, 0) if v == UNSET else v
    if x & 7 != CONS:
        return x
    head = load(x - 1)
    rest = load(x + 7)
    if head == named(ROOT_QUOTE) and rest & 7 == CONS and load(rest + 7) == NIL:
        return load(rest - 1)
    if head & 7 != SYMBOL or head == named(ROOT_QUOTE) or depth > NESTED:
        return evaluated_apart(x, depth)
    if safepoint() == UNWIND:
        return UNWIND
    if head == named(ROOT_COND):
        return evaluate_cond(rest, depth + 1)
    if head == named(ROOT_AND):
        return evaluate_until(rest, T, T, depth + 1)
    if head == named(ROOT_OR):
        return evaluate_until(rest, NIL, NIL, depth + 1)
    if head == named(ROOT_PROGN):
        return evaluate_all(rest, NIL, depth + 1)
    if head == named(ROOT_SETQ):
        return evaluate_setq(rest, depth + 1)
    if load(head + SYM_FLAGS) & (F_MACRO | F_FEXPR | F_SPECIAL | F_OPEN) != 0:
        return evaluated_apart(x, depth)
    return evaluate_call(head, rest, depth + 1)


@noinline
def evaluate_all(l: word, r: word, depth: word) -> word:
    """The value of the last form of a list; ``r`` when there is none."""
    while l & 7 == CONS:
        if poll() == UNWIND:
            return UNWIND
        r = evaluate(load(l - 1), depth)
        if r == UNWIND:
            return r
        l = load(l + 7)
    return r


@noinline
def evaluate_until(l: word, r: word, going_on: word, depth: word) -> word:
    """The forms of and (which goes on with t) and of or (which does with nil), of which ``r`` is the value when there
    are none.
    """
    while l & 7 == CONS:
        if poll() == UNWIND:
            return UNWIND
        r = evaluate(load(l - 1), depth)
        if r == UNWIND:
            return r
        if (r == NIL) != (going_on == NIL):
            return r
        l = load(l + 7)
    return r


@noinline
def evaluate_cond(l: word, depth: word) -> word:
    while l & 7 == CONS:
        if poll() == UNWIND:
            return UNWIND
        clause = load(l - 1)
        if clause & 7 == CONS:
            r = evaluate(load(clause - 1), depth)
            if r == UNWIND:
                return r
            if r != NIL:
                return evaluate_all(load(clause + 7), r, depth)
        l = load(l + 7)
    return NIL


@noinline
def evaluate_setq(l: word, depth: word) -> word:
    r = NIL
    while l & 7 == CONS:
        if poll() == UNWIND:
            return UNWIND
        s = load(l - 1)
        if s & 7 != SYMBOL or s <= ROOT_VECTOR or load(s + SYM_FLAGS) & F_KEYWORD != 0:
            return host(H_BAD_SYMBOL, O_SETQ, s, NIL)
        l = load(l + 7)
        r = NIL
        if l & 7 == CONS:
            r = evaluate(load(l - 1), depth)
            if r == UNWIND:
                return r
            l = load(l + 7)
        set_value(s, r)
    return r


@noinline
def evaluate_call(head: word, l: word, depth: word) -> word:
    """Call a function with the values of forms."""
    n = 0
    a = 0
    b = 0
    c = 0
    old = load(SP)
    while l & 7 == CONS:
        if poll() == UNWIND:
            store(SP, old)
            return UNWIND
        v = evaluate(load(l - 1), depth)
        if v == UNWIND:
            store(SP, old)
            if load(TRACING) != 0:
                tell(H_EVALUATING, load(l - 1), 0, 0)
            return UNWIND
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
    if safepoint() == UNWIND:
        store(SP, old)
        return UNWIND
    r = call_counted(head, n, a, b, c)
    store(SP, old)
    return r


def enter_evaluation(x: word, depth: word, calls: word) -> word:
    """Evaluate a form for the host, on the stack that is Lisp's; ``calls``: it is a call, whatever its head is said to
    be.
    """
    store(ABSENT_LEFT, 0)
    old = load(NATIVE_BASE)
    caller = change_stack(load(DEEP_STACK) if old == 0 else 0)
    if old == 0:
        store(NATIVE_BASE, stack_pointer() + 512)
    r = evaluate_call(load(x - 1), load(x + 7), depth) if calls != 0 else evaluate(x, depth)
    store(NATIVE_BASE, old)
    change_stack(caller)
    return r


@lisp("errorset", "also")
def errorset_alone(form: word) -> word:
    return errorset(form, NIL, NIL)


@lisp("errorset", "also")
def errorset_shown(form: word, message: word) -> word:
    return errorset(form, message, NIL)


@lisp("errorset", "also")
def errorset(form: word, message: word, backtrace: word) -> word:
    """A list of the value of a form, or what error was called with; back-traces, and messages that are kept apart, are
    the host's.
    """
    level = 0 if message == NIL else TRACED if backtrace != NIL else SHOWN
    if level < load(ERRORSET_LEAST):
        level = load(ERRORSET_LEAST)
    if level > load(ERRORSET_MOST):
        level = load(ERRORSET_MOST)
    if level >= TRACED or load(ERROR_ASIDE) != 0:
        return host(H_ERRORSET, form, level << 3, backtrace)
    if safepoint() == UNWIND:
        return UNWIND
    shown = load(ERROR_SHOWN)
    trace = load(ERROR_TRACE)
    sp = load(SP)
    bp = load(BP)
    store(ERROR_SHOWN, 1 if level > 0 else 0)
    store(ERROR_TRACE, 0)
    r = evaluate(form, 0)
    store(ERROR_SHOWN, shown)
    store(ERROR_TRACE, trace)
    if r != UNWIND:
        return cons(r, NIL)
    if load(UNWIND_KIND) != UNWIND_ERROR:
        return UNWIND
    handled(r)
    unbind_to(bp)
    store(SP, sp)
    store(TRACING, 0)
    number = load(UNWIND_TAG)
    return NIL if number & 7 == CONS else number
