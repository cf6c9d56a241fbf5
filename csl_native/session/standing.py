"""A session made ready to become a program that stands alone: functions that are Python's get definitions in Lisp,
and what has none is found."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from csl_native.system.places import PACKAGE

from ..heap.objects import F_GENSYM, F_UNNAMED, SYM_ENV, SYM_FLAGS, SYM_FN1, SYM_FN2, SYM_FNN, SYM_PNAME, SYM_SPARE
from ..heap.vm import VM
from ..heap.words import SYMBOL
from ..instructions.codec import decode
from ..kernel.calls import SLOT
from ..kernel.host import HOST_CODES, OPERATIONS, PASSED, TEXT_FUNCTIONS
from ..kernel.memory import NIL, T
from ..kernel.standalone import FIRST_PRIMITIVE, PRIMITIVES
from ..lisp.registry import MAIN_NAMES, Rows
from ..saving.heapview import HeapView

if TYPE_CHECKING:
    from .session import Session

FOLDER = os.path.join(PACKAGE, "lisp", "standalone")
CELLS = (SYM_FN1, SYM_FN2, SYM_FNN)
HOSTS = (SLOT["host1"], SLOT["host2"], SLOT["hostn"])
# What the Lisp text in that folder knows by number: places of the block of the machine, fields and flags of symbols.
NUMBERS = {
    "alone-error-shown": VM["error_shown"],
    "alone-precision": VM["precision"],
    "alone-modulus-place": VM["modulus"],
    "alone-gensym-place": VM["gensym"],
    "alone-errorset-least": VM["errorset_least"],
    "alone-errorset-most": VM["errorset_most"],
    "alone-flags-place": SYM_FLAGS,
    "alone-name-place": SYM_PNAME,
    "alone-spare-place": SYM_SPARE,
    "alone-env-place": SYM_ENV,
    "alone-generated": F_GENSYM >> 3,
    "alone-unnamed": (F_GENSYM | F_UNNAMED) >> 3,
    "alone-seed": 0,
}


def make_ready(session: Session, main: str) -> None:
    """Define what takes the place of Python's functions, and have the program begin with ``main``."""
    m, lisp = session.machine, session.lisp

    def body() -> None:
        for k, name in enumerate(PRIMITIVES):
            symbol = m.intern(f"alone-{name}")
            lisp.set_cells(symbol, *HOSTS)
            m.set_field(symbol, SYM_ENV, symbol)
            m.words[symbol + SYM_SPARE >> 3] = FIRST_PRIMITIVE + k << 3
        for name, number in NUMBERS.items():
            give(session, name, number << 3)
        give(session, "alone-operations", m.vector([m.intern(name) for name in OPERATIONS]))
        give(session, "alone-text-functions", m.vector([m.intern(name) for name in TEXT_FUNCTIONS]))
        give(session, "alone-main", m.intern(main))

    session.run(body)
    for file in sorted(os.listdir(FOLDER)):
        if file.endswith(".lsp"):
            with open(os.path.join(FOLDER, file), encoding="utf-8") as text:
                session.eval(text.read())
    session.run(lambda: give(session, "alone-passed", m.vector([passed(session, name) for name in PASSED])))
    session.run(lambda: give(session, "alone-answers", m.vector([answer(session, name) for name in HOST_CODES])))
    session.run(lambda: replace(session))


def give(session: Session, name: str, value: int) -> None:
    """A variable of that text."""
    symbol = session.machine.intern(name)
    session.lisp.declare_fluid(symbol)
    session.machine.set_value(symbol, value)


def answer(session: Session, name: str) -> int:
    symbol = session.machine.intern(f"answer-{name}")
    return symbol if session.lisp.is_defined(symbol) else session.machine.intern("answer-none")


def passed(session: Session, name: str) -> int:
    """What does what the kernel passes on: a function of Lisp, or the name of what is missing, as a string."""
    symbol = session.machine.intern(f"host-{name}")
    return symbol if session.lisp.is_defined(symbol) else session.machine.string(name)


def replace(session: Session) -> None:
    """Where a function is still Python's, the definition in Lisp takes its place; what the kernel has of it stays.

    The kernel asks the host for other numbers of arguments than it has the function for, so the environment is that
    of the definition.
    """
    m, lisp = session.machine, session.lisp
    Rows.of_all()  # so that all names of functions are known
    for name in lisp.builtins.names:
        symbol = m.intern(name)
        alone = next(
            (
                found
                for each in (name, MAIN_NAMES.get(name, name))
                if lisp.is_bytecoded(found := m.intern(f"host-{each}"))
            ),
            None,
        )
        if alone is None or m.field(symbol, SYM_ENV) != symbol:  # the program has a definition of its own
            continue
        cells = lisp.cells(alone)
        m.kernel.put(alone, m.intern("alone-host"), T)
        if name in PASSED:  # the kernel would only pass on what is there in Lisp: it has no room to print into
            lisp.set_cells(symbol, *cells)
        else:
            old = lisp.cells(symbol)
            lisp.set_cells(
                symbol, *(new if cell == host else cell for cell, host, new in zip(old, HOSTS, cells, strict=True)))
        m.set_field(symbol, SYM_ENV, m.field(alone, SYM_ENV))
        m.set_field(symbol, SYM_SPARE, 0)


def missing(view: HeapView, main: str) -> dict[str, list[str]]:
    """Functions that are Python's, and that the program may call when it begins with ``main``; by each of them its
    callers."""
    symbols = {view.text(s): s for s in view.symbols()}
    found: dict[str, list[str]] = {}
    work, seen = [symbols[main]], {symbols[main]}
    while work:
        symbol = work.pop()
        code = view.code_of(symbol)
        if code is None:
            continue
        called = {
            code[1][item.operands[0]]
            for item in decode(code[0].code)
            if "call" in item.row.name and item.operands and 0 < item.operands[0] < len(code[1])
        }
        for literal in code[1]:
            if literal & 7 != SYMBOL or literal == NIL:
                continue
            if literal in called and is_python_s(view, literal):
                found.setdefault(view.label(literal), []).append(view.label(symbol))
            if literal not in seen:
                seen.add(literal)
                work.append(literal)
    return {name: sorted(callers) for name, callers in sorted(found.items())}


def is_python_s(view: HeapView, symbol: int) -> bool:
    """Is a symbol's function one of Python's, or nothing?"""
    return (
        any(view.word(symbol + cell) in HOSTS for cell in CELLS)
        and 0 <= view.word(symbol + SYM_SPARE) >> 3 < FIRST_PRIMITIVE
    )
