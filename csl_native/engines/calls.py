"""A table of functions, one an instruction; each gives the place of the next instruction.

The stack pointer goes in as an argument and comes back in the VM block; the result of a function that ends is there
too.
"""

from __future__ import annotations

from ..heap.vm import ENGINE_SP, SP
from ..instructions.table import Instruction, steps
from ..kernel.host import H_OPCODE
from . import weave
from .bodies import backward, called, operands
from .record import Engine

DONE = 1  # what a body gives instead of a place when the function ends; 0 when it failed


def table(rows: tuple[Instruction, ...]) -> tuple[str, ...]:
    return tuple(f"calls_{steps()[k][0].number}" if k in steps() else "invalid_calls" for k in range(256))


def body(row: Instruction) -> str:
    """One instruction: operands come from memory and go there."""
    lines, values = [f"def calls_{row.number}(env, fp, pc, sp):"], operands(row)
    for k, name in enumerate(row.inputs):
        lines.append(f"    {name}_ = load(sp - {8 * (row.takes - 1 - k)})")
        values[name] = f"{name}_"
    call, after = called(row, values), f"    store({ENGINE_SP}, sp - {8 * row.takes})"
    if row.kind == "return":
        return "\n".join([*lines, f"    store({ENGINE_SP}, a_)", f"    return {DONE}"])
    if row.kind == "tail":
        return "\n".join([*lines, f"    store({SP}, fp)", f"    store({ENGINE_SP}, handled({call}))",
                          f"    return {DONE}"])
    if row.always:
        return "\n".join([*lines, after, f"    return pc + {values['at']} + {row.size}"])
    if row.kind == "branch":
        return "\n".join([*lines, after, f"    return pc + {values['at']} + {row.size} if {call} else pc + {row.size}"])
    if not row.gives:
        return "\n".join([*lines, f"    {call}", after, f"    return pc + {row.size}"])
    if row.name == "poll":
        lines += [f"    {line}"
                  for line in backward(lambda value: [f"store({ENGINE_SP}, handled({value}))", f"return {DONE}"])]
    lines.append(f"    r = {call}")
    if row.fails:
        lines += ["    if r == UNWIND:", "        handled(r)", "        return 0"]
    top = 8 * (row.takes - 1)
    return "\n".join([*lines, f"    store(sp - {top}, r)", f"    store({ENGINE_SP}, sp - {top})",
                      f"    return pc + {row.size}"])


def text(rows: tuple[Instruction, ...], place: int) -> str:
    loop = weave.begin("calls") + f"""
    while True:
        following = handled(invoke3({place} + 8 * load8(pc), env, fp, pc, sp))
        if following > {DONE}:
            pc = following
            sp = load({ENGINE_SP})
            continue
        if following == {DONE}:
            store({SP}, fp)
            return load({ENGINE_SP})
""" + weave.recover("        ", "")
    invalid = f"def invalid_calls(env, fp, pc, sp):\n    tell({H_OPCODE}, load8(pc), 0, 0)\n    return 0\n"
    return loop + "\n\n" + invalid + "\n\n" + "\n\n\n".join(body(row) for row in rows) + "\n"


ENGINE = Engine("calls", "a table of functions, each gives the next place", 4, text, table)
