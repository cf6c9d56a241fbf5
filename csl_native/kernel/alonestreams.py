"""Output and input of a program that stands alone: two buffers behind its block, which the system empties and fills."""

from __future__ import annotations

from ..heap.vm import READ_AT, READ_END
from ..heap.words import STRING, UNWIND
from ..restricted.language import base_address, bounded, inline, load, load8, onepass, store, store8, word
from .aloneblock import (
    APPENDING,
    CALL_CLOSE,
    CALL_EXIT_GROUP,
    CALL_OPENAT,
    CALL_READ,
    CALL_WRITE,
    COUNT,
    CREATING,
    DIGITS,
    END_OF_FILE,
    ENDED,
    FILE,
    FIRST_COLUMN,
    INPUT,
    INPUT_END,
    INPUT_FILE,
    INPUT_SIZE,
    OUTPUT,
    OUTPUT_SIZE,
    REFUSED,
    WIDTH,
    move_bytes,
    system_call,
)
from .characters import character
from .memory import NIL, T, make_string
from .printing import digits_wanted, put_digits
from .text import in_case, intern_name

NEW_LINE, TAB, BLANK, QUOTE, RETURN = 10, 9, 32, 34, 13


# -- output


@inline
def column_place(block: word) -> word:
    """Where the column of the file stands that is written to: 1, 2 for messages, or another one."""
    return block + FIRST_COLUMN + 8 * ((load(block + FILE) if load(block + FILE) < 3 else 3) - 1)


@bounded("bytes of one buffer")
def flush_output(block: word) -> None:
    """Give the system what waits; a program whose output nobody takes ends, and says so if that is a file."""
    at = base_address() + block + OUTPUT
    n = load(block + COUNT)
    store(block + COUNT, 0)
    while n > 0:
        done = system_call(load(block + CALL_WRITE), load(block + FILE), at, n, 0)
        if done <= 0:
            if done != -4:  # but an interrupted call
                if load(block + FILE) > 2:
                    said = base_address() + block + REFUSED
                    system_call(load(block + CALL_WRITE), 2, said + 8, load(block + REFUSED), 0)
                system_call(load(block + CALL_EXIT_GROUP), 1, 0, 0, 0)
        else:
            at += done
            n -= done


@inline
def put_byte(block: word, b: word) -> None:
    n = load(block + COUNT)
    if n == OUTPUT_SIZE:
        flush_output(block)
        n = 0
    store8(block + OUTPUT + n, b)
    store(block + COUNT, n + 1)


@bounded("the bytes of one string, at the speed of output")
def write_bytes(block: word, at: word, n: word) -> None:
    """Write bytes of UTF-8, and count columns."""
    place = column_place(block)
    column = load(place)
    end = at + n
    while at < end:
        b = load8(at)
        put_byte(block, b)
        if b == NEW_LINE:
            column = 0
        elif b == TAB:
            column = (column | 7) + 1
        elif b & 0xC0 != 0x80:
            column += 1
        at += 1
    store(place, column)


@inline
def new_line(block: word) -> None:
    put_byte(block, NEW_LINE)
    store(column_place(block), 0)


@onepass("the bytes of one string")
def put_item(block: word, at: word, n: word, blank: word) -> None:
    """Write an item, after a blank or not; one that does not fit goes to the next line, where its blank is dropped."""
    column = load(column_place(block))
    size = 0
    i = 0
    first = load8(at) if n > 0 else 0
    while i < n:
        b = load8(at + i)
        if b & 0xC0 != 0x80:
            size += 1
        if b < 32 and first == QUOTE:
            size += 3
        i += 1
    if blank != NIL:
        if column + size >= load(block + WIDTH):
            new_line(block)
        else:
            put_byte(block, BLANK)
            store(column_place(block), column + 1)
    elif column + size > load(block + WIDTH):
        if column > 0 or first == QUOTE or first < 48 or first > 57:
            new_line(block)
    write_bytes(block, at, n)


def put_number(block: word, n: word, blank: word) -> word:
    """Write a small integer as an item; t."""
    size = digits_wanted(n)
    put_digits(n, block + DIGITS + size)
    put_item(block, block + DIGITS, size, blank)
    return T


# -- input


def next_character(block: word) -> word:
    """The next character of the input; more is read when all of it was taken."""
    at = load(READ_AT)
    if at >= load(block + INPUT_END):
        flush_output(block)
        n = read_more(block, 0) if load(block + ENDED) == 0 else 0
        if n <= 0:
            store(block + ENDED, 1)
            return load(block + END_OF_FILE)
        at = block + INPUT
    b = load8(at)
    size = 1 if b < 0x80 else 2 if b < 0xE0 else 3 if b < 0xF0 else 4
    if at + size > load(block + INPUT_END) and load(block + ENDED) == 0:
        kept = load(block + INPUT_END) - at
        move_bytes(block + INPUT, at, kept)
        if read_more(block, kept) <= 0:
            store(block + ENDED, 1)
        at = block + INPUT
    if at + size > load(block + INPUT_END):
        size = load(block + INPUT_END) - at
    if b == RETURN and at + 1 < load(block + INPUT_END) and load8(at + 1) == NEW_LINE:
        at += 1
    store(READ_AT, at + size)
    find_end(block, at + size)
    if size == 1 and load8(at) < 0x80:
        return character(in_case(load8(at)))
    s = make_string(size)
    if s == UNWIND:
        return s
    move_bytes(s + 8 - STRING, at, size)
    return intern_name(s)


@bounded("calls that were interrupted")
def read_more(block: word, kept: word) -> word:
    """Read behind so many bytes at the beginning of the buffer; how many came."""
    n = -4
    while n == -4:
        n = system_call(
            load(block + CALL_READ),
            load(block + INPUT_FILE),
            base_address() + block + INPUT + kept,
            INPUT_SIZE - kept,
            0,
        )
    store(READ_AT, block + INPUT)
    store(READ_END, block + INPUT)
    store(block + INPUT_END, block + INPUT + kept + (n if n > 0 else 0))
    return n


@onepass("the bytes of one buffer")
def find_end(block: word, at: word) -> None:
    """Say how far the kernel may take characters by itself: up to what is no ASCII, or a carriage return."""
    end = load(block + INPUT_END)
    while at < end and load8(at) < 0x80 and load8(at) != RETURN:
        at += 1
    store(READ_END, at)


def step_back(block: word, n: word) -> None:
    """Have so many bytes read again; they are in the buffer."""
    at = load(READ_AT) - n
    if at >= block + INPUT:
        store(READ_AT, at)
        find_end(block, at)


# -- files

HERE = -100  # names of files begin in the current directory
RIGHTS = 438  # of new files: everybody may read and write, but for what the user's mask takes away
READ, CREATE = 0, 1  # how a file is opened; 2: to write at its end


def open_file(block: word, name: word, how: word) -> word:
    """A file by a string that ends in a zero; its number, or a negative one when the system refuses it."""
    flags = 0
    if how != READ:
        flags = load(block + CREATING) if how == CREATE else load(block + APPENDING)
    file = system_call(load(block + CALL_OPENAT), HERE, base_address() + name + 8 - STRING, flags, RIGHTS)
    if file >= 0 and how == READ:  # a directory may be opened, and not be read
        found = system_call(load(block + CALL_READ), file, base_address() + block + DIGITS, 0, 0)
        if found < 0:
            close_file(block, file)
            return found
    return file


def close_file(block: word, file: word) -> None:
    system_call(load(block + CALL_CLOSE), file, 0, 0, 0)


def change_input(block: word, file: word, text: word) -> word:
    """Read from another file, of which ``text`` was read before (a string, or nil); that of the one before, as a
    string."""
    n = load(block + INPUT_END) - load(READ_AT)
    old = make_string(n)
    if old == UNWIND:
        return old
    move_bytes(old + 8 - STRING, load(READ_AT), n)
    n = 0
    if text & 7 == STRING:
        n = load(text - STRING) >> 8
        move_bytes(block + INPUT, text + 8 - STRING, n)
    store(block + INPUT_FILE, file)
    store(block + INPUT_END, block + INPUT + n)
    store(block + ENDED, 0)
    store(READ_AT, block + INPUT)
    find_end(block, block + INPUT)
    return old
