"""LoongArch with 64 bits (LA64, double-float) on Linux with the LP64D ABI."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

from csl_native.relocation import loongarch64

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
    """IBAR (LoongArch reference manual, volume 1, 2.2.8.2), by the compiler's library."""
    _clear_cache()(address, address + size)


ARCHITECTURE = Architecture(
    number=14, name="loongarch64", triple="loongarch64-unknown-linux-gnu", machine=258, cpu="generic-la64", stack_register="$sp",
    clobber=",".join(f"~{{$r{k}}}" for k in range(22, 32)),
    kinds=loongarch64.KINDS, absolute=loongarch64.ABSOLUTE,
    veneer=bytes.fromhex("1400001a" "9402c028" "8002004c") + b"\0\0\0\0",  # pcalau12i t8; ld.d t8, t8; jr t8
    veneer_fields=(("R_LARCH_PCALA_HI20", 0, 0), ("R_LARCH_PCALA_LO12", 4, 0)),
    capstone=("", ""), keystone=("", ""), system="loongarch64", features=features,
    flush=flush, llvm_features="+64bit,+d,-relax", abi="lp64d", ignored=frozenset((100,)))
