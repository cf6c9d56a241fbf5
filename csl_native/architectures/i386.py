"""32-bit x86 with SSE2 on Linux with the System V ABI.

Instructions have 1 to 15 bytes and may begin anywhere; eight registers of 32 bits, of which one is the stack pointer.
Arithmetic writes one of its two operands, and one operand of nearly every instruction may be memory.

* Jumps: 8 bits of distance reach 128 bytes, 32 bits everything, and so do direct calls.
* Constants: any 32 bits stand in an instruction. There is no addressing relative to the program counter: code that
  must not know its place calls the next instruction and pops the return address, as the veneer does (``call 1f; 1:
  pop %eax; jmp *(cell - 1b)(%eax)``).
* Words of Lisp have 64 bits here, too: they are pairs of registers or of places on the stack, and a cage is smaller
  than 4 GB, so the low half of a pointer is the whole pointer. The collector looks at each 32-bit unit of the
  machine's stack.
* Registers: all arguments are on the stack, a result of 64 bits is in eax and edx; ebx, esi, edi and ebp belong to
  the caller.
* Stack: 16-byte aligned where a function is called.
* Floats are SSE2's, so that results are those of other machines; the ABI has C give a double back on the x87 stack.
* Division of 64 bits is a call of a function with the compiler library's name; they stand in ``SUPPORT`` as IR.
* Caches: instruction fetch sees stores, so new code needs no flush.
* Order of memory: stores are seen in order, loads in order (TSO).
* Features: CPUID; SSE2 is required.
* Relocation records have no addend of their own; it stands in the field (``Rel``).

The ABI: https://gitlab.com/x86-psABIs/i386-ABI; the instructions: Intel 64 and IA-32 Architectures Software
Developer's Manual, volume 2.
"""

from __future__ import annotations

import ctypes
from functools import cache

from csl_native.relocation import i386

from .helpers import COPIED_JUMPS, DIVISION, PADDED_JUMPS
from .reading import intel
from .record import Alone, Architecture, Calls, Copying, Fault, code_function

# CPUID leaf 1, edx: Intel SDM volume 2.  void cpuid(leaf, subleaf, uint32_t out[4]).
FEATURES = {"sse": 1 << 25, "sse2": 1 << 26}
CPUID_CODE = bytes.fromhex("5357" "8b44240c" "8b4c2410" "8b7c2414" "0fa2" "8907" "895f04" "894f08" "89570c" "5f5bc3")


@cache
def features() -> frozenset[str]:
    words = (ctypes.c_uint32 * 4)()
    code_function(CPUID_CODE, None, ctypes.c_uint32, ctypes.c_uint32, ctypes.c_void_p)(1, 0, ctypes.addressof(words))
    return frozenset(name for name, mask in FEATURES.items() if words[3] & mask)


def flush(address: int, size: int) -> None:
    """Nothing to do: instruction fetch sees stores (Intel SDM volume 3, 12.6; a jump in between is enough)."""


# The names of the compiler library: https://gcc.gnu.org/onlinedocs/gccint/Integer-library-routines.html.
SUPPORT = DIVISION + "".join(f"""
define hidden i64 @{name}(i64 %n, i64 %d) nounwind "no-builtins" {{
  %both = call {{i64, i64}} @{core}(i64 %n, i64 %d)
  %r = extractvalue {{i64, i64}} %both, {part}
  ret i64 %r
}}
""" for name, core, part in (("__udivdi3", "unsigned_division", 0), ("__umoddi3", "unsigned_division", 1),
                            ("__divdi3", "signed_division", 0), ("__moddi3", "signed_division", 1)))

# DWARF's numbers: System V ABI, Intel386 supplement, table 2.14.
READING = intel("esp", "ebp", {"ebx": 3, "esp": 4, "ebp": 5, "esi": 6, "edi": 7, "return": 8}, 4)
ALONE = Alone(
    # mov ecx, esp; and esp, -16; push 0; push 0; push ecx; push BASE; mov eax, FUNCTION; call eax
    bytes.fromhex("89e1" "83e4f0" "6a00" "6a00" "51" "6800000000" "b800000000" "ffd0"), (11, 16),
    # push ebx; push esi; push edi; push ebp; mov eax, [esp + 24]; mov ebx, [esp + 32]; mov ecx, [esp + 40];
    # mov edx, [esp + 48]; mov esi, [esp + 56]; or edi, -1; xor ebp, ebp; int 0x80; cdq; pop ebp; pop edi; pop esi;
    # pop ebx; ret
    bytes.fromhex("53" "56" "57" "55" "8b442418" "8b5c2420" "8b4c2428" "8b542430" "8b742438" "83cfff" "31ed" "cd80"
                  "99" "5d" "5f" "5e" "5b" "c3"),
    Calls(3, 4, 252, 192, 403, 295, 6))  # mmap2, clock_gettime64
ARCHITECTURE = Architecture(
    alone=ALONE, fault=Fault(76, flags=132, address=12),
    reading=READING,
    also=(("PE", 0x14C), ("Mach-O", 7)),
    return_code="c3", number=18, name="i386", abi="System V i386", triple="i686-unknown-linux-gnu", machine=3,
    cpu="pentium4",
    clobber="~{ebx},~{esi},~{edi},~{ebp}",
    kinds=i386.KINDS, absolute=i386.ABSOLUTE,
    veneer=bytes.fromhex("e800000000" "58" "ffa000000000"),  # call 1f; 1: pop %eax; jmp *(cell - 1b)(%eax)
    veneer_fields=(("R_386_PC32", 8, 3),),
    capstone=("CS_ARCH_X86", "CS_MODE_32"), keystone=("KS_ARCH_X86", "KS_MODE_32"), features=features,
    flush=flush, options=PADDED_JUMPS, copying=Copying(cached=1, options=COPIED_JUMPS),
    anchor="_GLOBAL_OFFSET_TABLE_", word=4, support=SUPPORT, baseline=frozenset(("sse2",)))
