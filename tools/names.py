"""What sections are called where people meet them: by the architecture's name, where a file has its number."""

from __future__ import annotations

import re

from csl_native.architectures import by_tag, with_refinements
from csl_native.image.container import Image

NUMBERED = re.compile(r"(functions|kernel|stencils|native)-(\d+)(?=-|$|\b)")
SAID = re.compile(r"(?<=section )(functions|kernel|stencils|native)-(\d+)")


def section(name: str) -> str:
    """The name of a section for people."""
    return NUMBERED.sub(_named, name, count=1) if NUMBERED.match(name) else name


def said(text: str) -> str:
    """A sentence about sections, with their names for people."""
    return SAID.sub(_named, text)


def _named(found: re.Match[str]) -> str:
    architecture = by_tag(int(found[2]))
    return (
        f"{found[1]}-{architecture.name}"
        if architecture is not None and architecture.tag == int(found[2])
        else found[0]
    )


def find(image: Image, text: str) -> str:
    """The section of an image that is called so, by either name; the text itself when there is none."""
    if text in image.sections:
        return text
    return next((name for name in image.sections if section(name) == text), text)


def tag(number: int) -> str:
    """An architecture's name, or its number when this build does not know it."""
    return next((a.name for a in with_refinements() if a.tag == number), f"tag {number}")
