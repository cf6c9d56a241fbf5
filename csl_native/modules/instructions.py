"""The instructions of typed modules and their encoding: an opcode, then numbers of seven bits a byte.

What the first ones mean is defined once, with all instructions of the machine (``csl_native/instructions/typed.py``,
``var_NAME``); the rule of how many bytes an operand must have comes from there.  Numbers 0 to 28 are those of the
original virtual machine (github.com/ababo/vmproto, doc/vm.txt); the ones behind them allocate variables and use
references to procedures, which it did not have yet.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise

from ..instructions.table import ACCESS, by_name
from ..system.records import Record
from .errors import RangeException

# Name and operands: r a register, o an offset in instructions, i an immediate number, n another number, p a procedure.
ROWS = (
    ("ILL", "", "never valid"), ("INC", "r", "add 1"), ("DEC", "r", "subtract 1"), ("ADD", "rrr", "a + b to c"),
    ("SUB", "rrr", "a - b to c"),
    ("MUL", "rrr", "a * b to c"), ("JNZ", "ro", "jump when not 0"), ("JG", "rro", "jump when a > b"),
    ("JNG", "rro", "jump when a <= b"),
    ("JE", "rro", "jump when a = b"), ("CPI1", "ir", "copy a number to 1 byte"), ("CPI2", "ir", "to 2 bytes"),
    ("CPI4", "ir", "to 4 bytes"),
    ("CPI8", "ir", "to 8 bytes"), ("PUSH", "r", "a frame with a new variable"),
    ("PUSHR", "r", "a frame with a reference, which is null"),
    ("PUSHH", "o", "a frame whose exceptions lead elsewhere"), ("POP", "", "leave the last frame"),
    ("JMP", "o", "jump"),
    ("CPB", "rr", "copy bytes of a to b"), ("LDE", "rrr", "element number b of a to c"),
    ("LDB", "rnr", "bytes of a from an offset on to b"),
    ("LDR", "rnr", "reference number n of a to b"), ("STE", "rrr", "a to element number c of b"),
    ("STB", "rrn", "a to bytes of b from an offset on"),
    ("STR", "rrn", "a to reference number n of b"),
    ("CALL", "p", "call a procedure with the variable of the last frame"),
    ("THROW", "", "raise the exception in ED"), ("RET", "", "leave the procedure"),
    ("NEW", "r", "allocate a variable for a reference"),
    ("NEWN", "rr", "allocate one of a elements for the reference b"),
    ("LEN", "rr", "the number of elements of a to b"),
    ("CPP", "prn", "a procedure to procedure reference number n of a"),
    ("CALLR", "rn", "call procedure reference number n of a with the variable of the last frame"))
NUMBER = {name: number for number, (name, _, _) in enumerate(ROWS)}
SHAPES = tuple(shape for _, shape, _ in ROWS)
LEAVES = frozenset(NUMBER[name] for name in ("JMP", "THROW", "RET"))  # control does not get behind them


class Instruction(Record):
    """A number of ``ROWS`` and its operands, in their order."""

    number: int
    operands: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        return ROWS[self.number][0]

    def __str__(self) -> str:
        return f"{self.name} {', '.join(map(str, self.operands))}".strip()


def instruction(name: str, *operands: int) -> Instruction:
    """An instruction by name; RangeException for a wrong number of operands."""
    if name not in NUMBER or name == "ILL":
        raise RangeException(f"there is no instruction {name}; there are {', '.join(list(NUMBER)[1:])}")
    number = NUMBER[name]
    if len(operands) != len(SHAPES[number]):
        raise RangeException(f"{name} has {len(SHAPES[number])} operands; {len(operands)} given")
    return Instruction(number, operands)


OTHER_NEEDS = {NUMBER[name]: row for name, row in {"CPB": (1, 1), "LDE": (0, 8, 0), "STE": (0, 0, 8), "LDB": (1, 1),
                                                   "STB": (1, 1), "NEWN": (8, 0), "LEN": (0, 8)}.items()}


@cache
def needs() -> dict[int, tuple[int, ...]]:
    """How many bytes each operand that is a register must have; of most instructions their definition says it,
    ``var_NAME``.
    """
    return OTHER_NEEDS | {number: tuple(ACCESS[kind][1] // 8
                                        for _, kind in by_name()[f"var_{name.lower()}"].operands if kind in ACCESS)
            for number, (name, _, _) in enumerate(ROWS) if f"var_{name.lower()}" in by_name() and name != "THROW"}


def put_number(value: int, signed: bool) -> bytes:
    """Seven bits a byte, the lowest first, each but the last with its high bit set; a ninth byte has eight bits."""
    out = bytearray()
    while len(out) < 8:
        rest = value >> 7
        if (-64 <= value < 64) if signed else rest == 0:
            return bytes((*out, value & 127))
        out.append(value & 127 | 128)
        value = rest
    if not (-128 <= value < 128 if signed else 0 <= value < 256):
        raise RangeException("a number of more than 64 bits")
    return bytes((*out, value & 255))


def get_number(data: bytes, at: int, signed: bool) -> tuple[int, int]:
    """A number and the place behind it; RangeException when the bytes end in it."""
    value, shift = 0, 0
    while True:
        if at >= len(data):
            raise RangeException(f"the code ends in a number at {at}")
        byte = data[at]
        at += 1
        if shift == 56:
            value |= byte << 56
            return (value - (1 << 64) if signed and byte & 128 else value), at
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return (value - (1 << shift) if signed and byte & 64 else value), at


def encode(code: list[Instruction]) -> bytes:
    """The bytes of instructions; a constant above 2**63 is written as the negative one with the same eight bytes."""
    out = bytearray()
    for number, operands in code:
        out.append(number)
        for kind, value in zip(SHAPES[number], operands, strict=True):
            out += put_number(value - (1 << 64) if kind == "i" and value >= 1 << 63 else value, kind in "oi")
    return bytes(out)


def _pattern() -> re.Pattern[bytes]:
    """One instruction of any number of operands; what is none matches as nothing."""
    number = rb"(?:[\x80-\xff]{0,7}[\x00-\x7f]|[\x80-\xff]{8}[\x00-\xff])"
    return re.compile(b"|".join(b"[" + b"".join(re.escape(bytes((n,))) for n, shape in enumerate(SHAPES)
                                                if n and len(shape) == count) + b"]" + number * count
                                for count in range(4)), re.DOTALL)


PATTERN = _pattern()


class Decoded(dict[bytes, Instruction]):
    """Instructions by their bytes; what several procedures have is decoded once."""

    def __missing__(self, text: bytes) -> Instruction:
        place, values = 1, []
        for kind in SHAPES[text[0]]:
            value, place = get_number(text, place, kind in "oi")
            values.append(value)
        found = self[text] = Instruction(text[0], tuple(values))
        return found


def decode(data: bytes, known: Decoded | None = None) -> list[Instruction]:
    """The instructions of a procedure; RangeException for what is none."""
    known = Decoded() if known is None else known
    texts = PATTERN.findall(data)
    if len(b"".join(texts)) != len(data):
        at = next((match.end() for match, after in pairwise(PATTERN.finditer(data)) if after.start() != match.end()),
                  None)
        at = (texts and data.startswith(texts[0]) and sum(map(len, texts)) or 0) if at is None else at
        raise RangeException(f"no instruction at {at}: {data[at:at + 4].hex(' ')}; opcodes are 1..{len(ROWS) - 1}, "
                             "with all their operands behind them")
    return [known[text] for text in texts]
