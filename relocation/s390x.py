"""Relocation kinds of z/Architecture with 64 bits (s390x, big-endian): https://github.com/IBM/s390x-abi, section
"Relocation".

The fields stand in the terms of little-endian containers, so that one ``apply`` serves all.  Not here, with the reason:
TLS kinds (Lisp code has no thread-local data), the 12- and 20-bit displacements and the 12- and 24-bit branches (LLVM
emits them for no code of ours), the GOTOFF and GOTPLT kinds (LLVM does not emit them), the dynamic kinds (a dynamic
linker's).
"""

from csl_native.relocation.kinds import ANY, S_PLUS_A, S_PLUS_A_MINUS_P, Kind, bytes_reversed, either, signed


def _plain(name: str, number: int, formula: int, size: int, interval: tuple[int, int], **more: bool) -> Kind:
    return Kind(name, number, formula, size, bytes_reversed(size), *interval, **more)


def _doubled(name: str, number: int, size: int, **more: bool) -> Kind:
    """A signed distance in halfwords."""
    return Kind(name, number, S_PLUS_A_MINUS_P, size, bytes_reversed(size, 1), *signed(8 * size + 1), align=2, **more)


KINDS = (
    _plain("R_390_64", 22, S_PLUS_A, 8, ANY),
    _plain("R_390_32", 4, S_PLUS_A, 4, either(32)),
    _plain("R_390_16", 3, S_PLUS_A, 2, either(16)),
    _plain("R_390_8", 1, S_PLUS_A, 1, either(8)),
    _plain("R_390_PC64", 23, S_PLUS_A_MINUS_P, 8, ANY),
    _plain("R_390_PC32", 5, S_PLUS_A_MINUS_P, 4, signed(32)),
    _plain("R_390_PC16", 16, S_PLUS_A_MINUS_P, 2, signed(16)),
    _doubled("R_390_PC16DBL", 17, 2),
    _doubled("R_390_PLT16DBL", 18, 2, call=True),
    _doubled("R_390_PC32DBL", 19, 4),
    _doubled("R_390_PLT32DBL", 20, 4, call=True),
    _doubled("R_390_GOTPCDBL", 21, 4),
    _doubled("R_390_GOTENT", 26, 4, cell=True),
)
ABSOLUTE = KINDS[0]
