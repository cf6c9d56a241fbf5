"""Foretell what a machine would run natively, from the image alone."""

from __future__ import annotations

from csl_native.architectures import Architecture
from csl_native.foreign import FOREIGN
from csl_native.image.container import Image, ImageError
from csl_native.native.hardcode import function_tag
from csl_native.native.pages import PAGE_SIZE, PageSet
from csl_native.saving.baseimage import base_image
from csl_native.saving.belonging import misfit
from csl_native.saving.guards import KERNEL
from csl_native.saving.heapview import HeapView
from csl_native.saving.reasons import Fallback, no_set


def section(image: Image, name: str) -> PageSet | None:
    return PageSet.read(image, name) if name in image.sections else None


def whole(image: Image, architecture: Architecture,
          features: frozenset[str]) -> tuple[dict[int, PageSet], Fallback | None]:
    """The function pages for an architecture by tag, its refinements among them, or why none of them can be used."""
    number = architecture.number
    try:
        # a session takes an image's kernel only when this program has none for the machine
        with Image(base_image()) as base:
            kernel = section(base, f"kernel-{number}") or section(image, f"kernel-{number}")
        if (kernel is None or not any((tag := function_tag(name)) is not None and tag & 31 == number
                                      for name in image.sections)):
            return {}, Fallback("no-set", detail=f"tag {number}")
        if kernel.bad_pages:
            return {}, Fallback("damaged-page", detail=f"kernel page {min(kernel.bad_pages)}")
        if missing := set(kernel.features) - features:
            return {}, Fallback("missing-feature", detail=", ".join(sorted(missing)))
    except ImageError as error:
        return {}, Fallback("damaged-page", detail=str(error))
    found = {}
    for name in image.sections:
        tag = function_tag(name)
        if tag is not None and tag & 31 == number:
            pages, why = one(image, name, kernel, features)
            if pages is not None:
                found[tag] = pages
            elif tag == number:  # a refinement that cannot be used costs nothing
                return {}, why
    return found, None


def one(image: Image, name: str, kernel: PageSet, features: frozenset[str]) -> tuple[PageSet | None, Fallback | None]:
    """One section of function pages, or why it cannot be used."""
    if why := misfit(image, name):
        return None, Fallback("mismatch", detail=why)
    try:
        pages = section(image, name)
    except ImageError as error:
        return None, Fallback("damaged-page", detail=str(error))
    assert pages is not None
    if pages.abi != kernel.abi:
        return None, Fallback("kernel-abi", detail=f"made for {pages.abi}, the kernel is {kernel.abi}")
    if missing := set(pages.features) - features:
        return None, Fallback("missing-feature", detail=", ".join(sorted(missing)))
    # What shared libraries have is known on the machine only.
    if unresolved := [t for t in pages.targets[1:] if t not in kernel.functions and not t.startswith(FOREIGN)]:
        return None, Fallback("unresolved", detail=unresolved[0])
    return pages, None


def predict(image: Image, view: HeapView, architecture: Architecture, features: frozenset[str]) -> dict[str, Fallback]:
    """Functions that would run as bytecode, with the reason; all others run natively."""
    sets, why = whole(image, architecture, features)
    result: dict[str, Fallback] = {}
    entries = view.hard_code()
    for name, symbol in view.functions().items():
        mine = sorted(e for e in entries.get(name, []) if e[0] in sets)
        if name not in entries:
            result[name] = Fallback("not-compiled", name)
        elif why is not None:
            result[name] = Fallback(why.code, name, why.detail)
        elif not mine:
            result[name] = no_set(name, architecture.number,
                                  {e[0] for e in entries[name] if f"functions-{e[0]}" in image.sections})
        else:
            for cell in range(4):  # as HardCode.instate_rows: the highest refinement that runs, for each cell
                problems = [entry_problem(view, sets[e[0]], name, symbol, e, features) for e in mine if e[1] == cell]
                if problems and None not in problems and problems[0] is not None:
                    result[name] = problems[0]
    return result


def entry_problem(view: HeapView, pages: PageSet, name: str, symbol: int, entry: tuple[int, int, int, int],
                  features: frozenset[str]) -> Fallback | None:
    _, _, page, offset = entry
    place = page * PAGE_SIZE + offset
    if not 0 <= offset < PAGE_SIZE or place >= len(pages.data):
        return Fallback("bad-entry", name, f"page {page}, offset {offset}; the set has {len(pages.data)} bytes")
    if (bad := pages.damaged(place)) is not None:
        return Fallback("damaged-page", name, f"page {bad}")
    row = pages.entries.get(str(place))
    if row is None:
        return Fallback("bad-entry", name, f"page {page}, offset {offset} is no entry point of the set")
    found = view.code_of(symbol)
    if found is None:
        return Fallback("no-bytecode", name)
    if row["name"] != name or row.get("bytecode") != view.digest_of(name):
        return Fallback("redefined", name)
    for callee, wanted in row.get("inlined", {}).items():
        now = view.digest_of(callee)
        if now != wanted and (now or not wanted.startswith(KERNEL)):
            return Fallback("redefined", name, f"{callee}, which stands in place of its calls")
    missing = set(row.get("features", ())) - features
    return Fallback("missing-feature", name, ", ".join(sorted(missing))) if missing else None
