"""What instructions do beside their values, found in their definitions: bytecode is proved and native code arranged by
it.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache

from ..restricted.checker import Function
from .program import program
from .table import LOCALS, Instruction

PAIR = 16  # bytes
MAKERS = ("reserve", "allocate")  # what makes an object calls one of these
FRESH = ("allocate_small", "cons", "make_float")  # what they write nobody has seen yet
# The effects that stand in the table of instructions, and what each means.
MEANINGS = {"symbol": "its literal is a symbol", "assigns": "gives that symbol a value",
            "writes": "stores into what others may see", "truth": "gives nil or t"}


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
def repeats(row: Instruction) -> bool:
    """Can an instruction begin again where its fast path is left, because that stores nothing but local variables of
    Lisp values, makes nothing and calls nothing?
    """
    functions, found, work = program().functions, set[str](), [row.function]
    while work:
        name = work.pop()
        if name not in found and name in functions and (functions[name].inline or name == row.function):
            work += [callee for callee, _ in called(name)]
        found.add(name)
    does = MAKERS if "fp" in row.context else (*MAKERS, "store", "invoke", "callf")
    return not ("writes" in row.effects or any(name.startswith(does) for name in found)
                or any(kind in LOCALS for _, kind in row.operands))


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


def effects(function: str) -> tuple[str, ...]:
    """The effects of the instruction with this definition, by name (``MEANINGS``)."""
    f = program().functions[function]
    symbols = list(symbol_calls(f))
    found = {"symbol": bool(symbols), "assigns": any(assigns(callee) for callee in symbols),
             "writes": (any(writes(name) for name in reached(function) - reached("reserve"))
                        or "fp" not in [a.arg for a in f.node.args.args] and writes(function, itself=True)),
             "truth": truth(function)}
    return tuple(name for name in MEANINGS if found[name])


def symbol_calls(f: Function) -> Iterator[Function]:
    """The functions to which a definition hands a literal that they take for a symbol without a look: their parameter
    is called ``symbol``.
    """
    for name, arguments in called(f.name):
        callee = program().functions.get(name)
        for parameter, argument in zip(callee.node.args.args if callee else (), arguments, strict=False):
            if (callee is not None and parameter.arg == "symbol" and isinstance(argument, ast.Call)
                    and ast.unparse(argument.func) == "literal"):
                yield callee


def assigns(f: Function) -> bool:
    """Does a function store into the symbol that it is handed?"""
    return any(name in ("store", "set_field") and "symbol" in names_in(arguments[0])
               for name, arguments in called(f.name))


def names_in(node: ast.AST) -> set[str]:
    return {n.id for n in ast.walk(node) if isinstance(n, ast.Name)}


@cache
def writes(function: str, itself: bool = False) -> bool:
    """Does a function itself store into an object that it has not just made: does it tell the collector of a store, or
    store bytes at an address that comes from what it was handed?  Words that are stored so are those of a new object,
    but where an instruction itself does it (``effects``).
    """
    f = program().functions.get(function)
    theirs = {a.arg for a in f.node.args.args} - {"fp"} if f is not None and function != "set_field" else set()
    flows = [(names_in(n.value), names_in(n.targets[0] if isinstance(n, ast.Assign) else n.target))
             for n in (ast.walk(f.node) if f is not None else ()) if isinstance(n, ast.Assign | ast.AugAssign)
             and not (isinstance(n.value, ast.Call) and reached(ast.unparse(n.value.func)) & set(MAKERS))]
    for _ in flows:  # as often as it takes for what comes from a loop's end
        theirs |= {name for read, written in flows if read & theirs for name in written}
    names = ("set_field", "store8", "store16", "store32", "store64", *(("store", "storef") if itself else ()))
    return any(name in names and names_in(arguments[0]) & theirs for name, arguments in called(function))


def truth(function: str) -> bool:
    """Does an instruction give nil or t, whenever it comes back?"""
    functions, failed = program().functions, "{0} == UNWIND"

    def values(f: Function) -> Iterator[ast.expr]:
        """What a function returns, without the failures of others that it passes on."""
        passed = {n.body[0] for n in ast.walk(f.node) if isinstance(n, ast.If) and isinstance(n.body[0], ast.Return)
                  and n.body[0].value and ast.unparse(n.test) == failed.format(ast.unparse(n.body[0].value))}
        return (n.value for n in ast.walk(f.node) if isinstance(n, ast.Return) and n.value and n not in passed)

    def sure(value: ast.expr) -> bool:
        if isinstance(value, ast.IfExp):
            return sure(value.orelse) and (sure(value.body) or
                                           ast.unparse(value.test) == failed.format(ast.unparse(value.body)))
        if isinstance(value, ast.Call) and ast.unparse(value.func) in functions:
            f = functions[ast.unparse(value.func)]
            return f.name == "truth" or all(map(sure, values(f)))
        return isinstance(value, ast.Name) and value.id in ("NIL", "T", "UNWIND")
    found = list(values(functions[function]))
    return all(map(sure, found)) and any(ast.unparse(value) != "UNWIND" for value in found)


@cache
def splits(row: Instruction) -> bool:
    """Is an instruction a fast path and calls of the kernel before which nothing has changed yet, so that it can begin
    again?
    """
    functions, found = program().functions, []

    def block(f: Function, statements: list[ast.stmt], changed: bool) -> bool | None:
        """Has something changed behind these statements?  None: control does not get there."""
        for s in statements:
            if isinstance(s, ast.If):
                changed = expression(f, s.test, changed)
                ways = [block(f, s.body, changed), block(f, s.orelse, changed)]
                if ways == [None, None]:
                    return None
                changed = any(ways)
            elif isinstance(s, ast.While):
                changed = bool(block(f, s.body, expression(f, s.test, changed)))
                changed = bool(block(f, s.body, expression(f, s.test, changed))) or changed
            else:
                changed = expression(f, s, changed)
                if isinstance(s, ast.Return):
                    return None
        return changed

    def expression(f: Function, node: ast.AST, changed: bool) -> bool:
        for child in ast.iter_child_nodes(node):
            changed = expression(f, child, changed)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            name = node.func.id
            if name in functions and not functions[name].inline:
                found.append(changed)
                return True
            if name in FRESH:
                found.append(changed)
            elif name in functions:
                block(functions[name], functions[name].node.body, changed)
                return changed or writes(name)
            elif name.startswith(("store", "invoke", "callf")):
                if name.startswith("invoke"):
                    found.append(True)
                return True
        return changed

    def writes(name: str) -> bool:
        return any(isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and (
            n.func.id.startswith("store") or n.func.id in functions and n.func.id not in FRESH
            and functions[n.func.id].inline and writes(n.func.id))
            for n in ast.walk(functions[name].node))
    f = functions[row.function]
    block(f, f.node.body, False)
    return f.inline and bool(found) and not any(found)
