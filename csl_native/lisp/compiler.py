"""From Lisp forms (conses) to bytecode.

A form is compiled for its VALUE, for its EFFECT only, or as the TAIL of the
function.  Lexical variables live in frame slots; fluids are bound shallowly.
``catch`` and ``unwind-protect`` are static handler rows; ``go`` and ``return``
drop what lies between them and their target.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any

from ..heap.objects import F_FEXPR, F_FLUID, F_GENSYM, F_GLOBAL, F_KEYWORD, F_MACRO
from ..heap.words import CONS, SYMBOL
from ..instructions.codec import Code
from ..instructions.proof import prove
from ..kernel.memory import NIL, T
from .assembly import EFFECT, MANY, MOST_FRAME, TAIL, VALUE, Function
from .deep import MOST_STEPS, deep
from .errors import CompileError
from .forms import DISPLACEABLE, SPECIAL_NAMES
from .lambdas import Hidden, Known, assigned_inside
from .parameters import MOST, Parameters

if TYPE_CHECKING:
    from .deep import Steps
    from .lisp import Lisp

OPEN = {  # Lisp functions that are one instruction, by argument count
    1: {"car": "car", "cdr": "cdr", "ncons": "ncons", "null": "null", "not": "null", "atom": "atom", "pairp": "pairp",
        "consp": "pairp", "idp": "idp", "symbolp": "idp", "stringp": "stringp", "vectorp": "vectorp",
        "numberp": "numberp", "fixp": "fixp", "floatp": "floatp", "add1": "add1", "sub1": "sub1", "minus": "minus",
        "zerop": "zerop", "onep": "onep", "minusp": "minusp", "reverse": "reverse", "length": "length",
        "evenp": "evenp", "reversip": "reversip", "upbv": "upbv", "plusp": "plusp", "1+": "add1", "1-": "sub1",
        "iadd1": "add1", "isub1": "sub1", "izerop": "zerop", "list": "ncons"},
    2: {"cons": "cons", "list2": "list2", "list": "list2", "rplaca": "rplaca", "rplacd": "rplacd", "eq": "eq",
        "plus2": "plus", "plus": "plus", "difference": "difference", "times": "times", "times2": "times",
        "quotient": "quotient", "remainder": "remainder", "lessp": "lessp", "greaterp": "greaterp", "leq": "leq",
        "geq": "geq", "eqn": "eqn", "equal": "equal", "eqcar": "eqcar", "memq": "memq", "member": "member",
        "atsoc": "atsoc", "assoc": "assoc", "get": "get", "flagp": "flagp", "getv": "getv", "append": "append2",
        "eql": "eql", "gethash": "gethash2", "xcons": "xcons",
        "nconc": "nconc2", "modular-plus": "modular_plus", "modular-difference": "modular_difference",
        "modular-times": "modular_times", "iequal": "eq", "iplus2": "plus", "idifference": "difference",
        "itimes2": "times", "ilessp": "lessp", "igreaterp": "greaterp", "ileq": "leq", "igeq": "geq"},
    3: {"list3": "list3", "list": "list3", "acons": "acons", "putv": "putv", "put": "put", "puthash": "puthash"},
}
FOLDED = {"plus": ("plus", 0), "times": ("times", 8), "iplus": ("plus", 0), "itimes": ("times", 8)}
for _row, _nothing, _names in (("land2", -8, "land logand ilogand"), ("lor2", 0, "lor logor logior ilogor"),
                               ("lxor2", 0, "lxor logxor ilogxor")):
    OPEN[2] |= dict.fromkeys(_names.split(), _row)
    FOLDED |= dict.fromkeys(_names.split(), (_row, _nothing))
RIGHT = {"append": "append2", "nconc": "nconc2"}
# by whether the value is the function's, and arguments
CALLS = [[f"{kind}{n}" for n in range(4)] for kind in ("call", "tail_call")]
# forms inside of each other that are compiled by calls, which is faster; what is deeper in steps, which take no stack
DIRECT = 12


class Compiler(Parameters):
    """Compiles for one Lisp; ``compile`` gives the code and its literals."""

    most_locals = MOST_FRAME

    def __init__(self, lisp: Lisp) -> None:
        self.lisp, self.m = lisp, lisp.machine
        m = self.m
        self.names: dict[int, str] = {}
        self.special: dict[int, Callable[[int, int], Steps]] = {}
        for attribute in dir(self):
            if attribute.startswith("form_"):
                name = SPECIAL_NAMES.get(attribute[5:], attribute[5:].rstrip("_").replace("_", "-"))
                self.special[m.intern(name)] = getattr(self, attribute)
        self.special[m.intern("~let")] = self.form_let
        self.displaceable = {m.intern(name) for name in DISPLACEABLE}
        self.open = {(m.intern(name), count): op for count, table in OPEN.items() for name, op in table.items()}
        self.folded = {m.intern(name): row for name, row in FOLDED.items()}
        self.right = {m.intern(name): row for name, row in RIGHT.items()}
        self.lambda_, self.optional, self.rest = m.intern("lambda"), m.intern("&optional"), m.intern("&rest")
        self.list_, self.list_star = m.intern("list"), m.intern("list*")
        self.cxr = {m.intern("c" + s + "r"): s for n in (2, 3, 4) for s in _combinations(n)}
        self.quote, self.function, self.setq = m.intern("quote"), m.intern("function"), m.intern("setq")
        self.loops = (self.mapping, self.form_maphash)
        self.f, self.known = Function(), Known(m)
        self.compiled = False
        self.nesting = 0  # forms that are compiled by calls now
        self.nots = m.intern("null"), m.intern("not")
        self.named: dict[int, tuple[str, ...]] = {}  # of the function that was compiled last
        self.and_, self.or_ = m.intern("and"), m.intern("or")

    # -- functions ---------------------------------------------------------------

    def compile(self, name: int, parameters: int, body: list[int],
                compiled: bool | None = None) -> tuple[Code, list[int]]:
        """Compile a lambda; ``name`` is the symbol it will be the function of, or nil.

        ``compiled``: for good, as the original's compiler does: what is no local variable is declared fluid, and one
        that is unset when it is asked for is no error.  Without it the function behaves as if it were interpreted.
        None: as the function around this one.
        """
        made: tuple[Code, list[int]] = deep(self.compiling(name, parameters, body, None, compiled), MOST_STEPS)
        return made

    def compiling(self, name: int, parameters: int, body: list[int], known: Known | None = None,
                  compiled: bool | None = None) -> Generator[Any, Any, tuple[Code, list[int]]]:
        """The steps of that; ``known`` is what the function around it knows of lambda expressions."""
        outer, self.known = (self.f, self.known, self.compiled), known or Known(self.m)
        self.compiled = self.compiled if compiled is None else compiled
        try:
            while True:
                self.f = Function(name)
                if known is not None:  # inside of a function whose local macros are seen here, and what labels made
                    around = outer[0]
                    self.f.macros = around.macros
                    self.f.functions = {k: v for k, v in around.functions.items()
                                        if k in around.macros or self.m.flags(v) & F_FLUID}
                try:
                    made: tuple[Code, list[int]] = yield self._compile(parameters, body)
                    if self.lisp.breaks is not None:
                        self.named = self.names_of(self.f)
                    return made
                except Hidden as hidden:
                    if known is not None:
                        raise
                    self.known.learn(hidden)
        except ValueError as error:
            raise CompileError("bad lambda expression", bare=True) from error
        except RecursionError:
            raise CompileError("Stack overflow", bare=True) from None
        finally:
            self.f, self.known, self.compiled = outer

    def names_of(self, f: Function) -> dict[int, tuple[str, ...]]:
        """What the variables of a function are called, by their numbers; several may use one after the other."""
        found: dict[int, tuple[str, ...]] = {}
        for number, symbol in f.named:
            if (name := self.m.label(symbol)) not in found.get(number, ()) and not self.m.flags(symbol) & F_GENSYM:
                found[number] = (*found.get(number, ()), name)
        return found

    def _compile(self, parameters: int, body: list[int]) -> Generator[Any, Any, tuple[Code, list[int]]]:
        f, m = self.f, self.m
        required, optional, rest = self.parameters(parameters)
        names = required + [n for n, _ in optional] + ([rest] if rest is not None else [])
        for symbol in names:
            self.check_bindable(symbol)
        wide = len(required) + len(optional) > MOST
        places = [k + (wide and k >= MOST) for k in range(len(names))]
        f.scope.update(zip(names, places, strict=True))
        f.locals = f.most_locals = len(names) + wide
        if f.locals > self.most_locals:
            raise CompileError("function has too many local variables")
        for symbol, default in optional[:max(MOST - len(required), 0)] if wide else optional:
            yield self.default(f.scope[symbol], default)
        if wide:
            yield self.spread(places, len(required), [default for _, default in optional], rest)
        f.shared = yield assigned_inside(self, body)
        fluid = [(k, symbol) for k, symbol in zip(places, names, strict=True)
                 if m.flags(symbol) & F_FLUID or symbol in f.shared]
        f.parameters = [] if fluid or optional or rest is not None or wide else names
        for k, symbol in fluid:
            f.scope.pop(symbol, None)
            self.op("local", k)
            self.op("bind", self.literal(symbol))
            self.op("pop")
            f.bindings += 1
        f.named += [(k, symbol) for symbol, k in f.scope.items()]
        f.entry = self.label()
        self.place(f.entry)
        if fluid:
            yield self.progn(body, VALUE)
            self.op("unbind", f.bindings)
            f.bindings = 0
            self.op("return")
        else:
            yield self.progn(body, TAIL)
        code = self.assemble(min(len(required), MOST), min(len(required) + len(optional), MOST),
                             rest is not None or wide)
        code = code._replace(compiled=self.compiled)
        if self.lisp.checking:
            prove(code, len(f.literals), [k for k, x in enumerate(f.literals) if x & 7 == SYMBOL],
                  [k for k, x in enumerate(f.literals) if self.m.is_variable(x)])
        return code, f.literals

    # -- forms -------------------------------------------------------------------

    def progn(self, body: list[int], context: int) -> Steps:
        if not body:
            self.constant(NIL, context)
            return None
        if len(body) == 1:
            return self.form(body[0], context)
        return self.several(body, context)

    def several(self, body: list[int], context: int) -> Steps:
        for x in body[:-1]:
            if (steps := self.form(x, EFFECT)) is not None:
                yield steps
        if (steps := self.form(body[-1], context)) is not None:
            yield steps

    def constant(self, value: int, context: int) -> None:
        if context == EFFECT:
            return
        if value == NIL:
            self.op("nil")
        elif value == T:
            self.op("true")
        elif value & 7 == 0 and -128 <= value >> 3 < 128:
            self.op("small", value >> 3)
        else:
            self.op("literal", self.literal(value))
        self.finish(context)

    def finish(self, context: int) -> None:
        """A value was pushed: keep it, drop it or return it."""
        if context == EFFECT:
            self.op("pop")
        elif context == TAIL:
            self.op("return")

    def form(self, x: int, context: int) -> Steps:
        """Compile a form: one without parts at once, else what is given back are the steps of it."""
        f, m = self.f, self.m
        if f.dead:
            return None
        if x & 7 == SYMBOL:
            self.variable(x, context)
            return None
        if x & 7 != CONS:
            self.constant(x, context)
            return None
        head = m.car(x)
        if head & 7 != SYMBOL:
            return self.call_lambda(head, x, context)
        handler = self.handler(head)
        if handler is not None:
            return self.special_form(handler, x, context)
        if head in f.functions:
            if head in f.macros:
                return self.form(self.lisp.apply(f.functions[head], list(m.items(m.cdr(x)))), context)
            return self.general_call(m.intern("funcall"), [f.functions[head], *m.items(m.cdr(x))], context)
        if m.flags(head) & F_MACRO:
            return self.expansion(x, context)
        arguments = [m.list([self.lisp.s_quote, m.cdr(x)])] if m.flags(head) & F_FEXPR else list(m.items(m.cdr(x)))
        return self.call(head, arguments, context)

    def special_form(self, handler: Callable[[int, int], Steps], x: int, context: int) -> Steps:
        """At once where few forms are around this one, else in steps."""
        if self.nesting >= DIRECT:
            return self.special_steps(handler, x, context)
        self.nesting += 1
        try:
            if (steps := handler(x, context)) is not None:
                deep(steps, MOST_STEPS)
        except ValueError:
            raise self.malformed(x) from None
        finally:
            self.nesting -= 1
        return None

    def special_steps(self, handler: Callable[[int, int], Steps], x: int, context: int) -> Steps:
        try:
            if (steps := handler(x, context)) is not None:
                yield steps
        except ValueError:
            raise self.malformed(x) from None

    def malformed(self, x: int) -> CompileError:
        """A part of a form is no list, or no symbol; the innermost form that this is about says so."""
        return CompileError(f"bad args for {self.m.text(self.m.car(x))}", bare=True)

    def expansion(self, x: int, context: int) -> Steps:
        yield self.form(self.lisp.expand(x), context)

    def handler(self, head: int) -> Callable[[int, int], Steps] | None:
        """What compiles forms that begin with a symbol, if the compiler has something of its own for them."""
        handler = self.special.get(head)
        return None if handler is not None and head in self.displaceable and self.lisp.is_defined(head) else handler

    def variable(self, x: int, context: int) -> None:
        if x in (NIL, T):
            self.constant(x, context)
        elif x in self.f.scope:
            if context != EFFECT:
                self.op("local", self.f.scope[x])
                self.finish(context)
        elif self.m.flags(x) & F_KEYWORD:
            self.constant(x, context)
        else:
            self.known.mention(x)
            self.declare(x)
            self.op("value", self.literal(x))
            self.finish(context)

    def declare(self, x: int) -> None:
        """A variable that is used without a declaration is fluid, in what is compiled for good."""
        if self.compiled and not self.m.flags(x) & (F_FLUID | F_GLOBAL | F_KEYWORD):
            self.lisp.declare_fluid(x)

    def operands(self, arguments: list[int]) -> Steps:
        """Compile forms for their values: at once where few forms are around them, else in steps from the first one
        that has parts on.
        """
        if self.nesting >= DIRECT:
            return self.operand_steps(arguments)
        self.nesting += 1
        try:
            for a in arguments:
                if (steps := self.form(a, VALUE)) is not None:
                    deep(steps, MOST_STEPS)
        finally:
            self.nesting -= 1
        return None

    def operand_steps(self, arguments: list[int]) -> Steps:
        for a in arguments:
            if (steps := self.form(a, VALUE)) is not None:
                yield steps

    def call(self, head: int, arguments: list[int], context: int) -> Steps:
        """A call: what it compiles to behind its arguments, or between them."""
        ops = self.opcodes(head, len(arguments))
        if ops is None:
            if head not in self.folded:
                return self.general_call(head, arguments, context)
            op, unit = self.folded[head]
            if not arguments:
                self.constant(unit, context)
                return None
            return self.fold(op, arguments, context)
        if (steps := self.operands(arguments)) is not None:
            return self.behind(steps, ops, context)
        for op in ops:
            self.op(op)
        self.finish(context)
        return None

    def opcodes(self, head: int, count: int) -> list[str] | None:
        """The instructions without operands that a call is, behind its arguments; None for one that is another thing.
        """
        if (op := self.open.get((head, count))) is not None:
            return [op]
        if head in self.cxr and count == 1:
            return ["car" if c == "a" else "cdr" for c in reversed(self.cxr[head])]
        if head in self.right and count > 2:
            return [self.right[head]] * (count - 1)
        if head == self.list_ and count:
            return ["ncons", *["cons"] * (count - 1)]
        return None

    def behind(self, steps: Steps, ops: list[str], context: int) -> Steps:
        yield steps
        for op in ops:
            self.op(op)
        self.finish(context)

    def fold(self, op: str, arguments: list[int], context: int) -> Steps:
        yield self.form(arguments[0], VALUE)
        for a in arguments[1:]:
            yield self.form(a, VALUE)
            self.op(op)
        self.finish(context)

    def general_call(self, head: int, arguments: list[int], context: int) -> Steps:
        f, m = self.f, self.m
        n = len(arguments)
        if n > MANY:
            quoted = m.list([self.quote, head])
            return self.call(m.intern("apply"), [quoted, m.cons(self.list_, m.list(arguments))], context)
        tail = context == TAIL and not f.bindings and not f.protections
        if tail and head == f.name and len(f.parameters) == n and f.depth == 0 and f.parameters and not f.arguments:
            return self.again(arguments)
        if n > 3:
            return self.long_call(head, arguments, context)
        if (steps := self.operands(arguments)) is not None:
            return self.short_call(steps, head, n, tail, context)
        self.op(CALLS[tail][n], self.literal(head))
        if not tail:
            self.finish(context)
        return None

    def short_call(self, steps: Steps, head: int, n: int, tail: bool, context: int) -> Steps:
        yield steps
        self.op(CALLS[tail][n], self.literal(head))
        if not tail:
            self.finish(context)

    def long_call(self, head: int, arguments: list[int], context: int) -> Steps:
        """Arguments from the fourth on are pushed."""
        f = self.f
        if (steps := self.operands(arguments[:3])) is not None:
            yield steps
        for a in arguments[3:]:
            if (steps := self.form(a, VALUE)) is not None:
                yield steps
            self.op("push_argument")
            self.op("pop")
            f.arguments += 1
        self.op("calln", self.literal(head), len(arguments))
        f.arguments -= len(arguments) - 3
        self.finish(context)

    def again(self, arguments: list[int]) -> Steps:
        """A call of the function itself whose value is the function's: a jump."""
        f = self.f
        if (steps := self.operands(arguments)) is not None:
            yield steps
        for symbol in reversed(f.parameters):
            self.op("store_local", f.parameters.index(symbol))
        self.back_jump(f.entry)

    def back_jump(self, label: int) -> None:
        self.op("poll")
        self.op("pop")
        self.jump("jump", label)

    def call_lambda(self, head: int, x: int, context: int) -> Steps:
        m, _f = self.m, self.f
        if head & 7 != CONS or m.car(head) != self.lambda_:
            for argument in m.items(m.cdr(x)):
                yield self.form(argument, EFFECT)
            yield self.general_call(m.intern("bad-function"), [m.list([self.quote, head])], context)
            return
        required, optional, rest = self.parameters(m.car(m.cdr(head)))
        arguments = list(m.items(m.cdr(x)))
        body = list(m.items(m.cdr(m.cdr(head))))
        if optional or rest is not None or len(required) != len(arguments):
            name = yield self.lisp.naming(head, self.known)
            yield self.general_call(name, arguments, context)
            return
        for symbol in required:
            self.check_bindable(symbol)
        yield self.let(list(zip(required, arguments, strict=True)), lambda c: self.progn(body, c), context)

    def let(self, rows: list[tuple[int, int]], body: Callable[[int], Steps], context: int) -> Steps:
        """Bind symbols to the values of forms, all evaluated first, around ``body``."""
        f, m = self.f, self.m
        shadowed, locals_ = {symbol: f.scope.get(symbol) for symbol, _ in rows}, f.locals
        slots = []
        for _, value in rows:
            if (steps := self.form(value, VALUE)) is not None:
                yield steps
        for symbol, _ in rows:
            slots.append(-1 if m.flags(symbol) & F_FLUID or symbol in f.shared else self.new_local())
        fluids = 0
        for k, slot in reversed(list(enumerate(slots))):
            if slot < 0:
                slot = self.new_local()
                slots[k] = -2 - slot
            self.op("store_local", slot)
        for (symbol, _), slot in zip(rows, slots, strict=True):
            if slot >= 0:
                f.scope[symbol] = slot
                f.named.append((slot, symbol))
            else:
                f.scope.pop(symbol, None)
                self.op("local", -2 - slot)
                self.op("bind", self.literal(symbol))
                self.op("pop")
                fluids += 1
        f.bindings += fluids
        inner = VALUE if fluids and context == TAIL else context
        yield body(inner)
        f.bindings -= fluids
        if fluids:
            self.op("unbind", fluids)
            if context == TAIL:
                self.op("return")
        f.locals = locals_
        for symbol, place in shadowed.items():
            if place is None:
                f.scope.pop(symbol, None)
            else:
                f.scope[symbol] = place


def _combinations(n: int) -> list[str]:
    return [""] if n == 0 else [c + rest for c in "ad" for rest in _combinations(n - 1)]
