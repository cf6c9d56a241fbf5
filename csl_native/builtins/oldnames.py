"""Functions of the original that few programs use: times, characters that are put back."""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING

from ..kernel.memory import NIL
from ..lisp.registry import Checked, Symbol, Value, builtin
from ..lisp.streams import EOF_CHAR
from ..system.process import is_terminal
from .reading import channel

if TYPE_CHECKING:
    from ..lisp.lisp import Lisp


# -- times ---------------------------------------------------------------------------


@builtin("walltime", 0)
def walltime(lisp: Lisp) -> int:
    """Milliseconds since 1970.  (fixp (walltime)) => t"""
    return int(time.time() * 1000) << 3


@builtin("time*", 0)
def time_star(lisp: Lisp) -> int:
    """The processor's time so far, in milliseconds, as a float.  (floatp (time!*)) => t"""
    return lisp.machine.float((time.process_time() - lisp.started) * 1000)


@builtin("batchp", 0)
def batchp(lisp: Lisp) -> int:
    """Does nobody sit before the standard input?  (memq (batchp) '(t nil)) is not run: it depends on the terminal"""
    return lisp.truth(not is_terminal(sys.stdin))


@builtin("user-homedir-pathname", 0, reaches=True)
def user_homedir_pathname(lisp: Lisp) -> int:
    """The home folder of the user.  (stringp (user!-homedir!-pathname)) => t"""
    return lisp.machine.string(os.path.expanduser("~"))


# -- symbols -------------------------------------------------------------------------


@builtin("show-stack", 0, 2)
def show_stack(lisp: Lisp, first: Value = NIL, last: Value = NIL) -> int:
    """Print the functions that are running, as `backtrace` does; nil.  (show!-stack) => nil"""
    lisp.errors.running()
    return NIL


@builtin("validate-package", 0, 1)
def validate_package(lisp: Lisp, package: Value = NIL) -> int:
    """Nil: there are no packages.  (validate!-package) => nil"""
    return NIL


@builtin("symbol-package", 1)
def symbol_package(lisp: Lisp, name: Symbol) -> int:
    """nil: there are no packages.  (symbol!-package 'car) => nil"""
    return NIL


@builtin("symbol-fn-cell", 1)
def symbol_fn_cell(lisp: Lisp, name: Symbol) -> int:
    """The function of a symbol, as a value to call; nil for none.  (symbol!-fn!-cell 'car) => car"""
    return name if lisp.is_defined(name) else NIL


# -- reading -------------------------------------------------------------------------


@builtin("unreadch", 1, 2)
def unreadch(lisp: Lisp, c: Symbol, h: Checked = NIL) -> int:
    """Put a character back, so that it is read next; the character.
    (prog (s) (setq s (make!-string!-input!-stream "b")) (unreadch 'a s) (return (read s))) => ab
    """
    stream = lisp.input if h == NIL else channel(lisp, h, "unreadch")
    text = lisp.machine.text(c)
    if text != EOF_CHAR:
        at = stream.position
        stream.buffer = stream.buffer[:at] + text[:1] + stream.buffer[at:]
    return c

