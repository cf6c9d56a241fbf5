"""The commands of ``csl-image`` that write: images, and files made from them."""

from __future__ import annotations

import argparse
from typing import Any

from csl_native.belonging import misfit, owner_of, put_beside
from csl_native.heapview import HeapView
from csl_native.image.container import Image, ImageError, Section
from csl_native.image.files import check_output
from csl_native.image.writing import Changed, Writer
from csl_native.native.architectures import by_name
from csl_native.native.modulecode import module_digests, module_sections, owner
from csl_native.preserve import TYPED
from csl_native.progress import Progress
from csl_native.trust import Trust, copied, sealing_key, vouched

TRIES = 3


def add(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """Cross-compile for tags and put their pages into the image; the modules' functions too.  One step for the file."""
    with Progress("csl-image") as progress:
        for _ in range(TRIES - 1):
            try:
                return _add(image.path, options, progress), 0
            except Changed:  # compiling takes a while; another program wrote to the image meanwhile
                pass
        return _add(image.path, options, progress), 0


def _add(path: str, options: argparse.Namespace, progress: Progress) -> list[dict[str, Any]]:
    from csl_native.preserve import preserve
    from csl_native.session import Session
    with Image(path) as image:
        heap, has_heap, made_from = max(256 << 20, 4 * image.size), "heap" in image.sections, module_digests(image)
        if has_heap:
            made_from["heap"] = image.sections["heap"].digest
    rows: list[dict[str, Any]] = []
    sections: list[Section] = []
    if len(made_from) > has_heap:
        session = Session(path if has_heap else None, heap=heap, libraries=[path])
        done, sections = module_sections(session, path, [by_name(name) for name in options.tag], None, progress)
        rows += [{"module": name, "functions compiled": len(found)} for name, found in done.items()]
        session.close()
    if has_heap:
        session = Session(path, heap=heap)
        rows = [{"tag": name, "functions compiled": len(found)} for name, found in session.add_tags(options.tag, progress).items()] + rows
        session.run(lambda: preserve(session, path, more=sections, expected=made_from))
        session.close()
    elif sections:
        with Writer(path) as writer:
            writer.expect(made_from)
            writer.commit(sections)
    return rows


def tags_of(image: Image, names: list[str]) -> dict[int, str]:
    """Tags by number that the image has sections for; ImageError for one that is absent."""
    wanted, there = {by_name(name).tag: name for name in names}, {s.info["tag"] for s in image.sections.values() if "tag" in s.info}
    missing = [name for tag, name in wanted.items() if tag not in there and not (tag < 32 and tag in {t & 31 for t in there})]
    if missing:
        known = ", ".join(sorted(shown_tag(tag) for tag in there)) or "none"
        raise ImageError(f"{image.path}: has no pages for {', '.join(missing)}; it has some for {known}")
    return wanted


def shown_tag(tag: int) -> str:
    from csl_native.native.architectures import by_tag
    architecture = by_tag(tag)
    return architecture.name if architecture is not None and architecture.tag == tag else f"tag {tag}"


def drop(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """Take the pages of tags out of the image; everything else stays byte for byte."""
    with Writer(image.path) as writer:
        wanted = tags_of(writer.image, options.tag)
        own = {name: s.info["tag"] for name, s in writer.image.sections.items() if "tag" in s.info}
        gone = frozenset(name for name, tag in own.items() if tag in wanted or tag & 31 in wanted)  # a tag without refinement takes them along
        writer.commit(dropped=gone, small=True)
    return [{"section dropped": name} for name in sorted(gone)], 0


def thin(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """Keep the pages of the given tags only."""
    with Writer(image.path) as writer:
        keep = {tag for wanted in tags_of(writer.image, options.tag) for tag in (wanted, wanted & 31)}
        gone = frozenset(name for name, s in writer.image.sections.items() if "tag" in s.info and s.info["tag"] not in keep)
        if gone:
            writer.commit(dropped=gone, small=True)
    return [{"section dropped": name} for name in sorted(gone)], 0


def compact(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """Leave nothing in the file that the image does not use: superseded sections, gaps."""
    with Writer(image.path) as writer:
        before = writer.image.size
        writer.commit(small=True)
        after = writer.image.size
    return [{"bytes before": before, "bytes now": after}], 0


def copy(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """Copy pages of tags, or modules with their native code, into another image, which is made when it is for modules only."""
    if not options.tag and not options.module:
        raise ValueError("copy needs what to copy: --tag TAG or --module NAME")
    check_output(options.to, [image.path])
    tags_of(image, options.tag or [])
    wanted = {by_name(name).tag for name in options.tag or ()}
    names = [name for name, s in image.sections.items() if name.startswith(("kernel-", "stencils-", "functions-"))
             and (s.info.get("tag") in wanted or s.info.get("tag", 0) & 31 in wanted)]
    for module in options.module or ():
        found = [name for name in image.sections if (owned := owner(name)) is not None and owned[0] == module or name == TYPED + module]
        if not {"module-" + module, TYPED + module} & set(found):
            raise ImageError(f"{image.path}: has no module {module}; csl-image modules lists them")
        names += found
    sections = [Section(name, image.read(name), (s := image.sections[name]).raw, copied(Trust(), image, s), digest=s.digest) for name in names]
    with Writer(options.to) as writer:
        if writer.exists and "heap" in writer.image.sections:
            sections = [_beside(image, s, writer.image.sections["heap"]) for s in sections]
        if not writer.exists and not wanted:
            writer.replace(sections)
        else:
            _has_entries(writer.image, {s.info["tag"] for s in sections if s.name.startswith("functions-")})
            moved = set(map(owner, names)) - {None}
            writer.commit(sections, frozenset(name for name in writer.image.sections if (owned := owner(name)) is not None and owned[1]
                                              and (owned[0], 0) in moved and name not in names))
    return [{"section": s.name, "bytes": len(s.data), "copied to": options.to} for s in sections], 0


def _beside(image: Image, section: Section, heap: Section) -> Section:
    """A set of an image's functions, to go into another image that was preserved from the same ones; others as they are."""
    if owner_of(section.name) != "heap":
        return section
    if why := misfit(image, section.name):
        raise ImageError(f"{image.path}: {why}; it is not copied")
    section.length, info = len(section.data), put_beside(section, heap)
    if info is not section.info and not Trust().doubt(image, section.name) and (key := sealing_key()) is not None:
        info = vouched(Section(section.name, b"", section.raw, info, length=section.length, digest=section.digest), key)
    return Section(section.name, section.data, section.raw, info, digest=section.digest)


def _has_entries(image: Image, tags: set[int]) -> None:
    """ImageError when the heap of an image has no function with native code for a tag, so that its pages would never be used."""
    known = {entry[0] for entries in HeapView(image).hard_code().values() for entry in entries} if tags else set()
    if missing := tags - known:
        raise ImageError(f"{image.path}: no function of its heap has native code for {', '.join(sorted(map(shown_tag, missing)))}; pages go into an "
                         "image that was preserved from the same functions.  csl-image add --tag compiles them")


def extract(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """Write the contents of a section to a file."""
    data = image.read(options.section)
    with open(options.output, "wb") as file:
        file.write(data)
    return [{"section": options.section, "bytes": len(data), "written to": options.output}], 0


def report(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """Write a page of HTML: what the bytes are, which function runs natively where, one function's code everywhere."""
    from csl_native.tools.report import report as page
    text = page(image, options.function)
    with open(options.output, "w", encoding="utf-8") as file:
        file.write(text)
    return [{"report": options.output, "bytes": len(text)}], 0
