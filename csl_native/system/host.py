"""What this process is: its system, and what the header of its own program says of machine and calling convention.

The header is asked, not the system: a kernel runs programs of several conventions (32 bits beside 64, soft beside hard
floats), an emulator's system can give the name of another machine, and on Windows to ask can crash.
"""

from __future__ import annotations

import contextlib
import struct
import sys
from collections.abc import Iterator
from functools import cache

from .records import Record

HEAD = 4096  # bytes at the start of a program in which its header is


class Header(Record):
    """What a program's header says; ``machine`` is the number of the format (e_machine, cputype, Machine), ``flags``
    those of ELF.
    """

    format: str  # ELF, Mach-O or PE
    machine: int
    bits: int
    big_endian: bool = False
    flags: int = 0

    def text(self) -> str:
        order = "big-endian" if self.big_endian else "little-endian"
        flags = f", flags {self.flags:#x}" if self.flags else ""
        return (f"an {self.format} program for machine {self.machine}, {self.bits} bits, {order}{flags}".replace(
            "an M", "a M").replace("an P", "a P"))


class Host(Record):
    """A machine as a program finds it: ``system`` is Python's ``sys.platform``; without a header nothing is known of
    it.
    """

    system: str
    header: Header | None

    def text(self) -> str:
        return (f"{self.system}, "
                f"{self.header.text() if self.header is not None else 'a program whose header cannot be read'}")


def read_header(data: bytes) -> Header | None:
    """The header in the first bytes of a program; None for anything else.

    https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html; mach-o/loader.h; PE format, "COFF File Header".
    """
    try:
        if data[:4] == b"\x7fELF":
            order = {1: "<", 2: ">"}[data[5]]
            bits = {1: 32, 2: 64}[data[4]]
            machine, = struct.unpack_from(order + "H", data, 18)
            flags, = struct.unpack_from(order + "I", data, 36 if bits == 32 else 48)
            return Header("ELF", machine, bits, order == ">", flags)
        if data[:4] in MACH_O:
            order, bits = MACH_O[data[:4]]
            return Header("Mach-O", struct.unpack_from(order + "I", data, 4)[0], bits, order == ">")
        if data[:2] == b"MZ":
            at, = struct.unpack_from("<I", data, 60)
            if data[at:at + 4] == b"PE\0\0":
                machine, = struct.unpack_from("<H", data, at + 4)
                magic, = struct.unpack_from("<H", data, at + 24)
                return Header("PE", machine, {0x10B: 32, 0x20B: 64}[magic])
    except (KeyError, IndexError, struct.error):
        pass
    return None


MACH_O = {b"\xce\xfa\xed\xfe": ("<", 32), b"\xcf\xfa\xed\xfe": ("<", 64), b"\xfe\xed\xfa\xce": (">", 32),
          b"\xfe\xed\xfa\xcf": (">", 64)}


def own_header() -> Header | None:
    """The header of the program of this process; None when it cannot be read, or is not what this Python is (a script
    that starts it).
    """
    for path in (None if sys.platform == "win32" else "/proc/self/exe", sys.executable,
                 getattr(sys, "_base_executable", None)):
        if not path:
            continue
        with contextlib.suppress(OSError), open(path, "rb") as file:
            data = file.read(HEAD)
            header = read_header(data) or universal(data, path)
            if (header is not None and (header.bits,
                                        header.big_endian) == (8 * struct.calcsize("P"), sys.byteorder == "big")):
                return header
    return None


def universal(data: bytes, path: str) -> Header | None:
    """Mach-O files can hold programs for several machines, and do not say which one runs: the one that has this
    Python's word, if it is alone.
    """
    if data[:4] != b"\xca\xfe\xba\xbe":
        return None
    count, = struct.unpack_from(">I", data, 4)
    found = []
    for k in range(min(count, 16)):
        offset, = struct.unpack_from(">I", data, 8 + 20 * k + 8)
        with open(path, "rb") as file:
            file.seek(offset)
            found.append(read_header(file.read(32)))
    fitting = [h for h in found if h is not None
               and (h.bits, h.big_endian) == (8 * struct.calcsize("P"), sys.byteorder == "big")]
    return fitting[0] if len(fitting) == 1 else None


@cache
def _real() -> Host:
    return Host(sys.platform, own_header())


_pretended: list[Host] = []


def this_host() -> Host:
    """The machine of this process."""
    return _pretended[-1] if _pretended else _real()


@contextlib.contextmanager
def pretending(host: Host) -> Iterator[Host]:
    """Take this process for another machine: nothing that is made or chosen by machine is then what really runs here.
    """
    _pretended.append(host)
    try:
        yield host
    finally:
        _pretended.remove(host)
