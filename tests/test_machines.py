"""Machines of no known architecture, or of another calling convention: everything runs there, as bytecode, and says
why.
"""

from __future__ import annotations

import ast
import contextlib
import ctypes
import io
import json
import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from csl_native import Session, restore
from csl_native.architectures import architectures, by_tag, host, why_no_host
from csl_native.system import memory
from csl_native.system.host import Header, Host, pretending, read_header, this_host

from .conftest import ROOT, machine_runs_natively, needs_native

ELF = "ELF"
HOSTS = [  # (system, header), the architecture's name or None, and what the reason says
    (Host("linux", Header(ELF, 62, 64)), "x86-64", ""),
    (Host("linux", Header(ELF, 62, 32)), None, "x86-64 has 64 bits"),  # x32
    (Host("linux", Header(ELF, 3, 32)), "i386", ""),
    (Host("linux", Header(ELF, 183, 64)), "aarch64", ""),
    (Host("linux", Header(ELF, 183, 32)), None, "aarch64 has 64 bits"),  # ILP32
    (Host("linux", Header(ELF, 183, 64, True)), None, "little-endian"),
    (Host("darwin", Header("Mach-O", 0x0100000C, 64)), "aarch64-macos", ""),
    (Host("darwin", Header("Mach-O", 0x01000007, 64)), None,
     "darwin with Mach-O programs has another calling convention than x86-64"),
    (Host("win32", Header("PE", 0x8664, 64)), "x86-64-windows", ""),
    (Host("win32", Header("PE", 0xAA64, 64)), None, "win32 with PE programs has another calling convention than "
                                                    "aarch64 (AAPCS64 on linux)"),
    (Host("freebsd14", Header(ELF, 62, 64)), None, "freebsd14 with ELF programs has another calling convention than "
                                                   "x86-64 (System V AMD64 on linux)"),
    (Host("linux", Header(ELF, 40, 32, False, 0x5000400)), "armv7", ""),
    (Host("linux", Header(ELF, 40, 32, False, 0x5000200)), None, "hard float"),  # armel
    (Host("linux", Header(ELF, 40, 32, False, 0x5000000)), None, "hard float"),
    (Host("linux", Header(ELF, 40, 32, False, 0x400)), None, "version 5 of the EABI"),
    (Host("linux", Header(ELF, 40, 32, True, 0x5000400)), None, "little-endian"),  # armeb
    (Host("linux", Header(ELF, 8, 64, False, 0x80000007)), "mips64", ""),
    (Host("linux", Header(ELF, 8, 64, True, 0x80000007)), None, "little-endian"),
    (Host("linux", Header(ELF, 8, 32, False, 0x80000027)), None, "mips64 has 64 bits"),  # n32
    (Host("linux", Header(ELF, 8, 32, False, 0x70001007)), None, "mips64 has 64 bits"),  # o32, mipsel
    (Host("linux", Header(ELF, 8, 64, False, 0xA0000007)), None, "MIPS64 release 2"),  # release 6
    (Host("linux", Header(ELF, 243, 64, False, 0x5)), "riscv64", ""),
    (Host("linux", Header(ELF, 243, 64, False, 0x1)), None, "floats of two words"),  # lp64
    (Host("linux", Header(ELF, 243, 64, False, 0x3)), None, "floats of two words"),  # lp64f
    (Host("linux", Header(ELF, 243, 64, False, 0x9)), None, "floats of two words"),
    (Host("linux", Header(ELF, 243, 32, False, 0x5)), None, "riscv64 has 64 bits"),
    (Host("linux", Header(ELF, 258, 64, False, 0x43)), "loongarch64", ""),
    (Host("linux", Header(ELF, 258, 64, False, 0x41)), None, "floats of two words"),
    (Host("linux", Header(ELF, 21, 64, False, 2)), "ppc64le", ""),
    (Host("linux", Header(ELF, 21, 64, False, 1)), None, "ELFv2"),
    (Host("linux", Header(ELF, 21, 64, True, 1)), None, "little-endian"),
    (Host("linux", Header(ELF, 22, 64, True)), "s390x", ""),
    (Host("linux", Header(ELF, 22, 32, True)), None, "s390x has 64 bits"),
    (Host("linux", Header(ELF, 43, 64, True)), None, "an ELF program for machine 43, 64 bits, big-endian"),  # sparc64
    (Host("linux", None), None, "a program whose header cannot be read"),
]


@pytest.mark.parametrize(("machine", "name", "reason"), HOSTS, ids=[h.text() for h, _, _ in HOSTS])
def test_a_tag_is_a_machine_and_a_calling_convention(machine: Host, name: str | None, reason: str) -> None:
    with pretending(machine):
        found = host()
        assert (found.name if found is not None else None) == name
        assert name is not None or reason in why_no_host()
    assert host() is None or host().name != "" and this_host().header is not None  # type: ignore[union-attr]


def test_every_architecture_has_a_header_that_matches_it_alone() -> None:
    assert sorted(name for _, name, _ in HOSTS if name is not None) == sorted(a.name for a in architectures())


def test_what_was_never_run_is_made_for_those_alone_who_ask() -> None:
    """The record of macOS is there, is said to be untested, and does not come into what is made for all."""
    from csl_native.tools.csl_image import main
    assert [a.name for a in architectures() if a.untested] == ["aarch64-macos"]
    with contextlib.redirect_stdout(io.StringIO()) as out:
        main(["tags", "--json"])
    rows = {row["name"]: (row["tested"], row["remark"]) for row in json.loads(out.getvalue())["result"]}
    assert (rows.pop("aarch64-macos") == (False, "prepared from documents, never run")
            and set(rows.values()) == {(True, "")})


def test_headers_are_read_from_programs() -> None:
    elf32 = struct.pack("<4sBBB9xHHIIIII", b"\x7fELF", 1, 1, 1, 3, 8, 1, 0, 52, 0, 0x70001007)
    elf64 = struct.pack(">4sBBB9xHHIQQQI", b"\x7fELF", 2, 2, 1, 3, 43, 1, 0, 64, 0, 7)
    pe = b"MZ" + bytes(58) + struct.pack("<I", 64) + b"PE\0\0" + struct.pack("<H18xH", 0x8664, 0x20B)
    macho = struct.pack("<II", 0xFEEDFACF, 0x0100000C)
    assert read_header(elf32) == Header(ELF, 8, 32, False, 0x70001007)
    assert read_header(elf64) == Header(ELF, 43, 64, True, 7)
    assert read_header(pe) == Header("PE", 0x8664, 64)
    assert read_header(macho) == Header("Mach-O", 0x0100000C, 64)
    for data in (elf32, elf64, pe, macho):
        for size in range(len(data)):  # cut short: nothing, never an error
            assert read_header(data[:size]) in (None, read_header(data))
    assert read_header(b"#!/bin/sh\n") is None and read_header(b"\x7fELF\3\3" + bytes(60)) is None


# -- what no architecture means for a session -------------------------------------------------------------


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A function with native code for this machine, where it has some."""
    path = tmp_path_factory.mktemp("machines") / "x.img"
    s = Session(heap=64 << 20)
    s.eval("(de sq (x) (times x x)) (setq big!* (expt 7 50))")
    if machine_runs_natively():
        s.native_compile(["sq"])
    s.preserve(path)
    s.close()
    return path


@needs_native
@pytest.mark.parametrize("tag", [0, 31, 30, 31 | 7 << 5])
def test_tags_that_no_record_has(image: Path, tag: int, tmp_path: Path) -> None:
    assert by_tag(tag) is None
    s = restore(image, tag=tag, heap=64 << 20)
    assert {f.code for f in s.fallbacks} == {"no-architecture"} and f"tag {tag}" in s.explain()[0]
    assert (s.eval("(list (sq 12) (sq big!*) (native!-type) (cdr (assoc 'native lispsystem!*)))") == [
        144, 7 ** 100, 0, 0])
    s.preserve(tmp_path / "y.img")
    s.close()
    s = restore(tmp_path / "y.img", heap=64 << 20)
    assert s.explain() == [] and s.eval("(sq 13)") == 169, "the native code of other tags went along"
    s.close()


SIMULATION = """
import ctypes, os, sys
for name in {missing!r}.split():
    sys.modules[name] = None
for name in {lacking!r}.split():
    delattr(os, name)
if {plain!r}:
    def refuse(name=None, *arguments, load=ctypes.CDLL, **more):
        if name is None:
            raise TypeError("no process library")
        return load(name, *arguments, **more)
    ctypes.CDLL = refuse
from csl_native.system.host import Header, Host, pretending
with pretending({machine!r}):
    from csl_native.app.cli import main as csl
    from csl_native.tools.csl_image import main as tool
    status = csl(["-q", "-k", "64M", "--explain", "-i", sys.argv[1], "-o", sys.argv[2], "-e",
                  "(print (list (sq 12) (sin 1.0) (cdr (assoc 'native lispsystem!*))))", "-e", "(setq there t)", "-e",
                  "(preserve)"])
    assert status == 0, status
    sys.stdout.flush()
    tool(["why", sys.argv[1], "--json"])
"""
SIMULATED = {
    "sparc64": (Host("linux", Header(ELF, 43, 64, True)), "", "", False),
    "darwin": (Host("darwin", Header("Mach-O", 0x0100000C, 64)), "fcntl resource termios pwd grp",
               "sched_getaffinity geteuid pwrite uname", True),
    "darwin on x86-64": (Host("darwin", Header("Mach-O", 0x01000007, 64)), "fcntl resource termios pwd grp",
                         "sched_getaffinity geteuid pwrite uname", True),
}


@needs_native
@pytest.mark.parametrize("name", SIMULATED)
def test_simulated_machines(name: str, image: Path, tmp_path: Path) -> None:
    """An image from here there and back; on the second one without what only some systems have."""
    machine, missing, lacking, plain = SIMULATED[name]
    script = SIMULATION.format(machine=machine, missing=missing, lacking=lacking, plain=plain)
    done = subprocess.run([sys.executable, "-c", script, str(image), str(tmp_path / "y.img")], capture_output=True,
                          text=True, check=False, timeout=200,
                          cwd=ROOT)
    first, _, rest = done.stdout.partition("\n")
    with pretending(machine):
        known, why = host(), why_no_host()
    assert first == f"(144 0.841471 {known.number if known is not None else 0})", done.stderr
    code = "no-architecture" if known is None else "no-set"
    assert [row["code"] for row in json.loads(rest)["result"]] == [code] and f"[{code}]" in done.stderr
    assert known is not None or why in done.stderr
    s = restore(tmp_path / "y.img", heap=64 << 20)
    assert s.explain() == [] and s.eval("(list there (sq 9))") == [True, 81]
    s.close()


@pytest.mark.parametrize("kind", ["Memory", "Posix", "Linux"])
def test_memory_of_each_kind(kind: str, tmp_path: Path) -> None:
    """Zeros, written, given back as zeros; a file in the middle of them where that can be; freed."""
    if kind != "Memory" and not hasattr(memory.mmap, "MAP_ANON"):
        pytest.skip("no POSIX here")
    m = memory.Memory() if kind == "Memory" else getattr(memory, kind)(memory.c_library())
    page, file = memory.PAGE, tmp_path / "f"
    file.write_bytes(b"x" * 2 * page)
    at = m.reserve(4 * page)
    view = memoryview((ctypes.c_char * (4 * page)).from_address(at)).cast("B")
    assert bytes(view) == bytes(4 * page)
    view[:] = b"y" * (4 * page)
    m.discard(at + page, page)
    assert bytes(view) == b"y" * page + bytes(page) + b"y" * (2 * page)
    fd = os.open(file, os.O_RDONLY)
    placed = m.place_file(at + 2 * page, page, fd, page)
    os.close(fd)
    assert placed == (kind != "Memory") and view[2 * page] == (ord("x") if placed else ord("y"))
    view[2 * page] = 0
    assert file.read_bytes() == b"x" * 2 * page, "what is written does not reach the file"
    with pytest.raises(OSError):
        m.reserve(1 << 62 if sys.maxsize > 1 << 32 else 0x7FFF0000)
    if kind == "Memory":
        with pytest.raises(OSError):
            m.protect(at, page, executable=True)
    m.release(at, 4 * page)


# -- only csl_native/system knows systems --------------------------------------------------------------

MODULES = {"fcntl", "resource", "termios", "tty", "pty", "pwd", "grp", "msvcrt", "winreg", "platform",
           "_posixsubprocess"}
NAMES = {"os": {"uname", "fork", "sched_getaffinity", "geteuid", "getuid", "getppid", "pwrite", "pread", "sysconf",
                "killpg", "setsid", "mkfifo", "link", "posix_fadvise", "memfd_create", "pidfd_open", "fchmod", "chown",
                "wait4", "O_BINARY", "O_CLOEXEC", "O_NOFOLLOW"},
         "mmap": {"PAGESIZE", "MAP_PRIVATE", "MAP_SHARED", "MAP_ANON", "MAP_ANONYMOUS", "MADV_DONTNEED",
                  "MADV_HUGEPAGE", "PROT_READ"},
         "signal": {"SIGKILL", "SIGALRM", "SIGCHLD", "SIGUSR1", "SIGUSR2", "SIGPIPE", "SIGHUP", "setitimer", "alarm",
                    "pthread_kill", "pthread_sigmask", "siginterrupt", "SIGURG"},
         "ctypes": {"windll", "WinDLL", "WinError", "pythonapi"},
         "sys": {"platform", "getwindowsversion"}}
EXCEPTIONS = {("architectures/__init__.py", "os.uname")}  # only which record is read first


def system_names(text: str, where: str) -> list[str]:
    """What a source file says that not every system has."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = node.module if isinstance(node, ast.ImportFrom) else None
            names = [module.partition(".")[0]] if module and not node.level else [
                a.name.partition(".")[0] for a in node.names]  # type: ignore[union-attr]
            found += [f"{where}:{node.lineno}: {name}" for name in names if name in MODULES]
            found += [f"{where}:{node.lineno}: {module}.{a.name}"
                      for a in node.names if a.name in NAMES.get(module or "", ())]
        elif (isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
              and node.attr in NAMES.get(node.value.id, ())):
            found.append(f"{where}:{node.lineno}: {node.value.id}.{node.attr}")
        elif (isinstance(node, ast.Call) and ast.unparse(node.func).endswith("CDLL") and node.args
              and ast.unparse(node.args[0]) == "None"):
            found.append(f"{where}:{node.lineno}: CDLL(None)")
        elif (isinstance(node, ast.Call) and ast.unparse(node.func) == "open"
              and not any(k.arg == "encoding" for k in node.keywords)):
            mode = ast.unparse(node.args[1]) if len(node.args) > 1 else "'r'"
            if "b" not in mode and not mode.isidentifier():
                found.append(f"{where}:{node.lineno}: open of text without an encoding")
        elif (isinstance(node, ast.Constant) and isinstance(node.value, str)
              and re.match(r"/(proc|sys|dev|etc|tmp)/[\w{]", node.value)):
            found.append(f"{where}:{node.lineno}: {node.value}")
    return [row for row in found if (where, row.rpartition(": ")[2]) not in EXCEPTIONS]


def test_only_one_place_knows_systems() -> None:
    found = []
    for folder in ("csl_native", "image", "relocation", "tools"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            where = str(path.relative_to(ROOT)).removeprefix("csl_native/")
            if not path.is_relative_to(ROOT / "csl_native" / "system") and not where.startswith("bench/"):
                found += system_names(path.read_text(encoding="utf-8"), where)
    assert found == []


@pytest.mark.parametrize("text", ["import fcntl", "from os import uname", "import os\nos.fork()",
                                  "import mmap\nmmap.PAGESIZE",
                                  "import ctypes\nctypes.CDLL(None)",
                                  "x = f'/proc/self/maps'", "import signal\nsignal.SIGALRM", "open('x')",
                                  "open('x', 'w')", "import ctypes as c\nc.CDLL(None)"])
def test_the_check_refuses_what_only_some_systems_have(text: str) -> None:
    assert len(system_names(text, "x.py")) == 1


BIG_ENDIAN = """
import sys
from types import SimpleNamespace
from csl_native.system import byteorder
byteorder.sys = SimpleNamespace(byteorder="big")
from csl_native import Session
session = Session()
assert isinstance(session.machine.words, byteorder.Reversed)
session.eval("(de same (x) (reclaim) x)")
given = [1, 2.5, "x", [3, [4, []]], 10 ** 40, (1, 2)]
assert session.function("same")(given) == given
vector = session.eval("(list2vector '(1 2.5 a))")
vector[0] = 7
assert list(vector) == [7, 2.5, "a"] and vector[1:] == [2.5, "a"]
assert dict(session.eval("(let!* ((h (mkhash 10 'equal 1.5))) (puthash 'a h 1) h)")) == {"a": 1}
session.preserve(sys.argv[1])
assert Session(sys.argv[1]).eval("(same '(1 . 2))") == (1, 2)
"""


def test_memory_is_seen_as_on_machines_of_the_other_byte_order(tmp_path: Path) -> None:
    """It is little-endian everywhere, so what reads it there does so here, too."""
    done = subprocess.run([sys.executable, "-c", BIG_ENDIAN, str(tmp_path / "x.img")], capture_output=True, text=True,
                          check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
