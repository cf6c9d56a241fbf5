"""Place, stack pointer, top of the stack and frame stay in machine registers: each body is a function that jumps to the
next one.

Needs calls that are jumps: the arguments of the calling convention are the registers.
"""

from __future__ import annotations

from ..heap.words import VECTOR
from ..instructions.table import Instruction, steps
from ..kernel.host import H_OPCODE
from . import weave
from .bodies import body
from .record import Engine


def table(rows: tuple[Instruction, ...]) -> tuple[str, ...]:
    return tuple(f"registers_{k}" if k in steps() else "invalid_registers" for k in range(256))


def function(number: int, parts: tuple[Instruction, ...], place: int) -> str:
    """An instruction or a sequence."""
    following = f"return jump4({place} + 8 * load8(pc), env, fp, pc, sp, tos)"
    lines = [line.replace("continue", following) for line in body(parts)]
    weave.check_ends(parts, lines)
    if not lines[-1].startswith("return"):
        lines.append("return fail_registers(env, fp, pc, sp, tos)")
    return "\n    ".join([f"def registers_{number}(env, fp, pc, sp, tos):", *lines])


def text(rows: tuple[Instruction, ...], place: int) -> str:
    start = weave.begin("registers") + f"    return invoke4({place} + 8 * load8(pc), env, fp, pc, sp, load(sp))\n"
    following = f"""
def invalid_registers(env, fp, pc, sp, tos):
    tell({H_OPCODE}, load8(pc), 0, 0)
    return fail_registers(env, fp, pc, sp, tos)


@noinline
def fail_registers(env, fp, pc, sp, tos):
    code = load(env + {8 - VECTOR})
""" + weave.recover("    ", f"return invoke4({place} + 8 * load8(pc), env, fp, pc, sp, load(sp))")
    return start + "\n\n" + following + "\n\n" + "\n\n\n".join(function(number, parts, place)
                                                               for number, parts in steps().items()) + "\n"


ENGINE = Engine("registers", "bodies jump to each other with their state in registers", 3, text, table, tail_calls=True)
