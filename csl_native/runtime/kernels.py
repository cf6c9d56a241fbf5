"""The two ways in which Python calls kernel functions, whose failures become exceptions here; and the C functions that
the kernel calls.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from functools import partial

from ..heap.cage import Cage
from ..heap.words import UNWIND
from ..system.process import c_library

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_word = ctypes.c_int64
C_FUNCTIONS = ("sin", "cos", "tan", "atan", "exp", "log")
_c_double = ctypes.CFUNCTYPE(ctypes.c_double, ctypes.c_double)


def c_function(name: str) -> Callable[[float], float]:
    """A function of the C library through Python, with its results where Python has exceptions."""
    def call(d: float) -> float:
        try:
            return float(getattr(math, name)(d))
        except OverflowError:
            return math.inf
        except ValueError:
            return -math.inf if name == "log" and d == 0 else math.nan
    return call


def c_pointer(name: str) -> Any:
    """The function of the C library itself where the process has it, else a pointer to Python's; keep it alive."""
    return getattr(c_library(), name, None) or _c_double(c_function(name))


class Unwinding(Exception):
    """An UNWIND marker met in Python: an error or throw that is already described in the VM block."""


# kernel functions that are called outside of every scope, too, and give no words
NO_WORDS = ("collect", "current_stack", "full_is_due", "unbind_to")
# Functions that are done at once, and keep Python's lock; during all others, which may walk over data, other threads
# can ask for an end.
BRIEF = ("allocate_slow", "collect", "compile_stencils", "current_stack", "find_symbol", "free_bytes",
         "full_is_due", "intern", "is_minus", "make_bignum", "make_hash", "make_object", "make_string", "make_symbol",
         "make_vector", "normalise", "unbind_to")


def _nothing(word: int) -> None:
    pass


class Kernel:
    """Kernel functions as Python calls them: UNWIND is an exception, ``note`` is told every word they give, and before
    one makes something ``room`` sees to it that there is some; the kernel itself collects at safepoints only.
    """

    def __init__(self, note: Callable[[int], None], room: Callable[[], None]) -> None:
        self._note, self._room = note, room

    def found(self, name: str) -> Callable[..., Any]:
        """The function itself."""
        raise NotImplementedError

    def __getattr__(self, name: str) -> Callable[..., Any]:
        found, note = self.found(name), self._note if name not in NO_WORDS else _nothing
        room = self._room if name.startswith("make_") else None

        def call(*arguments: int) -> Any:
            if room is not None:
                room()
            word = found(*arguments)
            if word == UNWIND:
                raise Unwinding
            if word.__class__ is int:
                note(word)
            return word
        setattr(self, name, call)
        return call


class NativeKernel(Kernel):
    """As ctypes functions over one cage, by their addresses."""

    def __init__(self, cage: Cage, functions: dict[str, int], arities: dict[str, int],
                 note: Callable[[int], None], room: Callable[[], None]) -> None:
        super().__init__(note, room)
        self._cage, self._functions, self._arities = cage, functions, arities

    def raw(self, name: str) -> Callable[..., int]:
        """A function as it is, with the base of the cage as its first argument and a word, or UNWIND, as its value."""
        build, address = ctypes.PYFUNCTYPE if name in BRIEF else ctypes.CFUNCTYPE, self.address(name)
        return build(_word, ctypes.c_void_p, *[_word] * self._arities[name])(address)

    def address(self, name: str) -> int:
        """Where C calls a function of the kernel."""
        try:
            return self._functions[name]
        except KeyError:
            raise AttributeError(f"the kernel has no function {name}") from None

    def found(self, name: str) -> Callable[..., Any]:
        return partial(self.raw(name), self._cage.base)


class PythonKernel(Kernel):
    """The same functions under CPython; ``globals`` is their name space."""

    def __init__(self, names: dict[str, Any], note: Callable[[int], None], room: Callable[[], None]) -> None:
        super().__init__(note, room)
        self.globals = names

    def found(self, name: str) -> Callable[..., Any]:
        try:
            return self.globals[name]  # type: ignore[no-any-return]
        except KeyError:
            raise AttributeError(f"the kernel has no function {name}") from None


class ClosedKernel:
    """In place of the kernel of a session that is closed."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        raise ValueError("this session is closed; begin or restore another one")
