"""C functions by name: open-foreign-library, find-foreign-function, call-foreign-function."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any

from ...kernel.memory import NIL
from ...words import FLOAT, STRING, SYMBOL
from ..handles import FOREIGN
from ..registry import builtin

if TYPE_CHECKING:
    from ..lisp import Lisp

RESULTS: dict[str, Any] = {"int32": ctypes.c_int32, "int64": ctypes.c_int64, "double": ctypes.c_double, "string": ctypes.c_char_p, "void": None}


def thing_of(lisp: Lisp, h: int, kind: type, who: str) -> Any:
    found = lisp.handles.thing(h, FOREIGN)
    if not isinstance(found, kind):
        raise lisp.errors.plain(who, h)
    return found


@builtin("open-foreign-library", 1)
def open_foreign_library(lisp: Lisp, name: int) -> int:
    """A shared library, or nil when it cannot be loaded."""
    lisp.reach_out("open-foreign-library")
    if name & 7 not in (STRING, SYMBOL):
        raise lisp.errors.plain("open-foreign-library", name)
    try:
        return lisp.handles.make(FOREIGN, ctypes.CDLL(lisp.machine.text(name)))
    except OSError:
        return NIL


@builtin("find-foreign-function", 2)
def find_foreign_function(lisp: Lisp, name: int, library: int) -> int:
    """A function of a library, or nil when it has none of that name."""
    if name & 7 not in (STRING, SYMBOL):
        raise lisp.errors.plain("find-foreign-function", name)
    try:
        return lisp.handles.make(FOREIGN, thing_of(lisp, library, ctypes.CDLL, "find-foreign-function")[lisp.machine.text(name)])
    except AttributeError:
        return NIL


@builtin("call-foreign-function", 1, -1)
def call_foreign_function(lisp: Lisp, f: int, *arguments: int) -> int:
    """Call a C function with integers (int64), floats (double) and strings (char *).

    The last argument may be a symbol that names the type of the result: int32, int64 (which it is without), double, string or void.
    """
    m = lisp.machine
    function = thing_of(lisp, f, ctypes._CFuncPtr, "call-foreign-function")  # type: ignore[attr-defined]
    result = "int64"
    if arguments and arguments[-1] & 7 == SYMBOL and m.text(arguments[-1]) in RESULTS:
        result, arguments = m.text(arguments[-1]), arguments[:-1]
    values: list[Any] = []
    for a in arguments:
        if m.is_integer(a):
            values.append(ctypes.c_int64(m.number(a)))
        elif a & 7 == FLOAT:
            values.append(ctypes.c_double(m.double(a)))
        elif a & 7 == STRING:
            values.append(ctypes.c_char_p(m.string_bytes(a)))
        else:
            raise lisp.errors.plain("call-foreign-function: an integer, float or string expected", a)
    function.restype = RESULTS[result]
    lisp.output.flush()
    value = function(*values)
    if value is None:
        return NIL
    return m.string(value) if isinstance(value, bytes) else lisp.from_number(value)
