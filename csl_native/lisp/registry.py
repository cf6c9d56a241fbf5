"""Lisp functions written in Python: a table that the modules in ``builtins/`` fill.

Each parameter is annotated with the type of its argument, which the one who calls a builtin checks; one without a type
is refused when it is registered.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

from ..heap.words import CONS, FLOAT, STRING, SYMBOL, VECTOR
from ..kernel.memory import NIL
from ..system.records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    from ..runtime.machine import Unwinding
    from .lisp import Lisp

    Test = Callable[[Any, int], bool]
    F = TypeVar("F", bound=Callable[..., Any])

# Types of parameters.  ``Value`` is anything; ``Checked`` is what the function looks at itself, because what it takes,
# or says of others, is its own.
Value = int
Checked = int
Symbol = int
Variable = int
Pair = int
Text = int
String = int
Fixnum = int
Integer = int
Number = int
AnyNumber = int
Vector = int
TYPES: dict[str, Test | None] = {
    "Value": None,
    "Checked": None,
    "Symbol": lambda m, x: x & 7 == SYMBOL,
    "Variable": lambda m, x: bool(m.is_variable(x)),
    "Pair": lambda m, x: x & 7 == CONS,
    "Text": lambda m, x: x & 7 in (SYMBOL, STRING),
    "String": lambda m, x: x & 7 == STRING,
    "Fixnum": lambda m, x: x & 7 == 0,
    "Integer": lambda m, x: x & 7 == 0 or bool(m.is_integer(x)),
    "Number": lambda m, x: x & 7 in (0, FLOAT) or bool(m.is_real(x)),
    "AnyNumber": lambda m, x: bool(m.is_real(x) or m.is_complex(x)),
    "Vector": lambda m, x: x & 7 == VECTOR,
}
WANTED = {TYPES[name]: what for name, what in {
    "Symbol": "a symbol", "Variable": "a variable", "Pair": "a list that is not empty", "Text": "a symbol or a string",
    "String": "a string", "Fixnum": "a small integer", "Integer": "an integer", "Number": "a number",
    "AnyNumber": "a number", "Vector": "a vector"}.items()}
CO_VARARGS = 4  # inspect has it, and takes as long to import as the rest of the start
BARE = "bad args for"  # a message that begins so is printed without the value, as in the original


class Builtin(Record):
    """``least``..``most`` arguments (most -1: any number); called with the Lisp and its argument words, of which
    ``types`` has the tests by place and ``rest`` that of those from ``place`` on.  ``wrong`` is what is said of an
    argument of another type."""

    name: str
    function: Callable[..., int | None]
    least: int
    most: int
    wrong: str
    types: tuple[tuple[int, Test], ...] = ()
    rest: Test | None = None
    place: int = 0

    def bad(self, machine: Any, arguments: list[int]) -> int | None:
        """The first argument that is of another type than declared; nil stands for an optional one that is not given.
        """
        for place, test in self.types:
            if (place < len(arguments) and not test(machine, arguments[place])
                and (place < self.least or arguments[place] != NIL)):
                return arguments[place]
        if self.rest is not None:
            for x in arguments[self.place:]:
                if not self.rest(machine, x):
                    return x
        return None

    @property
    def called(self) -> str:
        """What messages call it."""
        return self.name.removeprefix("text ") if " " in self.wrong else self.wrong

    def refused(self, machine: Any, arguments: list[int]) -> tuple[str, int]:
        """What is expected in place of the first argument of another type, and that argument."""
        bad = self.bad(machine, arguments)
        tests = [*(test for place, test in self.types if place < len(arguments) and arguments[place] == bad), self.rest]
        return (next((WANTED[test] for test in tests if bad is not None and test is not None
                      and not test(machine, bad)), ""), bad or 0)

    def refusal(self, lisp: Lisp, value: int) -> Unwinding:
        """The error that an argument of another type is."""
        if self.wrong.startswith(BARE):
            return lisp.errors.bare(self.wrong)
        return lisp.errors.plain(self.wrong, value)


def declared(function: Callable[..., Any], most: int = -1) -> tuple[tuple[tuple[int, Test], ...], Test | None, int]:
    """The tests of a function's parameters behind the first, by place, of as many as Lisp can give; that of the rest,
    and where it begins.
    """
    code, annotations = function.__code__, function.__annotations__
    several = bool(code.co_flags & CO_VARARGS)
    names = code.co_varnames[1:code.co_argcount + several]
    kinds = []
    for name in names if most < 0 else names[:most]:
        if annotations.get(name) not in TYPES:
            raise TypeError(f"{function.__module__}, {function.__name__}: parameter {name} is annotated "
                            f"{annotations.get(name)!r}; expected one of "
                            f"{', '.join(TYPES)} (lisp/registry.py)")
        kinds.append(TYPES[annotations[name]])
    rest = kinds.pop() if several and len(kinds) == len(names) else None
    return tuple((place, test) for place, test in enumerate(kinds) if test is not None), rest, len(kinds)


BUILTIN_MODULES = "csl_native.builtins"  # which are above this floor, so they are found by name
BUILTINS: dict[str, Builtin] = {}
MODULES_OF: dict[str, str] = {}  # the module of each
MAIN_NAMES: dict[str, str] = {}  # of names that a function has besides its first one: that


def builtin(name: str, least: int = -1, most: int | None = None, *aliases: str, wrong: str = "", reaches: bool = False,
            meaning: str = "") -> Callable[[F], F]:
    """Register a function as a Lisp function.  A result of None is nil.  ``wrong``: how an error begins when an
    argument is of another type; else with the function's name.  ``reaches``: what it does is outside of the heap
    (files, programs, C), so strangers' programs may not call it. ``meaning``: what the docstring says of it
    (meanings.py), where one definition makes several functions."""
    def register(function: F) -> F:
        function.__doc__ = meaning or function.__doc__
        for each in (name, *aliases):
            count = least if most is None else most
            called = asking(each, function) if reaches else function
            MODULES_OF[each] = function.__module__.rpartition(".")[2]
            if each != name:
                MAIN_NAMES[each] = name.removeprefix("text ")
            BUILTINS[each] = Builtin(each, called, max(least, 0), count, wrong or each.removeprefix("text "),
                                     *declared(function, count))
        return function
    return register


def asking(name: str, function: Callable[..., int | None]) -> Callable[..., int | None]:
    """A function that asks first whether it may reach outside of the heap."""
    def call(lisp: Lisp, *arguments: int) -> int | None:
        lisp.reach_out(name)
        return function(lisp, *arguments)
    call.__doc__, call.__wrapped__ = function.__doc__, function  # type: ignore[attr-defined]
    return call


class Rows(list["Builtin | None"]):
    """The rows by number, in the order of their names.
    A module of ``builtins/`` is imported when one of its functions is called first.
    """

    def __init__(self, names: list[str], modules: list[str]) -> None:
        super().__init__(BUILTINS.get(name) for name in names)
        self.names, self.modules = names, modules

    @classmethod
    def of_all(cls) -> Rows:
        """All there are, from all modules."""
        import_module(BUILTIN_MODULES).load()
        names = sorted(BUILTINS)
        return cls(names, [MODULES_OF[name] for name in names])

    def get(self, number: int) -> Builtin:
        row = self[number]
        if row is None:
            import_module(f"{BUILTIN_MODULES}.{self.modules[number]}")
            row = self[number] = BUILTINS[self.names[number]]
        return row

    def named(self, name: str) -> Builtin:
        return BUILTINS.get(name) or self.get(self.names.index(name))
