"""Read kernel modules, check them against the subset and give every expression its type."""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from . import failures
from .language import BOOL, DOUBLE, INTRINSICS, OPERAND_KINDS, TYPES, VOID, WORD


class Refusal(SyntaxError):
    """Kernel text outside the restricted language: file, line, place and what was expected."""


@dataclass
class Function:
    """A checked restricted function; ``types`` maps expression nodes to their type."""

    name: str
    module: str
    filename: str
    node: ast.FunctionDef
    parameters: list[tuple[str, str]]
    result: str
    constants: dict[str, Any]
    inline: bool = False
    noinline: bool = False
    threaded: bool = False
    lisp_name: str | None = None
    lisp_cells: str = ""
    bounded: str = ""
    onepass: str = ""
    locals: dict[str, str] = field(default_factory=dict)
    types: dict[ast.expr, str] = field(default_factory=dict)
    calls: set[str] = field(default_factory=set)
    checked: bool = False
    fails: bool = False  # may it return UNWIND?


ALIASES = {"float": DOUBLE, "int": WORD, **dict.fromkeys(OPERAND_KINDS, WORD)}
WORD_OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^",
                  ast.LShift: "<<", ast.RShift: ">>"}
DOUBLE_OPERATORS = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
COMPARISONS = {ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}


class Program:
    """All restricted functions of a set of modules, by name (names are unique across modules)."""

    def __init__(self, modules: list[ModuleType] | None = None) -> None:
        self.functions: dict[str, Function] = {}
        self.failing: frozenset[str] = frozenset()
        for module in modules or []:
            self.add_module(module)

    def add_module(self, module: ModuleType) -> None:
        """Take every top-level ``def`` of ``module``; its constants are the module's ints and floats."""
        self.add_source(inspect.getsource(module), vars(module), module.__name__, module.__file__ or module.__name__)

    def add_source(self, text: str, names: dict[str, Any], module: str, filename: str) -> None:
        """Take the functions of ``text``; ``names`` gives the constants they may use."""
        constants = {k: v for k, v in names.items() if isinstance(v, (int, float, bool))}
        for node in ast.parse(text).body:
            if isinstance(node, ast.FunctionDef):
                function = self._signature(node, constants, module, filename)
                function.bounded = function.bounded or names.get("BOUNDED", "")
                if function.name in self.functions:
                    raise self.refuse(function, node, f"{function.name} is defined twice "
                                      f"(also in {self.functions[function.name].filename}); names are global")
                self.functions[function.name] = function

    def check(self) -> None:
        """Type every body that has not been typed yet, and see that no failure is lost in it."""
        new = [function for function in self.functions.values() if not function.checked]
        for function in new:
            _Checker(self, function).run()
        self.failing = failures.failing(self,
                                        [function.name for function in self.functions.values()
                                         if function.checked and function.fails])
        failures.check(self, new, self.failing)
        for function in new:
            function.checked, function.fails = True, function.name in self.failing

    @staticmethod
    def refuse(function: Function, node: ast.AST, message: str) -> Refusal:
        line, column = getattr(node, "lineno", 1), getattr(node, "col_offset", 0)
        text = ast.unparse(node).split("\n")[0] if isinstance(node, (ast.expr, ast.stmt)) else ""
        return Refusal(f"{function.name}: {message}", (function.filename, line, column + 1, text))

    def _signature(self, node: ast.FunctionDef, constants: dict[str, Any], module: str, filename: str) -> Function:
        function = Function(node.name, module, filename, node, [], WORD, constants)

        def typed(annotation: ast.expr | None, default: str, allowed: tuple[str, ...]) -> str:
            if annotation is None:
                return default
            name = annotation.id if isinstance(annotation, ast.Name) else (
                "void" if isinstance(annotation, ast.Constant) and annotation.value is None else "?")
            name = ALIASES.get(name, name)
            if name not in allowed:
                raise self.refuse(function, annotation,
                                  f"type {ast.unparse(annotation)}; expected one of {', '.join(allowed)}")
            return name

        extra = node.args
        if extra.vararg or extra.kwarg or extra.kwonlyargs or extra.defaults or extra.posonlyargs:
            raise self.refuse(function, node, "only plain positional parameters are expected")
        function.parameters = [(a.arg, typed(a.annotation, WORD, TYPES)) for a in extra.args]
        function.result = typed(node.returns, WORD, (*TYPES, VOID))
        for mark in node.decorator_list:
            if isinstance(mark, ast.Name) and mark.id in ("inline", "noinline", "threaded"):
                setattr(function, mark.id, True)
            elif isinstance(mark, ast.Call) and isinstance(mark.func, ast.Name) and mark.func.id == "lisp":
                values = [ast.literal_eval(a) for a in mark.args]
                function.lisp_name = values[0]
                function.lisp_cells = values[1] if len(values) > 1 else ""
            elif (isinstance(mark, ast.Call) and isinstance(mark.func, ast.Name)
                  and mark.func.id in ("bounded", "onepass")):
                setattr(function, mark.func.id, str(ast.literal_eval(mark.args[0])))
            elif isinstance(mark, (ast.Name, ast.Call)) and getattr(getattr(mark, "func", mark), "id", "") in (
                    "instruction", "branch"):
                continue
            else:
                raise self.refuse(function, mark,
                                  "decorator; expected inline, noinline, bounded(why), onepass(what) or lisp(name)")
        return function


class _Checker:
    def __init__(self, program: Program, function: Function) -> None:
        self.program, self.function = program, function
        self.depth = 0

    def refuse(self, node: ast.AST, message: str) -> Refusal:
        return self.program.refuse(self.function, node, message)

    def run(self) -> None:
        self.function.locals.update(self.function.parameters)
        body = self.function.node.body
        self.block(body)
        if self.function.result != VOID and not ends(body):
            raise self.refuse(body[-1],
                              f"the function can end without a value; expected return of a {self.function.result}")

    def block(self, body: list[ast.stmt]) -> None:
        for statement in body:
            self.statement(statement)

    def statement(self, s: ast.stmt) -> None:
        if isinstance(s, ast.Assign):
            if len(s.targets) != 1 or not isinstance(s.targets[0], ast.Name):
                raise self.refuse(s, "assignment; expected one local name on the left")
            self.assign(s.targets[0], self.expression(s.value))
        elif isinstance(s, ast.AugAssign):
            if not isinstance(s.target, ast.Name):
                raise self.refuse(s, "assignment; expected a local name on the left")
            both = ast.BinOp(ast.Name(s.target.id, ast.Load()), s.op, s.value)
            ast.copy_location(both, s)
            ast.copy_location(both.left, s)
            self.assign(s.target, self.expression(both))
            s.value = both
        elif isinstance(s, (ast.If, ast.While)):
            self.expect(s.test, BOOL)
            if isinstance(s, ast.While):
                if s.orelse:
                    raise self.refuse(s, "while-else is outside of the language")
                self.depth += 1
            self.block(s.body)
            if isinstance(s, ast.While):
                self.depth -= 1
            self.block(s.orelse)
        elif isinstance(s, ast.Return):
            if s.value is None:
                if self.function.result != VOID:
                    raise self.refuse(s, f"return without a value; expected a {self.function.result}")
            else:
                self.expect(s.value, self.function.result)
        elif isinstance(s, ast.Expr) and isinstance(s.value, ast.Call):
            self.expression(s.value, statement=True)
        elif isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant) and isinstance(s.value.value, str):
            pass
        elif isinstance(s, (ast.Break, ast.Continue)):
            if not self.depth:
                raise self.refuse(s, "outside of a while loop")
        elif not isinstance(s, ast.Pass):
            raise self.refuse(s, f"{type(s).__name__} statement; expected =, if, while, break, continue, return, pass "
                                 "or a call")

    def assign(self, target: ast.Name, kind: str) -> None:
        known = self.function.locals.setdefault(target.id, kind)
        if known != kind:
            raise self.refuse(target, f"{target.id} is a {known} and cannot hold a {kind}")

    def expect(self, node: ast.expr, kind: str) -> None:
        got = self.expression(node)
        if got != kind:
            raise self.refuse(node, f"a {got} where a {kind} is expected")

    def expression(self, e: ast.expr, statement: bool = False) -> str:
        kind = self.typed(e)
        if kind == VOID and not statement:
            raise self.refuse(e, "this call has no value; a value is expected")
        self.function.types[e] = kind
        return kind

    def typed(self, e: ast.expr) -> str:
        if isinstance(e, ast.Constant):
            return self.constant(e, e.value)
        if isinstance(e, ast.Name):
            if e.id in self.function.locals:
                return self.function.locals[e.id]
            if e.id in self.function.constants:
                return self.constant(e, self.function.constants[e.id])
            raise self.refuse(e, f"{e.id} is neither a local that has a value here nor a number of the module")
        if isinstance(e, ast.UnaryOp):
            if isinstance(e.op, ast.Not):
                self.expect(e.operand, BOOL)
                return BOOL
            kind = self.expression(e.operand)
            if kind == WORD and isinstance(e.op, (ast.USub, ast.Invert)):
                return WORD
            if kind == DOUBLE and isinstance(e.op, ast.USub):
                return DOUBLE
            raise self.refuse(e, f"operator on a {kind}; expected -x or ~x of a word, -x of a double, not x of a bool")
        if isinstance(e, ast.BinOp):
            left, right = self.expression(e.left), self.expression(e.right)
            table: dict[Any, str] = WORD_OPERATORS if left == WORD else DOUBLE_OPERATORS
            if left != right or left == BOOL or type(e.op) not in table:
                raise self.refuse(e, f"{type(e.op).__name__} of {left} and {right}; expected two words with one of "
                                  f"{' '.join(WORD_OPERATORS.values())} or two doubles with "
                                  f"{' '.join(DOUBLE_OPERATORS.values())}")
            return left
        if isinstance(e, ast.BoolOp):
            for value in e.values:
                self.expect(value, BOOL)
            return BOOL
        if isinstance(e, ast.Compare):
            if len(e.ops) != 1 or type(e.ops[0]) not in COMPARISONS:
                raise self.refuse(e, f"comparison; expected exactly one of {' '.join(COMPARISONS.values())}")
            left, right = self.expression(e.left), self.expression(e.comparators[0])
            if left != right:
                raise self.refuse(e, f"comparison of a {left} with a {right}; both sides must have one type")
            return BOOL
        if isinstance(e, ast.IfExp):
            self.expect(e.test, BOOL)
            left, right = self.expression(e.body), self.expression(e.orelse)
            if left != right:
                raise self.refuse(e, f"a {left} or a {right}; both sides must have one type")
            return left
        if isinstance(e, ast.Call):
            return self.call(e)
        raise self.refuse(e, f"{type(e).__name__} is outside of the restricted language")

    def constant(self, e: ast.expr, value: Any) -> str:
        if isinstance(value, bool):
            return BOOL
        if isinstance(value, int):
            if not -(1 << 63) <= value < 1 << 64:
                raise self.refuse(e, f"constant {value}; expected at most 64 bits")
            return WORD
        if isinstance(value, float):
            return DOUBLE
        raise self.refuse(e, f"constant {value!r}; expected an integer, a float or a bool")

    def call(self, e: ast.Call) -> str:
        if not isinstance(e.func, ast.Name) or e.keywords:
            raise self.refuse(e, "call; expected the name of a restricted function with positional arguments")
        name = e.func.id
        if name in INTRINSICS:
            wanted, result = INTRINSICS[name].arguments, INTRINSICS[name].result
        elif name in self.program.functions:
            callee = self.program.functions[name]
            wanted, result = tuple(t for _, t in callee.parameters), callee.result
            self.function.calls.add(name)
        else:
            raise self.refuse(e, f"{name} is neither an intrinsic nor a restricted function of this program")
        if len(wanted) != len(e.args):
            raise self.refuse(e, f"{name} takes {len(wanted)} arguments, {len(e.args)} given")
        for argument, kind in zip(e.args, wanted, strict=True):
            self.expect(argument, kind)
        return result


def ends(body: list[ast.stmt]) -> bool:
    """Can control never reach the end of ``body``?"""
    last = body[-1]
    if isinstance(last, ast.Return):
        return True
    if isinstance(last, ast.If):
        return bool(last.orelse) and ends(last.body) and ends(last.orelse)
    if isinstance(last, ast.While):
        return (isinstance(last.test, ast.Constant) and last.test.value is True
                and not any(isinstance(n, ast.Break) for n in _own(last.body)))
    return isinstance(last, (ast.Break, ast.Continue))


def _own(body: list[ast.stmt]) -> list[ast.AST]:
    found: list[ast.AST] = []
    for statement in body:
        found.append(statement)
        if not isinstance(statement, ast.While):
            for part in ("body", "orelse"):
                found += _own(getattr(statement, part, []))
    return found
