"""An unpacked module: its procedures as functions of a session."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from ..heap.objects import CODE_HEADER
from ..heap.words import VECTOR
from ..instructions.table import CodeError
from ..kernel.memory import NIL
from ..kernel.variables import NULL_REFERENCE, RANGE
from ..saving.verifying import private_env
from ..session.containers import Handle
from ..system.exceptions import LispError
from .entry import Entry
from .errors import OperationException, RuntimeException, TypeException
from .registers import body_name
from .translate import Translation
from .types import THREAD_LOCAL_REG, TOP_LEVEL_REG, Proc, VarSpec
from .variables import Variable, bytes_place, bytes_size, new_variable

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp
    from ..runtime.machine import Machine
    from ..session.session import Session
    from .module import Module

MEANINGS = {NULL_REFERENCE: " (a null reference)", RANGE: " (an index out of range)"}


def define(lisp: Lisp, module: Module) -> tuple[list[tuple[int, int]], int]:
    """The functions of a module with their literal vectors, proved as a stranger's are, and the vector of its top-level
    registers.

    Nothing is installed yet.
    """
    m = lisp.machine
    top = [k for k in range(module.reg_count) if module.reg(k).flags & TOP_LEVEL_REG]
    made: list[tuple[int, int]] = []
    data = m.vector([NIL] * (max(top) + 1))
    for k in top:
        value = new_variable(lisp, module, module.reg(k))
        m.set_field(data, 8 * k + 8 - VECTOR, value)
        kept = module.data.get(k, b"")
        place = bytes_place(m, value)
        m.bytes[place:place + len(kept)] = kept[:bytes_size(m, value)]
    for number in range(module.proc_count):
        proc = module.proc(number)
        parts = [(body_name(module, proc), Translation(lisp, module, proc, data).translate())]
        if proc.external:
            parts.append((proc.name, Entry(lisp, module, proc).translate()))
        for name, (code, literals) in parts:
            env = m.vector([m.object(CODE_HEADER, code.pack()), *literals[1:]])
            try:
                made.append((m.intern(name), private_env(m, env)))
            except CodeError as error:
                raise OperationException(f"{name}: the proof of its bytecode failed: {error}") from None
    return made, data


def function_names(module: Module) -> list[str]:
    """What the functions of a module are called."""
    procs = [module.proc(number) for number in range(module.proc_count)]
    return [name for proc in procs for name in (body_name(module, proc), proc.name)[:2 if proc.external else 1]]


def check_free(lisp: Lisp, module: Module) -> None:
    """Nobody else has a function of one of these names."""
    for name in function_names(module):
        if lisp.is_defined(lisp.machine.intern(name)):
            raise OperationException(f"there is a function {name} already; module {module.name} cannot be "
                                     "unpacked here")


def register_bytes(m: Machine, module: Module, data: int, flag: int) -> dict[int, bytes]:
    """What is in those registers that have a flag, whose vector is given."""
    kept = {}
    for k in range(module.reg_count):
        if module.reg(k).flags & flag:
            value = m.field(data, 8 * k + 8 - VECTOR)
            place = bytes_place(m, value)
            kept[k] = bytes(m.bytes[place:place + bytes_size(m, value)])
    return kept


def install(lisp: Lisp, made: list[tuple[int, int]]) -> None:
    """Make what ``define`` gave the functions of their symbols."""
    for symbol, env in made:
        lisp.install_env(symbol, env, 0)


class Running:
    """The functions of a module in a session, from unpack to pack.

    A session runs one thread at a time, so of several callers one waits for the other: a WRITER is alone, and so is a
    READER.
    """

    def __init__(self, module: Module, session: Session, native: bool) -> None:
        self.module, self.session, self.m = module, session, session.machine
        self.locals: dict[int, dict[int, bytes]] = {}  # of thread-local registers, by thread
        self.last = threading.get_ident()
        self.functions: list[int] = []
        self.data: Handle
        session.run(self._start)
        if native and session.hardcode.architecture is not None and session.hardcode.possible:
            session.native_compile([self.m.text(symbol) for symbol in self.functions])

    def _start(self) -> None:
        lisp, module = self.session.lisp, self.module
        check_free(lisp, module)
        made, data = define(lisp, module)
        self.data = Handle(self.session, data)
        install(lisp, made)
        self.functions = [symbol for symbol, _ in made]

    def stop(self) -> dict[int, bytes]:
        """Take the functions away; the bytes of top-level registers."""
        def body() -> dict[int, bytes]:
            kept = register_bytes(self.m, self.module, self.data.word, TOP_LEVEL_REG)
            for symbol in self.functions:
                self.session.lisp.undefine(symbol)
            return kept
        kept: dict[int, bytes] = self.session.run(body)
        return kept

    def change_thread(self, me: int) -> None:
        """Thread-local registers are those of the thread that calls."""
        if me == self.last:
            return
        now = register_bytes(self.m, self.module, self.data.word, THREAD_LOCAL_REG)
        self.locals[self.last], self.last = now, me
        mine = self.locals.pop(me, {k: bytes(len(kept)) for k, kept in now.items()})
        for k, kept in mine.items():
            place = bytes_place(self.m, self.m.field(self.data.word, 8 * k + 8 - VECTOR))
            self.m.bytes[place:place + len(kept)] = kept

    def variable(self, register: int, count: int | None = None) -> Variable:
        """A new variable of a register's type, of ``count`` elements where that is not the register's."""
        spec = self.module.reg(register)
        word = self.session.run(lambda: Handle(self.session, new_variable(self.session.lisp, self.module, spec, count)))
        return Variable(self, spec, word)

    def python_function(self, function: Any, io: VarSpec) -> int:
        """A Lisp function that calls a Python function with a Variable."""
        def call(value: Any) -> None:
            function(Variable(self, io, value))
        name = f"{self.module.name}:python{id(function):x}"
        self.session.define(name, call)
        return self.m.intern(name)

    def call(self, proc: Proc, io: Variable | int) -> Variable | int:
        if not proc.external:
            raise OperationException(f"{proc.name} is not an external procedure of module {self.module.name}")
        spec = self.module.reg(self.module.proc_type(proc.ptype).io)
        if isinstance(io, Variable) and (io.spec.vtype, io.count) != (spec.vtype, spec.count):
            raise TypeException(f"{proc.name} takes {spec.count} of type {spec.vtype}; {io.count} of type "
                                f"{io.spec.vtype} given")

        me = threading.get_ident()  # Lisp runs on a stack of its own, in another thread

        def body() -> Any:
            self.change_thread(me)
            self.session.lisp.module_exception = None
            try:
                return self.m.outside(lambda: self.session.function(proc.name)(
                    io.handle if isinstance(io, Variable) else io))
            except LispError as error:
                code = self.session.lisp.module_exception
                if code is None:
                    raise
                self.session.lisp.module_exception = None
                raise RuntimeException(f"{proc.name}: exception {code}{MEANINGS.get(code, '')}, which nobody caught",
                                       code) from error
        result = self.session.run(body)
        return io if isinstance(io, Variable) else result
