"""A run of ``csl``: what only one that has a session needs is imported here, so that ``--version`` and a mistake at the
command line answer at once."""

from __future__ import annotations

import os
import sys

from csl_native.image import files

from ..lisp.streams import Tee
from ..saving.baseimage import base_image
from ..session.session import Session
from .cli import SHORT, Options, UsageError
from .toplevel import TopLevel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def run(options: Options) -> int:
    """A session as the command line asks for it, and its top level; gives the exit status."""
    out: Any = open(options.redirect, "wb") if options.redirect else sys.stdout.buffer
    if options.log and options.quiet:
        out = Tee(out, open(options.log, "wb"))
    image = None if options.cold or options.image in (None, "-") else options.image
    if options.original:
        if image is None and options.image is None and not options.cold and options.output is not None:
            image = options.image = options.output
        if image is not None and not os.path.exists(image):
            print(f'\n+++ Image file "{files.shown(image)}(InitialImage)" can not be read')
            return 1
    for name in options.files:
        if options.quiet and name != "-" and not os.path.exists(name):
            raise UsageError(f"{name}: no such file")
    session = Session(image or base_image(), heap=options.heap, native=options.native == "on", engine=options.engine,
                      gc_stress=options.gc_stress, output=out, jit=options.jit,
                      wait=SHORT if options._jit is None else 0.0,
                      libraries=options.libraries, output_library=options.output, trust=options.trust)
    session.hardcode.jit_most = options.jit_most
    if options.seed is not None:
        session.lisp.seed(int(options.seed))
    if options.module is not None:
        date = session.function("modulep")(options.module)
        print(date or f"{options.module}: no such module in the libraries of -i and -o",
              file=sys.stdout if date else sys.stderr)
        return 0 if date else 1
    return TopLevel(session, options).run()
