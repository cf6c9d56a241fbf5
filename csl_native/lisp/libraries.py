"""Libraries: image files in which modules are looked up, and one that they are written to."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from csl_native.image.container import Image, ImageError, Section
from csl_native.image.writing import Writer

from ..heap.objects import F_FEXPR, F_MACRO
from ..heap.words import CONS, OTHER, SYMBOL, VECTOR
from ..instructions.table import CodeError
from ..kernel.memory import NIL
from ..runtime.machine import Unwinding
from ..saving.belonging import module_tags, section_name
from ..saving.verifying import private_env
from .fasl import PREFIX, BadModule, read_module
from .handles import LIBRARY
from .transcript import Transcript

if TYPE_CHECKING:
    from .lisp import Lisp


class Library:
    """An image file seen as a set of modules; it need not exist before the first one is written."""

    def __init__(self, path: str, writable: bool = False) -> None:
        self.path, self.writable = path, writable
        self.known: Image | None = None  # as it was opened the last time: its directory is not read again

    def open(self) -> Image:
        """The image file, of which the directory was checked when the file came to be what it is."""
        self.known = Image(self.path, known=self.known)
        return self.known

    def rows(self, prefix: str = PREFIX) -> dict[str, Section]:
        """The modules by name, or sections that begin with something else; none when there is no such file yet."""
        if not os.path.exists(self.path):
            return {}
        with self.open() as image:
            return {name.removeprefix(prefix): section
                    for name, section in image.sections.items() if name.startswith(prefix)}

    def section(self, name: str) -> Section | None:
        """One of them."""
        if not os.path.exists(self.path):
            return None
        with self.open() as image:
            return image.sections.get(PREFIX + name)

    def members(self) -> list[str]:
        return sorted(self.rows())

    def date(self, name: str) -> str | None:
        """When a module was made, as the original writes dates; None when it is not here."""
        section = self.section(name)
        return None if section is None else time.ctime(int(section.info.get("date", 0)))

    def put(self, section: Section) -> None:
        """Add a module or replace it; its native code, of older bytecode, goes."""
        with Writer(self.path) as writer:
            if writer.exists:
                writer.commit([section], native_sections(writer.image, section.name.removeprefix(PREFIX)))
            else:
                writer.replace([section])

    def delete(self, name: str, prefix: str = PREFIX) -> bool:
        if not os.path.exists(self.path):
            return False
        with Writer(self.path) as writer:
            return (prefix + name in writer.image.sections
                    and writer.commit(dropped=native_sections(writer.image, name) | {prefix + name}))

    def load(self, lisp: Lisp, name: str, sources: bool = False) -> bool:
        """Evaluate a module (or only take its saved definitions); False when it is not here."""
        if not os.path.exists(self.path):
            return False
        with self.open() as image:
            if PREFIX + name not in image.sections:
                return False
            load(lisp, image, name, sources)
        return True


def load(lisp: Lisp, image: Image, name: str, sources: bool = False) -> None:
    """Evaluate a module of an open image, or only take its saved definitions; after a stranger's one the session is
    restricted.
    """
    session, section = lisp.session, image.sections[PREFIX + name]
    data = image.read(section.name)
    doubt = session.trust.doubt(image, section.name) if session is not None else ""
    strange = bool(doubt)
    if session is not None and doubt:
        session.distrust(f"module {name} of {image.path}", doubt)
    if lisp.words is not None:
        lisp.words.loading(os.path.basename(image.path), name)
    try:
        for item in read_module(lisp, section, data, "sources" if sources else "items"):
            with lisp.machine.scope():
                take_source(lisp, item) if sources else take_item(lisp, item, strange)
    except BadModule as error:
        raise ImageError(f"{image.path}: module {name}: {error}") from error
    if session is not None and not sources:
        session.hardcode.take_module(image, name)


def native_sections(image: Image, name: str) -> frozenset[str]:
    return frozenset(section_name(tag, name) for tag in module_tags(image, name))


def take_item(lisp: Lisp, item: int, strange: bool = False) -> None:
    """Do what one item of a module says; ``strange``: its bytecode is proved first."""
    m = lisp.machine
    if item & 7 != VECTOR or m.vector_length(item) != 3:
        try:
            lisp.eval(item)
        except Unwinding:
            lisp.errors.evaluating(item)
            raise
        return
    symbol, env, kind = m.vector_items(item)
    if symbol & 7 != SYMBOL or env & 7 != VECTOR or m.vector_length(env) == 0 or m.field(env, 8 - VECTOR) & 7 != OTHER:
        raise BadModule("a definition in it is none; compile it again")
    if strange:
        try:
            env = private_env(m, env)
        except CodeError as error:
            raise BadModule(f"its function {lisp.printer.text(symbol)} cannot be run: {error}") from None
    if not Transcript(lisp).protected(symbol):
        lisp.install_env(symbol, env, {NIL: 0, lisp.s_fexpr: F_FEXPR}.get(kind, F_MACRO))


def take_source(lisp: Lisp, item: int) -> None:
    m = lisp.machine
    if item & 7 != CONS or m.car(item) & 7 != SYMBOL:
        raise BadModule("a saved definition in it is none; compile it again")
    m.kernel.put(m.car(item), m.intern("*savedef"), m.cdr(item))


def handle_of(lisp: Lisp, library: Library) -> int:
    """The Lisp value of a library; the same one for the same file."""
    for each in lisp.handles.all(LIBRARY):
        if each.path == library.path:
            each.writable |= library.writable
            library = each
    return lisp.handles.make(LIBRARY, library)


def library_of(lisp: Lisp, h: int) -> Library | None:
    return lisp.handles.thing(h, LIBRARY)  # type: ignore[no-any-return]


def inputs(lisp: Lisp) -> list[Library]:
    """Where modules are looked for, in order: the value of input-libraries."""
    value = lisp.machine.value(lisp.machine.intern("input-libraries")) or NIL
    return [library for library in (library_of(lisp, h) for h in lisp.machine.items(value)) if library is not None]


def output(lisp: Lisp) -> Library | None:
    """Where modules are written: the value of output-library."""
    return library_of(lisp, lisp.machine.value(lisp.machine.intern("output-library")) or NIL)


def set_libraries(lisp: Lisp, paths: list[str], output_path: str | None) -> None:
    """Give input-libraries and output-library their values; the output is looked in first."""
    m = lisp.machine
    handles = [] if output_path is None else [handle_of(lisp, Library(output_path, writable=True))]
    m.set_value(m.intern("output-library"), handles[0] if handles else NIL)
    for path in paths:
        if output_path is None or os.path.realpath(path) != os.path.realpath(output_path):
            handles.append(handle_of(lisp, Library(path)))
    m.set_value(m.intern("input-libraries"), m.list(handles))


