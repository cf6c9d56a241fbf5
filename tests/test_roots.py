"""Words that Python holds are roots: programs under collector stress, and a scan for words that nobody holds."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from csl_native import Session
from csl_native.runtime.stress import StressedMachine

from .conftest import ROOT, needs_native
from .test_corpus import runner

BIG = "(prog (i) (setq i 0) lp (cond ((greaterp i 6000000) (return ''x))) (list i i) (setq i (add1 i)) (go lp))"


@needs_native
def test_what_a_macro_allocates_does_not_disturb_the_compiler(csl: Callable[..., Any]) -> None:
    program = (f"(progn (dm big (u) {BIG}) (de f (a) (mapcar (let ((s '(1 2))) (progn (big) s)) "
               "(function (lambda (m) (list m a))))) (print (f 7)))")
    assert csl("-q", "-e", program).stdout == "((1 7) (2 7))\n"


# (text, the value of its last form); all of them run in one session, and then once more after a collection.
PROGRAMS = [
    ("(setq h (mkhash 10 2 1.5)) (setq n 0) (dotimes (i 300) (puthash (list i) h (list i i))) "
     "(de g (k v) (setq n (plus n (car k) (car v))) (list k k k)) (maphash 'g h) n", 89700),
    ("(setq n 0) (maphash (function (lambda (k v) (setq n (plus n (length v))))) h) n", 600),
    ("(setq n 0) (mapobl (function (lambda (s) (list s s) (setq n (add1 n))))) (greaterp n 500)", True),
    ("(setq w (mkweakhash)) (setq k (list 1 2)) (puthash k w (list 3)) (list 1 2) (gethash k w)", [3]),
    ("(eval (list 'list (list 'quote (list 1 2)) (list 'list 3 (list 'list 4 5))))", [[1, 2], [3, [4, 5]]]),
    ("(eval (list 'progn (list 'setq 'x1 '(list 1 2)) (list 'rplacd 'x1 '(list 5)) 'x1))", [1, 5]),
    ("(mapcar '(1 2 3) '(lambda (x) (list x (plus x 0.5) (expt 3 (times x 30)))))",
     [[k, k + 0.5, 3 ** (30 * k)] for k in (1, 2, 3)]),
    ("(dm twice (u) (list 'list (cadr u) (list 'quote (list 'a (expt 2 70))))) (de tw (x) (twice (list x x))) "
     "(tw 4)", [[4, 4], ["a", 2 ** 70]]),
    ("(de many (a b c d !&optional (e (list a b)) !&rest r) (list a b c d e r)) (many 1 2 3 4)",
     [1, 2, 3, 4, [1, 2], []]),
    ("(de clos (n) (mapcar '(1 2) (function (lambda (x) (list x n))))) (clos 2.5)", [[1, 2.5], [2, 2.5]]),
    ("(apply (function (lambda (a b) (list b a (explode 'abc)))) (list (list 1) \"t\"))", ["t", [1], ["a", "b", "c"]]),
    ("(errorset '(error 1 (list 2 3)) nil nil) emsg!*", [2, 3]),
    ("(catch 'tag (mapc '(1 2 3) (function (lambda (x) (cond ((eqn x 2) (throw 'tag (list x 'thrown)))))))) ",
     [2, "thrown"]),
    ("(setq l (list 1 2 3)) (de cut (x) (rplacd l nil) (list x x)) (mapcar l 'cut) l", [1]),
    ("(compress (append (explode \"ab\") nil))", "ab"),
    ("(read-from (list 1 2.5 (expt 10 40)))", [1, 2.5, 10 ** 40]),
    ("(sort (list 5 3 9 1) (function lessp))", [1, 3, 5, 9]),
    ("(reverse (vector-to-list (list-to-vector (list 1 (list 2) \"s\"))))", ["s", [2], 1]),
    ("(macroexpand '(psetq a 1 b 2)) (prog (a b) (psetq a 1 b 2) (return (list a b)))", [1, 2]),
    ("(quotient (times (expt 3 4000) (expt 7 4000)) (expt 3 4000))", 7 ** 4000),
]
HELP = ("(de read-from (x) (prog (f) (setq f x) (return (mapcar f (function (lambda (y) y))))))".replace(
    "read-from", "read!-from"))


def name_dashes(text: str) -> str:
    return re.sub(r"(?<=[a-z])-(?=[a-z])", "!-", text)


@pytest.fixture(scope="module", params=[1, 7])
def stressed(request: pytest.FixtureRequest) -> Iterator[Session]:
    s = Session(heap=128 << 20, gc_stress=request.param, output=open(os.devnull, "wb"))
    s.eval(HELP)
    yield s
    s.close()


@needs_native
@pytest.mark.parametrize("program", PROGRAMS, ids=[text[:40] for text, _ in PROGRAMS])
def test_programs_under_stress(stressed: Session, program: tuple[str, object]) -> None:
    text, value = program
    assert stressed.eval(name_dashes(text)) == value
    assert len(stressed.machine.met) < 1000  # nothing piles up


@needs_native
def test_modules_under_stress(tmp_path: Path) -> None:
    s = Session(heap=128 << 20, gc_stress=1, output=open(os.devnull, "wb"), output_library=tmp_path / "lib.img")
    s.eval("(faslout 'm) (setq !*comp t) (dm mac (u) (list 'list (list 'quote (cadr u)) 3)) "
           "(de f (x) (mapcar x (function (lambda (y) (list (mac q) y 1.5))))) "
           "(de k () '(a \"text\" 2.5 1267650600228229401496703205376)) (setq vv '(1 2 (3 . 4))) "
           "(df fx (u) (list u u)) (faslend)")
    s.eval("(load!-module 'm)")
    assert s.eval("(list (f '(1 2)) (k) vv (fx a b))") == [
        [[["q", 3], 1, 1.5], [["q", 3], 2, 1.5]], ["a", "text", 2.5, 2 ** 100], [1, 2, (3, 4)],
        [["a", "b"], ["a", "b"]]]
    s.close()


@needs_native
def test_callbacks_under_stress() -> None:
    s = Session(heap=128 << 20, gc_stress=1, output=open(os.devnull, "wb"))
    s.define("python", lambda x: [x, {"kept": x}["kept"]])
    assert s.eval("(mapcar '(1 2) (function (lambda (x) (python (list x 2.5)))))") == [[[1, 2.5]] * 2, [[2, 2.5]] * 2]
    handle = s.eval("(list2vector (list (list 1 2) 2.5))")
    s.eval("(prog (i) (setq i 0) lp (list i i) (setq i (add1 i)) (cond ((lessp i 100) (go lp))))")
    assert repr(handle) == "<Lisp [(1 2) 2.5]>"
    s.close()


@needs_native
def test_callbacks_of_c_under_stress() -> None:
    s = Session(heap=128 << 20, gc_stress=3, output=open(os.devnull, "wb"))
    s.eval("""(define!-foreign 'c!-qsort "libc.so.6" "qsort" 'void
                '(pointer size size (callback int (pointer pointer))))
              (de value (p) (foreign!-ref p 'int32)) (setq seen nil)
              (setq v (mkvect32 4)) (putv32 v 0 30) (putv32 v 1 -4) (putv32 v 2 17) (putv32 v 3 0) (putv32 v 4 5)""")
    s.eval("(c!-qsort v 5 4 (function (lambda (a b) (setq seen (list (list a 1.5) seen)) "
           "(difference (value a) (value b)))))")
    assert s.eval("(list (getv32 v 0) (getv32 v 1) (getv32 v 2) (getv32 v 3) (getv32 v 4))") == [-4, 0, 5, 17, 30]
    assert s.eval("(cadr (car seen))") == 1.5
    s.close()


@needs_native
def test_the_debugger_under_stress() -> None:
    from csl_native.runtime.debugger import Debugger
    s = Session(heap=128 << 20, gc_stress=5, output=open(os.devnull, "wb"))
    s.eval("(fluid '(w)) (setq w (list 1)) (de walk (n) (setq w (list n (list n))) "
           "(cond ((zerop n) w) (t (walk (sub1 n)))))")
    seen: list[str] = []
    with Debugger(s, lambda debugger, stop: seen.append(stop.reason + str(debugger.backtrace()[:1]))) as debugger:
        debugger.watch_fluid("w")
        assert s.eval("(walk 3)") == [0, [0]]
    assert [text.split("[")[0] for text in seen] == [f"w was {a}, is {b}" for a, b in (
        ("(1)", "(3 (3))"), ("(3 (3))", "(2 (2))"), ("(2 (2))", "(1 (1))"), ("(1 (1))", "(0 (0))"))]
    s.close()


@needs_native
def test_freed_memory_is_poisoned_and_a_lost_word_is_seen() -> None:
    """A word that is taken out of what Python has met is gone at the next collection: a mutant of the mechanism."""
    s = Session(heap=128 << 20, gc_stress=1, output=open(os.devnull, "wb"))
    m = s.machine

    def lost() -> str:
        x = m.list([8, 16])
        del m.met[-3:]
        s.lisp.collect()
        return hex(m.words[x >> 3] & (1 << 64) - 1)
    assert isinstance(m, StressedMachine) and s.run(lost) == "0x6eaddeaddeaddea7"
    s.close()


@needs_native
def test_long_loops_forget_what_they_met(native: Session) -> None:
    m, most = native.machine, 0
    native.eval("(setq l nil) (dotimes (i 3000) (setq l (cons (list i) l)))")
    collect = m.collect

    def body() -> int:
        nonlocal most
        for item in m.each(m.value(m.intern("l")) or 0):
            native.lisp.eval(m.list([m.intern("list"), m.car(item), m.string("x")]))
            most = max(most, len(m.met))
        return 0
    native.run(body)
    assert most < 200 and m.collect == collect


# -- the conformance cases -----------------------------------------------------------

SAMPLE = "lists-basic|mapping|hashtables|catch"
RECURSION = "^(30-|recursion)"  # each collection there looks through a stack of up to a million frames
BUT_RECURSION = "^(?!30-|recursion)"


def failures(report: dict) -> set[str]:  # type: ignore[type-arg]
    return {case["id"] for row in report["topics"].values() for case in row["failures"]}


@needs_native
@pytest.mark.parametrize(("comp", "only", "stride"), [
    (False, SAMPLE, 1),
    *(pytest.param(comp, only, stride, marks=[pytest.mark.slow, pytest.mark.exhaustive])
      for comp in (False, True) for only, stride in ((BUT_RECURSION, 23), (RECURSION, 9973), (RECURSION, 997)))])
def test_conformance_under_stress(comp: bool, only: str, stride: int) -> None:
    """The same cases differ from the original as without stress; a stride, because recursions of 10⁵ calls would take
    minutes.
    """
    options = ["--no-programs", *(["--comp"] if comp else []), *(["--only", only] if only else [])]
    table = (ROOT / "docs" / "differences.md").read_text().partition("## The cases of the corpus that differ")[2]
    argued = {case for row in re.findall(r"^\| ([a-z0-9, -]+-[0-9]{3}) \|", table, re.M) for case in row.split(", ")}
    assert failures(runner(*options, options=(f"--gc-stress={stride}",))[0]) <= argued


# -- words that nobody holds ------------------------------------------------------------

FOLDERS = ("lisp", "builtins", "foreign", "modules", "asm", "native", "app", "runtime", "saving", "session")
GIVE_WORDS = {"car", "cdr", "cons", "list", "string", "vector", "float", "integer", "make_symbol", "apply", "eval",
              "field", "value", "root", "items", "vector_items", "row", "object", "each"}
# Attributes that hold words for no longer than the call in which they were met, or that keep nothing alive on purpose:
# why.
SHORT = {
    "Function": "one compilation", "Block": "one compilation", "Machine": "interned symbols",
    "Compiler": "interned symbols", "Forms": "one compilation", "Exits": "one compilation",
    "Writer": "a holder", "ModuleWriter": "a holder", "Debugger": "a holder",
    "Handles": "weak: what is dead is dropped at each collection", "WeakTable": "the table is a field of its handle",
    "Call": "one call of C; arguments lie on the Lisp stack", "Callback": "on foreign-callbacks",
    "Assembling": "one assembly", "Integers": "one assembly", "Translation": "one translation",
    "CompileError": "scopes keep words when one is raised",
}


class Words(ast.NodeVisitor):
    """Finds ``self.x = word``, ``self.x[...] = word`` and ``self.x.append(word)``, where the word came from the
    machine.
    """

    def __init__(self) -> None:
        self.found: list[str] = []
        self.owner = ""
        self.words: set[str] = set()

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        outer, self.owner = self.owner, node.name
        self.generic_visit(node)
        self.owner = outer

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        outer, self.words = self.words, set()
        self.generic_visit(node)
        self.words = outer

    def is_word(self, e: ast.expr) -> bool:
        if isinstance(e, ast.Name):
            return e.id in self.words
        if isinstance(e, ast.BoolOp):
            return any(map(self.is_word, e.values))
        if isinstance(e, ast.Call) and isinstance(e.func, ast.Attribute):
            owner = ast.unparse(e.func.value)
            return (e.func.attr in GIVE_WORDS and re.search(r"(^|\.)(m|machine|lisp)$", owner) is not None
                    or owner.endswith("kernel"))
        return (isinstance(e, ast.Call) and isinstance(e.func, ast.Name) and e.func.id == "int"
                and any(map(self.is_word, e.args)))

    def store(self, target: ast.expr, line: int) -> None:
        while isinstance(target, ast.Subscript):
            target = target.value
        if (isinstance(target, ast.Attribute) and self.owner not in SHORT
            and ast.unparse(target).startswith(("self.", "lisp.", "session."))):
            self.found.append(f"{self.owner}, line {line}: {ast.unparse(target)}")

    def visit_Assign(self, node: ast.Assign) -> None:
        self.generic_visit(node)
        for target in node.targets:
            pairs = zip(target.elts, node.value.elts,
                        strict=False) if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple) else [
                (target, node.value)]
            for t, value in pairs:
                if self.is_word(value):
                    self.words.add(t.id) if isinstance(t, ast.Name) else self.store(t, node.lineno)

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        if (isinstance(node.func, ast.Attribute) and node.func.attr in ("append", "add", "insert", "setdefault")
            and any(map(self.is_word, node.args))):
            self.store(node.func.value, node.lineno)


class Yields(ast.NodeVisitor):
    """Finds ``yield`` inside of ``with m.scope()``."""

    def __init__(self) -> None:
        self.found: list[int] = []

    def visit_With(self, node: ast.With) -> None:
        if any(isinstance(item.context_expr, ast.Call) and ast.unparse(item.context_expr.func).endswith(".scope")
               for item in node.items):
            self.found += [n.lineno for n in ast.walk(node) if isinstance(n, ast.Yield | ast.YieldFrom)]
        self.generic_visit(node)


def lost_words(text: str) -> list[str]:
    words, yields = Words(), Yields()
    words.visit(ast.parse(text))
    yields.visit(ast.parse(text))
    return words.found + [f"line {line}: yield in a scope" for line in yields.found]


@pytest.mark.parametrize("folder", FOLDERS)
def test_words_that_outlive_a_call_are_held(folder: str) -> None:
    for path in sorted((ROOT / "csl_native" / folder).glob("*.py")):
        assert not (found := lost_words(path.read_text())), (f"{path.name}: {found}: give the class held_words, and "
                                                             "m.hold(self)")


# Names that a program chose, given to what keeps their symbols for ever.
KEPT_NAMES = re.compile(r"\.intern\((?!.*range\()[^\x22)]*(\.text\(|\bchr\(|\.join\(|\.group\()")


@pytest.mark.parametrize("folder", FOLDERS)
def test_only_names_that_python_code_has_are_kept(folder: str) -> None:
    for path in sorted((ROOT / "csl_native" / folder).glob("*.py")):
        assert not (found := KEPT_NAMES.findall(path.read_text())), f"{path.name}: {found}: m.symbol(name)"


def test_the_scan_for_names_sees_a_mutant() -> None:
    assert KEPT_NAMES.search("x = m.intern(m.text(y))") and not KEPT_NAMES.search('x = m.intern("quote")')


@pytest.mark.parametrize("mutant", [
    "class A:\n def f(self, m):\n  self.x = m.cons(1, 2)",
    "class A:\n def f(self, m):\n  x = m.car(1)\n  self.seen[3] = x", "class A:\n def f(self, m):\n"
                                                                      "  x = m.kernel.make_hash(1)\n"
                                                                      "  self.seen.append(x)",
    "def f(lisp, m):\n lisp.before = m.value(3) or NIL", "def f(m):\n with m.scope():\n  yield 1"])
def test_the_scan_sees_mutants(mutant: str) -> None:
    assert lost_words(mutant)
