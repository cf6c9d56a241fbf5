"""Every function with arguments of every type, count and size: python -m tests.fuzzing.calls --seed N --count N
--seconds S.

A call gives a value or a Lisp error.  What is a find: the process ends; a call goes on for longer than it may; a
message speaks of the inside ("internal error", Python, addresses, tags); nil or t is changed; the stack is not as it
was; the heap is not well-formed.  The status is 1 when there was one.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from csl_native import Session

from .calling import SIZE, Batch, Find, alone, minimal, variant
from .pool import EXCLUDED, POOL, SETUP, WEIGHTS
from .state import State

MOST_SHOWN = 20  # calls of a find that needs several; --shrink 600 makes them few
# the compiler takes much longer than most calls
HOW = {"plain": 6, "applied": 6, "compiled": 1, "data": 1, "body": 1, "dotted": 1}
SHARES = {kind: WEIGHTS.get(kind, 1.0) for kind in POOL}


def argument(r: random.Random) -> str:
    return r.choice(POOL[r.choices(list(SHARES), list(SHARES.values()))[0]])


def call(r: random.Random, names: list[str]) -> list[str]:
    """The parts of a call: how it is made, the function, forms that make its arguments."""
    name, count = r.choice(names), r.choice((0, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 5, 6))
    how = r.choices(tuple(HOW), tuple(HOW.values()))[0]
    return [how, name, *(argument(r) for _ in range(count))]


def text_of(parts: list[str]) -> str:
    """The form of a call."""
    how, name, *arguments = parts
    if how == "compiled":
        names = " ".join(f"a{k}" for k in range(len(arguments)))
        return f"(progn (de fzc ({names}) ({name} {names})) (fzc {' '.join(arguments)}))"
    if how == "data":  # arguments are not evaluated: what special forms do with anything
        return f"(eval (list '{name} {' '.join(arguments)}))"
    if how == "body":
        return f"(progn (eval (list 'de 'fzc nil (list '{name} {' '.join(arguments)}))) (fzc))"
    if how == "dotted":
        return f"(eval (list!* '{name} {' '.join(arguments)}))" if arguments else f"({name})"
    if how == "applied":
        return f"(apply '{name} (list {' '.join(arguments)}))"
    return f"({name} {' '.join(arguments)})"


def calls(seed: int, first: int, count: int, names: list[str]) -> list[list[str]]:
    return [call(random.Random(f"{seed} {k}"), names) for k in range(first, first + count)]


def prepare(folder: Path) -> tuple[Path, list[str]]:
    """An image with what the calls need, and the names of all functions, as the reader wants them."""
    s = Session(heap=64 << 20, output=open(os.devnull, "wb"))
    lisp, m = s.lisp, s.machine
    found = [m.text(x) for x in m.vector_items(m.root(0)) if x & 7 == 2
             and (lisp.is_defined(x) or x in lisp.compiler.special)]
    names = [lisp.printer.text(m.intern(name)) for name in sorted(found) if name not in EXCLUDED]
    s.eval(SETUP)
    s.preserve(folder / "pool.img")
    s.close()
    return folder / "pool.img", names


def batches(options: argparse.Namespace, state: State, image: Path, names: list[str], folder: Path) -> Iterator[Batch]:
    end = time.monotonic() + options.seconds
    for first in range(state.next, options.count, SIZE):
        if time.monotonic() > end:
            return
        chosen = calls(state.seed, first, min(SIZE, options.count - first), names)
        yield Batch(first, list(map(text_of, chosen)), image, folder / f"b{first // SIZE % (2 * options.jobs)}",
                    variant(first))


def explain(find: Find, options: argparse.Namespace, state: State, names: list[str], image: Path, folder: Path) -> None:
    """Print a find, and the smallest call or calls that show it."""
    parts = calls(state.seed, find.number, 1, names)[0]
    print(f"FIND {find.kind}: call {find.number}: {text_of(parts)}\n  {find.detail[:600]!r}", flush=True)
    if not options.shrink:
        return
    trial = folder / "trial"
    if not alone([text_of(parts)], find, image, trial):
        before = find.number // SIZE * SIZE
        chosen = [text_of(p) for p in calls(state.seed, before, find.number - before + 1, names)]
        few = minimal(chosen, lambda some: alone(some, find, image, trial), options.shrink)
        print(f"  after {len(few) - 1} others: " + "\n    ".join(few[-MOST_SHOWN:]), flush=True)
        return

    def fails(some: list[str]) -> bool:
        return alone([text_of(some)], find, image, trial)
    small = minimal(parts, lambda some: len(some) > 1 and fails(some), options.shrink / 2, start=2)
    for k in range(2, len(small)):
        for simple in ("nil", "1", "'a", "'(a)", '"a"'):
            if small[k] != simple and fails([*small[:k], simple, *small[k + 1:]]):
                small[k] = simple
                break
    print(f"  smallest: {text_of(small)}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--count", type=int, default=1 << 40)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--shrink", type=float, default=20, help="seconds for making one find small; 0: not at all")
    parser.add_argument("--from", type=Path, dest="state",
                        help="a file: the run goes on where the last one with it ended")
    parser.add_argument("--show", type=int, help="print this call and stop")
    parser.add_argument("--only", help="names of functions, separated by commas")
    parser.add_argument("--without", default="", help="kinds of values that are left out, separated by commas")
    options = parser.parse_args()
    SHARES.update(dict.fromkeys(filter(None, options.without.split(",")), 0))
    state = State(options.state, options.seed, 0)
    with tempfile.TemporaryDirectory(prefix="csl-native-calls-") as name:
        folder = Path(name)
        image, names = prepare(folder)
        if options.only:
            names = options.only.split(",")
        if options.show is not None:
            print(text_of(calls(state.seed, options.show, 1, names)[0]))
            return 0
        running: list[Batch] = []
        source = batches(options, state, image, names, folder)
        more = True
        while more or running:
            while more and len(running) < options.jobs:
                batch = next(source, None)
                more = batch is not None
                if batch is not None:
                    batch.start()
                    running.append(batch)
            for batch in [b for b in running if b.done()]:
                running.remove(batch)
                state.ran += len(batch.texts)
                state.next = min([b.first for b in running], default=max(state.next, batch.first + len(batch.texts)))
                for find in batch.finds:
                    signature = f"{find.kind} {calls(state.seed, find.number, 1, names)[0][1]}"
                    state.seen[signature] += 1
                    if state.seen[signature] == 1:
                        explain(find, options, state, names, image, folder)
                state.save()
            time.sleep(0.05)
    print(f"calls: {state.ran} with seed {state.seed}, {sum(state.seen.values())} finds of {len(state.seen)} kinds: "
          + json.dumps(dict(state.seen.most_common())), flush=True)
    return 1 if state.seen else 0


if __name__ == "__main__":
    sys.exit(main())
