"""Directories of images that are kept: what is known of one is what would be read, and a damaged one is still seen."""

from __future__ import annotations

from pathlib import Path

import pytest

from csl_native.image import directory
from csl_native.image.container import Image, ImageError, Section, update, write


def rows(image: Image) -> list[tuple[object, ...]]:
    return [(s.name, s.raw, s.info, s.offset, s.stored, s.length, s.digest, s.data) for s in image.sections.values()]


def test_what_is_kept_is_what_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.img"
    write(path, [Section("module-a", b"a" * 100, info={"date": 1}), Section("raw", b"r" * 5000, True)])
    for k in range(6):
        update(path, [Section(f"module-{k}", bytes([k]) * 50, info={"date": k, "functions": ["f", "g"]})],
               frozenset({"raw"}) if k == 3 else frozenset())
        with Image(path) as image:
            known = rows(image)
        directory._kept.clear()
        with Image(path) as image:
            assert rows(image) == known


def test_damage_of_a_directory_that_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.img"
    write(path, [Section("module-a", b"a" * 100)])
    with Image(path) as image:
        data = bytearray(path.read_bytes())
        at = data.rindex(b"module-a")
        assert image.sections
    data[at] ^= 1
    path.write_bytes(data)
    with pytest.raises(ImageError, match="does not match its digest"):
        Image(path)
