"""Small changes of a source text, each of which some test should notice: where, what kind, and what stands there
instead.

A mutant is made by putting another text in the place of one expression or statement, so that all other lines stay what
they are.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import NamedTuple

BOUNDARY: dict[type[ast.cmpop], type[ast.cmpop]] = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt}
OPPOSITE: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.In: ast.NotIn, ast.NotIn: ast.In}
OTHER: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd, ast.LShift: ast.RShift, ast.RShift: ast.LShift}
LEAVES = (ast.Raise, ast.Return, ast.Continue, ast.Break)


class Mutant(NamedTuple):
    """``old`` of function ``place`` becomes ``new``; ``start`` and ``end`` are bytes of the whole text."""

    file: str
    line: int
    place: str
    kind: str
    old: str
    new: str
    start: int
    end: int
    text: str  # its line

    @property
    def row(self) -> tuple[str, str, str, str, str]:
        """What a table names it by: numbers of lines come and go, and long texts are cut off."""
        return self.file, self.place, self.text[:60], self.kind, self.new[:40]

    def applied(self, text: str) -> str:
        data = text.encode()
        return (data[:self.start] + self.new.encode() + data[self.end:]).decode()


def variants(node: ast.AST) -> Iterator[tuple[str, ast.AST, str]]:
    """Kind, what is replaced, and by what."""
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        for kind, table in (("boundary", BOUNDARY), ("negated", OPPOSITE)):
            if other := table.get(type(node.ops[0])):
                yield kind, node, ast.unparse(ast.Compare(node.left, [other()], node.comparators))
    elif isinstance(node, ast.Compare):
        for k, op in enumerate(node.ops):
            if other := BOUNDARY.get(type(op)):
                yield "boundary", node, ast.unparse(ast.Compare(node.left, [*node.ops[:k], other(), *node.ops[k + 1:]],
                                                                node.comparators))
    elif isinstance(node, ast.BoolOp):
        yield "and/or", node, ast.unparse(ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(),
                                                     node.values))
        for k in range(len(node.values)):
            rest = node.values[:k] + node.values[k + 1:]
            yield "condition dropped", node, ast.unparse(ast.BoolOp(node.op, rest) if len(rest) > 1 else rest[0])
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "negated", node, ast.unparse(node.operand)
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield "constant", node, str(not node.value)
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        yield "constant", node, str(node.value + 1)
        if node.value:
            yield "constant", node, str(node.value - 1)
    elif isinstance(node, ast.BinOp) and (operator := OTHER.get(type(node.op))):
        if not any(isinstance(n, ast.Constant | ast.JoinedStr) and not isinstance(getattr(n, "value", ""), int)
                   for n in (node.left, node.right)):
            yield "operator", node, ast.unparse(ast.BinOp(node.left, operator(), node.right))
    elif isinstance(node, ast.If):
        if isinstance(node.body[-1], LEAVES):
            yield "guard dropped", node.test, "False"
        if not isinstance(node.test, ast.Compare | ast.BoolOp | ast.UnaryOp):
            yield "negated", node.test, f"not {ast.unparse(node.test)}"
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield "call dropped", node, "pass"


def looked_at(node: ast.AST) -> Iterator[ast.AST]:
    """The parts of a node that are the program: no annotations, and no texts of messages."""
    for name, value in ast.iter_fields(node):
        if (name in ("annotation", "returns", "decorator_list")
            or isinstance(node, ast.Raise | ast.JoinedStr | ast.Assert)):
            continue
        yield from (child for child in (value if isinstance(value, list) else [value]) if isinstance(child, ast.AST))


def mutants(file: str, text: str) -> list[Mutant]:
    """All of a file, in its order."""
    lines = text.encode().splitlines(keepends=True)
    begins = [0]
    for line in lines:
        begins.append(begins[-1] + len(line))
    found: list[Mutant] = []

    def walk(node: ast.AST, place: str) -> None:
        for child in looked_at(node):
            inner = f"{place}.{child.name}".lstrip(".") if isinstance(child, ast.FunctionDef | ast.ClassDef) else place
            for kind, part, new in variants(child):
                assert (isinstance(part, ast.expr | ast.stmt) and part.end_lineno is not None
                        and part.end_col_offset is not None)
                start, end = (begins[part.lineno - 1] + part.col_offset,
                              begins[part.end_lineno - 1] + part.end_col_offset)
                old = " ".join(text.encode()[start:end].decode().split())
                found.append(Mutant(file, part.lineno, inner, kind, old, new if new == "pass" else f"({new})", start,
                                    end,
                                    lines[part.lineno - 1].decode().strip()))
            walk(child, inner)
    walk(ast.parse(text), "")
    return found
