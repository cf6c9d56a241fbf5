"""How control and frames are read from a disassembler's text: what each architecture says of it in its record, in rows
of patterns.

A step is what an instruction does to a frame: ``move`` changes the stack pointer by a number; ``save`` and ``restore``
are of a register, in memory so far from it; ``copy`` puts it, plus a number, into a register; ``set`` makes it a
register plus a number; ``alias`` puts the return address into a register, and ``unalias`` back; ``begun`` makes the
stack pointer what it was at the function's beginning; ``lost``: nobody can tell by how much it changes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

from ..system.records import Record

Step = tuple[str, str, int]
Steps = Callable[["re.Match[str]", int], list[Step]]  # from what a pattern found, and the bytes of a word


NUMBER = r"(?:[+-] ?)?(?:0x[0-9a-f]+|\d*)"


class Reading(Record):
    """``jumps`` and ``calls`` are instructions with a place in them (their last number, counted from the instruction
    when ``relative``); behind those of ``ends`` nothing goes on, after ``delay`` more instructions.  ``numbers`` are
    DWARF's of the stack pointer, of the return address and of the registers that a callee saves; ``offset`` is how far
    above the stack pointer a frame begins where a function does."""

    jumps: str
    calls: str
    ends: str
    stack: str
    numbers: tuple[tuple[str, int], ...]
    returns: (
        str  # the register with the return address; where there is none, a name for what the call put onto the stack
    )
    steps: tuple[tuple[str, Steps], ...]
    offset: int = 0
    relative: bool = False
    delay: int = 0

    @property
    def registers(self) -> dict[str, int]:
        return dict(self.numbers)

    def steps_of(self, text: str, word: int) -> list[Step]:
        """What an instruction does to its function's frame."""
        for pattern, steps in self.steps if re.match(_any(self.steps), text) else ():
            found = re.fullmatch(pattern, text)
            if found is not None and re.fullmatch(NUMBER, found.groupdict().get("n") or ""):  # or a register
                return steps(found, word)
        return []

    def target(self, mnemonic: str, operands: str, address: int) -> int | None:
        """Where an instruction jumps to or calls, if it says so."""
        if not re.fullmatch(f"{self.jumps}|{self.calls}", mnemonic):
            return None
        found = re.search(r"(?:^|[ ,#])(-?(?:0x[0-9a-f]+|\d+))$", operands)
        return None if found is None else int(found[1], 0) + (address if self.relative else 0)

    def is_jump(self, mnemonic: str) -> bool:
        return re.fullmatch(self.jumps, mnemonic) is not None

    def goes_on(self, text: str) -> bool:
        """May the next instruction be run after this one?"""
        return re.fullmatch(self.ends, text) is None


@cache
def _any(steps: tuple[tuple[str, Steps], ...]) -> str:
    """A pattern that matches where one of theirs may."""
    return "|".join(f"(?:{re.sub(r'[(]?[?]P<[a-z]>', '(', pattern)})" for pattern, _ in steps)


def number(text: str | None) -> int:
    """A number as disassemblers write it, nothing being 0."""
    return int((text or "0").replace(" ", "").replace("#", "").replace("+", ""), 0)


def moves(pattern: str, sign: int = 1) -> tuple[str, Steps]:
    """Instructions that change the stack pointer by a number, which is ``n``."""
    return pattern, lambda m, word: [("move", "", sign * number(m["n"]))]


def memory(kind: str, pattern: str) -> tuple[str, Steps]:
    """Instructions that save or restore one register ``r`` in memory ``n`` from the stack pointer."""
    return pattern, lambda m, word: [(kind, m["r"], number(m["n"]))]


def copies(pattern: str, sign: int = 1) -> tuple[str, Steps]:
    """Instructions that put the stack pointer plus ``n`` into ``r``."""
    return pattern, lambda m, word: [("copy", m["r"], sign * number(m.groupdict().get("n")))]


def sets(pattern: str, sign: int = 1) -> tuple[str, Steps]:
    """Instructions that make it ``r`` plus ``n``."""
    return pattern, lambda m, word: [("set", m["r"], sign * number(m.groupdict().get("n")))]


def intel(stack: str, frame: str, numbers: dict[str, int], word: int) -> Reading:
    """The instructions of Intel's processors, by the names of the two registers."""
    return Reading(
        jumps="jmp|j[a-z]+|loop[a-z]*",
        calls="call",
        ends=r"(?:jmp|ret|ud2|hlt|int3)\b.*",
        stack=stack,
        numbers=tuple(numbers.items()),
        returns="return",
        offset=word,
        steps=(
            (r"push (?P<r>\w+)", lambda m, w: [("move", "", -w), ("save", m["r"], 0)]),
            (r"push .*", lambda m, w: [("move", "", -w)]),
            (r"pop (?P<r>\w+)", lambda m, w: [("restore", m["r"], 0), ("move", "", w)]),
            moves(rf"add {stack}, (?P<n>-?\w+)"),
            moves(rf"sub {stack}, (?P<n>-?\w+)", -1),
            moves(rf"lea {stack}, \[{stack} (?P<n>[+-] \w+)\]"),
            copies(rf"mov (?P<r>{frame}), {stack}"),
            sets(rf"mov {stack}, (?P<r>{frame})"),
            sets(rf"lea {stack}, \[(?P<r>{frame}) (?P<n>[+-] \w+)\]"),
            ("leave", lambda m, w: [("set", frame, 0), ("restore", frame, 0), ("move", "", w)]),
            (rf"(?:and|add|sub|mov|lea) {stack}, .*", lambda m, w: [("lost", "", 0)]),
        ),
    )
