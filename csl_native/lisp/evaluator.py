"""Evaluation: simple forms by the kernel, forms with bindings through the compiler."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from ..heap.objects import F_FEXPR, F_MACRO, F_SPECIAL, SYM_ENV
from ..heap.vm import NESTED
from ..heap.words import CONS, SYMBOL
from ..kernel.memory import NIL
from ..runtime.machine import Unwinding
from .errors import CompileError
from .handles import PYTHON
from .python import call_python

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..runtime.machine import Machine
    from .compiler import Compiler
    from .errors import Errors
    from .handles import Handles
    from .hints import Hints
    from .remembered import Remembered


class Evaluator:
    """eval and apply; a part of Lisp."""

    machine: Machine
    errors: Errors
    hints: Hints
    handles: Handles
    s_lambda: int
    s_quote: int
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
        """The value of a form: the kernel has what most forms are (``kernel/evaluation.py``)."""
        return self.machine.evaluate(x, depth)

    def eval_apart(self, x: int, depth: int) -> int:
        """What the kernel leaves: an unset variable, macros, forms with bindings, and those that are deep inside of
        others, which are compiled.
        """
        m = self.machine
        if x & 7 == SYMBOL:
            error = self.errors.loud("unset variable:", x)
            self.hints.unknown(x, function=False)
            raise error
        head = m.car(x)
        if head == self.s_quote:
            raise self.errors.bare("bad args for quote")
        if head & 7 != SYMBOL or depth > NESTED:
            return self.eval_compiled(x)
        if head == m.intern("time"):
            return self.eval_time(x, depth + 1)
        flags = m.flags(head)
        if flags & F_MACRO:
            return self.eval(self.expand(x), depth + 1)  # one that expands to itself is an error of the compiler
        if flags & F_FEXPR:
            return m.apply(head, [m.cdr(x)])
        if flags & F_SPECIAL or self.compiler.handler(head) is not None:
            return self.eval_compiled(x)  # the compiler's own forms, like mapcar of a lambda, are compiled
        return m.evaluate(x, depth + 1, call=True)

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

    def eval_time(self, x: int, depth: int) -> int:
        """With a form, which the function `time` does not have, what it takes is printed."""
        m = self.machine
        head, rest = m.car(x), m.cdr(x)
        if rest & 7 != CONS or m.cdr(rest) != NIL or m.field(head, SYM_ENV) != head:
            return m.evaluate(x, depth, call=True)
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
