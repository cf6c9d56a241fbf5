"""Which native code of an image is used at all: what belongs to what it is with, and somebody vouches for."""

from __future__ import annotations

from csl_native.image.container import Image

from ..saving.belonging import misfit
from ..saving.reasons import Fallback
from ..saving.trust import Trust, is_program


def not_admitted(trust: Trust, image: Image, name: str) -> Fallback | None:
    """Why a section of native code is not used; None when it may be.  What it holds still has to match its digests."""
    if is_program(image):
        return None
    if why := misfit(image, name):
        return Fallback("mismatch", detail=why)
    doubt = trust.doubt(image, name)
    return Fallback("untrusted", detail=f"section {name}: {doubt}") if doubt else None
