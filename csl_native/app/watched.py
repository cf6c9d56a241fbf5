"""What is written down of a run: a profile, what perf wants to know, a transcript."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..lisp.lisp import Lisp
from ..lisp.spooling import Spool
from ..native.jitdump import Dump
from ..native.perfmap import write_map
from ..runtime.profiler import Profiler
from ..system.host import this_host

if TYPE_CHECKING:
    from .toplevel import TopLevel


class Watched:
    """Of one run, over its restarts."""

    def __init__(self, top: TopLevel) -> None:
        o, lisp = top.options, top.session.lisp
        self.profiler = None if o.profile is None else Profiler()
        self.dump = new_dump() if o.jitdump else None
        if o.log and not o.quiet:
            lisp.spooled = Spool(lisp.terminal, open(o.log, "wb"), o.log)

    def begin(self, lisp: Lisp) -> None:
        """A session begins."""
        if self.profiler is not None:
            self.profiler.begin(lisp)

    def end(self, top: TopLevel) -> None:
        """The last one has ended: write, and say on standard error where."""
        o = top.options
        if self.profiler is not None:
            self.profiler.end()
            for line in self.profiler.table():
                top.note(f"csl: {line}")
            if o.profile:
                self.profiler.write(o.profile)
        if self.dump is not None:
            self.dump.finish(top.session)
            if o.verbose:
                top.note(f"csl: native code is in {self.dump.path}")
        if o.perf_map:
            path = write_map(top.session)
            if o.verbose:
                top.note(f"csl: names of native code are in {path}")


def new_dump() -> Dump:
    """What perf is told by, which must be there before what it looks at."""
    header = this_host().header
    if header is None or header.format != "ELF":
        raise ValueError("--jitdump is for perf, which is a program of Linux")
    return Dump(header.machine)
