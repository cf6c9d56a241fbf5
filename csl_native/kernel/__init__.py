"""The runtime kernel, in the restricted language.  ``MODULES`` is all of it, with the instruction definitions."""

from types import ModuleType


def __getattr__(name: str) -> tuple[ModuleType, ...]:
    if name != "MODULES":
        raise AttributeError(name)
    from csl_native.relocation import apply

    from ..instructions import definitions
    from . import arithmetic, bignum, calls, collector, compact, hashing, host, lists, memory, symbols, text
    return (memory, host, bignum, arithmetic, lists, collector, symbols, hashing, text, calls, compact, definitions, apply)
