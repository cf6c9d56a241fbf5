"""What the directory of an image may say: one look at all of it when it is read, so that nobody behind meets a value of
another type.
"""

from __future__ import annotations

from collections.abc import Callable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Test = Callable[[Any], bool]
    Rows = dict[str, tuple[Test, str]]

NAME_LIMIT = 1 << 10
SIZE_LIMIT = 1 << 62
DIGESTS = (16, 32)


def number(low: int, high: int) -> Callable[[Any], bool]:
    return lambda x: type(x) is int and low <= x < high


def text(x: Any) -> bool:
    return type(x) is str


def texts(x: Any) -> bool:
    return type(x) is list and all(type(each) is str for each in x)


def digest(x: Any) -> bool:
    return type(x) is bytes and len(x) in DIGESTS


def sizes(x: Any) -> bool:
    return type(x) is dict and all(type(key) is str and type(value) is int for key, value in x.items())


def version(x: Any) -> bool:
    return type(x) is list and len(x) == 2 and all(type(each) is int and 0 <= each < 1 << 16 for each in x)


def seal(x: Any) -> bool:
    keys = x.get("keys", {}) if type(x) is dict else None
    return (type(keys) is dict and type(x.get("local", b"")) is bytes and version(x.get("format", [1, 0]))
            and all(type(key) is bytes and type(value) is bytes for key, value in keys.items()))


def named(x: Any) -> bool:
    return type(x) is dict and all(type(key) is str for key in x)


# What a row has, and what its info may have: name → (test, what was expected).
ROW: Rows = {"name": (lambda x: text(x) and len(x) <= NAME_LIMIT, f"a text of at most {NAME_LIMIT} characters"),
       "raw": (lambda x: type(x) is bool, "true or false"), "info": (named, "a map with names"),
       "offset": (number(0, SIZE_LIMIT), "a place in the file"), "stored": (number(0, SIZE_LIMIT), "a size"),
       "length": (number(0, SIZE_LIMIT), "a size"), "digest": (digest, "a digest of 16 or 32 bytes")}
INFO: Rows = {"tag": (number(0, 256), "a tag"), "abi": (text, "a text"), "head": (digest, "a digest"),
              "heap": (digest, "a digest"),
        "module": (digest, "a digest"), "compared": (lambda x: type(x) is bool, "true or false"),
              "engines": (sizes, "sizes by name"),
        "seal": (seal, "a map of a format, a local seal and signatures by key"),
              "date": (number(0, 1 << 40), "seconds since 1970"),
        "functions": (texts, "names"), "id": (text, "a text"), "tid": (text, "a text")}
HEAP: Rows = INFO | {"size": (number(1, SIZE_LIMIT), "a size"), "base": (number(0, SIZE_LIMIT), "a place"),
                     "entries": (texts, "names"),
        "builtins": (texts, "names"),
        "gensym": (number(0, 1 << 60), "a number"), "precision": (number(0, 1 << 20), "a number"),
                     "modulus": (number(8, 1 << 63), "a number"),
        "bytecode": (number(0, 1 << 20), "a number"), "profile": (texts, "names"), "starts": (digest, "a digest"),
        "pages": (lambda x: type(x) is bytes and len(x) % 32 == 0, "digests of 32 bytes"),
                     "instructions": (digest, "a digest")}
NEEDED = ("size", "base", "entries", "builtins", "gensym", "modulus")  # of a heap
MODULE: Rows = INFO | {"instructions": (number(0, 1 << 16), "a number"), "bytecode": (digest, "a digest")}


def wrong(rows: Any) -> str:
    """What is wrong with the rows of a directory; empty when nothing is."""
    if type(rows) is not list:
        return f"{type(rows).__name__} in place of the list of sections"
    seen = set()
    for row in rows:
        if type(row) is not dict:
            return f"{row!r:.40} in place of a section"
        for key, (test, expected) in ROW.items():
            if key not in row or not test(row[key]):
                return f"section {row.get('name')!r:.40} has {row.get(key)!r:.40} as {key}; {expected} expected"
        name, info = row["name"], row["info"]
        if name in seen:
            return f"two sections with the name {name!r:.40}"
        seen.add(name)
        table, needed = (HEAP, NEEDED) if name == "heap" else (MODULE if name.startswith("module-") else INFO, ())
        for key in (*needed, *info):
            if key in table and (key not in info or not table[key][0](info[key])):
                return f"section {name!r:.40} has {info.get(key)!r:.40} as {key} in its info; {table[key][1]} expected"
    return ""
