"""Typed modules in images: as functions of a session, as sections of their own, and in modules of the Lisp."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from csl_native import LispError, Session, restore
from csl_native.image.container import Image
from csl_native.modules import (
    Module,
    NotFoundException,
)

from .conftest import needs_native
from .test_typed_modules import factorial
from .test_typed_procedures import FACTORIALS, silent


@needs_native
def test_modules_in_images(tmp_path: Path) -> None:
    """As functions of a preserved session, as sections of their own, and in modules of the Lisp, natively and without
    native code.
    """
    path = tmp_path / "m.img"
    session = silent()
    module = factorial()
    module.unpack(session)
    session.preserve(path)
    module.pack()
    for native in (True, False):
        again = restore(path, heap=64 << 20, native=native)
        assert again.function("factorial")(20) == FACTORIALS[20] and (again.explain() == []) == native
        again.close()
    module.save(path)
    with Image(path) as image:
        assert image.sections["typed-fact"].info["functions"] == ["factorial"]
    loaded = Module.load(path, "fact")
    assert (loaded.id, loaded.tid, loaded.code(0)) == (module.id, module.tid, module.code(0))
    other = tmp_path / "other.img"
    silent().preserve(other)
    loaded.move(path, other)
    assert Module.load(other, "fact").id == module.id
    with pytest.raises(NotFoundException):
        Module.load(path, "fact")


def test_in_a_module_of_the_lisp(session: Session, tmp_path: Path) -> None:
    library = tmp_path / "lib.img"
    session.eval(f'(setq output!-library (open!-library "{library}" t)) (setq input!-libraries (list output!-library))')
    source = "(module fact (register io word) (register pr word) (interface pt io)" \
        " (procedure factorial pt external (jnz io go) (cpi8 1 io) (ret)" \
        " go (push pr) (cpi8 1 pr) loop (mul io pr pr) (dec io) (jnz io loop) (cpb pr io) (pop) (ret)))"
    session.eval(f"(faslout 'facts) {source} (faslend)")
    with Image(library) as image:
        assert sorted(image.sections["module-facts"].info["functions"]) == ["fact:factorial", "factorial"]
    with pytest.raises(LispError):
        session.eval("(factorial 3)")
    session.eval("(load!-module 'facts)")
    assert session.eval("(mapcar '(0 5 20) 'factorial)") == [1, 120, FACTORIALS[20]]
    session.eval("(setq v (module!-variable 'fact 1)) (variable!-put v 0 6) (factorial v)")
    assert session.eval("(variable!-get v 0)") == 720
    for form, text in (("(variable!-get v 1)", "no eight bytes"), ("(variable!-get 'x 0)", "a variable expected"),
                       ("(factorial 'x)", "variable"),
                       ("(factorial (expt 2 63))", "64 bits expected"),
                       ("(module!-variable 'nothing 1)", "no typed module"), ("(module!-variable 'fact 99)",
                       "no register"),
                       ("(module bad (procedure p pt (ret)))", "there is no interface pt"),
                       ("(module bad (register io word) (interface pt io) (procedure p pt (inc io)))", "runs off"),
                       ("(module bad (register io word) (interface pt io) (procedure p pt (jmp nowhere)))", "no label"),
                       ("(module bad (thing))", "expected"), ("(module bad . 3)", "ends in . 3"),
                       ("(module bad (register io word) (interface p io foo))", "reader or writer"),
                       ("(module bad (register io word 3 4))", "one count"),
                       ("(module bad (register io word) (interface pt io) (procedure p pt external (icn io)))",
                        "no instruction ICN")):
        with pytest.raises(LispError, match=text):
            session.eval(form)


@needs_native
def test_native_code_of_a_module_there_is_used(tmp_path: Path) -> None:
    from csl_native.architectures import host
    from csl_native.native.modulecode import compile_modules
    library, architecture = tmp_path / "lib.img", host()
    assert architecture is not None
    session = silent()
    source = "(module fact (register io word) (interface pt io) (procedure twice pt external (add io io io) (ret)))"
    session.eval(f'(setq output!-library (open!-library "{library}" t)) (faslout \'facts) {source} (faslend)')
    assert sorted(compile_modules(silent(), library, [architecture])["facts"]) == ["fact:twice", "twice"]
    again = Session(heap=64 << 20, libraries=[library], output=open(os.devnull, "wb"))
    again.eval("(load!-module 'facts)")
    assert again.function("twice")(21) == 42 and again.explain() == []
    m = again.machine
    assert {m.text(symbol) for symbol, _, _ in again.hardcode.rows()} >= {"twice", "fact:twice"}


def test_what_csl_image_says_of_functions_that_are_not_there(tmp_path: Path,
                                                             capsys: pytest.CaptureFixture[str]) -> None:
    from csl_native.tools.csl_image import main
    library = tmp_path / "lib.img"
    session = silent(engine="python")
    session.eval(f'(setq output!-library (open!-library "{library}" t)) (faslout \'m) (de f (x) x) (faslend)')
    assert main(["disasm", str(library), "f"]) == 0 and "local 0" in capsys.readouterr().out
    assert (main(["disasm", str(library), "g"]) == 2 and "no module of it defines g; they define f"
            in capsys.readouterr().err)
