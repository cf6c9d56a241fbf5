"""What big programs lean on: allocation, collections, hash tables, property lists, big integers, and the speed of the
compiler.
"""

from __future__ import annotations

import math
import os
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from csl_native.session.session import Session

CONSES = """
(fluid '(keep))
(de live (n) (prog (l) l1 (cond ((zerop n) (return l))) (setq l (cons n l)) (setq n (sub1 n)) (go l1)))
(de churn (n) (prog (l k) (setq k 0) l1 (cond ((zerop n) (return l))) (setq l (cons n l)) (setq k (add1 k))
  (cond ((greaterp k 1000) (progn (setq l nil) (setq k 0)))) (setq n (sub1 n)) (go l1)))
(de main () (progn (setq keep (live 1000000)) (churn 100000000) (length keep)))
"""
HASHES = """
(fluid '(keys))
(de fresh (n) (prog (l) l1 (cond ((zerop n) (return l))) (setq l (cons (list n) l)) (setq n (sub1 n)) (go l1)))
(setq keys (fresh 1000000))
(de main () (prog (h l n) (setq h (mkhash 10 0 2)) (setq l keys)
  l1 (cond ((null l) (go l2))) (puthash (car l) h 1) (setq l (cdr l)) (go l1)
  l2 (setq n 0) (setq l keys)
  l3 (cond ((null l) (return n))) (setq n (plus n (gethash (car l) h))) (setq l (cdr l)) (go l3)))
"""
FACTORIAL = """
(de fact (n) (cond ((lessp n 2) 1) (t (times n (fact (sub1 n))))))
(de main () (prog (k) (setq k 100) l (cond ((zerop k) (return nil))) (fact 2000) (setq k (sub1 k)) (go l)))
"""
PI = """
(de digits (n) (prog (q r k m x l out)
  (setq q 1) (setq r 0) (setq k 1) (setq m 3) (setq x 3) (setq l 1) (setq n (add1 n))
  loop (cond ((zerop n) (return out)))
  (cond ((lessp (difference (plus (times 4 q) r) l) (times m l))
     (prog (a) (setq out (cons m out)) (setq n (sub1 n)) (setq a (times 10 (difference r (times m l))))
       (setq m (difference (quotient (times 10 (plus (times 3 q) r)) l) (times 10 m))) (setq q (times q 10))
       (setq r a)))
    (t (prog (a b) (setq a (times (plus (times 2 q) r) x)) (setq b
      (quotient (plus (times q (plus (times 7 k) 2)) (times r x)) (times l x)))
       (setq q (times q k)) (setq l (times l x)) (setq x (plus x 2)) (setq k (add1 k)) (setq m b) (setq r a))))
  (go loop)))
(de main () (digits 1000))
"""
PROPERTIES = """
(de fill (k) (cond ((zerop k) nil) (t (progn (put 'symbol (car (nthcdr names (sub1 k))) k) (fill (sub1 k))))))
(fluid '(names))
(de nthcdr (l n) (cond ((zerop n) l) (t (nthcdr (cdr l) (sub1 n)))))
(setq names '(pa pb pc pd pe pf pg ph pi pj pk pl pm pn po pp pq pr ps pt))
(de walk (l s) (cond ((null l) s) (t (walk (cdr l) (plus s (get 'symbol (car l)))))))
(de main () (prog (k) (fill 20) (setq k 200000) l (cond ((zerop k) (return nil))) (walk names 0) (setq k (sub1 k))
  (go l)))
"""
PROGRAMS = {"100 M conses, a million live": CONSES, "eq table, a million put and got": HASHES,
            "2000! a hundred times": FACTORIAL, "1000 digits of pi": PI, "get on 20 properties, 4 M times": PROPERTIES}
Runner = Callable[[str, int], float]


def heap_table(native: Runner, sbcl: Runner, say: Callable[[str], None]) -> tuple[list[str], list[list[str]]]:
    """The programs here and in SBCL: head and rows of a table."""
    rows = []
    for name, text in PROGRAMS.items():
        say(name)
        a, b = native(text, 2), sbcl(text, 2)
        rows.append([name, f"{1000 * a:.0f}", f"{1000 * b:.0f}" if math.isfinite(b) else "",
                     f"{a / b:.2f}" if math.isfinite(b) else ""])
    return ["program", "native ms", "SBCL ms", "native/SBCL"], rows


def pauses() -> str:
    """The longest young collection with 1 GB live, part of it changed all the time."""
    session = Session(heap=6 << 30, output=open(os.devnull, "wb"))
    session.eval("(fluid '(keep)) " + CONSES.split("\n", 2)[2].rsplit("(de main", 1)[0])
    session.eval("(de build (k) (prog (v) (setq v (mkvect k)) l (putv v k (live 1000000)) (setq k (sub1 k)) "
                 "(cond ((geq k 0) (go l))) (return v)))"
                 "(de work (n) (prog (i) l (setq i (remainder n 60)) (putv keep i (cons n (getv keep i))) (churn 1000)"
                 " (setq n (sub1 n)) (cond ((greaterp n 0) (go l)))))")
    session.native_compile()
    session.eval("(setq keep (build 62))")
    session.run(lambda: session.lisp.collect())
    times: list[float] = []
    collect = session.machine.kernel.collect

    def timed(full: int) -> None:
        before = session.machine.cage["full_count"]
        started = time.perf_counter()
        collect(full)
        if session.machine.cage["full_count"] == before:
            times.append(time.perf_counter() - started)
    session.machine.kernel.collect = timed
    live = session.machine.cage["live_lines"] * 256 / 1e9
    session.eval("(work 400000)")
    session.close()
    return (f"{len(times)} young collections with {live:.2f} GB live: the longest {1000 * max(times):.0f} ms, together "
            f"{sum(times):.2f} s")


def generated(lines: int) -> str:
    """Standard Lisp like a program's: functions of some twenty lines with bindings, loops, calls, constants, and data
    between them.
    """
    r = random.Random(1)
    out: list[str] = []
    names = [f"gen{k}" for k in range(400)]

    def expression(depth: int) -> str:
        if depth == 0 or r.random() < 0.2:
            return r.choice(["x", "y", "z", "'sym", str(r.randrange(1000)), '"text"', "nil", "(car x)", "(cdr y)"])
        f = r.choice(["plus", "times", "cons", "list", "append", "equal", "get", *r.sample(names, 2)])
        return f"({f} {' '.join(expression(depth - 1) for _ in range(2))})"
    while len(out) < lines:
        name = r.choice(names)
        out += [f"% {name} does what it does", f"(de {name} (x y)", "  (prog (z k)", "    (setq k 0)", "  loop",
                "    (cond"]
        out += [f"      ((eqcar x '{r.choice(names)}) {expression(2)})\n" .rstrip() for _ in range(4)]
        out += [f"      ((null y) (return {expression(2)})))", f"    (setq z {expression(3)})", "    (setq x (cdr x))",
                f"    (cond ((and (atom x) (not (idp y))) (return (list z k {expression(2)}))))",
                "    (setq k (add1 k))",
                f"    (put '{name} 'last (cons x z))", "    (go loop)))", "",
                f"(put '{name} 'rule '((a . {r.randrange(99)}) (b c d) \"text\"))", ""]
    return "\n".join(out) + "\n"


def compile_speed() -> str:
    """Lines a minute from source to bytecode: loaded, and through faslout to a module that is loaded again."""
    text = generated(20_000)
    count = text.count("\n")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "generated.lsp"
        path.write_text(text)
        session = Session(output=open(os.devnull, "wb"), output_library=Path(folder) / "lib.img")
        started = time.process_time()
        session.load(path)
        loaded = time.process_time() - started
        started = time.process_time()
        session.eval(f'(faslout (quote generated)) (rdf "{path}") (faslend)')
        compiled = time.process_time() - started
        started = time.process_time()
        session.eval("(load!-module 'generated)")
        again = time.process_time() - started
        session.close()
    return (f"{count} lines of generated Lisp: read, compiled and defined at {60 * count / loaded:,.0f} lines a "
            "minute, "
            f"compiled to a module at {60 * count / compiled:,.0f}, which loads in {1000 * again:.0f} ms")
