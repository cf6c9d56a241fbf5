"""What the checker of tags (``restricted/tags.py``) is told of the kernel: what fields hold, and functions that it cannot follow."""

from __future__ import annotations

from ..objects import HASH_SLOTS, SYM_PNAME
from ..restricted.checker import Program
from ..restricted.tags import check_tags
from ..words import OTHER, STRING, SYMBOL, VECTOR

FIELDS = {(SYMBOL, SYM_PNAME): frozenset([STRING]), (OTHER, HASH_SLOTS): frozenset([VECTOR])}
VOUCHED = {
    "is_equal": "the tag of b was compared with that of a",
    "is_cl_equal": "the tag of b was compared with that of a",
    "equal_structures": "both words have one tag, which is looked at again wherever they are replaced",
    "order": "rank says of both words the same, and with that their tag",
}


def check_kernel() -> None:
    """Refuse a kernel in which a Lisp function reads through a tag that it did not test."""
    from . import MODULES
    checked = Program(list(MODULES))
    checked.check()
    check_tags(checked, FIELDS, VOUCHED)
