"""What the site has besides docs/: pages that lie elsewhere in the repository.  A hook of mkdocs (mkdocs.yml)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
# Pages outside of docs/, and what they are in the site.
OUTSIDE = {"README.md": "index.md", "CONTRIBUTING.md": "CONTRIBUTING.md", "SECURITY.md": "SECURITY.md",
           "CHANGELOG.md": "CHANGELOG.md", "examples/algebra/README.md": "examples/algebra/README.md"}
LINK = re.compile(r"\]\(([^)#:\s]+)(#[^)\s]+)?\)")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that are not in docs/."""
    from mkdocs.structure.files import File
    for source, page in OUTSIDE.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(text: str, page: Any, config: Any, files: Any) -> str:
    """Links that lead from a page to another one in the repository do so in the site."""
    sources = {place: source for source, place in OUTSIDE.items()}
    at = ROOT / sources[page.file.src_uri] if page.file.src_uri in sources else ROOT / "docs" / page.file.src_uri
    depth = page.file.src_uri.count("/")

    def moved(match: re.Match[str]) -> str:
        target = (at.parent / match[1]).resolve()
        if not target.is_relative_to(ROOT):
            return match[0]
        name = target.relative_to(ROOT).as_posix()
        place = OUTSIDE.get(name) or (name.removeprefix("docs/") if name.startswith("docs/") else None)
        return f"]({'../' * depth}{place}{match[2] or ''})" if place else match[0]
    return LINK.sub(moved, text)
