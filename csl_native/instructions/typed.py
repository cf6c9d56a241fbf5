"""Instructions of typed procedures, on the bytes of variables that local variables hold (``kernel/variables.py``).

Operands annotated ``read64``, ``update64``, ``write8``... are local variables: the function receives the number in the
first bytes of its variable, and what it returns goes to the one that is written.  Nothing is checked here: the proof of
the bytecode has that the local variable holds bytes enough, because ``var_open`` did check.  A ``local8`` is the value
of a local variable.

Numbers go on behind ``definitions.py``: its primitives, those here, then the functions here.  Add new instructions at
the end of this file, where those of all functions are that came later.
"""

from __future__ import annotations

from ..heap.words import OTHER
from ..kernel.bignum import from_word
from ..kernel.host import OP, bad_op
from ..kernel.memory import NIL
from ..kernel.variables import (
    RANGE,
    bad_variable,
    bytes_of,
    caught_exception,
    element_count,
    is_bytes,
    quotient64,
    raise_exception,
    remainder64,
    size_of,
    word_of,
)
from ..restricted.language import (
    i16,
    i32,
    inline,
    load,
    load64,
    local8,
    read64,
    store,
    store64,
    u8,
    ult,
    update32,
    update64,
    w16,
    word,
    write8,
    write16,
    write32,
    write64,
)

O_DIVIDE = OP["divide64"]

PRIMITIVES = ("make_variable", "check_word", "copy_bytes")  # kernel functions of the same name


@inline
def op_var_open(v: local8, n: u8) -> word:
    """Push the bytes of the variable in a local variable, n bytes at least; nil is a null reference."""
    b = bytes_of(v)
    if is_bytes(b) and size_of(b) >= n:
        return b
    return bad_variable(v)


@inline
def op_var_integer(a: read64) -> word:
    """Push a number as an integer."""
    return from_word(a)


@inline
def op_var_take(x: word, to: write64) -> word:
    """Store an integer that 64 bits hold; drops it."""
    return word_of(x)


@inline
def op_var_inc(a: update64) -> word:
    """Add one."""
    return a + 1


@inline
def op_var_dec(a: update64) -> word:
    """Subtract one."""
    return a - 1


@inline
def op_var_add(a: read64, b: read64, to: write64) -> word:
    """The sum of 64-bit numbers, which wraps."""
    return a + b


@inline
def op_var_sub(a: read64, b: read64, to: write64) -> word:
    """The difference of 64-bit numbers, which wraps."""
    return a - b


@inline
def op_var_mul(a: read64, b: read64, to: write64) -> word:
    """The product of 64-bit numbers, which wraps."""
    return a * b


@inline
def op_var_jnz(at: i16, a: read64) -> bool:
    """Jump when a number is not 0."""
    return a != 0


@inline
def op_var_jg(at: i16, a: read64, b: read64) -> bool:
    """Jump when a > b, with signs."""
    return a > b


@inline
def op_var_jng(at: i16, a: read64, b: read64) -> bool:
    """Jump when a <= b, with signs."""
    return a <= b


@inline
def op_var_je(at: i16, a: read64, b: read64) -> bool:
    """Jump when a = b."""
    return a == b


@inline
def op_var_cpi1(v: i16, to: write8) -> word:
    """Store one byte."""
    return v


@inline
def op_var_cpi2(v: i16, to: write16) -> word:
    """Store two bytes."""
    return v


@inline
def op_var_cpi4(v: i16, to: write32) -> word:
    """Store four bytes."""
    return v


@inline
def op_var_cpi8(v: i16, to: write64) -> word:
    """Store eight bytes."""
    return v


@inline
def op_var_wide4(v: i16, to: update32) -> word:
    """Shift a number of four bytes to the left by 16 bits, and fill them."""
    return to << 16 | v & 0xFFFF


@inline
def op_var_wide8(v: i16, to: update64) -> word:
    """Shift a number of eight bytes to the left by 16 bits, and fill them."""
    return to << 16 | v & 0xFFFF


@inline
def op_var_move(a: read64, to: write64) -> word:
    """Copy a number of eight bytes."""
    return a


@inline
def op_var_index(a: local8, i: read64, n: i16) -> word:
    """Push the index of an element, of elements of n bytes; the exception -2 when there is none."""
    if ult(i, element_count(size_of(a), n)):
        return i << 3
    return raise_exception(RANGE)


@inline
def op_var_fetch(a: local8, i: read64, to: write64) -> word:
    """Load element i of an array of numbers; var_index stands before it."""
    return load64(a + 16 - OTHER + (i << 3))


@inline
def op_var_keep(a: read64, to: local8, i: read64) -> None:
    """Store element i of an array of numbers; var_index stands before it."""
    store64(to + 16 - OTHER + (i << 3), a)


@inline
def op_var_throw(a: read64) -> word:
    """Raise an exception."""
    return raise_exception(a)


@inline
def op_var_caught(depth: word) -> word:
    """In a handler: the exception, with bindings undone to ``depth``; any other exit goes on."""
    return caught_exception(depth)


@inline
def op_var_divisible(b: read64) -> word:
    """Push nil; dividing by 0 is an error."""
    return bad_op(O_DIVIDE, 0) if b == 0 else NIL


@inline
def op_var_div(a: read64, b: read64, to: write64) -> word:
    """The quotient, truncated; var_divisible stands before it."""
    return quotient64(a, b)


@inline
def op_var_mod(a: read64, b: read64, to: write64) -> word:
    """The remainder, with the sign of a; var_divisible stands before it."""
    return remainder64(a, b)


@inline
def op_var_length(a: local8, n: i16) -> word:
    """Push the number of elements of n bytes."""
    return element_count(size_of(a), n) << 3


@inline
def op_var_exact(a: local8, n: i16, shift: u8) -> word:
    """Push nil; an error unless there are n << shift bytes, not more."""
    return NIL if size_of(a) == n << shift else bad_variable(a)


# What very long or wide functions need: distances and numbers of local variables that do not fit into the shorter
# operands.

@inline
def op_far_jump(at: i32) -> bool:
    """Go on elsewhere, far away."""
    return True


@inline
def op_far_jump_nil(at: i32, a: word) -> bool:
    """Jump far when the top is nil; drops it."""
    return a == NIL


@inline
def op_far_jump_not_nil(at: i32, a: word) -> bool:
    """Jump far when the top is not nil; drops it."""
    return a != NIL


@inline
def op_far_local(fp: word, n: w16) -> word:
    """Push local variable n, which may be more than 255."""
    return load(fp + n)


@inline
def op_far_set_local(fp: word, n: w16, a: word) -> word:
    """Store the top in local variable n, which may be more than 255; it stays on the stack."""
    store(fp + n, a)
    return a


@inline
def op_far_store_local(fp: word, n: w16, a: word) -> None:
    """Store the top in local variable n, which may be more than 255, and drop it."""
    store(fp + n, a)
