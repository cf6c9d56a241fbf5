"""Shared libraries and the functions in them."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

from csl_native.system.exceptions import Error

from ..system.process import c_library
from . import FOREIGN


class ForeignError(Error, ValueError):
    """A library or function that is not there: which, and what the system says."""


@cache
def library(name: str) -> Any:
    """A shared library (empty name: what this process has); it stays loaded."""
    try:
        return ctypes.CDLL(name, use_errno=True) if name else c_library()
    except OSError as error:
        raise ForeignError(f"the shared library {name} cannot be loaded: {error}") from None


@cache
def address(name: str, function: str) -> int:
    """Where a function of a library is."""
    try:
        found = getattr(library(name), function)
    except AttributeError:
        raise ForeignError(f"{name or 'this process'} has no function {function}") from None
    return int(ctypes.cast(found, ctypes.c_void_p).value or 0)


def resolve(target: str) -> int:
    """The address of a relocation target ``foreign!LIBRARY!FUNCTION``."""
    name, _, function = target.removeprefix(FOREIGN).rpartition("!")
    return address(name, function)
