"""csl and csl-image as a user meets them: options, exit codes, and sentences instead of tracebacks."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from csl_native.app.cli import UsageError, parse, size_of
from csl_native.architectures import by_name
from csl_native.image.container import Image, Section, update
from csl_native.saving.baseimage import base_image

from .conftest import machine_runs_natively, needs_native

Run = Callable[..., "subprocess.CompletedProcess[str]"]


def image_tool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "csl_native.tools.csl_image", *arguments], capture_output=True,
                          text=True, timeout=280, check=False)


def test_files_in_order_and_standard_input(csl: Run, tmp_path: Path) -> None:
    (tmp_path / "a.lsp").write_text("(print 'one)")
    (tmp_path / "b.lsp").write_text("(print 'three)")
    done = csl("-q", "a.lsp", "-", "b.lsp", text="(print 'two)")
    assert done.stdout == "one\ntwo\nthree\n" and done.returncode == 0 and done.stderr == ""


def test_values_and_prompts_are_shown_unless_quiet(csl: Run) -> None:
    assert csl(text="(plus 1 2)").stdout == "> \n3\n> "
    assert csl("-q", text="(plus 1 2)").stdout == ""


SCRIPT = "(print 'a)\n(car 5)\n(setq x 7)\n"
FAILURE = "\n+++ Error attempt to take car of an atom: 5\n"


@pytest.mark.parametrize(("arguments", "text", "shown", "status"), [
    (["a.lsp"], "", f"a\n\na\n{FAILURE}\n... continuing after error\n\n7\n", 0),
    ([], SCRIPT, f"> a\n\na\n> {FAILURE}\n... continuing after error\n> \n7\n> ", 0),
    (["-e", "(print 'b)", "-e", "'c"], "x", "(print (quote b))b\n => b\n(quote c) => c\n> \n"
                                            "+++ Error unset variable: x\n\n... continuing after error\n> ", 0),
    (["-e", "(car 5)", "-e", "(print 1)"], "", f"(car 5){FAILURE}", 1),
    (["missing.lsp", "-u", "y", "-Dz", "-e", "z"], "", 'Undefine y\nz => "t"\n\n+++ Could not read file '
                                                       '"missing.lsp"\n', 0),
    (["-q", "a.lsp"], "", f"a\n{FAILURE}", 0),
])
def test_what_the_top_level_says(csl: Run, tmp_path: Path, arguments: list[str], text: str, shown: str,
                                 status: int) -> None:
    (tmp_path / "a.lsp").write_text(SCRIPT)
    done = csl(*arguments, text=text)
    assert (done.stdout, done.returncode) == (shown, status)


def test_an_unknown_option_is_ignored_with_a_word(csl: Run) -> None:
    done = csl("--no-such-option", text="")
    assert (done.returncode == 0 and done.stdout.startswith("+++ --no-such-option not accepted\n")
            and done.stderr == "csl: unknown option --no-such-option is ignored; csl --help lists "
                                                    "the options\n")


@pytest.mark.parametrize("form,code", [("(stop 7)", 7), ("(stop 0)", 0), ("(stop)", 0),
                                       ("(errorset '(stop 3) nil nil)", 3), ("(car 5)", 0)])
def test_exit_codes(csl: Run, form: str, code: int) -> None:
    assert csl("-q", "-e", form).returncode == code


@pytest.mark.parametrize("text", ["(car 5) (print 2)", "(print 1",
                                  "(progn (errorset '(car 5) nil nil) (print 1) (car 5)) (print 2)"])
def test_the_first_error_ends_the_program_when_that_is_asked_for(csl: Run, tmp_path: Path, text: str) -> None:
    (tmp_path / "a.lsp").write_text(text)
    (tmp_path / "b.lsp").write_text("(print 3)")
    done = csl("-q", "--stop-on-error", str(tmp_path / "a.lsp"), str(tmp_path / "b.lsp"))
    assert done.returncode == 1 and "+++ Error" in done.stdout and not {"2", "3"} & set(done.stdout.split())


def test_variables_and_forms(csl: Run) -> None:
    done = csl("-q", "-Dname=value", "-D", "other=x y", "-e", "(print (list name other))", "-e",
               "(print (boundp 'name))")
    assert done.stdout == '("value" "x y")\nt\n'
    assert csl("-q", "-u", "!*echo", "-e", "(print (boundp '!*echo))").stdout == "t\n"


@pytest.mark.parametrize("arguments,words", [
    (["--no-such-option", "-q"], "unknown option"), (["-q", "-i"], "needs a value"),
    (["-k", "much"], "a size was expected"), (["-k", "1K"], "between 16M"),
    (["-r", "12x"], "a number was expected"), (["--engine", "warp"], "no such engine"),
    (["--tags", "vax"], "no architecture 'vax'; known are"),
    (["--native=maybe"], "on or off"), (["-q", "missing.lsp"], "no such file"),
    (["-i", "missing.img", "-e", "1"], "cannot be read"), (["-i", "/dev/null", "-e", "1"], "not an image")])
def test_mistakes_get_a_sentence(csl: Run, arguments: list[str], words: str) -> None:
    done = csl(*arguments)
    assert (done.returncode == 2 and words in done.stderr and "Traceback" not in done.stderr
            and done.stderr.count("\n") == 1)


def test_parsing() -> None:
    options = parse(["-ifile.img", "-k", "2G", "-w-", "--engine=python", "-dx=1", "--", "out", "f.lsp", "-"])
    assert (options.image, options.heap, options.engine, options.define, options.redirect, options.files) == (
        "file.img", 2 << 30, "python", ["x=1"], "out", ["f.lsp", "-"])
    assert size_of("500", "-k") == 500 << 20 and size_of("64000K", "-k") == 62 << 20
    with pytest.raises(UsageError):
        parse(["-q", "-e"])
    assert parse(["-e"]).forms == []


def test_help_and_version(csl: Run) -> None:
    assert "--native-compile" in csl("--help").stdout and csl("--version").stdout.startswith("csl-native ")


def test_output_can_go_to_files(csl: Run, tmp_path: Path) -> None:
    csl("-q", "-l", "log", "--", "out", "-e", "(print 'hello)")
    assert (tmp_path / "out").read_text() == "hello\n" == (tmp_path / "log").read_text()


@pytest.mark.parametrize("arguments,shown", [
    (["-e", "-w-", "a.lsp"], "1\n\n1\n"), (["-w-", "-e"], "> "), (["-u", "-w-", "a.lsp"], "Undefine \n1\n\n1\n"),
    (["-k", "-w-", "a.lsp"], "+++ -k not accepted\n1\n\n1\n"),
    (["-w-", "-i"], '\n+++ Image file "(InitialImage)" can not be read\n'),
    (["-w-", "-o", "new.img"], '\n+++ Image file "new.img(InitialImage)" can not be read\n'),
    (["-w-", "--trace", "f", "a.lsp"], "+++ f not yet defined, was this a mistake?\n1\n\n1\n"),
    (["-w-", "--tr", "abs", "-e", "(abs -2)", "a.lsp"],
     "(abs -2)\nCalling abs from system!-startup\nArg1: -2\nabs => 2\n => 2\n1\n\n1\n")])
def test_options_as_in_the_original(csl: Run, tmp_path: Path, arguments: list[str], shown: str) -> None:
    (tmp_path / "a.lsp").write_text("(print 1)\n")
    assert csl(*arguments, text="").stdout == shown


def test_a_count_is_in_the_words_for_four_and_more(csl: Run) -> None:
    shown = csl("-w-", text="(apply3 'list 1)\n(de f (a b c d) a)\n(f 1 2 3 4 5)\n(string!=2 1 2)\n").stdout
    assert ("\nCalling apply3\n+++ Error bad args for Function called with 2 args where more then three wanted\n"
            in shown and "\n+++ Error wrong number of arguments: f\n5\n" in shown and "+++ Error: string= 1\n" in shown)


def test_a_transcript_has_what_was_read_and_no_prompts(csl: Run, tmp_path: Path) -> None:
    csl("-w-", "-l", "log", text="(list 1\n2)\n(car 5)\n")
    first, _, rest = (tmp_path / "log").read_text().partition("\n")
    assert first.startswith("+++ Transcript to log started at ")
    assert rest == ("(list 1\n2)\n(1 2)\n\n(car 5)\n+++ Error attempt to take car of an atom: 5\n\n"
                    "... continuing after error\n\n\n+++ Transcript closed at end of run +++\n")
    csl("-w-", text="(spool 'log)\n(print 2)\n(spool)\n(print 3)\n")
    assert (tmp_path / "log").read_text().partition("\n")[2] == (
        "\nt\n\n(print 2)2\n\n2\n\n(spool)\n+++ End of transcript +++\n")


def test_interrupt(tmp_path: Path) -> None:
    import signal
    import time
    process = subprocess.Popen([sys.executable, "-m", "csl_native", "-q", "-e", "(print 'ready)", "-e", "(flush)",
                                "-e", "(prog nil l (go l))", "-e", "(print 'after)"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=30)
    assert out == "\n+++ Error Interrupted\nafter\n"


def test_interrupt_of_a_read(tmp_path: Path) -> None:
    """Standard input is a pipe in which there is nothing."""
    import signal
    import time
    process = subprocess.Popen([sys.executable, "-m", "csl_native", "-q"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None and process.stdout is not None
    process.stdin.write("(progn (print 'ready) (flush))\n")
    process.stdin.flush()
    assert process.stdout.readline() == "ready\n"
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    time.sleep(0.2)
    out, _ = process.communicate("(print 'after)\n", timeout=30)
    assert out == "\n+++ Error Interrupted\nafter\n"


def test_preserve_and_restart(csl: Run, tmp_path: Path) -> None:
    text = "(de hello () (print 'hello!-again)) (setq kept 42) (preserve 'hello \"A banner\")"
    done = csl("-q", "-z", "-o", "new.img", text=text)
    assert done.returncode == 0, done.stderr
    assert csl("-q", "-i", "new.img", "-e", "(print kept)").stdout == "hello-again\n42\n".replace("-", "!-")
    assert csl("-i", "new.img", "-n", "-e", "(print kept)").stdout == "A banner\n(print kept)42\n => 42\n> "
    text = ("(setq x 1) (preserve nil nil t) (print (list x 'after)) (setq x 2) (restart!-csl t) (print x) "
            "(de f (a) (print (list 'f a)))"
            "(preserve nil nil t) (restart!-csl nil) (print (boundp 'x)) (restart!-csl 'f '(1 2)) (print 'not!-read)")
    assert csl("-q", "-z", "-o", "two.img", text=text).stdout == "(1 after)\n1\nnil\n(f (1 2))\n"


def test_a_link_of_another_name_has_an_image_of_that_name(tmp_path: Path) -> None:
    (tmp_path / "start").write_text(f"#!{sys.executable}\nfrom csl_native.app.cli import program\nprogram()\n")
    (tmp_path / "start").chmod(0o755)
    (tmp_path / "algebra").symlink_to("start")

    def algebra(*arguments: str) -> str:
        return subprocess.run(["./algebra", "-Q", *arguments], cwd=tmp_path, input="(print kept)", capture_output=True,
                              text=True, check=True).stdout
    (tmp_path / "make.lsp").write_text("(setq kept 42) (preserve)")
    algebra("-z", "make.lsp", "-o-")
    assert algebra() == algebra("-I-") == algebra("-i", "algebra.img") == "42\n"
    assert algebra("-z") == "\n+++ Error unset variable: kept\n"


def test_a_restart_function_reads_the_input(csl: Run, tmp_path: Path) -> None:
    csl("-q", "-z", "-o", "reads.img", text="(de reads () (print (list (readch) (readch)))) (preserve 'reads)")
    (tmp_path / "f").write_text("cd")
    assert csl("-q", "-i", "reads.img", text="ab").stdout == "(a b)\n"
    assert csl("-q", "-i", "reads.img", "f", text="ab").stdout == "(c d)\n"


def test_hundreds_of_restarts_read_on(csl: Run) -> None:
    text = "(setq n 0) (preserve nil nil t)" + "(restart!-csl t)" * 40 + "(print n)"
    done = csl("-q", "-z", "-o", "r.img", text=text, timeout=200)
    assert done.stdout == "0\n"


def test_a_restart_leaves_nothing_of_the_session_before() -> None:
    """Sessions refer to themselves, and would wait for a full collection, which seldom comes."""
    program = ("import gc, sys\nfrom csl_native.app.toplevel import TopLevel as T\n"
               "from csl_native.session.session import Session\nold, most = T.replace, [0]\n"
               "def replace(self, path):\n    old(self, path)\n"
               "    most.append(sum(isinstance(x, Session) for x in gc.get_objects()))\n"
               "T.replace = replace\nfrom csl_native.app.cli import main\nmain(['-q'])\nprint(len(most), max(most))")
    done = subprocess.run([sys.executable, "-c", program], input="(restart!-csl nil)" * 12, capture_output=True,
                          text=True, timeout=200, check=True)
    restarts, sessions = map(int, done.stdout.split())
    assert restarts == 13 and sessions <= 3


def quiet(text: str) -> str:
    """What was said less how far compiling is, which is told when it takes long."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("csl: compiling "))


@needs_native
def test_native_compile_writes_an_image(csl: Run, tmp_path: Path) -> None:
    (tmp_path / "f.lsp").write_text("(de sq (x) (times x x))")
    done = csl("-q", "--native-compile", "all", "-o", "f.img", "f.lsp")
    assert done.returncode == 0 and quiet(done.stderr) == "" and done.stdout == ""
    assert csl("-q", "--explain", "-i", "f.img", "-e", "(print (sq 12))").stdout == "144\n"
    rows = json.loads(image_tool("functions", str(tmp_path / "f.img"), "--json").stdout)["result"]
    row = next(r for r in rows if r["function"] == "sq")
    assert None not in row.values() and len(row) > 1
    listing = image_tool("disasm", str(tmp_path / "f.img"), "sq").stdout
    assert "times" in listing and "entry_times2" in listing and "ret" in listing


@needs_native
def test_a_program_that_preserves_is_compiled_too(csl: Run, tmp_path: Path) -> None:
    """``preserve`` ends the program, not what the command line asks for; what would not be kept is said."""
    (tmp_path / "f.lsp").write_text("(de sq (x) (times x x))\n(preserve)\n")
    done = csl("-q", "--native-compile", "all", "-o", "p.img", "f.lsp")
    assert (done.returncode, quiet(done.stderr)) == (0, "")
    assert csl("-q", "--explain", "-i", "p.img", "-e", "(print (sq 12))").stderr == ""
    assert "--native-compile without -o FILE" in csl("-q", "--native-compile", "sq", "-e", "(de sq (x) x)").stderr


def test_gc_stress_and_engines_agree(csl: Run) -> None:
    form = "(print (mapcar '(1 2 3) (function (lambda (x) (expt 7 (times 20 x))))))"
    outputs = {csl("-q", *options, "-e", form).stdout
               for options in ([], ["--gc-stress"], ["--engine", "python"], ["--native=off"])}
    assert len(outputs) == 1


def test_size_accounts_for_every_byte_and_thin_keeps_tags(tmp_path: Path) -> None:
    rows = json.loads(image_tool("size", base_image(), "--json").stdout)["result"]
    top = [row for row in rows if not row["what"].startswith("  ")]
    assert sum(row["bytes"] for row in top[:-1]) == top[-1]["bytes"] == Path(base_image()).stat().st_size
    for name in {row["what"].split()[0] for row in rows if row["what"].startswith("  ")}:
        inner = sum(row["bytes"] for row in rows if row["what"].startswith(f"  {name}"))
        assert inner == next(row["bytes"] for row in top if row["what"] == name)
    copy = tmp_path / "x.img"
    copy.write_bytes(Path(base_image()).read_bytes())
    before = copy.read_bytes()
    refused = image_tool("thin", str(copy), "--tag", "s390x")
    assert refused.returncode == 2 and "has no pages for s390x" in refused.stderr and copy.read_bytes() == before
    update(copy, [Section("functions-26", b"its pages", raw=True, info={"tag": by_name("s390x").tag, "abi": "x"})])
    assert image_tool("thin", str(copy), "--tag", "s390x").returncode == 0
    with Image(copy) as image:
        assert (image.read("functions-26") == b"its pages"
                and not any(name.startswith("kernel-") for name in image.sections))


@pytest.mark.parametrize("command", ["info", "functions", "relocs", "verify", "why", "size"])
def test_image_tool_on_the_base_image(command: str) -> None:
    done = image_tool(command, base_image())
    assert done.returncode == (1 if command == "why" and not machine_runs_natively() else 0), done.stderr
    assert done.stdout.strip()
    json.loads(image_tool(command, base_image(), "--json").stdout)


def test_image_tool_for_another_tag() -> None:
    done = image_tool("why", base_image(), "--tag", "aarch64")
    assert done.returncode == 1 and "[no-set]" in done.stdout
    assert image_tool("why", base_image(), "--tag", "vax").returncode == 2
    for target, message in (("x86-64-v9", "x86-64 has no feature v9 to take away"), ("x86-64+,", "'+' in the target"),
                            ("vax+x", "no architecture 'vax'")):
        done = image_tool("check", base_image(), "--target", target)
        assert done.returncode == 2 and message in done.stderr


@pytest.mark.parametrize("command", ["info", "functions", "disasm", "relocs", "verify", "why"])
def test_image_tool_on_damage(command: str, tmp_path: Path) -> None:
    extra = ["neq"] if command == "disasm" else []
    raw = Path(base_image()).read_bytes()
    bad = tmp_path / "bad.img"
    with Image(base_image()) as image:
        used = [(s.offset, s.offset + s.stored) for s in image.sections.values()]
    for cut in (0, 10, 600, 5000, len(raw) // 2, len(raw) - 10):
        bad.write_bytes(raw[:cut])
        done = image_tool(command, str(bad), *extra)
        assert done.returncode == 2 and "Traceback" not in done.stderr and str(bad) in done.stderr
    for place in range(4200, len(raw), len(raw) // 7):
        damaged = bytearray(raw)
        damaged[place] ^= 255
        bad.write_bytes(damaged)
        done: Any = image_tool(command, str(bad), *extra)
        assert done.returncode in (0, 1, 2) and "Traceback" not in done.stderr
        if command == "verify":
            assert done.returncode != 0 or not any(start <= place < end
                                                   for start, end in used), ("only padding may be damaged unseen")


def test_a_prompt_on_a_terminal(tmp_path: Path) -> None:
    """On a terminal there is a prompt, and values are shown; the end of the input ends the program."""
    import os
    import pty
    import select
    import time
    pid, fd = pty.fork()
    if pid == 0:
        os.environ["TERM"] = "dumb"
        os.chdir(tmp_path)
        os.execv(sys.executable, [sys.executable, "-m", "csl_native"])
    seen, deadline, sent = b"", time.monotonic() + 40, 0
    # out of the break level, and out
    steps = [(b"> ", b"(plus 1 41)\r"), (b"42", b"(car 5)\r"), (b"car of an atom", b"\x04"),
             (b"car of an atom", b"\x04")]
    while time.monotonic() < deadline:
        if select.select([fd], [], [], 0.2)[0]:
            try:
                data = os.read(fd, 4096)
            except OSError:
                break
            if not data:
                break
            seen += data
        if sent < len(steps) and steps[sent][0] in seen:
            time.sleep(0.3)
            os.write(fd, steps[sent][1])
            sent += 1
    else:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    assert b"42" in seen and b"attempt to take car of an atom: 5" in seen and os.waitstatus_to_exitcode(status) == 0, (
        seen)


@needs_native
def test_adding_and_dropping_a_tag_leaves_the_rest(tmp_path: Path) -> None:
    """Cross-compilation into an image and out of it: all other sections stay byte for byte, and adding is a pure
    function.
    """
    from csl_native.image.container import Image
    other = "aarch64" if host_name() != "aarch64" else "x86-64"
    paths = [tmp_path / "a.img", tmp_path / "b.img"]
    for path in paths:
        path.write_bytes(Path(base_image()).read_bytes())
        done = image_tool("add", str(path), "--tag", other)
        assert done.returncode == 0, done.stderr
    with Image(paths[0]) as a, Image(paths[1]) as b, Image(base_image()) as base:
        assert {n: a.read(n) for n in a.sections} == {n: b.read(n) for n in b.sections}
        for name in ("kernel", "functions"):
            own = next(n for n in base.sections if n.startswith(name + "-"))
            assert a.read(own) == base.read(own)
        before = {n: a.read(n) for n in a.sections}
    assert image_tool("drop", str(paths[0]), "--tag", other).returncode == 0
    with Image(paths[0]) as dropped:
        assert {n: dropped.read(n) for n in dropped.sections} == {n: d
                                                                  for n, d in before.items() if n in dropped.sections}
        assert len(dropped.sections) == len(before) - 3
    assert image_tool("drop", str(paths[0]), "--tag", other).returncode == 2
    assert image_tool("add", str(paths[0]), "--tag", "vax").returncode == 2


def host_name() -> str:
    from csl_native.architectures import host
    architecture = host()
    return architecture.name if architecture else ""


def test_verbose_reports_collections(csl: Run) -> None:
    done = csl("-v", "-q", "-e", "(progn (reclaim) (print (lessp 0 (cdr (assoc 'collections (gc!-statistics))))) "
                                 "(print (fixp (gctime))))")
    assert done.stdout == "t\nt\n" and "full collection" in done.stderr and "live" in done.stderr


def test_random_numbers_follow_the_seed(csl: Run) -> None:
    one, two, three = (csl("-q", "-r", seed, "-e", "(print (random 1000000000))").stdout for seed in ("1", "1", "2"))
    assert one == two != three
    assert "m: no such module" in csl("-t", "m").stderr


def test_files_that_were_read(csl: Run, tmp_path: Path) -> None:
    (tmp_path / "a.lsp").write_text('(close (open "b.lsp" (quote input))) (load "b.lsp")')
    (tmp_path / "b.lsp").write_text("1")
    csl("-q", "-j", "deps", "a.lsp")
    assert (tmp_path / "deps").read_text() == "a.lsp\nb.lsp\n"


@needs_native
def test_functions_that_cannot_be_compiled_are_named(csl: Run, tmp_path: Path) -> None:
    (tmp_path / "f.lsp").write_text("(de ok (x) x) (de var (x &optional y) y)".replace("&", "!&"))
    done = csl("-q", "--native-compile", "ok,var,nosuch", "-o", "f.img", "f.lsp")
    assert (done.returncode == 1 and "var: runs as bytecode [not-compilable]" in done.stderr
            and "nosuch: runs as bytecode [no-bytecode]" in done.stderr)
    assert csl("-q", "-i", "f.img", "-e", "(print (list (ok 1) (var 1 2)))").stdout == "(1 2)\n"


def test_starting_reads_no_compiler(csl: Run) -> None:
    """What only compiling, relocating under CPython and other machines need is not imported before it is used."""
    script = ("import sys\nfrom csl_native.app.cli import main\nmain(['-q', '-e', 'nil'])\n"
              "heavy = ('native.compiler', 'native.elf', 'native.workers', 'engines.weave', 'restricted.llvm', "
              "'restricted.checker', 'tools')\n"
              "print([name for name in heavy if 'csl_native.' + name in sys.modules], 'llvmlite' in sys.modules)")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                          check=True)
    assert done.stdout.splitlines()[-1] == "[] False"


PROFILED = ("(progn (de inner (n) (prog (x) top (cond ((zerop n) (return x))) (setq x (cons n nil)) (setq n (sub1 n)) "
            "(go top)))"
            "(de outer (n) (prog () top (cond ((zerop n) (return nil))) (inner 20000) (setq n (sub1 n)) (go top))))")


@pytest.mark.parametrize("tier", [["--jit=-1"], []], ids=["bytecode", "jit"])
def test_a_profile(csl: Run, tmp_path: Path, tier: list[str]) -> None:
    """Stacks of functions, the outermost first; what runs longest is seen most often, and the table has it first."""
    done = csl("-q", *tier, "--profile=out.txt", "-e", PROFILED, "-e", "(outer 4000)")
    rows = dict(line.rsplit(" ", 1) for line in (tmp_path / "out.txt").read_text().splitlines())
    longest = max(rows, key=lambda stack: int(rows[stack]))
    assert longest.removesuffix(";[collect]") == "outer;inner", rows  # which of the two hangs on the machine
    table = [line.split() for line in done.stderr.splitlines()]
    assert table[0][:2] == ["csl:", "profile:"] and int(table[0][2]) == sum(map(int, rows.values()))
    assert "inner" in (table[2][-1], table[3][-1]) and table[1][1:] == ["self", "total", "function"]


def test_a_profile_names_functions_in_python(csl: Run) -> None:
    done = csl("-q", "--profile", "-e",
               "(de many (n) (prog () top (cond ((zerop n) (return nil))) (getenv 'home) (setq n (sub1 n)) "
               "(go top)))", "-e", "(many 40000)")
    names = [line.split()[-1] for line in done.stderr.splitlines()]
    assert names[2] == "getenv", done.stderr
    assert "name of a file" in csl("--profile=", "-e", "nil").stderr


def test_scripts_for_the_original(csl: Run, tmp_path: Path) -> None:
    """With -w- options are as the original has them."""
    (tmp_path / "a.lsp").write_text("(plus 1 2)\n(stop 3)\n")
    (tmp_path / "b.lsp").write_text("(plus 2 2)\n")
    done = csl("-w-", "-q", "a.lsp", "b.lsp")
    assert (done.stdout, done.returncode) == ("\n3\n\n4\n", 3)
    done = csl("-w-", "-q", "-e", "(stop 7)")
    assert (done.stdout, done.returncode) == ("(stop 7)\n", 1)
    done = csl("-w-", "-i", "absent.img")
    assert (done.stdout, done.returncode) == ('\n+++ Image file "absent.img(InitialImage)" can not be read\n', 1)
    (tmp_path / "c.lsp").write_text("(setq c 5)\n(preserve)\n")
    assert csl("-w-", "-o", "n.img", "c.lsp").returncode == 1, "there is no image to begin with"
    csl("-w-", "-i", base_image(), "-o", "n.img", "c.lsp")
    assert csl("-w-", "-o", "n.img", text="c\n").stdout == "> \n5\n> "
    lines = csl("-w-", "-v", "b.lsp").stdout.splitlines()
    assert [line for line in lines if "csl-native" not in line and "Created" not in line and "Memory" not in line
            and "There " not in line] == [
        "", "", "", '+++ About to read file "b.lsp"', "(plus 2 2)", "4", "", "", "", lines[-1]]
    assert lines[-1].startswith("End of Lisp run after ")
