"""The commands of ``csl-image`` that write: images, and files made from them."""

from __future__ import annotations

import argparse
from typing import Any

from csl_native import Session
from csl_native.architectures import by_name
from csl_native.image.container import Image, Section
from csl_native.image.writing import Changed, Writer
from csl_native.native.copying import copy_sections, tags_of
from csl_native.native.modulecode import module_digests, module_sections
from csl_native.saving.preserve import preserve
from csl_native.system.progress import Progress
from csl_native.tools.names import find
from csl_native.tools.names import section as shown

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
        rows = [{"tag": name, "functions compiled": len(found)}
                for name, found in session.add_tags(options.tag, progress).items()] + rows
        session.run(lambda: preserve(session, path, more=sections, expected=made_from))
        session.close()
    elif sections:
        with Writer(path) as writer:
            writer.expect(made_from)
            writer.commit(sections)
    return rows


def drop(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """Take the pages of tags out of the image; everything else stays byte for byte."""
    with Writer(image.path) as writer:
        wanted = tags_of(writer.image, options.tag)
        own = {name: s.info["tag"] for name, s in writer.image.sections.items() if "tag" in s.info}
        # a tag without refinement takes them along
        gone = frozenset(name for name, tag in own.items() if tag in wanted or tag & 31 in wanted)
        writer.commit(dropped=gone, small=True)
    return [{"section dropped": shown(name)} for name in sorted(gone)], 0


def thin(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """Keep the pages of the given tags only."""
    with Writer(image.path) as writer:
        keep = {tag for wanted in tags_of(writer.image, options.tag) for tag in (wanted, wanted & 31)}
        gone = frozenset(name for name, s in writer.image.sections.items()
                         if "tag" in s.info and s.info["tag"] not in keep)
        if gone:
            writer.commit(dropped=gone, small=True)
    return [{"section dropped": shown(name)} for name in sorted(gone)], 0


def compact(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """Leave nothing in the file that the image does not use: superseded sections, gaps."""
    with Writer(image.path) as writer:
        before = writer.image.size
        writer.commit(small=True)
        after = writer.image.size
    return [{"bytes before": before, "bytes now": after}], 0


def copy(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """Copy pages of tags, or modules with their native code, into another image, which is made when it is for modules
    only.
    """
    if not options.tag and not options.module:
        raise ValueError("copy needs what to copy: --tag TAG or --module NAME")
    sections = copy_sections(image, options.to, options.tag or [], options.module or [])
    return [{"section": shown(s.name), "bytes": len(s.data), "copied to": options.to} for s in sections], 0


def extract(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """Write the contents of a section to a file."""
    data = image.read(find(image, options.section))
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
