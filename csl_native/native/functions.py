"""The optimised tier: bytecode functions to LLVM IR.

Each instruction is a call of its definition, which LLVM inlines; the operand stack and the locals are slots that become
SSA values. Literals come through the environment, self-calls are direct, everything slow is a call of the kernel.
Small Lisp functions stand in place of their calls, and kernel functions are called directly, behind a guard that a
redefinition trips.  Values that are surely floats (``flow.py``) are doubles.  With ``speculate`` what is not a fixnum
or a pair where one was expected gives the function up: it goes on as bytecode, at the same instruction with the same
values.
"""

from __future__ import annotations

from ..architectures import Architecture
from ..instructions.codec import Code, Decoded
from ..restricted.emitter import Emitter
from ..stencils.weave import shared
from .chains import Chain
from .compilable import Callee, NotCompilable, Source, calls_itself
from .fronts import Front, front
from .lowering import Body


class FunctionIR:
    """IR of one function.

    In one that calls itself, what all calls have in common stays in registers that none of them changes, where LLVM has
    parameters of that kind (``pins``: the attributes that Swift's self and asynchronous context have): so no call has
    to keep and pass it.
    """

    def __init__(self, source: Source, architecture: Architecture | None = None) -> None:
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
        return not self.body.types and bool(front(self.code, self.source.own))

    def front(self) -> Emitter | None:
        """The function's front, if it has one: then what was made before is the whole of it."""
        if not self.has_front:
            return None
        whole, self.out, self.chain = self.out, Emitter(), None
        beginning, made = self.out, Front(self, self.source)
        made.run([f"%a{k}" for k in range(self.count)])
        self.out = whole
        return beginning

    def inlined(self, callee: Callee, code: Code, caller: Body, item: Decoded) -> Body:
        """What makes a small function, or its front, in place of a call."""
        source = Source("", code, callee.literals, callee.own, callee.floats)
        return (Front if callee.front else Body)(self, source, caller, item)

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
