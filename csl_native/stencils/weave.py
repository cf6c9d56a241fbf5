"""Weave the stencils from the instruction definitions: every instruction for every number of operands that are in
registers.

A stencil is a function whose code is copied into the code of a Lisp function, one behind the other, with its holes
filled (Xu and Kjolstad, "Copy-and-patch compilation", OOPSLA 2021).  Its parameters are the state of the running
function: ``env``, the frame ``fp`` (the interpreter's own: native code and bytecode can go on with each other's
frames), and ``r0``, ``r1``... the top operands, the last of those in use being the top.  The others are in memory.  It
ends with a jump to the next one.

Holes are numbers of the bytecode; places are where jumps go.

An instruction that has a fast path and calls of the kernel is two stencils: the fast path leaves for the second one,
``cold``, which stands out of the way and does the whole instruction again.  So the fast path saves no registers, and is
followed by the next one.
"""

from __future__ import annotations

from functools import cache

from ..engines.bodies import local_operand, stored
from ..engines.weave import entry_arguments, kernel_program
from ..heap import vm
from ..heap.vm import SP, STACK_END, STACK_LIMIT, TICKS
from ..heap.words import UNWIND, VECTOR
from ..instructions.definitions import PLACEMENT, TESTED
from ..instructions.effects import splits
from ..instructions.program import program
from ..instructions.table import LOCALS, OPERANDS, Instruction, instructions, tests
from ..kernel.host import H_STACK_OVERFLOW
from ..kernel.memory import NIL, T
from ..restricted import llvm as ir
from ..restricted.checker import Program

# By number, as ``kernel.stencils.TARGETS`` names them.  Places: the following code, where a branch goes, where a
# failure goes, the rare cases.
NEXT, TARGET, FAIL, COLD = range(4)
# holes; SLOT: bytes from the frame to the first input's place, COUNT: arguments
OPERAND1, OPERAND2, SLOT, FRAME, COUNT, OPERAND3 = range(6)


def registers(cached: int) -> list[str]:
    return [f"r{k}" for k in range(cached)]


def head(name: str, cached: int) -> str:
    return f"def {name}({', '.join(['env', 'fp', *registers(cached)])}):"


def passed(operands: list[str], cached: int) -> str:
    """Arguments of what a stencil goes on to: the operands that are in registers, and anything in the others."""
    return ", ".join(["env", "fp", *operands, *["anything()"] * (cached - len(operands))])


def go(place: int, operands: list[str], cached: int) -> str:
    """Jump to a place with these operands in registers; what the other registers hold does not matter."""
    return f"return go{2 + cached}({place}, {passed(operands, cached)})"


def enter(place: int, operands: list[str], cached: int) -> str:
    return f"return enter{2 + cached}({place}, {passed(operands, cached)})"


def hole(number: int) -> str:
    return f"hole({(OPERAND1, OPERAND2, OPERAND3)[number]})"


def operand(kind: str, number: int) -> str:
    """An operand of an instruction: a hole, which has its bits without sign."""
    size, signed, scale = OPERANDS[kind]
    text = hole(number)
    if kind in LOCALS:
        return local_operand(kind, text)
    return f"({text} << {64 - 8 * size} >> {64 - 8 * size})" if signed else text


def stencil(row: Instruction, state: int, cached: int, branch: Instruction | None = None, cold: bool = False,
            forced: str = "") -> str:
    """The stencil of an instruction with ``state`` operands in registers, or of one that gives the value that
    ``branch`` tests.
    """
    lines, values, number = [], {"at": "0"}, 0
    for label, kind in row.operands:
        if label != "at":
            values[label] = operand(kind, number)
            number += 1
    for k, label in enumerate(row.inputs):
        at = state - row.takes + k
        values[label] = f"r{at}" if at >= 0 else f"{label}_"
        if at < 0:
            lines.append(f"{label}_ = load(fp + hole({SLOT}) + {8 * k})")
    rest = registers(max(state - row.takes, 0))
    call = body(row, values, cold or placement(row, forced) == "call")
    fail = ["if r == UNWIND:", "    " + go(FAIL, rest, cached)] if row.fails else []
    if row.name == "poll" and cold:
        call = "native_safepoint_slow()"
        fail += [f"if r == {T}:", *(f"    store(fp + hole({SLOT}) - {8 * (state - k)}, r{k})" for k in range(state)),
                 f"    return go_on_at(env, fp, hole({OPERAND1}), fp + hole({SLOT}) - 8)", f"r = {NIL}"]
    if row.kind == "return":
        lines += [f"store({SP}, fp)", f"return {values[row.inputs[0]]}"]
    elif row.kind == "tail":
        lines += [f"store({SP}, fp)", f"return {call}"]
    elif row.always:
        lines.append(go(TARGET, rest, cached))
    elif row.kind == "branch":
        lines += [f"if {call}:", "    " + go(TARGET, rest, cached), go(NEXT, rest, cached)]
    elif branch is not None:
        lines += [f"r = {call}", *fail, f"if {branch.function}(0, r):", "    " + go(TARGET, rest, cached),
                  go(NEXT, rest, cached)]
    elif not row.gives:
        lines += [call, go(NEXT, rest, cached)]
    else:
        lines += [f"r = {call}", *fail]
        if len(rest) == cached:  # the lowest goes to memory
            lines.append(f"store(fp + hole({SLOT}) - {8 * len(rest)}, r0)")
            rest = rest[1:]
        lines.append(go(NEXT, [*rest, "r"], cached))
    return "\n    ".join([head(stencil_name(row, state, branch, cold), cached), *lines]) + "\n"


def stencil_name(row: Instruction, state: int, branch: Instruction | None = None, cold: bool = False) -> str:
    return f"{'cold' if cold else 'stencil'}_{row.number}_{branch.number if branch is not None else ''}_{state}"


def body(row: Instruction, values: dict[str, str], called: bool) -> str:
    """What an instruction does: its definition in place, or the kernel's Lisp function of that meaning."""
    f = program().functions[row.function]
    names = [a.arg for a in f.node.args.args]
    arguments = [name if name in row.context else values[name] for name in names]
    if called and f.lisp_name is not None:
        call = f"entry_{f.name}({', '.join(entry_arguments('env', arguments))})"
        return call if row.fails else f"handled({call})"  # the entry could only fail by the count of its arguments
    first = 1 if row.operands and row.operands[0][0] == "at" else 0
    return stored(row, f"{row.function}({', '.join(arguments)})", lambda number: hole(number - first))


def placements(row: Instruction) -> list[str]:
    """Where the body of an instruction can be, the natural place first."""
    f = program().functions[row.function]
    possible = ["shared"] if splits(row) else []
    # its cold stencil does more: it may go on as bytecode
    possible += ["inline"] if f.inline and row.name != "poll" else []
    return possible + (["call"] if f.lisp_name is not None or not f.inline else [])


def placement(row: Instruction, forced: str = "") -> str:
    """Where it is: as the definitions say, or ``forced`` for all that can be there."""
    possible, wanted = placements(row), forced or PLACEMENT.get(row.name, "")
    return wanted if wanted in possible else possible[0]


def moves(cached: int) -> list[str]:
    """Between memory and registers: ``flush_C_K`` keeps the top K of C operands in registers, ``fill_C`` takes one more
    there.
    """
    parts = []
    for state in range(cached + 1):
        for keep in range(state):
            out = [f"store(fp + hole({SLOT}) - {8 * (state - k)}, r{k})" for k in range(state - keep)]
            parts.append("\n    ".join([head(f"flush_{state}_{keep}", cached), *out,
                                        go(NEXT, registers(state)[state - keep:], cached)]) + "\n")
        if state < cached:
            parts.append("\n    ".join([head(f"fill_{state}", cached), f"r = load(fp + hole({SLOT}) - "
                                                                       f"{8 * (state + 1)})",
                                        go(NEXT, ["r", *registers(state)], cached)]) + "\n")
    return parts


def frames(cached: int) -> list[str]:
    """How a function is entered and left; all its entries lead to ``start``."""
    room = f"""fp = load({SP})
    if fp + hole({FRAME}){{extra}} > load({STACK_END}):
        return host({H_STACK_OVERFLOW}, 0, 0, 0)
    store(fp, a)"""
    more = """store(fp + 8, b)
    store(fp + 16, c)
    k = 3
    while k < n:
        store(fp + 8 * k, load(fp + 8 * (k - n)))
        k += 1"""
    general = f"""if fill_general(env, load(env + {8 - VECTOR}), fp, {{n}}) == UNWIND:
        return UNWIND"""
    begin = enter(NEXT, [], cached)
    parts = []
    for suffix, fixed in (("", True), ("_general", False)):
        for count, parameters, second in ((1, "env, a", ""), (2, "env, a, b", "store(fp + 8, b)")):
            lines = [room.format(extra=""), second, "" if fixed else general.format(n=count), begin]
            parts.append("\n    ".join([f"def enter_{count}{suffix}({parameters}):", *filter(None, lines)]) + "\n")
        check = [f"if n != hole({COUNT}):", "    return wrong_count(env, n)"] if fixed else []
        lines = [*check, room.format(extra=" + 8 * n"), more, "" if fixed else general.format(n="n"), begin]
        parts.append("\n    ".join([f"def enter_n{suffix}(env, n, a, b, c):", *filter(None, lines)]) + "\n")
    top = f"fp + hole({SLOT})"
    parts += [
        "\n    ".join([head("start", cached), f"store({SP}, fp + hole({FRAME}))", f"t = load({TICKS}) - 1",
                       f"store({TICKS}, t)", "if unlikely(t == 0):", "    " + go(COLD, [], cached),
                       f"if unlikely(stack_pointer() < load({STACK_LIMIT})):", "    " + go(COLD, [], cached),
                       go(NEXT, [], cached)]) + "\n",
        "\n    ".join([head("cold_start", cached), f"if load({TICKS}) == 0:", "    count_native(env)",
                       "r = safepoint()", "if r == UNWIND:", "    " + go(FAIL, [], cached), go(NEXT, [], cached)])
        + "\n",
        "\n    ".join([head("leave", cached), "return leave_frame(env, fp)"]) + "\n",
        "\n    ".join([head("handle_0", cached), f"store({SP}, fp + hole({FRAME}))", go(NEXT, [], cached)]) + "\n",
        "\n    ".join([head("handle_1", cached), f"store({SP}, fp + hole({FRAME}))", f"r = load({top})",
                       go(NEXT, ["r"], cached)]) + "\n",
        f"def resume_0(env, fp):\n    {enter(NEXT, [], cached)}\n",
        f"def resume_1(env, fp):\n    r = load({top})\n    {enter(NEXT, ['r'], cached)}\n",
        "\n    ".join([head("onward", cached), go(NEXT, registers(cached), cached)]) + "\n",  # a jump and nothing else
    ]
    return parts


def fused() -> list[tuple[Instruction, Instruction]]:
    """The pairs of a predicate and the branch that tests it."""
    return [(row, branch) for row in instructions() if row.takes and "truth" in row.effects or row.name in TESTED
            for branch in tests()]


@cache
def stencil_program(cached: int, forced: str = "") -> Program:
    """The kernel with all stencils for so many operands in registers, checked."""
    base, whole = kernel_program(()), Program()
    whole.functions.update(base.functions)
    both: list[tuple[Instruction, Instruction | None]] = [*((row, None) for row in instructions()), *fused()]
    parts = [stencil(row, state, cached, branch, cold, forced) for row, branch in both
             for cold in ((False, True) if placement(row, forced) == "shared" else (False,))
             for state in range(cached + 1)]
    whole.add_source("\n\n".join(parts + moves(cached) + frames(cached)), {**vars(vm), "UNWIND": UNWIND},
                     "csl_native.stencils.woven", "<woven stencils>")
    whole.check()
    return whole


def stencils(cached: int, forced: str = "") -> list[str]:
    """Names of all stencils, in the order in which they are kept."""
    known = kernel_program(()).functions
    return [name for name in stencil_program(cached, forced).functions if name not in known]


def hot(forced: str = "") -> frozenset[str]:
    """How the names of the stencils begin that have a cold one beside them."""
    both: list[tuple[Instruction, Instruction | None]] = [*((row, None) for row in instructions()), *fused()]
    return frozenset(stencil_name(row, 0, branch)[:-1] for row, branch in both if placement(row, forced) == "shared")


@cache
def shared() -> tuple[str, ...]:
    """The kernel's entries of Lisp functions that cold stencils call, by a convention that saves all registers where
    there is one.
    """
    found = [program().functions[row.function] for row in instructions() if splits(row)]
    return tuple(sorted({f"entry_{f.name}" for f in found if f.lisp_name is not None}))


def called() -> tuple[str, ...]:
    """The kernel functions that stencils call, by name; they have entry slots."""
    program = kernel_program(())
    frames = {"count_native", "fill_general", "wrong_count", "safepoint", "leave_frame", "native_safepoint_slow",
              "go_on_at"}
    roots = {row.function for row in instructions()} | frames
    plain = tuple(name for name in ir.closure(program, roots, lambda f: f.inline) if not program.functions[name].inline)
    return (*plain, *(f"shared.{name}" for name in shared()))
