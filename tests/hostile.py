"""Heaps and bytecode of somebody who means harm: python -m tests.hostile KIND SEED COUNT ENGINE JIT.

Whatever passes the proof is run, and afterwards the heap must still be well-formed.  A process of its own, because a
hole would kill it. What it finds goes to standard output: how many were refused and how many ran.
"""

from __future__ import annotations

import os
import random
import struct
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from csl_native import LispError, Session, restore
from csl_native.heap.objects import CODE_HEADER
from csl_native.heap.vm import HEAP
from csl_native.image.container import Image, ImageError, Section, write
from csl_native.instructions.codec import Code, encode
from csl_native.instructions.table import LOCALS, OPERANDS, CodeError, Instruction, instructions
from csl_native.runtime.machine import BadRequest
from csl_native.saving.verifying import private_env

PROGRAM = """(de fact (n) (cond ((lessp n 2) 1) (t (times n (fact (sub1 n))))))
             (de walk (x) (cond ((atom x) x) (t (cons (walk (car x)) (walk (cdr x))))))
             (de guard (x) (catch 'out (unwind!-protect (cond ((null x) (throw 'out 1)) (t (list x 1 2 3 4 5)))
               (setq count (add1 count)))))
             (setq count 0) (setq data (list2vector (list 1 2.5 "three" 'four (expt 7 50) (expt -7 60) (mkvect 3))))
             (setq table (mkhash 10 1 1)) (puthash 'a table '(1 2)) (puthash 'b table "x") (put 'data 'tag '(some list))
             (setq numbers (mkvect8 5))"""
PROBES = ("(fact 30)", "(walk (list 1 (list 2.5 data) 'x))", "(guard nil)", "(guard 5)", "(length (explode data))",
          "(gethash 'a table)", "(puthash 'c table 3)", "(get 'data 'tag)", "(plus (getv data 4) (getv data 5))",
          "(reclaim)", "(mapobl (function (lambda (x) (plist x))))", "(sub1 (getv8 numbers 2))", "(prin2 data)",
          "(orderp data table)", "(sxhash data)", "(string2list \"ab\")",
          "(mapobl (function (lambda (x) (errorset (list 'getd (list 'quote x)) nil nil))))",
          "(mapobl (function (lambda (x) (errorset (list 'symbol!-argcount (list 'quote x)) nil "
          "nil))))", "(copyd 'other 'walk)", "(remd 'guard)", "(savedefs)", "(de fresh (x) (list x (fact 5)))",
          "(fresh 1)", "(faslout 'm)", "(explodec table)")


def words(data: bytes) -> list[int]:
    return list(struct.unpack(f"<{len(data) // 8}q", data))


def hostile_heaps(r: random.Random, image: Path, count: int, folder: Path) -> Iterator[Path]:
    """Images with a few words of the heap changed; their digests fit."""
    with Image(image) as opened:
        heap, starts, table = (bytearray(opened.read(name)) for name in ("heap", "starts", "instructions"))
        info = {k: v for k, v in opened.sections["heap"].info.items() if k not in ("seal", "starts", "instructions")}
    size = int(info["size"])
    known = words(bytes(heap[:size]))
    used = [k for k in range(size // 8) if known[k] != 0]
    by_tag = [[w for w in known if w & 7 == tag] for tag in range(8)]
    for k in range(count):
        changed, bits, own = bytearray(heap), bytearray(starts), dict(info)
        for _ in range(r.choice((1, 1, 1, 2, 4))):
            at = 8 * r.choice(used)
            alike = r.choice(by_tag[known[at // 8] & 7])
            value = r.choice((alike, alike, alike, known[at // 8] ^ 8 << r.randrange(20),
                              r.choice(known), r.choice(known) ^ 1 << r.randrange(64),
                              known[at // 8] + r.choice((-16, -8, 8, 16, 1 << 8, 1 << 11)),
                              HEAP + 16 * r.randrange(size // 16) + r.randrange(8), r.getrandbits(64) - (1 << 63),
                              r.choice((7, -1, 0, 1 << 62))))
            changed[at:at + 8] = struct.pack("<Q", value & (1 << 64) - 1)
            if r.random() < 0.1:
                changed[at + r.randrange(8)] ^= 1 << r.randrange(8)
        if r.random() < 0.1:
            bits[r.randrange(len(bits))] ^= 1 << r.randrange(8)
        if r.random() < 0.1:
            own[r.choice(("size", "modulus", "gensym", "precision"))] = r.choice(
                (0, -8, 1 << 62, 1 << 63, size // 2 & -16, 3))
        path = folder / f"{k % 50}.img"
        write(path, [Section("heap", bytes(changed), raw=True, info=own), Section("starts", bytes(bits), raw=True),
                     Section("instructions", bytes(table), raw=True)])
        yield path


def hostile_code(r: random.Random) -> Code:
    """Bytecode that looks plausible: mostly balanced, with jumps, handlers, and operands that are sometimes wrong."""
    rows = instructions()
    count, room = r.randrange(1, 6), r.randrange(3, 12)
    least = r.randrange(0, min(count, 3) + 1)
    most = r.randrange(least, min(count, 3) + 1)
    out, depth, starts, jumps, pushed = bytearray(), 0, [], [], 0
    known = most
    opened: list[int] = []
    while len(out) < r.randrange(10, 120):
        if r.random() < 0.1 and depth < room:
            opened.append(r.randrange(count))
            out += variable(r, opened[-1], starts, len(out))
            known = max(known, opened[-1] + 1)
        row = pick(r, rows, depth, room, pushed)
        starts.append(len(out))
        operands = []
        for label, kind in row.operands:
            if label == "at":
                operands.append(0)
                jumps.append((len(out), row.size, len(starts)))
            elif kind in LOCALS:
                operands.append(r.choice(opened) if opened and r.random() < 0.95 else r.randrange(count))
            elif label == "k":
                operands.append(r.choice((pushed, pushed, r.randrange(256)) if row.name != "calln"
                                         else (4, 3 + pushed, 3 + pushed, pushed, r.randrange(256))))
            elif label == "n" and "fp" in row.context:
                operands.append(r.choice((r.randrange(max(known, 1)), r.randrange(count),
                                          r.randrange(256) if r.random() < 0.02 else 0)))
                known = max(known, operands[-1] + 1) if row.name != "local" else known
            elif label == "n" and "env" in row.context:
                operands.append(r.randrange(1, 8) if "call" in row.name or row.name in ("value", "set_value", "bind")
                                else r.randrange(1, 14))
            else:
                size, signed, _ = OPERANDS[kind]
                operands.append(r.randrange(-2, 3) if signed else r.choice((0, 1, 1, 2, r.randrange(256))))
        out += encode(row.name, *operands)
        if row.name == "var_index" and r.random() < 0.7:
            array, index = operands[:2] if r.random() < 0.9 else (r.randrange(count), r.randrange(count))
            starts.append(len(out))
            out += encode("pop") + (encode("var_fetch", array, index, operands[1]) if r.random() < 0.5
                                    else encode("var_keep", index, array, index))
            depth -= 1
        if row.name == "push_argument":
            pushed += 1
        elif row.name in ("calln", "drop_arguments"):
            pushed = max(0, pushed - operands[-1] + 3 * (row.name == "calln"))
        depth += row.gives - row.takes
        if row.kind in ("return", "tail") or row.always:
            depth = 0
    if depth == 0:
        out += encode("nil")
    end = len(out)
    out += encode("return")
    for at, size, number in jumps:
        back = number > 3 and r.random() < 0.25
        target = r.choice(starts[:number] if back else [*starts[number:],
                                                        end]) if r.random() < 0.97 else r.randrange(200)
        out[at + 1:at + 3] = (target - at - size).to_bytes(2, "little", signed=True)
    handlers = []
    for _ in range(r.choice((0, 0, 1, 2))):
        a, b = sorted((r.choice(starts), r.choice([*starts, end])))
        handlers.append((a, b, r.choice(starts), r.choice((0, 0, 1, 2, r.randrange(room + 2)))))
    return Code(least, most, most < count and r.random() < 0.2, count, count + room + 2, bytes(out), handlers)


def variable(r: random.Random, local: int, starts: list[int], at: int) -> bytes:
    """A variable that is made and opened, in a local variable."""
    parts = [encode("small", r.choice((8, 8, 8, 16, 64, 7, 0, -8, 127))), encode("make_variable"),
             encode("store_local", local),
             encode("var_open", local, r.choice((8, 8, 8, 4, 0, 16, 255))), encode("store_local", local)]
    for part in parts:
        starts.append(at)
        at += len(part)
    return b"".join(parts)


def pick(r: random.Random, rows: tuple[Instruction, ...], depth: int, room: int, pushed: int) -> Instruction:
    while True:
        row = r.choice(rows)
        if row.takes <= depth and depth + row.gives - row.takes <= room and (row.kind == "value" or r.random() < 0.5):
            if row.name in ("calln", "drop_arguments") and not pushed and r.random() < 0.9:
                continue
            return row


class Alarm:
    """Interrupts a session that runs for too long, again and again; code that goes on whatever happens ends the
    process.
    """

    def __init__(self, session: Session, seconds: float) -> None:
        self.timer = threading.Timer(seconds, self.ring)
        self.session, self.seconds, self.rings = session, seconds, 0
        self.timer.daemon = True
        self.timer.start()

    def ring(self) -> None:
        self.rings += 1
        if self.rings > 20:
            print("ended early by a loop that catches interrupts", flush=True)
            os._exit(0)
        self.session.interrupt()
        self.timer = threading.Timer(self.seconds, self.ring)
        self.timer.daemon = True
        self.timer.start()

    def stop(self) -> None:
        self.timer.cancel()


def well_formed(session: Session, folder: Path) -> None:
    """Preserve, and let the verifier look at the heap once more."""
    session.preserve(folder / "after.img")
    restore(folder / "after.img", heap=64 << 20, trust="none", output=open(os.devnull, "wb")).close()


def run_heaps(seed: int, count: int, engine: str | None, jit: tuple[int, int], folder: Path) -> tuple[int, int]:
    session = Session(heap=64 << 20, output=open(os.devnull, "wb"))
    session.eval(PROGRAM)
    session.preserve(folder / "good.img")
    session.close()
    refused = ran = 0
    for path in hostile_heaps(random.Random(seed), folder / "good.img", count, folder):
        try:
            session = restore(path, heap=64 << 20, engine=engine, jit=jit, output=open(os.devnull, "wb"))
        except (ImageError, MemoryError):
            refused += 1
            continue
        ran += 1
        alarm = Alarm(session, 2)
        for probe in PROBES:
            try:
                session.eval(probe)
            except (LispError, MemoryError, RecursionError):
                pass
            # a heap may have made what a probe gives a circle, which no list of Python's is
            except BadRequest as error:
                assert "the list is circular" in str(error), error
        alarm.stop()
        well_formed(session, folder)
        session.close()
    return refused, ran


def run_code(seed: int, count: int, engine: str | None, jit: tuple[int, int], folder: Path) -> tuple[int, int]:
    r = random.Random(seed)
    session = Session(heap=64 << 20, engine=engine, jit=jit, output=open(os.devnull, "wb"))
    session.eval(PROGRAM)
    m, lisp = session.machine, session.lisp
    names = ("victim", "cons", "fact", "guard", "count", "list", "no-such-function")
    others = [4 << 3, m.float(2.5), m.string("text"), m.list([8, 16]), m.vector([8, 16, 24]), m.integer(1 << 70)]
    literals = m.vector([0, *(m.intern(name) for name in names), *others])
    refused = ran = 0
    for _ in range(count):
        code = hostile_code(r)
        m.set_field(literals, 4, m.object(CODE_HEADER, code.pack()))
        try:
            env = private_env(m, literals)
        except CodeError:
            refused += 1
            continue
        ran += 1
        lisp.install_env(m.intern("victim"), env, False)
        alarm = Alarm(session, 0.3)
        for arguments in ((), (1,), (1, 2), (3, [1, 2], "x")):
            try:
                session.function("victim")(*arguments)
            except (LispError, MemoryError, RecursionError, ValueError):
                pass
        alarm.stop()
        if ran % 40 == 0:
            session.eval("(reclaim)")
            well_formed(session, folder)
    well_formed(session, folder)
    return refused, ran


def main() -> None:
    kind, seed, count, engine, jit = (sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4],
                                      sys.argv[5].split(","))
    with tempfile.TemporaryDirectory() as folder:
        run = {"heap": run_heaps, "code": run_code}[kind]
        refused, ran = run(seed, count, None if engine == "best" else engine,
                           (int(jit[0]), int(jit[-1]) if len(jit) > 1 else -1), Path(folder))
    print(f"{refused} refused, {ran} ran")


if __name__ == "__main__":
    main()
