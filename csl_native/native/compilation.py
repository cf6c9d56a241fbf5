"""From bytecoded functions of a session to native entries, for this machine and for others."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from ..architectures import Architecture, with_refinements
from ..heap.words import SYMBOL
from ..runtime.machine import BadRequest
from ..saving.reasons import Fallback
from .compilable import PARTS, NotCompilable
from .elf import Block
from .hardcode import HardCode
from .kernelset import make_kernel
from .pages import PAGE_SIZE, PageSet
from .sources import inlined, source_of, together
from .table import type_and_page
from .workers import Job, compile_jobs

if TYPE_CHECKING:
    from .compilable import Source

UNIT = 24  # functions compiled together
Progress = Callable[[int, int, str], None]


class Compilation:
    """One request to compile ``symbols`` for ``architectures`` (refinements among them), and ``kernels`` for machines
    that have none yet.
    """

    def __init__(self, hardcode: HardCode, architectures: list[Architecture], kernels: bool = True) -> None:
        self.kernels = kernels
        self.hardcode, self.session, self.machine = hardcode, hardcode.session, hardcode.machine
        self.architectures = architectures
        for architecture in architectures:
            if architecture.number == hardcode.tag and (hardcode.refused is not None or hardcode.pages is None):
                raise BadRequest("native code cannot be made here: "
                                 f"{(hardcode.refused or Fallback('no-architecture')).sentence()}")

    def all_symbols(self, architecture: Architecture) -> list[int]:
        """Bytecoded functions that have no native code for an architecture yet, by name."""
        m = self.machine
        self.hardcode.pages_of(architecture.tag)  # drops entries whose pages are of another version
        have = {s for s, _, entries in self.hardcode.rows()
                if any(m.car(e) >> 3 >> 20 == architecture.tag for e in entries)}
        symbols = [s for s in m.vector_items(m.root(0)) if s & 7 == SYMBOL and s not in have
                   and self.hardcode.lisp.is_bytecoded(s)]
        return sorted(symbols, key=m.text)

    def lower(self, architecture: Architecture) -> tuple[str, ...]:
        """The lower refinements of an architecture that the image has or is about to get."""
        known = (a for a in with_refinements() if a.number == architecture.number and 0 < a.level < architecture.level)
        return tuple(a.name for a in known if a in self.architectures or self.hardcode.has_functions(a.tag))

    def source(self, symbol: int, label: str) -> Source | None:
        """What the compiler must know of a function; None, with the reason noted, when it stays bytecode."""
        name = self.machine.label(symbol)
        self.session.fallbacks = [f for f in self.session.fallbacks if f.subject != name]
        if not self.hardcode.lisp.is_bytecoded(symbol):
            self.session.fallbacks.append(Fallback("no-bytecode", name))
            return None
        try:
            return source_of(self.hardcode.lisp, symbol, label)
        except NotCompilable as error:
            self.session.fallbacks.append(Fallback("not-compilable", name, str(error)))
            return None

    def run(self, symbols: list[int] | None, progress: Progress | None = None) -> dict[str, list[int]]:
        """Compile functions (None: all that have no code yet for each architecture); those that have some now, by
        architecture.

        Of a refinement these are the functions that come out different from what the image has already.
        """
        sources: dict[int, Source | None] = {}
        jobs: list[Job] = []
        work: list[tuple[Architecture, list[tuple[int, Source]]]] = []
        result: dict[str, list[int]] = {}
        for architecture in self.architectures:
            if (self.kernels and architecture.number != self.hardcode.tag
                    and not self.hardcode.has_kernel(architecture) and not self.hardcode.copy_kernel(architecture)):
                work += [(architecture, []), (architecture, [])]
                jobs += [Job(architecture.name), Job(architecture.name, stencils=True)]
            todo = []
            for symbol in self.all_symbols(architecture) if symbols is None else symbols:
                if symbol not in sources:
                    sources[symbol] = self.source(symbol, f"f{len(sources)}")
                source = sources[symbol]
                if source is not None:
                    todo.append((symbol, source))
            result[architecture.name] = []
            for start in range(0, len(todo), UNIT):
                work.append((architecture, todo[start:start + UNIT]))
                jobs.append(Job(architecture.name, tuple(source for _, source in todo[start:start + UNIT]),
                                self.lower(architecture)))

        def tell(done: int) -> None:
            if progress is not None and jobs:
                current = min(done, len(jobs) - 1)
                architecture, unit = work[current]
                what = (self.machine.label(unit[0][0]) if unit else "stencils" if jobs[current].stencils
                        else "the kernel")
                progress(done, len(jobs), f"{what} for {architecture.name}")
        tell(0)
        for done, (block, (architecture, unit)) in enumerate(zip(compile_jobs(jobs), work, strict=True)):
            if unit:
                result[architecture.name] += self.add(architecture, unit, block)
            elif jobs[done].stencils:
                self.hardcode.add_stencils(architecture, block)
            else:
                self.hardcode.kernels[architecture.number] = make_kernel(architecture, block)
            tell(done + 1)
        return result

    def add(self, architecture: Architecture, unit: list[tuple[int, Source]], block: Block) -> list[int]:
        """Append a compiled unit to its set, and its functions to the table; instate what is for this machine.  The
        functions in it.
        """
        h = self.hardcode
        pages = h.pages_of(architecture.tag)
        compiled = [(symbol, source) for symbol, source in unit if f"{source.label}.entry" in block.symbols]
        if not compiled:
            return []
        with h.collector.paused():
            self.enter(pages, compiled, block)
        if architecture.number == h.tag:
            h.instate_symbols([symbol for symbol, _ in compiled])
        return [symbol for symbol, _ in compiled]

    def enter(self, pages: PageSet, compiled: list[tuple[int, Source]], block: Block) -> None:
        """Append a block to a set and its functions to the table."""
        h, m = self.hardcode, self.machine
        base = h.append(block, pages)
        pages.names |= {base + place: name for name, place in block.symbols.items() if name.startswith("slow.")}
        entries = []
        for symbol, source in compiled:
            place = base + block.symbols[f"{source.label}.entry"]
            names = [f"{source.label}{part}" for part in PARTS if source.label + part in block.symbols]
            parts = [[base + block.symbols[name], block.sizes[name]] for name in names]
            reached = together(source, [other for _, other in compiled])
            features = sorted({feature for other in reached for feature in block.features.get(other.label, ())})
            pages.entries[str(place)] = {"bytecode": h.bytecode_digest(symbol), "name": m.label(symbol),
                                         "count": source.code.fixed, "features": features, "parts": parts,
                                         "unit": [base, len(block.data)], "inlined": inlined(reached, h.lisp),
                                         **({"foreign": [source.foreign.target]} if source.foreign else {})}
            number = type_and_page(pages.tag, 0, place // PAGE_SIZE)
            # its environment is its literal vector, which stays its own
            entries.append((symbol, source.code.fixed, number, place % PAGE_SIZE, symbol))
        h.add(entries)
