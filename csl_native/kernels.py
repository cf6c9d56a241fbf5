"""The two ways in which Python calls kernel functions, and the C functions that the kernel calls."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from typing import Any

from .cage import Cage

_word = ctypes.c_int64
C_FUNCTIONS = ("sin", "cos", "tan", "atan", "exp", "log")
_process = ctypes.CDLL(None)
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
    return getattr(_process, name, None) or _c_double(c_function(name))


class NativeKernel:
    """Kernel functions as ctypes functions over one cage; ``functions`` are (name, address) pairs."""

    def __init__(self, cage: Cage, functions: dict[str, int], arities: dict[str, int]) -> None:
        self._cage, self._functions, self._arities = cage, functions, arities

    def __getattr__(self, name: str) -> Callable[..., int]:
        try:
            address = self._functions[name]
        except KeyError:
            raise AttributeError(f"the kernel has no function {name}") from None
        build = ctypes.CFUNCTYPE if name == "enter" else ctypes.PYFUNCTYPE
        kind = build(_word, ctypes.c_void_p, *[_word] * self._arities[name])
        raw, base = kind(address), self._cage.base

        def call(*arguments: int) -> int:
            return int(raw(base, *arguments))
        setattr(self, name, call)
        return call


class PythonKernel:
    """The same functions under CPython."""

    def __init__(self, names: dict[str, Any]) -> None:
        self.__dict__.update(names)
