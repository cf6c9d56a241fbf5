"""The optimised tier, ahead of time: bytecode functions to LLVM IR.

Each instruction is a call of its definition, which LLVM inlines; the operand
stack and the locals are slots that become SSA values.  Literals come through
the environment, self-calls are direct, everything slow is a call of the kernel.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ..engines.weave import kernel_program
from ..instructions.codec import OPERANDS, Code, Decoded, decode, verify
from ..restricted import llvm as ir
from ..restricted.checker import Function
from ..restricted.emitter import LLVM_TYPE, Emitter
from ..words import UNWIND
from .architectures import Architecture
from .compiler import compile_ir, module_text
from .elf import Block

UNLIKELY = ", !prof !3"


class NotCompilable(Exception):
    """A function that stays bytecode, and why."""


@dataclass(frozen=True)
class Source:
    """A function to compile: a label for its symbols, its bytecode, and which literals are its own symbol."""

    label: str
    code: Code
    literals: int
    own: frozenset[int] = frozenset()


class FunctionIR:
    """IR of one function."""

    def __init__(self, source: Source) -> None:
        self.source, self.code = source, source.code
        if self.code.fixed == 255:
            raise NotCompilable("it has optional or rest arguments")
        self.count = self.code.fixed
        self.depths = verify(self.code, source.literals)
        self.listing = [item for item in decode(self.code.code) if item.at in self.depths]
        self.out = Emitter()
        self.used: set[str] = {"op_poll"}

    def text(self) -> str:
        out, code = self.out, self.code
        self.locals = [out.slot(f"l{k}", "word") for k in range(code.locals)]
        self.stack = [out.slot(f"s{k}", "word") for k in range(max(self.depths.values(), default=0) + 4)]
        for k in range(code.locals):
            out.emit(f"store i64 {f'%a{k}' if k < self.count else '0'}, ptr {self.locals[k]}")
        if code.handlers:
            self.saved = out.define(f"call i64 @{self.use('current_lisp_stack')}(ptr %base)")
        poll = out.define("call i64 @op_poll(ptr %base)")
        begin = out.label("begin")
        self.check(poll, -1, begin)
        targets = {item.target for item in self.listing if item.target is not None} | {t for _, _, t, _ in code.handlers}
        ends = [*self.listing[1:], None]
        out.place(begin)
        for item, following in zip(self.listing, ends, strict=True):
            if item.at in targets or out.terminated:
                out.place(f"at{item.at}")
                if any(t == item.at for _, _, t, _ in code.handlers):
                    out.emit(f"call void @{self.use('set_lisp_stack')}(ptr %base, i64 {self.saved})")
            self.instruction(item)
            if not out.terminated and following is not None and following.at != item.end:
                out.jump(f"at{item.end}")
        if "fail" in self.used:
            out.lines.append("fail:")
            out.lines.append(f"  ret i64 {UNWIND}")
        self.used.discard("fail")
        parameters = "".join(f", i64 %a{k}" for k in range(self.count))
        return f"define internal i64 @{self.source.label}(ptr %base, i64 %env{parameters}) nounwind \"no-builtins\" {{\n{out.text()}}}\n"

    def use(self, name: str) -> str:
        self.used.add(name)
        return name

    def check(self, value: str, at: int, go_on: str) -> None:
        """Leave for the handler, or the function, when ``value`` is UNWIND."""
        target = "fail"
        for start, end, handler, _ in self.code.handlers:
            if start <= at < end:
                target = f"at{handler}"
                break
        if target == "fail":
            self.used.add("fail")
        bad = self.out.define(f"icmp eq i64 {value}, {UNWIND}")
        self.out.emit(f"br i1 {bad}, label %{target}, label %{go_on}{UNLIKELY}")
        self.out.terminated = True

    def instruction(self, item: Decoded) -> None:
        out, row = self.out, item.row
        depth = self.depths[item.at]
        below = depth - row.takes
        values = [out.define(f"load i64, ptr {self.stack[below + k]}") for k in range(row.takes)]
        operand = dict(zip((label for label, _ in row.operands), item.operands, strict=True))
        scaled = {label: operand[label] << OPERANDS[kind].scale for label, kind in row.operands}
        if row.kind == "return":
            out.ret("word", values[0])
            return
        if "fp" in row.context:
            self.local(row.name, operand["n"], values, below)
            return
        if row.name == "jump":
            out.jump(f"at{item.target}")
            return
        own = row.name.startswith(("call", "tail_call")) and operand.get("n") in self.source.own and row.takes == self.count
        if own and row.name not in ("calln",):
            # A recursion without end must stay one: LLVM may see that it never returns, and would make a loop that no stack limit ends.
            mark = "tail" if row.kind == "tail" else "notail"
            result = out.define(f"{mark} call i64 @{self.source.label}(ptr %base, i64 %env{''.join(f', i64 {v}' for v in values)})")
        else:
            function = kernel_program(()).functions[row.function]
            arguments, inputs = [], iter(values)
            for argument in function.node.args.args:
                name = argument.arg
                if name in row.context:
                    arguments.append("%env")
                elif name in scaled:
                    arguments.append(str(scaled[name]))
                else:
                    arguments.append(next(inputs))
            text = f"call {LLVM_TYPE[function.result]} @{self.use(row.function)}(ptr %base{''.join(f', i64 {a}' for a in arguments)})"
            if function.result == "void":
                out.emit(text)
                return
            result = out.define(("tail " if row.kind == "tail" else "") + text)
        if row.kind == "tail":
            out.ret("word", result)
        elif row.kind == "branch":
            out.branch(result, f"at{item.target}", f"at{item.end}")
        else:
            if row.fails:
                go_on = out.label("ok")
                self.check(result, item.at, go_on)
                out.place(go_on)
            if row.gives:
                out.emit(f"store i64 {result}, ptr {self.stack[below]}")

    def local(self, name: str, n: int, values: list[str], below: int) -> None:
        """The frame's locals are slots: the one thing that memory does for the interpreter and registers do here."""
        out = self.out
        if name == "local":
            value = out.define(f"load i64, ptr {self.locals[n]}")
            out.emit(f"store i64 {value}, ptr {self.stack[below]}")
        else:
            out.emit(f"store i64 {values[0]}, ptr {self.locals[n]}")

    def entry(self) -> str:
        """The entry point ``LABEL.entry`` in the calling convention of its cell."""
        n, label = self.count, self.source.label
        if n in (1, 2):
            head = ", ".join(f"i64 %a{k}" for k in range(n))
            return (f"define hidden i64 @{label}.entry(ptr %base, i64 %env, {head}) nounwind {{\n"
                    f"  %r = tail call i64 @{label}(ptr %base, i64 %env, {head})\n  ret i64 %r\n}}\n")
        self.used.add("wrong_count")
        lines = [f"define hidden i64 @{label}.entry(ptr %base, i64 %env, i64 %n, i64 %a0, i64 %a1, i64 %a2) nounwind {{",
                 f"  %ok = icmp eq i64 %n, {n}", "  br i1 %ok, label %go, label %bad", "bad:",
                 "  %w = call i64 @wrong_count(ptr %base, i64 %env, i64 %n)", "  ret i64 %w", "go:"]
        if n > 3:
            self.used.add("extra_argument")
            for k in range(3, n):
                lines.append(f"  %a{k} = call i64 @extra_argument(ptr %base, i64 {n - k})")
        arguments = "".join(f", i64 %a{k}" for k in range(n))
        return "\n".join([*lines, f"  %r = tail call i64 @{label}(ptr %base, i64 %env{arguments})", "  ret i64 %r", "}"]) + "\n"


def by_slow_paths(text: str, names: list[str], convention: str) -> str:
    """A definition that calls some functions through their slow paths."""
    for name in names:
        text = re.sub(rf"(tail )?call (\w+) @{name}\(", rf"call {convention} \2 @slow.{name}(", text)
    return text


def slow_path(f: Function, convention: str) -> str:
    """A function of the kernel by a convention that saves all registers, so that callers need not spill for what is rare."""
    kinds = [LLVM_TYPE[kind] for _, kind in f.parameters]
    parameters = "".join(f", {kind} %a{k}" for k, kind in enumerate(kinds))
    result = LLVM_TYPE[f.result]
    body = f"call void @{f.name}(ptr %base{parameters})\n  ret void" if result == "void" else (
        f"%r = call {result} @{f.name}(ptr %base{parameters})\n  ret {result} %r")
    return f"define internal {convention} {result} @slow.{f.name}(ptr %base{parameters}) nounwind noinline cold {{\n  {body}\n}}\n"


def unit_text(architecture: Architecture, sources: list[Source]) -> str:
    """A module for some functions, with the inlined part of the kernel."""
    parts, used, slow_paths = [], set(), set[str]()
    for source in sources:
        function = FunctionIR(source)
        parts += [function.text(), function.entry()]
        used |= function.used
    program = kernel_program(())

    def inlined(f: Function) -> bool:
        return f.inline
    for name in ir.closure(program, used, inlined):
        f = program.functions[name]
        if f.inline:
            slow = [callee for callee in f.calls if program.functions[callee].noinline] if architecture.slow_convention else []
            parts.append(by_slow_paths(ir.define(f, architecture, "internal"), slow, architecture.slow_convention))
            slow_paths |= set(slow)
        else:
            parts.append(ir.declare(f).replace("nounwind", "nounwind nonlazybind"))
    parts += [slow_path(program.functions[name], architecture.slow_convention) for name in sorted(slow_paths)]
    return module_text(architecture, "\n".join(parts)) + '!3 = !{!"branch_weights", i32 1, i32 2000}\n'


def compile_unit(architecture: Architecture, sources: list[Source]) -> Block:
    """Compile functions together; entry points are ``LABEL.entry``."""
    return compile_ir(architecture, unit_text(architecture, sources))
