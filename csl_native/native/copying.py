"""Copies of pages and modules of an image in another one."""

from __future__ import annotations

from csl_native.image.container import Image, ImageError, Section
from csl_native.image.files import check_output
from csl_native.image.writing import Writer

from ..architectures import by_name, by_tag
from ..saving.belonging import TYPED, misfit, owner, owner_of, put_beside
from ..saving.heapview import HeapView
from ..saving.trust import Trust, copied, sealing_key, vouched


def tags_of(image: Image, names: list[str]) -> dict[int, str]:
    """Tags by number that the image has sections for; ImageError for one that is absent."""
    wanted, there = {by_name(name).tag: name
                     for name in names}, {s.info["tag"] for s in image.sections.values() if "tag" in s.info}
    missing = [name for tag, name in wanted.items() if tag not in there
               and not (tag < 32 and tag in {t & 31 for t in there})]
    if missing:
        known = ", ".join(sorted(shown_tag(tag) for tag in there)) or "none"
        raise ImageError(f"{image.path}: has no pages for {', '.join(missing)}; it has some for {known}")
    return wanted


def shown_tag(tag: int) -> str:
    architecture = by_tag(tag)
    return architecture.name if architecture is not None and architecture.tag == tag else f"tag {tag}"


def copy_sections(image: Image, to: str, tags: list[str], modules: list[str]) -> list[Section]:
    """Copy pages of tags, or modules with their native code, into another image, which is made when it is for modules
    only.
    """
    check_output(to, [image.path])
    wanted = set(tags_of(image, tags))
    names = [name for name, s in image.sections.items() if owner_of(name) == "heap"
             and (s.info.get("tag") in wanted or s.info.get("tag", 0) & 31 in wanted)]
    for module in modules:
        found = [name for name in image.sections if (owned := owner(name)) is not None and owned[0] == module
                 or name == TYPED + module]
        if not {"module-" + module, TYPED + module} & set(found):
            raise ImageError(f"{image.path}: has no module {module}; csl-image modules lists them")
        names += found
    sections = [Section(name, image.read(name), (s := image.sections[name]).raw, copied(Trust(), image, s),
                        digest=s.digest) for name in names]
    with Writer(to) as writer:
        if writer.exists and "heap" in writer.image.sections:
            sections = [_beside(image, s, writer.image.sections["heap"]) for s in sections]
        if not writer.exists and not wanted:
            writer.replace(sections)
        else:
            _has_entries(writer.image, {s.info["tag"] for s in sections if s.name.startswith("functions-")})
            moved = set(map(owner, names)) - {None}
            writer.commit(sections, frozenset(name for name in writer.image.sections
                                              if (owned := owner(name)) is not None and owned[1]
                                              and (owned[0], 0) in moved and name not in names))
    return sections


def _beside(image: Image, section: Section, heap: Section) -> Section:
    """A set of an image's functions, to go into another image that was preserved from the same ones; others as they
    are.
    """
    if owner_of(section.name) != "heap":
        return section
    if why := misfit(image, section.name):
        raise ImageError(f"{image.path}: {why}; it is not copied")
    section.length, info = len(section.data), put_beside(section, heap)
    if info is not section.info and not Trust().doubt(image, section.name) and (key := sealing_key()) is not None:
        info = vouched(Section(section.name, b"", section.raw, info, length=section.length, digest=section.digest), key)
    return Section(section.name, section.data, section.raw, info, digest=section.digest)


def _has_entries(image: Image, tags: set[int]) -> None:
    """ImageError when the heap of an image has no function with native code for a tag, so that its pages would never be
    used.
    """
    known = {entry[0] for entries in HeapView(image).hard_code().values() for entry in entries} if tags else set()
    if missing := tags - known:
        raise ImageError(f"{image.path}: no function of its heap has native code for "
                         f"{', '.join(sorted(map(shown_tag, missing)))}; pages go into an "
                         "image that was preserved from the same functions.  csl-image add --tag compiles them")
