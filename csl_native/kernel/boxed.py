"""Operations on two floats, for those who know that their operands are not two fixnums: what the slow paths of the
stencils begin with.

Nothing is called while all goes well: a caller whose registers are saved by its callee then waits for none to be saved.
"""

from __future__ import annotations

from ..restricted.language import inline, likely, word
from .arithmetic import both_floats, difference2, is_finite, plus2, quotient, times2, truth
from .comparison import geq, greaterp, leq, lessp
from .memory import float_value, make_float, room


@inline
def boxed_plus2(env: word, a: word, b: word) -> word:
    if both_floats(a, b) and room(16):
        d = float_value(a) + float_value(b)
        if likely(is_finite(d)):
            return make_float(d)
    return plus2(a, b)


@inline
def boxed_difference2(env: word, a: word, b: word) -> word:
    if both_floats(a, b) and room(16):
        d = float_value(a) - float_value(b)
        if likely(is_finite(d)):
            return make_float(d)
    return difference2(a, b)


@inline
def boxed_times2(env: word, a: word, b: word) -> word:
    if both_floats(a, b) and room(16):
        d = float_value(a) * float_value(b)
        if likely(is_finite(d)):
            return make_float(d)
    return times2(a, b)


@inline
def boxed_quotient(env: word, a: word, b: word) -> word:
    if both_floats(a, b) and room(16):
        d = float_value(a) / float_value(b)
        if likely(is_finite(d)):
            return make_float(d)
    return quotient(a, b)


@inline
def boxed_lessp(env: word, a: word, b: word) -> word:
    if both_floats(a, b):
        return truth(float_value(a) < float_value(b))
    return lessp(a, b)


@inline
def boxed_greaterp(env: word, a: word, b: word) -> word:
    if both_floats(a, b):
        return truth(float_value(a) > float_value(b))
    return greaterp(a, b)


@inline
def boxed_leq(env: word, a: word, b: word) -> word:
    if both_floats(a, b):
        return truth(float_value(a) <= float_value(b))
    return leq(a, b)


@inline
def boxed_geq(env: word, a: word, b: word) -> word:
    if both_floats(a, b):
        return truth(float_value(a) >= float_value(b))
    return geq(a, b)
