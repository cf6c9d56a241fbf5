"""Hard code: the table of native definitions in the heap, the pages behind it, and how it becomes runnable.

The table is the original's: ``((f nargs (type-and-page offset . env) ...) ...)`` with
``type-and-page = tag << 20 | cell << 18 | page``; cell 0 is the natural one, 1 FN1, 2 FN2, 3 FNN.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from csl_native.image.container import Image, ImageError, Section, digest

from ..cage import CodeMemory
from ..instructions.codec import Code
from ..kernel.calls import SLOT
from ..kernel.memory import NIL, ROOT_HARD_CODE
from ..objects import SYM_ENV, SYM_FN1, SYM_FN2, SYM_FNN
from ..vm import HEAP
from ..words import SYMBOL, VECTOR
from .architectures import Architecture
from .kernelset import kind_numbers
from .pages import PAGE_SIZE, PageSet, Refused
from .pages import load as load_pages
from .reasons import Fallback

if TYPE_CHECKING:
    from ..session import Session

CELLS = (SYM_FN1, SYM_FN2, SYM_FNN)
WRONG = ("wrong1", "wrong2", "wrongn")
UNIT = 24  # functions compiled together


def type_and_page(tag: int, cell: int, page: int) -> int:
    """The first number of an entry; each part must fit its bits."""
    if not (0 <= tag < 256 and 0 <= cell < 4 and 0 <= page < 1 << 18):
        raise ValueError(f"tag {tag}, cell {cell}, page {page}; at most 8, 2 and 18 bits expected")
    return tag << 20 | cell << 18 | page


class HardCode:
    """Native definitions of one session."""

    def __init__(self, session: Session, image: Image, architecture: Architecture | None, kernel_ok: bool) -> None:
        self.session, self.machine, self.lisp = session, session.machine, session.lisp
        self.architecture = architecture
        self.pages: PageSet | None = None
        self.memories: list[tuple[int, int, CodeMemory]] = []  # (place in the set, size, memory)
        self.free_slots: list[int] = []
        self.refused: Fallback | None = None
        self.foreign: dict[int, PageSet] = {}
        self.foreign_kernels: dict[str, PageSet] = {}
        self.quiet = False
        self.next_slot = self.machine.cage["entry_top"]
        if architecture is None:
            return
        name = f"functions-{architecture.number}"
        if not kernel_ok:
            self.refused = session.fallbacks[-1]
        elif not session.native_wanted:
            self.refused = Fallback("switched-off")
        elif name in image.sections:
            try:
                self.pages = PageSet.parse(image.read(name, check=False), f"{image.path}, section {name}")
            except ImageError as error:
                self.refused = Fallback("damaged-page", detail=str(error))
        if self.pages is not None and kernel_ok:
            if self.pages.abi != self.kernel.abi:
                self.refused = Fallback("kernel-abi", detail=f"made for {self.pages.abi}, this is {self.kernel.abi}")
            elif set(self.pages.features) - architecture.features():
                self.refused = Fallback("missing-feature", detail=", ".join(sorted(set(self.pages.features) - architecture.features())))
        if kernel_ok and self.pages is None and self.refused is None:
            self.pages = PageSet(architecture.number, self.kernel.abi)

    @property
    def kernel(self) -> PageSet:
        assert self.architecture is not None
        return self.session.sets[f"kernel-{self.architecture.number}"].pages

    # -- the table -----------------------------------------------------------------

    def rows(self) -> list[tuple[int, int, list[int]]]:
        """The table as (symbol, argument count, entries)."""
        m = self.machine
        return [(m.car(row), m.car(m.cdr(row)) >> 3, list(m.items(m.cdr(m.cdr(row))))) for row in m.items(m.root(ROOT_HARD_CODE))]

    def write(self, rows: list[tuple[int, int, list[int]]]) -> None:
        m = self.machine
        m.set_root(ROOT_HARD_CODE, m.list([m.cons(s, m.cons(n << 3, m.list(entries))) for s, n, entries in rows if entries]))
        m.set_value(m.intern("hard_code*"), m.root(ROOT_HARD_CODE))

    def add(self, entries: list[tuple[int, int, int, int, int]]) -> None:
        """Add (symbol, argument count, type-and-page, offset, env) entries; an older one of the same tag and cell goes."""
        m = self.machine
        table: dict[int, tuple[int, list[int]]] = {s: (n, old) for s, n, old in self.rows()}
        for symbol, count, number, offset, env in entries:
            _, old = table.get(symbol, (count, []))
            kept = [e for e in old if m.car(e) >> 3 >> 18 != number >> 18]
            table[symbol] = (count, [*kept, m.cons(number << 3, m.cons(offset << 3, env))])
        self.write([(s, n, old) for s, (n, old) in table.items()])

    def redefined(self, symbol: int) -> None:
        """A function is given a new definition: its native ones go, on every architecture."""
        m = self.machine
        if self.quiet or m.root(ROOT_HARD_CODE) == NIL:
            return
        rows = self.rows()
        if any(s == symbol for s, _, _ in rows):
            for cell in CELLS:
                slot = m.field(symbol, cell)
                if slot >= m.cage["entry_top"]:
                    self.free_slots.append(slot)
            self.write([row for row in rows if row[0] != symbol])

    # -- instating -------------------------------------------------------------------

    def instate(self) -> None:
        """Make the best matching entry of every function its definition; what cannot be is noted with its reason."""
        m = self.machine
        rows = self.rows()
        m.set_value(m.intern("hard_code*"), m.root(ROOT_HARD_CODE))
        if not rows:
            return
        if self.refused is not None:
            if self.refused not in self.session.fallbacks:
                self.session.fallbacks.append(self.refused)
            return
        assert self.pages is not None and self.architecture is not None
        if self.pages.data:
            try:
                loaded = load_pages(self.pages, self.resolve(), self.apply_native())
            except Refused as refused:
                self.session.fallbacks.append(Fallback(refused.code, detail=refused.detail))
                return
            self.memories.append((0, len(self.pages.data), loaded.memory))
        name = f"functions-{self.architecture.number}"
        heap = self.session.image_digests.get("heap")
        together = heap is not None and self.session.image_digests.get(name) == heap
        tags = set()
        for symbol, count, entries in rows:
            done = False
            for entry in entries:
                number = m.car(entry) >> 3
                tags.add(number >> 20 & 255)
                if number >> 20 & 255 == self.pages.tag:
                    why = self.instate_entry(symbol, count, number, m.car(m.cdr(entry)) >> 3, m.cdr(m.cdr(entry)), together)
                    if why is not None:
                        self.session.fallbacks.append(why)
                    done = True
            if not done:
                self.session.fallbacks.append(Fallback("no-set", m.text(symbol), f"tag {self.pages.tag}; it has {sorted(tags)}"))

    def resolve(self) -> dict[str, int]:
        loaded = self.session.sets[f"kernel-{self.architecture.number}"] if self.architecture else None
        return {name: loaded.address(name) for name in loaded.pages.functions} if loaded else {}

    def apply_native(self) -> Any:
        kind = ctypes.PYFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, *[ctypes.c_int64] * 7)
        function = kind(self.resolve()["apply_records"])
        return lambda *arguments: function(0, *arguments)

    def instate_entry(self, symbol: int, count: int, number: int, offset: int, env: int, together: bool = False) -> Fallback | None:
        """Point the function cells of a symbol at an entry; the reason when that cannot be.

        ``together``: heap and pages were written by one preserve, so the entry's bytecode is the symbol's.
        """
        m, pages = self.machine, self.pages
        assert pages is not None
        page, cell = number & 0x3FFFF, number >> 18 & 3
        place = page * PAGE_SIZE + offset
        if not 0 <= offset < PAGE_SIZE or place >= len(pages.data):
            return Fallback("bad-entry", m.text(symbol), f"page {page}, offset {offset}; the set has {len(pages.data)} bytes")
        if page in pages.bad_pages:
            return Fallback("damaged-page", m.text(symbol), f"page {page}")
        entry = pages.entries.get(str(place), {})
        if not together:
            if not self.lisp.is_bytecoded(symbol):
                return Fallback("no-bytecode", m.text(symbol))
            if "bytecode" in entry and entry["bytecode"] != self.bytecode_digest(symbol):
                return Fallback("redefined", m.text(symbol))
        missing = set(entry.get("features", ())) - self.features() if entry.get("features") else None
        if missing:
            return Fallback("missing-feature", m.text(symbol), ", ".join(sorted(missing)))
        address = self.address(place)
        if address is None:
            return Fallback("bad-entry", m.text(symbol), f"page {page}, offset {offset} is not in memory")
        self.set_cells(symbol, count, cell, self.new_slot(address))
        if env != m.field(symbol, SYM_ENV) and env & 7 == VECTOR:
            m.set_field(symbol, SYM_ENV, env)
        return None

    def features(self) -> frozenset[str]:
        return self.architecture.features() if self.architecture else frozenset()

    def set_cells(self, symbol: int, count: int, cell: int, slot: int) -> None:
        words = self.machine.words
        natural = 0 if count == 1 else 1 if count == 2 else 2
        for k, place in enumerate(CELLS):
            if (cell == 0 and k == natural) or cell == k + 1:
                words[symbol + place >> 3] = slot
            elif cell == 0:
                words[symbol + place >> 3] = SLOT[WRONG[k]]

    def new_slot(self, address: int) -> int:
        m = self.machine
        if self.free_slots:
            slot = self.free_slots.pop()
        else:
            slot = self.next_slot
            self.next_slot += 8
            if slot >= HEAP:
                raise MemoryError("the table of entry slots is full")
        m.words[slot >> 3] = address
        return slot

    def address(self, place: int) -> int | None:
        """Run-time address of a place in the set."""
        for start, size, memory in reversed(self.memories):
            if start <= place < start + size:
                return memory.address + place - start
        return None

    def bytecode_digest(self, symbol: int) -> bytes:
        m = self.machine
        return digest(m.raw(m.field(m.field(symbol, SYM_ENV), 8 - VECTOR)))

    # -- compiling -------------------------------------------------------------------

    def add_tag(self, architecture: Architecture, progress: Callable[[int, int, str], None] | None = None) -> list[str]:
        """Make kernel and function pages for another machine: every bytecoded function that has none for it yet."""
        from .kernelset import make_kernel
        name = f"kernel-{architecture.number}"
        if architecture is not self.architecture and name not in self.foreign_kernels:
            self.foreign_kernels[name] = make_kernel(architecture)
        return self.compile_names(None, progress, architecture)

    def compile_names(self, names: list[str] | None, progress: Callable[[int, int, str], None] | None,
                      architecture: Architecture | None = None) -> list[str]:
        """Compile functions by name; None means every bytecoded function that has no native code yet."""
        m = self.machine
        tag = architecture.number if architecture is not None else self.tag
        if names is None:
            have = {s for s, _, entries in self.rows() if any(m.car(e) >> 3 >> 20 == tag for e in entries)}
            symbols = [s for s in m.vector_items(m.root(0)) if s & 7 == SYMBOL and s not in have and self.lisp.is_bytecoded(s)]
            symbols.sort(key=m.text)
        else:
            symbols = [m.intern(n) for n in names]
        return [m.text(s) for s in self.compile(symbols, progress, architecture)]

    @property
    def tag(self) -> int:
        return self.architecture.number if self.architecture is not None else 0

    def compile(self, symbols: list[int], progress: Callable[[int, int, str], None] | None = None,
                architecture: Architecture | None = None) -> list[int]:
        """Compile bytecoded functions, for this machine (and instate them) or for another one; what cannot be compiled is noted."""
        from .functions import FunctionIR, NotCompilable, Source
        m = self.machine
        architecture = architecture or self.architecture
        if architecture is None:
            raise ValueError(f"native code cannot be made here: {Fallback('no-architecture').sentence()}")
        if architecture is self.architecture and (self.refused is not None or self.pages is None):
            raise ValueError(f"native code cannot be made here: {(self.refused or Fallback('no-architecture')).sentence()}")
        todo: list[tuple[int, Source]] = []
        for symbol in symbols:
            name = m.text(symbol)
            self.session.fallbacks = [f for f in self.session.fallbacks if f.subject != name]
            if not self.lisp.is_bytecoded(symbol):
                self.session.fallbacks.append(Fallback("no-bytecode", name))
                continue
            literals = m.vector_items(m.field(symbol, SYM_ENV))
            code = Code.unpack(m.raw(literals[0]))
            own = frozenset(k for k in range(1, len(literals)) if literals[k] == symbol)
            source = Source(f"f{len(todo)}", code, len(literals), own)
            try:
                FunctionIR(source)
            except NotCompilable as error:
                self.session.fallbacks.append(Fallback("not-compilable", name, str(error)))
                continue
            todo.append((symbol, source))
        for start in range(0, len(todo), UNIT):
            if progress is not None:
                progress(start, len(todo), m.text(todo[start][0]))
            self.compile_unit(todo[start:start + UNIT], architecture)
        if progress is not None and todo:
            progress(len(todo), len(todo), "")
        return [symbol for symbol, _ in todo]

    def compile_unit(self, unit: list[tuple[int, Any]], architecture: Architecture) -> None:
        from .functions import compile_unit
        m, pages = self.machine, self.pages_of(architecture.number)
        block = compile_unit(architecture, [source for _, source in unit])
        base = self.append(block, pages)
        entries = []
        for symbol, source in unit:
            place = base + block.symbols[f"{source.label}.entry"]
            parts = [[base + block.symbols[part], block.sizes[part]] for part in (source.label, f"{source.label}.entry") if part in block.symbols]
            pages.entries[str(place)] = {"bytecode": self.bytecode_digest(symbol), "name": m.text(symbol), "features": [], "parts": parts}
            number = type_and_page(pages.tag, 0, place // PAGE_SIZE)
            entries.append((symbol, source.code.fixed, number, place % PAGE_SIZE, m.field(symbol, SYM_ENV)))
        self.add(entries)
        if architecture is not self.architecture:
            return
        for symbol, count, number, offset, env in entries:
            why = self.instate_entry(symbol, count, number, offset, env)
            if why is not None:
                self.session.fallbacks.append(why)

    def pages_of(self, tag: int) -> PageSet:
        """The set of functions of a tag; another machine's comes from the image, or is begun."""
        if tag == self.tag:
            assert self.pages is not None
            return self.pages
        if tag not in self.foreign:
            section = self.session.foreign_sections().get(f"functions-{tag}")
            abi = self.session.kernel_abi()
            old = PageSet.parse(section.data, f"functions-{tag}") if section else None
            self.foreign[tag] = old if old is not None and old.abi == abi else PageSet(tag, abi)
        return self.foreign[tag]

    def patch(self, pages: PageSet, at: int, data: bytes) -> None:
        """Change bytes of a set; what is in memory is writable only while it is written."""
        pages.data[at:at + len(data)] = data
        if pages is self.pages:
            for start, size, memory in reversed(self.memories):
                if start <= at < start + size:
                    memory.unseal()
                    memory.view()[at - start:at - start + len(data)] = data
                    memory.seal()
                    return

    def append(self, block: Any, pages: PageSet | None = None) -> int:
        """Add a block to a set (this machine's: to memory too); its place in the set."""
        pages = pages or self.pages
        assert pages is not None
        architecture = pages.architecture
        assert architecture is not None
        first = len(pages.records)
        base = pages.add_block(block, kind_numbers(architecture))
        if pages is not self.pages:
            return base
        part = PageSet(pages.tag, pages.abi, bytearray(block.data), targets=list(pages.targets),
                       records=[(k, t, place - base, a - (base if t == 0 else 0)) for k, t, place, a in pages.records[first:]])
        loaded = load_pages(part, self.resolve(), self.apply_native())
        self.memories.append((base, len(block.data), loaded.memory))
        return base

    # -- preserving --------------------------------------------------------------------

    def sections(self) -> list[Section]:
        """This machine's sets; functions only when there are entries."""
        result = []
        if self.architecture is not None and f"kernel-{self.tag}" in self.session.sets:
            result.append(self.kernel.section(f"kernel-{self.tag}"))
            if self.pages is not None and self.pages.data:
                result.append(self.pages.section(f"functions-{self.tag}"))
        result += [pages.section(name) for name, pages in self.foreign_kernels.items()]
        return result + [pages.section(f"functions-{tag}") for tag, pages in self.foreign.items() if pages.data]
