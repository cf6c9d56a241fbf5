"""Evaluation: simple forms directly, forms with bindings through the compiler."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING

from ..heap.objects import F_FEXPR, F_MACRO, F_SPECIAL, SYM_ENV
from ..heap.words import CONS, SYMBOL
from ..kernel.memory import NIL, T
from ..runtime.machine import Unwinding
from .assembly import CompileError
from .handles import PYTHON
from .python import call_python

if TYPE_CHECKING:
    from ..runtime.machine import Machine
    from .compiler import Compiler
    from .errors import Errors
    from .handles import Handles
    from .hints import Hints
    from .remembered import Remembered

DEEP = 20  # forms inside of each other that are evaluated directly: what is deeper is compiled, which takes no stack


class Evaluator:
    """eval and apply; a part of Lisp."""

    machine: Machine
    errors: Errors
    hints: Hints
    handles: Handles
    s_lambda: int
    quick: dict[int, Callable[[int, int], int]]
    define: Callable[..., None]
    expand: Callable[[int], int]
    lambda_symbol: Callable[..., int]

    @cached_property
    def compiler(self) -> Compiler:
        """What most programs that start do not need."""
        from .compiler import Compiler
        return Compiler(self)  # type: ignore[arg-type]  # every Evaluator is a Lisp

    @cached_property
    def remembered(self) -> Remembered:
        """What most programs do not need either."""
        from .remembered import Remembered
        return Remembered(self.machine, self.machine.intern("quote"), self.compiler.displaceable.__contains__)

    def eval(self, x: int, depth: int = 0) -> int:
        """The value of a form.  Calls are evaluated directly, forms with bindings, and those that are deep inside of others, are compiled first."""
        m = self.machine
        while True:
            tag = x & 7
            if tag == SYMBOL:
                return self.symbol_value(x)
            if tag != CONS:
                return x
            head = m.car(x)
            if head & 7 != SYMBOL or depth > DEEP:
                return self.eval_compiled(x)
            quick = self.quick.get(head)
            if quick is not None:
                return int(quick(x, depth + 1))
            flags = m.flags(head)
            if flags & F_MACRO:
                x = self.expand(x)
                depth += 1  # one that expands to itself is an error of the compiler
                continue
            if flags & F_FEXPR:
                return m.apply(head, [m.cdr(x)])
            if not flags & F_SPECIAL and self.compiler.handler(head) is None:
                return self.eval_call(head, x, depth + 1)  # the compiler's own forms, like mapcar of a lambda, are compiled
            return self.eval_compiled(x)

    def symbol_value(self, x: int) -> int:
        value = self.machine.value(x)
        if value is None:
            error = self.errors.loud("unset variable:", x)
            self.hints.unknown(x, function=False)
            raise error
        return value

    def eval_call(self, head: int, x: int, depth: int) -> int:
        m = self.machine
        form, arguments = NIL, list[int]()
        try:
            for form in m.items(m.cdr(x)):
                arguments.append(self.eval(form, depth))
        except Unwinding:
            self.errors.evaluating(form)
            raise
        return m.apply(head, arguments)

    def eval_compiled(self, x: int) -> int:
        m = self.machine
        if m.car(x) == m.intern("go"):
            raise self.errors.loud("go tag not found:", m.car(m.cdr(x)) if m.cdr(x) & 7 == CONS else NIL)

        def make() -> int:
            symbol = m.make_symbol("toplevel")
            self.define(symbol, NIL, [x])
            return symbol
        try:
            symbol = self.remembered.compiled(x, make)
        except CompileError as error:
            raise self.compile_error(error) from None
        return m.apply(symbol, [])

    def compile_error(self, error: CompileError) -> Unwinding:
        values = () if error.value is None else (error.value,)
        if error.bare:
            return self.errors.bare(error.message, *values)
        if error.message.startswith("bad item"):
            return self.errors.loud(error.message, *values)
        return self.errors.plain(error.message, *values)

    def eval_quote(self, x: int, depth: int) -> int:
        tail = self.machine.cdr(x)
        if tail & 7 != CONS or self.machine.cdr(tail) != NIL:
            raise self.errors.bare("bad args for quote")
        return self.machine.car(tail)

    def eval_progn(self, x: int, depth: int) -> int:
        result = NIL
        for form in self.machine.items(self.machine.cdr(x)):
            result = self.eval(form, depth)
        return result

    def eval_setq(self, x: int, depth: int) -> int:
        m = self.machine
        parts = list(m.items(m.cdr(x)))
        result = NIL
        for k in m.steps(range(0, len(parts), 2)):
            symbol = parts[k]
            if not m.is_variable(symbol):
                raise self.errors.plain("setq (bad variable)", symbol)
            result = self.eval(parts[k + 1], depth) if k + 1 < len(parts) else NIL
            m.set_value(symbol, result)
        return result

    def eval_cond(self, x: int, depth: int) -> int:
        m = self.machine
        for clause in m.items(m.cdr(x)):
            if clause & 7 == CONS:
                value = self.eval(m.car(clause), depth)
                if value != NIL:
                    for form in m.items(m.cdr(clause)):
                        value = self.eval(form, depth)
                    return value
        return NIL

    def eval_and(self, x: int, depth: int) -> int:
        value = T
        for form in self.machine.items(self.machine.cdr(x)):
            value = self.eval(form, depth)
            if value == NIL:
                break
        return value

    def eval_or(self, x: int, depth: int) -> int:
        value = NIL
        for form in self.machine.items(self.machine.cdr(x)):
            value = self.eval(form, depth)
            if value != NIL:
                break
        return value

    def eval_time(self, x: int, depth: int) -> int:
        """With a form, which the function `time` does not have, what it takes is printed."""
        m = self.machine
        head, rest = m.car(x), m.cdr(x)
        if rest & 7 != CONS or m.cdr(rest) != NIL or m.field(head, SYM_ENV) != head:
            return self.eval_call(head, x, depth)
        began = m.apply(m.intern("time-began"), [])
        return m.apply(m.intern("time-told"), [began, self.eval(m.car(rest), depth)])

    def apply(self, f: int, arguments: list[int]) -> int:
        """Call a function: a symbol, a lambda expression, or a funarg."""
        m = self.machine
        if f & 7 == SYMBOL:
            return m.apply(f, arguments)
        if f & 7 == CONS and m.car(f) == self.s_lambda:
            try:
                symbol = self.remembered.compiled(f, lambda: self.lambda_symbol(f, False))
            except CompileError as error:
                raise self.compile_error(error) from None
            return m.apply(symbol, arguments)
        if f & 7 == CONS and m.car(f) == m.intern("funarg"):
            return self.apply(m.cons(self.s_lambda, m.cdr(m.cdr(f))), arguments)
        if f & 7 == CONS and m.car(f) == m.intern("closure"):
            return self.apply(m.car(m.cdr(f)), [*m.items(m.cdr(m.cdr(f))), *arguments])
        function = self.handles.thing(f, PYTHON)
        if callable(function):
            return call_python(self, function, arguments)  # type: ignore[arg-type]
        self.bad_function(f)
        raise Unwinding

    def bad_function(self, f: int) -> int:
        error = self.errors.plain("Bad function called from apply: ", f)
        self.hints.mapped()
        raise error
