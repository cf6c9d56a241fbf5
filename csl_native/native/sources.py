"""What the optimising compiler must know of a function of a session: its bytecode, its constants, and the functions
that it calls.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING

from ..engines.weave import lisp_functions
from ..foreign.signatures import signature_of
from ..foreign.types import Signature
from ..heap.objects import SIGNATURE, SYM_ENV
from ..heap.words import FLOAT, SYMBOL, VECTOR
from ..instructions.codec import Code, decode
from ..kernel.calls import SLOT
from ..saving.guards import digest_of, guard_of, is_given
from .compilable import Callee, NotCompilable, Source
from .functions import FunctionIR
from .lowering import CALLS
from .thunks import calls_only

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp

# Bytes of bytecode: of a function that stands in place of its calls, what a front counts for, and of all such in one
# function.
SMALL, FRONT_SIZE, ROOM = 48, 24, 240
# A longer or wider function is not given to LLVM, nor one with more loops that lie across each other: LLVM's time grows
# as the square of their number, 0.6 s for 50 and 3 s for 100, and else with the number of bytes, about a second for
# 4096.
MOST_BYTES, MOST_WORDS, MOST_TANGLED = 4096, 1000, 50


@cache
def kernel_functions() -> dict[str, tuple[str, int]]:
    """Functions of the kernel by Lisp name, as restricted name and argument count, where that is the only one."""
    found = {f.lisp_name: (f.name, len(f.parameters)) for f in lisp_functions()
             if f.lisp_name and f.lisp_cells != "rest" and f.result == "word"}
    names = [f.lisp_name for f in lisp_functions()]
    return {name: row for name, row in found.items() if names.count(name) == 1}


def source_of(lisp: Lisp, symbol: int, label: str, *, speculate: bool = False) -> Source:
    """The source of a bytecoded function; NotCompilable, with the reason, when it has to stay bytecode."""
    m = lisp.machine
    literals = m.vector_items(m.field(symbol, SYM_ENV))
    code = Code.unpack(m.raw(literals[0]))
    if is_given(m.raw(literals[0])):
        raise NotCompilable("the program has its literal vector, and may change it")
    if len(code.code) > MOST_BYTES or max(code.locals, code.frame - code.locals) > MOST_WORDS:
        raise NotCompilable(f"LLVM takes functions of {MOST_BYTES} bytes of bytecode and {MOST_WORDS} local variables, "
                            "not larger ones")
    if tangled(code) > MOST_TANGLED:
        raise NotCompilable(f"LLVM takes functions in which at most {MOST_TANGLED} jumps back lie across each other")
    own = frozenset(k for k in range(1, len(literals)) if literals[k] == symbol)
    source = Source(label, code, len(literals), own, floats(lisp, literals), speculate=speculate)
    if (row := foreign_of(lisp, literals, code)) is not None:
        return Source(label, code, len(literals), foreign=row, name=m.label(symbol))
    FunctionIR(source)
    callees: dict[int, Callee] = {}
    room = ROOM
    for item in decode(code.code):
        n = item.operands[0] if item.operands else 0
        if item.row.name in CALLS and n not in callees and n not in own:
            callee = callee_of(lisp, literals[n], CALLS[item.row.name])
            size = 0 if callee is None or callee.code is None else FRONT_SIZE if callee.front else len(callee.code.code)
            if callee is not None and size <= room:
                callees[n] = callee
                room -= size
    return Source(label, code, len(literals), own, source.floats, tuple(sorted(callees.items())), speculate,
                  name=m.label(symbol))


def tangled(code: Code) -> int:
    """The largest number of jumps back that lie across each other, or in one another: loops that are optimised
    together.
    """
    loops = sorted((item.target, item.at) for item in decode(code.code)
                   if item.target is not None and item.target <= item.at)
    most = count = reach = 0
    for first, last in loops:
        count = count + 1 if first <= reach else 1
        reach = max(reach, last) if count > 1 else last
        most = max(most, count)
    return most


def foreign_of(lisp: Lisp, literals: list[int], code: Code) -> Signature | None:
    """The signature of the C function that a function only calls, when a thunk can do that."""
    mark = lisp.machine.intern(SIGNATURE)
    found = [x for x in literals[1:] if x & 7 == VECTOR and lisp.machine.vector_length(x) == 6
             and lisp.machine.field(x, 8 - VECTOR) == mark]
    if len(found) != 1 or lisp.session.restricted or not calls_only(code):
        return None
    row = signature_of(lisp, found[0])
    return row if row is not None and row.is_plain and code.fixed == len(row.arguments) else None


def floats(lisp: Lisp, literals: list[int]) -> tuple[tuple[int, float], ...]:
    """The constants that are floats, by number."""
    return tuple((k, lisp.machine.double(x)) for k, x in enumerate(literals) if k and x & 7 == FLOAT)


def callee_of(lisp: Lisp, symbol: int, count: int) -> Callee | None:
    """What is known of a function that is called with ``count`` arguments."""
    m = lisp.machine
    if symbol & 7 != SYMBOL:
        return None
    name = m.label(symbol)
    if is_kernel(lisp, symbol):
        function, parameters = kernel_functions()[name]
        return Callee(name, guard_of(name), function=function) if parameters == count else None
    if not lisp.is_bytecoded(symbol) or name in lisp.session.hardcode.index()[1]:
        return None
    literals = m.vector_items(m.field(symbol, SYM_ENV))
    if is_given(m.raw(literals[0])) or m.kernel.find_symbol(m.string(name)) != symbol:
        return None  # it changes without being defined, or nobody finds by the name that it did
    code = Code.unpack(m.raw(literals[0]))
    if foreign_of(lisp, literals, code) is not None:
        return None  # its native code is a thunk
    # A loop costs more than its call, and takes the registers of what is around it.
    if code.fixed != count or code.handlers:
        return None
    known = Callee(name, guard_of(name), code, len(literals), floats(lisp, literals))
    if (len(code.code) > SMALL or symbol in literals or any(item.row.name in ("calln", "push_argument", "bind", "poll")
                                                            for item in decode(code.code))):
        own = frozenset(k for k, x in enumerate(literals) if x == symbol)
        return known._replace(front=True,
                              own=own) if FunctionIR(Source("", code, len(literals), own,
                                                            known.floats)).has_front else None
    return known


def is_kernel(lisp: Lisp, symbol: int) -> bool:
    """Is a function the kernel's own, under its own name?"""
    row = kernel_functions().get(lisp.machine.label(symbol))
    if row is None:
        return False
    place = lisp.machine.entry_names.index(f"entry_{row[0]}")
    return lisp.cells(symbol)[row[1] - 1 if row[1] in (1, 2) else 2] == SLOT["host"] + 8 * place


def together(source: Source, unit: Collection[Source]) -> list[Source]:
    """A function, those that it may call directly in its unit, those that they may call so, and so on."""
    known = {other.name: other for other in unit}
    found = {source.name: source}
    work = [source]
    while work:
        for _, callee in work.pop().callees:
            if callee.front and callee.name in known and callee.name not in found:
                found[callee.name] = known[callee.name]
                work.append(known[callee.name])
    return list(found.values())


def inlined(sources: list[Source], lisp: Lisp) -> dict[str, bytes]:
    """The functions that compiled code relies on, by name, with their digests."""
    return {callee.name: digest_of(lisp, callee.name) for source in sources for _, callee in source.callees}
