"""Lisp functions as objects of Python, and calls that are waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable

from ..heap.objects import F_SPECIAL, SYM_ENV, SYM_SPARE
from ..heap.words import CONS, STRING, SYMBOL, VECTOR

TYPE_CHECKING = False
if TYPE_CHECKING:  # Python's own modules, too, take long to import
    import inspect
    from typing import Any

    from ..lisp.limits import Limits
    from ..lisp.meanings import Meaning
    from .session import Session


class Function:
    """A Lisp function by its name: what is called is the definition that the name has then."""

    def __init__(self, session: Session, name: str, symbol: int) -> None:
        self.session, self._symbol = session, symbol
        self.__name__ = self.__qualname__ = name

    def __call__(self, *arguments: Any, limits: Limits | None = None) -> Any:
        return self.session._call(self._symbol,
                                  arguments) if limits is None else self.session._limited(
                                      self._symbol, arguments, limits)

    def __repr__(self) -> str:
        return f"<Lisp function {self.__name__}>"

    @property
    def __signature__(self) -> inspect.Signature:
        """The parameters, by their names where the source is kept."""
        import inspect
        names, least, rest = self.session.run(lambda: parameters(self.session, self._symbol))
        kind = inspect.Parameter.POSITIONAL_ONLY
        rows = [inspect.Parameter(identifier(name, k), kind, default=inspect.Parameter.empty if k < least else None)
                for k, name in enumerate(names)]
        return inspect.Signature([*rows,
                                  *([inspect.Parameter("rest", inspect.Parameter.VAR_POSITIONAL)] if rest else [])])


Function.__doc__ = property(
    lambda self: self.session.run(lambda: documentation(self.session, self._symbol)))  # type: ignore[assignment]


def identifier(name: str, place: int) -> str:
    """A parameter's name in Python, with a number behind it, because names that differ in Lisp may not do so here."""
    plain = "".join(c if c.isalnum() else "_" for c in name)
    return (plain if plain == name and plain.isidentifier()
            else f"{plain if plain[:1].isalpha() else 'argument'}_{place + 1}")


def parameters(session: Session, symbol: int) -> tuple[list[str], int, bool]:
    """Names of a function's parameters, how many of them are needed, and whether more may follow; in the session."""
    m, lisp = session.machine, session.lisp
    if not lisp.is_defined(symbol):
        raise ValueError(f"{m.text(symbol)} is no function of this session")
    source, env = m.field(symbol, SYM_SPARE), m.field(symbol, SYM_ENV)
    names = []
    if source & 7 == CONS and m.cdr(source) & 7 == CONS:
        for x in m.items(m.car(m.cdr(source))):
            x = m.car(x) if x & 7 == CONS else x  # an optional one with its value
            if x & 7 == SYMBOL and not m.text(x).startswith("&"):
                names.append(m.text(x))
    if env & 7 == VECTOR:
        least, most, rest = m.raw(m.field(env, 8 - VECTOR))[:3]
    elif source & 7 == 0 and source < 0:
        least, most, rest = -(source >> 3) - 1, -(source >> 3) - 1, 0
    else:
        row = lisp.builtins.get(source >> 3)
        least, most, rest = row.least, max(row.most, row.least), int(row.most < 0)
        code = getattr(row.function, "__wrapped__", row.function).__code__
        names = list(code.co_varnames[1:code.co_argcount])
    return (names + [f"argument{k + 1}"
                     for k in range(most)])[:most] if len(names) < most else names[:most], least, bool(rest)


def documentation(session: Session, symbol: int) -> str | None:
    """The text that a definition begins with, when a form follows it; of a system function what its source says."""
    m = session.machine
    source = m.field(symbol, SYM_SPARE)
    if source & 7 == CONS:
        body = list(m.items(m.cdr(source)))[1:]
        return m.text(body[0]) if len(body) > 1 and body[0] & 7 == STRING else None
    found = system_meaning(session, symbol)
    return found.text if found is not None else None


def system_meaning(session: Session, symbol: int) -> Meaning | None:
    """What is known of a symbol's function or special form, as long as it is the one of the system."""
    from ..lisp.meanings import meaning_of
    m, lisp = session.machine, session.lisp
    found = meaning_of(m.text(symbol))
    if found is None or found.kind == "special form":
        return found if found is not None and (m.flags(symbol) & F_SPECIAL or not lisp.is_defined(symbol)) else None
    compiled = found.place.startswith("lisp/library/")
    mine = (lisp.is_bytecoded(symbol) and m.field(symbol, SYM_SPARE) & 7 != CONS if compiled
            else m.field(symbol, SYM_ENV) == symbol)
    return found if mine and lisp.is_defined(symbol) else None


class Waiting:
    """A call in a thread of its own; when whoever waits for it is cancelled it is interrupted, and nothing else is."""

    def __init__(self, session: Session, function: Callable[[], Any]) -> None:
        self.session, self.function = session, function
        self.guard = threading.Lock()
        self.running = self.cancelled = False

    def run(self) -> Any:
        with self.session.lock:
            with self.guard:
                if self.cancelled:
                    return None
                self.running = True
            try:
                return self.function()
            finally:
                with self.guard:
                    self.running = False

    def cancel(self) -> None:
        with self.guard:
            self.cancelled = True
            if self.running:
                self.session.interrupt()

    async def result(self) -> Any:
        import asyncio
        task = asyncio.ensure_future(asyncio.to_thread(self.run))
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            self.cancel()
            await asyncio.wait([task])
            task.exception()  # the interrupt is no news
            raise

