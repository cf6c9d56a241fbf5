"""Programs that nobody tuned for, with values that were worked out elsewhere: each says its own at two sizes, in its
first lines.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from csl_native import Session, restore
from csl_native.bench.scheme import Unsupported
from csl_native.bench.scheme import translate as to_scheme
from csl_native.bench.translate import unknown
from csl_native.engines.record import engines

from .conftest import ROOT, needs_native

FOLDER = ROOT / "tests" / "programs"
PROGRAMS = sorted(path.stem for path in FOLDER.glob("*.lsp"))
TIERS: dict[str, tuple[int, int]] = {"bytecode": (-1, -1), "stencils": (0, -1), "compiled": (-1, -1)}


def program(name: str, small: bool) -> tuple[str, str]:
    """Its text without the call of main, and the value that this has."""
    text = (FOLDER / f"{name}.lsp").read_text()
    values = re.search(r"(?m)^% value (.*) small (.*)$", text)
    assert values is not None
    if small:
        text, count = re.subn(r"(?m)^\(setq scale!\* (.+)\) +% small (\S.*)$", r"(setq scale!* \2)", text)
        assert count == 1
    return re.sub(r"\(main\)\s*$", "", text), values.group(2 if small else 1)


def value(session: Session) -> str:
    return str(session.eval("(list2string (explode2 (main)))"))


def session_of(**options: object) -> Session:
    return Session(heap=512 << 20, output=open(os.devnull, "wb"), **options)  # type: ignore[arg-type]


@needs_native
@pytest.mark.parametrize("name", PROGRAMS)
def test_values_at_small_size(name: str) -> None:
    text, expected = program(name, small=True)
    session = session_of()
    session.eval(text)
    assert value(session) == expected
    session.close()


@pytest.mark.slow
@pytest.mark.exhaustive
@needs_native
@pytest.mark.parametrize("way", [*(e.name for e in engines().values()), *(t for t in TIERS if t != "bytecode")])
@pytest.mark.parametrize("name", PROGRAMS)
def test_values_in_every_engine_and_tier(name: str, way: str, tmp_path: Path) -> None:
    """At full size (small under CPython and with a debugger), fresh, and in a session that is restored from an image.
    """
    text, expected = program(name, small=way in ("python", "debug"))
    options: dict[str, object] = {"jit": TIERS[way]} if way in TIERS else {"engine": way, "jit": (-1, -1)}
    session = session_of(**options)
    session.eval(text)
    if way == "compiled":
        own = [name.replace("!", "") for name in re.findall(r"(?m)^\(de (\S+)", text)]
        session.native_compile(own)
        assert [fallback.sentence() for fallback in session.fallbacks if fallback.subject in own] == []
    session.preserve(tmp_path / "x.img")
    assert value(session) == expected
    session.close()
    restored = restore(tmp_path / "x.img", heap=512 << 20, output=open(os.devnull, "wb"),
                       **options)  # type: ignore[arg-type]
    assert value(restored) == expected
    restored.close()


def translated(can: Callable[[str], bool]) -> list[str]:
    return [name for name in PROGRAMS if not can((FOLDER / f"{name}.lsp").read_text())]


def test_nearly_all_can_be_said_in_other_lisps() -> None:
    """What a translation does not know, it says: such a program is not compared."""
    def scheme(text: str) -> bool:
        try:
            return bool(to_scheme(text))
        except Unsupported:
            return False
    assert len(PROGRAMS) >= 50
    assert translated(lambda text: not unknown(text)) == []
    assert translated(scheme) == ["ctakle", "fprint"]  # catch and throw; a return out of dotimes
    assert unknown("(de main nil (list (frobnicate 1) '(frob 2)))\n(main)") == ["frobnicate"]
    with pytest.raises(Unsupported, match="frobnicate"):
        to_scheme("(de main nil (frobnicate 1))\n(main)")
