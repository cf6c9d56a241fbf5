"""Code by hand and its assembler, the table of native definitions, veneers, and memory that is never writable and
executable.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from csl_native import LispError, Session, restore
from csl_native.architectures import by_name, host
from csl_native.image.container import Image
from csl_native.native.pages import PageSet

from .conftest import machine_runs_natively, needs_native
from .emulation import ADD1

# -- hard code by hand ---------------------------------------------------------------------

needs_assembler = pytest.mark.skipif(machine_runs_natively() is False or host() is None
                                     or host().name != "x86-64",  # type: ignore[union-attr]
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
    with pytest.raises(LispError, match="too many arguments|1 wanted"):
        native.eval("(inc2 1 2)")
    native.preserve(tmp_path / "hand.img")
    program = (f"from csl_native import restore\ns = restore({str(tmp_path / 'hand.img')!r}, heap=128 << 20)\n"
               "assert s.explain() == [], s.explain()\nassert s.eval(\"(list (inc2 5) (swap 1 2) (third 1 2 'c))\") == "
               "[7, (2, 1), 'c']\n")
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


@needs_native
def test_native_vectors_are_checked(native: Session) -> None:
    native.eval("(setq v (make!-native 32))")
    for name in ("putv!-native", "native!-putv"):
        for width, value in ((1, 200), (2, 60000), (4, -5), (8, 1 << 62)):
            native.eval(f"({name} v 8 {value} {width})")
            assert native.eval(f"(getv!-native v 8 {width})") == value % (1 << 8 * width)
            assert native.eval(f"(native!-getv v 8 {width})") == value % (1 << 8 * width)
    for bad in ("(putv!-native v 8 1 3)", "(putv!-native v 32 1)", "(putv!-native v -1 1)", "(putv!-native v 31 1 2)",
                "(putv!-native '(0 . 99) 8 1)", "(putv!-native v 8 256 1)", "(putv!-native v 0 1)",
                "(getv!-native v 25 8)", "(getv!-native 'v 8)", "(make!-native -1)", "(make!-native 'a)",
                "(make!-native 10000000)", "(symbol!-set!-native 'no!-such!-bytecode 1 v 8 nil)",
                "(native!-address -99)", "(native!-address '(1 . 2))", "(symbol!-set!-native 'caar 1 v 32 nil)",
                "(symbol!-set!-native 'caar 1 v 7 nil)", '(lap "nonsense")', "(lap 5)", '(lap "call kernel(nosuch)")',
                '(lap "(a . b")', '(lap "mov rax, [rbx")', '(lap "push (rax")',
                "(lap \"ret\" 'vax)"):
        with pytest.raises(LispError):
            native.eval(bad)
    assert (native.eval("(native!-address v)") > 0 and native.eval("(native!-address -1)") > 0
            and native.eval("(native!-address 0)") > 0)
    assert native.eval("(native!-type)") == host().number  # type: ignore[union-attr]
    assert native.eval("(cdr (assoc 'native lispsystem!*))") == host().number  # type: ignore[union-attr]


@needs_assembler
def test_cross_tags_share_an_environment(native: Session, tmp_path: Path) -> None:
    """A foreign tag is stored, not instated; both entries share one environment after restoring."""
    native.eval("(de one (x) x) (setq e (list 'shared)) (setq a (lap \"mov rax, rdx\n ret\")) "
                "(setq b (lap \"ret\" 'aarch64))")
    native.eval("(symbol!-set!-native 'one 1 a 8 e) (symbol!-set!-native 'one 1 b 8 e 'aarch64)")
    assert native.eval("(one 4)") == 4
    native.preserve(tmp_path / "x.img")
    s = restore(tmp_path / "x.img", heap=128 << 20)
    assert (s.eval("(progn (setq r (atsoc 'one hard_code!*)) (list (length (cddr r)) "
                   "(eq (cddr (caddr r)) (cddr (cadddr r)))))") == [2, True])
    with Image(tmp_path / "x.img") as image:
        assert "functions-12" in image.sections


# Hand-made code that gives its first argument, the environment; by arguments of its cell.
ENVIRONMENT = "mov rax, rsi\n ret"


@needs_assembler
@pytest.mark.parametrize("count, env", [(0, "nil"), (1, "'sym"), (2, "17"), (3, "'(a b)"), (1, "(list2vector '(1 2))"),
                                        (5, "(expt 10 30)"),
                                        (2, "(symbol!-env 'other)")])
def test_any_value_is_an_environment(native: Session, count: int, env: str, tmp_path: Path) -> None:
    """The code is called with it, the bytecode stays beside it, and an image has both."""
    names, values = " ".join("abcde"[:count]), " ".join("12345"[:count])
    native.eval(f"(de other (x) (list x 'other)) (de f ({names}) (list 'bytecode {names}))")
    native.eval(f"(progn (setq e {env}) (setq v (lap \"{ENVIRONMENT}\")) (symbol!-set!-native 'f {count} v 8 e))")
    assert native.eval(f"(eq (f {values}) e)") is True
    assert native.eval(f"(equal (native!-address 'f {count}) (plus (native!-address v) 8))") is True
    if count in (1, 2):  # else the code is given the number of arguments, to look at it
        with pytest.raises(LispError, match="too many arguments"):
            native.eval("(f 1 2 3)")
    native.preserve(tmp_path / "x.img")
    assert native.eval(f"(eq (f {values}) e)") is True
    assert restore(tmp_path / "x.img", heap=128 << 20).eval(f"(equal (f {values}) e)") is True
    bytecode = restore(tmp_path / "x.img", heap=128 << 20, native=False)
    assert bytecode.eval(f"(f {values})") == ["bytecode", *range(1, count + 1)]
    native.eval(f"(de f ({names}) 'new)")
    assert native.eval(f"(f {values})") == native.eval("'new")


@needs_assembler
def test_environments_of_copies_and_single_cells(native: Session) -> None:
    native.eval("(de f (a) (list 'bytecode a)) (copyd 'g 'f) (de opt (a &optional b) (list a b))")
    native.eval(f"(setq v (lap \"{ENVIRONMENT}\"))")
    native.eval("(progn (symbol!-set!-native 'f 1 v 8 'one) (copyd 'h 'f) (symbol!-set!-native 'g 1 v 8 'two) "
                "(symbol!-set!-native 'opt 258 v 8 'three))")
    native.eval("(reclaim)")
    assert native.eval("(list (f 1) (g 1) (h 1) (opt 1 2) (opt 1))") == [*native.eval("'(one two (bytecode 1) three)"),
                                                                         [1, []]]


@needs_assembler
def test_all_numbered_kernel_entries(native: Session) -> None:
    """The thirty of the original, by number; each one can be called."""
    native.eval("(de call1 (a) a) (de call2 (a b) a) (de call3 (a b c) a)")
    addresses = [native.eval(f"(native!-address {-n})") for n in range(1, 31)]
    assert len(set(addresses)) == 30
    with pytest.raises(LispError, match="no such kernel entry"):
        native.eval("(native!-address -31)")
    for number, form, expected in ((1, "(call2 1 2)", (1, 2)), (4, "(call3 1 2 nil)", [1, 2]), (18, "(call1 7)", 7),
                                   (24, "(call1 nil)", [])):
        cell = int(form[5])
        jump = f"mov rax, {addresses[number - 1]}\n jmp rax"
        if cell == 3:
            jump = f"mov rdx, rcx\n mov rcx, r8\n mov r8, r9\n {jump}"
        native.eval(f"(symbol!-set!-native 'call{cell} {cell} (lap \"{jump}\") 8 nil)")
        assert native.eval(form) == expected
    for number in (25, 28):
        native.eval(f"(symbol!-set!-native 'call2 2 (lap \"mov rax, {addresses[number - 1]}\n jmp rax\") 8 nil)")
        with pytest.raises(LispError, match="gone wrong"):
            native.eval('(call2 "gone wrong" nil)')


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
    from csl_native.native.table import type_and_page
    assert type_and_page(4, 2, 5) == 4 << 20 | 2 << 18 | 5
    assert type_and_page(255, 3, (1 << 18) - 1) == 255 << 20 | 3 << 18 | (1 << 18) - 1
    for bad in ((256, 0, 0), (0, 4, 0), (0, 0, 1 << 18), (0, 0, -1)):
        with pytest.raises(ValueError):
            type_and_page(*bad)


@needs_native
def test_veneers_and_cells_reach_far_functions() -> None:
    """A direct call of a function elsewhere goes through a veneer, an indirect one through a pointer cell."""
    import ctypes

    from csl_native.native.compiler import compile_ir, module_text
    from csl_native.native.pages import kind_numbers, load
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
    places = [span.memory.address
              for span in native.hardcode.spans] + [loaded.memory.address for loaded in native.sets.values()]
    found = 0
    with open("/proc/self/maps", encoding="utf-8", errors="replace") as maps:
        for line in maps:
            low, high = (int(x, 16) for x in line.split()[0].split("-"))
            for place in places:
                if low <= place < high:
                    found += 1
                    assert line.split()[1].startswith("r-x")
    assert found == len(places) >= 3


@needs_native
def test_one_name_or_several(native: Session) -> None:
    native.eval("(de one (x) x) (de two (x) x)")
    assert (native.eval("(list (native!-compile 'one) (native!-compile '(one two)) (native!-compile nil))") == [
        ["one"], ["one", "two"], []])
    for wrong in ("5", "'(5)", "\"one\""):
        with pytest.raises(LispError):
            native.eval(f"(native!-compile {wrong})")
