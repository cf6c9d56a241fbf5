"""The same image file on Windows, natively and as bytecode: a CPython for Windows under wine, which has nothing of
Linux in it.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from csl_native import Session, restore

from . import windows
from .conftest import ROOT, needs_native
from .emulation import Unavailable
from .test_corpus import CORPUS, PROGRAMS, program
from .test_emulation import ATTACH, SCRIPT, SPIN, TYPED, foretold, images, prefixed, printed, put_bytes
from .windows import windows_path

__all__ = ["images"]  # the fixture
pytestmark = [pytest.mark.slow, needs_native]
exhaustive = pytest.mark.exhaustive
MODULE = ["-m", "csl_native", "-q", "-k", "64M"]
BYTECODED = ("bareiss", "deriv", "hashes", "stak", "strings", "takl")
TAG = "x86-64-windows"


@pytest.fixture(scope="session")
def python() -> list[str]:
    """The command of a Python for Windows that runs here."""
    try:
        return windows.python()
    except Unavailable as error:
        pytest.skip(f"no Windows: {error}")


def there(python: list[str], *arguments: str, text: str = "",
          cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*python, *arguments], input=text, capture_output=True, encoding="utf-8", timeout=280,
                          check=False, cwd=cwd,
                          env={**os.environ, **windows.ENVIRONMENT})


@pytest.fixture(scope="session")
def python_if_there(request: pytest.FixtureRequest) -> list[str]:
    """The same where wine is installed, for what CI runs: nothing is installed for that."""
    if shutil.which("wine") is None:
        pytest.skip("no Windows: wine is not installed")
    found: list[str] = request.getfixturevalue("python")
    return found


# Functions that the C library has here and there, by native thunks; and some that Windows alone has, by libffi.
PLAIN = """(define!-foreign 'c!-cos nil "cos" 'double '(double))
(define!-foreign 'c!-ldexp nil "ldexp" 'double '(double int32))
(define!-foreign 'c!-llabs nil "llabs" 'int64 '(int64)) (define!-foreign 'c!-powf nil "powf" 'float '(float float))
(define!-foreign 'c!-fma nil "fma" 'double '(double double double)) (define!-foreign 'c!-abs nil "abs" 'int32 '(int32))
(define!-foreign 'c!-toupper nil "toupper" 'int '(int)) (define!-foreign 'c!-scalbln nil "lround" 'int32 '(double))
(de plain!-main () (print (list (c!-cos 0.0) (c!-ldexp 1.5 -2) (c!-llabs -1234567890123) (c!-powf 2.0 0.5)
  (c!-fma 2.0 3.0 4.0) (c!-abs -7)
  (c!-toupper 113) (c!-scalbln -2.5))))"""
PLAIN_PRINTS = "(1.0 0.375 1234567890123 1.41421 10.0 7 81 -3)\n"
FOREIGN = """(define!-foreign 'c!-muldiv "kernel32" "MulDiv" 'int32 '(int32 int32 int32))
(define!-foreign 'c!-rotate "msvcrt" "_rotl" 'uint32 '(uint32 int32))
(define!-foreign 'c!-qsort "msvcrt" "qsort" 'void '(pointer size size (callback int (pointer pointer))))
(define!-foreign 'c!-labs "msvcrt" "labs" 'long '(long))
(foreign!-structure 'pair '((quot int) (rem int))) (define!-foreign 'c!-div "msvcrt" "div" 'pair '(int int))
(define!-foreign 'c!-snprintf "msvcrt" "_snprintf" 'int '(pointer size string &rest))
(prog (v) (setq v (mkvect32 3)) (putv32 v 0 9) (putv32 v 1 -3) (putv32 v 2 7)
  (c!-qsort v 4 4 (function (lambda (a b) (difference (foreign!-ref a 'int32) (foreign!-ref b 'int32))))) (print v))
(print (list (c!-muldiv 7 -9 3) (c!-rotate 2147483649 1) (c!-labs -2147483647)
  (errorset '(c!-labs 2147483648) nil nil)))
(print (c!-div 17 -5)) (print (c!-snprintf (mkvect8 63) 64 "%s %.2f %s" "hi" 2.5 "there"))"""
FOREIGN_PRINTS = "#V32(-3 0 7 9)\n(-21 3 2147483647 nil)\n[-3 2]\n13\n"


def image_of(images: Path, name: str) -> Path:
    """``base``: the base image with the kernel for Windows, too; ``all``: with what the tests here run, compiled for
    here and there.
    """
    path = images / f"windows-{name}.img"
    # made by the first of the processes that want it, while the others wait
    with open(f"{path}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            s = Session(heap=64 << 20) if name == "base" else restore(image_of(images, "base"), heap=64 << 20)
            if name == "all":
                for text in (*(prefixed(each) for each in PROGRAMS), SPIN, PLAIN, TYPED):
                    s.eval(text)
            s.native_compile()
            s.add_tags([TAG])
            s.preserve(f"{path}.new")
            s.close()
            os.replace(f"{path}.new", path)
    return path


def check_programs(python: list[str], image: Path, names: list[str], *options: str) -> None:
    calls = [part for name in names for part in ("-e", f"({name}!-main)")]
    done = there(python, *MODULE, "--explain", *options, "-i", windows_path(image), *calls)
    for name in names:
        assert printed(name,
                       done.stdout) == (CORPUS / "programs" / f"{name}.small.expected").read_text(), (name, done.stderr)
    assert done.stderr == "", "everything runs natively, and nothing says otherwise"


def test_a_sample_runs_natively(python_if_there: list[str], images: Path, tmp_path: Path) -> None:
    """Programs, C functions by native thunks, callbacks and structures, and typed procedures."""
    check_programs(python_if_there, image_of(images, "all"), ["bareiss", "deriv", "fft", "hashes"])
    (tmp_path / "foreign.lsp").write_text(FOREIGN, encoding="utf-8")
    done = there(python_if_there, *MODULE, "--explain", "-i", windows_path(image_of(images, "all")),
                 windows_path(tmp_path / "foreign.lsp"), "-e", "(plain!-main)", "-e", "(typed!-main)",
                 "-e", "(print (list (sin 1.0) (cdr (assoc 'native lispsystem!*)) (cdr (assoc 'opsys lispsystem!*))))")
    assert (done.stdout.startswith(f"{PLAIN_PRINTS}(1 120 2432902008176640000 -4249290049419214848)\n")
            and done.stderr == ""), done.stderr
    assert done.stdout.endswith(f"(9 225 -1 1099511627818)\n(0.841471 20 win64)\n{FOREIGN_PRINTS}")


@exhaustive
def test_all_programs_run_natively(python: list[str], images: Path) -> None:
    check_programs(python, image_of(images, "all"), PROGRAMS)


@exhaustive
def test_collector_stress(python: list[str], images: Path) -> None:
    check_programs(python, image_of(images, "all"), ["deriv", "bareiss"], "--gc-stress")


@exhaustive
def test_stencils(python: list[str], images: Path, tmp_path: Path) -> None:
    """Compiled at the first call by stencils; there is no llvmlite there."""
    names = ["deriv", "frpoly", "stak", "strings"]
    (tmp_path / "p.lsp").write_text("".join(f"{prefixed(name)}({name}!-main)\n" for name in names), encoding="utf-8")
    done = there(python, *MODULE, "--jit", "0", "--stats", "-i", windows_path(image_of(images, "base")),
                 windows_path(tmp_path / "p.lsp"))
    for name in names:
        assert printed(name,
                       done.stdout) == (CORPUS / "programs" / f"{name}.small.expected").read_text(), (name, done.stderr)
    made = re.search(r"(\d+) functions compiled by stencils in .*, 0 by LLVM", done.stderr)
    assert made is not None and int(made[1]) > 12 and "refused" not in done.stderr


@exhaustive
@pytest.mark.parametrize("tier", ["stencil", "compiled ahead"])
def test_running_frames_move_into_a_debugger(python: list[str], images: Path, tier: str) -> None:
    image = windows_path(image_of(images, "base" if tier == "stencil" else "all"))
    done = there(python, "-c", ATTACH, *([image, "0", SPIN] if tier == "stencil" else [image, "-1"]))
    assert done.stdout.splitlines() == [tier, "[('spin', '3')] done 3 0"], done.stderr


@exhaustive
def test_callbacks_and_threads(python: list[str], images: Path) -> None:
    """Machine code that calls Python that calls machine code, 50 deep; errors through both; three sessions in three
    threads.
    """
    done = there(python, "-c", SCRIPT, windows_path(image_of(images, "all")))
    one = [50, restore(image_of(images, "all"), heap=64 << 20).eval("(tak!-takr 9 6 3)"), 7, 4, 7]
    assert done.stdout.strip() == f"{[one] * 3} [[], [], []]", done.stderr


@exhaustive
def test_deep_recursion(python: list[str], images: Path) -> None:
    """Half a million frames, and an overflow that is an error."""
    done = there(python, *MODULE, "-i", windows_path(image_of(images, "base")), "-e",
                 "(de deep (n) (cond ((zerop n) 0) (t (add1 (deep (sub1 n))))))", "-e", "(print (deep 500000))", "-e",
                 "(print (errorset '(deep 10000000) t nil))", "-e", "(print (deep 500000))")
    assert done.stdout.split() == ["500000", "+++", "Error", "Stack", "overflow", "nil", "500000"], done.stderr


@exhaustive
def test_hand_made_code(python: list[str], images: Path, tmp_path: Path) -> None:
    """lea rax, [rdx + 8]; ret: base, environment and argument come as on Linux, because only C has the other
    convention.
    """
    code = bytes.fromhex("488d4208c3")
    make = f"(de plus!-one (x) (list 'bytecode x)) (setq v (make!-native {8 + len(code)}))" + put_bytes("v", code)
    (tmp_path / "make.lsp").write_text(make + "(symbol!-set!-native 'plus!-one 1 v 8 nil) (print (plus!-one 41))",
                                       encoding="utf-8")
    done = there(python, *MODULE, "-i", windows_path(image_of(images, "base")), windows_path(tmp_path / "make.lsp"))
    assert done.stdout.strip().splitlines()[-1:] == ["42"], done.stdout + done.stderr


@exhaustive
def test_preserved_there_and_restored_here_and_there_again(python: list[str], images: Path, tmp_path: Path) -> None:
    copy = tmp_path / "there.img"
    copy.write_bytes(image_of(images, "all").read_bytes())
    form = '(setq from!-there (list 1 2.5 (expt 2 100) "text"))'
    done = there(python, *MODULE, "-i", windows_path(copy), "-o", windows_path(copy), "-e", form, "-e", "(preserve)")
    assert done.returncode == 0, done.stderr
    s = restore(copy, heap=64 << 20)
    assert s.explain() == [] and s.eval("(list (caddr from!-there) (tak!-takr 12 8 4))") == [1 << 100, 5]
    s.eval("(setq from!-here (times 3 (caddr from!-there)))")
    s.preserve(copy)
    s.close()
    done = there(python, *MODULE, "--explain", "-i", windows_path(copy), "-e",
                 "(print (list from!-there from!-here (tak!-takr 12 8 4)))")
    assert done.stderr == "" and done.stdout.split() == f'((1 2.5 {1 << 100} "text") {3 << 100} 5)'.split()


@exhaustive
def test_it_is_foretold(python: list[str], images: Path, tmp_path: Path) -> None:
    """What csl-image says here of a machine there is what that machine says."""
    path = tmp_path / "x.img"
    path.write_bytes(image_of(images, "all").read_bytes())
    s = restore(path, heap=64 << 20)
    s.eval("(de late (x) x)")
    s.native_compile(["late"])
    s.preserve(path)
    s.close()
    told = foretold(path, TAG)
    assert told == {"late": "no-set"}
    done = there(python, "-m", "csl_native.tools.csl_image", "why", windows_path(path), "--json")
    assert {row["function"]: row["code"] for row in json.loads(done.stdout)["result"]} == told


@exhaustive
def test_it_starts_and_says_why(python: list[str], tmp_path: Path) -> None:
    """This checkout has no code of that tag; output is UTF-8, whatever the console's code page; paths have backslashes.
    """
    name = windows_path(tmp_path / "out.txt")
    forms = ["(print (list (sin 1.0) (expt 3 50) (cdr (assoc 'native lispsystem!*)) "
             "(cdr (assoc 'opsys lispsystem!*))))", '(progn (prin2 "Grüße λ") (terpri))',
             f'(progn (setq s (open "{name}" \'output)) (wrs s) (prin2 "é") (terpri) (wrs nil) (close s))',
             f'(print (list (filep "{name}") (filep "{name}x")))',
             f'(progn (setq s (open "{name}" \'input)) (rds s) (prin2 (readline)) (terpri) (rds nil))']
    done = there(python, *MODULE, "--explain", *(part for form in forms for part in ("-e", form)))
    assert done.stdout == f"(0.841471 {3 ** 50} 20 win64)\nGrüße λ\n(t nil)\né\n", done.stderr
    assert done.stderr.count("[no-set]") == 1
    assert (tmp_path / "out.txt").read_bytes() == "é\n".encode()


@exhaustive
def test_programs_as_bytecode(python: list[str], tmp_path: Path) -> None:
    path = tmp_path / "all programs.lsp"
    path.write_text("".join(program(name, small=True) + "\n(main)\n" for name in BYTECODED))
    done = there(python, *MODULE, windows_path(path))
    for name in BYTECODED:
        assert printed(name,
                       done.stdout) == (CORPUS / "programs" / f"{name}.small.expected").read_text(), (name, done.stderr)


@exhaustive
@pytest.mark.parametrize("how", ["natively", "by stencils"])
def test_conformance(python: list[str], images: Path, how: str) -> None:
    """The kernel there gives the same answers as this one's to every case of the corpus."""
    total = re.search(r"\*\*all\*\* \| (\d+) \| (\d+) \|",
                      (ROOT / "docs" / "CONFORMANCE.md").read_text(encoding="utf-8"))
    assert total is not None
    command = [*python, *MODULE, "--jit", "-1" if how == "natively" else "0", "-i",
               windows_path(image_of(images, "base")), "{}"]
    done = subprocess.run([sys.executable, str(CORPUS / "run.py"), "--json", "-", "--no-programs", "--timeout", "250",
                           *command], capture_output=True,
                          text=True, timeout=1500, check=False,
                          env={**os.environ, "PYTHONPATH": str(ROOT), **windows.ENVIRONMENT})
    report = json.loads(done.stdout)["conformance"]
    assert (report["cases"], report["passed"]) == (int(total[1]), int(total[2])), done.stderr[-4000:]


@exhaustive
def test_conformance_as_bytecode(python: list[str]) -> None:
    """A sample of the cases gives what it gives here."""
    def passed(*command: str) -> object:
        only = ["--json", "-", "--no-programs", "--timeout", "250", "--only", "catch|vectors"]
        done = subprocess.run([sys.executable, str(CORPUS / "run.py"), *only, *command, "{}"], capture_output=True,
                              text=True, timeout=600,
                              check=False, env={**os.environ, "PYTHONPATH": str(ROOT), **windows.ENVIRONMENT})
        return json.loads(done.stdout)["conformance"]
    assert passed(*python, *MODULE) == passed(sys.executable, *MODULE)


@exhaustive
def test_images_there_and_back(python: list[str], tmp_path: Path) -> None:
    """Made here with native code for here, run as bytecode and preserved there, native again here; a library of faslout
    in the same way.
    """
    image, library = tmp_path / "x.img", tmp_path / "lib.img"
    s = Session(heap=64 << 20)
    s.eval("(de sq (x) (times x x)) (setq from!-here (list 1 2.5 (expt 2 100) \"é\" (mkvect 2)))")
    s.native_compile(["sq"])
    s.preserve(image)
    s.close()
    done = there(python, *MODULE, "--explain", "-i", windows_path(image), "-o", windows_path(image), "-e",
                 "(print (list (sq 12) from!-here))", "-e", "(setq from!-there (sq (caddr from!-here)))", "-e",
                 "(preserve)")
    assert done.returncode == 0 and re.sub(r"\s", "",
                                           done.stdout) == f'(144(12.5{1 << 100}"#00e9;"[nilnilnil]))', (done.stderr)
    assert "[no-set]" in done.stderr
    done = there(python, *MODULE, "-o", windows_path(library),
                 text="(faslout 'shapes)\n(de area (x) (times x x))\n(faslend)\n")
    assert "Completed FASL files for shapes" in done.stdout, done.stderr
    done = there(python, *MODULE, "-i", windows_path(image), "-i", windows_path(library), "-e",
                 "(load!-module 'shapes)", "-e", "(print (list (area 7) from!-there))")
    assert done.stdout.split() == ["(49", f"{1 << 200})"], done.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["lib.img", "x.img"], "neither temporary files nor locks stay"
    s = restore(image, heap=64 << 20, libraries=[library])
    assert (s.explain() == []
            and s.eval("(list (sq 3) from!-there (progn (load!-module 'shapes) (area 5)))") == [9, 1 << 200, 25])
    s.close()


INTERRUPT = """
import _thread, signal, sys, threading, time
from csl_native.app.cli import main
def later():
    while signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        time.sleep(0.1)
    time.sleep(2)
    _thread.interrupt_main()
threading.Thread(target=later, daemon=True).start()
sys.exit(main(["-q", "-k", "64M", *sys.argv[1:], "-e", "(prog nil loop (go loop))", "-e", "(print 'on)"]))
"""


@exhaustive
@pytest.mark.parametrize("how", ["natively", "by stencils", "bytecode"])
def test_an_interrupt_reaches_a_loop(python: list[str], images: Path, how: str) -> None:
    more = [] if how == "bytecode" else ["-i", windows_path(image_of(images, "base")), "--jit",
                                         "-1" if how == "natively" else "0"]
    done = there(python, "-c", INTERRUPT, *more)
    assert done.stdout.endswith("on\n") and done.returncode == 0, (done.stdout, done.stderr)
