"""Lines of a terminal by prompt_toolkit, which must be installed: whole forms, their history, and names completed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from prompt_toolkit import PromptSession
from prompt_toolkit.application import run_in_terminal
from prompt_toolkit.completion import Completer, Completion, PathCompleter
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition
from prompt_toolkit.history import FileHistory, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings
from prompt_toolkit.layout.processors import HighlightMatchingBracketProcessor
from prompt_toolkit.output import ColorDepth

from ..builtins.asking import last_word
from .lineinput import GO_ON, Shape

if TYPE_CHECKING:
    from .lineinput import Terminal


class Names(Completer):
    """Names of the session of a terminal; those of files in a string."""

    def __init__(self, terminal: Terminal) -> None:
        self.terminal = terminal

    def get_completions(self, document: Document, complete_event: Any) -> Iterator[Completion]:
        before = document.text_before_cursor
        if Shape(before).string:
            name = before.rpartition('"')[2]
            yield from PathCompleter(expanduser=True).get_completions(Document(name, len(name)), complete_event)
            return
        word = last_word(before)
        for name in self.terminal.names(word):
            yield Completion(name, -len(word))


def editor(terminal: Terminal, history: str | None) -> Callable[[str], str]:
    """What reads a line behind a prompt; ``history``: the file that remembers them."""
    keys = KeyBindings()

    @keys.add("c-d", filter=Condition(lambda: bool(session.default_buffer.text)))
    def ask(event: Any) -> None:
        """Control-D in a form."""
        run_in_terminal(lambda: print("csl: a form is open; Control-C drops it"))
    session: Any = PromptSession(
        history=FileHistory(history) if history else InMemoryHistory(), completer=Names(terminal),
        complete_while_typing=False, key_bindings=keys,
        multiline=Condition(lambda: Shape(terminal.begun + session.default_buffer.text).open),
        prompt_continuation=lambda *_: GO_ON,
        input_processors=[HighlightMatchingBracketProcessor()],
        color_depth=ColorDepth.DEPTH_1_BIT if os.environ.get("NO_COLOR") else None)
    return lambda prompt: str(session.prompt(prompt))
