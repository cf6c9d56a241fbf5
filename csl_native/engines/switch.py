"""One loop, one switch: the plainest engine; the same text is what CPython runs."""

from __future__ import annotations

from ..instructions.table import Instruction
from . import weave
from .record import Engine


def text(rows: tuple[Instruction, ...], place: int) -> str:
    return weave.loop("switch", rows)


ENGINE = Engine("switch", "one loop with one switch", 2, text)
