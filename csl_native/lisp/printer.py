"""The printer: Lisp values to text, with CSL's escapes and line breaking."""

from __future__ import annotations

import contextlib
import math
import re
import struct
from collections.abc import Callable, Iterator

from ..heap.objects import T_BYTES, T_CODE, T_COMPLEX, T_HANDLE, T_HASH, T_RATIO, T_RECORD
from ..heap.words import CONS, FLOAT, STRING, SYMBOL, VECTOR
from ..kernel.memory import NIL, UNSET
from ..system import gmp
from .handles import CHARACTER, FOREIGN, KIND, LIBRARY, PYTHON, VALUE, WEAK_TABLE
from .python import shown
from .streams import Collector, Output, Shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .lisp import Lisp


MOST_MET = 10000  # words that printing leaves to be held
PIECE = 1 << 14  # bytes of a vector of numbers, or characters, between two looks at whether somebody asks for an end
CONTROLS = dict.fromkeys(range(32))
SPECIAL = frozenset("0123456789_")  # what begins no name
UNBROKEN, BROKEN = "\x02", "\x05"  # symbols of which the first ends the breaking of lines, until the second is printed
BITS = 32  # in the kind of a vector of bytes: each is a bit
LONG = 200  # limbs from which on a library converts to decimal
ENTITY = "#(?=[A-Za-z0-9]+;)"  # what would be read as a character by its name


def format_float(d: float, precision: int = 6) -> str:
    """A float as CSL shows it: ``%.6g`` with at least one digit behind the point."""
    if math.isnan(d):
        return "NaN"
    if math.isinf(d):
        return "inf" if d > 0 else "minusinf"
    text = f"{d:.{min(precision, 17)}g}"  # a double has no more digits
    if "e" in text:
        mantissa, exponent = text.split("e")
        return (mantissa if "." in mantissa else mantissa + ".0") + "e" + exponent
    return text if "." in text else text + ".0"


def format_single(d: float, precision: int) -> str:
    """An element of 32 bits, as the original shows its single floats: with an exponent always, whose letter is f."""
    if not math.isfinite(d):
        return format_float(d)
    mantissa, exponent = f"{d:.{min(precision, 8) - 1}e}".split("e")
    mantissa = mantissa.rstrip("0") if "." in mantissa else mantissa + "."
    return f"{mantissa}{'0' * mantissa.endswith('.')}f{exponent}"


def entity(c: str) -> str:
    """A character by its number."""
    return f"#{ord(c):04x};" if ord(c) < 0x10000 else f"#{ord(c):06x};"


class Printer:
    """Prints for a Lisp; ``escape`` is prin1's way, without it prin2's."""

    def __init__(self, lisp: Lisp) -> None:
        self.lisp, self.m = lisp, lisp.machine
        self.lower, self.raise_ = self.m.intern("*lower"), self.m.intern("*raise")
        self.entities = True  # characters beyond ASCII are written as numbers; not where they become characters of Lisp
        # what makes the letters of names and strings of prin2 small, or capitals
        self.fold: Callable[[str], str] | None = None

    def text(self, x: int, escape: bool = True) -> str:
        """The whole text of a value on one line."""
        out = Collector(room=self.m.need)
        self.print(x, escape, out)
        return out.text()

    def beginning(self, x: int, out: Shown) -> str:
        """A value as print writes it, or as much of that as ``out`` takes: it may be circular."""
        with contextlib.suppress(EOFError):
            self.print(x, True, out)
        return out.text()

    def exploded(self, x: int, escape: bool = True) -> str:
        """The text of a value in which every character stands for itself."""
        self.entities = False
        try:
            return self.text(x, escape)
        finally:
            self.entities = True

    def folded(self, x: int, fold: Callable[[str], str]) -> str:
        """What prin2 shows, in letters of one case.
        Digits at the beginning of names have their escapes, as in the original.
        """
        self.fold = fold
        try:
            return self.text(x, False)
        finally:
            self.fold = None

    def symbol(self, x: int, escape: bool) -> str:
        name = self.m.text(x)
        if not escape:
            return name if self.fold is None else "!" * (name[:1] in SPECIAL) + self.fold(name)
        down = self.m.value(self.lower) not in (None, NIL)
        up = self.m.value(self.raise_) not in (None, NIL)
        out = []
        if len(name) == 1 and (name < " " and name not in "\0\t\n\v\f\r" or name == "\x7f"):
            return name
        for k, c in enumerate(name):
            if k % PIECE == PIECE - 1:
                self.m.look()
            if self.entities and (ord(c) > 127 or c == "\r"):
                out.append("!" + entity(c))
            elif c.isalpha() and c.isascii():
                out.append("!" + c if (c.isupper() and down) or (c.islower() and up and not down) else c)
            elif k and c in SPECIAL:
                out.append(c)
            else:
                out.append("!" + c)
        return "".join(out)

    def string(self, x: int, escape: bool) -> str:
        text = self.m.text(x)
        if not escape:
            return text if self.fold is None else "#hash;".join(map(self.fold, re.split(ENTITY, text)))
        if not self.entities:
            return '"' + re.sub(ENTITY, "#hash;", text.replace('"', '""')) + '"'
        # files may have both at the end of a line
        text = re.sub(ENTITY, "#hash;", text.replace('"', '""')).replace("\r\n", "#000d;\n")
        return '"' + (text if text.isascii()
                      else "".join(self.pieces(text, lambda c: entity(c) if 127 < ord(c) < 0xD800 or ord(c) > 0xDFFF
                                               else c))) + '"'

    def pieces(self, text: str, change: Callable[[str], str]) -> Iterator[str]:
        """The characters of a text, each changed; this can be ended."""
        for at in range(0, len(text), PIECE):
            self.m.look()
            yield "".join(map(change, text[at:at + PIECE]))

    def atom(self, x: int, escape: bool) -> str:
        """The text of anything but a cons or vector."""
        tag = x & 7
        m = self.m
        if tag == 0:
            return str(x >> 3)
        if tag == SYMBOL:
            return self.symbol(x, escape) if x != UNSET else "unset-var"
        if tag == STRING:
            return self.string(x, escape)
        if tag == FLOAT:
            return format_float(m.double(x), m.cage["precision"])
        if m.is_big(x):
            address, limbs = m.magnitude(x)
            sign = "-" if m.is_minus(x) else ""
            if (found := m.long("decimal", x)) is not None:
                return sign + found[0].decode()
            if limbs < LONG or gmp.library() is None:
                return gmp.python_decimal(m.number(x))
            return sign + gmp.decimal(address, limbs).decode()
        kind = m.header(x) >> 3 & 31
        if kind == T_HASH:
            return "#<hash table>"
        if kind == T_CODE:
            return "#<code>"
        if kind == T_HANDLE:
            return self.handle(x, escape)
        if kind == T_BYTES:
            return self.numbers(x)
        if kind == T_RECORD:
            return "#<evector>"
        if kind in (T_RATIO, T_COMPLEX):
            first, second = (self.atom(part, escape) for part in m.parts(x))
            return f"{first}/{second}" if kind == T_RATIO else f"#C({first} {second})"
        return f"#<object {x:x}>"

    def handle(self, x: int, escape: bool) -> str:
        kind = self.m.field(x, KIND)
        if kind == CHARACTER:
            c = chr(self.m.field(x, VALUE) >> 3)
            return f"#\\{c}" if escape else c
        if kind == PYTHON:
            return f"#<python {shown(self.lisp, self.lisp.handles.thing(x, PYTHON))}>"
        return {LIBRARY: "#<library>", FOREIGN: "#<foreign>", WEAK_TABLE: "#<weak hash table>"}.get(kind, "#<stream>")

    def numbers(self, x: int) -> str:
        """A vector of machine numbers: its kind is the element width in bytes, plus 16 for floats."""
        m = self.m
        data = m.raw(x)
        kind = int.from_bytes(data[:8], "little") >> 3
        size, precision = kind & 15, m.cage["precision"]
        code = {(1, 0): "b", (2, 0): "h", (4, 0): "i", (8, 0): "q", (4, 16): "f", (8, 16): "d"}[size, kind & 16]
        start = f"#V{8 * size}(" if not kind & 16 else "#FS(" if size == 4 else "#FD("
        if kind & BITS:
            return "#*" + "".join(map(str, data[8:]))
        shown = format_single if size == 4 else format_float
        parts = []
        for at in range(8, len(data), PIECE):
            values = struct.unpack(f"<{min(PIECE, len(data) - at) // size}{code}", data[at:at + PIECE])
            parts.append(" ".join([shown(v, precision) for v in values] if kind & 16 else map(str, values)))
            m.look()
        return start + " ".join(parts) + ")"

    def print(self, x: int, escape: bool, out: Output, blank: bool = False) -> None:
        """Print with line breaks: an item that does not fit goes to the next line, its blank is dropped."""
        m = self.m
        mark = len(m.met)
        stack: list[tuple[str, int, int]] = [("value", x, int(blank))]
        while stack:
            action, x, blank_ = stack.pop()
            if len(m.met) > mark + MOST_MET:  # all of it is part of what is printed
                del m.met[mark:]
            if m.attention:
                m.stop_here()
            if action == "value":
                if x & 7 == CONS:
                    self.put("(", bool(blank_), out)
                    stack.append(("tail", m.cdr(x), 0))
                    stack.append(("value", m.car(x), 0))
                elif x & 7 == VECTOR:
                    self.put("[", bool(blank_), out)
                    stack.append(("elements", x, 0))
                else:
                    text = self.atom(x, escape)
                    self.put(text, bool(blank_), out)
                    if x & 7 == SYMBOL and not escape and (BROKEN in text or UNBROKEN in text):
                        out.unbroken = text.rfind(UNBROKEN) > text.rfind(BROKEN)
            elif action == "tail":
                if x == NIL:
                    self.put(")", False, out)
                elif x & 7 == CONS:
                    stack.append(("tail", m.cdr(x), 0))
                    stack.append(("value", m.car(x), 1))
                else:
                    self.put(".", True, out)
                    stack.append(("close", 0, 0))
                    stack.append(("value", x, 1))
            elif action == "elements":
                if blank_ == m.vector_length(x):
                    self.put("]", False, out)
                else:
                    stack.append(("elements", x, blank_ + 1))
                    stack.append(("value", m.field(x, 8 - VECTOR + 8 * blank_), int(blank_ > 0)))
            elif action == "close":
                self.put(")", False, out)

    def limit(self, name: str) -> int:
        """What a variable allows; any number when it is no number."""
        value = self.m.value(self.m.intern(name))
        return value >> 3 if value is not None and value & 7 == 0 else 1 << 60

    def limited(self, x: int, out: Output) -> None:
        """Print for somebody who watches: lists and vectors as long and as deep as `*print-length*` and `*print-level*`
        say, and ``...`` for the rest, and for what it is already in the middle of."""
        m, length, level = self.m, self.limit("*print-length*"), self.limit("*print-level*")
        inside: set[int] = set()
        # rest of a list or vector, which it is, printed and depth, what to leave at its end
        stack: list[tuple[int, bool, int, int, list[int]]] = []

        def begin(x: int, blank: bool, depth: int) -> None:
            if x & 7 not in (CONS, VECTOR):
                self.put(self.atom(x, True), blank, out)
            elif x in inside or depth >= level:
                self.put("...", blank, out)
            else:
                self.put("(" if x & 7 == CONS else "[", blank, out)
                inside.add(x)
                stack.append((x, x & 7 == CONS, 0, depth, [x]))
        begin(x, False, 0)
        while stack:
            x, is_list, count, depth, mine = stack.pop()
            m.look()
            ended = x == NIL if is_list else count >= m.vector_length(x)
            if not ended and (count >= length or is_list and count and x in inside):
                self.put("...", count > 0, out)
                ended = True
            elif not ended and is_list and x & 7 != CONS:
                self.put(".", True, out)
                self.put(self.brief(x), True, out)
                ended = True
            if ended:
                self.put(")" if is_list else "]", False, out)
                inside.difference_update(mine)
                continue
            inside.add(x)
            mine.append(x)
            part, rest = (m.car(x), m.cdr(x)) if is_list else (m.field(x, 8 - VECTOR + 8 * count), x)
            stack.append((rest, is_list, count + 1, depth, mine))
            begin(part, count > 0, depth + 1)

    def brief(self, x: int) -> str:
        """What a list ends with."""
        return self.atom(x, True) if x & 7 != VECTOR else "[...]"

    @staticmethod
    def put(text: str, blank: bool, out: Output) -> None:
        n = len(text)  # of a string with line ends, too, as in the original
        if text[:1] == '"':
            n += 3 * (n - len(text.translate(CONTROLS)))
        if blank:
            if out.column + n >= out.width and not out.unbroken:
                out.write("\n")
            else:
                out.write(" ")
        elif out.column + n > out.width and not out.unbroken:
            if out.column > 0 or text[:1] == "\"" or not text[:1].isdigit():
                out.write("\n")
        out.write(text)
