"""What cannot run natively runs as bytecode and says why; csl-image check foretells it; images keep what is of other
machines.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from csl_native import Session, restore
from csl_native.architectures import by_name, host
from csl_native.image.container import Image, Section, update, write
from csl_native.native.pages import PAGE_SIZE, PageSet

from .conftest import machine_runs_natively, needs_native, sign_again

FIB = "(de fib (n) (cond ((lessp n 2) n) (t (plus (fib (sub1 n)) (fib (difference n 2))))))"


# -- preserve and restore ---------------------------------------------------------------

@pytest.fixture
def image(tmp_path: Path) -> Path:
    if not machine_runs_natively():
        pytest.skip("no native kernel for this machine")
    s = Session(heap=128 << 20)
    s.eval(FIB + "(de twice (x) (plus x x)) (setq v '(1 \"two\" 3.5)) (put 'v 'p 12345678901234567890)")
    assert s.native_compile(["fib", "twice"]) == ["fib", "twice"]
    assert s.explain() == []
    s.preserve(tmp_path / "x.img")
    return tmp_path / "x.img"


def own_section(kind: str) -> str:
    architecture = host()
    assert architecture is not None
    return f"{kind}-{architecture.number}"


def check_program(s: Session) -> None:
    assert s.function("fib")(16) == 987 and s.function("twice")(1 << 70) == 1 << 71
    assert s.eval("v") == [1, "two", 3.5] and s.eval("(get 'v 'p)") == 12345678901234567890


def test_restored_natively(image: Path) -> None:
    s = restore(image, heap=128 << 20)
    assert s.explain() == []
    check_program(s)


def edit_set(image: Path, change: Callable[[PageSet], None]) -> None:
    with Image(image) as opened:
        pages = PageSet.parse(opened.read(own_section("functions")), "test")
    change(pages)
    update(image, [pages.section(own_section("functions"))])
    sign_again(image)


def other_tag(image: Path) -> None:
    number = own_section("").lstrip("-")
    with Image(image) as opened:
        sections = [Section(n.replace(number, "31"), opened.read(n), s.raw, {**s.info, "tag": 31})
                    if n.endswith("-" + number)
                    else Section(n, opened.read(n), s.raw, s.info) for n, s in opened.sections.items()]
    write(image, sections)
    sign_again(image)


def flip(kind: str) -> Callable[[Path], None]:
    def change(image: Path) -> None:
        with Image(image) as opened:
            s = opened.sections[own_section(kind)]
        raw = bytearray(image.read_bytes())
        raw[s.offset + s.stored - 100] ^= 4
        image.write_bytes(raw)
    return change


def set_of(change: Callable[[PageSet], None]) -> Callable[[Path], None]:
    return lambda image: edit_set(image, change)


def far_entry(image: Path) -> None:
    """Cut the pages short: entries lie behind their end."""
    edit_set(image, lambda p: p.data.__delitem__(slice(64, None)) or p.packed.clear())


def strange_bytecode(pages: PageSet) -> None:
    for entry in pages.entries.values():
        if entry["name"] in ("fib", "twice"):
            entry["bytecode"] = b"?" * 16


REFUSALS: dict[str, tuple[Callable[[Path], None], str]] = {
    "no set for this tag": (other_tag, "no-set"),
    "a damaged function page": (flip("functions"), "damaged-page"),
    "another kernel ABI": (set_of(lambda p: setattr(p, "abi", "0" * 16)), "kernel-abi"),
    "a needed feature missing": (set_of(lambda p: setattr(p, "features", ["quantum"])), "missing-feature"),
    "redefined since": (set_of(strange_bytecode), "redefined"),
    "an entry point outside its page": (far_entry, "bad-entry"),
    "an unresolved kernel entry": (set_of(lambda p: p.targets.append("no_such_entry")), "unresolved"),
    "an overflowing relocation": (set_of(lambda p: p.add_record(9, 0, 0, 1 << 40)), "overflow"),
}


@pytest.mark.parametrize("name", list(REFUSALS))
def test_refused_pages_run_as_bytecode_and_say_why(image: Path, name: str, csl: Any) -> None:
    change, code = REFUSALS[name]
    change(image)
    s = restore(image, heap=128 << 20)
    check_program(s)
    assert code in {f.code for f in s.fallbacks} and any(f"[{code}]" in line for line in s.explain())
    done = csl("--explain", "-q", "-i", str(image), "-e", "(print (fib 10))")
    assert done.stdout == "55\n" and f"[{code}]" in done.stderr and "Traceback" not in done.stderr
    moving = r"\d+ \(0x[0-9a-f]+\)"  # an address of this process
    assert re.sub(moving, "V", done.stderr).strip().splitlines() == ["csl: " + re.sub(moving, "V", line)
                                                                     for line in s.explain()]


@pytest.mark.parametrize("name", ["a damaged function page", "another kernel ABI", "a needed feature missing"])
def test_a_program_whose_pages_are_refused_is_compiled_while_it_runs(image: Path, tmp_path: Path, name: str) -> None:
    """As one that had no pages."""
    REFUSALS[name][0](image)
    s = restore(image, heap=128 << 20, jit=0)
    check_program(s)
    assert s.lisp.jit is not None and s.machine.intern("fib") in s.lisp.jit.functions
    s.preserve(tmp_path / "again.img")
    check_program(restore(tmp_path / "again.img", heap=128 << 20))


@pytest.mark.parametrize("bad,found", [(0, None), (1, 1), (2, 2), (3, 3), (4, None)])
def test_a_function_needs_all_pages_that_it_was_compiled_into(bad: int, found: int | None) -> None:
    """Its body may lie on another page than its entry, and what it calls of the unit on a third one."""
    unit = [PAGE_SIZE + 8, 2 * PAGE_SIZE + 9]
    row = {"name": "f", "parts": [[PAGE_SIZE + 100, 50], [2 * PAGE_SIZE + 16, 8]], "unit": unit}
    pages, moved = PageSet(11, "x", entries={str(2 * PAGE_SIZE + 16): row}), PageSet(11, "x")
    pages.bad_pages = {bad}
    assert pages.damaged(2 * PAGE_SIZE + 16) == found
    assert moved.add_set(pages) == 0 and moved.entries == pages.entries
    del row["unit"]
    assert pages.damaged(2 * PAGE_SIZE + 16) == (found if bad < 3 else None)


def test_units_are_kept(image: Path) -> None:
    def look(pages: PageSet) -> None:
        ways = [place for place, name in pages.names.items() if name.startswith("slow.")]
        for row in pages.entries.values():
            start, size = row["unit"]
            assert all(start <= place and place + length <= start + size for place, length in row["parts"])
        assert (ways and all(any(start <= place < start + size
                                 for start, size in (row["unit"] for row in pages.entries.values())) for place in ways))
    edit_set(image, look)


def test_overflow_refuses_one_function(image: Path) -> None:
    """The function with the field that does not fit runs as bytecode; its neighbours in the same set stay native."""
    def overflow(pages: PageSet) -> None:
        entry = next(row for row in pages.entries.values() if row["name"] == "twice")
        kind = next(k for k, row in enumerate(pages.architecture.kinds) if row.hi < 1 << 33)  # type: ignore[union-attr]
        pages.add_record(kind, 0, entry["parts"][0][0], 1 << 40)
        pages.add_record(kind, 0, entry["parts"][0][0] + 4, 1 << 40)
    edit_set(image, overflow)
    s = restore(image, heap=128 << 20, jit=-1)  # the jit would make up for it
    (fallback,) = s.fallbacks
    assert (fallback.code, fallback.subject) == ("overflow", "twice")
    assert re.fullmatch(r"set \d+, page \d+, byte 0x[0-9a-f]+: relocation R_\w+ against the set itself: \d+ "
                        r"\(0x[0-9a-f]+\) is not in \[-?\d+, \d+\).*",
                        fallback.detail)
    check_program(s)
    native = {name: any(cell >= s.machine.cage["entry_top"] for cell in s.lisp.cells(s.machine.intern(name)))
              for name in ("fib", "twice", "nth")}
    assert native == {"fib": True, "twice": False, "nth": True}


def test_switched_off(image: Path) -> None:
    s = restore(image, heap=128 << 20, native=False)
    check_program(s)
    assert [f.code for f in s.fallbacks] == ["switched-off"] and not s.machine.native
    s = restore(image, heap=128 << 20, native=False, engine="switch")
    check_program(s)
    assert [f.code for f in s.fallbacks] == ["switched-off"] and s.machine.native and not s.hardcode.spans


def test_redefinition_drops_native_code_everywhere(image: Path) -> None:
    s = restore(image, heap=128 << 20)
    s.eval("(de twice (x) (list x x))")
    assert s.eval("(twice 3)") == [3, 3]
    assert not any(row[0] == "twice" for row in s.eval("(mapcar hard_code!* (function (lambda (r) (list (car r)))))"))


def test_restoring_needs_no_compiler(image: Path) -> None:
    """A process in which llvmlite, keystone, capstone and pyelftools cannot be imported."""
    program = ("import sys\nfor n in ('llvmlite', 'keystone', 'capstone', 'elftools', 'rich', 'prompt_toolkit'): "
               "sys.modules[n] = None\n"
               f"from csl_native import restore\ns = restore({str(image)!r}, heap=128 << 20)\n"
               "assert s.function('fib')(20) == 6765 and s.explain() == []\n"
               "s.eval('(de h (x) (fib x))')\nassert s.eval('(h 10)') == 55\n"
               "try: s.native_compile(['h'])\nexcept RuntimeError as error: assert 'llvmlite' in str(error)\n"
               "else: raise SystemExit('compiled?')\n")
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_preserve_into_its_own_file_keeps_other_tags(image: Path) -> None:
    update(image, [Section("functions-30", b"other machine's pages", raw=True, info={"tag": 30, "abi": "x"})])
    with Image(image) as opened:
        before = opened.sections["functions-30"]
    s = restore(image, heap=128 << 20)
    s.eval("(setq more 1)")
    s.preserve(image)
    with Image(image) as opened:
        after = opened.sections["functions-30"]  # maybe elsewhere: a file that would be half dead is written anew
        assert opened.read("functions-30") == b"other machine's pages"
        assert (after.raw, after.info, after.digest) == (before.raw, before.info, before.digest)
    assert restore(image, heap=128 << 20).eval("more") == 1


def test_image_tool_and_session_give_the_same_reasons(image: Path) -> None:
    import json
    edit_set(image, strange_bytecode)
    expected = [(f.code, f.subject) for f in restore(image, heap=128 << 20).fallbacks]
    done = subprocess.run([sys.executable, "-m", "csl_native.tools.csl_image", "why", str(image), "--json"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 1 and [(r["code"], r["function"]) for r in json.loads(done.stdout)["result"]] == expected


@pytest.mark.parametrize("name", [n for n in REFUSALS if "relocation" not in n])
def test_check_foretells_what_happens(image: Path, name: str) -> None:
    """csl-image check says without running what restoring then does."""
    import json
    REFUSALS[name][0](image)
    restored = {f.subject: f.code for f in restore(image, heap=128 << 20).fallbacks}
    done = subprocess.run([sys.executable, "-m", "csl_native.tools.csl_image", "check", str(image), "--json",
                           "--target", host().name],  # type: ignore[union-attr]
                          capture_output=True, text=True, check=False)
    told = {row["function"]: row["code"] for row in json.loads(done.stdout)["result"] if row["code"]}
    assert done.returncode == 1 and told
    if "" in restored:
        assert set(told.values()) == {restored[""]}
    else:
        assert told == restored


@needs_native
def test_a_damaged_refinement_costs_only_itself(native: Session, tmp_path: Path) -> None:
    """The baseline's code runs where the better one cannot be read, and foretelling agrees."""
    here = host()
    assert here is not None
    if len(here.refinements) < 2 or here.missing(here.refinements[1].features):
        pytest.skip("this machine has no second refinement")
    from csl_native.tools.csl_image import HeapView, foretell
    refined = by_name(here.refinements[1].name)
    native.eval("(de unit (x) (zerop x))")
    native.native_compile(["unit"])
    native.add_tags([refined.name])
    path = tmp_path / "x.img"
    native.preserve(path)
    assert restore(path, heap=64 << 20).explain() == []
    with Image(path) as image:
        section = image.sections[f"functions-{refined.tag}"]
        data = bytearray(image.read(section.name))
    data[4:40] = bytes(36)
    update(path, [Section(section.name, bytes(data), raw=True, info=section.info)])
    sign_again(path)
    s = restore(path, heap=64 << 20)
    assert [f.code for f in s.fallbacks] == ["damaged-page"] and s.eval("(unit 0.0)") is True
    assert [tag for tag, *_ in s.hardcode.spans] == [here.tag]
    with Image(path) as image:
        assert "unit" not in foretell.predict(image, HeapView(image), here, refined.baseline)


def test_reasons_for_programs(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "csl_native", "-q", "--native=off", "--explain=json", "-e",
                           "(print 1)"], capture_output=True, text=True,
                          check=False)
    rows = [json.loads(line) for line in done.stderr.splitlines()]
    assert (done.stdout == "1\n" and rows[0]["code"] == "switched-off" and rows[0]["remedy"]
            and set(rows[0]) == {"code", "subject", "detail", "text", "remedy"})
