"""``csl-image disasm`` and ``diff``: functions as bytecode and as the native code of each architecture."""

from __future__ import annotations

import argparse
import fnmatch
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from csl_native.architectures import Architecture, by_name, by_tag
from csl_native.image.container import Image, ImageError
from csl_native.native.copying import tags_of
from csl_native.native.pages import PAGE_SIZE, PageSet
from csl_native.saving.baseimage import base_image
from csl_native.saving.heapview import HeapView
from csl_native.tools import compare, listing
from csl_native.tools import modules as modules_of

TIERS = ("bytecode", "stencil", "optimised")
NONE = "no native code for this tag"


def page_sets(image: Image, kind: str) -> dict[int, PageSet]:
    """The page sets of a kind (kernel or functions) by tag."""
    found = (PageSet.read(image, name) for name in sorted(image.sections) if name.startswith(kind + "-"))
    return {pages.tag: pages for pages in found}


class Listings:
    """The functions of an image's heap, as listings; what all of them need is read once."""

    def __init__(self, image: Image, tag: str | None, raw: bool) -> None:
        self.image, self.raw, self.tag = image, raw, tag
        self.view = HeapView(image)
        self.wanted = by_name(tag) if tag else None

    @cached_property
    def functions(self) -> Mapping[str, int]:
        return self.view.functions()

    @cached_property
    def native(self) -> dict[str, list[tuple[int, int, int, int]]]:
        return self.view.hard_code()

    @cached_property
    def sets(self) -> dict[int, PageSet]:
        return page_sets(self.image, "functions")

    @cached_property
    def stencils(self) -> dict[int, PageSet]:
        return page_sets(self.image, "stencils")

    @cached_property
    def kernels(self) -> dict[int, PageSet]:
        return page_sets(self.image, "kernel")

    def chosen(self) -> list[Architecture]:
        return [self.wanted] if self.wanted else [a for tag in self.sets if (a := by_tag(tag)) is not None]

    def stencil_code(self, name: str) -> dict[str, list[str]]:
        """What the stencils of the image make of a function, for the tag that was given or for all."""
        found, result = self.view.code_of(self.functions[name]), dict[str, list[str]]()
        assert found is not None
        for tag, pages in self.stencils.items():
            architecture = by_tag(tag)
            if architecture is not None and (self.wanted is None or self.wanted.number == tag):
                if pages.bad_pages or tag not in self.kernels:
                    damage = f"page {min(pages.bad_pages)} is damaged" if pages.bad_pages else ""
                    raise ImageError(
                        f"{self.image.path}: section stencils-{tag}: {damage or f'there is no kernel-{tag} for them'}; "
                        "csl-image drop --tag and add make them again"
                    )
                lines = listing.stencil(pages, architecture, found[0], self.kernels[tag].entry_names, self.raw)
                result[f"{architecture.name}, stencils"] = lines
        return result

    def optimised(self, name: str) -> dict[str, list[str]]:
        """Its native code for the tag that was given or for all."""
        result: dict[str, list[str]] = {}
        for architecture in self.chosen():
            pages = self.sets.get(architecture.tag)
            entries = [e for e in self.native.get(name, []) if e[0] == architecture.tag]
            if pages is None or not entries:
                result[architecture.name] = [NONE]
                continue
            lines = result.setdefault(architecture.name, [])
            for _, _, page, offset in entries:
                lines += listing.native(pages, architecture, page * PAGE_SIZE + offset, self.raw)
            if not architecture.capstone[0]:
                lines += listing.compiled_again(self.view, name, architecture)
        return result

    def function(self, name: str, tier: str | None) -> dict[str, Any]:
        """A function in the tiers that are wanted."""
        result: dict[str, Any] = {"function": name}
        bytecode = self.view.listing(name)
        if tier in (None, "bytecode"):
            result["bytecode"] = bytecode
        if tier == "stencil" or tier is None and self.tag:
            result |= self.stencil_code(name)
        if tier == "stencil" and len(result) == 1:
            of = f" for {self.tag}" if self.tag else ""
            raise ImageError(f"{self.image.path}: has no stencils{of}; csl-image add --tag makes some")
        return result | (self.optimised(name) if tier in (None, "optimised") else {})


def matching(names: list[str], pattern: str | None) -> list[str]:
    """The names that are meant: one of them as it stands, else all that a pattern with ``*``, ``?`` and ``[...]`` fits.
    """
    if pattern is None:
        return sorted(names)
    return (
        [pattern]
        if pattern in names
        else sorted(fnmatch.filter(names, pattern))
        if re.search(r"[*?[]", pattern)
        else []
    )


def own(view: HeapView) -> list[str]:
    """Functions that are not the program's own: the base image has none of the name, or another one."""
    with Image(base_image()) as base:
        theirs = HeapView(base)
        known = theirs.functions()
        return [name for name in view.functions() if name not in known
                or view.digest_of(name) != theirs.digest_of(name)]


def disasm(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """Bytecode and native code of functions: one by its name, several by a pattern like 'f*', or all."""
    if options.tag:
        tags_of(image, [options.tag])
    pattern, heap = options.function, "heap" in image.sections
    in_modules = modules_of.functions(image)
    listings = Listings(image, options.tag, options.bytes) if heap else None
    named = matching(list(listings.functions), pattern) if listings is not None else []
    others = [name for name in matching(in_modules, pattern) if name not in named]
    if not named and not others:
        if heap or not in_modules:
            what = "no function" if pattern is None else f"no function {pattern} with bytecode"
            raise ImageError(
                f"{image.path}: {what}; "
                + ("csl-image functions lists them" if heap else "it has no module, and no heap")
            )
        raise ImageError(f"{image.path}: no module of it defines {pattern}; they define {', '.join(in_modules[:20])}")
    rows = [listings.function(name, options.tier) for name in named] if listings is not None else []
    for name in others:
        module = modules_of.module_of(image, name)
        assert module is not None
        rows.append(modules_of.disasm(image, module, argparse.Namespace(**{**vars(options), "function": name})))
    one = pattern is not None and [row["function"] for row in rows] == [pattern]
    if one and options.tag and options.tier == "optimised" and NONE in rows[0].get(by_name(options.tag).name, ()):
        raise ImageError(
            f"{image.path}: function {pattern} has no native code for {options.tag}; csl-image functions says what has"
        )
    return rows[0] if one else rows, 0


def diff(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """What differs between two images, or between two architectures' code of one function."""
    if options.function is not None:
        if options.tag is None or len(options.tag) != 2:
            raise ValueError("diff --function NAME needs --tag twice")
        a, b = (by_name(name) for name in options.tag)
        tags_of(image, options.tag)
        for architecture in (a, b):
            native = HeapView(image).hard_code().get(options.function, ())
            if not any(entry[0] == architecture.tag for entry in native):
                has = f"has no native code for {architecture.name}; csl-image functions says what has"
                raise ImageError(f"{image.path}: function {options.function} {has}")
        lines = compare.unified(
            compare.code_of(image, options.function, a), compare.code_of(image, options.function, b), (a.name, b.name)
        )
        return {"function": options.function, "first": a.name, "second": b.name, "listing": lines}, 1 if lines else 0
    if options.other is None:
        raise ValueError("diff needs a second image, or --function NAME --tag A --tag B")
    with Image(options.other) as other:
        rows = compare.differences(image, other)
    return rows, 1 if rows else 0
