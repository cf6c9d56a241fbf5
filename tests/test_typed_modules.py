"""Typed modules: what the builder refuses, and what procedures do on every engine and tier, fresh and restored."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csl_native.modules import (
    ED,
    EXTERNAL,
    NON_FIXED_REF,
    READER,
    THREAD_LOCAL_REG,
    TOP_LEVEL_REG,
    WORD,
    WRITER,
    FlagsException,
    Instruction,
    Module,
    ModuleBuilder,
    ModuleError,
    NotFoundException,
    OperationException,
    RangeException,
    TypeException,
    decode,
    encode,
    instruction,
)
from csl_native.modules.instructions import NUMBER, SHAPES

KINDS = {"Range": RangeException, "Operation": OperationException, "Type": TypeException, "NotFound": NotFoundException,
         "Flags": FlagsException}
FACTORIAL = "JNZ 1 3; CPI8 1 1; RET; PUSH 2; CPI8 1 2; MUL 1 2 2; DEC 1; JNZ 1 -2; CPB 2 1; POP; RET"
FACTORIAL_BYTES = "06 01 03 0d 01 01 1c 0e 02 0d 01 02 05 01 02 02 02 01 06 01 7e 13 02 01 11 1c"


def code(text: str) -> list[Instruction]:
    """Instructions from ``NAME OPERAND...; NAME...``."""
    rows = [row.split() for row in text.split(";") if row.strip()]
    return [instruction(row[0], *map(int, row[1:])) for row in rows]


def built(size: int = 8, count: int = 1, vrefs: int = 0) -> tuple[ModuleBuilder, int]:
    """A builder with io = register 1 of a type (number 1), 2 and 3 of the same, and an external procedure."""
    builder = ModuleBuilder()
    vtype = builder.add_var_type(size)
    for _ in range(vrefs):
        builder.add_vref(vtype, 0, WORD)
    for _ in range(3):
        builder.add_reg(0, vtype, count)
    return builder, builder.add_proc(EXTERNAL, builder.add_proc_type(0, 1), "factorial")


def factorial() -> Module:
    builder, proc = built()
    builder.add_instr(proc, *code(FACTORIAL))
    return builder.create_module("fact")


# -- the builder
# ---------------------------------------------------------------------------------------------------------


def test_factorial_has_26_bytes() -> None:
    assert (encode(code(FACTORIAL)) == bytes.fromhex(FACTORIAL_BYTES)
            and factorial().code(0) == bytes.fromhex(FACTORIAL_BYTES))
    assert decode(bytes.fromhex(FACTORIAL_BYTES)) == code(FACTORIAL)


SUFFICIENT = [  # bytes of the type, count, references, instruction: what is wrong with it
    (7, 1, 0, "JNZ 1 1", "Type"), (7, 1, 0, "CPI8 1 1", "Type"), (7, 1, 0, "MUL 1 1 1", "Type"),
    (7, 1, 0, "DEC 1", "Type"), (7, 1, 0, "JG 1 1 1", "Type"),
    (7, 1, 0, "CPI4 1 1", ""), (7, 1, 0, "LDB 1 6 1", ""), (7, 1, 0, "LDB 1 7 1", "Type"), (7, 1, 0, "STB 1 1 6", ""),
    (7, 1, 0, "STB 1 1 7", "Type"),
    *((size, count, refs, text, "") for size, count, refs in ((8, 1, 0), (9, 1, 0), (8, 1, 1), (8, 5, 0))
      for text in ("JNZ 1 1", "CPI8 1 1",
    "MUL 1 1 1", "DEC 1")),
    (3, 1, 0, "CPI2 1 1", ""), (1, 1, 0, "CPI2 1 1", "Type"), (0, 1, 1, "CPI1 1 1", "Type"),
    (0, 1, 1, "CPB 1 1", "Type"), (7, 1, 0, "LDE 1 1 1", "Type"),
    (8, 1, 0, "LDE 1 1 1", ""), (8, 1, 0, "CPI1 256 1", "Range"), (8, 1, 0, "CPI1 -129 1", "Range"),
    (8, 1, 0, "CPI8 18446744073709551616 1", "Range"),
    (8, 1, 0, "CPI8 18446744073709551615 1", ""), (8, 1, 0, "INC 99", "NotFound"), (8, 1, 0, "INC 2", "Operation"),
    (8, 1, 0, "CALL 7", "NotFound"),
    (8, 1, 1, "LDR 1 1 1", "Range"), (8, 1, 1, "LDR 1 0 1", "Operation"), (8, 1, 0, "NEW 1", "Operation"),
    (8, 1, 0, "LEN 1 1", ""), (7, 1, 0,
    "LEN 1 1", "Type"),
]


@pytest.mark.parametrize(("size", "count", "refs", "text", "wrong"), SUFFICIENT)
def test_an_instruction_needs_enough_and_bears_more(size: int, count: int, refs: int, text: str, wrong: str) -> None:
    builder, proc = built(size, count, refs)
    if wrong:
        with pytest.raises(KINDS[wrong]) as caught:
            builder.add_instr(proc, *code(text))
        assert "factorial, instruction 0" in str(caught.value) and builder.procs[proc].code == []
    else:
        builder.add_instr(proc, *code(text))


FRAMES = [  # instructions of which the last one is wrong; "end": what is wrong shows when the module is made
    ("DEC 1; PUSH 2; JNZ 2 -2", "Range"), ("PUSH 2; JNZ 2 3; POP", "Operation"), ("JNZ 1 2; PUSH 2", "Operation"),
    ("JNZ 1 -1", "Range"), ("PUSHH -1", "Range"),
    ("POP", "Operation"), ("PUSH 2; POP; POP", "Operation"), ("JNZ 1 64", "Range"), ("JMP -65", "Range"),
    ("PUSH 2; JNZ 2 -1", "Range"),
    ("PUSH 2; JNZ 2 1; POP", "Operation"), ("JNZ 1 3; PUSH 2; INC 2", "Operation"),
    ("JNZ 1 4; PUSH 2; JNZ 2 5", "Range"),
    ("JNZ 1 4; PUSH 2; JNZ 2 3", "Range"), ("JNZ 1 4; PUSH 2; JNZ 2 2", "Range"),
    ("PUSHH 1", "Operation"), ("PUSHH 3; PUSH 2", ""), ("PUSHH 2; INC 1", "Operation"),
    ("JNZ 1 5; PUSH 2; PUSH 3; POP; INC 2", "Operation"),
    ("PUSH 2; PUSH 3; INC 2; INC 3; POP; INC 3", "Operation"), ("PUSH 2; POP; INC 2", "Operation"),
    ("JNZ 1 5; PUSH 2; JNZ 2 2; PUSH 3", "Operation"),
    ("JNZ 1 4; PUSH 2; PUSH 3; POP", "Operation"), ("PUSH 2; RET end", "Operation"), ("JNZ 1 2; RET end", "Operation"),
    ("INC 1 end", "Operation"),
    ("JMP 7 end", "Operation"), ("PUSH 2; JNZ 2 2; INC 2; POP; RET end", "Operation"), ("PUSH 0", "Operation"),
    ("PUSHR 0", "Operation"),
    ("ADD 1 1", "Range"), ("INC 1 1", "Range"),
    ("JNZ 1 3; PUSH 2; POP; RET end", ""), ("PUSH 2; JNZ 2 2; INC 2; DEC 2; POP; RET end", ""),
    ("PUSHH 3; THROW; POP; RET end", ""),
    ("INC 1; INC 1; PUSHH -1; DEC 1; POP; RET end", ""), ("PUSH 2; PUSH 2; INC 2; POP; INC 2; POP; RET end", ""),
    ("JMP 0 end", ""),
    ("JNZ 1 4; PUSH 2; INC 2; POP; RET end", ""), ("PUSH 2; RET; POP; RET end", ""),
]


@pytest.mark.parametrize(("text", "wrong"), FRAMES)
def test_frames_nest_and_nothing_jumps_through_their_limits(text: str, wrong: str) -> None:
    builder, proc = built()

    def add(end: bool) -> None:
        rows = [row.strip() for row in text.removesuffix(" end").split(";")]
        for row in rows[:-1]:
            builder.add_instr(proc, *code(row))
        if end:
            builder.add_instr(proc, *code(rows[-1]))
            builder.create_module()
        else:
            with pytest.raises(KINDS[wrong]) if wrong else threading.Lock():
                builder.add_instr(proc, *code(rows[-1]))
    if wrong and text.endswith("end"):
        with pytest.raises(KINDS[wrong]):
            add(True)
    else:
        add(text.endswith("end"))


def test_a_refused_instruction_leaves_everything_as_it_was() -> None:
    builder, proc = built()
    for text in (row[0] for row in FRAMES if row[1] and not row[0].endswith("end") and ";" not in row[0]):
        with pytest.raises(ModuleError):
            builder.add_instr(proc, *code(text))
    builder.add_instr(proc, *code(FACTORIAL))
    assert builder.create_module().code("factorial") == bytes.fromhex(FACTORIAL_BYTES)
    assert builder.procs == [] and len(builder.regs) == 1


def test_flags_limits_and_unknown_numbers() -> None:
    builder, _ = built()
    wrong: list[tuple[type[Exception], Callable[[], object]]] = [
        (FlagsException, lambda: builder.add_reg(THREAD_LOCAL_REG, 1)), (FlagsException, lambda: builder.add_reg(8, 1)),
        (FlagsException, lambda: builder.add_vref(1, TOP_LEVEL_REG, 1)),
        (FlagsException, lambda: builder.add_proc_type(READER | WRITER, 1)),
        (FlagsException, lambda: builder.add_proc_type(4, 1)), (FlagsException, lambda: builder.add_proc(2, 0)),
        (FlagsException,
        lambda: builder.add_proc_type(0, ED)),
        (RangeException, lambda: builder.add_reg(0, 1, 0)), (RangeException, lambda: builder.add_reg(0, 1, 1 << 28)),
        (RangeException,
        lambda: builder.add_var_type(16384)),
        (RangeException, lambda: builder.add_var_type(-1)), (NotFoundException, lambda: builder.add_reg(0, 9)),
        (NotFoundException,
        lambda: builder.add_proc_type(0, 9)),
        (NotFoundException, lambda: builder.add_proc(0, 9)), (NotFoundException, lambda: builder.add_instr(9)),
        (NotFoundException,
        lambda: builder.add_vref(1, 0, 9)),
        (NotFoundException, lambda: builder.add_pref(1, 9)), (OperationException, lambda: builder.add_vref(WORD, 0, 1)),
        (OperationException,
        lambda: builder.add_proc(0, 0, "factorial")),
        (RangeException, lambda: instruction("NOP")), (RangeException, lambda: instruction("ILL"))]
    for kind, action in wrong:
        with pytest.raises(kind):
            action()
    builder.add_var_type(0)
    builder.add_instr(0, *code("RET"))
    with pytest.raises(OperationException, match="empty"):
        builder.create_module()


def test_references_and_arguments_are_of_one_type() -> None:
    """LDR and STR: type, fixedness and count; CALL: type and count of the last frame."""
    builder = ModuleBuilder()
    other = builder.add_var_type(8)
    holder = builder.add_var_type(8)
    for flags, to, count in ((0, WORD, 1), (0, WORD, 3), (NON_FIXED_REF, WORD, 1), (0, other, 1)):
        builder.add_vref(holder, flags, to, count)
    io = builder.add_reg(0, holder)
    one, three, any_, else_ = (builder.add_reg(*row)
                               for row in ((0, WORD, 1), (0, WORD, 3), (NON_FIXED_REF, WORD, 5), (0, other, 1)))
    flagged = builder.add_reg(NON_FIXED_REF, WORD, 1)
    takes_io, takes_one, takes_three = (builder.add_proc_type(0, r) for r in (io, one, three))
    holds = builder.add_var_type(0)
    builder.add_pref(holds, takes_one)
    procs = builder.add_reg(0, holds)
    proc = builder.add_proc(EXTERNAL, takes_io)
    callees = [builder.add_proc(0, t) for t in (takes_one, takes_three)]
    fits = {(0, one), (1, three), (2, any_), (3, else_), (2, flagged)}
    for register in (one, three, any_, else_, flagged):
        builder.add_instr(proc, instruction("PUSHR", register))
        for k in range(4):
            for item in (instruction("LDR", io, k, register), instruction("STR", register, io, k)):
                if (k, register) in fits:
                    builder.add_instr(proc, item)
                else:
                    with pytest.raises(TypeException):
                        builder.add_instr(proc, item)
        with pytest.raises(OperationException):
            builder.add_instr(proc, instruction("CALL", callees[0]))
        builder.add_instr(proc, instruction("POP"))
    with pytest.raises(OperationException):
        builder.add_instr(proc, instruction("CALL", callees[0]))
    for register, good in ((one, callees[0]), (three, callees[1]), (any_, None), (else_, None), (flagged, callees[0])):
        builder.add_instr(proc, instruction("PUSH", register))
        for callee in callees:
            if callee == good:
                builder.add_instr(proc, instruction("CALL", callee))
            else:
                with pytest.raises(OperationException):
                    builder.add_instr(proc, instruction("CALL", callee))
        builder.add_instr(proc, instruction("POP"))
    builder.add_instr(proc, *code(f"PUSH {procs}; CPP {callees[0]} {procs} 0"))
    for text, kind in ((f"CPP {callees[1]} {procs} 0", TypeException), (f"CPP {callees[0]} {procs} 1", RangeException),
                       (f"CALLR {procs} 0",
    OperationException),
                       (f"NEWN {io} {procs}", OperationException)):
        with pytest.raises(kind):
            builder.add_instr(proc, *code(text))
    builder.add_instr(proc, *code(f"PUSH {one}; CALLR {procs} 0; POP; POP; PUSHR {one}"))
    with pytest.raises(TypeException):
        builder.add_instr(proc, *code(f"NEWN {io} {one}"))


OPERAND = st.one_of(st.integers(-(1 << 63), (1 << 63) - 1), st.integers(-70, 70))


@given(st.lists(st.tuples(st.sampled_from([n for n in NUMBER if n != "ILL"]), st.tuples(OPERAND, OPERAND, OPERAND)),
                max_size=20))
def test_encoding_and_decoding_are_inverse(rows: list[tuple[str, tuple[int, int, int]]]) -> None:
    items = [instruction(name, *(value if kind in "oi" else abs(value)
                                 for kind, value in zip(SHAPES[NUMBER[name]], values,
    strict=False))) for name, values in rows]
    assert decode(encode(items)) == items


@given(st.binary(max_size=200))
def test_bytes_that_are_no_module_are_refused(data: bytes) -> None:
    for action in (lambda: decode(data), lambda: Module.from_bytes(data),
                   lambda: Module.from_bytes(factorial().to_bytes()[:len(data)] + data)):
        try:
            action()
        except ModuleError:
            pass


def test_what_a_module_consists_of_can_be_asked() -> None:
    module = factorial()
    assert (module.var_type_count, module.reg_count, module.proc_type_count, module.proc_count) == (2, 4, 1, 1)
    assert (module.var_type(WORD).bytes == module.var_type(1).bytes == 8 and module.reg(ED).flags == TOP_LEVEL_REG
            | THREAD_LOCAL_REG)
    assert (module.reg(2).vtype == 1 and module.proc_type(0).io == 1 and module.proc("factorial").external
            and str(module.proc(0).code[0]) == "JNZ 1, 3")
    for ask in (module.var_type, module.reg, module.proc_type, module.proc):
        with pytest.raises(NotFoundException):
            ask(9)
    with pytest.raises(NotFoundException):
        module.proc("fibonacci")
