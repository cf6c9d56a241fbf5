"""Standard Lisp programs of the corpus as Scheme, for Guile and Chez Scheme.

``prog`` becomes functions of its labels with ``go`` as a call in tail position, and tests use Scheme's own predicates,
so that a Scheme compiler sees what it is used to.  nil is the empty list.  What cannot be said that way (text, catch,
hash tables) is ``Unsupported``.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from .translate import TOKEN


class Unsupported(Exception):
    """A program with something that has no translation."""


class Text(str):
    """A string constant, to tell it from a name."""


def read(text: str) -> list[Any]:
    """The forms of a program: lists, names, numbers and ``Text``."""
    tokens = [t for t in TOKEN.findall(text) if not t.isspace() and not t.startswith("%")]
    at = 0

    def one() -> Any:
        nonlocal at
        token = tokens[at]
        at += 1
        if token == "'":
            return ["quote", one()]
        if token != "(":
            if token.startswith('"'):
                return Text(token[1:-1].replace('""', '"'))
            if re.fullmatch(r"[+-]?[0-9]+", token):
                return int(token)
            if re.fullmatch(r"[+-]?[0-9.]+([eE][+-]?[0-9]+)?", token) and token != ".":
                return float(token)
            return re.sub(r"!(.)", r"\1", token)
        found: list[Any] = []
        while tokens[at] != ")":
            if tokens[at] == ".":
                at += 1
                found.append(one())
                at += 1
                return ["dotted", *found]
            found.append(one())
        at += 1
        return found
    forms = []
    while at < len(tokens):
        forms.append(one())
    return forms


PREDICATES = {"null": "null?", "not": "null?", "pairp": "pair?", "eq": "eq?", "equal": "equal?", "eqn": "eqv?",
              "lessp": "<", "greaterp": ">", "leq": "<=", "geq": ">=", "zerop": "zero?", "minusp": "negative?",
              "numberp": "number?", "idp": "symbol?", "onep": "one?", "evenp": "even?", "atom": "atom?", "fixp": "fix?",
              "floatp": "float?", "liter": "liter?", "digit": "digit?"}
SAME = {"plus2": "+", "plus": "+", "difference": "-", "times2": "*", "times": "*", "minus": "-", "add1": "1+",
        "sub1": "1-", "remainder": "remainder", "expt": "expt", "abs": "abs", "min": "min", "max": "max",
        "sqrt": "sqrt", "sin": "sin", "cos": "cos", "reverse": "reverse", "reversip": "reverse", "length": "length",
        "append": "append", "list": "list", "list2": "list", "list3": "list", "cons": "cons", "car": "car",
        "cdr": "cdr", "caar": "caar", "cadr": "cadr", "cdar": "cdar", "cddr": "cddr", "caddr": "caddr",
        "cadar": "cadar", "caddar": "caddar", "ncons": "list", "cdddr": "cdddr", "cadddr": "cadddr", "caaar": "caaar",
        "land": "logand", "lor": "logior", "lxor": "logxor", "lnot": "lognot", "lshift": "ash",
        "float": "exact->inexact", "nconc": "append!"}

PRELUDE = """
(define-syntax one? (syntax-rules () ((_ x) (eqv? x 1))))
(define-syntax atom? (syntax-rules () ((_ x) (not (pair? x)))))
(define-syntax float? (syntax-rules () ((_ x) (let ((y x)) (and (number? y) (inexact? y))))))
(define-syntax fix? (syntax-rules () ((_ x) (let ((y x)) (and (number? y) (exact? y) (integer? y))))))
(define (lisp-quotient a b) (if (and (exact? a) (exact? b)) (quotient a b) (/ (exact->inexact a) b)))
(define (lisp-fix x) (if (exact? x) x (inexact->exact (truncate x))))
(define (mkvect n) (make-vector (+ n 1) '()))
(define-syntax getv (syntax-rules () ((_ v i) (vector-ref v i))))
(define-syntax putv (syntax-rules () ((_ v i x) (let ((y x)) (vector-set! v i y) y))))
(define (upbv v) (- (vector-length v) 1))
(define (lisp-mapcar l f) (map f l))
(define (lisp-mapc l f) (for-each f l) '())
(define (lisp-assoc a l) (or (assoc a l) '()))
(define (lisp-atsoc a l) (or (assq a l) '()))
(define (lisp-member a l) (or (member a l) '()))
(define (lisp-memq a l) (or (memq a l) '()))
(define (lisp-last l) (if (null? (cdr l)) (car l) (lisp-last (cdr l))))
(define (lisp-rplaca p x) (set-car! p x) p)
(define (lisp-rplacd p x) (set-cdr! p x) p)
(define (lisp-mkhash size kind growth) (if (eqv? kind 0) (make-eqv-hashtable) (make-equal-hashtable)))
(define (lisp-gethash k h) (hashtable-ref h k '()))
(define (lisp-puthash k h v) (hashtable-set! h k v) v)
(define (lisp-hashcontents h) (call-with-values (lambda () (hashtable-entries h))
  (lambda (k v) (map cons (vector->list k) (vector->list v)))))
(define characters
  (let ((v (make-vector 256))) (do ((i 0 (+ i 1))) ((= i 256) v)
    (vector-set! v i (string->symbol (string (integer->char i)))))))
(define (character c) (vector-ref characters (char->integer c)))
(define (text-of x) (cond ((symbol? x) (symbol->string x)) ((string? x) x) ((number? x) (number->string x))
  ((null? x) "nil") (else (error 'text "no text" x))))
(define (first-of x) (string-ref (text-of x) 0))
(define (lisp-explode2 x) (map character (string->list (text-of x))))
(define (lisp-explode x) (if (string? x) (map character (append (list #\") (string->list x) (list #\")))
  (lisp-explode2 x)))
(define (lisp-explode2lc x) (map (lambda (c) (character (char-downcase c))) (string->list (text-of x))))
(define (lisp-list2string l) (list->string (map (lambda (x) (if (number? x) (integer->char x) (first-of x))) l)))
(define (lisp-compress l)
  (let* ((s (lisp-list2string l)) (n (string->number s)))
    (cond (n n) ((char=? (string-ref s 0) #\") (substring s 1 (- (string-length s) 1))) (else (string->symbol s)))))
(define (lisp-intern x) (string->symbol (text-of x)))
(define (lisp-char-code c) (char->integer (first-of c)))
(define-syntax liter? (syntax-rules () ((_ x) (let ((y x)) (and (symbol? y) (char-alphabetic? (first-of y)))))))
(define-syntax digit? (syntax-rules () ((_ x) (let ((y x)) (and (symbol? y) (char-numeric? (first-of y)))))))
(define plists (make-eq-hashtable))
(define (lisp-get s k) (let ((p (assq k (eq-hashtable-ref plists s '())))) (if p (cdr p) '())))
(define (lisp-put s k v)
  (let* ((l (eq-hashtable-ref plists s '())) (p (assq k l)))
    (if p (set-cdr! p v) (eq-hashtable-set! plists s (cons (cons k v) l))) v))
(define (print x) (write x) (newline) x)
(define (prin2 x) (display x) x)
(define (terpri) (newline) '())
"""
GUILE = """
(define-syntax fluid-let ; a plain exchange: with dynamic-wind Guile takes twenty-five times as long
  (syntax-rules ()
    ((_ () body) body)
    ((_ ((v x) more ...) body) (let ((old v)) (set! v x) (let ((r (fluid-let (more ...) body))) (set! v old) r)))))
(define make-eq-hashtable make-hash-table)
(use-modules (rnrs hashtables))
(define (make-equal-hashtable) (make-hashtable equal-hash equal?))
(define (eq-hashtable-ref h k d) (hashq-ref h k d))
(define (eq-hashtable-set! h k v) (hashq-set! h k v))
"""
RENAMED = {"quotient": "lisp-quotient", "fix": "lisp-fix", "mapcar": "lisp-mapcar", "mapc": "lisp-mapc",
           "assoc": "lisp-assoc", "atsoc": "lisp-atsoc",
           **{name: "lisp-" + name for name in (
    "member", "memq", "last", "get", "put", "rplaca", "rplacd", "mkhash", "gethash", "puthash", "hashcontents",
    "explode", "explode2", "explode2lc", "list2string", "compress", "intern")}, "char-code": "lisp-char-code",
           "id2int": "lisp-char-code"}
PLAIN = {"mkvect", "getv", "putv", "upbv", "print", "prin2", "terpri", "string-length"}


class Translation:
    """One program."""

    def __init__(self, text: str) -> None:
        self.forms = read(re.sub(r"\(main\)\s*$", "", text))
        self.functions = {form[1] for form in self.forms if isinstance(form, list) and form[0] == "de"}
        self.fluids = {name for form in self.forms if isinstance(form, list) and form[0] == "fluid"
                       for name in form[1][1]}
        self.globals: set[str] = set()
        self.counter = 0

    def program(self) -> str:
        defined = [self.top(form) for form in self.forms]
        names = sorted(self.globals | self.fluids)
        return "".join(f"(define {self.name(n)} '())\n" for n in names) + "\n".join(filter(None, defined))

    @staticmethod
    def name(n: str) -> str:
        return "v:" + re.sub(r"[^A-Za-z0-9]", lambda m: f"-{ord(m[0]):x}-", n)

    def top(self, form: Any) -> str:
        if form[0] == "fluid":
            return ""
        if form[0] == "de":
            parameters = form[2] if isinstance(form[2], list) else []
            body = self.bound(parameters, self.progn(form[3:], set(parameters)))
            return f"(define ({self.name(form[1])} {' '.join(map(self.parameter, parameters))}) {body})"
        self.counter += 1
        return f"(define top-{self.counter} {self.value(form, set())})"

    def bound(self, names: list[str], body: str) -> str:
        """A body in which fluids among its parameters, which have their values, are bound, in Chez however it is left
        (as here and in Common Lisp).
        """
        fluids = [self.name(n) for n in names if n in self.fluids]
        return f"(fluid-let ({' '.join(f'({v} p{v})' for v in fluids)}) {body})" if fluids else body

    def parameter(self, n: str) -> str:
        return ("p" if n in self.fluids else "") + self.name(n)

    def progn(self, forms: list[Any], scope: set[str]) -> str:
        return f"(begin {' '.join(self.value(f, scope) for f in forms)})" if forms else "'()"

    def test(self, form: Any, scope: set[str]) -> str:
        """An expression as a Scheme condition."""
        if form == "t":
            return "#t"
        if isinstance(form, list) and form:
            head = form[0]
            if head == "not" or head == "null":
                inner = form[1]
                if isinstance(inner, list) and inner and (inner[0] in PREDICATES or inner[0] in ("and", "or")):
                    return f"(not {self.test(inner, scope)})"
                return f"(null? {self.value(inner, scope)})"
            if head in PREDICATES and head not in self.functions:
                return f"({PREDICATES[head]} {' '.join(self.value(f, scope) for f in form[1:])})"
            if head in ("and", "or"):
                return f"({head} {' '.join(self.test(f, scope) for f in form[1:])})"
        return f"(not (null? {self.value(form, scope)}))"

    def value(self, form: Any, scope: set[str]) -> str:
        if isinstance(form, Text):
            return '"' + form.replace("\\", "\\\\").replace('"', '\\"') + '"'
        if isinstance(form, (int, float)):
            return repr(form)
        if isinstance(form, str):
            if form == "nil":
                return "'()"
            if form == "t":
                return "'t"
            if form not in scope:
                self.globals.add(form)
            return self.name(form)
        if not form:
            return "'()"
        head, rest = form[0], form[1:]
        if head in self.functions:
            return f"({self.name(head)} {' '.join(self.value(f, scope) for f in rest)})"
        if head == "quote" and isinstance(rest[0], str) and rest[0] in self.functions:
            return self.name(rest[0])  # a function that is passed by its name
        if head == "quote":
            return "'" + self.datum(rest[0])
        if head == "setq":
            value = self.value(rest[1], scope)
            if rest[0] not in scope:
                self.globals.add(rest[0])
            return f"(let ((x {value})) (set! {self.name(rest[0])} x) x)"
        if head == "cond":
            return self.cond([(clause[0], clause[1:]) for clause in rest], scope)
        if head == "progn":
            return self.progn(rest, scope)
        if head in ("and", "or") or head in PREDICATES:
            if head == "or" or head == "and":
                parts = [self.value(f, scope) for f in rest]
                out = parts[-1] if parts else ("'t" if head == "and" else "'()")
                for part in reversed(parts[:-1]):
                    out = (f"(let ((y {part})) (if (null? y) {out} y))" if head == "or"
                           else f"(if (null? {part}) '() {out})")
                return out
            return f"(if {self.test(form, scope)} 't '())"
        if head == "if":
            return self.cond([(rest[0], rest[1:2]), ("t", rest[2:])], scope)
        if head in ("let", "let*"):
            return self.let(rest[0], rest[1:], scope, head == "let*")
        if head in ("dotimes", "dolist"):
            return self.loop(head, rest[0], rest[1:], scope)
        if head == "prog":
            return self.prog(rest[0] if isinstance(rest[0], list) else [], rest[1:], scope)
        if head == "function":
            return self.name(rest[0]) if isinstance(rest[0], str) else self.value(rest[0], scope)
        if head == "lambda":
            return (f"(lambda ({' '.join(map(self.parameter, rest[0]))}) "
                    f"{self.bound(rest[0], self.progn(rest[1:], scope | set(rest[0])))})")
        if head == "apply":
            return f"(apply {self.value(rest[0], scope)} {self.value(rest[1], scope)})"
        if head == "sort":
            return f"(lisp-sort {self.value(rest[0], scope)} {self.value(rest[1], scope)})"
        if head == "error":
            return f"(error 'lisp \"error\" {self.value(rest[1], scope)})"
        if head == "errorset" and isinstance(rest[0], list) and rest[0][0] == "quote":
            return ("(call/cc (lambda (k) (with-exception-handler (lambda (e) (k '())) "
                    f"(lambda () (list {self.value(rest[0][1], scope)})))))")
        if head in SAME or head in RENAMED or head in PLAIN:
            return f"({SAME.get(head) or RENAMED.get(head) or head} {' '.join(self.value(f, scope) for f in rest)})"
        raise Unsupported(str(head))

    def datum(self, x: Any) -> str:
        if isinstance(x, list):
            if x[:1] == ["dotted"]:
                return "(" + " ".join(map(self.datum, x[1:-1])) + " . " + self.datum(x[-1]) + ")"
            return "(" + " ".join(map(self.datum, x)) + ")"
        if isinstance(x, Text):
            return '"' + x + '"'
        return "()" if x == "nil" else repr(x) if not isinstance(x, str) else self.name(x)[2:]

    def cond(self, clauses: list[tuple[Any, list[Any]]], scope: set[str]) -> str:
        out = "'()"
        for test, body in reversed(clauses):
            if body:
                out = f"(if {self.test(test, scope)} {self.progn(body, scope)} {out})"
            else:
                out = f"(let ((z {self.value(test, scope)})) (if (null? z) {out} z))"
        return out

    def let(self, bindings: list[Any], body: list[Any], scope: set[str], one_by_one: bool) -> str:
        if one_by_one and len(bindings) > 1:
            return self.let(bindings[:1], [["let*", bindings[1:], *body]], scope, False)
        names = [name for name, _ in bindings]
        values = " ".join(f"({self.parameter(name)} {self.value(value, scope)})" for name, value in bindings)
        return f"(let ({values}) {self.bound(names, self.progn(body, scope | set(names)))})"

    def loop(self, head: str, control: list[Any], body: list[Any], scope: set[str]) -> str:
        """dotimes and dolist; a body that leaves the prog around it has no translation."""
        if any(self.exits(form) for form in body) or control[0] in self.fluids:
            raise Unsupported(f"{head} with a go or return inside, or over a fluid variable")
        name, inner = self.name(control[0]), self.progn(body, scope | {control[0]})
        if head == "dotimes":
            return (f"(let ((n {self.value(control[1], scope)})) (do ((k 0 (+ k 1))) ((>= k n) '()) "
                    f"(let (({name} k)) {inner})))")
        return f"(begin (for-each (lambda ({name}) {inner}) {self.value(control[1], scope)}) '())"

    # -- prog --------------------------------------------------------------------------

    def exits(self, form: Any) -> bool:
        """Does a statement contain a go or return of this prog?"""
        if not isinstance(form, list) or not form or form[0] in ("quote", "prog", "lambda", "function"):
            return False
        return form[0] in ("go", "return") or any(self.exits(f) for f in form)

    def prog(self, names: list[str], body: list[Any], scope: set[str]) -> str:
        scope = scope | set(names)
        segments: list[tuple[str, list[Any]]] = [("", [])]
        for form in body:
            if isinstance(form, str):
                segments.append((form, []))
            else:
                segments[-1][1].append(form)
        self.counter += 1
        tag = self.counter
        places = [f"({self.name(label)}-{tag})" for label, _ in segments[1:]] + ["'()"]
        code = [self.sequence(forms, follow, tag, scope) for (_, forms), follow in zip(segments, places, strict=True)]
        functions = " ".join(f"({self.name(label)}-{tag} (lambda () {text}))"
                             for (label, _), text in zip(segments[1:], code[1:], strict=True))
        bindings = " ".join(f"({self.parameter(n)} '())" for n in names)
        return f"(let ({bindings}) {self.bound(names, f'(letrec ({functions}) {code[0]})')})"

    def sequence(self, forms: list[Any], follow: str, tag: int, scope: set[str]) -> str:
        """Statements, and what follows them."""
        if not forms:
            return follow
        form, rest = forms[0], forms[1:]
        if not self.exits(form):
            return f"(begin {self.value(form, scope)} {self.sequence(rest, follow, tag, scope)})"
        head = form[0]
        if head == "go":
            return f"({self.name(form[1])}-{tag})"
        if head == "return":
            return self.value(form[1], scope) if len(form) > 1 else "'()"
        if head == "progn":
            return self.sequence([*form[1:], *rest], follow, tag, scope)
        if head == "cond":
            after = self.sequence(rest, follow, tag, scope)
            self.counter += 1
            join = f"join-{self.counter}"
            simple = len(after) < 24
            out = after if simple else f"({join})"
            onward = out
            for clause in reversed(form[1:]):
                out = f"(if {self.test(clause[0], scope)} {self.sequence(clause[1:], onward, tag, scope)} {out})"
            return out if simple else f"(let (({join} (lambda () {after}))) {out})"
        raise Unsupported(f"{head} with a go or return inside")


def translate(text: str) -> str:
    """The program as Scheme definitions; ``v:main`` runs it."""
    return Translation(text).program()


def run(which: str, text: str, rounds: int, seconds: float, jit: bool = True) -> float:
    """Seconds of the best run in Guile or Chez Scheme, of so many or for so long; Unsupported when the program has no
    translation.
    """
    definitions = translate(text)
    if which == "guile":
        clock = "(define (now) (/ (get-internal-real-time) (exact->inexact internal-time-units-per-second)))"
        clock += "(define (lisp-sort l f) (sort l (lambda (a b) (not (null? (f a b))))))"
        whole = GUILE + PRELUDE + clock + definitions
    else:
        clock = ("(define (now) (let ((t (current-time 'time-monotonic))) "
                 "(+ (time-second t) (/ (time-nanosecond t) 1e9))))")
        clock += "(define (lisp-sort l f) (sort (lambda (a b) (not (null? (f a b)))) l))"
        whole = f"(let () {PRELUDE} {clock} {definitions}\n"
    whole += (f"\n(define begun (now)) (define (rounds n) (if (or (> n 0) (< (- (now) begun) {seconds})) "
              "(let* ((s (now)) (r (v:main)) (e (- (now) s))) "
              f"(newline) (display \"@@time \") (display e) (newline) (rounds (- n 1)))))"
              f"\n(rounds {rounds})" + ("" if which == "guile" else ")"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.scm"
        path.write_text(whole)
        command = ["guile", "-s",
                   str(path)] if which == "guile" else [shutil.which("chezscheme") or "scheme", "--script", str(path)]
        environment = {"PATH": "/usr/bin:/bin", "XDG_CACHE_HOME": folder, "HOME": folder,
                       **({} if jit else {"GUILE_JIT_THRESHOLD": "-1"})}
        if which == "guile":
            program = (f'(use-modules (system base compile)) (compile-file "{path}" #:output-file "{path}.go") '
                       f'(load-compiled "{path}.go")')
            command = ["guile", "--no-auto-compile", "-c", program]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False, env=environment)
    times = [float(t) for t in re.findall(r"@@time ([0-9.e-]+)", done.stdout)]
    if not times:
        raise Unsupported((done.stderr or done.stdout).strip()[-200:])
    return min(times)
