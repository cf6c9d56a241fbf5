"""Modules: definitions and forms as bytes that any machine can load.

A module is a list of items, evaluated in order: a definition, which is a vector
of the symbol, the function's literal vector (with its bytecode) and whether it
is a macro, or a form.  ``kernel/fasl.py`` reads the bytes; ``docs/FORMAT.md``
has the format.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import msgpack

from csl_native.image.container import Section, digest, unpack
from csl_native.system.exceptions import Error

from ..heap.generated import stem
from ..heap.objects import (
    BY_TYPE,
    F_FEXPR,
    F_GENSYM,
    F_MACRO,
    F_UNNAMED,
    HASH_KIND,
    SYM_ENV,
    SYM_FLAGS,
    T_BYTES,
    T_COMPLEX,
    T_HASH,
    T_RATIO,
    T_RECORD,
)
from ..heap.words import CONS, OTHER, SYMBOL, VECTOR
from ..instructions.joined import SEQUENCES
from ..instructions.table import instructions, joined
from ..kernel.calls import SLOT
from ..kernel.fasl import (
    BAD,
    FASL_DOTTED,
    FASL_END,
    FASL_KEEP,
    FASL_LIST,
    FASL_NUMBER,
    FASL_OBJECT,
    FASL_RAW,
    FASL_TABLE,
    FASL_VECTOR,
)
from ..kernel.hashing import OLD_EMPTY, PACKED
from ..kernel.memory import NIL, T
from ..runtime.machine import HELD
from ..system import utf8

if TYPE_CHECKING:
    from .lisp import Lisp

PREFIX = "module-"
POINTERS = {row.type: row.pointers for row in BY_TYPE.values()}
DIVIDED = ("items", "sources")  # a module's two runs of values: what load-module evaluates, and saved definitions


class Unwritable(Error, ValueError):
    """A value that cannot stand in a module."""


class Writer:
    """The bytes of values; symbols, and objects that occur more than once in a value, have a place in the module's
    table.
    """

    def __init__(self, lisp: Lisp) -> None:
        self.lisp, self.m = lisp, lisp.machine
        self.out = bytearray()
        self.places = 1  # element 0 of the table is the loader's
        self.symbols: dict[int, int] = {}
        self.codes: dict[int, bytes] = {}  # what is written for them
        self.functions: list[int] = []  # uninterned symbols with a definition, which must be written too
        self.m.hold(self)

    def held_words(self) -> list[int]:
        """The table knows symbols by their addresses, so they live until the module is complete."""
        return list(self.symbols)

    def write(self, value: int) -> None:
        """Append one value.  Nothing is collected meanwhile, so the words of conses are read as they are."""
        shared, kept, out, codes, steps = self.shared(value), dict[int, int](), self.out, self.codes, self.m.steps
        open_: set[int] = set()
        # what is left of the parts of each value that has begun, the operation behind them, and the value
        todo = [(steps([value]), b"", 0)]
        while todo:
            parts, code, whole = todo[-1]
            for x in parts:
                if x & 7 == SYMBOL:
                    out += codes.get(x) or self.symbol(x)
                elif x in open_:
                    raise Unwritable("a circular structure cannot be written to a module")
                elif x in kept:
                    out += op(FASL_TABLE, kept[x])
                else:
                    inside, made = self.parts(x, shared)
                    if x in shared:
                        kept[x] = self.places
                        self.places += 1
                        made += op(FASL_KEEP, kept[x])
                    if inside:
                        open_.add(x)
                        todo.append((steps(inside), made, x))
                        break
                    out += made
            else:
                out += code
                open_.discard(whole)
                todo.pop()
        out.append(FASL_END)

    def symbol(self, x: int) -> bytes:
        """The operation that gives a symbol."""
        code = self.codes[x] = op(FASL_TABLE, self.place(x))
        return code

    def parts(self, x: int, shared: set[int]) -> tuple[list[int], bytes]:
        """What must be on the stack first, and the operation that makes ``x`` of it; no symbol."""
        m, tag = self.m, x & 7
        if tag == 0:
            n = x >> 3
            return [], op(FASL_NUMBER, n << 1 if n >= 0 else (-n << 1) - 1)
        if tag == CONS:
            items, words = list[int](), m.words
            while x & 7 == CONS and (not items or x not in shared):
                items.append(words[x >> 3])
                x = words[x + 7 >> 3]
                m.look()
            return (items, op(FASL_LIST, len(items))) if x == NIL else ([*items, x], op(FASL_DOTTED, len(items)))
        kind = m.header(x) >> 3 & 31
        if tag == VECTOR:
            items = m.vector_items(x)
            return items, op(FASL_VECTOR, len(items))
        if POINTERS[kind] == 0 or kind == T_BYTES:
            data = m.raw(x)
            return [], op(FASL_RAW, kind) + number(len(data)) + data
        if kind not in (T_HASH, T_RECORD, T_RATIO, T_COMPLEX):
            raise Unwritable(f"a {BY_TYPE[kind].name} cannot be written to a module: {self.lisp.printer.text(x)}")
        items = self.packed(x) if kind == T_HASH else [m.field(x, 8 * k + 8 - OTHER) for k in range(m.header(x) >> 11)]
        return items, op(FASL_OBJECT, kind) + number(len(items))

    def entries(self, table: int) -> list[int]:
        """The keys and values of a hash table."""
        m = self.m
        return [x for pair in m.items(m.kernel.hashcontents(table)) for x in (m.car(pair), m.cdr(pair))]

    def packed(self, table: int) -> list[int]:
        """The fields of a hash table as images have them: its entries come first, and it is rehashed when it is first
        used.
        """
        m, entries = self.m, self.entries(table)
        count, slots = len(entries) // 2, 8
        while slots <= count:
            slots *= 2
        m.need(2 * HELD * slots)
        places = m.vector([*entries, *[OLD_EMPTY, 0] * (slots - count)])
        return [m.field(table, HASH_KIND), count << 3, count << 3, places, 0, PACKED]

    def shared(self, value: int) -> set[int]:
        """Objects that are reached more than once."""
        m, words = self.m, self.m.words
        seen: set[int] = set()
        shared: set[int] = set()
        work = [value]
        while work:
            x = work.pop()
            while True:
                m.look()
                tag = x & 7
                if tag == SYMBOL or tag == 0:
                    break
                if x in seen:
                    shared.add(x)
                    break
                seen.add(x)
                if tag == CONS:
                    first = words[x >> 3]
                    if first & 7 != SYMBOL:
                        work.append(first)
                    x = words[x + 7 >> 3]
                    continue
                if tag == VECTOR:
                    work.extend(m.vector_items(x))
                elif m.header(x) >> 3 & 31 == T_HASH:
                    work.extend(self.entries(x))
                elif (count := POINTERS[m.header(x) >> 3 & 31]) != 0:
                    work.extend(m.field(x, 8 * k + 8 - OTHER) for k in range(count if count > 0 else m.header(x) >> 11))
                break
        return shared

    def place(self, symbol: int) -> int:
        found = self.symbols.get(symbol)
        if found is None:
            found = self.symbols[symbol] = self.places
            self.places += 1
            if not self.interned(symbol) and self.lisp.is_bytecoded(symbol):
                self.functions.append(symbol)
        return found

    def interned(self, symbol: int) -> bool:
        return self.m.is_interned(symbol)

    def head(self) -> dict[str, Any]:
        """What the loader needs first: the places of symbols, interned, generated and other ones."""
        m = self.m
        kinds: dict[str, list[list[Any]]] = {"interned": [], "generated": [], "uninterned": []}
        for symbol, place in self.symbols.items():
            kind = "interned" if self.interned(symbol) else "generated" if m.flags(symbol) & F_GENSYM else "uninterned"
            kinds[kind].append([place, utf8.encode(m.label(symbol))])
        return {**kinds, "places": self.places}


def op(code: int, operand: int) -> bytes:
    return bytes((code,)) + number(operand)


def number(n: int) -> bytes:
    """An unsigned number, 7 bits a byte, the least significant first."""
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


class ModuleWriter:
    """A module that is being made."""

    def __init__(self, lisp: Lisp, name: str) -> None:
        self.lisp, self.m, self.name = lisp, lisp.machine, name
        self.runs = {run: Writer(lisp) for run in DIVIDED}
        self.counts = dict.fromkeys(DIVIDED, 0)
        self.functions: list[str] = []
        self.before, self.shown = NIL, ""  # what dfprint* was before it, and the name as it was given to faslout
        self.m.hold(self)

    def held_words(self) -> list[int]:
        return [self.before]

    def form(self, form: int) -> None:
        """A form to be evaluated when the module is loaded."""
        self.put("items", form)

    def definition(self, symbol: int, env: int, kind: int) -> None:
        """A compiled function, and the functions of lambda expressions in it."""
        m = self.m
        self.put("items",
                 m.vector([symbol, env, T if kind == F_MACRO else m.intern("fexpr") if kind == F_FEXPR else NIL]))
        self.functions.append(m.text(symbol))
        writer = self.runs["items"]
        while writer.functions:
            inner = writer.functions.pop()
            self.put("items", m.vector([inner, m.field(inner, SYM_ENV), NIL]))

    def source(self, symbol: int, definition: int) -> None:
        """A saved definition, for load-source."""
        self.put("sources", self.m.cons(symbol, definition))

    def put(self, run: str, value: int) -> None:
        self.runs[run].write(value)
        self.counts[run] += 1

    def section(self) -> Section:
        """The module as an image section."""
        heads = {run: {**writer.head(), "count": self.counts[run], "bytes": len(writer.out)}
                 for run, writer in self.runs.items()}
        head = msgpack.packb(heads)
        info = {"date": int(time.time()), "instructions": len(instructions()), "sequences": len(joined()),
                "bytecode": instructions_digest(len(instructions()), len(joined())), "functions": self.functions}
        return Section(PREFIX + self.name, struct.pack("<I", len(head)) + head
                       + b"".join(bytes(w.out) for w in self.runs.values()), info=info)


@cache
def instructions_digest(count: int, sequences: int) -> bytes:
    """Digest of the names of the first instructions and of the first sequences: what the bytecode of a module relies
    on.
    """
    return digest(msgpack.packb([row.name for row in instructions()[:count]]
                                + [list(names) for names in SEQUENCES[:sequences]]))


class BadModule(Error, ValueError):
    """A module that cannot be loaded: what is wrong with it."""


def read_module(lisp: Lisp, section: Section, data: bytes, run: str = "items") -> Iterator[int]:
    """The values of a module, one after the other; each may rely on what was done with the ones before."""
    m = lisp.machine
    count, sequences = (int(section.info.get(name, 0)) for name in ("instructions", "sequences"))
    if (count > len(instructions()) or sequences > len(SEQUENCES)
        or section.info.get("bytecode") != instructions_digest(count, sequences)):
        raise BadModule(f"its bytecode has {count} instructions that are not this version's {len(instructions())}; "
                        "compile it again")
    try:
        size = struct.unpack_from("<I", data)[0]
        heads = unpack(data[4:4 + size])
        head = heads[run]
        at = 4 + size + sum(int(heads[r]["bytes"]) for r in DIVIDED[:DIVIDED.index(run)])
        body, places = data[at:at + int(head["bytes"])], int(head["places"])
        names = [(kind, int(place), bytes(name)) for kind in ("generated", "uninterned") for place, name in head[kind]]
        interned = b"".join([number(place) + number(len(name)) + name for place, name in head["interned"]])
        if (len(body) != int(head["bytes"]) or places > len(data)
            + 1 or any(not 0 < place < places for _, place, _ in names)):
            raise ValueError("a count is wrong")
        todo = int(head["count"])
    except (ValueError, KeyError, TypeError, struct.error) as error:
        raise BadModule(f"it is damaged ({error}); compile it again") from error
    text, values = m.string(body), m.vector([NIL] * places)
    if m.kernel.fasl_symbols(m.string(interned), values, SLOT["undefined1"], SLOT["undefined2"],
                             SLOT["undefinedn"]) == BAD:
        raise BadModule("the names of its symbols make no sense; compile it again")
    for kind, place, name in names:
        called = utf8.decode(name)
        symbol = m.make_symbol(stem(called) if kind == "generated" else called)
        if kind == "generated":  # it gets a number anew
            m.words[symbol + SYM_FLAGS >> 3] |= F_GENSYM | F_UNNAMED
        m.set_field(values, 8 - VECTOR + 8 * place, symbol)
    at = 0
    for _ in range(todo):
        value = m.kernel.fasl_value(text, at, values)
        if value == BAD:
            raise BadModule(f"its bytes make no sense at {at}; compile it again")
        at = m.field(values, 8 - VECTOR) >> 3
        yield value


