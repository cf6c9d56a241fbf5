"""Arithmetic modulo the current small modulus."""

from __future__ import annotations

from ..restricted.language import inline, lisp, load, noinline, srem  # type: ignore[attr-defined]
from ..vm import MODULUS
from .host import H_BAD_RESIDUE, host


@inline
def are_residues(a, b) -> bool:
    """Fixnums from 0 up to the modulus: what modular arithmetic takes."""
    return (a | b) & 7 == 0 and (a | b) >= 0 and a < load(MODULUS) and b < load(MODULUS)


@noinline
def bad_residue(operation, a, b):
    """Signal the first argument that is no residue."""
    if a & 7 == 0 and a >= 0 and a < load(MODULUS):
        return host(H_BAD_RESIDUE, operation, b, 0)
    return host(H_BAD_RESIDUE, operation, a, 0)


@lisp("modular-plus")
def modular_plus(a, b):
    if not are_residues(a, b):
        return bad_residue(0, a, b)
    r = a + b
    return r - load(MODULUS) if r >= load(MODULUS) else r


@lisp("modular-difference")
def modular_difference(a, b):
    if not are_residues(a, b):
        return bad_residue(1, a, b)
    r = a - b
    return r + load(MODULUS) if r < 0 else r


@lisp("modular-times")
def modular_times(a, b):
    if not are_residues(a, b):
        return bad_residue(2, a, b)
    return srem((a >> 3) * (b >> 3), load(MODULUS) >> 3) << 3


@lisp("modular-minus")
def modular_minus(a):
    if not are_residues(a, 0):
        return bad_residue(3, a, 0)
    return load(MODULUS) - a if a != 0 else a
