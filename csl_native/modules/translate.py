"""From a verified procedure to the bytecode of the machine: its registers are local variables that hold variables.

Local 0 is the argument.  A register is one local variable with the bytes, or two: the variable, a vector, and its bytes.  A reference may
be null, so what it refers to is opened before it is used; that is not repeated until something may have changed it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..instructions.codec import Code
from ..lisp.assembly import Assembler, CompileError, Function
from .errors import RangeException
from .instructions import NUMBER, SHAPES, Instruction, needs
from .types import ED, TOP_LEVEL_REG, Proc, VarSpec, VarType

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp
    from .module import Module

JUMPS = frozenset(NUMBER[name] for name in ("JNZ", "JG", "JNG", "JE", "JMP", "PUSHH"))


class Place(NamedTuple):
    """Where a register is: local variables with the variable and with its bytes; they are one when it has no references."""

    variable: int
    bytes: int
    spec: VarSpec
    nullable: bool = False


class Handler(NamedTuple):
    """A PUSHH frame: labels of its begin, its stub and its target, and the local with the depth of bindings."""

    start: int
    stub: int
    target: int
    depth: int
    places: int


def body_name(module: Module, proc: Proc) -> str:
    """The function of a procedure, which takes a variable."""
    return f"{module.name}:{proc.name}"


class Translation(Assembler):
    """The bytecode of one procedure; ``data`` is the vector with the variables of top-level registers."""

    def __init__(self, lisp: Lisp, module: Module, proc: Proc, data: int) -> None:
        self.lisp, self.m, self.module, self.proc, self.data = lisp, lisp.machine, module, proc, data
        self.f = Function(lisp.machine.intern(body_name(module, proc)))
        self.places: dict[int, list[Place]] = {}
        self.frames: list[tuple[str, int, Handler | None]] = []
        self.handlers: list[tuple[Handler, list[Place]]] = []
        self.references: list[Place] = []  # those that frames have now, the last ones behind
        self.opened: set[int] = set()
        self.free: dict[tuple[int, ...], list[tuple[int, int]]] = {}

    # -- small pieces -------------------------------------------------------------------

    def type_of(self, spec: VarSpec) -> VarType:
        return self.module.var_type(spec.vtype)

    def number(self, value: int) -> None:
        """Push a fixnum."""
        if -128 <= value < 128:
            self.op("small", value)
        else:
            self.op("literal", self.literal(value << 3))

    def store(self, local: int) -> None:
        self.op("store_local", local)

    def open(self, local: int, size: int, to: int) -> None:
        self.op("var_open", local, min(size, 255))
        self.store(to)

    def exact(self, spec: VarSpec, local: int) -> None:
        """Arrays of a fixed size have it, where it can be said; indices are compared with it."""
        size, shift = spec.count * self.type_of(spec).stride, 0
        while size % 2 == 0 and size > 32767:
            size, shift = size // 2, shift + 1
        if spec.fixed and spec.count > 1 and size <= 32767:
            self.op("var_exact", local, size, shift)
            self.op("pop")

    def bytes(self, register: int) -> int:
        """The local variable with the bytes of a register; a null reference raises an exception."""
        place = self.places[register][-1]
        if place.nullable and place.variable not in self.opened:
            self.open(place.variable, self.type_of(place.spec).stride, place.bytes)
            self.exact(place.spec, place.bytes)
            self.opened.add(place.variable)
        return place.bytes

    def variable(self, register: int) -> int:
        """The local variable with a variable that has references; it is not null."""
        self.bytes(register)
        return self.places[register][-1].variable

    def make(self, spec: VarSpec, variable: int, bytes_: int, count: int | None = None) -> None:
        """A new variable; ``count`` is a local variable with the number of elements when that is not the one of the type."""
        vtype = self.type_of(spec)

        def times(n: int, more: int) -> None:
            if count is None:
                self.number(spec.count * n + more)
            else:
                self.op("local", count)
                self.number(n)
                self.op("times")
                if more:
                    self.number(more)
                    self.op("plus")
        times(vtype.stride, 0)
        self.op("make_variable")
        self.store(bytes_)
        self.open(bytes_, vtype.stride if count is None else 0, bytes_)
        if count is None:
            self.exact(spec, bytes_)
        if vtype.references:
            times(vtype.references, 0)
            self.op("call1", self.literal(self.m.intern("mkvect")))
            self.store(variable)
            self.op("local", variable)
            self.op("small", 0)
            self.op("local", bytes_)
            self.op("putv")
            self.op("pop")

    def take(self, spec: VarSpec) -> tuple[int, int]:
        """Local variables for a register of a type, those of a frame that was left when there are some."""
        vtype = self.type_of(spec)
        free = self.free.get((spec.vtype, spec.count))
        if free:
            return free.pop()
        bytes_ = self.new_local()
        return (self.new_local() if vtype.references else bytes_), bytes_

    # -- the whole ----------------------------------------------------------------------

    def translate(self) -> tuple[Code, list[int]]:
        """The bytecode and its literals (the first place is free); RangeException when it is too large for one function."""
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

    def release(self, place: Place) -> None:
        """Forget a reference."""
        for local in {place.variable, place.bytes}:
            self.op("nil")
            self.store(local)
        self.opened.discard(place.variable)

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
        parts = [value]
        while not -32768 <= parts[0] < 32768:
            parts[0:1] = [parts[0] >> 16, (parts[0] + 32768 & 65535) - 32768]
        self.op(name, parts[0], bytes_)
        for part in parts[1:]:
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

    def do_cpb(self, a: int, b: int) -> None:
        self.copy(a, 0, b, 0, min(self.type_of(self.places[a][-1].spec).bytes, self.type_of(self.places[b][-1].spec).bytes))

    def do_ldb(self, a: int, offset: int, b: int) -> None:
        self.copy(a, offset, b, 0, min(self.type_of(self.places[a][-1].spec).bytes - offset, self.type_of(self.places[b][-1].spec).bytes))

    def do_stb(self, a: int, b: int, offset: int) -> None:
        self.copy(a, 0, b, offset, min(self.type_of(self.places[a][-1].spec).bytes, self.type_of(self.places[b][-1].spec).bytes - offset))

    def copy(self, a: int, at: int, b: int, there: int, count: int) -> None:
        x, y = self.bytes(a), self.bytes(b)
        if (at, there, count) == (0, 0, 8):
            self.op("var_move", x, y)
            return
        self.op("local", x)
        self.number(at)
        self.op("local", y)
        self.number(there)
        self.number(count)
        self.op("copy_bytes")
        self.op("pop")

    def element(self, array: int, index: int, other: int, load: bool) -> None:
        """LDE and STE: one element, with its references, to or from the first element of another variable."""
        vtype = self.type_of(self.places[array][-1].spec)
        x, i, y = self.bytes(array), self.bytes(index), self.bytes(other)
        self.op("var_index", x, i, vtype.stride)
        if vtype.bytes == 8 and not vtype.references:
            self.op("pop")
            self.op(*(("var_fetch", x, i, y) if load else ("var_keep", y, x, i)))
            return
        at = self.new_local()
        self.store(at)

        def offset(n: int, more: int) -> None:
            self.op("local", at)
            self.number(n)
            self.op("times")
            if more:
                self.number(more)
                self.op("plus")
        self.op("local", x if load else y)
        if load:
            offset(vtype.stride, 0)
        else:
            self.op("small", 0)
        self.op("local", y if load else x)
        if load:
            self.op("small", 0)
        else:
            offset(vtype.stride, 0)
        self.number(vtype.stride)
        self.op("copy_bytes")
        self.op("pop")
        source, target = (self.variable(array), self.variable(other)) if load else (self.variable(other), self.variable(array))
        for k in range(vtype.references):
            self.op("local", target)
            if load:
                self.number(k + 1)
            else:
                offset(vtype.references, k + 1)
            self.op("local", source)
            if load:
                offset(vtype.references, k + 1)
            else:
                self.number(k + 1)
            self.op("getv")
            self.op("putv")
            self.op("pop")

    def do_lde(self, a: int, index: int, b: int) -> None:
        self.element(a, index, b, True)

    def do_ste(self, a: int, b: int, index: int) -> None:
        self.element(b, index, a, False)

    def do_ldr(self, a: int, k: int, b: int) -> None:
        place = self.places[b][-1]
        self.op("local", self.variable(a))
        self.number(k + 1)
        self.op("getv")
        self.store(place.variable)
        if place.bytes != place.variable:
            self.op("nil")
            self.store(place.bytes)
        self.opened.discard(place.variable)

    def do_str(self, a: int, b: int, k: int) -> None:
        self.op("local", self.variable(b))
        self.number(k + 1)
        self.op("local", self.places[a][-1].variable)
        self.op("putv")
        self.op("pop")

    def do_new(self, a: int, count: int | None = None) -> None:
        place = self.places[a][-1]
        self.make(place.spec, place.variable, place.bytes, count)
        self.opened.discard(place.variable)
        if count is None:
            self.opened.add(place.variable)

    def do_newn(self, count: int, a: int) -> None:
        local = self.new_local()
        self.op("var_integer", self.bytes(count))
        self.store(local)
        self.do_new(a, local)

    def do_len(self, a: int, to: int) -> None:
        place = self.places[a][-1]
        if place.nullable and not place.spec.fixed:  # it may have no element
            self.open(place.variable, 0, place.bytes)
            self.opened.discard(place.variable)
        else:
            self.bytes(a)
        self.op("var_length", place.bytes, self.type_of(place.spec).stride)
        self.op("var_take", self.bytes(to))

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
        function = self.new_local()
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


class Entry(Assembler):
    """The function of an external procedure: it takes a variable, or an integer where that is what the variable is; exceptions end in an error."""

    def __init__(self, lisp: Lisp, module: Module, proc: Proc) -> None:
        self.m = lisp.machine
        self.module, self.proc = module, proc
        self.f = Function(lisp.machine.intern(proc.name))

    def translate(self) -> tuple[Code, list[int]]:
        spec = self.module.reg(self.module.proc_type(self.proc.ptype).io)
        vtype = self.module.var_type(spec.vtype)
        self.new_local()
        bytes_, depth = self.new_local(), self.new_local()
        body = self.literal(self.m.intern(body_name(self.module, self.proc)))
        start, end, stub, other = (self.label() for _ in range(4))
        self.op("binding_depth")
        self.op("store_local", depth)
        self.place(start, 0)
        if spec.count == 1 and vtype.bytes >= 8 and not vtype.references:
            self.op("local", 0)
            self.op("fixp")
            self.jump("jump_nil", other)
            self.op("literal", self.literal(vtype.bytes << 3))
            self.op("make_variable")
            self.op("store_local", bytes_)
            self.op("var_open", bytes_, 8)
            self.op("store_local", bytes_)
            self.op("local", 0)
            self.op("check_word")
            self.op("var_take", bytes_)
            self.op("local", bytes_)
            self.op("call1", body)
            self.op("pop")
            self.op("var_integer", bytes_)
            self.op("return")
        self.place(other, 0)
        self.op("local", 0)
        self.op("call1", body)
        self.op("return")
        self.place(end, 0)
        self.place(stub, 0)
        self.op("literal", self.literal(self.f.name))
        self.op("local", depth)
        self.op("var_caught")
        self.op("call2", self.literal(self.m.intern("module-exception")))
        self.op("return")
        self.f.handlers.append((start, end, stub, 0))
        return self.assemble(1, 1, False), self.f.literals


