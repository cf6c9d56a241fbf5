"""A running kernel over a cage, and Lisp values seen from Python.

The kernel is either native (a page set of this machine's tag) or CPython's
execution of the same source; everything above this module does not know which.
"""

from __future__ import annotations

import builtins
import ctypes
import struct
import weakref
from collections.abc import Callable, Iterable, Iterator
from itertools import repeat

from csl_native.system.exceptions import Error

from ..heap.cage import Cage
from ..heap.generated import serial, stem
from ..heap.objects import (
    BIGNEG_HEADER,
    BIGPOS_HEADER,
    COMPLEX_HEADER,
    F_FLUID,
    F_GENSYM,
    F_GLOBAL,
    F_KEYWORD,
    F_UNNAMED,
    FLOAT_HEADER,
    RATIO_HEADER,
    SYM_FLAGS,
    SYM_PNAME,
    SYM_VALUE,
    SYMBOL_SIZE,
)
from ..heap.roots import Roots
from ..heap.vm import HEAP, LINE, SLOTS, UNWIND_ERROR, VM, CageLayout
from ..heap.words import CONS, FLOAT, OTHER, STRING, SYMBOL, TAG_NAMES, UNWIND, VECTOR
from ..kernel.calls import ENTRY_NAMES, SLOT
from ..kernel.host import H_RUN
from ..kernel.memory import FIXED_SYMBOLS, NIL, ROOT_OBLIST, ROOT_VECTOR, UNSET, T
from ..system import utf8
from ..system.apart import Apart
from ..system.gmp import PRODUCT_LIMBS, QUOTIENT_LIMBS
from ..system.memory import MEMORY
from .kernels import C_FUNCTIONS, ClosedKernel, NativeKernel, Unwinding, c_pointer
from .outside import TO_FLOAT, TO_HOST, Ways
from .stacks import PYTHON_LOOKS, Stacks

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeVar

    Thing = TypeVar("Thing")

_word = ctypes.c_int64


FEW = 1 << 16  # bytes or words that Python takes without asking whether there is room
HELD = 48  # bytes of Python's for a word that it holds: in a list, as a number and noted (roots.py)
COPIES = 3  # of a text that Python looks at: as bytes, as characters, and what becomes of it

MOST_LIMBS = 17  # longer integers are beyond all floats


class BadRequest(Error, ValueError):
    """What cannot be done as it was asked for, in words for the user; a bare ValueError is Python's, whose words mean
    nothing to one.
    """


class WrongType(BadRequest):
    """A value of another type than the one that is looked into; ``value`` is that word."""

    def __init__(self, expected: str, value: int) -> None:
        super().__init__(f"{expected} expected, not {TAG_NAMES[value & 7]}")
        self.value = value


def first_fields(layout: CageLayout, places: dict[str, int]) -> dict[str, int]:
    """What stands in the VM block of a new cage."""
    return {
        **{name: places[name]
           for name in ("marks", "starts", "lines", "cards", "chunks", "counters", "scratch", "forward")},
        "heap_start": HEAP, "heap_top": HEAP, "heap_end": HEAP + layout.heap,
        "reserve": max(4 << 20, layout.heap // 16),
        "cursor": HEAP // LINE, "large_cursor": HEAP // LINE,
        "sp": places["stack"], "stack_base": places["stack"], "stack_end": places["stack"] + layout.stack - 4096,
        "bp": places["bindings"], "bind_base": places["bindings"],
        "bind_end": places["bindings"] + layout.bindings - 64,
        "mark_stack": places["scratch"], "scratch_end": places["forward"], "budget": 8 << 20,
        "epoch": 8, "modulus": 8, "precision": 6,
        "long_limbs": PRODUCT_LIMBS, "long_divisor": QUOTIENT_LIMBS, "unwind_kind": 0,
        "unwind_tag": 0, "unwind_value": 0}


class Machine(Roots, Stacks):
    """Memory, kernel and entry slots of one session."""

    def __init__(self, cage: Cage) -> None:
        self.cage = cage
        self.words, self.bytes, self.doubles = cage.words, cage.bytes, cage.doubles
        self._setup_roots()
        self.kernel: Any = None
        self.native = False
        # an interrupt was asked for, not only a word with the host; that, or a limit was reached
        self.interrupted = self.attention = False
        self.charges: dict[str, int] = {}
        self.check_limits: Callable[[], None] = lambda: None
        self.make_room: Callable[[], None] = lambda: None  # collects
        self.entries: dict[int, Callable[..., int]] = {}
        self.symbols: dict[str, int] = {}
        self.host: Callable[[int, int, int, int], int] = lambda code, a, b, c: UNWIND
        self._callback: Any = None
        self._keep: list[Any] = []
        self.entry_names: tuple[str, ...] = ENTRY_NAMES
        this = weakref.ref(self)  # what has a process to end knows no session, which could not be dropped otherwise
        self.apart = Apart(lambda: found.look() if (found := this()) is not None else None)
        self._setup_vm()

    # -- starting ------------------------------------------------------------

    def _setup_vm(self) -> None:
        for name, value in first_fields(self.cage.layout, self.cage.places).items():
            self.cage[name] = value

    def attach_native(self, functions: dict[str, int], arities: dict[str, int], entry_names: Iterable[str],
                      engine: str) -> None:
        """Run the kernel natively, and bytecode on one of its engines: ``functions`` are addresses of this process."""
        self.entry_names = tuple(entry_names)
        ways = Ways(functions)
        self._keep.append(ways)
        self.kernel, self.native = NativeKernel(self.cage, ways.inward(), arities, self.note, self.room), True
        self.changes_stacks = "run_host" in functions and MEMORY.lazy and not PYTHON_LOOKS
        if self.changes_stacks:
            self.enter_few = self.kernel.raw("enter_few")
        prototype = ctypes.CFUNCTYPE(_word, ctypes.c_void_p, _word, _word, _word, _word, _word)
        self._callback = prototype(self.answer_kernel)
        slot = SLOTS >> 3
        for number, name in enumerate(self.entry_names):
            self.words[slot + number] = functions.get(name, 0)  # the host's follows; a machine may lack an engine
        address = ctypes.cast(self._callback, ctypes.c_void_p).value
        assert address is not None
        self.words[_CALLBACK], = ways.outward(TO_HOST, address)
        self.words[SLOT["host"] >> 3] = functions["ask_host"]
        self.words[SLOT["interpret"] >> 3], self.words[SLOT["run"] >> 3] = functions[f"interpret_{engine}"], functions[
            f"run_{engine}"]
        pointers = [c_pointer(name) for name in C_FUNCTIONS]
        self._keep += pointers
        addresses = ways.outward(TO_FLOAT, *(ctypes.cast(found, ctypes.c_void_p).value or 0 for found in pointers))
        for name, place in zip(C_FUNCTIONS, addresses, strict=True):
            self.words[VM["libm_" + name] >> 3] = place
        self.cage["entry_top"] = SLOTS + 8 * len(self.entry_names)

    def answer_kernel(self, base: int, code: int, a: int, b: int, c: int, stack: int) -> int:
        """A request of the native kernel; whatever exception comes out of it is an error of Lisp."""
        self.left_at = stack
        try:
            answer = self.host(code, a, b, c) if code != H_RUN else self.bridge()
        except BaseException:
            words = self.words
            words[_KIND], words[_TAG], words[_VALUE] = UNWIND_ERROR, NIL, NIL
            answer = UNWIND
        self.words[_ANSWER] = answer
        return 0

    def format(self) -> None:
        """A new, empty heap: fixed symbols and an object list with them on it."""
        self.cage["heap_top"] = HEAP + 65536
        self.cage["gensym"] = 1
        self.cage["cursor"] = self.cage["large_cursor"] = (HEAP + 4096) // LINE
        for line in range(HEAP // LINE, (HEAP + 4096) // LINE):
            self.bytes[self.cage["lines"] + line] = 1
        k = self.kernel
        k.format_heap(SLOT["undefined1"], SLOT["undefined2"], SLOT["undefinedn"])
        p = HEAP
        for _ in range(len(FIXED_SYMBOLS) + 1):
            self.words[self.cage["marks"]
                       + (p >> 10 << 3) >> 3] |= 1 << (p >> 4 & 63) if p >> 4 & 63 != 63 else -1 << 63
            self.words[self.cage["starts"]
                       + (p >> 10 << 3) >> 3] |= 1 << (p >> 4 & 63) if p >> 4 & 63 != 63 else -1 << 63
            p += SYMBOL_SIZE
        self.set_root(ROOT_OBLIST, k.make_vector(4096, 0))
        self.set_root(1, 0)
        for number, name in enumerate(FIXED_SYMBOLS):
            symbol = HEAP + SYMBOL_SIZE * number + SYMBOL
            self.words[symbol + SYM_PNAME >> 3] = self.string(name.replace("!", ""))
            if number != 2:
                k.enter_symbol(symbol)
        for symbol in (NIL, T):
            self.words[symbol + SYM_FLAGS >> 3] = F_GLOBAL | F_GLOBAL << 1
        self.words[(HEAP + 3 * SYMBOL_SIZE + SYMBOL + SYM_FLAGS) >> 3] = F_FLUID

    def detach(self) -> None:
        """The cage is closed: nothing of it can be touched any more."""
        self.kernel = ClosedKernel()

    # -- values ----------------------------------------------------------------

    def car(self, x: int) -> int:
        """The first of a pair; ValueError for anything else, so that no Python code reads past what a program has."""
        if x & 7 != CONS:
            raise WrongType("pair", x)
        word = self.words[x >> 3]
        self.note(word)
        return word

    def cdr(self, x: int) -> int:
        """The rest of a pair; ValueError for anything else."""
        if x & 7 != CONS:
            raise WrongType("pair", x)
        word = self.words[x + 7 >> 3]
        self.note(word)
        return word

    def cons(self, a: int, d: int) -> int:
        words = self.words
        p = words[_FREE]
        if p + 16 > words[_LIMIT]:
            self.room((a, d))
            p = self.kernel.allocate_slow(16)
        else:
            words[_FREE] = p + 16
        words[p >> 3] = a
        words[(p >> 3) + 1] = d
        p += CONS
        self.note(p)
        return p

    def list(self, items: Iterable[int], tail: int = NIL) -> int:
        return self.reversed_list(reversed(builtins.list(items)), tail)

    def reversed_list(self, items: Iterable[int], tail: int = NIL) -> int:
        """The list of items that come from its end on, and that somebody else holds; however long it is, it can be
        ended.
        """
        result, mark = tail, len(self.met)
        for count, item in enumerate(items, 1):
            result = self.cons(item, result)
            if count & 4095 == 0:
                del self.met[mark:]
                self.note(result)
                self.look()
        return result

    def items(self, x: int) -> Iterator[int]:
        """The elements of a list; a final atom is ignored.
        One that has more than the heap has room for goes round in a circle.
        """
        words, note, met = self.words, self.note, self.met
        most = len(met) + FEW
        for _ in repeat(None, self.cage.heap >> 4):
            if x & 7 != CONS:
                return
            word = words[x >> 3]
            x = words[x + 7 >> 3]
            note(word)
            note(x)  # whoever takes the element may change the list
            yield word
            if self.attention:
                self.stop_here()
            if len(met) > most:  # whoever takes the elements keeps them
                most = len(met) + FEW
                self.need(len(met) * HELD >> 1)
        raise MemoryError("a list without an end")

    def steps(self, things: Iterable[Thing]) -> Iterator[Thing]:
        """What a loop of Python goes over whose length a program chose: between two rounds it can be ended."""
        for thing in things:
            yield thing
            if self.attention:
                self.stop_here()

    def each(self, x: int) -> Iterator[int]:
        """The elements of a list for a loop that keeps nothing of what it meets: that is forgotten at each step."""
        mark = len(self.met)
        for item in self.items(x):
            yield item
            del self.met[mark:]

    def room(self, held: Iterable[int] = ()) -> None:
        """Before Python makes something, however small: what it makes one after the other does not fill the reserve."""
        words = self.words
        half = words[_RESERVE] >> 1
        if words[_HEAP_END] - words[_HEAP_TOP] < half and self.kernel.free_bytes() < half:
            self.need(half >> 2, held)  # with less there would be a collection for each of the next things

    def need(self, size: int, held: Iterable[int] = ()) -> None:
        """Refuse a size that the heap has no room for, before Python takes memory for it; ``held`` are words that
        nobody has noted.
        """
        half = self.words[_RESERVE] >> 1
        if size <= self.cage.heap:
            if self.kernel.free_bytes() >= size + half:
                return
            self.met.extend(held)
            self.make_room()
            if self.kernel.free_bytes() >= size + half:
                return
        raise MemoryError(f"no room for {size} bytes")

    def string(self, text: str | bytes) -> int:
        if len(text) > FEW:
            self.need(COPIES * len(text))
        data = utf8.encode(text) if isinstance(text, str) else text
        s: int = self.kernel.make_string(len(data))
        self.bytes[s + 8 - STRING:s + 8 - STRING + len(data)] = data
        return s

    def string_bytes(self, s: int) -> bytes:
        if s & 7 != STRING:
            raise WrongType("string", s)
        p = s - STRING
        size = self.words[p >> 3] >> 8
        if size > FEW:
            self.note(s)
            self.need(COPIES * size)
        return bytes(self.bytes[p + 8:p + 8 + size])

    def text(self, s: int) -> str:
        """The text of a string or of a symbol's name."""
        return utf8.decode(self.string_bytes(self.name(s) if s & 7 == SYMBOL else s))

    def name(self, symbol: int) -> int:
        """The string that is the name of a symbol.
        A generated one gets its number now, when somebody wants to know it, as in the original.
        """
        flags, name = self.flags(symbol), self.field(symbol, SYM_PNAME)
        if not flags & F_UNNAMED:
            return name
        number = self.cage["gensym"]
        self.cage["gensym"] = number + 1
        name = self.string(self.string_bytes(name) + serial(number).encode())
        self.set_field(symbol, SYM_PNAME, name)
        self.words[symbol + SYM_FLAGS >> 3] = flags & ~F_UNNAMED
        return name

    def is_interned(self, symbol: int) -> bool:
        return bool(self.kernel.find_symbol(self.field(symbol, SYM_PNAME)) == symbol)

    def label(self, symbol: int) -> str:
        """What a symbol is called where that is not the program's business; generated ones without their number, which
        they may not have yet.
        """
        text = utf8.decode(self.string_bytes(self.field(symbol, SYM_PNAME)))
        return stem(text) if self.flags(symbol) & F_GENSYM else text

    def intern(self, name: str) -> int:
        """The symbol with this name on the object list, which stays there: for names that Python code has."""
        symbol = self.symbols.get(name)
        if symbol is None:
            symbol = self.symbols[name] = self.symbol(name)
        return symbol

    def symbol(self, name: str) -> int:
        """The same for a name that the program has: when nobody refers to the symbol any more, it goes."""
        return int(self.kernel.intern(self.string(name), SLOT["undefined1"], SLOT["undefined2"], SLOT["undefinedn"]))

    def known_symbol(self, name: str) -> int | None:
        """The symbol with this name, when there is one."""
        return int(self.kernel.find_symbol(self.string(name))) or None

    def make_symbol(self, name: str) -> int:
        return int(self.kernel.make_symbol(self.string(name), SLOT["undefined1"], SLOT["undefined2"],
                                           SLOT["undefinedn"]))

    def field(self, x: int, offset: int) -> int:
        """A field of an object; offsets are from the tag, so that they tell which one it must have."""
        if x + offset & 7:
            raise WrongType(TAG_NAMES[-offset & 7], x)
        word = self.words[x + offset >> 3]
        self.note(word)
        return word

    def set_field(self, x: int, offset: int, value: int) -> None:
        """Store into a heap object and mark its card."""
        p = x + offset
        if p & 7:
            raise WrongType(TAG_NAMES[-offset & 7], x)
        self.words[p >> 3] = value
        self.bytes[self.words[_CARDS] + (p >> 9)] = 1

    def flags(self, symbol: int) -> int:
        return int(self.symbol_words(symbol)[symbol + SYM_FLAGS >> 3])

    def symbol_words(self, symbol: int) -> Any:
        """All words, for those who look into a symbol."""
        if symbol & 7 != SYMBOL:
            raise WrongType("symbol", symbol)
        return self.words

    def is_variable(self, x: int) -> bool:
        """May it be given a value?  A symbol that is none of the fixed ones, as nil and t, and no keyword."""
        return x & 7 == SYMBOL and x > ROOT_VECTOR and not self.words[x + SYM_FLAGS >> 3] & F_KEYWORD

    def value(self, symbol: int) -> int | None:
        v = self.field(symbol, SYM_VALUE)
        return None if v == UNSET else v

    def set_value(self, symbol: int, v: int) -> None:
        """Give a variable a value; nothing else has one that changes."""
        if not self.is_variable(symbol):
            raise WrongType("variable", symbol)
        self.set_field(symbol, SYM_VALUE, v)

    def root(self, number: int) -> int:
        return self.field(ROOT_VECTOR, 8 - VECTOR + 8 * number)

    def set_root(self, number: int, value: int) -> None:
        self.set_field(ROOT_VECTOR, 8 - VECTOR + 8 * number, value)

    def header(self, x: int) -> int:
        if x & 7 < 2:
            raise WrongType("object with a header", x)
        return self.words[(x & -16) >> 3]

    def is_big(self, x: int) -> bool:
        return x & 7 == OTHER and self.words[x - OTHER >> 3] & 255 in (BIGPOS_HEADER, BIGNEG_HEADER)

    def is_integer(self, x: int) -> bool:
        return x & 7 == 0 or self.is_big(x)

    def is_ratio(self, x: int) -> bool:
        return x & 7 == OTHER and self.words[x - OTHER >> 3] == RATIO_HEADER

    def is_complex(self, x: int) -> bool:
        return x & 7 == OTHER and self.words[x - OTHER >> 3] == COMPLEX_HEADER

    def is_real(self, x: int) -> bool:
        return x & 7 in (0, FLOAT) or self.is_big(x) or self.is_ratio(x)

    def parts(self, x: int) -> tuple[int, int]:
        """Of a ratio or a complex number."""
        return self.field(x, 8 - OTHER), self.field(x, 16 - OTHER)

    def integer(self, n: int) -> int:
        """The Lisp integer of a Python one."""
        if -(1 << 60) <= n < 1 << 60:
            return n << 3
        limbs = (abs(n).bit_length() + 63) // 64
        b: int = self.kernel.make_bignum(limbs, int(n < 0))
        self.bytes[b + 8 - OTHER:b + 8 - OTHER + 8 * limbs] = abs(n).to_bytes(8 * limbs, "little")
        return b

    def number(self, x: int) -> int:
        """The Python integer of a Lisp one."""
        if x & 7 == 0:
            return x >> 3
        if not self.is_big(x):
            raise WrongType("integer", x)
        p = x - OTHER
        h = self.words[p >> 3]
        n = int.from_bytes(self.bytes[p + 8:p + 8 + (h >> 8)], "little")
        return -n if h & 255 == BIGNEG_HEADER else n

    def limb_count(self, x: int) -> int:
        """Of a bignum."""
        return self.words[x - OTHER >> 3] >> 11

    def magnitude(self, x: int) -> tuple[int, int]:
        """Address in this process and number of limbs of a bignum."""
        return self.cage.base + x + 8 - OTHER, self.words[x - OTHER >> 3] >> 11

    def magnitude_bytes(self, x: int) -> bytes:
        """The limbs of an integer's magnitude, as ``from_magnitude`` takes them."""
        return self.raw(x) if self.is_big(x) else (abs(x) >> 3).to_bytes(8, "little")

    def from_magnitude(self, data: bytes, negative: int) -> int:
        """The integer of a magnitude, least significant limb first."""
        b: int = self.kernel.make_bignum(len(data) // 8, negative)
        self.bytes[b + 8 - OTHER:b + 8 - OTHER + len(data)] = data
        return int(self.kernel.normalise(b))

    def is_minus(self, x: int) -> int:
        """1 for a negative integer, else 0."""
        return int(x < 0) if x & 7 == 0 else int(self.header(x) & 255 == BIGNEG_HEADER)

    def long(self, operation: str, *integers: int) -> builtins.list[bytes] | None:
        """What an operation on integers gives that takes long, where it can be ended; None when it takes no time, or
        that cannot be.
        """
        if not self.apart.takes_long(operation,
                                     sum(self.words[x - OTHER >> 3] >> 11 if x & 7 == OTHER else 1 for x in integers)):
            return None
        with self.waiting():
            return self.apart.ask(operation, *map(self.magnitude_bytes, integers))

    def float(self, d: builtins.float) -> int:
        p = self.cons(FLOAT_HEADER, 0) - CONS
        self.doubles[(p >> 3) + 1] = d
        return p + FLOAT

    def double(self, x: int) -> builtins.float:
        if x & 7 != FLOAT:
            raise WrongType("float", x)
        return self.doubles[(x - FLOAT >> 3) + 1]

    def vector(self, items: Iterable[int]) -> int:
        values = builtins.list(items)
        v: int = self.kernel.make_vector(len(values), NIL)
        at = v + 8 - VECTOR >> 3
        self.words[at:at + len(values)] = memoryview(struct.pack(f"{len(values)}q", *values)).cast("q")
        return v

    def vector_length(self, v: int) -> int:
        if v & 7 != VECTOR:
            raise WrongType("vector", v)
        return self.words[v - VECTOR >> 3] >> 11

    def vector_items(self, v: int) -> builtins.list[int]:
        return self.row(v + 8 - VECTOR, self.vector_length(v))

    def row(self, place: int, count: int) -> builtins.list[int]:
        """The words from a place on: of a vector, of a frame."""
        if count > FEW:
            self.need(HELD * count)
        found: builtins.list[int] = self.words[place >> 3:(place >> 3) + count].tolist()
        self.met.extend(found)
        return found

    def interned(self) -> builtins.list[int]:
        """The symbols on the object list."""
        v = self.words[ROOT_VECTOR + 8 - VECTOR + 8 * ROOT_OBLIST >> 3]
        at = v + 8 - VECTOR >> 3
        found = [s for s in self.words[at:at + self.vector_length(v)].tolist() if s & 7 == SYMBOL]
        self.met.extend(found)
        return found

    def object(self, head: int, data: bytes) -> int:
        """A raw object of tag OTHER with these contents."""
        p: int = self.kernel.make_object(head, len(data))
        self.bytes[p + 8:p + 8 + len(data)] = data
        return p + OTHER

    def zeros(self, head: int, size: int, kind: int) -> int:
        """A raw object of tag OTHER: a small number that says what it holds, and zeros, so many bytes in all."""
        self.need(size)
        p: int = self.kernel.make_object(head, size)
        self.words[p + 8 >> 3] = kind << 3
        return p + OTHER

    def raw(self, x: int) -> bytes:
        """The content bytes of any object with a header."""
        size, p = self.header(x) >> 8, x & -16
        return bytes(self.bytes[p + 8:p + 8 + size])

    # -- calling -----------------------------------------------------------------

    def evaluate(self, form: int, depth: int = 0, call: builtins.bool = False) -> int:
        """The value of a form that lies so deep in others (a ``call``, when that is known); Unwinding when it did not
        return.
        """
        mark = len(self.met)
        self.nested += 1
        enter = self.kernel.enter_evaluation
        try:
            result: int = enter(form, depth,
                                int(call)) if self.nested & 7 else self.deeper(lambda: enter(form, depth, int(call)))
        finally:
            self.nested -= 1
            del self.met[mark:]
        self.note(result)
        return result

    def apply(self, function: int, arguments: Iterable[int]) -> int:
        """Call a symbol; Unwinding when it did not return."""
        mark = len(self.met)
        self.nested += 1
        try:
            words = self.list(arguments)
            result: int = self.kernel.enter(function,
                                            words) if self.nested & 7 else self.deeper(
                                                lambda: self.kernel.enter(function, words))
        finally:
            self.nested -= 1
            del self.met[mark:]
        self.note(result)
        return result


_FREE, _LIMIT, _SP, _CARDS, _HEAP_TOP, _HEAP_END, _RESERVE, _CALLBACK, _ANSWER, _KIND, _TAG, _VALUE = (
    VM[name] >> 3 for name in ("free", "limit", "sp", "cards", "heap_top", "heap_end", "reserve", "callback", "answer",
                               "unwind_kind", "unwind_tag", "unwind_value"))

__all__ = ["BadRequest", "Machine", "Unwinding"]
