"""Instructions of modules that move bytes, elements and references, and those that allocate."""

from __future__ import annotations

from .registers import Registers


class Transfers(Registers):
    """One method an instruction; the others are in ``translate.py``."""

    def do_cpb(self, a: int, b: int) -> None:
        self.copy(a, 0, b, 0, min(self.type_of(self.places[a][-1].spec).bytes,
                                  self.type_of(self.places[b][-1].spec).bytes))

    def do_ldb(self, a: int, offset: int, b: int) -> None:
        self.copy(a, offset, b, 0, min(self.type_of(self.places[a][-1].spec).bytes - offset,
                                       self.type_of(self.places[b][-1].spec).bytes))

    def do_stb(self, a: int, b: int, offset: int) -> None:
        self.copy(a, 0, b, offset, min(self.type_of(self.places[a][-1].spec).bytes,
                                       self.type_of(self.places[b][-1].spec).bytes - offset))

    def copy(self, a: int, at: int, b: int, there: int, count: int) -> None:
        x, y = self.bytes(a), self.bytes(b)
        if (at, there, count) == (0, 0, 8):
            self.op("var_move", x, y)
            return
        self.op("local", x)
        self.number(at)
        self.op("local", y)
        self.number(there)
        self.number(count)
        self.op("copy_bytes")
        self.op("pop")

    def element(self, array: int, index: int, other: int, load: bool) -> None:
        """LDE and STE: one element, with its references, to or from the first element of another variable."""
        vtype = self.type_of(self.places[array][-1].spec)
        x, i, y = self.bytes(array), self.bytes(index), self.bytes(other)
        self.op("var_index", x, i, vtype.stride)
        if vtype.bytes == 8 and not vtype.references:
            self.op("pop")
            self.op(*(("var_fetch", x, i, y) if load else ("var_keep", y, x, i)))
            return
        at = self.spare()
        self.store(at)

        def offset(n: int, more: int) -> None:
            self.op("local", at)
            self.number(n)
            self.op("times")
            if more:
                self.number(more)
                self.op("plus")
        self.op("local", x if load else y)
        if load:
            offset(vtype.stride, 0)
        else:
            self.op("small", 0)
        self.op("local", y if load else x)
        if load:
            self.op("small", 0)
        else:
            offset(vtype.stride, 0)
        self.number(vtype.stride)
        self.op("copy_bytes")
        self.op("pop")
        source, target = (self.variable(array),
                          self.variable(other)) if load else (self.variable(other), self.variable(array))
        for k in range(vtype.references):
            self.op("local", target)
            if load:
                self.number(k + 1)
            else:
                offset(vtype.references, k + 1)
            self.op("local", source)
            if load:
                offset(vtype.references, k + 1)
            else:
                self.number(k + 1)
            self.op("getv")
            self.op("putv")
            self.op("pop")

    def do_lde(self, a: int, index: int, b: int) -> None:
        self.element(a, index, b, True)

    def do_ste(self, a: int, b: int, index: int) -> None:
        self.element(b, index, a, False)

    def do_ldr(self, a: int, k: int, b: int) -> None:
        place = self.places[b][-1]
        self.op("local", self.variable(a))
        self.number(k + 1)
        self.op("getv")
        self.store(place.variable)
        if place.bytes != place.variable:
            self.op("nil")
            self.store(place.bytes)
        self.opened.discard(place.variable)

    def do_str(self, a: int, b: int, k: int) -> None:
        self.op("local", self.variable(b))
        self.number(k + 1)
        self.op("local", self.places[a][-1].variable)
        self.op("putv")
        self.op("pop")

    def do_new(self, a: int, count: int | None = None) -> None:
        place = self.places[a][-1]
        self.make(place.spec, place.variable, place.bytes, count)
        self.opened.discard(place.variable)
        if count is None:
            self.opened.add(place.variable)

    def do_newn(self, count: int, a: int) -> None:
        local = self.spare()
        self.op("var_integer", self.bytes(count))
        self.store(local)
        self.do_new(a, local)

    def do_len(self, a: int, to: int) -> None:
        place = self.places[a][-1]
        if place.nullable and not place.spec.fixed:  # it may have no element
            self.open(place.variable, 0, place.bytes)
            self.opened.discard(place.variable)
        else:
            self.bytes(a)
        self.op("var_length", place.bytes, self.type_of(place.spec).stride)
        self.op("var_take", self.bytes(to))
