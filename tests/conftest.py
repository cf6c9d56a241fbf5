"""Shared fixtures: sessions on each execution, and programs run as a user would."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from csl_native import Session
from csl_native.architectures import host
from csl_native.saving.baseimage import base_image

ROOT = Path(__file__).resolve().parent.parent
CSL = [sys.executable, "-m", "csl_native"]


# keys of their own: one set for all test processes and what they start
if "csl-native-tests-" not in os.environ.get("XDG_CONFIG_HOME", ""):
    os.environ["XDG_CONFIG_HOME"] = tempfile.mkdtemp(prefix="csl-native-tests-")

# a shell's background job: what tests interrupts, and what they start, would never end
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--bless", action="store_true", help="rewrite golden files instead of comparing with them")


@pytest.fixture(scope="session")
def bless(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--bless"))


def machine_runs_natively() -> bool:
    architecture = host()
    if architecture is None:
        return False
    from csl_native.image.container import Image
    with Image(base_image()) as image:
        return f"kernel-{architecture.number}" in image.sections


def sign_again(path: Path) -> None:
    """Make an image that was changed by hand one that this user vouches for, so that only the change is looked at."""
    from csl_native.tools.csl_image import main
    with contextlib.redirect_stdout(io.StringIO()):
        assert main(["sign", str(path)]) == 0


needs_native = pytest.mark.skipif(not machine_runs_natively(),
                                  reason="no native kernel for this machine in the base image")


@pytest.fixture(params=["native", "python"])
def session(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Session]:
    """A fresh session on each execution of the kernel."""
    if request.param == "native" and not machine_runs_natively():
        pytest.skip("no native kernel for this machine")
    with open(tmp_path / "output", "wb") as out:
        s = Session(heap=256 << 20, engine="python" if request.param == "python" else None, output=out)
        yield s
        s.close()


@pytest.fixture
def native(tmp_path: Path) -> Iterator[Session]:
    """A fresh native session."""
    if not machine_runs_natively():
        pytest.skip("no native kernel for this machine")
    with open(tmp_path / "output", "wb") as out:
        s = Session(heap=256 << 20, output=out)
        yield s
        s.close()


@pytest.fixture
def csl(tmp_path: Path) -> Callable[..., Any]:
    """Run csl in a new process in an empty folder."""
    def run(*arguments: str, text: str | None = None, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*CSL, *arguments], input=text if text is not None else "", capture_output=True,
                              text=True, cwd=tmp_path,
                              timeout=timeout, check=False)
    return run
