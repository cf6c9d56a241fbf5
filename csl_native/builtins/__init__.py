"""Lisp functions written in Python, by area."""

from functools import cache
from importlib import import_module

MODULES = ("control", "definitions", "printing", "pretty", "sharing", "reading", "composed", "strings", "characters",
           "symbols", "numbers", "floatparts", "randoms", "modular", "digests", "vectors", "nary", "system", "images",
           "modules", "foreign", "hardcode", "debugging", "tracing", "probing", "assembler", "typed", "typedlife",
           "evectors", "oldnames", "compound", "binary", "asking")


@cache
def load() -> None:
    """Import every module, which registers its functions."""
    for name in MODULES:
        import_module(f"{__name__}.{name}")
