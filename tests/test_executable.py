"""Programs that stand alone: one file, without Python (``csl-image executable``)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from csl_native import Session
from csl_native.architectures import host
from csl_native.image.container import Image
from csl_native.native.pages import PageSet
from csl_native.saving.baseimage import base_image
from csl_native.tools.csl_image import main

from .conftest import ROOT, needs_native

ALONE = host()
pytestmark = [
    needs_native,
    pytest.mark.skipif(ALONE is None or ALONE.alone is None, reason="no programs that stand alone for this machine"),
]

TEXT = """
(de fact (n) (cond ((zerop n) 1) (t (times n (fact (sub1 n))))))
(de fib (n) (cond ((lessp n 2) n) (t (plus (fib (sub1 n)) (fib (difference n 2))))))
(de upto (n) (prog (r) loop (cond ((zerop n) (return r))) (setq r (cons n r)) (setq n (sub1 n)) (go loop)))
(de churn (n) (prog (r) loop (cond ((zerop n) (return (length r)))) (setq r (upto 1000)) (setq n (sub1 n)) (go loop)))
(de deep (n) (cond ((zerop n) 0) (t (add1 (deep (sub1 n))))))
(de endless (n) (add1 (endless n)))
(de show (x) (print x) (terpri))
(de numbers ()
  (show (fact 60)) (show (quotient (fact 40) (fact 37))) (show (minus (expt 7 100))) (show (gcdn (fact 20) (expt 6 30)))
  (show (list 1.5 1e100 -0.001 1e-7 (sqrt 2.0) (sin 1.0) (cos 1e6) (exp 1.5) (log 10.0) (atan 0.5) (expt 2.0 10)))
  (show (list (fix 2.7e20) (float (expt 3 50)) (apply 'plus '(1 2 3)) (max 1 5 3) (funcall 'list 1 2 3 4)))
  (show (list (lessp (expt 2 70) 1e21) (greaterp 1.0 (expt 2 80)) (remainder (expt 3 80) 1000007) (land 12 10))))
(de texts ()
  (show (list 'a '!A '!1x '!  "s""t" (explode 'ab) (explode2 123) (intern "new") (list2string '(97 b "cd"))))
  (prin2 "long ") (prin2 (upto 60)) (terpri) (print (vector 1 '(2 . 3) "x")) (print '(a . b)) (prin1 "\u00e9") (terpri)
  (show (list (concat "ab" 'cd) (string!-length "\u00e9") (explode2lc 'ABC) (gensymp (gensym)) (prin1 (gensym)))))
(de places ()
  (linelength 30) (show (linelength 80)) (prin2 "ab") (show (posn)) (spaces 3) (show (posn)) (prin2 'c)
  (prin2 -7) (terpri)
  (show (list (compress (explode (expt 7 50))) (compress (explode "a""b")) (compress (explode -98765432109876543210))
    (compress '(!1 !. !5)) (compress '(a b)) (eval '(plus 1 2)))))
(de needs () (errorset '(eval '(prog (x) (return 1))) t nil) (errorset '(compress '(!( a !))) t nil)
  (errorset (list (intern "getenv") "x") t nil))
(de tables ()
  (prog (h) (setq h (mkhash 8 3 nil)) (fill 1 100 h) (show (gethash "k50" h)) (show (length (hashcontents h)))
            (remhash "k50" h)
            (show (gethash "k50" h 'none))))
(de fill (a n h)
  (prog () loop (cond ((greaterp a n) (return nil)))
    (puthash (concat "k" (list2string (explode2 a))) h a) (setq a (add1 a)) (go loop)))
(de faults ()
  (show (errorset '(car 1) t nil)) (show (errorset '(plus 1 'a) t nil)) (show (errorset '(getv (mkvect 2) 5) t nil))
  (show (errorset '(nowhere 1 2) t nil)) (show (errorset '(error 5 '(my "text")) t nil)) (show emsg!*)
  (show (errorset '(fact) t nil))
  (show (errorset '(quotient 1 0) t nil)) (show (errorset 'novar t nil))
  (show (errorset '(fact 5) t nil))
  (show (errorset '(putv 1 2 3) nil nil)) (show (catch 'tag (throw 'tag 17))))
(de all!-of!-it () (numbers) (texts) (places) (tables) (faults) (show (churn 3000)) (show (deep 100000))
  (show (fib 20)))
(de fails () (prin2 "before") (terpri) (car (cdr 5)))
(de overflows () (show (errorset '(endless 1) t nil)))
(de leaves () (prin2 "gone") (stop 3))
(de tells () (print lispargs!*))
(de reads () (prog (c) loop (setq c (readch)) (cond ((eq c !$eof!$) (return nil))) (prin2 (list c)) (go loop)))
(de opens () (getenv "x"))
(de fills () (wrs (open "/dev/full" 'append)) (prin2 "x"))
(de copy (from to)
  (prog (in out c n)
    (setq in (open from 'input)) (setq out (open to 'output)) (setq n 0)
    (rds in) (wrs out)
    loop (setq c (readch))
    (cond ((not (eq c !$eof!$)) (prin2 c) (setq n (add1 n)) (go loop)))
    (rds nil) (wrs nil) (close in) (close out) (return n)))
(de forms (from)
  (prog (in x) (setq in (open from 'input))
    loop (setq x (read in)) (cond ((eq x !$eof!$) (return (close in)))) (print x) (go loop)))
(de lines (from)
  (prog (in x) (rds (setq in (open from 'input)))
    loop (setq x (readline)) (cond ((eq x !$eof!$) (rds nil) (return (close in)))) (print x) (go loop)))
(de uses!-files ()
  (prog (s o)
    (setq o (open "out" 'output))
    (wrs o) (prin2 "abc") (print (wrs nil)) (prin2 "std") (print (posn)) (wrs o) (print (posn)) (prin2 "x") (terpri)
    (setq s (open "added" 'append)) (wrs s) (print '(a !b "c d" 1.5 !é "é #00e9 #00e9;")) (wrs nil)
    (show (list (close o) (close s) (close s) (streamp s) (streamp o) (filep "out") (filep 5)))
    (setq s (open "added" 'append)) (wrs s) (print 'second) (close s)
    (show (copy "given" "copy")) (lines "copy") (forms "copy") (forms "added") (forms "long")
    (errorset '(open "/nowhere/x" 'input) t nil) (errorset '(open "." 'input) t nil)
    (errorset '(open "x" 'sideways) t nil) (errorset '(close 5) t nil) (errorset '(rds 'a) t nil)
    (setq s (open "cut" 'input)) (errorset (list 'read s) t nil)
    (rds (setq o (open "given" 'input))) (print (readch)) (rds nil) (print (read)) (print (readch)) (rds s)
    (print (readch)) (rds o) (print (readch)) (print (read)) (rds nil) (print (read)) (print (peekch)) (print (read))))
(de begin () (apply (intern (cadr lispargs!*)) nil))
"""


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = str(tmp_path_factory.mktemp("alone") / "x.img")
    with open(os.devnull, "wb") as nowhere:
        session = Session(output=nowhere)
        session.eval(TEXT)
        session.preserve(path)
        session.close()
    return path


def made(image: str, function: str, *more: str) -> str:
    output = f"{image}.{function}"
    assert main(["executable", image, "-o", output, "--main", function, *more]) == 0
    return output


def run(program: str, *arguments: str, given: bytes = b"") -> tuple[int, bytes, bytes]:
    """In an empty environment, where nobody finds Python."""
    done = subprocess.run([program, *arguments], env={}, input=given, capture_output=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def program(image: str) -> str:
    """One that calls the function that its first argument names."""
    return made(image, "begin")


def test_it_prints_what_csl_prints(image: str, program: str, tmp_path: Path) -> None:
    with open(tmp_path / "printed", "wb") as printed:
        session = Session(image, output=printed)
        session.eval("(all!-of!-it)")
        session.flush()
        session.close()
    status, out, err = run(program, "all-of-it")
    assert out.decode().splitlines() == (tmp_path / "printed").read_text().splitlines()
    assert (status, err) == (0, b"")


GIVEN = """(first "a string with ""quotes"" #00e9;" |x| -12 3.25e-3 1e5 +7 99999999999999999999999 [1 2 [3]])%comment
!Abc aBC x-y !+! 1 'quoted (a . b) (a . (b c)) () (a.b) !#00e9;a \u00e9a\u00e9 :key $x _y "two
lines" ) ] . 5 12. 12.x "#hash;00e9;" nil"""
TYPED = "(typed in) y (z \u00e9)"


def test_files_and_forms_are_read_as_csl_reads_them(
        image: str, program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    for way in ("csl", "alone"):
        (tmp_path / way).mkdir()
        monkeypatch.chdir(tmp_path / way)
        Path("given").write_text(GIVEN)
        Path("cut").write_text("(a (b c")
        Path("long").write_text("(" + " ".join(f"name{k}" for k in range(9000)) + ")")  # more than a buffer
        if way == "csl":
            csl = [sys.executable, "-m", "csl_native", "-q", "-i", image, "-"]
            done = subprocess.run(csl, input=f"(uses!-files) {TYPED}".encode(), capture_output=True, timeout=60,
                                  env=os.environ | {"PYTHONPATH": str(ROOT)})
            printed = done.stdout
        else:
            status, printed, err = run(program, "uses-files", given=f" {TYPED}".encode())
            assert (status, err) == (0, b"")
        seen.append((printed.decode().splitlines(), {p.name: p.read_bytes() for p in Path().iterdir()}))
    assert seen[1][0] == seen[0][0]
    assert seen[1][1] == seen[0][1]


def test_a_file_that_takes_no_more_is_said(program: str) -> None:
    status, _, err = run(program, "fills")
    assert status == 1 and b"takes no more" in err


@pytest.mark.parametrize("redefined", ["", "realpart"])
def test_native_code_runs_unless_what_it_was_compiled_with_is_another(
        redefined: str, image: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ALONE is not None
    with Image(base_image()) as base:
        rows = PageSet.read(base, f"functions-{ALONE.tag}").entries.values()
    users = {row["name"] for row in rows if redefined in row["inlined"]}
    if redefined:
        assert users
        with open(os.devnull, "wb") as nowhere, Session(image, output=nowhere) as session:
            session.eval(f"(de {redefined} (x) x)")
            session.preserve(image := str(tmp_path / "x.img"))
    assert main(["executable", image, "-o", image + ".native", "--main", "numbers", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["result"][0]
    own = {row["name"] for row in rows if f"(de {row['name']} " in TEXT}
    assert told["native functions"] == len({row["name"] for row in rows} - users - own)
    assert told["as bytecode"] >= TEXT.count("(de ") and f"csl-image add {image} --tag" in told["why"]


def test_an_error_that_nobody_catches(program: str) -> None:
    assert run(program, "fails") == (1, b"before\n", b"\n+++ Error attempt to take cdr of an atom: 5\n")


def test_a_stack_that_is_full(program: str) -> None:
    assert run(program, "overflows") == (0, b"\n+++ Error Stack overflow\nnil\n\n", b"")


def test_status_arguments_and_input(program: str) -> None:
    assert run(program, "leaves") == (3, b"gone", b"")
    assert run(program, "tells", "b c")[1] == f'("{program}" "tells" "b c")\n'.encode()
    assert run(program, "reads", given="a\r\n\u00e9".encode())[1] == "(a)(\n)(\u00e9)".encode()


def test_what_it_does_not_have_is_said_when_it_is_made(
        image: str, program: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["executable", image, "-o", image + ".no", "--main", "opens"]) == 2
    assert "does not have: getenv (called by opens)" in capsys.readouterr().err
    assert not os.path.exists(image + ".no")
    said = run(program, "needs")[1]
    for error in (b"has no compiler for", b"cannot read", b"getenv: this function is not in a program"):
        assert error in said
    status, _, err = run(program, "opens")
    assert status == 1 and b"getenv: this function is not in a program that stands alone" in err


def test_what_cannot_be_made(image: str, capsys: pytest.CaptureFixture[str]) -> None:
    for options, said in (
        (["--main", "nobody"], "has no function nobody"),
        ([], "--main says which one"),
        (["--main", "fails", "--tag", "x86-64-windows"], "x86-64-windows: programs that stand alone are ELF files"),
    ):
        assert main(["executable", image, "-o", image + ".no", *options]) == 2
        assert said in capsys.readouterr().err


def test_what_it_is_made_of_stays(image: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = Path(image).read_bytes()
    for output in (image, str(base_image())):
        assert main(["executable", image, "-o", output]) == 2
        assert "another name" in capsys.readouterr().err
    there = tmp_path / "program"
    there.write_text("older")
    assert main(["executable", image, "--main", "numbers", "-o", str(there)]) == 0
    assert there.stat().st_mode & 0o100 and os.listdir(tmp_path) == ["program"] and Path(image).read_bytes() == before
    assert main(["executable", image, "--main", "numbers", "-o", "/dev/full"]) == 2
    assert "No space left" in capsys.readouterr().err and Path("/dev/full").is_char_device()


def test_every_file_that_is_made_from_one_image_is_the_same(image: str, program: str) -> None:
    first = Path(program).read_bytes()
    assert Path(made(image, "begin")).read_bytes() == first
