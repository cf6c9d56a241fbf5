"""Make the base image: kernel pages and stencils, an empty heap with every function, and the Lisp library, compiled
natively; for this machine, or for others too."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from typing import Any

from csl_native.image.container import Section, write
from csl_native.system.places import PACKAGE

from ..architectures import architectures, by_name, host
from ..engines.record import engines
from ..heap.cage import Cage
from ..kernel.memory import NIL, T
from ..kernel.vouched import check_kernel
from ..lisp.lisp import Lisp
from ..lisp.streams import Input
from ..native.compiler import CompilerMissing
from ..native.interpreted import attach_python
from ..native.kernelset import make_kernel
from ..native.pages import load
from ..runtime.machine import Machine
from ..saving.baseimage import BASE_IMAGE, Sources, base_image_for_now, sources
from ..saving.preserve import heap_sections
from ..session.session import Session
from ..stencils.packing import stencil_section
from ..system.progress import Progress

LIBRARY = os.path.join(PACKAGE, "lisp", "library")


class _Bare:
    """What preserve's heap writer needs of a session."""

    def __init__(self, machine: Machine, lisp: Lisp, about: dict[str, Any]) -> None:
        self.machine, self.lisp, self.about = machine, lisp, about


def library_files() -> list[str]:
    return [os.path.join(LIBRARY, name) for name in sorted(os.listdir(LIBRARY)) if name.endswith(".lsp")]


def build_base(path: str, engines: tuple[str, ...] | None = None, tags: Sequence[str] = (),
               made_from: Sources | None = None,
               progress: Any = None) -> None:
    """Write the base image to ``path``, its kernel with all engines or some, and for more tags; without llvmlite it has
    no native code and runs everywhere all the same."""
    sections: list[Section] = []
    about: dict[str, Any] = {"sources": (made_from or sources())._asdict()}
    machine = Machine(Cage.largest(512 << 20))
    architecture = host()
    try:
        if architecture is None or architecture.untested:
            raise CompilerMissing(f"{architecture.name} is {architecture.untested}" if architecture is not None
                                  else "this machine's architecture is not known")
        kernel = make_kernel(architecture, engines=engines)
        loaded = load(kernel, {})
        machine.attach_native({n: loaded.address(n) for n in kernel.functions}, kernel.arities, kernel.entry_names,
                              next(iter(kernel.engines)))
        sections += [kernel.section(f"kernel-{architecture.number}"), stencil_section(architecture, kernel)]
    except CompilerMissing as error:
        print(f"csl-native: the base image gets no native code: {error}", file=sys.stderr)
        attach_python(machine)
    machine.format()
    lisp = Lisp(machine)
    about["modules"] = lisp.builtins.modules

    def fill() -> None:
        lisp.checking = True
        lisp.install()
        machine.set_value(lisp.s_comp, T)
        for name in library_files():
            with open(name, "rb") as file:
                stream = Input(file)
                while (form := lisp.reader.read(stream)) != lisp.eof:
                    lisp.eval(form)
        machine.set_value(lisp.s_comp, NIL)
        sections.extend(heap_sections(_Bare(machine, lisp, about), False))  # type: ignore[arg-type]
    machine.on_big_stack(fill)
    with base_image_for_now(f"{path}.{os.getpid()}.img") as partial:  # a build that ends early leaves what was there
        write(partial, sections)
        if machine.native:
            session: Any = Session(partial, heap=512 << 20, jit=-1)
            session.about = about
            session.native_compile(None)
            session.add_tags([tag for tag in tags if tag != session.hardcode.architecture.name], progress)
            session.preserve(native := f"{path}.{os.getpid()}.native.img")  # a new file has no gaps
            session.close()
            os.replace(native, partial)
        os.replace(partial, path)


def main() -> None:
    """``python -m csl_native.build``: make the base image now."""

    made_from = sources()
    check_kernel()
    known = [e.name for e in engines().values() if e.native]
    parser = argparse.ArgumentParser(prog="python -m csl_native.build", description=main.__doc__)
    parser.add_argument("--without", action="append", default=[], choices=known, metavar="ENGINE",
                        help=f"leave an engine out: {', '.join(known)}")
    parser.add_argument("--tags", default="", metavar="A,B",
                        help="with kernel, stencils and library for these architectures too, or for all")
    parser.add_argument("--output", default=BASE_IMAGE, metavar="FILE", help="write it there")
    options = parser.parse_args()
    without, tags = options.without, options.tags.split(",") if options.tags else []
    try:
        names = [a.name for a in architectures()
                 if not a.untested] if tags == ["all"] else [by_name(tag).name for tag in tags]
    except ValueError as error:
        parser.error(str(error))
    kept = tuple(name for name in known if name not in without)
    if not kept:
        parser.error("one native engine at least must stay")
    with Progress("csl_native.build") as progress:
        build_base(options.output, kept if without else None, names, made_from, progress)
    print(f"{options.output}: {os.path.getsize(options.output) >> 10} KB")

