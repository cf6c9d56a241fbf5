"""Hard code by hand: vectors of native bytes, their entry points, and an assembler for them.

A native vector is ``size`` bytes of a page, the first eight of which are its
prefix (length); code starts at byte 8.  Its handle is ``(page . offset)``; for a
tag other than this machine's the page number has the tag above its 18 bits.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

from ..architectures import by_tag
from ..heap.objects import SYM_ENV, SYM_FN1, SYM_FN2, SYM_FNN
from ..heap.vm import VM
from ..heap.words import CONS, SYMBOL, VECTOR
from ..kernel.calls import SLOT
from ..runtime.machine import Unwinding
from .assembler import AssemblyError, assemble
from .elf import Block
from .hardcode import CELLS, HANDMADE, HardCode
from .pages import PAGE_SIZE, PageSet
from .table import type_and_page
from .workers import code_features

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp

PREFIX = 8
# The original's table of kernel entries that native code calls: (native-address -1) is the first one.
USEFUL = ("cons", "ncons", "list2", "list2star", "acons", "list3", "plus2", "difference2", "add1", "sub1", "get",
          "lognot", "ash", "quot2", "cremainder", "times2", "negate", "rational", "lessp2", "lesseq2", "greaterp2",
          "geq2", "zerop", "reclaim", "error", "equal_fn", "cl_equal_fn", "aerror", "integerp", "apply")
KERNEL_NAME = {"cons": "entry_cons2", "lognot": "entry_lnot", "quot2": "entry_quotient",
               "cremainder": "entry_remainder", "negate": "entry_minus", "lessp2": "entry_lessp",
               "lesseq2": "entry_leq", "greaterp2": "entry_greaterp", "geq2": "entry_geq", "equal_fn": "entry_equal",
               "cl_equal_fn": "entry_cl_equal", "integerp": "entry_fixp", "apply": "apply_list", "ash": "entry_ashift",
               "list2star": "useful_list2star", "rational": "useful_rational", "reclaim": "useful_reclaim",
               "error": "useful_error", "aerror": "useful_aerror"}


def kernel_name(name: str) -> str:
    """The kernel function behind a name of the useful-entries table or of Lisp."""
    return KERNEL_NAME.get(name, f"entry_{name.replace('-', '_')}")


def features_of(tag: int, code: bytes) -> list[str]:
    """What code of a refinement needs beyond the baseline."""
    architecture, basic = by_tag(tag), by_tag(tag & 31)
    if architecture is None or basic is None or not architecture.level:
        return []
    return sorted(code_features(architecture, code) - basic.baseline)


class Handmade:
    """Native vectors of one Lisp."""

    def __init__(self, lisp: Lisp, hardcode: HardCode) -> None:
        self.lisp, self.machine, self.hardcode = lisp, lisp.machine, hardcode

    def pages(self, tag: int) -> PageSet:
        """The page set of a tag; another tag's is fetched from the image or begun."""
        return self.hardcode.pages_of(tag)

    def fail(self, text: str, *values: int) -> Unwinding:
        return self.lisp.errors.plain(text, *values)

    # -- vectors -----------------------------------------------------------------------

    def make(self, size: int, tag: int) -> int:
        """A native vector of ``size`` bytes, prefix included; its handle."""
        if size < 0 or size > PAGE_SIZE - 64:
            raise self.fail(f"make-native: {size} bytes; 0..{PAGE_SIZE - 64} expected")
        size = max(size + 7 & -8, PREFIX)
        block = Block(bytearray(struct.pack("<II", size, PREFIX) + bytes(size - PREFIX)))
        return self.add(block, tag, size)

    def add(self, block: Block, tag: int, size: int) -> int:
        """A native vector that has a block's bytes; its handle."""
        pages = self.pages(tag)
        with self.hardcode.collector.paused():
            place = self.hardcode.append(block, pages)
            pages.blocks[place] = size
            return self.handle(place, tag)

    def handle(self, place: int, tag: int) -> int:
        page = place // PAGE_SIZE | (0 if tag == self.hardcode.tag else tag << 18)
        return self.machine.cons(page << 3, place % PAGE_SIZE << 3)

    def block(self, handle: int, who: str) -> tuple[int, int, int]:
        """Tag, place and size of a handle's vector; anything else is an error."""
        m = self.machine
        if handle & 7 == CONS and m.car(handle) & 7 == 0 and m.cdr(handle) & 7 == 0:
            page, offset = m.car(handle) >> 3, m.cdr(handle) >> 3
            tag = page >> 18 or self.hardcode.tag
            if page >= 0 and 0 <= offset < PAGE_SIZE and (tag == self.hardcode.tag or by_tag(tag) is not None):
                place = (page & 0x3FFFF) * PAGE_SIZE + offset
                size = self.pages(tag).blocks.get(place)
                if size is not None:
                    return tag, place, size
        raise self.fail(f"{who}: not a handle of a native vector", handle)

    def field(self, handle: int, index: int, width: int, who: str) -> tuple[int, int]:
        tag, place, size = self.block(handle, who)
        if width & 7 or width >> 3 not in (1, 2, 4, 8):
            raise self.fail(f"{who}: width; 1, 2, 4 or 8 expected", width)
        if index & 7 or not 0 <= index >> 3 <= size - (width >> 3):
            raise self.fail(f"{who}: index outside of a vector of {size} bytes", index)
        return tag, place + (index >> 3)

    def put(self, handle: int, index: int, value: int, width: int, who: str) -> int:
        tag, at = self.field(handle, index, width, who)
        bits = width
        if not self.machine.is_integer(value) or not -(1 << bits - 1) <= self.machine.number(value) < 1 << bits:
            raise self.fail(f"{who}: value that does not fit {bits} bits", value)
        if index >> 3 < 4:
            raise self.fail(f"{who}: the first four bytes hold the length", index)
        data = (self.machine.number(value) & (1 << bits) - 1).to_bytes(bits // 8, "little")
        self.hardcode.patch(self.pages(tag), at, data)
        return value

    def get(self, handle: int, index: int, width: int, who: str) -> int:
        tag, at = self.field(handle, index, width, who)
        return self.machine.integer(int.from_bytes(self.pages(tag).data[at:at + (width >> 3)], "little"))

    # -- entry points --------------------------------------------------------------------

    def install(self, symbol: int, count: int, handle: int, offset: int, env: int, tag: int | None) -> int:
        """``symbol-set-native``: an entry in the table, and the function cells when the tag is this machine's."""
        m, lisp = self.machine, self.lisp
        if symbol & 7 != SYMBOL or symbol in (m.intern("nil"), m.intern("t")):
            raise self.fail("symbol-set-native: not a symbol", symbol)
        own_tag, place, size = self.block(handle, "symbol-set-native")
        if tag is not None and tag != own_tag:
            raise self.fail(f"symbol-set-native: the vector was made for tag {own_tag}", tag << 3)
        if count & 7 or not 0 <= count >> 3 < 1 << 16:
            raise self.fail("symbol-set-native: argument count", count)
        if offset & 7 or not PREFIX <= offset >> 3 < size:
            raise self.fail(f"symbol-set-native: entry point; {PREFIX}..{size - 1} expected", offset)
        if not lisp.is_bytecoded(symbol):
            error = self.fail("No bytecode definition found for", symbol)
            lisp.hints.say(f"define {lisp.hints.shown(symbol)} first with de: that is what runs where this native code "
                           "cannot")
            raise error
        arguments = (count >> 3) & 255
        natural = 1 if arguments == 1 else 2 if arguments == 2 else 3
        cell = natural if count >> 3 > 255 else 0
        entry = place + (offset >> 3)
        lisp.on_replace(symbol)
        if all(m.field(symbol, cell) != SLOT[name] for cell, name in zip(CELLS, HANDMADE, strict=True)):
            # Its own literal vector, by which its environment is known: after copyd another function has the same.
            m.set_field(symbol, SYM_ENV, m.vector(m.vector_items(m.field(symbol, SYM_ENV))))
        pages = self.pages(own_tag)
        code = bytes(pages.data[entry:place + size])
        pages.entries[str(entry)] = {"bytecode": self.hardcode.bytecode_digest(symbol), "name": m.label(symbol),
                                     "features": features_of(own_tag, code), "parts": [[place + PREFIX, size - PREFIX]]}
        number = type_and_page(own_tag, cell, entry // PAGE_SIZE)
        self.hardcode.add([(symbol, arguments, number, entry % PAGE_SIZE, env)])
        if own_tag == self.hardcode.tag:
            why = self.hardcode.instate_entry(symbol, arguments, number, entry % PAGE_SIZE, env)
            if why is not None:
                raise self.fail(f"symbol-set-native: {why.sentence()}")
        elif own_tag & 31 == self.hardcode.tag:
            self.hardcode.instate_symbols([symbol])
        return symbol

    def address(self, x: int, count: int | None) -> int:
        """``native-address``: of a function cell, a kernel entry (negative), a VM variable, or a handle."""
        m = self.machine
        if x & 7 == SYMBOL and count is not None:
            return self.give_out(m.words[self.hardcode.entry_slot(x, 0 if count == 1 else 1 if count == 2 else 2) >> 3])
        if x & 7 == 0 and x < 0:
            k = -(x >> 3) - 1
            resolve = self.hardcode.resolve()
            if k >= len(USEFUL) or kernel_name(USEFUL[k]) not in resolve:
                raise self.fail("native-address: no such kernel entry", x)
            return resolve[kernel_name(USEFUL[k])]
        if x & 7 == 0:
            places = sorted(VM.values())
            if x >> 3 >= len(places):
                raise self.fail("native-address: no such variable", x)
            return m.cage.base + places[x >> 3]
        tag, place, _ = self.block(x, "native-address")
        address = self.hardcode.address(tag, place)
        if address is None:
            raise self.fail("native-address: this vector is not in memory", x)
        return self.give_out(address)

    def give_out(self, address: int) -> int:
        """The program gets an address: what is there must not move."""
        self.hardcode.collector.fixed.add(address)
        return address

    # -- assembler -------------------------------------------------------------------------

    def lap(self, text: str, tag: int) -> int:
        """Assemble text into a native vector; code starts at byte 8.

        ``kernel(NAME)`` is the pointer cell of a kernel entry, ``literal(K)`` the displacement of literal K from the
        environment, ``symbol(FIELD)`` the displacement of a symbol's field (value, env, fn1, fn2, fnn).
        """
        architecture = by_tag(tag)
        if architecture is None:
            raise self.fail("lap: no such tag", tag << 3)
        cells: list[str] = []

        def kernel(match: re.Match[str]) -> str:
            if match[1] not in cells:
                cells.append(match[1])
            return f"lap_cell_{cells.index(match[1])}"

        fields = {"value": 8 - SYMBOL, "env": SYM_ENV, "fn1": SYM_FN1, "fn2": SYM_FN2, "fnn": SYM_FNN}
        try:
            source = re.sub(r"kernel\(([\w*+-]+)\)", kernel, text)
            source = re.sub(r"literal\((\d+)\)", lambda k: str(8 * int(k[1]) + 8 - VECTOR), source)
            source = re.sub(r"symbol\((\w+)\)", lambda k: str(fields[k[1]]), source)
        except KeyError as error:
            raise self.fail(f"lap: symbol({error.args[0]}); one of {', '.join(fields)} expected") from None
        known = self.hardcode.kernel.functions if self.hardcode.refused is None else {}
        for name in cells:
            if kernel_name(name) not in known:
                raise self.fail(f"lap: no kernel entry {name}")
        source = (".p2align 4\n.8byte 0\n" + source + "\n.p2align 4\n" + ".8byte 0\n" * (len(cells) % 2)
                  + "".join(f"lap_cell_{k}: .8byte 0\n" for k in range(len(cells))))
        try:
            block = assemble(architecture, source)
        except AssemblyError as error:
            raise self.fail(f"lap: {error}") from None
        end = len(block.data)
        block.data[:PREFIX] = struct.pack("<II", end, PREFIX)
        for k, name in enumerate(cells):
            block.records.append((architecture.absolute.name, kernel_name(name), end - 8 * (len(cells) - k), 0))
        return self.add(block, tag, end)
