"""The instructions as their definitions say: numbers, operands and stack effects."""

from __future__ import annotations

import ast
import re
from functools import cache

from . import definitions, typed
from .effects import effects
from .joined import SEQUENCES
from .program import failing, program
from .table import ACCESS, OPERANDS, CodeError, Instruction


@cache
def derived() -> tuple[Instruction, ...]:
    """The instructions, derived from the definitions."""
    functions = program().functions
    first, later = ([n for n, f in functions.items() if n.startswith("op_") and f.module == part.__name__]
                    for part in (definitions, typed))
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
        kind = ("branch" if f.result == "bool" else "return" if name == "op_return" else "tail"
                if name.startswith("op_tail_") else "value")
        writes = any(ACCESS.get(o, ("read",))[0] != "read" for _, o in operands)
        if writes and (name in failing() or f.result != "word"):
            raise CodeError(f"instruction {name}: it writes a variable, so it cannot fail and gives a number")
        rows.append(Instruction(number, name.removeprefix("op_").removesuffix("2")
                                if name in ("cons2", "plus2", "times2", "difference2")
                                else name.removeprefix("op_"), name, tuple(operands), tuple(context), tuple(inputs),
                                1 if f.result == "word" and not writes else 0, kind, name in failing(),
                                effects(name), said(ast.get_docstring(f.node) or "")))
    if len(rows) + len(SEQUENCES) > 256:
        raise CodeError(f"{len(rows)} instructions and {len(SEQUENCES)} sequences; the opcode byte has room for 256")
    return tuple(rows)


def said(text: str) -> str:
    """A docstring without the examples of a Lisp function, which begin with a form."""
    return " ".join(re.split(r"(?m)(?:^|  )\(", text, maxsplit=1)[0].split())
