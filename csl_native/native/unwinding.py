"""How a debugger gets from a frame of native code to its caller's: told from the instructions, and written as
.eh_frame.

Compiled code needs no tables of its own, because nothing is thrown through it, and images hold none.  What they would
say stands in the code: where the stack pointer moves and registers are saved.  So code of any image, of any tier and
made by hand, can be told of.
https://refspecs.linuxfoundation.org/LSB_5.0.0/LSB-Core-generic/LSB-Core-generic/ehframechpt.html; DWARF 4, section 6.4.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..architectures import Architecture
from ..architectures.reading import Reading
from ..system.records import Record
from .elffile import Format

PC_RELATIVE_4, ABSOLUTE = 0x1B, 0x00  # how addresses are encoded


class State(Record):
    """By register, how far above its content the frame begins (the stack pointer's, when it is known, counts); and
    where registers are saved, from the frame's beginning."""

    above: tuple[tuple[str, int], ...]
    saved: tuple[tuple[str, int], ...]
    alias: str = ""  # a register that the return address is in as well, on its way to memory

    def frame(self, stack: str) -> tuple[str, int] | None:
        """The register that the frame's beginning is told by."""
        known = dict(self.above)
        name = stack if stack in known else next(iter(known), None)
        return None if name is None else (name, known[name])


class Row(Record):
    """From an address on a frame begins so far above a register, and registers are saved so far from there."""

    address: int
    register: str
    offset: int
    saved: tuple[tuple[str, int], ...]


class Function(Record):
    address: int
    size: int
    rows: list[Row]


def after(reading: Reading, word: int, state: State, text: str) -> State:
    """The state of a frame after an instruction."""
    above, saved, alias, stack = dict(state.above), dict(state.saved), state.alias, reading.stack
    for kind, name, n in reading.steps_of(text, word):
        base = above.get(stack)
        if kind == "alias":
            alias = name
        elif kind == "unalias":
            saved.pop(reading.returns, None)
        elif kind == "begun":
            above[stack] = reading.offset
        elif kind == "set":
            if name in above:
                above[stack] = above[name] - n
        elif kind == "lost":
            if len(above) > 1:
                above.pop(stack, None)
        elif base is None:
            continue
        elif kind == "move":
            above[stack] = base - n
        elif kind == "copy":
            above[name] = base - n
        elif kind == "save":
            name = reading.returns if name == alias else name
            if name in reading.registers and name not in saved and (n - base) % word == 0:
                saved[name] = n - base
        elif kind == "restore" and saved.get(name) == n - base:
            del saved[name]
            if name != stack:
                above.pop(name, None)
    return State(tuple(above.items()), tuple(saved.items()), alias)


def flow(reading: Reading, word: int, code: list[tuple[int, int, str, str]]) -> list[State]:
    """The state before each instruction (address, size, mnemonic, operands), along all ways through the code."""
    index = {address: k for k, (address, _, _, _) in enumerate(code)}
    begin = State(
        ((reading.stack, reading.offset),),
        ((reading.returns, -reading.offset),) if reading.offset and reading.returns == "return" else (),
    )
    states: list[State | None] = [None] * len(code)
    # that of the last jump to a place which is not told: places that nobody else leads to are in a table of it
    indirect = begin
    for start in range(len(code)):
        if states[start] is not None:
            continue
        todo = [(start, begin if start == 0 else indirect)]
        while todo:
            at, state = todo.pop()
            while at < len(code) and states[at] is None:
                states[at] = state
                address, _, mnemonic, operands = code[at]
                text = f"{mnemonic} {operands}".rstrip()
                ends = not reading.goes_on(text)
                target = reading.target(mnemonic, operands, address) if reading.is_jump(mnemonic) else None
                if (
                    at + 1 < len(code)
                    and code[at + 1][2] == "pop"
                    and not ends
                    and reading.target(mnemonic, operands, address) == code[at + 1][0]
                ):
                    text = f"push {reading.returns}"  # a call of what follows it, which takes the address
                state = after(reading, word, state, text)
                for _ in range(reading.delay if ends or target is not None else 0):
                    at += 1
                    if at < len(code):
                        states[at] = states[at] or state
                        state = after(reading, word, state, f"{code[at][2]} {code[at][3]}".rstrip())
                if target in index:
                    todo.append((index[target], state))
                elif ends and target is None and state != begin:
                    indirect = state
                if ends:
                    break
                at += 1
    return [state or begin for state in states]


def instructions(architecture: Architecture, data: bytes, address: int) -> list[tuple[int, int, str, str]]:
    import capstone

    engine = architecture.disassembler(capstone)
    engine.skipdata = True
    return list(engine.disasm_lite(data, address))


def function(architecture: Architecture, data: bytes, address: int) -> Function:
    """The rows of one function's code, which will be at an address."""
    reading: Any = architecture.reading
    code, rows = instructions(architecture, data, address), list[Row]()
    for (at, _, _, _), state in zip(code, flow(reading, architecture.word, code), strict=True):
        found = state.frame(reading.stack)
        if found is not None and found[1] >= 0 and (not rows or rows[-1][1:] != (*found, state.saved)):
            rows.append(Row(at, *found, state.saved))
    return Function(address, len(data), rows)


def can_tell(architecture: Architecture) -> bool:
    """Is there a disassembler for this machine here?"""
    try:
        import capstone  # noqa: F401
    except ImportError:
        return False
    return architecture.reading is not None and bool(architecture.capstone[0])


def uleb(n: int) -> bytes:
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes([*out, n])


def sleb(n: int) -> bytes:
    out = bytearray()
    while not -64 <= n < 64:
        out.append(n & 127 | 128)
        n >>= 7
    return bytes([*out, n & 127])


def program(reading: Reading, word: int, found: Function, form: Format) -> bytes:
    """The rows of a function as instructions of DWARF's, from those that a function begins with."""
    out, numbers = bytearray(), reading.registers
    at, register, offset, saved = found.address, reading.stack, reading.offset, dict[str, int]()
    if reading.returns == "return":
        saved = {reading.returns: -reading.offset}
    for row in found.rows:
        step = row.address - at
        if step:
            out += (
                bytes([0x40 | step])
                if step < 64
                else b"\x02" + form.pack("B", step)
                if step < 256
                else b"\x03" + form.pack("H", step)
                if step < 65536
                else b"\x04" + form.pack("I", step)
            )
        at = row.address
        if row.register != register:
            out += b"\x0c" + uleb(numbers[row.register]) + uleb(row.offset)
        elif row.offset != offset:
            out += b"\x0e" + uleb(row.offset)
        register, offset, now = row.register, row.offset, dict(row.saved)
        for name in [name for name in saved if name not in now]:
            out += bytes([0xC0 | numbers[name]]) if numbers[name] < 64 else b"\x06" + uleb(numbers[name])
        for name, place in now.items():
            if saved.get(name) != place:
                factored = place // -word
                out += (
                    b"\x11" + uleb(numbers[name]) + sleb(factored)
                    if factored < 0
                    else bytes([0x80 | numbers[name]]) + uleb(factored)
                    if numbers[name] < 64
                    else b"\x05" + uleb(numbers[name]) + uleb(factored)
                )
        saved = now
    return bytes(out)


def eh_frame(architecture: Architecture, functions: Iterable[Function], form: Format, address: int | None) -> bytes:
    """A section for some functions; ``address`` is its own, and theirs count from there; None: they are absolute."""
    reading: Any = architecture.reading
    word, numbers = architecture.word, reading.registers
    encoding = ABSOLUTE if address is None else PC_RELATIVE_4

    def entry(body: bytes) -> bytes:
        body += bytes(-(len(body) + 4) % word)
        return form.pack("I", len(body)) + body

    rules = b"\x0c" + uleb(numbers[reading.stack]) + uleb(reading.offset)
    if reading.returns == "return":
        rules += bytes([0x80 | numbers["return"]]) + uleb(reading.offset // word)
    out = bytearray(
        entry(
            form.pack("I", 0)
            + b"\x01zR\0"
            + uleb(1)
            + sleb(-word)
            + uleb(numbers[reading.returns])
            + uleb(1)
            + bytes([encoding])
            + rules
        )
    )
    for found in functions:
        at = len(out) + 8
        place = (
            form.pack("WW", found.address, found.size)
            if address is None
            else form.pack("iI", found.address - address - at, found.size)
        )
        out += entry(form.pack("I", len(out) + 4) + place + uleb(0) + program(reading, word, found, form))
    return bytes(out) + form.pack("I", 0)
