"""What leaves a Lisp altogether: an exception for those who called it."""

from __future__ import annotations

from collections.abc import Callable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Stopped(Exception):
    """(stop n), or the end of what was asked for."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Leave(Exception):
    """Out of break levels: go on with the form that was typed at one, evaluate it ``again`` or give it a value (None:
    it has none).
    """

    def __init__(self, level: int, again: bool, value: int | None) -> None:
        super().__init__(level)
        self.level, self.again, self.value = level, again, value


class Restart(Exception):
    """(restart!-csl x) or (preserve ...): leave everything and begin again."""

    def __init__(self, action: Callable[[], Any]) -> None:
        super().__init__("restart")
        self.action = action
