"""Weave interpreters from the instruction definitions, and the whole kernel from them and its modules.

The parts that engines share are here: how an operand is read, one loop with one case an instruction and the top of the
operand stack in a variable, and where an exception leads.  Every engine is restricted text made from the same
definitions: they cannot differ in what an instruction means.

Operand k of a frame with d operands (k = 1..d) is in memory at the end of the locals + 8 k while it is in memory.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import cache

from ..instructions.codec import ACCESS, LOCALS, OPERANDS, CodeError, Instruction, instructions, program
from ..instructions.layout import CODE_FRAME, CODE_HANDLER_COUNT, CODE_HANDLERS, CODE_LOCALS, CODE_START
from ..kernel.calls import ENTRY_NAMES, SLOT_RESUME
from ..kernel.host import H_OPCODE
from ..kernel.memory import T
from ..restricted.checker import Function, Program
from ..vm import SLOTS, SP, THRESHOLD
from ..words import UNWIND, VECTOR
from .record import Engine, engines

HANDLERS = f"""
def find_handler(code, at):
    i = code + {CODE_START} + load16(code + {CODE_HANDLERS})
    end = i + 8 * load16(code + {CODE_HANDLER_COUNT})
    while i < end:
        if load16(i) <= at and at < load16(i + 2):
            return i
        i += 8
    return 0
"""


def begin(name: str, mark: str = "") -> str:
    """An engine's entry, which sets the frame's end, and the head of what runs a frame from an instruction on."""
    return f"""
def interpret_{name}(env, fp):
    code = load(env + {8 - VECTOR})
    store({SP}, fp + 8 * load16(code + {CODE_FRAME}))
    r = safepoint()
    if r == {UNWIND}:
        store({SP}, fp)
        return r
    return run_{name}(env, fp, code + {CODE_START}, fp + 8 * load16(code + {CODE_LOCALS}))


{mark}def run_{name}(env, fp, pc, sp):
    code = load(env + {8 - VECTOR})
"""


def recover(indent: str, going_on: str) -> str:
    """Text behind a failed instruction at ``pc``: leave the function, or go on in the handler of the place."""
    lines = f"""
handler = find_handler(code, pc - code - {CODE_START})
if handler == 0:
    return leave_frame(env, fp)
store({SP}, fp + 8 * load16(code + {CODE_FRAME}))
sp = fp + 8 * load16(code + {CODE_LOCALS}) + 8 * load16(handler + 6)
pc = code + {CODE_START} + load16(handler + 4)
{going_on}"""
    return "\n".join(indent + line if line else "" for line in lines.strip("\n").split("\n")) + "\n"


def operand(kind: str, place: int) -> str:
    """Restricted text that reads an operand ``place`` bytes behind the opcode."""
    if kind in LOCALS:
        return local_operand(kind, f"(load8(pc + {place}) << 3)")
    size, signed, scale = OPERANDS[kind]
    text = f"load{8 * size}(pc + {place})"
    if scale:
        return f"({text} << {scale})"
    return f"({text} << {64 - 8 * size} >> {64 - 8 * size})" if signed else text


def local_operand(kind: str, local: str) -> str:
    """Restricted text that reads an operand which is a local variable, ``local`` bytes into the frame: its value, or a number there."""
    access, bits = ACCESS.get(kind, ("local", 64))
    value = f"load(fp + {local})"
    return value if access == "local" else "0" if access == "write" else f"read{bits}({value})"


def stored(row: Instruction, call: str, local: Callable[[int], str] | None = None) -> str:
    """The text of an instruction's function called, and of what it gives stored when that goes to a variable; ``local`` is the text of an operand."""
    if row.written is None:
        return call
    number, bits = row.written
    place = 1 + sum(OPERANDS[kind].size for _, kind in row.operands[:number])
    return f"write{bits}(load(fp + {local(number) if local else f'(load8(pc + {place}) << 3)'}), {call})"


def backward(leave: Callable[[str], list[str]] = lambda value: [f"return {value}"]) -> list[str]:
    """Lines before a safepoint in a loop, all operands being in memory: when somebody counts, the frame may go on natively from here.

    ``leave`` gives the lines by which the engine ends the function with a value.
    """
    return [f"if unlikely(load({THRESHOLD}) != 0):", f"    if count_bytecode(env, pc - load(env + {8 - VECTOR}) - {CODE_START}) == {T}:",
            *(f"        {line}" for line in leave(f"invoke1({SLOT_RESUME}, env, fp)"))]


def case(row: Instruction, counted: bool = True) -> list[str]:
    """The lines of one instruction.  Inputs come off the stack first, so memory holds all that lies below them."""
    arguments, lines, place = [], [], 1
    values = {}
    for label, kind in row.operands:
        values[label] = operand(kind, place)
        place += OPERANDS[kind].size
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
    if row.name == "poll" and counted:
        lines += backward()
    if row.kind == "return":
        return [*lines, f"store({SP}, fp)", "return a_"]
    for argument in program().functions[row.function].node.args.args:
        arguments.append(argument.arg if argument.arg in row.context else values[argument.arg])
    call = stored(row, f"{row.function}({', '.join(arguments)})")
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


def loop(name: str, rows: tuple[Instruction, ...], mark: str = "", hook: str = "") -> str:
    """One loop over the bytecode with one case an instruction; ``hook`` is text before each of them."""
    lines = [begin(name, mark).strip("\n"), "    tos = load(sp)", "    while True:", *(f"        {line}" for line in hook.splitlines())]
    lines.append("        op = load8(pc)")
    for row in rows:
        lines.append(f"        {'if' if row.number == 0 else 'elif'} op == {row.number}:")
        body = case(row, not hook)
        check_ends(row, body)
        lines += ["            " + line for line in body]
    lines += ["        else:", f"            host({H_OPCODE}, op, 0, 0)", recover("        ", "tos = load(sp)")]
    return "\n".join(lines)


def check_ends(row: Instruction, body: list[str]) -> None:
    """A body that falls through would run into the next one; the one place to fall to is the recovery of a failing instruction."""
    if not row.fails and not body[-1].startswith(("continue", "return")):
        raise CodeError(f"instruction {row.name}: its woven body can fall through ({body[-1]!r}); expected continue or return at its end")


def chosen(names: tuple[str, ...] | None, tail_calls: bool = True) -> tuple[Engine, ...]:
    """The engines of a kernel, the preferred ones first: all native ones that a machine can do, or those named."""
    known = engines()
    for name in names or ():
        if name not in known:
            raise ValueError(f"no engine {name!r}; there are {', '.join(known)}")
    ranked = sorted(known.values(), key=lambda e: e.rank)
    return tuple(e for e in ranked if e.native and (names is None or e.name in names) and (tail_calls or not e.tail_calls))


def table_entries() -> tuple[str, ...]:
    """Names of the entry slots behind those of the kernel: each engine's table of functions, by opcode."""
    return tuple(name for engine in engines().values() for name in engine.table(instructions()))


def table_place(engine: Engine) -> int:
    """The slot of an engine's first function."""
    names = table_entries()
    own = engine.table(instructions())
    return SLOTS + 8 * (len(ENTRY_NAMES) + len(lisp_functions()) + (names.index(own[0]) if own else 0))


_one_at_a_time = threading.RLock()  # CPython's ast.parse does not bear two threads


def kernel_program(names: tuple[str, ...] | None = None, tail_calls: bool = True) -> Program:
    """The whole kernel: every module, the engines (None: all native ones) and an entry for each Lisp function, checked."""
    with _one_at_a_time:
        return _kernel_program(names, tail_calls)


@cache
def _kernel_program(names: tuple[str, ...] | None, tail_calls: bool) -> Program:
    from .. import vm
    from ..kernel import MODULES
    whole = Program(list(MODULES))
    whole.add_source(HANDLERS, vars(vm), "csl_native.engines.woven", "<handlers>")
    for engine in chosen(names, tail_calls):
        whole.add_source(engine.weave(instructions(), table_place(engine)), vars(vm), "csl_native.engines.woven", f"<woven engine {engine.name}>")
    whole.add_source("\n\n".join(entry(f) for f in lisp_functions()), {}, "csl_native.engines.entries", "<woven entries>")
    whole.check()
    return whole


@cache
def lisp_functions() -> tuple[Function, ...]:
    """Kernel functions that are Lisp functions, by Lisp name."""
    return tuple(sorted((f for f in program().functions.values() if f.lisp_name), key=lambda f: f.lisp_name or ""))


def entry_arguments(env: str, values: list[str]) -> list[str]:
    """What the entry of a Lisp function is called with, in the convention of its cell: a count, and three values at least, but for one or two."""
    return [env, *values] if len(values) in (1, 2) else [env, str(len(values)), *values, *["0"] * (3 - len(values))]


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
