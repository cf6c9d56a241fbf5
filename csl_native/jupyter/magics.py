"""``%load_ext csl_native``: Lisp in a notebook of Python, in one session for all cells."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ..app.cli import JIT
from ..session.session import Session
from ..system.exceptions import LispError
from .cells import Stream

if TYPE_CHECKING:
    from ..session.session import Session

_shared: list[Session] = []


def session() -> Session:
    """The session of ``%csl`` and ``%%csl``; it begins when it is used first, or when the last one was closed."""

    if not _shared or _shared[0].closed:
        _shared[:] = [
            Session(
                output=Stream(lambda text: sys.stdout.write(text)),
                errors=Stream(lambda text: sys.stderr.write(text)),
                jit=JIT,
            )
        ]
    return _shared[0]


def evaluated(text: str) -> Any:
    """The value of the last form, as Python has it, when what was printed is out."""
    try:
        return session().eval(text)
    finally:
        session().flush()


def line_magic(line: str) -> Any:
    """%csl FORM: the value of a form of Lisp, as Python has it (docs/python.md has the table)."""
    return told(line)


def cell_magic(variables: dict[str, Any], line: str, cell: str) -> Any:
    """The value of a cell, or None when it goes into a variable."""
    name = line.strip()
    if name and not name.isidentifier():
        print(f"%%csl {name}: the name of a Python variable expected, for the value of the last form", file=sys.stderr)
        return None
    value = told(cell)
    if not name:
        return value
    variables[name] = value
    return None


def told(text: str) -> Any:
    """The value of a text.  IPython shows the message of an error alone, and no lines of Python."""
    try:
        return evaluated(text)
    except LispError as error:
        lines = str(error).splitlines()
        error._render_traceback_ = lambda: lines  # type: ignore[attr-defined]
        raise


def load_ipython_extension(shell: Any) -> None:
    """Called by IPython."""
    from IPython.core.magic import no_var_expand

    def csl(line: str, cell: str) -> Any:
        """%%csl [NAME]: evaluate the forms of the cell.

        The value of the last one is the cell's, or goes into the Python variable NAME.
        """
        return cell_magic(shell.user_ns, line, cell)

    shell.register_magic_function(no_var_expand(line_magic), "line", "csl")
    shell.register_magic_function(csl, "cell", "csl")


__all__ = ["load_ipython_extension", "session"]
