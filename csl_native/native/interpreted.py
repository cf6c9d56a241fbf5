"""The kernel under CPython: everything runs, on every machine, as bytecode."""

from __future__ import annotations

from ..engines.weave import kernel_program
from ..heap.vm import SLOTS, VM
from ..kernel.calls import SLOT
from ..restricted.cpython import execute, translate
from ..runtime.kernels import C_FUNCTIONS, PythonKernel, c_function
from ..runtime.machine import Machine
from .compiler import entry_table

STACK = 24 << 20  # bytes of Lisp stack under CPython, whose own frames are large


def attach_python(machine: Machine, text: str | None = None) -> None:
    """Let a machine run the kernel under CPython; ``text``: the kernel's, translated, unless it is this version's."""
    machine.entry_names = entry_table()
    names = execute(text or translate(kernel_program(("switch",))), machine.bytes, machine.entries)
    names["interpret"], names["run"] = names["interpret_switch"], names["run_switch"]
    machine.kernel, machine.native = PythonKernel(names, machine.note, machine.room), False
    for number, name in enumerate(machine.entry_names):
        if name in names:
            machine.entries[(SLOTS >> 3) + number] = names[name]
    for name in C_FUNCTIONS:
        machine.entries[VM["libm_" + name] >> 3] = c_function(name)  # type: ignore[assignment]
    machine.entries[SLOT["host"] >> 3] = lambda code, a, b, c, d: machine.host(code, a, b, c)
    machine.cage["entry_top"] = SLOTS + 8 * len(machine.entry_names)
    machine.cage["stack_end"] = machine.cage["stack_base"] + STACK
