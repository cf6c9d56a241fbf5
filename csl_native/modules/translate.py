"""From a verified procedure to the bytecode of the machine: frames become local variables, exceptions its handlers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..instructions.codec import Code, pieces
from ..lisp.errors import CompileError
from ..system.records import Record
from .errors import RangeException
from .instructions import NUMBER, SHAPES, Instruction, needs
from .registers import Place, body_name
from .transfers import Transfers
from .types import ED, TOP_LEVEL_REG, Proc

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp
    from .module import Module

JUMPS = frozenset(NUMBER[name] for name in ("JNZ", "JG", "JNG", "JE", "JMP", "PUSHH"))


class Handler(Record):
    """A PUSHH frame: labels of its begin, its stub and its target, and the local with the depth of bindings."""

    start: int
    stub: int
    target: int
    depth: int
    places: int


class Translation(Transfers):
    """The bytecode of one procedure, whose argument is local 0; ``data`` is the vector with the variables of top-level
    registers.
    """

    def __init__(self, lisp: Lisp, module: Module, proc: Proc, data: int) -> None:
        super().__init__(lisp, module, proc)
        self.data = data
        self.frames: list[tuple[str, int, Handler | None]] = []
        self.handlers: list[tuple[Handler, list[Place]]] = []
        self.references: list[Place] = []  # those that frames have now, the last ones behind

    # -- the whole ----------------------------------------------------------------------

    def translate(self) -> tuple[Code, list[int]]:
        """The bytecode and its literals (the first place is free); RangeException when it is too large for one
        function.
        """
        try:
            return self._translate()
        except CompileError as error:
            raise RangeException(f"{self.proc.name} cannot be translated: {error.message}") from None

    def _translate(self) -> tuple[Code, list[int]]:
        code = self.proc.code
        self.new_local()
        io = self.module.proc_type(self.proc.ptype).io
        bytes_ = self.new_local()
        self.open(0, self.type_of(self.module.reg(io)).stride, bytes_)
        self.exact(self.module.reg(io), bytes_)
        self.places[io] = [Place(0, bytes_, self.module.reg(io))]
        self._top_level(code)
        targets = {k + item[1][-1] for k, item in enumerate(code) if item[0] in JUMPS}
        labels = {at: self.label() for at in targets}
        for at, item in enumerate(code):
            if at in labels:
                self.opened.clear()
                self.place(labels[at], 0)
            if item[0] in JUMPS and item.name != "PUSHH" and item[1][-1] <= 0:
                self.op("poll")
                self.op("pop")
            self.instruction(item, labels[at + item[1][-1]] if item[0] in JUMPS else -1)
        for handler, released in self.handlers:
            self.place(handler.stub, 0)
            for place in released:
                self.release(place)
            self.op("local", handler.depth)
            self.op("var_caught")
            self.op("var_take", self.bytes(ED))
            self.op("poll")
            self.op("pop")
            self.jump("jump", handler.target)
        return self.assemble(1, 1, False), self.f.literals

    def _top_level(self, code: list[Instruction]) -> None:
        """Get the variables of the top-level registers that are used."""
        used = {value for item in code for kind, value in zip(SHAPES[item[0]], item[1], strict=True) if kind == "r"}
        used |= {ED} if any(item.name in ("THROW", "PUSHH") for item in code) else set()
        for register in sorted(used):
            spec = self.module.reg(register)
            if spec.flags & TOP_LEVEL_REG:
                bytes_ = self.new_local()
                variable = self.new_local()
                self.op("literal", self.literal(self.data))
                self.number(register)
                self.op("getv")
                self.store(variable)
                self.open(variable, self.type_of(spec).stride, bytes_)
                self.exact(spec, bytes_)
                self.places[register] = [Place(variable, bytes_, spec)]

    # -- instructions -------------------------------------------------------------------

    def instruction(self, item: Instruction, label: int) -> None:
        method = getattr(self, f"do_{item.name.lower()}", None)
        if method is not None:
            method(*item[1])
        elif item[0] in JUMPS:
            registers = [self.bytes(r) for r in item[1][:-1]]
            if item.name == "PUSHH":
                self.handler_frame(label)
            else:
                self.jump(f"var_{item.name.lower()}" if registers else "jump", label, *registers)
        else:
            assert item[0] in needs()
            self.op(f"var_{item.name.lower()}", *(self.bytes(r) for r in item[1]))

    def immediate(self, name: str, value: int, register: int, size: int) -> None:
        bytes_ = self.bytes(register)
        value = (value + (1 << 8 * size - 1) & (1 << 8 * size) - 1) - (1 << 8 * size - 1)
        first, *others = pieces(value)
        self.op(name, first, bytes_)
        for part in others:
            self.op("var_wide4" if size == 4 else "var_wide8", part, bytes_)

    def do_cpi1(self, value: int, register: int) -> None:
        self.immediate("var_cpi1", value, register, 1)

    def do_cpi2(self, value: int, register: int) -> None:
        self.immediate("var_cpi2", value, register, 2)

    def do_cpi4(self, value: int, register: int) -> None:
        self.immediate("var_cpi4", value, register, 4)

    def do_cpi8(self, value: int, register: int) -> None:
        self.immediate("var_cpi8", value, register, 8)

    def do_push(self, register: int) -> None:
        spec = self.module.reg(register)
        place = Place(*self.take(spec), spec)
        self.make(spec, place.variable, place.bytes)
        self._enter("PUSH", register, place)

    def do_pushr(self, register: int) -> None:
        spec = self.module.reg(register)
        place = Place(*self.take(spec), spec, True)
        self.release(place)
        self._enter("PUSHR", register, place)

    def _enter(self, kind: str, register: int, place: Place) -> None:
        self.places.setdefault(register, []).append(place)
        self.frames.append((kind, register, None))
        self.references.append(place)

    def handler_frame(self, target: int) -> None:
        handler = Handler(self.label(), self.label(), target, self.new_local(), len(self.references))
        self.op("binding_depth")
        self.store(handler.depth)
        self.place(handler.start, 0)
        self.frames.append(("PUSHH", -1, handler))
        self.handlers.append((handler, []))

    def do_pop(self) -> None:
        kind, register, handler = self.frames.pop()
        if handler is not None:
            end = self.label()
            self.place(end, 0)
            self.f.handlers.append((handler.start, end, handler.stub, 0))
            return
        place = self.places[register].pop()
        self.references.pop()
        if place.nullable or place.variable != place.bytes:
            self.release(place)
            for _, outer, inside in self.frames:
                if inside is not None and outer < 0:
                    next(released for known, released in self.handlers if known is inside).append(place)
        else:
            self.free.setdefault((place.spec.vtype, place.spec.count), []).append((place.variable, place.bytes))

    def do_call(self, number: int) -> None:
        self.op("local", self.places[self.frames[-1][1]][-1].variable)
        self.op("call1", self.literal(self.m.intern(body_name(self.module, self.module.proc(number)))))
        self.op("pop")

    def pref(self, register: int, k: int) -> int:
        return 1 + len(self.type_of(self.places[register][-1].spec).vrefs) + k

    def do_cpp(self, number: int, register: int, k: int) -> None:
        self.op("local", self.variable(register))
        self.number(self.pref(register, k))
        self.op("literal", self.literal(self.m.intern(body_name(self.module, self.module.proc(number)))))
        self.op("putv")
        self.op("pop")

    def do_callr(self, register: int, k: int) -> None:
        function = self.spare()
        self.op("local", self.variable(register))
        self.number(self.pref(register, k))
        self.op("getv")
        self.store(function)
        known = self.label()
        self.op("local", function)
        self.jump("jump_not_nil", known)
        self.op("var_open", function, 0)  # raises the exception of a null reference
        self.op("pop")
        self.place(known, 0)
        self.op("local", function)
        self.op("local", self.places[self.frames[-1][1]][-1].variable)
        self.op("call2", self.literal(self.m.intern("funcall")))
        self.op("pop")

    def do_throw(self) -> None:
        self.op("var_throw", self.bytes(ED))
        self.op("return")

    def do_ret(self) -> None:
        self.op("local", 0)
        self.op("return")
