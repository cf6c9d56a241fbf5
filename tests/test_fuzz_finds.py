"""A short run of both fuzzers, so that they go on working; and what they found."""

from __future__ import annotations

import subprocess
import sys

import pytest

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
