"""Encoder, decoder, verifier and disassembler are derived from one definition each."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csl_native import Session
from csl_native.build.manual import instructions_page
from csl_native.heap.objects import SYM_ENV
from csl_native.instructions.codec import Code, decode, disassemble, encode, join, split, verify
from csl_native.instructions.deriving import derived
from csl_native.instructions.table import OPERANDS, CodeError, by_name, table

ROOT = Path(__file__).resolve().parent.parent


@given(st.lists(st.tuples(st.integers(0, len(derived()) - 1), st.lists(st.integers(0, 65535), min_size=3, max_size=3)),
                max_size=30))
def test_encode_and_decode_are_inverse(rows: list[tuple[int, list[int]]]) -> None:
    data, expected = b"", []
    for number, raw in rows:
        row = derived()[number]
        values = []
        for value, (_, kind) in zip(raw, row.operands, strict=False):
            size, signed, _ = OPERANDS[kind]
            values.append(int.from_bytes((value & (1 << 8 * size) - 1).to_bytes(size, "little"), "little",
                                         signed=signed))
        data += encode(row.name, *values)
        expected.append((row.name, tuple(values)))
    assert [(item.row.name, item.operands) for item in decode(data)] == expected


BAD = {
    b"\x96": "invalid opcode",
    b"\xff\0" + encode("nil") + encode("return"): "local was expected",
    b"\xff\0\xff\0" + encode("return"): "local was expected",
    b"\xff\0": "local was expected there",
    encode("literal", 1)[:2]: "needs 3 bytes",
    encode("jump", 1000): "where no instruction begins",
    encode("add1") + encode("return"): "takes 1",
    encode("local", 9) + encode("return"): "there are 1",
    encode("literal", 7) + encode("return"): "there are 1..1",
    encode("nil"): "where no instruction begins",
    encode("nil") * 9 + encode("return"): "on a stack of",
    encode("local", 0) + encode("jump_nil", 1) + encode("nil") + encode("nil") + encode("return"): "words on the stack",
}


@pytest.mark.parametrize("data", list(BAD))
def test_verifier_refuses(data: bytes) -> None:
    with pytest.raises(CodeError) as caught:
        verify(Code(1, 1, False, 1, 4, data), 2)
    assert BAD[data] in str(caught.value)


@given(st.binary(max_size=40))
def test_verifier_never_crashes(data: bytes) -> None:
    try:
        verify(Code(1, 1, False, 2, 8, data), 3)
    except CodeError:
        pass
    try:
        Code.unpack(data)
    except CodeError:
        pass


def test_code_survives_packing() -> None:
    code = Code(1, 2, True, 4, 9, encode("nil") + encode("return"), [(0, 1, 1, 0)])
    assert Code.unpack(code.pack()) == code
    assert "handler 0..1 -> 1" in "\n".join(disassemble(code))


def test_opcode_numbers_are_kept_for_ever(bless: bool) -> None:
    """Bytecode is read for ever: instructions may be added at the end only."""
    golden = ROOT / "tests" / "golden" / "opcodes.txt"
    text = "".join(f"{row[0]} {row[1]} {' '.join(kind for _, kind in row[3])}".rstrip() + "\n"
                   for row in table() if len(row) > 2)
    sequences = "".join(f"{row[0]} {row[1]}\n" for row in table() if len(row) == 2)
    if bless:
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(text)
        (golden.parent / "sequences.txt").write_text(sequences)
    assert text.startswith(golden.read_text()), ("the numbers of existing instructions changed; add at the end, or "
                                                 "bless a new format")
    assert sequences.startswith((golden.parent / "sequences.txt").read_text()), (
        "the numbers of sequences changed; add at the end, or bless a new format")


def test_manual_is_up_to_date() -> None:
    assert (ROOT / "docs" / "INSTRUCTIONS.md").read_text() == instructions_page(), "run: make docs"


def test_what_the_compiler_makes_is_verified(session: Session) -> None:
    session.lisp.checking = True
    session.eval(
        """(de a1 (x) (prog (y z) (setq y x) l (cond ((null y) (return (reversip z))))
        (setq z (cons (catch 'q (cond ((eq (car y) 'stop)
      (throw 'q 'thrown)) (t (list (car y) x 1 2 3 4)))) z)) (setq y (cdr y)) (go l)))""")
    assert session.eval("(a1 '(1 stop))") == [[1, [1, "stop"], 1, 2, 3, 4], "thrown"]
    session.eval("(fluid '(fl)) (de a2 (fl) (unwind!-protect (progn (setq fl (plus fl 1)) (a3)) (setq fl 0))) "
                 "(de a3 () (list fl (or nil fl) (and fl 'x)))")
    assert session.eval("(a2 4)") == [5, 5, "x"]


@settings(deadline=None)
@given(st.lists(st.sampled_from("local small lessp jump_nil car cdr return".split()), max_size=12), st.randoms())
def test_splitting_undoes_joining_and_refuses_what_decoding_refuses(names: list[str], random: Random) -> None:
    rows = by_name()
    plain = b"".join(encode(name, *(1 for _ in rows[name].operands)) for name in names)
    joined = bytearray(join(plain))
    assert split(bytes(joined)) == plain
    if joined:
        joined[random.randrange(len(joined))] = random.randrange(256)
    try:
        wanted = bytearray(joined)
        for item in decode(bytes(joined)):
            wanted[item.at] = item.row.number
    except CodeError as error:
        with pytest.raises(CodeError, match=re.escape(str(error))):
            split(bytes(joined))
    else:
        assert split(bytes(joined)) == wanted


BITS = ("logand", "logor", "logior", "logxor", "ilogand", "ilogor", "ilogxor", "land", "lor", "lxor")


def test_bits_are_an_instruction_under_each_of_their_names(session: Session) -> None:
    """What is compiled of them calls nothing, and gives what the function gives that is called."""
    m = session.machine
    for name in BITS:
        session.eval(f"(de two (a b) ({name} a b)) (de three (a b c) ({name} a b c))")
        for function in ("two", "three"):
            literals = m.vector_items(m.field(m.intern(function), SYM_ENV))
            assert m.intern(name) not in literals, name
        assert session.eval("(list (two 12 -6) (three 12 10 7))") == session.eval(
            f"(list (apply '{name} '(12 -6)) (apply '{name} '(12 10 7)))"), name
