"""The head of a page set: which fields it has, and of what types.
What a file says is looked at before anything relies on it.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FIELDS: dict[str, type] = {"tag": int, "abi": str, "functions": dict, "targets": list, "entries": dict,
                           "features": list, "arities": dict, "entry_names": list, "pages": list, "engines": dict,
                           "size": int, "records": int, "blocks": list}
ENTRY: dict[str, type] = {"name": str, "bytecode": bytes, "count": int, "features": list, "parts": list, "unit": list,
                          "inlined": dict, "foreign": list}
TEXTS = ("targets", "features", "entry_names")
NUMBERS = ("functions", "arities", "engines")


def check_head(head: Any) -> None:
    """ValueError, with the field, unless a head is as ``docs/FORMAT.md`` says."""
    if type(head) is not dict:
        raise ValueError("its head is no map")
    for name, kind in FIELDS.items():
        if type(head.get(name)) is not kind:
            raise ValueError(f"its head has {type(head.get(name)).__name__} as {name}; {kind.__name__} expected")
    for name in TEXTS:
        if any(type(x) is not str for x in head[name]):
            raise ValueError(f"a name among its {name} is no text")
    for name in NUMBERS:
        if any(type(key) is not str or not _is_place(value) for key, value in head[name].items()):
            raise ValueError(f"a place among its {name} is no number")
    if any(type(x) is not bytes for x in head["pages"]):
        raise ValueError("a digest of a page is no bytes")
    if not all(_is_pair(row) for row in head["blocks"]):
        raise ValueError("a block is no pair of numbers")
    tables = head.get("tables", {})
    if (type(tables) is not dict or any(type(key) is not str or type(value) is not bytes
                                        for key, value in tables.items())):
        raise ValueError("a table of stencils is no bytes")
    names = head.get("names", [])
    if (type(names) is not list or any(type(row) is not list or len(row) != 2 or not _is_place(row[0])
                                       or type(row[1]) is not str for row in names)):
        raise ValueError("a name of a place is none")
    for place, row in head["entries"].items():
        if (type(place) is not str or not (place.isascii() and place.isdigit() and len(place) < 16)
            or type(row) is not dict):
            raise ValueError(f"an entry at {place!r} is none")
        _check_entry(place, row)


def _check_entry(place: str, row: dict[Any, Any]) -> None:
    for key, value in row.items():
        if type(value) is not ENTRY.get(key, type(value)):
            raise ValueError(f"the entry at {place} has {type(value).__name__} as {key}; {ENTRY[key].__name__} "
                             "expected")
    if "name" not in row or not all(_is_pair(part) for part in (*row.get("parts", ()), row.get("unit", [0, 0]))) or any(
            type(x) is not str for x in (*row.get("features", ()), *row.get("foreign", ()))):
        raise ValueError(f"the entry at {place} has no name, or parts that are no pairs of numbers, or a feature that "
                         "is no text")
    if any(type(key) is not str or type(value) is not bytes for key, value in row.get("inlined", {}).items()):
        raise ValueError(f"what stands in the entry at {place} in place of its calls is not named")


def _is_place(x: Any) -> bool:
    return type(x) is int and 0 <= x < 1 << 48


def _is_pair(x: Any) -> bool:
    return type(x) is list and len(x) == 2 and _is_place(x[0]) and _is_place(x[1])
