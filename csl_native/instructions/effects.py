"""What instructions do beside their values, found in their definitions: native code is arranged by it."""

from __future__ import annotations

import ast
from functools import cache

from .table import Instruction, program

PAIR = 16  # bytes


@cache
def called(function: str) -> tuple[tuple[str, tuple[ast.expr, ...]], ...]:
    """The calls in a function: names and arguments; none of what is no function of the restricted language."""
    known = program().functions
    return tuple((n.func.id, tuple(n.args)) for n in ast.walk(known[function].node)
                 if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)) if function in known else ()


@cache
def reached(function: str) -> frozenset[str]:
    """What a function may call and come back from; a ``signal_...`` function signals an error and does not."""
    found, work = set[str](), [function]
    while work:
        name = work.pop()
        if name not in found and not name.startswith("signal_"):
            found.add(name)
            work += [callee for callee, _ in called(name)]
    return frozenset(found)


@cache
def quiet(row: Instruction) -> bool:
    """Does an instruction leave the room that was made for objects as it is: it makes none, and calls nothing that
    may?
    """
    return not any(name == "reserve" or name.startswith("invoke") for name in reached(row.function))


@cache
def pairs(row: Instruction) -> int:
    """How many pairs an instruction makes whatever its operands are; 0 when it makes other things too, or at times."""
    functions, makes = program().functions, reached(row.function)
    if "pair" not in makes or any(not functions[name].inline or any(
            isinstance(n, ast.If | ast.IfExp | ast.While) for n in ast.walk(functions[name].node))
            for name in makes if name in functions and name not in reached("reserve")):
        return 0
    rooms = [int(ast.unparse(arguments[0])) for name in makes for callee, arguments in called(name)
             if callee == "reserve" and isinstance(arguments[0], ast.Constant)]
    return rooms[0] // PAIR if len(rooms) == 1 else 0
