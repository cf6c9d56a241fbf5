"""32-bit ARM from version 7 on, with floating-point registers, on Linux with the hard-float AAPCS.

Every instruction has 4 bytes at a multiple of 4 (Thumb, whose instructions have 2 or 4, is not used); 16 registers of
32 bits, of which r13 is the stack pointer, r14 the return address and r15 the program counter, which reads as 8 bytes
behind the instruction. Nearly every instruction can be conditional.

* Jumps: ``b`` and ``bl`` reach 32 MB. The veneer loads the distance to a pointer cell, adds the program counter and
  jumps through it: ``ldr ip, [pc, #4]; add ip, pc, ip; ldr pc, [ip]``.
* Constants: 8 bits, turned by an even number, stand in an instruction; ``movw`` and ``movt`` hold 16 bits each.
* Words of Lisp have 64 bits here, too: they are pairs of registers, and a cage is smaller than 4 GB, so the low half
  of a pointer is the whole pointer. The collector looks at each 32-bit unit of the machine's stack.
* Registers: r0 to r3 are arguments, and r0 and r1 a result of 64 bits; such an argument begins at an even register or
  is on the stack, and stencils pass one operand (``cached``); r4 to r11 belong to the caller. Doubles are passed in
  d0 to d7.
* Stack: 8-byte aligned where a function is called.
* Division of 64 bits, and conversions between such integers and doubles, are calls of functions with the ABI's names;
  they stand in ``SUPPORT`` as IR.
* Caches: the instruction cache does not see stores; a system call, behind the compiler library's ``__clear_cache``,
  cleans both.
* Order of memory: weak.
* Features: AT_HWCAP; VFPv3 with 16 double registers is required, NEON is not.
* Relocation records have no addend of their own; it stands in the field (``Rel``).

The ABI: https://github.com/ARM-software/abi-aa (aapcs32, aaelf32, rtabi32); the instructions: Arm Architecture
Reference Manual, DDI 0406.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from csl_native.relocation import armv7

from .helpers import DIVISION
from .reading import Reading, copies, memory, moves, number, sets
from .record import Alone, Architecture, Calls, Convention, Copying, Fault, clear_cache, hardware_capabilities

# AT_HWCAP in arch/arm/include/uapi/asm/hwcap.h of Linux.
FEATURES = {"vfpv3": (16, 1 << 13), "neon": (16, 1 << 12), "idiva": (16, 1 << 17)}


def to_double(name: str, shift: str, convert: str) -> str:
    """A word of 64 bits as a double: its halves are exact, and their sum is rounded once."""
    return f"""
define hidden arm_aapcscc double @__aeabi_{name}(i64 %n) nounwind "no-builtins" {{
  %h = {shift} i64 %n, 32
  %high = trunc i64 %h to i32
  %low = trunc i64 %n to i32
  %a = {convert} i32 %high to double
  %b = fmul double %a, 0x41F0000000000000
  %c = uitofp i32 %low to double
  %d = fadd double %b, %c
  ret double %d
}}
"""


# What the run-time ABI wants (https://github.com/ARM-software/abi-aa, rtabi32): a quotient comes with its remainder,
# doubles in core registers.
SUPPORT = DIVISION + """
define hidden arm_aapcscc {i64, i64} @__aeabi_uldivmod(i64 %n, i64 %d) nounwind "no-builtins" {
  %r = call {i64, i64} @unsigned_division(i64 %n, i64 %d)
  ret {i64, i64} %r
}
define hidden arm_aapcscc {i64, i64} @__aeabi_ldivmod(i64 %n, i64 %d) nounwind "no-builtins" {
  %r = call {i64, i64} @signed_division(i64 %n, i64 %d)
  ret {i64, i64} %r
}
""" + to_double("l2d", "ashr", "sitofp") + to_double("ul2d", "lshr", "uitofp") + """
define hidden arm_aapcscc i64 @__aeabi_d2lz(double %d) nounwind "no-builtins" {
  %negative = fcmp olt double %d, 0.0
  %minus = fneg double %d
  %a = select i1 %negative, double %minus, double %d
  %scaled = fmul double %a, 0x3DF0000000000000
  %high = fptoui double %scaled to i32
  %back = uitofp i32 %high to double
  %part = fmul double %back, 0x41F0000000000000
  %rest = fsub double %a, %part
  %low = fptoui double %rest to i32
  %h = zext i32 %high to i64
  %l = zext i32 %low to i64
  %up = shl i64 %h, 32
  %n = or i64 %up, %l
  %m = sub i64 0, %n
  %r = select i1 %negative, i64 %m, i64 %n
  ret i64 %r
}
"""

# e_flags: https://github.com/ARM-software/abi-aa, aaelf32, table 4-2 (EF_ARM_ABIMASK, EF_ARM_ABI_FLOAT_HARD,
# EF_ARM_ABI_FLOAT_SOFT).
CONVENTIONS = (Convention(0xFF000000, (0x05000000,), "version 5 of the EABI"),
               Convention(0x600, (0x400,), "floats in registers"))

def several(kind: str) -> Any:
    """Registers that ``push`` and ``pop`` name, in words that follow each other."""
    def steps(m: Any, word: int) -> list[Any]:
        names = m[1].split(", ")
        each = [(kind, name, word * k) for k, name in enumerate(names)]
        return [("move", "", -word * len(names)), *each] if kind == "save" else [*each, ("move", "", word * len(names))]
    return steps


N = r"#?(?P<n>-?\w+)"
CONDITIONS = "(?:eq|ne|hs|lo|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)"
# DWARF's numbers: https://github.com/ARM-software/abi-aa, aadwarf32, section 4.1.
READING = Reading(
    jumps=rf"b|b{CONDITIONS}", calls=rf"bl{CONDITIONS}?",
    ends=r"b #.*|bx .*|pop \{.*pc\}|mov pc, .*|ldr pc, .*|add pc, .*|udf.*|trap", stack="sp",
    returns="lr", numbers=(("sp", 13), ("lr", 14), *((f"r{k}", k) for k in range(4, 12)), ("sb", 9), ("sl", 10),
                           ("fp", 11)), steps=(
        (r"push \{([^}]*)\}", several("save")), (r"pop \{([^}]*)\}", several("restore")),
        (r"vpush \{([^}]*)\}", lambda m, word: [("move", "", -8 * len(m[1].split(",")))]),
        (r"vpop \{([^}]*)\}", lambda m, word: [("move", "", 8 * len(m[1].split(",")))]),
        (rf"str (\w+), \[sp, {N}\]!", lambda m, word: [("move", "", number(m["n"])), ("save", m[1], 0)]),
        (rf"ldr (\w+), \[sp\], {N}", lambda m, word: [("restore", m[1], 0), ("move", "", number(m["n"]))]),
        memory("restore", rf"ldr (?P<r>\w+), \[sp(?:, {N})?\]"), moves(rf"sub sp, sp, {N}", -1),
        moves(rf"add sp, sp, {N}"),
        copies(r"mov (?P<r>fp|r11), sp"), copies(rf"add (?P<r>fp|r11), sp, {N}"), sets(r"mov sp, (?P<r>fp|r11)"),
        sets(rf"sub sp, (?P<r>fp|r11), {N}", -1),
        (r"(?:bic|bfc|add|sub|mov) sp, .*", lambda m, word: [("lost", "", 0)])))
ALONE = Alone(
    # mov r2, sp; mov r3, 0; ldr r0, BASE; ldr r12, FUNCTION; blx r12
    bytes.fromhex("0d20a0e1" "0030a0e3" "04009fe5" "04c09fe5" "3cff2fe1") + bytes(8), (20, 24),
    # push {r4, r5, r7, lr}; mov r7, r2; ldr r0, [sp, 16]; ldr r1, [sp, 24]; ldr r2, [sp, 32]; ldr r3, [sp, 40];
    # mvn r4, 0; mov r5, 0; svc 0; asr r1, r0, 31; pop {r4, r5, r7, pc}
    bytes.fromhex("b0402de9" "0270a0e1" "10009de5" "18109de5" "20209de5" "28309de5" "0040e0e3" "0050a0e3" "000000ef"
                  "c01fa0e1" "b080bde8"),
    Calls(3, 4, 248, 192, 403, 322, 6))  # mmap2, clock_gettime64
ARCHITECTURE = Architecture(
    alone=ALONE, fault=Fault(92, flags=132, address=12),
    conventions=CONVENTIONS, flags=0x5000400, reading=READING,
    return_code="1eff2fe1", number=17, name="armv7", abi="AAPCS, hard float", triple="armv7-unknown-linux-gnueabihf",
    machine=40, cpu="generic",
    clobber=",".join(f"~{{r{k}}}" for k in range(4, 12)),
    kinds=armv7.KINDS, absolute=armv7.ABSOLUTE,
    # ldr ip, [pc, #4]; add ip, pc, ip; ldr pc, [ip]; cell - .
    veneer=bytes.fromhex("04c09fe5" "0cc08fe0" "00f09ce5" "00000000"),
    veneer_fields=(("R_ARM_REL32", 12, 0),),
    capstone=("CS_ARCH_ARM", "CS_MODE_ARM"), keystone=("KS_ARCH_ARM", "KS_MODE_ARM"),
    features=partial(hardware_capabilities, FEATURES),
    unwinding=(".ARM.extab", ".ARM.exidx"), flush=clear_cache, copying=Copying(cached=1),
    llvm_features="+v7,+vfp3d16,-d32,-neon,-thumb-mode", anchor="_GLOBAL_OFFSET_TABLE_", word=4, support=SUPPORT,
    baseline=frozenset(("vfpv3",)))
