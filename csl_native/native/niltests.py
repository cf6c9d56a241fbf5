"""Tests for nil of what must be a pair next: ``(cond ((null l) ...) (t ... (car l) ...))``.

Is it a pair? is asked first, which ``car`` would have to ask.  Where it is one, and it mostly is, that is the only
question.
"""

from __future__ import annotations

from ..instructions.codec import Decoded
from ..instructions.effects import quiet

FAR = 12  # instructions from such a test to where the pair is wanted


def before_pairs(listing: list[Decoded]) -> frozenset[int]:
    """Places of tests of a local variable for nil behind which its car or cdr is taken, without a call between."""
    at = {item.at: item for item in listing}

    def wanted(place: int | None, local: int, far: int) -> bool:
        item = at.get(place) if place is not None else None
        if item is None or not far:
            return False
        name, following = item.row.name, at.get(item.end)
        if (name == "local" and item.operands[0] == local and following is not None
            and following.row.name in ("car", "cdr")):
            return True
        if name in ("set_local", "store_local") and item.operands[0] == local:
            return False
        if item.row.kind == "branch":
            return wanted(item.target, local, far - 1) or not item.row.always and wanted(item.end, local, far - 1)
        return item.row.kind == "value" and quiet(item.row) and wanted(item.end, local, far - 1)
    return frozenset(test.at for value, test in zip(listing, listing[1:], strict=False)
                     if value.row.name == "local" and value.end == test.at and test.row.tests
                     and wanted(test.end if test.row.name == "jump_nil" else test.target, value.operands[0], FAR))
