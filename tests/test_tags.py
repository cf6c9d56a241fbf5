"""A Lisp function of the kernel reads nothing through a parameter, or through a word that it read there, before it has
tested the tag.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import csl_native
from csl_native.kernel.vouched import FIELDS, READERS, VOUCHED, check_kernel, check_readers
from csl_native.restricted.checker import Program, Refusal
from csl_native.restricted.tags import check_tags

CONSTANTS = {"SYMBOL": 2, "STRING": 3, "VECTOR": 4, "FLOAT": 5, "OTHER": 6, "NIL": 0x80002, "HASH": 71, "SYM_PLIST": 14,
             "SYM_PNAME": 22, "FREE": 64}
HELPERS = """
def is_hash(h) -> bool:
    return h & 7 == OTHER and load(h - OTHER) & 255 == HASH

def first(l):
    return load(l - 1)

def limb(x):
    return load(x + 8 - OTHER)

"""
GOOD = (
    "def f(x):\n    return load(x - 1) if x & 7 == 1 else NIL",
    "def f(x):\n    if x & 7 != 1:\n        return NIL\n    return load(x + 7)",
    "def f(x):\n    tag = x & 7\n    if tag == 1:\n        return first(x)\n    return NIL",
    "def f(x):\n    while x & 7 == 1:\n        x = load(x + 7)\n    return NIL",
    "def f(x):\n    return load(x + 7) if x & 7 == 1 and load(x - 1) == NIL else NIL",
    "def f(x):\n    return limb(x) if is_hash(x) else NIL",
    "def f(x):\n    if not is_hash(x):\n        return NIL\n    return load(x + 8 - OTHER)",
    "def f(v, i):\n    return load(v + 8 - VECTOR + i) if v & 7 == VECTOR and i & 7 == 0 else NIL",
    "def f(s):\n    return load8(load(s + SYM_PNAME) + 8 - STRING) if s & 7 == SYMBOL else NIL",
    "def f(n):\n    return load(FREE) + (n & 7)",
)
BAD = {
    "def f(x):\n    return load(x - 1)": "x may be",
    "def f(x):\n    return load(x - 1) if x & 7 == 2 else NIL": "x may be a symbol",
    "def f(x):\n    return NIL if x & 7 == 1 else load(x - 1)": "x may be",
    "def f(x):\n    return load(x + 7) if x & 7 == 1 or x == NIL else NIL": "x may be a symbol",
    "def f(x):\n    return load(load(x - 1) + 7) if x & 7 == 1 else NIL": "may be",
    "def f(x):\n    while x & 7 == 1:\n        x = load(x + 7)\n    return load(x - 1)": "x may be",
    "def f(x):\n    if x & 7 == 1:\n        x = load(x + 7)\n        return load(x + 7)\n    return NIL": "x may be",
    "def f(x):\n    return first(x)": "first reads through its parameter l",
    "def f(x):\n    return limb(x) if x & 7 == OTHER else NIL": "limb reads through its parameter x",
    "def f(x):\n    return load(x + 8 - OTHER) if x & 7 == OTHER else NIL": "header's type",
    "def f(x):\n    return NIL if is_hash(x) else limb(x)": "limb reads through its parameter x",
    "def f(v, i):\n    return load(v + 8 - VECTOR + i) if v & 7 == VECTOR else NIL": "i may be",
    "def f(v, i):\n    return load(v + 8 - VECTOR + i) if v & 7 == VECTOR or i & 7 == 0 else NIL": "may be",
    "def f(x):\n    p = x + 8 - STRING\n    return load8(p)": "x may be",
    "def f(s):\n    store(s + SYM_PLIST, NIL)\n    return s": "s may be",
    "def f(x, y):\n    y = x\n    return load(y - 1)": "y may be",
    "def f(x):\n    tag = x & 7\n    x = NIL if tag == 1 else x\n"
    "    return load(x - 1) if tag == 1 else NIL": "x may be",
}


def program(text: str) -> Program:
    found = Program()
    found.add_source(HELPERS + '@lisp("f")\n' + text, CONSTANTS, "kernel", "kernel.py")
    found.check()
    return found


@pytest.mark.parametrize("text", GOOD)
def test_what_was_tested_is_read(text: str) -> None:
    check_tags(program(text), {(2, 22): frozenset([3])}, {})


@pytest.mark.parametrize("text", BAD)
def test_what_was_not_tested_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match=BAD[text]):
        check_tags(program(text), {(2, 22): frozenset([3])}, {})
    check_tags(program(text), {}, {"f": "because"})


def test_names_have_one_way() -> None:
    """A generated symbol has no name until somebody wants it, so nobody may look into the field."""
    for good in ("def given_name(s):\n    return load(s + SYM_PNAME) if s & 7 == SYMBOL else NIL", GOOD[0]):
        check_readers(program(good), READERS)
    with pytest.raises(Refusal, match="SYM_PNAME is looked into by"):
        check_readers(program(GOOD[8]), READERS)
    root = Path(csl_native.__file__).parent
    text = {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in root.rglob("*.py")}
    users = {name for name, source in text.items() if "SYM_PNAME" in source and not name.startswith("kernel/")}
    # The last one gives its place to the Lisp of programs that stand alone, which asks for the flag first.
    assert users == {"heap/objects.py", "runtime/machine.py", "saving/heapview.py", "session/standing.py"}
    # What is compiled or shown must not give a number to a symbol: numbers would depend on the clock.
    assert not [name for name, source in text.items() if name.startswith("native/")
                and re.search(r"\b(m|machine|heap)\.text\((symbol|s|x|unit)\b", source)]


def test_the_kernel_tests_tags() -> None:
    check_kernel()
    assert FIELDS and all(VOUCHED.values())
