"""Programs that stand alone, for every machine: the file, where it begins, and how it calls its system.

The kernel here is a small one of its own, because the whole one takes long to compile for another machine; the slow
tests run what it makes under emulation, and those of ``test_emulation.py`` run programs with the whole one.
"""

from __future__ import annotations

import inspect
import io
import itertools
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from csl_native.architectures import Architecture, architectures, by_name, host
from csl_native.heap import vm
from csl_native.image.container import Image
from csl_native.kernel import aloneblock, alonestreams, elementary, standalone
from csl_native.native.compiler import compile_ir, elementary_text, entry_table, module_text
from csl_native.native.executable import ALIGNMENT, CODE, CannotMake, Program
from csl_native.native.pages import PageSet, kind_numbers
from csl_native.restricted import checker
from csl_native.restricted import llvm as ir
from csl_native.saving.baseimage import base_image

from . import emulation
from .conftest import needs_native

pytestmark = needs_native
MACHINES = [a.name for a in architectures() if a.alone is not None]

# Tells its arguments and what it was given, which it also writes twice to the file that the last argument names, and
# ends with a hundredth of a sine.
TAKEN = standalone.map_rest, alonestreams.open_file, alonestreams.close_file
KERNEL = "\n\n".join(inspect.getsource(each) for each in TAKEN) + """

@noinline
def write_file(block, name, how, n) -> None:
    file = open_file(block, name, how)
    system_call(load(block + CALL_WRITE), file, base_address() + block + INPUT, n, 0)
    close_file(block, file)

def begin_program(stack):
    map_rest(load(STANDALONE))
    change_stack(load(load(STANDALONE) + STACK_TOP))
    tell(load(STANDALONE), stack - base_address())
    return 0

@noinline
@bounded("what the program was given")
def tell(block, stack) -> None:
    k = 1
    while k < load_address(stack):
        say(block, load_address(stack + address_size() * (k + 1)) - base_address(), 0)
        k += 1
    at = block + INPUT
    n = system_call(load(block + CALL_READ), 0, base_address() + at, 100, 0)
    say(block, at, n)
    name = load_address(stack + address_size() * load_address(stack)) - base_address() + STRING - 8
    write_file(block, name, CREATE, n)
    write_file(block, name, 2, n)
    missing = open_file(block, name + 1, READ) >= 0 or open_file(block, name, READ) < 3
    system_call(load(block + CALL_CLOCK_GETTIME), 0, base_address() + block + CLOCK, 0, 0)
    wrong = system_call(load(block + CALL_WRITE), -1, base_address() + at, 1, 0) != -9
    now = load_address(block + CLOCK)
    r = ftoi(callf(LIBM_SIN, 0.5) * 100.0)
    if wrong or missing or now < 1700000000 or load_address(block + CLOCK + 8) > 999999999:
        r = 1
    system_call(load(block + CALL_EXIT_GROUP), r, 0, 0, 0)

@bounded("bytes of a text")
def say(block, at, n) -> None:
    while n == 0 and load8(at) != 0:
        system_call(load(block + CALL_WRITE), 1, base_address() + at, 1, 0)
        at += 1
    if n > 0:
        system_call(load(block + CALL_WRITE), 1, base_address() + at, n, 0)
"""


@cache
def small_kernel() -> checker.Program:
    program = checker.Program([aloneblock, elementary])
    names = {**vars(vm), **vars(aloneblock), **vars(standalone), **vars(alonestreams)}
    program.add_source(KERNEL, names, "small", "<small>")
    program.check()
    return program


@cache
def pages_for(architecture: Architecture) -> PageSet:
    text = "\n".join(ir.define(f, architecture, "internal" if f.inline else "hidden")
                     for f in small_kernel().functions.values()) + elementary_text()
    block = compile_ir(architecture, module_text(architecture, text + architecture.support))
    pages = PageSet(architecture.number, "")
    base = pages.add_block(block, kind_numbers(architecture))
    pages.functions = {name: base + place for name, place in block.symbols.items()}
    pages.entry_names, pages.engines = list(entry_table()), {"small": 0}
    return pages


class Small(Program):
    """A program of the base image whose kernel looks at none of its Lisp."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.symbols |= dict.fromkeys(("alone-answers", "alone-run"), next(iter(self.view.symbols())))


def made(name: str, heap: int | None = None) -> bytes:
    architecture = by_name(name)
    assert architecture is not None
    with Image(base_image()) as base:
        return Small(base, pages_for(architecture), None, architecture, heap).file(base.read("starts"))


@pytest.mark.parametrize("name", [name for name in MACHINES if "-v" not in name and "-lse" not in name])
def test_the_file_is_one_of_that_machine(name: str) -> None:
    elffile = pytest.importorskip("elftools.elf.elffile")
    architecture, data = by_name(name), made(name)
    assert architecture is not None and architecture.alone is not None
    file = elffile.ELFFile(io.BytesIO(data))
    assert (file["e_type"], file["e_entry"], file["e_flags"]) == ("ET_EXEC", CODE, architecture.flags)
    assert (file.elfclass, file.little_endian) == (8 * architecture.word, not architecture.big_endian)
    assert int.from_bytes(data[18:20], "big" if architecture.big_endian else "little") == architecture.machine
    parts = [s for s in file.iter_segments() if s["p_type"] == "PT_LOAD"]
    assert [s["p_flags"] for s in parts] == [5] + [6] * 5  # nothing is written and executed
    for part, behind in itertools.pairwise(parts):
        assert part["p_vaddr"] % ALIGNMENT == part["p_offset"] % ALIGNMENT == 0
        assert part["p_vaddr"] + part["p_memsz"] <= behind["p_vaddr"]
        assert part["p_offset"] + part["p_filesz"] <= behind["p_offset"]
    words = [int.from_bytes(parts[0].data()[place : place + architecture.word],
                            "big" if architecture.big_endian else "little") for place in architecture.alone.places]
    assert words == [parts[1]["p_vaddr"], CODE + 4096 + pages_for(architecture).functions["begin_program"]]
    top = parts[-1]["p_vaddr"] + (2 << 30 if architecture.word == 8 else 0)
    assert top < 1 << (63 if architecture.word == 8 else 31)


def test_what_has_no_room_is_said() -> None:
    with pytest.raises(CannotMake, match="armv7: a heap of 1024 MB needs .* --heap"):
        made("armv7", 1 << 30)


def test_other_systems_have_none() -> None:
    assert {a.name for a in architectures() if a.alone is None} >= {"x86-64-windows", "aarch64-macos"}
    assert all(a.system == "linux" for a in architectures() if a.alone is not None)


def ran(tmp_path: Path, name: str, *emulator: str) -> tuple[int, bytes]:
    path = tmp_path / "program"
    path.write_bytes(made(name))
    path.chmod(0o755)
    command = [*emulator, str(path), "ab", "", "cd"]
    (tmp_path / "cd").write_text("longer than what is written")
    done = subprocess.run(command, env={}, input=b"given", capture_output=True, timeout=60, cwd=tmp_path)
    assert (tmp_path / "cd").read_bytes() == b"givengiven"
    return done.returncode, done.stdout


def test_it_runs_on_this_machine(tmp_path: Path) -> None:
    here = host()
    if here is None or here.alone is None:
        pytest.skip("no programs that stand alone for this machine")
    assert ran(tmp_path, here.name) == (47, b"abcdgiven")


@pytest.mark.slow
@pytest.mark.parametrize("name", list(emulation.MACHINES))
def test_it_runs_under_emulation(tmp_path: Path, name: str) -> None:
    try:
        emulator = emulation.emulator(emulation.MACHINES[name][1])
    except emulation.Unavailable as error:
        pytest.skip(f"no emulation of {name}: {error}")
    assert ran(tmp_path, name, emulator) == (47, b"abcdgiven")
