"""Text and values: any depth, mistakes that cost one form, and what is printed can be read back."""

from __future__ import annotations

import math
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csl_native import Session
from csl_native.kernel.memory import NIL
from csl_native.lisp.reader import Reader, ReadError
from csl_native.lisp.streams import Input

DEEP = 5000
TEXTS = st.text(st.characters(exclude_categories=["Cs"])) | st.lists(st.sampled_from(
    ["#", ";", "lt", "00e9", "hash", '"', "!", "\r", "\n", "é", "A", "a", "\0", "\\"])).map("".join)


@pytest.fixture(scope="module")
def session() -> Any:
    s = Session()
    s.eval("(setprintprecision 17)")
    yield s
    s.close()


def made(session: Session, x: Any) -> int:
    """A Lisp value of texts, symbols (1-tuples), numbers and lists; lists of lists with a flag are vectors."""
    m = session.machine
    if isinstance(x, tuple):
        return m.intern(x[0])
    if isinstance(x, str):
        return m.string(x)
    if isinstance(x, int):
        return m.integer(x)
    if isinstance(x, float):
        return m.float(x)
    if isinstance(x, dict):
        return m.vector([made(session, y) for y in x["items"]])
    return m.list([made(session, y) for y in x])


ATOMS = st.one_of(TEXTS, TEXTS.filter(bool).map(lambda s: (s,)), st.integers(),
                  st.floats(allow_nan=False, allow_infinity=False))
VALUES = st.recursive(ATOMS,
                      lambda part: st.lists(part,
                                            max_size=4) | st.lists(part,
                                                                   max_size=4).map(lambda items: {"items": items}),
                      max_leaves=12)


@settings(max_examples=40, deadline=None)
@given(VALUES, st.sampled_from(["nil nil", "t nil", "nil t", "t t"]))
def test_what_is_printed_is_read_back(session: Session, value: Any, case: str) -> None:
    def body() -> None:
        lisp, m = session.lisp, session.machine
        x = made(session, value)
        for name, state in zip(("*lower", "*raise"), case.split(), strict=True):
            m.set_value(m.intern(name), lisp.truth(state == "t"))
        try:
            text = lisp.printer.text(x)
            assert m.kernel.equal(lisp.reader.read(Input(text=text)), x) != NIL, text
            file = Lines(text.encode("utf-8", "surrogateescape") + b"\n")
            assert m.kernel.equal(lisp.reader.read(Input(file)), x) != NIL, text  # type: ignore[arg-type]
            again = m.apply(m.intern("compress"), [m.apply(m.intern("explode"), [x])])
            assert (again == x or m.text(again) == m.text(x) if isinstance(value, tuple)
                    else m.kernel.equal(again, x) != NIL)
        finally:
            for name in ("*lower", "*raise"):
                m.set_value(m.intern(name), lisp.truth(name == "*lower"))
    session.run(body)


class Lines:
    """A file of these bytes."""

    def __init__(self, data: bytes) -> None:
        self.lines = data.splitlines(keepends=True) if b"\r" not in data else [line + b"\n"
                                                                               for line in data.split(b"\n")][:-1]

    def readline(self, size: int = -1) -> bytes:
        return self.lines.pop(0) if self.lines else b""


@pytest.mark.parametrize(("text", "printed"), [
    ("#00e9;", "#00e9;"), ("#lt;", "<"), ("#alpha;", "#03b1;"), ("#nosuchname;", "#hash;nosuchname;"),
    ("#d800;", "#hash;d800;"), ("#;", "#;"),
    ("#hash;lt;", "#hash;lt;"), ("#hash;", "#hash;hash;"), ("#hash;nosuchname;", "#hash;nosuchname;"),
    ("#ffffff;", "#hash;ffffff;")])
def test_named_characters(session: Session, text: str, printed: str) -> None:
    assert (session.run(lambda: session.lisp.printer.text(
        session.lisp.reader.read(Input(text=f'"{text}"')))) == f'"{printed}"')


WRONG = ["[1 2)", "`" * 5000 + "a"]
# What the original reads where a dot or an end stands wrong: all forms of the text.
ODD = {"'(a . b . c) x": "'(a . b) c x", "') x": "'x", "(a ') x)": "(a 'x)", "(1 ] 2) x": "(1) 2 x",
       "'(a . ) x) y": "'(a . x) y", "'((a . b c) d) x": "'((a . b) c) d x", "`(,) x)": "`(,x)"}


@pytest.mark.parametrize("text", ODD)
def test_dots_and_ends_that_stand_wrong(session: Session, text: str) -> None:
    def forms(text: str) -> list[str]:
        stream, found = Input(text=text), []
        while (form := session.lisp.reader.read(stream)) != session.lisp.reader.eof:
            found.append(session.lisp.printer.text(form))
        return found
    assert session.run(lambda: forms(text)) == session.run(lambda: forms(ODD[text]))


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("way", ["file", "text", "load", "rdf", "read"])
def test_a_mistake_costs_one_form(tmp_path: Path, session: Session, wrong: str, way: str) -> None:
    text = f"(setq before 1)\n{wrong}\n(setq after (add1 before))\n"
    path = tmp_path / "a.lsp"
    path.write_text(text)
    session.eval("(progn (setq before nil) (setq after nil))")
    if way in ("load", "rdf"):
        session.eval(f'({way} "{path}")')
    elif way == "read":
        session.eval(f'(progn (setq old (rds (open "{path}" (quote input)))) '
                     '(dotimes (i 3) (errorset (quote (eval (read))) nil nil)) (rds old))')
    else:
        with open(path, "rb") as file:
            stream = Input(file, name=str(path)) if way == "file" else Input(text=text)
            session.run(lambda: session.lisp.load_stream(stream))
    assert session.eval("after") == 2


@pytest.mark.parametrize("data", [b"\xef\xbb\xbf(setq after 2)", b"#!/usr/bin/csl\n(setq after 2)",
                                  b"\0 (setq after 2)", b"\xff\xfe (setq after 2)",
                                  b") ] . (setq after 2)",
                                  b"1.5.5 1e 0x (setq after 2)", b"(setq after 2)(print \"abc", b"(setq after 2)'",
                                  b"(setq after 2)((", b"(setq after 2)!"])
def test_bytes_that_are_no_forms(tmp_path: Path, session: Session, data: bytes) -> None:
    session.eval("(setq after nil)")
    (tmp_path / "a.lsp").write_bytes(data)
    with open(tmp_path / "a.lsp", "rb") as file:
        session.run(lambda: session.lisp.load_stream(Input(file, name="a")))
    assert session.eval("after") == 2


def test_the_end_inside_of_a_string_is_reached_once(session: Session) -> None:
    stream = Input(text='(setq x "abc\ndef')
    with pytest.raises(ReadError, match="end of file inside of a string"):
        session.run(lambda: session.lisp.reader.read(stream))
    assert session.run(lambda: session.lisp.reader.read(stream)) == session.lisp.reader.eof


@pytest.mark.parametrize(("before", "after"), [("(", ")"), ("'", "a"), ("[", "]"), ("(quote ", "a)"), ("(a . ", "b)")])
def test_depth_of_text(session: Session, before: str, after: str) -> None:
    if after.endswith((")", "]")):
        tail = after[:-1] + after[-1] * DEEP
    else:
        tail = after

    def body() -> None:
        lisp = session.lisp
        x = lisp.reader.read(Input(text=before * DEEP + tail))
        session.machine.set_value(session.machine.intern("deep"), x)
        assert len(lisp.printer.text(x)) >= DEEP
    session.run(body)


SPECIAL = ["quote", "function", "cond", "if", "when", "unless", "let", "let*", "prog", "prog1", "prog2", "progn",
           "setq", "psetq", "catch", "throw", "unwind-protect", "flet", "the", "go", "return", "and", "or", "de", "df",
           "dm", "defun", "defmacro", "eval-when", "tagbody", "declare", "mapcar", "maphash", "list*"]
SHAPES = ["", ". 5", "1", ". x", "(1)", "(1 . 2)", "((1 2))", "((x . 1)) . 2", '"s" (1 . 2)', "((lambda . 1))",
          "f 5 . 6", "f (x . 1) (x . 1)", "(nil) 1", "(((x)) 1) 2"]


@pytest.mark.parametrize("form", SPECIAL)
def test_malformed_special_forms_are_errors_of_lisp(session: Session, form: str) -> None:
    name = form.replace("*", "!*").replace("-", "!-")
    for shape in SHAPES:
        for inside in (f"({name} {shape})", f"(progn (de zz (x) ({name} {shape})) 1)",
                       f"(funcall (function (lambda (x) ({name} {shape}))) 1)"):
            assert session.eval(f"(progn (errorset '{inside} nil nil) 7)") == 7, inside


def test_depth_of_values(session: Session) -> None:
    value: Any = []
    for _ in range(DEEP):
        value = [value]
    back = session.function("reverse")(value)
    depth = 0
    while back:
        back, depth = back[0], depth + 1
    assert depth == DEEP
    value.append(value)
    with pytest.raises(ValueError, match="circular"):
        session.function("reverse")(value)
    with pytest.raises(Exception, match="circular"):
        session.eval("(progn (setq c (list 1)) (rplaca c c) c)")


def test_a_string_of_many_lines(session: Session) -> None:
    text = ("x" * 49 + "\n") * 20000
    assert session.run(lambda: session.machine.text(
        session.lisp.reader.read(Input(Lines(f'"{text}" '.encode())))) == text)  # type: ignore[arg-type]


def test_floats(session: Session) -> None:
    for x in (0.1, 1e22, -0.0, math.pi * 1e-300, 5e-324):
        text = session.run(lambda x=x: session.lisp.printer.text(session.machine.float(x)))  # type: ignore[misc]
        assert float(session.eval(text)) == x


def test_a_long_list_is_read_as_its_parts_are(session: Session) -> None:
    """Its small integers and plain symbols are read together."""
    parts = [row for k in range(1200) for row in (str(k), f"-{k}", "ab_1", "x!'y", "(a . b)", "1.5", "12e", "'q",
                                                  "99999999999999999")]
    single = {part: session.eval(f"'{part}") for part in set(parts)}
    for blank in (" ", "\n", " % 1 2 3 4\n "):
        found = session.eval(f"'({blank.join(parts)} )")
        assert len(found) == len(parts) and found == [single[part] for part in parts]


@pytest.mark.parametrize("form, expected", [
    ('(explode "a#hash;pi;b#;c#-")', '(!" a !# h a s h !; p i !; b !# !; c !# !- !")'),
    ('(explode "a#b")', '(!" a !# b !")'),
    ('(exploden "#b;")', "(34 35 104 97 115 104 59 98 59 34)"),
    ("(explode (intern \"aéλ\"))", "(a !! !#00e9; !! !#03bb;)"),
    ('(explode2uc "2#p;")', "(!2 !# h a s h !; !P !;)"), ("(explode2uc '!2a)", "(!! !2 !A)"),
    ("(explode2lc (intern \"_B\"))", "(!! !_ b)"),
    ("(explode2uc '(a !_ 1.5e20 \"b\"))", "(!( !A !  !! !_ !  !1 !. !5 e !+ !2 !0 !  !B !))"),
    ('(explode2 "2#p;")', "(!2 !# p !;)")])
def test_texts_that_are_taken_apart_have_the_escapes_of_the_original(form: str, expected: str) -> None:
    assert printed(form) == expected


def printed(form: str) -> str:
    """What a form prints, and its value."""
    out = BytesIO()
    with Session(output=out) as session:
        session.eval(f"(print {form})")
    return out.getvalue().decode().rstrip("\n")


def test_lines_are_as_long_as_they_come_between_the_characters_around_what_is_typeset() -> None:
    """Character 2 begins what a typesetter reads, and 5 ends it."""
    broken = ("(progn (linelength 20) (prin2 'a!-long!-name) (prin2 \"with more\") (prin2 '(1 2 3)) "
              "(prin2 100200300400500600) nil)")
    assert printed(broken) == "a-long-namewith more\n(1 2 3)\n100200300400500600\nnil"
    free = broken.replace("(prin2 'a",
                          "(prin2 (int2id 2)) (prin2 'a").replace("nil)", "(prin2 (int2id 5)) (prin2 'and!-on) nil)")
    assert printed(free) == "\2a-long-namewith more(1 2 3)100200300400500600\5\nand-onnil"


def test_numbers_of_symbols_make_a_hash() -> None:
    """Characters have their codes and nil 256; names that begin alike have different numbers, which are the same in
    every session.
    """
    form = "(mapcar '(a é 日 nil var1 var2 car) 'id2int)"
    numbers = printed(form)
    assert numbers == printed(form)
    known, rest = [int(n) for n in numbers.strip("()").split()][:4], [int(n) for n in numbers.strip("()").split()][4:]
    assert known == [97, 233, 26085, 256] and len(set(rest)) == 3 and all(256 < n < 1 << 22 for n in rest)


def test_lists_are_read_at_once_as_they_are_piece_by_piece(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    """Words in a run that needs no second look, and whatever may stand between or behind them."""
    words = ["a", "!-x", "12", "-7", "nil", '"s t"', "1.5", "'q", "99999999999999999999", "%c\n", "+", "[1 2]",
             "(a . b)", "()", "(1 . (3 4))", "`(a ,b)", "(b)", "A", "#x", "-", "1e", "a\""]
    random = Random(1)

    def text(depth: int) -> str:
        parts = [text(depth + 1) if random.random() < .3 and depth < 4 else random.choice(words)
                 for _ in range(random.randrange(9))]
        return random.choice("( ").strip() + random.choice(" \n").join(parts) + random.choice([")", " )", ""])

    def read(what: str) -> tuple[str, int]:
        lisp, stream = session.lisp, Input(text=what)
        with lisp.machine.scope():
            try:
                return lisp.printer.text(lisp.reader.read(stream)), stream.position
            except ReadError as error:
                return str(error), stream.position
    texts = [f"({text(0)} {text(0)} (a {text(0)} b)) " for _ in range(300)]
    at_once = session.run(lambda: list(map(read, texts)))
    monkeypatch.setattr(Reader, "run", lambda *_: None)
    assert at_once == session.run(lambda: list(map(read, texts)))


def test_files_are_read_as_what_comes_line_by_line(tmp_path: Path, session: Session) -> None:
    """A first line for the system, long lines, and characters of several bytes at the ends of what is read at once."""
    path, lines = tmp_path / "f", ["#!/bin/sh", "x" * 40000, *["é" * (k % 90) for k in range(1000)], "end"]
    path.write_text("\n".join(lines), encoding="utf-8")

    def read(stream: Input) -> list[str | None]:
        try:
            return list(iter(stream.rest, None))
        finally:
            stream.close()
    at_once = Input(path.open("rb"))
    assert at_once.lines and read(at_once) == read(Input(path.open(encoding="utf-8"))) == ["", *lines[1:]]


def test_what_joins_streams_leaves_the_next_lines_in_them(tmp_path: Path, session: Session) -> None:
    (tmp_path / "f").write_text("1 2\n3 4\n")
    form = f'(prog (a b) (setq a (open "{tmp_path / "f"}" (quote input))) (setq b (make!-concatenated!-stream a)) ' \
           "(rds b) (setq b (list (read))) (rds a) (setq b (cons (read) b)) (rds nil) (return b))"
    assert session.eval(form) == [3, 1]


def test_strings_made_of_characters_are_what_the_reader_makes_of_them(session: Session) -> None:
    """The kernel makes those of printable ASCII; what it leaves to the reader is the reader's."""
    m, chance, named = session.machine, Random(7), session.lisp.builtins.named("text compress")
    shown = session.lisp.printer.text

    def check(text: str) -> None:
        items = m.list([m.intern(c) for c in text])
        expected = shown(m.host.called(named, [items]))
        assert shown(m.apply(m.intern("compress"), [items])) == expected, text
    for text in ('""', '"a"', '"a""b"', '""""', '"!""', '"a', '"a" ', '"\\n"', '"é"', '"#lt;"', '"A!b"', '"\t"'):
        session.run(lambda text=text: check(text))
    for _ in range(300):
        inside = "".join(chance.choices('ab"!#;\\Zé\n', weights=(9, 9, 3, 1, 1, 1, 1, 1, 1, 1), k=chance.randrange(7)))
        text = '"' + inside.replace('"', '""') + '"'
        session.run(lambda text=text: check(text))
