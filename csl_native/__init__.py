"""A Standard Lisp whose one image file runs natively on every machine."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .lisp.limits import Limits
    from .session.containers import Handle, Numbers, Table, Vector
    from .session.session import Session, restore
    from .session.values import Symbol
    from .system.exceptions import Error, LimitReached, LispError, SessionError

__version__ = "0.1.0"
__all__ = ["Error", "Handle", "LimitReached", "Limits", "LispError", "Numbers", "Session", "SessionError", "Symbol",
           "Table", "Vector", "restore"]
_MODULES = {"session.containers": "Handle Numbers Table Vector",
            "system.exceptions": "Error LimitReached LispError SessionError", "lisp.limits": "Limits",
            "session.session": "Session restore", "jupyter.magics": "load_ipython_extension",
            "session.values": "Symbol"}


def __getattr__(name: str) -> Any:  # the command line must not pay for what it does not use
    for module, names in _MODULES.items():
        if name in names.split():
            from importlib import import_module
            return getattr(import_module(f".{module}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
