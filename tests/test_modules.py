"""Modules: values through their bytes, faslout to load-module, libraries, native code, chains of restarts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from csl_native import LispError, Session
from csl_native.image.container import Image, Section, update
from csl_native.kernel.calls import SLOT
from csl_native.kernel.fasl import BAD
from csl_native.kernel.memory import NIL
from csl_native.lisp.fasl import BadModule, ModuleWriter, read_module

from .conftest import needs_native, sign_again

Run = Callable[..., Any]
ATOMS = st.one_of(st.integers(-1 << 200, 1 << 200).map(str),
                  st.sampled_from(["nil", "t", "sym", "!Odd! name", "1.5", "-0.25", '"text"', '"é"']),
                  st.text("abc xyz", max_size=40).map(lambda t: f'"{t}"'))
TREES = st.recursive(ATOMS, lambda inner: st.one_of(
    st.lists(inner, max_size=5).map(lambda xs: f"({' '.join(xs)})"),
    st.lists(inner, max_size=5).map(lambda xs: f"[{' '.join(xs)}]"),
    st.tuples(inner, inner).map(lambda ab: f"({ab[0]} . {ab[1]})")), max_leaves=30)

SOURCE = """
(faslout 'shapes)
(fluid '(factor!*))
(setq factor!* 3)
(dm twice (u) (list 'times2 2 (cadr u)))
(defmacro pair (a b) (list 'cons a b))
(de area (x) (times x x factor!*))
(de areas (l) (mapcar l (function (lambda (x) (area x)))))
(de later (f) (apply f (list (twice 21))))
(de closure (y) (mapcar '(1 2) (function (lambda (x) (plus x y)))))
(de fib (n) (cond ((lessp n 2) n) (t (plus (fib (sub1 n)) (fib (difference n 2))))))
(de many (a b c d e) (list a b c d e "text" 1.5 123456789012345678901234567890 (pair 1 '(2 . [3]))))
(put 'area 'units '(square . metres))
(print (list 'loading (area 2)))
(faslend)
"""
USE = ("(list (area 2) (areas '(1 2)) (later (function add1)) (closure 10) (fib 15) (many 1 2 3 4 5) "
       "(get 'area 'units) factor!*)")
VALUES = [12, [3, 12], 43, [11, 12], 610]


def through(session: Session, text: str) -> tuple[str, str]:
    """A value printed before and after it was in a module."""
    lisp = session.lisp

    def body() -> tuple[str, str]:
        from csl_native.lisp.streams import Input
        value = lisp.reader.read(Input(text=text))
        writer = ModuleWriter(lisp, "x")
        writer.form(value)
        before = lisp.printer.text(value)
        section = writer.section()
        [after] = [lisp.printer.text(v) for v in read_module(lisp, section, section.data)]
        return before, after
    return session.run(body)  # type: ignore[no-any-return]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tree=TREES)
def test_values_come_back(session: Session, tree: str) -> None:
    before, after = through(session, tree)
    assert before == after


def test_sharing_generated_symbols_and_tables(native: Session) -> None:
    native.eval("""(setq s (list 1 2)) (setq g (gensym)) (setq h (mkhash 10 0 1.5)) (puthash 'k h 'v) (puthash g h 5)
                   (setq x (list s s g g h (list2vector (list s g)) (mkfvect64 3)))""")
    lisp, m = native.lisp, native.machine

    def body() -> None:
        writer = ModuleWriter(lisp, "x")
        writer.form(m.value(m.intern("x")) or 0)
        section = writer.section()
        for value in read_module(lisp, section, section.data):
            m.set_value(m.intern("y"), value)
    native.run(body)
    assert native.eval("(list (eq (car y) (cadr y)) (eq (car y) (car x)) (eq (caddr y) (cadddr y)) (eq (caddr y) g) "
                       "(gensymp (caddr y)))"
                       ) == [True, [], True, [], True]
    assert native.eval("(list (gethash 'k (nth y 5)) (gethash (caddr y) (nth y 5)) (eq (getv (nth y 6) 0) (car y)) "
                       "(nth y 7))")[:3] == [
        native.eval("'v"), 5, True]


def test_a_circle_is_refused(native: Session) -> None:
    native.eval("(setq c (list 1 2)) (rplacd (cdr c) c) nil")
    writer = ModuleWriter(native.lisp, "x")
    with pytest.raises(ValueError, match="circular"):
        native.run(lambda: writer.form(native.machine.value(native.machine.intern("c")) or 0))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_bytes_that_make_no_sense(session: Session, data: st.DataObject) -> None:
    """Whatever the bytes are: a value, or a refusal; the Lisp goes on."""
    lisp = session.lisp

    def section() -> Section:
        writer = ModuleWriter(lisp, "x")
        writer.form(session.machine.list([8, session.machine.intern("a"), session.machine.string("text"),
                                          session.machine.vector([0, 8])]))
        return writer.section()
    made = session.run(section)
    body = bytearray(made.data)
    for _ in range(data.draw(st.integers(1, 3))):
        body[data.draw(st.integers(len(body) - 24, len(body) - 1))] = data.draw(st.integers(0, 255))
    sp = session.machine.cage["sp"]
    try:
        session.run(lambda: list(read_module(lisp, made, bytes(body))))
    except BadModule:
        pass
    assert session.machine.cage["sp"] == sp
    assert session.eval("(plus 1 2)") == 3


def test_faslout_to_load_module(csl: Run, tmp_path: Path) -> None:
    done = csl("-q", "-o", "lib.img", text=SOURCE + "(load!-module 'shapes)")
    assert done.stdout == ("\nFASLOUT shapes: IN files;  or type in expressions\nWhen all done, execute FASLEND;\n\n"
                           "Completed FASL files for shapes\n(loading 12)\n"), done.stderr
    for engine in (None, "python"):
        s = Session(libraries=[tmp_path / "lib.img"], engine=engine, output=open(tmp_path / "out", "wb"))
        assert s.eval("(library!-members)") == [s.eval("'shapes")] and len(s.eval("(modulep 'shapes)")) == 24
        s.eval("(load!-module 'shapes)")
        assert s.eval(USE)[:5] == VALUES
        s.close()


def test_a_compiled_function_is_not_defined_before_it_is_loaded(csl: Run) -> None:
    assert csl("-q", "-o", "lib.img", text=SOURCE + "(print (list (getd 'area) (fluidp 'factor!*) "
                                                    "(car (getd 'twice))))").stdout.endswith("(nil t macro)\n")


def test_libraries_in_order(csl: Run, tmp_path: Path) -> None:
    for name, value in (("one", "1"), ("two", "2")):
        csl("-q", "-o", f"{name}.img",
            text=f"(faslout 'm) (de which () {value}) (faslend) (faslout 'only{name}) (de o () 0) (faslend)")
    text = "(load!-module 'm) (print (which)) (load!-module 'onetwo) (load!-module 'onlytwo)"
    assert csl("-q", "-i", "-", "-i", "one.img", "-i", "two.img", text=text).stdout.startswith(
        '1\nFailed to find "two.img(onetwo)"\n\n+++ Error loadable module not found for loading: onetwo\n')
    assert csl("-q", "-i", "-", "-i", "two.img", "-i", "one.img",
               text="(load!-module 'm) (print (which))").stdout == "2\n"
    text = ("(setq l (open!-library \"$here/two.img\" t)) (setq output!-library l) (setq input!-libraries (list l)) "
            "(print (library!-members l))"
            "(print (delete!-module 'm)) (print (delete!-module 'm)) (print (library!-members)) (load!-module 'm)")
    assert csl("-q", f"-D@here={tmp_path}",
               text=text).stdout.endswith("+++ Error loadable module not found for loading: m\n")
    assert len(csl("-t", "m", "-i", "-", "-i", "one.img").stdout) == 25


def test_nowhere_to_write(csl: Run) -> None:
    assert csl("-q", text="(faslout 'x) (print 1)").stdout.endswith("+++ Failed to open FASL output file\n1\n")


def test_through_the_hook_of_a_parser(csl: Run) -> None:
    """Where there is a function ``begin`` it reads, and gives forms to dfprint* while *defn is set."""
    text = """(de begin () (prog (x) l (setq x (read)) (cond ((eq x !$eof!$) (return nil))
                (!*defn (apply dfprint!* (list x))) (t (eval x))) (go l)))
              (begin) (faslout 'm) (de f (x) (cons x x)) (eval!-when (compile) (print 'now))
              (eval!-when (load) (print 'then)) (faslend)
              (load!-module 'm) (print (f 1))"""
    assert csl("-q", "-o", "x.img", text=text).stdout.endswith("\nnow\nCompleted FASL files for m\nthen\n(1 . 1)\n")


def test_saved_definitions(csl: Run) -> None:
    text = ("(setq !*savedef t) (faslout 'm) (de f (x) (cons x x)) (faslend) (load!-source 'm) "
            "(print (list (getd 'f) (get 'f '!*savedef)))")
    assert csl("-q", "-o", "x.img", text=text).stdout.endswith("(nil (lambda (x) (cons x x)))\n")


def test_fexprs_of_modules(csl: Run) -> None:
    text = """(faslout 'm) (df show (u) (cons 'show u)) (de use () (list (show a . b) (show))) (faslend)
              (remd 'show) (remd 'use) (load!-module 'm) (print (list (use) (show c) (car (getd 'show))))"""
    assert csl("-q", "-o", "x.img", text=text).stdout.endswith("(((show a . b) (show)) (show c) fexpr)\n")


@needs_native
def test_native_code_of_modules(csl: Run, tmp_path: Path) -> None:
    """Compiled for this machine and another one, used when loaded, and kept by preserve; left out with a reason when
    damaged.
    """
    done = csl("-q", "-o", "lib.img", "--native-compile", "all", "--tags", "aarch64", "-", text=SOURCE)
    assert done.returncode == 0, done.stderr
    with Image(tmp_path / "lib.img") as image:
        sets = [name for name in image.sections if name.startswith("native-") and name.endswith("-shapes")]
        assert len(sets) == 2
    out = open(tmp_path / "out", "wb")
    s = Session(libraries=[tmp_path / "lib.img"], output=out)
    s.eval("(load!-module 'shapes)")
    table = s.eval("(mapcar hard_code!* (function car))")
    assert s.eval("'fib") in table and s.eval(USE)[:5] == VALUES and s.fallbacks == []
    s.eval("(de fib (n) 'other)")
    assert s.eval("(fib 15)") == s.eval("'other")
    s.preserve(tmp_path / "kept.img")
    again = Session(tmp_path / "kept.img", output=out)
    assert (again.eval("(areas '(1 2))") == [3, 12] and again.fallbacks == []
            and s.eval("'area") in again.eval("(mapcar hard_code!* (function car))"))
    with Image(tmp_path / "lib.img") as image:
        broken = {name: bytearray(image.read(name)) for name in sets}
        sections = [Section(name, bytes(data[:-1]) + bytes([data[-1] ^ 1]), True, image.sections[name].info)
                    for name, data in broken.items()]
    update(tmp_path / "lib.img", sections)
    sign_again(tmp_path / "lib.img")
    s = Session(libraries=[tmp_path / "lib.img"], output=out)
    s.eval("(load!-module 'shapes)")
    assert s.eval(USE)[:5] == VALUES and [f.code for f in s.fallbacks] == ["damaged-page"]


def test_a_damaged_module_is_told(csl: Run, tmp_path: Path) -> None:
    csl("-q", "-o", "lib.img", text=SOURCE)
    with Image(tmp_path / "lib.img") as image:
        at = image.sections["module-shapes"].offset + 20
    data = bytearray((tmp_path / "lib.img").read_bytes())
    data[at] ^= 4
    (tmp_path / "lib.img").write_bytes(data)
    s = Session(libraries=[tmp_path / "lib.img"], output=open(tmp_path / "out", "wb"))
    with pytest.raises(LispError, match="module-shapes is damaged"):
        s.eval("(load!-module 'shapes)")


def test_hundreds_of_restarts_with_modules(csl: Run) -> None:
    text = """(faslout 'step)
              (de next (n) (setq n (add1 n)) (cond ((lessp n 300) (restart!-csl '(step next) n))
                (t (print (list 'done n)) (print (read)))))
              (faslend) (load!-module 'step) (next 0) same!-input"""
    assert csl("-q", "-o", "chain.img", text=text).stdout.endswith("(done 300)\nsame!-input\n")


def test_the_names_of_symbols_are_taken_together(session: Session) -> None:
    """Each with its place in the table; what cannot be is refused, whatever the bytes are."""
    m, slots = session.machine, [SLOT[name] for name in ("undefined1", "undefined2", "undefinedn")]
    table = m.vector([NIL] * 3)
    found = m.kernel.fasl_symbols(m.string(b"\2\3abc\1\2\xc3\xa9"), table, *slots)
    assert found == NIL and m.vector_items(table)[1:] == [m.intern("é"), m.intern("abc")]
    for wrong in (b"\3\1a", b"\0\1a", b"\1\5ab", b"\xff\xff\xff\1\1a", b"\1" + b"\xff" * 8 + b"\x7fa"):
        assert m.kernel.fasl_symbols(m.string(wrong), table, *slots) == BAD, wrong


@needs_native
def test_a_function_that_is_defined_first_is_relied_on_by_nothing(native: Session,
                                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    """So nobody looks for code that would have to go, which modules with hundreds of definitions took long for."""
    asked: list[str] = []
    monkeypatch.setattr(native.hardcode, "drop_users", lambda symbol: asked.append(native.machine.label(symbol)))
    native.eval("(de first (x) x) (de second (x) (first x))")
    assert asked == []
    native.eval("(de first (x) (list x)) (remd 'second) (de second (x) x)")
    assert asked == ["first", "second"]
