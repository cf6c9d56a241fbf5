"""A map of native code for profilers: ``perf`` reads /tmp/perf-PID.map when it reports
(tools/perf/Documentation/jit-interface.txt of Linux).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..system.process import PERF_FOLDER

if TYPE_CHECKING:
    from ..session.session import Session


def symbols(session: Session) -> Iterator[tuple[int, int, str]]:
    """Address, size and name of everything native in a session: kernel, compiled and hand-made functions, and the
    jit's.
    """
    for loaded in session.sets.values():
        places = sorted((place, name) for name, place in loaded.pages.functions.items())
        ends = [place for place, _ in places[1:]] + [len(loaded.pages.data)]
        for (place, name), end in zip(places, ends, strict=True):
            yield loaded.memory.address + place, end - place, f"csl:{name}"
    for tag, pages in session.hardcode.sets.items():
        for entry in pages.entries.values():
            for place, size in entry.get("parts", ()):
                address = session.hardcode.address(tag, place)
                if address is not None:
                    yield address, size, f"lisp:{entry['name']}"
    if session.lisp.jit is not None:
        for symbol, compiled in session.lisp.jit.functions.items():
            yield compiled.memory.address, compiled.memory.size, f"lisp:{session.machine.label(symbol)}"


def write_map(session: Session) -> str:
    """Write the map of this process; its path."""
    path = os.path.join(PERF_FOLDER, f"perf-{os.getpid()}.map")
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"{address:x} {size:x} {name}\n" for address, size, name in sorted(symbols(session)))
    return path
