"""Two images, or two architectures' code of one function, side by side; what is the same is left out."""

from __future__ import annotations

import difflib
import re
from typing import Any

from csl_native.architectures import Architecture
from csl_native.heap.objects import SYM_VALUE
from csl_native.image.container import Image
from csl_native.kernel.memory import UNSET
from csl_native.native.pages import PAGE_SIZE, PageSet
from csl_native.saving.heapview import HeapView
from csl_native.tools import listing
from csl_native.tools.names import section as section_name

ADDRESS = re.compile(r"^\s*[0-9a-f]+  |; 0x.*$")


def differences(a: Image, b: Image) -> list[dict[str, Any]]:
    """Sections, functions and variables that are in one image only, or differ."""
    rows = [row(f"section {section_name(name)}", shown(a.sections.get(name)), shown(b.sections.get(name)))
            for name in sorted(set(a.sections) | set(b.sections))
            if (a.sections[name].digest if name in a.sections
                else None) != (b.sections[name].digest if name in b.sections else None)]
    if "heap" in a.sections and "heap" in b.sections:
        x, y = HeapView(a), HeapView(b)
        f, g = x.functions(), y.functions()
        for name in sorted(set(f) | set(g)):
            if name not in f or name not in g:
                rows.append(row(f"function {name}", "bytecode" if name in f else "", "bytecode" if name in g else ""))
            elif (old := x.listing(name)) != (new := y.listing(name)):
                rows += [row(f"function {name}", line[1:] if line[0] == "-" else "", line[1:] if line[0] == "+" else "")
                         for line in difflib.unified_diff(old, new, lineterm="", n=0)
                         if line[0] in "+-" and line[:3] not in ("+++", "---")]
        u, v = values(x), values(y)
        rows += [row(f"value of {name}", u.get(name, ""), v.get(name, ""))
                 for name in sorted(set(u) | set(v)) if u.get(name) != v.get(name)]
    return rows


def row(what: str, a: str, b: str) -> dict[str, Any]:
    return {"what": what, "first": a, "second": b}


def shown(section: Any) -> str:
    return "" if section is None else f"{section.length} bytes, {section.digest.hex()[:8]}"


def values(view: HeapView) -> dict[str, str]:
    """Variables that have a value, as text."""
    return {view.text(s): view.show(v) for s in view.symbols() if (v := view.word(s + SYM_VALUE)) != UNSET and v != s}


def normal(lines: list[str]) -> list[str]:
    """Instructions and labels without addresses."""
    return [ADDRESS.sub("", line).rstrip() for line in lines if not line.startswith(";")]


def code_of(image: Image, name: str, architecture: Architecture) -> list[str]:
    """The native code of a function for an architecture, as text; empty when there is none."""
    view, section = HeapView(image), f"functions-{architecture.tag}"
    entries = [e for e in view.hard_code().get(name, []) if e[0] == architecture.tag]
    if section not in image.sections or not entries:
        return []
    pages = PageSet.read(image, section)
    return [line for _, _, page, offset in entries
            for line in listing.native(pages, architecture, page * PAGE_SIZE + offset)]


def unified(a: list[str], b: list[str], names: tuple[str, str]) -> list[str]:
    """How two listings differ, as ``diff -u`` has it, without addresses."""
    return list(difflib.unified_diff(normal(a), normal(b), *names, lineterm=""))
