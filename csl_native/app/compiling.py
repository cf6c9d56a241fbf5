"""``csl --native-compile``: native code for functions of the session, and for modules of the output library."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..architectures import by_name
from ..native.modulecode import compile_modules
from ..system.progress import Progress

if TYPE_CHECKING:
    from .toplevel import TopLevel


def native_compile(top: TopLevel) -> int:
    """Compile what the command line asks for; 1 when a function that it names stays bytecode, with the reason."""
    which = top.options.compile
    names = None if which == "all" else sorted(top.session.profile) if which == "hot" else which.split(",")
    if which == "hot" and not names:
        top.note("csl: --native-compile hot: no function was hot, in this run or in one that the image remembers; "
                 "run the program first")
    with Progress("csl") as progress:
        done = top.session.native_compile(names, progress)
        for found in top.session.add_tags([tag for tag in (top.options.tags or "").split(",") if tag],
                                          progress).values():
            done += found
    if top.options.verbose:
        top.note(f"csl: {len(done)} functions compiled to native code")
    if top.options.output:
        top.session.preserve(top.options.output)
        if which == "all":
            modules(top)
    else:
        top.note("csl: --native-compile without -o FILE: the native code is not kept")
    if top.options.gdb:
        top.session.tell_gdb()
    refused = [f for f in top.session.fallbacks if f.subject in (names or ())]
    for fallback in refused:
        top.note(f"csl: {fallback.sentence()}")
    return 1 if refused else 0


def modules(top: TopLevel) -> None:
    """Native code for the modules of the output library, for this machine and the tags that were asked for."""
    assert top.options.output is not None and top.session.hardcode.architecture is not None
    tags = [by_name(tag) for tag in (top.options.tags or "").split(",") if tag]
    with Progress("csl") as progress:
        compiled = compile_modules(top.session, top.options.output, [top.session.hardcode.architecture, *tags],
                                   None, progress)
    for module, found in compiled.items():
        if top.options.verbose:
            top.note(f"csl: {len(found)} functions of module {module} compiled to native code")
