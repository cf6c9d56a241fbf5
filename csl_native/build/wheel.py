"""``python -m csl_native.build.wheel``: one wheel for every machine, whose base image holds kernel, stencils and
library of all architectures.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile

from ..saving.baseimage import BASE_IMAGE, IN_CHECKOUT, made_from, making, sources
from ..system.places import CHECKOUT as ROOT
from ..system.places import PACKAGE

BESIDE = ("pyproject.toml", "README.md", "LICENSE")


def image_for(folder: str, tags: str) -> str:
    """The base image for all tags or some, made unless one of these sources is there; all take minutes."""
    path = os.path.join(folder, f"{tags.replace(',', '+')}.img")
    with making():
        if made_from(path) != sources():
            subprocess.run([sys.executable, "-m", "csl_native.build", "--tags", tags, "--output", path], cwd=ROOT,
                           check=True)
    return path


def stage(target: str, image: str) -> None:
    """Copy what the wheel is made from into a folder where nothing else is."""
    # through the links
    shutil.copytree(PACKAGE, os.path.join(target, "csl_native"),
                    ignore=shutil.ignore_patterns("__pycache__", "*.img", ".*"))
    for name in BESIDE:
        shutil.copy(os.path.join(ROOT, name), target)
    shutil.copytree(os.path.join(ROOT, "docs", "man"), os.path.join(target, "docs", "man"))
    shutil.copy(image, os.path.join(target, "csl_native", os.path.basename(BASE_IMAGE)))


def main() -> int:
    """Make the wheel; gives the exit status."""
    parser = argparse.ArgumentParser(prog="python -m csl_native.build.wheel", description=__doc__)
    parser.add_argument("folder", nargs="?", default=os.path.join(ROOT, "dist"), help="where the wheel goes")
    parser.add_argument("--tags", default="all", metavar="A,B", help="for this machine and these only")
    options = parser.parse_args()
    target = os.path.abspath(options.folder)
    if not IN_CHECKOUT:
        parser.error(f"{ROOT}: no pyproject.toml; wheels are made from a checkout")
    work = os.path.join(ROOT, "build", "wheel")
    os.makedirs(work, exist_ok=True)
    image = image_for(work, options.tags)
    with tempfile.TemporaryDirectory(prefix="csl-native-wheel-") as staged:  # of this process alone
        stage(staged, image)
        command = [sys.executable, "-m", "pip", "wheel", "-q", "--disable-pip-version-check", "--no-deps",
                   "--wheel-dir", target, staged]
        return subprocess.run(command, cwd=work, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
