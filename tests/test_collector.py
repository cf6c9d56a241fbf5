"""The collector and the copier against a model of the heap in Python: what is reachable stays what it is, everything
else goes, and no more.

The kernel runs under CPython here, without Lisp; the only roots are words on the Lisp stack.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from csl_native.heap.cage import Cage
from csl_native.heap.objects import BYTES_HEADER, CODE_HEADER, HANDLE_HEADER, SYMBOL_SIZE, object_size
from csl_native.heap.vm import HEAP, LINE
from csl_native.heap.words import CONS, SYMBOL, VECTOR
from csl_native.kernel.collector import LONG_BUDGET, MIN_BUDGET, POISON
from csl_native.kernel.memory import FIXED_SYMBOLS, ROOT_VECTOR
from csl_native.native.interpreted import attach_python
from csl_native.runtime.machine import Machine

HEAP_SIZE = 24 << 20
SEEDS = range(3)


@pytest.fixture
def m() -> Iterator[Machine]:
    machine = Machine(Cage(HEAP_SIZE))
    attach_python(machine)
    machine.format()
    machine.kernel.collect(1)
    yield machine
    machine.cage.close()


def size_of(m: Machine, p: int) -> int:
    head = m.words[p >> 3]
    return object_size(head >> 8) if head & 7 == 7 else 16


def fields(m: Machine, p: int) -> list[int]:
    """Where the values of an object lie, by its layout; not by the kernel's table."""
    head = m.words[p >> 3]
    if head & 7 != 7:
        return [p, p + 8]
    kind, count = head >> 3 & 31, head >> 11
    number = {1: 6, 2: 0, 4: 0, 5: 0, 6: 0, 7: 0, 10: 1}.get(kind, count)
    return [p + 8 + 8 * k for k in range(number)]


def is_reference(word: int) -> bool:
    return word & 7 not in (0, 7)


def reachable(m: Machine, roots: list[int]) -> set[int]:
    todo = [HEAP + k * SYMBOL_SIZE
            for k in range(len(FIXED_SYMBOLS))] + [ROOT_VECTOR & -16] + [w & -16 for w in roots if is_reference(w)]
    found: set[int] = set()
    while todo:
        p = todo.pop()
        if p not in found:
            found.add(p)
            todo += [m.words[at >> 3] & -16 for at in fields(m, p) if is_reference(m.words[at >> 3])]
    return found


def started(m: Machine, table: str = "starts") -> set[int]:
    """Objects by their bits."""
    found, first = set(), m.cage[table]
    for row in range(HEAP >> 10, (m.cage["heap_top"] + 1023) >> 10):
        bits = m.words[(first >> 3) + row] & (1 << 64) - 1
        while bits:
            low = bits & -bits
            found.add((row << 10) + (low.bit_length() - 1 << 4))
            bits ^= low
    return found


class Mutator:
    """A program that makes objects of all kinds and sizes, changes and forgets them."""

    def __init__(self, m: Machine, seed: int) -> None:
        self.m, self.r = m, random.Random(seed)
        self.roots: list[int] = []
        self.contents: dict[int, bytes] = {}

    def make(self) -> int:
        m, r = self.m, self.r
        kind = r.randrange(9)
        if kind < 3:
            return m.cons(self.any(), self.any())
        if kind < 5:
            return m.vector([self.any() for _ in range(r.choice((0, 1, 2, 3, 30, 31, 32, 63, 100, 600, 1500)))])
        if kind == 5:
            return m.string("x" * r.choice((0, 1, 7, 8, 9, 15, 16, 200, 240, 248, 256, 5000)))
        if kind == 6:
            return m.float(r.random())
        if kind == 7:
            return m.integer(r.choice((1, -1)) << r.choice((64, 128, 2047)))
        return r.choice((lambda: m.object(CODE_HEADER, bytes(r.randrange(40))),
                         lambda: m.object(BYTES_HEADER, (1 << 3).to_bytes(8, "little") + b"\x01" * 40),
                         lambda: m.object(HANDLE_HEADER, bytes(16)), lambda: m.make_symbol("s")))()

    def any(self) -> int:
        return self.r.choice(self.roots) if self.roots and self.r.random() < 0.8 else self.r.randrange(-50, 50) << 3

    def step(self) -> None:
        made = self.make()
        if len(self.roots) < 60 or self.r.random() < 0.1:
            self.roots.append(made)
        elif self.r.random() < 0.3:
            self.roots[self.r.randrange(len(self.roots))] = made
        if self.r.random() < 0.05:
            self.roots.pop(self.r.randrange(len(self.roots)))
        self.store()

    def store(self) -> None:
        """The program's own write, with a card."""
        x = self.any()
        if x & 7 in (CONS, VECTOR) and (places := fields(self.m, x & -16)):
            self.m.set_field(x, self.r.choice(places) - x, self.any())

    def lay(self) -> list[int]:
        """Put the roots on the stack: as values, or as places inside of objects; some are integers and old addresses.
        """
        m, words = self.m, []
        for word in self.roots:
            inside = self.r.random() < 0.3 and is_reference(word)
            words.append((word & -16) + self.r.randrange(0, size_of(m, word & -16), 8) if inside else word)
        base = m.cage["stack_base"]
        for k, word in enumerate(words):
            m.words[(base >> 3) + k] = word
        m.cage["sp"] = base + 8 * len(words)
        return words


def all_bytes(m: Machine, places: set[int]) -> dict[int, bytes]:
    return {p: bytes(m.bytes[p:p + size_of(m, p)]) for p in places}


def check_lines(m: Machine, live: set[int]) -> None:
    wanted = {line for p in live
              for line in range(p // LINE, (p + (m.words[p >> 3] >> 8) + 7 if m.words[p >> 3] & 7 == 7 else p) // LINE
                                + 1)}
    lines = m.bytes[m.cage["lines"]:m.cage["lines"] + (m.cage["heap_top"] >> 8)]
    assert {k for k in range(HEAP >> 8, len(lines)) if lines[k]} == wanted and not set(lines) - {0, 1}
    assert m.cage["live_lines"] == len(wanted)


def check_budget(m: Machine) -> None:
    live = m.cage["live_lines"] * LINE
    budget = max(MIN_BUDGET, min(live // 2, LONG_BUDGET + live // 32))
    room = HEAP_SIZE - live
    assert m.cage["budget"] == (budget if budget <= room // 2 else room // 2 + 65536)


def check_collection(u: Mutator, full: bool) -> None:
    m = u.m
    u.lay()
    young = {p for at in range(m.cage["chunk_count"])
             for p in walk(m, m.words[m.cage["chunks"] + 16 * at >> 3], m.words[m.cage["chunks"] + 16 * at + 8 >> 3])}
    young |= walk(m, m.cage["chunk_start"], m.cage["free"])
    old, wanted, counts = started(m, "marks"), reachable(m, u.roots), (m.cage["gc_count"], m.cage["full_count"],
                                                                       m.cage["gc_bytes"], m.cage["allocated"])
    before = all_bytes(m, wanted)
    dead = (old | young) - wanted
    sizes = {p: size_of(m, p) for p in dead}
    m.kernel.collect(int(full))
    live = started(m)
    assert all_bytes(m, wanted) == before
    assert live == started(m, "marks") and wanted <= live
    was_full = m.cage["full_count"] > counts[1]
    assert was_full or not full
    if was_full:
        assert live == wanted and m.cage["full_live"] == m.cage["live_lines"]
    else:
        assert live <= old | young and not (young - wanted) & live - kept_by(m, (old & live) - wanted)
    if m.cage["gc_stress"]:
        for p in dead - live:
            assert set(m.words[p >> 3:p + sizes[p] >> 3]) == {POISON - (1 << 64) if POISON >> 63 else POISON}
    check_lines(m, live)
    check_budget(m)
    assert (m.cage["gc_count"] == counts[0] + 1 and m.cage["gc_bytes"] == counts[2]
            + counts[3] and m.cage["allocated"] == 0)
    assert m.cage["chunk_count"] == 0 and m.cage["cursor"] == m.cage["large_cursor"] == HEAP >> 8
    cards = m.bytes[m.cage["cards"] + (HEAP >> 9):m.cage["cards"] + (m.cage["heap_top"] >> 9)]
    assert not any(cards)


def kept_by(m: Machine, dead: set[int]) -> set[int]:
    """What old objects lead to of which nobody knows yet that they are dead."""
    todo, found = list(dead), set(dead)
    while todo:
        for at in fields(m, todo.pop()):
            if is_reference(m.words[at >> 3]) and (q := m.words[at >> 3] & -16) not in found:
                found.add(q)
                todo.append(q)
    return found


def walk(m: Machine, p: int, end: int) -> set[int]:
    found = set()
    while p < end:
        found.add(p)
        p += size_of(m, p)
    return found


@pytest.mark.parametrize("stress", [0, 1])
@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_reachable_stays_and_nothing_else(m: Machine, seed: int, stress: int) -> None:
    m.cage["gc_stress"] = stress
    u = Mutator(m, seed)
    for turn in range(14):
        for _ in range(u.r.choice((0, 1, 30, 400))):
            u.step()
        check_collection(u, full=turn % 3 == 2)


def test_space_comes_back(m: Machine) -> None:
    """More is made than there is room for: what was freed is taken again, by small and by large objects."""
    u = Mutator(m, 7)
    for k in range(12):
        u.roots[:] = [m.vector([k << 3 for k in range(9)]), *(m.vector([k << 3] * 40000) for _ in range(4)),
                      m.string("y" * (3 << 20 >> k % 3))]
        u.lay()
        m.kernel.collect(k % 2)
        assert started(m) >= reachable(m, u.roots)


def test_a_full_collection_comes_by_itself(m: Machine) -> None:
    """When twice as much lives as after the last one, or little room is left."""
    u = Mutator(m, 3)
    u.lay()
    m.kernel.collect(1)
    limit, seen, count = 2 * m.cage["full_live"] + (MIN_BUDGET >> 7), [], m.cage["full_count"]
    while m.cage["full_count"] == count:
        u.roots.append(m.vector([0] * 20000))
        u.lay()
        before = m.cage["live_lines"]
        m.kernel.collect(0)
        seen.append(before)
    assert seen[-1] > limit >= max(seen[:-1]) or m.cage["heap_end"] - m.cage["heap_top"] < m.cage["reserve"]


def test_a_cell_of_the_end_of_a_list_in_any_card(m: Machine) -> None:
    """An old vector over many cards: a young object in each element is found, by the card of that element alone."""
    v = m.vector([0] * 500)
    u = Mutator(m, 0)
    u.roots = [v]
    check_collection(u, full=True)
    for k in range(500):
        m.set_field(v, 8 - VECTOR + 8 * k, m.cons(k << 3, 0))
        if k % 7 == 0:
            check_collection(u, full=False)
    check_collection(u, full=False)
    assert [m.words[w - CONS >> 3] >> 3 for w in m.vector_items(v)] == list(range(500))


@pytest.mark.parametrize("kind", ["sp", "bp", "unwind_tag", "unwind_value"])
def test_each_root_is_one(m: Machine, kind: str) -> None:
    x = m.list([8, 16, 24])
    if kind in ("sp", "bp"):
        m.words[m.cage[kind] >> 3] = x
        m.cage[kind] += 8
    else:
        m.cage[kind] = x
    m.kernel.collect(1)
    assert x & -16 in started(m)
    if kind in ("sp", "bp"):
        m.cage[kind] -= 8
    else:
        m.cage[kind] = 0
    m.kernel.collect(1)
    assert x & -16 not in started(m)


def shape(word_at: Any, roots: list[int]) -> list[Any]:
    """A graph without addresses: objects by the order in which they are met."""
    numbers: dict[int, int] = {}
    out: list[Any] = []
    todo = list(reversed(roots))
    while todo:
        word = todo.pop()
        if not is_reference(word):
            out.append(word)
            continue
        p = word & -16
        if p in numbers:
            out.append((numbers[p], word & 7))
            continue
        numbers[p] = len(numbers)
        head = word_at(p)
        raw = head & 7 == 7
        kind = head >> 3 & 31 if raw else 0
        values = 2 if not raw else {1: 6, 2: 0, 4: 0, 5: 0, 6: 0, 7: 0, 10: 1}.get(kind, head >> 11)
        first = p + 8 if raw else p
        words = (head >> 8) + 7 >> 3 if raw else 0
        out.append((word & 7, head if raw else None, *(word_at(first + 8 * k) for k in range(values, words))))
        todo += [word_at(first + 8 * k) for k in reversed(range(values))]
    return out


def test_a_copy_is_the_same_graph(m: Machine) -> None:
    u = Mutator(m, 11)
    for _ in range(600):
        u.step()
    m.set_root(5, m.vector(u.roots))
    fixed = [HEAP + k * SYMBOL_SIZE + SYMBOL for k in range(len(FIXED_SYMBOLS))] + [ROOT_VECTOR]
    before = shape(lambda p: m.words[p >> 3], fixed)
    names = m.kernel.globals
    size = names["compact"]()
    move = m.cage["copy_base"] - HEAP
    assert shape(lambda p: m.words[p + move >> 3], fixed) == before
    assert size == m.cage["image_top"] == m.cage["copy_top"] - m.cage["copy_base"]
    live = reachable(m, [])
    assert size == sum(size_of(m, p) for p in live), "nothing but what is reachable, and each object once"
    at = names["image_starts"]()
    wanted, p = set(), m.cage["copy_base"]
    while p < m.cage["copy_top"]:
        wanted.add(p - m.cage["copy_base"])
        p += size_of(m, p)
    bits = int.from_bytes(m.bytes[at:at + (size >> 7) + 8], "little")
    assert {16 * k for k in range(8 * (size + 1023 >> 10 << 3)) if bits >> k & 1} == wanted
    assert shape(lambda p: m.words[p >> 3], fixed) == before, "the heap itself is as it was"


def test_lists_lie_along_their_ends(m: Machine) -> None:
    x = m.list([k << 3 for k in range(40)])
    m.set_root(5, m.vector([x, m.string("z")]))
    names = m.kernel.globals
    names["compact"]()
    move = m.cage["copy_base"] - HEAP
    word = m.words
    root = word[(ROOT_VECTOR & -16) + move + 8 + 40 >> 3]
    p = word[(root & -16) + move + 8 >> 3] & -16
    for k in range(39):
        assert word[p + move + 8 >> 3] == p + 16 + CONS and word[p + move >> 3] == k << 3
        p += 16
