"""Many programs in one process for each way of running them; what a process prints of each program is compared with the others.

A way is an engine or a tier, fresh or restored, with collector stress or without.  Processes are forked, so that a crash is one of
them and Python's imports are paid once.  In a restored way another session read the definitions and preserved them.
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

from csl_native.engines.record import engines
from csl_native.native.jit import jit_of
from csl_native.session import LispError, Session, restore

from .generate import SYMBOLS, Program, parse, text_of, wrapped
from .primitives import SUPPORT

FORK = multiprocessing.get_context("fork")
HEAP = 64 << 20
SECONDS = 20.0  # for one program, where it takes milliseconds; then it is interrupted and not compared
LLVM = int(os.environ.get("FUZZ_LLVM", "8"))  # it compiles every so many programs: a function takes it as long as a program takes an engine
OVERDUE = "interrupted by the fuzzer"
FORGET = " ".join(f"(set!-plist '{symbol} nil)" for symbol in SYMBOLS if symbol not in ("nil", "t"))


class Way(NamedTuple):
    """``tier``: bytecode, stencils, optimised (LLVM with assumptions), ahead (LLVM ahead of time), background (LLVM when it is done)."""

    engine: str | None
    tier: str
    restored: bool = False
    stress: bool = False
    share: int = 1  # it runs every so many programs only

    def name(self) -> str:
        return "-".join([self.engine or self.tier, "restored" if self.restored else "fresh", *(["stress"] if self.stress else [])])


def ways() -> list[Way]:
    """The first one is what the others are compared with."""
    loops = [e.name for e in engines().values() if e.native and e.name not in ("switch", "debug")]
    return [Way("switch", "bytecode"), *(Way(e, "bytecode", k % 2 == 1) for k, e in enumerate(loops)), Way("debug", "bytecode", True, share=4),
            Way("switch", "bytecode", stress=True), Way("threaded", "bytecode", True, True),
            Way(None, "stencils"), Way(None, "stencils", True), Way(None, "stencils", True, True),
            Way(None, "ahead", True, share=LLVM), Way(None, "ahead", True, True, LLVM), Way(None, "optimised", True, share=LLVM),
            Way(None, "background", True, share=2 * LLVM), Way("python", "bytecode", True, share=100)]


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


def session(way: Way, output: Sink, image: Path | None = None) -> Session:
    options: dict[str, Any] = {"heap": HEAP, "output": output, "gc_stress": way.stress}
    options |= {"engine": way.engine} if way.engine else {"jit": JIT[way.tier]}
    return restore(image, **options) if image else Session(**options)


def evaluate(s: Session, sink: Sink, forms: list[str]) -> str:
    """What the forms print, with errors; an interrupt after ``SECONDS``."""
    late = threading.Event()

    def ring() -> None:
        late.set()
        s.interrupt()
    timer = threading.Timer(SECONDS, ring)
    timer.start()
    errors = []
    for form in forms:
        try:
            s.eval(form)
        except LispError as error:
            errors.append(str(error))
    timer.cancel()
    s.lisp.output.flush()
    text = sink.taken() + "".join(f"\nerror: {e}" for e in errors)
    return OVERDUE if late.is_set() else text


def definitions(s: Session, sink: Sink, programs: list[Program]) -> dict[int, str]:
    s.eval(" ".join(map(text_of, parse(SUPPORT))) + " (setprintprecision 17)")
    found = {}
    for p in programs:
        print(f"at seed {p.seed}", file=sys.stderr, flush=True)
        found[p.seed] = evaluate(s, sink, [text_of(d) for d in p.definitions])
    return found


def prepare(programs: list[Program], image: Path, native: bool) -> dict[int, str]:
    """An image with the definitions of programs, and their native code; what was printed while they were read."""
    sink = Sink()
    s = session(Way(None, "ahead") if native else Way("threaded", "bytecode"), sink)
    texts = definitions(s, sink, programs)
    if native:
        s.native_compile([name for p in programs for name in p.names])
    s.preserve(image)
    return texts


def run(way: Way, programs: list[Program], image: Path) -> dict[int, str]:
    """What each program prints in a way; ``image`` was prepared."""
    sink = Sink()
    if way.restored:
        texts = json.loads(image.with_suffix(".json").read_text())
        s = session(way, sink, image)
        texts = {int(k): text for k, text in texts.items()}
    else:
        s = session(way, sink)
        texts = definitions(s, sink, programs)
    names = [name for p in programs for name in p.names]
    if way.tier == "optimised":
        jit, m = jit_of(s.lisp), s.machine
        for name in names:
            s.run(lambda name=name: jit.optimise(m.intern(name), at_once=True))  # type: ignore[misc]
    found = {}
    for p in programs:
        found[p.seed] = texts[p.seed]
        print(f"at seed {p.seed}", file=sys.stderr, flush=True)
        s.eval(FORGET)  # some ways run only some of the programs, so none may see what another left
        found[p.seed] += evaluate(s, sink, [text_of(wrapped(step)) for step in p.steps])
    return found


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


def run_all(programs: list[Program], chosen: list[Way], folder: Path, jobs: int, seconds: float = 300) -> dict[Way, dict[int, str] | str]:
    """Every chosen way on the programs; ``jobs`` processes at a time."""
    folder.mkdir(parents=True, exist_ok=True)
    images = {True: folder / "native.img", False: folder / "bytecode.img"}
    for native, image in images.items():
        if any(way.restored and native == (way.tier == "ahead") for way in chosen):
            found = Job(lambda native=native, image=image: prepare(programs, image, native), image.with_suffix(".json"), seconds).result()  # type: ignore[misc]
            if isinstance(found, str):
                return dict.fromkeys(chosen, found)
    waiting, running, results = list(chosen), {}, {}
    while waiting or running:
        while waiting and len(running) < jobs:
            way = waiting.pop(0)
            running[way] = Job(lambda way=way: run(way, programs, images[way.tier == "ahead"]), folder / f"{way.name()}.json", seconds)  # type: ignore[misc]
        for way in [way for way, job in running.items() if job.done()]:
            results[way] = running.pop(way).result()
        time.sleep(0.01)
    return {way: results[way] for way in chosen}
