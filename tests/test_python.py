"""What Python programs do with a session: containers, functions as objects, limits, waiting."""

from __future__ import annotations

import array
import asyncio
import copy
import gc
import inspect
import io
import threading
import weakref
from fractions import Fraction
from typing import Any

import pytest

import csl_native
from csl_native import Error, LimitReached, Limits, LispError, Numbers, Session, SessionError, Symbol, Table, Vector
from csl_native.image.files import ImageError


def test_one_base_of_all_exceptions() -> None:
    for kind in (LispError, LimitReached, SessionError, ImageError):
        assert issubclass(kind, Error)
    assert issubclass(SessionError, ValueError) and not issubclass(LimitReached, LispError)
    assert all(getattr(csl_native, name) is not None for name in csl_native.__all__)
    with pytest.raises(Error, match="cannot be read"):
        Session("/nonexistent.img")


@pytest.mark.parametrize("value, back", [
    (None, []), (False, []), (True, True), (5, 5), (2**100, 2**100), (1.5, 1.5), ("text", "text"),
    (Symbol("name"), Symbol("name")),
    ([1, [2]], [1, [2]]), ((1, 2), (1, 2)), (Fraction(1, 3), Fraction(1, 3)), (1j, 1j)])
def test_values_there_and_back(native: Session, value: Any, back: Any) -> None:
    native.define("same", lambda x: x)
    assert native.eval("(de id (x) x)") == "id"
    for found in (native.call("id", value), native.call("same", value)):
        assert found == back and type(found) is type(back)


def test_vectors(session: Session) -> None:
    v = session.eval("(list2vector '(1 \"two\" three))")
    assert (isinstance(v, Vector) and len(v) == 3 and v[1] == "two" and v[-1] == Symbol("three") and v[:2] == [1, "two"]
            and "two" in v)
    assert list(v) == [1, "two", "three"] and list(reversed(v)) == ["three", "two", 1]
    v[0] = [4, None]
    assert session.call("getv", v, 0) == [4, []]
    for wrong in (3, -4):
        with pytest.raises(IndexError, match="3 elements"):
            v[wrong]
    assert list(session.vector([1, Symbol("a"), session.vector(["x"])][:2])) == [1, "a"]


def test_tables(session: Session) -> None:
    t = session.call("list", {"a": 1, "b": {"c": [2]}, 3: None})[0]
    assert isinstance(t, Table) and len(t) == 3 and t["a"] == 1 and t["b"]["c"] == [2] and t[3] == []
    assert session.call("gethash", "a", t) == 1 and "z" not in t and t.get("z", 9) == 9 and dict(t)["a"] == 1
    t["z"] = 5
    del t["a"]
    assert set(t) == {"b", 3, "z"} and session.call("gethash", "a", t) == []
    with pytest.raises(KeyError):
        t["a"]
    assert dict(session.call("list", {1, 2})[0]) == {1: True, 2: True}
    loop: dict[str, Any] = {}
    loop["x"] = [loop]
    with pytest.raises(ValueError, match="circular"):
        session.call("list", loop)
    t.clear()
    assert not t and t == t and t != session.call("list", {})[0]


def test_what_is_derived_of_a_container_stays_itself(native: Session) -> None:
    class Own(dict[str, int]):
        pass
    own = Own(a=1)
    assert native.call("list", own)[0] is own


def test_numbers_are_memory(session: Session) -> None:
    v = session.vector(array.array("d", [1.5, 2.5]))
    assert isinstance(v, Numbers) and len(v) == 2 and session.call("fgetv64", v, 1) == 2.5 and list(v) == [1.5, 2.5]
    with v.memory() as memory:
        memory[0] = 9.25  # no copy
    assert session.call("fgetv64", v, 0) == 9.25 and v[0] == 9.25
    v[1] = -1.0
    assert session.call("fgetv64", v, 1) == -1.0
    b = session.call("list", b"\x01\xff")[0]
    assert bytes(b) == b"\x01\xff" and session.call("getv8", b, 1) == -1
    made = session.eval("(mkvect32 3)")
    made[:2]
    session.call("putv32", made, 3, 77)
    assert made.memory().tolist() == [0, 0, 0, 77]
    with pytest.raises(TypeError, match="one dimension"):
        session.vector(memoryview(bytes(4)).cast("B", (2, 2)))


def test_memory_in_use_keeps_the_session(native: Session) -> None:
    v = native.vector(bytes(1000))
    memory = v.memory()
    with pytest.raises(SessionError, match="memory of its vectors is in use in Python, by 1 memoryviews"):
        native.close()
    assert native.eval("(plus 1 2)") == 3
    other = memory[10:]
    memory.release()
    with pytest.raises(SessionError):
        native.close()
    other.release()
    native.close()


def test_memory_keeps_a_session_that_is_dropped() -> None:
    s = Session(heap=64 << 20, output=io.BytesIO())
    memory, gone = s.vector(b"abc").memory(), weakref.ref(s)
    del s
    gc.collect()
    assert gone() is not None and memory.tobytes() == b"abc"
    memory.release()
    del memory
    gc.collect()
    assert gone() is None


def test_memory_that_is_read_while_all_of_it_is_collected() -> None:
    """A finalizer in a cycle with the session reads: the memory must be there."""
    class Reader:
        def __del__(self) -> None:
            found.append(self.memory.tobytes())
    found: list[bytes] = []
    reader = Reader()
    reader.session = Session(heap=64 << 20, output=io.BytesIO())  # type: ignore[attr-defined]
    reader.memory = reader.session.vector(b"abc").memory()  # type: ignore[attr-defined]
    reader.me = reader  # type: ignore[attr-defined]
    del reader
    gc.collect()
    assert found == [b"abc"]


def test_numpy(native: Session) -> None:
    numpy = pytest.importorskip("numpy")
    v = native.vector(numpy.array([1.0, 2.0]))
    numpy.asarray(v)[0] = 7.0
    assert v[0] == 7.0


def test_read(session: Session) -> None:
    assert session.read("(a 1 \"s\" (b . 2))") == [Symbol("a"), 1, "s", (Symbol("b"), 2)]
    assert session.call("car", session.read("(x y)")) == "x"
    hostile = "(stop 1)"
    assert session.call("list", session.read(hostile)) == [["stop", 1]]
    for wrong in ("", "(a", "a b", ")"):
        with pytest.raises(LispError):
            session.read(wrong)
    with pytest.raises(TypeError):
        session.read(5)  # type: ignore[arg-type]


def test_variables(session: Session) -> None:
    session.variables["x"] = [1, "two"]
    assert session.eval("(cadr x)") == "two" and session.variables["x"] == [1, "two"] and "x" in session.variables
    del session.variables["x"]
    assert ("x" not in session.variables and session.variables.get("nosuch") is None
            and "nosuch" not in session.machine.symbols)
    with pytest.raises(ValueError, match="nil is a constant"):
        session.variables["nil"] = 1


def test_functions_say_what_they_are(session: Session) -> None:
    session.eval("(de area (width height &optional unit) \"Of a rectangle.\" (times width height))")
    area = session.function("area")
    assert area.__name__ == "area" and area.__doc__ == "Of a rectangle." and repr(area) == "<Lisp function area>"
    assert str(inspect.signature(area)) == "(width, height, unit=None, /)" and area(2, 3) == 6
    assert (str(inspect.signature(session.function("list"))) == "(*rest)"
            and len(inspect.signature(session.function("cons")).parameters) == 2)
    assert "limit" in (session.function("resource-limit").__doc__ or "")
    with pytest.raises(ValueError, match="nosuch is no function"):
        inspect.signature(session.function("nosuch"))


def test_limits_of_a_call(session: Session) -> None:
    session.eval("(de busy () (prog (x) l (setq x (list 1 2)) (go l)))")
    with pytest.raises(LimitReached, match="time limit of 0.1 s reached"):
        session.call("busy", limits=Limits(seconds=0.1))
    with pytest.raises(LimitReached, match="time limit"):
        session.function("busy")(limits=Limits(seconds=0.1))
    if session.engine != "python":
        with pytest.raises(LimitReached, match="memory limit of 2 million pairs"):
            session.eval("(errorset '(busy) nil nil)", limits=Limits(megaconses=2))
    assert session.call("plus", 1, 2, limits=Limits(seconds=5)) == 3


def test_waiting_and_cancelling(native: Session) -> None:
    native.eval("(de busy () (prog () l (go l)))")

    async def main() -> None:
        assert await native.aeval("(plus 1 2)") == 3 and await native.acall("times", 6, 7) == 42
        task = asyncio.ensure_future(native.acall("busy"))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with pytest.raises(LispError):
            await native.aeval("(car 1)")
    asyncio.run(main())
    assert native.eval("(plus 1 2)") == 3


def test_cancelling_interrupts_no_other_call(native: Session) -> None:
    """A call that waits for its turn is cancelled: the one that runs goes on."""
    inside, on = threading.Event(), threading.Event()
    native.define("hold", lambda: (inside.set(), on.wait(20)) and 5)
    other: list[Any] = []
    thread = threading.Thread(target=lambda: other.append(native.call("hold")))
    thread.start()
    assert inside.wait(20)

    async def main() -> None:
        task = asyncio.ensure_future(native.acall("plus", 1, 2))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.sleep(0.05)
        on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
    asyncio.run(main())
    thread.join()
    assert other == [5]


def test_output_and_errors_are_apart() -> None:
    output, errors = io.BytesIO(), io.BytesIO()
    with Session(heap=64 << 20, output=output, errors=errors) as s:
        s.eval("(progn (prin1 'said) (errorset '(car 5) t nil))")
        s.flush()
        assert (b"said" in output.getvalue() and b"+++" not in output.getvalue()
                and b"car of an atom: 5" in errors.getvalue())


def test_a_session_is_not_copied(native: Session) -> None:
    for make in (copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="owns its memory"):
            make(native)
