"""From Lisp forms (conses) to bytecode.

A form is compiled for its VALUE, for its EFFECT only, or as the TAIL of the
function.  Lexical variables live in frame slots; fluids are bound shallowly.
``catch`` and ``unwind-protect`` are static handler rows; ``go`` and ``return``
drop what lies between them and their target.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..instructions.codec import Code, by_name, encode, verify
from ..kernel.memory import NIL, T
from ..objects import F_FLUID, F_GLOBAL, F_KEYWORD, F_MACRO
from ..words import CONS, SYMBOL

if TYPE_CHECKING:
    from .lisp import Lisp

VALUE, EFFECT, TAIL = range(3)


class CompileError(Exception):
    """A form that cannot be compiled: message and offending value."""

    def __init__(self, message: str, value: int | None = None, quiet: bool = False) -> None:
        super().__init__(message)
        self.message, self.value, self.quiet = message, value, quiet


class Block:
    """A prog: where its labels and its exit are, and what is on the stacks there."""

    def __init__(self, depth: int, bindings: int, arguments: int, protections: int, context: int, exit: int) -> None:
        self.depth, self.bindings, self.arguments, self.protections = depth, bindings, arguments, protections
        self.context, self.exit, self.result = context, exit, -1
        self.labels: dict[int, int] = {}
        self.left = False


class Function:
    """The state of one function under compilation."""

    def __init__(self, name: int = NIL) -> None:
        self.name = name
        self.literals: list[int] = [0]
        self.items: list[tuple[Any, ...]] = []
        self.handlers: list[tuple[int, int, int, int]] = []
        self.depth = self.deepest = self.locals = self.most_locals = self.bindings = self.arguments = self.protections = self.labels = 0
        self.scope: dict[int, int] = {}
        self.blocks: list[Block] = []
        self.parameters: list[int] = []
        self.entry = -1
        self.dead = False
        self.cleanups: list[int] = []
        self.targets: set[int] = set()


OPEN = {  # Lisp functions that are one instruction, by argument count
    1: {"car": "car", "cdr": "cdr", "ncons": "ncons", "null": "null", "not": "null", "atom": "atom", "pairp": "pairp", "consp": "pairp",
        "idp": "idp", "symbolp": "idp", "stringp": "stringp", "vectorp": "vectorp", "numberp": "numberp", "fixp": "fixp", "floatp": "floatp",
        "add1": "add1", "sub1": "sub1", "minus": "minus", "zerop": "zerop", "onep": "onep", "minusp": "minusp", "reverse": "reverse",
        "length": "length", "evenp": "evenp", "reversip": "reversip", "upbv": "upbv", "plusp": "plusp", "1+": "add1", "1-": "sub1",
        "iadd1": "add1", "isub1": "sub1", "izerop": "zerop", "list": "ncons"},
    2: {"cons": "cons", "list2": "list2", "list": "list2", "rplaca": "rplaca", "rplacd": "rplacd", "eq": "eq", "plus2": "plus",
        "plus": "plus", "difference": "difference", "times": "times", "times2": "times", "quotient": "quotient", "remainder": "remainder",
        "lessp": "lessp", "greaterp": "greaterp", "leq": "leq", "geq": "geq", "eqn": "eqn", "equal": "equal", "eqcar": "eqcar", "memq": "memq",
        "member": "member", "atsoc": "atsoc", "assoc": "assoc", "get": "get", "flagp": "flagp", "getv": "getv", "append": "append2",
        "land": "land2", "lor": "lor2", "lxor": "lxor2", "eql": "eql", "gethash": "gethash2", "xcons": "xcons", "nconc": "nconc2",
        "modular-plus": "modular_plus", "modular-difference": "modular_difference", "modular-times": "modular_times", "iequal": "eq",
        "iplus2": "plus", "idifference": "difference", "itimes2": "times", "ilessp": "lessp", "igreaterp": "greaterp", "ileq": "leq",
        "igeq": "geq"},
    3: {"list3": "list3", "list": "list3", "acons": "acons", "putv": "putv", "put": "put", "puthash": "puthash"},
}
FOLDED = {"plus": ("plus", 0), "times": ("times", 8), "land": ("land2", -8), "lor": ("lor2", 0), "lxor": ("lxor2", 0), "iplus": ("plus", 0),
          "itimes": ("times", 8)}
RIGHT = {"append": "append2", "nconc": "nconc2"}


class Compiler:
    """Compiles for one Lisp; ``compile`` gives the code and its literals."""

    def __init__(self, lisp: Lisp) -> None:
        self.lisp, self.m = lisp, lisp.machine
        m = self.m
        self.names: dict[int, str] = {}
        self.special: dict[int, Callable[[int, int], None]] = {}
        for attribute in dir(self):
            if attribute.startswith("form_"):
                name = SPECIAL_NAMES.get(attribute[5:], attribute[5:].rstrip("_").replace("_", "-"))
                self.special[m.intern(name)] = getattr(self, attribute)
        self.open = {(m.intern(name), count): op for count, table in OPEN.items() for name, op in table.items()}
        self.folded = {m.intern(name): row for name, row in FOLDED.items()}
        self.right = {m.intern(name): row for name, row in RIGHT.items()}
        self.lambda_, self.optional, self.rest = m.intern("lambda"), m.intern("&optional"), m.intern("&rest")
        self.list_, self.list_star = m.intern("list"), m.intern("list*")
        self.cxr = {m.intern("c" + s + "r"): s for n in (2, 3, 4) for s in _combinations(n)}
        self.quote = m.intern("quote")
        self.f = Function()

    # -- functions ---------------------------------------------------------------

    def compile(self, name: int, parameters: int, body: list[int]) -> tuple[Code, list[int]]:
        """Compile a lambda; ``name`` is the symbol it will be the function of, or nil."""
        outer, self.f = self.f, Function(name)
        try:
            return self._compile(parameters, body)
        finally:
            self.f = outer

    def _compile(self, parameters: int, body: list[int]) -> tuple[Code, list[int]]:
        f, m = self.f, self.m
        required, optional, rest = self.parameters(parameters)
        names = required + [n for n, _ in optional] + ([rest] if rest is not None else [])
        for symbol in names:
            self.check_bindable(symbol)
        for k, symbol in enumerate(names):
            f.scope[symbol] = k
        f.locals = f.most_locals = len(names)
        for symbol, default in optional:
            if default != NIL:
                k = f.scope[symbol]
                skip = self.label()
                self.op("local", k)
                self.jump("jump_not_nil", skip)
                self.form(default, VALUE)
                self.op("store_local", k)
                self.place(skip)
        fluid = [symbol for symbol in names if m.flags(symbol) & F_FLUID]
        f.parameters = [] if fluid or optional or rest is not None else names
        for symbol in fluid:
            self.op("local", f.scope.pop(symbol))
            self.op("bind", self.literal(symbol))
            self.op("pop")
            f.bindings += 1
        f.entry = self.label()
        self.place(f.entry)
        if fluid:
            self.progn(body, VALUE)
            self.op("unbind", f.bindings)
            f.bindings = 0
            self.op("return")
        else:
            self.progn(body, TAIL)
        return self.assemble(len(required), len(required) + len(optional), rest is not None), f.literals

    def parameters(self, x: int) -> tuple[list[int], list[tuple[int, int]], int | None]:
        m = self.m
        required: list[int] = []
        optional: list[tuple[int, int]] = []
        rest: int | None = None
        mode = 0
        while x & 7 == CONS:
            p, x = m.car(x), m.cdr(x)
            if p == self.optional:
                mode = 1
            elif p == self.rest:
                mode = 2
            elif mode == 0:
                required.append(p)
            elif mode == 1:
                optional.append((m.car(p), m.car(m.cdr(p)) if m.cdr(p) != NIL else NIL) if p & 7 == CONS else (p, NIL))
            else:
                rest = p
        if x != NIL:
            rest = x
        return required, optional, rest

    def check_bindable(self, symbol: int) -> None:
        if symbol & 7 != SYMBOL or symbol in (NIL, T):
            raise CompileError("bad item in bound variable list:", symbol)
        if self.m.flags(symbol) & (F_GLOBAL | F_KEYWORD):
            raise CompileError("Attempt to bind", symbol)

    # -- emission ----------------------------------------------------------------

    def op(self, name: str, *operands: int) -> None:
        f = self.f
        if f.dead:
            return
        row = by_name()[name]
        f.depth += row.gives - row.takes
        f.deepest = max(f.deepest, f.depth)
        f.items.append(("op", name, operands))
        if row.kind in ("return", "tail"):
            f.dead = True

    def label(self) -> int:
        self.f.labels += 1
        return self.f.labels

    def place(self, label: int, depth: int | None = None) -> None:
        f = self.f
        if depth is not None:
            f.depth = depth
            f.deepest = max(f.deepest, depth)
        f.items.append(("label", label))
        f.dead = False

    def jump(self, name: str, label: int) -> None:
        f = self.f
        if f.dead:
            return
        f.depth -= by_name()[name].takes
        f.items.append(("jump", name, label))
        f.targets.add(label)
        if name == "jump":
            f.dead = True

    def literal(self, value: int) -> int:
        literals = self.f.literals
        for k in range(1, len(literals)):
            if literals[k] == value:
                return k
        if len(literals) >= 65535:
            raise CompileError("function has too many literals")
        literals.append(value)
        return len(literals) - 1

    def new_local(self) -> int:
        f = self.f
        f.locals += 1
        f.most_locals = max(f.most_locals, f.locals)
        if f.locals > 250:
            raise CompileError("function has too many local variables")
        return f.locals - 1

    def assemble(self, least: int, most: int, rest: bool) -> Code:
        f = self.f
        places: dict[int, int] = {}
        at = 0
        sized = []
        for item in f.items:
            if item[0] == "label":
                places[item[1]] = at
            else:
                data = encode(item[1], *(item[2] if item[0] == "op" else (0,)))
                sized.append((at, item, data))
                at += len(data)
        out = bytearray()
        for place, item, data in sized:
            if item[0] == "jump":
                distance = places[item[2]] - place - len(data)
                if not -32768 <= distance < 32768:
                    raise CompileError("function is too long to compile")
                data = encode(item[1], distance)
            out += data
        if at > 65000:
            raise CompileError("function is too long to compile")
        handlers = [(places[a], places[b], places[t], d) for a, b, t, d in f.handlers if places[a] < places[b]]
        code = Code(least, most, rest, f.most_locals, f.most_locals + f.deepest + 2, bytes(out), handlers)
        if self.lisp.checking:
            verify(code, len(f.literals))
        return code

    # -- forms -------------------------------------------------------------------

    def progn(self, body: list[int], context: int) -> None:
        if not body:
            self.constant(NIL, context)
            return
        for x in body[:-1]:
            self.form(x, EFFECT)
        self.form(body[-1], context)

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

    def form(self, x: int, context: int) -> None:
        f, m = self.f, self.m
        if f.dead:
            return
        if x & 7 == SYMBOL:
            self.variable(x, context)
            return
        if x & 7 != CONS:
            self.constant(x, context)
            return
        head = m.car(x)
        if head & 7 != SYMBOL:
            self.call_lambda(head, x, context)
            return
        handler = self.special.get(head)
        if handler is not None:
            handler(x, context)
            return
        if m.flags(head) & F_MACRO:
            self.form(self.lisp.expand(x), context)
            return
        arguments = list(m.items(m.cdr(x)))
        self.call(head, arguments, context)

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
            self.op("value", self.literal(x))
            self.finish(context)

    def call(self, head: int, arguments: list[int], context: int) -> None:
        op = self.open.get((head, len(arguments)))
        if op is not None:
            for a in arguments:
                self.form(a, VALUE)
            self.op(op)
            self.finish(context)
            return
        if head in self.cxr and len(arguments) == 1:
            self.form(arguments[0], VALUE)
            for c in reversed(self.cxr[head]):
                self.op("car" if c == "a" else "cdr")
            self.finish(context)
            return
        if head in self.folded:
            op, unit = self.folded[head]
            if not arguments:
                self.constant(unit, context)
                return
            self.form(arguments[0], VALUE)
            for a in arguments[1:]:
                self.form(a, VALUE)
                self.op(op)
            self.finish(context)
            return
        if head in self.right and len(arguments) > 2:
            for a in arguments:
                self.form(a, VALUE)
            for _ in arguments[1:]:
                self.op(self.right[head])
            self.finish(context)
            return
        if head == self.list_ and arguments:
            for a in arguments:
                self.form(a, VALUE)
            self.op("ncons")
            for _ in arguments[1:]:
                self.op("cons")
            self.finish(context)
            return
        self.general_call(head, arguments, context)

    def general_call(self, head: int, arguments: list[int], context: int) -> None:
        f = self.f
        n = len(arguments)
        tail = context == TAIL and not f.bindings and not f.protections
        if tail and head == f.name and len(f.parameters) == n and f.depth == 0 and f.parameters and not f.arguments:
            for a in arguments:
                self.form(a, VALUE)
            for symbol in reversed(f.parameters):
                self.op("store_local", f.parameters.index(symbol))
            self.back_jump(f.entry)
            return
        for a in arguments[:3]:
            self.form(a, VALUE)
        if n <= 3:
            self.op(("tail_call" if tail else "call") + str(n), self.literal(head))
        else:
            for a in arguments[3:]:
                self.form(a, VALUE)
                self.op("push_argument")
                self.op("pop")
                f.arguments += 1
            if n > 255:
                raise CompileError("call with more than 255 arguments")
            self.op("calln", self.literal(head), n)
            f.arguments -= n - 3
        if n > 3 or not tail:
            self.finish(context)

    def back_jump(self, label: int) -> None:
        self.op("poll")
        self.op("pop")
        self.jump("jump", label)

    def call_lambda(self, head: int, x: int, context: int) -> None:
        m, _f = self.m, self.f
        if head & 7 != CONS or m.car(head) != self.lambda_:
            self.op("literal", self.literal(head))
            self.general_call(m.intern("bad-function"), [m.list([self.quote, head])], context)
            return
        required, optional, rest = self.parameters(m.car(m.cdr(head)))
        arguments = list(m.items(m.cdr(x)))
        body = list(m.items(m.cdr(m.cdr(head))))
        if optional or rest is not None or len(required) != len(arguments):
            name = self.lisp.lambda_symbol(head)
            self.general_call(name, arguments, context)
            return
        for symbol in required:
            self.check_bindable(symbol)
        self.let(list(zip(required, arguments, strict=True)), lambda c: self.progn(body, c), context)

    def let(self, rows: list[tuple[int, int]], body: Callable[[int], None], context: int) -> None:
        """Bind symbols to the values of forms, all evaluated first, around ``body``."""
        f, m = self.f, self.m
        saved, locals_ = dict(f.scope), f.locals
        slots = []
        for _, value in rows:
            self.form(value, VALUE)
        for symbol, _ in rows:
            slots.append(-1 if m.flags(symbol) & F_FLUID else self.new_local())
        fluids = 0
        for (symbol, _), slot in reversed(list(zip(rows, slots, strict=True))):
            if slot >= 0:
                self.op("store_local", slot)
            else:
                temporary = self.new_local()
                self.op("store_local", temporary)
                slots[rows.index((symbol, _))] = -2 - temporary
        for (symbol, _), slot in zip(rows, slots, strict=True):
            if slot >= 0:
                f.scope[symbol] = slot
            else:
                f.scope.pop(symbol, None)
                self.op("local", -2 - slot)
                self.op("bind", self.literal(symbol))
                self.op("pop")
                fluids += 1
        f.bindings += fluids
        inner = VALUE if fluids and context == TAIL else context
        body(inner)
        f.bindings -= fluids
        if fluids:
            self.op("unbind", fluids)
            if context == TAIL:
                self.op("return")
        f.scope, f.locals = saved, locals_

    # -- special forms -------------------------------------------------------------

    def form_quote(self, x: int, context: int) -> None:
        tail = self.m.cdr(x)
        self.constant(self.m.car(tail) if tail & 7 == CONS else NIL, context)

    def form_function(self, x: int, context: int) -> None:
        m = self.m
        target = m.car(m.cdr(x))
        if target & 7 == CONS and m.car(target) == self.lambda_:
            captured = self.captured(target)
            if captured:
                whole = m.cons(self.lambda_, m.cons(m.list(captured, m.car(m.cdr(target))), m.cdr(m.cdr(target))))
                symbol = self.lisp.lambda_symbol(whole)
                quoted = [m.list([self.quote, s]) for s in (m.intern("closure"), symbol)]
                self.form(m.cons(self.list_, m.list(quoted + captured)), context)
                return
            target = self.lisp.lambda_symbol(target)
        self.constant(target, context)

    def captured(self, x: int) -> list[int]:
        """Lexical variables of this function that a lambda expression may mention: a closure takes their values along."""
        m = self.m
        found: set[int] = set()
        work = [m.cdr(m.cdr(x))]
        while work:
            y = work.pop()
            while y & 7 == CONS:
                work.append(m.car(y))
                y = m.cdr(y)
            if y & 7 == SYMBOL and y in self.f.scope:
                found.add(y)
        return sorted(found - set(m.items(m.car(m.cdr(x)))), key=lambda s: self.f.scope[s])

    def mapping(self, x: int, context: int) -> None:
        """A map function with a lambda expression is a loop in place; others are calls."""
        m = self.m
        name, arguments = m.text(m.car(x)), list(m.items(m.cdr(x)))
        f = arguments[1] if len(arguments) == 2 else NIL
        if f & 7 != CONS or m.car(f) != m.intern("function") or m.car(m.cdr(f)) & 7 != CONS or m.car(m.car(m.cdr(f))) != self.lambda_ \
                or m.cdr(m.car(m.cdr(m.car(m.cdr(f))))) != NIL:
            self.call(m.car(x), arguments, context)
            return
        tail, result, loop = (m.make_symbol(n) for n in ("tail", "result", "loop"))

        def form(*parts: int | str) -> int:
            return m.list([m.intern(p) if isinstance(p, str) else p for p in parts])
        item = tail if name in ("map", "maplist", "mapcon") else form("car", tail)
        call = m.list([m.car(m.cdr(f)), item])
        value = NIL if name in ("map", "mapc") else form("reversip", result) if name in ("mapcar", "maplist") else result
        step = call if name in ("map", "mapc") else form("setq", result, form(*(("cons", call, result) if name in ("mapcar", "maplist") else (
            "nconc", result, call))))
        body = [loop, form("cond", form(form("atom", tail), form("return", value))), step, form("setq", tail, form("cdr", tail)), form("go", loop)]
        self.let([(tail, arguments[0]), (result, NIL)], lambda c: self.block(body, c), context)

    form_map = form_mapc = form_mapcar = form_maplist = form_mapcan = form_mapcon = mapping

    def form_progn(self, x: int, context: int) -> None:
        self.progn(list(self.m.items(self.m.cdr(x))), context)

    def form_prog1(self, x: int, context: int) -> None:
        body = list(self.m.items(self.m.cdr(x)))
        if not body:
            self.constant(NIL, context)
            return
        self.form(body[0], VALUE)
        for y in body[1:]:
            self.form(y, EFFECT)
        self.finish(context)

    def form_prog2(self, x: int, context: int) -> None:
        body = list(self.m.items(self.m.cdr(x)))
        if body:
            self.form(body[0], EFFECT)
        if len(body) > 1:
            self.form(body[1], VALUE)
            for y in body[2:]:
                self.form(y, EFFECT)
            self.finish(context)
        else:
            self.constant(NIL, context)

    def form_cond(self, x: int, context: int) -> None:
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
                self.progn(body or [test], context)
                if not f.dead:
                    self.jump("jump", end)
                open_end = False
                break
            following = self.label()
            if body:
                self.test(test, following, False)
                self.progn(body, context)
            else:
                slot = self.new_local()
                self.form(test, VALUE)
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

    def test(self, x: int, target: int, sense: bool) -> None:
        """Jump to ``target`` when the truth of ``x`` is ``sense``; else go on."""
        m = self.m
        if x & 7 == CONS:
            head, arguments = m.car(x), list(m.items(m.cdr(x)))
            if head in self.nots and len(arguments) == 1:
                self.test(arguments[0], target, not sense)
                return
            if head in (self.and_, self.or_) and arguments:
                early = head == self.or_
                if early == sense:
                    for y in arguments:
                        self.test(y, target, sense)
                else:
                    skip = self.label()
                    for y in arguments[:-1]:
                        self.test(y, skip, early)
                    self.test(arguments[-1], target, sense)
                    if self.used(skip):
                        self.place(skip, self.f.depth)
                return
        self.form(x, VALUE)
        self.jump("jump_not_nil" if sense else "jump_nil", target)

    @property
    def nots(self) -> tuple[int, int]:
        return self.m.intern("null"), self.m.intern("not")

    @property
    def and_(self) -> int:
        return self.m.intern("and")

    @property
    def or_(self) -> int:
        return self.m.intern("or")

    def connective(self, x: int, context: int, unit: int, jump: str) -> None:
        f = self.f
        arguments = list(self.m.items(self.m.cdr(x)))
        if not arguments:
            self.constant(unit, context)
            return
        end, depth = self.label(), f.depth
        if context == EFFECT:
            for y in arguments[:-1]:
                self.test(y, end, jump == "jump_not_nil")
            self.form(arguments[-1], EFFECT)
            self.place(end, depth)
            return
        slot = self.new_local()
        for y in arguments[:-1]:
            self.form(y, VALUE)
            if not f.dead:
                self.op("set_local", slot)
                self.jump(jump, end)
        self.form(arguments[-1], VALUE)
        if not f.dead:
            self.op("store_local", slot)
        self.place(end, depth)
        self.op("local", slot)
        f.locals -= 1
        self.finish(context)

    def form_and(self, x: int, context: int) -> None:
        self.connective(x, context, T, "jump_nil")

    def form_or(self, x: int, context: int) -> None:
        self.connective(x, context, NIL, "jump_not_nil")

    def form_if(self, x: int, context: int) -> None:
        m = self.m
        parts = list(m.items(m.cdr(x)))
        rest = m.list([T, *(parts[2:] or [NIL])])
        self.form_cond(m.list([0, m.list(parts[:1] + parts[1:2] if len(parts) > 1 else [NIL, NIL]), rest]), context)

    def form_when(self, x: int, context: int) -> None:
        m = self.m
        self.form_cond(m.list([0, m.cons(m.car(m.cdr(x)), m.cons(NIL, m.cdr(m.cdr(x))))]), context)

    def form_unless(self, x: int, context: int) -> None:
        m = self.m
        test = m.list([m.intern("null"), m.car(m.cdr(x))])
        self.form_cond(m.list([0, m.cons(test, m.cons(NIL, m.cdr(m.cdr(x))))]), context)

    def form_setq(self, x: int, context: int) -> None:
        m = self.m
        parts = list(m.items(m.cdr(x)))
        if not parts:
            self.constant(NIL, context)
            return
        for k in range(0, len(parts), 2):
            symbol, value = parts[k], parts[k + 1] if k + 1 < len(parts) else NIL
            if symbol & 7 != SYMBOL or symbol in (NIL, T) or m.flags(symbol) & F_KEYWORD:
                raise CompileError("setq (bad variable)", symbol)
            self.form(value, VALUE)
            last = k + 2 >= len(parts)
            if symbol in self.f.scope:
                if last and context != EFFECT:
                    self.op("set_local", self.f.scope[symbol])
                else:
                    self.op("store_local", self.f.scope[symbol])
            else:
                self.op("set_value", self.literal(symbol))
                if not last or context == EFFECT:
                    self.op("pop")
        if context == TAIL:
            self.op("return")

    def form_let(self, x: int, context: int) -> None:
        m = self.m
        rows = []
        for row in m.items(m.car(m.cdr(x))):
            symbol, value = (row, NIL) if row & 7 != CONS else (m.car(row), m.car(m.cdr(row)) if m.cdr(row) != NIL else NIL)
            self.check_bindable(symbol)
            rows.append((symbol, value))
        body = list(m.items(m.cdr(m.cdr(x))))
        self.let(rows, lambda c: self.progn(body, c), context)

    def form_let_star(self, x: int, context: int) -> None:
        m = self.m
        rows = list(m.items(m.car(m.cdr(x))))
        if len(rows) <= 1:
            self.form_let(x, context)
            return
        inner = m.cons(m.intern("let*"), m.cons(m.list(rows[1:]), m.cdr(m.cdr(x))))
        self.form(m.list([m.intern("let"), m.list(rows[:1]), inner]), context)

    def form_prog(self, x: int, context: int) -> None:
        m, _f = self.m, self.f
        variables = list(m.items(m.car(m.cdr(x)))) if m.cdr(x) != NIL else []
        for symbol in variables:
            self.check_bindable(symbol)
        body = list(m.items(m.cdr(m.cdr(x)))) if m.cdr(x) != NIL else []
        self.let([(symbol, NIL) for symbol in variables], lambda c: self.block(body, c), context)

    def form_tagbody(self, x: int, context: int) -> None:
        self.block(list(self.m.items(self.m.cdr(x))), context)

    def block(self, body: list[int], context: int) -> None:
        f = self.f
        block = Block(f.depth, f.bindings, f.arguments, len(f.cleanups), context, self.label())
        if context != EFFECT:
            block.result = self.new_local()
        for y in body:
            if y & 7 != CONS:
                block.labels[y] = self.label()
        f.blocks.append(block)
        for y in body:
            if y & 7 != CONS:
                self.place(block.labels[y], block.depth)
                block.left = block.left or False
            else:
                self.form(y, EFFECT)
        f.blocks.pop()
        if context == EFFECT:
            self.place(block.exit, block.depth)
            return
        if not f.dead:
            self.op("nil")
            self.op("store_local", block.result)
        if block.left or not f.dead:
            self.place(block.exit, block.depth)
            self.op("local", block.result)
            self.finish(context)

    def leave(self, block: Block) -> None:
        """Undo everything between here and a block; the value, if any, is in its result local."""
        f = self.f
        depth, cleanups = f.depth, list(f.cleanups)
        while len(f.cleanups) > block.protections:
            cleanup = f.cleanups.pop()
            if cleanup:
                self.form(cleanup, EFFECT)
        f.cleanups = cleanups
        while f.depth > block.depth:
            self.op("pop")
        if f.arguments > block.arguments:
            self.op("drop_arguments", f.arguments - block.arguments)
        if f.bindings > block.bindings:
            self.op("unbind", f.bindings - block.bindings)
        if not f.dead:
            f.depth = depth

    def form_go(self, x: int, context: int) -> None:
        f, m = self.f, self.m
        label = m.car(m.cdr(x)) if m.cdr(x) != NIL else NIL
        for block in reversed(f.blocks):
            if label in block.labels:
                depth = f.depth
                self.leave(block)
                f.depth = block.depth
                self.back_jump(block.labels[label])
                f.depth = depth + (context != EFFECT)
                return
        self.general_call(m.intern("bad-go"), [m.list([self.quote, label])], context)

    def form_return(self, x: int, context: int) -> None:
        f, m = self.f, self.m
        value = m.car(m.cdr(x)) if m.cdr(x) != NIL else NIL
        if not f.blocks:
            self.general_call(m.intern("bad-return"), [value], context)
            return
        block = f.blocks[-1]
        simple = f.bindings == 0 and not f.cleanups and not f.protections and f.arguments == block.arguments
        if block.context == TAIL and simple:
            depth = f.depth
            self.form(value, TAIL)
            f.depth = depth + (context != EFFECT)
            return
        if block.context == EFFECT:
            self.form(value, EFFECT)
        else:
            self.form(value, VALUE)
            self.op("store_local", block.result)
        if f.dead:
            return
        depth = f.depth
        self.leave(block)
        block.left = True
        f.depth = block.depth
        self.jump("jump", block.exit)
        f.depth = depth + (context != EFFECT)

    def form_catch(self, x: int, context: int) -> None:
        m, f = self.m, self.f
        tag, body = m.car(m.cdr(x)), list(m.items(m.cdr(m.cdr(x))))
        tag_slot, depth_slot = self.new_local(), self.new_local()
        self.form(tag, VALUE)
        self.op("store_local", tag_slot)
        self.op("binding_depth")
        self.op("store_local", depth_slot)
        self.op("local", tag_slot)
        self.op("enter_catch")
        self.op("pop")
        f.bindings += 1
        f.protections += 1
        start, stop, handler, end = self.label(), self.label(), self.label(), self.label()
        depth = f.depth
        self.place(start)
        self.progn(body, VALUE)
        self.op("unbind", 1)
        self.place(stop, depth + 1) if not f.dead else f.items.append(("label", stop))
        f.bindings -= 1
        f.protections -= 1
        if not f.dead:
            self.jump("jump", end)
        self.place(handler, depth)
        f.handlers.append((start, stop, handler, depth))  # inner ranges come first, so the innermost is found first
        self.op("local", tag_slot)
        self.op("local", depth_slot)
        self.op("caught")
        self.place(end, depth + 1)
        f.locals -= 2
        self.finish(context)

    def form_unwind_protect(self, x: int, context: int) -> None:
        m, f = self.m, self.f
        parts = list(m.items(m.cdr(x)))
        cleanup = m.cons(m.intern("progn"), m.list(parts[1:]))
        depth_slot, result = self.new_local(), self.new_local()
        self.op("binding_depth")
        self.op("store_local", depth_slot)
        start, stop, handler, end = self.label(), self.label(), self.label(), self.label()
        depth = f.depth
        f.protections += 1
        f.cleanups.append(cleanup)
        self.place(start)
        self.form(parts[0] if parts else NIL, VALUE)
        f.cleanups.pop()
        f.protections -= 1
        if f.dead:
            f.items.append(("label", stop))
        else:
            self.op("store_local", result)
            self.place(stop, depth)
            self.form(cleanup, EFFECT)
            self.jump("jump", end)
        self.place(handler, depth)
        f.handlers.append((start, stop, handler, depth))
        self.op("local", depth_slot)
        self.op("save_unwind")
        self.op("store_local", result)
        self.form(cleanup, EFFECT)
        self.op("local", result)
        self.op("resume_unwind")
        self.op("pop")
        self.place(end, depth)
        self.op("local", result)
        f.locals -= 2
        self.finish(context)

    def form_declare(self, x: int, context: int) -> None:
        self.constant(NIL, context)

    def form_the(self, x: int, context: int) -> None:
        self.form(self.m.car(self.m.cdr(self.m.cdr(x))), context)

    def form_eval_when(self, x: int, context: int) -> None:
        self.progn(list(self.m.items(self.m.cdr(self.m.cdr(x)))), context)

    def definition(self, x: int, context: int) -> None:
        m = self.m
        self.op("literal", self.literal(x))
        self.op("call1", self.literal(m.intern("define-function")))
        self.finish(context)

    form_de = form_df = form_dm = form_defun = form_defmacro = form_flet_ = definition

    def form_psetq(self, x: int, context: int) -> None:
        m, f = self.m, self.f
        parts = list(m.items(m.cdr(x)))
        symbols = parts[::2]
        for value in parts[1::2]:
            self.form(value, VALUE)
        for symbol in reversed(symbols):
            if symbol in f.scope:
                self.op("store_local", f.scope[symbol])
            else:
                self.op("set_value", self.literal(symbol))
                self.op("pop")
        self.constant(NIL, context)

    def form_bquote_list_star(self, x: int, context: int) -> None:
        arguments = list(self.m.items(self.m.cdr(x)))
        for a in arguments:
            self.form(a, VALUE)
        for _ in arguments[1:]:
            self.op("cons")
        if not arguments:
            self.constant(NIL, VALUE)
        self.finish(context)


SPECIAL_NAMES = {"let_star": "let*", "bquote_list_star": "list*", "flet_": "flet "}


def _combinations(n: int) -> list[str]:
    return [""] if n == 0 else [c + rest for c in "ad" for rest in _combinations(n - 1)]
