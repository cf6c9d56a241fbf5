"""The text of an instruction, or of some in a row, over an operand stack whose top is in the variable ``tos``.

``sp`` is where that top is stored when something is pushed; memory below it holds the operands below.
"""

from __future__ import annotations

from collections.abc import Callable

from ..heap.vm import SP, THRESHOLD
from ..heap.words import VECTOR
from ..instructions.layout import CODE_START
from ..instructions.program import program, reaching_others
from ..instructions.table import ACCESS, LOCALS, OPERANDS, Instruction
from ..kernel.calls import SLOT_RESUME
from ..kernel.memory import T


def operand(kind: str, place: int) -> str:
    """Restricted text that reads an operand ``place`` bytes behind the opcode."""
    if kind in LOCALS:
        return local_operand(kind, f"(load8(pc + {place}) << 3)")
    size, signed, scale = OPERANDS[kind]
    text = f"load{8 * size}(pc + {place})"
    if scale:
        return f"({text} << {scale})"
    return f"({text} << {64 - 8 * size} >> {64 - 8 * size})" if signed else text


def operands(row: Instruction, place: int = 0) -> dict[str, str]:
    """Restricted text for each operand of an instruction, whose opcode is ``place`` bytes behind ``pc``."""
    found, at = {}, place + 1
    for label, kind in row.operands:
        found[label] = operand(kind, at)
        at += OPERANDS[kind].size
    return found


def local_operand(kind: str, local: str) -> str:
    """Restricted text that reads an operand which is a local variable, ``local`` bytes into the frame: its value, or a
    number there.
    """
    access, bits = ACCESS.get(kind, ("local", 64))
    value = f"load(fp + {local})"
    return value if access == "local" else "0" if access == "write" else f"read{bits}({value})"


def called(row: Instruction, values: dict[str, str], place: int = 0) -> str:
    """The text of an instruction's function called with its operands and inputs."""
    arguments = [a.arg if a.arg in row.context else values[a.arg]
                 for a in program().functions[row.function].node.args.args]
    return stored(row, f"{row.function}({', '.join(arguments)})", place=place)


def stored(row: Instruction, call: str, local: Callable[[int], str] | None = None, place: int = 0) -> str:
    """The text of an instruction's function called, and of what it gives stored when that goes to a variable; ``local``
    is the text of an operand.
    """
    if row.written is None:
        return call
    number, bits = row.written
    at = place + 1 + sum(OPERANDS[kind].size for _, kind in row.operands[:number])
    return f"write{bits}(load(fp + {local(number) if local else f'(load8(pc + {at}) << 3)'}), {call})"


def backward(leave: Callable[[str], list[str]] = lambda value: [f"return {value}"], place: int = 0) -> list[str]:
    """Lines before a safepoint in a loop, all operands being in memory: when somebody counts, the frame may go on
    natively from here.

    ``leave`` gives the lines by which the engine ends the function with a value.
    """
    return [f"if unlikely(load({THRESHOLD}) != 0):",
            f"    if count_bytecode(env, pc - load(env + {8 - VECTOR}) + {place - CODE_START}) == {T}:",
            *(f"        {line}" for line in leave(f"invoke1({SLOT_RESUME}, env, fp)"))]


def _at(place: int) -> str:
    return f"sp + {8 * place}" if place > 0 else f"sp - {-8 * place}" if place else "sp"


class Window:
    """The operands that a sequence has to do with, by place: 0 is where the top was at its start.

    ``names`` has those that are in a variable (the others are in memory), ``stored`` those of them that are in memory
    too.
    """

    def __init__(self) -> None:
        self.names, self.stored, self.top = {0: "tos"}, set[int](), 0

    def pop(self) -> str:
        place, self.top = self.top, self.top - 1
        return self.names.pop(place, f"load({_at(place)})")

    def push(self, name: str) -> None:
        self.top += 1
        self.names[self.top] = name
        self.stored.discard(self.top)

    def flush(self, up_to: int) -> list[str]:
        """Lines that store what is in variables only, up to a place."""
        lines = [f"store({_at(k)}, {name})" for k, name in sorted(self.names.items())
                 if k <= up_to and k not in self.stored]
        self.stored.update(k for k in self.names if k <= up_to)
        return lines

    def forget(self) -> None:
        """Objects may have moved: what was in variables is in memory."""
        self.names.clear()
        self.stored.clear()

    def close(self) -> list[str]:
        """Lines after which ``sp`` and ``tos`` are what they have to be."""
        lines, top = self.flush(self.top - 1), self.top
        name = self.pop()
        return [*lines, *([f"tos = {name}"] if name != "tos" else []),
                *([f"sp += {8 * top}"] if top > 0 else [f"sp -= {-8 * top}"] if top else [])]


def body(parts: tuple[Instruction, ...], counted: bool = True) -> list[str]:
    """The lines of an instruction or a sequence.

    They end with ``continue`` or ``return``; when a part fails they run off their end, ``pc`` being its place, and what
    is below its inputs in memory.
    """
    lines: list[str] = []
    window, place, depth, failing = Window(), 0, 0, [0]
    end = sum(row.size for row in parts)

    def add(*more: str) -> None:
        lines.extend("    " * depth + line for line in more)
    for k, row in enumerate(parts):
        last = k == len(parts) - 1
        inputs = {name: window.pop() for name in reversed(row.inputs)}
        if row.name == "poll" and counted:
            add(*window.flush(window.top), *backward(place=place))
        if row.kind == "branch":
            add(*(f"{name}_ = {text}" for name, text in inputs.items()), *window.close())
            inputs = {name: f"{name}_" for name in inputs}
        values = {**operands(row, place), **inputs}
        call = called(row, values, place)
        if row.kind == "return":
            add(f"store({SP}, fp)", f"return {inputs['a']}")
        elif row.kind == "tail":
            add(f"store({SP}, fp)", f"return {call}")
        elif row.always:
            add(f"pc += {values['at']} + {end}", "continue")
        elif row.kind == "branch":
            add(f"if {call}:", f"    pc += {values['at']} + {end}", "else:", f"    pc += {end}", "continue")
        else:
            moves = row.function in reaching_others()
            if last and row.gives or moves:
                add(*window.flush(window.top))
            result = "tos" if last and not row.fails else f"r{k}"
            add(f"{result} = {call}" if row.gives else call)
            if row.fails:
                add(f"if {result} != UNWIND:")
                failing.append(place)
                depth += 1
            if moves:
                window.forget()
            if row.gives:
                window.push(result)
            if last:
                add(*window.close(), f"pc += {end}", "continue")
        place += row.size
    while depth:
        depth -= 1
        if failing[depth + 1] != failing[depth]:
            add(f"pc += {failing[depth + 1] - failing[depth]}")
    return lines
