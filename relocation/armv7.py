"""Relocation kinds of 32-bit ARM: https://github.com/ARM-software/abi-aa/blob/main/aaelf32/aaelf32.rst, section 5.6.

Objects have implicit addends.  Not here, with the reason: TLS kinds (Lisp code has no thread-local data), the Thumb
kinds (code is made for the ARM state), the group relocations and SBREL (LLVM does not emit them for Linux), V4BX (ARMv7
has BX), the dynamic kinds (a dynamic linker's).
"""

from csl_native.relocation.kinds import S_PLUS_A, S_PLUS_A_MINUS_P, Kind, either, signed

WRAP = (-(1 << 32), 1 << 32)  # addresses have 32 bits: a distance is what it is modulo 2**32
BRANCH = ((0, 2, 24),)
LOW, HIGH = ((0, 0, 12), (16, 12, 4)), ((0, 16, 12), (16, 28, 4))


def _word(name: str, number: int, formula: int, **more: bool) -> Kind:
    return Kind(name, number, formula, 4, ((0, 0, 32),), *WRAP, **more)


KINDS = (
    _word("R_ARM_ABS32", 2, S_PLUS_A),
    _word("R_ARM_REL32", 3, S_PLUS_A_MINUS_P),
    Kind("R_ARM_ABS16", 5, S_PLUS_A, 2, ((0, 0, 16),), *either(16)),
    Kind("R_ARM_ABS8", 8, S_PLUS_A, 1, ((0, 0, 8),), *either(8)),
    _word("R_ARM_GOTOFF32", 24, S_PLUS_A, anchored=True),
    _word("R_ARM_BASE_PREL", 25, S_PLUS_A_MINUS_P),
    _word("R_ARM_GOT_BREL", 26, S_PLUS_A, anchored=True, cell=True),
    Kind("R_ARM_CALL", 28, S_PLUS_A_MINUS_P, 4, BRANCH, *signed(26), align=4, call=True),
    Kind("R_ARM_JUMP24", 29, S_PLUS_A_MINUS_P, 4, BRANCH, *signed(26), align=4, call=True),
    _word("R_ARM_TARGET1", 38, S_PLUS_A),
    Kind("R_ARM_PREL31", 42, S_PLUS_A_MINUS_P, 4, ((0, 0, 31),), *signed(31)),
    Kind("R_ARM_MOVW_ABS_NC", 43, S_PLUS_A, 4, LOW, *WRAP),
    Kind("R_ARM_MOVT_ABS", 44, S_PLUS_A, 4, HIGH, *WRAP, unscaled=True),
    Kind("R_ARM_MOVW_PREL_NC", 45, S_PLUS_A_MINUS_P, 4, LOW, *WRAP),
    Kind("R_ARM_MOVT_PREL", 46, S_PLUS_A_MINUS_P, 4, HIGH, *WRAP, unscaled=True),
    _word("R_ARM_GOT_PREL", 96, S_PLUS_A_MINUS_P, cell=True),
)
ABSOLUTE = KINDS[0]
