"""Native code is collected and moves: memory, entry slots and images stay small, and frames that run keep what they are
in.
"""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from csl_native import Session, restore
from csl_native.heap.vm import HEAP
from csl_native.image.container import Image
from csl_native.native.collecting import BATCH, CodeCollector, Span
from csl_native.native.pages import PAGE_SIZE, PageSet
from csl_native.native.units import holes, keep, part, plan, unit_of, units

from .conftest import needs_native
from .test_corpus import CORPUS, PROGRAMS, program


def executable(s: Session) -> int:
    """Bytes of executable memory of a session, without the kernel."""
    collector, jit = s.hardcode.collector, s.lisp.jit
    memories = {id(span.memory): span.memory.size for span in s.hardcode.spans}
    return sum(memories.values()) + sum(row.size
                                        for row in collector.retired) + (jit.arena.bytes if jit is not None else 0)


# -- sets -----------------------------------------------------------------------------------


def set_of(*sizes: int) -> PageSet:
    """A set of units of some sizes, each with a record that points to its own beginning, and an entry at its second
    byte.
    """
    pages = PageSet(11, "abi")
    for k, size in enumerate(sizes):
        base = pages._place(bytes([k + 1]) * size, 16)
        pages.add_record(1, 0, base + 8, base)
        pages.entries[str(base + 1)] = {"name": f"f{k}", "parts": [[base, size]], "unit": [base, size]}
        pages.names[base + 2] = f"slow.{k}"
    return pages


def test_what_dies_leaves_a_hole_and_what_comes_fills_it() -> None:
    pages = set_of(32, 64, 32)
    live = [u for u in units(pages) or () if u[0] != 32]
    keep(pages, live, {base: base for base, _ in live}, {1, 97})
    assert bytes(pages.data) == b"\1" * 32 + bytes(64) + b"\3" * 32 and pages.holes == [(32, 64)]
    assert ([row[2:] for row in pages.records()] == [(8, 0), (104, 96)] and set(pages.entries) == {"1", "97"}
            and set(pages.names) == {2, 98})
    assert (pages._place(b"\4" * 40, 16) == 32 and pages._place(b"\5" * 40, 16) == 128
            and pages._place(b"\6" * 16, 16) == 80)
    assert pages.holes == [(72, 8)]


def test_a_set_is_made_dense() -> None:
    """Units keep their place within 4096 bytes, do not cross into another page, and native vectors stay where they are.
    """
    pages = set_of(5000, 6000, PAGE_SIZE - 100, 48)
    pages.blocks[pages._place(bytes(16), 16)] = 16
    found = units(pages)
    assert found is not None and len(found) == 5
    live = found[2:]
    places = plan(pages, live)
    for base, size in live:
        there = places[base]
        assert there % 4096 == base % 4096 and there <= base and there // PAGE_SIZE == (there + size - 1) // PAGE_SIZE
        assert base not in pages.blocks or there == base
    entered = {base + 1 for base, _ in live}
    keep(pages, live, places, entered)
    assert {places[base] for base, _ in live} == {base for base, _ in units(pages) or ()}
    for base, size in live[:2]:
        there = places[base]
        assert len(set(pages.data[there:there + size])) == 1
        assert ((there + 8, there) in [row[2:] for row in pages.records()]
                and pages.entries[str(there + 1)]["unit"] == [there, size])


def test_a_part_of_a_set() -> None:
    pages = set_of(5000, 32)
    base = (units(pages) or [])[1][0]
    found = part(pages, base, 32)
    assert (bytes(found.data) == bytes(base % 4096) + b"\2" * 32
            and [row[2:] for row in found.records()] == [(base % 4096 + 8, base % 4096)])
    assert (unit_of([(0, 5), (8, 4)], 8) == (8, 4) and unit_of([(0, 5), (8, 4)], 6) is None
            and holes([(4, 4), (12, 1)]) == [(0, 4), (8, 4)])


# -- what is decided, without a session -------------------------------------------------------


def collector_of(**more: Any) -> CodeCollector:
    hardcode = SimpleNamespace(machine=SimpleNamespace(stressed=False, **more.pop("machine", {})), sets={}, spans=[],
                               tag=11, **more)
    return CodeCollector(hardcode)  # type: ignore[arg-type]


def test_a_place_of_a_span_is_somewhere_in_memory() -> None:
    assert Span(11, 4096, 64, SimpleNamespace(address=1 << 20),
                16).address(4100) == (1 << 20) + 20  # type: ignore[arg-type]


@pytest.mark.parametrize(("word", "stays"), [(999, False), (1000, True), (1063, True), (1064, False)])
def test_memory_is_freed_when_no_word_of_the_stack_leads_into_it(word: int, stays: bool,
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:
    collector, released = collector_of(), list[int]()
    for address in (1000, 2000):
        collector.retire(SimpleNamespace(address=address), 64,
                         lambda address=address: released.append(address))  # type: ignore[arg-type, misc]
    monkeypatch.setattr(collector, "_stack", lambda: [word])
    collector.sweep()
    assert (released == ([2000] if stays else [1000, 2000])
            and [row.address for row in collector.retired] == [1000] * stays)
    assert collector.freed == 64 * len(released) and collector._waiting == 64 * stays
    collector.close()
    assert sorted(released) == [1000, 2000] and collector.retired == []


def test_what_a_deep_stack_hides_waits_for_twice_as_much(monkeypatch: pytest.MonkeyPatch) -> None:
    collector, looked = collector_of(), list[int]()
    monkeypatch.setattr(collector, "_stack", lambda: looked.append(collector._waiting))
    for _ in range(40):
        collector.retire(SimpleNamespace(address=5), BATCH // 8, lambda: None)  # type: ignore[arg-type]
    assert looked == [9 * BATCH // 8, 19 * BATCH // 8, 39 * BATCH // 8]


def test_what_was_collected_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    collector = collector_of()
    collector.freed, collector.moved = 100, 200

    def freeing(freed: int, moved: int) -> str:
        monkeypatch.setattr(collector, "collect_sets", lambda: setattr(collector, "freed", collector.freed + freed))
        monkeypatch.setattr(collector, "evacuate",
                            lambda everything: setattr(collector, "moved", collector.moved + moved))
        return collector.collected()
    assert (freeing(0, 0) == "" and freeing(5, 0) == "; 5 bytes of native code freed, 0 moved"
            and freeing(0, 7) == "; 0 bytes of native code freed, 7 moved")


def test_sets_that_lost_much_are_looked_through(monkeypatch: pytest.MonkeyPatch) -> None:
    collector, found = collector_of(), list[object]()
    monkeypatch.setattr(collector, "collect_set", found.append)
    for entries, losses in ((0, 33), (800, 101)):
        found.clear()
        collector.hardcode.sets[11] = SimpleNamespace(entries=range(entries))  # type: ignore[assignment]
        for k in range(losses):
            assert found == [] and collector.losses == k
            collector.note(11)
        assert len(found) == 1 and collector.losses == 0 and collector.lost == set()
    collector.lost.add(11)
    with collector.paused():
        collector.collect_sets()
        assert len(found) == 1 and collector.lost == {11}
    collector.collect_sets()
    assert len(found) == 2


def test_entries_and_handles_are_found_by_tag_page_and_place() -> None:
    """Of the table: a pair of the number (tag, arity, page) and the place; of a native vector: a pair of page and place
    in the heap.
    """
    rows = [("f", 0, [((11 << 20 | 1 << 18 | 5) << 3, 24 << 3), ((12 << 20 | 7) << 3, 8 << 3)]),
            ("g", 0, [((11 << 20) << 3, 8)])]
    machine = {"car": lambda x: x[0] if isinstance(x, tuple) else x, "cdr": lambda x: x[1]}
    collector = collector_of(machine=machine, rows=lambda: rows)
    assert (collector.entered(11) == [1, 5 * PAGE_SIZE + 24] and collector.entered(12) == [7 * PAGE_SIZE + 8]
            and collector.entered(13) == [])

    def heap(page: int, place: int) -> bytearray:
        return bytearray(HEAP + 16) + (page << 3).to_bytes(8, "little") + (place << 3).to_bytes(8, "little") + bytes(16)
    for tag, page in ((11, 3), (12, 3 | 12 << 18)):
        for found, wanted in ((page, True), (page + 1, False), (page | 1 << 17, False)):
            data = heap(found, 40)
            alive = SimpleNamespace(handles=SimpleNamespace(is_dead=lambda p: False))
            collector = collector_of(machine={"bytes": data, "cage": {"heap_top": len(data)}}, lisp=alive)
            assert (collector.has_handle(tag, 3 * PAGE_SIZE + 40) == wanted
                    and not collector.has_handle(tag, 3 * PAGE_SIZE + 41))
    collector.hardcode.lisp.handles.is_dead = lambda p: p == HEAP + 16  # type: ignore[method-assign, assignment]
    collector.machine.bytes[:] = heap(3, 40)
    assert not collector.has_handle(11, 3 * PAGE_SIZE + 40)


# -- sessions -------------------------------------------------------------------------------


@needs_native
@pytest.mark.parametrize("times", [60, pytest.param(10000, marks=[pytest.mark.slow, pytest.mark.exhaustive])])
def test_a_function_that_is_compiled_again_and_again(times: int, tmp_path: Path) -> None:
    s = Session(heap=128 << 20)
    s.eval("(de f (x) (plus x 1)) (native!-compile '(f))")
    s.preserve(tmp_path / "once.img")
    before, slots = executable(s), s.hardcode.next_slot
    for k in range(times):
        s.eval(f"(progn (de f (x) (plus x {k})) (native!-compile '(f)))")
    assert s.eval("(f 1)") == times
    assert executable(s) <= before + 2 * PAGE_SIZE and s.hardcode.next_slot <= slots + 8 * 100
    s.preserve(tmp_path / "often.img")
    with Image(tmp_path / "once.img") as once, Image(tmp_path / "often.img") as often:
        name = f"functions-{s.hardcode.tag}"
        assert once.sections[name].length + 2 * 4096 >= often.sections[name].length
    s.close()
    r = restore(tmp_path / "often.img", heap=128 << 20)
    assert r.eval("(f 1)") == times and r.explain() == []
    r.close()


@needs_native
def test_one_form_that_makes_much_code() -> None:
    """No form ends between, so what is dead is found by looking at the stack."""
    s = Session(heap=128 << 20, jit=0)
    s.eval("(dotimes (i 1200) (progn (eval (list 'de 'g '(x) (list 'plus 'x i))) (g 1)))")
    assert s.eval("(g 1)") == 1200
    assert s.lisp.jit.made > PAGE_SIZE and executable(s) <= 3 * PAGE_SIZE
    assert f"{s.hardcode.collector.freed} bytes of native code were freed" in "\n".join(s.lisp.jit.statistics())
    s.close()


@needs_native
@pytest.mark.parametrize("way", ["native", "stencil", "optimised"])
def test_a_frame_keeps_its_code(way: str) -> None:
    """A function defines itself anew, and goes on in the code that it is in; all else runs at another place."""
    s = Session(heap=128 << 20, jit={"native": -1, "stencil": 0, "optimised": (0, 0)}[way])
    s.eval("(de other (n) (times n 2))")
    s.eval("""(de h (n) (prog (r) (setq r (other n)) (eval '(de h (n) 0)) (native!-compile '(h other)) (eval '(h 1))
                  (reclaim)
                (dotimes (i 300) (progn (eval '(de k (x) (list x x))) (k 1))) (reclaim)
                (return (list r (other n) n (eval '(h 1))))))""")
    if way == "native":
        s.eval("(native!-compile '(h other))")
    else:
        s.eval("(other 1)")
    assert s.eval("(list (h 3) (h 4))") == [[6, 6, 3, 0], 0]
    assert not s.hardcode.collector.retired
    s.close()


@needs_native
def test_all_code_moves_while_it_runs() -> None:
    s = Session(heap=128 << 20, jit=(0, 0))
    s.eval("(de up (n) (cond ((zerop n) (move) nil) (t (cons n (up (sub1 n))))))")
    s.eval("(native!-compile '(append reverse))")
    s.define("move", lambda: s.hardcode.collector.evacuate(everything=True))
    assert s.eval("(progn (up 3) (reverse (append (up 4) (up 2))))") == [1, 2, 1, 2, 3, 4]
    assert s.hardcode.collector.moved > 1000
    s.close()


@needs_native
def test_what_the_program_has_an_address_of_stays() -> None:
    s = Session(heap=128 << 20)
    s.eval("(setq v (make!-native 64)) (putv!-native v 8 77)")
    address = s.eval("(native!-address v)")
    s.hardcode.collector.evacuate(everything=True)
    assert s.eval("(native!-address v)") == address and s.eval("(getv!-native v 8)") == 77
    s.eval("(setq w (make!-native 64)) (putv!-native w 8 78)")
    s.hardcode.collector.evacuate(everything=True)
    assert s.eval("(getv!-native w 8)") == 78
    s.close()


@needs_native
def test_native_vectors_without_a_handle_go(tmp_path: Path) -> None:
    s = Session(heap=128 << 20)
    s.eval("(setq keep (make!-native 64)) (dotimes (i 50) (make!-native 4000)) (de f (x) x) (native!-compile '(f)) "
           "(de f (x) 2) (reclaim)")
    assert s.hardcode.pages is not None
    s.hardcode.collector.lost.add(s.hardcode.tag)
    s.eval("(reclaim)")
    assert 1 <= len(s.hardcode.pages.blocks) <= 3  # a word on the stack may look like a handle
    s.eval("(putv!-native keep 8 5)")
    s.preserve(tmp_path / "x.img")
    r = restore(tmp_path / "x.img", heap=128 << 20)
    assert r.eval("(getv!-native keep 8)") == 5
    r.close()
    s.close()


def test_entries_of_other_machines_go_too(tmp_path: Path) -> None:
    s = Session(heap=128 << 20)
    for name in "fg":
        s.eval(f"(de {name} (x) (plus x 1)) (symbol!-set!-native '{name} 1 (make!-native 32 13) 8 nil 13)")
    s.preserve(tmp_path / "a.img")
    s.close()
    r = restore(tmp_path / "a.img", heap=128 << 20)
    r.eval("(de f (x) x)")
    r.preserve(tmp_path / "b.img")
    r.close()
    with Image(tmp_path / "b.img") as image:
        assert [row["name"] for row in PageSet.read(image, "functions-13").entries.values()] == ["g"]


@needs_native
@pytest.mark.slow
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_whose_code_moves_at_every_collection(name: str, tmp_path: Path) -> None:
    """Under stress, with native functions and such that the jit makes meanwhile."""
    with open(tmp_path / "out", "wb") as out:
        s = Session(heap=256 << 20, output=out, jit=(2, 2), gc_stress=499)
        s.eval(program(name, small=True))
        s.native_compile()
        s.eval("(main)")
        s.lisp.output.flush()
    text = (tmp_path / "out").read_text()
    assert (CORPUS / "programs" / f"{name}.small.expected").read_text() in text
    assert s.hardcode.collector.moved > 0
    s.close()


@needs_native
@pytest.mark.slow
@pytest.mark.parametrize("jit", [-1, 0, (0, 0)], ids=str)
def test_all_code_moves_at_every_collection(jit: object) -> None:
    """Under stress; the functions of the base image are native."""
    s = Session(heap=128 << 20, jit=jit, gc_stress=7, output=open(os.devnull, "wb"))  # type: ignore[arg-type]
    s.eval("(de fib (n) (cond ((lessp n 2) n) (t (plus (fib (sub1 n)) (fib (difference n 2))))))")
    s.eval("(de squares (n) (prog (r) lp (cond ((zerop n) (return (reverse r)))) (setq r (cons (times n n) r)) "
           "(setq n (sub1 n)) (go lp)))")
    s.native_compile(["squares"])
    assert s.eval("(list (fib 9) (squares 5))") == [34, [25, 16, 9, 4, 1]]
    assert s.hardcode.collector.moved > 10 * PAGE_SIZE or s.hardcode.collector.moved > 100000
    s.close()
