"""Runs calls in a process of their own and looks at what they leave behind."""

from __future__ import annotations

import contextlib
import json
import mmap
import os
import re
import resource
import shutil
import struct
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from csl_native import LispError, restore
from csl_native.heap.objects import SYM_PLIST, SYMBOL_SIZE
from csl_native.heap.vm import HEAP
from csl_native.heap.words import SYMBOL
from csl_native.lisp.lisp import Stopped

from .running import FORK, Sink

# CPU seconds until a call is interrupted, or that resource-limit grants: those that take longer go round a circle
PATIENCE = 0.05
LONG, RARELY = 2.0, 64  # the same for every so many calls: what takes this time is seen too
GRACE = 2.0  # CPU seconds that it may go on afterwards
HANG = 7.0  # CPU seconds after which a process is ended from outside
MEMORY = 1500  # megabytes of the process
INSIDE = re.compile(r"internal error|Traceback|\b[A-Z][A-Za-z]+Error\b|0x[0-9a-f]{3,}|object at |expected, "
                    r"not|NoneType|'(?:int|str|list|tuple|bytes)'|"
                    r"maximum recursion|struct\.error|positional argument|codec can't|out of range for|not "
                    r"subscriptable|int too large|tuple index|#<object")
SIZE = 1000  # calls in one session
VARIANTS: tuple[dict[str, Any], ...] = (
    {"engine": "threaded"}, {"jit": (0, -1)}, {"engine": "registers"}, {"engine": "switch"},
    {"engine": "threaded", "gc_stress": 13}, {"engine": "calls"},
    {"engine": "threaded"}, {"jit": (1, 3)}, {"engine": "registers"}, {"engine": "switch"},
    {"jit": (2, -1), "gc_stress": 31})


def limited(number: int) -> bool:
    """Does a call run under resource-limit?"""
    return number % 16 == 0


def groups(first: int, end: int) -> Iterator[range]:
    """The numbers of calls, in groups."""
    while first < end:
        last = first + 1 if limited(first) else min(end, (first + 16) // 16 * 16)
        yield range(first, last)
        first = last


def variant(number: int) -> int:
    """Which of the variants a call runs in."""
    return number // SIZE % len(VARIANTS)


INSIDE_KIND = "message about the inside"


class Find(NamedTuple):
    kind: str
    number: int
    detail: str


class Checker:
    """One session, and what must be the same after every call.

    A group of calls is one list, which a loop in Lisp evaluates: before each, ``at`` looks at what the one before it
    left.
    """

    def __init__(self, image: Path, variant: int, folder: Path, place: Callable[[int], None]) -> None:
        self.sink, self.folder, self.place = Sink(), folder, place
        self.session = restore(image, heap=128 << 20, output=self.sink, **VARIANTS[variant])
        self.session.define("fz-at", self.at)
        self.constants = self.fixed()
        self.began, self.patience, self.calling, self.number = 0.0, PATIENCE, False, 0
        self.find: Find | None = None
        self.rest: list[int] = []  # numbers of calls of this group that are to come
        threading.Thread(target=self.watch, daemon=True).start()

    def fixed(self) -> list[int]:
        """The words of nil and t that stay as they are."""
        words = self.session.machine.words
        return [words[at + field >> 3] for at in (HEAP, HEAP + SYMBOL_SIZE)
                for field in range(0, SYMBOL_SIZE, 8) if field != SYM_PLIST + SYMBOL]

    def watch(self) -> None:
        """Interrupt what goes on for too long, again and again."""
        while True:
            time.sleep(PATIENCE / 2)
            if self.calling and time.process_time() - self.began > self.patience:
                self.session.interrupt()

    def at(self) -> None:
        """One call is over, and the next one of the group begins."""
        called, self.calling = self.calling, False  # no interrupt comes while nothing is called
        if called and self.find is None:
            self.find = self.look(time.process_time() - self.began, "")
            if self.find is not None:
                raise KeyboardInterrupt
        self.number = self.rest.pop(0)
        self.patience = PATIENCE if self.number % RARELY else LONG
        self.place(self.number)
        # looking at much that was printed takes seconds, which are not the call's
        self.began, self.calling = time.process_time(), True

    def group(self, numbers: list[int], texts: list[str]) -> Find | None:
        """Run calls, of which those that are limited stand alone; at the first find it is over."""
        s, m = self.session, self.session.machine
        while numbers:
            before, caught = (m.cage["sp"], m.cage["bp"]), ""
            self.find, self.rest, self.calling = None, list(numbers), False
            form = "(fz!-all '(" + " ".join(texts) + "))"
            if limited(numbers[0]):
                form = (f"(progn (fz!-at) (resource!-limit '(errorset '{texts[0]} t nil) "
                        f"{PATIENCE if numbers[0] % RARELY else LONG} 1000 2000) nil)")
            try:
                s.eval(form)
            except LispError as error:
                # a second one, which came behind it
                caught = f"left errorset: {error}" if "Interrupted" not in str(error) else ""
            except Stopped:
                caught = "ended the Lisp"
            except KeyboardInterrupt:
                pass  # another interrupt, which came when errorset had caught the first; or a find
            except BaseException as error:
                caught = f"Python's {type(error).__name__}: {error}"
            self.calling = False
            self.tidy()
            find = self.find or self.look(time.process_time() - self.began, caught)
            if find is None and (m.cage["sp"], m.cage["bp"]) != before:
                find = Find("stack", self.number, f"{before} became {m.cage['sp'], m.cage['bp']}")
            if find is not None and find.kind != INSIDE_KIND:
                return find
            if find is not None:
                self.noted.append(find)
            done = numbers.index(self.number) + 1
            numbers, texts = numbers[done:], texts[done:]
        return None

    noted: list[Find] = []  # finds after which it goes on

    def tidy(self) -> None:
        s = self.session
        with contextlib.suppress(Exception):
            s.lisp.output.flush()
        s.lisp.output = s.lisp.terminal
        s.lisp.input = s.lisp.standard_input
        s.machine.interrupted, s.machine.cage["interrupt"] = False, 0  # one that came when the call was over

    def look(self, seconds: float, caught: str) -> Find | None:
        """What a call left behind."""
        lisp, number = self.session.lisp, self.number
        for stream in (lisp.output, lisp.terminal):
            with contextlib.suppress(Exception):
                stream.flush()
        printed = self.sink.taken()
        if self.fixed() != self.constants:
            return Find("nil or t is changed", number, str(self.fixed()))
        if caught.startswith(("Python's", "ended")):
            return Find(caught.split(":")[0], number, caught)
        inside = INSIDE.search(printed + caught)
        if inside:
            return Find(INSIDE_KIND, number, (printed + caught)[max(0, inside.start() - 60):inside.end() + 100])
        if caught:
            return Find("error outside of errorset", number, caught)
        if seconds > self.patience + limited(number) * LONG + GRACE:
            return Find("beyond its limit", number, f"{seconds:.1f} s of CPU time")
        if number % 50 == 0 and resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10 > MEMORY:
            return Find("memory", number, f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MB")
        return None

    def heap(self, number: int) -> Find | None:
        """Is the heap well-formed, and every symbol found where it is looked for?"""
        s, m = self.session, self.session.machine
        try:
            s.preserve(self.folder / "after.img")
            for symbol in m.vector_items(m.root(0)):
                if symbol & 7 == 2 and m.intern(m.text(symbol)) != symbol:
                    return Find("oblist", number, m.text(symbol))
            restore(self.folder / "after.img", heap=128 << 20, trust="none", output=Sink()).close()
        except BaseException as error:
            return Find("heap", number, f"{type(error).__name__}: {error}")
        return None


class Batch:
    """Calls in one process after the other: a process that ends at a call is followed by one that begins behind it."""

    def __init__(self, first: int, texts: list[str], image: Path, folder: Path, variant: int) -> None:
        self.first, self.texts, self.image, self.folder, self.variant = first, texts, image, folder, variant
        self.finds: list[Find] = []
        self.next = 0
        self.place = mmap.mmap(-1, 16)

    def start(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        (self.folder / "in.txt").write_text("(a b) c 12 \"text\"\nline two\n")
        self.log = self.folder / "finds"
        self.place[:] = struct.pack("qq", self.next, 0)
        self.process = FORK.Process(target=self.work)
        self.process.start()
        self.seen, self.since = -1, 0.0

    def work(self) -> None:
        null = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(null, fd)
        os.chdir(self.folder)
        with open(self.log, "a") as log:
            def note(find: Find | None) -> None:
                if find is not None:
                    log.write(json.dumps(find) + "\n")
                    log.flush()
            def at(number: int) -> None:
                self.place[:] = struct.pack("qq", number - self.first, 0)
            checker = Checker(self.image, self.variant, self.folder, at)
            for numbers in groups(self.first + self.next, self.first + len(self.texts)):
                find = checker.group(list(numbers), [self.texts[k - self.first] for k in numbers])
                for noted in checker.noted:
                    note(noted)
                checker.noted.clear()
                note(find)
                if find is not None:
                    self.place[:] = struct.pack("qq", find.number - self.first + 1, 1)
                    os._exit(0)  # what it left behind is not to be trusted
            self.place[:] = struct.pack("qq", len(self.texts), 0)
            note(checker.heap(self.first + len(self.texts) - 1))
        self.place[:] = struct.pack("qq", len(self.texts), 1)
        os._exit(0)

    def cpu(self) -> float:
        try:
            fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def done(self) -> bool:
        """Look at the process; True when all calls are over."""
        k, finished = struct.unpack("qq", self.place[:])
        hang = False
        if self.process.is_alive():
            if k != self.seen:
                self.seen, self.since, self.wall = k, self.cpu(), time.monotonic()
            if self.cpu() - self.since <= HANG and time.monotonic() - self.wall <= 100 * HANG:
                return False
            self.process.kill()
            hang = True
        self.process.join()
        k, finished = struct.unpack("qq", self.place[:])
        if self.log.exists():
            self.finds += [Find(*json.loads(line)) for line in self.log.read_text().splitlines()]
        if not finished:
            code = self.process.exitcode
            number = self.first + min(k, len(self.texts) - 1)
            kind = "hang" if hang else f"signal {-code}" if code and code < 0 else f"exit {code}"
            self.finds.append(Find(kind, number, "while the heap was checked" if k == len(self.texts) else ""))
            k += 1
        self.next = k
        if k < len(self.texts):
            self.start()
            return False
        return True


def alone(texts: list[str], find: Find, image: Path, folder: Path) -> bool:
    """Do these calls in a fresh session show a find of the same kind?"""
    number = find.number - len(texts) + 1 if len(texts) > 1 else find.number
    batch = Batch(number, texts, image, folder, variant(find.number))
    batch.start()
    while not batch.done():
        time.sleep(0.005)
    return any(f.kind == find.kind for f in batch.finds)


T = TypeVar("T")


def minimal(items: list[T], fails: Callable[[list[T]], bool], seconds: float, start: int = 0) -> list[T]:
    """Items, of which those from ``start`` on are left out in ever smaller pieces while it still fails."""
    end, size = time.monotonic() + seconds, max(1, (len(items) - start) // 2)
    while time.monotonic() < end:
        k, less = start, False
        while k < len(items) and time.monotonic() < end:
            without = items[:k] + items[k + size:]
            if len(without) >= max(start, 1) and fails(without):
                items, less = without, True
            else:
                k += size
        if size == 1 and not less:
            break
        size = max(1, size // 2)
    return items
