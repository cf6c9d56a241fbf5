"""What csl says when native code crashes, before the system ends the process: which function, in which page, where.

The handler of the signal is Python's, called through ctypes on a stack of its own: the thread that failed has left
Python, so it can come back.  Where it cannot, because what failed held a lock that is needed here, the alarm ends the
process.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from collections.abc import Callable

from ..architectures import host
from ..native.pages import PAGE_SIZE
from ..system.process import c_library

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..architectures import Architecture
    from ..session.session import Session

SIGNALS = ("SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGTRAP")
ON_STACK, RESET = 0x08000000, 0x80000000  # SA_ONSTACK, SA_RESETHAND
STACK, ROOM = 1 << 20, 512  # bytes of the handler's stack; more than any system's struct sigaction has
PATIENCE = 5  # seconds that the message may take
_kept: list[Any] = []  # what the system has the addresses of


def watch(session: Callable[[], Session]) -> None:
    """Have a crash of this thread say where it is; a debugger of Python's that has these signals keeps them."""
    architecture = host()
    if architecture is None or architecture.fault is None or not session().machine.native:
        return
    fault, library = architecture.fault, c_library()
    stack = ctypes.create_string_buffer(STACK)
    words = (ctypes.c_size_t * 3)(ctypes.addressof(stack))
    words[fault.stack_size] = STACK
    handler = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(
        lambda number, info, context: tell(session(), architecture, number, info, context))
    row = ctypes.create_string_buffer(ROOM)
    ctypes.c_void_p.from_buffer(row, fault.handler).value = ctypes.cast(handler, ctypes.c_void_p).value
    ctypes.c_uint.from_buffer(row, fault.flags).value = ON_STACK | fault.info | RESET
    _kept[:] = [stack, words, handler]
    library.sigaltstack(words, None)
    for name in SIGNALS:
        if signal.getsignal(getattr(signal, name)) == signal.SIG_DFL:
            library.sigaction(int(getattr(signal, name)), row, None)


def tell(session: Session, architecture: Architecture, number: int, info: int, context: int) -> None:
    """The handler: once the message is out, the signal does to the process what it does by itself."""
    assert architecture.fault is not None
    try:
        signal.alarm(PATIENCE)
        counter = ctypes.c_size_t.from_address(context + architecture.fault.counter).value
        reached = ctypes.c_size_t.from_address(info + architecture.fault.address).value
        text = f"csl: {signal.strsignal(number)} at address {counter:#x}, {place(session, counter)}"
        if number in (signal.SIGSEGV, signal.SIGBUS):
            text += f", which reached for address {reached:#x}"
        sys.stdout.flush()
        os.write(2, f"\n{text}\n".encode("utf-8", "replace"))
    finally:
        signal.pthread_kill(threading.get_ident(), number)  # it comes when the handler ends


def place(session: Session, address: int) -> str:
    """What native code there is at an address."""
    from ..native.perfmap import symbols
    name = next((name for begin, size, name in symbols(session) if begin <= address < begin + size), "")
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
