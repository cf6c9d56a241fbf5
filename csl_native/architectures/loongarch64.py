"""LoongArch with 64 bits (LA64, double-float) on Linux with the LP64D ABI.

Every instruction has 4 bytes at a multiple of 4; 32 registers of 64 bits, of which r0 is zero. There are no flags: a
branch compares two registers, or one with zero.

* Jumps: two-register branches reach 128 KB, those against zero 4 MB, ``b`` and ``bl`` 128 MB. The bits of the longer
  distances stand in two places of the instruction, the high ones below. Pages that are further from the kernel call
  it through a pointer cell: the veneer is ``pcalau12i t8; ld.d t8, t8; jr t8``.
* Constants: 12 bits stand in an instruction, ``lu12i.w`` holds bits 12 to 31, ``lu32i.d`` 32 to 51, ``lu52i.d`` the
  rest. Addresses are ``pcalau12i`` (pages of 4 KB, rounded, because the twelve bits behind it have a sign) and those
  twelve bits.
* Registers: a0 to a7 (r4 to r11) are arguments, a0 the result; r22 (the frame) and r23 to r31 belong to the caller;
  r1 is the return address, r3 the stack pointer, r2 the thread's, and r21 is reserved.
* Stack: 16-byte aligned.
* An unsigned integer of 32 bits fills a register extended by its *sign*.
* Caches: ``ibar`` is what new code needs; the compiler library's ``__clear_cache`` has it.
* Order of memory: weak.
* Features: AT_HWCAP; floats of 64 bits and unaligned access are required.
* Code cannot hold any number where a relocation is to put it but distances: the holes of stencils are differences of
  two symbols. Linkers may relax code; it is compiled without that.
* Neither capstone nor keystone is asked about this processor (their names in the record are empty).

The ABI: https://github.com/loongson/la-abi-specs; the instructions:
https://loongson.github.io/LoongArch-Documentation.
"""

from __future__ import annotations

from functools import partial

from csl_native.relocation import loongarch64

from .record import (
    DISTANCE,
    GENERIC_CALLS,
    Alone,
    Architecture,
    Convention,
    Copying,
    Fault,
    clear_cache,
    hardware_capabilities,
)

# AT_HWCAP in arch/loongarch/include/uapi/asm/hwcap.h of Linux.
FEATURES = {"cpucfg": (16, 1), "lam": (16, 2), "ual": (16, 4), "fpu": (16, 8), "lsx": (16, 16)}


# The caches: IBAR (LoongArch reference manual, volume 1, 2.2.8.2), what clear_cache does.
# e_flags: https://github.com/loongson/la-abi-specs, laelf, "e_flags" (ABI modifier).
CONVENTIONS = (Convention(7, (3,), "floats of two words in registers"),)

ALONE = Alone(
    # move a1, sp; pcaddi t0, 5; ld.d a0, t0, 0; ld.d t1, t0, 8; jirl ra, t1, 0; nop
    bytes.fromhex("65001500" "ac000018" "8401c028" "8d21c028" "a101004c" "00004003") + bytes(16), (24, 32),
    # move a7, a1; move a0, a2; move a1, a3; move a2, a4; move a3, a5; addi.d a4, zero, -1; move a5, zero; syscall 0;
    # jr ra
    bytes.fromhex("ab001500" "c4001500" "e5001500" "06011500" "27011500" "08fcff02" "09001500" "00002b00" "2000004c"),
    GENERIC_CALLS)
ARCHITECTURE = Architecture(
    alone=ALONE, fault=Fault(176),
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
