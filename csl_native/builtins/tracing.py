"""Functions that say how they are called and what they give: trace, traceset and what undoes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..heap.objects import SYM_ENV, SYM_SPARE
from ..heap.words import CONS, SYMBOL
from ..kernel.memory import NIL
from ..lisp.registry import Symbol, Value, builtin
from .definitions import copy_function

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp

TRACED, SET = "traced-function", "traced-assignments"  # properties: the function itself, under a symbol of its own


def fresh(lisp: Lisp, text: str) -> None:
    """Lines that begin a line."""
    out = lisp.output
    out.write(("\n" if out.column else "") + text)


def caller(lisp: Lisp, callee: int) -> str:
    """The function that is running and was asked for ``callee``, as far as the stack tells; the top level, when none
    is.
    """
    m = lisp.machine
    inner = m.kernel.get(callee, m.intern(TRACED))
    names = {m.field(s, SYM_ENV): s for s in m.steps(m.interned()) if lisp.is_bytecoded(s)}
    names.update({m.field(f, SYM_ENV): s for s in m.steps(m.interned())
                  if (f := m.kernel.get(s, m.intern(TRACED))) != NIL})
    found = [names[env] for env in m.steps(m.stack_words()) if env in names]
    if found and found[0] == callee and m.field(callee, SYM_ENV) != m.field(inner, SYM_ENV):
        found = found[1:]  # what stands in its place
    return lisp.printer.text(found[0] if found else m.intern("system-startup"))


def sourced(lisp: Lisp, name: int) -> int:
    """The lambda expression that is kept of a function; nil for none."""
    source = lisp.machine.field(name, SYM_SPARE)
    return source if source & 7 == CONS else NIL


def stands_aside(lisp: Lisp, name: int) -> int:
    """A symbol of its own with the function of another one."""
    m = lisp.machine
    aside = m.make_symbol(m.text(name))
    m.met.append(aside)
    copy_function(lisp, aside, name)
    return aside


def replace(lisp: Lisp, name: int, mark: str, parameters: int, body: int) -> bool:
    """Give a function another definition, and keep the one it has under a property; False for what has none, or has
    that already.
    """
    m = lisp.machine
    if (name & 7 != SYMBOL or not lisp.is_defined(name) or lisp.is_form(name)
        or m.kernel.get(name, m.intern(mark)) != NIL):
        return False
    source = sourced(lisp, name)
    m.kernel.put(name, m.intern(mark), stands_aside(lisp, name))
    lisp.define(name, parameters, [body])
    if source != NIL:
        m.set_field(name, SYM_SPARE, source)
    return True


def restore(lisp: Lisp, name: int, mark: str) -> None:
    m = lisp.machine
    old = m.kernel.get(name, m.intern(mark)) if name & 7 == SYMBOL else NIL
    if old == NIL:
        return
    m.kernel.remprop(name, m.intern(mark))
    lisp.on_redefine(name)
    copy_function(lisp, name, old)


@builtin("trace", 1)
def trace(lisp: Lisp, names: Value) -> int:
    """Functions of a list say from now on how they are called, and what they give; the list.
    (progn (trace '(cadr)) (apply1 'cadr '(1 2))
     (untrace '(cadr))) prints Calling cadr from system!-startup Arg1: (1 2) cadr => 2
    """
    m = lisp.machine
    rest = m.make_symbol("arguments")
    for name in m.items(names):
        if name & 7 == SYMBOL and not lisp.is_defined(name):
            out = lisp.output
            out.write(("\n" if out.column else "")
                      + f"+++ {lisp.printer.text(name)} not yet defined, was this a mistake?\n")
        call = m.list([m.intern("traced-call"), m.list([lisp.s_quote, name]), rest])
        replace(lisp, name, TRACED, m.list([m.intern("&rest"), rest]), call)
    return names


@builtin("untrace", 1)
def untrace(lisp: Lisp, names: Value) -> int:
    """Undo what trace did to the functions of a list; the list.  (untrace '(car)) => (car)"""
    for name in lisp.machine.items(names):
        restore(lisp, name, TRACED)
    return names


@builtin("traced-call", 2)
def traced_call(lisp: Lisp, name: Symbol, arguments: Value) -> int:
    """What stands in the place of a function that is traced.  (traced!-call 'example!-none nil) is an error"""
    m = lisp.machine
    text, values = lisp.printer.text(name), list(m.items(arguments))
    fresh(lisp, f"Calling {text} from {caller(lisp, name)}\n" + "".join(
        f"Arg{k}: {lisp.printer.text(x)}\n" for k, x in enumerate(lisp.machine.steps(values), 1)))
    function = m.kernel.get(name, m.intern(TRACED))
    if function == NIL:
        raise lisp.errors.plain("traced-call", name)
    value = m.apply(function, values)
    fresh(lisp, f"{text} => {lisp.printer.text(value)}\n")
    return value


@builtin("traceset", 1)
def traceset(lisp: Lisp, names: Value) -> int:
    """Functions of a list, if their source is kept, are traced and say what they assign to variables; the list.
    (traceset nil) => nil
    """
    m = lisp.machine
    for name in m.items(names):
        source = sourced(lisp, name) if name & 7 == SYMBOL else NIL
        if source != NIL:
            body = telling(lisp, name, m.cdr(m.cdr(source)))
            replace(lisp, name, SET, m.car(m.cdr(source)), m.cons(m.intern("progn"), body))
    trace(lisp, names)
    return names


@builtin("untraceset", 1)
def untraceset(lisp: Lisp, names: Value) -> int:
    """Undo what traceset did to the functions of a list; the list.  (untraceset nil) => nil"""
    untrace(lisp, names)
    for name in lisp.machine.items(names):
        restore(lisp, name, SET)
    return names


def telling(lisp: Lisp, name: int, form: int) -> int:
    """A form in which what is assigned is said first."""
    m = lisp.machine
    if form & 7 != CONS or m.car(form) == lisp.s_quote:
        return form
    parts = [telling(lisp, name, part) for part in m.items(form)]
    if m.car(form) == m.intern("setq"):
        for k in m.steps(range(2, len(parts), 2)):
            quoted = [m.list([lisp.s_quote, x]) for x in (name, parts[k - 1])]
            parts[k] = m.list([m.intern("traced-assignment"), *quoted, parts[k]])
    return m.list(parts)


@builtin("traced-assignment", 3)
def traced_assignment(lisp: Lisp, function: Symbol, variable: Value, value: Value) -> int:
    """Say that a function assigns a value to a variable; the value.  (traced!-assignment 'f 'x 5) prints f: x := 5"""
    text = lisp.printer.text
    fresh(lisp, f"{text(function)}:  {text(variable)} := {text(value)}\n")
    return value


