"""What a word may be, for the checker of tags: sets of kinds, and what is known of the variables of a function at a
place.
"""

from __future__ import annotations

import ast
from typing import Any

UNWIND, OTHER = 7, 6
# What a word may be: a tag, ("is", number), or ("object", type bits of its header).
Kinds = frozenset[Any]
ANY: Kinds = frozenset(range(7))
SOME_OBJECT = ("object", None)  # of a parameter: an object whose type the caller has tested
SAME = ("defined", "handled", "likely", "unlikely")  # intrinsics whose value is their argument


class Word:
    """Kinds of a word; ``origin`` is the parameter that it is, as the function got it."""

    def __init__(self, kinds: Kinds, origin: str = "") -> None:
        self.kinds, self.origin = kinds, origin

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Word) and (self.kinds, self.origin) == (other.kinds, other.origin)

    __hash__ = None  # type: ignore[assignment]


# Word by name of a local, or by text of a load that was tested; ("tag" or "head", local): the local whose tag or header
# it is
State = dict[Any, Any]


def tag_of(kind: Any) -> int:
    if isinstance(kind, int):
        return kind
    return OTHER if kind[0] == "object" else int(kind[1]) & 7


def admits(allowed: Kinds, kind: Any) -> bool:
    """Is a kind one of those that are allowed?"""
    if kind in allowed or tag_of(kind) in allowed:
        return True
    return isinstance(kind, tuple) and kind[0] == "object" and SOME_OBJECT in allowed


def met(kinds: Kinds, proved: Kinds) -> Kinds:
    """Kinds of a word that is known to be one of two sets."""
    found = set()
    for kind in kinds:
        if admits(proved, kind):
            found.add(kind)
        elif isinstance(kind, int):
            found |= {p for p in proved if tag_of(p) == kind}
    return frozenset(found)


def join(a: State | None, b: State | None) -> State | None:
    if a is None or b is None:
        return b if a is None else a
    found: State = {}
    for key in a.keys() & b.keys():
        x, y = a[key], b[key]
        if isinstance(x, Word) and isinstance(y, Word):
            found[key] = Word(x.kinds | y.kinds, x.origin if x.origin == y.origin else "")
        elif x == y:
            found[key] = x
    return found


def ored(e: ast.expr) -> list[ast.expr]:
    return [*ored(e.left), *ored(e.right)] if isinstance(e, ast.BinOp) and isinstance(e.op, ast.BitOr) else [e]


def names_in(e: ast.expr) -> tuple[str, ...]:
    return tuple(sorted({n.id for n in ast.walk(e) if isinstance(n, ast.Name)}))


def changes(e: ast.expr) -> bool:
    """May an expression change memory?"""
    return any(isinstance(n, ast.Call) and getattr(n.func, "id", "") not in ("load", *SAME) for n in ast.walk(e))


def forget_loads(state: State) -> State:
    return {key: what for key, what in state.items() if not (isinstance(key, tuple) and key[0] == "load")}


def shown(kinds: Kinds) -> str:
    names = ("a fixnum", "a pair", "a symbol", "a string", "a vector", "a float", "another object", "a failure")
    return " or ".join(sorted({names[tag_of(kind)] for kind in kinds}))
