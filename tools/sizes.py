"""``csl-image size``: where the bytes of a file are."""

from __future__ import annotations

import argparse
import re
from typing import Any

from csl_native.image.container import Image
from csl_native.native.pages import RECORD, PageSet
from csl_native.native.units import units
from csl_native.tools.names import section


def rows_of(image: Image) -> list[dict[str, Any]]:
    """Sections, each followed by what is inside of it, which is indented, and what is outside of them."""
    rows, covered = list[dict[str, Any]](), 0
    for s in sorted(image.sections.values(), key=lambda s: s.offset):
        covered += s.stored
        name = section(s.name)
        rows.append({"what": name, "bytes": s.stored})
        if s.name.startswith("functions-"):
            rows += inside(PageSet.read(image, s.name), s.stored, f"  {name}")
    return [*rows, {"what": "roots, directory, superseded sections and padding", "bytes": image.size - covered}]


def inside(pages: PageSet, stored: int, name: str) -> list[dict[str, Any]]:
    """A set of functions: each of them, records, what is free, and the rest."""
    rows, records = list[dict[str, Any]](), RECORD.size * pages.record_count
    for _, entry in sorted(pages.entries.items(), key=lambda row: int(row[0])):
        size = sum(length for _, length in entry.get("parts", []))
        rows.append({"what": f"{name} {entry['name']}", "bytes": size, "functions": 1})
    code = sum(row["bytes"] for row in rows)
    rows.append({"what": f"{name} relocation records ({pages.record_count})", "bytes": records})
    free = len(pages.data) - sum(n for _, n in found) if (found := units(pages)) is not None else 0
    rest = stored - code - free - records
    return [*rows, {"what": f"{name} free", "bytes": free}, {"what": f"{name} head, cells and padding", "bytes": rest}]


def leaves(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows that nothing stands inside of: each byte once."""
    parents = {row["what"].split()[0] for row in rows if row["what"].startswith("  ")}
    return [row for row in rows if row["what"] not in parents]


def by_prefix(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Functions together whose names begin alike: up to the first character that is no letter or digit."""
    groups: dict[str, dict[str, Any]] = {}
    for row in rows:
        found = re.fullmatch(r"(  \S+) ([^\W_]+[\W_]).*", row["what"]) if "functions" in row else None
        what = f"{found[1]} {found[2]}*" if found else row["what"]
        group = groups.setdefault(
            what, {**row, "what": what, "bytes": 0, **({"functions": 0} if "functions" in row else {})}
        )
        group["bytes"] += row["bytes"]
        if "functions" in row:
            group["functions"] += 1
    return list(groups.values())


def size(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """Every byte of the file: by section, and inside of page sets by function."""
    rows = rows_of(image)
    if options.by == "prefix":
        rows = by_prefix(rows)
    if options.sort or options.top is not None:
        rows = sorted(leaves(rows), key=lambda row: -row["bytes"])[: options.top]
        rows = [{**row, "what": row["what"].strip()} for row in rows]
    rows.append({"what": "all of the file", "bytes": image.size})
    named = {"functions"} if options.by == "function" else set()
    return [
        {key: value for key, value in row.items() if key not in named}
        | {"percent": round(100 * row["bytes"] / image.size, 2) if image.size else 0.0}
        for row in rows
    ], 0
