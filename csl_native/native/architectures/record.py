"""What an architecture is to this project: one record, and nothing outside its file names it."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from csl_native.relocation.kinds import Kind


class Architecture(NamedTuple):
    """``number`` is the low five bits of the tag; ``veneer`` is code that jumps through the pointer cell that
    ``veneer_fields`` (kind name, place in the veneer, addend) refer to."""

    number: int
    name: str
    triple: str
    machine: int  # e_machine of ELF
    cpu: str
    clobber: str  # constraint list of the callee-saved registers
    kinds: tuple[Kind, ...]
    absolute: Kind
    veneer: bytes
    veneer_fields: tuple[tuple[str, int, int], ...]
    capstone: tuple[str, str]  # names of the architecture and mode constants
    keystone: tuple[str, str]
    systems: tuple[str, ...]  # what the system may call the machine (uname -m)
    features: Callable[[], frozenset[str]]
    flush: Callable[[int, int], None]  # make newly written code (address, size) visible to instruction fetch
    llvm_features: str = ""
    abi: str = ""
    big_endian: bool = False
    word: int = 8  # bytes of an address
    anchor: str = ""  # the symbol of the place that anchored relocations count from, and how far behind the block's table it is
    anchor_bias: int = 0
    after_call: tuple[bytes, bytes] = (b"", b"")  # what follows a call, and what takes its place when the call leaves the block
    local_entries: bool = False  # do functions have a second entry point for callers with the same table?
    support: str = ""  # IR of the functions that code for this machine calls where it has no instruction
    no_reserve: int = 0x4000  # MAP_NORESERVE of the system
    ignored: frozenset[int] = frozenset()  # relocation types that only advise a linker

    def kind(self, number: int) -> Kind | None:
        """The row of an ELF relocation type."""
        return next((row for row in self.kinds if row.number == number), None)

    def named(self, name: str) -> Kind:
        return next(row for row in self.kinds if row.name == name)


@cache
def cpuinfo(label: str, separator: str | None = None) -> frozenset[str]:
    """The words of the first line of /proc/cpuinfo that begins with ``label``: feature names as the system gives them."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith(label):
                    return frozenset(line.split(":", 1)[1].strip().split(separator))
    except OSError:
        pass
    return frozenset()


def hardware_capabilities(names: dict[str, tuple[int, int]]) -> frozenset[str]:
    """The features whose bit, given as (word of the auxiliary vector, mask), is set: getauxval(3); AT_HWCAP is 16, AT_HWCAP2 is 26."""
    function = ctypes.CDLL(None).getauxval
    function.argtypes, function.restype = [ctypes.c_ulong], ctypes.c_ulong
    return frozenset(name for name, (word, mask) in names.items() if function(word) & mask)


def code_function(code: bytes, result: Any, *arguments: Any) -> Callable[..., Any]:
    """A C function of machine code that stands here as bytes."""
    from ...cage import CodeMemory
    memory = CodeMemory(len(code))
    memory.view()[:len(code)] = code
    memory.seal()
    function: Callable[..., Any] = ctypes.CFUNCTYPE(result, *arguments)(memory.address)
    return function


@cache
def library_function(library: str | None, name: str, *arguments: type) -> Callable[..., object]:
    """A C function without a result."""
    function: Callable[..., object] = getattr(ctypes.CDLL(library), name)
    function.argtypes, function.restype = list(arguments), None  # type: ignore[attr-defined]
    return function


def clear_cache(address: int, size: int) -> None:
    """Data cache to memory and instruction cache emptied for a range, by the compiler's library (libgcc's __clear_cache)."""
    library_function("libgcc_s.so.1", "__clear_cache", ctypes.c_void_p, ctypes.c_void_p)(address, address + size)
