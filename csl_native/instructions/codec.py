"""Derived from the definitions: numbers, operands and stack effects; encoder, decoder, verifier, disassembler."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Collection, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from ..restricted.language import OPERAND_KINDS
from .joined import SEQUENCES
from .layout import HEAD_SIZE

if TYPE_CHECKING:
    from ..restricted.checker import Function, Program


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


def _callers(found: set[str], known: Callable[[Function], bool]) -> frozenset[str]:
    """Functions that are called ``found``, and those that call such ones and are ``known`` to pass on what these do."""
    import ast
    functions = program().functions
    calls = {name: {n.func.id for n in ast.walk(f.node) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)} for name, f in functions.items()}
    while True:
        more = {n for n, f in functions.items() if n not in found and calls[n] & found and known(f)}
        if not more:
            return frozenset(found)
        found |= more


def _returns(f: Function) -> bool:
    return f.module.rsplit(".", 1)[-1] not in MAY_RETURN_EARLY


def _names(f: Function) -> set[str]:
    import ast
    return {n.id for n in ast.walk(f.node) if isinstance(n, ast.Name)}


@cache
def reaching_others() -> frozenset[str]:
    """Functions while which objects may move: those that call the host or an entry, or call such a function."""
    return _callers({name for name, f in program().functions.items() if _returns(f) and any(n.startswith("invoke") for n in _names(f))}, _returns)


@cache
def failing() -> frozenset[str]:
    """Functions that may return UNWIND: those that name it, call the host or an entry, or call such a function."""
    found = {name for name, f in program().functions.items() if _returns(f) and any(n == "UNWIND" or n.startswith("invoke") for n in _names(f))}
    return _callers(found | {"interpret"}, lambda f: _returns(f) and f.result == "word")


_installed: list[tuple[Instruction, ...]] = []


def instructions() -> tuple[Instruction, ...]:
    """All instructions, by number: as an image says, else derived from the definitions."""
    if not _installed:
        _installed.append(derived())
    return _installed[0]


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
    return [[r.number, r.name, r.function, [list(o) for o in r.operands], list(r.context), list(r.inputs), r.gives, r.kind, r.fails]
            for r in instructions()] + sequences


def names_of(rows: list[list[Any]]) -> tuple[list[str], dict[int, str]]:
    """Of a table: the names of the instructions in order, and the sequences by number.  ValueError for what is no table."""
    try:
        return [str(row[1]) for row in rows if len(row) > 2], {int(row[0]): str(row[1]) for row in rows if len(row) == 2}
    except (TypeError, IndexError, KeyError) as error:
        raise ValueError(f"no table of instructions ({error})") from error


def fits(old: list[list[Any]], new: list[list[Any]]) -> bool:
    """Does bytecode that was made with a table mean the same with another one, which may have more?"""
    (names, sequences), (more_names, more_sequences) = names_of(old), names_of(new)
    return bool(names) and more_names[:len(names)] == names and sequences.items() <= more_sequences.items()


def install(rows: list[list[Any]]) -> None:
    """Take the table of an image made by this version, so that starting need not read the definitions."""
    if not _installed:
        _installed.append(tuple(Instruction(n, name, f, tuple((a, b) for a, b in operands), tuple(context), tuple(inputs), gives, kind, fails, "")
                                for n, name, f, operands, context, inputs, gives, kind, fails in (row for row in rows if len(row) > 2)))


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
    if len(rows) + len(SEQUENCES) > 256:
        raise CodeError(f"{len(rows)} instructions and {len(SEQUENCES)} sequences; the opcode byte has room for 256")
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
        """The contents of the code object; its sequences are joined, where it is bytecode at all."""
        code = self.code
        with contextlib.suppress(CodeError):
            code = join(code, {row[2] for row in self.handlers})
        head = bytearray(HEAD_SIZE)
        head[0:4] = bytes([self.least, self.most, self.rest, self.fixed])
        for at, value in ((4, self.locals), (6, self.frame), (8, len(self.code)), (10, len(self.handlers))):
            head[at:at + 2] = value.to_bytes(2, "little")
        rows = b"".join(v.to_bytes(2, "little") for row in self.handlers for v in row)
        return bytes(head) + code + rows

    @classmethod
    def unpack(cls, data: bytes) -> Code:
        """Take apart the contents of a code object; lengths are checked, and sequences are instructions again."""
        if len(data) < HEAD_SIZE:
            raise CodeError(f"code object of {len(data)} bytes; at least {HEAD_SIZE} expected")
        u16 = [int.from_bytes(data[k:k + 2], "little") for k in range(4, 12, 2)]
        size, count = u16[2], u16[3]
        if HEAD_SIZE + size + 8 * count != len(data):
            raise CodeError(f"code object of {len(data)} bytes; its head says {size} of code and {count} handlers")
        rows = [int.from_bytes(data[k:k + 2], "little") for k in range(HEAD_SIZE + size, len(data), 2)]
        handlers = [(rows[k], rows[k + 1], rows[k + 2], rows[k + 3]) for k in range(0, len(rows), 4)]
        bytecode = data[HEAD_SIZE:HEAD_SIZE + size]
        with contextlib.suppress(CodeError):  # whoever decodes it gets the error
            bytecode = split(bytecode)
        code = cls(data[0], data[1], bool(data[2]), u16[0], u16[1], bytecode, handlers)
        if data[3] != code.fixed:
            raise CodeError(f"code object says {data[3]} fixed arguments; {code.fixed} expected")
        return code


def decode(code: bytes) -> list[Decoded]:
    """The instructions of a function in order, those of sequences one by one; a wrong opcode or a cut-off operand is an error."""
    known, out, at = steps(), [], 0
    expected: list[Instruction] = []
    while at < len(code):
        parts = known.get(code[at])
        if parts is None:
            raise CodeError(f"invalid opcode {code[at]} at {at}; opcodes are 0..{len(instructions()) - 1}, and those of sequences {min(joined())}..255")
        row = parts[0]
        if expected and (len(parts) > 1 or row is not expected[0]):
            raise CodeError(f"opcode {code[at]} at {at}; {expected[0].name} was expected, which the sequence before it has there")
        if at + row.size > len(code):
            raise CodeError(f"{row.name} at {at} needs {row.size} bytes; the code ends at {len(code)}")
        expected = expected[1:] if len(parts) == 1 else list(parts[1:])
        values, p = [], at + 1
        for _, kind in row.operands:
            size, signed, _ = OPERANDS[kind]
            values.append(int.from_bytes(code[p:p + size], "little", signed=signed))
            p += size
        item = Decoded(at, row, tuple(values), p + values[0] if row.kind == "branch" else None)
        out.append(item)
        at = item.end
    if expected:
        raise CodeError(f"the code ends at {at}; {expected[0].name} was expected there, which the sequence before has")
    return out


@cache
def _beginning() -> dict[int, list[tuple[int, bytes]]]:
    """Sequences by the opcode that they begin with: number, and the opcodes."""
    found: dict[int, list[tuple[int, bytes]]] = {}
    for number, parts in joined().items():
        found.setdefault(parts[0].number, []).append((number, bytes(row.number for row in parts)))
    return found


def join(code: bytes, labels: Collection[int] = ()) -> bytes:
    """Bytecode with its sequences joined, as few steps as there can be; ``labels`` are places that are reached otherwise than by its branches."""
    listing, beginning = decode(code), _beginning()
    opcodes = bytes(item.row.number for item in listing)
    stops = {*labels, *(item.target for item in listing)}
    cost, best, room = [0] * (len(listing) + 1), [0] * len(listing), 0
    for k in range(len(listing) - 1, -1, -1):
        cost[k], best[k], room = cost[k + 1] + 1, opcodes[k], room + 1
        for number, wanted in beginning.get(opcodes[k], ()):
            if len(wanted) <= room and cost[k + len(wanted)] + 1 < cost[k] and opcodes.startswith(wanted, k):
                cost[k], best[k] = cost[k + len(wanted)] + 1, number
        if listing[k].at in stops:
            room = 0
    out, k = bytearray(code), 0
    while k < len(listing):
        out[listing[k].at] = best[k]
        k += len(steps()[best[k]])
    return bytes(out)


def split(code: bytes) -> bytes:
    """Bytecode without sequences."""
    out = bytearray(code)
    for item in decode(code):
        out[item.at] = item.row.number
    return bytes(out)


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
