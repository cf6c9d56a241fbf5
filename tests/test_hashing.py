"""Hash tables: every value is a legal key, equal keys are one key, and tables of all versions are read."""

from __future__ import annotations

import os
import threading
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from csl_native import Session, restore
from csl_native.heap.objects import HASH_EPOCH, HASH_SLOTS, HASH_SPARE
from csl_native.heap.vm import STOP
from csl_native.heap.words import UNWIND, VECTOR
from csl_native.kernel.hashing import DELETED, EMPTY, NUMBERED, OLD_DELETED, OLD_EMPTY

OLD_MARKS = (OLD_EMPTY >> 3, OLD_DELETED >> 3)
PREDICATES = {0: "eq", 1: "eql", 2: "cl!-equal", 3: "equal", 4: "equalp"}
NUMBERS = st.one_of(st.integers(-3, 3),
                    st.sampled_from([0.0, -0.0, 1.5, float("nan"), float("inf"), 2**60, -(2**60), 2**64, -(2**64),
                                     *OLD_MARKS]))
# Values as forms that make them anew; few different ones, so that equal pairs are frequent.
FORMS = st.recursive(
    st.one_of(NUMBERS.map(lambda n: f"(mkquote {n})" if isinstance(n, int)
                          else {"nan": "(difference inf inf)", "inf": "inf"}.get(str(n), str(n))),
              st.sampled_from(["'a", "nil", "(list2string '(97 98))", "(list2string nil)", "(bytes 1)", "(bytes 2)",
                               "(expt 10 30)", "(minus (expt 10 30))"])),
    lambda part: st.one_of(st.lists(part, max_size=3).map(lambda parts: f"(list {' '.join(parts)})"),
                           st.lists(part, max_size=3).map(lambda parts: f"(list2vector (list {' '.join(parts)}))"),
                           st.tuples(part, part).map(lambda parts: f"(cons {parts[0]} {parts[1]})")), max_leaves=6)


@pytest.fixture(scope="module", params=[None, "python"], ids=["native", "python"])
def lisp(request: pytest.FixtureRequest) -> Session:
    session = Session(engine=request.param, output=open(os.devnull, "wb"))
    session.eval("(setq inf (times 1.0e300 1.0e300))")
    session.eval("(de mkquote (x) x)")
    session.eval("(de bytes (n) (prog (v) (setq v (mkvect32 2)) (putv32 v 0 n) (return v)))")
    session.eval(
        """(de agree (x y kind) (prog (h) (setq h (mkhash 5 kind 1.5)) (puthash x h 'found)
                                  (return (eq (gethash y h) 'found))))""")
    return session


@given(x=FORMS, y=FORMS, same=st.booleans(), kind=st.sampled_from(sorted(PREDICATES)))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_table_finds_what_its_predicate_finds_equal(lisp: Session, x: str, y: str, same: bool, kind: int) -> None:
    y = x if same else y
    found = (lisp.eval(f"(progn (setq x {x}) (setq y {y}) (list ({PREDICATES[kind]} x y) (agree x y {kind}) "
                       "(equal x y) (eqn (sxhash x) (sxhash y))))"))
    predicate, table, equal, hashes = (item not in (None, []) for item in found)
    assert predicate == table, f"({PREDICATES[kind]} {x} {y}) is {predicate}, a table of kind {kind} says {table}"
    assert hashes or not equal, f"{x} and {y} are equal, and their hashes are not"


@pytest.mark.parametrize("key", [*OLD_MARKS, EMPTY, DELETED, UNWIND, 0, -1, 2**60 - 1, -(2**60)])
@pytest.mark.parametrize("kind", sorted(PREDICATES))
def test_every_number_is_a_key(lisp: Session, key: int, kind: int, tmp_path: Path) -> None:
    lisp.eval(f"(setq h (mkhash 5 {kind} 1.5))")
    assert (lisp.eval(f"(list (gethash {key} h) (puthash {key} h 'v) (gethash {key} h) "
                      "(length (hashcontents h)))") == [[], "v", "v", 1])
    assert lisp.eval(f"(list (remhash {key} h) (gethash {key} h) (hashcontents h))") == [True, [], []]


def test_a_nested_key_takes_no_long_time(lisp: Session) -> None:
    """The hash of a structure looks at a part of it, however often it is shared, and however deep it is."""
    lisp.eval("(progn (setq x '(a)) (dotimes (i 60) (setq x (list x x x x x))) (setq y (list nil)) (rplaca y y) "
              "(rplacd y y) nil)")
    assert lisp.eval("(and (fixp (sxhash x)) (fixp (sxhash y)) (agree x x 3) (agree y y 3))") not in (None, [])


@pytest.mark.parametrize("engine", [None, "python"], ids=["native", "python"])
def test_marks_stay_out_of_images_and_modules(engine: str | None, tmp_path: Path) -> None:
    session = Session(engine=engine, output=open(os.devnull, "wb"))
    session.eval("(setq h (mkhash 5 0 1.5))")
    for key in (*OLD_MARKS, *range(40)):
        session.eval(f"(puthash {key} h {key % 1000})")
    session.eval("(progn (remhash 3 h) (remhash 4 h) (setq more (mkvect 1000)) "
                 "(dotimes (i 1000) (putv more i (mkhash 5 0 1.5)) (puthash i (getv more i) i)))")
    session.preserve(tmp_path / "x.img")
    for _ in range(2):  # the second one is of a table that was not used since it was restored
        session = restore(tmp_path / "x.img", engine=engine, output=open(os.devnull, "wb"))
        m = session.machine
        h = m.value(m.intern("h"))
        assert not {x & 7 for x in m.vector_items(m.field(h, HASH_SLOTS))} - {0}
        session.preserve(tmp_path / "x.img")
    assert session.eval("(list (length (hashcontents h)) (gethash 5 h) (gethash 3 h))") == [40, 5, []]
    assert (session.eval(f"(list (gethash {OLD_MARKS[0]} h) (gethash {OLD_MARKS[1]} h))") == [
        n % 1000 for n in OLD_MARKS])


def test_tables_of_older_versions(lisp: Session) -> None:
    """In those the places without an entry have one of two numbers as key."""
    m = lisp.machine
    lisp.eval("(progn (setq h (mkhash 5 0 1.5)) (dotimes (i 6) (puthash i h (list i))) (remhash 2 h))")
    h = m.value(m.intern("h"))
    places = m.field(h, HASH_SLOTS)
    for k, x in enumerate(m.vector_items(places)):
        if x in (EMPTY, DELETED):
            m.set_field(places, 8 * k + 8 - VECTOR, OLD_EMPTY if x == EMPTY else OLD_DELETED)
    m.set_field(h, HASH_SPARE, NUMBERED)
    m.set_field(h, HASH_EPOCH, 0)
    assert lisp.eval("(list (gethash 1 h) (gethash 2 h) (length (hashcontents h)))") == [[1], [], 5]


def test_nothing_is_collected_while_structures_are_compared() -> None:
    """What is still to be compared is where the collector has its own stack; a poll that asks Python in between
    collects nothing, under stress neither.
    """
    session = Session(heap=64 << 20, output=open(os.devnull, "wb"), gc_stress=True)
    stopped = threading.Event()

    def poke() -> None:
        while not stopped.wait(0.0002):
            session.machine.poke(STOP)
    thread = threading.Thread(target=poke)
    with closing(session):
        session.eval("(progn (setq k (list (mkvect 40) (mkvect 40))) (setq h (mkhash 5 3 1.5)) (puthash k h 'v))")
        thread.start()
        try:
            found = session.eval("""(prog (n lost) (setq n 400) (setq lost 0)
                a (cond ((zerop n) (return lost))) (cond ((null (gethash (list (mkvect 40) (mkvect 40)) h))
                  (setq lost (add1 lost))))
                (setq n (sub1 n)) (go a))""")
        finally:
            stopped.set()
            thread.join()
    assert found == 0
