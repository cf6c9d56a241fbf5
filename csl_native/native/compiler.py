"""From IR text to a block, through llvmlite, for any architecture; and the kernel itself."""

from __future__ import annotations

import hashlib
import re
from functools import cache
from typing import Any

from csl_native.system.exceptions import Error

from ..architectures import Architecture
from ..engines.weave import kernel_program, lisp_functions, table_entries
from ..heap import vm
from ..kernel.calls import ENTRY_NAMES
from ..restricted import llvm as ir
from ..restricted.cpython import translate
from ..restricted.emitter import DECLARATIONS
from ..runtime.kernels import C_FUNCTIONS
from ..runtime.outside import outside_text
from ..stencils.weave import called, shared
from ..system.extras import missing
from .conventions import quick_path, slow_path
from .elf import Block, import_object

# What the kernel has in place of functions of C's library.
ELEMENTARY = ("alone_sin", "alone_cos", "alone_tan", "alone_atan", "alone_exp", "alone_log")


class CompilerMissing(Error, RuntimeError):
    """llvmlite is not installed: nothing can be compiled here, but everything that exists still runs."""


@cache
def library() -> Any:
    try:
        import llvmlite.binding as llvm
    except ImportError as error:
        raise CompilerMissing(f"{missing('llvmlite')}, or run as bytecode") from error
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    return llvm


@cache
def _machine(architecture: Architecture, level: int, static: bool) -> Any:
    llvm = library()
    features = ",".join(filter(None, (architecture.llvm_features, architecture.copying.features if static else "")))
    return llvm.Target.from_triple(architecture.triple).create_target_machine(
        cpu=architecture.cpu, features=features, opt=level, reloc="static" if static else "pic",
        codemodel=architecture.copying.model if static else "small", abiname=architecture.llvm_abi)


def module_text(architecture: Architecture, body: str, pic: bool = True) -> str:
    """A module around IR text, with what every module needs, and what every function of the architecture does."""
    if architecture.outside is not None:
        body = re.sub(r"(?m)^(define .*?) nounwind\b", rf"\1 nounwind {architecture.outside.attributes}", body)
    flags = ('!llvm.module.flags = !{!1, !2}\n!1 = !{i32 8, !"PIC Level", i32 2}\n'
              '!2 = !{i32 7, !"direct-access-external-data", i32 0}\n')
    return f'target triple = "{architecture.triple}"\n{DECLARATIONS}\n{body}\n{flags if pic else ""}'


def compile_ir(architecture: Architecture, text: str, level: int = 2) -> Block:
    """Optimise a module and make its object code a block."""
    return import_object(object_code(architecture, text, level), architecture)


def object_code(architecture: Architecture, text: str, level: int = 2, static: bool = False) -> bytes:
    """Optimise a module and give its ELF object; ``static``: its external symbols are small numbers, not places."""
    machine, module = _optimised(architecture, text, level, static)
    return bytes(machine.emit_object(module))


def assembly_text(architecture: Architecture, text: str, level: int = 2) -> str:
    """Optimise a module and give it as assembly, for people."""
    machine, module = _optimised(architecture, text, level)
    return str(machine.emit_assembly(module))


def _optimised(architecture: Architecture, text: str, level: int, static: bool = False) -> tuple[Any, Any]:
    llvm = library()
    for option in architecture.copying.options if static else architecture.options:
        llvm.set_option("csl-native", option)
    machine = _machine(architecture, level, static)
    module = llvm.parse_assembly(text)
    module.data_layout = str(machine.target_data)
    tuning = llvm.create_pipeline_tuning_options(speed_level=level)
    tuning.loop_vectorization = False
    tuning.slp_vectorization = False
    tuning.loop_unrolling = False
    builder = llvm.create_pass_builder(machine, tuning)
    builder.getModulePassManager().run(module, builder)
    return machine, module


@cache
def kernel_abi() -> str:
    """Digest of everything that compiled code relies on: kernel sources, VM block, entry slots; engines may differ."""
    text = translate(kernel_program(())) + repr(sorted(vm.VM.items())) + repr(base_entries())
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@cache
def entry_table() -> tuple[str, ...]:
    """Function names by entry slot: those of the kernel, then the tables of the engines, then what stencils call."""
    return (*base_entries(), *table_entries(), *called())


def base_entries() -> tuple[str, ...]:
    """The fixed slots, then one for each Lisp function of the kernel."""
    return (*ENTRY_NAMES, *(f"entry_{f.name}" for f in lisp_functions()))


def elementary_text() -> str:
    """IR of the kernel's own functions in place of those of C's library, with the parameters that ``callf`` passes."""
    return "".join(f"define hidden double @c_{name}(double %x, ptr %base) nounwind {{\n"
                   f"  %r = tail call double @{own}(ptr %base, double %x)\n  ret double %r\n}}\n"
                   for name, own in zip(C_FUNCTIONS, ELEMENTARY, strict=True))


def compile_kernel(architecture: Architecture, engines: tuple[str, ...] | None = None) -> Block:
    """The whole kernel, with all engines or some, as a block; every function is an entry point by name."""
    program = kernel_program(engines, architecture.tail_calls)
    body = "\n".join(ir.define(f, architecture, "internal" if f.inline else "hidden")
                     for f in program.functions.values())
    if architecture.slow_convention:
        for name in shared():
            f, quick = program.functions[name], program.functions.get(name.replace("entry_", "boxed_"))
            body += (slow_path(f, architecture.slow_convention, "shared.", "hidden") if quick is None else
                     quick_path(f, quick, architecture, architecture.slow_convention, "shared.", "hidden"))
    body += elementary_text()
    if architecture.outside is not None:
        body += outside_text(architecture.outside.convention)
    return compile_ir(architecture, module_text(architecture, body + architecture.support))
