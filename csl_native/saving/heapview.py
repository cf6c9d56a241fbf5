"""An image's heap seen without running it: values, symbols, bytecode and the table of native definitions.

Every access is checked; a heap that makes no sense is an ImageError, never a crash.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from csl_native.image.container import Image, ImageError

from ..heap.generated import stem
from ..heap.objects import (
    BIGNEG_HEADER,
    BIGPOS_HEADER,
    CODE_HEADER,
    F_GENSYM,
    STRING_HEADER,
    SYM_ENV,
    SYM_FLAGS,
    SYM_FN1,
    SYM_FN2,
    SYM_FNN,
    SYM_PNAME,
    SYM_SPARE,
    SYMBOL_HEADER,
    VECTOR_HEADER,
)
from ..heap.vm import HEAP, SLOTS
from ..heap.words import CONS, FLOAT, OTHER, STRING, SYMBOL, VECTOR
from ..instructions.codec import Code, disassemble
from ..instructions.table import CodeError
from ..kernel.memory import NIL, ROOT_HARD_CODE, ROOT_OBLIST, ROOT_VECTOR
from ..system import byteorder
from .guards import function_digest

LIMIT = 1 << 24  # elements of one list or vector that are looked at


class HeapView:
    """Reads the heap of an image file."""

    def __init__(self, image: Image, check: bool = True) -> None:
        """``check``: its digest must match; without, it was looked at before."""
        self.path = image.path
        self.bytes = image.view("heap", check)
        self.size = len(self.bytes) & ~7
        self.words = byteorder.words(self.bytes[:self.size])
        self.info = image.sections["heap"].info
        self._functions: dict[str, int] | None = None

    def fail(self, what: str, word: int) -> ImageError:
        return (ImageError(f"{self.path}: the heap is damaged: {what} at {word:#x}; restore the image from a copy or "
                           "make it again"))

    def word(self, p: int) -> int:
        if not HEAP <= p <= HEAP + self.size - 8 or p & 7:
            raise self.fail("a pointer leads outside", p)
        return self.words[p - HEAP >> 3]

    def typed(self, x: int, tag: int, head: int) -> int:
        """The content length of an object that must have this tag and type."""
        h = self.word(x - tag) if x & 7 == tag else 0
        if h & 255 != head & 255 or not 0 <= h >> 8 <= HEAP + self.size - (x - tag) - 8:
            raise self.fail("an object of another type than expected", x)
        return h >> 8

    def text(self, x: int) -> str:
        """The text of a symbol or string."""
        if x & 7 == SYMBOL:
            self.typed(x, SYMBOL, SYMBOL_HEADER)
            x = self.word(x + SYM_PNAME)
        size = self.typed(x, STRING, STRING_HEADER)
        at = x - STRING + 8 - HEAP
        return bytes(self.bytes[at:at + size]).decode("utf-8", "replace")

    def label(self, x: int) -> str:
        """The name of a symbol; of a generated one without its number, which it may not have yet."""
        return stem(self.text(x)) if self.word(x + SYM_FLAGS) & F_GENSYM else self.text(x)

    def items(self, x: int) -> Iterator[int]:
        """Elements of a list."""
        for _ in range(self.size // 16 + 1):
            if x & 7 != CONS:
                return
            yield self.word(x - 1)
            x = self.word(x + 7)
        raise self.fail("a list without end", x)

    def vector(self, x: int) -> list[int]:
        size = self.typed(x, VECTOR, VECTOR_HEADER)
        return [self.word(x + 8 - VECTOR + 8 * k) for k in range(min(size >> 3, LIMIT))]

    def root(self, number: int) -> int:
        return self.word(ROOT_VECTOR + 8 - VECTOR + 8 * number)

    def symbols(self) -> Iterator[int]:
        """Every symbol on the object list."""
        for x in self.vector(self.root(ROOT_OBLIST)):
            if x & 7 == SYMBOL:
                yield x

    def has_code(self, symbol: int) -> bool:
        """Has a symbol bytecode?  Whether that can be right is not looked at."""
        env = self.word(symbol + SYM_ENV)
        code = self.word(env + 8 - VECTOR) if env & 7 == VECTOR and self.typed(env, VECTOR, VECTOR_HEADER) else 0
        return code & 7 == OTHER and self.word(code - OTHER) & 255 == CODE_HEADER

    def code_of(self, symbol: int) -> tuple[Code, list[int]] | None:
        """The bytecode and literals of a symbol, or None."""
        if not self.has_code(symbol):
            return None
        literals = self.vector(self.word(symbol + SYM_ENV))
        return Code.unpack(self.raw(literals[0])), literals

    def digest_of(self, name: str) -> bytes:
        """The digest of what the compiler reads of a function; b"" when it has no bytecode."""
        symbol = self.functions().get(name)
        found = self.code_of(symbol) if symbol is not None else None
        return function_digest(self, symbol, found[1]) if symbol is not None and found is not None else b""

    def vector_items(self, v: int) -> list[int]:
        return self.vector(v)

    def raw(self, x: int) -> bytes:
        size = self.word(x & -16) >> 8
        at = (x & -16) + 8 - HEAP
        if not 0 <= size <= len(self.bytes) - at:
            raise self.fail("an object that is longer than the heap", x)
        return bytes(self.bytes[at:at + size])

    def functions(self) -> Mapping[str, int]:
        """Symbols with bytecode, by name."""
        if self._functions is None:
            self._functions = {self.text(s): s for s in self.symbols() if self.has_code(s)}
        return self._functions

    def hard_code(self) -> dict[str, list[tuple[int, int, int, int]]]:
        """Native definitions by function: (tag, cell, page, offset)."""
        result: dict[str, list[tuple[int, int, int, int]]] = {}
        for row in self.items(self.root(ROOT_HARD_CODE)):
            parts = list(self.items(row))
            if len(parts) < 2:
                raise self.fail("a native definition without a function", row)
            entries = []
            for entry in parts[2:]:
                rest = self.word(entry + 7) if entry & 7 == CONS else 0
                if rest & 7 != CONS:
                    raise self.fail("a native definition that is none", entry)
                number = self.word(entry - 1) >> 3
                entries.append((number >> 20 & 255, number >> 18 & 3, number & 0x3FFFF, self.word(rest - 1) >> 3))
            result[self.text(parts[0])] = entries
        return result

    def misfits(self, entries: Collection[str], builtins: Collection[str]) -> Iterator[str]:
        """Functions that a program with these entries and functions written in Python does not have (``restoring.py``
        translates them by name).
        """
        names, numbered = list(self.info.get("entries", ())), list(self.info.get("builtins", ()))
        for symbol in self.symbols():
            cells = [self.word(symbol + cell) - SLOTS >> 3 for cell in (SYM_FN1, SYM_FN2, SYM_FNN)]
            found = [names[k] if 0 <= k < len(names) else f"slot {k} of {len(names)}" for k in cells]
            if missing := [name for name in found if name not in entries]:
                yield (f"the function cells of {self.text(symbol)} hold {missing[0]}, which this version does not "
                       "have: it is undefined here")
            elif found[0] == "host1":
                number = self.word(symbol + SYM_SPARE) >> 3
                name = numbered[number] if 0 <= number < len(numbered) else f"number {number} of {len(numbered)}"
                if name not in builtins:
                    yield (f"{self.text(symbol)} is the function {name}, written in Python, which this version does "
                           "not have: it is undefined here")

    def show(self, x: int, depth: int = 3) -> str:
        """A value as text, cut off below a few levels."""
        tag = x & 7
        if tag == 0:
            return str(x >> 3)
        if tag == SYMBOL:
            return self.text(x)
        if tag == STRING:
            return '"' + self.text(x) + '"'
        if tag == FLOAT:
            return str(byteorder.doubles(self.bytes[x - FLOAT + 8 - HEAP:x - FLOAT + 16 - HEAP])[0])
        if tag == CONS:
            if not depth:
                return "(...)"
            parts: list[str] = []
            while x & 7 == CONS and len(parts) < 12:
                parts.append(self.show(self.word(x - 1), depth - 1))
                x = self.word(x + 7)
            return "(" + " ".join(parts) + (")" if x == NIL else " ...)")
        if tag == OTHER and self.word(x - OTHER) & 255 in (BIGPOS_HEADER, BIGNEG_HEADER):
            n = int.from_bytes(self.raw(x), "little")
            return f"{n:#x}" if n.bit_length() > 400 else str(n)
        return "[...]" if tag == VECTOR else "#<...>"

    def listing(self, name: str) -> list[str]:
        """The bytecode of a function as text."""
        symbol = self.functions().get(name)
        if symbol is None:
            raise ImageError(f"{self.path}: no function {name} with bytecode; csl-image functions lists them")
        found = self.code_of(symbol)
        assert found is not None
        code, literals = found
        try:
            return disassemble(code, lambda k: self.show(literals[k]) if 0 < k < len(literals) else "?")
        except CodeError as error:
            raise ImageError(f"{self.path}: {name}: {error}") from error



