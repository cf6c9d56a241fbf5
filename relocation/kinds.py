"""Relocation kinds as rows: what one type of record computes, and where the result goes.

The letters are the ABIs': S the address of the symbol, A the addend, P the
address of the place; Page(x) clears the low twelve bits.  ``fields`` says which
bits of the result go where: (bit in the container, bit of the result, width).
"""

from __future__ import annotations

from csl_native.system.records import Record

S_PLUS_A, S_PLUS_A_MINUS_P, PAGE, LOW12, ROUNDED_PAGE, NEGATED = range(6)
# S + A, S + A - P, Page(S + A) - Page(P), (S + A) & 0xFFF, Page(S + A + 0x800) - Page(P), -(S + A)


class Kind(Record):
    """``size``: bytes of the container; the result must lie in [lo, hi) and be a multiple of ``align``.

    ``cell``: the symbol is reached through a pointer cell, whose address is S; with ``inner`` the addend is the
    symbol's and part of what the cell holds.  ``rest``: what remains to be added to such a cell's content.
    ``anchored``: S counts from the block's anchor (GOT, TOC or GP).  ``low``: the field holds the low bits of the
    result of another record, the one at the place that its symbol names.  ``difference``: +1 or -1, half of a pair
    whose sum S1 + A1 - S2 - A2 is a constant inside a block.  ``unscaled``: an implicit addend stands in the field as
    it is, not at the bits where the result goes. ``ROUNDED`` or another multiple of 64 added to the bit of a field: of
    the result plus a row of ``ROUNDINGS``, because the fields below are signed.
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
    anchored: bool = False
    inner: bool = False
    rest: bool = False
    unscaled: bool = False

    @property
    def signed(self) -> bool:
        return self.lo < 0 or self.formula in (S_PLUS_A_MINUS_P, PAGE, ROUNDED_PAGE)

    def misfit(self, where: str, symbol: str, value: int) -> str:
        """That a result does not fit, as a linker says it: where, the kind, the symbol, the value, and what would have
        fitted.
        """
        multiple = f", or is no multiple of {self.align}" if self.align > 1 else ""
        return (f"{where}: relocation {self.name} against {symbol}: {value} ({value:#x}) is not in [{self.lo}, "
                f"{self.hi}){multiple}")

    def words(self) -> list[int]:
        """The row as the restricted ``apply`` reads it: eight words and three a field."""
        whole = self.fields == ((0, 0, 8 * self.size),)
        out = [self.formula, self.size, self.lo, self.hi - 1, self.align - 1, 0 if whole else len(self.fields),
               int(self.signed), 0]
        for field in () if whole else self.fields:
            out += field
        return out + [0] * (ROW_WORDS - len(out))


ROW_WORDS = 8 + 3 * 8
ROUNDINGS = (0, 0x800, 0x8000, 0x80008000, 0x800080008000, 0x20000)
ROUNDED, ROUNDED16, ROUNDED32, ROUNDED48, ROUNDED18 = 64, 128, 192, 256, 320


def bytes_reversed(size: int, shift: int = 0) -> tuple[tuple[int, int, int], ...]:
    """The fields of a whole big-endian container in terms of a little-endian one; the result is shifted right first."""
    return tuple((8 * (size - 1 - k), 8 * k + shift, 8) for k in range(size))


def signed(bits: int) -> tuple[int, int]:
    return -(1 << (bits - 1)), 1 << (bits - 1)


def either(bits: int) -> tuple[int, int]:
    """The interval of a field that may hold a signed or an unsigned number."""
    return -(1 << (bits - 1)), 1 << bits


ANY = (-(1 << 63), 1 << 63)
