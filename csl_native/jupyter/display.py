"""How a value is shown in a notebook: its text, and beside that a picture or a formula where there is one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..heap.words import CONS, OTHER, STRING
from ..kernel.memory import NIL
from ..lisp.streams import Collector
from ..session.containers import Numbers

if TYPE_CHECKING:
    from ..session.session import Session

HOOK = "display*"  # a variable: the function that says how values are shown
# Pictures, by what their bytes begin with.
PICTURES = {"image/png": b"\x89PNG\r\n\x1a\n", "image/jpeg": b"\xff\xd8\xff", "image/gif": b"GIF8"}
SVG = "image/svg+xml"
Bundle = dict[str, str | bytes]  # what is shown, by its MIME type


def bundle(session: Session, x: int) -> Bundle:
    """All ways in which a value can be shown; where Lisp runs."""
    lisp = session.lisp
    out = Collector(lisp.terminal.width)
    lisp.printer.limited(x, out)
    return {"text/plain": out.text(), **picture(session, x), **hooked(session, x)}


def picture(session: Session, x: int) -> Bundle:
    """A picture that a value is: bytes in a vector, or the text of an SVG."""
    data = contents(session, x)
    if isinstance(data, bytes):
        return {kind: data for kind, begins in PICTURES.items() if data.startswith(begins)}
    text = data.lstrip()[:1000] if data is not None else ""
    return (
        {SVG: data}
        if data is not None and (text.startswith("<svg") or text.startswith("<?xml") and "<svg" in text)
        else {}
    )


def contents(session: Session, x: int) -> str | bytes | None:
    """The text of a string, the bytes of a vector of bytes; None for another value."""
    if x & 7 == STRING:
        return session.machine.text(x)
    if x & 7 == OTHER:
        m = session.machine
        isbytes = isinstance(session.to_python(x), Numbers) and m.field(x, 8 - OTHER) >> 3 == 1
        return m.raw(x)[8:] if isbytes else None
    return None


def hooked(session: Session, x: int) -> Bundle:
    """What the program's own function says: a list of pairs (type . data)."""
    m, lisp = session.machine, session.lisp
    hook = m.value(m.intern(HOOK))
    if hook in (None, NIL):
        return {}
    found: Bundle = {}
    assert hook is not None
    with m.scope() as scope:
        for row in m.items(scope.keep(lisp.apply(hook, [x]))):
            kind, data = (
                (contents(session, m.car(row)), contents(session, m.cdr(row))) if row & 7 == CONS else (None, None)
            )
            if not isinstance(kind, str) or data is None:
                raise lisp.errors.plain(
                    f"{HOOK}: a list of pairs (TYPE . DATA) expected, of strings and vectors of bytes, not", row
                )
            found[kind] = data
    return found


__all__ = ["Bundle", "bundle"]
