"""``csl-image executable``: a program that stands alone, of an image and one of its functions, for any architecture."""

from __future__ import annotations

import argparse
import os
import stat
import tempfile
from typing import Any

from csl_native import Session
from csl_native.architectures import Architecture, by_name, host
from csl_native.heap.words import SYMBOL
from csl_native.image.container import Image
from csl_native.kernel.memory import NIL, ROOT_RESTART
from csl_native.native.executable import CannotMake, Program, kernel_of
from csl_native.native.pages import PageSet
from csl_native.saving.baseimage import base_image
from csl_native.saving.heapview import HeapView
from csl_native.session.standing import make_ready, missing
from csl_native.tools.code import own

MOST_NAMED = 20


def wanted(options: argparse.Namespace) -> Architecture:
    """The architecture that is asked for, or this machine's."""
    architecture = by_name(options.tag) if options.tag else host()
    if architecture is None:
        raise CannotMake("this machine's architecture is not known; --tag says which one the program is for")
    if architecture.alone is None:
        raise CannotMake(
            f"{architecture.name}: programs that stand alone are ELF files for Linux, and this is the tag of "
            f"{architecture.system}; csl-image tags lists the others"
        )
    return architecture


def executable(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """An ELF file that runs a function of the image without Python."""

    architecture = wanted(options)
    heap = max(512 << 20, 8 * image.size)
    with open(os.devnull, "wb") as nowhere:  # what the session says of definitions
        session = Session(image.path, jit=-1, trust=options.trust, heap=heap, output=nowhere)
        try:
            if session.restricted:
                raise CannotMake(
                    f"{image.path}: nobody who is trusted here vouches for it; csl-image sign, or --trust=all"
                )
            main = main_of(session, options.main)
            make_ready(session, main)
            with tempfile.TemporaryDirectory() as folder:
                session.preserve(os.path.join(folder, "program.img"))
                with Image(os.path.join(folder, "program.img")) as made, Image(base_image()) as base:
                    data, counts = program(made, base, architecture, main, options, own(HeapView(image)))
        finally:
            session.close()
    with open(options.output, "wb", opener=lambda path, flags: os.open(path, flags, 0o777)) as file:
        file.write(data)
    mode = os.stat(options.output).st_mode
    if stat.S_ISREG(mode):  # one that was there may be run by whoever may read it
        os.chmod(options.output, mode | (mode & 0o444) >> 2)
    return [
        {"written to": options.output, "tag": architecture.name, "begins with": main, "bytes": len(data), **counts}
    ], 0


def main_of(session: Any, name: str | None) -> str:
    """The function that the program begins with: the one named, or what the image was preserved to begin with."""

    if name is None:
        found = session.machine.root(ROOT_RESTART)
        if found & 7 != SYMBOL or found == NIL:
            raise CannotMake(
                f"{session.path}: was not preserved with a function to begin with; "
                "--main says which one the program begins with"
            )
        name = session.machine.text(found)
    if not session.run(lambda: session.lisp.is_defined(session.machine.intern(name))):
        raise CannotMake(f"{session.path}: has no function {name}; --main names one that it has")
    return str(name)


def program(
    made: Image, base: Image, architecture: Architecture, main: str, options: argparse.Namespace, mine: list[str]
) -> tuple[bytes, dict[str, Any]]:
    kernel = kernel_of(made, base, architecture)
    name = f"functions-{architecture.tag}"
    functions = PageSet.read(made, name) if name in made.sections else None
    why = f"the image has no native code for {architecture.name}" if functions is None else "they were not compiled"
    if functions is not None and functions.abi != kernel.abi:
        functions, why = None, f"its native code for {architecture.name} was made for another kernel"
    made_of = Program(made, kernel, functions, architecture, options.heap)
    lacking = missing(made_of.view, main)
    if lacking and not options.allow_missing:
        rows = [
            f"{callee} (called by {', '.join(callers[:3])}{' and others' if len(callers) > 3 else ''})"
            for callee, callers in lacking.items()
        ]
        more = f" and {len(rows) - MOST_NAMED} more" if len(rows) > MOST_NAMED else ""
        raise CannotMake(
            f"{options.image}: {main} may call functions that a program that stands alone does not have: "
            f"{', '.join(rows[:MOST_NAMED])}{more}; --allow-missing makes such calls errors when the program runs"
        )
    data = made_of.file(made.read("starts"))
    slow = [name for name in mine if name not in made_of.native]
    return data, {
        "native functions": len(made_of.native),
        "missing functions": len(lacking),
        "as bytecode": len(slow),
        "why": f"{why}: csl-image add {options.image} --tag {architecture.name}" if slow else None,
    }
