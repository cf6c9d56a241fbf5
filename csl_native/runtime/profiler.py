"""Samples of which functions run, for a table and flame graphs: a thread asks at intervals, and the program looks at
its stack where it can next.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from time import monotonic as clock
from typing import TYPE_CHECKING

from ..heap.objects import SYM_ENV, SYM_SPARE
from ..heap.vm import WORD
from ..heap.words import VECTOR
from ..kernel.host import H_CALL, H_PASSED, HOST_CODES, PASSED
from ..system.threads import own_thread

if TYPE_CHECKING:
    from ..lisp.host import Host
    from ..lisp.lisp import Lisp

PERIOD = 0.005  # seconds
RENEWED = 50  # times the time that looking functions up takes, after which they are looked up again
LONGEST = 15  # rows of the table

Handler = Callable[[int, int, int], "int | None"]


class Profiler:
    """Counts of stacks of functions, the outermost first.

    Every running function keeps its literal vector on the machine stack, which is what is looked for; so each function
    is in a stack once, one that has just returned may be, too, and functions whose bodies stand in others are not.
    Samples are taken at safepoints, and when the host answers a request during which one was due, with what was asked
    for as the innermost row.
    """

    def __init__(self) -> None:
        self.stacks: Counter[tuple[str, ...]] = Counter()
        self.lisp: Lisp | None = None
        self.due = 0.0  # when the next sample is
        self.functions: dict[int, int] = {}  # symbols by literal vector
        self.renewed = 0.0
        self.stopped = threading.Event()
        self.thread = own_thread("csl profiler", self.ask)

    def begin(self, lisp: Lisp) -> None:
        """From now on look at this Lisp, which may come in place of another one."""
        self.lisp, self.renewed = lisp, 0.0
        host: Host = lisp.machine.host  # type: ignore[assignment]
        host.table = [self.watched(code, handler) for code, handler in enumerate(host.table)]
        lisp.machine.hold(self)
        if self.thread.ident is None:
            self.thread.start()

    def held_words(self) -> list[int]:
        """What is known by its address lives until it is looked up again; symbols that can be read never go."""
        return list(self.functions)

    def end(self) -> None:
        self.stopped.set()
        self.thread.join()

    def ask(self) -> None:
        left = 0.0
        while not self.stopped.wait(left if left > 0 else PERIOD):
            left = self.due - clock()
            if left <= 0 and self.lisp is not None:
                self.lisp.machine.poke(WORD)

    def watched(self, code: int, handler: Handler) -> Handler:
        """A handler of the host's with samples that were due before it, and while it ran; Lisp that it calls takes them
        itself.

        The clock decides: the thread that asks waits itself until Python code comes to a point where threads change,
        which is too late.
        """
        assert self.lisp is not None
        machine = self.lisp.machine

        def answered(a: int, b: int, c: int) -> int | None:
            if clock() >= self.due:
                self.sample()
            at = machine.left_at
            result = handler(a, b, c)
            if clock() >= self.due:
                machine.left_at = at  # Lisp that ran meanwhile has returned
                self.sample(self.request(code, a))
            return result
        return answered

    def request(self, code: int, a: int) -> str:
        """What was asked of the host."""
        assert self.lisp is not None
        if code == H_CALL:
            return self.lisp.builtins.names[self.lisp.machine.words[a + SYM_SPARE >> 3] >> 3]
        if code == H_PASSED:
            return PASSED[a >> 2]
        return f"[{HOST_CODES[code].replace('_', ' ')}]"

    def sample(self, *innermost: str) -> None:
        """Note which functions run, and what Python does for them."""
        lisp = self.lisp
        assert lisp is not None
        began = clock()
        if began >= self.renewed:
            self.functions = self.look_up(lisp)
            self.renewed = began + RENEWED * (clock() - began)
        m, functions = lisp.machine, self.functions
        found = [functions[word] for word in m.stack_words() if word in functions]
        outermost = dict.fromkeys(reversed(found))  # what is left over in dead slots lies further in
        with m.scope():
            self.stacks[(*map(m.label, outermost), *innermost)] += 1
        self.due = clock() + PERIOD

    @staticmethod
    def look_up(lisp: Lisp) -> dict[int, int]:
        """All bytecoded functions that have a name."""
        words = lisp.machine.words
        return {env: symbol for symbol in lisp.machine.interned()
                if (env := words[symbol + SYM_ENV >> 3]) & 7 == VECTOR}

    # -- what is written -----------------------------------------------------------------

    def write(self, path: str) -> None:
        with open(path, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.writelines(self.lines())

    def lines(self) -> list[str]:
        """The stacks as flame graphs are made of: names from the outermost on, a blank, and how often that was seen."""
        return [f"{';'.join(name.replace(';', ':') for name in stack) or '[csl]'} {count}\n"
                for stack, count in sorted(self.stacks.items())]

    def table(self) -> Iterator[str]:
        """The functions that took most of the time themselves, and the time of what they called with it."""
        own, whole = Counter[str](), Counter[str]()
        for stack, count in self.stacks.items():
            own[stack[-1] if stack else "[csl]"] += count
            for name in set(stack):
                whole[name] += count
        samples = own.total()
        if not samples:
            yield f"profile: no samples; the program took less than {PERIOD * 1000:g} ms"
            return
        yield f"profile: {samples} samples, one in {PERIOD * 1000:g} ms"
        yield "  self  total  function"
        for name, count in sorted(own.items(), key=lambda row: (-row[1], row[0]))[:LONGEST]:
            yield f"{count / samples:6.1%} {max(whole[name], count) / samples:6.1%}  {name}"
