"""Hand-made native code: entries of functions whose code has an environment of its own, and what the original's numbers
of entries stand for.

A symbol's environment stays its literal vector, with the bytecode, whatever hand-made code runs: errors, other cells,
debuggers and images find it there.  Where the code's environment is another value, a cell leads here first; a table, by
literal vector, has the code's entry and environment.
"""

from __future__ import annotations

from ..heap.words import VECTOR
from ..restricted.language import handled, inline, invoke1, invoke2, invoke4, load, word
from .hashing import find_place
from .host import H_USEFUL, host
from .memory import ROOT_HANDMADE, ROOT_VECTOR, cons

HANDMADE = ROOT_VECTOR + 8 - VECTOR + 8 * ROOT_HANDMADE
# Places in a row of the table: for each cell the slot of the code's entry, and its environment.
ENTRY1, ENV1, ENTRY2, ENV2, ENTRYN, ENVN = (8 * k + 8 - VECTOR for k in range(6))
USEFUL_CALLS = ("rational", "reclaim", "error", "aerror")  # by number, what the host does of the original's entries


@inline
def row_of(env: word) -> word:
    """The row of the function with a literal vector: keys of that table are compared as words, which does not fail."""
    return load(handled(find_place(load(HANDMADE), env)) + 8)


def handmade1(env: word, a: word) -> word:
    row = row_of(env)
    return invoke1(load(row + ENTRY1), load(row + ENV1), a)


def handmade2(env: word, a: word, b: word) -> word:
    row = row_of(env)
    return invoke2(load(row + ENTRY2), load(row + ENV2), a, b)


def handmaden(env: word, n: word, a: word, b: word, c: word) -> word:
    row = row_of(env)
    return invoke4(load(row + ENTRYN), load(row + ENVN), n, a, b, c)


def useful_list2star(env: word, a: word, b: word, c: word) -> word:
    return cons(a, cons(b, c))


def useful_rational(env: word, a: word) -> word:
    return host(H_USEFUL, 0, a, 0)


def useful_reclaim(env: word, a: word) -> word:
    return host(H_USEFUL, 8, a, 0)


def useful_error(env: word, a: word, b: word) -> word:
    return host(H_USEFUL, 16, a, b)


def useful_aerror(env: word, a: word) -> word:
    return host(H_USEFUL, 24, a, 0)
