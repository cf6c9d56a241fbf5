"""GDB's JIT interface: a debugger of the process sees the names of native functions.

GDB looks for ``__jit_debug_descriptor`` in the process, a list of object files in memory, and stops at ``__jit_debug_register_code`` to
see new ones (GDB manual, "JIT Compilation Interface").  A small shared object with the two is made and loaded; each function is an
object file of its own with one symbol.
"""

from __future__ import annotations

import ctypes
import os
import struct
import tempfile
import zlib

from ..baseimage import cache_folder
from ..system.files import others_can_write
from ..system.host import this_host
from .elffile import FUNC, OBJECT, Format, Section

PAGE = 1 << 16  # as large as the pages of any system
REGISTER, UNREGISTER = 1, 2


class HostFormat(Format):
    """ELF of this process: class, byte order, machine and flags are those of its own executable."""

    def __init__(self) -> None:
        header = this_host().header
        if header is None or header.format != "ELF":
            raise ValueError(f"GDB is told of code by ELF files; this is {this_host().text()}")
        super().__init__(header.bits, header.big_endian, header.machine, header.flags)

    def object_file(self, name: str, address: int, size: int) -> bytes:
        """A file that says that a function is at an address."""
        label = name.replace(":", "_", 1).encode("utf-8", "replace")  # GDB would take what stands before a colon for a file
        symbols = self.symbol(0, 0, 0, 0, 0) + self.symbol(1, address, size, FUNC, 1)
        return self.file(2, [Section(".text", 8, 6, address, b"", size=size), Section(".symtab", 2, 0, 0, symbols, 3, 1, len(symbols) // 2),
                             Section(".strtab", 3, 0, 0, b"\0" + label + b"\0")], [], 64 if self.wide else 52)

    def library(self, code: bytes) -> bytes:
        """The shared object with the two names; ``code`` is what a function consists of that only returns."""
        names = b"\0__jit_debug_register_code\0__jit_debug_descriptor\0"
        at = 0x400
        descriptor, dynamic = PAGE + 0x200, PAGE
        symbols = (self.symbol(0, 0, 0, 0, 0) + self.symbol(1, at, len(code), FUNC, 4)
                   + self.symbol(names.index(b"__jit_debug_desc"), descriptor, 8 + 2 * struct.calcsize(self.word), OBJECT, 6))
        hashes = self.pack("6I", 1, 3, 1, 0, 2, 0)  # one bucket with one chain: symbols 1 and 2
        where = {".hash": 0x200, ".dynsym": 0x240, ".dynstr": 0x300}
        tags = [(4, where[".hash"]), (5, where[".dynstr"]), (6, where[".dynsym"]), (10, len(names)), (11, len(symbols) // 3), (0, 0)]
        dynamics = b"".join(self.pack("WW", *tag) for tag in tags)
        sections = [Section(".hash", 5, 2, where[".hash"], hashes, 2, 0, 4), Section(".dynsym", 11, 2, where[".dynsym"], symbols, 3, 1, len(symbols) // 3),
                    Section(".dynstr", 3, 2, where[".dynstr"], names), Section(".text", 1, 6, at, code),
                    Section(".dynamic", 6, 3, dynamic, dynamics, 3, 0, len(dynamics) // len(tags)), Section(".data", 1, 3, descriptor, bytes(64))]
        segments = [self.segment(1, 5, 0, 0x400 + len(code), PAGE), self.segment(1, 6, PAGE, 0x240, PAGE), self.segment(2, 6, PAGE, len(dynamics), 8),
                    self.segment(0x6474E551, 6, 0, 0, 16)]
        return self.file(3, sections, segments, 0)


class Descriptor(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("action", ctypes.c_uint32), ("relevant", ctypes.c_void_p), ("first", ctypes.c_void_p)]


class Entry(ctypes.Structure):
    _fields_ = [("next", ctypes.c_void_p), ("previous", ctypes.c_void_p), ("file", ctypes.c_void_p), ("size", ctypes.c_uint64)]


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
    """The list of functions that a debugger sees; one a process."""

    def __init__(self, code: bytes) -> None:
        self.format = HostFormat()
        library = ctypes.CDLL(library_path(self.format.library(code)))
        self._tell = library.__getattr__("__jit_debug_register_code")
        self._list = Descriptor.in_dll(library, "__jit_debug_descriptor")
        self._list.version = 1
        self._entries: dict[int, tuple[Entry, ctypes.Array[ctypes.c_char]]] = {}

    def add(self, address: int, size: int, name: str) -> None:
        """Tell that a function is at an address."""
        if address in self._entries:
            return
        data = self.format.object_file(name, address, size)
        buffer = ctypes.create_string_buffer(data, len(data))
        entry = Entry(self._list.first, None, ctypes.addressof(buffer), len(data))
        if self._list.first:
            Entry.from_address(self._list.first).previous = ctypes.addressof(entry)
        self._list.first = ctypes.addressof(entry)
        self._entries[address] = entry, buffer
        self._say(REGISTER, entry)

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
