"""Compiling while the program runs: asked for, at a threshold of calls, in the background; and giving it back."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from csl_native import LispError, Session, restore
from csl_native.image.container import Image
from csl_native.native import jit as jit_module
from csl_native.native.compiler import CompilerMissing, kernel_abi
from csl_native.runtime.debugger import Debugger

from .conftest import needs_native
from .test_corpus import PROGRAMS, runner, wrong

try:
    kernel_abi()
    import llvmlite  # noqa: F401
except (CompilerMissing, ImportError):
    pytest.skip("llvmlite is not installed", allow_module_level=True)

pytestmark = needs_native
FIB = "(de fib (n) (cond ((lessp n 2) n) (t (plus (fib (sub1 n)) (fib (difference n 2))))))"


@pytest.fixture
def native(native: Session) -> Session:
    """What is compiled is what a test asks for, whatever the environment says."""
    native.hardcode.set_thresholds(-1, -1)
    return native


def native_cells(s: Session, name: str) -> bool:
    return any(cell >= s.machine.cage["entry_top"] for cell in s.lisp.cells(s.machine.intern(name)))


def test_the_example(csl: Callable[..., Any]) -> None:
    text = "(de f () (vector 1 2 3 4 5 6)) (jit 'f) (print (f)) (print (f)) (jit 'car) (jit '(f nosuch))\n"
    done: subprocess.CompletedProcess[str] = csl("-q", "-v", "--stats", "--jit", "-1", text=text)
    assert (done.stdout == "[1 2 3 4 5 6]\n[1 2 3 4 5 6]\n+++ car not a candidate for JIT\n"
                           "+++ nosuch not a candidate for JIT\n")
    assert (done.stderr.count("execute native f (stencil, ") == 1
            and "1 functions compiled by stencils in " in done.stderr)
    assert csl("--jit", "often").returncode == 2


def test_thresholds_of_the_environment(csl: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """They are what --jit and a session's ``jit`` are when these are not given, and no engine is."""
    text = "(de f (n) n) (print (f 1))"
    monkeypatch.setenv("CSL_NATIVE_JIT", "0")
    assert "execute native f (stencil" in csl("-v", text=text).stderr
    assert "execute native" not in csl("-v", "--jit", "-1",
                                       text=text).stderr + csl("-v", "--engine", "switch", text=text).stderr
    for options, native in (({}, True), ({"jit": -1}, False), ({"engine": "switch"}, False)):
        s = Session(**options)
        s.eval("(progn (de f (n) n) (f 1))")
        assert native_cells(s, "f") == native
    monkeypatch.setenv("CSL_NATIVE_JIT", "soon")
    done = csl()
    assert done.returncode == 2 and "CSL_NATIVE_JIT soon: a number of calls was expected" in done.stderr
    with pytest.raises(ValueError, match="CSL_NATIVE_JIT soon: a number of calls was expected"):
        Session()


def test_asked_for(native: Session) -> None:
    native.eval(FIB + "(de rest!-of (a &rest r) (list a r)) (jit '(fib rest!-of))")
    assert not native_cells(native, "fib"), "the first call compiles"
    before = native.eval("(native!-address 'fib 1)")
    assert native.eval("(list (fib 20) (rest!-of 1 2 3))") == [6765, [1, [2, 3]]]
    assert (native_cells(native, "fib") and native_cells(native, "rest-of")
            and native.eval("(native!-address 'fib 1)") != before)
    assert dict(native.lisp.jit.compiled) == {"stencil": 2} and dict(native.lisp.jit.refused) == {}
    with pytest.raises(LispError):
        native.eval("(fib 1 2)")
    native.eval("(de many (a b c d e) (list e d c b a)) (jit 'many)")
    assert native.eval("(list (many 1 2 3 4 5) (many 1 2 3 4 5))") == [[5, 4, 3, 2, 1]] * 2


def test_redefining_gives_the_memory_back(native: Session) -> None:
    native.eval(FIB + "(jit 'fib) (fib 5)")
    used = native.lisp.jit.bytes
    native.eval("(progn (de fib (n) (list 'new n)) (setq x (fib 3)))")
    assert (native.eval("x") == ["new", 3] and used > 0 and native.lisp.jit.bytes == 0
            and native.lisp.jit.functions == {})
    native.eval("(jit 'fib)")
    assert native.eval("(fib 4)") == ["new", 4] and native_cells(native, "fib")


def test_by_itself_in_the_background(native: Session) -> None:
    """The program runs on as bytecode, and goes on natively in the middle of one evaluation."""
    native.eval(FIB + "(jit!-threshold 100) (setq jit!-address (native!-address 'fib 1))")
    found = native.eval("(prog (k r) (setq k 0) again (setq r (fib 15)) (setq k (add1 k)) "
                        "(cond ((and (eqn (native!-address 'fib 1) jit!-address) (lessp k 100000)) (go again))) "
                        "(return (list k r)))")
    assert found[0] < 100000 and found[1] == 610 and native_cells(native, "fib")
    with pytest.raises(LispError, match="jit-threshold"):
        native.eval("(jit!-threshold -2)")


@pytest.mark.parametrize("wait,compiled", [(1e9, False), (0.0, True)])
def test_a_short_program_is_not_counted(wait: float, compiled: bool) -> None:
    """... so it neither takes time for that nor waits for stencils."""
    s = Session(heap=64 << 20, jit=(2000, -1), wait=wait)
    s.eval(FIB)
    assert s.eval("(fib 20)") == 6765 and native_cells(s, "fib") == compiled and ("fib" in s.profile) == compiled
    jit = s.hardcode.jit()
    assert (jit.calls() > 0) == compiled and any("counted from" in line for line in jit.statistics()) != compiled


def test_counting_begins_while_a_program_runs() -> None:
    s = Session(heap=64 << 20, jit=(2000, -1), wait=0.02)
    assert s.machine.cage["threshold"] == 0
    s.eval(FIB + "(setq first!-address (native!-address 'fib 1))")
    s.eval("(prog nil again (fib 10) (cond ((eqn (native!-address 'fib 1) first!-address) (go again))))")
    assert native_cells(s, "fib") and s.machine.cage["threshold"] == 2001


def test_a_session_inside_of_another_counts(native: Session) -> None:
    """The thread that ticks does so for every session that runs."""
    def body() -> bool:
        with Session(heap=64 << 20, jit=(2000, -1), wait=0.02) as inner:
            inner.eval(FIB + "(setq first!-address (native!-address 'fib 1))")
            inner.eval("(prog nil again (fib 10) (cond ((eqn (native!-address 'fib 1) first!-address) (go again))))")
            return native_cells(inner, "fib")
    assert native.run(body)


def test_a_threshold_that_is_set_meanwhile_stays() -> None:
    s = Session(heap=64 << 20, jit=(2000, -1), wait=0.01)
    s.eval(FIB + "(jit!-threshold -1)")
    ends = time.monotonic() + 0.1
    while time.monotonic() < ends:
        s.eval("(fib 18)")
    assert s.machine.cage["threshold"] == 0 and not native_cells(s, "fib")


@pytest.mark.parametrize("wait,optimised", [(1e9, False), (0.2, True)])
def test_a_short_program_does_not_wait_for_llvm(monkeypatch: pytest.MonkeyPatch, wait: float, optimised: bool) -> None:
    """Functions that are called very often wait for a while; a program that ends before is not kept."""
    monkeypatch.setattr(jit_module, "WARM", wait)
    s = Session(heap=64 << 20, jit=(50, 2000))
    s.eval(FIB)
    assert s.eval("(fib 20)") == 6765 and s.lisp.jit.functions[s.machine.intern("fib")].tier == "stencil"
    ends = time.monotonic() + 30
    while optimised and s.lisp.jit.compiled["optimised"] == 0 and time.monotonic() < ends:
        assert s.eval("(fib 20)") == 6765
    assert s.lisp.jit.compiled["optimised"] == optimised
    s.close()


def test_interrupts_still_interrupt(native: Session) -> None:
    import threading
    native.eval("(jit!-threshold 10) (de spin (n) (cond ((greaterp n 5) (sub1 n)) (t (add1 n))))")
    timer = threading.Timer(0.5, native.interrupt)
    timer.start()
    with pytest.raises(LispError, match="Interrupted"):
        native.eval("(prog (n) (setq n 0) more (setq n (spin n)) (go more))")
    assert native.eval("(spin 3)") == 4


def test_programs_at_threshold_0() -> None:
    report, _ = runner("--small", "--no-conformance", options=("--jit", "0"))
    assert len(report["programs"]) == len(PROGRAMS) and wrong(report) == []


def test_conformance_at_threshold_0() -> None:
    only = ("--no-programs", "--only", "control|functions|catch|errors|recursion|compiled|idioms")
    now, _ = runner(*only, options=("--jit", "0"))
    never, _ = runner(*only, options=("--jit", "-1"))
    assert now["conformance"] == never["conformance"] and now["conformance"]["passed"] > 250


def test_collector_stress_at_threshold_0(tmp_path: Path) -> None:
    s = Session(heap=64 << 20, jit=0, gc_stress=True)
    s.eval("(de walk (l n) (cond ((zerop n) (reverse l)) (t (walk (cons (list n (times n n)) l) (sub1 n)))))")
    assert s.eval("(length (walk nil 50))") == 50 and s.lisp.jit.compiled["stencil"] >= 1


def test_images_know_nothing_of_it(tmp_path: Path) -> None:
    heaps = []
    for jit in (-1, 0):
        s = Session(heap=64 << 20, jit=jit)
        s.eval(FIB + "(fib 10)")
        assert native_cells(s, "fib") is (jit == 0)
        s.preserve(tmp_path / f"{jit}.img")
        with Image(tmp_path / f"{jit}.img") as image:
            heaps.append((image.read("heap"), [name for name in image.sections if name.startswith("functions")]))
        s.close()
    assert heaps[0] == heaps[1]
    assert restore(tmp_path / "0.img", heap=64 << 20).eval("(fib 12)") == 144


def test_a_debugger_sees_bytecode(native: Session) -> None:
    native.eval(FIB + "(jit 'fib) (fib 5)")
    with Debugger(native) as debugger:
        assert native.eval("(fib 6)") == 8 and debugger.counts["fib"] == 25 and not native_cells(native, "fib")
    assert native_cells(native, "fib") and native.eval("(fib 6)") == 8 and debugger.counts["fib"] == 25


def test_code_memory_is_bounded(native: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jit_module, "LIMIT", 1)
    native.eval(FIB + "(de one (x) x) (jit '(fib one))")
    assert native.eval("(list (fib 8) (one 1) (one 2))") == [21, 1, 2]
    assert not native.lisp.jit.compiled and dict(native.lisp.jit.refused) == {"no room for more code": 2}


def test_a_compiler_that_fails_costs_nothing_but_speed(native: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    from csl_native.native import workers
    monkeypatch.setattr(workers.sys, "executable", "/bin/false")
    native.eval(FIB + "(jit!-threshold -1 0) (jit 'fib)")
    assert (native.eval("(fib 10)") == 55 and dict(native.lisp.jit.compiled) == {"stencil": 1}
            and sum(native.lisp.jit.refused.values()) == 1)


def test_recursion_without_end_is_an_error_in_native_code(native: Session) -> None:
    native.eval("(de down (n) (plus 1 (down (add1 n)))) (de loop (n a) "
                "(cond ((zerop n) a) (t (loop (sub1 n) (add1 a)))))")
    native.native_compile(["down", "loop"])
    with pytest.raises(LispError, match="[Ss]tack overflow"):
        native.eval("(down 1)")
    assert native.eval("(loop 3000000 0)") == 3000000


def test_without_a_native_kernel() -> None:
    s = Session(heap=64 << 20, engine="python", jit=0)
    s.eval(FIB + "(jit 'fib)")
    assert s.eval("(fib 10)") == 55 and not s.lisp.jit.compiled


def test_a_map_for_profilers(tmp_path: Path) -> None:
    """Kernel functions, those compiled ahead of time and those of the jit, with places that do not overlap."""
    command = [sys.executable, "-m", "csl_native", "-q", "-v", "--perf-map", "-e", FIB, "-e",
               "(progn (jit 'fib) (fib 5))", "-e", "(progn (de other (x) x) (native!-compile '(other)))"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                               text=True)
    told = process.communicate(timeout=60)[1]
    path = Path(f"/tmp/perf-{process.pid}.map")
    rows = [line.split(maxsplit=2) for line in path.read_text().splitlines()]
    path.unlink()
    assert str(path) in told
    assert {"csl:collect", "csl:interpret_threaded", "lisp:fib", "lisp:other",
            "lisp:nth"} <= {name for _, _, name in rows}
    spans = [(int(address, 16), int(address, 16) + int(size, 16)) for address, size, _ in rows]
    assert (all(end <= start for (_, end), (start, _) in zip(spans, spans[1:], strict=False))
            and all(size > 0 for size in (b - a for a, b in spans)))


def test_every_number_of_bindings_fits_into_a_stencil(native: Session) -> None:
    native.eval("(fluid '(a1 a2 a3 a4 a5 a6))")
    for count in range(1, 7):
        names = " ".join(f"a{k + 1}" for k in range(count))
        native.eval(f"(de bound ({names}) (look)) (de look () (list a1 a2))")
        symbol = native.machine.intern("bound")
        jit = native.hardcode.jit()
        native.run(lambda jit=jit, symbol=symbol: jit.compile(symbol))
        assert native_cells(native, "bound") and not jit.refused
        arguments = " ".join(map(str, range(count)))
        assert (native.eval(f"(setq a1 'old) (setq a2 'other) (list (bound {arguments}) a1 a2)") == [
            [0, 1 if count > 1 else "other"], "old", "other"])
