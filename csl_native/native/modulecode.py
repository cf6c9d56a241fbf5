"""Native code of modules: a page set per tag, kept beside the module and joined to the functions' set when it is
loaded.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from csl_native.image.container import Image, ImageError, Section
from csl_native.image.writing import Writer

from ..architectures import Architecture
from ..lisp.fasl import PREFIX
from ..lisp.libraries import load
from ..saving.belonging import module_tags, section_name
from ..saving.reasons import Fallback
from ..saving.trust import not_admitted, seal
from .collecting import Span
from .compilation import Compilation
from .hardcode import HardCode
from .pages import PAGE_SIZE, PageSet, Refused
from .pages import load as load_pages
from .table import type_and_page

if TYPE_CHECKING:
    from ..session.session import Session

Progress = Callable[[int, int, str], None]


def take(hardcode: HardCode, image: Image, module: str) -> None:
    """Make the native code of a module that was just loaded part of this session's; what cannot be is noted with its
    reason.
    """
    if hardcode.architecture is None or not hardcode.session.native_wanted:
        return
    own = [tag for tag in module_tags(image, module) if tag & 31 == hardcode.tag]
    for tag in own:
        why = hardcode.refused if hardcode.refused is not None else _join(hardcode, image, module, tag)
        if why is not None and not (tag != hardcode.tag and why.code == "missing-feature"):
            hardcode.session.fallbacks.append(Fallback(why.code, module, why.detail))


def _join(hardcode: HardCode, image: Image, module: str, tag: int) -> Fallback | None:
    m, architecture = hardcode.machine, hardcode.architecture
    assert architecture is not None
    name = section_name(tag, module)
    if why := not_admitted(hardcode.session.trust, image, name):
        return why
    try:
        pages = PageSet.read(image, name)
    except ImageError as error:
        return Fallback("damaged-page", detail=str(error))
    if pages.bad_pages:
        return Fallback("damaged-page", detail=f"section {name}, page {min(pages.bad_pages)}")
    if pages.abi != hardcode.kernel.abi:
        return Fallback("kernel-abi", detail=f"made for {pages.abi}, this is {hardcode.kernel.abi}")
    if missing := architecture.missing(pages.features):
        return Fallback("missing-feature", detail=missing)
    try:
        loaded = load_pages(pages, hardcode.resolve(), hardcode.apply_native())
    except Refused as refused:
        return Fallback(refused.code, detail=refused.detail)
    whole = hardcode.pages_of(tag)
    base = whole.add_set(pages)
    hardcode.spans.append(Span(tag, base, len(pages.data), loaded.memory, 0))
    hardcode.overflowed |= {(tag, base + entry): why for entry, why in loaded.refused.items()}
    entries = []
    for place, row in pages.entries.items():
        symbol, at = m.intern(str(row["name"])), base + int(place)
        if hardcode.lisp.is_bytecoded(symbol) and hardcode.bytecode_digest(symbol) == row.get("bytecode"):
            entries.append((symbol, int(row["count"]), type_and_page(tag, 0, at // PAGE_SIZE), at % PAGE_SIZE, symbol))
    hardcode.add(entries)
    hardcode.instate_symbols([entry[0] for entry in entries])
    return None


def compile_modules(session: Session, path: str | os.PathLike[str], architectures: list[Architecture],
                    modules: list[str] | None = None,
                    progress: Progress | None = None) -> dict[str, list[str]]:
    """Compile the functions of modules of an image file natively and keep the code there; function names by module."""
    with Image(path) as image:
        made_from = module_digests(image)
    done, sections = module_sections(session, path, architectures, modules, progress)
    with Writer(path) as writer:
        writer.expect({PREFIX + name: made_from[PREFIX + name] for name in done})
        writer.commit(sections)
    return done


def module_digests(image: Image) -> dict[str, bytes]:
    """What native code of modules is made from."""
    return {name: s.digest for name, s in image.sections.items() if name.startswith(PREFIX)}


def module_sections(session: Session, path: str | os.PathLike[str], architectures: list[Architecture],
                    modules: list[str] | None = None,
                    progress: Progress | None = None) -> tuple[dict[str, list[str]], list[Section]]:
    """The native code of modules as sections for their file, and function names by module.

    Each module is loaded into ``session`` for that, which is of no other use afterwards.
    """
    hardcode, m = session.hardcode, session.machine
    done: dict[str, list[str]] = {}
    sections: list[Section] = []

    def compile_one(image: Image, module: str) -> None:
        section = image.sections[PREFIX + module]
        load(session.lisp, image, module)
        names = [str(name) for name in section.info.get("functions", ())]
        symbols = [symbol for symbol in map(m.intern, dict.fromkeys(names)) if session.lisp.is_bytecoded(symbol)]
        done[module] = []
        for architecture in architectures:
            hardcode.sets[architecture.tag] = PageSet(architecture.tag, session.kernel_abi())
            found = Compilation(hardcode, [architecture], kernels=False).run(symbols, progress)[architecture.name]
            done[module] += [m.label(symbol) for symbol in found if m.label(symbol) not in done[module]]
            made = hardcode.sets[architecture.tag].section(section_name(architecture.tag, module))
            made.info["module"] = section.digest
            sections.append(made)
            if not session.restricted:
                seal([made])

    def body() -> None:
        with Image(path) as image:
            wanted = sorted(name.removeprefix(PREFIX)
                            for name in image.sections if name.startswith(PREFIX)) if modules is None else modules
            # what is restricted stays so: strangers last
            for module in sorted(wanted, key=lambda name: bool(session.trust.doubt(image, PREFIX + name))):
                compile_one(image, module)
    session.run(body)
    return done, sections
