"""``make mutants``: change what decides about trust, files and code in many places, and see whether a test notices.

Every mutant is made in a copy of the checkout, whose base image is not made again, and runs in processes of its own,
with limits of time and memory. First it is recorded which lines each test runs; then the tests that run a changed line
are run, until one fails.  Who survives is shown; who may survive, because the program means the same, stands in
``survivors.py`` with the reason.
"""

from __future__ import annotations

import argparse
import collections
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from .claims import CLAIMS, WHOLE, claiming
from .mutations import Mutant, mutants
from .survivors import EQUIVALENT

ROOT = Path(__file__).resolve().parents[2]
RECORDED = ROOT / ".venv" / "mutants.json"
MEMORY = 3 << 30  # bytes that the processes of one mutant may have together
SECONDS = 20.0  # of tests for one mutant


class Copy:
    """The checkout at another place, where one file is changed at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.count = folder, 0
        for name in subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True,
                                   text=True, check=True).stdout.splitlines():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target, follow_symlinks=False)
        base = folder / "csl_native" / "saving" / "baseimage.py"
        base.write_text(base.read_text() + "\n\n_base.append(BASE_IMAGE)  # as it is, whatever the sources say\n")
        self.image, self.built = folder / "csl_native" / "base.img", (ROOT / "csl_native" / "base.img").read_bytes()
        self.renew()

    def text(self, file: str) -> str:
        return (self.folder / file).read_text()

    def renew(self) -> None:
        """A mutant may have written to it."""
        self.image.write_bytes(self.built)

    def put(self, file: str, text: str) -> None:
        """Another text; its time is one that no text of this file has had, so nobody takes what was compiled from an
        earlier one.
        """
        self.count += 1
        (self.folder / file).write_text(text)
        os.utime(self.folder / file, (1_000_000_000 + self.count,) * 2)

    def run(self, tests: list[str], limit: float, record: Path | None = None, *options: str) -> tuple[int, str]:
        """Status of pytest (-1: it took too long, or too much) and what it printed."""
        recording = [str(self.folder / "tests" / "mutants" / "recording")] if record else []
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*recording, str(self.folder)]),
                       "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(self.folder / "tmp"), "XDG_CONFIG_HOME": "",
                       "HYPOTHESIS_STORAGE_DIRECTORY": str(self.folder / "tmp"), "MUTANTS_RECORD": str(record or ""),
                       "MUTANTS_ROOT": str(self.folder), "MUTANTS_FILES": os.pathsep.join(CLAIMS)}
        shutil.rmtree(self.folder / "tmp", ignore_errors=True)
        (self.folder / "tmp").mkdir()
        with open(self.folder / "out", "w+", errors="replace") as out:
            command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--tb=line", *options, *tests]
            process = subprocess.Popen(command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=out,
                                       stderr=subprocess.STDOUT,
                                       start_new_session=True)
            end, status = time.monotonic() + limit, None
            while status is None and time.monotonic() < end and memory(process.pid) < MEMORY:
                try:
                    status = process.wait(0.2)
                except subprocess.TimeoutExpired:
                    continue
            try:
                os.killpg(process.pid, signal.SIGKILL)  # and what it left running
            except ProcessLookupError:
                pass
            process.wait()
            out.seek(0)
            return -1 if status is None else status, out.read()


def memory(session: int) -> int:
    """Bytes that the processes of a session have."""
    total = 0
    for entry in os.listdir("/proc"):
        try:
            if entry.isdigit() and os.getsid(int(entry)) == session:
                total += int(Path(f"/proc/{entry}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        except (OSError, IndexError):
            continue
    return total


def record(copy: Copy, files: list[str]) -> None:
    """Which tests run each line, and how long they take; ``FILE::*`` stands for what was run while a test was set up.
    """
    tests = sorted({test for file in files if file not in WHOLE for test in claiming(file)})
    folder = copy.folder / "lines"
    folder.mkdir()
    status, text = copy.run(tests, 3600, folder, "--durations=0", "-vv")
    assert status == 0, f"the tests fail without a mutant:\n{text[-3000:]}"
    seconds: dict[str, float] = collections.defaultdict(float)
    for amount, test in re.findall(r"(?m)^([0-9.]+)s (?:call|setup) +(\S.*)$", text):
        seconds[test] += float(amount)
    lines: dict[str, dict[str, set[str]]] = {}
    for part in folder.iterdir():
        for test, file, numbers in json.loads(part.read_text()):
            name, _, phase = test.rpartition(" ")
            for line in numbers:
                lines.setdefault(file, {}).setdefault(str(line),
                                                      set()).add(name if phase == "(call)"
                                                                 else f"{test.partition('::')[0]}::*" if test else "*")
    names = re.findall(r"(?m)^(tests/\S+::.*?) (?:PASSED|SKIPPED)", text)
    RECORDED.write_text(json.dumps({"seconds": seconds, "tests": names,
                                    "lines": {f: {n: sorted(t) for n, t in rows.items()}
                                              for f, rows in lines.items()}}))


def chosen(mutant: Mutant, recorded: dict[str, dict]) -> list[str]:
    """The tests to run for a mutant: those that claim the file and run the line, the quickest first, for as long as
    there is time.
    """
    files = claiming(mutant.file)
    if mutant.file in WHOLE:
        return files
    seconds: dict[str, float] = recorded["seconds"]
    run = set(recorded["lines"].get(mutant.file, {}).get(str(mutant.line), ()))
    here = [test for test in recorded["tests"] if (name := test.partition("::")[0]) in files
            and run & {test, f"{name}::*", "*"}]
    total, found = 0.0, []
    for test in sorted(here, key=lambda test: (test not in run, seconds.get(test, 0.0))):
        total += seconds.get(test, 0.0) + 0.02
        if total > SECONDS and found:
            break
        found.append(test)
    return found


def judge(copy: Copy, mutant: Mutant, recorded: dict[str, dict]) -> str:
    """What killed a mutant; empty when it survived."""
    tests = chosen(mutant, recorded)
    if not tests:
        return ""
    text = copy.text(mutant.file)
    copy.put(mutant.file, mutant.applied(text))
    try:
        status, said = copy.run(tests, 60 + 8 * SECONDS, None, "-x")
    finally:
        copy.put(mutant.file, text)
        copy.renew()
    if status == -1:
        return "time or memory"
    assert "ERROR: not found" not in said, said[-2000:]
    failed = re.search(r"(?m)^(?:FAILED|ERROR) (\S.*?)(?: - |$)", said)
    return "" if status == 0 else failed[1] if failed else f"status {status}: {said[-200:]}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=int(os.environ.get("MUTANTS", 0)),
                        help="how many, chosen by chance; 0: all")
    parser.add_argument("--seed", type=int, default=int(os.environ.get("SEED", 1)))
    parser.add_argument("--only", action="append", metavar="FILE", help="mutants of this file alone; may be repeated")
    parser.add_argument("--again", action="store_true", help="use the lines that were recorded last time")
    parser.add_argument("--list", action="store_true", help="show the mutants, run nothing")
    options = parser.parse_args()
    files = options.only or list(CLAIMS)
    killed: collections.Counter[str] = collections.Counter()
    survived: list[Mutant] = []
    with tempfile.TemporaryDirectory(prefix="csl-native-mutants-") as folder:
        copy = Copy(Path(folder))
        made = [m for file in files for m in mutants(file, copy.text(file)) if m.row not in EQUIVALENT]
        if options.count:
            made = sorted(random.Random(options.seed).sample(made, min(options.count, len(made))))
        if options.list:
            print("\n".join(map(show, made)))
            return 0
        if not (options.again and RECORDED.exists()) and set(files) - WHOLE:
            record(copy, files)
        recorded = json.loads(RECORDED.read_text()) if RECORDED.exists() else {"seconds": {}, "tests": [], "lines": {}}
        for number, mutant in enumerate(made, 1):
            why = judge(copy, mutant, recorded)
            print(f"{number}/{len(made)} {'killed by ' + why if why else 'SURVIVED'}: {show(mutant)}", flush=True)
            killed[mutant.file] += bool(why)
            survived += [] if why else [mutant]
    print(f"\n{len(made)} mutants, {sum(killed.values())} killed, {len(survived)} survived")
    print("\n".join(map(show, survived)))
    return 1 if survived else 0


def show(mutant: Mutant) -> str:
    return f"{mutant.file}:{mutant.line} {mutant.place} ({mutant.kind}): {mutant.old[:90]}  ->  {mutant.new[:90]}"


if __name__ == "__main__":
    sys.exit(main())
