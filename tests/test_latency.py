"""Whatever runs, an interrupt and a limit of time end it at once, and the session goes on.

A row is what is prepared, and a form that would run for seconds.  The fast test asks that each ends; the slow one
measures how soon.
"""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from csl_native import LispError, Session
from csl_native.system.signals import TICKER

from .conftest import needs_native

NEGATIVES = "(setq b (minus (quotient (ash 1 400000000) 7))) (setq c (minus (quotient (ash 1 399999990) 11)))"
ROWS: dict[str, tuple[str, str]] = {
    # long integers
    "product": ("(setq b (quotient (ash 1 90000000) 7)) (setq c (add1 b))", "(prog nil a (times b c) (go a))"),
    "quotient": ("(setq c (quotient (ash 1 30000000) 7)) (setq b (quotient (ash 1 60000000) 5))",
                 "(prog nil a (quotient b c) (go a))"),
    "gcd": ("(setq b (quotient (ash 1 20000000) 7)) (setq c (quotient (ash 1 15000000) 5))", "(gcdn b c)"),
    "lcm": ("(setq b (quotient (ash 1 20000000) 7)) (setq c (quotient (ash 1 15000000) 5))", "(lcmn b c)"),
    "power": ("", "(expt 7 200000000)"),
    "floor": ("(setq c (quotient (ash 1 30000000) 7)) (setq b (quotient (ash 1 60000000) 5))",
              "(prog nil a (floor b c) (go a))"),
    "root": ("(setq b (quotient (ash 1 90000000) 7))", "(isqrt b)"),
    "printed integer": ("(setq b (quotient (ash 1 60000000) 7))", "(print b)"),
    "residue": ("(set!-small!-modulus 1000003) (setq b (quotient (ash 1 5000000) 7))",
                "(prog nil a (modular!-expt 5 b) (go a))"),
    "factorial": ("", "(prog (i r) (setq r 1) (setq i 1) a (setq r (times r i)) (setq i (add1 i)) (go a))"),
    "bits": (NEGATIVES, "(prog nil a (land b c) (lor b c) (lxor b c) (lnot b) (go a))"),
    "shifts": (NEGATIVES, "(prog nil a (lshift b 7) (ash b -7) (ashift b 70) (go a))"),
    "looks at bits": (NEGATIVES, "(prog nil a (integer!-length b) (logcount b) (logbitp 200000000 b) (inorm b 30) "
                                 "(go a))"),
    "short divisor": (NEGATIVES, "(prog nil a (quotient b 7) (gcdn b 12345) (modular!-number b) (go a))"),
    "floats of long integers": (NEGATIVES, "(prog nil a (lessp b 1.5) (atan2 b c) (signum b) (go a))"),
    "prime": ("(setq b (sub1 (ash 1 44497)))", "(primep64 b)"),
    "hexadecimal": (NEGATIVES, "(explodehex b)"),
    # long data
    "message": ("(setq s (make!-simple!-string 20000000))", "(prog nil a (prin1 s) (go a))"),
    "object list": ("(dotimes (i 200000) (intern (list2string (append (explode i) '(!a)))))",
                    "(prog nil a (mapobl 'atom) (go a))"),
    "hash table": ("(setq h (mkhash 10 2 1.5)) (dotimes (i 300000) (puthash i h i))",
                   "(prog nil a (maphash (function (lambda (k v) k)) h) (go a))"),
    "vector": ("", "(prog nil a (mkvect 20000000) (mkvect8 100000000) (go a))"),
    # waiting
    "sleep": ("", "(sleep 5000)"),
    "system": ("", "(system \"sleep 5\")"),
    "a pipe without a writer": ("", "(prog nil (rds (open \"FIFO\" 'input)) (read))"),
    "a pipe without a reader": ("", "(open \"FIFO\" 'output)"),
    "read": ("(system \"timeout 9 sh -c 'sleep 9 > FIFO' > /dev/null 2>&1 &\") "
             "(setq f (open \"FIFO\" 'input))", "(prog nil (rds f) (read))"),
    "readch": ("(system \"timeout 9 sh -c 'sleep 9 > FIFO' > /dev/null 2>&1 &\") "
               "(setq f (open \"FIFO\" 'input))", "(prog nil (rds f) (readch))"),
    "rdf": ("(system \"timeout 9 sh -c 'sleep 9 > FIFO' > /dev/null 2>&1 &\")", "(rdf \"FIFO\")"),
    "read from a command": ("", "(prog (f) (setq f (pipe!-open \"sleep 5\" 'input)) (rds f) (readch))"),
    # C functions that wait, by libffi
    "c sleep": ("(define!-foreign 'c!-sleep nil \"sleep\" 'uint32 '(uint32))", "(c!-sleep 5)"),
    "c sleep by the original's names": ("(setq h (find!-foreign!-function \"sleep\" "
                                        "(open!-foreign!-library \"libc.so.6\")))", "(call!-foreign!-function h 5)"),
    "c pause": ("(define!-foreign 'c!-pause nil \"pause\" 'int '() 'errno)", "(c!-pause)"),
    "c poll": ("(define!-foreign 'c!-poll nil \"poll\" 'int '(pointer long int) 'errno)", "(c!-poll nil 0 5000)"),
    "c read": ("(define!-foreign 'c!-open nil \"open\" 'int '(string int)) "
               "(define!-foreign 'c!-read nil \"read\" 'long '(int pointer size))"
               "(setq f (c!-open \"FIFO\" 2)) (setq b (mkvect8 9))", "(c!-read f b 9)"),
    "c lock": ("(define!-foreign 'c!-open nil \"open\" 'int '(string int)) "
               "(define!-foreign 'c!-flock nil \"flock\" 'int '(int int))"
               "(c!-flock (c!-open \"FIFO\" 2) 2) (setq f (c!-open \"FIFO\" 2))", "(c!-flock f 2)"),
    "c waitpid": ("(define!-foreign 'c!-posix!-spawn nil \"posix_spawnp\" 'int "
                  "'((out int) string pointer pointer pointer pointer))"
                  "(define!-foreign 'c!-waitpid nil \"waitpid\" 'int '(int pointer int))"
                  "(setq argv (foreign!-allocate 24)) (setq a0 (foreign!-allocate 8)) (foreign!-set a0 'int32 116) "
                  "(setq a1 (foreign!-allocate 8))"
                  "(foreign!-set a1 'int32 57) (foreign!-set argv 'pointer a0) (foreign!-set argv 'pointer a1 8)"
                  "(setq p (cadr (c!-posix!-spawn \"sleep\" nil nil argv nil)))", "(c!-waitpid p nil 0)"),
    # ... and by native code
    "native c sleep": ("(define!-foreign 'c!-sleep nil \"sleep\" 'uint32 '(uint32)) "
                       "(native!-compile '(c!-sleep))", "(c!-sleep 5)"),
    "native c usleep in a loop": ("(define!-foreign 'c!-usleep nil \"usleep\" 'int32 '(uint32)) "
                                  "(native!-compile '(c!-usleep))",
                                 "(prog nil a (c!-usleep 3000) (go a))"),
    "write to a command": ("", "(prog (f) (setq f (pipe!-open \"sleep 2\" 'output)) (wrs f) a "
                               "(prin2 \"hhhhhhhhhhhhhhhhhhhhhh\") (go a))"),
}
FAST = ("product", "gcd", "printed integer", "sleep", "system", "c sleep", "c sleep by the original's names", "c read",
        "native c sleep", "shifts", "message", "vector",
        "a pipe without a writer", "a pipe without a reader", "read", "rdf", "read from a command",
        "write to a command")
SLOW = sorted(set(ROWS) - set(FAST))
WAIT = 0.2  # seconds that a form runs before it is to end


def started(name: str, folder: Path) -> tuple[Session, str]:
    """A session in which a row is prepared, and its form; FIFO is a pipe of its own: what a C function locked stays
    locked in this process.
    """
    session = Session(heap=1 << 30, output=open(os.devnull, "wb"))
    fifo = os.path.join(tempfile.mkdtemp(dir=folder), "fifo")
    os.mkfifo(fifo)
    prelude, form = (text.replace("FIFO", fifo) for text in ROWS[name])
    session.eval(f"(progn {prelude} nil)")
    return session, form


def interrupted(session: Session, form: str) -> float:
    """Seconds from an interrupt to the end of a form."""
    asked = time.perf_counter() + WAIT

    def interrupt() -> None:
        time.sleep(max(0.0, asked - time.perf_counter()))
        session.interrupt()
    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(LispError, match="Interrupted"):
        session.eval(f"(progn {form} nil)")
    found = time.perf_counter() - asked
    thread.join()
    return found


def limited(session: Session, form: str) -> float:
    """Seconds from when a limit of time was reached, by the clock that is ahead, to the end of a form."""
    cpu, wall, waited = time.process_time(), time.perf_counter(), session.machine.waited_so_far()
    assert session.eval(f"(resource!-limit '(progn {form} nil) {WAIT})") == [], "it was not ended"
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return min(max(cpu, session.machine.waited_so_far() - waited), wall) - WAIT


@needs_native
def test_ending_a_c_function_leaves_the_process_as_it_was(tmp_path: Path) -> None:
    """The handler of the signal is what it was, and where somebody else has one the function is waited for."""
    session, form = started("c sleep", tmp_path)
    with closing(session):
        assert interrupted(session, form) < 2
        until = time.monotonic() + 5
        while TICKER.nudge.before is not None and time.monotonic() < until:
            time.sleep(0.01)
        assert TICKER.nudge.before is None and not caught(signal.SIGURG)
        seen: list[int] = []
        signal.signal(signal.SIGURG, lambda number, frame: seen.append(number))
        try:
            assert interrupted(session, "(c!-sleep 1)") > 0.7
            assert caught(signal.SIGURG) and seen == []
        finally:
            signal.signal(signal.SIGURG, signal.SIG_DFL)


def caught(number: int) -> bool:
    """Does this process have a handler for a signal, as the system says?"""
    row = next(line for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines()
               if line.startswith("SigCgt"))
    return bool(int(row.split()[1], 16) >> number - 1 & 1)


def after(session: Session, found: float) -> float:
    session.eval("(progn (rds nil) (wrs nil))")
    return found


@needs_native
@pytest.mark.parametrize("name", FAST)
def test_it_ends(name: str, tmp_path: Path) -> None:
    session, form = started(name, tmp_path)
    with closing(session):
        for ended in (interrupted, limited):
            assert after(session, ended(session, form)) < 2
            assert session.eval("(plus 1 2)") == 3


@needs_native
@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.parametrize("name", ROWS)
def test_it_ends_within_a_tenth_of_a_second(name: str, tmp_path: Path, record_property: Any) -> None:
    """The best of three, because the machine may be loaded."""
    for ended in (interrupted, limited):
        session, form = started(name, tmp_path)
        with closing(session):
            found = min(after(session, ended(session, form)) for _ in range(3))
            assert session.eval("(plus 1 2)") == 3
        record_property(ended.__name__, found)
        assert found < 0.1, f"{ended.__name__}: {found:.3f} s"


