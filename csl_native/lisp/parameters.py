"""The parameters of a function: how they are written, and where its frame has them."""

from __future__ import annotations

from ..heap.objects import F_GLOBAL, F_KEYWORD
from ..heap.words import CONS, SYMBOL
from ..kernel.memory import NIL, T
from .assembly import VALUE
from .errors import CompileError
from .forms import Forms

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .deep import Steps

# parameters that a call stores in the frame; further ones come as a list, as &rest does, and the function takes them
# out of it
MOST = 250


class Parameters(Forms):
    """What a lambda expression's list of parameters means."""

    optional: int
    rest: int

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

    def default(self, place: int, form: int) -> Steps:
        """The value of an optional parameter that was not given."""
        if form != NIL:
            skip = self.label()
            self.op("local", place)
            self.jump("jump_not_nil", skip)
            yield self.form(form, VALUE)
            self.op("store_local", place)
            self.place(skip)

    def spread(self, places: list[int], required: int, defaults: list[int], rest: int | None) -> Steps:
        """Take the parameters from number ``MOST`` on out of the list that is in the local variable ``MOST``."""
        self.check_count(required, len(defaults), rest is not None)
        for place in places[MOST:required]:
            self.take("car", place)
        optional = places[required:required + len(defaults)]
        for place, form in list(zip(optional, defaults, strict=True))[max(MOST - required, 0):]:
            missing, done = self.label(), self.label()
            self.op("local", MOST)
            self.jump("jump_nil", missing)
            self.take("car", place)
            self.jump("jump", done)
            self.place(missing)
            yield self.form(form, VALUE)
            self.op("store_local", place)
            self.place(done)
        if rest is not None:
            self.op("local", MOST)
            self.op("store_local", places[-1])

    def take(self, part: str, place: int) -> None:
        self.op("local", MOST)
        self.op(part)
        self.op("store_local", place)
        self.op("local", MOST)
        self.op("cdr")
        self.op("store_local", MOST)

    def check_count(self, required: int, optional: int, rest: bool) -> None:
        """An error unless there are as many arguments in the list as can be."""
        m = self.m
        for least, test in ((required - MOST, "lessp"), (required + optional - MOST, "greaterp")):
            if least <= 0 or test == "greaterp" and rest:
                continue
            good = self.label()
            self.op("local", MOST)
            self.op("length")
            self.constant(least << 3, VALUE)
            self.op(test)
            self.jump("jump_nil", good)
            self.op("literal", self.literal(self.f.name))
            self.op("local", MOST)
            self.op("length")
            self.constant(MOST << 3, VALUE)
            self.op("plus")
            self.constant(required << 3, VALUE)
            self.op("call3", self.literal(m.intern("bad-count")))
            self.op("pop")
            self.place(good)
