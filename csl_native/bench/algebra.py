"""A program of some size: building the computer algebra system of examples/algebra, starting it, and its scripts on
every tier.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ..system.places import CHECKOUT
from .images import start_time

ALGEBRA = Path(CHECKOUT) / "examples" / "algebra"
ROUNDS = 3


def run(*arguments: str, script: Path | None = None) -> float:
    """Seconds of a run of csl that reads a script."""
    with open(script or "/dev/null", "rb") as source:
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "csl_native", "-q", *arguments], stdin=source, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL,
                       check=True)
        return time.perf_counter() - started


def algebra(say: Callable[[str], None]) -> tuple[str, list[str], list[list[str]]]:
    """What building and starting takes, and a table of the scripts: milliseconds with the jit, and ratios of the others
    to that.
    """
    with tempfile.TemporaryDirectory() as folder:
        image, native = f"{folder}/algebra.img", f"{folder}/native.img"
        say("algebra: build")
        build = run("-z", f"-D@algebra={ALGEBRA}", "-o", image, str(ALGEBRA / "build.lsp"))
        compiled = run("-n", "-i", image, "-o", native, "--native-compile", "all", "-e", "nil")
        ways = {"jit": ("-i", image), "bytecode": ("--jit", "-1", "-i", image),
                "stencils": ("--jit", "0,-1", "-i", image), "native": ("-i", native)}
        rows = []
        for script in sorted((ALGEBRA / "tests").glob("*.tst")):
            say(f"algebra: {script.stem}")
            best = {name: min(run(*way, script=script) for _ in range(ROUNDS)) for name, way in ways.items()}
            rows.append([script.stem, f"{1000 * best['jit']:.0f}",
                         *(f"{best[name] / best['jit']:.2f}" for name in list(ways)[1:])])
        starts = [start_time(Path(each)) for each in (image, native)]
        line = (f"algebra system: built in {build:.2f} s, native code of all of it in {compiled:.1f} s, "
                f"starts in {1000 * starts[0]:.0f} ms, with native code in {1000 * starts[1]:.0f} ms")
        return line, ["script", "jit ms", *(f"{name} / jit" for name in list(ways)[1:])], rows
