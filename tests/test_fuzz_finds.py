"""A short run of both fuzzers, so that they go on working; and what they found."""

from __future__ import annotations

import subprocess
import sys

import pytest

from csl_native.session import Session
from tests.fuzzing.generate import generate, text_of

from .conftest import ROOT, needs_native


def fuzz(name: str, *options: str) -> str:
    done = subprocess.run([sys.executable, "-m", f"tests.fuzzing.{name}", "--seed", "5", "--jobs", "1", *options], cwd=ROOT, capture_output=True,
                          text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@needs_native
def test_random_programs_print_the_same_in_some_ways() -> None:
    ways = "threaded-fresh,registers-restored,stencils-restored"
    assert "programs: 12 from seed 5, 0 differences" in fuzz("programs", "--count", "12", "--ways", ways, "--shrink", "0")


@needs_native
def test_random_calls_end_in_a_value_or_a_lisp_error() -> None:
    assert "calls: 250 with seed 5, 0 finds" in fuzz("calls", "--count", "250", "--only", "car,cdr,cons,plus2,times2,list,null,atom,getv,add1",
                                                        "--without", "circular,deep")


@pytest.mark.parametrize("seed", [1, 77])
def test_a_seed_is_a_program(seed: int) -> None:
    assert generate(seed).text() == generate(seed).text() != generate(seed + 1).text()
    assert all(text_of(d) for d in generate(seed).definitions)


@needs_native
@pytest.mark.parametrize("jit", [(0, -1), (1, -1), (1, 2)])
def test_a_frame_that_makes_its_function_hot_keeps_its_arguments(jit: tuple[int, int]) -> None:
    """It was counted while the frame lay above the top of the stack: what compiling pushed came in the arguments' place."""
    s = Session(heap=64 << 20, jit=jit, gc_stress=True)
    s.eval("(de two (a) (list a a)) (de five (a b c d e) (list e a d b c)) (de floating (x) (abs x))")
    for k in range(4):
        assert s.eval(f"(list (two (list 1 {k})) (five (list 1) (list 2) (list 3) 2.5 \"x\") (floating -{k + 1}.5))") == [
            [[1, k], [1, k]], ["x", [1], 2.5, [2], [3]], k + 1.5]
    s.close()
