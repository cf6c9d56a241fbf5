"""Typed instructions in the optimised tier: the number in a variable that only this function uses is an SSA value.

Such a variable is made here and used for its first eight bytes only.  The first eight bytes of one that came from
elsewhere are such a value too while nothing else in the function could change them; they are stored when the function
is left.

A loop stands several times in the code, each time leading to the next, so that one safepoint is enough for so many
rounds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..instructions.codec import Code, Decoded
from ..instructions.table import ACCESS, LOCALS, OPERANDS
from ..kernel.variables import RANGE
from ..system.records import Record

if TYPE_CHECKING:
    from .functions import FunctionIR


class Plan(Record):
    """``own``: locals whose variable is nothing but a value; ``shadowed``: those whose value is in memory, too.

    ``arrays``: those that are indexed, with the bytes of an element and the number of elements where that never changes
    (else -1). ``skipped``: places of instructions that have nothing to do, ``fresh`` and ``opened``: of stores that
    begin such a value.
    """

    own: frozenset[int]
    shadowed: frozenset[int]
    arrays: dict[int, tuple[int, int]]
    skipped: frozenset[int]
    fresh: frozenset[int]
    opened: frozenset[int]


NOTHING = Plan(frozenset(), frozenset(), {}, frozenset(), frozenset(), frozenset())
COPIES, LONGEST = 6, 240  # of a function with loops, and how many bytes of bytecode it has at most


def plan(code: Code, listing: list[Decoded], inlined: bool = False) -> Plan:
    """Which local variables are values; ``inlined``: the code stands in place of a call."""
    if not any(item.row.name == "var_open" for item in listing):
        return NOTHING
    targets = {item.target for item in listing if item.target is not None} | {row[2] for row in code.handlers}
    fresh: dict[int, list[int]] = {}
    reopened: dict[int, list[int]] = {}
    opened: dict[int, list[tuple[int, int]]] = {}  # by local: where it is stored, and how many bytes it has
    bad, written = set(range(code.most + code.rest)), set[int]()
    for k, item in enumerate(listing):
        name, before = item.row.name, [i.row.name for i in listing[max(k - 2, 0):k]]
        joined = any(i.at in targets for i in (*listing[max(k - 1, 0):k], item))
        n = item.operands[0] if item.operands else -1
        if (name == "store_local" and before == ["small", "make_variable"] and not joined
            and listing[k - 2].operands[0] >= 8):
            fresh.setdefault(n, []).append(k)
        elif name == "store_local" and before[-1:] == ["var_open"] and not joined and listing[k - 1].operands[0] == n:
            reopened.setdefault(n, []).append(k)
        elif name == "store_local" and before[-1:] == ["var_open"] and not joined:
            opened.setdefault(n, []).append((k, listing[k - 1].operands[1]))
        elif "fp" in item.row.context:
            bad.add(n)
        elif name == "var_open":
            following = listing[k + 1] if k + 1 < len(listing) else item
            if following.row.name != "store_local" or following.operands[0] != n or item.operands[1] > 8:
                bad.add(n)
        else:
            bad |= {value for (_, kind), value in zip(item.row.operands, item.operands, strict=True)
                    if kind == "local8"}
        if item.row.written is not None:
            written.add(item.operands[item.row.written[0]])
    own = frozenset(n for n in fresh if n not in bad and n not in opened)
    shadowed = set[int]()
    first = min((t for t in targets if t is not None), default=len(code.code))
    if not inlined and not any("writes" in item.row.effects or item.row.name.startswith(("call", "tail_call"))
                               for item in listing):
        for n, stores in opened.items():
            if (len(stores) == 1 and listing[stores[0][0]].at < first and stores[0][1] >= 8 and n not in fresh
                and written - own <= {n}):
                shadowed.add(n)
    skipped = {listing[k - 1].at for n in own
               for k in (*fresh[n], *reopened.get(n, ()))} | {listing[k].at for n in own for k in reopened.get(n, ())}
    exact: dict[int, set[int]] = {}  # a handler could go on with an array that is not what it should be
    for k, item in enumerate(listing):
        if item.row.name in ("store_local", "set_local") and k + 1 < len(listing):
            after = listing[k + 1]
            same = (not code.handlers and after.row.name == "var_exact" and after.operands[0] == item.operands[0]
                    and after.at not in targets)
            made = listing[k - 1].row.name == "make_variable"
            exact.setdefault(item.operands[0],
                             set()).update([after.operands[1] << after.operands[2]] if same else [] if made else [-1])
    strides: dict[int, set[int]] = {}
    for item in listing:
        if item.row.name == "var_index":
            strides.setdefault(item.operands[0], set()).add(item.operands[2])
    arrays = {n: (stride, next(iter(exact[n])) // stride if len(exact.get(n, ())) == 1 and -1 not in exact[n] else -1)
              for n, (stride, *more) in sorted(strides.items()) if not more and stride > 0}
    return Plan(own, frozenset(shadowed), arrays, frozenset(skipped),
                frozenset(listing[k].at for n in own for k in fresh[n]),
                frozenset(listing[opened[n][0][0]].at for n in shadowed))


class CellInstructions:
    """The part of a function's body that is about typed instructions."""

    unit: FunctionIR
    words: list[str]
    plan: Plan
    cells: dict[int, str]
    counts: dict[int, str]

    def copies(self, listing: list[Decoded]) -> int:
        """How many times the code stands there."""
        typed = self.plan is not NOTHING and any(item.row.name == "poll" for item in listing)
        return COPIES if typed and listing[-1].end <= LONGEST else 1

    def make_cells(self) -> None:
        out = self.unit.out
        self.cells = {n: out.slot("cell", "word") for n in sorted(self.plan.own | self.plan.shadowed)}
        for cell in self.cells.values():
            out.emit(f"store i64 0, ptr {cell}")
        self.counts = {n: out.slot("count", "word") for n, (_, count) in self.plan.arrays.items() if count < 0}

    def flush(self) -> None:
        """Store what is in the memory of others, too."""
        out = self.unit.out
        for n in sorted(self.plan.shadowed):
            place, value = out.define(f"load i64, ptr {self.words[n]}"), out.define(f"load i64, ptr {self.cells[n]}")
            out.emit(f"call void @{self.unit.use('write64')}(ptr %base, i64 {place}, i64 {value})")

    def index(self, item: Decoded) -> str:
        """var_index with the number of elements that the array had when it was opened; the index as a fixnum."""
        out, (array, n, _) = self.unit.out, item.operands
        i, known = self.typed_operand("read64", n), self.plan.arrays[array][1]
        count = str(known) if known >= 0 else out.define(f"load i64, ptr {self.counts[array]}")
        good, bad = out.label("good"), out.label("bad")
        inside = out.define(f"icmp ult i64 {i}, {count}")
        out.emit(f"br i1 {inside}, label %{good}, label %{bad}, !prof !4")
        out.terminated = True
        out.place(bad)
        out.define(f"call {self.unit.rare('raise_exception')}(ptr %base, i64 {RANGE})")
        out.jump(self.failure(item.at))
        out.place(good)
        return out.define(f"shl i64 {i}, 3")

    def failure(self, at: int) -> str:
        raise NotImplementedError

    def operands_of(self, item: Decoded) -> dict[str, str]:
        """The operands of an instruction, as its function receives them."""
        return {label: self.typed_operand(kind, value) if kind in LOCALS else str(value << OPERANDS[kind].scale)
                for (label, kind), value in zip(item.row.operands, item.operands, strict=True)}

    def typed_operand(self, kind: str, n: int) -> str:
        out = self.unit.out
        access, bits = ACCESS.get(kind, ("local", 64))
        if access == "write":
            return "0"
        if access != "local" and n in self.cells:
            value = out.define(f"load i64, ptr {self.cells[n]}")
            return value if bits == 64 else out.define(f"and i64 {value}, {(1 << bits) - 1}")
        value = out.define(f"load i64, ptr {self.words[n]}")
        return (value if access == "local" else out.define(f"call i64 @{self.unit.use(f'read{bits}')}(ptr %base, i64 "
                                                           f"{value})"))

    def typed_result(self, item: Decoded, value: str) -> None:
        """Store what an instruction gives into the variable that it writes."""
        assert item.row.written is not None
        out, (number, bits) = self.unit.out, item.row.written
        n = item.operands[number]
        if n not in self.cells:
            place = out.define(f"load i64, ptr {self.words[n]}")
            out.emit(f"call void @{self.unit.use(f'write{bits}')}(ptr %base, i64 {place}, i64 {value})")
        if n in self.cells:
            if bits < 64:
                mask = (1 << bits) - 1
                old = out.define(f"and i64 {out.define(f'load i64, ptr {self.cells[n]}')}, {~mask}")
                value = out.define(f"or i64 {old}, {out.define(f'and i64 {value}, {mask}')}")
            out.emit(f"store i64 {value}, ptr {self.cells[n]}")

    def local_stored(self, item: Decoded) -> None:
        """A local variable that is a value was given a variable."""
        out, n = self.unit.out, item.operands[0]
        if item.at in self.plan.fresh:
            out.emit(f"store i64 0, ptr {self.cells[n]}")
        elif item.at in self.plan.opened:
            bytes_ = out.define(f"load i64, ptr {self.words[n]}")
            value = out.define(f"call i64 @{self.unit.use('read64')}(ptr %base, i64 {bytes_})")
            out.emit(f"store i64 {value}, ptr {self.cells[n]}")
        if n in self.counts and n not in self.plan.own:
            bytes_ = out.define(f"load i64, ptr {self.words[n]}")
            known, other = out.label("known"), out.label("other")
            out.branch(out.define(f"call i1 @{self.unit.use('is_bytes')}(ptr %base, i64 {bytes_})"), known, other)
            out.place(known)
            size = out.define(f"call i64 @{self.unit.use('size_of')}(ptr %base, i64 {bytes_})")
            count = (out.define(f"call i64 @{self.unit.use('element_count')}(ptr %base, i64 {size}, i64 "
                                f"{self.plan.arrays[n][0]})"))
            out.emit(f"store i64 {count}, ptr {self.counts[n]}")
            out.place(other)
