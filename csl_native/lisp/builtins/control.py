"""Evaluation, application, errors and leaving."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...kernel.memory import NIL
from ...machine import Unwinding
from ...objects import F_MACRO, SYM_ENV
from ...vm import UNWIND_ERROR
from ...words import CONS, SYMBOL
from ..errors import COMPILED, INTERNAL, NAMES, QUIET, VALUES
from ..registry import Checked, Fixnum, Number, Symbol, Text, Value, builtin

if TYPE_CHECKING:
    from ..lisp import Lisp


@builtin("eval", 1)
def eval_(lisp: Lisp, x: Value) -> int:
    return lisp.eval(x)


@builtin("evlis", 1)
def evlis(lisp: Lisp, x: Value) -> int:
    m = lisp.machine
    return m.list([lisp.eval(form) for form in m.items(x)])


@builtin("apply", 1, -1)
def apply_(lisp: Lisp, f: Value, *arguments: Value) -> int:
    if not arguments:
        return lisp.apply(f, [])
    return lisp.apply(f, [*arguments[:-1], *lisp.machine.items(arguments[-1])])


@builtin("funcall", 1, -1, "funcall*", "idapply0")
def funcall(lisp: Lisp, f: Value, *arguments: Value) -> int:
    return lisp.apply(f, list(arguments))


@builtin("idapply", 2)
def idapply(lisp: Lisp, f: Value, arguments: Value) -> int:
    return lisp.apply(f, list(lisp.machine.items(arguments)))


def _fixed(count: int) -> None:
    @builtin(f"apply{count}", count + 1)
    def call(lisp: Lisp, f: Value, *arguments: Value) -> int:
        return lisp.apply(f, list(arguments))


for _count in (0, 3, 4):
    _fixed(_count)


@builtin("errorset", 1, 3)
def errorset(lisp: Lisp, form: Value, message: Value = NIL, backtrace: Value = NIL) -> int:
    errors, m = lisp.errors, lisp.machine
    level = 0 if message == NIL else 3 if backtrace != NIL else 2
    level = min(max(level, errors.least), errors.most)
    before = errors.show, errors.trace
    errors.show = level >= 2
    errors.trace = QUIET if level < 3 else VALUES if backtrace == m.intern("values") else NAMES if lisp.words is None else COMPILED
    sp, bp = m.cage["sp"], m.cage["bp"]
    try:
        with errors.printed():
            return m.cons(lisp.eval(form), NIL)
    except Unwinding:
        if m.cage["unwind_kind"] != UNWIND_ERROR:
            raise
        lisp.settle(sp, bp)
        number = m.cage["unwind_tag"]
        return number if number & 7 != CONS else NIL
    except INTERNAL as error:  # from Python code between here and the kernel
        lisp.settle(sp, bp)
        with errors.printed():
            errors.internal(error)
        return NIL
    finally:
        errors.show, errors.trace = before


@builtin("enable-errorset", 2)
def enable_errorset(lisp: Lisp, least: Fixnum, most: Fixnum) -> int:
    old = lisp.machine.cons(lisp.errors.least << 3, lisp.errors.most << 3)
    lisp.errors.least, lisp.errors.most = least >> 3, most >> 3
    return old


@builtin("enable-backtrace", 1)
def enable_backtrace(lisp: Lisp, flag: Value) -> int:
    """May errorset print back-traces?  The level that it goes up to now: 3, or 2 without."""
    lisp.errors.most = 2 if flag == NIL else 3
    return lisp.errors.most << 3


@builtin("backtrace", 0)
def backtrace(lisp: Lisp) -> int:
    """Print the functions that are running, the innermost first."""
    lisp.errors.running()
    return NIL


@builtin("error", 0, -1)
def error(lisp: Lisp, *arguments: Value) -> int:
    m = lisp.machine
    if not arguments:
        raise lisp.errors.signal()
    message = arguments[1] if len(arguments) > 1 else NIL
    m.set_value(m.intern("emsg*"), message)
    lisp.errors.again(message)
    if lisp.errors.show:
        out = lisp.errors.begin()
        out.write("\n+++ error: ")
        lisp.errors.value(m.list(arguments))
        for value in arguments[1:]:
            lisp.errors.put(" ")
            lisp.errors.value(value)
        out.write("\n")
        lisp.errors.begin_trace()
    raise lisp.errors.signal(arguments[0], message)


@builtin("error1", 0, 0, "error0")
def error1(lisp: Lisp) -> int:
    raise lisp.errors.signal()


@builtin("endp", 1)
def endp(lisp: Lisp, x: Checked) -> int:
    """Is a list at its end?"""
    if x & 7 != CONS and x != NIL:
        raise lisp.errors.loud("endp used on badly terminated list:", x)
    return lisp.truth(x == NIL)


@builtin("error-about", 2)
def error_about(lisp: Lisp, name: Text, value: Value) -> int:
    """The error of a function in Lisp about its argument."""
    raise lisp.errors.plain(lisp.machine.text(name), value)


@builtin("bad-go", 1)
def bad_go(lisp: Lisp, label: Value) -> int:
    raise lisp.errors.plain("go (label not found)", label)


@builtin("bad-return", 1, 2)
def bad_return(lisp: Lisp, value: Value, name: Value = NIL) -> int:
    raise lisp.errors.loud("block tag not found:", name)


@builtin("bad-count", 3)
def bad_count(lisp: Lisp, name: Symbol, given: Fixnum, least: Fixnum) -> int:
    """A function that takes some of its arguments out of a list was called with too few or too many."""
    env = lisp.machine.field(name, SYM_ENV)
    error = lisp.errors.wrong_count(env, given >> 3, least >> 3)
    lisp.hints.count(env, given >> 3, least >> 3)
    raise error


@builtin("bad-function", 1)
def bad_function(lisp: Lisp, f: Value) -> int:
    return lisp.bad_function(f)


@builtin("unbindable", 1)
def unbindable(lisp: Lisp, symbol: Value) -> int:
    """A function that was defined though a parameter of it cannot be bound is called."""
    raise lisp.errors.loud("bad item in bound variable list:", symbol)


@builtin("resource-limit", 2, 5)
def resource_limit(lisp: Lisp, form: Value, seconds: Number, megaconses: Number = -8, kilobytes: Number = -8, errors: Number = -8) -> int:
    """Evaluate a form with limits on seconds of CPU time or of waiting, million pairs allocated, kilobytes printed and errors (negative: none).

    A list of the value, or nil when a limit was exceeded; ``*resources*`` is set to what was used, the time in milliseconds.
    """
    from ..limits import Limits, Watch
    m = lisp.machine
    watch = Watch(lisp, Limits(*(lisp.to_number(n) for n in (seconds, megaconses, kilobytes, errors))))
    value = watch.run(lambda: lisp.eval(form))
    seconds_used, *others = watch.used()
    m.set_value(m.intern("*resources*"), m.list([m.integer(int(used)) for used in (seconds_used * 1000, *others)]))
    if value is None:
        return NIL
    return m.cons(value, NIL)


def expanded_once(lisp: Lisp, x: int) -> int | None:
    """A macro call expanded, or None."""
    m = lisp.machine
    return lisp.expand(x) if x & 7 == CONS and m.car(x) & 7 == SYMBOL and m.flags(m.car(x)) & F_MACRO else None


@builtin("macroexpand", 1, 2)
def macroexpand(lisp: Lisp, x: Value, environment: Value = NIL) -> int:
    while (once := expanded_once(lisp, x)) is not None:
        x = once
    return x


@builtin("macroexpand-1", 1, 2)
def macroexpand_1(lisp: Lisp, x: Value, environment: Value = NIL) -> int:
    once = expanded_once(lisp, x)
    return x if once is None else once


@builtin("stop", 0, 1)
def stop(lisp: Lisp, code: Value = 0) -> int:
    if code & 7 and code != NIL:
        raise lisp.errors.bare("bad args for stop")
    lisp.stop(code >> 3 if code & 7 == 0 else 0)
    raise Unwinding


@builtin("quit", 0, 1, "exit")
def quit_(lisp: Lisp, code: Value = 0) -> int:
    return stop(lisp, code)
