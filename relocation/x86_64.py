"""Relocation kinds of x86-64: https://gitlab.com/x86-psABIs/x86-64-ABI, section 4.4.1, table 4.9.

Not here, with the reason: TLS kinds (Lisp code has no thread-local data), COPY,
GLOB_DAT, JUMP_SLOT, RELATIVE and IRELATIVE (a dynamic linker's), SIZE32 and
SIZE64 (LLVM does not emit them), the CODE kinds (instructions of a later extension).
"""

from csl_native.relocation.kinds import ANY, S_PLUS_A, S_PLUS_A_MINUS_P, Kind, either, signed


def _whole(name: str, number: int, formula: int, size: int, interval: tuple[int, int], **more: bool) -> Kind:
    return Kind(name, number, formula, size, ((0, 0, 8 * size),), *interval, **more)


KINDS = (
    _whole("R_X86_64_64", 1, S_PLUS_A, 8, ANY),
    _whole("R_X86_64_PC32", 2, S_PLUS_A_MINUS_P, 4, signed(32)),
    _whole("R_X86_64_PLT32", 4, S_PLUS_A_MINUS_P, 4, signed(32), call=True),
    _whole("R_X86_64_GOT32", 3, S_PLUS_A, 4, signed(32), cell=True, anchored=True),
    _whole("R_X86_64_GOTPCREL", 9, S_PLUS_A_MINUS_P, 4, signed(32), cell=True),
    _whole("R_X86_64_32", 10, S_PLUS_A, 4, (0, 1 << 32)),
    _whole("R_X86_64_32S", 11, S_PLUS_A, 4, signed(32)),
    _whole("R_X86_64_16", 12, S_PLUS_A, 2, either(16)),
    _whole("R_X86_64_PC16", 13, S_PLUS_A_MINUS_P, 2, signed(16)),
    _whole("R_X86_64_8", 14, S_PLUS_A, 1, either(8)),
    _whole("R_X86_64_PC8", 15, S_PLUS_A_MINUS_P, 1, signed(8)),
    _whole("R_X86_64_PC64", 24, S_PLUS_A_MINUS_P, 8, ANY),
    _whole("R_X86_64_GOTOFF64", 25, S_PLUS_A, 8, ANY, anchored=True),
    _whole("R_X86_64_GOTPC32", 26, S_PLUS_A_MINUS_P, 4, signed(32)),
    _whole("R_X86_64_GOT64", 27, S_PLUS_A, 8, ANY, cell=True, anchored=True),
    _whole("R_X86_64_GOTPCREL64", 28, S_PLUS_A_MINUS_P, 8, ANY, cell=True),
    _whole("R_X86_64_GOTPC64", 29, S_PLUS_A_MINUS_P, 8, ANY),
    _whole("R_X86_64_PLTOFF64", 31, S_PLUS_A, 8, ANY, call=True, anchored=True),
    _whole("R_X86_64_GOTPCRELX", 41, S_PLUS_A_MINUS_P, 4, signed(32), cell=True),
    _whole("R_X86_64_REX_GOTPCRELX", 42, S_PLUS_A_MINUS_P, 4, signed(32), cell=True),
)
ABSOLUTE = KINDS[0]
