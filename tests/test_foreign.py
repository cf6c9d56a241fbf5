"""C functions from Lisp: types, structures, callbacks, variable arguments, native thunks, and what is not there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csl_native import LispError, Session, restore

from .conftest import needs_native

LIBC, LIBM = '"libc.so.6"', '"libm.so.6"'
PLAIN = f"""(define!-foreign 'c!-cos {LIBM} "cos" 'double '(double))
            (define!-foreign 'c!-ldexp {LIBM} "ldexp" 'double '(double int))
            (define!-foreign 'c!-fma {LIBM} "fma" 'double '(double double double))
            (define!-foreign 'c!-abs {LIBC} "abs" 'int32 '(int32))
            (define!-foreign 'c!-labs {LIBC} "llabs" 'int64 '(int64))
            (define!-foreign 'c!-htonl {LIBC} "htonl" 'uint32 '(uint32))
            (define!-foreign 'c!-cosf {LIBM} "cosf" 'float '(float))
            (define!-foreign 'c!-srand {LIBC} "srand" 'void '(uint32))"""
VALUES = [("(c!-cos 0.0)", 1.0), ("(c!-cos 0)", 1.0), ("(c!-ldexp 1.5 -2)", 0.375), ("(c!-fma 2.0 3.0 4.0)", 10.0),
          ("(c!-abs -5)", 5), ("(c!-cosf 0.0)", 1.0),
          ("(c!-labs (difference 0 (expt 2 62)))", 1 << 62), ("(c!-htonl (c!-htonl 4000000000))", 4000000000),
          ("(c!-srand 5)", [])]
ERRORS = [('(c!-cos "x")', "argument 1 of cos: double expected"),
          ("(c!-abs (expt 2 31))", "argument 1 of abs: int32 expected"),
          ("(c!-htonl -1)", "uint32 expected"), ("(c!-fma 1.0 2.0)", "3 wanted|2 args"),
          ("(c!-ldexp 1.0 1.0)", "argument 2 of ldexp")]


def answers(session: Session) -> None:
    for form, value in VALUES:
        assert session.eval(form) == value, form
    for form, message in ERRORS:
        with pytest.raises(LispError, match=message):
            session.eval(form)


def test_plain_calls(session: Session) -> None:
    session.eval(PLAIN)
    answers(session)
    assert session.eval("(mapcar '(0.0 0.0) (function c!-cos))") == [1.0, 1.0]


@needs_native
def test_thunks_are_native_and_live_in_images(native: Session, tmp_path: Path) -> None:
    native.eval(PLAIN)
    names = "c-cos c-ldexp c-fma c-abs c-labs c-htonl c-cosf c-srand".split()
    assert native.native_compile(names) == names
    answers(native)
    native.preserve(tmp_path / "x.img")
    again = restore(tmp_path / "x.img", output=open(os.devnull, "wb"))
    assert (again.explain() == [] and all(any(c >= again.machine.cage["entry_top"]
                                              for c in again.lisp.cells(again.machine.intern(n))) for n in names))
    answers(again)


@needs_native
def test_hot_calls_become_thunks(tmp_path: Path) -> None:
    session = Session(jit=(0, 100), output=open(os.devnull, "wb"))
    session.eval(f"""(define!-foreign 'c!-cos {LIBM} "cos" 'double '(double))
                     (de many (n) (prog (s) (setq s 0.0) l (cond ((zerop n) (return s))) (setq s (plus s (c!-cos 0)))
                       (setq n (sub1 n)) (go l)))""")
    assert [session.eval("(many 3000)") for _ in range(5)] == [3000.0] * 5


@needs_native
@given(st.floats(allow_nan=False, width=64), st.integers(-2**31, 2**31 - 1), st.integers(-2**63, 2**63 - 1),
       st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_thunks_and_libffi_agree(shared: tuple[Any, Any], d: float, i: int, q: int, u: int) -> None:
    fast, slow = shared
    for name, arguments in (("ceil", [d]), ("ldexp", [d, i % 100]), ("abs", [max(i, 1 - 2**31)]),
                            ("llabs", [max(q, 1 - 2**63)]), ("htonl", [u])):
        assert repr(fast(name, arguments)) == repr(slow(name, arguments))


@pytest.fixture(scope="module")
def shared() -> Any:
    session = Session(output=open(os.devnull, "wb"))
    rows = {"ceil": (LIBM, "'double '(double)"), "ldexp": (LIBM, "'double '(double int32)"),
            "abs": (LIBC, "'int32 '(int32)"), "llabs": (LIBC, "'int64 '(int64)"), "htonl": (LIBC, "'uint32 '(uint32)")}
    for name, (lib, types) in rows.items():
        session.eval(f"(define!-foreign 'fast!-{name} {lib} \"{name}\" {types}) "
                     f"(define!-foreign 'slow!-{name} {lib} \"{name}\" {types} 'errno)")
    assert len(session.native_compile([f"fast-{name}" for name in rows])) == len(rows)
    yield (lambda n, a: session.function(f"fast-{n}")(*a)), (lambda n, a: session.function(f"slow-{n}")(*a))
    session.close()


def test_strings_pointers_and_memory(session: Session) -> None:
    session.eval(
        f"""(define!-foreign 'c!-strlen {LIBC} "strlen" 'size '(string))
                     (define!-foreign 'c!-getenv nil "getenv" 'string '(string))
                     (define!-foreign 'c!-strcpy {LIBC} "strcpy" 'pointer '(pointer string))""")
    assert session.eval('(c!-strlen "h\u00e9llo")') == 6 and session.eval('(c!-getenv "HOME")') == os.environ["HOME"]
    assert session.eval('(c!-getenv "NO_SUCH_VARIABLE_AT_ALL")') == []
    assert session.eval(
        """(prog (p x) (setq p (foreign!-allocate 64)) (c!-strcpy p "abc")
                             (setq x (list (foreign!-ref p 'uint8) (foreign!-ref p 'int8 2)))
                           (foreign!-set p 'double 2.5 8) (setq x (cons (foreign!-ref p 'double 8) x))
                           (foreign!-free p) (return x))""") == [2.5, 97, 99]
    assert session.eval('(progn (setq b (mkvect8 7)) (c!-strcpy b "xyz") (list (getv8 b 0) (getv8 b 3)))') == [120, 0]
    with pytest.raises(LispError, match="without a character 0"):
        session.eval("(c!-strlen (list2string '(65 0 66)))")
    with pytest.raises(LispError, match="argument 1 of strlen: string expected|without a character 0"):
        session.eval("(c!-strlen 5)")


def test_structures_and_out_parameters(session: Session) -> None:
    session.eval(
        f"""(foreign!-structure 'div_t '((quot int) (rem int))) (define!-foreign 'c!-div {LIBC} "div" 'div_t '(int int))
                     (define!-foreign 'c!-frexp {LIBM} "frexp" 'double '(double (out int)))
                     (define!-foreign 'c!-modf {LIBM} "modf" 'double '(double (out double)))
                     (foreign!-structure 'tm '((sec int) (min int) (hour int) (mday int) (mon int) (year int)
                       (wday int) (yday int) (isdst int)
                                               (gmtoff long) (zone pointer)))
                     (define!-foreign 'c!-timegm {LIBC} "timegm" 'long '((pointer tm)))""")
    assert session.eval("(list (getv (c!-div 17 -5) 0) (getv (c!-div 17 -5) 1))") == [-3, 2]
    assert session.eval("(c!-frexp 10.0)") == [0.625, 4] and session.eval("(c!-modf 2.25)") == [0.25, 2.0]
    assert (session.eval("(progn (setq x (list2vector '(0 0 0 1 0 100 0 0 0 0 nil))) "
                         "(list (c!-timegm x) (getv x 6)))") == [946684800, 6])
    with pytest.raises(LispError, match="a vector of the 11 fields of tm expected"):
        session.eval("(c!-timegm (mkvect 3))")


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler to make a library for the test")
def test_structures_by_value(session: Session, tmp_path: Path) -> None:
    (tmp_path / "s.c").write_text(
        """struct point { double x, y; }; struct mixed { int n; float f; }; struct one { char c; };
        struct point swap(struct point p) { struct point r = { p.y, p.x }; return r; }
        struct mixed next(struct mixed m, long k) { m.n += k; m.f *= 2; return m; }
        struct one up(struct one o) { o.c++; return o; }
        int call(int (*f)(int, double), int n) { return f(n, 0.5) + 1; }
        void bump(int *n, struct point *p) { *n += 1; p->x = -p->x; }""")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(tmp_path / "s.so"), str(tmp_path / "s.c")], check=True)
    lib = f'"{tmp_path}/s.so"'
    session.eval(
        f"""(foreign!-structure 'point '((x double) (y double))) (foreign!-structure 'mixed '((n int) (f float)))
                     (foreign!-structure 'one '((c int8)))
                     (define!-foreign 'swap {lib} "swap" 'point '(point))
                     (define!-foreign 'next {lib} "next" 'mixed '(mixed long))
                     (define!-foreign 'up {lib} "up" 'one '(one))
                     (define!-foreign 'call {lib} "call" 'int '((callback int (int double)) int))
                     (de items (v) (prog (i r) (setq i (upbv v)) l (cond ((minusp i) (return r)))
                       (setq r (cons (getv v i) r)) (setq i (sub1 i)) (go l)))""")
    assert session.eval("(items (swap (list2vector '(1.0 2.0))))") == [2.0, 1.0]
    assert (session.eval("(items (next (list2vector '(5 1.5)) 37))") == [42, 3.0]
            and session.eval("(items (up (list2vector '(41))))") == [42])
    session.eval(f"(define!-foreign 'bump {lib} \"bump\" 'void '((inout int) (inout point)))")
    assert (session.eval("(prog (r) (setq r (bump 41 (list2vector '(1.5 2.5)))) "
                         "(return (list (car r) (items (cadr r)))))") == [42, [-1.5, 2.5]])
    assert session.eval("(call (function (lambda (n d) (fix (times n d)))) 84)") == 43


def test_callbacks(session: Session) -> None:
    session.eval(
        f"""(define!-foreign 'c!-qsort {LIBC} "qsort" 'void '(pointer size size (callback int (pointer pointer))))
                     (setq v (mkvect32 4)) (putv32 v 0 30) (putv32 v 1 -4) (putv32 v 2 17) (putv32 v 3 5) (putv32 v 4 0)
                     (de less (a b) (difference (foreign!-ref a 'int32) (foreign!-ref b 'int32)))
                     (de all () (list (getv32 v 0) (getv32 v 1) (getv32 v 2) (getv32 v 3) (getv32 v 4)))""")
    assert session.eval("(progn (c!-qsort v 5 4 'less) (all))") == [-4, 0, 5, 17, 30]
    assert session.eval("(progn (c!-qsort v 5 4 (function (lambda (a b) (less b a)))) (all))") == [30, 17, 5, 0, -4]
    session.eval("(setq kept (foreign!-callback 'less 'int '(pointer pointer))) (reclaim)")
    assert session.eval("(progn (c!-qsort v 5 4 kept) (all))") == [-4, 0, 5, 17, 30]
    with pytest.raises(LispError, match="no good"):
        session.eval("(c!-qsort v 5 4 (function (lambda (a b) (error 5 \"no good\"))))")
    assert session.eval("(catch 'out (c!-qsort v 5 4 (function (lambda (a b) (throw 'out 'thrown)))) 1)") == "thrown"
    assert session.eval("(progn (c!-qsort v 5 4 'less) (all))") == [-4, 0, 5, 17, 30]


def test_variable_arguments_and_errno(session: Session) -> None:
    session.eval(
        f"""(define!-foreign 'c!-snprintf {LIBC} "snprintf" 'int '(pointer size string &rest)) (setq b (mkvect8 63))
                     (de text () (prog (i r) (setq i 0) l (cond
                       ((zerop (getv8 b i)) (return (list2string (reverse r))))) (setq r (cons (getv8 b i) r))
                       (setq i (add1 i)) (go l)))
                     (define!-foreign 'c!-open {LIBC} "open" 'int '(string int) 'errno)""")
    assert (session.eval(
        '(progn (c!-snprintf b 64 "%s %d %ld %.2f" "hi" 42 1099511627776 2.5) (text))') == "hi 42 1099511627776 2.50")
    assert session.eval('(progn (c!-snprintf b 64 "plain") (text))') == "plain"
    assert session.eval('(list (c!-open "/no/such/file" 0) (foreign!-errno))') == [-1, 2]


MISSING = [('(foreign!-library "libno-such.so")', "libno-such.so cannot be loaded"),
           (f'(foreign!-function {LIBC} "no_such" \'int \'())', "no function no_such"),
           (f'(foreign!-function {LIBC} "abs" \'integer \'(int))', "no C type"),
           (f'(foreign!-function {LIBC} "abs" \'int \'(void))', "void is no type"),
           ("(define!-foreign 5 nil \"abs\" 'int '(int))", "a symbol expected"),
           (f'(foreign!-function {LIBC} abs \'int \'(int))', "unset|a string, expected"),
           ("(foreign!-structure 's '((x string)))", "no .field type."), ("(foreign!-ref \"x\" 'int)", "an address")]


@pytest.mark.parametrize("form", [form for form, _ in MISSING])
def test_what_is_not_there_is_an_error(session: Session, form: str) -> None:
    with pytest.raises(LispError, match=dict(MISSING)[form]):
        session.eval(form)


@needs_native
@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler to make a library for the test")
def test_a_library_that_is_gone(native: Session, tmp_path: Path) -> None:
    """Only its functions fall back, with the reason; what they are called for is then an error that says so."""
    (tmp_path / "t.c").write_text("int twice(int n) { return 2 * n; }")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(tmp_path / "t.so"), str(tmp_path / "t.c")], check=True)
    native.eval(f"(define!-foreign 'twice \"{tmp_path}/t.so\" \"twice\" 'int32 '(int32)) "
                "(de four (n) (twice (twice n))) " + PLAIN)
    native.native_compile(["twice", "four", "c-abs"])
    assert native.eval("(four 10)") == 40
    native.preserve(tmp_path / "x.img")
    (tmp_path / "t.so").rename(tmp_path / "gone.so")
    code = """if 1:
        import sys
        from csl_native import LispError, restore
        s = restore(sys.argv[1])
        assert [(f.code, f.subject) for f in s.fallbacks] == [("no-foreign", "twice")], s.explain()
        assert s.eval("(c!-abs -3)") == 3
        try: s.eval("(four 10)")
        except LispError as error: assert "t.so cannot be loaded" in str(error)
        else: raise AssertionError
        s = restore(sys.argv[1], native=True, jit=(0, 0))  # nor does the jit make a thunk of it
        s.eval("(de calls (n) (prog (k) (setq k 0) l (cond ((zerop n) (return k))) "
               "(cond ((atom (errorset '(four 1) nil nil)) (setq k (add1 k)))) (setq n (sub1 n)) (go l)))")
        assert s.eval("(calls 3000)") == 3000"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "x.img")], check=True, stdout=subprocess.DEVNULL)


def test_python_functions(session: Session) -> None:
    session.define("join", lambda *parts: "-".join(map(str, parts)))
    assert (session.eval("(join 1 \"b\" 'c)") == "1-b-c"
            and session.eval("(mapcar '(1 2) (function join))") == ["1", "2"])
    session.define("bad", lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError, match="division"):
        session.eval("(bad)")
    assert sorted([3, 1, 2], key=session.function("minus")) == [3, 2, 1]


