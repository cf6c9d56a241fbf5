"""LoongArch with 64 bits (LA64, double-float) on Linux with the LP64D ABI."""

from __future__ import annotations

from functools import partial

from csl_native.relocation import loongarch64

from .record import DISTANCE, Architecture, Convention, Copying, clear_cache, hardware_capabilities

# AT_HWCAP in arch/loongarch/include/uapi/asm/hwcap.h of Linux.
FEATURES = {"cpucfg": (16, 1), "lam": (16, 2), "ual": (16, 4), "fpu": (16, 8), "lsx": (16, 16)}


# The caches: IBAR (LoongArch reference manual, volume 1, 2.2.8.2), what clear_cache does.
# e_flags: https://github.com/loongson/la-abi-specs, laelf, "e_flags" (ABI modifier).
CONVENTIONS = (Convention(7, (3,), "floats of two words in registers"),)

ARCHITECTURE = Architecture(
    conventions=CONVENTIONS, flags=0x43,
    return_code="2000004c", word_extension="signext",
    number=14, name="loongarch64", abi="LP64D", triple="loongarch64-unknown-linux-gnu", machine=258, cpu="generic-la64",
    clobber=",".join(f"~{{$r{k}}}" for k in range(22, 32)),
    kinds=loongarch64.KINDS, absolute=loongarch64.ABSOLUTE,
    veneer=bytes.fromhex("1400001a" "9402c028" "8002004c") + b"\0\0\0\0",  # pcalau12i t8; ld.d t8, t8; jr t8
    veneer_fields=(("R_LARCH_PCALA_HI20", 0, 0), ("R_LARCH_PCALA_LO12", 4, 0)),
    capstone=("", ""), keystone=("", ""), features=partial(hardware_capabilities, FEATURES),
    flush=clear_cache, copying=Copying(hole=DISTANCE, near=True),
    llvm_features="+64bit,+d,-relax", llvm_abi="lp64d", ignored=frozenset((100,)), baseline=frozenset(("fpu", "ual",)))
