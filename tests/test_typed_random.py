"""Random procedures of typed modules: against a model in Python, and the same in all ways of running them."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csl_native import LispError, Session
from csl_native.modules import (
    EXTERNAL,
    WORD,
    Instruction,
    Module,
    ModuleBuilder,
    ModuleError,
    RuntimeException,
    instruction,
)
from csl_native.modules.instructions import NUMBER, SHAPES

from .conftest import machine_runs_natively
from .test_typed_modules import code
from .test_typed_procedures import silent

OPERATIONS = ("INC", "DEC", "ADD", "SUB", "MUL", "CPI1", "CPI2", "CPI4", "CPI8", "CPB")


def random_procedure(r: random.Random) -> list[Instruction]:
    """Arithmetic on registers 1 to 3, forward jumps, and a loop that ends."""
    out: list[Instruction] = code("PUSH 2; PUSH 3; PUSH 4; CPI8 5 4")
    for _ in range(r.randrange(1, 14)):
        a, b, c = (r.randrange(1, 4) for _ in range(3))
        name = r.choice((*OPERATIONS, "JNZ", "JG", "JNG", "JE"))
        shape = SHAPES[NUMBER[name]]
        registers = iter((a, b, c))
        width = 8 * int(name[3:]) if name.startswith("CPI") else 0
        values = [next(registers) if kind == "r" else 2 if kind == "o"
                  else r.choice((r.randrange(-5, 6) if width else 0,
        r.getrandbits(width) - (1 << width - 1)))
                  for kind in shape]
        out.append(instruction(name, *values))
        if "o" in shape:
            out.append(instruction("INC", r.randrange(1, 4)))
    size = len(out) - 4
    out += [instruction("DEC", 4), instruction("JNZ", 4, -size - 1), *code("ADD 1 2 1; ADD 1 3 1; POP; POP; POP; RET")]
    return out


def meaning(items: list[Instruction], io: int) -> int:
    """What such a procedure gives, in Python."""
    registers, at = {1: io, 2: 0, 3: 0, 4: 0}, 0

    def wrapped(n: int, bits: int = 64) -> int:
        return (n + (1 << bits - 1) & (1 << bits) - 1) - (1 << bits - 1)
    while items[at].name != "RET":
        name, o = items[at].name, items[at].operands
        following = at + 1
        if name in ("INC", "DEC"):
            registers[o[0]] = wrapped(registers[o[0]] + (1 if name == "INC" else -1))
        elif name in ("ADD", "SUB", "MUL"):
            a, b = registers[o[0]], registers[o[1]]
            registers[o[2]] = wrapped(a + b if name == "ADD" else a - b if name == "SUB" else a * b)
        elif name == "CPB":
            registers[o[1]] = registers[o[0]]
        elif name.startswith("CPI"):
            mask = (1 << 8 * int(name[3:])) - 1
            registers[o[1]] = wrapped(registers[o[1]] & ~mask | o[0] & mask)
        elif name.startswith("J"):
            a, b = registers[o[0]], registers[o[1]] if len(o) > 2 else 0
            if {"JNZ": a != 0, "JG": a > b, "JNG": a <= b, "JE": a == b}[name]:
                following = at + o[-1]
        at = following
    return registers[1]


@pytest.fixture(scope="module")
def three() -> Iterator[list[Session]]:
    sessions = [silent(engine="python"), *([silent(jit=(0, -1)), silent()] if machine_runs_natively() else [])]
    yield sessions
    for session in sessions:
        session.close()


@given(seed=st.integers(0, 1 << 30), io=st.one_of(st.integers(-3, 3), st.integers(-(1 << 63), (1 << 63) - 1)))
@settings(max_examples=25, deadline=None)
def test_all_ways_agree_with_a_model(seed: int, io: int, three: list[Session]) -> None:
    items = random_procedure(random.Random(seed))
    expected = meaning(items, io)
    for k, session in enumerate(three):
        builder = ModuleBuilder()
        for _ in range(4):
            builder.add_reg(0, WORD)
        builder.add_proc(EXTERNAL, builder.add_proc_type(0, 1), "random-procedure", items)
        module = builder.create_module("random-module")
        module.unpack(session, native=k == 2)
        try:
            assert module.call(0, io) == expected, items
        finally:
            module.drop()


def wild_builder() -> ModuleBuilder:
    """Types of all kinds, a register or two of each, and procedures: 0 is empty yet, 1 and 2 can be called."""
    b = ModuleBuilder()
    six, record, holder, pair = b.add_var_type(6), b.add_var_type(8), b.add_var_type(0), b.add_var_type(12)
    rows = ((0, WORD), (0, WORD), (0, WORD), (0, six), (0, record), (0, record), (1, WORD), (0, WORD, 3), (0, holder),
            (0, pair, 4), (2, WORD), (1, pair))
    for row in rows:
        b.add_reg(*row)
    plain = b.add_proc_type(0, 1)
    for vtype, references in ((record, ((1, WORD), (0, WORD, 3), (0, holder))), (pair, ((0, record), (0, WORD)))):
        for flags, to, *count in references:
            b.add_vref(vtype, flags, to, *count)
    b.add_pref(holder, plain)
    b.add_proc(EXTERNAL, plain, "wild")
    b.add_proc(0, plain, "step", code("INC 1; INC 1; RET"))
    b.add_proc(0, plain, "raise", code("PUSH 2; CPB 1 0; THROW; POP; RET"))
    return b


def wild(r: random.Random) -> Module:
    """A module whose procedure has instructions of every kind, as long as they can stand where they are; jumps go
    forwards, so it ends.
    """
    b = wild_builder()
    verifier = b.verifiers[0]

    def attempt(*items: Instruction) -> bool:
        try:
            b.add_instr(0, *items)
            return True
        except ModuleError:
            return False
    names = [name for name in NUMBER if name not in ("ILL", "RET", "POP",
                                                     "JMP")] + ["PUSH", "PUSHR", "PUSHH", "POP", "LDR", "STR", "LDE",
                                                                "STE", "NEW"] * 2
    for _ in range(r.randrange(50, 400)):
        name = r.choice(names)
        width = 8 * int(name[3:]) if name.startswith("CPI") else 8
        operands = {"r": lambda: r.randrange(13), "o": lambda: r.randrange(1, 7),
                    "n": lambda: r.randrange(r.choice((3, 13))), "p": lambda: r.randrange(1, 3),
                    "i": lambda width=width: r.choice((r.randrange(-3, 6), r.getrandbits(width)))}
        if name == "THROW" and r.random() < 0.8:
            continue
        attempt(instruction(name, *(operands[kind]() for kind in SHAPES[NUMBER[name]])))
    while len(verifier.frames) > 1 or verifier.frames[0].farthest >= len(verifier.code):
        if len(verifier.frames) == 1 or not attempt(*code("POP")):
            if not attempt(*code("CPI8 7 0")):
                return wild(r)  # jumps and frames that no end fits
    b.add_instr(0, *code("RET"))
    return b.create_module("wild-module")


def outcome(module: Module, io: int) -> object:
    try:
        return module.call("wild", io)
    except RuntimeException as error:
        return "exception", error.code
    except LispError as error:
        return "error", str(error).strip()


@pytest.mark.parametrize("seed", range(40))
def test_wild_procedures_do_the_same_in_all_ways(seed: int, three: list[Session]) -> None:
    module = wild(random.Random(seed))
    data = module.to_bytes()
    results = []
    for k, session in enumerate(three):
        again = Module.from_bytes(data)
        again.unpack(session, native=k == 2)
        results.append([outcome(again, io) for io in (0, 1, 2, -1, 5)])
        again.drop()
    assert all(result == results[0] for result in results), (module.proc(0).code, results)
