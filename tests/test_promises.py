"""Small promises of the systems that this one follows: registers that calls leave alone, nfib everywhere, machines side
by side.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

from csl_native import Session
from csl_native.engines.record import engines

from .conftest import machine_runs_natively
from .test_hardcode import needs_assembler

NFIB = "(de nfib (n) (cond ((lessp n 2) 1) (t (plus (nfib (sub1 n)) (nfib (difference n 2)) 1))))"
ANSWERS = {1: 1, 15: 1973, 20: 21891}
WAYS: dict[str, dict[str, Any]] = {**{name: {"engine": name} for name in engines()}, "stencils": {"jit": (0, -1)},
                                   "optimised": {"jit": (0, 0)}, "native": {}}


def silent(**options: Any) -> Session:
    return Session(heap=64 << 20, output=open(os.devnull, "wb"), **options)


@pytest.mark.parametrize("way", list(WAYS))
def test_nfib(way: str) -> None:
    if way != "python" and not machine_runs_natively():
        pytest.skip("no native kernel for this machine")
    session = silent(**WAYS[way])
    session.eval(NFIB)
    if way == "native":
        session.native_compile(["nfib"])
    for n, value in ANSWERS.items():
        if n < 20 or way != "python":
            assert session.function("nfib")(n) == value
    if way in ("native", "optimised"):
        assert session.function("nfib")(34) == 18454929
    session.close()


# A stub that fills the registers which native code keeps its state in, calls the kernel, and says with bits which of
# them changed.
STUB = """push rbx
push rbp
push r12
push r13
push r14
push r15
sub rsp, 8
mov [rsp], rdi
mov rbx, rdi
mov rbp, 0x1111
mov r12, 0x2222
mov r13, 0x3333
mov r14, 0x4444
mov r15, 0x5555
call [rip + kernel({name})]
xor eax, eax
cmp rbx, [rsp]
je ok1
or rax, 8
ok1: cmp rbp, 0x1111
je ok2
or rax, 16
ok2: cmp r12, 0x2222
je ok3
or rax, 32
ok3: cmp r13, 0x3333
je ok4
or rax, 64
ok4: cmp r14, 0x4444
je ok5
or rax, 128
ok5: cmp r15, 0x5555
je ok6
or rax, 256
ok6: add rsp, 8
pop r15
pop r14
pop r13
pop r12
pop rbp
pop rbx
ret"""


@needs_assembler
@pytest.mark.parametrize("name", ["cons", "plus2", "times2", "quotient", "equal", "append2", "getv", "lessp",
                                  "gethash2", "nconc2", "member"])
def test_calls_of_the_kernel_leave_the_registers_of_native_code_alone(native: Session, name: str) -> None:
    """The base of the heap and what else is in registers that a call keeps, on the fast way, with bignums, in the host,
    and after an error.
    """
    native.eval("(de changed (a b) nil)")
    native.eval(f'(setq v (lap "{STUB.format(name=name)}")) (symbol!-set!-native \'changed 2 v 8 nil)')
    for a in ("1", "2.5", "(expt 3 200)", "'(1 2 3)", "(mkvect 3)", "nil", "'x", '"text"'):
        for b in ("3", "1.5", "(expt 7 100)", "'(x y)", "(mkhash 3 1 1)", "nil"):
            # what an error leaves is the stub's to look at, which returns
            assert native.eval(f"(changed {a} {b})") == 0, (a, b)


def test_machines_with_different_engines_side_by_side() -> None:
    """Several virtual machines in one process, made while it runs, one of them stepped by a debugger."""
    from csl_native.runtime.debugger import Debugger, Stop
    names = [name for name, engine in engines().items() if name == "python" or machine_runs_natively()
             and engine.native]
    sessions = {name: silent(engine=name) for name in names}
    for k, session in enumerate(sessions.values()):
        session.eval(f"(setq mine {k}) (de own (x) (list mine x))")
    for k, session in enumerate(sessions.values()):
        assert session.eval("(own 5)") == [k, 5]
    first = next(iter(sessions.values()))
    seen: list[int] = []

    def stopped(debugger: Debugger, stop: Stop) -> None:
        seen.append(stop.frame.offset)
        debugger.step()
    with Debugger(first, stopped) as debugger:
        debugger.break_at("own")
        assert first.eval("(own 6)") == [0, 6] and len(seen) > 3
    for k, session in enumerate(sessions.values()):
        assert session.eval("(own 7)") == [k, 7]
        session.close()
