"""The same image file on another architecture, under emulation: natively, as bytecode, there and back."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from csl_native.image.container import Image
from csl_native.session import Session, restore

from . import emulation
from .conftest import ROOT, needs_native
from .test_corpus import PROGRAMS, program

pytestmark = [pytest.mark.slow, needs_native]


@pytest.fixture(scope="module", params=list(emulation.MACHINES))
def foreign(request: pytest.FixtureRequest) -> tuple[str, list[str]]:
    try:
        return request.param, emulation.python(request.param)
    except emulation.Unavailable as error:
        pytest.skip(f"no emulation of {request.param}: {error}")


def csl_there(python: list[str], *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([*python, "-m", "csl_native.cli", "-q", *arguments], capture_output=True, text=True, timeout=250, check=False,
                          env=environment, cwd=cwd, stdin=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def image(foreign: tuple[str, list[str]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All programs in one image, compiled for this machine and for the other one; each main under a name of its own."""
    path = tmp_path_factory.mktemp("images") / "all.img"
    s = Session(heap=256 << 20)
    for name in ("fib", "tak", "deriv", "queens", "bareiss", "frpoly", "sieve", "fft"):
        s.eval(program(name, small=True) + f"(setq {name}!-scale scale!*) (copyd 'run!-{name} 'main)")
    s.native_compile()
    s.add_tag(foreign[0])
    s.preserve(path)
    return path


@pytest.mark.parametrize("name", [n for n in PROGRAMS if n in ("fib", "tak", "deriv", "queens", "bareiss", "frpoly", "sieve", "fft")])
@pytest.mark.parametrize("options", [(), ("--gc-stress",)], ids=["native", "gc-stress"])
def test_programs_run_natively_there(foreign: tuple[str, list[str]], image: Path, name: str, options: tuple[str, ...]) -> None:
    done = csl_there(foreign[1], "--explain", *options, "-i", str(image), "-e", f"(progn (setq scale!* {name}!-scale) (run!-{name}))")
    expected = (ROOT / "tests" / "corpus" / "programs" / f"{name}.small.expected").read_text()
    match = re.search(rf"%%BEGIN {name}\n(.*)%%END {name}\n", done.stdout, re.S)
    assert match is not None and match.group(1) == expected, done.stderr
    assert done.stderr == "", "everything runs natively, and nothing says otherwise"


def test_bytecode_there(foreign: tuple[str, list[str]], image: Path) -> None:
    done = csl_there(foreign[1], "--explain", "--native=off", "-i", str(image), "-e", "(print (takr 7 4 1))")
    assert done.stdout == "4\n" and "[switched-off]" in done.stderr


def test_preserved_there_and_restored_here(foreign: tuple[str, list[str]], image: Path, tmp_path: Path) -> None:
    there = tmp_path / "there.img"
    there.write_bytes(image.read_bytes())
    done = csl_there(foreign[1], "-i", str(there), "-o", str(there), "-e", "(setq from!-there (list 1 2.5 (expt 2 100)))", "-e", "(preserve)")
    assert done.returncode == 0, done.stderr
    with Image(image) as before, Image(there) as after:
        for name, section in before.sections.items():
            if name not in ("heap", "starts", "instructions"):
                assert after.read(name) == before.read(name) and after.sections[name].offset == section.offset, name
    s = restore(there, heap=256 << 20)
    assert s.explain() == [] and s.eval("from!-there") == [1, 2.5, 1 << 100] and s.eval("(takr 12 8 4)") == 5
