"""Relocation kinds of 64-bit PowerPC, little-endian, ELFv2:
https://openpowerfoundation.org/specifications/64bitelfabi/, section 3.5.

The anchor is the TOC pointer.  Not here, with the reason: TLS kinds (Lisp code has no thread-local data), the GOT16,
PLT16 and SECTOFF families (LLVM reaches everything through the TOC), the prefixed kinds with 34 bits (instructions of
POWER10, the baseline is POWER8), ADDR16_HIGH and HIGHA (LLVM emits HI and HA), ENTRY, PLTSEQ and PLTCALL (advice to a
linker), the dynamic kinds (a dynamic linker's).
"""

from csl_native.relocation.kinds import ANY, ROUNDED16, S_PLUS_A, S_PLUS_A_MINUS_P, Kind, either, signed

FAR = (-(1 << 31) - 0x8000, (1 << 31) - 0x8000)
WHOLE, DS = ((0, 0, 16),), ((2, 2, 14),)
HIGH, HIGH_ADJUSTED = ((0, 16, 16),), ((0, ROUNDED16 + 16, 16),)


def _family(stem: str, numbers: tuple[int, int, int, int], formula: int, anchored: bool = False) -> tuple[Kind, ...]:
    """The four kinds that put a result's 16 bits, its low ones, its high ones, and its high ones adjusted for a signed
    low half.
    """
    plain, low, high, adjusted = numbers
    return (Kind(stem, plain, formula, 2, WHOLE, *signed(16), anchored=anchored),
            Kind(f"{stem}_LO", low, formula, 2, WHOLE, *ANY, anchored=anchored),
            Kind(f"{stem}_HI", high, formula, 2, HIGH, *either(32), anchored=anchored),
            Kind(f"{stem}_HA", adjusted, formula, 2, HIGH_ADJUSTED, *FAR, anchored=anchored))


KINDS = (
    Kind("R_PPC64_ADDR64", 38, S_PLUS_A, 8, ((0, 0, 64),), *ANY),
    Kind("R_PPC64_ADDR32", 1, S_PLUS_A, 4, ((0, 0, 32),), *either(32)),
    Kind("R_PPC64_REL24", 10, S_PLUS_A_MINUS_P, 4, ((2, 2, 24),), *signed(26), align=4, call=True),
    Kind("R_PPC64_REL14", 11, S_PLUS_A_MINUS_P, 4, ((2, 2, 14),), *signed(16), align=4),
    Kind("R_PPC64_REL32", 26, S_PLUS_A_MINUS_P, 4, ((0, 0, 32),), *signed(32)),
    Kind("R_PPC64_REL64", 44, S_PLUS_A_MINUS_P, 8, ((0, 0, 64),), *ANY),
    *_family("R_PPC64_ADDR16", (3, 4, 5, 6), S_PLUS_A),
    *_family("R_PPC64_TOC16", (47, 48, 49, 50), S_PLUS_A, anchored=True),
    *_family("R_PPC64_REL16", (249, 250, 251, 252), S_PLUS_A_MINUS_P),
    Kind("R_PPC64_ADDR16_HIGHER", 39, S_PLUS_A, 2, ((0, 32, 16),), *ANY),
    Kind("R_PPC64_ADDR16_HIGHERA", 40, S_PLUS_A, 2, ((0, ROUNDED16 + 32, 16),), *ANY),
    Kind("R_PPC64_ADDR16_HIGHEST", 41, S_PLUS_A, 2, ((0, 48, 16),), *ANY),
    Kind("R_PPC64_ADDR16_HIGHESTA", 42, S_PLUS_A, 2, ((0, ROUNDED16 + 48, 16),), *ANY),
    Kind("R_PPC64_ADDR16_DS", 56, S_PLUS_A, 2, DS, *signed(16), align=4),
    Kind("R_PPC64_ADDR16_LO_DS", 57, S_PLUS_A, 2, DS, *ANY, align=4),
    Kind("R_PPC64_TOC16_DS", 63, S_PLUS_A, 2, DS, *signed(16), align=4, anchored=True),
    Kind("R_PPC64_TOC16_LO_DS", 64, S_PLUS_A, 2, DS, *ANY, align=4, anchored=True),
)
ABSOLUTE = KINDS[0]
