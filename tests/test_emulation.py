"""The same image file on every other architecture, under emulation: natively, as bytecode, there and back.

The pictures of foreign machines come from ``emulation.py``; nothing there has llvmlite.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from csl_native import Session, restore
from csl_native.architectures import by_name, host
from csl_native.engines.record import engines
from csl_native.image.container import Image
from csl_native.tools.csl_image import main as csl_image

from . import emulation
from .conftest import ROOT, needs_native, sign_again
from .test_corpus import CORPUS, PROGRAMS, program
from .test_debugger import LOOPS

pytestmark = [pytest.mark.slow, needs_native]
MODULE = ["-m", "csl_native", "-q", "-k", "64M"]


SPIN = f"(fluid '(enough!* rounds!*)) (setq enough!* nil) (setq rounds!* 0) {LOOPS['words']}"
ATTACH = """
import sys, threading, time
from csl_native.runtime.debugger import Debugger
from csl_native.heap.objects import SYM_ENV
from csl_native import restore
s = restore(sys.argv[1], heap=64 << 20, jit=int(sys.argv[2]))
m, seen, result = s.machine, [], []
if len(sys.argv) > 3:
    s.eval(sys.argv[3])
def stop(debugger, stop):
    seen.append((stop.frame.name, debugger.show(stop.locals[0])))
    m.set_value(m.intern("enough*"), m.intern("t"))
    debugger.clear("spin")
thread = threading.Thread(target=lambda: result.append(s.eval("(spin 3)")))
thread.start()
while m.value(m.intern("rounds*")) >> 3 < 1000:
    time.sleep(0.01)
print(*(compiled.tier for compiled in s.lisp.jit.functions.values()) if s.lisp.jit is not None else ["compiled ahead"]
  if not s.explain() else s.explain())
debugger = Debugger(s, stop)
with debugger:
    place = [at for at, item in debugger._listing(m.field(m.intern("spin"), SYM_ENV))[3].items() if item.row.name ==
      "plus"][-1]
    debugger.break_at("spin", place)
    thread.join()
print(seen, result[0][0], result[0][1][0], result[0][1][1] % 3)
"""


# The machines on which what takes long is tried in CI: one whose bytes are in the other order, one of 32 bits.
SAMPLE = ("s390x", "armv7")


@pytest.fixture(scope="session", params=list(emulation.MACHINES))
def machine(request: pytest.FixtureRequest) -> str:
    """The name of a foreign architecture whose Python runs here."""
    return available(request)


@pytest.fixture(scope="session", params=[pytest.param(name, marks=[] if name in SAMPLE else [pytest.mark.exhaustive])
                                         for name in emulation.MACHINES])
def sampled(request: pytest.FixtureRequest) -> str:
    """The same, for tests that CI runs on the sample only."""
    return available(request)


def available(request: pytest.FixtureRequest) -> str:
    try:
        emulation.python(request.param)
    except emulation.Unavailable as error:
        pytest.skip(f"no emulation of {request.param}: {error}")
    return str(request.param)


def there(machine: str, *arguments: str, cwd: Path | None = None, cpu: str = "") -> subprocess.CompletedProcess[str]:
    """Run that machine's Python on the sources of this project."""
    command = emulation.python(machine)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([command[0], *(["-cpu", cpu] if cpu else []), *command[1:], *arguments], capture_output=True,
                          text=True, timeout=280, check=False,
                          env=environment, cwd=cwd, stdin=subprocess.DEVNULL)


@pytest.fixture(scope="session")
def images() -> Path:
    """A folder that all processes of this run of the tests share, beside the keys that seal what is in it."""
    folder = Path(os.environ["XDG_CONFIG_HOME"]) / "images-of-all-tags"
    folder.mkdir(exist_ok=True)
    return folder


def image_of(images: Path, name: str) -> Path:
    """``base``: the base image with the kernels of all machines; ``all``: what the tests here run, compiled for all of
    them, in one file.
    """
    path = images / f"{name}.img"
    with open(f"{path}.lock", "w") as lock:  # made by the first of the processes that want it, while the others wait
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            s = Session(heap=64 << 20) if name == "base" else restore(image_of(images, "base"), heap=64 << 20)
            if name == "all":
                for text in (*(prefixed(each) for each in PROGRAMS), SPIN, FOREIGN, TYPED):
                    s.eval(text)
            s.native_compile()
            s.add_tags(emulation.MACHINES)
            s.preserve(f"{path}.new")
            s.close()
            os.replace(f"{path}.new", path)
    return path


def prefixed(name: str) -> str:
    """A program of the corpus whose functions and variables begin with its name, so that all programs fit into one
    heap.
    """
    text = program(name, small=True)
    own = {*re.findall(r"(?m)^\(de (\S+)", text),
           *(word for words in re.findall(r"(?m)^\(fluid '\(([^)]*)\)", text) for word in words.split())}
    return re.sub(r"\"[^\"]*\"|[^\s()'\"]+", lambda word: f"{name}!-{word[0]}" if word[0] in own else word[0], text)


def printed(name: str, output: str) -> str | None:
    match = re.search(rf"%%BEGIN {name}\n(.*)%%END {name}\n", output, re.S)
    return match.group(1) if match else None


def check_programs(machine: str, image: Path, names: list[str], *options: str) -> None:
    calls = [part for name in names for part in ("-e", f"({name}!-main)")]
    done = there(machine, *MODULE, "--explain", *options, "-i", str(image), *calls)
    for name in names:
        assert printed(name,
                       done.stdout) == (CORPUS / "programs" / f"{name}.small.expected").read_text(), (name, done.stderr)
    assert done.stderr == "", "everything runs natively, and nothing says otherwise"


def test_programs_run_natively_there(machine: str, images: Path) -> None:
    check_programs(machine, image_of(images, "all"), PROGRAMS)


def test_programs_that_stand_alone_there(sampled: str, images: Path, tmp_path: Path) -> None:
    """Made here, of the same functions, and started there without Python."""
    for name in ("deriv", "frpoly", "stak", "strings"):
        program = str(tmp_path / name)
        assert csl_image(["executable", str(image_of(images, "all")), "-o", program, "--tag", sampled, "--main",
                          f"{name}-main"]) == 0
        done = subprocess.run([emulation.emulator(emulation.MACHINES[sampled][1]), program], env={}, text=True,
                              capture_output=True, timeout=280, check=False)
        assert printed(name,
                       done.stdout) == (CORPUS / "programs" / f"{name}.small.expected").read_text(), (name, done.stderr)
        assert (done.returncode, done.stderr) == (0, "")


def test_stencils_there(machine: str, images: Path, tmp_path: Path) -> None:
    """Compiled at the first call by the stencils of that machine, which has no llvmlite."""
    names = ["deriv", "frpoly", "stak", "strings"]
    (tmp_path / "p.lsp").write_text("".join(f"{prefixed(name)}({name}!-main)\n" for name in names))
    done = there(machine, *MODULE, "--jit", "0", "--stats", "-i", str(image_of(images, "base")),
                 str(tmp_path / "p.lsp"))
    for name in names:
        assert printed(name,
                       done.stdout) == (CORPUS / "programs" / f"{name}.small.expected").read_text(), (name, done.stderr)
    made = re.search(r"(\d+) functions compiled by stencils in .*, 0 by LLVM", done.stderr)
    assert made is not None and int(made[1]) > 12 and "refused" not in done.stderr


def test_conformance_by_stencils_there(sampled: str, images: Path) -> None:
    """Catches, errors, loops and calls with any number of arguments give what they give here."""
    def passed(*command: str) -> object:
        only = ["--json", "-", "--no-programs", "--timeout", "250", "--only", "catch|control"]
        done = subprocess.run([sys.executable, str(CORPUS / "run.py"), *only, *command, "{}"], capture_output=True,
                              text=True, timeout=900,
                              check=False, env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"})
        return json.loads(done.stdout)["conformance"]
    base = ["-i", str(image_of(images, "base")), "--jit"]
    assert passed(*emulation.python(sampled), *MODULE, *base, "0") == passed(sys.executable, *MODULE, *base, "-1")


@pytest.mark.parametrize("tier", ["stencil", "compiled ahead"])
def test_running_frames_move_into_a_debugger_there(sampled: str, images: Path, tier: str) -> None:
    """A native loop that calls nothing goes on as bytecode, with its values, when a debugger comes."""
    done = there(sampled, "-c", ATTACH, *([str(image_of(images, "base")), "0", SPIN] if tier == "stencil"
                                          else [str(image_of(images, "all")), "-1"]))
    assert done.stdout == f"{tier}\n[('spin', '3')] done 3 0\n", done.stderr


def test_collector_stress_there(sampled: str, images: Path) -> None:
    check_programs(sampled, image_of(images, "all"), ["deriv", "bareiss"], "--gc-stress")


def test_conformance_there(sampled: str, images: Path) -> None:
    """The kernel of that machine gives the same answers as this one's to every case of the corpus."""
    total = re.search(r"\*\*all\*\* \| (\d+) \| (\d+) \|", (ROOT / "docs" / "CONFORMANCE.md").read_text())
    assert total is not None
    command = [*emulation.python(sampled), *MODULE, "-i", str(image_of(images, "base")), "{}"]
    done = subprocess.run([sys.executable, str(CORPUS / "run.py"), "--json", "-", "--no-programs", "--timeout", "250",
                           *command], capture_output=True,
                          text=True, timeout=1500, check=False,
                          env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"})
    report = json.loads(done.stdout)["conformance"]
    assert (report["cases"], report["passed"]) == (int(total[1]), int(total[2])), done.stderr[-4000:]


def test_every_engine_there(sampled: str, images: Path) -> None:
    """Engines of that machine's kernel run bytecode; the one that needs tail calls is refused where there are none."""
    form = ("(progn (de f (n) (if (lessp n 2) n (plus (f (sub1 n)) (f (difference n 2))))) "
            "(print (list (f 12) (catch 'x (throw 'x 5)))))")
    for engine in (e for e in engines().values() if e.native):
        done = there(sampled, *MODULE, "--native=off", "--engine", engine.name, "-i", str(image_of(images, "base")),
                     "-e", form)
        if engine.tail_calls and not by_name(sampled).tail_calls:
            assert done.returncode == 2 and f"no such engine here: {engine.name}" in done.stderr
        else:
            assert done.stdout == "(144 5)\n", done.stderr


FOREIGN = """(define!-foreign 'c!-cos "libm.so.6" "cos" 'double '(double))
(define!-foreign 'c!-cosf "libm.so.6" "cosf" 'float '(float))
(define!-foreign 'c!-ldexp "libm.so.6" "ldexp" 'double '(double int32))
(define!-foreign 'c!-fma "libm.so.6" "fma" 'double '(double double double))
(define!-foreign 'c!-labs "libc.so.6" "llabs" 'int64 '(int64))
(define!-foreign 'c!-ntohl "libc.so.6" "htonl" 'uint32 '(uint32))
(define!-foreign 'c!-qsort "libc.so.6" "qsort" 'void '(pointer size size (callback int (pointer pointer))))
(foreign!-structure 'pair '((quot int) (rem int))) (define!-foreign 'c!-div "libc.so.6" "div" 'pair '(int int))
(define!-foreign 'c!-snprintf "libc.so.6" "snprintf" 'int '(pointer size string &rest))
(de foreign!-main () (print (list (c!-cos 0.0) (c!-cosf 0.0) (c!-ldexp 1.5 -2) (c!-fma 2.0 3.0 4.0)
  (c!-labs -1234567890123) (c!-ntohl (c!-ntohl 4000000000))))
  (prog (v) (setq v (mkvect32 3)) (putv32 v 0 9) (putv32 v 1 -3) (putv32 v 2 7)
    (c!-qsort v 4 4 (function (lambda (a b) (difference (foreign!-ref a 'int32) (foreign!-ref b 'int32))))) (print v))
  (print (c!-div 17 -5)) (print (c!-snprintf (mkvect8 63) 64 "%s %.2f %s" "hi" 2.5 "there")))"""


def test_c_functions_there(machine: str, images: Path) -> None:
    """Thunks for that machine's convention, made here; callbacks, structures and variable arguments by its libffi."""
    done = there(machine, *MODULE, "--explain", "-i", str(image_of(images, "all")), "-e", "(foreign!-main)")
    assert done.stdout == "(1.0 1.0 0.375 10.0 1234567890123 4000000000)\n#V32(-3 0 7 9)\n[-3 2]\n13\n", done.stderr
    assert done.stderr == ""


TYPED = """(module fact
  (register io word) (register pr word) (register array word 16) (register x word) (register i word) (interface pt io)
  (interface pa array)
  (procedure factorial pt external (jnz io go) (cpi8 1 io) (ret) go (push pr) (cpi8 1 pr) loop (mul io pr pr) (dec io)
    (jnz io loop) (cpb pr io) (pop) (ret))
  (procedure squares pa external (push i) (push x) (push pr) (cpi8 16 pr)
    next (mul i i x) (ste x array i) (inc i) (jg pr i next) (lde array pr x) (pop) (pop) (pop) (ret)))
(assemble "func add_answer int \n const 1, 42 \n add 2, -1, 1 \n ret 2")
(de typed!-main () (prog (v) (setq v (module!-variable 'fact 3))
  (print (mapcar '(0 5 20 21) 'factorial)) (print (errorset (list 'squares (mkquote v)) nil nil))
  (print (list (variable!-get v 3) (variable!-get v 15) (add_answer -43) (add_answer (expt 2 40))))))"""


def test_typed_procedures_there(machine: str, images: Path) -> None:
    """One module's code for all machines; bytes are little-endian on each, an exception is the same."""
    for native in ((), ("--native=off",)):
        done = there(machine, *MODULE, *(native or ("--explain",)), "-i", str(image_of(images, "all")), "-e",
                     "(typed!-main)")
        assert done.stdout.split("\n")[0] == "(1 120 2432902008176640000 -4249290049419214848)", done.stderr
        assert done.stdout.endswith("(9 225 -1 1099511627818)\n") and done.stderr == ""


def test_the_tutorial_there(machine: str, images: Path) -> None:
    """The library that the tutorial makes, for all machines at once."""
    path = images / "tutorial.img"
    if not path.exists():
        text = (Path(__file__).resolve().parent.parent / "docs" / "typed-modules.md").read_text()
        source, library = f"{path}.{os.getpid()}.lsp", f"{path}.{os.getpid()}"
        Path(source).write_text(text[text.index("% factorial.lsp"):].partition("```")[0])
        subprocess.run([sys.executable, "-m", "csl_native", "-q", "-o", library, source], check=True,
                       stdin=subprocess.DEVNULL)
        tags = [word for name in ("x86-64", *emulation.MACHINES) for word in ("--tag", name)]
        subprocess.run([sys.executable, "-m", "csl_native.tools.csl_image", "add", library, *tags], check=True)
        os.replace(library, path)
    form = ("-e", "(load!-module 'fact)", "-e", "(print (mapcar '(0 5 20 21) 'factorial))", "-e",
            "(print (assoc 'native lispsystem!*))")
    done = there(machine, *MODULE, "--explain", "-i", str(image_of(images, "base")), "-i", str(path), *form)
    assert done.stdout.startswith("(1 120 2432902008176640000 -4249290049419214848)\n(native") and done.stderr == "", (
        done.stderr)


def test_bytecode_there(sampled: str, images: Path) -> None:
    done = there(sampled, *MODULE, "--explain", "--native=off", "-i", str(image_of(images, "all")), "-e",
                 "(print (tak!-takr 7 4 1))")
    assert done.stdout == "4\n" and "[switched-off]" in done.stderr


def test_preserved_there_and_restored_here_and_there_again(machine: str, images: Path, tmp_path: Path) -> None:
    image, copy = image_of(images, "all"), tmp_path / "there.img"
    copy.write_bytes(image.read_bytes())
    form = '(setq from!-there (list 1 2.5 (expt 2 100) "text" (mkvect 2) (minus (expt 3 50))))'
    done = there(machine, *MODULE, "-i", str(copy), "-o", str(copy), "-e", form, "-e", "(preserve)")
    assert done.returncode == 0, done.stderr
    with Image(image) as before, Image(copy) as after:
        for name, section in before.sections.items():
            if name not in ("heap", "starts", "instructions"):
                # at its place, or elsewhere where a file that would be half dead was written anew
                found = after.sections[name]
                assert (after.read(name), found.raw,
                        found.digest) == (before.read(name), section.raw, section.digest), name
    s = restore(copy, heap=64 << 20)
    assert (s.explain() == []
            and s.eval("(list (car from!-there) (cadr from!-there) (caddr from!-there))") == [1, 2.5, 1 << 100])
    assert s.eval("(tak!-takr 12 8 4)") == 5
    s.eval("(setq from!-here (times 3 (caddr from!-there)))")
    s.preserve(copy)
    s.close()
    done = there(machine, *MODULE, "--explain", "-i", str(copy), "-e",
                 "(print (list from!-there from!-here (tak!-takr 12 8 4)))")
    assert (done.stderr == "" and done.stdout.split() == (f'(( 1 2.5 {1 << 100} "text" [nil nil nil] {-3 ** 50}) '
                                                          f'{3 << 100} 5)').replace("(( ", "((").split())


def put_bytes(name: str, code: bytes) -> str:
    return "".join(f"(putv!-native {name} {8 + k} {byte} 1)" for k, byte in enumerate(code))


def test_hand_made_code_there(machine: str, images: Path, tmp_path: Path) -> None:
    """Made there and run there; and made here for that machine, preserved, and run there."""
    code = bytes.fromhex(emulation.ADD1[machine][1])
    make = f"(de plus!-one (x) (list 'bytecode x)) (setq v (make!-native {8 + len(code)}))" + put_bytes("v", code)
    (tmp_path / "make.lsp").write_text(make + "(symbol!-set!-native 'plus!-one 1 v 8 nil) (print (plus!-one 41))")
    done = there(machine, *MODULE, "-i", str(image_of(images, "base")), str(tmp_path / "make.lsp"))
    assert done.stdout.strip().splitlines()[-1:] == ["42"], done.stdout + done.stderr
    s = restore(image_of(images, "base"), heap=64 << 20)
    tag = by_name(machine).tag
    s.eval(f"(de plus!-one (x) (list 'bytecode x)) (setq v (make!-native {8 + len(code)} {tag}))"
           + put_bytes("v", code))
    s.eval(f"(symbol!-set!-native 'plus!-one 1 v 8 nil {tag})")
    s.preserve(tmp_path / "x.img")
    assert s.eval("(plus!-one 41)") == [s.eval("'bytecode"), 41]
    s.close()
    done = there(machine, *MODULE, "--explain", "-i", str(tmp_path / "x.img"), "-e", "(print (plus!-one 41))")
    assert (done.stdout, done.stderr) == ("42\n", "")


SCRIPT = """
import sys, threading
from csl_native import LispError, restore
path = sys.argv[1]
sessions = [restore(path, heap=32 << 20) for _ in range(3)]
results = [None] * 3
def work(k):
    s = sessions[k]
    s.eval("(de nest (n) (if (zerop n) 0 (add1 (eval (list 'nest (sub1 n))))))")
    s.eval("(de fails (n) (if (zerop n) (error 7 'deep) (list (fails (sub1 n)))))")
    found = [s.eval("(nest 50)"), s.eval("(tak!-takr 9 6 3)"), s.eval("(errorset '(fails 40) nil nil)"),
      s.function("tak-takr")(7, 4, 1)]
    try:
        s.eval("(fails 3)")
    except LispError as error:
        found.append(error.number)
    results[k] = found
threads = [threading.Thread(target=work, args=(k,)) for k in range(3)]
for t in threads: t.start()
for t in threads: t.join()
print(results, [s.explain() for s in sessions])
"""


def test_callbacks_and_threads_there(machine: str, images: Path) -> None:
    """Machine code that calls Python that calls machine code, 50 deep; errors through both; three sessions in three
    threads.
    """
    done = there(machine, "-c", SCRIPT, str(image_of(images, "all")))
    one = [50, restore(image_of(images, "all"), heap=64 << 20).eval("(tak!-takr 9 6 3)"), 7, 4, 7]
    assert done.stdout.strip() == f"{[one] * 3} [[], [], []]", done.stderr


def why_there(machine: str, image: Path, cpu: str = "") -> dict[str, str]:
    done = there(machine, "-m", "csl_native.tools.csl_image", "why", str(image), "--json", cpu=cpu)
    assert done.stdout, done.stderr
    return {row["function"]: row["code"] for row in json.loads(done.stdout)["result"]}


def foretold(image: Path, target: str) -> dict[str, str]:
    done = subprocess.run([sys.executable, "-m", "csl_native.tools.csl_image", "check", str(image), "--json",
                           "--target", target], capture_output=True,
                          text=True, check=False)
    return {row["function"]: row["code"] for row in json.loads(done.stdout)["result"]
            if row["code"] not in ("", "not-compiled")}


def test_check_foretells_what_happens_there(machine: str, images: Path, tmp_path: Path) -> None:
    """An image in which a function was redefined, one was never compiled for that tag, and one needs a feature that no
    machine has.
    """
    from csl_native.image.container import Section, update
    from csl_native.native.pages import PageSet
    path = tmp_path / "x.img"
    path.write_bytes(image_of(images, "all").read_bytes())
    name = f"functions-{by_name(machine).number}"
    with Image(path) as image:
        pages = PageSet.parse(image.read(name, check=False), name)
    rows = sorted(pages.entries.values(), key=lambda row: str(row["name"]))
    rows[0]["features"], rows[1]["bytecode"] = ["quantum"], b"another"
    update(path, [Section(name, pages.section(name).data, raw=True, info={"tag": pages.tag, "abi": pages.abi})])
    sign_again(path)
    s = restore(path, heap=64 << 20)
    s.eval("(de late (x) x)")
    s.native_compile(["late"])
    s.preserve(path)
    s.close()
    told = foretold(path, machine)
    assert {rows[0]["name"]: "missing-feature", rows[1]["name"]: "redefined", "late": "no-set"}.items() <= told.items()
    assert why_there(machine, path) == told
    assert rows[0]["name"] not in foretold(path, f"{machine}+quantum")


# -- refinements: processors that have a feature, and that lack it ---------------------------------------


def models(image: Path, emulator: str, cpu: str) -> str:
    """Which tag's code a function of the image runs, on a model of this machine's own architecture."""
    script = ("import sys\nfrom csl_native import restore\ns = restore(sys.argv[1], heap=64 << 20)\n"
              "m, h = s.machine, s.hardcode\n"
              "from csl_native.heap.objects import SYM_FN1\na = m.words[m.field(m.intern('unit'), SYM_FN1) >> 3]\n"
              "print([x.tag for x in h.spans if x.memory.address <= a < x.memory.address + x.size],"
              " s.eval('(list (unit 0) (unit 0.0) (unit 2.0))'), s.explain())")
    return subprocess.run([emulator, "-cpu", cpu, sys.executable, "-c", script, str(image)], capture_output=True,
                          text=True, timeout=200, check=False,
                          env={**os.environ, "PYTHONPATH": str(ROOT)}).stdout


def test_the_best_refinement_that_runs(tmp_path: Path) -> None:
    """Per function: the code that uses AVX and BMI where they are, the baseline's elsewhere; code that uses nothing new
    is stored once.
    """
    here = host()
    refinements = here.refinements if here is not None else ()
    if here is None or len(refinements) < 3:
        pytest.skip("this machine's architecture has no such refinements")
    try:
        emulator = emulation.emulator("qemu-" + os.uname().machine)
    except emulation.Unavailable as error:
        pytest.skip(f"no emulation: {error}")
    path = tmp_path / "x.img"
    s = Session(heap=64 << 20)
    s.eval("(de unit (x) (zerop x)) (de plain (x) x)")
    done = s.add_tags([here.name, *(r.name for r in refinements)])
    assert ({"unit", "plain"} <= set(done[here.name]) and "unit" in done[refinements[1].name]
            and "plain" not in done[refinements[1].name])
    s.preserve(path)
    with Image(path) as image:
        tags = {int(name[10:]) for name in image.sections if name.startswith("functions-")}
        refined = {tag: {row["name"] for row in s.hardcode.sets[tag].entries.values()} for tag in tags}
    assert "unit" in refined[here.tag | 3 << 5] and "plain" not in refined[here.tag | 3 << 5]
    assert here.tag | 4 << 5 not in tags, "what the fourth level compiles to is the third's code"
    assert models(path, emulator, "Haswell") == f"[{here.tag | 3 << 5}] [True, True, []] []\n"
    assert models(path, emulator, "Nehalem") == f"[{here.tag}] [True, True, []] []\n"
    refinement = refinements[1]
    told = subprocess.run([sys.executable, "-m", "csl_native.tools.csl_image", "check", str(path), "--json", "--target",
                           f"{refinement.name},-{min(refinement.features)}"], capture_output=True, text=True,
                          check=True).stdout
    assert all(row["runs"] == "natively" for row in json.loads(told)["result"]), "the baseline's code is there for all"


def test_large_system_extensions(images: Path, tmp_path: Path) -> None:
    """Hand-made code of a refinement runs on the model that has the instructions, and the baseline's on one that lacks
    them.
    """
    name = "aarch64"
    try:
        emulation.python(name)
    except emulation.Unavailable as error:
        pytest.skip(f"no emulation of {name}: {error}")
    base, lse = by_name(name), by_name(f"{name}-lse")
    codes = {base.tag: bytes.fromhex(emulation.ADD1[name][1]),  # plus 1
             # str x2, [sp, #-16]!; mov x3, #16; ldadd x3, x1, [sp]; ldr x0, [sp], #16; ret: plus 2, by an atomic
             # addition
             lse.tag: bytes.fromhex("e20f1ff8" "030280d2" "e10323f8" "e00741f8" "c0035fd6")}
    s = restore(image_of(images, "base"), heap=64 << 20)
    s.eval("(de more (x) (list 'bytecode x))")
    for tag, code in codes.items():
        s.eval(f"(setq v (make!-native {8 + len(code)} {tag}))" + put_bytes("v", code)
               + f"(symbol!-set!-native 'more 1 v 8 nil {tag})")
    path = tmp_path / "x.img"
    s.preserve(path)
    assert [row["features"] for row in s.hardcode.sets[lse.tag].entries.values()] == [["atomics"]]
    s.close()
    for cpu, wanted in (("max", "42"), ("cortex-a53", "41")):
        done = there(name, *MODULE, "--explain", "-i", str(path), "-e", "(print (more 40))", cpu=cpu)
        assert (done.stdout, done.stderr) == (wanted + "\n", "")
    assert "more" not in foretold(path, name) and "more" not in foretold(path, lse.name)


# -- machines of no known architecture ------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(emulation.ALIENS))
def test_a_machine_that_nobody_knows(name: str, images: Path, tmp_path: Path) -> None:
    """An image from here starts and runs programs there as bytecode, with the reason, and one preserved there is native
    here again.
    """
    try:
        emulation.python(name)
    except emulation.Unavailable as error:
        pytest.skip(f"no emulation of {name}: {error}")
    path, copy, programs = tmp_path / "x.img", tmp_path / "y.img", tmp_path / "p.lsp"
    s = Session(heap=64 << 20)
    s.eval("(de sq (x) (times x x))")
    s.native_compile(["sq"])
    s.preserve(path)
    s.close()
    names = ("stak", "strings")
    programs.write_text("".join(program(p, small=True) + "\n(main)\n" for p in names))
    done = there(name, *MODULE, "--explain", "-i", str(path), "-o", str(copy), "-e",
                 "(print (list (sin 1.0) (exp 2.5) (sqrt 2.0)))", "-e", "(setq there (sq (expt 2 100)))", "-e",
                 f'(rdf "{programs}")', "-e", "(preserve)")
    assert done.stdout.startswith("(0.841471 12.1825 1.41421)\n"), done.stderr
    for p in names:
        assert printed(p, done.stdout) == (CORPUS / "programs" / f"{p}.small.expected").read_text(), done.stderr
    assert done.stderr.count("[no-architecture]") == 1 and emulation.ALIENS[name][2] in done.stderr
    s = restore(copy, heap=64 << 20)
    assert s.explain() == [] and s.eval("(list there (sq 3))") == [1 << 200, 9]
    s.close()
