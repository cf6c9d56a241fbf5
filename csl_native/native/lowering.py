"""The body of a function of the optimised tier, or of one that stands in place of its call: instructions to IR."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING

from ..engines.weave import entry_arguments, kernel_program
from ..heap.words import UNWIND
from ..instructions.codec import Decoded, decode, verify
from ..instructions.effects import splits
from ..kernel.memory import NIL, T
from ..restricted import llvm as ir
from ..restricted.emitter import LLVM_TYPE, constant
from . import flow
from .allocation import OPAQUE, made, rooms
from .calls import CallInstructions, pushed
from .cells import NOTHING, CellInstructions, plan
from .chains import chained
from .compilable import UNLIKELY, Source
from .floats import FloatInstructions
from .flow import FLOAT, WORD, Types
from .niltests import before_pairs
from .slots import Value

if TYPE_CHECKING:
    from .functions import FunctionIR

# Instructions that give the function up, when it speculates, for anything but fixnums, pairs and good indices.
SPECULATIVE = frozenset(("plus", "difference", "times", "add1", "sub1", "lessp", "greaterp", "leq", "geq", "car", "cdr",
                         "getv"))
CALLS = {f"{kind}{n}": n for kind in ("call", "tail_call") for n in range(4)}


@cache
def only_signals(function: str) -> bool:
    """Is there nothing but an error where the fast path of an instruction is left?
    (``signal_...`` functions do not come back.)
    """
    program = kernel_program(())
    called = [name for name in ir.closure(program, [function], lambda f: f.inline)
              if not program.functions[name].inline]
    return all(name.startswith("signal_") for name in called)


class Body(CallInstructions, FloatInstructions, CellInstructions):
    """The instructions of a function; ``caller`` and its call's place when they stand in place of a call."""

    def __init__(self, unit: FunctionIR, source: Source, caller: Body | None = None,
                 call: Decoded | None = None) -> None:
        self.unit, self.source, self.caller, self.call = unit, source, caller, call
        self.code, self.out = source.code, unit.out
        self.depths = verify(self.code, source.literals)
        self.listing = [item for item in decode(self.code.code) if item.at in self.depths]
        self.floats, self.callees = dict(source.floats), dict(source.callees)
        self.env = self.prefix = self.elsewhere = ""
        # is its value that of the whole function, and its last call a jump?
        self.last = call is None or call.row.kind == "tail"
        self.plan, self.cells = plan(self.code, self.listing, call is not None), {}
        self.copy, self.at, self.rounds = 0, 0, self.copies(self.listing)
        pending = pushed(self.listing)
        typed = bool(self.plan.own or self.plan.shadowed)
        # where the function can be given up
        self.sure = {item.at for item in self.listing if not pending[item.at] and not typed}
        kernel = {n: callee.name for n, callee in self.callees.items()
                  if callee.code is None and callee.name in flow.FUNCTIONS}
        self.functions = {item.at: kernel[item.operands[0]] for item in self.listing
                          if item.row.name == "call1" and item.at in self.sure and item.operands[0] in kernel}
        self.types = flow.infer(self.code, self.listing, self.floats, self.functions)
        self.targets = {item.target for item in self.listing
                        if item.target is not None} | {t for _, _, t, _ in self.code.handlers}
        alone = call is None and not self.types and self.plan == NOTHING
        self.chained = chained(self.code, self.listing, source.own) if alone else frozenset[int]()
        self.before_pairs = frozenset[int]() if self.types else before_pairs(self.listing)
        # Floats are boxed anywhere, and ``OPAQUE`` needs registers of 64 bits.
        self.rooms = {} if self.types or unit.word != 8 else rooms(self.listing, self.targets, self.chained)
        self.late: dict[int, int] = {}

    # -- the code, from its beginning on --------------------------------------------------

    def run(self, arguments: list[str]) -> None:
        """Lower everything; ``arguments`` are words."""
        out = self.out
        if self.caller is not None:
            self.prefix = out.label("inlined")[1:] + "."
            self.result, self.done = out.slot("result", "word"), out.label("done")
        self.make_slots(arguments)
        self.make_cells()
        for copy in range(self.rounds):
            self.copy = copy
            self.once()
        if self.caller is not None:
            out.place(self.done)

    def once(self) -> None:
        """The code, a first time or once more; only jumps get to what is there once more."""
        out, code = self.out, self.code
        if self.copy:
            out.terminated = True
            out.place(out.label("again"))
        for item, following in zip(self.listing, [*self.listing[1:], None], strict=True):
            self.at = item.at
            if item.at in self.targets or out.terminated:
                self.late.clear()  # what is there was stored; what is left is of code that leaves
                out.place(f"{self.prefix}at{item.at}" + (f".{self.copy}" if self.copy else ""))
                if any(t == item.at for _, _, t, _ in code.handlers):
                    out.emit(f"call void @{self.unit.use('set_lisp_stack')}(ptr %base, i64 {self.unit.saved})")
            self.make_room(item)
            if item.target is not None:
                self.read_late()
            self.instruction(item)
            if not out.terminated:
                if following is None or following.at in self.targets:
                    self.read_late()
                self.transition(self.after(item), item.end)
                if following is not None and following.at != item.end:
                    out.jump(self.label(item.end))

    def make_room(self, item: Decoded) -> None:
        """Room for the pairs that this instruction makes and those behind it; then there is enough for this one, which
        LLVM believes.
        """
        if not self.shares_room(item):
            return
        if size := self.rooms[item.at]:
            self.out.emit(f"call void @{self.unit.use('reserve')}(ptr %base, i64 {size})")
        enough = self.out.define(f"call i1 @{self.unit.use('room')}(ptr %base, i64 {made(item, self.chained)})")
        self.out.emit(f"call void @llvm.assume(i1 {enough})")

    def label(self, at: int | None) -> str:
        copy = self.copy if at is None or at > self.at else (self.copy + 1) % self.rounds
        return f"{self.prefix}at{at}" + (f".{copy}" if copy else "")

    def shares_room(self, item: Decoded) -> bool:
        return item.at in self.rooms and self.rooms[item.at] != made(item, self.chained)

    def branch(self, condition: str, item: Decoded, now: Types) -> None:
        """Go to the target or on, with values as they are expected there."""
        out, target = self.out, self.label(item.target)
        if (self.types and any(a != b for a, b in zip(now.locals + now.operands, sum(self.before(item.target or 0), ()),
                                                      strict=True))):
            edge = out.label("edge")
            out.branch(condition, edge, (on := out.label("on")))
            out.place(edge)
            self.transition(now, item.target)
            out.jump(target)
            out.place(on)
            self.transition(now, item.end)
            out.jump(self.label(item.end))
        else:
            self.transition(now, item.end)
            again = self.rounds > 1 and item.target is not None and item.target <= item.at
            out.emit(f"br i1 {condition}, label %{target}, label "
                     f"%{self.label(item.end)}{', !prof !5' if again else ''}")
            out.terminated = True

    # -- failures ---------------------------------------------------------------------------

    def failure(self, at: int) -> str:
        """Where an UNWIND at a place of the bytecode goes: a handler's label, or out of the function."""
        for start, end, handler, _ in self.code.handlers:
            if start <= at < end:
                return self.label(handler)
        if self.caller is not None and self.call is not None:
            return self.caller.failure(self.call.at)
        self.unit.used.add("fail")
        if self.plan.opened and at > max(self.plan.opened):
            self.unit.used.add("flush")
            return "flush"
        return "fail"

    def check(self, value: str, at: int, go_on: str) -> None:
        bad = self.out.define(f"icmp eq i64 {value}, {UNWIND}")
        self.out.emit(f"br i1 {bad}, label %{self.failure(at)}, label %{go_on}{UNLIKELY}")
        self.out.terminated = True

    def checked(self, value: str, at: int) -> str:
        go_on = self.out.label("ok")
        self.check(value, at, go_on)
        self.out.place(go_on)
        return value

    def give_up(self, item: Decoded) -> None:
        """Go on as bytecode, from this instruction with what its operands and the locals are."""
        types = self.before(item.at)
        self.go_on_as_bytecode(item.at,
                               [self.read(place, kind) for place, kind in enumerate(types.locals + types.operands)])

    def go_on_as_bytecode(self, at: int, values: list[Value]) -> None:
        """The same from a place on, with the first locals, or with all of them and operands."""
        out, use = self.out, self.unit.use
        fp = out.define(f"call i64 @{use('bytecode_frame')}(ptr %base, i64 %env)")
        some, none = out.label("some"), out.label("none")
        out.branch(out.define(f"icmp ne i64 {fp}, 0"), some, none)
        out.place(some)
        for place, value in enumerate(values):
            offset = 8 * place + (8 if place >= self.code.locals else 0)
            out.emit(f"call void @{use('store_word')}(ptr %base, i64 {out.define(f'add i64 {fp}, {offset}')}, i64 "
                     f"{self.word(value, False)})")
        out.place(none)
        depth = max(len(values) - self.code.locals, 0)
        self.unit.pass_on(out.define(f"call i64 @{use('give_up')}(ptr %base, i64 %env, i64 {fp}, i64 {at}, i64 "
                                     f"{depth})"))

    def begin(self, safepoint: str, arguments: list[str]) -> None:
        """The safepoint where a function begins, with words."""
        self.safepoint(safepoint, -1, lambda: self.begin_as_bytecode(arguments))

    def begin_as_bytecode(self, arguments: list[str]) -> None:
        if len(arguments) <= 3:
            self.unit.pass_on(self.out.define(self.unit.bytecoded(arguments)))
        else:
            self.go_on_as_bytecode(0, [Value(WORD, a) for a in arguments])

    def poll(self, item: Decoded, first: int) -> None:
        """A safepoint in a loop."""
        result = self.out.define(f"call i64 @{self.unit.use('native_safepoint')}(ptr %base)")
        self.safepoint(result, item.at, lambda: self.give_up(item))
        self.write(first, Value(WORD, str(NIL)))

    def safepoint(self, result: str, at: int, go_on: Callable[[], None]) -> None:
        """What a safepoint gave: ``go_on`` as bytecode, a failure, or nil."""
        out = self.out
        leave, stay, on = out.label("leave"), out.label("stay"), out.label("on")
        out.emit(f"br i1 {out.define(f'icmp eq i64 {result}, {T}')}, label %{leave}, label %{stay}{UNLIKELY}")
        out.terminated = True
        out.place(leave)
        go_on()
        out.place(stay)
        self.check(result, at, on)
        out.place(on)

    # -- instructions -----------------------------------------------------------------------

    def finish(self, value: str) -> None:
        """Leave the function with a value."""
        self.flush()
        if self.last:
            self.unit.finish(value)
        else:
            self.out.emit(f"store i64 {value}, ptr {self.result}")
            self.out.jump(self.done)

    def instruction(self, item: Decoded) -> None:
        row, depth, now = item.row, self.depths[item.at], self.before(item.at)
        first = self.code.locals + depth - row.takes
        inputs = [self.read(first + k, kind) for k, kind in enumerate(now.operands[depth - row.takes:])]
        if row.kind == "return":
            self.finish(self.word(inputs[0]))
        elif item.at in self.plan.skipped:
            pass
        elif "fp" in row.context:
            n = item.operands[0]
            if row.takes:
                self.write(n, inputs[0])
                if row.gives:
                    self.write(first, inputs[0])
                self.local_stored(item)
            else:
                self.write(first, self.read(n, now.locals[n]))
        elif row.name == "poll" and self.copy < self.rounds - 1:
            self.write(first, Value(WORD, str(NIL)))
        elif row.name == "poll" and item.at in self.sure and self.caller is None:
            self.poll(item, first)
        elif row.name == "var_index" and item.operands[0] in self.plan.arrays and item.operands[0] not in self.cells:
            self.write(first, Value(WORD, self.index(item)))
        elif row.always:
            self.transition(now, item.target)
            self.out.jump(self.label(item.target))
        elif row.name == "literal" and item.operands[0] in self.floats and self.types:
            self.write(first, Value(FLOAT, constant(self.floats[item.operands[0]])))
        elif row.name == "literal" and not self.types and not self.code.handlers:
            self.late[first] = item.operands[0]
        elif FLOAT in (value.type for value in inputs) and self.float_instruction(item, inputs, first):
            pass
        elif row.name in CALLS:
            self.call_instruction(item, [self.word(value) for value in inputs], first)
        else:
            self.plain(item, [self.word(value) for value in inputs], first)

    def assumes(self, item: Decoded) -> bool:
        """Is a function given up where the fast path of an instruction is left?"""
        return self.source.speculate and self.caller is None and item.row.name in SPECULATIVE and item.at in self.sure

    def plain(self, item: Decoded, inputs: list[str], first: int) -> None:
        """An instruction by its definition."""
        out, row = self.out, item.row
        operand = self.operands_of(item)
        if item.at in self.before_pairs:
            self.pair_first(item, inputs[0])
        f, values = kernel_program(()).functions[row.function], iter(inputs)
        names = [argument.arg for argument in f.node.args.args]
        arguments = [self.environment() if name in row.context else operand[name] if name in operand else next(values)
                     for name in names]
        list_ = "".join(f", i64 {a}" for a in arguments)
        assumes = self.assumes(item)
        if assumes or row.fails and row.kind == "value" and f.lisp_name is not None and splits(row):
            self.unit.leaves.add(row.function)
            pad, on = out.label("pad"), out.label("on")
            result, before = out.invoke(f"i64 @leave.{row.function}(ptr %base{list_})", pad), dict(self.late)
            self.write(first, Value(WORD, result))
            out.jump(on)
            out.place(pad)
            out.emit("%" + pad[1:] + ".e = landingpad {ptr, i32} cleanup")
            if assumes:
                self.late, after = before, self.late
                self.give_up(item)
                self.late = after
            else:
                self.rare(item, row.function, inputs, first, on)
            out.place(on)
            return
        text = f"call {LLVM_TYPE[f.result]} @{self.unit.use(row.function)}(ptr %base{list_})"
        if f.result == "void":
            out.emit(text)
            return
        if row.kind == "tail" and self.last:
            self.last_call(text)
            return
        result = out.define(text)
        if row.kind == "tail":
            self.finish(self.checked(result, item.at))
        elif row.kind == "branch":
            self.branch(result, item, self.after(item))
        else:
            if row.fails:
                self.checked(result, item.at)
            if self.shares_room(item):
                result = out.define(OPAQUE.format(result))
            if row.written is not None:
                self.typed_result(item, result)
            elif row.gives:
                self.write(first, Value(WORD, result))

    def pair_first(self, item: Decoded, value: str) -> None:
        """A test for nil is none for a pair."""
        is_pair, other = (self.out.define(f"call i64 @{self.unit.use('pairp')}(ptr %base, i64 {value})"),
                          self.out.label("other"))
        there = self.label(item.target if item.row.name == "jump_not_nil" else item.end)
        self.out.emit(f"br i1 {self.out.define(f'icmp ne i64 {is_pair}, {NIL}')}, label %{there}, label %{other}, "
                      "!prof !4")
        self.out.terminated = True
        self.out.place(other)

    def last_call(self, text: str) -> None:
        """Leave the function with the value of a call; nothing stays on the stack, unless a list that was begun waits
        for it.
        """
        out, chain = self.out, self.unit.chain
        self.flush()
        if chain is not None:
            alone, behind = out.label("alone"), out.label("behind")
            chain.fork(alone, behind)
            out.place(behind)
            chain.pass_on(out.define(text))
            out.place(alone)
        out.ret("word", out.define("tail " + text))

    def rare(self, item: Decoded, function: str, inputs: list[str], first: int, on: str) -> None:
        """An instruction by the kernel's Lisp function of its meaning, where its fast path was left; then on to a
        label.
        """
        # the function has to do with floats
        if self.types and item.row.name in flow.ARITHMETIC and item.row.name != "quotient":
            self.two_floats(item, inputs, first, on)
        arguments = "".join(f", i64 {a}" for a in entry_arguments("0", inputs))
        result = self.out.define(f"call {self.unit.rare(f'entry_{function}')}(ptr %base{arguments})")
        if only_signals(function):
            self.out.jump(self.failure(item.at))
            return
        self.write(first, Value(WORD, self.checked(result, item.at)))
        self.out.jump(on)
