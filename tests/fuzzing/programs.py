"""Random programs, the same in all engines and tiers: python -m tests.fuzzing.programs --seed N --count N --seconds S.

Each program runs in every way of ``running.ways``, and prints the same in all of them.  A difference is made small and
shown with the seed that reproduces it.  The status is 1 when there was one.
"""

from __future__ import annotations

import argparse
import copy
import difflib
import os
import re
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from .generate import Form, Program, generate
from .running import OVERDUE, Way, run_all, ways
from .state import State

BATCH = 256


def differs(program: Program, base: Way, way: Way, folder: Path) -> bool:
    """Does one program alone print something else in a way?"""
    results = run_all([program], {base: [program], way: [program]}, folder, jobs=2, seconds=60)
    expected, got = results.get(base), results.get(way)
    if isinstance(expected, str) and way == base:
        return "after its time" not in expected
    if isinstance(expected, str) or OVERDUE in (expected or {}).values():
        return False
    if isinstance(got, str):
        return "after its time" not in got
    return got is not None and expected != got and OVERDUE not in got.values()


def smaller(form: Form) -> Iterator[Form]:
    """Forms with one part less than this one, the smallest first."""
    if isinstance(form, str):
        return
    for part in form[1:]:
        if form and form[0] not in ("quote", "de", "fluid", "dm"):
            yield part
    yield from ("nil", "1")
    for k in range(1, len(form)):
        yield form[:k] + form[k + 1:]
    for k in range(len(form)):
        for less in smaller(form[k]):
            yield [*form[:k], less, *form[k + 1:]]


def programs_smaller(p: Program) -> Iterator[Program]:
    for attribute in ("steps", "definitions"):
        forms = getattr(p, attribute)
        for k in range(len(forms)):
            yield replaced(p, attribute, forms[:k] + forms[k + 1:])
    for attribute in ("steps", "definitions"):
        forms = getattr(p, attribute)
        for k in range(len(forms)):
            for less in smaller(forms[k]):
                if attribute == "steps" or isinstance(less, list):
                    yield replaced(p, attribute, [*forms[:k], less, *forms[k + 1:]])


def replaced(p: Program, attribute: str, forms: list[Form]) -> Program:
    fresh = copy.copy(p)
    setattr(fresh, attribute, forms)
    fresh.names = [str(d[1]) for d in fresh.definitions if isinstance(d, list) and d[:1] == ["de"] and len(d) > 2]
    return fresh


def shrink(p: Program, failing: Callable[[Program], bool], seconds: float) -> Program:
    """A program from which nothing can be taken without the difference going away; what is there when the time is over.
    """
    end = time.monotonic() + seconds
    again = True
    while again:
        again = False
        for less in programs_smaller(p):
            if time.monotonic() > end:
                return p
            if failing(less):
                p, again = less, True
                break
    return p


class Fuzzer:
    def __init__(self, folder: Path, jobs: int, shrinking: float, state: State) -> None:
        self.folder, self.jobs, self.shrinking, self.state = folder, jobs, shrinking, state

    def batch(self, seeds: range, only: list[str] | None) -> None:
        programs = [generate(seed) for seed in seeds]
        chosen = {way: programs if only or k == 0 else [p for p in programs if way.takes(p)]
                  for k, way in enumerate(ways()) if k == 0 or not only or way.name() in only}
        first = next(iter(chosen))
        results = run_all(programs, chosen, self.folder, self.jobs)
        # a program ends the process that reads and preserves all of them: the others go on without it
        while isinstance(results[first], str):
            last = self.crashed(programs, first, first, str(results[first]))
            programs = [p for p in programs if p is not last] if last else []
            if not programs:
                return
            chosen = {way: [p for p in some if p is not last] for way, some in chosen.items()}
            results = run_all(programs, chosen, self.folder, self.jobs)
        self.state.ran += len(programs)
        for way, found in results.items():
            self.compare(chosen[way], first, results[first], way, found)

    def compare(self, programs: list[Program], first: Way, base: dict[int, str] | str, way: Way,
                found: dict[int, str] | str) -> None:
        if isinstance(found, str):
            last = self.crashed(programs, first, way, found)
            rest = programs[programs.index(last) + 1:] if last else []
            if rest:
                results = run_all(rest, {first: rest, way: rest}, self.folder, self.jobs)
                self.compare(rest, first, results[first], way, results.get(way, {}))
            return
        assert isinstance(base, dict)
        self.state.seen[way.name()] += len(found)
        for p in programs:
            if p.seed not in found or found[p.seed] == base[p.seed]:
                continue
            if OVERDUE in (found[p.seed], base[p.seed]):
                self.state.seen["overdue"] += 1
                continue
            lines = difflib.unified_diff(base[p.seed].splitlines(), found[p.seed].splitlines(), first.name(),
                                         way.name(), lineterm="", n=1)
            self.report(f"{way.name()}: seed {p.seed}:\n" + "\n".join(list(lines)[:12]))
            self.show(p, first, way)

    def crashed(self, programs: list[Program], first: Way, way: Way, how: str) -> Program | None:
        """Report a process that did not come to its end; the program at which it was."""
        self.report(f"{way.name()}: seeds {programs[0].seed} to {programs[-1].seed}: {how}")
        last = re.findall(r"at seed (\d+)", how)[-1:]
        for p in programs:
            if [str(p.seed)] == last:
                self.show(p, first, way)
                return p
        return None

    def report(self, text: str) -> None:
        self.state.seen["differences"] += 1
        print(f"DIFFERENCE {text}", flush=True)

    def show(self, p: Program, first: Way, way: Way) -> None:
        if self.shrinking <= 0:
            return
        if not differs(p, first, way, self.folder):
            print("  (not by this program alone: run the whole batch)", flush=True)
            return
        small = shrink(p, lambda q: differs(q, first, way, self.folder), self.shrinking)
        print("  smallest:\n" + "".join(f"    {line}\n" for line in small.text().splitlines()), flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()) % 1_000_000 * 1000)
    parser.add_argument("--count", type=int, default=1 << 60)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--shrink", type=float, default=60, help="seconds for making one difference small")
    parser.add_argument("--ways", help="names of ways, separated by commas; on every program then")
    parser.add_argument("--batch", type=int, default=BATCH)
    parser.add_argument("--from", type=Path, dest="state",
                        help="a file: the run goes on where the last one with it ended")
    parser.add_argument("--show", action="store_true", help="print the program of the seed")
    options = parser.parse_args()
    if options.show:
        print(generate(options.seed).text())
        return 0
    end, state = time.monotonic() + options.seconds, State(options.state, options.seed, options.seed)
    with tempfile.TemporaryDirectory(prefix="csl-native-programs-") as folder:
        fuzzer = Fuzzer(Path(folder), options.jobs, options.shrink, state)
        while time.monotonic() < end and state.next < state.seed + options.count:
            seeds = range(state.next, min(state.next + options.batch, state.seed + options.count))
            fuzzer.batch(seeds, options.ways.split(",") if options.ways else None)
            state.next = seeds.stop
            state.save()
    seen = state.seen
    differences = seen.pop("differences", 0)
    print(f"programs: {state.ran} from seed {state.seed}, {differences} differences, {seen.pop('overdue', 0)} not "
          "compared because "
          f"they took too long; " + ", ".join(f"{name} {n}" for name, n in seen.items()), flush=True)
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
