"""The loop of ``switch`` with a call of the host before every instruction: what a debugger is attached to."""

from __future__ import annotations

from ..heap.vm import ENGINE_SP
from ..instructions.table import Instruction
from ..kernel.calls import SLOT_RUN
from ..kernel.host import H_DEBUG
from ..kernel.memory import T
from . import weave
from .record import Engine

# All operands are in memory while the host looks; an error of its is an error of the instruction.  T: the frame goes on
# in another engine.
HOOK = f"""store({ENGINE_SP}, sp)
store(sp, tos)
r = host({H_DEBUG}, env, fp, pc)
if r == UNWIND:
{weave.recover("    ", "tos = load(sp)").rstrip()}
    continue
if r == {T}:
    return invoke3({SLOT_RUN}, env, fp, pc, sp)"""


def text(rows: tuple[Instruction, ...], place: int) -> str:
    return weave.loop("debug", rows, hook=HOOK)


ENGINE = Engine("debug", "breakpoints, stepping, watching, counting: a call of the host before every instruction", 9,
                text)
