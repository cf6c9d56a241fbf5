"""The exceptions of this package that callers may want to catch: all of them are an ``Error``."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Error(Exception):
    """The base of all exceptions of csl-native."""


class LispError(Error):
    """A Lisp error that no errorset caught: its text, and the number that ``(error number message)`` was given.

    ``hints`` are the lines of the text that are not the message itself, but explain it.
    """

    def __init__(self, message: str, number: Any = None, hints: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.number, self.hints = number, hints


class LimitReached(Error):
    """A call used more than its limits allow; the text says which limit that was."""


class SessionError(Error, ValueError):
    """A session, or a value of one, is used where it cannot be: closed, another session's, or run by another thread."""
