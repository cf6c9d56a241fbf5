"""``csl-image report``: an image as one page of HTML that needs nothing else."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from importlib.resources import files
from typing import Any

from csl_native.architectures import Architecture, by_tag
from csl_native.image.container import Image, ImageError
from csl_native.native.pages import PAGE_SIZE, PageSet
from csl_native.saving.heapview import HeapView
from csl_native.stencils.offline import OfflineTable
from csl_native.stencils.table import TooLarge
from csl_native.tools import census, foretell, listing, names
from csl_native.tools.code import own

RUN = 0x10000  # where the code of stencils is shown to be
MOST, LONGEST = 40, 2048  # functions whose code a page has, and bytes of their bytecode: who reads more?


def report(image: Image, function: str | None) -> str:
    """The page; ``function`` is the one whose code is shown first (None: the one of the image's own with the longest
    bytecode).
    """
    view = HeapView(image) if "heap" in image.sections else None
    data: dict[str, Any] = {"image": image.path, "bytes": image.size, "tree": tree(image, view),
                            "matrix": matrix(image, view)}
    data |= {"function": "", "codes": {}}
    if view is not None and (found := view.functions()):
        if function is not None and function not in found:
            raise ImageError(f"{image.path}: no function {function} with bytecode; csl-image functions lists them")
        mine = {row[0] for row in data["matrix"]["rows"] if row[3]}
        sizes = {name: len(view.raw(view.code_of(symbol)[1][0])) for name, symbol in found.items()}  # type: ignore[index]
        longest = sorted(found, key=lambda name: (sizes[name] > LONGEST, name not in mine, -sizes[name], name))
        listings = Code(image, view)
        shown = dict.fromkeys([function or longest[0],
                                *(name for name in longest if name in mine and sizes[name] <= LONGEST)][:MOST])
        data |= {"function": function or longest[0], "codes": {name: listings.columns(name) for name in shown}}
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
            parts = [{"name": str(row["name"]), "size": sum(n for _, n in row.get("parts", ()))}
                     for row in pages.entries.values()]
            rest = s.stored - sum(p["size"] for p in parts)
            node["children"] = [*(p for p in parts if p["size"]),
                                {"name": "records, cells and padding" if parts else "code", "size": rest}]
        children.append(node)
    used = sum(s.stored for s in image.sections.values())
    return {"name": image.path, "size": image.size,
            "children": [*children, {"name": "roots, directory and padding", "size": image.size - used}]}


def matrix(image: Image, view: HeapView | None) -> dict[str, Any]:
    """For each function and architecture of the image whether it would run natively there; else the reason's code and
    sentence.
    """
    if view is None:
        return {"tags": [], "rows": []}
    numbers = sorted({int(s.info["tag"]) & 31 for s in image.sections.values() if "tag" in s.info})
    architectures = [a for n in numbers if (a := by_tag(n)) is not None]
    reasons = [foretell.predict(image, view, a, frozenset(a.baseline)) for a in architectures]
    rows, mine = [], set(own(view))
    for name, symbol in sorted(view.functions().items()):
        found = view.code_of(symbol)
        cells = [("", "") if (why := r.get(name)) is None else (why.code, why.sentence()) for r in reasons]
        rows.append([name, len(found[0].code) if found else 0, cells, int(name in mine)])
    return {"tags": [a.name for a in architectures], "rows": rows}


class Code:
    """Functions on every architecture, as columns of lines; what all of them need is read once."""

    def __init__(self, image: Image, view: HeapView) -> None:
        self.image, self.view, self.functions, self.native = image, view, view.functions(), view.hard_code()
        self.tables: list[tuple[Architecture, OfflineTable]] = []
        self.sets: list[tuple[Architecture, PageSet]] = []
        for s in sorted(image.sections.values(), key=lambda s: s.name):
            architecture = by_tag(int(s.info.get("tag", 0)))
            if architecture is not None and s.name.startswith(("stencils-", "functions-")):
                pages = PageSet.read(image, s.name)
                if s.name.startswith("functions-"):
                    self.sets.append((architecture, pages))
                elif not pages.bad_pages:
                    self.tables.append((architecture, OfflineTable(pages, architecture)))
        self.floors = {architecture.tag: table.top for architecture, table in self.tables}

    def columns(self, name: str) -> list[dict[str, Any]]:
        """Lines with the places in the bytecode that they belong to (-1: none); what is of one architecture stands
        together.
        """
        columns: list[dict[str, Any]] = []
        if source := listing.definition(self.view, name):
            columns.append({"title": "Lisp", "lines": [[line, -1] for line in source]})
        text = self.view.listing(name)
        columns.append({"title": "bytecode",
                        "lines": [[line, int(m[1]) if (m := re.match(r" *(\d+) ", line)) else -1] for line in text]})
        made = [(a, "stencils", self.stencil_lines(name, a, table)) for a, table in self.tables]
        for architecture, pages in self.sets:
            places = [page * PAGE_SIZE + at for tag, _, page, at in self.native.get(name, [])
                      if tag == architecture.tag]
            lines = [[line, -1] for place in places for line in listing.native(pages, architecture, place)]
            made.append((architecture, "LLVM", lines))
        made.sort(key=lambda row: (row[0].number, row[1] == "LLVM", row[0].tag))
        return columns + [{"title": f"{a.name}, {how}", "lines": lines} for a, how, lines in made if lines]

    def stencil_lines(self, name: str, architecture: Architecture, table: OfflineTable) -> list[list[Any]]:
        found = self.view.code_of(self.functions[name])
        assert found is not None
        table.top, table.work_size = self.floors[architecture.tag], 0  # one function's memory is the next one's
        try:
            data, _ = table.code(found[0], RUN)
        except TooLarge:
            return []
        starts, lines = table.places(found[0]), []
        begins = [start for start, _ in starts]
        for line in listing.instructions(architecture, data, RUN, lambda i: ""):
            m = re.match(r" *([0-9a-f]+)  ", line)
            k = bisect_right(begins, int(m[1], 16) - RUN) if m else 0
            lines.append([line, starts[k - 1][1] if k else -1])
        return lines
