"""Relocation kinds of LoongArch: https://github.com/loongson/la-abi-specs/blob/release/laelf.adoc, table "ELF
Relocation types".

Not here, with the reason: TLS kinds (Lisp code has no thread-local data), RELAX and ALIGN (code is made without linker
relaxation), the stack-machine kinds 22 to 46 (LLVM does not emit them), the PCALA64 and GOT64 kinds (large code model:
pages of a set lie within 2 GB), the dynamic kinds (a dynamic linker's).
"""

from csl_native.relocation.kinds import (
    ANY,
    LOW12,
    ROUNDED18,
    ROUNDED_PAGE,
    S_PLUS_A,
    S_PLUS_A_MINUS_P,
    Kind,
    either,
    signed,
)

HIGH = ((5, 12, 20),)
LOW = ((10, 0, 12),)
PAGES = (-(1 << 31), 1 << 31)
B26 = ((10, 2, 16), (0, 18, 10))

KINDS = (
    Kind("R_LARCH_64", 2, S_PLUS_A, 8, ((0, 0, 64),), *ANY),
    Kind("R_LARCH_32", 1, S_PLUS_A, 4, ((0, 0, 32),), *either(32)),
    Kind("R_LARCH_ADD32", 50, S_PLUS_A, 4, ((0, 0, 32),), *ANY, difference=1),
    Kind("R_LARCH_ADD64", 51, S_PLUS_A, 8, ((0, 0, 64),), *ANY, difference=1),
    Kind("R_LARCH_SUB32", 55, S_PLUS_A, 4, ((0, 0, 32),), *ANY, difference=-1),
    Kind("R_LARCH_SUB64", 56, S_PLUS_A, 8, ((0, 0, 64),), *ANY, difference=-1),
    Kind("R_LARCH_B16", 64, S_PLUS_A_MINUS_P, 4, ((10, 2, 16),), *signed(18), align=4),
    Kind("R_LARCH_B21", 65, S_PLUS_A_MINUS_P, 4, ((10, 2, 16), (0, 18, 5)), *signed(23), align=4),
    Kind("R_LARCH_B26", 66, S_PLUS_A_MINUS_P, 4, B26, *signed(28), align=4, call=True),
    Kind("R_LARCH_ABS_HI20", 67, S_PLUS_A, 4, HIGH, *ANY),
    Kind("R_LARCH_ABS_LO12", 68, LOW12, 4, LOW, *ANY),
    Kind("R_LARCH_ABS64_LO20", 69, S_PLUS_A, 4, ((5, 32, 20),), *ANY),
    Kind("R_LARCH_ABS64_HI12", 70, S_PLUS_A, 4, ((10, 52, 12),), *ANY),
    Kind("R_LARCH_PCALA_HI20", 71, ROUNDED_PAGE, 4, HIGH, *PAGES),
    Kind("R_LARCH_PCALA_LO12", 72, LOW12, 4, LOW, *ANY),
    Kind("R_LARCH_GOT_PC_HI20", 75, ROUNDED_PAGE, 4, HIGH, *PAGES, cell=True),
    Kind("R_LARCH_GOT_PC_LO12", 76, LOW12, 4, LOW, *ANY, cell=True),
    Kind("R_LARCH_32_PCREL", 99, S_PLUS_A_MINUS_P, 4, ((0, 0, 32),), *either(32)),
    Kind("R_LARCH_CALL36", 110, S_PLUS_A_MINUS_P, 8, ((5, ROUNDED18 + 18, 20), (42, 2, 16)), -(1 << 37) - 0x20000,
         (1 << 37) - 0x20000, align=4,
         call=True),
    Kind("R_LARCH_64_PCREL", 109, S_PLUS_A_MINUS_P, 8, ((0, 0, 64),), *ANY),
)
ABSOLUTE = KINDS[0]
