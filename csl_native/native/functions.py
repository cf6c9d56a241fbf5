"""The optimised tier: bytecode functions to LLVM IR.

Each instruction is a call of its definition, which LLVM inlines; the operand stack and the locals are slots that become
SSA values. Literals come through the environment, self-calls are direct, everything slow is a call of the kernel.
Small Lisp functions stand in place of their calls, and kernel functions are called directly, behind a guard that a
redefinition trips.  Values that are surely floats (``flow.py``) are doubles.  With ``speculate`` what is not a fixnum
or a pair where one was expected gives the function up: it goes on as bytecode, at the same instruction with the same
values.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from ..architectures import Architecture
from ..engines.weave import kernel_program
from ..foreign.types import Signature
from ..heap.vm import HEAP
from ..instructions.codec import Code, decode
from ..restricted import llvm as ir
from ..restricted.checker import Function
from ..restricted.emitter import Emitter
from ..stencils.weave import shared
from ..system.records import Record
from .chains import Chain
from .compiler import compile_ir, module_text
from .conventions import by_slow_paths, declare_shared, slow_path
from .elf import Block

PARTS = ("", ".whole", ".outer", ".words", ".entry")  # what a function's symbols have behind its label
UNLIKELY = ", !prof !3"
WEIGHTS = "".join(f'!{number} = !{{!"branch_weights", i32 {yes}, i32 {no}}}\n'
                  for number, yes, no in ((3, 1, 2000), (4, 2000, 1), (5, 60, 1)))


class NotCompilable(Exception):
    """A function that stays bytecode, and why."""


class Callee(Record):
    """What a call goes to: a Lisp function small enough to stand in its place, one whose front does (``front``), or
    (``function``) one of the kernel's.

    ``guard`` is the place of the byte that a redefinition of ``name`` sets.
    """

    name: str
    guard: int
    code: Code | None = None
    literals: int = 0
    floats: tuple[tuple[int, float], ...] = ()
    function: str = ""
    front: bool = False
    own: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Source:
    """A function to compile: a label for its symbols, its bytecode, which literals are its own symbol, floats or known
    functions.
    """

    label: str
    code: Code
    literals: int
    own: frozenset[int] = frozenset()
    floats: tuple[tuple[int, float], ...] = ()
    callees: tuple[tuple[int, Callee], ...] = ()
    speculate: bool = False
    foreign: Signature | None = None  # it only calls this C function
    name: str = ""  # of its symbol, by which what is compiled together with it knows it


def calls_itself(code: Code, own: Collection[int]) -> bool:
    """Is there a call of the function itself that is not its last?  ``own``: the literals that are the function."""
    return any(item.row.name.startswith("call") and item.operands[0] in own for item in decode(code.code))


class FunctionIR:
    """IR of one function.

    In one that calls itself, what all calls have in common stays in registers that none of them changes, where LLVM has
    parameters of that kind (``pins``: the attributes that Swift's self and asynchronous context have): so no call has
    to keep and pass it.
    """

    def __init__(self, source: Source, architecture: Architecture | None = None) -> None:
        from .lowering import Body
        self.source, self.code = source, source.code
        if self.code.fixed == 255:
            raise NotCompilable("it has optional or rest arguments")
        self.count = self.code.fixed
        self.pins = architecture.pins if architecture is not None and calls_itself(self.code, source.own) else None
        self.out = Emitter()
        self.used: set[str] = set()
        self.leaves: set[str] = set()  # functions that a fast path may leave
        self.convention = "" if architecture is None else architecture.slow_convention  # for calls that are rare
        self.word = 8 if architecture is None else architecture.word  # bytes of an address
        self.slow: set[str] = set()  # functions that are called by it
        self.others: dict[str, FunctionIR] = {}  # what is compiled together with it
        self.chain: Chain | None = None
        self.body = Body(self, source)

    def text(self) -> str:
        out = self.out
        if self.code.handlers:
            self.saved = out.define(f"call i64 @{self.use('current_lisp_stack')}(ptr %base)")
        arguments = [f"%a{k}" for k in range(self.count)]
        if self.body.chained:
            self.chain = Chain(self)
            arguments = [self.chain.load(slot) for slot in self.chain.arguments]
        self.body.begin(self.safepoint(), arguments)
        self.body.run(arguments)
        if "flush" in self.used:
            out.terminated = True
            out.place("flush")
            self.body.flush()
            out.jump("fail")
        if "fail" in self.used:
            out.terminated = True
            out.place("fail")
            if self.chain is not None:
                self.chain.fail()
            else:
                out.ret("word", out.define(f"tail call i64 @{self.use('leave_function')}(ptr %base, i64 %env)"))
        self.used -= {"fail", "flush"}
        outer = self.define(".outer", out, pins=None) if self.goes_on else ""
        beginning = self.front()
        if not beginning:
            return outer + self.define("", out, pins=self.pins)
        return outer + self.define(".whole", out, "noinline ",
                                   self.pins) + self.define("", beginning, "alwaysinline ", self.pins)

    @property
    def goes_on(self) -> bool:
        """Has it registers that are set by who comes through a cell, and last calls of others?  Those must leave
        nothing behind on the stack, so who comes through a cell gets the whole function once more, by the cell's
        convention (``.outer``)."""
        return (self.pins is not None and any(item.row.kind == "tail" and item.operands[0] not in self.source.own
                                              for item in self.body.listing))

    @property
    def has_front(self) -> bool:
        from .fronts import front
        return not self.body.types and bool(front(self.code, self.source.own))

    def front(self) -> Emitter | None:
        """The function's front, if it has one: then what was made before is the whole of it."""
        if not self.has_front:
            return None
        from .fronts import Front
        whole, self.out, self.chain = self.out, Emitter(), None
        beginning, made = self.out, Front(self, self.source)
        made.run([f"%a{k}" for k in range(self.count)])
        self.out = whole
        return beginning

    def define(self, part: str, out: Emitter, how: str = "", pins: tuple[str, str] | None = None) -> str:
        personality = " personality ptr @personality" if self.leaves else ""
        base, env = ("ptr %base", "i64 %env") if pins is None else (f"ptr {pins[0]} %base", f"ptr {pins[1]} %pinned")
        if pins is not None:
            out.head.insert(0, "  %env = ptrtoint ptr %pinned to i64")
        parameters = ", ".join([base, env, *(f"i64 %a{k}" for k in range(self.count))])
        return (f"define internal i64 @{self.source.label}{part}({parameters}) {how}nounwind "
                f"\"no-builtins\"{personality} "
                f"{{\n{out.text()}}}\n")

    def literals(self) -> str:
        """The environment, to read a literal.

        LLVM would keep the literals' addresses in registers, over calls, where base and environment stay in some that
        no call changes.  So it is told that the environment may be another one each time (of a pointer it can be; in
        code there is nothing left of that).
        """
        if self.pins is None:
            return "%env"
        out = self.out
        pointer = out.define("inttoptr i64 %env to ptr")
        return (out.define(f"ptrtoint ptr {out.define(f'call ptr @llvm.launder.invariant.group.p0(ptr {pointer})')} to "
                           "i64"))

    def safepoint(self) -> str:
        """A safepoint where the function begins."""
        return (self.out.define(f"call i64 @{self.use('native_safepoint')}(ptr %base)") if self.chain is None
                else self.chain.poll())

    def bytecoded(self, arguments: list[str]) -> str:
        """A call of the function as bytecode; those behind the third lie on the Lisp stack."""
        n = self.count
        name = self.use(f"bytecoded{n if n in (1, 2) else 'n'}")
        given = arguments if n in (1, 2) else [str(n), *arguments[:3], *["0"] * (3 - n)]
        return f"tail call i64 @{name}(ptr %base, i64 %env{''.join(f', i64 {a}' for a in given)})"

    def finish(self, value: str) -> None:
        """Leave the function with a value."""
        if self.chain is not None:
            self.chain.end(value)
        else:
            self.out.ret("word", value)

    def pass_on(self, value: str) -> None:
        """The same with what another one, which goes on in its place, gave or failed with."""
        if self.chain is not None:
            self.chain.pass_on(value)
        else:
            self.out.ret("word", value)

    def direct(self, out: Emitter, arguments: list[str], part: str = "", mark: str = "tail", env: str = "%env") -> str:
        """The value of a call of this function, or of a part of it, by its own convention."""
        first = ["ptr %base", f"i64 {env}"]
        if self.pins is not None and part != ".outer":
            first = [f"ptr {self.pins[0]} %base", f"ptr {self.pins[1]} {out.define(f'inttoptr i64 {env} to ptr')}"]
        return (out.define(f"{mark} call i64 "
                           f"@{self.source.label}{part}({', '.join([*first, *(f'i64 {a}' for a in arguments)])})"))

    def other(self, callee: Callee) -> FunctionIR | None:
        """The whole of a function with a front, when it is compiled together with this one."""
        found = self.others.get(callee.name)
        return found if callee.front and found is not None and found.code == callee.code and found.has_front else None

    def use(self, name: str) -> str:
        self.used.add(name)
        return name

    def rare(self, name: str) -> str:
        """How a function is called where that is rare: convention, result and name."""
        self.use(name)
        if not self.convention:
            return f"i64 @{name}"
        self.slow.add(name)
        return f"{self.convention} i64 @{'shared' if name in shared() else 'slow'}.{name}"

    def entry(self) -> str:
        """The entry point ``LABEL.entry`` in the calling convention of its cell."""
        n, out = self.count, Emitter()
        parameters = [f"%a{k}" for k in range(n)] if n in (1, 2) else ["%n", "%a0", "%a1", "%a2"]
        if n not in (1, 2):
            out.branch(out.define(f"icmp eq i64 %n, {n}"), "go", "bad")
            out.place("bad")
            out.ret("word", out.define(f"call i64 @{self.use('wrong_count')}(ptr %base, i64 %env, i64 %n)"))
            out.place("go")
        extra = [out.define(f"call i64 @{self.use('extra_argument')}(ptr %base, i64 {n - k})") for k in range(3, n)]
        out.ret("word", self.direct(out, [*(f"%a{k}" for k in range(min(n, 3))), *extra],
                                    ".outer" if self.goes_on else ""))
        head = ", ".join(f"i64 {name}" for name in parameters)
        return (f"define hidden i64 @{self.source.label}.entry(ptr %base, i64 %env, {head}) nounwind {{\n"
                f"{out.text()}}}\n")


def unit_text(architecture: Architecture, sources: list[Source]) -> str:
    """A module for some functions, with the inlined part of the kernel."""
    parts, used, leaves, slow_paths = [ir.PERSONALITY], set(), set[str](), set[str]()
    foreign: dict[str, str] = {}
    functions: list[FunctionIR] = []
    for source in sources:
        if source.foreign is not None:
            from .thunks import ThunkIR
            thunk = ThunkIR(source, architecture)
            foreign.setdefault(source.foreign.target, thunk.declaration())
            functions.append(thunk)
        else:
            from .leaves import LeafIR, is_leaf
            functions.append((LeafIR if is_leaf(source.code) else FunctionIR)(source, architecture))
    names = [source.name for source in sources]
    for function in functions:
        function.others = {other.source.name: other for other in functions if names.count(other.source.name) == 1}
        parts += [function.text(), function.entry()]
        used |= function.used
        slow_paths |= function.slow
        leaves |= function.leaves
    parts += foreign.values()
    program = kernel_program(())

    def inlined(f: Function) -> bool:
        return f.inline
    for name in ir.closure(program, used, inlined):
        f = program.functions[name]
        if f.inline:
            slow = [callee
                    for callee in f.calls if program.functions[callee].noinline] if architecture.slow_convention else []
            parts.append(by_slow_paths(ir.define(f, architecture, "internal", block=HEAP), slow,
                                       architecture.slow_convention))
            slow_paths |= set(slow)
        else:
            parts.append(ir.declare(f).replace("nounwind", "nounwind nonlazybind"))
    for name in sorted(slow_paths):
        f = program.functions[name]
        parts.append(declare_shared(f, architecture.slow_convention) if name in shared() else
                     slow_path(f, architecture.slow_convention))
    reached = ir.closure(program, leaves, inlined)
    for name in reached:
        f = program.functions[name]
        parts.append(ir.leaving_copy(ir.define(f, architecture, "internal", block=HEAP), reached) if f.inline
                     else ir.leaving(f))
    return module_text(architecture, "\n".join(parts)) + WEIGHTS + ir.ACCESS_KINDS


def compile_unit(architecture: Architecture, sources: list[Source]) -> Block:
    """Compile functions together; entry points are ``LABEL.entry``."""
    return compile_ir(architecture, unit_text(architecture, sources))
