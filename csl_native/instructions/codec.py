"""Bytecode: encoder, code objects, decoder, sequences, verifier, disassembler."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence
from functools import cache, lru_cache
from struct import Struct

from ..heap.words import OTHER
from ..system.records import Record
from .layout import CODE_COMPILED, CODE_LONG, HEAD_SIZE
from .table import LOCALS, OPERANDS, CodeError, Instruction, by_name, instructions, joined, steps

COMPILED, LONG = CODE_COMPILED + OTHER - 8, CODE_LONG + OTHER - 8  # in the contents of a code object
MOST_BYTES = (1 << 24) - 1  # of bytecode


@lru_cache(maxsize=1 << 14)
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


class Decoded(Record):
    """One instruction of a function: place, row, operand values, and the target of a branch."""

    at: int
    row: Instruction
    operands: tuple[int, ...]
    target: int | None = None

    @property
    def end(self) -> int:
        return self.at + self.row.size


class Code(Record):
    """A code object, taken apart."""

    least: int
    most: int
    rest: bool
    locals: int
    frame: int
    code: bytes
    handlers: Sequence[tuple[int, int, int, int]] = ()
    compiled: bool = False

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
        for at, value in ((4, self.locals), (6, self.frame), (8, len(self.code) & 65535), (10, len(self.handlers))):
            head[at:at + 2] = value.to_bytes(2, "little")
        head[COMPILED], head[LONG] = self.compiled, len(self.code) >> 16
        rows = b"".join(v.to_bytes(4 if head[LONG] else 2, "little") for row in self.handlers for v in row)
        return bytes(head) + code + rows

    @classmethod
    def unpack(cls, data: bytes, sequences: bool = False) -> Code:
        """Take apart the contents of a code object; lengths are checked, and sequences are instructions again unless
        they are wanted.
        """
        if len(data) < HEAD_SIZE:
            raise CodeError(f"code object of {len(data)} bytes; at least {HEAD_SIZE} expected")
        u16 = [int.from_bytes(data[k:k + 2], "little") for k in (4, 6)]
        size, count, width = sizes_in(data)
        if HEAD_SIZE + size + 4 * width * count != len(data):
            raise CodeError(f"code object of {len(data)} bytes; its head says {size} of code and {count} handlers")
        rows = [int.from_bytes(data[k:k + width], "little") for k in range(HEAD_SIZE + size, len(data), width)]
        handlers = [(rows[k], rows[k + 1], rows[k + 2], rows[k + 3]) for k in range(0, len(rows), 4)]
        bytecode = data[HEAD_SIZE:HEAD_SIZE + size]
        if not sequences:
            with contextlib.suppress(CodeError):  # whoever decodes it gets the error
                bytecode = split(bytecode)
        code = cls(data[0], data[1], bool(data[2]), u16[0], u16[1], bytecode, handlers, bool(data[COMPILED]))
        if data[3] != code.fixed:
            raise CodeError(f"code object says {data[3]} fixed arguments; {code.fixed} expected")
        return code


def sizes_in(data: bytes) -> tuple[int, int, int]:
    """What the head of a code object says: bytes of bytecode, handlers, and bytes of each of their four numbers."""
    size, count = (int.from_bytes(data[k:k + 2], "little") for k in (8, 10))
    return size | data[LONG] << 16, count, 4 if data[LONG] else 2


def trimmed(data: bytes) -> bytes:
    """The contents of a code object without what a vector of ``make-bps`` has behind them: up to three bytes."""
    if len(data) < HEAD_SIZE:
        return data
    size, count, width = sizes_in(data)
    end = HEAD_SIZE + size + 4 * width * count
    return data[:end] if 0 < len(data) - end < 4 else data


class Reading(Record):
    """What an opcode, or that of a sequence, begins, as ``decode`` asks for it."""

    row: Instruction
    after: tuple[Instruction, ...]  # what the sequence goes on with
    size: int
    operands: Struct
    branch: bool


@cache
def _readings() -> dict[int, Reading]:
    letters = {(1, False): "B", (1, True): "b", (2, False): "H", (2, True): "h", (4, True): "i"}
    found = {}
    for number, (row, *after) in steps().items():
        operands = Struct("<" + "".join(letters[OPERANDS[kind][:2]] for _, kind in row.operands))
        found[number] = Reading(row, tuple(after), row.size, operands, row.kind == "branch")
    return found


def decode(code: bytes) -> list[Decoded]:
    """The instructions of a function in order, those of sequences one by one; a wrong opcode or a cut-off operand is an
    error.
    """
    known, out, at = _readings(), [], 0
    expected: tuple[Instruction, ...] = ()
    while at < len(code):
        found = known.get(code[at])
        if found is None:
            raise CodeError(f"invalid opcode {code[at]} at {at}; opcodes are 0..{len(instructions()) - 1}, "
                            f"and those of sequences {min(joined())}..255")
        row, after, size, operands, branch = found
        if expected and (after or row is not expected[0]):
            raise CodeError(f"opcode {code[at]} at {at}; {expected[0].name} was expected, "
                            "which the sequence before it has there")
        end = at + size
        if end > len(code):
            raise CodeError(f"{row.name} at {at} needs {size} bytes; the code ends at {len(code)}")
        expected = after or expected[1:]
        values = operands.unpack_from(code, at + 1)
        out.append(Decoded(at, row, values, end + values[0] if branch else None))
        at = end
    if expected:
        raise CodeError(f"the code ends at {at}; {expected[0].name} was expected there, which the sequence before has")
    return out


@cache
def _sizes() -> dict[int, int]:
    """Bytes of the instruction that an opcode, or that of a sequence, begins."""
    return {number: parts[0].size for number, parts in steps().items()}


def check_opcodes(code: bytes) -> None:
    """CodeError, as by ``decode``, for a wrong opcode or a cut-off operand; takes far less time."""
    sizes, at = _sizes(), 0
    while at < len(code):
        size = sizes.get(code[at], 0)
        if size == 0 or at + size > len(code):
            decode(code)
        at += size


class Joining(Record):
    """What ``join`` asks of each opcode."""

    sizes: dict[int, int]  # of single instructions
    distances: dict[int, int]  # bytes of the distance that a branch begins with
    lengths: dict[int, tuple[int, ...]]  # of the sequences that begin with it
    numbers: dict[bytes, int]  # of sequences


@cache
def _joining() -> Joining:
    rows, lengths, numbers = instructions(), dict[int, set[int]](), dict[bytes, int]()
    for number, parts in joined().items():
        lengths.setdefault(parts[0].number, set()).add(len(parts))
        numbers[bytes(row.number for row in parts)] = number
    return Joining({row.number: row.size for row in rows},
                   {row.number: OPERANDS[row.operands[0][1]].size for row in rows if row.kind == "branch"},
                   {number: tuple(found) for number, found in lengths.items()}, numbers)


def join(code: bytes, labels: Collection[int] = ()) -> bytes:
    """Bytecode with its sequences joined, as few steps as there can be; ``labels`` are places that are reached
    otherwise than by its branches.

    Of sequences that lead to as few steps the first one in ``SEQUENCES`` is taken.
    """
    sizes, distances, lengths, numbers = _joining()
    places, stops, at = list[int](), set(labels), 0
    while at < len(code):
        op = code[at]
        size = sizes.get(op)
        if size is None or at + size > len(code):
            return join(split(code), labels)  # it has sequences already, or is none: split says so
        places.append(at)
        if op in distances:
            stops.add(at + size + int.from_bytes(code[at + 1:at + 1 + distances[op]], "little", signed=True))
        at += size
    opcodes, count = bytes([code[at] for at in places]), len(places)
    cost, room, out, taken = [0] * (count + 1), 0, bytearray(code), bytearray(b"\1" * count)
    for k in range(count - 1, -1, -1):
        op, least, room = opcodes[k], cost[k + 1] + 1, room + 1
        if op in lengths:
            best = 0
            for length in lengths[op]:
                if length <= room and (steps := cost[k + length] + 1) <= least:
                    number = numbers.get(opcodes[k:k + length], 0)
                    if number and (steps < least or number > best > 0):
                        best, least, taken[k] = number, steps, length
            if best:
                out[places[k]] = best
        cost[k] = least
        if places[k] in stops:
            room = 0
    k = 0
    while k < count:  # what stands inside of a sequence keeps its opcode
        for inside in range(k + 1, k + taken[k]):
            out[places[inside]] = opcodes[inside]
        k += taken[k]
    return bytes(out)


@cache
def _parts() -> dict[int, tuple[int, bytes]]:
    """Bytes of the instruction that an opcode, or that of a sequence, begins, and the opcodes of which it consists."""
    return {number: (parts[0].size, bytes(row.number for row in parts)) for number, parts in steps().items()}


def split(code: bytes) -> bytes:
    """Bytecode without sequences; CodeError, as by ``decode``, for what is none."""
    known, out, at, expected = _parts(), bytearray(code), 0, b""
    while at < len(code):
        size, numbers = known.get(code[at], (0, b""))
        if size == 0 or at + size > len(code) or (expected and numbers != expected[:1]):
            decode(code)
        out[at] = numbers[0]
        expected = numbers[1:] or expected[1:]
        at += size
    if expected:
        decode(code)
    return bytes(out)


def verify(code: Code, literals: int) -> dict[int, int]:
    """Prove jump targets, stack depths, local numbers and literal numbers; gives the depth before each instruction.

    ``literals`` is the length of the literal vector.  Raises CodeError with the place and what was expected.
    """
    return verify_listing(code, {item.at: item for item in decode(code.code)}, literals)


@cache
def _numbers() -> dict[int, tuple[tuple[int, bool], ...]]:
    """Of each instruction the operands that are numbers of locals (True), and those that are numbers of literals."""
    return {row.number: tuple((k, operand in LOCALS or "fp" in row.context)
                              for k, (label, operand) in enumerate(row.operands)
                              if operand in LOCALS or label == "n" and ("fp" in row.context or "env" in row.context))
            for row in instructions()}


def verify_listing(code: Code, at: dict[int, Decoded], literals: int) -> dict[int, int]:
    """``verify`` of instructions by their places."""
    numbers = _numbers()
    room = code.frame - code.locals
    if code.least > code.most or code.most + code.rest > code.locals or room < 0:
        raise CodeError(f"{code.least}..{code.most} arguments, {code.locals} locals and a frame of {code.frame} words "
                        "do not fit together")
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
            raise CodeError(f"{row.name} at {place} with {depth} words on a stack of {room}: takes {row.takes}, gives "
                            f"{row.gives}")
        for k, local in numbers[row.number]:
            value = item.operands[k]
            if local and value >= code.locals:
                raise CodeError(f"{row.name} at {place} uses local {value}; there are {code.locals}")
            if not local and not 1 <= value < literals:
                raise CodeError(f"{row.name} at {place} uses literal {value}; there are 1..{literals - 1}")
        if row.kind == "branch":
            assert item.target is not None
            work.append((item.target, after, f"{row.name} at {place}"))
        if row.kind in ("value", "branch") and not row.always:
            work.append((item.end, after, f"{row.name} at {place}"))
    return depths


def disassemble(code: Code, literal: object = None) -> list[str]:
    """A listing, one line an instruction; ``literal`` maps a literal number to text."""
    lines = ([f"; {code.least}..{code.most}{'+' if code.rest else ''} arguments, {code.locals} locals, {code.frame} "
              "words of frame"])
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
