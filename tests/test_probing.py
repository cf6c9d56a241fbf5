"""The live machine from the prompt: registers, stack, heap, code sizes, strategies, and planted bytecode."""

from __future__ import annotations

import pytest

from csl_native import LispError, Session
from csl_native.heap.vm import VM

from .conftest import needs_native

SUM = ("(de sum (l) (prog (s) (setq s 0) again (cond ((null l) (return s))) (setq s (plus s (car l))) (setq l (cdr l)) "
       "(go again)))")


def test_registers_stack_and_heap(session: Session) -> None:
    rows = dict(session.eval("(vm!-registers)"))
    assert set(rows) == {name.replace("_", "-") for name in VM} and rows["heap-top"] > rows["heap-start"] > 0
    assert rows["stack-base"] <= rows["sp"] <= rows["stack-end"]
    stack = session.eval("(lisp!-stack 30)")
    assert isinstance(stack, list) and 30 in stack
    before = {name: objects for name, objects, _ in session.eval("(heap!-crawl)")}
    session.eval("(setq kept (list (mkvect 3) (mkvect 4) 2.5))")
    after = {name: objects for name, objects, _ in session.eval("(heap!-crawl)")}
    assert after["vector"] >= before["vector"] + 2 and after["float"] >= before.get("float", 0) + 1
    assert {"cons", "symbol", "string", "code"} <= set(after)


@needs_native
def test_sizes_and_strategies(native: Session) -> None:
    native.eval(SUM)
    size = dict(native.eval("(code!-size 'sum)"))["bytecode"]
    native.eval("(progn (jit 'sum) (sum '(1 2 3)))")
    rows = dict(native.eval("(code!-size 'sum)"))
    assert rows["bytecode"] == size and rows["stencil"] > size
    strategies = {row[0]: row[1:] for row in native.eval("(native!-strategies 'sum)")}
    assert (set(strategies) == {"inline", "shared", "call"} and "local" in strategies["inline"]
            and "plus" in strategies["shared"])


@needs_native
def test_every_strategy_gives_the_same(native: Session) -> None:
    """Whatever stands in line, is shared or called: the results are equal, and the sizes are not."""
    from csl_native.bench.tiers import table_of
    native.eval(SUM)
    symbol, jit = native.machine.intern("sum"), native.hardcode.jit()
    sizes = {}
    for kind in ("inline", "shared", "call"):
        native.eval(SUM)
        jit._table = table_of(native, kind)
        native.run(lambda: jit.compile(symbol))
        sizes[kind] = jit.functions[symbol].memory.size
        assert native.eval("(list (sum '(1 2.5 3)) (sum (list 1 (expt 2 60) (expt 2 60))))") == [6.5, (1 << 61) + 1]
    assert sizes["call"] < sizes["inline"] and len(set(sizes.values())) == 3


def test_bytecode_in_constants_survives_the_collector(session: Session) -> None:
    """Constants in code are traced; operands that look like references are not."""
    session.eval("(plant 'f 0 '((literal (a list (of things) 2.5)) (return)))")
    session.eval("(prog (i) (setq i 0) l (mkvect 100) (setq i (add1 i)) (cond ((lessp i 3000) (go l))) (reclaim))")
    assert session.eval("(equal (f) '(a list (of things) 2.5))") is True


PLANTS = {"((local 1) (return))": "uses local 1", "((add 1) (return))": "no instruction add",
          "((jump 0))": "no safepoint", "((small) (return))": "1 operands; 0 given",
          "((jump 9))": "is no number of an instruction", "((small 1))": "no instruction begins",
          "((call1 5) (return))": "takes 1", "nil": "list of instructions expected"}


@pytest.mark.parametrize("text", list(PLANTS))
def test_what_cannot_be_planted(session: Session, text: str) -> None:
    with pytest.raises(LispError, match=PLANTS[text]):
        session.eval(f"(plant 'bad 0 '{text})")
    assert session.eval("(null (getd 'bad))") is True


def test_planted_code_runs(session: Session) -> None:
    session.eval(
        """(plant 'sum 1 '((small 0) (store_local 1) (local 0) (jump_nil 13) (local 1) (local 0) (car) (plus)
                      (store_local 1) (local 0) (cdr)
                    (store_local 0) (jump 14) (jump 17) (poll) (pop) (jump 2) (local 1) (return)) 1)""")
    assert session.eval("(sum '(1 2 3 4))") == 10


@needs_native
def test_machine_code_that_gives_its_argument(native: Session) -> None:
    """mov rax, rdi; ret is Spasm's example; here the argument comes in another register."""
    if native.hardcode.architecture is None or native.hardcode.architecture.number != 11:
        pytest.skip("machine code of another architecture")
    native.eval("""(progn (de same (x) x) (setq v (make!-native 16)) (putv!-native v 8 72 1) (putv!-native v 9 139 1)
                   (putv!-native v 10 194 1) (putv!-native v 11 195 1) (symbol!-set!-native 'same 1 v 8 nil))""")
    assert native.eval("(same 12345)") == 12345


def test_loops(session: Session) -> None:
    session.eval("(de sum2 (n) (prog (s) (setq s 0) l (cond ((zerop n) (return s))) (setq s (plus s n)) "
                 "(setq n (sub1 n)) (go l)))")
    if session.machine.native:
        session.eval("(jit 'sum2)")
        assert session.eval("(sum2 1000000)") == 500000500000
    assert session.eval("(sum2 1000)") == 500500
