"""``csl --jit-bisect``: which function's native code makes a program do something else than its bytecode does.

The program runs again and again in processes of its own, in which so and so many functions are compiled and no more;
what it does is its output and its status.
"""

from __future__ import annotations

import subprocess
import sys

MOST = 1 << 20  # functions
SAID = "csl: --jit-most: the last function that is compiled is "  # what such a process says, though it may crash later


def bisect(arguments: list[str]) -> int:
    """The command: 0 when the program always does the same, 1 when a function was found."""
    plain = [each for each in arguments if each != "--jit-bisect"]
    given = None if sys.stdin is None or sys.stdin.isatty() else sys.stdin.buffer.read()

    def run(most: int) -> tuple[tuple[int, bytes], str]:
        done = subprocess.run([sys.executable, "-m", "csl_native", "--jit-most", str(most), *plain], input=given or b"",
                              capture_output=True, check=False)
        last = [line for line in done.stderr.decode("utf-8", "replace").splitlines() if line.startswith(SAID)]
        return (done.returncode, done.stdout), last[-1].removeprefix(SAID) if last else ""

    expected, _ = run(0)
    low, high = 0, 1
    while True:
        outcome, last = run(high)
        if outcome != expected:
            break
        if not last or high >= MOST:  # fewer were compiled
            print("csl: the program does the same as bytecode and with all native code that is made", file=sys.stderr)
            return 0
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        found, name = run(middle)
        if found == expected:
            low = middle
        else:
            high, outcome, last = middle, found, name
    print(f"csl: it is {last}, number {high} of those that are compiled: with --jit-most {low} the program does what "
          f"it does as bytecode, with --jit-most {high} it ends with {outcome[0]} after {len(outcome[1])} bytes of "
          f"output, not with {expected[0]} after {len(expected[1])}", file=sys.stderr)
    return 1
