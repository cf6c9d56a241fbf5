"""A Standard Lisp whose one image file runs natively on every machine."""

from __future__ import annotations

from typing import Any

__version__ = "0.1.0"
__all__ = ["Error", "Handle", "LimitReached", "Limits", "LispError", "Numbers", "Session", "SessionError", "Symbol", "Table", "Vector", "restore"]


def __getattr__(name: str) -> Any:  # the command line must not pay for what it does not use
    if name in __all__:
        from . import session
        return getattr(session, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
