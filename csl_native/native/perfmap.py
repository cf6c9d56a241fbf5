"""A map of native code for profilers: ``perf`` reads /tmp/perf-PID.map when it reports
(tools/perf/Documentation/jit-interface.txt of Linux).
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..system.process import PERF_FOLDER

if TYPE_CHECKING:
    from ..session.session import Session


def write_map(session: Session) -> str:
    """Write the map of this process; its path."""
    path = os.path.join(PERF_FOLDER, f"perf-{os.getpid()}.map")
    with open(path, "w", encoding="utf-8") as file:
        file.writelines(f"{address:x} {size:x} {name}\n" for address, size, name in sorted(session.native_symbols()))
    return path
