"""Find the stencils that fit a session's kernel: in its image, or in the base image."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from csl_native.image.container import Image, ImageError

from ..native.pages import PageSet
from ..saving.baseimage import base_image
from ..saving.trust import not_admitted
from .table import StencilTable, section_name, stencil_abi

if TYPE_CHECKING:
    from ..session.session import Session


def read_stencils(session: Session) -> StencilTable | str:
    """The stencils of this machine, or why there are none."""
    architecture = session.hardcode.architecture
    if architecture is None or session.kernel_address("compile_stencils") is None:
        return "no native kernel"
    name, why = section_name(architecture), f"no stencils for {architecture.name} in the image"
    for path in dict.fromkeys(filter(None, (base_image(), session.path))):
        if not os.path.exists(path):
            continue
        try:
            with Image(path) as image:
                if name not in image.sections:
                    continue
                if doubt := not_admitted(session.trust, image, name):
                    why = f"{path}: {doubt.detail}"
                    continue
                pages = PageSet.read(image, name)
            if pages.bad_pages:
                why = f"{path}: page {min(pages.bad_pages)} of the stencils is damaged"
            elif pages.abi != stencil_abi(session.hardcode.kernel):
                why = "the stencils are another version's"
            else:
                return StencilTable(pages, architecture, partial(session.machine.kernel.raw("compile_stencils"), None))
        except ImageError as error:
            why = str(error)
    return why
