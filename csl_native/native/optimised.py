"""Functions that are compiled together: the text of their module, with what of the kernel stands in it."""

from __future__ import annotations

from ..architectures import Architecture
from ..engines.weave import kernel_program
from ..heap.vm import HEAP
from ..restricted import llvm as ir
from ..restricted.checker import Function
from ..stencils.weave import shared
from .compilable import Source
from .compiler import compile_ir, module_text
from .conventions import by_slow_paths, declare_shared, slow_path
from .elf import Block
from .functions import FunctionIR
from .leaves import LeafIR, is_leaf
from .thunks import ThunkIR

WEIGHTS = "".join(f'!{number} = !{{!"branch_weights", i32 {yes}, i32 {no}}}\n'
                  for number, yes, no in ((3, 1, 2000), (4, 2000, 1), (5, 60, 1)))


def unit_text(architecture: Architecture, sources: list[Source]) -> str:
    """A module for some functions, with the inlined part of the kernel."""
    parts, used, leaves, slow_paths = [ir.PERSONALITY], set(), set[str](), set[str]()
    foreign: dict[str, str] = {}
    functions: list[FunctionIR] = []
    for source in sources:
        if source.foreign is not None:
            thunk = ThunkIR(source, architecture)
            foreign.setdefault(source.foreign.target, thunk.declaration())
            functions.append(thunk)
        else:
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
