"""Functions of the original beyond those that programs of the corpus call: forms with what prin1 shows, or the message
of an error.
"""

from __future__ import annotations

import math
import re
from pathlib import Path

import pytest

from csl_native import LispError, Session
from csl_native.builtins import load
from csl_native.lisp import constants
from csl_native.lisp.registry import BUILTINS

LIBRARY = Path(__file__).parents[1] / "csl_native" / "lisp" / "library"

VALUES = [
    # any number of arguments
    ("(list (difference 9) (difference 9 4 2) (difference 0) (!- 3 1) (quotient 60 4 3) "
     "(quotient 7))", "(-9 3 0 2 5 0)"),
    ("(list (gcdn) (gcdn -6) (gcdn 12 18 15) (lcmn) (lcmn -6) (lcmn 4 6 10))", "(0 -6 3 1 -6 60)"),
    ("(list (logior 1 6) (leqv) (leqv 12 10) (logeqv 5 3 1) (/!= 1 2) (!/!= 1 2 3 1.0))".replace("(/!=", "(!/!="),
     "(7 -1 -7 7 t nil)"),
    ("(list (imax 3 -4) (imin 3 -4) (apply 'difference '(7 2)) (apply 'plus '(7 2)))", "(3 -4 5 9)"),
    # optional ones
    ("(list (get 'zznone 'a) (get 'zznone 'a 5) (reversip (list 1 2)) (reversip (list 1 2) '(3)) "
     "(nreverse (list 1 2) 3))",
     "(nil 5 (2 1) (2 1 3) (2 1 . 3))"),
    ("(list (log 8 2) (atan 1 1) (float 3 1.0) (posn) (intern 'a 'lisp))", "(3.0 0.785398 3.0 0 a)"),
    # lists
    ("(list (list3rev 1 2 3) (list2!*rev 1 2 3) (nrevlist (list 1 2) 3 4) (qcadr '(1 2)) "
     "(qcddr '(1 2 . 3)))", "((3 2 1) (3 2 . 1) (2 1 3 4) 2 3)"),
    ("(list (substq 'n 'a '(a (b . a))) (contained 'c '(a (b . c))) (contained 'd '(a)) (xassoc 'a '((a . b))) "
     "(member!*!* 2 '(1 2 3)))",
     "((n (b . n)) t nil (a . b) (2 3))"),
    ("(list (intersection_symlist '(a b a) '(a)) (union!-symlist '(a b a) '(b)))", "((a a) (a a b))"),
    ("(list (listp nil) (listp '(1)) (endp nil) (endp '(1)) (identity 5) (lastpair 5) "
     "(lastcar '(1 2)))", "(nil t t nil 5 5 2)"),
    ("(list (mapcan '(1 2) 'add1) (mapcan '(1 2) (function (lambda (x) (cond ((onep x) x) (t (list x x)))))) "
     "(deflist nil 'p))", "(nil (2 2) nil)"),
    ("(prog (l) (setq l '(a (b . c) d)) (return (list (eq l (sublis '((z . 1)) l)) "
     "(sublis '((b . 1)) l))))", "(t (a (1 . c) d))"),
    # bits and floats
    ("(list (byte 4 2) (ldb (byte 4 2) 60) (dpb 3 (byte 4 2) 1) (mask!-field (byte 4 2) 63) (ldb!-test (byte 1 0) 2) "
     "(logtest 6 3))",
     "((4 . 2) 15 13 60 nil t)"),
    ("(list (float!-digits 1.5) (float!-precision 0.0) (float!-radix 2.5) (mantissa!-bits 1) (manexp 2.5) "
     "(fp!-signbit -0.0))",
     "(53 0 2 nil (0.625 . 2) t)"),
    ("(list (integer!-decode!-float 1.0) (integer!-decode!-float -20.0) (integer!-decode!-float 0.0))",
     "((4611686018427387904 -62 1) (92233720368547758080 -62 -1) (0 0 1))"),
    ("(list (float!-infinity!-p (quotient 1.0 0.0)) (double!-floatp 1.0) (single!-floatp 1.0) (quotient -1.0 0.0) "
     "(atanh -1.0) (csch 800.0))",
     "(t t nil minusinf minusinf 0.0)"),
    ("(list (float!-sign -2.0 3.0) (float!-sign -2.0 -3.0) (numerator 2.5) (denominator 2.5))", "(-3.0 3.0 2.5 1)"),
    # characters and strings
    ("(list (string!-lessp2 \"ab\" \"AC\") (string!-greaterp2 \"b\" \"A\") (string!-not!-equal2 \"a\" \"A\") "
     "(string!-not!-lessp2 \"a\" \"B\"))",
     "(1 0 nil nil)"),
    ("(list (character 'a) (make!-char 66) (char!-lessp (int!-char 65) (int!-char 98)) "
     "(char!= (int!-char 65) (int!-char 65)) (char!-int 'a))",
     "(#\\a #\\B t t 97)"),
    ("(list (digit!-char!-p 'b 16) (digit!-char!-p '!9 8) (utf8!-decode 206 177) (utf8!-decode '(206 177)) "
     "(alpha!-char!-p '!1))",
     "(11 nil 945 945 nil)"),
    ("(list (explodehex -2) (explodeoctal -8) (explodehex 26) (explodebinary -1))",
     "((!~ f e) (!~ !7 !0) (!1 a) (!~ !1))"),
    ("(list (md5 1) (md60 \"a\") (hashtagged!-name 'f -5) (lengthc \"\u00e9\"))",
     "(248881380273513502268485421778179203590 222486335088489530 f_1a1edfabc84cefe 2)"),
    # types, symbols, hash tables
    ("(list (arrayp \"a\") (arrayp (mkvect 1)) (arrayp 1) (structp 1) (simple!-string!-p \"a\") "
     "(keywordp nil))", "(t t nil nil t nil)"),
    ("(list (symbol!-argcode 'cons) (symbol!-argcount 'get) (symbol!-argcount 'ilessp) (symbol!-argcount 'psetq) "
     "(symbol!-bytelength 'car))",
     "(2 nil 2 nil 0)"),
    ("(prog (h) (setq h (mkhash 10 1 1.5)) (puthash 1 h 2) "
     "(return (list (remhash 1 h) (remhash 1 h) (gethash 1 h))))", "(t nil nil)"),
    ("(multiple!-value!-call 'list (multiple!-value!-prog1 1 2) 3)", "(1 3)"),
    # leaving by name, local functions and macros
    ("(list (!~block b (cons 1 (return!-from b 2))) (block a (block b (return!-from a 5)) 6) "
     "(block a (prog nil (return 7)) 8) (block a))", "(2 5 8 nil)"),
    ("(progn (de zzfind (l) (list (block out (dolist (y l) (cond ((minusp y) (return!-from out y)))) 'none))) "
     "(append (zzfind '(1 -2)) (zzfind '(1))))",
     "(-2 none)"),
    ("(labels ((ev (x) (cond ((zerop x) t) (t (od (sub1 x))))) (od (x) (cond ((zerop x) nil) (t (ev (sub1 x)))))) "
     "(list (ev 10) (mapcar '(1 2) (function (lambda (z) (ev z))))))", "(t (nil t))"),
    ("(macrolet ((add (a b) (list 'plus a b))) (list (add 1 (add 2 3)) "
     "(mapcar '(1 2) (function (lambda (z) (add z z))))))", "(6 (2 4))"),
    ("(list (do!* ((i 0 (add1 i)) (l nil (cons i l))) ((eqn i 3) l)) (compiler!-let ((zzc 1)) zzc))", "((3 2 1) 1)"),
    # streams of strings and of streams, formatted output
    ("(prog (s u) (setq s (make!-string!-output!-stream)) (setq u (make!-broadcast!-stream s s)) (setq u (wrs u)) "
     "(prin1 'ab) (wrs u) "
     "(return (list (get!-output!-stream!-string s) (get!-output!-stream!-string s))))", '("abab" "")'),
    ("(prog (s l) (setq s (rds (make!-concatenated!-stream (make!-string!-input!-stream \"(a \" \"b) c\") "
     "(make!-string!-input!-stream \" d\")))) "
     "(setq l (list (read) (read) (read) (read))) (rds s) (return (equal l (list '(a b) 'c 'd !$eof!$))))", "t"),
    ("(list (format nil \"~a ~s~~\" \"x\" \"y\") (compress1 '(!5 x)) (compress1 '(b !A)) "
     "(explode2ucn \"a1\"))", '("x ""y""~" 5 ba (65 49))'),
    ("(list (!/ 6 3) (!/ 2.0) (realpart 5) (imagpart 5) (rational 4.0) (phase 2) (eupbv \"abc\") "
     "(byte!-getv \"abc\" 1) (eupbv 'a))",
     "(2 0.5 5 0 4 3.14159 2 98 nil)"),
    # the original's answers where the names promise others
    ("(list (lessp) (leq) (geq) (!<!=) (!>!=) (leq 1) (eqn))", "(t nil nil nil nil t t)"),
    ("(list (floor 8 -5) (floor -8 -5) (ceiling 8 -3) (ceiling -8 -3) (round 10 -2) (round 8 -3) (round -7 3) "
     "(round 5 2) (floor 100000000000000000000 -7) (round 100000000000000000000 -7))",
     "(-1 0 -1 2 -4 -1 -2 2 -14285714285714285714 -14285714285714285713)"),
    ("(list (!/!= 1 1 1) (!/!= 1 2 3) (!/!= 'a 'a) (!= 'a 'a) (divide 3 8.0) (divide 3.5 0) "
     "(decode!-float (times 1e300 1e300)))",
     "(t nil t nil (0.375 . 0) (inf . 0) nil)"),
    ("(prog2 (set!-small!-modulus 3) (list (modular!-plus 9 9) (modular!-difference 10 0) (modular!-times -10 4) "
     "(modular!-minus 4)) (set!-small!-modulus nil))", "(15 10 0 -1)"),
    ("(list (ordp \"ab\" \"a\") (ordp \"z\" \"ab\") (ordp \"\" \"abc\") (ordp \"abcde\" \"z\") (ordp \"z\" \"abcde\"))",
     "(nil t nil t nil)"),
    ("(list (string!-lessp2 \"_a\" \"ca\") (int!-char 1.5) '(1ee 1.e -1e 12.5ex 1E-x) (compress '(!1 !. !E)))",
     "(nil nil (!1e e !1!.e !-1e !12!.5e x !1!E!- x) !1!.!E)"),
    ("(list (evectorp (mkevect 3)) (egetv (mkevect 1000000) 1000000) (upbv (mkxvect 1000000)))", "(t nil 1000000)"),
    # bits, bytes, streams that go both ways, tell a function or are a variable's
    ("(list (lshift -5 -1) (ashift -5 -1) (lshift -12345 -100) (lshift (sub1 (minus (expt 2 70))) -70) (lshift -2 33) "
     "(lshift 5 -1))",
     "(-3 -2 -1 -2 -17179869184 2)"),
    ("(prog (v) (setq v (make!-simple!-bitvector 5)) (putv!-bit v 2 1) (sbitset v 4 1) "
     "(return (list v (sbit v 2) (getv!-bit v 0) (bit!-vector!-p v))))",
     "(#*00101 1 0 t)"),
    ("(progn (binary_open_output \"zzb\") (binary_prin2 258) (binary_prin3 65538) (binary_princ \"a\") "
     "(binary_prinfloat 1.5) (binary_close_output)"
     "(binary_open_input \"zzb\") (prog1 (list (binary_read2) (binary_read3) (binary_readbyte) (binary_readfloat) "
     "(binary_readbyte))"
     " (binary_close_input) (delete!-file \"zzb\")))", "(258 65538 97 1.5 -1)"),
    ("(prog (o e s x) (setq o (make!-string!-output!-stream)) "
     "(setq e (make!-echo!-stream (make!-string!-input!-stream \"(a b)c\") o)) "
     "(setq s (rds e)) (setq x (list (read) (readch))) (rds s) "
     "(return (list x (get!-output!-stream!-string o))))", '(((a b) c) "(a b)c")'),
    ("(prog (o e s x) (setq o (make!-string!-output!-stream)) "
     "(setq e (make!-two!-way!-stream (make!-string!-input!-stream \"ab c\") o)) "
     "(setq s (rds e)) (setq x (read)) (rds s) (setq s (wrs e)) (prin2 'hi) (wrs s) "
     "(return (list x (get!-output!-stream!-string o))))", '(ab "hi")'),
    ("(prog (s) (setq zzl nil) (setq s (wrs (make!-function!-stream '(lambda (c) (setq zzl (cons c zzl)))))) "
     "(prin2 'abc) (wrs s) (return zzl))", "(c b a)"),
    ("(prog (s) (setq zzo (make!-string!-output!-stream)) (setq s (wrs (make!-synonym!-stream 'zzo))) (prin2 'hi) "
     "(wrs s) "
     "(return (get!-output!-stream!-string zzo)))", '"hi"'),
    ("(list (mkfvect32 1) (enable!-errorset 1 0) (enable!-errorset 0 3) (native!-csqrt -1.0 0.0) (native!-cabs 3 4) "
     "(native!-csec 0 0))",
     "(#FS(0.0f+00 0.0f+00) (0 . 3) (1 . 1) (0.0 . 1.0) 5.0 (1.0 . 0.0))"),
    ("(progn (set!-autoload 'zza 'zznomodule) (list (errorset '(zza 1) nil nil) (getd 'zza)))", "(nil nil)"),
    # what is read
    ("(list 0X1F 1.5d0 1.5f1 '!#00e9; 'a!#00e9;)", "(31 1.5 15.0 !\u00e9 a!\u00e9)"),
]

MESSAGES = [
    ("(cons 1 2 3 4)", "Calling cons\n+++ Error bad args for Function called with more than three args where 2 wanted"),
    ("(get 1)", "Calling get\n+++ Error bad args for Function called incorrectly with 1 args"),
    ("(nconc)", "Calling nconc\n+++ Error bad args for Function called with 0 args where 2 wanted"),
    ("(difference 'a)", "+++ Error: bad arg for minus a"), ("(expt 'a 2)", "+++ Error: bad arg for times a"),
    ("(expt 'a -2)", "+++ Error: bad arg for quotient a"), ("(mod 2.5 2)", "+++ Error: bad arg for remainder 2.5 2"),
    ("(endp 5)", "+++ Error endp used on badly terminated list: 5"), ("(last 5)", "+++ Error: last 5"),
    ("(primep32 0)", "+++ Error: primep32 0"),
    ("(char!< 'a 'b)", "+++ Error: Character object expected a"),
    ("(deflist 'a 'b)", "+++ Error attempt to take car of an atom: a"),
    ("(logb -1.0 2)", "+++ Error: Arg for ln out of range -1.0"), ("(iquotient 1 0)", "+++ Error: iquotient 1 0"),
    ("(return!-from zzno 1)", "+++ Error block tag not found: zzno"),
    ("(!/ 1 0)", "+++ Error: bad arg for quotient 1 0"),
    ("(close 'a)", "+++ Error: close a"), ("(digit!-char!-p 'a 1)", "+++ Error: digit-char-p 1"),
    ("(make!-keyword 1)", "+++ Error bad args for make-keyword"),
]


@pytest.mark.parametrize(("form", "expected"), VALUES)
def test_values(session: Session, form: str, expected: str) -> None:
    assert session.eval(f"(list2string (explode {form}))") == expected


@pytest.mark.parametrize(("form", "expected"), MESSAGES)
def test_messages(session: Session, form: str, expected: str) -> None:
    with pytest.raises(LispError) as caught:
        session.eval(form)
    said = str(caught.value).splitlines()
    assert "\n".join(said[:len(said) - len(caught.value.hints)]).strip() == expected


def test_variables_are_declared_and_have_values(session: Session) -> None:
    def name(text: str) -> str:
        return "!" + "!".join(text)
    for names, test in ((constants.GLOBALS, "globalp"), (constants.FLUIDS, "fluidp")):
        for each in names:
            assert session.eval(f"({test} '{name(each)})") is True, each
            assert each in constants.UNSET or session.eval(f"(boundp '{name(each)})") is True, each
    assert session.eval("(list pi most!-positive!-fixnum)") == [math.pi, (1 << 59) - 1]
    assert session.eval("(equal (sub1 (minus most!-positive!-fixnum)) most!-negative!-fixnum)") is True


def test_a_function_is_defined_in_one_place() -> None:
    """In the library or in Python, and in one file of the library."""
    load()
    text = "\n".join(path.read_text() for path in sorted(LIBRARY.glob("*.lsp")))
    names = [name.replace("!", "") for name in re.findall(r"^\(d[em] (\S+)", text, re.M)]
    assert len(names) == len(set(names)) and len(names) > 50
    assert [name for name in names if name in BUILTINS] == []
