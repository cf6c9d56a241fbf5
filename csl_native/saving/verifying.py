"""Heaps of strangers: what is proved of one before anything in it runs.

First its structure, by the kernel (``kernel/checking.py``), and what the kernel and Python take for granted of its
roots; then its functions: the bytecode of each symbol is proved and copied, with its literals, to where nothing else in
the heap refers to it, so that it stays what was proved; and function cells hold what such cells may hold.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from csl_native.image.container import Image, ImageError

from ..heap.objects import (
    BY_TYPE,
    CODE_HEADER,
    SYM_ENV,
    SYM_FN1,
    SYM_FN2,
    SYM_FNN,
    SYM_SPARE,
    SYM_VALUE,
    SYMBOL_HEADER,
    SYMBOL_SIZE,
    VECTOR_HEADER,
)
from ..heap.vm import HEAP
from ..heap.words import HEADER, OTHER, SYMBOL, VECTOR
from ..instructions.codec import Code, trimmed
from ..instructions.proof import prove
from ..instructions.table import CodeError
from ..kernel.calls import SLOT
from ..kernel.checking import BAD_CONTENTS, BAD_POINTER, BAD_SIZE, BAD_START
from ..kernel.memory import (
    CATCH_TAGS,
    FIXED_SYMBOLS,
    NIL,
    ROOT_CHARS,
    ROOT_COUNT,
    ROOT_HANDMADE,
    ROOT_HARD_CODE,
    ROOT_LOWER,
    ROOT_MODULES,
    ROOT_OBCOUNT,
    ROOT_OBLIST,
    ROOT_PINNED,
    ROOT_RAISE,
    ROOT_VECTOR,
)
from .heapview import HeapView

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp
    from ..runtime.machine import Machine

WRONG = {BAD_SIZE: "has a length that its type cannot have",
         BAD_START: "and the start bits do not agree where objects begin",
         BAD_POINTER: "refers to what is no object of the type that the reference says",
         BAD_CONTENTS: "is not what its type promises"}
CELLS = (SYM_FN1, SYM_FN2, SYM_FNN)
BYTECODED = tuple({SLOT[f"{kind}{n}"] for kind in ("bytecoded", "compile")} for n in "12n")


def verify_structure(m: Machine, image: Image) -> None:
    """ImageError unless the heap that was mapped is well-formed and has the roots that a heap must have."""
    def fail(what: str) -> ImageError:
        return (ImageError(f"{image.path}: its heap cannot be used: {what}.  It is not one that csl wrote; get it from "
                           "where you trust"))
    info = image.sections["heap"].info
    end = HEAP + int(info["size"])
    if end < ROOT_VECTOR + 8 + 8 * ROOT_COUNT or end & 15:
        raise fail(f"{info['size']} bytes")
    found = m.kernel.check_heap(end)
    if found:
        place, head = found >> 3, m.words[found >> 6]
        kind = BY_TYPE[head >> 3 & 31].name if head & 7 == HEADER and head >> 3 & 31 in BY_TYPE else "cons"
        raise fail(f"the {kind} at {place:#x} {WRONG[found & 7]}")
    for k, name in enumerate(FIXED_SYMBOLS):
        if (m.words[HEAP + k * SYMBOL_SIZE >> 3] != SYMBOL_HEADER
            or m.label(HEAP + k * SYMBOL_SIZE + SYMBOL) != name.replace("!", "")):
            raise fail(f"the symbol {name} is not in its place")
    if m.words[ROOT_VECTOR - VECTOR >> 3] != 8 * ROOT_COUNT << 8 | VECTOR_HEADER:
        raise fail("the vector of roots is not in its place")
    table = m.root(ROOT_OBLIST)
    symbols = m.vector_items(table) if table & 7 == VECTOR else []
    count = sum(s & 7 == SYMBOL for s in symbols)
    if len(symbols) & len(symbols) - 1 or count != m.root(ROOT_OBCOUNT) >> 3 or not 0 < count < len(symbols):
        raise fail(f"an object list of {len(symbols)} places with {count} symbols")
    characters = m.root(ROOT_CHARS)
    rows = m.vector_items(characters) if characters & 7 == VECTOR else []
    if len(rows) < 128 or any(x & 7 != SYMBOL for x in (*rows, m.root(ROOT_RAISE), m.root(ROOT_LOWER))):
        raise fail("its table of characters is none")
    m.set_field(CATCH_TAGS, SYM_VALUE, NIL)
    for root in (ROOT_HANDMADE, ROOT_HARD_CODE, ROOT_MODULES, ROOT_PINNED):
        m.set_root(root, NIL)


def private_env(m: Machine, env: int) -> int:
    """A proved copy of a function's literal vector and bytecode, which nobody else has; CodeError when it cannot be
    proved.

    ``env`` is any vector; it must be reachable.
    """
    literals = m.vector_items(env)
    if not literals or literals[0] & 7 != OTHER or m.header(literals[0]) & 255 != CODE_HEADER:
        raise CodeError("a function without bytecode")
    data = trimmed(m.raw(literals[0]))
    prove(Code.unpack(data), len(literals), {k for k, x in enumerate(literals) if x & 7 == SYMBOL},
          {k for k, x in enumerate(literals) if m.is_variable(x)})
    return m.vector([m.object(CODE_HEADER, data), *literals[1:]])


def adopt_functions(lisp: Lisp, base: Image, path: str) -> None:
    """Prove the functions of a well-formed heap, whose cells were translated; ImageError when one cannot be."""
    m = lisp.machine
    allowed = _cells_of(base)
    copies: dict[int, int] = {}
    number_of_builtins = len(lisp.builtins)
    for symbol in _symbols(m):
        env = m.field(symbol, SYM_ENV)
        cells = [m.field(symbol, cell) for cell in CELLS]
        if any(slot in own for slot, own in zip(cells, BYTECODED, strict=True)):
            try:
                if env not in copies:
                    if env & 7 != VECTOR:
                        raise CodeError("a function without literals")
                    copies[env] = private_env(m, env)
            except CodeError as error:
                raise ImageError(f"{path}: its function {m.label(symbol)} cannot be run: {error}") from None
            m.set_field(symbol, SYM_ENV, copies[env])
            m.kernel.bytecode_cells(symbol, m.field(copies[env], 8 - VECTOR))
            continue
        if env & 7 != SYMBOL:
            env = symbol
            m.set_field(symbol, SYM_ENV, symbol)
        spare = m.field(env, SYM_SPARE)
        if any(slot not in own for slot, own in zip(cells, allowed, strict=True)) or (
                cells[0] == SLOT["host1"] and (spare & 7 or not 0 <= spare >> 3 < number_of_builtins)):
            raise ImageError(f"{path}: the symbol {m.label(symbol)} has function cells that are none: "
                             f"{', '.join(map(hex, cells))}")


def _symbols(m: Machine) -> list[int]:
    """Every symbol of a well-formed heap, whether or not it is on the object list."""
    found, p, end = [], HEAP, m.cage["heap_top"]
    kernel: Callable[[int, int], int] = m.kernel.next_symbol
    while p := kernel(p, end):
        found.append(p + SYMBOL)
        p += SYMBOL_SIZE
    return found


def _cells_of(base: Image) -> list[set[int]]:
    """The slots that each function cell has in the base image, which are all that are of use in one that was just read.
    """
    view = HeapView(base, check=False)
    symbols = list(view.symbols())
    return [{view.word(s + cell) for s in symbols} | {SLOT[f"{kind}{n}"] for kind in ("undefined", "wrong", "host")}
            for cell, n in zip(CELLS, "12n", strict=True)]

