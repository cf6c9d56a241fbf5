"""What Python code that Lisp calls must have where a program chose how long it takes, as the kernel has it
(``restricted/loops.py``).

A loop or a comprehension goes over something short (a table of the module, a literal, a range between constants), over
what looks on each way round whether the program is to be ended (``POLLING``), or looks itself.  A text, list or row of
bytes whose length is computed is made behind ``need``, which asks whether there is room.  What else there is stands in
``BOUNDED`` of the test with a reason.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

# and ``items`` of a list, which has an argument
POLLING = {"each", "steps", "lines_of", "magnitude_parts", "pieces", "walk"}
LOOKS = {"look", "stop_here"}
AROUND = {"enumerate", "reversed", "sorted", "list", "tuple", "set", "iter", "dict", "frozenset", "cast"}
OF_A_TABLE = {"items", "values", "keys", "copy", "split"}
# what calls a function of Python's for each element of its last argument
DRIVING = {"reduce", "map", "filter", "accumulate"}
PADDED = {"rjust", "ljust", "zfill", "center"}
Loop = ast.For | ast.While | ast.comprehension
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Fault(NamedTuple):
    function: str  # with the functions and classes around it
    line: int
    what: str


def faults(path: Path) -> list[Fault]:
    return list(checked(path.read_text(encoding="utf-8")))


def checked(text: str) -> Iterator[Fault]:
    """What is wrong with a module; what is run once, when it is imported, does not count."""
    tree = ast.parse(text)
    names = {name for statement in tree.body for name in bound(statement)}
    for statement in tree.body:
        yield from within(statement, "", names)


def within(node: ast.AST, name: str, names: set[str]) -> Iterator[Fault]:
    """The faults in the functions of a statement."""
    # what is around is run when its module is imported
    if isinstance(node, FUNCTIONS) and any(registers(inner) for inner in node.body):
        for statement in node.body:
            yield from within(statement, f"{name}{node.name}.", names)
    elif isinstance(node, FUNCTIONS):
        yield from in_function(node, f"{name}{node.name}", names)
    elif isinstance(node, ast.ClassDef):
        for statement in node.body:
            yield from within(statement, f"{name}{node.name}.", names)


def registers(statement: ast.stmt) -> bool:
    """Does a statement define a function that Lisp can call?"""
    return isinstance(statement, FUNCTIONS) and any(is_call(d, {"builtin"}) for d in statement.decorator_list)


def bound(statement: ast.stmt) -> Iterator[str]:
    """The names that a statement of a module gives something to."""
    if isinstance(statement, (ast.Import, ast.ImportFrom)):
        yield from ((alias.asname or alias.name).partition(".")[0] for alias in statement.names)
    elif isinstance(statement, (*FUNCTIONS, ast.ClassDef)):
        yield statement.name
    else:
        yield from (n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store))


def in_function(function: ast.FunctionDef | ast.AsyncFunctionDef, name: str, names: set[str]) -> Iterator[Fault]:
    local = {n.id for n in ast.walk(function) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    local |= {a.arg for a in ast.walk(function) if isinstance(a, ast.arg)}
    fixed = names - local
    given = [n for n in ast.walk(function) if isinstance(n, ast.Assign) and len(n.targets) == 1
             and isinstance(n.targets[0], ast.Name)]
    for n in given:  # names that only stand for something short
        name_ = n.targets[0].id  # type: ignore[attr-defined]
        stores = sum(isinstance(x, ast.Name) and isinstance(x.ctx, ast.Store) and x.id == name_
                     for x in ast.walk(function))
        if stores == 1 and isinstance(n.value, (ast.Tuple, ast.List, ast.ListComp, ast.Dict)) and ends(n.value, fixed):
            fixed |= {name_}
    needs = [n.lineno for n in ast.walk(function) if is_call(n, {"need"})]
    for n in ast.walk(function):
        if isinstance(n, ast.While) and not looks(n):
            yield Fault(name, n.lineno, "a while loop that does not look whether it is to be ended")
        if isinstance(n, (ast.For, ast.AsyncFor)) and not ends(n.iter, fixed) and not looks(n):
            yield Fault(name, n.lineno,
                        f"a loop over {ast.unparse(n.iter)} that does not look whether it is to be ended")
        if is_call(n, DRIVING) and not ends(n.args[-1], fixed):  # type: ignore[attr-defined]
            yield Fault(name, n.lineno,
                        f"{ast.unparse(n)}, a loop that does not look whether it is to be ended")  # type: ignore[attr-defined]
        if isinstance(n, ast.comprehension) and not ends(n.iter, fixed):
            yield Fault(name, n.iter.lineno,
                        f"a comprehension over {ast.unparse(n.iter)}, which does not look whether it is to be ended")
        if isinstance(n, ast.expr) and sized(n, fixed) and not any(line < n.lineno for line in needs):
            yield Fault(name, n.lineno, f"{ast.unparse(n)}, whose size is computed, and nothing was asked for room")


def is_call(n: ast.AST, names: set[str]) -> bool:
    return isinstance(n, ast.Call) and called(n) in names


def called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func,
                                        ast.Attribute) else call.func.id if isinstance(call.func, ast.Name) else ""


def looks(loop: ast.For | ast.AsyncFor | ast.While) -> bool:
    """Is a look part of every way round, or of every so many?"""
    return (any(looking(s) for s in loop.body) or isinstance(loop, ast.While)
            and any(is_call(n, LOOKS) for n in ast.walk(loop.test)))


def looking(s: ast.stmt) -> bool:
    if isinstance(s, ast.Expr):
        return is_call(s.value, LOOKS)
    if isinstance(s, ast.If) and any(looking(x) for x in s.body):  # every so many times, or when somebody asks
        return (any(isinstance(n, (ast.Mod, ast.BitAnd)) for n in ast.walk(s.test)) or isinstance(s.test, ast.Attribute)
                and s.test.attr == "attention")
    return False


def ends(e: ast.expr, fixed: set[str]) -> bool:
    """Is an iterable short, or one that looks by itself?"""
    if isinstance(e, ast.Call):
        name, parts = called(e), list(e.args)
        if name in POLLING or name == "items" and len(parts) == 1:
            return True
        if name == "range":
            return all(constant(a, fixed) for a in parts)
        if name == "islice":
            return ends(parts[0], fixed)
        if name in AROUND:
            return all(ends(a, fixed) for a in parts)
        if name in ("zip", "map"):
            return any(ends(a, fixed) for a in parts[name == "map":])
        return name in OF_A_TABLE and isinstance(e.func, ast.Attribute) and ends(e.func.value, fixed)
    if isinstance(e, (ast.Tuple, ast.List, ast.Set)):
        # what else is written there is so many
        return all(ends(x.value, fixed) for x in e.elts if isinstance(x, ast.Starred))
    if isinstance(e, ast.BinOp):
        return ends(e.left, fixed) and ends(e.right, fixed)
    if isinstance(e, ast.IfExp):
        return ends(e.body, fixed) and ends(e.orelse, fixed)
    if isinstance(e, (ast.Attribute, ast.Subscript)):
        return ends(e.value, fixed)
    if isinstance(e, (ast.GeneratorExp, ast.ListComp)):
        return all(ends(g.iter, fixed) for g in e.generators)
    return isinstance(e, (ast.Constant, ast.Dict)) or isinstance(e, ast.Name) and e.id in fixed


def constant(e: ast.expr, fixed: set[str]) -> bool:
    """Is a number the same for every program, or kept below one that is?"""
    if is_call(e, {"min"}):
        assert isinstance(e, ast.Call)
        return any(constant(a, fixed) for a in e.args)
    if isinstance(e, ast.BinOp):
        return constant(e.left, fixed) and constant(e.right, fixed)
    return isinstance(e, ast.Constant) or isinstance(e, ast.Name) and e.id in fixed


def sized(e: ast.expr, fixed: set[str]) -> bool:
    """Does an expression make something whose length is computed?"""
    if isinstance(e, ast.BinOp) and isinstance(e.op, ast.Mult):
        for one, other in ((e.left, e.right), (e.right, e.left)):
            if isinstance(one, ast.List) or isinstance(one, ast.Constant) and isinstance(one.value, (str, bytes)):
                return (not constant(other, fixed) and not isinstance(other, ast.Compare)
                        and not is_call(other, {"startswith", "endswith"}))
    if is_call(e, PADDED):
        assert isinstance(e, ast.Call)
        return not all(constant(a, fixed) for a in e.args)
    if is_call(e, {"bytes", "bytearray"}):
        assert isinstance(e, ast.Call)
        return len(e.args) == 1 and isinstance(e.args[0], ast.BinOp) and not constant(e.args[0], fixed)
    return False


if __name__ == "__main__":
    for path in sorted(Path("csl_native/lisp").rglob("*.py")):
        for fault in faults(path):
            print(f"{path}:{fault.line}: {fault.function}: {fault.what}")
