"""Text forms of what ``csl-image`` finds: tables, and native code with relocations interleaved."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

from csl_native.architectures import Architecture
from csl_native.heap.objects import SYM_SPARE
from csl_native.heap.vm import SLOTS
from csl_native.heap.words import CONS
from csl_native.instructions.codec import Code
from csl_native.native.compilable import NotCompilable, Source
from csl_native.native.compiler import CompilerMissing, assembly_text
from csl_native.native.optimised import unit_text
from csl_native.native.pages import PageSet
from csl_native.saving.heapview import HeapView
from csl_native.stencils.offline import OfflineTable
from csl_native.system.extras import missing


def plain(command: str, result: Any) -> str:
    """A result as text for people."""
    if isinstance(result, str):
        return result
    if command == "why":
        return "\n".join(row["sentence"] for row in result) or "everything that has native code runs natively"
    if command == "verify":
        lines = result["problems"] or [f"{result['image']}: all digests match, all bytecode is well-formed"]
        return "\n".join([*lines, *(f"{name}: not trusted here: {doubt}"
                                    for name, doubt in result["not trusted here"].items())])
    if command == "disasm" and isinstance(result, list):
        return "\n\n".join(f"{row['function']}\n{plain(command, row)}" for row in result) or "(none)"
    if command == "disasm":
        return "\n".join(f"{name}:\n" + "\n".join("  " + line for line in lines)
                         for name, lines in result.items() if name != "function")
    if command == "diff" and result and "listing" in result:
        return "\n".join(result["listing"]) or "(no differences)"
    if command == "heap" and isinstance(result, dict):
        return (f"{result['objects']} objects, {result['bytes']} bytes\n\n{table(result['types'])}\n\n"
                f"{table(result['biggest'])}")
    if isinstance(result, dict):
        rows = result.pop("sections", [])
        return "\n".join(f"{name}: {', '.join(value) if isinstance(value, list) else value}"
                         for name, value in result.items()) + "\n" + table(rows)
    return table(result)


def table(rows: list[dict[str, Any]]) -> str:
    """Rows as columns of text."""
    if not rows:
        return "(none)"
    names = list(dict.fromkeys(name for row in rows for name in row))
    cells = [names, *([cell(name, row.get(name, "")) for name in names] for row in rows)]
    widths = [max(len(line[k]) for line in cells) for k in range(len(names))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
                     for line in cells)


def instructions(architecture: Architecture, data: bytes, start: int, comment: Callable[[Any], str],
                 labels: dict[int, str] | None = None,
                 raw: bool = False) -> list[str]:
    """Code as instructions with comments; as bytes where capstone is not installed or does not know the machine.

    ``labels``: what places are called that jumps go to; ``raw``: with the bytes of each instruction.
    """
    engine = disassembler(architecture)
    if engine is None:
        lines = [f"{start + k:6x}  {data[k:k + 16].hex(' ')}" for k in range(0, len(data), 16)]
        return [*lines, f"; (capstone has no disassembler for {architecture.name})" if installed()
                else f"; ({missing('capstone')})"]
    lines, width = [], 3 * max((i.size for i in engine.disasm(data, start)), default=0) if raw else 0
    for i in engine.disasm(data, start):
        operands, said = i.op_str, comment(i)
        if labels and i.address in labels:
            lines.append(f"{labels[i.address]}:")
        if labels and architecture.reading is not None:
            target = architecture.reading.target(i.mnemonic, operands, i.address)
            if target in labels:
                operands = re.sub(r"#?-?(0x[0-9a-f]+|\d+)$", labels[target], operands)
        text = f"{i.address:6x}  {i.bytes.hex(' ').ljust(width) if raw else ''}{i.mnemonic} {operands}".rstrip()
        lines.append(text + (f"  ; {said}" if said else ""))
    return lines


def cell(name: str, value: Any) -> str:
    """A value of a column as text."""
    if isinstance(value, dict):  # where native code is
        return f"{value['page']}:{value['offset']:#x}"
    if value is None:
        return "bytecode"
    if isinstance(value, bool):
        return "yes" if value else ""
    if name == "place" and isinstance(value, int):
        return f"{value:#x}"
    return " ".join(value) if isinstance(value, list) else str(value)


def installed() -> bool:
    """Is there a disassembler here?"""
    try:
        import capstone  # noqa: F401
    except ImportError:
        return False
    return True


def disassembler(architecture: Architecture) -> Any:
    """Capstone's for a machine, None where there is none."""
    if not installed() or not architecture.capstone[0]:
        return None
    import capstone
    engine = architecture.disassembler(capstone)
    engine.skipdata = True
    return engine


def labels_of(architecture: Architecture, stretches: Sequence[tuple[int, bytes]]) -> dict[int, str]:
    """L0, L1 and so on for the places in some stretches of code that jumps in them go to, in order."""
    engine, reading = disassembler(architecture), architecture.reading
    if engine is None or reading is None:
        return {}
    code = [row for start, data in stretches for row in engine.disasm_lite(data, start)]
    places = {address for address, _, _, _ in code}
    targets = {reading.target(mnemonic, operands, address)
               for address, _, mnemonic, operands in code if reading.is_jump(mnemonic)}
    return {place: f"L{k}" for k, place in enumerate(sorted(place for place in places if place in targets))}


def stencil(pages: PageSet, architecture: Architecture, code: Code, entry_names: Sequence[str],
            raw: bool = False) -> list[str]:
    """What the stencil tier makes of a function."""
    data, made = OfflineTable(pages, architecture).code(code, 0x10000)

    def comment(instruction: Any) -> str:
        found = re.search(r"0x([0-9a-f]{4,5})\b", instruction.op_str)
        place = int(found[1], 16) - SLOTS if found else -1
        return entry_names[place >> 3] if place >= 0 and place & 7 == 0 and place >> 3 < len(entry_names) else ""
    heads = {place: f"from bytecode {at} on" for at, place in made.resume.items()}
    lines = ([f"; {len(data)} bytes for {len(code.code)} of bytecode; entered at "
              f"{sorted({0x10000 + e for e in made.entries})[0]:#x}"])
    lines += [f"; {0x10000 + place:#x}: a frame of the interpreter goes on here, {text}"
              for place, text in sorted(heads.items())]
    return lines + instructions(architecture, data, 0x10000, comment, labels_of(architecture, [(0x10000, data)]), raw)


def native(pages: PageSet, architecture: Architecture, place: int, raw: bool = False) -> list[str]:
    """The native code of an entry point; relocations stand below the instruction that they belong to."""
    parts = pages.entries.get(str(place), {}).get("parts") or [[place, 64]]
    cells = {at: pages.targets[target] or f"this set + {addend:#x}" for _, target, at, addend in pages.records()}
    names = pages.names | {start: str(row["name"]) for row in pages.entries.values()
                           for start, _ in row.get("parts", ())}
    stretches = [(start, bytes(pages.data[start:start + size])) for start, size in parts]
    labels = labels_of(architecture, stretches)

    def comment(instruction: Any) -> str:
        target: int | None
        if architecture.reading is not None:
            target = architecture.reading.target(instruction.mnemonic, instruction.op_str, instruction.address)
            if target is not None and target in names:
                return str(names[target])
        return cells.get(architecture.reaches(instruction) or -1, "")
    lines: list[str] = []
    for start, data in stretches:
        lines.append(f"; {start:#x}..{start + len(data):#x}{' entry' if start == place else ''}")
        lines += instructions(architecture, data, start, comment, labels, raw)
    low, high = min(s for s, _ in parts), max(s + n for s, n in parts)
    for number, goal, at, addend in pages.records():
        if low <= at < high:
            lines.append(f"{at:6x}  {architecture.kinds[number].name} {pages.targets[goal] or 'this set'} + {addend}")
    return lines


def compiled_again(view: HeapView, name: str, architecture: Architecture) -> list[str]:
    """What LLVM says that it makes of a function, for an architecture that capstone cannot disassemble."""
    symbol = view.functions()[name]
    found = view.code_of(symbol)
    assert found is not None
    code, literals = found
    try:
        text = unit_text(architecture,
                         [Source("f", code, len(literals),
                                 frozenset(k for k, x in enumerate(literals) if k and x == symbol))])
        lines = assembly_text(architecture, text).splitlines()
    except (CompilerMissing, NotCompilable) as error:
        return [f"; ({error})"]
    kept = [line.expandtabs(8).rstrip() for line in lines if line.strip() and not re.match(r"\s*(\.(?!L)|#|//)", line)]
    return ["; LLVM's assembly of the function, compiled again from its bytecode:", *kept]


def definition(view: HeapView, name: str) -> list[str]:
    """The definition that is kept with a function, if any, in lines."""
    kept = view.word(view.functions()[name] + SYM_SPARE)
    return view.show(kept, 40).splitlines() if kept & 7 == CONS else []
