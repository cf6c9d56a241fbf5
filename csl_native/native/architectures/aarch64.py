"""AArch64 on Linux with the AAPCS64 ABI."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

from csl_native.relocation import aarch64

from .record import Architecture, Copying, Refinement, clear_cache, hardware_capabilities

# AT_HWCAP in arch/arm64/include/uapi/asm/hwcap.h of Linux.
FEATURES = {"atomics": (16, 1 << 8), "fp": (16, 1), "asimd": (16, 2), "crc32": (16, 1 << 7)}
LSE = re.compile(r"(cas|casp|swp|ldadd|ldclr|ldeor|ldset|ldsmax|ldsmin|ldumax|ldumin|stadd|stclr|steor|stset|stsmax|stsmin|stumax|stumin)(a|l|al)?(b|h)?")


def uses(instruction: Any) -> frozenset[str]:
    return frozenset(("atomics",)) if LSE.fullmatch(instruction.mnemonic) else frozenset()


# The caches: Arm ARM, B2.4.4, what clear_cache does.
ARCHITECTURE = Architecture(
    also=(("PE", 0xAA64), ("Mach-O", 0x0100000C)),
    return_code="c0035fd6", number=12, name="aarch64", abi="AAPCS64", triple="aarch64-unknown-linux-gnu", machine=183, cpu="generic",
    clobber=",".join(f"~{{x{k}}}" for k in range(19, 29)),
    kinds=aarch64.KINDS, absolute=aarch64.ABSOLUTE,
    veneer=bytes.fromhex("10000090100240f900021fd6") + b"\0\0\0\0",  # adrp x16; ldr x16, [x16]; br x16
    veneer_fields=(("R_AARCH64_ADR_GOT_PAGE", 0, 0), ("R_AARCH64_LD64_GOT_LO12_NC", 4, 0)),
    capstone=("CS_ARCH_ARM64", "CS_MODE_ARM"), keystone=("KS_ARCH_ARM64", "KS_MODE_LITTLE_ENDIAN"),
    features=partial(hardware_capabilities, FEATURES),
    flush=clear_cache, copying=Copying(model="large"), slow_convention="preserve_mostcc", pins=("swiftself", "swiftasync"),
    baseline=frozenset(("fp", "asimd")), uses=uses,
    refinements=(Refinement(1, "aarch64-lse", "generic", "+lse", frozenset(("atomics",))),))
