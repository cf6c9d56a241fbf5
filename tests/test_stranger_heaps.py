"""Heaps of strangers in which one word is another one: what is proved of roots and function cells, one thing at a time.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from csl_native import Session, restore
from csl_native.heap.objects import SYM_ENV, SYM_FN1, SYM_FN2, SYM_FNN, SYM_PNAME, SYM_SPARE, SYMBOL_HEADER
from csl_native.heap.vm import HEAP
from csl_native.heap.words import SYMBOL, VECTOR
from csl_native.image.container import STRONG, Image, ImageError, Section, digest, write
from csl_native.kernel.calls import SLOT
from csl_native.kernel.memory import (
    NIL,
    ROOT_CHARS,
    ROOT_COUNT,
    ROOT_LOWER,
    ROOT_OBCOUNT,
    ROOT_OBLIST,
    ROOT_RAISE,
    ROOT_VECTOR,
    T,
)
from csl_native.saving.heapview import HeapView


class Heap:
    """The heap of an image as words that can be changed, with its symbols by name."""

    def __init__(self, image: Image) -> None:
        view = HeapView(image)
        self.data, self.symbols = bytearray(image.read("heap")), {view.text(s): s for s in view.symbols()}
        self.word = view.word

    def put(self, p: int, word: int) -> None:
        struct.pack_into("<q", self.data, p - HEAP, word)

    def root(self, number: int, word: int) -> None:
        self.put(ROOT_VECTOR + 8 - VECTOR + 8 * number, word)

    def of_python(self) -> int:
        """A symbol whose function is written in Python."""
        return next(s for s in self.symbols.values() if self.word(s + SYM_FN1) == SLOT["host1"])


@pytest.fixture(scope="module")
def sections(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Section]:
    path = tmp_path_factory.mktemp("heaps") / "x.img"
    session = Session(heap=64 << 20, output=open(os.devnull, "wb"))
    session.eval("(de f (x) (list x x))")
    session.preserve(path)
    session.close()
    with Image(path) as image:
        return {name: Section(name, image.read(name), s.raw, s.info) for name, s in image.sections.items()}


def opened(sections: dict[str, Section], path: Path, change: Callable[[Heap], object], size: int = 0) -> Session:
    """A session from an image with a change in its heap that nobody vouches for."""
    write(path, sections.values())
    with Image(path) as image:
        heap = Heap(image)
    change(heap)
    info, parts = dict(sections["heap"].info), dict(sections)
    if size:
        starts = sections["starts"].data[:(size + 1023) // 1024 * 8]
        info.update(size=size, starts=digest(starts, STRONG))
        parts["starts"] = Section("starts", starts, True)
    write(path, {**parts, "heap": Section("heap", bytes(heap.data), True, info)}.values())
    return restore(path, trust="none", heap=64 << 20, native=False, output=open(os.devnull, "wb"))


def cells(heap: Heap, symbol: int, *slots: int) -> None:
    for cell, slot in zip((SYM_FN1, SYM_FN2, SYM_FNN), slots, strict=False):
        heap.put(symbol + cell, slot)


WRONG: dict[str, tuple[Callable[[Heap], object], str]] = {
    "a cell that leads to an engine": (lambda h: cells(h, h.symbols["car"], SLOT["interpret"]),
                                       "the symbol car has function cells that are none"),
    "one of another number of arguments": (lambda h: cells(h, h.symbols["car"], SLOT["bytecoded2"]),
                                           "car has function cells that are none"),
    "the second cell": (lambda h: h.put(h.symbols["car"] + SYM_FN2, SLOT["interpret"]),
                        "car has function cells that are none"),
    "the last cell": (lambda h: h.put(h.symbols["car"] + SYM_FNN, SLOT["run"]), "car has function cells that are none"),
    "a number that no function has": (lambda h: h.put(h.of_python() + SYM_SPARE, 100000 << 3),
                                      "function cells that are none"),
    "a number below 0": (lambda h: h.put(h.of_python() + SYM_SPARE, -1 << 3), "function cells that are none"),
    "a number that is none": (lambda h: h.put(h.of_python() + SYM_SPARE, T), "function cells that are none"),
    "bytecode without literals": (lambda h: h.put(h.symbols["f"] + SYM_ENV, h.symbols["f"]),
                                  "its function f cannot be run: a function without literals"),
    "bytecode that is none": (lambda h: h.put(h.word(h.symbols["f"] + SYM_ENV) + 8 - VECTOR, NIL),
                              "its function f cannot be run: a function without bytecode"),
    "nil has another name": (lambda h: h.put(NIL + SYM_PNAME, h.word(T + SYM_PNAME)),
                             "the symbol nil is not in its place"),
    "fewer symbols than it says": (lambda h: h.root(ROOT_OBCOUNT, 8), "an object list of"),
    "no object list": (lambda h: h.root(ROOT_OBLIST, NIL), "an object list of 0 places"),
    "no table of characters": (lambda h: h.root(ROOT_CHARS, NIL), "its table of characters is none"),
    "too short a table of characters": (lambda h: h.root(ROOT_CHARS, h.word(h.symbols["f"] + SYM_ENV)),
                                        "its table of characters is none"),
    "raise is no symbol": (lambda h: h.root(ROOT_RAISE, 8), "its table of characters is none"),
    "lower is no symbol": (lambda h: h.root(ROOT_LOWER, 8), "its table of characters is none"),
}


@pytest.mark.parametrize("name", WRONG)
def test_one_word_is_another(name: str, sections: dict[str, Section], tmp_path: Path) -> None:
    change, why = WRONG[name]
    with pytest.raises(ImageError, match=why):
        opened(sections, tmp_path / "x.img", change)


@pytest.mark.parametrize("size", [16, (ROOT_VECTOR - HEAP) & -16, ROOT_VECTOR + 8 + 8 * ROOT_COUNT - HEAP - 16 & -16,
                                  4096 + 8])
def test_a_size_that_leaves_no_room_for_the_roots(size: int, sections: dict[str, Section], tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=f"cannot be used: {size} bytes"):
        opened(sections, tmp_path / "x.img", lambda heap: None, size)


def test_what_may_be_is_not_refused(sections: dict[str, Section], tmp_path: Path) -> None:
    """Functions of others, of the same kind, and an environment that is none, which is put right."""
    def change(heap: Heap) -> None:
        car, cdr, python = heap.symbols["car"], heap.symbols["cdr"], heap.of_python()
        cells(heap, car, *(heap.word(cdr + cell) for cell in (SYM_FN1, SYM_FN2, SYM_FNN)))
        heap.put(python + SYM_SPARE, 0)
        heap.put(heap.symbols["cons"] + SYM_ENV, 8)
        assert heap.word(car - SYMBOL) == SYMBOL_HEADER
    session = opened(sections, tmp_path / "x.img", change)
    assert session.eval("(list (car '(1 2)) (cdr (cons 1 2)) (f 3))") == [[2], 2, [3, 3]]
    session.close()
