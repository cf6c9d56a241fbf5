"""What is installed: the packages, the extras, the commands."""

from __future__ import annotations

import ast
import copy
import os
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import csl_native
from csl_native.image.container import Image
from csl_native.lisp.registry import Rows
from csl_native.saving import baseimage
from csl_native.saving.baseimage import OUTER, Sources, base_image, made_from
from csl_native.saving.baseimage import sources as sources_of
from csl_native.system.extras import USES, missing, sentence
from csl_native.system.progress import Progress
from csl_native.system.records import Record

from .conftest import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
PACKAGE = ROOT / "csl_native"
MOST_MODULES = 102  # of the package, that a start imports


def sources(suffix: str = ".py") -> list[Path]:
    """The files of the package, those behind links too."""
    found, folders = [], [PACKAGE]
    while folders:
        for path in folders.pop().iterdir():
            if path.is_dir() and path.name != "__pycache__":
                folders.append(path)
            elif path.suffix == suffix:
                found.append(path)
    return sorted(found)


def test_every_folder_with_modules_is_a_package() -> None:
    """Packages are found by their __init__.py."""
    assert [folder for folder in {path.parent for path in sources()} if not (folder / "__init__.py").exists()] == []


def test_extras_are_what_the_table_says() -> None:
    extras = {name: {row.partition(">")[0] for row in rows} for name, rows in PROJECT["optional-dependencies"].items()}
    by_table: dict[str, set[str]] = {}
    for distribution, extra, _ in USES.values():
        by_table.setdefault(extra, set()).add(distribution)
    assert {name: extras[name] for name in by_table} == by_table
    assert extras["all"] == {f"csl-native[{','.join(name for name in extras if name in by_table)}]"}


STANDARD = sys.stdlib_module_names | {"csl_native", "msgpack", "zstandard"}
OTHERS = {"atheris", "mkdocs", "tests", "ziglang"}  # for tests, benchmarks and the site of the documents


def imported(text: str) -> set[str]:
    """The top-level modules that a source file imports."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
    return found


def test_whatever_is_imported_is_required_or_stands_in_the_table() -> None:
    unknown = {path.relative_to(ROOT): names
               for path in sources() if (names := imported(path.read_text()) - STANDARD - OTHERS - set(USES))}
    assert unknown == {}
    assert (imported("import llvmlite.binding\nfrom numpy.linalg import inv\nfrom . import x") - STANDARD - set(
        USES) == {"numpy"})


def test_what_is_missing_says_what_to_install() -> None:
    assert (missing("keystone") == "assembly text is assembled with keystone-engine, which is not installed; install "
                                   "csl-native[lap]")
    with pytest.raises(ImportError) as caught:
        __import__("no_such_module.inside")
    assert sentence(caught.value) == "No module named 'no_such_module'"
    assert sentence(ImportError(name="cryptography.hazmat")).endswith("csl-native[trust]")


ASKED = [  # (module, arguments, what is missing)
    ("csl_native.app.cli", ["-q", "-e", "(de f (x) x)", "--native-compile", "all", "-o", "x.img"], "llvmlite"),
    ("csl_native.tools.csl_image", ["add", "x.img", "--tag", "aarch64"], "llvmlite"),
    ("csl_native.tools.csl_image", ["sign", "x.img", "--key", "x.pem", "--make-key"], "cryptography"),
    ("csl_native.tools.csl_image", ["trust", "x.pem"], "cryptography"),
    ("csl_native.tools.csl_image", ["disasm", "x.img", "neq", "--tier", "optimised"], "capstone"),
    ("csl_native.app.cli", ["-q", "-e", '(lap "ret")'], "keystone"),
]


@pytest.mark.parametrize(("module", "arguments", "absent"), ASKED, ids=[" ".join(row[1][:2]) for row in ASKED])
def test_commands_without_what_they_need(module: str, arguments: list[str], absent: str, tmp_path: Path) -> None:
    (tmp_path / "x.pem").write_text("a key")
    subprocess.run([sys.executable, "-m", "csl_native", "-q", "-o", "x.img", "-e", "(preserve)"], cwd=tmp_path,
                   check=True, stdin=subprocess.DEVNULL)
    for name in USES:  # found first by this process, and by those that compile for it
        (tmp_path / "without" / name).mkdir(parents=True)
        (tmp_path / "without" / name / "__init__.py").write_text("raise ModuleNotFoundError(f'No module named "
                                                                 "{__name__!r}', name=__name__)\n")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path / "without"), str(ROOT)])}
    done = subprocess.run([sys.executable, "-m", module, *arguments], cwd=tmp_path, env=environment,
                          capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    said = done.stdout + done.stderr
    assert missing(absent) in said and "Traceback" not in said, said


@pytest.mark.parametrize("module", ["csl_native", "csl_native.app.cli", "csl_native.tools.csl_image",
                                    "csl_native.tools.csl_asm"])
def test_versions(module: str) -> None:
    done = subprocess.run([sys.executable, "-m", module, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"csl-native {csl_native.__version__}\n"


# -- the base image is known by what it was made from -----------------------------------------------------


def test_the_base_image_says_what_it_was_made_from(tmp_path: Path) -> None:
    assert made_from(base_image()) == sources_of()
    (tmp_path / "kernel").mkdir()
    (tmp_path / "tools").mkdir()
    file, outer = tmp_path / "kernel" / "x.py", tmp_path / "tools" / "y.py"
    file.write_text("a = 1\n")
    outer.write_text("a = 1\n")
    first = sources_of(package=str(tmp_path))
    os.utime(file, (1, 1))
    outer.write_text("a = 2 + 3\n")
    assert sources_of(package=str(tmp_path)) == first, "neither times nor what lies outside count"
    file.write_text("a = 2\n")
    os.utime(file, (1, 1))
    second = sources_of(package=str(tmp_path))
    assert second.sizes == first.sizes and second.contents != first.contents
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "z.lsp").write_text("")
    third = sources_of(package=str(tmp_path))
    assert third.sizes != first.sizes and third == sources_of(package=str(tmp_path))
    assert sources_of(contents=False, package=str(tmp_path)) == Sources(third.sizes, "")


def test_what_the_base_image_does_not_depend_on_is_there() -> None:
    names = {path.name for path in sources()} | {path.parent.name for path in sources()}
    assert OUTER <= names


def test_of_processes_that_start_at_once_one_makes_the_base_image(monkeypatch: pytest.MonkeyPatch,
                                                                  tmp_path: Path) -> None:
    """Threads, too: each has opened what it locks by itself."""
    now, path, made = Sources("sizes", "contents"), tmp_path / "base.img", list[str]()

    def build(name: str) -> None:
        made.append(name)
        time.sleep(0.05)
        path.write_text("")
    monkeypatch.setattr(baseimage, "made_from", lambda name: now if path.exists() else None)
    monkeypatch.setattr(baseimage, "_build", build)
    threads = [threading.Thread(target=baseimage._make, args=(str(path), now)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == [str(path)]


def test_a_checkout_that_cannot_be_written_keeps_its_image_elsewhere(monkeypatch: pytest.MonkeyPatch,
                                                                     tmp_path: Path) -> None:
    made: list[Path] = []

    def make(path: str) -> None:
        made.append(Path(path))
        made[-1].write_text("")
    monkeypatch.setattr(baseimage, "made_from", lambda path: None)
    monkeypatch.setattr(baseimage, "_build", make)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    name = f"base-{sources_of().contents}"
    monkeypatch.setattr(baseimage, "compiler_here", lambda: True)
    assert Path(baseimage._of_checkout()) == tmp_path / "csl-native" / f"{name}.img"
    made[0].unlink()
    monkeypatch.setattr(baseimage, "compiler_here", lambda: False)
    assert Path(baseimage._of_checkout()) == tmp_path / "csl-native" / f"{name}-bytecode.img", (
        "what has a compiler later is not kept without one")
    assert len(made) == 2


def test_progress_is_told_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress("csl", 0.02, 0.02) as tell:
        tell(0, 2, "the kernel")
        time.sleep(0.1)
        tell(1, 2, "stencils")
        time.sleep(0.1)
    assert capsys.readouterr().err == "csl: compiling the kernel (0 of 2 done)\ncsl: compiling stencils (1 of 2 done)\n"
    with Progress("csl") as tell:
        tell(0, 1, "f")
    assert capsys.readouterr().err == "", "what is over soon needs no words"


def test_starting_imports_what_it_needs() -> None:
    """What takes long to import, or only compiling, writing and most functions need, comes when it is needed."""
    script = ("import sys\nbefore = set(sys.modules)\n"
              "from csl_native.app.cli import main\nmain(['-q', '-e', 'nil'])\nfound = set(sys.modules) - before\n"
              "print(*(name for name in found if name.removeprefix('csl_native.') in sys.argv[1:]))\n"
              "print(sum(name.startswith('csl_native') for name in found))")
    heavy = ["subprocess", "inspect", "json", "html", "hashlib", "image.writing", "kernel.bignum", "kernel.hashing",
             "lisp.compiler", "lisp.fasl", "lisp.libraries", "builtins.numbers", "builtins.strings",
             "foreign.libraries", "foreign.types", "typing", "random", "queue", "instructions.table",
             "instructions.codec", "lisp.assembly", "lisp.twister"]
    done = subprocess.run([sys.executable, "-c", script, *heavy], capture_output=True, text=True, check=True, cwd=ROOT)
    named, count = done.stdout.split("\n")[:2]
    assert named == ""
    assert int(count) <= MOST_MODULES, "each costs a start a tenth of a millisecond, and what is in it"


def test_records_are_named_tuples() -> None:
    """``Record`` is what it seems to a type checker."""
    class Named(NamedTuple):
        a: int
        b: str = "b"
        c: tuple[int, ...] = ()

    class Light(Record):
        a: int
        b: str = "b"
        c: tuple[int, ...] = ()
    ways: tuple[Callable[[Any], Any], ...] = (
        lambda kind: kind(1), lambda kind: kind(1, "x"), lambda kind: kind(c=(2,), a=1),
        lambda kind: kind(1, "x", (3,))._replace(b="y"), lambda kind: copy.copy(kind(1, "x", (3,))))
    for made in ways:
        named, light = made(Named), made(Light)
        assert tuple(light) == tuple(named) == (light.a, light.b, light.c) and light._asdict() == named._asdict()
        assert repr(light) == repr(named).replace("Named", "Light") and type(light) is Light
    ways = (lambda kind: kind(), lambda kind: kind(1, 2, 3, 4), lambda kind: kind(b=1), lambda kind: kind(1, d=1),
            lambda kind: kind(1, a=1))
    for wrong in ways:
        for kind in (Named, Light):
            with pytest.raises(TypeError):
                wrong(kind)
    for kind in (Named, Light):
        with pytest.raises(ValueError):
            kind(1)._replace(d=1)
        with pytest.raises(AttributeError):
            kind(1).a = 2
    with pytest.raises(TypeError):
        type(Light)("Wrong", (Record,), {"__annotations__": {"a": "int", "b": "int"}, "a": 1})
    match Light(1, "x"):
        case Light(a, b):
            assert (a, b) == (1, "x")


def test_no_named_tuples_are_made() -> None:
    """Each takes a start as long as ten records do."""
    found = [str(path) for path in sources()
             if "NamedTuple" in path.read_text(encoding="utf-8") and path.name != "records.py"]
    assert not found, "csl_native.system.records.Record is the same to a type checker"


def test_functions_are_found_in_their_modules() -> None:
    """The base image says in which module each function is that is written in Python."""
    rows = Rows.of_all()
    with Image(base_image()) as image:
        info = image.sections["heap"].info
    assert (info["builtins"], info["modules"]) == (rows.names, rows.modules)
    fresh = Rows(rows.names, rows.modules)
    fresh[:] = [None] * len(fresh)
    assert ([fresh.get(k) for k in range(len(fresh))] == list(rows)
            and fresh.named("text explode2") is rows.named("text explode2"))
