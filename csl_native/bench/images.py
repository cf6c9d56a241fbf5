"""What several architectures in one image cost: bytes, relocation, compilation, and starting."""

from __future__ import annotations

import ctypes
import os
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from csl_native.architectures import architectures, host
from csl_native.image.container import Image
from csl_native.native.pages import RECORD, PageSet
from csl_native.native.workers import kernel_block
from csl_native.relocation.kinds import ROW_WORDS
from csl_native.saving.heapview import HeapView
from csl_native.session.session import Session
from csl_native.system.places import CHECKOUT

PROGRAMS = ("deriv", "queens", "bareiss", "frpoly", "fft", "browse")


def relocation_time(count: int = 100_000) -> str:
    """Milliseconds of the native relocator for records of two kinds in turn."""
    session = Session()
    hardcode = session.hardcode
    if hardcode.architecture is None:
        return "not here"
    kinds = hardcode.architecture.kinds
    rows = b"".join(struct.pack(f"<{ROW_WORDS}q", *k.words()) for k in kinds)
    size = 16 * count
    page = ctypes.create_string_buffer(size)
    targets = struct.pack("<64q", *(ctypes.addressof(page) + 16 * k for k in range(64)))
    records = b"".join(RECORD.pack((k % 2) << 56 | (k % 64) << 32 | 16 * k, 4) for k in range(count))
    tables = ctypes.create_string_buffer(rows + targets + records)
    at, function = ctypes.addressof(tables), hardcode.apply_native()
    started = time.perf_counter()
    refused = function(at, len(kinds), at + len(rows) + len(targets), count, at + len(rows), 64, ctypes.addressof(page),
                       size, ctypes.addressof(page))
    seconds = time.perf_counter() - started
    session.close()
    return f"{seconds * 1000:.2f} ms for {count} records" + (f" ({refused})" if refused else "")


def run_time(command: list[str]) -> float:
    """Seconds of the median of 15 runs of a program."""
    times = []
    for _ in range(15):
        started = time.perf_counter()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


def start_time(path: Path) -> float:
    """Of csl with an image that does nothing."""
    return run_time([sys.executable, "-m", "csl_native", "-q", "-i", str(path), "-e", "nil"])


def sizes(path: Path) -> list[list[str]]:
    """Per tag: native bytes for each bytecode byte, relocation bytes for each function and their share of the set."""
    rows = []
    with Image(path) as image:
        view = HeapView(image)
        functions = {name: found[0] for name, symbol in view.functions().items()
                     if (found := view.code_of(symbol)) is not None}
        for architecture in architectures():
            name = f"functions-{architecture.tag}"
            if name not in image.sections:
                continue
            pages = PageSet.parse(image.read(name), name)
            code = sum(size for entry in pages.entries.values() for _, size in entry["parts"])
            bytecode = sum(len(functions[entry["name"]].code)
                           for entry in pages.entries.values() if entry["name"] in functions)
            stored = image.sections[name].stored
            rows.append([architecture.name, str(len(pages.entries)), str(code), f"{code / bytecode:.1f}",
                         f"{len(pages.packed) / len(pages.entries):.1f}",
                         f"{100 * len(pages.packed) / stored:.1f} %"])
    return rows


RESTORE = """
import sys, time
from csl_native.session import restore
times = []
for _ in range(3):
    started = time.perf_counter()
    s = restore(sys.argv[1], heap=64 << 20)
    times.append(time.perf_counter() - started)
    why = s.explain()
    s.close()
print(min(times) * 1000, len(why))
"""


def restores(path: Path) -> str:
    """Milliseconds of a restore here and on every machine that can be emulated."""
    try:
        from tests import emulation
    except ImportError:
        return "* restore under emulation: not measured (the tests are not here)\n"
    environment = {**os.environ, "PYTHONPATH": CHECKOUT, "PYTHONDONTWRITEBYTECODE": "1"}
    parts = []
    for name in ("here", *emulation.MACHINES):
        try:
            command = [sys.executable] if name == "here" else emulation.python(name)
            out = subprocess.run([*command, "-c", RESTORE, str(path)], capture_output=True, text=True, check=True,
                                 env=environment).stdout.split()
            parts.append(f"{name} {float(out[0]):.0f}" + (f" ({out[1]} reasons)" if out[1] != "0" else ""))
        except (emulation.Unavailable, subprocess.CalledProcessError) as error:
            parts.append(f"{name} not measured ({str(error).splitlines()[-1][:60]})")
    return ("* restore, all native, under emulation (ms; Python itself is 12 to 28 times slower there): "
            f"{', '.join(parts)}\n")


def images(say: Callable[[str], None]) -> str:
    """The report's part on images."""
    here, programs = host(), Path(CHECKOUT) / "tests" / "corpus" / "programs"
    if here is None:
        return ""
    say("images")
    with tempfile.TemporaryDirectory() as folder:
        one, all_tags = Path(folder) / "one.img", Path(folder) / "all.img"
        session = Session()
        for name in PROGRAMS:
            session.eval((programs / f"{name}.lsp").read_text().replace("(main)", ""))
        names = [row for row in session.lisp.machine.vector_items(session.machine.root(0))
                 if row & 7 == 2 and session.lisp.is_bytecoded(row)]
        times = {}
        for architecture in architectures():
            started = time.perf_counter()
            if architecture is here:
                kernel_block(architecture)
                session.native_compile([session.machine.text(s) for s in names])
                session.preserve(one)
            else:
                session.add_tags([architecture.name])
            times[architecture.name] = time.perf_counter() - started
        session.preserve(all_tags)
        session.close()
        rows = [[*row, f"{times[row[0]]:.2f}", f"{times[row[0]] / times[here.name]:.2f}"] for row in sizes(all_tags)]
        single, many = start_time(one), start_time(all_tags)
        foreign = restores(all_tags)
    head = ["tag", "functions", "native bytes", "per bytecode byte", "relocation bytes per function", "of the set",
            "compiling s", "of this machine's"]
    lines = ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]
    return (f"* native relocation: {relocation_time()}\n* an image with one tag starts in {single * 1000:.1f} ms, with "
            f"{len(rows)} tags "
            f"in {many * 1000:.1f} ms (ratio {many / single:.2f})\n{foreign}\n" + "\n".join(lines) + "\n")
