"""Hard code: the page sets behind the table of native definitions, and how they become runnable."""

from __future__ import annotations

import ctypes

from csl_native.image.container import Image, ImageError, Section

from ..architectures import Architecture
from ..heap.objects import SYM_ENV, SYM_FN1, SYM_FN2, SYM_FNN
from ..heap.vm import HEAP
from ..heap.words import OTHER, VECTOR
from ..kernel.calls import SLOT
from ..kernel.memory import NIL, ROOT_HANDMADE
from ..saving.baseimage import base_image
from ..saving.belonging import together
from ..saving.guards import function_digest
from ..saving.reasons import Fallback, no_set
from ..saving.trust import is_program, not_admitted
from .collecting import CodeCollector, Span
from .pages import PAGE_SIZE, PageSet, Refused, kind_numbers
from .pages import load as load_pages
from .table import DefinitionTable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..session.session import Session
    from .elf import Block
    from .jit import Jit

CELLS = (SYM_FN1, SYM_FN2, SYM_FNN)
WRONG = ("wrong1", "wrong2", "wrongn")
HANDMADE = ("handmade1", "handmade2", "handmaden")


class HardCode(DefinitionTable):
    """Native definitions of one session."""

    def __init__(self, session: Session, image: Image, architecture: Architecture | None,
                 kernel_refused: Fallback | None) -> None:
        self.session, self.machine, self.lisp = session, session.machine, session.lisp
        self.architecture = architecture
        # by tag: this machine's with its refinements, and others' when they are asked for
        self.sets: dict[int, PageSet] = {}
        self.kernels: dict[int, PageSet] = {}  # made here for other machines, by tag
        self.others: dict[str, Section] = {}  # their stencils, and what the base image has of both, by section name
        self.spans: list[Span] = []  # what of the sets is in memory
        self.jit_most: int | None = None  # functions that may be compiled while the program runs; None: any number
        # tags of sets that were not made together with this heap, or in which an entry is of another definition
        self.compared: set[int] = set()
        # functions (tag, entry point) of which a relocation did not fit: which one
        self.overflowed: dict[tuple[int, int], str] = {}
        self.free_slots: list[int] = []
        self.slots: set[int] = set()  # entry slots that function cells lead to
        self.collector = CodeCollector(self)
        self._index: tuple[dict[str, set[str]], set[str]] | None = None
        self._resolved: dict[str, int] | None = None  # the addresses of the kernel's functions
        self._listed: set[int] | None = None  # the symbols in the table: most definitions are of none of them
        self.refused = kernel_refused
        self.wait = 0.0  # seconds in which nothing is counted
        self.next_slot = self.machine.cage["entry_top"]
        if self.refused is None and not session.native_wanted:
            self.refused = Fallback("switched-off")
        if architecture is None:
            return
        for name in image.sections:
            tag = function_tag(name)
            if tag is not None and tag & 31 == architecture.number and self.refused is None:
                why = self.read_set(image, name, tag)
                if why is None:
                    continue
                # a refinement that this machine is too old for is no news
                if tag == architecture.number or why.code != "missing-feature":
                    session.fallbacks.append(why)
                if tag == architecture.number or why.code == "untrusted":
                    self.forget(tag)  # what is compiled here begins another set
        if self.refused is None:
            self.sets.setdefault(architecture.number, PageSet(architecture.number, self.kernel.abi))

    def read_set(self, image: Image, name: str, tag: int) -> Fallback | None:
        """Take a section of function pages for this machine; the reason when it cannot be used."""
        assert self.architecture is not None
        if why := not_admitted(self.session.trust, image, name):
            return why
        try:
            pages = PageSet.read(image, name, is_program(image))
        except ImageError as error:
            return Fallback("damaged-page", detail=str(error))
        if pages.abi != self.kernel.abi:
            return Fallback("kernel-abi", detail=f"made for {pages.abi}, this is {self.kernel.abi}")
        if missing := self.architecture.missing(pages.features):
            return Fallback("missing-feature", detail=missing)
        self.sets[tag] = pages
        if not together(image, name):
            self.compared.add(tag)
        return None

    @property
    def possible(self) -> bool:
        """Can native code be made for this machine while the program runs?"""
        return self.machine.native and self.refused is None and self.architecture is not None

    def set_thresholds(self, calls: int, optimise: int, wait: float = 0.0) -> None:
        """After how many calls and jumps the jit is asked, which is made when that happens first; -1: never.

        Nothing is counted in the first ``wait`` seconds that programs run.
        """
        def begin() -> None:
            self.machine.cage["threshold"] = calls + 1 if self.possible else 0
        self.machine.cage["threshold"], self.wait = 0, wait
        self.machine.after(wait, begin)
        if wait == 0:
            self.machine.hurry()
        self.machine.cage["hot"] = optimise + 1 if self.possible else 0
        period = max(1, min(1024, optimise // 16)) if optimise >= 0 and self.possible else 0
        self.machine.cage["ticks"] = self.machine.cage["period"] = period

    @property
    def pages(self) -> PageSet | None:
        """This machine's set for its tag without refinement."""
        return self.sets.get(self.tag)

    @property
    def kernel(self) -> PageSet:
        assert self.architecture is not None
        return self.session.sets[f"kernel-{self.architecture.number}"].pages

    # -- what the Lisp asks of the native tier ----------------------------------------

    def jit(self) -> Jit:
        """The compiler of the session; made when it is first needed."""
        from .jit import Jit
        if self.lisp.jit is None:
            self.lisp.jit = Jit(self.session)
        found: Jit = self.lisp.jit
        return found

    def take_module(self, image: Image, name: str) -> None:
        """Native code of a module that was just loaded."""
        from .modulecode import take
        take(self, image, name)

    # -- instating -------------------------------------------------------------------

    def instate(self) -> None:
        """Make the best matching entry of every function its definition; what cannot be is noted with its reason."""
        rows = self.rows()
        self.show_table()
        if not rows:
            return
        if self.refused is not None:
            if self.refused not in self.session.fallbacks:
                self.session.fallbacks.append(self.refused)
            return
        assert self.architecture is not None
        for tag, pages in sorted(self.sets.items()):
            if pages.data:
                try:
                    loaded = load_pages(pages, self.resolve(), self.apply_native())
                except Refused as refused:
                    self.session.fallbacks.append(Fallback(refused.code, detail=refused.detail))
                    if tag == self.tag:
                        return
                    del self.sets[tag]  # a refinement; the baseline's code is there
                    continue
                self.spans.append(Span(tag, 0, len(pages.data), loaded.memory, 0))
                self.overflowed |= {(tag, entry): why for entry, why in loaded.refused.items()}
        self.instate_rows(rows, set(self.sets) - self.compared)
        if not self.sets[self.tag].data:
            self.forget(self.tag)  # what is compiled here begins another set, in which their places mean nothing

    def instate_symbols(self, symbols: list[int]) -> None:
        """Choose again for some functions."""
        chosen = set(symbols)
        self.instate_rows([row for row in self.rows() if row[0] in chosen], set())

    def instate_rows(self, rows: list[tuple[int, int, list[int]]], together: set[int]) -> None:
        """The best entry of each row that runs here: the highest refinement first; a reason only when none does."""
        m = self.machine
        for symbol, count, entries in rows:
            numbers = [(m.car(entry) >> 3, m.cdr(entry)) for entry in entries]
            own = sorted((number, rest) for number, rest in numbers
                         if number >> 20 & 31 == self.tag and (found := self.sets.get(number >> 20 & 255)) is not None
                         and found.data)
            if not own:
                tags = {number >> 20 & 255 for number, _ in numbers}
                there = {tag for tag in tags if f"functions-{tag}" in self.session.image_sections
                         and tag & 31 != self.tag}
                self.session.fallbacks.append(no_set(m.label(symbol), self.tag, there))
            for cell in range(4):
                why: Fallback | None = None
                for number, rest in reversed([row for row in own if row[0] >> 18 & 3 == cell]):
                    why = self.instate_entry(symbol, count, number, m.car(rest) >> 3, m.cdr(rest),
                                             number >> 20 & 255 in together)
                    if why is None:
                        break
                if why is not None:
                    self.session.fallbacks.append(why)
                    # the table keeps its row, and who reads it later must not believe it
                    self.compared |= {row[0] >> 20 & 255 for row in own}

    def withdraw(self) -> None:
        """Make every function that runs natively bytecode again, for a while; the table keeps its entries."""
        m = self.machine
        for symbol, _, _ in self.rows():
            if self.lisp.is_bytecoded(symbol):
                self.release_slots(symbol)
                m.kernel.bytecode_cells(symbol, m.field(m.field(symbol, SYM_ENV), 8 - VECTOR))
        if self.lisp.jit is not None:
            self.lisp.jit.withdraw()

    def calls_foreign(self) -> bool:
        """Does native code of this machine call C functions?"""
        return any(row.get("foreign") for pages in self.sets.values() for row in pages.entries.values())

    def return_native(self) -> None:
        """Undo ``withdraw``."""
        if self.refused is None and self.architecture is not None:
            before = list(self.session.fallbacks)
            self.instate_rows(self.rows(), set())
            self.session.fallbacks = before
        if self.lisp.jit is not None:
            self.lisp.jit.return_native()

    def release_slots(self, symbol: int) -> None:
        for slot in {self.entry_slot(symbol, k) for k in range(3)}:
            self.release_slot(slot)
        if (rows := self.machine.root(ROOT_HANDMADE)) & 7 == OTHER:
            self.machine.kernel.remhash(self.machine.field(symbol, SYM_ENV), rows)

    def release_slot(self, slot: int) -> None:
        """Give an entry slot back, if it is one of the functions of sets: the jit has its own."""
        if slot in self.slots:
            self.slots.discard(slot)
            self.free_slots.append(slot)

    def entry_slot(self, symbol: int, k: int) -> int:
        """The slot of the code that runs by way of a function cell, hand-made code with an environment of its own
        included.
        """
        m = self.machine
        slot = m.field(symbol, CELLS[k])
        row = m.kernel.gethash2(m.field(symbol, SYM_ENV), m.root(ROOT_HANDMADE)) if slot == SLOT[HANDMADE[k]] else NIL
        return m.field(row, 16 * k + 8 - VECTOR) if row & 7 == VECTOR else slot

    def set_row(self, symbol: int, k: int, slot: int, env: int) -> int:
        """Note entry and environment of hand-made code; what the cell leads to."""
        m = self.machine
        if m.root(ROOT_HANDMADE) & 7 != OTHER:
            m.set_root(ROOT_HANDMADE, m.kernel.make_hash(0, 16))
        key, rows = m.field(symbol, SYM_ENV), m.root(ROOT_HANDMADE)
        row = m.kernel.gethash2(key, rows)
        if row == NIL:
            row = m.vector([0] * 6)
            m.kernel.puthash(key, rows, row)
        m.set_field(row, 16 * k + 8 - VECTOR, slot)
        m.set_field(row, 16 * k + 16 - VECTOR, env)
        return SLOT[HANDMADE[k]]

    def resolve(self) -> dict[str, int]:
        if self._resolved is None:
            loaded = self.session.sets[f"kernel-{self.architecture.number}"] if self.architecture else None
            self._resolved = {name: loaded.address(name) for name in loaded.pages.functions} if loaded else {}
        return self._resolved

    def apply_native(self) -> Any:
        kind = ctypes.PYFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, *[ctypes.c_int64] * 9)
        function = kind(self.machine.kernel.address("apply_records"))
        return lambda *arguments: function(0, *arguments)

    def instate_entry(self, symbol: int, count: int, number: int, offset: int, env: int,
                      together: bool = False) -> Fallback | None:
        """Point the function cells of a symbol at an entry; the reason when that cannot be.

        ``together``: heap and pages were written by one preserve, so the entry's bytecode is the symbol's.
        """
        m, pages = self.machine, self.sets[number >> 20 & 255]
        page, cell = number & 0x3FFFF, number >> 18 & 3
        place = page * PAGE_SIZE + offset
        if not 0 <= offset < PAGE_SIZE or place >= len(pages.data):
            return Fallback("bad-entry", m.label(symbol),
                            f"page {page}, offset {offset}; the set has {len(pages.data)} bytes")
        if (bad := pages.damaged(place)) is not None:
            return Fallback("damaged-page", m.label(symbol), f"page {bad}")
        entry = pages.entries.get(str(place))
        if entry is None:
            return Fallback("bad-entry", m.label(symbol), f"page {page}, offset {offset} is no entry point of the set")
        if not together:
            if not self.lisp.is_bytecoded(symbol):
                return Fallback("no-bytecode", m.label(symbol))
            if entry["name"] != m.label(symbol) or entry.get("bytecode") != self.bytecode_digest(symbol):
                return Fallback("redefined", m.label(symbol))
            if changed := self.changed(entry.get("inlined", {})):
                return Fallback("redefined", m.label(symbol), f"{changed}, which stands in place of its calls")
        if pages.architecture is not None and (missing := pages.architecture.missing(entry.get("features", ()))):
            return Fallback("missing-feature", m.label(symbol), missing)
        for target in entry.get("foreign", ()):
            from ..foreign import libraries
            try:
                libraries.resolve(target)
            except libraries.ForeignError as error:
                return Fallback("no-foreign", m.label(symbol), str(error))
        if (pages.tag, place) in self.overflowed:
            return Fallback("overflow", m.label(symbol), self.overflowed[pages.tag, place])
        address = self.address(pages.tag, place)
        if address is None:
            return Fallback("bad-entry", m.label(symbol), f"page {page}, offset {offset} is not in memory")
        handmade = "inlined" not in entry and env != m.field(symbol, SYM_ENV)
        slot = self.new_slot(address)
        self.slots.add(slot)
        self.set_cells(symbol, count, cell, slot, env if handmade else None)
        return None

    def set_cells(self, symbol: int, count: int, cell: int, slot: int, env: int | None) -> None:
        """Let the natural cell, or the one that an entry is for, lead to a slot; ``env``: hand-made code's own
        environment.
        """
        words = self.machine.words
        natural = 0 if count == 1 else 1 if count == 2 else 2
        for k, place in enumerate(CELLS):
            if (cell == 0 and k == natural) or cell == k + 1:
                self.release_slot(self.entry_slot(symbol, k))
                words[symbol + place >> 3] = slot if env is None else self.set_row(symbol, k, slot, env)
            elif cell == 0:
                words[symbol + place >> 3] = SLOT[WRONG[k]]

    def new_slot(self, address: int) -> int:
        m = self.machine
        if not self.free_slots and self.next_slot >= HEAP:
            self.collector.sweep()
        if self.free_slots:
            slot = self.free_slots.pop()
        else:
            slot = self.next_slot
            self.next_slot += 8
            if slot >= HEAP:
                raise MemoryError("the table of entry slots is full")
        m.words[slot >> 3] = address
        return slot

    def address(self, tag: int, place: int) -> int | None:
        """Run-time address of a place in a set of this machine."""
        span = self.span(tag, place)
        return span.address(place) if span is not None else None

    def span(self, tag: int, place: int) -> Span | None:
        """What is in memory around a place of a set."""
        return next((span for span in reversed(self.spans) if span.tag == tag and span.place <= place < span.place
                     + span.size), None)

    def bytecode_digest(self, symbol: int) -> bytes:
        """The digest of what the compiler reads of a bytecoded function."""
        return function_digest(self.machine, symbol, self.machine.vector_items(self.machine.field(symbol, SYM_ENV)))

    # -- sets ------------------------------------------------------------------------

    @property
    def tag(self) -> int:
        return self.architecture.number if self.architecture is not None else 0

    def has_functions(self, tag: int) -> bool:
        return bool(self.sets[tag].data) if tag in self.sets else f"functions-{tag}" in self.session.foreign_sections()

    def has_kernel(self, architecture: Architecture) -> bool:
        """Is there a kernel for another machine, in the image or made here, for this version?"""
        name = f"kernel-{architecture.number}"
        old = self.session.foreign_sections().get(name)
        return (architecture.number in self.kernels or name in self.others
                or (old is not None and old.info.get("abi") == self.session.kernel_abi()))

    def add_stencils(self, architecture: Architecture, block: Block) -> None:
        """Keep stencils for another machine, whose kernel was made before."""
        from ..stencils.packing import stencil_section
        section = stencil_section(architecture, self.kernels[architecture.number], block)
        self.others[section.name] = section

    def copy_kernel(self, architecture: Architecture) -> bool:
        """Take kernel and stencils for another machine from the base image, if it has them."""
        names = [f"kernel-{architecture.number}", f"stencils-{architecture.number}"]
        with Image(base_image()) as base:
            if not set(names) <= set(base.sections):
                return False
            for name in names:
                found = base.sections[name]
                self.others[name] = Section(name, base.read(name), found.raw,
                                            {key: value for key, value in found.info.items() if key != "seal"})
        return True

    def pages_of(self, tag: int) -> PageSet:
        """The set of functions of a tag; another machine's comes from the image, or is begun."""
        if tag not in self.sets:
            abi = self.session.kernel_abi()
            old = self.session.believed_set(f"functions-{tag}") if tag & 31 != self.tag else None
            self.sets[tag] = old if old is not None and old.abi == abi else PageSet(tag, abi)
            if self.sets[tag] is old:
                self.compared.add(tag)
            else:
                self.forget(tag)
        return self.sets[tag]

    def patch(self, pages: PageSet, at: int, data: bytes) -> None:
        """Change bytes of a set; what is in memory is writable only while it is written."""
        pages.data[at:at + len(data)] = data
        span = self.span(pages.tag, at)
        if span is not None:
            span.memory.unseal()
            start = span.at + at - span.place
            span.memory.view()[start:start + len(data)] = data
            span.memory.seal()

    def append(self, block: Block, pages: PageSet) -> int:
        """Add a block to a set (this machine's: to memory too); its place in the set."""
        architecture = pages.architecture
        assert architecture is not None
        first = len(pages.packed)
        base = pages.add_block(block, kind_numbers(architecture))
        if architecture.number != self.tag:
            return base
        part = PageSet(pages.tag, pages.abi, bytearray(block.data), targets=list(pages.targets))
        for kind, target, place, addend in PageSet(pages.tag, pages.abi, packed=pages.packed[first:]).records():
            part.add_record(kind, target, place - base, addend - (base if target == 0 else 0))
        loaded = load_pages(part, self.resolve(), self.apply_native())
        self.spans.append(Span(pages.tag, base, len(block.data), loaded.memory, 0))
        return base

    def close(self) -> None:
        self.collector.close()

    # -- preserving --------------------------------------------------------------------

    def sections(self) -> list[Section]:
        """This machine's sets, and those that were made here for others; functions only when there are entries."""
        result = []
        if self.architecture is not None and f"kernel-{self.tag}" in self.session.sets:
            result.append(self.kernel.section(f"kernel-{self.tag}"))
        result += [pages.section(f"kernel-{tag}") for tag, pages in self.kernels.items()]
        result += self.others.values()
        result += [pages.section(f"functions-{tag}") for tag, pages in self.sets.items() if pages.data]
        for section in result:
            if function_tag(section.name) in self.compared:
                section.info["compared"] = True
        return result


def function_tag(name: str) -> int | None:
    """The tag of a section of function pages."""
    head, _, tail = name.partition("-")
    return int(tail) if head == "functions" and tail.isdigit() else None
