"""What the kernel prints by itself is what the host would have printed, and takes no calls of the host."""

from __future__ import annotations

import io
import os

import pytest

from csl_native import Session
from csl_native.kernel.host import HOST_CODES

ITEMS = [
    '"abc"', "'def", "0", "7", "-123", "1152921504606846975", "-1152921504606846976", '""', '"a b c d e f g"', '"\t"',
    "'!\x02", '"in math"', "'!\x05", '"\u00fc"', '"""quoted"""', "'(1 . 2)", "2.5",
    '"line\nend"', "nil", "'end",
]


@pytest.fixture(scope="module")
def session():
    with Session(heap=64 << 20, output=io.StringIO()) as s:
        yield s


def printed(session, form):
    out = session.lisp.terminal
    before = out.written
    session.eval(form)
    return out.since(before)


@pytest.mark.parametrize("width", [10, 11, 17, 80])
def test_kernel_and_host_print_the_same(session, width):
    """princ is prin2 by the host alone."""
    def program(function):
        parts = " ".join(f"({function} {item}) (setq columns (cons (posn) columns)) (spaces {k % 3})"
                         for k, item in enumerate(ITEMS))
        return f"(progn (linelength {width}) (setq columns nil) (terpri) {parts} (terpri))"
    found = printed(session, program("prin2")), session.eval("columns")
    assert found == (printed(session, program("princ")), session.eval("columns"))
    session.eval("(linelength 80)")


def test_streams_change(session):
    """Each stream gets what was printed to it, in its order, however it became the current one."""
    session.eval("(de both (x) (prin2 x) (spaces 1))")
    text = session.eval("""(prog (a b s)
        (setq a (make!-string!-output!-stream)) (setq b (make!-string!-output!-stream))
        (setq s (wrs a)) (both 'a1) (wrs b) (both 'b1)
        ((lambda (!*standard!-output!*) (both 'a2)) a)
        (wrs a) (both 'a3) (linelength 30) (wrs b) (both 'b2) (setq b (list b (linelength nil))) (wrs s)
        (return (list (get!-output!-stream!-string a) (get!-output!-stream!-string (car b)) (cadr b))))""")
    assert text == ["a1 a2 a3 ", "b1 b2 ", 80]


def test_what_is_read_is_echoed_in_its_place(session):
    """Characters that readch takes are printed as they come, between what the program prints."""
    shown = printed(session, """(prog (old echo s)
        (setq s (make!-string!-input!-stream "ab
c"))    (setq old (rds s)) (setq echo !*echo) (setq !*echo t)
        (readch) (prin2 1) (readch) (prin2 2) (readch) (prin2 (posn)) (readch) (prin2 (posn))
        (setq !*echo echo) (rds old))""")
    assert shown == "a1b2\n0c2"


def test_an_absent_name_of_the_environment(session, monkeypatch):
    """It is found as soon as somebody sets it."""
    name = "CSL_NOBODY_SET_THIS"
    monkeypatch.delenv(name, raising=False)
    session.eval(f'(setq name "{name}")')
    assert session.eval("(list (getenv name) (getenv name))") == [[], []]
    monkeypatch.setitem(os.environ, name, "1")
    assert session.eval("(getenv name)") == "1"
    monkeypatch.delenv(name)
    assert session.eval('(list (getenv name) (getenv name) (setenv name "2") (getenv name))') == [[], [], "2", "2"]


def test_no_calls_of_the_host(session):
    """A program that prints much asks the host when the room is full."""
    host = session.machine.host
    counted = []
    table, host.table = host.table, [lambda a, b, c, f=f, code=code: (counted.append(code), f(a, b, c))[1]
                                     for code, f in enumerate(host.table)]
    try:
        session.eval("""(prog (k) (setq k 0)
            next (linelength nil) (getenv "CSL_NOBODY_SET_THIS") (prin2 "word") (spaces 2) (prin2 k) (terpri)
            (setq k (add1 k)) (cond ((lessp k 300) (go next))))""")
    finally:
        host.table = table
    assert len(counted) < 30, [HOST_CODES[code] for code in counted]
