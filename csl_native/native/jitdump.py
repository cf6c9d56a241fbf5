"""Native code for ``perf inject``: names and code, so that perf shows instructions
(tools/perf/Documentation/jitdump-specification.txt of Linux).

perf finds the file by its being mapped while it records, so it is made where the program begins; what is native at the
end is written into it then.
"""

from __future__ import annotations

import ctypes
import os
import struct
import threading
import time
from typing import TYPE_CHECKING

from ..system.memory import mapped_for_execution

if TYPE_CHECKING:
    from ..session.session import Session

MAGIC, VERSION = 0x4A695444, 1
HEADER = struct.Struct("=IIIIIIQQ")
PREFIX = struct.Struct("=IIQ")  # number of the record, its size, when
LOAD = struct.Struct("=IIQQQQ")  # process, thread, address twice, size, number
CODE_LOAD, CODE_CLOSE = 0, 3  # records


class Dump:
    """The file of this process, in the current folder."""

    def __init__(self, machine: int) -> None:
        self.began = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        self.path = os.path.abspath(f"jit-{os.getpid()}.dump")
        self.file = open(self.path, "w+b")
        self.file.write(HEADER.pack(MAGIC, VERSION, HEADER.size, machine, 0, os.getpid(), self.began, 0))
        self.file.flush()
        # what perf looks for; nothing is executed there
        self.mark = mapped_for_execution(self.file.fileno(), HEADER.size)

    def finish(self, session: Session) -> None:
        """Write all that is native now, as if it had been there from the beginning."""
        for number, (address, size, name) in enumerate(sorted(session.native_symbols())):
            text = name.encode("utf-8", "replace") + b"\0"
            total = PREFIX.size + LOAD.size + len(text) + size
            self.file.write(PREFIX.pack(CODE_LOAD, total, self.began))
            self.file.write(LOAD.pack(os.getpid(), threading.get_native_id(), address, address, size, number) + text)
            self.file.write(ctypes.string_at(address, size))
        self.file.write(PREFIX.pack(CODE_CLOSE, PREFIX.size, time.clock_gettime_ns(time.CLOCK_MONOTONIC)))
        self.file.close()
        self.mark.close()
