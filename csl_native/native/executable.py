"""A program that stands alone: one file that the system starts, without Python (``kernel/standalone.py`` is what it
begins with).

The file is what a session has in memory, at addresses that are settled when it is made: the cage with its block of
the machine's words, entry slots and heap, and the code, relocated for where it lies. So nothing is done when the
program begins but that the system maps the file.
"""

from __future__ import annotations

from collections.abc import Iterator

from csl_native.image.container import Image, ImageError
from csl_native.system.exceptions import Error

from ..architectures import Architecture
from ..foreign import FOREIGN
from ..heap.objects import SYM_ENV, SYM_FN1, SYM_FN2, SYM_FNN
from ..heap.vm import HEAP, LINE, SLOTS, VM, CageLayout
from ..heap.words import CONS
from ..kernel import aloneblock, elementary
from ..kernel.aloneblock import BLOCK_SIZE
from ..kernel.calls import SLOT
from ..kernel.host import HOST_CODES
from ..kernel.memory import NO_LIMIT, ROOT_HARD_CODE
from ..lisp.streams import DEFAULT_WIDTH, EOF_CHAR
from ..runtime.kernels import C_FUNCTIONS
from ..runtime.machine import first_fields
from ..saving.guards import KERNEL
from ..saving.heapview import HeapView
from ..system.records import Record
from .elffile import EXECUTABLE, LOAD, STACK, Format
from .pages import PAGE_SIZE, PageSet, placed

CODE = 1 << 22  # its address
ALIGNMENT = 1 << 16  # of the largest pages that systems have
STACK_MARGIN = 2 << 20
REFUSED = b"\n+++ Error the file that the program writes to takes no more; is the disk full?\n"


class Room(Record):
    """Where the cage of a program is, where its machine stack behind that ends at the latest, and how large that is;
    and its heap, when nobody says how large."""

    cage: int
    end: int
    machine_stack: int
    heap: int


# By bytes of an address. Of 32 bits systems give a program the lower half, or more, with its own stack on top of it.
ROOMS = {8: Room(1 << 36, 1 << 46, 1 << 28, 1 << 30), 4: Room(1 << 28, 7 << 28, 1 << 26, 1 << 28)}
# Requests of which the first word, or the second, is a number and no Lisp value.
RAW_FIRST = (
    "bad_arith",
    "bad_compare",
    "bad_vector",
    "bad_op",
    "divide_zero",
    "long_shift",
    "bad_rplac",
    "bad_symbol",
    "bad_residue",
    "opcode",
    "text_function",
    "useful_number",
    "no_memory",
    "passed",
)
RAW_SECOND = ("undefined_function", "wrong_count", "bad_trig", "evaluate")


class CannotMake(Error, ValueError):
    """Why a program cannot be made."""


class Part(Record):
    """Bytes at an address, of the code or of the cage."""

    address: int
    data: bytes
    flags: int  # of the segment: 5 is read and execute, 6 is read and write


def arctangent(n: int, one: int) -> int:
    """The arc tangent of 1/n, in parts of ``one``."""
    term, k, found = one // n, 1, 0
    while term:
        found += term // k if k & 2 == 0 else -(term // k)
        term, k = term // (n * n), k + 2
    return found


def two_over_pi(count: int) -> list[int]:
    """So many words of its binary digits behind the point."""
    one = 1 << 64 * count + 64
    pi = 4 * (4 * arctangent(5, one) - arctangent(239, one))  # Machin's formula
    digits = (one << 64 * count + 1) // pi
    return [digits >> 64 * (count - 1 - k) & (1 << 64) - 1 for k in range(count)]


class Program:
    """The parts of a program for one architecture, from an image that has all of it."""

    def __init__(
        self, image: Image, kernel: PageSet, functions: PageSet | None, architecture: Architecture, heap: int | None
    ) -> None:
        self.view, self.kernel, self.functions, self.architecture = (
            HeapView(image, check=False),
            kernel,
            functions,
            architecture,
        )
        self.room = ROOMS[architecture.word]
        self.layout = CageLayout.of(heap or self.room.heap, architecture.word)
        self.places = self.layout.places()
        if (wanted := self.room.cage + self.places["end"] + self.room.machine_stack) > self.room.end:
            raise CannotMake(
                f"{architecture.name}: a heap of {self.layout.heap >> 20} MB needs "
                f"{wanted - self.room.cage >> 20} MB of addresses, and a program there has "
                f"{self.room.end - self.room.cage >> 20} MB; choose less with --heap"
            )
        assert architecture.alone is not None
        self.alone = architecture.alone
        self.form = Format(8 * architecture.word, architecture.big_endian, architecture.machine, architecture.flags)
        info = self.view.info
        self.info = info
        if info["entries"] != list(kernel.entry_names):
            raise CannotMake(
                f"the kernel for {architecture.name} in the image is of another version; "
                f"csl-image add IMAGE --tag {architecture.name} makes it again"
            )
        self.slot_of = {name: SLOTS + 8 * k for k, name in enumerate(kernel.entry_names)}
        self.symbols = {self.view.text(s): s for s in self.view.symbols()}
        self.words = bytearray(HEAP)
        self.words += self.view.bytes
        self.words += bytes(-len(self.words) % LINE)
        self.replacing = {self.view.word(s + SYM_ENV) for name, s in self.symbols.items() if name.startswith("host-")}
        self.native: set[str] = set()  # functions that run natively
        self.left: list[str] = []  # those that do not, though there is code

    # -- words ------------------------------------------------------------------

    def put(self, place: int, value: int) -> None:
        """A word of the cage, which is little-endian everywhere; addresses are such words, too."""
        self.words[place : place + 8] = (value & (1 << 64) - 1).to_bytes(8, "little")

    # -- code -------------------------------------------------------------------

    def code(self) -> Part:
        """Where the program begins, the call of the system, the kernel and the functions, one behind the other."""
        begin = bytearray(self.alone.start)
        self.call_at = CODE + len(begin) + -len(begin) % 16
        kernel_at = CODE + 4096
        self.kernel_at = {name: kernel_at + place for name, place in self.kernel.functions.items()}
        for place, value in zip(self.alone.places, (self.room.cage, self.kernel_at["begin_program"]), strict=True):
            begin[place : place + self.architecture.word] = self.form.pack("W", value)
        data = bytes(begin) + bytes(-len(begin) % 16) + self.alone.call
        data += bytes(4096 - len(data)) + self.relocated(self.kernel, kernel_at, {})
        if self.functions is not None and self.functions.data:
            data += bytes(-len(data) % 4096)
            self.functions_at = CODE + len(data)
            resolve = {**self.kernel_at, **{t: 0 for t in self.functions.targets if t.startswith(FOREIGN)}}
            data += self.relocated(self.functions, self.functions_at, resolve)
        return Part(CODE, data, 5)

    def relocated(self, pages: PageSet, address: int, resolve: dict[str, int]) -> bytes:
        data, overflowed = placed(pages, address, resolve)
        if overflowed:
            raise CannotMake(next(iter(overflowed.values())))
        return data

    # -- the cage ---------------------------------------------------------------

    def slots(self) -> None:
        """Entry slots of the kernel, then those of native functions, to which the cells of their symbols lead."""
        engine = next(iter(self.kernel.engines))
        other = {"host": "answer_alone", "interpret": f"interpret_{engine}", "run": f"run_{engine}"}
        for name, slot in self.slot_of.items():
            self.put(slot, self.kernel_at.get(other.get(name, name), 0))
        self.next_slot = SLOTS + 8 * len(self.slot_of)
        if self.functions is not None:
            digests: dict[str, bytes] = {}
            for symbol, count, cell, place in self.entries():
                self.instate(symbol, count, cell, place, digests)

    def entries(self) -> Iterator[tuple[int, int, int, int]]:
        """The table of native definitions for this tag: symbol, number of arguments, cell and place."""
        view, tag = self.view, self.architecture.tag
        for row in view.items(view.root(ROOT_HARD_CODE)):
            symbol, count, *entries = view.items(row)
            for entry in entries:
                number, rest = view.word(entry - 1) >> 3, view.word(entry + 7)
                if number >> 20 == tag and rest & 7 == CONS:
                    yield (
                        symbol,
                        count >> 3,
                        number >> 18 & 3,
                        (number & 0x3FFFF) * PAGE_SIZE + (view.word(rest - 1) >> 3),
                    )

    def stays(self, name: str, wanted: bytes) -> bool:
        """Is a function the kernel's that code was compiled with, and Lisp's at most for what the kernel has not?"""
        symbol = self.symbols.get(name)
        if symbol is None or not wanted.startswith(KERNEL):
            return False
        word = self.view.word
        cells = [word(symbol + field) - SLOTS >> 3 for field in (SYM_FN1, SYM_FN2, SYM_FNN)]
        entries = " ".join(self.kernel.entry_names[k] for k in cells if 0 <= k < len(self.kernel.entry_names))
        return word(symbol + SYM_ENV) in self.replacing or KERNEL + entries.encode() == wanted

    def instate(self, symbol: int, count: int, cell: int, place: int, digests: dict[str, bytes]) -> None:
        """Let a symbol's cells lead to native code, if that is of its bytecode; else it stays bytecode."""
        assert self.functions is not None
        row, name = self.functions.entries.get(str(place)), self.view.label(symbol)

        def digest(function: str) -> bytes:
            if function not in digests:
                digests[function] = self.view.digest_of(function)
            return digests[function]

        if (
            row is None
            or row["name"] != name
            or row.get("bytecode") != digest(name)
            or row.get("foreign")
            or "inlined" not in row
            or not set(row.get("features", ())) <= self.architecture.baseline
            or self.functions.damaged(place) is not None
            or not all(digest(each) == wanted or self.stays(each, wanted) for each, wanted in row["inlined"].items())
            or self.next_slot >= HEAP
        ):
            self.left.append(name)
            return
        natural = 0 if count == 1 else 1 if count == 2 else 2
        for k, field in enumerate((SYM_FN1, SYM_FN2, SYM_FNN)):
            if (cell == 0 and k == natural) or cell == k + 1:
                self.put(symbol + field, self.next_slot)
            elif cell == 0:
                self.put(symbol + field, SLOT[("wrong1", "wrong2", "wrongn")[k]])
        self.put(self.next_slot, self.functions_at + place)
        self.next_slot += 8
        self.native.add(name)

    def block_of_the_machine(self) -> None:
        """The words in front of the entry slots: as in a session that has just begun."""
        size, places = len(self.words) - HEAP, self.places
        lines = size // LINE
        limit = self.room.cage + places["end"] + STACK_MARGIN
        fields = {
            **first_fields(self.layout, places),
            "heap_top": HEAP + (size + 65535) // 65536 * 65536,
            "live_lines": lines,
            "full_live": lines,
            "gensym": int(self.info["gensym"]),
            "modulus": int(self.info["modulus"]),
            "precision": int(self.info.get("precision", 6)),
            "long_limbs": NO_LIMIT,
            "long_divisor": NO_LIMIT,
            "error_shown": 2,
            "errorset_most": 3,
            "entry_top": self.next_slot,
            "stack_limit": limit,
            "real_stack_limit": limit,
            "standalone": places["window"],
            "read_at": places["window"] + aloneblock.INPUT,
            "read_end": places["window"] + aloneblock.INPUT,
        }
        for name, value in fields.items():
            self.put(VM[name], value)
        for name in C_FUNCTIONS:
            self.put(VM["libm_" + name], self.kernel_at[f"c_{name}"])

    def block(self, gaps: list[tuple[int, int]]) -> bytes:
        """The block of the program itself."""
        data = bytearray(BLOCK_SIZE)
        value = self.view.word
        words = {
            "CALL": self.call_at,
            "ANSWERS": value(self.symbols["alone-answers"] - 2 + 8),
            "MAIN": self.symbols["alone-run"],
            "END_OF_FILE": self.symbols[EOF_CHAR],
            "STACK_TOP": self.room.cage + self.places["end"] + self.room.machine_stack - 4096,
            "MAP_FLAGS": self.alone.mapping,
            "CREATING": self.alone.creating,
            "APPENDING": self.alone.appending,
            "REFUSED": len(REFUSED),
            "GAPS": len(gaps),
            "FILE": 1,
            "WIDTH": DEFAULT_WIDTH,
            "RAW_FIRST": sum(1 << HOST_CODES.index(name) for name in RAW_FIRST if name in HOST_CODES),
            "RAW_SECOND": sum(1 << HOST_CODES.index(name) for name in RAW_SECOND),
            "INPUT_END": self.places["window"] + aloneblock.INPUT,
            **{f"CALL_{name.upper()}": number for name, number in self.alone.numbers._asdict().items()},
        }
        for name, word in words.items():
            place = getattr(aloneblock, name)
            data[place : place + 8] = (word & (1 << 64) - 1).to_bytes(8, "little")
        data[aloneblock.REFUSED + 8 : aloneblock.REFUSED + 8 + len(REFUSED)] = REFUSED
        for k, (place, size) in enumerate(gaps):
            at = aloneblock.GAP_ROWS + 16 * k
            data[at : at + 16] = place.to_bytes(8, "little") + size.to_bytes(8, "little")
        for k, word in enumerate(two_over_pi(elementary.TURN_WORDS)):
            data[elementary.TURNS + 8 * k : elementary.TURNS + 8 * k + 8] = word.to_bytes(8, "little")
        return bytes(data)

    def parts(self, starts: bytes) -> list[Part]:
        """All parts, in the order of their addresses."""
        code = self.code()
        self.slots()
        self.block_of_the_machine()
        places = self.places
        lines = bytes(HEAP // LINE) + b"\1" * ((len(self.words) - HEAP) // LINE)
        bits = bytes(HEAP // 128) + starts
        found = [
            (0, bytes(self.words)),
            (places["marks"], bits),
            (places["starts"], bits),
            (places["lines"], lines),
            (places["window"], bytes(BLOCK_SIZE)),
        ]
        ends = [(place, place + len(data) + -len(data) % ALIGNMENT) for place, data in found] + [
            (places["end"] + self.room.machine_stack,) * 2
        ]
        gaps = [(end, start - end) for (_, end), (start, _) in zip(ends, ends[1:], strict=False) if start > end]
        found[-1] = (places["window"], self.block(gaps))
        return [code, *(Part(self.room.cage + place, data + bytes(-len(data) % ALIGNMENT), 6) for place, data in found)]

    def file(self, starts: bytes) -> bytes:
        """The whole file."""
        parts = self.parts(starts)
        top, row, _ = self.form.head_sizes
        body, segments = bytearray(top + row * (len(parts) + 1)), list[bytes]()
        for part in parts:
            body += bytes((part.address - len(body)) % ALIGNMENT)
            segments.append(self.form.part(LOAD, part.flags, len(body), part.address, len(part.data), ALIGNMENT))
            body += part.data
        segments.append(self.form.part(STACK, 6, 0, 0, 0, 16))
        head = self.form.header(EXECUTABLE, len(segments), 0, 0, CODE) + b"".join(segments)
        body[: len(head)] = head
        return bytes(body)


def kernel_of(image: Image, base: Image, architecture: Architecture) -> PageSet:
    """The kernel of this version for an architecture, from the base image or an image."""
    name = f"kernel-{architecture.number}"
    for each in (base, image):
        if name in each.sections:
            pages = PageSet.read(each, name)
            if pages.bad_pages:
                raise ImageError(
                    f"{each.path}: section {name}: page {min(pages.bad_pages)} is damaged; csl-image add makes it again"
                )
            return pages
    raise CannotMake(
        f"{image.path}: has no kernel for {architecture.name}; csl-image add --tag {architecture.name} makes it"
    )
