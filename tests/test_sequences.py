"""Sequences of instructions: joined bytecode does what the instructions do one by one, also where a part of it fails.
"""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csl_native import Session
from csl_native.engines.record import engines
from csl_native.heap.objects import CODE_HEADER
from csl_native.instructions.codec import Code, decode, encode, join, split, verify
from csl_native.instructions.layout import HEAD_SIZE
from csl_native.instructions.table import CodeError, Instruction, by_name, instructions, joined

ROWS = st.sampled_from([row for row in instructions() if row.kind == "value"])
LITERALS = ("here",)  # a variable, a function of any number of arguments, and a symbol to compare with
VALUES = ("0", "7", "-1", "1152921504606846975", "nil", "'here", "'(a b)", "'((b) c)", "(list2vector '(5 6 7))", "2.5")


def filled(row: Instruction, local: int = 0) -> bytes:
    """An instruction with operands that are there."""
    values = {"fp": local, "env": 1}
    return encode(row.name, *(values[row.context[0]] if label == "n" and row.context else 1
                              for label, _ in row.operands))


@given(st.lists(st.one_of(ROWS, st.sampled_from(list(joined().values()))), max_size=30))
def test_joining_changes_opcodes_only_and_can_be_taken_back(parts: list[Instruction | tuple[Instruction, ...]]) -> None:
    code = b"".join(b"".join(filled(row)
                             for row in (part if isinstance(part, tuple) and not isinstance(part, Instruction)
                                         else (part,)))
                    for part in parts)
    whole = join(code)
    assert split(whole) == code and len(whole) == len(code)
    assert [(item.at, item.row, item.operands)
            for item in decode(whole)] == [(item.at, item.row, item.operands) for item in decode(code)]
    assert join(whole) == whole


def test_what_is_jumped_to_begins_a_step() -> None:
    loop = encode("local", 0) + encode("cdr") + encode("store_local", 0) + encode("poll") + encode("pop")
    code = loop + encode("jump", -len(loop) - 3)
    assert joined()[join(code)[0]][-1].name == "jump"
    later = encode("jump_nil", 2) + code
    assert later[3:] != join(later)[3:] and join(later)[3] == by_name()["local"].number, "a jump goes to the cdr"
    assert join(code, {2})[0] == by_name()["local"].number, "a handler begins there"


@pytest.mark.parametrize("number", joined())
def test_a_sequence_needs_all_of_its_parts(number: int) -> None:
    parts = joined()[number]
    code = bytearray(b"".join(filled(row) for row in parts))
    code[0] = number
    assert [item.row for item in decode(bytes(code))] == list(parts)
    with pytest.raises(CodeError, match="was expected"):
        decode(bytes(code[:-parts[-1].size]) + encode("true") * parts[-1].size)
    with pytest.raises(CodeError, match="was expected"):
        decode(bytes(code[:-parts[-1].size]))


def planted(parts: tuple[Instruction, ...]) -> Code:
    """A function of three arguments: they and another value are on the stack, the sequence follows, then all of the
    stack is made a list.

    Each part that may fail has a handler of its own, which says which part it was and makes a list of what it finds
    below.
    """
    def rest(depth: int, first: bytes) -> bytes:
        return first + encode("nil") + encode("cons") * (depth + len(first) // 2) + encode("return")
    before = encode("small", 77) + encode("local", 0) + encode("local",
                                                               1) + encode("local", 2) + encode("true") + encode("pop")
    depth, code, rows, local = 4, before, [], 0
    for row in parts:
        takes, after = row.takes, depth - row.takes + row.gives
        if row.kind == "branch":
            end = rest(after, b"")
            if row.name == "jump":
                end = b""
            code += encode(row.name, len(end)) + end + rest(after, encode("small", 99))
        else:
            if row.fails:
                rows.append((len(code), len(code) + row.size, depth - takes, len(rows)))
            code += filled(row, local)
            local += "fp" in row.context
        depth = after
    if parts[-1].kind == "value":
        code += (encode("pop") + encode("unbind", 1) if "bind" in [row.name for row in parts] and depth > 4
                 else b"") + rest(depth, b"")
    handlers = []
    for start, end_, below, k in rows:
        handlers.append((start, end_, len(code), below))
        code += rest(below, encode("small", k))
    return Code(3, 3, False, 3, 24, code, handlers)


def outcome(session: Session, code: Code, values: tuple[str, ...]) -> object:
    m = session.machine
    session.eval("(setq here 3)")
    session.run(lambda: session.lisp.install_env(m.intern("planted"),
                                                 m.vector([m.object(CODE_HEADER, code.pack()),
                                                           *map(m.intern, LITERALS)]), False))
    return (session.eval(f"(prog (r) (setq r (errorset '(planted {' '.join(values)}) nil nil)) "
                         "(return (explode (list r here))))"))


def sessions() -> dict[str, Session]:
    found = {}
    for name in engines():
        s = Session(engine=name, heap=64 << 20)
        s.eval("(fluid '(here)) (de here (&optional a b c) (cond ((eqn a 7) (error 1 'seven)) "
               "(t (list 'called a b c))))")
        found[name] = s
    return found


def test_every_engine_does_the_same() -> None:
    """``calls`` and ``debug`` go by single instructions."""
    everywhere = sessions()
    for number, parts in joined().items():
        code = planted(parts)
        verify(code, 2)
        assert number in code.pack()[HEAD_SIZE:], parts
        for k, values in enumerate(product(VALUES, repeat=3)):
            if (k + number) % 37 == 0:
                results = {name: outcome(s, code, values) for name, s in everywhere.items()}
                assert len({repr(r) for r in results.values()}) == 1, (parts, values, results)

