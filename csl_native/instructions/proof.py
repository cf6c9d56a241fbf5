"""The proof that bytecode of strangers needs before it runs: whatever its operands are, it stays inside of its frame.

``codec.verify`` has jumps, stack depths and operand numbers.  Here, by data flow over the same instructions: a local
variable is set before it is read (a stale word of the stack may name an object that is no more), arguments that are
pushed are taken back, what a handler finds on the stack was stored there, every loop has a safepoint, and literals that
are used as symbols are some.  What a typed instruction reads or writes is in a local variable that ``var_open`` found
to hold bytes enough, and an array's element was looked for.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from graphlib import CycleError, TopologicalSorter

from ..system.records import Record
from .codec import Code, Decoded, decode, verify_listing
from .table import ACCESS, LOCALS, CodeError, instructions

ELEMENTS = {"var_fetch": (0, 1), "var_keep": (1, 2)}  # the operands that are the array and the index
READS, SETS = ("local", "far_local"), ("set_local", "store_local", "far_set_local", "far_store_local")

def prove(code: Code, literals: int, symbols: Collection[int], variables: Collection[int]) -> None:
    """Raise CodeError, with the place and what was expected, unless the bytecode is safe to run.

    ``literals`` is the length of the literal vector, ``symbols`` are the numbers of those literals that are symbols,
    and ``variables`` of those symbols that may get a value.
    """
    listing = {item.at: item for item in decode(code.code)}
    depths = verify_listing(code, listing, literals)
    listing = {at: item for at, item in listing.items() if at in depths}
    for item in listing.values():
        if "symbol" in item.row.effects and item.operands[0] not in symbols:
            raise CodeError(f"{item.row.name} at {item.at} uses literal {item.operands[0]}, which is no symbol")
        if "assigns" in item.row.effects and item.operands[0] not in variables:
            raise CodeError(f"{item.row.name} at {item.at} assigns literal {item.operands[0]}, which is a constant")
        handler = _handler(code, item)
        if handler is not None and handler[3] > depths[item.at] - item.row.takes:
            raise CodeError(f"the handler of {item.row.name} at {item.at} finds {handler[3]} words on the stack; "
                            f"{depths[item.at] - item.row.takes} are there")
    ways = {at: _targets(code, item) for at, item in listing.items()}
    _prove_flow(code, listing, ways)
    _prove_safepoints(listing, ways)


def _handler(code: Code, item: Decoded) -> tuple[int, int, int, int] | None:
    if not code.handlers or not item.row.fails:
        return None
    return next((row for row in code.handlers if row[0] <= item.at < row[1]), None)


Ways = dict[int, list[tuple[int, bool]]]


def _targets(code: Code, item: Decoded) -> list[tuple[int, bool]]:
    """Where an instruction leads, and whether that is a handler."""
    found = []
    if item.target is not None:
        found.append((item.target, False))
    if item.row.kind == "value" or item.row.kind == "branch" and not item.row.always:
        found.append((item.end, False))
    if (row := _handler(code, item)) is not None:
        found.append((row[2], True))
    return found


def _prove_flow(code: Code, listing: dict[int, Decoded], ways: Ways) -> None:
    """Locals are set before they are read; pushed arguments (their number at a place is always the same) are there when
    they are taken.
    """
    states: dict[int, tuple[int, int, Typed]] = {}
    work = [(0, 0, (1 << code.most + code.rest) - 1, NOTHING)] if 0 in listing else []
    while work:
        at, pushed, known, typed = work.pop()
        if at in states:
            before, old, had = states[at]
            if before != pushed:
                raise CodeError(f"{listing[at].row.name} at {at} is reached with {pushed} pushed arguments and with "
                                f"{before}")
            known, typed = known & old, typed if typed is had else typed.join(had)
            if (known, typed) == (old, had):
                continue
        states[at] = pushed, known, typed
        item = listing[at]
        if item.row.number in _typed_ones():
            _check_typed(item, typed)
        name, after, more = item.row.name, pushed, known
        if name in READS and not known >> item.operands[0] & 1:
            raise CodeError(f"{name} at {at} reads local {item.operands[0]}, which may not be set")
        if name in SETS:
            more |= 1 << item.operands[0]
        elif name == "push_argument":
            after += 1
        elif name in ("drop_arguments", "calln"):
            after -= item.operands[-1] - 3 * (name == "calln")
            if after < 0 or name == "calln" and item.operands[1] < 4:
                raise CodeError(f"{name} at {at} takes {pushed - after} pushed arguments; there are {pushed}")
        then = typed if typed is NOTHING and item.row.number not in _typed_ones() else _after_typed(item, typed)
        work += [(to, 0 if caught else after, known if caught else more,
                  typed._replace(opened=-1, element=None) if caught else then)
                 for to, caught in ways[at]]


class Typed(Record):
    """``holds``: for each of ``SIZES`` the local variables, as bits, that hold so many bytes; ``opened``: how many
    bytes the top has (-1: it is something else); ``element``: the array, the index and the size of elements of a
    var_index that was the last to happen."""

    holds: tuple[int, ...]
    opened: int
    element: tuple[int, int, int] | None

    def join(self, other: Typed) -> Typed:
        holds = tuple(a & b for a, b in zip(self.holds, other.holds, strict=True))
        return Typed(holds, min(self.opened, other.opened), self.element if self.element == other.element else None)


SIZES = (0, 1, 2, 4, 8)  # bytes that instructions need
NOTHING = Typed((0,) * len(SIZES), -1, None)


@cache
def _typed_ones() -> frozenset[int]:
    """The numbers of the typed instructions."""
    return frozenset(row.number for row in instructions() if any(kind in LOCALS for _, kind in row.operands))


def _check_typed(item: Decoded, typed: Typed) -> None:
    for (_, kind), n in zip(item.row.operands, item.operands, strict=True):
        need = ACCESS[kind][1] // 8 if kind in ACCESS else 0 if kind == "local8" and item.row.name != "var_open" else -1
        if need >= 0 and not typed.holds[SIZES.index(need)] >> n & 1:
            raise CodeError(f"{item.row.name} at {item.at} needs {need} bytes in local {n}, which was not opened for "
                            "so many")
    if item.row.name in ELEMENTS:
        array, index = (item.operands[k] for k in ELEMENTS[item.row.name])
        if typed.element is None or typed.element[:2] != (array, index) or typed.element[2] < 8:
            raise CodeError(f"{item.row.name} at {item.at}: no var_index of local {array} by local {index} is before "
                            "it")


def _after_typed(item: Decoded, typed: Typed) -> Typed:
    name, holds, opened = item.row.name, typed.holds, -1
    element: tuple[int, int, int] | None = None
    if name in SETS:
        bit = 1 << item.operands[0]
        holds = tuple(mask | bit if typed.opened >= size else mask & ~bit
                      for mask, size in zip(holds, SIZES, strict=True))
    elif name == "var_open":
        opened = item.operands[1]
    elif name == "var_index":
        element = item.operands[0], item.operands[1], item.operands[2]
    elif name == "pop":
        element = typed.element
    return Typed(holds, opened, element)


def _prove_safepoints(listing: dict[int, Decoded], ways: Ways) -> None:
    """Without the safepoints, no way leads back to where it came from."""
    if not any(to <= at for at, found in ways.items() for to, _ in found):
        return
    try:
        TopologicalSorter({at: [] if item.row.name == "poll" else [to for to, _ in ways[at]]
                           for at, item in listing.items()}).prepare()
    except CycleError as error:
        raise CodeError(f"the loop through {', '.join(map(str, error.args[1][:4]))} has no safepoint (poll)") from None
