"""Foretell what a machine would run natively, from the image alone."""

from __future__ import annotations

from csl_native.heapview import HeapView
from csl_native.image.container import Image, ImageError, digest
from csl_native.native.architectures import Architecture
from csl_native.native.pages import PAGE_SIZE, PageSet
from csl_native.native.reasons import Fallback


def section(image: Image, name: str) -> PageSet | None:
    return PageSet.parse(image.read(name, check=False), f"{image.path}, section {name}") if name in image.sections else None


def whole(image: Image, architecture: Architecture, features: frozenset[str]) -> tuple[PageSet | None, Fallback | None]:
    """The function pages for an architecture, or why none of them can be used."""
    try:
        kernel, pages = (section(image, f"{kind}-{architecture.number}") for kind in ("kernel", "functions"))
    except ImageError as error:
        return None, Fallback("damaged-page", detail=str(error))
    if kernel is None or pages is None:
        return None, Fallback("no-set", detail=f"tag {architecture.number}")
    if kernel.bad_pages:
        return None, Fallback("damaged-page", detail=f"kernel page {min(kernel.bad_pages)}")
    missing = (set(kernel.features) | set(pages.features)) - features
    if missing:
        return None, Fallback("missing-feature", detail=", ".join(sorted(missing)))
    if pages.abi != kernel.abi:
        return None, Fallback("kernel-abi", detail=f"made for {pages.abi}, the kernel is {kernel.abi}")
    unresolved = [t for t in pages.targets[1:] if t not in kernel.functions]
    if unresolved:
        return None, Fallback("unresolved", detail=unresolved[0])
    return pages, None


def predict(image: Image, view: HeapView, architecture: Architecture, features: frozenset[str]) -> dict[str, Fallback]:
    """Functions that would run as bytecode, with the reason; all others run natively."""
    pages, why = whole(image, architecture, features)
    result: dict[str, Fallback] = {}
    entries = view.hard_code()
    for name, symbol in view.functions().items():
        mine = [e for e in entries.get(name, []) if e[0] == architecture.number]
        if name not in entries:
            result[name] = Fallback("not-compiled", name)
        elif why is not None or pages is None:
            result[name] = Fallback(why.code if why else "no-set", name, why.detail if why else "")
        elif not mine:
            result[name] = Fallback("no-set", name, f"tag {architecture.number}; it has {sorted({e[0] for e in entries[name]})}")
        else:
            found = entry_problem(view, pages, name, symbol, mine[-1], features)
            if found is not None:
                result[name] = found
    return result


def entry_problem(view: HeapView, pages: PageSet, name: str, symbol: int, entry: tuple[int, int, int, int], features: frozenset[str]) -> Fallback | None:
    _, _, page, offset = entry
    place = page * PAGE_SIZE + offset
    if not 0 <= offset < PAGE_SIZE or place >= len(pages.data):
        return Fallback("bad-entry", name, f"page {page}, offset {offset}; the set has {len(pages.data)} bytes")
    if page in pages.bad_pages:
        return Fallback("damaged-page", name, f"page {page}")
    row = pages.entries.get(str(place), {})
    found = view.code_of(symbol)
    if found is None:
        return Fallback("no-bytecode", name)
    if "bytecode" in row and row["bytecode"] != digest(view.raw(found[1][0])):
        return Fallback("redefined", name)
    missing = set(row.get("features", ())) - features
    return Fallback("missing-feature", name, ", ".join(sorted(missing))) if missing else None
