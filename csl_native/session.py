"""A session: one Lisp with its heap, its kernel and its native pages; what Python programs use.

``Session()`` begins from the base image, ``restore(path)`` from any image.
Sessions are independent of each other and may run in threads of their own.
"""

from __future__ import annotations

import mmap
import os
import threading
from collections.abc import Callable, Iterable
from typing import Any

from csl_native.image.container import Image, ImageError, Section

from .baseimage import base_image
from .cage import Cage, default_heap
from .kernel.memory import NIL, NO_LIMIT, ROOT_HARD_CODE
from .lisp.lisp import Lisp, Restart, Stopped
from .machine import Machine, Unwinding
from .native.architectures import Architecture, host
from .native.hardcode import HardCode
from .native.pages import LoadedSet, PageSet, Refused
from .native.pages import load as load_pages
from .native.reasons import Fallback
from .objects import SYM_FN1, SYM_FN2, SYM_FNN, SYM_SPARE
from .values import Handle, Symbol, Values
from .vm import HEAP, LINE, SLOTS
from .words import SYMBOL

PAGE = 4096
FASTEST = ("threaded", "switch")  # engines by speed, as far as it matters for the choice
VERIFY_LIMIT = 8 << 20  # a mapped heap up to this size is checked against its digest; larger ones by csl-image verify


class LispError(Exception):
    """A Lisp error that no errorset caught; ``output`` holds what was printed with it."""

    def __init__(self, message: str, number: Any = None) -> None:
        super().__init__(message)
        self.number = number


class Session(Values):
    """``native``: run native code where there is some; ``engine``: what runs bytecode (None: the best one; ``csl --engines`` lists them).

    Without ``native`` nothing native runs at all, unless ``engine`` is a native one: then the kernel does, and functions are bytecode.

    ``jit``: compile a function while the program runs when it has been called so often (0: at its first call, -1: never).

    ``heap`` is the limit in bytes.  ``fallbacks`` says why what runs as bytecode.
    """

    def __init__(self, image: str | os.PathLike[str] | None = None, *, heap: int | None = None, native: bool = True, engine: str | None = None,
                 gc_stress: bool = False, output: Any = None, tag: int | None = None, jit: int = -1) -> None:
        self.path: str | None = None
        self.native_wanted, self.engine_wanted, self.wanted_tag = native, engine, tag
        self.native_allowed = engine != "python" if engine else native  # may the kernel run natively?
        self.engine = "python"
        self.output = output
        self.heap = heap or default_heap()
        self.gc_stress = gc_stress
        self.held: dict[int, int] = {}
        self.released = 0
        self.closed = False
        self.lock = threading.RLock()
        self.owner = 0  # the thread that runs Lisp in this session now
        self.printed: Any = None
        self._begin(os.fspath(image) if image is not None else base_image(), jit)

    # -- beginning and restoring -----------------------------------------------------

    def _begin(self, path: str, jit: int) -> None:
        with Image(path) as image:
            self.path = path
            self.fallbacks: list[Fallback] = []
            self.sets: dict[str, LoadedSet] = {}
            self.image_digests = {name: s.digest if name == "heap" else s.info.get("heap") for name, s in image.sections.items()}
            self.machine = Machine(Cage(self.heap))
            architecture = self._architecture()
            self._check_instructions(image)
            kernel_ok = self._attach_kernel(image, architecture)
            info = self._map_heap(image)
            self.lisp = Lisp(self.machine, self.output)
            self._translate(info)
            self.lisp.ready()
            self.lisp.precision = int(info.get("precision", 6))
            self.hardcode = HardCode(self, image, architecture, kernel_ok)
            self.lisp.on_redefine = self._redefined
            self.lisp.session = self  # type: ignore[attr-defined]
            self.hardcode.instate()
            self._system_variables()
        if self.gc_stress:
            self.machine.cage["gc_stress"] = 1
        if jit >= 0 and self.machine.native:
            from .native.jit import jit_of
            jit_of(self.lisp).set_threshold(jit)

    def _architecture(self) -> Architecture | None:
        from .native.architectures import by_tag
        return host() if self.wanted_tag is None else by_tag(self.wanted_tag)

    def _check_instructions(self, image: Image) -> None:
        """The image's instructions must be this version's, or the first of them."""
        import msgpack

        from .instructions import codec
        rows = msgpack.unpackb(image.read("instructions"), use_list=True) if "instructions" in image.sections else []
        self.base = image
        if os.path.realpath(image.path) != os.path.realpath(base_image()):
            self.base = Image(base_image())
            current = msgpack.unpackb(self.base.read("instructions"), use_list=True)
            if [r[1] for r in current[:len(rows)]] != [r[1] for r in rows] or not rows:
                raise ImageError(f"{image.path}: its bytecode has {len(rows)} instructions that are not this version's {len(current)}; "
                                 "load the sources again and preserve")
            rows = current
        codec.install(rows)

    def _attach_kernel(self, image: Image, architecture: Architecture | None) -> bool:
        """Run natively when the image, or the base image, has this machine's kernel; else under CPython."""
        why: Fallback | None = None
        if not self.native_allowed:
            why = Fallback("switched-off")
        elif architecture is None:
            why = Fallback("no-architecture")
        elif architecture is not host():
            why = Fallback("no-set", detail=f"tag {architecture.number} is not this machine's")
        else:
            name = f"kernel-{architecture.number}"
            if name not in image.sections:
                why = Fallback("no-set", detail=f"tag {architecture.number}")
            else:
                own, base = image.sections[name], self.base.sections.get(name)
                if base is not None and base.info.get("abi") != own.info.get("abi"):
                    image = self.base  # the image was made by another version: its heap runs on this version's kernel
                try:
                    pages = PageSet.parse(image.read(name, check=False), f"{image.path}, section {name}")
                    if pages.bad_pages:
                        why = Fallback("damaged-page", detail=f"kernel page {min(pages.bad_pages)}")
                    elif missing := architecture.missing(pages.features):
                        why = Fallback("missing-feature", detail=missing)
                    else:
                        self.engine = self._choose_engine(pages)
                        loaded = load_pages(pages, {})
                        self.sets[name] = loaded
                        self.machine.attach_native({n: loaded.address(n) for n in pages.functions}, pages.arities, pages.entry_names,
                                                   self.engine)
                except ImageError as error:
                    why = Fallback("damaged-page", detail=str(error))
                except Refused as refused:
                    why = Fallback(refused.code, detail=refused.detail)
        if why is not None:
            self.fallbacks.append(why)
            self.machine.attach_python()
        return why is None

    def _choose_engine(self, kernel: PageSet) -> str:
        """The engine that was asked for, or the fastest that the kernel has; ValueError when it is not there."""
        found = list(kernel.engines)
        if self.engine_wanted is not None and self.engine_wanted not in found:
            raise ValueError(f"no such engine here: {self.engine_wanted}; this kernel has {', '.join(found)}, and there is python")
        return self.engine_wanted or next((name for name in (*FASTEST, *found) if name in found), "switch")

    def _map_heap(self, image: Image) -> dict[str, Any]:
        m, cage = self.machine, self.machine.cage
        section = image.sections.get("heap")
        if section is None or "starts" not in image.sections:
            raise ImageError(f"{image.path}: has no heap; it is not an image that can be run")
        info = section.info
        size = int(info["size"])
        if info.get("base") != HEAP or not 0 < size <= section.length or section.length % PAGE:
            raise ImageError(f"{image.path}: its heap of {size} bytes in {section.length} does not fit this version")
        if section.length + (4 << 20) > cage.heap:
            raise ImageError(f"{image.path}: its heap has {section.length >> 20} MB; the limit is {cage.heap >> 20} MB; give more with -k")
        if section.raw and section.offset % mmap.PAGESIZE == 0:
            if section.length <= VERIFY_LIMIT:
                image.read("heap")
            cage.map_file(image.file.fileno(), section.offset, section.length, HEAP)
        else:
            m.bytes[HEAP:HEAP + section.length] = image.read("heap")
        starts = image.read("starts")
        if len(starts) != (size + 1023) // 1024 * 8:
            raise ImageError(f"{image.path}: its start bits do not fit its heap; restore the image from a copy or make it again")
        top = HEAP + (section.length + LINE - 1) // LINE * LINE
        for name in ("marks", "starts"):
            at = cage[name] + HEAP // 128
            m.bytes[at:at + len(starts)] = starts
        at = cage["lines"] + HEAP // LINE
        count = (top - HEAP) // LINE
        m.bytes[at:at + count] = b"\1" * count
        cage["heap_top"] = (top + 65535) // 65536 * 65536
        cage["cursor"] = HEAP // LINE
        cage["live_lines"] = cage["full_live"] = count
        cage["gensym"], cage["modulus"] = int(info["gensym"]), int(info["modulus"])
        return info

    def _redefined(self, symbol: int) -> None:
        self.hardcode.redefined(symbol)
        if self.lisp.jit is not None:
            self.lisp.jit.redefined(symbol)

    def _translate(self, info: dict[str, Any]) -> None:
        """Entry slots and function numbers of an image of another version are translated by name."""
        m, lisp = self.machine, self.lisp
        old_entries, old_builtins = list(info["entries"]), list(info["builtins"])
        names = [row.name for row in lisp.builtins]
        if old_entries == list(m.entry_names) and old_builtins == names:
            return
        slot_of = {name: SLOTS + 8 * k for k, name in enumerate(m.entry_names)}
        number_of = {name: k for k, name in enumerate(names)}
        for symbol in m.vector_items(m.root(0)):
            if symbol & 7 != SYMBOL:
                continue
            for offset, undefined in ((SYM_FN1, "undefined1"), (SYM_FN2, "undefined2"), (SYM_FNN, "undefinedn")):
                number = m.field(symbol, offset) - SLOTS >> 3
                name = old_entries[number] if 0 <= number < len(old_entries) else undefined
                m.words[symbol + offset >> 3] = slot_of.get(name, slot_of[undefined])
            spare = m.field(symbol, SYM_SPARE)
            if m.field(symbol, SYM_FN1) == slot_of["host1"] and spare & 7 == 0 and spare >= 0:
                name = old_builtins[spare >> 3] if spare >> 3 < len(old_builtins) else ""
                if name in number_of:
                    m.words[symbol + SYM_SPARE >> 3] = number_of[name] << 3
                else:
                    for offset, undefined in ((SYM_FN1, "undefined1"), (SYM_FN2, "undefined2"), (SYM_FNN, "undefinedn")):
                        m.words[symbol + offset >> 3] = slot_of[undefined]

    def _system_variables(self) -> None:
        m = self.machine
        architecture = host()
        tag = architecture.number if architecture is not None and self.native_allowed else 0
        rows = [("native", tag << 3), ("opsys", m.intern(os.uname().sysname.lower())), ("name", m.string("csl-native")),
                ("version", m.string("0.1.0")), ("c-code", 0)]
        symbol = m.intern("lispsystem*")
        m.set_value(symbol, m.list([m.intern("csl"), m.intern("csl-native"), *(m.cons(m.intern(k), v) for k, v in rows)]))

    def kernel_address(self, name: str) -> int | None:
        """Where a function of the native kernel is; None when the kernel is not native or lacks it."""
        loaded = next((s for n, s in self.sets.items() if n.startswith("kernel-")), None)
        return loaded.address(name) if loaded is not None and name in loaded.pages.functions else None

    def kernel_abi(self) -> str:
        """Digest of what compiled code relies on, as the base image of this version says."""
        section = next((s for name, s in self.base.sections.items() if name.startswith("kernel-")), None)
        if section is not None:
            return str(section.info["abi"])
        from .native.compiler import kernel_abi
        return kernel_abi()

    def add_tags(self, names: Iterable[str], progress: Callable[[int, int, str], None] | None = None) -> dict[str, list[str]]:
        """Cross-compile: kernel and functions for architectures and refinements, to be preserved with the rest; function names by tag name."""
        from .native.architectures import by_name
        architectures = [by_name(name) for name in names]
        return self._compile(architectures, None, progress)

    def _compile(self, architectures: list[Architecture], names: list[str] | None,
                 progress: Callable[[int, int, str], None] | None) -> dict[str, list[str]]:
        from .native.compilation import Compilation
        m = self.machine

        def body() -> dict[str, list[str]]:
            symbols = None if names is None else [m.intern(name) for name in names]
            done = Compilation(self.hardcode, architectures).run(symbols, progress)
            return {tag: [m.text(s) for s in found] for tag, found in done.items()}
        return self.run(body)  # type: ignore[no-any-return]

    # -- native sets for preserve ------------------------------------------------------

    def native_sections(self) -> list[Section]:
        """This machine's page sets as sections."""
        return self.hardcode.sections()

    def foreign_sections(self) -> dict[str, Section]:
        """Sections of the image this session came from that are not its own."""
        result = {}
        if self.path and os.path.exists(self.path):
            with Image(self.path) as image:
                for name, section in image.sections.items():
                    if name not in ("heap", "starts"):
                        result[name] = Section(name, image.read(name, check=False), section.raw, section.info)
        return result

    # -- running ------------------------------------------------------------------------

    def run(self, function: Callable[[], Any]) -> Any:
        """Run something on the Lisp's own big stack; one thread at a time."""
        if self.closed:
            raise ValueError("this session is closed; begin or restore another one")
        if self.owner == threading.get_ident():
            return function()

        def owned() -> Any:
            self.owner = threading.get_ident()
            try:
                return function()
            finally:
                self.owner = 0
                if self.lisp.jit is not None:
                    self.lisp.jit.sweep()
        with self.lock:
            return self.machine.on_big_stack(owned)

    def _guard(self, function: Callable[[], int]) -> Any:
        lisp = self.lisp
        sp, bp = self.machine.cage["sp"], self.machine.cage["bp"]
        before = len(lisp.output.parts)
        try:
            return self.to_python(function())
        except Unwinding:
            lisp.settle(sp, bp)
            kind = self.machine.cage["unwind_kind"]
            if kind == 24:
                raise Stopped(self.machine.cage["unwind_tag"] >> 3) from None
            if kind == 32:
                pending, lisp.pending = lisp.pending, None
                assert isinstance(pending, Restart)
                return pending.action()
            text = "".join(lisp.output.parts[before:]).strip()
            raise LispError(text or "Lisp error", self.to_python(self.machine.cage["unwind_tag"])) from None

    def eval(self, text: str) -> Any:
        """Read and evaluate all forms in ``text``; the value of the last one, as a Python value."""
        from .lisp.streams import Input

        def body() -> Any:
            stream, value = Input(text=text), NIL
            while True:
                form = self.lisp.reader.read(stream)
                if form == self.lisp.eof:
                    return value
                self.machine.pin(form)
                try:
                    value = self.lisp.eval(form)
                finally:
                    self.machine.unpin(1)
        return self.run(lambda: self._guard(body))

    def load(self, path: str | os.PathLike[str]) -> None:
        """Load a file of Lisp text; the first error ends it."""
        from .lisp.builtins.reading import load
        self.run(lambda: self._guard(lambda: load(self.lisp, self.machine.string(os.fspath(path)))))

    def function(self, name: str) -> Callable[..., Any]:
        """A Lisp function as a Python callable."""
        def call(*arguments: Any) -> Any:
            return self.run(lambda: self._guard(lambda: self.machine.apply(
                self.machine.intern(name), [self.from_python(a) for a in arguments])))
        call.__name__ = name
        return call

    def preserve(self, path: str | os.PathLike[str], *, compress: bool = False) -> None:
        """Write everything to an image file; the session goes on."""
        from .preserve import preserve
        self.run(lambda: preserve(self, path, compress))

    def explain(self) -> list[str]:
        """One sentence for each reason why something runs as bytecode; functions with the same reason stand together."""
        groups: dict[tuple[str, str], list[Fallback]] = {}
        for f in self.fallbacks:
            groups.setdefault((f.code, f.detail), []).append(f)
        lines = []
        for (code, detail), found in groups.items():
            subject = found[0].subject
            if len(found) > 3:
                subject = f"{len(found)} functions ({', '.join(f.subject for f in found[:3])}, ...)"
            lines += [Fallback(code, subject, detail).sentence()] if len(found) > 3 else [f.sentence() for f in found]
        return lines

    def native_compile(self, names: list[str] | None = None, progress: Callable[[int, int, str], None] | None = None) -> list[str]:
        """Compile functions (None: every bytecoded one) to native code; gives the names of those that now have some."""
        architecture = self.hardcode.architecture
        if architecture is None:
            raise ValueError(f"native code cannot be made here: {Fallback('no-architecture').sentence()}")
        return self._compile([architecture], names, progress)[architecture.name]

    def interrupt(self) -> None:
        """Stop the running program at its next safepoint with a Lisp error; from any thread."""
        self.machine.interrupt()

    def close(self) -> None:
        """Give the memory back.  Nothing of the session can be used any more; a second call does nothing."""
        if self.closed:
            return
        self.closed = True
        self.held.clear()
        self.lisp.output.flush()
        for stream in self.lisp.streams.values():
            stream.close()
        if self.lisp.jit is not None:
            self.lisp.jit.close()
        for _, _, _, memory in self.hardcode.memories:
            memory.close()
        for loaded in self.sets.values():
            loaded.memory.close()
        if self.base.path != self.path:
            self.base.close()
        self.machine.cage.close()


def restore(path: str | os.PathLike[str], **options: Any) -> Session:
    """A session from an image file; the options are Session's."""
    return Session(path, **options)


__all__ = ["NO_LIMIT", "ROOT_HARD_CODE", "Handle", "LispError", "Session", "Symbol", "restore"]
