"""Symbols: names, interning, generation, flags on lists."""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING

from ..heap.objects import F_GENSYM, F_UNNAMED, SYM_PLIST, SYM_SPARE, SYM_VALUE
from ..heap.words import CONS, STRING, SYMBOL
from ..kernel.memory import NIL, UNSET
from ..lisp.host import INDEFINITE
from ..lisp.registry import Checked, Symbol, Text, Value, Variable, builtin
from .definitions import code_pointer

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp

FAST_PROPERTIES = 63  # of the original
RUN = 1 << 13  # symbols that are sorted at once


@builtin("text intern", 1, wrong="intern (not a string)")
def intern(lisp: Lisp, x: Text) -> int:
    return lisp.machine.symbol(lisp.machine.text(x))


@builtin("intern", 1, 2)
def intern_in(lisp: Lisp, x: Checked, package: Value) -> int:
    """The symbol that is read by a name, a string or a symbol.  (intern "abc") => abc"""
    return int(lisp.machine.kernel.intern_name(x))


def generate(lisp: Lisp, stem: str) -> int:
    """A symbol of its own; it gets its number when somebody wants to know its name."""
    return marked(lisp, lisp.machine.make_symbol(stem), F_GENSYM | F_UNNAMED)


def marked(lisp: Lisp, symbol: int, flags: int) -> int:
    lisp.set_flags(symbol, flags)
    return symbol


@builtin("gensym", 0, 1)
def gensym(lisp: Lisp, stem: Value = NIL) -> int:
    """A new symbol of its own, whose name begins with the argument, or G, and ends with a number.
    (gensymp (gensym)) => t
    """
    return generate(lisp, beginning(lisp, stem) if stem & 7 in (SYMBOL, STRING) and stem != NIL else "G")


@builtin("gensym1", 1)
def gensym1(lisp: Lisp, stem: Text) -> int:
    """A new symbol of its own, whose name begins with the argument and ends with a number.
    (gensymp (gensym1 "x")) => t
    """
    return generate(lisp, beginning(lisp, stem))


def beginning(lisp: Lisp, stem: int) -> str:
    """What the names of symbols begin with that are generated from a symbol or string."""
    m = lisp.machine
    return m.label(stem) if stem & 7 == SYMBOL and m.flags(stem) & F_UNNAMED else m.text(stem)


@builtin("reset-gensym", 1)
def reset_gensym(lisp: Lisp, number: Value) -> int:
    """Go on with another number for generated symbols; nil asks for the next one.  What it was.
    (fixp (reset!-gensym nil)) => t
    """
    cage = lisp.machine.cage
    old = cage["gensym"]
    if number & 7 == 0 and number >= 0:
        cage["gensym"] = number >> 3 & 0x7FFFFFFF
    return int(old) << 3


@builtin("gensym2", 1)
def gensym2(lisp: Lisp, stem: Text) -> int:
    """A new symbol of its own, of just that name.  (gensymp (gensym2 "x")) => t"""
    return marked(lisp, lisp.machine.make_symbol(lisp.machine.text(stem)), F_GENSYM)


@builtin("gensymp", 1)
def gensymp(lisp: Lisp, x: Value) -> int:
    """Is it a symbol that gensym, or one of its like, made?  (gensymp 'a) => nil"""
    return lisp.truth(x & 7 == SYMBOL and bool(lisp.machine.flags(x) & F_GENSYM))


@builtin("make-symbol", 1)
def make_symbol(lisp: Lisp, x: Text) -> int:
    """A new symbol of that name, which reading does not find.  (eq (make!-symbol "a") 'a) => nil"""
    return lisp.machine.make_symbol(lisp.machine.text(x))


@builtin("remob", 1, 2, "unintern")
def remob(lisp: Lisp, x: Value, package: Value = NIL) -> int:
    """Nothing: a symbol that is read again is the same one, as in the original.  (remob 'a) => nil"""
    return NIL


@builtin("oblist", 0)
def oblist(lisp: Lisp) -> int:
    """All symbols that reading finds, sorted by name.  (not (null (memq 'car (oblist)))) => t"""
    m = lisp.machine
    symbols, runs = m.interned(), []
    for at in range(0, len(symbols), RUN):  # sorted and merged, so that it can be ended
        m.look()
        runs.append(sorted((m.text(s), s) for s in symbols[at:at + RUN]))
    result = []
    for count, (_, symbol) in enumerate(heapq.merge(*runs)):
        if count % RUN == 0:
            m.look()
        result.append(symbol)
    return m.list(result)


def is_interesting(lisp: Lisp, symbol: int) -> bool:
    """Has a symbol a value, a function or properties?"""
    m = lisp.machine
    return m.value(symbol) is not None or lisp.is_defined(symbol) or m.field(symbol, SYM_PLIST) != NIL


@builtin("all-symbols", 0, 1)
def all_symbols(lisp: Lisp, generated: Value = UNSET) -> int:
    """The symbols that are interned, in no order: with nil or t all of them, without an argument those that have
    something.
    (not (null (memq 'car (all!-symbols)))) => t
    """
    m = lisp.machine
    return m.list([s for s in m.steps(m.interned()) if generated != UNSET or is_interesting(lisp, s)])


@builtin("symbol-make-fastget", 1, 2)
def symbol_make_fastget(lisp: Lisp, x: Value, number: Value = NIL) -> int:
    """Give a property its place among the fast ones, -1 for none; its place before, or nil.  Here no property is
    slower than others.
    (symbol!-make!-fastget 'example!-fast 5) => nil
    """
    m = lisp.machine
    if x & 7 != SYMBOL:
        return NIL
    key = m.intern("~fastget")
    old = int(m.kernel.get(x, key))
    if number & 7 == 0:
        if not -1 <= number >> 3 < FAST_PROPERTIES:
            raise lisp.errors.plain("symbol-make-fastget", number)
        if number < 0:
            m.kernel.remprop(x, key)
        else:
            m.kernel.put(x, key, number)
    return old


@builtin("mapobl", 1)
def mapobl(lisp: Lisp, f: Value) -> int:
    """Call a function with all symbols that reading finds, sorted by name; nil.  (mapobl 'identity) => nil"""
    for symbol in lisp.machine.each(oblist(lisp)):
        lisp.apply(f, [symbol])
    return NIL


@builtin("symbol-value", 1)
def symbol_value(lisp: Lisp, x: Value) -> int:
    """The value of the variable that a symbol names, `~indefinite-value~` when it has none; of anything else, itself.
    (progn (set 'example!* 5) (symbol!-value 'example!*)) => 5
    """
    if x & 7 != SYMBOL:
        return x
    value = lisp.machine.value(x)
    return lisp.machine.intern(INDEFINITE) if value is None else value


@builtin("symbol-function", 1)
def symbol_function(lisp: Lisp, x: Value) -> int:
    """The compiled function of a symbol; the symbol itself for macros and special forms, and for what is
    interpreted; nil for none.
    (symbol!-function 'nobody!-defined!-this) => nil
    """
    if x & 7 != SYMBOL or not lisp.is_defined(x):
        return NIL
    return x if lisp.is_form(x) or lisp.machine.field(x, SYM_SPARE) & 7 == CONS else code_pointer(lisp, x)


@builtin("makeunbound", 1)
def makeunbound(lisp: Lisp, x: Variable) -> int:
    """Take the value of a variable away; its name.
    (progn (set 'example!* 5) (makeunbound 'example!*) (boundp 'example!*)) => nil
    """
    lisp.machine.set_field(x, SYM_VALUE, UNSET)
    return x


@builtin("get", 2, 3)
def get(lisp: Lisp, x: Value, indicator: Value, default: Value) -> int:
    """A property of a symbol; where there is none nil, or the default.
    (get 'example!-none 'size) => nil  (get 'example!-none 'size 5) => 5
    """
    found = int(lisp.machine.kernel.get(x, indicator))
    return default if found == NIL else found


@builtin("setprop", 2, 2, "set-plist")
def setprop(lisp: Lisp, x: Symbol, value: Value) -> int:
    """Replace all properties of a symbol; the new list.  (setprop 'example!-t '((size . 3))) => ((size . 3))"""
    lisp.machine.set_field(x, SYM_PLIST, value)
    return value
