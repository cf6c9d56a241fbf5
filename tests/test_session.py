"""Sessions: Python in and out, preserve and restore, reasons, hard code, threads."""

from __future__ import annotations

import importlib.util
import math
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from csl_native.image.container import Image, Section, update, write
from csl_native.native.architectures import by_name, host
from csl_native.native.pages import PageSet
from csl_native.session import Handle, LispError, Session, Symbol, restore

from .conftest import machine_runs_natively, needs_native
from .emulation import ADD1

FIB = "(de fib (n) (cond ((lessp n 2) n) (t (plus (fib (sub1 n)) (fib (difference n 2))))))"

values = st.recursive(
    st.one_of(st.integers(-(1 << 300), 1 << 300), st.floats(allow_nan=False), st.text(), st.sampled_from([True, Symbol("abc"), Symbol("x y")])),
    lambda inner: st.lists(inner, max_size=5), max_leaves=12)


def test_values_go_in_and_come_out(session: Session) -> None:
    session.eval("(de same (x) x)")
    same = session.function("same")

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(values)
    def check(value: Any) -> None:
        assert same(value) == value
    check()
    assert same(None) == [] and same((1, 2)) == (1, 2) and math.isnan(same(math.nan))
    handle = session.eval("(mkvect 3)")
    assert isinstance(handle, Handle) and session.function("upbv")(handle) == 3
    with pytest.raises(TypeError, match="no Lisp value for a set"):
        same({1})


def test_handles_keep_their_object_alive(native: Session) -> None:
    handle = native.eval("(list2vector '(1 2 3))")
    native.eval("(progn (reclaim) (reclaim))")
    assert native.function("getv")(handle, 2) == 3


def test_errors_become_exceptions(session: Session) -> None:
    with pytest.raises(LispError, match="attempt to take car of an atom: 5"):
        session.eval("(car 5)")
    with pytest.raises(LispError) as caught:
        session.eval("(error 42 'oops)")
    assert caught.value.number == 42
    assert session.eval("(plus 1 2)") == 3


def test_functions_from_python(session: Session) -> None:
    session.eval(FIB)
    assert session.function("fib")(15) == 610
    with pytest.raises(LispError, match="1 wanted"):
        session.function("fib")(1, 2)


@needs_native
def test_sessions_side_by_side_in_threads(tmp_path: Path) -> None:
    """Native code runs without Python's lock; heaps have nothing in common."""
    sessions = [Session(heap=64 << 20) for _ in range(3)]
    results: dict[int, Any] = {}

    def work(k: int) -> None:
        sessions[k].eval(FIB)
        sessions[k].native_compile(["fib"])
        sessions[k].eval(f"(setq mine {k})")
        results[k] = (sessions[k].function("fib")(24), sessions[k].eval("mine"))
    threads = [threading.Thread(target=work, args=(k,)) for k in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(60)
    assert results == {k: (46368, k) for k in range(3)}


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


def other_tag(image: Path) -> None:
    number = own_section("").lstrip("-")
    with Image(image) as opened:
        sections = [Section(n.replace(number, "31") if n.endswith("-" + number) else n, opened.read(n), s.raw, s.info)
                    for n, s in opened.sections.items()]
    write(image, sections)


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
    "a damaged kernel page": (flip("kernel"), "damaged-page"),
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
    assert done.stderr.strip().splitlines() == ["csl: " + line for line in s.explain()]


def test_switched_off(image: Path) -> None:
    s = restore(image, heap=128 << 20, native=False)
    check_program(s)
    assert [f.code for f in s.fallbacks] == ["switched-off"] and not s.machine.native
    s = restore(image, heap=128 << 20, native=False, engine="switch")
    check_program(s)
    assert [f.code for f in s.fallbacks] == ["switched-off"] and s.machine.native and not s.hardcode.memories


def test_redefinition_drops_native_code_everywhere(image: Path) -> None:
    s = restore(image, heap=128 << 20)
    s.eval("(de twice (x) (list x x))")
    assert s.eval("(twice 3)") == [3, 3]
    assert not any(row[0] == "twice" for row in s.eval("(mapcar hard_code!* (function (lambda (r) (list (car r)))))"))


def test_restoring_needs_no_compiler(image: Path) -> None:
    """A process in which llvmlite, keystone, capstone and pyelftools cannot be imported."""
    program = ("import sys\nfor n in ('llvmlite', 'keystone', 'capstone', 'elftools', 'rich', 'prompt_toolkit'): sys.modules[n] = None\n"
               f"from csl_native.session import restore\ns = restore({str(image)!r}, heap=128 << 20)\n"
               "assert s.function('fib')(20) == 6765 and s.explain() == []\n"
               "s.eval('(de h (x) (fib x))')\nassert s.eval('(h 10)') == 55\n"
               "try: s.native_compile(['h'])\nexcept RuntimeError as error: assert 'llvmlite' in str(error)\nelse: raise SystemExit('compiled?')\n")
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_preserve_into_its_own_file_keeps_other_tags(image: Path) -> None:
    update(image, [Section("functions-30", b"other machine's pages", raw=True, info={"tag": 30, "abi": "x"})])
    with Image(image) as opened:
        before = opened.sections["functions-30"].offset
    s = restore(image, heap=128 << 20)
    s.eval("(setq more 1)")
    s.preserve(image)
    with Image(image) as opened:
        assert opened.read("functions-30") == b"other machine's pages" and opened.sections["functions-30"].offset == before
    assert restore(image, heap=128 << 20).eval("more") == 1


# -- hard code by hand ---------------------------------------------------------------------

needs_assembler = pytest.mark.skipif(machine_runs_natively() is False or host() is None or host().name != "x86-64",  # type: ignore[union-attr]
                                     reason="hand-made code of these tests is for x86-64")


@needs_assembler
def test_hand_assembled_function_survives_preserve(native: Session, tmp_path: Path) -> None:
    native.eval("(de inc2 (x) (plus x 2)) (de swap (a b) (cons b a)) (de third (a b c) c)")
    native.eval('''(setq h (lap "mov rax, rdx
      add rax, 16
      ret")) (symbol!-set!-native 'inc2 1 h 8 nil)''')
    native.eval('''(setq h2 (lap "push rbx
      mov rax, rdx
      mov rdx, rcx
      mov rcx, rax
      call [rip + kernel(cons)]
      pop rbx
      ret
      second: mov rax, r9
      ret")) (symbol!-set!-native 'swap 2 h2 8 '(shared env)) (symbol!-set!-native 'third 3 h2 26 nil)''')
    assert native.eval("(list (inc2 5) (swap 1 2) (third 1 2 'c))") == [7, (2, 1), "c"]
    with pytest.raises(LispError, match="1 wanted|args"):
        native.eval("(inc2 1 2)")
    native.preserve(tmp_path / "hand.img")
    program = (f"from csl_native.session import restore\ns = restore({str(tmp_path / 'hand.img')!r}, heap=128 << 20)\n"
               "assert s.explain() == [], s.explain()\nassert s.eval(\"(list (inc2 5) (swap 1 2) (third 1 2 'c))\") == [7, (2, 1), 'c']\n")
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@needs_native
def test_native_vectors_are_checked(native: Session) -> None:
    native.eval("(setq v (make!-native 32))")
    for name in ("putv!-native", "native!-putv"):
        for width, value in ((1, 200), (2, 60000), (4, -5), (8, 1 << 62)):
            native.eval(f"({name} v 8 {value} {width})")
            assert native.eval(f"(getv!-native v 8 {width})") == value % (1 << 8 * width)
            assert native.eval(f"(native!-getv v 8 {width})") == value % (1 << 8 * width)
    for bad in ("(putv!-native v 8 1 3)", "(putv!-native v 32 1)", "(putv!-native v -1 1)", "(putv!-native v 31 1 2)", "(putv!-native '(0 . 99) 8 1)",
                "(putv!-native v 8 256 1)", "(putv!-native v 0 1)", "(getv!-native v 25 8)", "(getv!-native 'v 8)", "(make!-native -1)", "(make!-native 'a)",
                "(make!-native 10000000)", "(symbol!-set!-native 'no!-such!-bytecode 1 v 8 nil)", "(native!-address -99)", "(native!-address '(1 . 2))",
                "(symbol!-set!-native 'caar 1 v 32 nil)", "(symbol!-set!-native 'caar 1 v 7 nil)", '(lap "nonsense")', "(lap 5)",
                '(lap "call kernel(nosuch)")', "(lap \"ret\" 'vax)"):
        with pytest.raises(LispError):
            native.eval(bad)
    assert native.eval("(native!-address v)") > 0 and native.eval("(native!-address -1)") > 0 and native.eval("(native!-address 0)") > 0
    assert native.eval("(native!-type)") == host().number  # type: ignore[union-attr]
    assert native.eval("(cdr (assoc 'native lispsystem!*))") == host().number  # type: ignore[union-attr]


@needs_assembler
def test_cross_tags_share_an_environment(native: Session, tmp_path: Path) -> None:
    """A foreign tag is stored, not instated; both entries share one environment after restoring."""
    native.eval("(de one (x) x) (setq e (list 'shared)) (setq a (lap \"mov rax, rdx\n ret\")) (setq b (lap \"ret\" 'aarch64))")
    native.eval("(symbol!-set!-native 'one 1 a 8 e) (symbol!-set!-native 'one 1 b 8 e 'aarch64)")
    assert native.eval("(one 4)") == 4
    native.preserve(tmp_path / "x.img")
    s = restore(tmp_path / "x.img", heap=128 << 20)
    assert s.eval("(progn (setq r (atsoc 'one hard_code!*)) (list (length (cddr r)) (eq (cddr (caddr r)) (cddr (cadddr r)))))") == [2, True]
    with Image(tmp_path / "x.img") as image:
        assert "functions-12" in image.sections


@needs_assembler
@pytest.mark.parametrize("name", list(ADD1))
def test_assembly_for_other_machines(native: Session, name: str) -> None:
    """The same few bytes that the tests under emulation run there."""
    text, code = ADD1[name]
    architecture = by_name(name)
    if not architecture.keystone[0] and importlib.util.find_spec("ziglang") is None:
        pytest.skip("keystone has no assembler for it, and ziglang is not installed")
    native.eval(f"(setq v (lap \"{text.replace('; ', chr(10))}\" '{name}))")
    pages = native.hardcode.sets[architecture.tag]
    place, size = max(pages.blocks.items())
    assert bytes(pages.data[place + 8:place + size]).hex().startswith(code)


def test_type_and_page_has_the_original_layout() -> None:
    from csl_native.native.hardcode import type_and_page
    assert type_and_page(4, 2, 5) == 4 << 20 | 2 << 18 | 5
    assert type_and_page(255, 3, (1 << 18) - 1) == 255 << 20 | 3 << 18 | (1 << 18) - 1
    for bad in ((256, 0, 0), (0, 4, 0), (0, 0, 1 << 18), (0, 0, -1)):
        with pytest.raises(ValueError):
            type_and_page(*bad)


def test_a_closed_session_says_so(native: Session) -> None:
    native.close()
    native.close()
    with pytest.raises(ValueError, match="closed"):
        native.eval("(plus 1 2)")


def test_released_handles_do_not_pile_up(native: Session) -> None:
    for _ in range(400):
        native.eval("(mkvect 1)")
    from csl_native.kernel.memory import ROOT_PINNED
    assert len(list(native.machine.items(native.machine.root(ROOT_PINNED)))) < 300


def test_image_tool_and_session_give_the_same_reasons(image: Path) -> None:
    import json
    edit_set(image, strange_bytecode)
    expected = [(f.code, f.subject) for f in restore(image, heap=128 << 20).fallbacks]
    done = subprocess.run([sys.executable, "-m", "csl_native.tools.csl_image", "why", str(image), "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and [(r["code"], r["function"]) for r in json.loads(done.stdout)] == expected


@needs_native
def test_veneers_and_cells_reach_far_functions() -> None:
    """A direct call of a function elsewhere goes through a veneer, an indirect one through a pointer cell."""
    import ctypes

    from csl_native.native.compiler import compile_ir, module_text
    from csl_native.native.kernelset import kind_numbers
    from csl_native.native.pages import load
    architecture = host()
    assert architecture is not None
    text = module_text(architecture, """
declare i64 @far(i64)
declare i64 @cell(i64) nonlazybind
define i64 @both(i64 %x) {
  %a = call i64 @far(i64 %x)
  %b = call i64 @cell(i64 %a)
  ret i64 %b
}
""")
    block = compile_ir(architecture, text, level=1)
    assert {name for _, name, _, _ in block.records} == {"far", "cell"}
    pages = PageSet(architecture.number, "test")
    base = pages.add_block(block, kind_numbers(architecture))
    pages.functions = {"both": base + block.symbols["both"]}
    kind = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)
    far, cell = kind(lambda x: x + 1), kind(lambda x: x * 10)
    addresses = {n: ctypes.cast(f, ctypes.c_void_p).value or 0 for n, f in (("far", far), ("cell", cell))}
    loaded = load(pages, addresses)
    assert kind(loaded.address("both"))(4) == 50


def test_code_is_never_writable_and_executable(native: Session) -> None:
    native.eval("(de f (x) x)")
    native.native_compile(["f"])
    native.eval("(setq v (make!-native 64)) (putv!-native v 8 1)")
    places = [memory.address for _, _, _, memory in native.hardcode.memories] + [loaded.memory.address for loaded in native.sets.values()]
    found = 0
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
        for line in maps:
            low, high = (int(x, 16) for x in line.split()[0].split("-"))
            for place in places:
                if low <= place < high:
                    found += 1
                    assert line.split()[1].startswith("r-x")
    assert found == len(places) >= 3


@pytest.mark.parametrize("name", [n for n in REFUSALS if "kernel page" not in n and "relocation" not in n])
def test_check_foretells_what_happens(image: Path, name: str) -> None:
    """csl-image check says without running what restoring then does."""
    import json
    REFUSALS[name][0](image)
    restored = {f.subject: f.code for f in restore(image, heap=128 << 20).fallbacks}
    done = subprocess.run([sys.executable, "-m", "csl_native.tools.csl_image", "check", str(image), "--json", "--target", host().name],  # type: ignore[union-attr]
                          capture_output=True, text=True, check=False)
    told = {row["function"]: row["code"] for row in json.loads(done.stdout) if row["code"]}
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
    native.eval("(de unit (x) (onep x))")
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
    s = restore(path, heap=64 << 20)
    assert [f.code for f in s.fallbacks] == ["damaged-page"] and s.eval("(unit 1.0)") is True
    assert [tag for tag, *_ in s.hardcode.memories] == [here.tag]
    with Image(path) as image:
        assert "unit" not in foretell.predict(image, HeapView(image), here, refined.baseline)
