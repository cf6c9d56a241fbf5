"""Notebooks: the kernel as Jupyter talks to it, and %csl in IPython."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("ipykernel", reason="ipykernel is not installed; install csl-native[jupyter]")
pytest.importorskip("nbclient", reason="nbclient is not installed; install csl-native[test]")

from csl_native.jupyter.__main__ import spec

PICTURE = b"\x89PNG\r\n\x1a\nxyz"


def install(folder: Path, *more: str) -> Any:
    command = [sys.executable, "-m", "csl_native.jupyter", "install", "--prefix", str(folder), *more]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client of a kernel that was installed and started as Jupyter does it."""
    from jupyter_client.kernelspec import KernelSpecManager
    from jupyter_client.manager import KernelManager

    folder = tmp_path_factory.mktemp("jupyter")
    assert "jupyter lab offers it" in install(folder).stdout
    manager = KernelManager(
        kernel_name="csl", kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(folder / "share/jupyter/kernels")])
    )
    manager.start_kernel()
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    client.manager = manager
    yield client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


def run(client: Any, code: str, **options: Any) -> tuple[list[tuple[str, Any]], dict[str, Any]]:
    """What a cell shows, in its order, and the reply."""
    seen: list[tuple[str, Any]] = []

    def note(message: dict[str, Any]) -> None:
        kind, content = message["msg_type"], message["content"]
        if kind == "stream":
            seen.append((content["name"], content["text"]))
        elif kind in ("execute_result", "display_data"):
            seen.append((kind, content["data"]))
        elif kind == "error":
            seen.append((kind, content["traceback"]))

    reply = client.execute_interactive(code, output_hook=note, timeout=30, **options)
    return seen, reply["content"]


def test_values_output_and_messages_come_apart(kernel: Any) -> None:
    seen, reply = run(kernel, '(de twice (x) (plus x x))\n(princ "hello") (terpri)\n(twice 21) % the answer')
    assert seen == [("stdout", "hello\n"), ("execute_result", {"text/plain": "42"})] and reply["status"] == "ok"
    assert run(kernel, "(twice 4)")[0] == [("execute_result", {"text/plain": "8"})]  # the session goes on
    assert run(kernel, "(errorset '(car 5) t nil)")[0] == [
        ("stderr", "\n+++ Error attempt to take car of an atom: 5\n"),
        ("execute_result", {"text/plain": "nil"}),
    ]
    assert run(kernel, "  % nothing")[0] == []


def test_errors_are_told_as_such(kernel: Any) -> None:
    seen, reply = run(kernel, "(print 1)\n(twice 'a)\n(print 2)")
    assert seen[0] == ("stdout", "1\n") and [kind for kind, _ in seen] == ["stdout", "error"]
    assert (
        reply["status"] == "error"
        and reply["ename"] == "LispError"
        and reply["evalue"] == "+++ Error: bad arg for plus a a"
    )
    assert "Inside: twice" in seen[1][1] and "plus: a number expected, not the symbol a" in "\n".join(seen[1][1])
    assert "inside of a list (cell, line 2)" in run(kernel, "(list 1\n (f")[1]["evalue"]
    assert "Restart Kernel" in run(kernel, "(stop 3)")[1]["evalue"]
    assert run(kernel, "'well")[0] == [("execute_result", {"text/plain": "well"})]
    assert run(kernel, "(print 3)", silent=True)[0] == []
    assert run(kernel, "7", user_expressions={"a": "(plus 1 2)", "b": "(car 1)"})[1]["user_expressions"] == {
        "a": {"status": "ok", "data": {"text/plain": "3"}, "metadata": {}},
        "b": {
            "status": "error",
            "ename": "LispError",
            "evalue": "+++ Error attempt to take car of an atom: 1",
            "traceback": ["+++ Error attempt to take car of an atom: 1"],
        },
    }


def test_pictures_and_formulas_are_shown(kernel: Any) -> None:
    numbers = " ".join(str(b - 256 if b > 127 else b) for b in PICTURE)
    code = f"(setq v (mkvect8 {len(PICTURE) - 1})) (setq i -1)\n"
    code += f"(mapc '({numbers}) '(lambda (b) (putv8 v (setq i (add1 i)) b))) v"
    data = run(kernel, code)[0][0][1]
    assert base64.b64decode(data["image/png"]) == PICTURE and "text/plain" in data
    assert run(kernel, "\"<svg width='1'></svg>\"")[0][0][1]["image/svg+xml"] == "<svg width='1'></svg>"
    seen, _ = run(
        kernel,
        "(de tex (x) (cond ((eqcar x 'root) '((\"text/latex\" . \"$\\sqrt2$\")))))"
        "(setq display!* 'tex) (display '(root 2)) 'done",
    )
    assert seen == [
        ("display_data", {"text/plain": "(root 2)", "text/latex": "$\\sqrt2$"}),
        ("execute_result", {"text/plain": "done"}),
    ]
    assert run(kernel, '(setq display!* nil) (display "<b>x</b>" "text/html") nil')[0][0] == (
        "display_data",
        {"text/html": "<b>x</b>", "text/plain": "text/html"},
    )
    run(kernel, "(setq display!* '(lambda (x) '(5)))")
    assert "a list of pairs (TYPE . DATA) expected" in run(kernel, "3")[1]["evalue"]
    assert "a list of pairs (TYPE . DATA) expected" in run(kernel, "(progn (display 3) nil)")[1]["evalue"]
    assert run(kernel, "(setq display!* nil)")[1]["status"] == "ok"


def test_names_are_completed_and_explained(kernel: Any) -> None:
    reply = kernel.complete("(list (mapca", 12, reply=True, timeout=20)["content"]
    assert reply["matches"] == ["mapcan", "mapcar"] and (reply["cursor_start"], reply["cursor_end"]) == (7, 12)
    assert "symbol!-name" in kernel.complete("(symbol!-na", reply=True, timeout=20)["content"]["matches"]
    for code, at in (("(mapcar", 7), ("(mapcar l f)", 4), ("(mapcar(", 8)):
        about = kernel.inspect(code, at, reply=True, timeout=20)["content"]
        assert about["found"] and about["data"]["text/plain"].startswith("(mapcar l f)  function")
    assert not kernel.inspect("(zzz", 4, reply=True, timeout=20)["content"]["found"]
    states = {
        "(list 1": "incomplete",
        "(list 1)": "complete",
        "'": "incomplete",
        "(a))": "invalid",
        '"text': "incomplete",
    }
    for code, state in states.items():
        kernel.is_complete(code)
        assert kernel.get_shell_msg(timeout=20)["content"]["status"] == state


def test_a_cell_is_interrupted(kernel: Any) -> None:
    import threading

    threading.Timer(0.5, kernel.manager.interrupt_kernel).start()
    began = time.monotonic()
    _, reply = run(kernel, "(prog () l (go l))")
    assert reply["status"] == "error" and reply["ename"] == "KeyboardInterrupt" and time.monotonic() - began < 10
    assert run(kernel, "(plus 1 2)")[0] == [("execute_result", {"text/plain": "3"})]


def test_input_is_asked_for(kernel: Any) -> None:
    asked: list[str] = []

    def answer(message: dict[str, Any]) -> None:
        asked.append(message["content"]["prompt"])
        kernel.input("(some datum) more")

    seen, _ = run(kernel, "(print 1) (list (read))", allow_stdin=True, stdin_hook=answer)
    assert seen == [("stdout", "1\n"), ("execute_result", {"text/plain": "((some datum))"})] and len(asked) == 1
    assert run(kernel, "(list (read) 2) '(3 4)")[0] == [
        ("execute_result", {"text/plain": "((quote (3 4)) 2)"})
    ]  # first what the cell has


def test_a_notebook_runs(kernel: Any) -> None:
    nbformat = pytest.importorskip("nbformat")
    from nbclient import NotebookClient

    cells = [nbformat.v4.new_code_cell(text) for text in ("(de sq (x) (times x x))", "(sq 12)")]
    notebook = nbformat.v4.new_notebook(cells=cells)
    client = NotebookClient(notebook, km=kernel.manager, timeout=30)
    client.kc = None
    with client.setup_kernel(cleanup_kc=True):
        for k, cell in enumerate(notebook.cells):
            client.execute_cell(cell, k)
    assert notebook.cells[1].outputs[0]["data"] == {"text/plain": "144"}


def test_what_is_installed(tmp_path: Path) -> None:
    assert (
        install(tmp_path, "--name", "mine", "--title", "My Lisp", "--image", str(tmp_path / "no.img")).returncode == 2
    )
    (tmp_path / "a.img").write_bytes(b"")
    assert install(tmp_path, "--name", "mine", "--title", "My Lisp", "--image", str(tmp_path / "a.img")).returncode == 0
    found = json.loads((tmp_path / "share/jupyter/kernels/mine/kernel.json").read_text())
    assert (
        found == spec(str(tmp_path / "a.img"), "My Lisp")
        and found["argv"][-1] == f"--LispKernel.image={tmp_path / 'a.img'}"
    )


def test_the_magics_of_ipython(capsys: pytest.CaptureFixture[str]) -> None:
    from IPython.core.interactiveshell import InteractiveShell

    from csl_native.jupyter import session

    shell = InteractiveShell()
    shell.run_line_magic("load_ext", "csl_native")
    assert shell.run_cell("%csl (plus 1 2)").result == 3
    assert shell.run_cell('%%csl\n(de add2 (x) (plus x 2))\n(print \'here)\n(list (add2 1) "two")').result == [3, "two"]
    assert "here\n" in capsys.readouterr().out
    shell.run_cell("%%csl row\n'(1 . 2)")
    assert shell.user_ns["row"] == (1, 2)
    session().variables["x"] = [1, {"key": 2}]
    assert shell.run_cell('y = %csl (gethash "key" (cadr x))').success and shell.user_ns["y"] == 2
    assert shell.run_cell('%csl (list "{row}" \'$x)').result[0] == "{row}"  # nothing is put into Lisp text
    capsys.readouterr()
    failed = shell.run_cell("%csl (car 5)")
    shown = capsys.readouterr()
    assert (
        type(failed.error_in_exec).__name__ == "LispError"
        and "car of an atom: 5" in shown.out + shown.err
        and "Traceback" not in shown.out
    )
    assert shell.run_cell("%%csl a b\n1").result is None and "name of a Python variable" in capsys.readouterr().err
    session().close()
    assert shell.run_cell("%csl (plus 1 2)").result == 3  # a new one
    session().close()
