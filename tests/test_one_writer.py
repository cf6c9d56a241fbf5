"""Image files are written by one piece of code: whatever else opens a file for writing stands here with what it writes.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import ROOT

WRITING = {"O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND"}
CALLS = {"os.replace", "os.rename", "os.truncate", "os.ftruncate", "os.pwrite", "os.write", "os.link", "shutil.copy",
         "shutil.copyfile", "shutil.move", "mmap.ACCESS_WRITE"}
METHODS = {"write_bytes", "write_text", "touch"}
# File and function → what it writes.
ALLOWED = {
    "image/files.py create": "the writer's: a new file",
    "image/files.py open_existing": "the writer's: a file that is there",
    "image/files.py truncate": "the writer's: what was appended is taken back",
    "image/files.py replace": "the writer's", "csl_native/system/files.py write_at": "the writer's",
    "csl_native/system/files.py _locked_file": "a lock on Windows", "csl_native/system/files.py move_new": "a key",
    "csl_native/saving/trust.py local_key": "a key", "csl_native/saving/trust.py set_trusted": "keys",
    "csl_native/system/faults.py tell": "a message on standard error",
    "csl_native/saving/checked.py _remember": "what was checked",
    "tools/signing.py private_key": "a key",
    "csl_native/build/base.py build_base": "a whole image, made beside, becomes the base image",
    "csl_native/system/waiting.py open_patiently": "a file or pipe of Lisp's own",
    "csl_native/system/waiting.py write": "what was opened so",
    "csl_native/build/wheel.py stage": "files of a package that is being made", "csl_native/builtins/reading.py "
                                                                                "rename_file": "Lisp's own",
    "csl_native/system/process.py open_streams": "nothing: what stands in for standard streams that are closed",
    "csl_native/system/process.py run_program": "nothing: it is where output goes that nobody reads",
    "csl_native/app/running.py run": "standard output",
    "csl_native/app/toplevel.py body": "names of files that were read",
    "csl_native/app/watched.py __init__": "a transcript",
    "csl_native/runtime/profiler.py write": "a profile",
    "csl_native/app/lineinput.py history_file": "lines that were typed",
    "csl_native/native/perfmap.py write_map": "names for perf",
    "csl_native/native/jitdump.py __init__": "code for perf", "csl_native/native/gdb.py library_path": "names for GDB",
    "csl_native/native/assembler.py by_llvm": "assembly text in a folder of its own",
    "csl_native/build/manual.py main": "pages of documentation",
    "csl_native/jupyter/__main__.py install": "what Jupyter is told of the kernel",
    "csl_native/app/demo.py main": "a program for the demonstration",
    "csl_native/app/demo.py copy": "an image that the demonstration is about to damage",
    "csl_native/app/demo.py flip_byte": "damage, to show what is done about it",
    "tools/editing.py extract": "what -o names", "tools/editing.py report": "what -o names",
    "tools/executable.py executable": "the program that -o names",
    "tools/export.py export": "what -o and --listing name",
}


def dotted(node: ast.AST) -> str:
    return f"{dotted(node.value)}.{node.attr}" if isinstance(node,
                                                             ast.Attribute) else node.id if isinstance(
                                                                 node, ast.Name) else ""


def writes(node: ast.AST) -> str:
    """How a node writes to a file; empty when it does not."""
    if isinstance(node, ast.Attribute) and (node.attr in WRITING or dotted(node) in CALLS):
        return dotted(node)
    if not isinstance(node, ast.Call):
        return ""
    if isinstance(node.func, ast.Attribute) and node.func.attr in METHODS:
        return node.func.attr
    modes = [*node.args[1:2], *(k.value for k in node.keywords
                                if k.arg == "mode")] if dotted(node.func) in ("open", "os.fdopen", "io.open") else []
    return next((f"open {text}" for mode in modes for part in ast.walk(mode)
                 if isinstance(part, ast.Constant) and isinstance(text := part.value, str) and set(text) & set("wax+")),
                "")


def writers(text: str, where: str) -> Iterator[tuple[str, str]]:
    """Functions that write to files: file and function, and how."""
    def walk(node: ast.AST, name: str) -> Iterator[tuple[str, str]]:
        for child in ast.iter_child_nodes(node):
            inner = child.name if isinstance(child, ast.FunctionDef | ast.ClassDef) else name
            if how := writes(child):
                yield f"{where} {inner}", how
            yield from walk(child, inner)
    return walk(ast.parse(text), "")


def sources() -> list[Path]:
    found = [path for folder in ("csl_native", "image", "relocation", "tools")
             for path in (ROOT / folder).rglob("*.py")]
    return [path for path in found if not any(part.is_symlink() for part in path.parents) and "bench" not in path.parts]


def test_nobody_else_writes_images() -> None:
    found = {place: how for path in sources()
             for place, how in writers(path.read_text(encoding="utf-8"), path.relative_to(ROOT).as_posix())}
    assert set(found) - set(ALLOWED) == set(), {place: found[place] for place in set(found) - set(ALLOWED)}
    assert set(ALLOWED) - set(found) == set()


@pytest.mark.parametrize("text", ["def f(p):\n    open(p, 'wb').write(b'')", "def f(p):\n    os.open(p, os.O_RDWR)",
                                  "def f(p):\n    os.replace(p, 'x')",
                                  "def f(p):\n    Path(p).write_bytes(b'')",
                                  "def f(p, a):\n    open(p, 'ab' if a else 'r+b')",
                                  "def f(p):\n    open(p, mode='x')"])
def test_the_checker_sees(text: str) -> None:
    assert [place for place, _ in writers(text, "m.py")] == ["m.py f"] * len(list(writers(text, "m.py"))) != []
    assert list(writers("def f(p):\n    return open(p, 'rb').read()", "m.py")) == []
