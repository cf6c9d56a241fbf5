"""Which tests claim a file: what they would have to notice when it is changed.
Of those that run a changed line the quick ones come first.
"""

from __future__ import annotations

_IMAGES = ("image", "trust", "mixtures", "writing", "faults", "killed", "outputs", "damage", "versions", "fallback",
           "image_tool", "reaching")
_CODE = ("jit", "reliance", "workers", "collecting", "tiers", "fronts")
_PAGES = ("damage", "mixtures", "hardcode", "fallback", "collecting", "assembler")

# The kernel's modules run under CPython here, so that nothing has to be built for a mutant.
CLAIMS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("image/container.py", "image/writing.py", "image/schema.py", "image/files.py", "image/digests.py",
                     "tools/signing.py",
                     "csl_native/saving/trust.py", "csl_native/saving/belonging.py", "csl_native/saving/checked.py",
                     "csl_native/session/restoring.py", "csl_native/saving/preserve.py"), _IMAGES),
    "csl_native/saving/verifying.py": ("stranger_heaps", "strangers", "types", "image", "damage"),
    "csl_native/instructions/proof.py": ("strangers", "types"),
    "csl_native/native/pages.py": _PAGES,
    "csl_native/native/heads.py": _PAGES, "csl_native/native/modulecode.py": ("modules", "typed_images"),
    "csl_native/modules/verifier.py": ("typed_modules", "typed_procedures", "typed_random", "typed_images"),
    **dict.fromkeys(("csl_native/native/jit.py", "csl_native/saving/guards.py", "csl_native/native/background.py",
                     "csl_native/native/workers.py",
                     "csl_native/native/collecting.py", "csl_native/native/codecache.py"), _CODE),
    "relocation/apply.py": ("relocation",), "relocation/kinds.py": ("relocation",),
    "csl_native/kernel/collector.py": ("collector",), "csl_native/kernel/compact.py": ("collector",),
}
# Translated before they run, so that nobody knows which lines do.
WHOLE = frozenset({"relocation/apply.py", "csl_native/kernel/collector.py", "csl_native/kernel/compact.py"})


def claiming(file: str) -> list[str]:
    return [f"tests/test_{name}.py" for name in CLAIMS[file]]
