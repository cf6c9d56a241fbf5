"""The block of words of a program that stands alone, in the cage behind the counters: where things are, and how the
system is called.
"""

from __future__ import annotations

from ..heap.vm import STANDALONE
from ..restricted.language import handled, inline, invoke4, load, load8, onepass, store8, word

# Words of the block: Lisp values, numbers of system calls, and the state of input and output.
(
    ANSWERS,
    MAIN,
    END_OF_FILE,
    STACK_TOP,
    RAW_FIRST,
    RAW_SECOND,
    CALL,
    CALL_READ,
    CALL_WRITE,
    CALL_EXIT_GROUP,
    CALL_MMAP,
    CALL_CLOCK_GETTIME,
    CALL_OPENAT,
    CALL_CLOSE,
    MAP_FLAGS,
    CREATING,
    APPENDING,
    GAPS,
    FILE,
    INPUT_FILE,
    COUNT,
    FIRST_COLUMN,
    SECOND_COLUMN,
    FILE_COLUMN,
    WIDTH,
    UNBROKEN,
    INPUT_END,
    CLOCK,
    CLOCK_FRACTION,
    ENDED,
    DEPTH,
) = range(0, 8 * 31, 8)
MOST_DEEP = 100  # requests of Lisp inside of each other that are errors
DIGITS = 0x180  # bytes for the digits of a small integer
GAP_ROWS, MOST_GAPS = 0x200, 64  # places and sizes of what is mapped when the program begins
REFUSED = 0xC00  # how many bytes of what is said when a file takes no more, and these
INPUT, INPUT_SIZE = 0x1000, 0x7000
OUTPUT, OUTPUT_SIZE = 0x8000, 0x8000
BLOCK_SIZE = 0x1000  # what the file has of it


@inline
def system_call(number: word, a: word, b: word, c: word, d: word) -> word:
    """A call of the system; what takes six arguments gets -1 and 0 as the last ones."""
    return handled(invoke4(load(STANDALONE) + CALL, number, a, b, c, d))


@onepass("the bytes of one string")
@inline
def move_bytes(to: word, at: word, n: word) -> None:
    i = 0
    while i < n:
        store8(to + i, load8(at + i))
        i += 1
