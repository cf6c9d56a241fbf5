"""What belongs to what in an image: pages of a heap's functions to that heap, native code of a module to that module.

The ``info`` of what belongs to something has the digest of it, as ``heap`` or ``module``, and with it that is part of
what a seal is made over. ``compared`` says that it was put beside its owner later: its entries are compared with the
bytecode one by one.
"""

from __future__ import annotations

from collections.abc import Mapping

from csl_native.image.container import Image, Section

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SET_OF_HEAP = ("kernel", "stencils", "functions")
OF_MODULE = "native"
TYPED = "typed-"  # how the names of sections with typed modules begin
MODULE = "module-"  # how the names of sections that are modules begin


def kind_of(name: str) -> str:
    """What a section is: the first word of its name."""
    return name.partition("-")[0]


def tag_in(name: str) -> int | None:
    """The tag in the name of a page set; None for other sections."""
    kind, _, rest = name.partition("-")
    number = rest.partition("-")[0] if kind == OF_MODULE else rest
    return int(number) if kind in (*SET_OF_HEAP, OF_MODULE) and number.isascii() and number.isdigit() else None


def owner_of(name: str) -> str:
    """The section that a section belongs to; empty when it is a thing of its own."""
    kind, _, rest = name.partition("-")
    return "heap" if kind in SET_OF_HEAP else "module-" + rest.partition("-")[2] if kind == OF_MODULE else ""


def misfit(image: Image, name: str) -> str:
    """Why a section is not part of what it is with; empty when it is, or nothing is said of that (as in images of
    format 1.0).
    """
    section, owner = image.sections[name], owner_of(name)
    tag = tag_in(name)
    if tag is not None and section.info.get("tag", tag) != tag:
        return f"section {name} holds a set for tag {section.info['tag']}"
    wanted = section.info.get(kind_of(owner)) if owner else None
    if not isinstance(wanted, bytes):
        return ""
    there = image.sections.get(owner)
    if there is not None and there.digest == wanted:
        return ""
    beside = (f"the {owner} of this image is {there.digest.hex()[:12]}" if there is not None
              else f"this image has no {owner}")
    return f"section {name} belongs to {owner} {wanted.hex()[:12]}; {beside}"


def together(image: Image, name: str) -> bool:
    """Were a section and its owner made in one step, so that what one says of the other is so?"""
    section, owner = image.sections[name], owner_of(name)
    return (owner in image.sections and section.info.get(kind_of(owner)) == image.sections[owner].digest
            and not section.info.get("compared", False))


def put_beside(section: Section, owner: Section) -> dict[str, Any]:
    """The ``info`` of a section that is put beside another owner, without a seal; its own when nothing changes."""
    kind = kind_of(owner.name)
    if section.info.get(kind) == owner.digest:
        return section.info
    return {**{key: value for key, value in section.info.items() if key != "seal"}, kind: owner.digest,
            "compared": True}


def beside(sections: Mapping[str, Section], owner: str) -> list[str]:
    """The names of the sections that belong to one."""
    return [name for name in sections if owner_of(name) == owner]


def section_name(tag: int, module: str) -> str:
    return f"native-{tag}-{module}"


def owner(name: str) -> tuple[str, int] | None:
    """The module that a section belongs to, and the tag of its native code (0: it is the module itself); None for other
    sections.
    """
    if name.startswith(MODULE):
        return name.removeprefix(MODULE), 0
    kind, _, rest = name.partition("-")
    tag, _, module = rest.partition("-")
    return (module, int(tag)) if kind == "native" and tag.isdigit() else None


def module_tags(image: Image, module: str) -> list[int]:
    """The tags that a module of an image has native code for."""
    if "tags" not in image.notes:
        names = [name for name in image.sections if name.startswith("native-")]
        image.notes["tags"] = {tag for _, tag in filter(None, map(owner, names)) if tag}
    return sorted(tag for tag in image.notes["tags"] if section_name(tag, module) in image.sections)
