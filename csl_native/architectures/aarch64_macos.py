"""AArch64 on macOS: prepared from Apple's documents, and never run.

Code is that of Linux but for register x18, which is the system's.  Where Apple's convention differs from AAPCS64 code
does not meet C: variable arguments, which all go on the stack, and structures are libffi's business; arguments behind
the eighth are packed by their size, and only whole words go there; narrow integers are extended by the caller, as
native thunks do everywhere.

Pages become executable by ``mprotect``, which macOS allows to programs without the hardened runtime.  With it a program
needs an entitlement; where that is missing the reason is no-memory-execution.  (What such a program could do instead,
MAP_JIT and pthread_jit_write_protect_np, shuts out all code of a thread while it writes some, and here the kernel's own
code writes.)

https://developer.apple.com/documentation/xcode/writing-arm64-code-for-apple-platforms,
https://developer.apple.com/documentation/apple-silicon/porting-just-in-time-compilers-to-apple-silicon
"""

from __future__ import annotations

import ctypes

from .aarch64 import ARCHITECTURE as LINUX
from .record import library_function


def features() -> frozenset[str]:
    """What all of Apple's 64-bit processors for macOS have, in Linux's names."""
    return frozenset(("fp", "asimd", "atomics", "crc32"))


def flush(address: int, size: int) -> None:
    """libkern/OSCacheControl.h."""
    library_function(None, "sys_icache_invalidate", ctypes.c_void_p, ctypes.c_size_t)(address, size)


ARCHITECTURE = LINUX._replace(
    alone=None, fault=None,
    number=21, name="aarch64-macos", abi="AAPCS64 as Apple has it", system="darwin", format="Mach-O",
    llvm_features="+reserve-x18",
    features=features, flush=flush, no_reserve=0x40, refinements=(), untested="prepared from documents, never run")
