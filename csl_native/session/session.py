"""A session: one Lisp with its heap, its kernel and its native pages; what Python programs use.

``Session()`` begins from the base image, ``restore(path)`` from any image.
Sessions are independent of each other and may run in threads of their own.
"""

from __future__ import annotations

import os
import re
import threading
import weakref
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from csl_native.image.container import STRONG, Image, Section

from ..architectures import Architecture, by_name
from ..heap.cage import default_heap
from ..lisp.handles import STREAM
from ..lisp.streams import Output
from ..native.pages import PageSet
from ..saving.baseimage import base_image
from ..saving.reasons import Fallback
from ..saving.trust import Trust, is_program, not_admitted
from ..system.exceptions import SessionError
from ..system.threads import OURS, this_thread
from .calling import Calling
from .containers import Numbers, Variables, Vector, buffer_or_list, expect, vector_of
from .owned import Owned
from .restoring import Restoring

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


_NONE = type(None)
_PATH = ("a path", (str, os.PathLike, _NONE))
# What a session may be made with: in words, and the types.
ARGUMENTS: dict[str, tuple[str, type | tuple[type, ...]]] = {
    "image": _PATH, "heap": ("a number of bytes", (int, _NONE)), "native": ("True or False", int),
    "engine": ("the name of an engine", (str, _NONE)), "gc_stress": ("True, False or a number of points", int),
    "tag": ("the number of a tag", (int, _NONE)), "wait": ("a number of seconds", (int, float)),
    "output_library": _PATH, "trust": ("the name of a level", str)}


def check_arguments(given: dict[str, Any]) -> None:
    """TypeError or ValueError for what a session cannot be made with."""
    for name, (kind, types) in ARGUMENTS.items():
        expect(name, kind, types, given[name])
    for name in ("output", "errors"):
        if given[name] is not None and not hasattr(given[name], "write"):
            raise TypeError(f"{name}: something to write to expected, not {type(given[name]).__name__}")
    if isinstance(given["libraries"], (str, bytes, os.PathLike)):
        raise TypeError(f"libraries: a list of paths expected, not the one path {given['libraries']!r}")
    if given["heap"] is not None and given["heap"] < 1:
        raise ValueError(f"heap: {given['heap']} bytes; a number above 0 expected, or None for what the machine has")


def thresholds(jit: int | tuple[int, int] | str | None) -> tuple[int, int]:
    """Both thresholds of the jit; None: those of the environment.
    ValueError for a text that is not N or N,M (-1: never, 0: at once); TypeError for what is neither text nor numbers.
    """
    if jit is None:
        try:
            return thresholds(os.environ.get("CSL_NATIVE_JIT") or "-1")
        except ValueError as error:
            raise ValueError(f"CSL_NATIVE_JIT {error}") from None
    if isinstance(jit, str):
        numbers = jit.split(",")
        if len(numbers) > 2 or not all(re.fullmatch("-1|[0-9]+", n) for n in numbers):
            raise ValueError(f"{jit}: a number of calls was expected, or two; 0 is at the first one, -1 never")
        jit = int(numbers[0]), int(numbers[-1]) if len(numbers) > 1 else -1
    both = jit if isinstance(jit, tuple) else (jit, -1)
    if len(both) != 2 or not all(isinstance(n, int) for n in both):
        raise TypeError(f"jit: a number of calls expected, or two, not {jit!r}")
    return both


class Session(Restoring, Calling):
    """``native``: run native code where there is some; ``engine``: what runs bytecode (None: the best one; ``csl
    --engines`` lists them).

    Without ``native`` nothing native runs at all, unless ``engine`` is a native one: then the kernel does, and
    functions are bytecode.

    ``jit``: compile a function while the program runs when it has been called or has looped so often (0: at its first
    call, -1: never); a second number: when it is compiled again, by LLVM in the background.  None: as
    ``CSL_NATIVE_JIT`` in the environment says, else never; with an ``engine`` never. ``wait``: seconds of running in
    which nothing is counted for that.

    ``libraries``: image files in which load-module looks, after the ``output_library`` (that faslout writes to) and the
    image itself.

    ``trust``: whose native code runs and whose heap needs no proof: none, local (what this user made), keys (and what
    trusted keys signed), all.  A heap that is not trusted is verified, and what reaches outside of it (native code by
    hand, C functions) is refused.

    ``gc_stress``: collect at every point where a collection may come (a number: at every so many of them), and
    overwrite what is freed.

    ``output`` gets what Lisp prints, ``errors`` the messages that errorset prints (None: ``output`` does); ``flush``
    writes what waits.

    ``heap`` is the limit in bytes.  ``fallbacks`` says why what runs as bytecode.
    """

    def __init__(self, image: str | os.PathLike[str] | None = None, *, heap: int | None = None, native: bool = True,
                 engine: str | None = None,
                 gc_stress: bool | int = False, output: Any = None, errors: Any = None, tag: int | None = None,
                 jit: int | tuple[int, int] | None = None, wait: float = 0.0,
                 libraries: Iterable[str | os.PathLike[str]] = (),
                 output_library: str | os.PathLike[str] | None = None, trust: str = "keys") -> None:
        check_arguments(locals())
        self.path: str | None = None
        self.about: dict[str, Any] = {}  # what the heap that is preserved says of itself beyond what every one does
        self.trust = Trust(trust)
        self.native_wanted, self.engine_wanted, self.wanted_tag = native, engine, tag
        self.native_allowed = engine != "python" if engine else native  # may the kernel run natively?
        self.engine = "python"
        self.output = output
        self.heap, self.heap_given = heap or default_heap(), heap is not None
        self.libraries = [os.fspath(path) for path in libraries]
        self.output_library = os.fspath(output_library) if output_library is not None else None
        self.gc_stress = gc_stress
        self.held: dict[int, int] = {}
        self.released: deque[int] = deque()
        self.gdb: Any = None  # what tells GDB of native functions (native/gdb.py)
        self.closed = False
        self.lock = threading.RLock()
        self.owner = 0  # the thread that runs Lisp in this session now
        self.owned = Owned()
        self._finalizer = weakref.finalize(self, self.owned.close)
        try:
            self._begin(os.fspath(image) if image is not None else base_image(),
                        thresholds(-1 if jit is None and engine is not None else jit), wait)
            self.lisp.errors.stream = None if errors is None else Output(errors)
        except BaseException:
            self.closed = True
            self._finalizer()
            raise

    def kernel_address(self, name: str) -> int | None:
        """Where a function of the native kernel is; None when the kernel is not native or lacks it."""
        loaded = next((s for n, s in self.sets.items() if n.startswith("kernel-")), None)
        return loaded.address(name) if loaded is not None and name in loaded.pages.functions else None

    def kernel_abi(self) -> str:
        """Digest of what compiled code relies on, as the base image of this version says."""
        section = next((s for name, s in self.base.sections.items() if name.startswith("kernel-")), None)
        if section is not None:
            return str(section.info["abi"])
        from ..native.compiler import kernel_abi
        return kernel_abi()

    def add_tags(self, names: Iterable[str],
                 progress: Callable[[int, int, str], None] | None = None) -> dict[str, list[str]]:
        """Cross-compile: kernel and functions for architectures and refinements, to be preserved with the rest;
        function names by tag name.
        """
        architectures = [by_name(name) for name in names]
        return self._compile(architectures, None, progress)

    def _compile(self, architectures: list[Architecture], names: list[str] | None,
                 progress: Callable[[int, int, str], None] | None) -> dict[str, list[str]]:
        from ..native.compilation import Compilation
        m = self.machine

        def body() -> dict[str, list[str]]:
            symbols = None if names is None else [m.intern(name) for name in names]
            done = Compilation(self.hardcode, architectures).run(symbols, progress)
            return {tag: [m.label(s) for s in found] for tag, found in done.items()}
        return self.run(body)  # type: ignore[no-any-return]

    def tell_gdb(self) -> None:
        """Let a debugger of this process see the names of native functions, those that exist and those to come."""
        from ..native.gdb import tell
        tell(self)

    def native_symbols(self) -> Iterator[tuple[int, int, str]]:
        """Address, size and name of everything native: kernel, compiled and hand-made functions, and the jit's."""
        for loaded in self.sets.values():
            places = sorted((place, name) for name, place in loaded.pages.functions.items())
            ends = [place for place, _ in places[1:]] + [len(loaded.pages.data)]
            for (place, name), end in zip(places, ends, strict=True):
                yield loaded.memory.address + place, end - place, f"csl:{name}"
        for tag, pages in self.hardcode.sets.items():
            for entry in pages.entries.values():
                for place, size in entry.get("parts", ()):
                    address = self.hardcode.address(tag, place)
                    if address is not None:
                        yield address, size, f"lisp:{entry['name']}"
        if self.lisp.jit is not None:
            for symbol, compiled in self.lisp.jit.functions.items():
                yield compiled.memory.address, compiled.memory.size, f"lisp:{self.machine.label(symbol)}"

    # -- native sets for preserve ------------------------------------------------------

    def native_sections(self) -> list[Section]:
        """This machine's page sets as sections."""
        return self.hardcode.sections()

    def believed_set(self, name: str) -> PageSet | None:
        """A page set of the image that this session came from, if it may be added to; None when there is none, or none
        to be believed.
        """
        if not self.path or not os.path.exists(self.path):
            return None
        with Image(self.path) as image:
            if name not in image.sections or not_admitted(self.trust, image, name):
                return None
            pages = PageSet.read(image, name)
        return None if pages.bad_pages else pages

    def foreign_sections(self, moved: Callable[[Image, Section], dict[str, Any]] | None = None) -> dict[str, Section]:
        """Sections of the image this session came from that are not its own; with another ``info`` each, when somebody
        says which.

        Of the base image that is no other machine's kernel or stencils: every installation has those, and images get
        them that are compiled for such a machine.
        """
        result = {}
        if self.path and os.path.exists(self.path):
            with Image(self.path) as image:
                base = is_program(image)
                for name, section in image.sections.items():
                    general = (base and name.startswith(("kernel-", "stencils-"))
                               and section.info.get("tag") != self.hardcode.tag)
                    if name not in ("heap", "starts", "instructions") and not general:
                        info = section.info if moved is None else moved(image, section)
                        known = section.digest if len(section.digest) == STRONG else b""
                        result[name] = Section(name, image.read(name, check=False), section.raw, info, digest=known)
        return result

    # -- keeping ------------------------------------------------------------------------

    def preserve(self, path: str | os.PathLike[str], *, compress: bool = False) -> None:
        """Write everything to an image file; the session goes on."""
        from ..saving.preserve import preserve
        self.run(lambda: preserve(self, path, compress))

    def explain(self) -> list[str]:
        """One sentence for each reason why something runs as bytecode; functions with the same reason stand together.
        """
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

    def native_compile(self, names: list[str] | None = None,
                       progress: Callable[[int, int, str], None] | None = None) -> list[str]:
        """Compile functions (None: every bytecoded one) to native code; gives the names of those that now have some."""
        if isinstance(names, str):
            raise TypeError("native_compile: a list of names expected, not str")
        architecture = self.hardcode.architecture
        if architecture is None:
            raise ValueError(f"native code cannot be made here: {Fallback('no-architecture').sentence()}")
        return self._compile([architecture], names, progress)[architecture.name]

    def interrupt(self) -> None:
        """Stop the running program at its next safepoint with a Lisp error; from any thread.
        Nothing happens when none runs.
        """
        if self.owner:
            self.machine.interrupt()

    @property
    def variables(self) -> Variables:
        """The variables of Lisp by name: ``session.variables["x"] = [1, 2]``."""
        return Variables(self)

    def vector(self, items: Iterable[Any]) -> Vector | Numbers:
        """A new vector: of machine numbers from a buffer (``bytes``, ``array``, a numpy array of one dimension), else
        of Lisp values.
        """
        given = buffer_or_list(items)

        return self.run(lambda: self.to_python(vector_of(self, given)))  # type: ignore[no-any-return]

    def flush(self) -> None:
        """Write what Lisp has printed to the outputs."""
        self.run(self._flush)

    def _flush(self) -> None:
        self.lisp.output.flush()
        if self.lisp.errors.stream is not None:
            self.lisp.errors.stream.flush()

    def __reduce__(self) -> Any:
        raise TypeError("a session owns its memory and can be neither copied nor pickled; preserve writes an image, "
                        "from which others begin")

    def __enter__(self) -> Session:
        self.check_open()
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the memory back, when the code has returned that another thread runs in it.  Nothing of the session can
        be used any more.

        A second call does nothing.  SessionError in code that this session runs.  A session that is dropped is closed,
        too.
        """
        if not self.closed and this_thread() in (self.owner, OURS):
            raise SessionError("this session cannot be closed by code that it runs; close it when that has returned")
        with self.lock:
            self.release()

    def release(self) -> None:
        """Close, without asking who runs something."""
        if self.closed:
            return
        if self.owned.pins:
            raise SessionError("this session cannot be closed: memory of its vectors is in use in Python, by "
                               f"{len(self.owned.pins)} memoryviews or what "
                               "was made of them (numpy arrays); drop these first")
        self.closed = True
        self.lisp.page.close()
        self.machine.forget()
        try:
            self._flush()
            for stream in self.lisp.handles.all(STREAM):
                stream.close()
            if self.lisp.jit is not None:
                self.lisp.jit.close()
            self.hardcode.close()
        finally:
            self.held.clear()
            self._finalizer()
            self.machine.detach()


def restore(path: str | os.PathLike[str], **options: Any) -> Session:
    """A session from an image file; the options are Session's."""
    return Session(path, **options)


__all__ = ["Session", "restore"]
