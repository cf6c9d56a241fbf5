"""Faults of the processor: what a program says before the system ends the process, where the system can ask for that.

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

from .process import c_library
from .records import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

SIGNALS = ("SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGTRAP")
REACHING = ("SIGSEGV", "SIGBUS")  # of which the address says what was reached for
ON_STACK, RESET = 0x08000000, 0x80000000  # SA_ONSTACK, SA_RESETHAND
STACK, ROOM = 1 << 20, 512  # bytes of the handler's stack; more than any system's struct sigaction has
PATIENCE = 5  # seconds that the message may take
_kept: list[Any] = []  # what the system has the addresses of


class Fault(Record):
    """What C's structures of a system are like for who is told where code failed: how far from their beginnings the
    program counter is in ucontext_t, flags and handler in struct sigaction, and the address in siginfo_t; which word
    of stack_t is the size; and the flag SA_SIGINFO.
    """

    counter: int
    flags: int = 136
    handler: int = 0
    address: int = 16
    stack_size: int = 2
    info: int = 4


def watch(places: Fault, said: Callable[[str, int, int | None], str]) -> None:
    """Have a fault of this thread say on standard error what ``said`` makes of its name, of the program counter and of
    the address that was reached for; a debugger of Python's that has these signals keeps them.
    """
    def tell(number: int, info: int, context: int) -> None:
        """The handler: once the message is out, the signal does to the process what it does by itself."""
        try:
            signal.alarm(PATIENCE)
            counter = ctypes.c_size_t.from_address(context + places.counter).value
            reached = ctypes.c_size_t.from_address(info + places.address).value
            text = said(signal.strsignal(number) or f"signal {number}", counter,
                        reached if signal.Signals(number).name in REACHING else None)
            sys.stdout.flush()
            os.write(2, f"\n{text}\n".encode("utf-8", "replace"))
        finally:
            signal.pthread_kill(threading.get_ident(), number)  # it comes when the handler ends

    library = c_library()
    stack = ctypes.create_string_buffer(STACK)
    words = (ctypes.c_size_t * 3)(ctypes.addressof(stack))
    words[places.stack_size] = STACK
    handler = ctypes.CFUNCTYPE(None, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p)(tell)
    row = ctypes.create_string_buffer(ROOM)
    ctypes.c_void_p.from_buffer(row, places.handler).value = ctypes.cast(handler, ctypes.c_void_p).value
    ctypes.c_uint.from_buffer(row, places.flags).value = ON_STACK | places.info | RESET
    _kept[:] = [stack, words, handler]
    library.sigaltstack(words, None)
    for name in SIGNALS:
        if signal.getsignal(getattr(signal, name)) == signal.SIG_DFL:
            library.sigaction(int(getattr(signal, name)), row, None)
