"""A program that stands alone: one file that the system starts, with this kernel in it and no Python
(``native/executable.py`` makes it).

Here is what the host is then. Where the program begins the rest of the cage is mapped; what the kernel asks for is
collecting, reading and the end of the program, which are done here by calls of the system, and all other requests are
functions of Lisp, by number in a vector.
"""

from __future__ import annotations

from ..heap.objects import SYM_ENV, SYM_FLAGS, SYM_FN1, SYM_FNN, SYM_SPARE
from ..heap.vm import (
    GC_REQUEST,
    NATIVE_BASE,
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
from ..restricted.language import (
    address_size,
    base_address,
    bounded,
    change_stack,
    handled,
    invoke1,
    invoke4,
    load,
    load8,
    load_address,
    noinline,
    sdiv,
    stack_pointer,
    store,
    word,
)
from .aloneblock import (
    ANSWERS,
    CALL_CLOCK_GETTIME,
    CALL_EXIT_GROUP,
    CALL_MMAP,
    CLOCK,
    DEPTH,
    ENDED,
    FILE,
    GAP_ROWS,
    GAPS,
    MAIN,
    MAP_FLAGS,
    MOST_DEEP,
    RAW_FIRST,
    RAW_SECOND,
    STACK_TOP,
    WIDTH,
    move_bytes,
    system_call,
)
from .alonestreams import (
    change_input,
    close_file,
    column_place,
    flush_output,
    next_character,
    open_file,
    put_item,
    put_number,
    step_back,
    write_bytes,
)
from .calls import SLOT_BYTECODEDN, SLOT_UNDEFINED1, SLOT_UNDEFINED2, SLOT_UNDEFINEDN
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
    "open",
    "close",
    "input",
    "set-column",
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
    P_OPEN,
    P_CLOSE,
    P_INPUT,
    P_SET_COLUMN,
) = range(len(PRIMITIVES))
FIRST_PRIMITIVE = 1 << 20  # numbers of functions from which on they are these

MAP_ACCESS = 3  # to be read and written
MARGIN = 1 << 19  # bytes of the machine stack that an error of its overflow has
FAILED = 2  # the status of a program that the system does not give what it needs


def begin_program(stack: word) -> word:
    """Where a program begins: on the stack that the system gave, which has its arguments."""
    map_rest(load(STANDALONE))
    change_stack(load(load(STANDALONE) + STACK_TOP))
    run_program(stack)
    return 0


@bounded("parts of the cage")
def map_rest(block: word) -> None:
    """Map what the file has no contents for."""
    row = block + GAP_ROWS
    end = row + 16 * load(block + GAPS)
    while row < end:
        address = base_address() + load(row)
        if system_call(load(block + CALL_MMAP), address, load(row + 8), MAP_ACCESS, load(block + MAP_FLAGS)) != address:
            system_call(load(block + CALL_EXIT_GROUP), FAILED, 0, 0, 0)
        row += 16


@noinline
def run_program(stack: word) -> None:
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


def leave_program(block: word, status: word) -> None:
    """The end of the program."""
    flush_output(block)
    system_call(load(block + CALL_EXIT_GROUP), status, 0, 0, 0)


@bounded("what the system gave the program")
def program_arguments(stack: word) -> word:
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


# -- requests of the kernel


def answer_alone(code: word, a: word, b: word, c: word, d: word) -> word:
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
def ask_lisp(block: word, code: word, a: word, b: word, c: word) -> word:
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
def overflown(block: word) -> word:
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


def answer_primitive(block: word, number: word, p: word) -> word:
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
        step_back(block, a >> 3)
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


def other_primitive(block: word, number: word, p: word) -> word:
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
        which = 2 if number == P_PROCESSOR else 0
        system_call(load(block + CALL_CLOCK_GETTIME), which, base_address() + block + CLOCK, 0, 0)
        return load_address(block + CLOCK) * 1000 + sdiv(load_address(block + CLOCK + 8), 1000000) << 3
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
    elif number == P_OPEN:
        return open_file(block, a, load(p + 8) >> 3) << 3
    elif number == P_CLOSE:
        close_file(block, a >> 3)
    elif number == P_INPUT:
        return change_input(block, a >> 3, load(p + 8))
    elif number == P_SET_COLUMN:
        store(column_place(block), a >> 3)
    return NIL
