"""``csl-image report``: an image as one page of HTML that needs nothing else."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from typing import Any

from csl_native.architectures import Architecture, by_tag
from csl_native.image.container import Image, ImageError
from csl_native.native.pages import PageSet
from csl_native.saving.heapview import HeapView
from csl_native.stencils.offline import OfflineTable
from csl_native.tools import census, compare, foretell, listing, names

RUN = 0x10000  # where the code of stencils is shown to be


def report(image: Image, function: str | None) -> str:
    """The page; ``function`` is the one whose code is shown on every architecture (None: the one with the longest bytecode)."""
    view = HeapView(image) if "heap" in image.sections else None
    data: dict[str, Any] = {"image": image.path, "bytes": image.size, "tree": tree(image, view), "matrix": matrix(image, view)}
    if view is not None and (found := view.functions()):
        if function is not None and function not in found:
            raise ImageError(f"{image.path}: no function {function} with bytecode; csl-image functions lists them")
        chosen = function or max(found, key=lambda name: (len(view.raw(view.code_of(found[name])[1][0])), name))  # type: ignore[index]
        data["code"] = code(image, view, chosen)
    text = json.dumps(data).replace("<", "\\u003c")  # nothing in a name can end the script, or begin another
    page = files("csl_native.tools").joinpath("report.html").read_text()
    return page.replace("/*DATA*/null", text)


def tree(image: Image, view: HeapView | None) -> dict[str, Any]:
    """What the bytes of the file are, as a tree of names and sizes."""
    children: list[dict[str, Any]] = []
    for s in sorted(image.sections.values(), key=lambda s: -s.stored):
        node: dict[str, Any] = {"name": names.section(s.name), "size": s.stored}
        if s.name == "heap" and view is not None:
            node["children"] = [{"name": row["type"], "size": row["bytes"]} for row in census.census(view, 0)[0]]
        elif "tag" in s.info and not s.name.startswith("stencils"):
            pages = PageSet.read(image, s.name)
            parts = [{"name": str(row["name"]), "size": sum(n for _, n in row.get("parts", ()))} for row in pages.entries.values()]
            rest = s.stored - sum(p["size"] for p in parts)
            node["children"] = [*(p for p in parts if p["size"]), {"name": "records, cells and padding" if parts else "code", "size": rest}]
        children.append(node)
    used = sum(s.stored for s in image.sections.values())
    return {"name": image.path, "size": image.size, "children": [*children, {"name": "roots, directory and padding", "size": image.size - used}]}


def matrix(image: Image, view: HeapView | None) -> dict[str, Any]:
    """For each function and architecture of the image whether it would run natively there; else the reason's code and sentence."""
    if view is None:
        return {"tags": [], "rows": []}
    numbers = sorted({int(s.info["tag"]) & 31 for s in image.sections.values() if "tag" in s.info})
    architectures = [a for n in numbers if (a := by_tag(n)) is not None]
    reasons = [foretell.predict(image, view, a, frozenset(a.baseline)) for a in architectures]
    rows = []
    for name, symbol in sorted(view.functions().items()):
        found = view.code_of(symbol)
        cells = [("", "") if (why := r.get(name)) is None else (why.code, why.sentence()) for r in reasons]
        rows.append([name, len(found[0].code) if found else 0, cells])
    return {"tags": [a.name for a in architectures], "rows": rows}


def code(image: Image, view: HeapView, name: str) -> dict[str, Any]:
    """A function on every architecture: lines with the places in the bytecode that they belong to (-1: none)."""
    columns: list[dict[str, Any]] = []
    source = listing.definition(view, name)
    if source:
        columns.append({"title": "Lisp", "lines": [[line, -1] for line in source]})
    columns.append({"title": "bytecode", "lines": [[line, int(m[1]) if (m := re.match(r" *(\d+) ", line)) else -1] for line in view.listing(name)]})
    for s in sorted(image.sections.values(), key=lambda s: s.name):
        architecture = by_tag(int(s.info.get("tag", 0)))
        if architecture is not None and s.name.startswith("stencils-"):
            pages = PageSet.read(image, s.name)
            if not pages.bad_pages:
                columns.append({"title": f"{architecture.name}, stencils", "lines": stencil_lines(view, name, pages, architecture)})
    for s in sorted(image.sections.values(), key=lambda s: s.name):
        architecture = by_tag(int(s.info.get("tag", 0)))
        if architecture is not None and s.name.startswith("functions-") and (lines := compare.code_of(image, name, architecture)):
            columns.append({"title": f"{architecture.name}, LLVM", "lines": [[line, -1] for line in lines]})
    return {"function": name, "columns": columns}


def stencil_lines(view: HeapView, name: str, pages: PageSet, architecture: Architecture) -> list[list[Any]]:
    found = view.code_of(view.functions()[name])
    assert found is not None
    table = OfflineTable(pages, architecture)
    data, _ = table.code(found[0], RUN)
    starts, lines = table.places(found[0]), []
    for line in listing.instructions(architecture, data, RUN, lambda i: ""):
        m = re.match(r" *([0-9a-f]+)  ", line)
        offset = int(m[1], 16) - RUN if m else -1
        at = next((place for start, place in reversed(starts) if start <= offset), -1)
        lines.append([line, at])
    return lines
