"""A short run of both fuzzers, so that they go on working; and what they found."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

from csl_native import Session, restore
from tests.fuzzing import calling, calls
from tests.fuzzing.generate import Generator, generate, text_of
from tests.fuzzing.programs import Fuzzer
from tests.fuzzing.running import Way, ways
from tests.fuzzing.state import State

from .conftest import ROOT, needs_native


def fuzz(name: str, *options: str) -> str:
    done = subprocess.run([sys.executable, "-m", f"tests.fuzzing.{name}", "--seed", "5", "--jobs", "1", *options],
                          cwd=ROOT, capture_output=True,
                          text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_native
def test_random_programs_print_the_same_in_some_ways() -> None:
    ways = "threaded-fresh,registers-restored,stencils-restored"
    assert "programs: 12 from seed 5, 0 differences" in fuzz("programs", "--count", "12", "--ways", ways, "--shrink",
                                                             "0")


@needs_native
def test_random_calls_end_in_a_value_or_a_lisp_error() -> None:
    assert "calls: 250 with seed 5, 0 finds" in fuzz("calls", "--count", "250", "--only",
                                                     "car,cdr,cons,plus2,times2,list,null,atom,getv,add1",
                                                        "--without", "circular,deep")


def test_a_way_that_goes_wrong_is_seen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fuzzer, p, base, way = Fuzzer(tmp_path, 1, 0,
                                  State(None, 3, 3)), generate(3), ways()[0], Way(None, "stencils", True)
    fuzzer.compare([p], base, {3: "(1)\n(2)\n"}, way, {3: "(1)\n(2)\n"})
    assert fuzzer.state.seen == {"stencils-restored": 1}
    fuzzer.compare([p], base, {3: "(1)\n(2)\n"}, way, {3: "(1)\n(3)\n"})
    assert fuzzer.state.seen["differences"] == 1 and "-(2)\n+(3)" in capsys.readouterr().out


@needs_native
@pytest.mark.parametrize(("name", "find"), [("fzm!-stop", "ended the Lisp"), ("fzm!-say", "message about the inside")])
def test_a_call_that_goes_wrong_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, find: str) -> None:
    """Mutants: functions that do what none may."""
    monkeypatch.setattr(calls, "SETUP",
                        calls.SETUP + '(de fzm!-stop (x) (stop 1)) (de fzm!-say (x) (princ "at 0xdead00") x)')
    image, _ = calls.prepare(tmp_path)
    texts = ["(car '(1))", "(car '(2))", f"({name} 3)", "(car '(4))"]
    batch = calling.Batch(1, texts, image, tmp_path / "batch", 0)
    batch.start()
    while not batch.done():
        time.sleep(0.05)
    assert [(found.kind, found.number) for found in batch.finds] == [(find, 3)]


def test_a_run_goes_on_where_it_ended(tmp_path: Path) -> None:
    state = State(tmp_path / "state.json", 7, 0)
    state.next, state.ran = 300, 300
    state.seen["hang car"] += 1
    state.save()
    again = State(tmp_path / "state.json", 8, 0)
    assert (again.seed, again.next, again.ran, again.seen) == (7, 300, 300, {"hang car": 1})


def test_large_functions_have_wide_jumps(native: Session) -> None:
    g = Generator(5)
    g.large()
    native.eval(text_of(g.program.definitions[-1]))
    assert native.eval(f"(cdar (code!-size '{g.program.names[-1]}))") > 4096


@needs_native
@pytest.mark.parametrize("form", ["(spaces 2147483647)", "(xtab 2147483647)", "(ttab 2147483647)"])
def test_output_without_an_end_is_interrupted(native: Session, form: str) -> None:
    started = time.process_time()
    native.eval(f"(resource!-limit '{form} 0.05 1000 100000)")
    assert time.process_time() - started < 2


@needs_native
@pytest.mark.parametrize("jit", [(0, -1), (1, -1)])
def test_a_function_that_begins_with_a_poll_has_its_frame(jit: tuple[int, int]) -> None:
    """What made it hot went on at the poll, not at the entry, and so without the top of the stack: callees wrote over
    its variables.
    """
    s = Session(heap=64 << 20, jit=jit)
    s.eval("(de g (x) (cond ((lessp (h x 60) 0) 1) (t x))) (de h (x n) "
           "(cond ((lessp n 0) n) ((atom x) (sub1 n)) (t (h (cdr x) (h (car x) n)))))"
           "(de f (a b c d) (tagbody (go l) l) (unwind!-protect (unwind!-protect 7 (g c)) (g b)))")
    assert [s.eval("(f 5 nil nil 1)") for _ in range(3)] == [7] * 3
    s.close()


@needs_native
@pytest.mark.parametrize("table", ["(mkweakhash)", *(f"(mkhash 5 {kind} 1.5)" for kind in range(6))])
def test_tables_of_every_kind_pass_the_proof_of_a_heap(tmp_path: Path, table: str) -> None:
    """Weak ones, and those of the last two kinds, were taken for what no csl writes."""
    with Session(heap=64 << 20) as s:
        s.eval(f"(setq h {table}) (setq k \"key\") (puthash k h 5)")
        s.preserve(tmp_path / "x.img")
    with restore(tmp_path / "x.img", heap=64 << 20, trust="none") as s:
        assert s.eval("(gethash k h)") == ([] if "weak" in table else 5)
        assert s.eval("(progn (puthash k h 6) (gethash k h))") == 6


@pytest.mark.parametrize("engine", [pytest.param(None, marks=needs_native), "python"])
def test_the_largest_modulus(tmp_path: Path, engine: str | None) -> None:
    """Sums of residues overflowed, and an image with it could not be read."""
    largest = (1 << 60) - 1
    with Session(heap=64 << 20, **({} if engine is None else {"engine": engine})) as s:
        s.eval(f"(set!-small!-modulus {largest})")
        assert s.eval(f"(modular!-plus {largest - 1} {largest - 2})") == largest - 3
        assert s.eval(f"(modular!-plus {largest - 1} 1)") == 0
        s.preserve(tmp_path / "x.img")
    with restore(tmp_path / "x.img", heap=64 << 20) as s:
        assert s.eval("(set!-small!-modulus nil)") == largest


@pytest.mark.parametrize("seed", [1, 77])
def test_a_seed_is_a_program(seed: int) -> None:
    assert generate(seed).text() == generate(seed).text() != generate(seed + 1).text()
    assert all(text_of(d) for d in generate(seed).definitions)


@needs_native
@pytest.mark.parametrize("jit", [(0, -1), (1, -1), (1, 2)])
def test_a_frame_that_makes_its_function_hot_keeps_its_arguments(jit: tuple[int, int]) -> None:
    """It was counted while the frame lay above the top of the stack: what compiling pushed came in the arguments'
    place.
    """
    s = Session(heap=64 << 20, jit=jit, gc_stress=True)
    s.eval("(de two (a) (list a a)) (de five (a b c d e) (list e a d b c)) (de floating (x) (abs x))")
    for k in range(4):
        assert s.eval(f"(list (two (list 1 {k})) (five (list 1) (list 2) (list 3) 2.5 \"x\") "
                      f"(floating -{k + 1}.5))") == [
            [[1, k], [1, k]], ["x", [1], 2.5, [2], [3]], k + 1.5]
    s.close()
