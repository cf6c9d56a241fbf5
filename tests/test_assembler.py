"""The assembler: its operations on every engine and tier, what its text may not say, and its program csl-asm."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from csl_native import LispError, Session, restore
from csl_native.asm.text import AsmError, parse
from csl_native.engines.record import engines

from .conftest import machine_runs_natively, needs_native

ADD = "func add_answer\nconst 1, 42\nadd 2, -1, 1\nret 2\n"
ANSWERS = {0: 42, 24: 66, -43: -1, 1 << 32: 4294967338, (1 << 60) - 1: (1 << 60) + 41, 2.5: 44.5}
GCD = """func gcd          # Euclid, by subtraction
again: equal 1, a1, a2
  jmpt 1, done
  less 1, a1, a2
  jmpt 1, smaller
  sub a1, a1, a2
  jmp again
smaller: sub a2, a2, a1
  jmp again
done: ret a1
"""
FACTORIAL = """func factorial
  const 1, 1
again: jmpf -1, done
  mul 1, 1, -1
  const 2, 1
  sub -1, -1, 2
  jmp again
done: ret 1
"""
TIERS = {"stencils": (0, -1), "optimised": (0, 0)}


def session_of(engine: str | None = None, jit: tuple[int, int] | int = -1) -> Session:
    return Session(heap=64 << 20, engine=engine, jit=jit, output=open(os.devnull, "wb"))


def assemble(session: Session, text: str) -> list[str]:
    return session.function("assemble")(text)  # type: ignore[no-any-return]


def check(session: Session) -> None:
    assert assemble(session, ADD + GCD + FACTORIAL) == ["add_answer", "gcd", "factorial"]
    for _ in range(3):
        assert {n: session.function("add_answer")(n) for n in ANSWERS} == ANSWERS
        assert session.function("gcd")(21, 12) == 3 and session.function("factorial")(25) == 15511210043330985984000000


@pytest.mark.parametrize("engine", list(engines()))
def test_on_every_engine(engine: str) -> None:
    if engine != "python" and not machine_runs_natively():
        pytest.skip("no native kernel for this machine")
    check(session_of(engine))


@needs_native
@pytest.mark.parametrize("tier", list(TIERS))
def test_on_every_tier(tier: str) -> None:
    check(session_of(jit=TIERS[tier]))


@needs_native
def test_compiled_and_kept_in_an_image(tmp_path: Path) -> None:
    session = session_of()
    check(session)
    assert session.native_compile(["add_answer", "gcd"]) == ["add_answer", "gcd"]
    session.preserve(tmp_path / "x.img")
    again = restore(tmp_path / "x.img", output=open(os.devnull, "wb"))
    assert (again.explain() == [] and {n: again.function("add_answer")(n) for n in ANSWERS} == ANSWERS
            and again.function("gcd")(84, 36) == 12)


# Text of a function "f", arguments, value.
OPERATIONS = [
    ("const 1, 200\nret 1", (), 200), ("const 1, 2.5\nret 1", (), 2.5), ("const 1, 70000\nret 1", (), 70000),
    ("const 1, -0x10\nret 1", (), -16),
    ("const 1, 12345678901234567890\nret 1", (), 12345678901234567890), ("string 1, \"a # 'b'\"\nret 1", (), "a # 'b'"),
    ("string r1, 'x\\n'\nret r1", (), "x\n"),
    ("add 1, -1, -2\nret 1", (6, 7), 13), ("sub 1, -1, -2\nret 1", (6, 7), -1), ("div 1, -1, -2\nret 1", (6, 7), 6 / 7),
    ("div 1, a1, a2\nret 1", (42, 7), 6),
    ("mul 1, -1, -2\nret 1", (6, 7), 42), ("mod 1, -1, -2\nret 1", (48, 7), 6), ("mod 1, -1, -2\nret 1", (-48, 7), -6),
    *((f"{name} 1, -1, -2\nret 1", pair, value) for name, values in (
        ("less", (1, 0, 0)), ("lesseq", (1, 1, 0)), ("greater", (0, 0, 1)), ("greatereq", (0, 1, 1)),
        ("equal", (0, 1, 0)), ("notequal", (1, 0, 1)))
      for pair, value in zip(((1, 2), (2, 2), (3, 2)), values, strict=True)),
    ("push 5\npush 7\npopr 1\npopr 2\nsub 3, 1, 2\nret 3", (), 2),
    ("pushr -1\ndup\npopr 1\npopr 2\nadd 1, 1, 2\nret 1", (21,), 42),
    ("push 1\npush 2\npop\npopr 1\nret 1", (), 1),
    ("add 1, -1, -7\nadd 1, 1, -8\nret 1", (1, 2, 3, 4, 5, 6, 70, 800), 871),
    ("ret 0\nadd 1, -8, -1", (1, 2, 3, 4, 5, 6, 7, 8), 8), ("halt\nret -1", (1,), []), ("add 3, 2, 1\nret 3", (), 0),
    ("jmp 7\n7: ret a1", (9,), 9), ("pushr a1\ncall minus, 1\npopr 1\nret 1", (9,), -9)]


@pytest.mark.parametrize("text,arguments,value", OPERATIONS,
                         ids=[text.replace("\n", "; ")[:50] for text, _, _ in OPERATIONS])
def test_operations(text: str, arguments: tuple[object, ...], value: object) -> None:
    session = shared()
    assemble(session, f"func f {len(arguments)}\n{text}\n")
    assert session.function("f")(*arguments) == value


def shared(found: list[Session] = []) -> Session:  # noqa: B006  # one for all
    if not found:
        found.append(session_of())
    return found[0]


def test_long_programs() -> None:
    """More than 255 bytes between a jump and its label, calls of each other, and more than three arguments."""
    session = shared()
    middle = "\n".join(f"const {k % 50 + 3}, {k * 1000}" for k in range(200))
    assemble(session, f"func long 1\njmpt -1, end\n{middle}\nend: ret 3\nfunc even 1\njmpf -1, yes\nconst 1, 1\n"
                      "sub 1, -1, 1\npushr 1\ncall odd\npopr 2\n"
             "ret 2\nyes: const 1, 1\nret 1\nfunc odd 1\njmpf -1, no\nconst 1, 1\nsub 1, -1, 1\npushr 1\ncall even\n"
             "popr 2\nret 2\nno: const 1, 0\nret 1\n"
             "func five 5\nadd 1, -1, -5\nret 1\nfunc use\npush 1\npush 2\npush 3\npush 4\npush 50\ncall five\npopr 1\n"
             "ret 1")
    assert session.function("long")(0) == 150 * 1000 and session.function("long")(1) == 0
    assert [session.function("even")(n) for n in (10, 7)] == [1, 0] and session.function("use")() == 51


BAD = {
    "func f\n  ad 1, 2, 3": "line 2, column 3: there is no operation ad; add is one",
    "func f\nconst 1": "line 2, column 1: const has 2 operands; 1 given",
    "const x, 1": "line 1, column 7: const: x is no register", "const 0, 1": "line 1, column 7: const: register 0",
    "string 1, 5": "line 1, column 11: string: 5 is no", "add 1 2, 3": "column 7: add: a comma was expected",
    "jmp nowhere": "line 1, column 5: there is no label nowhere", "const 1, $": "line 1, column 10: '\\$' is no",
    "func f\nfunc f": "line 2, column 6: func f is there already", "func": "line 1, column 1: func: a name",
    "pop": "line 1, column 1: pop: nothing is pushed",
    "call g": "line 1, column 1: call: g is no function of this text",
    "push 1\ncall g, 2": "line 2, column 1: call: g takes 2 pushed values; 1 are there",
    "jmpt 1, a\npush 1\na: ret 1": "line 3, column 1: a is reached with 1 pushed values and with 0",
    "a: ret 1\na: ret 1": "a label is there twice",
    "func f 1\nret -2": "line 2, column 1: register -2: the function has 1 arguments",
    "const 1, 'abc": "line 1, column 10: \"'abc\" is no", "const 999, 1": "line 1, column 7: const: register 999",
    "func g 2\nret 1\nfunc f\npush 1\ncall g, 1": "line 5, column 9: call: g has 2 arguments; 1 given"}


@pytest.mark.parametrize("text", list(BAD), ids=[text.replace("\n", "; ") for text in BAD])
def test_what_is_wrong_is_told_with_its_place(text: str) -> None:
    session = shared()
    with pytest.raises(LispError, match=BAD[text]):
        assemble(session, text)


def test_nothing_is_defined_by_a_text_with_an_error() -> None:
    session = shared()
    with pytest.raises(LispError):
        assemble(session, "func fine\nret 0\nfunc wrong\nnonsense 1")
    assert not session.lisp.is_defined(session.machine.intern("fine"))


def test_parse_keeps_places() -> None:
    functions = parse("# nothing\n\nconst 1, 2   # main\nfunc f 3\nlabel x\n ret a1\n")
    assert [(f.name, f.arguments, [line.name for line in f.lines])
            for f in functions] == [("main", 0, ["const"]), ("f", 3, ["label", "ret"])]
    with pytest.raises(AsmError) as caught:
        parse("\n\n   bogus 1")
    assert (caught.value.line, caught.value.column) == (3, 4)


def asm(*arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "csl_native.tools.csl_asm", *arguments], capture_output=True,
                          text=True, input=text, timeout=120, check=False)


@needs_native
def test_the_program(tmp_path: Path) -> None:
    (tmp_path / "p.asm").write_text(ADD + GCD + "func main\npush 21\npush 12\ncall gcd\npopr 1\nprint 1\nread 2\n"
                                                "print 2\n")
    path, image = str(tmp_path / "p.asm"), str(tmp_path / "p.img")
    assert asm(path, text="(a . b)\n").stdout == "3\n(a . b)\n"
    assert (asm(path, "--run", "add_answer", "24").stdout == "66\n"
            and asm(path, "--run", "add_answer", "2.5", "--engine", "python").stdout == "44.5\n")
    assert asm(path, "--native", "-o", image, "--run", "gcd", "84", "36").stdout == "12\n"
    assert asm("-i", image, "--run", "gcd", "1071", "462").stdout == "21\n"
    listed = asm(path, "--list", "--native").stdout
    assert "add_answer:" in listed and "plus" in listed and re.search(r"\b(add|lea|ret)\b", listed)
    done = asm(path, "--run", "add_answer", "x")
    assert done.returncode == 1 and "bad arg for plus" in done.stderr
    (tmp_path / "bad.asm").write_text("func f\n  mvo 1, 2\n")
    done = asm(str(tmp_path / "bad.asm"))
    assert done.returncode == 2 and "bad.asm, line 2, column 3: there is no operation mvo" in done.stderr
    assert asm("no-such.asm").returncode == 2


# -- functions of integers
# ---------------------------------------------------------------------------------------------------

INTEGERS = GCD.replace("func gcd ",
                       "func gcd int ") + FACTORIAL.replace("factorial", "factorial int", 1) + """func add_answer int
const 1, 42
add 2, -1, 1
ret 2
func recursive 1 int
  const 1, 2
  less 2, a1, 1
  jmpt 2, small
  pushr a1
  const 1, 1
  sub 2, a1, 1
  pushr 2
  call recursive
  popr 3
  popr 4
  mul 3, 3, 4
  ret 3
small: const 1, 1
  ret 1
func many 5 int
  sub 1, a1, a5
  mul 1, 1, a2
  div 2, a3, a4
  mod 3, a3, a4
  add 1, 1, 2
  add 1, 1, 3
  add 1, 1, 0
  ret 1
func caller 1 int
  push 10
  push 3
  pushr a1
  push 7
  push 1
  call many
  dup
  popr 1
  popr 2
  add 1, 1, 2
  ret 1
func orders 2 int
  const 9, 0
  lesseq 1, a1, a2
  greatereq 2, a1, a2
  notequal 3, a1, a2
  const 4, 100
  mul 1, 1, 4
  const 4, 10
  mul 2, 2, 4
  add 1, 1, 2
  add 1, 1, 3
  ret 1
func wide int
  const 1, 0x123456789abcdef
  const 2, -70000
  add 1, 1, 2
  ret 1
"""


def check_integers(session: Session) -> None:
    def wrapped(n: int) -> int:
        return (n + (1 << 63)) % (1 << 64) - (1 << 63)
    f = session.function
    for _ in range(3):
        assert {n: f("add_answer")(n) for n in (0, 24, -43, 1 << 32, (1 << 63) - 1)} == {
            n: wrapped(n + 42) for n in (0, 24, -43, 1 << 32, (1 << 63) - 1)}
        assert f("gcd")(210, 120) == 30 and f("factorial")(20) == f("recursive")(20) == 2432902008176640000
        assert f("factorial")(25) == wrapped(15511210043330985984000000)
        assert f("many")(10, 3, -17, 7, 1) == 9 * 3 - 2 - 3 + 5 and f("caller")(23) == 2 * (27 + 3 + 2 + 5)
        assert [f("orders")(a, 5) for a in (4, 5, 6)] == [101, 110, 11] and f("wide")() == 0x123456789abcdef - 70000
        assert f("many")(1, 1, -(1 << 63), -1, 0) == wrapped(1 + (1 << 63) + 5)
        for name, arguments, text in (("many", (1, 2, 3, 0, 5), "division by zero"),
                                      ("add_answer", (1 << 63,), "64 bits expected"),
                                      ("add_answer", ("x",), "64 bits expected")):
            with pytest.raises(LispError, match=text):
                f(name)(*arguments)


@pytest.mark.parametrize("way", [*engines(), *TIERS, "native"])
def test_functions_of_integers(way: str) -> None:
    if way != "python" and not machine_runs_natively():
        pytest.skip("no native kernel for this machine")
    session = session_of(way if way in engines() else None, TIERS.get(way, -1))
    names = assemble(session, INTEGERS)
    if way == "native":
        session.native_compile(names)
        assert session.explain() == []
    check_integers(session)


@pytest.mark.parametrize(("text", "where"), [
    ("func f int\nconst 1, 2.5\nret 1", "line 2, column 1: 2.5: an integer"),
    ("func f int\nstring 1, 'x'\nret 1", "line 2, column 1: string: there are only"),
    ("func f int\nconst 1, 0x10000000000000000\nret 1", "an integer of 64 bits"),
    ("func f int 2\nret 1", "line 1, column 1: func: a name"),
    ("func f int\nread 1\nret 1", "there are only integers in f"), ("func f int\npopr 1\nret 1", "nothing is pushed")])
def test_what_a_function_of_integers_may_not_say(text: str, where: str) -> None:
    session = session_of("python")
    with pytest.raises(AsmError) as caught:
        session.run(lambda: assemble_here(session, text))
    assert where in str(caught.value)


def assemble_here(session: Session, text: str) -> list[int]:
    from csl_native.asm.program import assemble as assembled
    return assembled(session.lisp, text)


@needs_native
def test_native_code_of_a_leaf_is_what_a_compiler_makes() -> None:
    """One instruction and a return, looked at with capstone."""
    capstone = pytest.importorskip("capstone")
    session = session_of()
    assemble(session, INTEGERS)
    session.native_compile(["add_answer"])
    pages = session.hardcode.pages
    assert pages is not None and pages.architecture is not None
    start, size = next(row for row in pages.entries.values() if row["name"] == "add_answer")["parts"][0]
    code = list(pages.architecture.disassembler(capstone).disasm(bytes(pages.data[start:start + size]), 0))
    assert len(code) == 2
    if pages.architecture.name == "x86-64":
        assert [i.mnemonic for i in code] == ["lea", "ret"] and code[0].op_str == "rax, [rsi + 0x2a]"


FLOATS = """func add_answer float
const 1, 42
add 2, -1, 1
ret 2
func mean 2 float
add 1, -1, -2
const 2, 2
div 1, 1, 2
ret 1
func harmonic float
label next
jmpf -1, done
const 2, 1
div 3, 2, -1
add 1, 1, 3
sub -1, -1, 2
jmp next
label done
ret 1
func asks float
pushr -1
call length, 1
popr 1
ret 1
"""


def test_functions_of_floats() -> None:
    session = Session()
    assemble(session, FLOATS)
    f = session.function
    for ready in (False, True):
        if ready:
            session.native_compile(["add_answer", "mean", "harmonic"])
        for n, value in ((0, 42.0), (24.5, 66.5), (-43, -1.0), (1 << 70, float((1 << 70) + 42))):
            answer = f("add_answer")(n)
            assert type(answer) is float and answer == value
        assert (f("mean")(1, 2), f("harmonic")(4)) == (1.5, 1 + 1 / 2 + 1 / 3 + 1 / 4)
        for given in ("x", [1]):
            with pytest.raises(LispError):
                f("add_answer")(given)
    for text in ("func f float\nmod 1, -1, -1\nret 1", 'func f float\nstring 1, "a"\nret 1'):
        with pytest.raises(LispError, match="only floats in f"):
            assemble(session, text)
    session.close()


@needs_native
def test_a_function_of_floats_is_one_addition() -> None:
    capstone = pytest.importorskip("capstone")
    session = Session()
    assemble(session, FLOATS)
    session.native_compile(["add_answer"])
    pages = session.hardcode.pages
    assert pages is not None and pages.architecture is not None
    if pages.architecture.name != "x86-64":
        pytest.skip("the text is that of x86-64")
    parts = next(row for row in pages.entries.values() if row["name"] == "add_answer")["parts"]
    code = [i.mnemonic for place, size in parts
            for i in pages.architecture.disassembler(capstone).disasm(bytes(pages.data[place:place + size]), 0)]
    assert code.count("addsd") == 1 and "mulsd" not in code[:code.index("addsd")]
    session.close()
