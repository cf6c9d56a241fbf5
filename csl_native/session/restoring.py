"""How a session begins: image file → mapped heap, kernel and engine, native functions; with a reason for all that
cannot be used.
"""

from __future__ import annotations

from csl_native import __version__
from csl_native.image.container import Image, ImageError, Section, matches, unpack
from csl_native.image.digests import LARGE, PAGE_BYTES, wrong_page
from csl_native.image.files import shown

from ..architectures import Architecture, by_tag, host, why_no_host
from ..heap.cage import Cage
from ..heap.objects import SYM_ENV, SYM_FN1, SYM_FN2, SYM_FNN, SYM_SPARE
from ..heap.vm import HEAP, LINE, SLOTS
from ..heap.words import SYMBOL, VECTOR
from ..instructions import known
from ..kernel.memory import NIL
from ..lisp.install import MOVED
from ..lisp.lisp import Lisp
from ..lisp.registry import Rows
from ..native.hardcode import HardCode
from ..native.pages import LoadedSet, PageSet, Refused
from ..native.pages import load as load_pages
from ..runtime.stress import StressedMachine, machine_for
from ..saving.baseimage import base_image, damaged
from ..saving.checked import is_checked, remember
from ..saving.guards import guard_of
from ..saving.reasons import Fallback
from ..saving.trust import Trust, is_program, not_admitted
from ..system.process import system_name
from .owned import Owned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PAGE = 4096
TABLE_LIMIT = 1 << 20  # bytes of a table of instructions
CELLS = ((SYM_FN1, "1"), (SYM_FN2, "2"), (SYM_FNN, "n"))  # of functions, and how entries for them end


class Restoring:
    """The part of a session that restores an image; what was asked for is there before ``_begin``, the rest after."""

    path: str | None
    native_wanted: bool
    native_allowed: bool
    engine_wanted: str | None
    engine: str
    wanted_tag: int | None
    heap: int
    heap_given: bool  # else less will do, where the system gives less
    libraries: list[str]
    output_library: str | None
    gc_stress: bool | int
    output: Any
    trust: Trust
    owned: Owned
    lisp: Lisp

    def _begin(self, path: str, jit: tuple[int, int], wait: float) -> None:
        with Image(path) as image:
            self.path = path
            self.fallbacks: list[Fallback] = [Fallback("older-state", detail=doubt) for doubt in image.doubts]
            self.sets: dict[str, LoadedSet] = {}
            self.tripped: set[int] = set()  # guards of functions that were redefined
            self.image_sections = frozenset(image.sections)
            cage = Cage(self.heap) if self.heap_given else Cage.largest(self.heap)
            self.owned.add(cage.close)
            sets = self.sets
            self.owned.add_all(lambda: [loaded.memory for loaded in sets.values()])
            self.heap, self.machine = cage.heap, machine_for(cage, int(self.gc_stress))
            self.owned.add(self.machine.apart.close)
            self.machine.hold(self)  # type: ignore[arg-type]
            architecture = self._architecture()
            self._check_instructions(image)
            kernel_refused = self._attach_kernel(image, architecture)
            doubt = self.trust.doubt(image, "heap") if "heap" in image.sections else ""
            # what keeps Lisp from reaching outside of its heap; empty when it may
            self.restricted = "the image" if doubt else ""
            info = self._map_heap(image)
            if doubt:
                from ..saving.verifying import verify_structure
                verify_structure(self.machine, image)
                self.fallbacks.append(Fallback("untrusted", detail=f"the heap: {doubt}"))
            said = self.base.sections["heap"].info if "heap" in self.base.sections else {}
            self.lisp = Lisp(self.machine, self.output,
                             Rows(said["builtins"], said["modules"]) if "modules" in said else None)
            self._translate(info)
            if doubt:
                from ..saving.verifying import adopt_functions
                adopt_functions(self.lisp, self.base, image.path)
            self.lisp.ready()
            self.machine.cage["precision"] = min(max(int(info.get("precision", 6)), 1), 36)
            # Names of functions that the jit found worth compiling, here or in the sessions that the image comes from.
            self.profile = set(map(str, info.get("profile", ())))
            # every Restoring is a Session
            self.hardcode = HardCode(self, image, architecture, kernel_refused)  # type: ignore[arg-type]
            self.lisp.on_give_out = self._given_out
            self.lisp.on_redefine, self.lisp.on_replace, self.lisp.on_quiet = (self._redefined, self._replaced,
                                                                               self.quiet)
            self.lisp.on_full_collection = self.hardcode.collector.collected
            self.lisp.session = self
            self.hardcode.instate()
            self._system_variables()
            own = [] if self.path is None or is_program(image) else [path]
            if own or self.libraries or self.output_library is not None:
                from ..lisp.libraries import set_libraries
                set_libraries(self.lisp, [*own, *self.libraries], self.output_library)
            else:
                for name in ("input-libraries", "output-library"):
                    self.machine.set_value(self.machine.intern(name), NIL)
        if isinstance(self.machine, StressedMachine):
            self.machine.begin_stress(self.lisp)
        self.hardcode.set_thresholds(*jit, wait)
        del self.machine.met[:]  # it all stands in the heap

    def _architecture(self) -> Architecture | None:
        return host() if self.wanted_tag is None else by_tag(self.wanted_tag)

    def _no_architecture(self) -> str:
        """Which tag was asked for that no record has, or what this machine is."""
        return why_no_host() if self.wanted_tag is None else f"tag {self.wanted_tag}"

    def _check_instructions(self, image: Image) -> None:
        """The image's instructions must be this version's, or the first of them."""
        data = image.read("instructions", limit=TABLE_LIMIT) if "instructions" in image.sections else b""
        self.base = image
        if not is_program(image):
            self.base = Image(base_image())
            self.owned.add(self.base.close)
            ours = self.base.read("instructions")
            if data != ours:
                self._check_older(image, data, unpack(ours))
            data = ours
        if not known:
            known.append(data)

    @staticmethod
    def _check_older(image: Image, data: bytes, current: Any) -> None:
        """The instructions of an image, which are not the same as this version's, must be the first of them."""
        from ..instructions import table
        try:
            rows = unpack(data) if data else []
            count = len(table.names_of(rows)[0])
        except ValueError as error:
            raise ImageError(f"{image.path}: its table of instructions cannot be read ({error}); load the sources "
                             "again and preserve") from error
        if not table.fits(rows, current):
            raise ImageError(f"{image.path}: its bytecode has {count} instructions that are not this version's "
                             f"{len(table.names_of(current)[0])}; "
                             "load the sources again and preserve")

    def _attach_kernel(self, image: Image, architecture: Architecture | None) -> Fallback | None:
        """Run natively when the image, or the base image, has this machine's kernel; else under CPython, for the reason
        that is given.
        """
        why: Fallback | None = None
        if not self.native_allowed:
            why = Fallback("switched-off")
        elif architecture is None:
            why = Fallback("no-architecture", detail=self._no_architecture())
        elif architecture is not host():
            why = Fallback("no-set", detail=f"tag {architecture.number} is not this machine's")
        else:
            name = f"kernel-{architecture.number}"
            if name in self.base.sections:
                # this version's own, which is part of the program; an image brings one for machines that have none
                image = self.base
            if name not in image.sections:
                why = Fallback("no-set", detail=f"tag {architecture.number}")
            elif (why := not_admitted(self.trust, image, name)) is None:
                try:
                    pages = PageSet.read(image, name, is_program(image))
                    if pages.bad_pages:
                        why = Fallback("damaged-page", detail=f"kernel page {min(pages.bad_pages)}")
                    elif missing := architecture.missing(pages.features):
                        why = Fallback("missing-feature", detail=missing)
                    else:
                        self.engine = self._choose_engine(pages)
                        loaded = load_pages(pages, {})
                        self.sets[name] = loaded
                        self.machine.attach_native({n: loaded.address(n) for n in pages.functions}, pages.arities,
                                                   pages.entry_names,
                                                   self.engine)
                except ImageError as error:
                    why = Fallback("damaged-page", detail=str(error))
                except Refused as refused:
                    why = Fallback(refused.code, detail=refused.detail)
        if why is not None:
            if why.code == "damaged-page" and is_program(image):  # nobody would know why everything is slow
                raise damaged(f"its kernel for {architecture.name if architecture else ''} is damaged ({why.detail})")
            self.fallbacks.append(why)
            from ..native.interpreted import attach_python
            attach_python(self.machine)
        return why

    def _choose_engine(self, kernel: PageSet) -> str:
        """The engine that was asked for, or the preferred one of the kernel; ValueError when it is not there."""
        found = list(kernel.engines)
        if not found:
            raise ImageError("the kernel has no engine")
        if self.engine_wanted is not None and self.engine_wanted not in found:
            raise ValueError(f"no such engine here: {self.engine_wanted}; this kernel has {', '.join(found)}, and "
                             "there is python")
        return self.engine_wanted or found[0]

    def _map_heap(self, image: Image) -> dict[str, Any]:
        m, cage = self.machine, self.machine.cage
        section = image.sections.get("heap")
        if section is None or "starts" not in image.sections:
            raise ImageError(f"{image.path}: has no heap; it is not an image that can be run")
        info = section.info
        size = int(info["size"])
        if info.get("base") != HEAP or not 0 < size <= section.length or section.length % PAGE:
            raise ImageError(f"{image.path}: its heap of {size} bytes in {section.length} does not fit this version")
        if (int(info["modulus"]) & 7 or not 8 <= int(info["modulus"]) < 1 << 63
            or not 0 <= int(info["gensym"]) < 1 << 60):
            raise ImageError(f"{image.path}: its heap has modulus {info['modulus']} and gensym {info['gensym']}, which "
                             "no csl writes; it is damaged")
        if section.length + (4 << 20) > cage.heap:
            raise ImageError(f"{image.path}: its heap has {section.length >> 20} MB; the limit is {cage.heap >> 20} "
                             "MB; give more with -k")
        known = self._place_heap(image, section)
        starts = image.read("starts", "starts" not in info, limit=(size + 1023) // 1024 * 8)
        for name, data in (("starts", starts), ("instructions", image.read("instructions", limit=TABLE_LIMIT))):
            if name in info and not known and not matches(data, info[name]):
                raise ImageError(f"{image.path}: its section {name} is not that of its heap; restore the image from a "
                                 "copy or make it again")
        if len(starts) != (size + 1023) // 1024 * 8:
            raise ImageError(f"{image.path}: its start bits do not fit its heap; restore the image from a copy or make "
                             "it again")
        if section.raw and section.length > LARGE and not known and self._relies_on_seal(image):
            remember(image, section.digest)
        top = HEAP + (section.length + LINE - 1) // LINE * LINE
        for name in ("marks", "starts"):
            at = cage[name] + HEAP // 128
            m.bytes[at:at + len(starts)] = starts
        at = cage["lines"] + HEAP // LINE
        count = (top - HEAP) // LINE
        m.bytes[at:at + count] = b"\1" * count
        cage["heap_top"] = (top + 65535) // 65536 * 65536
        cage["cursor"] = cage["large_cursor"] = HEAP // LINE
        cage["live_lines"] = cage["full_live"] = count
        cage["gensym"], cage["modulus"] = int(info["gensym"]), int(info["modulus"])
        return info

    def distrust(self, what: str, doubt: str) -> None:
        """A stranger's program comes into the session: from now on nothing in it reaches outside of the heap, and
        nothing of it is sealed.
        """
        if self.restricted:
            return
        self.restricted = shown(what)
        self.fallbacks.append(Fallback("untrusted", detail=f"{self.restricted}: {shown(doubt)}"))
        if self.lisp.foreign_calls or self.hardcode.calls_foreign():
            self.lisp.foreign_calls.clear()
            self.hardcode.withdraw()  # there are ways to C in native code
        self.hardcode.show_table()

    def _relies_on_seal(self, image: Image) -> bool:
        """Is the heap used as it is because somebody vouches for it?"""
        return not self.restricted and self.trust.level != "all" and not is_program(image)

    def _place_heap(self, image: Image, section: Section) -> bool:
        """The bytes of the heap in the cage, as whoever vouches for them has seen them, and so that nobody changes them
        from now on.

        Only a file that nobody else can change is mapped.  What is mapped and large is not looked at when nobody
        vouches for it, because it is verified object by object, and when all of the file was looked at before
        (``checked.py``): then the result is true.
        """
        cage, place = self.machine.cage, slice(HEAP, HEAP + section.length)
        if not section.raw:
            self.machine.bytes[place] = image.read("heap")
            return False
        if not image.own or not cage.map_file(image.file.fileno(), section.offset, section.length, HEAP):
            image.read_into(section, self.machine.bytes[place])
        problem = ""
        if section.length <= LARGE:
            problem = "" if matches(self.machine.bytes[place], section.digest) else "its digest does not match"
        elif self._relies_on_seal(image):
            if is_checked(image, section.digest):
                return True
            problem = _wrong_large(section, self.machine.bytes[place])
        if problem:
            raise ImageError(f"{image.path}: section heap is damaged: {problem}; restore the image from a copy or make "
                             "it again")
        return False

    def _redefined(self, symbol: int) -> None:
        if self.lisp.is_defined(symbol):  # nothing relies on what is not
            self._replaced(symbol)
            self.hardcode.redefined(symbol)
        if self.lisp.jit is not None:
            self.lisp.jit.redefined(symbol)

    def _given_out(self, symbol: int) -> None:
        """Native code that was compiled of a function goes; hand-made code relies on nothing."""
        if self.machine.label(symbol) in self.hardcode.index()[1]:
            self._replaced(symbol)
        else:
            self._redefined(symbol)
            self.machine.kernel.bytecode_cells(symbol,
                                               self.machine.field(self.machine.field(symbol, SYM_ENV), 8 - VECTOR))

    def _replaced(self, symbol: int) -> None:
        """Code in which the body of a function stands must not be used from now on; frames that run see it by the
        guard.
        """
        guard = guard_of(self.machine.label(symbol))
        self.machine.bytes[guard] = 1  # until no such code can run
        self.tripped.add(guard)
        self.hardcode.drop_users(symbol)
        if self.lisp.jit is not None:
            self.lisp.jit.drop_users(symbol)

    def quiet(self) -> None:
        """Clean up when no Lisp is running: native code of old definitions, and the guards against it."""
        if self.machine.cage["native_base"] == 0:
            while self.tripped:
                self.machine.bytes[self.tripped.pop()] = 0
            if self.lisp.jit is not None:
                self.lisp.jit.forget_nameless()
            self.hardcode.collector.sweep()

    def _translate(self, info: dict[str, Any]) -> None:
        """Entry slots and function numbers of an image of another version are translated by name."""
        m, lisp = self.machine, self.lisp
        old_entries, old_builtins = list(info["entries"]), list(info["builtins"])
        names = lisp.builtins.names
        if old_entries == list(m.entry_names) and old_builtins == names:
            return
        slot_of = {name: SLOTS + 8 * k for k, name in enumerate(m.entry_names)}
        number_of = {name: k for k, name in enumerate(names)}
        for symbol in m.vector_items(m.root(0)):
            if symbol & 7 != SYMBOL:
                continue
            found = {}
            for offset, end in CELLS:
                number = m.field(symbol, offset) - SLOTS >> 3
                found[offset] = old_entries[number] if 0 <= number < len(old_entries) else f"undefined{end}"
            spare = m.field(symbol, SYM_SPARE)
            general = (spare & 7 == 0 and 0 <= spare >> 3 < len(old_builtins)
                       and any(name.startswith(("host", "entry_")) for name in found.values()))
            name = old_builtins[spare >> 3] if general else ""  # of what Python has for all numbers of arguments
            gone = "host" if name and name in number_of else "undefined"
            for offset, end in CELLS:
                m.words[symbol + offset >> 3] = slot_of.get(found[offset], slot_of[gone + end])
            if general:
                self._translate_general(symbol, [offset for offset, _ in CELLS if found[offset].startswith("host")],
                                        number_of.get(name), MOVED.get(name, {}), slot_of)

    def _translate_general(self, symbol: int, hosts: list[int], number: int | None, moved: dict[int, str],
                           slot_of: dict[str, int]) -> None:
        """A function that Python had in general: its number now, or the kernel's entries for numbers of arguments."""
        words = self.machine.words
        if number is not None:
            words[symbol + SYM_SPARE >> 3] = number << 3
        else:
            for offset, end in CELLS:
                if offset in hosts:
                    words[symbol + offset >> 3] = slot_of[("wrong" if moved else "undefined") + end]
            for count in moved:
                words[symbol + SYM_SPARE >> 3] = -(count + 1) << 3
        for count, entry in moved.items():
            words[symbol + CELLS[min(count, 3) - 1][0] >> 3] = slot_of["entry_" + entry]

    def _system_variables(self) -> None:
        m = self.machine
        architecture = self.hardcode.architecture
        tag = architecture.number if architecture is host() and architecture is not None and self.native_allowed else 0
        rows = [("native", tag << 3), ("platform", m.intern(system_name())), ("opsys", m.intern(system_name())),
                ("name", m.string("csl-native")),
                ("version", m.string(__version__)), ("c-code", 0)]
        symbol = m.intern("lispsystem*")
        m.set_value(symbol,
                    m.list([m.intern("csl"), m.intern("csl-native"), *(m.cons(m.intern(k), v) for k, v in rows)]))


def _wrong_large(section: Section, data: memoryview) -> str:
    """Why a large heap is not what somebody vouches for; empty when it is."""
    pages = section.info.get("pages")
    if not isinstance(pages, bytes):
        return "" if matches(data, section.digest) else "its digest does not match"
    wrong = wrong_page(data, pages)
    return "" if wrong is None else f"page {wrong} of {PAGE_BYTES >> 10} KB does not match its digest"
