"""Run the benchmarks: ``python -m csl_native.bench [--quick] [-o FILE]``.  Nothing here asserts; it reports."""

from __future__ import annotations

import argparse
import contextlib
import io
import math
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from csl_native import LispError, Session
from csl_native.engines.record import engines
from csl_native.engines.weave import kernel_program
from csl_native.instructions.table import joined
from csl_native.native import interpreted
from csl_native.restricted.cpython import translate as to_python
from csl_native.runtime.machine import Machine
from csl_native.system.places import CHECKOUT

from .algebra import algebra
from .heap import compile_speed, heap_table, pauses
from .images import images, run_time
from .modules import loops, verification
from .scheme import Unsupported
from .scheme import run as run_scheme
from .tiers import float_loop, foreign_calls, placement_table, sizes, warm_up
from .translate import prelude, translate

ROOT = Path(CHECKOUT)
CORPUS = ROOT / "tests" / "corpus" / "programs"
KEPT_BACK = ROOT / "tests" / "programs"
FIB = ("(de fib (n) (cond ((lessp n 2) n) (t (plus2 (fib (sub1 n)) (fib (difference n 2))))))\n(de main () (fib 32))\n"
       "(main)\n")
ROUNDS, SECONDS = 3, 0.3  # how often a program runs in one process at least, and for how long
TIMES = re.compile(r"@@time ([0-9.]+)")


def programs() -> dict[str, str]:
    """Name → Standard Lisp text that ends in ``(main)``."""
    result = {"fib32": FIB}
    for path in sorted(CORPUS.glob("*.lsp")):
        if path.stem != "fib":
            result[path.stem] = path.read_text()
    return result


def kept_back() -> dict[str, str]:
    """The same of programs that nobody looked at while making this fast."""
    return {path.stem: path.read_text() for path in sorted(KEPT_BACK.glob("*.lsp"))}


def ours(text: str, rounds: int, engine: str | None = None, native: bool = False,
         jit: tuple[int, int] = (-1, -1)) -> float:
    """Seconds of the best run of ``(main)`` here: as bytecode, compiled ahead of time, or by the jit."""
    best = math.inf
    with open(os.devnull, "wb") as out:
        session = Session(output=out, engine=engine, jit=jit)
        session.eval(re.sub(r"\(main\)\s*$", "", text))
        if native:
            session.native_compile()
        main, begun = session.function("main"), time.perf_counter()
        while rounds > 0 or time.perf_counter() - begun < SECONDS:
            started = time.perf_counter()
            try:
                main()
            except LispError:  # a program that changes its constants runs once
                if best == math.inf:
                    raise
                break
            best = min(best, time.perf_counter() - started)
            rounds -= 1
        session.close()
    return best


def scheme(which: str, text: str, rounds: int, jit: bool = True) -> float:
    """Seconds of the best run in a Scheme; NaN when it is not installed or the program has no translation."""
    if shutil.which({"chez": "chezscheme"}.get(which, which)) is None:
        return math.nan
    try:
        return run_scheme(which, text, rounds, SECONDS, jit)
    except Unsupported:
        return math.nan


def lua_fib() -> float:
    """Seconds of fib(32) in LuaJIT's interpreter."""
    if shutil.which("luajit") is None:
        return math.nan
    program = ("local function fib(n) if n < 2 then return n end return fib(n-1) + fib(n-2) end "
               "local b = 1e9 for i = 1, 3 do local s = os.clock() fib(32) b = math.min(b, os.clock() - s) end "
               "print(b)")
    return float(subprocess.run(["luajit", "-joff", "-e", program], capture_output=True, text=True, check=True).stdout)


def common_lisp(command: list[str], text: str, rounds: int, wrap: Callable[[str], list[str]]) -> float:
    """Seconds of the best run in a Common Lisp; its file is compiled first."""
    # SBCL's own clock goes in steps of 4 ms.
    timing = ("(defun now () #+sbcl (multiple-value-bind (s us) (sb-ext:get-time-of-day) (+ s (/ us 1d6))) "
              "#-sbcl (/ (get-internal-real-time) (float internal-time-units-per-second 1d0)))\n"
              "(loop with begun = (now) for i from 0 while (or (< i %d) (< (- (now) begun) %f)) do "
              "(let ((s (now))) (|main|) (format *error-output* \"~&@@time ~,6f~%%\" (- (now) s))))\n"
              % (rounds, SECONDS))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.lisp"
        path.write_text(prelude() + translate(text))
        (Path(folder) / "t.lisp").write_text(timing)
        done = subprocess.run([*command, *wrap(folder)], capture_output=True, text=True, timeout=300, check=False,
                              cwd=folder)
    found = [float(t) for t in TIMES.findall(done.stderr + done.stdout) if float(t) > 0]
    return min(found) if found else math.nan


def sbcl(text: str, rounds: int) -> float:
    return common_lisp(["sbcl", "--noinform", "--dynamic-space-size", "4GB", "--non-interactive", "--no-userinit"],
                       text, rounds, lambda folder: [
        "--eval", '(handler-bind ((warning (function muffle-warning))) (load (compile-file "p.lisp")))', "--load",
        "t.lisp"])


def clisp(text: str, rounds: int) -> float:
    return common_lisp(["clisp", "-q", "-norc"], text, rounds,
                       lambda folder: ["-x", '(progn (load (compile-file "p.lisp")) (load "t.lisp"))'])


def geometric(values: list[float]) -> float:
    good = [v for v in values if v > 0 and math.isfinite(v)]
    return math.exp(statistics.fmean(math.log(v) for v in good)) if good else math.nan


def table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join("| " + " | ".join(r) + " |" for r in [head, ["---"] * len(head), *rows]) + "\n"


SYSTEMS: dict[str, Callable[[str, int], float]] = {
    "native": lambda text, rounds: ours(text, rounds, native=True),
    "stencils": lambda text, rounds: ours(text, rounds, jit=(0, -1)),
    "bytecode": lambda text, rounds: ours(text, max(1, rounds - 1)), "SBCL": sbcl,
    "CLISP": lambda text, rounds: clisp(text, 1), "Chez": lambda text, rounds: scheme("chez", text, rounds),
    "Guile": lambda text, rounds: scheme("guile", text, rounds),
    "Guile, no JIT": lambda text, rounds: scheme("guile", text, rounds, False)}
RATIOS = (("native", "SBCL"), ("native", "Chez"), ("stencils", "SBCL"), ("stencils", "Guile"), ("bytecode", "CLISP"),
          ("bytecode", "Guile, no JIT"))


def compare(texts: dict[str, str], passes: int, say: Callable[[str], None]) -> str:
    """Programs on every tier here and in other systems, in milliseconds, and the ratios that matter.

    All programs take turns on all systems, ``passes`` times, and the best run of each counts: on a machine whose speed
    changes, what ran in a good minute does not stand beside what ran in a bad one.
    """
    have = {name for name in SYSTEMS if name not in ("SBCL", "CLISP") or shutil.which(name.lower()) is not None}
    best = {name: dict.fromkeys(SYSTEMS, math.nan) for name in texts}
    for number in range(passes):
        for name, text in texts.items():
            say(f"{name}, {number + 1} of {passes}")
            for system, run in SYSTEMS.items():
                if system in have:
                    best[name][system] = min(run(text, ROUNDS), best[name][system],
                                             key=lambda seconds: (math.isnan(seconds), seconds))
    rows = [[name, *(shown(1000 * t, 1 if t < 0.01 else 0) for t in times.values()),
             *(shown(times[a] / times[b], 2) for a, b in RATIOS)]
            for name, times in best.items()]
    means = [f"**{geometric([times[a] / times[b] for times in best.values()]):.2f}**" for a, b in RATIOS]
    rows.append(["**geometric mean**", *[""] * len(SYSTEMS), *means])
    head = ["program", *(f"{system} ms" for system in SYSTEMS), *(f"{a}/{b}" for a, b in RATIOS)]
    return table(head, rows)


def shown(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else ""


def engine_table(say: Callable[[str], None]) -> str:
    """Every native engine on calls, arithmetic and list work, in ratios to CLISP's bytecode."""
    texts = {name: text for name, text in programs().items() if name in ("fib32", "tak", "deriv", "queens", "sieve")}
    rows = []
    theirs = {name: clisp(text, 1) for name, text in texts.items()}
    for engine in engines().values():
        if engine.native and engine.name != "debug":
            say(f"engine {engine.name}")
            ratios = [ours(text, 2, engine.name) / theirs[name] for name, text in texts.items()]
            rows.append([engine.name, *(f"{r:.2f}" for r in ratios), f"**{geometric(ratios):.2f}**"])
    return table(["engine / CLISP", *texts, "geometric mean"], rows)


def nfib_table(say: Callable[[str], None]) -> str:
    """nfib(34), 18,454,929 calls, on every native engine and tier; engine ``python`` has a row of its own above."""
    program = "(de nfib (n) (cond ((lessp n 2) 1) (t (plus (nfib (sub1 n)) (nfib (difference n 2)) 1))))"
    ways: dict[str, dict[str, Any]] = {e.name: {"engine": e.name}
                                       for e in engines().values() if e.native and e.name != "debug"}
    seconds: dict[str, float] = {}
    for name, options in {**ways, "stencils": {"jit": (0, -1)}, "LLVM": {}}.items():
        say(f"nfib, {name}")
        session = Session(**options)
        session.eval(program)
        if name == "LLVM":
            session.native_compile(["nfib"])
        function = session.function("nfib")
        function(10)
        times = []
        for _ in range(3):
            started = time.perf_counter()
            function(34)
            times.append(time.perf_counter() - started)
        seconds[name] = min(times)
        session.close()
    return table(["nfib(34)", *seconds], [["seconds", *(f"{s:.2f}" for s in seconds.values())], ["ratio to LLVM", *(
        f"{s / seconds['LLVM']:.1f}" for s in seconds.values())]])


def python_engine() -> str:
    """Bytecodes per second of CPython's execution: counted once with a counting loop, then timed without."""
    text = to_python(kernel_program())
    counting = text.replace("op = B[pc]", "op = B[pc]; COUNT[0] += PARTS.get(op, 1)")
    program = "(de fib (n) (cond ((lessp n 2) n) (t (plus2 (fib (sub1 n)) (fib (difference n 2))))))"
    count = [0]
    original = interpreted.attach_python

    def attach(machine: Machine, text: str | None = None) -> None:
        original(machine, counting)
        machine.kernel.globals.update(COUNT=count, PARTS={number: len(parts) for number, parts in joined().items()})
    interpreted.attach_python = attach
    with contextlib.redirect_stdout(io.StringIO()):
        session = Session(engine="python")
    interpreted.attach_python = original
    session.eval(program)
    count[0] = 0
    session.eval("(fib 17)")
    session = Session(engine="python")
    session.eval(program)
    times = []
    for _ in range(5):
        started = time.perf_counter()
        session.eval("(fib 17)")
        times.append(time.perf_counter() - started)
    seconds = min(times)
    return f"{count[0] / seconds:,.0f} bytecodes/s ({count[0]} in {seconds:.2f} s)"


def start() -> str:
    """A run of ``csl -e nil`` beside ``python3 -c pass``."""
    program = Path(sys.executable).parent / "csl"
    a, b = run_time([str(program), "-q", "-e", "nil"]), run_time([sys.executable, "-c", "pass"])
    return f"csl -e nil {a * 1000:.0f} ms, python -c pass {b * 1000:.0f} ms, difference {(a - b) * 1000:.0f} ms"


def restore_times() -> str:
    """Restoring 1 MB and 100 MB of live heap, and the first full collection of the larger one."""
    build = ("(progn (setq keep nil) (prog (i) (setq i 0) l (cond ((geq i {n}) (return nil))) "
             "(setq keep (cons i keep)) (setq i (add1 i)) (go l)))")
    with tempfile.TemporaryDirectory() as folder:
        times = {}
        for size, n in ((1, 50_000), (100, 6_500_000)):
            session = Session()
            session.eval(build.format(n=n))
            session.preserve(Path(folder) / f"{size}.img")
            session.close()
            seconds = []
            for _ in range(5):
                started = time.perf_counter()
                session = Session(Path(folder) / f"{size}.img")
                seconds.append(time.perf_counter() - started)
            times[size] = min(seconds)
        started = time.perf_counter()
        session.run(lambda: session.lisp.collect())
        collect = time.perf_counter() - started
        live = session.machine.cage["live_lines"] * 256 / 1e6
    return (f"restore 1 MB {times[1] * 1000:.1f} ms, 100 MB {times[100] * 1000:.1f} ms "
            f"(difference {(times[100] - times[1]) * 1000:.1f} ms); "
            f"first full collection {live:.0f} MB in {collect * 1000:.0f} ms = {live / collect:.0f} MB/s")


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(prog="python -m csl_native.bench")
    parser.add_argument("--quick", action="store_true", help="one pass over the programs")
    parser.add_argument("-o", metavar="FILE", help="write the report here")
    options = parser.parse_args()

    def say(name: str) -> None:
        print(f"  {name}", file=sys.stderr, flush=True)
    report = "# Benchmarks\n\nMade by `make bench`; times of one run on one machine, quote the ratios.\n\n"
    report += f"* start: {start()}\n* {restore_times()}\n* engine `python`: {python_engine()}\n\n"
    report += images(say) + "\n"
    report += engine_table(say) + "\n" + nfib_table(say) + "\n"
    report += (f"* {float_loop()}\n* {foreign_calls()}\n* {warm_up(programs())}\n* {sizes(programs())}\n"
               "\n" + table(*placement_table(say)) + "\n")
    report += f"* {pauses()}\n* {compile_speed()}\n\n" + table(*heap_table(SYSTEMS["native"], sbcl, say)) + "\n"
    report += f"* {verification()}\n\n{loops(say)}\n\n"
    line, head, rows = algebra(say)
    report += f"* {line}\n\n" + table(head, rows) + "\n"
    passes = 1 if options.quick else 4
    report += "## Programs that csl was tuned for\n\n" + compare(programs(), passes, say)
    report += (f"\nfib(32) in LuaJIT's interpreter: {shown(1000 * lua_fib(), 0)} ms. An empty cell: not installed, or "
               "no translation.\n\n")
    report += "## Programs that were kept back\n\n" + compare(kept_back(), passes, say)
    print(report)
    if options.o:
        Path(options.o).write_text(report)


if __name__ == "__main__":
    main()
