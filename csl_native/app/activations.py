"""The functions that run at a moment, found on the machine stack, with their arguments and variables where bytecode has
them in a frame.

Frames have no links.  But whoever runs a function keeps its literal vector on the machine stack, and an engine keeps
the place of the frame beside it; frames lie one behind the other on the Lisp stack, so a place is believed only where
the frame ends at the next one inside of it. Native code that LLVM made has no frame: its functions are named, and what
their variables are is not known.
"""

from __future__ import annotations

import bisect
import ctypes
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Any

from ..heap.objects import CODE_HEADER, SYM_ENV, SYM_SPARE
from ..heap.words import CONS, OTHER, SYMBOL, VECTOR
from ..instructions.codec import Code
from ..instructions.layout import CODE_FRAME
from ..kernel.calls import SLOT
from ..system.records import Record

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp

MOST = 100  # activations that are looked for
DEEPEST = 1 << 16  # words of the machine stack that are looked at
NEAR = 8  # words between a literal vector on the stack and the place of its frame
PUSHED = 8 * 24  # bytes that Python, and who called it, may have pushed behind a frame
BESIDE_IT = ("threaded", "registers")  # engines that keep both side by side
WORD = ctypes.sizeof(ctypes.c_void_p)


class Place(Record):
    """A literal vector, and where the frame is; 0: nobody knows, or there is none."""

    env: int
    fp: int


@dataclass
class Activation:
    """One call of a function that has not returned; ``fp`` is 0 where its variables are not known."""

    name: str
    env: int
    fp: int
    code: Code
    names: dict[int, tuple[str, ...]]  # of the variables, by number


class Activations:
    """Looks at one Lisp, inside of a request of the kernel, where its frames stand still."""

    def __init__(self, lisp: Lisp) -> None:
        self.lisp, self.m = lisp, lisp.machine
        self.known = {env: s for s in self.m.interned() if (env := self.m.words[s + SYM_ENV >> 3]) & 7 == VECTOR}
        self.cells = SLOT["bytecoded1"], SLOT["bytecoded2"], SLOT["bytecodedn"]

    def found(self, until: int, pushed: tuple[int, ...], outer: list[Activation]) -> list[Activation]:
        """What runs, the innermost first, on the machine stack up to ``until`` (0: all of it); behind that ``outer``
        does, which is known.

        ``pushed``: how many bytes may lie between the innermost frame and the top of the Lisp stack.  Collects: only
        after that it is known which words are values.
        """
        self.lisp.collect()
        bottom = next((each.fp for each in outer if each.fp), 0)
        found = takewhile(lambda place: not 0 < place.fp <= bottom, self.places(until, pushed))
        return [*map(self.activation, islice(found, MOST)), *outer]

    def activation(self, place: Place) -> Activation:
        m = self.m
        symbol = self.known.get(place.env)
        code = Code.unpack(m.raw(m.field(place.env, 8 - VECTOR)))
        return Activation("lambda" if symbol is None else m.text(symbol), place.env, place.fp, code,
                          self.variables(symbol, code))

    def variables(self, symbol: int | None, code: Code) -> dict[int, tuple[str, ...]]:
        """Names of a function's variables: as they were noted when it was defined here, else those of the parameters in
        its source.
        """
        m = self.m
        if symbol is None:
            return {}
        noted = self.lisp.noted.get(m.label(symbol))
        if noted is not None and noted[0] == code.code:
            return noted[1]
        source, found = m.field(symbol, SYM_SPARE), list[str]()
        if source & 7 == CONS and m.cdr(source) & 7 == CONS:
            for x in m.items(m.car(m.cdr(source))):
                x = m.car(x) if x & 7 == CONS else x
                if x & 7 == SYMBOL and not m.text(x).startswith("&"):
                    found.append(m.text(x))
        return {k: (name,) for k, name in enumerate(found)}

    # -- where frames are --------------------------------------------------------------------

    def places(self, until: int, pushed: tuple[int, ...]) -> Iterator[Place]:
        return self.under_python() if not self.m.native else self.natively(until, pushed)

    def under_python(self) -> Iterator[Place]:
        frame: Any = sys._getframe()
        last = None
        while frame is not None:
            env, fp = frame.f_locals.get("env"), frame.f_locals.get("fp")
            if (frame.f_globals is self.m.kernel.globals and isinstance(env, int) and isinstance(fp, int)
                and self.is_function(env)):
                if (env, fp) != last:
                    last = env, fp
                    yield Place(env, fp)
            frame = frame.f_back

    def natively(self, until: int, pushed: tuple[int, ...]) -> Iterator[Place]:
        """Functions with frames are known by these; of others what is left over in dead slots lies further in than the
        place that counts.
        """
        found = list(islice(self.candidates(until, pushed), 4 * MOST))
        framed = {place.env for place in found if place.fp}
        outermost = {place.env: k for k, place in enumerate(found)}
        for k, place in enumerate(found):
            if place.fp or place.env not in framed and outermost[place.env] == k:
                yield place

    def candidates(self, until: int, pushed: tuple[int, ...]) -> Iterator[Place]:
        cage = self.m.cage
        most = (until - self.m.left_at) // WORD if until else DEEPEST
        stack = list(islice(self.m.stack_words(), max(0, min(most, DEEPEST))))
        begins, functions = self.native_functions()
        inner = cage["sp"]
        for at, word in enumerate(stack):
            env = word
            if not self.is_function(word):
                k = bisect.bisect_right(begins, word + cage.base) - 1
                if k < 0 or not begins[k] < word + cage.base < begins[k] + functions[k][0]:
                    continue
                env = functions[k][1]  # where native code goes on
            fp = 0 if self.runs_natively(env) else self.frame_of(env, stack, at, inner, pushed)
            if fp:
                count = self.m.raw(self.m.field(env, 8 - VECTOR))[1]
                inner, pushed = fp, (0, 8 * max(0, count - 3))
            if fp or env in self.known:
                yield Place(env, fp)

    def frame_of(self, env: int, stack: list[int], at: int, inner: int, pushed: tuple[int, ...]) -> int:
        """Which word near a literal vector on the stack is the place of its frame, which ends at the next one inside of
        it; 0 when none is.

        Where Python stands between two functions, there are the arguments of the one that it was called for; then the
        place must be right beside.
        """
        m = self.m
        place = m.field(env, 8 - VECTOR) + CODE_FRAME
        size = 8 * int.from_bytes(m.bytes[place:place + 2], "little")
        base, beside = m.cage["stack_base"], self.lisp.session.engine in BESIDE_IT
        for distance in range(1, NEAR):
            for word in stack[at + distance:at + distance + 1] + stack[max(0, at - distance):at - distance + 1]:
                gap = inner - word - size
                if (word & 7 == 0 and word >= base
                    and (gap in pushed or beside and distance == 1 and 0 <= gap <= PUSHED)):
                    return word
        return 0

    def is_function(self, word: int) -> bool:
        """Is it a literal vector with bytecode?"""
        m = self.m
        if (word & 7 != VECTOR or not m.kernel.good_value(word, m.cage["heap_top"])
            or m.words[word - VECTOR >> 3] >> 11 == 0):
            return False
        code = m.words[word + 8 - VECTOR >> 3]
        return (code & 7 == OTHER and bool(m.kernel.good_value(code, m.cage["heap_top"]))
                and m.header(code) & 255 == CODE_HEADER)

    def runs_natively(self, env: int) -> bool:
        symbol = self.known.get(env)
        return symbol is not None and not set(self.cells).intersection(self.lisp.cells(symbol))

    def native_functions(self) -> tuple[list[int], list[tuple[int, int]]]:
        """Where native code of functions begins, how long it is, and whose it is."""
        m, rows = self.m, list[tuple[int, int, int]]()
        for address, size, name in self.lisp.session.native_symbols():
            if name.startswith("lisp:"):
                env = m.field(m.intern(name[5:]), SYM_ENV)
                if env in self.known:
                    rows.append((address, size, env))
        rows.sort()
        return [address for address, _, _ in rows], [(size, env) for _, size, env in rows]


def held(lisp: Lisp, activation: Activation, number: int) -> int | None:
    """What a variable of an activation holds; None before it has a value."""
    m = lisp.machine
    word = m.words[(activation.fp >> 3) + number]
    if not m.kernel.good_value(word, m.cage["heap_top"]):
        return None
    m.note(word)
    return int(word)
