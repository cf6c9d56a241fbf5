"""Every engine runs the same programs; one definition adds an instruction, one file adds an engine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from itertools import permutations
from pathlib import Path

import pytest

from csl_native import Session, restore
from csl_native.architectures import architectures, host
from csl_native.engines.listing import here
from csl_native.engines.record import Engine, engines
from csl_native.engines.weave import check_ends, kernel_program
from csl_native.heap.objects import CODE_HEADER
from csl_native.instructions.codec import Code
from csl_native.instructions.table import CodeError, instructions

from .conftest import ROOT, machine_runs_natively
from .test_corpus import PROGRAMS, runner, wrong

NATIVE = [e.name for e in engines().values() if e.native]
HERE = [name for name in NATIVE if machine_runs_natively()
        and not (engines()[name].tail_calls and host() and not host().tail_calls)]  # type: ignore[union-attr]


@pytest.mark.parametrize("name", HERE)
def test_programs_on_every_engine(name: str) -> None:
    report, _ = runner("--small", "--no-conformance", options=("--native=off", "--engine", name))
    assert len(report["programs"]) == len(PROGRAMS) and wrong(report) == []


@pytest.mark.parametrize("name", HERE)
def test_conformance_on_every_engine(name: str) -> None:
    """The same cases pass as on the others."""
    only = ("--no-programs", "--only", "control|catch|errors|variables|compiled")
    own, _ = runner(*only, options=("--engine", name))
    plain, _ = runner(*only, options=("--engine", "switch"))
    assert own["conformance"]["passed"] == plain["conformance"]["passed"] > 100


@pytest.mark.parametrize("name", HERE)
def test_collector_stress_on_every_engine(name: str, tmp_path: Path) -> None:
    """Fresh under collector stress, then restored from an image that another engine wrote."""
    s = Session(engine=name, native=False, gc_stress=True, heap=64 << 20)
    assert s.engine == name
    s.eval("(de walk (l n) (cond ((zerop n) (reverse l)) (t (walk (cons (list n (times n n)) l) (sub1 n)))))")
    s.eval("(de safe (n) (catch 'out (unwind!-protect (cond ((greaterp n 5) (throw 'out n)) (t (list n))) "
           "(setq undone!* n))))")
    assert (s.eval("(list (length (walk nil 60)) (safe 9) undone!* (safe 2) (errorset '(car 5) nil nil))")[:4] == [
        60, 9, 9, [2]])
    s.preserve(tmp_path / "x.img")
    other = restore(tmp_path / "x.img", engine=HERE[HERE.index(name) - 1], native=False, heap=64 << 20)
    assert other.eval("(list (length (walk nil 60)) (safe 9))") == [60, 9]


@pytest.mark.parametrize("jit", [-1, 0])
@pytest.mark.parametrize("name", [*HERE, "python"])
def test_an_invalid_opcode_is_an_error_that_names_it(name: str, jit: int, tmp_path: Path) -> None:
    with open(tmp_path / "out", "wb") as out:
        s = Session(engine=name, heap=64 << 20, output=out, jit=jit)
        m = s.machine
        s.eval("(de strange (x) x)")
        s.run(lambda: s.lisp.install_env(m.intern("strange"),
                                         m.vector([m.object(CODE_HEADER, Code(1, 1, False, 1, 4, b"\x96").pack())]),
                                         False))
        s.eval("(de caller (x) (list (errorset '(strange 1) t nil) x))")
        assert s.eval("(cadr (caller 7))") == 7, "the program goes on"
        s.lisp.output.flush()
    assert "invalid opcode 150" in (tmp_path / "out").read_text()


def test_a_body_that_falls_through_is_refused() -> None:
    row = next(r for r in instructions() if r.name == "local")
    with pytest.raises(CodeError, match="local: its woven body can fall through"):
        check_ends((row,), ["tos = load(fp)", "pc += 2"])


def test_choosing_an_engine() -> None:
    with pytest.raises(ValueError, match="no such engine here: warp; this kernel has threaded, "):
        Session(engine="warp", heap=64 << 20)
    assert here(Engine("warp", "", 5, lambda rows, place: ""), {}).startswith("no: ")
    lacking = [a for a in architectures() if not a.tail_calls]
    assert lacking, "one architecture at least cannot jump to a function"
    program = kernel_program(None, lacking[0].tail_calls)
    assert "interpret_registers" not in program.functions and "interpret_threaded" in program.functions
    done = subprocess.run([sys.executable, "-m", "csl_native", "--engines"], capture_output=True, text=True,
                          check=True).stdout
    assert all(name in done for name in engines())


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    """A copy of the sources, without the base image."""
    for folder in ("csl_native", "image", "relocation", "tools"):
        shutil.copytree(ROOT / folder, tmp_path / folder, symlinks=True,
                        ignore=shutil.ignore_patterns("__pycache__", "*.img"))
    return tmp_path


def python(folder: Path, *arguments: str) -> str:
    done = subprocess.run([sys.executable, *arguments], cwd=folder, env={**os.environ, "PYTHONPATH": str(folder)},
                          capture_output=True, text=True,
                          check=False, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stderr
    return done.stdout


TWICE = '''

@inline
def op_twice_and_more(n: i8, a, b):
    """Push (2 a, b + n) as a pair."""
    return cons(a << 1, b + (n << 3))


@inline
def op_is_seven(a):
    """Is it 7?"""
    return NIL if a != 56 else T


@inline
def op_value_if_seven(env, n: w16, a):
    """The value of the variable that is literal n, of 7; nil of all else."""
    return symbol_value(env, literal(env, n)) if a == 56 else NIL
'''
USE = """
import csl_native
from csl_native import Session
from csl_native.instructions.codec import Code, encode, disassemble
from csl_native.heap.objects import CODE_HEADER
from csl_native.build.manual import instructions_page
assert csl_native.__file__.startswith(__import__('os').getcwd()), csl_native.__file__
code = Code(2, 2, False, 2, 8, encode("local", 0) + encode("local", 1) + encode("twice_and_more", 5) + encode("return"))
print("twice_and_more 5" in "\\n".join(disassemble(code)), "Push (2 a, b + n) as a pair." in instructions_page())
for name in ("switch", "threaded", "calls", "registers", "debug", "python"):
    s = Session(engine=name, native=False, heap=64 << 20)
    m = s.machine
    s.eval("(de new (a b) a)")
    s.run(lambda: s.lisp.install_env(m.intern("new"), m.vector([m.object(CODE_HEADER, code.pack())]), False))
    print(name, s.engine, s.eval("(list (car (new 21 4)) (cdr (new 21 4)))"))
s = Session(heap=64 << 20)
m = s.machine
s.eval("(de new (a b) a)")
s.run(lambda: s.lisp.install_env(m.intern("new"), m.vector([m.object(CODE_HEADER, code.pack())]), False))
s.eval("(jit 'new)")
print(*s.lisp.jit.compiled if s.eval("(new 1 2)") else (), s.eval("(list (car (new 21 4)) (cdr (new 21 4)))"))
print(s.native_compile(["new"]), s.explain(), s.eval("(list (car (new 21 4)) (cdr (new 21 4)))"))
from csl_native.instructions.proof import prove
from csl_native.instructions.table import CodeError, by_name
from csl_native.native.fronts import stays
from csl_native.stencils.weave import fused
print({branch.name for row, branch in fused() if row.name == "is_seven"}, stays(by_name()["is_seven"]))
code = Code(1, 1, False, 1, 8, encode("local", 0) + encode("value_if_seven", 2) + encode("return"))
prove(code, 3, {2}, {2})
try:
    prove(code, 3, {1}, {1})
except CodeError as error:
    print(error)
"""


@pytest.mark.slow
@pytest.mark.skipif(not machine_runs_natively(), reason="no native kernel here")
def test_an_instruction_is_one_definition(scratch: Path) -> None:
    """Added to the definitions in a copy, every engine, the stencils, the LLVM tier, the disassembler and the manual
    have it; a predicate is joined with branches and stands in fronts, what takes a literal for a symbol is proved.
    """
    path = scratch / "csl_native" / "instructions" / "definitions.py"
    text = path.read_text()
    place = text.index("# Instructions that are a kernel function of the same name")
    path.write_text(text[:place].rstrip() + "\n" + TWICE + "\n\n" + text[place:])
    lines = python(scratch, "-c", USE).splitlines()
    assert lines[0] == "True True"
    names = ("switch", "threaded", "calls", "registers", "debug", "python")
    assert lines[1:9] == [*(f"{name} {name} [42, 9]" for name in names), "stencil [42, 9]", "['new'] [] [42, 9]"]
    assert lines[9] in (f"{{{a!r}, {b!r}}} True" for a, b in permutations(("jump_nil", "jump_not_nil")))
    assert lines[10:] == ["value_if_seven at 2 uses literal 2, which is no symbol"]


ENGINE = '''"""A copy of the loop, under another name."""

from . import weave
from .record import Engine

ENGINE = Engine("another", "the loop once more", 5, lambda rows, place: weave.loop("another", rows))
'''


@pytest.mark.slow
@pytest.mark.skipif(not machine_runs_natively(), reason="no native kernel here")
def test_an_engine_is_one_file_and_builds_may_leave_some_out(scratch: Path) -> None:
    (scratch / "csl_native" / "engines" / "another.py").write_text(ENGINE)
    assert "another    yes" in python(scratch, "-m", "csl_native", "--engines")
    assert python(scratch, "-m", "csl_native", "-q", "--native=off", "--engine", "another", "-e",
                  "(print (nth '(1 2 3) 2))") == "2\n"
    python(scratch, "-m", "csl_native.build", "--without", "another", "--without", "threaded")
    listing = python(scratch, "-m", "csl_native", "--engines")
    assert "threaded   no: left out of this build" in listing and "switch     yes" in listing
    done = subprocess.run([sys.executable, "-m", "csl_native", "--engine", "threaded", "-e", "1"], cwd=scratch,
                          capture_output=True, text=True,
                          env={**os.environ, "PYTHONPATH": str(scratch)}, check=False)
    assert done.returncode == 2 and "no such engine here: threaded; this kernel has" in done.stderr
    assert python(scratch, "-m", "csl_native", "-q", "-e", "(print 3)") == "3\n"


@pytest.mark.parametrize("name", [*HERE, "python", None])
def test_many_bindings_are_undone_innermost_first(name: str | None) -> None:
    """A jump out of several bindings of one variable leaves what it had before."""
    s = Session(engine=name, heap=64 << 20)
    s.eval("""(fluid '(v w)) (setq v 'old) (setq w 'other)
      (de away () (prog () (prog (v) (setq v 1) (prog (v w) (setq v 2) (prog (w v w) (setq v 3) (setq w 4) (go out))))
        out (return (list v w))))
      (de inside (n) (prog (v) (setq v n) (cond ((greaterp n 0) (return (cons v (append (inside (sub1 n)) (list v))))))
        (return nil)))
      (de twice (v v) v) (de thrice (v w v) (prog (w v w) (setq w 5) (return w)))""")
    if name is None:
        s.native_compile()
    assert s.eval("(list (away) v w (inside 3) (twice 1 2) (thrice 1 2 3) v w)") == [
        ["old", "other"], "old", "other", [3, 2, 1, 1, 2, 3], 2, 5, "old", "other"]
