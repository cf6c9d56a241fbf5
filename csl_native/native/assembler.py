"""Assembly text to a block, by other people's assemblers: keystone, or the one of LLVM in the package ziglang where
keystone has none.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from csl_native.system.exceptions import Error

from ..architectures import Architecture
from ..system.extras import missing
from .elf import Block, ObjectError, import_object

# What brackets are not looked for in: texts, characters, and comments, which a blank follows where the character is
# another thing elsewhere.
ASIDE = re.compile(r'''"(?:\\.|[^"\\\n])*"|'\\?[^\n]'?|/\*.*?\*/|(?://|[#@] )[^\n]*''', re.DOTALL)
CLOSING = {")": "(", "]": "[", "}": "{"}


class AssemblyError(Error, ValueError):
    """Text that cannot be assembled, or no assembler for it: which statement, and why."""


def assemble(architecture: Architecture, source: str) -> Block:
    """The code of statements that begin and end at a multiple of 16 bytes."""
    if architecture.keystone[0]:
        return Block(bytearray(by_keystone(architecture, source)))
    if importlib.util.find_spec("ziglang") is not None:
        return by_llvm(architecture, source)
    raise AssemblyError(f"keystone has no assembler for {architecture.name}; install the package ziglang, or write the "
                        "bytes with putv-native")


def check_closed(source: str) -> None:
    """Refuse a statement in which something is not closed: keystone would look for the rest of it for ever."""
    for number, line in enumerate(re.split("[\n;]", ASIDE.sub(" ", source)), 1):
        opened = ""
        for c in line:
            if c == '"' or c in CLOSING and opened[-1:] != CLOSING[c]:
                raise AssemblyError(f"statement {number}: {c} without another one: {line.strip()}")
            opened = opened[:-1] if c in CLOSING else opened + c if c in "([{" else opened
        if opened:
            raise AssemblyError(f"statement {number}: {opened[-1]} is not closed: {line.strip()}")


def by_keystone(architecture: Architecture, source: str) -> bytes:
    check_closed(source)
    try:
        import keystone
    except ImportError:
        raise AssemblyError(missing("keystone")) from None
    engine = keystone.Ks(getattr(keystone, architecture.keystone[0]), getattr(keystone, architecture.keystone[1]))
    try:
        code, _ = engine.asm(source.replace(".8byte", ".quad"))
    except keystone.KsError as error:
        count = (error.get_asm_count() or 0) - 2  # the alignment and the prefix stand before the text
        raise AssemblyError(f"{error.message if hasattr(error, 'message') else error} "
                            f"(after {max(count, 0)} statements)") from None
    if not any(code or ()):
        raise AssemblyError("no instruction in the text")
    return bytes(code)


def by_llvm(architecture: Architecture, source: str) -> Block:
    """LLVM's assembler makes an object; references inside of it are resolved by its relocation records."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "lap.s").write_text(".text\n" + source)
        command = [sys.executable, "-m", "ziglang", "cc", "-target", architecture.triple.split("-")[0] + "-linux-none",
                   "-c", "lap.s", "-o", "lap.o"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if "error:" in line]
            raise AssemblyError(lines[0] if lines else done.stderr.strip())
        data = (Path(folder) / "lap.o").read_bytes()
    try:
        block = import_object(data, architecture)
    except ObjectError as error:
        raise AssemblyError(str(error)) from None
    if len(block.data) <= 16 and not any(block.data):
        raise AssemblyError("no instruction in the text")
    if block.records:
        raise AssemblyError(f"{block.records[0][0]} refers to {block.records[0][1] or 'an address'}; name what is "
                            "outside of the text with kernel(NAME)")
    return block
