"""Every example in README and docs is run; generated pages are up to date; the project speaks of itself alone."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from csl_native import Session
from csl_native.architectures import MODULES, host
from csl_native.build.manual import PAGES, STUB, intrinsics_stub

from .conftest import ROOT, needs_native
from .typing_in import lines_of, typed

PAGES_WITH_EXAMPLES = [*(ROOT / f"{name}.md" for name in ("README", "CONTRIBUTING", "CHANGELOG", "SECURITY")),
                       *sorted((ROOT / "docs").glob("*.md")),
                       *sorted((ROOT / "docs" / "tutorials").glob("*.md"))]
COMMANDS = {"csl": [sys.executable, "-m", "csl_native"],
            "csl-image": [sys.executable, "-m", "csl_native.tools.csl_image"],
            "csl-lsp": [sys.executable, "-m", "csl_native.lsp"]}


SOURCE = re.compile(r"```lisp\n% (\S+\.lsp)\n(.*?)```", re.S)  # a file that the following examples of the page use
TUTORIALS = [page for page in PAGES_WITH_EXAMPLES if SOURCE.search(page.read_text()) or page.parent.name == "tutorials"]

LONG = ("nine-architectures.md",)  # they compile
OF_ONE_MACHINE = {"code-by-hand.md": "x86-64"}


def blocks(kind: str) -> list[tuple[str, str]]:
    found = []
    for page in PAGES_WITH_EXAMPLES:
        if page in TUTORIALS:
            continue
        for k, match in enumerate(re.finditer(rf"```{kind}\n(.*?)```", page.read_text(), re.S)):
            found.append((f"{page.name}-{k}", match[1]))
    return found


@needs_native
@pytest.mark.parametrize("text", [t for _, t in blocks("console")], ids=[n for n, _ in blocks("console")])
def test_console_examples(text: str, tmp_path: Path) -> None:
    console(text, tmp_path)


@needs_native
@pytest.mark.parametrize("page",
                         [pytest.param(page, marks=[pytest.mark.slow, pytest.mark.exhaustive] if page.name in LONG
                                       else []) for page in TUTORIALS],
                         ids=lambda page: page.name)
def test_tutorials(page: Path, tmp_path: Path) -> None:
    """All examples of a page, in order, in one folder with its files."""
    text = page.read_text()
    here = host()
    if page.name in OF_ONE_MACHINE and (here is None or here.name != OF_ONE_MACHINE[page.name]):
        pytest.skip(f"its code is for {OF_ONE_MACHINE[page.name]}")
    for name, source in SOURCE.findall(text):
        (tmp_path / name).write_text(source)
    for kind, example in re.findall(r"(?<!-->\n)```(console|python)\n(.*?)```", text, re.S):
        if kind == "console":
            console(example, tmp_path)
        else:
            subprocess.run([sys.executable, "-c", example], cwd=tmp_path, check=True, timeout=280)


def console(text: str, tmp_path: Path) -> None:
    for part in re.split(r"(?m)^\$ ", text)[1:]:
        line, _, expected = part.partition("\n")
        words = shlex.split(line)
        done = subprocess.run(COMMANDS[words[0]] + words[1:], capture_output=True, text=True, cwd=tmp_path, timeout=280,
                              check=False,
                              stdin=subprocess.DEVNULL)
        told = re.sub(r"(?m)^csl(-image)?: compiling .*\n", "", done.stderr)  # how far it is, where that takes long
        assert done.stdout + told == expected, line


@needs_native
@pytest.mark.parametrize("text", [t for _, t in blocks("python")], ids=[n for n, _ in blocks("python")])
def test_python_examples(text: str, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", text], cwd=tmp_path, check=True, timeout=280)


@needs_native
@pytest.mark.parametrize("text", [t for _, t in blocks("session")], ids=[n for n, _ in blocks("session")])
def test_sessions_on_a_terminal(text: str, native: Session) -> None:
    assert typed(native, *lines_of(text)).removesuffix("> \n").rstrip() == text.rstrip()


FENCE = re.compile(r"(?m)^( *)(```+|~~~+)([^\n]*)\n")
NOT_RUN = re.compile(r"<!-- not run: \S.* -->\n$")  # the line before a block that nobody can run: why


def left_out(text: str) -> list[str]:
    """Blocks of a page that are neither run nor say why not."""
    found, inside = [], ""
    for match in FENCE.finditer(text):
        indent, fence, kind = match.groups()
        if inside:
            inside = "" if fence == inside else inside
            continue
        inside = fence
        run = kind in ("console", "python", "asm", "session") or kind == "lisp" and SOURCE.match(text, match.start())
        if indent or fence != "```" or not run and not NOT_RUN.search(text, 0, match.start()):
            found.append(text[match.start():match.start() + 60])
    return found


@pytest.mark.parametrize("page", PAGES_WITH_EXAMPLES, ids=lambda page: page.name)
def test_every_example_is_run(page: Path) -> None:
    assert left_out(page.read_text()) == []


def test_a_block_that_is_left_out_is_seen() -> None:
    assert (left_out("```console\n$ csl\n```\n```python\n```\n<!-- not run: why -->\n```\nx\n```\n```lisp\n% a.lsp\nx\n"
                     "```\n") == [])
    for block in ("```\nx\n```\n", "```lisp\nx\n```\n", "```sh\nx\n```\n", "~~~console\nx\n~~~\n",
                  "  ```python\n  x\n  ```\n", "<!-- not run: -->\n```\nx\n```\n",
                  "```pycon\n>>> 1\n```\n"):
        assert len(left_out("text\n" + block)) == 1, block


@pytest.mark.parametrize("text", [t for _, t in blocks("asm")], ids=[n for n, _ in blocks("asm")])
def test_assembler_examples(text: str) -> None:
    from csl_native.asm.program import assemble
    session = Session()
    assert session.run(lambda: assemble(session.lisp, text))
    session.close()


@pytest.mark.parametrize("name", list(PAGES))
def test_generated_pages(name: str) -> None:
    assert (ROOT / "docs" / name).read_text() == PAGES[name](), "run: make docs"


def test_type_checkers_know_the_intrinsics() -> None:
    assert STUB.read_text() == intrinsics_stub(), "run: make docs"


LINK = re.compile(r"\]\(([^)#:\s]*)(?:#([^)\s]+))?\)")


def anchors(page: Path) -> set[str]:
    """What links can lead to in a page: its headings, and what has an id."""
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    headings = [re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
                for heading in re.findall(r"(?m)^#+ (.*)$", text)]
    return {*headings, *re.findall(r'<a id="([^"]+)">', text)}


FENCED = re.compile(r"(?ms)^```.*?^```$|``.+?``|`[^`\n]*`")


def broken(page: Path) -> list[str]:
    """Links of a page to files or parts of files that are not there."""
    found, known = [], {}
    for target, part in LINK.findall(FENCED.sub("", page.read_text(encoding="utf-8"))):
        file = (page.parent / target) if target else page
        if not file.exists():
            found.append(f"{page.name}: {target}")
        elif part and file.suffix == ".md":
            if part not in known.setdefault(file, anchors(file)):
                found.append(f"{page.name}: {target}#{part}")
    return found


def test_links_in_documents_lead_somewhere() -> None:
    for page in (*PAGES_WITH_EXAMPLES, *(ROOT / "docs").glob("*/*.md"), *(ROOT / "examples").rglob("*.md")):
        assert broken(page) == []


def test_files_that_documents_name_are_there() -> None:
    """A path in back quotes, with a folder in it, is one of the repository or of the package."""
    for page in (*PAGES_WITH_EXAMPLES, *(ROOT / "docs" / "reference").glob("*.md")):
        for name in re.findall(r"`((?:\w+/)+\w+\.(?:py|lsp|md))`", page.read_text(encoding="utf-8")):
            if name.rpartition("/")[2].partition(".")[0] not in ("NAME", "ARCHITECTURE"):
                assert any((folder / name).exists()
                           for folder in (ROOT, ROOT / "csl_native",
                                          ROOT / "csl_native" / "lisp")), f"{page.name}: {name}"


def test_every_page_is_in_the_site() -> None:
    from csl_native.tools.sitepages import OUTSIDE
    named = set(re.findall(r"[\w/-]+\.md", (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:")[2]))
    assert named == {page.relative_to(ROOT / "docs").as_posix()
                     for page in (ROOT / "docs").rglob("*.md")} | set(OUTSIDE.values())


def test_a_broken_link_is_seen(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# One two\n[b](b.md) [c](a.md#one-two) [d](a.md#three) [e](https://example.org) "
                                   "`[f](g.md)`\n")
    assert broken(tmp_path / "a.md") == ["a.md: b.md", "a.md: a.md#three"]


@pytest.mark.parametrize("name", MODULES)
def test_architectures_are_explained(name: str) -> None:
    """A record begins with what a newcomer to the machine must know; one that is nearly another says how it differs."""
    text = (ast.get_docstring(
        ast.parse((ROOT / "csl_native" / "architectures" / f"{name}.py").read_text(encoding="utf-8"))) or "")
    if name.endswith(("_windows", "_macos")):
        assert len(text.splitlines()) >= 5
        return
    assert 15 <= len(text.splitlines()) <= 30
    for part in ("* Jumps: ", "* Constants: ", "* Registers: ", "* Stack: ", "* Caches: ", "* Order of memory: ",
                 "* Features: ", "\nThe ABI: "):
        assert part in text, part


def test_architectures_are_named_in_their_own_files_only() -> None:
    """An architecture is a record, not an if."""
    own = re.compile(r"x86.64|aarch64|amd64|arm64|riscv|loongarch|ppc64|powerpc|s390|armv7|i386|mips", re.I)
    allowed = {f"{module}.py" for module in MODULES}
    for folder in ("csl_native", "image", "relocation", "tools"):
        for path in (ROOT / folder).rglob("*.py"):
            if path.name in allowed or path.is_symlink() or any(p.is_symlink() for p in path.parents):
                continue
            text = re.sub(r"MODULES = \([^)]*\)", "", path.read_text())
            names = [line for line in text.splitlines() if own.search(line)]
            assert names == [], f"{path}: {names}"
