"""Functions of the modules of a library, for ``csl-image disasm``."""

from __future__ import annotations

import argparse
from typing import Any

from csl_native import Session
from csl_native.architectures import by_name, by_tag
from csl_native.heap.words import VECTOR
from csl_native.image.container import Image, ImageError
from csl_native.instructions.codec import Code, disassemble
from csl_native.lisp.fasl import PREFIX, BadModule, read_module
from csl_native.native.pages import PageSet
from csl_native.saving.belonging import module_tags, section_name
from csl_native.tools import listing


def module_of(image: Image, function: str) -> str | None:
    """The module that defines a function."""
    found = (name for name, section in image.sections.items() if name.startswith(PREFIX)
             and function in section.info.get("functions", ()))
    return next((name.removeprefix(PREFIX) for name in sorted(found)), None)


def functions(image: Image) -> list[str]:
    """The names of all functions that modules define."""
    return sorted({str(name) for section, row in image.sections.items() if section.startswith(PREFIX)
                   for name in row.info.get("functions", ())})


def disasm(image: Image, module: str, options: argparse.Namespace) -> dict[str, Any]:
    """Bytecode and native code of a function of a module."""
    if options.tier == "stencil":
        raise ImageError(f"{image.path}: {options.function} is in module {module}; stencils are shown for functions of "
                         "a heap")
    result: dict[str, Any] = {"function": options.function}
    if options.tier in (None, "bytecode"):
        result["bytecode"] = bytecode(image, module, options.function)
    wanted = by_name(options.tag).number if options.tag else None
    for tag in module_tags(image, module) if options.tier in (None, "optimised") else ():
        architecture = by_tag(tag)
        if architecture is not None and wanted in (None, tag):
            pages = PageSet.read(image, section_name(tag, module))
            places = [int(place) for place, row in pages.entries.items() if row["name"] == options.function]
            lines = [line for place in places for line in listing.native(pages, architecture, place, options.bytes)]
            result[architecture.name] = lines or ["no native code for this tag"]
    if options.tag and options.tier != "bytecode" and by_name(options.tag).name not in result:
        result[by_name(options.tag).name] = ["no native code for this tag"]
    return result


def bytecode(image: Image, module: str, function: str) -> list[str]:
    """The bytecode of a function of a module, which is read and not loaded."""
    session = Session()
    lisp, m = session.lisp, session.machine

    def body() -> list[str]:
        section, data = image.sections[PREFIX + module], image.read(PREFIX + module)
        for item in read_module(lisp, section, data):
            if item & 7 == VECTOR and m.vector_length(item) == 3 and m.text(m.vector_items(item)[0]) == function:
                literals = m.vector_items(m.vector_items(item)[1])
                texts = [lisp.printer.text(x) for x in literals]
                return disassemble(Code.unpack(m.raw(literals[0])), texts.__getitem__)
        return []
    try:
        found: list[str] = session.run(body)
        return found
    except BadModule as error:
        raise ImageError(f"{image.path}, module {module}: {error}") from error
    finally:
        session.close()
