"""The runtime kernel, in the restricted language: the modules of this package, and the instruction definitions."""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType

# In the order in which their functions stand in the program.
NAMES = (
    "memory", "host", "bignum", "multiply", "division", "divisors", "arithmetic", "compound", "comparison", "boxed",
    "bits", "floats", "modular", "equality", "lists", "order", "vectors", "collector", "safepoint", "symbols",
    "hashing", "characters", "decimal", "radix", "numerals", "printing", "text", "strings", "fixnums", "letters",
    "calls", "nary", "evaluation", "frames", "handmade", "chains", "compact", "checking", "fasl",
    "..instructions.definitions", "..relocation.apply", "stencils", "variables", "..instructions.typed", "oblist",
    "aloneblock", "alonestreams", "standalone", "elementary",
)


def modules() -> list[ModuleType]:
    """All of them, read when they are asked for: a start needs none but by its native code."""
    return [import_module(name if name.startswith("..") else f".{name}", __name__) for name in NAMES]
