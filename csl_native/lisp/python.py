"""Python functions that Lisp calls, and what they raise: an exception goes through Lisp as itself, and to an errorset
it is an error.
"""

from __future__ import annotations

from collections.abc import Callable

from ..runtime.machine import Unwinding
from ..runtime.stacks import on_the_caller_s_thread
from .leaving import Restart, Stopped

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .lisp import Lisp


class Exit(BaseException):
    """A throw, or the end of a limit, whose destination lies behind Python code: it goes through that as an exception.

    ``tag`` and ``value`` are handles.
    """

    def __init__(self, kind: int, tag: Any, value: Any) -> None:
        super().__init__("Lisp is leaving this Python function")
        self.kind, self.tag, self.value = kind, tag, value


def call_python(lisp: Lisp, function: Callable[..., Any], arguments: list[int]) -> int:
    """The Lisp value of a Python function's; it runs on the thread that called Lisp."""
    session = lisp.session
    values = [session.to_python(word) for word in lisp.machine.steps(arguments)]
    try:
        value = on_the_caller_s_thread(lambda: lisp.machine.outside(function, *values))
        return int(session.from_python(value))
    except Unwinding:  # the conversion was ended
        raise
    except BaseException as error:
        raised = error
    try:
        raise as_unwinding(lisp, raised)
    finally:
        del raised  # which knows this frame


def shown(lisp: Lisp, thing: Any) -> str:
    """How Python shows one of its objects; one that it cannot show is no error of whoever prints it."""
    try:
        return str(on_the_caller_s_thread(lambda: lisp.machine.outside(repr, thing)))
    except Exception as error:
        return f"{type(thing).__name__} that cannot be shown: {type(error).__name__}"
    except BaseException as error:
        raise as_unwinding(lisp, error) from None


def as_unwinding(lisp: Lisp, error: BaseException) -> Unwinding:
    """What leaves Lisp for an exception of Python code that it called."""
    if isinstance(error, Exit):
        cage = lisp.machine.cage
        cage["unwind_kind"], cage["unwind_tag"], cage["unwind_value"] = error.kind, error.tag.word, error.value.word
        return Unwinding()
    if isinstance(error, Stopped):
        lisp.stop(error.code)
        return Unwinding()
    if isinstance(error, Restart) or not isinstance(error, Exception):
        return lisp.leave(error)
    return lisp.errors.python(error)
