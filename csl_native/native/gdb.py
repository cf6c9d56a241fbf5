"""GDB's JIT interface: a debugger of the process sees the names of native functions.

GDB looks for ``__jit_debug_descriptor`` in the process, a list of object files in memory, and stops at
``__jit_debug_register_code`` to see new ones (GDB manual, "JIT Compilation Interface").  A small shared object with the
two is made and loaded; each function of the jit is an object file of its own, and what is there from the start is a
few.  They have symbols, and tables by which a debugger unwinds (``unwinding.py``).
"""

from __future__ import annotations

import ctypes
import os
import struct
import tempfile
import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..architectures import Architecture, host
from ..saving.baseimage import cache_folder
from ..system.files import others_can_write
from ..system.host import this_host
from ..system.records import Record
from . import unwinding
from .elffile import (
    ALLOC,
    EXECUTABLE,
    EXECUTE,
    FUNC,
    GLOBAL,
    NOBITS,
    OBJECT,
    PROGBITS,
    STRTAB,
    SYMTAB,
    Format,
    Section,
    Symbols,
)

if TYPE_CHECKING:
    from ..session.session import Session

PAGE = 1 << 16  # as large as the pages of any system
REGISTER, UNREGISTER = 1, 2
NEAR = 1 << 16  # functions that are no further from each other are told of together


class Named(Record):
    """A function in memory."""

    address: int
    size: int
    name: str


class HostFormat(Format):
    """ELF of this process: class, byte order, machine and flags are those of its own executable."""

    def __init__(self) -> None:
        header = this_host().header
        if header is None or header.format != "ELF":
            raise ValueError(f"GDB is told of code by ELF files; this is {this_host().text()}")
        super().__init__(header.bits, header.big_endian, header.machine, header.flags)

    def object_file(self, functions: list[Named], frames: bytes) -> bytes:
        """A file that says which functions are where, and how to unwind through them."""
        symbols = Symbols(self)
        low, high = min(f.address for f in functions), max(f.address + f.size for f in functions)
        for f in functions:
            symbols.add(f.name, f.address, f.size, FUNC, 1, GLOBAL)
        table, local, _ = symbols.finish()
        sections = [
            Section(".text", NOBITS, ALLOC | EXECUTE, low, b"", size=high - low),
            Section(".symtab", SYMTAB, 0, 0, table, 3, local, len(symbols.form.symbol(0, 0, 0, 0, 0))),
            Section(".strtab", STRTAB, 0, 0, bytes(symbols.names), align=1),
        ]
        if frames:
            sections.append(Section(".eh_frame", PROGBITS, ALLOC, 0, frames))
        return self.file(EXECUTABLE, sections, [], self.head_sizes[0])

    def library(self, code: bytes) -> bytes:
        """The shared object with the two names; ``code`` is what a function consists of that only returns."""
        names = b"\0__jit_debug_register_code\0__jit_debug_descriptor\0"
        at = 0x400
        descriptor, dynamic = PAGE + 0x200, PAGE
        symbols = (self.symbol(0, 0, 0, 0, 0) + self.symbol(1, at, len(code), FUNC, 4)
                   + self.symbol(names.index(b"__jit_debug_desc"), descriptor, 8 + 2 * struct.calcsize(self.word),
                                 OBJECT, 6))
        hashes = self.pack("6I", 1, 3, 1, 0, 2, 0)  # one bucket with one chain: symbols 1 and 2
        where = {".hash": 0x200, ".dynsym": 0x240, ".dynstr": 0x300}
        tags = [(4, where[".hash"]), (5, where[".dynstr"]), (6, where[".dynsym"]), (10, len(names)),
                (11, len(symbols) // 3), (0, 0)]
        dynamics = b"".join(self.pack("WW", *tag) for tag in tags)
        sections = [Section(".hash", 5, 2, where[".hash"], hashes, 2, 0, 4),
                    Section(".dynsym", 11, 2, where[".dynsym"], symbols, 3, 1, len(symbols) // 3),
                    Section(".dynstr", 3, 2, where[".dynstr"], names), Section(".text", 1, 6, at, code),
                    Section(".dynamic", 6, 3, dynamic, dynamics, 3, 0, len(dynamics) // len(tags)),
                    Section(".data", 1, 3, descriptor, bytes(64))]
        segments = [self.segment(1, 5, 0, 0x400 + len(code), PAGE), self.segment(1, 6, PAGE, 0x240, PAGE),
                    self.segment(2, 6, PAGE, len(dynamics), 8),
                    self.segment(0x6474E551, 6, 0, 0, 16)]
        return self.file(3, sections, segments, 0)


class Descriptor(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("action", ctypes.c_uint32), ("relevant", ctypes.c_void_p),
                ("first", ctypes.c_void_p)]


class Entry(ctypes.Structure):
    _fields_ = [("next", ctypes.c_void_p), ("previous", ctypes.c_void_p), ("file", ctypes.c_void_p),
                ("size", ctypes.c_uint64)]


def _holds(path: str, data: bytes) -> bool:
    try:
        with open(path, "rb") as file:
            return not others_can_write(os.fstat(file.fileno())) and file.read(len(data) + 1) == data
    except OSError:
        return False


def library_path(data: bytes) -> str:
    """The shared object as a file, which stays: GDB reads it too.  What is there under its name must be it."""
    folder = cache_folder()
    path = os.path.join(folder, f"gdb-{zlib.crc32(data):08x}.so")
    if not _holds(path, data):
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as file:
            file.write(data)
        os.chmod(file.name, 0o700)
        os.replace(file.name, path)
    return path


class Gdb:
    """The list of functions that a debugger sees; one a process.
    They are called as everywhere, ``lisp:NAME`` and ``csl:NAME``.
    """

    def __init__(self, architecture: Architecture) -> None:
        self.format, self.architecture = HostFormat(), architecture
        library = ctypes.CDLL(library_path(self.format.library(bytes.fromhex(architecture.return_code))))
        self._tell = library.__getattr__("__jit_debug_register_code")
        self._list = Descriptor.in_dll(library, "__jit_debug_descriptor")
        self._list.version = 1
        self._entries: dict[int, tuple[Entry, ctypes.Array[ctypes.c_char]]] = {}
        self._known: set[tuple[int, int]] = set()  # addresses and sizes of what was told of together

    def add(self, address: int, size: int, name: str) -> None:
        """Tell that a function is at an address."""
        if address not in self._entries:
            self._register(address, [Named(address, size, name)])

    def add_all(self, functions: Iterable[Named]) -> None:
        """Tell of functions that stay, those that lie together at once."""
        together: list[Named] = []
        for f in sorted(f for f in functions if f[:2] not in self._known and f.address not in self._entries):
            if together and f.address > together[-1].address + together[-1].size + NEAR:
                self._register(together[0].address, together)
                together = []
            together.append(f)
            self._known.add(f[:2])
        if together:
            self._register(together[0].address, together)

    def _register(self, key: int, functions: list[Named]) -> None:
        data = self.format.object_file(functions, self._frames(functions))
        buffer = ctypes.create_string_buffer(data, len(data))
        entry = Entry(self._list.first, None, ctypes.addressof(buffer), len(data))
        if self._list.first:
            Entry.from_address(self._list.first).previous = ctypes.addressof(entry)
        self._list.first = ctypes.addressof(entry)
        self._entries[key] = entry, buffer
        self._say(REGISTER, entry)

    def _frames(self, functions: list[Named]) -> bytes:
        """How to unwind through functions that are in memory, where that can be told."""
        if not unwinding.can_tell(self.architecture):
            return b""
        rows = [unwinding.function(self.architecture, ctypes.string_at(f.address, f.size), f.address)
                for f in functions if f.size]
        return unwinding.eh_frame(self.architecture, rows, self.format, None)

    def remove(self, address: int) -> None:
        """Tell that it is there no longer."""
        found = self._entries.pop(address, None)
        if found is None:
            return
        entry = found[0]
        if entry.previous:
            Entry.from_address(entry.previous).next = entry.next
        else:
            self._list.first = entry.next
        if entry.next:
            Entry.from_address(entry.next).previous = entry.previous
        self._say(UNREGISTER, entry)

    def _say(self, action: int, entry: Entry) -> None:
        self._list.action, self._list.relevant = action, ctypes.addressof(entry)
        self._tell()


def tell(session: Session) -> None:
    """Tell a debugger of this process of the native functions of a session, those that exist and those to come."""
    architecture = host()
    if architecture is None or not architecture.return_code:
        raise ValueError("GDB's interface for compiled code is not there for this machine")
    if session.gdb is None:
        session.gdb = Gdb(architecture)
    told = [Named(*row) for row in session.native_symbols()]
    jit = session.lisp.jit
    moving = {compiled.memory.address for compiled in jit.functions.values()} if jit is not None else set()
    session.gdb.add_all(f for f in told if f.address not in moving)
    for f in told:
        if f.address in moving:
            session.gdb.add(*f)
