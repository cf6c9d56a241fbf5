"""Standard Lisp programs of the corpus as Common Lisp, so that other Lisps can run the same code.

Tokens are translated one by one; what Standard Lisp calls differently is in ``PRELUDE``, as inline functions
and macros, so that each compiler sees its own arithmetic and list operations.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

TOKEN = (re.compile(
    r"""%[^\n]*|"(?:[^"]|"")*"|[+-]?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?![\w!])|(?:!.|[\w*&$])+|\s+|.""", re.S))


def translate(text: str) -> str:
    """The program as Common Lisp text; its last line, ``(main)``, is left out."""
    out = []
    for token in TOKEN.findall(re.sub(r"\(main\)\s*$", "", text)):
        if token.startswith("%"):
            out.append(";" + token[1:])
        elif token.startswith('"'):
            out.append('"' + token[1:-1].replace("\\", "\\\\").replace('""', '\\"') + '"')
        elif re.fullmatch(r"[+-]?[0-9]+", token) or token.isspace() or token in "()'.`,@":
            out.append(token)
        elif re.fullmatch(r"[+-]?[0-9.]+([eE][+-]?[0-9]+)?", token):
            out.append(token.lower().replace("e", "d") if "e" in token.lower() else token + "d0")
        else:
            name = re.sub(r"!(.)", r"\1", token) if "!" in token else token.lower()
            out.append({"nil": "nil", "t": "t"}.get(name, "|" + name.replace("\\", "\\\\").replace("|", "\\|") + "|"))
    return "".join(out)


_SAME = {"plus2": "+ 2", "plus": "+ *", "difference": "- 2", "times2": "* 2", "times": "* *", "add1": "1+ 1",
         "sub1": "1- 1", "minus": "- 1",
         "lessp": "< 2", "greaterp": "> 2", "leq": "<= 2", "geq": ">= 2", "eqn": "eql 2", "eq": "eq 2",
         "equal": "equal 2", "car": "car 1", "cdr": "cdr 1", "cons": "cons 2", "null": "null 1", "not": "not 1",
         "atom": "atom 1", "pairp": "consp 1", "numberp": "numberp 1", "zerop": "zerop 1",
         "onep": "(lambda (x) (eql x 1)) 1", "minusp": "minusp 1", "evenp": "evenp 1", "idp": "symbolp 1",
         "list": "list *", "append": "append *", "reverse": "reverse 1", "reversip": "nreverse 1", "length": "length 1",
         "remainder": "rem 2", "expt": "expt 2", "abs": "abs 1", "min": "min *", "max": "max *", "sqrt": "sqrt 1",
         "sin": "sin 1", "cos": "cos 1", "fix": "truncate 1", "fixp": "integerp 1", "divide": "truncate 2",
         "caar": "caar 1", "cadr": "cadr 1", "cdar": "cdar 1", "cddr": "cddr 1", "caddr": "caddr 1", "cadar": "cadar 1",
         "caddar": "caddar 1", "rplaca": "rplaca 2", "rplacd": "rplacd 2", "nconc": "nconc *", "get": "get 2",
         "clrhash": "clrhash 1", "cdddr": "cdddr 1", "cadddr": "cadddr 1", "caaar": "caaar 1", "land": "logand 2",
         "lor": "logior 2", "lxor": "logxor 2", "lnot": "lognot 1", "lshift": "ash 2",
         "float": "(lambda (x) (float x 1d0)) 1"}

PRELUDE = """
(declaim (optimize (speed 1) (safety 1)))
(setq *read-default-float-format* (quote double-float))
(defmacro |de| (name args &body body) `(defun ,name ,args ,@body))
(defmacro |fluid| (names) `(progn ,@(mapcar (lambda (n) `(defvar ,n nil)) (cadr names))))
(defmacro |setq| (&rest r) `(setq ,@r))
(defmacro |cond| (&rest r) `(cond ,@r))
(defmacro |and| (&rest r) `(and ,@r))
(defmacro |or| (&rest r) `(or ,@r))
(defmacro |progn| (&rest r) `(progn ,@r))
(defmacro |prog| (v &rest r) `(prog ,v ,@r))
(defmacro |go| (x) `(go ,x))
(defmacro |return| (&optional x) `(return ,x))
(defmacro |quote| (x) `(quote ,x))
(defmacro |function| (x) (if (consp x) `(function (lambda ,@(cdr x))) `(function ,x)))
(defmacro |let| (v &rest r) `(let ,v ,@r))
(defmacro |let*| (v &rest r) `(let* ,v ,@r))
(defmacro |if| (&rest r) `(if ,@r))
(defmacro |dotimes| (v &rest r) `(loop for ,(first v) from 0 below ,(second v) do (progn ,@r)))
(defmacro |dolist| (v &rest r) `(loop for ,(first v) in ,(second v) do (progn ,@r)))
(defmacro |catch| (tag &rest r) `(catch ,tag ,@r))
(defmacro |throw| (tag x) `(throw ,tag ,x))
(defmacro |unwind-protect| (&rest r) `(unwind-protect ,@r))
(declaim (inline |mkvect| |getv| |putv| |upbv| |quotient|))
(defun |mkvect| (n) (make-array (1+ n) :initial-element nil))
(defun |getv| (v i) (svref v i))
(defun |putv| (v i x) (setf (svref v i) x))
(defun |upbv| (v) (1- (length (the simple-vector v))))
(defun |quotient| (a b) (if (and (integerp a) (integerp b)) (values (truncate a b)) (/ (float a 1d0) b)))
(defun |memq| (a l) (member a l :test #'eq))
(defun |member| (a l) (member a l :test #'equal))
(defun |assoc| (a l) (assoc a l :test #'equal))
(defun |atsoc| (a l) (assoc a l :test #'eq))
(defun |put| (a b c) (setf (get a b) c))
(defun |flag| (l f) (dolist (x l) (setf (get x f) t)))
(defun |flagp| (x f) (get x f))
(defun |mapc| (l f) (mapc f l))
(defun |mapcar| (l f) (mapcar f l))
(defun |apply| (f l) (apply f l))
(defun |last| (l) (car (last l)))
(defun |mkhash| (n k g) (declare (ignore n g)) (make-hash-table :test (if (eql k 0) 'eql 'equal)))
(defun |gethash| (k h) (values (gethash k h)))
(defun |puthash| (k h v) (setf (gethash k h) v))
(defun |remhash| (k h) (remhash k h))
(defun |hashcontents| (h) (let (r) (maphash (lambda (k v) (push (cons k v) r)) h) r))
(defun |sort| (l f) (sort (copy-list l) f))
(defun |prin2| (x) (princ x))
(defun |print| (x) (prin1 x) (terpri) x)
(defun |terpri| () (terpri))
(defun |printc| (x) (princ x) (terpri) x)
(defun |reversip| (l) (nreverse l))
(defvar |blank| '| |)
(defvar *chars* (let ((v (make-array 256))) (dotimes (i 256 v) (setf (svref v i) (intern (string (code-char i)))))))
(defun text-of (x) (if (symbolp x) (symbol-name x) (if (stringp x) x (princ-to-string x))))
(defun |explode2| (x) (map 'list (lambda (c) (svref *chars* (char-code c))) (text-of x)))
(defun |explode| (x) (|explode2| (if (stringp x) (prin1-to-string x) x)))
(defun |explode2lc| (x) (|explode2| (string-downcase (text-of x))))
(defun |explode2uc| (x) (|explode2| (string-upcase (text-of x))))
(defun |list2string| (l)
  (let ((s (make-string (length l))) (i 0))
    (dolist (x l s) (setf (char s i) (if (symbolp x) (char (symbol-name x) 0) (code-char x))) (incf i))))
(defun |intern| (x) (values (intern (text-of x))))
(defun |compress| (l) (let ((s (|list2string| l))) (if (digit-char-p (char s 0)) (values (read-from-string s))
  (intern s))))
(defun |char-code| (c) (char-code (char (symbol-name c) 0)))
(defun |id2int| (c) (char-code (char (symbol-name c) 0)))
(defun |code-char| (n) (svref *chars* n))
(defun |liter| (c) (and (symbolp c) (alpha-char-p (char (symbol-name c) 0))))
(defun |digit| (c) (and (symbolp c) (digit-char-p (char (symbol-name c) 0)) t))
(defun |string-length| (s) (length s))
(defun |stringp| (x) (stringp x))
(defun |orderp| (a b) (string<= (text-of a) (text-of b)))
(defun |errorset| (f m b) (declare (ignore m b)) (handler-case (list (eval f)) (error () nil)))
(defvar |emsg*| nil)
(defun |error| (n m) (setq |emsg*| m) (error "~a ~a" n m))
"""


def unknown(text: str) -> list[str]:
    """Functions that a program calls, and that nobody defines: neither it nor the prelude."""
    from .scheme import read
    forms = read(re.sub(r"\(main\)\s*$", "", text))
    known = set(_SAME) | set(re.findall(r"\((?:defun|defmacro) \|([^|]+)\|",
                                        PRELUDE)) | {form[1] for form in forms if form[0] == "de"} | {"lambda"}
    found: set[str] = set()

    def call(form: Any) -> None:
        if not isinstance(form, list) or not form or form[0] == "quote":
            return
        head, rest = form[0], form[1:]
        if isinstance(head, str) and head not in known:
            found.add(head)
        if head == "cond":
            for clause in rest:
                every(clause)
        elif head in ("let", "let*"):
            every(part for binding in rest[0] for part in binding[1:])
            every(rest[1:])
        elif head in ("dotimes", "dolist"):
            every([*rest[0][1:], *rest[1:]])
        else:
            every(rest[1:] if head in ("prog", "lambda") else rest)

    def every(parts: Iterable[Any]) -> None:
        for part in parts:
            call(part)
    for form in forms:
        call(["progn", *form[3:]] if form[0] == "de" else form)
    return sorted(found)


def prelude() -> str:
    """Common Lisp text that defines what the corpus programs use."""
    lines = [PRELUDE]
    for name, row in _SAME.items():
        target, arity = row.rsplit(" ", 1)
        if name == "fix":
            body = "(defun |fix| (x) (values (truncate x)))"
        elif arity == "*":
            body = f"(defmacro |{name}| (&rest r) `({target} ,@r))"
        else:
            arguments = "abc"[:int(arity)]
            body = (f"(declaim (inline |{name}|)) (defun |{name}| ({' '.join(arguments)}) "
                    f"({target} {' '.join(arguments)}))")
        lines.append(body)
    return "\n".join(lines) + "\n"
