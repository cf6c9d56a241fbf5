"""Native code that nothing can reach is given back, and code that lives can move.

Code is no Lisp object: the table of native definitions says which functions of a set live, the jit which of its own do.
What is taken out of both is *retired*: its memory is freed when no word on the machine stack points into it, so frames
that run keep the code that they are in until they leave.  A set in an image is made of *units* (functions that were
compiled together, or one native vector); a unit lives as long as one of its functions does.  In memory a unit moves by
being loaded and relocated once more, at another place; the entry slots that led to the old place then lead to the new
one, and nothing else knows an address (LuaJIT and HotSpot's code cache sweep between calls in the same way). Code whose
address a program has asked for (``native-address``) stays where it is.
"""

from __future__ import annotations

import ctypes
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from ..heap.vm import HEAP
from ..kernel.calls import SLOT
from ..system.codememory import CodeMemory
from ..system.records import Record
from .arena import Region
from .pages import PAGE_SIZE, SET_ALIGNMENT, PageSet, Refused
from .pages import load as load_pages
from .units import Unit, keep, part, plan, units

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .hardcode import HardCode

BATCH = 1 << 18  # retired bytes after which the stack is looked through; a page of native code
DEEP = 1 << 22  # bytes of stack beyond which that waits: a recursion that goes so deep also ends
POINTER = ctypes.sizeof(ctypes.c_void_p)


class Span(Record):
    """Part of a set in memory: a place in the set of a tag, a size in bytes, and where in a memory it begins."""

    tag: int
    place: int
    size: int
    memory: CodeMemory
    at: int

    def address(self, place: int) -> int:
        return self.memory.address + self.at + place - self.place


class Retired(Record):
    """Code that no new call reaches, and what gives its memory back."""

    address: int
    size: int
    release: Callable[[], None]


class CodeCollector:
    """What one session's native code needs to be collected; ``freed`` and ``moved`` count bytes."""

    def __init__(self, hardcode: HardCode) -> None:
        self.hardcode, self.machine = hardcode, hardcode.machine
        self.retired: list[Retired] = []
        self.fixed: set[int] = set()  # addresses that the program has
        self.lost: set[int] = set()  # tags whose sets lost entries since they were last looked through
        self.losses = 0
        self.freed = self.moved = 0
        self._waiting = 0  # retired bytes
        self._enough = BATCH
        self._paused = 0

    @contextmanager
    def paused(self) -> Iterator[None]:
        """While code is put into a set, and nothing says yet that it lives."""
        self._paused += 1
        try:
            yield
        finally:
            self._paused -= 1

    # -- memory ------------------------------------------------------------------------

    def retire(self, memory: Region | CodeMemory, size: int, release: Callable[[], None]) -> None:
        """No call leads to some memory any more: free it when no frame is in it."""
        self.retired.append(Retired(memory.address, size, release))
        self._waiting += size
        if self._waiting > self._enough:
            self.sweep()

    def sweep(self) -> None:
        """Free the retired memory that no frame is in."""
        if not self.retired:
            return
        words = self._stack()
        if words is None:
            self._enough = 2 * self._waiting
            return
        kept = []
        for row in self.retired:
            at = bisect_left(words, row.address)
            if at < len(words) and words[at] < row.address + row.size:
                kept.append(row)
            else:
                row.release()
                self.freed += row.size
        self.retired = kept
        self._waiting = sum(row.size for row in kept)
        self._enough = self._waiting + BATCH

    def _stack(self) -> list[int] | None:
        """The words on the machine stack, sorted, that may be addresses of retired code; None when there are too many
        to look at.
        """
        m = self.machine
        top = m.cage["native_base"]
        if top == 0 or not m.native:
            return []
        here = m.kernel.current_stack()
        if top - here > DEEP:
            return None
        low = min(row.address for row in self.retired)
        high = max(row.address + row.size for row in self.retired)
        words = (ctypes.c_size_t * max(0, (top - here) // POINTER)).from_address(here)
        resume = m.words[SLOT["resume"] >> 3]  # where a frame of bytecode is about to go on
        return sorted(word for word in [*words, resume] if low <= word < high)

    def is_fixed(self, address: int, size: int) -> bool:
        """Has the program the address of something in there?"""
        return any(address <= known < address + size for known in self.fixed)

    # -- units -------------------------------------------------------------------------

    def note(self, tag: int) -> None:
        """An entry of a tag's set left the table."""
        self.lost.add(tag)
        self.losses += 1
        pages = self.hardcode.sets.get(tag)
        if pages is not None and self.losses > max(32, len(pages.entries) // 8):
            self.collect_sets()

    def collected(self) -> str:
        """After a full collection of the heap; under stress all code moves.
        What was done, as the end of a sentence.
        """
        before = self.freed, self.moved
        self.collect_sets()
        self.evacuate(self.machine.stressed)
        self.sweep()
        freed, moved = self.freed - before[0], self.moved - before[1]
        return f"; {freed} bytes of native code freed, {moved} moved" if freed or moved else ""

    def close(self) -> None:
        for row in self.retired:
            row.release()
        self.retired = []
        for memory in {id(span.memory): span.memory for span in self.hardcode.spans}.values():
            memory.close()
        self.hardcode.spans = []

    def collect_sets(self) -> None:
        """Take dead units out of the sets that lost entries."""
        if self._paused:
            return
        self.losses = 0
        for tag in sorted(self.lost):
            if tag in self.hardcode.sets:
                self.lost.discard(tag)
                self.collect_set(self.hardcode.sets[tag])

    def entered(self, tag: int) -> list[int]:
        """The places in a tag's set that the table leads to, in order."""
        m, places = self.machine, set()
        for _, _, entries in self.hardcode.rows():
            for entry in entries:
                number = m.car(entry) >> 3
                if number >> 20 == tag:
                    places.add((number & 0x3FFFF) * PAGE_SIZE + (m.car(m.cdr(entry)) >> 3))
        return sorted(places)

    def live_units(self, pages: PageSet, entered: list[int]) -> list[Unit] | None:
        """The units of a set that live, in order; None when the set cannot be told apart."""
        found = units(pages)
        if found is None or pages.bad_pages:
            return None

        def has_entry(base: int, size: int) -> bool:
            at = bisect_left(entered, base)
            return at < len(entered) and entered[at] < base + size
        return [(base, size) for base, size in found if has_entry(base, size) or base in pages.blocks
                and self.has_handle(pages.tag, base)]

    def has_handle(self, tag: int, place: int) -> bool:
        """Is there a pair in the heap that may be the handle of a native vector?"""
        m, page = self.machine, place // PAGE_SIZE | (0 if tag == self.hardcode.tag else tag << 18)
        pair = b"".join((n << 3).to_bytes(8, "little") for n in (page, place % PAGE_SIZE))
        handles = self.hardcode.lisp.handles
        return any(found.start() % 16 == 0 and not handles.is_dead(HEAP + found.start())
                   for found in re.finditer(re.escape(pair), m.bytes[HEAP:m.cage["heap_top"]]))

    def collect_set(self, pages: PageSet) -> None:
        """Take what is dead out of a set, and out of memory; what lives keeps its place in the set."""
        entered = self.entered(pages.tag)
        live = self.live_units(pages, entered)
        if live is not None and (len(live) < len(units(pages) or ()) or len(entered) < len(pages.entries)):
            self.keep(pages, live, {base: base for base, _ in live}, entered)

    def keep(self, pages: PageSet, live: list[Unit], places: dict[int, int], entered: list[int]) -> None:
        """Leave only some units of a set, at their places from now on."""
        self.hardcode.forget_index()
        keep(pages, live, places, set(entered))
        self.keep_spans(pages.tag, places, live)

    def keep_spans(self, tag: int, places: dict[int, int], live: list[Unit]) -> None:
        """Let go what is in memory for a tag but for its units that live; ``places`` is where they are in the set now.
        """
        h = self.hardcode
        spans, kept = [span for span in h.spans if span.tag == tag], [span for span in h.spans if span.tag != tag]
        starts = [base for base, _ in live]
        for span in spans:
            for base, size in live[bisect_left(starts, span.place):]:
                if base >= span.place + span.size:
                    break
                kept.append(Span(tag, places[base], size, span.memory, span.at + base - span.place))
        h.overflowed = {(t, e): why for (t, e), why in h.overflowed.items() if t != tag or h.address(t, e) is not None}
        h.spans = kept
        self.let_go(span.memory for span in spans)

    def let_go(self, memories: Iterable[CodeMemory]) -> None:
        """Retire memories that no span is in any more."""
        used = {id(span.memory) for span in self.hardcode.spans}
        for memory in {id(memory): memory for memory in memories}.values():
            if id(memory) not in used:
                self.retire(memory, memory.size, memory.close)

    def compact(self) -> None:
        """Before an image is written: units of sets that lost some move together, as far as their alignment and pages
        allow.
        """
        h = self.hardcode
        for tag in sorted(self.lost):
            if h.has_functions(tag):
                h.pages_of(tag)
        self.collect_sets()
        self.lost.clear()
        for pages in h.sets.values():
            entered = self.entered(pages.tag) if pages.data else []
            live = self.live_units(pages, entered) if pages.data else None
            places = plan(pages, live) if live else {}
            if live is not None and any(places[base] != base for base, _ in live):
                starts, shifts = [base for base, _ in live], [places[base] - base for base, _ in live]
                h.renumber(pages.tag, {place: place + shifts[bisect_right(starts, place) - 1] for place in entered})
                self.keep(pages, live, places, entered)

    # -- moving ------------------------------------------------------------------------

    def evacuate(self, everything: bool = False) -> None:
        """Load the code that lives in memories which are mostly dead (or all) once more, each unit to a memory of its
        own, and let the old ones go.
        """
        h = self.hardcode
        need: dict[int, int] = {}  # bytes of the memories that its spans would take by themselves
        for span in h.spans:
            need[id(span.memory)] = need.get(id(span.memory),
                                             0) + (span.place % SET_ALIGNMENT + span.size
                                                   + SET_ALIGNMENT - 1) // SET_ALIGNMENT * SET_ALIGNMENT
        todo = [span for span in h.spans if everything or 2 * need[id(span.memory)] <= span.memory.size]
        for span in todo:
            self.move(span)
        self.let_go(span.memory for span in todo)
        if h.lisp.jit is not None:
            h.lisp.jit.evacuate(everything)

    def load(self, pages: PageSet) -> CodeMemory | None:
        """Code once more, at another place; None where it cannot be there: its old place is as good."""
        try:
            loaded = load_pages(pages, self.hardcode.resolve(), self.hardcode.apply_native())
        except Refused:
            return None
        if loaded.refused:  # a branch does not reach as far from there
            loaded.memory.close()
            return None
        return loaded.memory

    def move(self, span: Span) -> None:
        """Load a span once more and let its entry slots lead there."""
        h, words = self.hardcode, self.machine.words
        if self.is_fixed(span.address(span.place), span.size):
            return
        memory = self.load(part(h.sets[span.tag], span.place, span.size))
        if memory is None:
            return
        moved = Span(span.tag, span.place, span.size, memory, span.place % SET_ALIGNMENT)
        old, new = span.address(span.place), moved.address(span.place)
        for slot in h.slots:
            if old <= words[slot >> 3] < old + span.size:
                words[slot >> 3] += new - old
        h.spans[h.spans.index(span)] = moved
        self.moved += span.size
