"""The text of the assembler: lines to functions of instructions, with the place of everything in the text.

An instruction is a name and operands with commas between them: registers (0 is the number of arguments, -1 the first
argument, 1 the first local; ``a1`` and ``r1`` say the same), numbers, strings in either kind of quotes, and names.
``#`` begins a comment.
"""

from __future__ import annotations

import re
from difflib import get_close_matches

from csl_native.system.exceptions import Error

from ..system.records import Record

TOKEN = re.compile(
    r"""[ \t]*(?:(?P<comment>\#.*)|(?P<string>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<hex>[-+]?0[xX][0-9a-fA-F]+)
    |(?P<number>[-+]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?)
     |(?P<word>[A-Za-z_][\w!*?+<>=-]*)|(?P<mark>[,:])|(?P<end>$))""", re.X)
ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "0": "\0"}

# Name → operands: d a register that is set, s one that is read, v a number, t a string, l a label, f a function, c a
# number of arguments (may be left out).
OPERATIONS = {
    "const": "dv", "string": "dt", "add": "dss", "sub": "dss", "mul": "dss", "div": "dss", "mod": "dss",
    "less": "dss", "lesseq": "dss", "greater": "dss", "greatereq": "dss", "equal": "dss", "notequal": "dss",
    "jmp": "l", "jmpt": "sl", "jmpf": "sl", "call": "fc", "ret": "s", "halt": "", "push": "v", "pushr": "s", "pop": "",
    "popr": "d", "dup": "", "print": "s", "read": "d"}
ALIASES = {"leq": "lesseq", "geq": "greatereq", "neq": "notequal", "jump": "jmp", "jumpt": "jmpt", "jumpf": "jmpf",
           "pushfrom": "pushr", "popto": "popr"}
MOST_REGISTERS = 200


class AsmError(Error, ValueError):
    """Text that cannot be assembled; the message begins with line and column."""

    def __init__(self, line: int, column: int, what: str) -> None:
        super().__init__(f"line {line}, column {column}: {what}")
        self.line, self.column = line, column


class Operand(Record):
    """``value``: register number, number or text."""

    kind: str
    value: int | float | str
    line: int
    column: int


class Line(Record):
    """An instruction, or a label (``name`` is ``label``)."""

    name: str
    operands: tuple[Operand, ...]
    line: int
    column: int


class Function:
    """A function: as many arguments as the most negative register that it uses says, or as its head says; ``numbers``:
    "int", of 64-bit integers only, "float", of floats only, or "".
    """

    def __init__(self, name: str, line: int, column: int, arguments: int | None = None, numbers: str = "") -> None:
        self.name, self.line, self.column, self.given, self.numbers = name, line, column, arguments, numbers
        self.lines: list[Line] = []

    @property
    def registers(self) -> list[Operand]:
        return [o for line in self.lines for o in line.operands if o.kind in "ds"]

    @property
    def arguments(self) -> int:
        used = max((-int(o.value) for o in self.registers), default=0)
        return max(used, 0) if self.given is None else self.given

    @property
    def locals(self) -> int:
        return max((int(o.value) for o in self.registers if int(o.value) > 0), default=0)


def tokens(text: str, number: int) -> list[tuple[str, str, int]]:
    """The tokens of a line: kind, text, column."""
    found: list[tuple[str, str, int]] = []
    at = 0
    while True:
        match = TOKEN.match(text, at)
        kind = match.lastgroup if match else None
        if match is None or kind is None:
            at += len(text[at:]) - len(text[at:].lstrip())
            raise AsmError(number, at + 1, f"{text[at:at + 20]!r} is no number, name or string")
        if kind in ("end", "comment"):
            return found
        found.append((kind, match[kind], match.start(kind) + 1))
        at = match.end()


def unquoted(text: str) -> str:
    return re.sub(r"\\(.)", lambda m: ESCAPES.get(m[1], m[1]), text[1:-1])


def operand(kind: str, token: tuple[str, str, int], number: int, name: str) -> Operand:
    what, text, column = token
    if kind in "ds":
        word = re.fullmatch(r"([ra])(\d+)", text) if what == "word" else None
        if word is None and (what != "number" or not re.fullmatch(r"[-+]?\d+", text)):
            raise AsmError(number, column, f"{name}: {text} is no register; a number like 1, -1, r1 or a1 was expected")
        value = (-int(word[2]) if word[1] == "a" else int(word[2])) if word else int(text)
        if not -MOST_REGISTERS <= value <= MOST_REGISTERS or kind == "d" and value == 0:
            raise AsmError(number, column, f"{name}: register {value}; "
                           + ("0 is the number of arguments and cannot be set" if value == 0 else
                                                                          f"-{MOST_REGISTERS}..{MOST_REGISTERS} "
                                                                          "expected"))
        return Operand(kind, value, number, column)
    if kind in "vc":
        if what not in ("number", "hex") or kind == "c" and not text.isdigit():
            raise AsmError(number, column, f"{name}: {text} is no number{' of arguments' if kind == 'c' else ''}")
        return Operand(kind, int(text, 16) if what == "hex" else float(text) if re.search(r"[.eE]", text)
                       else int(text), number, column)
    if kind == "t":
        if what != "string":
            raise AsmError(number, column, f"{name}: {text} is no string in quotes")
        return Operand(kind, unquoted(text), number, column)
    if what not in ("word", "number") or what == "number" and kind != "l":
        raise AsmError(number, column, f"{name}: {text} is no name")
    return Operand(kind, text, number, column)


def parse(text: str) -> list[Function]:
    """The functions of a text; instructions before the first ``func`` are the function ``main``."""
    functions: list[Function] = []
    for number, line in enumerate(text.split("\n"), 1):
        found = tokens(line, number)
        if len(found) >= 2 and found[1][1] == ":" and found[0][0] in ("word", "number"):  # NAME: or 12:
            _add(functions, Line("label", (Operand("l", found[0][1], number, found[0][2]),), number, found[0][2]))
            found = found[2:]
        if not found:
            continue
        kind, name, column = found[0]
        rest = found[1:]
        if name == "func":
            more = [token[1] for token in rest[1:]]
            numbers = more[-1] if more[-1:] in (["int"], ["float"]) else ""
            given = more[:-1] if numbers else more
            if not rest or rest[0][0] != "word" or len(given) > 1 or given and not given[0].isdigit():
                raise AsmError(number, column, "func: a name was expected, and perhaps the number of arguments, "
                                              "and int or float")
            if any(f.name == rest[0][1] for f in functions):
                raise AsmError(number, rest[0][2], f"func {rest[0][1]} is there already")
            functions.append(Function(rest[0][1], number, column, int(given[0]) if given else None, numbers))
        elif name == "label":
            if len(rest) != 1 or rest[0][0] not in ("word", "number"):
                raise AsmError(number, column, "label: one name was expected")
            _add(functions, Line("label", (Operand("l", rest[0][1], number, rest[0][2]),), number, column))
        else:
            _add(functions, instruction(name, column, rest, number))
    return functions


def instruction(name: str, column: int, rest: list[tuple[str, str, int]], number: int) -> Line:
    name = ALIASES.get(name, name)
    if name not in OPERATIONS:
        near = get_close_matches(name, [*OPERATIONS, *ALIASES], 1)
        raise AsmError(number, column, f"there is no operation {name}"
                       + (f"; {near[0]} is one" if near else f"; there are {', '.join(OPERATIONS)}"))
    kinds, given = OPERATIONS[name], rest[::2]
    if any(token[1] != "," for token in rest[1::2]) or len(rest) and len(rest) % 2 == 0:
        wrong = next((token for token in rest[1::2] if token[1] != ","), rest[-1] if rest else ("", "", column))
        raise AsmError(number, wrong[2], f"{name}: a comma was expected between operands")
    if len(given) != len(kinds) and not (kinds.endswith("c") and len(given) == len(kinds) - 1):
        raise AsmError(number, column, f"{name} has {len(kinds)} operands; {len(given)} given")
    return Line(name, tuple(operand(kind, token, number, name) for kind, token in zip(kinds, given, strict=False)),
                number, column)


def _add(functions: list[Function], line: Line) -> None:
    if not functions:
        functions.append(Function("main", line.line, line.column))
    functions[-1].lines.append(line)
