"""What a program that was written for the original takes for granted: small inputs, each with what the original
answers.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from csl_native import Session

Run = Callable[..., Any]

# A form, and what prin1 shows of its value.
ROWS = [
    ("(list (symbol!-make!-fastget 'zzp 10) (symbol!-make!-fastget 'zzp nil) (symbol!-make!-fastget 'zzp -1) "
     "(symbol!-make!-fastget 'zzp nil))",
     "(nil 10 10 nil)"),
    ("(symbol!-set!-env 'logand 1)", "1"),
    ("(list (eq!-safe 'a) (eq!-safe 5) (eq!-safe nil) (eq!-safe 2.5) (eq!-safe \"a\") "
     "(eq!-safe '(a)))", "(t t t nil nil nil)"),
    ("(prog (s) (setq s \"abc\") (putv!-char s 1 65) (return s))", '"aAc"'),
    ("(list (complexp 1) (complexp 2.5))", "(nil nil)"),
    ("(prog2 (make!-special 'zzq) (fluidp 'zzq))", "t"),
    ("(progn (make!-special 'zzr) (boundp 'zzr))", "nil"),
    ("(progn (unmake!-special 'zzr) (fluidp 'zzr))", "nil"),
    ("(progn (make!-global 'zzs) (list (globalp 'zzs) (progn (unmake!-global 'zzs) (globalp 'zzs))))", "(t nil)"),
    ("(progn (make!-keyword 'zzt) (list zzt (keywordp 'zzt) "
     "(progn (unmake!-keyword 'zzt) (keywordp 'zzt))))", "(zzt t nil)"),
    ("(list (null (memq 'car (all!-symbols))) (null (memq 'zznever (all!-symbols))) "
     "(null (memq 'zznever (all!-symbols t))))", "(nil t nil)"),
    ("(list (compress '(!9 !0 !. !e !- !1)) (compress '(!9 !0 !.)) (compress '(!1 !. !5)))", "(9.0 90 1.5)"),
    ("(list (linelength t) (linelength nil) (linelength 30) (linelength nil) (linelength 3) "
     "(linelength t))", "(t 80 t 30 30 10)"),
    ("(gethash '(a) (prog2 (setq zzh (mkhash 10 'equal 1.5)) zzh (puthash (list 'a) zzh 5)))", "5"),
    ("(list (let ((a 1) (b 2)) (list a b)) (!~let ((a 1)) a) "
     "(prog ((a 3) b) (return (list a b))))", "((1 2) 1 (3 nil))"),
    ("(prog (a b) (setq a 1) (setq b 2) (psetq a b b a) (return (list a b)))", "(2 1)"),
    ("(list (car (getd 'psetq)) (special!-form!-p 'psetq) (special!-form!-p '!~let) "
     "(special!-form!-p 'let))", "(macro nil t nil)"),
    # order: numbers go before nothing but nil, and of two lists the one whose head is flagged noncom goes first
    ("(list (ordp 1 nil) (ordp nil 1) (ordp 'a nil) (ordp nil nil) (ordp '(a) nil) "
     "(ordp nil '(a)))", "(t nil t t t nil)"),
    ("(progn (flag '(zznc) 'noncom) (list (ordp '(zznc) '(a)) (ordp '(a) '(zznc)) (ordp '(b zznc) '(b a)) "
     "(ordp '(b a) '(b zznc))))",
     "(t nil nil t)"),
    ("(list (ordp '((zznc) b) '((a) b)) (ordp '(zznc b) '(zznc a)) (ordp '((zznc) 1) '(b 1)))", "(t nil t)"),
    # what follows the tail of a list does not belong to it, and a dot or an end where there is nothing is not looked at
    ("(list '(. a) '(a . ) b) '(.5 c) '((a . b) . (c . d)) '(a '. b) '(a . b % c\n))",
     "((a) (a . b) (5 c) ((a . b) c . d) (a (quote b)) (a . b))"),
    # lists that end in an atom, and what is no list
    ("(list (sort '(10 . 3) 'lessp) (sort 'a 'lessp) (delete 5 '(a b . c)) (intersection '(7 10 10 10"
     " 1) '(10 5 1 10)))",
     "((10) nil (a b . c) (10 10 1))"),
    ("(list (union!-symlist '((1) a b) '(b (c))) (xassoc 'a '((a . b))) (xassoc 'b '((a . b)))"
     " (xdifference 7 3) (xdifference 'a 3))",
     "((a b (c)) (a . b) nil 4 nil)"),
    ("(list (symbol!-value 'zznever) (symbol!-value 5) (flag '(5 (a) zzx) 'zzy) (flagp 'zzx 'zzy))",
     "(!~indefinite!-value!~ 5 nil t)"),
    # characters beyond ASCII are neither capital nor small, and codes have as many bits as four bytes have room for
    ("(list (liter '!é) (upper!-case!-p '!Ä) (eq (char!-downcase '!Ä) '!Ä) (digit!-char 0 130)"
     " (utf8!-encode -2) (utf8!-encode 1114112))",
     "(nil nil t nil (247 191 191 190) (244 144 128 128))"),
    ("(prog (a) (setq a (set!-print!-precision 30)) (setq a (list (explodec 0.1) (set!-print!-precision"
     " a))) (return (list (list2string (car a)) (cdr a))))",
     '("0.10000000000000001" (30))'),
    ("(prog (a) (setq a (list (enable!-backtrace 1) (enable!-backtrace 0) (enable!-backtrace 3)"
     " (enable!-backtrace 'a))) (return a))",
     "(1 0 3 3)"),
    ("(progn (linelength 80) (list (linelength 2147483648) (linelength 80)))", "(80 10)"),
    # functions as values
    ("(progn (de zzf (x) (add1 x)) (compile '(zzf)) (setq zzw (getd 'zzf)) (remd 'zzf) (putd 'zzg (car zzw) (cdr zzw)) "
     "(zzg 1))", "2"),
    ("(progn (copyd 'zzo 'upbv) (setq zzw (getd 'upbv)) (de upbv (v) 'mine) "
     "(list (zzo (mkvect 3)) (putd 'upbv 'expr (cdr zzw)) (upbv (mkvect 2))))",
     "(3 upbv 2)"),
    ("(progn (make!-random!-state 5) (list (random 100) (random 100) (random 100) (random 100) "
     "(random 100)))", "(36 70 14 95 76)"),
    ("(progn (make!-random!-state 123456789) (list (random 100) (random 100) (random 100)))", "(28 73 32)"),
    ("(progn (make!-random!-state 1) (fix (times 1000000 (random 1.0))))", "331346"),
    ("(prog (a b) (make!-random!-state 7) (setq a (random (expt 10 40))) (make!-random!-state 7) "
     "(setq b (random (expt 10 40)))"
     " (return (list (equal a b) (lessp a (expt 10 40)))))", "(t t)"),
    # a generated symbol gets its number when its name is first wanted
    ("(prog (a b c) (reset!-gensym 7) (setq a (gensym)) (setq b (gensym1 'zz)) (setq c (gensym)) "
     "(return (list c b a)))", "(!G0007 zz0008 !G0009)"),
    ("(prog (a b) (reset!-gensym 9999) (setq a (gensym)) (setq b (gensym)) "
     "(return (list (orderp b a) (explode2 a) b (reset!-gensym 12345678) (gensym))))",
     "(nil (!G !0 !0 !1 !0 !_ !0 !0 !0) !G9999 10001 !G0012_345_678)"),
    ("(prog (a) (reset!-gensym 5) (setq a (gensym)) (eq a (intern 'zza)) (compress (list 'a 'a)) "
     "(return (list (gensymp a) (reset!-gensym nil))))",
     "(t 5)"),
    ("(prog (a) (reset!-gensym 5) (setq a (gensym)) (return "
     "(list (concat \"x\" a) (list2string (list a)) (id2string a) (intern a) (explodec a)"
     " (length (string2list a)) (gensym1 (gensym1 'zz)) (gensymp (gensym2 'zz)) (gensym2 'zz))))",
     '("xG0005" "G0005" "G0005" !G0005 (!G !0 !0 !0 !5) 5 zz0006 t zz)'),
    # what was not replaced is not copied
    ("(prog (x y) (setq x '(a (b c) ((d) . e) f)) (setq y (sublis '((f . 1) ((d) . 2)) x))"
     " (return (list y (eq (cadr x) (cadr y)) (eq x (sublis '((z . 1)) x)))))",
     "((a (b c) (2 . e) 1) t t)"),
    ("(prog (x y) (setq x '(a (b c) (b) f (g))) (setq y (subst 1 '(c) x))"
     " (return (list y (eq (cddr x) (cddr y)) (eq (car x) (car y)) (eq x (subst 'a 'a x)))))",
     "((a (b . 1) (b) f (g)) t t t)"),
    ("(prog (x y) (setq x '(a (b c) b f)) (setq y (subla '(nil (f . 1)) x))"
     " (return (list y (eq (cadr x) (cadr y)) (eq x (subla '((a . a)) x)) (subla nil 3))))",
     "((a (b c) b 1) t t 3)"),
    ("(prog (x) (setq x '((a) (b))) (return (list (subla (list (cons (cdr x) 'tail)) x) (sublis '((nil . end)) x) "
     "(subst 'end nil '(1 (2))))))",
     "(((a) . tail) ((a . end) (b . end) . end) (1 (2 . end) . end))"),
    # a line is broken in front of a text that is longer than the line, whatever is in it
    ("(progn (terpri) (prin2 \"%s\") (posn))" % ("a" * 50 + "\n" + "b" * 40), "40"),
    # variables that nobody declared
    ("(progn (setq !*comp t) (de zzu (x) (list x zzfree)) (setq !*comp nil) "
     "(list (zzu 1) (fluidp 'zzfree)))", "((1 nil) t)"),
    ("(progn (makeunbound 'zzfree) (zzu 1))", "(1 !~indefinite!-value!~)"),
    ("(progn (de zzi (x) (list x zzfree2)) (atom (errorset '(zzi 1) nil nil)))", "t"),
]


def test_values(session: Session) -> None:
    for form, expected in ROWS:
        assert session.eval(f"(list2string (explode {form}))") == expected, form


def test_names_of_forms_that_are_no_special_forms_can_be_defined(session: Session) -> None:
    for text, expected in [("(dm psetq (x) (list 'quote (cdr x))) (psetq a b)", "(a b)"),
                           ("(dm do (x) ''done) (do it)", "done"),
                           ("(dm dolist (x) ''listed) (dolist it)", "listed"),
                           ("(dm dotimes (x) ''times) (dotimes it)", "times"),
                           ("(de let (x) (list 'let x)) (de zzl (x) (let x)) "
                            "(list (let 5) (zzl 6) (let!* ((a 1) (b a)) b))", "((let 5) (let 6) 1)"),
                           ("(dm df (x) ''mine) (df 1)", "mine")]:
        assert session.eval(f"(setq zzv (progn {text})) (list2string (explode zzv))") == expected, text


def test_cold_start_declares_what_the_original_does(csl: Run) -> None:
    text = ("(print (list (fluidp 'ff) (fluidp 'thin!*) (globalp '!$eol!$) (fluidp '!*echo) (globalp 'emsg!*))) "
            "(global '(thin!*)) (print (globalp 'thin!*))")
    assert csl("-q", "-z", text=text).stdout == "(nil nil nil t t)\nt\n"
    assert csl("-q", text=text.replace("(global '(thin!*))", "")).stdout == "(nil nil t t t)\nt\n"


def test_echo_of_what_is_read(csl: Run) -> None:
    text = "(setq !*echo t)\n(print (list (readch) (readch)))xy\n(setq !*echo nil)\n(print 4)\n"
    assert csl("-q", text=text).stdout == "\n(print (list (readch) (readch)))xy(x y)\n\n(setq !*echo nil)4\n"


def test_restart_functions_read_on(csl: Run) -> None:
    """Each session goes on in the middle of the line with the restart function, and csl ends when that returns."""
    text = ("(de rd () (prog (c) (setq c (readch)) (prin2 c) (cond ((eq c '!4) (return nil))) (restart!-csl 'rd)))"
            "(preserve 'rd nil t)1234(print 'not!-read)\n")
    assert csl("-q", "-z", "-o", "r.img", text=text).stdout == "1234"
    assert csl("-q", "-i", "r.img", text="234(print 1)").stdout == "234"
    text = "(prin2 (readch))x(restart!-csl nil)(prin2 (readch))y(prin2 'end)\n"
    assert csl("-q", text=text).stdout == "xyend"


def test_a_failing_form_costs_no_module(csl: Run) -> None:
    text = "(faslout 'm) (flag 5 'zz) (de zzm () 'here) (faslend) (load!-module 'm) (print (zzm))"
    done = csl("-q", "-o", "m.img", text=text)
    assert done.stdout.endswith("here\n"), done.stdout


@pytest.mark.parametrize("name", ["compile", "faslout"])
def test_the_compiler_stays(csl: Run, name: str) -> None:
    done = csl("-q", text=f"(de {name} (x) 'other) (print (car (getd '{name})))")
    assert f"+++ {name} not defined because of LOSE flag" in done.stdout


def test_printing_goes_where_variables_say(csl: Run, tmp_path: Path) -> None:
    """A function may bind *standard-output* or *terminal-io* to a stream; (wrs nil) goes to the latter."""
    text = ("(de shown (!*terminal!-io!* !*standard!-output!*) (prin2 'one) (wrs nil) (prin2 'two))"
            "(setq f (open \"f.txt\" 'output)) (setq g (open \"g.txt\" 'output)) (shown f g) (close f) (close g) "
            "(prin2 'three)")
    assert csl("-q", text=text).stdout == "three"
    assert [(tmp_path / name).read_text() for name in ("g.txt", "f.txt")] == ["one", "two"]
    assert csl("-q", text="(prin2 (atom (assoc 'platform lispsystem!*)))").stdout == "nil"
