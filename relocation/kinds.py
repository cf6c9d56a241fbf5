"""Relocation kinds as rows: what one type of record computes, and where the result goes.

The letters are the ABIs': S the address of the symbol, A the addend, P the
address of the place; Page(x) clears the low twelve bits.  ``fields`` says which
bits of the result go where: (bit in the container, bit of the result, width).
"""

from __future__ import annotations

from typing import NamedTuple

S_PLUS_A, S_PLUS_A_MINUS_P, PAGE, LOW12, ROUNDED_PAGE = range(5)
FORMULAS = ("S + A", "S + A - P", "Page(S + A) - Page(P)", "(S + A) & 0xFFF", "Page(S + A + 0x800) - Page(P)")


class Kind(NamedTuple):
    """``size``: bytes of the container; the result must lie in [lo, hi) and be a multiple of ``align``.

    ``cell``: the symbol is reached through a pointer cell, whose address is S.  ``low``: the field holds the low bits of the
    result of another record, the one at the place that its symbol names.  ``difference``: +1 or -1, half of a pair whose sum
    S1 + A1 - S2 - A2 is a constant inside a block.  ``ROUNDED`` added to the bit of a field: of the result + 0x800, because
    the low twelve bits are signed.
    """

    name: str
    number: int
    formula: int
    size: int
    fields: tuple[tuple[int, int, int], ...]
    lo: int
    hi: int
    align: int = 1
    cell: bool = False
    call: bool = False
    low: bool = False
    difference: int = 0

    @property
    def signed(self) -> bool:
        return self.lo < 0 or self.formula in (S_PLUS_A_MINUS_P, PAGE, ROUNDED_PAGE)

    def words(self) -> list[int]:
        """The row as the restricted ``apply`` reads it: eight words and three a field."""
        whole = self.fields == ((0, 0, 8 * self.size),)
        out = [self.formula, self.size, self.lo, self.hi - 1, self.align - 1, 0 if whole else len(self.fields), int(self.signed), 0]
        for field in () if whole else self.fields:
            out += field
        return out + [0] * (ROW_WORDS - len(out))


ROW_WORDS = 8 + 3 * 8
ROUNDED = 64


def signed(bits: int) -> tuple[int, int]:
    return -(1 << (bits - 1)), 1 << (bits - 1)


def either(bits: int) -> tuple[int, int]:
    """The interval of a field that may hold a signed or an unsigned number."""
    return -(1 << (bits - 1)), 1 << bits


ANY = (-(1 << 63), 1 << 63)
