"""Evaluation, application, errors and leaving."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..heap.objects import F_MACRO, SYM_ENV
from ..heap.words import CONS, SYMBOL
from ..kernel.memory import NIL, T
from ..lisp.limits import Limits, Watch
from ..lisp.registry import Checked, Fixnum, Number, Symbol, Text, Value, builtin
from ..runtime.machine import Unwinding

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp


@builtin("evlis", 1)
def evlis(lisp: Lisp, x: Value) -> int:
    """The list of the values of some forms.  (evlis '((plus 1 2) 'a)) => (3 a)"""
    m = lisp.machine
    return m.list([lisp.eval(form) for form in m.items(x)])


@builtin("apply", 1, -1)
def apply_(lisp: Lisp, f: Value, *arguments: Value) -> int:
    """Call a function with the arguments between, followed by those in the list that comes last.
    (apply 'list 1 2 '(3 4)) => (1 2 3 4)
    """
    if not arguments:
        return lisp.apply(f, [])
    return lisp.apply(f, [*arguments[:-1], *lisp.machine.items(arguments[-1])])


@builtin("funcall", 1, -1, "funcall*", "idapply0")
def funcall(lisp: Lisp, f: Value, *arguments: Value) -> int:
    """Call a function with arguments.  (funcall 'list 1 2) => (1 2)"""
    return lisp.apply(f, list(arguments))


@builtin("idapply", 2)
def idapply(lisp: Lisp, f: Value, arguments: Value) -> int:
    """Call a function with the arguments in a list.  (idapply 'list '(1 2)) => (1 2)"""
    return lisp.apply(f, list(lisp.machine.items(arguments)))


def _fixed(count: int) -> None:
    given = " ".join("123456"[:count])
    outcome = f"({given})" if count else "nil"

    @builtin(f"apply{count}", count + 1, meaning=f"Call a function with {count or 'no'} arguments.  "
                                                  f"(apply{count} 'list{' ' * (count > 0)}{given}) => {outcome}")
    def call(lisp: Lisp, f: Value, *arguments: Value) -> int:
        return lisp.apply(f, list(arguments))


for _count in (3, 4):
    _fixed(_count)


@builtin("errorset", 1, 3)
def errorset(lisp: Lisp, form: Value, message: Value = NIL, backtrace: Value = NIL) -> int:
    """Evaluate a form; the list of its value, or after an error its number, or nil.  An error is printed when
    message is not nil, with a back-trace when backtrace is not nil, too.
    (errorset '(car '(a)) nil nil) => (a)  (errorset '(error 5 "x") nil nil) => 5
    """
    return lisp.machine.apply(lisp.machine.intern("errorset"), [form, message, backtrace])  # the kernel has it


LEVELS = {NIL: 0, 0 << 3: 0, 1 << 3: 1, 2 << 3: 2, 3 << 3: 3, T: 3}  # by what they are called: how much is printed


@builtin("enable-errorset", 2)
def enable_errorset(lisp: Lisp, least: Value, most: Value) -> int:
    """The least and the most that `errorset` prints from now on: 0 or nil nothing, 1 or 2 errors, 3 or t back-traces,
    too; anything else leaves it as it is. The pair of what they were.
    (prog (old) (setq old (enable!-errorset 0 3)) (enable!-errorset (car old) (cdr old)) (return old)) => (0 . 3)
    """
    cage = lisp.machine.cage
    old = lisp.machine.cons(cage["errorset_least"] << 3, cage["errorset_most"] << 3)
    low = LEVELS.get(least, cage["errorset_least"])
    cage["errorset_least"], cage["errorset_most"] = low, max(low, LEVELS.get(most, cage["errorset_most"]))
    return old


@builtin("enable-backtrace", 1)
def enable_backtrace(lisp: Lisp, flag: Value) -> int:
    """May errorset print back-traces?  t and 3 say yes, nil and 0 to 2 no. The level asked for, 3 being yes.
    (enable!-backtrace t) => 3
    """
    cage = lisp.machine.cage
    level = LEVELS.get(flag, 3 if cage["errorset_most"] == 3 else 0)
    cage["errorset_most"] = max(level, 2)
    return level << 3


@builtin("backtrace", 0)
def backtrace(lisp: Lisp) -> int:
    """Print the functions that are running, the innermost first; nil.  (backtrace) => nil"""
    lisp.errors.running()
    return NIL


@builtin("error", 0, -1)
def error(lisp: Lisp, *arguments: Value) -> int:
    """Signal an error with a number and a message: it is printed and ends everything up to the next `errorset`.
    (error 5 "no more") is an error
    """
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
        for value in lisp.machine.steps(arguments[1:]):
            lisp.errors.put(" ")
            lisp.errors.value(value)
        out.write("\n")
        lisp.errors.begin_trace()
    raise lisp.errors.signal(arguments[0], message)


@builtin("error1", 0, 0, "error0")
def error1(lisp: Lisp) -> int:
    """An error that nothing is printed about.  (errorset '(error1) t t) => nil"""
    raise lisp.errors.signal()


@builtin("endp", 1)
def endp(lisp: Lisp, x: Checked) -> int:
    """Is a list at its end?  An error for what is neither a pair nor nil.  (endp nil) => t"""
    if x & 7 != CONS and x != NIL:
        raise lisp.errors.loud("endp used on badly terminated list:", x)
    return lisp.truth(x == NIL)


@builtin("error-about", 2)
def error_about(lisp: Lisp, name: Text, value: Value) -> int:
    """Signal the error of a function about an argument of its.  (error!-about "example" 5) is an error"""
    raise lisp.errors.plain(lisp.machine.text(name), value)


@builtin("bad-go", 1)
def bad_go(lisp: Lisp, label: Value) -> int:
    """What a compiled `go` to a label that is nowhere does: an error.  (bad!-go 'away) is an error"""
    raise lisp.errors.plain("go (label not found)", label)


@builtin("bad-return", 1, 2)
def bad_return(lisp: Lisp, value: Value, name: Value = NIL) -> int:
    """What a compiled `return` with nothing around it does: an error.  (bad!-return 5) is an error"""
    raise lisp.errors.loud("block tag not found:", name)


@builtin("bad-count", 3)
def bad_count(lisp: Lisp, name: Symbol, given: Fixnum, least: Fixnum) -> int:
    """What a function does that takes optional arguments out of a list, when there are too few or too many: an
    error.
    (bad!-count 'car 2 1) is an error
    """
    env = lisp.machine.field(name, SYM_ENV)
    error = lisp.errors.wrong_count(env, given >> 3, least >> 3)
    lisp.hints.count(env, given >> 3, least >> 3)
    raise error


@builtin("bad-function", 1)
def bad_function(lisp: Lisp, f: Value) -> int:
    """What a call of something that is no function does: an error.  (bad!-function 5) is an error"""
    return lisp.bad_function(f)


@builtin("unbindable", 1)
def unbindable(lisp: Lisp, symbol: Value) -> int:
    """What a call of a function does of which a parameter cannot be bound: an error.  (unbindable 'nil) is an error"""
    raise lisp.errors.loud("bad item in bound variable list:", symbol)


@builtin("resource-limit", 2, 5)
def resource_limit(lisp: Lisp, form: Value, seconds: Number, megaconses: Number = -8, kilobytes: Number = -8,
                   errors: Number = -8) -> int:
    """Evaluate a form with limits on seconds of CPU time or of waiting, million pairs allocated, kilobytes printed
    and errors (negative: none); the list of the value, or nil when a limit was exceeded.  `*resources*` is set to
    what was used, the time in milliseconds.
    (resource!-limit '(plus 1 2) 10) => (3)
    """
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
    """A form whose macro call at the head is expanded, again and again until there is none.
    (progn (dm example!-m (u) (list 'add1 (cadr u))) (macroexpand '(example!-m 5))) => (add1 5)
    """
    while (once := expanded_once(lisp, x)) is not None:
        lisp.machine.look()
        x = once
    return x


@builtin("macroexpand-1", 1, 2)
def macroexpand_1(lisp: Lisp, x: Value, environment: Value = NIL) -> int:
    """A form whose macro call at the head is expanded once.  (macroexpand!-1 '(plus 1 2)) => (plus 1 2)"""
    once = expanded_once(lisp, x)
    return x if once is None else once


@builtin("stop", 0, 1)
def stop(lisp: Lisp, code: Value = 0) -> int:
    """End the program; its status is the argument.  (stop 0) is not run: it ends the session"""
    if code & 7 and code != NIL:
        raise lisp.errors.bare("bad args for stop")
    lisp.stop(code >> 3 if code & 7 == 0 else 0)
    raise Unwinding


@builtin("quit", 0, 1, "exit")
def quit_(lisp: Lisp, code: Value = 0) -> int:
    """End the program, as `stop` does.  (quit) is not run: it ends the session"""
    return stop(lisp, code)
