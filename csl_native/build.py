"""Make the base image: kernel pages, an empty heap with every function, and the Lisp library, compiled natively."""

from __future__ import annotations

import os
import sys
from typing import Any

from csl_native.image.container import Section, write

from .baseimage import base_image_for_now
from .cage import Cage
from .kernel.memory import NIL, T
from .lisp.lisp import Lisp
from .lisp.streams import Input
from .machine import Machine
from .native.architectures import host
from .native.kernelset import make_kernel
from .native.pages import load
from .stencils.packing import stencil_section

LIBRARY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "lisp", "library")


class _Bare:
    """What preserve's heap writer needs of a session."""

    def __init__(self, machine: Machine, lisp: Lisp) -> None:
        self.machine, self.lisp = machine, lisp


def library_files() -> list[str]:
    return [os.path.join(LIBRARY, name) for name in sorted(os.listdir(LIBRARY)) if name.endswith(".lsp")]


def build_base(path: str, engines: tuple[str, ...] | None = None) -> None:
    """Write the base image to ``path``, its kernel with all engines or some; without llvmlite it has no native code and runs everywhere all the same."""
    from .native.compiler import CompilerMissing
    from .preserve import heap_sections
    sections: list[Section] = []
    machine = Machine(Cage.largest(512 << 20))
    architecture = host()
    try:
        if architecture is None:
            raise CompilerMissing("this machine's architecture is not known")
        kernel = make_kernel(architecture, engines=engines)
        loaded = load(kernel, {})
        machine.attach_native({n: loaded.address(n) for n in kernel.functions}, kernel.arities, kernel.entry_names, next(iter(kernel.engines)))
        sections += [kernel.section(f"kernel-{architecture.number}"), stencil_section(architecture, kernel)]
    except CompilerMissing as error:
        print(f"csl-native: the base image gets no native code: {error}", file=sys.stderr)
        machine.attach_python()
    machine.format()
    lisp = Lisp(machine)

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
        sections.extend(heap_sections(_Bare(machine, lisp), False))  # type: ignore[arg-type]
    machine.on_big_stack(fill)
    with base_image_for_now(f"{path}.{os.getpid()}.img") as partial:  # a build that ends early leaves what was there
        write(partial, sections)
        if machine.native:
            from .session import Session
            session: Any = Session(partial, heap=512 << 20, jit=-1)
            session.native_compile(None)
            session.preserve(native := f"{path}.{os.getpid()}.native.img")  # a new file has no gaps
            session.close()
            os.replace(native, partial)
        os.replace(partial, path)


def main() -> None:
    """``python -m csl_native.build``: make the base image now."""
    import argparse

    from .baseimage import BASE_IMAGE
    from .engines.record import engines
    known = [e.name for e in engines().values() if e.native]
    parser = argparse.ArgumentParser(prog="python -m csl_native.build", description=main.__doc__)
    parser.add_argument("--without", action="append", default=[], choices=known, metavar="ENGINE", help=f"leave an engine out: {', '.join(known)}")
    without = parser.parse_args().without
    kept = tuple(name for name in known if name not in without)
    if not kept:
        parser.error("one native engine at least must stay")
    build_base(BASE_IMAGE, kept if without else None)
    print(f"{BASE_IMAGE}: {os.path.getsize(BASE_IMAGE) >> 10} KB")


if __name__ == "__main__":
    main()
