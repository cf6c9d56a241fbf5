"""Where a long run stands, in a file, so that it can be gone on with."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path


class State:
    """``next``: what has not run yet begins here; ``ran``: how much has, in all runs that used the file; ``seen``:
    counts by name.
    """

    def __init__(self, path: Path | None, seed: int, first: int) -> None:
        self.path, self.seed, self.next, self.ran = path, seed, first, 0
        self.seen: Counter[str] = Counter()
        if path is not None and path.exists():
            kept = json.loads(path.read_text())
            self.seed, self.next, self.ran, self.seen = kept["seed"], kept["next"], kept["ran"], Counter(kept["seen"])

    def save(self) -> None:
        if self.path is not None:
            part = self.path.with_suffix(".part")
            part.write_text(json.dumps({"seed": self.seed, "next": self.next, "ran": self.ran, "seen": self.seen},
                                       indent=1) + "\n")
            os.replace(part, self.path)
