"""The language server: as an editor talks to it, and what it says of programs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from csl_native import __version__
from csl_native.lsp.server import Document, problems

ROOT = Path(__file__).parent.parent
PROGRAM = """(de area (w &optional h)
  "Of a rectangle."
  (times w (or h w)))
% ü 𝒳
(list "𝒳" (area 1) (symbol!-name 'a))
"""


class Editor:
    """A client: sends requests, and reads until the answer comes."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "csl_native.lsp", "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
        )
        self.number, self.told = 0, dict[str, Any]()
        self.ask("initialize", rootUri=folder.as_uri(), capabilities={})
        self.send("initialized", {})

    def send(self, method: str, params: Any, **more: Any) -> None:
        data = json.dumps({"jsonrpc": "2.0", "method": method, "params": params, **more}).encode()
        self.write(b"Content-Type: x\r\ncontent-length: %d\r\n\r\n" % len(data) + data)

    def write(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def receive(self) -> Any:
        assert self.process.stdout is not None
        length = int(self.process.stdout.readline().partition(b":")[2])
        assert self.process.stdout.readline() == b"\r\n"
        message = json.loads(self.process.stdout.read(length))
        if message.get("method") == "textDocument/publishDiagnostics":
            self.told[message["params"]["uri"]] = message["params"]["diagnostics"]
        return message

    def ask(self, method: str, **params: Any) -> Any:
        self.number += 1
        self.send(method, params, id=self.number)
        while (message := self.receive()).get("id") != self.number:
            pass
        return message.get("result", message.get("error"))

    def at(self, method: str, uri: str, line: int, character: int) -> Any:
        return self.ask(
            f"textDocument/{method}", textDocument={"uri": uri}, position={"line": line, "character": character}
        )


@pytest.fixture(scope="module")
def editor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Editor, str, str]]:
    folder = tmp_path_factory.mktemp("a folder")
    (folder / "other.lsp").write_text('(de helper (a b) "From elsewhere." (cons a b))\n(fluid \'(speed))\n')
    (folder / "mine.lsp").write_text(PROGRAM)
    client = Editor(folder)
    uri = (folder / "mine.lsp").as_uri()
    client.send(
        "textDocument/didOpen", {"textDocument": {"uri": uri, "text": PROGRAM, "languageId": "lisp", "version": 1}}
    )
    yield client, uri, (folder / "other.lsp").as_uri()
    client.ask("shutdown")
    client.send("exit", {})
    assert client.process.wait(timeout=20) == 0


def test_names_are_completed_with_what_they_mean(editor: tuple[Editor, str, str]) -> None:
    client, uri, _ = editor
    rows = {row["label"]: row for row in client.at("completion", uri, 4, 24)}  # symbol!-
    assert rows["symbol!-name"]["detail"].startswith("(symbol!-name ") and rows["symbol!-name"]["documentation"]
    assert rows["symbol!-name"]["textEdit"] == {
        "range": {"start": {"line": 4, "character": 21}, "end": {"line": 4, "character": 24}},
        "newText": "symbol!-name",
    }
    assert all(name.startswith("sym") for name in rows)
    own = {row["label"]: row["detail"] for row in client.at("completion", uri, 4, 13)}
    assert own["area"] == "(area w &optional h)" and own["and"] == "(and form...)"


def test_names_are_explained_and_found(editor: tuple[Editor, str, str]) -> None:
    client, uri, other = editor
    said = client.at("hover", uri, 4, 13)
    assert "(area w &optional h)" in said["contents"]["value"] and "Of a rectangle." in said["contents"]["value"]
    assert said["range"] == {"start": {"line": 4, "character": 12}, "end": {"line": 4, "character": 16}}
    assert "(times " in client.at("hover", uri, 2, 5)["contents"]["value"]
    assert client.at("hover", uri, 4, 37) is None
    assert client.at("definition", uri, 4, 14) == [
        {"uri": uri, "range": {"start": {"line": 0, "character": 4}, "end": {"line": 0, "character": 8}}}
    ]
    client.send(
        "textDocument/didChange",
        {"textDocument": {"uri": uri, "version": 2}, "contentChanges": [{"text": "(helper 1 2) speed"}]},
    )
    assert [row["uri"] for row in client.at("definition", uri, 0, 3)] == [other]
    assert "variable" in client.at("hover", uri, 0, 15)["contents"]["value"] and client.told[uri] == []
    client.send(
        "textDocument/didChange", {"textDocument": {"uri": uri, "version": 3}, "contentChanges": [{"text": PROGRAM}]}
    )


def test_an_outline_is_made(editor: tuple[Editor, str, str]) -> None:
    client, uri, _ = editor
    [row] = client.ask("textDocument/documentSymbol", textDocument={"uri": uri})
    assert (row["name"], row["kind"], row["range"]["end"]) == ("area", 12, {"line": 2, "character": 21})


def test_mistakes_are_told_while_somebody_types(editor: tuple[Editor, str, str]) -> None:
    client, uri, _ = editor
    client.send(
        "textDocument/didOpen", {"textDocument": {"uri": "untitled:1", "text": '(car 1 2)\n(list "𝒳" (helper))\n(f'}}
    )
    client.ask("shutdown")
    rows = [
        (row["range"]["start"]["line"], row["range"]["start"]["character"], row["message"], row["severity"])
        for row in client.told["untitled:1"]
    ]
    assert rows == [
        (0, 0, "car: 1 argument expected, 2 given", 1),
        (1, 11, "helper: 2 arguments expected, none given", 1),
        (2, 0, "end of file inside of a list that begins here", 1),
        (2, 1, "f: no function of this name is defined in the files that are open, nor in the system", 2),
    ]
    client.send("textDocument/didClose", {"textDocument": {"uri": "untitled:1"}})
    client.ask("shutdown")
    assert client.told["untitled:1"] == []


def test_nonsense_ends_nothing(editor: tuple[Editor, str, str]) -> None:
    client, uri, _ = editor
    assert "no such method" in client.ask("textDocument/rename")["message"]
    assert "KeyError" in client.at("hover", "file:///nowhere", 0, 0)["message"]
    client.write(b"Content-Length: 3\r\n\r\n{x}")
    assert client.receive()["error"]["code"] == -32700
    for data in (b"[1]", b"5", b'{"id": 1, "method": 5}', b"[" * 100_000):
        client.write(b"Content-Length: %d\r\n\r\n" % len(data) + data)
        assert client.receive()["error"]["code"] in (-32600, -32700)
    assert client.at("hover", uri, 99, 99) is None


def said(text: str) -> list[str]:
    return [problem.text.partition(": no function")[0] for problem in problems(Document("a", text), [])]


@pytest.mark.parametrize(
    "text, expected",
    [
        ("(de f (x) (g x)) (dm m (u) u) (m (zz)) (f 1)", ["g"]),
        ("(cond ((null 1 2) (zz)) (t 'a))", ["null: 1 argument expected, 2 given", "zz"]),
        ("'(car 1 2) `(car 1 2) (quote (car))", []),
        ("(let ((k (cons 1)) f) (k 2) (f)) (prog (a b) l (a) (go l))", ["cons: 2 arguments expected, 1 given"]),
        (
            "(mapcar x (function (lambda (y) (cdr)))) ((lambda (x) (zz x)) 1)",
            ["cdr: 1 argument expected, none given", "zz"],
        ),
        ("(de f (a &optional b &rest c)) (f) (f 1 2 3 4)", ["f: at least 1 argument expected, none given"]),
        ("(putd 'made 'expr x) (made 1 2) (copyd 'other 'car) (other)", []),
        ("(dolist (x (zz) 1) (car)) (flet ((q (a) (car))) (q 1))", ["zz", "car: 1 argument expected, none given"]),
        ("(CAR 1 2) (a!(b)", ["car: 1 argument expected, 2 given", "a!(b"]),
        (
            "(list ']) )) \"a",
            ["unexpected ]", ") closes nothing", ") closes nothing", "end of file inside of a string"],
        ),
        ("#! /usr/bin/csl (\n(list 1)", []),
        ("(a (b (c", ["end of file inside of a list that begins here", "a", "b", "c"]),
        ("[1 2", ["end of file inside of a vector that begins here"]),
    ],
)
def test_what_is_wrong_in_a_text(text: str, expected: list[str]) -> None:
    assert said(text) == expected


def test_deep_texts_are_no_trouble() -> None:
    assert said("(list " * 5000 + ")" * 5000) == []


def test_real_programs_have_no_mistakes() -> None:
    """All of the algebra system and the library, whose functions are all there."""
    for folder in (ROOT / "examples/algebra", ROOT / "csl_native/lisp/library"):
        documents = [Document(str(path), path.read_text()) for path in sorted(folder.rglob("*.lsp"))]
        assert {p.text for document in documents for p in problems(document, documents)} == set()


def test_files_are_checked(tmp_path: Path) -> None:
    (tmp_path / "a.lsp").write_text("(de f (x)\n  (car x 1))\n")
    (tmp_path / "b.lsp").write_text("(f 1) (g)\n")

    def run(*names: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-m", "csl_native.lsp", *names],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env={"PYTHONPATH": str(ROOT)},
            timeout=60,
        )
        return done.returncode, done.stdout + done.stderr

    assert run("a.lsp", "b.lsp") == (
        1,
        "a.lsp:2:3: error: car: 1 argument expected, 2 given\nb.lsp:1:8: warning: g: no function of "
        "this name is defined in the files that are open, nor in the system\n",
    )
    assert run("--version") == (0, f"csl-native {__version__}\n")
    assert run("none.lsp") == (2, "csl-lsp: none.lsp: No such file or directory\n") and run("--zz")[0] == 2
