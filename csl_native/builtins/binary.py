"""Files of bytes: one that is read and one that is written at a time, as the original has them."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING

from ..kernel.memory import NIL, T
from ..lisp.registry import Fixnum, Number, Text, Value, builtin
from ..lisp.spooling import Spool
from ..system.waiting import open_patiently
from .reading import check_stream, path_of

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp


@contextlib.contextmanager
def named(file: IO[bytes]) -> Iterator[None]:
    """What the system says of a file that is open has its name."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, file.name) from None


def opened(lisp: Lisp, name: int, mode: str) -> IO[bytes]:
    path = path_of(lisp, name)
    try:
        if mode == "wb":
            check_stream(lisp, path)
        found: IO[bytes] = open_patiently(path, mode, lisp.machine.wait)
    except OSError:
        raise lisp.errors.loud("file could not be opened:", name) from None
    return found


@builtin("binary_open_output", 1, reaches=True)
def binary_open_output(lisp: Lisp, name: Text) -> int:
    """Open a file for bytes to be written; the one before is closed.  (binary_open_output "/nowhere/x") is an error"""
    binary_close_output(lisp)
    lisp.bytes_written = opened(lisp, name, "wb")
    return NIL


@builtin("binary_open_input", 1, reaches=True)
def binary_open_input(lisp: Lisp, name: Text) -> int:
    """Open a file for bytes to be read; the one before is closed.  (binary_open_input "/nowhere/x") is an error"""
    binary_close_input(lisp)
    lisp.bytes_read = opened(lisp, name, "rb")
    return NIL


@builtin("binary_close_output", 0)
def binary_close_output(lisp: Lisp) -> int:
    """Close the file of bytes that is written, if there is one; nil.  (binary_close_output) => nil"""
    file, lisp.bytes_written = lisp.bytes_written, None
    if file is not None:
        with named(file):
            file.close()
    return NIL


@builtin("binary_close_input", 0)
def binary_close_input(lisp: Lisp) -> int:
    """Close the file of bytes that is read, if there is one; nil.  (binary_close_input) => nil"""
    file, lisp.bytes_read = lisp.bytes_read, None
    if file is not None:
        file.close()
    return NIL


@builtin("binary_select_input", 1, reaches=True)
def binary_select_input(lisp: Lisp, name: Text) -> int:
    """Read bytes from a file, as `binary_open_input`.  (binary_select_input "/nowhere/x") is an error"""
    return binary_open_input(lisp, name)


def write(lisp: Lisp, data: bytes) -> None:
    file = lisp.bytes_written
    if file is not None:
        with named(file):
            file.write(data)


def writer(name: str, size: int) -> None:
    """A function that writes the last bytes of a number, the highest first."""
    @builtin(name, 1, meaning=f"Write a number as {size} byte{'s' * (size > 1)}, the highest first, to the open file "
                              "of bytes; the number."
             f"  ({name} 65) => 65")
    def call(lisp: Lisp, n: Fixnum) -> int:
        write(lisp, ((n >> 3) & (1 << 8 * size) - 1).to_bytes(size, "big"))
        return n


def reader(name: str, size: int) -> None:
    """A function that reads a number of so many bytes."""
    @builtin(name, 0, meaning=f"The number that the next {size} byte{'s' * (size > 1)} of the open file of bytes are, "
                              "the highest first; -1 at its"
             f" end.  ({name}) => -1")
    def call(lisp: Lisp) -> int:
        file = lisp.bytes_read
        data = file.read(size) if file is not None else b""
        return lisp.machine.integer(int.from_bytes(data, "big")) if len(data) == size else -8


for _name, _size in (("binary_prinbyte", 1), ("binary_prin1", 1), ("binary_prin2", 2), ("binary_prin3", 3)):
    writer(_name, _size)
for _name, _size in (("binary_readbyte", 1), ("binary_read2", 2), ("binary_read3", 3), ("binary_read4", 4)):
    reader(_name, _size)


@builtin("binary_princ", 1)
def binary_princ(lisp: Lisp, x: Text) -> int:
    """Write the bytes of a string or name to the open file of bytes; the argument.  (binary_princ "abc") => "abc\""""
    write(lisp, lisp.machine.text(x).encode("utf-8", "surrogateescape"))
    return x


@builtin("binary_terpri", 0)
def binary_terpri(lisp: Lisp) -> int:
    """Write the byte of a line's end to the open file of bytes; nil.  (binary_terpri) => nil"""
    write(lisp, b"\n")
    return NIL


@builtin("binary_prinfloat", 1)
def binary_prinfloat(lisp: Lisp, x: Number) -> int:
    """Write a number as the 8 bytes of a float to the open file of bytes; the number.  (binary_prinfloat 1.5) => 1.5"""
    write(lisp, struct.pack(">d", lisp.to_double(x)))
    return x


@builtin("binary_readfloat", 0)
def binary_readfloat(lisp: Lisp) -> int:
    """The float that the next 8 bytes of the open file of bytes are; nil at its end.  (binary_readfloat) => nil"""
    file = lisp.bytes_read
    data = file.read(8) if file is not None else b""
    return lisp.machine.float(struct.unpack(">d", data)[0]) if len(data) == 8 else NIL


def copied(lisp: Lisp, name: int) -> int:
    """Copy what is read and printed to a file from now on; with nil end that."""
    before, lisp.spooled = lisp.spooled, None
    if before is not None:
        with named(before.copy):
            before.end("End of transcript")
    if name != NIL:
        lisp.spooled = Spool(lisp.terminal, opened(lisp, name, "wb"), lisp.machine.text(name))
    return T


@builtin("spool", 0, 1, "dribble", reaches=True)
def spool(lisp: Lisp, name: Value = NIL) -> int:
    """Copy what is printed on the terminal, and read from it, to a file, too; without an argument that ends.
    (spool) => t
    """
    if name != NIL and name & 7 not in (2, 3):
        raise lisp.errors.plain("spool", name)
    return copied(lisp, name)
