"""CPython runs the text of ``switch``, and the kernel too: works wherever Python does, and checks every access when
asked to.
"""

from __future__ import annotations

from .record import Engine

ENGINE = Engine("python", "CPython runs kernel and bytecode", 0, lambda rows, place: "", native=False)
