"""Special forms: each is a method ``form_NAME`` of the compiler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..heap.objects import F_FLUID
from ..heap.words import CONS
from ..kernel.memory import NIL, T
from .assembly import EFFECT, TAIL, VALUE
from .errors import CompileError
from .exits import Exits
from .lambdas import captured

if TYPE_CHECKING:
    from .deep import Steps
    pass

class Forms(Exits):
    """Special forms that bind, choose and define."""

    nots: tuple[int, int]
    and_: int
    or_: int

    def form_quote(self, x: int, context: int) -> None:
        """(quote x)  x itself, not evaluated; read from 'x.  (quote (a b)) => (a b)"""
        tail = self.m.cdr(x)
        if tail & 7 != CONS or self.m.cdr(tail) != NIL:
            raise CompileError("bad args for quote", bare=True)
        self.constant(self.m.car(tail), context)

    def form_function(self, x: int, context: int) -> Steps:
        """(function f)
        A function as a value: a name, or a lambda expression, which keeps the values of variables around it.
        (funcall (function (lambda (x) (times x x))) 5) => 25
        """
        m = self.m
        target = m.car(m.cdr(x))
        if target & 7 == CONS and m.car(target) == self.lambda_:
            taken, around = (yield captured(self, target)), self.known.around
            self.known.around = around | self.f.scope.keys()
            if taken:
                whole = m.cons(self.lambda_, m.cons(m.list(taken, m.car(m.cdr(target))), m.cdr(m.cdr(target))))
                symbol = yield self.lisp.naming(whole, self.known)
                self.known.around = around
                quoted = [m.list([self.quote, s]) for s in (m.intern("closure"), symbol)]
                yield self.form(m.cons(self.list_, m.list(quoted + taken)), context)
                return
            target = yield self.lisp.naming(target, self.known)
            self.known.around = around
        self.constant(target, context)

    def mapping(self, x: int, context: int) -> Steps:
        """A map function with a lambda expression is a loop in place; others are calls."""
        m = self.m
        name, arguments = m.text(m.car(x)), list(m.items(m.cdr(x)))
        f = arguments[1] if len(arguments) == 2 else NIL
        if not self.is_lambda(f, 1):
            yield self.call(m.car(x), arguments, context)
            return
        tail, result, loop = (m.make_symbol(n) for n in ("tail", "result", "loop"))

        def form(*parts: int | str) -> int:
            return m.list([m.intern(p) if isinstance(p, str) else p for p in parts])
        item = tail if name in ("map", "maplist", "mapcon") else form("car", tail)
        call = m.list([m.car(m.cdr(f)), item])
        value = NIL if name in ("map", "mapc") else form("reversip",
                                                         result) if name in ("mapcar", "maplist") else result
        if name in ("mapcan", "mapcon"):  # what is no list is left out
            part = m.make_symbol("part")
            step = form("~let", form(form(part, call)),
                        form("cond", form(form("pairp", part), form("setq", result, form("nconc", result, part)))))
        else:
            step = call if name in ("map", "mapc") else form("setq", result, form("cons", call, result))
        done = m.make_symbol("done")
        body = [loop, form("cond", form(form("null", tail), form("go", done))), step,
                form("setq", tail, form("cdr", tail)), form("go", loop), done]

        def both(c: int) -> Steps:  # no prog: a return in the lambda expression is one of what is around
            yield self.block(body, EFFECT, False)
            yield self.form(value, c)
        yield self.let([(tail, arguments[0]), (result, NIL)], both, context)

    def form_maphash(self, x: int, context: int) -> Steps:
        """With a lambda expression: a loop over the pairs of the table."""
        m = self.m
        arguments = list(m.items(m.cdr(x)))
        if len(arguments) != 2 or not self.is_lambda(arguments[0], 2):
            yield self.call(m.car(x), arguments, context)
            return
        pair = m.make_symbol("pair")
        call = m.list([m.car(m.cdr(arguments[0])), m.list([m.intern("car"), pair]), m.list([m.intern("cdr"), pair])])
        f = m.list([m.intern("function"), m.list([self.lambda_, m.list([pair]), call])])
        yield self.mapping(m.list([m.intern("mapc"), m.list([m.intern("hashcontents"), arguments[1]]), f]), context)

    def is_lambda(self, x: int, count: int) -> bool:
        """Is it (function (lambda (...) ...)) with so many parameters?"""
        m = self.m
        if x & 7 != CONS or m.car(x) != m.intern("function") or m.cdr(x) & 7 != CONS:
            return False
        f = m.car(m.cdr(x))
        return (f & 7 == CONS and m.car(f) == self.lambda_ and m.cdr(f) & 7 == CONS
                and len(list(m.items(m.car(m.cdr(f))))) == count)

    form_map = form_mapc = form_mapcar = form_maplist = form_mapcan = form_mapcon = mapping

    def form_progn(self, x: int, context: int) -> Steps:
        """(progn form...)  Evaluate forms in order; the value of the last one.  (progn 1 2 3) => 3"""
        yield self.progn(list(self.m.items(self.m.cdr(x))), context)

    def form_prog1(self, x: int, context: int) -> Steps:
        """(prog1 form...)  Evaluate forms in order; the value of the first one.  (prog1 1 2 3) => 1"""
        body = list(self.m.items(self.m.cdr(x)))
        if not body:
            self.constant(NIL, context)
            return
        yield self.form(body[0], VALUE)
        for y in body[1:]:
            yield self.form(y, EFFECT)
        self.finish(context)

    def form_prog2(self, x: int, context: int) -> Steps:
        """(prog2 form...)  Evaluate forms in order; the value of the second one.  (prog2 1 2 3) => 2"""
        body = list(self.m.items(self.m.cdr(x)))
        if body:
            yield self.form(body[0], EFFECT)
        if len(body) > 1:
            yield self.form(body[1], VALUE)
            for y in body[2:]:
                yield self.form(y, EFFECT)
            self.finish(context)
        else:
            self.constant(NIL, context)

    def form_cond(self, x: int, context: int) -> Steps:
        """(cond (test form...)...)
        Evaluate the forms of the first clause whose test is not nil; the value of the last of them, or of the
        test when there are none; nil when no test is true.
        (cond ((eq 1 2) 'a) (t 'b)) => b
        """
        m, f = self.m, self.f
        end = self.label()
        depth = f.depth
        gives = 0 if context == EFFECT else 1
        open_end = True
        for clause in m.items(m.cdr(x)):
            if clause & 7 != CONS:
                continue
            test, body = m.car(clause), list(m.items(m.cdr(clause)))
            if test == T or (test & 7 == CONS and m.car(test) == self.quote and m.car(m.cdr(test)) != NIL):
                if (steps := self.progn(body or [test], context)) is not None:
                    yield steps
                if not f.dead:
                    self.jump("jump", end)
                open_end = False
                break
            following = self.label()
            if body:
                if (steps := self.test(test, following, False)) is not None:
                    yield steps
                if (steps := self.progn(body, context)) is not None:
                    yield steps
            else:
                slot = self.new_local()
                yield self.form(test, VALUE)
                self.op("set_local", slot)
                self.jump("jump_nil", following)
                self.op("local", slot)
                self.finish(context)
                f.locals -= 1
            if not f.dead:
                self.jump("jump", end)
            self.place(following, depth)
        if open_end and not f.dead:
            self.constant(NIL, context)
        if self.used(end) or not f.dead:
            self.place(end, depth + gives)
            if context == TAIL:
                f.dead = True
                f.depth = depth

    def used(self, label: int) -> bool:
        return label in self.f.targets

    def test(self, x: int, target: int, sense: bool) -> Steps:
        """Jump to ``target`` when the truth of ``x`` is ``sense``; else go on."""
        m = self.m
        while x & 7 == CONS:
            head = m.car(x)
            if head in self.nots:
                arguments = list(m.items(m.cdr(x)))
                if len(arguments) != 1:
                    break
                x, sense = arguments[0], not sense
                continue
            if head in (self.and_, self.or_) and (arguments := list(m.items(m.cdr(x)))):
                return self.tests(arguments, head == self.or_, target, sense)
            break
        steps = self.form(x, VALUE)
        if steps is not None:
            return self.tested(steps, target, sense)
        self.jump("jump_not_nil" if sense else "jump_nil", target)
        return None

    def tested(self, steps: Steps, target: int, sense: bool) -> Steps:
        yield steps
        self.jump("jump_not_nil" if sense else "jump_nil", target)

    def tests(self, arguments: list[int], early: bool, target: int, sense: bool) -> Steps:
        """The same of the forms of an ``and``, or an ``or``, which is ``early``."""
        if early == sense:
            for y in arguments:
                if (steps := self.test(y, target, sense)) is not None:
                    yield steps
            return
        skip = self.label()
        for y in arguments[:-1]:
            if (steps := self.test(y, skip, early)) is not None:
                yield steps
        if (steps := self.test(arguments[-1], target, sense)) is not None:
            yield steps
        if self.used(skip):
            self.place(skip, self.f.depth)

    def connective(self, x: int, context: int, unit: int, jump: str) -> Steps:
        f = self.f
        arguments = list(self.m.items(self.m.cdr(x)))
        if not arguments:
            self.constant(unit, context)
            return
        end, depth = self.label(), f.depth
        if context == EFFECT:
            for y in arguments[:-1]:
                if (steps := self.test(y, end, jump == "jump_not_nil")) is not None:
                    yield steps
            yield self.form(arguments[-1], EFFECT)
            self.place(end, depth)
            return
        slot = self.new_local()
        for y in arguments[:-1]:
            if (steps := self.form(y, VALUE)) is not None:
                yield steps
            if not f.dead:
                self.op("set_local", slot)
                self.jump(jump, end)
        if (steps := self.form(arguments[-1], VALUE)) is not None:
            yield steps
        if not f.dead:
            self.op("store_local", slot)
        self.place(end, depth)
        self.op("local", slot)
        f.locals -= 1
        self.finish(context)

    def form_and(self, x: int, context: int) -> Steps:
        """(and form...)
        Evaluate forms until one is nil; the value of the last one that was evaluated, t for no form.
        (and 1 2) => 2  (and nil 2) => nil
        """
        yield self.connective(x, context, T, "jump_nil")

    def form_or(self, x: int, context: int) -> Steps:
        """(or form...)  Evaluate forms until one is not nil; its value, or nil.  (or nil 2 3) => 2"""
        yield self.connective(x, context, NIL, "jump_not_nil")

    def form_if(self, x: int, context: int) -> Steps:
        """(if test then else...)
        The value of then when test is not nil, else of the last of the other forms.
        (if nil 1 2) => 2
        """
        m = self.m
        parts = list(m.items(m.cdr(x)))
        if len(parts) < 2:
            raise CompileError("bad args for if", bare=True)
        rest = m.list([T, *(parts[2:] or [NIL])])
        yield self.form_cond(m.list([0, m.list(parts[:2]), rest]), context)

    def form_when(self, x: int, context: int) -> Steps:
        """(when test form...)
        Evaluate the forms when test is not nil; the value of the last one, or nil.
        (when t 1 2) => 2
        """
        m = self.m
        yield self.form_cond(m.list([0, m.cons(m.car(m.cdr(x)), m.cons(NIL, m.cdr(m.cdr(x))))]), context)

    def form_unless(self, x: int, context: int) -> Steps:
        """(unless test form...)
        Evaluate the forms when test is nil; the value of the last one, or nil.
        (unless nil 1 2) => 2
        """
        m = self.m
        test = m.list([m.intern("null"), m.car(m.cdr(x))])
        yield self.form_cond(m.list([0, m.cons(test, m.cons(NIL, m.cdr(m.cdr(x))))]), context)

    def form_setq(self, x: int, context: int) -> Steps:
        """(setq variable form...)
        Set variables, which are not evaluated, to the values of forms; the last value.
        (prog (a b) (setq a 1 b 2) (return (list a b))) => (1 2)
        """
        m = self.m
        parts = list(m.items(m.cdr(x)))
        if not parts:
            self.constant(NIL, context)
            return
        for k in range(0, len(parts), 2):
            symbol, value = parts[k], parts[k + 1] if k + 1 < len(parts) else NIL
            if not m.is_variable(symbol):
                raise CompileError("setq (bad variable)", symbol)
            if (steps := self.form(value, VALUE)) is not None:
                yield steps
            self.known.assign(symbol)
            last = k + 2 >= len(parts)
            if symbol in self.f.scope:
                if last and context != EFFECT:
                    self.op("set_local", self.f.scope[symbol])
                else:
                    self.op("store_local", self.f.scope[symbol])
            else:
                self.declare(symbol)
                self.op("set_value", self.literal(symbol))
                if not last or context == EFFECT:
                    self.op("pop")
        if context == TAIL:
            self.op("return")

    def form_let(self, x: int, context: int) -> Steps:
        """(~let ((variable form)...) form...)
        Bind variables to the values of forms that are evaluated before, and evaluate the other forms.
        (!~let ((x 1) (y 2)) (plus x y)) => 3
        """
        m = self.m
        body = list(m.items(m.cdr(m.cdr(x))))
        yield self.let(self.bindings(m.car(m.cdr(x))), lambda c: self.progn(body, c), context)

    def form_let_star(self, x: int, context: int) -> Steps:
        """(let* ((variable form)...) form...)
        Bind variables one after the other, so that each form sees the ones before, and evaluate the other forms.
        (let!* ((x 1) (y (add1 x))) (list x y)) => (1 2)
        """
        m = self.m
        rows = m.car(m.cdr(x))
        if rows & 7 != CONS or m.cdr(rows) & 7 != CONS:
            yield self.form_let(x, context)
            return
        inner = m.cons(m.intern("let*"), m.cons(m.cdr(rows), m.cdr(m.cdr(x))))
        yield self.form(m.list([m.intern("~let"), m.list([m.car(rows)]), inner]), context)

    def form_declare(self, x: int, context: int) -> None:
        """(declare declaration...)
        Nothing: declarations of Common Lisp are read and ignored; nil.
        (declare (fixnum x)) => nil
        """
        self.constant(NIL, context)

    def form_the(self, x: int, context: int) -> Steps:
        """(the type form)  The value of the form; the type is not looked at.  (the fixnum 5) => 5"""
        yield self.form(self.m.car(self.m.cdr(self.m.cdr(x))), context)

    def form_eval_when(self, x: int, context: int) -> Steps:
        """(eval-when (time...) form...)
        Evaluate forms at some times only: eval, when the form is evaluated; compile and load, when it is compiled
        to a module.
        (eval!-when (eval) 5) => 5
        """
        m = self.m
        now = m.intern("eval") in m.items(m.car(m.cdr(x)))
        yield self.progn(list(m.items(m.cdr(m.cdr(x)))) if now else [], context)

    def form_flet(self, x: int, context: int) -> Steps:
        """(flet ((name (parameter...) form...)...) form...)
        Define functions that only the forms know; they do not see each other.
        (flet ((f (x) (add1 x))) (f 1)) => 2
        """
        m, f = self.m, self.f
        rows, names = [], []
        for row in m.items(m.car(m.cdr(x))):
            variable = m.make_symbol(m.text(m.car(row)))
            rows.append((variable, m.list([m.intern("function"), m.cons(self.lambda_, m.cdr(row))])))
            names.append((m.car(row), variable))
        body = list(m.items(m.cdr(m.cdr(x))))

        def inside(c: int) -> Steps:
            outer, f.functions = f.functions, f.functions | dict(names)
            yield self.progn(body, c)
            f.functions = outer
        yield self.let(rows, inside, context)

    def form_labels(self, x: int, context: int) -> Steps:
        """(labels ((name (parameter...) form...)...) form...)
        Define functions that only the forms and the functions themselves know.
        (labels ((f (n) (cond ((zerop n) 0) (t (plus n (f (sub1 n))))))) (f 4)) => 10
        """
        m, f = self.m, self.f
        definitions = list(m.items(m.car(m.cdr(x))))
        variables = [m.make_symbol(m.text(m.car(row))) for row in definitions]
        for variable in variables:
            self.lisp.set_flags(variable, F_FLUID)
        body = list(m.items(m.cdr(m.cdr(x))))

        def inside(c: int) -> Steps:
            outer, f.functions = f.functions, f.functions | {m.car(row): variable
                                                             for row, variable
                                                             in zip(definitions, variables, strict=True)}
            for row, variable in zip(definitions, variables, strict=True):
                function = m.list([m.intern("function"), m.cons(self.lambda_, m.cdr(row))])
                yield self.form(m.list([self.setq, variable, function]), EFFECT)
            yield self.progn(body, c)
            f.functions = outer
        yield self.let([(variable, NIL) for variable in variables], inside, context)

    def form_macrolet(self, x: int, context: int) -> Steps:
        """(macrolet ((name (parameter...) form...)...) form...)
        Define macros that only the forms know; their parameters are the parts behind the name.
        (macrolet ((twice (x) (list 'plus x x))) (twice 4)) => 8
        """
        m, f = self.m, self.f
        made = {m.car(row): self.lisp.lambda_symbol(m.cons(self.lambda_, m.cdr(row)))
                for row in m.items(m.car(m.cdr(x)))}
        outer, f.functions = f.functions, f.functions | made
        macros, f.macros = f.macros, f.macros | frozenset(made)
        yield self.progn(list(m.items(m.cdr(m.cdr(x)))), context)
        f.functions, f.macros = outer, macros

    def definition(self, x: int, context: int) -> None:
        m = self.m
        self.op("literal", self.literal(x))
        self.op("call1", self.literal(m.intern("define-function")))
        self.finish(context)

    form_de = form_df = form_dm = form_defun = form_defmacro = definition

    def form_bquote_list_star(self, x: int, context: int) -> Steps:
        arguments = list(self.m.items(self.m.cdr(x)))
        for a in arguments:
            yield self.form(a, VALUE)
        for _ in arguments[1:]:
            self.op("cons")
        if not arguments:
            self.constant(NIL, VALUE)
        self.finish(context)


# No special forms of the original: a program may have functions or macros with these names.
DISPLACEABLE = ("let", "df", "defun", "defmacro")
SPECIAL_NAMES = {"let_star": "let*", "named_block": "~block", "bquote_list_star": "list*"}

# What is said of those that have no method of their own (meanings.py).
MEANINGS = {
    "let": """(let ((variable form)...) form...)
Bind variables to the values of forms that are evaluated before, and evaluate the other forms.  A
program may have a function or macro of this name.  (let ((x 1) (y 2)) (plus x y)) => 3""",
    "de": """(de name (parameter...) form...)
Define a function; its name.  Parameters after &optional may be left out, one after &rest takes the rest
as a list.  (progn (de example!-v (x &optional y) (list x y)) (example!-v 1)) => (1 nil)""",
    "df": """(df name (parameters) form...)
Define a function that gets its arguments as a list, not evaluated.
(progn (df example!-x (l) (length l)) (example!-x a b c)) => 3""",
    "dm": """(dm name (form) form...)
Define a macro: its parameter is the whole call, and its value is evaluated in place of that.
(progn (dm example!-w (u) (list 'add1 (cadr u))) (example!-w 5)) => 6""",
    "defun": """(defun name (parameter...) form...)
Define a function, as `de` does.  (progn (defun example!-y (x) (add1 x)) (example!-y 1)) => 2""",
    "defmacro": """(defmacro name (parameter...) form...)
Define a macro whose parameters are the parts behind its name.
(progn (defmacro example!-z (x) (list 'add1 x)) (example!-z 1)) => 2""",
}
