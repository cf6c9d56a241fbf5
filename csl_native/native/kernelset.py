"""The kernel as a page set: made once for each architecture, loaded at every start."""

from __future__ import annotations

from ..architectures import Architecture
from ..engines.weave import chosen, kernel_program
from ..foreign import FOREIGN
from ..instructions.table import instructions
from .compiler import entry_table, kernel_abi
from .elf import Block, ObjectError
from .pages import PageSet, kind_numbers
from .workers import kernel_block


def make_kernel(architecture: Architecture, block: Block | None = None,
                engines: tuple[str, ...] | None = None) -> PageSet:
    """The kernel for an architecture with all engines or some, from its block or compiled now (needs llvmlite)."""
    block = block or kernel_block(architecture, engines)
    pages = PageSet(architecture.number, kernel_abi(), features=sorted(architecture.baseline))
    base = pages.add_block(block, kind_numbers(architecture))
    if outside := [target for target in pages.targets[1:] if not target.startswith(FOREIGN)]:
        raise ObjectError(f"the kernel for {architecture.name} calls {', '.join(outside)}, which the compiler took "
                          "from "
                          f"its run-time library; the architecture's support (csl_native/architectures) must define it")
    program = kernel_program(engines, architecture.tail_calls)
    pages.functions = {name: base + place for name, place in sorted(block.symbols.items())}
    pages.arities = {name: len(program.functions[name].parameters)
                     for name in sorted(block.symbols) if name in program.functions}
    pages.entry_names = list(entry_table())
    pages.engines = {e.name: sum(size for name, size in block.sizes.items() if name in e.functions(instructions()))
                     for e in chosen(engines, architecture.tail_calls)}
    return pages
