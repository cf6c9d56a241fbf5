"""The native tiers: what each choice of where an instruction's body is costs, how large native code is, and how fast it
is made.
"""

from __future__ import annotations

import ctypes
import math
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from csl_native.app.cli import JIT, SHORT
from csl_native.instructions.codec import Code
from csl_native.instructions.table import by_name
from csl_native.native.jit import Jit
from csl_native.session.session import Session
from csl_native.stencils.making import make
from csl_native.stencils.packing import pack
from csl_native.stencils.table import StencilTable
from csl_native.stencils.weave import placements

# A form of each instruction that is looked at, over variables that hold what it wants.
FORMS = {"car": "(car l)", "eq": "(eq l m)", "plus": "(plus2 i j)", "times": "(times2 i j)", "lessp": "(lessp i j)",
         "cons": "(cons l m)", "getv": "(getv v 2)", "putv": "(putv v 2 i)", "list2": "(list2 l m)",
         "get": "(get s 'p)", "length": "(length l)"}
TIMES = 16


def table_of(session: Session, forced: str) -> StencilTable:
    """Stencils with the bodies of all instructions in one place, as far as they can be there."""
    architecture = session.hardcode.architecture
    address = session.kernel_address("compile_stencils")
    assert architecture is not None and address is not None
    function = ctypes.PYFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_int64)(address)
    return StencilTable(pack(architecture, session.hardcode.kernel, make(architecture, forced)), architecture,
                        lambda job: int(function(None, job)))


def timed(session: Session, name: str, form: str) -> tuple[float, int]:
    """Seconds of a million rounds with a form in them some times, and the bytes of the function."""
    session.eval(f"(de {name} (n i j l m v s) (prog nil again {form * TIMES} (setq n (sub1 n)) "
                 "(cond ((greaterp n 0) (go again)))))")
    symbol = session.machine.intern(name)
    session.run(lambda: session.hardcode.jit().compile(symbol))
    size = session.hardcode.jit().functions[symbol].memory.size
    best = 1e9
    for _ in range(3):
        started = time.perf_counter()
        session.eval(f"({name} 100000 5 7 '(a b c) '(d) (progn (put 'q 'p 1) (mkvect 3)) 'q)")
        best = min(best, time.perf_counter() - started)
    return best * 10, size


def placement_table(say: Callable[[str], None]) -> tuple[list[str], list[list[str]]]:
    """Bytes of native code and nanoseconds of each instruction, by where its body is; what is chosen stands in bold."""
    kinds = ("inline", "shared", "call")
    found: dict[str, dict[str, str]] = {name: {} for name in FORMS}
    for kind in kinds:
        say(f"stencils: {kind}")
        session = Session(heap=512 << 20)
        session.hardcode.jit()._table = table_of(session, kind)
        empty, nothing = timed(session, "empty", "")
        for name, form in FORMS.items():
            if kind in placements(by_name()[name]):
                seconds, size = timed(session, f"run{name}", form)
                text = f"{(size - nothing) / TIMES:.0f} B, {max(seconds - empty, 0) * 1000 / TIMES:.1f} ns"
                found[name][kind] = f"**{text}**" if placements(by_name()[name])[0] == kind else text
        session.close()
    rows = [[f"`{name}`", *(row.get(kind, "") for kind in kinds)] for name, row in found.items()]
    return ["instruction (with what pushes its inputs and drops its result)", *kinds], rows


def sizes(programs: dict[str, str]) -> str:
    """Bytes of native code for one of bytecode, and how fast the stencils copy, over the functions of all programs."""
    bytecode = stencil = optimised = 0
    seconds = 0.0
    for text in programs.values():
        with open(os.devnull, "wb") as out:
            session = Session(output=out)
            session.eval(re.sub(r"\(main\)\s*$", "", text))
            jit, m = session.hardcode.jit(), session.machine
            jit.table()
            symbols = [m.intern(re.sub("!(.)", r"\1", name)) for name in re.findall(r"(?m)^\(de (\S+)", text)]

            def compile_all(jit: Jit = jit, symbols: list[int] = symbols) -> None:
                for symbol in symbols:
                    jit.compile(symbol)
            session.run(compile_all)
            seconds += jit.seconds
            bytecode += sum(len(Code.unpack(m.raw(compiled.code)).code) for compiled in jit.functions.values())
            stencil += jit.bytes
            pages = session.hardcode.pages
            before = len(pages.data) if pages is not None else 0
            session.native_compile()
            optimised += len(pages.data) - before if pages is not None else 0
            session.close()
    return (f"stencil tier: {stencil} bytes of native code for {bytecode} of bytecode, {stencil / bytecode:.1f} for "
            f"one, made in {1000 * seconds:.1f} ms "
            f"= {stencil / seconds / 1e6:.0f} MB/s; optimised tier: {optimised / bytecode:.1f} for one")


FLOATS = """(de orbit (x y n) (prog (a b c k) (setq a 0.0) (setq b 0.0) (setq k 0) again
  (setq c (plus2 (difference (times2 a a) (times2 b b)) x)) (setq b (plus2 (times2 2.0 (times2 a b)) y)) (setq a c)
  (setq k (add1 k)) (cond ((lessp k n) (go again))) (return (plus2 a b))))"""
C = """double orbit(double x, double y, long n) { double a = 0, b = 0; for (long k = 0; k < n; k++)
  { double c = a * a - b * b + x; b = 2 * (a * b) + y; a = c; } return a + b; }"""


def float_loop() -> str:
    """A loop of floats that come in and go out boxed, beside the same in C (by zig's clang, when it is installed)."""
    session = Session()
    session.eval(FLOATS)
    session.native_compile(["orbit"])

    def best(call: Callable[[], object]) -> float:
        times = []
        for _ in range(5):
            started = time.perf_counter()
            call()
            times.append(time.perf_counter() - started)
        return min(times)
    ours = best(lambda: session.eval("(orbit 0.1 0.2 5000000)"))
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "p.c").write_text(C)
        done = subprocess.run([sys.executable, "-m", "ziglang", "cc", "-O2", "-ffp-contract=off", "-shared", "-fPIC",
                               "-o", f"{folder}/p.so", f"{folder}/p.c"],
                              capture_output=True, text=True, check=False)
        if done.returncode:
            return f"float loop: {1000 * ours:.1f} ms (no C compiler to compare with)"
        function = ctypes.CDLL(f"{folder}/p.so").orbit
        function.restype, function.argtypes = ctypes.c_double, [ctypes.c_double, ctypes.c_double, ctypes.c_long]
        theirs = best(lambda: function(0.1, 0.2, 5000000))
        same = session.eval("(orbit 0.1 0.2 1000)") == function(0.1, 0.2, 1000)
    return (f"float loop: {1000 * ours:.1f} ms, in C {1000 * theirs:.1f} ms, ratio {ours / theirs:.2f}, results "
            f"{'equal' if same else 'DIFFERENT'}")


def foreign_calls() -> str:
    """What a call of a C function costs through a native thunk, beside the same loop in C and a call through ctypes."""
    session = Session()
    session.eval("""(define!-foreign 'c!-cos "libm.so.6" "cos" 'double '(double))
        (de cosines (n) (prog (x) (setq x 1.0) l (cond ((zerop n) (return x))) (c!-cos x) (setq n (sub1 n)) (go l)))""")
    session.native_compile(["c-cos", "cosines"])
    cosine = ctypes.CDLL("libm.so.6").cos
    cosine.restype, cosine.argtypes = ctypes.c_double, [ctypes.c_double]

    def best(call: Callable[[int], object], count: int) -> float:
        times = []
        for _ in range(5):
            started = time.perf_counter()
            call(count)
            times.append((time.perf_counter() - started) / count * 1e9)
        return min(times)
    ours = best(session.function("cosines"), 2000000)
    slow = best(lambda n: [cosine(1.0) for _ in range(n)], 200000)
    with tempfile.TemporaryDirectory() as folder:
        text = ("double cos(double); double loop(long n) { volatile double x = 1; double y = 0; while (n--) y = "
                "cos(x); return y; }")
        (Path(folder) / "p.c").write_text(text)
        done = subprocess.run([sys.executable, "-m", "ziglang", "cc", "-O2", "-fno-builtin", "-shared", "-fPIC", "-lm",
                               "-o", f"{folder}/p.so",
                               f"{folder}/p.c"],
                              capture_output=True, text=True, check=False)
        beside = ""
        if not done.returncode:
            loop = ctypes.CDLL(f"{folder}/p.so").loop
            loop.argtypes = [ctypes.c_long]
            theirs = best(loop, 2000000)
            beside = f", in C {theirs:.1f} ns: {ours - theirs:.1f} ns above it"
    return (f"call of cos through a native thunk: {ours:.1f} ns{beside}; through ctypes {slow:.0f} ns, ratio "
            f"{ours / slow:.3f}")


def warm_up(programs: dict[str, str]) -> str:
    """The first run of each program in a fresh session, with the thresholds of csl, beside bytecode alone."""
    ratios: dict[str, float] = {}
    for name, text in programs.items():
        best, rounds, ends = {(-1, -1): math.inf, JIT: math.inf}, 0, time.perf_counter() + 6
        while rounds < 8 or time.perf_counter() < ends:  # short programs more often: milliseconds vary more
            rounds += 1
            for jit in best:
                with open(os.devnull, "wb") as out:
                    session = Session(output=out, jit=jit, wait=SHORT)
                    session.eval(re.sub(r"\(main\)\s*$", "", text))
                    started = time.perf_counter()
                    session.eval("(main)")
                    best[jit] = min(best[jit], time.perf_counter() - started)
                    session.close()
        ratios[name] = best[JIT] / best[-1, -1]
    worst = max(ratios, key=lambda name: ratios[name])
    return ("first run with the jit / bytecode alone: "
            f"{', '.join(f'{name} {ratio:.2f}' for name, ratio in ratios.items())}; the worst is {worst}")
