"""The cage: one reserved range of address space, and the VM block at its start.

``VM block | entry slots | heap | mark bits | start bits | lines | cards | chunks | Lisp stack | bindings | scratch``

Only the heap is ever written to an image.  Everything behind it has its place
in the VM block, because it depends on the heap limit.
"""

from __future__ import annotations

from ..system.records import Record

_FIELDS = (
    "free", "limit",  # allocation: next byte, end of chunk
    "stack_limit",  # safepoint: machine stack pointer below this -> slow path
    # the true limit; nonzero: a debugger is attached, so every safepoint takes the slow path
    "real_stack_limit", "debugged",
    "native_base",  # machine stack address where Lisp began (0: not inside)
    "sp", "stack_base", "stack_end",  # Lisp stack, grows up
    "bp", "bind_base", "bind_end",  # fluid bindings: (symbol, old value) pairs, grows up
    "heap_start", "heap_top", "heap_end",  # in use up to top, may grow to end
    "reserve",  # bytes below the end that only allocation between safepoints may use
    "cursor", "large_cursor",  # lines where the search for free ones goes on, for chunks and for large objects
    "chunk_start", "chunks", "chunk_count",
    "marks", "starts", "lines", "cards",
    "mark_stack", "mark_sp",
    "allocated", "budget", "gc_count", "full_count", "live_lines", "full_live", "gc_stress", "gc_request", "gc_bytes",
    "unwind_kind", "unwind_tag", "unwind_value",
    "interrupt", "epoch", "gensym", "entry_top", "modulus", "scratch", "scratch_end",
    "forward", "copy_base", "copy_top", "image_top",
    "libm_sin", "libm_cos", "libm_tan", "libm_atan", "libm_exp", "libm_log",  # addresses of C functions
    # calls and jumps, 4096 words; how many make a function native, and optimised (0: nobody counts)
    "counters", "threshold", "hot",
    "ticks", "period",  # calls until native code counts one for all of them, and how many those are
    "resume_at", "resume_depth",
    # limbs of the shorter factor, and of a divisor, from which on the host is asked (it may have a library)
    "long_limbs", "long_divisor",
    "read_at", "read_end",  # characters of the current input that the kernel can take by itself
    "tracing",  # an error is under way, and the host wants to know which functions it leaves
    "float_trap",  # is a result that is infinite or no number an error?
    # what a body of the engine calls gives besides the next place: its stack pointer, or the value of the function
    "engine_sp",
    "deep_stack",  # where the machine stack of Lisp begins that is not the caller's own (0: it runs on that one)
    "outside",  # counts when native code calls a C function and when that has returned: odd while one runs
    "callback", "answer",  # address of the host's function, and where it leaves its answer
    "precision", "decimal_exponent",  # digits that floats are printed with; the power of ten of the first digit of one
    "scaled_high", "scaled_low", "scaled_exponent",  # a number of 128 bits, times a power of two
    # Are messages of errors printed, and what do they say of the functions that are left (lisp/errors.py)?  Are they
    # kept apart, for an exception?
    "error_shown", "error_trace", "error_aside",
    "errorset_least", "errorset_most",  # between which levels errorset is held
    # What the kernel prints by itself goes here (0: the host prints); the column behind it, and the length of lines.
    "print_at", "print_end", "print_column", "print_width",
    # The variables that say where printing goes, and their values when that was the stream that this is for.
    "print_output", "print_terminal", "print_stream", "print_other",
    # A name that the environment does not have, the hash of its bytes, and how often that is believed without asking.
    "absent_name", "absent_hash", "absent_left",
    "standalone",  # place of the block of a program that stands alone (kernel/standalone.py)
)
VM: dict[str, int] = {name: 64 + 8 * k for k, name in enumerate(_FIELDS)}

SLOTS = 0x1000  # first entry slot
# bytes: a function whose name has this hash was redefined while code with its body in it may run
GUARDS, GUARD_COUNT = 0x800, 0x800
HEAP = 0x80000  # offset of the heap in every cage

# forms inside of each other that are evaluated as they are: what is deeper is compiled, which takes no stack
NESTED = 20

LINE = 256
CHUNK = 1 << 18

# why the program is interrupted: the host has something to do at a safepoint; it is to be ended, at a poll, too
WORD, STOP = 8, 16

UNWIND_ERROR, UNWIND_THROW, UNWIND_STOP, UNWIND_RESTART, UNWIND_LIMIT = 8, 16, 24, 32, 40  # fixnums


class CageLayout(Record):
    """Places of the parts of a cage for a heap of at most ``heap`` bytes; all aligned to the largest pages that systems
    have.
    """

    heap: int
    stack: int = 256 << 20
    bindings: int = 128 << 20

    @classmethod
    def of(cls, heap: int, word: int) -> CageLayout:
        """The layout for a machine whose addresses have so many bytes: where these are 4, room is scarce."""
        return cls(heap) if word == 8 else cls(heap, 32 << 20, 16 << 20)

    def places(self) -> dict[str, int]:
        top = HEAP + self.heap
        places: dict[str, int] = {}
        for name, size in (("marks", top // 128), ("starts", top // 128), ("lines", top // LINE), ("cards", top // 512),
                           ("chunks", self.heap // 16 + (1 << 16)), ("counters", 8 * 4096), ("window", 1 << 16),
                           ("stack", self.stack), ("bindings", self.bindings),
                           ("scratch", self.heap + (1 << 16)), ("forward", self.heap // 2 + (1 << 16))):
            top = (top + 65535) & ~65535
            places[name] = top
            top += size
        places["end"] = (top + 65535) & ~65535
        return places

# The names above as constants that kernel modules import.
FREE, LIMIT, STACK_LIMIT = VM["free"], VM["limit"], VM["stack_limit"]
REAL_STACK_LIMIT, DEBUGGED, NATIVE_BASE = VM["real_stack_limit"], VM["debugged"], VM["native_base"]
SP, STACK_BASE, STACK_END = VM["sp"], VM["stack_base"], VM["stack_end"]
BP, BIND_BASE, BIND_END = VM["bp"], VM["bind_base"], VM["bind_end"]
HEAP_START, HEAP_TOP, HEAP_END, RESERVE = (VM[k] for k in ("heap_start", "heap_top", "heap_end", "reserve"))
CURSOR, LARGE_CURSOR = VM["cursor"], VM["large_cursor"]
CHUNK_START, CHUNKS, CHUNK_COUNT = VM["chunk_start"], VM["chunks"], VM["chunk_count"]
MARKS, STARTS, LINES, CARDS = VM["marks"], VM["starts"], VM["lines"], VM["cards"]
MARK_STACK, MARK_SP = VM["mark_stack"], VM["mark_sp"]
ALLOCATED, BUDGET, GC_COUNT, FULL_COUNT = VM["allocated"], VM["budget"], VM["gc_count"], VM["full_count"]
LIVE_LINES, FULL_LIVE, GC_STRESS, GC_REQUEST, GC_BYTES = (
    VM[k] for k in ("live_lines", "full_live", "gc_stress", "gc_request", "gc_bytes"))
UNWIND_KIND, UNWIND_TAG, UNWIND_VALUE = VM["unwind_kind"], VM["unwind_tag"], VM["unwind_value"]
INTERRUPT, EPOCH, GENSYM, ENTRY_TOP, MODULUS = (VM[k] for k in ("interrupt", "epoch", "gensym", "entry_top", "modulus"))
SCRATCH, SCRATCH_END = VM["scratch"], VM["scratch_end"]
ENGINE_SP, FLOAT_TRAP, COUNTERS, THRESHOLD, HOT = (VM["engine_sp"], VM["float_trap"], VM["counters"], VM["threshold"],
                                                   VM["hot"])
TICKS, PERIOD = VM["ticks"], VM["period"]
READ_AT, READ_END = VM["read_at"], VM["read_end"]
LONG_LIMBS, LONG_DIVISOR = VM["long_limbs"], VM["long_divisor"]
TRACING, RESUME_AT, RESUME_DEPTH = VM["tracing"], VM["resume_at"], VM["resume_depth"]
DEEP_STACK, OUTSIDE, CALLBACK, ANSWER = VM["deep_stack"], VM["outside"], VM["callback"], VM["answer"]
PRECISION, DECIMAL_EXPONENT = VM["precision"], VM["decimal_exponent"]
SCALED_HIGH, SCALED_LOW, SCALED_EXPONENT = VM["scaled_high"], VM["scaled_low"], VM["scaled_exponent"]
ERROR_SHOWN, ERROR_TRACE, ERROR_ASIDE = VM["error_shown"], VM["error_trace"], VM["error_aside"]
ERRORSET_LEAST, ERRORSET_MOST = VM["errorset_least"], VM["errorset_most"]
PRINT_AT, PRINT_END, PRINT_COLUMN, PRINT_WIDTH, PRINT_OUTPUT, PRINT_TERMINAL, PRINT_STREAM, PRINT_OTHER = (
    VM["print_" + k] for k in ("at", "end", "column", "width", "output", "terminal", "stream", "other"))
ABSENT_NAME, ABSENT_HASH, ABSENT_LEFT = VM["absent_name"], VM["absent_hash"], VM["absent_left"]
STANDALONE = VM["standalone"]
FORWARD, COPY_BASE, COPY_TOP, IMAGE_TOP = (VM[k] for k in ("forward", "copy_base", "copy_top", "image_top"))
LIBM_SIN, LIBM_COS, LIBM_TAN, LIBM_ATAN, LIBM_EXP, LIBM_LOG = (VM["libm_" + k]
                                                               for k in ("sin", "cos", "tan", "atan", "exp", "log"))
