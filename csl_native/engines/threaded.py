"""An indirect jump at the end of every body: the loop of ``switch``, but each body finds the next one itself.

The lowering does it (``restricted/llvm.py``): in a function that is marked ``threaded``, going on with the loop is a
load of the next opcode and a jump through a table of places.
"""

from __future__ import annotations

from ..instructions.table import Instruction
from . import weave
from .record import Engine


def text(rows: tuple[Instruction, ...], place: int) -> str:
    return weave.loop("threaded", rows, mark="@threaded\n")


ENGINE = Engine("threaded", "an indirect jump at the end of every body", 1, text)
