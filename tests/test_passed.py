"""What the kernel does of functions that Python has too is what Python's function does, result by result."""

from __future__ import annotations

import io
import re
from itertools import product

import pytest

from csl_native import LispError, Session
from csl_native.kernel.host import P_GETENV, PASSED
from csl_native.lisp.host import Host

LONGEST = 1 << 60  # the first integer that is no fixnum
NUMBERS = [str(n) for n in (0, 1, -1, 2, -2, 7, -7, 63, 64, 100, -100, LONGEST - 1, LONGEST, -LONGEST, -LONGEST - 1,
                            LONGEST // 2 - 1, LONGEST // 2, -LONGEST // 2, -LONGEST // 2 - 1, 1 << 52, (1 << 52) - 1,
                            10**20, -10**20)]
FLOATS = ["0.0", "-0.0", "0.5", "-0.5", "1.5", "-1.5", "2.5", "3.7", "-3.7", "4503599627370495.5",
          "-4503599627370495.5", "4503599627370497.0", "5.764607523034234e17",
          "-5.764607523034235e17", "5.764607523034235e17", "1.0e300"]
OTHERS = ["'a", "'!A", "'!z", "'!5", "'!\u00e9", "\"\u00e9\"", "\"Q\"", "\"\"", "\"ab\"", "nil", "t",
          "'(1 2)", "(mkvect 2)", "'abc", "'cadr", "'setf"]
NAMES = PASSED[P_GETENV + 1:]
SHIFTS = ("ash", "ash1")


@pytest.fixture(scope="module")
def session() -> Session:
    return Session(heap=128 << 20, output=io.BytesIO())


def shown(session: Session, name: str, arguments: list[int], python: bool) -> str:
    """What a function makes of its arguments, by the kernel's cells or by the registry's row: a value, or a message."""
    lisp, m = session.lisp, session.machine

    def call() -> str:
        row = lisp.builtins.named(name)
        result = m.host.called(row, arguments) if python else m.apply(m.intern(name), arguments)
        return lisp.printer.text(0 if result is None else int(result))
    try:
        return session.run(call)
    except LispError as error:
        return re.sub(r"[gG]\d+", "G", str(error))


@pytest.mark.parametrize("name", NAMES)
def test_simple_cases_are_as_all_others(session: Session, name: str) -> None:
    row = session.lisp.builtins.named(name)
    session.eval("(fluid '(values!*)) (setq values!* (list " + " ".join((*NUMBERS, *FLOATS, *OTHERS)) + "))")
    values = session.run(lambda: session.machine.items(session.machine.value(session.machine.symbol("values*"))))
    for count in range(max(row.least, 1), 3 if row.most < 0 or row.most > 1 else 2):
        for arguments in product(values, repeat=count):
            last = arguments[-1]
            if name in SHIFTS and session.machine.is_integer(last) and (last & 7 or last >> 3 > 1000):
                continue  # which makes integers as long as memory
            ours, theirs = (shown(session, name, list(arguments), python) for python in (False, True))
            assert ours == theirs, (name, arguments)


CALLS = {"(funcall 'f0)": 0, "(funcall 'list 1 2)": [1, 2], "(funcall 'list 1 2 3)": [1, 2, 3],
         "(funcall 'list 1 2 3 4 5 6)": [1, 2, 3, 4, 5, 6], "(apply0 'f0)": 0, "(apply3 'list 1 2 3)": [1, 2, 3],
         "(apply 'list 1 '(2 3 4 5))": [1, 2, 3, 4, 5], "(funcall (kept 1) 2 3)": [1, 2, 3],
         "(apply (kept 1) '(2 3))": [1, 2, 3], "(apply (kept 1) 2 '(3))": [1, 2, 3],
         "(apply2 (kept 1) 2 3)": [1, 2, 3], "(funcall '(closure list) 1 2 3 4)": [1, 2, 3, 4],
         "(funcall '(closure f0))": 0, "(funcall '(closure list a b c d) 'e 'f 'g)": "(a b c d e f g)",
         "(mapcar '(1 2) (car (list '(closure list a))))": "((a 1) (a 2))", "(apply 'plus '(1 2 3 4))": 10,
         "(apply 'plus nil)": 0, "(apply 'times '(1 2 3 4 5))": 120, "(apply 'times nil)": 1,
         "(apply 'max '(1 5 2 4))": 5, "(apply 'min '(4 5 2 4.0))": 2, "(logand 12 10)": 8, "(logior 12 10)": 14,
         "(ash 3 100)": 3 << 100, "(ash (minus (expt 3 70)) -9)": -(3 ** 70) >> 9}


def test_calls_with_any_number_of_arguments_and_of_closures_stay_in_the_kernel(
        monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    called, other = Host.called, Host.on_apply_other
    monkeypatch.setattr(Host, "called", lambda *a: (asked.append(a[1].name), called(*a))[1])
    monkeypatch.setattr(Host, "on_apply_other", lambda *a: (asked.append("apply"), other(*a))[1])
    session = Session(heap=64 << 20)
    session.eval("(de f0 nil 0) (de kept (a) (function (lambda (x y) (list a x y))))")
    for number, text in enumerate(CALLS):
        session.eval(f"(de calls{number} nil {text})")
    asked.clear()
    for number, (text, expected) in enumerate(CALLS.items()):
        m = session.machine
        found = session.run(lambda number=number, m=m: session.lisp.printer.text(
            m.apply(m.intern(f"calls{number}"), [])))
        assert found == (expected if isinstance(expected, str) else str(expected).replace(",", "").translate(
            str.maketrans("[]", "()"))), text
        assert asked == [], text
