"""The tool that makes mutants: what it changes, what its tables say, and that a mutant of a checked file is refused by
the tests that claim it.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from .conftest import ROOT
from .mutants import __main__ as tool
from .mutants.claims import CLAIMS, WHOLE, claiming
from .mutants.mutations import mutants
from .mutants.survivors import EQUIVALENT

TEXT = '''
def f(x: "a < b", y=2) -> int:
    """Not 1, nor 2."""
    if x < y and not y:
        raise ValueError(f"{x < 1}")
    check(x)
    return x + 1 if x is None else 0
'''


def test_what_is_changed() -> None:
    found = {(m.kind, m.new) for m in mutants("f.py", TEXT)}
    assert found == {
        ("boundary", "(x <= y)"), ("negated", "(x >= y)"), ("and/or", "(x < y or not y)"),
        ("condition dropped", "(not y)"), ("condition dropped", "(x < y)"),
        ("negated", "(y)"), ("guard dropped", "(False)"), ("call dropped", "pass"), ("operator", "(x - 1)"),
        ("constant", "(2)"), ("constant", "(0)"),
        ("constant", "(1)"), ("negated", "(x is not None)"), ("constant", "(3)")}
    for m in mutants("f.py", TEXT):
        assert ast.dump(ast.parse(m.applied(TEXT))) != ast.dump(ast.parse(TEXT)) and m.place in ("f", "")


@pytest.mark.parametrize("file", CLAIMS)
def test_every_file_has_mutants_and_tests(file: str) -> None:
    text = (ROOT / file).read_text()
    made = mutants(file, text)
    for m in made[:40]:
        ast.parse(m.applied(text))
    assert made and all((ROOT / test).exists() for test in claiming(file)) and set(CLAIMS) >= WHOLE


def test_survivors_are_those_of_the_sources_as_they_are() -> None:
    rows = {m.row for file in CLAIMS for m in mutants(file, (ROOT / file).read_text())}
    assert set(EQUIVALENT) - rows == set() and all(EQUIVALENT.values())


def test_a_mutant_is_killed_and_another_survives(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a copy: a comparison that the test of a class looks at, and one of a file whose test is no test of it."""
    monkeypatch.setattr(tool, "WHOLE", {"image/container.py"})
    monkeypatch.setattr(tool, "claiming", lambda file: ["tests/test_image.py::test_what_is_no_image"])
    copy, text = tool.Copy(tmp_path), (ROOT / "image" / "container.py").read_text()
    made = mutants("image/container.py", text)
    seen = [m for m in made if m.kind == "guard dropped" and m.place == "Image._slots"][-1]
    other = next(m for m in made if m.place == "Image.verify" or m.place == "matches")
    assert "test_what_is_no_image" in tool.judge(copy, seen, {}) and tool.judge(copy, other, {}) == ""
    assert (tmp_path / "image" / "container.py").read_text() == text
