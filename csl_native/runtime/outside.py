"""Ways between the kernel and C, where code has a calling convention of its own: the System V one on Windows.

A way is a few bytes that name a function and go on in one of three functions of the kernel, which LLVM made: those are
called by one convention, with the function in a register that carries no argument, and call it by the other.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..architectures import host
from ..system.codememory import CodeMemory

INWARD, TO_HOST, TO_FLOAT = "outside_inward", "outside_host", "outside_float"
MOST = 10  # words that Python passes at most, the base of the cage with them
WAY = 32  # bytes from one to the next


def outside_text(convention: str) -> str:
    """IR of the three functions.
    A kernel function that takes fewer words than ``MOST`` does not look at the others.
    """
    words = ", ".join(f"i64 %a{k}" for k in range(MOST - 1))
    host_words = ", ".join(f"i64 %a{k}" for k in range(5))
    return f"""
define hidden {convention} i64 @{INWARD}(ptr nest %f, ptr %base, {words}) nounwind {{
  %r = call i64 %f(ptr %base, {words})
  ret i64 %r
}}
define hidden i64 @{TO_HOST}(ptr nest %f, ptr %base, {host_words}) nounwind {{
  %r = call {convention} i64 %f(ptr %base, {host_words})
  ret i64 %r
}}
define hidden double @{TO_FLOAT}(ptr nest %f, double %x) nounwind {{
  %r = call {convention} double %f(double %x)
  ret double %r
}}
"""


class Ways:
    """The ways of one kernel, whose functions' addresses are given.
    Where C and code have one convention there are none: all is called as it is.
    """

    def __init__(self, functions: dict[str, int]) -> None:
        self.functions, self.architecture = functions, host() if INWARD in functions else None
        self._kept: list[CodeMemory] = []

    def inward(self) -> dict[str, int]:
        """By name, the addresses at which C calls the kernel's functions."""
        return dict(zip(self.functions, self._across(INWARD, self.functions.values()), strict=True))

    def outward(self, through: str, *targets: int) -> list[int]:
        """The addresses at which the kernel calls C functions: the host's, or those of floats."""
        return self._across(through, targets)

    def _across(self, through: str, targets: Iterable[int]) -> list[int]:
        found, architecture = list(targets), self.architecture
        if architecture is None or architecture.outside is None:
            return found
        codes = [architecture.outside.way(target, self.functions[through]) for target in found]
        memory = CodeMemory(WAY * len(codes), architecture.flush)
        memory.view()[:WAY * len(codes)] = b"".join(code.ljust(WAY, b"\xcc") for code in codes)
        memory.seal()
        self._kept.append(memory)
        return [memory.address + WAY * k for k in range(len(codes))]
