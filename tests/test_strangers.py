"""Bytecode and heaps of strangers: what is not safe is refused, and what is not refused cannot do harm, in any engine.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from csl_native import Session
from csl_native.instructions.codec import Code, encode
from csl_native.instructions.proof import prove
from csl_native.instructions.table import CodeError

from .conftest import ROOT, machine_runs_natively

ONE, LOCAL, STORE, RETURN, POP = encode("small", 1), encode("local",
                                                            1), encode("store_local",
                                                                       1), encode("return"), encode("pop")
PUSH, POLL = encode("push_argument"), encode("poll")

# Bytecode of a function of one argument and two locals, with a symbol (1) and a string (2) as literals; what is wrong
# with it.
REFUSED = {
    "a local that was never set": (LOCAL + RETURN, [], "may not be set"),
    "... on one of two ways": (encode("local", 0) + encode("jump_nil", 4) + ONE + STORE + LOCAL + RETURN, [],
                               "may not be set"),
    "a string is called": (encode("call0", 2) + RETURN, [], "is no symbol"),
    "a string is bound": (ONE + encode("bind", 2) + RETURN, [], "is no symbol"),
    "more arguments are dropped than pushed": (ONE + PUSH + POP + encode("drop_arguments", 2) + ONE + RETURN, [],
                                               "takes 2 pushed arguments; there are 1"),
    "a call takes arguments that nobody pushed": (ONE * 3 + encode("calln", 1, 4) + RETURN, [],
                                                  "takes 1 pushed arguments; there are 0"),
    "pushed on one of two ways": (encode("local", 0) + encode("jump_nil", 4) + ONE + PUSH + POP
                                  + encode("drop_arguments", 1) + ONE + RETURN, [],
                                  "pushed arguments and with"),
    "a loop without a safepoint": (encode("jump", -3), [], "has no safepoint"),
    "a far loop without a safepoint": (encode("far_jump", -5), [], "has no safepoint"),
    "a far jump behind the end": (encode("far_jump", 1 << 20), [], "where no instruction begins"),
    "a far local that was never set": (encode("far_local", 1) + RETURN, [], "may not be set"),
    "a far local that is not there": (ONE + encode("far_store_local", 300) + RETURN, [], "there are 2"),
    "a handler that is the way back": (encode("nil") + encode("call0", 1) + RETURN, [(1, 5, 1, 0)],
                                       "words on the stack|no safepoint"),
    "a handler that takes what was pushed": (ONE + PUSH + POP + encode("call0", 1) + RETURN
                                             + encode("drop_arguments", 1) + ONE + RETURN,
                                             [(4, 7, 8, 0)], "takes 1 pushed arguments; there are 0"),
    "a call of many that takes three": (ONE * 3 + encode("calln", 1, 3) + RETURN, [], "takes"),
    "a handler that expects what the call took": (ONE + encode("call1", 1) + RETURN + RETURN, [(2, 5, 6, 1)],
                                                  "finds 1 words"),
    "a handler that expects what is not there": (encode("call0", 1) + RETURN + RETURN, [(0, 3, 4, 1)], "finds 1 words"),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_what_is_not_safe_is_refused(name: str) -> None:
    code, handlers, why = REFUSED[name]
    with pytest.raises(CodeError, match=why):
        prove(Code(1, 1, False, 2, 12, code, handlers), 3, {1}, {1})


def test_what_is_safe_is_not_refused() -> None:
    prove(Code(1, 1, False, 2, 12, ONE + STORE + LOCAL + RETURN), 3, {1}, {1})
    prove(Code(1, 1, False, 2, 12, POLL + POP + encode("jump", -5)), 3, {1}, {1})
    prove(Code(1, 1, False, 2, 12, POLL + POP + encode("far_jump", -7)), 3, {1}, {1})
    prove(Code(1, 1, False, 2, 12, ONE + encode("far_store_local", 1) + encode("far_local", 1) + RETURN), 3, {1}, {1})
    prove(Code(1, 1, False, 2, 12, ONE + PUSH + POP + ONE * 3 + encode("calln", 1, 4) + RETURN), 3, {1}, {1})
    prove(Code(1, 1, False, 2, 12, ONE + encode("call0", 1) + RETURN + RETURN, [(2, 5, 6, 1)]), 3, {1}, {1})
    prove(Code(1, 1, False, 2, 12, ONE + PUSH + POP + encode("jump", 0) + encode("drop_arguments", 1) + ONE + RETURN),
          3, {1}, {1})


def test_handlers_protect_up_to_their_end_and_what_is_given_is_set() -> None:
    ways = encode("local", 0) + encode("jump_nil",
                                       6) + ONE + encode("call0", 1) + RETURN + encode("call0", 1) + RETURN + RETURN
    prove(Code(1, 1, False, 2, 12, ways, [(7, 11, 15, 1)]), 3, {1}, {1})
    prove(Code(1, 1, True, 3, 12, LOCAL + RETURN), 3, {1}, {1})
    with pytest.raises(CodeError, match="needs 0 bytes in local 1"):
        prove(Code(1, 1, False, 3, 12, ONE + encode("call0", 1) + RETURN + STORE + encode("var_length", 1, 8) + RETURN,
                   [(2, 5, 6, 1)]), 3, {1}, {1})


@pytest.mark.parametrize("name", ["bind", "set_value"])
def test_constants_are_not_assigned(name: str) -> None:
    code = Code(1, 1, False, 2, 12, ONE + encode(name, 1) + (encode("unbind", 1) if name == "bind" else b"") + ONE
                + RETURN)
    with pytest.raises(CodeError, match="is a constant"):
        prove(code, 3, {1}, {2})
    prove(code, 3, {1}, {1})


def opened(local: int, size: int) -> bytes:
    """The bytes of the argument, ``size`` at least, in a local variable."""
    return encode("var_open", 0, size) + encode("store_local", local)


ALL = opened(1, 8) + opened(2, 8) + opened(3, 8)
INDEX = encode("var_index", 1, 2, 8) + POP
OPEN = encode("var_open", 0, 8)
# one way or the other
BOTH, JOIN = encode("local", 0) + encode("jump_nil", len(OPEN) + len(encode("jump", 3))), encode("jump", len(OPEN))
# What typed instructions rely on: bytes that were looked for in the same local variable, on every way, and an element
# in the same array.
TYPED_REFUSED = {
    "bytes of what was never opened": (ONE + STORE + encode("var_inc", 1), "needs 8 bytes in local 1"),
    "of fewer than were looked for": (opened(1, 7) + encode("var_inc", 1), "needs 8 bytes in local 1"),
    "of four for eight": (opened(1, 4) + encode("var_cpi8", 5, 1), "needs 8 bytes"),
    "of two for four": (opened(1, 3) + encode("var_cpi4", 5, 1), "needs 4 bytes"),
    "of one for two": (opened(1, 1) + encode("var_cpi2", 5, 1), "needs 2 bytes"),
    "of none for one": (opened(1, 0) + encode("var_cpi1", 5, 1), "needs 1 bytes"),
    "of another variable": (opened(1, 8) + ONE + encode("store_local", 2) + encode("var_move", 1, 2), "in local 2"),
    "of one that has something else meanwhile": (opened(1, 8) + ONE + STORE + encode("var_inc", 1), "in local 1"),
    "of one that has fewer meanwhile": (opened(1, 8) + opened(1, 4) + encode("var_inc", 1), "in local 1"),
    "of what was not at the top when it was stored": (encode("var_open", 0, 8) + ONE + STORE + POP
                                                      + encode("var_inc", 1), "in local 1"),
    "opened on one of two ways": (ONE + STORE + encode("local", 0) + encode("jump_nil", len(opened(1, 8)))
                                  + opened(1, 8) + encode("var_inc", 1), "in local 1"),
    "opened for different sizes on two ways": (BOTH + encode("var_open", 0, 4) + JOIN + OPEN + STORE
                                               + encode("var_inc", 1), "in local 1"),
    "of an argument": (encode("var_inc", 0), "in local 0"),
    "an array that was never opened": (ONE + STORE + opened(2, 8) + INDEX, "needs 0 bytes in local 1"),
    "the length of nothing": (ONE + STORE + encode("var_length", 1, 8), "needs 0 bytes in local 1"),
    "an element that nobody looked for": (ALL + encode("var_fetch", 1, 2, 3), "no var_index of local 1 by local 2"),
    "an element of another array": (ALL + INDEX + encode("var_fetch", 3, 2, 1), "no var_index of local 3"),
    "another element": (ALL + INDEX + encode("var_fetch", 1, 3, 2), "by local 3"),
    "a smaller element": (ALL + encode("var_index", 1, 2, 7) + encode("var_fetch", 1, 2, 3), "no var_index"),
    "an element that was looked for some time ago": (ALL + INDEX + encode("var_inc", 3) + encode("var_fetch", 1, 2, 3),
                                                     "no var_index"),
    "an element looked for on one way": (ALL + encode("local", 0) + encode("jump_nil", len(INDEX)) + INDEX
                                         + encode("var_fetch", 1, 2, 3), "no var_index"),
    "an element that is kept in another array": (ALL + INDEX + encode("var_keep", 1, 3, 2), "no var_index of local 3"),
}


def typed(code: bytes) -> Code:
    return Code(1, 1, False, 4, 16, code + ONE + RETURN)


@pytest.mark.parametrize("name", list(TYPED_REFUSED))
def test_what_typed_code_did_not_look_for_is_refused(name: str) -> None:
    code, why = TYPED_REFUSED[name]
    with pytest.raises(CodeError, match=why):
        prove(typed(code), 3, {1}, {1})


@pytest.mark.parametrize("code", [
    opened(1, 8) + encode("var_inc", 1), opened(1, 200) + encode("var_inc", 1), opened(1, 4) + encode("var_cpi4", 5, 1),
    opened(1, 2) + encode("var_cpi2", 5, 1), opened(1, 1) + encode("var_cpi1", 5, 1),
    opened(1, 0) + encode("var_length", 1, 8) + POP,
    opened(1, 0) + opened(2, 8) + INDEX, ALL + INDEX + encode("var_fetch", 1, 2, 3),
    ALL + INDEX + encode("var_keep", 3, 1, 2),
    ALL + encode("var_index", 1, 2, 9) + POP + encode("var_fetch", 1, 2, 3), ALL + ONE + STORE + encode("var_inc", 2)])
def test_what_typed_code_looked_for_is_not_refused(code: bytes) -> None:
    prove(typed(code), 3, {1}, {1})


def hostile(kind: str, seed: int, count: int, engine: str, jit: str) -> None:
    if engine != "python" and not machine_runs_natively():
        pytest.skip("no native kernel for this machine")
    done = subprocess.run([sys.executable, "-m", "tests.hostile", kind, str(seed), str(count), engine, jit],
                          capture_output=True, text=True, cwd=ROOT,
                          timeout=900, check=False)
    assert done.returncode == 0, f"{done.returncode}\n{done.stderr[-3000:]}"
    found = re.search(r"(\d+) refused, (\d+) ran|ended early", done.stdout)
    assert found and (found[1] is None or int(found[1]) > 0 < int(found[2])), done.stdout


ROWS = [
    ("code", 1, 300, "best", "-1"), ("code", 2, 120, "best", "0"), ("code", 3, 60, "python", "-1"),
    ("heap", 4, 80, "best", "-1"),
    ("heap", 5, 50, "python", "-1")]


@pytest.mark.parametrize("row", ROWS, ids=["-".join(map(str, row)) for row in ROWS])
def test_what_is_not_refused_does_no_harm(row: tuple[str, int, int, str, str]) -> None:
    hostile(*row)


MANY = [("code", 10 + k, 3000, engine, "-1")
        for k, engine in enumerate(("switch", "threaded", "calls", "registers", "debug"))] + [
    ("code", 20, 1500, "best", "0"), ("code", 21, 150, "best", "0,0"), ("code", 22, 600, "python", "-1"),
    ("heap", 23, 1500, "best", "0"), ("heap", 24, 120, "python", "-1")]


@pytest.mark.slow
@pytest.mark.parametrize("row", MANY, ids=["-".join(map(str, row)) for row in MANY])
def test_much_of_it(row: tuple[str, int, int, str, str]) -> None:
    hostile(*row)


def test_values_that_python_holds_outlive_a_preserve(tmp_path: Path) -> None:
    session = Session(heap=64 << 20, output=open(os.devnull, "wb"))
    held = [session.eval(f"(list2vector (list {k} {k + 1}))") for k in range(50)]
    session.preserve(tmp_path / "x.img")
    session.eval("(prog (i) (setq i 0) l (mkvect 50) (setq i (add1 i)) (cond ((lessp i 10000) (go l))) (reclaim))")
    first = session.function("getv")
    assert [first(v, 0) for v in held] == list(range(50))

