"""One program on every tier: bytecode, stencils, optimised code with and without assumptions; they give the same."""

from __future__ import annotations

import gc
import os
import re
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from csl_native import LispError, Session, restore
from csl_native.heap.objects import CODE_HEADER
from csl_native.instructions.codec import Code, encode
from csl_native.native.compiler import CompilerMissing, kernel_abi

from .conftest import ROOT, machine_runs_natively, needs_native, sign_again
from .test_corpus import PROGRAMS, runner, wrong

try:
    kernel_abi()
    import llvmlite  # noqa: F401
except (CompilerMissing, ImportError):
    pytest.skip("llvmlite is not installed", allow_module_level=True)

pytestmark = needs_native


def tiers(s: Session, name: str, form: str) -> list[Any]:
    """What a form gives with a function as bytecode, by stencils, optimised ahead of time, and optimised with
    assumptions.
    """
    found = [outcome(s, form)]
    jit = s.hardcode.jit()
    symbol = s.machine.intern(name)
    for step in (lambda: s.run(lambda: jit.compile(symbol)), lambda: s.run(lambda: jit.optimise(symbol, at_once=True)),
                 lambda: s.native_compile([name])):
        step()
        found.append(outcome(s, form))
    return found


def outcome(s: Session, form: str) -> Any:
    """A value with the bits of floats, or an error's text."""
    try:
        return bits(s.eval(form))
    except LispError as error:
        return str(error)


def bits(x: Any) -> Any:
    if isinstance(x, float):
        return struct.pack("<d", x)
    return [bits(y) for y in x] if isinstance(x, list) else x


@pytest.fixture(scope="module")
def shared() -> Iterator[Session]:
    s = Session(heap=256 << 20, jit=(1000000, 1000000))
    yield s
    s.close()


numbers = st.one_of(st.integers(-5, 5), st.sampled_from([0.5, -2.25, 1e300, 3.0, (1 << 60) - 1, -(1 << 60), 1 << 70]))


def expressions(depth: int) -> st.SearchStrategy[str]:
    """Arithmetic of x, y and constants."""
    leaf = st.one_of(st.sampled_from(["x", "y"]), numbers.map(str))
    if depth == 0:
        return leaf
    below = expressions(depth - 1)
    two = st.tuples(st.sampled_from(["plus2", "difference", "times2", "quotient", "max", "min"]), below,
                    below).map(lambda t: f"({t[0]} {t[1]} {t[2]})")
    one = st.tuples(st.sampled_from(["minus", "add1", "sub1", "abs", "float", "square"]),
                    below).map(lambda t: f"({t[0]} {t[1]})")
    test = st.tuples(st.sampled_from(["lessp", "greaterp", "leq", "geq", "eqn"]), below, below, below, below).map(
        lambda t: f"(cond (({t[0]} {t[1]} {t[2]}) {t[3]}) (t {t[4]}))")
    return st.one_of(leaf, two, one, test)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(expressions(3), expressions(2), st.lists(st.tuples(numbers, numbers), min_size=2, max_size=4))
def test_arithmetic_on_every_tier(shared: Session, one: str, other: str, arguments: list[tuple[Any, Any]]) -> None:
    """Fixnums that overflow, bignums, floats that come and go through variables and loops, and errors."""
    shared.eval("(de square (z) (times2 z z))")
    shared.eval(f"(de f (x y) (prog (k r) (setq k 0) again (setq r {one}) (setq x {other}) (setq k (add1 k)) "
                "(cond ((lessp k 3) (go again))) (return (list r x))))")
    forms = " ".join(f"(errorset '(f {a} {b}) nil nil)" for a, b in arguments)
    found = tiers(shared, "f", f"(list {forms})")
    assert all(row == found[0] for row in found), found


@pytest.mark.parametrize("trap", ["t", "nil"])
@pytest.mark.parametrize("operation", ["plus2", "difference", "times2", "quotient", "lessp", "greaterp", "leq", "geq",
                                       "eqn"])
def test_unusual_floats_on_every_tier(shared: Session, operation: str, trap: str) -> None:
    """Infinities and what is no number, as operands and as results, whether they are errors or not; and integers beside
    floats.
    """
    shared.eval("(trap!-floating!-overflow nil) (setq huge (times2 1e300 1e300)) (setq none (difference huge huge))"
                f"(setq values (list 0.0 1.5 -1e300 huge (minus huge) none 0 7 {1 << 70})) "
                f"(trap!-floating!-overflow {trap}) (de f (x y) ({operation} x y))")
    pairs = "(lambda (a) (mapcar values (function (lambda (b) (errorset (list 'f a b) nil nil)))))"
    found = tiers(shared, "f", f"(mapcar values (function {pairs}))")
    shared.eval("(trap!-floating!-overflow nil)")
    assert all(row == found[0] for row in found) and len(found[0]) == 9, found


def structures(depth: int) -> st.SearchStrategy[str]:
    """Pairs and lists of x, y and literals, with parts of them, calls, and arithmetic that fails."""
    leaf = st.sampled_from(["x", "y", "'a", "'(b c)", '"s"', "7", "nil", str(1 << 62)])
    if depth == 0:
        return leaf
    below = structures(depth - 1)
    whole = st.lists(below, min_size=1, max_size=7).map(lambda l: f"(list {' '.join(l)})")
    two = st.tuples(st.sampled_from(["cons", "xcons", "plus2", "eq"]), below,
                    below).map(lambda t: f"({t[0]} {t[1]} {t[2]})")
    one = st.tuples(st.sampled_from(["car", "cdr", "ncons", "atom", "same"]), below).map(lambda t: f"({t[0]} {t[1]})")
    test = st.tuples(below, below, below).map(lambda t: f"(cond ({t[0]} {t[1]}) (t {t[2]}))")
    return st.one_of(leaf, whole, whole, two, one, test,
                     st.tuples(below, below).map(lambda t: f"(progn (setq x {t[0]}) {t[1]})"))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(structures(4))
def test_structures_on_every_tier(shared: Session, body: str) -> None:
    """Room for many pairs at once, literals that are read late, and what gives up between them."""
    shared.eval("(de same (u) (cond ((atom u) u) (t (cons (car u) (cdr u)))))")
    shared.eval(f"(de f (x y) (list x {body}))")
    found = tiers(shared, "f", "(list (errorset '(f 1 2) nil nil) (errorset '(f '(1 . 2) 'q) nil nil) "
                               "(errorset '(f nil '((u v) w)) nil nil))")
    assert all(row == found[0] for row in found), found


def test_literals_of_code_that_leaves(shared: Session) -> None:
    """(f x y): x when y is nil, else a literal in its place, from which nothing goes on."""
    lisp = shared.lisp
    m = lisp.machine
    begin = encode("local", 0) + encode("local", 1)
    other = encode("pop") + encode("literal", 1) + encode("return")
    code = Code(2, 2, False, 2, 5, begin + encode("jump_nil", len(other)) + other + encode("return"))
    lisp.install_env(m.intern("f"), m.vector([m.object(CODE_HEADER, code.pack()), m.intern("other")]), 0)
    found = tiers(shared, "f", "(list (f 'x nil) (f 'x t))")
    assert all(row == shared.eval("'(x other)") for row in found), found


def test_floats_are_not_boxed_inside(shared: Session) -> None:
    """A loop of floats allocates nothing but its result."""
    shared.eval("(de root (n k) (prog (x) (setq x 1.0) again (setq x (times2 0.5 (plus2 x (quotient n x)))) "
                "(setq k (sub1 k)) "
                "(cond ((greaterp k 0) (go again))) (return x)))")
    assert len({repr(row) for row in tiers(shared, "root", "(list (root 2 30) (root 2.0 30) (root (expt 10 40) 300) "
                                                           "(errorset '(root 'a 3) nil nil))")}) == 1
    before = shared.machine.cage["free"], shared.machine.cage["gc_count"]
    shared.eval("(root 2.0 100000)")
    after = shared.machine.cage["free"], shared.machine.cage["gc_count"]
    assert before[1] == after[1] and 0 <= after[0] - before[0] < 20000


@pytest.mark.parametrize("way", ["native", "stencils", "python"])
def test_floating_overflow_is_an_error_where_it_is_trapped(way: str) -> None:
    if way != "python" and not machine_runs_natively():
        pytest.skip("no native kernel for this machine")
    s = Session(heap=64 << 20, engine="python" if way == "python" else None, jit=(0, -1) if way == "stencils" else -1,
                output=open(os.devnull, "wb"))
    s.eval("(de f (x n) (prog (y) (setq y (float x)) l (cond ((zerop n) (return y))) (setq y (times y y)) "
           "(setq n (sub1 n)) (go l)))")
    if way == "native":
        s.native_compile(["f"])
    forms = ("(f 10 20)", "(expt 10.0 400)", "(exp 1000.0)", "(quotient 1.0 1.0e-320)", "(plus 1.7e308 1.7e308)",
             "(difference -1.7e308 1.7e308)")
    for form in forms:
        assert abs(s.eval(form)) == float("inf")
    assert s.eval("(trap!-floating!-overflow t)") == []
    for form in forms:
        with pytest.raises(LispError, match="exception with double float"):
            s.eval(form)
    assert (s.eval("(f 10 3)") == 1e8 and s.eval("(trap!-floating!-overflow nil)") is True
            and s.eval("(f 10 20)") == float("inf"))
    s.close()


def test_a_redefinition_trips_the_guard(shared: Session) -> None:
    """In the middle of the function in whose code the other one's body stands, for frames that run already, and for
    images.
    """
    s = shared
    text = ("(de small (x) (plus2 x 1)) (de user (n) (prog (r) (setq r (list (small n))) (change n) "
            "(return (cons (small n) r))))"
            "(de change (n) (cond ((minusp n) (eval '(de small (x) (list 'new x))))))")
    s.eval(text)
    symbol = s.machine.intern("user")
    for compile_it in (lambda: s.run(lambda: s.hardcode.jit().optimise(symbol, at_once=True)),
                       lambda: s.native_compile(["user"])):
        s.eval(text)
        compile_it()
        assert s.eval("(user 5)") == [6, 6]
        assert s.lisp.cells(symbol)[0] >= s.machine.cage["entry_top"]
        assert s.eval("(user -5)") == [["new", -5], -4], "the guard is seen by the frame that runs"
        assert s.lisp.cells(symbol)[0] < s.machine.cage["entry_top"], "and the code goes"
        assert s.eval("(user 1)") == [["new", 1], ["new", 1]]


def test_images_compare_what_was_inlined(native: Session, tmp_path: Any) -> None:
    from csl_native.image.container import Image, Section, update
    from csl_native.native.pages import PageSet
    native.eval("(de small (x) (plus2 x 1)) (de user (n) (times2 2 (small n)))")
    native.native_compile(["user"])
    path = tmp_path / "x.img"
    native.preserve(path)
    assert restore(path, heap=64 << 20).explain() == []
    tag = native.hardcode.tag
    with Image(path) as image:
        pages = PageSet.parse(image.read(f"functions-{tag}"), "x")
    rows = [row for row in pages.entries.values() if row["name"] == "user"]
    assert list(rows[0]["inlined"]) == ["small"]
    rows[0]["inlined"]["small"] = b"another function"
    update(path, [Section(f"functions-{tag}", pages.section("x").data, raw=True, info={"tag": tag, "abi": pages.abi})])
    sign_again(path)
    s = restore(path, heap=64 << 20)
    assert ([(f.code, f.subject) for f in s.fallbacks] == [("redefined", "user")] and "small" in s.explain()[0]
            and s.eval("(user 1)") == 4)
    told = subprocess.run([sys.executable, "-m", "csl_native.tools.csl_image", "check", str(path), "--target",
                           native.hardcode.architecture.name],
                          capture_output=True, text=True, check=False).stdout
    assert re.search(r"user .*redefined", told)


def test_assumptions_that_fail_go_on_as_bytecode() -> None:
    """At the same instruction with the same values; and after some times the code assumes nothing any more."""
    s = Session(heap=256 << 20, jit=(0, 0))
    s.eval("(de power (b n) (prog (r l) (setq r 1) (setq l nil) again (setq r (times2 r b)) (setq l (cons n l)) "
           "(setq n (sub1 n)) "
           "(cond ((greaterp n 0) (go again))) (return (list r (length l)))))")
    assert s.eval("(list (power 3 10) (power 3 200) (power 2.5 4))") == [[3 ** 10, 10], [3 ** 200, 200], [2.5 ** 4, 4]]
    jit = s.lisp.jit
    names = {name for _, name in jit.bailouts}
    assert (names == {"times"} and sum(jit.bailouts.values()) == 2
            and jit.functions[s.machine.intern("power")].tier == "optimised")
    for _ in range(30):
        assert s.eval("(power 3 200)") == [3 ** 200, 200]
    assert s.machine.intern("power") in jit._cautious and sum(jit.bailouts.values()) == 16
    assert jit.functions[s.machine.intern("power")].tier == "optimised"
    assert any("16 x gave up at times" in line for line in jit.statistics())
    s.close()


def test_errors_and_handlers_in_optimised_code() -> None:
    s = Session(heap=256 << 20, jit=(0, 0))
    s.eval("(de first (x) (catch 'tag (cond ((numberp x) (throw 'tag (list x))) (t (car x)))))")
    assert (s.eval("(list (first 3) (first '(4)) (errorset '(first \"text\") nil nil) (errorset '(first 'a) nil nil) "
                   "(first '(5)))")[:2] == [[3], 4])
    s.eval("(de many (a b c d e f) (list (plus2 a b) c (car d) e f)) "
           "(de caller (x) (many x 1 2 (list x) (plus2 x x) (car (list x))))")
    assert s.eval(f"(list (caller 1) (caller {(1 << 60) - 1}) (caller 2.5))") == [
        [2, 2, 1, 2, 1], [1 << 60, 2, (1 << 60) - 1, (1 << 61) - 2, (1 << 60) - 1], [3.5, 2, 2.5, 5.0, 2.5]]
    s.close()


def test_a_running_loop_goes_on_natively(native: Session) -> None:
    """Of a function that is called once; with operands on the stack, and with pushed arguments."""
    native.eval("(jit!-threshold 200)")
    native.eval("(de loop (n) (list 'a (prog (k s) (setq k 0) (setq s 0) again (setq s (plus2 s k)) (setq k (add1 k)) "
                "(cond ((eqn k 5000) (setq where (native!-address 'loop 1)))) (cond ((leq k n) (go again))) "
                "(return s)) 'b "
                "(prog (k) (setq k 0) again (setq k (add1 k)) (cond ((lessp k n) (go again))) (return k)) 'c 'd))")
    assert native.eval("(loop 100000)") == ["a", 5000050000, "b", 100000, "c", "d"]
    assert (dict(native.lisp.jit.compiled) == {"stencil": 1}
            and native.eval("where") == native.eval("(native!-address 'loop 1)"))
    assert native.lisp.jit.moved == 1


@pytest.mark.parametrize("threshold", ["0,0", "30,90"])
def test_programs_on_the_optimised_tier(threshold: str) -> None:
    report, _ = runner("--small", "--no-conformance", options=("--jit", threshold))
    assert len(report["programs"]) == len(PROGRAMS) and wrong(report) == []


@pytest.mark.slow
def test_conformance_on_every_tier() -> None:
    """Every case gives on each tier what it gives as bytecode."""
    reports = [runner("--no-programs", options=("--jit", threshold))[0]["conformance"]
               for threshold in ("-1", "0", "0,0")]
    assert reports[1] == reports[0] == reports[2] and reports[0]["passed"] > 2500


def test_collector_stress_on_the_optimised_tier() -> None:
    s = Session(heap=64 << 20, jit=(0, 0), gc_stress=True)
    s.eval("(de walk (l n) (cond ((zerop n) (reverse l)) (t (walk (cons (list n (times2 n 0.5)) l) (sub1 n)))))")
    assert s.eval("(length (walk nil 50))") == 50 and s.lisp.jit.compiled["optimised"] >= 1
    s.close()


def test_any_architecture_in_any_place(csl: Callable[..., Any]) -> None:
    """What the stencils make is the same under CPython, for each machine whose stencils there are, and here in memory.
    """
    from csl_native.heap.objects import SYM_ENV
    from csl_native.heap.words import VECTOR
    from csl_native.image.container import Image
    from csl_native.instructions.codec import Code
    from csl_native.native.pages import PageSet
    from csl_native.stencils.offline import OfflineTable
    s = Session(heap=64 << 20)
    s.eval("(jit '(nth reverse!-text)) (de reverse!-text (x) "
           "(catch 'a (prog (r) again (cond ((null x) (return r))) (setq r (cons (car x) r)) "
           "(setq x (cdr x)) (go again))))")
    s.eval("(reverse!-text '(1 2))")
    jit = s.lisp.jit
    assert s.hardcode.architecture is not None and s.path is not None
    with Image(s.path) as image:
        pages = PageSet.parse(image.read(f"stencils-{s.hardcode.tag}"), "x")
    table = OfflineTable(pages, s.hardcode.architecture)
    for symbol, compiled in jit.functions.items():
        code = Code.unpack(s.machine.raw(s.machine.field(s.machine.field(symbol, SYM_ENV), 8 - VECTOR)))
        data, made = table.code(code, compiled.memory.address)
        region = compiled.memory
        start = region.address - region.chunk.address
        assert bytes(region.chunk.view()[start:start + region.size]) == data
        assert {compiled.memory.address + place for place in made.resume.values()} == set(compiled.resume.values())
    s.close()
    gc.collect()


def test_disassembly_by_tier(csl: Callable[..., Any], tmp_path: Any) -> None:
    csl("-q", "--native-compile", "sq", "-o", str(tmp_path / "x.img"), "-e", "(de sq (x) (times2 x x))")
    shown = {tier: subprocess.run([sys.executable, "-m", "csl_native.tools.csl_image", "disasm",
                                   str(tmp_path / "x.img"), "sq", "--tier", tier],
                                  capture_output=True, text=True, cwd=ROOT, check=False)
             for tier in ("bytecode", "stencil", "optimised")}
    assert ("times" in shown["bytecode"].stdout and "stencils:" in shown["stencil"].stdout
            and "bytes for 6 of bytecode" in shown["stencil"].stdout)
    assert "entry_times2" in shown["stencil"].stdout and "shared.entry_times2" in shown["optimised"].stdout
    assert "entry" not in shown["bytecode"].stdout and all(done.returncode == 0 for done in shown.values())


def test_an_image_remembers_what_was_hot(csl: Callable[..., Any], tmp_path: Any) -> None:
    image = str(tmp_path / "x.img")
    text = ("(de busy (n) (cond ((zerop n) 0) (t (busy (sub1 n))))) (de idle (x) (busy x)) "
            "(prog (k) (setq k 1000) again (busy 5000) (setq k (sub1 k)) (cond ((greaterp k 0) (go again)))) "
            "(preserve)\n")
    csl("-q", "-o", image, text=text)
    done = csl("-q", "-v", "-i", image, "-o", image, "--native-compile", "hot", "-e", "nil")
    assert "1 functions compiled to native code" in done.stderr and done.returncode == 0
    listed = subprocess.run([sys.executable, "-m", "csl_native.tools.csl_image", "functions", image],
                            capture_output=True, text=True, check=False).stdout
    rows = {line.split()[0]: line for line in listed.splitlines() if line}
    assert "bytecode" in rows["idle"] and "bytecode" not in rows["busy"]
    assert "no function was hot" in csl("-q", "--native-compile", "hot", "-e", "nil").stderr


def test_code_is_never_writable_and_executable(native: Session) -> None:
    """While it is being made, and after; and what nobody uses is given back between forms."""
    seen: list[str] = []

    def look(*_: Any) -> None:
        with open("/proc/self/maps") as maps:
            for line in maps:  # ctypes has such pages for its own callbacks
                start, end = (int(part, 16) for part in line.split()[0].split("-"))
                if "rwx" in line and any(start <= address < end for address in jit.arena._chunks):
                    seen.append(line)
    native.eval("(jit!-threshold 0)")
    jit = native.hardcode.jit()
    jit.say = look
    for k in range(300):
        native.eval(f"(de f (x) (list x {k}))")
        assert native.eval("(f 1)") == [1, k]
    look()
    assert seen == [] and jit.compiled["stencil"] >= 300 and jit.bytes < 2000 and jit.arena.bytes <= 2 << 18


def test_tail_calls_stay_jumps_on_every_tier(shared: Session) -> None:
    """Of two functions that call each other, of which one stands in place of its call in the other."""
    text = ("(de ping (n) (cond ((zerop n) 'ping) (t (pong (sub1 n))))) "
            "(de pong (n) (cond ((zerop n) 'pong) (t (ping (sub1 n)))))")
    jit, symbol = shared.hardcode.jit(), lambda name: shared.machine.intern(name)
    for compile_it in (lambda name: None, lambda name: shared.run(lambda: jit.compile(symbol(name))),
                       lambda name: shared.run(lambda: jit.optimise(symbol(name), at_once=True)),
                       lambda name: shared.native_compile([name])):
        shared.eval(text)
        for name in ("ping", "pong"):
            compile_it(name)
        assert shared.eval("(list (ping 3000000) (ping 3000001))") == ["ping", "pong"]


def test_hand_made_code_is_called_and_not_looked_through(native: Session) -> None:
    """Also by what was compiled before, when its bytecode stood in place of the call."""
    if native.hardcode.architecture is None or native.hardcode.architecture.name != "x86-64":
        pytest.skip("hand-made code of x86-64")
    native.eval("(de one (x) (list x)) (de user (x) (one x))")
    native.native_compile(["user"])
    native.eval("(jit 'user) (user 1)")
    code = bytes.fromhex("488d4208c3")  # lea rax, [rdx + 8]; ret: plus 1
    stores = "".join(f"(putv!-native v {8 + k} {byte} 1)" for k, byte in enumerate(code))
    native.eval(f"(setq v (make!-native {8 + len(code)})) {stores} (symbol!-set!-native 'one 1 v 8 nil)")
    assert native.eval("(list (one 1) (user 1))") == [2, 2]
    native.native_compile(["user"])
    assert native.eval("(user 5)") == 6
    native.run(lambda: native.hardcode.jit().optimise(native.machine.intern("user"), at_once=True))
    assert native.eval("(user 5)") == 6
