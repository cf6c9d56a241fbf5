"""The instruction set: one definition each, and everything else is derived.

A definition is a restricted function ``op_NAME``.  Parameters annotated ``u8``, ``i8`` or ``i16`` are operands in the
bytecode, ``w8`` and ``w16`` are numbers of words that the function receives in bytes; ``env`` is the literal vector and
``fp`` the frame; ``at`` is where a jump goes; all others are taken from the operand stack, the last one from its top.
The result is pushed, unless the function returns nothing or a bool (a bool says: jump).

Numbers are positions in this file, and then in ``typed.py``: add new instructions at the end of that.
"""

from __future__ import annotations

from ..heap.objects import SYM_VALUE
from ..heap.vm import BIND_BASE, BP, SP, STACK_END, UNWIND_KIND, UNWIND_TAG, UNWIND_VALUE
from ..heap.words import CONS, UNWIND, VECTOR
from ..kernel.calls import call_symbol1, call_symbol2, call_symboln
from ..kernel.host import H_STACK_OVERFLOW, host
from ..kernel.memory import CATCH_TAGS, NIL, T, cons
from ..kernel.safepoint import safepoint
from ..kernel.symbols import bind, set_value, store_unwind, symbol_value, unbind, unbind_to
from ..restricted.language import i8, i16, inline, load, store, u8, w8, w16, word


@inline
def literal(env: word, n: word) -> word:
    """The literal of a function that is ``n`` bytes behind its code."""
    return load(env + 8 - VECTOR + n)


@inline
def op_nil() -> word:
    """Push nil."""
    return NIL


@inline
def op_true() -> word:
    """Push t."""
    return T


@inline
def op_small(n: i8) -> word:
    """Push a small integer."""
    return n << 3


@inline
def op_literal(env: word, n: w16) -> word:
    """Push literal n."""
    return literal(env, n)


@inline
def op_local(fp: word, n: w8) -> word:
    """Push local variable n."""
    return load(fp + n)


@inline
def op_set_local(fp: word, n: w8, a: word) -> word:
    """Store the top in local variable n; it stays on the stack."""
    store(fp + n, a)
    return a


@inline
def op_store_local(fp: word, n: w8, a: word) -> None:
    """Store the top in local variable n and drop it."""
    store(fp + n, a)


@inline
def op_pop(a: word) -> None:
    """Drop the top."""


@inline
def op_value(env: word, n: w16) -> word:
    """Push the value of the fluid or global that is literal n; when it is unset an error, or what the original's
    compiled code finds there.
    """
    return symbol_value(env, literal(env, n))


@inline
def op_set_value(env: word, n: w16, a: word) -> word:
    """Give the fluid or global that is literal n a value; it stays on the stack."""
    return set_value(literal(env, n), a)


@inline
def op_bind(env: word, n: w16, a: word) -> word:
    """Bind the fluid that is literal n to the top; pushes nil."""
    return bind(literal(env, n), a)


@inline
def op_unbind(n: u8) -> None:
    """Undo the last n bindings."""
    unbind(n)


@inline
def op_binding_depth() -> word:
    """Push the depth of the binding stack (a fixnum)."""
    return load(BP) - load(BIND_BASE)


@inline
def op_jump(at: i16) -> bool:
    """Go on elsewhere."""
    return True


@inline
def op_jump_nil(at: i16, a: word) -> bool:
    """Jump when the top is nil; drops it."""
    return a == NIL


@inline
def op_jump_not_nil(at: i16, a: word) -> bool:
    """Jump when the top is not nil; drops it."""
    return a != NIL


@inline
def op_poll() -> word:
    """A safepoint: before every backward jump; pushes nil."""
    return safepoint()


def op_return(a: word) -> None:
    """Leave the function with the top as its value."""


@inline
def op_call0(env: word, n: w16) -> word:
    """Call the function of the symbol that is literal n."""
    return call_symboln(literal(env, n), 0, 0, 0, 0)


@inline
def op_call1(env: word, n: w16, a: word) -> word:
    """Call with one argument."""
    return call_symbol1(literal(env, n), a)


@inline
def op_call2(env: word, n: w16, a: word, b: word) -> word:
    """Call with two arguments."""
    return call_symbol2(literal(env, n), a, b)


@inline
def op_call3(env: word, n: w16, a: word, b: word, c: word) -> word:
    """Call with three arguments."""
    return call_symboln(literal(env, n), 3, a, b, c)


@inline
def op_calln(env: word, n: w16, k: u8, a: word, b: word, c: word) -> word:
    """Call with k > 3 arguments; all but three were pushed by push_argument."""
    r = call_symboln(literal(env, n), k, a, b, c)
    store(SP, load(SP) - 8 * (k - 3))
    return r


@inline
def op_push_argument(a: word) -> word:
    """Push the top on the Lisp stack as a fourth or later argument; pushes nil."""
    p = load(SP)
    if p + 16 > load(STACK_END):
        return host(H_STACK_OVERFLOW, 0, 0, 0)
    store(p, a)
    store(SP, p + 8)
    return NIL


@inline
def op_drop_arguments(k: u8) -> None:
    """Forget k pushed arguments (a go or return out of an argument)."""
    store(SP, load(SP) - 8 * k)


@inline
def op_tail_call0(env: word, n: w16) -> word:
    """Call as the last act of the function."""
    return call_symboln(literal(env, n), 0, 0, 0, 0)


@inline
def op_tail_call1(env: word, n: w16, a: word) -> word:
    """Call with one argument as the last act of the function."""
    return call_symbol1(literal(env, n), a)


@inline
def op_tail_call2(env: word, n: w16, a: word, b: word) -> word:
    """Call with two arguments as the last act of the function."""
    return call_symbol2(literal(env, n), a, b)


@inline
def op_tail_call3(env: word, n: w16, a: word, b: word, c: word) -> word:
    """Call with three arguments as the last act of the function."""
    return call_symboln(literal(env, n), 3, a, b, c)


@inline
def op_enter_catch(a: word) -> word:
    """Make the top an active catch tag (one fluid binding); pushes nil."""
    return bind(CATCH_TAGS, cons(a, load(CATCH_TAGS + SYM_VALUE)))


@inline
def op_caught(tag: word, depth: word) -> word:
    """In a handler: the value thrown to ``tag``, with bindings undone to ``depth``; any other exit goes on."""
    if load(UNWIND_KIND) == 16 and load(UNWIND_TAG) == tag:
        unbind_to(load(BIND_BASE) + depth)
        return load(UNWIND_VALUE)
    return UNWIND


@inline
def op_save_unwind(depth: word) -> word:
    """In a handler: what is under way as a list, with bindings undone to ``depth``."""
    r = cons(load(UNWIND_KIND), cons(load(UNWIND_TAG), cons(load(UNWIND_VALUE), NIL)))
    unbind_to(load(BIND_BASE) + depth)
    return r


@inline
def op_resume_unwind(a: word) -> word:
    """Go on with what save_unwind kept."""
    if a & 7 == CONS:
        d = load(a + 7)
        if d & 7 == CONS and load(d + 7) & 7 == CONS:
            store_unwind(load(a - 1), load(d - 1), load(load(d + 7) - 1))
    return UNWIND


# Instructions that are a kernel function of the same name, where their body, text, meaning and stack effect stand.
PRIMITIVES = (
    "car", "cdr", "cons2", "ncons", "list2", "list3", "acons", "rplaca", "rplacd", "eq", "null", "atom", "pairp", "idp",
    "stringp", "vectorp", "numberp", "fixp", "floatp", "plus2", "difference2", "times2", "add1", "sub1", "quotient",
    "remainder", "minus", "lessp", "greaterp", "leq", "geq", "eqn", "zerop", "onep", "minusp", "equal", "eqcar", "memq",
    "member", "atsoc", "assoc", "get", "put", "flagp", "getv", "putv", "append2", "reverse", "length", "land2", "lor2",
    "lxor2", "evenp", "eql", "gethash2", "puthash", "xcons", "nconc2", "reversip", "modular_plus", "modular_difference",
    "modular_times", "upbv", "throw", "plusp",
)

# Where the stencils of an instruction have its body, where that is not as its definition suggests: "inline" (all of it
# in the stencil), "shared" (the fast path; what is rare stands out of line, and is a body that all code shares) or
# "call" (through the kernel's table).
PLACEMENT = {"save_unwind": "inline", "resume_unwind": "inline", "caught": "inline"}

# Native code joins a predicate with the branch behind it: the value is tested without being made.  So it does with
# these, which are no predicates by their definitions, or give more than that.
TESTED = ("equal", "evenp", "memq", "member")

__all__ = ["PLACEMENT", "PRIMITIVES", "TESTED"]
