"""Native code of images as ELF files: what other tools read in them, for every architecture, and that frames are told
as LLVM would tell them.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest

from csl_native import Session
from csl_native.architectures import Architecture, architectures, by_name
from csl_native.image.container import Image, write
from csl_native.native import unwinding
from csl_native.native.elf import type_number
from csl_native.native.pages import PageSet, kind_numbers
from csl_native.tools import export, listing
from csl_native.tools.csl_image import main

from .conftest import needs_native

PROGRAM = (
    "(de fact (n) (cond ((zerop n) 1) (t (times n (fact (sub1 n))))))",
    "(de len (l) (prog (n) (setq n 0) loop (cond ((null l) (return n))) (setq n (add1 n)) (setq l (cdr l)) (go loop)))",
    "(de app (a b c d) (list (fact a) (len b) (append c d)))",
)
NAMES = ("fact", "len", "app")
TAGS = [a.name for a in architectures() if a.system == "linux"]
pytestmark = needs_native


@pytest.fixture(scope="module")
def sources() -> list[Any]:
    from csl_native.native.sources import source_of

    session = Session(output=open(os.devnull, "wb"))
    for text in PROGRAM:
        session.eval(text)
    found: list[Any] = session.run(
        lambda: [source_of(session.lisp, session.machine.intern(name), f"f{k}") for k, name in enumerate(NAMES)]
    )
    session.close()
    return found


@pytest.fixture(scope="module")
def image(sources: list[Any], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The functions for every architecture, compiled together, and nothing else."""
    from csl_native.native.compilable import PARTS
    from csl_native.native.optimised import compile_unit

    path, sections = tmp_path_factory.mktemp("export") / "x.img", []
    for name in TAGS:
        architecture = by_name(name)
        block, pages = compile_unit(architecture, sources), PageSet(architecture.tag, "abi")
        base = pages.add_block(block, kind_numbers(architecture))
        for source, function in zip(sources, NAMES, strict=True):
            parts = [
                [base + block.symbols[part], block.sizes[part]]
                for tail in PARTS
                if (part := source.label + tail) in block.symbols
            ]
            pages.entries[str(base + block.symbols[f"{source.label}.entry"])] = {
                "name": function,
                "bytecode": b"",
                "count": source.code.fixed,
                "features": [],
                "parts": parts,
                "unit": [base, len(block.data)],
                "inlined": {},
            }
        sections.append(pages.section(f"functions-{architecture.tag}"))
    write(path, sections)
    return str(path)


def exported(image: str, tag: str, folder: Path, *options: str) -> tuple[str, Any]:
    from elftools.elf.elffile import ELFFile

    path = str(folder / "x.elf")
    assert main(["export", image, "--tag", tag, "-o", path, *options]) == 0
    with open(path, "rb") as file:
        return path, ELFFile(io.BytesIO(file.read()))


@pytest.mark.parametrize("tag", TAGS)
def test_a_file_for_every_architecture(image: str, tag: str, tmp_path: Path) -> None:
    """What a reader of such files finds: the machine, functions with their sizes, records of known types, frames of all
    functions.
    """
    architecture = by_name(tag)
    _, elf = exported(image, tag, tmp_path)
    assert (elf.elfclass, elf.little_endian) == (8 * architecture.word, not architecture.big_endian)
    with Image(image) as opened:
        pages = PageSet.read(opened, f"functions-{architecture.tag}")
    table = elf.get_section_by_name(".symtab")
    found = {(s.name, s["st_value"], s["st_size"]) for s in table.iter_symbols() if s["st_info"]["type"] == "STT_FUNC"}
    assert {
        (f"lisp:{row['name']}", start, size) for row in pages.entries.values() for start, size in row["parts"]
    } <= found
    entries = {
        s.name: s["st_value"]
        for s in table.iter_symbols()
        if s["st_info"]["bind"] == "STB_GLOBAL" and s["st_shndx"] != "SHN_UNDEF"
    }
    assert entries == {f"lisp:{row['name']}": int(place) for place, row in pages.entries.items()}
    records = elf.get_section_by_name(".rela.text") or elf.get_section_by_name(".rel.text")
    wanted = sorted(
        (place, architecture.kinds[number].number, export.target_name(pages.targets[target]) if target else "")
        for number, target, place, _ in pages.records()
    )
    told = [(r["r_offset"], type_number(r), table.get_symbol(r["r_info_sym"]).name) for r in records.iter_relocations()]
    assert sorted(told) == wanted != []
    dwarf = elf.get_dwarf_info()
    [unit] = dwarf.iter_CUs()
    assert {
        die.attributes["DW_AT_name"].value.decode() for die in unit.iter_DIEs() if die.tag == "DW_TAG_subprogram"
    } >= set(NAMES)
    assert dwarf.has_EH_CFI() == unwinding.can_tell(architecture)
    if unwinding.can_tell(
        architecture
    ):  # no way through a function ends with more taken from the stack than was put there
        begin = architecture.reading.offset  # type: ignore[union-attr]
        for start, size in (part for row in pages.entries.values() for part in row["parts"]):
            rows = unwinding.function(architecture, bytes(pages.data[start : start + size]), start).rows
            assert all(row.offset >= begin for row in rows), (tag, start, rows)


def run(*command: str) -> str:
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={**os.environ, "LC_ALL": "C"})
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


@pytest.mark.parametrize("tag", TAGS)
def test_other_tools_have_nothing_to_say_against_it(image: str, tag: str, tmp_path: Path) -> None:
    """Not one warning, and what they say of lines is what the listing has."""
    path, _ = exported(image, tag, tmp_path, "--listing", str(tmp_path / "x.lst"))
    said = run("readelf", "-aW", "--debug-dump=frames,info,decodedline", path)
    assert "lisp:fact" in said and "arning" not in said and "<corrupt" not in said and "unrecognized: " not in said
    lines = (tmp_path / "x.lst").read_text().splitlines()
    assert {f"{name}:" for name in NAMES} <= {lines[int(n) - 1] for n in re.findall(r"x\.lst +(\d+) +0", said)}
    assert "No errors." in run("llvm-dwarfdump", "--verify", path)


def test_objdump_says_what_capstone_says(image: str, tmp_path: Path) -> None:
    """The same instructions, at the same places, as csl-image disasm shows."""
    architecture = by_name("x86-64")
    path, _ = exported(image, "x86-64", tmp_path)
    said = run("objdump", "-d", "-w", path)
    theirs = {
        int(m[1], 16): bytes.fromhex(m[2]) for m in re.finditer(r"^ *([0-9a-f]+):\t((?:[0-9a-f]{2} )+)", said, re.M)
    }
    with Image(image) as opened:
        pages = PageSet.read(opened, f"functions-{architecture.tag}")
    parts = [part for row in pages.entries.values() for part in row["parts"]]
    assert parts
    for start, size in parts:
        code = bytes(pages.data[start : start + size])
        ours = {int(line.split()[0], 16) for line in listing.instructions(architecture, code, start, lambda i: "")}
        assert ours == {place for place in theirs if start <= place < start + size}
        assert b"".join(theirs[place] for place in sorted(ours)) == code


@pytest.mark.parametrize(
    "tag", [tag for tag in TAGS if by_name(tag).reading is not None and not by_name(tag).unwinding]
)
def test_frames_are_told_as_llvm_tells_them(sources: list[Any], tag: str) -> None:
    """At every call, where the frame begins and what is saved in it: told from the instructions, and by the compiler
    when it is asked.
    """
    architecture = by_name(tag)
    checked = 0
    for at, code, rows in told_by_llvm(architecture, sources):
        numbers = {number: name for name, number in architecture.reading.registers.items()}  # type: ignore[union-attr]
        instructions = unwinding.instructions(architecture, code, at)
        states = unwinding.flow(architecture.reading, architecture.word, instructions)  # type: ignore[arg-type]
        for (address, size, mnemonic, operands), state in zip(instructions, states, strict=True):
            if not is_call(architecture, mnemonic, operands):
                continue
            row = [row for row in rows if row["pc"] < address + size - at][-1]
            assert dict(state.above)[numbers[row["cfa"].reg]] == row["cfa"].offset, (
                tag,
                hex(address),
                mnemonic,
                operands,
            )
            saved = {
                numbers[k]: rule.arg
                for k, rule in row.items()
                if isinstance(k, int) and rule.type == "OFFSET" and k in numbers
            }
            saved.pop(architecture.reading.stack, None)  # type: ignore[union-attr]
            assert saved.items() <= dict(state.saved).items(), (tag, hex(address), mnemonic, operands)
            checked += 1
    assert checked > 10


def is_call(architecture: Architecture, mnemonic: str, operands: str) -> bool:
    return re.fullmatch(rf"{architecture.reading.calls}|blr|jalr|c\.jalr|basr|bctrl",
                        mnemonic) is not None and (  # type: ignore[union-attr]
        mnemonic != "blr" or operands != ""
    )


def told_by_llvm(architecture: Architecture, sources: list[Any]) -> Any:
    """For every function its place, its code and the rows of its frame, from an object that is compiled with them."""
    from elftools.dwarf.callframe import FDE
    from elftools.elf.elffile import ELFFile

    from csl_native.native.compiler import object_code
    from csl_native.native.optimised import unit_text

    text = re.sub(r"(?m)^(define .*?) nounwind\b", r"\1 nounwind uwtable", unit_text(architecture, sources))
    elf = ELFFile(io.BytesIO(object_code(architecture, text)))
    table, frames = elf.get_section_by_name(".symtab"), elf.get_section_by_name(".eh_frame")
    form = ">i" if architecture.big_endian else "<i"
    sizes = {
        (s["st_shndx"], s["st_value"]): s["st_size"] for s in table.iter_symbols() if s["st_info"]["type"] == "STT_FUNC"
    }
    places: dict[int, tuple[int, int]] = {}
    for section in elf.iter_sections():
        if section["sh_type"] in ("SHT_RELA", "SHT_REL") and section.name.endswith(".eh_frame"):
            for r in section.iter_relocations():
                symbol = table.get_symbol(r["r_info_sym"])
                addend = r["r_addend"] if r.is_RELA() else struct.unpack_from(form, frames.data(), r["r_offset"])[0]
                places.setdefault(r["r_offset"], (symbol["st_shndx"], symbol["st_value"] + addend))
    for entry in elf.get_dwarf_info(relocate_dwarf_sections=False).EH_CFI_entries():
        if isinstance(entry, FDE):
            section, at = places[entry.offset + 8]
            rows = entry.get_decoded().table
            yield (
                at,
                elf.get_section(section).data()[at : at + sizes[section, at]],
                [{**row, "pc": row["pc"] - rows[0]["pc"]} for row in rows],
            )


def test_what_cannot_be_exported_is_said(image: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["export", image, "--tag", "aarch64-lse", "-o", str(tmp_path / "x")]) == 2
        and "aarch64-lse" in capsys.readouterr().err
    )
    assert (
        main(["export", image, "--tag", "aarch64", "-o", image]) == 2 and "would destroy it" in capsys.readouterr().err
    )
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize("tag", [tag for tag in TAGS if by_name(tag).reading is not None])
def test_frames_of_any_bytes_are_told(tag: str) -> None:
    """Code that no compiler made, or none at all: what is told of it can be read, and nothing fails."""
    import random

    from elftools.dwarf.callframe import CallFrameInfo
    from elftools.dwarf.structs import DWARFStructs

    from csl_native.native.elffile import Format
    architecture, random_bytes = by_name(tag), random.Random(7)
    form = Format(8 * architecture.word, architecture.big_endian, architecture.machine, architecture.flags)
    code = [random_bytes.randbytes(size) for size in (0, 1, 7, 64, 400, 4000)]
    rows = [unwinding.function(architecture, data, 0x1000 * k) for k, data in enumerate(code)]
    data = unwinding.eh_frame(architecture, rows, form, None)
    structs = DWARFStructs(little_endian=not architecture.big_endian, dwarf_format=32, address_size=architecture.word)
    entries = CallFrameInfo(io.BytesIO(data), len(data), 0, structs, for_eh_frame=True).get_entries()
    assert len(entries) == len(code) + 2 and all(entry.get_decoded() for entry in entries[1:-1])


def test_a_set_that_makes_no_sense_is_no_crash(image: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Records and functions at places that do not exist, in a set whose digest is right."""
    from csl_native.native.pages import RECORD
    architecture = by_name("aarch64")

    def kinds(pages: PageSet) -> None:
        pages.packed += RECORD.pack(200 << 48 << 8 >> 1, 0)

    def places(pages: PageSet) -> None:
        pages.add_record(0, 0, len(pages.data) - 1, 0)

    def targets(pages: PageSet) -> None:
        pages.add_record(0, 999, 0, 0)

    def parts(pages: PageSet) -> None:
        next(iter(pages.entries.values()))["parts"] = [[len(pages.data), 16]]
    for edit in (kinds, places, targets, parts):
        with Image(image) as opened:
            pages = PageSet.read(opened, f"functions-{architecture.tag}")
        edit(pages)
        write(tmp_path / "y.img", [pages.section(f"functions-{architecture.tag}")])
        assert main(["export", str(tmp_path / "y.img"), "--tag", "aarch64", "-o", str(tmp_path / "y.elf")]) == 2, edit
        assert "compile it again" in capsys.readouterr().err
