"""The commands of ``csl-image`` that write: images, and files made from them."""

from __future__ import annotations

import argparse
from typing import Any

from csl_native.image.container import Image, ImageError, Section, update
from csl_native.native.architectures import by_name


def add(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """Cross-compile for tags and put their pages into the image; the modules' functions too.  One step for the file."""
    from csl_native.native.modulecode import module_sections, owner
    from csl_native.preserve import preserve
    from csl_native.session import Session
    from csl_native.toplevel import progress as bar
    rows: list[dict[str, Any]] = []
    heap = max(256 << 20, 4 * image.size)
    sections: list[Section] = []
    if any(map(owner, image.sections)):
        session = Session(image.path if "heap" in image.sections else None, heap=heap, libraries=[image.path])
        done, sections = module_sections(session, image.path, [by_name(name) for name in options.tag], None, bar())
        rows += [{"module": name, "functions compiled": len(found)} for name, found in done.items()]
        session.close()
    if "heap" in image.sections:
        session = Session(image.path, heap=heap)
        rows = [{"tag": name, "functions compiled": len(found)} for name, found in session.add_tags(options.tag, bar()).items()] + rows
        session.run(lambda: preserve(session, image.path, more=sections))
    elif sections:
        update(image.path, sections)
    return rows, 0


def drop(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """Take the pages of tags out of the image; everything else stays byte for byte."""
    wanted = {by_name(name).tag: name for name in options.tag}
    own = {name: s.info["tag"] for name, s in image.sections.items() if "tag" in s.info}
    gone = frozenset(name for name, tag in own.items() if tag in wanted or tag & 31 in wanted)  # a tag without refinement takes them along
    missing = [name for tag, name in wanted.items() if tag not in own.values()]
    if missing:
        raise ImageError(f"{image.path}: has no pages for {', '.join(missing)}; csl-image info lists the tags")
    update(image.path, [], gone)
    return [{"section dropped": name} for name in sorted(gone & set(image.sections))], 0


def thin(image: Image, options: argparse.Namespace) -> tuple[Any, int]:
    """Keep the pages of the given tags only."""
    keep = {tag for name in options.tag for tag in (by_name(name).tag, by_name(name).number)}
    gone = frozenset(name for name, s in image.sections.items() if "tag" in s.info and s.info["tag"] not in keep)
    if gone:
        update(image.path, [], gone)
    return [{"section dropped": name} for name in sorted(gone)], 0


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
