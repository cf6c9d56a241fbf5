"""What the checker of tags (``restricted/tags.py``) is told of the kernel: what fields hold, and functions that it
cannot follow.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping

from ..heap.objects import HASH_SLOTS, SYM_PNAME
from ..heap.words import OTHER, STRING, SYMBOL, VECTOR
from ..restricted.checker import Program
from ..restricted.tags import check_tags
from . import modules

FIELDS = {(SYMBOL, SYM_PNAME): frozenset([STRING]), (OTHER, HASH_SLOTS): frozenset([VECTOR])}
VOUCHED = {
    "is_equal": "the tag of b was compared with that of a",
    "is_cl_equal": "the tag of b was compared with that of a",
    "equal_structures": "both words have one tag, which is looked at again wherever they are replaced",
    "restore": "what is bound, on the stack of bindings, is a symbol",
    "order": "rank says of both words the same, and with that their tag",
}

# Constants of fields that not everybody may look into: by which functions alone.
# generated symbols get theirs late
READERS = {"SYM_PNAME": frozenset(["find_symbol", "place_symbol", "place_in_order", "comes_before", "given_name",
                                  "print_name", "good_contents"])}


def check_readers(program: Program, readers: Mapping[str, frozenset[str]]) -> None:
    """Refuse a program in which another function than those looks into a field."""
    for function in program.functions.values():
        for node in ast.walk(function.node):
            if isinstance(node, ast.Name) and node.id in readers and function.name not in readers[node.id]:
                raise program.refuse(function, node, f"{node.id} is looked into by "
                                                     f"{', '.join(sorted(readers[node.id]))} alone; call one of them")


def check_kernel() -> None:
    """Refuse a kernel in which a Lisp function reads through a tag that it did not test, or looks into what has another
    way.
    """
    checked = Program(modules())
    checked.check()
    check_tags(checked, FIELDS, VOUCHED)
    check_readers(checked, READERS)
