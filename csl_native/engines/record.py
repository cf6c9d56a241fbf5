"""What an engine is: one way to run bytecode, woven from the instruction definitions; registered by existing in this
folder.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from ..instructions.table import Instruction
from ..system.records import Record
from . import __path__ as folder


class Engine(Record):
    """``weave`` gives restricted text: ``interpret_NAME(env, fp)`` runs the bytecode of a frame, ``run_NAME(env, fp,
    pc, sp)`` does from an instruction on, with the stack pointer ``sp`` (all operands are in memory).

    ``rank``: of the engines that a kernel has, the one with the lowest is what runs when nobody chooses.

    ``table``: the names of the functions that the engine reaches through entry slots, by opcode.  ``tail_calls``: it
    needs a machine whose calling convention can jump from function to function.  ``native`` is false for what CPython
    runs.
    """

    name: str
    what: str
    rank: int
    weave: Callable[[tuple[Instruction, ...], int], str]
    table: Callable[[tuple[Instruction, ...]], tuple[str, ...]] = lambda rows: ()
    tail_calls: bool = False
    native: bool = True

    def functions(self, rows: tuple[Instruction, ...]) -> frozenset[str]:
        """The names of what it is made of, as far as it has names of its own."""
        return frozenset((f"interpret_{self.name}", f"run_{self.name}", f"fail_{self.name}", *self.table(rows)))


@cache
def engines() -> dict[str, Engine]:
    """All engines of this folder, by name."""
    found = (getattr(import_module(f"{__package__}.{module.name}"), "ENGINE", None) for module in iter_modules(folder))
    return {engine.name: engine for engine in sorted((e for e in found if e is not None), key=lambda e: e.name)}
