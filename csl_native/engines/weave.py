"""Weave an interpreter from the instruction definitions.

One loop over the bytecode with one case an instruction; the top of the operand
stack is kept in a variable.  The text is restricted Python, so the same weave
gives the ``python`` engine (run by CPython) and the ``switch`` engine (lowered
by LLVM): they cannot differ in what an instruction means.
"""

from __future__ import annotations

from functools import cache

from ..instructions.codec import OPERANDS, Instruction, instructions, program
from ..instructions.layout import CODE_FRAME, CODE_HANDLER_COUNT, CODE_HANDLERS, CODE_LOCALS, CODE_START
from ..kernel.host import H_OPCODE
from ..kernel.memory import NIL
from ..restricted.checker import Function, Program
from ..vm import SP
from ..words import UNWIND, VECTOR

HEAD = f"""
def interpret(env, fp):
    code = load(env + {8 - VECTOR})
    pc = code + {CODE_START}
    sp = fp + 8 * load16(code + {CODE_LOCALS})
    store({SP}, fp + 8 * load16(code + {CODE_FRAME}))
    tos = {NIL}
    r = safepoint()
    if r == {UNWIND}:
        store({SP}, fp)
        return r
    while True:
        op = load8(pc)
"""

TAIL = f"""
        pc = find_handler(code, pc - code - {CODE_START})
        if pc == 0:
            store({SP}, fp)
            return {UNWIND}
        store({SP}, fp + 8 * load16(code + {CODE_FRAME}))
        sp = fp + 8 * load16(code + {CODE_LOCALS}) + 8 * load16(pc + 6)
        tos = load(sp)
        pc = code + {CODE_START} + load16(pc + 4)


def find_handler(code, at):
    i = code + {CODE_START} + load16(code + {CODE_HANDLERS})
    end = i + 8 * load16(code + {CODE_HANDLER_COUNT})
    while i < end:
        if load16(i) <= at and at < load16(i + 2):
            return i
        i += 8
    return 0
"""


def operand(kind: str, place: int) -> str:
    """Restricted text that reads an operand ``place`` bytes behind the opcode."""
    size, signed = OPERANDS[kind]
    text = f"load{8 * size}(pc + {place})"
    return f"({text} << {64 - 8 * size} >> {64 - 8 * size})" if signed else text


def case(row: Instruction) -> list[str]:
    """The lines of one instruction.  Inputs come off the stack first, so memory holds all that lies below them."""
    arguments, lines, place = [], [], 1
    values = {}
    for label, kind in row.operands:
        values[label] = operand(kind, place)
        place += OPERANDS[kind][0]
    inputs = list(row.inputs)
    for k, name in enumerate(inputs[:-1]):
        lines.append(f"{name}_ = load(sp - {8 * (len(inputs) - 1 - k)})")
        values[name] = f"{name}_"
    if inputs:
        lines.append(f"{inputs[-1]}_ = tos")
        values[inputs[-1]] = f"{inputs[-1]}_"
        if len(inputs) > 1:
            lines.append(f"sp -= {8 * (len(inputs) - 1)}")
    elif row.gives:
        lines += ["store(sp, tos)", "sp += 8"]
    if row.kind == "return":
        return [*lines, f"store({SP}, fp)", "return a_"]
    for argument in program().functions[row.function].node.args.args:
        arguments.append(argument.arg if argument.arg in row.context else values[argument.arg])
    call = f"{row.function}({', '.join(arguments)})"
    if row.kind == "tail":
        return [*lines, f"store({SP}, fp)", f"return {call}"]
    pop = ["sp -= 8", "tos = load(sp)"]
    if row.kind == "branch":
        lines += pop if inputs else []
        target = f"pc += {values['at']} + {row.size}"
        if row.name == "jump":
            return [*lines, target, "continue"]
        return [*lines, f"if {call}:", f"    {target}", "else:", f"    pc += {row.size}", "continue"]
    if not row.gives:
        return [*lines, call, *(pop if inputs else []), f"pc += {row.size}", "continue"]
    if row.fails:
        return [*lines, f"r = {call}", f"if r != {UNWIND}:", "    tos = r", f"    pc += {row.size}", "    continue"]
    return [*lines, f"tos = {call}", f"pc += {row.size}", "continue"]


@cache
def kernel_program() -> Program:
    """The whole kernel: every module, the woven interpreter and an entry for each Lisp function, checked."""
    from .. import vm
    from ..kernel import MODULES
    whole = Program(list(MODULES))
    whole.add_source(interpreter(), vars(vm), "csl_native.engines.woven", "<woven interpreter>")
    whole.add_source("\n\n".join(entry(f) for f in lisp_functions()), {}, "csl_native.engines.entries", "<woven entries>")
    whole.check()
    return whole


@cache
def lisp_functions() -> tuple[Function, ...]:
    """Kernel functions that are Lisp functions, by Lisp name."""
    return tuple(sorted((f for f in program().functions.values() if f.lisp_name), key=lambda f: f.lisp_name or ""))


def entry(f: Function) -> str:
    """Restricted text of the entry of a Lisp function: from the calling convention to the function."""
    names = [n for n, _ in f.parameters]
    call = f"{f.name}({', '.join(names)})"
    if len(names) in (1, 2):
        return f"def entry_{f.name}(env, {', '.join(names)}):\n    return {call}\n"
    slots = [*names, "x1", "x2", "x3"][:3]
    other = "hostn(env, n, " + ", ".join(slots) + ")" if f.lisp_cells == "also" else "wrong_count(env, n)"
    return (f"def entry_{f.name}(env, n, {', '.join(slots)}):\n    if n != {len(names)}:\n        return {other}\n"
            f"    return {call}\n")


def interpreter() -> str:
    """Restricted text of the interpreter loop."""
    lines = [HEAD.rstrip("\n")]
    for row in instructions():
        lines.append(f"        {'if' if row.number == 0 else 'elif'} op == {row.number}:")
        lines += ["            " + line for line in case(row)]
    lines += ["        else:", f"            host({H_OPCODE}, op, 0, 0)"]
    lines.append(TAIL.strip("\n"))
    return "\n".join(lines) + "\n"
