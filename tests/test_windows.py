"""Everything as bytecode on Windows: a CPython for Windows under wine, which has nothing of Linux in it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from csl_native.session import Session, restore

from . import windows
from .conftest import ROOT, needs_native
from .emulation import Unavailable
from .test_corpus import CORPUS, program
from .test_emulation import printed
from .windows import windows_path

pytestmark = [pytest.mark.slow, pytest.mark.exhaustive, needs_native]
MODULE = ["-m", "csl_native.cli", "-q", "-k", "64M"]
PROGRAMS = ("bareiss", "deriv", "hashes", "stak", "strings", "takl")


@pytest.fixture(scope="session")
def python() -> list[str]:
    """The command of a Python for Windows that runs here."""
    try:
        return windows.python()
    except Unavailable as error:
        pytest.skip(f"no Windows: {error}")


def there(python: list[str], *arguments: str, text: str = "", cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*python, *arguments], input=text, capture_output=True, encoding="utf-8", timeout=280, check=False, cwd=cwd,
                          env={**os.environ, **windows.ENVIRONMENT})


def test_it_starts_and_says_why(python: list[str], tmp_path: Path) -> None:
    """The tag is not that of the same processor under Linux; output is UTF-8, whatever the console's code page; paths have backslashes."""
    name = windows_path(tmp_path / "out.txt")
    forms = ["(print (list (sin 1.0) (expt 3 50) (cdr (assoc 'native lispsystem!*)) (cdr (assoc 'opsys lispsystem!*))))", '(progn (prin2 "Grüße λ") (terpri))',
             f'(progn (setq s (open "{name}" \'output)) (wrs s) (prin2 "é") (terpri) (wrs nil) (close s))',
             f'(print (list (filep "{name}") (filep "{name}x")))', f'(progn (setq s (open "{name}" \'input)) (rds s) (prin2 (readline)) (terpri) (rds nil))']
    done = there(python, *MODULE, "--explain", *(part for form in forms for part in ("-e", form)))
    assert done.stdout == f"(0.841471 {3 ** 50} 0 win64)\nGrüße λ\n(t nil)\né\n", done.stderr
    assert done.stderr.count("[no-architecture]") == 1 and "win32 with PE programs has another calling convention than x86-64 (System V AMD64" in done.stderr
    assert (tmp_path / "out.txt").read_bytes() == "é\n".encode()


def test_programs(python: list[str], tmp_path: Path) -> None:
    path = tmp_path / "all programs.lsp"
    path.write_text("".join(program(name, small=True) + "\n(main)\n" for name in PROGRAMS))
    done = there(python, *MODULE, windows_path(path))
    for name in PROGRAMS:
        assert printed(name, done.stdout) == (CORPUS / "programs" / f"{name}.small.expected").read_text(), (name, done.stderr)


def test_conformance(python: list[str]) -> None:
    """A sample of the cases gives what it gives here."""
    def passed(*command: str) -> object:
        only = ["--json", "-", "--no-programs", "--timeout", "250", "--only", "catch|vectors"]
        done = subprocess.run([sys.executable, str(CORPUS / "run.py"), *only, *command, "{}"], capture_output=True, text=True, timeout=600,
                              check=False, env={**os.environ, "PYTHONPATH": str(ROOT), **windows.ENVIRONMENT})
        return json.loads(done.stdout)["conformance"]
    assert passed(*python, *MODULE) == passed(sys.executable, *MODULE)


def test_images_there_and_back(python: list[str], tmp_path: Path) -> None:
    """Made here with native code, run and preserved there, native again here; a library of faslout in the same way."""
    image, library = tmp_path / "x.img", tmp_path / "lib.img"
    s = Session(heap=64 << 20)
    s.eval("(de sq (x) (times x x)) (setq from!-here (list 1 2.5 (expt 2 100) \"é\" (mkvect 2)))")
    s.native_compile(["sq"])
    s.preserve(image)
    s.close()
    done = there(python, *MODULE, "--explain", "-i", windows_path(image), "-o", windows_path(image), "-e", "(print (list (sq 12) from!-here))",
                 "-e", "(setq from!-there (sq (caddr from!-here)))", "-e", "(preserve)")
    assert done.returncode == 0 and re.sub(r"\s", "", done.stdout) == f'(144(12.5{1 << 100}"#00e9;"[nilnilnil]))', done.stderr
    assert done.stderr.count("[no-architecture]") == 1
    done = there(python, *MODULE, "-o", windows_path(library), text="(faslout 'shapes)\n(de area (x) (times x x))\n(faslend)\n")
    assert "Completed FASL files for shapes" in done.stdout, done.stderr
    done = there(python, *MODULE, "-i", windows_path(image), "-i", windows_path(library), "-e", "(load!-module 'shapes)",
                 "-e", "(print (list (area 7) from!-there))")
    assert done.stdout.split() == ["(49", f"{1 << 200})"], done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["lib.img", "x.img"], "neither temporary files nor locks stay"
    s = restore(image, heap=64 << 20, libraries=[library])
    assert s.explain() == [] and s.eval("(list (sq 3) from!-there (progn (load!-module 'shapes) (area 5)))") == [9, 1 << 200, 25]
    s.close()


INTERRUPT = """
import _thread, signal, sys, threading, time
from csl_native.cli import main
def later():
    while signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        time.sleep(0.1)
    time.sleep(2)
    _thread.interrupt_main()
threading.Thread(target=later, daemon=True).start()
sys.exit(main(["-q", "-k", "64M", "-e", "(prog nil loop (go loop))", "-e", "(print 'on)"]))
"""


def test_an_interrupt_reaches_a_loop(python: list[str]) -> None:
    done = there(python, "-c", INTERRUPT)
    assert done.stdout.endswith("on\n") and done.returncode == 0, (done.stdout, done.stderr)
