"""Derived from the definitions: numbers, operands and stack effects; encoder, decoder, verifier, disassembler."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from ..restricted.language import OPERAND_KINDS
from .layout import HEAD_SIZE

if TYPE_CHECKING:
    from ..restricted.checker import Program


class Operand(NamedTuple):
    """Bytes in the bytecode, whether it has a sign, and the power of two that the function receives it times."""

    size: int
    signed: bool = False
    scale: int = 0


OPERANDS = {"u8": Operand(1), "i8": Operand(1, True), "i16": Operand(2, True), "w8": Operand(1, scale=3), "w16": Operand(2, scale=3)}
# Operands that are a local variable which holds bytes: how many bits of them are read or written.
ACCESS = {kind: (found[1], int(found[2])) for kind in OPERAND_KINDS if (found := re.fullmatch(r"(read|update|write)(\d+)", kind))}
LOCALS = (*ACCESS, "local8")  # operands that are a local variable
OPERANDS |= {kind: Operand(1, scale=3) for kind in LOCALS}
MAY_RETURN_EARLY = {"memory"}  # modules whose host calls do not return (out of memory)


class Instruction(NamedTuple):
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
    meaning: str

    @property
    def written(self) -> tuple[int, int] | None:
        """Of what writes the bytes of a local variable: the number of that operand, and how many bits."""
        return next(((k, ACCESS[kind][1]) for k, (_, kind) in enumerate(self.operands) if ACCESS.get(kind, ("read",))[0] != "read"), None)

    @property
    def takes(self) -> int:
        return len(self.inputs)

    @property
    def size(self) -> int:
        return 1 + sum(OPERANDS[kind].size for _, kind in self.operands)


class CodeError(ValueError):
    """Bytecode that cannot be right: the function, the place, what stands there and what was expected."""


@cache
def program() -> Program:
    """The kernel with the instruction definitions: signatures and texts, before the interpreter is woven."""
    from ..kernel import MODULES
    from ..restricted.checker import Program
    return Program(list(MODULES))


@cache
def failing() -> frozenset[str]:
    """Functions that may return UNWIND: those that name it, call the host or an entry, or call such a function."""
    import ast
    functions = program().functions
    found = set()
    calls = {name: {n.func.id for n in ast.walk(f.node) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
             for name, f in functions.items()}
    for name, f in functions.items():
        if f.module.rsplit(".", 1)[-1] in MAY_RETURN_EARLY:
            continue
        names = {n.id for n in ast.walk(f.node) if isinstance(n, ast.Name)}
        if "UNWIND" in names or any(n.startswith("invoke") for n in names):
            found.add(name)
    while True:
        more = {n for n, f in functions.items() if n not in found and calls[n] & (found | {'interpret'})
                and f.module.rsplit(".", 1)[-1] not in MAY_RETURN_EARLY and f.result == "word"}
        if not more:
            return frozenset(found)
        found |= more


_installed: list[tuple[Instruction, ...]] = []


def instructions() -> tuple[Instruction, ...]:
    """All instructions, by number: as an image says, else derived from the definitions."""
    if not _installed:
        _installed.append(derived())
    return _installed[0]


def table() -> list[list[Any]]:
    """The instructions as plain data, for an image."""
    return [[r.number, r.name, r.function, [list(o) for o in r.operands], list(r.context), list(r.inputs), r.gives, r.kind, r.fails]
            for r in instructions()]


def install(rows: list[list[Any]]) -> None:
    """Take the table of an image made by this version, so that starting need not read the definitions."""
    if not _installed:
        _installed.append(tuple(Instruction(n, name, f, tuple((a, b) for a, b in operands), tuple(context), tuple(inputs), gives, kind, fails, "")
                                for n, name, f, operands, context, inputs, gives, kind, fails in rows))


@cache
def derived() -> tuple[Instruction, ...]:
    """The instructions, derived from the definitions."""
    import ast

    from . import definitions, typed
    functions = program().functions
    first, later = ([n for n, f in functions.items() if n.startswith("op_") and f.module == part.__name__] for part in (definitions, typed))
    names = [*first, *definitions.PRIMITIVES, *typed.PRIMITIVES, *later]
    rows: list[Instruction] = []
    for number, name in enumerate(names):
        if name not in functions:
            raise CodeError(f"instruction {name}: no restricted function of that name")
        f = functions[name]
        operands, context, inputs = [], [], []
        for argument in f.node.args.args:
            annotation = argument.annotation.id if isinstance(argument.annotation, ast.Name) else ""
            if annotation in OPERANDS:
                operands.append((argument.arg, annotation))
            elif argument.arg in ("env", "fp") and name.startswith("op_"):
                context.append(argument.arg)
            else:
                inputs.append(argument.arg)
        kind = "branch" if f.result == "bool" else "return" if name == "op_return" else "tail" if name.startswith("op_tail_") else "value"
        writes = any(ACCESS.get(o, ("read",))[0] != "read" for _, o in operands)
        if writes and (name in failing() or f.result != "word"):
            raise CodeError(f"instruction {name}: it writes a variable, so it cannot fail and gives a number")
        rows.append(Instruction(number, name.removeprefix("op_").removesuffix("2") if name in ("cons2", "plus2", "times2", "difference2")
                                else name.removeprefix("op_"), name, tuple(operands), tuple(context), tuple(inputs),
                                1 if f.result == "word" and not writes else 0, kind, name in failing(), (ast.get_docstring(f.node) or "").strip()))
    if len(rows) > 256:
        raise CodeError(f"{len(rows)} instructions; the opcode byte has room for 256")
    return tuple(rows)


@cache
def by_name() -> dict[str, Instruction]:
    return {row.name: row for row in instructions()}


def encode(name: str, *operands: int) -> bytes:
    """The bytes of one instruction; an operand out of its range is an error."""
    row = by_name()[name]
    out = bytearray([row.number])
    for (label, kind), value in zip(row.operands, operands, strict=True):
        size, signed, _ = OPERANDS[kind]
        try:
            out += value.to_bytes(size, "little", signed=signed)
        except OverflowError:
            raise CodeError(f"{name}: operand {label} is {value}; a {kind} was expected") from None
    return bytes(out)


def pieces(value: int) -> list[int]:
    """A number as signed pieces of 16 bits, the highest first: what var_cpi and var_wide put together."""
    parts = [value]
    while not -32768 <= parts[0] < 32768:
        parts[0:1] = [parts[0] >> 16, (parts[0] + 32768 & 65535) - 32768]
    return parts


class Decoded(NamedTuple):
    """One instruction of a function: place, row, operand values, and the target of a branch."""

    at: int
    row: Instruction
    operands: tuple[int, ...]
    target: int | None = None

    @property
    def end(self) -> int:
        return self.at + self.row.size


class Code(NamedTuple):
    """A code object, taken apart."""

    least: int
    most: int
    rest: bool
    locals: int
    frame: int
    code: bytes
    handlers: Sequence[tuple[int, int, int, int]] = ()

    @property
    def fixed(self) -> int:
        return self.most if self.least == self.most and not self.rest else 255

    def pack(self) -> bytes:
        """The contents of the code object."""
        head = bytearray(HEAD_SIZE)
        head[0:4] = bytes([self.least, self.most, self.rest, self.fixed])
        for at, value in ((4, self.locals), (6, self.frame), (8, len(self.code)), (10, len(self.handlers))):
            head[at:at + 2] = value.to_bytes(2, "little")
        rows = b"".join(v.to_bytes(2, "little") for row in self.handlers for v in row)
        return bytes(head) + self.code + rows

    @classmethod
    def unpack(cls, data: bytes) -> Code:
        """Take apart the contents of a code object; lengths are checked."""
        if len(data) < HEAD_SIZE:
            raise CodeError(f"code object of {len(data)} bytes; at least {HEAD_SIZE} expected")
        u16 = [int.from_bytes(data[k:k + 2], "little") for k in range(4, 12, 2)]
        size, count = u16[2], u16[3]
        if HEAD_SIZE + size + 8 * count != len(data):
            raise CodeError(f"code object of {len(data)} bytes; its head says {size} of code and {count} handlers")
        rows = [int.from_bytes(data[k:k + 2], "little") for k in range(HEAD_SIZE + size, len(data), 2)]
        handlers = [(rows[k], rows[k + 1], rows[k + 2], rows[k + 3]) for k in range(0, len(rows), 4)]
        code = cls(data[0], data[1], bool(data[2]), u16[0], u16[1], data[HEAD_SIZE:HEAD_SIZE + size], handlers)
        if data[3] != code.fixed:
            raise CodeError(f"code object says {data[3]} fixed arguments; {code.fixed} expected")
        return code


def decode(code: bytes) -> list[Decoded]:
    """The instructions of a function in order; a wrong opcode or a cut-off operand is an error."""
    rows, out, at = instructions(), [], 0
    while at < len(code):
        if code[at] >= len(rows):
            raise CodeError(f"invalid opcode {code[at]} at {at}; opcodes are 0..{len(rows) - 1}")
        row = rows[code[at]]
        if at + row.size > len(code):
            raise CodeError(f"{row.name} at {at} needs {row.size} bytes; the code ends at {len(code)}")
        values, p = [], at + 1
        for _, kind in row.operands:
            size, signed, _ = OPERANDS[kind]
            values.append(int.from_bytes(code[p:p + size], "little", signed=signed))
            p += size
        item = Decoded(at, row, tuple(values), p + values[0] if row.kind == "branch" else None)
        out.append(item)
        at = item.end
    return out


def verify(code: Code, literals: int) -> dict[int, int]:
    """Prove jump targets, stack depths, local numbers and literal numbers; gives the depth before each instruction.

    ``literals`` is the length of the literal vector.  Raises CodeError with the place and what was expected.
    """
    listing = decode(code.code)
    at = {item.at: item for item in listing}
    room = code.frame - code.locals
    if code.least > code.most or code.most + code.rest > code.locals or room < 0:
        raise CodeError(f"{code.least}..{code.most} arguments, {code.locals} locals and a frame of {code.frame} words do not fit together")
    depths: dict[int, int] = {}
    work: list[tuple[int, int, str]] = [(0, 0, "entry")]
    work += [(target, depth, f"handler for {start}..{end}") for start, end, target, depth in code.handlers]
    for start, end, _, _ in code.handlers:
        if start not in at or (end not in at and end != len(code.code)) or start > end:
            raise CodeError(f"protected range {start}..{end} does not begin and end at instructions")
    while work:
        place, depth, source = work.pop()
        if place not in at:
            raise CodeError(f"{source} goes to {place}, where no instruction begins")
        if place in depths:
            if depths[place] != depth:
                raise CodeError(f"{source} reaches {place} with {depth} words on the stack; {depths[place]} expected")
            continue
        depths[place] = depth
        item = at[place]
        row, after = item.row, depth - item.row.takes + item.row.gives
        if row.takes > depth or after > room:
            raise CodeError(f"{row.name} at {place} with {depth} words on a stack of {room}: takes {row.takes}, gives {row.gives}")
        for (label, operand), value in zip(row.operands, item.operands, strict=True):
            if (operand in LOCALS or label == "n" and "fp" in row.context) and value >= code.locals:
                raise CodeError(f"{row.name} at {place} uses local {value}; there are {code.locals}")
            if label == "n" and "env" in row.context and not 1 <= value < literals:
                raise CodeError(f"{row.name} at {place} uses literal {value}; there are 1..{literals - 1}")
        if row.kind == "branch":
            assert item.target is not None
            work.append((item.target, after, f"{row.name} at {place}"))
        if row.kind in ("value", "branch") and row.name != "jump":
            work.append((item.end, after, f"{row.name} at {place}"))
    return depths


def disassemble(code: Code, literal: object = None) -> list[str]:
    """A listing, one line an instruction; ``literal`` maps a literal number to text."""
    lines = [f"; {code.least}..{code.most}{'+' if code.rest else ''} arguments, {code.locals} locals, {code.frame} words of frame"]
    for item in decode(code.code):
        text = f"{item.at:5} {item.row.name}"
        for (label, _), value in zip(item.row.operands, item.operands, strict=True):
            if label == "at":
                text += f" -> {item.target}"
            elif label == "n" and "env" in item.row.context and callable(literal):
                text += f" {value} ({literal(value)})"
            else:
                text += f" {value}"
        lines.append(text)
    lines += [f"      handler {a}..{b} -> {t}, depth {d}" for a, b, t, d in code.handlers]
    return lines
