"""Printing, and the properties of output streams."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..kernel.memory import NIL, T
from ..lisp.handles import STREAM
from ..lisp.registry import Checked, Fixnum, Integer, Value, builtin
from ..lisp.streams import DEFAULT_WIDTH, UNLIMITED, Output
from ..runtime.machine import Machine
from ..system import utf8
from .numbers import PART, magnitude_length, magnitude_parts, without_sign

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp

NARROWEST = 10  # the shortest length of lines
PIECE = 1 << 14


@builtin("prin1", 1, 1, "prin")
def prin1(lisp: Lisp, x: Value) -> int:
    """Print a value so that it can be read again: strings with quotes, symbols with `!` where that is needed; the
    value.
    (prin1 '(a "b")) prints (a "b")
    """
    lisp.printer.print(x, True, lisp.output)
    return x


@builtin("prin2", 1, 1, "princ", "prin2a")
def prin2(lisp: Lisp, x: Value) -> int:
    """Print a value without quotes and `!`; the value.  (prin2 '(a "b")) prints (a b)"""
    lisp.printer.print(x, False, lisp.output)
    return x


@builtin("print", 1)
def print_(lisp: Lisp, x: Value) -> int:
    """Print a value as `prin1` does, and a new line; the value.  (print '(a "b")) prints (a "b")"""
    lisp.printer.print(x, True, lisp.output)
    lisp.output.write("\n")
    return x


@builtin("printc", 1)
def printc(lisp: Lisp, x: Value) -> int:
    """Print a value as `prin2` does, and a new line; the value.  (printc '(a "b")) prints (a b)"""
    lisp.printer.print(x, False, lisp.output)
    lisp.output.write("\n")
    return x


@builtin("terpri", 0)
def terpri(lisp: Lisp) -> int:
    """End the line of the current output; nil.  (terpri) => nil"""
    lisp.output.write("\n")
    return NIL


@builtin("princ-upcase", 1)
def princ_upcase(lisp: Lisp, x: Value) -> int:
    """Print a value as `prin2` does, small letters as capital ones; the value.  (princ!-upcase 'ab) prints AB"""
    lisp.output.write(lisp.printer.folded(x, utf8.upper))
    return x


@builtin("princ-downcase", 1)
def princ_downcase(lisp: Lisp, x: Value) -> int:
    """Print a value as `prin2` does, capital letters as small ones; the value.  (princ!-downcase "AB") prints ab"""
    lisp.output.write(lisp.printer.folded(x, utf8.lower))
    return x


def blanks(lisp: Lisp, count: int) -> None:
    """Blanks, however many: in pieces, between which this can be interrupted."""
    for done in range(0, count, PIECE):
        lisp.machine.look()
        lisp.output.write(" " * min(PIECE, count - done))


@builtin("spaces", 1, 1, "xtab", wrong="xtab")
def spaces(lisp: Lisp, n: Fixnum) -> int:
    """Print n blanks; nil.  (progn (prin1 'a) (spaces 1) (prin1 'b)) prints a b"""
    blanks(lisp, n >> 3)
    return NIL


@builtin("ttab", 1)
def ttab(lisp: Lisp, n: Fixnum) -> int:
    """Print blanks up to a column; nil.  (ttab 0) => nil"""
    blanks(lisp, (n >> 3) - lisp.output.column)
    return NIL


@builtin("posn", 0, 1)
def posn(lisp: Lisp, stream: Value = NIL) -> int:
    """The column of the current output, or of a stream.  (progn (terpri) (posn)) => 0"""
    out = lisp.output if stream == NIL else lisp.handles.thing(stream, STREAM)
    return out.column << 3 if isinstance(out, Output) else NIL


@builtin("lposn", 0)
def lposn(lisp: Lisp) -> int:
    """The line of the current page: 0, because output is not divided into pages.  (lposn) => 0"""
    return 0


@builtin("linelength", 0, 1)
def linelength(lisp: Lisp, n: Checked = NIL) -> int:
    """The length of lines: nil asks for it, t sets it to the usual one, a number to that; what it was, t for the
    usual one of a terminal.
    (fixp (linelength nil)) => t
    """
    out = lisp.output
    if n == NIL:
        return min(out.width, UNLIMITED) << 3
    old = T if out.by_default and out is lisp.terminal else min(out.width, UNLIMITED) << 3
    if n == T:
        out.width, out.by_default = DEFAULT_WIDTH, True
        return old
    if n & 7:
        raise lisp.errors.plain("linelength", n)
    width = (n >> 3) + (1 << 31) & 0xFFFFFFFF  # 32 bits of it, as in the original
    out.width, out.by_default = max(width - (1 << 31), NARROWEST), False
    return old


@builtin("pagelength", 1)
def pagelength(lisp: Lisp, n: Value) -> int:
    """Its argument: output is not divided into pages.  (pagelength nil) => nil"""
    return n


@builtin("tyo", 1)
def tyo(lisp: Lisp, n: Fixnum) -> int:
    """Print the character with a code; the code.  (tyo 97) prints a"""
    lisp.output.write(chr(n >> 3))
    return n


@builtin("writechar", 1, 1, "write-byte")
def writechar(lisp: Lisp, n: Fixnum) -> int:
    """Print the character with a code; the code.  (writechar 97) prints a"""
    return tyo(lisp, n)


@builtin("flush", 0, 1, "finish-output")
def flush(lisp: Lisp, stream: Value = NIL) -> int:
    """Hand what was printed to the operating system; nil.  (flush) => nil"""
    lisp.output.flush()
    return NIL


@builtin("eject", 0)
def eject(lisp: Lisp) -> int:
    """Print a form feed; nil.  (eject) => nil"""
    lisp.output.write("\f")
    return NIL


def in_base(lisp: Lisp, n: int, base: int, least: int = 0) -> int:
    m = lisp.machine
    if not m.is_integer(n):
        lisp.printer.print(n, True, lisp.output)
        return n
    lisp.output.write(in_digits(m, n, *{16: ("x", 4), 8: ("o", 3), 2: ("b", 1)}[base],
                                least >> 3 if least & 7 == 0 else 0))
    return n


def in_digits(m: Machine, x: int, digits: str, width: int, least: int = 0) -> str:
    """Digits of ``width`` bits, ``least`` characters or more; a negative number as the last ones of its two's
    complement, behind a ~.
    """
    m.need(max(least, 0))
    if not m.is_minus(x):
        parts = [format(part, f"0{8 * PART // width}{digits}") for part in magnitude_parts(m, x)]
        return "".join(reversed(parts)).lstrip("0").rjust(max(least, 1), "0")
    # the first digit is the highest, which shows the sign
    count = max(-(-magnitude_length(m, without_sign(m, x)) // width) + 1, least - 1)
    return "~" + in_digits(m, int(m.kernel.entry_land2(0, x,
                                                       m.kernel.entry_sub1(
                                                           0, m.kernel.entry_ashift(0, 8, width * count << 3)))),
                           digits, width)


@builtin("prinhex", 1, 2)
def prinhex(lisp: Lisp, n: Value, width: Value = 0) -> int:
    """Print an integer in base 16, with at least width digits; the integer.  (prinhex 255) prints ff"""
    return in_base(lisp, n, 16, width)


@builtin("prinoctal", 1, 2)
def prinoctal(lisp: Lisp, n: Value, width: Value = 0) -> int:
    """Print an integer in base 8, with at least width digits; the integer.  (prinoctal 8) prints 10"""
    return in_base(lisp, n, 8, width)


@builtin("prinbinary", 1, 2)
def prinbinary(lisp: Lisp, n: Value, width: Value = 0) -> int:
    """Print an integer in base 2; the integer.  (prinbinary 5) prints 101"""
    return in_base(lisp, n, 2)


@builtin("lengthc", 1)
def lengthc(lisp: Lisp, x: Value) -> int:
    """The number of bytes that prin2 writes.  (lengthc "abc") => 3"""
    return len(utf8.encode(lisp.printer.text(x, False))) << 3


@builtin("text widelengthc", 1)
def widelengthc(lisp: Lisp, x: Value) -> int:
    return len(lisp.printer.text(x, False)) << 3


@builtin("setprintprecision", 1, 1, "set-print-precision")
def setprintprecision(lisp: Lisp, n: Checked) -> int:
    """The number of digits with which floats are printed, from 1 to 36, 0 for 15, nil for as many as before; the one
    before.
    (progn (setprintprecision 4) (setprintprecision 15)) => 4
    """
    cage = lisp.machine.cage
    old = cage["precision"]
    if n != NIL:
        if n & 7:
            raise lisp.errors.plain("print-precision", n)
        cage["precision"] = 15 if n <= 0 else min(n >> 3, 36)
    return old << 3


@builtin("getprintprecision", 0)
def getprintprecision(lisp: Lisp) -> int:
    """The number of digits with which floats are printed.  (getprintprecision) => 15"""
    return lisp.machine.cage["precision"] << 3


def characters(lisp: Lisp, text: str) -> int:
    m = lisp.machine
    m.need(16 * len(text))
    known = {c: m.symbol(c) for c in m.steps(set(text))}
    return m.reversed_list(known[c] for c in m.steps(reversed(text)))


def codes(lisp: Lisp, text: str) -> int:
    """The characters of a text as a list of fixnums."""
    m = lisp.machine
    m.need(16 * len(text))
    return m.reversed_list(ord(c) << 3 for c in m.steps(reversed(text)))


@builtin("text explode", 1)
def explode(lisp: Lisp, x: Value) -> int:
    return characters(lisp, lisp.printer.exploded(x))


@builtin("text explode2", 1)
def explode2(lisp: Lisp, x: Value) -> int:
    return characters(lisp, lisp.printer.text(x, False))


@builtin("text explode2lc", 1)
def explode2lc(lisp: Lisp, x: Value) -> int:
    return characters(lisp, lisp.printer.folded(x, utf8.lower))


@builtin("text explode2uc", 1)
def explode2uc(lisp: Lisp, x: Value) -> int:
    return characters(lisp, lisp.printer.folded(x, utf8.upper))


@builtin("explode2ucn", 1)
def explode2ucn(lisp: Lisp, x: Value) -> int:
    """The codes of the characters that `prin2` prints, small letters as capital ones.  (explode2ucn 'ab) => (65 66)"""
    return codes(lisp, lisp.printer.folded(x, utf8.upper))


@builtin("explode2n", 1, 1, "explodecn")
def explode2n(lisp: Lisp, x: Value) -> int:
    """The codes of the characters that `prin2` prints.  (explode2n "ab") => (97 98)"""
    return codes(lisp, lisp.printer.text(x, False))


@builtin("explode2lcn", 1)
def explode2lcn(lisp: Lisp, x: Value) -> int:
    """The codes of the characters that `prin2` prints, capital letters as small ones.  (explode2lcn "AB") => (97 98)"""
    return codes(lisp, lisp.printer.folded(x, utf8.lower))


@builtin("exploden", 1)
def exploden(lisp: Lisp, x: Value) -> int:
    """The codes of the characters that `prin1` prints.  (exploden "a") => (34 97 34)"""
    return codes(lisp, lisp.printer.exploded(x))


@builtin("explodehex", 1)
def explodehex(lisp: Lisp, x: Integer) -> int:
    """The digits of an integer in base 16, as a list of characters.  (explodehex 255) => (f f)"""
    return based(lisp, x, "x", 4)


@builtin("explodeoctal", 1)
def explodeoctal(lisp: Lisp, x: Integer) -> int:
    """The digits of an integer in base 8, as a list of characters.  (explodeoctal 8) => (!1 !0)"""
    return based(lisp, x, "o", 3)


@builtin("explodebinary", 1)
def explodebinary(lisp: Lisp, x: Integer) -> int:
    """The digits of an integer in base 2, as a list of characters.  (explodebinary 5) => (!1 !0 !1)"""
    return based(lisp, x, "b", 1)


def based(lisp: Lisp, x: int, digits: str, width: int) -> int:
    return characters(lisp, in_digits(lisp.machine, x, digits, width))
