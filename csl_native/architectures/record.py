"""What an architecture is to this project: one record, and nothing outside its file names it."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterable
from functools import cache

from csl_native.relocation.kinds import Kind

from ..system.codememory import CodeMemory
from ..system.faults import Fault as Fault
from ..system.host import Header, Host
from ..system.process import c_library
from ..system.records import Record
from .reading import Reading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Refinement(Record):
    """A variant of an architecture for processors with more features; ``level`` is the top three bits of its tag."""

    level: int
    name: str
    cpu: str
    llvm_features: str
    features: frozenset[str]


class Copying(Record):
    """How stencils are compiled.  ``cached``: how many operands they hold in registers, which is what the calling
    convention has, less three.

    ``hole``: IR that leaves hole ``{0}`` in ``{r}``.  Where code cannot hold any number but only distances, it is the
    distance of two symbols, and they count from the place of the code when ``near``; ``shift``: twice, four times...
    the number, because places are even.
    """

    cached: int = 3
    model: str = "small"
    features: str = ""
    options: tuple[str, ...] = ()
    hole: str = "{r} = ptrtoint ptr @hole{0} to i64"
    near: bool = False
    shift: int = 0
    jump_mask: int = -1  # the bits that a jump can change of where it goes; the others are those of where it stands


DISTANCE = "{t} = ptrtoint ptr @hole{0} to i64\n{u} = ptrtoint ptr @origin to i64\n{r} = sub i64 {t}, {u}"
EVEN_DISTANCE = ("{t} = ptrtoint ptr @hole{0} to i64\n{u} = ptrtoint ptr @origin to i64\n{v} = sub i64 {t}, {u}\n"
                 "{r} = lshr i64 {v}, 1")


class Outside(Record):
    """How code of an architecture meets C where that has another calling convention: ``convention`` is LLVM's name of
    it.

    ``way`` is the code of a way across: it goes on at one address (the second) and gives it another in the register of
    ``nest`` parameters. ``attributes``: what every function needs because the system's rules for stacks are others.
    """

    convention: str
    way: Callable[[int, int], bytes]
    attributes: str = ""


class Calls(Record):
    """Numbers of calls of Linux; of two of them for one thing, that with words of 64 bits."""

    read: int
    write: int
    exit_group: int
    mmap: int
    clock_gettime: int
    openat: int
    close: int


class Alone(Record):
    """What a program of a system consists of that begins without C's library.

    ``start`` is where the system enters it: code that calls a function with an address and the machine stack pointer
    as it was; both addresses stand in it at ``places``, the function's second. ``call`` is the code of a function of
    the base of the cage, a number and four words: the call of the system with that number, those words, and -1 and 0
    as the fifth and sixth; its value is negative when it failed. ``mapping``: flags of mmap for private memory without
    contents at a place; ``creating`` and ``appending``: those of openat for a new file, and for the end of one.
    """

    start: bytes
    places: tuple[int, int]
    call: bytes
    numbers: Calls
    mapping: int = 0x4032  # MAP_PRIVATE, MAP_FIXED, MAP_ANONYMOUS, MAP_NORESERVE
    creating: int = 0x241  # O_WRONLY, O_CREAT, O_TRUNC
    appending: int = 0x441  # O_WRONLY, O_CREAT, O_APPEND


# include/uapi/asm-generic/unistd.h of Linux, for machines that came after it.
GENERIC_CALLS = Calls(63, 64, 94, 222, 113, 56, 57)


class Convention(Record):
    """A part of the calling convention that the flags of a program's header (e_flags of ELF) tell: under ``mask`` is
    one of ``values``.
    """

    mask: int
    values: tuple[int, ...]
    what: str


class Architecture(Record):
    """``number`` is the low five bits of the tag; ``veneer`` is code that jumps through the pointer cell that
    ``veneer_fields`` (kind name, place in the veneer, addend) refer to."""

    number: int
    name: str
    abi: str  # the name of the calling convention
    triple: str
    machine: int  # e_machine of ELF
    cpu: str
    clobber: str  # constraint list of the callee-saved registers
    kinds: tuple[Kind, ...]
    absolute: Kind
    veneer: bytes
    veneer_fields: tuple[tuple[str, int, int], ...]
    capstone: tuple[str, str]  # names of the architecture constant, and of those of the mode with + between them
    keystone: tuple[str, str]
    features: Callable[[], frozenset[str]]  # what the machine has, in the system's names
    flush: Callable[[int, int], None]  # make newly written code (address, size) visible to instruction fetch
    llvm_features: str = ""
    llvm_abi: str = ""
    also: tuple[tuple[str, int], ...] = ()  # what other formats of programs than ELF call the same processor
    system: str = "linux"  # Python's name of the system whose conventions these are
    format: str = "ELF"  # of that system's programs; the objects that LLVM makes are ELF for all
    outside: Outside | None = None  # how C is called, and calls, when not by the convention of the code
    flags: int = 0  # of the ELF files that are written for it (e_flags)
    record_types: bool = False  # have relocation records of such files up to three types, each in a byte?
    alone: Alone | None = None  # what programs that stand alone begin with; none: they cannot be made
    fault: Fault | None = None  # how one is told where code failed; none: nobody is
    reading: Reading | None = None  # how control and frames are told from the disassembler's text
    conventions: tuple[Convention, ...] = ()  # what the flags in a program's header must say
    big_endian: bool = False
    tail_calls: bool = True  # can LLVM make a call between functions of one type a jump there?
    word: int = 8  # bytes of an address
    pins: tuple[str, str] | None = None  # attributes of LLVM's that put parameters into callee-saved registers
    # the symbol of the place that anchored relocations count from, and how far behind the block's table it is
    anchor: str = ""
    anchor_bias: int = 0
    # what follows a call, and what takes its place when the call leaves the block
    after_call: tuple[bytes, bytes] = (b"", b"")
    # how far behind an ELF symbol callers with the same table enter
    local_entry: Callable[[Any], int] = lambda symbol: 0
    word_extension: str = "zeroext"  # how an unsigned integer of 32 bits fills a register as an argument
    unwinding: tuple[str, ...] = ()  # how the names of its own sections for exceptions begin
    ignored: frozenset[int] = frozenset()  # relocation types that only advise a linker
    support: str = ""  # IR of the functions that code for this machine calls where it has no instruction
    no_reserve: int = 0x4000  # MAP_NORESERVE of the system
    baseline: frozenset[str] = frozenset()  # features that all code of this tag may use
    options: tuple[str, ...] = ()  # LLVM's, for code that is not copied
    copying: Copying = Copying()
    return_code: str = ""  # the code of a function that only returns, in hexadecimal
    # LLVM's name of a convention whose callee saves nearly all registers, for calls that are rare
    slow_convention: str = ""
    refinements: tuple[Refinement, ...] = ()
    level: int = 0  # which refinement this record is
    untested: str = ""  # why nobody knows whether it works: no code for it is made unless somebody asks for it by name
    # where a capstone instruction looks, relative to itself
    reaches: Callable[[Any], int | None] = lambda instruction: None
    # the features that a capstone instruction needs
    uses: Callable[[Any], frozenset[str]] = lambda instruction: frozenset()

    def disassembler(self, capstone: Any) -> Any:
        """Capstone's disassembler for this machine, from its module."""
        mode = 0
        for name in self.capstone[1].split("+"):
            mode |= getattr(capstone, name)
        return capstone.Cs(getattr(capstone, self.capstone[0]), mode)

    def is_machine_of(self, header: Header) -> bool:
        """Is a program with this header for this kind of machine, if perhaps by another convention?"""
        return (header.format, header.machine) in (("ELF", self.machine), *self.also)

    def why_not(self, host: Host) -> str:
        """What keeps a machine from being one of this architecture, whose code it could call by its convention; empty:
        nothing does.
        """
        header = host.header
        if header is None or not self.is_machine_of(header):
            return f"{host.text()}; {self.name} is ELF machine {self.machine}"
        if (host.system, header.format) != (self.system, self.format):
            return (f"{host.system} with {header.format} programs has another calling convention than {self.name} "
                    f"({self.abi} on {self.system})")
        if (header.bits, header.big_endian) != (8 * self.word, self.big_endian):
            return (f"{header.text()}; {self.name} has {8 * self.word} bits, "
                    f"{'big' if self.big_endian else 'little'}-endian")
        for row in self.conventions:
            if header.flags & row.mask not in row.values:
                return (f"its program has flags {header.flags:#x}, under {row.mask:#x} {header.flags & row.mask:#x}; "
                        f"{self.name} ({self.abi}) "
                        f"expects {' or '.join(f'{v:#x}' for v in row.values)}: {row.what}")
        return ""

    @property
    def hole(self) -> str:
        return self.copying.hole

    @property
    def tag(self) -> int:
        """Low five bits: machine and calling convention; top three: the refinement."""
        return self.number | self.level << 5

    def refined(self, refinement: Refinement) -> Architecture:
        """The record of a refinement: the same machine, compiled for with more features."""
        return self._replace(name=refinement.name, cpu=refinement.cpu, level=refinement.level,
                             baseline=self.baseline | refinement.features,
                             llvm_features=",".join(filter(None, (self.llvm_features, refinement.llvm_features))))

    def missing(self, features: Iterable[str]) -> str:
        """Those of some features that this machine lacks, as text; it is asked only when there are any."""
        wanted = frozenset(features)
        return ", ".join(sorted(wanted - self.features())) if wanted else ""

    def kind(self, number: int) -> Kind | None:
        """The row of an ELF relocation type."""
        return next((row for row in self.kinds if row.number == number), None)

    def named(self, name: str) -> Kind:
        return next(row for row in self.kinds if row.name == name)


def hardware_capabilities(names: dict[str, tuple[int, int]]) -> frozenset[str]:
    """The features whose bit, given as (word of the auxiliary vector, mask), is set: getauxval(3); AT_HWCAP is 16,
    AT_HWCAP2 is 26.
    """
    function = c_library().getauxval
    function.argtypes, function.restype = [ctypes.c_ulong], ctypes.c_ulong
    return frozenset(name for name, (word, mask) in names.items() if function(word) & mask)


def code_function(code: bytes, result: Any, *arguments: Any) -> Callable[..., Any]:
    """A C function of machine code that stands here as bytes."""
    memory = CodeMemory(len(code))
    memory.view()[:len(code)] = code
    memory.seal()
    function: Any = ctypes.CFUNCTYPE(result, *arguments)(memory.address)
    function.memory = memory  # lives as long
    return function  # type: ignore[no-any-return]


@cache
def library_function(library: str | None, name: str, *arguments: type) -> Callable[..., object]:
    """A C function without a result."""
    function: Callable[..., object] = getattr(ctypes.CDLL(library) if library else c_library(), name)
    function.argtypes, function.restype = list(arguments), None  # type: ignore[attr-defined]
    return function


def clear_cache(address: int, size: int) -> None:
    """Data cache to memory and instruction cache emptied for a range, by the compiler's library (libgcc's
    __clear_cache).
    """
    library_function("libgcc_s.so.1", "__clear_cache", ctypes.c_void_p, ctypes.c_void_p)(address, address + size)
