"""The runtime kernel, in the restricted language.  ``MODULES`` is all of it, with the instruction definitions."""

from types import ModuleType


def __getattr__(name: str) -> tuple[ModuleType, ...]:
    if name != "MODULES":
        raise AttributeError(name)
    from csl_native.relocation import apply

    from ..instructions import definitions, typed
    from . import (
        aloneblock,
        alonestreams,
        arithmetic,
        bignum,
        bits,
        boxed,
        calls,
        chains,
        characters,
        checking,
        collector,
        compact,
        comparison,
        compound,
        decimal,
        division,
        divisors,
        elementary,
        equality,
        evaluation,
        fasl,
        fixnums,
        floats,
        frames,
        handmade,
        hashing,
        host,
        letters,
        lists,
        memory,
        modular,
        multiply,
        numerals,
        oblist,
        order,
        printing,
        radix,
        safepoint,
        standalone,
        stencils,
        strings,
        symbols,
        text,
        variables,
        vectors,
    )
    return (memory, host, bignum, multiply, division, divisors, arithmetic, compound, comparison, boxed, bits,
            floats, modular, equality, lists, order, vectors, collector, safepoint, symbols, hashing, characters,
            decimal, radix, numerals, printing, text, strings, fixnums, letters, calls, evaluation, frames, handmade,
            chains, compact, checking, fasl, definitions, apply, stencils, variables, typed, oblist,
            aloneblock, alonestreams, standalone, elementary)
