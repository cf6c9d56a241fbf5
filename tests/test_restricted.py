"""The restricted language: refusals, and one meaning in both executions."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from csl_native.architectures import by_name, host
from csl_native.native.compiler import compile_ir, module_text
from csl_native.native.pages import PageSet, load
from csl_native.restricted import llvm as ir
from csl_native.restricted.checker import Program, Refusal
from csl_native.restricted.cpython import MemoryFault, execute, translate
from csl_native.restricted.language import INTRINSICS

from .conftest import needs_native

REFUSED = {
    "def f(x):\n    return x.y": "Attribute is outside of the restricted language",
    "def f(x):\n    return x[0]": "Subscript",
    "def f(x):\n    return 'a'": "expected an integer, a float or a bool",
    "def f(x):\n    if x:\n        return 1\n    return 2": "a word where a bool is expected",
    "def f(x):\n    return x / 2": "Div of word and word",
    "def f(x):\n    return x + 1.0": "Add of word and double",
    "def f(x):\n    return 0 < x < 3": "expected exactly one of",
    "def f(x):\n    y = 1\n    y = 2.0\n    return y": "y is a word and cannot hold a double",
    "def f(x):\n    return g(x)": "g is neither an intrinsic nor a restricted function",
    "def f(x):\n    return load(x, 1)": "load takes 1 arguments, 2 given",
    "def f(x):\n    return z": "z is neither a local",
    "def f(x):\n    for i in x:\n        pass\n    return 1": "For statement",
    "def f(x):\n    x = 1": "can end without a value",
    "def f(x=1):\n    return x": "only plain positional parameters",
    "def f(x: str):\n    return x": "type str; expected one of",
    "def f(x):\n    break\n    return x": "outside of a while loop",
    "def f(x):\n    return 1 << 70 << 9223372036854775808 * 4": None,
    "def f(x):\n    return store(x, x)": "has no value",
    "def f(x):\n    return 99999999999999999999": "at most 64 bits",
    "@cache\ndef f(x):\n    return x": "decorator; expected",
    "def f(x):\n    return x\ndef f(x):\n    return x": "defined twice",
}


@pytest.mark.parametrize("text", [t for t, m in REFUSED.items() if m])
def test_refusals_name_line_and_expectation(text: str) -> None:
    program = Program()
    with pytest.raises(Refusal) as caught:
        program.add_source(text, {}, "m", "m.py")
        program.check()
    assert REFUSED[text] in str(caught.value)
    assert caught.value.filename == "m.py" and caught.value.lineno is not None


def python_function(text: str, buffer: bytearray | None = None, checked: bool = True) -> dict[str, Any]:
    program = Program()
    program.add_source(text, {}, "m", "m.py")
    program.check()
    return execute(translate(program, checked), buffer if buffer is not None else bytearray(64), {})


def native_functions(text: str, arity: int) -> dict[str, Any]:
    architecture = host()
    assert architecture is not None
    program = Program()
    program.add_source(text, {}, "m", "m.py")
    program.check()
    block = compile_ir(architecture, module_text(architecture, "\n".join(
        ir.define(f, architecture) for f in program.functions.values())), level=1)
    pages = PageSet(architecture.number, "test")
    from csl_native.native.pages import kind_numbers
    base = pages.add_block(block, kind_numbers(architecture))
    pages.functions = {n: base + p for n, p in block.symbols.items()}
    loaded = load(pages, {})
    kind = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, *[ctypes.c_int64] * arity)
    result: dict[str, Any] = {n: kind(loaded.address(n)) for n in pages.functions}
    result["keep"] = loaded
    return result


words = st.one_of(st.integers(-(1 << 63), (1 << 63) - 1), st.integers(-9, 9),
                  st.sampled_from([1 << 62, -(1 << 63), (1 << 63) - 1, 63, 64, 65]))
leaves = st.one_of(st.sampled_from(["a", "b", "c"]), words.map(lambda n: f"({n})"))


def grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    pair = st.tuples(inner, inner)
    return st.one_of(
        st.tuples(inner, st.sampled_from("+ - * & | ^ << >>".split()), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        inner.map(lambda x: f"(-{x})"), inner.map(lambda x: f"(~{x})"),
        st.tuples(inner, st.sampled_from("== != < <= > >=".split()), inner,
                  pair).map(lambda t: f"({t[3][0]} if {t[0]} {t[1]} {t[2]} else {t[3][1]})"),
        pair.map(lambda t: f"mulhi({t[0]}, {t[1]})"), pair.map(lambda t: f"lshr({t[0]}, {t[1]})"),
        pair.map(lambda t: f"(1 if ult({t[0]}, {t[1]}) and not add_overflows({t[0]}, {t[1]}) else 0)"),
        st.tuples(st.sampled_from(["add", "subtract"]), pair, pair).map(
            lambda t: f"(multiply_{t[0]}(8, {', '.join(t[1] + t[2])}) ^ load(8))"),
        pair.map(lambda t: f"udiv({t[0]}, {t[1]} | 1)"), pair.map(lambda t: f"srem({t[0]}, ({t[1]} & 255) | 1)"),
        pair.map(lambda t: f"sdiv({t[0]}, ({t[1]} & 255) | 1)"), inner.map(lambda x: f"clz({x})"),
        inner.map(lambda x: f"ctz({x})"),
        inner.map(lambda x: f"ftoi(itof({x}))"), pair.map(lambda t: f"fbits(itof({t[0]}) * 0.5 - itof({t[1]}))"),
        pair.map(lambda t: f"(2 if mul_overflows({t[0]}, {t[1]}) or sub_overflows({t[0]}, {t[1]}) else 3)"))


expressions = st.recursive(leaves, grow, max_leaves=6)


@needs_native
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(expressions, min_size=8, max_size=16), st.lists(st.tuples(words, words, words), min_size=3, max_size=6))
def test_random_expressions_agree(texts: list[str], values: list[tuple[int, int, int]]) -> None:
    text = "\n".join(f"def f{k}(a, b, c):\n    return {t}\n" for k, t in enumerate(texts))
    slow, fast, machine = python_function(text), python_function(text, checked=False), native_functions(text, 3)
    memory = (ctypes.c_int64 * 8)()
    for k, source in enumerate(texts):
        for a, b, c in values:
            expected = slow[f"f{k}"](a, b, c)
            assert -(1 << 63) <= expected < 1 << 63
            assert fast[f"f{k}"](a, b, c) == expected, source
            assert machine[f"f{k}"](memory, a, b, c) == expected, source


def test_memory_is_checked() -> None:
    f = python_function("def f(p):\n    return load(p)\ndef g(p, v) -> None:\n    store(p, v)\n")
    assert f["f"](8) == 0
    for bad in (-8, 64, 61, 4):
        with pytest.raises(MemoryFault):
            f["f"](bad)
        with pytest.raises(MemoryFault):
            f["g"](bad, 0)


def test_every_intrinsic_has_a_meaning() -> None:
    for row in INTRINSICS.values():
        assert row.meaning and row.python and row.llvm


@pytest.mark.parametrize("name", ["x86-64", "aarch64"])
def test_lowering_for_any_architecture(name: str) -> None:
    architecture = by_name(name)
    program = Program()
    program.add_source("def f(a, b):\n    while a < b:\n        a = a * 3 + 1\n    return mulhi(a, b)\n", {}, "m",
                       "m.py")
    program.check()
    block = compile_ir(architecture,
                       module_text(architecture,
                                   "".join(ir.define(f, architecture) for f in program.functions.values())))
    assert "f" in block.symbols and len(block.data) >= 16
