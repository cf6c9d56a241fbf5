"""Compiling while the program runs: the functions that ``jit`` names, and those that are called or loop often.

First by stencils, at once, in the kernel itself; then, when a function stays hot, by LLVM in a process of its own.
Frames of bytecode that loop go on natively in the middle.  Nothing of it goes into an image: it can be made again, and
an image would depend on the clock.
"""

from __future__ import annotations

import time
import weakref
from collections import Counter
from importlib.util import find_spec
from typing import TYPE_CHECKING

from ..foreign.libraries import ForeignError
from ..foreign.libraries import resolve as resolve_foreign
from ..heap.objects import SYM_ENV
from ..heap.words import OTHER, SYMBOL, VECTOR
from ..instructions.codec import Code, check_opcodes, decode
from ..instructions.table import CodeError
from ..kernel.calls import SLOT
from ..kernel.memory import NIL, T
from ..runtime.machine import BadRequest
from ..saving.guards import is_given
from ..stencils.reading import read_stencils
from ..stencils.table import Made, NoRoom, TooLarge
from ..system.extras import missing
from .arena import Region
from .background import Background, Order, Ready
from .codecache import LIMIT, CodeCache, Compiled
from .compilable import NotCompilable
from .pages import PageSet, Refused, kind_numbers
from .pages import load as load_pages

if TYPE_CHECKING:
    from ..session.session import Session
    from ..stencils.table import StencilTable

PATIENCE = 16  # times that optimised code of a function may be given up
# Seconds of the processor from the first function that was called often to the first that LLVM compiles, which takes
# half a second to prepare; thresholds below EAGER are a wish to compile early.
WARM, EAGER = 1.0, 1000
STENCIL, OPTIMISED = "stencil", "optimised"


class Jit(CodeCache):
    """``refused`` counts reasons why something stays as it is; ``say`` is told what happens."""

    def __init__(self, session: Session) -> None:
        super().__init__(session, LIMIT)
        self.refused: Counter[str] = Counter()
        self.bailouts: Counter[tuple[int, str]] = Counter()  # by function and instruction
        self.moved = 0  # frames that went on natively
        self.seconds = 0.0
        self._symbols: dict[int, int] = {}
        self._later: list[int] = []  # functions to optimise when the program has run for long enough
        self._cautious: set[int] = set()  # functions that were given up too often to go on assuming
        self._table: StencilTable | None | str = None
        self._warm = time.process_time() + WARM
        # a session that was dropped may be waited for by the thread of a compiling process
        machine = weakref.ref(self.machine)

        def poke() -> None:
            if (found := machine()) is not None:
                found.poke()
        self.background = Background(self.hardcode.architecture.name if self.hardcode.architecture is not None else "",
                                     poke)
        self.machine.hold(self)
        session.owned.add(self.arena.close)
        session.owned.add(self.background.close)

    @property
    def possible(self) -> bool:
        return self.hardcode.possible

    def set_threshold(self, calls: int, optimise: int = -1) -> None:
        """Calls and backward jumps after which a function is compiled, and after which it is compiled again by LLVM; 0:
        at once, -1: never.
        """
        for number in (calls, optimise):
            if number < -1:
                raise BadRequest(f"a threshold of {number} calls; -1 (never), 0 (at once) or more expected")
        self.hardcode.set_thresholds(calls, optimise)

    def held_words(self) -> list[int]:
        """The functions that wait to be compiled."""
        return [*self._later, *self.background.waiting]

    # -- requests ----------------------------------------------------------------------

    def symbol_of(self, env: int) -> int | None:
        """The symbol whose function has a literal vector."""
        m = self.machine
        symbol = self._symbols.get(env)
        if self._stale and (symbol is None or m.field(symbol, SYM_ENV) != env):
            self._symbols = {m.field(s, SYM_ENV): s for s in m.interned()}
            self._stale = False
            symbol = self._symbols.get(env)
        return symbol if symbol is not None and m.field(symbol, SYM_ENV) == env else None

    def mark(self, symbol: int) -> bool:
        """Compile a function at its next call; False when it is no candidate."""
        if symbol & 7 != SYMBOL or not self.lisp.is_bytecoded(symbol):
            return False
        if symbol not in self.functions and self.possible:
            self.machine.kernel.compile_cells(symbol)
        return True

    def first_call(self, env: int) -> int:
        """A marked function is called: compile it now, or give the bytecode back."""
        symbol = self.symbol_of(env)
        if symbol is None:
            raise self.lisp.errors.plain("jit: a function without a symbol is called")
        self.bytecode(symbol)
        if self.possible:
            self.compile(symbol)
        return symbol

    def hot(self, env: int, at: int, calls: int) -> int:
        """A function was called, or looped, often.
        T when its frame, which is at a place of the bytecode, goes on natively.
        """
        if not self.possible:
            return NIL
        symbol = self.symbol_of(env)
        if symbol is None:
            return self.resume(self.nameless(env), at)
        cage, compiled = self.machine.cage, self.functions.get(symbol)
        if 0 < cage["hot"] <= calls and (compiled is None or compiled.tier == STENCIL):
            self.optimise(symbol, at_once=cage["hot"] == 1)
        if 0 < cage["threshold"] <= calls and symbol not in self.functions:
            self.compile(symbol)
        compiled = self.functions.get(symbol)
        return self.resume(compiled, at) if compiled is None or compiled.code == self.code_of(symbol) else NIL

    def resume(self, compiled: Compiled | None, at: int) -> int:
        """Let the frame that asks go on natively: T, or nil when there is no place for it."""
        if compiled is None or at not in compiled.resume:
            return NIL
        self.machine.words[SLOT["resume"] >> 3] = compiled.resume[at]
        self.moved += at != 0
        return T

    def nameless(self, env: int) -> Compiled | None:
        """The native code of a form that is being evaluated, or of another function without a symbol."""
        address = self.machine.field(env, 8 - VECTOR)
        key = self.machine.raw(address)
        if key not in self._nameless:
            self._nameless[key] = compiled = None if self.enough else self.by_stencils(address)
            if compiled is not None:
                self.count(compiled, "a form")
        return self._nameless[key]

    def try_once(self, symbol: int, tier: str) -> bool:
        """Is this the first time that a tier is tried for this definition of a function?"""
        now = (tier, self.code_of(symbol))
        if self._tried.get(symbol) == now:
            return False
        self._tried[symbol] = now
        return True

    # -- stencils ------------------------------------------------------------------------

    def table(self) -> StencilTable | None:
        """The stencils of this machine; None when neither the session's image nor the base image has usable ones."""
        if self._table is None:
            self._table = read_stencils(self.session)
        if isinstance(self._table, str):
            self.refused[self._table] += 1
            return None
        return self._table

    def compile(self, symbol: int) -> None:
        """Make a function native by stencils; by LLVM when there are none."""
        if self.enough or not self.try_once(symbol, STENCIL):
            return
        if self.table() is None:
            self.optimise(symbol, at_once=True)
            return
        compiled = self.by_stencils(self.code_of(symbol))
        if compiled is not None:
            self.install(symbol, compiled)

    def by_stencils(self, address: int) -> Compiled | None:
        """The native code of a code object."""
        table = self.table()
        if table is None:
            return None
        m = self.machine
        if is_given(m.raw(address)):
            self.refused["the program has the literal vector, and may change it"] += 1
            return None
        code = Code.unpack(m.raw(address), sequences=True)
        try:
            check_opcodes(code.code)
        except CodeError as error:
            self.refused[str(error)] += 1
            return None
        started = time.perf_counter()
        made: list[Made] = []

        def write(out: int, room: int) -> int:
            made.append(table.compile(code, m.cage.base + address - OTHER + 24, out, room))
            return made[0].size
        try:
            try:
                region = self.arena.make(write, 1)
            except NoRoom as need:
                region = self.arena.make(write, need.size)
        except MemoryError:
            self.refused["no room for more code"] += 1
            return None
        except TooLarge as error:
            self.refused[str(error)] += 1
            return None
        except OSError as error:
            self.refused[str(error)] += 1
            return None
        self.seconds += time.perf_counter() - started
        count, base = code.fixed, region.address
        wanted = (True, True, True) if count == 255 else (count == 1, count == 2, count not in (1, 2))
        slots = tuple(self.hardcode.new_slot(base + entry) if want else 0
                      for want, entry in zip(wanted, made[0].entries, strict=True))
        resume = {at: base + place for at, place in made[0].resume.items()}
        return Compiled(STENCIL, slots, region, address, resume)  # type: ignore[arg-type]

    # -- the optimised tier --------------------------------------------------------------

    def optimise(self, symbol: int, at_once: bool) -> None:
        """Compile a function by LLVM, now or in the background."""
        if not at_once and self.machine.cage["hot"] > EAGER and time.process_time() < self._warm:
            if not self._later:
                self.background.wake(self._warm)
            if symbol not in self._later:
                self._later.append(symbol)
            return
        if symbol in self.background.waiting or not self.try_once(symbol, OPTIMISED):
            return
        order = self.order(symbol)
        if order is None:
            return
        if at_once:
            self.take(self.background.compile(order))
        else:
            self.background.submit(order)

    def order(self, symbol: int) -> Order | None:
        """What is given to the background; None, and the reason counted, when the function cannot be compiled."""
        if self.bytes >= self.limit:
            self.refused["no room for more code"] += 1
            return None
        if find_spec("llvmlite") is None:
            self.refused[missing("llvmlite")] += 1
            return None
        from . import sources  # which need the compiler, and most sessions do not
        try:
            source = sources.source_of(self.lisp, symbol, "f", speculate=symbol not in self._cautious)
            if source.foreign is not None:
                resolve_foreign(source.foreign.target)
        except (NotCompilable, ForeignError) as error:
            self.refused[str(error)] += 1
            return None
        return Order(symbol, source, self.hardcode.bytecode_digest(symbol), sources.inlined([source], self.lisp))

    def take_ready(self) -> None:
        """Take over what the background has made, and give it what had to wait; called at a safepoint."""
        if self._later and time.process_time() >= self._warm:
            later, self._later = self._later, []
            for symbol in later:
                if self.lisp.is_bytecoded(symbol):
                    self.optimise(symbol, at_once=False)
        while (ready := self.background.ready()) is not None:
            self.take(ready)

    def take(self, ready: Ready) -> None:
        """Make a compiled function what its symbol runs, unless it was redefined meanwhile."""
        if self.enough:
            return
        if ready.block is None:
            self.refused[ready.why.splitlines()[0]] += 1
            return
        order = ready.order
        symbol, relied = order.symbol, order.relied
        if (not self.lisp.is_bytecoded(symbol) or self.hardcode.bytecode_digest(symbol) != order.made_of
            or self.hardcode.changed(relied)):
            self.refused["redefined while it was compiled"] += 1
            return
        architecture = self.hardcode.architecture
        assert architecture is not None
        pages = PageSet(architecture.tag, "")
        pages.add_block(ready.block, kind_numbers(architecture))
        try:
            memory = load_pages(pages, self.hardcode.resolve(), self.hardcode.apply_native()).memory
        except Refused as refused:
            self.refused[refused.code] += 1
            return
        slot, count = self.hardcode.new_slot(memory.address + ready.block.symbols["f.entry"]), order.source.code.fixed
        slots = (slot, 0, 0) if count == 1 else (0, slot, 0) if count == 2 else (0, 0, slot)
        self.install(symbol, Compiled(OPTIMISED, slots, memory, self.code_of(symbol), {}, tuple(relied), pages))

    # -- moving ----------------------------------------------------------------------

    def evacuate(self, everything: bool) -> None:
        """Make the code in chunks that are nearly empty (or all) once more elsewhere, so that the chunks go."""
        sparse = self.arena.sparse()
        for symbol, compiled in list(self.functions.items()):
            memory = compiled.memory
            wanted = everything or isinstance(memory, Region) and memory.chunk.address in sparse
            if (wanted and compiled.code == self.code_of(symbol)
                and not self.hardcode.collector.is_fixed(memory.address, memory.size)):
                self.move(symbol, compiled)

    def move(self, symbol: int, compiled: Compiled) -> None:
        """Another copy of a function's code, which new calls reach."""
        if compiled.pages is None:
            again = self.by_stencils(compiled.code)
        else:
            memory = self.hardcode.collector.load(compiled.pages)
            if memory is None:
                return
            words, shift = self.machine.words, memory.address - compiled.memory.address
            slots = tuple(slot and self.hardcode.new_slot(words[slot >> 3] + shift) for slot in compiled.slots)
            again = compiled._replace(memory=memory, slots=slots)  # type: ignore[arg-type]
        if again is None:
            return
        self.functions[symbol] = again
        if self.lisp.debugger is None:
            self.set_cells(symbol, again)
        if self.session.gdb is not None:
            self.session.gdb.add(again.memory.address, again.memory.size, f"lisp:{self.machine.label(symbol)}")
        self.hardcode.collector.moved += again.memory.size
        self.retire(compiled)

    # -- what was assumed too much --------------------------------------------------

    def redefined(self, symbol: int) -> None:
        """A new definition is assumed about anew."""
        super().redefined(symbol)
        self._cautious.discard(symbol)
        self.bailouts = Counter({key: count for key, count in self.bailouts.items() if key[0] != symbol})

    def bailed_out(self, env: int, at: int) -> None:
        """Optimised code of a function assumed too much; after some times it is compiled again, assuming nothing."""
        symbol = self.symbol_of(env)
        if symbol is None:
            return
        code = Code.unpack(self.machine.raw(self.code_of(symbol)))
        self.bailouts[symbol, next(item.row.name for item in decode(code.code) if item.at == at)] += 1
        if symbol not in self._cautious and sum(n for (s, _), n in self.bailouts.items() if s == symbol) >= PATIENCE:
            self._cautious.add(symbol)
            if symbol in self.functions and self.functions[symbol].tier == OPTIMISED:
                self.bytecode(symbol)
                self.drop(symbol)
                self.compile(symbol)
                self.optimise(symbol, at_once=self.machine.cage["hot"] == 1)

    def statistics(self) -> list[str]:
        """What was done, a line each."""
        lines = [f"{self.compiled[STENCIL]} functions compiled by stencils in {1000 * self.seconds:.1f} ms, "
                 f"{self.compiled[OPTIMISED]} by LLVM in {self.background.seconds:.2f} s; {self.made} bytes made, "
                 f"{self.bytes} in use"]
        lines.append(f"{self.moved} running loops went on natively; {self.calls()} calls and backward jumps counted"
                     f"{f' from {1000 * self.hardcode.wait:.0f} ms on' if self.hardcode.wait else ''}, of functions "
                     "that are not optimised")
        collector = self.hardcode.collector
        if collector.freed or collector.moved:
            lines.append(f"{collector.freed} bytes of native code were freed, {collector.moved} moved")
        given = Counter[str]()
        for (_, name), count in self.bailouts.items():
            given[name] += count
        lines += [f"{count} x gave up at {name}, and went on as bytecode" for name, count in sorted(given.items())]
        return lines + [f"{count} refused: {reason}" for reason, count in sorted(self.refused.items())]

    def calls(self) -> int:
        """What was counted, all in all."""
        at = self.machine.cage["counters"] >> 3
        return sum(self.machine.words[at:at + 4096].tolist())

    def close(self) -> None:
        self.set_threshold(-1)
        self.background.close()
        super().close()
