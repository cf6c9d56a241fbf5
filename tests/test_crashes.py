"""Native code that crashes says where, and native code that is wrong is found."""

from __future__ import annotations

import ctypes
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from csl_native.architectures import host

from .conftest import needs_native

HERE = host()
pytestmark = [needs_native, pytest.mark.skipif(HERE is None or HERE.fault is None, reason="nobody is told here")]
CSL = [sys.executable, "-m", "csl_native", "-q"]
# By architecture: code that loads from address 16.
LOADS = {"x86-64": "31c0 488b4010 c3", "aarch64": "000080d2 000840f9 c0035fd6"}


def busiest(pid: int) -> int:
    """The thread that took the most time, when that was two thirds of a second, of which the start is a small part."""
    def ticks(path: Path) -> int:
        return int((path / "stat").read_text().rpartition(")")[2].split()[11])
    while ticks(found := max(Path(f"/proc/{pid}/task").iterdir(), key=ticks)) < 67:
        time.sleep(0.05)
    return int(found.name)


def test_a_crash_says_function_and_address(tmp_path: Path) -> None:
    tgkill = getattr(ctypes.CDLL(None), "tgkill", None)
    if tgkill is None:
        pytest.skip("this C library cannot send a signal to one thread of another process")
    (tmp_path / "spin.lsp").write_text("(de spin (n) (prog nil loop (setq n (add1 n)) (go loop))) (spin 0)")
    with subprocess.Popen([*CSL, "--jit", "0", str(tmp_path / "spin.lsp")], stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, stdin=subprocess.DEVNULL) as process:
        assert process.stderr is not None
        tgkill(process.pid, busiest(process.pid), int(signal.SIGSEGV))
        said = process.stderr.read().decode()
    assert process.returncode == -signal.SIGSEGV
    assert "csl: Segmentation fault at address 0x" in said
    assert ", in the function spin, which was compiled while the program ran, " in said


@pytest.mark.skipif(HERE is None or HERE.name not in LOADS, reason="no code for this machine")
def test_code_made_by_hand_is_named_with_its_page(tmp_path: Path) -> None:
    assert HERE is not None
    code = bytes.fromhex(LOADS[HERE.name])
    (tmp_path / "bad.lsp").write_text("\n".join([
        "(de bad (x) x)", f"(setq v (make!-native {8 + len(code)}))",
        *(f"(putv!-native v {8 + k} {byte} 1)" for k, byte in enumerate(code)),
        "(symbol!-set!-native 'bad 1 v 8 nil)", "(bad 1)", "(print 'alive)"]))
    done = subprocess.run([*CSL, str(tmp_path / "bad.lsp")], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          timeout=60, check=False)
    assert done.returncode == -signal.SIGSEGV and "alive" not in done.stdout, done
    assert ": page 0, byte 0x" in done.stderr and "which reached for address 0x10\n" in done.stderr


PROGRAM = """
(de one (x) (add1 x))
(de two (x) (sub1 x))
(de three (x) (times x 2))
(one 1) (two 1) (three 1)
(print (list 'two (length (code!-size 'two))))
"""


def test_the_function_that_makes_the_difference_is_found(tmp_path: Path) -> None:
    (tmp_path / "p.lsp").write_text(PROGRAM)
    done = subprocess.run([*CSL, "--jit", "0", "--jit-bisect", str(tmp_path / "p.lsp")], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=100, check=False)
    assert done.returncode == 1 and "csl: it is two (stencil), number " in done.stderr, done.stderr
    (tmp_path / "q.lsp").write_text(PROGRAM.replace("(code!-size 'two)", "'(1 2)"))
    done = subprocess.run([*CSL, "--jit", "0", "--jit-bisect", str(tmp_path / "q.lsp")], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=100, check=False)
    assert done.returncode == 0 and "does the same" in done.stderr
    done = subprocess.run([*CSL, "--jit-most", "x"], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          timeout=60, check=False)
    assert done.returncode == 2 and "a number of functions was expected" in done.stderr
