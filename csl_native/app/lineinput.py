"""Forms from somebody at a terminal: edited as a whole, remembered, completed; ``?`` asks about names.

With prompt_toolkit an open form goes on in the next line of the editor, and is read when it is complete.  Without it
lines are edited by readline, where Python has that.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from glob import glob
from typing import TYPE_CHECKING

from csl_native import __version__

from ..builtins.asking import ENDS, HELP, NAMED, described, existing, names_beginning, names_with, plain
from ..lisp.reader import PREFIXES, TOKEN
from .breaks import Breaks

if TYPE_CHECKING:
    from ..lisp.streams import Input
    from .toplevel import TopLevel

GO_ON = "... "
LINES = 5000  # that are remembered
BANNER = f"csl-native {__version__}; ? or (help) helps, Control-D ends"


class Shape:
    """How a text looks to the reader: forms that are open at its end, and parentheses that close nothing."""

    def __init__(self, text: str) -> None:
        self.depth = self.extra = 0
        self.string = False
        at, after = 0, False
        while at < len(text):
            match = TOKEN.match(text, at)
            assert match is not None
            at, token, kind = match.end(), match.group(), match.lastgroup
            if kind == "blank":
                continue
            if token == '"' and kind == "char":
                self.string = True
                break
            after = kind == "char" and token in PREFIXES
            if kind == "char" and token in "([":
                self.depth += 1
            elif kind == "char" and token in ")]":
                self.extra += self.depth == 0
                self.depth = max(0, self.depth - 1)
        self.open = self.depth > 0 or self.string or after


class Terminal:
    """Gives a stream its lines; called when it needs one."""

    def __init__(self, top: TopLevel, stream: Input) -> None:
        self.top, self.stream = top, stream
        self.begun = ""  # what was given of a form that is open
        self.asked = False  # was the end of the input asked for in an open form?
        self.line = self._editor() or self._plain()
        if not top.options.quiet:
            self.say(BANNER)

    def say(self, text: str) -> None:
        self.top.session.lisp.output.flush()
        print(text, flush=True)

    def __call__(self) -> bytes:
        lisp = self.top.session.lisp
        lisp.output.flush()
        while True:
            try:
                text = self.line(GO_ON if self.begun else lisp.prompt) + "\n"
                if self.top.session.machine.interrupted:  # while the line was waited for, on another thread
                    self.top.session.machine.interrupted = False
                    raise KeyboardInterrupt
            except KeyboardInterrupt:
                if self.begun or self.stream.shown >= 0 and self.stream.buffer[self.stream.at:].strip():
                    self.begun = ""
                    self.stream.at = len(self.stream.buffer)
                    raise lisp.errors.signal() from None
                continue
            except EOFError:
                if self.begun and not self.asked:
                    self.asked = True
                    self.say("csl: a form is open; Control-D again ends csl, Control-C drops the form")
                    continue
                self.begun, self.asked = "", False
                return b""
            self.asked = False
            if not self.begun and text.startswith("?"):
                self.say(self.answer(text.strip()))
                continue
            shape = Shape(self.begun + text)
            if shape.extra:
                self.say(f"csl: {shape.extra} ) too many, ignored")
            self.begun = self.begun + text if shape.open else ""
            return text.encode("utf-8", "surrogateescape")

    # -- how lines are edited -------------------------------------------------------------

    def _editor(self) -> Callable[[str], str] | None:
        """Whole forms by prompt_toolkit; None where that is not installed."""
        try:
            from .editor import editor
        except ImportError:
            return None
        return editor(self, history_file("history"))

    def _plain(self) -> Callable[[str], str]:
        """Lines by readline, which input() edits with; alone where Python has none."""
        try:
            import readline
        except ImportError:
            return input
        path = history_file("lines")  # the editor's has another form
        if path:
            with contextlib.suppress(OSError):
                readline.read_history_file(path)
                readline.set_history_length(LINES)
                readline.write_history_file(path)
        found: list[str] = []

        def complete(text: str, state: int) -> str | None:
            if state == 0:
                before = self.begun + readline.get_line_buffer()[:readline.get_begidx()]
                found[:] = glob(text + "*") if Shape(before).string else self.names(text) if text else []
            return found[state] if state < len(found) else None

        def line(prompt: str) -> str:
            count = readline.get_current_history_length()
            text = input(prompt)
            if path and readline.get_current_history_length() > count:
                with contextlib.suppress(OSError):
                    readline.append_history_file(1, path)  # now, because csl may end in many ways
            return text
        readline.set_completer(complete)
        readline.set_completer_delims(ENDS)
        readline.parse_and_bind("bind ^I rl_complete" if "libedit" in (readline.__doc__ or "") else "tab: complete")
        return line

    # -- names ----------------------------------------------------------------------------

    def names(self, start: str) -> list[str]:
        """Names of functions and variables that begin so."""
        return names_beginning(self.top.session.lisp, start)

    def answer(self, text: str) -> str:
        """What ? and ?? say."""
        lisp = self.top.session.lisp
        if text == "?":
            return HELP
        if text.startswith("??"):
            wanted = plain(text[2:])
            found = names_with(lisp, wanted)
            more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
            return " ".join(found[:NAMED]) + more or f"no name has {wanted} in it"
        name = plain(text[1:])
        symbol = existing(lisp, name)
        if symbol is None:
            return f"{name} is not known; ??{name[:3]} looks for names with {name[:3]} in them"
        return "\n".join(described(lisp, symbol)) or f"{name} has no function and no value"


def interactive(top: TopLevel, stream: Input) -> None:
    """Let somebody at a terminal type what the stream gives, and look around where an error was."""
    top.session.lisp.breaks = Breaks(top.session.lisp)
    stream.prompt, stream.typed = Terminal(top, stream), True


def history_file(name: str) -> str | None:
    """Where lines are remembered; None where that cannot be."""
    folder = os.path.join(os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state"), "csl-native")
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        path = os.path.join(folder, name)
        with open(path, "ab"):
            return path
    except OSError:
        return None


__all__ = ["Shape", "Terminal", "interactive"]
