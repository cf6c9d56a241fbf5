"""Relocation kinds of MIPS with 64 bits (n64): the "64-bit ELF Object File Specification" of SGI, 007-4658-001, section
2.9, https://irix7.com/techpubs/007-4658-001.pdf.

A record has up to three types, each applied to the result of the one before: ``number`` is type 1 | type 2 << 8 | type
3 << 16, and a row is a whole such sequence.  The anchor is GP.  Not here, with the reason: TLS kinds (Lisp code has no
thread-local data), the MIPS16 and microMIPS kinds (other instruction sets), the kinds of release 6 (the baseline is
release 2), JALR (advice to a linker), SHIFT, INSERT and DELETE (LLVM does not emit them), the dynamic kinds (a dynamic
linker's).
"""

from csl_native.relocation.kinds import (
    ANY,
    NEGATED,
    ROUNDED16,
    ROUNDED32,
    ROUNDED48,
    S_PLUS_A,
    S_PLUS_A_MINUS_P,
    Kind,
    either,
    signed,
)

LOW, HIGH = ((0, 0, 16),), ((0, ROUNDED16 + 16, 16),)
HI16, LO16, GPREL16, GPREL32, WORD, SUB = 5, 6, 7, 12, 18, 24


def _got(name: str, number: int) -> Kind:
    """A signed 16-bit distance from GP to a pointer cell."""
    return Kind(name, number, S_PLUS_A, 4, LOW, *signed(16), cell=True, anchored=True, inner=True)


KINDS = (
    Kind("R_MIPS_64", WORD, S_PLUS_A, 8, ((0, 0, 64),), *ANY),
    Kind("R_MIPS_32", 2, S_PLUS_A, 4, ((0, 0, 32),), *either(32)),
    Kind("R_MIPS_26", 4, S_PLUS_A, 4, ((0, 2, 26),), 0, 1 << 28, align=4),
    Kind("R_MIPS_PC16", 10, S_PLUS_A_MINUS_P, 4, ((0, 2, 16),), *signed(18), align=4),
    Kind("R_MIPS_HI16", HI16, S_PLUS_A, 4, HIGH, *ANY),
    Kind("R_MIPS_LO16", LO16, S_PLUS_A, 4, LOW, *ANY),
    Kind("R_MIPS_HIGHER", 28, S_PLUS_A, 4, ((0, ROUNDED32 + 32, 16),), *ANY),
    Kind("R_MIPS_HIGHEST", 29, S_PLUS_A, 4, ((0, ROUNDED48 + 48, 16),), *ANY),
    Kind("R_MIPS_GPREL16", GPREL16, S_PLUS_A, 4, LOW, *signed(16), anchored=True),
    _got("R_MIPS_CALL16", 11),
    _got("R_MIPS_GOT_DISP", 19),
    _got("R_MIPS_GOT_PAGE", 20),
    Kind("R_MIPS_GOT_OFST", 21, S_PLUS_A, 4, LOW, *ANY, rest=True),
    Kind("R_MIPS_GOT_HI16", 22, S_PLUS_A, 4, HIGH, *ANY, cell=True, anchored=True, inner=True),
    Kind("R_MIPS_GOT_LO16", 23, S_PLUS_A, 4, LOW, *ANY, cell=True, anchored=True, inner=True),
    Kind("R_MIPS_CALL_HI16", 30, S_PLUS_A, 4, HIGH, *ANY, cell=True, anchored=True, inner=True),
    Kind("R_MIPS_CALL_LO16", 31, S_PLUS_A, 4, LOW, *ANY, cell=True, anchored=True, inner=True),
    Kind("R_MIPS_GPREL32/R_MIPS_64", GPREL32 | WORD << 8, S_PLUS_A, 8, ((0, 0, 64),), *ANY, anchored=True),
    Kind("R_MIPS_GPREL16/R_MIPS_SUB/R_MIPS_HI16", GPREL16 | SUB << 8 | HI16 << 16, NEGATED, 4, HIGH, *ANY,
         anchored=True),
    Kind("R_MIPS_GPREL16/R_MIPS_SUB/R_MIPS_LO16", GPREL16 | SUB << 8 | LO16 << 16, NEGATED, 4, LOW, *ANY,
         anchored=True),
)
ABSOLUTE = KINDS[0]
