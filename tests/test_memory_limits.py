"""The limit of the heap holds: what wants more is a Lisp error, soon, in about so much memory, and the session goes on.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from csl_native import LispError, Session, restore
from csl_native.heap.vm import CHUNK
from csl_native.system.exceptions import Error
from csl_native.system.memory import MEMORY

from .conftest import needs_native

ROWS = {
    "pairs": "(prog (l) a (setq l (cons 1 l)) (go a))",
    "floats": "(prog (l x) (setq x 1.5) a (setq l (cons (setq x (plus x 1.5)) l)) (go a))",
    "vectors": "(prog (l) a (setq l (cons (mkvect 10) l)) (go a))",
    "long vectors": "(prog (l) a (setq l (cons (mkvect 100000) l)) (go a))",
    "mkvect": "(mkvect 200000000)",
    "mkvect8": "(mkvect8 2000000000)",
    "many mkvect8": "(prog (l) a (setq l (cons (mkvect8 10000000) l)) (go a))",
    "mkvect32": "(mkvect32 2147483648)",
    "mkfvect64": "(mkfvect64 2147483648)",
    "make-simple-string": "(make!-simple!-string 2000000000)",
    "concat": "(prog (s) (setq s \"abcdefghij\") a (setq s (concat s s)) (go a))",
    "explode": "(progn (setq s \"abcdefghij\") (dotimes (i 20) (setq s (concat s s))) "
               "(prog (l) a (setq l (cons (explode s) l)) (go a)))",
    "list2string": "(prog (l) (setq l '(97 98)) a (setq l (append l l)) (list2string l) (go a))",
    "products": "(prog (b) (setq b 3) a (setq b (times b b)) (go a))",
    "sums": "(prog (b l) (setq b (expt 3 10000)) a (setq l (cons (setq b (add1 b)) l)) (go a))",
    "ash": "(ash 1 2147483648)",
    "ashift": "(ashift 1 2147483648)",
    "lshift": "(lshift 1 8000000000)",
    "expt": "(expt 7 (expt 10 8))",
    "expt of a long integer": "(expt (expt 10 100) (expt 10 7))",
    "hash table": "(prog (h i) (setq h (mkhash 10 2 1.5)) (setq i 0) a (puthash (setq i (add1 i)) h i) (go a))",
    "hash table of pairs": "(prog (h i) (setq h (mkhash 10 0 1.5)) (setq i 0) a (puthash (list i) h i) (go a))",
    "append": "(prog (l) (setq l '(1 2)) a (setq l (append l l)) (go a))",
    "reverse of a circle": "(progn (setq c (list 1 2 3)) (rplacd (cddr c) c) (reverse c))",
    "mapcar over a circle": "(progn (setq c (list 1 2 3)) (rplacd (cddr c) c) (mapcar c 'add1))",
    "subst in a circle": "(progn (setq c (list 1 2 3)) (rplacd (cddr c) c) (subst 7 8 c))",
    "call with a circle": "(progn (setq c (list 1 2 3)) (rplacd (cddr c) c) (eval (cons 'list c)))",
    "factorials": "(prog (r i l) (setq r 1) (setq i 1) a (setq l (cons (setq r (times r (setq i (add1 i)))) l)) "
                  "(go a))",
}
OTHERWISE = {"call with a circle": "Stack overflow"}  # where the arguments of a call lie
HEAP = 64  # MB
# what is wanted besides of Python and of the stacks; some of it is there to have, none of it without being counted
MORE = {
    "list2vector": "(prog (l k) (dotimes (i 500000) (setq l (cons i l))) a (setq k (cons (list2vector l) k)) (go a))",
    "vector2list": "(prog (v k) (setq v (mkvect 500000)) a (setq k (cons (vector2list v) k)) (go a))",
    "one mkvect8": "(mkvect8 45000000)",
    "small mkvect8": "(prog (l) a (setq l (cons (mkvect8 1000) l)) (go a))",
    "machine floats": "(prog (l) a (setq l (cons (mkfvect64 100000) l)) (go a))",
    "extended vectors": "(prog (l) a (setq l (cons (mkevect 100000) l)) (go a))",
    "strings": "(prog (l) a (setq l (cons (make!-simple!-string 40) l)) (go a))",
    "capitals": "(prog (s l) (setq s (make!-simple!-string 10000000)) a (setq l (cons (string!-upcase s) l)) (go a))",
    "compress": "(prog (l k) (setq l '(!\")) (dotimes (i 1000000) (setq l (cons '!a l))) (setq l (cons '!\" l)) a "
                "(setq k (cons (compress l) k)) (go a))",
    "recursion": "(progn (de f (n) (cons n (f (add1 n)))) (f 1))",
    "deep lists": "(prog (l) a (setq l (list l l)) (go a))",
    "lists of lists": "(prog (l) a (setq l (cons (list 1 2) l)) (go a))",
    "vector of pairs": "(prog (v i) (setq v (mkvect 2000000)) (setq i 0) a (putv v i (list i)) (setq i (add1 i)) "
                       "(go a))",
    "closures": "(progn (de mk (n) (function (lambda (x) (plus x n)))) (prog (k) a (setq k (cons (mk 1) k)) (go a)))",
    "output to a string": "(prog (s) (setq s (make!-string!-output!-stream)) (wrs s) a "
                          "(prin2 \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\") (go a))",
    "long output to a string": "(prog (s x) (setq x (make!-simple!-string 5000000)) "
                               "(setq s (make!-string!-output!-stream)) (wrs s) a (prin2 x) (go a))",
    "text of a list": "(prog (l k) (dotimes (i 300000) (setq l (cons i l))) a (setq k (cons (explode2 l) k)) (go a))",
    "a long line": "(prog (f l) a (setq f (open \"LINE\" 'input)) (rds f) (setq l (cons (readline) l)) (rds nil) "
                   "(close f) (go a))",
    "a long list": "(prog (f l) a (setq f (open \"LIST\" 'input)) (rds f) (setq l (cons (read) l)) (rds nil) (close f) "
                   "(go a))",
    "arguments": "(prog (l) (dotimes (i 1000000) (setq l (cons i l))) (apply 'list l) (apply 'plus l))",
}
FAST = ("floats", "list2vector", "one mkvect8", "recursion")


@pytest.fixture(scope="module")
def small() -> Iterator[Session]:
    with closing(Session(heap=HEAP << 20, output=open(os.devnull, "wb"))) as session:
        yield session


@needs_native
@pytest.mark.parametrize("name", ROWS)
def test_the_limit_is_an_error(small: Session, name: str) -> None:
    with pytest.raises(LispError, match=OTHERWISE.get(name, "Memory")):
        small.eval(f"(progn {ROWS[name]} nil)")
    assert small.eval("(progn (setq s nil) (setq c nil) (length (list 1 2 (mkvect 1000))))") == 3


@needs_native
def test_symbols_that_are_kept_fill_the_memory_and_others_do_not() -> None:
    with closing(Session(heap=HEAP << 20, output=open(os.devnull, "wb"))) as full:
        full.eval("(de name (i) (intern (list2string (append (explode i) '(!a)))))")
        for _ in range(2):
            with pytest.raises(LispError, match="Memory"):
                full.eval("(prog (i l) (setq i 0) a (setq l (cons (name (setq i (add1 i))) l)) (go a))")
        assert full.eval("(prog (i) (setq i 0) a (name (setq i (add1 i))) (cond ((lessp i 500000) (go a))) "
                         "(return i))") == 500_000


PEAK = """
import os, resource, sys
from csl_native import LispError, Session
session = Session(heap=int(sys.argv[1]) << 20, output=open(os.devnull, "wb"))
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    session.eval("(progn " + sys.argv[2] + " nil)")
except LispError:
    pass
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def peak(form: str, folder: Path) -> float:
    """How much more memory a process has had when a form has asked for all that it could get, as a part of the limit.
    """
    for name, text in (("LINE", "a" * 5_000_000), ("LIST", f"({' '.join(map(str, range(300_000)))})")):
        if name in form:
            (folder / name).write_text(text + "\n", encoding="ascii")
            form = form.replace(name, str(folder / name))
    done = subprocess.run([sys.executable, "-c", PEAK, str(HEAP), form], capture_output=True, text=True, timeout=200,
                          check=True)
    return (int(done.stdout) >> 10) / HEAP


@needs_native
@pytest.mark.parametrize("name", FAST)
def test_memory_stays_within_the_limit(name: str, tmp_path: Path) -> None:
    assert peak({**ROWS, **MORE}[name], tmp_path) < 1.1


@needs_native
@pytest.mark.slow
@pytest.mark.exhaustive
@pytest.mark.parametrize("name", sorted({*ROWS, *MORE} - set(FAST)))
def test_memory_of_every_kind_stays_within_the_limit(name: str, tmp_path: Path) -> None:
    assert peak({**ROWS, **MORE}[name], tmp_path) < 1.1


@needs_native
def test_what_is_garbage_is_collected_before_python_says_that_there_is_no_room() -> None:
    """Lists are made by Python, where the kernel has no safepoint."""
    with closing(Session(heap=HEAP << 20)) as session:
        length = session.function("length")
        for _ in range(6):
            assert length([1] * 700000) == 700000


GROWING = {  # each with its value
    "(length (prog (l i) (setq i 0) a (setq l (cons i l)) (cond ((lessp (setq i (add1 i)) 300000) (go a))) "
    "(return l)))":
        300000,
    "(prog (h i) (setq h (mkhash 10 2 1.5)) (setq i 0) a (puthash i h (list i)) (cond ((lessp (setq i (add1 i)) 60000) "
    "(go a))) (return (car (gethash 77 h))))": 77,
    "(length (sort (prog (l i) (setq i 0) a (setq l (cons (remainder (times i 7919) 100003) l)) (cond ((lessp (setq i "
    "(add1 i)) 100000) (go a))) (return l)) 'lessp))": 100000,
    "(prog (s l i) (setq s \"abcdefgh\") (setq i 0) a (setq s (concat s s)) (setq l (cons (mkvect 9000) l)) "
    "(cond ((lessp (setq i (add1 i)) 18) (go a))) (return (string!-length s)))": 8 << 18,
}


@needs_native
def test_growth_fails_wherever_the_limit_lies(tmp_path: Path) -> None:
    """The heap grows by a chunk; each time it is the last one that there is: an error, or the value, and nothing else.
    """
    failed = 0
    for text, value in GROWING.items():
        with closing(Session(heap=HEAP << 20, output=open(os.devnull, "wb"))) as session:
            cage, end = session.machine.cage, session.machine.cage["heap_end"]
            for more in range(0, 40, 2):
                session.run(lambda: session.lisp.collect(True))
                spare = session.machine.kernel.free_bytes() - cage["reserve"] - more * CHUNK
                cage["heap_end"] = max(cage["heap_top"], end - max(0, spare))
                try:
                    assert session.eval(text) == value
                except LispError as error:
                    failed += 1
                    assert "Memory exhausted" in str(error), text
                finally:
                    cage["heap_end"] = end
            session.preserve(tmp_path / "x.img")
        restore(tmp_path / "x.img", trust="none").close()  # which proves its heap
    assert failed > 10


class NoRoom:
    """The n-th request for memory that may fail, or for a thread, does."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.asked = self.last = 0
        for owner, name, error in ((MEMORY, "reserve", OSError(12, "no room")),
                                   (MEMORY, "place_file", OSError(12, "no room")),
                                   (threading.Thread, "start", RuntimeError("can't start new thread"))):
            patch.setattr(owner, name, self.wrapped(getattr(owner, name), error))

    def wrapped(self, real: Callable[..., Any], error: Exception) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            self.asked += 1
            if self.asked == self.last:
                raise error
            return real(*arguments)
        return call


@needs_native
def test_memory_that_the_system_does_not_give(monkeypatch: pytest.MonkeyPatch) -> None:
    """For the heap, code, a stack, a thread: an exception that says so, or it goes without, and never anything else."""
    room, errors, n = NoRoom(monkeypatch), [], 0
    while room.asked >= n:
        n += 1
        room.asked, room.last = 0, n
        try:
            with closing(Session(heap=HEAP << 20, output=open(os.devnull, "wb"), jit=0)) as session:
                session.eval("(de f (n) (cond ((lessp n 2) n) (t (plus (f (sub1 n)) (f (difference n 2))))))")
                assert session.eval("(f 15)") == 610
                assert session.eval("(resource!-limit '(f 5) 5 100)") == [5]
                session.native_compile(["f"])
                assert session.call("f", 11) == 89
        except (Error, MemoryError, RuntimeError, OSError) as error:
            errors.append(str(error))
    assert n > 8 and len(errors) > 2
