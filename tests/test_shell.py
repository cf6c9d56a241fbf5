"""What shells and readers of manuals get of the commands: completion, man pages, quiet ends of pipes."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from csl_native.app.cli import FLAGS, SWITCHES, USAGE, VALUED
from csl_native.tools.completion import SHELLS, asm_script, csl_script
from csl_native.tools.manpages import MAN_PAGES, rows_of_usage

from .conftest import CSL

Run = Callable[..., Any]


def test_every_option_is_found_in_the_usage() -> None:
    found = {name.lstrip("-") for row in rows_of_usage(USAGE) for name in row.names}
    known = {name.lstrip("-") for name in (*VALUED, *SWITCHES)} - {"", "d", "maxmem"} | {"profile"}
    assert found - {name.lstrip("-") for name in FLAGS} == known


@pytest.mark.parametrize("shell", SHELLS)
def test_completion(csl: Run, shell: str) -> None:
    done = csl("--completion", shell)
    assert (done.returncode == 0 and done.stdout == csl_script(shell)
            + "\n" and "perf-map" in done.stdout and "run" in asm_script(shell))
    if shell == "bash" and shutil.which("bash"):
        for typed, shown in ((("csl", "--nat"), "--native --native-compile"), (("csl", "--native", "o"), "on off"),
                             (("csl", "x"), "")):
            asked = (f"{done.stdout}\nCOMP_WORDS=({' '.join(typed)}); COMP_CWORD={len(typed) - 1}; _csl; echo "
                     "${COMPREPLY[@]}")
            assert subprocess.run(["bash", "-c", asked], capture_output=True, text=True,
                                  check=True).stdout == shown + "\n"


def test_an_unknown_shell(csl: Run) -> None:
    assert csl("--completion", "tcsh").stderr == "csl: --completion tcsh; bash, zsh, fish expected\n"


@pytest.mark.parametrize("name", MAN_PAGES)
def test_man_pages_are_roff(name: str) -> None:
    text = MAN_PAGES[name]()
    titles = re.findall(r"^\.SH (.+)$", text, re.M)
    assert titles[:3] == ["NAME", "SYNOPSIS", "DESCRIPTION"] and "EXIT STATUS" in titles
    for line in text.splitlines():
        assert not line.startswith("'") and (not line.startswith(".")
                                             or re.match(r"\.(TH|SH|SS|TP|B|\\\")", line)), (line)
    if shutil.which("groff"):
        assert subprocess.run(["groff", "-man", "-Tutf8", "-ww"], input=text, capture_output=True, text=True,
                              check=True).stderr == ""


@pytest.mark.skipif(sys.platform == "win32", reason="no such pipes")
@pytest.mark.parametrize("command", [[*CSL, "-q", "-e", "(prog (i) (setq i 0) l (print i) (setq i (add1 i)) "
                                                        "(cond ((lessp i 30000) (go l))))"],
                                     [sys.executable, "-m", "csl_native.tools.csl_image", "tags"], [*CSL, "--help"]])
def test_the_end_of_a_pipe_is_quiet(command: list[str]) -> None:
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


@pytest.mark.parametrize("module", ["csl_native", "csl_native.tools.csl_image", "csl_native.tools.csl_asm"])
def test_versions(module: str) -> None:
    import csl_native
    done = subprocess.run([sys.executable, "-m", module, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"csl-native {csl_native.__version__}\n"
