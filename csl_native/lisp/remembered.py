"""Forms that were compiled to be evaluated: one that is evaluated again, and is what it was, is not compiled again."""

from __future__ import annotations

from collections.abc import Callable
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from ..heap.objects import F_MACRO, SYM_FLAGS, SYM_FN1, SYM_FN2, SYM_FNN
from ..heap.words import CONS, SYMBOL

if TYPE_CHECKING:
    from ..runtime.machine import Machine

MOST_CELLS = 500  # of a form


class Compiled:
    """The symbol whose function a form was compiled to, and the words that say what it means."""

    def __init__(self, symbol: int, look: Callable[[Any], tuple[int, ...]], found: tuple[int, ...]) -> None:
        self.symbol, self.look, self.found, self.used = symbol, look, found, True


class Remembered:
    """Compiled forms by their address.

    What a form is compiled to depends on its pairs, but for what is inside of quoted values, and on how its symbols are
    declared; all of these words are compared.  A macro may give anything at any time, so forms with the name of one are
    always compiled.  A form is remembered when it comes for the second time, and forgotten when it was not evaluated
    between two collections.
    """

    def __init__(self, machine: Machine, quote: int, displaceable: Callable[[int], bool]) -> None:
        self.m, self.quote, self.displaceable = machine, quote, displaceable
        self.forms: dict[int, Compiled] = {}
        self.seen: set[int] = set()
        machine.hold(self)

    def held_words(self) -> list[int]:
        self.seen.clear()
        self.forms = {form: row for form, row in self.forms.items() if row.used}
        for row in self.forms.values():
            row.used = False
        return [word for form, row in self.forms.items() for word in (form, row.symbol)]

    def compiled(self, form: int, make: Callable[[], int]) -> int:
        """The symbol whose function a form is compiled to, which ``make`` does when it has to be done."""
        row = self.forms.get(form)
        if row is not None:
            if row.look(self.m.words) == row.found:
                row.used = True
                self.m.note(row.symbol)
                return row.symbol
            del self.forms[form]
        symbol = make()
        if form not in self.seen:
            self.seen.add(form)
        elif (places := self.places(form)) is not None:
            look: Callable[[Any], tuple[int, ...]] = itemgetter(*places)
            self.forms[form] = Compiled(symbol, look, look(self.m.words))
        return symbol

    def places(self, form: int) -> list[int] | None:
        """Where the words are that say what a form means; None when that is not all, or too much."""
        words, found, todo, symbols = self.m.words, list[int](), [form], set[int]()
        while todo:
            x = todo.pop()
            if x & 7 == SYMBOL and x not in symbols:
                symbols.add(x)
                if words[x + SYM_FLAGS >> 3] & F_MACRO:
                    return None
                found.append(x + SYM_FLAGS >> 3)
                if self.displaceable(x):  # is it defined?
                    found += (x + SYM_FN1 >> 3, x + SYM_FN2 >> 3, x + SYM_FNN >> 3)
            elif x & 7 == CONS:
                at = x >> 3
                found += (at, at + 1)
                rest = words[at + 1]
                if words[at] != self.quote:
                    todo += (words[at], rest)
                elif rest & 7 == CONS:
                    found += (rest >> 3, (rest >> 3) + 1)
                if len(found) > 2 * MOST_CELLS:
                    return None
        return found
