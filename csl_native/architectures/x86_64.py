"""x86-64 on Linux with the System V ABI.

Instructions have 1 to 15 bytes and may begin anywhere, so a disassembler that begins in the wrong place reads
nonsense. Arithmetic writes one of its two operands; one operand of nearly every instruction may be memory.

* Jumps: 8 bits of distance reach 128 bytes, 32 bits reach 2 GB, and so do direct calls. Pages that are further from
  the kernel call it through a pointer cell; the veneer is ``jmp *cell(%rip)``.
* Constants: 32 bits that are extended by their sign stand in most instructions, ``movabs`` holds 64. Data is
  addressed relative to the next instruction (``[rip + n]``), which is what relocation against P in the ABI's formulas
  is for.
* Registers: rdi, rsi, rdx, rcx, r8, r9 are the first six arguments, rax is the result; rbx, rbp and r12 to r15 belong
  to the caller. Six are what stencils have: base of the cage, environment, frame, and three operands.
* Stack: 16-byte aligned where a function is called; 128 bytes below it are the function's own (the red zone).
* Caches: instruction fetch sees stores, so new code needs no flush.
* Order of memory: stores are seen in order, loads in order (TSO).
* Features: CPUID says what the processor has, XGETBV whether the system saves the registers for it; levels v2 to v4
  of the ABI are refinements, whose page sets hold only functions that come out different.
* 32-bit results clear the upper half of their register, so a word needs no extension when it was made by one.

The ABI: https://gitlab.com/x86-psABIs/x86-64-ABI; the instructions: Intel 64 and IA-32 Architectures Software
Developer's Manual, volume 2.
"""

from __future__ import annotations

import ctypes
import re
from functools import cache

from csl_native.relocation import x86_64

from .helpers import COPIED_JUMPS, PADDED_JUMPS
from .reading import intel
from .record import Alone, Architecture, Calls, Copying, Fault, Refinement, code_function

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# CPUID: feature names as Linux has them, by leaf, register (0 eax, 1 ebx, 2 ecx, 3 edx) and bit; Intel SDM volume 2,
# CPUID.
CPUID = {(1, 2): {"pni": 0, "ssse3": 9, "fma": 12, "cx16": 13, "sse4_1": 19, "sse4_2": 20, "movbe": 22, "popcnt": 23,
                  "osxsave": 27, "avx": 28, "f16c": 29},
         (7, 1): {"bmi1": 3, "avx2": 5, "bmi2": 8, "avx512f": 16, "avx512dq": 17, "avx512cd": 28, "avx512bw": 30,
                  "avx512vl": 31},
         (0x80000001, 2): {"lahf_lm": 0, "abm": 5}}
# void cpuid(leaf, subleaf, uint32_t out[4]), and uint64_t xgetbv(register): what the system saves (SDM volume 1, 13.3).
CPUID_CODE = bytes.fromhex("53" "89f8" "89f1" "4989d0" "0fa2" "418900" "41895804" "41894808" "4189500c" "5b" "c3")
XGETBV_CODE = bytes.fromhex("89f9" "0f01d0" "48c1e220" "4809d0" "c3")
# need the upper halves of the vector registers saved; the avx512 ones more
WIDE = frozenset(("avx", "avx2", "fma", "f16c"))


@cache
def features(cpuid: bytes = CPUID_CODE, xgetbv: bytes = XGETBV_CODE) -> frozenset[str]:
    """What the processor has and the system saves, asked of the processor itself."""
    ask = code_function(cpuid, None, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p)
    words = (ctypes.c_uint32 * 4)()

    def leaf(number: int) -> list[int]:
        ask(number, 0, ctypes.addressof(words))
        return list(words)
    found = set()
    for (number, register), bits in CPUID.items():
        if leaf(number & 0x80000000)[0] >= number:
            word = leaf(number)[register]
            found |= {name for name, bit in bits.items() if word >> bit & 1}
    saved = code_function(xgetbv, ctypes.c_uint64, ctypes.c_uint32)(0) if "osxsave" in found else 0
    if saved & 6 != 6:
        found -= WIDE
    if saved & 0xE6 != 0xE6:
        found = {name for name in found if not name.startswith("avx512")}
    return frozenset(found)


# The microarchitecture levels: https://gitlab.com/x86-psABIs/x86-64-ABI, section 3.1.1, table 3.1.
V2 = frozenset(("cx16", "lahf_lm", "popcnt", "pni", "sse4_1", "sse4_2", "ssse3"))
V3 = V2 | {"avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "osxsave"}
V4 = V3 | {"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}
GROUPS = {"sse3": "pni", "ssse3": "ssse3", "sse41": "sse4_1", "sse42": "sse4_2", "avx": "avx", "avx2": "avx2",
          "bmi": "bmi1", "bmi2": "bmi2", "fma": "fma", "f16c": "f16c", "avx512": "avx512f", "bwi": "avx512bw",
          "cdi": "avx512cd", "dqi": "avx512dq", "vlx": "avx512vl"}
MNEMONICS = {"popcnt": "popcnt", "lzcnt": "abm", "movbe": "movbe", "cmpxchg16b": "cx16"}


def reaches(instruction: Any) -> int | None:
    """The place of a pointer cell: memory operands relative to the next instruction."""
    found = re.search(r"\[rip(?: ([+-]) (\w+))?\]", instruction.op_str)
    return None if found is None else int(instruction.address + instruction.size
                                          + int((found[1] or "") + (found[2] or "0"), 0))


def uses(instruction: Any) -> frozenset[str]:
    groups = {GROUPS.get(instruction.group_name(g), "") for g in instruction.groups}
    return frozenset(groups | {MNEMONICS.get(instruction.mnemonic, "")}) - {""}


def flush(address: int, size: int) -> None:
    """Nothing to do: instruction fetch sees stores (Intel SDM volume 3, 12.6; a jump in between is enough)."""


# DWARF's numbers: https://gitlab.com/x86-psABIs/x86-64-ABI, figure 3.36.
READING = intel("rsp", "rbp", {"rbx": 3, "rbp": 6, "rsp": 7, "r12": 12, "r13": 13, "r14": 14, "r15": 15, "return": 16},
                8)
# mov rsi, rsp; and rsp, -16; movabs rdi, BASE; movabs rax, FUNCTION; call rax
START = bytes.fromhex("4889e6" "4883e4f0" "48bf0000000000000000" "48b80000000000000000" "ffd0")
# mov rax, rsi; mov rdi, rdx; mov rsi, rcx; mov rdx, r8; mov r10, r9; mov r8, -1; xor r9d, r9d; syscall; ret
CALL = bytes.fromhex("4889f0" "4889d7" "4889ce" "4c89c2" "4d89ca" "49c7c0ffffffff" "4531c9" "0f05" "c3")
ARCHITECTURE = Architecture(
    alone=Alone(START, (9, 19), CALL, Calls(0, 1, 231, 9, 228, 257, 3)), fault=Fault(168),
    reading=READING,
    also=(("PE", 0x8664), ("Mach-O", 0x01000007)),
    return_code="c3", number=11, name="x86-64", abi="System V AMD64", triple="x86_64-unknown-linux-gnu", machine=62,
    cpu="x86-64",
    clobber="~{rbx},~{rbp},~{r12},~{r13},~{r14},~{r15}",
    kinds=x86_64.KINDS, absolute=x86_64.ABSOLUTE,
    veneer=bytes.fromhex("ff2500000000") + b"\xcc\xcc",  # jmp *cell(%rip)
    veneer_fields=(("R_X86_64_PC32", 2, -4),),
    capstone=("CS_ARCH_X86", "CS_MODE_64"), keystone=("KS_ARCH_X86", "KS_MODE_64"), features=features,
    flush=flush, anchor="_GLOBAL_OFFSET_TABLE_", slow_convention="preserve_mostcc", pins=("swiftself", "swiftasync"),
    uses=uses, reaches=reaches,
    options=PADDED_JUMPS, copying=Copying(options=COPIED_JUMPS),
    refinements=tuple(Refinement(level, f"x86-64-v{level}", f"x86-64-v{level}", "", wanted)
                      for level, wanted in ((2, V2), (3, V3), (4, V4))))
