"""Processes of this installation: isolated Python, which looks into no folder that somebody happens to be in.

The package is the one that asks, by its place; where this process finds other packages comes behind all others.
"""

from __future__ import annotations

import os
import subprocess
import sys

from .places import PACKAGE

BEGIN = """
import sys
from importlib import util
package, end = sys.argv[1], sys.argv.index("--")
sys.path += [folder for folder in sys.argv[2:end] if folder not in sys.path]
sys.argv[1:end + 1] = []
spec = util.spec_from_file_location("csl_native", package + "/__init__.py", submodule_search_locations=[package])
sys.modules["csl_native"] = module = util.module_from_spec(spec)
spec.loader.exec_module(module)
"""


def command(program: str, *arguments: str) -> list[str]:
    """What begins a process that runs a line of Python, which imports what it needs of this package."""
    here = os.path.realpath(os.curdir)
    folders = [path for path in sys.path if os.path.isabs(path) and os.path.realpath(path) != here]
    return [sys.executable, "-I", "-c", BEGIN + program, PACKAGE, *folders, "--", *arguments]


def run(program: str, *arguments: str) -> int:
    """Run a line of Python to its end, without standard input and output; its status."""
    return subprocess.run(command(program, *arguments), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          check=False).returncode
