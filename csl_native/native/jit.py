"""Compiling while the program runs: the functions that ``jit`` names, and those that are called often.

The optimised tier, in a process of its own; the program goes on as bytecode meanwhile, and what is ready is installed at its
next safepoint.  Nothing of it goes into an image: it can be made again, and an image would depend on the clock.
"""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

from ..cage import CodeMemory
from ..instructions.codec import Code
from ..objects import SYM_ENV
from ..words import SYMBOL, VECTOR
from .kernelset import kind_numbers
from .pages import PageSet, Refused
from .pages import load as load_pages

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp
    from ..session import Session
    from .elf import Block
    from .functions import Source
    from .workers import Worker

LIMIT = 64 << 20  # bytes of code memory


class Compiled(NamedTuple):
    """A function that runs natively now."""

    arguments: int
    slot: int
    memory: CodeMemory
    code: int


class Ready(NamedTuple):
    """What a compiling process gave, or why it could not."""

    symbol: int
    source: Source
    code: int
    block: Block | None
    why: str


def jit_of(lisp: Lisp) -> Jit:
    """The compiler of a session; made when it is first needed."""
    if lisp.jit is None:
        lisp.jit = Jit(lisp.session)  # type: ignore[attr-defined]
    found: Jit = lisp.jit
    return found


class Jit:
    """``refused`` counts reasons why something stays bytecode; ``say`` is told what happens."""

    def __init__(self, session: Session) -> None:
        self.session, self.machine, self.lisp, self.hardcode = session, session.machine, session.lisp, session.hardcode
        self.functions: dict[int, Compiled] = {}
        self.refused: Counter[str] = Counter()
        self.bytes = self.compiled = 0
        self.seconds = 0.0
        self.say: Any = lambda text: None
        self._waiting: set[int] = set()
        self._ready: SimpleQueue[Ready] = SimpleQueue()
        self._pool: ThreadPoolExecutor | None = None
        self._worker: Worker | None = None
        self._graveyard: list[CodeMemory] = []

    @property
    def possible(self) -> bool:
        return self.machine.native and self.hardcode.refused is None and self.hardcode.architecture is not None

    def set_threshold(self, calls: int) -> None:
        """Calls after which a function is compiled; 0: at the first one, -1: never."""
        if calls < -1:
            raise ValueError(f"a threshold of {calls} calls; -1 (never), 0 (at once) or more expected")
        self.machine.cage["threshold"] = calls + 1 if self.possible else 0

    # -- requests ----------------------------------------------------------------------

    def symbol_of(self, env: int) -> int | None:
        m = self.machine
        return next((s for s in m.vector_items(m.root(0)) if s & 7 == SYMBOL and m.field(s, SYM_ENV) == env), None)

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
            source = self.source(symbol)
            if source is not None:
                self.take(self.compile(symbol, source, self.code_of(symbol)))
        return symbol

    def hot(self, env: int) -> None:
        """A function has been called often: compile it in the background (at a threshold of 0 at once)."""
        symbol = self.symbol_of(env)
        if symbol is None or symbol in self.functions or symbol in self._waiting or not self.possible:
            return
        source = self.source(symbol)
        if source is None:
            return
        code = self.code_of(symbol)
        if self.machine.cage["threshold"] == 1:
            self.take(self.compile(symbol, source, code))
            return
        self._waiting.add(symbol)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, "csl-jit")

        def work() -> None:
            self._ready.put(self.compile(symbol, source, code))
            self.machine.poke()
        self._pool.submit(work)

    def source(self, symbol: int) -> Source | None:
        from .functions import FunctionIR, NotCompilable, Source
        m = self.machine
        if self.bytes >= LIMIT:
            self.refused["no room for more code"] += 1
            return None
        literals = m.vector_items(m.field(symbol, SYM_ENV))
        source = Source("f", Code.unpack(m.raw(literals[0])), len(literals), frozenset(k for k in range(1, len(literals)) if literals[k] == symbol))
        try:
            FunctionIR(source)
        except NotCompilable as error:
            self.refused[str(error)] += 1
            return None
        return source

    def code_of(self, symbol: int) -> int:
        return self.machine.field(self.machine.field(symbol, SYM_ENV), 8 - VECTOR)

    def compile(self, symbol: int, source: Source, code: int) -> Ready:
        """In the compiling process; touches nothing of the Lisp."""
        from .workers import Job, Worker
        started = time.perf_counter()
        try:
            if self._worker is None:
                self._worker = Worker()
            assert self.hardcode.architecture is not None
            block = self._worker.ask(Job(self.hardcode.architecture.name, (source,)))
            return Ready(symbol, source, code, block, "")
        except Exception as error:  # whatever it is, the bytecode goes on
            return Ready(symbol, source, code, None, str(error))
        finally:
            self.seconds += time.perf_counter() - started

    # -- installing --------------------------------------------------------------------

    def install(self) -> None:
        """Take over what is ready; called at a safepoint."""
        while True:
            try:
                self.take(self._ready.get_nowait())
            except Empty:
                return

    def take(self, ready: Ready) -> None:
        """Make a compiled function what its symbol runs, unless it was redefined meanwhile."""
        self._waiting.discard(ready.symbol)
        if ready.block is None:
            self.refused[ready.why.splitlines()[0] if ready.why else "no compiler"] += 1
            return
        if not self.lisp.is_bytecoded(ready.symbol) or self.code_of(ready.symbol) != ready.code:
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
        slot = self.hardcode.new_slot(memory.address + ready.block.symbols["f.entry"])
        count = ready.source.code.fixed
        self.functions[ready.symbol] = Compiled(count, slot, memory, ready.code)
        self.bytes += memory.size
        self.compiled += 1
        if self.lisp.debugger is None:
            self.hardcode.set_cells(ready.symbol, count, 0, slot)
        self.say(f"execute native {self.machine.text(ready.symbol)} ({len(ready.block.data)} bytes)")

    def bytecode(self, symbol: int) -> None:
        self.machine.kernel.bytecode_cells(symbol, self.code_of(symbol))

    # -- giving back ---------------------------------------------------------------------

    def redefined(self, symbol: int) -> None:
        """The code of a function that has a new definition goes, when no frame can be in it any more."""
        old = self.functions.pop(symbol, None)
        if old is not None:
            self.hardcode.free_slots.append(old.slot)
            self._graveyard.append(old.memory)

    def sweep(self) -> None:
        """No Lisp runs in this session now."""
        while self._graveyard:
            memory = self._graveyard.pop()
            self.bytes -= memory.size
            memory.close()

    def withdraw(self) -> None:
        """Run everything as bytecode, for a debugger."""
        for symbol in self.functions:
            self.bytecode(symbol)

    def return_native(self) -> None:
        for symbol, compiled in self.functions.items():
            self.hardcode.set_cells(symbol, compiled.arguments, 0, compiled.slot)

    def statistics(self) -> list[str]:
        """What was done, a line each."""
        lines = [f"{self.compiled} functions compiled in {self.seconds:.2f} s, {self.bytes} bytes of code memory"]
        return lines + [f"{count} stay bytecode: {reason}" for reason, count in sorted(self.refused.items())]

    def close(self) -> None:
        self.set_threshold(-1)
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
        if self._worker is not None:
            self._worker.close()
        self.sweep()
        for compiled in self.functions.values():
            compiled.memory.close()
        self.functions.clear()
