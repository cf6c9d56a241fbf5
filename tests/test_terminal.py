"""The prompt on a terminal: whole forms, history, completion, what ? says, ends and interrupts."""

from __future__ import annotations

import importlib.util
import os
import re
import signal
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from csl_native import Session
from csl_native.app.lineinput import Shape, Terminal
from csl_native.builtins.asking import last_word

pty = pytest.importorskip("pty")
EDITOR = importlib.util.find_spec("prompt_toolkit") is not None


@pytest.mark.parametrize("text, is_open, extra", [
    ("(plus 1 2)", False, 0), ("(plus 1", True, 0), ("(a (b)\n", True, 0), ("'", True, 0), ("'a", False, 0),
    ("\"text", True, 0), ("\"a\"\"b\"", False, 0),
    ("(a))) (b)", False, 2), ("!( ", False, 0), ("% (comment\n", False, 0), ("(a % )\n", True, 0), ("[1 2", True, 0),
    ("", False, 0)])
def test_the_shape_of_a_text(text: str, is_open: bool, extra: int) -> None:
    shape = Shape(text)
    assert (shape.open, shape.extra) == (is_open, extra)


@pytest.fixture
def terminal(native: Session, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Terminal:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr(Terminal, "_editor", lambda self: None)
    return Terminal(SimpleNamespace(session=native, options=SimpleNamespace(quiet=True)),
                    None)  # type: ignore[arg-type]


def test_what_is_said_of_names(terminal: Terminal, native: Session) -> None:
    native.eval("(progn (de area (width &optional height) \"Of a rectangle.\" (times width (or height width))) "
                "(setq size 5) (dm m (x) x))")
    assert terminal.answer("?area") == "(area width &optional height)  function\n  Of a rectangle."
    assert (terminal.answer("?size") == "size = 5" and "(m x" in terminal.answer("?m")
            and "macro" in terminal.answer("?m"))
    assert (terminal.answer("?vm-registers") == terminal.answer("?vm!-registers")
            and "fields" in terminal.answer("?vm-registers"))
    assert "is not known" in terminal.answer("?zzz")
    assert "mapcar" in terminal.answer("??mapc") and "no name has zzz in it" in terminal.answer("??zzz")
    assert "Control-C" in terminal.answer("?")
    native.eval("(progn (setq ring (list 1)) (rplacd ring ring) nil)")
    assert terminal.answer("?ring").endswith("...")


def test_names_that_are_completed(terminal: Terminal) -> None:
    assert terminal.names("mapca") == ["mapcan", "mapcar"] and "symbol!-name" in terminal.names("symbol!-n")
    texts = ("(car", "(symbol!-na", "'abc", "(f ", "(a!(b")
    assert [last_word(text) for text in texts] == ["car", "symbol!-na", "abc", "", "a!(b"]


def talk(folder: Path, steps: list[tuple[bytes, bytes]], *options: str, blocked: str = "") -> str:
    """What a terminal shows of csl, when each text is typed after another one was seen (the editor sends only what
    changes on the screen).
    """
    import select
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm", XDG_STATE_HOME=str(folder), COLUMNS="100", LINES="30",
                          PROMPT_TOOLKIT_NO_CPR="1")
        os.chdir(folder)
        block = f"import sys; sys.modules[{blocked!r}] = None; " if blocked else "import sys; "
        os.execv(sys.executable, [sys.executable, "-c", f"{block}sys.argv[1:] = {list(options)!r}; from "
                                                        "csl_native.app.cli import program; program()"])
    seen, mark, deadline, sent = b"", 0, time.monotonic() + 60, 0
    while True:
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
        if select.select([fd], [], [], 0.3)[0]:
            try:
                data = os.read(fd, 4096)
            except OSError:  # it has ended
                break
            if not data:
                break
            seen += data
            continue  # until it waits, when the terminal is as the editor wants it
        if sent < len(steps) and (found := re.compile(steps[sent][0]).search(seen, mark)):
            mark = found.end()
            os.write(fd, steps[sent][1])
            sent += 1
    _, status = os.waitpid(pid, 0)
    assert sent == len(steps) and os.waitstatus_to_exitcode(status) == 0, seen
    return seen.decode("utf-8", "replace")


@pytest.mark.parametrize("blocked", ["prompt_toolkit", ""] if EDITOR else ["prompt_toolkit"],
                         ids=lambda b: "plain" if b else "editor")
def test_a_form_goes_on_in_the_next_line(tmp_path: Path, blocked: str) -> None:
    shown = talk(tmp_path, [(rb"helps", b"(plus 1\r"), (rb"\.\.\.", b"41)\r"), (b"42", b"(list 1)))\r"),
                            (rb"2 \) too many", b"?explode\r"),
                            (b"function", b"(de g () (h))\r"), (b">", b"(g)\r"),
                            (b"undefined function", b""), (rb"break 1>", b"\x04"), (b">", b"\x04")], blocked=blocked)
    assert "42" in shown and "(explode " in shown


@pytest.mark.skipif(not EDITOR, reason="no prompt_toolkit")
def test_what_is_typed_is_edited_and_remembered(tmp_path: Path) -> None:
    shown = talk(tmp_path, [(rb"helps", b"(times 6 7\x03"),
                            (b">", b"(symbol!-nam\t"),
                            (rb"symbol!-name|\[0me", b" 'abc)\r"), (b"abc\"", b"(list 'once)\r"), (rb"\(once\)", b""),
                            (b">", b"\x04")])
    assert "42" not in shown
    again = talk(tmp_path, [(rb"helps", b"\x1b[A\r"), (rb"\(once\)", b""), (b">", b"\x04")])
    assert "(list 'once)" in (tmp_path / "csl-native" / "history").read_text() and "(once)" in again


def test_lines_of_readline_are_completed_and_remembered(tmp_path: Path) -> None:
    pytest.importorskip("readline")
    first = talk(tmp_path, [(b"helps", b"(symbol!-na\t'abc)\r"), (b"abc\"", b""), (b"> ", b"\x04")],
                 blocked="prompt_toolkit")
    assert "(symbol!-name" in first
    assert (tmp_path / "csl-native" / "lines").read_text().splitlines()[-1].startswith("(symbol!-name")
    again = talk(tmp_path, [(b"helps", b"\x1b[A\r"), (b"abc\"", b""), (b"> ", b"\x04")], blocked="prompt_toolkit")
    assert "(symbol!-name" in again
