"""Typed modules: loops of theirs beside the same loops in C, and how fast procedures are verified."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from csl_native.modules import EXTERNAL, Instruction, Module, ModuleBuilder, instruction
from csl_native.session.session import Session

LOOPS = """(module loops
  (register io word) (register a word) (register b word) (register c word) (register i word) (register n word)
  (register array word 4096) (register x word) (interface pt io) (interface pa array)
  (procedure product pt external (push a) (cpi8 1 a) next (mul io a a) (dec io) (jnz io next) (cpb a io) (pop) (ret))
  (procedure fibonacci pt external (push a) (push b) (push c) (cpi8 1 b)
    next (add a b c) (cpb b a) (cpb c b) (dec io) (jnz io next) (cpb a io) (pop) (pop) (pop) (ret))
  (procedure random pt external (push a) (push b) (push c) (cpi8 6364136223846793005 b) (cpi8 1442695040888963407 c)
    next (mul a b a) (add a c a) (dec io) (jnz io next) (cpb a io) (pop) (pop) (pop) (ret))
  (procedure gcds pt external (push n) (push a) (push b) (push c)
    again (cpi8 1071 a) (cpi8 462 b)
    loop (je a b done) (jg a b more) (sub b a b) (jmp loop) more (sub a b a) (jmp loop)
    done (add c a c) (dec io) (jnz io again) (cpb c io) (pop) (pop) (pop) (pop) (ret))
  (procedure sum pa external (push n) (push i) (push a) (push x) (push b) (cpi8 4096 n) (cpi8 2000 b)
    again (cpi8 0 i)
    next (lde array i x) (add a x a) (inc i) (jg n i next) (dec b) (jnz b again) (cpi8 0 i) (ste a array i) (pop) (pop)
    (pop) (pop) (pop) (ret))
  (procedure bubble pa external (push n) (push i) (push a) (push b) (push c) (cpi8 4095 n)
    again (cpi8 0 i)
    next (cpb i c) (inc c) (lde array i a) (lde array c b) (jng a b fine) (ste b array i) (ste a array c)
    fine (inc i) (jg n i next) (dec n) (jnz n again) (pop) (pop) (pop) (pop) (pop) (ret)))"""
C = """#include <stdint.h>
int64_t product(int64_t io) { uint64_t a = 1; do { a *= io; } while (--io); return a; }
int64_t fibonacci(int64_t io) { uint64_t a = 0, b = 1; do { uint64_t c = a + b; a = b; b = c; } while (--io); return a;
  }
int64_t random_(int64_t io) { uint64_t a = 0; do { a = a * 6364136223846793005u + 1442695040888963407u; } while (--io);
  return a; }
int64_t gcds(int64_t io) { int64_t c = 0; do { volatile int64_t s = 1071, t = 462; int64_t a = s, b = t;
  while (a != b) { if (a > b) a -= b; else b -= a; } c += a; } while (--io); return c; }
int64_t sum(int64_t *v) { volatile int64_t n = 4096; int64_t a = 0; for (int b = 0; b < 2000; b++)
  { int64_t m = n; for (int64_t i = 0; i < m; i++) a += v[i]; }
  return v[0] = a; }
int64_t bubble(int64_t *v) { for (volatile int64_t n = 4095; n; n--) { int64_t m = n; for (int64_t i = 0; i < m; i++) {
  int64_t a = v[i], b = v[i + 1]; if (a > b) { v[i] = b; v[i + 1] = a; } } } return 0; }
"""
COUNT = 20_000_000


def best(call: Callable[[], object], rounds: int = 7) -> float:
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        call()
        times.append(time.perf_counter() - started)
    return min(times)


def loops(say: Callable[[str], None] = lambda name: None) -> str:
    """Milliseconds of each loop through LLVM and as C (gcc -O2), in turns."""
    session = Session()
    session.eval(LOOPS)
    names = ("product", "fibonacci", "random", "gcds", "sum", "bubble")
    session.native_compile([name for n in names for name in (n, f"loops:{n}")])
    compiler = shutil.which("gcc")
    rows = ["| loop of a typed module | LLVM ms | gcc -O2 ms | ratio |", "| --- | --- | --- | --- |"]
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "p.c").write_text(C)
        library = None
        if compiler is not None:
            subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", f"{folder}/p.so", f"{folder}/p.c"], check=True)
            library = ctypes.CDLL(f"{folder}/p.so")
        for name in names:
            say(f"the loop {name}")
            function = session.function(name)
            if name in ("sum", "bubble"):
                fill = "(dotimes (i 4096) (variable!-put loops!-v i (difference 4096 i)))"
                session.eval(f"(setq loops!-v (module!-variable 'loops 7)) {fill}")
                vector = session.eval("loops!-v")
                array = (ctypes.c_int64 * 4096)(*range(4096, 0, -1))
                argument: tuple[object, object] = vector, array
            else:
                count = COUNT // 40 if name == "gcds" else COUNT
                argument = count, ctypes.c_int64(count)
            there = getattr(library, {"random": "random_"}.get(name, name)) if library is not None else None
            own, theirs_too = partial(function, argument[0]), partial(there, argument[1]) if there is not None else None
            ours, theirs = [], []
            for _ in range(9 if name == "bubble" else 25):
                if name == "bubble":
                    session.eval(fill)
                    array[:] = list(range(4096, 0, -1))
                ours.append(best(own, 1))
                if theirs_too is not None:
                    theirs.append(best(theirs_too, 1))
            ratio = f"{min(ours) / min(theirs):.2f}" if theirs else ""
            rows.append(f"| {name} | {min(ours) * 1e3:.1f} | {min(theirs) * 1e3 if theirs else 0:.1f} | {ratio} |")
    return "\n".join(rows)


def procedures(count: int) -> Module:
    """A module of procedures with frames, loops and calls, all different."""
    builder = ModuleBuilder()
    word = builder.add_var_type(8)
    registers = [builder.add_reg(0, word) for _ in range(40)]
    ptype = builder.add_proc_type(0, registers[0])
    for k in range(count):
        a, b, c = (registers[1 + (k * 7 + n) % 39] for n in (0, 3, 11))
        code: list[Instruction] = [instruction("PUSH", a), instruction("PUSH", b), instruction("PUSH", c)]
        for n in range(12):
            code += [instruction("CPI8", k * n, a), instruction("ADD", a, b, c), instruction("JNZ", c, 3),
                     instruction("MUL", a, c, b), instruction("INC", a),
                     instruction("SUB", c, registers[0], c), instruction("JG", a, b, 2), instruction("DEC", b),
                     instruction("CPB", b, registers[0])]
        code += [instruction("INC", registers[0])] * 2 + [instruction("POP")] * 3 + [instruction("RET")]
        builder.add_proc(EXTERNAL, ptype, f"p{k}", code)
    return builder.create_module()


def verification() -> str:
    """Instructions a second: verified one by one, and from the bytes of a module to a module."""
    module = procedures(2000)
    data = module.to_bytes()
    codes = [module.proc(k).code for k in range(module.proc_count)]
    count = sum(map(len, codes))

    def verified() -> float:
        """Seconds, in a builder that has everything but the instructions."""
        builder = ModuleBuilder()
        word = builder.add_var_type(8)
        registers = [builder.add_reg(0, word) for _ in range(40)]
        ptype = builder.add_proc_type(0, registers[0])
        for _ in codes:
            builder.add_proc(EXTERNAL, ptype)
        started = time.perf_counter()
        for k, code in enumerate(codes):
            builder.add_instr(k, *code)
        return time.perf_counter() - started
    seconds, all_ = min(verified() for _ in range(5)), best(lambda: Module.from_bytes(data), 5)
    return (f"verification of a typed module: {count} instructions in {seconds * 1e3:.0f} ms, "
            f"{count / seconds / 1e6:.2f} million a second; "
            f"with the decoding of its bytes {count / all_ / 1e6:.2f} million")
