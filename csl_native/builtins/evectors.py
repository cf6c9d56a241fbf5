"""Extended vectors: a type of their own beside vectors, with the elements of those."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..heap.objects import T_RECORD
from ..heap.words import HEADER, OTHER, VECTOR
from ..kernel.memory import NIL
from ..lisp.registry import Checked, Value, builtin

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp

MOST = 1 << 24  # elements


def is_evector(lisp: Lisp, x: int) -> bool:
    return x & 7 == OTHER and lisp.machine.header(x) >> 3 & 31 == T_RECORD


def place(lisp: Lisp, v: int, i: int, who: str) -> int:
    """The offset of an element, of a plain vector too; an error names what is none."""
    if not is_evector(lisp, v) and v & 7 != VECTOR:
        raise lisp.errors.plain(who, v)
    if i & 7 or not 0 <= i >> 3 < lisp.machine.header(v) >> 11:
        raise lisp.errors.plain(who, i)
    return 8 * (i >> 3) + 8 - (v & 7)


@builtin("mkevect", 1)
def mkevect(lisp: Lisp, n: Checked) -> int:
    """An extended vector with the indices 0 to n, all nil.  (evectorp (mkevect 2)) => t"""
    m = lisp.machine
    if n & 7 or not 0 <= n >> 3 < MOST:
        raise lisp.errors.plain("mkevect", n)
    v: int = m.kernel.make_vector((n >> 3) + 1, NIL)
    m.words[v - VECTOR >> 3] = 8 * ((n >> 3) + 1) << 8 | T_RECORD << 3 | HEADER
    return v - VECTOR + OTHER


@builtin("egetv", 2)
def egetv(lisp: Lisp, v: Checked, i: Checked) -> int:
    """The element of an extended vector, or of a vector, at an index from 0 on.  (egetv (mkevect 2) 0) => nil"""
    return lisp.machine.field(v, place(lisp, v, i, "egetv"))


@builtin("eputv", 3)
def eputv(lisp: Lisp, v: Checked, i: Checked, x: Value) -> int:
    """Set an element of an extended vector, or of a vector; the value.  (eputv (mkevect 2) 0 'a) => a"""
    lisp.machine.set_field(v, place(lisp, v, i, "eputv"), x)
    return x


@builtin("evectorp", 1)
def evectorp(lisp: Lisp, x: Value) -> int:
    """Is it an extended vector?  (evectorp (mkvect 2)) => nil"""
    return lisp.truth(is_evector(lisp, x))


@builtin("mkxvect", 1)
def mkxvect(lisp: Lisp, n: Checked) -> int:
    """A new vector with the indices 0 to n, of which there must be several.  (upbv (mkxvect 3)) => 3"""
    m = lisp.machine
    if n & 7 or not 0 < n >> 3 < MOST:
        raise lisp.errors.plain("mkxvect", n)
    return int(m.kernel.mkvect(n))
