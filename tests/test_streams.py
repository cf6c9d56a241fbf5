"""The three commands with standard streams that are closed, full or not read, without a home, a terminal or a locale,
and with names of any bytes.

Each ends with a sane status, and says at most one sentence, on standard error.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from csl_native.image.container import Image, Section, update
from csl_native.tools.csl_image import main as csl_image

from .conftest import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32" or not os.path.exists("/dev/full"),
                                reason="the streams of a POSIX shell")
COMMANDS = {
    "csl": "from csl_native.app.cli import program; program()",
    "csl-image": "import sys; from csl_native.tools.csl_image import main; sys.exit(main())",
    "csl-asm": "import sys; from csl_native.tools.csl_asm import main; sys.exit(main())"}
FULL = "standard output: cannot be written (No space left on device)"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("streams")
    (path / "x.lsp").write_text("(print (plus 1 2))\n")
    (path / os.fsdecode(b"n\xff.lsp")).write_text("(print (plus 1 2))\n")
    run(path, "csl", "-q -o x.img -e '(de f (x) (list x))' -e '(preserve)'")
    (path / os.fsdecode(b"n\xff.img")).write_bytes((path / "x.img").read_bytes())
    return path


def run(folder: Path, command: str, arguments: str, streams: str = "</dev/null",
        **environment: str | None) -> tuple[int, str, str]:
    """Status (of the command also where it is the first of a pipe), output and errors."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), "N": os.fsdecode(b"n\xff"), "PROGRAM": COMMANDS[command],
           **{name: value for name, value in environment.items() if value is not None}}
    for name in [name for name, value in environment.items() if value is None]:
        env.pop(name, None)
    done = subprocess.run(["bash", "-c", f'{sys.executable} -c "$PROGRAM" {arguments} {streams}; exit '
                                         '${PIPESTATUS[0]}'], capture_output=True, env=env,
                          cwd=folder, timeout=120, check=False)
    return done.returncode, done.stdout.decode("utf-8",
                                               "surrogateescape"), done.stderr.decode("utf-8", "surrogateescape")


@pytest.mark.parametrize("streams", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize(("command", "arguments", "said"), [
    ("csl", "-q -e '(print (plus 1 2))'", "3\n"), ("csl-image", "tags", "x86-64"),
    ("csl-image", "info x.img", "image: x.img"), ("csl-asm", "--help", "usage")])
def test_closed(command: str, arguments: str, said: str, streams: str, folder: Path) -> None:
    status, out, errors = run(folder, command, arguments, streams)
    assert ((status, errors) == (0, "") and ("" if ">&-" in streams.split() else said) in out
            and (">&-" not in streams.split() or not out))


@pytest.mark.parametrize(("command", "arguments"), [("csl", "-q --none"), ("csl", "-i none.img"),
                                                    ("csl-image", "info none.img"), ("csl-asm", "none.asm"),
                                                    ("csl-image", "none")])
def test_errors_with_nobody_to_tell(command: str, arguments: str, folder: Path) -> None:
    for streams in ("2>&-", "<&- >&- 2>&-"):
        status, _, errors = run(folder, command, arguments, streams)
        assert (status, errors) == (2, "")


@pytest.mark.parametrize(("command", "arguments"), [("csl", "-q -e '(dotimes (i 100000) (print i))'"),
                                                    ("csl", "--help"), ("csl-image", "functions x.img"),
                                                    ("csl-image", "disasm x.img f"), ("csl-image", "--help")])
def test_nobody_reads(command: str, arguments: str, folder: Path) -> None:
    status, _, errors = run(folder, command, arguments, "</dev/null | true")
    assert status in (0, 1) and errors == ""


@pytest.mark.parametrize(("command", "arguments"), [("csl", "-q -e '(print 1)'"), ("csl", "--help"),
                                                    ("csl-image", "info x.img"), ("csl-image", "tags"),
                                                    ("csl-asm", "-i x.img --run f 1")])
def test_a_full_disk(command: str, arguments: str, folder: Path) -> None:
    assert run(folder, command, arguments, "</dev/null >/dev/full") == (2, "", f"{command}: {FULL}\n")


@pytest.mark.parametrize(("command", "arguments"), [
    ("csl", "-q -l /proc/none/x -e 1"), ("csl", "-q -j /proc/none/x -e 1"), ("csl", "-q -e 1 -- /proc/none/x"),
    ("csl", "-q -o /proc/none/x -e '(preserve)'"),
    ("csl-image", "report x.img -o /proc/none/x"), ("csl-image", "extract x.img heap -o /proc/none/x"),
    ("csl-asm", "-i x.img -o /proc/none/x")])
def test_a_folder_that_cannot_be_written(command: str, arguments: str, folder: Path) -> None:
    status, _, errors = run(folder, command, arguments)
    assert (status == 2 and errors.startswith(f"{command}: /proc/none/x: ") and errors.count("\n") == 1
            and "Errno" not in errors)


@pytest.mark.parametrize(("command", "arguments", "said"), [
    ("csl", "-q -e '(print (plus 1 2))'", "3\n"), ("csl", "-q -e '(prin2 \"é\")'", "é"),
    ("csl", "-q -i x.img -e '(print (f 1))'", "(1)"),
    ("csl-image", "verify x.img", "all digests match"), ("csl-image", "functions x.img", "f ")])
@pytest.mark.parametrize("environment", [
    {"HOME": None, "TERM": None, "XDG_CONFIG_HOME": None, "XDG_CACHE_HOME": None},
    {"HOME": "/proc/none", "XDG_CONFIG_HOME": None}, {"LC_ALL": "C"},
    {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"PYTHONIOENCODING": "ascii"}], ids=str)
def test_without_a_home_a_terminal_and_a_locale(environment: dict[str, str | None], command: str, arguments: str,
                                                said: str, folder: Path) -> None:
    status, out, errors = run(folder, command, arguments, **environment)
    assert status == 0 and said in out and errors == ""


@pytest.mark.parametrize("home", ["/proc/none", "/dev/null"])
def test_no_place_for_keys(home: str, folder: Path) -> None:
    for command, arguments, wanted in (("csl", "-q -o y.img -e '(preserve)'", 0), ("csl-image", "sign x.img", 2),
                                       ("csl-image", f"trust {'ab' * 32}", 2)):
        status, _, errors = run(folder, command, arguments, HOME=home, XDG_CONFIG_HOME=None)
        assert status == wanted and home in errors and "Errno" not in errors and errors.count("\n") == 1


@pytest.mark.parametrize(("command", "arguments", "status", "said"), [
    ("csl", '-q "$N.lsp"', 0, "3\n"), ("csl", '-q "no$N.lsp"', 2, r"csl: non\udcff.lsp: no such file"),
    ("csl", '-q -i "$N.img" -e "(print (f 1))"', 0, "(1)\n"),
    ("csl", '-q -i "no$N.img"', 2, r"csl: non\udcff.img: cannot be read"),
    ("csl", '-q -o "o$N.img" -e "(preserve)"', 0, ""),
    ("csl", '-q -j "$N.dep" "$N.lsp"', 0, "3\n"), ("csl", '-q -l "$N.log" -e "(print 1)"', 0, "1\n"),
    ("csl", '-q -D "a=$N" -e "(prin2 a)"', 0, "n\udcff"),
    ("csl-image", 'info "$N.img"', 0, r"image: n\udcff.img"),
    ("csl-image", 'verify "$N.img" --json', 0, r"n\udcff.img"),
    ("csl-image", 'report "$N.img" -o "$N.html"', 0, r"n\udcff.html"), ("csl-image", 'sign "$N.img"', 0, "heap"),
    ("csl-image", 'info "no$N.img"', 2, r"non\udcff.img: cannot be read"),
    ("csl-image", 'copy "$N.img" "c$N.img" --module m', 2, "has no module m"),
    ("csl-asm", '"no$N.asm"', 2, "No such file")])
def test_names_that_are_no_text(command: str, arguments: str, status: int, said: str, folder: Path) -> None:
    found, out, errors = run(folder, command, arguments)
    assert (found == status and said in out + errors and "Traceback" not in errors
            and errors.count("\n") == (status == 2))


def test_bytes_that_are_no_text(folder: Path) -> None:
    (folder / "bad.lsp").write_bytes(b'(print "a\xffb")\n')
    for arguments, streams in (("-q bad.lsp", "</dev/null"), ("-q", "<bad.lsp")):
        # bytes that are no text stay what they are
        assert run(folder, "csl", arguments, streams) == (0, '"a\udcffb"\n', "")


def test_files_of_bytes_that_wait_or_cannot_be_written(folder: Path) -> None:
    """Errors name the file, and what copies the output is given up alone."""
    (folder / "bytes.lsp").write_text('''
(binary_open_input "/dev/zero") (print (list (binary_readbyte) (binary_read4)))
(binary_open_output "/dev/full") (errorset '(binary_princ "abc") t nil) (errorset '(binary_close_output) nil nil)
(errorset '(list!-directory "/nowhere/x") t nil)
(spool "/dev/full") (print 5) (spool) (print 6)
''')
    status, out, errors = run(folder, "csl", "-q bytes.lsp")
    assert (status == 0 and out == "(0 0)\n\n+++ Error /dev/full: No space left on device\n\n"
                                   "+++ Error /nowhere/x: No such file or directory\n5\n6\n")
    assert errors == "csl: /dev/full: No space left on device; what is printed is not copied there any more\n"
    os.mkfifo(folder / "pipe")
    (folder / "pipe.lsp").write_text('(binary_open_input "pipe") (print (list (binary_read3) (binary_readbyte)))\n')
    assert run(folder, "csl", "-q pipe.lsp",
               "</dev/null & sleep 0.3; printf abc >pipe; wait")[1:] == ("(6382179 -1)\n", "")


def test_verify_tells_of_functions_that_this_version_does_not_have(folder: Path,
                                                                   capsys: pytest.CaptureFixture[str]) -> None:
    """An image of a version that had another entry, and a function written in Python, which went."""
    path = folder / "old.img"
    path.write_bytes((folder / "x.img").read_bytes())
    with Image(path) as image:
        heap = image.sections["heap"]
        info = {**heap.info, "entries": ["cdr_of_old" if name == "entry_cdr" else name
                                         for name in heap.info["entries"]],
                "builtins": ["went" if name == "prin1" else name for name in heap.info["builtins"]]}
        data = image.read("heap")
    assert "cdr_of_old" in info["entries"] and "went" in info["builtins"]
    update(path, [Section("heap", data, True, info)])
    assert csl_image(["verify", str(path)]) == 1
    said = capsys.readouterr().out
    assert ("cells of cdr hold cdr_of_old, which this version does not have" in said
            and "is the function went, written in Python" in said)
    with Image(path) as image:
        assert image.sections["heap"].info["builtins"] == info["builtins"]


def test_an_image_is_no_assembly_text(folder: Path) -> None:
    status, _, errors = run(folder, "csl-asm", "x.img")
    assert status == 2 and "x.img: is no text (byte 0x" in errors and errors.endswith("an image is given with -i\n")


@pytest.mark.skipif(not os.path.exists("/proc/self/mem"), reason="a file that cannot be read from its beginning on")
def test_a_file_that_cannot_be_read_on_ends_there(folder: Path) -> None:
    """The error costs what is left of the file, and does not come again for ever."""
    status, output, errors = run(folder, "csl", "-q /proc/self/mem x.lsp")
    assert status == 0 and output.count("+++ Error Input/output error") == 1 and output.endswith("3\n"), errors
