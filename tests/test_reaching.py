"""Strangers' programs stay in their heap: images, modules, what is compiled for them, and what comes after them in a
session.
"""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from csl_native import LispError, Session, restore
from csl_native.image.container import Image
from csl_native.saving.trust import Trust
from csl_native.tools.csl_image import main as csl_image

from . import reaching
from .conftest import CSL, needs_native

# A form, what it would leave behind is `mark`.
FORMS = ["(system \"touch mark\")", "(pipe!-open \"touch mark\" 'input)", "(open \"mark\" 'output)",
         "(open \"there\" 'input)", "(rdf \"there\")", "(load \"there\")", "(delete!-file \"there\")",
         "(rename!-file \"there\" \"mark\")", "(create!-directory \"mark\")", "(list!-directory \".\")",
         "(setenv \"MARK\" \"1\")", "(getenv \"HOME\")", "(chdir \"/\")", "(filep \"there\")",
         "(open!-library \"mark\" t)", "(faslout 'mark)", "(start!-module 'mark)", "(delete!-module 'm)",
         "(delete!-wildcard \"th*\")", "(tmpnam)", "(preserve)", "(open!-foreign!-library \"libc.so.6\")",
         "(compile!-to!-module '(rdf \"there\"))", "(assemble!-file \"there\")", "(make!-native 64)", "(lap \"nop\")",
         "(symbol!-env 'car)"]


def test_every_builtin_that_reaches_out_says_so() -> None:
    assert reaching.unguarded(reaching.builtins()) == {}


@pytest.mark.parametrize("text", ["@builtin('x', 1)\ndef x(lisp, name):\n    return open(lisp.machine.text(name))",
                                  "def inner(lisp):\n    os.remove('a')\n@builtin('x', 0)\ndef y(lisp):\n"
                                  "    inner(lisp)",
                                  "@builtin('x', 0)\ndef x(lisp):\n    import subprocess\n    subprocess.run(['a'])"])
def test_the_checker_refuses(text: str) -> None:
    assert list(reaching.unguarded([text])) == ["x"]
    assert reaching.unguarded([text.replace(", 1)", ", 1, reaches=True)").replace(", 0)", ", 0, reaches=True)")]) == {}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "there").write_text("(system \"touch mark\")")
    return tmp_path


def strangers_module(path: Path, forms: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that somebody else made."""
    with monkeypatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(path.parent / "theirs"))
        session = Session(output=open(os.devnull, "wb"), output_library=path)
        session.eval(f"(faslout 'm) {forms} (faslend)")
        session.close()


def refused(session: Session, form: str) -> None:
    with pytest.raises(LispError, match="refused|native code cannot be made"):
        session.eval(form)


def left(folder: Path) -> None:
    assert (not (folder / "mark").exists() and (folder / "there").exists() and "MARK" not in os.environ
            and os.getcwd() == str(folder))


def test_an_image_of_a_stranger(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder / "theirs"))
        session = Session(output=open(os.devnull, "wb"))
        session.preserve(folder / "x.img")
        session.close()
    before = (folder / "x.img").read_bytes()
    session = restore(folder / "x.img", output=open(os.devnull, "wb"))
    for form in FORMS:
        refused(session, form)
        left(folder)
    assert session.eval("(plus 1 2)") == 3 and (folder / "x.img").read_bytes() == before
    session.preserve(folder / "y.img")  # who embeds the Lisp may
    session.close()
    with Image(folder / "y.img") as image:
        assert Trust().doubt(image, "heap") == "nobody signed it"


def test_a_module_of_a_stranger_restricts_the_session(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    strangers_module(folder / "lib.img", "(de good (x) (plus x 1)) (de bad () (system \"touch mark\")) "
                                         "(errorset '(bad) nil nil) (setq seen 5)", monkeypatch)
    session = Session(output=open(os.devnull, "wb"), libraries=[folder / "lib.img"])
    assert session.eval("(system \"true\")") == 0
    session.eval("(load!-module 'm)")
    assert session.eval("(list (good 1) seen)") == [2, 5]
    for form in ("(bad)", *FORMS):
        refused(session, form)
        left(folder)
    assert any("module m of" in f.detail for f in session.fallbacks) and session.eval("hard_code!*") == []
    session.preserve(folder / "y.img")
    session.close()
    with Image(folder / "y.img") as image:
        assert Trust().doubt(image, "heap") == "nobody signed it"
    trusting = Session(output=open(os.devnull, "wb"), libraries=[folder / "lib.img"], trust="all")
    trusting.eval("(load!-module 'm)")
    assert (folder / "mark").exists()
    trusting.close()


def test_nobody_is_trusted_is_meant(folder: Path) -> None:
    """One's own module, and ``--trust=none``; its saved definitions, too."""
    session = Session(output=open(os.devnull, "wb"), output_library=folder / "lib.img")
    session.eval("(faslout 'm) (system \"touch mark\") (faslend)")
    session.close()
    for form in ("(load!-module 'm)", "(progn (load!-source 'm) (system \"touch mark\"))"):
        session = Session(output=open(os.devnull, "wb"), libraries=[folder / "lib.img"], trust="none")
        refused(session, form)
        left(folder)
        session.close()


@needs_native
def test_c_functions_that_were_compiled_are_out_of_reach(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    strangers_module(folder / "lib.img", "(setq seen (errorset '(gone \"there\") nil nil))", monkeypatch)
    session = Session(output=open(os.devnull, "wb"), libraries=[folder / "lib.img"])
    session.eval("(define!-foreign 'gone (foreign!-library nil) \"remove\" 'int '(string))")
    session.native_compile(["gone"])
    (folder / "other").write_text("")
    assert session.eval("(gone \"other\")") == 0 and not (folder / "other").exists()
    session.eval("(load!-module 'm)")
    refused(session, "(gone \"there\")")
    left(folder)
    session.close()


@needs_native
def test_compiling_a_library_runs_nothing_of_it_outside(folder: Path, monkeypatch: pytest.MonkeyPatch,
                                                        capsys: pytest.CaptureFixture[str]) -> None:
    from csl_native.architectures import host
    architecture = host()
    assert architecture is not None
    strangers_module(folder / "lib.img", "(de f (x) (cons x x)) (errorset '(system \"touch mark\") nil nil)",
                     monkeypatch)
    session = Session(output=open(os.devnull, "wb"), output_library=folder / "lib.img")
    session.eval("(faslout 'own) (de g (x) (cons x x)) (faslend)")
    session.close()
    assert csl_image(["add", str(folder / "lib.img"), "--tag", architecture.name]) == 0
    left(folder)
    with Image(folder / "lib.img") as image:
        doubts = {name: Trust().doubt(image, name) for name in image.sections if name.startswith("native-")}
    assert sorted(map(bool, doubts.values())) == [False, True], doubts


def test_no_way_out_by_a_restart(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    strangers_module(folder / "lib.img", "(restart!-csl 'system \"touch mark\")", monkeypatch)
    done = subprocess.run([*CSL, "-q", "-i", str(own_image(folder)), "-e",
                           "(setq input!-libraries (list (open!-library \"lib.img\")))", "-e", "(load!-module 'm)",
                           "-e", "(print 5)"],
                          capture_output=True, text=True, check=False, timeout=100)
    assert "refused" in done.stdout + done.stderr, done
    left(folder)


def own_image(folder: Path) -> Path:
    session = Session(output=open(os.devnull, "wb"))
    session.preserve(folder / "own.img")
    session.close()
    return folder / "own.img"
