"""What is said of the functions of the system: each has a meaning, takes the arguments it says, and does what its
examples show.
"""

from __future__ import annotations

import io
import subprocess
import sys

import pytest

from csl_native import Session
from csl_native.heap.objects import F_SPECIAL
from csl_native.lisp.meanings import Example, Meaning, meaning_of, meanings, parts
from csl_native.system.exceptions import LispError

from .conftest import needs_native


def outcome(session: Session, output: io.BytesIO, example: Example) -> str:
    """What comes of a form, as an example says it."""
    start = len(output.getvalue())
    try:
        value = session.eval(f"(list2string (explode {example.form}))")
    except LispError:
        return "is an error"
    session.flush()
    printed = output.getvalue()[start:].decode()
    return f"prints {' '.join(printed.split())}" if example.outcome == "prints" else f"=> {value}"


def wrong(rows: list[Meaning], session: Session, output: io.BytesIO) -> list[str]:
    """Examples that show something else than what happens."""
    found = []
    for row in rows:
        for example in row.examples:
            if not example.outcome.startswith("is not run: ") and not row.same:
                expected = " ".join(filter(None, example[1:]))
                if (given := outcome(session, output, example)) != expected:
                    found.append(f"{row.name}: {example.form} {given}; its example says {expected}")
    return found


@needs_native
def test_examples_show_what_happens() -> None:
    output = io.BytesIO()
    session = Session(output=output)
    assert wrong(list(meanings().values()), session, output) == []
    session.close()


@needs_native
def test_an_example_that_is_wrong_is_seen() -> None:
    output = io.BytesIO()
    session = Session(output=output)
    good, *bad = [parts(text)[2][0] for text in ("(add1 1) => 2", "(add1 1) => 3", "(add1 'a) => 2",
                                                 "(add1 1) is an error", "(prin1 1) prints 2")]
    assert outcome(session, output, good) == "=> 2"
    for example in bad:
        assert len(wrong([Meaning("x", "function", (), 0, False, "", "", (example,), "")], session, output)) == 1
    session.close()


def test_all_that_is_defined_has_a_meaning(native: Session) -> None:
    m, lisp, said = native.machine, native.lisp, meanings()
    defined = {m.text(s) for s in m.interned() if lisp.is_defined(s) or m.flags(s) & F_SPECIAL}
    defined -= {name for name in defined if name.startswith("text ")}  # what the kernel asks Python for
    assert sorted(defined - said.keys()) == [], ("each needs a docstring, or a comment before its definition: "
                                                 "lisp/meanings.py")
    assert sorted(said.keys() - defined - {"let", "df", "defun", "defmacro"}) == []
    for row in said.values():
        assert row.text and row.examples and (row.syntax or row.kind
                                              == "function"), (f"{row.name}: text, syntax or example is missing")
        assert row.place and (row.same == "" or row.same in said)


def test_arguments_are_as_said(native: Session) -> None:
    """As many as symbol-argcount says; as at least, where they vary."""
    for row in meanings().values():
        if row.kind == "function":
            count = native.call("symbol-argcount",
                                native.read(row.name if row.name.isalnum() else "".join(f"!{c}" for c in row.name)))
            fixed = row.least if len(row.parameters) == row.least and not row.rest else None
            assert (count or None) == (fixed or None), f"{row.name}: {count}, said to be {row.call}"


def test_segments_of_a_text() -> None:
    assert parts("(f x...)  One.  Two:\nthree.\n(f 1) => 2  (f 2) prints a b\n"
                 "  (f) is an error  (f 3) is not run: why") == (
        "(f x...)", "One. Two: three.",
        (Example("(f 1)", "=>", "2"), Example("(f 2)", "prints", "a b"), Example("(f)", "is an error"),
                                         Example("(f 3)", "is not run: why")))


@pytest.mark.parametrize("name, call", [
    ("car", "(car x)"), ("sethash", ""), ("digit-char", "(digit!-char n &optional radix font)"),
    ("list", "(list &rest more)"),
    ("nreverse", "(nreverse x &optional rest)"), ("cond", "(cond (test form...)...)"),
    ("open", "(open name direction)")])
def test_calls(name: str, call: str) -> None:
    found = meaning_of(name)
    assert (found.call if found else "") == call


@needs_native
def test_meanings_are_read_when_they_are_asked_for() -> None:
    script = ("import sys; from csl_native.session import Session; s = Session(); s.eval('nil'); assert "
              "'csl_native.lisp.meanings' not in sys.modules")
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)
