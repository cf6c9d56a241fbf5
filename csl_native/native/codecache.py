"""Native functions that were made while a program runs: where their code is, installing it, and giving it back."""

from __future__ import annotations

import sys
from collections import Counter
from typing import TYPE_CHECKING, Any

from ..heap.objects import SYM_ENV
from ..heap.words import VECTOR
from ..kernel.calls import SLOT
from ..system.codememory import CodeMemory
from ..system.records import Record
from .arena import CodeArena, Region
from .hardcode import CELLS
from .pages import PageSet

if TYPE_CHECKING:
    from ..session.session import Session

LIMIT = 64 << 20  # bytes of code memory


class Compiled(Record):
    """A function that runs natively now: an entry slot for each function cell (0: none), and where frames of bytecode
    can go on.
    """

    tier: str
    slots: tuple[int, int, int]
    memory: Region | CodeMemory
    code: int
    resume: dict[int, int]
    relies: tuple[str, ...] = ()  # names of functions whose bodies stand in it
    pages: PageSet | None = None  # LLVM's code, for loading it once more


class CodeCache:
    """``functions`` are those of symbols; what was replaced is retired."""

    def __init__(self, session: Session, limit: int) -> None:
        self.session, self.machine, self.lisp, self.hardcode = session, session.machine, session.lisp, session.hardcode
        self.functions: dict[int, Compiled] = {}
        self.compiled: Counter[str] = Counter()  # by tier
        self.made = 0  # bytes of native code, all in all
        self.say: Any = lambda text: None
        self.limit = limit
        self._tried: dict[int, tuple[str, int]] = {}  # by symbol: the last tier that was tried, and with which code
        self._stale = True  # something was defined since the symbols of functions were looked up
        self._nameless: dict[bytes, Compiled | None] = {}  # functions that no symbol has, by their bytecode
        architecture = session.hardcode.architecture
        if architecture is not None:
            self.arena = CodeArena(limit, architecture.flush, architecture.copying.jump_mask)
        else:
            self.arena = CodeArena(limit, lambda address, size: None)

    @property
    def bytes(self) -> int:
        """Bytes of code memory in use."""
        return sum(compiled.memory.size for compiled in self.functions.values())

    def code_of(self, symbol: int) -> int:
        return self.machine.field(self.machine.field(symbol, SYM_ENV), 8 - VECTOR)

    def install(self, symbol: int, compiled: Compiled) -> None:
        """Make native code what a symbol runs, in place of what it had."""
        self.drop(symbol)
        self.functions[symbol] = compiled
        if self.lisp.debugger is None:
            self.set_cells(symbol, compiled)
        self.session.profile.add(self.machine.label(symbol))
        self.count(compiled, self.machine.label(symbol))

    @property
    def enough(self) -> bool:
        """Were as many functions compiled as may be?"""
        most = self.hardcode.jit_most
        return most is not None and sum(self.compiled.values()) >= most

    def count(self, compiled: Compiled, name: str) -> None:
        self.compiled[compiled.tier] += 1
        if self.enough:
            print(f"csl: --jit-most: the last function that is compiled is {name} ({compiled.tier})", file=sys.stderr,
                  flush=True)
        self.made += compiled.memory.size
        self.say(f"execute native {name} ({compiled.tier}, {compiled.memory.size} bytes)")
        if self.session.gdb is not None:
            self.session.gdb.add(compiled.memory.address, compiled.memory.size, f"lisp:{name}")

    def set_cells(self, symbol: int, compiled: Compiled) -> None:
        """Natural cells get the entries; those for wrong argument counts go on to complain."""
        self.bytecode(symbol)
        words = self.machine.words
        for place, slot, name in zip(CELLS, compiled.slots, ("bytecoded1", "bytecoded2", "bytecodedn"), strict=True):
            if slot and words[symbol + place >> 3] == SLOT[name]:
                words[symbol + place >> 3] = slot

    def bytecode(self, symbol: int) -> None:
        self.machine.kernel.bytecode_cells(symbol, self.code_of(symbol))

    def redefined(self, symbol: int) -> None:
        """The code of a function that has a new definition goes."""
        self._stale = True
        self.drop(symbol)

    def drop_users(self, symbol: int) -> None:
        """A function is another one now: code that relies on what it was goes."""
        name = self.machine.label(symbol)
        for user in [s for s, compiled in self.functions.items() if name in compiled.relies and s != symbol]:
            self.bytecode(user)
            self.drop(user)

    def drop(self, symbol: int) -> None:
        """Forget the native code of a function."""
        self._tried.pop(symbol, None)
        old = self.functions.pop(symbol, None)
        if old is not None:
            self.retire(old)

    def retire(self, compiled: Compiled) -> None:
        """No call leads to some code any more."""
        self.hardcode.collector.retire(compiled.memory, compiled.memory.size, lambda: self.free(compiled))

    def forget_nameless(self) -> None:
        """The forms that were evaluated are done."""
        for compiled in filter(None, self._nameless.values()):
            self.retire(compiled)
        self._nameless.clear()

    def free(self, compiled: Compiled) -> None:
        self.hardcode.free_slots += [slot for slot in compiled.slots if slot]
        if self.session.gdb is not None:
            self.session.gdb.remove(compiled.memory.address)
        if isinstance(compiled.memory, Region):
            self.arena.free(compiled.memory)
        else:
            compiled.memory.close()

    def withdraw(self) -> None:
        """Run everything as bytecode, for a debugger."""
        for symbol in list(self.functions):  # the program, in another thread, may add some
            self.bytecode(symbol)

    def return_native(self) -> None:
        for symbol, compiled in list(self.functions.items()):
            self.set_cells(symbol, compiled)

    def close(self) -> None:
        self.forget_nameless()
        self.hardcode.collector.sweep()
        for compiled in self.functions.values():
            self.free(compiled)
        self.functions.clear()
        self.arena.close()
