"""Relocation kinds of i386: https://gitlab.com/x86-psABIs/i386-ABI, section 4.4.1, table 4.9.

Objects have implicit addends; the anchor is the GOT.  Not here, with the reason: TLS kinds (Lisp code has no
thread-local data), SIZE32 (LLVM does not emit it), COPY, GLOB_DAT, JUMP_SLOT, RELATIVE and IRELATIVE (a dynamic
linker's).
"""

from csl_native.relocation.kinds import S_PLUS_A, S_PLUS_A_MINUS_P, Kind, either, signed

WRAP = (-(1 << 32), 1 << 32)  # addresses have 32 bits: a distance is what it is modulo 2**32


def _whole(name: str, number: int, formula: int, size: int, interval: tuple[int, int], **more: bool) -> Kind:
    return Kind(name, number, formula, size, ((0, 0, 8 * size),), *interval, **more)


KINDS = (
    _whole("R_386_32", 1, S_PLUS_A, 4, WRAP),
    _whole("R_386_PC32", 2, S_PLUS_A_MINUS_P, 4, WRAP),
    _whole("R_386_GOT32", 3, S_PLUS_A, 4, WRAP, cell=True, anchored=True),
    _whole("R_386_PLT32", 4, S_PLUS_A_MINUS_P, 4, WRAP, call=True),
    _whole("R_386_GOTOFF", 9, S_PLUS_A, 4, WRAP, anchored=True),
    _whole("R_386_GOTPC", 10, S_PLUS_A_MINUS_P, 4, WRAP),
    _whole("R_386_16", 20, S_PLUS_A, 2, either(16)),
    _whole("R_386_PC16", 21, S_PLUS_A_MINUS_P, 2, signed(16)),
    _whole("R_386_8", 22, S_PLUS_A, 1, either(8)),
    _whole("R_386_PC8", 23, S_PLUS_A_MINUS_P, 1, signed(8)),
    _whole("R_386_GOT32X", 43, S_PLUS_A, 4, WRAP, cell=True, anchored=True),
)
ABSOLUTE = KINDS[0]
