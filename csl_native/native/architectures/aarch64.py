"""AArch64 on Linux with the AAPCS64 ABI."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

from csl_native.relocation import aarch64

from .record import Architecture


@cache
def features() -> frozenset[str]:
    """Feature names as the system gives them (the Features line of /proc/cpuinfo)."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith("Features"):
                    return frozenset(line.split(":", 1)[1].split())
    except OSError:
        pass
    return frozenset()


@cache
def _clear_cache() -> Any:
    function = ctypes.CDLL("libgcc_s.so.1").__clear_cache
    function.argtypes = [ctypes.c_void_p, ctypes.c_void_p]
    function.restype = None
    return function


def flush(address: int, size: int) -> None:
    """Clean the data cache and invalidate the instruction cache (Arm ARM, B2.4.4), as the compiler's library does it."""
    _clear_cache()(address, address + size)


ARCHITECTURE = Architecture(
    number=12, name="aarch64", triple="aarch64-unknown-linux-gnu", machine=183, cpu="generic", stack_register="sp",
    clobber=",".join(f"~{{x{k}}}" for k in range(19, 29)),
    kinds=aarch64.KINDS, absolute=aarch64.ABSOLUTE,
    veneer=bytes.fromhex("10000090100240f900021fd6") + b"\0\0\0\0",  # adrp x16; ldr x16, [x16]; br x16
    veneer_fields=(("R_AARCH64_ADR_GOT_PAGE", 0, 0), ("R_AARCH64_LD64_GOT_LO12_NC", 4, 0)),
    capstone=("CS_ARCH_ARM64", "CS_MODE_ARM"), keystone=("KS_ARCH_ARM64", "KS_MODE_LITTLE_ENDIAN"), system="aarch64", features=features,
    flush=flush)
