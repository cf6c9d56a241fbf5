"""Weave interpreters from the instruction definitions, and the whole kernel from them and its modules.

The parts that engines share are here and in ``bodies.py``: one loop with one case an instruction or sequence, and where
an exception leads.  Every engine is restricted text made from the same definitions: they cannot differ in what an
instruction means.

Operand k of a frame with d operands (k = 1..d) is in memory at the end of the locals + 8 k while it is in memory.
"""

from __future__ import annotations

import threading
from functools import cache

from ..heap import vm
from ..heap.vm import SLOTS, SP
from ..heap.words import UNWIND, VECTOR
from ..instructions.layout import CODE_FRAME, CODE_HANDLER_COUNT, CODE_HANDLERS, CODE_LOCALS, CODE_LONG, CODE_START
from ..instructions.program import program
from ..instructions.table import CodeError, Instruction, instructions, steps
from ..kernel import modules
from ..kernel.calls import ENTRY_NAMES
from ..kernel.host import H_OPCODE
from ..restricted.checker import Function, Program
from ..restricted.loops import check_loops
from .bodies import body
from .record import Engine, engines

HANDLERS = f"""
def find_handler(code, at):
    far = load8(code + {CODE_LONG})
    i = code + {CODE_START} + (load16(code + {CODE_HANDLERS}) | far << 16)
    end = i + (8 if far == 0 else 16) * load16(code + {CODE_HANDLER_COUNT})
    while i < end:
        if far == 0:
            if load16(i) <= at and at < load16(i + 2):
                return load16(i + 4) << 16 | load16(i + 6)
            i += 8
        else:
            if load32(i) <= at and at < load32(i + 4):
                return load32(i + 8) << 16 | load16(i + 12)
            i += 16
    return -1
"""


def begin(name: str, mark: str = "") -> str:
    """An engine's entry, which sets the frame's end, and the head of what runs a frame from an instruction on."""
    return f"""
def interpret_{name}(env, fp):
    code = load(env + {8 - VECTOR})
    store({SP}, fp + 8 * load16(code + {CODE_FRAME}))
    r = safepoint()
    if r == UNWIND:
        store({SP}, fp)
        return r
    return run_{name}(env, fp, code + {CODE_START}, fp + 8 * load16(code + {CODE_LOCALS}))


{mark}def run_{name}(env, fp, pc, sp):
    code = load(env + {8 - VECTOR})
"""


def recover(indent: str, going_on: str) -> str:
    """Text behind a failed instruction at ``pc``: leave the function, or go on in the handler of the place."""
    lines = f"""
handled(UNWIND)
handler = find_handler(code, pc - code - {CODE_START})
if handler < 0:
    return leave_frame(env, fp)
store({SP}, fp + 8 * load16(code + {CODE_FRAME}))
sp = fp + 8 * load16(code + {CODE_LOCALS}) + 8 * (handler & 65535)
pc = code + {CODE_START} + (handler >> 16)
{going_on}"""
    return "\n".join(indent + line if line else "" for line in lines.strip("\n").split("\n")) + "\n"


def loop(name: str, rows: tuple[Instruction, ...], mark: str = "", hook: str = "") -> str:
    """One loop over the bytecode with one case an instruction or sequence; ``hook`` is text before each instruction,
    and there are no sequences then.
    """
    lines = [begin(name, mark).strip("\n"), "    tos = load(sp)", "    while True:",
             *(f"        {line}" for line in hook.splitlines())]
    lines.append("        op = load8(pc)")
    for number, step in steps().items():
        parts = step[:1] if hook else step
        text = body(parts, not hook)
        check_ends(parts, text)
        lines += [f"        {'if' if number == 0 else 'elif'} op == {number}:",
                  *("            " + line for line in text)]
    lines += ["        else:", f"            tell({H_OPCODE}, op, 0, 0)", recover("        ", "tos = load(sp)")]
    return "\n".join(lines)


def check_ends(parts: tuple[Instruction, ...], text: list[str]) -> None:
    """A body that falls through would run into the next one; the one place to fall to is the recovery of a failing
    instruction.
    """
    if not any(row.fails for row in parts) and not text[-1].startswith(("continue", "return")):
        name = " ".join(row.name for row in parts)
        raise CodeError(f"instruction {name}: its woven body can fall through ({text[-1]!r}); expected continue or "
                        "return at its end")


def chosen(names: tuple[str, ...] | None, tail_calls: bool = True) -> tuple[Engine, ...]:
    """The engines of a kernel, the preferred ones first: all native ones that a machine can do, or those named."""
    known = engines()
    for name in names or ():
        if name not in known:
            raise ValueError(f"no engine {name!r}; there are {', '.join(known)}")
    ranked = sorted(known.values(), key=lambda e: e.rank)
    return tuple(e for e in ranked if e.native and (names is None or e.name in names)
                 and (tail_calls or not e.tail_calls))


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
    """The whole kernel: every module, the engines (None: all native ones) and an entry for each Lisp function, checked.
    """
    with _one_at_a_time:
        return _kernel_program(names, tail_calls)


@cache
def _kernel_program(names: tuple[str, ...] | None, tail_calls: bool) -> Program:
    whole = Program(modules())
    constants = {**vars(vm), "UNWIND": UNWIND,
                 "BOUNDED": "loops of bytecode, whose proof has that they have safepoints"}
    whole.add_source(HANDLERS, constants, "csl_native.engines.woven", "<handlers>")
    for engine in chosen(names, tail_calls):
        whole.add_source(engine.weave(instructions(), table_place(engine)), constants, "csl_native.engines.woven",
                         f"<woven engine {engine.name}>")
    whole.add_source("\n\n".join(entry(f) for f in lisp_functions()), {}, "csl_native.engines.entries",
                     "<woven entries>")
    whole.check()
    check_loops(whole)
    return whole


@cache
def lisp_functions() -> tuple[Function, ...]:
    """Kernel functions that are Lisp functions, by Lisp name."""
    return tuple(sorted((f for f in program().functions.values() if f.lisp_name), key=lambda f: f.lisp_name or ""))


def entry_arguments(env: str, values: list[str]) -> list[str]:
    """What the entry of a Lisp function is called with, in the convention of its cell: a count, and three values at
    least, but for one or two.
    """
    return [env, *values] if len(values) in (1, 2) else [env, str(len(values)), *values, *["0"] * (3 - len(values))]


def entry(f: Function) -> str:
    """Restricted text of the entry of a Lisp function: from the calling convention to the function."""
    names = [n for n, _ in f.parameters]
    call = f"{f.name}({', '.join(names)})"
    if len(names) in (1, 2):
        return f"def entry_{f.name}(env, {', '.join(names)}):\n    return {call}\n"
    if f.lisp_cells == "rest":
        return f"def entry_{f.name}({', '.join(names)}):\n    return {call}\n"
    slots = [*names, "x1", "x2", "x3"][:3]
    other = "hostn(env, n, " + ", ".join(slots) + ")" if f.lisp_cells == "also" else "wrong_count(env, n)"
    return (f"def entry_{f.name}(env, n, {', '.join(slots)}):\n    if n != {len(names)}:\n        return {other}\n"
            f"    return {call}\n")
