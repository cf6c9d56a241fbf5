"""``csl-lsp``: the server on standard input and output; with names of files it checks those, and says what it finds."""

from __future__ import annotations

import sys

from csl_native import __version__

from ..system.process import run_program
from .server import Document, Server, problems, read

USAGE = """usage: csl-lsp            a language server on standard input and output, as editors start it
       csl-lsp FILE...    check programs: functions that nobody defines, wrong numbers of arguments, parentheses;
                          status 1 for errors
       csl-lsp --version"""


def check(names: list[str]) -> int:
    """Say what is wrong in programs that belong together."""
    documents, serious = [Document(name, read(name)) for name in names], False
    for document in documents:
        for problem in problems(document, documents):
            place, serious = document.position(problem.start), serious or problem.serious
            kind = "error" if problem.serious else "warning"
            print(f"{document.uri}:{place['line'] + 1}:{place['character'] + 1}: {kind}: {problem.text}")
    return int(serious)


def main() -> int:
    names = [each for each in sys.argv[1:] if each != "--stdio"]  # which editors like to say
    if names == ["--version"]:
        print(f"csl-native {__version__}")
        return 0
    if any(each.startswith("-") for each in names):
        wrong = names[0] not in ("-h", "--help")
        print(USAGE, file=sys.stderr if wrong else sys.stdout)
        return 2 if wrong else 0
    if names:
        try:
            return check(names)
        except OSError as error:
            print(f"csl-lsp: {error.filename}: {error.strerror}", file=sys.stderr)
            return 2
    Server(sys.stdin.buffer, sys.stdout.buffer).connection.serve()
    return 0


def program() -> None:
    sys.exit(run_program("csl-lsp", main))


if __name__ == "__main__":
    program()
