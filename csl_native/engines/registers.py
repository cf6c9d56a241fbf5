"""Place, stack pointer, top of the stack and frame stay in machine registers: each body is a function that jumps to the next one.

Needs calls that are jumps: the arguments of the calling convention are the registers.
"""

from __future__ import annotations

from ..instructions.codec import OPERANDS, Instruction, program
from ..kernel.host import H_OPCODE
from ..vm import SP
from ..words import UNWIND, VECTOR
from . import weave
from .record import Engine


def table(rows: tuple[Instruction, ...]) -> tuple[str, ...]:
    return tuple(f"registers_{row.number}" for row in rows) + ("invalid_registers",) * (256 - len(rows))


def body(row: Instruction, place: int) -> str:
    """One instruction; ``a_``... are its inputs, the last one is what ``tos`` holds."""
    lines, at, values = [f"def registers_{row.number}(env, fp, pc, sp, tos):"], 1, {}
    for label, kind in row.operands:
        values[label] = weave.operand(kind, at)
        at += OPERANDS[kind].size
    for k, name in enumerate(row.inputs[:-1]):
        lines.append(f"    {name}_ = load(sp - {8 * (row.takes - 1 - k)})")
        values[name] = f"{name}_"
    if row.inputs:
        values[row.inputs[-1]] = "tos"
    lower = 8 * (row.takes - 1)
    arguments = [a.arg if a.arg in row.context else values[a.arg] for a in program().functions[row.function].node.args.args]
    call = weave.stored(row, f"{row.function}({', '.join(arguments)})")

    def go(pc: str, sp: str, tos: str) -> str:
        lines = [] if pc == "pc" else [f"    pc = {pc}"]
        return "\n".join([*lines, f"    return jump4({place} + 8 * load8(pc), env, fp, pc, {sp}, {tos})"]).lstrip()
    popped = (f"sp - {8 * row.takes}", f"load(sp - {8 * row.takes})") if row.takes else ("sp", "tos")
    if row.kind == "return":
        return "\n".join([*lines, f"    store({SP}, fp)", "    return tos"])
    if row.kind == "tail":
        return "\n".join([*lines, f"    store({SP}, fp)", f"    return {call}"])
    if row.name == "jump":
        return "\n".join([*lines, "    " + go(f"pc + {values['at']} + {row.size}", "sp", "tos")])
    if row.kind == "branch":
        return "\n".join([*lines, f"    pc = pc + {values['at']} + {row.size} if {call} else pc + {row.size}", "    " + go("pc", *popped)])
    if not row.gives:
        return "\n".join([*lines, f"    {call}", "    " + go(f"pc + {row.size}", *popped)])
    if not row.inputs:
        lines.append("    store(sp, tos)")
    if row.name == "poll":
        lines += [f"    {line}" for line in weave.backward()]
    lines.append(f"    r = {call}")
    if row.fails:
        lines += [f"    if r == {UNWIND}:", "        return fail_registers(env, fp, pc, sp, tos)"]
    return "\n".join([*lines, "    " + go(f"pc + {row.size}", f"sp - {lower}" if row.inputs else "sp + 8", "r")])


def text(rows: tuple[Instruction, ...], place: int) -> str:
    start = weave.begin("registers") + f"    return invoke4({place} + 8 * load8(pc), env, fp, pc, sp, load(sp))\n"
    following = f"""
def invalid_registers(env, fp, pc, sp, tos):
    host({H_OPCODE}, load8(pc), 0, 0)
    return fail_registers(env, fp, pc, sp, tos)


@noinline
def fail_registers(env, fp, pc, sp, tos):
    code = load(env + {8 - VECTOR})
""" + weave.recover("    ", f"return invoke4({place} + 8 * load8(pc), env, fp, pc, sp, load(sp))")
    return start + "\n\n" + following + "\n\n" + "\n\n\n".join(body(row, place) for row in rows) + "\n"


ENGINE = Engine("registers", "bodies jump to each other with their state in registers", 3, text, table, tail_calls=True)
