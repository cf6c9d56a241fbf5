"""The kernel: Jupyter's messages on one side, cells on the other.

Lisp runs on the main thread, where the interrupt of a notebook is a SIGINT.
"""

from __future__ import annotations

import base64
from typing import Any

from ipykernel.kernelbase import Kernel
from traitlets import Unicode

from csl_native import __version__

from ..app.lineinput import Shape
from ..system.exceptions import LispError
from .cells import Cells, report
from .display import Bundle

ENDS = "()[]'`,\" \t\n"  # of the name under the cursor


class LispKernel(Kernel):  # type: ignore[misc]  # ipykernel is looked at by mypy nowhere
    """What Jupyter talks to."""

    implementation, implementation_version = "csl-native", __version__
    banner = f"csl-native {__version__}, a Standard Lisp"
    language_info = {
        "name": "standard-lisp",
        "version": __version__,
        "mimetype": "text/x-common-lisp",
        "file_extension": ".lsp",
        "pygments_lexer": "csl",
        "codemirror_mode": "commonlisp",
    }
    image = Unicode("", help="The image that the session begins from; empty for the base image.").tag(config=True)

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.silent = False
        self.cells = Cells(self.write, self.show, self.ask, self.image or None)

    # -- what a cell does ------------------------------------------------------------------

    def write(self, stream: str, text: str) -> None:
        if not self.silent:
            self.send_response(self.iopub_socket, "stream", {"name": stream, "text": text})

    def show(self, what: Bundle) -> None:
        if not self.silent:
            self.send_response(self.iopub_socket, "display_data", {"data": written(what), "metadata": {}})

    def ask(self, prompt: str) -> str | None:
        try:
            return str(self.raw_input(prompt)) if self._allow_stdin else None
        except EOFError:
            return None

    async def do_execute(
        self,
        code: str,
        silent: bool,
        store_history: bool = True,
        user_expressions: Any = None,
        allow_stdin: bool = False,
        *,
        cell_meta: Any = None,
        cell_id: Any = None,
    ) -> dict[str, Any]:
        self.silent, self._allow_stdin = silent, allow_stdin
        try:
            what = self.cells.evaluate(code)
        except LispError as error:
            return self.failed("LispError", *report(error))
        except KeyboardInterrupt:
            return self.failed("KeyboardInterrupt", "", ["Interrupted"])
        except Exception as error:  # of a Python function that Lisp called, or a stop
            return self.failed(type(error).__name__, str(error), [f"{type(error).__name__}: {error}"])
        if what is not None and not silent:
            self.send_response(
                self.iopub_socket,
                "execute_result",
                {"execution_count": self.execution_count, "data": written(what), "metadata": {}},
            )
        return {
            "status": "ok",
            "execution_count": self.execution_count,
            "payload": [],
            "user_expressions": {name: self.expression(text) for name, text in (user_expressions or {}).items()},
        }

    def failed(self, name: str, text: str, lines: list[str]) -> dict[str, Any]:
        said = {"ename": name, "evalue": text, "traceback": lines}
        if not self.silent:
            self.send_response(self.iopub_socket, "error", said)
        return {"status": "error", "execution_count": self.execution_count, **said}

    def expression(self, text: str) -> dict[str, Any]:
        """One of the forms whose values are wanted beside the cell's."""
        try:
            return {"status": "ok", "data": written(self.cells.evaluate(text) or {}), "metadata": {}}
        except LispError as error:
            first, lines = report(error)
            return {"status": "error", "ename": "LispError", "evalue": first, "traceback": lines}

    # -- what is asked ---------------------------------------------------------------------

    async def do_complete(self, code: str, cursor_pos: int) -> dict[str, Any]:
        word, names = self.cells.names(code[:cursor_pos])
        return {
            "status": "ok",
            "matches": names,
            "cursor_start": cursor_pos - len(word),
            "cursor_end": cursor_pos,
            "metadata": {},
        }

    async def do_inspect(
        self, code: str, cursor_pos: int, detail_level: int = 0, omit_sections: Any = ()
    ) -> dict[str, Any]:
        end = cursor_pos
        while end < len(code) and (code[end] not in ENDS or code[end - 1 : end] == "!"):
            end += 1
        text = code[:end].rstrip("()[] \t\n")  # behind a form, and behind its first (, the name is meant
        word = self.cells.names(text)[0]
        about = self.cells.about(word) if word else ""
        return {"status": "ok", "found": bool(about), "data": {"text/plain": about} if about else {}, "metadata": {}}

    async def do_is_complete(self, code: str) -> dict[str, Any]:
        shape = Shape(code)
        if shape.extra:
            return {"status": "invalid"}
        return {"status": "incomplete", "indent": "  " * shape.depth} if shape.open else {"status": "complete"}

    async def do_shutdown(self, restart: bool) -> dict[str, Any]:
        return {"status": "ok", "restart": restart}


def written(what: Bundle) -> dict[str, str]:
    """As it goes over the wire: bytes in base 64."""
    return {kind: base64.b64encode(data).decode() if isinstance(data, bytes) else data for kind, data in what.items()}


__all__ = ["LispKernel"]
