"""Values of every type that functions are called with, each as a form that makes a fresh one; and functions that are
not called, with the reason.
"""

from __future__ import annotations

POOL: dict[str, tuple[str, ...]] = {
    "small integers": ("0", "1", "-1", "2", "3", "5", "7", "8", "16", "100", "255", "256", "65535", "-128", "1000"),
    "large integers": ("65536", "1000000", "2147483647", "2147483648", "-2147483649", "4294967296",
                       "576460752303423487", "-576460752303423488", "1152921504606846975", "-1152921504606846976",
                       "288230376151711742", "1114111", "55296"),
    "big integers": ("1152921504606846976", "9223372036854775807", "-9223372036854775808", "18446744073709551616",
                     "(expt 2 100)", "(minus (expt 3 90))", "(expt 10 400)", "(expt 7 5000)", "(minus (expt 2 64))"),
    "floats": ("0.0", "-0.0", "1.0", "-2.5", "0.1", "1.0e308", "1.0e-310", "1.0e20", "(fzinf)", "(minus (fzinf))",
               "(difference (fzinf) (fzinf))"),
    "strings": ('""', '"a"', '"hello world"', '"é漢😀"', '"12"', '"(a . b"', "(fzlong)", '"fuzz.txt"', '"."',
                '"no such"'),
    "symbols": ("nil", "t", "'a", "'x", "'fzf", "'fzm", "'fzv", "(gensym)", "(make!-symbol \"new\")", "'lambda",
                "'quote", "'car", "'plus",
        "'list", "'!:key", "(intern \"\")",
                "'fzfluid", "'!;", "!$eof!$", "'fzunset", "'equal", "'lessp"),
    "functions": ("'(lambda (x) x)", "'(lambda (x y) (list x y))", "(fzfunction)", "'(lambda)", "'(lambda x x)",
                  "'(lambda (1) 2)", "(fzclosure)", "(symbol!-env 'fzf)", "(cdr (getd 'fzf))", "(cdr (getd 'car))",
                      "'(funarg nil (x) x)",
                  "'(closure fzf 1)", "'(lambda (x) (error 1 x))"),
    "pairs": ("'(a)", "'(1 2 3)", "(list 1 2.5 \"s\" 'x)", "'(a . b)", "'(1 2 . 3)", "'((a . 1) (b . 2))",
              "'((x 1) (y 2))",
        "(fznumbers 300)", "'(nil)", "'(x y z)",
              "'(quote a)", "'(setq fzv 1)", "'(car 5)", "(list (list (list 1)))", "'(!1 . !2)", "(list 'fzf 1)"),
    "circular": ("(fzcircle)", "(fzcircle2)", "(fzself)"),
    "deep": ("(fzdeep 1000)", "(fznumbers 1000)"),
    "very deep": ("(fzdeep 100000)", "(fznumbers 100000)", "(fzdeep 1000000)", "(fznumbers 1000000)"),
    "vectors": ("(mkvect 3)", "(mkvect -1)", "(list2vector '(1 2 3))", "(list2vector (list (mkvect 2) 'a))",
                "(mkvect8 5)", "(mkvect16 5)",
        "(mkvect32 5)", "(mkvect64 3)",
                "(mkfvect32 4)", "(mkfvect64 4)", "(mkvect 1000)", "(fzloop)"),
    "tables": ("(mkhash 5 0 1.5)", "(mkhash 5 1 1.5)", "(mkhash 5 2 1.5)", "(fztable 0)", "(fztable 2)", "(mkweakhash)",
               "(fztable 1)"),
    "streams": ("(open \"fuzz.txt\" 'output)", "(open \"in.txt\" 'input)", "(fzclosed)", "(wrs nil)", "(rds nil)"),
}
WEIGHTS = {"circular": 0.02, "deep": 0.1, "very deep": 0.005, "streams": 0.4, "tables": 0.7}

SETUP = """
(de fz!-all (l) (prog nil lp (cond ((null l) (return nil))) (fz!-at) (errorset (car l) t nil) (setq l (cdr l)) (go lp)))
(de fzf (x) (list x x)) (dm fzm (u) (list 'quote u)) (setq fzv '(v)) (fluid '(fzfluid)) (setq fzfluid 5) (put 'x 'a 1)
(flag '(x) 'b)
(de fzfunction nil (function (lambda (x) (cons x x)))) (de fzclosure nil
  (let ((v 3)) (function (lambda (x) (list v x)))))
(de fzinf nil (times 1.0e300 1.0e300))
(de fzlong nil (prog (s) (setq s "0123456789abcdef") (return
  (list2string (mapcan (fznumbers 300) (function (lambda (x) (string2list s))))))))
(de fznumbers (n) (prog (r) lp (cond ((zerop n) (return r))) (setq r (cons n r)) (setq n (sub1 n)) (go lp)))
(de fzdeep (n) (prog (r) lp (cond ((zerop n) (return r))) (setq r (cons r n)) (setq n (sub1 n)) (go lp)))
(de fzcircle nil (let ((c (list 1 2 3))) (rplacd (cddr c) c) c))
(de fzcircle2 nil (let ((c (list 'a (list 'b 1) 'c))) (rplacd (cdr c) c) c))
(de fzself nil (let ((c (list 1 2))) (rplaca c c) (rplacd (cdr c) c) c))
(de fzloop nil (let ((v (mkvect 3))) (putv v 0 v) (putv v 1 (list v)) v))
(de fztable (k) (let ((h (mkhash 5 k 1.5))) (puthash 'a h 1) (puthash 2 h '(b)) (puthash "s" h h) (puthash 2.5 h 3) h))
(de fzclosed nil (let ((s (open "closed.txt" 'output))) (close s) s))
"""

_RAW = "takes an address as it is: whoever calls it vouches for what is there"
EXCLUDED = {
    "unreadch": "puts a character into the text that is run",
    "stop": "ends the process", "quit": "ends the process", "exit": "ends the process", "preserve": "ends the process",
    "restart-csl": "begins another session", "system": "runs any command", "silent-system": "runs any command",
    "pipe-open": "runs any command", "chdir": "leaves the folder of the fuzzer",
    "cd": "leaves the folder of the fuzzer", "delete-wildcard": "deletes files", "delete-file": "deletes files",
    "rename-file": "moves files", "setenv": "changes the process", "tmpnam": "leaves files behind",
    "create-directory": "leaves folders behind", "native-compile": "takes a second for each function",
    "debug": "needs another engine", "breakpoint": "needs another engine", "watchpoint": "needs another engine",
    "break": "needs another engine", "foreign-call": _RAW, "foreign-apply": _RAW, "foreign-ref": _RAW,
    "foreign-set": _RAW, "foreign-free": _RAW, "call-foreign-function": _RAW, "native-getv": _RAW, "native-putv": _RAW,
    "getv-native": _RAW, "putv-native": _RAW, "make-native": _RAW, "symbol-set-native": _RAW, "native-address": _RAW,
    "qgetv": "does not check, as the original's", "qputv": "does not check, as the original's",
    "bpsputv": "writes bytecode", "bps-putv": "writes bytecode", "mapstore": "prints counts",
    "heap-crawl": "prints the whole heap", "enable-errorset": "hides the messages that are looked at",
    "enable-backtrace": "changes what is printed",
        "faslout": "begins a module that swallows what follows",
    "write-module": "writes into the image", "define-module": "writes into the image",
    "compile-to-module": "writes into the image", "start-module": "writes into the image",
    "copy-module": "writes into the image", "delete-module": "writes into the image", "random-number": "is random",
    "trap-floating-overflow": "changes what later calls do",
}
