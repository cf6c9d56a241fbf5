"""A program that stands alone: one file that the system starts, with this kernel in it and no Python
(``native/executable.py`` makes it).

Here is what the host is then. Where the program begins the rest of the cage is mapped; what the kernel asks for is
collecting, reading and the end of the program, which are done here by calls of the system, and all other requests are
functions of Lisp, by number in a vector. The block of words that says where things are stands in the cage, behind the
counters.
"""

from __future__ import annotations

from ..heap.objects import SYM_ENV, SYM_FLAGS, SYM_FN1, SYM_FNN, SYM_SPARE
from ..heap.vm import (
    GC_REQUEST,
    NATIVE_BASE,
    READ_AT,
    READ_END,
    REAL_STACK_LIMIT,
    STACK_END,
    STACK_LIMIT,
    STANDALONE,
    UNWIND_ERROR,
    UNWIND_KIND,
    UNWIND_STOP,
    UNWIND_TAG,
    UNWIND_VALUE,
)
from ..heap.words import OTHER, STRING, SYMBOL, UNWIND, VECTOR
from ..instructions.layout import CODE_COMPILED
from ..restricted.language import (  # type: ignore[attr-defined]
    address_size,
    base_address,
    bounded,
    change_stack,
    handled,
    inline,
    invoke1,
    invoke4,
    load,
    load8,
    load_address,
    noinline,
    onepass,
    sdiv,
    srem,
    stack_pointer,
    store,
    store8,
)
from .calls import SLOT_BYTECODEDN, SLOT_UNDEFINED1, SLOT_UNDEFINED2, SLOT_UNDEFINEDN
from .characters import character
from .collector import collect
from .host import (
    H_APPLY,
    H_CALL,
    H_COLLECT,
    H_DEEP,
    H_ERRORSET,
    H_EVALUATE,
    H_FATAL_MEMORY,
    H_MEMORY_FULL,
    H_READCH,
    H_STACK_OVERFLOW,
    H_UNSET,
)
from .memory import NIL, NO_LIMIT, ROOT_OBLIST, ROOT_VECTOR, T, cons, make_string, make_symbol, poll, set_field
from .symbols import print_name
from .text import in_case, intern_name

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
    CALL_EXIT,
    CALL_MAP,
    CALL_CLOCK,
    MAP_FLAGS,
    GAPS,
    FILE,
    COUNT,
    FIRST_COLUMN,
    SECOND_COLUMN,
    WIDTH,
    UNBROKEN,
    INPUT_END,
    CLOCK,
    CLOCK_FRACTION,
) = range(0, 8 * 23, 8)
ENDED, DEPTH = 8 * 23, 8 * 24
MOST_DEEP = 100  # requests of Lisp inside of each other that are errors
DIGITS = 0x180  # bytes for the digits of a small integer
GAP_ROWS, MOST_GAPS = 0x200, 64  # places and sizes of what is mapped when the program begins
INPUT, INPUT_SIZE = 0x1000, 0x7000
OUTPUT, OUTPUT_SIZE = 0x8000, 0x8000
BLOCK_SIZE = 0x1000  # what the file has of it

PRIMITIVES = (
    "write",
    "put",
    "put-number",
    "column",
    "width",
    "flush",
    "select",
    "finish",
    "peek",
    "poke",
    "poke-word",
    "signal",
    "clock",
    "next",
    "back",
    "input-ended",
    "processor",
    "field",
    "set-field",
    "code-byte",
    "type",
    "symbols",
    "make-symbol",
)
(
    P_WRITE,
    P_PUT,
    P_PUT_NUMBER,
    P_COLUMN,
    P_WIDTH,
    P_FLUSH,
    P_SELECT,
    P_FINISH,
    P_PEEK,
    P_POKE,
    P_POKE_WORD,
    P_SIGNAL,
    P_CLOCK,
    P_NEXT,
    P_BACK,
    P_INPUT_ENDED,
    P_PROCESSOR,
    P_FIELD,
    P_SET_FIELD,
    P_CODE_BYTE,
    P_TYPE,
    P_SYMBOLS,
    P_MAKE_SYMBOL,
) = range(len(PRIMITIVES))
FIRST_PRIMITIVE = 1 << 20  # numbers of functions from which on they are these

MAP_ACCESS = 3  # to be read and written
MARGIN = 1 << 19  # bytes of the machine stack that an error of its overflow has
NEW_LINE, TAB, BLANK, QUOTE, RETURN = 10, 9, 32, 34, 13
FAILED = 2  # the status of a program that the system does not give what it needs


@inline
def system_call(number, a, b, c, d):
    """A call of the system; what takes six arguments gets -1 and 0 as the last ones."""
    return handled(invoke4(load(STANDALONE) + CALL, number, a, b, c, d))


def begin_program(stack):
    """Where a program begins: on the stack that the system gave, which has its arguments."""
    map_rest(load(STANDALONE))
    change_stack(load(load(STANDALONE) + STACK_TOP))
    run_program(stack)
    return 0


@bounded("parts of the cage")
def map_rest(block) -> None:
    """Map what the file has no contents for."""
    row = block + GAP_ROWS
    end = row + 16 * load(block + GAPS)
    while row < end:
        address = base_address() + load(row)
        if system_call(load(block + CALL_MAP), address, load(row + 8), MAP_ACCESS, load(block + MAP_FLAGS)) != address:
            system_call(load(block + CALL_EXIT), FAILED, 0, 0, 0)
        row += 16


@noinline
def run_program(stack) -> None:
    block = load(STANDALONE)
    store(NATIVE_BASE, stack_pointer() + 512)
    main = load(block + MAIN)
    l = program_arguments(stack - base_address())
    if l == UNWIND:
        leave_program(block, 1)
    r = handled(invoke1(load(main + SYM_FN1), load(main + SYM_ENV), handled(l)))
    if r != UNWIND:
        leave_program(block, 0)
    leave_program(block, load(UNWIND_TAG) >> 3 if load(UNWIND_KIND) == UNWIND_STOP else 1)


def leave_program(block, status) -> None:
    """The end of the program."""
    flush_output(block)
    system_call(load(block + CALL_EXIT), status, 0, 0, 0)


@bounded("what the system gave the program")
def program_arguments(stack):
    """The arguments of the program as a list of strings."""
    size = address_size()
    r = NIL
    k = load_address(stack)
    while k > 0:
        at = load_address(stack + size * k) - base_address()
        n = 0
        while load8(at + n) != 0:
            n += 1
        s = make_string(n)
        if s == UNWIND:
            return s
        move_bytes(s + 8 - STRING, at, n)
        r = cons(s, r)
        k -= 1
    return r


@onepass("the bytes of one string")
@inline
def move_bytes(to, at, n) -> None:
    i = 0
    while i < n:
        store8(to + i, load8(at + i))
        i += 1


# -- requests of the kernel


def answer_alone(code, a, b, c, d):
    """What the slot of the host has in such a program."""
    block = load(STANDALONE)
    if code == H_CALL:
        if a & 7 == SYMBOL and load(a + SYM_SPARE) >> 3 >= FIRST_PRIMITIVE:
            return answer_primitive(block, (load(a + SYM_SPARE) >> 3) - FIRST_PRIMITIVE, c)
        if a & 7 == VECTOR:  # a function that the kernel has for some numbers of arguments, and Lisp for all others
            return invoke4(SLOT_BYTECODEDN, a, b, load(c), load(c + 8), load(c + 16))
        return ask_lisp(block, code, a, b << 3, NIL)
    if code == H_COLLECT:
        collect(a)
        return NIL
    if code == H_READCH:
        return next_character(block)
    if code == H_FATAL_MEMORY:
        leave_program(block, FAILED)
    if code == H_MEMORY_FULL:
        store(GC_REQUEST, 2)  # what the error lets go is collected at the next safepoint
        store(STACK_LIMIT, NO_LIMIT)
    if code == H_DEEP or code == H_STACK_OVERFLOW:
        return overflown(block)
    if code == H_UNSET:
        return ask_lisp(block, code, a, NIL if load8(load(b + 8 - VECTOR) + CODE_COMPILED) == 0 else T, NIL)
    return ask_lisp(
        block,
        code,
        a << 3 if load(block + RAW_FIRST) >> code & 1 != 0 else a,
        b << 3 if load(block + RAW_SECOND) >> code & 1 != 0 else b,
        c,
    )


@noinline
def ask_lisp(block, code, a, b, c):
    """Have a function of Lisp answer a request; a program ends whose errors are errors again and again."""
    s = load(load(block + ANSWERS) + 8 - VECTOR + 8 * code)
    depth = load(block + DEPTH)
    if depth > MOST_DEEP:
        leave_program(block, FAILED)
    if code != H_APPLY and code != H_EVALUATE and code != H_ERRORSET:
        store(block + DEPTH, depth + 1)
    r = invoke4(load(s + SYM_FNN), load(s + SYM_ENV), 3, a, b, c)
    store(block + DEPTH, depth)
    return r


@noinline
def overflown(block):
    """A stack is full: the error has some more of both."""
    limit = load(REAL_STACK_LIMIT)
    end = load(STACK_END)
    store(REAL_STACK_LIMIT, limit - MARGIN)
    store(STACK_LIMIT, limit - MARGIN)
    store(STACK_END, end + 2048)
    r = ask_lisp(block, H_STACK_OVERFLOW, NIL, NIL, NIL)
    store(REAL_STACK_LIMIT, limit)
    store(STACK_LIMIT, limit)
    store(STACK_END, end)
    return r


# -- what Lisp asks for


def answer_primitive(block, number, p):
    """A function of those that the answers are written with; its arguments are at ``p``."""
    a = load(p)
    if number == P_PUT_NUMBER:
        return put_number(block, a >> 3, load(p + 8)) if a & 7 == 0 else NIL
    if number == P_WRITE or number == P_PUT:
        s = print_name(a) if a & 7 == SYMBOL else a
        if s == UNWIND or s & 7 != STRING:
            return s
        if number == P_PUT:
            put_item(block, s + 8 - STRING, load(s - STRING) >> 8, load(p + 8))
        else:
            write_bytes(block, s + 8 - STRING, load(s - STRING) >> 8)
        return poll()
    if number == P_NEXT:
        return next_character(block)
    if number == P_BACK:
        if load(READ_AT) > block + INPUT:
            store(READ_AT, load(READ_AT) - 1)
        return NIL
    if number == P_COLUMN:
        return load(column_place(block)) << 3
    if number == P_WIDTH:
        old = load(block + WIDTH)
        if a & 7 == 0:
            store(block + WIDTH, a >> 3)
        return old << 3
    if number == P_SIGNAL:
        store(UNWIND_KIND, UNWIND_ERROR)
        store(UNWIND_TAG, a)
        store(UNWIND_VALUE, load(p + 8))
        return UNWIND
    if number == P_FINISH:
        store(UNWIND_KIND, UNWIND_STOP)
        store(UNWIND_TAG, a)
        store(UNWIND_VALUE, NIL)
        return UNWIND
    return other_primitive(block, number, p)


def other_primitive(block, number, p):
    """What is asked for less often."""
    a = load(p)
    if number == P_FLUSH:
        flush_output(block)
    elif number == P_SELECT:
        old = load(block + FILE)
        if a & 7 == 0 and a >> 3 != old:
            flush_output(block)
            store(block + FILE, a >> 3)
        return old << 3
    elif number == P_PEEK:
        return load(a >> 3) << 3
    elif number == P_POKE:
        store(a >> 3, load(p + 8) >> 3)
    elif number == P_POKE_WORD:
        store(a >> 3, load(p + 8))
    elif number == P_CLOCK or number == P_PROCESSOR:
        system_call(load(block + CALL_CLOCK), 2 if number == P_PROCESSOR else 0, base_address() + block + CLOCK, 0, 0)
        size = address_size()
        return load_address(block + CLOCK) * 1000 + sdiv(load_address(block + CLOCK + size), 1000000) << 3
    elif number == P_INPUT_ENDED:
        return T if load(block + ENDED) != 0 else NIL
    elif number == P_FIELD:
        return load(a + (load(p + 8) >> 3))
    elif number == P_SET_FIELD:
        set_field(a + (load(p + 8) >> 3), load(p + 16))
    elif number == P_CODE_BYTE:
        return load8(a + 8 - OTHER + (load(p + 8) >> 3)) << 3
    elif number == P_TYPE:
        return (load(a - OTHER) >> 3 & 31) << 3
    elif number == P_SYMBOLS:
        return load(ROOT_VECTOR + 8 - VECTOR + 8 * ROOT_OBLIST)
    elif number == P_MAKE_SYMBOL:
        s = make_symbol(a, SLOT_UNDEFINED1, SLOT_UNDEFINED2, SLOT_UNDEFINEDN)
        store(s + SYM_FLAGS, load(p + 8))
        return s
    return NIL


# -- output


@inline
def column_place(block):
    """Where the column of the file stands that is written to: 1, or 2 for messages."""
    return block + FIRST_COLUMN + 8 * (load(block + FILE) - 1)


@bounded("bytes of one buffer")
def flush_output(block) -> None:
    """Give the system what waits; a program whose output nobody takes ends."""
    at = base_address() + block + OUTPUT
    n = load(block + COUNT)
    store(block + COUNT, 0)
    while n > 0:
        done = system_call(load(block + CALL_WRITE), load(block + FILE), at, n, 0)
        if done <= 0:
            if done != -4:  # but an interrupted call
                system_call(load(block + CALL_EXIT), 1, 0, 0, 0)
        else:
            at += done
            n -= done


@inline
def put_byte(block, b) -> None:
    n = load(block + COUNT)
    if n == OUTPUT_SIZE:
        flush_output(block)
        n = 0
    store8(block + OUTPUT + n, b)
    store(block + COUNT, n + 1)


@bounded("the bytes of one string, at the speed of output")
def write_bytes(block, at, n) -> None:
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
def new_line(block) -> None:
    put_byte(block, NEW_LINE)
    store(column_place(block), 0)


@onepass("the bytes of one string")
def put_item(block, at, n, blank) -> None:
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


@bounded("digits of a small integer")
def put_number(block, n, blank):
    """Write a small integer as an item; t."""
    at = block + DIGITS + 32
    end = at
    m = n if n < 0 else -n
    while True:
        at -= 1
        store8(at, 48 - srem(m, 10))
        m = sdiv(m, 10)
        if m == 0:
            break
    if n < 0:
        at -= 1
        store8(at, 45)
    put_item(block, at, end - at, blank)
    return T


# -- input


def next_character(block):
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
def read_more(block, kept):
    """Read behind so many bytes at the beginning of the buffer; how many came."""
    n = -4
    while n == -4:
        n = system_call(load(block + CALL_READ), 0, base_address() + block + INPUT + kept, INPUT_SIZE - kept, 0)
    store(READ_AT, block + INPUT)
    store(READ_END, block + INPUT)
    store(block + INPUT_END, block + INPUT + kept + (n if n > 0 else 0))
    return n


@onepass("the bytes of one buffer")
def find_end(block, at) -> None:
    """Say how far the kernel may take characters by itself: up to what is no ASCII, or a carriage return."""
    end = load(block + INPUT_END)
    while at < end and load8(at) < 0x80 and load8(at) != RETURN:
        at += 1
    store(READ_END, at)
