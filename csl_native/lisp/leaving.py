"""What leaves a Lisp altogether: an exception for those who called it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Stopped(Exception):
    """(stop n), or the end of what was asked for."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Restart(Exception):
    """(restart!-csl x) or (preserve ...): leave everything and begin again."""

    def __init__(self, action: Callable[[], Any]) -> None:
        super().__init__("restart")
        self.action = action
