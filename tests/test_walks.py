"""The steps of CONTRIBUTING, followed in a copy of the checkout: what they say is all that it takes."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from .conftest import ROOT, needs_native


class Walk(NamedTuple):
    """A heading of CONTRIBUTING, the files that its steps touch, as (path, text to find, text in its place), and a
    program that sees it work.
    """

    heading: str
    changes: tuple[tuple[str, str, str], ...]
    program: str


END = r"\Z"
WALKS = (
    Walk("Add an instruction", (("csl_native/instructions/typed.py", END, '''

@inline
def op_example_small(a):
    """The value itself when it is a small integer, else nil."""
    return a if a & 7 == 0 else NIL
'''),), '''
for engine in ("python", "switch", "example"):
    with Session(engine=engine) as lisp:
        lisp.eval("(plant 'small 1 '((local 0) (example_small) (return)))")
        assert lisp.eval("(list (small 42) (small 'x))") == [42, []], engine
with Session() as lisp:
    lisp.eval("(plant 'small 1 '((local 0) (example_small) (return))) (jit 'small)")
    assert lisp.eval("(list (small 42) (small 'x))") == [42, []]
    assert "example_small" in str(lisp.eval("(native!-strategies 'small)"))
'''),
    Walk("Add a kernel function", (("csl_native/kernel/lists.py", END, '''

@lisp("example-first")
def example_first(x):
    """The first part of a pair, or nil.  (example!-first '(a b)) => a"""
    return load(x - 1) if x & 7 == CONS else NIL
'''),), '''
for engine in ("python", None):
    with Session(engine=engine) as lisp:
        assert lisp.eval("(list (example!-first '(1 2)) (example!-first 5))") == [1, []]
assert meaning_of("example-first").call == "(example!-first x)"
'''),
    Walk("Add a function in Python", (("csl_native/builtins/oldnames.py", END, '''

@builtin("example-half", 1)
def example_half(lisp: Lisp, n: Fixnum) -> int:
    """Half of a small integer.  (example!-half 42) => 21"""
    return n >> 4 << 3
'''), ("csl_native/builtins/oldnames.py", r"from \.\.lisp\.registry import (?!.*Fixnum)",
       "from ..lisp.registry import Fixnum, "),
        ("tools/reference.py", "stop quit", "stop quit example-half")), '''
with Session() as lisp:
    assert lisp.eval("(example!-half 42)") == 21
    try:
        lisp.eval("(example!-half 'x)")
    except LispError as error:
        assert "example-half" in str(error).replace("!", ""), error
    else:
        raise AssertionError
assert "example-half" in reference.REFERENCE["reference/system.md"]()
'''),
    Walk("Add an engine", (("csl_native/engines/example.py", "", '''"""An engine of the copy."""

from __future__ import annotations

from ..instructions.table import Instruction
from . import weave
from .record import Engine


def text(rows: tuple[Instruction, ...], place: int) -> str:
    return weave.loop("example", rows)


ENGINE = Engine("example", "the loop of switch once more", 9, text)
'''),), '''
with Session(engine="example") as lisp:
    lisp.eval("(de fact (n) (cond ((zerop n) 1) (t (times n (fact (sub1 n))))))")
    assert lisp.eval("(fact 20)") == 2432902008176640000
'''),
    Walk("Add a relocation kind", (
        ("relocation/x86_64.py", r"\)\nABSOLUTE", '    _whole("EXAMPLE", 200, S_PLUS_A, 4, (0, 1 << 31)),\n)\n'
                                                  'ABSOLUTE'),), '''
from csl_native.architectures import by_name
assert by_name("x86-64").named("EXAMPLE").size == 4
'''),
    Walk("Add an architecture", (("csl_native/architectures/example.py", "", "riscv64.py"),
                                 ("csl_native/architectures/example.py", r'number=13, name="riscv64"',
                                  'number=30, name="example"'),
                                 ("csl_native/architectures/example.py", "machine=243", "machine=60000"),
                                 ("csl_native/architectures/__init__.py", r'MODULES = \(', 'MODULES = ("example", ')),
         '''
from csl_native.architectures import by_name
assert by_name("example").tag == 30
'''),
)
HEAD = ("from csl_native import LispError, Session\nfrom csl_native.lisp.meanings import meaning_of\n"
        "from csl_native.tools import reference\n")


def followed(root: Path, walk: Walk) -> None:
    """Change the files of a copy as a walk says."""
    for name, find, text in walk.changes:
        path = root / name
        if not find:  # a new file, or one that begins as a copy
            path.write_text((path.parent / text).read_text(encoding="utf-8") if text.endswith(".py") else text,
                            encoding="utf-8")
            continue
        old = path.read_text(encoding="utf-8")
        path.write_text(re.sub(find, text.replace("\\", "\\\\"), old, count=1), encoding="utf-8")


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the checkout in which every walk was followed, with its base image."""
    root = tmp_path_factory.mktemp("walks") / "copy"
    shutil.copytree(ROOT, root, symlinks=True,
                    ignore=shutil.ignore_patterns(".*", "__pycache__", "*.img", "build.log", "tests"))
    for walk in WALKS:
        followed(root, walk)
    subprocess.run([sys.executable, "-m", "csl_native.build"], cwd=root, check=True, timeout=600)
    return root


@pytest.mark.slow
@pytest.mark.exhaustive
@needs_native
@pytest.mark.parametrize("walk", WALKS, ids=lambda walk: walk.heading)
def test_walks_lead_where_they_say(walk: Walk, scratch: Path) -> None:
    done = subprocess.run([sys.executable, "-c", HEAD + walk.program], cwd=scratch, capture_output=True, text=True,
                          check=False, timeout=280)
    assert done.returncode == 0, done.stderr


def test_walks_are_those_of_contributing() -> None:
    headings = set(re.findall(r"(?m)^## (Add .*)$", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")))
    assert headings == {walk.heading for walk in WALKS}


@pytest.mark.parametrize("walk", WALKS, ids=lambda walk: walk.heading)
def test_walks_find_their_places(walk: Walk) -> None:
    for name, find, _ in walk.changes:
        if find and (ROOT / name).exists():
            assert re.search(find, (ROOT / name).read_text(encoding="utf-8")) or "Fixnum" in find, (name, find)
