"""The wheel, installed as users have it: without a compiler, read-only, with times of files that mean nothing, on every
machine.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import random
import re
import shutil
import stat
import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from csl_native import __version__
from csl_native.architectures import architectures, host
from csl_native.image.container import Image
from csl_native.system.extras import missing

from . import emulation
from .conftest import ROOT, needs_native
from .test_emulation import FOREIGN, SAMPLE, TYPED
from .test_installed import sources

pytestmark = [pytest.mark.slow, needs_native]
LIMIT = 8 << 20
KINDS = ("kernel", "stencils", "functions")
FIB = "(de fib (n) (cond ((lessp n 2) n) (t (plus (fib (sub1 n)) (fib (difference n 2))))))"


def maker(folder: Path, which: str) -> list[str]:
    tags = () if which == "all" else ("--tags", ",".join(SAMPLE))
    return [sys.executable, "-m", "csl_native.build.wheel", str(folder), *tags]


def made_or_skip(status: int, said: str) -> None:
    if status and "No matching distribution found for setuptools" in said:
        pytest.skip("pip finds no setuptools to make a wheel with")
    assert status == 0, said


@pytest.fixture(scope="module", params=["sample", pytest.param("all", marks=pytest.mark.exhaustive)])
def wheel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that ``make wheel`` makes, or one for this machine and the sample, which takes less long."""
    folder = tmp_path_factory.mktemp(f"wheel-{request.param}")
    done = subprocess.run(maker(folder, request.param), cwd=ROOT, capture_output=True, text=True, check=False)
    made_or_skip(done.returncode, done.stderr)
    (made,) = folder.glob("*.whl")
    assert made.name.endswith("-py3-none-any.whl")
    return made


def tags_of(wheel: Path) -> list[str]:
    here = host()
    assert here is not None
    return [a.name for a in architectures() if a.number == here.number or "wheel-all" in str(wheel) and not a.untested
            or a.name in SAMPLE]


@pytest.fixture(scope="module")
def unpacked(wheel: Path) -> Path:
    """What is in the wheel, with times of files by chance and no right to write."""
    folder = wheel.parent / "unpacked"
    with zipfile.ZipFile(wheel) as file:
        file.extractall(folder)
    scramble(folder)
    return folder


def scramble(folder: Path) -> None:
    dice = random.Random(7)
    for path in sorted(folder.rglob("*"), key=lambda path: len(path.parts), reverse=True):
        if not path.is_symlink():
            os.utime(path, (when := dice.randrange(1 << 30, 1 << 31), when))
            path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
    for image in folder.rglob("base.img"):
        os.utime(image, (1 << 30, 1 << 30))  # older than everything else


def no_override() -> None:
    """In the child: root obeys the modes of files, too."""
    with contextlib.suppress(OSError, AttributeError):
        prctl = ctypes.CDLL(None).prctl
        for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH (linux/capability.h); PR_CAPBSET_DROP
            prctl(24, capability, 0, 0, 0)


@pytest.fixture(scope="module")
def fresh(wheel: Path) -> Iterator[Path]:
    """The programs of a new environment that has the wheel, msgpack and zstandard, and where nothing can be written."""
    folder = wheel.parent / "fresh"
    venv.create(folder, with_pip=False)
    (site,) = folder.glob("lib/python*/site-packages")
    (own,) = Path(sys.prefix).glob("lib/python*/site-packages")
    for name in ("msgpack", "zstandard"):
        for path in [own / name, *own.glob(f"{name}-*.dist-info")]:
            shutil.copytree(path, site / path.name)
    subprocess.run([sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "-q",
                    "--no-index", "--disable-pip-version-check",
                    str(wheel)], check=True)
    scramble(folder)
    yield folder / "bin"
    for path in (folder, *folder.rglob("*")):
        if path.is_dir():
            path.chmod(0o755)


class Program:
    """Runs what is installed, with an empty home, by somebody who may not write where it is."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.programs, self.folder = programs, folder
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(folder / "home"), "PYTHONDONTWRITEBYTECODE": "1"}

    def __call__(self, *command: str, status: int = 0) -> tuple[str, str]:
        done = subprocess.run([str(self.programs / command[0]), *command[1:]], cwd=self.folder, env=self.environment,
                              capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, preexec_fn=no_override, check=False)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout, done.stderr


@pytest.fixture
def run(fresh: Path, tmp_path: Path) -> Program:
    return Program(fresh, tmp_path)


def test_content_is_the_packages_of_the_checkout(wheel: Path) -> None:
    wanted = {str(path.relative_to(ROOT)) for suffix in (".py", ".pyi", ".lsp", ".html")
              for path in sources(suffix)} | {"csl_native/base.img", "csl_native/py.typed"}
    wanted |= {f"csl_native-{__version__}.data/data/share/man/man1/{page.name}"
               for page in (ROOT / "docs" / "man").iterdir()}
    with zipfile.ZipFile(wheel) as file:
        found = {name for name in file.namelist() if ".dist-info/" not in name}
        metadata = next(file.read(name).decode() for name in file.namelist() if name.endswith("/METADATA"))
    assert found == wanted
    assert wheel.stat().st_size <= LIMIT and not re.search("/work|localhost|127\\.0", metadata)


def test_two_made_at_once_are_both_whole(tmp_path: Path) -> None:
    makers = [subprocess.Popen(maker(tmp_path / name, "sample"), cwd=ROOT, stderr=subprocess.PIPE, text=True)
              for name in "ab"]
    for made in makers:
        said = made.communicate()[1]
        made_or_skip(made.returncode, said)
    made_by_each = sorted(tmp_path.rglob("*.whl"))
    assert len(made_by_each) == 2
    for path in made_by_each:
        test_content_is_the_packages_of_the_checkout(path)


def test_image_has_all_that_its_machines_need(unpacked: Path, wheel: Path) -> None:
    with Image(unpacked / "csl_native" / "base.img") as image:
        assert image.size <= LIMIT and image.verify() == []
        there = set(image.sections)
    assert {f"{kind}-{a.number}" for kind in KINDS
            for a in architectures() if a.name in tags_of(wheel)} == {name for name in there if name.startswith(KINDS)}


def test_runs_natively_at_once_and_leaves_no_trace(run: Program, fresh: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in fresh.parent.rglob("*")}
    out, said = run("csl", "-q", "--explain", "-e", FIB, "-e",
                    "(print (list (fib 10) (sort '(3 1 2) 'lessp) (cdr (assoc 'native lispsystem!*))))")
    here = host()
    assert here is not None and (out, said) == (f"(55 (1 2 3) {here.number})\n", "")
    out, said = run("csl", "-q", "--jit", "0", "--stats", "-e", FIB, "-e", "(print (fib 15))")
    assert out == "610\n" and re.search(r"[1-9]\d* functions compiled by stencils", said), said
    assert run("python", "-m", "csl_native", "-q", "-e", "(print 1)")[0] == "1\n"
    assert {path: path.stat().st_mtime_ns for path in fresh.parent.rglob("*")} == before
    assert not (run.folder / "home").exists(), "nothing was built beside it either"


def test_modules_c_functions_and_images(run: Program, wheel: Path) -> None:
    out, said = run("csl", "-q", "--explain", "-o", "x.img",
                    *[part for text in (FOREIGN, TYPED) for part in ("-e", f"(progn {text})")], "-e", "(foreign!-main)",
                    "-e", "(typed!-main)", "-e", "(preserve)")
    assert "#V32(-3 0 7 9)" in out and "2432902008176640000" in out and said == "", out + said
    out, _ = run("csl", "-q", "-i", "x.img", "-e", "(typed!-main)")
    assert out.endswith("(9 225 -1 1099511627818)\n")
    assert "functions compiled" not in run("csl-image", "info", "x.img")[0]
    assert run("csl-image", "verify", "x.img")[0]
    for name in tags_of(wheel):
        out, _ = run("csl-image", "check", "x.img", "--target", name)
        assert "sort " in out.replace("\n", " ")


def test_what_needs_more_says_what(run: Program) -> None:
    assert run("csl", "-q", "-e", "(de f (x) x)", "--native-compile", "f", "-o", "x.img",
               status=2) == ("", f"csl: {missing('llvmlite')}, or run as bytecode\n")
    run("csl", "-q", "-o", "x.img", "-e", "(de f (x) x)", "-e", "(preserve)")
    assert missing("llvmlite") in run("csl-image", "add", "x.img", "--tag", SAMPLE[0], status=2)[1]
    assert missing("cryptography") in run("csl-image", "sign", "x.img", "--key", "k.pem", "--make-key", status=2)[1]
    assert missing("keystone") in "".join(run("csl", "-q", "-e", '(lap "ret")'))
    assert missing("capstone") in run("csl-image", "disasm", "x.img", "sort")[0]


@pytest.mark.parametrize("damage", ["source", "other image", "cut short", "no kernel"])
def test_a_damaged_installation_says_so(unpacked: Path, tmp_path: Path, damage: str) -> None:
    shutil.copytree(unpacked, tmp_path / "copy")
    subprocess.run(["chmod", "-R", "u+w", str(tmp_path / "copy")], check=True)
    image, module = (tmp_path / "copy" / "csl_native" / "base.img",
                     tmp_path / "copy" / "csl_native" / "kernel" / "lists.py")
    if damage == "source":
        module.write_text(module.read_text() + "# more\n")
    elif damage == "other image":
        shutil.copy(ROOT / "tests" / "images" / sorted(os.listdir(ROOT / "tests" / "images"))[0], image)
    elif damage == "cut short":
        image.write_bytes(image.read_bytes()[:100000])
    else:
        data = bytearray(image.read_bytes())
        with Image(image) as opened:
            section = next(s for s in opened.sections.values()
                           if s.name == f"kernel-{host().number}")  # type: ignore[union-attr]
        data[section.offset + section.stored - 50] ^= 1
        image.write_bytes(data)
    done = subprocess.run([sys.executable, "-m", "csl_native", "-q", "-e", "(print 1)"],
                          env={**os.environ, "PYTHONPATH": str(tmp_path / "copy")},
                          cwd=tmp_path, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert re.fullmatch("csl: .*the installation is damaged; install csl-native again\n", done.stderr), done.stderr


@pytest.mark.exhaustive
@pytest.mark.parametrize("machine", list(emulation.MACHINES))
def test_runs_natively_on_every_machine(wheel: Path, unpacked: Path, machine: str, tmp_path: Path) -> None:
    """The same files, under emulation."""
    if machine not in tags_of(wheel):
        pytest.skip("this wheel is for the sample")
    try:
        command = emulation.python(machine)
    except emulation.Unavailable as error:
        pytest.skip(f"no emulation of {machine}: {error}")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path / "home"), "PYTHONPATH": str(unpacked),
                   "PYTHONDONTWRITEBYTECODE": "1"}

    def there(*arguments: str) -> tuple[str, str]:
        done = subprocess.run([*command, "-m", "csl_native", "-q", "-k", "64M", *arguments], cwd=tmp_path,
                              env=environment, capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, preexec_fn=no_override, timeout=280, check=False)
        return done.stdout, done.stderr
    number = next(a.number for a in architectures() if a.name == machine)
    form = "(print (list (fib 10) (sort '(3 1 2) 'lessp) (cdr (assoc 'native lispsystem!*))))"
    assert there("--explain", "-e", FIB, "-e", form) == (f"(55 (1 2 3) {number})\n", "")
    out, said = there("--jit", "0", "--stats", "-e", f"(progn {TYPED})", "-e", FIB, "-e", "(typed!-main)", "-e",
                      "(print (fib 10))")
    assert (out.endswith("(9 225 -1 1099511627818)\n55\n")
            and re.search(r"[1-9]\d* functions compiled by stencils", said)), said
    assert not (tmp_path / "home").exists()
