"""The computer algebra system of examples/algebra: its scripts print what their logs say, however it is run."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from csl_native.engines.record import engines

from .conftest import CSL, ROOT, needs_native

pytestmark = needs_native
ALGEBRA = ROOT / "examples" / "algebra"
SCRIPTS = sorted(path.stem for path in (ALGEBRA / "tests").glob("*.tst"))
OPTIONS = ("-q", f"-D@algebra={ALGEBRA}")


def csl(*arguments: str, text: str = "", timeout: float = 280) -> str:
    done = subprocess.run([*CSL, *arguments], input=text, capture_output=True, text=True, timeout=timeout, check=False,
                          cwd=ROOT)
    told = [line for line in done.stderr.splitlines() if not line.startswith("csl: compiling ")]  # progress
    assert done.returncode == 0 and not told, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image that build.lsp makes."""
    image = tmp_path_factory.mktemp("algebra") / "algebra.img"
    said = csl(*OPTIONS, "-z", "-o", str(image), str(ALGEBRA / "build.lsp"))
    assert "+++" not in said, said
    return image


def run(image: Path, name: str, *options: str) -> str:
    return csl("-q", *options, "-i", str(image), text=(ALGEBRA / "tests" / f"{name}.tst").read_text())


def log(name: str) -> str:
    return (ALGEBRA / "tests" / f"{name}.log").read_text()


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts(built: Path, bless: bool, name: str) -> None:
    said = run(built, name)
    if bless:
        (ALGEBRA / "tests" / f"{name}.log").write_text(said)
    assert said == log(name)


def test_files_are_short_and_loaded() -> None:
    """Every file is part of the build, and none is longer than what one reads at once."""
    build = (ALGEBRA / "build.lsp").read_text()
    for path in ALGEBRA.rglob("*.lsp"):
        assert path.name == "build.lsp" or f'"$algebra/{path.relative_to(ALGEBRA)}"' in build, path
        lines = path.read_text().splitlines()
        assert len(lines) <= 250 and max(map(len, lines)) <= 120, path


def test_the_tour_of_the_readme() -> None:
    assert log("tour").strip("\n") in (ALGEBRA / "README.md").read_text()


WAYS = {"bytecode": ("--jit", "-1"), "stencils": ("--jit", "0,-1"),
        **{name: ("--engine", name) for name, engine in engines().items() if engine.native}}


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.parametrize("way", WAYS)
def test_ways_to_run(built: Path, way: str) -> None:
    for name in SCRIPTS:
        assert run(built, name, *WAYS[way]) == log(name), name


@pytest.mark.slow
def test_native_code_in_the_image(built: Path, tmp_path: Path) -> None:
    """Core and packages compiled ahead, in an image that was restored and preserved again."""
    image = tmp_path / "native.img"
    csl("-q", "-n", "-i", str(built), "-o", str(image), "--native-compile", "all", "-e", "nil")
    for name in SCRIPTS:
        assert run(image, name) == log(name), name


@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.parametrize("stride", [997, 4999])
def test_collections_at_any_time(built: Path, stride: int) -> None:
    for name in SCRIPTS:
        assert run(built, name, f"--gc-stress={stride}") == log(name), name
