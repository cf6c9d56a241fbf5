"""What procedures of typed modules do: on every engine and tier, fresh and restored, and against a model."""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csl_native.engines.record import engines
from csl_native.image.container import Image
from csl_native.modules import (
    EXTERNAL,
    WORD,
    WRITER,
    Instruction,
    Module,
    ModuleBuilder,
    ModuleError,
    NotFoundException,
    OperationException,
    RuntimeException,
    TypeException,
    Variable,
    instruction,
)
from csl_native.modules.instructions import NUMBER, SHAPES
from csl_native.session import LispError, Session, restore

from .conftest import machine_runs_natively, needs_native
from .test_typed_modules import code, factorial

FACTORIALS = {0: 1, 1: 1, 5: 120, 10: 3628800, 20: 2432902008176640000, 21: -4249290049419214848}


def silent(**options: object) -> Session:
    return Session(heap=64 << 20, output=open(os.devnull, "wb"), **options)  # type: ignore[arg-type]


WAYS: dict[str, dict[str, object]] = {**{name: {"engine": name} for name in engines()}, "stencils": {"jit": (0, -1)}, "optimised": {"jit": (0, 0)},
    "native": {}}


@pytest.fixture(params=list(WAYS))
def way(request: pytest.FixtureRequest) -> Iterator[Session]:
    """A session in which procedures run in one way."""
    if request.param != "python" and not machine_runs_natively():
        pytest.skip("no native kernel for this machine")
    session = silent(**WAYS[request.param])
    session.native_wanted = request.param == "native"  # type: ignore[attr-defined]
    yield session
    session.close()


def unpack(module: Module, session: Session) -> Module:
    module.unpack(session, native=getattr(session, "native_wanted", False))
    return module


# -- running ---------------------------------------------------------------------------------------------------------------


def test_factorial_in_every_way(way: Session) -> None:
    module = unpack(factorial(), way)
    assert {n: module.call("factorial", n) for n in FACTORIALS} == FACTORIALS
    assert [way.function("factorial")(n) for n in FACTORIALS] == list(FACTORIALS.values())
    assert module.running is not None
    variable = module.running.variable(1)
    variable[0] = 10
    assert module.call(0, variable) is variable and variable[0] == 3628800


QSORT = """(module qsort
  (type rec 16 (vref word any)) (register io rec) (register arr word any)
  (register l word) (register h word) (register i word) (register j word) (register p word) (register x word) (register y word) (register io2 rec)
  (interface pt io)
  (procedure qsort pt external
    (pushr arr) (ldr io 0 arr) (push l) (ldb io 0 l) (push h) (ldb io 8 h) (jg h l go) (ret)
   go (push p) (push i) (push j) (push x) (push y) (lde arr h p) (cpb l i) (cpb l j)
   loop (je j h end) (lde arr j x) (jng p x skip) (lde arr i y) (ste y arr j) (ste x arr i) (inc i)
   skip (inc j) (jmp loop)
   end (lde arr i y) (ste y arr h) (ste p arr i)
    (push io2) (str arr io2 0) (stb l io2 0) (cpb i x) (dec x) (stb x io2 8) (call qsort)
    (cpb i x) (inc x) (stb x io2 0) (stb h io2 8) (call qsort)
    (pop) (pop) (pop) (pop) (pop) (pop) (pop) (pop) (pop) (ret)))"""
NUMBERS = [123, 34, -23, 0, 876, 34, 268, 994, -74, -222, 43, 13, -1, 6, 78, 56]


def module_of(session: Session, text: str) -> Module:
    """The module of a Lisp form."""
    from csl_native.lisp.streams import Input
    from csl_native.modules.syntax import build

    def body() -> Module:
        form = session.lisp.reader.read(Input(text=text))
        return build(session.lisp, session.machine.cdr(form))
    return session.run(body)  # type: ignore[no-any-return]


def test_quicksort_with_a_record_a_reference_and_recursion(way: Session) -> None:
    module = unpack(module_of(way, QSORT), way)
    assert module.running is not None
    array, record = module.running.variable(2, 16), module.running.variable(1)
    for k, value in enumerate(NUMBERS):
        array[k] = value
    record.set_reference(0, array)
    record.write((15).to_bytes(8, "little"), offset=8)
    module.call("qsort", record)
    assert list(array) == sorted(NUMBERS) and list(record.reference(0) or ()) == sorted(NUMBERS)
    record.write((16).to_bytes(8, "little"), offset=8)
    with pytest.raises(RuntimeException) as caught:
        module.call("qsort", record)
    assert caught.value.code == -2
    record.set_reference(0, None)
    with pytest.raises(RuntimeException) as caught:
        module.call("qsort", record)
    assert caught.value.code == -1
    with pytest.raises(TypeException):
        record.set_reference(0, record)
    with pytest.raises(TypeException):
        module.call("qsort", array)


EXCEPTIONS = """(module eh
  (register io word) (register k word) (register big word 100000) (register ref word 100000) (interface pt io)
  (procedure eh pt external
    (push k) (cpi8 2 k) (je io k out)
    (pushh caught) (cpi8 -1 ed) (jnz io one) (throw) one (push k) (cpi8 -2 ed) (throw) (pop) (pop)
   caught (cpb ed io) (ret)
   out (cpi8 -3 ed) (throw) (pop) (ret))
  (procedure leak pt external
    (pushr ref) (new ref) (push k) (cpi8 -9 ed) (throw) (pop) (pop) (ret))
  (procedure again pt external
    (pushh caught) (push k) (call leak) (pop) (pop) (ret) caught (cpb ed io) (ret))
  (procedure count pt external
    (pushh (next) ) (ret)))"""


def test_exceptions_unwind_frames_and_release_what_they_had(way: Session) -> None:
    module = unpack(module_of(way, EXCEPTIONS[:EXCEPTIONS.index("  (procedure count")] + ")"), way)
    assert [module.call("eh", n) for n in (0, 1)] == [-1, -2]
    for _ in range(2):
        with pytest.raises(RuntimeException, match="exception -3") as caught:
            module.call("eh", 2)
        assert caught.value.code == -3
    if way.machine.native:  # 800 KB are released each time, or the heap of 64 MB would be full
        assert [module.call("again", n) for n in range(200)] == [-9] * 200
    with pytest.raises(LispError, match="exception -9, which nobody caught"):
        way.eval("(leak 1)")
    assert way.eval("(atom (errorset '(eh 2) nil nil))") is True and way.eval("(eh 1)") == -2


LISTS = """(module lists
  (type node 8 (vref node) (pref visit)) (register io word) (register node node) (register next node) (register head node) (register n word)
  (register some word any) (register size word) (register x word) (interface visit io)
  (procedure build visit external
    (pushr head) (pushr next) (push n)
   more (new next) (stb io next 0) (str head next 0) (str next head 0) (pop) (pop) (pop) (ret)))"""
CHAIN = """(module chain
  (type node 8 (vref node)) (register io word) (register head node) (register next node) (register sum word) (register x word) (interface pt io)
  (procedure chain pt external
    (pushr head) (pushr next) (push sum) (push x)
   more (new next) (cpb io next) (str head next 0) (ldr next 0 head) (str head next 0)
    (cpb next x) (add x sum sum) (dec io) (jnz io more) (cpb sum io) (pop) (pop) (pop) (pop) (ret))
  (procedure nowhere pt external (pushr head) (inc head) (pop) (ret)))"""
ARRAYS = """(module arrays
  (type pair 12 (vref word) (vref word)) (register io word) (register all pair any) (register one pair) (register two pair) (register i word) (register w word)
  (register x word) (interface pt io)
  (procedure arrays pt external
    (pushr all) (newn io all) (push one) (push two) (push i) (pushr w) (push x)
   next (new w) (cpb i w) (stb i one 4) (str w one 1) (ste one all i) (inc i) (jg io i next)
    (cpi8 3 i) (lde all i two) (pop) (pushr w) (ldr two 1 w) (push x) (ldb two 4 x) (add x w x) (len all i) (add x i io)
    (pop) (pop) (pop) (pop) (pop) (pop) (pop) (ret))
  (procedure beyond pt external
    (pushr all) (newn io all) (push one) (lde all io one) (pop) (pop) (ret))
  (procedure size pt external (pushr all) (newn io all) (len all io) (pop) (ret)))"""


def test_variables_are_allocated_linked_and_copied(way: Session) -> None:
    module = unpack(module_of(way, CHAIN), way)
    assert module.call("chain", 10) == sum(range(1, 11))
    with pytest.raises(RuntimeException) as caught:
        module.call("nowhere", 0)
    assert caught.value.code == -1
    arrays = unpack(module_of(way, ARRAYS.replace("(pop) (pushr w) (ldr", "(ldr").replace("(push x) (ldb", "(ldb").replace(
        "(pop) (pop) (pop) (pop) (pop) (pop) (pop) (ret))\n  (procedure beyond", "(pop) (pop) (pop) (pop) (pop) (pop) (ret))\n  (procedure beyond")), way)
    assert arrays.call("arrays", 10) == 3 + 3 + 10
    assert [arrays.call("size", n) for n in (0, 1, 1000)] == [0, 1, 1000]
    for count in (10, 0, -1):
        with pytest.raises(RuntimeException) as caught:
            arrays.call("beyond", count)
        assert caught.value.code == -2


OWN = """(module own
  (register io word) (register a word 300) (register i word) (register x word) (register n word) (interface pt io)
  (procedure touch pt (ret))
  (procedure own pt external
    (push a) (push i) (push x) (push n) (cpi8 300 n)
   fill (ste i a i) (inc i) (jg n i fill) (cpi8 0 i)
   add (lde a i x) (push x) (pop) (add x io io) (inc i) (jg n i add)
    (pop) (pop) (pop) (push x) (call touch) (pop) (pop) (ret)))"""


@pytest.mark.parametrize("way", ["switch", "stencils", "optimised", "native"])
def test_the_collector_finds_variables_wherever_they_are(way: str) -> None:
    """With a collection at every safepoint."""
    if not machine_runs_natively():
        pytest.skip("no native kernel for this machine")
    session = silent(**WAYS[way], gc_stress=True)
    session.native_wanted = way == "native"  # type: ignore[attr-defined]
    assert unpack(module_of(session, CHAIN), session).call("chain", 12) == 78
    own = unpack(module_of(session, OWN), session)
    assert own.call("own", 5) == 5 + sum(range(300)) == own.call("own", 5)
    session.eval("(reclaim)")
    session.close()


BYTES = """(module bytes
  (type six 6) (type big 300) (register io word) (register a six) (register b big) (register c word) (register d word) (interface pt io)
  (procedure bytes pt external
    (push a) (push b) (push c) (push d)
    (cpi4 305419896 a) (cpi2 -2 c) (cpi1 7 c) (stb a b 290) (ldb b 291 c) (cpi8 81985529216486895 d) (stb d b 298) (ldb b 297 d) (stb c a 4) (add c d io)
    (pop) (pop) (pop) (pop) (ret)))"""


def test_bytes_are_copied_as_far_as_both_sides_have_some(way: Session) -> None:
    module = unpack(module_of(way, BYTES), way)
    a, b = bytearray(6), bytearray(300)
    a[0:4] = (305419896).to_bytes(4, "little")
    c = bytearray(b"\x07\xff" + bytes(6))
    b[290:296] = a
    c[0:8] = b[291:299]
    d = bytearray((81985529216486895).to_bytes(8, "little"))
    b[298:300] = d[0:2]
    d[0:3] = b[297:300]
    assert module.call("bytes", 0) == int.from_bytes(c, "little", signed=True) + int.from_bytes(d, "little", signed=True)


def test_registers_at_the_top_keep_what_they_have(way: Session) -> None:
    text = "(module counter (register io word) (register total word top) (register mine word thread) (interface pt io)" + \
        " (procedure tick pt external (add io total total) (cpb total io) (ret)) (procedure own pt external (add io mine mine) (cpb mine io) (ret)))"
    module = unpack(module_of(way, text), way)
    assert [module.call("tick", n) for n in (5, 6, 7)] == [5, 11, 18] and module.call("own", 1) == 1
    seen: list[object] = []
    thread = threading.Thread(target=lambda: seen.extend((module.call("own", 10), module.call("own", 10), module.call("tick", 1))))
    thread.start()
    thread.join()
    assert seen == [10, 20, 19] and module.call("own", 1) == 2
    module.pack()
    copy = Module.from_bytes(module.to_bytes())
    assert (copy.id, copy.tid) == (module.id, module.tid)
    unpack(copy, way)
    assert copy.call("tick", 1) == 20


REFERENCES = """(module refs
  (type holder 0 (pref pt)) (register io word) (register rec rec) (type rec 8 (vref holder))
  (register h holder) (register x word) (interface pt io) (interface pr rec)
  (procedure twice pt (add io io io) (ret))
  (procedure use pr external
    (pushr h) (ldr rec 0 h) (push x) (cpb rec x) (callr h 0) (callr h 0) (cpb x rec) (pop) (pop) (ret))
  (procedure own pr external
    (pushr h) (new h) (cpp twice h 0) (str h rec 0) (pop) (ret)))"""


def test_procedures_lisp_functions_and_python_functions_are_references(way: Session) -> None:
    module = unpack(module_of(way, REFERENCES), way)
    running = module.running
    assert running is not None
    record, holder = running.variable(2), running.variable(3)
    record[0] = 5
    with pytest.raises(RuntimeException) as caught:
        module.call("use", record)
    assert caught.value.code == -1
    record.set_reference(0, holder)
    with pytest.raises(RuntimeException) as caught:
        module.call("use", record)
    assert caught.value.code == -1
    module.call("own", record)
    module.call("use", record)
    assert record[0] == 20
    way.eval("(de plus!-ten (v) (variable!-put v 0 (plus (variable!-get v 0) 10)))")
    record.set_reference(0, holder)
    holder.set_procedure(0, "plus-ten")
    module.call("use", record)
    assert record[0] == 40

    def python(variable: Variable) -> None:
        variable[0] *= -3
    holder.set_procedure(0, python)
    module.call("use", record)
    assert record[0] == 360
    holder.set_procedure(0, "twice")
    module.call("use", record)
    assert record[0] == 1440

    def wrong(variable: Variable) -> None:
        raise KeyError("wrong")
    holder.set_procedure(0, wrong)
    with pytest.raises(LispError, match="wrong"):
        module.call("use", record)


def test_packed_unpacked_and_dropped(native: Session) -> None:
    module = factorial()
    with pytest.raises(OperationException, match="packed"):
        module.call(0, 5)
    for _ in range(3):
        module.unpack(native)
        assert module.call(0, 5) == 120 and not module.packed
        for action in (module.copy, module.to_bytes and module.section, lambda: module.unpack(native)):
            with pytest.raises(OperationException, match="pack it"):
                action()
        module.pack()
        with pytest.raises(LispError):
            native.eval("(factorial 5)")
    copy = module.copy()
    assert copy.tid == module.tid and copy.id != module.id
    module.unpack(native)
    with pytest.raises(OperationException, match="already"):
        copy.unpack(native)
    module.drop()
    for action in (lambda: module.call(0, 5), lambda: module.unpack(native), module.pack, module.copy):
        with pytest.raises(NotFoundException):
            action()
    copy.unpack(native)
    assert copy.call(0, 5) == 120


def test_readers_and_writers_exclude_each_other(native: Session) -> None:
    module = module_of(native, REFERENCES.replace("(interface pr rec)", "(interface pr rec writer)"))
    module.unpack(native)
    running = module.running
    assert running is not None and module.proc_type(1).flags == WRITER
    inside, most = 0, 0

    def python(variable: Variable) -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        for _ in range(1000):
            pass
        variable[0] += 1
        inside -= 1
    record, holder = running.variable(2), running.variable(3)
    record.set_reference(0, holder)
    holder.set_procedure(0, python)
    threads = [threading.Thread(target=lambda: [module.call("use", record) for _ in range(20)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (record[0], most) == (160, 1)


# -- images ----------------------------------------------------------------------------------------------------------------


@needs_native
def test_modules_in_images(tmp_path: Path) -> None:
    """As functions of a preserved session, as sections of their own, and in modules of the Lisp, natively and without native code."""
    path = tmp_path / "m.img"
    session = silent()
    module = factorial()
    module.unpack(session)
    session.preserve(path)
    module.pack()
    for native in (True, False):
        again = restore(path, heap=64 << 20, native=native)
        assert again.function("factorial")(20) == FACTORIALS[20] and (again.explain() == []) == native
        again.close()
    module.save(path)
    with Image(path) as image:
        assert image.sections["typed-fact"].info["functions"] == ["factorial"]
    loaded = Module.load(path, "fact")
    assert (loaded.id, loaded.tid, loaded.code(0)) == (module.id, module.tid, module.code(0))
    other = tmp_path / "other.img"
    silent().preserve(other)
    loaded.move(path, other)
    assert Module.load(other, "fact").id == module.id
    with pytest.raises(NotFoundException):
        Module.load(path, "fact")


def test_in_a_module_of_the_lisp(session: Session, tmp_path: Path) -> None:
    library = tmp_path / "lib.img"
    session.eval(f'(setq output!-library (open!-library "{library}" t)) (setq input!-libraries (list output!-library))')
    source = "(module fact (register io word) (register pr word) (interface pt io) (procedure factorial pt external (jnz io go) (cpi8 1 io) (ret)" \
        " go (push pr) (cpi8 1 pr) loop (mul io pr pr) (dec io) (jnz io loop) (cpb pr io) (pop) (ret)))"
    session.eval(f"(faslout 'facts) {source} (faslend)")
    with Image(library) as image:
        assert sorted(image.sections["module-facts"].info["functions"]) == ["fact:factorial", "factorial"]
    with pytest.raises(LispError):
        session.eval("(factorial 3)")
    session.eval("(load!-module 'facts)")
    assert session.eval("(mapcar '(0 5 20) 'factorial)") == [1, 120, FACTORIALS[20]]
    session.eval("(setq v (module!-variable 'fact 1)) (variable!-put v 0 6) (factorial v)")
    assert session.eval("(variable!-get v 0)") == 720
    for form, text in (("(variable!-get v 1)", "no eight bytes"), ("(variable!-get 'x 0)", "a variable expected"), ("(factorial 'x)", "variable"),
                       ("(factorial (expt 2 63))", "word64"), ("(module!-variable 'nothing 1)", "no typed module"), ("(module!-variable 'fact 99)",
                       "no register"),
                       ("(module bad (procedure p pt (ret)))", "there is no interface pt"),
                       ("(module bad (register io word) (interface pt io) (procedure p pt (inc io)))", "runs off"),
                       ("(module bad (register io word) (interface pt io) (procedure p pt (jmp nowhere)))", "no label"),
                       ("(module bad (thing))", "expected"),
                       ("(module bad (register io word) (interface pt io) (procedure p pt external (icn io)))", "no instruction ICN")):
        with pytest.raises(LispError, match=text):
            session.eval(form)


@needs_native
def test_native_code_of_a_module_there_is_used(tmp_path: Path) -> None:
    from csl_native.native.architectures import host
    from csl_native.native.modulecode import compile_modules
    library, architecture = tmp_path / "lib.img", host()
    assert architecture is not None
    session = silent()
    source = "(module fact (register io word) (interface pt io) (procedure twice pt external (add io io io) (ret)))"
    session.eval(f'(setq output!-library (open!-library "{library}" t)) (faslout \'facts) {source} (faslend)')
    assert sorted(compile_modules(silent(), library, [architecture])["facts"]) == ["fact:twice", "twice"]
    again = Session(heap=64 << 20, libraries=[library], output=open(os.devnull, "wb"))
    again.eval("(load!-module 'facts)")
    assert again.function("twice")(21) == 42 and again.explain() == []
    m = again.machine
    assert {m.text(symbol) for symbol, _, _ in again.hardcode.rows()} >= {"twice", "fact:twice"}


# -- a property --------------------------------------------------------------------------------------------------------------

OPERATIONS = ("INC", "DEC", "ADD", "SUB", "MUL", "CPI1", "CPI2", "CPI4", "CPI8", "CPB")


def random_procedure(r: random.Random) -> list[Instruction]:
    """Arithmetic on registers 1 to 3, forward jumps, and a loop that ends."""
    out: list[Instruction] = code("PUSH 2; PUSH 3; PUSH 4; CPI8 5 4")
    for _ in range(r.randrange(1, 14)):
        a, b, c = (r.randrange(1, 4) for _ in range(3))
        name = r.choice((*OPERATIONS, "JNZ", "JG", "JNG", "JE"))
        shape = SHAPES[NUMBER[name]]
        registers = iter((a, b, c))
        width = 8 * int(name[3:]) if name.startswith("CPI") else 0
        values = [next(registers) if kind == "r" else 2 if kind == "o" else r.choice((r.randrange(-5, 6) if width else 0,
        r.getrandbits(width) - (1 << width - 1)))
                  for kind in shape]
        out.append(instruction(name, *values))
        if "o" in shape:
            out.append(instruction("INC", r.randrange(1, 4)))
    size = len(out) - 4
    out += [instruction("DEC", 4), instruction("JNZ", 4, -size - 1), *code("ADD 1 2 1; ADD 1 3 1; POP; POP; POP; RET")]
    return out


def meaning(items: list[Instruction], io: int) -> int:
    """What such a procedure gives, in Python."""
    registers, at = {1: io, 2: 0, 3: 0, 4: 0}, 0

    def wrapped(n: int, bits: int = 64) -> int:
        return (n + (1 << bits - 1) & (1 << bits) - 1) - (1 << bits - 1)
    while items[at].name != "RET":
        name, o = items[at].name, items[at].operands
        following = at + 1
        if name in ("INC", "DEC"):
            registers[o[0]] = wrapped(registers[o[0]] + (1 if name == "INC" else -1))
        elif name in ("ADD", "SUB", "MUL"):
            a, b = registers[o[0]], registers[o[1]]
            registers[o[2]] = wrapped(a + b if name == "ADD" else a - b if name == "SUB" else a * b)
        elif name == "CPB":
            registers[o[1]] = registers[o[0]]
        elif name.startswith("CPI"):
            mask = (1 << 8 * int(name[3:])) - 1
            registers[o[1]] = wrapped(registers[o[1]] & ~mask | o[0] & mask)
        elif name.startswith("J"):
            a, b = registers[o[0]], registers[o[1]] if len(o) > 2 else 0
            if {"JNZ": a != 0, "JG": a > b, "JNG": a <= b, "JE": a == b}[name]:
                following = at + o[-1]
        at = following
    return registers[1]


@pytest.fixture(scope="module")
def three() -> Iterator[list[Session]]:
    sessions = [silent(engine="python"), *([silent(jit=(0, -1)), silent()] if machine_runs_natively() else [])]
    yield sessions
    for session in sessions:
        session.close()


@given(seed=st.integers(0, 1 << 30), io=st.one_of(st.integers(-3, 3), st.integers(-(1 << 63), (1 << 63) - 1)))
@settings(max_examples=25, deadline=None)
def test_all_ways_agree_with_a_model(seed: int, io: int, three: list[Session]) -> None:
    items = random_procedure(random.Random(seed))
    expected = meaning(items, io)
    for k, session in enumerate(three):
        builder = ModuleBuilder()
        for _ in range(4):
            builder.add_reg(0, WORD)
        builder.add_proc(EXTERNAL, builder.add_proc_type(0, 1), "random-procedure", items)
        module = builder.create_module("random-module")
        module.unpack(session, native=k == 2)
        try:
            assert module.call(0, io) == expected, items
        finally:
            module.drop()


def wild_builder() -> ModuleBuilder:
    """Types of all kinds, a register or two of each, and procedures: 0 is empty yet, 1 and 2 can be called."""
    b = ModuleBuilder()
    six, record, holder, pair = b.add_var_type(6), b.add_var_type(8), b.add_var_type(0), b.add_var_type(12)
    rows = ((0, WORD), (0, WORD), (0, WORD), (0, six), (0, record), (0, record), (1, WORD), (0, WORD, 3), (0, holder), (0, pair, 4), (2, WORD), (1, pair))
    for row in rows:
        b.add_reg(*row)
    plain = b.add_proc_type(0, 1)
    for vtype, references in ((record, ((1, WORD), (0, WORD, 3), (0, holder))), (pair, ((0, record), (0, WORD)))):
        for flags, to, *count in references:
            b.add_vref(vtype, flags, to, *count)
    b.add_pref(holder, plain)
    b.add_proc(EXTERNAL, plain, "wild")
    b.add_proc(0, plain, "step", code("INC 1; INC 1; RET"))
    b.add_proc(0, plain, "raise", code("PUSH 2; CPB 1 0; THROW; POP; RET"))
    return b


def wild(r: random.Random) -> Module:
    """A module whose procedure has instructions of every kind, as long as they can stand where they are; jumps go forwards, so it ends."""
    b = wild_builder()
    verifier = b.verifiers[0]

    def attempt(*items: Instruction) -> bool:
        try:
            b.add_instr(0, *items)
            return True
        except ModuleError:
            return False
    names = [name for name in NUMBER if name not in ("ILL", "RET", "POP", "JMP")] + ["PUSH", "PUSHR", "PUSHH", "POP", "LDR", "STR", "LDE", "STE", "NEW"] * 2
    for _ in range(r.randrange(50, 400)):
        name = r.choice(names)
        width = 8 * int(name[3:]) if name.startswith("CPI") else 8
        operands = {"r": lambda: r.randrange(13), "o": lambda: r.randrange(1, 7), "n": lambda: r.randrange(r.choice((3, 13))), "p": lambda: r.randrange(1, 3),
                    "i": lambda width=width: r.choice((r.randrange(-3, 6), r.getrandbits(width)))}
        if name == "THROW" and r.random() < 0.8:
            continue
        attempt(instruction(name, *(operands[kind]() for kind in SHAPES[NUMBER[name]])))
    while len(verifier.frames) > 1 or verifier.frames[0].farthest >= len(verifier.code):
        if len(verifier.frames) == 1 or not attempt(*code("POP")):
            if not attempt(*code("CPI8 7 0")):
                return wild(r)  # jumps and frames that no end fits
    b.add_instr(0, *code("RET"))
    return b.create_module("wild-module")


def outcome(module: Module, io: int) -> object:
    try:
        return module.call("wild", io)
    except RuntimeException as error:
        return "exception", error.code
    except LispError as error:
        return "error", str(error).strip()


@pytest.mark.parametrize("seed", range(40))
def test_wild_procedures_do_the_same_in_all_ways(seed: int, three: list[Session]) -> None:
    module = wild(random.Random(seed))
    data = module.to_bytes()
    results = []
    for k, session in enumerate(three):
        again = Module.from_bytes(data)
        again.unpack(session, native=k == 2)
        results.append([outcome(again, io) for io in (0, 1, 2, -1, 5)])
        again.drop()
    assert all(result == results[0] for result in results), (module.proc(0).code, results)
