"""Typed modules as Lisp lists: names in place of numbers, labels in place of offsets.

``(NAME part...)``; a part is ``(type NAME BYTES reference...)`` with references ``(vref TYPE [COUNT | any])`` and
``(pref INTERFACE)``, ``(register NAME TYPE [COUNT | any] [top] [thread])``, ``(interface NAME REGISTER [reader |
writer])``, or ``(procedure NAME INTERFACE [external] item...)`` where an item is a label or an instruction.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..heap.words import CONS, SYMBOL
from ..kernel.memory import NIL
from .builder import ModuleBuilder
from .errors import NotFoundException, OperationException
from .instructions import NUMBER, SHAPES, Instruction, instruction
from .types import ED, EXTERNAL, NON_FIXED_REF, READER, THREAD_LOCAL_REG, TOP_LEVEL_REG, WORD, WRITER

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp
    from .module import Module

FLAGS = {"top": TOP_LEVEL_REG, "thread": TOP_LEVEL_REG | THREAD_LOCAL_REG, "reader": READER, "writer": WRITER,
         "any": NON_FIXED_REF}


def plain(lisp: Lisp, x: int) -> Any:
    """A list as Python lists of names (str) and integers."""
    m = lisp.machine
    if m.is_integer(x):
        return m.number(x)
    if x & 7 == CONS:
        items = [plain(lisp, item) for item in m.items(x)]
        while x & 7 == CONS:
            x = m.cdr(x)
        if x != NIL:
            raise OperationException(f"a list in a module ends in . {lisp.printer.text(x)}; nothing expected there")
        return items
    if x & 7 == SYMBOL:
        return m.text(x)
    raise OperationException(f"{lisp.printer.text(x)} stands in a module; names, integers and lists expected")


def build(lisp: Lisp, form: int) -> Module:
    """The module of a list; one of the builder's errors when it is none."""
    text = plain(lisp, form)
    if not isinstance(text, list) or not text or not isinstance(text[0], str):
        raise OperationException("(module NAME part...) expected")
    return Reading(text[1:]).module(text[0])


class Reading:
    """The names of one module."""

    def __init__(self, parts: list[Any]) -> None:
        self.builder = ModuleBuilder()
        self.numbers: dict[str, dict[str, int]] = {"type": {"word": WORD}, "register": {"ed": ED}, "interface": {},
                                                   "procedure": {}}
        self.parts: dict[str, list[list[Any]]] = {kind: [] for kind in self.numbers}
        for part in parts:
            if not isinstance(part, list) or len(part) < 3 or part[0] not in self.parts or not isinstance(part[1], str):
                raise OperationException(f"{lisp_text(part)}: (type ...), (register ...), (interface ...) or "
                                         "(procedure ...) expected")
            self.parts[part[0]].append(part[1:])

    def find(self, kind: str, name: Any) -> int:
        if not isinstance(name, str) or name not in self.numbers[kind]:
            raise NotFoundException(f"there is no {kind} {lisp_text(name)}; there are "
                                    f"{', '.join(self.numbers[kind]) or 'none'}")
        return self.numbers[kind][name]

    def add(self, kind: str, name: str, number: int) -> None:
        if name in self.numbers[kind]:
            raise OperationException(f"there is a {kind} {name} already")
        self.numbers[kind][name] = number

    def module(self, name: str) -> Module:
        b = self.builder
        for row in self.parts["type"]:
            self.add("type", row[0], b.add_var_type(integer(row[1])))
        for row in self.parts["register"]:
            self.add("register", row[0], b.add_reg(*self.spec(row)))
        for row in self.parts["interface"]:
            self.add("interface", row[0], b.add_proc_type(self.interface_flags(row), self.find("register", row[1])))
        for row in self.parts["type"]:
            for reference in row[2:]:
                self.reference(self.find("type", row[0]), reference)
        for row in self.parts["procedure"]:
            external = EXTERNAL if "external" in row[2:3] else 0
            if row[1] == "external" or not isinstance(row[1], str):
                raise OperationException(f"procedure {row[0]}: (procedure NAME INTERFACE [external] item...) expected; "
                                         "the interface is missing")
            self.add("procedure", row[0], b.add_proc(external, self.find("interface", row[1]), row[0]))
        for number, row in enumerate(self.parts["procedure"]):
            b.add_instr(number, *self.code(row[3:] if "external" in row[2:3] else row[2:]))
        return b.create_module(name)

    @staticmethod
    def interface_flags(row: list[Any]) -> int:
        """Flags of (NAME REGISTER [reader | writer])."""
        if any(word not in ("reader", "writer") for word in row[2:]):
            raise OperationException(f"(interface {' '.join(map(lisp_text, row))}): reader or writer expected behind "
                                     "the register")
        return sum(FLAGS[word] for word in row[2:])

    def spec(self, row: list[Any]) -> tuple[int, int, int]:
        """Flags, type and count of (NAME TYPE [COUNT | any] flag...)."""
        flags = 0
        for word in row[2:]:
            if isinstance(word, str) and word not in ("any", "top", "thread"):
                raise OperationException(f"{word}: a count, any, top or thread expected")
            flags |= FLAGS.get(word, 0)
        if sum(isinstance(word, int) for word in row[2:]) > 1:
            raise OperationException(f"{row[0]}: one count expected, not "
                                     f"{' and '.join(str(x) for x in row[2:] if isinstance(x, int))}")
        return flags, self.find("type", row[1]), next((x for x in row[2:] if isinstance(x, int)), 1)

    def reference(self, vtype: int, row: Any) -> None:
        if isinstance(row, list) and len(row) in (2, 3) and row[0] == "vref":
            flags, to, count = self.spec(row)
            self.builder.add_vref(vtype, flags, to, count)
        elif isinstance(row, list) and len(row) == 2 and row[0] == "pref":
            self.builder.add_pref(vtype, self.find("interface", row[1]))
        else:
            raise OperationException(f"{lisp_text(row)}: (vref TYPE [COUNT | any]) or (pref INTERFACE) expected")

    def code(self, items: list[Any]) -> list[Instruction]:
        places: dict[str, int] = {}
        rows: list[list[Any]] = []
        for item in items:
            if isinstance(item, list) and item:
                rows.append(item)
            elif isinstance(item, str) and item not in places:
                places[item] = len(rows)
            else:
                raise OperationException(f"{lisp_text(item)}: a label, once, or an instruction expected")
        return [self.instruction(row, at, places) for at, row in enumerate(rows)]

    def instruction(self, row: list[Any], at: int, places: dict[str, int]) -> Instruction:
        name = str(row[0]).upper()
        shape = SHAPES[NUMBER[name]] if name in NUMBER else ""
        values = []
        for kind, value in zip(shape, row[1:], strict=False):
            if isinstance(value, int):
                values.append(value)
            elif kind == "r":
                values.append(self.find("register", value))
            elif kind == "p":
                values.append(self.find("procedure", value))
            elif kind == "o" and value in places:
                values.append(places[value] - at)
            else:
                raise NotFoundException(f"{lisp_text(row)}: {lisp_text(value)} is no "
                                        f"{'label' if kind == 'o' else 'number'}")
        return instruction(name, *values, *row[1 + len(shape):])


def lisp_text(x: Any) -> str:
    """A part of a module as Lisp writes it."""
    return f"({' '.join(map(lisp_text, x))})" if isinstance(x, list) else str(x)


def integer(x: Any) -> int:
    if not isinstance(x, int):
        raise OperationException(f"{lisp_text(x)} stands where a number is expected")
    return x
