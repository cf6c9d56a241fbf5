"""GDB in a program of Lisp: names, breakpoints, and back-traces through Lisp's frames to where the thread began."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from csl_native import Session
from csl_native.architectures import host
from csl_native.native import unwinding
from csl_native.native.gdb import Gdb, Named
from csl_native.native.jitdump import CODE_LOAD, HEADER, LOAD, MAGIC, PREFIX, VERSION

from .conftest import ROOT, needs_native

PROGRAM = """(de walk (n) (cond ((zerop n) (leaf n)) (t (add1 (walk (sub1 n))))))
(de leaf (n) (list n (quotient 7 n)))
(de top (n) (list (walk n) 1))
(de warm (k) (cond ((greaterp k 0) (errorset '(top 3) nil nil) (warm (sub1 k)))))
(warm 3)
"""


@needs_native
def test_what_a_debugger_is_told() -> None:
    """A file of what is there from the start: names as everywhere, and frames of all functions."""
    from elftools.dwarf.callframe import FDE
    from elftools.elf.elffile import ELFFile

    here = host()
    if here is None or not here.return_code or here.format != "ELF":
        pytest.skip("GDB's interface is not there for this machine")
    session = Session(output=open(os.devnull, "wb"))
    told, known = Gdb(here), [Named(*row) for row in session.native_symbols() if row[2].startswith(("csl:c", "lisp:l"))]
    told.add_all(known)
    told.add_all(known)  # what it knows it is not told again
    files = [ELFFile(io.BytesIO(bytes(buffer))) for _, buffer in told._entries.values()]
    names = [s.name for elf in files for s in elf.get_section_by_name(".symtab").iter_symbols() if s.name]
    assert names.count("csl:collect") == 1 and "lisp:last" in names and all(":" in name for name in names)
    for elf in files:
        frames = elf.get_dwarf_info().EH_CFI_entries() if unwinding.can_tell(here) else []
        text = elf.get_section_by_name(".text")
        starts = {f.header["initial_location"] for f in frames if isinstance(f, FDE)}
        assert all(text["sh_addr"] <= at < text["sh_addr"] + text["sh_size"] for at in starts)
        assert len(starts) > 0 or not frames


@pytest.mark.slow
@pytest.mark.exhaustive
def test_gdb_goes_through_all_frames(tmp_path: Path) -> None:
    """It stops in a function of the jit by its name; its callers are those in Lisp, then the kernel, then Python, then
    the system.
    """
    here = host()
    if shutil.which("gdb") is None or here is None or not unwinding.can_tell(here):
        pytest.skip("gdb is not installed, or nothing can be told of frames here")
    (tmp_path / "p.lsp").write_text(PROGRAM)
    said: Any = gdb(
        tmp_path,
        "break -function lisp:leaf",
        "run",
        "info symbol $pc",
        "backtrace",
        "finish",
        "info functions csl:collect$",
        "print 'lisp:top'",
    )
    assert "lisp:leaf in section .text" in said
    frames = re.findall(r"^#\d+ +(?:0x[0-9a-f]+ in )?(\S+) \(", said, re.M)
    assert frames[:3] == ["lisp:leaf", "lisp:walk", "lisp:walk"]
    assert frames.index("lisp:top") < frames.index("csl:enter") < frames.index("ffi_call") < len(frames) - 1
    assert "??" not in frames[: frames.index("csl:enter")] and frames[-1] in (
        "clone3",
        "clone",
        "_start",
        "__libc_start_main",
        "start_thread",
    )
    assert (
        re.search(r"0x[0-9a-f]+ +csl:collect", said)
        and re.search(r"0x[0-9a-f]+ <lisp:top>", said)
        and re.search(r"in lisp:walk \(\)", said)
    )


def gdb(folder: Path, *commands: str) -> str:
    told = [word for command in ("set breakpoint pending on", *commands) for word in ("-ex", command)]
    program = [sys.executable, "-m", "csl_native", "-q", "--gdb", "--jit", "0", str(folder / "p.lsp")]
    done = subprocess.run(
        ["gdb", "-batch", "-nx", *told, "--args", *program],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "XDG_CACHE_HOME": str(folder), "PYTHONPATH": str(ROOT)},
    )
    if "ptrace" in done.stderr or "not permitted" in done.stderr:
        pytest.skip(f"gdb may not trace here: {done.stderr.strip().splitlines()[-1]}")
    return done.stdout


@needs_native
def test_a_file_for_perf(tmp_path: Path) -> None:
    """Its records have names and the code, one behind the other."""
    here = host()
    if here is None or here.format != "ELF":
        pytest.skip("this is no system of perf's")
    subprocess.run([sys.executable, "-m", "csl_native", "-q", "--jitdump", "-e", "(de sq (x) (times x x))", "-e",
                    "(progn (jit 'sq) (sq 5))"],
                   cwd=tmp_path, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, stdin=subprocess.DEVNULL)
    [path] = tmp_path.glob("jit-*.dump")
    data, names = path.read_bytes(), list[bytes]()
    assert HEADER.unpack_from(data)[:4] == (MAGIC, VERSION, HEADER.size, here.machine)
    at = HEADER.size
    while at < len(data):
        number, size, _ = PREFIX.unpack_from(data, at)
        if number == CODE_LOAD:
            name, _, code = data[at + PREFIX.size + LOAD.size:at + size].partition(b"\0")
            assert len(code) == LOAD.unpack_from(data, at + PREFIX.size)[4]
            names.append(name)
        at += size
    assert at == len(data) and b"lisp:sq" in names and b"csl:collect" in names


@pytest.mark.slow
@pytest.mark.exhaustive
def test_perf_shows_instructions(tmp_path: Path) -> None:
    """What perf recorded is put together with names and code, and it shows the instructions of a function that took the
    time.
    """
    if shutil.which("perf") is None:
        pytest.skip("perf is not installed")
    (tmp_path / "p.lsp").write_text("(de fib (n) (cond ((lessp n 2) n) (t "
                                    "(plus (fib (sub1 n)) (fib (difference n 2))))))\n(fib 20)\n(fib 32)\n(fib 32)\n")
    env = {**os.environ, "PYTHONPATH": str(ROOT), "JITDUMPDIR": str(tmp_path), "HOME": str(tmp_path),
           "XDG_CACHE_HOME": str(tmp_path)}

    def perf(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(["perf", *arguments], capture_output=True, text=True, check=False, timeout=250,
                              cwd=tmp_path, env=env, stdin=subprocess.DEVNULL)
    recorded = perf("record", "-k", "mono", "-o", "a.data", sys.executable, "-m", "csl_native", "-q", "--jitdump",
                    "--jit", "0", "p.lsp")
    if recorded.returncode:
        pytest.skip(f"perf may not record here: {recorded.stderr.strip().splitlines()[-1]}")
    assert perf("inject", "-j", "-i", "a.data", "-o", "b.data").returncode == 0
    told = perf("report", "-i", "b.data", "--stdio", "--sort", "symbol").stdout
    assert re.search(r"^ +[1-9]\d?\.\d\d% .*lisp:fib\b", told, re.M), told[:2000]
