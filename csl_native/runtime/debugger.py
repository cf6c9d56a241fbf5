"""A debugger of bytecode: breakpoints, stepping, watching, counting, tracing, back-traces with values.

``Debugger(session)`` is what front ends use; ``toplevel`` has one for the prompt.  While it is attached every call of a
bytecoded function runs on the engine ``debug``, and functions with native code run as bytecode; detaching gives both
back. A frame that runs already moves there at its next backward jump, and back when the debugger is detached; one of
native code also where the function calls itself (``docs/debugging.md`` says which loops stay native).

Everything happens in the thread that runs Lisp: when there is a reason to stop, ``on_stop`` is called with a ``Stop``
and tells how to go on by calling ``step``, ``step_over``, ``finish`` or nothing (go on).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..engines.weave import kernel_program
from ..heap.objects import SYM_ENV
from ..heap.vm import GUARD_COUNT, GUARDS, VM
from ..heap.words import VECTOR
from ..instructions.codec import Code, Decoded, decode, verify
from ..instructions.layout import CODE_START
from ..kernel.calls import SLOT
from ..kernel.memory import NIL, NO_LIMIT, T
from ..restricted.checker import Program
from ..restricted.cpython import translate
from .machine import BadRequest

if TYPE_CHECKING:
    from ..session.session import Session

ENTRIES = ("interpret", "run")  # what an engine gives, and the entry slots of it
SLOTS_OF_ENGINE = [SLOT[what] >> 3 for what in ENTRIES]


@dataclass
class Frame:
    """One activation of a bytecoded function: ``offset`` is that of the instruction that comes next, or that calls."""

    name: str
    env: int
    fp: int
    offset: int
    code: Code
    listing: dict[int, Decoded]


@dataclass
class Stop:
    """Why the program stands still, and where; values are Lisp words."""

    reason: str
    frame: Frame
    locals: list[int]
    operands: list[int]
    instruction: str


@dataclass
class Watch:
    """A value that is looked at before every instruction: a fluid, an element of a vector, or a local of a function."""

    what: str
    look: Callable[[Frame], int | None]
    seen: dict[int, int | None] = field(default_factory=dict)  # by frame for a local, else by 0
    local: bool = False


class Debugger:
    """Attached to one session."""

    def __init__(self, session: Session,
                 on_stop: Callable[[Debugger, Stop], None] = lambda debugger, stop: None) -> None:
        self.session, self.machine, self.lisp = session, session.machine, session.lisp
        self.on_stop = on_stop
        self.breakpoints: set[tuple[str, int]] = set()
        self.watches: list[Watch] = []
        self.counts: Counter[str] = Counter()  # calls, by function, while attached
        self.instructions = 0
        self.trace: Callable[[Frame, str], None] | None = None
        self.stack: list[Frame] = []
        self.attached = self.busy = False
        self.stays = False  # also when there is nothing to stop for
        self._mode, self._depth = "go", 0
        self._codes: dict[int, tuple[int, str, Code, dict[int, Decoded]]] = {}
        self._old: Any = None
        self.machine.hold(self)

    def held_words(self) -> list[int]:
        """What is known by its address, and the values that are watched."""
        codes = [word for env, found in self._codes.items() for word in (env, found[0])]
        return [*codes, *(word for watch in self.watches for word in watch.seen.values() if word is not None)]

    # -- attaching -------------------------------------------------------------------

    def attach(self) -> None:
        """Run bytecode on the engine ``debug`` from now on; native functions become bytecode until ``detach``."""
        if self.attached:
            return
        other = self.lisp.debugger
        if other is not None:
            raise BadRequest("another debugger is attached to this session; detach it first")
        m = self.machine
        if m.native:
            found = [self.session.kernel_address(f"{what}_debug") for what in ENTRIES]
            self._old = [m.words[slot] for slot in SLOTS_OF_ENGINE]
            for slot, address in zip(SLOTS_OF_ENGINE, found, strict=True):
                if address is None:
                    raise BadRequest("this kernel has no engine debug; build it without --without debug")
                m.words[slot] = address
        else:
            names = m.kernel.globals
            self._old = [names[what] for what in ENTRIES]
            names.update(zip(ENTRIES, interpreter(names), strict=True))
        self.lisp.debugger = self
        self.attached = True
        m.hurry()  # else it would undo the next line later
        # running frames ask at their next backward jump
        self._threshold, m.cage["threshold"] = m.cage["threshold"], 1 if m.native else 0
        # native frames that run call functions whose bodies stand in them
        m.bytes[GUARDS:GUARDS + GUARD_COUNT] = b"\1" * GUARD_COUNT
        self.session.hardcode.withdraw()
        m.cage["debugged"], m.cage["stack_limit"] = 1, NO_LIMIT  # native frames come here at their next safepoint

    def detach(self) -> None:
        """Give native functions and the session's own engine back."""
        if not self.attached:
            return
        m = self.machine
        if m.native:
            for slot, address in zip(SLOTS_OF_ENGINE, self._old, strict=True):
                m.words[slot] = address
        else:
            m.kernel.globals.update(zip(ENTRIES, self._old, strict=True))
        m.cage["debugged"], m.cage["threshold"] = 0, self._threshold
        m.bytes[GUARDS:GUARDS + GUARD_COUNT] = bytes(GUARD_COUNT)
        for guard in self.session.tripped:
            m.bytes[guard] = 1
        self.session.hardcode.return_native()
        self.lisp.debugger = None
        self.attached = False
        self.stack = []  # a hook that another thread is in keeps the old one

    def adopt(self, env: int, at: int) -> int:
        """A frame that began before the debugger came is at a backward jump: T, and it goes on where the debugger sees
        it.
        """
        m = self.machine
        address = self.session.kernel_address("resume_bytecode")
        if at == 0 or address is None:
            return NIL
        code = Code.unpack(m.raw(m.field(env, 8 - VECTOR)))
        m.cage["resume_at"], m.cage["resume_depth"] = at, verify(code, m.vector_length(env))[at]
        m.words[SLOT["resume"] >> 3] = address
        return T

    def __enter__(self) -> Debugger:
        self.attach()
        return self

    def __exit__(self, *exception: object) -> None:
        self.detach()

    # -- what to stop for ------------------------------------------------------------

    def break_at(self, name: str, offset: int = 0) -> None:
        """Stop before the instruction at ``offset`` of a function; ValueError when none begins there."""
        symbol = self.machine.intern(name)
        if not self.lisp.is_bytecoded(symbol):
            raise BadRequest(f"{name} has no bytecode; define it first")
        listing = self._listing(self.machine.field(symbol, SYM_ENV))[3]
        if offset not in listing:
            raise BadRequest(f"no instruction of {name} begins at {offset}; they begin at "
                             f"{', '.join(map(str, listing))}")
        self.breakpoints.add((name, offset))

    def clear(self, name: str, offset: int | None = None) -> None:
        """Remove the breakpoints of a function, or one of them."""
        self.breakpoints = {b for b in self.breakpoints if b[0] != name or (offset is not None and b[1] != offset)}

    def watch_fluid(self, name: str) -> None:
        """Stop when the value of a fluid or global changes."""
        symbol = self.machine.intern(name)
        self._watch(Watch(name, lambda frame: self.machine.value(symbol)))

    def watch_element(self, name: str, index: int) -> None:
        """Stop when an element of the vector that is a variable's value changes."""
        m, symbol = self.machine, self.machine.intern(name)

        def look(frame: Frame) -> int | None:
            v = m.value(symbol)
            return (m.vector_items(v)[index] if v is not None and v & 7 == VECTOR and 0 <= index < m.vector_length(v)
                    else None)
        self._watch(Watch(f"{name}[{index}]", look))

    def watch_local(self, name: str, number: int) -> None:
        """Stop when a local variable of a function (arguments come first, from 0) changes in one of its activations."""
        def look(frame: Frame) -> int | None:
            return (self.machine.field(frame.fp, 8 * number) if frame.name == name and number < frame.code.locals
                    else None)
        self._watch(Watch(f"local {number} of {name}", look, local=True))

    def _watch(self, watch: Watch) -> None:
        if not watch.local:
            watch.seen[0] = (watch.look(self.stack[-1]) if self.stack
                             else watch.look(Frame("", 0, 0, 0, Code(0, 0, False, 0, 0, b""), {})))
        self.watches.append(watch)

    # -- how to go on ------------------------------------------------------------------

    def step(self) -> None:
        """Stop before the next instruction, wherever it is."""
        self._mode = "step"

    def step_over(self) -> None:
        """Stop before the next instruction of this activation, or of a caller."""
        self._mode, self._depth = "over", len(self.stack)

    def finish(self) -> None:
        """Stop when this activation has returned."""
        self._mode, self._depth = "over", len(self.stack) - 1

    def go_on(self) -> None:
        self._mode = "go"

    # -- looking ----------------------------------------------------------------------

    def backtrace(self) -> list[str]:
        """The activations, innermost first: function, offset, and locals with their values."""
        return [f"{f.name} at {f.offset}: " + " ".join(map(self.show, self.locals(f))) for f in reversed(self.stack)]

    def locals(self, frame: Frame) -> list[int]:
        return self.machine.row(frame.fp, frame.code.locals)

    def show(self, word: int) -> str:
        return self.lisp.printer.text(word) if word & 7 != 7 else "?"

    # -- the hook ----------------------------------------------------------------------

    def _listing(self, env: int) -> tuple[int, str, Code, dict[int, Decoded]]:
        m = self.machine
        found = self._codes.get(env)
        code_object = m.field(env, 8 - VECTOR)
        if found is None or found[0] != code_object:
            code = Code.unpack(m.raw(code_object))
            name = next((m.text(s) for s in m.interned() if m.field(s, SYM_ENV) == env), "lambda")
            found = self._codes[env] = code_object, name, code, {item.at: item for item in decode(code.code)}
        return found

    def hook(self, env: int, fp: int, pc: int) -> int:
        """Before every instruction: keep the stack of activations, and stop when there is a reason."""
        if self.busy:
            return NIL
        self.instructions += 1
        code_object, name, code, listing = self._listing(env)
        offset = pc - code_object - CODE_START
        stack = self.stack
        while stack and stack[-1].fp > fp:
            stack.pop()
        top = stack[-1] if stack else None
        if top is None or top.fp != fp or top.env != env or offset == 0:
            if top is not None and top.fp == fp and top.env == env and listing[top.offset].target == 0:
                pass  # a loop back to the first instruction
            else:
                if top is not None and top.fp == fp:
                    stack.pop()  # a tail call, or a call from a loop of the kernel
                stack.append(Frame(name, env, fp, offset, code, listing))
                self.counts[name] += 1
        frame = stack[-1]
        frame.offset = offset
        if self.trace is not None:
            self.trace(frame, listing[offset].row.name)
        reason = self._reason(frame)
        if reason:
            self._stop(reason, frame)
        return NIL

    def _reason(self, frame: Frame) -> str:
        for watch in self.watches:
            key = frame.fp if watch.local else 0
            if watch.local and (frame.offset == 0 or key not in watch.seen):
                watch.seen[key] = watch.look(frame)
                continue
            new, old = watch.look(frame), watch.seen.get(key)
            if new != old and (not watch.local or new is not None):
                watch.seen[key] = new
                return (f"{watch.what} was {'unset' if old is None else self.show(old)}, is "
                        f"{'unset' if new is None else self.show(new)}")
        if (frame.name, frame.offset) in self.breakpoints:
            return "breakpoint"
        if self._mode == "step" or (self._mode == "over" and len(self.stack) <= self._depth):
            return "step"
        return ""

    def _stop(self, reason: str, frame: Frame) -> None:
        m = self.machine
        sp = m.cage["engine_sp"]
        item = frame.listing[frame.offset]
        start = frame.fp + 8 * frame.code.locals + 8
        operands = m.row(start, (sp - start >> 3) + 1)
        text = " ".join([item.row.name, *map(str, item.operands)])
        self._mode = "go"
        self.busy = True
        lisp_sp = m.words[VM["sp"] >> 3]
        try:
            stop = Stop(reason, frame, self.locals(frame), operands, text)
            self.machine.left_to(self.on_stop, [self, stop])
        finally:
            self.busy = False
            m.words[VM["sp"] >> 3] = lisp_sp
            m.cage["engine_sp"] = sp


def interpreter(names: dict[str, Any]) -> list[Any]:
    """The engine ``debug`` under CPython, in the name space of the kernel there."""
    if "run_debug" not in names:
        whole, one = kernel_program(("switch", "debug")), Program()
        one.functions.update({name: whole.functions[name] for name in ("interpret_debug", "run_debug")})
        exec(compile(translate(one), "<engine debug>", "exec"), names)
    return [names[f"{what}_debug"] for what in ENTRIES]


__all__ = ["Debugger", "Frame", "Stop", "Watch"]
