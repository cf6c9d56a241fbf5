"""Where the system refuses executable memory everything runs as bytecode, and says why."""

from __future__ import annotations

import subprocess
import sys

import pytest

from .conftest import needs_native

# PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN (Linux 6.3, prctl(2)): memory that was writable can never be executable in this
# process.
PROGRAM = """
import ctypes, sys
if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0): sys.exit(77)
from csl_native.app.cli import main
sys.exit(main(sys.argv[1:]))
"""


def locked(*arguments: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=120, check=False)
    if done.returncode == 77:
        pytest.skip("this system cannot refuse executable memory to a program")
    return done


@needs_native
@pytest.mark.parametrize("options", [(), ("--jit", "0")], ids=["by itself", "with the jit"])
def test_no_executable_memory(options: tuple[str, ...]) -> None:
    done = locked("-q", *options, "--explain", "-e",
                  "(de f (n) (cond ((lessp n 2) n) (t (plus (f (sub1 n)) (f (difference n 2))))))", "-e",
                  "(print (f 12)) (jit 'f) (print (f 10)) (print "
                  "(errorset '(native!-compile '(f)) nil nil))", "-e", "(print (f 8))")
    assert done.returncode == 0 and [line for line in done.stdout.split()
                                     if line.isdigit()] == ["144", "55", "21"], (done.stdout + done.stderr)
    assert "[no-memory-execution]" in done.stderr and "Traceback" not in done.stderr
