"""What an editor asks: names, their meaning and place, and what is wrong in a text."""

from __future__ import annotations

import os
import re
from bisect import bisect_right
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from csl_native import __version__

from ..builtins.asking import ENDS, last_word
from ..lisp.meanings import meaning_of, meanings, written
from .checks import Checker
from .rpc import Connection
from .source import Definition, Node, Problem, definitions, parse, plain

ERROR, WARNING = 1, 2
SYMBOL_KINDS = {"function": 12, "macro": 12, "fexpr": 12, "variable": 13}
COMPLETION_KINDS = {"function": 3, "macro": 14, "fexpr": 14, "special form": 14, "variable": 6}
ENDING = ".lsp"
MOST_FILES = 2000  # of a folder that are looked at


class Document:
    """A text with its address."""

    def __init__(self, uri: str, text: str) -> None:
        self.uri, self.text = uri, text
        self.starts = [0, *(m.end() for m in re.finditer("\n", text))]
        self.forms, self.problems = parse(text)
        self.defined = list(definitions(self.forms))

    def position(self, at: int) -> dict[str, int]:
        """A place as the protocol has it: line and UTF-16 units."""
        line = bisect_right(self.starts, at) - 1
        return {
            "line": line,
            "character": len(self.text[self.starts[line] : at].encode("utf-16-le", "surrogatepass")) // 2,
        }

    def range(self, start: int, end: int) -> dict[str, Any]:
        return {"start": self.position(start), "end": self.position(end)}

    def offset(self, position: dict[str, int]) -> int:
        """The place of a position; one behind the end of a line is there."""
        line = min(position["line"], len(self.starts) - 1)
        text = self.text[self.starts[line] :].partition("\n")[0].encode("utf-16-le", "surrogatepass")
        return self.starts[line] + len(text[: 2 * position["character"]].decode("utf-16-le", "replace"))

    def word(self, at: int) -> tuple[str, int, int]:
        """The name around a place, and where it is."""
        end = at
        while end < len(self.text) and (self.text[end] not in ENDS or self.text[end - 1 : end] == "!"):
            end += 1
        text = last_word(self.text[:end])
        return text, end - len(text), end


class Server:
    """The documents that are open, and the files of the folder, and what is asked about them."""

    def __init__(self, source: IO[bytes], sink: IO[bytes]) -> None:
        self.open: dict[str, Document] = {}
        self.files: dict[str, Document] = {}
        methods = {
            "initialize": self.initialize,
            "textDocument/didOpen": self.opened,
            "textDocument/didChange": self.changed,
            "textDocument/didClose": self.closed,
            "textDocument/completion": self.completion,
            "textDocument/hover": self.hover,
            "textDocument/definition": self.definition,
            "textDocument/documentSymbol": self.symbols,
        }
        nothing = {
            name: lambda params: None
            for name in (
                "initialized",
                "shutdown",
                "textDocument/didSave",
                "$/cancelRequest",
                "$/setTrace",
                "workspace/didChangeConfiguration",
            )
        }
        self.connection = Connection(source, sink, {**nothing, **methods})

    def initialize(self, params: dict[str, Any]) -> dict[str, Any]:
        root = params.get("rootUri") or next((f["uri"] for f in params.get("workspaceFolders") or []), None)
        if root:
            self.files = {document.uri: document for document in folder(root)}
        return {
            "serverInfo": {"name": "csl-lsp", "version": __version__},
            "capabilities": {
                "textDocumentSync": {"openClose": True, "change": 1},
                "hoverProvider": True,
                "completionProvider": {"triggerCharacters": ["("]},
                "definitionProvider": True,
                "documentSymbolProvider": True,
            },
        }

    # -- texts -------------------------------------------------------------------------------

    def documents(self) -> list[Document]:
        """All texts: those of the folder as they are open."""
        return list({**self.files, **self.open}.values())

    def opened(self, params: dict[str, Any]) -> None:
        self.take(params["textDocument"]["uri"], params["textDocument"]["text"])

    def changed(self, params: dict[str, Any]) -> None:
        self.take(params["textDocument"]["uri"], params["contentChanges"][-1]["text"])

    def closed(self, params: dict[str, Any]) -> None:
        uri = params["textDocument"]["uri"]
        document = self.open.pop(uri, None)
        if document is not None and uri in self.files:
            self.files[uri] = document
        self.connection.notify("textDocument/publishDiagnostics", {"uri": uri, "diagnostics": []})

    def take(self, uri: str, text: str) -> None:
        document = self.open[uri] = Document(uri, text)
        rows = [
            {
                "range": document.range(p.start, p.end),
                "severity": ERROR if p.serious else WARNING,
                "source": "csl",
                "message": p.text,
            }
            for p in self.problems(document)
        ]
        self.connection.notify("textDocument/publishDiagnostics", {"uri": uri, "diagnostics": rows})

    def problems(self, document: Document) -> list[Problem]:
        return problems(document, self.documents())

    # -- questions ---------------------------------------------------------------------------

    def at(self, params: dict[str, Any]) -> tuple[Document, int]:
        document = self.open[params["textDocument"]["uri"]]
        return document, document.offset(params["position"])

    def completion(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        document, at = self.at(params)
        word = last_word(document.text[:at])
        start = plain(word)
        place = document.range(at - len(word), at)
        rows = {
            name: (found.kind, found.call, found.text) for name, found in meanings().items() if name.startswith(start)
        }
        rows.update(
            {
                d.name: (d.kind, d.call, d.documentation)
                for each in self.documents()
                for d in each.defined
                if d.name.startswith(start)
            }
        )
        return [
            {
                "label": written(name),
                "kind": COMPLETION_KINDS[kind],
                "detail": call,
                "documentation": text,
                "textEdit": {"range": place, "newText": written(name)},
            }
            for name, (kind, call, text) in sorted(rows.items())
        ]

    def found(self, name: str) -> list[tuple[Document, Definition]]:
        return [(document, d) for document in self.documents() for d in document.defined if d.name == name]

    def hover(self, params: dict[str, Any]) -> dict[str, Any] | None:
        document, at = self.at(params)
        word, start, end = document.word(at)
        mine, meaning = self.found(plain(word)), meaning_of(plain(word))
        if mine:
            lines = [line for _, d in mine for line in (f"```lisp\n{d.call}\n```\n{d.kind}", d.documentation)]
        elif meaning is not None:
            examples = "\n".join(map(str, meaning.examples))
            lines = [
                f"```lisp\n{meaning.call}\n```\n{meaning.kind}",
                meaning.text,
                examples and f"```lisp\n{examples}\n```",
            ]
        else:
            return None
        return {
            "contents": {"kind": "markdown", "value": "\n\n".join(filter(None, lines))},
            "range": document.range(start, end),
        }

    def definition(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        document, at = self.at(params)
        return [
            {"uri": each.uri, "range": each.range(d.place.start, d.place.end)}
            for each, d in self.found(plain(document.word(at)[0]))
        ]

    def symbols(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        document = self.open[params["textDocument"]["uri"]]
        return [
            {
                "name": d.name,
                "detail": d.call,
                "kind": SYMBOL_KINDS[d.kind],
                "range": document.range(d.form.start, d.form.end),
                "selectionRange": document.range(d.place.start, d.place.end),
            }
            for d in document.defined
        ]


def problems(document: Document, others: list[Document]) -> list[Problem]:
    """What is wrong in a text, its own definitions and those of others known."""
    known = {d.name: d for each in [*others, document] for d in each.defined}
    forms: list[Node] = document.forms
    return sorted([*document.problems, *Checker(known).check(forms)], key=lambda p: p.start)


def folder(uri: str) -> list[Document]:
    """The programs in a folder and those in it."""
    found: list[Document] = []
    root = unquote(urlsplit(uri).path)
    for place, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.endswith(ENDING) and len(found) < MOST_FILES:
                path = os.path.join(place, name)
                found.append(Document(uri.rstrip("/") + path.removeprefix(root.rstrip("/")), read(path)))
    return found


def read(path: str) -> str:
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


__all__ = ["Document", "Server", "problems", "read"]
