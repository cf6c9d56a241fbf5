"""What csl says when native code crashes, before the system ends the process: which function, in which page, where."""

from __future__ import annotations

from ..architectures import host
from ..native.pages import PAGE_SIZE
from ..system import faults

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..session.session import Session


def watch(session: Callable[[], Session]) -> None:
    """Have a crash of this thread say where it is, in the session that runs then."""
    architecture = host()
    if architecture is None or architecture.fault is None or not session().machine.native:
        return

    def said(fault: str, counter: int, reached: int | None) -> str:
        text = f"csl: {fault} at address {counter:#x}, {place(session(), counter)}"
        return text if reached is None else f"{text}, which reached for address {reached:#x}"
    faults.watch(architecture.fault, said)


def place(session: Session, address: int) -> str:
    """What native code there is at an address."""
    name = next((name for begin, size, name in session.native_symbols() if begin <= address < begin + size), "")
    kind, _, function = name.partition(":")
    if kind == "csl":
        return f"in the function {function} of the kernel"
    for span in session.hardcode.spans:
        at = span.place + address - span.address(span.place)
        if span.place <= at < span.place + span.size:
            what = f"the function {function}" if function else "code made by hand"
            return f"in {what}: page {at // PAGE_SIZE}, byte {at % PAGE_SIZE:#x} of tag {span.tag}"
    if function:
        return f"in the function {function}, which was compiled while the program ran"
    return "outside of native code of Lisp"
