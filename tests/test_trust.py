"""Who vouches for an image, and what is done with one that nobody trusted does."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from csl_native import LispError, Session, restore
from csl_native.image.container import Image, Section, update
from csl_native.saving.trust import LEVELS, Trust, TrustError, local_key, trusted_keys
from csl_native.tools.csl_image import main as csl_image

from .conftest import needs_native

PROGRAM = "(de sq (x) (times x x)) (setq v (list2vector '(1 two \"three\"))) (de use (n) (list (sq n) (getv v 0)))"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user who has no keys yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config" / "csl-native"


@pytest.fixture
def image(home: Path, tmp_path: Path) -> Path:
    with open(tmp_path / "out", "wb") as out:
        session = Session(output=out)
        session.eval(PROGRAM)
        if session.machine.native:
            session.native_compile(["sq"])
        session.preserve(tmp_path / "x.img")
        session.close()
    return tmp_path / "x.img"


def stranger(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Another user from now on."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "other"))


def codes(path: Path, trust: str = "keys") -> list[str]:
    session = restore(path, trust=trust, output=open(os.devnull, "wb"))
    try:
        assert session.eval("(use 5)") == [25, 1]
        return [f.code for f in session.fallbacks]
    finally:
        session.close()


@needs_native
def test_levels(image: Path, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, public = tmp_path / "k.pem", tmp_path / "k.pub"
    assert {level: codes(image, level) for level in LEVELS} == {"none": ["untrusted"] * 2, "local": [], "keys": [],
                                                                "all": []}
    assert (csl_image(["sign", str(image), "--key", str(key), "--make-key"]) == 0
            and stat.S_IMODE(key.stat().st_mode) == 0o600)
    subprocess.run(["openssl", "pkey", "-in", str(key), "-pubout", "-out", str(public)], check=True)
    stranger(monkeypatch, tmp_path)
    assert {level: codes(image, level)
            for level in LEVELS} == {**dict.fromkeys(("none", "local", "keys"), ["untrusted"] * 2), "all": []}
    assert csl_image(["trust", str(public), "--name", "them"]) == 0 and list(trusted_keys().values()) == ["them"]
    assert {level: codes(image, level) for level in LEVELS} == {"none": ["untrusted"] * 2, "local": ["untrusted"] * 2,
                                                                "keys": [], "all": []}
    assert csl_image(["trust", next(iter(trusted_keys())).hex(), "--remove"]) == 0 and trusted_keys() == {}
    assert codes(image) == ["untrusted"] * 2
    assert csl_image(["sign", str(image)]) == 0 and codes(image) == []


@needs_native
def test_what_is_compiled_again_is_native(image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stranger(monkeypatch, tmp_path)
    session = restore(image, jit=0, output=open(tmp_path / "out", "wb"))
    assert (session.eval("(use 5)") == [25, 1]
            and session.lisp.cells(session.machine.intern("sq"))[0] >= session.machine.cage["entry_top"])
    session.native_compile(["use"])
    session.preserve(tmp_path / "y.img")  # its heap is still a stranger's
    assert "untrusted" in codes(tmp_path / "y.img")


@needs_native
def test_a_seal_is_of_one_thing(image: Path, tmp_path: Path) -> None:
    """Changed contents, a changed info, another name, or a section of another image: nobody vouches for it."""
    with Image(image) as opened:
        name = next(n for n in opened.sections if n.startswith("functions-"))
        section = opened.sections[name]
        data, starts = opened.read(name), opened.read("starts")
    for changed in (Section(name, data[:-1] + bytes([data[-1] ^ 1]), raw=True, info=section.info),
                    Section(name, data, raw=True, info={**section.info, "heap": b"?" * 32}),
                    Section(name.replace("functions-", "kernel-"), data, raw=True, info=section.info)):
        path = tmp_path / "changed.img"
        path.write_bytes(image.read_bytes())
        update(path, [changed])
        with Image(path) as opened:
            assert Trust().doubt(opened, changed.name) and not Trust().doubt(opened, "heap")
    update(path, [Section("starts", bytes(len(starts)), raw=True)])
    with pytest.raises(ValueError, match="not that of its heap"):
        restore(path)


def test_a_key_that_others_can_read_is_not_used(image: Path, home: Path, capsys: pytest.CaptureFixture[str],
                                                tmp_path: Path) -> None:
    assert stat.S_IMODE(home.stat().st_mode) == 0o700 and stat.S_IMODE((home / "local.key").stat().st_mode) == 0o600
    (home / "local.key").chmod(0o644)
    with pytest.raises(TrustError, match="mode 644"):
        local_key()
    with Image(image) as opened:
        assert "mode 644" in Trust().doubt(opened, "heap")
    session = Session(output=open(tmp_path / "out", "wb"))
    session.preserve(tmp_path / "y.img")
    assert ("mode 644" in capsys.readouterr().err
            and "untrusted" in [f.code for f in restore(tmp_path / "y.img").fallbacks])
    (home / "trusted-keys").write_text("no key\n")
    with pytest.raises(TrustError, match="trusted-keys:1"):
        trusted_keys()


OUTSIDE = ["(make!-native 64)", "(lap \"nop\")", "(open!-foreign!-library \"libc.so.6\")", "(symbol!-env 'sq)",
           "(symbol!-set!-env 'sq v)"]


@pytest.mark.parametrize("form", OUTSIDE)
def test_strangers_cannot_reach_out(image: Path, form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stranger(monkeypatch, tmp_path)
    session = restore(image, output=open(tmp_path / "out", "wb"))
    with pytest.raises(LispError, match="refused|native code cannot be made"):
        session.eval(form)


def test_modules_of_strangers(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = Session(output=open(tmp_path / "out", "wb"), output_library=tmp_path / "lib.img")
    session.eval("(faslout 'm) (de twice (x) (plus x x)) (faslend)")
    with Image(tmp_path / "lib.img") as image:
        assert not Trust().doubt(image, "module-m")
    stranger(monkeypatch, tmp_path)
    session = Session(output=open(tmp_path / "out", "wb"), libraries=[tmp_path / "lib.img"])
    session.eval("(load!-module 'm)")
    assert session.eval("(twice 21)") == 42
    with Image(tmp_path / "lib.img") as image:
        section, data = image.sections["module-m"], bytearray(image.read("module-m"))
    from csl_native.instructions.codec import encode, join
    at = data.index(join(encode("plus") + encode("return")))
    data[at:at + 2] = encode("plus") * 2  # takes more than is there
    update(tmp_path / "lib.img", [Section("module-m", bytes(data), info=section.info)])
    session = Session(output=open(tmp_path / "out", "wb"), libraries=[tmp_path / "lib.img"])
    with pytest.raises(LispError, match="twice cannot be run"):
        session.eval("(load!-module 'm)")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_a_base_image_in_a_folder_of_somebody_else_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from csl_native.image.files import ImageError
    from csl_native.saving import baseimage
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path, folder = Path(baseimage.cached()), tmp_path / "csl-native"
    for plant in (lambda: (path.write_bytes(b"theirs"), os.chown(path, 12345, 12345)),
                  lambda: (path.write_bytes(b"x"), path.chmod(0o666)),
                  lambda: path.symlink_to(baseimage.BASE_IMAGE)):
        plant()
        assert baseimage.cached() == str(path) and not os.path.lexists(path)
    path.write_bytes(b"ours")
    folder.chmod(0o777)
    assert baseimage.cached() == str(path) and path.exists() and stat.S_IMODE(folder.stat().st_mode) == 0o700
    os.chown(folder, 12345, 12345)
    monkeypatch.setattr(os, "chmod", lambda *arguments: (_ for _ in ()).throw(PermissionError()))  # root may all
    with pytest.raises(ImageError, match="belongs to user 12345"):
        baseimage.cached()


def test_what_is_open_is_what_is_trusted(image: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of the file leads elsewhere by the time at which trust is decided; and others may change what belongs to
    nobody in particular.
    """
    from csl_native.saving.baseimage import base_image
    stranger(monkeypatch, tmp_path)
    link = tmp_path / "link.img"
    link.symlink_to(image)
    with Image(link) as opened:
        link.unlink()
        link.symlink_to(base_image())
        assert Trust().doubt(opened, "heap")
    with Image(link) as opened:
        assert not Trust().doubt(opened, "heap")
    image.chmod(0o666)
    session = restore(image, trust="all", output=open(os.devnull, "wb"))
    with open(image, "r+b") as file:  # after it was opened, and looked at
        file.write(b"?" * os.path.getsize(image))
    assert session.eval("(use 5)") == [25, 1] and session.eval("(getv v 2)") == "three"
    session.eval("(reclaim)")
    session.close()


def test_the_command_line(image: Path, tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "csl_native", "-q", "-i", str(image), "--trust", "none", "--explain",
                           "-e", "(print (use 3))"],
                          capture_output=True, text=True, check=False)
    assert done.stdout == "(9 1)\n" and re.search(r"\[untrusted\].*--trust=none", done.stderr)
    done = subprocess.run([sys.executable, "-m", "csl_native", "--trust", "me"], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 2 and "none, local, keys, all" in done.stderr


@pytest.mark.parametrize("arguments,message", [(["trust", "--remove"], "need the key"),
                                               (["sign", "IMAGE", "--key", "no.pem"], "no.pem: there is no such key"),
                                               (["trust", "zzz"], "neither a file nor a public key")])
def test_mistakes_with_keys(image: Path, arguments: list[str], message: str,
                            capsys: pytest.CaptureFixture[str]) -> None:
    assert csl_image([str(image) if a == "IMAGE" else a for a in arguments]) == 2 and message in capsys.readouterr().err
