"""What is written: only what was named, and never what is being read or the installation's own image."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from csl_native import LispError, Session
from csl_native.image.container import ImageError, Section, update, write
from csl_native.image.files import check_output
from csl_native.saving.baseimage import base_image
from csl_native.tools.csl_image import main as csl_image

from .test_cli import Run


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "x.img"
    session = Session(output=open(os.devnull, "wb"))
    session.preserve(path)
    session.close()
    (tmp_path / "hard.img").hardlink_to(path)
    (tmp_path / "soft.img").symlink_to(path)
    return path


# Arguments, with {x} an image, {hard} and {soft} other names of it, {base} the installation's, {lsp} a source file.
CSL = (["-e", "(preserve)"], ["-z", "-i", "{x}", "-e", "(preserve)", "-o", ""], ["-o", "{base}", "-e", "(preserve)"],
       ["-o", "{basehard}", "-e", "(preserve)"],
       ["-o", "{basesoft}", "-e", "(faslout 'm) (faslend)"], ["-i", "{x}", "-l", "{x}", "-e", "1"],
       ["-i", "{x}", "-l", "{hard}", "-e", "1"],
       ["-i", "{x}", "--", "{soft}", "-e", "1"], ["-j", "{lsp}", "{lsp}"], ["-o", "{lsp}", "{lsp}"],
       ["-i", "-", "-i", "{x}", "-l", "{x}", "-e", "1"],
       ["-l", "{base}", "-e", "1"], ["-o", "{x}", "-l", "{soft}", "-e", "1"])
TOOL = (["report", "{x}", "-o", "{x}"], ["report", "{x}", "-o", "{hard}"], ["extract", "{soft}", "heap", "-o", "{x}"],
        ["extract", "{x}", "heap", "-o", "{soft}"],
        ["extract", "{x}", "heap", "-o", "{base}"], ["extract", "{x}", "heap", "-o", ""], ["sign", "{base}"],
        ["drop", "{basehard}", "--tag", "{tag}"])


def names(image: Path) -> dict[str, str]:
    folder = image.parent
    (folder / "f.lsp").write_text("(setq x 1)\n")
    if not (folder / "basesoft.img").exists():
        (folder / "basesoft.img").symlink_to(base_image())
    try:
        (folder / "basehard.img").hardlink_to(base_image())
        hard = str(folder / "basehard.img")
    except OSError:  # another file system
        hard = str(folder / "basesoft.img")
    from csl_native.architectures import host
    return {"x": str(image), "hard": str(folder / "hard.img"), "soft": str(folder / "soft.img"), "base": base_image(),
            "basehard": hard,
            "basesoft": str(folder / "basesoft.img"), "lsp": str(folder / "f.lsp"),
            "tag": host().name if host() is not None else "x86-64"}  # type: ignore[union-attr]


@pytest.mark.parametrize("program,arguments", [("csl", row) for row in CSL] + [("csl-image", row) for row in TOOL],
                         ids=str)
def test_refused_and_nothing_was_written(program: str, arguments: list[str], image: Path, csl: Run,
                                         capfd: pytest.CaptureFixture[str]) -> None:
    known = names(image)
    before = {path: Path(path).read_bytes() for path in known.values() if os.path.exists(path)}
    arguments = [a.format(**known) for a in arguments]
    if program == "csl":
        done = csl(*arguments)
        said, status = done.stdout + done.stderr, done.returncode
    else:
        status, said = csl_image(arguments), "".join(capfd.readouterr())
    assert "give" in said
    assert status == 2 or "(preserve)" in arguments or "(faslend)" in arguments[-1]
    assert {path: Path(path).read_bytes() for path in before} == before


def test_from_python_and_lisp(image: Path) -> None:
    base = base_image()
    session = Session(image, output=open(os.devnull, "wb"))
    for write_it in (lambda: session.preserve(base), lambda: update(base, []),
                     lambda: write(base, [Section("a", b"")])):
        with pytest.raises(ImageError, match="never written"):
            write_it()
    for form in (f'(open "{image}" (quote output))', f'(open "{image.parent / "hard.img"}" (quote append))',
                 f'(open "{base}" (quote output))'):
        with pytest.raises(LispError, match="open: .*give another name"):
            session.eval(form)
    session.close()
    session = Session(output=open(os.devnull, "wb"))
    with pytest.raises(LispError, match="never written"):
        session.eval("(preserve)")
    session.close()


def test_what_is_not_the_same_file_is_not_refused(tmp_path: Path) -> None:
    check_output(os.devnull, [os.devnull])
    check_output(tmp_path / "new", [tmp_path / "old"])
    with pytest.raises(ImageError):
        check_output(tmp_path / "new", [tmp_path / "." / "new"])
