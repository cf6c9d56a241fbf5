"""What is asked of the optimised tier: functions to compile, those that they call, and why one stays bytecode."""

from __future__ import annotations

from collections.abc import Collection

from ..foreign.types import Signature
from ..instructions.codec import Code, decode
from ..system.records import Record

PARTS = ("", ".whole", ".outer", ".words", ".entry")  # what a function's symbols have behind its label
UNLIKELY = ", !prof !3"


class NotCompilable(Exception):
    """A function that stays bytecode, and why."""


class Callee(Record):
    """What a call goes to: a Lisp function small enough to stand in its place, one whose front does (``front``), or
    (``function``) one of the kernel's.

    ``guard`` is the place of the byte that a redefinition of ``name`` sets.
    """

    name: str
    guard: int
    code: Code | None = None
    literals: int = 0
    floats: tuple[tuple[int, float], ...] = ()
    function: str = ""
    front: bool = False
    own: frozenset[int] = frozenset()


class Source(Record):
    """A function to compile: a label for its symbols, its bytecode, which literals are its own symbol, floats or known
    functions.
    """

    label: str
    code: Code
    literals: int
    own: frozenset[int] = frozenset()
    floats: tuple[tuple[int, float], ...] = ()
    callees: tuple[tuple[int, Callee], ...] = ()
    speculate: bool = False
    foreign: Signature | None = None  # it only calls this C function
    name: str = ""  # of its symbol, by which what is compiled together with it knows it


def calls_itself(code: Code, own: Collection[int]) -> bool:
    """Is there a call of the function itself that is not its last?  ``own``: the literals that are the function."""
    return any(item.row.name.startswith("call") and item.operands[0] in own for item in decode(code.code))
