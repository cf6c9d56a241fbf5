"""The table of native definitions: which functions have some, in which pages; it is the original's and lies in the
heap.

``((f nargs (type-and-page offset . env) ...) ...)`` with ``type-and-page = tag << 20 | cell << 18 | page``; cell 0 is
the natural one, 1 FN1, 2 FN2, 3 FNN.
"""

from __future__ import annotations

from ..heap.objects import SYM_ENV
from ..heap.words import VECTOR
from ..kernel.memory import NIL, ROOT_HARD_CODE
from ..saving.guards import digest_of
from .pages import PAGE_SIZE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..lisp.lisp import Lisp
    from ..runtime.machine import Machine
    from ..session.session import Session
    from .collecting import CodeCollector
    from .pages import PageSet


def type_and_page(tag: int, cell: int, page: int) -> int:
    """The first number of an entry; each part must fit its bits."""
    if not (0 <= tag < 256 and 0 <= cell < 4 and 0 <= page < 1 << 18):
        raise ValueError(f"tag {tag}, cell {cell}, page {page}; at most 8, 2 and 18 bits expected")
    return tag << 20 | cell << 18 | page


class DefinitionTable:
    """The table of one session; a part of HardCode."""

    session: Session
    machine: Machine
    lisp: Lisp
    sets: dict[int, PageSet]
    collector: CodeCollector
    _index: tuple[dict[str, set[str]], set[str]] | None
    _listed: set[int] | None  # the symbols in the table: most definitions are of none of them

    def release_slots(self, symbol: int) -> None:
        """Give the entry slots of a function's native code back."""
        raise NotImplementedError

    def rows(self) -> list[tuple[int, int, list[int]]]:
        """The table as (symbol, argument count, entries)."""
        m = self.machine
        return [(m.car(row), m.car(m.cdr(row)) >> 3, list(m.items(m.cdr(m.cdr(row)))))
                for row in m.items(m.root(ROOT_HARD_CODE))]

    def write(self, rows: list[tuple[int, int, list[int]]]) -> None:
        m, self._listed = self.machine, None
        m.set_root(ROOT_HARD_CODE,
                   m.list([m.cons(s, m.cons(n << 3, m.list(entries))) for s, n, entries in rows if entries]))
        self.show_table()

    def show_table(self) -> None:
        """Let Lisp see the table; strangers' programs could reach the literals of functions by it."""
        m = self.machine
        m.set_value(m.intern("hard_code*"), NIL if self.session.restricted else m.root(ROOT_HARD_CODE))

    def add(self, entries: list[tuple[int, int, int, int, int]]) -> None:
        """Add (symbol, argument count, type-and-page, offset, env) entries; an older one of the same tag and cell goes.
        """
        m, self._index = self.machine, None
        table: dict[int, tuple[int, list[int]]] = {s: (n, old) for s, n, old in self.rows()}
        lost: set[int] = set()
        for symbol, count, number, offset, env in entries:
            _, old = table.get(symbol, (count, []))
            kept = [e for e in old if m.car(e) >> 3 >> 18 != number >> 18]
            if len(kept) < len(old):
                lost.add(number >> 20)
            table[symbol] = (count, [*kept, m.cons(number << 3, m.cons(offset << 3, env))])
        self.write([(s, n, old) for s, (n, old) in table.items()])
        for tag in lost:
            self.collector.note(tag)

    def forget(self, tag: int) -> None:
        """Drop the entries of a tag, whose pages are no more."""
        m, rows = self.machine, self.rows()
        kept = [(s, n, [e for e in entries if m.car(e) >> 23 != tag]) for s, n, entries in rows]
        if kept != rows:
            self.write(kept)

    def redefined(self, symbol: int) -> None:
        """A function is given a new definition: its native ones go, on every architecture."""
        self.drop({symbol})

    def drop_users(self, symbol: int) -> None:
        """A function is another one now: native code that relies on what it was goes."""
        users = {self.machine.intern(name) for name in self.index()[0].get(self.machine.label(symbol), ())}
        bytecoded = {user for user in users if user != symbol and self.lisp.is_bytecoded(user)}
        for user in self.drop(bytecoded):
            self.machine.kernel.bytecode_cells(user, self.machine.field(self.machine.field(user, SYM_ENV), 8 - VECTOR))

    def drop(self, symbols: set[int]) -> set[int]:
        """Take functions out of the table; those that were in it."""
        if not symbols or self.machine.root(ROOT_HARD_CODE) == NIL:
            return set()
        if self._listed is None:
            self._listed = {symbol for symbol, _, _ in self.rows()}
        if self._listed.isdisjoint(symbols):
            return set()
        rows = self.rows()
        found = {s for s, _, _ in rows if s in symbols}
        for symbol in found:
            self.release_slots(symbol)
        if found:
            self.write([row for row in rows if row[0] not in found])
            for tag in {self.machine.car(e) >> 23 for s, _, entries in rows if s in found for e in entries}:
                self.collector.note(tag)
        return found

    def renumber(self, tag: int, places: dict[int, int]) -> None:
        """Code of a tag's set is at other places now."""
        m, rows = self.machine, self.rows()

        def entry(e: int) -> int:
            number, rest = m.car(e) >> 3, m.cdr(e)
            if number >> 20 != tag:
                return e
            place = places[(number & 0x3FFFF) * PAGE_SIZE + (m.car(rest) >> 3)]
            return m.cons(type_and_page(tag, number >> 18 & 3, place // PAGE_SIZE) << 3,
                          m.cons(place % PAGE_SIZE << 3, m.cdr(rest)))
        self.write([(s, n, [entry(e) for e in entries]) for s, n, entries in rows])

    def forget_index(self) -> None:
        """The entries of the sets are others now."""
        self._index = None

    def index(self) -> tuple[dict[str, set[str]], set[str]]:
        """Of this machine's sets: by function name those that rely on it, and the names of those with hand-made code.
        """
        if self._index is None:
            users: dict[str, set[str]] = {}
            handmade = set()
            for row in (row for pages in self.sets.values() for row in pages.entries.values()):
                for name in row.get("inlined", ()):
                    users.setdefault(name, set()).add(str(row["name"]))
                if "inlined" not in row:
                    handmade.add(str(row["name"]))
            self._index = users, handmade
        return self._index

    def changed(self, inlined: dict[str, bytes]) -> str:
        """The name of a function that is not any more what compiled code relies on; "" when there is none."""
        if not inlined:
            return ""
        return next((name for name, wanted in inlined.items() if digest_of(self.lisp, name) != wanted), "")
