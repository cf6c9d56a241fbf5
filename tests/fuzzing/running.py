"""Many programs in one process for each way of running them; what a process prints of each program is compared with the
others.

A way is an engine or a tier, fresh or restored, with collector stress or without.  Processes are forked, so that a
crash is one of them and Python's imports are paid once.  The base reads the definitions and the steps, which become
functions, too, and preserves them; the restored ways begin with its image and only call.  Fresh ways read the
definitions themselves and evaluate the steps as forms.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from csl_native import LispError, Session, restore
from csl_native.engines.record import engines

from .generate import Program, guarded, parse, text_of, wrapped
from .primitives import SUPPORT

FORK = multiprocessing.get_context("fork")
HEAP = 64 << 20
SECONDS = 20.0  # of CPU time for one program, where it takes milliseconds; then it is interrupted and not compared
BLOCK = 16  # programs that a way takes up or leaves together: a process for one alone would cost more than the program
# it compiles every so many blocks: a program takes it as long as fifty of them an engine
LLVM = int(os.environ.get("FUZZ_LLVM", "192"))
OVERDUE = "interrupted by the fuzzer"
RUNNING = "(de fz!-step (f) (print (errorset (list f) t nil))) (setprintprecision 17)"


class Way(NamedTuple):
    """``tier``: bytecode, stencils, optimised (LLVM with assumptions), ahead (LLVM ahead of time), background (LLVM
    when it is done).
    """

    engine: str | None
    tier: str
    restored: bool = False
    stress: int = 0  # collections at every so many of the points where one may come
    share: int = 1  # it runs every so many blocks of programs only
    turn: int = 0  # and of these, which

    def name(self) -> str:
        stress = f"stress{self.stress}" if self.stress > 1 else "stress"
        return "-".join([self.engine or self.tier, "restored" if self.restored else "fresh",
                         *([stress] if self.stress else [])])

    def together(self, programs: list[Program]) -> list[list[Program]]:
        """What runs in one process: few where every full collection moves the native code of all of them."""
        size = BLOCK if self.stress and self.engine is None else len(programs) or 1
        return [programs[k:k + size] for k in range(0, len(programs), size)]

    def takes(self, p: Program) -> bool:
        """Is a program among those of this way?
        A collection at every cons while a large function is compiled would take minutes.
        """
        return p.seed // BLOCK % self.share == self.turn and not (p.large and self.stress == 1)


def ways() -> list[Way]:
    """The first one is what the others are compared with."""
    loops = [e.name for e in engines().values() if e.native and e.name != "debug"]
    fresh = [*(Way(e, "bytecode") for e in loops if e != "switch"), Way(None, "stencils"),
             Way("switch", "bytecode", stress=7),
             Way("threaded", "bytecode", stress=1), Way(None, "stencils", stress=11)]
    return [Way("switch", "bytecode"), *(Way(e, "bytecode", True) for e in loops), Way(None, "stencils", True),
            *(way._replace(share=32 if way.stress == 1 else 16, turn=2 * k) for k, way in enumerate(fresh)),
            Way("debug", "bytecode", True, share=8, turn=7),
            Way("threaded", "bytecode", True, 5, 4), Way("threaded", "bytecode", True, 1, 32, 3),
            Way("registers", "bytecode", True, 3, 8, 2),
            Way(None, "stencils", True, 13, 8, 1), Way(None, "stencils", True, 1, 64, 9),
            Way(None, "ahead", True, share=LLVM), Way(None, "ahead", True, 1, LLVM),
            Way(None, "optimised", True, share=LLVM, turn=min(20, LLVM - 1)),
            Way(None, "background", True, share=2 * LLVM, turn=min(30, LLVM - 1)),
            Way("python", "bytecode", True, share=400, turn=40)]


class Sink:
    """Where a session prints."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self.parts.append(data)
        return len(data)

    def flush(self) -> None:
        pass

    def taken(self) -> str:
        text, self.parts = b"".join(self.parts).decode("utf-8", "surrogateescape"), []
        return text


JIT = {"bytecode": (-1, -1), "stencils": (0, -1), "optimised": (-1, -1), "ahead": (-1, -1), "background": (0, 0)}


class Runner:
    """A session of one way, and a clock that interrupts what takes too long."""

    def __init__(self, way: Way, image: Path) -> None:
        self.sink = Sink()
        options: dict[str, Any] = {"heap": HEAP, "output": self.sink, "gc_stress": way.stress}
        self.session = restore(image, **options, **({"engine": way.engine} if way.engine else {"jit": JIT[way.tier]}))
        self.end, self.late = 0.0, False
        threading.Thread(target=self.ring, daemon=True).start()

    def ring(self) -> None:
        while True:
            time.sleep(0.5)
            if 0 < self.end < time.process_time():
                self.late = True
                self.session.interrupt()

    def evaluate(self, forms: list[str], seed: int) -> str:
        """What the forms print, with errors."""
        print(f"at seed {seed}", file=sys.stderr, flush=True)
        self.end, self.late = time.process_time() + SECONDS, False
        errors = []
        for form in forms:
            try:
                self.session.eval(form)
            except LispError as error:
                errors.append(str(error))
        self.end = 0.0
        self.session.lisp.output.flush()
        text = self.sink.taken() + "".join(f"\nerror: {e}" for e in errors)
        return OVERDUE if self.late else text

    def define(self, programs: list[Program]) -> dict[int, str]:
        return {p.seed: self.evaluate([text_of(d) for d in p.definitions], p.seed) for p in programs}


def support(image: Path) -> None:
    """An image with what all programs need."""
    with open(os.devnull, "wb") as null:
        s = Session(heap=HEAP, output=null)
        s.eval(" ".join(map(text_of, parse(SUPPORT))) + RUNNING)
        s.preserve(image)
        s.close()


def steps(p: Program, called: bool) -> list[str]:
    """The forms that run a program: calls of its steps, or the steps themselves.
    Nothing may be seen of what another one left.
    """
    names = " ".join(f"(fz!-step '{p.step(k)})" for k in range(len(p.steps)))
    return [f"(progn (forget) {names})"] if called else ["(forget)", *(text_of(wrapped(step)) for step in p.steps)]


def prepare(programs: list[Program], image: Path, way: Way) -> Runner:
    """Read the definitions, then the steps as functions, and preserve; what was printed stands beside the image."""
    runner = Runner(way, image.with_name("support.img"))
    texts = runner.define(programs)
    for p in programs:
        runner.evaluate([f"(de {p.step(k)} nil {text_of(guarded(step))})" for k, step in enumerate(p.steps)], p.seed)
    if way.tier == "ahead":
        runner.session.native_compile([name for p in programs for name in p.functions()])
    runner.session.preserve(image)
    image.with_suffix(".texts").write_text(json.dumps(texts))
    return runner


def run(way: Way, programs: list[Program], image: Path, first: bool = False) -> dict[int, str]:
    """What each program prints in a way.  The first one prepares the image."""
    if first:
        runner = prepare(programs, image, way)
    else:
        runner = Runner(way, image if way.restored else image.with_name("support.img"))
    called = first or way.restored
    texts = {int(k): text
             for k, text in json.loads(image.with_suffix(".texts").read_text()).items()} if called else runner.define(
                     programs)
    if way.tier == "optimised":
        jit, s = runner.session.hardcode.jit(), runner.session
        for name in (name for p in programs for name in p.functions()):
            s.run(lambda name=name: jit.optimise(s.machine.intern(name), at_once=True))  # type: ignore[misc]
    return {p.seed: texts[p.seed] + runner.evaluate(steps(p, called), p.seed) for p in programs}


class Job:
    """A forked process that runs a function; its result goes through a file."""

    def __init__(self, function: Callable[[], dict[int, str]], path: Path, seconds: float) -> None:
        self.path, self.end = path, time.monotonic() + seconds
        self.path.unlink(missing_ok=True)
        self.process = FORK.Process(target=self.work, args=(function,))
        self.process.start()

    def work(self, function: Callable[[], dict[int, str]]) -> None:
        os.close(0)
        with open(self.path.with_suffix(".err"), "wb") as err:
            os.dup2(err.fileno(), 2)
            os.dup2(err.fileno(), 1)
        sys.stderr = open(2, "w", closefd=False)
        self.path.with_suffix(".files").mkdir(exist_ok=True)
        os.chdir(self.path.with_suffix(".files"))  # what programs write
        result = json.dumps(function())
        self.path.with_suffix(".part").write_text(result)
        os.replace(self.path.with_suffix(".part"), self.path)
        os._exit(0)

    def done(self) -> bool:
        if self.process.is_alive() and time.monotonic() > self.end:
            self.process.kill()
        return not self.process.is_alive()

    def result(self) -> dict[int, str] | str:
        """What each program printed, or how the process ended."""
        self.process.join()
        if self.path.exists():
            return {int(k): v for k, v in json.loads(self.path.read_text()).items()}
        code = self.process.exitcode
        errors = self.path.with_suffix(".err").read_text(errors="replace")[-2000:]
        late = " after its time" if self.end < time.monotonic() else ""
        return f"the process ended with {f'signal {-code}' if code and code < 0 else code}{late}\n{errors}"


def run_all(programs: list[Program], chosen: dict[Way, list[Program]], folder: Path, jobs: int,
            seconds: float = 1200) -> dict[Way, dict[int, str] | str]:
    """Every chosen way on its programs, the first one on all and before the others; ``jobs`` processes at a time."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "support.img").exists():
        Job(lambda: support(folder / "support.img") or {}, folder / "support.json", seconds).result()
    plain, native = folder / "bytecode.img", folder / "native.img"
    base = next(iter(chosen))
    results = {base: Job(lambda: run(base, programs, plain, True), folder / "base.json", seconds).result()}
    if isinstance(results[base], str):
        return results
    ahead = {p.seed: p for way, some in chosen.items() if way.tier == "ahead" for p in some}
    if ahead:
        found = Job(lambda: dict.fromkeys(ahead, str(prepare(list(ahead.values()), native, Way(None, "ahead")))),
                    folder / "native.json", seconds).result()
        if isinstance(found, str):
            results |= {way: found for way in chosen if way.tier == "ahead"}
    waiting = [(way, k, some) for way in chosen if way not in results
               for k, some in enumerate(way.together(chosen[way]))]
    running: dict[tuple[Way, int], Job] = {}
    while waiting or running:
        while waiting and len(running) < jobs:
            way, k, some = waiting.pop(0)
            running[way,
                    k] = Job(lambda way=way, some=some: run(way, some, native if way.tier == "ahead"
                                                            else plain),  # type: ignore[misc]
                                  folder / f"{way.name()}-{k}.json", seconds)
        for way, k in [key for key, job in running.items() if job.done()]:
            found, known = running.pop((way, k)).result(), results.get(way, {})
            results[way] = found if isinstance(found, str) else known if isinstance(known, str) else {**known, **found}
        time.sleep(0.01)
    return {way: results[way] for way in chosen if way in results}
