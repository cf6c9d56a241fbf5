"""``make soak``: sessions in many threads for a long time; memory, address space, descriptors and threads of the
process must stay what they are.

Every thread makes sessions, evaluates, calls, defines, fails, is interrupted, preserves and restores, and closes or
drops them.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

from csl_native import LispError, Session, restore

HEAP = 32 << 20


class Sample(NamedTuple):
    """What the process has: megabytes of memory and of address space, descriptors, threads."""

    seconds: float
    resident: float
    reserved: float
    descriptors: int
    threads: int


def sample(begin: float) -> Sample:
    pages = [int(word) * os.sysconf("SC_PAGE_SIZE") / (1 << 20)
             for word in Path("/proc/self/statm").read_text().split()[:2]]
    return Sample(time.monotonic() - begin, pages[1], pages[0], len(os.listdir("/proc/self/fd")),
                  threading.active_count())


class Soak:
    """The work of all threads; ``evals`` and ``sessions`` count what was done."""

    def __init__(self, folder: Path, evals: int, sessions: int) -> None:
        self.folder, self.per_session = folder, max(1, evals // sessions)
        self.wanted, self.wanted_sessions = evals, sessions
        self.evals = self.sessions = 0
        self.lock, self.stop, self.failed = threading.Lock(), threading.Event(), list[str]()

    def done(self) -> bool:
        return self.evals >= self.wanted and self.sessions >= self.wanted_sessions

    def work(self, number: int) -> None:
        r, kept = random.Random(number), None
        try:
            while not self.stop.is_set():
                path = self.folder / f"{number}.img"
                again = path.exists() and r.random() < 0.1
                with open(os.devnull, "wb") as out:
                    session = restore(path, heap=HEAP, output=out) if again else Session(heap=HEAP, output=out)
                    for k in range(self.per_session):
                        self.step(session, r, k, path)
                    kept = session if r.random() < 0.2 else session.close()  # dropped by the next one
                with self.lock:
                    self.sessions, self.evals = self.sessions + 1, self.evals + self.per_session
        except BaseException as error:
            self.failed.append(f"thread {number}: {type(error).__name__}: {error}")
            self.stop.set()
        del kept

    def step(self, session: Session, r: random.Random, k: int, path: Path) -> None:
        kind = r.randrange(10)
        if kind == 0:
            session.eval(f"(de f{k} (n) (cond ((lessp n 2) n) (t (plus (f{k} (sub1 n)) (f{k} (difference n 2))))))")
            assert session.call(f"f{k}", 10) == 55
        elif kind == 1:
            assert session.eval("(length (explode (expt 7 900)))") == 761
        elif kind == 2:
            try:
                session.eval("(car 5)")
            except LispError as error:
                assert "car" in str(error)
        elif kind == 3:
            def fails(n: int) -> int:
                raise KeyError(n)
            session.define("fails", fails)
            try:
                session.eval("(fails 3)")
            except KeyError as error:
                assert error.args == (3,)
        elif kind == 4:
            table = session.eval("(mkhash 10 2 1.5)")
            session.call("puthash", "k", table, list(range(50)))
            assert session.call("gethash", "k", table)[49] == 49
        elif kind == 5:
            assert session.eval("(progn (dotimes (i 300) (mkvect 100)) (reclaim) 5)") == 5
        elif kind == 6 and r.random() < 0.05:
            ended = threading.Event()

            def interrupt() -> None:
                while not ended.wait(0.02):  # one that comes before the loop begins is for nobody
                    session.interrupt()
            thread = threading.Thread(target=interrupt)
            thread.start()
            try:
                session.eval("(prog nil a (go a))")
            except LispError as error:
                assert "nterrupt" in str(error)
            finally:
                ended.set()
                thread.join()
        elif kind == 7 and r.random() < 0.1:
            session.preserve(path)
        elif kind == 8 and r.random() < 0.02 and session.machine.native and session.hardcode.refused is None:
            session.eval("(progn (de g (x) (times x 3)) (jit 'g))")
            assert session.eval("(g 14)") == 42
        else:
            assert session.call("plus", k, 1) == k + 1


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="at least so long, and until all is done")
    parser.add_argument("--most", type=float, default=120, help="minutes after which it ends whatever is done")
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--evals", type=int, default=100_000)
    parser.add_argument("--sessions", type=int, default=10_000)
    options = parser.parse_args()
    begin = time.monotonic()
    rows = [sample(begin)]
    with tempfile.TemporaryDirectory() as folder:
        soak = Soak(Path(folder), options.evals, options.sessions)
        threads = [threading.Thread(target=soak.work, args=(n,)) for n in range(options.threads)]
        for thread in threads:
            thread.start()
        while not soak.stop.wait(min(15, options.minutes * 6)):
            rows.append(sample(begin))
            print(f"{rows[-1].seconds:6.0f} s: {soak.sessions} sessions, {soak.evals} evals, {rows[-1].resident:.0f} "
                  f"MB, {rows[-1].reserved:.0f} MB reserved, "
                  f"{rows[-1].descriptors} descriptors, {rows[-1].threads} threads", flush=True)
            minutes = rows[-1].seconds / 60
            if minutes >= options.minutes and soak.done() or minutes >= options.most:
                soak.stop.set()
        for thread in threads:
            thread.join(120)
    return judge(rows, soak)


def judge(rows: list[Sample], soak: Soak) -> int:
    """Compare the second quarter of the time with the last one; the first is for caches that fill."""
    quarter = max(1, len(rows) // 4)
    problems = list(soak.failed)
    for name, slack in (("resident", 1.1), ("reserved", 1.25), ("descriptors", 1.1), ("threads", 1.1)):
        early, late = (statistics.median(getattr(row, name) for row in part)
                       for part in (rows[quarter:2 * quarter] or rows[:1], rows[-quarter:]))
        print(f"{name}: {early:.0f}, at the end {late:.0f}")
        if late > early * slack + 3:
            problems.append(f"{name} grows: {early:.0f}, then {late:.0f}")
    print(f"{soak.sessions} sessions, {soak.evals} evals, {'all of it' if soak.done() else 'not all that was wanted'}; "
          f"{'; '.join(problems) or 'flat'}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
