"""Relocation kinds of AArch64: https://github.com/ARM-software/abi-aa/blob/main/aaelf64/aaelf64.rst, section 5.7.

Not here, with the reason: TLS kinds (Lisp code has no thread-local data), the
dynamic kinds 1024 and up (a dynamic linker's), GOTREL (no GOT base), MOVW_SABS
and MOVW_PREL (LLVM does not emit them for Linux code models).
"""

from csl_native.relocation.kinds import ANY, LOW12, PAGE, S_PLUS_A, S_PLUS_A_MINUS_P, Kind, either, signed


def _lo12(name: str, number: int, shift: int, cell: bool = False) -> Kind:
    return Kind(name, number, LOW12, 4, ((10, shift, 12 - shift),), *ANY, align=1 << shift, cell=cell)


ADR = ((29, 0, 2), (5, 2, 19))
PAGES = ((29, 12, 2), (5, 14, 19))

KINDS = (
    Kind("R_AARCH64_ABS64", 257, S_PLUS_A, 8, ((0, 0, 64),), *ANY),
    Kind("R_AARCH64_ABS32", 258, S_PLUS_A, 4, ((0, 0, 32),), *either(32)),
    Kind("R_AARCH64_ABS16", 259, S_PLUS_A, 2, ((0, 0, 16),), *either(16)),
    Kind("R_AARCH64_PREL64", 260, S_PLUS_A_MINUS_P, 8, ((0, 0, 64),), *ANY),
    Kind("R_AARCH64_PREL32", 261, S_PLUS_A_MINUS_P, 4, ((0, 0, 32),), *either(32)),
    Kind("R_AARCH64_PREL16", 262, S_PLUS_A_MINUS_P, 2, ((0, 0, 16),), *either(16)),
    Kind("R_AARCH64_MOVW_UABS_G0", 263, S_PLUS_A, 4, ((5, 0, 16),), 0, 1 << 16),
    Kind("R_AARCH64_MOVW_UABS_G0_NC", 264, S_PLUS_A, 4, ((5, 0, 16),), *ANY),
    Kind("R_AARCH64_MOVW_UABS_G1", 265, S_PLUS_A, 4, ((5, 16, 16),), 0, 1 << 32),
    Kind("R_AARCH64_MOVW_UABS_G1_NC", 266, S_PLUS_A, 4, ((5, 16, 16),), *ANY),
    Kind("R_AARCH64_MOVW_UABS_G2", 267, S_PLUS_A, 4, ((5, 32, 16),), 0, 1 << 48),
    Kind("R_AARCH64_MOVW_UABS_G2_NC", 268, S_PLUS_A, 4, ((5, 32, 16),), *ANY),
    Kind("R_AARCH64_MOVW_UABS_G3", 269, S_PLUS_A, 4, ((5, 48, 16),), *ANY),
    Kind("R_AARCH64_LD_PREL_LO19", 273, S_PLUS_A_MINUS_P, 4, ((5, 2, 19),), *signed(21), align=4),
    Kind("R_AARCH64_ADR_PREL_LO21", 274, S_PLUS_A_MINUS_P, 4, ADR, *signed(21)),
    Kind("R_AARCH64_ADR_PREL_PG_HI21", 275, PAGE, 4, PAGES, *signed(33)),
    Kind("R_AARCH64_ADR_PREL_PG_HI21_NC", 276, PAGE, 4, PAGES, *ANY),
    _lo12("R_AARCH64_ADD_ABS_LO12_NC", 277, 0),
    _lo12("R_AARCH64_LDST8_ABS_LO12_NC", 278, 0),
    Kind("R_AARCH64_TSTBR14", 279, S_PLUS_A_MINUS_P, 4, ((5, 2, 14),), *signed(16), align=4),
    Kind("R_AARCH64_CONDBR19", 280, S_PLUS_A_MINUS_P, 4, ((5, 2, 19),), *signed(21), align=4),
    Kind("R_AARCH64_JUMP26", 282, S_PLUS_A_MINUS_P, 4, ((0, 2, 26),), *signed(28), align=4, call=True),
    Kind("R_AARCH64_CALL26", 283, S_PLUS_A_MINUS_P, 4, ((0, 2, 26),), *signed(28), align=4, call=True),
    _lo12("R_AARCH64_LDST16_ABS_LO12_NC", 284, 1),
    _lo12("R_AARCH64_LDST32_ABS_LO12_NC", 285, 2),
    _lo12("R_AARCH64_LDST64_ABS_LO12_NC", 286, 3),
    _lo12("R_AARCH64_LDST128_ABS_LO12_NC", 299, 4),
    Kind("R_AARCH64_ADR_GOT_PAGE", 311, PAGE, 4, PAGES, *signed(33), cell=True),
    _lo12("R_AARCH64_LD64_GOT_LO12_NC", 312, 3, cell=True),
)
ABSOLUTE = KINDS[0]
