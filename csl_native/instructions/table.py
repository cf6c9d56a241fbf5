"""The instructions: numbers, operands and stack effects, derived from the definitions, or as an image says."""

from __future__ import annotations

import re
from functools import cache

from csl_native.image.directory import unpack
from csl_native.system.exceptions import Error

from ..restricted.language import OPERAND_KINDS
from ..system.records import Record
from . import known
from .joined import SEQUENCES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Operand(Record):
    """Bytes in the bytecode, whether it has a sign, and the power of two that the function receives it times."""

    size: int
    signed: bool = False
    scale: int = 0


OPERANDS = {"u8": Operand(1), "i8": Operand(1, True), "i16": Operand(2, True), "i32": Operand(4, True),
            "w8": Operand(1, scale=3), "w16": Operand(2, scale=3)}
# Operands that are a local variable which holds bytes: how many bits of them are read or written.
ACCESS = {kind: (found[1], int(found[2])) for kind in OPERAND_KINDS
          if (found := re.fullmatch(r"(read|update|write)(\d+)", kind))}
LOCALS = (*ACCESS, "local8")  # operands that are a local variable
OPERANDS |= {kind: Operand(1, scale=3) for kind in LOCALS}


class Instruction(Record):
    """``function`` is the restricted function that is its meaning; ``takes`` and ``gives`` count stack words."""

    number: int
    name: str
    function: str
    operands: tuple[tuple[str, str], ...]
    context: tuple[str, ...]
    inputs: tuple[str, ...]
    gives: int
    kind: str  # value, branch, return, tail
    fails: bool
    effects: tuple[str, ...]  # effects.MEANINGS
    meaning: str

    @property
    def written(self) -> tuple[int, int] | None:
        """Of what writes the bytes of a local variable: the number of that operand, and how many bits."""
        return next(((k, ACCESS[kind][1]) for k, (_, kind) in enumerate(self.operands)
                     if ACCESS.get(kind, ("read",))[0] != "read"), None)

    @property
    def takes(self) -> int:
        return len(self.inputs)

    @property
    def always(self) -> bool:
        """Is it a branch without a condition, neither on the stack nor in a variable?"""
        return self.kind == "branch" and not self.inputs and len(self.operands) == 1

    @property
    def tests(self) -> bool:
        """Is it a branch on the top of the stack, at any distance that a function without far jumps has?"""
        return self.kind == "branch" and self.takes == 1 and self.operands == (("at", "i16"),)

    @property
    def size(self) -> int:
        return sizes()[self.number]


COLUMNS = len(Instruction._fields) - 1  # of the table in an image, which has no meanings


class CodeError(Error, ValueError):
    """Bytecode that cannot be right: the function, the place, what stands there and what was expected."""


@cache
def instructions() -> tuple[Instruction, ...]:
    """All instructions, by number: as an image says, else derived from the definitions."""
    if known:
        return read(unpack(known[0]))
    from .deriving import derived
    return derived()


@cache
def sizes() -> list[int]:
    """The bytes of each instruction, by number."""
    return [1 + sum(OPERANDS[kind].size for _, kind in row.operands) for row in instructions()]


@cache
def joined() -> dict[int, tuple[Instruction, ...]]:
    """The sequences that interpreters run in one step, by number."""
    known = by_name()
    for names in SEQUENCES:
        for k, name in enumerate(names):
            if name not in known or k < len(names) - 1 and known[name].kind != "value":
                raise CodeError(f"sequence {' '.join(names)}: {name} is no instruction that goes on to the next one")
    return {255 - k: tuple(known[name] for name in names) for k, names in enumerate(SEQUENCES)}


@cache
def steps() -> dict[int, tuple[Instruction, ...]]:
    """What interpreters do for each byte that begins an instruction: that, or a sequence."""
    return {**{row.number: (row,) for row in instructions()}, **joined()}


def table() -> list[list[Any]]:
    """The instructions as plain data, for an image; behind them the numbers and names of the sequences."""
    sequences = [[number, " ".join(row.name for row in parts)] for number, parts in joined().items()]
    return [[r.number, r.name, r.function, [list(o) for o in r.operands], list(r.context), list(r.inputs), r.gives,
             r.kind, r.fails, list(r.effects)]
            for r in instructions()] + sequences


def names_of(rows: list[list[Any]]) -> tuple[list[str], dict[int, str]]:
    """Of a table: the names of the instructions in order, and the sequences by number.
    ValueError for what is no table.
    """
    try:
        return [str(row[1]) for row in rows if len(row) > 2], {int(row[0]): str(row[1])
                                                               for row in rows if len(row) == 2}
    except (TypeError, IndexError, KeyError) as error:
        raise ValueError(f"no table of instructions ({error})") from error


def fits(old: list[list[Any]], new: list[list[Any]]) -> bool:
    """Does bytecode that was made with a table mean the same with another one, which may have more?"""
    (names, sequences), (more_names, more_sequences) = names_of(old), names_of(new)
    return bool(names) and more_names[:len(names)] == names and sequences.items() <= more_sequences.items()


def install(data: bytes, ours: bytes) -> str:
    """Read the bytecode of an image by this version's table, when the image's instructions are the first of them: what
    instructions do is not for the image to say, which may be a stranger's.  Else by the image's own, so that it can be
    listed; and why it cannot be proved.  ValueError for what is no table.
    """
    rows, current = unpack(data), unpack(ours)
    names, fitting = names_of(rows)[0], fits(rows, current)
    if not known and (fitting or all(len(row) in (2, COLUMNS) for row in rows)):
        known.append(ours if fitting else data)
    return "" if fitting else (f"its {len(names)} instructions are not the first ones of this version's "
                               f"{len(names_of(current)[0])}, so its bytecode cannot be proved; use the csl that "
                               "made it")


def read(rows: list[list[Any]]) -> tuple[Instruction, ...]:
    """The instructions of a table."""
    return tuple(Instruction(n, name, f, tuple((a, b) for a, b in operands), tuple(context), tuple(inputs), gives, kind,
                             fails, tuple(effects), "")
                 for n, name, f, operands, context, inputs, gives, kind, fails, effects
                 in (row for row in rows if len(row) > 2))


@cache
def by_name() -> dict[str, Instruction]:
    return {row.name: row for row in instructions()}


@cache
def tests() -> tuple[Instruction, ...]:
    """The branches on the top of the stack: what native code joins with a predicate before them."""
    return tuple(row for row in instructions() if row.tests)
