"""The debugger: from Python, from Lisp, at the prompt; on native and CPython kernels; native functions come back."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from csl_native import LispError, Session
from csl_native.heap.objects import SYM_ENV
from csl_native.kernel.host import HOST_CODES
from csl_native.runtime.debugger import Debugger, Stop

from .conftest import needs_native

FACT = "(de fact (n) (cond ((zerop n) 1) (t (times n (fact (sub1 n))))))"
SUM = ("(de sum (l) (prog (s) (setq s 0) more (cond ((null l) (return s))) (setq s (plus s (car l))) (setq l (cdr l)) "
       "(go more)))")


class Script:
    """A front end that does what a list says at each stop, and remembers what it saw."""

    def __init__(self, *actions: Callable[[Debugger], Any]) -> None:
        self.actions, self.seen = list(actions), list[tuple[str, str, int, list[str], list[str]]]()

    def __call__(self, debugger: Debugger, stop: Stop) -> None:
        self.seen.append((stop.reason, stop.frame.name, stop.frame.offset, [debugger.show(v) for v in stop.locals],
                          [debugger.show(v) for v in stop.operands]))
        if self.actions:
            self.actions.pop(0)(debugger)


def test_breakpoints_and_steps(session: Session) -> None:
    session.eval(FACT)
    script = Script(Debugger.step, Debugger.step, Debugger.go_on, lambda d: d.clear("fact"))
    with Debugger(session, script) as debugger:
        debugger.break_at("fact")
        assert session.eval("(fact 4)") == 24
    assert [(reason, name, values) for reason, name, _, values, _ in script.seen] == [
        ("breakpoint", "fact", ["4"]), ("step", "fact", ["4"]), ("step", "fact", ["4"]), ("breakpoint", "fact", ["3"])]
    offsets = [offset for _, _, offset, _, _ in script.seen]
    assert offsets[0] == offsets[3] == 0 < offsets[1] < offsets[2]
    assert script.seen[1][4] == ["4"] and script.seen[0][4] == [], "operands are what the instructions before pushed"
    assert debugger.counts["fact"] == 5 and debugger.instructions > 20
    with pytest.raises(ValueError, match="no instruction of fact begins at 1; they begin at 0, 2"):
        debugger.break_at("fact", 1)
    with pytest.raises(ValueError, match="nosuch has no bytecode"):
        debugger.break_at("nosuch")


def test_step_over_and_finish(session: Session) -> None:
    session.eval(FACT + "(de outer (n) (list (fact n) n))")
    script = Script(Debugger.step_over, Debugger.step_over, Debugger.step_over, Debugger.step_over)
    with Debugger(session, script) as debugger:
        debugger.break_at("outer")
        assert session.eval("(outer 3)") == [6, 3]
    assert {name for _, name, _, _, _ in script.seen} == {"outer"} and len(script.seen) == 5
    script = Script(lambda d: (d.clear("fact"), d.finish()))
    with Debugger(session, script) as debugger:
        debugger.break_at("fact")
        session.eval("(outer 3)")
    assert [name for _, name, _, _, _ in script.seen] == ["fact", "outer"]
    assert script.seen[1][4] == ["6"]


def test_watching(session: Session) -> None:
    session.eval(SUM + "(fluid '(total table)) (setq total 0) (setq table (mkvect 3))"
                 "(de add (n) (setq total (plus total n))) (de store (i x) (putv table i x))")
    script = Script()
    with Debugger(session, script) as debugger:
        debugger.watch_fluid("total")
        debugger.watch_element("table", 2)
        session.eval("(progn (add 0) (add 5) (store 1 'a) (store 2 'b) (add 2) (list (add 0)))")
    assert [reason for reason, *_ in script.seen] == ["total was 0, is 5", "table[2] was nil, is b",
                                                      "total was 5, is 7"]
    script = Script()
    with Debugger(session, script) as debugger:
        debugger.watch_local("sum", 1)
        assert session.eval("(sum '(1 2 3))") == 6
    assert [reason.split("is ")[1] for reason, *_ in script.seen][-3:] == ["1", "3", "6"]


def test_backtrace_counts_and_trace(session: Session) -> None:
    session.eval(FACT + SUM)
    traces: list[list[str]] = []
    script = Script(lambda d: traces.append(d.backtrace()))
    with Debugger(session, script) as debugger:
        debugger.break_at("fact", 3)
        script.actions = [Debugger.go_on, Debugger.go_on, lambda d: (traces.append(d.backtrace()), d.clear("fact"))]
        lines: list[str] = []
        debugger.trace = lambda frame, instruction: lines.append(f"{frame.name}:{instruction}")
        session.eval("(list (fact 3) (sum '(1 2 3 4)))")
    assert [line.split(" at ")[0] + line.split(":")[1] for line in traces[0]] == ["fact 1", "fact 2", "fact 3"]
    assert debugger.counts == {"fact": 4, "sum": 1}, "a loop back to the beginning is no call"
    assert lines.count("fact:zerop") == 4 and lines.count("sum:plus") == 4


def test_errors_and_evaluation_while_stopped(session: Session) -> None:
    session.eval(FACT)

    def look(debugger: Debugger) -> None:
        assert session.eval("(fact 5)") == 120, "what is evaluated at a stop is not debugged itself"

    def fail(debugger: Debugger) -> None:
        raise session.lisp.errors.plain("enough")
    with Debugger(session, Script(look, fail)) as debugger:
        debugger.break_at("fact")
        with pytest.raises(LispError, match="enough"):
            session.eval("(fact 2)")
    assert session.eval("(fact 6)") == 720


@needs_native
def test_native_functions_come_back(native: Session) -> None:
    native.eval(FACT)
    native.native_compile(["fact"])
    symbol = native.machine.intern("fact")
    before = [native.machine.words[c >> 3] for c in native.lisp.cells(symbol)]
    with Debugger(native) as debugger:
        assert native.eval("(fact 10)") == 3628800 and debugger.counts["fact"] == 11
    assert [native.machine.words[c >> 3] for c in native.lisp.cells(symbol)] == before
    assert native.eval("(fact 10)") == 3628800 and debugger.counts["fact"] == 11
    assert native.explain() == []
    with Debugger(native), pytest.raises(ValueError, match="another debugger is attached"):
        Debugger(native).attach()


def wait_for_rounds(s: Session) -> None:
    """Until the program in another thread has counted to 1000."""
    rounds, until = s.machine.intern("rounds*"), time.monotonic() + 60
    while (s.machine.value(rounds) or 0) >> 3 < 1000 and time.monotonic() < until:
        time.sleep(0.01)


@needs_native
def test_attaching_to_a_running_program(native: Session) -> None:
    """From another thread, to a loop in native code: what it calls from then on runs in the debugger, and is native
    again after.
    """
    native.eval(FACT + "(fluid '(enough!* rounds!*)) (setq enough!* nil) (setq rounds!* 0)"
                "(de work () (prog () more (cond (enough!* (return rounds!*))) (fact 3) "
                "(setq rounds!* (add1 rounds!*)) (go more)))")
    native.native_compile(["fact", "work"])
    seen: list[list[str]] = []

    def stop(debugger: Debugger, stop: Stop) -> None:
        seen.append([debugger.show(v) for v in stop.locals])
        if len(seen) == 8:
            native.machine.set_value(native.machine.intern("enough*"), native.machine.intern("t"))
    result: list[int] = []
    debugger = Debugger(native, stop)
    debugger.break_at("fact")
    thread = threading.Thread(target=lambda: result.append(native.eval("(work)")))
    thread.start()
    wait_for_rounds(native)
    debugger.attach()
    thread.join()
    debugger.detach()
    assert result[0] >= 1000 and [row for row in seen[:8] if row == ["3"]], (result, seen)
    native.machine.set_value(native.machine.intern("enough*"), native.machine.intern("nil"))
    assert native.explain() == [] and native.eval("(fact 5)") == 120


LOOPS = {  # each counts in rounds* until it has enough
    "words": "(de spin (k) (list 'done (prog (n) (setq n 0) more (cond (enough!* (return (list k n)))) "
             "(setq n (plus2 n k)) (setq rounds!* n) (go more))))",
    "floats": """(de spin (k) (list 'done (prog (n x) (setq n 0) (setq x 0.5) more
                   (cond (enough!* (return (list k (difference n (fix x))))))
                 (setq x (plus2 x 3.0)) (setq n (plus2 n k)) (setq rounds!* n) (go more))))""",
    "handled": """(de spin (k) (list 'done (prog (n) (setq n 0) more (cond (enough!* (return (list k n))))
                   (catch 'tag (setq n (plus2 n k)))
                 (setq rounds!* n) (go more))))""",
    "call": "(de spin (k) (spin1 k 0)) (de spin1 (k n) (cond (enough!* (list 'done (list k n))) "
            "(t (setq rounds!* n) (spin1 k (plus2 n k)))))"}


@needs_native
@pytest.mark.parametrize("name", LOOPS)
@pytest.mark.parametrize("tier", ["bytecode", "stencil", "optimised"])
def test_a_running_frame_moves_into_the_debugger(tier: str, name: str) -> None:
    """A loop that calls nothing and began before: it is seen from its next safepoint on, with its locals, and leaves
    the debugger when that goes.
    """
    s = Session(jit=0 if tier == "stencil" else -1)
    s.eval(f"(fluid '(enough!* rounds!*)) (setq enough!* nil) (setq rounds!* 0) {LOOPS[name]}")
    if tier == "optimised":
        s.native_compile(["spin", "spin1"] if name == "call" else ["spin"])
    seen: list[list[str]] = []
    inner = "spin1" if name == "call" else "spin"

    def stop(debugger: Debugger, stop: Stop) -> None:
        seen.append([stop.frame.name, debugger.show(stop.locals[0])])
        debugger.clear(inner)
    result: list[Any] = []
    debugger = Debugger(s, stop)
    thread = threading.Thread(target=lambda: result.append(s.eval("(spin 3)")))
    thread.start()
    wait_for_rounds(s)
    code = debugger._listing(s.machine.field(s.machine.intern(inner), SYM_ENV))[3]
    debugger.break_at(inner, max(at for at, item in code.items() if item.row.name == "plus"))
    debugger.attach()
    until = time.monotonic() + 60
    while not seen and time.monotonic() < until:
        time.sleep(0.01)
    debugger.detach()
    asked: list[int] = []
    on_debug, table = HOST_CODES.index("debug"), s.machine.host.table
    before = table[on_debug]
    table[on_debug] = lambda *request: (asked.append(1), before(*request))[1]
    time.sleep(0.1)
    s.machine.set_value(s.machine.intern("enough*"), s.machine.intern("t"))
    thread.join()
    assert seen == [[inner, "3"]] and len(asked) < 10, f"{len(asked)} instructions were still asked about"
    assert result[0][0] == "done" and result[0][1][0] == 3 and result[0][1][1] % 3 == 0
    assert s.explain() == []


ONE = "(cond ((eqn n 5000) (wait)) (t 1))"
DEEP = {  # definition, arguments behind the first, value; a list is made from its first pair on
    "one argument": (f"(de deep (n) (cond ((zerop n) 0) (t (plus2 {ONE} (deep (sub1 n))))))", "", 10000),
    "five arguments": ("(de deep (n a b c d) (cond ((zerop n) (plus a (times 10 b) (times 100 c) d)) "
                       f"(t (plus2 {ONE} (deep (sub1 n) a b c d)))))",
                       "1 2 3 40000", 50321),
    "a list": (f"(de deep (n) (cond ((zerop n) nil) (t (cons {ONE} (deep (sub1 n))))))", "", [1] * 10000)}


@needs_native
@pytest.mark.parametrize("name", DEEP)
def test_a_deep_recursion_moves_into_the_debugger(native: Session, name: str) -> None:
    """Native code that calls itself: the calls from then on are seen, and those that began before end as they would."""
    definition, more, value = DEEP[name]
    native.eval(f"""(fluid '(enough!* rounds!*)) (setq enough!* nil) (setq rounds!* 0) {definition}
                    (de wait () (prog () (setq rounds!* 1000) more (cond (enough!* (return 1))) (go more)))""")
    native.native_compile(["deep", "wait"])
    debugger = Debugger(native)
    result: list[Any] = []
    thread = threading.Thread(target=lambda: result.append(native.eval(f"(deep 10000 {more})")))
    thread.start()
    wait_for_rounds(native)
    debugger.attach()
    native.machine.set_value(native.machine.intern("enough*"), native.machine.intern("t"))
    thread.join()
    debugger.detach()
    assert result == [value] and debugger.counts["deep"] == 5000


def test_the_prompt(csl: Callable[..., Any]) -> None:
    text = (FACT + "\n(breakpoint 'fact)\n(print (fact 2))\nl\ns\no\nt\nb fact 99\ne (plus 1 2)\n?\nd fact\nc\n"
                   "(debug nil)\n(print (fact 5))\n")
    done = csl("-q", text=text)
    lines = done.stdout.splitlines()
    assert (lines[0] == "[breakpoint] fact at 0: local 0" and lines[1] == "0: 2"
            and lines[2].startswith("[step] fact at 2: "))
    assert (lines[3:5] == ["0: 2", "fact at 2: 2"] and lines[5].startswith("+++ no instruction of fact begins at 99")
            and lines[6] == "3")
    assert "s step" in lines[7] and lines[-2:] == ["2", "120"]
    done = csl("-q", text=FACT + "(breakpoint 'fact)\n(errorset '(fact 2) t nil)\nq\n"
                                 "(unbreakpoint 'fact) (watchpoint 'x) (debug nil) (print 'end)\n")
    assert "abandoned in the debugger" in done.stdout and done.stdout.splitlines()[-1] == "end"
    assert "nosuch has no bytecode" in csl("-q", "-e", "(breakpoint 'nosuch)").stdout


def test_the_debugger_leaves_with_the_last_breakpoint(native: Session) -> None:
    native.eval("(de f (x) x) (de g (x) x) (unbreakpoint 'f)")
    assert native.lisp.debugger is None
    native.eval("(breakpoint 'f) (breakpoint 'g) (unbreakpoint 'f)")
    assert native.lisp.debugger is not None
    native.eval("(unbreakpoint 'g)")
    assert native.lisp.debugger is None and native.machine.cage["debugged"] == 0
    native.eval("(debug t) (breakpoint 'f) (unbreakpoint 'f)")
    assert native.lisp.debugger is not None
    native.eval("(debug nil)")
    assert native.lisp.debugger is None
