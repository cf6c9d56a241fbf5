"""What procedures of typed modules do: on every engine and tier, fresh and restored."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from csl_native import LispError, Session
from csl_native.engines.record import engines
from csl_native.modules import (
    WRITER,
    Module,
    NotFoundException,
    OperationException,
    RuntimeException,
    TypeException,
    Variable,
)

from .conftest import machine_runs_natively
from .test_typed_modules import factorial

FACTORIALS = {0: 1, 1: 1, 5: 120, 10: 3628800, 20: 2432902008176640000, 21: -4249290049419214848}


def silent(**options: object) -> Session:
    return Session(heap=64 << 20, output=open(os.devnull, "wb"), **options)  # type: ignore[arg-type]


WAYS: dict[str, dict[str, object]] = {**{name: {"engine": name} for name in engines()}, "stencils": {"jit": (0, -1)},
                                      "optimised": {"jit": (0, 0)},
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


# -- running
# ---------------------------------------------------------------------------------------------------------------


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
  (register l word) (register h word) (register i word) (register j word) (register p word) (register x word)
  (register y word) (register io2 rec)
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
  (type node 8 (vref node) (pref visit)) (register io word) (register node node) (register next node)
  (register head node) (register n word)
  (register some word any) (register size word) (register x word) (interface visit io)
  (procedure build visit external
    (pushr head) (pushr next) (push n)
   more (new next) (stb io next 0) (str head next 0) (str next head 0) (pop) (pop) (pop) (ret)))"""
CHAIN = """(module chain
  (type node 8 (vref node)) (register io word) (register head node) (register next node) (register sum word)
  (register x word) (interface pt io)
  (procedure chain pt external
    (pushr head) (pushr next) (push sum) (push x)
   more (new next) (cpb io next) (str head next 0) (ldr next 0 head) (str head next 0)
    (cpb next x) (add x sum sum) (dec io) (jnz io more) (cpb sum io) (pop) (pop) (pop) (pop) (ret))
  (procedure nowhere pt external (pushr head) (inc head) (pop) (ret)))"""
ARRAYS = """(module arrays
  (type pair 12 (vref word) (vref word)) (register io word) (register all pair any) (register one pair)
  (register two pair) (register i word) (register w word)
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
    arrays = unpack(module_of(way, ARRAYS.replace("(pop) (pushr w) (ldr",
                                                  "(ldr").replace("(push x) (ldb", "(ldb").replace(
        "(pop) (pop) (pop) (pop) (pop) (pop) (pop) (ret))\n  (procedure beyond",
        "(pop) (pop) (pop) (pop) (pop) (pop) (ret))\n  (procedure beyond")), way)
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
  (type six 6) (type big 300) (register io word) (register a six) (register b big) (register c word) (register d word)
  (interface pt io)
  (procedure bytes pt external
    (push a) (push b) (push c) (push d)
    (cpi4 305419896 a) (cpi2 -2 c) (cpi1 7 c) (stb a b 290) (ldb b 291 c) (cpi8 81985529216486895 d) (stb d b 298)
    (ldb b 297 d) (stb c a 4) (add c d io)
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
    assert module.call("bytes", 0) == int.from_bytes(c, "little",
                                                     signed=True) + int.from_bytes(d, "little", signed=True)


def test_registers_at_the_top_keep_what_they_have(way: Session) -> None:
    text = "(module counter (register io word) (register total word top) (register mine word thread)" + \
        " (interface pt io)" + \
        " (procedure tick pt external (add io total total) (cpb total io) (ret))" + \
        " (procedure own pt external (add io mine mine) (cpb mine io) (ret)))"
    module = unpack(module_of(way, text), way)
    assert [module.call("tick", n) for n in (5, 6, 7)] == [5, 11, 18] and module.call("own", 1) == 1
    seen: list[object] = []
    thread = threading.Thread(target=lambda: seen.extend((module.call("own", 10), module.call("own", 10),
                                                          module.call("tick", 1))))
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
    with pytest.raises(KeyError, match="wrong"):
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
