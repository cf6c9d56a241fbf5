"""The engines of an image, as a table for people."""

from __future__ import annotations

from csl_native.image.container import Image

from ..architectures import by_tag, host
from .record import Engine, engines


def listing(path: str) -> str:
    """Name, what it is, bytes by tag, and whether this image and machine have it."""
    with Image(path) as image:
        kernels = {int(name[7:]): section.info.get("engines", {})
                   for name, section in image.sections.items() if name.startswith("kernel-")}
    rows = [["engine", "here", "bytes", "what it is"]]
    for engine in engines().values():
        sizes = [f"{a.name} {kernels[tag][engine.name]}"
                 for tag in sorted(kernels) if (a := by_tag(tag)) is not None and engine.name in kernels[tag]]
        rows.append([engine.name, here(engine, kernels), ", ".join(sizes), engine.what])
    widths = [max(len(row[k]) for row in rows) for k in range(3)]
    return "\n".join("  ".join([*(text.ljust(width) for text, width in zip(row, widths, strict=False)), row[3]])
                     for row in rows)


def here(engine: Engine, kernels: dict[int, dict[str, int]]) -> str:
    machine = host()
    if not engine.native:
        return "yes"
    if machine is None or machine.number not in kernels:
        return "no: the image has no kernel for this machine"
    if engine.tail_calls and not machine.tail_calls:
        return "no: a call cannot be a jump on this machine"
    return "yes" if engine.name in kernels[machine.number] else "no: left out of this build"
