"""The compiler of the stencil tier: bytecode becomes copies of stencils with their holes filled
(``csl_native/stencils/``).

It runs with absolute addresses, as ``apply_records`` does, over tables that the host prepares: a job (the ``J_`` words
below), rows of instructions (``I_``), rows of stencils (``S_``) and for each byte of the bytecode some words of work
(``W_``).

It goes over the bytecode three times: for the depth of the operand stack before each instruction, for the place of each
stencil, and for copying.  Operands that are in registers are the top ones; where control flow joins there is at most
one (``canonical``).
"""

from __future__ import annotations

from csl_native.relocation.apply import apply_records

from ..restricted.language import load, load8, load16, load64, store, store64, word

BOUNDED = "bytes of one function, which are at most 65536"

# The job.  J_LOCALS: bytes from the frame to the place of the first operand, one behind the locals as in the
# interpreters.
(J_CODE, J_LENGTH, J_LOCALS, J_FRAME, J_HANDLERS, J_HANDLER_COUNT, J_COUNT, J_INSTRUCTIONS, J_STENCILS, J_BYTES,
 J_RECORDS, J_KINDS, J_KIND_COUNT,
 J_TARGETS, J_WORK, J_OUT, J_OUT_SIZE, J_RUN, J_RESUME, J_RESUME_COUNT, J_CACHED, J_FRAMES, J_STUBS, J_POSITION, J_BAD,
 J_START, J_BODY,
 J_COLD_START, J_LEAVE, J_ENTER1, J_ENTER2, J_ENTERN, J_ADJUST, J_ORIGIN, J_SHIFT, J_JUMP_MASK) = range(0, 8 * 36, 8)
JOB_WORDS = 36
# An instruction: sizes and counts, then numbers of stencils (-1: none) for no operand in a register; others follow.
(I_SIZE, I_TAKES, I_GIVES, I_KIND, I_FAILS, I_STENCIL, I_COLD, I_PAIR, I_PAIR_COLD, I_OTHER_PAIR, I_OTHER_COLD,
 I_OPERAND1, I_OPERAND2, I_OPERAND3,
 I_POLL, I_TEST, I_FAR) = range(0, 8 * 17, 8)
INSTRUCTION_WORDS = 17
PLACE = 1  # in place of the shape of an operand: the instruction's own place
VALUE, BRANCH, JUMP, LEAVING = range(4)  # kinds
# A stencil: place, size and count of records; the last two also without the jump to the next one.
S_PLACE, S_SIZE, S_TRIMMED, S_RECORD, S_COUNT, S_TRIMMED_COUNT = range(0, 48, 8)
STENCIL_BYTES = 48
# Work: depth + 1 (0: not reached), is it a label, address, address behind it, address of the cold stencil, cold stencil
# + 1, place of the inputs, branch target + 1.
W_DEPTH, W_LABEL, W_ADDRESS, W_AFTER, W_COLD, W_COLD_STENCIL, W_SLOT, W_TARGET = range(0, 64, 8)
WORK_BYTES = 64
# Targets of the relocation records, by number: the stencil itself, the places that it jumps to, its holes, and what
# holes may count from.
TARGETS = ("", "go0", "go1", "go2", "go3", "hole0", "hole1", "hole2", "hole3", "hole4", "origin", "hole5")
T_NEXT, T_TARGET, T_FAIL, T_COLD, T_OPERAND1, T_OPERAND2, T_SLOT, T_FRAME, T_COUNT, T_ORIGIN, T_OPERAND3 = (
    range(8, 96, 8))
TARGET_COUNT = 12
# Stencils of the frame, by their place in J_FRAMES; the tables of ``flush`` and ``fill`` are in J_ADJUST.
FRAMES = ("start", "cold_start", "leave", "handle_0", "handle_1", "resume_0", "resume_1", "enter_1", "enter_2",
          "enter_n", "enter_1_general", "enter_2_general", "enter_n_general")
(F_START, F_COLD_START, F_LEAVE, F_HANDLE, F_HANDLE1, F_RESUME, F_RESUME1, F_ENTER1, F_ENTER2, F_ENTERN, F_ENTER1G,
 F_ENTER2G,
 F_ENTERNG) = range(0, 8 * 13, 8)


def compile_stencils(job: word) -> word:
    """Make the code of a function: its size in bytes; the size that is needed, negative, when there is no room; 0 when
    a number does not fit.
    """
    find_depths(job)
    store(job + J_POSITION, 0)
    lay_out(job, 0)
    size = load(job + J_POSITION)
    if size + 8 > load(job + J_OUT_SIZE):
        return -size - 8
    store(job + J_POSITION, 0)
    store(job + J_BAD, 0)
    lay_out(job, 1)
    return size if load(job + J_BAD) == 0 else 0


def row_at(job: word, at: word) -> word:
    """The row of the instruction at a place of the bytecode."""
    return load(job + J_INSTRUCTIONS) + 8 * INSTRUCTION_WORDS * load8(load(job + J_CODE) + at)


def target_of(job: word, at: word) -> word:
    """Where the branch at a place goes: so far from its end as its operand says."""
    row = row_at(job, at)
    p = load(job + J_CODE) + at + 1
    distance = load16(p) << 48 >> 48 if load(row + I_FAR) == 0 else (load16(p) | load16(p + 2) << 16) << 32 >> 32
    return at + load(row + I_SIZE) + distance


def find_depths(job: word) -> None:
    """Depths and labels; code that is never reached has no depth."""
    work = load(job + J_WORK)
    length = load(job + J_LENGTH)
    w = work
    while w < work + WORK_BYTES * length:
        store(w, 0)
        store(w + W_LABEL, 0)
        store(w + W_COLD_STENCIL, 0)
        store(w + W_TARGET, 0)
        w += WORK_BYTES
    store(work, 1)
    h = load(job + J_HANDLERS)
    end = h + 8 * load(job + J_HANDLER_COUNT)
    while h < end:
        w = work + WORK_BYTES * load16(h + 4)
        store(w, load16(h + 6) + 1)
        store(w + W_LABEL, 1)
        h += 8
    again = 1
    while again != 0:
        again = 0
        depth = 0
        at = 0
        while at < length:
            w = work + WORK_BYTES * at
            row = row_at(job, at)
            if load(w) != 0:
                depth = load(w)
            else:
                store(w, depth)
            if depth != 0:
                depth += load(row + I_GIVES) - load(row + I_TAKES)
                kind = load(row + I_KIND)
                if load(row + I_POLL) != 0:
                    store(w + W_LABEL, 1)
                if kind == BRANCH or kind == JUMP:
                    to = target_of(job, at)
                    wt = work + WORK_BYTES * to
                    store(wt + W_LABEL, 1)
                    if load(wt) == 0:
                        store(wt, depth)
                        if to <= at:
                            again = 1
                if kind == JUMP or kind == LEAVING:
                    depth = 0
            at += load(row + I_SIZE)


def put_stencil(job: word, stencil: word, follows: word, emit: word) -> None:
    """Append a stencil; ``follows``: what comes next in the code is where it goes on, so its last jump is left out."""
    row = load(job + J_STENCILS) + STENCIL_BYTES * stencil
    size = load(row + (S_TRIMMED if follows != 0 else S_SIZE))
    position = load(job + J_POSITION)
    store(job + J_POSITION, position + size)
    if emit == 0:
        return
    place = load(row + S_PLACE)
    out = load(job + J_OUT) + position
    bytes = load(job + J_BYTES) + place
    i = 0
    while i < size:
        store64(out + i, load64(bytes + i))
        i += 8
    count = load(row + (S_TRIMMED_COUNT if follows != 0 else S_COUNT))
    if count != 0:
        targets = load(job + J_TARGETS)
        run = load(job + J_RUN) + position
        store(targets, run & load(job + J_JUMP_MASK))
        if follows != 0:
            store(targets + T_NEXT, run + size & load(job + J_JUMP_MASK))
        bad = apply_records(load(job + J_KINDS), load(job + J_KIND_COUNT),
                            load(job + J_RECORDS) + 16 * load(row + S_RECORD), count,
                            targets, TARGET_COUNT, out - place, place + size, run - place)
        if bad != 0:
            store(job + J_BAD, bad)


def put_frame(job: word, which: word, follows: word, emit: word) -> None:
    """Append one of the stencils of the frame."""
    put_stencil(job, load(load(job + J_FRAMES) + which), follows, emit)


def aim(job: word, target: word, address: word) -> None:
    """Set a place of jumps, as an offset into the code."""
    store(load(job + J_TARGETS) + target, load(job + J_RUN) + address & load(job + J_JUMP_MASK))


def fill_hole(job: word, target: word, value: word) -> None:
    """Set a hole."""
    store(load(job + J_TARGETS) + target, load(job + J_ORIGIN) + (value << load(job + J_SHIFT)))


def canonical(job: word, depth: word) -> word:
    """How many operands are in registers where control flow joins."""
    return 1 if depth > 0 and load(job + J_CACHED) >= 3 else 0


def adjust(job: word, state: word, wanted: word, depth: word, emit: word) -> None:
    """Move operands between memory and registers; ``depth`` is how many there are."""
    if state == wanted:
        return
    fill_hole(job, T_SLOT, load(job + J_LOCALS) + 8 * depth)
    moves = load(job + J_ADJUST)
    width = load(job + J_CACHED) + 1
    if state > wanted:
        put_stencil(job, load(moves + 8 * (state * width + wanted)), 1, emit)
    while state < wanted:
        put_stencil(job, load(moves + 8 * (width * width + state)), 1, emit)
        state += 1


def failure(job: word, at: word) -> word:
    """The number of the handler that a failure at a place of the bytecode goes to; -1 when that is out of the function.
    """
    h = load(job + J_HANDLERS)
    i = 0
    while i < load(job + J_HANDLER_COUNT):
        if load16(h) <= at and at < load16(h + 2):
            return i
        h += 8
        i += 1
    return -1


def set_operands(job: word, at: word) -> None:
    """Fill the holes of the instruction at a place."""
    row = row_at(job, at)
    fill_hole(job, T_OPERAND1, operand_value(job, at, load(row + I_OPERAND1)))
    fill_hole(job, T_OPERAND2, operand_value(job, at, load(row + I_OPERAND2)))
    fill_hole(job, T_OPERAND3, operand_value(job, at, load(row + I_OPERAND3)))


def operand_value(job: word, at: word, shape: word) -> word:
    """An operand: ``shape`` is its place in the instruction, its size and its scale, eight bits each; 0: there is none.
    """
    if shape == 0:
        return 0
    if shape == PLACE:
        return at
    p = load(job + J_CODE) + at + (shape & 255)
    size = shape >> 8 & 255
    return (load8(p) if size == 1 else load16(p)) << (shape >> 16)


def put_instruction(job: word, at: word, state: word, emit: word) -> word:
    """Append the stencil of the instruction at a place, and note what its cold one needs.  What follows: its place << 8
    | operands in registers, with 128 when control does not get there."""
    w = load(job + J_WORK) + WORK_BYTES * at
    row = row_at(job, at)
    depth = load(w) - 1
    kind = load(row + I_KIND)
    takes = load(row + I_TAKES)
    after = depth - takes + load(row + I_GIVES)
    following = at + load(row + I_SIZE)
    stencil = load(row + I_STENCIL)
    cold = load(row + I_COLD)
    branch = at
    if load(row + I_PAIR) >= 0 and load(w + WORK_BYTES * load(row + I_SIZE) + W_LABEL) == 0:
        test = load(row_at(job, following) + I_TEST)
        if test != 0:
            stencil = load(row + (I_PAIR if test == 1 else I_OTHER_PAIR))
            cold = load(row + (I_PAIR_COLD if test == 1 else I_OTHER_COLD))
            branch = following
            following += load(row_at(job, following) + I_SIZE)
            kind = BRANCH
            after -= 1
    handler = failure(job, at) if load(row + I_FAILS) != 0 else -1
    if handler >= 0 and state > takes:
        adjust(job, state, takes, depth, emit)
        state = takes
    if kind == BRANCH or kind == JUMP:
        store(w + W_TARGET, target_of(job, branch) + 1)
        wanted = takes + canonical(job, after)
        if wanted > takes or state > takes:
            if state != wanted:
                adjust(job, state, wanted, depth, emit)
                state = wanted
    slot = load(job + J_LOCALS) + 8 * (depth - takes)
    store(w + W_SLOT, slot)
    if cold >= 0:
        store(w + W_COLD_STENCIL, cold + state + 1)
    if emit != 0:
        aim_instruction(job, at)
    put_stencil(job, stencil + state, 1, emit)
    store(w + W_AFTER, load(job + J_POSITION))
    left = state - takes if state > takes else 0
    if kind != BRANCH and load(row + I_GIVES) != 0 and left < load(job + J_CACHED):
        left += 1
    return following << 8 | left | (128 if kind == JUMP or kind == LEAVING else 0)


def aim_instruction(job: word, at: word) -> None:
    """Set everything that the stencils of the instruction at a place refer to."""
    w = load(job + J_WORK) + WORK_BYTES * at
    fill_hole(job, T_SLOT, load(w + W_SLOT))
    handler = failure(job, at)
    aim(job, T_FAIL, load(job + J_LEAVE) if handler < 0 else load(load(job + J_STUBS) + 8 * handler))
    if load(w + W_TARGET) != 0:
        aim(job, T_TARGET, load(load(job + J_WORK) + WORK_BYTES * (load(w + W_TARGET) - 1) + W_ADDRESS))
    aim(job, T_COLD, load(w + W_COLD))
    set_operands(job, at)


def lay_out(job: word, emit: word) -> None:
    """All of the code, once without writing it."""
    put_entries(job, emit)
    work = load(job + J_WORK)
    length = load(job + J_LENGTH)
    at = 0
    state = 0
    gone = 0
    while at < length:
        w = work + WORK_BYTES * at
        if load(w) == 0:
            at += load(row_at(job, at) + I_SIZE)
        else:
            if load(w + W_LABEL) != 0:
                wanted = canonical(job, load(w) - 1)
                if gone == 0:
                    adjust(job, state, wanted, load(w) - 1, emit)
                state = wanted
            store(w + W_ADDRESS, load(job + J_POSITION))
            r = put_instruction(job, at, state, emit)
            at = r >> 8
            state = r & 127
            gone = r & 128
    put_cold(job, emit)
    put_stubs(job, emit)


def put_entries(job: word, emit: word) -> None:
    """The entries by argument count, and what they lead to."""
    fill_hole(job, T_ORIGIN, 0)
    fill_hole(job, T_FRAME, load(job + J_FRAME))
    count = load(job + J_COUNT)
    fill_hole(job, T_COUNT, count)
    aim(job, T_NEXT, load(job + J_START))
    aim(job, T_FAIL, load(job + J_LEAVE))
    aim(job, T_COLD, load(job + J_COLD_START))
    store(job + J_ENTER1, load(job + J_POSITION))
    if count == 255:
        put_frame(job, F_ENTER1G, 0, emit)
        store(job + J_ENTER2, load(job + J_POSITION))
        put_frame(job, F_ENTER2G, 0, emit)
        store(job + J_ENTERN, load(job + J_POSITION))
        put_frame(job, F_ENTERNG, 1, emit)
    else:
        store(job + J_ENTER2, load(job + J_POSITION))
        store(job + J_ENTERN, load(job + J_POSITION))
        put_frame(job, F_ENTER1 if count == 1 else F_ENTER2 if count == 2 else F_ENTERN, 1, emit)
    store(job + J_START, load(job + J_POSITION))
    put_frame(job, F_START, 1, emit)
    store(job + J_BODY, load(job + J_POSITION))


def put_cold(job: word, emit: word) -> None:
    """The cold stencils, each with the way back."""
    work = load(job + J_WORK)
    length = load(job + J_LENGTH)
    at = 0
    while at < length:
        w = work + WORK_BYTES * at
        if load(w) != 0 and load(w + W_COLD_STENCIL) != 0:
            store(w + W_COLD, load(job + J_POSITION))
            if emit != 0:
                aim_instruction(job, at)
                aim(job, T_NEXT, load(w + W_AFTER))
            put_stencil(job, load(w + W_COLD_STENCIL) - 1, 0, emit)
        at += load(row_at(job, at) + I_SIZE)


def put_stubs(job: word, emit: word) -> None:
    """How the function is left by a failure, where handlers begin, and where a frame of the interpreter goes on here.
    """
    work = load(job + J_WORK)
    store(job + J_COLD_START, load(job + J_POSITION))
    aim(job, T_NEXT, load(job + J_BODY))
    aim(job, T_FAIL, load(job + J_LEAVE))
    put_frame(job, F_COLD_START, 0, emit)
    store(job + J_LEAVE, load(job + J_POSITION))
    put_frame(job, F_LEAVE, 0, emit)
    i = 0
    while i < load(job + J_HANDLER_COUNT):
        h = load(job + J_HANDLERS) + 8 * i
        store(load(job + J_STUBS) + 8 * i, load(job + J_POSITION))
        fill_hole(job, T_SLOT, load(job + J_LOCALS) + 8 * load16(h + 6) - 8)
        aim(job, T_NEXT, load(work + WORK_BYTES * load16(h + 4) + W_ADDRESS))
        put_frame(job, F_HANDLE1 if canonical(job, load16(h + 6)) != 0 else F_HANDLE, 0, emit)
        i += 1
    rows = load(job + J_RESUME)
    store(rows, 0)
    store(rows + 8, load(job + J_POSITION))
    aim(job, T_NEXT, load(job + J_START))
    put_frame(job, F_RESUME, 0, emit)
    count = 1
    at = 0
    while at < load(job + J_LENGTH):
        w = work + WORK_BYTES * at
        row = row_at(job, at)
        if load(row + I_POLL) != 0 and load(w) != 0:
            store(rows + 16 * count, at)
            store(rows + 16 * count + 8, load(job + J_POSITION))
            fill_hole(job, T_SLOT, load(job + J_LOCALS) + 8 * (load(w) - 2))
            aim(job, T_NEXT, load(w + W_ADDRESS))
            put_frame(job, F_RESUME1 if canonical(job, load(w) - 1) != 0 else F_RESUME, 0, emit)
            count += 1
        at += load(row + I_SIZE)
    store(job + J_RESUME_COUNT, count)
