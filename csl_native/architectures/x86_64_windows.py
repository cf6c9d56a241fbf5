"""x86-64 on Windows: code by the System V ABI, as on Linux, which meets C, whose convention is another one, at ways
across.

Only what Python calls and what calls Python or C crosses (``native/outside.py``); inside, six words go in registers,
where the Windows convention has four and room for them on the stack.  What the system's rules ask of code that knows
nothing of it:

* no red zone: the system puts what it needs for an exception right below the stack pointer;
* a frame of more than a page touches its pages in their order, because the system gives a stack one page at a time;
* Lisp runs in a thread whose stack the system made, never on one of its own, so that the limits in the thread's block
are true.

https://learn.microsoft.com/cpp/build/x64-calling-convention, .../x64-software-conventions, .../stack-usage.
"""

from __future__ import annotations

from functools import partial

from ..system.memory import flush
from . import x86_64
from .record import Outside, Refinement

# The functions of x86_64.py by the Windows convention: parameters in rcx, rdx and r8.
CPUID_CODE = bytes.fromhex("53" "89c8" "89d1" "0fa2" "418900" "41895804" "41894808" "4189500c" "5b" "c3")
XGETBV_CODE = bytes.fromhex("0f01d0" "48c1e220" "4809d0" "c3")


def way(target: int, through: int) -> bytes:
    """movabs r10, target; movabs rax, through; jmp rax: in both conventions these are registers that nobody relies on.
    """
    return b"\x49\xba" + target.to_bytes(8, "little") + b"\x48\xb8" + through.to_bytes(8, "little") + b"\xff\xe0"


LINUX = x86_64.ARCHITECTURE
ARCHITECTURE = LINUX._replace(
    alone=None, fault=None,
    number=20, name="x86-64-windows", abi="Windows x64, System V AMD64 inside", system="win32", format="PE",
    outside=Outside("win64cc", way, 'noredzone "probe-stack"="inline-asm"'),
    features=partial(x86_64.features, CPUID_CODE, XGETBV_CODE), flush=flush,
    refinements=tuple(Refinement(row.level, row.name.replace("x86-64", "x86-64-windows"), row.cpu, row.llvm_features,
                                 row.features)
                      for row in LINUX.refinements))
