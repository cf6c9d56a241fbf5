"""Relocation kinds of RISC-V: https://github.com/riscv-non-isa/riscv-elf-psabi-doc, chapter "Relocations".

Not here, with the reason: TLS kinds (Lisp code has no thread-local data), RELAX and ALIGN (code is made without linker
relaxation), SET and the 8- and 16-bit differences (debug information only), the dynamic kinds (a dynamic linker's).
"""

from csl_native.relocation.kinds import ANY, ROUNDED, S_PLUS_A, S_PLUS_A_MINUS_P, Kind, either, signed

HIGH = ((12, ROUNDED + 12, 20),)
LOW_I = ((20, 0, 12),)
LOW_S = ((25, 5, 7), (7, 0, 5))
FAR = (-(1 << 31) - 0x800, (1 << 31) - 0x800)

KINDS = (
    Kind("R_RISCV_64", 2, S_PLUS_A, 8, ((0, 0, 64),), *ANY),
    Kind("R_RISCV_32", 1, S_PLUS_A, 4, ((0, 0, 32),), *either(32)),
    Kind("R_RISCV_BRANCH", 16, S_PLUS_A_MINUS_P, 4, ((31, 12, 1), (25, 5, 6), (8, 1, 4), (7, 11, 1)), *signed(13),
         align=2),
    Kind("R_RISCV_JAL", 17, S_PLUS_A_MINUS_P, 4, ((31, 20, 1), (21, 1, 10), (20, 11, 1), (12, 12, 8)), *signed(21),
         align=2),
    Kind("R_RISCV_CALL", 18, S_PLUS_A_MINUS_P, 8, (*HIGH, (52, 0, 12)), *FAR, call=True),
    Kind("R_RISCV_CALL_PLT", 19, S_PLUS_A_MINUS_P, 8, (*HIGH, (52, 0, 12)), *FAR, call=True),
    Kind("R_RISCV_GOT_HI20", 20, S_PLUS_A_MINUS_P, 4, HIGH, *FAR, cell=True),
    Kind("R_RISCV_PCREL_HI20", 23, S_PLUS_A_MINUS_P, 4, HIGH, *FAR),
    Kind("R_RISCV_PCREL_LO12_I", 24, S_PLUS_A_MINUS_P, 4, LOW_I, *ANY, low=True),
    Kind("R_RISCV_PCREL_LO12_S", 25, S_PLUS_A_MINUS_P, 4, LOW_S, *ANY, low=True),
    Kind("R_RISCV_HI20", 26, S_PLUS_A, 4, HIGH, *FAR),
    Kind("R_RISCV_LO12_I", 27, S_PLUS_A, 4, LOW_I, *ANY),
    Kind("R_RISCV_LO12_S", 28, S_PLUS_A, 4, LOW_S, *ANY),
    Kind("R_RISCV_ADD32", 35, S_PLUS_A, 4, ((0, 0, 32),), *ANY, difference=1),
    Kind("R_RISCV_ADD64", 36, S_PLUS_A, 8, ((0, 0, 64),), *ANY, difference=1),
    Kind("R_RISCV_SUB32", 39, S_PLUS_A, 4, ((0, 0, 32),), *ANY, difference=-1),
    Kind("R_RISCV_SUB64", 40, S_PLUS_A, 8, ((0, 0, 64),), *ANY, difference=-1),
    Kind("R_RISCV_RVC_BRANCH", 44, S_PLUS_A_MINUS_P, 2, ((12, 8, 1), (10, 3, 2), (5, 6, 2), (3, 1, 2), (2, 5, 1)),
         *signed(9), align=2),
    Kind("R_RISCV_RVC_JUMP", 45, S_PLUS_A_MINUS_P, 2,
         ((12, 11, 1), (11, 4, 1), (9, 8, 2), (8, 10, 1), (7, 6, 1), (6, 7, 1), (3, 1, 3), (2, 5, 1)), *signed(12),
         align=2),
    Kind("R_RISCV_32_PCREL", 57, S_PLUS_A_MINUS_P, 4, ((0, 0, 32),), *either(32)),
)
ABSOLUTE = KINDS[0]
